"""What an agent could reach, and what a policy reaches: beside every return stands the answer.

Where the states can be counted the answer is dynamic programming on arrays, in NumPy: no line of it
is shared with what learns. Where they cannot, `discounted` plays a policy from given states, and
`paired` plays it and the best one through the same chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Environment
from descend.errors import DescendError

if TYPE_CHECKING:
    import pandas as pd

MOST = 1000  # improvements of a policy: Howard's iteration needs a dozen
BETTER = 1e-12  # by less than this, of the largest value, another action is no better


@dataclass(frozen=True, eq=False)
class Finite:
    """A Markov decision process as arrays, solved by Howard's policy iteration.

        Q(s, a) = r(s, a) + gamma sum_s' p(s' | s, a) V(s'),      V(s) = max_a Q(s, a)

    Args:
        rewards: array (states, actions) of expected rewards.
        transitions: array (states, actions, states) of probabilities. What a row misses of 1 is
            the chance that the episode terminates there, behind which all is worth nothing.
        gamma: discount factor, in [0, 1]; 1 only where every policy comes to an end.
        legal: booleans (states, actions), at least one in a row; None: all actions, always.

    Raises:
        DescendError: arrays that do not fit together, rows that are no probabilities, a state
            without a legal action; `value` of a policy that never ends, without discounting.

    Source: Howard 1960; Sutton and Barto, Reinforcement Learning, 4.3.

    Example:
        Two cells; going on from the second one ends the episode and pays 1.

        >>> import numpy as np
        >>> from descend.agents.exact import Finite
        >>> stay, go = np.eye(2), np.array([[0.0, 1.0], [0.0, 0.0]])
        >>> problem = Finite(np.array([[0.0, 0.0], [0.0, 1.0]]), np.stack([stay, go], 1), 0.9)
        >>> problem.value.tolist(), problem.policy.tolist()
        ([0.9, 1.0], [1, 1])
        >>> problem.value_lost(np.array([0, 1])).tolist()  # who stays in the first cell
        [1.0, 0.0]
    """

    rewards: np.ndarray
    transitions: np.ndarray
    gamma: float
    legal: np.ndarray | None = None

    def __post_init__(self) -> None:
        rewards, transitions = np.asarray(self.rewards, float), np.asarray(self.transitions, float)
        states = rewards.shape[0] if rewards.ndim == 2 else -1
        if transitions.shape != (*rewards.shape, states):
            raise DescendError(
                "Finite: rewards are (states, actions), transitions (states, actions, states); got "
                f"{rewards.shape} and {transitions.shape}"
            )
        sums = transitions.sum(axis=2)
        if not (
            np.isfinite(rewards).all() and (transitions >= 0).all() and (sums < 1 + 1e-9).all()
        ):
            raise DescendError(
                "Finite: rewards must be finite, probabilities >= 0, and their rows sum to 1, or "
                f"less where an episode may end; they sum to {sums.min():g} .. {sums.max():g}"
            )
        if not 0 <= self.gamma <= 1:
            raise DescendError(f"Finite: gamma must lie in [0, 1], got {self.gamma!r}")
        legal = np.ones(rewards.shape, bool) if self.legal is None else np.asarray(self.legal, bool)
        if legal.shape != rewards.shape or not legal.any(axis=1).all():
            raise DescendError(
                f"Finite: legal is {rewards.shape} with an action in every row, got {legal.shape}"
            )
        values = {"rewards": rewards, "transitions": transitions, "legal": legal}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @cached_property
    def policy(self) -> np.ndarray:
        """The best actions (states,); of several alike the first."""
        weights = np.asarray(self.legal, float)
        policy: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
        for _ in range(MOST):
            q = self.q_of(policy)
            best = q.argmax(axis=1)
            if policy.ndim == 1:
                rows = np.arange(len(q))
                better = (
                    q[rows, best] > q[rows, policy] + BETTER * np.abs(self.value_of(policy)).max()
                )
                if not better.any():
                    return self._first_of(q)
                best = np.where(better, best, policy)
            policy = best
        raise DescendError(f"Finite: no best policy after {MOST} improvements")

    def _first_of(self, q: np.ndarray) -> np.ndarray:
        """The first action of those whose values cannot be told from the best one's."""
        top = q.max(axis=1, keepdims=True)
        return (q >= top - BETTER * np.abs(top).max()).argmax(axis=1)

    @cached_property
    def value(self) -> np.ndarray:
        """V (states,)."""
        return self.value_of(self.policy)

    @cached_property
    def q(self) -> np.ndarray:
        """Q (states, actions), -inf where an action is not legal."""
        return self.q_of(self.policy)

    def value_of(self, policy: Any) -> np.ndarray:
        """V of a policy (states,): one linear system.

        Args:
            policy: actions (states,), or probabilities (states, actions).
        """
        chances = self._chances(policy)
        rewards = np.einsum("sa,sa->s", chances, self.rewards)
        moves = np.einsum("sa,sat->st", chances, self.transitions)
        try:
            return np.linalg.solve(np.eye(len(moves)) - self.gamma * moves, rewards)
        except np.linalg.LinAlgError:
            raise DescendError(
                "Finite: without discounting a policy that never ends has no value; take gamma < 1"
            ) from None

    def q_of(self, policy: Any) -> np.ndarray:
        """Q of a policy (states, actions), -inf where an action is not legal."""
        q = self.rewards + self.gamma * self.transitions @ self.value_of(policy)
        return np.where(np.asarray(self.legal), q, -np.inf)

    def value_lost(self, policy: Any) -> np.ndarray:
        """The share of the exact value that a policy loses, (V - V_policy) / |V|, by state."""
        lost = self.value - self.value_of(policy)
        lost[np.abs(lost) <= BETTER * np.abs(self.value).max()] = 0  # of the linear system
        nothing = self.value == 0
        share = lost / np.where(nothing, 1, np.abs(self.value))
        return np.where(nothing & (lost > 0), np.inf, share)

    def visited(self, policy: Any) -> np.ndarray:
        """The share of discounted time that a policy spends in each state, begun in any evenly."""
        moves = np.einsum("sa,sat->st", self._chances(policy), self.transitions)
        start = np.full(len(moves), 1 / len(moves))
        time = np.linalg.solve(np.eye(len(moves)) - self.gamma * moves.T, start)
        return time / time.sum()

    def compare(self, policy: Any, states: Any = None, actions: Any = None) -> Comparison:
        """Hold a policy to the answer, state by state.

        Args:
            policy: actions (states,).
            states, actions: words for them; their numbers by default.
        """
        policy = np.asarray(policy)
        rows = np.arange(len(self.rewards))
        names = np.arange(len(rows)) if states is None else np.asarray(states)
        words = np.arange(self.rewards.shape[1]) if actions is None else np.asarray(actions)
        cost = self.value - self.q[rows, policy]
        cost[cost <= BETTER * np.abs(self.value).max()] = 0
        lost = self.value_lost(policy) * np.abs(self.value)
        return Comparison(
            {"state": names},
            {"does": words[policy], "best": words[self.policy]},
            self.value,
            lost,
            {"visited": self.visited(policy), "costs": cost / np.abs(self.value)},
            cost > 0,
        )

    def _chances(self, policy: Any) -> np.ndarray:
        """A policy as probabilities (states, actions)."""
        policy = np.asarray(policy)
        states, actions = self.rewards.shape
        if policy.shape == (states,) and np.issubdtype(policy.dtype, np.integer):
            if not ((policy >= 0) & (policy < actions)).all():
                raise DescendError(f"Finite: a policy's actions are 0 to {actions - 1}")
            policy = np.eye(actions)[policy]
        if policy.shape != (states, actions) or not np.allclose(policy.sum(axis=1), 1):
            raise DescendError(
                f"Finite: a policy is whole numbers ({states},), or probabilities ({states}, "
                f"{actions}) whose rows sum to 1; got {policy.dtype} of shape {policy.shape}"
            )
        if (policy[~np.asarray(self.legal)] > 0).any():
            state, action = np.argwhere((policy > 0) & ~np.asarray(self.legal))[0]
            raise DescendError(f"Finite: action {action} is not legal in state {state}")
        return policy


@dataclass(frozen=True, eq=False)
class Comparison:
    """A policy beside the best one, state by state.

    Args:
        states: columns (states,) that name them.
        actions: columns of what the policy does and of what is best.
        value: array (states,) of what they are worth to the best policy.
        lost: array (states,) of what the policy gets less.
        more: other columns.
        differs: booleans (states,), whether what it does there is worse than the best.
        error: standard error of `mean`, where returns were played.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.agents import make
        >>> search = make("job-search")
        >>> accepts = (search.wages() >= 50).astype(int)  # too early: 53.22 is the wage to wait for
        >>> found = search.exact().compare(accepts, search.wages(), ["reject", "accept"])
        >>> print(found)
        value lost 3.25 %, at most 6.06 % (state 50); 1 of 11 states differ
        >>> found.to_frame()[["state", "does", "best"]].values.tolist()
        [[50.0, 'accept', 'reject']]
    """

    states: dict[str, np.ndarray]
    actions: dict[str, np.ndarray]
    value: np.ndarray
    lost: np.ndarray
    more: dict[str, np.ndarray]
    differs: np.ndarray
    error: float | None = None

    @property
    def shares(self) -> np.ndarray:
        """The share of its value that is lost in each state, (states,)."""
        return self.lost / np.where(self.value == 0, 1, np.abs(self.value))

    @property
    def mean(self) -> float:
        """The share of value that is lost where episodes begin in all of these states alike."""
        return float(self.lost.sum() / np.abs(self.value).sum())

    @property
    def worst(self) -> float:
        """The largest share that is lost in any of these states."""
        return float(self.shares.max())

    def to_frame(self, differing: bool = True) -> pd.DataFrame:
        """Return one row a state: what is done, what is best, and the share that is lost from it.

        costs: the share that is lost by this action alone, with the best ones behind it. visited:
        share of discounted time that is spent there.

        Args:
            differing: whether only the states where another action is better.
        """
        import pandas as pd

        columns = {**self.states, **self.actions, **self.more, "lost": self.shares}
        frame = pd.DataFrame(columns)
        return frame[self.differs] if differing else frame

    def __str__(self) -> str:
        words = f"value lost {100 * self.mean:.3g} %"
        if self.error is not None:
            words += f" (standard error {100 * self.error:.2g} %)"
        if self.worst > 0:
            at = int(np.argmax(self.shares))
            where = ", ".join(f"{name} {_short(value[at])}" for name, value in self.states.items())
            words += f", at most {100 * self.worst:.3g} % ({where})"
        if self.error is None:
            words += f"; {self.differs.sum()} of {len(self.value)} states differ"
        return words


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def discounted(
    environment: Environment,
    policy: Callable[[Any, Any, jax.Array], Any],
    states: Any,
    keys: jax.Array,
    *,
    gamma: float,
    steps: int,
) -> jax.Array:
    """Play a policy from given states; their discounted returns, sum_t gamma^t r_t.

    A path goes on for `steps` steps unless it terminates: `limit` does not cut it short, since the
    answer that it stands beside knows no limit. What lies behind is worth gamma^steps as much.

    Args:
        environment: environment to be played.
        policy: function (observation, legal actions or None, key) -> action, of one path.
        states: states that paths begin in, each leaf with a first axis (paths,).
        keys: keys (paths,) of their chance.
        gamma: discount factor.
        steps: number of steps.

    Returns:
        Returns (paths,); their mean is the policy's value, sd / sqrt(paths) its standard error.

    Raises:
        Nothing of its own.

    Source: Sutton and Barto, Reinforcement Learning, 3.3.

    Example:
        Five steps of a pole, each worth 1: 1 + .5 + .25 + .125 + .0625.

        >>> import jax
        >>> from descend.agents import make
        >>> from descend.agents.exact import discounted
        >>> pole, keys = make("cart-pole"), jax.random.split(jax.random.key(0), 2)
        >>> states = jax.vmap(pole.reset)(keys)
        >>> discounted(pole, lambda o, l, k: 1, states, keys, gamma=0.5, steps=5).tolist()
        [1.9375, 1.9375]
    """

    def rule(state: Any, key: jax.Array) -> Any:
        return policy(environment.observe(state), environment.legal(state), key)

    return jax.vmap(lambda s, k: _path(environment, rule, s, k, gamma, steps))(states, keys)


def _path(
    environment: Environment, rule: Any, state: Any, key: jax.Array, gamma: float, steps: int
) -> jax.Array:
    """The discounted return of one path; rule: function (state, key) -> action."""
    float_type = jnp.result_type(float)

    def one(carry: Any, key: jax.Array) -> Any:
        state, going, weight, total = carry
        act, chance = jax.random.split(key)
        new, reward, over = environment.step(state, rule(state, act), chance)
        total = total + jnp.where(going, weight * jnp.asarray(reward, float_type), 0)
        new = jax.tree.map(lambda a, b: jnp.where(going, a, b), new, state)
        return (new, going & ~jnp.asarray(over, bool), weight * gamma, total), None

    start = (state, jnp.array(True), jnp.ones((), float_type), jnp.zeros((), float_type))
    return jax.lax.scan(one, start, jax.random.split(key, steps))[0][3]


def paired(
    environment: Environment,
    policy: Callable[[Any, Any, jax.Array], Any],
    best: Callable[[Any], Any],
    *,
    gamma: float,
    states: int = 64,
    paths: int = 32,
    seed: int = 0,
    worth: Callable[[Any], Any] = lambda value: value,
) -> Comparison:
    """Play a policy and the best one from the same states through the same chance.

    What one gets less is far less noisy than either return. Paths go on until what lies behind is
    worth a millionth; `limit` does not cut them short.

    Args:
        environment: environment to be played, whose actions are numbers.
        policy: function (observation, legal actions or None, key) -> action.
        best: function state -> action of the best policy.
        gamma: discount factor, < 1.
        states: number of states, as episodes begin.
        paths: number of paths from each.
        seed: number that chance follows from.
        worth: function of values, in whose units is counted what is lost: that of a utility, whose
            zero is anywhere.

    Returns:
        The Comparison; its states are what is seen, its values those of the best policy's paths.

    Raises:
        Nothing of its own.

    Source: common random numbers, Glasserman 2003, Monte Carlo Methods in Financial Engineering, 4.

    Example:
        >>> from descend.agents import make
        >>> from descend.agents.exact import paired
        >>> bank = make("linear-quadratic")
        >>> rule = bank.best_action
        >>> paired(bank, lambda seen, legal, key: rule(seen), rule, gamma=bank.discount).worst
        0.0
    """
    steps = int(np.ceil(np.log(1e-6) / np.log(gamma)))
    first, chance = jax.random.split(jax.random.key(seed))

    def rule(state: Any, key: jax.Array) -> Any:
        return policy(environment.observe(state), environment.legal(state), key)

    @jax.jit
    def played(start: Any, keys: jax.Array) -> Any:
        def one(state: Any, key: jax.Array) -> Any:
            own = _path(environment, rule, state, key, gamma, steps)
            other = _path(environment, lambda s, k: best(s), state, key, gamma, steps)
            return other, other - own

        value, less = jax.vmap(jax.vmap(one, (None, 0)))(start, keys)
        seen = jax.vmap(environment.observe)(start)
        does = jax.vmap(rule)(start, keys[:, 0])
        return value, less, seen, does, jax.vmap(best)(start)

    start = jax.vmap(environment.reset)(jax.random.split(first, states))
    found = played(start, jax.random.split(chance, (states, paths)))
    values, less, seen, does, should = (np.asarray(x, float) for x in found)
    value = np.asarray(worth(values.mean(axis=1)))
    lost = value - worth(values.mean(axis=1) - less.mean(axis=1))
    slope = lost.sum() / less.sum() * paths if less.any() else 0.0  # of the units
    names = environment.variables or [f"x{i}" for i in range(seen.shape[1])]
    heads = environment.actions.names or [str(i) for i in range(does.shape[1])]
    columns: dict[str, np.ndarray] = {}
    for i, head in enumerate(heads):
        word = f" {head}" * (len(heads) > 1)
        columns |= {f"does{word}": does[:, i], f"best{word}": should[:, i]}
    return Comparison(
        {name: seen[:, i] for i, name in enumerate(names)},
        columns,
        value,
        lost,
        {},
        np.ones(states, bool),
        float(abs(slope) * less.std() / np.sqrt(less.size) / np.abs(value).mean()),
    )
