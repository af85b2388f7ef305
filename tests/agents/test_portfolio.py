"""Merton's problem against continuous time, a grid search and simulated returns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.portfolio import Portfolio
from descend.agents.exact import discounted
from descend.errors import DescendError

PATHS = 3000
RISKS = (0.5, 1.0, 2.0, 5.0)


def with_risk(gamma):
    """A portfolio whose best share lies inside."""
    return Portfolio(gamma=gamma, sigma=0.35 if gamma <= 1 else 0.2)


def test_it_is_an_environment():
    checked = check_environment(Portfolio())
    assert checked.observation == (1,)
    assert checked.actions.names == ("risky", "consumed")


def test_mertons_share():
    """(mu - r) / (gamma sigma^2) = .05 / (2 x .04); consumption of the textbook's formula."""
    merton = Portfolio().merton()
    assert merton.risky == pytest.approx(0.625)
    rho = -np.log(0.96)
    assert merton.consumed == pytest.approx((rho + 0.03 + 0.05**2 / (2 * 2 * 0.04)) / 2)


@pytest.mark.parametrize("gamma", RISKS)
def test_discrete_time_goes_to_continuous_time(gamma):
    """With the period also the distance shrinks by some ten."""
    away = []
    for period in (1.0, 0.1, 0.01):
        one = with_risk(gamma)
        short = Portfolio(
            mu=one.mu * period,
            r=one.r * period,
            sigma=one.sigma * period**0.5,
            beta=one.beta**period,
            gamma=gamma,
            least=1e-5,
            most=0.9,
        )
        exact, merton = short.exact(), short.merton()
        away.append((abs(exact.risky - merton.risky), abs(exact.consumed / merton.consumed - 1)))
    shares, rates = np.array(away).T
    assert (shares[1:] < 0.2 * shares[:-1]).all()
    assert shares[-1] < 1e-4
    assert (rates[1:] < 0.2 * rates[:-1]).all()


@pytest.mark.parametrize("gamma", RISKS)
def test_the_bellman_equation(gamma):
    """V(1) is the largest u(c) + beta E V(W') on a grid of both shares, attained at `exact`."""
    one = with_risk(gamma)
    exact = one.exact()
    u, weights = np.polynomial.legendre.leggauss(400)  # another rule: normal density on +- 8
    z, weights = 8 * u, 8 * weights * np.exp(-32 * u**2) / np.sqrt(2 * np.pi)
    safe, risky = np.exp(one.r), np.exp(one.mu - one.sigma**2 / 2 + one.sigma * z)

    def right(share, consumed):
        log = np.log(consumed / one.unit)
        utility = log if gamma == 1 else (np.exp((1 - gamma) * log) - 1) / (1 - gamma)
        after = (1 - consumed) * (safe + share * (risky - safe))
        return utility + one.beta * weights @ exact.value(after)

    value = float(exact.value(1.0))
    assert right(exact.risky, exact.consumed) == pytest.approx(value, rel=1e-8)
    grid = [
        right(share, consumed)
        for share in np.linspace(0, 1, 21)
        for consumed in np.linspace(one.least, one.most, 29)
    ]
    assert max(grid) <= value + 1e-9
    assert max(grid) == pytest.approx(value, abs=2e-2)


@jax.jit
def played(gamma, sigma, action, logs, keys):
    """Discounted returns (PATHS,); behind 350 periods lies 6e-7 of a value."""
    bound = Portfolio().bound({"gamma": gamma, "sigma": sigma})
    policy = lambda seen, legal, key: action
    return discounted(bound, policy, logs, keys, gamma=bound.beta, steps=350)


@pytest.mark.parametrize("gamma", RISKS)
def test_simulated_returns_are_the_exact_ones(gamma):
    """From wealth .5, 1 and 2, three seeds; gamma and sigma are traced here."""
    one = with_risk(gamma)
    exact = one.exact()
    wealth = np.tile([0.5, 1.0, 2.0], PATHS // 3)
    for seed in range(3):
        keys = jax.random.split(jax.random.key(seed), PATHS)
        action = jnp.array([exact.risky, exact.consumed], float)
        logs = jnp.asarray(np.log(wealth), float)
        error = np.asarray(played(gamma, one.sigma, action, logs, keys)) - exact.value(wealth)
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(PATHS) + 1e-3


def test_a_share_beyond_one_is_one():
    assert Portfolio(gamma=1.0).merton().risky == pytest.approx(1.25)
    assert Portfolio(gamma=1.0).exact().risky == 1


def test_log_utility_eats_what_impatience_says():
    assert with_risk(1.0).exact().consumed == pytest.approx(0.04)


def test_what_makes_no_sense():
    with pytest.raises(DescendError, match="least must be below most"):
        Portfolio(least=0.2)
    with pytest.raises(DescendError, match="does not lie between"):
        Portfolio(most=0.02).exact()
