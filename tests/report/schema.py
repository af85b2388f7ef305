"""Whether a JSON document is what its TypedDict says, no key more and no key less."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints


def departures(value: Any, kind: Any, where: str = "") -> list[str]:
    """The places where a value is not of a kind; of alternatives, those of the nearest."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        return departures(value, inside[0], where)
    if origin in (typing.Union, types.UnionType):
        return min((departures(value, one, where) for one in inside), key=len)
    if kind is Any:
        return []
    if typing.is_typeddict(kind):
        if not isinstance(value, dict):
            return [f"{where} is no {kind.__name__}"] * 99
        hints = get_type_hints(kind, include_extras=True)
        optional = {n for n, hint in hints.items() if get_origin(hint) is NotRequired}
        required = set(hints) - optional if kind.__total__ else set()
        wrong = [f"{where} lacks {name!r}" for name in required - set(value)]
        wrong += [f"{where} has {name!r}" for name in set(value) - set(hints)]
        shared = set(value) & set(hints)
        return wrong + [d for n in shared for d in departures(value[n], hints[n], f"{where}.{n}")]
    if origin in (list, dict):
        if not isinstance(value, origin):
            return [f"{where} is no {origin.__name__}"]
        items = enumerate(value) if origin is list else value.items()
        return [d for key, v in items for d in departures(v, inside[-1], f"{where}.{key}")]
    if origin is Literal:
        return [] if value in inside else [f"{where} is {value!r}"]
    if kind is float:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind is int:
        right = isinstance(value, int) and not isinstance(value, bool)
    else:
        right = isinstance(value, kind)
    return [] if right else [f"{where} is {value!r}, not {kind}"]
