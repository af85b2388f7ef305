"""Tasks, feeds and rules of one's own: what the engine promises whoever writes one."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import LSTM, Dense, Input, Model, Sequential, ensemble, sweep
from descend.errors import DataError, DescendError, DivergenceError
from descend.train import engine
from descend.train import rules as optimizers
from descend.train.callbacks import Callback, EarlyStopping, ModelCheckpoint
from descend.train.engine.feeds import Arrays, Chunk, Feed, Steps, Stream
from descend.train.engine.task import Task
from descend.train.many.sweeping import train_task
from descend.train.model.network_task import NetworkTask
from descend.train.rules import SGD, Adam, Momentum
from descend.train.saving.checkpoint import read


class Memory(NamedTuple):
    params: jax.Array
    hyper: dict
    key: jax.Array
    buffer: jax.Array  # (room,), the draws so far, the newest at `at`
    at: jax.Array


class Replay(Task):
    """Act: write one draw around the present mean into a buffer. Learn: step towards its mean."""

    weights = ("params",)
    scratch = ("buffer",)
    room = 8

    def hyper(self):
        return {"learning_rate": 0.1}

    def init(self, key, hyper):
        hyper = {name: jnp.asarray(value, jnp.float32) for name, value in hyper.items()}
        buffer = jnp.zeros(self.room, jnp.float32)
        return Memory(jnp.ones((), jnp.float32), hyper, key, buffer, jnp.zeros((), jnp.int32))

    def collect(self, state, steps):
        def act(state, _):
            key, draw = jax.random.split(state.key)
            value = state.params + jax.random.normal(draw, (), jnp.float32)
            buffer = state.buffer.at[state.at % self.room].set(value)
            return state._replace(key=key, buffer=buffer, at=state.at + 1), buffer.mean()

        return jax.lax.scan(act, state, None, length=steps)

    def step(self, state, batch):
        error = state.params - batch.data
        params = state.params - state.hyper["learning_rate"] * error
        return state._replace(params=params), {"loss": (error**2, 1.0)}


def begun(task, seed=0):
    return task.init(jax.random.key(seed), task.hyper())


# -- acting and learning -----------------------------------------------------------------------


def by_hand(steps, each):
    """The same agent as a loop in NumPy: `each` acts, then as many updates."""
    key, w, buffer, at = jax.random.key(0), np.float32(1), np.zeros(8, np.float32), 0
    for _ in range(steps // each):
        means = []
        for _ in range(each):
            key, draw = jax.random.split(key)
            buffer[at % 8] = w + float(jax.random.normal(draw, (), jnp.float32))
            at += 1
            means.append(buffer.mean())
        for mean in means:
            w -= np.float32(0.1) * (w - mean)
    return w


@pytest.mark.parametrize("each", [1, 3, 12])
def test_acting_and_learning_take_turns(each):
    """With `each` steps at a time: the draws are around the weights of that moment."""
    task = Replay()
    run = engine.train(task, Steps(12, each=each), 1, state=begun(task))
    assert float(run.state.params) == pytest.approx(by_hand(12, each), rel=1e-5)  # sums in float32


def test_chunks_of_steps_are_one_pass():
    """Cut into chunks, a pass computes the same and callbacks have a turn behind each."""
    turns = []

    class Turns(Callback):
        def on_chunk_end(self, chunk, logs=None):
            turns.append((self.run.epoch, chunk, logs["loss"]))

    task = Replay()
    whole = engine.train(task, Steps(12, each=3), 2, state=begun(task))
    cut = engine.train(task, Steps(12, each=3, chunk=6), 2, state=begun(task), callbacks=[Turns()])
    assert cut.state.params == whole.state.params
    assert [t[:2] for t in turns] == [(-1, 0), (-1, 1), (0, 0), (0, 1)]
    np.testing.assert_allclose(turns[1][2], cut.history.history["loss"][0])  # the pass so far
    np.testing.assert_allclose(
        cut.history.history["loss"], whole.history.history["loss"], rtol=1e-6
    )
    with pytest.raises(DataError, match="each must divide 12, got 5"):
        Steps(12, each=5)


def test_scratch_is_in_a_checkpoint_only_where_asked_for(tmp_path):
    """With it a killed run goes on bit-equal; without it the buffer is the start's."""
    task, whole = Replay(), tmp_path / "whole.descend"
    uninterrupted = engine.train(task, Steps(12, each=1), 6, state=begun(task))
    for scratch, file in ((True, whole), (False, tmp_path / "part.descend")):
        saving = ModelCheckpoint(file, scratch=scratch)
        engine.train(task, Steps(12, each=1), 3, state=begun(task), callbacks=[saving])
        assert ("state/buffer" in read(file)[1]) is scratch
        resumed = engine.train(task, Steps(12, each=1), 6, state=begun(task), resume=file)
        assert bool(resumed.state.params == uninterrupted.state.params) is scratch


def test_members_keep_a_buffer_each():
    members = train_task(Replay(), {"seed": [0, 1], "learning_rate": [0.1, 0.3]}, Steps(12, 1), 2)
    task = Replay()
    hyper = {"learning_rate": 0.3}
    alone = engine.train(task, Steps(12, 1), 2, state=task.init(jax.random.key(1), hyper))
    assert members[3].settings == {"seed": 1, "learning_rate": 0.3}
    np.testing.assert_allclose(members[3].state.buffer, alone.state.buffer, rtol=1e-6)
    np.testing.assert_allclose(members[3].state.params, alone.state.params, rtol=1e-6)


def test_best_weights_of_a_task_without_layers():
    """EarlyStopping keeps what `Task.weights` names, and no buffer."""
    stop = EarlyStopping("loss", patience=50)
    task = Replay()
    run = engine.train(task, Steps(12, each=1), 8, state=begun(task), callbacks=[stop])
    assert set(stop.saved()) == {"best", "wait", "best_epoch", "params"}
    best = int(np.argmin(run.history.history["loss"]))
    again = engine.train(task, Steps(12, each=1), best + 1, state=begun(task))
    assert run.state.params == again.state.params


class Growing(Replay):
    scratch = ()

    def step(self, state, batch):
        state, logs = super().step(state, batch)
        return state._replace(params=state.params / jnp.where(state.at > 7, 0.0, 1.0)), logs


def test_a_diverged_step_is_named_where_the_task_makes_the_data():
    task = Growing()
    with pytest.raises(DivergenceError, match=r"epoch 1, step 8\. .*now 0\.1"):
        engine.train(task, Steps(12, each=1), 2, state=begun(task))


@pytest.mark.parametrize("what", ["init", "step", "evaluate", "collect", "chunks", "draw"])
def test_what_is_not_written_is_named(what):
    one = Task() if what in dir(Task) else Feed()
    arguments = {"init": (0, {}), "chunks": (0,), "draw": (0, 0, 0, 0)}.get(what, (0, 0))
    with pytest.raises(NotImplementedError, match=f"has no {what}"):
        getattr(one, what)(*arguments)


# -- a large buffer is updated in place ---------------------------------------------------------


class Large(Replay):
    room = 25_000_000  # 100 MB

    def collect(self, state, steps):
        def act(state, _):
            buffer = state.buffer.at[state.at % self.room].set(1.0 * state.at)
            return state._replace(buffer=buffer, at=state.at + 1), buffer[state.at]

        return jax.lax.scan(act, state, None, length=steps)


def test_a_call_neither_copies_scratch_nor_keeps_the_old_one():
    """The compiled program needs no second buffer, and its argument's memory is its result's."""
    task = Large()
    state = begun(task)
    first = state.buffer
    place = first.unsafe_buffer_pointer()
    run = engine.train(task, Steps(10, each=1), 3, state=state)
    assert first.is_deleted()
    assert run.state.buffer.unsafe_buffer_pointer() == place
    assert float(run.state.buffer[29]) == 29.0


# -- rules with names ---------------------------------------------------------------------------


class Duel(NetworkTask):
    """Two parts of one network, each towards its own target: y = 1 and y = -1."""

    def step(self, state, batch):
        logs, layers = {}, state.layers
        for name, target in (("up", 1.0), ("down", -1.0)):

            def cost(params, name=name, target=target):
                y, _ = self.apply(params, layers, batch.data.x[0], name)
                return jnp.mean((y - target) ** 2), None

            state, value, _ = self.update(state, cost, name)
            logs["loss" if name == "up" else name] = (value, 1.0)
        return self.stepped(state, state.layers), logs


X = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)


def duel(up="sgd", down="sgd"):
    i = Input((3,))
    parts = {n: Sequential([Input((3,)), Dense(1)]) for n in ("up", "down")}
    model = Model(i, [parts["up"](i), parts["down"](i)])
    model.compile(task=Duel(model, {"up": up, "down": down}, parts))
    return model, parts


def test_two_named_rules_swept_at_once_equal_single_runs():
    grid = {"up.learning_rate": [0.01, 0.1], "down.learning_rate": [0.02, 0.2]}
    members = sweep(duel()[0], grid, X, None, batch_size=8, epochs=3)
    for member in members:
        rates = (SGD(member.settings[f"{n}.learning_rate"]) for n in ("up", "down"))
        alone = duel(*rates)[0]
        alone.fit(X, batch_size=8, epochs=3, verbose=0)
        # batched and single programs add up in another order
        for a, b in zip(member.model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        assert member.model.rule("down").learning_rate == pytest.approx(
            member.settings["down.learning_rate"]
        )


def test_a_rule_changes_its_part_alone():
    """Where the other part's rate is nearly nothing, its weights stay."""
    model, parts = duel(SGD(0.1), SGD(1e-30))
    _ = model.params
    before = {n: parts[n].get_weights()[0] for n in parts}
    model.fit(X, epochs=1, verbose=0)
    assert not np.allclose(parts["up"].get_weights()[0], before["up"])
    np.testing.assert_array_equal(parts["down"].get_weights()[0], before["down"])
    with pytest.raises(DescendError, match=r"several rules: model\.rule\('up'\)"):
        _ = model.optimizer
    with pytest.raises(DescendError, match="Did you mean 'down'"):
        model.rule("dwn")


def test_what_compile_refuses():
    model, parts = duel()
    with pytest.raises(DescendError, match="another network"):
        model.compile(task=Duel(parts["up"], "sgd"))
    with pytest.raises(DescendError, match="loss or a task"):
        model.compile("sgd", "mse", task=model.task)
    with pytest.raises(DescendError, match="has a layer 'dense' that"):
        Duel(model, {"up": "sgd"}, {"up": Sequential([Input((3,)), Dense(1)])})
    with pytest.raises(DescendError, match="trained by a Duel"):
        _ = model.supervised


# -- clipping, accumulation, averages -----------------------------------------------------------


def linear(rule):
    model = Sequential([Input((3,)), Dense(2)])
    model.compile(rule, "mse")
    model.set_weights([np.full((3, 2), 0.5, np.float32), np.zeros(2, np.float32)])
    return model


Y = np.random.default_rng(1).normal(0, 30, (24, 2)).astype(np.float32)


def test_clipping_is_pytorchs():
    """`global_clipnorm` is clip_grad_norm_ (whose 1e-6 beside the norm is within the tolerance)."""
    torch = pytest.importorskip("torch")
    ours = linear(SGD(0.1, global_clipnorm=0.7))
    ours.fit(X, Y, batch_size=24, epochs=4, shuffle=False, verbose=0)
    theirs = torch.nn.Linear(3, 2)
    with torch.no_grad():
        theirs.weight.fill_(0.5)
        theirs.bias.zero_()
    step = torch.optim.SGD(theirs.parameters(), 0.1)
    for _ in range(4):
        step.zero_grad()
        torch.nn.functional.mse_loss(theirs(torch.tensor(X)), torch.tensor(Y)).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.7)
        step.step()
    kernel, bias = ours.get_weights()
    np.testing.assert_allclose(kernel, theirs.weight.detach().numpy().T, atol=1e-5)
    np.testing.assert_allclose(bias, theirs.bias.detach().numpy(), atol=1e-5)


def test_clipping_by_hand():
    """One update: w - rate g c / |g|."""
    before = linear("sgd").get_weights()
    gradient = 2 * X.T @ (X @ before[0] - Y) / 48, 2 * (X @ before[0] - Y).mean(axis=0) / 2
    length = np.sqrt(sum((g**2).sum() for g in gradient))
    ours = linear(SGD(0.1, global_clipnorm=0.7))
    ours.fit(X, Y, batch_size=24, verbose=0)
    for w, b, g in zip(ours.get_weights(), before, gradient, strict=True):
        np.testing.assert_allclose(w, b - 0.1 * g * 0.7 / length, rtol=1e-4)


@pytest.mark.parametrize("rule", [SGD, Momentum, Adam], ids=lambda r: r.__name__)
def test_accumulation_equals_the_large_batch(rule):
    small = linear(rule(0.05, gradient_accumulation_steps=3, global_clipnorm=5.0))
    small.fit(X, Y, batch_size=4, epochs=5, shuffle=False, verbose=0)
    large = linear(rule(0.05, global_clipnorm=5.0))
    large.fit(X, Y, batch_size=12, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(small.get_weights(), large.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)  # sums of float32 in another order


def test_an_average_of_the_weights_takes_their_place():
    """a <- m a + (1 - m) w after each update, from the first one's weights on."""
    plain, passed = linear(SGD(0.05)), []
    for _ in range(5):
        plain.fit(X, Y, batch_size=24, verbose=0)
        passed.append(plain.get_weights()[0])
    average = passed[0]
    for w in passed[1:]:
        average = 0.8 * average + 0.2 * w
    ours = linear(SGD(0.05, use_ema=True, ema_momentum=0.8))
    ours.fit(X, Y, batch_size=24, epochs=5, verbose=0)
    np.testing.assert_allclose(ours.get_weights()[0], average, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 3},
        {"use_ema": True, "ema_momentum": 0.8},
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        {"global_clipnorm": 0.7},
    ],
    ids=lambda o: "-".join(o),
)
def test_accumulation_averages_and_clipping_are_kerass(options):
    """Two epochs of six batches each; float32 sums differ in their order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports warn about their own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
    ours = linear(Adam(0.05, **options))
    ours.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    with jax.numpy_rank_promotion("allow"):
        theirs = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        theirs.compile(keras.optimizers.Adam(0.05, **options), "mse")
        theirs.set_weights([np.full((3, 2), 0.5, np.float32), np.zeros(2, np.float32)])
        theirs.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        expected = [np.asarray(v.value) for v in theirs.weights]
    for a, b in zip(ours.get_weights(), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_these_numbers_are_swept_and_saved():
    rule = SGD(0.05, global_clipnorm=1.0, use_ema=True, gradient_accumulation_steps=2)
    assert optimizers.get(optimizers.describe(rule)) == rule
    grid = {
        "global_clipnorm": [0.1, 1.0],
        "ema_momentum": [0.5],
        "gradient_accumulation_steps": [3],
    }
    swept = sweep(linear(rule), grid, X, Y, batch_size=4, epochs=2)
    alone = ensemble(
        linear(SGD(0.05, global_clipnorm=0.1, use_ema=True, ema_momentum=0.5,
                   gradient_accumulation_steps=3)),
        X, Y, 1, batch_size=4, epochs=2,
    )  # fmt: skip
    for a, b in zip(swept[0].model.get_weights(), alone[0].model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert swept[1].model.optimizer.rule.global_clipnorm == 1.0
    with pytest.raises(DescendError, match="gradient_accumulation_steps must be a whole number"):
        SGD(gradient_accumulation_steps=2.5)
    with pytest.raises(DescendError, match="takes its step from the cost itself"):
        optimizers.NewtonRaphson(gradient_accumulation_steps=2)


# -- streams ------------------------------------------------------------------------------------


def stream(rows=16, n=None):
    y = X @ np.float32([1, -2, 0.5])
    return Stream(lambda: ((X[i : i + 5], y[i : i + 5]) for i in range(0, n or len(X), 5)), rows)


def regression(rule="sgd"):
    model = Sequential([Input((3,)), Dense(1)])
    model.compile(rule, "mse")
    return model


def test_validation_takes_a_stream():
    y = X @ np.float32([1, -2, 0.5])
    on_arrays, on_stream = (regression() for _ in range(2))
    one = on_arrays.fit(X, y, epochs=3, validation_data=(X, y), verbose=0)
    other = on_stream.fit(X, y, epochs=3, validation_data=stream(), verbose=0)
    np.testing.assert_allclose(other.history["val_loss"], one.history["val_loss"], rtol=1e-5)
    assert on_stream.evaluate(stream(), verbose=0) == pytest.approx(
        on_arrays.evaluate(X, y, verbose=0), rel=1e-5
    )


def test_members_on_a_stream_equal_single_runs():
    task = regression().task
    feed = stream().prepared(lambda piece, where: _rows(piece), 4, True, 0)
    members = train_task(task, {"seed": [0, 1], "learning_rate": [0.01, 0.1]}, feed, 3)
    for member in members:
        alone = regression(SGD(member.settings["learning_rate"]))
        alone.fit(stream(), batch_size=4, epochs=3, seed=member.settings["seed"], verbose=0)
        kernel = member.state.params["dense"]["kernel"]
        np.testing.assert_allclose(kernel, alone.get_weights()[0], atol=1e-5)
        assert member.history.history["loss"] == pytest.approx(
            alone.history.history["loss"], rel=1e-4
        )


def _rows(piece):
    from descend.train.model.supervised import Rows

    x, y = piece
    return Rows((x,), (y[:, None],), None)


def test_a_stateful_network_on_a_stream_is_that_on_arrays():
    x = np.random.default_rng(2).normal(size=(16, 5, 1)).astype(np.float32)
    y = x.sum(axis=(1, 2))

    def made():
        model = Sequential([Input(batch_shape=(4, 5, 1)), LSTM(3, stateful=True), Dense(1)])
        model.compile("sgd", "mse")
        return model

    streamed, whole = made(), made()
    pieces = Stream(lambda: [(x, y)], rows=8)
    streamed.fit(pieces, batch_size=4, epochs=2, shuffle=False, verbose=0)
    whole.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(streamed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(DataError, match="shuffle=False"):
        made().fit(pieces, batch_size=4, epochs=1, verbose=0)


def test_a_source_is_told_where_to_begin():
    told = []

    def source(epoch, start):
        told.append((epoch, start))
        return [(X[start:], X[start:, 0])]

    feed = Stream(source, rows=10)
    assert [len(p[0]) for p in feed.read(3, 1)] == [10, 4]
    assert told == [(3, 10)]


class Rotating(Feed):
    """A feed of one's own, with a chunk of its own and no row numbers."""

    whole = False
    steps = 4

    def chunks(self, epoch, after=0):
        for i in range(after, 2):
            yield Chunk(jnp.asarray(X[12 * i : 12 * (i + 1)]), np.array([0, 1]))

    def draw(self, task, state, data, row):
        x = jax.lax.dynamic_slice_in_dim(data, 6 * row, 6)
        from descend.train.engine.task import Batch

        return state, Batch(_rows((x, x[:, 0])), None)


def test_a_feed_of_ones_own_trains_as_arrays_do():
    one, other = regression(), regression()
    run = engine.train(one.task, Rotating(), 3, state=one.start_state(one.task, 0))
    rows = Arrays(_rows((X, X[:, 0])), 6, shuffle=False)
    same = engine.train(other.task, rows, 3, state=other.start_state(other.task, 0))
    for a, b in zip(*(jax.tree.leaves(r.state.params) for r in (run, same)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
