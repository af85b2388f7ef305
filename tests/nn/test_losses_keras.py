"""Losses by Keras's names equal Keras's numbers; losses that are the user's own code."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DescendError, ShapeError
from descend.nn import losses
from descend.nn.losses.user import require_mean

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's import warns about its own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)

DRAW = np.random.default_rng(0)
N, K = 11, 4
REAL = DRAW.normal(size=(N, K)), DRAW.normal(size=(N, K))
ABOVE = np.abs(REAL[0]), np.abs(REAL[1])
BITS = DRAW.integers(0, 2, (N, K)).astype(float), DRAW.uniform(0.02, 0.98, (N, K))
BIT_LOGITS = BITS[0], 3 * REAL[1]
ONE_HOT = np.eye(K)[DRAW.integers(0, K, N)], DRAW.dirichlet(np.ones(K), N)
LOGITS = ONE_HOT[0], 3 * REAL[1]
LABELS = ONE_HOT[0].argmax(axis=1), ONE_HOT[1]
SOFT = DRAW.dirichlet(np.ones(K), N), ONE_HOT[1]

# class, options, data
CASES = [
    ("MeanSquaredError", {}, REAL),
    ("MeanAbsoluteError", {}, REAL),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanSquaredLogarithmicError", {}, ABOVE),
    ("Huber", {}, REAL),
    ("Huber", {"delta": 0.3}, REAL),
    ("LogCosh", {}, REAL),
    ("CosineSimilarity", {}, REAL),
    ("Poisson", {}, ABOVE),
    ("KLDivergence", {}, SOFT),
    ("BinaryCrossentropy", {}, BITS),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, BITS),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, BIT_LOGITS),
    ("CategoricalCrossentropy", {}, ONE_HOT),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, ONE_HOT),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, LOGITS),
    ("SparseCategoricalCrossentropy", {}, LABELS),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, (LABELS[0], LOGITS[1])),
    ("BinaryFocalCrossentropy", {}, BITS),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5}, BIT_LOGITS),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "label_smoothing": 0.1}, BITS),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT),
    ("CategoricalFocalCrossentropy", {"alpha": 0.4, "gamma": 1.0}, ONE_HOT),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, LOGITS),
    ("Hinge", {}, BIT_LOGITS),
    ("SquaredHinge", {}, (2 * BITS[0] - 1, REAL[1])),
    ("CategoricalHinge", {}, LOGITS),
]
CLOSE = {"rtol": 2e-5, "atol": 1e-6}  # float32 on both sides, formulas in another order


@pytest.mark.parametrize(("name", "options", "data"), CASES)
def test_numbers_equal_keras(name, options, data):
    y, p = (a.astype(np.float32) if a.dtype == float else a for a in data)
    with jax.numpy_rank_promotion("allow"):
        theirs = getattr(keras.losses, name)(reduction="none", **options)(y, p)
        mean = getattr(keras.losses, name)(**options)(y, p)
    loss = getattr(losses, name)(**options)
    np.testing.assert_allclose(loss.rows(y, p), theirs, **CLOSE)
    np.testing.assert_allclose(loss(y, p), mean, **CLOSE)
    none = getattr(losses, name)(reduction="none", name="x", **options)
    np.testing.assert_allclose(none(y, p), theirs, **CLOSE)
    total = getattr(losses, name)(reduction="sum", **options)
    np.testing.assert_allclose(total(y, p), np.sum(theirs), **CLOSE)
    if not options:  # by Keras's name, and back from JSON
        assert losses.get(name) == loss
    assert losses.get(losses.describe(loss)) == loss


FUNCTIONS = {losses.base.snake(n).replace("kldiv", "kl_div"): d for n, o, d in CASES if not o}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_equal_keras(name):
    function = getattr(losses, name)
    y, p = (a.astype(np.float32) if a.dtype == float else a for a in FUNCTIONS[name])
    shapes = [lambda a: a, lambda a: a[:6].reshape(2, 3, *a.shape[1:])]
    for fold in shapes:
        with jax.numpy_rank_promotion("allow"):
            want = getattr(keras.losses, name)(fold(y), fold(p))
        np.testing.assert_allclose(function(fold(y), fold(p)), want, **CLOSE)
    assert isinstance(losses.get(function), function.loss)  # compile(loss=mean_squared_error)


def test_functions_of_a_column_against_a_vector():
    y, p = np.arange(3.0), np.ones((3, 1))
    with jax.numpy_rank_promotion("allow"):
        want = keras.losses.mean_squared_error(y, p)
    np.testing.assert_allclose(losses.mean_squared_error(y, p), want)
    np.testing.assert_allclose(losses.mean_squared_error([1.0, 2.0], [2.0, 4.0]), 2.5)
    with pytest.raises(ShapeError, match="must be equal"):
        losses.mean_squared_error(np.ones((3, 2)), np.ones((3, 3)))
    with pytest.raises(DescendError, match="axis"):
        losses.cosine_similarity(y, y, axis=0)


def test_bad_options():
    with pytest.raises(DescendError, match="Did you mean 'delta'"):
        losses.get({"name": "huber", "delt": 1.0})
    for bad in ({"name": ["huber"]}, {"name": "huber", "delta": "a"}, {}):
        with pytest.raises(DescendError):
            losses.get(bad)
    for make in (lambda: losses.Quantile(3), lambda: losses.BinaryCrossentropy("logits")):
        with pytest.raises(DescendError, match="must"):
            make()
    with pytest.raises(DescendError, match="label_smoothing"):
        losses.BinaryCrossentropy(label_smoothing=1.5)
    with pytest.raises(DescendError, match="reduction must be one of"):
        losses.MeanSquaredError(reduction="average")


# -- the user's own ---------------------------------------------------------------------------


def test_a_class_with_call_as_in_keras():
    class Scaled(losses.Loss):
        def __init__(self, scale=2.0, name="scaled"):
            super().__init__(name=name)
            self.scale = scale

        def call(self, y_true, y_pred):
            return self.scale * jnp.mean(jnp.square(y_true - y_pred), axis=-1)

    y, p = (a.astype(np.float32) for a in REAL)
    np.testing.assert_allclose(Scaled(3.0)(y, p), 3 * np.mean((y - p) ** 2), rtol=1e-5)
    assert losses.describe(Scaled()) is None
    assert losses.get(Scaled) is not None
    with pytest.raises(DescendError, match="write a method call"):
        type("Empty", (losses.Loss,), {})()(y, p)


@pytest.mark.parametrize(
    "function",
    [
        lambda y, p: jnp.mean(jnp.abs(y - p), axis=-1),
        lambda y, p: jnp.abs(y - p),  # Keras averages what is left
        lambda y, p: jnp.mean(jnp.abs(y - p)),  # a scalar that is the mean over rows
    ],
)
def test_what_a_function_may_return(function):
    y, p = (a.astype(np.float32) for a in REAL)
    require_mean(function, y, p, "it")
    rows = losses.get(function).rows(y, p)
    np.testing.assert_allclose(rows, np.abs(y - p).mean(axis=1), rtol=1e-5)


def test_what_a_function_may_not_return():
    y, p = (a.astype(np.float32) for a in REAL)
    with pytest.raises(DescendError, match="not the mean of what it gives for single rows"):
        require_mean(lambda y, p: jnp.sqrt(jnp.mean((y - p) ** 2)), y, p, "it")
    with pytest.raises(DescendError, match="must be written with jax.numpy"):
        require_mean(lambda y, p: np.mean(np.abs(y - p)), y, p, "it")
    with pytest.raises(DescendError, match="must be written with jax.numpy"):
        require_mean(lambda y, p: p if float(p.sum()) > 0 else y, y, p, "it")
    with pytest.raises(ShapeError, match="one number a row"):
        losses.get(lambda y, p: jnp.ones(3)).rows(y, p)
