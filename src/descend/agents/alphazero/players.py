"""What `SelfPlay.learn` hands back: agents that see the board, and search before they move."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from descend.agents.agents import JUDGED, Agent, Agents, Episode
from descend.agents.alphazero.match import Played
from descend.agents.alphazero.opponents import Opponent, opponent, opponents_of
from descend.agents.alphazero.results import SIDES, Matches, name_of
from descend.agents.alphazero.search import Found
from descend.agents.environment import Environment
from descend.agents.exact import Comparison
from descend.agents.game import Game
from descend.errors import DescendError, ShapeError
from descend.nn.checks import whole

GAMES = 10_000  # of one seed and opponent at most


class Players(Agents):
    """Agents that play a game of two, from several seeds or with several settings.

    They do what `Agents` do, but where those see an observation, these see a state of the game
    ("a board"), since they search from there; and they are judged by games against opponents.

    Args:
        groups: list of `Group`, what each program trained.

    Raises:
        DescendError: from its methods: weights that are neither "last" nor "best", an opponent that
            is not known or cannot play the game.

    Source: Silver et al. 2018.

    Example:
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import SelfPlay
        >>> small = SelfPlay(hidden=(16,), simulations=4, environments=8, walk=9, batch=36)
        >>> players = small.learn(make("tic-tac-toe"), 144, evaluations=1, episodes=2, verbose=0)
        >>> players.evaluate(4, against=["perfect"]).to_frame().columns[1:].tolist()
        ['against', 'plays', 'wins', 'draws', 'losses', 'length']
    """

    def __getitem__(self, index: int) -> Player:
        index = range(len(self))[index]
        return Player(*self._at[index])

    def evaluate(  # type: ignore[override]
        self,
        games: int = 100,
        which: str = "last",
        seed: int = 0,
        against: Any = None,
        simulations: int | None = None,
    ) -> Matches:
        """Play games against opponents, as first and as second player, without exploring.

        Args:
            games: number of games against each opponent; in half of them the agent begins.
            which: weights: "last", or "best", those of the best evaluation in training.
            seed: number that the opponents' chance follows from.
            against: opponents, their names or objects (see `opponent`); by default "random",
                "one-ply", "depth-4", and "perfect" where exact play is known.
            simulations: positions that each search looks at; by default as in training.

        Returns:
            The results, agent by agent.
        """
        each = -(-whole("games", games, 1) // 2)
        if each > GAMES:
            raise DescendError(f"games must be at most {2 * GAMES:,}, got {games:,}")
        first = JUDGED + int(whole("seed", seed, 0)) * GAMES
        if first + each > 2**32:
            raise DescendError(f"seed must be below {(2**32 - JUDGED) // GAMES:,}, got {seed}")
        seeds = np.arange(first, first + each, dtype=np.uint32)
        game = game_of(self.environment)
        if isinstance(against, (str, Opponent)):
            against = [against]
        others = [
            opponent(one, game) for one in (opponents_of(game) if against is None else against)
        ]
        many = _whole(simulations)
        scores: dict[tuple[str, str], Any] = {}
        lengths: dict[tuple[str, str], Any] = {}
        for other in others:
            for side in SIDES:
                played = [
                    self[i].against(other, side == SIDES[0], seeds, which, many)
                    for i in range(len(self))
                ]
                scores[name_of(other), side] = np.stack([p.scores for p in played])
                lengths[name_of(other), side] = np.stack([p.lengths for p in played])
        return Matches(scores, lengths, [self[i].settings for i in range(len(self))])


class Player(Agent):
    """One agent of several that play a game.

    Args:
        group: program that trained it.
        index: its number in there.

    Raises:
        DescendError: from its methods: weights that are neither "last" nor "best".
        ShapeError: from its methods: what is no board of its game.

    Source: Silver et al. 2018.

    Example:
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import SelfPlay
        >>> small = SelfPlay(hidden=(16,), simulations=4, environments=8, walk=9, batch=36)
        >>> players = small.learn(make("tic-tac-toe"), 144, evaluations=1, episodes=2, verbose=0)
        >>> board = players.environment.position([0, 3, 1, 4])  # X has two in the top row
        >>> int(players[0].act(board, simulations=64))
        2
    """

    def act(self, board: Any, which: str = "last", simulations: int | None = None) -> np.ndarray:
        """Return the move that it makes, without exploring.

        Args:
            board: state of the game that is not over, such as `game.position(moves)`, or several
                along a leading axis.
            which: weights, "last" or "best".
            simulations: positions that the search looks at; by default as in training.

        Returns:
            The move, or (n,) of them.
        """
        (found, _), single = self._searched(board, which, simulations)
        action = np.asarray(found.action)
        return action[0] if single else action

    predict = act  # type: ignore[assignment]

    def thoughts(
        self, board: Any, which: str = "last", simulations: int | None = None
    ) -> dict[str, np.ndarray]:
        """Return what it makes of a board.

        Args:
            board: state of the game that is not over, or several along a leading axis.
            which: weights, "last" or "best".
            simulations: positions that the search looks at; by default as in training.

        Returns:
            "prior" and "visits", (n, moves): the network's probabilities, and the shares of the
            simulations; "network" and "value", (n,): what the board is worth to who is to move, in
            the network's word, and what its own move is worth after the search.
        """
        found, single = self._searched(board, which, simulations)
        values = _thoughts(*found)
        return {k: v[0] if single else v for k, v in values.items()}

    def compare(
        self, which: str = "last", seed: int = 0, simulations: int | None = None
    ) -> Comparison:
        """Hold it to exact play, position by position, where the game's `exact()` has all of them.

        Args:
            which: weights, "last" or "best".
            seed: not used, there is no chance.
            simulations: positions that each search looks at; by default as in training.
        """
        game: Any = self.environment
        if not callable(getattr(game, "exact", None)):
            raise DescendError(f"{game.label} states no exact play: it has no exact()")
        exact = game.exact()
        rows, moves = np.arange(len(exact.q)), self.act(exact.states, which, simulations)
        best = np.nanargmax(exact.q, axis=1)
        boards = [jax.tree.map(lambda a, i=i: a[i], exact.states) for i in rows]
        lost = exact.values - exact.q[rows, moves]
        return Comparison(
            states={"board": np.array([game.text(board).replace("\n", "/") for board in boards])},
            actions={"does": moves, "best": best},
            value=exact.values,
            lost=lost,
            more={},
            differs=lost > 0,
        )

    def episode(
        self,
        seed: int = 0,
        which: str = "last",
        against: Any = None,
        first: bool = True,
        simulations: int | None = None,
    ) -> Episode:
        """Play one game without exploring, and keep every move of it.

        Args:
            seed: number that the opponent's chance follows from.
            which: weights, "last" or "best".
            against: opponent, its name or an object; itself by default.
            first: whether it begins.
            simulations: positions that each search looks at; by default as in training.

        Returns:
            The game. Rewards are those of who moved; its thoughts are there for every position,
            whoever was to move.
        """
        whole("seed", seed, 0)
        game = game_of(self._bound())
        other = None if against is None else opponent(against, game)
        step = jax.jit(lambda s, a, k: (game.observe(s), *game.step(s, a, k)))
        reply = None if other is None else jax.jit(lambda s, k: other(game, s, k))
        start, key = jax.random.split(jax.random.key(JUDGED + seed))
        state, over = game.reset(start), False
        states: list[Any] = [state]
        rows: list[Any] = []
        thoughts: list[Any] = []
        while not over and len(rows) < game.limit:
            answer, chance = jax.random.split(jax.random.fold_in(key, len(rows)))
            found, _ = self._searched(state, which, simulations)
            move = np.asarray(found[0].action)[0]
            if reply is not None and (int(game.turn(state)) == 0) != first:
                move = np.asarray(reply(state, answer))
            thoughts.append({k: v[0] for k, v in _thoughts(*found).items()})
            seen, state, reward, over = step(state, move, chance)
            rows.append((seen, move, reward))
            states.append(state)
        stacked = lambda each: jax.tree.map(lambda *a: np.stack(a), *jax.device_get(each))  # noqa: E731
        seen, moves, rewards = stacked(rows)
        return Episode(
            environment=game,
            states=stacked(states),
            observations=seen,
            actions=moves,
            rewards=rewards,
            terminated=bool(over),
            thoughts=stacked(thoughts),
        )

    def against(
        self, other: Opponent, first: bool, seeds: Any, which: str, simulations: int | None
    ) -> Played:
        """Play a game for each seed, a uint32; see `Players.evaluate`."""
        task: Any = self.task
        return task.against(self.weights(which), self.hyper, other, first, seeds, simulations)

    def _bound(self) -> Environment:
        return self.task.place_of(self.hyper)

    def _searched(self, board: Any, which: str, simulations: int | None) -> tuple[Any, bool]:
        """What a search finds in boards (n, ...), and whether there was one without that axis."""
        boards, single = self._boards(board)
        program = self.task.searched(_whole(simulations))  # type: ignore[attr-defined]
        return program(self.weights(which), self.task.numbers(self.hyper), boards), single

    def _boards(self, board: Any) -> tuple[Any, bool]:
        like = self.task.board  # type: ignore[attr-defined]
        label = self.task.environment.label
        words = (
            f"a board of {label} is a state of the game, such as game.reset(key) or "
            "game.position([0, 1]), or several along a leading axis"
        )
        try:
            leaves = jax.tree.map(lambda s, a: np.asarray(a, s.dtype), like, board)
        except (TypeError, ValueError):
            raise ShapeError(f"{words}; got {type(board).__name__}") from None
        ranks = {
            (a.ndim - s.ndim, a.shape[: a.ndim - s.ndim], a.shape[a.ndim - s.ndim :] == s.shape)
            for s, a in zip(jax.tree.leaves(like), jax.tree.leaves(leaves), strict=True)
        }
        if len(ranks) != 1 or not (only := next(iter(ranks)))[2] or only[0] not in (0, 1):
            shapes = [a.shape for a in jax.tree.leaves(leaves)]
            raise ShapeError(f"{words}; got arrays of shapes {shapes}")
        if only[0] == 0:
            return jax.tree.map(lambda a: a[None], leaves), True
        return leaves, False


def game_of(environment: Environment) -> Game:
    """The environment, which is a game."""
    assert isinstance(environment, Game)  # SelfPlay has seen to it
    return environment


def _thoughts(found: Found, word: tuple[Any, Any]) -> dict[str, np.ndarray]:
    """What `Player.thoughts` returns, of what searches found and the network's own word."""
    logits = np.asarray(word[0], float)
    prior = np.exp(logits - logits.max(axis=1, keepdims=True))
    return {
        "prior": prior / prior.sum(axis=1, keepdims=True),
        "visits": np.asarray(found.visits),
        "network": np.asarray(word[1]),
        "value": np.asarray(found.value),
    }


def _whole(simulations: int | None) -> int | None:
    return None if simulations is None else int(whole("simulations", simulations, 1))
