"""What arguments may be, and what the fields of a layer, an initialiser or a loss may hold."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from descend.errors import DescendError, unknown

Made = TypeVar("Made")


def is_number(value: object) -> bool:
    """Whether it is one finite number, of Python's or NumPy's; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return bool(-math.inf < value < math.inf)


def is_whole(value: object) -> bool:
    """Whether it is one whole number, of Python's or NumPy's; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def whole(
    name: str,
    value: Any,
    least: int | None = None,
    *,
    optional: bool = False,
    error: type[DescendError] = DescendError,
) -> int:
    """The value as an int; raises `error` unless it is a whole number >= `least`.

    Args:
        name: what the message calls it.
        value: what was given.
        least: number that it may reach; None for any.
        optional: whether the message says that None would do.
        error: class of the error.
    """
    if not is_whole(value) or (least is not None and value < least):
        wanted = "a whole number" if least is None else f"a whole number >= {least}"
        wanted += " or None" if optional else ""
        raise error(f"{name} must be {wanted}, got {value!r}")
    return int(value)


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    optional: bool = False,
) -> float:
    """The value as a float; raises DescendError unless it is a finite number in the range.

    Args:
        name: what the message calls it.
        value: what was given.
        above: number that it may not reach.
        least: number that it may reach.
        optional: whether the message says that None would do.
    """
    low = -math.inf if least is None else least
    if not is_number(value) or value < low or (above is not None and not value > above):
        bound = f" > {above:g}" if above is not None else "" if least is None else f" >= {least:g}"
        raise DescendError(
            f"{name} must be a finite number{bound}{' or None' if optional else ''}, got {value!r}"
        )
    return float(value)


def true_or_false(owner: object, field: str, value: object) -> bool:
    """The value as a bool; raises DescendError for any other."""
    if not isinstance(value, (bool, np.bool_)):
        raise DescendError(f"{type(owner).__name__}: {field} must be True or False, got {value!r}")
    return bool(value)


def bools(owner: Any) -> None:
    """Raise DescendError unless the fields annotated `bool` hold True or False."""
    for field in dataclasses.fields(owner):
        if field.type in ("bool", bool):
            value = true_or_false(owner, field.name, getattr(owner, field.name))
            object.__setattr__(owner, field.name, value)


def whole_number(
    owner: object, field: str, least: int | None = None, *, optional: bool = False
) -> None:
    """Raise DescendError unless the field holds a whole number, >= `least` where that is given.

    Where it is `optional`, None passes too.
    """
    value = getattr(owner, field)
    if optional and value is None:
        return
    plain = whole(f"{type(owner).__name__}: {field}", value, least, optional=optional)
    object.__setattr__(owner, field, plain)  # numpy's would not go into JSON


def positive_int(owner: object, field: str, *, optional: bool = False) -> None:
    """Raise DescendError unless the field holds a whole number >= 1, or None if `optional`."""
    whole_number(owner, field, 1, optional=optional)


def finite_number(
    owner: object,
    field: str,
    *,
    above: float | None = None,
    least: float | None = None,
    optional: bool = False,
) -> None:
    """Raise DescendError unless the field holds a finite number in its range.

    Args:
        owner, field: a description, and the name of its field.
        above: number that it may not reach.
        least: number that it may reach.
        optional: whether None passes.

    A traced number passes, by which a sweep varies the field.
    """
    value = getattr(owner, field)
    if _is_traced(value) or (optional and value is None):
        return
    words = f"{type(owner).__name__}: {field}"
    number(words, value, above=above, least=least, optional=optional)
    _store_plain(owner, field, value)


def fraction(owner: object, field: str) -> None:
    """Raise DescendError unless the field holds a number in [0, 1) (or a traced one)."""
    value = getattr(owner, field)
    if _is_traced(value):
        return
    if not is_number(value) or not 0 <= value < 1:
        raise DescendError(f"{type(owner).__name__}: {field} must be in [0, 1), got {value!r}")
    _store_plain(owner, field, value)


def _is_traced(value: object) -> bool:
    return isinstance(value, (jax.Array, np.ndarray)) and value.ndim == 0


def _store_plain(owner: object, field: str, value: Any) -> None:
    if isinstance(value, np.generic):  # which would not go into JSON
        object.__setattr__(owner, field, value.item())


def are_numbers(value: object) -> bool:
    """Whether it is a finite number, or an array or list of them, not empty."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different length
        return False
    return array.dtype.kind in "iuf" and array.size > 0 and bool(np.isfinite(array).all())


def finite_numbers(
    owner: object, field: str, *, least: float = -math.inf, empty: bool = False
) -> None:
    """Store a number as a float and an array as nested tuples of them, which JSON can hold.

    Args:
        owner, field: a description, and the name of its field.
        least: number that none of them may lie below.
        empty: whether there may be none.

    Raises:
        DescendError: anything but finite numbers.
    """
    value = getattr(owner, field)
    none = empty and isinstance(value, (list, tuple)) and not value
    if not none and (not are_numbers(value) or (np.asarray(value) < least).any()):
        wanted = "numbers" if least == -math.inf else f"numbers >= {least:g}"
        raise DescendError(
            f"{type(owner).__name__}: {field} must hold finite {wanted}, got {value!r}"
        )
    object.__setattr__(owner, field, nested_floats(value))


def nested_floats(value: Any) -> Any:
    """A number, or nested tuples of numbers, which JSON can hold."""
    value = np.asarray(value, np.float64)
    return float(value) if value.ndim == 0 else tuple(nested_floats(v) for v in value)


def entries(owner: object, field: str, wanted: str) -> tuple[Any, ...]:
    """Store what the field lists as a tuple, which is returned; DescendError where it is no list.

    Args:
        owner, field: a description, and the name of its field.
        wanted: words for what it should list, in the error.
    """
    value = getattr(owner, field)
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise DescendError(f"{type(owner).__name__}: {field} must be {wanted}, got {value!r}")
    object.__setattr__(owner, field, tuple(value))
    listed: tuple[Any, ...] = getattr(owner, field)
    return listed


def optional_seed(owner: object) -> None:
    """Raise DescendError unless `seed` is None or a whole number that JAX folds into a key."""
    whole_number(owner, "seed", 0, optional=True)
    value = getattr(owner, "seed")  # noqa: B009
    if value is not None and value >= 2**32:
        raise DescendError(f"{type(owner).__name__}: seed must be below 2^32, got {value!r}")


def one_of(owner: object, field: str, known: tuple[str | None, ...]) -> None:
    """Raise DescendError unless the field holds one of the words known."""
    if getattr(owner, field) not in known:
        raise DescendError(
            f"{type(owner).__name__}: {field} must be one of {', '.join(map(repr, known))}, got "
            f"{getattr(owner, field)!r}"
        )


def made(cls: type[Made], arguments: Any, places: Sequence[Any] = ()) -> Made:
    """`cls(*places, **arguments)`, for arguments that come by name: from a file, or in a dict.

    Args:
        cls: class to make an object of.
        arguments: dict of its arguments.
        places: those that come by place.

    Raises:
        DescendError: an argument that it does not take (the nearest is suggested) or lacks, or no
            dict; what the class itself raises.
    """
    name = cls.__name__
    # not of the class: its metaclass or its __new__ may take anything
    signature = inspect.signature(getattr(cls, "__init__"))  # noqa: B009
    parameters = signature.parameters.values()
    known = [p.name for p in list(parameters)[1:] if p.kind is not p.VAR_KEYWORD]
    if not isinstance(arguments, Mapping):
        raise DescendError(
            f"{name}: its arguments are given as a dict, {{name: value}}, got {arguments!r}"
        )
    for argument in arguments:
        if argument not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise unknown(f"argument of {name}", argument, known)
    try:
        signature.bind(None, *places, **arguments)
    except TypeError as error:
        raise DescendError(f"{name} cannot be made: {error}; it takes {', '.join(known)}") from None
    return cls(*places, **arguments)
