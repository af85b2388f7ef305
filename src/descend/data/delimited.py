"""Tables in text files: columns divided by commas, semicolons, tabs, bars or blanks."""

from __future__ import annotations

import csv
import io
import re
import sys
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from descend.data.bounds import LONGEST_LINE
from descend.data.encoding import characters, find_encoding
from descend.data.frames import Pieces, is_text, require_names
from descend.data.missing import NAMES, note_of_words, words_for
from descend.data.numerals import Numerals, find_numerals, is_code, plain_frame
from descend.data.table import require_columns
from descend.errors import DataError

SAMPLE = 2**18  # characters from which the way of writing is found
SAMPLE_ROWS = 1000
CHUNK = 2**23  # characters read at a time: what is not yet columns stays small
DIVIDERS = {"\t": "tabs", "|": "bars", ";": "semicolons", ",": "commas", " ": "blanks"}


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out.

    Attributes:
        delimiter: one character; " " stands for any number of blanks.
        names: names of the columns.
        rows: a sample of the entries, without the names.
        skipped: lines before the names: blank ones, and "sep=;" as Excel writes it.
        width: characters a row.
    """

    delimiter: str
    names: list[str]
    rows: list[list[str]]
    skipped: int
    width: int

    def column(self, place: int) -> list[str]:
        """Take the sample of one column."""
        return [row[place] for row in self.rows if len(row) > place]


def read_delimited(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    keep_na: Collection[str] = (),
) -> tuple[pd.DataFrame, str]:
    """The rows of a text file and one line on how it was read.

    What is not given is found: the encoding from all bytes, the rest from the first lines. Digits
    that begin with 0 ("01067") stay text, since they are a code. The file is read in pieces, so
    that little more memory is used than the frame takes.

    Args:
        encoding: name as Python knows it, such as "cp1252".
        delimiter: what divides columns; "blanks" or " " for any number of blanks.
        decimal: "." or ",".
        thousands: mark between thousands; "" for none.
        keep_na: columns in which words such as "NA" are text; an empty entry stays missing.

    Raises:
        DataError: bytes that do not fit the encoding, no names, two columns of one name, a
            malformed line; each with the line's number.
    """
    coding = find_encoding(path, encoding)
    layout = _layout(path, coding.name, _delimiter_given(delimiter))
    samples = [layout.column(i) for i in range(len(layout.names))]
    codes = {n for n, s in zip(layout.names, samples, strict=True) if is_code(s)}
    written = [s for n, s in zip(layout.names, samples, strict=True) if n not in codes]
    require_columns(keep_na, layout.names, str(path))
    numerals = find_numerals(written, layout.delimiter, decimal, thousands)
    frame = _rows(path, coding.name, layout, numerals, codes, keep_na)
    frame, dressed = plain_frame(frame, numerals, codes)
    divided = DIVIDERS.get(layout.delimiter, repr(layout.delimiter))
    parts = [f"text file, columns divided by {divided}", coding.note, numerals.describe(), dressed]
    gaps = [str(n) for n in frame if is_text(frame[n]) and frame[n].isna().any()]
    worded = [name for name in gaps if name not in keep_na]
    if worded or frame.iloc[:, -1].isna().any():
        parts += _gaps(path, coding.name, layout, worded)
    return frame, "; ".join(part for part in parts if part)


# -- the layout ---------------------------------------------------------------------------------


def _delimiter_given(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    words = {word: mark for mark, word in DIVIDERS.items()} | {"\\t": "\t", "tab": "\t"}
    mark = words.get(delimiter, delimiter)
    if len(mark) != 1 or mark in '"\r\n':
        raise DataError(
            f"the delimiter must be one character or one of {', '.join(DIVIDERS.values())}; "
            f"got {delimiter!r}"
        )
    return mark


def _layout(path: Path, encoding: str, delimiter: str | None) -> Layout:
    sample = _sample(path, encoding)
    announced = re.match(r"sep=(.)\r?\n", sample)
    if announced:
        sample = sample[announced.end() :]
        delimiter = delimiter or announced[1]
    blank = re.match(r"(?:[ \t]*\r?\n)*", sample)
    assert blank is not None  # of any length
    skipped = bool(announced) + blank[0].count("\n")
    sample = sample[blank.end() :]
    if delimiter is None and re.search(r"\.(tsv|tab)(\.gz)?$", path.name.lower()):
        delimiter = "\t"
    delimiter = delimiter or _found_delimiter(sample)
    header, *rows = _entries(sample, delimiter) or [[]]
    if not any(name.strip() for name in header):
        raise DataError(
            f"{path}, line {skipped + 1}: the first line should hold the columns' names, and holds "
            "none. Put the names there, or take the line out"
        )
    names = [name.strip() for name in header]
    if names and all(_is_number(name) for name in names):
        listed = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        raise DataError(
            f"{path}: the first line should hold the columns' names, and holds numbers ({listed}). "
            "Put a line of names first."
        )
    require_names(str(path), [name for name in names if name])
    # a nameless first column is what R and pandas write for row numbers
    names = [name or f"(column {i + 1})" for i, name in enumerate(names)]
    width = len(sample) // (sample.count("\n") + 1) + 1
    return Layout(delimiter, names, rows, skipped, width)


def _sample(path: Path, encoding: str) -> str:
    """The first lines, the first of them whole."""
    with characters(path, encoding) as file:
        sample = file.read(SAMPLE)
        if not sample.strip():
            raise DataError(f"{path} is empty: it holds no column names and no rows")
        while "\n" not in sample.lstrip() and len(sample) < LONGEST_LINE:
            more = file.read(SAMPLE)
            if not more:
                return sample
            sample += more
        whole = not file.read(1)
    last = sample.rfind("\n")
    if whole:
        return sample
    if "\n" not in sample.lstrip():
        raise DataError(
            f"{path}: the first line, which should hold the columns' names, is longer than "
            f"{LONGEST_LINE:,} characters"
        )
    return sample[: last + 1]


def _found_delimiter(sample: str) -> str:
    """The mark that divides the names, and most rows into as many entries."""
    best, most = ",", (0.0, 1)
    for mark in DIVIDERS:
        rows = _entries(sample, mark)
        if not rows or len(rows[0]) < 2 or (mark == " " and not _blanks_divide(rows)):
            continue
        alike = [len(row) == len(rows[0]) for row in rows[1:]]
        score = (sum(alike) / len(alike) if alike else 1.0, len(rows[0]))
        if mark == " " and most[1] > 1:
            continue  # blanks are part of names and entries, where anything else divides
        if score > most:
            best, most = mark, score
    return best


def _blanks_divide(rows: list[list[str]]) -> bool:
    """Whether blanks divide columns, rather than words of a name or the thousands of a number."""
    body = rows[1:]
    if not body or any(len(row) != len(rows[0]) for row in body):
        return False
    if all(re.fullmatch(r"\d{1,3}( \d{3})+", " ".join(row)) for row in body):
        return False
    return any(
        all(_is_number(row[i].replace(",", ".")) for row in body) for i in range(len(rows[0]))
    )


def _entries(sample: str, delimiter: str) -> list[list[str]]:
    """The first rows, blank ones left out; [] where the mark makes no sense."""
    source = io.StringIO(sample, newline="")
    if delimiter == " ":
        lines = sample.splitlines(keepends=True)
        source = io.StringIO("".join(f"{line.strip()}\n" for line in lines if line.strip()))
    rows: list[list[str]] = []
    with _entries_of_any_length():
        for row in csv.reader(source, delimiter=delimiter, skipinitialspace=True):
            if not rows or any(entry.strip() for entry in row):
                rows.append(row)
            if len(rows) > SAMPLE_ROWS:
                break
    if _names_its_rows(rows):
        rows[0] = ["", *rows[0]]
    return rows


@contextmanager
def _entries_of_any_length() -> Iterator[None]:
    """Without the csv module's bound of 131,072 characters; what it reads is bounded elsewhere."""
    usual = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _names_its_rows(rows: list[list[str]]) -> bool:
    """Whether each row begins with its name or number and the first line has none for them.

    R's write.table writes so.
    """
    body = rows[1:]
    if len(body) < 2 or any(len(row) != len(rows[0]) + 1 for row in body):
        return False
    first = [row[0] for row in body]
    numbered = first == [str(i + 1) for i in range(len(first))]
    named = len(set(first)) == len(first) and not any(map(_is_number, first))
    return numbered or named


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# -- the rows -----------------------------------------------------------------------------------


def _rows(
    path: Path,
    encoding: str,
    layout: Layout,
    numerals: Numerals,
    codes: set[str],
    keep_na: Collection[str],
) -> pd.DataFrame:
    """All rows; a column that is numbers in one piece and words in another is read anew as text."""
    pieces = Pieces()
    as_text: set[str] = set()
    missing: dict[str, Any] = {
        "na_values": {name: list(words_for(name, keep_na)) for name in layout.names},
        "keep_default_na": False,
    }
    options = {"decimal": numerals.decimal, "dtype": dict.fromkeys(codes, "str"), **missing}
    for piece in _pieces(path, encoding, layout, **options):
        pieces.add(piece.drop(columns=list(as_text)))
        for name in pieces.mixed - as_text:
            pieces.forget(name)
            as_text.add(name)
    frame = pieces.frame()
    if as_text:
        words = Pieces()
        for piece in _pieces(path, encoding, layout, usecols=list(as_text), dtype="str", **missing):
            words.add(piece)
        again = words.frame()
        for name in as_text:
            frame[name] = again.pop(name)
    return frame


def _pieces(path: Path, encoding: str, layout: Layout, **options: Any) -> Iterator[pd.DataFrame]:
    rows = max(1000, min(2**17, CHUNK // layout.width))
    try:
        with (
            characters(path, encoding) as file,
            pd.read_csv(
                file,
                sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
                header=0,
                names=layout.names,
                index_col=False,
                skipinitialspace=True,
                skiprows=layout.skipped,
                skip_blank_lines=len(layout.names) > 1,  # of one column, they are its entries
                low_memory=False,  # one type a column of a piece
                chunksize=rows,
                **options,
            ) as reader,
        ):
            while (piece := _next(reader)) is not None:
                yield piece
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty: it holds no column names and no rows") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(_malformed(path, error, len(layout.names))) from None
    except DataError:
        raise
    except ValueError as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise DataError(f"{path} cannot be read as CSV: {_first_line(error)}") from None


def _gaps(path: Path, encoding: str, layout: Layout, worded: Sequence[str]) -> list[str]:
    """What to say of rows with fewer entries than names, of blank lines that are entries, and of
    words in the columns `worded` that were read as missing: pandas fills them without a word.
    """
    short, blank, first = 0, 0, 0
    words: dict[str, Counter[str]] = {name: Counter() for name in worded}
    places = {name: layout.names.index(name) for name in worded}
    with characters(path, encoding) as file, _entries_of_any_length():
        if layout.delimiter == " ":
            reader: Any = (line.split() for line in file)
        else:
            reader = csv.reader(file, delimiter=layout.delimiter, skipinitialspace=True)
        for number, row in enumerate(reader, 1):
            if number <= 1 + layout.skipped:
                continue
            if len(layout.names) == 1 and not any(map(str.strip, row)):
                blank += 1
            elif 0 < len(row) < len(layout.names):
                short, first = short + 1, first or getattr(reader, "line_num", number)
            for name, place in places.items():
                if place < len(row) and row[place] in NAMES:
                    words[name][row[place]] += 1
    sentences = [note_of_words(words)]
    if blank:
        sentences.append(
            f"{blank:,} blank line(s) are rows of this one column, with a missing entry"
        )
    if short:
        sentences.append(
            f"{_counted(short, 'row')} fewer than {len(layout.names)} entries (the first in line "
            f"{first:,}); what is not there counts as missing"
        )
    return sentences


def _counted(count: int, what: str) -> str:
    """ "1 row has", "3 rows have"."""
    return f"1 {what} has" if count == 1 else f"{count:,} {what}s have"


def _next(reader: Any) -> pd.DataFrame | None:
    with warnings.catch_warnings():
        # pandas would cut off what lies beyond the last name, with a warning
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return next(reader, None)


def _malformed(path: Path, error: Exception, names: int) -> str:
    match = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if match:
        return (
            f"{path}, line {match[2]}: expected {match[1]} fields, found {match[3]}. A field that "
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
