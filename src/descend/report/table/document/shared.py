"""What several sections of the document hold."""

from __future__ import annotations

from typing import Literal, TypedDict, TypeVar, final

T = TypeVar("T")
Number = float | None
ByPart = dict[str, T]  # the keys are PARTS
PARTS = ("train", "validation", "test")


@final
class LeftOut(TypedDict):
    """A section, or a part of one, that cannot be shown."""

    left_out: str  # why


class Interval(TypedDict):
    """A figure with its bootstrap interval."""

    name: str
    estimate: Number
    low: Number
    high: Number
    error: Number
    level: float
    method: str
    rows: int
    clusters: int | None
    resamples: int
    undefined: int  # resamples on which the figure does not exist


class CheckResult(TypedDict):
    """A coded check of the data or of the network."""

    code: str
    name: str
    level: Literal["issue", "tip"]
    status: Literal["passed", "failed", "not run"]
    words: str
    advice: str
    figures: dict[str, Number]
    error_rates: str
