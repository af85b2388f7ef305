"""The document on the test: baselines, errors, calibration, uncertainty."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

from descend.report.table.document.shared import Interval, Number


class BaselineFigure(TypedDict):
    """One figure of a baseline, and the network's less it."""

    value: Interval
    difference: Interval
    network_better: Number  # share of the resamples
    same: bool
    winner: Literal["network", "baseline"] | None


class Baseline(TypedDict):
    """One baseline; of one that failed there are no figures."""

    name: str
    words: str
    seconds: float
    note: str
    failed: bool
    figures: dict[str, BaselineFigure]


class TargetFigures(TypedDict):
    """The figures of one target."""

    target: str
    network: dict[str, Interval]
    others: list[Baseline]


class Baselines(TypedDict):
    """Each figure of network and baselines with its interval, and that of the difference."""

    level: float
    resamples: int
    drawn: str
    weighted: bool
    main: str
    better: dict[str, str]
    targets: list[TargetFigures]


class Decisions(TypedDict):
    """What deciding at a threshold comes to."""

    threshold: float
    rows: int
    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    accuracy: Number
    sensitivity: Number
    specificity: Number
    precision: Number
    negative_precision: Number
    f1: Number
    balanced_accuracy: Number
    matthews: Number
    cost: Number


class ThresholdChoice(TypedDict):
    """A threshold that costs chose, and mean costs a row."""

    costs: dict[str, float]
    calibrated: float
    chosen: float
    at_calibrated: float
    at_chosen: float
    never: float
    always: float


class Ranking(TypedDict):
    """How well a probability parts two classes."""

    rows: int
    positives: int
    rate: float
    auc: float
    gini: float
    ks: float
    ks_at: float
    average_precision: float


class Curve(TypedDict):
    """Points (x, y, threshold)."""

    x: str
    y: str
    points: list[list[Number]]


class Gains(TypedDict):
    """Rows by their probability, in parts of equal size, the highest first."""

    rows: list[float]
    positives: list[float]
    least: list[Number]
    rate: list[Number]
    lift: list[Number]
    found: list[Number]
    gap: list[Number]


class EventErrors(TypedDict):
    """Of two classes; where the test holds one alone, `left_out` stands for the rankings."""

    kind: Literal["event"]
    weighted: bool
    event: str
    other: str
    threshold: float
    threshold_how: str
    threshold_choice: ThresholdChoice | None
    decisions: Decisions
    ranking: NotRequired[Ranking]
    roc: NotRequired[Curve]
    precision_recall: NotRequired[Curve]
    gains: NotRequired[Gains]
    left_out: NotRequired[str]


ClassErrors = TypedDict(
    "ClassErrors",
    {
        "class": str,
        "rows": float,
        "predicted": float,
        "recall": Number,
        "precision": Number,
        "auc": Number,
    },
)


class ClassesErrors(TypedDict):
    """Of more classes."""

    kind: Literal["classes"]
    weighted: bool
    classes: list[str]
    confusion: list[list[float]]
    each: list[ClassErrors]


class QuantileErrors(TypedDict):
    """Of one level."""

    level: float
    pinball: float


class QuantilesErrors(TypedDict):
    """Of quantiles."""

    kind: Literal["quantiles"]
    rows: int
    each: list[QuantileErrors]


class ValueErrors(TypedDict):
    """Of one target: true less predicted."""

    target: str
    rows: int
    mean: Number
    sd: Number
    quantiles: dict[str, Number]
    correlation: Number


class ValuesErrors(TypedDict):
    """Of numbers."""

    kind: Literal["values"]
    targets: list[ValueErrors]


Discrimination = EventErrors | ClassesErrors | QuantilesErrors | ValuesErrors


class Reliability(TypedDict):
    """The reliability curve, a number a bin."""

    how: str
    lower: list[float]
    upper: list[float]
    count: list[int]
    weight: list[float]
    predicted: list[float]
    observed: list[float]
    low: list[float]
    high: list[float]
    expected_error: float
    largest_error: float


class CalibrationLine(TypedDict):
    """Intercept and slope in log-odds."""

    intercept: Number
    intercept_error: Number
    slope: Number
    slope_error: Number
    predicted: float
    observed: float
    rows: int


class Brier(TypedDict):
    """The Brier score and its parts."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    skill: Number


class Temperature(TypedDict):
    """The temperature of the probabilities."""

    temperature: float
    rows: int
    before: float
    after: float


class ProbabilityCalibration(TypedDict):
    """Of classes."""

    kind: Literal["probabilities"]
    event: str
    reliability: Reliability
    line: CalibrationLine
    brier: Brier
    temperature: Temperature | None
    without_temperature: Number
    log_loss: Number


class QuantileShare(TypedDict):
    """The share of test rows at or below a quantile."""

    level: float
    share: Number
    low: Number
    high: Number


class QuantileCalibration(TypedDict):
    """Of quantiles."""

    kind: Literal["quantiles"]
    each: list[QuantileShare]


class MeanBin(TypedDict):
    """A tenth of the rows, by their prediction."""

    rows: int
    predicted: float
    observed: float
    error: Number


class TargetMeans(TypedDict):
    """Of one target."""

    target: str
    bins: list[MeanBin]


class MeanCalibration(TypedDict):
    """Of numbers."""

    kind: Literal["means"]
    targets: list[TargetMeans]


Calibration = ProbabilityCalibration | QuantileCalibration | MeanCalibration


class Refits(TypedDict):
    """The main figure of networks trained anew on rows drawn anew."""

    count: int
    figure: str
    values: list[float]
    mean: float
    sd: float
    least: float
    most: float


class CoveredRows(TypedDict):
    """Coverage of all rows (group null), of a group or of a class."""

    group: str | None
    rows: int
    share: Number
    low: Number
    high: Number
    size: Number
    empty: Number
    single: Number


class TargetIntervals(TypedDict):
    """The intervals of one target."""

    target: str
    method: str
    stated: float
    margin: Number  # null is infinite
    parts: list[CoveredRows]


ClassMargin = TypedDict(
    "ClassMargin", {"class": str, "rows": int, "promised": float, "in_every_set": bool}
)


class ClassCoverage(TypedDict):
    """Coverage by true class; `class_sets` are those made class by class."""

    sets: list[CoveredRows]
    class_sets: NotRequired[list[CoveredRows]]
    margins: NotRequired[list[ClassMargin]]
    needed: NotRequired[int]


class MemberSpread(TypedDict):
    """What every kind of uncertainty says."""

    calibrated_on: int
    members: int
    spread: Number
    refits: Refits | None


@final
class NoIntervals(MemberSpread):
    """Too few validation rows."""

    left_out: str


@final
class Intervals(MemberSpread):
    """Of numbers."""

    kind: Literal["intervals"]
    targets: list[TargetIntervals]


@final
class Sets(MemberSpread):
    """Of classes."""

    kind: Literal["sets"]
    method: str
    stated: float
    parts: list[CoveredRows]
    by_class: ClassCoverage


Uncertainty = NoIntervals | Intervals | Sets
