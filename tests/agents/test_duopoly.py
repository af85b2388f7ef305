"""The pricing game against brute force, strategies worked out by hand, and simulated returns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from descend.agents import check_environment
from descend.agents.environments.duopoly import Duopoly, PricingAgainst
from descend.agents.exact import discounted
from descend.errors import DescendError

GAME = Duopoly()
HIGH, LOW = 12, 1  # the price below the monopoly's; one that is the best reply to itself


def trigger(high=HIGH, low=LOW, game=GAME):
    """High prices as long as all charge them, then low ones for ever: (firms, states)."""
    strategy = np.full(game.states, low)
    strategy[int(game.state_of(np.full(game.firms, high)))] = high
    return np.tile(strategy, (game.firms, 1))


def test_the_reference_numbers():
    """Calvano et al. 2020: prices and profits of the one-shot equilibrium and of the monopoly."""
    nash, monopoly = GAME.nash(), GAME.monopoly()
    assert nash == pytest.approx(1.47293, abs=5e-6)
    assert monopoly == pytest.approx(1.92498, abs=5e-6)
    assert GAME.profits_at([nash, nash])[0] == pytest.approx(0.22293, abs=5e-6)
    assert GAME.profits_at([monopoly, monopoly])[1] == pytest.approx(0.33749, abs=5e-6)
    assert GAME.gain(GAME.profits_at([nash, nash])[0]) == pytest.approx(0)
    assert GAME.gain(GAME.profits_at([monopoly, monopoly])[0]) == pytest.approx(1)


@pytest.mark.parametrize(
    "game", [GAME, Duopoly(firms=3), Duopoly(firms=4, mu=0.1), Duopoly(cost=0.0, outside=-1.0)]
)
def test_prices_by_searching(game):
    """No other price does better: against the others' for one firm, for all alike."""
    best = lambda f: minimize_scalar(f, bounds=(game.cost, 6), method="bounded").x
    nash = game.nash()

    def deviating(price):
        return -game.profits_at(np.append(price, np.full(game.firms - 1, nash)))[0]

    assert best(deviating) == pytest.approx(nash, abs=1e-4)
    joint = lambda price: -game.profits_at(np.full(game.firms, price)).sum()
    assert best(joint) == pytest.approx(game.monopoly(), abs=1e-4)


def test_demand():
    p = np.array([1.4, 1.9])
    e = np.exp((2 - p) / 0.25)
    np.testing.assert_allclose(GAME.demand(p), e / (e.sum() + 1), rtol=1e-12)
    assert np.isfinite(Duopoly(mu=1e-3).demand([0.0, 5.0])).all()  # exp would overflow


def test_the_grid_of_prices():
    nash, monopoly = GAME.nash(), GAME.monopoly()
    grid = GAME.grid()
    assert len(grid) == 15
    assert grid[0] == pytest.approx(nash - 0.1 * (monopoly - nash))
    assert grid[-1] == pytest.approx(monopoly + 0.1 * (monopoly - nash))


@pytest.mark.parametrize("game", [GAME, Duopoly(firms=3, prices=4)])
def test_states_and_profits(game):
    states = np.arange(game.states)
    actions = game.actions_of(states)
    np.testing.assert_array_equal(game.state_of(actions), states)
    np.testing.assert_array_equal(actions[1], [*[0] * (game.firms - 1), 1])
    profits = jax.jit(game.profits)(actions)
    expected = [game.profits_at(game.grid()[a]) for a in actions]
    np.testing.assert_allclose(profits, expected, rtol=1e-6)


def test_the_q_that_learning_begins_with():
    """If the others' prices were drawn evenly for ever."""
    for game in (GAME, Duopoly(firms=3, prices=4)):
        grid = game.grid()
        for action in (0, 3):
            profits = [
                game.profits_at(np.append(grid[action], grid[list(others)]))[0]
                for others in np.ndindex(*[game.prices] * (game.firms - 1))
            ]
            assert game.first_q()[action] == pytest.approx(np.mean(profits) / 0.05)


def test_exploration():
    t = np.array([0, 1, 250_000])
    np.testing.assert_allclose(GAME.exploration(4e-6, t), np.exp(-4e-6 * t), rtol=1e-6)


def test_the_one_shot_equilibrium_is_one_of_the_repeated_game():
    judged = GAME.judge(np.full((2, 225), LOW), state=100)
    assert judged.equilibrium
    assert judged.perfect
    assert judged.path.tolist() == [LOW * 15 + LOW]
    assert judged.gain == pytest.approx(0, abs=0.06)
    np.testing.assert_allclose(judged.prices, GAME.grid()[LOW])
    assert not GAME.judge(np.full((2, 225), 7)).equilibrium


@pytest.mark.parametrize("delta", [0.95, 0.3, 0.1])
def test_a_trigger_is_an_equilibrium_for_the_patient(delta):
    """By hand: pi_high / (1 - delta) against one good period and the low price for ever."""
    game = Duopoly(delta=delta)
    profit = game.table()[:, 0].reshape(15, 15)
    keep = profit[HIGH, HIGH] / (1 - delta)
    leave = profit[:, HIGH].max() + delta * profit[:, LOW].max() / (1 - delta)
    start = HIGH * 15 + HIGH
    judged = game.judge(trigger(), state=start)
    assert judged.path.tolist() == [start]
    assert judged.gain == pytest.approx(0.99, abs=0.01)
    assert judged.equilibrium == judged.perfect == (keep >= leave)
    assert judged.lost[0, start] == pytest.approx(max(leave - keep, 0) / max(leave, keep), abs=1e-9)
    assert judged.lost[:, :start].max() == pytest.approx(0, abs=1e-9)


def test_the_best_reply_of_three_firms():
    """The patient keep a trigger's high prices; the Bellman equation holds in every state."""
    game = Duopoly(firms=3, prices=5)
    table = game.table().reshape(5, 5, 5, 3)
    low = next(a for a in range(5) if table[:, a, a, 0].argmax() == a)
    strategies = trigger(3, low, game)
    q = game.best_reply(strategies, 1)
    for state in range(0, 125, 9):
        for action in range(5):
            actions = strategies[:, state].copy()
            actions[1] = action
            after = int(game.state_of(actions))
            expected = game.table()[after, 1] + 0.95 * q[after].max()
            assert q[state, action] == pytest.approx(expected, rel=1e-9)
    assert game.judge(strategies, state=3 * 31).perfect


def test_a_cycle_is_the_path():
    """Each charges what the other charged: two prices take turns."""
    own = GAME.actions_of(np.arange(225))
    like = np.stack([own[:, 1], own[:, 0]])
    path = GAME.path(like, state=int(GAME.state_of([3, 9])))
    assert sorted(path) == [3 * 15 + 9, 9 * 15 + 3]
    judged = GAME.judge(like, state=int(path[0]))
    np.testing.assert_allclose(judged.prices, GAME.grid()[[3, 9]].mean())


def test_leaving_a_strategy_once():
    """Of all prices of either firm, one after the other, with the discounted sum written out."""
    draw = np.random.default_rng(3)
    game = Duopoly(prices=5)
    strategies = draw.integers(5, size=(2, 25))
    judged, best = game.judge(strategies), -np.inf
    table = game.table()
    for firm in range(2):
        now = np.repeat(judged.path, 5)  # each state with each price of the firm's
        first = np.tile(np.arange(5), len(judged.path))
        total = np.zeros(len(now))
        for period in range(450):  # behind lies 1e-10
            actions = strategies[:, now]
            if period == 0:
                actions[firm] = first
            now = game.state_of(actions.T)
            total += 0.95**period * table[now, firm]
        for state, worth in zip(judged.path, total.reshape(-1, 5), strict=True):
            own = strategies[firm, state]
            best = max(best, np.delete(worth, own).max() / worth[own] - 1)
    assert judged.once == pytest.approx(best, abs=1e-9)
    assert GAME.judge(trigger(), state=HIGH * 15 + HIGH).once < 0


def test_a_price_cut_is_punished():
    """By hand: the best cut in the first period, low prices for ever behind it."""
    start = HIGH * 15 + HIGH
    answer = GAME.impulse(trigger(), start, firm=1, periods=200)
    profit, grid = GAME.table()[:, 0].reshape(15, 15), GAME.grid()
    cut = profit[:, HIGH].argmax()
    np.testing.assert_allclose(answer.prices[0], grid[[HIGH, cut]])
    np.testing.assert_allclose(answer.prices[1:], grid[LOW])
    np.testing.assert_allclose(answer.without, profit[HIGH, HIGH])
    leave = profit[cut, HIGH] + 0.95 / 0.05 * profit[LOW, LOW]
    keep = profit[HIGH, HIGH] / 0.05
    assert answer.worth[1] == pytest.approx(leave / keep - 1, abs=1e-4)
    assert answer.worth[0] < answer.worth[1] < 0
    held = GAME.impulse(trigger(), start, action=5, hold=3, periods=5)
    np.testing.assert_allclose(held.prices[:, 0], grid[[5, 5, 5, LOW, LOW]])
    np.testing.assert_allclose(held.prices[:, 1], grid[[HIGH, LOW, LOW, LOW, LOW]])


def test_against_a_fixed_rival():
    against = PricingAgainst()
    assert check_environment(against).observation == (225,)
    exact = against.exact()
    own = GAME.actions_of(np.arange(225))[:, 0]
    np.testing.assert_array_equal(against.strategy, own)
    # two ways of working out the best reply: a linear system, and an iteration on what follows
    q = GAME.best_reply(np.stack([own, own]), 0)
    np.testing.assert_allclose(exact.q, q, rtol=1e-9)
    assert GAME.grid()[exact.policy].mean() > 1.8  # like with like makes high prices pay
    states = jnp.arange(225, dtype=jnp.int32)
    keys = jax.random.split(jax.random.key(0), 225)

    @jax.jit
    def played(chosen):
        policy = lambda seen, legal, key: chosen[jnp.argmax(seen)]
        return discounted(against, policy, states, keys, gamma=0.95, steps=300)

    # nothing is random: equal but for single precision and 2e-7 behind 300 periods
    np.testing.assert_allclose(played(exact.policy), exact.value, rtol=1e-4)
    low = np.full(225, LOW)
    np.testing.assert_allclose(played(low), exact.value_of(low), rtol=1e-4)
    assert exact.value_lost(low).min() > 0.2


def test_against_a_trigger():
    against = PricingAgainst(strategy=tuple(trigger()[1]))
    exact = against.exact()
    profit = GAME.table()[:, 0].reshape(15, 15)
    assert exact.policy[HIGH * 15 + HIGH] == HIGH
    assert exact.value[HIGH * 15 + HIGH] == pytest.approx(profit[HIGH, HIGH] / 0.05)
    assert exact.value[0] == pytest.approx(profit[LOW, LOW] / 0.05)


def test_what_makes_no_sense():
    with pytest.raises(DescendError, match="at most 100,000"):
        Duopoly(firms=5)
    with pytest.raises(DescendError, match=r"of shape \(2, 225\)"):
        GAME.judge(np.zeros((2, 15), int))
    with pytest.raises(DescendError, match="whole numbers from 0 to 14"):
        GAME.path(np.full((2, 225), 15))
    with pytest.raises(DescendError, match="firm must be 0 to 1"):
        GAME.impulse(trigger(), firm=2)
    with pytest.raises(DescendError, match="action must be 0 to 14"):
        GAME.impulse(trigger(), action=15)
    with pytest.raises(DescendError, match="two firms"):
        PricingAgainst(game=Duopoly(firms=3))
    with pytest.raises(DescendError, match="strategies are whole numbers"):
        PricingAgainst(strategy=(1, 2, 3))
