"""Training in rounds: an interrupted run is the uninterrupted one, whoever else is left behind."""

from __future__ import annotations

import numpy as np
import pytest

from descend import Dense, Dropout, EarlyStopping, Input, Sequential, sweep
from descend.errors import DescendError
from descend.train.many.rounds import Rounds

RATES = [0.001, 0.01, 0.05, 0.02, 0.03]
SETTINGS = [{"learning_rate": rate, "seed": i} for i, rate in enumerate(RATES)]
# the batched program may round differently with another number of members; 12 epochs of smooth
# training do not amplify that beyond the bound of tests/train/test_many.py
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def network():
    model = Sequential([Input((3,)), Dense(8, "tanh"), Dropout(0.1), Dense(1)])
    model.compile({"name": "momentum", "learning_rate": 0.1}, "mse")
    return model


def data(n=60, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 3)).astype(np.float32)
    return x, np.sin(x[:, :1]).astype(np.float32)


def rounds(patience=4, settings=SETTINGS):
    x, y = data()
    return Rounds(
        network(), settings, x, y, validation_data=data(seed=1), batch_size=16, patience=patience
    )


@pytest.fixture(scope="module")
def whole():
    """The same members in one go, by `sweep`."""
    x, y = data()
    return sweep(
        network(), SETTINGS, x, y, batch_size=16, epochs=12, validation_data=data(seed=1),
        callbacks=[EarlyStopping("val_loss", patience=4)],
    )  # fmt: skip


def same(member, other):
    for name, values in other.history.history.items():
        np.testing.assert_allclose(member.history.history[name], values, **CLOSE)
    assert member.best_epoch == other.best_epoch
    for a, b in zip(member.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


@pytest.mark.parametrize("ends", [(12,), (1, 5, 12)])
def test_rounds_make_the_uninterrupted_run(whole, ends):
    run = rounds()
    for end in ends:
        run.run(end)
    for i, other in enumerate(whole):
        same(run.member(i), other)
    assert (run.seconds > 0).all()


@pytest.mark.parametrize("pack", [True, False])
def test_who_stays_does_not_notice_who_leaves(whole, pack):
    run = rounds()
    before = run.packed
    run.run(3)
    run.leave([0, 2, 4], pack)
    assert run.training == [1, 3]
    assert (run.packed < before) == pack
    run.run(12)
    for i in (1, 3):
        same(run.member(i), whole[i])
    for i in (0, 2, 4):  # as they were when they left, with the best weights of these epochs
        member = run.member(i)
        assert len(member.history) == 3
        costs = whole[i].history.history["val_loss"][:3]
        np.testing.assert_allclose(member.history.history["val_loss"], costs, **CLOSE)
        assert member.best_epoch == int(np.argmin(costs))
        assert member.history.stopped is None


def test_outputs_are_those_of_each_members_model():
    run = rounds()
    run.run(2)
    x, _ = data(n=7, seed=3)
    found = run.outputs(x)
    assert sorted(found) == [0, 1, 2, 3, 4]
    for i, output in found.items():
        np.testing.assert_allclose(output, run.member(i).model.predict(x), **CLOSE)


def test_a_member_that_diverges_or_stops_is_not_trained_on():
    settings = [{"learning_rate": rate} for rate in (0.01, 1e18)]
    run = rounds(settings=settings)
    run.run(2)
    run.run(6)
    assert run.training == [0]
    assert run.member(1).diverged_in == 1
    assert len(run.member(0).history) == 6
    stopped = rounds(patience=1, settings=[{"learning_rate": 1e-12}])
    stopped.run(20)
    epochs = len(stopped.member(0).history)
    assert epochs < 20
    assert stopped.training == []
    stopped.run(40)
    assert len(stopped.member(0).history) == epochs


def test_unknown_settings():
    with pytest.raises(DescendError, match="Did you mean 'learning_rate'"):
        rounds(settings=[{"learning_rat": 0.1}])
