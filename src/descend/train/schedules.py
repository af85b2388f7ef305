"""Schedules: the learning rate as a function of the step ("Adaptive Learning Rate", eta_t).

Source: scheidegger-2020, "Few variants of SGD", "Setting the learning rate". Each is a frozen
description on an Optax schedule; t counts updates from 0. `ReduceLROnPlateau` and
`LearningRateScheduler`, which act between epochs, are callbacks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from descend.errors import DescendError, unknown


@dataclass(frozen=True)
class Schedule:
    """eta_t = learning_rate * factor(t).

    Args:
        learning_rate: the base (for one-cycle and warm-up: the peak) rate, > 0; may be swept.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
                raise DescendError(f"{type(self).__name__}: {name} must be >= 0, got {value}")
            if name.endswith("steps") and value < 1 and name != "warmup_steps":
                raise DescendError(f"{type(self).__name__}: {name} must be >= 1, got {value}")
        for name in ("learning_rate", "rate", "div", "final_div"):
            if not getattr(self, name, 1.0) > 0:
                raise DescendError(
                    f"{type(self).__name__}: {name} must be > 0, got {getattr(self, name)}"
                )

    def factor(self, step: Any) -> jax.Array:
        """eta_t / learning_rate at update `step`."""
        raise NotImplementedError

    def __call__(self, step: Any) -> jax.Array:
        """eta_t at update `step`."""
        return self.learning_rate * self.factor(step)


@dataclass(frozen=True)
class Constant(Schedule):
    """eta_t = eta."""

    def factor(self, step):
        """1."""
        return jnp.ones(())


@dataclass(frozen=True)
class StepDecay(Schedule):
    """eta_t = eta * rate^floor(t / every_steps)."""

    every_steps: int
    rate: float = 0.1

    def factor(self, step):
        """rate^floor(t / every_steps)."""
        return optax.exponential_decay(1.0, self.every_steps, self.rate, staircase=True)(step)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """eta_t = eta * rate^(t / decay_steps)."""

    decay_steps: int
    rate: float = 0.96

    def factor(self, step):
        """rate^(t / decay_steps)."""
        return optax.exponential_decay(1.0, self.decay_steps, self.rate)(step)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """eta_t = eta [(1 - alpha) (1 + cos(pi t / decay_steps)) / 2 + alpha], constant afterwards."""

    decay_steps: int
    alpha: float = 0.0

    def factor(self, step):
        """The cosine from 1 to alpha."""
        return optax.cosine_decay_schedule(1.0, self.decay_steps, self.alpha)(step)


@dataclass(frozen=True)
class WarmupCosine(Schedule):
    """Linear from 0 to eta over `warmup_steps`, then a cosine to 0 at `decay_steps`."""

    warmup_steps: int
    decay_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.warmup_steps < self.decay_steps:
            raise DescendError(
                f"WarmupCosine: decay_steps counts the ramp too, so it must exceed warmup_steps "
                f"{self.warmup_steps}, got {self.decay_steps}"
            )

    def factor(self, step):
        """The ramp, then the cosine."""
        return optax.warmup_cosine_decay_schedule(0.0, 1.0, self.warmup_steps, self.decay_steps)(
            step
        )


@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear from 0 to eta over `warmup_steps`, constant afterwards."""

    warmup_steps: int

    def factor(self, step):
        """min(t / warmup_steps, 1)."""
        if self.warmup_steps == 0:
            return jnp.ones(())
        return optax.linear_schedule(0.0, 1.0, self.warmup_steps)(step)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Cosine from eta/div up to eta at `peak` of the run, down to eta/(div final_div) at its end.

    Source: Smith 2018; PyTorch's convention for the end.
    """

    total_steps: int
    peak: float = 0.3
    div: float = 25.0
    final_div: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.peak < 1:
            raise DescendError(f"OneCycle: peak is a share of the run, below 1, got {self.peak}")

    def factor(self, step):
        """The cycle; peak 1."""
        return optax.cosine_onecycle_schedule(
            self.total_steps, 1.0, self.peak, self.div, self.final_div
        )(step)


@dataclass(frozen=True)
class CosineLog(Schedule):
    """eta_t = eta (1 - cos(2 pi log2(1 + (2^cycles - 1) t / total_steps))) / 2, zero at both ends.

    Cycles of doubling length: many small rates, and every rate several times.

    Source: Holzmueller et al. 2024 (RealMLP), with four cycles ("coslog4").
    """

    total_steps: int
    cycles: int = 4

    def factor(self, step):
        """The waves; at most 1."""
        share = jnp.clip(step / self.total_steps, 0.0, 1.0)
        turns = jnp.log2(1 + (2**self.cycles - 1) * share)
        return 0.5 * (1 - jnp.cos(2 * jnp.pi * turns))


BY_NAME: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "cosine": CosineDecay,
    "warmup": Warmup,
    "warmup_cosine": WarmupCosine,
    "one_cycle": OneCycle,
    "cosine_log": CosineLog,
}
_NAMES = {cls: name for name, cls in BY_NAME.items()}


def get(identifier: Schedule | dict) -> Schedule:
    """The schedule itself, or the one that its JSON form describes."""
    if isinstance(identifier, Schedule):
        return identifier
    options = dict(identifier)
    name = options.pop("schedule", None)
    if name not in BY_NAME:
        raise unknown("schedule", name, BY_NAME)
    return BY_NAME[name](**options)


def describe(schedule: Schedule) -> dict:
    """The JSON form."""
    return {"schedule": _NAMES[type(schedule)], **asdict(schedule)}
