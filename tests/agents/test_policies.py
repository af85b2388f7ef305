"""Distributions of actions against SciPy, returns and advantages against loops in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from descend.agents import Box, Choice, Environment, parameter, policies
from descend.agents.actor_critic import ActorCritic
from descend.agents.on_policy import OnPolicyState, Walked
from descend.agents.policy_gradient import Lesson, advantages
from descend.agents.ppo import PPO
from descend.agents.pqn import PQN
from descend.agents.reinforce import REINFORCE
from descend.agents.walking import Transition
from descend.train.engine.runtime import quick_compile

KEY = jax.random.key(0)


def quick(function):
    return jax.jit(function, compiler_options=quick_compile())


# -- a normal, squashed between the bounds --------------------------------------------------------

NORMALS = [(0.0, 1.0), (0.7, 0.3), (-2.0, 0.5), (0.3, 2.0)]  # mean, standard deviation


def squashed(action, mean, std):
    """log pi of actions in (-1, 1) of one entry."""
    u = np.arctanh(action)[:, None]
    like = np.full_like(u, mean), np.full_like(u, np.log(std))
    return np.asarray(SQUASHED(u, *like), float)


SQUASHED = quick(policies.log_squashed)


@pytest.mark.parametrize(("mean", "std"), NORMALS)
def test_the_squashed_density_is_that_of_a_change_of_variables(mean, std, x64):
    """P(a' <= a) = Phi((artanh a - mean) / std): its slope is the density, by SciPy's own pdf."""
    action = np.linspace(-0.999, 0.999, 41)
    wanted = stats.norm.logpdf(np.arctanh(action), mean, std) - np.log(1 - action**2)
    np.testing.assert_allclose(squashed(action, mean, std), wanted, rtol=1e-9, atol=1e-9)
    # and by differences of the distribution function, whose error is of the order 1e-12 / 1e-6
    step = 1e-6
    above, below = (
        stats.norm.cdf(np.arctanh(action + s), mean, std) for s in (step / 2, -step / 2)
    )
    seen = np.exp(wanted) > 1e-3
    np.testing.assert_allclose(
        np.exp(squashed(action, mean, std))[seen], ((above - below) / step)[seen], rtol=1e-4
    )


@pytest.mark.parametrize(("mean", "std"), NORMALS)
def test_the_squashed_density_integrates_to_one(mean, std, x64):
    """By a rule of 4,000 nodes that never meets -1 and 1, where it may have a pole."""
    # a = tanh(t) for nodes t of a fine even grid: da = (1 - a^2) dt; beyond +-18 a is 1 in float64
    t = np.linspace(-15, 15, 4001)
    density = np.exp(squashed(np.tanh(t), mean, std)) * (1 - np.tanh(t) ** 2)
    inside = integrate.simpson(density, x=t)
    assert inside == pytest.approx(1, abs=1e-6)


def test_two_entries_are_a_product(x64):
    u = np.array([[0.3, -1.2], [2.0, 0.1]])
    mean, log_std = np.array([[0.1, -1.0]] * 2), np.log([[0.5, 2.0]] * 2)
    both = SQUASHED(u, mean, log_std)
    each = [SQUASHED(u[:, i : i + 1], mean[:, i : i + 1], log_std[:, i : i + 1]) for i in (0, 1)]
    np.testing.assert_allclose(both, each[0] + each[1], rtol=1e-12)


def test_far_out_nothing_overflows():
    """log(1 - tanh(20)^2) = 2 (log 2 - 20) + 8e-18; as written 1 - tanh^2 is 0 in float32."""
    u = np.array([20.0, -20.0, 50.0])
    one = lambda v: policies.log_squashed(v[None], jnp.zeros(1), jnp.zeros(1))
    value, slope = quick(jax.vmap(jax.value_and_grad(one)))(np.float32(u))
    exact = stats.norm.logpdf(u) - 2 * (np.log(2) - abs(u))
    np.testing.assert_allclose(value, exact, rtol=1e-6)  # float32
    np.testing.assert_allclose(slope, -u + 2 * np.sign(u), rtol=1e-6)


def test_slopes_are_those_of_differences(x64):
    u, mean, log_std = 0.4, 0.2, -0.3
    value = lambda u, m, s: policies.log_squashed(u[None], m[None], s[None])
    slopes = quick(jax.grad(value, (0, 1, 2)))(u, mean, log_std)
    value = quick(value)
    h = 1e-6
    for i, slope in enumerate(slopes):
        up, down = ([u, mean, log_std] for _ in range(2))
        up[i] += h
        down[i] -= h
        difference = (value(*up) - value(*down)) / (2 * h)
        assert slope == pytest.approx(float(difference), rel=1e-7)  # error h^2 and 1e-16 / h


def test_the_draws_of_a_normal_follow_it():
    """20,000 draws with a key each: Kolmogorov's test does not see a difference."""
    n = 20_000
    mean = np.tile(np.float32([0.5, -1.0]), (n, 1))
    log_std = np.tile(np.float32(np.log([0.2, 3.0])), (n, 1))
    u = np.asarray(quick(policies.draw_normal)(mean, log_std, jax.random.split(KEY, n)), float)
    for i, (m, s) in enumerate([(0.5, 0.2), (-1.0, 3.0)]):
        assert stats.kstest(u[:, i], stats.norm(m, s).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(u.T)[0, 1]) < 5 / np.sqrt(n)
    density = quick(policies.log_normal)(np.float32(u[:5]), mean[:5], log_std[:5])
    wanted = stats.norm.logpdf(u[:5], [0.5, -1.0], [0.2, 3.0]).sum(axis=1)
    np.testing.assert_allclose(density, wanted, rtol=1e-5)  # float32


# -- a choice -------------------------------------------------------------------------------------

LOGITS = np.random.default_rng(0).normal(size=(6, 4)) * 3
LEGAL = (
    np.array([[1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 1], [1] * 4]) > 0
)


def test_softmax_over_what_is_legal(x64):
    log_pi = np.asarray(policies.softmax_logits(jnp.asarray(LOGITS), jnp.asarray(LEGAL)))
    for row, logits, legal in zip(log_pi, LOGITS, LEGAL, strict=True):
        np.testing.assert_allclose(row[legal], special.log_softmax(logits[legal]), rtol=1e-12)
        assert (row[~legal] == -np.inf).all()
    free = policies.softmax_logits(jnp.asarray(LOGITS), None)
    np.testing.assert_allclose(free, special.log_softmax(LOGITS, axis=1), rtol=1e-12)


def test_entropy_is_scipys(x64):
    log_pi = policies.softmax_logits(jnp.asarray(LOGITS), jnp.asarray(LEGAL))
    np.testing.assert_allclose(
        policies.entropy(log_pi), stats.entropy(np.exp(log_pi), axis=1), rtol=1e-10, atol=1e-15
    )


def test_an_illegal_action_has_no_slope():
    """Neither by its probability nor by the entropy, and none of it is NaN."""

    def value(logits, of):
        log_pi = policies.softmax_logits(logits, jnp.asarray(LEGAL))
        return jnp.sum(of(log_pi))

    actions = jnp.asarray(LEGAL.argmax(axis=1))
    chosen = lambda log_pi: policies.log_of(log_pi, actions)
    for of in (chosen, policies.entropy):
        slopes = np.asarray(quick(jax.grad(lambda z, of=of: value(z, of)))(np.float32(LOGITS)))
        assert np.isfinite(slopes).all()
        assert (slopes[~LEGAL] == 0).all()
        assert (slopes[:2][LEGAL[:2]] != 0).all()


def test_actions_are_drawn_as_often_as_they_should():
    """30,000 draws: shares up to five standard errors, and none that is illegal."""
    n = 30_000
    logits = np.tile(np.float32([0.0, 1.0, 5.0, 2.0]), (n, 1))
    legal = np.tile([True, True, False, True], (n, 1))

    @quick
    def choose(keys):
        return policies.choose(policies.softmax_logits(logits, legal), keys)

    action, chance = choose(jax.random.split(KEY, n))
    p = special.softmax([0.0, 1.0, -np.inf, 2.0])
    shares = np.bincount(action, minlength=4) / n
    assert shares[2] == 0
    assert (np.abs(shares - p) <= 5 * np.sqrt(p * (1 - p) / n)).all()
    np.testing.assert_allclose(np.exp(chance), p[action], rtol=1e-5)


# -- advantages -----------------------------------------------------------------------------------


def walk(seed, steps=9, count=20):
    """Rewards, values, values behind each step (0 where terminated), ends of both kinds."""
    rng = np.random.default_rng(seed)
    reward, value, after = rng.normal(size=(3, steps, count))
    ended = rng.random((steps, count)) < 0.25
    terminated = ended & (rng.random((steps, count)) < 0.5)
    return reward, value, after, ended, terminated


def double_loop(reward, value, after, ended, gamma, lambda_):
    """A_t = sum_k (gamma lambda)^k d_(t+k), up to the end of the episode or of the walk."""
    gain = np.zeros_like(reward)
    for e in range(reward.shape[1]):
        for t in range(len(reward)):
            for k in range(t, len(reward)):
                error = reward[k, e] + gamma * after[k, e] - value[k, e]
                gain[t, e] += (gamma * lambda_) ** (k - t) * error
                if ended[k, e]:
                    break
    return gain


ADVANTAGES = quick(advantages)


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 0.9, 1.0])
def test_advantages_are_those_of_a_double_loop(gamma, lambda_):
    reward, value, after, ended, terminated = walk(1)
    after = np.where(terminated, 0, after)
    made = ADVANTAGES(*(np.float32(x) for x in (reward, value, after)), ended, gamma, lambda_)
    wanted = double_loop(reward, value, after, ended, gamma, lambda_)
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)  # sums of nine in float32


def test_lambda_0_is_one_step_and_lambda_1_is_all_that_comes():
    """lambda 1: G_t - V(s_t), G_t with the value of where the walk or the episode was cut."""
    reward, value, after, ended, terminated = walk(2)
    after[:-1] = np.where(ended[:-1], after[:-1], value[1:])  # the next step is from there
    after = np.where(terminated, 0, after)
    gamma = 0.9
    one, all_ = (
        ADVANTAGES(*(np.float32(x) for x in (reward, value, after)), ended, gamma, x)
        for x in (0.0, 1.0)
    )
    np.testing.assert_allclose(one, reward + gamma * after - value, atol=1e-5)
    for e in range(20):
        total = 0.0
        for t in reversed(range(9)):
            later = after[t, e] if ended[t, e] or t == 8 else total
            total = reward[t, e] + gamma * later
            assert all_[t, e] == pytest.approx(total - value[t, e], abs=1e-5)


# -- what the algorithms make of a walk -----------------------------------------------------------


@dataclass(frozen=True)
class Wide(Environment):
    """Only for its shapes: nothing is walked here."""

    limit: int = parameter(5, least=1)

    actions = Choice(3)

    def reset(self, key):
        return jax.random.normal(key, (2,))

    def step(self, state, action, key):
        return state, action.astype(float), False

    def observe(self, state):
        return state


@dataclass(frozen=True)
class Masked(Wide):
    def legal(self, state):
        return jnp.arange(3) <= 1


@dataclass(frozen=True)
class Bounded(Wide):
    actions = Box((-1.0, 0.0), (1.0, 5.0))

    def step(self, state, action, key):
        return state, action.sum(), False


def walked(seed, env, steps=9, count=4, ends=None):
    """A walk that nobody took, and its parts in NumPy."""
    rng = np.random.default_rng(seed)
    reward, _, _, ended, terminated = walk(seed, steps, count)
    if ends is not None:
        ended, terminated = ends
    seen, after = rng.normal(size=(2, steps, count, 2)).astype("float32")
    if isinstance(env.actions, Choice):
        action = rng.integers(2, size=(steps, count)).astype("int32")
    else:
        action = rng.normal(size=(steps, count, 2)).astype("float32")
    masked = isinstance(env, Masked)
    legal = rng.random((steps, count, 3)) < 0.6 if masked else None
    if masked:
        legal[..., 0] = True
        legal[terminated] = False  # an end may allow nothing
    passed = Transition(seen, action, np.float32(reward), after, legal, terminated, ended)
    now = np.ones((steps, count, 3), bool) if masked else None
    chance = rng.normal(size=(steps, count)).astype("float32")
    return Walked(passed, now, chance, np.ones((steps, count), "float32"))


def weights(task):
    """Weights of its networks: NumPy's, so that nothing is compiled for them."""
    rng = np.random.default_rng(9)
    shapes = jax.eval_shape(task.draw, KEY)
    return jax.tree.map(lambda s: 0.5 * rng.normal(size=s.shape).astype("float32"), shapes)


def drawn(a, env, budget=10_000):
    task = a.task(env, budget)
    params = weights(task)
    lessons = lambda params, w: a.lessons(task, params, w, task.numbers(task.hyper()))
    return task, params, quick(lessons)


def dense(params, x, activation, head):
    """The network by hand, in float64: one hidden layer and a head."""
    weights = jax.tree.map(lambda w: np.asarray(w, float), params)
    hidden = activation(x @ weights["hidden1"]["kernel"] + weights["hidden1"]["bias"])
    return hidden @ weights[head]["kernel"] + weights[head]["bias"]


@pytest.mark.parametrize("a", [PPO(hidden=(8,)), ActorCritic(hidden=(8,), gamma=0.9)])
def test_advantages_by_the_critic(a):
    w = walked(3, Wide())
    _, params, lessons = drawn(a, Wide())
    lesson = lessons(params, w)
    value, after = (
        dense(params["critic"], x, np.tanh, "value")[..., 0]
        for x in (w.passed.observation, w.passed.after)
    )
    after = np.where(w.passed.terminated, 0, after)  # and where it was cut, it counts
    assert (w.passed.ended & ~w.passed.terminated).any()
    gain = double_loop(
        w.passed.reward, value, after, w.passed.ended, a.numbers()["gamma"], a.lambda_
    )
    np.testing.assert_allclose(lesson.advantage, gain, rtol=1e-4, atol=1e-5)  # float32
    np.testing.assert_allclose(lesson.returned, gain + value, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(lesson.chance, w.chance)
    np.testing.assert_array_equal(lesson.observation, w.passed.observation)
    np.testing.assert_array_equal(lesson.action, w.passed.action)


@pytest.mark.parametrize("env", [Wide(), Masked()], ids=["all legal", "some legal"])
@pytest.mark.parametrize("lambda_", [0.0, 0.7, 1.0])
def test_lambda_returns_of_pqn(env, lambda_):
    """y_t = r_t + gamma ((1 - lambda) max Q(s_(t+1)) + lambda y_(t+1)), by a loop backwards.

    At an end there is no y_(t+1): 0 where it was terminated, max Q where it was cut, as at the
    walk's own end.
    """
    w = walked(4, env)
    a = PQN(hidden=(8,), normalize=False, gamma=0.9, lambda_=lambda_)
    _, params, lessons = drawn(a, env)
    q = dense(params["q"], w.passed.after, lambda x: np.maximum(x, 0), "q")
    if w.passed.legal is not None:
        q = np.where(w.passed.legal, q, -np.inf)
    y = np.zeros((9, 4))
    for e in range(4):
        for t in reversed(range(9)):
            if w.passed.terminated[t, e]:
                later = 0.0
            elif w.passed.ended[t, e] or t == 8:
                later = q[t, e].max()
            else:
                later = (1 - lambda_) * q[t, e].max() + lambda_ * y[t + 1, e]
            y[t, e] = w.passed.reward[t, e] + 0.9 * later
    target = lessons(params, w)
    np.testing.assert_allclose(target.y, y, rtol=1e-4, atol=1e-5)  # float32
    np.testing.assert_array_equal(target.observation, w.passed.observation)
    np.testing.assert_array_equal(target.action, w.passed.action)


@pytest.mark.parametrize("baseline", [True, False])
def test_returns_of_whole_episodes(baseline):
    """G_t sums up to the end of the episode; behind it another began, which counts for nothing."""
    ended = np.zeros((9, 4), bool)
    ended[[8, 3, 0, 6], [0, 1, 2, 3]] = True
    ended[8] = True  # at the limit
    w = walked(5, Wide(), ends=(ended, ended & (np.arange(4) < 2)))
    a = REINFORCE(hidden=(8,), gamma=0.9, baseline=baseline)
    _, params, lessons = drawn(a, Wide())
    lesson = lessons(params, w)
    base = dense(params["critic"], w.passed.observation, np.tanh, "value")[..., 0] * baseline
    for e, last in enumerate((8, 3, 0, 6)):
        for t in range(last + 1):
            total = sum(0.9 ** (k - t) * w.passed.reward[k, e] for k in range(t, last + 1))
            assert lesson.returned[t, e] == pytest.approx(total, abs=1e-5)  # float32
            assert lesson.advantage[t, e] == pytest.approx(total - base[t, e], abs=1e-5)


def test_what_does_not_count_has_no_weight():
    """The mean over the first two of four; a batch of nothing is no 0 / 0."""
    lesson = Lesson(*[None] * 6, real=jnp.array([1.0, 1.0, 0.0, 0.0]))
    assert lesson.mean(jnp.array([1.0, 5.0, 100.0, -7.0])) == 3
    assert lesson._replace(real=jnp.zeros(4)).mean(jnp.ones(4)) == 0


# -- a walk of whole episodes ---------------------------------------------------------------------


@dataclass(frozen=True)
class Ends(Environment):
    """It ends by itself after as many steps as were drawn at its beginning, or at the limit."""

    limit: int = parameter(6, least=1)

    actions = Choice(2)

    def reset(self, key):
        return {"left": jax.random.randint(key, (), 1, 9), "at": jnp.int32(0)}

    def step(self, state, action, key):
        new = {"left": state["left"] - 1, "at": state["at"] + 1}
        return new, new["at"].astype(float), new["left"] == 0

    def observe(self, state):
        return jnp.stack([state["left"], state["at"]]).astype(float)


def test_a_round_is_one_whole_episode_each_and_the_mask_ends_with_it():
    a = REINFORCE(hidden=(8,), environments=40)
    task = a.task(Ends(), 10_000)

    state = OnPolicyState(weights(task), None, None, KEY, task.numbers(task.hyper()), 0)

    @quick
    def collect(state):
        state, (batches, ended) = task.collect(state, 1)
        return state._replace(places=None), batches, ended

    lengths = []
    for _ in range(2):
        state, batches, ended = jax.device_get(collect(state))
        lesson = jax.tree.map(lambda x: np.asarray(x[0]), batches)
        seen, real = lesson.observation, lesson.real > 0
        assert len(real) == 6 * 40
        left, at = seen.T.astype(int)
        # every episode from its first step: as many first steps as environments
        assert (real & (at == 0)).sum() == 40
        assert (left + at)[real].max() <= 8
        length = np.minimum(left[real & (at == 0)], 6)
        assert real.sum() == length.sum()  # not one step more or less
        # returns with gamma 0.99 from step `at` on, of an episode that ends after `left` more
        for i in np.flatnonzero(real):
            last = min(at[i] + left[i], 6)
            total = sum(0.99 ** (k - at[i]) * (k + 1) for k in range(at[i], last))
            assert lesson.returned[i] == pytest.approx(total, rel=1e-5)
        # what ended is counted once an episode, also where a second one ended behind it
        assert ended.number[0] == 40
        assert ended.steps[0] == length.sum()
        assert ended.returns[0] == sum(n * (n + 1) / 2 for n in length)
        assert (~real).any()
        lengths.append(sorted(length.tolist()))
    assert lengths[0] != lengths[1]  # other episodes in another round


def test_the_cost_is_of_the_steps_that_count():
    """Numbers in the masked rows may be anything."""
    rng = np.random.default_rng(6)
    rows = Lesson(
        observation=rng.normal(size=(6, 2)).astype("float32"),
        action=rng.integers(3, size=6).astype("int32"),
        legal=None,
        chance=np.zeros(6, "float32"),
        advantage=rng.normal(size=6).astype("float32"),
        returned=rng.normal(size=6).astype("float32"),
        real=np.array([1, 0, 1, 1, 0, 0], "float32"),
    )
    junk = rows._replace(
        observation=np.where(rows.real[:, None] > 0, rows.observation, 9.0),
        advantage=np.where(rows.real > 0, rows.advantage, 1e6).astype("float32"),
        returned=np.where(rows.real > 0, rows.returned, -1e6).astype("float32"),
        action=np.where(rows.real > 0, rows.action, 0).astype("int32"),
    )
    for a in (
        REINFORCE(hidden=(8,), entropy_weight=0.1),
        ActorCritic(hidden=(8,), entropy_weight=0.1),
    ):
        task = a.task(Wide(), 10_000)
        params = weights(task)
        numbers = task.numbers(task.hyper())
        cost = quick(lambda p, r, a=a, task=task, n=numbers: a.cost(task, p, r, n)[0])
        assert cost(params, rows) == pytest.approx(float(cost(params, junk)), rel=1e-5)
        # by hand, in float64
        logits = dense(params["actor"], rows.observation, np.tanh, "logits")
        value = dense(params["critic"], rows.observation, np.tanh, "value")[:, 0]
        log_pi = special.log_softmax(logits, axis=1)
        chosen = log_pi[np.arange(6), rows.action]
        on = rows.real > 0
        wanted = (
            -np.mean((rows.advantage * chosen)[on])
            + 0.5 * np.mean((value - rows.returned)[on] ** 2)
            - 0.1 * np.mean(stats.entropy(np.exp(log_pi), axis=1)[on])
        )
        assert cost(params, rows) == pytest.approx(wanted, rel=1e-5)


# -- acting ---------------------------------------------------------------------------------------


def test_numbers_are_drawn_within_the_bounds_and_their_chance_is_the_density():
    a, env = PPO(hidden=(8,)), Bounded()
    task = a.task(env, 10_000)
    params = weights(task)
    seen = np.random.default_rng(7).normal(size=(50, 2)).astype("float32")

    @quick
    def act(params, keys):
        u, chance = a.drawn(task, params, seen, None, keys, {}, 0.0)
        return a.within(task, u), chance

    action, chance = (np.asarray(x, float) for x in act(params, jax.random.split(KEY, 50)))
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 5.0])
    assert ((action > low) & (action < high)).all()
    mean, log_std = (dense(params["actor"], seen, np.tanh, h) for h in ("mean", "log_std"))
    unit = (action - low) / (high - low) * 2 - 1
    wanted = stats.norm.logpdf(np.arctanh(unit), mean, np.exp(log_std)) - np.log(1 - unit**2)
    # artanh of a float32 that is near 1 is known to 1e-3
    np.testing.assert_allclose(chance, wanted.sum(axis=1), rtol=1e-2, atol=1e-2)
    greedy = quick(lambda p, x: a.greedy(task, p, x, None, None))(params, seen[0])
    np.testing.assert_allclose(greedy, low + (np.tanh(mean[0]) + 1) / 2 * (high - low), atol=1e-5)


def test_exploring_falls_from_epsilon_to_its_end():
    """Shares of actions that are not the best, 2/3 epsilon of three even ones."""
    n = 20_000
    a = PQN(hidden=(8,), epsilon=0.9, epsilon_end=0.3, exploring=0.5)
    task = a.task(Masked(), 10_000)
    params = weights(task)
    seen = np.tile(np.float32([0.3, -0.2]), (n, 1))
    legal = np.tile([True, True, False], (n, 1))
    numbers = task.numbers(task.hyper())
    act = quick(lambda p, k, x: a.drawn(task, p, seen, legal, k, numbers, x)[0])
    q = dense(params["q"], seen[:1], lambda x: x, "q") if not a.normalize else None
    best = int(quick(lambda p: a.greedy(task, p, seen[0], legal[0], None))(params))
    assert q is None or best == int(q[0, :2].argmax())
    for progress, epsilon in ((0.0, 0.9), (0.25, 0.6), (0.5, 0.3), (1.0, 0.3)):
        action = np.asarray(act(params, jax.random.split(KEY, n), progress))
        assert (action < 2).all()  # what is legal
        share, wanted = (action != best).mean(), epsilon / 2
        assert abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n), progress
