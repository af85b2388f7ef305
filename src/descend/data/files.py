"""Reading CSV and Parquet files; every fault has one clear message that names file and line."""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import warnings
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd

from descend.errors import DataError, MissingExtraError

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
SEPARATORS = ",;\t|"
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)


def read(path: Path) -> tuple[pd.DataFrame, str]:
    """The rows of a file and one line on how it was read.

    Args:
        path: .csv, .csv.gz, .tsv, .tsv.gz (UTF-8, names in the first line) or .parquet.

    Raises:
        DataError: a folder, another ending, an empty file, no rows, no names, two columns of one
            name, a malformed line, another encoding, not a Parquet file.
    """
    name = path.name.lower()
    if path.is_dir():
        raise DataError(f"{path} is a folder; give one file of it")
    if not name.endswith(ENDINGS):
        raise DataError(
            f"{path}: expected a file ending in {', '.join(ENDINGS)}, got {path.suffix or 'none'}"
        )
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes)")
        frame, note = _parquet(path) if name.endswith(".parquet") else _text(path)
    except _DAMAGED as error:
        raise DataError(f"{path} is damaged or not compressed by gzip ({error})") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(
            f"{path} is not UTF-8 text (byte 0x{byte:02x}). If it is a table in another encoding, "
            "convert it: iconv -f latin1 -t utf-8 OLD > NEW"
        ) from None
    except MemoryError:
        raise DataError(f"{path} does not fit into memory") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    _require_names(path, [str(c) for c in frame.columns])
    if frame.shape[1] == 0:
        raise DataError(f"{path} has no columns")
    if frame.shape[0] == 0:
        raise DataError(f"{path} has {frame.shape[1]} column names and no rows")
    frame.columns = [str(c) for c in frame.columns]
    return frame.reset_index(drop=True), note


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_names(path: Path, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{path} has more than one column called {twice[0]!r}; rename them in the file"
        )


def _parquet(path: Path) -> tuple[pd.DataFrame, str]:
    try:
        import pyarrow  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from None
    try:
        return pd.read_parquet(path), "Parquet file"
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is not a whole Parquet file ({_first_line(error)})") from None
    except ValueError as error:  # pandas refuses, for one, two columns of one name
        raise DataError(f"{path} cannot be read as Parquet: {_first_line(error)}") from None


def _text(path: Path) -> tuple[pd.DataFrame, str]:
    names, separator = _header(path)
    try:
        with warnings.catch_warnings():
            # pandas would cut off what lies beyond the last name, with a warning
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                header=0,
                names=names,
                index_col=False,
                encoding="utf-8-sig",
                skipinitialspace=True,
                low_memory=False,  # one type a column, not one a chunk
            )
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty: it holds no column names and no rows") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(_malformed(path, error, len(names))) from None
    except ValueError as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise DataError(f"{path} cannot be read as CSV: {_first_line(error)}") from None
    kind = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}[separator]
    return frame, f"text file, columns divided by {kind}"


def _header(path: Path) -> tuple[list[str], str]:
    """The column names and the separator, from the first line that is not blank."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        line = next((text for text in file if text.strip()), "")
        if not line:
            raise DataError(f"{path} is empty: it holds no column names and no rows")
        if "\0" in line:
            raise DataError(f"{path} is not a text file (its first line holds a zero byte)")
        separator = max(SEPARATORS, key=line.count) if line.count(",") == 0 else ","
        if ".tsv" in path.name.lower():
            separator = "\t"
    names = [n.strip() for n in next(csv.reader([line], delimiter=separator))]
    if all(_is_number(n) for n in names):
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        raise DataError(
            f"{path}: the first line should hold the columns' names, and holds numbers ({shown}). "
            "Put a line of names first."
        )
    _require_names(path, [n for n in names if n])
    # a nameless first column is what R and pandas write for row numbers
    return [n or f"(column {i + 1})" for i, n in enumerate(names)], separator


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _malformed(path: Path, error: Exception, names: int) -> str:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if found:
        return (
            f"{path}, line {found[2]}: expected {found[1]} fields, found {found[3]}. A field that "
            'holds the separator must stand in quotes: "a, b"'
        )
    if "Length of header" in str(error):
        return f"{path}: the first line names {names} columns, the rows have more fields"
    if "EOF inside string" in str(error):
        row = re.search(r"row (\d+)", str(error))
        place = f", line {int(row[1]) + 1}" if row else ""
        return f"{path}{place}: a quote is opened and never closed"
    return f"{path} is malformed: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
