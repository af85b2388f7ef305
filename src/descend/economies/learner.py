"""An economy as a Task: it makes its own data, by living under its present policy.

    cost = 1/N sum_i 1/m sum_j G_j(x_i, policy)^2        x_i on paths simulated with the policy

An epoch begins with `collect`: every path goes on for some periods, and what it passed is cut into
batches, with points drawn from the box mixed in. One `step` is one update, as everywhere.

Source: scheidegger-2020, "Deep Equilibrium Nets": the "economic" loss function; no labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.economies.expectations import Rule
from descend.economies.network import function
from descend.economies.system import Position, System, either, flattened
from descend.nn.graph import Graph
from descend.train.engine.task import Batch, Logs, Task
from descend.train.rules import Optimizer

FRESH = 0.05  # paths that begin anew at an epoch: all of the region stays in view


class TrainingState(NamedTuple):
    """The state of a solve. `hyper` holds the optimiser's numbers and the traced parameters'.

    repairs: how often a path was set back to its start, and out of how many periods: (2,).
    """

    params: Any
    optimizer: Any
    key: jax.Array
    hyper: dict[str, jax.Array]
    steps: jax.Array
    paths: Position  # (paths, ...)
    repairs: jax.Array


@dataclass(frozen=True)
class Sampling:
    """Where an economy is trained.

    Args:
        paths: number of paths simulated side by side.
        periods: length that each path goes on for at the head of an epoch.
        batch: points of an update.
        box: share of each batch drawn evenly from the box; the rest are on the paths.
    """

    paths: int = 256
    periods: int = 10
    batch: int = 256
    box: float = 0.0


class Learner(Task):
    """What Adam (or any first-order rule) and the polishing have in common."""

    weights = ("params",)

    def __init__(
        self,
        system: System,
        graph: Graph,
        rule: Rule,
        optimizer: Optimizer,
        sampling: Sampling,
    ):
        self.system, self.graph, self.rule = system, graph, rule
        self.optimizer, self.sampling = optimizer, sampling

    @property
    def rules(self) -> Mapping[str, Optimizer]:
        """The update rule."""
        return {"": self.optimizer}

    def hyper(self) -> dict[str, float]:
        """The optimiser's numbers, and the values of the traced parameters as "parameter.NAME"."""
        values = self.system.economy.parameters()
        traced = {f"parameter.{name}": float(values[name]) for name in self.system.traced}
        return {**super().hyper(), **traced}

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> TrainingState:
        """Draw the weights and the paths' beginnings."""
        draw, key = jax.random.split(key)
        return self.start(self.graph.init(draw)[0], key, hyper)

    def start(self, params: Any, key: jax.Array, hyper: Mapping[str, Any]) -> TrainingState:
        """From given weights: half of the paths begin anywhere in the box."""
        numbers = {k: jnp.asarray(v, jnp.result_type(float)) for k, v in hyper.items()}
        key, first, second = jax.random.split(key, 3)
        count = self.sampling.paths
        half = jnp.arange(count) % 2 == 0
        paths = either(half, self.system.begin(first, count), self.system.anywhere(second, count))
        dtype = jnp.result_type(float)
        params = jax.tree.map(lambda p: jnp.asarray(p, dtype), params)
        memory = self.optimizer.begin(params, numbers)
        return TrainingState(
            params, memory, key, numbers, jnp.zeros((), jnp.int32), paths, jnp.zeros(2, dtype)
        )

    def begin(self, state: TrainingState, hyper: dict[str, jax.Array]) -> TrainingState:
        """A state that another Learner left, for this one's rule of updates."""
        memory = self.optimizer.begin(state.params, hyper)
        return state._replace(optimizer=memory, hyper=hyper, steps=jnp.zeros((), jnp.int32))

    def numbers(self, hyper: Mapping[str, Any]) -> dict[str, Any]:
        """The traced parameters' values, by name."""
        return {name: hyper[f"parameter.{name}"] for name in self.system.traced}

    # -- its own data ---------------------------------------------------------------------------

    def collect(self, state: TrainingState, steps: int) -> tuple[TrainingState, Position]:
        """Every path goes on; (state, points (steps, batch, ...)) from where they came by."""
        how, system = self.sampling, self.system
        network = function(self.graph, state.params)
        luck, back, mix, which, renew, key = jax.random.split(state.key, 6)
        afresh = jax.random.uniform(which, (how.paths,)) < FRESH
        paths = either(afresh, system.anywhere(renew, how.paths), state.paths)
        draws = system.draw(luck, how.periods, how.paths)
        keys = jax.random.split(back, how.periods)
        paths, (points, outside) = system.walk(
            network, paths, draws, keys, self.numbers(state.hyper)
        )
        # where fewer points are needed than were passed, they are taken periods apart
        thin = how.periods // -(-steps * how.batch // how.paths)
        points = jax.tree.map(lambda a: a[thin - 1 :: thin], points)
        # paths are independent of each other: a period's are as good a batch as any
        cut = lambda a: a[: steps * how.batch].reshape(steps, how.batch, *a.shape[1:])  # noqa: E731
        batches = jax.tree.map(cut, flattened(points))
        if boxed := round(how.box * how.batch):
            drawn = system.anywhere(mix, steps * boxed)
            batches = jax.tree.map(
                lambda a, b: a.at[:, :boxed].set(b.reshape(steps, boxed, *b.shape[1:])),
                batches,
                drawn,
            )
        count = how.paths * how.periods
        repairs = state.repairs + jnp.stack([jnp.sum(outside), count]).astype(state.repairs.dtype)
        return state._replace(key=key, paths=paths, repairs=repairs), batches

    # -- one update -----------------------------------------------------------------------------

    def residuals(self, params: Any, points: Position, hyper: Mapping, key: Any) -> Any:
        """Every condition at every point, (points, conditions); two of them where the rule samples.

        Both are the same arrays unless the rule draws its nodes.
        """
        network, numbers = function(self.graph, params), self.numbers(hyper)

        def flat(rule: Rule) -> jax.Array:
            one = lambda p: self.system.residuals(network, p, rule, numbers)  # noqa: E731
            return jnp.concatenate(list(jax.vmap(one)(points).values()), axis=1)

        if not self.rule.sampled:
            values = flat(self.rule)
            return values, values
        halves = [
            self.rule.at(jax.random.normal(k, self.rule.nodes.shape)) for k in jax.random.split(key)
        ]
        return flat(halves[0]), flat(halves[1])

    def cost(self, params: Any, points: Position, hyper: Mapping, key: Any) -> jax.Array:
        """Mean of the squared residuals; of the product of two halves where the rule samples."""
        one, other = self.residuals(params, points, hyper, key)
        return jnp.mean(one * other)

    def step(self, state: TrainingState, batch: Batch) -> tuple[TrainingState, Logs]:
        """Cost, gradient, update."""
        points: Position = batch.data
        key = jax.random.fold_in(state.key, state.steps)
        value, _, params, memory = self.optimizer.update(
            lambda p: (self.cost(p, points, state.hyper, key), None),
            state.params,
            state.optimizer,
            state.hyper,
            state.steps,
        )
        state = state._replace(params=params, optimizer=memory, steps=state.steps + 1)
        return state, {"loss": (value, 1.0)}

    def evaluate(self, state: TrainingState, batch: Batch) -> Logs:
        """The cost."""
        return {"loss": (self.cost(state.params, batch.data, state.hyper, state.key), 1.0)}


def steps_of(task: Learner) -> int:
    """Updates of an epoch: as many batches as its paths pass."""
    how = task.sampling
    return max(1, how.paths * how.periods // how.batch)
