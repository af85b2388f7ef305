"""Units in use: frames, formulas, weights, scikit-learn's tools, predictions."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from formulaic import model_matrix
from neurons import real_tables
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from descend.errors import DataError, NotFittedError, ShapeError
from descend.neurons import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit

CASES = [
    (LinearUnit, real_tables.engel),
    (LogisticUnit, real_tables.spector),
    (SoftmaxUnit, real_tables.wine),
    (PoissonUnit, real_tables.cpunish),
]
IDS = ["linear", "logistic", "softmax", "poisson"]
each_unit = pytest.mark.parametrize(("unit", "table"), CASES, ids=IDS)


@each_unit
def test_coefficients_and_predictions_are_scikit_learns(unit, table):
    real = table()
    peer = {
        LinearUnit: LinearRegression(),
        LogisticUnit: LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000, solver="newton-cg"),
        SoftmaxUnit: LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000, solver="newton-cg"),
        PoissonUnit: PoissonRegressor(alpha=0, tol=1e-10, solver="newton-cholesky", max_iter=1000),
    }[unit]
    x = StandardScaler().set_output(transform="pandas").fit_transform(real.x)
    ours, theirs = unit().fit(x, real.y), peer.fit(x, real.y)
    coefficients, intercepts = theirs.coef_, theirs.intercept_
    if unit is SoftmaxUnit:  # theirs add up to zero over classes, ours are zero for the first
        coefficients, intercepts = coefficients - coefficients[0], intercepts - intercepts[0]
    # their iterations stop at a gradient of 1e-10
    np.testing.assert_allclose(ours.coef_, coefficients, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, intercepts, rtol=1e-5, atol=1e-8)
    assert np.shape(ours.coef_) == np.shape(theirs.coef_)
    if hasattr(peer, "predict_proba"):
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-7)
        assert (ours.predict(x) == theirs.predict(x)).all()
    else:
        np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-6)
    assert ours.score(x, real.y) == pytest.approx(theirs.score(x, real.y), abs=1e-7)


@each_unit
def test_rows_of_weight_zero_are_left_out(unit, table):
    real = table()
    keep = np.arange(len(real.y)) % 5 != 0
    weighted = unit().fit(real.x, real.y, sample_weight=keep)
    fewer = unit().fit(real.x[keep], real.y[keep])
    assert weighted.statistics_["N"] == keep.sum()
    np.testing.assert_allclose(weighted.estimates_.values, fewer.estimates_.values, rtol=1e-9)
    np.testing.assert_allclose(weighted.covariance_, fewer.covariance_, rtol=1e-8)
    clustered = weighted.with_covariance("cluster", groups=real.groups)
    expected = fewer.with_covariance("cluster", groups=real.groups[keep])
    np.testing.assert_allclose(clustered.covariance_, expected.covariance_, rtol=1e-8)


@each_unit
def test_weights_say_how_rows_count_beside_each_other(unit, table):
    real = table()
    weight = np.random.default_rng(0).uniform(0.5, 2, len(real.y))
    one = unit(covariance="HC1").fit(real.x, real.y, sample_weight=weight)
    other = unit(covariance="HC1").fit(real.x, real.y, sample_weight=1000 * weight)
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), rtol=1e-9)
    doubled = unit().fit(real.x, real.y, sample_weight=1 + (np.arange(len(real.y)) < 8))
    twice = pd.concat([real.x, real.x[:8]]), pd.concat([real.y, real.y[:8]])
    np.testing.assert_allclose(
        doubled.estimates_.values, unit().fit(*twice).estimates_.values, rtol=1e-7
    )


def test_a_formula_frame_brings_its_constant():
    formulaic = pytest.importorskip("formulaic")
    data = real_tables.frame("grunfeld")
    formula = "invest ~ value + capital + C(firm)"
    y, x = formulaic.model_matrix(formula, data)
    unit = LinearUnit().fit(x, y)
    theirs = sm.OLS.from_formula(formula, data).fit()
    assert unit.estimates_.names[0] == "Intercept"
    assert unit.n_features_in_ == x.shape[1] == len(unit.coef_)
    assert unit.intercept_ == 0
    ours = unit.to_frame()
    assert ours.loc["C(firm)[T.Chrysler]", "std_error"] == pytest.approx(
        theirs.bse["C(firm)[T.Chrysler]"], rel=1e-8
    )
    assert unit.target_name_ == "invest"
    np.testing.assert_allclose(unit.predict(x), theirs.fittedvalues, rtol=1e-8)


def test_patsy_names_are_used():
    import patsy

    data = real_tables.frame("fair")[::12].assign(any=lambda d: (d["affairs"] > 0) * 1.0)
    y, x = patsy.dmatrices("any ~ age + children:educ", data)
    unit = LogisticUnit().fit(x, y)
    assert unit.estimates_.names == ("Intercept", "age", "children:educ")
    assert unit.target_name_ == "any"


def test_dummies_of_all_groups_hold_a_constant():
    """R2 is centred where the columns add up to a constant, as in statsmodels."""
    data = real_tables.frame("grunfeld")
    x = pd.get_dummies(data["firm"]).astype(float).assign(value=data["value"])
    unit = LinearUnit(fit_intercept=False).fit(x, data["invest"])
    theirs = sm.OLS(data["invest"], x).fit()
    assert unit.statistics_["r2"] == pytest.approx(theirs.rsquared, rel=1e-9)
    assert unit.statistics_["adj_r2"] == pytest.approx(theirs.rsquared_adj, rel=1e-9)
    through_zero = LinearUnit(fit_intercept=False).fit(data[["value"]], data["invest"])
    theirs = sm.OLS(data["invest"], data[["value"]]).fit()
    assert through_zero.statistics_["r2"] == pytest.approx(theirs.rsquared, rel=1e-9)
    assert through_zero.statistics_["adj_r2"] == pytest.approx(theirs.rsquared_adj, rel=1e-9)


@each_unit
def test_columns_are_found_by_name(unit, table):
    real = table()
    fitted = unit().fit(real.x, real.y)
    predict = getattr(fitted, "predict_proba", fitted.predict)
    other = real.x[real.x.columns[::-1]].assign(another="text")
    with pytest.raises(DataError, match="'another' holds"):
        predict(other)
    np.testing.assert_array_equal(
        predict(other.drop(columns="another").assign(more=1.0)), predict(real.x)
    )
    with pytest.raises(DataError, match="unknown column"):
        predict(real.x.rename(columns={real.x.columns[0]: "renamed"}))
    np.testing.assert_array_equal(predict(real.x.to_numpy()), predict(real.x))
    with pytest.raises(ShapeError, match="was fitted with"):
        predict(np.ones((3, 40)))


@each_unit
def test_before_fit(unit, table):
    real = table()
    for use in (
        lambda u: u.predict(real.x),
        lambda u: u.summary(),
        lambda u: u.to_frame(),
        lambda u: u.marginal_effects(),
        lambda u: u.with_covariance("HC0"),
    ):
        with pytest.raises(NotFittedError, match=f"{unit.__name__} is not fitted"):
            use(unit())


def test_in_scikit_learns_tools():
    real = real_tables.diabetes()
    pipeline = make_pipeline(PolynomialFeatures(include_bias=True), LinearUnit())
    columns = real.x[["bmi", "bp"]]
    ours = cross_val_score(pipeline, columns, real.y)
    theirs = cross_val_score(
        make_pipeline(PolynomialFeatures(), LinearRegression()), columns, real.y
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    real = real_tables.anes96_vote()
    search = GridSearchCV(LogisticUnit(), {"fit_intercept": [True, False]}, scoring="neg_log_loss")
    assert search.fit(real.x, real.y).best_score_ < 0
    unit = SoftmaxUnit(base=2, covariance="HC0", level=0.9)
    assert clone(unit).get_params() == unit.get_params()


def test_the_base_class_only_moves_the_coefficients():
    real = real_tables.wine()
    names = real.y.map({0: "low", 1: "middle", 2: "high"}).rename("price")
    first, other = (SoftmaxUnit(base=b).fit(real.x, names) for b in (None, "middle"))
    assert list(first.classes_) == ["high", "low", "middle"]
    np.testing.assert_allclose(first.predict_proba(real.x), other.predict_proba(real.x), rtol=1e-8)
    np.testing.assert_allclose(first.coef_ - first.coef_[2], other.coef_, rtol=1e-7, atol=1e-12)
    assert first.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=1e-12)
    assert set(other.to_frame().index.get_level_values("outcome")) == {"high", "low"}
    # minus the coefficient of "middle" beside "high" is that of "high" beside "middle"
    one, back = first.to_frame().loc["middle"], other.to_frame().loc["high"]
    np.testing.assert_allclose(one["std_error"], back["std_error"], rtol=1e-8)
    np.testing.assert_allclose(one["coefficient"], -back["coefficient"], rtol=1e-7)


def test_softmax_of_two_classes_is_the_logit():
    real = real_tables.spector()
    two, logit = SoftmaxUnit().fit(real.x, real.y), LogisticUnit().fit(real.x, real.y)
    np.testing.assert_allclose(two.covariance_, logit.covariance_, rtol=1e-8)
    assert two.log_likelihood_ == pytest.approx(logit.log_likelihood_, rel=1e-12)


def test_exposure_is_the_logarithm_as_offset():
    real = real_tables.star98()
    one = PoissonUnit().fit(real.x, real.y, exposure=real.exposure)
    other = PoissonUnit().fit(real.x, real.y, offset=np.log(real.exposure))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    expected = one.predict(real.x) * real.exposure
    np.testing.assert_allclose(one.predict(real.x, exposure=real.exposure), expected, rtol=1e-12)
    # with a constant, the expected counts add up to the counts
    assert expected.sum() == pytest.approx(real.y.sum(), rel=1e-9)


def test_scikit_learns_own_checks_of_the_linear_unit():
    """All but those that ask for errors of Python's own kinds where ours are DescendErrors."""
    from sklearn.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(LinearUnit(), on_fail=None, on_skip=None)
    failed = [r for r in results if r["status"] == "failed"]
    allowed = {
        # a DescendError is raised where these want a ValueError, TypeError or sklearn's own error
        "check_all_zero_sample_weights_error",
        "check_complex_data",
        "check_dtype_object",
        "check_estimators_empty_data_messages",
        "check_estimators_nan_inf",
        "check_estimators_unfitted",
        "check_fit1d",
        "check_fit2d_1sample",
        "check_fit2d_predict1d",
        "check_n_features_in_after_fitting",
        "check_regressors_train",
        "check_requires_y_none",
        "check_sample_weights_shape",
        "check_supervised_y_no_nan",
        # more columns than rows: coefficients with standard errors do not exist
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
        # (n, 1) targets are taken without a warning
        "check_supervised_y_2d",
    }
    assert {r["check_name"] for r in failed} <= allowed


def test_frame_types_of_all_kinds():
    data = real_tables.frame("grunfeld")
    plain = LinearUnit().fit(data[["value", "capital"]], data["invest"])
    for convert in (
        lambda x: x.to_numpy(),
        lambda x: x.to_numpy().tolist(),
        lambda x: x.astype("Float64"),
        lambda x: x.astype("float64[pyarrow]"),
        lambda x: x.astype(object),
    ):
        unit = LinearUnit().fit(convert(data[["value", "capital"]]), data["invest"])
        np.testing.assert_allclose(unit.estimates_.values, plain.estimates_.values, rtol=1e-12)


def test_a_formula_says_itself_whether_there_is_a_constant():
    """No intercept where it leaves it out; all dummies then, and statsmodels' coefficients."""
    draw = np.random.default_rng(0)
    data = pd.DataFrame({"a": draw.normal(size=60), "f": np.tile(["x", "y", "z"], 20)})
    data["y"] = 1 + data.a + draw.normal(size=60)
    for formula, names in (
        ("y ~ 0 + a", ["a"]),
        ("y ~ 0 + C(f)", ["C(f)[x]", "C(f)[y]", "C(f)[z]"]),
        ("y ~ a", ["Intercept", "a"]),
    ):
        made = model_matrix(formula, data)
        unit = LinearUnit().fit(made.rhs, made.lhs)
        found = unit.to_frame()
        assert [name.replace("[T.", "[") for name in found.index] == names
        theirs = sm.OLS(made.lhs, made.rhs).fit()
        np.testing.assert_allclose(found.coefficient, theirs.params, rtol=1e-10)
        np.testing.assert_allclose(found.std_error, theirs.bse, rtol=1e-10)
        assert unit.statistics_["r2"] == pytest.approx(theirs.rsquared, rel=1e-10)
        np.testing.assert_allclose(unit.predict(made.rhs), theirs.fittedvalues, rtol=1e-9)
    bare = pd.DataFrame(np.asarray(model_matrix("y ~ 0 + a", data).rhs), columns=["a"])
    assert list(LinearUnit().fit(bare, data.y).to_frame().index) == ["Intercept", "a"]


def test_groups_that_no_error_looks_at_are_refused():
    x, y, groups = np.arange(8.0)[:, None], np.arange(8.0) ** 2, np.repeat([0, 1, 2, 3], 2)
    for kind in ("classical", "HC1"):
        with pytest.raises(DataError, match='groups are given.*take covariance="cluster"'):
            LinearUnit(covariance=kind).fit(x, y, groups=groups)
        with pytest.raises(DataError, match="groups are given"):
            LinearUnit().fit(x, y).with_covariance(kind, groups=groups)


def test_a_score_needs_the_exposure_that_the_fit_had():
    draw = np.random.default_rng(1)
    x, watched = draw.normal(size=(200, 1)), draw.uniform(0.1, 20, 200)
    y = draw.poisson(watched * np.exp(0.2 + 0.3 * x[:, 0]))
    unit = PoissonUnit().fit(x, y, exposure=watched)
    with pytest.raises(DataError, match=r"fitted with an offset or an exposure; .*exposure=\.\.\."):
        unit.score(x, y)
    theirs = sm.GLM(y, sm.add_constant(x), sm.families.Poisson(), exposure=watched).fit()
    score = 1 - theirs.deviance / sm.GLM(y, np.ones(200), sm.families.Poisson()).fit().deviance
    assert unit.score(x, y, exposure=watched) == pytest.approx(score, rel=1e-9)
    assert unit.score(x, y, offset=np.log(watched)) == pytest.approx(score, rel=1e-9)
    assert PoissonUnit().fit(x, y).score(x, y) < score
