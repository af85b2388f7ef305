"""An economy as an environment: its planner or household learns by acting, beside its solution."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy
import numpy as np

from descend.agents.environment import Box, Environment
from descend.economies.floats import precision
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.models.growth import StochasticGrowth
from descend.economies.models.savings import IncomeFluctuation
from descend.economies.outputs import Bounded, Free, Output, Positive, Share, Simplex
from descend.economies.point import labels
from descend.economies.statement import Economy
from descend.economies.states import positions_of, states_of
from descend.economies.system import Position, System
from descend.errors import DescendError
from descend.statement import author, parameter

PREFIX = "economy."  # of the economy's parameters among the environment's
CLIP = 1e-7  # a policy at an end of its range has no finite raw number


@dataclass(frozen=True, kw_only=True)
class EconomyEnvironment(Environment):
    """Any economy that states what a period is worth, `reward(now, policy)`, a number.

        E sum_t beta^t reward(x_t, pi_t),      x_(t+1) = transition(x_t, pi_t, shock)

    The same statement is so solved by conditions (`solve`), by dynamic programming, where it has a
    budget, and by an agent that knows none of its formulas; `policies` puts an agent's policy into
    the words of the other two.

    What an agent chooses are the raw numbers that the solver's network puts out, at most `reach` in
    size, and each policy's own output (Share, Positive, Bounded, Simplex, Free) makes the policy of
    them: zeros give its `start` or `scale`, and no action can leave the range in which the economy
    makes sense. With a reach of 3 a Share of start .5 lies between .05 and .95. What an agent sees
    is what that network sees: states from -1 to 1 in their box (by their logarithm where the box
    spans orders of magnitude), chains one-hot. Shocks follow the economy's law.

    Episodes begin anywhere in the box (`spread` 1), or nearer the start of the economy (0: there).
    They never terminate; where the box is left nothing is set back, since an agent must live with
    what it did. A clip in `transition` is then part of the technology: where it gives capital that
    was not saved, an agent will find that out and live on it. Such an economy's `reward` must be
    of what its next state leaves to be consumed.

    Numbers of the economy are parameters of the environment, "economy.beta". Its discount factor is
    taken to be its parameter `beta`.

    Args:
        economy: economy with a method `reward`.

    Raises:
        DescendError: an economy that is none, has no `reward`, or whose reward is not one number.

    Source: descend's own.

    Example:
        >>> from dataclasses import dataclass
        >>> import jax.numpy as jnp
        >>> from descend.agents import check_environment
        >>> from descend.agents.environments.economy import EconomyEnvironment
        >>> from descend.economies import Economy, Share
        >>> @dataclass(frozen=True)
        ... class Cake(Economy):
        ...     beta: float = 0.9
        ...     def states(self):
        ...         return {"left": (0.1, 1.0)}
        ...     def policies(self):
        ...         return {"eaten": Share(start=0.1)}
        ...     def transition(self, now, policy, shock):
        ...         return {"left": (1 - policy.eaten) * now.left}
        ...     def reward(self, now, policy):
        ...         return jnp.log(policy.eaten * now.left)
        >>> check_environment(EconomyEnvironment(Cake())).actions.names
        ('eaten',)
    """

    _contract = True  # an author's line is in the economy, not here

    economy: Economy = field(default_factory=BrockMirman, kw_only=False)
    reach: float = parameter(3.0, above=0, doc="size that the raw numbers of policies have at most")
    spread: float = parameter(1.0, least=0, most=1, doc="share of the box that episodes begin in")
    limit: int = parameter(200, least=1, doc="steps after which an episode is cut short")

    def __post_init__(self) -> None:
        super().__post_init__()
        economy = self.economy
        if not isinstance(economy, Economy):
            raise DescendError(f"EconomyEnvironment needs an Economy, got {economy!r}")
        if not callable(getattr(economy, "reward", None)):
            raise DescendError(
                f"{economy.label} has no reward(now, policy): state what a period is worth, such "
                "as the utility of what is consumed in it; an agent makes its discounted sum large"
            )
        with jax.ensure_compile_time_eval():  # sizes are numbers, also where this is traced
            object.__setattr__(self, "_system", System(economy))
        object.__setattr__(self, "_numbers", {})

    @property
    def label(self) -> str:
        """The economy's name."""
        return self.economy.label

    @property
    def system(self) -> System:
        """The economy with its sizes."""
        found: System = self._system  # type: ignore[attr-defined]
        return found

    @property
    def discount(self) -> Any:
        """The economy's beta; None where it has no parameter of that name."""
        return self.parameters().get(PREFIX + "beta")

    # -- parameters: its own and the economy's --------------------------------------------------

    def parameters(self) -> dict[str, Any]:
        """{name: value}, those of the economy as "economy.NAME"."""
        numbers: dict[str, Any] = self._numbers  # type: ignore[attr-defined]
        own = {name: value for name, value in super().parameters().items() if name != "economy"}
        of_economy = self.economy.parameters() | numbers
        return own | {PREFIX + name: value for name, value in of_economy.items()}

    def with_parameters(self, values: Mapping[str, Any]) -> Self:
        """A checked copy; raises DescendError for an unknown name or a value out of range."""
        own, of_economy = _apart(values)
        new = super().with_parameters(own)
        if not of_economy:
            return new
        return replace(new, economy=new.economy.with_parameters(of_economy))

    def bound(self, values: Mapping[str, Any]) -> Self:
        """A copy with traced numbers in the place of parameters; box and observation stay."""
        own, of_economy = _apart(values)
        if of_economy:
            own["_numbers"] = self._numbers | of_economy  # type: ignore[attr-defined]
        return super().bound(own)

    # -- the environment ------------------------------------------------------------------------

    @property
    def actions(self) -> Box:
        """The raw numbers of the policies, in the order in which the economy states them."""
        outputs = self.system.outputs.items()
        names = [label for name, output in outputs for label in labels(name, output.raw)]
        return Box((-self.reach,) * len(names), (self.reach,) * len(names), tuple(names))

    @property
    def variables(self) -> tuple[str, ...]:
        """The states, and the positions of chains."""
        chains = zip(self.system.law.chains, self.system.chain_sizes, strict=True)
        positions = (f"{name} at {i}" for name, size in chains for i in range(size))
        return (*self.system.columns, *positions)

    def reset(self, key: jax.Array) -> Position:
        """A point of the box."""
        position = jax.tree.map(lambda x: x[0], self.system.anywhere(key, 1))
        first = jnp.asarray(self.system.first, position.values.dtype)
        return position._replace(values=first + self.spread * (position.values - first))

    def step(self, state: Position, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """One period."""
        system = self.system
        economy, law, now = system.economy_at(state, self._numbers)  # type: ignore[attr-defined]
        policy = system.policy(economy, jnp.asarray(action, state.values.dtype))
        drawn = system.draw(key)
        chains = law.move(drawn.u, state.chains)
        after, _ = system.step(economy, law, now, policy, state, drawn.z, chains)
        with author(economy, "reward"):
            reward = economy.reward(now, policy)  # type: ignore[attr-defined]
            if jnp.shape(reward) != ():
                raise DescendError(f"a period is worth one number, got shape {jnp.shape(reward)}")
        return after, reward, False

    def observe(self, state: Position) -> jax.Array:
        """What the solver's network sees."""
        return self.system.features(state)

    # -- beside the economy's solution ----------------------------------------------------------

    def policies(
        self, policy: Callable[[Any, Any, jax.Array], Any], states: Any
    ) -> dict[str, np.ndarray]:
        """An agent's policies and the economy's definitions at states, as `Solution.policy` gives.

        Args:
            policy: function (observation, legal actions or None, key) -> action, of one state.
            states: {name: (n,)} or a DataFrame, a chain by its position.

        Returns:
            {name: (n,) or (n, size)}.

        Raises:
            DataError: a state that is missing, unknown, of another size, or not finite.
        """
        system, economy = self.system, self.economy
        key = jax.random.key(0)  # of a policy that does not explore nothing depends on it

        def one(position: Position) -> dict[str, Any]:
            now = system.now(position, system.law)
            chosen = system.policy(economy, policy(self.observe(position), None, key))
            with author(economy, "definitions"):
                return chosen.asdict() | dict(economy.definitions(now, chosen))

        return _mapped(one, positions_of(system, states))

    def action(self, policies: Mapping[str, Any]) -> np.ndarray:
        """The action of policies {name: number or vector} at one state, within reach.

        Raises:
            DescendError: a policy that is missing, or of an Output whose way back is not known.
        """
        missing = [name for name in self.system.outputs if name not in policies]
        if missing:
            raise DescendError(f"{self.label}: an action needs the policy {', '.join(missing)}")
        parts = [
            raw_of(output, np.asarray(policies[name], float)).reshape(-1)
            for name, output in self.system.outputs.items()
        ]
        return np.clip(np.concatenate(parts), -self.reach, self.reach)

    def best_action(self, state: Position) -> jax.Array:
        """The action of the economy's own `exact` policies at a state; by dynamic programming where
        it states none but has a budget. By JAX.

        Raises:
            DescendError: an economy that has neither.
        """
        system, economy = self.system, self.economy
        if callable(getattr(economy, "exact", None)):
            with author(economy, "exact"):
                found = economy.exact(system.now(state, system.law))
            if found:
                parts = [
                    jnp.atleast_1d(raw_of(output, jnp.asarray(found[name])))
                    for name, output in system.outputs.items()
                ]
                return jnp.clip(jnp.concatenate(parts), -self.reach, self.reach)
        points, table = _solved(self)
        row = jnp.asarray(table)[state.chains[0]]
        x = state.values[0]
        ends = [jnp.interp(x, jnp.asarray(points), row[:, i]) for i in range(row.shape[1])]
        return jnp.stack(ends)

    def exact_value(self, states: Any, **policies: Any) -> np.ndarray:
        """The value of states (n,) by the economy's own `value(now, **policies)`.

        Args:
            states: {name: (n,)} or a DataFrame, a chain by its position.
            policies: as the economy's `value` takes them; the best ones where there are none.

        Raises:
            DescendError: an economy without a closed form.
        """
        economy, system = self.economy, self.system
        if not callable(getattr(economy, "value", None)):
            raise DescendError(f"{self.label} states no value(now): there is no closed form")

        def one(position: Position) -> dict[str, Any]:
            now = system.now(position, system.law)
            with author(economy, "value"):
                return {"value": economy.value(now, **policies)}  # type: ignore[attr-defined]

        with precision("float64"):
            return _mapped(one, positions_of(system, states))["value"]

    def positions(self, states: Any) -> Position:
        """States of the environment (n, ...) from states by name; raises DataError."""
        return jax.tree.map(jnp.asarray, positions_of(self.system, states))

    def states(self, positions: Position) -> dict[str, np.ndarray]:
        """States of the environment (..., n) by name, a chain by its position."""
        return states_of(self.system, jax.device_get(positions))


@dataclass(frozen=True, kw_only=True)
class Growth(EconomyEnvironment):
    """`EconomyEnvironment` of stochastic growth: what share of output to consume.

    Source: Brock and Mirman 1972.
    """

    _contract = True

    economy: Economy = field(default_factory=StochasticGrowth, kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Savings(EconomyEnvironment):
    """`EconomyEnvironment` of a household whose income fluctuates: how much to save.

    Source: Deaton 1991.
    """

    _contract = True

    economy: Economy = field(default_factory=IncomeFluctuation, kw_only=False)


@functools.cache
def _solved(environment: EconomyEnvironment) -> tuple[np.ndarray, np.ndarray]:
    """Points of the one state, and the best actions (positions of the chain, points, numbers)."""
    from descend.economies.dynamic_programming import time_iteration

    system = environment.system
    with jax.ensure_compile_time_eval():
        found = time_iteration(environment.economy, points=400)
        (name, (low, high)), *_ = environment.economy.states().items()
        points = np.linspace(float(low), float(high), 2000)
        (chain,), (size,) = tuple(system.law.chains), system.chain_sizes
        tables = []
        for position in range(size):
            told = found.policy({name: points, chain: np.full(len(points), position)})
            raw = [
                raw_of(output, np.asarray(told[policy], float)).reshape(len(points), -1)
                for policy, output in system.outputs.items()
            ]
            tables.append(np.concatenate(raw, axis=1))
    table = np.clip(np.stack(tables), -environment.reach, environment.reach)
    return points, table


def raw_of(output: Output, policy: Any) -> Any:
    """The raw numbers that an output makes a policy of, by NumPy or JAX; a Simplex's sum to 0."""
    np: Any = jnp if isinstance(policy, jax.Array) else numpy
    logit = lambda share: np.log(share / (1 - share))  # noqa: E731
    if isinstance(output, Share):
        share = np.clip(policy, CLIP, 1 - CLIP)
        return logit(share) - logit(np.asarray(output.start, float))
    if isinstance(output, Bounded):
        low, start, high = (np.asarray(end, float) for end in output.bounds)
        share = np.clip((policy - low) / (high - low), CLIP, 1 - CLIP)
        return logit(share) - logit((start - low) / (high - low))
    if isinstance(output, Positive):
        size = np.maximum(policy / np.asarray(output.scale, float), CLIP)
        return size + np.log(-np.expm1(-size)) - math.log(math.e - 1)
    if isinstance(output, Simplex):
        logs = np.log(np.maximum(policy, CLIP))
        return logs - logs.mean()
    if isinstance(output, Free):
        return (policy - np.asarray(output.centre, float)) / np.asarray(output.scale, float)
    raise DescendError(f"of {type(output).__name__} the raw numbers of a policy are not known")


def _apart(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The environment's own values and the economy's."""
    inner = {n.removeprefix(PREFIX): v for n, v in values.items() if n.startswith(PREFIX)}
    return {n: v for n, v in values.items() if not n.startswith(PREFIX)}, inner


def _mapped(one: Callable[[Position], dict[str, Any]], positions: Position) -> dict[str, Any]:
    """A function of one position at many, back on the host."""
    found = jax.jit(jax.vmap(one))(jax.tree.map(jnp.asarray, positions))
    return {name: np.asarray(value) for name, value in found.items()}
