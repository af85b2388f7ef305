"""How a Keras model was compiled, as far as descend has the same names."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Mapping
from typing import Any

from descend.errors import DescendError
from descend.nn import losses
from descend.train.rules import get as rule_of

# Keras's class -> (our name, {Keras's option: ours}); all other options must be off
_RULES: dict[str, tuple[str, dict[str, str]]] = {
    "SGD": ("sgd", {"momentum": "momentum", "nesterov": "nesterov"}),
    "Adam": ("adam", {"beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon"}),
    "AdamW": (
        "adamw",
        {n: n for n in ("beta_1", "beta_2", "epsilon", "weight_decay")},
    ),
    "RMSprop": ("rmsprop", {n: n for n in ("rho", "momentum", "epsilon")}),
    "Adagrad": (
        "adagrad",
        {"initial_accumulator_value": "initial_accumulator", "epsilon": "epsilon"},
    ),
}
_EVERY_RULES = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "gradient_accumulation_steps"),
    *("use_ema", "ema_momentum", "ema_overwrite_frequency"),
)
_NO_EFFECT = {"name", "learning_rate"}
# options of losses and metrics, at the values that ours compute with
_USUAL = {
    ("reduction", "sum_over_batch_size"),
    ("dtype", "float32"),
    ("axis", -1),
    ("label_smoothing", 0.0),
    ("threshold", 0.5),
}


class _CarryError(Exception):
    """A compilation that cannot be carried over; its message is the reason."""


def carry(model: Any, keras_model: Any) -> str | None:
    """Compile `model` as the Keras model is; None, or the reason why it was left alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = keras_model.get_compile_config()
        if not config:
            raise _CarryError("Keras cannot describe it")
        if config.get("weighted_metrics"):
            raise _CarryError(f"weighted_metrics={config['weighted_metrics']}")
        model.compile(
            optimizer=_rule(config["optimizer"]),
            loss=_by_place(config["loss"], _loss),
            metrics=_by_place(config.get("metrics") or [], _metric),
            loss_weights=config.get("loss_weights"),
        )
    except (_CarryError, DescendError) as reason:
        model.put_task(None)
        return str(reason)
    return None


def _rule(description: Any) -> Any:
    if isinstance(description, str):
        description = {"class_name": description, "config": {}}
    name, config = description["class_name"], dict(description["config"])
    if name not in _RULES:
        raise _CarryError(f"the optimizer {name!r} is not carried over")
    ours, options = _RULES[name]
    values = {mine: config.pop(theirs) for theirs, mine in options.items() if theirs in config}
    values |= {n: config.pop(n) for n in _EVERY_RULES if config.get(n) is not None}
    rate = config.get("learning_rate")
    if not isinstance(rate, (int, float)):
        raise _CarryError("its learning rate is a schedule")
    for option, value in config.items():
        if option not in _NO_EFFECT and value not in (None, False):
            raise _CarryError(f"the option {option}={value!r} of {name} is not carried over")
    # Keras keeps the rate in float32: .001 comes back as .0010000000474974513
    return rule_of({"name": ours, "learning_rate": float(f"{rate:.7g}"), **values})


def _by_place(value: Any, read: Any) -> Any:
    """A loss or metric, or a list or dict of them by output."""
    if isinstance(value, Mapping) and "class_name" not in value:
        return {name: _by_place(part, read) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_by_place(part, read) for part in value]
    return value if value is None else read(value)


def _loss(description: Any) -> Any:
    if isinstance(description, str):
        return description
    name, options = _named(description)
    name = losses.ALIASES.get(name, name)
    if name not in losses.BY_NAME:
        raise _CarryError(f"the loss {description['class_name']!r} is not carried over")
    cls: Any = losses.BY_NAME[name]
    known = {f.name for f in dataclasses.fields(cls)}
    for option, value in options.items():
        if option not in known:
            raise _CarryError(f"the option {option}={value!r} of {name!r} is not carried over")
    return {"name": name, **options}


def _metric(description: Any) -> Any:
    if isinstance(description, str):
        return description
    name, options = _named(description)
    if options:
        raise _CarryError(f"the options {options} of the metric {name!r} are not carried over")
    return "rmse" if name == "root_mean_squared_error" else name


def _named(description: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(our name, options that are not at their usual value) of a Keras loss or metric."""
    if not isinstance(description, Mapping) or "config" not in description:
        raise _CarryError(f"{description!r} is not carried over")
    config = description["config"] if isinstance(description["config"], Mapping) else {}
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", description["class_name"]).lower()
    usual = {("name", config.get("name")), *_USUAL}
    return name, {k: v for k, v in config.items() if v is not None and (k, v) not in usual}
