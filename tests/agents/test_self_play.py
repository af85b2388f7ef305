"""AlphaZero: outcomes by hand, searches that cannot be wrong, and all of tic-tac-toe learnt."""

from __future__ import annotations

import random
import sys

import jax
import numpy as np
import pytest
from oracles import games as oracle

from descend.agents.alphazero import Search, SelfPlay, Settings, network_for
from descend.agents.alphazero.learner import Moves, Rows, outcomes
from descend.agents.alphazero.search import Found
from descend.agents.environments.connect_four import ConnectFour, Stacks
from descend.agents.environments.tic_tac_toe import Grid, TicTacToe
from descend.errors import DescendError, MissingExtraError
from descend.nn.layers import Conv2D
from descend.train.engine import Steps, train
from descend.train.engine.runtime import quick_compile
from descend.train.rules import Adam
from descend.train.rules.schedules import CosineDecay

pytest.importorskip("mctx")

KEY = jax.random.key(0)


def grid(boards) -> Grid:
    """Positions of tic-tac-toe as the environment holds them."""
    moves = [9 - b.count(".") for b in boards]
    return Grid(np.array([oracle.bits(b) for b in boards], np.int32), np.array(moves, np.int32))


def quick(function):
    """A program that runs once, compiled without much care."""
    return jax.jit(function, compiler_options=quick_compile())


# -- how a game came out --------------------------------------------------------------------------


def played(cells, values=None, strayed=()) -> Moves:
    """A game of tic-tac-toe by hand, as self-play records it, on one board."""
    game, count = TicTacToe(), len(cells)
    state, rewards, factors = game.reset(KEY), [], []
    for cell in cells:
        state, reward, factor = MOVE(state, cell)
        rewards.append(reward)
        factors.append(factor)
    column = lambda a: np.asarray(a, float)[:, None]
    value = np.zeros(count) if values is None else values
    found = Found(np.zeros((count, 1), int), np.zeros((count, 1, 9)), column(value))
    random_moves = column([i in strayed for i in range(count)]) > 0
    nothing = np.zeros((count, 1))
    return Moves(nothing, nothing, found, column(rewards), column(factors), random_moves)


@jax.jit
def MOVE(state, cell):
    after, reward, over = TicTacToe().step(state, cell, KEY)
    return after, reward, TicTacToe().sign(state, after, over)


OUTCOMES = jax.jit(outcomes)


def of(moves, last=0.0):
    return OUTCOMES(moves, np.array([last]))[:, 0].tolist()


def test_outcomes_of_games_played_by_hand():
    first_wins = played([0, 3, 1, 4, 2])  # X has the top row
    assert of(first_wins) == [1, -1, 1, -1, 1]
    second_wins = played([8, 3, 0, 4, 1, 5])  # O has the middle row
    assert of(second_wins) == [-1, 1, -1, 1, -1, 1]
    drawn = played([0, 4, 8, 1, 7, 6, 2, 5, 3])
    assert of(drawn, last=0.9) == [0] * 9  # nothing comes behind the end
    fouled = played([0, 0])  # O takes a cell that X has, and loses
    assert of(fouled) == [1, -1]


def test_a_game_that_goes_on_counts_for_what_the_network_says():
    going = played([0, 3, 1])
    assert np.allclose(of(going, last=0.25), [-0.25, 0.25, -0.25])  # O is to move


def test_no_value_is_carried_back_over_a_random_move():
    """X wins in the end, but only because O's second move, drawn at random, was a blunder."""
    moves = played([0, 3, 1, 4, 2], values=[0.0, 0.0, 0.5, 0.125, 1.0], strayed=(3,))
    assert of(moves) == [-0.125, 0.125, -0.125, 0.125, 1]


def test_outcomes_of_self_play_are_those_of_its_games():
    """Against the games cut out of the record in Python, board by board."""
    settings = Settings(
        games=16, moves=24, simulations=2, batch=64, hidden=(8,), explore=0.0, noise=5.0
    )
    task = SelfPlay(TicTacToe(), settings)
    state = task.init(jax.random.key(3), task.hyper())
    boards, moves, record = quick(task.play)(state, jax.random.key(4))
    z = np.asarray(OUTCOMES(moves, np.full(16, 0.5)))
    seen, reward, over = (np.asarray(a) for a in (moves.seen, moves.reward, moves.discount == 0))
    first_wins = draws = length = 0
    for game in range(16):
        start = 0
        for end in [*np.flatnonzero(over[:, game]), 23]:
            if end < start:
                continue
            for t in range(start, end + 1):
                stones = int(seen[t, game].sum())
                assert stones == t - start  # every game begins with an empty board
                mine = (end - t) % 2 == 0  # whether who moved here also made the last move
                if over[end, game]:
                    expected = reward[end, game] if mine else -reward[end, game]
                else:
                    expected = -0.5 if mine else 0.5
                assert z[t, game] == expected
            if over[end, game]:
                first_wins += reward[end, game] == 1 and (end - start) % 2 == 0
                draws += reward[end, game] == 0
                length += end - start + 1
            start = end + 1
    assert over.sum() > 30
    assert 0 < draws < over.sum()
    assert record.tolist() == [first_wins, draws, length, over.sum()]
    assert (moves.discount[~over] == -1).all()
    assert boards.steps.tolist() == [
        23 - max([-1, *np.flatnonzero(over[:, game])]) for game in range(16)
    ]


# -- the search -----------------------------------------------------------------------------------


CASES = 160


@pytest.fixture(scope="module")
def every():
    """All positions of tic-tac-toe that are not over, and their boards."""
    names = [b for b in oracle.reachable() if not oracle.over(b)]
    return names, grid(names)


@pytest.fixture(scope="module")
def untrained():
    """A search by a network that has learnt nothing; its hidden weights are random."""
    settings = Settings(hidden=(16,), simulations=128)
    game = TicTacToe()
    graph = network_for(game, settings)
    search = Search(game, graph, settings)
    params, _ = graph.init(jax.random.key(0))
    return quick(lambda states, key, noise: search(params, states, key, noise=noise))


def wins(name, who):
    """Cells that complete a row of `who`."""
    free = [c for c in range(9) if name[c] == "."]
    return {c for c in free if oracle.winner(name[:c] + who + name[c + 1 :]) == who}


def test_a_search_makes_legal_moves_alone(every, untrained):
    names, _ = every
    some = random.Random(0).sample(names, CASES)
    found = untrained(grid(some), jax.random.key(1), 3.0)
    taken = np.array([[c != "." for c in name] for name in some])
    assert not taken[np.arange(CASES), found.action].any()
    assert (np.asarray(found.policy)[taken] == 0).all()
    assert np.allclose(np.asarray(found.policy).sum(axis=1), 1, atol=1e-5)
    assert set(np.asarray(found.action)) == set(range(9))


def test_a_search_without_knowledge_wins_in_one_and_blocks_a_loss_in_one(every, untrained):
    names, _ = every
    other = {"X": "O", "O": "X"}
    mine = {n: wins(n, oracle.mover(n)) for n in names}
    theirs = {n: wins(n, other[oracle.mover(n)]) for n in names}
    winning = [n for n in names if mine[n]]
    blocking = [n for n in names if not mine[n] and len(theirs[n]) == 1]
    assert len(winning) > 2000
    assert len(blocking) > 900
    rng = random.Random(1)
    cases = [*rng.sample(winning, CASES // 2), *rng.sample(blocking, CASES // 2)]
    found = untrained(grid(cases), jax.random.key(1), 0.0)
    for name, action, value in zip(
        cases, *map(np.asarray, (found.action, found.value)), strict=True
    ):
        assert action in (mine[name] or theirs[name]), name
        assert not mine[name] or value == 1


def test_a_search_of_connect_four_wins_blocks_and_leaves_full_columns():
    settings = Settings(hidden=(Conv2D(4, 4, activation="relu"), 8), simulations=64)
    game = ConnectFour()
    graph = network_for(game, settings)
    search = Search(game, graph, settings)
    params, _ = graph.init(jax.random.key(0))
    cases = [  # columns from below, X begins; then the moves that are right
        (["XXX", "OOO", "", "", "", "", ""], {0}, 1),  # X, a column
        (["OOO", "XX", "X", "", "", "", ""], {0}, None),  # X blocks a column
        (["", "X", "X", "X", "O", "O", ""], {0}, None),  # O blocks a row with one open end
        (["XOXOXO", "XOXOXO", "OXOXOX", "OXOXOX", "XOXOXO", "XOXOXO", ""], {6}, None),
    ]
    columns = [c for c, _, _ in cases]
    stones = np.array([oracle.column_bits(c) for c in columns], np.int32)
    states = Stacks(stones, np.array([sum(map(len, c)) for c in columns], np.int32))
    found = quick(lambda s: search(params, s, KEY, noise=0.0))(states)
    for i, (_, right, value) in enumerate(cases):
        assert int(found.action[i]) in right
        assert value is None or found.value[i] == value


# -- learning -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short():
    """A very short training, in one program."""
    settings = Settings(games=64, moves=9, simulations=8, batch=64, passes=1, hidden=(32,))
    task = SelfPlay(TicTacToe(), settings, "adam")
    state = task.init(jax.random.key(0), task.hyper() | {"learning_rate": 0.01})
    return task, state, train(task, Steps(settings.updates), 30, state=state)


def test_a_short_training(short):
    task, _, run = short
    history = run.history.history
    assert set(history) == {"loss", "value", "policy", "first_wins", "draws", "length"}
    assert np.mean(history["loss"][-5:]) < 0.9 * np.mean(history["loss"][:5])
    parts = np.add(history["value"], history["policy"])
    assert (np.array(history["loss"]) > parts).all()  # the squared weights are in it
    assert all(5 <= n <= 9 for n in history["length"])
    assert all(
        0 <= s + d <= 1 for s, d in zip(history["first_wins"], history["draws"], strict=True)
    )
    assert int(run.state.steps) == 30 * task.settings.updates


def test_rows_are_the_positions_of_a_round_in_another_order(short, monkeypatch):
    """Positions numbered one by one take the place of those played; two passes over 576 of them."""
    task, start, _ = short
    task = task.anew()
    number = np.arange(576, dtype=np.float32).reshape(9, 64)
    found = Found(number.astype(int), np.stack([number] * 9, axis=2), -number / 576)
    seen = np.tile(number[:, :, None, None, None], (3, 3, 2))
    legal, over = np.ones((9, 64, 9), bool), np.zeros((9, 64), np.float32)
    moves = jax.device_put(Moves(seen, legal, found, number / 576, over, over > 0))
    monkeypatch.setattr(task, "play", lambda state, key: (state.boards, moves, state.record))
    _, rows = jax.jit(task.collect, static_argnums=1)(start, 2 * task.settings.updates)
    rows = jax.tree.map(np.asarray, rows)
    assert rows.seen.shape == (18, 64, 3, 3, 2)
    order = np.asarray(rows.seen[..., 0, 0, 0]).reshape(2, 576)
    for one_pass in order:
        assert np.array_equal(np.sort(one_pass), np.arange(576))
    assert not np.array_equal(order[0], order[1])
    assert not np.array_equal(order[0], np.arange(576))
    assert np.array_equal(rows.policy[..., 3].reshape(2, 576), order)
    assert np.allclose(rows.outcome.reshape(2, 576), order / 576)


def test_the_loss_by_hand(short):
    task, start, _ = short
    rng = np.random.default_rng(0)
    legal = rng.random((64, 9)) < 0.6
    legal[:, 0] = True
    policy = (legal * rng.random((64, 9))).astype(np.float32)
    seen = (rng.random((64, 3, 3, 2)) < 0.3).astype(np.float32)
    outcome = rng.choice([-1.0, 0.0, 1.0], 64).astype(np.float32)
    rows = Rows(seen, legal, policy / policy.sum(axis=1, keepdims=True), outcome)
    params = jax.tree.map(lambda p: np.asarray(p) + rng.normal(0, 0.1, p.shape), start.params)
    params = jax.tree.map(lambda p: p.astype(np.float32), params)
    loss, _ = jax.jit(task.cost)(params, rows, 0.01)
    w = {k: {n: np.asarray(a, float) for n, a in v.items()} for k, v in params.items()}
    (hidden,) = (name for name in w if name not in ("policy", "value"))
    h = np.maximum(
        np.asarray(rows.seen).reshape(64, 18) @ w[hidden]["kernel"] + w[hidden]["bias"], 0
    )
    logits = h @ w["policy"]["kernel"] + w["policy"]["bias"]
    v = np.tanh(h @ w["value"]["kernel"] + w["value"]["bias"])[:, 0]
    total = 0.0
    for i in range(64):
        legal = np.asarray(rows.legal[i])
        p = np.exp(logits[i][legal]) / np.exp(logits[i][legal]).sum()
        total += (rows.outcome[i] - v[i]) ** 2 - rows.policy[i][legal] @ np.log(p)
    squares = sum((a**2).sum() for layer in w.values() for a in layer.values())
    assert np.isclose(loss, total / 64 + 0.01 * squares, rtol=1e-5)


def test_what_is_out_of_range():
    with pytest.raises(DescendError, match=r"simulations must be a whole number >= 1, got 0"):
        Settings(simulations=0)
    with pytest.raises(DescendError, match=r"explore is a share, 0 to 1, got 1.5"):
        Settings(explore=1.5)
    with pytest.raises(DescendError, match="a batch of 256 is more than the 32 positions"):
        Settings(games=4, moves=4)
    task = SelfPlay(TicTacToe(), Settings())
    assert {"learning_rate", "decay", "explore"} <= set(task.hyper())
    with pytest.raises(DescendError, match="explore is a share, 0 to 1, got 2"):
        task.require({"explore": 2.0})
    with pytest.raises(DescendError, match="decay must be a finite number >= 0"):
        task.require({"decay": -1.0})


def test_without_mctx(monkeypatch):
    monkeypatch.setitem(sys.modules, "mctx", None)
    with pytest.raises(
        MissingExtraError, match=r"tree search needs .* pip install 'descend\[agents\]'"
    ):
        SelfPlay(TicTacToe())


@pytest.mark.slow
def test_all_of_tic_tac_toe_is_learnt():
    """None of 4,520 positions is spoilt: by the network alone, and by a search of 8 simulations.

    A move is right where it keeps the position's exact value; an untrained search of 8 spoils 626.
    """
    names = [b for b in oracle.reachable() if not oracle.over(b)]
    states = grid(names)
    rounds, settings = 240, Settings()
    rule = Adam(CosineDecay(3e-3, rounds * settings.updates))
    task = SelfPlay(TicTacToe(), settings, rule)
    state = task.init(jax.random.key(0), task.hyper())
    params = train(task, Steps(settings.updates), rounds, state=state).state.params
    logits, value = jax.jit(task.search.judge)(params, states)
    look = jax.jit(lambda s: task.search(params, s, KEY, noise=0.0, simulations=8))
    for actions in (np.asarray(logits).argmax(axis=1), np.asarray(look(states).action)):
        spoilt = [n for n, a in zip(names, actions, strict=True) if a not in oracle.solved(n).best]
        assert not spoilt
    exact = np.array([oracle.solved(name).value for name in names])
    assert np.abs(np.asarray(value) - exact).mean() < 0.05
