"""The games on a grid: what follows from the rules by hand, and what holds on any way."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents.checks import check_environment, inspect
from descend.agents.environments.asterix import Asterix
from descend.agents.environments.breakout import Breakout
from descend.agents.environments.freeway import Freeway
from descend.agents.environments.grid_games import CELL, FLOOR, GridGame
from descend.agents.environments.seaquest import Seaquest
from descend.agents.environments.space_invaders import SpaceInvaders
from descend.errors import DescendError
from descend.train.engine.runtime import quick_compile

GAMES = [Breakout, Asterix, Freeway, Seaquest, SpaceInvaders]
CHANNELS = [4, 4, 7, 10, 6]  # of MinAtar's games
EACH = pytest.mark.parametrize("game", GAMES, ids=[g.__name__ for g in GAMES])
STAY = 0
SIDE = 256  # games side by side


@functools.cache
def programs(kind):
    """Reset, step and observe of SIDE games side by side, compiled once a class."""

    def reset(seed):
        return jax.vmap(kind().reset)(jax.random.split(jax.random.key(seed), SIDE))

    def step(values, states, actions, seed):
        game = kind().bound(values)  # parameters are traced, as in a sweep
        keys = jax.random.split(jax.random.key(seed), SIDE)
        new, rewards, over = jax.vmap(game.step)(states, actions, keys)
        return new, rewards, jnp.broadcast_to(over, (SIDE,))

    def compiled(function):
        program = jax.jit(function, compiler_options=quick_compile())
        return lambda *given: jax.device_get(program(*given))

    return compiled(reset), compiled(step), compiled(jax.vmap(kind().observe))


def stepped(game, states, actions, seed):
    """A step of SIDE games: (states, rewards, over)."""
    values = {n: v for n, v in game.parameters().items() if n != "limit"}
    actions = np.broadcast_to(np.asarray(actions, np.int32), (SIDE,))
    return programs(type(game))[1](values, states, actions, seed)


def side_by_side(state):
    return jax.tree.map(lambda a: np.broadcast_to(a, (SIDE, *np.shape(a))), state)


def one(tree):
    return jax.tree.map(lambda a: a[0], tree)


def begin(game, **fields):
    """A game's first state with some fields set to numbers, of the types that they have."""
    state = one(programs(type(game))[0](0))
    arrays = {n: np.asarray(v, getattr(state, n).dtype) for n, v in fields.items()}
    assert all(a.shape == getattr(state, n).shape for n, a in arrays.items())
    return state._replace(**arrays)


def drawn(game, state, action, draws=32):
    """The states after an action, of draws * SIDE draws of chance."""
    many = [stepped(game, side_by_side(state), action, seed)[0] for seed in range(draws)]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *many)


def after(game, state, *actions):
    """(state, sum of rewards, whether it is over) after actions, by one draw of chance."""
    total, over = 0.0, False
    for seed, action in enumerate(actions):
        state, reward, over = one(stepped(game, side_by_side(state), action, seed))
        total += float(reward)
    return state, total, bool(over)


def cells(game, state, channel):
    """The cells of a channel, as a set of (row, column)."""
    seen = one(programs(type(game))[2](side_by_side(state)))
    found = np.argwhere(seen[:, :, list(game.channels).index(channel)])
    return {(int(row), int(column)) for row, column in found}


def plane(*places):
    """The plane of some cells."""
    rows = np.zeros(10, np.int32)
    for row, column in places:
        rows[row] |= 1 << column
    return rows


def row_of(values, fill=0):
    """An array (10,) from {row: value}."""
    return [values.get(row, fill) for row in range(10)]


# -- all of them --------------------------------------------------------------------------------


@pytest.fixture
def quickly():
    """Programs that run once are compiled in half the time."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize(("game", "channels"), list(zip(GAMES, CHANNELS, strict=True)))
def test_each_is_a_sound_environment(game, channels, quickly):
    checked = check_environment(game())
    assert checked.observation == (10, 10, channels)
    assert checked.dtype == "uint8"
    assert len(game.channels) == channels
    assert checked.actions.name(STAY) == "stay"


@EACH
def test_each_keeps_its_types_in_double_precision(game, x64):
    inspect(game())
    shapes = jax.eval_shape(game().reset, jax.eval_shape(lambda: jax.random.key(0)))
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(shapes)} <= {"int32", "bool"}


def test_a_sticky_action_is_the_last_one_done():
    always = Freeway(sticky=1.0)
    state = begin(always)
    assert after(always, state, 1, 1, 1)[0].row == 9  # nothing was done before: it stays
    assert after(always, state._replace(last=np.int32(1)), 0, 0, 0, 0)[0].row == 7
    new = drawn(Freeway(sticky=0.25), state, 1)
    assert np.mean(new.row == 9) == pytest.approx(0.25, abs=0.02)  # 4 standard errors
    assert ((new.last == 1) == (new.row == 8)).all()
    with pytest.raises(DescendError, match="sticky"):
        Freeway(sticky=1.5)


@EACH
def test_a_picture_shows_the_channels(game):
    state = begin(game())
    picture = game().picture(state)
    assert picture.shape == (10 * CELL, 10 * CELL, 3)
    assert picture.dtype == np.uint8
    middles = picture[CELL // 2 :: CELL, CELL // 2 :: CELL]
    player, colour = next(iter(game.channels.items()))
    (place,) = cells(game(), state, player)
    assert "#" + bytes(middles[place]).hex().upper() == colour
    nothing = one(programs(game)[2](side_by_side(state))).sum(axis=-1) == 0
    assert nothing.any()
    assert (middles[nothing] == np.frombuffer(bytes.fromhex(FLOOR[1:]), np.uint8)).all()


def test_a_game_without_rules_says_what_is_missing():
    with pytest.raises(DescendError, match="no actions"):
        inspect(GridGame())
    with pytest.raises(NotImplementedError, match="no frame"):
        GridGame().frame(None, jnp.int32(0), jnp.zeros(0))
    with pytest.raises(NotImplementedError, match="no planes"):
        GridGame().planes(None)


def played(game, policy, steps, fresh=None):
    """Steps of SIDE games, each begun anew where it is over.

    Args:
        policy: function (observations, generator of chance) -> actions.
        fresh: {field: value} that episodes begin with.

    Yields:
        (states, observations, rewards, over, states after, observations after), of each step.
    """
    reset, _, observe = programs(type(game))
    chance = np.random.default_rng(0)

    def begun(seed):
        states = reset(seed)
        given = {n: np.full_like(getattr(states, n), v) for n, v in (fresh or {}).items()}
        return states._replace(**given)

    states = begun(steps)
    for step in range(steps):
        seen = observe(states)
        new, rewards, over = stepped(game, states, policy(seen, chance), step)
        yield states, seen, rewards, over, new, observe(new)
        again = [np.reshape(over, (-1, *[1] * (a.ndim - 1))) for a in new]
        anew = zip(again, begun(steps + 1 + step), new, strict=True)
        states = type(new)(*[np.where(o, a, b) for o, a, b in anew])


def at_random(game):
    return lambda seen, chance: chance.integers(game.actions.n, size=SIDE)


@functools.cache
def walk(kind):
    """Random walks: observations by channel before and after, rewards, over, states."""
    # a random submarine would soon come up without a diver
    fresh = {"row": 5, "under": True, "aboard": 2} if kind is Seaquest else None
    steps = list(played(kind(), at_random(kind), 200, fresh))
    states, seen, rewards, over, _, then = (
        jax.tree.map(lambda *a: np.stack(a), *part) for part in zip(*steps, strict=True)
    )
    before, behind = ({c: s[..., i] for i, c in enumerate(kind.channels)} for s in (seen, then))
    return before, behind, rewards, over, states


def returns(game, policy, steps):
    """The returns of SIDE first episodes, or of their first steps."""
    total, going = np.zeros(SIDE), np.ones(SIDE, bool)
    for _, _, rewards, over, _, _ in played(game, policy, steps):
        total += rewards * going
        going &= ~over
        if not going.any():
            break
    return total


def number(planes):
    return planes.sum(axis=(-2, -1), dtype=int)


@EACH
def test_there_is_one_player_and_all_are_zero_or_one(game):
    seen, then, _, over, states = walk(game)
    player = next(iter(game.channels))
    assert max(plane.max() for plane in then.values()) == 1
    assert (number(seen[player]) == 1).all()
    assert (number(then[player]) == 1).all()
    assert over.any() == (game is not Freeway)
    assert all(np.all((a >= 0) & (a < 1 << 10)) for a in states if a.ndim == 3)


def test_breakout_on_any_way():
    seen, then, rewards, over, _ = walk(Breakout)
    assert (number(then["ball"]) == 1).all()
    assert not then["paddle"][..., :9, :].any()
    assert not then["brick"][..., [0, *range(4, 10)], :].any()
    assert (then["trail"] == seen["ball"]).all()
    assert (number(seen["brick"]) - number(then["brick"]) == rewards).all()
    from_place, place = (s["ball"].reshape(*over.shape, 100).argmax(axis=-1) for s in (seen, then))
    assert (np.abs(place // 10 - from_place // 10) <= 1).all()
    assert (np.abs(place % 10 - from_place % 10) <= 1).all()
    assert (over == (place // 10 == 9)).all()


def test_asterix_on_any_way():
    seen, then, rewards, over, _ = walk(Asterix)
    things = then["enemy"] + then["treasure"]
    assert things.sum(axis=-1).max() == 1
    assert not things[..., [0, 9], :].any()
    assert not then["player"][..., [0, 9], :].any()
    assert set(np.unique(rewards)) == {0.0, 1.0}
    assert not (then["player"] * things).any()  # what it touched is gone
    in_lane = (seen["enemy"].any(axis=-1) & then["player"].any(axis=-1)).any(axis=-1)
    came = then["player"][..., [0, 1, 8, 9]].any(axis=(-2, -1))  # from the side, in this frame
    assert (in_lane | came)[over].all()


def test_freeway_on_any_way():
    _, then, _, _, states = walk(Freeway)
    trails = sum(then[c] for c in list(Freeway.channels)[2:])
    for planes in (then["car"], trails):
        assert (planes.sum(axis=-1)[..., 1:9] == 1).all()
        assert not planes[..., [0, 9], :].any()
    assert (states.every.min(), states.every.max()) == (1, 5)
    assert (states.wait <= states.every).all()


def test_seaquest_on_any_way():
    seen, then, rewards, over, states = walk(Seaquest)
    enemies = then["fish"] + then["submarine"]
    assert enemies.max() == 1
    for kind in ("fish", "submarine", "enemy's shot", "diver", "trail"):
        assert then[kind].any(), kind
        assert not then[kind][..., [0, 9], :].any(), kind
    assert (number(then["back"]) <= 1).all()
    assert not then["front"][..., 9, :].any()
    assert states.aboard.min() == 0
    assert 2 < states.aboard.max() <= 6
    assert states.air.min() > 0
    assert not (then["front"] * (enemies | then["enemy's shot"]))[~over].any()
    assert rewards.max() >= 1
    assert (number(seen["aboard"]) == states.aboard).all()
    assert (number(seen["air"]) == states.air // 20).all()


def test_space_invaders_on_any_way():
    seen, then, rewards, over, _ = walk(SpaceInvaders)
    assert (then["alien"] == then["alien, left"] + then["alien, right"]).all()
    assert (number(seen["alien"]) - number(then["alien"]) == rewards).all()
    assert not (then["alien"] * then["shot"]).any()
    assert rewards.max() >= 1
    hit = (then["cannon"] * (then["alien"] | then["alien's shot"])).any(axis=(-2, -1))
    assert over[hit].all()
    landed = then["alien"][..., 9, [0, 9]].any(axis=-1)
    assert (hit | landed)[over].all()


@pytest.mark.parametrize(
    ("game", "low", "high"),
    [
        (Breakout, 0.2, 0.8),
        (Asterix, 0.2, 0.9),
        (Freeway, 0, 0.5),
        (Seaquest, 0.03, 0.3),
        (SpaceInvaders, 2, 5),
    ],
)
def test_the_return_of_random_actions(game, low, high):
    """MinAtar's learning curves begin there: at some .5, .5, 0, .1 and 3 to 4."""
    found = returns(game(), at_random(game), 250).reshape(4, -1).mean(axis=1)
    assert (found >= low).all(), found
    assert (found <= high).all(), found


def test_who_follows_the_ball_breaks_far_more_bricks():
    def follow(seen, chance):
        paddle, ball = (seen[..., i].any(axis=1).argmax(axis=1) for i in (0, 1))
        return np.where(ball < paddle, 1, np.where(ball > paddle, 2, STAY))

    skilled = returns(Breakout(), follow, 600)
    assert skilled.mean() > 20 * returns(Breakout(), at_random(Breakout), 200).mean()
    assert skilled.max() > 30  # a wall was cleared, and filled again


def test_who_looks_crosses_the_road():
    def look(seen, chance):
        """Up, where the car of the lane above needs more than four frames to be there."""
        rows = seen[..., 0].any(axis=2).argmax(axis=1)
        lane = seen[np.arange(SIDE), np.maximum(rows - 1, 0)].astype(int)  # (games, 10, 7)
        car, trails = lane[..., 1].argmax(axis=1), lane[..., 2:]
        behind = trails.any(axis=2).argmax(axis=1)
        every = trails.any(axis=1).argmax(axis=1) + 1
        cells_to_go = (4 - car) * np.where((car - behind) % 10 == 1, 1, -1) % 10
        safe = (cells_to_go > 0) & ((cells_to_go - 1) * every >= 4)
        return np.where(safe | (rows == 1), 1, STAY)

    crossings = returns(Freeway(), look, 810)
    assert crossings.mean() > 6
    assert crossings.max() <= 810 / 27  # nine moves of three frames


# -- Breakout -----------------------------------------------------------------------------------

BREAKOUT = Breakout(sticky=0.0)


def ball(row, column, down, right, **more):
    return begin(BREAKOUT, row=row, column=column, down=down, right=right, **more)


def test_breakout_begins_with_three_rows_and_a_ball_on_its_way_inwards():
    states = programs(Breakout)[0](0)
    assert set(states.column.tolist()) == {0, 9}
    assert ((states.column == 0) == (states.right == 1)).all()
    assert (states.row == 3).all()
    assert cells(BREAKOUT, begin(BREAKOUT), "brick") == {
        (row, column) for row in (1, 2, 3) for column in range(10)
    }
    assert cells(BREAKOUT, begin(BREAKOUT), "paddle") == {(9, 4)}


def test_breakout_reflects_at_the_sides_and_on_top():
    state, reward, over = after(BREAKOUT, ball(5, 9, 1, 1), STAY)
    assert (state.row, state.column, state.down, state.right) == (6, 9, 1, -1)
    assert (reward, over) == (0, False)
    assert cells(BREAKOUT, state, "trail") == {(5, 9)}
    state, _, _ = after(BREAKOUT, ball(0, 3, -1, 1, bricks=plane()), STAY)
    assert (state.row, state.column, state.down, state.right) == (0, 4, 1, 1)
    corner, _, _ = after(BREAKOUT, ball(0, 0, -1, -1, bricks=plane()), STAY)
    assert (corner.row, corner.column, corner.down, corner.right) == (0, 0, 1, 1)


def test_breakout_a_brick_pays_and_reflects():
    state, reward, over = after(BREAKOUT, ball(4, 4, -1, 1), STAY)
    assert (state.row, state.column, state.down, state.right) == (4, 5, 1, 1)
    assert (reward, over) == (1, False)
    assert (3, 5) not in cells(BREAKOUT, state, "brick")
    assert len(cells(BREAKOUT, state, "brick")) == 29


def test_breakout_the_ball_passes_bricks_until_a_cell_is_free():
    bricks = plane((1, 5), (2, 6), (3, 7), (3, 2))
    state, reward, _ = after(BREAKOUT, ball(2, 4, -1, 1, bricks=bricks), STAY)
    assert reward == 1  # (1, 5); it is in row 2 now, on its way down
    assert (state.row, state.column, state.down) == (2, 5, 1)
    state = state._replace(bricks=plane((2, 6), (3, 6)))
    state, reward, _ = after(BREAKOUT, state, STAY)
    assert (state.row, state.column, reward) == (3, 6, 0)  # passed
    assert cells(BREAKOUT, state, "brick") == {(2, 6), (3, 6)}
    state, _, _ = after(BREAKOUT, state, STAY)
    assert not state.through


def test_breakout_the_side_of_the_paddle_decides():
    below, _, over = after(BREAKOUT, ball(8, 4, 1, 1, paddle=4), STAY)
    assert (below.row, below.column, below.down, below.right, over) == (8, 5, -1, 1, False)
    side, _, over = after(BREAKOUT, ball(8, 4, 1, 1, paddle=6), 1)  # it comes to column 5
    assert (side.row, side.column, side.down, side.right, over) == (8, 5, -1, -1, False)


@pytest.mark.parametrize("paddle", [0, 3, 6, 9])
def test_breakout_is_over_where_the_paddle_misses(paddle):
    state, reward, over = after(BREAKOUT, ball(8, 4, 1, 1, paddle=paddle), STAY)
    assert over
    assert reward == 0
    assert cells(BREAKOUT, state, "ball") == {(9, 5)}


def test_breakout_the_wall_is_filled_when_the_ball_is_down():
    one = ball(4, 4, -1, 1, bricks=plane((3, 5)), paddle=8)
    state, reward, _ = after(BREAKOUT, one, STAY, STAY, STAY)
    assert (reward, cells(BREAKOUT, state, "brick")) == (1, set())
    state, _, over = after(BREAKOUT, state, STAY, STAY, STAY)  # (7, 8), (8, 9), (9, 9)
    assert over
    state, _, over = after(BREAKOUT, one._replace(paddle=np.int32(9)), *[STAY] * 6)
    assert not over
    assert len(cells(BREAKOUT, state, "brick")) == 30


# -- Asterix ------------------------------------------------------------------------------------

ASTERIX = Asterix(sticky=0.0)


def thing(row, column, right, gold, **more):
    return begin(
        ASTERIX,
        columns=row_of({row: column}),
        right=row_of({row: right}, False),
        gold=row_of({row: gold}, False),
        there=row_of({row: True}, False),
        **more,
    )


@pytest.mark.parametrize("gold", [True, False])
def test_asterix_gold_pays_and_an_enemy_ends(gold):
    channel = "treasure" if gold else "enemy"
    start = thing(5, 6, False, gold)
    assert cells(ASTERIX, start, channel) == {(5, 6)}
    assert cells(ASTERIX, start, "trail") == {(5, 7)}
    for state, action in ((start, 3), (thing(5, 6, False, gold, move_wait=1), STAY)):
        new, reward, over = after(ASTERIX, state, action)  # it is run into, or runs into
        assert (reward, over) == (float(gold), not gold)
        assert cells(ASTERIX, new, channel) == set()
    _, reward, over = after(ASTERIX, start, 1)
    assert (reward, over) == (0, False)


def test_asterix_things_move_every_fifth_frame_and_leave():
    state, _, _ = after(ASTERIX, thing(2, 8, True, False), *[STAY] * 4)
    assert cells(ASTERIX, state, "enemy") == {(2, 8)}
    state, _, _ = after(ASTERIX, state, STAY)
    assert cells(ASTERIX, state, "enemy") == {(2, 9)}
    state, _, _ = after(ASTERIX, state._replace(spawn_wait=np.int32(99)), *[STAY] * 5)
    assert cells(ASTERIX, state, "enemy") == set()


def test_asterix_things_come_every_tenth_frame_evenly():
    state, _, _ = after(ASTERIX, begin(ASTERIX), *[STAY] * 9)
    assert not state.there.any()
    state, _, _ = after(ASTERIX, state, STAY)
    assert state.there.sum() == 1
    some = begin(ASTERIX, there=row_of({2: True, 5: True}, False), columns=[3] * 10, spawn_wait=1)
    new = drawn(ASTERIX, some, STAY)
    came = new.there & ~some.there
    assert (came.sum(axis=1) == 1).all()
    counts = came.sum(axis=0)
    assert counts[[0, 2, 5, 9]].sum() == 0
    expected = len(came) / 6
    chi_squared = ((counts[[1, 3, 4, 6, 7, 8]] - expected) ** 2 / expected).sum()
    assert chi_squared < 20.5  # 1 in 1,000 of chi-squared(5)
    assert new.gold[came].mean() == pytest.approx(1 / 3, abs=0.025)
    right = new.right[came]
    assert right.mean() == pytest.approx(1 / 2, abs=0.026)  # 4 standard errors
    assert (new.columns[came] == np.where(right, 0, 9)).all()


def test_asterix_no_lane_is_free():
    full = begin(ASTERIX, there=row_of({0: False, 9: False}, True), columns=[3] * 10, spawn_wait=1)
    state, _, _ = after(ASTERIX, full, STAY)
    assert (state.columns == full.columns).all()
    assert (state.there == full.there).all()


def test_asterix_becomes_faster():
    for clock, spawn, move in ((99, 10, 5), (100, 9, 5), (200, 8, 4), (650, 4, 2), (5000, 1, 2)):
        state, _, _ = after(ASTERIX, begin(ASTERIX, clock=clock, spawn_wait=1, move_wait=1), STAY)
        assert (state.spawn_wait, state.move_wait) == (spawn, move), clock
    still = Asterix(sticky=0.0, ramp=0)
    state, _, _ = after(still, begin(still, clock=5000, spawn_wait=1, move_wait=1), STAY)
    assert (state.spawn_wait, state.move_wait) == (10, 5)


def test_asterix_the_player_stays_in_the_lanes():
    for action, place in ((1, (5, 0)), (2, (1, 5)), (3, (5, 9)), (4, (8, 5))):
        state = begin(ASTERIX, spawn_wait=99)
        state, _, _ = after(ASTERIX, state, *[action] * 7)
        assert cells(ASTERIX, state, "player") == {place}


# -- Freeway ------------------------------------------------------------------------------------

FREEWAY = Freeway(sticky=0.0)


def road(row, columns, right=True, every=5, wait=5, **more):
    return begin(
        FREEWAY,
        row=row,
        columns=row_of(columns, 0),
        right=[right] * 10,
        every=[every] * 10,
        wait=[wait] * 10,
        **more,
    )


def test_freeway_a_crossing_pays_and_the_traffic_changes():
    state, reward, over = after(FREEWAY, road(1, {}), 1)
    assert (state.row, reward, over) == (9, 1, False)
    assert len(set(state.every.tolist())) > 1
    many = drawn(FREEWAY, road(1, {}), 1)
    shares = [np.mean(many.every[:, 1:9] == n) for n in range(1, 6)]
    np.testing.assert_allclose(shares, 1 / 5, atol=0.0063)  # 4 standard errors
    assert np.mean(many.right[:, 1:9]) == pytest.approx(0.5, abs=0.008)


def test_freeway_the_chicken_moves_every_third_frame():
    rows, state = [], road(9, {}, wait=99)
    for _ in range(7):
        state, _, _ = after(FREEWAY, state, 1)
        rows.append(int(state.row))
    assert rows == [8, 8, 8, 7, 7, 7, 6]
    assert after(FREEWAY, road(9, {}), 2)[0].row == 9


@pytest.mark.parametrize(
    ("column", "wait", "row", "action"),
    [
        (3, 1, 5, STAY),  # a car comes
        (4, 5, 6, 1),  # the chicken walks into a car that stands
        (4, 1, 6, 1),  # or that is about to go
        (4, 5, 4, 2),
        (3, 1, 6, 1),  # both arrive
    ],
)
def test_freeway_cars_send_the_chicken_back(column, wait, row, action):
    state, reward, over = after(FREEWAY, road(row, {5: column}, wait=wait), action)
    assert (state.row, reward, over) == (9, 0, False)


def test_freeway_a_car_of_another_lane_does_not():
    assert after(FREEWAY, road(5, {4: 4, 6: 4}, wait=5), STAY)[0].row == 5


def test_freeway_cars_come_in_again():
    state = road(9, {3: 9, 4: 5}, every=2, wait=2)
    assert (3, 8) in cells(FREEWAY, state, "fast")  # behind it
    assert (4, 4) in cells(FREEWAY, state, "fast")
    state, _, _ = after(FREEWAY, state, STAY)
    assert (3, 9) in cells(FREEWAY, state, "car")
    state, _, _ = after(FREEWAY, state, STAY)
    assert {(3, 0), (4, 6)} <= cells(FREEWAY, state, "car")
    assert (3, 9) in cells(FREEWAY, state, "fast")
    state, _, _ = after(FREEWAY, road(9, {3: 0}, right=False, every=1, wait=1), STAY)
    assert (3, 9) in cells(FREEWAY, state, "car")
    assert (3, 0) in cells(FREEWAY, state, "fastest")


def test_freeway_ends_by_time_alone():
    assert Freeway().limit == 2500


# -- Space Invaders -----------------------------------------------------------------------------

INVADERS = SpaceInvaders(sticky=0.0)
FIRE = 3


def aliens(*places, **more):
    return begin(INVADERS, aliens=plane(*places), **more)


def test_invaders_march_turn_and_descend():
    state = begin(INVADERS, bomb_wait=999)
    first = cells(INVADERS, state, "alien")
    assert len(first) == 24
    assert cells(INVADERS, state, "alien, left") == first
    state, _, _ = after(INVADERS, state, *[STAY] * 11)
    assert cells(INVADERS, state, "alien") == first
    state, _, _ = after(INVADERS, state, STAY)
    assert cells(INVADERS, state, "alien") == {(r, c - 1) for r, c in first}
    state, _, _ = after(INVADERS, state, *[STAY] * 24)  # to the edge, and down
    down = {(r + 1, c - 2) for r, c in first}
    assert cells(INVADERS, state, "alien") == down
    assert cells(INVADERS, state, "alien, right") == down
    state, _, _ = after(INVADERS, state, *[STAY] * 12)
    assert cells(INVADERS, state, "alien") == {(r, c + 1) for r, c in down}


def test_invaders_a_shot_pays_and_is_gone():
    state, reward, _ = after(INVADERS, aliens((6, 5), (0, 0), move_wait=99), FIRE)
    assert cells(INVADERS, state, "shot") == {(8, 5)}
    assert reward == 0
    state, reward, over = after(INVADERS, state, STAY, STAY)
    assert (reward, over) == (1, False)
    assert cells(INVADERS, state, "alien") == {(0, 0)}
    assert cells(INVADERS, state, "shot") == set()


def test_invaders_a_shot_and_an_alien_that_swap_cells_meet():
    state = aliens((5, 9), (0, 4), shots=plane((6, 9)), right=True, move_wait=1)
    state, reward, _ = after(INVADERS, state, STAY)
    assert reward == 1
    state = aliens((5, 3), (0, 9), shots=plane((6, 4)), right=True, move_wait=1)
    assert after(INVADERS, state, STAY)[1] == 0  # all went down: (6, 3), the shot is in (5, 4)
    state = aliens((5, 3), (0, 4), shots=plane((6, 4)), right=True, move_wait=1)
    state, reward, _ = after(INVADERS, state, STAY)
    assert reward == 1  # it marched into the shot, which is gone
    assert cells(INVADERS, state, "shot") == set()


def test_invaders_who_only_fires_hits_three():
    """By hand: the shots of frames 1, 6 and 11 strike in frames 6, 12 and 16.

    The first two strike (3, 5) and (2, 5); in frame 12 the aliens march, and the third strikes the
    one that came to (3, 5). From (2, 5) an alien shoots in frame 10: it hits seven frames later.
    """
    _, reward, over = after(INVADERS, begin(INVADERS), *[FIRE] * 16)
    assert (reward, over) == (3, False)
    assert after(INVADERS, begin(INVADERS), *[FIRE] * 17)[1:] == (3, True)


def test_invaders_the_cannon_loads_for_five_frames():
    state, _, _ = after(INVADERS, aliens((0, 0), move_wait=99, bomb_wait=99), *[FIRE] * 6)
    assert cells(INVADERS, state, "shot") == {(3, 5), (8, 5)}


@pytest.mark.parametrize(
    ("more", "over"),
    [
        ({"bombs": plane((8, 5))}, True),
        ({"bombs": plane((8, 4))}, False),
        ({"bombs": plane((7, 5))}, False),
        ({"aliens": plane((9, 6)), "move_wait": 1}, True),
        ({"aliens": plane((9, 7)), "move_wait": 1}, False),
        ({"aliens": plane((8, 5), (0, 0)), "move_wait": 1}, True),
        ({"aliens": plane((9, 0)), "move_wait": 1}, True),  # no further down
        ({"aliens": plane((9, 0)), "move_wait": 2}, False),
    ],
)
def test_invaders_end_it(more, over):
    _, reward, found = after(INVADERS, begin(INVADERS, **more), STAY)
    assert (reward, found) == (0, over)


def test_invaders_the_lowest_alien_of_the_nearest_column_shoots():
    far = aliens((1, 1), (2, 3), (4, 3), (6, 9), bomb_wait=1, move_wait=99)
    state, _, _ = after(INVADERS, far, STAY)
    assert cells(INVADERS, state, "alien's shot") == {(4, 3)}
    state, _, over = after(INVADERS, state._replace(column=np.int32(3)), *[STAY] * 5)
    assert over
    tie = aliens((1, 4), (1, 6), bomb_wait=1, move_wait=99)
    assert cells(INVADERS, after(INVADERS, tie, STAY)[0], "alien's shot") == {(1, 4)}


def test_invaders_few_are_fast_and_each_wave_is_faster():
    one, _, _ = after(INVADERS, aliens((1, 5), move_wait=1, bomb_wait=99), STAY, STAY, STAY)
    assert cells(INVADERS, one, "alien") == {(1, 2)}
    last = aliens((2, 5), shots=plane((3, 5)), move_wait=99)
    state, reward, over = after(INVADERS, last, STAY)
    assert (reward, over, state.waves) == (1, False, 1)
    assert len(cells(INVADERS, state, "alien")) == 24
    still = SpaceInvaders(sticky=0.0, ramp=0)
    for game, waves, wait in ((INVADERS, 1, 11), (INVADERS, 20, 6), (still, 20, 12)):
        state, _, _ = after(game, begin(game, waves=waves, move_wait=1), STAY)
        assert state.move_wait == wait


# -- Seaquest -----------------------------------------------------------------------------------

SEAQUEST = Seaquest(sticky=0.0)
LEFT, UP, RIGHT, DOWN, SHOOT = 1, 2, 3, 4, 5


def sea(row=5, column=5, **more):
    calm = {"spawn_wait": 999, "diver_wait": 999, "under": row > 0, "right": True}
    waits = {n: [999] * 10 for n in ("swim_wait", "bomb_wait", "drift_wait")}
    return begin(SEAQUEST, row=row, column=column, **(calm | waits | more))


def test_seaquest_the_submarine_points_where_it_went():
    state = sea()
    assert cells(SEAQUEST, state, "front") == {(5, 5)}
    assert cells(SEAQUEST, state, "back") == {(5, 4)}
    state, _, _ = after(SEAQUEST, state, LEFT)
    assert cells(SEAQUEST, state, "front") == {(5, 4)}
    assert cells(SEAQUEST, state, "back") == {(5, 5)}
    assert after(SEAQUEST, state, *[DOWN] * 9)[0].row == 8
    assert cells(SEAQUEST, sea(column=0), "back") == set()


def test_seaquest_divers_come_aboard_up_to_six():
    state, reward, over = after(SEAQUEST, sea(divers=plane((5, 6))), RIGHT)
    assert (state.aboard, reward, over) == (1, 0, False)
    assert cells(SEAQUEST, state, "aboard") == {(9, 9)}
    assert cells(SEAQUEST, state, "diver") == set()
    drifting = sea(divers=plane((5, 6)), drift_wait=[1] * 10)  # to the left
    assert after(SEAQUEST, drifting, STAY)[0].aboard == 1
    state, _, _ = after(SEAQUEST, sea(divers=plane((5, 6)), aboard=6), RIGHT)
    assert state.aboard == 6
    assert cells(SEAQUEST, state, "diver") == {(5, 6)}
    both = sea(divers=plane((5, 6), (5, 7)), drift_wait=[1] * 10, aboard=5)
    assert after(SEAQUEST, both, RIGHT)[0].aboard == 6  # the next drifts there; there is no room


@pytest.mark.parametrize(
    ("aboard", "air", "left", "pays"),
    [(1, 100, 0, 0), (5, 100, 4, 0), (6, 100, 0, 5), (6, 199, 0, 9), (6, 19, 0, 0)],
)
def test_seaquest_coming_up(aboard, air, left, pays):
    state, reward, over = after(SEAQUEST, sea(1, aboard=aboard, air=air), UP)
    assert (state.aboard, reward, over) == (left, pays, False)
    assert (state.air, state.risen) == (200, 1)
    state, reward, over = after(SEAQUEST, state, STAY, STAY)  # it came up once
    assert (state.aboard, state.air, state.risen, reward, over) == (left, 200, 1, 0, False)


def test_seaquest_coming_up_with_no_diver_ends_it():
    assert after(SEAQUEST, sea(1), UP)[2]


def test_seaquest_the_air_runs_out_below():
    state, _, over = after(SEAQUEST, sea(0), *[STAY] * 3)
    assert (state.air, over) == (200, False)  # it begins up there, and may stay
    state, _, over = after(SEAQUEST, sea(air=2), STAY)
    assert (state.air, over) == (1, False)
    assert after(SEAQUEST, state, STAY)[2]
    assert len(cells(SEAQUEST, sea(air=139), "air")) == 6


def test_seaquest_shots():
    state, reward, _ = after(SEAQUEST, sea(fish=plane((5, 8))), SHOOT, STAY)
    assert (reward, cells(SEAQUEST, state, "shot")) == (0, {(5, 7)})
    state, reward, over = after(SEAQUEST, state, STAY)
    assert (reward, over) == (1, False)
    assert cells(SEAQUEST, state, "shot") | cells(SEAQUEST, state, "fish") == set()
    swap = sea(subs=plane((5, 7)), shots_right=plane((5, 6)), swim_wait=[1] * 10)
    assert after(SEAQUEST, swap, STAY)[1] == 1
    into = sea(subs=plane((5, 8)), shots_right=plane((5, 6)), swim_wait=[1] * 10)
    assert after(SEAQUEST, into, STAY)[1] == 1
    left, _, _ = after(SEAQUEST, sea(right=False), SHOOT)
    assert cells(SEAQUEST, left, "shot") == {(5, 4)}
    again, _, _ = after(SEAQUEST, sea(column=0), *[SHOOT] * 6)
    assert cells(SEAQUEST, again, "shot") == {(5, 6), (5, 1)}


@pytest.mark.parametrize("what", ["fish", "subs", "bombs"])
def test_seaquest_what_touches_the_front_ends_it(what):
    still = sea(**{what: plane((5, 6))}, swims_right=[True] * 10)
    assert after(SEAQUEST, still, RIGHT)[2]
    assert not after(SEAQUEST, still, UP)[2]
    comes = sea(**{what: plane((5, 6))}, swim_wait=[1] * 10)  # to the left
    assert after(SEAQUEST, comes, STAY)[2]
    behind = sea(**{what: plane((5, 4))})
    assert not after(SEAQUEST, behind, STAY)[2]


def test_seaquest_enemies_swim_and_shoot_ahead():
    state = sea(
        subs=plane((2, 1), (3, 8)),
        divers=plane((7, 2)),
        swims_right=row_of({2: True}, False),
        drift_right=[True] * 10,
        swim_wait=[2] * 10,
        bomb_wait=row_of({2: 1, 3: 99}),
    )
    assert cells(SEAQUEST, state, "trail") == {(2, 0), (3, 9), (7, 1)}
    state, _, _ = after(SEAQUEST, state, STAY)
    assert cells(SEAQUEST, state, "enemy's shot") == {(2, 1)}
    assert state.bomb_wait[2] == 10
    state, _, _ = after(SEAQUEST, state, STAY)
    assert cells(SEAQUEST, state, "submarine") == {(2, 2), (3, 7)}
    assert cells(SEAQUEST, state, "enemy's shot") == {(2, 2)}
    assert after(SEAQUEST, state, STAY)[0].swim_wait[2] == 4


def test_seaquest_newcomers_come_evenly_and_never_the_other_way():
    taken = sea(
        8, spawn_wait=1, diver_wait=1, fish=plane((4, 3)), swims_right=row_of({4: True}, False)
    )
    new = drawn(SEAQUEST, taken, STAY)
    came = (new.fish & ~taken.fish) | new.subs
    left, right = (came == 1).mean(axis=0), (came == 1 << 9).mean(axis=0)
    sixteenth = pytest.approx(1 / 16, abs=0.011)  # 4 standard errors
    for row in range(1, 9):
        assert left[row] == sixteenth
        assert right[row] == (0 if row == 4 else sixteenth)
    assert left[[0, 9]].sum() + right[[0, 9]].sum() == 0
    hostile = (new.subs != 0).any(axis=1)[came.any(axis=1)]
    assert hostile.mean() == pytest.approx(1 / 3, abs=0.022)
    assert ((new.divers != 0).sum(axis=1) == 1).all()
    assert (new.divers[:, 1:9] == 1).mean() == sixteenth
    first = np.argmax(came != 0, axis=1)
    waits = np.take_along_axis(new.swim_wait, first[:, None], axis=1)[:, 0]
    fresh = came.any(axis=1) & (first != 4)
    assert (waits[fresh] == 4).all()  # five frames, of which one is over


def test_seaquest_becomes_faster():
    still = Seaquest(sticky=0.0, ramp=0)
    for game, risen, spawn, pace in (
        (SEAQUEST, 0, 20, 5),
        (SEAQUEST, 1, 19, 5),
        (SEAQUEST, 2, 18, 4),
        (SEAQUEST, 40, 1, 2),
        (still, 40, 20, 5),
    ):
        start = begin(game, risen=risen, spawn_wait=1, swim_wait=[1] * 10)
        state, _, _ = after(game, start, STAY)
        assert state.spawn_wait == spawn
        assert state.swim_wait[0] == pace
