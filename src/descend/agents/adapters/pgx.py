"""Games of pgx, inside the compiled program: two players in turns, or one.

pgx draws which of its players begins; here player 0 is who began, as `Game.turn` says, and a reward
is that of who moved.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.adapters.packages import package, remade
from descend.agents.environment import Choice, Environment
from descend.agents.game import Game
from descend.errors import DescendError, unknown
from descend.statement import parameter

NEED = "a game of pgx"
# games in which players do not see all: a search through true states would
HIDDEN = ("bridge_bidding", "kuhn_poker", "leduc_holdem")
LONGEST = {"tic_tac_toe": 9, "connect_four": 42}  # moves; others by `_longest`


class Position(NamedTuple):
    """A state of pgx, and the player of pgx who began."""

    state: Any
    first: jax.Array


@dataclass(frozen=True)
class PgxEnvironment(Environment):
    """A game of pgx for one player; `from_pgx` makes it.

    Args:
        name: its id.
        limit: steps after which an episode is cut short.
        own: whether it was given as an object, which no file holds.
        given: object of pgx.

    Raises:
        DescendError: an unknown id; pgx is not installed.

    Source: Koyamada et al. 2023, Pgx: Hardware-Accelerated Parallel Game Simulators for
    Reinforcement Learning.
    """

    name: str = field(default="", metadata={"kept": True})
    limit: int = parameter(1000, least=1, doc="steps after which an episode is cut short")
    own: bool = field(default=False, metadata={"kept": True})
    given: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def restored(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the environment of a file."""
        return remade(cls, parameters, "from_pgx")

    @property
    def label(self) -> str:
        """Its id."""
        return self.name

    @functools.cached_property
    def _made(self) -> Any:
        return self.given or _by_name(self.name)

    @functools.cached_property
    def actions(self) -> Choice:
        """A choice among the moves."""
        return Choice(int(self._made.num_actions))

    def reset(self, key: jax.Array) -> Position:
        """Begin a game."""
        state = self._made.init(key)
        return Position(state, state.current_player)

    def step(self, state: Position, action: jax.Array, key: jax.Array) -> tuple[Any, Any, Any]:
        """One move; the reward is that of who made it."""
        mover = state.state.current_player
        after = self._made.step(state.state, action, key)
        after = jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), after, state.state)
        reward = after.rewards[mover].astype(jnp.result_type(float))
        return Position(after, state.first), reward, after.terminated

    def observe(self, state: Position) -> jax.Array:
        """What who is to move sees: flags as uint8, all else floats."""
        seen = state.state.observation
        return seen.astype(jnp.uint8 if seen.dtype in (bool, jnp.uint8) else float)

    def legal(self, state: Position) -> jax.Array:
        """The moves that are allowed."""
        return state.state.legal_action_mask


@dataclass(frozen=True)
class PgxGame(PgxEnvironment, Game):
    """A game of pgx for two players in turns; `from_pgx` makes it.

    The arguments are those of `PgxEnvironment`.

    Raises:
        DescendError: as `PgxEnvironment`.

    Source: Koyamada et al. 2023, Pgx.
    """

    def turn(self, state: Position) -> jax.Array:
        """0 for who began, 1 for the other."""
        return (state.state.current_player != state.first).astype(jnp.int32)

    def observe(self, state: Position) -> jax.Array:
        """What who is to move sees, as floats: the search's network takes them as they are."""
        return state.state.observation.astype(float)

    def text(self, state: Position) -> str:
        """The planes of what who is to move sees, the first two as marks."""
        seen = np.asarray(jax.device_get(state.state.observation))
        if seen.ndim != 3 or seen.shape[-1] < 2:
            return str(seen)
        marks = np.where(seen[..., 0] > 0, "X", np.where(seen[..., 1] > 0, "O", "."))
        return "\n".join(" ".join(row) for row in marks)


def _by_name(name: str) -> Any:
    pgx = package("pgx", NEED)
    board = re.fullmatch(r"go_(\d{1,2})x(\d{1,2})", name)
    if board and board[1] == board[2] and 2 <= int(board[1]) <= 19:
        return package("pgx.go", NEED).Go(size=int(board[1]))
    known = [*pgx.available_envs(), "go_5x5"]
    if name not in known:
        raise unknown(NEED.removeprefix("a "), name, known)
    return pgx.make(name)


def _longest(name: str) -> int:
    """The moves after which pgx itself ends a game, where that is known."""
    board = re.fullmatch(r"go_(\d+)x\d+", name)
    return 2 * int(board[1]) ** 2 if board else LONGEST.get(name, 1000)


def from_pgx(source: Any, limit: int | None = None) -> PgxEnvironment:
    """A game of pgx inside the compiled program: for one player, or for two in turns.

    Args:
        source: id ("go_9x9", "go_5x5", "minatar-breakout"), or a game of pgx.
        limit: moves after which a game is cut short; by default those of the longest game where
            that is known, or 1000.

    Returns:
        A `Game` for `alphazero.SelfPlay` where two play, an `Environment` where one does.

    Raises:
        DescendError: an unknown id, something else than the two, more than two players, players who
            do not see all; pgx is not installed.

    Source: Koyamada et al. 2023, Pgx.

    Example:
        >>> from descend.agents.adapters import from_pgx  # it imports pgx when it is called
        >>> from_pgx.__name__
        'from_pgx'
    """
    package("pgx", NEED)
    if isinstance(source, str):
        made, name = _by_name(source), source
    elif all(hasattr(source, wanted) for wanted in ("init", "step", "num_players", "id")):
        made, name = source, str(source.id)
    else:
        raise DescendError(f"{NEED} is given by its id, or as an object, got {source!r}")
    if name in HIDDEN:
        raise DescendError(f"in {name} players do not see all, and a search here would")
    if made.num_players > 2:
        raise DescendError(f"{name} has {made.num_players} players; games here have one or two")
    cls = PgxGame if made.num_players == 2 else PgxEnvironment
    most = _longest(name) if limit is None else limit
    return cls(name=name, limit=most, own=not isinstance(source, str), given=made)
