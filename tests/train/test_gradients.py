"""The gradient of J, for random networks, against central differences in float64.

Every activation and every loss, depths 1 to 6, random widths, penalties, weights, padding, and
several outputs now and then; all through `Supervised.cost`, which is what `step` differentiates.

A central difference must not straddle a kink, where it is right about nothing. Each network's
points are redrawn until all numbers that go into a kinked activation or loss are `CLEAR` away from
its kinks, 100 times what a step of 1e-5 along a unit direction moves them.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import differences
from oracles.activation_formulas import FORMULAS

from descend.nn import losses
from descend.nn.graph import Graph
from descend.nn.layers import Activation, Add, Dense, DropConnect, Dropout, PReLU
from descend.nn.regularizers import L1L2
from descend.nn.symbols import Input
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch
from descend.train.model.supervised import Output, Rows, Supervised
from descend.train.rules import SGD

N, NETWORKS = 9, 30
CLEAR = 1e-3
ACTIVATIONS = [*sorted(FORMULAS), "softmax", "prelu"]
KINKS = {name: formula.kinks for name, formula in FORMULAS.items()} | {"prelu": (0.0,)}


def _density(y, prediction):
    mean, log_scale = prediction[:, 0], jnp.tanh(prediction[:, 1])
    return -0.5 * jnp.square((y[:, 0] - mean) * jnp.exp(-log_scale)) - log_scale


# (loss, kind of target, what the output ends in); "link" ends are trained from logits by Supervised
LOSSES = [
    (losses.SquaredError(), "number", None),
    (losses.SquaredError(half=False), "number", None),
    (losses.MeanSquaredError(), "number", None),
    (losses.MeanAbsoluteError(), "number", None),
    (losses.Huber(0.5), "number", None),
    (losses.BinaryCrossentropy(), "binary", "sigmoid"),
    (losses.BinaryCrossentropy(from_logits=True), "binary", None),
    (losses.CategoricalCrossentropy(), "share", "softmax"),
    (losses.CategoricalCrossentropy(from_logits=True), "share", None),
    (losses.SparseCategoricalCrossentropy(), "label", "softmax"),
    (losses.SparseCategoricalCrossentropy(from_logits=True), "label", None),
    (losses.KLDivergence(), "share", "softmax"),
    (losses.KLDivergence(from_logits=True), "share", None),
    (losses.NegativeLogLikelihood(_density), "number", None),
]


def target(kind, width, rng):
    if kind == "number":
        return rng.normal(size=(N, width))
    if kind == "binary":
        return rng.integers(0, 2, (N, width)).astype(float)
    if kind == "label":
        return rng.integers(0, width, N).astype(np.int32)
    return rng.dirichlet(np.ones(width), N)


def network(number, rng):
    """Network `number`: its activations and loss go round, so that each occurs several times."""
    depth = 1 + number % 6
    symbol = first = Input((int(rng.integers(1, 6)),))
    kinked = {}
    before_it = sum(earlier % 6 for earlier in range(number))  # hidden layers of networks 0, 1, ...
    for k in range(depth - 1):
        width = int(rng.integers(2, 7))
        name = ACTIVATIONS[(before_it + k) % len(ACTIVATIONS)]
        penalty = L1L2(0.02, 0.03) if rng.random() < 0.4 else None
        cls = DropConnect if rng.random() < 0.15 else Dense
        symbol = cls(width, kernel_regularizer=penalty)(symbol)
        place = f"act{k}"
        act = PReLU(name=place) if name == "prelu" else Activation(name, name=place)
        kinked[place] = KINKS.get(name, ())
        before, symbol = symbol, act(symbol)
        if rng.random() < 0.3:
            symbol = Add()([before, symbol])
        if rng.random() < 0.2:
            symbol = Dropout(0.3)(symbol)
    ends, kinds, outputs = [], [], []
    for j in range(2 if number % 4 == 3 else 1):
        loss, kind, link = LOSSES[(number + 5 * j) % len(LOSSES)]
        width = 2 if isinstance(loss, losses.NegativeLogLikelihood) else int(rng.integers(2, 5))
        head = Dense(width, link, bias_regularizer="l2" if rng.random() < 0.3 else None)(symbol)
        if link and rng.random() < 0.3:  # something behind it: probabilities, not logits, are used
            ends.append(Activation("linear")(head))
        else:
            ends.append(head)
        kinds.append((kind, width))
        outputs.append(Output(f"out{j}", loss, (), share=0.5 + j))
    graph = Graph(first, ends if len(ends) > 1 else ends[0])
    return Supervised(graph, SGD(), outputs), kinds, kinked


def distance(task, params, batch, key, kinked):
    """How far the forward pass stays from every kink."""
    near = [jnp.inf]

    def tap(name, x, y):
        near.extend(jnp.min(jnp.abs(x - kink)) for kink in kinked.get(name, ()))

    raw, _ = task.graph.apply(params, {}, batch.data.x[0], key=key, training=True, tap=tap)
    for output, y, prediction in zip(
        task.outputs, batch.data.y, (raw,) if task.graph.single_output else raw, strict=True
    ):
        if isinstance(output.loss, losses.MeanAbsoluteError):
            near.append(jnp.min(jnp.abs(prediction - y)))
    for layer in task.graph.layers.values():  # |w| of an L1 penalty
        if getattr(layer, "kernel_regularizer", None) is not None:
            near.append(jnp.min(jnp.abs(params[layer.name]["kernel"])))
    return jnp.min(jnp.stack([jnp.asarray(n, float) for n in near]))


def test_every_activation_and_loss_occurs():
    """Networks of the parametrised test below, by the same arithmetic."""
    used, trained, outputs = set(), set(), set()
    for number in range(NETWORKS):
        task, _, _ = network(number, np.random.default_rng(number))
        for layer in task.graph.layers.values():
            if layer.name.startswith("act"):
                held = getattr(layer, "activation", None)
                used.add("prelu" if held is None else held.__name__)
        trained |= {(type(o.loss), getattr(o.loss, "from_logits", None)) for o in task.outputs}
        outputs.add((len(task.outputs), all(task.logits)))
    assert used >= set(ACTIVATIONS)
    assert trained == {(type(o), getattr(o, "from_logits", None)) for o, *_ in LOSSES}
    assert outputs >= {(1, True), (1, False), (2, False)}


@pytest.mark.parametrize("number", range(NETWORKS))
def test_gradient_of_a_random_network(number, x64):
    rng = np.random.default_rng(number)
    task, kinds, kinked = network(number, rng)
    shapes = jax.eval_shape(task.graph.init, jax.random.key(0))[0]
    key = jax.random.key(number) if task.graph.stochastic else None
    mask = (np.arange(N) < N - 2).astype(float) if number % 3 == 0 else None
    hyper = {name: jnp.asarray(value, float) for name, value in task.hyper().items()}

    @partial(jax.jit, compiler_options=quick_compile())
    def measure(params, rows):
        batch = Batch(rows, mask)
        cost = lambda params: task.cost(params, {}, batch, hyper, key, True)[0]
        return *jax.value_and_grad(cost)(params), distance(task, params, batch, key, kinked)

    for _attempt in range(200):
        params = jax.tree.map(lambda a: rng.normal(size=a.shape) * 0.8, shapes)
        x = rng.normal(size=(N, *task.graph.input_shapes[0]))
        ys = tuple(target(kind, width, rng) for kind, width in kinds)
        weight = rng.uniform(0.2, 2, N)
        weights = tuple(weight / weight.mean() for _ in ys) if number % 2 else None
        rows = Rows((x,), ys, weights)
        _, gradient, near = measure(params, rows)
        if near > CLEAR:
            break
    else:
        pytest.fail("no point away from all kinks in 200 draws")
    differences.assert_gradient(lambda p: measure(p, rows)[0], gradient, params, rng, count=5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_the_cost_is_shares_times_weighted_means_plus_penalties(weighted, padded, x64):
    """J = sum_o share_o 1/n sum_i w_i L_o + penalties, over the real rows only, in numpy.

    The gradients above hold for whatever `cost` computes; this is what it must compute.
    """
    rng = np.random.default_rng(6)
    first = Input((3,))
    one = Dense(2, kernel_regularizer=L1L2(0.1, 0.2), name="one")(first)
    two = Dense(4, "softmax", name="two")(first)
    outputs = [
        Output("one", losses.MeanSquaredError(), (), share=0.25),
        Output("two", losses.SparseCategoricalCrossentropy(), (), share=3.0),
    ]
    task = Supervised(Graph(first, [one, two]), SGD(), outputs)
    shapes = jax.eval_shape(task.graph.init, jax.random.key(0))[0]
    params = jax.tree.map(lambda a: rng.normal(size=a.shape), shapes)
    x, y, labels = rng.normal(size=(N, 3)), rng.normal(size=(N, 2)), rng.integers(0, 4, N)
    weights = tuple(rng.uniform(0.2, 2, (2, N))) if weighted else None
    real = np.arange(N) < N - 2 if padded else np.ones(N, bool)
    batch = Batch(Rows((x,), (y, labels), weights), real.astype(float) if padded else None)
    cost, (_, logs) = task.cost(params, {}, batch, task.hyper(), None, True)

    w1, w2 = weights if weighted else np.ones((2, N))
    forward = lambda p: x @ p["kernel"] + p["bias"]
    error = ((forward(params["one"]) - y) ** 2).mean(axis=1)
    odds = np.exp(forward(params["two"]))
    cross = -np.log(odds / odds.sum(axis=1, keepdims=True))[np.arange(N), labels]
    means = [(w1 * error)[real].sum() / real.sum(), (w2 * cross)[real].sum() / real.sum()]
    kernel = params["one"]["kernel"]
    penalty = 0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum()
    want = 0.25 * means[0] + 3.0 * means[1] + penalty
    np.testing.assert_allclose(cost, want, rtol=1e-11)
    ratio = {name: total / weight for name, (total, weight) in logs.items()}
    np.testing.assert_allclose(ratio["loss"], want, rtol=1e-11)
    np.testing.assert_allclose([ratio["one_loss"], ratio["two_loss"]], means, rtol=1e-11)


def test_hulls_forward_and_backward_example(x64):
    """One hidden sigmoid, L = (y^ - y)^2 / 2 (hull-2023, "Minimal Example").

    dL/dw2 = (y^ - y) y^ (1 - y^) a and dL/dw1 = (y^ - y) y^ (1 - y^) w2 a (1 - a) x.
    """
    first = Input((1,))
    hidden = Dense(1, "sigmoid", use_bias=False, name="one")(first)
    graph = Graph(first, Dense(1, "sigmoid", use_bias=False, name="two")(hidden))
    task = Supervised(graph, SGD(), [Output("out", losses.SquaredError(), ())])
    x, y, w1, w2 = 0.5, 1.0, 0.4, -0.7
    params = {"one": {"kernel": np.full((1, 1), w1)}, "two": {"kernel": np.full((1, 1), w2)}}
    batch = Batch(Rows((np.full((1, 1), x),), (np.full((1, 1), y),), None), None)
    gradient = jax.grad(lambda p: task.cost(p, {}, batch, {}, None, True)[0])(params)
    sigma = lambda z: 1 / (1 + np.exp(-z))
    a = sigma(w1 * x)
    out = sigma(w2 * a)
    delta = (out - y) * out * (1 - out)
    np.testing.assert_allclose(gradient["two"]["kernel"][0, 0], delta * a, rtol=1e-12)
    want = delta * w2 * a * (1 - a) * x
    np.testing.assert_allclose(gradient["one"]["kernel"][0, 0], want, rtol=1e-12)
