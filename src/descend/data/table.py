"""A table in memory, and what is said of columns that it does not have."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from descend.errors import DataError

SHOWN = 10  # names listed in an error about a column


@dataclass(frozen=True)
class Table:
    """Rows and columns, and where they come from.

    Attributes:
        name: the built-in name, or the file's name without its ending.
        source: argument of `load`.
        frame: the data.
        target: the column that is usually predicted; None for a file.
        note: one line on what the data are.
        digest: sha256 of the file, or of the values where there is none.
        labels: {column: what it holds}, as a Stata file says it.
    """

    name: str
    source: str
    frame: pd.DataFrame
    target: str | None
    note: str
    digest: str
    labels: Mapping[str, str] = field(default_factory=dict)


def frame_digest(frame: pd.DataFrame) -> str:
    """The sha256 of a frame's values, by which the same data are known again."""
    try:
        hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except (TypeError, OverflowError):  # lists and the like; whole numbers beyond floats
        hashes = pd.util.hash_pandas_object(frame.astype("str"), index=False).to_numpy()
    return hashlib.sha256(hashes.tobytes()).hexdigest()


def unknown_column(name: object, columns: Iterable[str], where: str) -> DataError:
    """The error for a column that is not there; wide tables are not listed whole."""
    known = [str(c) for c in columns]
    near = nearest(str(name), known)
    hint = f" Did you mean {near!r}?" if near else ""
    more = f", ... ({len(known)} in all)" if len(known) > SHOWN else ""
    return DataError(
        f"{where} has no column {name!r}.{hint} Its columns: {', '.join(known[:SHOWN])}{more}."
    )


def require_columns(names: Iterable[str], columns: list[str], where: str) -> None:
    """Raises DataError for the first column that is not there."""
    for name in names:
        if name not in columns:
            raise unknown_column(name, columns, where)


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The name that is most like another, case aside; None where none is."""
    near = difflib.get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.5)
    return next(k for k in known if k.lower() == near[0]) if near else None
