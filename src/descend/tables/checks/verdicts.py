"""What a check says: passed, failed or not run, in words and in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from descend.tables.checks.error_rates import how_often

if TYPE_CHECKING:
    import pandas as pd

Level = Literal["issue", "tip"]
Status = Literal["passed", "failed", "not run"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        code: such as "D001": D of the fitted network, L of leakage.
        name: what is checked, in a few words.
        level: "issue" or "tip".
        status: "passed", "failed" or "not run".
        words: what was found, or why it was not run.
        advice: what to do; empty unless failed.
        figures: the numbers behind it; None where there is none.
    """

    code: str
    name: str
    level: Level
    status: Status
    words: str
    advice: str = ""
    figures: dict[str, float | None] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether it ran and found something."""
        return self.status == "failed"

    def to_json(self) -> dict[str, Any]:
        """The check as plain JSON, with how often it errs."""
        return {**asdict(self), "error_rates": how_often(self.code)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Check:
        """Read what `to_json` gave."""
        own = {f.name: saved[f.name] for f in fields(cls)}
        return cls(**{**own, "figures": dict(saved["figures"])})


@dataclass(frozen=True)
class Kind:
    """What a check is called, before it has run; `judge` and `skip` make a `Check` of it."""

    code: str
    name: str
    level: Level = "issue"

    def judge(
        self,
        failed: bool,
        words: str,
        advice: str,
        level: Level | None = None,
        **figures: float | int | None,
    ) -> Check:
        """The check as it came out; the advice is kept only where it failed."""
        status: Status = "failed" if failed else "passed"
        numbers = {name: _plain(value) for name, value in figures.items()}
        return Check(
            self.code,
            self.name,
            level or self.level,
            status,
            words,
            advice if failed else "",
            numbers,
        )

    def skip(self, why: str) -> Check:
        """Say that the check was not run, and why."""
        return Check(self.code, self.name, self.level, "not run", why)


def to_frame(checks: Iterable[Check]) -> pd.DataFrame:
    """One row a check: code, name, level, status, words, advice; failed issues first."""
    import pandas as pd

    order = {"failed": 0, "not run": 1, "passed": 2}
    ranked = sorted(checks, key=lambda c: (order[c.status], c.level != "issue", c.code))
    columns = ["code", "name", "level", "status", "words", "advice"]
    return pd.DataFrame([[getattr(c, name) for name in columns] for c in ranked], columns=columns)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in quotes, the rest counted."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _plain(value: float | int | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
