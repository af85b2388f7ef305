"""The inventory against arrays, reference numbers and a simulation written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.inventory import Inventory
from descend.agents.exact import discounted

SHOP = Inventory()
DRAWS = 4000


def test_it_is_an_environment():
    checked = check_environment(SHOP)
    assert checked.legal
    assert checked.observation == (21,)
    assert checked.actions.n == 21


def test_the_reference_numbers():
    exact = SHOP.exact()
    assert exact.value.min() == pytest.approx(13.0511, abs=5e-5)
    assert exact.value.max() == pytest.approx(18.0533, abs=5e-5)
    np.testing.assert_array_equal(exact.policy, [14, 13, 12] + [0] * 18)


def test_the_bellman_equation_demand_by_demand():
    """E over demands up to 80, one by one, in place of the tail that the arrays sum up."""
    exact, d = SHOP.exact(), np.arange(80)
    chances = 0.3**d * 0.7
    for x in (0, 2, 7, 20):
        for a in {0, min(1, 20 - x), 20 - x}:
            sold = np.minimum(x, d)
            profit = chances @ sold - 0.2 * a - 0.8 * (a > 0)
            later = chances @ exact.value[np.maximum(x - d, 0) + a]
            assert exact.q[x, a] == pytest.approx(profit + 0.98 * later, rel=1e-9)
    assert exact.q[20, 1] == -np.inf  # no room


def test_frequencies_and_rewards_are_those_of_the_arrays():
    exact = SHOP.exact()
    states, actions = np.nonzero(exact.legal)

    @jax.jit
    def drawn(key):
        keys = jax.random.split(key, (DRAWS, len(states)))
        return jax.vmap(jax.vmap(SHOP.step), (None, None, 0))(
            jnp.asarray(states, jnp.int32), jnp.asarray(actions, jnp.int32), keys
        )

    after, rewards, over = map(np.asarray, drawn(jax.random.key(0)))
    assert not over.any()
    for i, (x, a) in enumerate(zip(states, actions, strict=True)):
        shares = np.bincount(after[:, i], minlength=21) / DRAWS
        p = exact.transitions[x, a]
        # 231 rows of some 10 shares each: 5 standard errors, and nothing where p is 0
        assert (
            np.abs(shares - p) <= 5 * np.sqrt(p * (1 - p) / DRAWS) + 0.5 / DRAWS * (p > 0)
        ).all()
        spread = rewards[:, i].std() / np.sqrt(DRAWS)
        assert abs(rewards[:, i].mean() - exact.rewards[x, a]) <= 5 * spread + 1e-5


@jax.jit
def played(chosen, key):
    """Stocks and discounted returns (1050,); behind 500 periods lies 4e-5 of a value."""
    states = jnp.arange(1050, dtype=jnp.int32) % 21
    policy = lambda seen, legal, key: chosen[jnp.argmax(seen)]
    keys = jax.random.split(key, 1050)
    return states, discounted(SHOP, policy, states, keys, gamma=SHOP.beta, steps=500)


def test_simulated_returns_are_the_exact_ones():
    """Of the best policy and of one that orders ten whenever there is room: three seeds."""
    exact = SHOP.exact()
    ten = np.where(np.arange(21) <= 10, 10, 0)
    assert (exact.value_lost(ten) > 0.005).all()
    for orders in (exact.policy, ten):
        value = exact.value_of(orders)
        for seed in range(3):
            states, returns = map(np.asarray, played(orders.astype(np.int32), jax.random.key(seed)))
            error = returns - value[states]
            assert abs(error.mean()) < 4 * error.std() / np.sqrt(1050) + 1e-3


def test_the_value_lost_tells_more_than_the_orders_that_are_right():
    exact = SHOP.exact()
    near, never = exact.policy.copy(), exact.policy.copy()
    near[:3] = [13, 12, 11]  # three orders wrong
    never[0] = 0  # one order wrong
    assert exact.value_lost(near).max() < 0.01
    assert exact.value_lost(never)[0] == pytest.approx(1)


def test_an_order_beyond_the_room_is_cut():
    state, reward, _ = SHOP.step(jnp.int32(15), jnp.int32(20), jax.random.key(3))
    sold = 20 - int(state)
    assert float(reward) == pytest.approx(sold - 0.2 * 5 - 0.8)
    legal = np.asarray(SHOP.legal(jnp.int32(15)))
    np.testing.assert_array_equal(legal, np.arange(21) <= 5)


def test_other_sizes_and_traced_numbers():
    small = Inventory(capacity=3, stop=0.5, cost=0.1, fixed=0.0, beta=0.9)
    assert check_environment(small).actions.n == 4
    # without a fixed cost the shelf is filled up to a level; the last unit may not pay
    filled = small.exact().policy + np.arange(4)
    assert (np.diff(filled) >= 0).all()
    step = lambda cost: SHOP.bound({"cost": cost}).step(
        jnp.int32(0), jnp.int32(5), jax.random.key(0)
    )
    np.testing.assert_allclose(jax.vmap(step)(jnp.array([0.2, 1.0]))[1], [-1.8, -5.8], rtol=1e-5)
