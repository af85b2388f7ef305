"""Frozen layers and learned features: what training leaves alone, and what comes along."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import Input, Model, ModelCheckpoint, Sequential, from_keras, load_model
from descend.errors import CheckpointError, DescendError
from descend.nn.layers import (
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Dense,
    DepthwiseConv1D,
    Dropout,
    Flatten,
    ResidualConv2D,
    TimeDistributed,
)
from descend.nn.layers.block import Block
from descend.train.callbacks import Callback
from descend.train.many.sweeping import cross_validate, ensemble, sweep
from descend.train.model.freezing import trained_arrays
from descend.train.model.summary import summary
from descend.train.rules import BY_NAME, SGD, AdamW, Nesterov


def data(n=64, columns=4, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, columns)).astype(np.float32)
    return x, (np.sin(x[:, :1]) + 0.1 * draw.normal(size=(n, 1))).astype(np.float32)


X, Y = data()


def base(**options):
    """Two hidden layers with batch normalisation, trained a little: no array is at its start."""
    layers = [
        Dense(6, "tanh", name="hidden1", kernel_regularizer="l2", **options),
        BatchNormalization(name="norm", momentum=0.5),
        Dense(5, "tanh", name="hidden2"),
        Dense(1, name="out"),
    ]
    model = Sequential([Input((4,)), *layers])
    model.compile(SGD(0.05), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def trained():
    """One trained network for all who do not change it."""
    return base()


def bits(tree):
    return {
        jax.tree_util.keystr(path): np.asarray(leaf).tobytes()
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }


def held(model, layers):
    parts = (model.params, model.layer_state)
    return bits([{n: part[n] for n in layers if n in part} for part in parts])


# -- what training does with frozen layers ------------------------------------------------------


RULES = {name: cls() for name, cls in BY_NAME.items()} | {
    "newton": BY_NAME["newton"](damping=0.1),
    "lookahead": Nesterov(0.05, lookahead=True),
}


SLOW = {"gd", "momentum", "nesterov", "rmsprop", "adagrad", "adam"}  # close kin of the others


@pytest.mark.parametrize(
    "rule", [pytest.param(r, marks=pytest.mark.slow) if r in SLOW else r for r in RULES]
)
def test_a_head_on_frozen_layers_is_trained_as_if_it_were_alone(trained, rule):
    """A second answer, without anything frozen: the head alone, on the features as its inputs."""
    features = load(trained).features("hidden2")
    features.freeze()
    whole = Sequential([features, Dense(1, name="head")])
    alone = Sequential([Input((5,)), Dense(1, name="head")])
    options = {"epochs": 3, "shuffle": False, "verbose": 0}
    if not RULES[rule].full_batch:
        options["batch_size"] = 16
    whole.compile(RULES[rule], "mse")
    alone.params = {"head": whole.params["head"]}
    alone.compile(RULES[rule], "mse")
    before = held(whole, features.layer_names)
    whole.fit(X, Y, **options)
    alone.fit(features.predict(X), Y, **options)
    assert held(whole, features.layer_names) == before == held(trained, features.layer_names)
    for layer, arrays in alone.params.items():
        for array, value in arrays.items():
            # float32, sums in another order; Adam and its kin divide by small roots
            np.testing.assert_allclose(whole.params[layer][array], value, rtol=1e-3, atol=1e-5)
    # the rule keeps memory for the trained arrays alone
    shapes = lambda model: [a.shape for a in jax.tree.leaves(model._state.optimizer)]
    assert shapes(whole) == shapes(alone)


def test_step_by_hand():
    """w - eta (dJ/dw) by jax.grad for the trained arrays, with decay and penalty: below, between
    and above frozen layers."""
    model = Sequential(
        [
            Input((4,)),
            Dense(6, "tanh", name="a", kernel_regularizer="l2"),
            Dense(5, "tanh", name="b", trainable=False, kernel_regularizer="l2"),
            Dense(3, "tanh", name="c"),
            Dense(1, name="d", trainable=False),
        ]
    )
    model.compile(AdamW(0.01, weight_decay=0.1), "mse")
    p = model.params

    def cost(free):
        held = p | free
        y = X
        for name in "abcd":
            z = y @ held[name]["kernel"] + held[name]["bias"][None]
            y = z if name == "d" else jnp.tanh(z)
        return jnp.mean((y - Y) ** 2) + 0.01 * jnp.sum(held["a"]["kernel"] ** 2)

    free = {name: p[name] for name in "ac"}
    j, slopes = jax.value_and_grad(cost)(free)
    # Adam's first step is g / (|g| + eps)
    wanted = jax.tree.map(lambda w, g: w - 0.01 * (g / (abs(g) + 1e-7) + 0.1 * w), free, slopes)
    before = held(model, "bd")
    history = model.fit(X, Y, batch_size=64, verbose=0)
    assert held(model, "bd") == before
    for layer, arrays in wanted.items():
        for array, value in arrays.items():
            # float32; a gradient near eps would be worth 1e-3 of the step of .01
            np.testing.assert_allclose(model.params[layer][array], value, atol=2e-6)
    # a frozen layer's penalty is left out, as in Keras
    assert history.history["loss"][0] == pytest.approx(float(j), rel=1e-5)


def products(model):
    """How many matrix products a step takes."""
    task = model.task
    state = model.start_state(task, 0)
    from descend.train.engine.task import Batch
    from descend.train.model.supervised import Rows

    batch = Batch(Rows((jnp.asarray(X),), (jnp.asarray(Y),), None), None)
    return str(jax.make_jaxpr(task.step)(state, batch)).count("dot_general")


def test_gradients_of_frozen_layers_are_not_computed():
    model = Sequential([Input((4,)), *[Dense(4, name=f"d{i}") for i in range(3)], Dense(1)])
    model.compile("sgd", "mse")
    # four forwards, four for the kernels, three on the way back
    assert products(model) == 11
    model.freeze("d0", "d1", "d2")
    assert products(model) == 4 + 1
    model.unfreeze("d2")
    assert products(model) == 4 + 2 + 1
    model.unfreeze()
    assert products(model) == 11
    model.freeze("d1", "dense")  # errors still travel through them
    assert products(model) == 4 + 2 + 3


def test_frozen_batch_normalisation_predicts_in_training(trained):
    """In the step its mean and variance are the moving ones, and they stay."""
    model = load(trained)
    model.freeze("norm")
    before = held(model, ["norm"])
    outputs = []
    model.apply(
        model.params, model.layer_state, X, training=True, tap=lambda n, x, y: outputs.append(y)
    )
    moving, p, x = model.layer_state["norm"], model.params["norm"], outputs[0]
    row = lambda a: np.asarray(a)[None]
    by_hand = row(p["gamma"]) * (x - row(moving["moving_mean"])) / np.sqrt(
        row(moving["moving_variance"]) + 1e-3
    ) + row(p["beta"])
    np.testing.assert_allclose(outputs[1], by_hand, atol=1e-5)  # float32
    model.fit(X, Y, verbose=0)
    assert held(model, ["norm"]) == before
    model.unfreeze("norm")
    model.fit(X, Y, verbose=0)
    assert not set(held(model, ["norm"]).values()) & set(before.values())


def test_frozen_dropout_stays_random():
    model = Sequential([Input((4,)), Dropout(0.5, trainable=False), Dense(1)])
    y, _ = model.apply(model.params, {}, X, key=jax.random.key(0), training=True)
    assert not np.allclose(y, model.predict(X))


def load(model):
    """A model of its own with the same weights."""
    from descend.nn.rebuilding import symbols_from_config

    copy = Model(*symbols_from_config(model.config()))
    copy.params = model.params
    copy.take_weights(copy.params, model.layer_state)
    copy.compile(SGD(0.05), "mse")
    return copy


# -- layers inside layers -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class HalfFrozen(Block):
    """A block of which one layer is frozen by itself."""

    kernel_regularizer: Any = None

    def wire(self, z):
        y = Dense(z.trial(0)[-1], "tanh", name="fixed", trainable=False)(z)
        return Dense(z.trial(0)[-1], name="free")(Add(name="add")([z, y]))


INSIDE = {
    "a block with batch normalisation": (
        ResidualConv2D(2, trainable=False),
        (3, 3, 1),
        {"conv_0.kernel", "bn_0.gamma", "bn_1.moving_mean", "shortcut_bn.beta"},
        set(),
    ),
    "a layer inside a block": (HalfFrozen(), (4,), {"fixed.kernel"}, {"free.kernel", "free.bias"}),
    "a wrapper": (
        TimeDistributed(BatchNormalization(), trainable=False),
        (3, 4),
        {"layer.gamma", "layer.moving_variance"},
        set(),
    ),
    "a layer inside a wrapper": (
        Bidirectional(LSTM(2, trainable=False), LSTM(2, go_backwards=True)),
        (3, 4),
        {"forward_layer.kernel", "forward_layer.bias"},
        {"backward_layer.kernel", "backward_layer.recurrent_kernel"},
    ),
    "a block inside a wrapper": (
        TimeDistributed(HalfFrozen()),
        (3, 4),
        {"layer.fixed.kernel"},
        {"layer.free.kernel"},
    ),
}


@pytest.mark.parametrize("case", INSIDE)
def test_inside_a_layer(case, tmp_path):
    layer, shape, fixed, free = INSIDE[case]
    i = Input(shape)
    x = np.random.default_rng(0).normal(size=(16, *shape)).astype(np.float32)
    model = Model(i, Dense(1, name="head")(Flatten()(layer(i))))
    name = model.layer_names[0]
    model.compile(AdamW(0.01, weight_decay=0.1), "mse")
    both = lambda: {**model.params.get(name, {}), **model.layer_state.get(name, {})}
    before = bits(both())
    model.fit(x, Y[:16], epochs=2, verbose=0)
    after = bits(both())
    for array in fixed:
        assert before[f"['{array}']"] == after[f"['{array}']"], array
    for array in free:
        assert before[f"['{array}']"] != after[f"['{array}']"], array
    assert {a for n, a in trained_arrays(model) if n == name} >= free
    # on disk, and thawed with all that is inside
    model.save(tmp_path / "m.descend")
    again = load_model(tmp_path / "m.descend", {"HalfFrozen": HalfFrozen})
    assert trained_arrays(again) == trained_arrays(model)
    again.freeze()
    assert not trained_arrays(again)
    again.unfreeze()
    thawed = {a for n, a in trained_arrays(again) if n == name}
    own = {a for a in model.params[name] if ".fixed." not in f".{a}"}
    assert thawed == own  # what a block freezes in its own `wire` stays so


@pytest.mark.parametrize(
    ("layer", "counted"),
    [
        (HalfFrozen(kernel_regularizer="l2"), ["free.kernel"]),
        (HalfFrozen(kernel_regularizer="l2", trainable=False), []),
        (DepthwiseConv1D(2, depthwise_regularizer="l2", trainable=False), []),
        (Bidirectional(LSTM(2, trainable=False, kernel_regularizer="l2")), []),
    ],
)
def test_penalties_are_of_trained_arrays_alone(layer, counted):
    i = Input((3, 4))
    x, y = np.ones((8, 3, 4), np.float32), Y[:8]
    model = Model(i, Dense(1)(Flatten()(layer(i))))
    model.compile("sgd", "mse")
    found = model.evaluate(x, y, verbose=0) - np.mean((model.predict(x) - y) ** 2)
    arrays = model.params[model.layer_names[0]]
    wanted = 0.01 * sum(float(jnp.sum(arrays[name] ** 2)) for name in counted)
    assert found == pytest.approx(wanted, abs=1e-6)  # float32


def test_shared_layers_are_frozen_at_every_use():
    i, j = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(3, "tanh", name="tower")
    model = Model([i, j], Dense(1, name="head")(Concatenate()([shared(i), shared(j)])))
    model.compile("adam", "mse")
    model.freeze("tower")
    before = held(model, ["tower"])
    model.fit([X, 2 * X], Y, epochs=2, verbose=0)
    assert held(model, ["tower"]) == before
    second = model.features("tower@2")
    assert second.input_names == ("b",)
    np.testing.assert_array_equal(second.predict(X), model.features("tower").predict(X))
    with pytest.raises(DescendError, match=r"unknown layer 'tower@3'.*tower@2"):
        model.features("tower@3")


# -- files, resumption, many ----------------------------------------------------------------------


def test_resumed_as_if_never_interrupted(trained, tmp_path):
    def start(*frozen):
        model = load(trained)
        model.compile("adam", "mse")
        model.freeze(*frozen)
        return model

    path = tmp_path / "run.descend"
    options = {"batch_size": 16, "verbose": 0}
    straight = start("hidden1", "norm")
    straight.fit(X, Y, epochs=4, **options)
    first = start("hidden1", "norm")
    first.fit(X, Y, epochs=2, callbacks=[ModelCheckpoint(path)], **options)
    second = start("hidden1", "norm")
    second.fit(X, Y, epochs=4, resume=path, **options)
    assert bits(second.params) == bits(straight.params)
    assert held(straight, ["hidden1", "norm"]) == held(trained, ["hidden1", "norm"])
    with pytest.raises(CheckpointError, match="its layers differ"):
        start("hidden1").fit(X, Y, epochs=4, resume=path, **options)
    loaded = load_model(path)
    assert not loaded.layers["norm"].trainable
    assert loaded.layers["out"].trainable


@pytest.mark.slow
def test_members_share_what_is_frozen_and_draw_the_rest(trained):
    features = load(trained).features("hidden2")
    features.freeze()

    def network():
        model = Sequential([features, Dense(3, "tanh", name="top"), Dense(1, name="head")])
        model.compile("adam", "mse")
        return model

    options = {"epochs": 2, "batch_size": 16, "verbose": 0}
    many = ensemble(network(), X, Y, members=3, **options)
    alone = network()
    alone.fit(X, Y, seed=1, **options)
    for member in many:
        assert held(member.model, features.layer_names) == held(trained, features.layer_names)
    a, b = (many[i].model.params["top"]["kernel"] for i in (0, 1))
    assert not np.allclose(a, b)
    # the same operations, batched over members
    np.testing.assert_allclose(b, alone.params["top"]["kernel"], atol=1e-5)
    # a network of one's own, trained and then frozen: its weights are those of every member
    alone.freeze("top")
    swept = sweep(alone, {"learning_rate": [1e-3, 1e-2]}, X, Y, **options)
    for member in swept:
        assert held(member.model, ["top"]) == held(alone, ["top"])
        assert held(member.model, ["head"]) != held(alone, ["head"])
    for fold in cross_validate(alone, X, Y, folds=2, **options):
        assert held(fold.model, ["hidden1", "norm", "top"]) == held(
            alone, ["hidden1", "norm", "top"]
        )


# -- learned features -----------------------------------------------------------------------------


def test_features_are_the_layers_outputs(trained):
    seen = {}
    look = lambda name, x, y: seen.update({name: y})
    trained.apply(trained.params, trained.layer_state, X, tap=look)
    for name in ("hidden1", "norm", "hidden2"):
        # one program and its parts: float32
        np.testing.assert_allclose(trained.features(name).predict(X), seen[name], atol=1e-6)
    learned = trained.features()  # the lecture's: what the output layer is given
    assert learned.layer_names == ["hidden1", "norm", "hidden2"]
    assert bits(learned.params) == bits(
        {n: trained.params[n] for n in learned.layer_names if n in learned.params}
    )
    np.testing.assert_array_equal(trained.features("out").predict(X), trained.predict(X))
    with pytest.raises(DescendError, match=r"unknown layer 'hiden2'. Did you mean 'hidden2'"):
        trained.features("hiden2")


def test_features_of_a_graph_take_the_inputs_they_need():
    i, j = Input((4,), name="a"), Input((3,), name="b")
    left, right = Dense(3, "tanh", name="left")(i), Dense(3, "tanh", name="right")(j)
    joined = Concatenate(name="joined")([left, right])
    steps = Input((5, 2), name="steps")
    output, h, c = LSTM(2, return_state=True, name="lstm")(steps)
    model = Model([i, j, steps], Dense(1, name="out")(Concatenate()([joined, output, h, c])))
    assert model.features("left").input_names == ("a",)
    assert model.features("joined").input_names == ("a", "b")
    rows = [X, X[:, :3]]
    parts = [model.features(n).predict(r) for n, r in zip(("left", "right"), rows, strict=True)]
    np.testing.assert_allclose(
        model.features("joined").predict(rows), np.concatenate(parts, 1), atol=1e-6
    )
    lstm = model.features("lstm")
    assert lstm.output_shapes == ((2,), (2,), (2,))
    two = Model([i, j], Add(name="sum")([left, right]))
    with pytest.raises(DescendError, match="not one layer alone; name one of: left, right, sum"):
        two.features()


# -- how it is said -------------------------------------------------------------------------------


def test_freezing_holds_at_once_and_says_what_is_wrong(trained):
    model = load(trained)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)  # it has a memory for all
    text = summary(model)
    assert "Total parameters: 95 (trained 83, not trained 12)" in text  # the moving statistics
    model.freeze("hidden1", "norm")
    text = summary(model)
    assert "hidden1 (Dense, frozen)" in text
    # hidden2 and out: (6 + 1) 5 + (5 + 1) 1
    assert "Total parameters: 95 (trained 41, not trained 54)" in text
    with pytest.raises(DescendError, match=r"unknown layer 'hiden2'. Did you mean 'hidden2'"):
        model.freeze("out", "hiden2")
    assert model.layers["out"].trainable
    model.freeze()
    with pytest.raises(DescendError, match=r"nothing to train: every layer is frozen.*unfreeze"):
        model.fit(X, Y, verbose=0)
    assert np.isfinite(model.evaluate(X, Y, verbose=0))
    model.unfreeze("out")

    class Freezing(Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.freeze("out")

    with pytest.raises(DescendError, match=r"in training.*between two calls of fit"):
        model.fit(X, Y, verbose=0, callbacks=[Freezing()])
    with pytest.raises(DescendError, match=r"Dense: trainable must be True or False, got 'no'"):
        Dense(2, trainable="no")


# -- beside Keras ---------------------------------------------------------------------------------


def keras_or_skip():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns about its own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
    if keras.backend.backend() != "jax":
        pytest.skip("Keras runs on its JAX backend here")
    return keras


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", [pytest.param("sgd", marks=pytest.mark.slow), "adam"])
def test_keras_with_the_same_layers_frozen(rule):
    keras = keras_or_skip()
    L = keras.layers
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [keras.Input((4,)), L.Dense(6, "tanh", name="a"), L.BatchNormalization(name="b")]
    )
    inner.trainable = False  # with all inside
    network = keras.Sequential(
        [
            keras.Input((4,)),
            inner,
            L.Dense(5, "tanh", name="c", kernel_regularizer="l2"),
            L.BatchNormalization(name="d"),
            L.Dense(3, "tanh", name="e", trainable=False, kernel_regularizer="l2"),
            L.Dense(1, name="f"),
        ]
    )
    for number, v in enumerate(network.weights):  # no array at its start
        noise = np.random.default_rng(number).normal(size=v.shape) * 0.2
        v.assign(v.numpy() + (abs(noise) if "variance" in v.path else noise))
    chosen = {"sgd": keras.optimizers.SGD(0.05, momentum=0.9), "adam": keras.optimizers.Adam(0.01)}
    network.compile(chosen[rule], "mse")
    model = from_keras(network)
    assert [n for n, layer in model.layers.items() if not layer.trainable] == ["a", "b", "e"]
    options = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0}
    with jax.numpy_rank_promotion("allow"):
        theirs = network.fit(X, Y, **options).history["loss"]
    before = held(model, "abe")
    ours = model.fit(X, Y, **options).history["loss"]
    after = from_keras(network)
    assert held(model, "abe") == before == held(after, "abe")
    # float32 in twelve steps, sums in another order; Keras adds Adam's eps elsewhere
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    for a, b in zip(model.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)
