"""The numbers of a trace against jax.grad, finite differences, `fit`, and arithmetic by hand."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from glass_networks import random_task
from layer_cases import CASES
from layer_cases.case import draw, start
from oracles import differences

from descend import Dense, Dropout, Input, Model
from descend.glass import trace
from descend.glass.step.recording import Listener, Recording
from descend.nn import layers as L
from descend.nn.graph import Graph
from descend.nn.losses import SquaredError
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch
from descend.train.model.supervised import Output, Rows, Supervised
from descend.train.rules import SGD, Adam, Momentum
from descend.train.rules.schedules import ExponentialDecay

jit = partial(jax.jit, compiler_options=quick_compile())  # compiled for one call each
parts = lambda y: list(y) if isinstance(y, tuple) else [y]


# -- every layer: the recorded gradients against jax.grad of a cost written here ------------------


def recorded_and_independent(case, seed):
    """A traced function () -> [(recorded, wanted)] for a layer that stands alone in a network."""
    layer = case.make()
    several = case.several
    shapes = case.input_shape if several else (case.input_shape,)
    kind = "int32" if case.domain != "real" else "float32"
    inputs = [Input(s, dtype=kind) for s in shapes]
    y = layer(inputs if several else inputs[0])
    graph = Graph(inputs if several else inputs[0], y)
    (node,) = graph.nodes
    name = node.layer.name
    outputs = [Output(f"o{i}", SquaredError(), ()) for i in range(len(graph.outputs_at))]
    task = Supervised(graph, SGD(), outputs)
    n, key = case.batch, jax.random.key(seed)
    params, held = start(node.layer, case.input_shape)
    x = draw(case.input_shape, n, seed, domain=case.domain, kinked=case.kinked, dtype=np.float32)
    targets = draw(case.output_shapes, n, seed + 1, dtype=np.float32)
    # where the layer makes a mask, the cost is the mean over the steps that are real
    mask = node.layer.output_mask(x, None) if node.layer.gives_mask else None
    real = 1.0 if mask is None else jnp.asarray(mask, jnp.float32)[..., None]
    count = n if mask is None else real.sum()
    state = task.start({name: params}, {name: held} if held else {}, key, task.hyper())
    batch = Batch(Rows(tuple(parts(x)), tuple(targets), None), None)

    def independent(params, x):
        key_now = jax.random.fold_in(jax.random.fold_in(key, 0), 0)  # of step 0, of node 0
        options = {"key": key_now} if node.layer.stochastic else {}
        y, _ = node.layer.apply(params, held, x, training=True, **options)
        errors = [
            0.5 * jnp.sum(real * (a - t) ** 2) / count
            for a, t in zip(parts(y), targets, strict=True)
        ]
        penalty = node.layer.penalty(params)
        return sum(errors) + (0.0 if penalty is None else penalty), y

    def both():
        record = Recording(task).record(state, batch)
        wanted, y = jax.grad(independent, has_aux=True)(params, x)
        slopes = [real * (a - t) / count for a, t in zip(parts(y), targets, strict=True)]
        found = [
            (record.gradients.get(name, {}), wanted),
            (parts(record.values[name][1]), parts(y)),
        ]
        if all(jnp.issubdtype(a.dtype, jnp.floating) for a in parts(y)):  # whole numbers have none
            found.append((parts(record.slopes[name]), slopes))
        z = record.values.get(f"{name}:z")
        plain = hasattr(node.layer, "preactivation") and not node.layer.stochastic
        if plain:
            own = node.layer.preactivation(params, x)
            found.append((z[1], own))
            pull = jax.vjp(node.layer.activation, own)[1]
            found.append((record.slopes[f"{name}:z"], pull(slopes[0].reshape(y.shape))[0]))
        return found

    return both


def first_of_each_class():
    found = {}
    for name, case in CASES.items():
        found.setdefault(type(case.make()), name)
    return sorted(found.values())


CHUNK = 16  # layers compiled together


def compare(names):
    together = [recorded_and_independent(CASES[name], 3) for name in names]
    for name, pairs in zip(names, jit(lambda: [both() for both in together])(), strict=True):
        assert len(pairs) >= 2
        for got, want in pairs:
            for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
                # two float32 programs: a few roundings, some added up over a layer
                scale = max(1e-1, float(jnp.abs(b).max(initial=0.0)))
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * scale, err_msg=name)


ONE_EACH = first_of_each_class()


@pytest.mark.parametrize("begin", range(0, len(ONE_EACH), CHUNK))
def test_every_layer_against_jax_grad(begin):
    compare(ONE_EACH[begin : begin + CHUNK])


@pytest.mark.slow
@pytest.mark.parametrize("begin", range(0, len(CASES), CHUNK))
def test_every_case_of_every_layer_against_jax_grad(begin):
    compare(list(CASES)[begin : begin + CHUNK])


# -- random networks: every delta and gradient against finite differences -------------------------


CI_NETWORKS = 4


def check_by_differences(number):
    """Each place's slope, each z's delta and all gradients along random directions, float64."""
    task, x, y = random_task(number)
    rng = np.random.default_rng(number)
    params, held = jax.eval_shape(task.graph.init, jax.random.key(0))
    params = jax.tree.map(lambda a: rng.normal(size=a.shape) * 0.5, params)
    held = jax.tree.map(lambda a: np.abs(rng.normal(size=a.shape)) + 0.5, held)
    hyper = {name: jnp.asarray(value, float) for name, value in task.hyper().items()}
    state = task.start(params, held, jax.random.key(number), hyper)
    batch = Batch(Rows(x, y, None), None)
    recording = Recording(task)
    record = jax.eval_shape(recording.record, state, batch)
    # ":z" of a recurrence is only looked at; its gradient is that of ":inputs"
    recurrent = {p.replace(":inputs", ":z") for p in record.values if ":inputs" in p}
    places = [p for p in record.values if p not in recurrent]

    def cost(at):
        key = jax.random.fold_in(state.key, 0) if task.stochastic else None
        shifts = {p: at[1][p] if p in at[1] else jnp.zeros(()) for p in record.values}
        return task.cost(at[0], held, batch, hyper, key, True, Listener(shifts))[0]

    zeros = {p: jax.tree.map(lambda a: np.zeros(a.shape), record.values[p][1]) for p in places}
    # one compiled program: costs along lines, and the record
    count = 2
    lines = [
        ({}, {p: differences.directions(zeros[p], 1, rng)[0]}) for p in places for _ in range(count)
    ] + [(d, {}) for d in differences.directions(params, 4, rng)]
    fill = [
        (
            d or jax.tree.map(np.zeros_like, params),
            {p: shifts.get(p, zeros[p]) for p in places},
        )
        for d, shifts in lines
    ]
    stacked = jax.tree.map(lambda *a: np.stack(a), *fill)

    @jit
    def measured(stacked):
        def one(direction):
            step = lambda h: cost(jax.tree.map(lambda a, d: a + h * d, (params, zeros), direction))
            return (step(differences.STEP) - step(-differences.STEP)) / (2 * differences.STEP)

        return recording.record(state, batch), jax.lax.map(one, stacked)

    record, slopes = measured(stacked)
    for (direction, shifts), slope in zip(lines, slopes, strict=True):
        if direction:
            got = differences.inner(record.gradients, direction)
        else:
            ((place, along),) = shifts.items()
            got = differences.inner(record.slopes[place], along)
        np.testing.assert_allclose(
            got, slope, rtol=differences.RTOL, atol=differences.ATOL, err_msg=str(list(shifts))
        )
    return len(places)


@pytest.mark.parametrize("number", range(CI_NETWORKS))
def test_random_networks_by_finite_differences(number, x64):
    assert check_by_differences(number) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("number", range(CI_NETWORKS, 200))
def test_more_random_networks_by_finite_differences(number, x64):
    assert check_by_differences(number) >= 4


# -- what is shown is what `fit` used -------------------------------------------------------------


def dense_net():
    x = Input((5,))
    h = Dropout(0.4)(Dense(7, "swish", kernel_regularizer="l2")(x))
    return Model(x, Dense(3, "softmax")(L.Residual("tanh")(h))), (6, 5), "label"


def image_net():
    x = Input((8, 8, 1))
    h = L.MaxPooling2D()(L.BatchNormalization()(L.Conv2D(3, 3, activation="relu")(x)))
    return Model(x, Dense(3)(L.Flatten()(h))), (6, 8, 8, 1), "number"


def sequence_net():
    x = Input((5, 2))
    h = L.Bidirectional(L.LSTM(3))(L.GRU(2, return_sequences=True)(L.Masking(9.0)(x)))
    return Model(x, Dense(3, "sigmoid")(h)), (6, 5, 2), "share"


def attention_net():
    x = Input((4, 4))
    h = L.GlobalAveragePooling1D()(L.TransformerEncoder(5, 2, 0.1)(x))
    return Model(x, Dense(3)(h)), (1, 4, 4), "number"


@pytest.mark.parametrize(
    "make",
    [
        dense_net,
        sequence_net,
        pytest.param(image_net, marks=pytest.mark.slow),
        pytest.param(attention_net, marks=pytest.mark.slow),
    ],
)
def test_bit_equal_to_a_step_of_fit(make):
    """Gradients, new weights and cost, to the last bit, in float32."""
    model, shape, kind = make()
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    y = {
        "label": rng.integers(0, 3, shape[0]),
        "share": rng.random((shape[0], 3)),
        "number": rng.normal(size=(shape[0], 3)),
    }[kind]
    losses = {"label": "sparse_categorical_crossentropy", "share": "bce", "number": "mse"}
    # at the first step its memory is 0 mu + g: the gradient that `fit` used
    model.compile(Momentum(0.1), losses[kind])
    model.params = jax.tree.map(lambda a: a + 0.1, model.params)
    weight = rng.random(shape[0]) + 0.5
    t = trace(model, x, y, sample_weight=weight)
    assert t.failed is None
    assert model.history is None
    for step in range(2):  # tracing has changed nothing; a second trace sees the second step
        history = model.fit(x, y, batch_size=shape[0], epochs=1, verbose=0, sample_weight=weight)
        memory = model._state.optimizer[0].trace
        assert t.cost == history.history["loss"][0]
        for name, array in t.arrays.items():
            layer, _, held = name.rpartition("/")
            used = memory[layer][held]
            np.testing.assert_array_equal(array.memory["momentum"][1], used)
            np.testing.assert_array_equal(array.after, model.params[layer][held])
            if step == 0:
                np.testing.assert_array_equal(array.gradient, used)
        t = trace(model, x, y, sample_weight=weight)


def test_memory_and_schedule_of_the_rule():
    """Adam after two steps: its means of g and g^2, and the rate that the schedule gives."""
    x, y = np.float32([[1.0, 2.0], [0.5, -1.0]]), np.float32([[1.0], [0.0]])
    i = Input((2,))
    model = Model(i, Dense(1, name="d")(i))
    model.compile(Adam(ExponentialDecay(0.1, 1, 0.5)), "mse")
    gradients = []
    for _ in range(2):
        gradients.append(trace(model, x, y).array("d/kernel").gradient)
        model.fit(x, y, batch_size=2, epochs=1, verbose=0, shuffle=False)
    t = trace(model, x, y)
    d = t.array("d/kernel")
    m = 0.1 * (0.9 * gradients[0] + gradients[1])
    v = 0.001 * (0.999 * gradients[0] ** 2 + gradients[1] ** 2)
    np.testing.assert_allclose(d.memory["mean of g"][0], m, rtol=1e-6)
    # 1 - .999 has three digits less than a float32
    np.testing.assert_allclose(d.memory["mean of g^2"][0], v, rtol=3e-5)
    np.testing.assert_allclose(d.memory["mean of g"][1], 0.9 * m + 0.1 * d.gradient, rtol=1e-6)
    assert np.isclose(t.numbers["learning_rate"], 0.1 * 0.5**2)
    step = t.numbers["learning_rate"] * (0.9 * m + 0.1 * d.gradient) / (1 - 0.9**3)
    after = 0.999 * v + 0.001 * d.gradient**2
    # the update is a difference of two float32 weights of order one
    want = -step / np.sqrt(after / (1 - 0.999**3))
    np.testing.assert_allclose(d.update, want, rtol=1e-4, atol=1e-7)


def test_a_passive_tap_and_no_tap_are_one_program():
    """Tracing that is not used costs nothing: a tap adds no operation to the step, none is none."""
    for make in (dense_net, image_net, sequence_net, attention_net):
        model, shape, _ = make()
        model.compile("adam", "mse")
        params, layers = jax.eval_shape(model.init, jax.random.key(0))
        layers = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), layers)
        x, y = np.zeros(shape, np.float32), np.zeros((shape[0], 3), np.float32)
        batch, hyper = Batch(Rows((x,), (y,), None), None), model.task.hyper()
        seen = []

        def program(tap, task=model.task, params=params, held=(layers, batch, hyper)):
            key = jax.random.key(0)
            cost = lambda p: task.cost(p, *held, key, True, tap)[0]
            return str(jax.make_jaxpr(jax.value_and_grad(cost))(params))

        plain = program(None)
        assert program(lambda name, x, y, seen=seen: seen.append(name)) == plain
        assert len(seen) >= len(model.nodes)
        zero = lambda name, x, y: jax.tree.map(lambda a: a + 0.0, y)
        assert program(zero) != plain  # and the comparison can tell


def test_what_freezing_changed_is_seen_by_the_next_trace():
    """A frozen normalisation uses its moving mean 0 and variance 1, also after an earlier trace."""
    model = Model(i := Input((3,)), Dense(1)(L.BatchNormalization(name="norm")(i)))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(5, 2, (8, 3)).astype("float32")
    trace(model, x, x[:, :1])
    model.freeze("norm")
    output = trace(model, x, x[:, :1]).place("norm").a
    np.testing.assert_allclose(output, x / np.sqrt(1 + 1e-3), rtol=1e-6)
