"""Leaving a column out by a mask, beside leaving it out of the table."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from descend.data.table import Table
from descend.errors import DescendError
from descend.nn.layers.base import layer_from
from descend.tables.choosing.ablation import LeaveOut, ablate
from descend.tables.choosing.together import rounds_of, validation_figures
from descend.tables.encoder import Encoder
from descend.tables.options import FitOptions
from descend.tables.prepare import prepare_table

SEEDS = (0, 1, 2)
STRONG = ("size", "town")


def table(n=500, seed=0):
    """A number and a category of 12 levels that matter much, a number that does little, noise."""
    rng = np.random.default_rng(seed)
    size, age, noise = rng.normal(size=(3, n))
    town = rng.integers(12, size=n)
    y = 1.5 * size + 0.25 * (town - 5.5) + 0.1 * age + rng.normal(0, 0.2, n)
    frame = pd.DataFrame({"size": size, "town": [f"t{t}" for t in town], "age": age})
    return Table("made", "made.csv", frame.assign(noise=noise, y=y), "y", "made up", "0")


@pytest.fixture(scope="module", params=[pytest.param("realmlp", marks=pytest.mark.slow), "mlp"])
def prepared(request):
    options = FitOptions(
        recipe=request.param, hidden=(16,), members=1, epochs=30, batch_size=32,
        learning_rate=0.02, sealed=True,
    )  # fmt: skip
    return prepare_table(table(), options)


@pytest.fixture(scope="module")
def ablation(prepared):
    return ablate(prepared, seeds=SEEDS)


def refitted(prepared, left_out):
    """The figures of networks that were never given the column, a seed each."""
    frame = prepared.columns.drop(columns=left_out)
    encoder = Encoder.fit(frame.iloc[prepared.split.train], **prepared.options.encoding)
    without = dataclasses.replace(prepared, encoder=encoder, x=encoder.transform(frame)[0])
    # one program for the seeds; tests/tables/test_search.py holds it against `fit`
    rounds = rounds_of(without, without.options, [{"seed": seed} for seed in SEEDS])
    rounds.run(without.options.epochs)
    return list(validation_figures(without, rounds).values())


def test_the_conclusion_is_that_of_refitting_without_the_column(prepared, ablation):
    assert "town" in prepared.encoder.embedded or prepared.options.recipe == "mlp"
    full = refitted(prepared, [])
    # other draws of the weights, the same network and rows: RMSE is near the noise's .2 in both
    assert np.mean(ablation.full) == pytest.approx(np.mean(full), rel=0.3)
    for found in (c for c in ablation.columns if c.column in ("town", "noise")):
        without = refitted(prepared, [found.column])
        change = np.mean(without) - np.mean(full)
        assert found.missed == (found.column in STRONG)
        if found.column in STRONG:
            assert found.figure == pytest.approx(np.mean(without), rel=0.15)
            assert change > 0.3
            assert found.change > 0.3
        else:
            assert abs(change) < 0.1
            assert abs(found.change) < 0.1
    assert {c.column for c in ablation.columns[:2]} == set(STRONG)


def test_intervals_are_students_over_the_seeds(ablation):
    assert ablation.seeds == SEEDS
    for found in ablation.columns:
        low, high = stats.t.interval(
            0.95, 2, np.mean(found.changes), stats.sem(np.array(found.changes))
        )
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
        assert found.change == pytest.approx(np.mean(found.changes), rel=1e-12)
        assert found.figure - np.mean(ablation.full) == pytest.approx(found.change, rel=1e-6)
    changes = [c.change for c in ablation.columns]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize("column", STRONG)  # a number, and a category of several inputs
def test_a_column_left_out_is_not_seen(prepared, column):
    """Whatever stands in it, in training as in validation."""
    options = dataclasses.replace(prepared.options, epochs=3)
    mixed = np.random.default_rng(0).permutation(prepared.inputs[column])
    x, _ = prepared.encoder.transform(prepared.inputs.assign(**{column: mixed}))
    one, two = (
        ablate(dataclasses.replace(prepared, options=options, x=seen), columns=[column], seeds=1)
        for seen in (prepared.x, x)
    )
    assert two.columns[0].figure == one.columns[0].figure
    assert two.full != one.full


def test_tables_and_json(ablation):
    frame = ablation.to_frame()
    assert list(frame.columns) == ["column", "RMSE", "change", "low", "high", "missed"]
    assert len(frame) == 4
    told = json.loads(json.dumps(ablation.to_json(), allow_nan=False))
    assert told["columns"][0]["missed"] is True


def test_a_single_seed_has_no_interval(prepared):
    options = dataclasses.replace(prepared.options, epochs=1)
    found = ablate(dataclasses.replace(prepared, options=options), columns=["age"], seeds=1)
    assert [c.column for c in found.columns] == ["age"]
    assert np.isnan(found.columns[0].low)
    assert not found.columns[0].missed
    assert found.to_json()["columns"][0]["high"] is None


def test_the_mask():
    layer = LeaveOut((0, 0, 1, 2), 0.0)
    x = np.arange(1, 9, dtype=np.float32).reshape(2, 4)
    y, _ = layer.apply({}, {}, x)
    np.testing.assert_array_equal(y, [[0, 0, 3, 4], [0, 0, 7, 8]])
    whole, _ = LeaveOut((0, 0, 1, 2)).apply({}, {}, x)
    np.testing.assert_array_equal(whole, x)
    again = layer_from(json.loads(json.dumps(layer.described())))
    assert (again.columns, again.column) == (layer.columns, layer.column)
    assert layer.numbers() == {"column": 0.0}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"columns": ["siz"]}, "Did you mean 'size'"),
        ({"seeds": 0}, "seeds must be at least one"),
        ({"level": 1.0}, "level must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_left_out(prepared, asked, message):
    with pytest.raises(DescendError, match=message):
        ablate(prepared, **asked)


def test_a_single_column_cannot_be_left_out(prepared):
    frame = table().frame[["size", "y"]]
    alone = prepare_table(dataclasses.replace(table(), frame=frame), prepared.options)
    with pytest.raises(DescendError, match="has the column 'size' alone"):
        ablate(alone)
