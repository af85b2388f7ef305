"""Columns out of a formula: `default ~ income + C(region) + income:age`.

The algebra of terms is formulaic's. What stands inside a term is read here, as a small language of
columns, numbers and named functions: no text that a user or a file gives is ever run as Python.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import pandas as pd

from descend.data.expression import as_numbers, evaluate, is_group, look_up
from descend.data.frames import as_text
from descend.errors import DataError

LONGEST = 10_000  # characters of a formula
MOST_TERMS = 5_000
MOST_PRODUCTS = 50_000  # multiplied out on the way there, in about a second
MOST_POWER = 100  # (a + b)**3 is worth what its count of terms is; beyond, nothing is added
MOST_LEVELS = 50  # levels of a category that a number is multiplied with


@dataclass(frozen=True)
class Factor:
    """A column by its name, or an expression of columns."""

    text: str
    computed: bool


Term = tuple[Factor, ...]


def name_of(term: Term) -> str:
    """What the term's column is called: "income", "C(region)", "income:age"."""
    return ":".join(factor.text for factor in term)


def apply(formula: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that a formula makes of a table; `Design.fit` and `apply` in one.

    Raises:
        DataError, DescendError: as `Design.fit`.
    """
    return Design.fit(formula, frame).apply(frame)


@dataclass(frozen=True)
class Design:
    """A formula and what it took from the rows it was fitted to, so that others give the same.

    `a + b` are columns as they are; `a:b` their product, `a*b` both and the product, `-a` leaves
    one out, `.` is all columns but the target. `C(x)` makes a category of x; a number times a
    category is a column a level, "region[Ulm]:age"; two categories make one of their pairs.
    Within a term: + - * / **, comparisons, numbers, `I(...)` and log, log10, log2, log1p, exp,
    expm1, sqrt, abs, sign. Names with blanks stand in backticks. An intercept is neither made nor
    left out: networks have their own.

    Attributes:
        formula: the formula as it was written.
        columns: columns of the table it was fitted to, for `.`.
        levels: {term: the levels of its categories} where a number is multiplied with them.
        targets: names of the columns left of the tilde.
    """

    formula: str
    columns: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    @classmethod
    def fit(cls, formula: str, frame: pd.DataFrame) -> Design:
        """Learn from (training) rows which levels are multiplied with numbers.

        Raises:
            DataError: a formula that cannot be read, a column that is not there, a category with
                more levels than `MOST_LEVELS` times a number.
            DescendError: a function that is not one of `FUNCTIONS`.
        """
        columns = tuple(str(c) for c in frame.columns)
        left, right = parse(formula, columns)
        levels = {}
        for term in right:
            if len(term) < 2:
                continue
            groups, values = _parted(term, frame)
            if groups and values:
                level_names = tuple(sorted(_crossed(list(groups.values())).dropna().unique()))
                if len(level_names) > MOST_LEVELS:
                    raise DataError(
                        f"the term {name_of(term)} would make {len(level_names)} columns, a level "
                        f"one; at most {MOST_LEVELS} are made. Merge levels first."
                    )
                levels[name_of(term)] = level_names
        return cls(formula, columns, levels, tuple(name_of(term) for term in left))

    def apply(self, frame: pd.DataFrame, *, targets: bool = True) -> pd.DataFrame:
        """The columns of the terms, the targets last.

        Args:
            targets: False for rows whose target is not known.

        Raises:
            DataError: a column that is not there, text where numbers are needed, an expression that
                is no finite number in some row (named).
        """
        left, right = parse(self.formula, self.columns)
        targets_made: dict[str, pd.Series] = {}
        for term in right:
            targets_made |= _columns(term, frame, self.levels)
        for term in left if targets else ():
            targets_made |= _columns(term, frame, self.levels)
        return pd.DataFrame(targets_made, index=frame.index)

    def to_json(self) -> dict[str, Any]:
        """Write the design as plain JSON."""
        levels = {term: list(names) for term, names in self.levels.items()}
        return {"formula": self.formula, "columns": list(self.columns), "levels": levels}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Design:
        """What `to_json` gave; the formula is read anew, by the same rules."""
        left, _ = parse(saved["formula"], saved["columns"])
        levels = {term: tuple(names) for term, names in saved["levels"].items()}
        targets = tuple(name_of(term) for term in left)
        return cls(saved["formula"], tuple(saved["columns"]), levels, targets)


# -- reading the formula --------------------------------------------------------------------------


def parse(formula: str, columns: Iterable[str]) -> tuple[list[Term], list[Term]]:
    """The terms left and right of the tilde; nothing is looked up or reckoned.

    Raises:
        DataError: it cannot be read, has no term, too many, or something on the left that is none.
    """
    from formulaic.errors import FormulaicError  # type: ignore[import-untyped]
    from formulaic.parser import DefaultFormulaParser  # type: ignore[import-untyped]

    if len(formula) > LONGEST:
        raise DataError(
            f"the formula has {len(formula):,} characters; at most {LONGEST:,} are read"
        )
    parser = DefaultFormulaParser(feature_flags={"twosided"})
    try:
        context: dict[str, Any] = {"__formulaic_variables_available__": list(columns)}
        tree = parser.get_ast(formula, context=context)
        _require_few_products(formula, tree, len(context["__formulaic_variables_available__"]))
        terms = parser.get_terms(formula, context=context)
    except DataError:
        raise
    except (FormulaicError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"the formula {_short(formula)} cannot be read: {_said(error)}") from None
    one_side = getattr(terms, "root", terms)
    right = [t for t in map(_term, getattr(terms, "rhs", one_side)) if t]
    left = [t for t in map(_term, getattr(terms, "lhs", ())) if t]
    if not right:
        raise DataError(
            f"the formula {_short(formula)} has no inputs; expected one like y ~ income + C(town)"
        )
    if len(right) > MOST_TERMS:
        raise DataError(f"the formula makes {len(right):,} terms; at most {MOST_TERMS:,} are made")
    if crossed := [name_of(term) for term in left if len(term) > 1]:
        raise DataError(f"the left side of the formula holds {crossed[0]}; expected columns")
    inputs = {name_of(term) for term in right}
    if both := [name_of(term) for term in left if name_of(term) in inputs]:
        raise DataError(f"the formula has {both[0]} on both sides of the tilde")
    return left, right


def _require_few_products(formula: str, tree: Any, columns: int) -> None:
    """Raises DataError where multiplying out would take too long, before anything is."""
    counts: dict[int, int] = {}
    waiting = [tree]
    while waiting:  # a sum of a thousand terms is a thousand nodes deep
        node = waiting[-1]
        args = getattr(node, "args", None)
        if args is not None and any(id(arg) not in counts for arg in args):
            waiting += [arg for arg in args if id(arg) not in counts]
            continue
        waiting.pop()
        counts[id(node)] = 1 if args is None else _products(node, counts, columns)
        if counts[id(node)] > MOST_PRODUCTS:
            raise DataError(
                f"the formula {_short(formula)} multiplies out to more than {MOST_PRODUCTS:,} "
                f"terms; at most {MOST_TERMS:,} are made. Name the products that are needed"
            )


def _products(node: Any, counts: Mapping[int, int], columns: int) -> int:
    """How many terms an operator makes at most, from those of what it joins."""
    symbol, sizes = node.operator.symbol, [counts[id(arg)] for arg in node.args]
    if symbol == ".":
        return columns
    if symbol in ("**", "^"):
        power = str(node.args[1])
        if not power.isdigit():
            return sizes[0]  # formulaic says what is wrong with it
        if len(power) > len(str(MOST_POWER)) or int(power) > MOST_POWER:
            raise DataError(f"a formula's power is at most {MOST_POWER}; got {power[:20]}")
        return int(sizes[0] ** int(power))
    if symbol in ("~", "+", "-", "|"):
        return sum(sizes)
    return math.prod(sizes) + sum(sizes)


def _term(term: Any) -> Term:
    factors = []
    for factor in term.factors:
        method = factor.eval_method.value
        if method == "literal":
            if factor.expr != "1":
                raise DataError(
                    f"the formula holds the number {factor.expr} as a factor; write I(2 * x)"
                )
            continue
        factors.append(Factor(factor.expr, method == "python"))
    return tuple(factors)


def _short(formula: str) -> str:
    return repr(formula if len(formula) <= 200 else f"{formula[:200]}...")


def _said(error: Exception) -> str:
    if isinstance(error, (RecursionError, MemoryError)):
        return "its brackets are too deep"
    if isinstance(error, SyntaxError):
        return "a term is no expression of columns"
    lines = re.sub(r"⧛\[[^m]*m|\[0m⧚|⧚", "", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


# -- from terms to columns ------------------------------------------------------------------------


def _columns(
    term: Term, frame: pd.DataFrame, levels: Mapping[str, Sequence[str]]
) -> dict[str, pd.Series]:
    name = name_of(term)
    if len(term) == 1:
        return {name: _value(term[0], frame)}
    groups, values = _parted(term, frame)
    if not values:
        return {name: _crossed(list(groups.values())).astype("category")}
    product = reduce(operator.mul, values.values())
    if not groups:
        return {name: product}
    crossed = _crossed(list(groups.values()))
    # a level that the fitted rows did not have is not known: zeros would say "none of them"
    lost = ~crossed.isin(levels[name]) | product.isna()
    head, tail = ":".join(groups), ":".join(values)
    return {
        f"{head}[{level}]:{tail}": product.where(crossed == level, 0.0).mask(lost)
        for level in levels[name]
    }


def _parted(term: Term, frame: pd.DataFrame) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """The term's categories, and its numbers, by what they are called."""
    by_factor = {factor.text: _value(factor, frame) for factor in term}
    groups = {text: column for text, column in by_factor.items() if is_group(column)}
    values = {t: as_numbers(column, t) for t, column in by_factor.items() if t not in groups}
    return groups, values


def _crossed(groups: Sequence[pd.Series]) -> pd.Series:
    """The levels of several categories as one text, missing where one is."""
    crossed = as_text(groups[0])
    for group in groups[1:]:
        crossed = crossed + " & " + as_text(group)
    return crossed


def _value(factor: Factor, frame: pd.DataFrame) -> pd.Series:
    return evaluate(factor.text, frame) if factor.computed else look_up(factor.text, frame)
