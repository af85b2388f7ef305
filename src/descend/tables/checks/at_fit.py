"""The checks that `descend fit` makes in a second or two, and those of them that matter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from descend.tables.checks import of_network
from descend.tables.checks.blocks import errors_of_costs
from descend.tables.checks.calibrated import calibration
from descend.tables.checks.of_data import check_prepared
from descend.tables.checks.too_good import explain, too_good
from descend.tables.checks.verdicts import Check
from descend.tables.judging.calibration import top_class
from descend.tables.network import outputs
from descend.tables.scores import MAIN, figures_of, simplest

if TYPE_CHECKING:
    from descend.tables.recipe import FittedTable

MOST_SHOWN = 3
# tips that only ask for a look are left to the report
MATTER = ("D001", "D003", "D008", "L001", "L002", "L003", "L004", "L006", "L007", "L009")


def checks_at_fit(fitted: FittedTable) -> tuple[Check, ...]:
    """The checks that need no long computation; those of the test only where it was opened."""
    prepared = fitted.prepared
    checks = check_prepared(prepared, quick=True, seed=prepared.options.seed)
    return checks if fitted.scores is None else (*checks, *_of_test(fitted))


def that_matter(checks: Sequence[Check]) -> tuple[list[Check], int]:
    """(the failed ones to be shown, issues first; how many more failed)."""
    failed = [c for c in checks if c.failed]
    worst = [c for c in failed if c.level == "issue" or c.code in MATTER]
    worst.sort(key=lambda c: (c.level != "issue", c.code != "D015", c.code))
    return worst[:MOST_SHOWN], len(failed) - len(worst[:MOST_SHOWN])


def _of_test(fitted: FittedTable) -> tuple[Check, ...]:
    prepared, target = fitted.prepared, fitted.prepared.target
    head, scores = target.head, fitted.scores
    assert scores is not None
    rows = {"train": prepared.split.train, "test": prepared.split.test}
    predictions = {
        part: fitted.predictor.values_of(outputs(fitted.model, prepared.x.rows(r)))
        for part, r in rows.items()
    }
    y = {part: prepared.y[r] for part, r in rows.items()}
    levels = getattr(head, "levels", ())
    simple, _ = simplest(target.task, y["train"], len(y["test"]), target.classes, levels)
    main, weight = MAIN[target.task], prepared.weight

    def cost(part: str, some: np.ndarray, predicted: np.ndarray | None = None) -> float:
        weights = None if weight is None else weight[rows[part]][some]
        values = predictions[part] if predicted is None else predicted
        return figures_of(target.task, y[part][some], values[some], levels, weights)[main]

    groups = {
        part: None if prepared.groups is None else prepared.groups.iloc[r].to_numpy()
        for part, r in rows.items()
    }
    gap, gain = errors_of_costs(
        cost, partial(cost, "test", predicted=simple), {p: len(r) for p, r in rows.items()}, groups
    )
    test, trivial = scores.figures[main], scores.baseline[main]
    happened, chance, rates, events = None, None, None, None
    if len(target.classes) == 2:
        happened, chance = y["test"] == 1, predictions["test"][:, 1]
        rates = {"training": float((y["train"] == 1).mean())}
        events = int(min(happened.sum(), (~happened).sum()))
    elif target.classes:
        happened, chance = top_class(y["test"], predictions["test"])
    return (
        of_network.overfit(cost("train", np.arange(len(y["train"]))), test, trivial, gap),
        of_network.beats_trivial(test, trivial, gain),
        calibration(happened, chance, rates=rates, groups=groups["test"]),
        too_good(
            test,
            trivial,
            auc=scores.figures.get("AUC"),
            events=events,
            rows=len(y["test"]),
            explain=lambda: explain(prepared),
        ),
    )
