"""Layers in Keras's manner: the same class bodies on Keras's Layer and on ours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DescendError, ShapeError
from descend.nn import layers as ours
from descend.nn.graph import Graph
from descend.nn.layers import Layer
from descend.nn.symbols import Input
from descend.train.model.model import Model
from descend.train.model.sequential import Sequential
from descend.train.saving.loading import load_model


@pytest.fixture(autouse=True)
def _broadcasting():
    """`x + self.b` of (batch, units) and (units,), as every Keras listing writes it."""
    with jax.numpy_rank_promotion("allow"):
        yield


def classes(base, layers):
    """Custom layers as Keras's guides write them, on a base class and a module of layers."""

    class Linear(base):
        def __init__(self, units=4, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(
                shape=(input_shape[-1], self.units),
                initializer="glorot_uniform",
                trainable=True,
                name="w",
                regularizer="l2",
            )
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

        def call(self, inputs):
            return inputs @ self.w + self.b

    class Doubled(Linear):
        """One class on another, with `super()` in both methods."""

        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, inputs):
            return 2 * self.scale * super().call(inputs)

    class Counting(base):
        """A weight made in `__init__`, and one that `call` assigns in training."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.slope = self.add_weight(shape=(3,), initializer="ones", name="slope")
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

        def call(self, x, training=None):
            if training:
                self.seen.assign_add(jnp.sum(jnp.ones_like(x)[:, 0]))
            return x * self.slope / (1.0 + 0 * self.seen)

    class Blocks(base):
        """Layers as attributes and in a list, a network, and one of the user's own."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = Linear(5)
            self.rest = [layers.Dense(3, activation="tanh"), layers.BatchNormalization()]
            self.drop = layers.Dropout(0.0)

        def call(self, x, training=None):
            x = self.first(x)
            for layer in self.rest:
                x = layer(x)
            return self.drop(x, training=training)

    class Attending(base):
        """A transformer's block, its sublayers made in `build`."""

        def build(self, input_shape):
            self.attend = layers.MultiHeadAttention(num_heads=2, key_dim=3)
            self.norm = layers.LayerNormalization(epsilon=1e-6)

        def call(self, x):
            return self.norm(x + self.attend(x, x))

    class Words(base):
        """Embedding inside: the mask goes along to the LSTM."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table = layers.Embedding(6, 3, mask_zero=True)
            self.lstm = layers.LSTM(2)

        def call(self, words):
            return self.lstm(self.table(words))

    class Between(base):
        """Two inputs by position."""

        def call(self, a, b):
            return jnp.concatenate([a - b, a * b], axis=-1)

    made = (Linear, Doubled, Counting, Blocks, Attending, Words, Between)
    return {cls.__name__: cls for cls in made}


OURS = classes(Layer, ours)


def network(kinds, module, enter, make):
    """One network of all of them."""
    x, words = enter((3,)), enter((5,), dtype="int32")
    first = kinds["Doubled"](name="first")(kinds["Counting"](name="count")(x))
    second = kinds["Blocks"](name="second")(x)
    both = kinds["Between"](name="both")(x, second)
    steps = kinds["Attending"](name="steps")(module.Reshape((2, 3))(both))
    texts = kinds["Words"](name="texts")(words)
    joined = module.Concatenate()([first, both, module.Flatten()(steps), texts])
    model = make([x, words], module.Dense(1, name="end")(joined))
    model.compile("sgd", "mse")
    return model


def test_same_numbers_and_gradients_as_keras():
    """Outputs, and weights and outputs after three steps of gradient descent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns about its own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
    if keras.backend.backend() != "jax":
        pytest.skip("the bodies of `call` are JAX")
    mine = network(OURS, ours, Input, Model)
    theirs = classes(keras.layers.Layer, keras.layers)
    other = network(theirs, keras.layers, keras.Input, keras.Model)
    pairs = list(same_weights(mine, other))
    assert len(pairs) == len(other.trainable_weights)
    for layer, array, variable in pairs:
        variable.assign(np.array(mine.params[layer][array]))
    before = mine.params
    rng = np.random.default_rng(0)
    words = np.sort(rng.integers(0, 6, (8, 5)))[:, ::-1].astype("int32")
    x = [rng.standard_normal((8, 3)).astype("float32"), words]
    y = rng.standard_normal((8, 1)).astype("float32")
    close = {"rtol": 5e-5, "atol": 5e-6}  # float32 sums in another order, over three updates
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(mine.predict(x), other.predict(x, verbose=0), **close)
        options = {"epochs": 3, "batch_size": 8, "verbose": 0, "shuffle": False}
        cost = mine.fit(x, y, **options).history["loss"]
        np.testing.assert_allclose(cost, other.fit(x, y, **options).history["loss"], rtol=5e-5)
        np.testing.assert_allclose(mine.predict(x), other.predict(x, verbose=0), **close)
    for layer, array, variable in pairs:
        after = mine.params[layer][array]
        np.testing.assert_allclose(after, variable.value, err_msg=f"{layer} {array}", **close)
        still = array == "attend.key_bias"  # a shift of all scores changes no softmax
        assert still or not np.array_equal(before[layer][array], after), (layer, array)
    seen = float(mine.layer_state["count"]["seen"])
    assert seen == 24 == float(other.get_layer("count").seen.value)


def same_weights(model, other):
    """(layer, our array, Keras's variable): of one layer, one shape and one last name, in order."""
    for layer, arrays in model.params.items():
        left = list(other.get_layer(layer).trainable_weights)
        for array, value in arrays.items():
            *_, outer, last = ["", "", *array.replace("_", ".").split(".")]
            ends = [v for v in left if v.shape == value.shape and v.path.endswith(last)]
            found = ([v for v in ends if outer in v.path.split("/")[-2]] or ends)[0]
            left = [v for v in left if v is not found]
            yield layer, array, found


# -- what else the contract asks for ------------------------------------------------------------


def test_saved_with_its_arguments_or_its_config(tmp_path):
    class Power(Layer):
        def __init__(self, exponent, inner=None, **kwargs):
            super().__init__(**kwargs)
            self.exponent, self.inside = exponent, inner

        def call(self, x):
            return self.inside(x**self.exponent)

    class Told(Power):
        def get_config(self):
            return {**super().get_config(), "exponent": self.exponent, "inner": self.inside}

    class Short(Layer):
        """Keras's guide writes some without **kwargs."""

        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, x):
            return self.factor * x

    model = Sequential(
        [
            Input((3,)),
            Power(2, inner=ours.Dense(4, "tanh"), name="power"),
            Told(3, ours.Dense(2)),
            Short(5.0),
        ]
    )
    model.save(tmp_path / "own.descend")
    custom = {cls.__name__: cls for cls in (Power, Told, Short)}
    again = load_model(tmp_path / "own.descend", custom=custom)
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.layer_names == ["power", "told", "short"]
    with pytest.raises(DescendError, match=r"custom=\{'Power': Power\}"):
        load_model(tmp_path / "own.descend")
    function = Sequential([Input((3,)), Power(np.arange(3), inner=ours.Dense(1))], name="function")
    with pytest.raises(DescendError, match="exponent=.*no form in JSON(.|\n)*def get_config"):
        function.save(tmp_path / "no.descend")
    assert not (tmp_path / "no.descend").exists()


def test_frozen_with_all_inside():
    model = Sequential([Input((3,)), OURS["Blocks"](trainable=False), ours.Dense(1)])
    model.compile("sgd", "mse")
    before = model.params["blocks"], model.layer_state["blocks"]
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    after = model.params["blocks"], model.layer_state["blocks"]
    jax.tree.map(np.testing.assert_array_equal, before, after)


def test_random_with_a_key_in_training_alone():
    class Sampling(Layer):
        def call(self, inputs, key=None):
            mean, spread = inputs
            if key is None:
                return mean
            return mean + spread * jax.random.normal(key, mean.shape)

    a, b = Input((2,)), Input((2,))
    graph = Graph([a, b], Sampling()([a, b]))
    assert graph.stochastic
    x = (jnp.zeros((500, 2)), 3 * jnp.ones((500, 2)))
    np.testing.assert_array_equal(graph.apply({}, {}, x)[0], x[0])
    drawn = graph.apply({}, {}, x, key=jax.random.key(0), training=True)[0]
    assert abs(float(drawn.std()) - 3) < 3 * 4 / np.sqrt(2 * drawn.size)  # four standard errors


def test_masks_are_given_and_handed_on():
    class Mean(Layer):
        def call(self, x, mask=None):
            real = mask[..., None].astype(x.dtype)
            return jnp.sum(x * real, axis=1) / jnp.sum(real, axis=1)

    class Shift(Layer):
        supports_masking = True

        def call(self, x):
            return x + 1

    class Last(Shift):
        def compute_mask(self, x, mask):
            return mask.at[:, :-1].set(False)

    def output(*between):
        i = Input((3, 1))
        x = ours.Masking()(i)
        for layer in between:
            x = layer(x)
        graph = Graph(i, Mean()(x))
        return graph.apply({}, {}, jnp.asarray([[[1.0], [0.0], [4.0]]]))[0]

    assert output(Shift()) == 3.5  # the mean of 1 and 4, one more
    assert output(Last()) == 5.0


def test_the_copy_of_a_layer_is_made_without_its_init():
    from dataclasses import replace

    @dataclass(frozen=True, eq=False)
    class Times(Layer):
        factor: float = 2.0
        swept = ("factor",)

        def call(self, x):
            return self.factor * x

    x = jnp.ones((2, 3))
    assert (replace(Times(3.0), name="a").apply({}, {}, x)[0] == 3).all()
    assert (Times(3.0).with_numbers({"factor": 5.0}).apply({}, {}, x)[0] == 5).all()
    assert Times.from_config(Times(4.0).config()).factor == 4.0
    linear = OURS["Linear"](units=7)
    assert replace(linear, name="b").units == 7
    assert replace(linear, name="b").name == "b"
    assert linear.name is None


def test_sizes_left_open_and_half_precision():
    class Weighted(Layer):
        def build(self, input_shape):
            self.steps = input_shape[1]
            self.w = self.add_weight(shape=(input_shape[-1],))

        def call(self, x):
            return jnp.sum(x * self.w, axis=1) / self.steps

    i = Input((None, 2))
    graph = Graph(i, Weighted()(i))
    params, _ = graph.init(jax.random.key(0))
    for steps in (3, 5):
        y = graph.apply(params, {}, jnp.ones((1, steps, 2)))[0]
        np.testing.assert_allclose(y[0], params["weighted"]["w"], rtol=1e-6)
    half = Weighted(compute_dtype="bfloat16")
    assert half.apply(params["weighted"], {}, jnp.ones((1, 4, 2)))[0].dtype == jnp.bfloat16


# -- one clear error ----------------------------------------------------------------------------


def calling(call, build=None):
    """A layer with that `call`, in a network."""
    body = {"call": call} | ({"build": build} if build else {})
    return type("Mine", (Layer,), body)()(Input((3,)))


def test_a_layer_that_computes_nothing_is_refused_when_it_is_made():
    class Empty(Layer):
        def forward(self, x):
            return x

    with pytest.raises(DescendError, match=r"(?s)Empty says nowhere.*def call\(self, x\)"):
        Empty()
    with pytest.raises(DescendError, match="says nowhere"):
        Layer()


def test_classes_that_cannot_be_are_refused_as_they_are_written():
    with pytest.raises(DescendError, match="Dense computes in `apply`"):
        type("Mine", (ours.Dense,), {"call": lambda self, x: x})
    with pytest.raises(DescendError, match="both `call` and `apply`"):
        type("Mine", (Layer,), {"call": lambda self, x: x, "apply": lambda self, x: x})
    with pytest.raises(DescendError, match="call takes its input"):
        type("Mine", (Layer,), {"call": lambda self, training=None: 0})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda self, x: x if x.sum() > 0 else -x, r"test_calling.py.*jnp.where"),
        (lambda self, x: np.tanh(x), r"test_calling.py.*jax.numpy \(jnp\) in place of numpy"),
        (lambda self, x: x.no_such(), "test_calling.py.*plain JAX"),
        (lambda self, x: jnp.sum(x), "one row for each row"),
        (lambda self, x: ours.Dense(3)(x), "must be an attribute of that"),
        (lambda self, x: self.add_weight(shape=(3,)) * x, "add_weight belongs into build"),
        (lambda self, x: self.add_loss(jnp.sum(x)), "no add_loss here"),
        (lambda self, x: self.w.assign(x), "no attribute 'w'"),
    ],
)
def test_what_call_cannot_do_is_one_error_when_the_network_is_built(call, message):
    with pytest.raises(DescendError, match=f"(?s){message}") as caught:
        calling(call)
    assert len(caught.traceback) < 20
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda self, s: self.add_weight(shape=s), ShapeError, "whole numbers"),
        (
            lambda self, s: self.add_weight(shape=(1,), sape=2),
            DescendError,
            "`build` failed in .*unexpected keyword",
        ),
        (
            lambda self, s: self.add_weight(shape=(1,), constraint="non_neg"),
            DescendError,
            "add_weight: constraint='non_neg' cannot be had",
        ),
        (lambda self, s: self.add_weight(shape=(1,), initializer="ons"), DescendError, "'ones'"),
        (lambda self, s: s[7], DescendError, "`build` failed.*IndexError"),
    ],
)
def test_what_build_cannot_do(build, error, message):
    with pytest.raises(error, match=message):
        calling(lambda self, x: x, build)


def test_options_at_the_call_are_refused():
    with pytest.raises(DescendError, match="called on its inputs alone, got mask="):
        OURS["Linear"]()(Input((3,)), mask=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ours.Dense(unit=3), "no argument 'unit'. Did you mean 'units'"),
        (lambda: ours.Dense(), "missing a required argument: 'units'. Its arguments: units, act"),
        (lambda: ours.LSTM(3, 4, 5, 6), "too many positional"),
        (lambda: ours.Dense(3, kernel_constraint="nonneg"), "cannot be had.*kernel_regularizer"),
        (lambda: ours.Conv2D(3, 3, data_format="channels_first"), "channels come last"),
        (lambda: ours.Dense(3, dtype="bfloat16"), "compute_dtype='bfloat16'"),
        (lambda: OURS["Linear"](4, unitz=3), "Linear cannot be built: it has no argument 'unitz'"),
    ],
)
def test_arguments_are_refused_by_one_error(make, message):
    with pytest.raises(DescendError, match=message):
        make()


def test_arguments_of_keras_that_change_nothing_are_taken():
    ours.Conv2D(3, 3, data_format="channels_last", kernel_constraint=None, dtype="float32")
    ours.LSTM(3, unroll=True, time_major=False)
    OURS["Linear"](4, dtype="float32", name="a")
