"""Optimisers: second order against OLS and maximum likelihood, hand iterations, names, bad numbers.

The first-order rules are held to the lecture's table in test_optimizer_parity.py.
"""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from descend import Dense, Input, Sequential
from descend.errors import DescendError
from descend.nn import losses
from descend.nn.graph import Graph
from descend.train import rules as opt
from descend.train.engine.task import Batch
from descend.train.model.supervised import Output, Rows, Supervised
from descend.train.rules import schedules


def linear_task(rule, inputs, loss, activation=None, **options):
    first = Input((inputs,))
    graph = Graph(first, Dense(1, activation, **options)(first))
    return Supervised(graph, rule, [Output("y", loss, ())])


def whole(x, y):
    return Batch(Rows((jnp.asarray(x),), (jnp.asarray(y),), None), None)


def iterate(task, params, batch, steps):
    """The parameters after `steps` updates on one batch, and the costs before each."""
    state = task.start(params, {}, jax.random.key(0), task.hyper())

    def step(state, _):
        state, logs = task.step(state, batch)
        return state, logs["loss"][0] / logs["loss"][1]

    state, costs = jax.jit(lambda s: jax.lax.scan(step, s, length=steps))(state)
    return state.params, np.asarray(costs)


def zeros(inputs):
    return {"dense": {"bias": jnp.zeros(1), "kernel": jnp.zeros((inputs, 1))}}


def coefficients(params):
    return np.concatenate([params["dense"]["bias"], params["dense"]["kernel"][:, 0]])


def regression(n=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [1, 5, 0.2] + [0, 1, 2]
    return x, x @ [[1.0], [-0.5], [2.0]] + 0.7 + rng.normal(size=(n, 1))


def binary(n=200, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    p = 1 / (1 + np.exp(-(0.5 + x @ [1.0, -2.0])))
    return x, (rng.random(n) < p).astype(float)[:, None]


# -- second order -------------------------------------------------------------------------------


def test_newton_lands_on_ols_in_one_step(x64):
    """scheidegger-2020, "Descent methods in general": second order; J is quadratic."""
    x, y = regression()
    task = linear_task(opt.NewtonRaphson(), 3, losses.MeanSquaredError())
    params, costs = iterate(task, zeros(3), whole(x, y), 2)
    design = np.column_stack([np.ones(len(x)), x])
    want, residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    one, _ = iterate(task, zeros(3), whole(x, y), 1)
    np.testing.assert_allclose(coefficients(one), want[:, 0], rtol=1e-9)
    np.testing.assert_allclose(costs[1], residual[0] / len(x), rtol=1e-10)
    np.testing.assert_allclose(coefficients(params), want[:, 0], rtol=1e-9)  # and stays there


def test_newton_with_damping_and_rate(x64):
    """W - eta (H + damping I)^-1 g, H = 2 X'X / n worked out by hand."""
    x, y = regression()
    rule = opt.NewtonRaphson(0.5, damping=0.3)
    task = linear_task(rule, 3, losses.MeanSquaredError())
    params, _ = iterate(task, zeros(3), whole(x, y), 1)
    design = np.column_stack([np.ones(len(x)), x])
    hessian = 2 * design.T @ design / len(x)
    slope = -2 * design.T @ y[:, 0] / len(x)
    want = -0.5 * np.linalg.solve(hessian + 0.3 * np.eye(4), slope)
    np.testing.assert_allclose(coefficients(params), want, rtol=1e-10)


def logit_mle():
    import statsmodels.api as sm

    x, y = binary()
    fit = sm.Logit(y[:, 0], sm.add_constant(x)).fit(disp=0, tol=1e-13, method="newton")
    return x, y, fit.params


@pytest.mark.parametrize(("rule", "steps"), [(opt.NewtonRaphson(), 8), (opt.LBFGS(), 40)])
def test_logistic_regression_reaches_maximum_likelihood(rule, steps, x64):
    """Binary cross-entropy's minimum is statsmodels' Logit, to 1e-6."""
    x, y, want = logit_mle()
    task = linear_task(rule, 2, losses.BinaryCrossentropy(), "sigmoid")
    assert task.logits
    params, costs = iterate(task, zeros(2), whole(x, y), steps)
    np.testing.assert_allclose(coefficients(params), want, rtol=1e-6)
    assert costs[0] == pytest.approx(np.log(2))
    assert (np.diff(costs) < 1e-12).all()  # both descend monotonically here


@pytest.mark.parametrize("name", ["newton", "lbfgs"])
def test_full_batch_rules_through_fit(name):
    """In float32, with `fit`'s one update an epoch: the MLE to 1e-3."""
    x, y, want = logit_mle()
    model = Sequential([Input((2,)), Dense(1, "sigmoid")])
    model.compile(name, "binary_crossentropy")
    model.fit(x, y, epochs=25, verbose=0)
    np.testing.assert_allclose(coefficients(model.params), want, rtol=1e-3)


def test_lbfgs_on_ols(x64):
    x, y = regression()
    task = linear_task(opt.LBFGS(memory_size=5), 3, losses.SquaredError())
    params, _ = iterate(task, zeros(3), whole(x, y), 60)
    design = np.column_stack([np.ones(len(x)), x])
    want = np.linalg.lstsq(design, y, rcond=None)[0][:, 0]
    np.testing.assert_allclose(coefficients(params), want, rtol=1e-6)


# -- gradient descent ---------------------------------------------------------------------------


def test_gradient_descent_equals_hand_iteration(x64):
    """hull-2023, "Optimizers and SGD": theta := theta - alpha grad J(theta), all rows."""
    x, y = binary()
    task = linear_task(opt.GradientDescent(0.3), 2, losses.BinaryCrossentropy(), "sigmoid")
    params, costs = iterate(task, zeros(2), whole(x, y), 50)
    design, w, by_hand = np.column_stack([np.ones(len(x)), x]), np.zeros(3), []
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ w))
        by_hand.append(-np.mean(y[:, 0] * np.log(p) + (1 - y[:, 0]) * np.log(1 - p)))
        w = w - 0.3 * design.T @ (p - y[:, 0]) / len(x)
    np.testing.assert_allclose(coefficients(params), w, rtol=1e-11)
    np.testing.assert_allclose(costs, by_hand, rtol=1e-11)


def test_gradient_descent_takes_all_rows_in_fit():
    x, y = binary()
    model = Sequential([Input((2,)), Dense(1, "sigmoid")])
    model.compile("gd", "binary_crossentropy")
    model.params = jax.tree.map(jnp.zeros_like, model.params)
    model.fit(x, y, epochs=1, verbose=0)
    design = np.column_stack([np.ones(len(x)), x])
    want = -0.01 * design.T @ (0.5 - y[:, 0]) / len(x)
    np.testing.assert_allclose(coefficients(model.params), want, rtol=1e-4, atol=1e-8)


def test_weight_decay_pulls_to_zero_without_a_gradient(x64):
    """AdamW on a flat cost: w <- w (1 - eta lambda) at each step."""
    flat = losses.get(lambda y, p: 0.0 * p[:, 0])
    task = linear_task(opt.AdamW(0.1, weight_decay=0.2), 2, flat)
    start = {"dense": {"bias": jnp.full(1, 2.0), "kernel": jnp.full((2, 1), -3.0)}}
    params, _ = iterate(task, start, whole(np.ones((4, 2)), np.ones((4, 1))), 10)
    want = np.array([2, -3, -3]) * (1 - 0.1 * 0.2) ** 10
    np.testing.assert_allclose(coefficients(params), want, rtol=1e-12)


def test_adamw_without_decay_is_adam(x64):
    x, y = regression()
    paths = [
        iterate(linear_task(rule, 3, losses.MeanSquaredError()), zeros(3), whole(x, y), 20)[1]
        for rule in (opt.Adam(0.01), opt.AdamW(0.01, weight_decay=0.0))
    ]
    np.testing.assert_allclose(*paths, rtol=1e-15)  # two programs: a fused product rounds once


def test_adam_makes_first_steps_of_the_learning_rate(x64):
    """After bias correction the first step is eta sign(g), whatever the gradient's size."""
    x, y = regression()
    task = linear_task(opt.Adam(0.02, epsilon=1e-12), 3, losses.MeanSquaredError())
    params, _ = iterate(task, zeros(3), whole(x, y), 1)
    design = np.column_stack([np.ones(len(x)), x])
    np.testing.assert_allclose(coefficients(params), 0.02 * np.sign(design.T @ y[:, 0]), rtol=1e-8)


# -- Optax --------------------------------------------------------------------------------------


def test_an_optax_transformation_is_used_as_it_is(x64):
    transformation = optax.chain(optax.clip_by_global_norm(0.5), optax.adabelief(0.03))
    rule = opt.get(transformation)
    assert opt.describe(rule) is None
    assert rule.numbers() == {}
    x, y = regression()
    params, _ = iterate(linear_task(rule, 3, losses.MeanSquaredError()), zeros(3), whole(x, y), 15)

    design = np.column_stack([np.ones(len(x)), x])
    w = {"dense": {"bias": np.zeros(1), "kernel": np.zeros((3, 1))}}
    memory = transformation.init(w)
    for _ in range(15):
        residual = design @ coefficients(w) - y[:, 0]
        g = 2 * design.T @ residual / len(x)
        grads = {"dense": {"bias": g[:1], "kernel": g[1:, None]}}
        updates, memory = transformation.update(grads, memory, w)
        w = optax.apply_updates(w, updates)
    np.testing.assert_allclose(coefficients(params), coefficients(w), rtol=1e-9)


def test_an_optax_schedule_inside_a_transformation_counts_steps(x64):
    rule = opt.get(optax.sgd(optax.piecewise_constant_schedule(0.1, {2: 0.5})))
    assert steps_taken(rule, 4) == pytest.approx([0.1, 0.1, 0.05, 0.05])


# -- schedules inside a rule --------------------------------------------------------------------


def steps_taken(rule, count):
    """The size of each update where the gradient is 1: eta_t itself."""
    one = losses.get(lambda y, p: p[:, 0])
    task = linear_task(rule, 1, one, use_bias=False)
    state = task.start(
        {"dense": {"kernel": jnp.zeros((1, 1))}}, {}, jax.random.key(0), task.hyper()
    )
    step = jax.jit(lambda s: task.step(s, whole(np.ones((2, 1)), np.ones((2, 1))))[0])
    sizes = []
    for _ in range(count):
        after = step(state)
        sizes.append(
            float((state.params["dense"]["kernel"] - after.params["dense"]["kernel"])[0, 0])
        )
        state = after
    return sizes


def test_a_schedule_sets_each_updates_rate(x64):
    schedule = schedules.StepDecay(0.4, every_steps=2, rate=0.5)
    rule = opt.SGD(schedule)
    assert rule.numbers() == {"learning_rate": 0.4}
    assert steps_taken(rule, 6) == pytest.approx([0.4, 0.4, 0.2, 0.2, 0.1, 0.1])


def test_a_swept_base_rate_scales_the_schedule(x64):
    task = linear_task(opt.SGD(schedules.ExponentialDecay(1.0, 1, 0.5)), 1, losses.SquaredError())
    hyper = {**task.hyper(), "learning_rate": 0.2}
    state = task.start(zeros(1), {}, jax.random.key(0), hyper)
    state, _ = task.step(state, whole([[1.0]], [[-1.0]]))  # dJ/db = 1
    assert float(state.params["dense"]["bias"][0]) == pytest.approx(-0.2)


# -- names and descriptions ---------------------------------------------------------------------

RULES = [
    opt.SGD(0.3, 0.5, nesterov=True),
    opt.GradientDescent(0.2, momentum=0.1),
    opt.Momentum(0.1, 0.7),
    opt.Nesterov(0.1, 0.7, lookahead=True),
    opt.AdaGrad(0.1, 0.2, 1e-5, False),
    opt.RMSProp(0.1, 0.8, 0.3, 1e-4, False),
    opt.Adam(0.1, 0.8, 0.9, 1e-4, True),
    opt.AdamW(0.1, weight_decay=0.3),
    opt.NewtonRaphson(0.5, 0.1),
    opt.LBFGS(0.5, 7),
    opt.Adam(schedules.OneCycle(0.1, 100)),
    opt.SGD(schedules.WarmupCosine(0.1, 5, 100)),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_describe_and_get_round_trip(rule):
    described = json.loads(json.dumps(opt.describe(rule)))
    assert opt.get(described) == rule


@pytest.mark.parametrize("name", opt.BY_NAME)
def test_names(name):
    rule = opt.get(name)
    assert type(rule) is opt.BY_NAME[name]
    assert rule.name == name
    assert opt.get(name.upper()) == rule
    assert opt.get(rule) is rule
    assert set(rule.numbers()) <= {f for f in dir(rule) if not f.startswith("_")}


def test_a_rate_from_numpy_is_a_number():
    for value in (np.float32(0.25), np.float64(0.25)):
        rule = opt.SGD(value)
        assert rule == opt.SGD(0.25)
        json.dumps(opt.describe(rule))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("adamm", "Did you mean 'adam'"),
        ({"name": "adamm"}, "Did you mean 'adam'"),
        ({"learning_rate": 0.1}, "unknown optimizer None"),
        (None, "unknown optimizer None"),
        (0.1, "unknown optimizer 0.1"),
        ({"name": ["adam"]}, "unknown optimizer"),
        ({"name": "adam", "beta": 0.9}, "unknown argument of Adam 'beta'"),
        ({"name": "sgd", "learning_rate": {"schedule": "cosine"}}, "CosineDecay cannot be made"),
    ],
)
def test_unknown_rules(wrong, message):
    with pytest.raises(DescendError, match=message):
        opt.get(wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: opt.SGD(-0.1), "learning_rate must be a finite number > 0, got -0.1"),
        (lambda: opt.SGD(0.0), "learning_rate must be a finite number > 0"),
        (lambda: opt.Adam(float("nan")), "learning_rate must be a finite number > 0"),
        (lambda: opt.Adam(float("inf")), "learning_rate must be a finite number > 0"),
        (lambda: opt.Adam("fast"), "learning_rate must be a finite number > 0"),
        (lambda: opt.SGD(True), "learning_rate must be a finite number > 0"),
        (lambda: opt.SGD(0.1, momentum=1.0), "momentum must be a finite number >= 0 and < 1"),
        (lambda: opt.Momentum(0.1, -0.1), "momentum must be a finite number >= 0 and < 1"),
        (lambda: opt.SGD(0.1, nesterov=True), "needs momentum > 0"),
        (lambda: opt.RMSProp(rho=1.0), "rho must be a finite number >= 0 and < 1"),
        (lambda: opt.Adam(beta_1=1.2), "beta_1 must be a finite number >= 0 and < 1"),
        (lambda: opt.Adam(beta_2=-0.5), "beta_2 must be a finite number >= 0 and < 1"),
        (lambda: opt.Adam(beta_2=None), "beta_2 must be a finite number >= 0 and < 1, got None"),
        (lambda: opt.SGD(nesterov="no"), "nesterov must be True or False"),
        (lambda: opt.SGD(ema_overwrite_frequency="often"), "must be a whole number >= 1"),
        (lambda: opt.Adam(epsilon=-1e-8), "epsilon must be a finite number >= 0"),
        (lambda: opt.AdamW(weight_decay=-0.1), "weight_decay must be a finite number >= 0"),
        (lambda: opt.AdaGrad(initial_accumulator=-1.0), "initial_accumulator must be"),
        (lambda: opt.NewtonRaphson(damping=-1.0), "damping must be a finite number >= 0"),
        (lambda: opt.LBFGS(memory_size=0), "memory_size must be a whole number >= 1"),
    ],
)
def test_numbers_out_of_range(make, message):
    with pytest.raises(DescendError, match=message):
        make()
