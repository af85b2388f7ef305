"""Update rules and schedules by Keras's names: equal numbers over a few steps."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DescendError
from descend.train import rules as optimizers
from descend.train.rules import schedules

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's import warns about its own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)

RULES = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"learning_rate": 0.1, "clipvalue": 0.5}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.5, "clipnorm": 0.7}),
    ("Adam", {"learning_rate": 0.1, "epsilon": 1e-10}),
    ("Adam", {"learning_rate": 0.1, "epsilon": 1e-10, "global_clipnorm": 0.9, "name": "own"}),
    ("Adam", {"learning_rate": 0.1, "epsilon": 1e-10, "weight_decay": 0.1}),
    ("AdamW", {"learning_rate": 0.1, "epsilon": 1e-10, "clipnorm": 0.7}),
    ("RMSprop", {"learning_rate": 0.1}),
    ("RMSprop", {"learning_rate": 0.1, "rho": 0.8, "momentum": 0.5, "centered": True}),
    ("Adagrad", {}),
    ("Adagrad", {"learning_rate": 0.3, "initial_accumulator_value": 0.5, "weight_decay": 0.2}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {"learning_rate": 0.1}),
    ("Nadam", {"learning_rate": 0.1, "beta_1": 0.8}),
    ("Lion", {"learning_rate": 0.1}),
]
START = {"a": np.array([[1.0, -2.0], [0.5, 3.0]], "f4"), "b": np.array([0.3, -0.7], "f4")}
SCALE = {"a": np.array([[1.0, 0.3], [2.0, 0.1]], "f4"), "b": np.array([1.5, 0.2], "f4")}


@pytest.mark.parametrize(("name", "options"), RULES)
def test_six_steps_equal_keras(name, options):
    """On J = sum s w^2 / 2, whose gradient is s w."""
    theirs = getattr(keras.optimizers, name)(**options)
    variables = [keras.Variable(v) for v in START.values()]
    rule = getattr(optimizers, name)(**options)
    numbers = rule.numbers()
    params = jax.tree.map(jnp.asarray, START)
    memory = rule.transform(numbers).init(params)

    def cost(p):
        return sum(jnp.sum(SCALE[k] * p[k] ** 2) / 2 for k in p), None

    for step in range(6):
        with jax.numpy_rank_promotion("allow"):
            grads = [s * v.value for s, v in zip(SCALE.values(), variables, strict=True)]
            theirs.apply(grads, variables)
        _, _, params, memory = rule.update(cost, params, memory, numbers, step)
        for ours, variable in zip(params.values(), variables, strict=True):
            # float32 on both sides; Keras's eps of Adam stands in another place, so it is small
            np.testing.assert_allclose(ours, variable.value, rtol=3e-5, atol=3e-6)
    assert optimizers.get(optimizers.describe(rule)) == rule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adam(lr=0.1), "is called learning_rate"),
        (lambda: optimizers.SGD(0.1, decay=0.1), "InverseTimeDecay"),
        (lambda: optimizers.Adam(ema_momentum=1.0), "ema_momentum must be a finite number"),
        (lambda: optimizers.Adam(amsgrad=True), "not here"),
        (lambda: optimizers.Adam(learning_rat=0.1), "Did you mean 'learning_rate'"),
        (lambda: optimizers.Adam(clipnorm=0.0), "clipnorm must be a finite number > 0"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), "give one of"),
        (lambda: optimizers.LBFGS(clipnorm=1.0), "takes its step from the cost itself"),
        (lambda: schedules.CosineDecay(0.1, 10, alfa=0.1), "Did you mean 'alpha'"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "need 2 values"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1] * 3), "must grow"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(DescendError, match=message):
        make()


def test_lookahead_with_decay():
    """`gradient_at` reads the rule's own memory also where a decay stands behind it."""
    rule = optimizers.Nesterov(0.1, 0.9, lookahead=True, weight_decay=0.1)
    params = {"w": jnp.ones(2)}
    memory = rule.transform(rule.numbers()).init(params)
    cost = lambda p: (jnp.sum(p["w"] ** 2), None)
    _, _, params, memory = rule.update(cost, params, memory, rule.numbers(), 0)
    ahead = rule.gradient_at(params, memory, rule.numbers())
    np.testing.assert_allclose(params["w"], 1 - 0.1 * 2 - 0.1 * 0.1, rtol=1e-6)
    np.testing.assert_allclose(ahead["w"], params["w"] - 0.9 * 0.2, rtol=1e-6)


SCHEDULES = [
    ("ExponentialDecay", (0.3, 20, 0.7)),
    ("ExponentialDecay", (0.3, 20, 0.7, True)),
    ("InverseTimeDecay", (0.3, 20, 0.7)),
    ("InverseTimeDecay", (0.3, 20, 0.7, True)),
    ("PolynomialDecay", (0.3, 40)),
    ("PolynomialDecay", (0.3, 40, 0.01, 2.0, True)),
    ("PiecewiseConstantDecay", ([10, 35], [0.3, 0.4, 0.05])),
    ("CosineDecay", (0.3, 60, 0.1)),
    ("CosineDecayRestarts", (0.3, 20)),
    ("CosineDecayRestarts", (0.3, 17, 1.0, 0.8, 0.1)),
    ("CosineDecayRestarts", (0.3, 17, 1.5, 0.8)),
]
STEPS = np.array([0, 1, 9, 10, 11, 19, 25, 35, 36, 41, 59, 61, 100, 130])


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_schedules_equal_keras(name, arguments):
    check(
        getattr(schedules, name)(*arguments), getattr(keras.optimizers.schedules, name)(*arguments)
    )


def test_warmup_of_the_cosine_equals_keras():
    for first in (0.0, 0.1):
        options = {"decay_steps": 50, "alpha": 0.1, "warmup_target": 0.4, "warmup_steps": 20}
        theirs = keras.optimizers.schedules.CosineDecay(first, **options)
        ours = schedules.CosineDecay(initial_learning_rate=first, **options, name="own")
        check(ours, theirs)
        np.testing.assert_allclose(ours.with_base(0.8)(30), 2 * ours(30), rtol=1e-6)


def check(ours, theirs):
    with jax.numpy_rank_promotion("allow"):
        want = [float(theirs(int(t))) for t in STEPS]
    np.testing.assert_allclose([float(ours(t)) for t in STEPS], want, rtol=2e-5, atol=1e-7)
    np.testing.assert_allclose(jax.vmap(ours)(STEPS), want, rtol=2e-5, atol=1e-7)
    assert schedules.get(schedules.describe(ours)) == ours


def test_a_schedule_of_ones_own():
    class Ramp(schedules.Schedule):
        def __call__(self, step):
            return 0.1 * jnp.minimum(step / 100, 1)

    rule = optimizers.SGD(Ramp())
    assert float(rule.numbers_now(rule.numbers(), 50)["learning_rate"]) == pytest.approx(0.05)
    assert optimizers.describe(rule) is None
    with pytest.raises(DescendError, match="schedule of your own"):
        rule.with_numbers({"learning_rate": 0.2})
