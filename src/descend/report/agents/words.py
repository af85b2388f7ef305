"""How settings, rules and environments are written: as Python that makes them again."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

from descend.agents.environment import Environment
from descend.agents.registry import ENVIRONMENTS

OWN = "descend.agents.environments."


def call(value: Any, name: str | None = None) -> str:
    """A value as Python: of a description, a call with what differs from its defaults.

    Args:
        value: number, text, tuple, or a frozen description (rule, layer, settings).
        name: name in the place of its class's.
    """
    if isinstance(value, tuple):
        parts = ", ".join(call(part) for part in value)
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return repr(value)
    given = [
        f"{f.name}={call(getattr(value, f.name))}"
        for f in dataclasses.fields(value)
        if f.init and not _same(getattr(value, f.name), f)
    ]
    return f"{name or type(value).__name__}({', '.join(given)})"


def _same(value: Any, f: dataclasses.Field) -> bool:
    default = f.default
    if default is dataclasses.MISSING and f.default_factory is not dataclasses.MISSING:
        default = f.default_factory()
    return type(value) is type(default) and bool(value == default)


def registered(environment: Environment) -> str | None:
    """The name by which `make` knows the environment's class; None: it does not."""
    cls = type(environment)
    place = f"{cls.__module__.removeprefix(OWN)}:{cls.__qualname__}"
    return next((name for name, (where, _) in ENVIRONMENTS.items() if where == place), None)


def made(environment: Environment) -> tuple[str, str]:
    """How an environment is made again: (what is imported, the call)."""
    name, cls = registered(environment), type(environment)
    if name is None:
        return f"from {cls.__module__} import {cls.__qualname__}", call(environment)
    own = call(environment)[len(cls.__name__) + 1 : -1]
    return "", f'make("{name}"{f", {own}" if own else ""})'


def first_words(cls: type) -> str:
    """The first paragraph of a class's own docstring, in one line; "" where it has none."""
    text = inspect.cleandoc(cls.__doc__ or "") if "__doc__" in vars(cls) else ""
    # dataclasses write a signature where the author wrote nothing
    return "" if text.startswith(f"{cls.__name__}(") else " ".join(text.split("\n\n")[0].split())


def documented(cls: type, name: str) -> str:
    """What a class's docstring, or that of one it is made of, says of an argument; or ""."""
    for one in cls.__mro__:
        line = re.search(rf"(?m)^ +(?:\w+, )*{name}(?:, \w+)*: (.+)$", one.__doc__ or "")
        if line:
            return line[1].rstrip(".").partition(";")[0]
    return ""
