"""One layer object is one set of weights, in every network that it stands in."""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pytest

from descend import Input, Model, Sequential, clone_model, load_model, sweep
from descend.errors import AttributeRefused, DescendError, ShapeError
from descend.nn.layers import Add, Concatenate, Dense, Dropout, TimeDistributed
from descend.train.callbacks import Callback
from descend.train.rules import SGD

draw = np.random.default_rng(0)
X = draw.normal(size=(48, 4)).astype(np.float32)
Y = np.sin(X[:, :1]) + X[:, 1:2]


def autoencoder():
    """(encoder, autoencoder): two networks over the same symbols."""
    i = Input((4,))
    code = Dense(2, "tanh", name="code")(i)
    whole = Model(i, Dense(4, name="out")(code))
    whole.compile("adam", "mse")
    return Model(i, code), whole


def test_two_networks_over_the_same_symbols():
    encoder, whole = autoencoder()
    start = encoder.predict(X)  # draws the layer that both have
    np.testing.assert_array_equal(whole.features("code").predict(X), start)
    whole.fit(X, X, epochs=2, verbose=0)
    now = encoder.predict(X)
    np.testing.assert_array_equal(whole.features("code").predict(X), now)
    assert abs(now - start).max() > 1e-4  # eight steps of .001 and less by Adam
    encoder.set_weights([np.ones((4, 2)), np.zeros(2)])
    np.testing.assert_array_equal(whole.params["code"]["kernel"], np.ones((4, 2)))


def test_a_callback_sees_the_present_weights_through_another_network():
    encoder, whole = autoencoder()
    seen = []

    class Sample(Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append((encoder.get_weights()[0], self.model.params["code"]["kernel"]))
            if epoch == 1:
                encoder.set_weights([np.zeros((4, 2)), np.zeros(2)])

    whole.fit(X, X, epochs=3, verbose=0, callbacks=[Sample()])
    for theirs, own in seen:
        np.testing.assert_array_equal(theirs, own)
    assert abs(seen[2][0]).max() < 3 * 0.0011  # two steps from zero, each at most the rate
    np.testing.assert_array_equal(encoder.get_weights()[0], whole.params["code"]["kernel"])


def test_a_fit_within_a_fit_trains_what_both_have():
    """A generator's training in an epoch of another network's: as GANs are written."""
    encoder, whole = autoencoder()
    encoder.compile(SGD(0.1), "mse")
    before = {}

    class Inner(Callback):
        def on_epoch_end(self, epoch, logs):
            before["outer"] = np.asarray(self.model.params["code"]["kernel"])
            encoder.fit(X, np.ones((48, 2)), batch_size=48, verbose=0)
            before["inner"] = np.asarray(self.model.params["code"]["kernel"])

    whole.fit(X, X, epochs=1, verbose=0, callbacks=[Inner()])
    assert not np.array_equal(before["outer"], before["inner"])
    np.testing.assert_array_equal(whole.params["code"]["kernel"], before["inner"])

    class Again(Callback):
        def on_epoch_end(self, epoch, logs):
            whole.fit(X, X, verbose=0)

    with pytest.raises(DescendError, match="in training"):
        whole.fit(X, X, verbose=0, callbacks=[Again()])


def test_optimiser_memory_goes_on_when_another_network_changed_the_weights():
    """Adam's memory and count of steps stay; only the weights are those of the other's training."""
    encoder, whole = autoencoder()
    whole.fit(X, X, epochs=2, shuffle=False, verbose=0)
    weights = whole.get_weights()
    count = whole._state.steps
    encoder.set_weights([w + 1 for w in encoder.get_weights()])
    encoder.set_weights(weights[:2])
    whole.fit(X, X, epochs=2, shuffle=False, verbose=0)
    assert whole._state.steps == 2 * count
    _, straight = autoencoder()
    straight.fit(X, X, epochs=2, shuffle=False, verbose=0)
    straight.fit(X, X, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(whole.get_weights(), straight.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_members_and_files_have_weights_of_their_own(tmp_path):
    encoder, whole = autoencoder()
    encoder.trainable = False
    whole.fit(X, X, verbose=0)
    start = whole.get_weights()
    best = sweep(whole, {"learning_rate": [0.01, 0.02]}, X, X, epochs=1).best().model
    best.fit(X, X, verbose=0)
    whole.save(tmp_path / "m.descend")
    load_model(tmp_path / "m.descend").fit(X, X, verbose=0)
    clone = clone_model(whole)
    assert [layer.trainable for layer in clone.layers.values()] == [False, True]
    assert clone.config() == whole.config()
    clone.trainable = True
    clone.set_weights([w + 1 for w in start])
    assert not whole.layers["code"].trainable
    for a, b in zip(whole.get_weights(), start, strict=True):
        np.testing.assert_array_equal(a, b)


# -- names and shapes -----------------------------------------------------------------------------


def test_names_given_by_themselves_are_made_unique():
    first, second = (Sequential([Input((4,)), Dense(3), Dense(2)]) for _ in range(2))
    i = Input((4,))
    both = Model(i, Dense(1)(Concatenate()([first(i), second(i)])))
    assert both.layer_names == [
        "dense",
        "dense_1",
        "dense_2",
        "dense_3",
        "concatenate",
        "dense_4",
    ]
    both.compile("sgd", "mse")
    both.fit(X, Y, verbose=0)
    for name, layers in (("dense_1", first), ("dense_3", second)):
        np.testing.assert_array_equal(
            both.params[name]["kernel"], layers.params["dense_1"]["kernel"]
        )
    both.freeze(second.layers["dense_1"])  # the layer, whatever its name there
    assert [n for n, layer in both.layers.items() if not layer.trainable] == ["dense_3"]
    one, other = (Sequential([Input((4,)), Dense(3, name="h")]) for _ in range(2))
    with pytest.raises(DescendError, match=r"two layers are named 'h'.*Name one of them differ"):
        Model(i, Add()([one(i), other(i)]))


def test_what_cannot_be_shared_is_refused():
    layer = Dense(2, name="h")
    Sequential([Input((4,)), layer])
    with pytest.raises(ShapeError, match=r"\(4,\) and \(5,\), which need different weights"):
        Sequential([Input((5,)), layer])
    inner = Dense(3)
    i = Input((5, 4))
    twice = Model(i, Add()([TimeDistributed(inner)(i), TimeDistributed(inner)(i)]))
    with pytest.raises(DescendError, match="stands in two places"):
        twice.predict(np.ones((1, 5, 4)))


# -- trainable ------------------------------------------------------------------------------------


def test_trainable_is_set_on_a_network_and_on_a_layer():
    base = Sequential([Input((4,)), Dense(3, "tanh", name="a"), Dense(3, "tanh", name="b")])
    new = Sequential([base, Dropout(0.1), Dense(1, name="head")])
    new.compile("adam", "mse")
    start = {n: np.asarray(p["kernel"]) for n, p in new.params.items()}

    def changed():
        return [n for n, p in new.params.items() if not np.array_equal(p["kernel"], start[n])]

    base.trainable = False
    assert not base.trainable
    assert new.trainable
    new.fit(X, Y, verbose=0)
    assert changed() == ["head"]
    base.layers["b"].trainable = True
    new.fit(X, Y, verbose=0)
    assert changed() == ["b", "head"]
    base.trainable = True
    new.compile("adam", "mse")
    new.fit(X, Y, verbose=0)
    assert changed() == ["a", "b", "head"]
    outer = TimeDistributed(Dense(2))
    outer.trainable = False
    assert not outer.layer.trainable


def test_programs_and_memory_of_each_state_of_freezing():
    """Adversarial training switches to and fro: neither network loses its memory over it."""
    critic = Sequential([Input((2,)), Dense(3, "tanh", name="c1"), Dense(1, name="c2")])
    critic.compile("adam", "mse")
    maker = Sequential([Input((4,)), Dense(2, name="g")])
    both = Sequential([maker, critic])
    critic.trainable = False
    both.compile("adam", "mse")
    tasks = set()
    for _ in range(2):
        critic.trainable = True
        critic.fit(X[:, :2], Y, batch_size=48, verbose=0)
        critic.trainable = False
        both.fit(X, Y, batch_size=48, verbose=0)
        tasks |= {id(critic._task), id(both._task)}
    assert len(tasks) == 2
    assert critic._state.steps == both._state.steps == 2


@pytest.mark.parametrize(
    ("set_it", "remedy"),
    [
        (lambda m, layer: setattr(layer, "units", 3), r"Dense\(..., units=...\)"),
        (lambda m, layer: setattr(layer, "kernel", 3), r"layer.set_weights"),
        (lambda m, layer: setattr(layer, "trainble", False), "`trainable` can be set"),
        (lambda m, layer: setattr(m, "trainble", False), "trainable"),
        (lambda m, layer: setattr(m, "loss", "mse"), r"compile\(.*loss="),
        (lambda m, layer: setattr(m, "train_function", None), "traced and compiled"),
        (lambda m, layer: setattr(m, "trainable", "no"), "True or False"),
    ],
)
def test_attributes_that_nothing_reads_are_refused(set_it, remedy):
    layer = Dense(2)
    model = Sequential([Input((4,)), layer])
    with pytest.raises(DescendError, match=remedy):
        set_it(model, layer)
    model._mine = layer._mine = 1
    model.stop_training = True
    assert issubclass(AttributeRefused, AttributeError)


def test_attributes_in_an_init_of_the_users():
    class Named(Sequential):
        def __init__(self, layers):
            super().__init__(layers)
            self.purpose = "default"

    assert Named([Input((4,)), Dense(1)]).purpose == "default"


# -- beside Keras ---------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_kerass_numbers():
    """Towers of one encoder, an autoencoder around it, a frozen base: trained in turn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns about its own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
    if keras.backend.backend() != "jax":
        pytest.skip("Keras runs on its JAX backend here")

    def networks(of, input_, model, sequential, add):
        encoder = sequential([input_((4,)), of(3, "tanh"), of(2, "tanh")])
        decoder = sequential([input_((2,)), of(4)])
        i, a, b = (input_((4,)) for _ in range(3))
        whole = model(i, decoder(encoder(i)))
        twins = model([a, b], of(1)(add()([encoder(a), encoder(b)])))
        return encoder, decoder, whole, twins

    L = keras.layers
    theirs = networks(L.Dense, keras.Input, keras.Model, keras.Sequential, L.Add)
    ours = networks(Dense, Input, Model, Sequential, Add)
    for mine, other in zip(ours[2:], theirs[2:], strict=True):
        mine.set_weights(other.get_weights())
    options = {"epochs": 1, "batch_size": 16, "shuffle": False, "verbose": 0}

    def train(parts, sgd):
        encoder, _, whole, twins = parts
        for rate, frozen in ((0.1, False), (0.1, True), (0.01, False)):
            encoder.trainable = not frozen
            for network in (whole, twins):
                network.compile(sgd(rate), "mse")
            whole.fit(X, X, **options)
            twins.fit([X, X[::-1]], Y, **options)
        return [n.predict(X, verbose=0) for n in parts[:1]] + [
            w for n in parts for w in n.get_weights()
        ]

    with jax.numpy_rank_promotion("allow"):
        wanted = train(theirs, keras.optimizers.SGD)
    for a, b in zip(train(ours, SGD), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # float32, sums in another order
