"""A robot in a maze: it learns a sequence of moves from a reward that comes only at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.drawing import GREY, Canvas
from descend.agents.environment import Choice, Environment
from descend.errors import DescendError
from descend.palette import BLACK, BLUE, GREEN, SKY, VERMILION
from descend.statement import parameter

# rows down, columns to the right; in the order of a clock, so that the sides are one to either hand
WAYS = ((-1, 0), (0, 1), (1, 0), (0, -1))
NAMES = ("up", "right", "down", "left")


class Robot(NamedTuple):
    """The number of the cell that the robot stands in, int32."""

    cell: jax.Array


class Solved(NamedTuple):
    """What every state is worth at best, (states,), and each action in it, (states, actions)."""

    values: np.ndarray
    q: np.ndarray


def plan(layout: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return where the cells of a grid lie and where moves lead.

    Args:
        layout: strings, the rows of the grid from the top, of one length; "#" is a wall.

    Returns:
        (row and column of each cell that is no wall, int (cells, 2), row by row; the cell that a
        move up, right, down or left leads to, int32 (cells, 4): a robot that runs into a wall or
        the edge stays).

    Source: descend's own.
    """
    places = [(r, c) for r, row in enumerate(layout) for c, x in enumerate(row) if x != "#"]
    number = {place: i for i, place in enumerate(places)}
    after = [[number.get((r + dr, c + dc), number[r, c]) for dr, dc in WAYS] for r, c in places]
    return np.array(places, int).reshape(-1, 2), np.array(after, np.int32).reshape(-1, 4)


def value_iteration(
    gamma: float,
    chance: np.ndarray,
    after: np.ndarray,
    rewards: np.ndarray,
    terminated: np.ndarray,
    tolerance: float = 1e-10,
    sweeps: int = 1_000_000,
) -> Solved:
    """Return the best values of a problem with few states, by the Bellman equation itself.

        Q(s, a) = sum_o p(o) (r(s, a, o) + gamma V(s'(s, a, o)) [not terminated]),
        V(s) = max_a Q(s, a), from V = 0 until it no longer moves

    Args:
        gamma: discount factor, 0 to 1; with 1 the best return must be finite.
        chance: probabilities of the outcomes of a step, (outcomes,).
        after, rewards, terminated: next state, reward, and whether it ends there, of each state,
            action and outcome, (states, actions, outcomes).
        tolerance: bound on the error of the values, in shares of the largest; with gamma 1 they
            are iterated until they rest.
        sweeps: number of times that all values are computed at most.

    Raises:
        DescendError: gamma outside 0 to 1, or values that have not come to rest after `sweeps`.

    Source: Sutton and Barto, Reinforcement Learning, 4.4.
    """
    if not 0 <= gamma <= 1:
        raise DescendError(f"gamma must be >= 0 and <= 1, got {gamma:g}")
    paid, going = rewards @ chance, gamma * chance * ~terminated
    values = np.zeros(len(after))
    for _ in range(sweeps):
        q = paid + np.sum(going * values[after], axis=-1)
        new = q.max(axis=1)
        change, size = np.abs(new - values).max(), np.abs(new).max()
        values = new
        # change gamma / (1 - gamma) bounds the error; below rounding nothing is gained
        if change <= max(tolerance * size * (1 - gamma), 4 * np.finfo(float).eps * size):
            return Solved(values, q)
    raise DescendError(
        f"values did not come to rest in {sweeps:,} sweeps with gamma {gamma:g}; is the best "
        "return finite?"
    )


@dataclass(frozen=True)
class Maze(Environment):
    """Each move costs `cost`; the goal pays `prize` and ends the episode, a trap fines and ends it.

    A robot that runs into a wall or the edge stays where it is. With the chance `slip` a move goes
    astray, to either side of where it was meant (half of `slip` each). The best return follows from
    V(s) = max_a sum_s' p(s' | s, a) (r + gamma V(s')), which `solve` finds exactly.

    The layout is a tuple of strings, the rows from the top:

        #  wall       .  free       S  start (several: one is drawn)       G  goal       X  trap

    The robot sees the number of its cell, one-hot. Unless told otherwise the maze is that of Sutton
    and Barto, whose shortest way is 14 moves.

    Raises:
        DescendError: a layout of unequal rows or other signs, without start or goal, or with a free
            cell that no way leads from to a goal.

    Source: scheidegger-2020, "Reinforcement learning" (robot in a maze: delayed reward); Sutton and
    Barto, Reinforcement Learning, example 8.1; slips, costs and traps: Russell and Norvig, 17.1.
    """

    slip: float = parameter(0.0, least=0, most=1, doc="chance that a move goes to a side")
    cost: float = parameter(0.01, least=0, doc="cost of a move")
    prize: float = parameter(1.0, above=0, doc="reward of the goal")
    fine: float = parameter(1.0, least=0, doc="cost of a trap")
    limit: int = parameter(200, least=1, doc="steps after which an episode is cut short")
    layout: tuple[str, ...] = (
        ".......#G",
        "..#....#.",
        "S.#....#.",
        "..#......",
        ".....#...",
        ".........",
    )

    actions = Choice(4, NAMES)

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = self.layout
        if isinstance(rows, str) or not all(isinstance(row, str) for row in rows) or not rows:
            raise DescendError(f"Maze: layout must be a tuple of strings, its rows, got {rows!r}")
        object.__setattr__(self, "layout", tuple(rows))
        if len({len(row) for row in rows}) > 1:
            raise DescendError(f"Maze: rows of layout have lengths {[len(row) for row in rows]}")
        if strange := set("".join(rows)) - set("#.SGX"):
            raise DescendError(f"Maze: layout holds {min(strange)!r}; its signs are # . S G X")
        for sign, what in (("S", "start"), ("G", "goal")):
            if not self._at(sign).any():
                raise DescendError(f"Maze: layout has no {what} {sign}")
        lost = np.flatnonzero(~(self._reaches_goal() | self._at("X")))
        if lost.size:
            row, column = plan(rows)[0][lost[0]]
            raise DescendError(
                f"Maze: no way leads from row {row + 1}, column {column + 1} of layout to a goal; "
                "close the cell with #"
            )

    def _at(self, *signs: str) -> np.ndarray:
        """Which cells have one of the signs, booleans (cells,)."""
        return np.array([self.layout[r][c] in signs for r, c in plan(self.layout)[0]], bool)

    def _reaches_goal(self) -> np.ndarray:
        """Which cells a way leads from to a goal, not through a trap."""
        after, found, trap = plan(self.layout)[1], self._at("G"), self._at("X")
        while True:
            more = found | (found[after].any(axis=1) & ~trap)
            if (more == found).all():
                return found
            found = more

    @property
    def variables(self) -> tuple[str, ...]:
        """Row and column of each cell, from 1."""
        return tuple(f"at {row + 1}, {column + 1}" for row, column in plan(self.layout)[0])

    def cells(self) -> int:
        """Return the number of cells that are no walls."""
        return sum(sign != "#" for row in self.layout for sign in row)

    def cell(self, state: Robot) -> jax.Array:
        """Return the number of the cell that a state is in, counted row by row without walls."""
        return state.cell

    def reset(self, key: jax.Array) -> Robot:
        """At a start."""
        starts = jnp.asarray(np.flatnonzero(self._at("S")), jnp.int32)
        return Robot(jax.random.choice(key, starts))

    def step(self, state: Robot, action: jax.Array, key: jax.Array) -> tuple[Robot, Any, Any]:
        """Move, or slip to a side."""
        drawn = jax.random.uniform(key)
        astray = jnp.where(drawn < self.slip / 2, 1, jnp.where(drawn < self.slip, 3, 0))
        to = jnp.asarray(plan(self.layout)[1])[state.cell, (action + astray) % 4]
        goal, trap = jnp.asarray(self._at("G"))[to], jnp.asarray(self._at("X"))[to]
        reward = jnp.where(goal, self.prize, 0.0) - jnp.where(trap, self.fine, 0.0) - self.cost
        return Robot(to), reward, goal | trap

    def observe(self, state: Robot) -> jax.Array:
        """The cell, one-hot."""
        return jax.nn.one_hot(state.cell, self.cells())

    def solve(self, gamma: float) -> Solved:
        """Return the exact values of the cells and of the moves in them.

        Args:
            gamma: discount factor, 0 to 1.

        Returns:
            `values` (cells,) and `q` (cells, 4), of an agent that is never cut short; 0 where an
            episode has ended.

        Raises:
            DescendError: gamma outside 0 to 1.

        Source: Sutton and Barto, Reinforcement Learning, 4.4.
        """
        moves = plan(self.layout)[1]
        after = np.stack([moves, np.roll(moves, -1, axis=1), np.roll(moves, 1, axis=1)], axis=-1)
        goal, trap = self._at("G"), self._at("X")
        rewards = self.prize * goal[after] - self.fine * trap[after] - self.cost
        chance = np.array([1 - self.slip, self.slip / 2, self.slip / 2])
        # an end that is not left again is worth nothing
        over = goal | trap
        rewards[over], after[over] = 0.0, np.flatnonzero(over)[:, None, None]
        return value_iteration(gamma, chance, after, rewards, over[after])

    def picture(self, state: Robot) -> np.ndarray:
        """The maze from above: walls black, start blue, goal green, traps red, the robot."""
        rows, columns = len(self.layout), len(self.layout[0])
        canvas = Canvas(0.0, 0.0, float(columns), float(rows), 24 * rows)
        colours = {"#": BLACK, "S": SKY, "G": GREEN, "X": VERMILION}
        for r, row in enumerate(self.layout):
            for c, sign in enumerate(row):
                if sign in colours:
                    low = (float(c), float(rows - r - 1))
                    canvas.rectangle(low, (low[0] + 1, low[1] + 1), colours[sign])
        for c in range(columns + 1):
            canvas.line((float(c), 0.0), (float(c), float(rows)), 0.04, GREY)
        for r in range(rows + 1):
            canvas.line((0.0, float(r)), (float(columns), float(r)), 0.04, GREY)
        r, c = plan(self.layout)[0][int(state.cell)]
        canvas.disc((c + 0.5, rows - r - 0.5), 0.32, BLUE)
        return canvas.picture()
