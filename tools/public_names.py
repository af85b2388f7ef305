"""The public names, room by room, each once: what the reference shows and what tests ask of it.

    python tools/public_names.py            how many docstrings have which sections
    python tools/public_names.py ROOM ...   what each name of these rooms lacks

A name that several rooms export belongs to the room whose path is the longest: `descend.Dense` is
`descend.nn.layers.Dense`. The face `descend.keras` repeats names of other rooms in Keras's places;
its page is docs/keras.md.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from collections import Counter
from typing import Any, NamedTuple

ROOMS = (
    "descend",
    "descend.nn.layers",
    "descend.nn.activations",
    "descend.nn.losses",
    "descend.nn.initializers",
    "descend.nn.regularizers",
    "descend.train.engine",
    "descend.train.rules",
    "descend.train.rules.schedules",
    "descend.train.model",
    "descend.train.many",
    "descend.train.saving",
    "descend.train.callbacks",
    "descend.train.metrics",
    "descend.train.carry",
    "descend.neurons",
    "descend.neurons.classic",
    "descend.glass",
    "descend.tables",
    "descend.text",
    "descend.music",
    "descend.economies",
    "descend.economies.dynamic_programming",
    "descend.agents",
    "descend.agents.adapters",
    "descend.agents.alphazero",
    "descend.forecasting",
    "descend.forecasting.measures",
    "descend.errors",
    "descend.lab",
)
# what every layer, rule or loss takes is said once, in the docstring of the class they share
SECTIONS = ("Args", "Returns", "Raises", "Source", "Example")
LEFT = {"self", "args", "kwargs"}


class Public(NamedTuple):
    """A public name: the room it is shown in, the name, and what it stands for."""

    room: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """The dotted path by which it is imported."""
        return f"{self.room}.{self.name}"


def exported(room: str) -> list[str]:
    """The classes and functions that a room exports, in the order of the alphabet."""
    module = importlib.import_module(room)
    stated = getattr(module, "__all__", None)
    if stated is None:
        home = module.__name__
        stated = [n for n, v in vars(module).items() if of_room(n, v, home)]
    values = {n: getattr(module, n) for n in stated if not n.startswith("_")}
    return sorted(n for n, v in values.items() if inspect.isclass(v) or inspect.isroutine(v))


def of_room(name: str, value: Any, home: str) -> bool:
    """Whether a module without `__all__` means a name of its namespace to be used from outside."""
    return not name.startswith("_") and getattr(value, "__module__", "").startswith(home)


def public() -> list[Public]:
    """Every public name once."""
    names: dict[int, Public] = {}
    for room in sorted(ROOMS, key=lambda r: r.count(".")):  # the deepest room has the last word
        for name in exported(room):
            value = getattr(importlib.import_module(room), name)
            before = names.get(id(value))
            if before and before.room == room and before.name == getattr(value, "__name__", ""):
                continue  # an alias (Convolution2D) is shown where the class is (Conv2D)
            names[id(value)] = Public(room, name, value)
    return sorted(names.values(), key=lambda p: (ROOMS.index(p.room), p.name))


def arguments(value: Any) -> list[str]:
    """The names of the arguments that a call of it takes; of a layer, those of its own fields."""
    if inspect.isclass(value) and dataclasses.is_dataclass(value):
        bases = (getattr(b, "__dataclass_fields__", {}) for b in value.__mro__[1:])
        inherited = {name for fields in bases for name in fields}
        fields = [f.name for f in dataclasses.fields(value) if f.init]
        own = [n for n in fields if n not in inherited]
        return [n for n in own if not n.startswith("_")]
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    return [n for n in parameters if n not in LEFT and not n.startswith("_")]


def lacking(item: Public) -> list[str]:
    """What the docstring of a name lacks of SECTIONS, in words; empty where it has all."""
    text = inspect.getdoc(item.value) or ""
    if inspect.isclass(item.value) and "__doc__" not in vars(item.value):
        text = ""
    missing = []
    unnamed = [a for a in arguments(item.value) if not re.search(rf"(?m)^\s+.*\b{a}\b.*:", text)]
    if unnamed:
        missing.append("Args: " + ", ".join(unnamed))
    gives = None
    if not inspect.isclass(item.value):
        gives = inspect.signature(item.value).return_annotation
    if gives not in (None, "None") and not re.search(r"(?m)^Returns:", text):
        missing.append("Returns")
    error = inspect.isclass(item.value) and issubclass(item.value, BaseException)
    if not error and not re.search(r"(?m)^Raises:", text):
        missing.append("Raises")
    if not re.search(r"(?m)^Source:", text):
        missing.append("Source")
    if not re.search(r"(?m)^\s*>>> ", text):
        missing.append("Example")
    return missing


def main(rooms: list[str]) -> None:
    """Print the count of each section, or what the names of some rooms lack."""
    items = public()
    if rooms:
        for item in items:
            if item.room in rooms and (missing := lacking(item)):
                print(f"{item.path:60} {'; '.join(missing)}")
        return
    counts = Counter(part.partition(":")[0] for item in items for part in lacking(item))
    print(f"{len(items)} public names")
    for section in SECTIONS:
        print(f"{section:8} {len(items) - counts[section]:4}")


if __name__ == "__main__":
    main(sys.argv[1:])
