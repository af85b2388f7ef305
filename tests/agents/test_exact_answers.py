"""Agents held to the exact answer: by arrays where states can be counted, else by playing."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import QLearning, make
from descend.agents.exact import paired
from descend.errors import DescendError

SEARCH, SHOP = make("job-search"), make("inventory")


def test_what_another_threshold_costs():
    """Accepting 50 is worth 50, and rejecting 53.22: (53.22 - 50) / 53.22 of what it has there."""
    answer, wages = SEARCH.exact(), SEARCH.wages()
    found = answer.compare((wages >= 50).astype(int), wages, ["reject", "accept"])
    row = found.to_frame().iloc[0]
    assert len(found.to_frame()) == 1
    assert (row["state"], row["does"], row["best"]) == (50, "accept", "reject")
    wage = SEARCH.reservation_wage()
    assert row["lost"] == row["costs"] == pytest.approx((wage - 50) / wage)
    assert found.worst == row["lost"]
    np.testing.assert_allclose(found.shares, answer.value_lost((wages >= 50).astype(int)))
    np.testing.assert_allclose(found.mean, found.lost.sum() / answer.value.sum())
    assert found.shares[0] > 0.01  # who rejects a low wage is caught by 50 later
    assert len(found.to_frame(differing=False)) == 11
    assert "at most 6.06 % (state 50); 1 of 11 states differ" in str(found)


def test_costs_and_visits_add_up_to_what_is_lost():
    """sum_s visited(s) (V(s) - Q(s, a)) / (1 - gamma) = mean of V - V_policy."""
    answer, draw = SHOP.exact(), np.random.default_rng(0)
    for _ in range(3):
        policy = draw.integers(0, 21 - np.arange(21))
        found = answer.compare(policy)
        costs = found.more["costs"] * np.abs(answer.value)
        visited = answer.visited(policy)
        np.testing.assert_allclose(visited.sum(), 1)
        np.testing.assert_allclose(visited @ costs / (1 - 0.98), found.lost.mean(), rtol=1e-9)
        np.testing.assert_array_equal(found.differs, costs > 0)


def test_the_best_policy_loses_nothing():
    for environment in (SEARCH, SHOP, make("pricing")):
        answer = environment.exact()
        found = answer.compare(answer.policy)
        assert found.mean == found.worst == 0
        assert str(found) == f"value lost 0 %; 0 of {len(answer.value)} states differ"
        assert not found.differs.any()


BANK = make("linear-quadratic")


def test_played_against_riccati():
    """u = -h K x for ever: what it is worth is a Lyapunov equation's answer."""
    exact, g = BANK.exact(), BANK.beta
    A, B, Q, R = (np.array(m) for m in (BANK.A, BANK.B, BANK.Q, BANK.R))
    gain = 0.7 * exact.gain
    M, P = A - B @ gain, np.zeros((2, 2))
    for _ in range(2000):
        P = Q + gain.T @ R @ gain + g * M.T @ P @ M
    half = lambda seen, legal, key: -jnp.asarray(gain, float) @ seen
    found = paired(BANK, half, BANK.best_action, gamma=g, states=32, paths=64)
    x = np.stack(list(found.states.values()), axis=1)
    more = np.einsum("ni,ij,nj->n", x, P - exact.P, x)
    more += g / (1 - g) * BANK.noise**2 * np.trace(P - exact.P)
    share = more.sum() / np.abs(exact.value(x)).sum()
    assert abs(found.mean - share) < 4 * found.error + 0.02 * share  # values are played as well
    assert "standard error" in str(found)
    none = paired(BANK, lambda seen, legal, key: BANK.best_action(seen), BANK.best_action, gamma=g)
    assert none.mean == none.error == 0


def test_growth_against_its_closed_form():
    """A share of saving that is wrong for ever."""
    planner = make("brock-mirman")
    action = jnp.asarray(planner.action({"saving": 0.25}), float)
    found = paired(
        planner, lambda *seen: action, planner.best_action, gamma=0.9, states=16, paths=4
    )
    lost = planner.exact_value({"k": [0.2], "a": [0.0]}) - planner.exact_value(
        {"k": [0.2], "a": [0.0]}, saving=0.25
    )
    np.testing.assert_allclose(found.lost, lost[0], rtol=2e-3)  # the same wherever it begins
    best = planner.action({"saving": 0.324})[0]
    np.testing.assert_allclose(found.actions["best"], best, rtol=1e-5)


def test_shares_of_a_portfolio_in_certain_consumption():
    """Utility has no zero: what is lost is of the consumption that would be as good."""
    for gamma in (1.0, 2.0):
        fund = dataclasses.replace(make("portfolio"), gamma=gamma)
        best = fund.exact()
        # V = u(c) / (1 - beta): of the best value, kappa^(-gamma / (1 - gamma)) of wealth
        value = best.value(np.array([0.5, 2.0]))
        certain = fund.certain(value)
        assert certain[1] / certain[0] == pytest.approx(4)
        with jax.numpy_rank_promotion("allow"):
            fixed = lambda *seen: jnp.array([0.0, 0.04])
            found = paired(
                fund, fixed, fund.best_action, gamma=0.96, states=8, paths=16, worth=fund.certain
            )
        assert (found.shares > 0).all()
        assert found.mean < 0.5


@pytest.fixture(scope="module")
def searchers():
    """Two seeds of a short run, which get some wages wrong."""
    made = QLearning(first=0.0, rate=0.5, epsilon=0.5)
    return made.learn(SEARCH, 300, seeds=2, evaluations=1, episodes=2, verbose=0)


def test_agents_are_held_to_it(searchers):
    for agent in searchers:
        found = agent.compare()
        expected = SEARCH.exact().value_lost(agent.act(np.eye(11)))
        np.testing.assert_allclose(found.shares, expected)
        assert list(found.to_frame().columns) == [
            *("state", "does", "best", "visited", "costs", "lost"),
        ]


def test_an_environment_without_an_answer():
    agents = QLearning().learn(make("maze"), 200, evaluations=1, verbose=0)
    with pytest.raises(DescendError, match="Maze states no exact answer"):
        agents[0].compare()
