"""Coded checks of a fitted network, each passed, failed or not run, with what to do about it.

Every function takes plain numbers that the report has at hand and returns one `Check`; a number
that is not there (None, or NaN) makes it "not run". An "issue" puts the figures or their use in
doubt, a "tip" asks for a look. Costs are mean losses on rows: lower is better. The list follows
what skore checks of an estimator. Checks of the data are in tables/leakage.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from descend.errors import DescendError
from descend.tables.checks.verdicts import Check, Kind

OVERFIT = 0.10  # of the trivial cost: that much worse on new rows than on training rows
UNDERFIT = 0.01  # of the trivial cost: less than that gained on the training rows
RARE_CLASS = 0.05  # share of the rarest class, if there were two
SLOW = 10.0  # times the seconds of a baseline that is as good
GOLDEN = 0.8  # share of all importance in one column
MISCALIBRATED = 0.05  # expected calibration error
PSI_WATCH, PSI_ACT = 0.10, 0.25  # the usual bands of the population stability index
SMALL_TEST, SMALL_CLASS = 100, 20  # rows
TWO_SIDED = 1.96  # of the normal distribution, 95 %

_OVERFIT = Kind("D001", "overfitting")
_UNDERFIT = Kind("D002", "underfitting")
_TRIVIAL = Kind("D003", "better than predicting the mean")
_BOOSTING = Kind("D004", "weaker than gradient boosting")
_SLOWER = Kind("D005", "slower than a baseline that is as good", "tip")
_IMBALANCE = Kind("D006", "imbalanced classes", "tip")
_GOLDEN = Kind("D007", "golden feature", "tip")
_CALIBRATION = Kind("D008", "calibration")
_DRIFT = Kind("D009", "stability of the columns")
_SMALL = Kind("D010", "size of the test", "tip")
_SEEDS = Kind("D011", "dispersion over seeds")
_ENDED = Kind("D012", "training ended by itself", "tip")
_COVERAGE = Kind("D013", "coverage of the intervals")
_SEALED = Kind("D014", "test opened once")


def overfit(train: float | None, held_out: float | None, trivial: float | None) -> Check:
    """Whether rows it was not trained on cost much more than the training rows.

    gap = (held out - train) / trivial; failed above 0.10.

    Args:
        train: cost on the training part.
        held_out: cost on the validation or test part.
        trivial: cost of predicting the training mean (or shares) on the same held-out rows.
    """
    if train is None or held_out is None or not trivial or _nan(train, held_out, trivial):
        return _OVERFIT.skip("the costs of both parts and of predicting the mean are needed")
    gap = (held_out - train) / abs(trivial)
    return _OVERFIT.judge(
        gap > OVERFIT,
        f"the cost is {train:.4g} on the training rows and {held_out:.4g} on others; the gap is "
        f"{gap:.0%} of the cost of predicting the mean",
        "Use a smaller network, more dropout or weight decay, fewer epochs, or more rows.",
        gap=gap,
        train=train,
        held_out=held_out,
    )


def underfit(train: float | None, trivial: float | None) -> Check:
    """Whether the network has not even learned its training rows.

    gain = 1 - train / trivial; failed below 0.01.

    Args:
        train: cost on the training part.
        trivial: cost of predicting the mean (or shares) of the training part, on that part.
    """
    if train is None or not trivial or _nan(train, trivial):
        return _UNDERFIT.skip("the training cost and that of predicting the mean are needed")
    gain = (trivial - train) / abs(trivial)
    return _UNDERFIT.judge(
        gain < UNDERFIT,
        f"on its training rows the network costs {train:.4g}, predicting the mean {trivial:.4g}",
        "Train longer, with a higher learning rate or a larger network; or the columns say "
        "nothing about the target.",
        gain=gain,
    )


def beats_trivial(test: float | None, trivial: float | None) -> Check:
    """Whether the network predicts better than the mean (or the shares of the classes) does.

    Args:
        test: cost on the test part; trivial: of predicting the training mean there.
    """
    if test is None or trivial is None or _nan(test, trivial):
        return _TRIVIAL.skip("the test cost and that of predicting the mean are needed")
    return _TRIVIAL.judge(
        test >= trivial,
        f"on the test the network costs {test:.4g}, predicting the mean {trivial:.4g}",
        "Do not use the network: it knows no more than the mean does.",
        test=test,
        trivial=trivial,
    )


def weaker_than_boosting(
    difference: float | None, interval: tuple[float, float] | None, name: str = "gradient boosting"
) -> Check:
    """Whether gradient boosting on the same split is better, beyond chance.

    Failed if the interval of the difference lies above zero; an issue then, and only then.

    Args:
        difference: test cost of the network minus that of boosting.
        interval: its bootstrap interval, (low, high).
        name: of the boosting used.
    """
    if difference is None or interval is None or _nan(difference, *interval):
        return _BOOSTING.skip(f"there is no {name} on the same split, or no interval")
    low, high = interval
    found = "better" if high < 0 else "worse" if low > 0 else "not told apart"
    return _BOOSTING.judge(
        low > 0,
        f"cost of the network minus that of {name}: {difference:.4g}, interval {low:.4g} to "
        f"{high:.4g}: the network is {found}",
        f"Use {name}, or search over architectures; the table shows both.",
        difference=difference,
        low=low,
        high=high,
    )


def slower_than_baseline(
    seconds: float | None,
    baseline_seconds: float | None,
    interval: tuple[float, float] | None,
    name: str = "the baseline",
) -> Check:
    """Whether ten times the time of a baseline buys nothing.

    Args:
        seconds, baseline_seconds: of fitting.
        interval: of the test cost of the network minus that of the baseline.
        name: of the baseline.
    """
    if seconds is None or not baseline_seconds or interval is None or _nan(*interval):
        return _SLOWER.skip("times of both and an interval of their difference are needed")
    times, no_better = seconds / baseline_seconds, interval[1] >= 0
    return _SLOWER.judge(
        times > SLOW and no_better,
        f"the network took {seconds:.2g} s, {name} {baseline_seconds:.2g} s ({times:.2g} times), "
        f"and is {'not shown to be better' if no_better else 'better'}",
        f"Where time counts, {name} does as well.",
        times=times,
    )


def imbalance(counts: Mapping[str, int] | None) -> Check:
    """Whether a class is so rare that accuracy says little.

    Failed if the rarest class holds less than 0.05 * 2 / k of the rows, of k classes.

    Args:
        counts: {class: training rows}.
    """
    if not counts or len(counts) < 2:
        return _IMBALANCE.skip("the target is not a class")
    name, rows = min(counts.items(), key=lambda item: (item[1], item[0]))
    share = rows / sum(counts.values())
    return _IMBALANCE.judge(
        share < RARE_CLASS * 2 / len(counts),
        f"the rarest class {name!r} holds {rows:,} training rows, {share:.2%}",
        "Judge by log-loss, AUC or precision and recall, not by accuracy; choose the threshold by "
        "stated costs.",
        share=share,
    )


def golden_feature(importance: Mapping[str, float] | None) -> Check:
    """Whether nearly all of the prediction rests on one column.

    Args:
        importance: {column: loss of skill when it is permuted}; what is below zero counts as zero.
    """
    useful = {n: max(v, 0.0) for n, v in (importance or {}).items() if not _nan(v)}
    total = sum(useful.values())
    if len(useful) < 2 or not total > 0:
        return _GOLDEN.skip("importance of at least two columns is needed, one of them above zero")
    name, most = max(useful.items(), key=lambda item: item[1])
    share = most / total
    return _GOLDEN.judge(
        share > GOLDEN,
        f"{name!r} holds {share:.0%} of all importance",
        f"Make sure that {name!r} is known when a prediction is made, and is no other form of "
        "the target.",
        share=share,
    )


def calibration(error: float | None, rows: int | None, bins: int = 10) -> Check:
    """Whether predicted probabilities are the shares that come true.

    Of perfectly calibrated probabilities the expected calibration error is not zero: its mean is at
    most sqrt(2 / pi) / 2 * sqrt(bins / rows) (a normal count in each of equal bins, at p = 1/2).
    Failed if the error is above 0.05 and above twice that.

    Args:
        error: expected calibration error on the test part.
        rows: of the test part; bins: that the error was taken over.
    """
    if error is None or not rows or _nan(error):
        return _CALIBRATION.skip("the task has no probabilities")
    chance = 0.5 * math.sqrt(2 / math.pi * bins / rows)
    return _CALIBRATION.judge(
        error > max(MISCALIBRATED, 2 * chance),
        f"the expected calibration error is {error:.3f}; of perfect probabilities it would be up "
        f"to {chance:.3f} on {rows:,} rows",
        "Scale the probabilities by a temperature found on the validation part.",
        error=error,
        chance=chance,
    )


def drift(psi: Mapping[str, float] | None) -> Check:
    """Whether columns (or the score) are distributed otherwise in the test than in training.

    A tip from 0.10 on, an issue from 0.25 on: the usual bands.

    Args:
        psi: {column: population stability index between training and test part}.
    """
    known = {name: v for name, v in (psi or {}).items() if math.isfinite(v)}
    if not known:
        return _DRIFT.skip("no stability index was computed")
    moved = sorted((n for n in known if known[n] >= PSI_WATCH), key=lambda n: -known[n])
    worst = max(known.values())
    listed = ", ".join(f"{name!r} ({known[name]:.2f})" for name in moved[:5])
    more = f" and {len(moved) - 5} more" if len(moved) > 5 else ""
    return _DRIFT.judge(
        bool(moved),
        f"stability index of at least {PSI_WATCH:g}: {listed}{more}"
        if moved
        else f"the largest stability index is {worst:.2f}",
        "Look whether the parts come from different times or places; train on newer rows.",
        level="issue" if worst >= PSI_ACT else "tip",
        worst=worst,
        columns=len(moved),
    )


def small_test(rows: int | None, smallest_class: int | None = None) -> Check:
    """Whether the test part is too small for its figures to be sharp.

    Failed below 100 rows, or 20 rows of some class. The half-width of the 95 % interval of a share
    is at most 1.96 * 0.5 / sqrt(rows).

    Args:
        rows: of the test part.
        smallest_class: its rows of the rarest class; None if the target is no class.
    """
    if rows is None:
        return _SMALL.skip("there is no test part")
    half = TWO_SIDED * 0.5 / math.sqrt(max(rows, 1))
    few = smallest_class is not None and smallest_class < SMALL_CLASS
    also = "" if smallest_class is None else f", {smallest_class:,} of the rarest class"
    return _SMALL.judge(
        rows < SMALL_TEST or few,
        f"the test has {rows:,} rows{also}; a share measured on it is known to within {half:.1%}",
        "Quote figures with their intervals; use cross-validation where rows are few.",
        rows=rows,
        smallest_class=smallest_class,
        half_width=half,
    )


def seed_dispersion(costs: Sequence[float] | None, trivial: float | None) -> Check:
    """Whether another seed would have told another story.

    Failed if the standard deviation over seeds is above half of the mean gain over predicting the
    mean: then more than one seed in fifty would be no better than the mean (normal, two sd).

    Args:
        costs: of the same network from several seeds on the same rows.
        trivial: cost of predicting the mean there.
    """
    if costs is None or len(costs) < 2 or trivial is None or _nan(trivial, *costs):
        return _SEEDS.skip("costs of at least two seeds are needed, as fit --ablate gives them")
    mean = math.fsum(costs) / len(costs)
    sd = math.sqrt(math.fsum((c - mean) ** 2 for c in costs) / (len(costs) - 1))
    gain = trivial - mean
    return _SEEDS.judge(
        sd > gain / 2,
        f"over {len(costs)} seeds the cost is {mean:.4g}, sd {sd:.2g}; the gain over predicting "
        f"the mean is {gain:.4g}",
        "Average several networks, and quote the spread with the figure.",
        mean=mean,
        sd=sd,
        gain=gain,
    )


def ended(epochs: int | None, most: int | None, best: int | None) -> Check:
    """Whether training ended because nothing improved, not because the epochs ran out.

    Args:
        epochs: that were run; most: that were allowed.
        best: the one with the lowest validation cost, counted from 1.
    """
    if epochs is None or most is None or best is None:
        return _ENDED.skip("the epochs are not known")
    return _ENDED.judge(
        epochs >= most and best > 0.9 * most,
        f"{epochs} of {most} epochs were run; the best was epoch {best}",
        "The validation cost was still falling: allow more epochs.",
        epochs=epochs,
        best=best,
    )


def coverage(hits: int | None, rows: int | None, stated: float | None) -> Check:
    """Whether intervals (or sets) hold the truth as often as they say.

    Failed if the share is below what is stated by more than 1.96 standard errors.

    Args:
        hits: test rows whose interval holds the truth; rows: of the test part.
        stated: coverage, such as 0.9.
    """
    if hits is None or not rows or stated is None:
        return _COVERAGE.skip("no intervals were made")
    share, error = hits / rows, math.sqrt(stated * (1 - stated) / rows)
    return _COVERAGE.judge(
        share < stated - TWO_SIDED * error,
        f"{share:.1%} of {rows:,} test rows lie in their interval, {stated:.0%} are stated",
        "The test rows differ from those the intervals were fitted on: see the stability of the "
        "columns.",
        share=share,
        stated=stated,
    )


def opened_once(openings: int | None) -> Check:
    """Whether the test was looked at only once.

    Args:
        openings: of the seal, this one included.
    """
    if openings is None:
        return _SEALED.skip("the model file has no seal")
    if openings < 1:
        raise DescendError(f"the openings include this one: expected at least 1, got {openings}")
    return _SEALED.judge(
        openings > 1,
        "this is the first opening" if openings == 1 else f"the test was opened {openings} times",
        "Judge by rows that nobody has looked at: a test that is used to choose is no test.",
        openings=openings,
    )


def _nan(*numbers: float) -> bool:
    return any(math.isnan(number) for number in numbers)
