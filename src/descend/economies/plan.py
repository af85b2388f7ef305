"""How an economy is solved: the arguments of `solve`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from descend.economies.accuracy import FIGURES, SETS
from descend.economies.learner import Sampling
from descend.economies.network import Shape
from descend.economies.points import outputs_of
from descend.economies.statement import Economy, author, named
from descend.errors import DescendError, unknown
from descend.train.optimizers import Adam, Optimizer
from descend.train.optimizers import get as optimizer_named
from descend.train.schedules import CosineDecay

POLISHINGS = ("gauss-newton", "lbfgs", None)


@dataclass(frozen=True)
class Plan:
    """How an economy is solved; the arguments of `solve`, checked.

    Attributes:
        aim_of: whose aim it is, in words, where none was given.
    """

    aim: Mapping[str, float]
    aim_of: str
    seeds: int
    updates: int
    polish: str | None
    polishing_steps: int
    network: Shape
    sampling: Sampling
    optimizer: Optimizer
    rule: str
    judged_by: str
    dtype: str
    seed: int


def aims_of(aim: Any, economy: Economy) -> tuple[dict[str, float], str]:
    """({"ergodic mean": value, ...}, whose aim it is); a number is an aim for just that one.

    Where none is given, it is the economy's own.
    """
    whose = ""
    if aim is None:
        own = type(economy).aim is not Economy.aim
        whose = f"default of {'this model' if own else 'solve'}"
        with author(economy, "aim"):
            return aims_of(named(economy, "aim", economy.aim()), economy)[0], whose
    aims = dict(aim) if isinstance(aim, Mapping) else {"ergodic mean": aim}
    if not aims:
        raise DescendError("solve: the aim names no figure; leave it out for the economy's own")
    for words, value in aims.items():
        which, _, what = words.partition(" ")
        if which not in SETS or what not in FIGURES:
            raise unknown("aim", words, [f"{s} {f}" for s in SETS for f in FIGURES])
        if not _number(value) or not 0 < value < np.inf:
            raise DescendError(f"the aim {words!r} must be a number > 0, got {value!r}")
    return {words: float(value) for words, value in aims.items()}, whose


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`; DescendError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise DescendError(f"solve: {name} must be a whole number >= {least}, got {value!r}")
    return int(value)


def polishing_of(name: str | None) -> str | None:
    """The name of a polishing, or None."""
    if name not in POLISHINGS:
        raise unknown("polishing", name, [str(p) for p in POLISHINGS])
    return name


def sampling_of(paths: int, periods: int, batch: int, box: float) -> Sampling:
    """Where an economy is trained."""
    for name, value in (("paths", paths), ("periods", periods), ("batch", batch)):
        whole(name, value, 1)
    if batch > paths * periods:
        raise DescendError(
            f"solve: batch is at most paths * periods = {paths * periods}, got {batch}"
        )
    if not (_number(box) and 0 <= box <= 1):
        raise DescendError(f"solve: box must be a share between 0 and 1, got {box!r}")
    return Sampling(paths, periods, batch, float(box))


def network_of(hidden: Any, activation: str) -> Shape:
    """The network of the policies."""
    if not isinstance(hidden, (tuple, list)):
        raise DescendError(
            f"solve: hidden must be the units of each layer, such as (32, 32), got {hidden!r}"
        )
    return Shape(tuple(hidden), activation)


def homotopy_of(homotopy: Any, economy: Economy) -> dict[str, float]:
    """{parameter: value to begin with}; the economy itself says whether it makes sense there."""
    begins = _mapping("homotopy", homotopy, "{parameter: value to begin with}")
    for name, value in begins.items():
        economy.with_parameters({name: value})
    outputs_of(economy.with_parameters(begins))
    return {name: float(value) for name, value in begins.items()}


def over_of(over: Any) -> dict[str, tuple[float, float]]:
    """{parameter: (low, high)}."""
    wanted = "{parameter: (low, high)}"
    ranges = _mapping("over", over, wanted)
    for name, ends in ranges.items():
        if not isinstance(ends, (tuple, list)) or len(ends) != 2 or not all(map(_number, ends)):
            raise DescendError(f"solve: over must be {wanted}, got {name!r}: {ends!r}")
    return {name: (float(low), float(high)) for name, (low, high) in ranges.items()}


def _mapping(name: str, given: Any, wanted: str) -> dict[str, Any]:
    if not isinstance(given or {}, Mapping):
        raise DescendError(f"solve: {name} must be {wanted}, got {given!r}")
    return dict(given or {})


def _number(value: Any) -> bool:
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)


def optimizer_of(optimizer: Any, rate: float, updates: int) -> Optimizer:
    """The optimiser given, or Adam on a cosine of so many updates."""
    if optimizer is not None:
        return optimizer_named(optimizer)
    if not _number(rate) or not 0 < rate < np.inf:
        raise DescendError(f"solve: learning_rate must be a number > 0, got {rate!r}")
    return Adam(CosineDecay(rate, max(updates, 1), alpha=0.01))
