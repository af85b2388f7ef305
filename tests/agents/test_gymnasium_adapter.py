"""Environments of Gymnasium on the host: what is lived through is true, and learned from."""

from __future__ import annotations

import functools
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from descend.agents import (
    DQN,
    PPO,
    REINFORCE,
    SAC,
    Choice,
    QLearning,
    check_environment,
    load_agents,
    make,
)
from descend.agents.adapters import from_gymnasium
from descend.agents.host import Copies
from descend.agents.learning import CHOSEN
from descend.errors import CheckpointError, DescendError
from descend.train.callbacks import Callback
from descend.train.engine.training import InterruptedWarning
from descend.train.rules import Adam

gymnasium = pytest.importorskip("gymnasium")
Box, Discrete = gymnasium.spaces.Box, gymnasium.spaces.Discrete


class Told(gymnasium.Env):
    """Sees [number of its episode, step in it]; ends as the two numbers say.

    Every third episode is terminated at step 4, every third cut at step 5, every third both at 6;
    `limit` cuts none. An action 1 pays 1.
    """

    observation_space = Box(-np.inf, np.inf, (2,), np.float64)
    action_space = Discrete(2, start=7)
    steps_taken = 0  # by all of them: no step may be taken that is not learned from

    def __init__(self):
        self.episode = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.at = self.episode + 1, 0
        return self._seen(), {}

    def step(self, action):
        assert action in self.action_space
        assert self.at < 4 + self.episode % 3, "a step behind the end"
        Told.steps_taken += 1
        self.at += 1
        kind = self.episode % 3
        ended = self.at == 4 + kind
        return self._seen(), float(action - 7), ended and kind != 1, ended and kind != 0, {}

    def _seen(self):
        return np.array([self.episode, self.at], float)


class Corridor(gymnasium.Env):
    """Five cells, seen as a number of a class; the right end pays."""

    observation_space = Discrete(5, start=1)
    action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = int(self.np_random.integers(4))
        return self.cell + 1, {}

    def step(self, action):
        self.cell = max(self.cell + 2 * int(action) - 1, 0)
        return self.cell + 1, float(self.cell == 4) - 0.02, self.cell == 4, False, {}


class Aim(gymnasium.Env):
    """A number is seen; what is done should be it. Every episode is four steps, then cut."""

    observation_space = Box(-1, 1, (1,), np.float32)
    action_space = Box(-3, 3, (1, 1), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.aim = self.np_random.uniform(-1, 1, 1)
        return self.aim, {}

    def step(self, action):
        assert action.shape == (1, 1)
        cost = (action[0, 0] - self.aim[0]) ** 2
        self.aim = self.np_random.uniform(-1, 1, 1)
        return self.aim, -float(cost), False, False, {}


gymnasium.register("descend-tests/Corridor-v0", entry_point=Corridor, max_episode_steps=12)
CORRIDOR = "descend-tests/Corridor-v0"
ADAM = Adam(0.01, global_clipnorm=1.0)
SMALL = {
    "DQN": DQN(
        hidden=(8,), optimizer=ADAM, environments=2, updates=1, batch=16, warmup=32, capacity=512,
        lookahead=2,
    ),
    "PPO": PPO(hidden=(8,), optimizer=ADAM, environments=2, walk=8, passes=4, batch=16),
}  # fmt: skip
BUDGET = {"DQN": 1200, "PPO": 2400}


def learn(name, environment=CORRIDOR, **options):
    more = {"seeds": 2, "evaluations": 4, "episodes": 10, "verbose": 0, **options}
    return SMALL[name].learn(from_gymnasium(environment), BUDGET[name], **more)


@functools.cache
def learned(name):
    return learn(name)


class Keep(Callback):
    """Keeps the state behind an epoch, or stops there as Ctrl-C does."""

    def __init__(self, kill=None):
        self.kill, self.state = kill, None

    def on_epoch_end(self, epoch, logs=None):
        self.state = self.run.state
        if epoch == self.kill:
            raise KeyboardInterrupt


# -- what is lived through ------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "cut"), [("CartPole-v1", False), ("MountainCar-v0", True)])
def test_a_walk_is_gymnasiums_own(name, cut):
    """Step by step, over several episodes; the time limit is a cut, not an end."""
    copies, peer = Copies(from_gymnasium(name), 1), gymnasium.make(name)
    copies.begin(0, 5)
    seen, _ = peer.reset(seed=5)
    draw, cuts = np.random.default_rng(0), 0
    for _ in range(450):
        np.testing.assert_array_equal(copies.seen[0], seen.astype(np.float32))
        action = np.asarray(draw.integers(peer.action_space.n))
        passed, episodes = copies.advance(action[None])
        seen, reward, terminated, truncated, _ = peer.step(action)
        np.testing.assert_array_equal(passed.after[0], seen.astype(np.float32))
        assert passed.reward[0] == np.float32(reward)
        assert passed.terminated[0] == terminated
        assert passed.ended[0] == (terminated or truncated)
        assert episodes.number[0] == (terminated or truncated)
        cuts += truncated and not terminated
        if terminated or truncated:
            seen, _ = peer.reset()
    assert (cuts > 0) is cut


def transitions(count):
    copies = Copies(from_gymnasium(Told), 1)
    copies.begin(0)
    return [copies.advance(np.asarray([i % 2])) for i in range(count)]


def test_what_a_last_step_led_to_is_seen_and_no_step_is_made_up():
    """Gymnasium's vector environments take a step that is none; here every transition is true."""
    Told.steps_taken = 0
    lived = transitions(60)  # four rounds of three episodes of 4 + 5 + 6 steps
    assert Told.steps_taken == 60
    before = np.stack([t.observation[0] for t, _ in lived])
    after = np.stack([t.after[0] for t, _ in lived])
    np.testing.assert_array_equal(before[:, 0], after[:, 0])  # of one episode
    np.testing.assert_array_equal(before[:, 1] + 1, after[:, 1])
    ended = np.array([t.ended[0] for t, _ in lived])
    kind = before[:, 0] % 3
    np.testing.assert_array_equal(ended, after[:, 1] == 4 + kind)
    # cut alone: more was to come; both: terminated
    terminated = np.array([t.terminated[0] for t, _ in lived])
    np.testing.assert_array_equal(terminated, ended & (kind != 1))
    lengths = [float(e.steps[0]) for _, e in lived if e.number[0]]
    assert lengths == [4, 5, 6] * 4
    assert sum(float(e.returns[0]) for _, e in lived) == 30  # every second step paid 1


def test_what_the_limit_cuts_is_no_end():
    copies = Copies(from_gymnasium(Told, limit=3), 1)
    copies.begin(0)
    flags = [copies.advance(np.asarray([0]))[0] for _ in range(6)]
    assert [bool(f.ended[0]) for f in flags] == [False, False, True] * 2
    assert not any(f.terminated[0] for f in flags)


def rows_of(algorithm, state, member):
    """The rows of a member's replay."""
    task = algorithm.task(from_gymnasium(Told), 1200)
    memory = jax.tree.map(lambda a: a[member], state.replay)
    count = min(int(state.written[member]), task.replay.capacity)
    return jax.device_get(task.replay.read(memory, np.arange(count)))


def true_rows(rows, gamma=0.99):
    """Every row of two steps or less is of one episode, and bootstraps unless it terminated."""
    (episode, at), (same, then) = rows.observation.T, rows.after.T
    np.testing.assert_array_equal(episode, same)
    steps, kind = then - at, episode % 3
    last = then == 4 + kind
    assert set(np.unique(steps)) <= {1.0, 2.0}
    # in each of the two environments one life was broken off, where the run was killed
    assert (~last & (steps == 1)).sum() == 2
    expected = np.where(last & (kind != 1), 0.0, gamma**steps)
    np.testing.assert_allclose(rows.discount, expected, rtol=1e-6)


def test_the_replay_holds_true_rows_and_still_after_a_kill(tmp_path):
    """A window of two steps must not join two lives of a run that was resumed for its last part."""
    file, algorithm = tmp_path / "run.descend", SMALL["DQN"]
    with pytest.warns(InterruptedWarning):
        learn("DQN", Told, checkpoint=file, callbacks=[Keep(kill=3)])
    keep = Keep()
    again = learn("DQN", Told, resume=file, callbacks=[keep])
    assert [len(a.history) for a in again] == [4, 4]
    for member in range(2):
        rows = rows_of(algorithm, keep.state, member)
        true_rows(rows)
        assert len(rows.reward) == 512
    # the two members lived apart, though with the same episodes
    assert (np.asarray(keep.state.replay["numbers"][0] != keep.state.replay["numbers"][1])).any()


def test_whole_episodes_are_walked_and_what_is_behind_does_not_count():
    task = REINFORCE(hidden=(4,), environments=3).task(from_gymnasium(Told, limit=9), 270)
    feed, epochs = task.feed(2)
    assert (epochs, task.round, task.rounds) == (2, 27, 10)
    feed.order_by(np.arange(1, dtype=np.uint32))
    state = jax.tree.map(lambda a: a[None], task.init(jax.random.key(0), task.hyper()))
    feed.run = SimpleNamespace(state=state, active=np.ones(1, bool))
    lengths = []
    for chunk in feed.chunks(0):
        walked = chunk.order
        assert walked.real.shape == (1, 1, 9, 3)
        lengths.append(walked.real[0, 0].sum(axis=0).tolist())
        np.testing.assert_array_equal(walked.episodes.number.sum(axis=(0, 1, 2)), [1, 1, 1])
    feed.close()
    assert lengths == [[4] * 3, [5] * 3, [6] * 3, [4] * 3, [5] * 3]  # an episode a round, no more


# -- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_it_learns(name):
    agents = learned(name)
    judged = agents.evaluate(episodes=20)
    assert judged.returns.shape == (2, 20)
    # straight to the right from every cell: 1 - .02 a step
    np.testing.assert_allclose(judged.returns, 1 - 0.02 * judged.lengths)
    assert judged.lengths.max() <= 4
    assert judged.terminated.all()
    frame = agents.to_frame()
    assert (frame["steps"] <= BUDGET[name]).all()
    assert agents[0].act(np.eye(5)[:4]).tolist() == [1, 1, 1, 1]
    curve = agents[0].history.history["val_return"]
    assert len(curve) == 4
    # the last evaluation is of the last weights, on the seeds that choose
    played = agents.groups[0].task.played(
        agents.groups[0].weights("last"), agents.groups[0].hyper(), CHOSEN + np.arange(10)
    )
    np.testing.assert_allclose(played.returns[0].mean(), curve[-1])


def test_the_same_seed_is_the_same_run_and_another_another():
    again = learn("PPO", seeds=[1])
    for a, b in zip(
        jax.tree.leaves(again[0].weights()),
        jax.tree.leaves(learned("PPO")[1].weights()),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    curves = [a.history.history["loss"] for a in learned("PPO")]
    assert curves[0] != curves[1]


def test_numbers_are_learned_too():
    sac = SAC(hidden=(16,), actor=Adam(0.01), critic=Adam(0.01), gamma=0.0, warmup=64, batch=32)
    aim = from_gymnasium(Aim, limit=4)
    agents = sac.learn(aim, 500, evaluations=1, episodes=2, verbose=0)
    judged = agents.evaluate(episodes=10)
    assert (judged.lengths == 4).all()
    assert not judged.terminated.any()
    assert judged.interquartile_mean > -2  # at random: 4 (9 / 3 + 1 / 3) = 13.3 lost
    assert np.abs(agents[0].act([[-0.9], [0.9]])).max() <= 3


def test_an_episode_can_be_looked_at():
    played = learned("DQN")[0].episode(seed=3)
    assert played.terminated
    assert len(played.states) == len(played) + 1
    frame = played.to_frame()
    assert frame["action"].tolist() == ["1"] * len(played)
    assert played.total == pytest.approx(1 - 0.02 * len(played))


# -- files ----------------------------------------------------------------------------------------


def test_a_file_names_the_environment(tmp_path):
    agents, file = learned("PPO"), tmp_path / "corridor.descend"
    agents.save(file)
    again = load_agents(file)
    assert again.environment == agents.environment
    assert (again.environment.name, again.environment.limit) == (CORRIDOR, 12)
    np.testing.assert_array_equal(again.evaluate(3).returns, agents.evaluate(3).returns)


def test_what_no_file_holds_is_given_again(tmp_path):
    environment = from_gymnasium(Corridor, limit=12)
    agents = SMALL["PPO"].learn(environment, 64, evaluations=1, episodes=1, verbose=0)
    agents.save(tmp_path / "own.descend")
    with pytest.raises(CheckpointError, match=r"given as an object.*from_gymnasium\("):
        load_agents(tmp_path / "own.descend")
    assert load_agents(tmp_path / "own.descend", environment).environment is environment


def test_a_file_imports_nothing(tmp_path):
    """gymnasium.make imports what stands before a colon; a file must not make it do so."""
    from descend.agents.adapters.gymnasium import Hosted

    for name, message in (("antigravity:Flight-v0", "names a module"), ("No-v9", "no environment")):
        with pytest.raises(DescendError, match=message):
            Hosted.restored({"name": name, "options": {}, "limit": 10, "own": False})
    assert "antigravity" not in sys.modules


# -- what it is like, and what is wrong -----------------------------------------------------------


def test_spaces():
    told = check_environment(from_gymnasium(Told))
    assert (told.observation, told.dtype, told.actions) == ((2,), "float32", Choice(2))
    lake = check_environment(make("gymnasium:FrozenLake-v1", is_slippery=False, limit=9))
    assert lake.observation == (16,)
    pole = gymnasium.make("CartPole-v1", render_mode="rgb_array", sutton_barto_reward=True)
    hosted = from_gymnasium(pole)
    assert (hosted.limit, hosted.options) == (500, {"sutton_barto_reward": True})


class Wrong(gymnasium.Env):
    """One thing is wrong with it."""

    observation_space, action_space = Box(-1, 1, (2,)), Discrete(2)

    def __init__(self, seen=(0.0, 0.0), reward=1.0, **spaces):
        self.seen, self.reward = seen, reward
        for name, space in spaces.items():
            setattr(self, name, space)

    def reset(self, *, seed=None, options=None):
        return np.array([0.0, 0.0]), {}

    def step(self, action):
        if self.reward is None:
            raise ZeroDivisionError("no friction")
        return np.array(self.seen), self.reward, False, False, {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("NoSuch-v0", "Gymnasium has no environment 'NoSuch-v0'"),
        (3, "given by its id, as an object, or by a function"),
        (lambda: 3, "the function must return a Gymnasium environment, got 3"),
        (functools.partial(Wrong, action_space=Box(-np.inf, np.inf, (1,))), "actions need bounds"),
        (
            functools.partial(Wrong, action_space=Box(0, 9, (1,), int)),
            "Discrete or a Box of floats",
        ),
        (
            functools.partial(Wrong, observation_space=gymnasium.spaces.Dict({"a": Discrete(2)})),
            "observations must be one array",
        ),
    ],
)
def test_what_cannot_be_used_is_one_error(source, message):
    with pytest.raises(DescendError, match=message):
        from_gymnasium(source)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reward": float("nan")}, "a step gave the reward nan"),
        ({"seen": (np.nan, 0)}, "an observation is not finite"),
        ({"seen": (0.0,)}, r"an observation has shape \(1,\)"),
        ({"reward": None}, "its step failed with ZeroDivisionError: no friction"),
    ],
)
def test_what_goes_wrong_on_the_way_is_one_error(wrong, message):
    with pytest.raises(DescendError, match=message):
        check_environment(from_gymnasium(functools.partial(Wrong, **wrong)))


def test_errors_of_a_walk_end_the_training():
    with pytest.raises(DescendError, match="ZeroDivisionError"):
        SMALL["DQN"].learn(from_gymnasium(functools.partial(Wrong, reward=None)), 200, verbose=0)


def test_wrapped_objects_options_and_tables():
    wrapped = gymnasium.wrappers.ClipReward(gymnasium.make("CartPole-v1"), -1, 1)
    with pytest.raises(DescendError, match="no copies can be made"):
        from_gymnasium(wrapped)
    with pytest.raises(DescendError, match="options are of gymnasium.make"):
        from_gymnasium(Corridor, gravity=3)
    with pytest.raises(DescendError, match="failed: .*unexpected keyword argument 'colour'"):
        from_gymnasium("CartPole-v1", colour="red")
    with pytest.raises(DescendError, match="lives on the host"):
        QLearning().learn(from_gymnasium(CORRIDOR), 100, verbose=0)
    with pytest.raises(DescendError, match="30 steps are not enough"):
        SMALL["DQN"].learn(from_gymnasium(CORRIDOR), 30, verbose=0)


def test_a_package_that_is_missing_is_one_error(monkeypatch):
    for module in ("gymnasium", "gymnax", "pgx", "ale_py"):
        monkeypatch.setitem(sys.modules, module, None)
    for name, install in (
        ("gymnasium:CartPole-v1", "gymnasium"),
        ("gymnax:CartPole-v1", "gymnax"),
        ("pgx:go_9x9", "pgx"),
    ):
        with pytest.raises(DescendError, match=f"pip install {install}$"):
            make(name)
    with pytest.raises(DescendError, match="pip install ale-py$"):
        _ = make("atari:breakout").actions


def test_the_command_line_names_it(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from descend.cli.agent import command

    monkeypatch.chdir(tmp_path)
    run = functools.partial(CliRunner().invoke, command, catch_exceptions=False)
    assert "gymnasium:..." in run(["list"]).output
    assert "limit" in run(["list", f"gymnasium:{CORRIDOR}"]).output
    small = "-s hidden=8 -s environments=2 -s walk=8 -s batch=16 --steps 64 --seeds 1 -q"
    options = f"--algorithm ppo -p limit=5 {small}".split()
    told = run(["train", f"gymnasium:{CORRIDOR}", *options])
    assert told.exit_code == 0, told.output
    (file,) = tmp_path.glob("*.descend")
    assert file.name == "gymnasium-descend-tests-Corridor-v0.descend"
    assert load_agents(file).environment.limit == 5
    with pytest.raises(DescendError, match="unknown package of environments 'gymnasum'. Did you"):
        run(["train", "gymnasum:CartPole-v1"])
