"""Networks: joining layers, sharing them, counting their parameters, reading them back."""

from __future__ import annotations

import json
import re
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DescendError, ShapeError
from descend.nn import activations
from descend.nn.graph import Graph
from descend.nn.layers import (
    Activation,
    Add,
    Concatenate,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    PReLU,
    Reshape,
)
from descend.nn.rebuilding import symbols_from_config
from descend.nn.symbols import Input
from descend.train.model.rows import check_rows
from descend.train.model.sequential import Sequential
from descend.train.saving.loading import load_model

KEY = jax.random.key(0)


def chain(shape, *layers):
    """The graph of layers one behind the other."""
    first = symbol = Input(shape)
    for layer in layers:
        symbol = layer(symbol)
    return Graph(first, symbol)


def fill(graph, seed=0, dtype=np.float32):
    """Arrays of the shapes that `init` gives, drawn by numpy."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(graph.init, KEY)
    return jax.tree.map(lambda a: rng.standard_normal(a.shape).astype(dtype), shapes)


def iris():
    """itam-2023, 1.8: the listing's network."""
    relu = "relu"
    return chain((2,), Dense(32, relu), Dense(64, relu), Dense(32, relu), Dense(2))


# -- what a network computes --------------------------------------------------------------------


def test_a_chain_is_the_composition(x64):
    """hull-2023, "Multi-layer ...": a[k] = ReLU(W[k] a[k-1] + b[k])."""
    graph = iris()
    params, state = fill(graph, dtype=np.float64)
    x = a = np.random.default_rng(1).normal(size=(5, 2))
    for name, arrays in params.items():
        z = a @ arrays["kernel"] + arrays["bias"]
        a = z if name == "dense_3" else np.maximum(0, z)
    y, _ = graph.apply(params, state, x)
    np.testing.assert_allclose(y, a, rtol=1e-12)


def test_linear_layers_collapse_to_one_matrix(x64):
    """hull-2023, "Linearity vs Non-Linearity": W~ = W[2] W[1]."""
    graph = chain((3,), Dense(5, use_bias=False), Dense(2, use_bias=False))
    params, state = fill(graph, dtype=np.float64)
    x = np.random.default_rng(2).normal(size=(4, 3))
    collapsed = x @ (params["dense"]["kernel"] @ params["dense_1"]["kernel"])
    np.testing.assert_allclose(graph.apply(params, state, x)[0], collapsed, rtol=1e-12)


def test_residual_block(x64):
    """Res(z) = z + sigma(MM(sigma(MM(z)))) (hull-2023, "Residual connections")."""
    z = Input((4,))
    inner = Dense(4, "tanh")(Dense(6, "tanh")(z))
    graph = Graph(z, Add()([z, inner]))
    params, state = fill(graph, dtype=np.float64)
    x = np.random.default_rng(3).normal(size=(5, 4))
    a, b = params["dense"], params["dense_1"]
    hidden = np.tanh(x @ a["kernel"] + a["bias"])
    want = x + np.tanh(hidden @ b["kernel"] + b["bias"])
    np.testing.assert_allclose(graph.apply(params, state, x)[0], want, rtol=1e-12)
    zero = jax.tree.map(np.zeros_like, params)
    np.testing.assert_array_equal(graph.apply(zero, state, x)[0], x)  # f = 0: the identity


def two_and_two():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    trunk = Dense(4, "tanh", name="trunk")(Concatenate()([a, b]))
    left, right = Dense(1, name="left")(trunk), Dense(3, "softmax", name="right")(trunk)
    return Graph([a, b], [left, right])


def test_several_inputs_and_outputs(x64):
    graph = two_and_two()
    assert graph.input_names == ("a", "b")
    assert graph.output_names == ("left", "right")
    assert graph.input_shapes == ((3,), (2,))
    assert graph.output_shapes == ((1,), (3,))
    params, state = fill(graph, dtype=np.float64)
    rng = np.random.default_rng(4)
    xa, xb = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    (left, right), _ = graph.apply(params, state, (xa, xb))
    p = params["trunk"]
    trunk = np.tanh(np.hstack([xa, xb]) @ p["kernel"] + p["bias"])
    np.testing.assert_allclose(left, trunk @ params["left"]["kernel"] + params["left"]["bias"])
    z = trunk @ params["right"]["kernel"] + params["right"]["bias"]
    np.testing.assert_allclose(right, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))


def test_an_input_may_be_an_output_too():
    a = Input((2,), name="a")
    graph = Graph(a, [a, Dense(3)(a)])
    assert graph.output_names == ("a", "dense")
    params, state = fill(graph)
    (same, _), _ = graph.apply(params, state, np.ones((4, 2)))
    np.testing.assert_array_equal(same, np.ones((4, 2)))
    assert graph.output_links() == (None, None)


# -- sharing ------------------------------------------------------------------------------------


def test_a_shared_layer_is_drawn_once_and_learns_from_both_uses(x64):
    """The gradient of shared weights is the sum over their uses."""
    a, b = Input((3,)), Input((3,))
    shared = Dense(2, "tanh")
    tied = Graph([a, b], Add()([shared(a), shared(b)]))
    assert tied.parameter_counts() == {"dense": 8, "add": 0}
    free = Graph([a, b], Add()([Dense(2, "tanh")(a), Dense(2, "tanh")(b)]))
    assert free.parameter_counts() == {"dense": 8, "dense_1": 8, "add": 0}

    params, _ = fill(tied, dtype=np.float64)
    both = {"dense": params["dense"], "dense_1": params["dense"]}
    rng = np.random.default_rng(5)
    x = tuple(rng.normal(size=(2, 6, 3)))
    weight = rng.normal(size=(6, 2))
    cost = lambda graph: lambda p: jnp.sum(weight * graph.apply(p, {}, x)[0])
    np.testing.assert_allclose(cost(tied)(params), cost(free)(both), rtol=1e-12)
    one, two = jax.grad(cost(tied))(params), jax.grad(cost(free))(both)
    for array in ("kernel", "bias"):
        want = two["dense"][array] + two["dense_1"][array]
        np.testing.assert_allclose(one["dense"][array], want, rtol=1e-11)
        assert not np.allclose(two["dense"][array], want)


def test_a_shared_layer_must_fit_all_its_inputs():
    shared = Dense(2)
    a, b = Input((3,)), Input((5,))
    with pytest.raises(ShapeError, match=r"shared between inputs of shape \(3,\) and \(5,\)"):
        Graph([a, b], [shared(a), shared(b)])
    c = Input((7, 3))  # the same kernel serves a sequence
    graph = Graph([a, c], [shared(a), shared(c)])
    assert graph.parameter_counts() == {"dense": 8}
    assert graph.output_shapes == ((2,), (7, 2))


def test_calling_a_graph_on_symbols_shares_its_layers():
    tower = chain((3,), Dense(4, "relu"), Dense(2))
    a, b = Input((3,)), Input((3,))
    twins = Graph([a, b], Add()([tower(a), tower(b)]))
    assert sum(twins.parameter_counts().values()) == sum(tower.parameter_counts().values()) == 26
    params, state = fill(tower)
    x, y = np.random.default_rng(6).normal(size=(2, 5, 3)).astype(np.float32)
    alone = [tower.apply(params, state, part)[0] for part in (x, y)]
    np.testing.assert_allclose(
        twins.apply(params, state, (x, y))[0], alone[0] + alone[1], rtol=1e-6
    )
    with pytest.raises(ShapeError, match=r"expects an input of shape \(3,\)"):
        tower(Input((4,)))
    with pytest.raises(ShapeError, match="1 inputs, got 2"):
        tower([a, b])


def test_dropout_called_twice_draws_two_masks():
    noise, a = Dropout(0.5), Input((50,))
    graph = Graph(a, [noise(a), noise(a)])
    (one, two), _ = graph.apply({}, {}, jnp.ones((4, 50)), key=KEY, training=True)
    assert not np.array_equal(one, two)


# -- names --------------------------------------------------------------------------------------


def test_names_as_keras_gives_them():
    graph = chain((2,), Dense(3), Dense(3), PReLU(), DropConnect(2), Dense(1), Activation("relu"))
    assert list(graph.layers) == [
        "dense", "dense_1", "p_re_lu", "drop_connect", "dense_2", "activation",
    ]  # fmt: skip
    # a name given by hand is not given twice
    graph = chain((2,), Dense(3), Dense(3, name="dense"), Dense(3))
    assert list(graph.layers) == ["dense_1", "dense", "dense_2"]
    assert Graph([a := Input((1,)), b := Input((1,))], Add()([a, b])).input_names == (
        "input",
        "input_1",
    )


def test_bad_names():
    with pytest.raises(DescendError, match="two layers are named 'h'"):
        chain((2,), Dense(3, name="h"), Dense(3, name="h"))
    for name in ("", "a.b", "a/b"):
        with pytest.raises(DescendError, match="name must be non-empty"):
            chain((2,), Dense(3, name=name))
    a, b = Input((2,), name="x"), Input((2,), name="x")
    with pytest.raises(DescendError, match="two inputs have one name"):
        Graph([a, b], Add()([a, b]))


# -- errors -------------------------------------------------------------------------------------


def test_an_input_that_nothing_uses():
    a, b = Input((2,)), Input((2,), name="idle")
    with pytest.raises(DescendError, match=r"'idle'.* is not used by any output"):
        Graph([a, b], Dense(1)(a))


def test_an_output_that_hangs_on_another_input():
    a, b = Input((2,)), Input((2,), name="elsewhere")
    with pytest.raises(DescendError, match=r"'elsewhere'.* is not among the inputs given"):
        Graph(a, Add()([Dense(2)(a), Dense(2)(b)]))


def test_inputs_must_be_inputs():
    a = Input((2,))
    h = Dense(3)(a)
    with pytest.raises(DescendError, match="inputs come from Input"):
        Graph(h, Dense(1)(h))
    with pytest.raises(DescendError, match="got ndarray"):
        Graph(np.ones(3), h)
    with pytest.raises(DescendError, match="got Dense"):
        Graph(a, Dense(3))


@pytest.mark.parametrize("shape", [(0,), (-1,), (2.5,), (True,), 3])
def test_bad_input_shapes(shape):
    with pytest.raises(ShapeError, match="Input: shape must"):
        Input(shape)


def test_rows_are_checked_against_the_inputs():
    graph = two_and_two()
    check_rows(graph, [np.ones((4, 3)), np.ones((4, 2))])
    with pytest.raises(
        ShapeError, match=re.escape("input 'b' of 'model' expects rows of shape (2,)")
    ):
        check_rows(graph, [np.ones((4, 3)), np.ones((4, 3))])
    with pytest.raises(ShapeError, match="has 2 inputs"):
        check_rows(graph, [np.ones((4, 3))])


def test_a_chain_of_3000_layers_closes():
    """Beyond Python's recursion limit; and in seconds, not minutes."""
    began = time.perf_counter()
    graph = chain((2,), *[Activation("tanh") for _ in range(3000)])
    assert len(graph.nodes) == 3000
    assert list(graph.layers)[-1] == "activation_2999"
    assert time.perf_counter() - began < 20
    config = graph.config()
    assert len(Graph(*symbols_from_config(config)).nodes) == 3000


# -- counting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "counts"),
    [
        # itam-2023, 1.8, the summary of the listing: 96, 2112, 2080, 66
        (iris(), [96, 2112, 2080, 66]),
        (chain((784,), Dense(100, "relu"), Dense(10, "softmax")), [78500, 1010]),
        (chain((4, 3), Flatten(), Dense(5), PReLU(), Reshape((5, 1))), [0, 65, 5, 0]),
        (chain((3,), DropConnect(4), Dropout(0.5), Dense(2, use_bias=False)), [16, 0, 8]),
    ],
)
def test_parameter_counts(graph, counts):
    assert list(graph.parameter_counts().values()) == counts
    params, _ = jax.eval_shape(graph.init, KEY)
    assert sum(a.size for a in jax.tree.leaves(params)) == sum(counts)


def test_init_is_a_function_of_the_key_and_layers_differ():
    graph = chain((4,), Dense(4), Dense(4))
    params, again = graph.init(KEY)[0], graph.init(KEY)[0]
    assert jax.tree.all(jax.tree.map(np.array_equal, params, again))
    assert not np.array_equal(params["dense"]["kernel"], params["dense_1"]["kernel"])
    other, _ = graph.init(jax.random.key(1))
    assert not np.array_equal(params["dense"]["kernel"], other["dense"]["kernel"])


# -- the tap ------------------------------------------------------------------------------------


def test_the_tap_sees_every_layer_in_order():
    graph = two_and_two()
    params, state = fill(graph)
    seen = []
    x = (np.ones((2, 3), np.float32), np.ones((2, 2), np.float32))
    outputs, _ = graph.apply(params, state, x, tap=lambda *call: seen.append(call))
    assert [name for name, *_ in seen] == ["concatenate", "trunk", "left", "right"]
    by_name = {name: (taken, y) for name, taken, y in seen}
    assert isinstance(by_name["concatenate"][0], tuple)
    np.testing.assert_array_equal(by_name["trunk"][0], by_name["concatenate"][1])
    np.testing.assert_array_equal(by_name["right"][1], outputs[1])


def test_a_shared_layer_is_tapped_at_each_use():
    shared, a = Dense(2), Input((2,))
    graph = Graph(a, shared(shared(a)))
    params, state = fill(graph)
    seen = []
    graph.apply(params, state, jnp.ones((1, 2)), tap=lambda name, x, y: seen.append((name, x, y)))
    assert [name for name, *_ in seen] == ["dense", "dense"]
    np.testing.assert_array_equal(seen[1][1], seen[0][2])


# -- numbers ------------------------------------------------------------------------------------


def test_numbers_of_all_layers():
    graph = chain(
        (3,),
        Dense(4, kernel_regularizer="l1_l2"),
        Dropout(0.25),
        DropConnect(2, rate=0.1, bias_regularizer="l2"),
    )
    assert graph.numbers() == {
        "dense.kernel_regularizer.l1": 0.01,
        "dense.kernel_regularizer.l2": 0.01,
        "dropout.rate": 0.25,
        "drop_connect.rate": 0.1,
        "drop_connect.bias_regularizer.l1": 0.0,
        "drop_connect.bias_regularizer.l2": 0.01,
    }
    params, _ = fill(graph)
    penalty = jax.jit(lambda numbers: graph.penalty(params, numbers))
    k, b = params["dense"]["kernel"], params["drop_connect"]["bias"]
    want = 0.3 * np.abs(k).sum() + 0.01 * (k**2).sum() + 0.01 * (b**2).sum()
    got = penalty({"dense.kernel_regularizer.l1": 0.3})
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert chain((3,), Dense(4)).penalty({}) is None


def test_a_swept_rate_is_used():
    graph = chain((100,), Dropout(0.5))
    run = jax.jit(
        lambda rate: graph.apply(
            {}, {}, jnp.ones((50, 100)), key=KEY, training=True, numbers={"dropout.rate": rate}
        )[0]
    )
    assert float(jnp.mean(run(0.9) == 0)) == pytest.approx(0.9, abs=0.03)  # 4.5 x .0042 = .02
    np.testing.assert_array_equal(run(0.0), np.ones((50, 100)))


def test_a_penalty_counts_a_shared_layer_once():
    shared, a = Dense(2, kernel_regularizer="l2"), Input((2,))
    graph = Graph(a, shared(shared(a)))
    params, _ = fill(graph)
    want = 0.01 * (params["dense"]["kernel"] ** 2).sum()
    np.testing.assert_allclose(graph.penalty(params), want, rtol=1e-5)


# -- logits -------------------------------------------------------------------------------------


def _ends(layer, before=None):
    return chain((3,), *([before] if before else []), layer).output_links()


def test_logits_are_offered_where_they_are_safe():
    assert _ends(Dense(1, "sigmoid")) == ("sigmoid",)
    assert _ends(Dense(3, "softmax")) == ("softmax",)
    assert _ends(Activation("softmax"), Dense(3)) == ("softmax",)
    assert _ends(Activation("sigmoid"), Dense(3)) == ("sigmoid",)


def test_logits_are_not_offered_elsewhere():
    from functools import partial

    assert _ends(Dense(3)) == (None,)
    assert _ends(Dense(3, "tanh")) == (None,)
    assert _ends(Dense(3, partial(activations.sigmoid, beta=2.0))) == (None,)  # another curve
    assert _ends(DropConnect(3, "softmax")) == (None,)  # its logits are random in training
    assert _ends(Flatten(), Dense(3, "softmax")) == (None,)
    assert _ends(Dropout(0.5), Dense(3, "softmax")) == (None,)
    a = Input((3,))
    p = Dense(3, "softmax")(a)
    assert Graph(a, [p, Dense(2)(p)]).output_links() == (None, None)  # p is needed as it is


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
@pytest.mark.parametrize("separate", [False, True])
def test_logits_are_what_the_link_maps_to_the_output(link, separate):
    last = (Dense(3), Activation(link)) if separate else (Dense(3, link),)
    graph = chain((2,), Dense(4, "tanh"), *last)
    params, state = fill(graph)
    x = np.random.default_rng(8).normal(size=(5, 2)).astype(np.float32)
    p, _ = graph.apply(params, state, x)
    z, _ = graph.apply(params, state, x, logits=(True,))
    assert not np.allclose(p, z)
    np.testing.assert_allclose(activations.get(link)(z), p, rtol=1e-6)


# -- description --------------------------------------------------------------------------------


def shared_graph():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Dense(2, "tanh", kernel_regularizer="l2")
    return Graph([a, b], Dense(1)(Concatenate()([shared(a), shared(b), a])), name="twin")


@pytest.mark.parametrize("make", [iris, two_and_two, shared_graph])
def test_config_round_trip(make):
    graph = make()
    config = json.loads(json.dumps(graph.config()))
    again = Graph(*symbols_from_config(config), name=config["name"])
    assert again.config() == graph.config()
    params, state = graph.init(KEY)
    assert jax.tree.all(jax.tree.map(np.array_equal, params, again.init(KEY)[0]))
    rng = np.random.default_rng(9)
    x = [rng.normal(size=(4, *s)).astype(np.float32) for s in graph.input_shapes]
    x = x[0] if graph.single_input else tuple(x)
    y, z = graph.apply(params, state, x)[0], again.apply(params, state, x)[0]
    assert jax.tree.all(jax.tree.map(np.array_equal, y, z))


def test_an_unknown_layer_class_in_a_config():
    config = chain((2,), Dense(1)).config()
    config["layers"]["dense"]["class"] = "Dens"
    with pytest.raises(DescendError, match=r"Did you mean 'Dense'.*custom="):
        symbols_from_config(config)


# -- sizes left open ----------------------------------------------------------------------------


def test_an_axis_of_any_size(tmp_path):
    """None in Input: the same weights serve sequences of any length; targets follow the input."""
    model = Sequential([Input((None, 3)), Dense(4, "tanh"), Dense(2)])
    assert model.input_shapes == ((None, 3),)
    assert model.output_shapes == ((None, 2),)
    rng = np.random.default_rng(0)
    long = rng.standard_normal((5, 9, 3))
    whole, short = model.predict(long), model.predict(long[:, :4])
    assert whole.shape == (5, 9, 2)
    np.testing.assert_allclose(short, whole[:, :4], rtol=1e-6, atol=1e-6)
    model.compile("sgd", "mse")
    model.fit(long, rng.standard_normal((5, 9, 2)), verbose=0)
    model.fit(long[:, :2], rng.standard_normal((5, 2, 2)), verbose=0)
    with pytest.raises(ShapeError, match="predictions"):
        model.fit(long, rng.standard_normal((5, 8, 2)), verbose=0)
    with pytest.raises(ShapeError, match="None stands for any size"):
        model.predict(long[..., :2])
    model.save(tmp_path / "open.descend")
    again = load_model(tmp_path / "open.descend")
    assert again.output_shapes == ((None, 2),)
    np.testing.assert_array_equal(again.predict(long), model.predict(long))


def test_weights_cannot_depend_on_an_open_size():
    with pytest.raises(ShapeError, match="left open"):
        Sequential([Input((None, 3)), Flatten(), Dense(2)])
    with pytest.raises(ShapeError, match="any size"):
        Input((0, None))
