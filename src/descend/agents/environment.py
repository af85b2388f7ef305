"""An environment, stated as on the slide: state, action, reward, next state.

    @dataclass(frozen=True)
    class Corridor(Environment):
        cells: int = parameter(5, least=2)
        limit: int = parameter(100, least=1)        steps after which an episode is cut short

        actions = Choice(2, ("left", "right"))      or Box(low, high)

        def reset(self, key):                 the first state, any pytree of arrays
        def step(self, state, action, key):   (next state, reward, terminated)
        def observe(self, state):             what the agent sees, an array

All methods see one environment and are traced; the engine maps them over many. Who cuts an episode
short and begins the next is `descend.agents.walking`, the same for all of them.

Source: scheidegger-2020, "RL key concepts"; Sutton and Barto, Reinforcement Learning, 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.statement import Statement, parameter


@dataclass(frozen=True)
class Choice:
    """A choice among n actions, the numbers 0 to n - 1.

    Args:
        n: number of actions, >= 1.
        names: words for them, in their order; their numbers by default.

    Raises:
        DescendError: n < 1, or another number of names.

    Source: scheidegger-2020, "Discrete & continuous actions".

    Example:
        >>> from descend.agents import Choice
        >>> Choice(2, ("left", "right")).name(1)
        'right'
    """

    n: int
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, (int, np.integer)) or self.n < 1:
            raise DescendError(f"Choice: n must be a whole number >= 1, got {self.n!r}")
        if self.names and len(self.names) != self.n:
            raise DescendError(f"Choice of {self.n} actions has {len(self.names)} names")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an action, ()."""
        return ()

    def name(self, action: int) -> str:
        """Return the word for an action."""
        return self.names[int(action)] if self.names else str(int(action))

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw actions evenly, int32 of the shape."""
        return jax.random.randint(key, shape, 0, self.n)


@dataclass(frozen=True)
class Box:
    """Actions that are numbers between bounds.

    Args:
        low, high: bounds: numbers, or tuples of one number for each entry of an action.
        names: words for the entries, in their order.

    Raises:
        DescendError: bounds that are not finite, or of which low is not below high; another number
            of names.

    Source: scheidegger-2020, "Discrete & continuous actions".

    Example:
        >>> from descend.agents import Box
        >>> Box(-2.0, 2.0).shape, Box((0.0, -1.0), (1.0, 1.0)).shape
        ((1,), (2,))
    """

    low: Any
    high: Any
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            low, high = np.broadcast_arrays(
                np.atleast_1d(np.asarray(self.low, float)),
                np.atleast_1d(np.asarray(self.high, float)),
            )
        except (TypeError, ValueError):
            raise DescendError(
                f"Box: low and high must be numbers or as many in both, got {self.low!r} and "
                f"{self.high!r}"
            ) from None
        if low.ndim > 1 or not np.isfinite([low, high]).all() or not (low < high).all():
            raise DescendError(
                f"Box: low must be below high, both finite, got {self.low!r} and {self.high!r}"
            )
        for name, value in (("low", low), ("high", high)):
            object.__setattr__(self, name, tuple(float(v) for v in value))
        if self.names and len(self.names) != len(low):
            raise DescendError(f"Box of {len(low)} entries has {len(self.names)} names")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an action, (entries,)."""
        return (len(self.low),)

    def within(self, unit: jax.Array) -> jax.Array:
        """Return the actions of numbers in -1 to 1, an array (..., entries)."""
        low, high = self._bounds(unit)
        return low + (unit + 1) / 2 * (high - low)

    def unit(self, action: jax.Array) -> jax.Array:
        """Return where actions (..., entries) lie between -1 and 1."""
        low, high = self._bounds(action)
        return (action - low) / (high - low) * 2 - 1

    def _bounds(self, like: jax.Array) -> tuple[jax.Array, jax.Array]:
        low, high = (jnp.broadcast_to(jnp.asarray(b), like.shape) for b in (self.low, self.high))
        return low, high

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw actions evenly, floats (*shape, entries)."""
        return self.within(jax.random.uniform(key, (*shape, *self.shape), minval=-1))


@dataclass(frozen=True)
class Environment(Statement):
    """The base of environments; subclasses are frozen dataclasses whose fields are parameters.

    An agent in state s_t chooses a_t, gets r_t and finds itself in s_(t+1); what it is to make
    large is E sum_t gamma^t r_t. An episode ends where `step` says that it is *terminated* (there
    is no more to come) or after `limit` steps, where it is cut short (*truncated*: more was to
    come, and an agent must count on it).

    Attributes:
        actions: `Choice(n)` or `Box(low, high)`.
        variables: words for the entries of an observation that is a vector; none by default.
        discount: the gamma by which returns are counted, and which an algorithm takes unless it is
            told another; None by default: returns are plain sums.
        limit: steps after which an episode is cut short.

    Raises:
        DescendError: a parameter outside the range that `parameter` gave it, or a class that is no
            frozen dataclass; `with_parameters` of an unknown name.

    Source: scheidegger-2020, "RL key concepts"; Sutton and Barto, 3.1 and 3.3.

    Example:
        A corridor whose right end pays 1.

        >>> from dataclasses import dataclass
        >>> import jax, jax.numpy as jnp
        >>> from descend.agents import Choice, Environment, check_environment, parameter
        >>> @dataclass(frozen=True)
        ... class Corridor(Environment):
        ...     cells: int = parameter(5, least=2)
        ...     actions = Choice(2, ("left", "right"))
        ...     def reset(self, key):
        ...         return jnp.int32(0)
        ...     def step(self, state, action, key):
        ...         to = jnp.maximum(state + 2 * action - 1, 0)
        ...         end = to == self.cells - 1
        ...         return to, jnp.where(end, 1.0, 0.0), end
        ...     def observe(self, state):
        ...         return jax.nn.one_hot(state, self.cells)
        >>> check_environment(Corridor()).observation
        (5,)
    """

    _contract = True

    limit: int = parameter(1000, least=1, doc="steps after which an episode is cut short")

    @property
    def actions(self) -> Any:
        """`Choice(n)` or `Box(low, high)`."""
        raise NotImplementedError(f"{self.label} has no actions: Choice(n) or Box(low, high)")

    @property
    def variables(self) -> tuple[str, ...]:
        """Words for the entries of an observation."""
        return ()

    @classmethod
    def restored(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the environment of a file, from the fields that it kept."""
        return cls(**parameters)

    @property
    def frames(self) -> int:
        """How many of the last pictures the last axis of an observation holds, oldest first.

        With more than one, a replay keeps each picture once.
        """
        return 1

    @property
    def discount(self) -> Any:
        """The gamma by which its returns are counted; None: they are plain sums."""
        return None

    def reset(self, key: jax.Array) -> Any:
        """Return the state that an episode begins in, a pytree of arrays."""
        raise NotImplementedError(f"{self.label} has no reset(key)")

    def step(self, state: Any, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """Return (next state, reward, terminated): as `reset`, a number, a boolean.

        Args:
            state: state as `reset` returns it.
            action: int32 of a Choice, floats (entries,) of a Box.
            key: JAX key of this step's chance.
        """
        raise NotImplementedError(f"{self.label} has no step(state, action, key)")

    def observe(self, state: Any) -> Any:
        """Return what the agent sees of a state, an array of floats, or of uint8 for pictures."""
        raise NotImplementedError(f"{self.label} has no observe(state)")

    def legal(self, state: Any) -> Any:
        """Return which actions of a Choice a state allows, booleans (n,); None: all, always."""
        return None

    def picture(self, state: Any) -> np.ndarray | None:
        """Return a picture of a state for `watch`, uint8 (height, width, 3); None: there is none.

        It is drawn on the host, by NumPy.
        """
        return None
