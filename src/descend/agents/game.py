"""A game of two players in turns, zero sum: an environment that says whose turn it is.

    @dataclass(frozen=True)
    class TicTacToe(Game):
        actions = Choice(9)

        def reset(self, key):                 the empty board
        def turn(self, state):                0 or 1, who moves next
        def step(self, state, action, key):   (next state, reward of who moved, terminated)
        def observe(self, state):             the board as the player who is to move sees it
        def legal(self, state):               booleans, which moves are allowed

**The sign convention, stated here and nowhere else.** Every number belongs to a player: the reward
of a move to the one who made it, the value of a state to the one who is to move in it. What a move
from s to s' is worth to who made it is therefore

    r + d v(s')      d = 0 where the game is over, -1 where the other is to move in s', +1 where the
                     same player moves again

and d is `Game.sign`. Search and targets both ask it; nothing else flips a sign.

Source: Shapley 1953, Stochastic Games; Silver et al. 2018, Science 362 (AlphaZero), methods.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.checks import inspect
from descend.agents.environment import Choice, Environment
from descend.errors import DescendError
from descend.statement import author, parameter


@dataclass(frozen=True)
class Game(Environment):
    """The base of games of two players in turns, zero sum; an Environment in all else.

    `step` returns the reward of the player who moved: 1 wins, -1 loses, 0 for a draw or where the
    game goes on. The other player's is its negative. `observe` shows the board to the player who is
    to move, so that one network plays both sides. A game of `limit` moves that is not over is a
    draw; descend's own games end before.

    Attributes:
        actions: `Choice(n)`.
        limit: moves of the longest game.

    Raises:
        DescendError: as Environment.

    Source: scheidegger-2020, "AlphaZero: RL from self-play"; Silver et al. 2018.

    Example:
        Who takes the last of some stones wins; a move takes one or two.

        >>> from dataclasses import dataclass
        >>> import jax, jax.numpy as jnp
        >>> from descend.agents import Choice, check_environment, parameter
        >>> from descend.agents.game import Game
        >>> @dataclass(frozen=True)
        ... class Stones(Game):
        ...     stones: int = parameter(7, least=1)
        ...     limit: int = parameter(7, least=1)
        ...     actions = Choice(2, ("one", "two"))
        ...     def reset(self, key):
        ...         return {"left": jnp.int32(self.stones), "moves": jnp.int32(0)}
        ...     def turn(self, state):
        ...         return state["moves"] % 2
        ...     def step(self, state, action, key):
        ...         left = state["left"] - action - 1
        ...         won, moves = left <= 0, state["moves"] + 1
        ...         return {"left": left, "moves": moves}, jnp.where(won, 1.0, 0.0), won
        ...     def observe(self, state):
        ...         return jax.nn.one_hot(state["left"], self.stones + 1)
        ...     def legal(self, state):
        ...         return state["left"] > jnp.arange(2)
        >>> check_environment(Stones()).legal
        True
        >>> start = Stones().reset(jax.random.key(0))
        >>> after, reward, over = Stones().step(start, 1, jax.random.key(0))
        >>> float(Stones().sign(start, after, over))  # its value is the other player's
        -1.0
    """

    _contract = True

    limit: int = parameter(1000, least=1, doc="moves of the longest game")

    def turn(self, state: Any) -> Any:
        """Return who moves next, 0 (who began) or 1, a whole number."""
        raise NotImplementedError(f"{self.label} has no turn(state)")

    def sign(self, state: Any, after: Any, over: Any) -> jax.Array:
        """Return the factor d of the value of the next state in what a move is worth, see above.

        Args:
            state: state in which the move was made.
            after: state that it led to.
            over: whether the game is over, a boolean.
        """
        other = self.turn(after) != self.turn(state)
        return jnp.where(over, 0.0, jnp.where(other, -1.0, 1.0))

    def guess(self, state: Any) -> Any:
        """Return a rough value of a state to who is to move, between -1 and 1; 0: none.

        It is what a plain searcher goes by where it stops; see `Minimax`.
        """
        return 0.0

    def best(self, state: Any) -> Any:
        """Return the moves that keep a state's exact value, booleans (n,); None: not known."""
        return None

    def position(self, moves: Sequence[int]) -> Any:
        """Return the state behind moves from the beginning, of a game without chance.

        Args:
            moves: numbers of the moves, in turn.

        Raises:
            DescendError: a move that is not legal there, or behind the end of the game.
        """
        state, over = self.reset(jax.random.key(0)), False
        for place, move in enumerate(moves):
            legal = np.flatnonzero(self.legal(state))
            if over or move not in legal:
                words = "the game is over" if over else f"legal are {', '.join(map(str, legal))}"
                raise DescendError(f"{self.label}: move {place + 1} cannot be {move}: {words}")
            state, over = _moved(self, state, move)
        return state

    def text(self, state: Any) -> str:
        """Return a state as lines for a terminal, made on the host; by default its numbers."""
        return str(jax.tree.map(lambda a: jax.device_get(a).tolist(), state))


@functools.partial(jax.jit, static_argnums=0)
def _moved(game: Game, state: Any, move: Any) -> tuple[Any, Any]:
    after, _, over = game.step(state, move, jax.random.key(0))
    return after, over


def require_game(game: Any) -> None:
    """Raise DescendError unless it is a Game whose methods return what they must."""
    if not isinstance(game, Game):
        what = f"the class {game.__name__}" if isinstance(game, type) else repr(game)
        raise DescendError(f"self-play needs an instance of a subclass of Game, got {what}")
    checked = inspect(game)
    if not isinstance(checked.actions, Choice):
        raise DescendError(f"{game.label}.actions must be Choice(n): moves are searched one by one")
    if not checked.legal:
        raise DescendError(
            f"{game.label}.legal must return booleans of shape ({checked.actions.n},)"
        )
    state = jax.eval_shape(game.reset, jax.eval_shape(lambda: jax.random.key(0)))
    with author(game, "turn"):
        turn = jax.eval_shape(lambda s: jnp.asarray(game.turn(s)), state)
    if turn.shape != () or not jnp.issubdtype(turn.dtype, jnp.integer):
        raise DescendError(
            f"{game.label}.turn must return a whole number, 0 or 1, got {turn.dtype} of shape "
            f"{turn.shape}"
        )
