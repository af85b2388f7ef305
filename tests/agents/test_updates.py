"""One update of each algorithm: targets in NumPy, steps by the gradient of a cost written here."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from descend.agents import Box, Choice, Environment, parameter
from descend.agents.deterministic import DDPG, TD3
from descend.agents.dqn import DQN
from descend.agents.off_policy import Learning
from descend.agents.policy_gradient import Lesson
from descend.agents.ppo import PPO
from descend.agents.pqn import PQN, Target
from descend.agents.replay import Experience
from descend.agents.sac import SAC
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch
from descend.train.rules import SGD, Adam

KEY = jax.random.key(3)
ROWS, SEEN = 16, 2
FLOAT32 = {"rtol": 2e-5, "atol": 2e-6}  # sums of 16 rows in float32


def quick(function):
    return jax.jit(function, compiler_options=quick_compile())


@dataclass(frozen=True)
class Chosen(Environment):
    """Only for its shapes: nothing is walked here."""

    limit: int = parameter(5, least=1)

    actions = Choice(3)

    def reset(self, key):
        return jax.random.normal(key, (SEEN,))

    def step(self, state, action, key):
        return state, jnp.zeros(()), False

    def observe(self, state):
        return state


@dataclass(frozen=True)
class Masked(Chosen):
    def legal(self, state):
        return jnp.arange(3) <= 1


@dataclass(frozen=True)
class Moved(Chosen):
    actions = Box((-1.0, 0.0), (1.0, 5.0))


def weights(task, seed):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(task.draw, KEY)
    return jax.tree.map(lambda s: 0.7 * rng.normal(size=s.shape).astype("float32"), shapes)


def experience(env):
    """Random rows; where something ended the discount is 0 and nothing may be legal."""
    rng = np.random.default_rng(5)
    over = rng.random(ROWS) < 0.3
    masked = isinstance(env, Masked)
    legal = rng.random((ROWS, 3)) < 0.5 if masked else None
    if masked:
        legal[np.arange(ROWS), rng.integers(3, size=ROWS)] = True
        legal[over] = False
    if isinstance(env.actions, Choice):
        action = rng.integers(3, size=ROWS).astype("int32")
    else:
        action = rng.uniform(-1, 1, (ROWS, 2)).astype("float32")
    return Experience(
        observation=rng.normal(size=(ROWS, SEEN)).astype("float32"),
        action=action,
        reward=rng.normal(size=ROWS).astype("float32"),
        after=rng.normal(size=(ROWS, SEEN)).astype("float32"),
        legal=legal,
        discount=np.where(over, 0, 0.9 ** rng.integers(1, 4, ROWS)).astype("float32"),
    )


def layers(params, x, head, activation):
    """A network with one hidden layer, by the formula; of NumPy or of JAX, as its arguments are."""
    hidden = activation(x @ params["hidden1"]["kernel"] + params["hidden1"]["bias"][None])
    return hidden @ params[head]["kernel"] + params[head]["bias"][None]


def relu(x):
    return (abs(x) + x) / 2


def wide(tree):
    """As float64."""
    return jax.tree.map(lambda a: np.asarray(a, float), tree)


def near(one, other, **tolerances):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **(tolerances or FLOAT32))


def differs(one, other):
    return any(
        (np.asarray(a) != np.asarray(b)).any()
        for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True)
    )


def moved(target, params, tau):
    return jax.tree.map(lambda t, w: t + tau * (w - t), wide(target), wide(params))


def descended(params, cost, rate):
    """(cost, w - rate dJ/dw), in float64."""
    with jax.enable_x64(True):
        value, slopes = quick(jax.value_and_grad(cost))(wide(params))
        return float(value), jax.tree.map(
            lambda w, g: w - rate * np.asarray(g), wide(params), slopes
        )


def updated(a, env, learning, rows, clock=0):
    task = a.task(env, 10_000)
    hyper = task.numbers(task.hyper())
    update = quick(lambda *given: a.update(task, *given, hyper, jnp.int32(clock)))
    return jax.device_get(update(learning, rows, KEY))


# -- DQN ------------------------------------------------------------------------------------------


def q_of(params, x, dueling):
    if not dueling:
        return layers(params["q"], x, "q", relu)
    value, advantage = (layers(params["q"], x, h, relu) for h in ("value", "advantage"))
    return value + advantage - advantage.mean(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("double", "huber", "dueling", "env"),
    [
        (False, False, False, Chosen()),
        (True, False, False, Chosen()),
        (False, True, False, Chosen()),
        (False, False, True, Chosen()),
        (False, False, False, Masked()),
        (True, True, True, Masked()),
    ],
)
def test_one_update_of_dqn(double, huber, dueling, env):
    a = DQN(hidden=(8,), double=double, huber=huber, dueling=dueling, optimizer=SGD(0.1), tau=0.25)
    task = a.task(env, 10_000)
    params, target = weights(task, 1), weights(task, 2)
    rows = experience(env)
    new, logs = updated(a, env, Learning(params, target, a.memories(params, task.hyper())), rows)

    # y, row by row
    legal = np.ones((ROWS, 3), bool) if rows.legal is None else rows.legal
    own, slow = (q_of(wide(w), rows.after.astype(float), dueling) for w in (params, target))
    y = np.zeros(ROWS)
    for i in range(ROWS):
        allowed = np.flatnonzero(legal[i])
        value = 0.0
        if allowed.size:
            best = (
                allowed[own[i, allowed].argmax()] if double else allowed[slow[i, allowed].argmax()]
            )
            value = slow[i, best]
        y[i] = rows.reward[i] + rows.discount[i] * value

    def cost(params):
        error = y - q_of(params, rows.observation, dueling)[np.arange(ROWS), rows.action]
        if huber:
            return jnp.mean(jnp.where(abs(error) < 1, error**2, 2 * abs(error) - 1))
        return jnp.mean(error**2)

    value, stepped = descended(params, cost, 0.1)
    near(new.params, stepped)
    near(new.target, moved(target, stepped, 0.25))
    assert logs["loss"] == pytest.approx(value, rel=1e-5)
    q = q_of(wide(params), rows.observation, dueling)[np.arange(ROWS), rows.action]
    assert logs["q"] == pytest.approx(q.mean(), rel=1e-4, abs=1e-5)
    if huber:
        assert (abs(y - q) > 1).any()
        assert (abs(y - q) < 1).any()


def test_double_and_not_differ_here():
    """Else the two cases above would be one."""
    task = DQN(hidden=(8,)).task(Chosen(), 10_000)
    own, slow = (q_of(wide(weights(task, s)), experience(Chosen()).after, False) for s in (1, 2))
    assert (own.argmax(axis=1) != slow.argmax(axis=1)).sum() > 4


@pytest.mark.parametrize("dueling", [False, True])
def test_the_cost_of_pqn(dueling):
    a = PQN(hidden=(8,), normalize=False, dueling=dueling)
    task = a.task(Chosen(), 10_000)
    params, rows = weights(task, 1), experience(Chosen())
    y = np.float32(np.random.default_rng(0).normal(size=ROWS))
    cost, logs = quick(lambda p: a.cost(task, p, Target(rows.observation, rows.action, y), {}))(
        params
    )
    q = q_of(wide(params), rows.observation, dueling)[np.arange(ROWS), rows.action]
    assert cost == pytest.approx(np.mean((y - q) ** 2), rel=1e-5)
    assert logs["q"] == pytest.approx(q.mean(), rel=1e-4)


# -- PPO ------------------------------------------------------------------------------------------


def lesson(env):
    rows = experience(env)
    rng = np.random.default_rng(8)
    legal = None
    if isinstance(env, Masked):
        legal = rng.random((ROWS, 3)) < 0.5
        legal[np.arange(ROWS), rows.action] = True
    action = rows.action if isinstance(env.actions, Choice) else np.arctanh(rows.action)
    return Lesson(
        rows.observation,
        action,
        legal,
        rng.uniform(-3, 0, ROWS).astype("float32"),
        rng.normal(size=ROWS).astype("float32"),
        rng.normal(size=ROWS).astype("float32"),
        np.ones(ROWS, "float32"),
    )


def by_scipy(env, params, rows):
    """(log pi of the actions, entropy of the policy), row by row."""
    actor, x = wide(params["actor"]), rows.observation.astype(float)
    if isinstance(env.actions, Choice):
        logits = layers(actor, x, "logits", np.tanh)
        if rows.legal is not None:
            logits = np.where(rows.legal, logits, -np.inf)
        log_pi = special.log_softmax(logits, axis=1)
        return log_pi[np.arange(ROWS), rows.action], stats.entropy(np.exp(log_pi), axis=1)
    mean, log_std = (layers(actor, x, h, np.tanh) for h in ("mean", "log_std"))
    std = np.exp(np.clip(log_std, -5, 2))
    log_pi = stats.norm.logpdf(rows.action, mean, std) - np.log(1 - np.tanh(rows.action) ** 2)
    return log_pi.sum(axis=1), stats.norm.entropy(mean, std).sum(axis=1)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("env", [Chosen(), Masked(), Moved()], ids=["choice", "masked", "box"])
def test_the_cost_of_ppo(env, normalize):
    weight = {"value_weight": 0.7, "entropy_weight": 0.3, "clip": 0.25}
    a = PPO(hidden=(8,), normalize=normalize, **weight)
    task = a.task(env, 10_000)
    params, rows = weights(task, 1), lesson(env)
    numbers = task.numbers(task.hyper())
    made, logs = quick(lambda p: a.cost(task, p, rows, numbers))(params)

    log_pi, entropy = by_scipy(env, params, rows)
    gain = rows.advantage.astype(float)
    if normalize:
        gain = (gain - gain.mean()) / gain.std()
    ratio = np.exp(log_pi - rows.chance)
    total, bound = 0.0, 0
    for r, advantage in zip(ratio, gain, strict=True):
        plain, cut = r * advantage, min(max(r, 0.75), 1.25) * advantage
        total += min(plain, cut)
        bound += cut < plain
    value = layers(wide(params["critic"]), rows.observation, "value", np.tanh)[:, 0]
    wanted = -total / ROWS + 0.7 * np.mean((value - rows.returned) ** 2) - 0.3 * np.mean(entropy)
    assert made == pytest.approx(wanted, rel=1e-4)  # float32, exp of differences of logarithms
    assert logs["entropy"] == pytest.approx(entropy.mean(), rel=1e-5)
    assert 2 <= bound <= 14  # both sides of the minimum occur


@pytest.mark.parametrize("env", [Chosen(), Masked(), Moved()], ids=["choice", "masked", "box"])
def test_slopes_of_ppo_are_those_of_differences(env, x64):
    """Along one random direction in all weights; error h^2 and 1e-16 / h in float64."""
    a = PPO(hidden=(8,), entropy_weight=0.3)
    task = a.task(env, 10_000)
    params, rows = wide(weights(task, 1)), lesson(env)
    numbers = task.numbers(task.hyper())
    cost = quick(lambda p: a.cost(task, p, rows, numbers)[0])
    rng, h = np.random.default_rng(4), 1e-6
    way = jax.tree.map(lambda w: rng.normal(size=w.shape), params)
    slopes = quick(jax.grad(lambda p: a.cost(task, p, rows, numbers)[0]))(params)
    along = sum(np.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (slopes, way)), strict=True))
    up, down = (jax.tree.map(lambda w, d, s=s: w + s * h * d, params, way) for s in (1, -1))
    assert along == pytest.approx(float((cost(up) - cost(down)) / (2 * h)), rel=1e-6)


def test_a_probability_beyond_the_clip_is_not_raised_further():
    """A = 1 and r = 2 > 1.2: no slope; with r = 1, or A = -1, there is one."""
    a = PPO(hidden=(8,), normalize=False, value_weight=0.0)
    task = a.task(Chosen(), 10_000)
    params = weights(task, 1)
    rows = lesson(Chosen())
    log_pi, _ = by_scipy(Chosen(), params, rows)
    numbers = task.numbers(task.hyper())
    slopes = quick(jax.grad(lambda p, rows: a.cost(task, p, rows, numbers)[0]))
    for factor, advantage, still in ((2, 1, True), (1, 1, False), (2, -1, False), (0.5, -1, True)):
        chance = np.float32(log_pi - np.log(factor))
        one = rows._replace(chance=chance, advantage=np.full(ROWS, advantage, "float32"))
        actor = slopes(params, one)["actor"]
        assert all((g == 0).all() for g in jax.tree.leaves(actor)) == still, (factor, advantage)


# -- actors and critics of numbers ----------------------------------------------------------------

RATES = {"actor": SGD(0.05), "critic": SGD(0.1)}


def q_by(params, x, action):
    """A critic's Q(s, a), by the formula: the action stands behind what is seen."""
    numbers = jnp if isinstance(action, jax.Array) else np
    return layers(params, numbers.concatenate([x, action], axis=1), "q", relu)[:, 0]


def mu(actor, x, tanh):
    return tanh(layers(actor, x, "mean", relu))


def begin(a, env=None):
    task = a.task(env or Moved(), 10_000)
    params, target = weights(task, 1), weights(task, 2)
    return Learning(params, a.targets(target), a.memories(params, task.hyper()))


def test_one_update_of_ddpg():
    a = DDPG(hidden=(8,), tau=0.25, **RATES)
    old, rows = begin(a), experience(Moved())
    new, logs = updated(a, Moved(), old, rows)

    slow = wide(old.target)
    after = mu(slow["actor"], rows.after, np.tanh)
    y = rows.reward + rows.discount * q_by(slow["critic"]["critic1"], rows.after, after)

    def critic_cost(critic):
        q = q_by(critic["critic1"], jnp.asarray(rows.observation), jnp.asarray(rows.action))
        return jnp.mean((y - q) ** 2)

    value, critic = descended(old.params["critic"], critic_cost, 0.1)

    def actor_cost(actor):  # by the critic that has just learned
        x = jnp.asarray(rows.observation)
        return -jnp.mean(q_by(critic["critic1"], x, mu(actor, x, jnp.tanh)))

    _, actor = descended(old.params["actor"], actor_cost, 0.05)
    near(new.params, {"actor": actor, "critic": critic})
    near(new.target, moved(old.target, {"actor": actor, "critic": critic}, 0.25))
    assert logs["loss"] == pytest.approx(value, rel=1e-5)


def td3_by_hand(old, rows, smoothing, cut):
    """(loss, critics, actor) behind one update in which the actor moves."""
    slow = wide(old.target)
    noise = np.clip(smoothing * np.asarray(jax.random.normal(KEY, (ROWS, 2))), -cut, cut)
    after = np.clip(mu(slow["actor"], rows.after, np.tanh) + noise, -1, 1)
    both = [q_by(slow["critic"][c], rows.after, after) for c in ("critic1", "critic2")]
    y = rows.reward + rows.discount * np.minimum(*both)

    def critic_cost(critic):
        x, u = jnp.asarray(rows.observation), jnp.asarray(rows.action)
        return sum(jnp.mean((y - q_by(one, x, u)) ** 2) for one in critic.values())

    value, critic = descended(old.params["critic"], critic_cost, 0.1)

    def actor_cost(actor):
        x = jnp.asarray(rows.observation)
        return -jnp.mean(q_by(critic["critic1"], x, mu(actor, x, jnp.tanh)))

    return value, critic, descended(old.params["actor"], actor_cost, 0.05)[1]


@pytest.mark.parametrize(("smoothing", "cut"), [(0.0, 0.5), (0.5, 0.3)])
def test_one_update_of_td3(smoothing, cut):
    a = TD3(hidden=(8,), tau=0.25, smoothing=smoothing, cut=cut, **RATES)
    old, rows = begin(a), experience(Moved())
    new, logs = updated(a, Moved(), old, rows)
    value, critic, actor = td3_by_hand(old, rows, smoothing, cut)
    near(new.params, {"actor": actor, "critic": critic})
    near(new.target, moved(old.target, new.params, 0.25))
    assert logs["loss"] == pytest.approx(value, rel=1e-5)


def test_the_actor_of_td3_moves_every_delayth_time():
    """Actor, slow copies and the actor's memory (Adam's) in updates 0 and 3 of six."""
    a = TD3(hidden=(8,), delay=3, actor=Adam(0.01), critic=Adam(0.01))
    task, rows = a.task(Moved(), 10_000), experience(Moved())
    hyper = task.numbers(task.hyper())
    update = quick(lambda learning, clock: a.update(task, learning, rows, KEY, hyper, clock))
    learning = begin(a)
    for clock in range(6):
        new = jax.device_get(update(learning, jnp.int32(clock))[0])
        due = clock % 3 == 0
        assert differs(learning.params["actor"], new.params["actor"]) == due
        assert differs(learning.target, new.target) == due
        assert differs(learning.optimizer["actor"], new.optimizer["actor"]) == due
        assert differs(learning.params["critic"], new.params["critic"])
        assert differs(learning.optimizer["critic"], new.optimizer["critic"])
        learning = new


def test_one_update_of_sac():
    a = SAC(hidden=(8,), tau=0.25, alpha=0.4, temperature=SGD(0.2), **RATES)
    old, rows = begin(a), experience(Moved())
    old = old._replace(params=old.params | {"temperature": np.float32(0.3)})
    new, logs = updated(a, Moved(), old, rows)
    alpha = 0.4 * np.exp(0.3)
    first, second = np.asarray(jax.random.normal(KEY, (2, ROWS, 2)), float)

    def drawn(actor, x, noise, np=np):
        """(the action, log pi of it): a change of variables from a normal."""
        mean, log_std = (layers(actor, x, h, relu) for h in ("mean", "log_std"))
        log_std = np.clip(log_std, -5, 2)
        action = np.tanh(mean + np.exp(log_std) * noise)
        log_u = -0.5 * noise**2 - log_std - 0.5 * np.log(2 * np.pi)
        return action, (log_u - np.log(1 - action**2)).sum(axis=1)

    action, log_pi = drawn(wide(old.params["actor"]), rows.after, first)
    both = [q_by(wide(old.target)[c], rows.after, action) for c in ("critic1", "critic2")]
    y = rows.reward + rows.discount * (np.minimum(*both) - alpha * log_pi)

    def critic_cost(critic):
        x, u = jnp.asarray(rows.observation), jnp.asarray(rows.action)
        return sum(jnp.mean((y - q_by(one, x, u)) ** 2) for one in critic.values())

    value, critic = descended(old.params["critic"], critic_cost, 0.1)

    def actor_cost(actor):
        x = jnp.asarray(rows.observation)
        action, log_pi = drawn(actor, x, second, jnp)
        q = jnp.minimum(*(q_by(one, x, action) for one in critic.values()))
        return jnp.mean(alpha * log_pi - q)

    _, actor = descended(old.params["actor"], actor_cost, 0.05)
    _, log_pi = drawn(wide(old.params["actor"]), rows.observation, second)
    # J_alpha = -log alpha (mean log pi + target entropy), target entropy -2
    temperature = 0.3 + 0.2 * (log_pi.mean() - 2)
    near(new.params["critic"], critic)
    near(new.params["actor"], actor, rtol=2e-4, atol=2e-5)  # 1 - tanh^2 in float32
    assert new.params["temperature"] == pytest.approx(temperature, rel=1e-4)
    near(new.target, moved(old.target, critic, 0.25))
    assert logs["loss"] == pytest.approx(value, rel=1e-4)
    assert logs["alpha"] == pytest.approx(alpha, rel=1e-6)


def test_the_temperature_of_sac_falls_where_the_policy_is_undecided_enough():
    """Entropy above its target of -1: log alpha falls; below: it rises."""
    rows = experience(Moved())
    a = SAC(hidden=(8,), temperature=SGD(0.1))
    task = a.task(Moved(), 10_000)
    old = begin(a)
    for log_std, sign in ((-0.5, -1), (-4.0, 1)):  # of squashed normals around 0
        params = jax.tree.map(np.copy, old.params)
        for head, bias in (("mean", 0.0), ("log_std", log_std)):
            params["actor"][head]["kernel"][:] = 0
            params["actor"][head]["bias"][:] = bias
        params["temperature"] = np.float32(0)
        new, _ = updated(a, Moved(), old._replace(params=params), rows)
        assert np.sign(new.params["temperature"]) == sign
    assert task.algorithm.targets(old.params) is old.params["critic"]


# -- rates that fall ------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [DQN(anneal=True), DDPG(anneal=True), SAC(anneal=True)])
def test_rates_fall_to_zero_over_the_budget(a):
    env = Chosen() if isinstance(a, DQN) else Moved()
    numbers = a.task(env, 10_000).hyper()
    rates = [n for n in numbers if n.endswith("learning_rate")]
    assert len(rates) == len(a.rules())
    for progress in (0.0, 0.25, 1.0):
        now = a.annealed(numbers, progress)
        for name, value in numbers.items():
            factor = 1 - progress if name in rates else 1
            assert now[name] == pytest.approx(value * factor), name


def test_rates_stay_where_they_should():
    numbers = {"learning_rate": 0.1, "gamma": 0.9}
    assert DQN(anneal=False).annealed(numbers, 0.5) == numbers


def test_a_step_is_as_long_as_its_rate_now():
    """The same state and batch at the beginning, the middle and the end of the budget.

    The length of plain SGD's step is rate x slope.
    """
    a = DQN(
        hidden=(8,), anneal=True, optimizer=SGD(0.1), batch=4, warmup=8, updates=1,
        environments=1, lookahead=1, capacity=ROWS, epsilon=0.0, epsilon_end=0.0,
    )  # fmt: skip
    task, rows = a.task(Chosen(), 108), experience(Chosen())
    assert task.sizes == (8, 100, ROWS)
    shapes = jax.eval_shape(lambda: task.init(KEY, task.hyper()))._replace(key=None)
    state = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)
    state = state._replace(
        params=weights(task, 1),
        target=weights(task, 2),
        replay=jax.device_get(task.replay.write(task.replay.empty(), jnp.int32(0), rows)),
        written=jnp.int32(ROWS),
        key=KEY,
        hyper=task.numbers(task.hyper()),
    )

    @quick
    @jax.vmap
    def length(steps):
        now, luck = task.collect(state._replace(steps=steps), 1)
        new, _ = task.step(now, Batch(jax.tree.map(lambda x: x[0], luck), None))
        change = jax.tree.map(lambda w, v: w - v, new.params, state.params)
        return sum(jnp.sum(c**2) for c in jax.tree.leaves(change)) ** 0.5

    first, middle, last = np.asarray(length(jnp.array([0, 50, 100])))
    assert first > 0.01
    assert middle == pytest.approx(first / 2, rel=1e-4)  # float32
    assert last < 1e-6
