"""The maze: moves by hand, and its exact values beside shortest ways and a printed table."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import check_environment
from descend.agents.environments.maze import Maze, Robot, plan, value_iteration
from descend.errors import DescendError

UP, RIGHT, DOWN, LEFT = range(4)
# Russell and Norvig, figure 17.1
THEIRS = Maze(layout=("...G", ".#.X", "S..."), slip=0.2, cost=0.04)


def distances(layout):
    """Moves from each cell to the goal, breadth first over the rows themselves."""
    ways, edge = {}, [(r, row.index("G")) for r, row in enumerate(layout) if "G" in row]
    count = 0
    while edge:
        ways.update(dict.fromkeys(edge, count))
        count += 1
        near = {(r + a, c + b) for r, c in edge for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))}
        edge = [
            (r, c)
            for r, c in near - set(ways)
            if 0 <= r < len(layout) and 0 <= c < len(layout[0]) and layout[r][c] != "#"
        ]
    return np.array([ways[tuple(place)] for place in plan(layout)[0].tolist()])


def test_it_is_an_environment():
    checked = check_environment(Maze())
    assert checked.observation == (47,)  # 6 rows of 9, 7 walls
    assert Maze().cells() == len(Maze().variables) == 47
    assert checked.actions.name(UP) == "up"


def test_moves_by_hand():
    #  0 1 2 G3
    #  4 # 5 X6
    # S7 8 9 10
    maze = Maze(layout=THEIRS.layout, cost=0.25, prize=3.0, fine=2.0)
    start = maze.reset(jax.random.key(0))
    assert int(maze.cell(start)) == 7
    np.testing.assert_array_equal(maze.observe(start), np.eye(11)[7])
    rows = [  # cell, action -> cell, reward, terminated
        (7, UP, 4, -0.25, False),
        (7, LEFT, 7, -0.25, False),  # the edge
        (4, RIGHT, 4, -0.25, False),  # the wall
        (2, RIGHT, 3, 2.75, True),  # the goal
        (5, RIGHT, 6, -2.25, True),  # the trap
        (10, UP, 6, -2.25, True),
        (10, LEFT, 9, -0.25, False),
        (9, UP, 5, -0.25, False),
        (2, DOWN, 5, -0.25, False),
    ]
    cells, actions = (jnp.array([row[i] for row in rows]) for i in (0, 1))
    found = jax.vmap(lambda c, a: maze.step(Robot(c), a, jax.random.key(1)))(cells, actions)
    wanted = list(zip(*rows, strict=True))[2:]
    for column, values in zip((found[0].cell, *found[1:]), wanted, strict=True):
        np.testing.assert_allclose(column, values)


def test_starts_are_drawn_evenly():
    maze = Maze(layout=("S.G.S",))
    cells = jax.vmap(maze.reset)(jax.random.split(jax.random.key(0), 1000)).cell
    assert set(np.asarray(cells).tolist()) == {0, 4}
    assert abs(np.mean(np.asarray(cells) == 0) - 0.5) < 0.08  # 5 standard errors


def test_values_are_those_of_the_shortest_way():
    gamma, cost = 0.95, 0.02
    maze, away = Maze(cost=cost), distances(Maze().layout)
    solved = maze.solve(gamma)
    expected = gamma ** (away - 1.0) - cost * (1 - gamma**away) / (1 - gamma)
    np.testing.assert_allclose(solved.values, np.where(away == 0, 0, expected), atol=1e-9)
    start = int(maze.reset(jax.random.key(0)).cell)
    assert away[start] == 14  # as Sutton and Barto say
    assert Maze(cost=0).solve(0.95).values[start] == pytest.approx(0.95**13)
    assert Maze().solve(1.0).values[start] == pytest.approx(1 - 14 * 0.01)


def test_the_best_policy_takes_the_shortest_way():
    maze, away = Maze(), distances(Maze().layout)
    best = np.asarray(maze.solve(0.99).q.argmax(axis=1))
    cells = jnp.arange(maze.cells())
    after = jax.vmap(lambda c, a: maze.step(Robot(c), a, jax.random.key(0)))(cells, best)[0].cell
    left = away > 0
    np.testing.assert_array_equal(away[np.asarray(after)[left]], away[left] - 1)


def test_values_are_those_of_russell_and_norvig():
    # figure 17.3, rows from the top, the wall left out; they write an end's reward into it
    printed = [0.812, 0.868, 0.918, 0, 0.762, 0.660, 0, 0.705, 0.655, 0.611, 0.388]
    solved = THEIRS.solve(1.0)
    np.testing.assert_allclose(solved.values, printed, atol=5e-4 + 1e-9)  # three digits
    assert solved.q[8].argmax() == LEFT  # figure 17.2: the long way round, away from the trap
    np.testing.assert_array_equal(solved.q[[3, 6]], 0)


def test_the_values_hold_for_what_step_does():
    """Bellman's equation with `step`'s own luck in the place of the probabilities."""
    maze, gamma, n = THEIRS.with_parameters({"slip": 0.4}), 0.9, 4000
    solved = maze.solve(gamma)
    values = jnp.asarray(solved.values)

    def sample(cell, action, key):
        new, reward, over = maze.step(Robot(cell), action, key)
        return reward + gamma * jnp.where(over, 0.0, values[new.cell])

    over_keys = jax.vmap(sample, in_axes=(None, None, 0))
    over_actions = jax.vmap(over_keys, in_axes=(None, 0, None))
    over_cells = jax.jit(jax.vmap(over_actions, in_axes=(0, None, None)))
    going = np.array([0, 1, 2, 4, 5, 7, 8, 9, 10])
    keys = jax.random.split(jax.random.key(0), n)
    drawn = np.asarray(over_cells(jnp.asarray(going), jnp.arange(4), keys), float)
    error = np.abs(drawn.mean(axis=-1) - solved.q[going])
    assert (error <= 4.5 * drawn.std(axis=-1) / n**0.5 + 1e-6).all()
    # where it slips the sides are alike: from the corner below the trap, up is left, up, right
    moves = jax.vmap(lambda k: maze.step(Robot(jnp.int32(10)), jnp.int32(UP), k)[0].cell)(keys)
    shares = [np.mean(np.asarray(moves) == cell) for cell in (9, 6, 10)]
    np.testing.assert_allclose(shares, [0.2, 0.6, 0.2], atol=0.035)  # 4.5 standard errors


def test_slip_may_be_swept():
    def step(slip, key):
        return Maze().bound({"slip": slip}).step(Robot(jnp.int32(20)), jnp.int32(UP), key)[0].cell

    keys = jax.random.split(jax.random.key(0), 200)
    over_slips = jax.vmap(jax.vmap(step, in_axes=(None, 0)), in_axes=(0, None))
    moved = jax.jit(over_slips)(jnp.array([0, 1.0]), keys)
    never, always = (set(row) for row in np.asarray(moved).tolist())
    assert len(never) == 1
    assert len(always) == 2
    assert not never & always


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ((), "tuple of strings"),
        ("S.G", "tuple of strings"),
        (("S.G", ".."), r"lengths \[3, 2\]"),
        (("S?G",), "'[?]'"),
        (("..G",), "no start S"),
        (("S..",), "no goal G"),
        (("S.#.G",), "row 1, column 1 of layout to a goal"),
        (("S.XG",), "row 1, column 1 of layout to a goal"),  # only through the trap
    ],
)
def test_a_wrong_layout_is_refused(layout, words):
    with pytest.raises(DescendError, match=words):
        Maze(layout=layout)


def test_a_list_of_rows_is_a_layout_and_parameters_are_checked():
    maze = Maze().with_parameters({"layout": ["SG"]})
    assert maze.layout == ("SG",)
    assert hash(maze) == hash(Maze(layout=("SG",)))
    with pytest.raises(DescendError, match="slip"):
        Maze(slip=1.5)
    with pytest.raises(DescendError, match="gamma must be >= 0 and <= 1"):
        maze.solve(1.1)


def test_values_that_never_rest_are_told():
    one = np.ones((1, 1, 1))  # a state that leads to itself and pays 1, undiscounted
    with pytest.raises(DescendError, match="did not come to rest in 50 sweeps with gamma 1"):
        value_iteration(1.0, np.ones(1), one.astype(int) * 0, one, one == 0, sweeps=50)


def test_the_picture_shows_where_the_robot_is():
    maze = Maze()
    one, other = (maze.picture(Robot(np.int32(cell))) for cell in (0, 46))
    assert one.shape == (144, 216, 3)
    assert one.dtype == np.uint8
    blue = [0, 0x72, 0xB2]
    assert one[12, 12].tolist() == blue  # the middle of the first cell, 24 pixels wide
    assert other[-12, -12].tolist() == blue
    assert one[12, 24 * 7 + 12].tolist() == [0, 0, 0]  # the wall beside the goal
