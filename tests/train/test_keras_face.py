"""What Keras's users write around a model: adding layers, looking at them, one batch at a time."""

from __future__ import annotations

import json
import xml.dom.minidom

import jax
import numpy as np
import pandas as pd
import pytest

from descend import Dense, Dropout, Input, Model, Sequential, clone_model, load_model
from descend.errors import CheckpointError, DescendError, NotFittedError, ShapeError
from descend.nn.layers import Add, BatchNormalization, Embedding, Flatten
from descend.train.callbacks import Callback
from descend.train.model.plotting import plot_model
from descend.train.rules import SGD, Adam
from descend.train.saving.loading import model_from_json

draw = np.random.default_rng(0)
X = draw.normal(size=(40, 4)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]


def same(a, b):
    assert len(a) == len(b)
    for u, v in zip(a, b, strict=True):
        np.testing.assert_array_equal(u, v)


def two_layers(**first):
    return [Dense(3, "tanh", name="a", **first), Dense(1, name="b")]


WAYS = {
    "Input": lambda: Sequential([Input((4,)), *two_layers()]),
    "shape on the first layer": lambda: Sequential(two_layers(input_shape=(4,))),
    "input_dim": lambda: Sequential(two_layers(input_dim=4)),
    "batch_shape": lambda: Sequential([Input(batch_shape=(None, 4)), *two_layers()]),
    "from the data": lambda: Sequential(two_layers()),
    "a class with call": lambda: Called(),
}


class Called(Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = two_layers()

    def call(self, inputs, training=None):
        return self.second(self.first(inputs, training=training))


def test_every_way_to_begin_gives_one_network():
    """One seed, one architecture: the history does not tell how the model was written."""
    wanted = None
    for way, make in WAYS.items():
        model = make()
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(X, Y, epochs=2, verbose=0).history
        wanted = wanted or history
        assert history == wanted, way


def test_add_and_pop():
    model = Sequential()
    model.add(Dense(3, "tanh", input_shape=(4,)))
    model.add(Dense(2))
    model.compile("sgd", "mse")
    model.fit(X, np.concatenate([Y, Y], 1), verbose=0)
    first = model.get_weights()[0]
    gone = model.pop()
    assert gone.units == 2
    model.add(Dense(1))
    np.testing.assert_array_equal(model.get_weights()[0], first)  # the layer that stayed
    model.fit(X, Y, verbose=0)  # compiled as before, for the new output
    assert model.predict(X).shape == (40, 1)
    waiting = Sequential([Dense(2)])
    with pytest.raises(NotFittedError, match=r"has not seen a shape: call build"):
        waiting.summary()
    waiting.build((None, 4))
    assert waiting.count_params() == 10
    with pytest.raises(DescendError, match="has no layers: add"):
        Sequential().build((None, 4))
    with pytest.raises(DescendError, match="made of layers and networks, got int"):
        model.add(3)


def test_data_that_wire_a_network():
    words = Sequential([Embedding(10, 3), Flatten(), Dense(1)])
    words.compile("adam", "mse")
    words.fit(np.arange(40).reshape(20, 2) % 10, np.ones(20), verbose=0)
    assert words.inputs[0].dtype == "int32"
    whole = Sequential([Dense(1)])
    assert whole.predict(np.arange(8).reshape(4, 2)).shape == (4, 1)
    assert whole.inputs[0].dtype == "float32"


class Towers(Model):
    def __init__(self):
        super().__init__(name="towers")
        self.shared = Dense(3, name="shared")
        self.inner = Called()  # a network inside, wired when it is called
        self.add_up = Add()

    def call(self, inputs):
        left, right = inputs["left"], inputs["right"]
        return self.add_up([self.inner(self.shared(left)), self.inner(self.shared(right))]) * 0.5


def test_a_class_of_several_inputs_with_a_network_inside(tmp_path):
    model = Towers()
    model.compile("adam", "mse")
    data = {"left": X, "right": X[::-1]}
    model.fit(data, Y, epochs=1, verbose=0)
    inner, kernel, bias = model.inner, *model.shared.get_weights()
    by_hand = sum(inner.predict(part @ kernel + bias) for part in data.values()) / 2
    np.testing.assert_allclose(model.predict(data), by_hand, atol=1e-6)
    model.save(tmp_path / "towers.descend")
    same([load_model(tmp_path / "towers.descend").predict(data)], [model.predict(data)])


def test_what_a_class_cannot_do_is_said():
    with pytest.raises(DescendError, match=r"overrides train_step, which would never run.*Task"):
        type("Mine", (Model,), {"train_step": lambda self, data: None})

    class Asks(Model):
        def call(self, x, training=None):
            return x + 1 if training else x

    with pytest.raises(DescendError, match=r"`if training:` cannot be decided"):
        Asks().build((None, 4))

    class Leaks(Model):
        def call(self, x):
            return 3.0

    with pytest.raises(DescendError, match=r"Leaks.call must return what its layers gave"):
        Leaks().build((None, 4))
    with pytest.raises(DescendError, match=r"Model needs inputs and outputs"):
        Model()


# -- looking at a model ---------------------------------------------------------------------------


def test_layers_by_position_and_name():
    base = Sequential([Input((4,)), Dense(3, name="a"), BatchNormalization(name="n")], name="base")
    i = Input((4,), name="rows")
    model = Model(i, Dense(1, name="head")(base(i)))
    # Keras: [<InputLayer rows>, <Sequential base>, <Dense head>]
    assert [layer.name for layer in model.layers] == ["rows", "base", "head"]
    assert model.layers[1] is base is model.get_layer("base") is model.get_layer(index=1)
    assert [layer.name for layer in base.layers] == ["a", "n"]
    assert model.layers["a"].units == 3
    same(base.layers[0].get_weights(), model.get_layer("a").get_weights())
    paths = lambda weights: [w.path for w in weights]
    assert paths(model.trainable_weights) == [
        *("a/kernel", "a/bias", "n/gamma", "n/beta", "head/kernel", "head/bias")
    ]
    assert paths(model.non_trainable_weights) == ["n/moving_mean", "n/moving_variance"]
    model.layers[1].trainable = False
    assert paths(model.trainable_weights) == ["head/kernel", "head/bias"]
    assert model.count_params() == 15 + 12 + 4
    base.layers[0].set_weights([np.ones((4, 3)), np.zeros(3)])
    base.layers["a"].weights[1].assign(np.full(3, 2.0))
    inside = Model(model.input, model.layers["a"].output)
    by_hand = X.sum(1, keepdims=True) + np.full((1, 3), 2.0)
    np.testing.assert_allclose(inside.predict(X), by_hand, atol=1e-6)  # float32
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 1))
    lines = []
    model.summary(line_length=90, print_fn=lines.append)
    assert len(lines[1]) == 90
    # a: 15, n: 6 and 6
    assert "(trained 4, not trained 27)" in lines[-2]
    assert lines[-1] == "Frozen: 2 layers, 21 parameters"
    with pytest.raises(DescendError, match=r"unknown layer 'haed'. Did you mean 'head'"):
        model.get_layer("haed")


def test_called_with_training_false_a_network_stays_at_prediction():
    """Transfer as Keras's guide writes it: base(x, training=False) keeps batch statistics."""
    layers = [Dense(3), BatchNormalization(momentum=0.5), Dropout(0.5)]
    base = Sequential([Input((4,)), *layers])
    i = Input((4,))
    model = Model(i, Dense(1)(base(i, training=False)))
    model.compile(SGD(0.1), "mse")
    before = base.get_weights()
    model.fit(X, Y, verbose=0)
    after = base.get_weights()
    same(after[4:], before[4:])  # the moving statistics
    assert not np.array_equal(after[0], before[0])  # trained on, all the same
    y, _ = model.apply(model.params, model.layer_state, X, key=jax.random.key(0), training=True)
    np.testing.assert_allclose(y, model.predict(X), atol=1e-6)
    again = Model.from_config(json.loads(model.to_json()))
    assert again.config() == model.config()
    assert not np.array_equal(base(X, training=True), base(X, training=True))
    with pytest.raises(DescendError, match="random layers are active in fit alone"):
        Dropout(0.5)(i, training=True)


def test_arithmetic_of_symbols(tmp_path):
    i, j = Input((4,)), Input((4,))
    y = (1 - i) * j / 2 + i**2 - (-j)
    model = Model([i, j], [y[:, 1:3], y[:, 0], y[:, None], 2**i + np.arange(4.0)])
    a, b = X, X[::-1] + 1
    z = (1 - a) * b / 2 + a**2 + b
    wanted = [z[:, 1:3], z[:, 0], z[:, None], 2**a + np.arange(4.0)[None]]
    for result, by_hand in zip(model.predict([a, b]), wanted, strict=True):
        np.testing.assert_allclose(result, by_hand, rtol=1e-5, atol=1e-6)  # float32
    model.save(tmp_path / "m.descend")
    same(load_model(tmp_path / "m.descend").predict([a, b]), model.predict([a, b]))
    with pytest.raises(DescendError, match="Rows of a batch are not picked apart"):
        i[0]
    with pytest.raises(ShapeError, match="add does not fit shapes"):
        i + Input((3,))
    with pytest.raises(DescendError, match=r"jnp.where"):
        bool(i)


# -- files and copies -----------------------------------------------------------------------------


def test_weights_and_description_apart(tmp_path):
    model = WAYS["Input"]()
    start = model.get_weights()
    model.save_weights(tmp_path / "w.weights.h5")
    again = model_from_json(model.to_json())
    again.load_weights(tmp_path / "w.weights.h5")
    same(again.get_weights(), start)
    model.compile("adam", "mse")
    model.save(tmp_path / "m.descend")
    clone = clone_model(model)
    clone.load_weights(tmp_path / "m.descend")
    same(clone.get_weights(), start)
    other = Sequential([Input((4,)), Dense(2)])
    with pytest.raises(CheckpointError, match=r"does not fit sequential"):
        other.load_weights(tmp_path / "w.weights.h5")
    with pytest.raises(DescendError, match="is there already"):
        model.save_weights(tmp_path / "w.weights.h5", overwrite=False)


def test_plot_model(tmp_path):
    i = Input((4,), name="a<b>")
    h = Dense(4, name="h")(i)
    model = Model(i, Add(name="sum")([i, h]))
    text = plot_model(model, tmp_path / "m.svg")
    page = xml.dom.minidom.parse(str(tmp_path / "m.svg"))
    words = [t.firstChild.data for t in page.getElementsByTagName("text")]
    assert words == ["a<b>: Input", "(None, 4)", "h: Dense", "(None, 4)", "sum: Add", "(None, 4)"]
    assert len(page.getElementsByTagName("path")) == 1 + 3  # the tip, and three lines
    assert "a<b>" not in text
    with pytest.raises(DescendError, match=r"writes SVG"):
        plot_model(model, tmp_path / "m.png")


# -- the rule, and one batch at a time ------------------------------------------------------------


def test_train_on_batch_is_an_epoch_of_one_batch():
    one, other = WAYS["Input"](), WAYS["Input"]()
    for model in (one, other):
        model.compile("adam", "mse", metrics=["mae"])
    for _ in range(2):
        logs = one.train_on_batch(X, Y)
        history = other.fit(X, Y, batch_size=400, shuffle=False, verbose=0).history
        # the same step in two programs
        np.testing.assert_allclose(logs, [history["loss"][0], history["mae"][0]], rtol=1e-6)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert one.metrics_names == ["loss", "mae"]
    assert one.test_on_batch(X, Y) == pytest.approx(one.evaluate(X, Y, verbose=0))
    same([one.predict_on_batch(X)], [one.predict(X)])


def test_the_rate_is_read_and_set():
    model = WAYS["Input"]()
    model.compile(Adam(0.01), "mse")
    assert model.optimizer.learning_rate == 0.01
    model.fit(X, Y, verbose=0)
    before, steps = model.get_weights(), model.optimizer.iterations
    model.optimizer.learning_rate = 1e-6
    model.fit(X, Y, verbose=0)
    assert model.optimizer.iterations == 2 * steps
    for a, b in zip(model.get_weights(), before, strict=True):
        assert abs(a - b).max() < 4e-6  # two updates, each about the rate
    rates = []

    class Halve(Callback):
        def on_epoch_end(self, epoch, logs):
            rates.append(float(self.model.optimizer.learning_rate))
            self.model.optimizer.learning_rate = rates[-1] / 2

    model.fit(X, Y, epochs=3, verbose=0, callbacks=[Halve()])
    np.testing.assert_allclose(rates, [1e-6, 5e-7, 2.5e-7], rtol=1e-6)  # float32
    assert float(model.optimizer.learning_rate) == pytest.approx(1.25e-7)
    with pytest.raises(DescendError, match=r"Numbers that can be set: learning_rate"):
        model.optimizer.epsilon_ = 3


# -- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.asarray, list, pd.Series], ids=["array", "list", "Series"])
def test_targets_without_an_axis_are_a_column(form):
    model = Sequential([Input((1,)), Dense(1)])
    model.compile("sgd", "mse")
    x, y = X[:, 0], Y[:, 0]
    cost = model.evaluate(form(x), form(y), verbose=0)
    assert cost == pytest.approx(np.mean((model.predict(x[:, None]) - y[:, None]) ** 2), rel=1e-5)


def test_labels_as_a_column():
    model = Sequential([Input((4,)), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    labels = np.arange(40) % 3
    a, b = (model.evaluate(X, y, verbose=0) for y in (labels, labels[:, None]))
    assert a == b


def test_compile_takes_keras_arguments_where_they_change_nothing():
    model = Sequential([Input((1,)), Dense(1)])
    model.compile("sgd", "mse", run_eagerly=False, jit_compile=True, steps_per_execution=32)
    for options, said in (
        ({"run_eagerly": True}, "run_eagerly=True: every step is compiled"),
        ({"weighted_metrics": ["mae"]}, "weighted_metrics=.* count every row alike"),
        ({"optimiser": "sgd"}, "'optimiser'.*Did you mean 'optimizer'"),
    ):
        with pytest.raises(DescendError, match=said):
            model.compile("sgd", "mse", **options)
