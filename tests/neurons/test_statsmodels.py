"""Coefficients, errors, tests and figures equal statsmodels' on five real tables a unit.

Tolerance: 1e-6 relative, as the issue asks. Both sides work in float64; what is left is the
conditioning of the tables (longley: 5e9) and where each stops iterating.
"""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from neurons import real_tables

from descend.neurons import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit

RTOL = 1e-6
NEWTON = {"method": "newton", "maxiter": 200, "tol": 1e-11, "disp": 0}


def named(tables):
    return {"argvalues": tables, "ids": [t.__name__ for t in tables]}


def flat(values):
    """Classes one after the other, as our estimates are ordered."""
    return np.asarray(values).ravel(order="F")


def agree(ours, theirs, *, intervals=True):
    """All that both sides say about the coefficients."""
    estimates = ours.estimates_
    np.testing.assert_allclose(estimates.values, flat(theirs.params), rtol=RTOL)
    np.testing.assert_allclose(estimates.standard_errors, flat(theirs.bse), rtol=RTOL)
    np.testing.assert_allclose(estimates.statistics, flat(theirs.tvalues), rtol=RTOL)
    # p below 1e-12 only has to be as small: its relative error is t^2 times that of t
    np.testing.assert_allclose(estimates.p_values, flat(theirs.pvalues), rtol=RTOL, atol=1e-12)
    if intervals:
        wide = np.abs(estimates.values) + estimates.standard_errors
        difference = np.abs(estimates.intervals(0.9) - np.asarray(theirs.conf_int(0.1)))
        assert (difference < RTOL * wide[:, None]).all()


def agree_on_figures(ours, theirs):
    stats = ours.statistics_
    assert stats["N"] == theirs.nobs
    for key, value in (("ll", theirs.llf), ("aic", theirs.aic), ("bic", theirs.bic)):
        assert stats[key] == pytest.approx(value, rel=RTOL)


@pytest.mark.parametrize("table", **named(real_tables.OLS))
def test_linear_unit_is_ols(table):
    real = table()
    model = sm.OLS(real.y, sm.add_constant(real.x, has_constant="add"))
    theirs = model.fit()
    unit = LinearUnit().fit(real.x, real.y)
    agree(unit, theirs)
    agree_on_figures(unit, theirs)
    stats = unit.statistics_
    assert stats["r2"] == pytest.approx(theirs.rsquared, rel=RTOL)
    assert stats["adj_r2"] == pytest.approx(theirs.rsquared_adj, rel=RTOL)
    assert stats["rmse"] == pytest.approx(np.sqrt(theirs.mse_resid), rel=RTOL)
    assert stats["condition_number"] == pytest.approx(theirs.condition_number, rel=RTOL)
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        agree(unit.with_covariance(kind), model.fit(cov_type=kind, use_t=True))
    clustered = unit.with_covariance("cluster", groups=real.groups)
    agree(clustered, model.fit(cov_type="cluster", cov_kwds={"groups": real.groups}, use_t=True))
    assert clustered.statistics_["clusters"] == len(np.unique(real.groups))


def likelihood_model(kind, real):
    x = sm.add_constant(real.x, has_constant="add")
    if kind is sm.Poisson:
        return kind(real.y, x, exposure=real.exposure)
    return kind(real.y, x)


def agree_in_all_errors(unit, kind, real, intervals=True):
    """Classical, sandwich, n/(n-k) times the sandwich, clustered."""
    theirs = likelihood_model(kind, real).fit(**NEWTON)
    agree(unit, theirs, intervals=intervals)
    agree_on_figures(unit, theirs)
    assert unit.statistics_["pseudo_r2"] == pytest.approx(theirs.prsquared, rel=RTOL)
    start = np.asarray(theirs.params)
    options = {**NEWTON, "start_params": flat(start)}
    for errors in ("HC0", "HC1"):
        robust = likelihood_model(kind, real).fit(cov_type=errors, **options)
        agree(unit.with_covariance(errors), robust, intervals=intervals)
    clustered = likelihood_model(kind, real).fit(
        cov_type="cluster", cov_kwds={"groups": real.groups}, **options
    )
    agree(unit.with_covariance("cluster", groups=real.groups), clustered, intervals=intervals)


@pytest.mark.parametrize("table", **named(real_tables.LOGIT))
def test_logistic_unit_is_logit(table):
    real = table()
    unit = LogisticUnit().fit(real.x, real.y)
    agree_in_all_errors(unit, sm.Logit, real)


@pytest.mark.parametrize("table", **named(real_tables.MNLOGIT))
def test_softmax_unit_is_mnlogit(table):
    real = table()
    unit = SoftmaxUnit().fit(real.x, real.y)
    # conf_int has three axes there; the intervals follow from what is compared
    agree_in_all_errors(unit, sm.MNLogit, real, intervals=False)


@pytest.mark.parametrize("table", **named(real_tables.POISSON))
def test_poisson_unit_is_poisson(table):
    real = table()
    unit = PoissonUnit().fit(real.x, real.y, exposure=real.exposure)
    agree_in_all_errors(unit, sm.Poisson, real)


@pytest.mark.parametrize("table", **named(real_tables.OLS[1:]))
def test_weighted_linear_unit_is_wls(table):
    real = table()
    weight = np.random.default_rng(0).uniform(0.2, 3, len(real.y))
    model = sm.WLS(real.y, sm.add_constant(real.x), weights=weight)
    unit = LinearUnit().fit(real.x, real.y, sample_weight=weight)
    theirs = model.fit()
    agree(unit, theirs)
    agree_on_figures(unit, theirs)
    assert unit.statistics_["r2"] == pytest.approx(theirs.rsquared, rel=RTOL)
    for kind in ("HC1", "HC3"):
        agree(unit.with_covariance(kind), model.fit(cov_type=kind, use_t=True))


@pytest.mark.parametrize(
    ("unit", "family", "table"),
    [
        (LogisticUnit(), sm.families.Binomial(), real_tables.anes96_vote),
        (PoissonUnit(), sm.families.Poisson(), real_tables.cpunish),
    ],
    ids=["logistic", "poisson"],
)
def test_weighted_likelihood_is_glm_with_variance_weights(unit, family, table):
    real = table()
    weight = np.random.default_rng(1).uniform(0.2, 3, len(real.y))
    model = sm.GLM(
        real.y, sm.add_constant(real.x), family=family, var_weights=weight / weight.mean()
    )
    unit.fit(real.x, real.y, sample_weight=weight)
    agree(unit, model.fit(tol=1e-14))
    agree(unit.with_covariance("HC0"), model.fit(tol=1e-14, cov_type="HC0"))


def test_longley_has_the_certified_coefficients():
    """NIST, Statistical Reference Datasets, Longley: coefficients certified to 15 digits."""
    certified = {
        "Intercept": (-3482258.63459582, 890420.383607373),
        "GNPDEFL": (15.0618722713733, 84.9149257747669),
        "GNP": (-0.358191792925910e-01, 0.334910077722432e-01),
        "UNEMP": (-2.02022980381683, 0.488399681651699),
        "ARMED": (-1.03322686717359, 0.214274163161675),
        "POP": (-0.511041056535807e-01, 0.226073200069370),
        "YEAR": (1829.15146461355, 455.478499142212),
    }
    real = real_tables.longley()
    table = LinearUnit().fit(real.x, real.y).to_frame()
    for name, (value, error) in certified.items():
        # the columns have condition number 5e4 once scaled: eleven digits are left
        assert table.loc[name, "coefficient"] == pytest.approx(value, rel=1e-10)
        assert table.loc[name, "std_error"] == pytest.approx(error, rel=1e-10)
