"""Metrics against scikit-learn, alone and through `evaluate`."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from descend import Dense, Input, Model, Sequential
from descend.errors import DescendError, ShapeError
from descend.nn import losses
from descend.train import metrics

N, K = 37, 4


def probabilities(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, K, N), rng.dirichlet(np.ones(K), N).astype(np.float32)


def test_accuracies_equal_scikit_learn():
    labels, p = probabilities()
    want = sk.accuracy_score(labels, p.argmax(axis=1))
    assert 0 < want < 1
    sparse = metrics.sparse_categorical_accuracy(jnp.asarray(labels), p)
    onehot = metrics.categorical_accuracy(np.eye(K, dtype=np.float32)[labels], jnp.asarray(p))
    for rows in (sparse, onehot):
        assert rows.shape == (N,)
        assert float(rows.mean()) == pytest.approx(want)
    y, q = (labels > 1)[:, None].astype(np.float32), p[:, :1] * 1.9
    binary = metrics.binary_accuracy(jnp.asarray(y), jnp.asarray(q))
    assert binary.shape == (N,)
    assert float(binary.mean()) == pytest.approx(sk.accuracy_score(y[:, 0], q[:, 0] > 0.5))


def test_binary_accuracy_of_several_outputs_is_their_mean():
    y = jnp.array([[1.0, 0.0], [1.0, 1.0]])
    p = jnp.array([[0.9, 0.9], [0.6, 0.7]])
    np.testing.assert_allclose(metrics.binary_accuracy(y, p), [0.5, 1.0])


def test_one_half_is_not_yet_a_one():
    y, p = jnp.array([[0.0], [1.0]]), jnp.full((2, 1), 0.5)
    np.testing.assert_array_equal(metrics.binary_accuracy(y, p), [1.0, 0.0])


@pytest.mark.parametrize(
    ("function", "y", "p"),
    [
        (metrics.binary_accuracy, (N,), (N, 1)),
        (metrics.binary_accuracy, (N, 1), (N,)),
        (metrics.categorical_accuracy, (N,), (N, K)),
        (metrics.categorical_accuracy, (N, 1), (N, K)),
        (metrics.sparse_categorical_accuracy, (N, K), (N, K)),
        (metrics.sparse_categorical_accuracy, (N, 1), (N, K)),
    ],
)
def test_nothing_is_broadcast(function, y, p):
    with pytest.raises(ShapeError, match="targets must have shape"):
        function(jnp.ones(y), jnp.ones(p))


def test_accuracy_takes_the_form_that_fits_the_loss():
    pick = lambda loss, classes: type(metrics.get("accuracy", losses.get(loss), classes))
    assert pick("binary_crossentropy", 1) is metrics.BinaryAccuracy
    assert pick("binary_crossentropy", 3) is metrics.BinaryAccuracy
    assert pick("mse", 1) is metrics.BinaryAccuracy
    assert pick("categorical_crossentropy", 3) is metrics.CategoricalAccuracy
    assert pick("sparse_categorical_crossentropy", 3) is metrics.SparseCategoricalAccuracy
    assert metrics.get("acc", losses.get("mse"), 1).name == "acc"


def regression_model(asked):
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("sgd", "mse", metrics=asked)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(N, 3)).astype(np.float32), rng.normal(size=(N, 2)).astype(np.float32)
    return model, x, y


@pytest.mark.parametrize("batch_size", [5, 37, 1000])
def test_regression_metrics_through_evaluate(batch_size):
    """The root of `rmse` is taken of the whole mean, not batch by batch."""
    model, x, y = regression_model(["rmse", "mae", "mean_squared_error"])
    logs = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
    p = model.predict(x)
    assert logs["rmse"] == pytest.approx(sk.root_mean_squared_error(y.ravel(), p.ravel()), rel=1e-5)
    assert logs["mae"] == pytest.approx(sk.mean_absolute_error(y, p), rel=1e-5)
    assert logs["mean_squared_error"] == pytest.approx(sk.mean_squared_error(y, p), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["mean_squared_error"], rel=1e-6)


def test_metrics_see_probabilities_where_training_sees_logits():
    model = Sequential([Input((3,)), Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "mse"])
    assert model.task.logits
    rng = np.random.default_rng(2)
    x = rng.normal(size=(N, 3)).astype(np.float32)
    y = rng.integers(0, 2, (N, 1)).astype(np.float32)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    p = model.predict(x)
    assert logs["accuracy"] == pytest.approx(sk.accuracy_score(y, p > 0.5))
    assert logs["mse"] == pytest.approx(sk.brier_score_loss(y[:, 0], p[:, 0]), rel=1e-5)
    assert logs["loss"] == pytest.approx(sk.log_loss(y[:, 0], p[:, 0]), rel=1e-5)


def test_metrics_are_not_weighted_but_the_cost_is():
    model, x, y = regression_model(["mse"])
    weight = np.linspace(0.1, 2, N)
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    p = model.predict(x)
    want = sk.mean_squared_error(y, p, sample_weight=weight)
    assert logs["loss"] == pytest.approx(want, rel=1e-5)
    assert logs["mse"] == pytest.approx(sk.mean_squared_error(y, p), rel=1e-5)


def test_a_metric_of_the_users():
    def largest_error(y, p):
        return jnp.max(jnp.abs(y - p), axis=1)

    model, x, y = regression_model([largest_error, losses.Huber(0.5)])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    want = np.abs(y - model.predict(x)).max(axis=1).mean()
    assert logs["largest_error"] == pytest.approx(want, rel=1e-5)
    assert "huber" in logs
    with pytest.raises(ShapeError, match="one number a row"):
        metrics.get(lambda y, p: jnp.ones(3), losses.get("mse"), 1).rows(y, y)


def test_several_outputs_prefix_their_metrics():
    first = Input((3,))
    model = Model(first, [Dense(2, name="a")(first), Dense(3, "softmax", name="b")(first)])
    model.compile(
        "sgd",
        {"a": "mse", "b": "sparse_categorical_crossentropy"},
        metrics={"a": ["rmse"], "b": ["accuracy"]},
    )
    rng = np.random.default_rng(3)
    x, ya = rng.normal(size=(N, 3)).astype(np.float32), rng.normal(size=(N, 2))
    yb = rng.integers(0, 3, N)
    logs = model.evaluate(x, {"a": ya, "b": yb}, verbose=0, return_dict=True)
    pa, pb = model.predict(x)
    assert logs["a_rmse"] == pytest.approx(sk.root_mean_squared_error(ya.ravel(), pa.ravel()), 1e-5)
    assert logs["b_accuracy"] == pytest.approx(sk.accuracy_score(yb, pb.argmax(axis=1)))
    assert logs["loss"] == pytest.approx(logs["a_loss"] + logs["b_loss"], rel=1e-6)


@pytest.mark.parametrize("wrong", ["acuracy", 3, None])
def test_unknown_metrics(wrong):
    with pytest.raises(DescendError, match="unknown metric"):
        metrics.get(wrong, losses.get("mse"), 1)
    if wrong == "acuracy":
        with pytest.raises(DescendError, match="Did you mean 'accuracy'"):
            metrics.get(wrong, losses.get("mse"), 1)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"name": "AUC", "args": [], "options": {"curv": "PR"}}, "Did you mean 'curve'"),
        ({"name": "AUC", "args": [], "options": []}, "arguments are given as a dict"),
        ({"name": "AUC", "args": 3}, "args must be a list"),
        ({"name": "PrecisionAtRecall"}, "missing a required argument: 'recall'"),
        ({"name": ["AUC"]}, "unknown metric"),
        ({"args": []}, "unknown metric None"),
    ],
)
def test_a_described_metric_with_a_wrong_argument(described, message):
    with pytest.raises(DescendError, match=message):
        metrics.get(described, losses.get("bce"), 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.AUC(num_thresholds="many"), "num_thresholds must be a whole number >= 2"),
        (lambda: metrics.AUC(thresholds=0.5), "thresholds must lie between 0 and 1"),
        (lambda: metrics.AUC(multi_label="yes"), "multi_label must be True or False"),
        (lambda: metrics.AUC(label_weights="even"), "label_weights must hold finite numbers"),
        (lambda: metrics.Precision("half"), "thresholds must lie between 0 and 1"),
        (lambda: metrics.Precision(top_k=0), "top_k must be a whole number >= 1 or None"),
        (lambda: metrics.Recall(class_id="b"), "class_id must be a whole number >= 0"),
        (lambda: metrics.PrecisionAtRecall(None), "recall must lie between 0 and 1"),
        (lambda: metrics.FBetaScore(beta="two"), "beta must be a finite number > 0"),
        (lambda: metrics.BinaryAccuracy(threshold=None), "threshold must lie between 0 and 1"),
        (lambda: metrics.R2Score(num_regressors=0.5), "num_regressors must be a whole number"),
        (lambda: metrics.MeanSquaredError(half=True), "unknown argument of MeanSquaredError"),
    ],
)
def test_wrong_numbers_of_metrics(make, message):
    with pytest.raises(DescendError, match=message):
        make()


def test_columns_that_are_not_there():
    with pytest.raises(DescendError, match="top_k=3 of"):
        metrics.Precision(top_k=3)([[0, 1]], [[0.2, 0.8]])
    with pytest.raises(DescendError, match="label_weights must be one for each of the 2"):
        metrics.AUC(multi_label=True, label_weights=[1.0])([[0, 1], [1, 0]], [[0.2, 0.8]] * 2)
