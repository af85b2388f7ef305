"""What an author states as a frozen dataclass: parameters with ranges, errors that name the line.

An economy and an environment are both written so: a class whose fields are numbers, and methods
that see one point. Traced numbers take the place of parameters that are swept, followed or states.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import linecache
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import jax
import numpy as np

from descend.errors import DescendError, unknown
from descend.signed import Signed


def parameter(
    default: float | None,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    least: float = -math.inf,
    most: float = math.inf,
    doc: str = "",
) -> Any:
    """A number of an economy or an environment, with the range in which it makes sense.

    Args:
        default: number, the value unless told otherwise; its type (int or float) is that of the
            parameter. None: a float, or None where it is to follow from something else.
        above, below: numbers that it may not reach.
        least, most: numbers that it may reach.
        doc: words for its meaning, for `descend solve --list` and reports.

    Returns:
        The default of a dataclass's field, with the range in its metadata.

    Raises:
        Nothing of its own; the economy is refused when it is made, with a DescendError.

    Source: descend's own.

    Example:
        >>> from descend.economies.models.brock_mirman import BrockMirman  # beta = parameter(0.9,
        >>> from descend.errors import DescendError                        # above=0, below=1, ...)
        >>> try:
        ...     BrockMirman(beta=1.2)
        ... except DescendError as error:
        ...     print(error)
        BrockMirman: beta (discount factor) must be > 0 and < 1, got 1.2
    """
    limits = {"above": above, "below": below, "least": least, "most": most, "doc": doc}
    return field(default=default, metadata=limits)


class Stated(Signed):
    """Of statements: a name that is no parameter is one error, with the nearest suggested."""

    def __call__(cls, *args: Any, **values: Any) -> Any:
        """Make one of the class."""
        taken = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
        if not any(p.kind is p.VAR_KEYWORD for p in taken):
            known = [p.name for p in taken][1:]
            for name in values:
                if name not in known:
                    raise unknown(f"parameter of {cls.__name__}", name, known)
        return super().__call__(*args, **values)


@dataclass(frozen=True)
class Statement(metaclass=Stated):
    """The base of what an author states: a frozen dataclass whose fields are parameters."""

    _contract = True  # a class of descend's that authors write others of

    def __post_init__(self) -> None:
        known = dataclasses.fields(self)
        hidden = [n for n, v in vars(type(self)).items() if isinstance(v, dataclasses.Field)]
        if hidden:
            raise DescendError(
                f"{type(self).__name__}: {', '.join(hidden)} became no parameter; write "
                "@dataclass(frozen=True) above the class"
            )
        for f in known:
            last = next((vars(c) for c in type(self).__mro__ if f.name in vars(c)), None)
            if last is not None and f.name not in last.get("__annotations__", {}):
                raise DescendError(
                    f"{type(self).__name__}: {f.name} without an annotation changes no parameter; "
                    f"write {f.name}: {type(f.default).__name__} = parameter(...)"
                )
            _in_range(type(self).__name__, f, getattr(self, f.name))

    @property
    def label(self) -> str:
        """The class's name."""
        return type(self).__name__

    def parameters(self) -> dict[str, Any]:
        """{name: value}."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def with_parameters(self, values: Mapping[str, Any]) -> Self:
        """A checked copy; raises DescendError for an unknown name or a value out of range."""
        known = {f.name: f for f in dataclasses.fields(self)}
        for name in values:
            if name not in known:
                raise unknown(f"parameter of {self.label}", name, known)
        return dataclasses.replace(self, **values)

    def bound(self, values: Mapping[str, Any]) -> Self:
        """A copy with traced numbers in the place of parameters; nothing is checked."""
        if not values:
            return self
        other = copy.copy(self)
        for name, value in values.items():
            object.__setattr__(other, name, value)
        return other


def _in_range(owner: str, f: dataclasses.Field, value: Any) -> None:
    limits = f.metadata
    if "doc" not in limits or (value is None and f.default is None):
        return
    whole = isinstance(f.default, int) and not isinstance(f.default, bool)
    kind = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise DescendError(
            f"{owner}: {f.name} must be a {'whole ' if whole else ''}number, got {value!r}"
        )
    words = [
        f"{sign} {limits[key]:g}"
        for key, sign in (("above", ">"), ("least", ">="), ("below", "<"), ("most", "<="))
        if math.isfinite(limits[key])
    ]
    inside = (
        math.isfinite(value)
        and limits["above"] < value < limits["below"]
        and limits["least"] <= value <= limits["most"]
    )
    if not inside:
        what = f" ({limits['doc']})" if limits["doc"] else ""
        wanted = " and ".join(words) or "finite"
        raise DescendError(f"{owner}: {f.name}{what} must be {wanted}, got {value:g}")


# -- errors that name the author's line ---------------------------------------------------------


class StatementError(DescendError):
    """An error in what an author stated; it names the method and the line."""


@contextlib.contextmanager
def author(statement: Statement, method: str) -> Iterator[None]:
    """Whatever goes wrong in the author's method becomes an error that names the line."""
    try:
        yield
    except StatementError:
        raise  # of a method that this one has called: that one's line is named
    except Exception as error:
        where = _line_of(statement, error) or _definition(statement, method)
        text = str(error).splitlines()
        words = text[0] if text else type(error).__name__
        prefix = f"{statement.label}.{method}"
        if isinstance(error, DescendError) and words.startswith(prefix):
            raise StatementError(f"{prefix}{where}{words.removeprefix(prefix)}") from error
        plain = isinstance(error, (DescendError, NotImplementedError))
        kind = "" if plain else f"{type(error).__name__}: "
        cure = _remedy(error, where)
        raise StatementError(f"{prefix}{where}: {kind}{words}{cure}") from error


def _remedy(error: BaseException, where: str) -> str:
    """What to write in place of Python or NumPy that needs a number where a state is traced."""
    line = where.partition(": ")[2]
    outside = re.search(r"\b(?:np|numpy|math)\.(\w+)", line)
    if isinstance(error, jax.errors.TracerBoolConversionError):
        if found := re.search(r"(?<![.\w])(max|min)\(", line):
            name = found[1]
            return f". Write jnp.{name}imum(a, b): Python's {name} asks which state is larger"
        return (
            ". Write jnp.where(condition, a, b) for `if`, and & or | for `and` or `or`: a state "
            "has other values at other points"
        )
    traced = (
        jax.errors.TracerArrayConversionError,
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerIntegerConversionError,
    )
    if isinstance(error, traced):
        name = outside[1] if outside else "exp"
        given = outside[0] if outside else "np.exp, float or int"
        return f". Write jnp.{name} (import jax.numpy as jnp) for {given}: states are JAX's arrays"
    return ""


def _line_of(statement: Statement, error: BaseException) -> str:
    """The last frame in a file of the statement's classes: " (file, line n: text)"."""
    files = set()
    for cls in type(statement).__mro__:
        if cls is not object and not vars(cls).get("_contract"):
            with contextlib.suppress(TypeError, OSError):
                files.add(inspect.getsourcefile(cls))
    where = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name in files:
            line = linecache.getline(name, trace.tb_lineno).strip()
            where = f" ({name}, line {trace.tb_lineno}: {line})"
        trace = trace.tb_next
    return where


def _definition(statement: Statement, method: str) -> str:
    """ " (file, line n)" where a method of the statement begins: what it returned was wrong."""
    cls = next((c for c in type(statement).__mro__ if method in vars(c)), None)
    code = getattr(vars(cls).get(method), "__code__", None) if cls else None
    if code is None or vars(cls).get("_contract"):  # a line of descend's own is of no help
        return ""
    return f" ({code.co_filename}, line {code.co_firstlineno})"
