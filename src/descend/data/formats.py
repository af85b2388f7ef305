"""Tables in files that name their columns' types: Parquet, Stata, Excel, JSON lines."""

from __future__ import annotations

import itertools
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descend.data.encoding import binary
from descend.data.frames import Pieces, require_names
from descend.errors import DataError, DescendError, MissingExtraError

LINES = 20_000  # of JSON made into columns at a time
STATA_ROWS = 50_000
SHOWN = 5  # columns named in a note
EXCEL_ROWS = 5_000
# in a workbook's cells: nothing, words of programs, Excel's own errors
MISSING = frozenset(
    [
        "",
        "NA",
        "N/A",
        "n/a",
        "NaN",
        "nan",
        "NULL",
        "null",
        "None",
        "#N/A",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
    ]
)
OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # how .xls and workbooks with a password begin


class Read(NamedTuple):
    """Rows, one line on how they were read, and {column: what it holds} where the file says so."""

    frame: pd.DataFrame
    note: str
    labels: dict[str, str]


@contextmanager
def _whole(path: Path, kind: str) -> Iterator[None]:
    """Whatever a library raises on damaged bytes, as one DataError."""
    try:
        yield
    except (DescendError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the file's
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not a whole {kind} ({said})") from error


def read_parquet(path: Path) -> Read:
    """A Parquet file; dictionary columns become categories, with their order if they have one."""
    try:
        import pyarrow  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from None
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]

    with _whole(path, "Parquet file"), ParquetFile(path) as file:
        require_names(str(path), file.schema_arrow.names)
        # pandas keeps its row numbers so
        names = [n for n in file.schema_arrow.names if not n.startswith("__index_level_")]
        # one column at a time: the whole would be held twice
        columns = {name: _parquet_column(file, name) for name in names}
    return Read(pd.DataFrame(columns, copy=False), "Parquet file", {})


def _parquet_column(file: Any, name: str) -> pd.Series:
    frame = file.read(columns=[name]).select([name]).to_pandas()
    column = frame[name] if name in frame else frame.index.to_series()  # an index of pandas
    return column.reset_index(drop=True)


# -- Stata --------------------------------------------------------------------------------------


def read_stata(path: Path) -> Read:
    """A Stata file: value labels become categories.

    Their levels stand in the order of the codes, but have none: Stata labels regions and grades in
    the same way, so that no file says which of them have an order. `--kind grade=ordered` takes
    that of the codes.

    A column of which only some values are labelled (a number with codes for refusals) stays a
    number. An empty text is missing, as it is in Stata.
    """
    with _whole(path, "Stata file"), warnings.catch_warnings():
        # dates with leap seconds stay the numbers that they are
        warnings.filterwarnings("ignore", message="Encountered %tC format")
        with pd.read_stata(path, iterator=True) as reader:
            labels = {name: label for name, label in reader.variable_labels().items() if label}
            about = reader.data_label.strip()
            names = list(reader.variable_labels())
        frame, plain = _with_categories(path, names)
    labelled = [n for n in frame if isinstance(frame[n].dtype, pd.CategoricalDtype)]
    for name in frame.columns:
        if pd.api.types.is_string_dtype(frame[name].dtype) and (frame[name] == "").any():
            frame[name] = frame[name].mask(frame[name] == "")
    note = "Stata file" + (f", {about!r}" if about else "")
    if labelled:
        more = f" and {len(labelled) - SHOWN} more" if len(labelled) > SHOWN else ""
        note += (
            f"; value labels as categories without an order: {', '.join(labelled[:SHOWN])}{more}"
        )
        note += f" (--kind {labelled[0]}=ordered takes the order of its codes)"
    if plain:
        note += f"; labels of some values or of two alike are not used: {', '.join(plain)}"
    return Read(frame, note, labels)


def _with_categories(path: Path, names: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """The rows, and the columns whose value labels are left out."""
    plain: set[str] = set()
    while True:
        try:
            frame = _stata_pieces(path, names, plain)
        except ValueError as error:
            twice = re.search(r"Value labels for column (.+?) are not unique", str(error))
            if twice is None or twice[1] in plain:
                raise
            plain.add(twice[1])
        else:
            return frame, [name for name in names if name in plain]


def _stata_pieces(path: Path, names: list[str], plain: set[str]) -> pd.DataFrame:
    """The rows; columns whose labels cannot be used are added to `plain`.

    Each piece is read twice, with labels and with codes: pandas does not tell otherwise which
    labels belong to a column, and gives up their order where a piece lacks some.
    """
    labels: dict[str, dict[Any, str]] = {}
    pieces = Pieces()
    kept = [name for name in names if name not in plain]
    how: dict[str, Any] = {"chunksize": STATA_ROWS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.CategoricalConversionWarning)
        with (
            pd.read_stata(path, convert_categoricals=False, **how) as coded,
            pd.read_stata(path, columns=kept or names[:1], **how) as labelled,
        ):
            for codes, words in zip(coded, labelled, strict=True):
                pieces.add(codes)
                for name in kept:
                    if isinstance(words[name].dtype, pd.CategoricalDtype):
                        first = codes[name].dropna().drop_duplicates()
                        known = words[name].loc[first.index].tolist()
                        labels.setdefault(name, {}).update(zip(first, known, strict=True))
    frame = pieces.frame()
    for name, found in labels.items():
        order = sorted(found)
        levels = [found[code] for code in order]
        if len(set(levels)) < len(levels) or not all(isinstance(v, str) for v in levels):
            plain.add(name)
            continue
        place = np.asarray(pd.Index(order).get_indexer(pd.Index(frame[name])))
        frame[name] = pd.Categorical.from_codes(place, pd.Index(levels))
    return frame


# -- Excel --------------------------------------------------------------------------------------


def read_excel(path: Path, sheet: str | None = None) -> Read:
    """A sheet of an Excel workbook: names in the first row that holds anything.

    Args:
        sheet: its name, or its number from 1; the first that holds anything if not given.

    Raises:
        DataError: no workbook, one with a password, no such sheet, an empty sheet, no names.
        MissingExtraError: without openpyxl.
    """
    try:
        import openpyxl  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("openpyxl", "excel", f"reading {path}") from None
    with path.open("rb") as file:
        if file.read(4) == OLD_OFFICE:
            raise DataError(
                f"{path} is an old .xls workbook or has a password; save it as .xlsx without one"
            )
    with _whole(path, "Excel workbook"), warnings.catch_warnings():
        # openpyxl tells of styles and drop-down lists that it leaves out
        warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return _sheet(path, book, sheet)
        finally:
            book.close()


def _sheet(path: Path, book: Any, wanted: str | None) -> Read:
    sheets = [sheet.title for sheet in book.worksheets]
    if wanted is None:
        first = next((s for s in sheets if next(_filled_rows(book[s]), None)), None)
        if first is None:
            raise DataError(f"{path} is empty: none of its sheets holds anything")
        name = first
    elif wanted in sheets:
        name = wanted
    elif wanted.isdigit() and 1 <= int(wanted) <= len(sheets):
        name = sheets[int(wanted) - 1]
    else:
        raise DataError(f"{path} has no sheet {wanted!r}; its sheets: {', '.join(sheets)}")
    where = f"{path}, sheet {name!r}"
    rows = _filled_rows(book[name])
    head = next(rows, None)
    if head is None:
        raise DataError(f"{where} is empty: it holds no column names and no rows")
    if all(isinstance(cell, (int, float)) for cell in head if cell is not None):
        raise DataError(
            f"{where}: the first row should hold the columns' names, and holds numbers. Put a row "
            "of names first."
        )
    names = ["" if cell is None else str(cell).strip() for cell in head]
    require_names(where, [n for n in names if n])
    pieces = Pieces()
    while block := list(itertools.islice(rows, EXCEL_ROWS)):
        wide = max(map(len, block))
        piece = pd.DataFrame([[*row, *[None] * (wide - len(row))] for row in block])
        piece.columns = [_name(names, i) for i in range(piece.shape[1])]
        pieces.add(piece.infer_objects())
    frame = pieces.frame() if pieces.rows else pd.DataFrame(columns=[n for n in names if n])
    nameless = [_name(names, i) for i, n in enumerate(names) if not n]
    # cells that were once used stay in the file, empty
    ghosts = [n for n in frame.columns if n in nameless and frame[n].isna().all()]
    others = [s for s in sheets if s != name]
    note = f"Excel workbook, sheet {name!r}" + (f" (others: {', '.join(others)})" if others else "")
    return Read(frame.drop(columns=ghosts), note, {})


def _filled_rows(sheet: Any) -> Iterator[list[Any]]:
    """The cells of each row that holds anything; None where a cell is empty or an error."""
    sheet.reset_dimensions()  # what a file says of its size is often wrong
    for row in sheet.iter_rows(values_only=True):
        if any(cell not in (None, "") for cell in row):
            yield [None if isinstance(c, str) and c.strip() in MISSING else c for c in row]


def _name(names: list[str], place: int) -> str:
    return (names[place] if place < len(names) else "") or f"(column {place + 1})"


# -- JSON lines ---------------------------------------------------------------------------------


def read_json_lines(path: Path) -> Read:
    """One JSON object a line; an object within is taken apart into columns "outer.inner".

    A name that a line lacks is missing there.

    Raises:
        DataError: a line that is not JSON, not an object or names something twice; with its number.
    """
    pieces, records = Pieces(), []
    try:
        with binary(path) as file:
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if text.strip():
                    records.append(_record(text, f"{path}, line {number}"))
                if len(records) == LINES:
                    pieces.add(_columns(records))
                    records = []
    except UnicodeDecodeError:
        raise DataError(f"{path}, line {number} is not UTF-8; JSON has to be") from None
    if records:
        pieces.add(_columns(records))
    if not pieces.rows:
        raise DataError(f"{path} is empty: it holds no JSON objects")
    return Read(pieces.frame(), "JSON lines", {})


def _record(text: str, where: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require_names(where, [name for name, _ in pairs])
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg}, character {error.colno}") from None
    except RecursionError:
        raise DataError(f"{where}: objects within objects too deep to be a table") from None
    if not isinstance(found, dict):
        raise DataError(
            f'{where}: expected an object, such as {{"age": 41}}, got {type(found).__name__}. '
            "A file of one long list is no JSON lines; write one object a line."
        )
    return found


def _columns(records: list[dict[str, Any]]) -> pd.DataFrame:
    if any(isinstance(value, dict) for record in records for value in record.values()):
        return pd.json_normalize(records)
    return pd.DataFrame.from_records(records)
