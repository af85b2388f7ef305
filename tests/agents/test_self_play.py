"""AlphaZero: outcomes by hand, searches that cannot be wrong, and all of tic-tac-toe learnt."""

from __future__ import annotations

import random
import sys

import jax
import numpy as np
import pytest
from oracles import games as oracle

from descend.agents import load_agents, make
from descend.agents.alphazero import Players, Search, SelfPlay
from descend.agents.alphazero.learner import Rows, outcomes
from descend.agents.alphazero.search import Found
from descend.agents.alphazero.task import Games, Moves
from descend.agents.environments.connect_four import ConnectFour, Stacks
from descend.agents.environments.tic_tac_toe import Grid, TicTacToe
from descend.errors import DescendError, MissingExtraError, ShapeError
from descend.nn.layers import Conv2D
from descend.train.callbacks import Callback
from descend.train.engine.runtime import quick_compile
from descend.train.engine.training import InterruptedWarning
from descend.train.rules import Adam

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
    nothing = np.zeros((count, 1, 9))
    found = Found(np.zeros((count, 1), int), nothing, column(value), nothing)
    random_moves = column([i in strayed for i in range(count)]) > 0
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


def test_a_discounted_win_is_worth_more_the_sooner_it_comes():
    won = played([0, 3, 1, 4, 2])
    z = OUTCOMES(won, np.zeros(1), 0.5)[:, 0].tolist()
    assert z == [1 / 16, -1 / 8, 1 / 4, -1 / 2, 1]


def test_outcomes_of_self_play_are_those_of_its_games():
    """Against the games cut out of the record in Python, board by board."""
    made = SelfPlay(
        environments=16, walk=24, simulations=2, batch=64, hidden=(8,), explore=0.0, noise=5.0
    )
    task = made.task(TicTacToe(), 16 * 24)
    state = task.init(jax.random.key(3), task.hyper())
    boards, moves, record = quick(task.play)(state, jax.random.key(4))
    z = np.asarray(OUTCOMES(moves, np.full(16, 0.5)))
    seen, reward, over = (np.asarray(a) for a in (moves.seen, moves.reward, moves.sign == 0))
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
    assert record == Games(first_wins, draws, length, over.sum())
    assert (moves.sign[~over] == -1).all()
    assert boards.steps.tolist() == [
        23 - max([-1, *np.flatnonzero(over[:, game])]) for game in range(16)
    ]


# -- the search -----------------------------------------------------------------------------------


CASES = 80


@pytest.fixture(scope="module")
def every():
    """All positions of tic-tac-toe that are not over, and their boards."""
    names = [b for b in oracle.reachable() if not oracle.over(b)]
    return names, grid(names)


@pytest.fixture(scope="module")
def untrained():
    """A search by a network that has learnt nothing; its hidden weights are random."""
    search = Search(TicTacToe(), SelfPlay(hidden=(16,), simulations=128))
    params, _ = search.graph.init(jax.random.key(0))
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
    for shares in (found.policy, found.visits):
        assert np.allclose(np.asarray(shares).sum(axis=1), 1, atol=1e-5)
    assert (np.asarray(found.visits)[taken] == 0).all()
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
    made = SelfPlay(hidden=(Conv2D(4, 4, activation="relu"), 8), simulations=64)
    search = Search(ConnectFour(), made)
    params, _ = search.graph.init(jax.random.key(0))
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

SMALL = SelfPlay(
    hidden=(16,), simulations=8, environments=16, walk=9, passes=2, batch=48, optimizer=Adam(0.02)
)
ROUND = 16 * 9
QUICK = {"seeds": 2, "evaluations": 6, "episodes": 4, "verbose": 0}


def learn(**options):
    return SMALL.learn(make("tic-tac-toe"), 12 * ROUND, **{**QUICK, **options})


@pytest.fixture(scope="module")
def players():
    return learn()


def weights(player, which):
    return jax.tree.map(lambda a: np.asarray(a)[player.index], getattr(player.group, which))


def same(one, other):
    """Bit-equal in everything that training leaves."""
    for a, b in zip(one, other, strict=True):
        assert a.history.history.keys() == b.history.history.keys()
        for name, values in a.history.history.items():
            np.testing.assert_array_equal(values, b.history.history[name], name)
        for which in ("last", "best"):
            jax.tree.map(np.testing.assert_array_equal, weights(a, which), weights(b, which))


def test_a_short_training(players):
    assert isinstance(players, Players)
    curves = players.curves()
    assert curves.index.tolist() == [2 * ROUND * n for n in range(1, 7)]
    assert ((curves >= -1) & (curves <= 1)).all().all()
    for player in players:
        history = player.history.history
        assert set(history) == {
            *("loss", "value", "policy", "first_wins", "draws", "length"),
            *("val_return", "val_length"),
        }
        assert history["loss"][-1] < 0.9 * history["loss"][0]
        parts = np.add(history["value"], history["policy"])
        assert (np.array(history["loss"]) > parts).all()  # the squared weights are in it
        assert all(5 <= n <= 9 for n in history["length"])
    assert players[0].history.history["loss"] != players[1].history.history["loss"]


class Kill(Callback):
    """Ctrl-C in the evaluation of an epoch, before its checkpoint is written."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


def test_killed_and_resumed_is_as_if_nothing_had_happened(players, tmp_path):
    """Games in progress, annealed rates and best weights included."""
    file = tmp_path / "run.descend"
    with pytest.warns(InterruptedWarning):
        learn(checkpoint=file, callbacks=[Kill()])
    same(learn(resume=file), players)


def test_saved_and_loaded_plays_the_same_games(players, tmp_path):
    players.save(tmp_path / "ttt.descend")
    again = load_agents(tmp_path / "ttt.descend")
    same(again, players)
    assert again.algorithm == players.algorithm
    assert isinstance(again, Players)
    board = make("tic-tac-toe").position([4])
    for found, other in zip(again, players, strict=True):
        one, two = (p.thoughts(board) for p in (found, other))
        jax.tree.map(np.testing.assert_array_equal, one, two)


def test_act_and_thoughts_of_boards(players):
    game, player = make("tic-tac-toe"), players[1]
    exact = game.exact()
    thoughts, moves = player.thoughts(exact.states), player.act(exact.states)
    assert {k: v.shape for k, v in thoughts.items()} == {
        "prior": (4520, 9), "visits": (4520, 9), "network": (4520,), "value": (4520,),
    }  # fmt: skip
    legal = np.asarray(jax.vmap(game.legal)(exact.states))
    assert legal[np.arange(4520), moves].all()
    assert (thoughts["visits"][~legal] == 0).all()
    assert np.allclose(thoughts["prior"].sum(axis=1), 1, atol=1e-5)
    board = game.position([0, 3, 1, 4])
    assert player.act(board, simulations=64) == player.predict(board, simulations=64) == 2
    one = player.thoughts(board, "best", simulations=64)
    assert (one["value"], one["visits"].shape) == (1, (9,))


def test_compared_with_exact_play(players):
    """Each move against exhaustive search, and what it loses."""
    found = players[0].compare()
    states = make("tic-tac-toe").exact().states
    moves = players[0].act(states)
    frame, spoilt = found.to_frame(differing=False), 0
    assert len(frame) == 4520
    for marks, move, board, lost in zip(
        states.marks, moves, frame["board"], found.lost, strict=True
    ):
        name = "".join(".XO"[(marks[0] >> c & 1) + 2 * (marks[1] >> c & 1)] for c in range(9))
        assert "".join(c if c in "XO" else "." for c in board if c not in " /") == name
        after = oracle.played(name, int(move))
        assert lost == oracle.solved(name).value + oracle.solved(after).value
        spoilt += move not in oracle.solved(name).best
    assert found.differs.sum() == spoilt > 0


def test_what_is_no_board(players):
    game = make("tic-tac-toe")
    board = game.position([0])
    for wrong in (
        np.zeros((3, 3, 2)),
        board._replace(marks=board.marks[None, None]),
        None,
        "board",
    ):
        with pytest.raises(ShapeError, match="a board of TicTacToe is a state of the game"):
            players[0].act(wrong)


def test_evaluate_counts_games_by_opponent_and_side(players):
    judged = players.evaluate(6, against=["random", "perfect"])
    frame = judged.to_frame()
    assert frame.columns.tolist() == [
        *("seed", "against", "plays", "wins", "draws", "losses", "length")
    ]
    assert (frame[["wins", "draws", "losses"]].sum(axis=1) == 3).all()
    assert frame.plays.value_counts().to_dict() == {"first": 4, "second": 4}
    assert (frame[frame.against == "perfect"].wins == 0).all()
    assert judged.losses == frame.losses.sum()
    assert judged.counts("random", "first") == tuple(
        frame[(frame.against == "random") & (frame.plays == "first")][["wins", "draws", "losses"]]
        .sum()
        .tolist()
    )
    assert np.allclose(judged.means, [s.mean() for s in np.split(_scores(frame), 2)])
    assert str(players.evaluate(6, against="random")) == str(judged).split("; ")[0]
    assert str(players.evaluate(6, seed=1, against="random")) != ""


def _scores(frame):
    return ((frame.wins - frame.losses) / 3).to_numpy()


def test_a_game_move_by_move(players):
    game = make("tic-tac-toe")
    episode = players[0].episode(against="perfect", first=False)
    assert episode.terminated
    assert 5 <= len(episode) <= 9
    state = game.position(episode.actions.tolist())
    jax.tree.map(np.testing.assert_array_equal, episode.state(len(episode)), state)
    exact = {
        (tuple(m), n): best
        for m, n, best in zip(
            game.exact().states.marks.tolist(), game.exact().states.moves, game.exact().best,
            strict=True,
        )
    }  # fmt: skip
    for step in range(len(episode)):
        before = episode.state(step)
        if step % 2 == 0:
            assert exact[tuple(before.marks.tolist()), before.moves][episode.actions[step]]
        else:
            assert players[0].act(before) == episode.actions[step]
    frame = episode.to_frame()
    assert {"action", "reward", "prior 4", "visits 8", "network", "value"} <= set(frame)
    alone = players[1].episode()
    assert [int(players[1].act(alone.state(i))) for i in range(len(alone))] == list(alone.actions)


def test_the_network_as_a_model(players):
    seen = np.asarray(make("tic-tac-toe").observe(make("tic-tac-toe").position([4])))
    heads = players[0].model().predict(seen[None], verbose=0)
    logits = np.where(np.arange(9) == 4, -np.inf, heads["policy"][0])
    prior = np.exp(logits) / np.exp(logits).sum()
    thoughts = players[0].thoughts(make("tic-tac-toe").position([4]))
    assert np.allclose(prior, thoughts["prior"], atol=1e-5)
    assert np.allclose(heads["value"][0, 0], thoughts["network"], atol=1e-5)


def test_the_loss_by_hand():
    task = SelfPlay(hidden=(32,)).task(TicTacToe(), 2048)
    params = task.draw(jax.random.key(0))
    rng = np.random.default_rng(0)
    legal = rng.random((64, 9)) < 0.6
    legal[:, 0] = True
    policy = (legal * rng.random((64, 9))).astype(np.float32)
    seen = (rng.random((64, 3, 3, 2)) < 0.3).astype(np.float32)
    outcome = rng.choice([-1.0, 0.0, 1.0], 64).astype(np.float32)
    rows = Rows(seen, legal, policy / policy.sum(axis=1, keepdims=True), outcome)
    params = jax.tree.map(lambda p: np.asarray(p) + rng.normal(0, 0.1, p.shape), params)
    params = jax.tree.map(lambda p: p.astype(np.float32), params)
    hyper = task.hyper() | {"decay": 0.01}
    loss, parts = jax.jit(lambda p: task.algorithm.cost(task, p, rows, hyper))(params)
    w = {k: {n: np.asarray(a, float) for n, a in v.items()} for k, v in params["network"].items()}
    (hidden,) = (name for name in w if name not in ("policy", "value"))
    h = np.maximum(
        np.asarray(rows.seen).reshape(64, 18) @ w[hidden]["kernel"] + w[hidden]["bias"], 0
    )
    logits = h @ w["policy"]["kernel"] + w["policy"]["bias"]
    v = np.tanh(h @ w["value"]["kernel"] + w["value"]["bias"])[:, 0]
    surprise = 0.0
    for i in range(64):
        legal = np.asarray(rows.legal[i])
        p = np.exp(logits[i][legal]) / np.exp(logits[i][legal]).sum()
        surprise -= rows.policy[i][legal] @ np.log(p) / 64
    miss = ((rows.outcome - v) ** 2).mean()
    squares = sum((a**2).sum() for layer in w.values() for a in layer.values())
    assert np.isclose(loss, miss + surprise + 0.01 * squares, rtol=1e-5)
    assert np.allclose([parts["value"], parts["policy"]], [miss, surprise], rtol=1e-5)


def test_what_is_out_of_range():
    with pytest.raises(DescendError, match=r"SelfPlay: simulations .* must be >= 1, got 0"):
        SelfPlay(simulations=0)
    with pytest.raises(DescendError, match=r"SelfPlay: explore .* must be >= 0 and <= 1, got 1.5"):
        SelfPlay(explore=1.5)
    task = SelfPlay().task(TicTacToe(), 2048)
    assert {"learning_rate", "decay", "explore", "noise"} <= set(task.hyper())
    assert task.hyper()["gamma"] == 1
    with pytest.raises(DescendError, match=r"explore .* <= 1, got 2"):
        task.require({"explore": 2.0})
    with pytest.raises(DescendError, match="needs an instance of a subclass of Game"):
        SelfPlay().learn(make("maze"), 2048)
    with pytest.raises(DescendError, match="unknown opponent 'one-play'. Did you mean 'one-ply'"):
        SelfPlay(opponent="one-play").learn(TicTacToe(), 2048)


def test_what_cannot_be_asked(players):
    for wrong, words in (
        ({"games": 0}, "games must be a whole number >= 1"),
        ({"games": 20_001}, "games must be at most 20,000"),
        ({"which": "first"}, "unknown weights 'first'"),
        ({"against": ["depth-9"]}, "depth"),
        ({"simulations": 0}, "simulations must be a whole number >= 1"),
    ):
        with pytest.raises(DescendError, match=words):
            players.evaluate(**{"games": 2, "against": "random", **wrong})


def test_without_mctx(monkeypatch):
    monkeypatch.setitem(sys.modules, "mctx", None)
    with pytest.raises(
        MissingExtraError, match=r"tree search needs .* pip install 'descend\[agents\]'"
    ):
        SelfPlay().learn(TicTacToe(), 2048)


@pytest.mark.slow
def test_all_of_tic_tac_toe_is_learnt():
    """None of 4,520 positions is spoilt by a search of 8: an untrained one spoils 626.

    A move is right where it keeps the position's exact value.
    """
    game = make("tic-tac-toe")
    players = SelfPlay().learn(game, 240 * 2048, seeds=2, evaluations=4, verbose=0)
    names = [b for b in oracle.reachable() if not oracle.over(b)]
    states = grid(names)
    for player in players:
        moves, thoughts = player.act(states, simulations=8), player.thoughts(states)
        for actions in (moves, thoughts["prior"].argmax(axis=1)):
            spoilt = [
                n for n, a in zip(names, actions, strict=True) if a not in oracle.solved(n).best
            ]
            assert not spoilt
        exact = np.array([oracle.solved(name).value for name in names])
        assert np.abs(thoughts["network"] - exact).mean() < 0.05
        assert not player.compare(simulations=8).differs.any()
    assert players.evaluate(100).losses == 0
