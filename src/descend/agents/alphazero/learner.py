"""Self-play as a Task: the network plays itself by search, and learns what the search found.

    loss = (z - v)^2 - pi log p + c |theta|^2

(p, v) is the network's word on a position, pi the search's on the moves, z how the game came out
for who was to move. A round begins with `collect`: every board is played on for some moves, a game
that ends gives way to the next, and the outcomes are carried back along the games. One `step` is
one update.

Source: scheidegger-2020, "AlphaZero: RL from self-play"; Silver et al. 2018, equation 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.alphazero.search import Found, Search
from descend.agents.alphazero.settings import Settings, network_for
from descend.agents.game import Game
from descend.agents.walking import Place, advance, begin
from descend.errors import DescendError
from descend.nn.checks import number
from descend.train.engine.task import Batch, Logs, Task
from descend.train.rules import Optimizer
from descend.train.rules import get as rule_of

# what is counted of a round's games: sums over those that ended, and their number
COUNTS = ("first_wins", "draws", "length", "ended")


class TrainingState(NamedTuple):
    """The state of self-play.

    boards: where every game stands, (games, ...); record: `COUNTS` of the last round.
    """

    params: Any
    optimizer: Any
    key: jax.Array
    hyper: dict[str, jax.Array]
    steps: jax.Array
    boards: Place
    record: jax.Array


class Rows(NamedTuple):
    """Positions to learn from: what was seen and legal, pi, and z."""

    seen: jax.Array
    legal: jax.Array
    policy: jax.Array
    outcome: jax.Array


class Moves(NamedTuple):
    """What self-play made, leaves (moves, games, ...).

    reward: of the player who moved; discount: `Game.sign`, 0 where the game ended; strayed:
    whether the move was drawn at random; found: what the search said, also where it was not obeyed.
    """

    seen: jax.Array
    legal: jax.Array
    found: Found
    reward: jax.Array
    discount: jax.Array
    strayed: jax.Array


def outcomes(moves: Moves, last: jax.Array) -> jax.Array:
    """Return z, how each position came out for the player who was to move, (moves, games).

        z_t = r_t + d_t z_(t+1)         d_t = -1: the other's gain is a loss, 0: the game is over

    In a game played to its end that is its outcome, with changing signs. A game that is not over
    counts for what the network says of the position it stands in. At a move drawn at random, z_t is
    the value of the move that the search would have made: what comes of a blunder is no lesson
    about the position before it.

    Args:
        moves: what self-play made.
        last: value of the position behind the last move, to who is to move there, (games,).

    Source: Silver et al. 2018; the two additions are descend's own.
    """

    def before(later: jax.Array, move: Moves) -> tuple[jax.Array, jax.Array]:
        z = move.reward + move.discount * later
        z = jnp.where(move.strayed, move.found.value, z)
        return z, z

    return jax.lax.scan(before, last, moves, reverse=True)[1]


class SelfPlay(Task):
    """Learning a game of two by playing against oneself.

    Beside the rule's numbers, `decay` and `explore` of the settings may be swept.

    Args:
        game: game to be played.
        settings: how it is played, searched and learnt.
        rule: update rule, an object or a name.

    Raises:
        DescendError: no Game, or one whose methods cannot be traced.
        MissingExtraError: mctx is not installed.

    Source: scheidegger-2020, "AlphaZero: RL from self-play"; Silver et al. 2018.

    Example:
        >>> import jax
        >>> from descend.agents.alphazero import SelfPlay, Settings
        >>> from descend.agents.environments.tic_tac_toe import TicTacToe
        >>> from descend.train.engine import Steps, train
        >>> task = SelfPlay(TicTacToe(), Settings(games=8, moves=9, simulations=4, batch=36))
        >>> state = task.init(jax.random.key(0), task.hyper())
        >>> run = train(task, Steps(task.settings.updates), epochs=2, state=state)
        >>> int(run.state.steps), sorted(run.history.history)[:4]
        (8, ['draws', 'first_wins', 'length', 'loss'])
    """

    weights = ("params",)

    def __init__(self, game: Game, settings: Settings | None = None, rule: Any = "adam"):
        self.game = game
        self.settings = Settings() if settings is None else settings
        self.optimizer: Optimizer = rule_of(rule)
        self.graph = network_for(game, self.settings)
        self.search = Search(game, self.graph, self.settings)

    @property
    def rules(self) -> Mapping[str, Optimizer]:
        """The update rule."""
        return {"": self.optimizer}

    def hyper(self) -> dict[str, float]:
        """The rule's numbers, `decay` and `explore`."""
        own = {"decay": self.settings.decay, "explore": self.settings.explore}
        return {**super().hyper(), **own}

    def require(self, numbers: Mapping[str, float]) -> None:
        """Raise DescendError where a number is out of range."""
        super().require(numbers)
        for name in ("decay", "explore"):
            if name in numbers:
                value = number(name, numbers[name], least=0)
                if name == "explore" and value > 1:
                    raise DescendError(f"explore is a share, 0 to 1, got {value!r}")

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> TrainingState:
        """Draw the weights, and begin the games."""
        dtype = jnp.result_type(float)
        draw, start, key = jax.random.split(key, 3)
        numbers = {k: jnp.asarray(v, dtype) for k, v in hyper.items()}
        params = jax.tree.map(lambda p: jnp.asarray(p, dtype), self.graph.init(draw)[0])
        keys = jax.random.split(start, self.settings.games)
        boards = jax.vmap(lambda k: begin(self.game, k))(keys)
        memory = self.optimizer.begin(params, numbers)
        steps, record = jnp.zeros((), jnp.int32), jnp.zeros(len(COUNTS), dtype)
        return TrainingState(params, memory, key, numbers, steps, boards, record)

    # -- its own data ---------------------------------------------------------------------------

    def collect(self, state: TrainingState, steps: int) -> tuple[TrainingState, Rows]:
        """Play on, and return (state, positions (steps, batch, ...)) in random order."""
        key, luck, mix = jax.random.split(state.key, 3)
        boards, moves, record = self.play(state, luck)
        last = self.search.judge(state.params, boards.state)[1]
        rows = Rows(moves.seen, moves.legal, moves.found.policy, outcomes(moves, last))
        rows = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), rows)
        count, wanted = len(rows.outcome), steps * self.settings.batch
        passes = jax.random.split(mix, -(-wanted // count))
        order = jax.vmap(lambda k: jax.random.permutation(k, count))(passes).reshape(-1)
        order = order[:wanted].reshape(steps, -1)
        rows = jax.tree.map(lambda a: a[order], rows)
        return state._replace(key=key, boards=boards, record=record), rows

    def play(self, state: TrainingState, key: jax.Array) -> tuple[Place, Moves, jax.Array]:
        """Play all boards on for `settings.moves` moves: (boards, moves made, record)."""
        games, game = self.settings.games, self.game

        def one(place: Place, action: Any, luck: jax.Array, renew: jax.Array) -> Any:
            new, passed, ended = advance(game, place, action, luck, game.reset(renew))
            # at an end the state is already the next game's, whose turn says nothing of this one
            discount = game.sign(place.state, new.state, passed.ended)
            first = passed.reward * jnp.where(game.turn(place.state) == 0, 1.0, -1.0)
            counts = jnp.stack([first > 0, passed.reward == 0]) & passed.ended
            record = jnp.concatenate([counts, jnp.stack([ended.steps, ended.number])])
            return new, (passed.observation, passed.reward, discount, record)

        def move(boards: Place, key: jax.Array) -> Any:
            look, stray, luck, renew, whether = jax.random.split(key, 5)
            found = self.search(state.params, boards.state, look)
            legal = jax.vmap(game.legal)(boards.state)
            random = jax.random.categorical(stray, jnp.where(legal, 0.0, -jnp.inf))
            strayed = jax.random.uniform(whether, (games,)) < state.hyper["explore"]
            action = jnp.where(strayed, random, found.action)
            keys = (jax.random.split(k, games) for k in (luck, renew))
            boards, (seen, reward, discount, record) = jax.vmap(one)(boards, action, *keys)
            made = Moves(seen, legal, found, reward, discount, strayed)
            return boards, (made, record.sum(axis=0))

        keys = jax.random.split(key, self.settings.moves)
        boards, (moves, record) = jax.lax.scan(move, state.boards, keys)
        return boards, moves, record.sum(axis=0)

    # -- one update -----------------------------------------------------------------------------

    def cost(self, params: Any, rows: Rows, decay: Any) -> tuple[jax.Array, Any]:
        """Return the loss, and its first two parts: (loss, (value, policy))."""
        logits, value = self.search.heads(params, rows.seen, rows.legal)
        miss = jnp.mean((rows.outcome - value) ** 2)
        surprise = -jnp.mean(jnp.sum(rows.policy * jax.nn.log_softmax(logits), axis=1))
        weights = sum(jnp.sum(w**2) for w in jax.tree.leaves(params))
        return miss + surprise + decay * weights, (miss, surprise)

    def step(self, state: TrainingState, batch: Batch) -> tuple[TrainingState, Logs]:
        """Loss, gradient, update."""
        value, parts, params, memory = self.optimizer.update(
            lambda p: self.cost(p, batch.data, state.hyper["decay"]),
            state.params,
            state.optimizer,
            state.hyper,
            state.steps,
        )
        *sums, ended = state.record
        games = dict(zip(COUNTS, ((total, ended) for total in sums), strict=False))
        state = state._replace(params=params, optimizer=memory, steps=state.steps + 1)
        return state, {**_logs(value, parts), **games}

    def evaluate(self, state: TrainingState, batch: Batch) -> Logs:
        """Return the loss on positions."""
        return _logs(*self.cost(state.params, batch.data, state.hyper["decay"]))

    def ended(self, state: TrainingState) -> TrainingState:
        """Return the weights' averages in their place, of a rule that keeps them."""
        average = self.optimizer.average(state.optimizer)
        return state if average is None else state._replace(params=average)


def _logs(value: jax.Array, parts: tuple[jax.Array, jax.Array]) -> dict[str, Any]:
    return {"loss": (value, 1.0), "value": (parts[0], 1.0), "policy": (parts[1], 1.0)}
