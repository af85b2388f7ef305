"""Recurrent layers against loops written by hand, PyTorch, and themselves without padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit, start
from oracles import differences

from descend.errors import DescendError, ShapeError
from descend.nn import activations, recurrence
from descend.nn.graph import Graph
from descend.nn.layers import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, Dense, StackedRNNCells
from descend.nn.layers.cells import GRUCell, LSTMCell, SimpleRNNCell
from descend.nn.layers.recurrent import GRU, LSTM, RNN, SimpleRNN
from descend.nn.layers.wrappers import Bidirectional, Masking
from descend.nn.symbols import Input

RNG = np.random.default_rng(0)
LEAVES = jax.tree.leaves


def drawn(layer, time=6, features=3, batch=4):
    params, state = start(layer, (time, features))
    x = RNG.standard_normal((batch, time, features)).astype(np.float32)
    return params, state, x


def near(got, want, tolerance=1e-6):
    """Float32 sums in another order."""
    for a, b in zip(LEAVES(got), LEAVES(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def lstm_by_hand(params, x):
    """scheidegger-2020, "LSTM FORGET GATE", "LSTM NEW STATE", "LSTM OUTPUT", unit by unit."""
    sigma = lambda v: 1 / (1 + np.exp(-v))
    units = params["recurrent_kernel"].shape[0]
    gate = {n: slice(k * units, (k + 1) * units) for k, n in enumerate(("i", "f", "new", "o"))}
    h, c = np.zeros(units), np.zeros(units)
    outputs = []
    for x_t in x:
        z = {
            n: x_t @ params["kernel"][:, cut]
            + h @ params["recurrent_kernel"][:, cut]
            + params["bias"][cut]
            for n, cut in gate.items()
        }
        forget = sigma(z["f"])  # what of the old state is kept
        c = forget * c + sigma(z["i"]) * np.tanh(z["new"])  # and what replaces the rest
        h = sigma(z["o"]) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), h, c


def test_lstm_equals_the_lecture_by_hand():
    layer = LSTM(4, return_sequences=True, return_state=True)
    params, _, x = drawn(layer)
    got = jit(lambda params, x: layer.apply(params, {}, x)[0])(params, x)
    for row in range(len(x)):
        near([a[row] for a in got], lstm_by_hand(params, x[row]), 2e-6)


# PyTorch's gates in our order: i, f, g, o are ours; its GRU has r, z, n for our z, r, n.
PARTS = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "RNN": (0,)}


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize(("time", "batch"), [(1, 1), (7, 3)])
def test_forward_and_gradients_equal_pytorch(kind, time, batch):
    torch = pytest.importorskip("torch")
    units, features = 5, 3
    ours = {"LSTM": LSTM, "GRU": GRU, "RNN": SimpleRNN}[kind](units, return_sequences=True)
    params, _, x = drawn(ours, time, features, batch)
    theirs = getattr(torch.nn, kind)(features, units, batch_first=True)
    order = [k * units + j for k in PARTS[kind] for j in range(units)]  # theirs, from ours
    biases = params["bias"] if kind == "GRU" else np.stack([params["bias"], 0 * params["bias"]])
    named = {
        "weight_ih_l0": params["kernel"].T,
        "weight_hh_l0": params["recurrent_kernel"].T,
        "bias_ih_l0": biases[0],
        "bias_hh_l0": biases[1],
    }
    with torch.no_grad():
        for name, array in named.items():
            getattr(theirs, name).copy_(torch.tensor(array[order]))
    weights = RNG.standard_normal((batch, time, units)).astype(np.float32)
    given = torch.tensor(x, requires_grad=True)
    y, _ = theirs(given)
    (y * torch.tensor(weights)).sum().backward()

    def cost(params, x):
        y = ours.apply(params, {}, x)[0]
        return jnp.sum(weights * y), y

    (dparams, dx), mine = jit(jax.grad(cost, (0, 1), has_aux=True))(params, x)
    near(mine, y.detach().numpy(), 1e-5)
    near(dx, given.grad.numpy(), 1e-5)
    back = np.argsort(order)
    gradient = {n: getattr(theirs, n).grad.numpy()[back] for n in named}
    near(dparams["kernel"], gradient["weight_ih_l0"].T, 1e-5)
    near(dparams["recurrent_kernel"], gradient["weight_hh_l0"].T, 1e-5)
    want = np.stack([gradient["bias_ih_l0"], gradient["bias_hh_l0"]])
    near(dparams["bias"], want if kind == "GRU" else want[0], 1e-5)


CELLS = {
    "simple": recurrence.Simple(activations.tanh),
    "simple gelu": recurrence.Simple(activations.gelu),
    "lstm": recurrence.LongShort(activations.tanh),
    "lstm relu": recurrence.LongShort(activations.relu),
    "lstm elu": recurrence.LongShort(activations.elu, activations.softplus),
    "gru": recurrence.Gated(activations.tanh),
    "gru swish": recurrence.Gated(activations.swish, activations.softplus),
}


@pytest.mark.parametrize("name", CELLS)
def test_gradient_equals_the_automatic_one(name, x64):
    """First and second derivatives, with masks anywhere in the sequence and dropout."""
    cell = CELLS[name]
    time, batch, units = 4, 3, 2
    rng = np.random.default_rng(3)
    normal = lambda *shape: jnp.asarray(rng.standard_normal(shape))
    at = (
        normal(time, batch, cell.gates * units),
        normal(units, cell.gates * units),
        normal(cell.gates * units),
        tuple(normal(batch, units) for _ in range(cell.states)),
    )
    mask = jnp.asarray(rng.random((time, batch)) < 0.6)
    drop = jnp.asarray(rng.integers(0, 2, (batch, units)) * 2.0)
    weights = (normal(time, batch, units), tuple(normal(batch, units) for _ in at[3]))

    def cost(formula, at):
        x, kernel, bias, states = at
        found = formula(cell, x, kernel, bias, recurrence.Through(states, mask, drop))
        products = jax.tree.map(lambda w, a: jnp.sum(w * a**2), weights, found)
        return sum(LEAVES(products))

    plain = lambda *arguments: recurrence._forward(*arguments)[0]
    fast, automatic = (lambda at, f=f: cost(f, at) for f in (recurrence.recur, plain))
    norm = lambda f: lambda at: sum(jnp.sum(g**2) for g in LEAVES(jax.grad(f)(at)))
    second = lambda f: jax.grad(norm(f))
    functions = (jax.grad(fast), jax.grad(automatic), second(fast), second(automatic))
    first, other_first, *seconds = jit(lambda at: [f(at) for f in functions])(at)
    near(first, other_first, 1e-10)
    near(*seconds, 1e-9)
    differences.assert_gradient(jit(fast), first, at, rng)


@pytest.mark.parametrize(
    ("layer", "cell"),
    [
        (SimpleRNN(3), SimpleRNNCell(3)),
        (LSTM(3), LSTMCell(3)),
        (GRU(3), GRUCell(3)),
        (GRU(3, reset_after=False), GRUCell(3, reset_after=False)),
    ],
)
def test_a_layer_is_its_cell_stepped(layer, cell):
    params, _, x = drawn(layer)

    @jit
    def run(params, x):
        states = [jnp.zeros((4, 3))] * len(cell.state_shapes((3,)))
        for t in range(6):
            (output, *states), _ = cell.apply(params, {}, (x[:, t], *states))
        inside = {f"cell.{n}": a for n, a in params.items()}
        return output, layer.apply(params, {}, x)[0], RNN(cell).apply(inside, {}, x)[0]

    output, by_layer, by_rnn = run(params, x)
    near(by_layer, output)
    near(by_rnn, output)


def network(layers, time):
    y = x = Input((time, 3))
    for layer in layers:
        y = layer(y)
    return Graph(x, Dense(2)(y))


PADDED = {
    "lstm": [LSTM(4)],
    "gru backwards": [GRU(4, go_backwards=True)],
    "gru before": [GRU(4, reset_after=False)],
    "stacked": [LSTM(3, return_sequences=True), SimpleRNN(4)],
    "cells": [RNN([GRUCell(3), LSTMCell(2)])],
    "bidirectional": [Bidirectional(LSTM(3))],
    "bidirectional stacked": [
        Bidirectional(GRU(3, return_sequences=True)),
        Bidirectional(LSTM(2), merge_mode="sum"),
    ],
}


@pytest.mark.parametrize("name", PADDED)
def test_padded_gives_what_unpadded_gives(name):
    """Outputs and gradients of every weight, sequences of random lengths."""
    time, lengths = 5, [1, 5, 3]
    padded = network([Masking(), *PADDED[name]], time)
    shapes, state = jax.eval_shape(padded.init, jax.random.key(1))
    params = jax.tree.map(lambda a: 0.5 * RNG.standard_normal(a.shape).astype(a.dtype), shapes)
    x = RNG.standard_normal((3, time, 3)).astype(np.float32)
    x *= (np.arange(time) < np.array(lengths)[:, None])[..., None]

    def with_gradient(graph, params, x):
        def cost(params):
            y = graph.apply(params, state, x)[0]
            return jnp.sum(y**2), y

        return jax.grad(cost, has_aux=True)(params)

    @jit
    def run(params, x):
        alone = [
            with_gradient(network([*PADDED[name]], length), params, x[i : i + 1, :length])
            for i, length in enumerate(lengths)
        ]
        return with_gradient(padded, params, x), alone

    (gradient, y), alone = jax.tree.map(np.asarray, run(params, x))
    near(y, np.concatenate([one[1] for one in alone]))
    summed = jax.tree.map(lambda *g: sum(g), *[one[0] for one in alone])
    near(gradient, summed, 5e-6)


def test_outputs_are_repeated_and_aligned_where_masked():
    mask = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 0, 0]], bool)
    layer = LSTM(3, return_sequences=True)
    params, _, x = drawn(layer, 5, 3, 2)
    y = layer.apply(params, {}, x, mask=mask)[0]
    near(y[0, 2], y[0, 1], 0)
    near(y[0, 4], y[0, 3], 0)
    near(y[1, 0], np.zeros(3), 0)
    near(y[1, 1:3], layer.apply(params, {}, x[1:, 1:3])[0][0])
    both = Bidirectional(layer)
    two = {f"{way}_layer.{n}": a for way in ("forward", "backward") for n, a in params.items()}
    z = both.apply(two, {}, x, mask=mask)[0]
    near(z[..., :3], y, 0)
    near(z[1, 1:3, 3:], layer.apply(params, {}, x[1:, 2:0:-1])[0][0, ::-1])


@pytest.mark.parametrize("make", [SimpleRNN, LSTM, GRU])
def test_stateful_goes_on_and_so_do_given_states(make):
    whole = make(3, return_sequences=True)
    kept = make(3, return_sequences=True, stateful=True, batch_size=4)
    params, state = start(kept, (3, 2))
    x = RNG.standard_normal((4, 6, 2)).astype(np.float32)
    state = jax.tree.map(jnp.zeros_like, state)
    first, state = kept.apply(params, state, x[:, :3], training=True)
    second, _ = kept.apply(params, state, x[:, 3:])
    want = whole.apply(params, {}, x)[0]
    near(jnp.concatenate([first, second], 1), want)
    states = tuple(state.values())
    near(whole.apply(params, {}, (x[:, 3:], *states))[0], want[:, 3:])
    a, *symbols = Input((3, 2)), *[Input((3,), name=n) for n in state]
    graph = Graph([a, *symbols], make(3)(a, initial_state=symbols))
    near(graph.apply({graph.nodes[0].layer.name: params}, {}, (x[:, 3:], *states))[0], want[:, -1])


def test_go_backwards_reads_from_the_end():
    layer, back = GRU(3, return_sequences=True), GRU(3, return_sequences=True, go_backwards=True)
    params, _, x = drawn(layer)
    near(back.apply(params, {}, x)[0], layer.apply(params, {}, x[:, ::-1])[0], 0)


def test_dropout_masks_are_one_a_sequence():
    """With dropped inputs all features of one kind vanish at every step, and scale 1/(1-rate)."""
    layer = SimpleRNN(1, "linear", dropout=0.5, return_sequences=True)
    params = {
        "kernel": jnp.ones((1, 1)),
        "recurrent_kernel": jnp.zeros((1, 1)),
        "bias": jnp.zeros(1),
    }
    x = jnp.ones((64, 5, 1))
    y = np.asarray(layer.apply(params, {}, x, key=jax.random.key(0), training=True)[0])
    assert set(np.unique(y)) == {0.0, 2.0}
    assert np.all(y == y[:, :1])
    assert 16 < (y[:, 0] > 0).sum() < 48
    near(layer.apply(params, {}, x)[0], x, 0)
    assert not SimpleRNN(1).stochastic
    assert SimpleRNN(1, recurrent_dropout=0.1).stochastic
    with pytest.raises(DescendError, match="key"):
        layer.apply(params, {}, x, training=True)


def test_bad_use_is_refused():
    with pytest.raises(DescendError, match="batch_size"):
        LSTM(3, stateful=True)(Input((3, 2)))
    taken = LSTM(3, stateful=True)
    taken(Input((3, 2), batch_size=4))
    assert taken.batch_size == 4
    layer = LSTM(3, stateful=True, batch_size=4)
    params, state = start(layer, (3, 2))
    with pytest.raises(ShapeError, match="batch_size=4.*got one of 2"):
        layer.apply(params, state, jnp.zeros((2, 3, 2)))
    with pytest.raises(ShapeError, match=r"\(time, features\)"):
        LSTM(3).build((4,))
    with pytest.raises(ShapeError, match="first states"):
        LSTM(3).build(((4, 2), (3,)))
    with pytest.raises(DescendError, match="cell"):
        RNN(LSTM(3))
    with pytest.raises(DescendError, match="go_backwards"):
        Bidirectional(LSTM(3), LSTM(3))
    with pytest.raises(DescendError, match="merge_mode"):
        Bidirectional(LSTM(3), merge_mode="max")
    with pytest.raises(DescendError, match="recurrent layer"):
        Bidirectional(Dense(3))
    for cells in ([], "LSTM", [Dense(3)], None):
        with pytest.raises(DescendError, match="cell"):
            StackedRNNCells(cells)
    with pytest.raises(DescendError, match="cell"):
        RNN([])
    with pytest.raises(ShapeError, match=r"called on a list \[x, \*states\]"):
        StackedRNNCells([GRUCell(2)])(Input((3,)))
    with pytest.raises(ShapeError, match=r"\(features,\)"):
        RNN([GRUCell(2), LSTMCell(2)])(Input((4, 4, 1)))


@pytest.mark.parametrize(
    ("cls", "space"), [(ConvLSTM1D, (8,)), (ConvLSTM2D, (8, 9)), (ConvLSTM3D, (8, 9, 9))]
)
def test_a_window_longer_than_a_step_is_refused(cls, space):
    for size in (9, 12):
        with pytest.raises(ShapeError, match="does not fit steps of shape.*make it smaller"):
            cls(3, kernel_size=size)(Input((5, *space, 1)))
    assert cls(3, kernel_size=9, padding="same")(Input((5, *space, 1))).shape == (*space, 3)
