"""From a table to a tested network: nothing leaks, the scores are scikit-learn's."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from descend.data.sources import load
from descend.data.table import Table
from descend.errors import CheckpointError, DataError, DescendError
from descend.nn.layers import Dense
from descend.nn.symbols import Input
from descend.tables.network import batch_size, compile_for
from descend.tables.options import FitOptions
from descend.tables.predictor import TablePredictor
from descend.tables.prepare import prepare_table
from descend.tables.recipe import fit_table, open_test, untrained
from descend.tables.seal import read_seal
from descend.train.model.sequential import Sequential

QUICK = FitOptions(recipe="mlp", epochs=5, hidden=(8,))


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
    return fit_table(load("iris"), FitOptions(recipe="mlp", epochs=30))


@pytest.fixture(scope="module")
def priced():
    return fit_table(houses(), dataclasses.replace(QUICK, target="price"))


def test_a_table_of_all_kinds_is_prepared(priced):
    prepared = priced.prepared
    assert set(prepared.encoder.dropped) == {"id", "country"}
    # size, whether it is missing, towns, garden; of the date: years, month and weekday as waves
    assert prepared.x.numbers.shape == (120, 1 + 1 + 3 + 1 + 1 + 2 + 2)
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
    assert other.scores.figures["RMSE"] > 100 * priced.scores.figures["RMSE"]


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
    again = fit_table(load("iris"), FitOptions(recipe="mlp", epochs=30))
    assert again.scores == iris.scores
    assert again.model.history.history == iris.model.history.history
    other = prepare_table(load("iris"), FitOptions(seed=1))
    assert not np.array_equal(other.split.test, iris.prepared.split.test)


def test_classification_scores_are_those_of_scikit_learn(iris):
    prepared, scores = iris.prepared, iris.scores
    test = prepared.split.test
    y = prepared.y[test]
    p = np.asarray(iris.model.predict(prepared.x.rows(test).inputs()), np.float64)
    p /= p.sum(axis=1, keepdims=True)
    assert scores.figures["accuracy"] == metrics.accuracy_score(y, p.argmax(axis=1))
    assert scores.figures["log-loss"] == pytest.approx(metrics.log_loss(y, p))
    assert np.array_equal(scores.confusion, metrics.confusion_matrix(y, p.argmax(axis=1)))
    assert scores.recall == tuple(metrics.recall_score(y, p.argmax(axis=1), average=None))
    assert scores.baseline["accuracy"] == pytest.approx(1 / 3)
    assert scores.baseline["log-loss"] == pytest.approx(np.log(3))


def test_regression_scores_are_in_the_units_of_the_target(priced):
    prepared, scores = priced.prepared, priced.scores
    test, train = prepared.split.test, prepared.split.train
    y = houses().frame["price"].to_numpy()
    output = priced.model.predict(prepared.x.rows(test).inputs())[:, 0]
    predicted = output * y[train].std() + y[train].mean()
    predicted = np.clip(predicted, y[train].min(), y[train].max())  # never beyond what it saw
    assert scores.figures["RMSE"] == pytest.approx(
        np.sqrt(np.mean((predicted - y[test]) ** 2)), rel=1e-5
    )
    assert scores.figures["MAE"] == pytest.approx(np.abs(predicted - y[test]).mean(), rel=1e-5)
    assert scores.figures["R2"] == pytest.approx(metrics.r2_score(y[test], predicted), rel=1e-4)
    deviations = y[test] - y[train].mean()
    assert scores.baseline["RMSE"] == pytest.approx(np.sqrt(np.mean(deviations**2)))


def test_the_weights_are_those_of_the_best_epoch(iris):
    history = iris.model.history.history["val_loss"]
    assert iris.trained.best_epoch == int(np.argmin(history)) + 1
    prepared = iris.prepared
    rows = prepared.split.validation
    found = iris.model.evaluate(
        prepared.x.rows(rows).inputs(), prepared.y[rows], verbose=0, return_dict=True
    )
    assert found["loss"] == pytest.approx(min(history), rel=1e-5)


def test_a_saved_network_predicts_what_the_one_in_memory_does(iris, tmp_path):
    path = tmp_path / "iris.descend"
    iris.save(path)
    frame = load("iris").frame.sample(frac=1, random_state=0)
    found, noted = TablePredictor.load(path).predict(frame.drop(columns="species"))
    x, _ = iris.prepared.encoder.transform(frame)
    expected = iris.model.predict(x.inputs())
    np.testing.assert_allclose(found.filter(like="p_").to_numpy(), expected, rtol=1e-5, atol=1e-7)
    names = np.array(iris.prepared.target.classes)
    assert found["predicted_species"].tolist() == names[expected.argmax(axis=1)].tolist()
    assert list(found.index) == list(frame.index)
    assert noted == {}


def test_what_is_saved_says_where_it_comes_from(priced, tmp_path):
    priced.save(tmp_path / "a.descend")
    described = TablePredictor.load(tmp_path / "a.descend").described
    assert described["test"] == json.loads(json.dumps(priced.scores.to_json()))
    assert described["data"]["rows"] == 120
    assert described["options"]["epochs"] == 5
    assert set(described["versions"]) >= {"descend", "jax", "python"}


def test_rows_without_a_target_are_left_out():
    table = houses()
    table.frame.loc[:9, "price"] = np.nan
    prepared = prepare_table(table, FitOptions(target="price"))
    assert prepared.without_target == 10
    assert len(prepared.x.numbers) == len(prepared.y) == 110
    assert np.array_equal(prepared.y, table.frame["price"][10:])


def test_the_last_column_is_the_target_of_a_file():
    prepared = prepare_table(houses(), FitOptions())
    assert prepared.target.name == "price"
    assert "last column" in prepared.target_note


def layers_of(model):
    return [type(layer).__name__ for layer in model.layers.values()]


def test_options_reach_the_network():
    options = FitOptions(recipe="mlp", hidden=(5, 4), dropout=0.5, l2=0.1, learning_rate=0.3)
    fitted = fit_table(load("iris"), dataclasses.replace(options, epochs=1))
    model = fitted.model
    assert layers_of(model) == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert model.optimizer.learning_rate == 0.3
    assert model.layers["dense"].kernel_regularizer.l2 == 0.1
    linear = untrained(prepare_table(load("iris"), FitOptions(recipe="mlp", hidden=())))
    assert linear.parameter_counts() == {"dense": 15}


def test_the_recipe_of_realmlp():
    """Waves, scales, members, three layers with dropout, heads that start at zero; 12 towns are
    embedded.
    """
    rng = np.random.default_rng(0)
    town = rng.choice([f"t{i}" for i in range(12)], 200)
    frame = pd.DataFrame({"x": rng.normal(size=200), "town": town, "y": rng.normal(size=200)})
    table = Table("t", "t", frame, "y", "", "")
    prepared = prepare_table(table, FitOptions())
    model = untrained(prepared)
    compile_for(model, prepared.target.head, prepared.options, len(prepared.split.train))
    assert layers_of(model) == [
        "PeriodicFeatures",
        "CategoryEmbedding",
        "Concatenate",
        "FeatureScale",
        "Members",
        *["NTKDense", "Dropout"] * 3,
        "MemberDense",
    ]
    assert not model.get_weights()[-1].any()
    assert (model.optimizer.beta_2, model.optimizer.weight_decay) == (0.95, 0.02)
    one = FitOptions(members=1, periodic=False, dropout=0.0, hidden=(8,))
    found = layers_of(untrained(prepare_table(table, one)))
    assert found[0] == "CategoryEmbedding"
    assert found[-2:] == ["NTKDense", "NTKDense"]


def test_waves_are_made_of_numbers_that_may_take_any_value():
    rng = np.random.default_rng(0)
    lost = np.where(np.arange(40) % 7, rng.normal(size=40), np.nan)
    frame = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b", "c"], 40),
            "lost": lost,
            "yes": rng.choice([True, False], 40),
            "when": pd.date_range("2020-01-01", periods=40, freq="9D"),
            "y": rng.normal(size=40),
        }
    )
    prepared = prepare_table(Table("t", "t", frame, "y", "", ""), FitOptions())
    names, places = prepared.encoder.names(), prepared.encoder.continuous()
    assert [names[i] for i in places] == ["lost", "when years"]
    assert untrained(prepared).layers["periodic_features"].features == places
    none = frame[["kind", "yes", "y"]]
    without = prepare_table(Table("t", "t", none, "y", "", ""), FitOptions())
    assert "PeriodicFeatures" not in layers_of(untrained(without))


def test_full_batch_rules_take_all_rows():
    options = FitOptions(recipe="mlp", optimizer="lbfgs", epochs=3, hidden=())
    assert batch_size(100, options) is None
    assert fit_table(load("iris"), options).scores.figures["accuracy"] > 0.5


@pytest.mark.parametrize(("n", "expected"), [(18, 8), (90, 8), (1200, 16), (30_000, 256)])
def test_the_batch_of_the_mlp_is_a_power_of_two_by_the_number_of_rows(n, expected):
    assert batch_size(n, FitOptions(recipe="mlp")) == expected
    assert batch_size(n, FitOptions()) == min(n, 256)


def test_weights_groups_and_time_are_no_inputs_but_the_time():
    table = houses()
    rng = np.random.default_rng(1)
    table.frame.insert(0, "weight", rng.uniform(0, 2, 120))
    table.frame.insert(0, "street", rng.integers(0, 30, 120))
    options = dataclasses.replace(QUICK, weight="weight", group="street")
    prepared = prepare_table(table, options)
    assert not {"weight", "street"} & {c.name for c in prepared.encoder.columns}
    parts = [set(prepared.groups.iloc[p]) for p in (prepared.split.train, prepared.split.test)]
    assert not parts[0] & parts[1]
    np.testing.assert_array_equal(prepared.weight, table.frame["weight"])
    by_time = prepare_table(table, dataclasses.replace(QUICK, time="sold"))
    assert by_time.split.test.tolist() == list(range(96, 120))
    assert "sold" in [c.name for c in by_time.encoder.columns]


def test_a_weight_of_zero_takes_a_row_out_of_training():
    table, wild = houses(), houses()
    options = dataclasses.replace(QUICK, weight="w", task="regression")
    split = prepare_table(houses(), QUICK).split
    for one in (table, wild):
        one.frame.insert(0, "w", 1.0)
        one.frame.loc[split.train[:20], "w"] = 0.0
    wild.frame.loc[split.train[:20], "price"] = 10.0  # not beyond what others have: see the clip
    found = [fit_table(one, options) for one in (table, wild)]
    for a, b in zip(*(f.model.get_weights() for f in found), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_test_table_of_its_own():
    table, other = houses(), houses(40, seed=5)
    fitted = fit_table(table, QUICK, test=other)
    split = fitted.prepared.split
    assert (len(split.train), len(split.validation), len(split.test)) == (96, 24, 40)
    found, _ = fitted.predictor.predict(other.frame)
    rmse = metrics.root_mean_squared_error(other.frame["price"], found["predicted_price"])
    assert fitted.scores.figures["RMSE"] == pytest.approx(rmse, rel=1e-6)
    with pytest.raises(DataError, match="has no column 'size'"):
        fit_table(
            table, QUICK, test=dataclasses.replace(other, frame=other.frame.drop(columns="size"))
        )


def test_the_seal_holds_the_opening(tmp_path):
    fitted = fit_table(houses(), QUICK)
    fitted.save(tmp_path / "a.descend")
    seal = read_seal(tmp_path / "a.descend")
    assert len(seal.openings) == 1
    assert seal.openings[0].figures["RMSE"] == fitted.scores.figures["RMSE"]
    assert seal.rows == 24
    sealed = fit_table(houses(), dataclasses.replace(QUICK, sealed=True))
    sealed.save(tmp_path / "b.descend")
    assert sealed.scores is None
    assert read_seal(tmp_path / "b.descend") == dataclasses.replace(seal, openings=())
    assert open_test(sealed).scores == fitted.scores


@pytest.mark.parametrize(
    ("task", "low", "high"),
    [("count", 0, np.inf), ("share", 0, 1), ("quantile", -np.inf, np.inf), ("censored", 0, np.inf)],
)
def test_other_tasks_from_table_to_file(task, low, high, tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    mean = np.exp(0.5 * x[:, 0])
    y = {
        "count": rng.poisson(mean),
        "share": rng.beta(mean, 1),
        "quantile": x[:, 0] + rng.normal(size=400),
        "censored": np.maximum(x[:, 0] + 0.3 * rng.normal(size=400), 0),
    }[task]
    table = Table("t", "t", pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}), "y", "", "")
    fitted = fit_table(table, FitOptions(recipe="mlp", hidden=(16,), epochs=60, task=task))
    for name, value in fitted.scores.figures.items():
        if name in ("deviance", "cross-entropy", "pinball", "RMSE"):
            assert value < 0.98 * fitted.scores.baseline[name], name
    fitted.save(tmp_path / "t.descend")
    found, _ = TablePredictor.load(tmp_path / "t.descend").predict(table.frame)
    assert found.shape == (400, 3 if task == "quantile" else 1)
    assert ((found >= low) & (found <= high)).all(axis=None)
    np.testing.assert_allclose(found, fitted.predictor.predict(table.frame)[0], rtol=1e-5)


def test_several_targets():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    frame["u"], frame["v"] = 100 * frame["a"], frame["a"] - 0.01 * frame["b"]
    table = Table("t", "t", frame, None, "", "")
    options = FitOptions(recipe="mlp", target=("u", "v"), epochs=80)
    fitted = fit_table(table, options)
    assert fitted.scores.figures["R2"] > 0.95
    found, _ = fitted.predictor.predict(frame)
    assert list(found) == ["predicted_u", "predicted_v"]


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
        ({"recipe": "magic"}, "unknown recipe"),
        ({"members": 0}, "members must be"),
        ({"levels": (0.5, 1.0)}, "quantile levels must be numbers between 0 and 1"),
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
        ({"drop": ("size", "town", "garden", "sold")}, "no column is left"),
        ({"target": "country"}, "constant"),
        ({"weight": "town"}, "weights 'town' must be numbers"),
        ({"group": "streets"}, "has no column 'streets'"),
        ({"target": "price", "time": "price"}, "cannot also be weight, group or time"),
        ({"kinds": {"sise": "number"}}, "Did you mean 'size'"),
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
    scores = fit_table(load(name), FitOptions(recipe="mlp", seed=seed)).scores
    assert scores.figures["accuracy"] > least
    assert scores.figures["log-loss"] < scores.baseline["log-loss"] / 2


@pytest.mark.parametrize("seed", [1, 2])
def test_the_diabetes_regression_beats_the_mean(seed):
    scores = fit_table(load("diabetes"), FitOptions(recipe="mlp", seed=seed)).scores
    assert 0.2 < scores.figures["R2"] < 0.7
    assert scores.figures["RMSE"] < scores.baseline["RMSE"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["diabetes", "randhie"])
def test_intervals_of_fitted_networks_cover_over_50_splits(name):
    """Fitted, stopped and calibrated anew on 50 splits: 90 % of each test part within 2 points."""
    table = load(name)
    if len(table.frame) > 2000:
        table = dataclasses.replace(table, frame=table.frame.sample(2000, random_state=0))
    covered = []
    for seed in range(50):
        options = FitOptions(recipe="mlp", hidden=(16,), epochs=30, seed=seed)
        fitted = fit_table(table, options)
        rows = fitted.prepared.split.test
        found, _ = fitted.predictor.predict(fitted.prepared.inputs.iloc[rows], intervals=True)
        y = fitted.prepared.y[rows]
        covered.append(np.mean((found["lower"] <= y) & (y <= found["upper"])))
    assert abs(np.mean(covered) - 0.9) < 0.02


def test_what_is_no_table_is_told_how_to_become_one():
    frame = load("iris").frame
    for given in (frame, "iris.csv"):
        with pytest.raises(DataError, match=f"expected a Table, got {type(given).__name__}"):
            fit_table(given)
