"""Marginal effects equal statsmodels' `get_margeff`, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from neurons import real_tables

from descend.errors import DescendError
from descend.neurons import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit

RTOL = 1e-6
NEWTON = {"method": "newton", "maxiter": 200, "tol": 1e-11, "disp": 0}


def agree(ours, theirs):
    estimates = ours.estimates
    np.testing.assert_allclose(estimates.values, theirs.margeff.ravel(order="F"), rtol=RTOL)
    np.testing.assert_allclose(
        estimates.standard_errors, theirs.margeff_se.ravel(order="F"), rtol=RTOL
    )
    np.testing.assert_allclose(
        estimates.p_values, theirs.pvalues.ravel(order="F"), rtol=RTOL, atol=1e-12
    )


@pytest.mark.parametrize(
    ("unit", "model", "table"),
    [
        (LogisticUnit(), sm.Logit, real_tables.spector),
        (LogisticUnit(), sm.Logit, real_tables.fair_any),
        (PoissonUnit(), sm.Poisson, real_tables.cpunish),
        (PoissonUnit(), sm.Poisson, real_tables.randhie),
        (SoftmaxUnit(), sm.MNLogit, real_tables.anes96_party),
        (SoftmaxUnit(), sm.MNLogit, real_tables.modechoice),
    ],
    ids=["spector", "fair", "cpunish", "randhie", "anes96", "modechoice"],
)
def test_effects_are_those_of_get_margeff(unit, model, table):
    real = table()
    fitted = model(real.y, sm.add_constant(real.x)).fit(**NEWTON)
    unit.fit(real.x, real.y)
    for at in ("overall", "mean"):
        for dummies in (False, True):
            ours = unit.marginal_effects(at, dummies=dummies)
            agree(ours, fitted.get_margeff(at=at, dummy=dummies))


def test_robust_errors_reach_the_effects():
    real = real_tables.anes96_vote()
    model = sm.Logit(real.y, sm.add_constant(real.x))
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": real.groups}, **NEWTON)
    unit = LogisticUnit(covariance="cluster").fit(real.x, real.y, groups=real.groups)
    effects = unit.marginal_effects()
    agree(effects, fitted.get_margeff())
    assert "clustered (7 groups)" in str(effects)


@pytest.mark.parametrize("seed", range(3))
def test_effects_are_finite_differences_of_predictions(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3))
    weight = rng.uniform(0.5, 2, 200)
    exposure = rng.uniform(0.5, 2, 200)
    y = rng.poisson(exposure * np.exp(x @ [0.3, -0.2, 0.1]))
    unit = PoissonUnit().fit(x, y, sample_weight=weight, exposure=exposure)
    found = unit.marginal_effects().to_frame()["effect"]
    for j in range(3):
        h = np.zeros(3)
        h[j] = 1e-5
        up, down = (unit.predict(x + s * h, exposure=exposure) for s in (1, -1))
        expected = np.average((up - down) / 2e-5, weights=weight)
        # the error of a central difference, h^2 times the third derivative
        assert found[f"x{j + 1}"] == pytest.approx(expected, rel=1e-8)


def test_probabilities_move_by_zero_in_total():
    real = real_tables.wine()
    effects = SoftmaxUnit().fit(real.x, real.y).marginal_effects().to_frame()
    total = effects["effect"].groupby("name").sum()
    np.testing.assert_allclose(total, 0, atol=1e-14)


def test_linear_effects_are_coefficients():
    real = real_tables.grunfeld()
    unit = LinearUnit(covariance="HC1").fit(real.x, real.y)
    effects = unit.marginal_effects()
    np.testing.assert_allclose(effects.estimates.values, unit.coef_, rtol=1e-12)
    np.testing.assert_allclose(
        effects.estimates.standard_errors, unit.estimates_.standard_errors[1:], rtol=1e-12
    )


def test_the_table_says_which_effects_are_differences():
    real = real_tables.spector()
    unit = LogisticUnit().fit(real.x, real.y)
    shown = str(unit.marginal_effects(dummies=True))
    assert "Difference between one and zero, not derivative: PSI." in shown
    assert "Difference" not in str(unit.marginal_effects())


def test_an_unknown_place_is_refused():
    real = real_tables.spector()
    with pytest.raises(DescendError, match="Known: mean, overall"):
        LogisticUnit().fit(real.x, real.y).marginal_effects("median")
