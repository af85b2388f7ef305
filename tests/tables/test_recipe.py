"""From a table to a tested network: nothing leaks, the scores are scikit-learn's."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from descend.data.sources import Table, load
from descend.errors import CheckpointError, DataError, DescendError
from descend.nn.layers import Dense
from descend.nn.symbols import Input
from descend.tables.options import FitOptions
from descend.tables.predictor import TablePredictor
from descend.tables.prepare import prepare_table
from descend.tables.recipe import batch_size, fit_prepared, fit_table, network
from descend.train.model import Sequential

QUICK = FitOptions(epochs=5, hidden=(8,))


def houses(n=120, seed=0):
    """Numbers, text, truth values, gaps, an identifier, dates; and a price made of them."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(30, 200, n)
    town = rng.choice(["Ulm", "Bonn", "Kiel"], n)
    garden = rng.random(n) < 0.4
    price = 2000 * size + 50_000 * (town == "Bonn") + 30_000 * garden + rng.normal(0, 9000, n)
    frame = pd.DataFrame(
        {
            "id": [f"h{i}" for i in range(n)],
            "size": np.where(rng.random(n) < 0.1, np.nan, size),
            "town": town,
            "garden": garden,
            "sold": pd.date_range("2020-01-01", periods=n),
            "country": "D",
            "price": price,
        }
    )
    return Table("houses", "houses.csv", frame, None, "made up", "0")


@pytest.fixture(scope="module")
def iris():
    return fit_table(load("iris"), FitOptions(epochs=30))


@pytest.fixture(scope="module")
def priced():
    return fit_table(houses(), dataclasses.replace(QUICK, target="price"))


def test_a_table_of_all_kinds_is_prepared(priced):
    prepared = priced.prepared
    assert set(prepared.encoder.dropped) == {"id", "sold", "country"}
    assert prepared.x.shape == (120, 1 + 1 + 3 + 1)
    assert prepared.target.task == "regression"
    assert [len(p) for p in (prepared.split.train, prepared.split.test)] == [72, 24]


def test_test_rows_change_neither_encoder_nor_weights(priced):
    table = houses()
    wild = table.frame.copy()
    split = priced.prepared.split
    for part in (split.test,):
        wild.loc[part, "size"] = 1e6
        wild.loc[part, "town"] = "Atlantis"
        wild.loc[part, "price"] *= -1000.0
        wild.loc[part, "garden"] = True
    other = fit_table(
        dataclasses.replace(table, frame=wild), dataclasses.replace(QUICK, target="price")
    )
    assert np.array_equal(other.prepared.split.test, split.test)
    assert other.prepared.encoder == priced.prepared.encoder
    assert other.prepared.target == priced.prepared.target
    for a, b in zip(priced.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.scores.rmse > 100 * priced.scores.rmse


def test_validation_rows_do_not_reach_the_encoder(priced):
    wild = houses().frame
    wild.loc[priced.prepared.split.validation, "size"] *= 50.0
    found = prepare_table(
        dataclasses.replace(houses(), frame=wild), dataclasses.replace(QUICK, target="price")
    )
    assert found.encoder == priced.prepared.encoder


def test_the_target_is_no_input(iris):
    assert "species" not in [c.name for c in iris.prepared.encoder.columns]


def test_the_same_seed_gives_the_same_network(iris):
    again = fit_table(load("iris"), FitOptions(epochs=30))
    assert again.scores == iris.scores
    assert again.model.history.history == iris.model.history.history
    other = prepare_table(load("iris"), FitOptions(seed=1))
    assert not np.array_equal(other.split.test, iris.prepared.split.test)


def test_classification_scores_are_those_of_scikit_learn(iris):
    prepared, scores = iris.prepared, iris.scores
    test = prepared.split.test
    y = prepared.y[test]
    p = np.asarray(iris.model.predict(prepared.x[test]), np.float64)
    p /= p.sum(axis=1, keepdims=True)
    assert scores.accuracy == metrics.accuracy_score(y, p.argmax(axis=1))
    assert scores.log_loss == pytest.approx(metrics.log_loss(y, p))
    assert np.array_equal(scores.confusion, metrics.confusion_matrix(y, p.argmax(axis=1)))
    assert scores.recall == tuple(metrics.recall_score(y, p.argmax(axis=1), average=None))
    assert scores.baseline_accuracy == pytest.approx(1 / 3)
    assert scores.baseline_log_loss == pytest.approx(np.log(3))


def test_regression_scores_are_in_the_units_of_the_target(priced):
    prepared, scores = priced.prepared, priced.scores
    test, train = prepared.split.test, prepared.split.train
    y = houses().frame["price"].to_numpy()
    predicted = priced.model.predict(prepared.x[test])[:, 0] * y[train].std() + y[train].mean()
    assert scores.rmse == pytest.approx(np.sqrt(np.mean((predicted - y[test]) ** 2)), rel=1e-5)
    assert scores.mae == pytest.approx(np.abs(predicted - y[test]).mean(), rel=1e-5)
    assert scores.r2 == pytest.approx(metrics.r2_score(y[test], predicted), rel=1e-4)
    deviations = y[test] - y[train].mean()
    assert scores.baseline_rmse == pytest.approx(np.sqrt(np.mean(deviations**2)))


def test_the_weights_are_those_of_the_best_epoch(iris):
    history = iris.model.history.history["val_loss"]
    assert iris.best_epoch == int(np.argmin(history)) + 1
    prepared = iris.prepared
    rows = prepared.split.validation
    found = iris.model.evaluate(prepared.x[rows], prepared.y[rows], verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(min(history), rel=1e-5)


def test_a_saved_network_predicts_what_the_one_in_memory_does(iris, tmp_path):
    path = tmp_path / "iris.descend"
    iris.save(path)
    frame = load("iris").frame.sample(frac=1, random_state=0)
    found, noted = TablePredictor.load(path).predict(frame.drop(columns="species"))
    x, _ = iris.prepared.encoder.transform(frame)
    expected = iris.model.predict(x)
    np.testing.assert_allclose(found.filter(like="p_").to_numpy(), expected, rtol=1e-5, atol=1e-7)
    names = np.array(iris.prepared.target.classes)
    assert found["predicted_species"].tolist() == names[expected.argmax(axis=1)].tolist()
    assert list(found.index) == list(frame.index)
    assert noted == {}


def test_what_is_saved_says_where_it_comes_from(priced, tmp_path):
    priced.save(tmp_path / "a.descend")
    described = TablePredictor.load(tmp_path / "a.descend").described
    assert described["test"] == priced.scores.to_json()
    assert described["data"]["rows"] == 120
    assert described["options"]["epochs"] == 5
    assert set(described["versions"]) >= {"descend", "jax", "python"}


def test_rows_without_a_target_are_left_out():
    table = houses()
    table.frame.loc[:9, "price"] = np.nan
    prepared = prepare_table(table, FitOptions(target="price"))
    assert prepared.without_target == 10
    assert len(prepared.x) == len(prepared.y) == 110
    assert np.array_equal(prepared.y, table.frame["price"][10:])


def test_the_last_column_is_the_target_of_a_file():
    prepared = prepare_table(houses(), FitOptions())
    assert prepared.target.name == "price"
    assert "last column" in prepared.target_note


def test_options_reach_the_network():
    prepared = prepare_table(
        load("iris"), FitOptions(hidden=(5, 4), dropout=0.5, l2=0.1, learning_rate=0.3)
    )
    model = network(prepared)
    assert [type(layer).__name__ for layer in model.layers.values()] == [
        "Dense",
        "Dropout",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert model.optimizer.learning_rate == 0.3
    assert model.layers["dense"].kernel_regularizer.l2 == 0.1
    linear = network(prepare_table(load("iris"), FitOptions(hidden=())))
    assert linear.parameter_counts() == {"dense": 15}


def test_full_batch_rules_take_all_rows():
    options = FitOptions(optimizer="lbfgs", epochs=3, hidden=())
    prepared = prepare_table(load("iris"), options)
    assert batch_size(prepared, network(prepared)) is None
    assert fit_prepared(prepared).scores.accuracy > 0.5


@pytest.mark.parametrize(("n", "expected"), [(30, 8), (150, 8), (2000, 16), (50_000, 256)])
def test_the_batch_is_a_power_of_two_by_the_number_of_rows(n, expected):
    frame = pd.DataFrame({"a": np.arange(n) ** 0.5, "y": np.arange(n) / 3})
    prepared = prepare_table(Table("t", "t", frame, "y", "", ""), FitOptions())
    assert batch_size(prepared, network(prepared)) == expected


def test_a_model_without_a_table_cannot_predict_one(tmp_path):
    Sequential([Input((2,)), Dense(1)]).save(tmp_path / "plain.descend")
    with pytest.raises(CheckpointError, match="without a table's encoder"):
        TablePredictor.load(tmp_path / "plain.descend")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"task": "clustering"}, "unknown task"),
        ({"epochs": 0}, "epochs must be"),
        ({"patience": 0}, "patience must be"),
        ({"hidden": (4, 0)}, "hidden"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"dropout": 1.0}, "dropout"),
        ({"l2": -1.0}, "l2"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch size"),
    ],
)
def test_options_out_of_range(option, message):
    with pytest.raises(DescendError, match=message):
        FitOptions(**option)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "prize"}, "Did you mean 'price'"),
        ({"drop": ("towns",)}, "Did you mean 'town'"),
        ({"drop": ("price",)}, "both dropped and the target"),
        ({"drop": ("size", "town", "garden")}, "no column is left"),
        ({"target": "country"}, "constant"),
    ],
)
def test_columns_that_cannot_be(options, message):
    with pytest.raises(DataError, match=message):
        prepare_table(houses(), FitOptions(**options))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("name", "least"), [("iris", 0.85), ("wine", 0.88), ("breast_cancer", 0.9), ("digits", 0.92)]
)
def test_classifiers_reach_what_they_should(name, least, seed):
    scores = fit_table(load(name), FitOptions(seed=seed)).scores
    assert scores.accuracy > least
    assert scores.log_loss < scores.baseline_log_loss / 2


@pytest.mark.parametrize("seed", [1, 2])
def test_the_diabetes_regression_beats_the_mean(seed):
    scores = fit_table(load("diabetes"), FitOptions(seed=seed)).scores
    assert 0.2 < scores.r2 < 0.7
    assert scores.rmse < scores.baseline_rmse
