"""Environments of gymnax and pgx inside the program, step by step beside their own packages."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.agents import Box, Choice, load_agents, make
from descend.agents.adapters import from_gymnax, from_pgx
from descend.agents.checks import inspect
from descend.agents.game import Game, require_game
from descend.agents.walking import advance, begun
from descend.errors import CheckpointError, DescendError

STEPS = 300


def walk(environment, seed, state=None):
    """A random legal walk by `advance`: transitions (steps, ...)."""

    def one(place, key):
        act, chance, fresh = jax.random.split(key, 3)
        legal = environment.legal(place.state)
        if legal is None:
            action = environment.actions.draw(act)
        else:
            action = jax.random.categorical(act, jnp.where(legal, 0.0, -jnp.inf))
        new, passed, _ = advance(environment, place, action, chance, environment.reset(fresh))
        return new, (place, passed._replace(action=action), chance)

    @jax.jit
    def run(key):
        first, key = jax.random.split(key)
        start = begun(environment.reset(first))
        return jax.lax.scan(one, start, jax.random.split(key, STEPS))[1]

    return jax.device_get(run(jax.random.key(seed)))


# -- gymnax ---------------------------------------------------------------------------------------


@pytest.fixture
def gymnax():
    return pytest.importorskip("gymnax")


@pytest.mark.parametrize("name", ["CartPole-v1", "MountainCar-v0", "Pendulum-v1"])
def test_gymnax_step_by_step(gymnax, name):
    """Observations, rewards and ends are gymnax's own; what it cuts is cut and not terminated."""
    environment, (peer, params) = from_gymnax(name, limit=None), gymnax.make(name)
    assert environment.limit == params.max_steps_in_episode
    places, passed, chance = walk(environment, 1)
    action = passed.action
    if isinstance(environment.actions, Box):
        action = action.reshape(STEPS, *peer.action_space(params).shape)
    step = jax.jit(jax.vmap(peer.step_env, (0, 0, 0, None)))
    seen, after, reward, terminated, _ = jax.device_get(
        step(chance, places.state.state, action, params)
    )
    np.testing.assert_allclose(passed.after, seen, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(passed.reward, reward, rtol=1e-6)
    np.testing.assert_array_equal(passed.terminated, terminated)
    cut = np.asarray(jax.vmap(peer.is_truncated, (0, None))(after, params))
    np.testing.assert_array_equal(passed.ended, terminated | cut)
    # of one episode: gymnax's own `step` would show the first observation of the next
    going = ~passed.ended[:-1]
    np.testing.assert_array_equal(passed.after[:-1][going], passed.observation[1:][going])
    assert passed.ended.any()
    assert (passed.ended & ~passed.terminated).any() == (name != "CartPole-v1")


def test_gymnax_sees_flags_classes_and_its_own_parameters(gymnax):
    flags = inspect(from_gymnax("Breakout-MinAtar"))
    assert (flags.observation, flags.actions) == ((10, 10, 4), Choice(3))
    assert inspect(make("gymnax:FrozenLake-misc")).observation == (16,)
    peer, params = gymnax.make("CartPole-v1")
    heavy = from_gymnax(peer, params.replace(gravity=20.0))
    state = heavy.reset(jax.random.key(0))
    usual = from_gymnax("CartPole-v1")
    action, key = jnp.int32(1), jax.random.key(1)
    one, other = (e.step(state, action, key)[0].seen for e in (heavy, usual))
    assert abs(one[3] - other[3]) > 1e-4


def test_gymnax_learns_and_is_loaded(gymnax, tmp_path):
    from descend.agents import PPO

    ppo = PPO(hidden=(8,), environments=2, walk=8, passes=1, batch=16)
    options = {"evaluations": 1, "episodes": 1, "verbose": 0}
    agents = ppo.learn(from_gymnax("CartPole-v1", limit=20), 64, **options)
    agents.save(tmp_path / "pole.descend")
    again = load_agents(tmp_path / "pole.descend")
    assert again.environment == agents.environment
    peer, params = gymnax.make("CartPole-v1")
    own = from_gymnax(peer, params.replace(gravity=20.0), limit=20)
    ppo.learn(own, 64, **options).save(tmp_path / "own.descend")
    with pytest.raises(CheckpointError, match=r"load_agents\(path, from_gymnax"):
        load_agents(tmp_path / "own.descend")


def test_gymnax_errors(gymnax):
    for source, message in (
        ("CartPole", "unknown environment of gymnax 'CartPole'. Did you mean 'CartPole-v1'"),
        (3, "given by its id, or as an object, got 3"),
    ):
        with pytest.raises(DescendError, match=message):
            from_gymnax(source)
    with pytest.raises(DescendError, match="params are an EnvParams"):
        from_gymnax("CartPole-v1", {"gravity": 3})
    with pytest.raises(DescendError, match="unexpected keyword argument 'gravity'"):
        make("gymnax:CartPole-v1", gravity=3)


# -- pgx ------------------------------------------------------------------------------------------


@pytest.fixture
def pgx():
    """pgx lets ranks differ where arrays meet."""
    with jax.numpy_rank_promotion("allow"):
        yield pytest.importorskip("pgx")


def test_pgx_games_move_by_move(pgx):
    """Boards, rewards, whose turn it is, and ends are pgx's own."""
    game = from_pgx("tic_tac_toe")
    require_game(game)
    peer, step = pgx.make("tic_tac_toe"), jax.jit(pgx.make("tic_tac_toe").step)
    state, mine = peer.init(jax.random.key(3)), game.reset(jax.random.key(3))
    draw, began = np.random.default_rng(0), int(state.current_player)
    ours = jax.jit(game.step)
    moves = []
    for number in range(9):
        assert int(game.turn(mine)) == number % 2 == int(int(state.current_player) != began)
        legal = np.flatnonzero(state.legal_action_mask)
        np.testing.assert_array_equal(np.flatnonzero(game.legal(mine)), legal)
        np.testing.assert_array_equal(game.observe(mine), state.observation)
        mover, action = int(state.current_player), int(draw.choice(legal))
        state = step(state, action)
        mine, reward, over = ours(mine, jnp.int32(action), jax.random.key(0))
        assert float(reward) == float(state.rewards[mover])
        assert bool(over) == bool(state.terminated)
        moves.append(float(reward))
        if over:
            break
    assert bool(over)
    assert set(moves[:-1]) == {0.0}
    assert len(game.text(mine).splitlines()) == 3


def test_pgx_two_players_are_a_game_and_one_an_environment(pgx):
    go = from_pgx("go_5x5")
    require_game(go)
    assert (inspect(go).actions, inspect(go).observation, go.limit) == (
        Choice(26), (5, 5, 17), 50,
    )  # fmt: skip
    breakout = make("pgx:minatar-breakout", limit=100)
    assert not isinstance(breakout, Game)
    _, passed, _ = walk(breakout, 0)
    assert passed.observation.dtype == np.uint8
    assert passed.terminated.any()
    assert (passed.reward >= 0).all()


def test_pgx_errors(pgx):
    for source, message in (
        ("go_9x8", "unknown game of pgx 'go_9x8'"),
        ("kuhn_poker", "players do not see all"),
        ("sparrow_mahjong", "3 players"),
        (3, "given by its id"),
    ):
        with pytest.raises(DescendError, match=message):
            from_pgx(source)


@pytest.mark.slow
def test_go_is_learned_by_self_play(pgx):
    """A few rounds on a board of five by five, and a move that search finds: search follows pgx."""
    pytest.importorskip("mctx")
    from descend.agents.alphazero import Search, SelfPlay

    go = from_pgx("go_5x5")
    alphazero = SelfPlay(
        hidden=(16,), simulations=4, considered=4, environments=2, walk=2, passes=1, batch=4
    )
    agents = alphazero.learn(go, 8, evaluations=1, episodes=2, verbose=0)
    assert np.isfinite(agents[0].history.history["loss"]).all()
    search = Search(go, alphazero)
    params, _ = search.graph.init(jax.random.key(0))
    boards = jax.tree.map(lambda a: a[None], go.reset(jax.random.key(0)))
    found = jax.jit(search)(params, boards, jax.random.key(1))
    assert 0 <= int(found.action[0]) < 26
    np.testing.assert_allclose(found.policy.sum(), 1, rtol=1e-5)
