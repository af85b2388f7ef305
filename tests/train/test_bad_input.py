"""Bad input to compile, fit, evaluate and predict: one clear error each, nothing half-done.

Each case gives what the message must hold: the place, what came, and what to do. The command line's
bad input is in tests/cli.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from descend import (
    Activation,
    Add,
    Concatenate,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    Input,
    Model,
    Reshape,
    Sequential,
)
from descend.errors import DataError, DescendError, NotFittedError, ShapeError
from descend.nn import losses
from descend.train import rules as optimizers
from descend.train.model.rows import UnlikeTailWarning
from descend.train.rules import schedules

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
Y = X[:, :1] * 2
LABELS = np.arange(20) % 3


def regression(**options):
    model = Sequential([Input((3,)), Dense(4, "relu"), Dense(1)])
    model.compile(**({"optimizer": "sgd", "loss": "mse"} | options))
    return model


def classifier(loss="sparse_categorical_crossentropy"):
    model = Sequential([Input((3,)), Dense(3, "softmax")])
    model.compile("sgd", loss)
    return model


def two_inputs():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], Dense(1)(Add()([a, b])))
    model.compile("sgd", "mse")
    return model


def two_outputs():
    i = Input((3,))
    model = Model(i, [Dense(1, name="u")(i), Dense(1, name="v")(i)])
    model.compile("sgd", "mse")
    return model


def holed(value, place):
    x = X.copy()
    x[place] = value
    return x


def fit(model, x=X, y=Y, **options):
    return lambda: model().fit(x, y, verbose=0, **options)


FIT = {
    "y with an axis too many": (
        fit(regression, y=np.ones((20, 1, 1))),
        ShapeError,
        r"\(n, 1, 1\).*\(n, 1\)",
    ),
    "y with two columns": (fit(regression, y=X[:, :2]), ShapeError, r"\(n, 2\).*\(n, 1\)"),
    "x with a column too many": (
        fit(regression, x=np.ones((20, 4))),
        ShapeError,
        r"'input'.*\(3,\).*\(20, 4\)",
    ),
    "x of rank one": (fit(regression, x=np.ones(20)), ShapeError, r"rows of shape \(3,\)"),
    "x a number": (fit(regression, x=3.0), ShapeError, "single number"),
    "x and y of different length": (fit(regression, y=Y[:7]), ShapeError, "x has 20 rows, y has 7"),
    "no rows": (fit(regression, x=X[:0], y=Y[:0]), DataError, "no rows"),
    "no targets": (fit(regression, y=None), DataError, "targets are missing; give y"),
    "no x": (fit(regression, x=None), DataError, "x is missing"),
    "NaN in x": (fit(regression, x=holed(np.nan, (4, 2))), DataError, r"1 NaN.*row 4, column 2"),
    "inf in x": (fit(regression, x=holed(np.inf, (0, 1))), DataError, "infinite.*row 0, column 1"),
    "NaN in y": (fit(regression, y=np.full((20, 1), np.nan)), DataError, "y holds 20 NaN"),
    "text in x": (fit(regression, x=[["a"] * 3] * 20), DataError, "x must be numeric"),
    "rows of different length": (
        fit(regression, x=np.array([[1, 2, 3], [1]], dtype=object)),
        DataError,
        "different length",
    ),
    "text column of a frame": (
        fit(regression, x=pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "town": ["Rome"] * 20})),
        DataError,
        "column 'town'.*'Rome'.*encode it",
    ),
    "dates in a frame": (
        fit(
            regression,
            x=pd.DataFrame(
                {"a": X[:, 0], "b": X[:, 1], "day": pd.date_range("2020-01-01", periods=20)}
            ),
        ),
        DataError,
        "column 'day'",
    ),
    "label too large": (fit(classifier, y=LABELS + 1), DataError, "label 3 in row 2.*0 to 2"),
    "label negative": (fit(classifier, y=LABELS - 1), DataError, "label -1 in row 0"),
    "labels not whole": (fit(classifier, y=LABELS + 0.5), DataError, "whole class labels"),
    "integer labels for one-hot loss": (
        lambda: classifier("categorical_crossentropy").fit(X, LABELS, verbose=0),
        ShapeError,
        "sparse_categorical_crossentropy",
    ),
    "batch of nothing": (fit(regression, batch_size=0), DataError, "got 0"),
    "batch not whole": (fit(regression, batch_size=2.5), DataError, "whole number, got 2.5"),
    "batch size for full batch": (
        lambda: regression(optimizer="gd").fit(X, Y, batch_size=4, verbose=0),
        DataError,
        "'gd' uses all 20 rows",
    ),
    "no epochs": (fit(regression, epochs=0), DataError, "epochs must be >= 1"),
    "epochs a fraction": (fit(regression, epochs=1.5), DataError, "whole number >= 0, got 1.5"),
    "initial epoch behind the last": (
        fit(regression, epochs=3, initial_epoch=5),
        DataError,
        "initial_epoch 5",
    ),
    "validation_split of one": (
        fit(regression, validation_split=1.0),
        DataError,
        "between 0 and 1",
    ),
    "validation_split leaves nothing": (
        fit(regression, validation_split=0.999),
        DataError,
        "leaves 0 for training",
    ),
    "validation_data not a pair": (fit(regression, validation_data=X), DataError, r"\(x, y\)"),
    "validation_data of the wrong shape": (
        fit(regression, validation_data=(X[:, :2], Y)),
        ShapeError,
        r"\(20, 2\)",
    ),
    "weights of the wrong length": (
        fit(regression, sample_weight=np.ones(3)),
        ShapeError,
        r"shape \(20,\), got \(3,\)",
    ),
    "negative weights": (fit(regression, sample_weight=-np.ones(20)), DataError, ">= 0"),
    "all weights zero": (
        fit(regression, sample_weight=np.zeros(20)),
        DataError,
        "all weights are zero",
    ),
    "class_weight for no class": (
        fit(classifier, y=LABELS, class_weight={5: 1.0}),
        DataError,
        r"class 5.*\[0, 1, 2\]",
    ),
    "class_weight without the output": (
        lambda: two_outputs().fit(X, [Y, Y], class_weight={0: 1.0}, verbose=0),
        DataError,
        "output name",
    ),
    "shuffle of an unknown kind": (fit(regression, shuffle="often"), DataError, "with_replacement"),
    "one array for two inputs": (fit(two_inputs), ShapeError, "2 inputs.*'a', 'b'"),
    "a misspelt input": (fit(two_inputs, x={"a": X, "bb": X}), DescendError, "Did you mean 'b'"),
    "an input left out": (fit(two_inputs, x={"a": X}), DataError, "no data for the input 'b'"),
    "inputs of different length": (fit(two_inputs, x=[X, X[:5]]), ShapeError, "different numbers"),
    "one target for two outputs": (fit(two_outputs), ShapeError, "2 outputs"),
    "fit before compile": (
        lambda: Sequential([Input((3,)), Dense(1)]).fit(X, Y),
        NotFittedError,
        "call compile",
    ),
    "predict with a column missing": (
        lambda: regression().predict(X[:, :2]),
        ShapeError,
        r"\(3,\).*\(20, 2\)",
    ),
    "evaluate with NaN": (
        lambda: regression().evaluate(holed(np.nan, (1, 1)), Y),
        DataError,
        "evaluation data",
    ),
    "a metric of the wrong shape": (
        lambda: regression(metrics=[lambda y, p: p[:1, 0]]).fit(X, Y, verbose=0),
        ShapeError,
        "one number a row",
    ),
    "a loss of the wrong shape": (
        lambda: regression(loss=lambda y, p: p[:1, 0]).fit(X, Y, verbose=0),
        ShapeError,
        "one number a row",
    ),
    "a log density of the wrong shape": (
        lambda: regression(loss=losses.NegativeLogLikelihood(lambda y, p: p)).fit(X, Y, verbose=0),
        ShapeError,
        "one number a row",
    ),
    "set_weights of the wrong shape": (
        lambda: regression().set_weights([np.ones((2, 2))] * 4),
        DescendError,
        r"dense/kernel has shape",
    ),
    "set_weights too few": (
        lambda: regression().set_weights([]),
        DescendError,
        "has 4 arrays, got 0",
    ),
}

BUILD = {
    "unknown optimizer": (lambda: regression(optimizer="adamm"), "Did you mean 'adam'"),
    "unknown loss": (lambda: regression(loss="msee"), "Did you mean 'mse'"),
    "no loss": (lambda: regression(loss=None), "compile needs a loss"),
    "unknown metric": (lambda: regression(metrics=["acuracy"]), "Did you mean 'accuracy'"),
    "unknown activation": (lambda: Dense(3, "rellu"), "Did you mean 'relu'"),
    "an activation that is code": (lambda: Activation(np.sin), "could not be saved"),
    "unknown initializer": (
        lambda: Dense(3, kernel_initializer="he_norml"),
        "Did you mean 'he_normal'",
    ),
    "unknown regularizer": (lambda: Dense(3, kernel_regularizer="l3"), "unknown regularizer 'l3'"),
    "negative penalty": (lambda: Dense(3, kernel_regularizer={"l2": -1.0}), ">= 0, got -1.0"),
    "no units": (lambda: Dense(0), "Dense: units must be a whole number >= 1, got 0"),
    "units a fraction": (lambda: Dense(2.5), "whole number >= 1, got 2.5"),
    "dropout of everything": (lambda: Dropout(1.0), r"rate must be in \[0, 1\), got 1.0"),
    "negative drop-connect": (lambda: DropConnect(3, rate=-0.1), r"\[0, 1\), got -0.1"),
    "negative rate": (
        lambda: optimizers.SGD(-0.1),
        "learning_rate must be a finite number > 0, got -0.1",
    ),
    "rate of zero": (lambda: optimizers.Adam(0.0), "learning_rate must be a finite number > 0"),
    "momentum of one": (
        lambda: optimizers.Momentum(0.1, momentum=1.0),
        "momentum must be a finite number",
    ),
    "nesterov without momentum": (lambda: optimizers.SGD(0.1, nesterov=True), "momentum > 0"),
    "decay over no steps": (lambda: schedules.CosineDecay(0.1, decay_steps=0), ">= 1, got 0"),
    "schedule with a negative rate": (
        lambda: schedules.StepDecay(-1.0, 5),
        "must be a finite number >= 0",
    ),
    "input without a shape": (lambda: Input(3), r"tuple such as \(2,\), got 3"),
    "input of size zero": (lambda: Input((0,)), "whole numbers >= 1"),
    "a layer on an array": (lambda: Dense(2)(X), "symbol of an Input"),
    "reshape that does not fit": (
        lambda: Reshape((2, 2))(Input((3,))),
        r"shape \(3,\) \(3 numbers\) to \(2, 2\)",
    ),
    "adding different shapes": (
        lambda: Add()([Input((3,)), Input((4,))]),
        r"one shape, got \(\(3,\), \(4,\)\)",
    ),
    "joining different shapes": (
        lambda: Concatenate()([Input((2, 3)), Input((3, 3))]),
        "agree in every axis but -1",
    ),
    "merging one input": (lambda: Add()(Input((3,))), "two or more inputs"),
    "two layers of one name": (
        lambda: Sequential([Input((3,)), Dense(2, name="a"), Dense(2, name="a")]),
        "two layers are named 'a'",
    ),
    "an output that hangs elsewhere": (
        lambda: Model(Input((3,)), Dense(1)(Input((3,)))),
        "not among the inputs",
    ),
    "outputs that are arrays": (lambda: Model(Input((3,)), X), "symbols"),
    "sequential of no layers": (lambda: Sequential().build((None, 3)), "has no layers: add"),
    "sequential of numbers": (lambda: Sequential([3]), "made of layers and networks, got int"),
    "huber of zero": (lambda: losses.Huber(0.0), "delta must be a finite number > 0, got 0.0"),
    "density missing": (lambda: losses.NegativeLogLikelihood(), "log_density"),
    "loss for an unknown output": (
        lambda: regression(loss={"out": "mse"}),
        "unknown output in loss",
    ),
}


@pytest.mark.parametrize("case", FIT)
def test_using(case):
    call, kind, message = FIT[case]
    with pytest.raises(kind, match=f"(?s){message}"):
        call()


@pytest.mark.parametrize("case", BUILD)
def test_building(case):
    call, message = BUILD[case]
    with pytest.raises(DescendError, match=f"(?s){message}"):
        call()


def test_bad_data_leave_the_model_as_it_was():
    model = regression()
    before = model.get_weights()
    with pytest.raises(DescendError):
        model.fit(X, Y[:7], verbose=0)
    assert model.history is None
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_sorted_tail_is_warned_about_and_a_random_one_is_not():
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    model = Sequential([Input((4,)), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(UnlikeTailWarning, match="last 30 rows.*Are the rows sorted"):
        model.fit(x, y, validation_split=0.2, verbose=0)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(150)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(x[order], y[order], validation_split=0.2, verbose=0)


def test_independent_rows_are_rarely_called_unlike():
    """Rare dummies, many columns, long tails: below one table in a thousand, whatever they hold."""
    from descend.train.model.rows import Rows, UnlikeTailWarning, split_tail

    def alarms(draw):
        found = 0
        for seed in range(60):
            x = draw(np.random.default_rng(seed))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                split_tail(Rows((x,), (x[:, :1],), None), 0.2)
            found += any(w.category is UnlikeTailWarning for w in caught)
        return found

    def pixels(g):  # of which most are rarely other than zero, as in MNIST
        return np.where(g.random((2000, 200)) < g.random(200) ** 6 / 9, g.random((2000, 200)), 0.0)

    assert alarms(lambda g: (g.random((500, 100)) < 0.004).astype(float)) <= 1
    assert alarms(lambda g: g.lognormal(0, 2, (500, 20))) <= 1
    assert alarms(pixels) <= 1
    assert alarms(lambda g: np.sort(g.lognormal(0, 2, (100, 1)), axis=0)) == 60
    assert alarms(lambda g: g.normal(size=(500, 3)) + 0.8 * (np.arange(500)[:, None] >= 400)) == 60


def test_the_split_is_keras_s():
    """floor(n (1 - f)) rows from the front: 108 of 120 at f = .1, as in the iris listing."""
    from descend.train.model.rows import Rows, split_tail

    for n, f, kept in ((120, 0.1, 108), (10, 0.25, 7), (99, 0.5, 49), (3, 0.34, 1)):
        x = np.arange(n, dtype=float)[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # counting up is as unlike as it gets
            head, tail = split_tail(Rows((x,), (x,), None), f)
        assert head.x[0][:, 0].tolist() == list(range(kept))
        assert tail.x[0][:, 0].tolist() == list(range(kept, n))


def test_frames_and_series_are_taken():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model, other = regression(), regression()
    model.fit(frame, pd.Series(Y[:, 0]), verbose=0)
    other.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.predict(frame), other.predict(X))


def test_flatten_of_a_flat_input_is_itself():
    assert Flatten()(Input((3,))).shape == (3,)
