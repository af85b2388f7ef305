"""The regulator against a Riccati iteration, brute force and simulated returns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.linear_quadratic import LinearQuadratic
from descend.agents.exact import discounted
from descend.agents.walking import play
from descend.errors import DescendError

BANK = LinearQuadratic()
SCALAR = LinearQuadratic(A=((1.1,),), B=((1.0,),), Q=((1.0,),), R=((1.0,),), noise=0.0)
PATHS = 3000


def test_it_is_an_environment():
    checked = check_environment(BANK)
    assert checked.observation == (2,)
    assert checked.actions.shape == (1,)
    assert BANK.variables == ("inflation", "gap")
    assert SCALAR.variables == ("x_1",)


@pytest.mark.parametrize("gamma", [0.9, 0.95, 0.99])
def test_the_riccati_equation(gamma):
    """Iterated from P = 0, as on the page."""
    A, B, Q, R = (np.array(m) for m in (BANK.A, BANK.B, BANK.Q, BANK.R))
    P = np.zeros_like(Q)
    for _ in range(3000):
        inner = np.linalg.inv(R + gamma * B.T @ P @ B)
        P = Q + gamma * A.T @ P @ A - gamma**2 * A.T @ P @ B @ inner @ B.T @ P @ A
    exact = BANK.exact(gamma)
    np.testing.assert_allclose(exact.P, P, rtol=1e-9)
    gain = gamma * np.linalg.inv(R + gamma * B.T @ P @ B) @ B.T @ P @ A
    np.testing.assert_allclose(exact.gain, gain, rtol=1e-9)
    assert exact.constant == pytest.approx(gamma / (1 - gamma) * 0.01 * np.trace(P))


def test_a_scalar_by_hand():
    """P = 1 + g a^2 P - (g a P)^2 / (1 + g P) with a = 1.1, g = .95: a quadratic equation."""
    g, a = 0.95, 1.1
    # P (1 + g P) = (1 + g P) + g a^2 P
    P = max(np.roots([g, 1 - g - g * a**2, -1]))
    exact = SCALAR.exact()
    assert exact.P[0, 0] == pytest.approx(P)
    assert exact.gain[0, 0] == pytest.approx(g * a * P / (1 + g * P))
    assert exact.constant == 0


def test_value_and_action_value():
    """V is the largest Q, at -K x; Q = reward + gamma E V(x'), the noise drawn."""
    exact, draw = BANK.exact(), np.random.default_rng(0)
    x, u = draw.uniform(-1, 1, (20, 2)), draw.uniform(-4, 4, (20, 1))
    best = -x @ exact.gain.T
    np.testing.assert_allclose(exact.action_value(x, best), exact.value(x), rtol=1e-9)
    assert (exact.action_value(x, u) < exact.value(x)).all()
    A, B, Q, R = (np.array(m) for m in (BANK.A, BANK.B, BANK.Q, BANK.R))
    reward = -np.einsum("ni,ij,nj->n", x, Q, x) - np.einsum("ni,ij,nj->n", u, R, u)
    noise = draw.normal(size=(50_000, 1, 2)) * BANK.noise
    noise = np.concatenate([noise, -noise])
    after = exact.value(x @ A.T + u @ B.T + noise)
    error = after.std(axis=0) / np.sqrt(50_000)
    difference = reward + 0.95 * after.mean(axis=0) - exact.action_value(x, u)
    assert (np.abs(difference) < 4 * error).all()


@jax.jit
def played(gain, x, keys):
    """Discounted returns (PATHS,) of u = -gain x; behind 250 periods lies 3e-6 of a value."""
    rule = lambda seen, legal, key: -gain @ seen
    return discounted(BANK, rule, x, keys, gamma=BANK.beta, steps=250)


def test_simulated_returns_are_the_exact_ones():
    exact = BANK.exact()
    for seed in range(3):
        first, chance = jax.random.split(jax.random.key(seed))
        x = jax.vmap(BANK.reset)(jax.random.split(first, PATHS))
        keys = jax.random.split(chance, PATHS)
        error = np.asarray(played(jnp.asarray(exact.gain, float), x, keys)) - exact.value(x)
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(PATHS) + 1e-4
    lower = np.asarray(played(jnp.asarray(0.5 * exact.gain, float), x, keys)) - exact.value(x)
    assert lower.mean() < -10 * lower.std() / np.sqrt(PATHS)


def test_the_best_rule_stays_within_the_bounds():
    """`exact` knows no bounds: in 2,000 episodes of 50 periods none is met."""
    gain = jnp.asarray(BANK.exact().gain, float)
    within = lambda u: jnp.clip(u, -BANK.widest, BANK.widest)
    keys = jax.random.split(jax.random.key(0), 2000)
    free = play(BANK, lambda seen, legal, key: -gain @ seen, keys)
    held = play(BANK, lambda seen, legal, key: within(-gain @ seen), keys)
    np.testing.assert_array_equal(free.returns, held.returns)


def test_noise_is_as_stated():
    keys = jax.random.split(jax.random.key(0), 20_000)
    step = jax.jit(jax.vmap(lambda k: BANK.step(jnp.array([1.0, -1.0]), jnp.array([2.0]), k)))
    after, rewards, _ = map(np.asarray, step(keys))
    np.testing.assert_allclose(after.mean(axis=0), [0.6, -1.8], atol=4 * 0.1 / 141)
    np.testing.assert_allclose(np.cov(after.T), 0.01 * np.eye(2), atol=5e-4)
    np.testing.assert_allclose(rewards, -(1 + 0.5 + 0.2 * 4), rtol=1e-5)


@pytest.mark.parametrize(
    ("matrices", "words"),
    [
        ({"A": ((1.0,),)}, "B has shape"),
        ({"Q": ((1.0, 0.0), (0.0, -0.5))}, "no eigenvalue below 0"),
        ({"R": ((0.0,),)}, "all above 0"),
        ({"A": "many"}, "rows of numbers"),
        ({"A": ((1.0, 2.0), (3.0,))}, "rows of numbers"),
    ],
)
def test_matrices_that_make_no_sense(matrices, words):
    with pytest.raises(DescendError, match=words):
        LinearQuadratic(**matrices)


def test_what_no_rule_can_steer():
    wild = LinearQuadratic(A=((2.0, 0.0), (0.0, 0.5)), B=((0.0,), (1.0,)))
    with pytest.raises(DescendError, match="no rule keeps"):
        wild.exact()


def test_arrays_become_tuples():
    other = LinearQuadratic(A=np.array(BANK.A))
    assert other == BANK
    assert hash(other) == hash(BANK)
