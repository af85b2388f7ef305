"""The document on the network: explanation, stability, groups."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, final

from descend.report.table.document.shared import Number


class ColumnImportance(TypedDict):
    """How much worse the main figure gets when a column is shuffled."""

    name: str
    importance: float
    low: Number
    high: Number
    error: Number
    spread: Number


class Effect(TypedDict):
    """The average effect of a column, or of one level against the base."""

    name: str
    column: str
    kind: Literal["unit", "slope", "level up", "level"]
    level: str | None
    base: str | None
    estimate: Number
    other: Number
    spread: Number
    spread_low: Number
    spread_high: Number
    error: Number
    low: Number
    high: Number
    rows: int
    curved: bool


@final
class Effects(TypedDict):
    """Average marginal effects on one number."""

    effects: list[Effect]
    target: str
    confidence: float
    rows: int
    members: int
    clusters: int | None
    resamples: int
    refits: int
    left_out: dict[str, str]
    statistics: dict[str, Any]
    of: str
    drawn: str


@final
class NoEffects(TypedDict):
    """Why there are none."""

    of: str
    left_out: str


class Dependence(TypedDict):
    """A curve of partial dependence."""

    of: str
    kind: str
    column: str
    values: list[Any]
    share: list[Number]
    mean: list[Number]
    spread: list[Number]
    low: list[Number]
    high: list[Number]
    ends: list[int]


class AblatedColumn(TypedDict):
    """Networks without one column."""

    column: str
    figure: Number
    change: Number
    low: Number
    high: Number
    changes: list[Number]
    missed: bool


class Ablation(TypedDict):
    """Networks trained again without each column."""

    figure: str
    full: list[Number]
    columns: list[AblatedColumn]
    level: float
    seeds: list[int]
    not_tried: int


class MovingWord(TypedDict):
    """A word, the rows that hold it, and the change of the prediction by it, on average."""

    word: str
    rows: int
    change: Number


class TextExample(TypedDict):
    """A text of the test rows with its prediction and the words that moved it most."""

    text: str
    prediction: Number
    words: list[MovingWord]


class WordChanges(TypedDict):
    """Predictions against those without each word, of one column of text and one number."""

    of: str
    column: str
    rows: int
    words: list[MovingWord]
    examples: list[TextExample]


class Explanation(TypedDict):
    """Permutation importance, average marginal effects, partial dependence, words."""

    rows: int
    measure: str
    value: Number
    repeats: int
    not_permuted: int
    importance: list[ColumnImportance]
    effects: list[Effects | NoEffects]
    dependence: list[Dependence]
    words: list[WordChanges]
    ablation: Ablation | None


class Shift(TypedDict):
    """The stability index of a column or of a prediction."""

    name: str
    index: float
    noise: float  # its 95 % quantile by chance
    chance: float  # how often chance makes as much
    parts: list[str]
    reference: list[Number]
    current: list[Number]
    rows: list[float]
    band: str


class Stability(TypedDict):
    """The test rows against the training rows."""

    columns: list[Shift]
    scores: list[Shift]


class Rate(TypedDict):
    """A share with its interval."""

    share: Number
    low: Number
    high: Number
    rows: int


class Group(TypedDict):
    """All rows (group null), or those of one group."""

    group: str | None
    rows: int
    figures: dict[str, Rate | Number]


class TargetGroups(TypedDict):
    """The groups' figures of one target."""

    target: str
    parts: list[Group]


@final
class Groups(TypedDict):
    """Figures of each group of the test rows."""

    column: str | None
    threshold: Number
    targets: list[TargetGroups]
