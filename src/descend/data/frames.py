"""Data frames: those of other libraries as tables, and one out of many pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from descend.data.bounds import require_few_columns, require_room
from descend.data.table import Table, frame_digest, unknown_column
from descend.errors import DataError, MissingExtraError


def load_frame(
    frame: Any,
    *,
    name: str = "frame",
    target: str | None = None,
    note: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Table:
    """A table out of a pandas or polars frame, or of whatever gives its columns as Arrow.

    Args:
        frame: rows and columns; the frame is left as it is.
        name: name of the table, used for the files made of it.
        target: the column that is usually predicted.
        note: one line on what the data are.
        labels: {column: what it holds}, as Stata's variable labels.

    Returns:
        A `Table`; a polars Enum is an ordered category, a pandas index is left out.

    Raises:
        DataError: not a frame, no rows, no columns, two columns of one name, labels or a target of
            columns that are not there.
        MissingExtraError: a polars or Arrow frame, and no pyarrow.
    """
    where = f"the frame {name!r}"
    rows, kind = _as_pandas(frame, where)
    if isinstance(rows.columns, pd.MultiIndex):
        raise DataError(f"{where} has column names of {rows.columns.nlevels} levels; give it one")
    rows = rows.set_axis([str(c) for c in rows.columns], axis="columns")
    require_names(where, list(rows.columns))
    if rows.shape[1] == 0:
        raise DataError(f"{where} has no columns")
    if rows.shape[0] == 0:
        raise DataError(f"{where} has {rows.shape[1]} columns and no rows")
    for column in [*([] if target is None else [target]), *(labels or {})]:
        if column not in rows.columns:
            raise unknown_column(column, rows.columns, where)
    if note is None:
        index = [str(n) for n in rows.index.names if n is not None]
        note = kind + (f"; its index {', '.join(index)} is not used" if index else "")
    rows = rows.reset_index(drop=True)
    return Table(name, name, rows, target, note, frame_digest(rows), dict(labels or {}))


def _as_pandas(frame: Any, where: str) -> tuple[pd.DataFrame, str]:
    if isinstance(frame, pd.DataFrame):
        return frame.copy(deep=False), "pandas frame"
    kind = type(frame).__module__.partition(".")[0]
    if kind == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()  # a LazyFrame
    if isinstance(frame, pd.Series) or not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(f"{where}: expected a pandas or polars frame, got {type(frame).__name__}")
    try:
        import pyarrow  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading a frame of {kind}") from None
    rows = pyarrow.table(frame).to_pandas()
    if kind == "polars":
        for column, dtype in frame.schema.items():
            if type(dtype).__name__ == "Enum":
                levels = pd.CategoricalDtype(dtype.categories.to_list(), ordered=True)
                rows[column] = rows[column].astype(levels)
    return rows, f"{kind} frame"


def require_names(where: str, names: Collection[str]) -> None:
    """Raises DataError where two columns have one name, or names are too many or too long."""
    require_few_columns(where, names)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{where} has more than one column called {twice[0]!r}; rename them in it")


def family(column: pd.Series) -> str | None:
    """What entries of a piece are: "number", "truth", "text" or "other"; None: all missing."""
    types = pd.api.types
    if column.isna().all():
        return None
    if types.is_bool_dtype(column.dtype):
        return "truth"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    if isinstance(column.dtype, pd.StringDtype):
        return "text"
    inferred = types.infer_dtype(column, skipna=True)
    return {"string": "text", "boolean": "truth"}.get(inferred, "other")


def is_text(column: pd.Series) -> bool:
    """Whether a column holds text and nothing else, but for what is missing."""
    return not pd.api.types.is_numeric_dtype(column.dtype) and family(column) == "text"


class Pieces:
    """Columns that arrive in pieces, put together with little more memory than they take.

    Each column is put together by itself, and its pieces given up at once; a frame out of whole
    frames would be held twice.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.mixed: set[str] = set()  # columns whose pieces are of two families
        self._pieces: dict[str, list[pd.Series | int]] = {}  # a number: so many missing ones
        self._families: dict[str, str] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """The next rows; a column that is not in all pieces is missing elsewhere."""
        for name in frame.columns:
            column = frame[name]
            kind = family(column)
            if kind and self._families.setdefault(name, kind) != kind:
                self.mixed.add(name)
            pieces = self._pieces.setdefault(name, [self.rows] if self.rows else [])
            # copied: a column of a frame keeps the whole block alive that it is part of
            pieces.append(len(column) if kind is None else column.copy(deep=True))
            self.bytes += int(column.memory_usage(index=False))
        for name in self._pieces.keys() - set(frame.columns):
            self._pieces[name].append(len(frame))
        self.rows += len(frame)
        require_room(self.rows, len(self._pieces), self.bytes)

    def forget(self, name: str) -> None:
        """Give up what is there of a column, to save memory where it is read anew."""
        self._pieces[name] = [self.rows]

    def frame(self) -> pd.DataFrame:
        """All rows; the pieces are given up."""
        columns = {name: _joined(self._pieces.pop(name)) for name in list(self._pieces)}
        return pd.DataFrame(columns, copy=False)


def _joined(pieces: list[pd.Series | int]) -> pd.Series:
    """One column; what is missing throughout a piece takes the type of the others."""
    if len(pieces) == 1 and isinstance(pieces[0], pd.Series):
        return pieces[0].reset_index(drop=True)
    known = [piece.dtype for piece in pieces if isinstance(piece, pd.Series)]
    dtype = known[0] if known and not pd.api.types.is_numeric_dtype(known[0]) else np.dtype(float)
    series = [
        pd.Series(np.nan, index=range(piece), dtype=dtype) if isinstance(piece, int) else piece
        for piece in pieces
    ]
    joined = pd.concat(series, ignore_index=True)
    return joined.infer_objects() if joined.dtype == object else joined


def as_text(column: pd.Series) -> pd.Series:
    """A column as text; 2.0 among whole numbers reads "2", as where nothing is missing.

    Blanks around an entry are no part of it: "France " is "France".
    """
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
    words = column.astype("string")
    return words if pd.api.types.is_numeric_dtype(column.dtype) else words.str.strip()
