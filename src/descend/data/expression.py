"""The small language inside a formula's term: columns, numbers, arithmetic, named functions.

Its text is taken apart by Python's own grammar and reckoned node by node; only what is named here
exists, so that no text that a user or a file gives is ever run as Python.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from descend.data.frames import as_text
from descend.data.table import unknown_column
from descend.errors import DataError, unknown

_FEWEST_NUMBERS = 0.9  # share of a text column's entries that must be numbers to reckon with it

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "log1p": np.log1p,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
}
_MODULES = ("np", "numpy")  # np.log(x) is log(x)
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def evaluate(text: str, frame: pd.DataFrame) -> pd.Series:
    """The column that an expression makes of a table's columns.

    Args:
        text: such as "log(income)", "C(region)", "I(age > 65)"; names with blanks in backticks.

    Raises:
        DataError: anything but columns, numbers, arithmetic, comparisons and `FUNCTIONS`; text
            where numbers are needed; a row in which it is no finite number.
        DescendError: a function that is not known.
    """
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        quoted[f"_quoted_{len(quoted)}_"] = match[1]
        return f"_quoted_{len(quoted) - 1}_"

    plain = re.sub(r"`([^`]+)`", stand_in, text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DataError(f"the formula's term {text[:200]!r} is no expression of columns") from None
    try:
        return _Expression(text, frame, quoted).column(tree)
    except RecursionError:
        raise DataError(f"the formula's term {text[:60]!r}... is nested too deep") from None


def is_group(column: pd.Series) -> bool:
    """Whether a column is a category in a formula: by its type, or text that is no numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):  # truth values are numbers here
        return False
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return False
    known = column.dropna()
    return pd.to_numeric(known, errors="coerce").notna().mean() < _FEWEST_NUMBERS


def as_numbers(column: pd.Series, name: str) -> pd.Series:
    """A column as float64; DataError with the first row that is no number, where many are none."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise DataError(f"{name} is a category; a formula cannot reckon with it")
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise DataError(f"{name} holds dates; a formula cannot reckon with them")
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(values, column.index)
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    strange = np.isnan(values) & column.notna().to_numpy(bool)
    if strange.sum() > (1 - _FEWEST_NUMBERS) * column.notna().sum():
        row = int(np.argmax(strange))
        raise DataError(
            f"a formula needs numbers in {name}, and row {row + 1} holds {str(column.iloc[row])!r}"
        )
    return pd.Series(values, column.index)


def look_up(name: str, frame: pd.DataFrame) -> pd.Series:
    """A column of a table; DataError with the nearest name if it is not there."""
    if name not in frame.columns:
        raise unknown_column(name, frame.columns, "the table")
    return frame[name]


@dataclass(frozen=True)
class _Expression:
    """One factor's expression, reckoned node by node; only what is named here exists."""

    text: str
    frame: pd.DataFrame
    quoted: Mapping[str, str]

    def column(self, node: ast.expr) -> pd.Series:
        """The outermost value: C(...) makes a category, anything else is a number or a truth."""
        if isinstance(node, ast.Call) and self._called(node) == "C":
            argument = self._argument(node)
            if isinstance(argument, ast.Name):
                return as_text(self._named(argument)).astype("category")
            inner = pd.Series(self.number(argument), self.frame.index)
            return as_text(inner).astype("category")
        value = self.number(node)
        if np.ndim(value) == 0:
            raise DataError(f"the formula's term {self.text!r} holds no column")
        column = pd.Series(value, self.frame.index)
        self._require_finite(column, node)
        return column

    def number(self, node: ast.expr) -> Any:
        """A number, or an array of them, one a row."""
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return np.float64(node.value)  # not int: 9**9**9 would fill the memory
        if isinstance(node, ast.Name):
            return as_numbers(self._named(node), self._name(node)).to_numpy()
        with np.errstate(all="ignore"):  # named afterwards, with its row
            if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
                value = self.number(node.operand)
                return -value if isinstance(node.op, ast.USub) else value
            if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
                left, right = self.number(node.left), self.number(node.right)
                return _ARITHMETIC[type(node.op)](left, right)
            if isinstance(node, ast.Compare) and len(node.ops) == 1:
                return self._comparison(node)
            if isinstance(node, ast.Call):
                called = self._called(node)
                if called == "C":
                    raise DataError(f"in {self.text!r}: C() is a category, no number")
                argument = self.number(self._argument(node))
                return argument if called == "I" else FUNCTIONS[called](argument)
        raise DataError(
            f"the formula's term {self.text!r} holds {ast.unparse(node)!r}, which a formula may "
            f"not; expected columns, numbers, + - * / ** and {', '.join(FUNCTIONS)}, C or I"
        )

    def _comparison(self, node: ast.Compare) -> np.ndarray:
        compare = _COMPARISONS.get(type(node.ops[0]))
        if compare is None:
            raise DataError(f"the formula's term {self.text!r}: only == != < <= > >= compare")
        left, right = node.left, node.comparators[0]
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            if not isinstance(left, ast.Name) or not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                raise DataError(f"the formula's term {self.text!r}: texts are compared by == or !=")
            words = as_text(self._named(left))
            result = compare(words, right.value)
            return result.to_numpy(dtype=np.float64, na_value=np.nan)
        a, b = self.number(left), self.number(right)
        return np.where(np.isnan(a) | np.isnan(b), np.nan, compare(a, b).astype(np.float64))

    def _called(self, node: ast.Call) -> str:
        """The function's name; `unknown` if it is none of ours."""
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            name = function.attr if function.value.id in _MODULES else ast.unparse(function)
        else:
            name = ast.unparse(function)
        if name not in FUNCTIONS and name not in ("C", "I"):
            raise unknown("function in a formula:", name, [*FUNCTIONS, "C", "I"])
        return name

    def _argument(self, node: ast.Call) -> ast.expr:
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise DataError(f"the formula's term {self.text!r}: a function takes one argument")
        return node.args[0]

    def _name(self, node: ast.Name) -> str:
        return self.quoted.get(node.id, node.id)

    def _named(self, node: ast.Name) -> pd.Series:
        return look_up(self._name(node), self.frame)

    def _require_finite(self, column: pd.Series, node: ast.expr) -> None:
        used = [n for n in ast.walk(node) if isinstance(n, ast.Name) and self._is_column(n)]
        known = np.ones(len(column), bool)
        for name in used:
            source = self._named(name)
            if not is_group(source):  # what is no number counts as missing
                source = as_numbers(source, self._name(name))
            known &= source.notna().to_numpy(bool)
        wrong = known & ~np.isfinite(column.to_numpy(dtype=np.float64))
        if wrong.any():
            row = int(np.argmax(wrong))
            entries = ", ".join(f"{self._name(n)} = {self._named(n).iloc[row]}" for n in used)
            raise DataError(
                f"{self.text} is no finite number in {int(wrong.sum()):,} rows, the first row "
                f"{row + 1}, where {entries}"
            )

    def _is_column(self, node: ast.Name) -> bool:
        return self._name(node) in self.frame.columns
