"""How `descend.keras.layers` and its like find a name, and what they say where there is none."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dis import opmap
from typing import Any

from descend.errors import DescendError
from descend.keras.lists import LISTS
from descend.keras.table import TABLE


class AbsentName(DescendError, AttributeError):
    """A name of Keras's that is not here, or one that nobody has."""


class AbsentImport(DescendError, ImportError):
    """The same, asked for by `from ... import`."""


def face(package: str, key: str) -> tuple[Callable, Callable, list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of the package that serves a list.

    Args:
        package: its name.
        key: the list's name in `TABLE`.
    """
    names, listed = TABLE[key], (*LISTS[key], *TABLE[key].more)

    def load(name: str) -> Any:
        known = name in listed or name in names.renamed
        value = names.load(name) if known else None
        if value is None:
            there = [n for n in listed if n not in names.absent]
            raise absent(f"keras.{key}.{name}", name, names.absent, there)
        setattr(sys.modules[package], name, value)
        return value

    def present() -> list[str]:
        return sorted(n for n in listed if names.load(n) is not None)

    return load, present, list(listed)


def absent(asked: str, name: str, why: Mapping[str, str], known: Sequence[str]) -> DescendError:
    """The error for a name that is not here; to be raised by a module's `__getattr__`.

    Args:
        asked: the name as it was asked for.
        name: its last part.
        why: {name: why it is not here}.
        known: the names that are.
    """
    if name in why:
        message = f"{asked} is not here: {why[name]}. See docs/keras.md."
    else:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        message = f"there is no {asked}. {hint}"
    return (AbsentImport if _imported(sys._getframe(2)) else AbsentName)(message)


def _imported(frame: Any) -> bool:
    """Whether a frame is at `from ... import name`, which hides an AttributeError's message."""
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]
