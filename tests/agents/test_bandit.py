"""The bandit: what its arms pay, beside the law they are drawn from."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.bandit import Bandit, Pull
from descend.agents.walking import play
from descend.errors import DescendError


def test_it_is_an_environment():
    checked = check_environment(Bandit())
    assert checked.observation == (1,)
    assert checked.actions.n == 10
    assert not checked.legal


def test_arms_pay_their_means_with_the_stated_spread():
    bandit, n = Bandit(arms=3, means=(-1.0, 0.5, 4.0), spread=2.0), 20_000
    np.testing.assert_allclose(bandit.values(), [-1, 0.5, 4])
    start = bandit.reset(jax.random.key(0))
    assert (int(start.arm), float(start.paid)) == (-1, 0.0)

    def pull(arm, key):
        return bandit.step(start, arm, key)

    keys = jax.random.split(jax.random.key(0), n)
    of_arm = jax.vmap(pull, in_axes=(None, 0))
    state, paid, over = jax.jit(jax.vmap(of_arm, in_axes=(0, None)))(jnp.arange(3), keys)
    # 4.5 standard errors: of a mean 2 / sqrt(n), of a standard deviation 2 / sqrt(2 n)
    np.testing.assert_allclose(paid.mean(axis=1), bandit.values(), atol=4.5 * 2 / n**0.5)
    np.testing.assert_allclose(paid.std(axis=1), 2.0, atol=4.5 * 2 / (2 * n) ** 0.5)
    np.testing.assert_array_equal(state.paid, paid)
    np.testing.assert_array_equal(np.asarray(state.arm)[:, 0], [0, 1, 2])
    assert not np.asarray(over).any()


def test_the_testbed_is_that_of_sutton_and_barto():
    """2,000 bandits of ten arms: at best 1.54 a pull, as their figure 2.2 draws it."""
    bandit = Bandit()
    means = jax.vmap(lambda seed: bandit.bound({"seed": seed}).values())(jnp.arange(2000))
    means = np.asarray(means)
    assert abs(means.mean()) < 4.5 / 20_000**0.5
    assert abs(means.std() - 1) < 4.5 / 40_000**0.5
    # the largest of ten standard normals: mean 1.53875, standard deviation .587
    assert abs(means.max(axis=1).mean() - 1.53875) < 4.5 * 0.587 / 2000**0.5
    np.testing.assert_array_equal(means[7], Bandit(seed=7).values())


def test_an_episode_is_limit_pulls_and_pays_their_sum():
    bandit = Bandit(arms=2, means=(1.0, -1.0), spread=0.0, limit=25)
    keys = jax.random.split(jax.random.key(0), 3)
    played = play(bandit, lambda seen, legal, key: jnp.int32(0), keys)
    np.testing.assert_array_equal(played.steps, 25)
    np.testing.assert_allclose(played.returns, 25.0)
    assert not np.asarray(played.terminated).any()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"means": (1.0, 2.0)}, "2 means for 10 arms; say arms=2"),
        ({"arms": 2, "means": (1.0, float("nan"))}, "finite numbers"),
        ({"means": "best"}, "finite numbers"),
        ({"arms": 1}, "arms"),
        ({"spread": -1.0}, "spread"),
    ],
)
def test_wrong_fields_are_refused(fields, words):
    with pytest.raises(DescendError, match=words):
        Bandit(**fields)


def test_the_picture_shows_means_and_the_last_pull():
    bandit = Bandit(arms=2, means=(1.0, -1.0))
    before, after = (bandit.picture(Pull(*last)) for last in ((-1, 0.0), (0, 0.5)))
    assert before.dtype == np.uint8
    assert before.shape == after.shape
    assert before.shape[2] == 3
    half = before.shape[1] // 2
    assert (before[:, half:] == after[:, half:]).all()  # the arm that was not pulled
    assert (before[:, :half] != after[:, :half]).any()
    with_bar = (before != 255).any(axis=-1)
    top, bottom = with_bar[:55], with_bar[65:]
    assert top[:, :half].any()
    assert not top[:, half:].any()
    assert bottom[:, half:].any()
    assert not bottom[:, :half].any()
