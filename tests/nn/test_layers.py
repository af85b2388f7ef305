"""The layer contract, one suite over every layer; and each layer against its PyTorch peer.

To add a layer: lines in CASES (two configurations or more), and in PEERS where PyTorch has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import differences

from descend.errors import DescendError, ShapeError
from descend.nn import activations, initializers, layers
from descend.nn.graph import Graph, Input
from descend.nn.layers import (
    Activation,
    Add,
    Concatenate,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    Layer,
    PReLU,
    Reshape,
)
from descend.nn.regularizers import L1L2
from descend.train.runtime import quick_compile

BATCH = 6
jit = partial(jax.jit, compiler_options=quick_compile())  # compiled for one call each


@dataclass(frozen=True)
class Case:
    """A layer, the shape(s) it is built for, and the output shape worked out by hand.

    `kinked` layers are compared with finite differences at whole multiples of .1 away from 0, so
    that no difference straddles a kink (the step is 1e-5).
    """

    make: Callable[[], Layer]
    input_shape: Any
    output_shape: tuple[int, ...]
    parameters: int = 0
    kinked: bool = False

    @property
    def several(self) -> bool:
        return isinstance(self.input_shape[0], tuple) if self.input_shape else False


SIGMOID_2 = partial(activations.sigmoid, beta=2.0)
PENALTY = L1L2(0.1, 0.2)
NORMAL = initializers.Normal(0.5)

CASES: dict[str, Case] = {
    "dense": Case(lambda: Dense(4), (3,), (4,), 16),
    "dense tanh": Case(lambda: Dense(5, "tanh"), (3,), (5,), 20),
    "dense no bias": Case(lambda: Dense(2, use_bias=False), (3,), (2,), 6),
    "dense sequence": Case(lambda: Dense(4, "gelu"), (7, 3), (7, 4), 16),
    "dense one": Case(lambda: Dense(1, SIGMOID_2), (1,), (1,), 2),
    "dense penalised": Case(
        lambda: Dense(3, "softmax", kernel_regularizer=PENALTY, bias_initializer=NORMAL),
        (4,),
        (3,),
        15,
    ),
    "dense orthogonal": Case(
        lambda: Dense(3, "softplus", kernel_initializer="orthogonal"), (4,), (3,), 15
    ),
    "activation tanh": Case(lambda: Activation("tanh"), (5,), (5,)),
    "activation hard_tanh": Case(lambda: Activation("hard_tanh"), (2, 5), (2, 5), kinked=True),
    "activation softmax": Case(lambda: Activation("softmax"), (5,), (5,)),
    "activation partial": Case(lambda: Activation(SIGMOID_2), (2, 3), (2, 3)),
    "prelu": Case(lambda: PReLU(), (5,), (5,), 5, kinked=True),
    "prelu two axes": Case(lambda: PReLU(initializers.Normal(0.3)), (2, 3), (2, 3), 6, kinked=True),
    "dropout": Case(lambda: Dropout(0.4), (5,), (5,)),
    "dropout zero": Case(lambda: Dropout(0.0), (2, 5), (2, 5)),
    "dropconnect": Case(lambda: DropConnect(4), (3,), (4,), 16),
    "dropconnect tanh": Case(
        lambda: DropConnect(4, "tanh", rate=0.2, use_bias=False), (3,), (4,), 12
    ),
    "flatten": Case(lambda: Flatten(), (2, 3, 4), (24,)),
    "flatten flat": Case(lambda: Flatten(), (5,), (5,)),
    "reshape": Case(lambda: Reshape((3, 4)), (12,), (3, 4)),
    "reshape -1": Case(lambda: Reshape((2, -1)), (4, 3), (2, 6)),
    "add": Case(lambda: Add(), ((4,), (4,)), (4,)),
    "add three": Case(lambda: Add(), ((2, 3), (2, 3), (2, 3)), (2, 3)),
    "concatenate": Case(lambda: Concatenate(), ((4,), (2,)), (6,)),
    "concatenate first": Case(lambda: Concatenate(axis=0), ((2, 3), (1, 3), (4, 3)), (7, 3)),
    "concatenate -2": Case(lambda: Concatenate(axis=-2), ((2, 3), (5, 3)), (7, 3)),
}
CLASSES = [cls for cls in (getattr(layers, n) for n in layers.__all__) if cls is not Layer]


def draw(case: Case, seed: int = 0, batch: int = BATCH, dtype: Any = np.float64) -> Any:
    """Inputs of a case: numbers .1, .2, ... with signs, in random order where it is kinked."""
    rng = np.random.default_rng(seed)

    def one(shape):
        if case.kinked:
            steps = rng.integers(1, 30, (batch, *shape)) * rng.choice([-1, 1], (batch, *shape))
            return jnp.asarray(steps * 0.1 + 0.05, dtype)  # .05 off 0, +-1
        return jnp.asarray(rng.standard_normal((batch, *shape)), dtype)

    return tuple(one(s) for s in case.input_shape) if case.several else one(case.input_shape)


def start(case: Case, dtype: Any = np.float32) -> tuple[Layer, Any, Any]:
    """The layer, with arrays of the shapes that `init` gives, filled by numpy: no compilation."""
    layer, rng = case.make(), np.random.default_rng(7)
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), case.input_shape))
    fill = lambda a: (0.3 + 0.5 * rng.standard_normal(a.shape)).astype(dtype)
    return layer, *jax.tree.map(fill, shapes)


def test_every_layer_has_two_cases_or_more():
    for cls in CLASSES:
        assert sum(type(case.make()) is cls for case in CASES.values()) >= 2, cls


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "_"))
def case(request):
    return CASES[request.param]


def test_build_gives_the_shape_that_apply_returns(case):
    layer, params, state = start(case)
    assert tuple(layer.build(case.input_shape)) == case.output_shape
    assert sum(a.size for a in jax.tree.leaves(params)) == case.parameters
    for batch in (1, BATCH):
        for training in (False, True):
            apply = partial(layer.apply, training=training, key=jax.random.key(1))
            x = draw(case, batch=batch, dtype=np.float32)
            y, after = jax.eval_shape(apply, params, state, x)
            assert y.shape == (batch, *case.output_shape)
            assert jax.tree.structure(after) == jax.tree.structure(state)


def test_jit_vmap_and_one_row_at_a_time_agree(case):
    """Rows do not see each other (no layer here normalises over the batch)."""
    layer, params, state = start(case)
    x = draw(case, dtype=np.float32)
    predict = lambda x: layer.apply(params, state, x)[0]
    y = predict(x)

    @jit
    def compiled(x):
        one = jax.tree.map(lambda a: a[:1], x)
        rows = jax.tree.map(lambda a: a[:, None], x)
        return predict(x), jax.vmap(predict)(rows)[:, 0], predict(one)

    for got, want in zip(compiled(x), (y, y, y[:1]), strict=True):
        # other compilations of one float32 formula: a few roundings
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def test_vmap_over_weights(case):
    """A sweep maps over parameters: member i must be what it is alone."""
    layer = case.make()
    x = draw(case, dtype=np.float32)
    keys = jax.random.split(jax.random.key(5), 3)

    def member(key):
        params, state = layer.init(key, case.input_shape)
        return layer.apply(params, state, x, key=key, training=True)[0]

    together, alone = jit(lambda keys: (jax.vmap(member)(keys), member(keys[2])))(keys)
    np.testing.assert_allclose(together[2], alone, rtol=2e-6, atol=1e-6)


def test_gradients_equal_finite_differences(case, x64):
    layer, params, state = start(case, np.float64)
    x, rng = draw(case), np.random.default_rng(1)
    weight = rng.standard_normal((BATCH, *case.output_shape))
    for training in (False, True) if layer.stochastic else (False,):

        def f(at, training=training):
            y, _ = layer.apply(at[0], state, at[1], key=jax.random.key(2), training=training)
            return jnp.sum(weight * y)

        gradient = jit(jax.grad(f))((params, x))
        differences.assert_gradient(jit(f), gradient, (params, x), rng)


def test_input_dtypes(case, x64):
    """Float32 weights; the output is as wide as the wider of weights and input, and finite."""
    layer, params, state = start(case)
    dtypes = (jnp.float32, jnp.float64, jnp.bfloat16)
    xs = [draw(case, dtype=dtype) for dtype in dtypes]

    @jit
    def run(xs):
        key = jax.random.key(0)
        return [layer.apply(params, state, x, key=key, training=True)[0] for x in xs]

    for dtype, y in zip(dtypes, run(xs), strict=True):
        assert y.dtype == (jnp.promote_types(dtype, jnp.float32) if params else dtype)
        assert np.isfinite(np.asarray(y, float)).all()


def test_init_is_a_function_of_the_key(case):
    layer = case.make()
    init = jit(lambda seed: layer.init(jax.random.key(seed), case.input_shape)[0])
    params, again, other = init(3), init(3), init(4)
    assert jax.tree.all(jax.tree.map(np.array_equal, params, again))
    if "kernel" in params:
        assert not np.array_equal(params["kernel"], other["kernel"])


def test_config_round_trip(case):
    """Through JSON, as a saved model holds it: the same weights drawn, bit-equal output."""
    layer = case.make()
    again = type(layer).from_config(json.loads(json.dumps(layer.config())))
    assert again.config() == layer.config()
    x = draw(case, dtype=np.float32)

    def outputs(layer):
        key = jax.random.key(9)
        params, state = layer.init(key, case.input_shape)
        return [layer.apply(params, state, x, key=key, training=t)[0] for t in (False, True)]

    for y, z in zip(
        jit(outputs, static_argnums=0)(layer),
        jit(outputs, static_argnums=0)(again),
        strict=True,
    ):
        np.testing.assert_array_equal(y, z)


SWEPT = [name for name, case in CASES.items() if case.make().numbers()]


@pytest.mark.parametrize("name", SWEPT)
def test_numbers_round_trip_while_traced(name):
    """What a sweep varies reaches `apply` and `penalty` as a traced array."""
    case = CASES[name]
    layer, params, state = start(case)
    x, key = draw(case, dtype=np.float32), jax.random.key(9)

    @jit
    def swept(values):
        changed = layer.with_numbers(values)
        return changed.apply(params, state, x, key=key, training=True)[0], changed.penalty(params)

    y, penalty = swept(layer.numbers())
    want, _ = layer.apply(params, state, x, key=key, training=True)
    np.testing.assert_allclose(y, want, rtol=2e-6, atol=1e-6)
    if penalty is not None:
        np.testing.assert_allclose(penalty, layer.penalty(params), rtol=2e-6)
    other = swept(jax.tree.map(lambda v: v / 4 + 0.31, layer.numbers()))
    assert not np.array_equal(other[0], y) or other[1] != penalty
    assert layer.with_numbers({}) is layer


@pytest.mark.parametrize("cls", CLASSES)
def test_an_unknown_field_is_refused(cls):
    with pytest.raises(DescendError, match="cannot be built"):
        cls.from_config({"no_such_field": 1})


def test_layers_are_immutable():
    with pytest.raises(AttributeError):
        Dense(3).units = 4


# -- against PyTorch ----------------------------------------------------------------------------


def _peers():
    """class -> rng -> (layer, input shape, f(params, x) in PyTorch with the same weights)."""
    import torch
    from torch.nn import functional as F

    forms = {
        "linear": lambda z: z,
        "tanh": torch.tanh,
        "relu": F.relu,
        "elu": F.elu,
        "gelu": F.gelu,
        "softplus": F.softplus,
        "softmax": partial(F.softmax, dim=-1),
    }

    def shape(rng, axes):
        return tuple(int(n) for n in rng.integers(1, 9, axes))

    def dense(rng, make=Dense):
        name, bias = rng.choice(list(forms)), bool(rng.integers(2))
        layer = make(int(rng.integers(1, 12)), str(name), use_bias=bias)

        def peer(p, x):
            return forms[name](F.linear(x, p["kernel"].T, p.get("bias")))

        return layer, shape(rng, rng.integers(1, 3)), peer

    def activation(rng):
        name = rng.choice(list(forms))
        return Activation(str(name)), shape(rng, 2), lambda p, x: forms[name](x)

    def prelu(rng):
        layer = PReLU(initializers.Normal(0.4))
        return layer, shape(rng, 1), lambda p, x: F.prelu(x, p["alpha"])

    def reshape(rng):
        a, b, c = shape(rng, 3)
        return Reshape((c, -1)), (a, b * c), lambda p, x: x.reshape(len(x), c, -1)

    def concatenate(rng):
        a, b, c, d = shape(rng, 4)
        axis = int(rng.choice([0, 1, -1, -2]))
        first = axis in (0, -2)
        shapes = ((a, c), (b, c)) if first else ((c, a), (c, b), (c, d))
        place = axis + 1 if axis >= 0 else axis
        return Concatenate(axis), shapes, lambda p, x: torch.cat(x, dim=place)

    def add(rng):
        s = shape(rng, 2)
        return Add(), (s,) * int(rng.integers(2, 5)), lambda p, x: sum(x)

    return {
        Dense: dense,
        DropConnect: partial(dense, make=DropConnect),
        Activation: activation,
        PReLU: prelu,
        Flatten: lambda rng: (Flatten(), shape(rng, 3), lambda p, x: torch.flatten(x, 1)),
        Reshape: reshape,
        Add: add,
        Concatenate: concatenate,
        Dropout: lambda rng: (Dropout(0.5), shape(rng, 2), lambda p, x: F.dropout(x, 0.5, False)),
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_forward_and_gradient_equal_pytorch(cls):
    """At prediction, same weights, 10 random configurations: 1e-5 relative in float32."""
    torch = pytest.importorskip("torch")
    make = _peers()[cls]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        layer, shape, peer = make(rng)
        whole = Case(lambda layer=layer: layer, shape, ())
        _, params, state = start(whole)
        x = draw(whole, seed, batch=int(rng.integers(1, 9)), dtype=np.float32)
        weight = rng.standard_normal((jax.tree.leaves(x)[0].shape[0], *layer.build(shape)))
        weight = weight.astype(np.float32)

        def f(params, x, layer=layer, state=state, weight=weight):
            y, _ = layer.apply(params, state, x)
            return jnp.sum(weight * y), y

        both = jit(jax.value_and_grad(f, argnums=(0, 1), has_aux=True))
        (_, y), gradients = both(params, x)
        to = lambda a: torch.tensor(np.asarray(a), requires_grad=True)
        p, t = jax.tree.map(to, params), jax.tree.map(to, x)
        out = peer(p, t)
        (out * torch.tensor(weight)).sum().backward()
        scale = float(np.abs(np.asarray(y)).max())
        np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-5, atol=1e-5 * scale)
        for ours, theirs in zip(jax.tree.leaves(gradients), jax.tree.leaves((p, t)), strict=True):
            want = theirs.grad.numpy()
            atol = 1e-5 * float(np.abs(want).max())
            np.testing.assert_allclose(ours, want, rtol=1e-5, atol=atol)


# -- random layers ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_a_share_and_scales_it(rate, seed):
    """scheidegger-2020, "Regularization in NN: Dropout"; 4.5 standard errors, see initialisers."""
    x = jnp.full((200, 100), 3.0)
    y, _ = Dropout(rate).apply({}, {}, x, key=jax.random.key(seed), training=True)
    y = np.asarray(y)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 3.0 / (1 - rate), rtol=1e-6)
    error = np.sqrt(rate * (1 - rate) / y.size)
    assert abs(kept.mean() - (1 - rate)) < 4.5 * error
    assert abs(y.mean() - 3.0) < 4.5 * 3.0 * error / (1 - rate)
    other, _ = Dropout(rate).apply({}, {}, x, key=jax.random.key(seed + 100), training=True)
    assert not np.array_equal(y, other)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_dropconnect_is_dense_on_average(rate, seed):
    """itam-2023, 1.7: E over masks of x (W * mask)/(1 - rate) + b is Dense; z-bound 4.5 each."""
    layer = DropConnect(4, rate=rate, bias_initializer=NORMAL)
    dense = Dense(4)
    params, _ = layer.init(jax.random.key(seed), (6,))
    x = jax.random.normal(jax.random.key(seed + 50), (3, 6))
    want, _ = dense.apply(params, {}, x)
    np.testing.assert_array_equal(layer.apply(params, {}, x)[0], want)  # at prediction: exactly
    count = 4000
    masked = lambda key: layer.apply(params, {}, x, key=key, training=True)[0]
    drawn = np.asarray(jit(jax.vmap(masked))(jax.random.split(jax.random.key(seed), count)))
    # Var sum_j x_j w_j m_j / (1 - rate) = rate / (1 - rate) sum_j (x_j w_j)^2
    variance = rate / (1 - rate) * np.square(x) @ np.square(params["kernel"])
    assert (np.abs(drawn.mean(axis=0) - want) < 4.5 * np.sqrt(variance / count)).all()
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.3)


def test_dropconnect_drops_weights_not_outputs():
    """One mask for the batch: equal rows stay equal, and single weights are missing."""
    layer = DropConnect(50, rate=0.5)
    params = {"kernel": jnp.ones((2, 50)), "bias": jnp.zeros(50)}
    y, _ = layer.apply(params, {}, jnp.ones((3, 2)), key=jax.random.key(0), training=True)
    np.testing.assert_array_equal(y[0], y[1])
    assert set(np.asarray(y[0]).tolist()) == {0.0, 2.0, 4.0}  # both, one or no weight dropped


@pytest.mark.parametrize("layer", [Dropout(0.5), DropConnect(2)])
def test_random_layers_need_a_key_in_training_only(layer):
    params, _ = layer.init(jax.random.key(0), (3,))
    x = jnp.ones((2, 3))
    layer.apply(params, {}, x)
    with pytest.raises(DescendError, match=r"needs a key.*key=jax.random.key"):
        layer.apply(params, {}, x, training=True)
    for rate in (-0.1, 1.0, 1.5):
        with pytest.raises(DescendError, match=r"rate must be in \[0, 1\)"):
            type(layer)(*(() if isinstance(layer, Dropout) else (2,)), rate=rate)


# -- formulas and errors ------------------------------------------------------------------------


def test_dense_is_the_lectures_matrix_product(x64):
    """hull-2023, "Vectorizing the Neural Network": a = ReLU(W x + b), W = kernel transposed."""
    layer = Dense(3, "relu")
    kernel, bias = np.arange(6.0).reshape(2, 3) - 2, np.array([0.5, -1.0, 2.0])
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    y, _ = layer.apply({"kernel": kernel, "bias": bias}, {}, x)
    want = np.maximum(0, [kernel.T @ row + bias for row in x])
    np.testing.assert_allclose(y, want, rtol=1e-14)


def test_prelu_with_slope_001_is_leaky_relu():
    """raviv-2022: "Leaky ReLU is a special case of parametric ReLU"."""
    layer = PReLU(initializers.Constant(0.01))
    params, _ = layer.init(jax.random.key(0), (5,))
    x = jnp.linspace(-2, 2, 20).reshape(4, 5)
    np.testing.assert_array_equal(layer.apply(params, {}, x)[0], activations.leaky_relu(x))
    assert (PReLU().init(jax.random.key(0), (5,))[0]["alpha"] == 0.25).all()


def test_dense_starts_with_zero_bias_and_glorot_kernel():
    params, state = Dense(200).init(jax.random.key(0), (100,))
    assert (params["bias"] == 0).all()
    assert float(jnp.abs(params["kernel"]).max()) <= np.sqrt(6 / 300)
    assert state == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "units must be a whole number >= 1"),
        (lambda: Dense(-3), "units must be a whole number >= 1"),
        (lambda: Dense(2.5), "units must be a whole number >= 1"),
        (lambda: Dense(3, "rellu"), "Did you mean 'relu'"),
        (lambda: Dense(3, kernel_initializer="gloro_uniform"), "Did you mean 'glorot_uniform'"),
        (lambda: Dense(3, kernel_regularizer="l4"), "unknown regularizer"),
        (lambda: Reshape((0,)), "whole numbers >= 1"),
        (lambda: Reshape((-1, -1)), "at most one -1"),
    ],
)
def test_bad_descriptions(make, message):
    with pytest.raises(DescendError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "shapes", "message"),
    [
        (lambda: Dense(3), [()], "(features,)"),
        (lambda: Dense(3), [(2,), (3,)], "takes one input"),
        (lambda: Reshape((5,)), [(4,)], "cannot reshape"),
        (lambda: Reshape((3, -1)), [(4,)], "cannot reshape"),
        (lambda: Add(), [(4,), (3,)], "must have one shape"),
        (lambda: Add(), [(4,)], "two or more inputs"),
        (lambda: Concatenate(), [(4,)], "two or more inputs"),
        (lambda: Concatenate(axis=0), [(4, 2), (4, 3)], "must agree in every axis but 0"),
        (lambda: Concatenate(axis=1), [(4,), (4,)], "axis 1 is not in inputs"),
        (lambda: Concatenate(), [(4,), (2, 4)], "must agree in every axis"),
    ],
)
def test_shapes_that_do_not_fit(make, shapes, message):
    symbols = [Input(s) for s in shapes]
    with pytest.raises(ShapeError, match=message.replace("(", r"\(").replace(")", r"\)")):
        make()(symbols if len(symbols) > 1 else symbols[0])
    if len(shapes) == 1 and issubclass(type(make()), (Add, Concatenate)):
        with pytest.raises(ShapeError, match=message):
            make()(symbols)


def test_a_list_of_one_symbol_is_that_symbol():
    assert Dense(8)([Input((4, 3))]).shape == Dense(8)(Input((4, 3))).shape == (4, 8)


def test_a_layer_is_called_on_symbols_only():
    with pytest.raises(DescendError, match=r"layer.apply\(params, state, x\)"):
        Dense(3)(np.ones((2, 2)))


def test_a_users_layer_obeys_the_same_contract():
    from dataclasses import dataclass as describe

    @describe(frozen=True, eq=False)
    class Scale(Layer):
        factor: float = 2.0

        def apply(self, params, state, x, *, key=None, training=False):
            return self.factor * x, state

    symbol = Input((3,))
    graph = Graph(symbol, Scale(3.0)(symbol))
    y, _ = graph.apply(*graph.init(jax.random.key(0)), jnp.ones((2, 3)))
    np.testing.assert_array_equal(y, np.full((2, 3), 3.0))
    assert "Scale" not in layers.base.REGISTRY  # handed to load_model by name instead
