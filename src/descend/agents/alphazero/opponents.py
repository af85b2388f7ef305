"""Opponents that are no networks: chance, a search of a few moves, and exact play.

An opponent plays one board, `opponent(game, state, key) -> move`, and is traced, so that whole
matches are one program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.agents.game import Game
from descend.errors import DescendError, unknown
from descend.nn.checks import whole

LEAST = -2.0  # value of a move that is not legal, below that of a loss
SOONER = 0.99  # what a value counts for a move earlier: a win is made soon, a loss put off
ALIKE = 0.02  # values that differ by less are equally good
LEAVES = 200_000  # positions that one search may end in


@dataclass(frozen=True)
class Opponent:
    """The base of opponents: draws evenly among the moves that it takes for the best."""

    def __call__(self, game: Game, state: Any, key: jax.Array) -> jax.Array:
        """Return a move.

        Args:
            game: game that is played.
            state: state that is not over.
            key: JAX key.
        """
        look, draw = jax.random.split(key)
        good = game.legal(state) & self.good(game, state, look)
        return jax.random.categorical(draw, jnp.where(good, 0.0, -jnp.inf))

    def good(self, game: Game, state: Any, key: jax.Array) -> jax.Array:
        """Return which moves it takes for the best, booleans (moves,)."""
        raise NotImplementedError

    def require(self, game: Game) -> None:
        """Raise DescendError where it cannot play a game."""


@dataclass(frozen=True)
class Random(Opponent):
    """Any legal move, evenly.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import jax
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import Random
        >>> game = make("tic-tac-toe")
        >>> int(Random()(game, game.position([0, 1, 2, 4, 3, 5, 7, 6]), jax.random.key(0)))
        8
    """

    def good(self, game: Game, state: Any, key: jax.Array) -> jax.Array:
        """Return that all are."""
        return jnp.ones(game.actions.n, bool)


@dataclass(frozen=True)
class Minimax(Opponent):
    """A search of all lines of play of some moves; its best moves are drawn from evenly.

        v(s) = max_a r(s, a) + d v(s')          v = `Game.guess` where the search ends

    Values count a little less for each move that they are away, so that a win is made as soon and a
    loss as late as may be. All lines are followed side by side: pruning would save most of them,
    and is no array program.

    Args:
        depth: number of moves.
        guess: whether the game's own guess is asked where the search ends; otherwise such a
            position counts as a draw, and all moves are alike that neither win nor lose in time.

    Raises:
        DescendError: a depth below 1, or from `require` one that is too large for a game.

    Source: Shannon 1950, Programming a Computer for Playing Chess.

    Example:
        O, who is to move, has to stop the top row.

        >>> import jax
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import Minimax
        >>> game = make("tic-tac-toe")
        >>> int(Minimax(2)(game, game.position([0, 4, 1]), jax.random.key(0)))
        2
    """

    depth: int
    guess: bool = True

    def __post_init__(self) -> None:
        whole("Minimax: depth", self.depth, 1)

    def require(self, game: Game) -> None:
        """Raise DescendError where there are too many lines of play."""
        leaves = game.actions.n**self.depth
        if leaves > LEAVES:
            raise DescendError(
                f"a search of {self.depth} moves of {game.label} ends in {leaves:,} positions, "
                f"more than the {LEAVES:,} that are looked at side by side; choose a smaller depth"
            )

    def good(self, game: Game, state: Any, key: jax.Array) -> jax.Array:
        """Return which moves are as good as the best one."""
        values = self.values(game, state, key)
        return values > values.max() - ALIKE * self.guess - 1e-6

    def values(self, game: Game, state: Any, key: jax.Array) -> jax.Array:
        """Return what each move is worth to who makes it, (moves,); -2 where it is not legal.

        Args:
            game: game that is played.
            state: state that is not over.
            key: JAX key, of games with chance.
        """
        return self._values(game, state, key, self.depth)

    def _values(self, game: Game, state: Any, key: jax.Array, depth: int) -> jax.Array:
        def one(move: jax.Array, key: jax.Array) -> jax.Array:
            chance, deeper = jax.random.split(key)
            after, reward, over = game.step(state, move, chance)
            if depth > 1:
                later = self._values(game, after, deeper, depth - 1).max()
            else:
                later = jnp.asarray(game.guess(after) if self.guess else 0.0, float)
            return reward + SOONER * game.sign(state, after, over) * later

        moves = jnp.arange(game.actions.n)
        values = jax.vmap(one)(moves, jax.random.split(key, game.actions.n))
        return jnp.where(game.legal(state), values, LEAST)


@dataclass(frozen=True)
class Perfect(Opponent):
    """Exact play, of a game that knows its own: any move that keeps the position's value.

    Raises:
        DescendError: from `require`, a game whose exact play is not known.

    Source: descend's own.

    Example:
        A corner must be answered in the middle.

        >>> import jax
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import Perfect
        >>> game = make("tic-tac-toe")
        >>> int(Perfect()(game, game.position([0]), jax.random.key(0)))
        4
    """

    def require(self, game: Game) -> None:
        """Raise DescendError where the game does not say which moves are the best."""
        state = jax.eval_shape(game.reset, jax.eval_shape(lambda: jax.random.key(0)))
        if jax.eval_shape(game.best, state) is None:
            raise DescendError(
                f"exact play of {game.label} is not known: it has no best(state); against: "
                + ", ".join(opponents_of(game))
            )

    def good(self, game: Game, state: Any, key: jax.Array) -> jax.Array:
        """Return the moves that keep the value."""
        return game.best(state)


def opponent(name: str | Opponent, game: Game) -> Opponent:
    """An opponent by its name.

    Args:
        name: "random"; "one-ply", which takes a win and blocks a loss and else draws a move;
            "depth-4" (any number), a `Minimax` with the game's guess; "perfect".
        game: game that it is to play.

    Returns:
        The opponent; one that is given is only looked at.

    Raises:
        DescendError: an unknown name, or an opponent that cannot play the game.

    Source: descend's own.

    Example:
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import opponent
        >>> opponent("depth-3", make("connect-four"))
        Minimax(depth=3, guess=True)
    """
    made = named(name)
    made.require(game)
    return made


def named(name: str | Opponent) -> Opponent:
    """The opponent of a name, whatever the game; raises DescendError."""
    made: Any = name
    if isinstance(name, str):
        fixed = {"random": Random(), "one-ply": Minimax(2, guess=False), "perfect": Perfect()}
        depth = re.fullmatch(r"depth-(\d{1,3})", name)
        if not depth and name not in fixed:
            raise unknown("opponent", name, [*fixed, "depth-4"])
        made = Minimax(int(depth[1])) if depth else fixed[name]
    if not isinstance(made, Opponent):
        raise DescendError(f"an opponent is a name or an Opponent, got {made!r}")
    return made


def opponents_of(game: Game) -> tuple[str, ...]:
    """The names of those that a game's players are judged against unless told otherwise."""
    names = ["random"]
    names += [n for n, depth in (("one-ply", 2), ("depth-4", 4)) if game.actions.n**depth < 10_000]
    state = jax.eval_shape(game.reset, jax.eval_shape(lambda: jax.random.key(0)))
    known = jax.eval_shape(game.best, state) is not None
    return (*names, "perfect") if known else tuple(names)
