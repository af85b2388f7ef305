"""A boat race whose score pays for prizes on the way: the best policy never reaches the finish."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import GREY, PALE, Canvas
from descend.agents.environment import Choice, Environment
from descend.agents.environments.maze import NAMES, Solved, plan, value_iteration
from descend.errors import DescendError
from descend.palette import BLACK, BLUE, GREEN, ORANGE, SKY
from descend.statement import parameter

# A lagoon, eight cells around an island, beside the way from the start S to the finish F; p: prize
COURSE = (
    "##p.p######",
    "##.#.######",
    "S..p......F",
)
PLACES, MOVES = plan(COURSE)
SIGNS = [COURSE[row][column] for row, column in PLACES]
CELLS, START, FINISH = len(SIGNS), SIGNS.index("S"), SIGNS.index("F")
PRIZES = np.array([i for i, sign in enumerate(SIGNS) if sign == "p"], np.int32)


class Boat(NamedTuple):
    """The number of the boat's cell, int32, and the steps until each prize is back, int32 (3,)."""

    cell: jax.Array
    waits: jax.Array


@functools.cache
def reachable(respawn: int) -> np.ndarray:
    """Return the states that a race can come to: cell and waits, int32 (states, 4), in order.

    Few of all there could be: the waits tell when the boat was where. In Python's integers, so that
    the numbers of states are there while an agent is traced.
    """
    found = [(START, *[0] * len(PRIZES))]
    known = set(found)
    for cell, *waits in found:  # grows while it is walked through
        for to in MOVES[cell].tolist() if cell != FINISH else ():
            left = [max(wait - 1, 0) for wait in waits]
            if to in PRIZES and left[i := PRIZES.tolist().index(to)] == 0:
                left[i] = respawn
            state = (to, *left)
            if state not in known:
                known.add(state)
                found.append(state)
    return np.array(sorted(found), np.int32)


@dataclass(frozen=True)
class BoatRace(Environment):
    """CoastRunners in small: a prize pays `prize` and is back `respawn` steps later.

        r = prize [a prize that is there was taken] + finish_bonus [finished]

    The race is over at the finish, 10 moves from the start. Beside the way lies a lagoon, a circle
    of 8 cells with three prizes. A circle takes as long as a prize does to come back, so a boat
    that circles earns 3 prizes every 8 steps, for ever: no path earns more, since each prize pays
    at most once in 8 steps. With discount gamma that is worth about 3/8 / (1 - gamma) prizes, 37 at
    gamma = .99, which a finish that pays 10 does not outweigh. The agent is right and the reward
    wrong. Rewards that say what is meant: `prize=0`, or a bonus above what circling is worth.

    The boat sees the number of its cell, one-hot, and for each prize how long until it is back, a
    share of `respawn`. `states`, `transitions` and `solve` give the whole problem, 707 states, and
    its answer.

    Source: scheidegger-2020, "Misspecified reward function"; Clark and Amodei 2016, Faulty Reward
    Functions in the Wild.
    """

    prize: float = parameter(1.0, least=0, doc="reward of a prize")
    finish_bonus: float = parameter(10.0, least=0, doc="reward of the finish")
    respawn: int = parameter(8, least=1, most=20, doc="steps until a prize is back")
    limit: int = parameter(200, least=1, doc="steps after which an episode is cut short")

    actions = Choice(4, NAMES)
    variables = (
        *(f"at {row + 1}, {column + 1}" for row, column in PLACES),
        *(f"prize {i + 1} away" for i in range(len(PRIZES))),
    )

    def reset(self, key: jax.Array) -> Boat:
        """At the start, all prizes in their places."""
        return Boat(jnp.int32(START), jnp.zeros(len(PRIZES), jnp.int32))

    def step(self, state: Boat, action: jax.Array, key: jax.Array) -> tuple[Boat, Any, Any]:
        """Move, and take a prize that is there."""
        to = jnp.asarray(MOVES)[state.cell, action]
        waits = jnp.maximum(state.waits - 1, 0)
        taken = (to == PRIZES) & (waits == 0)
        waits = jnp.where(taken, jnp.asarray(self.respawn, jnp.int32), waits)
        finished = to == FINISH
        reward = jnp.where(taken.any(), self.prize, 0.0)
        return Boat(to, waits), reward + jnp.where(finished, self.finish_bonus, 0.0), finished

    def observe(self, state: Boat) -> jax.Array:
        """The cell, one-hot, and the share of its absence that each prize has before it."""
        return jnp.concatenate([jax.nn.one_hot(state.cell, CELLS), state.waits / self.respawn])

    def finished(self, state: Boat) -> jax.Array:
        """Return whether a state is at the finish: what the race is about, whatever it pays."""
        return state.cell == FINISH

    def states(self) -> Boat:
        """Return every state that a race can come to: cells (states,), waits (states, 3)."""
        rows = jnp.asarray(reachable(int(self.respawn)))
        return Boat(rows[:, 0], rows[:, 1:])

    def index(self, state: Boat) -> jax.Array:
        """Return the number of a state among `states`: the row of a table that an agent fills."""

        def code(state: Boat) -> jax.Array:
            number = state.cell
            for i in range(len(PRIZES)):
                number = number * (self.respawn + 1) + state.waits[..., i]
            return number

        return jnp.searchsorted(code(self.states()), code(state))

    def transitions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what every action leads to, by `step` itself.

        Returns:
            (numbers of the next states, rewards, whether it ends there), each (states, 4).
        """

        def one(state: Boat, action: jax.Array) -> Any:
            new, reward, over = self.step(state, action, jax.random.key(0))
            return self.index(new), reward, over

        of_state = jax.vmap(one, in_axes=(None, 0))
        found = jax.jit(jax.vmap(of_state, in_axes=(0, None)))(self.states(), jnp.arange(4))
        after, reward, over = jax.device_get(found)
        return after, reward.astype(float), over

    def solve(self, gamma: float) -> Solved:
        """Return the exact values of the states and of the actions in them.

        Args:
            gamma: discount factor, 0 to below 1: undiscounted, circling is worth no end.

        Returns:
            `values` (states,) and `q` (states, 4) by `index`, of an agent that is never cut short;
            0 at the finish.

        Raises:
            DescendError: gamma outside 0 to below 1.

        Source: Sutton and Barto, Reinforcement Learning, 4.4.
        """
        if not 0 <= gamma < 1:
            raise DescendError(f"BoatRace.solve: gamma must be >= 0 and < 1, got {gamma:g}")
        after, rewards, over = (a[..., None] for a in self.transitions())
        ended = np.asarray(self.finished(self.states()))
        rewards, over = np.where(ended[:, None, None], 0.0, rewards), over | ended[:, None, None]
        return value_iteration(gamma, np.ones(1), after, rewards, over)

    def picture(self, state: Boat) -> np.ndarray:
        """The course from above; a prize that is away is a pale dot."""
        rows, columns = len(COURSE), len(COURSE[0])
        canvas = Canvas(0.0, -0.5, float(columns), rows + 0.5, 30 * (rows + 1))
        canvas.rectangle((0.0, -0.5), (float(columns), rows + 0.5), PALE)
        waits = dict(zip(PRIZES.tolist(), np.asarray(state.waits).tolist(), strict=True))
        for i, (r, c) in enumerate(PLACES):
            low = (float(c), float(rows - r - 1))
            high, middle = (low[0] + 1, low[1] + 1), (low[0] + 0.5, low[1] + 0.5)
            canvas.rectangle(low, high, {FINISH: GREEN, START: GREY}.get(i, SKY))
            if i in waits:
                canvas.disc(middle, 0.18, PALE if waits[i] else ORANGE)
        r, c = PLACES[int(state.cell)]
        x, y = float(c), float(rows - r - 1)
        canvas.line((x + 0.25, y + 0.35), (x + 0.75, y + 0.35), 0.3, BLUE)  # hull, mast
        canvas.line((x + 0.5, y + 0.35), (x + 0.5, y + 0.85), 0.12, BLACK)
        return canvas.picture()
