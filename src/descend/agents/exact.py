"""What an agent could reach, and what a policy reaches: beside every return stands the answer.

Where the states can be counted the answer is dynamic programming on arrays, in NumPy: no line of it
is shared with what learns. Where they cannot, `discounted` plays a policy from given states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Environment
from descend.errors import DescendError

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
    float_type = jnp.result_type(float)

    def one(carry: Any, key: jax.Array) -> Any:
        state, going, weight, total = carry
        act, chance = jax.random.split(key)
        action = policy(environment.observe(state), environment.legal(state), act)
        new, reward, over = environment.step(state, action, chance)
        total = total + jnp.where(going, weight * jnp.asarray(reward, float_type), 0)
        new = jax.tree.map(lambda a, b: jnp.where(going, a, b), new, state)
        return (new, going & ~jnp.asarray(over, bool), weight * gamma, total), None

    def path(state: Any, key: jax.Array) -> jax.Array:
        start = (state, jnp.array(True), jnp.ones((), float_type), jnp.zeros((), float_type))
        return jax.lax.scan(one, start, jax.random.split(key, steps))[0][3]

    return jax.vmap(path)(states, keys)
