"""Arguments of callbacks as in Keras, judged by what a loop over the logs would have done."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from descend import Dense, EarlyStopping, Input, ModelCheckpoint, Sequential, load_model
from descend.errors import DescendError, DivergenceError
from descend.train.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)

DRAW = np.random.default_rng(1)
X = DRAW.normal(size=(30, 4)).astype(np.float32)
Y = X[:, :1] + DRAW.normal(size=(30, 1)).astype(np.float32)


def network(rate=0.02):
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])
    model.compile({"name": "adam", "learning_rate": rate}, "mse")
    return model


class Script(Callback):
    """Puts given numbers into the logs, for callbacks that come behind."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        if self.values[epoch] is not None:
            logs["watched"] = self.values[epoch]


def follow(values, callback):
    return network().fit(
        X, Y, batch_size=30, epochs=len(values), verbose=0, callbacks=[Script(values), callback]
    )


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([5, 4, 4.5, 4.4, 4.3, 1], {"patience": 3}),
        ([5, 4, 3, 2.5, 2.4, 2.3], {"patience": 2, "baseline": 1.0}),
        ([5, 4, 0.5, 0.6, 0.7, 0.8], {"patience": 2, "baseline": 1.0}),
        ([1, 2, 3, 2, 1, 0], {"patience": 1, "mode": "max"}),
        ([5, 4.9, 4.8, 4.7, 4.6, 4.5], {"patience": 2, "min_delta": 0.5}),
        ([1, 5, 4, 6, 7, 8], {"patience": 1, "start_from_epoch": 2}),
        ([3, 3, 3, 3, 3, 3], {"patience": 0}),
    ],
)
def test_early_stopping_stops_where_keras_does(values, options):
    keras = pytest.importorskip("keras")
    theirs = keras.callbacks.EarlyStopping("watched", **({"mode": "min"} | options))
    theirs.set_model(type("Model", (), {"stop_training": False, "get_weights": list})())
    theirs.on_train_begin()
    stopped = len(values)
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"watched": value})
        if theirs.model.stop_training:
            stopped = epoch + 1
            break
    stop = EarlyStopping("watched", **options)
    history = follow(values, stop)
    assert len(history) == stopped
    assert stop.best_epoch == theirs.best_epoch


def test_the_last_weights_stay_if_asked():
    stop = EarlyStopping("watched", patience=2, restore_best_weights=False, verbose=1)
    last = []
    model = network()
    model.fit(
        X,
        Y,
        epochs=5,
        verbose=0,
        callbacks=[
            Script([1, 2, 3, 4, 5]),
            stop,
            LambdaCallback(on_epoch_end=lambda e, logs: last.append(model.get_weights()[0])),
        ],
    )
    assert np.array_equal(model.get_weights()[0], last[2])


def test_verbose_says_what_happened(capsys):
    follow([1, 2, 3], EarlyStopping("watched", patience=1, verbose=1))
    out = capsys.readouterr().out
    assert "epoch 2: early stopping" in out
    assert "epoch 1, the best" in out


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([1] * 9, {"patience": 2}),
        ([1] * 9, {"patience": 1, "cooldown": 2, "factor": 0.5}),
        ([1] * 9, {"patience": 1, "min_lr": 0.003, "factor": 0.5}),
        ([5, 4, 4, 4, 3, 3, 3, 3, 3], {"patience": 2, "min_delta": 0.0}),
    ],
)
def test_reduce_on_plateau_reduces_where_keras_does(values, options):
    keras = pytest.importorskip("keras")

    class Optimizer:
        learning_rate = 0.02

    theirs = keras.callbacks.ReduceLROnPlateau("watched", mode="min", **options)
    theirs.set_model(type("Model", (), {"optimizer": Optimizer()})())
    theirs.on_train_begin()
    want = []
    for epoch, value in enumerate(values):
        logs = {"watched": value}
        theirs.on_epoch_end(epoch, logs)
        want.append(logs["learning_rate"])
    history = follow(values, ReduceLROnPlateau("watched", **options))
    np.testing.assert_allclose(history.history["learning_rate"], want, rtol=1e-5)


def test_the_scheduler_sets_and_logs_the_rate():
    rates = [0.1, 0.2, 0.0]
    history = network().fit(
        X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(lambda e, r: rates[e])]
    )
    assert history.history["learning_rate"] == pytest.approx(rates)


def test_checkpoints_are_named_by_epoch_and_logs(tmp_path, capsys):
    path = str(tmp_path / "ck-{epoch:02d}-{val_loss:.2f}.descend")
    history = (
        network()
        .fit(
            X,
            Y,
            epochs=3,
            verbose=0,
            validation_split=0.3,
            callbacks=[ModelCheckpoint(path, verbose=1)],
        )
        .history["val_loss"]
    )
    want = {f"ck-{e + 1:02d}-{v:.2f}.descend" for e, v in enumerate(history)}
    assert set(os.listdir(tmp_path)) == want
    assert capsys.readouterr().out.count("written") == 3
    assert load_model(tmp_path / sorted(want)[0]).predict(X).shape == (30, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelCheckpoint("a-{epoch:zz}.d"), "cannot be filled in"),
        (lambda: ModelCheckpoint("a-{0}.d"), "'epoch' or that of a log"),
        (lambda: ModelCheckpoint("a-{epoch.real}.d"), "'epoch' or that of a log"),
        (lambda: ModelCheckpoint("a-{epoch.d"), "cannot be filled in"),
        (
            lambda: ModelCheckpoint("a.d", save_freq=100),
            "save_freq must be 'epoch'.*steps_per_epoch",
        ),
        (lambda: BackupAndRestore("a", save_freq=5), "save_freq must be 'epoch'"),
        (lambda: CSVLogger("a", separator="ab"), "one character"),
        (lambda: TensorBoard(update_freq="batch"), "update_freq='batch' is not supported"),
        (lambda: TensorBoard(profile_batch=2), "profile_batch=2 is not supported"),
        (lambda: ReduceLROnPlateau(min_lr=-1.0), "min_lr must be >= 0"),
        (lambda: LambdaCallback(on_epoch_ends=print), "Did you mean 'on_epoch_end'"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(DescendError, match=message):
        make()


@pytest.mark.skipif(not hasattr(Sequential, "save_weights"), reason="comes with the Model API")
def test_weights_alone_can_be_saved(tmp_path):
    path = tmp_path / "{epoch}.weights"
    model = network()
    keep = ModelCheckpoint(path, save_weights_only=True)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
    again = network()
    again.load_weights(tmp_path / "2.weights")
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_a_log_that_is_not_there_is_named(tmp_path):
    keep = ModelCheckpoint(tmp_path / "a-{val_los:.2f}.descend")
    with pytest.raises(DescendError, match="Did you mean 'val_loss'"):
        network().fit(X, Y, verbose=0, validation_split=0.2, callbacks=[keep])


def test_only_what_beats_the_threshold_is_saved(tmp_path):
    keep = ModelCheckpoint(
        tmp_path / "{epoch}.d", "watched", save_best_only=True, initial_value_threshold=2.5
    )
    follow([4, 3, 2, 5, 1], keep)
    assert sorted(os.listdir(tmp_path)) == ["3.d", "5.d"]


class Kill(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            raise OSError("power cut")


def test_backup_and_restore(tmp_path):
    options = {"batch_size": 8, "epochs": 7, "verbose": 0}
    whole = network()
    want = whole.fit(X, Y, **options).history["loss"]
    with pytest.raises(OSError, match="power cut"):
        network().fit(X, Y, callbacks=[BackupAndRestore(tmp_path / "b"), Kill()], **options)
    assert os.listdir(tmp_path / "b") == ["backup.descend"]
    again = network()
    seen = []
    noted = LambdaCallback(on_epoch_begin=lambda e, logs: seen.append(e))
    got = again.fit(X, Y, callbacks=[BackupAndRestore(tmp_path / "b"), noted], **options)
    assert seen == [3, 4, 5, 6]
    assert got.history["loss"] == want
    assert np.array_equal(again.get_weights()[0], whole.get_weights()[0])
    assert os.listdir(tmp_path / "b") == []


def test_csv_with_another_separator_and_later_columns(tmp_path):
    file = tmp_path / "log.tsv"
    logger = CSVLogger(file, separator="\t")
    history = network().fit(
        X, Y, epochs=4, verbose=0, validation_split=0.3, validation_freq=2, callbacks=[logger]
    )
    table = list(csv.DictReader(file.read_text().splitlines(), delimiter="\t"))
    assert [r["val_loss"] for r in table if r["val_loss"]] == [
        str(v) for v in history.history["val_loss"]
    ]
    assert len(table) == 4


def test_histograms(tmp_path):
    pytest.importorskip("tensorboardX")
    board = TensorBoard(tmp_path, histogram_freq=2)
    network().fit(X, Y, epochs=3, verbose=0, callbacks=[board])
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) > 1000


def test_a_nan_ends_the_run_quietly_if_asked():
    model = network(1e30)
    with pytest.raises(DivergenceError):
        network(1e30).fit(X, Y, epochs=9, verbose=0)
    history = model.fit(X, Y, epochs=9, verbose=0, callbacks=[TerminateOnNaN()])
    assert history.stopped.startswith("diverged in epoch")
    assert len(history) < 9
    assert all(np.isfinite(a).all() for a in model.get_weights())
