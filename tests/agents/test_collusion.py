"""Sessions of learning firms against a loop in NumPy with the same luck, and what they learn."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from descend.agents import collusion
from descend.agents.collusion import BITS, PERIODS, best_of, learn_prices
from descend.agents.environments.duopoly import Duopoly
from descend.errors import DescendError

SMALL = Duopoly(prices=4)
PATIENCE = 3000
BETAS = np.array([1e-3, 3e-4, 4e-3, 2e-4])  # they end at different times
QUICK = {"patience": PATIENCE, "verbose": 0}


@pytest.fixture(scope="module")
def learned():
    return learn_prices(SMALL, 4, beta=BETAS, **QUICK)


def played(game, session, beta, rate=0.15, seed=0):
    """A session in NumPy: (Q (firms, states, prices), periods, last state)."""
    key = jax.random.fold_in(jax.random.key(seed), session)
    q = np.tile(game.first_q(), (game.firms, game.states, 1))
    state = int(np.random.default_rng(seed).integers(game.states, size=session + 1)[session])
    profits, firms = game.table(), np.arange(game.firms)
    still = period = 0
    while still < PATIENCE:
        if period % PERIODS == 0:
            again = jax.random.fold_in(key, period // PERIODS)
            bits = np.asarray(jax.random.bits(again, (PERIODS, game.firms), np.uint32))
        number, share = bits[period % PERIODS], BITS * np.exp(-beta * period)
        tried = np.minimum((number / share * game.prices).astype(int), game.prices - 1)
        before = q[firms, state].argmax(1)
        action = np.where(number < share, tried, before)
        after = int(game.state_of(action))
        target = profits[after] + game.delta * q[firms, after].max(1)
        q[firms, state, action] += rate * (target - q[firms, state, action])
        still = 0 if (q[firms, state].argmax(1) != before).any() else still + 1
        state, period = after, period + 1
    return q, period, state


def test_sessions_are_the_loop_written_out(x64):
    """The same prices at every period: one that differs would lead to another table.

    In double precision; in single one a tie is decided by its last digit sooner or later.
    """
    found = learn_prices(SMALL, 4, beta=BETAS, **QUICK)
    for session in range(3):
        q, periods, state = played(SMALL, session, BETAS[session])
        np.testing.assert_allclose(found.q[session], q, rtol=1e-10)
        assert found.periods[session] == periods
        assert found.states[session] == state
    np.testing.assert_array_equal(found.strategies, found.q.argmax(-1))


def test_they_end_when_minds_are_made_up(learned):
    np.testing.assert_array_equal(learned.strategies, learned.q.argmax(-1))
    assert learned.converged.all()
    assert (learned.periods > PATIENCE).all()
    assert len(set(learned.periods)) == 4


def test_a_session_does_not_depend_on_the_others(learned, monkeypatch):
    """Neither on their number, nor on when programs are made smaller."""
    alone = learn_prices(SMALL, 3, beta=BETAS[:3], **QUICK)
    np.testing.assert_array_equal(alone.q, learned.q[:3])
    monkeypatch.setattr(collusion, "LEAST", 2)
    monkeypatch.setattr(collusion, "EPOCH", 1)
    collusion._program.cache_clear()
    fewer = learn_prices(SMALL, 4, beta=BETAS, **QUICK)
    collusion._program.cache_clear()
    np.testing.assert_array_equal(fewer.q, learned.q)
    np.testing.assert_array_equal(fewer.periods, learned.periods)


def test_the_largest_by_pairs():
    for n in (1, 2, 5, 15):
        row = np.random.default_rng(n).integers(0, 4, (50, n)).astype(np.float32)  # with ties
        value, place = best_of(row)
        np.testing.assert_array_equal(value, row.max(1))
        np.testing.assert_array_equal(place, row.argmax(1))


def test_firms_learn_to_collude():
    """Sixteen sessions with six prices: the paper's findings in small.

    Profits are far above the one-shot equilibrium's, and cuts are punished; nobody told the firms.
    """
    game = Duopoly(prices=6)
    found = learn_prices(game, 16, beta=2e-5, patience=20_000, verbose=0)
    frame = found.to_frame()
    assert found.converged.all()
    assert (frame["gain"] > 0.2).all()
    assert 0.6 < frame["gain"].mean() < 1
    assert frame["equilibrium"].any()
    assert (frame["equilibrium"] >= frame["perfect"]).all()
    assert (frame["lost"][frame["equilibrium"]] < 1e-8).all()
    # the rival answers a cut by a lower price, and prices come back
    path = found.impulse(firm=0, periods=15)
    assert path[1, 0] < path[0, 0] - 0.05
    assert path[2, 1] < path[0, 1] - 0.05
    np.testing.assert_allclose(path[-1], path[0], atol=0.03)


def test_three_firms():
    found = learn_prices(Duopoly(firms=3, prices=3), 4, beta=5e-4, **QUICK)
    assert found.strategies.shape == (4, 3, 27)
    assert found.to_frame()["gain"].between(-1, 1.01).all()


def test_one_that_goes_on_says_so():
    found = learn_prices(SMALL, 2, beta=1e-6, most=20_000, patience=10_000, verbose=0)
    assert not found.converged.any()
    assert found.periods.tolist() == [20_000, 20_000]


def test_it_says_how_far_it_is(capsys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collusion, "SHOWN", 0.0)
        learn_prices(SMALL, 2, beta=1e-3, patience=PATIENCE)
    line = capsys.readouterr().err.splitlines()[0]
    assert line.startswith("20,000 periods: 0 of 2 sessions go on, ")


def test_numbers_that_make_no_sense():
    for words, options in {
        "sessions must be a whole number >= 1, got 0": {"sessions": 0},
        "rate must be a number > 0 and <= 1, or 2 of them, got 1.5": {"rate": 1.5},
        "beta must be a number > 0, or 2 of them, got": {"beta": [1e-3, 1e-3, 1e-3]},
        "most must be a whole number >= 20000, got 5": {"most": 5},
    }.items():
        with pytest.raises(DescendError, match=words):
            learn_prices(SMALL, **{"sessions": 2, "verbose": 0, **options})
    with pytest.raises(DescendError, match="needs a Duopoly"):
        learn_prices("calvano")
