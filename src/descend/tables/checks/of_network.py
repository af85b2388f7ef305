"""Coded checks of a fitted network, each passed, failed or not run, with what to do about it.

Every function takes plain numbers that the report has at hand and returns one `Check`; a number
that is not there (None, or NaN) makes it "not run". An "issue" puts the figures or their use in
doubt, a "tip" asks for a look. Costs are mean losses on rows: lower is better. The list follows
what skore checks of an estimator. Calibration is in checks/calibrated.py, "too good to be true" in
checks/too_good.py, checks of the data in checks/leakage.py and checks/parts.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from descend.errors import DescendError
from descend.tables.checks.verdicts import Check, Kind
from descend.tables.judging.stability import LARGE, LEVEL, SMALL

OVERFIT = 0.10  # of the trivial cost: that much worse on new rows than on training rows
UNDERFIT = 0.01  # of the trivial cost: less than that gained on the training rows
RARE_CLASS = 0.05  # share of the rarest class, if there were two
SLOW = 10.0  # times the seconds of a baseline that is as good
GOLDEN = 0.8  # share of all importance in one column
SMALL_TEST, SMALL_CLASS = 100, 20  # rows
TWO_SIDED = 1.96  # of the normal distribution, 95 %
TAIL = 0.025

_OVERFIT = Kind("D001", "overfitting")
_UNDERFIT = Kind("D002", "underfitting")
_TRIVIAL = Kind("D003", "better than predicting the mean")
_BOOSTING = Kind("D004", "weaker than gradient boosting")
_SLOWER = Kind("D005", "slower than a baseline that is as good", "tip")
_IMBALANCE = Kind("D006", "imbalanced classes", "tip")
_GOLDEN = Kind("D007", "golden feature", "tip")
_DRIFT = Kind("D009", "stability of the columns")
_SMALL = Kind("D010", "size of the test", "tip")
_SEEDS = Kind("D011", "dispersion over seeds")
_ENDED = Kind("D012", "training ended by itself", "tip")
_COVERAGE = Kind("D013", "coverage of the intervals")
_SEALED = Kind("D014", "test opened once")


def overfit(
    train: float | None, held_out: float | None, trivial: float | None, error: float = 0.0
) -> Check:
    """Whether rows it was not trained on cost much more than the training rows.

    gap = (held out - train) / trivial; failed above 0.10, if it is also more than 1.96 of its
    standard errors.

    Args:
        train: cost on the training part.
        held_out: cost on the validation or test part.
        trivial: cost of predicting the training mean (or shares) on the same held-out rows.
        error: standard error of held out - train.
    """
    if train is None or held_out is None or not trivial or _nan(train, held_out, trivial):
        return _OVERFIT.skip("the costs of both parts and of predicting the mean are needed")
    gap, noise = (held_out - train) / abs(trivial), TWO_SIDED * error / abs(trivial)
    known = f", known to within {noise:.0%}" if error else ""
    return _OVERFIT.judge(
        gap > max(OVERFIT, noise),
        f"the cost is {train:.4g} on the training rows and {held_out:.4g} on others; the gap is "
        f"{gap:.0%} of the cost of predicting the mean{known}",
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


def beats_trivial(test: float | None, trivial: float | None, error: float = 0.0) -> Check:
    """Whether the network predicts better than the mean (or the shares of the classes) does.

    An issue where it is no better on the test rows; a tip where it is better by no more than 1.96
    standard errors of the difference.

    Args:
        test: cost on the test part; trivial: of predicting the training mean there.
        error: standard error of the difference.
    """
    if test is None or trivial is None or _nan(test, trivial):
        return _TRIVIAL.skip("the test cost and that of predicting the mean are needed")
    worse = not test < trivial
    return _TRIVIAL.judge(
        worse or trivial - test <= TWO_SIDED * error,
        f"on the test the network costs {test:.4g}, predicting the mean {trivial:.4g}"
        + (f" (standard error of the difference {error:.2g})" if error else ""),
        "Do not use the network: it knows no more than the mean does."
        if worse
        else "The difference may be chance: more test rows would tell.",
        level="issue" if worse else "tip",
        test=test,
        trivial=trivial,
        error=error,
    )


def weaker_than_boosting(
    difference: float | None, interval: tuple[float, float] | None, name: str = "gradient boosting"
) -> Check:
    """Whether gradient boosting on the same split is better, beyond chance.

    Failed if the interval of the difference lies above zero; an issue then, and only then.

    Args:
        difference: test cost of the network minus that of boosting.
        interval: its bootstrap interval, (low, high).
        name: name of the boosting used.
    """
    if difference is None or interval is None or _nan(difference, *interval):
        return _BOOSTING.skip(f"there is no {name} on the same split, or no interval")
    low, high = interval
    verdict = "better" if high < 0 else "worse" if low > 0 else "not told apart"
    return _BOOSTING.judge(
        low > 0,
        f"cost of the network minus that of {name}: {difference:.4g}, interval {low:.4g} to "
        f"{high:.4g}: the network is {verdict}",
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
        seconds, baseline_seconds: time of fitting.
        interval: interval of the test cost of the network minus that of the baseline.
        name: name of the baseline.
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


def golden_feature(
    importance: Mapping[str, float] | None, low: Mapping[str, float | None] | None = None
) -> Check:
    """Whether nearly all of the prediction rests on one column.

    Args:
        importance: {column: loss of skill when it is permuted}; what is below zero counts as zero.
        low: {column: lower end of its interval}: of a network that has learned nothing one column
            would often hold most of what is noise.
    """
    useful = {n: max(v, 0.0) for n, v in (importance or {}).items() if not _nan(v)}
    total = sum(useful.values())
    if len(useful) < 2 or not total > 0:
        return _GOLDEN.skip("importance of at least two columns is needed, one of them above zero")
    name, most = max(useful.items(), key=lambda item: item[1])
    share, least = most / total, (low or {}).get(name)
    known = least is None or least > 0
    return _GOLDEN.judge(
        share > GOLDEN and known,
        f"{name!r} holds {share:.0%} of all importance"
        + ("" if known else ", which may be no more than chance"),
        f"Make sure that {name!r} is known when a prediction is made, and is no other form of "
        "the target.",
        share=share,
    )


def drift(
    shifts: Mapping[str, tuple[float, float]] | None,
    drawn: Literal["at random", "by time", "own test"] = "at random",
) -> Check:
    """Whether columns (or the score) are distributed otherwise in the test than in training.

    Failed from an index of 0.10 on, if at most one in a hundred deals of the rows (or groups) to
    the parts shows as much in any column; an issue from 0.25 on. The bands are the usual ones.

    Args:
        shifts: {column: (population stability index, how often chance makes as much)}.
        drawn: how the parts came about.
    """
    known = {name: v for name, v in (shifts or {}).items() if math.isfinite(v[0])}
    if not known:
        return _DRIFT.skip("no stability index was computed")
    moved = {n: v[0] for n, v in known.items() if v[0] >= SMALL and v[1] <= LEVEL}
    ranked = sorted(moved, key=lambda n: -moved[n])
    most = max(known, key=lambda n: known[n][0])
    named = ", ".join(f"{name!r} ({moved[name]:.2f})" for name in ranked[:3])
    more = f" and {len(ranked) - 3} more" if len(ranked) > 3 else ""
    quiet = f"the largest stability index is {known[most][0]:.2f}, {most!r}"
    if known[most][0] >= SMALL:
        quiet += f": chance alone makes as much in {known[most][1]:.0%} of such splits"
    advice = {
        "at random": "The parts were drawn at random, so look whether rows that belong together "
        "(of a person, a firm, a day) should have been drawn together: --group.",
        "by time": "The columns moved over time: train on newer rows.",
        "own test": "The test table holds other rows than the training table: the figures hold for "
        "rows like those of the test.",
    }[drawn]
    return _DRIFT.judge(
        bool(moved),
        f"stability index of at least {SMALL:g}, beyond chance: {named}{more}" if moved else quiet,
        advice,
        level="issue" if moved and moved[ranked[0]] >= LARGE else "tip",
        worst=known[most][0],
        columns=len(moved),
    )


def small_test(rows: int | None, smallest_class: int | None = None) -> Check:
    """Whether the test part is too small for its figures to be sharp.

    Failed below 100 rows, or 20 rows of some class. The half-width of the 95 % interval of a share
    is at most 1.96 * 0.5 / sqrt(rows).

    Args:
        rows: number of rows of the test part.
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
        costs: costs of the same network from several seeds on the same rows.
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


def ended(epochs: int | None, most: int | None, best: int | None, scheduled: bool = False) -> Check:
    """Whether training ended because nothing improved, not because the epochs ran out.

    Args:
        epochs: number that was run; most: number that was allowed.
        best: the one with the lowest validation cost, counted from 1.
        scheduled: whether the rates fall to zero at the last epoch: the best epoch is then near it
            by plan, and says nothing of what more epochs would bring.
    """
    if epochs is None or most is None or best is None:
        return _ENDED.skip("the epochs are not known")
    if scheduled and epochs >= most:
        return _ENDED.skip(
            f"all {most} epochs were run, the best was epoch {best}; the rates fall to zero at the "
            "last one by plan, so that the end tells nothing"
        )
    return _ENDED.judge(
        epochs >= most and best > 0.9 * most,
        f"{epochs} of {most} epochs were run; the best was epoch {best}",
        "The validation cost was still falling: allow more epochs.",
        epochs=epochs,
        best=best,
    )


def coverage(
    hits: int | None, rows: int | None, stated: float | None, calibrated_on: int | None = None
) -> Check:
    """Whether intervals (or sets) hold the truth as often as they say.

    Of n rows that intervals were calibrated on and m new ones, the number of hits has a
    beta-binomial law, whatever the network and the data: with k = ceil((n + 1) stated),
    hits ~ BetaBinomial(m, k, n + 1 - k). Failed if so few hits, or fewer, have a probability below
    0.025. Vovk (2012), Conditional validity of inductive conformal predictors.

    Args:
        hits: test rows whose interval holds the truth; rows: of the test part.
        stated: coverage, such as 0.9.
        calibrated_on: rows that the intervals were calibrated on; None: very many.
    """
    if hits is None or not rows or stated is None:
        return _COVERAGE.skip("no intervals were made")
    from scipy.stats import betabinom, binom

    k = math.ceil(((calibrated_on or 0) + 1) * stated)
    if not calibrated_on:
        chance = float(binom.cdf(hits, rows, stated))
    elif k > calibrated_on:  # endless intervals
        chance = 1.0
    else:
        chance = float(betabinom.cdf(hits, rows, k, calibrated_on + 1 - k))
    share = hits / rows
    return _COVERAGE.judge(
        chance < TAIL,
        f"{share:.1%} of {rows:,} test rows lie in their interval, {stated:.0%} are stated; so few "
        f"or fewer have a probability of {chance:.3f}",
        "The test rows differ from those the intervals were fitted on (see the stability of the "
        "columns), or the network fits the rows that chose its best epoch too well.",
        share=share,
        stated=stated,
        chance=chance,
    )


def opened_once(openings: int | None) -> Check:
    """Whether the test was looked at only once.

    Args:
        openings: number of openings of the seal, this one included.
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
