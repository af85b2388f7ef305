"""What `learn` hands back: agents of several seeds or settings, to be judged, used and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice, Environment
from descend.agents.evaluation import Evaluation
from descend.agents.exact import Comparison, Finite, paired
from descend.agents.group import Group
from descend.agents.surfaces import ValueSurface, surface_of
from descend.agents.task import PREFIX, AgentTask
from descend.errors import DataError, DescendError, ShapeError, unknown
from descend.nn.checks import whole
from descend.nn.rebuilding import symbols_over
from descend.train.engine.history import History

if TYPE_CHECKING:
    import pandas as pd

    from descend.agents.settings import Settings
    from descend.train.model import Model

JUDGED = 2_000_000  # seeds of the episodes that agents are judged on begin here


class Agents:
    """Agents that were trained alike, from several seeds or with several settings.

    Args:
        groups: list of `Group`, what each program trained.

    Raises:
        DescendError: from its methods: weights that are neither "last" nor "best", no such member.

    Source: descend's own.

    Example:
        >>> from descend.agents import QLearning, make
        >>> agents = QLearning().learn(make("maze"), 200, seeds=2, evaluations=1, verbose=0)
        >>> len(agents), agents[1].settings, agents.to_frame().columns[:2].tolist()
        (2, {'seed': 1}, ['seed', 'return'])
    """

    def __init__(self, groups: list[Group]):
        self.groups = groups
        self._at = {place: (group, i) for group in groups for i, place in enumerate(group.places)}

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, index: int) -> Agent:
        return Agent(*self._at[self._place(index)])

    def _place(self, index: int) -> int:
        """The number of an agent, counted from 0; IndexError where there is none."""
        count = len(self)
        if not -count <= whole("the number of an agent", index) < count:
            raise IndexError(f"there are {count} agents, numbers 0 to {count - 1}, got {index}")
        return int(index) % count

    def __iter__(self) -> Iterator[Agent]:
        return (self[i] for i in range(len(self)))

    @property
    def algorithm(self) -> Settings:
        """The settings of the (first) program."""
        return self.groups[0].task.algorithm

    @property
    def environment(self) -> Environment:
        """Where they were trained."""
        return self.groups[0].task.environment

    @property
    def seconds(self) -> float:
        """The time that training took, compilation included."""
        return sum(group.seconds for group in self.groups)

    def evaluate(self, episodes: int = 100, which: str = "last", seed: int = 0) -> Evaluation:
        """Play episodes that none has trained on or been chosen by, without exploring.

        Args:
            episodes: number of episodes of each agent; all play the same ones.
            which: weights: "last", or "best", those of the best evaluation in training.
            seed: number that the episodes follow from.

        Returns:
            The returns, agent by agent; discounted where the environment states a discount.
        """
        whole("episodes", episodes, 1)
        first = JUDGED + int(whole("seed", seed, 0)) * 10_000
        if first + episodes > 2**32:
            raise DescendError(f"seed must be below {(2**32 - JUDGED) // 10_000:,}, got {seed}")
        seeds = np.arange(first, first + episodes, dtype=np.uint32)
        parts: dict[int, Any] = {}
        for group in self.groups:
            played = jax.device_get(group.task.played(group.weights(which), group.hyper(), seeds))
            for i, place in enumerate(group.places):
                parts[place] = jax.tree.map(lambda a, i=i: a[i], played)
        rows = [parts[place] for place in range(len(self))]
        returns, lengths, terminated = jax.tree.map(lambda *each: np.stack(each), *rows)
        return Evaluation(
            returns,
            lengths,
            terminated,
            settings=[self[i].settings for i in range(len(self))],
            discounted=self.environment.discount is not None,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row an agent: its settings, and its last and best evaluation in training."""
        import pandas as pd

        rows = []
        for agent in self:
            curve = agent.history.history.get("val_return", [])
            rows.append(
                agent.settings
                | {
                    "return": curve[-1] if curve else float("nan"),
                    "best return": max(curve, default=float("nan")),
                    "best at": agent.task.steps_after(agent.best_epoch + 1),
                    "steps": agent.task.steps_after(len(curve)),
                    "diverged": agent.diverged is not None,
                }
            )
        return pd.DataFrame(rows)

    def curves(self) -> pd.DataFrame:
        """Return the evaluations in training: one row an evaluation, one column an agent.

        The index is the steps of the environment so far.
        """
        import pandas as pd

        columns = {}
        for i, agent in enumerate(self):
            curve = agent.history.history.get("val_return", [])
            at = [agent.task.steps_after(e + 1) for e in range(len(curve))]
            columns[i] = pd.Series(curve, at)
        return pd.DataFrame(columns).rename_axis("steps")

    def save(self, path: str | Path) -> None:
        """Write all agents to one file, atomically; `load_agents` reads it."""
        from descend.agents.saving import save

        save(self.groups, path)


class Agent:
    """One agent of several.

    Args:
        group: program that trained it.
        index: its number in there.

    Raises:
        DescendError: from its methods: weights that are neither "last" nor "best".
        ShapeError: from its methods: observations of another shape.

    Source: scheidegger-2020, "RL key concepts" (the policy).

    Example:
        >>> import numpy as np
        >>> from descend.agents import QLearning, make
        >>> maze = make("maze")
        >>> agents = QLearning().learn(maze, 200, seeds=2, evaluations=1, verbose=0)
        >>> agents[0].act(np.eye(maze.cells())[:2]).shape  # two observations
        (2,)
    """

    def __init__(self, group: Group, index: int):
        self.group, self.index = group, index

    @property
    def task(self) -> AgentTask:
        """The task that it was trained by."""
        return self.group.task

    @property
    def environment(self) -> Environment:
        """Where it was trained, with its own of the numbers that were swept."""
        own = {n.removeprefix(PREFIX): v for n, v in self.hyper.items() if n.startswith(PREFIX)}
        return self.task.environment.with_parameters(own)

    @property
    def settings(self) -> dict[str, Any]:
        """Its seed, and what else was swept."""
        return dict(self.group.settings[self.index])

    @property
    def history(self) -> History:
        """What was logged in training, one number an evaluation."""
        return self.group.histories[self.index]

    @property
    def best_epoch(self) -> int:
        """The evaluation, from 0, that gave its best weights."""
        return int(self.group.best_epochs[self.index])

    @property
    def diverged(self) -> int | None:
        """The evaluation, from 1, before which it became non-finite; None if it did not."""
        return self.group.diverged[self.index]

    @property
    def hyper(self) -> dict[str, float]:
        """Its numbers, by name."""
        return {name: float(v[self.index]) for name, v in self.group.hyper().items()}

    def weights(self, which: str = "last") -> Any:
        """Return its weights, {network: {layer: {array}}}."""
        return jax.tree.map(lambda a: a[self.index], self.group.weights(which))

    def act(self, observation: Any, which: str = "last", legal: Any = None) -> np.ndarray:
        """Return what it does where it sees this, without exploring.

        Args:
            observation: array of the environment's shape, or (n, *shape).
            which: weights, "last" or "best".
            legal: booleans (n, actions) of what is allowed; all by default.

        Returns:
            The action, or (n, ...) of them.
        """
        seen, single = self._batch(observation)
        allowed = None if legal is None else self._legal(legal, len(seen))
        policy = self.task.policy(self.weights(which), self.hyper)
        keys = jax.random.split(jax.random.key(0), len(seen))
        axes = (0, None if allowed is None else 0, 0)
        actions = np.asarray(jax.jit(jax.vmap(policy, in_axes=axes))(seen, allowed, keys))
        return actions[0] if single else actions

    predict = act

    def thoughts(self, observation: Any, which: str = "last") -> dict[str, np.ndarray]:
        """Return what it makes of what it sees: {"q": (n, actions)}, {"probability": ...}, ...

        Args:
            observation: array of the environment's shape, or (n, *shape).
            which: weights, "last" or "best".
        """
        seen, single = self._batch(observation)
        values = self.task.algorithm.thoughts(self.task, self.weights(which), jnp.asarray(seen))
        return {k: np.asarray(v)[0] if single else np.asarray(v) for k, v in values.items()}

    def _legal(self, legal: Any, rows: int) -> np.ndarray:
        actions = self.task.actions
        wanted = (rows, actions.n) if isinstance(actions, Choice) else None
        allowed = np.asarray(legal)
        allowed = allowed[None] if allowed.ndim == 1 and rows == 1 else allowed
        if wanted is None or allowed.shape != wanted or allowed.dtype != bool:
            expected = f"booleans of shape {wanted}" if wanted else "nothing, for actions of a Box"
            raise ShapeError(
                f"legal must be {expected}, got {allowed.dtype} of shape {allowed.shape}"
            )
        if not allowed.any(axis=1).all():
            row = int(np.flatnonzero(~allowed.any(axis=1))[0])
            raise DataError(f"legal must allow an action in every row; in row {row} it allows none")
        return allowed

    def _batch(self, observation: Any) -> tuple[np.ndarray, bool]:
        shape = self.task.checked.observation
        try:
            seen = np.asarray(observation, self.task.checked.dtype)
        except (TypeError, ValueError):
            raise DataError(
                f"an observation of {self.task.environment.label} is an array of shape {shape}, "
                f"got {observation!r}"
            ) from None
        if seen.shape != shape and seen.shape[1:] != shape:
            raise ShapeError(
                f"an observation of {self.task.environment.label} has shape {shape} (or (n, "
                f"{', '.join(map(str, shape))}) for n of them), got {seen.shape}"
            )
        if np.issubdtype(seen.dtype, np.floating) and not np.isfinite(seen).all():
            wrong = tuple(int(i) for i in np.argwhere(~np.isfinite(seen))[0])
            raise DataError(
                f"an observation of {self.task.environment.label} holds finite numbers; entry "
                f"{wrong} is {seen[wrong]}"
            )
        return (seen[None], True) if seen.shape == shape else (seen, False)

    def table(self, which: str = "last") -> np.ndarray:
        """Return Q(s, a) of a tabular agent, (states, actions).

        Args:
            which: weights, "last" or "best".
        """
        weights = self.weights(which)
        if self.task.graphs:
            raise DescendError(
                f"{self.task.algorithm.label} has networks and no table; thoughts(observations) "
                "says what it makes of states"
            )
        return np.asarray(weights["q"])

    def compare(self, which: str = "last", seed: int = 0) -> Comparison:
        """Hold it to the exact answer, state by state: what it does, and what of value it loses.

        Where the states can be counted (`environment.exact()` is a `Finite`) its policy is
        evaluated exactly; else it and the best policy (`environment.best_action`) are played from
        the same states through the same chance.

        Args:
            which: weights, "last" or "best".
            seed: number that chance follows from, where they are played.
        """
        environment: Any = self.environment
        policy = self.task.policy(self.weights(which), self.hyper)
        if callable(getattr(environment, "best_action", None)):
            best, gamma = environment.best_action, float(environment.discount)
            units = {"worth": environment.certain} if hasattr(environment, "certain") else {}
            return paired(environment, policy, best, gamma=gamma, seed=seed, **units)
        answer = environment.exact() if hasattr(environment, "exact") else None
        if not isinstance(answer, Finite):
            raise DescendError(
                f"{environment.label} states no exact answer: exact() that returns a Finite, or "
                "best_action(state)"
            )
        seen = np.eye(len(answer.rewards))
        does = self.act(seen, which, answer.legal if self.task.checked.legal else None)
        names = [environment.actions.name(i) for i in range(environment.actions.n)]
        return answer.compare(does, environment.variables or None, names)

    # -- looking at it --------------------------------------------------------------------------

    def episode(self, seed: int = 0, which: str = "last") -> Episode:
        """Play one episode without exploring, and keep every step of it.

        Args:
            seed: number that the episode follows from.
            which: weights, "last" or "best".
        """
        if whole("seed", seed, 0) + JUDGED >= 2**32:
            raise DescendError(f"seed must be below {2**32 - JUDGED:,}, got {seed}")
        task = self.task
        lived = task.lived(self.weights(which), self.hyper, JUDGED + seed)
        thoughts = self.thoughts(lived.observations, which)
        return Episode(environment=self.environment, thoughts=thoughts, **lived._asdict())

    def surface(
        self,
        first: str,
        second: str,
        at: Mapping[str, float] | None = None,
        span: Mapping[str, tuple[float, float]] | None = None,
        *,
        points: int = 41,
        which: str = "last",
        seed: int = 0,
    ) -> ValueSurface:
        """Return what states are worth to it over two variables, and what it does there.

        Variables are entries of what it sees, by the environment's `variables` (with or without
        their units), or numbers of the state where both are such: `surface("angle", "spin")` of the
        pendulum, of which it sees sine and cosine. Of a table, `table()` holds all there is.

        Args:
            first, second: names of the two variables.
            at: {name: value} of other variables; those that are not named are held at their mean
                over an episode.
            span: {name: (low, high)} of the two; by default their extent in that episode, and a
                tenth more on each side.
            points: number of grid points along each.
            which: weights, "last" or "best".
            seed: number that the episode follows from.
        """
        played = self.episode(seed, which)
        return surface_of(self, played, first, second, at=at, span=span, points=points, which=which)

    def model(self, network: str | None = None, which: str = "last") -> Model:
        """Return a copy of one of its networks as a Model, for `trace`, `summary` and `save`.

        It is compiled with the mean squared error.

        Args:
            network: name of the network ("q", "actor", "critic"); the first one by default.
            which: weights, "last" or "best".
        """
        from descend.train.model import Model

        graphs = self.task.graphs
        if not graphs:
            raise DescendError(f"{self.task.algorithm.label} has no network; table() is its table")
        name = next(iter(graphs)) if network is None else network
        if name not in graphs:
            raise unknown(f"network of {self.task.algorithm.label}", name, graphs)
        graph = graphs[name]
        copies = {layer: one.another() for layer, one in graph.layers.items()}
        inputs, heads = symbols_over(graph, copies)
        outputs = next(iter(heads.values())) if len(heads) == 1 else heads
        model = Model(inputs, outputs, name=name)
        model.take_weights(self.task.algorithm.weights_of(self.weights(which), name), {})
        model.compile("sgd", "mse")
        return model


@dataclass(frozen=True)
class Episode:
    """One episode, step by step.

    Args:
        environment: where it was played.
        states: states of the environment, leaves (steps + 1, ...).
        observations: what was seen, (steps, ...).
        actions: what was done, (steps, ...).
        rewards: what was gained, (steps,).
        terminated: whether it ended by itself and was not cut short.
        thoughts: what the agent made of what it saw, {"q": (steps, actions)}.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.agents import QLearning, make
        >>> agents = QLearning().learn(make("maze"), 200, seeds=2, evaluations=1, verbose=0)
        >>> played = agents[0].episode()
        >>> played.to_frame().columns[-5:].tolist()
        ['reward', 'q up', 'q right', 'q down', 'q left']
    """

    environment: Environment
    states: Any
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: bool
    thoughts: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def total(self) -> float:
        """The return, the sum of the rewards, discounted where the environment says how."""
        gamma = self.environment.discount
        weights = 1.0 if gamma is None else float(gamma) ** np.arange(len(self.rewards))
        return float(np.sum(weights * self.rewards))

    def state(self, step: int) -> Any:
        """Return the environment's state before a step; the last one with step = len."""
        return jax.tree.map(lambda a: a[step], self.states)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a step: what was seen (of vectors), done, gained and thought."""
        import pandas as pd

        columns: dict[str, Any] = {}
        actions, environment = self.environment.actions, self.environment
        if self.observations.ndim == 2:
            width = self.observations.shape[1]
            names = environment.variables or [f"x{i}" for i in range(width)]
            columns |= {name: self.observations[:, i] for i, name in enumerate(names)}
        if isinstance(actions, Choice):
            columns["action"] = [actions.name(a) for a in self.actions]
            heads = [actions.name(a) for a in range(actions.n)]
        else:
            heads = list(actions.names or [str(i) for i in range(actions.shape[0])])
            for i, name in enumerate(heads):
                columns[f"action {name}" if len(heads) > 1 else "action"] = self.actions[:, i]
        columns["reward"] = self.rewards
        for name, values in self.thoughts.items():
            if values.ndim == 1:
                columns[name] = values
            elif values.ndim == 2:
                words = heads if values.shape[1] == len(heads) else range(values.shape[1])
                columns |= {f"{name} {word}": values[:, i] for i, word in enumerate(words)}
        return pd.DataFrame(columns).rename_axis("step")
