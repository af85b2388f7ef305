"""Baselines equal what the libraries give by themselves; what fails says so."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import log_loss, mean_pinball_loss, mean_poisson_deviance, roc_auc_score
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from descend.data.sources import load
from descend.data.splits import split_rows
from descend.errors import DataError, DescendError, MissingExtraError
from descend.tables.baselines import side_by_side as baselines
from descend.tables.baselines.linear import fit_linear
from descend.tables.baselines.raw_columns import PlainColumns
from descend.tables.baselines.side_by_side import fit_baselines


def parts(frame, y, seed=0, labels=None):
    s = split_rows(len(frame), seed=seed, labels=labels)
    frames = [frame.iloc[rows] for rows in (s.train, s.validation, s.test)]
    return frames, [y[rows] for rows in (s.train, s.validation, s.test)]


def made(task, n=1500, seed=0):
    """Raw columns, and a target whose mean is known by its formula."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    town = rng.choice(["Ulm", "Bonn", "Kiel"], n)
    frame = pd.DataFrame({"x": x, "z": z, "town": town})
    eta = 0.3 + 0.8 * x - 0.5 * z + 0.6 * (town == "Ulm")
    y = {
        "regression": lambda: eta + rng.normal(0, 0.5, n),
        "classification": lambda: (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int),
        "counts": lambda: rng.poisson(np.exp(eta)).astype(float),
        "shares": lambda: rng.beta(5 / (1 + np.exp(-eta)), 5 / (1 + np.exp(eta))),
        "censored": lambda: np.maximum(eta + rng.normal(0, 0.5, n), 0),
        "quantiles": lambda: eta + rng.normal(0, 0.5, n) * (1 + 0.3 * x),
    }[task]()
    return frame, y


def dummies(frame, like):
    """An econometrician's design: a constant, the numbers, towns but the first."""
    levels = sorted(like["town"].unique())[1:]
    towns = [(frame["town"] == level).to_numpy(float) for level in levels]
    return np.column_stack([np.ones(len(frame)), frame["x"], frame["z"], *towns])


STATSMODELS = {
    "regression": lambda y, x, w: sm.WLS(y, x, weights=w),
    "classification": lambda y, x, w: sm.GLM(y, x, sm.families.Binomial(), freq_weights=w),
    "counts": lambda y, x, w: sm.GLM(y, x, sm.families.Poisson(), freq_weights=w),
    "shares": lambda y, x, w: sm.GLM(y, x, sm.families.Binomial(), freq_weights=w),
}


@pytest.mark.parametrize("task", STATSMODELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_linear_baseline_is_that_of_statsmodels(task, weighted):
    frame, y = made(task)
    (train, validation, test), (y_train, y_validation, _) = parts(frame, y)
    weights = np.random.default_rng(1).integers(1, 4, len(train)).astype(float)
    columns = PlainColumns.fit(train)
    predict, _, note = fit_linear(
        columns.read(train),
        y_train,
        columns.read(validation),
        y_validation,
        task=task,
        classes=2,
        weights=weights if weighted else None,
        strengths=(0.0,),
    )
    w = weights if weighted else np.ones(len(train))
    expected = STATSMODELS[task](y_train, dummies(train, train), w).fit()
    found = predict(columns.read(test))
    predicted = found[:, 1] if task == "classification" else found
    # Newton stops at a gradient of 1e-6
    np.testing.assert_allclose(
        predicted, expected.predict(dummies(test, train)), rtol=1e-4, atol=1e-6
    )
    assert note == ""


def test_the_quantile_baseline_is_that_of_linear_programming():
    frame, y = made("quantiles", 500)
    (train, validation, test), (y_train, y_validation, _) = parts(frame, y)
    (found,) = fit_baselines(
        train,
        validation,
        test,
        y_train,
        y_validation,
        task="quantiles",
        quantiles=(0.1, 0.5, 0.9),
        names=["linear"],
    )
    x, predicted = dummies(train, train)[:, 1:], found.predict(train)
    for i, q in enumerate((0.1, 0.5, 0.9)):
        exact = QuantileRegressor(quantile=q, alpha=0).fit(x, y_train).predict(x)
        # iterated to 1e-5 of a standard deviation; sorting planes that cross can gain a little
        ours, least = (mean_pinball_loss(y_train, p, alpha=q) for p in (predicted[:, i], exact))
        assert abs(ours / least - 1) < 5e-4


def loss(task, y, predicted):
    if task == "classification":
        return log_loss(y, predicted)
    if task == "counts":
        return mean_poisson_deviance(y, predicted)
    if task == "quantiles":
        return mean_pinball_loss(y, predicted[:, 0], alpha=0.5)
    return float(np.mean((y - predicted) ** 2))


@pytest.mark.parametrize("task", baselines.TASKS)
def test_every_baseline_learns_every_task(task):
    for seed in range(2):
        frame, y = made(task, seed=seed)
        frames, (y_train, y_validation, y_test) = parts(frame, y, seed)
        found = fit_baselines(
            *frames,
            y_train,
            y_validation,
            task=task,
            quantiles=(0.5,) if task == "quantiles" else (),
            seed=seed,
        )
        assert [b.name for b in found][:3] == ["mean", "linear", "boosting"]
        losses = {b.name: loss(task, y_test, b.test) for b in found}
        shape = {"classification": (300, 2), "quantiles": (300, 1)}.get(task, (300,))
        for b in found:
            assert not b.failed, b.note
            assert b.test.shape == shape
            assert b.seconds > 0
            np.testing.assert_array_equal(b.predict(frames[2]), b.test)
            if b.name != "mean":
                # the formula explains a fifth of the variance of a class, more of the others
                assert losses[b.name] < 0.96 * losses["mean"], losses
        if task == "classification":
            for b in found:
                np.testing.assert_allclose(b.test.sum(axis=1), 1, rtol=1e-9)
        if task == "shares":
            assert all((b.test >= 0).all() and (b.test <= 1).all() for b in found)
        if task in ("censored", "counts"):
            assert all((b.test >= 0).all() for b in found)


def test_the_mean_by_hand():
    frame = pd.DataFrame({"x": np.arange(6.0)})
    y, w = np.asarray([0.0, 0, 0, 3, 3, 6]), np.asarray([1.0, 1, 1, 1, 1, 5])

    def mean(task, **options):
        return fit_baselines(
            frame, frame, frame[:2], options.pop("y", y), y, task=task, names=["mean"], **options
        )[0].test

    assert mean("regression").tolist() == [2, 2]
    assert mean("regression", weights=w).tolist() == [3.6, 3.6]
    # the first value with F >= level: 3 of 6 rows are 0, F(3) = 5 / 6; weighted F(3) = 1 / 2
    assert mean("quantiles", quantiles=(0.5, 0.9)).tolist() == [[0, 6]] * 2
    assert mean("quantiles", quantiles=(0.5, 0.9), weights=w).tolist() == [[3, 6]] * 2
    classes = np.asarray([0, 0, 0, 1, 1, 2])
    np.testing.assert_allclose(mean("classification", y=classes)[0], [3 / 6, 2 / 6, 1 / 6])
    np.testing.assert_allclose(
        mean("classification", y=classes, classes=4, weights=w)[1], [0.3, 0.2, 0.5, 0]
    )


def test_real_classes_of_three():
    table = load("iris")
    y = table.frame["species"].astype("category").cat.codes.to_numpy().astype(int)
    frame = table.frame.drop(columns="species")
    frames, (y_train, y_validation, y_test) = parts(frame, y, labels=y)
    found = {
        b.name: b for b in fit_baselines(*frames, y_train, y_validation, task="classification")
    }
    assert found["linear"].words == "multinomial logit"
    for name in ("linear", "boosting"):
        assert (found[name].test.argmax(axis=1) == y_test).mean() >= 0.85


def test_gaps_new_levels_and_dates_are_taken():
    frame, y = made("regression", 600)
    rng = np.random.default_rng(0)
    frame["x"] = np.where(rng.random(600) < 0.2, np.nan, frame["x"])
    frame["town"] = frame["town"].where(rng.random(600) < 0.9, None)
    frame["sold"] = pd.date_range("2020-01-01", periods=600)
    (train, validation, test), ys = parts(frame, y)
    test = test.assign(town="Atlantis", z=np.nan, extra=1)
    for b in fit_baselines(train, validation, test, *ys[:2], task="regression"):
        assert not b.failed, b.note
        assert np.isfinite(b.test).all()


@pytest.mark.parametrize("columns", [["town"], ["x"]])
def test_columns_of_one_kind_and_a_gap_that_no_training_row_has(columns):
    frame, y = made("regression", 300)
    (train, validation, test), ys = parts(frame[columns], y)
    test = test.mask(np.arange(len(test))[:, None] < 5)
    for b in fit_baselines(train, validation, test, *ys[:2], task="regression"):
        assert not b.failed, b.note
        assert np.isfinite(b.test).all()


# -- ridges --------------------------------------------------------------------------------------


def test_collinear_columns_get_a_ridge_and_say_so():
    frame, y = made("regression")
    frame["sum"] = frame["x"] + frame["z"]
    (train, validation, test), (y_train, y_validation, y_test) = parts(frame, y)
    (found,) = fit_baselines(
        train, validation, test, y_train, y_validation, task="regression", names=["linear"]
    )
    assert found.note.startswith("its columns are collinear: ridge of strength ")
    # the ridge costs next to nothing: the same predictions as without the third column
    expected = sm.OLS(y_train, dummies(train, train)).fit().predict(dummies(test, train))
    assert np.mean((found.test - expected) ** 2) < 1e-3 * np.var(y_test)


def test_more_columns_than_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 80))
    y = x[:, 0] + 0.1 * rng.normal(size=60)
    frames, ys = parts(pd.DataFrame(x).add_prefix("x"), y)
    (found,) = fit_baselines(*frames, *ys[:2], task="regression", names=["linear"])
    assert "collinear" in found.note
    assert np.mean((found.test - ys[2]) ** 2) < np.var(ys[2])


def test_wine_is_separated_by_planes():
    table = load("wine")
    y = table.frame["class"].astype("category").cat.codes.to_numpy().astype(int)
    frames, ys = parts(table.frame.drop(columns="class"), y, labels=y)
    (found,) = fit_baselines(*frames, *ys[:2], task="classification", names=["linear"])
    assert "without a penalty it has no solution: ridge" in found.note
    assert log_loss(ys[2], found.test) < 0.2


def test_separated_classes_get_a_ridge_where_maximum_likelihood_has_no_solution():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    x += 0.2 * np.sign(x)
    y = (x > 0).astype(int)
    frames, ys = parts(pd.DataFrame({"x": x}), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        with pytest.raises(PerfectSeparationWarning):
            sm.Logit(ys[0], sm.add_constant(frames[0])).fit(disp=0)
    (found,) = fit_baselines(*frames, *ys[:2], task="classification", names=["linear"])
    assert "without a penalty it has no solution: ridge" in found.note
    assert roc_auc_score(ys[2], found.test[:, 1]) == 1.0


def test_where_most_columns_are_noise_the_validation_rows_choose_a_ridge():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 80))
    y = (rng.random(600) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    frames, ys = parts(pd.DataFrame(x).add_prefix("x"), y)
    (found,) = fit_baselines(*frames, *ys[:2], task="classification", names=["linear"])
    assert found.note.startswith("ridge of strength ")
    plain = sm.Logit(ys[0], sm.add_constant(frames[0])).fit(disp=0)
    unpenalised = plain.predict(sm.add_constant(frames[2]))
    # the truth costs .6 nats a row here; maximum likelihood on 360 rows and 80 columns far more
    assert log_loss(ys[2], found.test[:, 1]) < log_loss(ys[2], unpenalised) - 0.05


# -- what goes wrong -----------------------------------------------------------------------------


def test_a_baseline_that_fails_says_so_and_stops_nothing(monkeypatch):
    def broken(job):
        raise RuntimeError("no memory for trees")

    monkeypatch.setitem(baselines.BASELINES, "boosting", ("gradient boosting", broken))
    frame, y = made("regression", 200)
    frames, ys = parts(frame, y)
    found = {
        b.name: b
        for b in fit_baselines(
            *frames, *ys[:2], task="regression", names=["mean", "boosting", "linear"]
        )
    }
    assert found["boosting"].failed
    assert found["boosting"].test is None
    assert found["boosting"].note == "failed: RuntimeError: no memory for trees"
    assert not found["linear"].failed


def test_counts_below_zero_fail_in_words():
    frame, y = made("regression", 200)
    frames, ys = parts(frame, y)
    found = {b.name: b for b in fit_baselines(*frames, *ys[:2], task="counts")}
    assert found["linear"].failed
    assert found["linear"].note.startswith("failed: ValueError: ")
    assert found["boosting"].failed
    assert not found["mean"].failed


def test_bad_arguments():
    frame, y = made("regression", 100)
    frames, ys = parts(frame, y)

    def fit(**options):
        return fit_baselines(*frames, *options.pop("y", ys[:2]), **options)

    with pytest.raises(DescendError, match="unknown task 'regresion'. Did you mean 'regression'"):
        fit(task="regresion")
    with pytest.raises(DescendError, match="unknown baseline 'ols'"):
        fit(task="regression", names=["ols"])
    for options in (
        {"task": "quantiles"},
        {"task": "regression", "quantiles": (0.5,)},
        {"task": "quantiles", "quantiles": (0.9, 0.1)},
        {"task": "quantiles", "quantiles": (0.5, 1.0)},
    ):
        with pytest.raises(DescendError, match="ascending numbers in"):
            fit(**options)
    with pytest.raises(DataError, match="training part has 60 rows, and a target of shape"):
        fit(task="regression", y=[ys[0][:5], ys[1]])


def test_lightgbm_is_left_out_where_it_is_not(monkeypatch):
    monkeypatch.setattr(baselines, "_has_lightgbm", lambda: False)
    frame, y = made("regression", 100)
    frames, ys = parts(frame, y)
    found = fit_baselines(*frames, *ys[:2], task="regression")
    assert [b.name for b in found] == ["mean", "linear", "boosting"]
    with pytest.raises(MissingExtraError, match="LightGBM"):
        fit_baselines(*frames, *ys[:2], task="regression", names=["lightgbm"])


def test_lightgbm_takes_any_column_name_and_is_the_same_for_a_seed():
    pytest.importorskip("lightgbm")
    frame, y = made("classification", 400)
    frames, ys = parts(frame.rename(columns={"x": 'a "[x]", {b}:c'}), y)
    first, second = (
        fit_baselines(*frames, *ys[:2], task="classification", names=["lightgbm"], seed=3)[0]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.test, second.test)
    assert roc_auc_score(ys[2], first.test[:, 1]) > 0.6
