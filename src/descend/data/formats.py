"""Tables in files that name their columns' types: Parquet, Stata, Excel, JSON lines."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descend.data.bounds import (
    EXCEL_COLUMNS,
    EXCEL_ROWS,
    MOST_NESTED,
    require_few_columns,
    require_filled,
    require_room,
    require_sane_size,
)
from descend.data.encoding import binary
from descend.data.frames import Pieces, is_text, require_names
from descend.data.missing import NAMES, note_of_words, words_for
from descend.data.numerals import find_numerals, is_code, plain_frame
from descend.data.table import require_columns
from descend.errors import DataError, DescendError, MissingExtraError

SAMPLE_ROWS = 1_000  # from which the way of writing numbers is found
LINES = 20_000  # of JSON made into columns at a time
STATA_ROWS = 50_000
SHOWN = 5  # columns named in a note
EXCEL_BLOCK, EXCEL_CELLS = 5_000, 500_000  # rows and cells made into columns at a time
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
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not a whole {kind} ({reason})") from error


def read_parquet(path: Path) -> Read:
    """A Parquet file; dictionary columns become categories, with their order if they have one."""
    try:
        import pyarrow  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from None
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]

    with _whole(path, "Parquet file"), ParquetFile(path) as file:
        require_names(str(path), file.schema_arrow.names)
        rows, wide = file.metadata.num_rows, len(file.schema_arrow.names)
        require_room(rows, wide, rows * wide)  # a byte a cell, at the least
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
    labelled = [str(n) for n in frame if isinstance(frame[n].dtype, pd.CategoricalDtype)]
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
    others = [name for name in names if name not in plain]
    how: dict[str, Any] = {"chunksize": STATA_ROWS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.CategoricalConversionWarning)
        with (
            pd.read_stata(path, convert_categoricals=False, **how) as coded,
            pd.read_stata(path, columns=others or names[:1], **how) as labelled,
        ):
            for codes, words in zip(coded, labelled, strict=True):
                pieces.add(codes)
                for name in others:
                    if isinstance(words[name].dtype, pd.CategoricalDtype):
                        first = codes[name].dropna().drop_duplicates()
                        known = words[name].loc[first.index].tolist()
                        labels.setdefault(name, {}).update(zip(first, known, strict=True))
    frame = pieces.frame()
    for name, texts in labels.items():
        order = sorted(texts)
        levels = [texts[code] for code in order]
        if len(set(levels)) < len(levels) or not all(isinstance(v, str) for v in levels):
            plain.add(name)
            continue
        place = np.asarray(pd.Index(order).get_indexer(pd.Index(frame[name])))
        frame[name] = pd.Categorical.from_codes(place, pd.Index(levels))
    return frame


# -- Excel --------------------------------------------------------------------------------------


def read_excel(
    path: Path,
    sheet: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    keep_na: Collection[str] = (),
) -> Read:
    """A sheet of an Excel workbook: names in the first row that holds anything.

    Cells of text that are written numbers ("1.234,50") are numbers, as in a text file.

    Args:
        sheet: its name, or its number from 1; the first that holds anything if not given.
        decimal, thousands, keep_na: as in `delimited.read_delimited`.

    Raises:
        DataError: no workbook, one with a password, no such sheet, an empty sheet, no names, a row
            or a column that Excel does not have.
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
        with zipfile.ZipFile(path) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        require_sane_size(str(path), path.stat().st_size, unpacked)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            name = _sheet(path, book, sheet, keep_na)
        finally:
            book.close()
    words = [name.frame[n] for n in name.frame if is_text(name.frame[n])]
    samples = [column.dropna().iloc[:SAMPLE_ROWS].tolist() for column in words]
    codes = {str(c.name) for c, s in zip(words, samples, strict=True) if is_code(s)}
    numerals = find_numerals(
        [s for c, s in zip(words, samples, strict=True) if c.name not in codes],
        ",",
        decimal,
        thousands,
    )
    frame, dressed = plain_frame(name.frame, numerals, codes)
    note = "; ".join(filter(None, (name.note, numerals.describe(), dressed)))
    return Read(frame, note, {})


def _sheet(path: Path, book: Any, wanted: str | None, keep: Collection[str]) -> Read:
    sheets = [sheet.title for sheet in book.worksheets]
    if wanted is None:
        first = next((s for s in sheets if next(_filled_rows(path, book[s]), None)), None)
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
    rows = _filled_rows(path, book[name])
    head = next(rows, None)
    if head is None:
        raise DataError(f"{where} is empty: it holds no column names and no rows")
    if all(isinstance(cell, (int, float)) for cell in head if cell not in (None, "")):
        raise DataError(
            f"{where}: the first row should hold the columns' names, and holds numbers. Put a row "
            "of names first."
        )
    names = ["" if cell is None else str(cell).strip() for cell in head]
    require_names(where, [n for n in names if n])
    require_columns(keep, names, where)
    words: dict[str, Counter[str]] = {}
    pieces, filled = Pieces(), 0
    for block in _blocks(rows):
        wide = max(map(len, block))
        columns = [_name(names, i) for i in range(wide)]
        cells = [_known(row, columns, keep, words) for row in block]
        filled += sum(cell is not None for row in cells for cell in row)
        require_filled(where, pieces.rows + len(block), max(wide, len(names)), filled)
        piece = pd.DataFrame([[*row, *[None] * (wide - len(row))] for row in cells])
        pieces.add(piece.set_axis(columns, axis="columns").infer_objects())
    frame = pieces.frame() if pieces.rows else pd.DataFrame(columns=[n for n in names if n])
    nameless = [_name(names, i) for i, n in enumerate(names) if not n]
    # cells that were once used stay in the file, empty
    ghosts = [n for n in frame.columns if n in nameless and frame[n].isna().all()]
    others = [s for s in sheets if s != name]
    note = f"Excel workbook, sheet {name!r}" + (f" (others: {', '.join(others)})" if others else "")
    frame = frame.drop(columns=ghosts)
    # among numbers, a word for nothing is no name
    remark = note_of_words({n: words[n] for n in words if n in frame and is_text(frame[n])})
    return Read(frame, note + (f"; {remark}" if remark else ""), {})


def _filled_rows(path: Path, sheet: Any) -> Iterator[list[Any]]:
    """The cells of each row that holds anything, up to the last that does."""
    sheet.reset_dimensions()  # what a file says of its size is often wrong
    # a row further on makes openpyxl give one more than there can be
    for number, row in enumerate(sheet.iter_rows(max_row=EXCEL_ROWS + 1, values_only=True), 1):
        if number > EXCEL_ROWS or len(row) > EXCEL_COLUMNS:
            raise DataError(
                f"{path}, sheet {sheet.title!r} has a cell beyond Excel's own last row "
                f"{EXCEL_ROWS:,} or column {EXCEL_COLUMNS:,}; it is damaged"
            )
        last = next((i for i in range(len(row), 0, -1) if row[i - 1] not in (None, "")), 0)
        if last:
            yield list(row[:last])


def _blocks(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    """Rows at a time, so many that their cells fit into little memory."""
    block: list[list[Any]] = []
    wide = 0
    for row in rows:
        block.append(row)
        wide = max(wide, len(row))
        if len(block) == EXCEL_BLOCK or len(block) * wide >= EXCEL_CELLS:
            yield block
            block, wide = [], 0
    if block:
        yield block


def _known(
    row: list[Any], columns: list[str], keep: Collection[str], words: dict[str, Counter[str]]
) -> list[Any]:
    """The cells of a row, None where one is empty, an error or a word for nothing."""
    cells = list(row)
    for i, cell in enumerate(row):
        if isinstance(cell, str) and (word := cell.strip()) in words_for(columns[i], keep):
            cells[i] = None
            if word in NAMES:
                words.setdefault(columns[i], Counter())[word] += 1
    return cells


def _name(names: list[str], place: int) -> str:
    return (names[place] if place < len(names) else "") or f"(column {place + 1})"


# -- JSON lines ---------------------------------------------------------------------------------


def read_json_lines(path: Path) -> Read:
    """One JSON object a line; an object within is taken apart into columns "outer.inner".

    A name that a line lacks is missing there.

    Raises:
        DataError: a line that is not JSON, not an object or names something twice; with its number.
            More names than `bounds.MOST_COLUMNS`, or so many that differ from line to line that
            nearly nothing is filled.
    """
    pieces, records, filled = Pieces(), [], 0
    names: dict[str, None] = {}
    try:
        with binary(path) as file:
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if text.strip():
                    where = f"{path}, line {number}"
                    records.append(_flat(_record(text, where), where))
                    names |= dict.fromkeys(records[-1])
                    filled += len(records[-1])
                    require_few_columns(str(path), names)
                    require_filled(str(path), pieces.rows + len(records), len(names), filled)
                if len(records) == LINES:
                    pieces.add(pd.DataFrame.from_records(records))
                    records = []
    except UnicodeDecodeError:
        raise DataError(f"{path}, line {number} is not UTF-8; JSON has to be") from None
    if records:
        pieces.add(pd.DataFrame.from_records(records))
    if not pieces.rows:
        raise DataError(f"{path} is empty: it holds no JSON objects")
    return Read(pieces.frame(), "JSON lines", {})


def _record(text: str, where: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require_names(where, [name for name, _ in pairs])
        return dict(pairs)

    try:
        record = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg}, character {error.colno}") from None
    except RecursionError:
        raise DataError(f"{where}: objects within objects too deep to be a table") from None
    except DataError:
        raise
    except ValueError as error:  # a whole number of thousands of digits
        raise DataError(f"{where} is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise DataError(
            f'{where}: expected an object, such as {{"age": 41}}, got {type(record).__name__}. '
            "A file of one long list is no JSON lines; write one object a line."
        )
    return record


def _flat(record: dict[str, Any], where: str) -> dict[str, Any]:
    """Without objects within: {"a": {"b": 1}} is {"a.b": 1}."""
    flat: dict[str, Any] = {}
    waiting: list[tuple[str, Any, int]] = [(name, value, 1) for name, value in record.items()]
    for name, value, depth in waiting:
        if isinstance(value, dict) and value:
            if depth == MOST_NESTED:
                raise DataError(f"{where}: objects within objects too deep to be a table")
            waiting += [(f"{name}.{inner}", v, depth + 1) for inner, v in value.items()]
        elif name in flat:
            raise DataError(
                f"{where}: {name!r} is there twice, as a name and as an object within an object; "
                "rename one of them"
            )
        else:
            flat[name] = value
    return flat
