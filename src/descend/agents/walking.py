"""How an agent goes through an environment: who cuts an episode short and begins the next.

This is the one place where an episode ends. *Terminated* is what `Environment.step` says; an
episode of `limit` steps that did not terminate is *truncated*. Either way the next one begins at
once, and the transition keeps the observation that the last step led to, not the first of the next
episode: a target bootstraps from it unless the episode was terminated.

Source: Pardo et al. 2018, Time Limits in Reinforcement Learning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.environment import Environment


class Place(NamedTuple):
    """Where an agent stands in an episode.

    state: of the environment; steps: behind it in this episode; total: its return so far.
    """

    state: Any
    steps: jax.Array
    total: jax.Array


class Transition(NamedTuple):
    """One step: what was seen, done and gained, and what it led to.

    after: the observation that the step led to, also of an episode's last step.
    legal: the actions that are legal there, where the environment says so; else None.
    terminated: whether nothing more was to come, from the view of a target.
    ended: whether the next transition belongs to another episode (terminated or truncated).
    """

    observation: Any
    action: Any
    reward: jax.Array
    after: Any
    legal: Any
    terminated: jax.Array
    ended: jax.Array


class Episodes(NamedTuple):
    """What ended at a step: the sum of the returns and of the lengths, and how many episodes."""

    returns: jax.Array
    steps: jax.Array
    number: jax.Array

    def logs(self) -> dict[str, tuple[jax.Array, jax.Array]]:
        """Means over the episodes that ended; where none did, they are NaN."""
        return {"return": (self.returns, self.number), "length": (self.steps, self.number)}


def begin(environment: Environment, key: jax.Array) -> Place:
    """The beginning of an episode."""
    return begun(environment.reset(key))


def begun(state: Any) -> Place:
    """The beginning of an episode in a state."""
    state = jax.tree.map(jnp.asarray, state)
    return Place(state, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.result_type(float)))


def advance(
    environment: Environment, place: Place, action: Any, key: jax.Array, fresh: Any
) -> tuple[Place, Transition, Episodes]:
    """One step, and where it ends an episode the beginning of the next.

    Args:
        key: key of the step's chance.
        fresh: state that the next episode begins in, of `Environment.reset`.

    Returns:
        (the next place, the transition, what ended).
    """
    state, reward, terminated = environment.step(place.state, action, key)
    state = jax.tree.map(jnp.asarray, state)
    reward = jnp.asarray(reward, jnp.result_type(float))
    terminated = jnp.asarray(terminated, bool)
    steps, total = place.steps + 1, place.total + counted(environment, reward, place.steps)
    ended = terminated | (steps >= environment.limit)
    transition = Transition(
        environment.observe(place.state),
        action,
        reward,
        environment.observe(state),
        environment.legal(state),
        terminated,
        ended,
    )
    number = ended.astype(total.dtype)
    episodes = Episodes(total * number, steps * number, number)
    going = Place(state, steps, total)
    new = jax.tree.map(lambda a, b: jnp.where(ended, a, b), begun(fresh), going)
    return new, transition, episodes


def counted(environment: Environment, reward: Any, steps: Any) -> Any:
    """What a reward behind so many steps adds to a return: discounted where the environment is."""
    gamma = environment.discount
    return reward if gamma is None else reward * jnp.asarray(gamma, reward.dtype) ** steps


class Played(NamedTuple):
    """Episodes played to their end: arrays of one number an episode."""

    returns: jax.Array
    steps: jax.Array
    terminated: jax.Array


def play(
    environment: Environment,
    policy: Callable[[Any, Any, jax.Array], Any],
    keys: jax.Array,
) -> Played:
    """Play one episode for each key, side by side, until the last has ended.

    Args:
        policy: function (observation, legal actions or None, key) -> action, of one episode.
        keys: keys (episodes,); an episode's chance follows from its key alone.
    """
    float_type = jnp.result_type(float)

    def first(key: jax.Array) -> Any:
        reset_key, key = jax.random.split(key)
        return begin(environment, reset_key), key

    def one(place: Place, key: jax.Array, going: jax.Array, terminated: jax.Array) -> Any:
        act_key, step_key = jax.random.split(jax.random.fold_in(key, place.steps))
        legal = environment.legal(place.state)
        action = policy(environment.observe(place.state), legal, act_key)
        state, reward, over = environment.step(place.state, action, step_key)
        reward = jnp.asarray(reward, float_type)
        over = jnp.asarray(over, bool)
        total = place.total + counted(environment, reward, place.steps)
        new = Place(state, place.steps + 1, total)
        new = jax.tree.map(lambda a, b: jnp.where(going, a, b), new, place)
        return new, going & ~over & (new.steps < environment.limit), terminated | (going & over)

    def body(carry: Any) -> Any:
        places, going, terminated = carry
        return jax.vmap(one)(places, keys, going, terminated)

    places, keys = jax.vmap(first)(keys)
    none = jnp.zeros(keys.shape[0], bool)
    places, _, terminated = jax.lax.while_loop(
        lambda carry: jnp.any(carry[1]), body, (places, ~none, none)
    )
    return Played(places.total, places.steps, terminated)
