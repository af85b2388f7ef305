"""The search of a move: a tree of the real game's positions, judged by the network.

The tree is mctx's; here is what it stands on: how a node follows from another by the game's own
rules, whose value a value is (`Game.sign`), and that nothing comes behind the end of a game.

Source: Silver et al. 2018; Danihelka et al. 2022, Policy Improvement by Planning with Gumbel, with
a change: values are not stretched to [0, 1] at each node, since they are known to lie in [-1, 1].
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.checks import inspect
from descend.agents.game import Game, require_game
from descend.errors import MissingExtraError
from descend.nn.graph import Graph

BARRED = -1e9  # logit of a move that is not legal; with -inf a probability times it is no number


class Found(NamedTuple):
    """What searches found, an entry a board.

    action: the move to make, int32 (boards,).
    policy: probabilities that the network should have given, (boards, moves); 0 where not legal.
    value: what the move is worth to the player who makes it, (boards,).
    visits: shares of the simulations that went through each move, (boards, moves).
    """

    action: jax.Array
    policy: jax.Array
    value: jax.Array
    visits: jax.Array


class Search:
    """Monte Carlo tree search in a game, by a network of two heads.

    Args:
        game: game whose rules the tree follows.
        algorithm: settings of `SelfPlay`, of which it uses those of the search and the network's.
        graph: the network, where it is there already.

    Raises:
        DescendError: a game whose methods cannot be traced, or that is no Game.
        MissingExtraError: mctx is not installed.

    Source: Silver et al. 2018; Danihelka et al. 2022.

    Example:
        The network knows nothing yet; X, who is to move, has two in the top row.

        >>> import jax
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import Search, SelfPlay
        >>> game = make("tic-tac-toe")
        >>> search = Search(game, SelfPlay())
        >>> params, _ = search.graph.init(jax.random.key(0))
        >>> boards = jax.tree.map(lambda a: a[None], game.position([0, 3, 1, 4]))  # one board
        >>> found = search(params, boards, jax.random.key(1), noise=0.0)
        >>> found.action.tolist(), found.value.tolist()
        ([2], [1.0])
    """

    def __init__(self, game: Game, algorithm: Any, graph: Graph | None = None):
        if graph is None:
            require_game(game)
            (graph,) = algorithm.graphs(inspect(game)).values()
        self.game, self.algorithm, self.graph = game, algorithm, graph
        self._mctx = _tree_library()

    def judge(self, params: Any, states: Any) -> tuple[jax.Array, jax.Array]:
        """Return the network's word on states, unsearched: (logits (boards, moves), values).

        A value, of (boards,), is that of the player who is to move.
        """
        seen = jax.vmap(self.game.observe)(states)
        legal = jax.vmap(self.game.legal)(states)
        return self.heads(params, seen, legal)

    def heads(self, params: Any, seen: Any, legal: Any) -> tuple[jax.Array, jax.Array]:
        """Return `judge` of what is seen (boards, ...) and what is legal (boards, moves)."""
        (logits, value), _ = self.graph.apply(params, {}, seen)
        return jnp.where(legal, logits, BARRED), value[:, 0]

    def __call__(
        self,
        params: Any,
        states: Any,
        key: jax.Array,
        *,
        noise: Any = None,
        simulations: int | None = None,
    ) -> Found:
        """Search the moves of many boards side by side.

        Args:
            params: weights of the network.
            states: states that are not over, of (boards,).
            key: JAX key.
            noise: scale of the Gumbel noise in place of the settings'; 0 to play as well as it can.
            simulations: number in place of the settings'.
        """
        how = self.algorithm
        logits, value = self.judge(params, states)
        boards, moves = logits.shape
        root = self._mctx.RootFnOutput(
            prior_logits=logits, value=value, embedding=(states, jnp.zeros(boards, bool))
        )
        qtransform = functools.partial(
            self._mctx.qtransform_completed_by_mix_value,
            value_scale=how.value_scale,
            maxvisit_init=how.value_offset,
            rescale_values=False,
        )
        found = self._mctx.gumbel_muzero_policy(
            params,
            key,
            root,
            self._follow,
            how.simulations if simulations is None else simulations,
            invalid_actions=~jax.vmap(self.game.legal)(states),
            qtransform=qtransform,
            max_num_considered_actions=min(how.considered, moves),
            gumbel_scale=how.noise if noise is None else noise,
        )
        root = found.search_tree.summary()
        value = jnp.take_along_axis(root.qvalues, found.action[:, None], axis=1)[:, 0]
        return Found(found.action, found.action_weights, value, root.visit_probs)

    def _follow(self, params: Any, key: jax.Array, action: jax.Array, node: Any) -> Any:
        """Return what a move leads to from a node of every board, for mctx."""
        states, over = node
        keys = jax.random.split(key, len(over))
        after, reward, ends = jax.vmap(self.game.step)(states, action, keys)
        # the end of a game leads to itself, and nothing more is gained there
        after = jax.tree.map(lambda a, b: jnp.where(_beside(over, a), a, b), states, after)
        reward = jnp.where(over, 0.0, reward).astype(float)
        ends = over | ends
        logits, value = self.judge(params, after)
        output = self._mctx.RecurrentFnOutput(
            reward=reward,
            discount=self.algorithm.at(self.game).gamma
            * jax.vmap(self.game.sign)(states, after, ends).astype(float),
            prior_logits=logits,
            value=jnp.where(ends, 0.0, value),
        )
        return output, (after, ends)


def _beside(flags: jax.Array, array: jax.Array) -> jax.Array:
    """Flags (boards,) with the axes of an array (boards, ...)."""
    return flags.reshape(-1, *(1,) * (array.ndim - 1))


def _tree_library() -> Any:
    try:
        return importlib.import_module("mctx")
    except ImportError:
        raise MissingExtraError("mctx", "agents", "AlphaZero's tree search") from None
