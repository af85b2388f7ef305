"""Two fitted networks side by side: data, options, test figures and how they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from descend.data.table import Table
from descend.errors import DataError
from descend.report.table.evidence import ReportOptions
from descend.report.table.measures import measures
from descend.report.table.words import cell, digits, interval, percent, short_hash
from descend.tables.judging.bootstrap import Comparison, compare
from descend.tables.predictor import TablePredictor
from descend.tables.recipe import FittedTable, open_test
from descend.tables.reopen import reopen
from descend.tables.seal import Seal, read_seal, record_opening

HEAD = ("what", "A", "B", "A less B")


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        path: the file's path.
        described: the file's description of the fit.
        seal: the seal of its test.
        parameters: the number of the network's weights.
    """

    path: Path
    described: Mapping[str, Any]
    seal: Seal
    parameters: int

    @classmethod
    def read(cls, path: str | Path) -> Side:
        """Read a file of `descend fit`; raises CheckpointError."""
        predictor = TablePredictor.load(path)
        count = int(sum(predictor.model.parameter_counts().values()))
        return cls(Path(path), predictor.described, read_seal(path), count)

    @property
    def figures(self) -> Mapping[str, float | None] | None:
        """The figures of the last opening of the test; None while it is sealed."""
        own = [o for o in self.seal.openings if o.digest == self.seal.digest]
        return own[-1].figures if own else None


@dataclass(frozen=True)
class SideBySide:
    """Two networks beside each other.

    Attributes:
        rows: (what, of the first, of the second, difference) in words.
        warnings: reasons why they are hard to compare; and second openings.
        comparisons: {figure: Comparison}; empty without data, or with other test rows.
    """

    rows: tuple[tuple[str, str, str, str], ...]
    warnings: tuple[str, ...]
    comparisons: dict[str, Comparison]


def side_by_side(
    first: str | Path,
    second: str | Path,
    table: Table | None = None,
    test: Table | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> SideBySide:
    """Compare two model files; with their data, on the same draws of the same test rows.

    Giving the data opens both tests: that is written into both files before a figure is returned.

    Args:
        first, second: files of `descend fit`.
        table: the table that both were fitted on; without it, only figures of earlier openings are
            shown.
        test: the table both were tested on, where it was one of its own.
        resamples, level, seed: the bootstrap's number of draws, level of intervals, and seed.

    Raises:
        CheckpointError: a file that is damaged, or not of a table.
        DataError: another table; targets that differ; test rows that differ.
    """
    a, b = Side.read(first), Side.read(second)
    warnings = _cautions(a, b)
    rows = _facts(a, b)
    same = a.seal.digest == b.seal.digest
    comparisons: dict[str, Comparison] = {}
    if table is not None:
        _require_comparable(a, b)
        opened = [open_test(reopen(side.path, table, test)) for side in (a, b)]
        comparisons = _comparisons(opened[0], opened[1], resamples, level, seed)
        source = table.source if test is None else test.source
        for side, one in zip((a, b), opened, strict=True):
            assert one.scores is not None
            warning = record_opening(side.path, one.scores.figures, source=source).warning
            warnings += [f"{side.path}: {warning}"] * bool(warning)
        rows += _figures(comparisons, opened)
    else:
        rows += _recorded(a, b, same)
    return SideBySide(tuple(rows), tuple(warnings), comparisons)


def _require_comparable(a: Side, b: Side) -> None:
    one, other = (s.described["target"] for s in (a, b))
    for what in ("names", "task", "classes"):
        if one[what] != other[what]:
            raise DataError(
                f"the networks predict different things: the {what} of {a.path} are {one[what]!r}, "
                f"those of {b.path} {other[what]!r}; compare them without --data"
            )
    if one["task"] == "quantile" and one["head"]["levels"] != other["head"]["levels"]:
        raise DataError("the networks predict different quantiles; compare them without --data")
    if a.seal.digest != b.seal.digest:
        raise DataError(
            f"{a.path} and {b.path} were put to test on different rows ({a.seal.rows:,} and "
            f"{b.seal.rows:,}), so no difference can be taken row by row; fit both with the same "
            "seed and shares, or compare them without --data"
        )


def _cautions(a: Side, b: Side) -> list[str]:
    warnings = []
    if a.seal.digest != b.seal.digest:
        warnings.append(
            "the test rows of the two differ: part of a difference in figures is due to the rows"
        )
    if a.described["target"]["names"] != b.described["target"]["names"]:
        warnings.append("the two predict different targets")
    return warnings


def _facts(a: Side, b: Side) -> list[tuple[str, str, str, str]]:
    """What is always shown, and the options that differ."""
    of: dict[str, Callable[[Side], Any]] = {
        "file": lambda s: s.path,
        "target": lambda s: ", ".join(s.described["target"]["names"]),
        "task": lambda s: s.described["target"]["task"],
        "data": lambda s: s.described["data"]["source"],
        "data sha256": lambda s: short_hash(s.described["data"]["sha256"]),
        "fitted": lambda s: s.described["when"],
        "descend": lambda s: s.described["versions"]["descend"],
        "training rows": lambda s: digits(s.described["rows"]["train"]),
        "test rows": lambda s: digits(s.seal.rows),
        "test sha256": lambda s: short_hash(s.seal.digest),
        "openings before": lambda s: len(s.seal.openings),
        "parameters": lambda s: digits(s.parameters),
        "best epoch": lambda s: s.described["best_epoch"],
    }
    pairs = [(what, find(a), find(b)) for what, find in of.items()]
    one, other = (s.described["options"] for s in (a, b))
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            pairs.append((f"option {name}", _option(one.get(name)), _option(other.get(name))))
    return [(what, str(x), str(y), "") for what, x, y in pairs]


def _option(value: Any) -> str:
    return "the recipe's" if value is None else str(value)


def _comparisons(
    a: FittedTable, b: FittedTable, resamples: int, level: float, seed: int
) -> dict[str, Comparison]:
    """The paired bootstrap of each figure, of several targets of each of them."""
    prepared, split = a.prepared, a.prepared.split.test
    target, y = prepared.target, prepared.y[split]
    by_name = measures(target.task, getattr(target.head, "levels", ()), len(target.classes))
    if "AUC" in by_name and len(set(y.tolist())) < 2:
        del by_name["AUC"]
    how: dict[str, Any] = {
        "weights": prepared.weights(split),
        "clusters": None if prepared.groups is None else prepared.groups.iloc[split].to_numpy(),
        "level": level,
        "resamples": ReportOptions(resamples=resamples).draws(len(y)),
        "seed": seed,
    }
    several = y.ndim == 2
    comparisons = {}
    for i, label in enumerate(target.names):
        parts = [v[:, i] if several else v for v in (y, _predicted(a), _predicted(b))]
        for name, one in by_name.items():
            comparisons[f"{name} of {label}" if several else name] = compare(one, *parts, **how)
    return comparisons


def _predicted(fitted: FittedTable) -> np.ndarray:
    """Predictions for the test rows."""
    return fitted.predictor.values(fitted.prepared.inputs.iloc[fitted.prepared.split.test])


def _figures(
    comparisons: Mapping[str, Comparison], opened: list[FittedTable]
) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, pair in comparisons.items():
        one, other, difference = (i.to_json() for i in (pair.first, pair.second, pair.difference))
        better = {"first": "A is better", "second": "B is better", None: "not told apart"}
        words = f"{interval(difference)}, {better[pair.winner]}"
        rows.append((f"{name} ({pair.better} is better)", interval(one), interval(other), words))
        wins = percent(pair.first_better)
        rows.append((f"{name}: draws in which A is better", wins, "", ""))
    scores = opened[0].scores
    assert scores is not None
    for name, value in scores.baseline.items():
        rows.append((f"{scores.baseline_name}: {name}", digits(value), digits(value), ""))
    return rows


def _recorded(a: Side, b: Side, same: bool) -> list[tuple[str, str, str, str]]:
    """Figures of earlier openings, whose difference has no interval without the data."""
    one, other = a.figures, b.figures
    rows = []
    for name in dict.fromkeys([*(one or {}), *(other or {})]):
        values = [None if f is None else f.get(name) for f in (one, other)]
        comparable = None not in values and same
        difference = digits(values[0] - values[1]) if comparable else ""  # type: ignore[operator]
        cells = [
            "sealed" if f is None else cell(v) for f, v in zip((one, other), values, strict=True)
        ]
        rows.append((name, cells[0], cells[1], difference))
    return rows or [("test figures", "sealed", "sealed", "")]
