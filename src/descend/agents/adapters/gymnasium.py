"""Any environment of Gymnasium, on the host.

Gymnasium's own vector environments begin the next episode by a step that is none (autoreset in the
next step), from which a false transition would be learned; here copies are stepped one by one, and
`descend.agents.host.Copies` alone ends episodes. The time limit of a registered environment is
taken off and becomes `limit`: one place tells a cut from an end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from descend.agents.adapters.packages import package, remade
from descend.agents.environment import Box, Choice
from descend.agents.host import HostEnvironment
from descend.errors import DescendError
from descend.statement import parameter

NEED = "an environment of Gymnasium"
LIMIT = 100_000  # steps of an episode where neither the environment nor its user says how many


@dataclass(frozen=True)
class Hosted(HostEnvironment):
    """An environment of Gymnasium on the host; `from_gymnasium` makes it.

    Args:
        name: id of the environment.
        options: keyword arguments of `gymnasium.make`.
        limit: steps after which an episode is cut short.
        own: whether a function makes it, which no file holds.
        function: function that makes a copy, in place of `gymnasium.make`.

    Raises:
        DescendError: an unknown id; spaces that agents here cannot use; a package is missing.

    Source: Towers et al. 2024, Gymnasium: A Standard Interface for Reinforcement Learning
    Environments.

    Example:
        >>> from descend.agents.adapters import from_gymnasium
        >>> pole = from_gymnasium("CartPole-v1")
        >>> pole.actions, pole.observation, pole.limit
        (Choice(n=2, names=()), ((4,), 'float32'), 500)
    """

    name: str = field(default="", metadata={"kept": True})
    options: Mapping[str, Any] = field(default_factory=dict, metadata={"kept": True})
    limit: int = parameter(LIMIT, least=1, doc="steps after which an episode is cut short")
    own: bool = field(default=False, metadata={"kept": True})
    function: Callable[[], Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def restored(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the environment of a file; an id is looked up, never imported."""
        made = remade(cls, parameters, "from_gymnasium")
        if ":" in made.name:  # gymnasium.make would import what stands before it
            raise DescendError(
                f"{made.name} names a module: load_agents(path, from_gymnasium({made.name!r}))"
            )
        registered_limit(made.name)
        return made

    @property
    def label(self) -> str:
        """Its id."""
        return self.name or type(self).__name__

    def open(self, judged: bool = False, pictures: bool = False) -> Any:
        """Return a copy of its own."""
        if self.function is not None:
            made = self.function()
            if not all(hasattr(made, name) for name in ("reset", "step", "action_space")):
                raise DescendError(
                    f"the function must return a Gymnasium environment, got {made!r}"
                )
            return made
        more = {"render_mode": "rgb_array"} if pictures else {}
        return make(self.name, {**self.options, **more})

    @functools.cached_property
    def spaces(self) -> tuple[Any, Any]:
        """(observation space, action space)."""
        copy = self.open()
        spaces = copy.observation_space, copy.action_space
        copy.close()
        return spaces

    # -- what is done ---------------------------------------------------------------------------

    @functools.cached_property
    def actions(self) -> Any:
        """`Choice(n)` or `Box(low, high)`, by the action space."""
        space, spaces = self.spaces[1], package("gymnasium", NEED).spaces
        if isinstance(space, spaces.Discrete):
            return Choice(int(space.n))
        if not isinstance(space, spaces.Box) or space.dtype.kind != "f":
            raise DescendError(
                f"{self.label}: actions must be a Discrete or a Box of floats, got {space}"
            )
        low, high = space.low.ravel(), space.high.ravel()
        if not np.isfinite([low, high]).all():
            raise DescendError(
                f"{self.label}: actions need bounds, got {space}; put "
                "gymnasium.wrappers.RescaleAction or ClipAction with finite ones around it, in a "
                "function given to from_gymnasium"
            )
        return Box(tuple(low), tuple(high))

    def given(self, action: np.ndarray) -> Any:
        """Return the action as a copy takes it."""
        space = self.spaces[1]
        if isinstance(self.actions, Choice):
            return int(action) + int(space.start)
        # a float32 may lie a hair outside
        return np.clip(action.reshape(space.shape).astype(space.dtype), space.low, space.high)

    # -- what is seen ---------------------------------------------------------------------------

    @functools.cached_property
    def observation(self) -> tuple[tuple[int, ...], str]:
        """Shape and type: pictures as uint8, a class one-hot, all else floats."""
        space, spaces = self.spaces[0], package("gymnasium", NEED).spaces
        float_type = str(jnp.dtype(jnp.result_type(float)))
        if isinstance(space, spaces.Discrete):
            return (int(space.n),), float_type
        if not isinstance(space, (spaces.Box, spaces.MultiBinary)):
            raise DescendError(
                f"{self.label}: observations must be one array (Box, Discrete or MultiBinary), "
                f"got {space}; put gymnasium.wrappers.FlattenObservation around it, in a function "
                "given to from_gymnasium"
            )
        picture = space.dtype == np.uint8 and isinstance(space, spaces.Box)
        return tuple(space.shape) or (1,), "uint8" if picture else float_type

    def seen(self, observation: Any) -> np.ndarray:
        """Return what an agent sees."""
        space = self.spaces[0]
        shape, dtype = self.observation
        if hasattr(space, "n") and not np.shape(observation) and shape == (space.n,):
            one_hot = np.zeros(shape, dtype)
            one_hot[int(observation) - int(space.start)] = 1.0
            return one_hot
        seen = np.asarray(observation, dtype)
        return seen.reshape(shape) if not seen.shape else seen


def make(name: str, options: Mapping[str, Any]) -> Any:
    """`gymnasium.make` without a time limit, whose errors are one line."""
    gymnasium = package("gymnasium", NEED)
    try:
        return gymnasium.make(name, **{"max_episode_steps": -1, **options})
    except gymnasium.error.DependencyNotInstalled as error:
        raise DescendError(f"{name} needs another package: {error}") from None
    except Exception as error:  # whatever the environment's own code raises
        raise DescendError(f"gymnasium.make({name!r}) failed: {error}") from error


def from_gymnasium(source: Any, limit: int | None = None, **options: Any) -> Hosted:
    """Any environment of Gymnasium for descend's algorithms; it stays on the host.

    Several copies are made of it: for the environments side by side, for every seed, for judging.

    Args:
        source: id of a registered environment ("LunarLander-v3"), one that `gymnasium.make` made,
            or a function without arguments that makes one (with wrappers, say).
        limit: steps after which an episode is cut short; the registered number by default, or
            100,000 where there is none.
        options: keyword arguments of `gymnasium.make`.

    Returns:
        The `Hosted` environment.

    Raises:
        DescendError: none of the three, an unknown id, spaces that agents here cannot use; a
            package is missing.

    Source: Towers et al. 2024, Gymnasium.

    Example:
        >>> from descend.agents import PPO
        >>> from descend.agents.adapters import from_gymnasium
        >>> task = PPO().task(from_gymnasium("Pendulum-v1", g=9.81), 100_000)
        >>> task.checked.observation, task.actions.shape
        ((3,), (1,))
    """
    gymnasium = package("gymnasium", NEED)
    function, name = None, source
    if isinstance(source, gymnasium.Env):
        if source.spec is None or source.spec.additional_wrappers:
            raise DescendError(
                "of this environment no copies can be made: give the id, or a function that makes "
                "it with its wrappers, from_gymnasium(lambda: ...)"
            )
        if limit is None:
            limit = source.spec.max_episode_steps
        name, options = source.spec.id, {**source.spec.kwargs, **options}
        options.pop("render_mode", None)
    elif callable(source):
        function, name = source, getattr(source, "__name__", type(source).__name__)
        if options:
            raise DescendError("options are of gymnasium.make; a function has its own")
    elif not isinstance(source, str):
        raise DescendError(
            "an environment of Gymnasium is given by its id, as an object, or by a function that "
            f"makes one, got {source!r}"
        )
    if limit is None:
        limit = registered_limit(name) if function is None else None
    hosted = Hosted(
        name=name,
        options=options,
        limit=limit or LIMIT,
        own=function is not None,
        function=function,
    )
    _ = hosted.actions, hosted.observation  # what is wrong with it is said here
    return hosted


def registered_limit(name: str) -> int | None:
    """The steps of an episode by Gymnasium's registry; None where it says nothing."""
    gymnasium = package("gymnasium", NEED)
    try:
        return gymnasium.spec(name).max_episode_steps
    except Exception as error:
        raise DescendError(f"Gymnasium has no environment {name!r}: {error}") from None
