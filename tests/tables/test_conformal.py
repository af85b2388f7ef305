"""Split-conformal intervals and sets: ranks by hand, and the coverage that they promise."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor
from sklearn.preprocessing import StandardScaler

from descend.errors import DataError, DescendError
from descend.tables.judging.conformal import (
    ConformalIntervals,
    ConformalSets,
    calibrate_intervals,
    calibrate_sets,
    conformal_quantile,
    rows_needed,
)
from descend.tables.judging.coverage import by_true_class, interval_coverage, set_coverage

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.35, 0.4]])


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    # (n + 1) coverage = 9, 9.9, 0.95 * 20 = 19; 0.7 * 10 is 7.000000000000001 in floating point
    [(9, 0.9, 9), (10, 0.9, 10), (19, 0.95, 19), (9, 0.7, 7), (99, 0.5, 50)],
)
def test_the_quantile_is_the_rank_of_the_formula(n, coverage, rank):
    scores = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    assert conformal_quantile(scores, coverage) == rank


def test_too_few_rows_give_an_infinite_margin():
    assert conformal_quantile(np.arange(8.0), 0.9) == math.inf
    found = calibrate_intervals(np.arange(8.0), np.zeros(8), coverage=0.9)
    lower, upper = found.intervals([5.0])
    assert (lower[0], upper[0]) == (-math.inf, math.inf)
    assert found.to_json()["margins"][0]["quantile"] is None
    assert ConformalIntervals.from_json(found.to_json()) == found


def test_intervals_by_hand():
    y = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9])
    predicted = y + np.array([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.9])
    found = calibrate_intervals(y, predicted, coverage=0.5)  # the 5th of 9
    lower, upper = found.intervals([10.0])
    np.testing.assert_allclose([lower[0], upper[0]], [9.5, 10.5])

    spread = np.full(9, 0.4)
    scaled = calibrate_intervals(
        y, predicted, coverage=0.5, method="normalised", spread=spread, floor=0.1
    )
    lower, upper = scaled.intervals([10.0, 0.0], spread=[0.9, 0.0])
    # a score of 0.5 / 0.5 = 1, times the spread of the row and the floor
    np.testing.assert_allclose([lower, upper], [[9.0, -0.1], [11.0, 0.1]])

    ends = np.stack([y - 0.35, y + 0.35], axis=1)
    wide = calibrate_intervals(y + 0.1 * np.arange(9), ends, coverage=0.5, method="quantile")
    # y is above its upper end by -.35, -.25, ..., .45: the 5th is .05
    lower, upper = wide.intervals([[3.0, 2.0]])
    np.testing.assert_allclose([lower[0], upper[0]], [1.95, 3.05])


def test_a_negative_margin_narrows_and_never_turns_an_interval_over():
    y = np.zeros(9)
    found = calibrate_intervals(y, np.tile([-1.0, 1.0], (9, 1)), coverage=0.5, method="quantile")
    assert found.margins[0].quantile == -1
    lower, upper = found.intervals([[0.0, 4.0], [0.0, 1.0]])
    np.testing.assert_allclose([lower, upper], [[1.0, 0.5], [3.0, 0.5]])


def test_intervals_are_cut_at_the_targets_own_bounds():
    y = np.linspace(0, 1, 99)
    found = calibrate_intervals(y, np.full(99, 0.5), coverage=0.9, low=0.0, high=1.0)
    lower, upper = found.intervals([0.1, 0.9])
    assert lower[0] == 0
    assert upper[1] == 1
    assert ConformalIntervals.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_sets_by_hand():
    lac = calibrate_sets([0, 1, 2], P, coverage=0.5)  # scores .5 .2 .6: the 2nd
    assert lac.margins[0].quantile == 0.5
    np.testing.assert_array_equal(
        lac.sets(P), [[True, False, False], [False, True, False], [False, False, False]]
    )
    # without draws: cumulated in falling order up to the class: .5, .8, .4; the 2nd is .5
    aps = calibrate_sets([0, 1, 2], P, coverage=0.5, method="aps", randomised=False)
    assert aps.margins[0].quantile == 0.5
    np.testing.assert_array_equal(
        aps.sets(P), [[True, False, False], [False, False, False], [False, False, True]]
    )


def test_draws_go_by_seed_and_are_not_those_of_calibration():
    p = np.full((4000, 4), 0.25)
    y = np.tile(np.arange(4), 1000)
    found = calibrate_sets(y, p, coverage=0.9, method="aps", seed=3)
    again = ConformalSets.from_json(json.loads(json.dumps(found.to_json())))
    np.testing.assert_array_equal(found.sets(p), again.sets(p))
    other = calibrate_sets(y, p, coverage=0.9, method="aps", seed=4)
    assert (found.sets(p) != other.sets(p)).any()
    # u decides how many of four equal classes fit: with the calibration's own draws the sets would
    # cover exactly as often as there; sd of a share of 4,000 is .005
    assert set_coverage(y, found.sets(p)).share == pytest.approx(0.9, abs=0.02)


def test_groups_have_their_own_margin_and_a_new_one_the_pooled():
    rng = np.random.default_rng(0)
    group = np.repeat(["calm", "wild"], 500)
    scale = np.where(group == "calm", 1.0, 10.0)
    found = calibrate_intervals(rng.normal(0, scale), np.zeros(1000), coverage=0.8, groups=group)
    y = rng.normal(0, scale)
    lower, upper = found.intervals(np.zeros(1000), groups=group)
    own = interval_coverage(y, lower, upper, groups=group).to_frame().set_index("group")
    # sd of the share: calibration and test of 500 rows each, sqrt(2 * .8 * .2 / 500) = .025
    assert own.loc[["calm", "wild"], "share"].between(0.72, 0.88).all()
    pooled = calibrate_intervals(rng.normal(0, scale), np.zeros(1000), coverage=0.8)
    apart = interval_coverage(y, *pooled.intervals(np.zeros(1000)), groups=group).to_frame()
    assert apart["share"].iloc[1] > 0.99  # one margin for both covers the calm ones always
    lower, upper = found.intervals([0.0], groups=["new"])
    assert upper[0] == found.margins[0].quantile
    assert list(found.to_frame()["group"].iloc[1:]) == ["calm", "wild"]
    with pytest.raises(DataError, match="calibrated by group"):
        found.intervals([0.0])


def test_coverage_counts_by_hand():
    found = interval_coverage(
        [1.0, 2, 3, 4], [0, 0, 4, -np.inf], [1, 1, 5, 9.0], groups=list("aabb")
    )
    assert [p.share for p in found.parts] == [0.5, 0.5, 0.5]
    assert [p.rows for p in found.parts] == [4, 2, 2]
    sets = np.array([[True, False], [True, True], [False, False]])
    first = set_coverage([0, 1, 1], sets).parts[0]
    assert (first.share, first.size, first.empty, first.single) == (2 / 3, 1, 1 / 3, 1 / 3)


def splits(n, count, train, calibration):
    for seed in range(count):
        rows = np.random.default_rng(seed).permutation(n)
        yield rows[:train], rows[train : train + calibration], rows[train + calibration :]


@pytest.fixture(scope="module")
def visits():
    """Doctor visits of the RAND experiment, 20,190 persons: skewed, heteroscedastic."""
    from statsmodels.datasets import randhie

    data = randhie.load_pandas().data.sample(4500, random_state=0)
    y = np.log1p(data.pop("mdvis").to_numpy(float))
    return StandardScaler().fit_transform(data), y, (data["lpi"] > 0).to_numpy()


@pytest.mark.parametrize("method", ["absolute", "normalised", "quantile"])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_cover_what_they_state_over_50_splits(visits, method, coverage):
    """RAND health insurance: mean coverage of 50 splits within 2 points of the nominal."""
    x, y, insured = visits
    shares, in_groups = [], []
    for train, cal, test in splits(len(y), 50, 2000, 1500):
        model = LinearRegression().fit(x[train], y[train])
        predicted = model.predict(x)
        spread = None
        if method == "normalised":  # a second model of the size of the errors
            size = LinearRegression().fit(x[train], np.abs(y[train] - predicted[train]))
            spread = np.maximum(size.predict(x), 0.05)
        if method == "quantile":  # quantiles of a linear location-scale model
            off = np.quantile(y[train] - predicted[train], [0.15, 0.85])
            predicted = predicted[:, None] + off
        given = {} if spread is None else {"spread": spread[cal]}
        found = calibrate_intervals(
            y[cal], predicted[cal], coverage=coverage, method=method, groups=insured[cal], **given
        )
        given = {} if spread is None else {"spread": spread[test]}
        ends = found.intervals(predicted[test], groups=insured[test], **given)
        covered = interval_coverage(y[test], *ends, groups=insured[test])
        shares.append(covered.share)
        in_groups.append([part.share for part in covered.parts[1:]])
    assert np.mean(shares) == pytest.approx(coverage, abs=0.02)
    np.testing.assert_allclose(np.mean(in_groups, axis=0), coverage, atol=0.02)


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_cover_what_they_state_over_50_splits(method):
    """Digits by a deliberately weak classifier of 16 pixels, so that sets have work to do."""
    x, y = load_digits(return_X_y=True)
    x = x[:, 16:32]
    shares, sizes = [], []
    for seed, (train, cal, test) in enumerate(splits(len(y), 50, 400, 600)):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.9).fit(x[train], y[train])
        p = model.predict_proba(x)
        found = calibrate_sets(y[cal], p[cal], coverage=0.9, method=method, seed=seed)
        covered = set_coverage(y[test], found.sets(p[test])).parts[0]
        shares.append(covered.share)
        sizes.append(covered.size)
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)
    assert 1 < np.mean(sizes) < 9  # neither one class each nor all of them


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_conformalised_quantile_regression_adapts(seed):
    """Where spread grows with x, quantile intervals do too, and still cover."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (3000, 1))
    y = x[:, 0] + rng.normal(0, 0.1 + x[:, 0])
    train, cal, test = np.split(np.arange(3000), [1000, 2000])
    ends = np.stack(
        [
            QuantileRegressor(quantile=q, alpha=0).fit(x[train], y[train]).predict(x)
            for q in (0.05, 0.95)
        ],
        axis=1,
    )
    found = calibrate_intervals(y[cal], ends[cal], coverage=0.9, method="quantile")
    lower, upper = found.intervals(ends[test])
    assert interval_coverage(y[test], lower, upper).share == pytest.approx(0.9, abs=0.03)
    width = upper - lower
    small = x[test, 0] < 0.2
    assert width[~small].mean() > 2 * width[small].mean()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_of_two_classes_cover_over_50_splits(method):
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x[:, :2])
    shares = []
    for seed, (train, cal, test) in enumerate(splits(len(y), 50, 150, 200)):
        p = LogisticRegression().fit(x[train], y[train]).predict_proba(x)
        found = calibrate_sets(y[cal], p[cal], coverage=0.9, method=method, seed=seed)
        shares.append(set_coverage(y[test], found.sets(p[test])).share)
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: calibrate_intervals([1.0], [1.0], coverage=1.0), "coverage must be between"),
        (lambda: calibrate_intervals([1.0, 2.0], [1.0]), "1 rows, but 2 rows"),
        (lambda: calibrate_intervals([1.0, np.nan], [1.0, 1.0]), "missing or infinite"),
        (lambda: calibrate_intervals([1.0], [1.0], method="normalised"), "spread=..."),
        (
            lambda: calibrate_intervals([1.0], [1.0], method="normalised", spread=[0.0]),
            "Give a floor",
        ),
        (lambda: calibrate_intervals([1.0], [1.0], method="quantile"), r"shape \(n, 2\)"),
        (lambda: calibrate_intervals([1.0], [1.0], method="absolut"), "Did you mean 'absolute'"),
        (lambda: calibrate_sets([0, 1, 3], P), "class numbers from 0 to 2, got 3"),
        (lambda: calibrate_sets([0, 1, 1], P + 0.1), "sum to one"),
        (lambda: calibrate_sets([0, 1, 1], P, method="raps"), "unknown method of sets"),
        (lambda: calibrate_sets([0, 1, 1], P).sets([[0.5, 0.5]]), "3 were calibrated"),
        (lambda: interval_coverage([1.0], [0.0, 1.0], [2.0]), "lower: expected shape"),
        (lambda: set_coverage([0], [[1, 0]]), "expected booleans"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DescendError, match=match):
        call()


@pytest.mark.parametrize("weighted", [False, True])
def test_sets_by_class_cover_each_class(weighted):
    """An event in one row of ten, by a model that tells little: 40 calibrations."""
    shares, pooled = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=4000)
        p = 1 / (1 + np.exp(2.5 - z))
        y = (rng.random(4000) < p).astype(int)
        p, cal, test = np.stack([1 - p, p], axis=1), slice(0, 1500), slice(1500, None)
        w = rng.uniform(0.5, 2, 4000) if weighted else np.ones(4000)
        for by_class, found in ((True, shares), (False, pooled)):
            made = calibrate_sets(y[cal], p[cal], by_class=by_class, weights=w[cal])
            again = ConformalSets.from_json(json.loads(json.dumps(made.to_json())))
            inside = again.sets(p[test])
            parts = by_true_class(y[test], inside, ("no", "yes"), weights=w[test]).parts
            found.append([part.share for part in parts])
            assert [part.group for part in parts] == [None, "no", "yes"]
    # of 180 calibration rows of the event the coverage has a sd of .022, of its 300 test rows .017:
    # the mean over 40 is known to .005 and lies above .9 by 1 / 181
    np.testing.assert_allclose(np.mean(shares, axis=0), 0.9, atol=0.02)
    assert np.mean(pooled, axis=0)[0] == pytest.approx(0.9, abs=0.02)
    assert np.mean(pooled, axis=0)[2] < 0.4  # of the events


def test_a_class_of_few_rows_is_in_every_set():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([8, 1, 1], 200)
    y = np.repeat([0, 1, 2], [188, 8, 4])
    made = calibrate_sets(y, p, by_class=True)
    assert rows_needed(0.9) == 9
    assert [m.rows for m in made.margins] == [200, 188, 8, 4]
    assert made.sets(p)[:, 1:].all()
    assert [m.promised for m in made.margins[2:]] == [pytest.approx(8 / 9), pytest.approx(4 / 5)]
    # and what is promised is finite
    fewer = calibrate_sets(y, p, coverage=0.8, by_class=True)
    assert np.isfinite([m.quantile for m in fewer.margins]).all()
    with pytest.raises(DataError, match="by groups or by class"):
        calibrate_sets(y, p, by_class=True, groups=y)
    none = calibrate_sets(y[:196], p[:196], by_class=True)  # a class without a row
    assert none.margins[3].quantile == math.inf
    assert none.margins[3].promised == 0


def test_groups_may_be_a_column_with_gaps():
    groups = pd.Series(["a", None, "a", "b"], index=[7, 8, 9, 9])
    found = calibrate_intervals(np.arange(4.0), np.zeros(4), coverage=0.5, groups=groups)
    assert [(m.group, m.rows) for m in found.margins] == [
        (None, 4),
        ("a", 2),
        ("b", 1),
        ("missing", 1),
    ]
