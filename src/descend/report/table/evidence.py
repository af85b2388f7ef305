"""What the report on a table stands on: the parts, their predictions, the baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from descend.data.table import Table, unknown_column
from descend.errors import DescendError
from descend.report.table.document.shared import PARTS
from descend.report.table.measures import measures, several_targets
from descend.tables.baselines.side_by_side import Baseline, fit_baselines
from descend.tables.choosing.refits import Refits, refit
from descend.tables.columns import dates, numbers
from descend.tables.heads import Head, Quantiles, Values
from descend.tables.judging.costs import Costs
from descend.tables.judging.measures import Measure
from descend.tables.judging.plain import share
from descend.tables.prepare import Prepared
from descend.tables.recipe import FittedTable
from descend.tables.scores import MAIN, simplest

BASELINE_TASKS = {"count": "counts", "share": "shares", "quantile": "quantiles"}
MOST_EXPLAINED = 5  # classes or targets; of more classes only the most frequent one
MOST_GROUPS = 12  # distinct numbers of a group column; more are cut into quarters


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The options of a report.

    Args:
        purpose: the network's purpose, in words.
        limitations: limitations that the author knows, besides those that the report finds.
        group: a column of the table, whether an input or not; figures are shown for each group.
        threshold: the probability from which on a row is called the second of two classes; None is
            one half, or that of least cost.
        costs: the costs of mistakes; the threshold is then chosen on the validation rows.
        known_later: columns that are not known when a prediction is made.
        baselines: names of `descend.tables.baselines.side_by_side.BASELINES`; None for all.
        resamples: draws of the bootstrap; fewer where the test part has more than 50,000 rows.
        level: the level of its intervals.
        most_rows: the most test rows that importance, effects and partial dependence stand on.
        refits: networks trained anew on rows drawn anew, for errors of estimation; 0 for none.
        seed: the seed of everything that is drawn for the report.

    Raises:
        DescendError: a number out of range; a threshold and costs.
    """

    purpose: str = ""
    limitations: tuple[str, ...] = ()
    group: str | None = None
    threshold: float | None = None
    costs: Costs | None = None
    known_later: tuple[str, ...] = ()
    baselines: tuple[str, ...] | None = None
    resamples: int = 1000
    level: float = 0.95
    most_rows: int = 2000
    refits: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        share("level", self.level)
        if self.threshold is not None:
            share("threshold", self.threshold)
            if self.costs is not None:
                raise DescendError("give a threshold, or costs to choose it by; not both")
        if self.resamples < 2 or self.most_rows < 10:
            raise DescendError(
                "resamples must be at least 2 and most_rows at least 10, got "
                f"{self.resamples} and {self.most_rows}"
            )
        if self.refits < 0 or self.refits == 1:
            raise DescendError(
                f"refits must be 0, or at least 2 so that they can differ; got {self.refits}"
            )

    def draws(self, rows: int) -> int:
        """Return how many resamples are drawn of so many rows."""
        return min(self.resamples, max(200, 50_000 * self.resamples // rows))


@dataclass(frozen=True)
class View:
    """One target with its predictions; of a task with one target it is the whole.

    Attributes:
        label: the target's name.
        y: {part: (n,)}; predicted: {part: as `Head.predict`}.
        baselines: the baselines, fitted on the same parts.
    """

    label: str
    y: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]
    baselines: tuple[Baseline, ...]


@dataclass(frozen=True)
class Explained:
    """A number a row that explanations are about.

    Attributes:
        label: the number in words.
        place: its place on the last axis of the predictions; None where there is one number.
    """

    label: str
    place: int | None

    def take(self, values: np.ndarray) -> np.ndarray:
        """Take the number out of predictions (n, ...)."""
        return values if self.place is None else values[..., self.place]


@dataclass(frozen=True)
class Evidence:
    """The parts, what the network says of them, and the baselines.

    Attributes:
        fitted, options: the network with its table, and the report's options.
        rows: {part: row numbers}.
        predicted: {part: as `Head.predict`}.
        members: each member's predictions for the test rows, (n, members, ...).
        views: one a target.
        clusters: labels of test rows that the bootstrap draws together; None where it draws rows.
        groups: (n,) labels of the test rows, or None.
        refits: networks trained anew; None if none were asked for.
        used: {raw column that the network uses: its kind}.
    """

    fitted: FittedTable
    options: ReportOptions
    rows: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]
    members: np.ndarray
    views: tuple[View, ...]
    clusters: np.ndarray | None
    groups: pd.Series | None
    refits: Refits | None
    used: dict[str, str]

    @property
    def prepared(self) -> Prepared:
        """The table as it was prepared."""
        return self.fitted.prepared

    @property
    def task(self) -> str:
        """See `descend.tables.heads`."""
        return self.prepared.target.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; () of numbers."""
        return self.prepared.target.classes

    @property
    def head(self) -> Head:
        """The network's head."""
        return self.prepared.target.head

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of quantiles; () of other tasks."""
        return self.head.levels if isinstance(self.head, Quantiles) else ()

    @property
    def binary(self) -> bool:
        """Whether there are two classes; the second is the event."""
        return len(self.classes) == 2

    @property
    def own_test(self) -> bool:
        """Whether the test rows come from a table of their own."""
        return self.prepared.split.own_test

    def y(self, part: str) -> np.ndarray:
        """Return class numbers or values, (n,) or (n, targets)."""
        return self.prepared.y[self.rows[part]]

    def inputs(self, part: str) -> pd.DataFrame:
        """Return the columns that the network uses, as they came; rows numbered from 0."""
        inputs = self.prepared.inputs.iloc[self.rows[part]]
        return inputs[list(self.used)].reset_index(drop=True)

    def columns(self, part: str) -> pd.DataFrame:
        """Return what is encoded: the same columns, or the terms of a formula."""
        names = [c.name for c in self.prepared.encoder.columns]
        return self.prepared.columns.iloc[self.rows[part]][names]

    def weight(self, part: str) -> np.ndarray | None:
        """Return the rows' weights (n,), or None."""
        return self.prepared.weights(self.rows[part])

    def some(self) -> np.ndarray:
        """Return the places in the test part of the rows that explanations stand on."""
        n, most = len(self.rows["test"]), self.options.most_rows
        if n <= most:
            return np.arange(n)
        return np.sort(np.random.default_rng(self.options.seed).choice(n, most, replace=False))

    @property
    def measures(self) -> dict[str, Measure]:
        """{figure: measure} of a view, the main one first; without what the test cannot have."""
        by_name = measures(self.task, self.levels, len(self.classes))
        if "AUC" in by_name and len(np.unique(self.y("test"))) < 2:
            del by_name["AUC"]
        return by_name

    @property
    def main(self) -> tuple[str, Measure]:
        """(name, measure) that the task is judged by as a whole; lower is better."""
        if len(self.views) > 1:
            assert isinstance(self.head, Values)
            return "squared error in sd", several_targets(self.head.sd)
        return MAIN[self.task], self.measures[MAIN[self.task]]

    def cost(self, part: str) -> tuple[float, float]:
        """Return the main figure of the network and of the simplest prediction, on a part."""
        _, measure = self.main
        y, weight = self.y(part), self.weight(part)
        simple, _ = simplest(
            self.task, self.y("train"), len(y), self.classes, self.levels, self.weight("train")
        )
        return measure(y, self.predicted[part], weight), measure(y, simple, weight)

    @property
    def explained(self) -> list[Explained]:
        """What effects and curves are shown of."""
        target = self.prepared.target
        if self.binary:
            return [Explained(f"probability of {self.classes[1]}", 1)]
        if self.classes:
            counts = np.bincount(self.y("train"), self.weight("train"), minlength=len(self.classes))
            few = len(self.classes) <= MOST_EXPLAINED
            places = range(len(self.classes)) if few else [int(counts.argmax())]
            return [Explained(f"probability of {self.classes[i]}", i) for i in places]
        if self.levels:
            middle = int(np.argmin(np.abs(np.asarray(self.levels) - 0.5)))
            return [Explained(f"quantile {self.levels[middle]:g} of {target.name}", middle)]
        if len(self.views) > 1:
            return [Explained(n, i) for i, n in enumerate(target.names[:MOST_EXPLAINED])]
        return [Explained(target.name, None)]


def refuse(prepared: Prepared, options: ReportOptions, test: Table | None = None) -> None:
    """Raise what is wrong with options, before a test is opened for a report.

    Raises:
        DescendError: a threshold or costs where there are not two classes.
        DataError: a group column that is not there.
    """
    target = prepared.target
    decides = options.threshold is not None or options.costs is not None
    if decides and len(target.classes) != 2:
        raise DescendError(
            f"a threshold or costs need a target of two classes; {target.name!r} is "
            + (f"one of {len(target.classes)}" if target.classes else f"a {target.task}")
        )
    if options.group is not None:
        _groups(prepared, options.group, test)


def gather(
    fitted: FittedTable,
    options: ReportOptions,
    test: Table | None = None,
    tell: Callable[[str], None] = lambda words: None,
) -> Evidence:
    """Predict all parts and fit the baselines.

    Args:
        fitted: a network whose test is open.
        options: the report's.
        test: the test table of the user's own, for a group column that is no input.
        tell: a function that is called with a word on what comes next.

    Raises:
        DescendError: the test is sealed; a threshold where there are not two classes.
        DataError: a group column that is not there.
    """
    prepared = fitted.prepared
    if fitted.scores is None:
        raise DescendError(
            "the test of this network is sealed, and a report shows it: open it first "
            "(open_test(fitted), or `descend report` with its file)"
        )
    refuse(prepared, options, test)
    split = prepared.split
    rows = {"train": split.train, "validation": split.validation, "test": split.test}
    groups = None if options.group is None else _groups(prepared, options.group, test)
    tell("predicting")
    predicted = {part: fitted.predictor.values(prepared.inputs.iloc[r]) for part, r in rows.items()}
    clusters = None
    if prepared.groups is not None:
        labels = prepared.groups.iloc[split.test].to_numpy()
        clusters = labels if pd.Series(labels).nunique(dropna=False) > 1 else None
    refits = None
    if options.refits:
        tempered = fitted.predictor.calibrated is not None
        refits = refit(prepared, options.refits, tempered=tempered, seed=options.seed, show=tell)
    tell("fitting baselines")
    return Evidence(
        fitted=fitted,
        options=options,
        rows=rows,
        predicted=predicted,
        members=fitted.predictor.members(prepared.inputs.iloc[split.test]),
        views=_views(prepared, rows, predicted, options),
        clusters=clusters,
        groups=groups,
        refits=refits,
        used=prepared.used,
    )


def as_kinds(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Columns by their kinds: numbers and dates that came as text as what they are."""
    columns = frame.copy()
    for name, column in frame.items():
        kind = kinds[str(name)]
        if kind == "number":
            columns[name] = numbers(column)[0]
        elif kind == "date":
            columns[name] = dates(column)[0]
    return columns


def _views(
    prepared: Prepared,
    rows: dict[str, np.ndarray],
    predicted: dict[str, np.ndarray],
    options: ReportOptions,
) -> tuple[View, ...]:
    target = prepared.target
    used = prepared.columns[[c.name for c in prepared.encoder.columns]]
    frames = {part: used.iloc[r] for part, r in rows.items()}
    weights = {p: prepared.weights(rows[p]) for p in PARTS}
    views = []
    for i, name in enumerate(target.names):
        several = prepared.y.ndim == 2
        y = {p: prepared.y[r, i] if several else prepared.y[r] for p, r in rows.items()}
        own = {p: v[:, i] if several else v for p, v in predicted.items()}
        levels: Sequence[float] = getattr(target.head, "levels", ())
        baselines = fit_baselines(
            frames["train"],
            frames["validation"],
            frames["test"],
            y["train"],
            y["validation"],
            task=BASELINE_TASKS.get(target.task, target.task),
            classes=len(target.classes),
            quantiles=levels,
            weights=weights["train"],
            weights_validation=weights["validation"],
            texts=prepared.texts,
            names=options.baselines,
            seed=options.seed,
        )
        views.append(View(name, y, own, baselines))
    return tuple(views)


def _groups(prepared: Prepared, name: str, test: Table | None) -> pd.Series:
    """The labels of the test rows, of any column of the table; many numbers cut into quarters."""
    rows, inputs = prepared.split.test, prepared.inputs
    if name in inputs.columns:
        whole = inputs[name]
        labels = whole.iloc[rows]
    else:
        table = test if test is not None else prepared.table
        frame = table.frame.set_axis([str(c) for c in table.frame.columns], axis="columns")
        if name not in frame.columns:
            raise unknown_column(name, frame.columns, table.source)
        index = inputs.index[rows]
        if not frame.index.is_unique or not index.isin(frame.index).all():
            raise DescendError(
                f"the rows of the group column {name!r} cannot be found again: the table's index "
                "is not unique (reset_index), or the test is a table of its own that was not given"
            )
        whole = frame[name]
        labels = whole.loc[index]
    numeric = pd.api.types.is_numeric_dtype(labels) and not pd.api.types.is_bool_dtype(labels)
    if not numeric or labels.nunique() <= MOST_GROUPS:
        return labels.reset_index(drop=True)
    quarters = pd.qcut(labels, 4, duplicates="drop")
    return quarters.astype("string").reset_index(drop=True)
