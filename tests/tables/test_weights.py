"""A row of weight 3 is three rows, in every figure; and scikit-learn's, where it takes weights."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from descend.errors import DataError
from descend.tables.baselines.side_by_side import fit_baselines
from descend.tables.calibrated import calibrate
from descend.tables.heads import Classes, Values
from descend.tables.judging.by_group import classes_by_group, event_by_group, values_by_group
from descend.tables.judging.calibration import brier, fit_temperature, reliability
from descend.tables.judging.conformal import (
    calibrate_intervals,
    calibrate_sets,
    conformal_quantile,
)
from descend.tables.judging.costs import Costs, choose_threshold, decide
from descend.tables.judging.coverage import interval_coverage, set_coverage
from descend.tables.judging.discrimination import (
    discrimination,
    gains,
    precision_recall_points,
    roc_points,
)
from descend.tables.judging.effects import average_marginal_effects
from descend.tables.judging.importance import partial_dependence, permutation_importance
from descend.tables.judging.measures import MEASURES, pinball
from descend.tables.judging.weighted import effective_rows, quantile
from descend.tables.scores import score

RNG = np.random.default_rng(0)
N = 60
W = np.resize([1, 2, 3], N)  # 120 in all: tenths of whole rows
TIMES = np.repeat(np.arange(N), W)
P3 = RNG.dirichlet(np.ones(3), N)
Y3 = np.array([RNG.choice(3, p=p) for p in P3])
P = RNG.beta(1, 2, N).round(2)
Y = (RNG.random(N) < P).astype(int)
V = RNG.normal(size=N).round(1)
M = V + RNG.normal(size=N)
COUNT, MEAN = RNG.poisson(2, N), RNG.gamma(2, 1, N)
GROUPS = RNG.choice(["north", "south"], N)
FRAME = pd.DataFrame({"x": V, "k": COUNT, "town": GROUPS})
# how many rows there were, and how sure a figure is: there a row of weight 3 is one row
SURE = {"rows", "positives", "count", "weight", "low", "high", "spread", "error", "effective"}
SURE |= {"resamples", "clusters", "undefined", "spread_low", "spread_high"}
SURE |= {"intercept_error", "slope_error"}


def leaves(found, path=""):
    """{path: value} of all numbers but those of SURE."""
    if isinstance(found, dict):
        return {
            k: v
            for n, one in found.items()
            if n not in SURE
            for k, v in leaves(one, f"{path}/{n}").items()
        }
    if isinstance(found, (list, tuple)):
        return {k: v for i, one in enumerate(found) for k, v in leaves(one, f"{path}/{i}").items()}
    return {path: found}


def same(weighted, repeated, rel=1e-9):
    ours, theirs = leaves(weighted), leaves(repeated)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        if isinstance(value, float):
            assert value == pytest.approx(theirs[path], rel=rel, abs=rel / 1000), path
        else:
            assert value == theirs[path], path


def of(function, *arrays, **how):
    """The figures weighted, and those of rows repeated, as JSON."""
    weighted = function(*arrays, **how, weights=W)
    repeated = function(*(a[TIMES] for a in arrays), **how)
    return weighted.to_json(), repeated.to_json()


EVENT = lambda f: (f["x"].to_numpy() + 0.5 * (f["town"] == "north")) ** 2 + f["k"]
CASES = {
    "reliability": lambda: of(reliability, Y, P, bins=5),
    "reliability, equal widths": lambda: of(reliability, Y, P, bins=5, how="uniform"),
    "brier": lambda: of(brier, Y, P, bins=5),
    "temperature": lambda: of(fit_temperature, Y3, P3),
    "decide": lambda: of(
        lambda y, p, weights=None: decide(y, p, 0.4, Costs(1, 3), weights=weights), Y, P
    ),
    "threshold": lambda: of(lambda y, p, **w: choose_threshold(y, p, Costs(1, 3), **w), Y, P),
    "discrimination": lambda: of(discrimination, Y, P),
    "roc": lambda: of(roc_points, Y, P),
    "precision and recall": lambda: of(precision_recall_points, Y, P),
    "gains": lambda: of(gains, Y, P),
    "event by group": lambda: of(event_by_group, Y, P, GROUPS),
    "classes by group": lambda: of(classes_by_group, Y3, P3, GROUPS),
    "values by group": lambda: of(values_by_group, V, M, GROUPS),
    "coverage": lambda: of(interval_coverage, V, M - 1, M + 1, groups=None),
    "coverage of sets": lambda: of(set_coverage, Y3, P3 > 0.3),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_are_repeated_rows(name):
    same(*CASES[name]())


@pytest.mark.parametrize(
    ("name", "y", "predicted"),
    [
        *((n, Y, P) for n in ("accuracy", "log_loss", "brier", "auc")),
        *((n, Y3, P3) for n in ("accuracy", "log_loss", "brier")),
        *((n, V, M) for n in ("mse", "mae", "rmse", "r2")),
        ("poisson_deviance", COUNT, MEAN),
        ("pinball", V, M),
    ],
)
def test_weights_of_a_measure_are_repeated_rows(name, y, predicted):
    one = pinball(0.2) if name == "pinball" else MEASURES[name]
    assert one(y, predicted, W) == pytest.approx(one(y[TIMES], predicted[TIMES]), rel=1e-12)


@pytest.mark.parametrize(
    ("task", "y", "predicted", "more"),
    [
        ("classification", Y, np.stack([1 - P, P], axis=1), {"classes": ("no", "yes")}),
        ("classification", Y3, P3, {"classes": ("a", "b", "c")}),
        ("regression", V, M, {}),
        ("count", COUNT.astype(float), MEAN, {}),
        ("share", P, np.clip(MEAN / 20, 0, 1), {}),
        ("quantile", V, np.stack([M - 1, M + 1], axis=1), {"levels": (0.1, 0.9)}),
    ],
)
def test_weights_of_the_scores_are_repeated_rows(task, y, predicted, more):
    """Also of the simplest prediction, whose rows have other weights."""
    weighted = score(
        task, y, predicted, y[::-1], **more, weight=W * 1.0, weight_train=W[::-1] * 1.0
    )
    repeated = score(task, y[TIMES], predicted[TIMES], y[TIMES][::-1], **more)
    same(weighted.to_json(), repeated.to_json())


def test_weights_of_effects_and_curves_are_repeated_rows():
    for weights, rows in ((W, np.arange(N)), (None, TIMES)):
        frame = FRAME.iloc[rows].reset_index(drop=True)
        effects = average_marginal_effects(EVENT, frame, weights=weights, resamples=10)
        curves = [
            partial_dependence(EVENT, frame, c, weights=weights, points=7, curves=0) for c in FRAME
        ]
        worth = permutation_importance(
            EVENT,
            frame,
            np.resize(V**2, N)[rows],
            "mse",
            weights=weights,
            repeats=400,
            resamples=10,
        )
        if weights is not None:
            first = effects, curves, worth
    same(first[0].to_json(), effects.to_json())
    for ours, theirs in zip(first[1], curves, strict=True):
        same(ours.to_json(), theirs.to_json())
    assert first[2].value == pytest.approx(worth.value)
    ours, theirs = (i.to_frame().set_index("name")["importance"] for i in (first[2], worth))
    # what is shuffled is drawn: over 400 shuffles the mean of 120 draws is known to some percent
    np.testing.assert_allclose(ours[theirs.index], theirs, rtol=0.1, atol=0.1)


def test_weights_of_the_baselines_are_repeated_rows():
    x = pd.DataFrame({"x": V, "z": M})
    for task, y, more in (
        ("classification", Y, {}),
        ("regression", COUNT * 1.0, {}),
        ("counts", COUNT * 1.0, {}),
        ("shares", P, {}),
        ("quantiles", COUNT + M, {"quantiles": (0.25, 0.75)}),
    ):
        w = W * 1.0
        how = {"task": task, "names": ("mean", "linear"), **more}
        weighted = fit_baselines(x, x, x, y, y, weights=w, weights_validation=w, **how)
        many = x.iloc[TIMES]
        repeated = fit_baselines(many, many, x, y[TIMES], y[TIMES], **how)
        for ours, theirs in zip(weighted, repeated, strict=True):
            assert not ours.note
            # quantile regression stops at a relative change of 1e-5, Newton's method of 1e-6
            np.testing.assert_allclose(ours.test, theirs.test, rtol=1e-3, atol=1e-4)


def test_scikit_learns_sample_weight():
    w = RNG.uniform(0.2, 3, N)
    found = discrimination(Y, P, weights=w)
    assert found.auc == pytest.approx(metrics.roc_auc_score(Y, P, sample_weight=w))
    precision = metrics.average_precision_score(Y, P, sample_weight=w)
    assert found.average_precision == pytest.approx(precision)
    assert brier(Y, P, weights=w).score == pytest.approx(
        metrics.brier_score_loss(Y, P, sample_weight=w)
    )
    d, called = decide(Y, P, 0.4, weights=w), P >= 0.4
    matrix = metrics.confusion_matrix(Y, called, sample_weight=w)
    assert [d.true_negative, d.false_positive, d.false_negative, d.true_positive] == pytest.approx(
        matrix.ravel()
    )
    for ours, theirs in (
        (d.f1, metrics.f1_score),
        (d.matthews, metrics.matthews_corrcoef),
        (d.balanced_accuracy, metrics.balanced_accuracy_score),
        (d.precision, metrics.precision_score),
    ):
        assert ours == pytest.approx(theirs(Y, called, sample_weight=w))
    figures = classes_by_group(Y3, P3, GROUPS, weights=w).parts[0].figures
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(Y3, P3, sample_weight=w))
    rmse = metrics.root_mean_squared_error(V, M, sample_weight=w)
    assert values_by_group(V, M, GROUPS, weights=w).parts[0].figures["rmse"] == pytest.approx(rmse)


def test_a_quantile_is_numpys():
    w = RNG.uniform(0.1, 2, N)
    levels = [0, 0.05, 0.5, 0.77, 1]
    theirs = np.quantile(M, levels, weights=w, method="inverted_cdf")
    np.testing.assert_array_equal(quantile(M, levels, w), theirs)


def test_a_row_without_weight_is_not_there():
    w = np.where(np.arange(N) % 4 == 0, 0.0, 1.0)
    kept = w > 0
    for function, arrays in (
        (reliability, (Y, P)),
        (lambda y, p, weights=None: gains(y, p, parts=5, weights=weights), (Y, P)),  # of 9 rows
        (discrimination, (Y, P)),
        (brier, (Y, P)),
    ):
        ours, theirs = function(*arrays, weights=w), function(*(a[kept] for a in arrays))
        assert leaves(ours.to_json()) == pytest.approx(leaves(theirs.to_json()))
    assert conformal_quantile(M, 0.8, w) == conformal_quantile(M[kept], 0.8)
    with pytest.raises(DataError, match="one of them larger"):
        brier(Y, P, weights=np.zeros(N))


def test_how_sure_a_figure_is_goes_by_effective_rows():
    assert effective_rows(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_rows(np.array([1.0, 3.0])) == pytest.approx(1.6)  # 4^2 / 10
    once = interval_coverage(V, M - 1, M + 1).parts[0]
    scaled = interval_coverage(V, M - 1, M + 1, weights=np.full(N, 9.0)).parts[0]
    assert (scaled.low, scaled.high) == pytest.approx((once.low, once.high))
    uneven = interval_coverage(V, M - 1, M + 1, weights=W**3).parts[0]
    assert uneven.high - uneven.low > 1.1 * (once.high - once.low)


def test_weighted_margins_cover_in_the_population_of_the_weights():
    """Errors of two sizes; the large ones are a tenth of the rows and half of the population."""
    rng = np.random.default_rng(1)

    def rows(n, share):
        wide = rng.random(n) < share
        return wide, np.where(wide, 5.0, 1.0) * rng.normal(size=n)

    shares = {True: [], False: []}
    for _ in range(200):
        wide, y = rows(120, 0.1)
        _, new = rows(2000, 0.5)  # of the population
        for weighted in shares:
            w = np.where(wide, 9.0, 1.0) if weighted else None
            margin = calibrate_intervals(y, np.zeros(120), weights=w)
            lower, upper = margin.intervals(np.zeros(2000))
            shares[weighted].append(np.mean((lower <= new) & (new <= upper)))
    # over calibrations the coverage has a sd of .05, its mean over 200 of them .004
    assert np.mean(shares[True]) == pytest.approx(0.9, abs=0.015)
    assert np.mean(shares[False]) < 0.8


def test_what_validation_teaches_is_weighted():
    members, training = P3[:, None], P3[:, None]
    heavy = np.where(P3.argmax(axis=1) == Y3, 1.0, 20.0)
    found = calibrate(Classes(3), members, Y3, training, weights=heavy)
    assert found.temperature == fit_temperature(Y3, P3, weights=heavy)
    assert found.temperature.temperature > 2 * fit_temperature(Y3, P3).temperature
    tempered = found.temperature.apply(P3)
    assert found.sets == calibrate_sets(Y3, tempered, randomised=False, weights=heavy)
    head = Values.fit(V)
    both = np.stack([M, M + np.abs(V)], axis=1)
    one = calibrate(head, both, V, both, weights=W, training_weights=W)
    floor = 0.1 * np.average(np.abs(V) / 2, weights=W)
    assert one.intervals.floor == pytest.approx(floor)
    expected = calibrate_intervals(
        V, both.mean(axis=1), method="normalised", spread=both.std(axis=1), floor=floor, weights=W
    )
    assert one.intervals.margins[0].quantile == pytest.approx(expected.margins[0].quantile)
