"""The document on the fit: identity, data, design, learning."""

from __future__ import annotations

from typing import Any, TypedDict, final

from descend.report.table.document.shared import ByPart, CheckResult, Number


class Opening(TypedDict):
    """One opening of the test."""

    when: str
    digest: str
    rows: int
    source: str
    figures: dict[str, Number]
    versions: dict[str, str]


class Identity(TypedDict):
    """What was fitted, when, from what, and each opening of its test."""

    purpose: str
    supports: str
    target: str
    task: str
    task_reason: str
    target_note: str
    classes: list[str]
    fitted: str
    fitted_with: dict[str, str]
    reported_with: dict[str, str]
    seed: int
    source: str
    data_sha256: str
    test_sha256: str
    openings: list[Opening]
    warning: str | None
    command: str | None


class Reproduce(TypedDict):
    """How to do it again."""

    command: str | None
    python: str
    fitted_with: dict[str, str]
    reported_with: dict[str, str]


BaseRate = TypedDict("BaseRate", {"class": str, "rows": ByPart[int], "share": ByPart[float]})


class Distribution(TypedDict):
    """A target in one part."""

    target: str
    part: str
    rows: int
    mean: Number
    sd: Number
    min: Number
    first_quartile: Number
    median: Number
    third_quartile: Number
    max: Number
    zero: Number  # share of rows where it is 0


class TargetMove(TypedDict):
    """The target's mean, or a class's share, in the test beside that in training."""

    of: str
    train: Number
    test: Number
    difference: Number
    error: Number


class Contents(TypedDict, total=False):
    """What a column holds: mean and sd of a number, the ends of dates, else the commonest level."""

    mean: Number
    sd: Number
    first: str
    last: str
    level: str
    share: Number


class Input(TypedDict):
    """One column that the network sees."""

    column: str
    label: str
    kind: str
    levels: int | None
    holds: ByPart[Contents]
    missing: ByPart[float]
    unreadable: int
    unseen: int


class Data(TypedDict):
    """Source, split, target, columns, checks."""

    source: str
    note: str
    rows: int
    columns: int
    without_target: int
    split: str
    parts: ByPart[int]
    formula: str | None
    left_out: int
    roles: dict[str, str]
    target: list[BaseRate] | list[Distribution]
    moved: list[TargetMove]
    inputs: list[Input]
    dropped: dict[str, str]
    checks: list[CheckResult]
    checked_against: str


class Layers(TypedDict):
    """Layers and regularisation as they ran; lists where layers differ."""

    hidden: list[int]
    activation: Any
    members: int
    outputs: int
    output_activation: Any
    dropout: float | list[float]
    l2: float | list[float]


class NetworkInputs(TypedDict):
    """What columns become; `words` and pairs of words of texts that have a vector."""

    numbers: int
    embedded: dict[str, Any]
    words: int


class Trials(TypedDict):
    """The networks of a search, a row each."""

    columns: list[str]
    rows: list[list[Any]]


class Design(Layers):
    """Architecture, loss and rule as they ran, and what else was tried."""

    recipe: str
    inputs: NetworkInputs
    cost_unit: str
    asked: dict[str, int | None]
    parameters: int
    summary: str
    options: dict[str, Any]
    compiled: dict[str, Any]
    trials: Trials | None


@final
class Learning(TypedDict):
    """Cost an epoch, training and validation."""

    epochs: int
    best_epoch: int
    stopped: str | None
    unit: str
    curves: dict[str, list[Number]]
