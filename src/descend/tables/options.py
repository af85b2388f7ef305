"""What `fit` can be told, checked in one place for Python and for the command line."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from descend.errors import DescendError, unknown

RECIPES = ("realmlp", "mlp")
ONE_HOT = 9  # most levels that RealMLP turns into 0/1 numbers; others are embedded
# what the recipes choose where nobody else does
DEFAULTS: dict[str, dict[str, Any]] = {
    "realmlp": {
        "hidden": (128, 128, 128),
        "members": 4,
        "periodic": True,
        "epochs": 64,
        "optimizer": "adam",
        "dropout": 0.1,
        "patience": None,
    },
    "mlp": {
        "hidden": (64, 64),
        "members": 1,
        "periodic": False,
        "epochs": 200,
        "optimizer": "adam",
        "dropout": 0.0,
        "patience": 20,
    },
}


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The network and its training; None leaves the choice to the recipe (see `chosen`).

    Args:
        recipe: name of the recipe: "realmlp", the recipe RealMLP with members that share weights as
            in TabM; or "mlp", the multilayer perceptron of the lectures.
        hidden: numbers of units of the hidden layers; () for a linear model.
        activation: name of the hidden layers' activation.
        members: number of networks that share all but a factor of their inputs and their last
            layer.
        periodic: whether numbers also enter as learned waves of themselves.
        epochs: number of passes over the training rows, at most.
        patience: number of epochs without a better validation cost that are waited out; None: 20
            (mlp), or as the waves of rates have it (realmlp, see descend/tables/stopping.py). Kept
            are the weights of the best epoch in any case.
        batch_size: number of rows an update; None chooses by the number of rows.
        optimizer: name of an update rule (descend.train.rules).
        learning_rate: number > 0; None for the recipe's or the optimizer's own.
        dropout: share of the hidden units dropped in training, in [0, 1).
        l2: number >= 0, the strength of the penalty on the squared weights.
        seed: number that draws split, weights, batches and dropout.

    Raises:
        DescendError: a value out of range.

    Source: Holzmueller, Grinsztajn and Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs
    and Boosted Trees on Tabular Data"; Gorishniy et al. (2025), "TabM"; for "mlp" scheidegger-2020,
    "RECIPE FOR USING MLP" (I to IV).

    Example:
        >>> from descend.tables import NetworkOptions
        >>> options = NetworkOptions(recipe="mlp", hidden=(8,))
        >>> options.chosen("hidden"), options.chosen("epochs"), options.chosen("patience")
        ((8,), 200, 20)
    """

    recipe: str = "realmlp"
    hidden: tuple[int, ...] | None = None
    activation: str | None = None
    members: int | None = None
    periodic: bool | None = None
    epochs: int | None = None
    patience: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    dropout: float | None = None
    l2: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise unknown("recipe", self.recipe, RECIPES)
        if not isinstance(self.hidden, (tuple, list, type(None))):
            _require("hidden", self.hidden, False, "the units of each layer, such as (64, 64)")
        for size in self.hidden or ():
            _whole("hidden: units", size)
        _require("periodic", self.periodic, self.periodic in (None, True, False), "True or False")
        for name in ("members", "epochs", "patience", "batch_size"):
            value = getattr(self, name)
            if value is not None:
                _whole(name.replace("_", " "), value)
        rate = self.learning_rate
        sane = rate is None or (_is_number(rate) and rate > 0)
        _require("learning rate", rate, sane, "a number > 0")
        dropout = self.chosen("dropout")
        share = _is_number(dropout) and 0 <= dropout < 1
        _require("dropout", dropout, share, "at least 0 and below 1")
        _require("l2", self.l2, _is_number(self.l2) and self.l2 >= 0, "a number >= 0")
        seed = isinstance(self.seed, numbers.Integral) and 0 <= self.seed < 2**32
        _require("seed", self.seed, seed, "a whole number from 0 to 2^32 - 1")

    def chosen(self, name: str) -> Any:
        """The value of an option, the recipe's where it is None."""
        value = getattr(self, name)
        return DEFAULTS[self.recipe].get(name) if value is None else value

    @property
    def waits(self) -> int:
        """Epochs without a better validation cost before training stops; all of them: never."""
        return self.chosen("patience") or self.chosen("epochs")

    @property
    def encoding(self) -> dict[str, Any]:
        """How the recipe encodes columns: arguments of `Encoder.fit`."""
        if self.recipe == "realmlp":
            return {"scaling": "robust", "one_hot": ONE_HOT}
        return {"scaling": "standard", "one_hot": None}

    def to_json(self) -> dict[str, Any]:
        """Write the options as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class FitOptions(NetworkOptions):
    """Choices for the whole way from a table to a tested network.

    Args:
        target: name of the column to predict, or several of numbers; None takes the table's own, or
            the last.
        task: name of the task: "classification", "regression", "count", "share", "quantile" or
            "censored" (see `descend.tables.heads`); None decides from the target.
        levels: levels of quantile regression, in (0, 1).
        formula: text that names target and inputs in one, "default ~ income + C(region) +
            income:age"; see `descend.data.formula.Design`.
        drop: names of columns to leave out.
        kinds: {column: kind} in place of what its values suggest.
        text: names of columns of free text to predict from; left out otherwise, where there is
            anything else.
        na: {column: values} that count as missing, such as {"income": ("-9999",)}; kept in the
            model, for rows to come.
        weight, group, time: names of the columns of row weights; of groups that no two parts share;
            of the time that test rows come last in. None of them is an input, but the time.
        gap: length of time before a later part that the earlier one leaves out, such as "30 days".
        validation_share, test_share: shares of the rows.
        sealed: whether the test part is left unopened at the end of training.
        recipe, hidden, activation, members, periodic, epochs, patience, batch_size, optimizer,
            learning_rate, dropout, l2, seed: as in NetworkOptions.

    Raises:
        DescendError: a value out of range, an unknown task, or a formula beside target or drop.

    Source: scheidegger-2020, "RECIPE FOR USING MLP" (I to IV); the choices are descend's own.

    Example:
        >>> from descend.tables import FitOptions
        >>> options = FitOptions(target="default", time="granted", gap="30 days", recipe="mlp")
        >>> options.test_share, options.sealed
        (0.2, False)
    """

    target: str | tuple[str, ...] | None = None
    task: str | None = None
    levels: tuple[float, ...] = (0.05, 0.5, 0.95)
    formula: str | None = None
    drop: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    na: Mapping[str, Sequence[str]] = field(default_factory=dict)
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    gap: str | float | None = None
    validation_share: float = 0.2
    test_share: float = 0.2
    sealed: bool = False

    def __post_init__(self) -> None:
        from descend.tables.heads import HEADS

        super().__post_init__()
        if self.task is not None and self.task not in HEADS:
            raise unknown("task", self.task, HEADS)
        if self.formula is not None and (self.target is not None or self.drop):
            raise DescendError("a formula names target and inputs: leave out target and drop")
        texts = self.text
        listed = isinstance(texts, (tuple, list)) and all(isinstance(name, str) for name in texts)
        _require("text", texts, listed, "a list of column names, such as ('review',)")
        if self.formula is not None and texts:
            raise DescendError("a formula names its inputs, and a text is none of its terms")
        require_levels(self.levels)

    @property
    def told(self) -> dict[str, str]:
        """{column: kind} as the user has it, columns of text among them.

        Raises:
            DescendError: a text that is of another kind too, or left out.
        """
        for name in self.text:
            other = "dropped" if name in self.drop else self.kinds.get(name, "text")
            if other != "text":
                raise DescendError(f"the column {name!r} cannot be both a text and {other}")
        return {**self.kinds, **dict.fromkeys(self.text, "text")}


def require_levels(levels: Any) -> None:
    """Raise DescendError unless it is a list of numbers between 0 and 1."""
    several = isinstance(levels, Iterable) and not isinstance(levels, (str, Mapping))
    listed = list(levels) if several else []
    inside = len(listed) > 0 and all(_is_number(level) and 0 < level < 1 for level in listed)
    _require("quantile levels", levels, inside, "numbers between 0 and 1")


def _is_number(value: Any) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _whole(name: str, value: Any) -> None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    _require(name, value, good, "a whole number >= 1")


def _require(name: str, value: Any, holds: bool, wanted: str) -> None:
    if not holds:
        raise DescendError(f"{name} must be {wanted}, got {value!r}")
