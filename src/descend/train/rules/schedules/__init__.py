"""Schedules: the learning rate as a function of the step ("Adaptive Learning Rate", eta_t).

Source: scheidegger-2020, "Few variants of SGD", "Setting the learning rate". Each is a frozen
description on an Optax schedule; t counts updates from 0. `ReduceLROnPlateau` and
`LearningRateScheduler`, which act between epochs, are callbacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from descend.errors import DescendError, unknown
from descend.train.rules.schedules.base import Schedule
from descend.train.rules.schedules.forms import (
    Constant,
    CosineDecay,
    CosineDecayRestarts,
    CosineLog,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
    Warmup,
    WarmupCosine,
)

__all__ = [
    "BY_NAME",
    "Constant",
    "CosineDecay",
    "CosineDecayRestarts",
    "CosineLog",
    "ExponentialDecay",
    "InverseTimeDecay",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
    "Warmup",
    "WarmupCosine",
    "describe",
    "get",
]

BY_NAME: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "inverse_time": InverseTimeDecay,
    "polynomial": PolynomialDecay,
    "piecewise": PiecewiseConstantDecay,
    "cosine_restarts": CosineDecayRestarts,
    "cosine": CosineDecay,
    "warmup": Warmup,
    "warmup_cosine": WarmupCosine,
    "one_cycle": OneCycle,
    "cosine_log": CosineLog,
}
_NAMES = {cls: name for name, cls in BY_NAME.items()}


def get(identifier: Schedule | Mapping[str, Any]) -> Schedule:
    """The schedule itself, or the one that its JSON form describes.

    Args:
        identifier: Schedule, or dict {"schedule": name, its arguments} as of `describe`.

    Returns:
        A `Schedule`.

    Raises:
        DescendError: an unknown name or argument, one that is missing, or a number out of range.

    Source: descend's own.

    Example:
        >>> from descend.train.rules.schedules import get
        >>> get({"schedule": "cosine", "learning_rate": 0.1, "decay_steps": 100}).decay_steps
        100
    """
    if isinstance(identifier, Schedule):
        return identifier
    if not isinstance(identifier, Mapping):
        raise DescendError(
            "a schedule is given as a Schedule, or as a dict with its name and its numbers, "
            f"{{'schedule': 'cosine', 'learning_rate': 0.1, ...}}; got {identifier!r}"
        )
    options = dict(identifier)
    name = options.pop("schedule", None)
    if not isinstance(name, str) or name not in BY_NAME:
        raise unknown("schedule", name, BY_NAME)
    return BY_NAME[name](**options)


def describe(schedule: Schedule) -> dict[str, Any] | None:
    """The JSON form; None for a schedule that is code of the user's.

    Args:
        schedule: a Schedule.

    Returns:
        A dict {"schedule": name, its arguments}, of which `get` makes it again; or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.train.rules.schedules import Warmup, describe
        >>> describe(Warmup(0.1, warmup_steps=10))
        {'schedule': 'warmup', 'learning_rate': 0.1, 'warmup_steps': 10}
    """
    if type(schedule) not in _NAMES:
        return None
    return {"schedule": _NAMES[type(schedule)], **asdict(schedule)}  # type: ignore[call-overload]
