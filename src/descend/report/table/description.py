"""What a network is and how it was trained, read from its own description, not from the options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.table.document.fit import Layers
from descend.report.table.words import digits

WITH_UNITS = ("Dense", "NTKDense", "MemberDense")
EVERY_RULE = (
    *("weight_decay", "clipvalue", "clipnorm", "global_clipnorm", "gradient_accumulation_steps"),
    *("ema_momentum", "ema_overwrite_frequency"),
)
LABELS = {"total_steps": "updates in all"}


def network(described: Mapping[str, Any]) -> Layers:
    """Layers and regularisation of a network of a table.

    Args:
        described: the result of `Model.describe`.

    Returns:
        The layers; `dropout` and `l2` are the rates and penalties that occur, 0 for none.
    """
    layers = list(described["graph"]["layers"].values())
    every = [one["config"] for one in layers if one["class"] in WITH_UNITS]
    bags = [one["config"] for one in layers if one["class"] == "EmbeddingBag"]
    *hidden, last = every or [_of_words(bags[0])]
    members = [one["config"]["members"] for one in layers if one["class"] == "Members"]
    ends = [one["config"]["activation"] for one in layers if one["class"] == "Activation"]
    rates = [one["config"]["rate"] for one in layers if one["class"] == "Dropout"]
    penalties = [c["kernel_regularizer"]["l2"] for c in [*hidden, last] if c["kernel_regularizer"]]
    return {
        "hidden": [c["units"] for c in hidden],
        "activation": _one([c["activation"] for c in hidden]),
        "members": members[0] if members else 1,
        "outputs": last["units"],
        "output_activation": ends[-1] if ends else last["activation"],
        "dropout": _one(rates) or 0.0,
        "l2": _one(penalties) or 0.0,
    }


def _of_words(bag: Mapping[str, Any]) -> dict[str, Any]:
    """The last layer of a network of texts alone, in the words of a dense one."""
    return {"units": bag["output_dim"], "activation": "linear", "kernel_regularizer": None}


def _one(values: list[Any]) -> Any:
    """The value where all are the same, else the list; None for an empty one."""
    return values if len(set(map(str, values))) > 1 else (values[0] if values else None)


def loss(compiled: Mapping[str, Any]) -> str:
    """The loss in words; of members that share weights, that of each."""
    (one,) = compiled["loss"].values()
    words = f"{one['loss']['name']}, mean over members" if "loss" in one else one["name"]
    return words.replace("_", " ")


def rule(compiled: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The update rule and its rate as pairs of what and value."""
    numbers = dict(compiled["optimizer"])
    name, rate = numbers.pop("name"), numbers.pop("learning_rate")
    if not numbers.get("use_ema"):
        numbers.pop("ema_momentum", None)  # of an average that is not kept
    pairs = [("update rule", _listed(name, numbers))]
    if isinstance(rate, Mapping):
        schedule = dict(rate)
        words = schedule.pop("schedule")
        peak = schedule.pop("learning_rate")
        pairs.append(("learning rate", f"{digits(peak)} times the schedule"))
        pairs.append(("schedule", _listed(words, schedule)))
    else:
        pairs.append(("learning rate", f"{digits(rate)}, constant"))
    return pairs


def _listed(name: str, numbers: Mapping[str, Any]) -> str:
    # what every rule has (decay, clipping) goes behind what is its own, and only where it is used
    own_first = sorted(numbers.items(), key=lambda pair: pair[0] in EVERY_RULE)
    words = [
        f"{LABELS.get(key, key.replace('_', ' '))} {digits(value)}"
        for key, value in own_first
        if value is not None and not isinstance(value, bool)
    ]
    return f"{name.replace('_', ' ')}: {', '.join(words)}" if words else name
