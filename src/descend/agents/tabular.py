"""Q-learning and SARSA with a table: a number for each state and action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.algorithm import Algorithm
from descend.agents.checks import Checked
from descend.agents.environment import Choice, Environment
from descend.agents.settings import holding
from descend.agents.task import AgentTask
from descend.agents.walking import Place, advance
from descend.errors import DescendError
from descend.nn.graph import Graph
from descend.statement import parameter
from descend.train.engine.feeds import Steps
from descend.train.engine.task import Batch, Logs
from descend.train.rules import Optimizer


class TabularState(NamedTuple):
    """The state of a run. params: {"q": (states, actions)}; visits: how often each was done."""

    params: Any
    visits: jax.Array
    place: Place
    action: jax.Array  # that is done next
    key: jax.Array
    hyper: dict[str, jax.Array]
    steps: jax.Array


class Tabular(AgentTask):
    """A task without a network: a step is one step of one environment, and one update."""

    @property
    def rules(self) -> Mapping[str, Optimizer]:
        """There is none: the update is the algorithm's."""
        return {}

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> TabularState:
        """Every value at the first one; an episode begins."""
        a, numbers = self.algorithm, self.numbers(hyper)
        reset, act, key = jax.random.split(key, 3)
        shape = (self.checked.observation[0], self.actions.n)
        params = {"q": jnp.broadcast_to(numbers["first"], shape)}
        environment = self.place_of(numbers)
        place = jax.tree.map(lambda x: x[0], self.beginnings(environment, reset, 1))
        none = jnp.zeros((), jnp.int32)
        state = TabularState(params, jnp.zeros(shape), place, none, key, numbers, none)
        noise = a.noise(self, act, ())
        return state._replace(action=a.act(self, state, environment, place, noise))

    def feed(self, evaluations: int) -> tuple[Steps, int]:
        """Epochs of equally many steps."""
        self.evaluations = epochs = min(evaluations, self.budget)
        self.per_epoch = self.budget // epochs
        return Steps(self.per_epoch), epochs

    def steps_after(self, epochs: int) -> int:
        """Steps of the environment that are behind so many epochs of `feed`."""
        return epochs * self.per_epoch

    def progress(self, state: Any) -> jax.Array:
        """Share of the budget that is used, 0 to 1."""
        return state.steps / self.budget

    def collect(self, state: TabularState, steps: int) -> tuple[TabularState, Any]:
        """Draw the luck of so many steps."""
        explore, chance, fresh, key = jax.random.split(state.key, 4)
        environment = self.place_of(state.hyper)
        luck = (
            self.algorithm.noise(self, explore, (steps,)),
            jax.random.split(chance, steps),
            jax.vmap(environment.reset)(jax.random.split(fresh, steps)),
        )
        return state._replace(key=key), luck

    def step(self, state: TabularState, batch: Batch) -> tuple[TabularState, Logs]:
        """One step, and Q(s, a) moves towards what it led to."""
        noise, chance, fresh = batch.data
        a, environment, hyper = self.algorithm, self.place_of(state.hyper), state.hyper
        place, passed, episodes = advance(environment, state.place, state.action, chance, fresh)
        q, action = state.params["q"], a.act(self, state, environment, place, noise)
        s, after = jnp.argmax(passed.observation), jnp.argmax(passed.after)
        values = q[after] if passed.legal is None else jnp.where(passed.legal, q[after], -jnp.inf)
        worth = a.worth(values, action, passed.ended)
        y = passed.reward + jnp.where(passed.terminated, 0.0, hyper["gamma"] * worth)
        visits = state.visits.at[s, state.action].add(1.0)
        rate = hyper["rate"] / visits[s, state.action] ** hyper["slowing"]
        error = y - q[s, state.action]
        state = state._replace(
            params={"q": q.at[s, state.action].add(rate * error)},
            visits=visits,
            place=place,
            action=action,
            steps=state.steps + 1,
        )
        return state, {"loss": (error**2, 1.0)} | episodes.logs()


@dataclass(frozen=True)
class QLearning(Algorithm):
    """A table of Q(s, a) learns from the value of the best next action.

        Q(s, a) <- Q(s, a) + eta (r + gamma max_a' Q(s', a') - Q(s, a)),   eta = rate / N(s, a)^p

    The environment's observation must be one-hot: the number of the state.

    Args:
        gamma: discount factor; None: the environment's, or 0.95 where it states none.
        rate: step eta of the first update of a pair.
        slowing: power p of the number of times that a pair was seen; 0: eta does not fall.
        first: value that every Q begins at; above what is possible, it makes the agent curious.
        epsilon, epsilon_end: share of random actions, at first and later.
        exploring: share of the budget until then.

    Raises:
        DescendError: a value out of range; an environment whose actions are numbers, or whose
            observation is not one-hot.

    Source: scheidegger-2020, "The Q-function"; Watkins 1989; Sutton and Barto, 6.5.

    Example:
        >>> from descend.agents import QLearning, make
        >>> maze = make("maze")
        >>> learner = QLearning(first=1.0)
        >>> agents = learner.learn(maze, 40_000, seeds=2, evaluations=1, verbose=0)
        >>> agents.evaluate(1).lengths.tolist()  # the shortest way from the robot's own start
        [[14], [14]]
    """

    rate: float = parameter(0.1, above=0, doc="step of the first update of a pair")
    slowing: float = parameter(0.0, least=0, most=1, doc="power by which the step falls")
    first: float = parameter(0.0, doc="value that every Q begins at")
    epsilon: float = parameter(0.1, least=0, most=1, doc="share of random actions at first")
    epsilon_end: float = parameter(0.1, least=0, most=1, doc="share of random actions later")
    exploring: float = parameter(0.5, above=0, most=1, doc="share of the budget until then")

    usual_gamma = 0.95

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Watkins 1989."""
        return holding(
            {
                "The step does not fall, so that values go on moving where chance does; the proof "
                "of convergence wants steps that fall.": self.slowing == 0,
                "The step falls by a power of 1/2 or less of the visits; the proof of convergence "
                "wants squares with a finite sum.": 0 < self.slowing <= 0.5,
                f"Actions are the best or, in {self.epsilon:g} of the steps at first and "
                f"{self.epsilon_end:g} later, any; the paper leaves open how they are chosen.": (
                    True
                ),
                f"Values begin at {self.first:g}.": self.first != 0,
            }
        )

    def rules(self) -> dict[str, Optimizer]:
        """There is none."""
        return {}

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """There is none."""
        return {}

    def draw(self, task: AgentTask, key: jax.Array) -> dict[str, Any]:
        """The table."""
        shape = (task.checked.observation[0], task.actions.n)
        return {"q": jnp.full(shape, self.first)}

    def task(self, environment: Environment, steps: int, traced: Sequence[str] = ()) -> Tabular:
        """The task of learning in an environment for so many steps."""
        task = Tabular(self, environment, steps, tuple(traced))
        if not isinstance(task.actions, Choice):
            raise DescendError(
                f"{self.label} chooses among actions, and {environment.label} has {task.actions}"
            )
        seen = jax.vmap(lambda k: environment.observe(environment.reset(k)))(
            jax.random.split(jax.random.key(0), 16)
        )
        if seen.ndim != 2 or not bool(((seen == 0) | (seen == 1)).all() & (seen.sum(1) == 1).all()):
            raise DescendError(
                f"{self.label} has a number for each state: {environment.label}.observe must be "
                f"one-hot (jax.nn.one_hot(state, n)), got e.g. {seen[0].tolist()}; for "
                "observations of numbers: DQN, PPO"
            )
        return task

    def worth(self, values: jax.Array, action: jax.Array, ended: jax.Array) -> jax.Array:
        """What the next state is worth: max_a' Q(s', a')."""
        return values.max()

    def noise(self, task: AgentTask, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """Numbers in [0, 1): whether to explore, and one for each action."""
        return jax.random.uniform(key, (*shape, 1 + task.actions.n))

    def act(
        self, task: Any, state: TabularState, environment: Any, place: Place, noise: Any
    ) -> jax.Array:
        """The best action in a place, or with probability epsilon any; ties by chance."""
        hyper, legal = state.hyper, environment.legal(place.state)
        share = jnp.minimum(task.progress(state) / hyper["exploring"], 1.0)
        epsilon = hyper["epsilon"] + share * (hyper["epsilon_end"] - hyper["epsilon"])
        q = state.params["q"][jnp.argmax(environment.observe(place.state))]
        allowed = jnp.ones(q.shape, bool) if legal is None else legal
        luck = jnp.where(allowed, noise[1:], -1.0)
        top = jnp.where(allowed, q, -jnp.inf)
        best = jnp.argmax(jnp.where(top == top.max(), luck, -2.0))
        return jnp.where(noise[0] < epsilon, jnp.argmax(luck), best)

    def greedy(self, task: Any, params: Any, seen: Any, legal: Any, key: Any) -> jax.Array:
        """The best action for one observation."""
        q = seen @ params["q"]
        return jnp.argmax(q if legal is None else jnp.where(legal, q, -jnp.inf))

    def thoughts(self, task: Any, params: Any, seen: Any) -> dict[str, jax.Array]:
        """{"q": Q(s, .)}, (batch, n)."""
        return {"q": seen @ params["q"]}


@dataclass(frozen=True)
class SARSA(QLearning):
    """A table of Q(s, a) learns from the action that it really does next.

        Q(s, a) <- Q(s, a) + eta (r + gamma Q(s', a') - Q(s, a)),   a' what is done in s'

    The arguments are those of `QLearning`. Where an episode is cut short nothing is done next, and
    the best action stands for it.

    Raises:
        DescendError: as `QLearning`.

    Source: Rummery and Niranjan 1994; Sutton and Barto, 6.4.

    Example:
        >>> from descend.agents import SARSA, make
        >>> agents = SARSA(first=1.0).learn(make("maze"), 40_000, seeds=2, evaluations=1, verbose=0)
        >>> agents.evaluate(1).lengths.tolist()
        [[14], [14]]
    """

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Rummery and Niranjan 1994."""
        return (
            "A table; the paper's values are a network's, with traces of earlier states.",
            "Where an episode is cut short, the best action stands for the next one.",
            *super().deviations,
        )

    def worth(self, values: jax.Array, action: jax.Array, ended: jax.Array) -> jax.Array:
        """What the next state is worth: Q(s', a')."""
        return jnp.where(ended, values.max(), values[action])
