"""The forms a learning rate can take over the steps; see the package."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import optax

from descend.errors import DescendError
from descend.nn import checks
from descend.train.rules.schedules.base import Scaled, Schedule


@dataclass(frozen=True)
class Constant(Scaled):
    """eta_t = eta.

    Args:
        learning_rate: rate eta > 0.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: scheidegger-2020, "Few variants of SGD".

    Example:
        >>> from descend.train.rules.schedules import Constant
        >>> round(float(Constant(0.1)(1000)), 3)
        0.1
    """

    def factor(self, step: Any) -> Any:
        """Return 1."""
        return jnp.ones(())


@dataclass(frozen=True)
class StepDecay(Scaled):
    """eta_t = eta * rate^floor(t / every_steps).

    Args:
        learning_rate: rate eta > 0 at t = 0.
        every_steps: updates from one cut to the next.
        rate: multiplier > 0 at each cut.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: PyTorch's API, lr_scheduler.StepLR.

    Example:
        >>> from descend.train.rules.schedules import StepDecay
        >>> [round(float(StepDecay(0.1, every_steps=10, rate=0.5)(t)), 3) for t in (0, 9, 10, 20)]
        [0.1, 0.1, 0.05, 0.025]
    """

    every_steps: int
    rate: float = 0.1

    def factor(self, step: Any) -> Any:
        """Return rate^floor(t / every_steps)."""
        return optax.exponential_decay(1.0, self.every_steps, self.rate, staircase=True)(step)


@dataclass(frozen=True)
class ExponentialDecay(Scaled):
    """eta_t = eta * rate^(t / decay_steps).

    Args:
        learning_rate: rate eta > 0 at t = 0; also by Keras's `initial_learning_rate`.
        decay_steps: updates in which the rate falls to `rate` times itself.
        rate: multiplier > 0; also by Keras's `decay_rate`.
        staircase: whether t / decay_steps is cut to whole numbers.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Keras's API, schedules.ExponentialDecay.

    Example:
        >>> from descend.train.rules.schedules import ExponentialDecay
        >>> round(float(ExponentialDecay(0.1, decay_steps=10, rate=0.25)(5)), 3)
        0.05
    """

    decay_steps: int
    rate: float = 0.96
    staircase: bool = False

    def factor(self, step: Any) -> Any:
        """Return rate^(t / decay_steps)."""
        decay = optax.exponential_decay(1.0, self.decay_steps, self.rate, staircase=self.staircase)
        return decay(step)


@dataclass(frozen=True)
class InverseTimeDecay(Scaled):
    """eta_t = eta / (1 + rate t / decay_steps).

    Args:
        learning_rate: rate eta > 0 at t = 0.
        decay_steps: updates in which the denominator grows by `rate`.
        rate: growth > 0 of the denominator.
        staircase: whether t / decay_steps is cut to whole numbers.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Keras's API, schedules.InverseTimeDecay.

    Example:
        >>> from descend.train.rules.schedules import InverseTimeDecay
        >>> round(float(InverseTimeDecay(0.1, decay_steps=10, rate=1.0)(10)), 3)
        0.05
    """

    decay_steps: int
    rate: float
    staircase: bool = False

    def factor(self, step: Any) -> Any:
        """Return 1 / (1 + rate t / decay_steps)."""
        share = step / self.decay_steps
        return 1 / (1 + self.rate * (jnp.floor(share) if self.staircase else share))


@dataclass(frozen=True)
class PolynomialDecay(Scaled):
    """eta_t = (eta - end) (1 - t / T)^power + end, T = decay_steps, constant afterwards.

    Args:
        learning_rate: rate eta > 0 at t = 0.
        decay_steps: number T of updates until the last rate.
        end_learning_rate: the last rate; in a sweep of eta it goes along.
        power: exponent >= 0; 1 is a straight line.
        cycle: whether T grows to the next multiple of decay_steps, so that the rate rises again.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Keras's API, schedules.PolynomialDecay.

    Example:
        >>> from descend.train.rules.schedules import PolynomialDecay
        >>> round(float(PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)), 3)
        0.05
    """

    decay_steps: int
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def factor(self, step: Any) -> Any:
        """Return eta_t / eta."""
        end: Any = self.end_learning_rate / self.learning_rate
        last: Any = self.decay_steps
        if self.cycle:
            last = last * jnp.maximum(jnp.ceil(step / last), 1)
        else:
            step = jnp.minimum(step, last)
        return (1 - end) * (1 - step / last) ** self.power + end


@dataclass(frozen=True)
class CosineDecay(Scaled):
    """eta_t = eta [(1 - alpha) (1 + cos(pi t / decay_steps)) / 2 + alpha], constant afterwards.

    Args:
        learning_rate: rate eta > 0 at t = 0.
        decay_steps: updates from the first rate to the last.
        alpha: the last rate as a share of the first.
        warmup_target: rate to which the first `warmup_steps` lead in a straight line from eta, and
            where the cosine begins. Then eta may be zero, and a sweep sets the target.
        warmup_steps: number of those steps; not counted in `decay_steps`.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Loshchilov and Hutter 2017 (SGDR); Keras's API, schedules.CosineDecay.

    Example:
        >>> from descend.train.rules.schedules import CosineDecay
        >>> [round(float(CosineDecay(0.1, decay_steps=100)(t)), 3) for t in (0, 50, 100)]
        [0.1, 0.05, 0.0]
    """

    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    @property
    def base(self) -> float:
        """The rate at the head of the cosine."""
        return self.learning_rate if self.warmup_target is None else self.warmup_target

    def with_base(self, rate: Any) -> Schedule:
        """Return the same with another rate there."""
        if self.warmup_target is None:
            return super().with_base(rate)
        first = self.learning_rate * rate / self.warmup_target
        return dataclasses.replace(self, learning_rate=first, warmup_target=rate)

    def factor(self, step: Any) -> Any:
        """Return the line, then the cosine from 1 to alpha."""
        fall = optax.cosine_decay_schedule(1.0, self.decay_steps, self.alpha)
        if self.warmup_target is None:
            return fall(step)
        begin = self.learning_rate / self.warmup_target
        line = begin + (1 - begin) * step / max(self.warmup_steps, 1)
        ahead = jnp.maximum(step - self.warmup_steps, 0)
        return jnp.where(step < self.warmup_steps, line, fall(ahead))


@dataclass(frozen=True)
class CosineDecayRestarts(Scaled):
    """Cosines one behind the other: the i-th lasts first_decay_steps t_mul^i, from eta m_mul^i.

    Args:
        learning_rate: rate eta > 0 at t = 0.
        first_decay_steps: updates in the first cosine.
        t_mul, m_mul: multipliers of the length, >= 1, and of the height, >= 0, from one cosine to
            the next.
        alpha: the lowest rate as a share of eta.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Loshchilov and Hutter 2017 (SGDR).

    Example:
        >>> from descend.train.rules.schedules import CosineDecayRestarts
        >>> [round(float(CosineDecayRestarts(0.1, 10, m_mul=0.5)(t)), 3) for t in (0, 5, 10, 20)]
        [0.1, 0.05, 0.05, 0.025]
    """

    first_decay_steps: int
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def factor(self, step: Any) -> Any:
        """Return the cosine that step is in."""
        share = step / self.first_decay_steps
        if self.t_mul == 1:
            i = jnp.floor(share)
            share = share - i
        else:
            i = jnp.floor(jnp.log(1 - share * (1 - self.t_mul)) / math.log(self.t_mul))
            share = (share - (1 - self.t_mul**i) / (1 - self.t_mul)) / self.t_mul**i
        cosine = 0.5 * self.m_mul**i * (1 + jnp.cos(jnp.pi * share))
        return (1 - self.alpha) * cosine + self.alpha


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """eta_t = values[i], i the number of boundaries below t: values[0] up to and with the first.

    Args:
        boundaries: steps, growing.
        values: rates, one more than boundaries. In a sweep of the learning rate it is the largest.
    Raises:
        DescendError: counts that do not fit, boundaries that do not grow, a negative rate.
    Source: Keras's API, schedules.PiecewiseConstantDecay.

    Example:
        >>> from descend.train.rules.schedules import PiecewiseConstantDecay
        >>> [round(float(PiecewiseConstantDecay([10], [0.1, 0.01])(t)), 3) for t in (10, 11)]
        [0.1, 0.01]
    """

    boundaries: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("boundaries", "values"):
            if not all(map(checks.is_number, checks.entries(self, name, "a list of numbers"))):
                raise DescendError(f"PiecewiseConstantDecay: {name} must hold finite numbers")
        if len(self.values) != len(self.boundaries) + 1:
            raise DescendError(
                f"PiecewiseConstantDecay: {len(self.boundaries)} boundaries need "
                f"{len(self.boundaries) + 1} values, got {len(self.values)}"
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise DescendError(
                f"PiecewiseConstantDecay: boundaries must grow, got {self.boundaries}"
            )
        if not all(v >= 0 for v in self.values) or not max(self.values) > 0:
            raise DescendError(f"PiecewiseConstantDecay: values must be >= 0, got {self.values}")

    @property
    def base(self) -> float:
        """The largest rate."""
        return max(self.values)

    def with_base(self, rate: Any) -> Schedule:
        """Return all rates in proportion."""
        return dataclasses.replace(self, values=tuple(v * rate / self.base for v in self.values))

    def factor(self, step: Any) -> Any:
        """Return the step's rate as a share of the largest."""
        beyond = jnp.asarray(step) > jnp.asarray(self.boundaries, jnp.result_type(float))
        return jnp.asarray(self.values)[jnp.sum(beyond)] / self.base


@dataclass(frozen=True)
class WarmupCosine(Scaled):
    """Linear from 0 to eta over `warmup_steps`, then a cosine to 0 at `decay_steps`.

    Args:
        learning_rate: the highest rate eta > 0.
        warmup_steps: updates of the line.
        decay_steps: updates of both together.
    Raises:
        DescendError: a number out of range, decay_steps <= warmup_steps, or an unknown argument.
    Source: Goyal et al. 2017; Loshchilov and Hutter 2017 (SGDR).

    Example:
        >>> from descend.train.rules.schedules import WarmupCosine
        >>> [round(float(WarmupCosine(0.1, 10, 110)(t)), 3) for t in (5, 10, 60, 110)]
        [0.05, 0.1, 0.05, 0.0]
    """

    warmup_steps: int
    decay_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.warmup_steps < self.decay_steps:
            raise DescendError(
                f"WarmupCosine: decay_steps counts the ramp too, so it must exceed warmup_steps "
                f"{self.warmup_steps}, got {self.decay_steps}"
            )

    def factor(self, step: Any) -> Any:
        """Return the ramp, then the cosine."""
        return optax.warmup_cosine_decay_schedule(0.0, 1.0, self.warmup_steps, self.decay_steps)(
            step
        )


@dataclass(frozen=True)
class Warmup(Scaled):
    """Linear from 0 to eta over `warmup_steps`, constant afterwards.

    Args:
        learning_rate: the last rate eta > 0.
        warmup_steps: updates of the line; 0 for none.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD".

    Example:
        >>> from descend.train.rules.schedules import Warmup
        >>> [round(float(Warmup(0.1, warmup_steps=10)(t)), 3) for t in (0, 5, 10, 20)]
        [0.0, 0.05, 0.1, 0.1]
    """

    warmup_steps: int

    def factor(self, step: Any) -> Any:
        """Return min(t / warmup_steps, 1)."""
        if self.warmup_steps == 0:
            return jnp.ones(())
        return optax.linear_schedule(0.0, 1.0, self.warmup_steps)(step)


@dataclass(frozen=True)
class OneCycle(Scaled):
    """Cosine from eta/div up to eta at `peak` of the run, down to eta/(div final_div) at its end.

    Args:
        learning_rate: the highest rate eta > 0.
        total_steps: updates in the run.
        peak: share of the run in [0, 1) at which the rate is highest.
        div, final_div: divisors > 0 that give the first rate, and with it the last.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Smith 2018; PyTorch's convention for the end.

    Example:
        >>> from descend.train.rules.schedules import OneCycle
        >>> [round(float(OneCycle(0.1, total_steps=100)(t)), 3) for t in (0, 30)]
        [0.004, 0.1]
    """

    total_steps: int
    peak: float = 0.3
    div: float = 25.0
    final_div: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.fraction(self, "peak")

    def factor(self, step: Any) -> Any:
        """Return the cycle; peak 1."""
        return optax.cosine_onecycle_schedule(
            self.total_steps, 1.0, self.peak, self.div, self.final_div
        )(step)


@dataclass(frozen=True)
class CosineLog(Scaled):
    """eta_t = eta (1 - cos(2 pi log2(1 + (2^cycles - 1) t / total_steps))) / 2, zero at both ends.

    Cycles of doubling length: many small rates, and every rate several times.

    Args:
        learning_rate: the highest rate eta > 0.
        total_steps: updates in the run.
        cycles: number of waves.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Holzmueller et al. 2024 (RealMLP), with four cycles ("coslog4").

    Example:
        >>> from descend.train.rules.schedules import CosineLog
        >>> [round(float(CosineLog(0.1, 15)(t)), 3) for t in (0, 2**0.5 - 1, 1, 3, 15)]
        [0.0, 0.1, 0.0, 0.0, 0.0]
    """

    total_steps: int
    cycles: int = 4

    def factor(self, step: Any) -> Any:
        """Return the waves; at most 1."""
        share = jnp.clip(step / self.total_steps, 0.0, 1.0)
        turns = jnp.log2(1 + (2**self.cycles - 1) * share)
        return 0.5 * (1 - jnp.cos(2 * jnp.pi * turns))
