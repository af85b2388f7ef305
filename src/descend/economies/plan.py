"""How an economy is solved: every argument of `solve` that is about the how, checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from descend.economies.accuracy import FIGURES, SETS, Size
from descend.economies.learner import Sampling
from descend.economies.network import Shape
from descend.economies.statement import Economy, named
from descend.errors import DescendError, unknown
from descend.nn.checks import is_number, number, whole
from descend.statement import author
from descend.train.rules import Adam, Optimizer
from descend.train.rules import get as optimizer_named
from descend.train.rules.schedules import CosineDecay

POLISHINGS = ("gauss-newton", "lbfgs", None)


@dataclass(frozen=True)
class Plan:
    """How an economy is solved. Each field is also a keyword of `solve`.

    Where `solve` gets keywords and no Plan, an economy's own (`Economy.plan`) fills the others.

    Args:
        aim: residual to reach: a number for the mean residual of the worst condition on the ergodic
            set, or a dict such as {"ergodic mean": 5e-5, "ergodic max": 5e-4, "box mean": 1e-3};
            training stops when every seed has met it. None: the economy's own, `Economy.aim`. A
            policy is wrong by more than its residual, often by ten times as much.
        seeds: number of networks trained side by side from different weights; the best by the
            judging rule that is solved is the solution, and how many reached the aim is reported.
        updates: number of first-order updates at most. They only have to bring the policy near:
            polishing does the rest better from a network that is not far bent.
        polish: name of the method behind the first-order updates: "gauss-newton", "lbfgs" or None.
        polishing_steps: number of its steps at most; a seed that has not become better by a tenth
            in 25 steps is left as it is.
        hidden: numbers of units of the hidden layers. (16, 16) is enough for one to three states;
            more states or kinks want (32, 32) or more, at four times the price of a polishing step.
        activation: name of the hidden layers' function.
        paths: number of paths simulated side by side.
        periods: number of periods that each path goes on for between rounds of updates.
        batch: number of points of an update, at most paths * periods.
        box: share of every batch drawn from the economy's box instead of the paths. 0 trains on
            the ergodic set alone, 1 on the box alone: see the lab "box_only" on both.
        learning_rate: rate of Adam, falling to a hundredth along a cosine.
        optimizer: first-order rule in place of that Adam, by name or object.
        rule: name of the rule that takes expectations in training; by default gauss-hermite:5 for
            one or two normal shocks, monomial:3 beyond. See `descend.economies.expectations`.
        judged_by: name of the finer rule that the accuracy is measured by.
        dtype: name of the number type, "float64" or "float32", of weights, states and everything
            between.
        over: {parameter: (low, high)}: parameters that become states; solve once, use for every
            value.
        homotopy: {parameter: value to begin with}: the economy is solved there first and followed
            to its own values; a step that fails is halved.
        size: Size, the numbers of points that the final accuracy is measured on.
        seed: number that every random draw follows from.

    Raises:
        DescendError: an argument out of its range.

    Source: descend's own; the loss is that of scheidegger-2020, "Deep Equilibrium Nets".

    Example:
        >>> from descend.economies import Plan
        >>> plan = Plan(aim=1e-5, seeds=4)
        >>> plan.seeds, plan.hidden, plan.polish
        (4, (16, 16), 'gauss-newton')
    """

    aim: float | Mapping[str, float] | None = None
    seeds: int = 2
    updates: int = 200
    polish: str | None = "gauss-newton"
    polishing_steps: int = 60
    hidden: tuple[int, ...] = (16, 16)
    activation: str = "swish"
    paths: int = 256
    periods: int = 10
    batch: int = 256
    box: float = 0.25
    learning_rate: float = 0.005
    optimizer: Optimizer | str | None = None
    rule: str | None = None
    judged_by: str | None = None
    dtype: str = "float64"
    over: Mapping[str, tuple[float, float]] | None = None
    homotopy: Mapping[str, float] | None = None
    size: Size = field(default_factory=Size)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.aim is not None:
            _aims(self.aim)
        least = {"seeds": 1, "updates": 0, "polishing_steps": 0, "seed": 0}
        for name in ("paths", "periods", "batch"):
            least[name] = 1
        for name, bound in least.items():
            whole(f"solve: {name}", getattr(self, name), bound)
        if self.polish not in POLISHINGS:
            raise unknown("polishing", self.polish, [str(p) for p in POLISHINGS])
        if not isinstance(self.hidden, (tuple, list)):
            raise DescendError(
                "solve: hidden must be the units of each layer, such as (16, 16), got "
                f"{self.hidden!r}"
            )
        if self.batch > self.paths * self.periods:
            raise DescendError(
                f"solve: batch is at most paths * periods = {self.paths * self.periods}, got "
                f"{self.batch}"
            )
        if not (is_number(self.box) and 0 <= self.box <= 1):
            raise DescendError(f"solve: box must be a share between 0 and 1, got {self.box!r}")
        number("solve: learning_rate", self.learning_rate, above=0)
        _mapping("homotopy", self.homotopy, "{parameter: value to begin with}")
        ranges = "{parameter: (low, high)}"
        for name, ends in _mapping("over", self.over, ranges).items():
            pair = isinstance(ends, (tuple, list)) and len(ends) == 2
            if not pair or not all(map(is_number, ends)):
                raise DescendError(f"solve: over must be {ranges}, got {name!r}: {ends!r}")
        if not isinstance(self.size, Size):
            raise DescendError(f"solve: size must be a Size, such as Size(), got {self.size!r}")

    # -- what the stages make of it -------------------------------------------------------------

    def aims(self, economy: Economy) -> tuple[dict[str, float], str]:
        """({"ergodic mean": value, ...}, whose aim it is where none was given)."""
        if self.aim is not None:
            return _aims(self.aim), ""
        own = type(economy).aim is not Economy.aim
        with author(economy, "aim"):
            aims = _aims(named(economy, "aim", economy.aim()))
        return aims, f"default of {'this model' if own else 'solve'}"

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The parameters that become states: {name: (low, high)}."""
        return {name: (float(low), float(high)) for name, (low, high) in (self.over or {}).items()}

    @property
    def beginnings(self) -> dict[str, float]:
        """The parameters that are followed from an easier economy: {name: value to begin with}."""
        return {name: float(value) for name, value in (self.homotopy or {}).items()}

    @property
    def network(self) -> Shape:
        """The network of the policies."""
        return Shape(tuple(self.hidden), self.activation)

    @property
    def sampling(self) -> Sampling:
        """Where the first-order updates are made."""
        return Sampling(self.paths, self.periods, self.batch, float(self.box))

    @property
    def first_order(self) -> Optimizer:
        """The optimizer given, or Adam on a cosine of all updates."""
        if self.optimizer is not None:
            return optimizer_named(self.optimizer)
        return Adam(CosineDecay(self.learning_rate, max(self.updates, 1), alpha=0.01))


def keywords() -> list[inspect.Parameter]:
    """The fields of Plan as keywords of a function."""
    return list(inspect.signature(Plan, eval_str=False).parameters.values())


def plan_of(economy: Economy, plan: Plan | None, changes: Mapping[str, Any]) -> Plan:
    """The plan, or else the economy's own, with some fields replaced.

    Raises:
        DescendError: a name that is no field, a value out of its range.
    """
    names = [f.name for f in fields(Plan)]
    if plan is None:
        with author(economy, "plan"):
            values = named(economy, "plan", economy.plan())
            _require_fields("field of Plan", values, names)
    elif isinstance(plan, Plan):
        values = {name: getattr(plan, name) for name in names}
    else:
        raise DescendError(
            f"solve: expected a Plan behind the economy, such as Plan(seeds=4), got {plan!r}"
        )
    others = ["start_from", "verbose", "checkpoint", "resume"]
    _require_fields("argument of solve", changes, names + others)
    return Plan(**{**values, **changes})


def _require_fields(kind: str, values: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in values:
        if name not in names:
            raise unknown(kind, name, names)


def _aims(aim: Any) -> dict[str, float]:
    """{"ergodic mean": value, ...}; a number is an aim for just that one."""
    aims = dict(aim) if isinstance(aim, Mapping) else {"ergodic mean": aim}
    if not aims:
        raise DescendError("solve: the aim names no figure; leave it out for the economy's own")
    for words, value in aims.items():
        which, _, what = words.partition(" ")
        if which not in SETS or what not in FIGURES:
            raise unknown("aim", words, [f"{s} {f}" for s in SETS for f in FIGURES])
        number(f"solve: the aim {words!r}", value, above=0)
    return {words: float(value) for words, value in aims.items()}


def _mapping(name: str, value: Any, wanted: str) -> Mapping[str, Any]:
    if not isinstance(value or {}, Mapping):
        raise DescendError(f"solve: {name} must be {wanted}, got {value!r}")
    return value or {}
