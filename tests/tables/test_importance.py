"""Permutation importance and partial dependence against closed forms and scikit-learn."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import inspection
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from descend.errors import DescendError
from descend.tables.judging.importance import partial_dependence, permutation_importance


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    return x, y.to_numpy(float)


@pytest.fixture(scope="module")
def tree(diabetes):
    x, y = diabetes
    return DecisionTreeRegressor(max_depth=5, random_state=0).fit(x[:300], y[:300])


def test_of_a_linear_model_by_its_closed_form(diabetes):
    """Added squared error, mean over all permutations: 2 b^2 var(x) + 2 b cov(residual, x)."""
    x, y = diabetes
    model = LinearRegression().fit(x, y)
    found = permutation_importance(model.predict, x, y, "mse", repeats=200, resamples=20)
    off = y - model.predict(x)
    frame = found.to_frame().set_index("name")
    for name, b in zip(x.columns, model.coef_, strict=True):
        v = x[name].to_numpy()
        exact = 2 * b**2 * v.var() + 2 * b * np.mean(off * (v - v.mean()))
        # of 200 repeats the mean's own standard error, four of them
        error = 4 * frame.loc[name, "spread"] / np.sqrt(200)
        assert frame.loc[name, "importance"] == pytest.approx(exact, abs=error)
    assert frame["importance"].is_monotonic_decreasing
    assert found.value == pytest.approx(np.mean(off**2))


def test_against_scikit_learn(diabetes, tree):
    x, y = diabetes[0][300:], diabetes[1][300:]
    ours = permutation_importance(tree.predict, x, y, "r2", repeats=60, resamples=20)
    theirs = inspection.permutation_importance(
        tree, x, y, scoring="r2", n_repeats=60, random_state=1
    )
    frame = ours.to_frame().set_index("name").loc[list(x.columns)]
    # two means of 60 repeats each
    error = 4 * np.hypot(frame["spread"], theirs.importances_std) / np.sqrt(60)
    assert (np.abs(frame["importance"] - theirs.importances_mean) < error + 1e-12).all()
    assert ours.better == "higher"


def test_a_function_as_measure(diabetes, tree):
    x, y = diabetes[0][300:], diabetes[1][300:]
    how = {"repeats": 2, "resamples": 10, "seed": 3, "columns": ["bmi", "s5"]}
    named = permutation_importance(tree.predict, x, y, "mae", **how)
    own = permutation_importance(
        tree.predict, x, y, lambda y, p: np.mean(np.abs(y - p)), better="lower", **how
    )
    np.testing.assert_allclose(own.to_frame().iloc[:, 1:], named.to_frame().iloc[:, 1:], rtol=1e-9)


def one_hot(n=800, seed=0):
    rng = np.random.default_rng(seed)
    town = rng.integers(0, 3, n)
    x = pd.DataFrame(np.eye(3)[town], columns=["ulm", "bonn", "kiel"])
    x["size"] = rng.normal(size=n)
    y = np.array([0.0, 3.0, 6.0])[town] + x["size"].to_numpy()
    return x, y, lambda f: 3 * f["bonn"] + 6 * f["kiel"] + f["size"]


@pytest.mark.parametrize("seed", range(3))
def test_columns_of_a_block_move_together(seed):
    x, y, predict = one_hot(seed=seed)
    seen = []

    def watched(frame):
        seen.append(frame[["ulm", "bonn", "kiel"]].sum(axis=1))
        return predict(frame)

    blocks = {"town": ["ulm", "bonn", "kiel"], "size": ["size"]}
    found = permutation_importance(watched, x, y, "mse", columns=blocks, repeats=20, seed=seed)
    assert all((s == 1).all() for s in seen)  # always one town
    frame = found.to_frame().set_index("name")
    town = np.asarray(predict(x.assign(size=0.0)))
    # no residual: 2 var of what the block adds
    assert frame.loc["town", "importance"] == pytest.approx(2 * town.var(), rel=0.05)
    assert frame.loc["size", "importance"] == pytest.approx(2 * x["size"].var(), rel=0.1)
    assert (frame["low"] < frame["importance"]).all()
    assert (frame["importance"] < frame["high"]).all()
    assert found.blocks["town"] == ("ulm", "bonn", "kiel")


def test_intervals_shrink_with_rows_and_leave_a_useless_column_at_zero():
    widths = []
    for n in (200, 3200):
        x, y, predict = one_hot(n)
        x["idle"] = 1.0 * np.arange(n)
        noisy = y + np.random.default_rng(1).normal(0, 1, n)
        found = permutation_importance(predict, x, noisy, "mse", columns=["size", "idle"])
        frame = found.to_frame().set_index("name")
        assert frame.loc["idle", ["importance", "low", "high"]].tolist() == [0, 0, 0]
        widths.append(frame.loc["size", "high"] - frame.loc["size", "low"])
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.5)  # sixteen times the rows


def test_rows_are_drawn_and_seeds_repeat(diabetes, tree):
    x, y = diabetes
    sizes = set()

    def predict(frame):
        sizes.add(len(frame))
        return tree.predict(frame)

    how = {"columns": ["bmi"], "most_rows": 50, "resamples": 20}
    first = permutation_importance(predict, x, y, "mse", **how)
    assert sizes == {50}
    assert permutation_importance(predict, x, y, "mse", **how) == first
    assert permutation_importance(predict, x, y, "mse", seed=1, **how) != first
    described = json.loads(json.dumps(first.to_json(), allow_nan=False))
    assert described["blocks"] == {"bmi": ["bmi"]}


def test_types_and_labels_of_the_rows_are_kept():
    frame = pd.DataFrame(
        {
            "town": pd.Categorical(["a", "b", "a", None]),
            "day": pd.date_range("2024-01-01", periods=4),
            "kind": ["x", None, "y", "x"],
        },
        index=[3, 3, 1, 0],
    )
    seen = []

    def predict(f):
        seen.append(f)
        return f["town"].eq("a").to_numpy(float)

    permutation_importance(predict, frame, [1.0, 0, 1, 0], "mse", resamples=5)
    assert all((f.dtypes == frame.dtypes).all() for f in seen)
    before = frame.copy()
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("column", ["bmi", "sex", "s5"])
def test_partial_dependence_is_scikit_learns(diabetes, tree, column):
    x, _ = diabetes
    ours = partial_dependence(tree.predict, x, column, most_rows=None, curves=len(x))
    theirs = inspection.partial_dependence(
        tree,
        x,
        [column],
        kind="both",
        method="brute",
        custom_values={column: np.array(ours.values)},
    )
    np.testing.assert_allclose(ours.mean, theirs["average"][0], rtol=1e-12)
    np.testing.assert_allclose(ours.curves, theirs["individual"][0], rtol=1e-12)
    np.testing.assert_allclose(
        ours.spread, theirs["individual"][0].std(axis=0) / np.sqrt(len(x)), rtol=1e-9
    )
    assert set(ours.values) <= set(x[column])
    assert len(ours.values) == (2 if column == "sex" else 20)


def test_of_a_linear_model_it_is_a_line(diabetes):
    x, y = diabetes
    model = LinearRegression().fit(x, y)
    found = partial_dependence(model.predict, x, "bmi", values=[-0.1, 0.0, 0.1], most_rows=None)
    slope = model.coef_[list(x.columns).index("bmi")]
    np.testing.assert_allclose(np.diff(found.mean), 0.1 * slope)
    assert found.mean[1] == pytest.approx(model.predict(x.assign(bmi=0.0)).mean())


def test_grids_of_every_type():
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "rooms": rng.integers(1, 40, n),
            "garden": rng.random(n) < 0.3,
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], n, p=[0.5, 0.3, 0.2]),
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True
            ),
            "sold": pd.date_range("2020-01-01", periods=n),
            "debt": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        }
    )
    types = []

    def predict(f):
        types.append(f.dtypes)
        return f["rooms"] + 10 * f["garden"]

    found = {c: partial_dependence(predict, frame, c, points=5, curves=3) for c in frame}
    assert all((t == frame.dtypes).all() for t in types)
    assert len(found["rooms"].values) == 5
    np.testing.assert_allclose(found["rooms"].share, [0.05, 0.275, 0.5, 0.725, 0.95], atol=0.06)
    assert found["garden"].values == (False, True)
    assert np.diff(found["garden"].mean) == pytest.approx(10)
    assert found["town"].values == ("Bonn", "Kiel", "Ulm")
    assert sum(found["town"].share) == pytest.approx(1)
    assert found["grade"].values == ("low", "mid", "high")
    assert len(found["sold"].values) == 5
    assert np.isfinite(found["debt"].values).all()
    assert found["debt"].curves.shape == (3, 5)
    for result in found.values():
        json.dumps(result.to_json(), allow_nan=False)
        assert len(result.to_frame()) == len(result.values)
    few = partial_dependence(predict, frame, "town", points=2)
    assert len(few.values) == 2  # the most frequent


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda f, p: permutation_importance(p, f, [1.0], "mse"), "y: 1 rows"),
        (lambda f, p: permutation_importance(p, f, [1.0, 2], "mse", columns=["b"]), "column 'b'"),
        (lambda f, p: permutation_importance(p, f, [1.0, 2], "mse", repeats=0), "repeats"),
        (lambda f, p: permutation_importance(lambda f: [1.0], f, [1.0, 2], "mse"), "predict"),
        (lambda f, p: partial_dependence(p, f, "b"), "unknown column"),
        (lambda f, p: partial_dependence(lambda f: np.ones((len(f), 2)), f, "a"), "one number"),
        (lambda f, p: partial_dependence(p, f.assign(a=np.nan), "a"), "no values"),
        (lambda f, p: partial_dependence(p, f, "a", values=[]), "none was given"),
        (
            lambda f, p: partial_dependence(p, f.astype("category"), "a", values=[9.0]),
            "unknown level",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    with pytest.raises(DescendError, match=match):
        call(frame, lambda f: f["a"].astype(float))
