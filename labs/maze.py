"""A robot in a maze: Q-learning fills a table, and the table is the exact one.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "RL KEY CONCEPTS", "THE Q-FUNCTION" and
"HOW TO TAKE ACTIONS GIVEN A Q-FUNCTION?".

Shows the table of Q(s, a) that a robot learns from a reward which comes only at the end, the way
it then goes, and how far the table is from the solution of Bellman's equation; with moves that
slip, it keeps away from the trap.
"""

# %%
from pathlib import Path

import numpy as np

from descend.agents import Agents, QLearning, make
from descend.agents.environments.maze import Maze, plan
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, GREEN, SKY, VERMILION

GAMMA = 0.95
SEEDS = 5

# %% [markdown]
# ## Two mazes
# The first is that of Sutton and Barto, whose shortest way is 14 moves. In the second one move in
# five slips to a side, and beside the short way lies a trap.

# %%
PLAIN = make("maze")
SLIPPERY = make("maze", slip=0.2).with_parameters({"layout": ("....G", ".#.X.", "S....", ".....")})


# %% [markdown]
# ## Learning
# Q(s, a) <- Q(s, a) + eta (r + gamma max Q(s', .) - Q(s, a)). Every value begins at 1, more than
# any can be: so the robot is curious, since what it has not tried looks best.


# %%
def learn(maze: Maze, steps: int) -> Agents:
    settings = {"first": 1.0, "gamma": GAMMA, "rate": 1.0, "slowing": 0.6 if maze.slip else 0.0}
    return QLearning(**settings).learn(maze, steps, seeds=SEEDS, evaluations=4, verbose=0)


def lost(maze: Maze, table: np.ndarray) -> float:
    """The most that following the table instead of the exact answer costs in any cell."""
    exact = maze.solve(GAMMA).q
    chosen = exact[np.arange(len(table)), table.argmax(axis=1)]
    return float((exact.max(axis=1) - chosen).max())


# %% [markdown]
# ## The picture
# Each cell shows its four values, and an arrow for the best of them.

# %%
SIDES = ((0.0, 0.32), (0.32, 0.0), (0.0, -0.32), (-0.32, 0.0))  # up, right, down, left


def draw(mazes: list[tuple[str, Maze, np.ndarray]], out: Path) -> None:
    figure, panels = axes(len(mazes), width=6.6, height=4.6)
    for ax, (title, maze, table) in zip(panels, mazes, strict=True):
        rows, columns = len(maze.layout), len(maze.layout[0])
        ax.set(xlim=(0, columns), ylim=(0, rows), aspect="equal", title=title)
        ax.set(xticks=[], yticks=[])
        colours = {"#": BLACK, "G": GREEN, "X": VERMILION, "S": SKY}
        for r, row in enumerate(maze.layout):
            for c, sign in enumerate(row):
                if sign in colours:
                    ax.add_patch(
                        _square(c, rows - r - 1, colours[sign], 0.45 if sign == "S" else 1.0)
                    )
        for (r, c), values in zip(plan(maze.layout)[0], table, strict=True):
            if maze.layout[r][c] in "GX":
                continue
            x, y = c + 0.5, rows - r - 0.5
            for (dx, dy), value in zip(SIDES, values, strict=True):
                ax.text(x + dx, y + dy, f"{value:.2f}", ha="center", va="center", fontsize=5.5)
            dx, dy = SIDES[int(values.argmax())]
            way = {"arrowstyle": "->", "color": BLACK, "lw": 1.2}
            ax.annotate("", (x + dx / 2, y + dy / 2), (x - dx / 2, y - dy / 2), arrowprops=way)
        ax.hlines(range(rows + 1), 0, columns, color="#cccccc", lw=0.5, zorder=0)
        ax.vlines(range(columns + 1), 0, rows, color="#cccccc", lw=0.5, zorder=0)
    save(figure, out, "maze.png")


def _square(x: float, y: float, colour: str, alpha: float):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, color=colour, alpha=alpha, lw=0)


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    steps = 40_000 if quick else 200_000
    plain, slippery = learn(PLAIN, steps), learn(SLIPPERY, 10 * steps)
    tables = [agent.table() for agent in plain]
    draw(
        [
            ("Q(s, a) in the maze of Sutton and Barto", PLAIN, tables[0]),
            ("one move in five slips; red is a trap", SLIPPERY, slippery[0].table()),
        ],
        out,
    )
    lengths = plain.evaluate(1).lengths.ravel().astype(int).tolist()
    way = plain[0].episode().to_frame()
    print("the first robot's way:", " ".join(way["action"]))
    start = int(np.flatnonzero(PLAIN.observe(PLAIN.reset(_key())))[0])
    exact = PLAIN.solve(GAMMA)
    value = max(float(np.abs(t[start].max() - exact.values[start])) for t in tables)
    worst = max(lost(SLIPPERY, agent.table()) for agent in slippery)
    by_trap = _beside_the_trap(SLIPPERY)
    avoids = [
        int(exact_move(agent.table(), by_trap) != 1)  # not to the right, into it
        for agent in slippery
    ]
    return [
        Check("moves from the start", "14, the shortest way", f"{lengths}", set(lengths) == {14}),
        Check(
            "Q of the best first move, from Bellman's equation",
            f"{exact.values[start]:.4f}",
            f"at most {value:.4f} from it",
            value < 0.005,
        ),
        Check(
            "value lost by following the table, slippery maze",
            "0",
            f"at most {worst:.4f}",
            worst < 0.03,
        ),
        Check(
            "beside the trap it does not move towards it",
            "keeps away",
            f"{sum(avoids)} of {SEEDS} robots",
            all(avoids),
        ),
    ]


def _key():
    import jax

    return jax.random.key(0)


def _beside_the_trap(maze: Maze) -> int:
    """The number of the cell to the left of the trap."""
    places = plan(maze.layout)[0].tolist()
    row, column = next(
        (r, c) for r, signs in enumerate(maze.layout) for c, sign in enumerate(signs) if sign == "X"
    )
    return places.index([row, column - 1])


def exact_move(table: np.ndarray, cell: int) -> int:
    """The move that the table holds for the best."""
    return int(table[cell].argmax())


if __name__ == "__main__":
    run(main)
