"""Environments that live on the host: objects with Gymnasium's `reset` and `step`, in Python or C.

They cannot be traced, so that a program cannot walk through them. The host does, a step at a time,
and hands the program what it has lived through (`descend.agents.on_host`). Here is what such an
environment says of itself, and the one place where its episodes end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice, Environment
from descend.agents.walking import Episodes, Transition
from descend.errors import DescendError

STEPS = 256  # of the walk that looks for what is wrong


@dataclass(frozen=True)
class HostEnvironment(Environment):
    """The base of environments on the host; `descend.agents.adapters` makes them.

    `open` makes one copy, an object with Gymnasium's `reset(seed=) -> (observation, info)`,
    `step(action) -> (observation, reward, terminated, truncated, info)` and `close()`.
    """

    _contract = True

    @property
    def observation(self) -> tuple[tuple[int, ...], str]:
        """Shape and type of what an agent sees."""
        raise NotImplementedError(f"{self.label} has no observation: (shape, name of a type)")

    def open(self, judged: bool = False, pictures: bool = False) -> Any:
        """Return a copy of its own.

        Args:
            judged: whether agents are judged in it, for what it is really about.
            pictures: whether its `render` is to return pictures.
        """
        raise NotImplementedError(f"{self.label} has no open()")

    def seen(self, observation: Any) -> np.ndarray:
        """Return what an agent sees of what a copy returned."""
        return np.asarray(observation, self.observation[1])

    def given(self, action: np.ndarray) -> Any:
        """Return the action as a copy takes it."""
        return int(action) if isinstance(self.actions, Choice) else action

    def picture(self, state: Any) -> np.ndarray | None:
        """Return what was seen as a picture, (height, width, 3), where it is one; else None."""
        shape, dtype = self.observation
        if dtype != "uint8" or len(shape) not in (2, 3):
            return None
        seen = np.asarray(state)
        if len(shape) == 2 or shape[2] != 3:
            newest = seen if len(shape) == 2 else seen[..., -1]
            seen = np.repeat(newest[..., None], 3, axis=-1)
        scale = max(1, 200 // max(shape[:2]))
        return seen.repeat(scale, axis=0).repeat(scale, axis=1)

    def reset(self, key: Any) -> NoReturn:
        """Raise DescendError: there is nothing to be traced."""
        raise DescendError(
            f"{self.label} lives on the host and cannot be traced: DQN, PQN, REINFORCE, "
            "ActorCritic, PPO, DDPG, TD3 and SAC learn in it"
        )

    def step(self, state: Any, action: Any, key: Any) -> NoReturn:
        """Raise DescendError, as `reset`."""
        self.reset(key)

    def observe(self, state: Any) -> NoReturn:
        """Raise DescendError, as `reset`."""
        self.reset(None)


class Copies:
    """Copies of an environment on the host, each in an episode of its own.

    Attributes:
        seen: what is seen in each now, (copies, *shape).
        steps, totals: steps behind in the episode, and its return so far, (copies,).
    """

    def __init__(self, environment: HostEnvironment, count: int, judged: bool = False):
        self._environment = environment
        shape, dtype = environment.observation
        self.seen = np.zeros((count, *shape), dtype)
        self.steps, self.totals = np.zeros(count, np.int32), np.zeros(count)
        self._copies: list[Any] = []
        for _ in range(count):
            self._copies.append(environment.open(judged))

    def begin(self, i: int, seed: int | None = None) -> None:
        """Begin an episode in copy i; without a seed its chance goes on."""
        with _told(self._environment, "reset"):
            first = self._copies[i].reset(seed=seed)[0]
        self.seen[i] = self._read(first)
        self.steps[i], self.totals[i] = 0, 0.0

    def step(self, i: int, action: np.ndarray) -> tuple[float, bool, bool]:
        """One step of copy i: (reward, terminated, ended). `seen` is what it led to.

        Nothing begins by itself: what the last step of an episode led to can be seen until `begin`.
        Where an environment says both, terminated and truncated, it is terminated.
        """
        environment = self._environment
        with _told(environment, "step"):
            after, reward, terminated, truncated, _ = self._copies[i].step(
                environment.given(action)
            )
        reward = float(reward)
        if not np.isfinite(reward):
            raise DescendError(f"{environment.label}: a step gave the reward {reward}")
        self.seen[i] = self._read(after)
        self.steps[i] += 1
        self.totals[i] += reward
        terminated = bool(terminated)
        ended = terminated or bool(truncated) or self.steps[i] >= environment.limit
        return reward, terminated, ended

    def begin_again(self) -> None:
        """Begin an episode in every copy whose episode has a step behind it."""
        for i in np.flatnonzero(self.steps).tolist():
            self.begin(i)

    def advance(self, actions: np.ndarray) -> tuple[Transition, Episodes]:
        """One step in every copy, and where it ends an episode the beginning of the next.

        Returns:
            The transitions (copies, ...), but for the actions, and what ended. What a transition
            led to is what its step led to, also where the next episode has begun since.
        """
        count = len(self.steps)
        before = self.seen.copy()
        numbers: Any = np.zeros((4, count), jnp.result_type(float))
        flags: Any = np.zeros((2, count), bool)
        (reward, returns, lengths, over), (terminated, ended) = numbers, flags
        for i in range(count):
            reward[i], terminated[i], ended[i] = self.step(i, actions[i])
        after = self.seen.copy()
        for i in np.flatnonzero(ended).tolist():
            returns[i], lengths[i], over[i] = self.totals[i], self.steps[i], 1.0
            self.begin(i)
        passed = Transition(before, None, reward, after, None, terminated, ended)
        return passed, Episodes(returns, lengths, over)

    def _read(self, observation: Any) -> np.ndarray:
        seen = self._environment.seen(observation)
        if seen.shape != self.seen.shape[1:]:
            raise DescendError(
                f"{self._environment.label}: an observation has shape {seen.shape}, its "
                f"observation_space says {self.seen.shape[1:]}"
            )
        if seen.dtype.kind == "f" and not np.isfinite(seen).all():
            raise DescendError(f"{self._environment.label}: an observation is not finite: {seen}")
        return seen

    def close(self) -> None:
        """Close all copies."""
        for copy in self._copies:
            copy.close()
        self._copies = []


@contextlib.contextmanager
def _told(environment: HostEnvironment, method: str) -> Iterator[None]:
    """Whatever goes wrong inside somebody's environment is one error that names it."""
    try:
        yield
    except DescendError:
        raise
    except Exception as error:
        raise DescendError(
            f"{environment.label}: its {method} failed with {type(error).__name__}: {error}"
        ) from error


def walk(environment: HostEnvironment, seed: int) -> None:
    """Walk at random through one copy; raises DescendError for what is wrong."""
    draw = np.random.default_rng(seed)
    actions = environment.actions
    copies = Copies(environment, 1)
    try:
        copies.begin(0, seed)
        for _ in range(STEPS):
            if isinstance(actions, Choice):
                action = np.asarray(draw.integers(actions.n))
            else:
                action = draw.uniform(actions.low, actions.high)
            if copies.step(0, action)[2]:
                copies.begin(0)
    finally:
        copies.close()
