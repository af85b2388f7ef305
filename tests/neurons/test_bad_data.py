"""One clear message for data that cannot be fitted: what came, where, what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from neurons import real_tables

from descend.errors import DataError, DescendError, ShapeError
from descend.neurons import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["income", "age"])
Y = pd.Series(X["income"] - X["age"] + RNG.normal(size=60), name="wealth")
TWO = (Y > 0).rename("rich")


@pytest.mark.parametrize("unit", [LinearUnit(), PoissonUnit()], ids=["linear", "poisson"])
def test_collinear_columns_are_named_with_their_combination(unit):
    x = X.assign(total=2 * X["income"] - X["age"], cents=100 * X["age"])
    with pytest.raises(DataError) as error:
        unit.fit(x, Y.abs())
    message = str(error.value)
    assert "'total' = +2 'income' -1 'age'" in message
    assert "'cents' = +100 'age'" in message
    assert "leave out one" in message


def test_the_dummy_trap():
    dummies = pd.get_dummies(pd.Series(["a", "b", "c"] * 20)).astype(float)
    with pytest.raises(DataError, match=r"'c' = \+1 'Intercept' -1 'a' -1 'b'"):
        LinearUnit().fit(dummies, Y)
    assert len(LinearUnit(fit_intercept=False).fit(dummies, Y).coef_) == 3


@pytest.mark.parametrize("seed", range(5))
def test_no_false_alarm_of_collinearity(seed):
    """Columns of very different size, strongly correlated, are still told apart."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=100)
    x = np.column_stack([a * 1e9, a + 1e-6 * rng.normal(size=100), 2000 + rng.normal(size=100)])
    assert np.isfinite(LinearUnit().fit(x, rng.normal(size=100)).covariance_).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X.assign(age=X["age"].where(X.index != 7)), "column 'age' has 1 missing.*row 7"),
        (X.assign(age=X["age"].where(X.index != 7, np.inf)), "missing or infinite.*row 7"),
        (X.assign(region="north"), "'region' holds .* not numbers .*'north'.*get_dummies"),
        (
            X.assign(region=pd.Series(["3"] * len(X), dtype=object).mask(X.index == 4, "1,5")),
            r"'region' holds object, not numbers \('1,5' in row 4, counted from 0\)",
        ),
        (X.assign(region=pd.Categorical(["n", "s"] * 30)), "'region' holds category"),
        (X.assign(day=pd.Timestamp("2020-01-01")), "'day' holds datetime64"),
        (X.assign(empty=0.0), "'empty' is zero in every row"),
        (X.set_axis(["a", "a"], axis=1), "more than one column called 'a'"),
        (X[:0], "0 rows and 2 columns"),
        (np.full((60, 1), "a"), "must hold numbers"),
        (np.full((60, 2), np.nan), "column 1 has 60 missing"),
        (X[:2].T.to_numpy().repeat(40, axis=1), "2 rows cannot determine 81"),
    ],
)
def test_bad_inputs(x, message):
    with pytest.raises(DataError, match=message):
        LinearUnit().fit(x, Y[: len(x)])


def test_shapes():
    with pytest.raises(ShapeError, match=r"got the shape \(60,\); reshape one column"):
        LinearUnit().fit(X["age"].to_numpy(), Y)
    with pytest.raises(ShapeError, match=r"one number a row, \(60,\), got \(59,\)"):
        LinearUnit().fit(X, Y[:59])
    with pytest.raises(ShapeError, match="one number a row"):
        LinearUnit().fit(X, X)
    with pytest.raises(ShapeError, match="one class a row"):
        LogisticUnit().fit(X, TWO[:59])
    with pytest.raises(ShapeError, match="sample_weight"):
        LinearUnit().fit(X, Y, sample_weight=[1.0])
    with pytest.raises(ShapeError, match="groups must hold one label a row"):
        LinearUnit(covariance="cluster").fit(X, Y, groups=[1, 2])


@pytest.mark.parametrize(
    ("unit", "y", "message"),
    [
        (LinearUnit(), Y.where(Y.index != 3), "'wealth' has 1 missing.*row 3"),
        (LinearUnit(), TWO.map(str), "'rich'.* not numbers"),
        (LogisticUnit(), TWO & False, "is False in every row"),
        (LogisticUnit(), pd.Series(["a", "b", "c"] * 20), r"has 3 \('a', 'b', 'c'.*SoftmaxUnit"),
        (LogisticUnit(), TWO.where(TWO.index != 5), "is missing or infinite in 1 row.*row 5"),
        (SoftmaxUnit(), Y, "60 different values.*LinearUnit"),
        (SoftmaxUnit(base="d"), pd.Series(["a", "b", "c"] * 20), "unknown base class 'd'"),
        (PoissonUnit(), Y, "not negative; 'wealth' goes down to"),
        (PoissonUnit(), 0 * Y, "'wealth' is zero in every row"),
    ],
)
def test_bad_targets(unit, y, message):
    with pytest.raises(DescendError, match=message):
        unit.fit(X, y)


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"covariance": "HC9"}, {}, "unknown covariance 'HC9'. Did you mean 'HC"),
        ({"level": 95}, {}, "between 0 and 1"),
        ({"covariance": "cluster"}, {}, "needs the group of each row"),
        ({"covariance": "cluster"}, {"groups": np.zeros(60)}, "at least two groups"),
        ({"covariance": "cluster"}, {"groups": [None] + [1] * 59}, "missing in 1 row.*row 0"),
        ({}, {"sample_weight": -np.ones(60)}, "not be negative; row 0"),
        ({}, {"sample_weight": np.zeros(60)}, "zero in every row"),
    ],
)
def test_bad_options(options, arguments, message):
    with pytest.raises(DescendError, match=message):
        LinearUnit(**options).fit(X, Y, **arguments)


def test_errors_that_only_least_squares_has():
    with pytest.raises(DescendError, match=r"not linear 'HC3'"):
        LogisticUnit(covariance="HC3").fit(X, TWO)
    single = X.assign(first=(X.index == 0) * 1.0)
    with pytest.raises(DataError, match=r"row 0 .*leverage one.*HC1"):
        LinearUnit(covariance="HC3").fit(single, Y)


def test_as_many_coefficients_as_rows():
    with pytest.raises(DataError, match="leave nothing to estimate the errors"):
        LinearUnit().fit(X[:3], Y[:3])


def test_exposure_above_zero():
    with pytest.raises(DataError, match="row 2 .*has 0"):
        PoissonUnit().fit(X, Y.abs(), exposure=np.arange(60) != 2)


def test_a_dummy_that_separates_is_named():
    x = X.assign(insured=((np.arange(60) % 4 == 0) & TWO) * 1.0)
    with pytest.raises(DataError) as error:
        LogisticUnit().fit(x, TWO)
    message = str(error.value)
    assert "(separation): 'insured' separates the two classes of 'rich'" in message
    assert f"{int(x['insured'].sum())} of 60 rows" in message
    assert "'income'" not in message


def test_a_threshold_that_separates_is_named():
    x = X.assign(score=10 * TWO + RNG.uniform(size=60))
    with pytest.raises(DataError, match="'score' separates .* of 60 rows"):
        LogisticUnit().fit(x, TWO)


def test_two_columns_that_separate_together():
    y = (X["income"] + X["age"] > 0).rename("solvent")
    with pytest.raises(DataError, match="'income', 'age' together separate the two.*of 60 rows"):
        LogisticUnit().fit(X, y)


def test_classes_that_separate_are_named():
    three = pd.Series(np.arange(60) % 3, name="grade")
    x = X.assign(pass_=(three == 2) * 1.0)
    with pytest.raises(DataError, match=r"'pass_' separates classes of 'grade' \(2, and base\)"):
        SoftmaxUnit().fit(x, three)


def test_counts_that_are_always_zero_for_a_group():
    y = pd.Series(RNG.poisson(3, 60), name="patents")
    x = X.assign(farm=((np.arange(60) % 5 == 0) * 1.0))
    y[x["farm"] == 1] = 0
    with pytest.raises(DataError, match="'patents' are always zero where 'farm'.* 12 of 60 rows"):
        PoissonUnit().fit(x, y)


@pytest.mark.parametrize("seed", range(10))
def test_strong_effects_are_not_taken_for_separation(seed):
    """Odds of e^8 and one row on the wrong side: there is a maximum, if a steep one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 2))
    y = x[:, 0] * 8 + rng.logistic(size=300) > 0
    low, high = np.argmin(x[:, 0]), np.argmax(x[:, 0])
    y[low], y[high] = True, False
    assert np.isfinite(LogisticUnit().fit(x, y).covariance_).all()


def test_a_budget_that_is_too_small():
    real = real_tables.fair_any()
    with pytest.raises(DescendError, match=r"did not converge .* in 2 steps .*raise max_iter"):
        LogisticUnit(max_iter=2).fit(real.x, real.y)
