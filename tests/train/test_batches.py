"""fit, evaluate and predict on generators, data sets and loaders; fit's arguments of steps."""

from __future__ import annotations

import numpy as np
import pytest

from descend import Dense, Input, Sequential
from descend.errors import DataError, DescendError
from descend.train.model.batches import PyDataset, is_batches, timeseries_dataset_from_array

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(40, 3)).astype(np.float32)
Y = (X @ np.array([[1.0], [2.0], [-1.0]])).astype(np.float32)


def network():
    model = Sequential([Input((3,)), Dense(4, "tanh"), Dense(1)], seed=3)
    model.compile({"name": "adam", "learning_rate": 0.05}, "mse", metrics=["mae"])
    return model


def cut(size, *arrays):
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, len(X), size)]


class Again:
    """Can be read again and again."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


class Listed(PyDataset):
    def __init__(self, batches):
        super().__init__()
        self.batches, self.ended = batches, 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]

    def on_epoch_end(self):
        self.ended += 1


def endless(batches):
    while True:
        yield from batches


def loader(batch_size):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(data, batch_size=batch_size)


SOURCES = {
    "iterable": lambda: (Again(cut(16, X, Y)), {}),
    "dataset": lambda: (Listed(cut(16, X, Y)), {}),
    "generator": lambda: (endless(cut(16, X, Y)), {"steps_per_epoch": 3}),
    "loader": lambda: (loader(16), {}),
    "iterable of steps": lambda: (Again(cut(16, X, Y)), {"steps_per_epoch": 3}),
}


@pytest.fixture(scope="module")
def by_arrays():
    model = network()
    history = model.fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    return history.history, model.predict(X)


@pytest.mark.parametrize("name", SOURCES)
def test_batches_equal_arrays_in_their_order(name, by_arrays):
    """40 rows in batches of 16, the last of 8: the same updates as from arrays."""
    source, options = SOURCES[name]()
    assert is_batches(source)
    model = network()
    history = model.fit(source, epochs=3, verbose=0, **options)
    for log, values in by_arrays[0].items():
        np.testing.assert_allclose(history.history[log], values, rtol=1e-5)
    np.testing.assert_allclose(model.predict(X), by_arrays[1], rtol=1e-4, atol=1e-6)
    if name == "dataset":
        assert source.ended == 3


def test_batches_of_other_shapes_are_updates_of_their_own():
    sizes = [16, 5, 5, 14]
    ends = np.cumsum(sizes)
    batches = [(X[e - s : e], Y[e - s : e]) for s, e in zip(sizes, ends, strict=True)]
    model, alone = network(), network()
    model.fit(Again(batches), verbose=0)
    for x, y in batches:
        alone.fit(x, y, batch_size=len(x), shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_weights_and_validation_come_as_batches():
    weight = DRAW.uniform(0.5, 1.5, 40)
    model = network()
    history = model.fit(
        Again(cut(20, X, Y, weight)),
        validation_data=endless(cut(8, X, Y)),
        validation_steps=5,
        epochs=2,
        verbose=0,
    ).history
    cost, error = model.evaluate(X, Y, verbose=0)
    assert history["val_loss"][-1] == pytest.approx(cost, rel=1e-5)
    assert history["val_mae"][-1] == pytest.approx(error, rel=1e-5)


def test_evaluate_and_predict():
    model = network()
    model.fit(X, Y, epochs=1, verbose=0)
    want = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(Again(cut(16, X, Y)), verbose=0) == pytest.approx(want, rel=1e-5)
    assert model.evaluate(endless(cut(8, X, Y)), steps=5, verbose=0) == pytest.approx(
        want, rel=1e-5
    )
    assert model.evaluate(X, Y, batch_size=8, steps=2, verbose=0) == pytest.approx(
        model.evaluate(X[:16], Y[:16], verbose=0), rel=1e-5
    )
    for source in (Again(cut(16, X, Y)), Again([x for x, _ in cut(16, X, Y)])):
        np.testing.assert_allclose(model.predict(source), model.predict(X), rtol=1e-5, atol=1e-6)
    half = model.predict(endless(cut(20, X, Y)), steps=1)
    np.testing.assert_allclose(half, model.predict(X[:20]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.fit(iter(cut(8, X, Y)), epochs=2), "can be read once.*steps_per_epoch"),
        (lambda m: m.fit(iter(cut(8, X, Y)), steps_per_epoch=9), "ended, 4 short of the 9"),
        (lambda m: m.fit(Again([])), "no chunk of rows"),
        (lambda m: m.fit(Again([(X, Y, Y[:, 0], X)])), "got 4 parts"),
        (lambda m: m.fit(Again([(X, Y[:7])])), "the same number"),
        (lambda m: m.fit(Again([(X,)])), "targets are missing"),
        (lambda m: m.fit(Again(cut(8, X, Y)), Y), "gives x, y and sample_weight itself"),
        (lambda m: m.fit(X, Y, validation_data=iter(cut(8, X, Y))), "may have no end"),
        (lambda m: m.evaluate(iter(cut(8, X, Y))), "may have no end"),
        (lambda m: m.predict(X, steps=2), "steps counts the batches"),
        (lambda m: m.fit(X, Y, steps_per_epoch=3), "between 1 and 2"),
        (lambda m: m.fit(Again(cut(8, X, Y)), steps_per_epoch=0), "whole number >= 1"),
        (lambda m: m.fit("x.csv", Y), "x is a str; expected an array"),
        (lambda m: m.fit(object(), Y), "x is a object; expected an array"),
        (lambda m: m.fit([[1.0, 2.0], [3.0]], Y), "rows of different length"),
        (lambda m: m.fit(X, Y, verbose="loud"), "verbose must be"),
        (lambda m: m.fit(X, Y, validation_freq=0), "validation_freq must be"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(call, message):
    with pytest.raises((DataError, DescendError), match=message):
        call(network())


def test_steps_of_arrays():
    """The first steps of each epoch's order; the history counts those rows alone."""
    model = network()
    history = model.fit(X, Y, batch_size=8, steps_per_epoch=2, shuffle=False, verbose=0)
    alone = network()
    want = alone.fit(X[:16], Y[:16], batch_size=8, shuffle=False, verbose=0)
    assert history.history["loss"] == pytest.approx(want.history["loss"])
    for a, b in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(("frequency", "epochs"), [(3, [2, 5, 8]), ([1, 4], [0, 3])])
def test_validation_now_and_then(frequency, epochs, tmp_path):
    options = {"epochs": 9, "batch_size": 16, "verbose": 0, "validation_data": (X, Y)}
    whole = network().fit(X, Y, **options)
    some = network().fit(X, Y, validation_freq=frequency, **options)
    assert some.history["loss"] == pytest.approx(whole.history["loss"], rel=1e-6)
    assert some.epochs_of("val_loss") == epochs
    want = [whole.history["val_loss"][e] for e in epochs]
    assert some.history["val_loss"] == pytest.approx(want, rel=1e-5)
    assert some.to_frame()["val_loss"].notna().sum() == len(epochs)


def test_validation_steps_of_arrays():
    options = {"verbose": 0, "validation_batch_size": 4, "validation_steps": 3}
    history = network().fit(X, Y, validation_data=(X, Y), **options).history
    want = network().fit(X, Y, validation_data=(X[:12], Y[:12]), verbose=0).history
    assert history["val_loss"] == pytest.approx(want["val_loss"], rel=1e-5)


def test_windows_of_a_series():
    data, targets = np.arange(20.0)[:, None], np.arange(20) * 10
    windows = timeseries_dataset_from_array(
        data, targets[8:], 3, sequence_stride=2, sampling_rate=4, batch_size=4
    )
    assert len(windows) == 2
    rows = [x[:, :, 0].tolist() for x, _ in windows]  # by hand: starts 0, 2, 4, ..., 10
    assert rows[0] == [[0, 4, 8], [2, 6, 10], [4, 8, 12], [6, 10, 14]]
    assert rows[1] == [[8, 12, 16], [10, 14, 18]]
    assert [y.tolist() for _, y in windows] == [[80, 100, 120, 140], [160, 180]]
    [alone] = timeseries_dataset_from_array(data, None, 2, start_index=5, end_index=8)
    assert alone[:, :, 0].tolist() == [[5, 6], [6, 7]]
    with pytest.raises(DataError, match="no window of 30 rows"):
        timeseries_dataset_from_array(data, targets, 30)
    with pytest.raises(DataError, match="sampling_rate must be a whole number"):
        timeseries_dataset_from_array(data, targets, 3, sampling_rate=0)
