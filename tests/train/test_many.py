"""Many runs as one program: each member equals the same run alone."""

from __future__ import annotations

import numpy as np
import pytest

from descend import Dense, Dropout, Input, Sequential, cross_validate, ensemble, sweep
from descend.errors import DataError, DescendError
from descend.train.engine import Steps
from descend.train.many import train_task
from descend.train.many.arguments import folds_of


def data(n=66, features=3):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n, features)).astype(np.float32)
    return x, np.sin(x[:, :2]).astype(np.float32)


def network(width=16, depth=1, rule="sgd", rate=0.1, l2=0.01, learning_rate=0.05):
    hidden = [Dense(width, "tanh", kernel_regularizer={"l2": l2}) for _ in range(depth)]
    model = Sequential([Input((3,)), *hidden, Dropout(rate), Dense(2)])
    model.compile({"name": rule, "learning_rate": learning_rate}, "mse")
    return model


# Over 20 epochs of 9 updates the batched program may round differently from the single one; the
# issue's bound is 1e-5. The runs are smooth (tanh, small rates), so rounding is not amplified.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_alone_equals_inside_a_sweep_of_eight(rule):
    x, y = data()
    grid = {"learning_rate": [0.01, 0.03, 0.05, 0.1], "seed": [1, 7]}
    many = sweep(network(rule=rule), grid, x, y, batch_size=8, epochs=20)
    assert len(many) == 8
    assert many.groups == 1
    for member in many:
        rate, seed = member.settings["learning_rate"], member.settings["seed"]
        alone = network(rule=rule, learning_rate=rate)
        history = alone.fit(x, y, batch_size=8, epochs=20, verbose=0, seed=seed)
        np.testing.assert_allclose(member.history.history["loss"], history.history["loss"], **CLOSE)
        np.testing.assert_allclose(member.model.predict(x), alone.predict(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "values"), [("rate", [0.0, 0.3, 0.6]), ("l2", [0.0, 0.01, 0.5])])
def test_layer_numbers_are_swept(name, values):
    x, y = data()
    many = sweep(network(), {name: values}, x, y, batch_size=11, epochs=10)
    costs = []
    for member, value in zip(many, values, strict=True):
        alone = network(**{name: value})
        history = alone.fit(x, y, batch_size=11, epochs=10, verbose=0)
        np.testing.assert_allclose(member.history.history["loss"], history.history["loss"], **CLOSE)
        costs.append(member.final("loss"))
        assert member.model.numbers() == pytest.approx(alone.numbers())  # a refit goes on alike
    assert len({round(c, 5) for c in costs}) == 3


def test_batch_order_alone():
    x, y = data()
    many = sweep(network(rate=0.0), {"order_seed": [0, 1]}, x, y, batch_size=11, epochs=1)
    assert many[0].final("loss") != many[1].final("loss")
    same = sweep(network(rate=0.0), {"order_seed": [4, 4]}, x, y, batch_size=11, epochs=1)
    assert same[0].final("loss") == same[1].final("loss")


def test_widths_and_depths_make_groups():
    x, y = data()
    grid = {"width": [4, 8], "depth": [1, 2], "learning_rate": [0.01, 0.1]}
    many = sweep(network, grid, x, y, batch_size=11, epochs=3)
    assert len(many) == 8
    # the rate is an argument of the function here, so every setting is structural
    assert many.groups == 8
    assert [m.settings["width"] for m in many] == [4] * 4 + [8] * 4

    def build(width, depth):
        return network(width, depth)

    many = sweep(build, grid, x, y, batch_size=11, epochs=3)
    assert many.groups == 4
    alone = network(8, 2, learning_rate=0.1)
    history = alone.fit(x, y, batch_size=11, epochs=3, verbose=0)
    np.testing.assert_allclose(many[7].history.history["loss"], history.history["loss"], **CLOSE)


def test_a_diverging_member_is_frozen_and_the_others_go_on():
    x, y = data()
    linear = Sequential([Input((3,)), Dense(8), Dense(2)])
    linear.compile("sgd", "mse")
    many = sweep(linear, {"learning_rate": [0.01, 1e3, 0.02]}, x, y, batch_size=11, epochs=30)
    assert [m.diverged_in is not None for m in many] == [False, True, False]
    assert len(many[1].history) < len(many[0].history) == 30
    assert all(np.isfinite(w).all() for w in many[1].model.get_weights())
    assert np.isnan(many[1].final("loss"))
    assert many.best().settings["learning_rate"] in (0.01, 0.02)
    alone = Sequential([Input((3,)), Dense(8), Dense(2)])
    alone.compile({"name": "sgd", "learning_rate": 0.02}, "mse")
    history = alone.fit(x, y, batch_size=11, epochs=30, verbose=0)
    np.testing.assert_allclose(many[2].history.history["loss"], history.history["loss"], **CLOSE)
    with pytest.raises(DescendError, match="every member diverged"):
        sweep(linear, {"learning_rate": [1e4, 1e5]}, x, y, epochs=30).best()


def test_ensemble_mean_and_spread():
    x, y = data()
    five = ensemble(network(), x, y, members=5, batch_size=11, epochs=5)
    each = np.stack([m.model.predict(x) for m in five])
    np.testing.assert_array_equal(five.predict(x), each.mean(axis=0))
    np.testing.assert_array_equal(five.spread(x), each.std(axis=0))
    assert (each.std(axis=0) > 0).all()
    assert [m.settings["seed"] for m in five] == [0, 1, 2, 3, 4]
    # Jensen: the mean's squared error is at most the mean squared error, exactly so in arithmetic
    assert ((five.predict(x) - y) ** 2).mean() < ((each - y) ** 2).mean()


@pytest.mark.parametrize("n", [66, 81])  # 81 rows in 5 folds, batch 8: 8 or 9 batches of 64 or 65
def test_cross_validation_equals_folds_trained_alone(n):
    from sklearn.model_selection import KFold

    x, y = data(n)
    model = network("ignored" and 16, rule="momentum", rate=0.0)
    many = cross_validate(model, x, y, folds=5, batch_size=8, epochs=6, seed=3)
    assert len(many) == 5
    for member, (train, held) in zip(
        many, KFold(5, shuffle=True, random_state=3).split(x), strict=True
    ):
        alone = network(16, rule="momentum", rate=0.0)
        history = alone.fit(
            x[train], y[train], batch_size=8, epochs=6, verbose=0, seed=3,
            validation_data=(x[held], y[held]),
        ).history  # fmt: skip
        np.testing.assert_allclose(member.history.history["loss"], history["loss"], **CLOSE)
        np.testing.assert_allclose(member.history.history["val_loss"], history["val_loss"], **CLOSE)


def test_stratified_and_given_folds():
    x, _ = data(60)
    labels = np.arange(60) % 3
    model = Sequential([Input((3,)), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    many = cross_validate(model, x, labels, folds=4, stratify=labels, epochs=2)
    assert set(many[0].history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    given = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    assert len(cross_validate(model, x, labels, folds=given, epochs=1)) == 2


def test_the_table_of_a_sweep():
    x, y = data()
    frame = sweep(network(), {"learning_rate": [0.01, 0.1]}, x, y, validation_split=0.2).to_frame()
    assert list(frame.columns) == [
        "learning_rate", "loss", "val_loss", "epochs", "diverged_in",
    ]  # fmt: skip
    assert len(frame) == 2


def test_the_model_handed_in_stays_as_it_is():
    x, y = data()
    model = network()
    before = [w.copy() for w in model.get_weights()]
    sweep(model, {"seed": [1, 2]}, x, y, epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, "grid is empty"),
        ({"learning_rate": []}, "no values for 'learning_rate'"),
        ({"learning_rat": [0.1]}, "Did you mean 'learning_rate'"),
        ({"momentum": [0.1]}, "unknown setting to sweep 'momentum'"),
        ({"learning_rate": [0.1, -1]}, "learning_rate must be a finite number > 0, got -1"),
        ({"learning_rate": [np.nan]}, "learning_rate must be a finite number > 0, got nan"),
        ({"rate": [0.1, 1.0]}, r"rate must be in \[0, 1\), got 1.0"),
        ({"l2": [-1.0]}, "l2 must be a finite number >= 0, got -1.0"),
        ({"learning_rate": ["fast"]}, "setting 'learning_rate' must be a number, got 'fast'"),
        ({"seed": 3}, "a list of values for 'seed', got 3"),
        (3, "a dict .* or a list of settings .*got 3"),
        ([3], "a dict .* or a list of settings"),
        ({"seed": [-1]}, "seed must be a whole number >= 0, got -1"),
        ([], "grid is empty"),
    ],
)
def test_bad_grids(grid, message):
    x, y = data()
    with pytest.raises(DescendError, match=message):
        sweep(network(), grid, x, y)


def test_other_bad_input():
    x, y = data()
    with pytest.raises(DataError, match="folds must be between 2 and the 66 rows"):
        cross_validate(network(), x, y, folds=1)
    with pytest.raises(DataError, match="members must be a whole number"):
        ensemble(network(), x, y, members=0)
    with pytest.raises(DescendError, match="returned NoneType, not a Model"):
        sweep(lambda width: None, {"width": [1]}, x, y)
    with pytest.raises(DescendError, match="compiled Model or a function"):
        sweep(3, {"seed": [1]}, x, y)
    with pytest.raises(DescendError, match="settings {'width': 1}.*'depth'"):
        sweep(lambda width, depth: network(), {"width": [1]}, x, y)
    for many in (ensemble, cross_validate):
        with pytest.raises(DescendError, match=f"{many.__name__} needs a compiled Model, got 3"):
            many(3, x, y)
        with pytest.raises(DataError, match="seed must be a whole number >= 0, got 'a'"):
            many(network(), x, y, 2, seed="a")
    with pytest.raises(DescendError, match="argument of ensemble 'epoch'. Did you mean 'epochs'"):
        ensemble(network(), x, y, epoch=3)
    with pytest.raises(DescendError, match="training takes a Task.*got 3"):
        train_task(3, {"seed": [1]}, Steps(1), epochs=1)
    with pytest.raises(DescendError, match="training takes a Feed.*got 3"):
        train_task(network().task, {"seed": [1]}, 3, epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 2.5}, "a whole number, or a list of pairs"),
        ({"folds": []}, "no pair"),
        ({"folds": [1, 2]}, "fold 0 must be a pair"),
        ({"folds": [([], [1])]}, "training rows of fold 0 must be whole numbers from 0 to 65"),
        ({"folds": [([0, 1], [66])]}, "held-out rows of fold 0 must be whole numbers from 0 to 65"),
        ({"folds": [([0, -1], [1])]}, "training rows of fold 0 .*got \\[0, -1\\]"),
        ({"folds": 2, "stratify": [0, 1]}, "stratify must hold a label a row"),
        ({"folds": 3, "stratify": np.arange(66)}, "labels cannot be spread over 3 folds"),
        ({"folds": 3, "seed": [1, 2]}, "2 seeds for 3 folds"),
    ],
)
def test_bad_folds(options, message):
    """Rows that are not there would be read as others: JAX's indices are cut to the array."""
    x, y = data()
    with pytest.raises(DataError, match=message):
        cross_validate(network(), x, y, **options)


def test_folds_may_be_marked():
    marks = np.arange(6) < 4
    ((training, held_out),) = folds_of([(marks, ~marks)], 6, None, 0)
    assert training.tolist() == [0, 1, 2, 3]
    assert held_out.tolist() == [4, 5]
