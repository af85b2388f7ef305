"""What a column holds, and reading it as numbers, truth values or text.

A CSV file does not say what its columns are. These rules guess, alike for inputs and target, and
count what they could not read so that it can be reported.
"""

from __future__ import annotations

import datetime
from typing import Literal

import numpy as np
import pandas as pd

Kind = Literal["number", "boolean", "category", "date", "empty", "other"]

# So large a share of numbers makes a text column numeric; the rest ("?", "n/a.") counts as missing.
NUMERIC_SHARE = 0.9
_DATE = r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ].*)?\s*"
_TRUTH = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
_DATES = (datetime.date, datetime.time, datetime.timedelta)


def kind_of(column: pd.Series) -> Kind:
    """What a column is: judged by its type and, for text, by its values."""
    types = pd.api.types
    known = column.dropna()
    if known.empty:
        return "empty"
    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_complex_dtype(column.dtype):
        return "other"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
        return "date"  # datetime, timedelta, period, interval
    return _kind_of_objects(known)


def _kind_of_objects(known: pd.Series) -> Kind:
    if known.dtype == object:
        inferred = pd.api.types.infer_dtype(known)
        if inferred == "boolean":
            return "boolean"
        if isinstance(known.iloc[0], _DATES):
            return "date"
        if inferred not in ("string", "integer", "floating", "mixed-integer-float", "decimal"):
            plain = known.map(lambda v: isinstance(v, (str, int, float)))
            if not plain.all():
                return "other"  # lists, bytes, structs
    strangers = numbers(known)[1]
    if strangers.sum() <= (1 - NUMERIC_SHARE) * len(known):
        return "number"
    if text(known).str.fullmatch(_DATE).all():
        return "date"
    return "category"


def numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """A column as float64, NaN where missing; and which entries are there but are no number."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values, np.zeros(len(column), bool)
    words = text(column)
    values = pd.to_numeric(words.str.strip(), errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    said_missing = words.str.strip().str.lower().isin(["", "nan"]).to_numpy(bool)
    return values, (words.notna().to_numpy(bool) & np.isnan(values) & ~said_missing)


def truths(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """A column as 0. and 1., NaN where missing; and which entries are there but are neither."""
    words = text(column)
    values = words.str.strip().str.lower().map(_TRUTH).to_numpy(dtype=np.float64, na_value=np.nan)
    return values, words.notna().to_numpy(bool) & np.isnan(values)


def text(column: pd.Series) -> pd.Series:
    """A column as text; 2.0 among whole numbers reads "2", as where nothing is missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_float_dtype(column.dtype):
        known = column.dropna()
        if (
            np.isfinite(known).all()
            and (known == np.floor(known)).all()
            and known.abs().max() < 2**53
        ):
            column = column.astype("Int64")
    return column.astype("string")
