"""Reading a file of any kind; every fault has one clear message that names the file."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from descend.data.delimited import read_delimited
from descend.data.formats import Read, read_excel, read_json_lines, read_parquet, read_stata
from descend.data.frames import require_names
from descend.errors import DataError

_TEXT = ("encoding", "delimiter", "decimal", "thousands", "keep_na")
_EXCEL = ("sheet", "decimal", "thousands", "keep_na")
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)


def _read_delimited(path: Path, **how: Any) -> Read:
    return Read(*read_delimited(path, **how), {})


# ending -> its reader, and the settings that it takes
READERS: dict[str, tuple[Callable[..., Read], tuple[str, ...]]] = {
    **{
        ending + packed: (_read_delimited, _TEXT)
        for ending in (".csv", ".tsv", ".tab", ".txt", ".dat")
        for packed in ("", ".gz")
    },
    ".parquet": (read_parquet, ()),
    ".dta": (read_stata, ()),
    ".xlsx": (read_excel, _EXCEL),
    ".xlsm": (read_excel, _EXCEL),
    ".jsonl": (read_json_lines, ()),
    ".jsonl.gz": (read_json_lines, ()),
    ".ndjson": (read_json_lines, ()),
}
ENDINGS = tuple(READERS)


def ending_of(path: Path) -> str | None:
    """The part of a file's name that says how to read it, or None."""
    name = path.name.lower()
    return max((e for e in ENDINGS if name.endswith(e)), key=len, default=None)


def read(path: Path, **how: Any) -> Read:
    """The rows of a file, one line on how they were read, and its columns' labels.

    Args:
        path: a file whose name ends in one of `ENDINGS`; text needs names in its first line.
        how: encoding, delimiter, decimal, thousands, keep_na of a text file (see
            `delimited.read_delimited`); sheet, decimal, thousands, keep_na of a workbook. None is
            as if not given.

    Raises:
        DataError: a folder, another ending, a setting that does not go with the file, an empty or
            damaged file, no rows, no names, two columns of one name, a malformed line.
        MissingExtraError: a format whose package is not installed.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; give one file of it")
    ending = ending_of(path)
    if ending is None:
        raise DataError(
            f"{path}: expected a file ending in {', '.join(ENDINGS)}, got {path.suffix or 'none'}"
            + _instead(path.suffix.lower())
        )
    reader, takes = READERS[ending]
    settings = {name: value for name, value in how.items() if value not in (None, ())}
    for name in settings:
        if name not in takes:
            kinds = [e for e, (_, t) in READERS.items() if name in t]
            raise DataError(
                f"{path}: {name} is for files ending in {', '.join(kinds)}"
                if kinds
                else f"{path}: there is no setting {name!r} for reading a file"
            )
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes)")
        frame, note, labels = reader(path, **settings)
    except _DAMAGED as error:
        raise DataError(f"{path} is damaged or not compressed by gzip ({error})") from None
    except MemoryError:
        raise DataError(f"{path} does not fit into memory") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    require_names(str(path), [str(c) for c in frame.columns])
    if frame.shape[1] == 0:
        raise DataError(f"{path} has no columns")
    if frame.shape[0] == 0:
        raise DataError(f"{path} has {frame.shape[1]} column names and no rows")
    frame.columns = pd.Index([str(c) for c in frame.columns])
    return Read(frame.reset_index(drop=True), note, labels)


def _instead(suffix: str) -> str:
    known = {
        ".xls": ". Save it as .xlsx",
        ".sav": ". Export it from SPSS as .dta or .csv",
        ".sas7bdat": ". Export it from SAS as .csv",
        ".rds": ". Write it from R by write.csv",
        ".rdata": ". Write it from R by write.csv",
        ".json": ". One JSON object a line is a .jsonl file",
        ".zip": ". Unpack it",
    }
    return known.get(suffix, "")


def digest(path: Path) -> str:
    """Compute the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
