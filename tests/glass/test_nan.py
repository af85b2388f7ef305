"""Where NaN came from: the operation is the one that was planted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import (
    Dense,
    Input,
    LayerNormalization,
    Model,
    MultiHeadAttention,
    Sequential,
    SimpleRNN,
)
from descend.errors import DescendError, DivergenceError, NotFittedError
from descend.glass.operations.nan import where_nan
from descend.nn.layers.base import Layer
from descend.train.rules import SGD

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) > 0).astype(np.float32)


@pytest.mark.parametrize(
    ("function", "argument", "operation", "kind", "index", "stage"),
    [
        (lambda x: jnp.sum(jnp.log(x - 0.5)), [0.7, 0.2], "log", "nan", (1,), "forward pass"),
        (lambda x: jnp.mean(1 / (x - 0.2)), [0.7, 0.2], "div", "inf", (1,), "forward pass"),
        (lambda x: jnp.exp(x) / jnp.sum(jnp.exp(x)), [1, 99], "exp", "inf", (1,), "forward pass"),
        (lambda x: jnp.sum(x ** jnp.float32(0.5)), [4, -1], "pow", "nan", (1,), "forward pass"),
        # finite itself, not so its slope at zero
        (lambda x: jnp.sqrt(jnp.sum(x**2)), [0.0, 0.0], "div", "inf", (), "backward pass"),
        # the guard comes too late: the branch not taken still carries 0 * inf back
        (
            lambda x: jnp.sum(jnp.where(x > 0, jnp.sqrt(x), 0.0)),
            [1.0, 0.0],
            "div",
            "inf",
            (1,),
            "backward pass",
        ),
        (lambda x: jax.lax.scan(lambda h, v: (h * v, h), 1.0, x)[0], [1e30, 1e30, 2.0], "mul",
         "inf", (), "forward pass"),
        (lambda x: jax.lax.cond(x[0] > 0, jnp.log, jnp.exp, x[1]), [1.0, 0.0], "log", "-inf", (),
         "forward pass"),
    ],
)  # fmt: skip
def test_the_planted_operation_is_found(function, argument, operation, kind, index, stage):
    found = where_nan(function, np.asarray(argument, np.float32))
    assert (found.operation, found.kind, found.index, found.stage) == (
        operation,
        kind,
        index,
        stage,
    )
    assert all(np.isfinite(v).all() for v in found.inputs.values())
    assert found.line.startswith("test_nan.py:")
    assert found.cure in str(found)


def test_what_is_finite_has_no_origin():
    def masked(x):  # an infinity that does no harm
        return jax.nn.softmax(jnp.where(jnp.array([True, False]), x, -jnp.inf)).max()

    assert where_nan(masked, np.array([1.0, 500.0], np.float32)) is None
    assert where_nan(lambda x: x // 2, np.array([4])) is None


def test_the_later_nan_is_told_apart_from_the_first_infinity():
    found = where_nan(lambda x: jnp.exp(x) - jnp.exp(x), np.float32(100))
    assert found.operation == "exp"
    assert " - " in found.then
    assert where_nan(lambda x: jnp.log(x), np.float32(-1)).then == ""


def test_an_argument_that_is_not_finite_is_the_origin():
    found = where_nan(lambda a, b: jnp.sum(a * b), np.ones(2, np.float32), np.array([1, np.nan]))
    assert (found.name, found.operation, found.index) == ("b", None, (1,))
    assert str(found) == "b holds nan at [1] before anything is computed"


class Reciprocal(Layer):
    """1 / x, which a layer should not do."""

    def build(self, input_shape):
        return input_shape

    def apply(self, params, state, x, *, key=None, training=False):
        return 1 / x, state


def log_loss(y, p):
    """The cross-entropy as it is written on the board: log of a rounded probability."""
    return jnp.sum(-y * jnp.log(p) - (1 - y) * jnp.log(1 - p), axis=1)


def test_a_layer_is_named():
    model = Sequential(
        [
            Input((3,)),
            Dense(4, name="first", kernel_initializer="zeros"),
            Reciprocal(name="bad"),
            Dense(1, name="last"),
        ]
    )
    with pytest.raises(NotFittedError, match="compile"):
        where_nan(model, X, Y)
    model.compile("sgd", "mse")
    found = where_nan(model, X, Y)
    assert (found.layer, found.operation, found.stage) == ("bad", "div", "forward pass")
    assert found.line.startswith("test_nan.py:")
    assert "of layer 'bad'" in str(found)


def test_the_step_of_a_failed_fit_is_run_again():
    model = Sequential([Input((3,)), Dense(8, "relu", name="h"), Dense(1, "sigmoid", name="out")])
    model.compile(SGD(50.0), log_loss)
    with pytest.raises(DivergenceError, match="where_nan") as caught:
        model.fit(X * 10, Y, batch_size=8, epochs=20, verbose=0)
    found = where_nan(caught.value)
    assert (found.operation, found.stage, found.layer) == ("log", "forward pass", "")
    assert found.value.shape == (8, 1)
    np.testing.assert_array_equal(next(iter(found.inputs.values()))[found.index], 0)
    # the weights that the model keeps, those from before the epoch, may well be fine
    model.compile("sgd", "binary_crossentropy")
    assert where_nan(model, X, Y) is None


def test_an_update_that_overflows():
    i = Input((3,))
    model = Model(i, Dense(1, name="out")(i))
    model.compile(SGD(1e38), "mse")
    with pytest.raises(DivergenceError) as caught:
        model.fit(X, Y * 1e4, batch_size=40, epochs=3, verbose=0)
    found = where_nan(caught.value)
    assert (found.operation, found.stage, found.kind) == ("mul", "update", "inf")


@pytest.mark.parametrize("family", ["recurrent", "attention"])
def test_inside_the_layers_of_sequences(family):
    i = Input((5, 3))
    if family == "recurrent":
        h = SimpleRNN(4, activation="relu", name="bad")(i)
    else:
        h = MultiHeadAttention(2, 4, name="bad")(LayerNormalization(name="n")(i))
    model = Model(i, Dense(1, name="out")(h))
    model.compile("sgd", "mse")
    x = np.ones((4, 5, 3), np.float32) * X[:4, None]
    y = np.zeros((4, *model.output_shapes[0]), np.float32)
    assert where_nan(model, x, y) is None
    params = {name: dict(arrays) for name, arrays in model.params.items()}
    name = next(n for n in params["bad"] if "recurrent" in n or ("value" in n and "kernel" in n))
    params["bad"][name] = jnp.full_like(params["bad"][name], 3e38)
    model.params = params
    found = where_nan(model, x, y)
    assert found.layer.startswith("bad")
    assert found.stage == "forward pass"


def test_messages():
    with pytest.raises(DescendError, match="got int"):
        where_nan(3)
    with pytest.raises(DescendError, match="does not know the step"):
        where_nan(DivergenceError("a stream", None))
