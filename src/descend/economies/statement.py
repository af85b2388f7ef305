"""An economy, stated as on paper: what its author writes, and what is checked before it is solved.

    class Growth(Economy):
        beta: float = parameter(0.96, above=0, below=1)

        def states(self):     {"k": (low, high)}                     a box for each state
        def shocks(self):     {"e": Normal(std), "z": Chain(values, transition)}
        def policies(self):   {"saving": Share()}                    unknown functions of the state
        def transition(self, now, policy, shock):   {"k": next capital}
        def conditions(self, now, policy, E):       {"euler": a residual without units}

`E(f)` is the expectation of f(next state, next policy, shock) given `now`; the author wraps it as
the paper does, so that inverse Euler equations and complementarity are simply written down. All
methods see one point: numbers, or vectors for a state with a shape. The solver maps them over many.

Source: scheidegger-2020, "Deep Equilibrium Nets": G(x, f(x)) = 0 for all x, G free of units.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import linecache
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.outputs import Output
from descend.economies.point import Point
from descend.economies.shocks import Law
from descend.errors import DescendError, unknown


def parameter(
    default: float,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    least: float = -math.inf,
    most: float = math.inf,
    doc: str = "",
) -> Any:
    """A number of an economy, with the range in which it makes sense.

    Args:
        default: number, the value unless told otherwise; its type (int or float) is that of the
            parameter.
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


@dataclass(frozen=True)
class Economy:
    """The base of every statement; subclasses are frozen dataclasses whose fields are parameters.

    Small residuals do not make a policy the right one. A wrong branch is a policy that satisfies
    every condition and yet solves no household's problem: capital grows, or is eaten up, for ever
    (the transversality condition is no residual), and networks find it. The verdict of a solve sees
    paths that leave the box, or that crowd at an edge of it; it does not lead to the right branch,
    on which the next work is. A policy that bounds what is saved (`Share` of output) often does;
    clipping the state to its box does not: the path then runs to the edge and stays there.

    Raises:
        DescendError: a parameter outside the range that `parameter` gave it, or a class that is no
            frozen dataclass; `with_parameters` of an unknown name.

    Source: scheidegger-2020, "Deep Equilibrium Nets"; Azinovic, Gaegauf and Scheidegger (2022).

    Example:
        A share of output sqrt(k) is saved; its residual is zero where the share is the stated one.

        >>> from dataclasses import dataclass
        >>> from descend.economies import Economy, Share, parameter
        >>> @dataclass(frozen=True)
        ... class Solow(Economy):
        ...     share: float = parameter(0.3, above=0, below=1)
        ...     def states(self):
        ...         return {"k": (0.01, 1.0)}
        ...     def policies(self):
        ...         return {"saving": Share()}
        ...     def transition(self, now, policy, shock):
        ...         return {"k": policy.saving * now.k**0.5}
        ...     def conditions(self, now, policy, E):
        ...         return {"rule": policy.saving / self.share - 1}
        >>> Solow().with_parameters({"share": 0.2}).parameters()
        {'share': 0.2}
    """

    def __post_init__(self) -> None:
        known = dataclasses.fields(self)
        hidden = [n for n, v in vars(type(self)).items() if isinstance(v, dataclasses.Field)]
        if hidden:
            raise DescendError(
                f"{type(self).__name__}: {', '.join(hidden)} became no parameter; write "
                "@dataclass(frozen=True) above the class"
            )
        for f in known:
            _in_range(type(self).__name__, f, getattr(self, f.name))

    # -- what every economy states ------------------------------------------------------------

    def states(self) -> Mapping[str, tuple[Any, Any]]:
        """{name: (low, high)}: numbers, or vectors for a state with a shape.

        The box scales the network's inputs, is what `box` accuracy is judged on, and, somewhat
        widened, is where a simulated path is set back to the start.
        """
        raise NotImplementedError

    def policies(self) -> Mapping[str, Output]:
        """{name: Share, Positive, Bounded, Simplex or Free}."""
        raise NotImplementedError

    def transition(self, now: Any, policy: Any, shock: Any) -> Mapping[str, Any]:
        """{name: next value} for every state; chains move by themselves."""
        raise NotImplementedError

    def conditions(self, now: Any, policy: Any, E: Callable) -> Mapping[str, Any]:
        """{name: residual}, zero where the policy is right; numbers or vectors, without units."""
        raise NotImplementedError

    # -- what it may state --------------------------------------------------------------------

    def shocks(self) -> Mapping[str, Any]:
        """{name: Normal or Chain}; none by default."""
        return {}

    def start(self) -> Mapping[str, Any]:
        """{name: value}: where paths begin; the middle of the box by default."""
        return {n: (np.asarray(a) + np.asarray(b)) / 2 for n, (a, b) in self.states().items()}

    def definitions(self, now: Any, policy: Any) -> Mapping[str, Any]:
        """{name: quantity} to be shown in simulations and tables; none by default."""
        return {}

    def constraints(self, now: Any, policy: Any, E: Callable) -> Mapping[str, tuple[Any, Any]]:
        """{name: (slack, multiplier)}, both >= 0 and without units, for the report.

        A constraint binds where its slack is less than its multiplier.
        """
        return {}

    def aim(self) -> Mapping[str, float]:
        """{figure: value}: what a solve is to reach where it is not told; see `solve`.

        By default a mean residual of 1e-4 on simulated states: for an Euler equation in shares of
        consumption, an error of a dollar in 10,000 spent.

        Source: Judd 1992 (the unit); Aruoba, Fernandez-Villaverde and Rubio-Ramirez 2006 (errors of
        usual methods: 1e-3 to 1e-7); Azinovic, Gaegauf and Scheidegger 2022 (networks: 1e-4 to
        1e-3).
        """
        return {"ergodic mean": 1e-4}

    def plan(self) -> Mapping[str, Any]:
        """{field of Plan: value}: how it is solved where `solve` is not told; none by default."""
        return {}

    def consumption_errors(self, now: Any, policy: Any, E: Callable) -> Mapping[str, Any]:
        """{name: error}, each a share of consumption; by default the conditions as they are.

        For an Euler equation u'(c) = beta E[u'(c') R']: u'^{-1}(beta E[u'(c') R']) / c - 1.
        """
        return self.conditions(now, policy, E)

    def exact(self, now: Any) -> Mapping[str, Any]:
        """{name: policy} where a closed form is known; none by default."""
        return {}

    # -- how it is used -----------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The class's name."""
        return type(self).__name__

    def parameters(self) -> dict[str, Any]:
        """{name: value}."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def with_parameters(self, values: Mapping[str, Any]) -> Economy:
        """A checked copy; raises DescendError for an unknown name or a value out of range."""
        known = {f.name: f for f in dataclasses.fields(self)}
        for name in values:
            if name not in known:
                raise unknown(f"parameter of {self.label}", name, known)
        return dataclasses.replace(self, **values)

    def bound(self, values: Mapping[str, Any]) -> Economy:
        """A copy with traced numbers in the place of parameters; nothing is checked."""
        if not values:
            return self
        other = copy.copy(self)
        for name, value in values.items():
            object.__setattr__(other, name, value)
        return other


def _in_range(owner: str, f: dataclasses.Field, value: Any) -> None:
    limits = f.metadata
    if "doc" not in limits:
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


def fischer_burmeister(a: Any, b: Any) -> Any:
    """fb(a, b) = a + b - sqrt(a^2 + b^2): zero exactly where a >= 0, b >= 0 and a b = 0.

    So one residual states that a slack and its multiplier are not negative and one of them is zero.
    Its gradient at a = b = 0 is set to (1, 1). `fb` is the same function.

    Args:
        a, b: numbers or arrays of one shape, such as a slack and its multiplier.

    Returns:
        The residual, of their shape.

    Raises:
        Nothing of its own.

    Source: Fischer 1992; in the lecture's programme as the complementary slackness conditions of
    Azinovic, Gaegauf and Scheidegger 2022.

    Example:
        >>> from descend.economies import fischer_burmeister
        >>> float(fischer_burmeister(0.0, 2.0)), float(fischer_burmeister(3.0, 4.0))
        (0.0, 2.0)
        >>> float(fischer_burmeister(-1.0, 0.0))
        -2.0
    """
    square = a * a + b * b
    positive = square > 0
    root = jnp.sqrt(jnp.where(positive, square, 1.0))
    return a + b - jnp.where(positive, root, 0.0)


fb = fischer_burmeister


# -- errors that name the author's line ---------------------------------------------------------


class StatementError(DescendError):
    """An error in an economy's statement; it names the method and the line."""


@contextlib.contextmanager
def author(economy: Economy, method: str) -> Iterator[None]:
    """Whatever goes wrong in the author's method becomes an error that names the line."""
    try:
        yield
    except StatementError:
        raise  # of a method that this one has called: that one's line is named
    except Exception as error:
        where = _line_of(economy, error) or _definition(economy, method)
        text = str(error).splitlines()
        words = text[0] if text else type(error).__name__
        prefix = f"{economy.label}.{method}"
        if isinstance(error, DescendError) and words.startswith(prefix):
            raise StatementError(f"{prefix}{where}{words.removeprefix(prefix)}") from error
        kind = "" if isinstance(error, DescendError) else f"{type(error).__name__}: "
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


def _line_of(economy: Economy, error: BaseException) -> str:
    """The last frame in a file that the economy's classes lie in: " (file, line n: text)"."""
    files = set()
    for cls in type(economy).__mro__:
        if cls not in (Economy, object):
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


def _definition(economy: Economy, method: str) -> str:
    """ " (file, line n)" where a method of the economy begins: what it returned was wrong."""
    code = getattr(getattr(type(economy), method, None), "__code__", None)
    return f" ({code.co_filename}, line {code.co_firstlineno})" if code else ""


def named(economy: Economy, method: str, values: Any, wanted: Any = None) -> dict[str, Any]:
    """What a method returned, as a dict; DescendError names what misses or is too much."""
    prefix = f"{economy.label}.{method}"
    if isinstance(values, Point):
        values = values.asdict()
    if not isinstance(values, Mapping):
        raise DescendError(
            f"{prefix} must return a dict {{name: value}}, got {type(values).__name__}"
        )
    if wanted is not None and set(values) != set(wanted):
        missing, extra = sorted(set(wanted) - set(values)), sorted(set(values) - set(wanted))
        faults = [f"is missing {', '.join(missing)}"] if missing else []
        faults += [f"has {', '.join(extra)}, which it does not know"] if extra else []
        raise DescendError(f"{prefix}: what it returned {' and '.join(faults)}")
    return dict(values)


def law_of(economy: Economy) -> Law:
    """The economy's shocks."""
    with author(economy, "shocks"):
        return Law.of(named(economy, "shocks", economy.shocks()))
