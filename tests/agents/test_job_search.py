"""McCall's search against the scalar equation of its reservation wage, and SciPy's law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import betabinom

from descend.agents import check_environment
from descend.agents.environments.job_search import JobSearch
from descend.agents.exact import Finite, discounted
from descend.errors import DescendError

SEARCH = JobSearch()
PATHS = 2000


def test_it_is_an_environment():
    checked = check_environment(SEARCH)
    assert checked.observation == (11,)
    assert checked.actions.name(1) == "accept"
    assert SEARCH.variables[0] == "wage 10"


def test_the_reference_numbers():
    """QuantEcon's parameters: 53.2228 a period, 5322.279 in present value."""
    exact, wage = SEARCH.exact(), SEARCH.reservation_wage()
    assert wage == pytest.approx(53.2228, abs=5e-5)
    assert exact.value[0] / (1 - SEARCH.beta) == pytest.approx(5322.279, abs=5e-4)
    np.testing.assert_allclose(exact.q[:, 0], wage, rtol=1e-10)  # rejecting is worth the same
    np.testing.assert_array_equal(exact.policy, SEARCH.wages() > wage)
    np.testing.assert_allclose(exact.value, np.maximum(SEARCH.wages(), wage), rtol=1e-10)


def test_the_law_of_wages_is_beta_binomial():
    expected = betabinom(10, 200, 100).pmf(np.arange(11))
    np.testing.assert_allclose(SEARCH.chances(), expected, rtol=1e-11)
    np.testing.assert_allclose(SEARCH.chances(jnp), expected, rtol=3e-6)
    other = JobSearch(offers=31, a=2.0, b=0.5)
    np.testing.assert_allclose(
        other.chances(), betabinom(30, 2, 0.5).pmf(np.arange(31)), rtol=1e-11
    )


def test_offers_follow_the_law():
    keys = jax.random.split(jax.random.key(0), 100_000)
    after, rewards, over = jax.jit(jax.vmap(lambda k: SEARCH.step(jnp.int32(3), jnp.int32(0), k)))(
        keys
    )
    shares = np.bincount(np.asarray(after), minlength=11) / len(keys)
    p = SEARCH.chances()
    assert (np.abs(shares - p) <= 4 * np.sqrt(p * (1 - p) / len(keys)) + 1e-5).all()
    assert not np.asarray(over).any()
    np.testing.assert_allclose(rewards, 0.25, rtol=1e-5)  # (1 - .99) 25


def test_first_offers_are_even_or_of_the_law():
    keys = jax.random.split(jax.random.key(1), 50_000)
    drawn = jax.jit(lambda even: jax.vmap(SEARCH.bound({"even": even}).reset)(keys))
    for even, expected in ((1.0, np.full(11, 1 / 11)), (0.0, SEARCH.chances())):
        shares = np.bincount(np.asarray(drawn(even)), minlength=11) / len(keys)
        assert np.abs(shares - expected).max() < 4 * np.sqrt(0.25 * 0.75 / len(keys))


@jax.jit
def played(chosen, key):
    """First offers and discounted returns (PATHS,); 200 periods without a job: 1e-10 of them."""
    first, key = jax.random.split(key)
    states = jax.vmap(SEARCH.reset)(jax.random.split(first, PATHS))
    policy = lambda seen, legal, key: chosen[jnp.argmax(seen)]
    keys = jax.random.split(key, PATHS)
    return states, discounted(SEARCH, policy, states, keys, gamma=SEARCH.beta, steps=200)


@pytest.mark.parametrize("threshold", [45, 55])
def test_simulated_returns_are_the_exact_ones(threshold):
    """Of the best policy (accept 55 and more) and of one that accepts 45: three seeds."""
    accept = (SEARCH.wages() >= threshold).astype(np.int32)
    value = SEARCH.exact().value_of(accept)
    for seed in range(3):
        states, returns = map(np.asarray, played(accept, jax.random.key(seed)))
        error = returns - value[states]
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(PATHS) + 1e-3


def test_what_a_lower_threshold_costs():
    exact = SEARCH.exact()
    lost = exact.value_lost((SEARCH.wages() >= 50).astype(int))
    assert lost[:8].max() > 0.01  # whoever searches
    assert lost[-1] == 0  # 60 is accepted either way
    assert np.abs(exact.value_lost(exact.policy)).max() == 0


def test_parameters_can_be_traced():
    def value(beta):
        bound = SEARCH.bound({"beta": beta, "a": 200.0 * beta / 0.99})
        return bound.step(jnp.int32(0), jnp.int32(0), jax.random.key(0))[1]

    np.testing.assert_allclose(jax.vmap(value)(jnp.array([0.9, 0.99])), [2.5, 0.25], rtol=1e-4)


def test_wages_that_make_no_sense():
    with pytest.raises(DescendError, match="lowest must be below highest"):
        JobSearch(lowest=60.0)


# -- the exact answer of any finite problem ---------------------------------------------------


def corridor(gamma):
    """Four cells, left or right, 1 for leaving at the right end: V = gamma^(steps - 1)."""
    rewards, transitions = np.zeros((4, 2)), np.zeros((4, 2, 4))
    for cell in range(4):
        transitions[cell, 0, max(cell - 1, 0)] = 1
        if cell < 3:
            transitions[cell, 1, cell + 1] = 1
    rewards[3, 1] = 1
    return Finite(rewards, transitions, gamma)


def test_a_corridor():
    problem = corridor(0.9)
    np.testing.assert_allclose(problem.value, 0.9 ** np.arange(3, -1, -1), rtol=1e-12)
    np.testing.assert_array_equal(problem.policy, 1)
    np.testing.assert_allclose(problem.value_lost(np.array([1, 1, 1, 0])), 1)
    even = problem.value_of(np.full((4, 2), 0.5))
    np.testing.assert_allclose(even[3], 0.5 + 0.45 * even[2], rtol=1e-12)


def test_without_discounting_a_policy_must_end():
    problem = corridor(1.0)
    np.testing.assert_allclose(problem.value_of(np.ones(4, int)), 1)
    with pytest.raises(DescendError, match="never ends"):
        problem.value_of(np.zeros(4, int))


def test_random_problems_against_value_iteration():
    draw = np.random.default_rng(0)
    for _ in range(5):
        rewards = draw.normal(size=(7, 4))
        transitions = draw.dirichlet(np.ones(7), size=(7, 4)) * draw.uniform(0.8, 1, (7, 4, 1))
        legal = draw.uniform(size=(7, 4)) < 0.6
        legal[:, 0] = True
        problem = Finite(rewards, transitions, 0.95, legal)
        value = np.zeros(7)
        for _ in range(2000):
            q = np.where(legal, rewards + 0.95 * transitions @ value, -np.inf)
            value = q.max(axis=1)
        np.testing.assert_allclose(problem.value, value, rtol=1e-9)
        np.testing.assert_array_equal(problem.policy, q.argmax(axis=1))
        np.testing.assert_allclose(problem.q, q, rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((2, 2)), np.zeros((2, 2, 3)), 0.9), "transitions"),
        ((np.zeros((2, 2)), np.ones((2, 2, 2)), 0.9), "sum to 2"),
        ((np.zeros((2, 2)), np.zeros((2, 2, 2)), 1.1), "gamma"),
        ((np.zeros((2, 2)), np.zeros((2, 2, 2)), 0.9, np.zeros((2, 2), bool)), "legal"),
    ],
)
def test_arrays_that_are_no_problem(arguments, words):
    with pytest.raises(DescendError, match=words):
        Finite(*arguments)


def test_a_policy_that_is_none():
    problem = Finite(np.zeros((2, 2)), np.zeros((2, 2, 2)), 0.9, np.array([[1, 0], [1, 1]], bool))
    with pytest.raises(DescendError, match="action 1 is not legal in state 0"):
        problem.value_of(np.array([1, 1]))
    with pytest.raises(DescendError, match="whole numbers"):
        problem.value_of(np.array([0.5, 0.5]))
