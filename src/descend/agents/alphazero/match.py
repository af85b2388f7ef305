"""Games of a player against an opponent, many side by side.

`match` is traced, for a training that is one program; `matched` plays on the host, by programs of
one move, so that what no board needs is left out and the same search serves all opponents.

Source: descend's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.alphazero.opponents import Opponent
from descend.agents.game import Game
from descend.agents.walking import Place, begin

Player = Callable[[Any], Any]  # states -> moves, of (boards,)


class Boards(NamedTuple):
    """Where games stand, leaves (games, ...).

    place: with the player's score so far; going: which are not over; mine: where the player is to
    move; first: whether it began; keys: those that the games' chance follows from.
    """

    place: Place
    going: jax.Array
    mine: jax.Array
    first: jax.Array
    keys: jax.Array


class Played(NamedTuple):
    """How games came out for the player, 1, 0 or -1, and their moves; arrays (games,)."""

    scores: Any
    lengths: Any


def begun(game: Game, first: Any, keys: jax.Array) -> Boards:
    """A game for each key; `first` says whether the player begins, of all or of each."""
    first = jnp.broadcast_to(first, keys.shape)
    starts, keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    places = jax.vmap(lambda k: begin(game, k))(starts)
    mine = (jax.vmap(game.turn)(places.state) == 0) == first
    return Boards(places, jnp.ones(len(keys), bool), mine, first, keys)


def replies(game: Game, opponent: Opponent, boards: Boards) -> jax.Array:
    """The opponent's moves."""
    keys = _luck(boards)[0]
    moves = jax.vmap(lambda s, k: opponent(game, s, k))(boards.place.state, keys)
    return moves.astype(jnp.int32)


def moved(game: Game, boards: Boards, moves: jax.Array) -> Boards:
    """What the moves lead to, where games are not over."""
    old, going = boards.place, boards.going
    state, reward, over = jax.vmap(game.step)(old.state, moves, _luck(boards)[1])
    total = old.total + jnp.where(boards.mine, reward, -reward)
    new = Place(state, old.steps + 1, total)
    new = jax.tree.map(lambda a, b: jnp.where(_beside(going, a), a, b), new, old)
    going = going & ~over & (new.steps < game.limit)
    mine = (jax.vmap(game.turn)(new.state) == 0) == boards.first
    return boards._replace(place=new, going=going, mine=mine)


def match(game: Game, player: Player, opponent: Opponent, first: Any, keys: jax.Array) -> Played:
    """Play one game for each key, side by side, until the last has ended; traced.

    Args:
        player: moves of many boards at once.
        first: whether the player begins, a boolean of all games or of each.
        keys: keys (games,); a game's chance follows from its key alone.
    """

    def body(boards: Boards) -> Boards:
        ours = player(boards.place.state).astype(jnp.int32)
        moves = jnp.where(boards.mine, ours, replies(game, opponent, boards))
        return moved(game, boards, moves)

    last = jax.lax.while_loop(lambda b: jnp.any(b.going), body, begun(game, first, keys))
    return Played(last.place.total, last.place.steps)


def matched(
    game: Game,
    player: Player,
    opponent: Opponent,
    first: bool,
    keys: jax.Array,
    programs: dict[Any, Any],
) -> Played:
    """Play the same games on the host; compiled is what `programs` does not hold yet."""
    for name, function in (("begun", begun), ("moved", moved), (opponent, replies)):
        if (name, game) not in programs:
            own = (game, opponent) if function is replies else (game,)
            programs[name, game] = jax.jit(lambda *a, f=function, own=own: f(*own, *a))
    boards = programs["begun", game](first, keys)
    while np.any(going := np.asarray(boards.going)):
        mine = np.asarray(boards.mine)
        moves = np.zeros(len(mine), np.int32)
        if np.any(mine & going):
            moves = np.where(mine, np.asarray(player(boards.place.state)), moves)
        if np.any(~mine & going):
            moves = np.where(mine, moves, np.asarray(programs[opponent, game](boards)))
        boards = programs["moved", game](boards, moves.astype(np.int32))
    return Played(np.asarray(boards.place.total), np.asarray(boards.place.steps))


def _luck(boards: Boards) -> jax.Array:
    """Keys of the opponents' draws and of the game's chance at this move, (2, games)."""
    luck = jax.vmap(jax.random.fold_in)(boards.keys, boards.place.steps)
    return jax.vmap(jax.random.split, out_axes=1)(luck)


def _beside(flags: jax.Array, array: jax.Array) -> jax.Array:
    """Flags (games,) with the axes of an array (games, ...)."""
    return flags.reshape(-1, *(1,) * (array.ndim - 1))
