"""Plausible uses that once went wrong: each a short story with an independent answer."""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd
import pytest

from descend import Dense, EarlyStopping, Input, Model, ModelCheckpoint, Sequential, sweep
from descend.errors import CheckpointError, DescendError, DivergenceError
from descend.nn.losses import Huber
from descend.train.callbacks import Callback, CSVLogger, LearningRateScheduler, ReduceLROnPlateau
from descend.train.engine.feeds import Stream
from descend.train.engine.training import InterruptedWarning
from descend.train.saving import checkpoint
from descend.train.saving.loading import load_model


def data(n=60, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 3)).astype(np.float32)
    return x, (x[:, :1] + draw.normal(size=(n, 1))).astype(np.float32)


def network(loss="mse", metrics=(), width=32, rule="adam", rate=0.02):
    model = Sequential([Input((3,)), Dense(width, "relu"), Dense(1)])
    model.compile({"name": rule, "learning_rate": rate}, loss, metrics)
    return model


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


class Each(Callback):
    def __init__(self, do):
        self.do = do

    def on_epoch_end(self, epoch, logs):
        self.do(self, epoch, logs)


def test_a_callback_sees_and_sets_the_present_weights():
    x, y = data()
    seen = []

    def look(callback, epoch, logs):
        model = callback.model
        seen.append((model.evaluate(x, y, verbose=0), np.mean((model.predict(x) - y) ** 2)))

    network().fit(x, y, epochs=4, verbose=0, callbacks=[Each(look)])
    assert len({a for a, _ in seen}) == 4
    for by_evaluate, by_hand in seen:
        assert by_evaluate == pytest.approx(by_hand, rel=1e-4)

    zeros = [np.zeros((3, 32)), np.zeros(32), np.zeros((32, 1)), np.zeros(1)]
    model = network()
    model.fit(
        x, y, epochs=1, verbose=0, callbacks=[Each(lambda c, e, logs: c.model.set_weights(zeros))]
    )
    assert same(model.get_weights(), zeros)


def test_stop_training_as_in_keras():
    x, y = data()
    model = network()

    def stop(callback, epoch, logs):
        callback.model.stop_training = epoch == 2

    assert len(model.fit(x, y, epochs=9, verbose=0, callbacks=[Each(stop)])) == 3
    assert len(model.fit(x, y, epochs=2, verbose=0)) == 2


@pytest.mark.parametrize("cut", [2, 4, 6])
def test_resume_whatever_the_order_of_callbacks(tmp_path, cut):
    """The checkpoint is written after the others have judged the epoch; a rate is not set twice."""
    x, y = data()
    file = tmp_path / "c.descend"

    def callbacks():
        return [
            ModelCheckpoint(file),
            LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            EarlyStopping(patience=6),
        ]

    options = {"batch_size": 8, "verbose": 0, "validation_split": 0.3}
    whole, part, rest = network(), network(), network()
    a = whole.fit(x, y, epochs=40, callbacks=callbacks(), **options)
    assert cut < len(a)
    part.fit(x, y, epochs=cut, callbacks=callbacks(), **options)
    b = rest.fit(x, y, epochs=40, callbacks=callbacks(), resume=file, **options)
    assert a.history == b.history
    assert same(whole.get_weights(), rest.get_weights())


def test_a_run_that_had_stopped_stays_stopped(tmp_path):
    x, y = data()
    file = tmp_path / "c.descend"
    options = {"batch_size": 8, "verbose": 0, "validation_split": 0.3, "epochs": 60}
    first, again = network(), network()
    a = first.fit(x, y, callbacks=[ModelCheckpoint(file), EarlyStopping(patience=3)], **options)
    assert a.stopped
    b = again.fit(
        x, y, callbacks=[ModelCheckpoint(file), EarlyStopping(patience=3)], resume=file, **options
    )
    assert a.history == b.history
    assert same(first.get_weights(), again.get_weights())


def test_resume_with_other_callbacks_or_another_model(tmp_path):
    x, y = data()
    file = tmp_path / "c.descend"
    options = {"batch_size": 8, "verbose": 0, "validation_split": 0.3}
    network().fit(
        x, y, epochs=3, callbacks=[ModelCheckpoint(file), EarlyStopping(patience=9)], **options
    )
    more = [CSVLogger(tmp_path / "log.csv"), EarlyStopping(patience=9)]  # another place in the list
    network().fit(x, y, epochs=4, callbacks=more, resume=file, **options)
    with pytest.raises(CheckpointError, match="EarlyStopping-1.*same callbacks"):
        network().fit(x, y, epochs=4, resume=file, **options)
    with pytest.raises(CheckpointError, match="its optimizer, loss or metrics differ"):
        network(loss="mae").fit(x, y, epochs=4, callbacks=more, resume=file, **options)
    with pytest.raises(CheckpointError, match="its optimizer, loss or metrics differ"):
        network(rate=0.5).fit(x, y, epochs=4, callbacks=more, resume=file, **options)
    model = network()
    model.fit(x, y, epochs=1, verbose=0)
    history = model.history
    with pytest.raises(CheckpointError):
        model.fit(x, y, epochs=4, resume=file, **options)
    assert model.history is history  # nothing was trained, nothing is forgotten


def test_members_are_ranked_by_the_weights_they_have():
    x, y = data()
    many = sweep(
        network(), {"seed": range(6)}, x[:40], y[:40], batch_size=8, epochs=60,
        validation_data=(x[40:], y[40:]), callbacks=[EarlyStopping(patience=4)],
    )  # fmt: skip
    own = [float(np.mean((m.model.predict(x[40:]) - y[40:]) ** 2)) for m in many]
    np.testing.assert_allclose([m.final("val_loss") for m in many], own, rtol=1e-4)
    assert many.best() is many[int(np.argmin(own))]
    assert many[0].history.history["val_loss"][-1] != pytest.approx(many[0].final("val_loss"))


def test_each_output_takes_its_logits_by_itself():
    """A softmax wrong by 120 logits has cost 120 and a gradient, also beside a linear head."""
    i = Input((1,))
    chance = Dense(2, "softmax", use_bias=False, name="chance", kernel_initializer="zeros")(i)
    model = Model(i, [chance, Dense(1, name="number")(i)])
    model.compile("sgd", {"chance": "sparse_categorical_crossentropy", "number": "mse"})
    params = model.params
    model.params = {**params, "chance": {"kernel": np.array([[0.0, 120.0]])}}
    x, y = np.ones((4, 1)), [np.zeros(4, int), np.zeros((4, 1))]
    assert model.evaluate(x, y, verbose=0, return_dict=True)["chance_loss"] == pytest.approx(120)
    before = np.asarray(model.params["chance"]["kernel"])
    model.fit(x, y, epochs=1, verbose=0)
    moved = np.asarray(model.params["chance"]["kernel"]) - before
    np.testing.assert_allclose(moved, [[0.01, -0.01]], rtol=1e-3)  # eta (onehot - softmax)


def test_one_layer_as_two_outputs_has_two_names():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Dense(1)
    model = Model([a, b], [shared(a), shared(b)])
    assert model.output_names == ("dense", "dense_1")
    model.compile("sgd", "mse")
    x, y = data()
    assert {"dense_loss", "dense_1_loss"} <= set(
        model.fit([x, x], {"dense": y, "dense_1": 2 * y}, verbose=0).history
    )


def test_validation_is_judged_without_class_weights():
    x, _ = data()
    labels = (np.arange(60) % 3 == 0).astype(int)
    pair = []
    for how in ({"validation_split": 0.25}, {"validation_data": (x[45:], labels[45:])}):
        model = Sequential([Input((3,)), Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        n = 60 if "validation_split" in how else 45
        history = model.fit(
            x[:n], labels[:n], verbose=0, class_weight={0: 1.0, 1: 5.0}, epochs=2, **how
        )
        pair.append(history.history)
    assert pair[0] == pair[1]


def test_a_plateau_callback_forgets_an_earlier_fit():
    x, y = data()
    model, callback = network(), ReduceLROnPlateau("loss", patience=2)
    model.fit(x, y, epochs=30, verbose=0)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[callback])
    other = network()
    rates = []
    watch = Each(lambda c, *_: rates.append(c.run.hyper("learning_rate")))
    other.fit(x, y, epochs=4, verbose=0, callbacks=[callback, watch])
    assert rates == pytest.approx(
        [0.02] * 4
    )  # its own cost falls, whatever the other's had reached
    sweep(network(), {"seed": [1, 2, 3]}, x, y, epochs=3, callbacks=[callback])


def test_metrics_that_are_code_do_not_spoil_a_saved_model(tmp_path):
    x, y = data()

    def bias(y, p):
        return (p - y)[:, 0]

    model = network(metrics=[bias, Huber(delta=2.0), "mae"])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.descend")
    loaded = load_model(tmp_path / "m.descend")
    assert list(loaded.evaluate(x, y, verbose=0, return_dict=True)) == ["loss", "mae"]
    many = sweep(model, {"seed": [1, 2]}, x, y, epochs=2)
    logs = many.best("loss").model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "bias", "huber", "mae"]


def test_dummies_beside_numbers():
    x, y = data()
    frame = pd.get_dummies(pd.DataFrame({"a": x[:, 0], "town": ["Rome", "Oslo"] * 30}))
    assert {d.kind for d in frame.dtypes} == {"f", "b"}
    network().fit(frame, y, verbose=0)


def test_a_failing_callback_still_ends_the_others(tmp_path):
    x, y = data()
    log = CSVLogger(tmp_path / "log.csv")
    stop = EarlyStopping("loss", patience=5)

    def fail(callback, epoch, logs):
        if epoch == 3:
            raise RuntimeError("mine")

    model = network()
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(x, y, epochs=9, verbose=0, callbacks=[log, stop, Each(fail)])
    assert log._file.closed
    assert model.evaluate(x, y, verbose=0) <= min(model.history.history["loss"]) * 1.2


@pytest.mark.parametrize("when", [0, 2])
def test_ctrl_c_ends_a_whole_sweep(when):
    x, y = data()

    def interrupt(callback, epoch, logs):
        if epoch == when:
            raise KeyboardInterrupt

    with pytest.warns(InterruptedWarning, match=f"epoch {when + 1} of 9"):
        many = sweep(network, {"width": [4, 8, 16]}, x, y, epochs=9, callbacks=[Each(interrupt)])
    assert len(many) == 1
    assert len(many[0].history) == when + 1


def test_a_stream_shuffles_its_pieces_apart_and_keeps_weights_as_they_are():
    x, y = data(80)
    heavy = np.where(np.arange(80) < 40, 1.0, 3.0)
    model, other = network(rule="sgd"), network(rule="sgd")
    chunks = lambda: [(x[:40], y[:40], heavy[:40]), (x[40:], y[40:], heavy[40:])]
    model.fit(Stream(chunks, rows=40), batch_size=40, epochs=1, verbose=0)
    # by hand: a step on the first half, then one of thrice the size on the second
    other.fit(x[:40], y[:40], batch_size=40, epochs=1, verbose=0)
    third = network(rule="sgd", rate=0.06)
    third.set_weights(other.get_weights())
    third.fit(x[40:], y[40:], batch_size=40, epochs=1, verbose=0)
    for u, v in zip(model.get_weights(), third.get_weights(), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-4, atol=1e-6)


def test_a_stream_that_diverges_goes_back_to_the_chunks_start():
    x, y = data(80)

    def linear():
        model = Sequential([Input((3,)), Dense(4), Dense(1)])
        model.compile({"name": "sgd", "learning_rate": 0.01}, "mse")
        return model

    streamed, first = linear(), linear()
    chunks = lambda: [(x[:40], y[:40]), (x[40:] * 1e30, y[40:])]
    with pytest.raises(DivergenceError, match=r"epoch 1, chunk 2, step 1.*before that chunk are"):
        streamed.fit(Stream(chunks, rows=40), batch_size=40, epochs=3, verbose=0)
    first.fit(Stream(lambda: chunks()[:1], rows=40), batch_size=40, epochs=1, verbose=0)
    assert same(streamed.get_weights(), first.get_weights())


def test_small_ways_of_calling():
    x, y = data()
    model = network()
    model.fit(x, y, verbose=0, callbacks=None)
    model.fit(x, y, verbose=0, callbacks=EarlyStopping("loss"))
    model.fit(x, y, verbose=0, seed=np.int64(3), shuffle=0)
    assert model([[1.0, 2, 3], [3, 4, 5]]).shape == (2, 1)
    assert Dense(np.int64(3)).units == 3
    assert Input((np.int64(3),)).shape == (3,)
    for call, message in (
        (lambda: model.fit(x, y, verbose=0, seed=-1), "seed must be a whole number >= 0, got -1"),
        (lambda: model.predict(x, batch_size=-1), "batch_size must be >= 1, got -1"),
        (
            lambda: sweep(model, {"seed": [1]}, x, y, callbacks=[ModelCheckpoint("c.descend")]),
            "writes the members of a task",
        ),
    ):
        with pytest.raises(DescendError, match=message):
            call()


def test_rates_of_a_transformation_of_the_users_cannot_be_scheduled():
    import optax

    x, y = data()
    model = network()
    model.compile(optax.sgd(0.1), "mse")
    with pytest.raises(DescendError, match="unknown hyperparameter 'learning_rate'"):
        model.fit(x, y, verbose=0, callbacks=[LearningRateScheduler(lambda e: 0.1)])


def test_the_checkpoint_of_a_seed_that_is_not_an_int(tmp_path):
    x, y = data()
    file = tmp_path / "c{epoch}.descend"
    network().fit(x, y, verbose=0, seed=np.int64(2), callbacks=[ModelCheckpoint(file)])
    assert checkpoint.read(tmp_path / "c1.descend")[0]["identity"]["seed"] == 2


@pytest.mark.parametrize("training", [False, True])
def test_a_model_called_first_inside_a_compiled_function_draws_the_same_weights(training):
    """Its weights are numbers, not tracers, and those that it draws by itself."""
    x, _ = data(4)
    models = [Sequential([Input((3,)), Dense(2)], seed=5) for _ in range(2)]
    y = jax.jit(lambda x: models[0](x, training=training))(x)
    assert same(models[0].get_weights(), models[1].get_weights())
    np.testing.assert_allclose(y, models[1].predict(x), rtol=1e-5)
