"""A search gives what fits of its trials would have given, and tells which was best."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from descend.data.table import Table
from descend.errors import DescendError
from descend.tables.choosing.search import _groups, search
from descend.tables.choosing.space import SPACES, Between, draw_trials
from descend.tables.options import DEFAULTS, FitOptions, NetworkOptions
from descend.tables.prepare import prepare_table
from descend.tables.recipe import fit_prepared
from descend.tables.scores import figures_of

OPTIONS = FitOptions(recipe="mlp", hidden=(6,), epochs=15, batch_size=32, sealed=True)
SPACE = {
    "hidden": [(6,), (4, 4)],
    "learning_rate": Between(0.003, 0.1),
    "l2": [0.0, 1e-3],
    "dropout": [0.0, 0.2],
}


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] + rng.normal(0, 0.2, n)
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=y)
    return Table("made", "made.csv", frame, "y", "made up", "0")


@pytest.mark.parametrize("recipe", DEFAULTS)
def test_another_recipe_brings_its_own_values(recipe):
    for options in (NetworkOptions(), NetworkOptions(recipe="mlp"), FitOptions()):
        moved = dataclasses.replace(options, recipe=recipe)
        assert {name: moved.chosen(name) for name in DEFAULTS[recipe]} == DEFAULTS[recipe]
    kept = dataclasses.replace(NetworkOptions(dropout=0.3, epochs=7), recipe=recipe)
    assert (kept.chosen("dropout"), kept.chosen("epochs")) == (0.3, 7)


@pytest.mark.slow
def test_a_search_over_recipes_trains_what_each_recipe_gives():
    """Bit for bit, the network that `recipe="mlp"` makes and trains; the trial up to 1e-5."""
    options = FitOptions(epochs=3, sealed=True)
    start = prepare_table(table(), options)
    drawn = draw_trials(options, 2, {"recipe": ["mlp"]})
    (group,) = _groups(start, [dataclasses.replace(options, **drawn[1])])
    group.rounds.run(group.end(1.0))
    theirs = fit_prepared(prepare_table(table(), FitOptions(recipe="mlp", epochs=3, sealed=True)))
    member = group.rounds.member(0)
    assert member.model.describe() == {**theirs.model.describe(), "graph": member.model.config()}
    layers = theirs.model.config()["layers"]
    assert member.model.config()["layers"] == layers
    assert [one["class"] for one in layers.values()] == ["Dense", "Dense", "Dense"]
    chosen = fit_prepared(dataclasses.replace(group.prepared, options=group.options))
    for one, other, trial in zip(
        *(m.get_weights() for m in (chosen.model, theirs.model, member.model)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
        # a member of many adds up in another order
        np.testing.assert_allclose(trial, other, rtol=1e-5, atol=1e-6)
    assert chosen.trained.history.history == theirs.trained.history.history
    whole = FitOptions(recipe="mlp")
    (full,) = _groups(start, [dataclasses.replace(FitOptions(), recipe="mlp")])
    assert full.end(1.0) == whole.chosen("epochs") == 200


@pytest.fixture(scope="module")
def prepared():
    return prepare_table(table(), OPTIONS)


@pytest.fixture(scope="module")
def random(prepared):
    return search(prepared, trials=6, space=SPACE, seed=1)


def validation_figure(fitted):
    prepared = fitted.prepared
    rows = prepared.split.validation
    said = fitted.predictor.values(prepared.inputs.iloc[rows])
    return figures_of("regression", prepared.y[rows], said)["RMSE"]


def test_every_trial_is_the_fit_of_its_options(prepared, random):
    assert len({t.settings.get("dropout", 0.0) for t in random.trials}) == 2
    for trial in random.trials[:3]:
        options = dataclasses.replace(OPTIONS, **trial.settings)
        alone = fit_prepared(dataclasses.replace(prepared, options=options))
        # batched and alone, programs round differently: see tests/train/test_many.py
        assert trial.figure == pytest.approx(validation_figure(alone), rel=1e-4)
        assert trial.best_epoch == alone.trained.best_epoch
        assert trial.epochs == len(alone.trained.history)


def test_the_best_has_the_smallest_figure_and_is_fitted_anew(random):
    assert random.figure == "RMSE"
    figures = [t.figure for t in random.trials]
    assert random.best.number == int(np.argmin(figures))
    assert random.prepared.options == dataclasses.replace(
        OPTIONS, **random.best.settings, epochs=15
    )
    fitted = random.fit()
    assert fitted.scores is None  # sealed
    assert validation_figure(fitted) == pytest.approx(random.best.figure, rel=1e-4)
    for a, b in zip(fitted.model.get_weights(), random.member.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_the_first_trial_is_the_options_as_given(random):
    assert random.trials[0].settings == {}
    assert [t.number for t in random.trials] == list(range(6))


def test_the_same_seed_gives_the_same_search(prepared, random):
    again = search(prepared, trials=6, space=SPACE, seed=1)
    for one, other in zip(random.trials, again.trials, strict=True):
        assert dataclasses.replace(one, seconds=0) == dataclasses.replace(other, seconds=0)


def test_test_rows_are_not_looked_at(prepared, random):
    wild = prepared.y.copy()
    wild[prepared.split.test] = 1e9
    x = prepared.x._replace(numbers=prepared.x.numbers.copy())
    x.numbers[prepared.split.test] = -1e9
    other = search(dataclasses.replace(prepared, y=wild, x=x), trials=2, space=SPACE, seed=1)
    for one, two in zip(random.trials[:2], other.trials, strict=True):
        assert one.figure == pytest.approx(two.figure, rel=1e-5)
    assert not prepared.seal.openings


def test_halving_trains_the_better_half_on(prepared, random):
    halved = search(prepared, trials=6, space=SPACE, seed=1, method="halving")
    # rounds end after 1, 3, 7 and 15 of 15 epochs; 6 -> 3 -> 2 -> 1 trials
    epochs = sorted(t.epochs for t in halved.trials)
    assert epochs == [1, 1, 1, 3, 7, 15]
    left = [t for t in halved.trials if t.status == "left behind"]
    assert len(left) == 5
    # who was kept throughout has what the whole training gives
    assert halved.best.figure == pytest.approx(random.trials[halved.best.number].figure, rel=1e-4)
    assert halved.best.status in ("trained", "stopped early")
    # each left in a round in which others were better: it is not better than all that stayed
    for trial in left:
        stayed = [t.figure for t in halved.trials if t.epochs > trial.epochs]
        assert trial.figure > min(stayed)


def test_shapes_make_groups(random):
    shapes = {
        (t.settings.get("hidden", (6,)), t.settings.get("dropout", 0.0) > 0) for t in random.trials
    }
    assert random.groups == len(shapes)


def test_a_trial_that_diverges_is_marked(prepared):
    options = dataclasses.replace(OPTIONS, optimizer="sgd", epochs=3)
    found = search(
        dataclasses.replace(prepared, options=options),
        trials=8,
        space={"learning_rate": [0.01, 1e20]},
    )
    wild = [t for t in found.trials if t.settings.get("learning_rate") == 1e20]
    assert wild
    assert all(t.status == "diverged" and math.isnan(t.figure) for t in wild)
    assert found.best.settings.get("learning_rate") != 1e20
    with pytest.raises(DescendError, match="every trial diverged"):
        search(
            dataclasses.replace(prepared, options=dataclasses.replace(options, learning_rate=1e20)),
            trials=2,
            space={"learning_rate": [1e20]},
        )


@pytest.mark.slow
def test_recipes_may_be_searched():
    frame = table().frame.assign(town=np.resize(["Ulm", "Bonn", None], 200))
    given = dataclasses.replace(table(), frame=frame[["a", "b", "c", "town", "y"]])
    options = dataclasses.replace(OPTIONS, epochs=2, members=2)
    found = search(given, options, trials=4, space={"recipe": ["realmlp"]})
    assert found.groups == 2
    assert all(t.status == "trained" for t in found.trials)


def test_tables_of_trials(random):
    frame = random.to_frame()
    assert list(frame.columns) == [
        "trial", "hidden", "learning_rate", "l2", "dropout",
        "RMSE", "epochs", "best_epoch", "seconds", "status",
    ]  # fmt: skip
    assert len(frame) == 6
    told = json.loads(json.dumps(random.to_json(), allow_nan=False))
    assert told["best"] == random.best.number
    assert told["trials"][1]["settings"]["hidden"] == list(random.trials[1].settings["hidden"])


def test_draws_are_even_on_the_logarithm():
    rng = np.random.default_rng(0)
    drawn = np.array([Between(0.001, 10.0).draw(rng) for _ in range(4000)])
    assert drawn.min() >= 0.001
    assert drawn.max() <= 10.0
    # a quarter a decade; the standard error is .007
    share = [((drawn >= 10.0**k) & (drawn < 10.0 ** (k + 1))).mean() for k in (-3, -2, -1, 0)]
    np.testing.assert_allclose(share, 0.25, atol=0.03)


@pytest.mark.parametrize("recipe", sorted(SPACES))
def test_the_spaces_of_the_recipes_are_valid(recipe):
    drawn = draw_trials(FitOptions(recipe=recipe), 64)
    assert drawn == draw_trials(FitOptions(recipe=recipe), 64)
    assert drawn[:10] == draw_trials(FitOptions(recipe=recipe), 10)  # more trials, same first ones
    assert drawn != draw_trials(FitOptions(recipe=recipe), 64, seed=1)
    for name, values in SPACES[recipe].items():
        if not isinstance(values, Between):
            assert {s[name] for s in drawn[1:]} == set(values)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"trials": 0}, "trials must be a whole number >= 1, got 0"),
        ({"space": {"hiden": [(4,)]}}, "Did you mean 'hidden'"),
        ({"space": {"epochs": [4]}}, "epochs is the same for all trials"),
        ({"space": {"seed": [4]}}, "seed is the same for all trials"),
        ({"space": {"l2": []}}, "no values for 'l2'"),
        ({"space": {"dropout": [1.0]}}, "dropout must be at least 0 and below 1"),
        ({"method": "grid"}, "unknown method of search 'grid'"),
    ],
)
def test_what_cannot_be_searched(prepared, asked, message):
    with pytest.raises(DescendError, match=message):
        search(prepared, **{"trials": 4, **asked})


@pytest.mark.parametrize("ends", [(0, 1), (2, 1), (1, math.inf), (math.nan, 1)])
def test_ranges_that_are_none(ends):
    with pytest.raises(DescendError, match="0 < low < high"):
        Between(*ends)
