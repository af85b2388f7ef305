"""Whether a value is what an annotation says: for what is read from a file before it is used."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, get_args, get_origin, get_type_hints


def conforms(value: Any, kind: Any, where: str = "it") -> None:
    """Raise TypeError unless a value, with all its parts, is of a kind.

    Args:
        value: anything; a dataclass is looked at field by field.
        kind: an annotation: a class, `X | None`, tuple[...], list[...], dict[...], a TypedDict. A
            whole number passes as float, a list as a tuple; True passes as no number.
        where: names the value in the error.
    """
    if not _fits(value, kind, where):
        name = getattr(kind, "__name__", None) if get_origin(kind) is None else None
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
        raise TypeError(f"{where} should be {name or kind}, and is {shown}")


def _fits(value: Any, kind: Any, where: str) -> bool:
    """Whether the value itself is of the kind; raises TypeError for a part of it that is not."""
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any or isinstance(kind, typing.TypeVar) or origin is ClassVar:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_any_fits(value, one, where) for one in inside)
    if kind in (None, types.NoneType):
        return value is None
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin in (tuple, list):
        if not isinstance(value, (tuple, list)):
            return False
        same = origin is list or (len(inside) == 2 and inside[1] is Ellipsis)
        kinds = [inside[0]] * len(value) if same else list(inside)
        if len(kinds) != len(value):
            return False
        for i, (part, one) in enumerate(zip(value, kinds, strict=True)):
            conforms(part, one, f"{where}[{i}]")
        return True
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            return False
        for name, part in value.items():
            conforms(name, inside[0], f"a name in {where}")
            conforms(part, inside[1], f"{where}[{name!r}]")
        return True
    if typing.is_typeddict(kind):
        if not isinstance(value, Mapping):
            return False
        for name, one in get_type_hints(kind).items():
            if name not in value:
                raise TypeError(f"{where} lacks {name!r}")
            conforms(value[name], one, f"{where}[{name!r}]")
        return True
    if isinstance(kind, type):
        if not isinstance(value, kind):
            return False
        if dataclasses.is_dataclass(value):
            hints = get_type_hints(type(value))
            for field in dataclasses.fields(value):
                conforms(getattr(value, field.name), hints[field.name], f"{where}.{field.name}")
    return True  # what annotations say beyond that is not looked at


def _any_fits(value: Any, kind: Any, where: str) -> bool:
    try:
        return _fits(value, kind, where)
    except TypeError:
        return False
