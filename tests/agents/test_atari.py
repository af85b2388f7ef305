"""Breakout as Mnih et al. saw it, beside the console itself; and a training, saved and resumed."""

from __future__ import annotations

import numpy as np
import pytest

from descend.agents import DQN, check_environment, load_agents
from descend.agents.adapters import from_atari, nature_network
from descend.agents.adapters.atari import smaller
from descend.agents.host import Copies
from descend.errors import DescendError
from descend.train.callbacks import Callback
from descend.train.engine.training import InterruptedWarning

ale_py = pytest.importorskip("ale_py")


def bare():
    """The console alone."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    console.setFloat("repeat_action_probability", 0.0)
    console.setInt("random_seed", 0)
    console.loadROM(ale_py.roms.get_rom_path("breakout"))
    console.reset_game()
    return console


def test_steps_are_four_pictures_and_the_larger_of_the_last_two_is_seen():
    game = from_atari("breakout", no_ops=0)
    assert game.actions.names == ("noop", "fire", "right", "left")
    assert check_environment(game).observation == (84, 84, 4)
    copies, console = Copies(game, 1), bare()
    copies.begin(0, 1)
    first = copies.seen[0]
    assert (first == first[..., :1]).all()  # the first picture, four times
    np.testing.assert_array_equal(first[..., 0], smaller(console.getScreenGrayscale()))
    draw, lives, ends = np.random.default_rng(3), console.lives(), 0
    for _ in range(400):
        before, action = copies.seen[0].copy(), draw.integers(4)
        reward, terminated, ended = copies.step(0, np.asarray(action))
        points, screens = 0, []
        for _ in range(4):
            points += console.act(console.getMinimalActionSet()[action])
            screens.append(console.getScreenGrayscale())
        seen = copies.seen[0]
        np.testing.assert_array_equal(seen[..., :3], before[..., 1:])
        np.testing.assert_array_equal(seen[..., 3], smaller(np.maximum(*screens[-2:])))
        assert reward == np.sign(points)
        assert terminated == ended == (console.lives() < lives)  # a lost life ends an episode
        lives = console.lives()
        if ended:
            ends += 1
            if console.game_over():
                break
            copies.begin(0)
            for _ in range(4):  # the same game goes on, by a step that nothing is done in
                console.act(0)
    assert ends == 5


def test_agents_are_judged_by_whole_games_and_real_points():
    game = from_atari("breakout", astray=0.0)
    told, copies = [], Copies(game, 1, judged=True)
    copies.begin(0, 4)
    draw = np.random.default_rng(0)
    while True:
        reward, _, ended = copies.step(0, np.asarray(draw.integers(4)))
        told.append(reward)
        if ended:
            break
    again = Copies(game, 1, judged=True)
    again.begin(0, 4)
    draw = np.random.default_rng(0)
    assert [again.step(0, np.asarray(draw.integers(4)))[0] for _ in told] == told
    assert copies.steps[0] > 100  # five lives


def test_a_picture_is_made_smaller_by_areas():
    assert (smaller(np.full((210, 160), 77, np.uint8)) == 77).all()
    rows = np.repeat(np.arange(210, dtype=np.uint8)[:, None], 160, axis=1)
    # a pixel covers 2.5 rows: the mean of rows 0, 1 and half of 2 is (0 + 1 + 1) / 2.5
    assert smaller(rows)[:3, 0].tolist() == [1, 3, 6]


def test_wrong_games_and_parameters_are_one_error():
    with pytest.raises(
        DescendError, match="unknown game of Atari 'braekout'. Did you mean 'breako"
    ):
        from_atari("braekout")
    with pytest.raises(DescendError, match="unknown parameter of breakout 'sticki'"):
        from_atari("breakout", sticki=0.1)


class Kill(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:  # its own checkpoint is not written; the first one is gone on from
            raise KeyboardInterrupt


@pytest.mark.slow
def test_breakout_is_trained_saved_and_resumed(tmp_path):
    """2,400 steps by the network of Mnih et al.; the replay goes on where it was."""
    dqn = DQN(
        hidden=nature_network(), lookahead=1, environments=4, updates=1, batch=32, huber=True,
        capacity=3000, warmup=400,
    )  # fmt: skip
    game, file = from_atari("breakout", limit=300), tmp_path / "breakout.descend"
    options = {"evaluations": 2, "episodes": 2, "verbose": 0}
    with pytest.warns(InterruptedWarning):
        dqn.learn(game, 2400, callbacks=[Kill()], checkpoint=file, **options)
    agents = dqn.learn(game, 2400, resume=file, **options)
    history = agents[0].history.history
    assert len(history["val_return"]) == 2
    assert np.isfinite(history["loss"]).all()
    agents.save(tmp_path / "agents.descend")
    again = load_agents(tmp_path / "agents.descend")
    assert again.environment == game
    seen = np.random.default_rng(0).integers(0, 256, (3, 84, 84, 4), np.uint8)
    np.testing.assert_array_equal(again[0].act(seen), agents[0].act(seen))
    judged = again.evaluate(episodes=2)
    assert (judged.returns >= 0).all()
    played = again[0].episode()
    assert played.environment.picture(played.state(0)).shape == (168, 168, 3)
