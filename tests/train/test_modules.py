"""What the modules ask of training: masks in the cost, mixup, averaging over dropout, states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import differences

from descend import (
    GRU,
    LSTM,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    Model,
    Sequential,
    load_model,
    sweep,
)
from descend.errors import DataError, DescendError, ShapeError
from descend.nn import losses
from descend.nn.layers import Activation, Add, Concatenate, GaussianNoise
from descend.train.engine.task import Batch
from descend.train.model.supervised import Rows, mix
from descend.train.rules import SGD


@dataclass(frozen=True, eq=False)
class Masking(Layer):
    """Steps whose features are all zero are no steps: enough of Masking to test the graph with."""

    gives_mask: ClassVar[bool] = True

    def apply(self, params, state, x, *, key=None, training=False):
        return x, state

    def output_mask(self, x, mask):
        return jnp.any(x != 0, axis=-1)


@dataclass(frozen=True, eq=False)
class Total(Layer):
    """Sum and count over the real steps: two outputs."""

    uses_mask: ClassVar[bool] = True

    def build(self, input_shape):
        return input_shape[1:], (1,)

    def apply(self, params, state, x, *, key=None, training=False, mask=None):
        real = jnp.ones(x.shape[:2]) if mask is None else mask.astype(x.dtype)
        return (jnp.sum(x * real[..., None], 1), jnp.sum(real, 1, keepdims=True)), state

    def output_mask(self, x, mask):
        return None, None


@dataclass(frozen=True, eq=False)
class Clock(Layer):
    """A state that goes on from batch to batch: the running sum of each row."""

    batch_size: int = 4
    carries: ClassVar[bool] = True

    def init(self, key, input_shape):
        return {}, {"sum": jnp.zeros((self.batch_size, *input_shape))}

    def apply(self, params, state, x, *, key=None, training=False):
        total = state["sum"] + x
        return total, {"sum": total}


def sequences(rng, n=12, time=5):
    """Rows of different length, padded with zeros; targets at every step."""
    lengths = rng.integers(1, time + 1, n)
    real = np.arange(time) < lengths[:, None]
    x = rng.standard_normal((n, time, 3)) * real[..., None]
    return x, rng.standard_normal((n, time, 1)), real


# -- several outputs ----------------------------------------------------------------------------


def test_a_layer_of_several_outputs_gives_a_list_of_symbols(tmp_path):
    i = Input((5, 3))
    total, count = Total(name="total")(Masking()(i))
    assert (total.shape, count.shape) == ((3,), (1,))
    model = Model(i, [Dense(2, name="d")(Concatenate()([total, count])), count])
    x, _, real = sequences(np.random.default_rng(0))
    y, counted = model.predict(x)
    np.testing.assert_array_equal(counted[:, 0], real.sum(1))
    both = np.concatenate([x.sum(1), counted], axis=1)  # the same numbers without the layer
    held = jax.tree.map(np.asarray, model.params["d"])
    np.testing.assert_allclose(y, both @ held["kernel"] + held["bias"], rtol=1e-5, atol=1e-5)
    assert model.output_names == ("d", "total")
    model.save(tmp_path / "m.descend")
    again = load_model(tmp_path / "m.descend", custom={"Total": Total, "Masking": Masking})
    np.testing.assert_array_equal(again.predict(x)[0], y)
    model.summary()


def test_an_unused_output_is_left_alone():
    i = Input((5, 3))
    total, _ = Total()(i)
    assert Model(i, total).predict(np.ones((2, 5, 3))).tolist() == [[5.0] * 3] * 2


# -- masks in the cost --------------------------------------------------------------------------


def test_masked_steps_cost_nothing():
    """J = sum over real steps of L / number of real steps, as Keras takes it; in float32."""
    rng = np.random.default_rng(1)
    x, y, real = sequences(rng, n=11)
    model = Sequential([Input((5, 3)), Masking(), Dense(4, "tanh"), Dense(1)])
    model.compile(SGD(0.1), "mse", metrics=["mae"])
    wanted = lambda: np.square(model.predict(x) - y)[..., 0][real].mean()
    loss, mae = model.evaluate(x, y, verbose=0, batch_size=4)
    np.testing.assert_allclose(loss, wanted(), rtol=1e-5)
    np.testing.assert_allclose(mae, np.abs(model.predict(x) - y)[..., 0][real].mean(), rtol=1e-5)
    other = np.where(real[..., None], y, 99.0)
    np.testing.assert_allclose(model.evaluate(x, other, verbose=0)[0], loss, rtol=1e-5)
    # one update on the padded rows (a ragged batch of 8 + 3) is one on the real steps alone
    twin = Sequential([Input((3,)), Dense(4, "tanh"), Dense(1)])
    twin.compile(SGD(0.1), "mse")
    twin.set_weights(model.get_weights())
    model.fit(x, y, batch_size=11, epochs=3, verbose=0)
    flat = x[real], y[real]
    twin.fit(*flat, batch_size=int(real.sum()), epochs=3, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        model.history.history["loss"], twin.history.history["loss"], rtol=1e-5
    )


def test_sample_weights_weigh_rows_of_steps():
    rng = np.random.default_rng(2)
    x, y, real = sequences(rng)
    weight = rng.uniform(0.5, 2, len(x))
    model = Sequential([Input((5, 3)), Masking(), Dense(1)])
    model.compile(SGD(0.1), "mse")
    errors = np.square(model.predict(x) - y)[..., 0]
    scaled = weight / weight.mean()
    want = (errors * real * scaled[:, None]).sum() / real.sum()
    got = model.evaluate(x, y, sample_weight=weight, verbose=0)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_masks_meet_where_layers_join():
    """A step is real where it is real in all summands."""
    x = jnp.ones((1, 3, 2))
    masks = (jnp.array([[True, True, False]]), jnp.array([[True, False, False]]))
    assert Add().output_mask((x, x), masks).tolist() == [[True, False, False]]
    assert Add().output_mask((x, x), (masks[0], None)).tolist() == masks[0].tolist()
    assert Concatenate().output_mask((x, x), masks).tolist() == [[True, False, False]]
    joined = Concatenate(axis=1).output_mask((x, x), masks)
    assert joined.tolist() == [[True, True, False, True, False, False]]
    late = Concatenate(axis=-2).output_mask((x, x), (None, masks[1]))
    assert late.tolist() == [[True, True, True, True, False, False]]


# -- mixup --------------------------------------------------------------------------------------


@pytest.mark.parametrize("real", [8, 5, 1])
def test_mixup_mixes_real_rows(real):
    """Every row has one partner among the real rows, each real row is one partner's."""
    x = np.arange(8.0)[:, None] * [1.0, 10.0]
    mask = jnp.asarray((np.arange(8) < real) * 1.0)
    rows = Rows((jnp.asarray(x, jnp.float32),), (jnp.arange(8),), None)
    for seed in range(5):
        mixed = mix(rows, None if real == 8 else mask, jax.random.key(seed), 0.4)
        partner, share = np.asarray(mixed.partner), np.asarray(mixed.share)[:, None]
        assert sorted(partner[:real]) == list(range(real))
        np.testing.assert_allclose(mixed.x[0], share * x + (1 - share) * x[partner], rtol=1e-5)


def test_mixup_shares_follow_the_beta_law():
    """Mean 1/2, variance 1 / (4 (2 alpha + 1)); within 4.5 standard errors."""
    n = 20_000
    rows = Rows((jnp.zeros((n, 1)),), (jnp.zeros(n),), None)
    for alpha, seed in ((0.2, 0), (1.0, 1), (3.0, 2)):
        share = np.asarray(mix(rows, None, jax.random.key(seed), alpha).share)
        variance = 1 / (4 * (2 * alpha + 1))
        assert abs(share.mean() - 0.5) < 4.5 * np.sqrt(variance / n)
        fourth = ((share - 0.5) ** 4).mean()
        assert abs(share.var() - variance) < 4.5 * np.sqrt((fourth - variance**2) / n)


@pytest.mark.slow
def test_mixing_losses_is_mixing_one_hot_targets():
    """For the cross-entropy the two are one, which the original paper does the other way round."""
    rng = np.random.default_rng(3)
    x, labels = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    model = Sequential([Input((4,)), Dense(3, "softmax")])
    model.compile(SGD(0.5), "sparse_categorical_crossentropy", mixup=0.7)
    task = model.task
    state = task.init(jax.random.key(0), task.hyper())
    batch = Batch(Rows((jnp.asarray(x, jnp.float32),), (jnp.asarray(labels),), None), None)
    key = jax.random.key(5)
    cost, _ = task.cost(state.params, state.layers, batch, state.hyper, key, True)
    mixed = mix(batch.data, None, jax.random.fold_in(key, 2**31 - 1), 0.7)
    hot, share = np.eye(3)[labels], np.asarray(mixed.share)[:, None]
    soft = share * hot + (1 - share) * hot[np.asarray(mixed.partner)]
    p, _ = model.apply(state.params, {}, mixed.x[0])
    want = losses.CategoricalCrossentropy()(jnp.asarray(soft, jnp.float32), p)
    np.testing.assert_allclose(cost, want, rtol=1e-5)
    plain, _ = task.cost(state.params, state.layers, batch, state.hyper, key, False)
    assert abs(float(plain) - float(cost)) > 1e-3  # evaluation does not mix


@pytest.mark.slow
def test_mixup_trains_is_reproducible_and_swept(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((50, 3))
    y = x[:, :1] - x[:, 1:2]

    def trained(**options):
        model = Sequential([Input((3,)), Dense(8, "tanh"), Dense(1)])
        model.compile(SGD(0.1), "mse", **options)
        model.fit(x, y, batch_size=16, epochs=4, verbose=0, seed=3)
        return model

    first, again, without = trained(mixup=0.4), trained(mixup=0.4), trained()
    assert first.history.history == again.history.history
    assert first.history.history != without.history.history
    first.save(tmp_path / "m.descend")
    assert load_model(tmp_path / "m.descend").task.mixup == 0.4
    many = sweep(first, {"mixup": [0.4, 2.0]}, x, y, batch_size=16, epochs=4, seed=3)
    alone = first.history.history["loss"]
    np.testing.assert_allclose(many[0].history.history["loss"], alone, rtol=1e-5)
    assert not np.allclose(many[1].history.history["loss"], alone, rtol=1e-3)


@pytest.mark.parametrize("alpha", [0, -1.0, True, "much"])
def test_a_bad_mixup_is_refused(alpha):
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(DescendError, match="mixup must be a number > 0"):
        model.compile("sgd", "mse", mixup=alpha)


def test_whole_numbers_cannot_be_mixed():
    i = Input((3,), dtype="int32", name="tokens")
    with pytest.raises(DescendError, match="'tokens' cannot be"):
        Model(i, Dense(1)(i)).compile("sgd", "mse", mixup=0.2)


# -- averaging over dropout ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_monte_carlo_dropout_of_a_linear_unit(seed):
    """Mean x w + b, variance rate / (1 - rate) sum_j (x_j w_j)^2; 4.5 standard errors."""
    rate, draws = 0.3, 2000
    model = Sequential([Input((6,)), Dropout(rate), Dense(1)], seed=seed)
    x = np.random.default_rng(seed).standard_normal((40, 6))
    mean, spread = model.monte_carlo(x, samples=draws, seed=seed)
    kernel = np.asarray(model.params["dense"]["kernel"], float)
    deviation = np.sqrt(rate / (1 - rate) * np.square(x) @ np.square(kernel))
    # the average is the network without dropout: the lecture's model averaging, exact here
    assert (np.abs(mean - model.predict(x)) < 4.5 * deviation / np.sqrt(draws)).all()
    np.testing.assert_allclose(spread, deviation, rtol=0.15)
    again = model.monte_carlo(x, samples=draws, seed=seed)
    np.testing.assert_array_equal(again.mean, mean)
    assert not np.array_equal(model.monte_carlo(x, draws, seed + 1).mean, mean)


def test_monte_carlo_needs_noise_and_draws():
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(DescendError, match="no random layer"):
        model.monte_carlo(np.ones((2, 3)))
    noisy = Sequential([Input((3,)), GaussianNoise(1.0), Dense(1)])
    with pytest.raises(DescendError, match="samples must be a whole number >= 2"):
        noisy.monte_carlo(np.ones((2, 3)), samples=1)


def test_monte_carlo_of_several_outputs():
    i = Input((3,))
    h = Dropout(0.5)(i)
    model = Model(i, [Dense(2)(h), Activation("tanh")(i)])
    mean, spread = model.monte_carlo(np.ones((4, 3)), samples=20)
    assert [m.shape for m in mean] == [(4, 2), (4, 3)]
    assert (spread[0] > 0).all()
    np.testing.assert_allclose(spread[1], 0, atol=1e-6)


# -- states that go on from batch to batch ------------------------------------------------------


def clocked():
    i = Input((2,))
    return Model(i, Dense(1)(Clock(name="clock")(i)))


def test_prediction_goes_on_where_the_last_one_ended():
    model = clocked()
    x = np.random.default_rng(0).standard_normal((12, 2))
    sums = np.cumsum(x.reshape(3, 4, 2), axis=0).reshape(12, 2)
    held = jax.tree.map(np.asarray, model.params["dense"])
    want = sums @ held["kernel"] + held["bias"]
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.layer_state["clock"]["sum"], sums[-4:], rtol=1e-5)
    second = model.predict(x[:4])
    np.testing.assert_allclose(
        second, (sums[-4:] + x[:4]) @ held["kernel"] + held["bias"], rtol=1e-5, atol=1e-5
    )
    model.reset_states()
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-5, atol=1e-5)


def test_training_and_evaluation_go_on_from_batch_to_batch():
    """An epoch starts from zero; so does an evaluation. The same network on the sums agrees."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((12, 2)), rng.standard_normal((12, 1))
    sums = np.cumsum(x.reshape(3, 4, 2), axis=0).reshape(12, 2)
    model, twin = clocked(), Sequential([Input((2,)), Dense(1)])
    model.compile(SGD(0.01), "mse")
    twin.compile(SGD(0.01), "mse")
    twin.set_weights(model.get_weights()[1:])  # behind the clock's state
    options = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    a = model.fit(x, y, validation_data=(x[:8], y[:8]), **options).history
    b = twin.fit(sums, y, validation_data=(sums[:8], y[:8]), **options).history
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5)
    evaluated = model.evaluate(x, y, verbose=0, batch_size=4)
    np.testing.assert_allclose(evaluated, twin.evaluate(sums, y, verbose=0), rtol=1e-5)


def test_states_need_batches_in_order():
    model = clocked()
    model.compile("sgd", "mse")
    x, y = np.ones((12, 2)), np.ones((12, 1))
    with pytest.raises(DataError, match="shuffle=False"):
        model.fit(x, y, batch_size=4, verbose=0)
    with pytest.raises(DataError, match="made for batches of 4 rows, got batch_size=6"):
        model.fit(x, y, batch_size=6, shuffle=False, verbose=0)
    with pytest.raises(DataError, match="do not divide 10"):
        model.fit(x[:10], y[:10], batch_size=4, shuffle=False, verbose=0)
    with pytest.raises(DataError, match="do not divide 3"):
        model.predict(x[:3])


# -- mixed precision ----------------------------------------------------------------------------


def test_mixed_precision_trains_float32_weights():
    """bfloat16 inside, float32 outside: close to float32 training, weights and output float32."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((64, 4))
    y = np.sin(x[:, :1])

    def trained(dtype):
        model = Sequential([Input((4,)), Dense(16, "tanh"), Dense(1)], compute_dtype=dtype)
        model.compile(SGD(0.1), "mse")
        model.fit(x, y, epochs=20, verbose=0, batch_size=16)
        return model

    half, full = trained("bfloat16"), trained(None)
    assert {a.dtype for a in jax.tree.leaves(half.params)} == {jnp.dtype("float32")}
    assert half.predict(x).dtype == np.float32
    costs = [m.history.history["loss"][-1] for m in (half, full)]
    assert abs(costs[0] - costs[1]) < 0.05 * costs[1]
    inner = []
    half.apply(half.params, {}, jnp.ones((2, 4)), tap=lambda name, x, y: inner.append(y.dtype))
    assert inner == [jnp.bfloat16] * 2


def test_gradient_of_a_masked_cost(x64):
    """Against finite differences, through the task's own cost."""
    rng = np.random.default_rng(6)
    x, y, _ = sequences(rng, n=4)
    model = Sequential([Input((5, 3)), Masking(), Dense(4, "tanh"), Dense(1)])
    model.compile(SGD(0.1), "mse")
    task = model.task
    state = task.init(jax.random.key(0), task.hyper())
    params = jax.tree.map(lambda a: np.asarray(a, np.float64), state.params)
    batch = Batch(Rows((jnp.asarray(x),), (jnp.asarray(y),), None), jnp.array([1.0, 1, 1, 0]))
    cost = lambda p: task.cost(p, {}, batch, state.hyper, None, True)[0]
    differences.assert_gradient(cost, jax.grad(cost)(params), params, rng)


def test_a_list_where_one_input_is_taken():
    with pytest.raises(ShapeError, match="takes one input"):
        Total()([Input((5, 3)), Input((5, 3))])


# -- images of any size, numbers of words -------------------------------------------------------


def test_a_fully_convolutional_network_takes_any_image():
    """radwan, "FCN": a 1 x 1 head; one network labels every pixel of an image of any size."""
    i = Input((None, None, 1))
    h = Conv2D(4, 3, padding="same", activation="relu")(i)
    o = Conv2D(1, 1, activation="sigmoid")(h)
    model = Model(i, o)
    assert model.output_shapes == ((None, None, 1),)
    model.compile(SGD(0.5), "binary_crossentropy")
    rng = np.random.default_rng(0)
    small, large = rng.uniform(size=(32, 8, 8, 1)), rng.uniform(size=(4, 20, 13, 1))
    label = lambda x: (x > 0.5) * 1.0
    model.fit(small, label(small), batch_size=8, epochs=40, verbose=0)
    assert model.evaluate(large, label(large), verbose=0) < 0.4  # chance is log 2
    whole = model.predict(large)
    cut = model.predict(large[:, 3:15, 2:12])
    # away from the cut's edge, where padding is seen, every pixel is labelled alike
    np.testing.assert_allclose(cut[:, 1:-1, 1:-1], whole[:, 4:14, 3:11], rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError, match="left open"):
        Dense(3)(Flatten()(h))


def test_words_that_an_embedding_does_not_know():
    model = Sequential([Input((4,), dtype="int32"), Embedding(10, 3), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((6, 4), int)
    model.fit(x, np.zeros((6, 1)), verbose=0)
    for wrong in (10, -1):
        bad = x.copy()
        bad[2, 1] = wrong
        with pytest.raises(DataError, match=rf"0 to 9, got {wrong}"):
            model.fit(bad, np.zeros((6, 1)), verbose=0)
        with pytest.raises(DataError, match="prediction data.*knows the numbers"):
            model.predict(bad)


@pytest.mark.slow
def test_padded_sequences_train_as_they_are_alone():
    """One update on a padded batch is the mean of the updates on its sequences, each unpadded."""
    rng = np.random.default_rng(7)
    lengths, rate = [3, 5, 2, 4], 0.3
    words = np.zeros((4, 5), int)
    for row, length in zip(words, lengths, strict=True):
        row[:length] = rng.integers(1, 9, length)
    y = rng.standard_normal((4, 1))

    def network(time):
        stack = [Embedding(9, 4, mask_zero=True), Bidirectional(LSTM(3, return_sequences=True))]
        return Sequential([Input((time,), dtype="int32"), *stack, GRU(3), Dense(1)])

    padded = network(5)
    padded.compile(SGD(rate), "mse")
    start = padded.get_weights()
    padded.fit(words, y, batch_size=4, verbose=0)
    moves = []
    for row, length, target in zip(words, lengths, y, strict=True):
        alone = network(length)
        alone.compile(SGD(rate), "mse")
        alone.set_weights(start)
        alone.fit(row[None, :length], target[None], batch_size=1, verbose=0)
        moves.append([b - a for a, b in zip(start, alone.get_weights(), strict=True)])
    for before, after, *each in zip(start, padded.get_weights(), *moves, strict=True):
        np.testing.assert_allclose(after - before, np.mean(each, axis=0), rtol=1e-4, atol=1e-6)


def test_a_stateful_network_goes_on_through_time():
    """scheidegger-2020, "RNN": a long series in pieces gives what it gives whole."""
    rng = np.random.default_rng(8)
    series = rng.standard_normal((4, 12, 2))
    pieces = np.concatenate(np.split(series, 3, axis=1))  # row i of a batch goes on in the next
    wrap = Sequential([Input((4, 2)), LSTM(3, stateful=True, batch_size=4), Dense(1)])
    whole = Sequential([Input((12, 2)), LSTM(3, return_sequences=True), Dense(1)])
    whole.params = wrap.params
    want = whole.predict(series)[:, 3::4, 0].T.reshape(12, 1)
    np.testing.assert_allclose(wrap.predict(pieces), want, rtol=1e-5, atol=1e-6)
