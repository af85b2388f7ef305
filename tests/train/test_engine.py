"""The engine: epochs in calls, ragged batches, tasks that make their own data, streams."""

from __future__ import annotations

import gc
import weakref
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    Input,
    Model,
    Sequential,
)
from descend.errors import DataError, DescendError, DivergenceError
from descend.train import engine
from descend.train.callbacks import Callback, LearningRateScheduler, ReduceLROnPlateau
from descend.train.engine import placement, training
from descend.train.engine.feeds import Arrays, Steps, Stream
from descend.train.engine.task import Task
from descend.train.engine.training import InterruptedWarning
from descend.train.rules import SGD


def data(n=50, features=3, outputs=2, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, features)).astype(np.float32)
    return x, np.tanh(x @ draw.normal(size=(features, outputs))).astype(np.float32)


def network(optimizer="sgd", loss="mse", features=3, outputs=2, rate=0.0, metrics=()):
    layers: list[Any] = [Input((features,)), Dense(8, "tanh")]
    layers += [Dropout(rate)] if rate else []
    model = Sequential([*layers, Dense(outputs)])
    model.compile(optimizer, loss, metrics)
    return model


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


# -- an epoch against a loop in numpy -----------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 10, 50])
def test_linear_unit_equals_a_hand_written_loop(batch_size):
    """Mini-batch SGD on a linear unit, ragged last batch included, against numpy in float64.

    Tolerance: float32 rounding over 3 epochs of at most 50 updates, about 1e-6 each.
    """
    x, y = data(50, 3, 1)
    model = Sequential([Input((3,)), Dense(1)])
    model.compile({"name": "sgd", "learning_rate": 0.05}, "mse")
    w = np.asarray(model.params["dense"]["kernel"], np.float64)
    b = np.zeros(1)
    history = model.fit(x, y, batch_size=batch_size, epochs=3, verbose=0, seed=4)
    costs = []
    for epoch in range(3):
        order = (
            np.random.default_rng([4, epoch]).permutation(50) if batch_size < 50 else np.arange(50)
        )
        total = 0.0
        for start in range(0, 50, batch_size):
            rows = order[start : start + batch_size]
            error = x[rows] @ w + b - y[rows]
            total += float((error**2).sum())
            w -= 0.05 * 2 * x[rows].T @ error / len(rows)
            b -= 0.05 * 2 * error.mean(axis=0)
        costs.append(total / 50)
    np.testing.assert_allclose(history.history["loss"], costs, rtol=1e-5)
    np.testing.assert_allclose(model.params["dense"]["kernel"], w, rtol=1e-4, atol=1e-5)


def test_every_row_is_seen_once_and_validation_counts_ragged_batches():
    x, y = data(53)
    model = network(metrics=["mae"])
    history = model.fit(
        x, y, batch_size=8, epochs=1, verbose=0, validation_data=(x[:37], y[:37])
    ).history
    prediction = model.predict(x[:37])
    assert history["val_loss"][0] == pytest.approx(np.mean((prediction - y[:37]) ** 2), rel=1e-5)
    assert history["val_mae"][0] == pytest.approx(np.abs(prediction - y[:37]).mean(), rel=1e-5)
    feed = Arrays({"x": x}, 8, True, 3)
    for epoch in range(3):
        order = feed.order(epoch).ravel()
        assert sorted(order[order >= 0]) == list(range(53))
    assert not np.array_equal(feed.order(0), feed.order(1))
    drawn = Arrays({"x": x}, 8, "with_replacement", 3).order(0).ravel()[:53]
    assert len(set(drawn)) < 53  # 53 draws of 53 rows repeat one but with probability 1e-22


def test_weights_have_mean_one_and_matter_row_by_row():
    """With batches of one row a weighted mean over the batch would cancel the weight."""
    x, y = data(20, 3, 1)
    weight = np.linspace(0.1, 3.0, 20)
    costs = {}
    for name, w in (("plain", None), ("weighted", weight), ("scaled", 10 * weight)):
        model = network(outputs=1)
        model.fit(x, y, batch_size=1, epochs=2, verbose=0, sample_weight=w)
        costs[name] = model.get_weights()
    assert not same(costs["plain"], costs["weighted"])
    np.testing.assert_allclose(costs["weighted"][0], costs["scaled"][0], rtol=1e-5, atol=1e-7)

    model = network(outputs=1)
    cost = model.evaluate(x, y, verbose=0, sample_weight=weight)
    rows = ((model.predict(x) - y) ** 2).mean(axis=1)
    assert cost == pytest.approx(np.average(rows, weights=weight), rel=1e-5)


def test_zero_weight_is_the_same_as_leaving_the_row_out_full_batch():
    x, y = data(20, 3, 1)
    keep = np.arange(20) % 3 != 0
    a, b = network("gd", outputs=1), network("gd", outputs=1)
    a.fit(x, y, epochs=5, verbose=0, sample_weight=keep.astype(float))
    b.fit(x[keep], y[keep], epochs=5, verbose=0)
    for u, v in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-5, atol=1e-7)


def test_class_weights_are_the_weights_of_their_rows():
    x, _ = data(30)
    labels = np.arange(30) % 3
    a, b = (network(loss="sparse_categorical_crossentropy", outputs=3) for _ in range(2))
    a.fit(x, labels, epochs=2, verbose=0, class_weight={0: 1.0, 1: 2.0, 2: 0.5})
    b.fit(x, labels, epochs=2, verbose=0, sample_weight=np.array([1.0, 2.0, 0.5])[labels])
    assert same(a.get_weights(), b.get_weights())


# -- several epochs in a call ------------------------------------------------------------------


class Watcher(Callback):
    def __init__(self, every=1):
        self.every, self.seen = every, {}

    def on_epoch_end(self, epoch, logs):
        if epoch % self.every == 0:
            self.seen[epoch] = [a.copy() for a in self.model.get_weights()]


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_results_do_not_depend_on_how_epochs_are_grouped(monkeypatch, rate):
    """One epoch a call, many a call, and weights taken in the middle of a call: all bit-equal."""
    x, y = data()
    runs = []
    for seconds, watcher in ((0.0, None), (10.0, None), (10.0, Watcher(7)), (10.0, Watcher(1))):
        monkeypatch.setattr(training, "SECONDS_PER_CALL", seconds)
        model = network("adam", rate=rate)
        callbacks = [watcher] if watcher else []
        history = model.fit(x, y, batch_size=8, epochs=40, verbose=0, callbacks=callbacks)
        runs.append((history.history["loss"], model.get_weights(), watcher))
    for losses, weights, _ in runs[1:]:
        assert losses == runs[0][0]
        assert same(weights, runs[0][1])
    seen = runs[3][2].seen
    assert set(seen) == set(range(40))
    for epoch, weights in runs[2][2].seen.items():
        assert same(weights, seen[epoch])


def test_many_epochs_really_share_a_call(monkeypatch):
    monkeypatch.setattr(training, "SECONDS_PER_CALL", 10.0)
    counts = []
    real = training._orders
    monkeypatch.setattr(
        training,
        "_orders",
        lambda feed, first, n, *rest: counts.append(n) or real(feed, first, n, *rest),
    )
    x, y = data()
    network().fit(x, y, batch_size=10, epochs=60, verbose=0)
    assert sum(counts[-10:]) >= 40
    assert max(counts) > 10


def test_a_rate_set_between_epochs_takes_effect_there():
    """The scheduled run equals two runs at constant rates, the second from the first's weights."""
    x, y = data()
    rates = [0.1] * 5 + [0.01] * 5
    model = network()
    model.fit(
        x, y, epochs=10, verbose=0, callbacks=[LearningRateScheduler(lambda e: rates[min(e, 9)])]
    )

    class Set(Callback):
        def __init__(self, rate):
            self.rate = rate

        def on_train_begin(self, logs):
            self.run.set_hyper("learning_rate", self.rate)

    other = network()
    other.fit(x, y, epochs=5, verbose=0, callbacks=[Set(0.1)])
    other.fit(x, y, epochs=10, initial_epoch=5, verbose=0, callbacks=[Set(0.01)])
    assert same(model.get_weights(), other.get_weights())


def test_reduce_on_plateau_reduces():
    x, y = data()
    model = network({"name": "sgd", "learning_rate": 0.5})
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0)
    rates = []

    class Rates(Callback):
        def on_epoch_end(self, epoch, logs):
            rates.append(self.run.hyper("learning_rate"))

    model.fit(x, y, epochs=4, verbose=0, callbacks=[callback, Rates()])
    # the first epoch improves on nothing at all; each later one does not improve by 10
    assert rates == pytest.approx([0.5, 0.25, 0.125, 0.0625])


def test_a_second_fit_goes_on_and_compiles_nothing(monkeypatch):
    x, y = data()
    a, b = network("momentum"), network("momentum")
    a.fit(x, y, epochs=6, verbose=0, shuffle=False)
    b.fit(x, y, epochs=3, verbose=0, shuffle=False)
    with jax.log_compiles(), jax.check_tracer_leaks(False):
        import logging

        records = []
        handler = logging.Handler()
        handler.emit = lambda r: records.append(r.getMessage())
        logging.getLogger("jax").addHandler(handler)
        b.fit(x, y, epochs=3, verbose=0, shuffle=False)
        logging.getLogger("jax").removeHandler(handler)
    assert not [r for r in records if "whole" in r and "Compiling" in r]
    assert same(a.get_weights(), b.get_weights())  # the momentum was carried over


def test_a_model_that_is_dropped_is_freed():
    x, y = data()
    model = network()
    model.fit(x, y, epochs=1, verbose=0)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


# -- divergence --------------------------------------------------------------------------------


def test_divergence_names_the_place_and_keeps_finite_weights():
    x, y = data()
    linear = Sequential([Input((3,)), Dense(4, name="first"), Dense(2, name="second")])
    linear.compile({"name": "sgd", "learning_rate": 1e4}, "mse")
    with pytest.raises(
        DivergenceError, match=r"epoch \d+, step \d+.*(first|second|loss)"
    ) as caught:
        linear.fit(x * 100, y, epochs=50, verbose=0)
    assert "smaller learning rate (now 10000)" in str(caught.value)
    assert all(np.isfinite(w).all() for w in linear.get_weights())
    assert len(linear.history) < 50
    assert linear.history.stopped.startswith("diverged")


def test_divergence_inside_a_call_keeps_the_epoch_before(monkeypatch):
    """Weights after the failure are those of a run that stops one epoch earlier."""
    x, y = data()

    def diverging():
        model = Sequential([Input((3,)), Dense(4), Dense(2)])
        model.compile({"name": "sgd", "learning_rate": 0.9}, "squared_error")
        return model

    kept = []
    for seconds in (0.0, 10.0):
        monkeypatch.setattr(training, "SECONDS_PER_CALL", seconds)
        model = diverging()
        with pytest.raises(DivergenceError):
            model.fit(x, y, batch_size=25, epochs=200, verbose=0)
        kept.append((len(model.history), model.get_weights()))
    assert kept[0][0] == kept[1][0] > 2
    assert same(kept[0][1], kept[1][1])
    model = diverging()
    model.fit(x, y, batch_size=25, epochs=kept[0][0], verbose=0)
    assert same(model.get_weights(), kept[0][1])


# -- tasks that make their own data ------------------------------------------------------------


class Walk(NamedTuple):
    params: jax.Array
    hyper: dict
    key: jax.Array


class Mean(Task):
    """Estimates the mean of draws it makes itself: the shape of an economy or an agent."""

    def init(self, key, hyper):
        return Walk(jnp.zeros(()), {k: jnp.asarray(v, float) for k, v in hyper.items()}, key)

    def collect(self, state, steps):
        key, draw = jax.random.split(state.key)
        return state._replace(key=key), 3.0 + jax.random.normal(draw, (steps, 16))

    def step(self, state, batch):
        error = state.params - batch.data.mean()
        params = state.params - state.hyper["learning_rate"] * error
        return state._replace(params=params), {"loss": (error**2, 1.0)}

    def evaluate(self, state, batch):
        return {"loss": ((state.params - 3.0) ** 2, 1.0)}


def test_a_task_that_collects_runs_in_the_same_engine():
    task = Mean()
    state = task.init(jax.random.key(0), {"learning_rate": 0.05})
    run = engine.train(task, Steps(20), 30, state=state)
    assert float(run.state.params) == pytest.approx(3.0, abs=0.2)  # sd of the average: about .04
    assert len(run.history) == 30
    again = engine.train(task, Steps(20), 30, state=state)
    assert again.history.history == run.history.history


def test_members_of_a_task_that_collects():
    task = Mean()
    keys = jax.random.split(jax.random.key(0), 4)
    rates = {"learning_rate": jnp.array([0.01, 0.05, 0.1, 0.2])}
    state = jax.vmap(task.init)(keys, rates)
    run = engine.train(task, Steps(20), 10, state=state, members=4)
    assert run.state.params.shape == (4,)
    alone = engine.train(task, Steps(20), 10, state=jax.tree.map(lambda a: a[2], state))
    np.testing.assert_allclose(run.state.params[2], alone.state.params, rtol=1e-6)


# -- streams -----------------------------------------------------------------------------------


def test_a_stream_trains_on_every_row_of_every_chunk():
    """One chunk that holds everything equals `fit` on arrays; many chunks come close to it."""
    x, y = data(90, 3, 1)

    def chunks(size):
        return lambda: ((x[i : i + size], y[i : i + size]) for i in range(0, 90, size))

    whole = network("adam", outputs=1)
    a = whole.fit(x, y, batch_size=10, epochs=3, verbose=0)
    streamed = network("adam", outputs=1)
    b = streamed.fit(Stream(chunks(13), rows=100), batch_size=10, epochs=3, verbose=0)
    assert a.history == b.history
    assert same(whole.get_weights(), streamed.get_weights())

    small = network("adam", outputs=1)
    c = small.fit(
        Stream(chunks(13), rows=40), batch_size=10, epochs=3, verbose=0, validation_data=(x, y)
    )
    assert len(c) == 3
    assert c.history["val_loss"][-1] == pytest.approx(small.evaluate(x, y, verbose=0), rel=1e-5)
    assert c.history["loss"][-1] == pytest.approx(a.history["loss"][-1], rel=0.3)


def test_stream_pieces():
    def chunks():
        yield np.arange(5), np.arange(5)
        yield np.arange(5, 12), np.arange(5, 12)

    pieces = [p[0].tolist() for p in Stream(chunks, rows=4).read()]
    assert pieces == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(DataError, match="different numbers of rows"):
        list(Stream(lambda: [(np.ones(3), np.ones(4))]).read())
    with pytest.raises(DataError, match="no chunk"):
        network(outputs=1).fit(Stream(lambda: []), epochs=1, verbose=0)


# -- interruption ------------------------------------------------------------------------------


def test_ctrl_c_stops_cleanly():
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 3:
                raise KeyboardInterrupt

    x, y = data()
    model = network()
    with pytest.warns(InterruptedWarning, match="after epoch 4 of 50"):
        history = model.fit(x, y, epochs=50, verbose=0, callbacks=[Interrupt()])
    assert history.stopped == "interrupted after epoch 4"
    assert history.interrupted
    assert len(history) == 4
    other = network()
    assert not other.fit(x, y, epochs=4, verbose=0).interrupted
    assert same(model.get_weights(), other.get_weights())
    # told to raise, it keeps the same weights
    third = network()
    with pytest.raises(KeyboardInterrupt):
        third.fit(x, y, epochs=50, verbose=0, callbacks=[Interrupt()], on_interrupt="raise")
    assert same(model.get_weights(), third.get_weights())
    with pytest.raises(DescendError, match="on_interrupt"):
        third.fit(x, y, on_interrupt="ignore")


def test_a_failing_callback_leaves_the_weights_reached():
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise RuntimeError("mine")

    x, y = data()
    model = network()
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(x, y, epochs=10, verbose=0, callbacks=[Fails()])
    other = network()
    other.fit(x, y, epochs=3, verbose=0)
    assert same(model.get_weights(), other.get_weights())


def test_several_outputs_train_together():
    x, y = data(40)
    i = Input((3,))
    h = Dense(8, "tanh")(i)
    model = Model(i, [Dense(2, name="number")(h), Dense(1, "sigmoid", name="sign")(h)])
    model.compile(
        "adam",
        {"number": "mse", "sign": "binary_crossentropy"},
        metrics={"sign": ["accuracy"]},
        loss_weights={"number": 2.0},
    )
    sign = (y[:, :1] > 0).astype(np.float32)
    history = model.fit(x, {"number": y, "sign": sign}, epochs=3, verbose=0).history
    assert set(history) == {"loss", "number_loss", "sign_loss", "sign_accuracy"}
    logs = model.evaluate(x, [y, sign], verbose=0, return_dict=True)
    number, chance = model.predict(x)
    own = np.mean((number - y) ** 2)
    cross = -np.mean(sign * np.log(chance) + (1 - sign) * np.log(1 - chance))
    assert logs["number_loss"] == pytest.approx(own, rel=1e-4)
    assert logs["sign_loss"] == pytest.approx(cross, rel=1e-4)
    assert logs["loss"] == pytest.approx(2 * own + cross, rel=1e-4)


# -- rows spread over devices -------------------------------------------------------------------


def over_steps():
    i = Input((6, 2))
    h = Dropout(0.3)(LSTM(5, return_sequences=True)(i))
    return Model(i, Dense(1)(LSTM(4)(h)))


def over_pixels():
    i = Input((6, 6, 2))
    h = BatchNormalization()(Conv2D(4, 3, activation="relu")(i))
    return Model(i, Dense(1)(GlobalAveragePooling2D()(h)))


@pytest.mark.skipif(len(jax.devices()) < 2, reason="one device")
@pytest.mark.parametrize("make", [over_steps, over_pixels])
def test_rows_spread_over_devices_give_the_numbers_of_one(make, monkeypatch):
    """Gradients and batch statistics add up over devices, dropout draws the same: 1e-5 apart."""
    model, rng = make(), np.random.default_rng(0)
    assert model.repeats
    shape = model.input_shapes[0]
    x, y = rng.standard_normal((44, *shape)), rng.standard_normal((44, 1))
    held = rng.standard_normal((9, *shape)), rng.standard_normal((9, 1))  # not spread: odd
    options = {"batch_size": 16, "epochs": 3, "verbose": 0, "validation_data": held}
    weights = model.get_weights()
    meshes, row_mesh = [], placement.row_mesh

    def run(find):
        monkeypatch.setattr(placement, "row_mesh", lambda *a: meshes.append(find(*a)) or meshes[-1])
        model.compile(SGD(0.05), "mse")
        model.set_weights(weights)
        return model.fit(x, y, **options).history, model.get_weights()

    spread, after = run(row_mesh)
    assert meshes[-1] is not None
    assert len(jax.tree.leaves(model.params)[0].sharding.device_set) == 1
    again, after_again = run(row_mesh)
    assert spread == again
    for a, b in zip(after, after_again, strict=True):
        np.testing.assert_array_equal(a, b)
    alone, after_alone = run(lambda *a: None)
    for name in alone:
        np.testing.assert_allclose(spread[name], alone[name], rtol=1e-5)
    for a, b in zip(after, after_alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
