"""Environments of gymnax, inside the compiled program.

gymnax's own `step` begins the next episode by itself, and tells ends and cuts apart only in what it
returns beside; here its `step_env` is called, which does neither, and `limit` cuts.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.adapters.packages import package, remade
from descend.agents.environment import Box, Choice, Environment
from descend.errors import DescendError, unknown
from descend.statement import parameter

NEED = "an environment of gymnax"


class Standing(NamedTuple):
    """A state of gymnax, and what is seen of it: its observations may depend on chance."""

    state: Any
    seen: jax.Array


@dataclass(frozen=True)
class Gymnax(Environment):
    """An environment of gymnax; `from_gymnax` makes it.

    Args:
        name: its id.
        limit: steps after which an episode is cut short.
        own: whether it was given as an object or with parameters, which no file holds.
        given: object of gymnax, and its parameters.

    Raises:
        DescendError: an unknown id; spaces that agents here cannot use; gymnax is not installed.

    Source: Lange 2022, gymnax: A JAX-based Reinforcement Learning Environment Library.
    """

    name: str = field(default="", metadata={"kept": True})
    limit: int = parameter(1000, least=1, doc="steps after which an episode is cut short")
    own: bool = field(default=False, metadata={"kept": True})
    given: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def restored(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the environment of a file."""
        return remade(cls, parameters, "from_gymnax")

    @property
    def label(self) -> str:
        """Its id."""
        return self.name

    @functools.cached_property
    def _made(self) -> tuple[Any, Any]:
        return self.given or _by_name(self.name)

    @functools.cached_property
    def spaces(self) -> tuple[Any, Any]:
        """(observation space, action space)."""
        made, params = self._made
        return made.observation_space(params), made.action_space(params)

    @functools.cached_property
    def actions(self) -> Any:
        """`Choice(n)` or `Box(low, high)`, by the action space."""
        space, spaces = self.spaces[1], package("gymnax.environments.spaces", NEED)
        if isinstance(space, spaces.Discrete):
            return Choice(int(space.n))
        if not isinstance(space, spaces.Box):
            raise DescendError(f"{self.label}: actions must be Discrete or a Box, got {space}")
        low, high = (np.broadcast_to(b, space.shape).ravel() for b in (space.low, space.high))
        return Box(tuple(low.tolist()), tuple(high.tolist()))

    def reset(self, key: jax.Array) -> Standing:
        """Begin an episode."""
        made, params = self._made
        seen, state = made.reset_env(key, params)
        return Standing(_strong(state), self._read(seen))

    def step(self, state: Standing, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """One step, without gymnax's own beginning of the next episode."""
        made, params = self._made
        if isinstance(self.actions, Box):
            action = action.reshape(self.spaces[1].shape)
        seen, new, reward, terminated, _ = made.step_env(key, state.state, action, params)
        # what a step leads to has the types of what a reset gives
        new = jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), new, state.state)
        reward = jnp.sum(jnp.asarray(reward, jnp.result_type(float)))
        return Standing(new, self._read(seen)), reward, jnp.asarray(terminated, bool).reshape(())

    def observe(self, state: Standing) -> jax.Array:
        """What gymnax showed: flags as uint8, a class one-hot, all else floats."""
        return state.seen

    def _read(self, seen: Any) -> jax.Array:
        seen, space = jnp.asarray(seen), self.spaces[0]
        if isinstance(space, package("gymnax.environments.spaces", NEED).Discrete):
            return jax.nn.one_hot(seen.reshape(()), int(space.n))
        if seen.dtype in (bool, jnp.uint8):
            return jnp.atleast_1d(seen.astype(jnp.uint8))
        return jnp.atleast_1d(seen.astype(float))


def _strong(tree: Any) -> Any:
    """Arrays in the place of Python's numbers."""
    return jax.tree.map(jnp.asarray, tree)


def _by_name(name: str) -> tuple[Any, Any]:
    gymnax = package("gymnax", NEED)
    if name not in gymnax.registered_envs:
        raise unknown("environment of gymnax", name, gymnax.registered_envs)
    return gymnax.make(name)


def from_gymnax(source: Any, params: Any = None, limit: int | None = None) -> Gymnax:
    """An environment of gymnax for descend's algorithms, inside the compiled program.

    Args:
        source: id ("CartPole-v1", "Breakout-MinAtar"), or an environment of gymnax.
        params: its parameters (`EnvParams`); the default ones by default.
        limit: steps after which an episode is cut short; gymnax's own number by default.

    Returns:
        The environment.

    Raises:
        DescendError: an unknown id, something else than the two, spaces that agents here cannot
            use; gymnax is not installed.

    Source: Lange 2022, gymnax.

    Example:
        >>> from descend.agents import DQN
        >>> from descend.agents.adapters import from_gymnax  # it imports gymnax when it is called
        >>> from_gymnax.__name__
        'from_gymnax'
    """
    gymnax = package("gymnax", NEED)
    if isinstance(source, str):
        made, usual = _by_name(source)
        name = source
    elif hasattr(source, "step_env") and hasattr(source, "default_params"):
        made, usual, name = source, source.default_params, str(source.name)
    else:
        raise DescendError(f"{NEED} is given by its id, or as an object, got {source!r}")
    if params is not None and not isinstance(params, gymnax.EnvParams):
        raise DescendError(f"params are an EnvParams of gymnax, got {params!r}")
    params = usual if params is None else params
    most = int(params.max_steps_in_episode) if limit is None else limit
    own = params is not usual or not isinstance(source, str)
    adapted = Gymnax(name=name, limit=most, own=own, given=(made, params))
    _ = adapted.actions  # what is wrong with it is said here
    return adapted
