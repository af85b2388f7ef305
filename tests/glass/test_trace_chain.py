"""Units, paths and formulas of a trace against arithmetic by hand."""

from __future__ import annotations

from itertools import product

import jax
import numpy as np
import pytest

from descend import Dense, Input, Model
from descend.errors import DataError, DescendError
from descend.glass import Trace, trace
from descend.glass.step import chain_rule, record
from descend.nn import layers as L
from descend.train.rules import SGD

sigmoid = lambda z: 1 / (1 + np.exp(-z))


@pytest.fixture(scope="module")
def figure_4():
    """The network of itam-2023's Figure 4: two inputs, two hidden layers of two, one output."""
    x = Input((2,), name="x")
    first = Dense(2, "sigmoid", name="first")(x)
    second = Dense(2, "sigmoid", name="second")(first)
    model = Model(x, Dense(1, "sigmoid", name="out")(second))
    w1, w2, w3, w4, w5, w6, w7, w8, w9, w10 = np.linspace(-0.9, 1.3, 10)
    b = [0.1, -0.2, 0.3, -0.4, 0.5]
    model.set_weights(
        [[[w1, w2], [w3, w4]], b[:2], [[w5, w6], [w7, w8]], b[2:4], [[w9], [w10]], b[4:]]
    )
    model.compile(SGD(1.0), "squared_error")
    return model, (w1, w2, w3, w4, w5, w6, w7, w8, w9, w10), b


def test_figure_4_of_itam_by_hand(figure_4):
    """Equations (4) to (6) with numbers put in: s, a, both paths of w_1, and its update."""
    model, (w1, w2, w3, w4, w5, w6, w7, w8, w9, w10), (b1, b2, b3, b4, b5) = figure_4
    x1, x2, y = 0.7, -1.2, 0.25
    a1, a2 = sigmoid(b1 + w1 * x1 + w3 * x2), sigmoid(b2 + w2 * x1 + w4 * x2)
    s3, s4 = b3 + w5 * a1 + w7 * a2, b4 + w6 * a1 + w8 * a2
    a3, a4 = sigmoid(s3), sigmoid(s4)
    a5 = sigmoid(b5 + w9 * a3 + w10 * a4)
    slope = lambda a: a * (1 - a)
    error = a5 - y  # dE/da_5 of E = (a_5 - y)^2 / 2
    through_3 = [error, slope(a5), w9, slope(a3), w5, slope(a1), x1]
    through_4 = [error, slope(a5), w10, slope(a4), w6, slope(a1), x1]

    t = trace(model, [[x1, x2]], [[y]])
    close = lambda got, want: np.testing.assert_allclose(got, want, rtol=2e-6)  # float32
    close(t.cost, error**2 / 2)
    close(t.place("second").z[0], [s3, s4])
    close(t.place("second").a[0], [a3, a4])
    deltas = [error * slope(a5) * w9 * slope(a3), error * slope(a5) * w10 * slope(a4)]
    close(t.place("second").delta[0], deltas)
    found = t.weight("first/kernel", (0, 0))
    paths = {p.places and p.way[1]: [f.value for f in p.factors] for p in found.paths}
    assert found.count == 2
    close(paths["second[0]"], through_3)
    close(paths["second[1]"], through_4)
    gradient = np.prod(through_3) + np.prod(through_4)
    close([found.gradient, found.total], [gradient, gradient])
    array = t.array("first/kernel")
    np.testing.assert_allclose(array.after[0, 0], w1 - gradient, rtol=1e-6)
    names = [f"d{f.upper.letter}/d{f.lower.letter}" for f in found.paths[0].factors]
    assert names == ["dJ/da", "da/dz", "dz/da", "da/dz", "dz/da", "da/dz", "dz/dw"]

    unit = t.unit("second", 0)
    assert [(term.weight, term.value) for term in unit.terms] == [
        pytest.approx(pair, rel=1e-6) for pair in ((b3, 1), (w5, a1), (w7, a2))
    ]
    close([unit.total, unit.z, unit.a, unit.delta], [s3, s3, a3, deltas[0]])
    assert "z_0 = b_0 + w_0,0 a_0 + w_1,0 a_1" in str(unit)
    assert "z_1 = b_1 + w_0,1 x_0 + w_1,1 x_1" in str(t.unit("first", 1))
    rules = {rule.place: rule for rule in t.hand_rules()}
    assert rules["out"].rule == "delta = (a - t) a (1 - a)"
    assert rules["second"].rule == "delta = a (1 - a) sum_k w_k delta_k"
    assert max(rule.difference for rule in rules.values()) < 1e-5


def test_the_minimal_example_of_hull_by_hand():
    """yhat = sigma(w2 sigma(w1 x)), L = (y - yhat)^2 / 2 (hull-2023, "Minimal Example")."""
    i = Input((1,))
    hidden = Dense(1, "sigmoid", use_bias=False, name="hidden")(i)
    model = Model(i, Dense(1, "sigmoid", use_bias=False, name="output")(hidden))
    x, y, w1, w2 = 1.5, 0.9, 0.8, -0.6
    model.set_weights([[[w1]], [[w2]]])
    model.compile(SGD(1.0), "squared_error")
    t = trace(model, [[x]], [[y]])
    a = sigmoid(w1 * x)
    out = sigmoid(w2 * a)
    by_w2 = (out - y) * out * (1 - out) * a
    by_w1 = (out - y) * out * (1 - out) * w2 * a * (1 - a) * x
    np.testing.assert_allclose(t.array("output/kernel").gradient[0, 0], by_w2, rtol=2e-6)
    np.testing.assert_allclose(t.array("hidden/kernel").gradient[0, 0], by_w1, rtol=2e-6)
    found = t.weight("hidden/kernel", (0, 0))
    (path,) = found.paths
    want = [out - y, out * (1 - out), w2, a * (1 - a), x]
    np.testing.assert_allclose([f.value for f in path.factors], want, rtol=2e-6)


@pytest.fixture(scope="module")
def wide():
    """Three hidden layers, a skip connection, logits; a batch of three rows."""
    rng = np.random.default_rng(0)
    x = Input((3,))
    one = Dense(4, "tanh", name="one", kernel_regularizer="l2")(x)
    two = Dense(4, "tanh", name="two")(one)
    model = Model(x, Dense(3, "softmax", name="out")(L.Add(name="add")([one, two])))
    model.params = jax.tree.map(lambda a: rng.normal(size=a.shape), model.params)
    model.compile("sgd", "categorical_crossentropy")
    return trace(model, rng.normal(size=(3, 3)), np.eye(3))


def test_all_paths_by_brute_force(wide):
    """Every path through units written out in loops; the largest come first, the rest is exact."""
    row, i, j = 1, 2, 3
    w = {n: wide.array(f"{n}/kernel").value.astype(float) for n in ("two", "out")}
    one, two = (wide.place(n).a[row].astype(float) for n in ("one", "two"))
    start = wide.data.x[0][row, i] * (1 - one[j] ** 2)
    ends = (wide.place("out").a[row] - np.eye(3)[row]) / 3  # softmax(z) - t, a third of the cost
    short = {("add", k): w["out"][j, k] * ends[k] * start for k in range(3)}
    long = {
        (m, k): w["two"][j, m] * (1 - two[m] ** 2) * w["out"][m, k] * ends[k] * start
        for m, k in product(range(4), range(3))
    }
    want = sorted([*short.values(), *long.values()], key=lambda v: -abs(v))
    found = wide.weight("one/kernel", (i, j), row=row, most=6)
    assert found.count == 15
    np.testing.assert_allclose([p.product for p in found.paths], want[:6], rtol=1e-5)
    np.testing.assert_allclose(found.rest, sum(want[6:]), rtol=1e-4, atol=1e-8)
    value = wide.array("one/kernel").value[i, j]
    np.testing.assert_allclose(found.penalty, 2 * 0.01 * value, rtol=1e-5)
    rows = [wide.weight("one/kernel", (i, j), row=r, most=50) for r in range(3)]
    together = sum(p.product for r in rows for p in r.paths) + found.penalty
    np.testing.assert_allclose(together, found.gradient, rtol=1e-5)
    assert found.total == pytest.approx(found.gradient, rel=1e-6)


def test_paths_through_layers_add_up(wide, monkeypatch):
    """Two ways past the skip connection, their sum the gradient."""
    monkeypatch.setattr(chain_rule, "MOST_DERIVATIVES", 0)
    found = wide.weight("one/kernel", (2, 3))
    assert found.row is None
    assert {p.places for p in found.paths} == {("one", "add", "out"), ("one", "two", "add", "out")}
    parts = sum(p.product for p in found.paths) + found.penalty
    np.testing.assert_allclose(parts, found.gradient, rtol=1e-5)
    monkeypatch.undo()
    units = [wide.weight("one/kernel", (2, 3), row=r, most=50) for r in range(3)]
    long = sum(p.product for u in units for p in u.paths if "two" in p.places)
    through = next(p.product for p in found.paths if "two" in p.places)
    np.testing.assert_allclose(through, long, rtol=1e-4)


def test_the_views_run_no_step(wide, monkeypatch):
    """They are functions of the record; only the nodes' functions are collected, once."""
    weights = {index: wide.weight("one/kernel", index) for index in ((2, 3), (0, 1))}
    counted = Trace.of(wide.model, wide.data)
    task, passes = wide.task, []
    cost = task.cost
    monkeypatch.setattr(task, "cost", lambda *a, **k: (passes.append(1), cost(*a, **k))[1])
    monkeypatch.setattr(record.engine, "train", lambda *a, **k: pytest.fail("trains again"))
    assert str(counted)
    assert counted.unit("two", 1).total == wide.unit("two", 1).total
    assert len(counted.hand_rules()) == 1
    assert len(counted.frame()) == 4
    assert passes == []
    for index, chain in weights.items():
        assert counted.weight("one/kernel", index) == chain
    assert len(passes) == 1


def test_a_shared_layer_and_an_output_that_is_read():
    """The gradient of shared weights comes by both uses; an output's own error is told apart."""
    rng = np.random.default_rng(1)
    x = Input((3,))
    shared = Dense(3, "tanh", name="shared")
    first = shared(x)
    model = Model(x, [shared(first), first])
    model.compile("sgd", ["mse", "mse"])
    t = trace(model, rng.normal(size=(1, 3)), [rng.normal(size=(1, 3)) for _ in range(2)])
    assert list(t.places) == ["shared", "shared@2"]
    found = t.weight("shared/kernel", (1, 2), most=50)
    assert found.count == 1 + 3 + 1  # first use: its own error, 3 units behind it; second use
    np.testing.assert_allclose(sum(p.product for p in found.paths), found.gradient, rtol=1e-5)
    assert found.rest == 0


def test_recurrence_through_time():
    """z and delta of every step: from them follow the outputs and all gradients of an LSTM."""
    rng = np.random.default_rng(2)
    x = Input((5, 2))
    h = L.LSTM(3, return_sequences=True, name="lstm")(L.Masking(9.0)(x))
    model = Model(x, Dense(1, name="out")(L.GRU(2, name="gru")(h)))
    model.compile("sgd", "mse")
    values = rng.normal(size=(4, 5, 2))
    values[1, 3:] = 9.0
    t = trace(model, values, rng.normal(size=(4, 1)))
    lstm, gru = t.place("lstm"), t.place("gru")
    assert lstm.z.shape == lstm.delta.shape == (4, 5, 12)
    assert gru.z.shape == gru.delta.shape == (4, 5, 6)
    i, f, g, o = np.split(lstm.z[0].astype(float), 4, axis=-1)  # row 0 has no masked step
    c = np.zeros(3)
    for step in range(5):
        c = sigmoid(f[step]) * c + sigmoid(i[step]) * np.tanh(g[step])
        want = sigmoid(o[step]) * np.tanh(c)
        np.testing.assert_allclose(lstm.a[0, step], want, rtol=1e-5, atol=1e-6)
    h = np.zeros(2)
    update, _, new = np.split(gru.z[0].astype(float), 3, axis=-1)
    for step in range(5):
        h = sigmoid(update[step]) * h + (1 - sigmoid(update[step])) * np.tanh(new[step])
    np.testing.assert_allclose(gru.a[0], h, rtol=1e-5, atol=1e-6)
    assert not lstm.delta[1, 3:].any()  # nothing goes back through a masked step
    arrays = t.arrays_of(lstm)
    before = np.concatenate([np.zeros((4, 1, 3)), lstm.a[:, :-1]], axis=1)
    for name, factor in (("kernel", lstm.x), ("recurrent_kernel", before)):
        want = np.einsum("ntd,ntg->dg", factor, lstm.delta)
        np.testing.assert_allclose(arrays[name].gradient, want, rtol=1e-4, atol=1e-7)
    unit = t.unit("lstm", (2, 7), row=0)
    assert unit.activation == "tanh"  # the third quarter holds the candidate
    np.testing.assert_allclose(unit.total, unit.z, rtol=1e-5)
    assert len(unit.terms) == 1 + 2 + 3
    frame = t.frame("lstm")
    assert list(frame.columns) == ["row", "step", "unit", "z", "delta"]
    assert len(frame) == 4 * 5 * 12


@pytest.mark.slow
def test_a_convolution_unit_and_blocks():
    rng = np.random.default_rng(3)
    x = Input((4, 4, 2))
    h = L.Conv2D(3, 2, activation="tanh", name="conv")(x)
    model = Model(x, Dense(1)(L.Residual("tanh", name="res")(L.Flatten()(h))))
    model.compile("adam", "mse")
    t = trace(model, rng.normal(size=(2, 4, 4, 2)), rng.normal(size=(2, 1)))
    unit = t.unit("conv", (1, 2, 0), row=1)
    kernel = t.array("conv/kernel").value
    patch = t.place("conv").x[1, 1:3, 2:4]
    assert len(unit.terms) == 1 + 2 * 2 * 2
    np.testing.assert_allclose(unit.z, np.sum(patch * kernel[..., 0]), rtol=1e-5, atol=1e-6)
    inner = t.place("res.dense_1")
    assert set(t.arrays_of(inner)) == {"kernel", "bias"}
    want = inner.x.T @ inner.delta
    np.testing.assert_allclose(t.arrays_of(inner)["kernel"].gradient, want, rtol=1e-4, atol=1e-6)
    assert list(t.places)[2:6] == ["res", "res.dense_0", "res.dense_1", "res.add"]
    deep = t.weight("conv/kernel", (0, 1, 1, 2), row=1, most=3)
    np.testing.assert_allclose(deep.total, deep.gradient, rtol=1e-4, atol=1e-8)
    assert deep.count > 3
    assert "res" in deep.paths[0].places


def test_a_step_that_is_not_finite_is_still_shown():
    i = Input((1,))
    model = Model(i, Dense(1, "exponential", name="d")(i))
    model.compile("sgd", "mse")
    model.set_weights([[[1.0]], [0.0]])
    t = trace(model, [[200.0]], [[0.0]])
    assert "diverged" in t.failed
    assert t.array("d/kernel").after is None
    np.testing.assert_allclose(t.place("d").z, 200.0)
    assert "fit stops here" in str(t)


def test_wrong_names_and_indices(figure_4):
    t = trace(figure_4[0], [[0.0, 1.0]], [[1.0]])
    with pytest.raises(DescendError, match="Did you mean 'second'"):
        t.unit("secnd", 0)
    with pytest.raises(DataError, match=r"has numbers 0 to 1, got 2"):
        t.unit("second", 2)
    with pytest.raises(DescendError, match="unknown array"):
        t.weight("second/kernels", (0, 0))
    with pytest.raises(DataError, match="the batch"):
        t.weight("second/kernel", (0, 0), row=1)
    with pytest.raises(DataError, match="targets are missing"):
        trace(figure_4[0], [[0.0, 1.0]], None)
