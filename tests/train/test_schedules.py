"""Schedules against their closed forms ("Adaptive Learning Rate", eta_t: scheidegger-2020)."""

from __future__ import annotations

import json
import math

import jax
import numpy as np
import pytest

from descend.errors import DescendError
from descend.train.rules import schedules as s

ETA = 0.3
T = range(0, 131)


def cosine(t, start, end, first, last):
    """From `start` at t = first to `end` at t = last along half a cosine."""
    share = min(max((t - first) / (last - first), 0.0), 1.0)
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def one_cycle(t, total, peak, div, final_div):
    top = int(peak * total)
    if t <= top:
        return cosine(t, ETA / div, ETA, 0, top)
    return cosine(t, ETA, ETA / div / final_div, top, total)


# id: (schedule, eta_t)
CASES = {
    "constant": (s.Constant(ETA), lambda t: ETA),
    "step": (s.StepDecay(ETA, 30, 0.5), lambda t: ETA * 0.5 ** (t // 30)),
    "step default": (s.StepDecay(ETA, 40), lambda t: ETA * 0.1 ** (t // 40)),
    "exponential": (s.ExponentialDecay(ETA, 20, 0.7), lambda t: ETA * 0.7 ** (t / 20)),
    "cosine": (s.CosineDecay(ETA, 100), lambda t: cosine(t, ETA, 0, 0, 100)),
    "cosine alpha": (s.CosineDecay(ETA, 80, 0.1), lambda t: cosine(t, ETA, 0.1 * ETA, 0, 80)),
    "warmup": (s.Warmup(ETA, 25), lambda t: ETA * min(t / 25, 1)),
    "warmup none": (s.Warmup(ETA, 0), lambda t: ETA),
    "warmup cosine": (
        s.WarmupCosine(ETA, 20, 100),
        lambda t: ETA * t / 20 if t < 20 else cosine(t, ETA, 0, 20, 100),
    ),
    "warmup cosine none": (s.WarmupCosine(ETA, 0, 100), lambda t: cosine(t, ETA, 0, 0, 100)),
    "exponential stairs": (
        s.ExponentialDecay(ETA, 20, 0.7, staircase=True),
        lambda t: ETA * 0.7 ** (t // 20),
    ),
    "inverse time": (s.InverseTimeDecay(ETA, 20, 0.5), lambda t: ETA / (1 + 0.5 * t / 20)),
    "polynomial": (
        s.PolynomialDecay(ETA, 50, 0.01, 2.0),
        lambda t: (ETA - 0.01) * (1 - min(t, 50) / 50) ** 2 + 0.01,
    ),
    "piecewise": (
        s.PiecewiseConstantDecay((10, 40), (ETA / 2, ETA, ETA / 10)),
        lambda t: ETA * (0.5 if t <= 10 else 1.0 if t <= 40 else 0.1),
    ),
    "cosine restarts": (
        s.CosineDecayRestarts(ETA, 20, 1.0, 1.0, 0.1),
        lambda t: cosine(t % 20, ETA, 0.1 * ETA, 0, 20),
    ),
    "cosine log": (
        s.CosineLog(ETA, 100),  # RealMLP's "coslog4", 1/2 (1 - cos(2 pi log2(1 + 15 t)))
        lambda t: ETA / 2 * (1 - math.cos(2 * math.pi * math.log2(1 + 0.15 * min(t, 100)))),
    ),
    "cosine log two": (
        s.CosineLog(ETA, 80, cycles=2),
        lambda t: ETA / 2 * (1 - math.cos(2 * math.pi * math.log2(1 + 3 * min(t, 80) / 80))),
    ),
    "one cycle": (s.OneCycle(ETA, 100), lambda t: one_cycle(t, 100, 0.3, 25, 1e4)),
    "one cycle early": (
        s.OneCycle(ETA, 120, peak=0.1, div=10, final_div=100),
        lambda t: one_cycle(t, 120, 0.1, 10, 100),
    ),
}


def test_every_schedule_has_a_case():
    assert {type(schedule) for schedule, _ in CASES.values()} == set(s.BY_NAME.values())


@pytest.mark.parametrize("name", CASES)
def test_closed_form(name):
    schedule, form = CASES[name]
    want = np.array([form(t) for t in T])
    steps = np.array(T, np.int32)
    # float32: the cosine near its zero loses digits of eta, hence the absolute part
    np.testing.assert_allclose(jax.vmap(schedule)(steps), want, rtol=2e-5, atol=3e-7 * ETA)
    factors = jax.jit(jax.vmap(schedule.factor))(steps)
    np.testing.assert_allclose(factors, want / float(schedule.base), rtol=2e-5, atol=3e-7)


def test_the_peak_is_the_learning_rate():
    for name in ("warmup", "warmup cosine", "one cycle", "one cycle early"):
        rates = jax.vmap(CASES[name][0])(np.array(T))
        assert float(rates.max()) == pytest.approx(ETA, rel=1e-6)


def test_one_cycle_equals_pytorch():
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    # PyTorch's cycle has total_steps - 1 intervals and its top at pct_start * total_steps - 1
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, ETA, total_steps=101, pct_start=31 / 101, div_factor=25, final_div_factor=1e4
    )
    rates = []
    for _ in range(101):
        rates.append(cycle.get_last_lr()[0])
        optimizer.step()
        if len(rates) < 101:
            cycle.step()
    ours = jax.vmap(s.OneCycle(ETA, 100))(np.arange(101))
    np.testing.assert_allclose(ours, rates, rtol=2e-5, atol=3e-7 * ETA)


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    schedule = CASES[name][0]
    assert s.get(json.loads(json.dumps(s.describe(schedule)))) == schedule
    assert s.get(schedule) is schedule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.Constant(0.0), "learning_rate must be > 0"),
        (lambda: s.Constant(-0.1), "learning_rate must be a finite number >= 0, got -0.1"),
        (lambda: s.Constant(float("nan")), "learning_rate must be a finite number"),
        (lambda: s.Constant("fast"), "learning_rate must be a finite number"),
        (lambda: s.StepDecay(0.1, 0), "every_steps must be a finite number >= 1"),
        (lambda: s.StepDecay(0.1, 10, -0.5), "rate must be a finite number > 0"),
        (lambda: s.StepDecay(0.1, 10, 0.0), "rate must be a finite number > 0"),
        (lambda: s.ExponentialDecay(0.1, -5), "decay_steps must be a finite number >= 1"),
        (lambda: s.ExponentialDecay(0.1, 5, staircase="no"), "staircase must be True or False"),
        (lambda: s.CosineDecay(0.1, 0), "decay_steps must be a finite number >= 1"),
        (lambda: s.CosineDecayRestarts(0.1, 5, t_mul=0), "t_mul must be a finite number >= 1"),
        (lambda: s.CosineDecayRestarts(0.1, 5, t_mul=0.5), "t_mul must be a finite number >= 1"),
        (lambda: s.CosineDecayRestarts(0.1, 5, m_mul=-1), "m_mul must be a finite number >= 0"),
        (lambda: s.PolynomialDecay(0.1, 5, power=None), "power must be a finite number >= 0"),
        (lambda: s.PiecewiseConstantDecay(3, [0.1]), "boundaries must be a list of numbers"),
        (lambda: s.PiecewiseConstantDecay([3], [0.1, "x"]), "values must hold finite numbers"),
        (lambda: s.Warmup(0.1, -1), "warmup_steps must be a finite number >= 0"),
        (lambda: s.WarmupCosine(0.1, 10, 10), "must exceed warmup_steps 10"),
        (lambda: s.OneCycle(0.1, 10, div=0.0), "div must be a finite number > 0"),
        (lambda: s.OneCycle(0.1, 10, peak=1.0), r"peak must be in \[0, 1\)"),
        (lambda: s.get({"schedule": "cosin", "learning_rate": 0.1}), "Did you mean 'cosine'"),
        (lambda: s.get({"learning_rate": 0.1}), "unknown schedule None"),
        (lambda: s.get("cosine"), "a dict with its name and its numbers.*got 'cosine'"),
        (lambda: s.get({"schedule": []}), "unknown schedule"),
        (lambda: s.get({"schedule": "cosine"}), "cannot be made: missing.*'learning_rate'"),
        (lambda: s.CosineDecay(0.1), "cannot be made: missing.*'decay_steps'"),
    ],
)
def test_bad_schedules(make, message):
    with pytest.raises(DescendError, match=message):
        make()
