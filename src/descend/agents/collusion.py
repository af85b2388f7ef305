"""Firms that learn to price by Q-learning, each for itself: sessions of `Duopoly`, side by side.

A session is one history: every firm has a table Q_i(s, a) of its own, sees what all charged last,
sets a price, and learns from its own profit alone. Sessions are members of one program.

The step is laid out for speed. A session's tables are the rows (states, firms, prices) of one
array, so that what all firms think of a state is one slice, and the largest of its few numbers is
found by comparing in pairs, which a compiler turns into plain vector code. The luck of many periods
is drawn at once: one whole number decides for a firm whether it tries a price, and which.
"""

from __future__ import annotations

import functools
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

from descend.agents.environments.duopoly import Duopoly, Judged
from descend.errors import DescendError
from descend.nn.checks import whole
from descend.train.engine import placement
from descend.train.engine.runtime import prepare

if TYPE_CHECKING:
    import pandas as pd

PERIODS = 1000  # whose luck is drawn at once
EPOCH = 20  # such draws of one call of the program
BITS = 4294967040.0  # the largest float32 below 2^32
INSIDE = "promise_in_bounds"  # of indices, all of which are made here
SHOWN = 5.0  # seconds between lines
LEAST = 64  # sessions of the smallest program


class Session(NamedTuple):
    """Sessions in progress, arrays (sessions, ...).

    q: (sessions, states, firms, prices). state: prices of the last period. greedy: the best prices
    there (sessions, firms). still: periods since a firm last changed its mind in any state.
    periods: periods so far.
    """

    q: jax.Array
    state: jax.Array
    greedy: jax.Array
    still: jax.Array
    periods: jax.Array


def best_of(row: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The largest of the last axis and its place, of several alike the first; by pairs."""
    ranked = [(row[..., i], jnp.full(row.shape[:-1], i, jnp.int32)) for i in range(row.shape[-1])]
    while len(ranked) > 1:
        pairs = [
            (jnp.maximum(v, w), jnp.where(v >= w, i, j))
            for (v, i), (w, j) in zip(ranked[::2], ranked[1::2], strict=False)
        ]
        ranked = pairs + ranked[len(ranked) - len(ranked) % 2 :]
    return ranked[0]


@functools.cache
def _program(game: Duopoly, patience: int, members: int, kind: Any) -> Any:
    """The compiled program of one call: EPOCH times PERIODS periods of all sessions."""
    firms, prices = game.firms, game.prices
    places = prices ** np.arange(firms - 1, -1, -1)
    profits, delta = jnp.asarray(game.table(), kind), game.delta
    every = jnp.arange(firms)[None]

    def period(rate: jax.Array, now: Session, luck: jax.Array) -> tuple[Session, None]:
        """One period of all sessions. luck: prices tried at random, -1 for none, (sessions, firms).

        Q_i(s, a_i) <- Q_i(s, a_i) + rate (profit_i + delta max Q_i(s', .) - Q_i(s, a_i))
        """
        alive = now.still < patience
        session = jnp.arange(len(luck))
        action = jnp.where(luck >= 0, luck, now.greedy)
        state = jnp.sum(action * jnp.asarray(places, jnp.int32)[None], axis=1, dtype=jnp.int32)
        most, best = best_of(now.q.at[session, state].get(mode=INSIDE))
        at = (session[:, None], now.state[:, None], every, action)
        old = now.q.at[at].get(mode=INSIDE)
        target = profits.at[state].get(mode=INSIDE) + delta * most
        new = old + jnp.where(alive, rate, 0.0)[:, None] * (target - old)
        q = now.q.at[at].set(new, mode=INSIDE, unique_indices=True)
        mind = best_of(q.at[session, now.state].get(mode=INSIDE))[1]
        changed = jnp.any(mind != now.greedy, axis=1)
        stays = state == now.state  # what was read of the next state is then out of date
        greedy = jnp.where(stays[:, None], mind, best)
        return Session(
            q,
            jnp.where(alive, state, now.state),
            jnp.where(alive[:, None], greedy, now.greedy),
            jnp.where(alive & changed, 0, now.still + alive),
            now.periods + alive,
        ), None

    def draw(begun: jax.Array, now: Session, keys: Any, rate: Any, beta: Any) -> Session:
        bits = jax.vmap(lambda key: jax.random.bits(key, (PERIODS, firms), jnp.uint32))(
            jax.vmap(lambda key: jax.random.fold_in(key, begun))(keys)
        )
        number = jnp.swapaxes(bits, 0, 1).astype(kind)
        time = (begun * PERIODS + jnp.arange(PERIODS)).astype(kind)
        share = BITS * jnp.exp(-beta[None] * time[:, None])[:, :, None]
        price = jnp.minimum((number / share * prices).astype(jnp.int32), prices - 1)
        luck = jnp.where(number < share, price, -1)
        return jax.lax.scan(functools.partial(period, rate), now, luck)[0]

    def epoch(begun: jax.Array, now: Session, keys: Any, rate: Any, beta: Any) -> Session:
        again = lambda i, now: draw(begun + i, now, keys, rate, beta)  # noqa: E731
        return jax.lax.fori_loop(0, EPOCH, again, now)

    mesh = placement.member_mesh(members)
    if mesh is not None:
        own = P("members")
        epoch = jax.shard_map(
            epoch,
            mesh=mesh,
            in_specs=(P(), own, own, own, own),
            out_specs=own,
            check_vma=False,
        )
    return jax.jit(epoch, donate_argnums=(1,))


@dataclass(frozen=True, eq=False)
class Sessions:
    """What firms have learned in many sessions.

    Args:
        game: the Duopoly.
        strategies: array (sessions, firms, states), the price that each firm charges in each state.
        q: array (sessions, firms, states, prices), what they think of their prices.
        states: array (sessions,) of the last period's states.
        periods: array (sessions,) of how many periods they learned.
        converged: booleans (sessions,), whether no firm changed its mind for `patience` periods.
        seconds: time that it took, compilation included.

    Raises:
        Nothing of its own.

    Source: Calvano, Calzolari, Denicolo and Pastorello 2020, section II.

    Example:
        >>> from descend.agents.collusion import learn_prices
        >>> from descend.agents.environments.duopoly import Duopoly
        >>> found = learn_prices(Duopoly(prices=3), 4, beta=1e-3, patience=1000, verbose=0)
        >>> found.strategies.shape, found.to_frame().shape
        ((4, 2, 9), (4, 10))
    """

    game: Duopoly
    strategies: np.ndarray
    q: np.ndarray
    states: np.ndarray
    periods: np.ndarray
    converged: np.ndarray
    seconds: float

    def __len__(self) -> int:
        return len(self.strategies)

    @functools.cached_property
    def judged(self) -> list[Judged]:
        """Each session's strategies judged by best replies, from where it ended."""
        pairs = zip(self.strategies, self.states, strict=True)
        return [self.game.judge(strategies, int(state)) for strategies, state in pairs]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a session: periods, profit gain, cycle, whether and where it is a Nash."""
        import pandas as pd

        return pd.DataFrame(
            {
                "periods": self.periods,
                "converged": self.converged,
                "gain": [one.gain for one in self.judged],
                "price": [one.prices.mean() for one in self.judged],
                "cycle": [len(one.path) for one in self.judged],
                "equilibrium": [one.equilibrium for one in self.judged],
                "perfect": [one.perfect for one in self.judged],
                "best replies": [one.replies.mean() for one in self.judged],
                "lost": [one.lost[:, one.path].max() for one in self.judged],
                "once": [one.once for one in self.judged],
            }
        ).rename_axis("session")

    def impulse(self, firm: int = 0, action: int | None = None, periods: int = 25) -> np.ndarray:
        """Return mean prices (periods + 1, firms) where a firm deviates for one period.

        The first row is the mean price before, over the cycle.

        Args:
            firm: number of the firm.
            action: price it is forced to; None: the best one for the period, were it the last.
            periods: number of periods, that of the deviation the first.
        """
        pairs = zip(self.strategies, self.states, self.judged, strict=True)
        paths = [
            np.vstack(
                [
                    judged.prices,
                    self.game.impulse(
                        strategies, int(state), firm=firm, action=action, periods=periods
                    ).prices,
                ]
            )
            for strategies, state, judged in pairs
        ]
        return np.mean(paths, axis=0)


def learn_prices(
    game: Duopoly,
    sessions: int = 1000,
    *,
    rate: Any = 0.15,
    beta: Any = 4e-6,
    patience: int = 100_000,
    most: int = 10_000_000,
    seed: int = 0,
    verbose: int = 1,
) -> Sessions:
    """Let firms learn to price, in many sessions at once, until none changes its mind any more.

        Q_i(s, a) <- (1 - rate) Q_i(s, a) + rate (profit_i + delta max_a' Q_i(s', a'))

    In period t a firm tries any price with probability exp(-beta t), else its best one. A session
    ends when no firm's best price has changed in any state for `patience` periods; the programs of
    those that go on are made smaller then. A session follows from `seed` and its number alone.

    Args:
        game: the Duopoly.
        sessions: number of sessions.
        rate: learning rate, a number or an array (sessions,).
        beta: rate at which firms stop to try, a number or an array (sessions,).
        patience: periods without a change of mind that end a session.
        most: periods that no session exceeds, in whole calls of the program (20,000).
        seed: number that luck follows from.
        verbose: 0 shows nothing; 1 a line every few seconds, on standard error.

    Returns:
        The Sessions.

    Raises:
        DescendError: numbers out of range.

    Source: Calvano, Calzolari, Denicolo and Pastorello 2020, "Artificial Intelligence, Algorithmic
    Pricing, and Collusion", whose numbers are the defaults.

    Example:
        >>> from descend.agents.collusion import learn_prices
        >>> from descend.agents.environments.duopoly import Duopoly
        >>> small = Duopoly(prices=3)
        >>> found = learn_prices(small, 4, beta=1e-3, patience=1000, verbose=0)
        >>> found.converged.all(), bool((found.to_frame()["gain"] > 0).all())
        (True, True)
    """
    if not isinstance(game, Duopoly):
        raise DescendError(f"learn_prices needs a Duopoly, got {game!r}")
    least = {"sessions": 1, "patience": 1, "most": PERIODS * EPOCH, "seed": 0}
    for name, value in zip(least, (sessions, patience, most, seed), strict=True):
        whole(name, value, least[name])
    swept = {}
    for name, given, top in (("rate", rate, 1.0), ("beta", beta, np.inf)):
        try:
            array = np.broadcast_to(np.asarray(given, jnp.result_type(float)), (sessions,))
        except ValueError:
            array = np.full(1, np.nan)
        if not ((array > 0) & (array <= top)).all():
            raise DescendError(
                f"learn_prices: {name} must be a number > 0{' and <= 1' * (top == 1)}, or "
                f"{sessions} of them, got {given!r}"
            )
        swept[name] = array
    prepare()
    began = time.perf_counter()
    every = placement.filling(sessions)
    now = _first(game, every, seed)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), jnp.arange(every))
    rates, betas = (np.resize(swept[name], every) for name in ("rate", "beta"))
    running = np.arange(every)
    found: dict[int, Any] = {}
    shown, call = began, 0
    while True:
        now, keys = _spread((now, keys))
        program = _program(game, patience, len(running), jnp.result_type(float))
        numbers = _spread((rates[running], betas[running]))
        now = program(jnp.int32(call * EPOCH), now, keys, *numbers)
        call += 1
        over = np.asarray(now.still) >= patience
        over |= running >= sessions  # which only fill the devices
        periods = call * EPOCH * PERIODS
        if verbose and time.perf_counter() - shown > SHOWN:
            shown = time.perf_counter()
            left = int((~over).sum())
            print(
                f"{periods:,} periods: {left:,} of {sessions:,} sessions go on, "
                f"{shown - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        last = over.all() or periods + EPOCH * PERIODS > most
        keep = np.flatnonzero(~over)
        size = placement.filling(max(len(keep), LEAST))
        if last or size <= len(running) // 2:
            host = jax.device_get(now)
            for i in np.arange(len(running)) if last else np.flatnonzero(over):
                found.setdefault(int(running[i]), jax.tree.map(lambda a, i=i: a[i], host))
            if last:
                break
            # those that go on, and some that have ended in the places that are left
            places = np.concatenate([keep, np.flatnonzero(over)[: size - len(keep)]])
            now, keys = jax.tree.map(lambda a, p=places: a[p], (host, keys))
            running = running[places]
    ended = [found[i] for i in range(sessions)]
    q = np.stack([one.q for one in ended]).swapaxes(1, 2)
    return Sessions(
        game,
        q.argmax(axis=3).astype(np.int32),
        q,
        np.array([one.state for one in ended]),
        np.array([one.periods for one in ended]),
        np.array([one.still >= patience for one in ended]),
        time.perf_counter() - began,
    )


def _first(game: Duopoly, sessions: int, seed: int) -> Session:
    """Sessions before their first period: any state, and Q as if the others' prices were drawn."""
    row = np.tile(np.asarray(game.first_q(), jnp.result_type(float)), (game.firms, 1))
    state = np.random.default_rng(seed).integers(game.states, size=sessions)
    return Session(
        jnp.broadcast_to(row, (sessions, game.states, *row.shape)),
        jnp.asarray(state, jnp.int32),
        jnp.broadcast_to(jnp.asarray(row.argmax(1), jnp.int32), (sessions, game.firms)),
        jnp.zeros(sessions, jnp.int32),
        jnp.zeros(sessions, jnp.int32),
    )


def _spread(tree: Any) -> Any:
    """Arrays (sessions, ...), a part on each device."""
    mesh = placement.member_mesh(len(jax.tree.leaves(tree)[0]))
    return tree if mesh is None else placement.over_members(tree, mesh)
