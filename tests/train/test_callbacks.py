"""Callbacks, judged by what a plain loop over recorded weights would have done."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from descend import Dense, EarlyStopping, Input, ModelCheckpoint, Sequential, load_model, sweep
from descend.errors import DescendError
from descend.train.callbacks import Callback, CSVLogger, LearningRateScheduler, TensorBoard


def data(n=60, noise=1.0):
    draw = np.random.default_rng(1)
    x = draw.normal(size=(n, 4)).astype(np.float32)
    y = x[:, :1] + noise * draw.normal(size=(n, 1)).astype(np.float32)
    return x[:30], y[:30], x[30:], y[30:]


def network(rate=0.02):
    model = Sequential([Input((4,)), Dense(64, "relu"), Dense(64, "relu"), Dense(1)])
    model.compile({"name": "adam", "learning_rate": rate}, "mse")
    return model


class Weights(Callback):
    def __init__(self):
        self.each = []

    def on_epoch_end(self, epoch, logs):
        self.each.append([a.copy() for a in self.model.get_weights()])


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


@pytest.mark.parametrize("watch", [False, True])
@pytest.mark.parametrize("epochs", [4, 60])
def test_best_weights_return_also_at_the_last_epoch(epochs, watch):
    """With 4 epochs patience never runs out; the best weights return all the same (keras#12511)."""
    x, y, vx, vy = data()
    free, weights = network(), Weights()
    history = free.fit(
        x, y, batch_size=8, epochs=60, verbose=0, validation_data=(vx, vy), callbacks=[weights]
    ).history["val_loss"][:epochs]
    best = int(np.argmin(history))

    stop = EarlyStopping(patience=5)
    model = network()
    found = model.fit(
        x,
        y,
        batch_size=8,
        epochs=epochs,
        verbose=0,
        validation_data=(vx, vy),
        callbacks=[stop, *([Weights()] if watch else [])],
    )
    seen, wait, last = np.inf, 0, epochs
    for e, value in enumerate(history):
        wait = 0 if value < seen else wait + 1
        seen = min(seen, value)
        if wait >= 5:
            last = e + 1
            break
    assert len(found) == last
    best = int(np.argmin(history[:last]))
    assert stop.best_epoch == best
    assert same(model.get_weights(), weights.each[best])
    assert (found.stopped is not None) == (last < epochs)
    assert model.evaluate(vx, vy, verbose=0) == pytest.approx(history[best], rel=1e-5)


def test_early_stopping_of_members_equals_alone():
    x, y, vx, vy = data()
    rates = [0.001, 0.02, 0.1]
    options = {"batch_size": 8, "epochs": 40, "validation_data": (vx, vy)}
    many = sweep(
        network(), {"learning_rate": rates}, x, y, callbacks=[EarlyStopping(patience=3)], **options
    )
    lengths = set()
    for rate, member in zip(rates, many, strict=True):
        alone = network(rate)
        found = alone.fit(x, y, verbose=0, callbacks=[EarlyStopping(patience=3)], **options)
        assert len(member.history) == len(found)
        np.testing.assert_allclose(
            member.history.history["val_loss"], found.history["val_loss"], rtol=1e-4
        )
        np.testing.assert_allclose(
            member.model.predict(vx), alone.predict(vx), rtol=1e-3, atol=1e-4
        )
        lengths.add(len(found))
    assert len(lengths) > 1  # they did stop at different epochs


def test_monitoring_an_accuracy_takes_the_largest():
    x, _, vx, _ = data()
    labels, vlabels = (x[:, 0] > 0).astype(int), (vx[:, 0] > 0).astype(int)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    stop = EarlyStopping("val_accuracy", patience=3)
    history = model.fit(
        x, labels, epochs=30, verbose=0, validation_data=(vx, vlabels), callbacks=[stop]
    ).history
    assert stop.best == max(history["val_accuracy"])


def test_unknown_monitor_and_bad_arguments():
    x, y, *_ = data()
    with pytest.raises(DescendError, match="val_loss.*validation_data"):
        network().fit(x, y, verbose=0, callbacks=[EarlyStopping()])
    with pytest.raises(DescendError, match="Did you mean 'loss'"):
        network().fit(x, y, verbose=0, callbacks=[EarlyStopping("losss")])
    with pytest.raises(DescendError, match="patience"):
        EarlyStopping(patience=-1)
    with pytest.raises(DescendError, match="mode"):
        EarlyStopping(mode="up")
    with pytest.raises(DescendError, match="not >= 0"):
        network().fit(x, y, verbose=0, callbacks=[LearningRateScheduler(lambda e, r: -1.0)])


def test_csv_and_tensorboard_hold_the_history(tmp_path):
    x, y, *_ = data()
    pytest.importorskip("tensorboardX")
    file = tmp_path / "log.csv"
    history = network().fit(
        x, y, epochs=4, verbose=0, callbacks=[CSVLogger(file), TensorBoard(tmp_path / "events")]
    )
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [int(r["epoch"]) for r in rows] == history.epoch
    assert [float(r["loss"]) for r in rows] == history.history["loss"]
    events = list((tmp_path / "events").iterdir())
    assert len(events) == 1
    assert events[0].stat().st_size > 100


def test_any_object_with_on_epoch_end():
    class Mine:
        def __init__(self):
            self.losses = []

        def on_epoch_end(self, epoch, logs):
            self.losses.append(logs["loss"])

    x, y, *_ = data()
    mine = Mine()
    history = network().fit(x, y, epochs=3, verbose=0, callbacks=[mine])
    assert mine.losses == history.history["loss"]


def test_save_best_only_keeps_the_best(tmp_path):
    x, y, vx, vy = data()
    file = tmp_path / "best.descend"
    weights = Weights()
    history = network().fit(
        x,
        y,
        batch_size=8,
        epochs=30,
        verbose=0,
        validation_data=(vx, vy),
        callbacks=[weights, ModelCheckpoint(file, save_best_only=True)],
    )
    best = int(np.argmin(history.history["val_loss"]))
    assert best < 29
    assert same(load_model(file).get_weights(), weights.each[best])


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 10), (2, 20)])
def test_what_is_shown_without_a_terminal(capsys, verbose, lines):
    x, y, *_ = data()
    network().fit(x, y, epochs=20, verbose=verbose)
    out = capsys.readouterr()
    assert len(out.out.splitlines()) == pytest.approx(lines, abs=1)
    assert "\x1b" not in out.out + out.err
    if lines:
        assert out.out.splitlines()[-1].startswith("epoch 20/20  loss ")
