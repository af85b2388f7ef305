"""The estimators under scikit-learn's own checks, and in its tools."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import d2_pinball_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from descend.errors import DataError, DataWarning, DescendError
from descend.tables.estimators import TabularClassifier, TabularRegressor
from descend.tables.heads import HEADS

SMALL = {"hidden": (16,), "members": 2, "epochs": 20, "batch_size": 32}
PLAIN = {"recipe": "mlp", "hidden": (16,), "epochs": 20, "batch_size": 32, "learning_rate": 0.01}
FAILING = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a weight multiplies a row's cost; a row that stands there twice also makes other "
        "mini-batches, another held-out part and another scaling of the columns"
    )
}


@parametrize_with_checks(
    [TabularClassifier(**PLAIN), TabularRegressor(**PLAIN)],
    expected_failed_checks=lambda _: FAILING,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [TabularClassifier(**SMALL), TabularRegressor(**SMALL)],
    expected_failed_checks=lambda _: FAILING,
)
def test_checks_of_scikit_learn_on_the_full_recipe(estimator, check):
    check(estimator)


def test_weights_and_repeated_rows_lead_to_the_same_answer():
    """What stands in for the check that is expected to fail: where there is one best answer.

    A linear network has one: the logit of the weighted rows, here by scikit-learn.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    p = 1 / (1 + np.exp(-(2 * x[:, 0] - x[:, 1])))
    y = (rng.random(300) < p).astype(int)
    times = rng.integers(1, 4, 300)
    again = np.repeat(np.arange(300), times)
    asked = {"recipe": "mlp", "hidden": (), "epochs": 150, "learning_rate": 0.02}
    rows = {"validation": (x[again], y[again])}  # so that both judge by the same rows
    weighed = TabularClassifier(**asked).fit(x, y, sample_weight=times, **rows)
    repeated = TabularClassifier(**asked).fit(x[again], y[again], **rows)
    logit = LogisticRegression(C=np.inf, tol=1e-8).fit(x, y, sample_weight=times)
    for model in (weighed, repeated):
        # Adam at a constant rate of .02 rocks about the optimum by about half a step
        np.testing.assert_allclose(model.predict_proba(x), logit.predict_proba(x), atol=0.02)


def test_a_row_of_weight_zero_is_not_there():
    rng = np.random.default_rng(1)
    x, zero = rng.normal(size=(120, 2)), np.where(np.arange(120) < 80, 1.0, 0.0)
    y = (x[:, 0] > 0).astype(int)
    without = TabularClassifier(**PLAIN).fit(x[:80], y[:80], sample_weight=np.ones(80))
    with_zeros = TabularClassifier(**PLAIN).fit(x, y, sample_weight=zero)
    np.testing.assert_array_equal(without.predict_proba(x), with_zeros.predict_proba(x))


def mixed(n=240, seed=0):
    """Numbers with gaps, text and truth values; a class and a number made of them."""
    rng = np.random.default_rng(seed)
    income, town = rng.normal(30, 10, n), rng.choice(["Ulm", "Bonn", "Kiel"], n)
    owner = rng.random(n) < 0.5
    z = 0.2 * (income - 30) + 2.0 * (town == "Bonn") - 1.0 * owner
    frame = pd.DataFrame(
        {"income": np.where(rng.random(n) < 0.1, np.nan, income), "town": town, "owner": owner}
    )
    label = np.where(z + rng.logistic(size=n) > 0.3, "paid", "default")
    return frame, label, z + rng.normal(0, 0.3, n)


@pytest.fixture(scope="module")
def classifier():
    frame, label, _ = mixed()
    return TabularClassifier(**SMALL).fit(frame, label)


def test_a_frame_of_mixed_columns(classifier):
    frame, label, _ = mixed()
    new, truth, _ = mixed(seed=1)
    assert list(classifier.classes_) == ["default", "paid"]
    assert list(classifier.feature_names_in_) == ["income", "town", "owner"]
    assert classifier.n_features_in_ == 3
    p = classifier.predict_proba(new)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    assert (classifier.predict(new) == classifier.classes_[p.argmax(axis=1)]).all()
    # the law is a logit in three columns: a logistic regression on the true ones is the bound
    made = lambda f: np.column_stack([f.income.fillna(30), f.town == "Bonn", f.owner]).astype(float)
    bound = LogisticRegression(max_iter=1000).fit(made(frame), label).score(made(new), truth)
    assert classifier.score(new, truth) > bound - 0.06


def test_members_and_their_spread(classifier):
    new = mixed(seed=2)[0]
    each = classifier.predict_members(new)
    assert each.shape == (2, 240, 2)
    np.testing.assert_allclose(each.mean(axis=0), classifier.predict_proba(new), atol=1e-12)
    half = np.abs(each[0] - each[1]) / 2  # the standard deviation of two numbers
    np.testing.assert_allclose(classifier.spread(new), half, atol=1e-12)
    assert half.max() > 0
    alone = TabularRegressor(**{**SMALL, "members": 1, "epochs": 2}).fit(
        new[["income"]], half[:, 0]
    )
    assert not alone.spread(new[["income"]]).any()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_predicts_bit_equal(classifier, copied):
    new = mixed(seed=3)[0]
    other = copied(classifier)
    assert other.model_ is not classifier.model_
    np.testing.assert_array_equal(other.predict_proba(new), classifier.predict_proba(new))
    assert other.best_epoch_ == classifier.best_epoch_
    assert other.history_.history == classifier.history_.history
    assert not hasattr(clone(classifier), "model_")


def test_a_pickle_holds_no_code_of_the_network(classifier):
    """The network is bytes of safetensors: the pickle names only descend's plain classes."""
    import pickletools

    named = {
        argument.split(" ")[0]
        for op, argument, _ in pickletools.genops(pickle.dumps(classifier, protocol=2))
        if op.name == "GLOBAL"
    }
    assert not {name for name in named if name.startswith(("jax", "descend.nn", "optax"))}


def test_in_a_pipeline_a_grid_search_and_cross_validation():
    frame, label, number = mixed(n=120)
    scaled = ColumnTransformer(
        [("scaled", StandardScaler(), ["income"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(scaled, TabularClassifier(**{**PLAIN, "epochs": 3}))
    scores = cross_val_score(pipeline, frame, label, cv=2, error_score="raise")
    assert scores.shape == (2,)
    grid = GridSearchCV(
        TabularRegressor(**{**PLAIN, "epochs": 30}),
        {"learning_rate": [1e-7, 0.02]},
        cv=2,
        error_score="raise",
    ).fit(frame, number)
    assert grid.best_params_ == {"learning_rate": 0.02}
    assert grid.best_score_ > 0.5
    assert grid.predict(frame).shape == (120,)


def test_class_weights_move_the_decision():
    frame, label, _ = mixed()
    rare = np.flatnonzero((label == "paid") | (np.arange(240) % 5 == 0))
    frame, label = frame.iloc[rare], label[rare]
    share = {}
    for weights in (None, "balanced", {"default": 20.0, "paid": 1.0}):
        model = TabularClassifier(class_weight=weights, **PLAIN).fit(frame, label)
        share[str(weights)] = (model.predict(frame) == "default").mean()
    assert share["None"] < share["balanced"] < share[str({"default": 20.0, "paid": 1.0})]


def test_every_task_predicts_in_its_units():
    frame, _, number = mixed()
    rng = np.random.default_rng(5)
    targets = {
        "regression": np.stack([number, 100 + 10 * number], axis=1),
        "count": rng.poisson(np.exp(0.4 * number)).astype(float),
        "share": 1 / (1 + np.exp(-number)),
        "quantile": number,
        "censored": np.maximum(number, 0),
    }
    assert {*targets, "classification"} == set(HEADS)
    for task, y in targets.items():
        model = TabularRegressor(task=task, **PLAIN).fit(frame, y)
        said = model.predict(frame)
        assert said.shape == ((240, 3) if task == "quantile" else y.shape)
        assert model.score(frame, y) > 0.15, task
        if task in ("count", "censored", "share"):
            assert (said >= 0).all()
        if task == "quantile":
            assert (np.diff(said, axis=1) >= 0).all()
            by_hand = [d2_pinball_score(y, said[:, i], alpha=a) for i, a in enumerate(model.levels)]
            assert model.score(frame, y) == pytest.approx(np.mean(by_hand))


def test_validation_rows_of_the_users_own():
    frame, label, _ = mixed()
    other, truth, _ = mixed(seed=7)
    model = TabularClassifier(**PLAIN).fit(frame, label, validation=(other, truth))
    p = model.predict_proba(other)[np.arange(240), np.searchsorted(model.classes_, truth)]
    costs = model.history_.history["val_loss"]
    # of the weights put back: the mean of -log p on these rows is the smallest cost seen
    assert -np.log(p).mean() == pytest.approx(min(costs), rel=1e-5)
    assert model.best_epoch_ == int(np.argmin(costs)) + 1


def test_levels_and_gaps_that_training_had_none_of_are_neither_extreme_nor_noise():
    """A missing rating once was told as the best; the vector of a new town was never trained."""
    rng = np.random.default_rng(0)
    grades = pd.CategoricalDtype(["AAA", "A", "B"], ordered=True)
    rating = pd.Series(rng.choice(["AAA", "A", "B"], 120)).astype(grades)
    town = rng.choice([f"t{i:02}" for i in range(12)], 120)
    frame = pd.DataFrame({"rating": rating, "town": town, "x": rng.normal(size=120)})
    y = rating.cat.codes + 0.1 * frame["x"]
    options = {"hidden": (8,), "members": 1, "epochs": 40, "periodic": False, "batch_size": 30}
    model = TabularRegressor(**options).fit(frame, y, validation=(frame, y))

    (vectors,) = [w["embeddings"] for w in model.model_.params.values() if "embeddings" in w]
    every = model.encoder_.transform(frame)[0].codes[:, 0]
    np.testing.assert_allclose(vectors[0], vectors[every].mean(axis=0), rtol=1e-5, atol=1e-6)

    of = {
        g: model.predict(frame.assign(rating=pd.Categorical([g] * 120, dtype=grades))).mean()
        for g in grades.categories
    }
    lost = frame.assign(rating=None, town="t99")
    with pytest.warns(DataWarning) as told:
        missing = model.predict(lost)
    assert of["AAA"] + 0.3 < missing.mean() < of["B"] - 0.3, of
    lines = str(told[0].message).splitlines()[1:]
    # one place makes the remarks, for the command line too
    assert [line.strip() for line in lines] == model.encoder_.remarks(
        model.encoder_.transform(lost)[1]
    )
    assert "rating: 120 missing, which no training row is" in lines[0]
    assert "town: 120 of a level that training did not see" in lines[1]
    with pytest.warns(DataWarning, match="told as the average"):
        np.testing.assert_array_equal(model.predict(lost.assign(rating="CCC")), missing)


def test_polars_frames_and_arrays_in_place_of_frames():
    polars = pytest.importorskip("polars")
    frame, label, _ = mixed()
    plain = frame[["income", "owner"]].fillna(30.0)
    model = TabularClassifier(**{**PLAIN, "epochs": 3}).fit(plain, label)
    other = TabularClassifier(**{**PLAIN, "epochs": 3}).fit(polars.from_pandas(plain), label)
    assert list(other.feature_names_in_) == ["income", "owner"]
    np.testing.assert_array_equal(
        other.predict_proba(polars.from_pandas(plain)), model.predict_proba(plain)
    )
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        found = model.predict_proba(plain.to_numpy(float))
    np.testing.assert_array_equal(found, model.predict_proba(plain))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x.set_axis(["a", "a", "b"], axis=1), y), "more than one column called 'a'"),
        (lambda x, y: (x.assign(income=np.inf), y), "infinite"),
        (lambda x, y: (x.iloc[:1], y[:1]), "n_samples=1"),
        (lambda x, y: (x[[]], y), r"0 column\(s\)"),
        (lambda x, y: (x.assign(income=1, town="Ulm", owner=True), y), "no column is left"),
        (lambda x, y: (x, np.full(len(y), "paid")), "are of the class 'paid'"),
        (
            lambda x, y: (x, np.where(np.arange(len(y)) == 7, None, np.asarray(y, object))),
            r"y is missing in 1 of 40 rows, the first in row 7",
        ),
        (lambda x, y: (x, y[:-1]), "inconsistent numbers of samples"),
    ],
)
def test_bad_data_are_value_errors(change, message):
    """As scikit-learn's tools expect, and as everywhere here: a DataError is both."""
    frame, label, _ = mixed(n=40)
    x, y = change(frame, label)
    with pytest.raises(DataError, match=message) as raised:
        TabularClassifier(**PLAIN).fit(x, y)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": None}, "Expected 2D array"),
        ({"y": None}, "the target y is None"),
        ({"y": {"a": 1}}, "float"),
        ({"sample_weight": np.full(40, -1.0)}, "Negative values"),
        ({"sample_weight": np.full(40, np.nan)}, "NaN"),
        ({"sample_weight": "heavy"}, "could not convert"),
        ({"validation": 3}, r"validation must be \(X, y\)"),
        ({"validation": (np.ones((3, 2)), np.ones(2))}, "inconsistent numbers of samples"),
    ],
)
def test_what_scikit_learns_checks_refuse_is_a_data_error(given, message):
    arguments = {"X": np.ones((40, 2)), "y": np.ones(40), **given}
    with pytest.raises(DataError, match=message):
        TabularRegressor(**PLAIN).fit(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "mpl"}, "Did you mean 'mlp'"),
        ({"hidden": (0,)}, "hidden: units must be a whole number >= 1, got 0"),
        ({"validation_share": 1.5}, "validation_share must lie between 0 and 1"),
        ({"validation_share": "a fifth"}, "validation_share must lie between 0 and 1"),
        ({"task": "counts"}, "task must be one of"),
        ({"hidden": 64}, "hidden must be the units of each layer"),
        ({"learning_rate": "fast"}, "learning rate must be a number > 0"),
        ({"dropout": None, "l2": "much"}, "l2 must be a number >= 0"),
        ({"random_state": "a"}, "cannot be used to seed"),
        ({"kinds": 3}, "kinds must be a dict"),
        ({"task": "quantile", "levels": 0.5}, "quantile levels must be numbers between 0 and 1"),
        ({"kinds": {"income": "numbr"}}, "Did you mean 'number'"),
        ({"kinds": {"incom": "number"}}, "income"),
    ],
)
def test_bad_options(options, message):
    frame, _, number = mixed(n=40)
    with pytest.raises(DescendError, match=message):
        TabularRegressor(**{**PLAIN, **options}).fit(frame, number)


def test_validation_with_a_class_that_training_has_not():
    frame, label, _ = mixed(n=40)
    strange = np.where(np.arange(40) == 0, "late", label)
    with pytest.raises(DataError, match="the class 'late', training does not"):
        TabularClassifier(**PLAIN).fit(frame, label, validation=(frame, strange))


def test_weights_of_validation_rows_choose_the_epoch():
    """A row of weight 3 is three rows, also among those that the best epoch is chosen by."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = x[:, 0] + rng.normal(size=120)
    times = np.resize([1, 2, 3], 40)
    rows = np.repeat(np.arange(80, 120), times)
    weighted, repeated = (
        TabularRegressor(recipe="mlp", hidden=(4,), epochs=6).fit(x[:80], y[:80], validation=checks)
        for checks in ((x[80:], y[80:], times), (x[rows], y[rows]))
    )
    ours, theirs = (m.history_.history["val_loss"] for m in (weighted, repeated))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)  # float32
