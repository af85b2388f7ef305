"""Rules by name, and in JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import optax

from descend.errors import unknown
from descend.train.rules import schedules
from descend.train.rules.base import Numbers, Optimizer
from descend.train.rules.first_order import (
    SGD,
    Adadelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    GradientDescent,
    Lion,
    Momentum,
    Nadam,
    Nesterov,
    RMSProp,
)
from descend.train.rules.second_order import LBFGS, NewtonRaphson


@dataclass(frozen=True)
class OptaxOptimizer(Optimizer):
    """Any Optax transformation as it is; it is code, so a saved model does not carry it.

    Args:
        transformation: an `optax.GradientTransformation`, its learning rate inside.

    Raises:
        DescendError: an unknown argument.

    Source: descend's own; Optax, GradientTransformation.

    Example:
        >>> import optax
        >>> from descend.train.rules import OptaxOptimizer
        >>> rule = OptaxOptimizer(transformation=optax.lamb(0.01))
        >>> rule.numbers()  # there is nothing to sweep
        {}
    """

    known_as: ClassVar[str] = "optax"
    transformation: Any = None
    swept: ClassVar[tuple[str, ...]] = ()

    def _transform(self, numbers: Numbers) -> Any:
        return self.transformation

    def numbers(self) -> dict[str, float]:
        """Return none: they are inside the transformation."""
        return {}


BY_NAME: dict[str, type[Optimizer]] = {
    rule.known_as: rule
    for rule in (
        GradientDescent,
        SGD,
        Momentum,
        Nesterov,
        AdaGrad,
        RMSProp,
        Adam,
        AdamW,
        Adamax,
        Nadam,
        Adadelta,
        Lion,
        NewtonRaphson,
        LBFGS,
    )
}


def get(identifier: Any) -> Optimizer:
    """The rule meant by a name, an instance, its JSON form, or an Optax transformation.

    Args:
        identifier: name in capitals or small letters ("adam"), rule, dict of `describe`'s, or
            `optax.GradientTransformation`.

    Returns:
        An `Optimizer`.

    Raises:
        DescendError: an unknown name or argument (the nearest is suggested), one that is missing or
            out of range.

    Source: Keras's API, optimizers.get.

    Example:
        >>> from descend.train.rules import get
        >>> get("Adam").learning_rate, get({"name": "sgd", "learning_rate": 0.1}).learning_rate
        (0.001, 0.1)
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        options = dict(identifier)
        name = options.pop("name", None)
        if not isinstance(name, str) or name not in BY_NAME:
            raise unknown("optimizer", name, BY_NAME)
        return BY_NAME[name](**options)
    if isinstance(identifier, optax.GradientTransformation):
        return OptaxOptimizer(transformation=identifier)
    if isinstance(identifier, str) and identifier.lower() in BY_NAME:
        return BY_NAME[identifier.lower()]()
    raise unknown("optimizer", identifier, BY_NAME)


def describe(optimizer: Optimizer) -> dict[str, Any] | None:
    """The JSON form, or None for an Optax transformation or a schedule of the user's.

    Args:
        optimizer: an Optimizer.

    Returns:
        A dict {"name": ..., its arguments}, of which `get` makes the rule again; or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.train.rules import SGD, describe, get
        >>> describe(SGD(0.1))["learning_rate"], get(describe(SGD(0.1))) == SGD(0.1)
        (0.1, True)
    """
    if isinstance(optimizer, OptaxOptimizer):
        return None
    values = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
    if optimizer.schedule is not None:
        values["learning_rate"] = schedules.describe(optimizer.schedule)
        if values["learning_rate"] is None:
            return None
    return {"name": optimizer.name, **values}
