"""Firms that set prices again and again: demand, profits, the two benchmarks, what was learned.

`Duopoly` describes the game. All firms move at once, so it is no environment of one agent; what
learns in it calls `profits` and `state_of`. What has been learned is judged in NumPy: whether a
firm could do better (`judge`), and what follows a price cut (`impulse`). `PricingAgainst` is the
environment of one firm against a rival whose strategy is fixed.

A profile of strategies is an array (firms, states) of actions: the price that a firm sets in a
state, the place of the prices that all set in the last period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Choice, Environment
from descend.agents.exact import Finite
from descend.errors import DescendError
from descend.statement import Statement, parameter

MOST = 100_000  # states: more firms or prices than that need another way of looking at a state
CLOSE = 1e-9  # what a better reply must bring, as a share of the best one's value


class Judged(NamedTuple):
    """What a profile of strategies is, judged by each firm's best reply to the others'.

    path: states of the cycle that play ends in. replies: booleans (firms, states): is the strategy
    a best reply there? lost: share of the best reply's value that keeping to the strategy for ever
    gives up (firms, states).
    once: the most that a firm gains on the path by leaving its strategy once and keeping to it from
    then on, as a share of its value; 0 or less: it does not pay.
    equilibrium: whether all reply best on the path. perfect: whether they do in every state.
    gain: the mean profit gain over the path. prices, profits: their means over the path (firms,).
    """

    path: np.ndarray
    replies: np.ndarray
    lost: np.ndarray
    once: float
    equilibrium: bool
    perfect: bool
    gain: float
    prices: np.ndarray
    profits: np.ndarray


class Impulse(NamedTuple):
    """What follows where a firm leaves its strategy for some periods.

    prices, profits: arrays (periods, firms), the deviation in the first row. without: profits where
    nobody deviates (periods, firms). worth: of the deviation to each firm, the discounted sum of
    the differences as a share of that without it (firms,); below 0 it does not pay.
    """

    prices: np.ndarray
    profits: np.ndarray
    without: np.ndarray
    worth: np.ndarray


@dataclass(frozen=True)
class Duopoly(Statement):
    """n like firms with differentiated goods and logit demand, which remember one period.

        q_i = exp((g + c - p_i) / mu) / (sum_j exp((g + c - p_j) / mu) + exp(a0 / mu))
        profit_i = (p_i - c) q_i

    Prices are `prices` numbers, evenly from p_N - xi (p_M - p_N) to p_M + xi (p_M - p_N): p_N is
    the price of the one-shot (Nash) equilibrium, p_M the monopoly's, of the largest joint profit. A
    state is what all have charged in the last period, numbered with the first firm's price as the
    leading digit. Money is in units of the goods' advantage g.

    Source: Calvano, Calzolari, Denicolo and Pastorello 2020, "Artificial Intelligence, Algorithmic
    Pricing, and Collusion", whose numbers are the defaults.

    Example:
        >>> from descend.agents.environments.duopoly import Duopoly
        >>> game = Duopoly()
        >>> round(game.nash(), 4), round(game.monopoly(), 4)
        (1.4729, 1.925)
        >>> int(game.state_of([3, 7])), game.actions_of(52).tolist()
        (52, [3, 7])
    """

    firms: int = parameter(2, least=2, most=8, doc="number of firms")
    advantage: float = parameter(1.0, doc="quality less marginal cost, g")
    cost: float = parameter(1.0, least=0, doc="marginal cost, c")
    mu: float = parameter(0.25, above=0, doc="differentiation of the goods")
    outside: float = parameter(0.0, doc="quality of buying none of them, a0")
    delta: float = parameter(0.95, least=0, below=1, doc="discount factor")
    prices: int = parameter(15, least=2, doc="number of prices")
    xi: float = parameter(0.1, least=0, doc="share of p_M - p_N that prices go beyond both")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.states > MOST:
            raise DescendError(
                f"Duopoly: {self.prices} prices of {self.firms} firms make {self.states:,} states, "
                f"at most {MOST:,}"
            )

    @property
    def states(self) -> int:
        """Their number, prices^firms."""
        return self.prices**self.firms

    # -- demand and the two benchmarks ----------------------------------------------------------

    def demand(self, prices: Any) -> np.ndarray:
        """Quantities sold at prices (..., firms)."""
        worth = (self.advantage + self.cost - np.asarray(prices, float)) / self.mu
        outside = np.full((*worth.shape[:-1], 1), self.outside / self.mu)
        largest = np.maximum(worth.max(axis=-1, keepdims=True), outside)
        sizes = np.exp(worth - largest)
        return sizes / (sizes.sum(axis=-1, keepdims=True) + np.exp(outside - largest))

    def profits_at(self, prices: Any) -> np.ndarray:
        """Profits (..., firms) at prices (..., firms)."""
        return (np.asarray(prices, float) - self.cost) * self.demand(prices)

    def nash(self) -> float:
        """p_N: no firm gains by another price in this period, p - c = mu / (1 - q)."""
        return self._root(lambda q: 1 - q)

    def monopoly(self) -> float:
        """p_M: the joint profit is largest, p - c = mu / (1 - n q)."""
        return self._root(lambda q: 1 - self.firms * q)

    def _root(self, slope: Any) -> float:
        """The price, the same of all, at which (p - c) slope(q) = mu."""
        from scipy.optimize import brentq

        def excess(price: float) -> float:
            quantity = float(self.demand(np.full(self.firms, price))[0])
            return (price - self.cost) * slope(quantity) - self.mu

        high = self.cost + self.mu
        while excess(high) < 0:
            high += 2 * (high - self.cost)
        return float(brentq(excess, self.cost, high, xtol=1e-13))

    def gain(self, profits: Any) -> Any:
        """The profit gain of mean profits: 0 is the one-shot equilibrium, 1 the monopoly."""
        low, high = (
            self.profits_at(np.full(self.firms, p))[0] for p in (self.nash(), self.monopoly())
        )
        return (profits - low) / (high - low)

    # -- the game, as what learns in it plays it ------------------------------------------------

    def grid(self) -> np.ndarray:
        """The prices (prices,)."""
        low, high = self.nash(), self.monopoly()
        beyond = self.xi * (high - low)
        return np.linspace(low - beyond, high + beyond, self.prices)

    def table(self) -> np.ndarray:
        """Profits of all firms at all prices, (states, firms): row `state_of(actions)`."""
        return self.profits_at(self.grid()[self.actions_of(np.arange(self.states))])

    def profits(self, actions: Any) -> jax.Array:
        """Profits (..., firms) of actions (..., firms), by JAX: a row of the table."""
        return jnp.asarray(self.table(), jnp.result_type(float))[self.state_of(actions)]

    def state_of(self, actions: Any) -> Any:
        """The state (...,) that actions (..., firms) lead to, int32; by JAX of JAX's arrays."""
        xp = jnp if isinstance(actions, jax.Array) else np
        actions = xp.asarray(actions, xp.int32)
        state = actions[..., 0]
        for firm in range(1, self.firms):
            state = state * self.prices + actions[..., firm]
        return state

    def actions_of(self, states: Any) -> np.ndarray:
        """The actions (..., firms) of states (...,)."""
        places = self.prices ** np.arange(self.firms - 1, -1, -1)
        return np.asarray(states)[..., None] // places % self.prices

    def exploration(self, beta: Any, period: Any) -> jax.Array:
        """The probability exp(-beta t) of any price at all in period t."""
        return jnp.exp(-jnp.asarray(beta, float) * period)

    def first_q(self) -> np.ndarray:
        """The Q (prices,) that learning begins with, in every state and for every firm.

        Q_0(s, a) = mean of profit(a, others) over the others' prices / (1 - delta)
        """
        of_first = self.table()[:, 0].reshape(self.prices, -1)
        return of_first.mean(axis=1) / (1 - self.delta)

    # -- what was learned -----------------------------------------------------------------------

    def path(self, strategies: Any, state: int = 0) -> np.ndarray:
        """The states of the cycle that play ends in, from a state on."""
        following = np.asarray(self.state_of(self._profile(strategies).T))
        seen: dict[int, int] = {}
        while state not in seen:
            seen[state] = len(seen)
            state = int(following[state])
        return np.array(list(seen))[seen[state] :]

    def best_reply(self, strategies: Any, firm: int) -> np.ndarray:
        """Q (states, prices) of a firm that replies best while the others keep to their strategies.

        Q(s, a) = profit(a, others(s)) + delta max_b Q(s', b);  s' is certain, so no matrix is made.
        """
        strategies = self._profile(strategies)
        actions = np.repeat(strategies.T[:, None, :], self.prices, axis=1)
        actions[:, :, firm] = np.arange(self.prices)
        after = np.asarray(self.state_of(actions))
        profits, rows = self.table()[after, firm], np.arange(self.states)
        policy = strategies[firm]
        while True:  # Howard's improvements
            value = self._sum(profits[rows, policy], after[rows, policy])
            q = profits + self.delta * value[after]
            best = q.argmax(axis=1)
            gain = q[rows, best] - q[rows, policy]
            if not (gain > CLOSE / 100 * np.abs(value).max()).any():
                return q
            policy = best

    def value(self, strategies: Any) -> np.ndarray:
        """Discounted profits (firms, states) of all keeping to their strategies."""
        after = np.asarray(self.state_of(self._profile(strategies).T))
        return self._sum(self.table()[after], after).T

    def _sum(self, profits: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Discounted sums of profits (states, ...) where `after` follows, far closer than CLOSE.

        The sum of 2 n periods is that of n and, discounted, that of the n behind them.
        """
        weight = self.delta
        while weight > CLOSE * 1e-4:
            profits, after, weight = profits + weight * profits[after], after[after], weight**2
        return profits

    def judge(self, strategies: Any, state: int = 0) -> Judged:
        """Judge a profile: is each strategy a best reply to the others', on the path and off it?

        Args:
            strategies: actions (firms, states), such as Q.argmax(-1) of Q (firms, states, prices).
            state: state that play goes on from.

        Raises:
            DescendError: no such array.
        """
        strategies = self._profile(strategies)
        path = self.path(strategies, state)
        q = np.stack([self.best_reply(strategies, firm) for firm in range(self.firms)])
        best, chosen = q.max(axis=2), np.take_along_axis(q, strategies[:, :, None], 2)[:, :, 0]
        replies = best - chosen <= CLOSE * np.abs(best)
        value = self.value(strategies)
        lost = np.maximum(best - value, 0) / np.abs(best)
        once = max(self._leaving(strategies, path, firm, value[firm]) for firm in range(self.firms))
        actions = strategies[:, path].T
        profits = self.table()[np.asarray(self.state_of(actions))].mean(axis=0)
        return Judged(
            path,
            replies,
            lost,
            once,
            bool(replies[:, path].all()),
            bool(replies.all()),
            float(self.gain(profits.mean())),
            self.grid()[actions].mean(axis=0),
            profits,
        )

    def _leaving(
        self, strategies: np.ndarray, path: np.ndarray, firm: int, value: np.ndarray
    ) -> float:
        """What the best other price for one period brings a firm on the path, a share of value."""
        options = np.repeat(strategies[:, path].T[:, None], self.prices, axis=1)
        options[:, :, firm] = np.arange(self.prices)
        after = self.state_of(options)
        gain = self.table()[after, firm] + self.delta * value[after] - value[path][:, None]
        other = options[:, :, firm] != strategies[firm, path][:, None]
        return float((np.where(other, gain, -np.inf).max(axis=1) / np.abs(value[path])).max())

    def impulse(
        self,
        strategies: Any,
        state: int = 0,
        *,
        firm: int = 0,
        action: int | None = None,
        hold: int = 1,
        periods: int = 25,
    ) -> Impulse:
        """Force a firm to another price, and see what the others' strategies answer.

        Args:
            strategies: actions (firms, states).
            state: state before; first play goes on to a state of the cycle that it ends in.
            firm: number of the firm that deviates.
            action: price it is forced to; None: the best one for the period, were it the last.
            hold: periods in which it is forced to it; from then on all follow their strategies.
            periods: number of periods, >= hold.

        Raises:
            DescendError: no such strategies, firm, action or number of periods.
        """
        strategies, table = self._profile(strategies), self.table()
        if not (0 <= firm < self.firms and 1 <= hold <= periods):
            raise DescendError(
                f"impulse: firm must be 0 to {self.firms - 1} and 1 <= hold <= periods, got "
                f"{firm}, {hold} and {periods}"
            )
        before = int(self.path(strategies, state)[0])
        if action is None:
            options = np.repeat(strategies[:, before][None], self.prices, axis=0)
            options[:, firm] = np.arange(self.prices)
            action = int(table[np.asarray(self.state_of(options)), firm].argmax())
        if not 0 <= action < self.prices:
            raise DescendError(f"impulse: action must be 0 to {self.prices - 1}, got {action}")

        def played(forced: int) -> np.ndarray:
            """The states of the periods, the first `forced` with the firm's price given."""
            states, now = [], before
            for period in range(periods):
                actions = strategies[:, now].copy()
                if period < forced:
                    actions[firm] = action
                now = int(self.state_of(actions))
                states.append(now)
            return np.array(states)

        states, others = played(hold), played(0)
        weights = self.delta ** np.arange(periods)
        profits, without = table[states], table[others]
        worth = weights @ (profits - without) / (weights @ without)
        return Impulse(self.grid()[self.actions_of(states)], profits, without, worth)

    def _profile(self, strategies: Any) -> np.ndarray:
        found = np.asarray(strategies)
        wanted = (self.firms, self.states)
        whole = np.issubdtype(found.dtype, np.integer)
        if found.shape != wanted or not whole or not ((found >= 0) & (found < self.prices)).all():
            raise DescendError(
                f"strategies are whole numbers from 0 to {self.prices - 1} of shape {wanted}, got "
                f"{found.dtype} of shape {found.shape}"
            )
        return found


@dataclass(frozen=True)
class PricingAgainst(Environment):
    """One firm sets its price against a rival whose strategy is fixed and known to nobody.

    A state is what both charged in the last period, the agent first, seen as one of prices^2
    classes; it begins with any. By default the rival is the one who answers like with like: it
    charges what the agent charged last. Then high prices are the best reply, though no one agreed
    on them.

    Args:
        game: Duopoly of two firms.
        strategy: the rival's price in each state, whole numbers (states,); empty: like with like.

    Raises:
        DescendError: a game of more than two firms, or no such strategy.

    Source: Calvano et al. 2020.
    """

    game: Duopoly = Duopoly()
    strategy: tuple[int, ...] = ()
    limit: int = parameter(100, least=1, doc="steps after which an episode is cut short")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.game.firms != 2:
            raise DescendError(f"PricingAgainst: two firms, got {self.game.firms}")
        own = self.game.actions_of(np.arange(self.game.states))[:, 0]
        strategy = np.asarray(self.strategy) if len(self.strategy) else own
        self.game._profile(np.stack([strategy, strategy]))
        object.__setattr__(self, "strategy", tuple(int(a) for a in strategy))

    @property
    def actions(self) -> Choice:
        """The prices."""
        return Choice(self.game.prices, tuple(f"{price:.3f}" for price in self.game.grid()))

    @property
    def discount(self) -> float:
        """The discount factor of the answer."""
        return self.game.delta

    def reset(self, key: jax.Array) -> jax.Array:
        """Any prices."""
        return jax.random.randint(key, (), 0, self.game.states)

    def step(self, state: jax.Array, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """Both charge their prices."""
        both = jnp.stack([action, jnp.asarray(self.strategy, jnp.int32)[state]])
        return self.game.state_of(both), self.game.profits(both)[0], False

    def observe(self, state: jax.Array) -> jax.Array:
        """Last period's prices, one-hot."""
        return jax.nn.one_hot(state, self.game.states)

    def exact(self) -> Finite:
        """Value (states,), Q and the best replies."""
        game = self.game
        own, rival = np.meshgrid(np.arange(game.prices), self.strategy)  # (states, prices)
        after = own * game.prices + rival
        transitions = np.zeros((*after.shape, game.states))
        np.put_along_axis(transitions, after[:, :, None], 1.0, axis=2)
        return Finite(game.table()[after, 0], transitions, game.delta)
