"""AlphaZero: the network plays itself by search, and learns what the search found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from descend.agents.algorithm import Algorithm
from descend.agents.alphazero.network import network
from descend.agents.alphazero.opponents import named
from descend.agents.alphazero.task import NETWORK, Moves, SelfPlayTask, Walked
from descend.agents.checks import Checked
from descend.agents.environment import Environment
from descend.agents.settings import holding
from descend.nn.graph import Graph
from descend.statement import parameter
from descend.train.rules import Adam


class Rows(NamedTuple):
    """Positions to learn from: what was seen and legal, pi, and z."""

    seen: jax.Array
    legal: jax.Array
    policy: jax.Array
    outcome: jax.Array


def outcomes(moves: Moves, last: jax.Array, gamma: Any = 1.0) -> jax.Array:
    """Return z, how each position came out for the player who was to move, (walk, environments).

        z_t = r_t + gamma d_t z_(t+1)     d_t = -1: the other's gain is a loss, 0: the game is over

    In a game played to its end that is its outcome, with changing signs. A game that is not over
    counts for what the network says of the position it stands in. At a move drawn at random, z_t is
    the value of the move that the search would have made: what comes of a blunder is no lesson
    about the position before it.

    Args:
        moves: what self-play made.
        last: value of the position behind the last move, to who is to move there, (environments,).
        gamma: discount factor.

    Source: Silver et al. 2018; the two additions are descend's own.
    """

    def before(later: jax.Array, move: Moves) -> tuple[jax.Array, jax.Array]:
        z = move.reward + gamma * move.sign * later
        z = jnp.where(move.strayed, move.found.value, z)
        return z, z

    return jax.lax.scan(before, last, moves, reverse=True)[1]


@dataclass(frozen=True)
class SelfPlay(Algorithm):
    """A network (p, v) of a position plays itself by tree search, and learns what that found.

        J = mean (z - v)^2 - pi log p + decay |theta|^2

    pi is what the search says of the moves, z how the game came out for who was to move. The steps
    of `learn` are moves; what it returns are `Players`, whose "return" in training is how games
    against `opponent` come out, from -1 (all lost) to 1.

    Args:
        hidden: layers, then units of dense layers, between the board and the two heads.
        activation: activation of the dense layers.
        optimizer: update rule.
        anneal: whether its rate falls to zero over the budget.
        gamma: discount factor: below 1 a win that comes sooner is worth more.
        simulations: positions that the search of one move looks at.
        considered: moves, drawn by the network's policy, that a search begins with.
        noise: scale of the Gumbel noise by which they are drawn: 0 takes those of the highest
            probability.
        explore: share of self-play's moves that are drawn evenly from the legal ones, so that
            positions are seen which good play avoids. No value is carried back over such a move.
        value_scale, value_offset: how much a search trusts values against the policy: logits of
            moves are those of the network plus value_scale (value_offset + most visits) q.
        decay: factor of the squared weights in the loss.
        environments: boards side by side.
        walk: moves on each board between rounds of updates.
        passes: times that each position played is learnt from.
        batch: positions of an update.
        opponent: whom it is judged against on the way, see `opponent`.

    Raises:
        DescendError: a value out of range; from `learn`, an environment that is no `Game`.
        MissingExtraError: from `learn`, mctx is not installed.

    Source: scheidegger-2020, "AlphaZero: RL from self-play"; Silver et al. 2018, equation 1;
    Danihelka et al. 2022, Policy Improvement by Planning with Gumbel.

    Example:
        >>> from descend.agents import make
        >>> from descend.agents.alphazero import SelfPlay
        >>> small = SelfPlay(hidden=(16,), simulations=4, environments=8, walk=9, batch=36)
        >>> players = small.learn(make("tic-tac-toe"), 144, evaluations=1, episodes=2, verbose=0)
        >>> players[0].thoughts(players.environment.position([4]))["visits"].shape
        (9,)
    """

    hidden: tuple[Any, ...] = (256, 256)
    activation: str = "relu"
    optimizer: Any = Adam(3e-3)  # noqa: RUF009
    anneal: bool = True
    simulations: int = parameter(16, least=1, doc="positions that the search of a move looks at")
    considered: int = parameter(16, least=1, doc="moves that a search begins with")
    noise: float = parameter(1.0, least=0, doc="scale of the noise by which they are drawn")
    explore: float = parameter(0.75, least=0, most=1, doc="share of moves drawn at random")
    value_scale: float = parameter(0.1, least=0, doc="factor of a move's value in its logit")
    value_offset: float = parameter(50.0, least=0, doc="what is added to the most visits there")
    decay: float = parameter(1e-5, least=0, doc="factor of the squared weights in the loss")
    environments: int = parameter(128, least=1, doc="boards side by side")
    walk: int = parameter(16, least=1, doc="moves on each board between rounds of updates")
    passes: int = parameter(2, least=1, doc="times that a position is learnt from")
    batch: int = parameter(256, least=1, doc="positions of an update")
    opponent: str = "one-ply"

    usual_gamma = 1.0
    plays_games = True

    def __post_init__(self) -> None:
        super().__post_init__()
        named(self.opponent)

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what it differs from Silver et al. 2018."""
        return holding(
            {
                "Moves are searched by Gumbel's way (Danihelka et al. 2022); the paper's search "
                "goes by visits and its noise at the root is a Dirichlet's.": True,
                f"{self.simulations} positions a search; the paper looks at 800.": (
                    self.simulations != 800
                ),
                f"{self.explore:g} of self-play's moves are drawn from the legal ones, and no "
                "value is carried back over them; the paper draws by the visits.": self.explore > 0,
                "A few layers on the present board; the paper has a tower of residual blocks that "
                "sees earlier positions too.": True,
                "A game that is not over counts for what the network says of where it stands; the "
                "paper plays all to the end.": True,
                "Positions are learnt from right after they were played; the paper draws them from "
                "the last games.": True,
                f"{type(self.rules()['']).__name__}; the paper uses SGD with momentum.": (
                    type(self.rules()[""]).__name__ != "SGD"
                ),
            }
        )

    def graphs(self, checked: Checked) -> dict[str, Graph]:
        """One network of two heads."""
        board = network(checked.observation, checked.actions.n, self.hidden, self.activation)
        return {NETWORK: board}

    def task(self, environment: Environment, steps: int, traced: Sequence[str] = ()) -> Any:
        """The task of learning a game by so many moves."""
        return SelfPlayTask(self, environment, steps, tuple(traced))

    def lessons(
        self, task: SelfPlayTask, params: Any, walked: Walked, hyper: Mapping[str, Any]
    ) -> Rows:
        """What the moves of a walk teach, (walk, environments, ...)."""
        moves, z = walked.moves, outcomes(*walked, hyper["gamma"])
        return Rows(moves.seen, moves.legal, moves.found.policy, z)

    def cost(
        self, task: SelfPlayTask, params: Any, rows: Rows, hyper: Mapping[str, Any]
    ) -> tuple[jax.Array, dict[str, Any]]:
        """J of a batch, and its first two parts."""
        logits, value = task.search(hyper).heads(params[NETWORK], rows.seen, rows.legal)
        miss = jnp.mean((rows.outcome - value) ** 2)
        surprise = -jnp.mean(jnp.sum(rows.policy * jax.nn.log_softmax(logits), axis=1))
        weights = sum(jnp.sum(w**2) for w in jax.tree.leaves(params))
        return miss + surprise + hyper["decay"] * weights, {"value": miss, "policy": surprise}
