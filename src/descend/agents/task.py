"""What the tasks of all algorithms share: their numbers, how they are judged, luck.

An agent's task trains a network on what the agent lives through; its parts are the algorithm (a
frozen description), the environment and the number of steps. Numbers of both are members of a
sweep: the algorithm's ("gamma"), the update rules' ("learning_rate"), the environment's
("environment.gravity").
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.checks import inspect
from descend.agents.environment import Environment
from descend.agents.walking import Place, Played, begun, play
from descend.nn.graph import Graph
from descend.train.callbacks import Callback
from descend.train.engine.feeds import Arrays, Feed
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch, Logs, Task, scoped
from descend.train.rules import Optimizer

if TYPE_CHECKING:
    from descend.agents.settings import Settings

PREFIX = "environment."


class Lived(NamedTuple):
    """One episode: states (steps + 1, ...), what was seen, done and gained (steps, ...)."""

    states: Any
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: bool


class AgentTask(Task):
    """Base of the tasks of algorithms.

    Args:
        algorithm: its settings.
        environment: where the agent acts.
        steps: steps of the environment that training may take in all.
        traced: parameters of the environment that are swept.
    """

    weights = ("params",)
    evaluations = 0  # epochs of its feed

    def __init__(
        self,
        algorithm: Settings,
        environment: Environment,
        steps: int,
        traced: tuple[str, ...] = (),
    ):
        self.environment, self.budget, self.traced = environment, steps, traced
        self.checked = inspect(environment)
        self.algorithm: Any = algorithm.at(environment)
        self.actions: Any = self.checked.actions

    # -- its numbers ----------------------------------------------------------------------------

    @property
    def rules(self) -> Mapping[str, Optimizer]:
        """The update rules by the names of what they train."""
        return self.algorithm.rules()

    def hyper(self) -> dict[str, float]:
        """All numbers that may be swept."""
        values = self.environment.parameters()
        own = {PREFIX + name: float(values[name]) for name in self.traced}
        return {**super().hyper(), **self.algorithm.numbers(), **own}

    def require(self, numbers: Mapping[str, float]) -> None:
        """Raise DescendError where a number is out of range."""
        super().require(numbers)
        known = self.algorithm.numbers()
        self.algorithm.with_parameters({k: v for k, v in numbers.items() if k in known})
        self.environment.with_parameters(scoped(numbers, PREFIX.rstrip(".")))

    def place_of(self, hyper: Mapping[str, Any]) -> Environment:
        """The environment with its swept numbers."""
        return self.environment.bound({name: hyper[PREFIX + name] for name in self.traced})

    def numbers(self, hyper: Mapping[str, Any]) -> dict[str, jax.Array]:
        """The numbers as arrays."""
        return {k: jnp.asarray(v, jnp.result_type(float)) for k, v in hyper.items()}

    # -- its networks ---------------------------------------------------------------------------

    @functools.cached_property
    def graphs(self) -> dict[str, Graph]:
        """The networks by name; a name that is no rule's has no weights of its own."""
        return self.algorithm.graphs(self.checked)

    def draw(self, key: jax.Array) -> dict[str, Any]:
        """Weights of all networks, as the algorithm arranges them."""
        return self.algorithm.draw(self, key)

    # -- how it is judged -----------------------------------------------------------------------

    def policy(self, params: Any, hyper: Mapping[str, Any]) -> Any:
        """What it does without exploring: a function (observation, legal, key) -> action."""
        return functools.partial(self.algorithm.greedy, self, params)

    def evaluate(self, state: Any, batch: Batch) -> Logs:
        """Return and length of an episode for each seed of the batch, without exploring."""
        keys = jax.vmap(jax.random.key)(batch.data)
        played = play(self.place_of(state.hyper), self.policy(state.params, state.hyper), keys)
        real = jnp.ones(len(keys)) if batch.mask is None else batch.mask
        count = jnp.sum(real)
        return {
            "return": (jnp.sum(played.returns * real), count),
            "length": (jnp.sum(played.steps * real), count),
        }

    def judged(self, seeds: np.ndarray, feed: Feed) -> tuple[Feed | None, list[Callback]]:
        """How it is judged on the way: a feed of episodes for `evaluate`, and callbacks."""
        return Arrays(seeds, len(seeds), shuffle=False), []

    def played(self, params: Any, hyper: Mapping[str, Any], seeds: Any) -> Played:
        """Episodes of members (leading axis of `params` and `hyper`), (members, seeds)."""
        if "played" not in self.programs:

            def one(params: Any, hyper: Any, seeds: Any) -> Played:
                keys = jax.vmap(jax.random.key)(seeds)
                return play(self.place_of(hyper), self.policy(params, hyper), keys)

            each = jax.vmap(one, in_axes=(0, 0, None))
            self.programs["played"] = jax.jit(each, compiler_options=quick_compile())
        return self.programs["played"](params, self.numbers(hyper), seeds)

    def lived(self, params: Any, hyper: Mapping[str, Any], seed: int) -> Lived:
        """One episode without exploring, step by step."""
        environment = self.environment.bound(
            {k.removeprefix(PREFIX): v for k, v in hyper.items() if k.startswith(PREFIX)}
        )
        policy = self.policy(params, hyper)
        float_type = jnp.result_type(float)

        def one(carry: Any, number: Any) -> Any:
            state, key, going = carry
            act_key, step_key = jax.random.split(jax.random.fold_in(key, number))
            seen = environment.observe(state)
            action = policy(seen, environment.legal(state), act_key)
            new, reward, over = environment.step(state, action, step_key)
            passed = (state, seen, action, jnp.asarray(reward, float_type), going)
            new = jax.tree.map(lambda a, b: jnp.where(going, a, b), new, state)
            return (new, key, going & ~jnp.asarray(over, bool)), (passed, new)

        @jax.jit
        def run(key: jax.Array) -> Any:
            reset_key, key = jax.random.split(key)
            first = environment.reset(reset_key), key, jnp.asarray(True)
            numbers = jnp.arange(environment.limit)
            return jax.lax.scan(one, first, numbers)

        last, (passed, after) = jax.device_get(run(jax.random.key(seed)))
        length = int(passed[4].sum())
        passed, after = jax.tree.map(lambda a: a[:length], (passed, after))
        states = jax.tree.map(lambda a, b: np.concatenate([a, b[-1:]]), passed[0], after)
        return Lived(states, passed[1], passed[2], passed[3], not bool(last[2]))

    def feed(self, evaluations: int) -> tuple[Feed, int]:
        """The feed of an epoch, which ends with an evaluation, and how many epochs there are."""
        raise NotImplementedError

    def steps_after(self, epochs: int) -> int:
        """Steps of the environment that are behind so many epochs of `feed`."""
        raise NotImplementedError

    # -- luck -----------------------------------------------------------------------------------

    def beginnings(self, environment: Environment, key: jax.Array, count: int) -> Place:
        """`count` episodes that begin."""
        keys = jax.random.split(key, count)
        return jax.vmap(lambda k: begun(environment.reset(k)))(keys)
