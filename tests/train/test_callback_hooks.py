"""The hooks of callbacks: which are called, in Keras's order; which are refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from descend import Dense, Input, Sequential, sweep
from descend.errors import DescendError
from descend.train.callbacks import Callback, LambdaCallback
from descend.train.callbacks.base import BATCH_HOOKS, HOOKS

X = np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4)
Y = X[:, :1].copy()


def network(rate=0.1):
    model = Sequential([Input((4,)), Dense(1)])
    model.compile({"name": "sgd", "learning_rate": rate}, "mse")
    return model


def recorder(base):
    """A callback on `base` that notes each hook with its epoch and the names of its logs."""

    def hook(name):
        def note(self, *given):
            *epoch, logs = given
            self.calls.append((name, *epoch, tuple(sorted(logs or ()))))

        return note

    own = type("Recorder", (base,), {name: hook(name) for name in HOOKS})()
    own.calls = []
    return own


def drive(model, callback):
    """fit with validation, evaluate, predict."""
    options = {"verbose": 0, "callbacks": [callback]}
    model.fit(X, Y, epochs=3, validation_split=0.25, **options)
    model.evaluate(X, Y, **options)
    model.predict(X, **options)
    return callback.calls


def test_hooks_are_called_as_in_keras():
    keras = pytest.importorskip("keras")
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    theirs.compile("sgd", "mse")
    with jax.numpy_rank_promotion("allow"):
        want = drive(theirs, recorder(keras.callbacks.Callback))
    assert {name for name, *_ in want} == set(HOOKS)
    ours = drive(network(), recorder(Callback))
    assert ours == want
    # a callback written on Keras's own base class serves too
    assert drive(network(), recorder(keras.callbacks.Callback)) == want


def test_model_and_params_are_known_in_every_hook():
    seen = []

    class Look(Callback):
        def on_train_begin(self, logs=None):
            seen.append((self.model, dict(self.params)))

        on_test_begin = on_predict_begin = on_train_begin

    model, look = network(), Look()
    model.fit(X, Y, epochs=2, batch_size=2, verbose=0, callbacks=[look])
    assert seen == [(model, {"epochs": 2, "steps": 4, "verbose": 0})]
    model.evaluate(X, Y, verbose=0, callbacks=look)
    model.predict(X, callbacks=look)
    assert [m for m, _ in seen] == [model] * 3


@pytest.mark.parametrize("watch", [False, True])
def test_a_rate_set_in_on_epoch_begin_holds_for_that_epoch(watch):
    """Against gradient descent by hand; with and without asking for every epoch's weights."""
    rates = [0.1, 0.1, 0.05, 0.2, 0.0, 0.3, 0.3, 0.3]
    weights = []

    class Rates(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.run.set_hyper("learning_rate", rates[epoch])

        def on_epoch_end(self, epoch, logs=None):
            if watch:
                weights.append(self.model.get_weights()[0].copy())

    model = network(0.7)
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0, callbacks=[Rates()])  # compiles
    start = [a.copy() for a in model.get_weights()]
    weights.clear()
    model.fit(X, Y, batch_size=8, epochs=len(rates), verbose=0, callbacks=[Rates()])
    w, b = (np.asarray(a, float) for a in start)
    for rate in rates:
        error = X @ w + b - Y
        w, b = w - rate * 2 * X.T @ error / 8, b - rate * 2 * error.mean(axis=0)
        if watch:  # float32 against float64
            np.testing.assert_allclose(weights.pop(0), w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BATCH_HOOKS)
def test_hooks_by_batch_are_refused_before_training(name):
    callback = type("Mine", (Callback,), {name: lambda self, batch, logs=None: None})()
    model = network()
    for call in (
        lambda: model.fit(X, Y, verbose=0, callbacks=[callback]),
        lambda: model.evaluate(X, Y, verbose=0, callbacks=callback),
        lambda: model.predict(X, callbacks=[callback]),
        lambda: sweep(model, {"seed": [1]}, X, Y, callbacks=[callback]),
        lambda: LambdaCallback(**{name: print}),
    ):
        with pytest.raises(DescendError, match=f"{name}.*one compiled program.*on_epoch_end"):
            call()
    assert model.history is None


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (type("Typo", (Callback,), {"on_epoch_ends": print})(), "Did you mean 'on_epoch_end'"),
        (Callback, "is a class; give an object of it"),
        ("early_stopping", "is no callback"),
        (object(), "is no callback"),
    ],
)
def test_what_is_no_callback_is_refused(callback, message):
    given = callback if isinstance(callback, str) else [callback]
    given = [given] if isinstance(given, str) else given
    with pytest.raises(DescendError, match=message):
        network().fit(X, Y, verbose=0, callbacks=given)


def test_what_a_callback_adds_to_the_logs_enters_the_history():
    class Norm(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch != 1:
                logs["norm"] = float(np.abs(self.model.get_weights()[0]).sum())

    rest = []
    history = network().fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        callbacks=[Norm(), LambdaCallback(on_epoch_end=lambda e, logs: rest.append(set(logs)))],
    )
    assert rest == [{"loss", "norm"}, {"loss"}, {"loss", "norm"}]
    assert len(history.history["norm"]) == 2
    assert history.to_frame()["norm"].isna().tolist() == [False, True, False]
