"""Self-play as a task: all boards are played on by search, and what the search found is learnt."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.alphazero.match import Played, match, matched
from descend.agents.alphazero.opponents import Opponent, opponent
from descend.agents.alphazero.search import Found, Search
from descend.agents.environment import Environment
from descend.agents.game import Game, require_game
from descend.agents.on_policy import OnPolicy, OnPolicyState
from descend.agents.task import PREFIX
from descend.agents.walking import Place, advance
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch, Logs

NETWORK = "network"


class Moves(NamedTuple):
    """What self-play made, leaves (walk, environments, ...).

    reward: of the player who moved; sign: `Game.sign`, 0 where the game ended; strayed: whether the
    move was drawn at random; found: what the search said, also where it was not obeyed.
    """

    seen: jax.Array
    legal: jax.Array
    found: Found
    reward: jax.Array
    sign: jax.Array
    strayed: jax.Array


class Walked(NamedTuple):
    """A walk: its moves, and what the network says of the positions behind the last of them.

    last: to who is to move there, (environments,).
    """

    moves: Moves
    last: jax.Array


class Games(NamedTuple):
    """What ended: games won by who began, drawn games, their moves, and how many games."""

    first_wins: jax.Array
    draws: jax.Array
    moves: jax.Array
    number: jax.Array

    def logs(self) -> dict[str, tuple[jax.Array, jax.Array]]:
        """Means over the games that ended; where none did, they are NaN."""
        return {
            "first_wins": (self.first_wins, self.number),
            "draws": (self.draws, self.number),
            "length": (self.moves, self.number),
        }


class SelfPlayTask(OnPolicy):
    """A task that walks by playing against itself, and is judged by games against an opponent."""

    def __init__(
        self,
        algorithm: Any,
        environment: Environment,
        steps: int,
        traced: tuple[str, ...] = (),
    ):
        require_game(environment)
        super().__init__(algorithm, environment, steps, traced)
        self.opponent = opponent(algorithm.opponent, self.game_of({}))
        self.search({})  # mctx is asked for now

    def game_of(self, hyper: Mapping[str, Any]) -> Game:
        """The game with its swept numbers, where they are given."""
        place = self.place_of(hyper) if hyper else self.environment
        assert isinstance(place, Game)  # require_game has said so
        return place

    def search(self, hyper: Mapping[str, Any]) -> Search:
        """The search of a move with these numbers, or with the settings' own."""
        own = {k: hyper[k] for k in self.algorithm.numbers() if k in hyper}
        return Search(self.game_of(hyper), self.algorithm.bound(own), self.graphs[NETWORK])

    # -- its own data ---------------------------------------------------------------------------

    def collect(self, state: OnPolicyState, steps: int) -> tuple[OnPolicyState, Any]:
        """Play all boards on; return the batches of `steps` updates, and what ended on the way."""
        walk_key, deal, key = jax.random.split(state.key, 3)
        places, moves, games = self.play(state, walk_key)
        last = self.search(state.hyper).judge(state.params[NETWORK], places.state)[1]
        batches = self.dealt(state, Walked(moves, last), games, deal)
        return state._replace(places=places, key=key), batches

    def play(self, state: OnPolicyState, key: jax.Array) -> tuple[Place, Moves, Games]:
        """Play all boards on for `walk` moves: (boards, moves made, what ended)."""
        game, search = self.game_of(state.hyper), self.search(state.hyper)
        boards = self.algorithm.environments

        def one(place: Place, action: Any, luck: jax.Array, renew: jax.Array) -> Any:
            new, passed, ended = advance(game, place, action, luck, game.reset(renew))
            # at an end the state is already the next game's, whose turn says nothing of this one
            sign = game.sign(place.state, new.state, passed.ended)
            first = passed.reward * jnp.where(game.turn(place.state) == 0, 1.0, -1.0)
            over = passed.ended.astype(first.dtype)
            games = Games((first > 0) * over, (first == 0) * over, ended.steps, ended.number)
            return new, (passed.observation, passed.reward, sign, games)

        def move(places: Place, key: jax.Array) -> Any:
            look, stray, luck, renew, whether = jax.random.split(key, 5)
            found = search(state.params[NETWORK], places.state, look)
            legal = jax.vmap(game.legal)(places.state)
            random = jax.random.categorical(stray, jnp.where(legal, 0.0, -jnp.inf))
            strayed = jax.random.uniform(whether, (boards,)) < state.hyper["explore"]
            action = jnp.where(strayed, random, found.action)
            keys = (jax.random.split(k, boards) for k in (luck, renew))
            places, (seen, reward, sign, games) = jax.vmap(one)(places, action, *keys)
            made = Moves(seen, legal, found, reward, sign, strayed)
            return places, (made, games)

        keys = jax.random.split(key, self.walk)
        places, (moves, games) = jax.lax.scan(move, state.places, keys)
        return places, moves, jax.tree.map(jnp.sum, games)

    # -- how it is judged -----------------------------------------------------------------------

    def sees(self, environment: Environment, state: Any) -> Any:
        """The state itself: a search follows the game's rules from there."""
        return state

    def policy(self, params: Any, hyper: Mapping[str, Any]) -> Any:
        """What it does without exploring: a function (state, legal, key) -> move."""

        def one(state: Any, legal: Any, key: jax.Array) -> jax.Array:
            states = jax.tree.map(lambda a: jnp.asarray(a)[None], state)
            return self.found(params, states, hyper).action[0]

        return one

    def found(
        self,
        params: Any,
        states: Any,
        hyper: Mapping[str, Any],
        simulations: int | None = None,
    ) -> Found:
        """What searches without chance find in states of (boards,)."""
        search, key = self.search(hyper), jax.random.key(0)
        return search(params[NETWORK], states, key, noise=0.0, simulations=simulations)

    def evaluate(self, state: Any, batch: Batch) -> Logs:
        """How games against the opponent come out, a game for each seed; it begins every other.

        The "return" is 1 for a game that is won, -1 for one that is lost.
        """

        def player(states: Any) -> jax.Array:
            return self.found(state.params, states, state.hyper).action

        game, first = self.game_of(state.hyper), batch.data % 2 == 0
        keys = jax.vmap(jax.random.key)(batch.data)
        played = match(game, player, self.opponent, first, keys)
        real = jnp.ones(len(keys)) if batch.mask is None else batch.mask
        count = jnp.sum(real)
        return {
            "return": (jnp.sum(played.scores * real), count),
            "length": (jnp.sum(played.lengths * real), count),
        }

    def against(
        self,
        params: Any,
        hyper: Mapping[str, float],
        opponent: Opponent,
        first: bool,
        seeds: Any,
        simulations: int | None = None,
    ) -> Played:
        """Games of one member against an opponent, one for each seed, on the host."""
        look = self.searched(simulations)
        swept = {k.removeprefix(PREFIX): v for k, v in hyper.items() if k.startswith(PREFIX)}
        return matched(
            self.game_of({}).with_parameters(swept),
            lambda states: look(params, self.numbers(hyper), states)[0].action,
            opponent,
            first,
            jax.vmap(jax.random.key)(seeds),
            self.programs,
        )

    def searched(self, simulations: int | None = None) -> Any:
        """A program (params, hyper, states) -> (what searches found, the network's own word)."""
        name = ("searched", simulations)
        if name not in self.programs:

            def look(params: Any, hyper: Any, states: Any) -> Any:
                found = self.found(params, states, hyper, simulations)
                return found, self.search(hyper).judge(params[NETWORK], states)

            self.programs[name] = jax.jit(look, compiler_options=quick_compile())
        return self.programs[name]

    @functools.cached_property
    def board(self) -> Any:
        """Shapes and types of a state."""
        return jax.eval_shape(self.environment.reset, jax.eval_shape(lambda: jax.random.key(0)))

    def ended(self, state: OnPolicyState) -> OnPolicyState:
        """The weights' averages in their place, of a rule that keeps them."""
        average = self.rules[""].average(state.optimizer)
        return state if average is None else state._replace(params=average)
