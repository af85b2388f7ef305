"""The race: every lane against `fit` alone, divergence, the table."""

import numpy as np
import optax
import pytest

from descend import Dense, Dropout, Input, Sequential
from descend.errors import DataError, DescendError
from descend.glass import race
from descend.train.rules import SGD, AdaGrad, Adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(rule="sgd"):
    model = Sequential(
        [Input((4,)), Dense(12, "tanh", name="h"), Dropout(0.1), Dense(2, "softmax", name="out")],
        seed=1,
    )
    model.compile(rule, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def raced():
    """Two rules at three rates, one of them absurd."""
    rules = {"plain": SGD(), "adam": Adam()}
    model = network()
    before = [np.asarray(w) for w in model.get_weights()]
    found = race(model, X, Y, rules, rates=(0.01, 0.1, 1e38), epochs=6, batch_size=16, seed=4)
    return model, before, found


@pytest.mark.slow
def test_a_lane_is_what_fit_does_alone(raced):
    """Same weights, order and noise: dropout too."""
    _, _, found = raced
    for name, rule in {"plain": SGD(0.1), "adam": Adam(0.1)}.items():
        entrant = next(e for e in found.entrants if (e.name, e.learning_rate) == (name, 0.1))
        alone = network(rule)
        _ = alone.params  # drawn from the model's seed, as in the race
        alone.fit(X, Y, epochs=6, batch_size=16, verbose=0, seed=4)
        cost, accuracy = alone.evaluate(X, Y, verbose=0)
        # vmapped over rates: the same numbers up to float32 rounding, grown over 24 updates
        np.testing.assert_allclose(entrant.costs[-1], cost, rtol=1e-4)
        np.testing.assert_allclose(entrant.metrics["accuracy"][-1], accuracy, atol=0.021)
        np.testing.assert_allclose(
            entrant.params["h"]["kernel"], alone.params["h"]["kernel"], rtol=1e-3, atol=1e-5
        )


def test_all_start_at_the_same_cost_and_the_model_is_left_alone(raced):
    model, before, found = raced
    first = {float(e.costs[0]) for e in found.entrants}
    assert len(first) == 1
    np.testing.assert_allclose(first.pop(), model.evaluate(X, Y, verbose=0)[0], rtol=1e-6)
    assert all(len(e.costs) == 7 for e in found.entrants)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_who_diverges_stops_alone(raced):
    _, _, found = raced
    gone = [e for e in found.entrants if e.diverged]
    assert gone
    assert {e.learning_rate for e in gone} == {1e38}
    for e in gone:
        assert np.isnan(e.costs[-1])
        assert np.isfinite(e.params["h"]["kernel"]).all()
    assert not any(e.diverged for e in found.standings)
    assert all(np.isfinite(e.costs).all() for e in found.entrants if not e.diverged)


def test_standings_table_frame_and_picture(raced, tmp_path):
    _, _, found = raced
    ends = [e.costs[-1] for e in found.standings]
    assert ends == sorted(ends)
    for e in found.standings:
        own = [o.costs[-1] for o in found.entrants if o.name == e.name]
        assert e.costs[-1] == np.nanmin(own)
    frame = found.to_frame()
    assert len(frame) == 6
    assert {"rule", "learning_rate", "cost", "accuracy", "lowest", "in_epoch", "diverged"} == set(
        frame
    )
    assert str(found).splitlines()[2].startswith(f"1  {found.standings[0].name}")
    found.plot().savefig(tmp_path / "race.png")
    with pytest.raises(DescendError, match="unknown entrant 'adma'"):
        found["adma"]


def test_a_race_is_one_program():
    from descend.glass.racing import RaceTask
    from descend.train.model.supervised import Supervised

    tasks = []
    start = RaceTask.__init__

    def noted(self, of_rules):
        start(self, of_rules)
        tasks.append(self)

    model = network()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RaceTask, "__init__", noted)
        race(model, X, Y, [AdaGrad(0.1), optax.sgd(0.1)], rates=None, epochs=2)
    (race_task,) = tasks
    assert all(isinstance(t, Supervised) for t in race_task.tasks.values())
    epochs = [key for key in race_task.programs if key[0] != "evaluate"]
    assert len(epochs) == 1  # one for all rules, and the cost before the first epoch
    assert list(race_task.tasks) == ["adagrad", "optax"]


def test_own_rates_validation_rows_and_full_batch_rules():
    model = network()
    found = race(model, X, Y, ["gd"], rates=None, epochs=2, validation_data=(X[:20], Y[:20]))
    assert found.judged_on == "validation rows"
    assert {e.learning_rate for e in found.entrants} == {0.01}
    with pytest.raises(DataError, match="needs all 50 rows in one batch.*batch_size=50"):
        race(model, X, Y, ["newton", "sgd"], epochs=1, batch_size=10)


def test_messages():
    model = network()
    for rules, words in [
        ([], "no rule"),
        (["sgd", SGD(0.5)], "two rules are called 'sgd'"),
        ({"a/b": "sgd"}, "must not hold '/'"),
        (["adamm"], "Did you mean 'adam'"),
    ]:
        with pytest.raises(DescendError, match=words):
            race(model, X, Y, rules)
    with pytest.raises(DescendError, match="rates is empty"):
        race(model, X, Y, ["sgd"], rates=[])
    with pytest.raises(DescendError, match="rates must be finite numbers > 0"):
        race(model, X, Y, ["sgd"], rates=[-1.0])
