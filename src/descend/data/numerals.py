"""How numbers are written: the decimal mark, marks between thousands, currencies, %, brackets."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from descend.data.frames import is_text
from descend.errors import DataError

SHOWN = 4  # columns named in a remark
NUMERIC_SHARE = 0.9  # of a column's entries must be numbers in the file's way of writing
BLANKS = " \u00a0\u202f\u2009"  # a blank, and those that keep a number on one line
APOSTROPHES = "'\u2019"
_WORDS = {",": "commas", ".": "points", " ": "blanks", "'": "apostrophes"}
_LIKE_A_NUMBER = re.compile(rf"[+-]?[.,]?[0-9][0-9.,{BLANKS}{APOSTROPHES}]*([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d*,(\d{1,2}|\d{4,})|\d{4,},\d+|0,\d+|\d{1,3}(\.\d{3})+,\d+)([eE].*)?")
_POINT = re.compile(
    r"[+-]?(\d*\.(\d{1,2}|\d{4,})|\d{4,}\.\d+|0\.\d+|\d{1,3}(,\d{3})+\.\d+)([eE].*)?"
)
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")
_GROUPS = re.compile(
    rf"[+-]?[1-9]\d{{0,2}}(?:([{BLANKS}])\d{{3}}|([{APOSTROPHES}])\d{{3}}|([.,])\d{{3}})+(?:[.,]\d+)?"
)
_WITHOUT_GAPS = str.maketrans("", "", BLANKS + APOSTROPHES)
_CODE = re.compile(r"0\d+")
# what may stand around a number: the currency, a percent sign, an accountant's brackets for minus
_CURRENCY = (
    r"[$\u20ac\u00a3\u00a5\u20b9]|US\$|R\$|kr|"
    r"AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HUF|INR|JPY|KRW|MXN|NOK|PLN|SEK|TRY|USD|ZAR"
)
_DRESSED = re.compile(
    r"(?P<open>\()?(?P<sign>[+\u2212-])?\s*"
    rf"(?P<before>{_CURRENCY})?\s*"
    rf"(?P<inner>[+\u2212-]?[.,]?\d[\d.,{BLANKS}{APOSTROPHES}]*?(?:[eE][+-]?\d+)?)"
    rf"\s*(?P<after>%|{_CURRENCY})?(?P<close>\))?"
)


@dataclass(frozen=True)
class Numerals:
    """A way of writing numbers.

    Attributes:
        decimal: "." or ",".
        thousands: "," or "." or " " (any blank) or "'", or None.
        note: a remark on what could have been read otherwise, or "".
    """

    decimal: str = "."
    thousands: str | None = None
    note: str = ""

    @property
    def plain(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return self.decimal == "." and not self.thousands

    def describe(self) -> str:
        """Say it in words; "" for the plain way."""
        parts = []
        if self.decimal == ",":
            parts.append("decimal commas")
        if self.thousands:
            parts.append(f"{_WORDS[self.thousands]} between thousands")
        return ", ".join([*parts, self.note] if self.note else parts)


def find_numerals(
    columns: Sequence[Sequence[str]],
    delimiter: str,
    decimal: str | None = None,
    thousands: str | None = None,
) -> Numerals:
    """The way in which a file writes numbers, from a sample of each column.

    "1,5" has a decimal comma and "1,234,567" has commas between thousands; "1,234" alone is one or
    the other, and is read as 1234 unless other numbers show decimal commas or the columns are
    divided by something else than commas.

    Args:
        columns: entries as text, by column.
        delimiter: what divides columns.
        decimal, thousands: the user's word; "" for no marks between thousands.

    Raises:
        DataError: marks that cannot be.
    """
    _require_marks(decimal, thousands)
    commas = points = 0
    doubtful: dict[str, str] = {}
    grouped: dict[str, int] = {}
    for column in columns:
        known = [undressed(entry) for entry in column if entry.strip()]
        likely = [entry for entry in known if _LIKE_A_NUMBER.fullmatch(entry)]
        if len(likely) < NUMERIC_SHARE * len(known):
            continue
        for entry in likely:
            if one := _EITHER.fullmatch(entry):
                doubtful.setdefault(one[1], entry)
                continue
            bare = entry.translate(_WITHOUT_GAPS)
            commas += _COMMA.fullmatch(bare) is not None
            points += _POINT.fullmatch(bare) is not None
            if groups := _GROUPS.fullmatch(entry):
                mark = " " if groups[1] else "'" if groups[2] else groups[3]
                grouped[mark] = grouped.get(mark, 0) + 1
    comma_decimals = commas > points or (
        not points
        and ("." in grouped or ("," in doubtful and delimiter != "," and "," not in grouped))
    )
    note = f"numbers with decimal commas ({commas}) and points ({points})"
    remark = note if commas and points and decimal is None else ""
    decimal = decimal or ("," if comma_decimals else ".")
    if thousands is None:
        other = "," if decimal == "." else "."
        marks = [m for m in sorted(grouped, key=lambda m: -grouped[m]) if m != decimal]
        thousands = marks[0] if marks else (other if other in doubtful and other == "," else "")
        if not marks and decimal == "," and "." in doubtful:
            thousands = "."
        if thousands in doubtful and not remark and thousands not in grouped:
            entry = doubtful[thousands]
            remark = f"{entry} is read as {entry.replace(thousands, '')}"
    return Numerals(decimal, thousands or None, remark)


def _require_marks(decimal: str | None, thousands: str | None) -> None:
    if decimal not in (None, ".", ","):
        raise DataError(f"the decimal mark must be a point or a comma, got {decimal!r}")
    if thousands not in (None, "", *_WORDS):
        raise DataError(
            "the mark between thousands must be a comma, a point, a blank, an apostrophe or none "
            f'(""), got {thousands!r}'
        )
    if decimal is not None and decimal == thousands:
        raise DataError(f"{decimal!r} cannot be both the decimal mark and between thousands")


def is_code(entries: Sequence[str]) -> bool:
    """Whether digits are a code (a postcode, a key) that a number would rob of leading zeros."""
    known = [entry.strip() for entry in entries if entry.strip()]
    return any(_CODE.fullmatch(e) for e in known) and all(e.isdigit() for e in known)


def undressed(entry: str) -> str:
    """An entry without currency, percent sign and brackets around its number; else as it is."""
    whole = _DRESSED.fullmatch(entry.strip())
    return whole["inner"] if whole else entry.strip()


def plain_frame(
    frame: pd.DataFrame, numerals: Numerals, codes: Collection[str] = ()
) -> tuple[pd.DataFrame, str]:
    """A table with its text columns of written numbers as numbers, and a remark on them.

    Args:
        codes: columns that stay as they are.
    """
    remarks = []
    for name in frame.columns:
        if name in codes or not is_text(frame[name]):
            continue
        plain, remark = plain_numbers(frame[name], numerals)
        frame[name] = plain
        if remark:
            remarks.append(f"{name}: {remark}")
    more = f" and {len(remarks) - SHOWN} more such" if len(remarks) > SHOWN else ""
    return frame, "; ".join(remarks[:SHOWN]) + more


def plain_numbers(column: pd.Series, numerals: Numerals) -> tuple[pd.Series, str]:
    """A text column as numbers, where it holds numbers written so; else as it is; and a remark.

    "$1,234.50" loses its currency where all have the same one, "9%" becomes 0.09 and "(1.2)" in a
    column where others stand without brackets -1.2. Entries that are no numbers stay as they are,
    so that they can be counted and shown; the column then stays text with its numbers written
    plainly.
    """
    words = column.str.strip()
    if not _mostly(words.dropna().iloc[:1000], _DRESSED.pattern):
        return column, ""
    parts = words.str.extract(rf"^(?:{_DRESSED.pattern})$")
    known = int(words.notna().sum())
    percent = parts["after"] == "%"
    brackets = parts["open"].notna() & parts["close"].notna()
    unit = parts["before"].fillna(parts["after"].mask(percent))
    units = unit.dropna().unique()
    share = percent.fillna(False).sum() / known
    if not len(units) and not share and not brackets.any():
        values = words if numerals.plain else _undivided(words, words, numerals)
        return (column if values is words else values), ""
    if len(units) > 1 or 0 < share < NUMERIC_SHARE or (len(units) and share):
        return column, ""  # of two currencies or measures
    if brackets.any() and brackets.sum() == known:
        return column, ""  # (1), (2): labels
    minus = brackets | parts["sign"].isin(["-", "\u2212"])
    inner = parts["inner"].str.replace("\u2212", "-")
    inner = inner.where(~minus, "-" + inner.str.lstrip("+-"))
    inner = inner.where(parts["open"].notna() == parts["close"].notna())
    if share:
        inner = inner.where(percent)
    values = _undivided(inner, words, numerals)
    if values is words:
        return column, ""
    if share:
        values = _hundredth(values)
    remarks = [f"{units[0]} is left out"] if len(units) else []
    remarks += ["9% is read as 0.09"] if share else []
    remarks += ["brackets are a minus"] if brackets.any() else []
    return values, ", ".join(remarks)


def _hundredth(numbers: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(numbers.dtype):
        return numbers / 100
    values = pd.to_numeric(numbers, errors="coerce")
    return numbers.where(values.isna(), (values / 100).astype("str"))


def _undivided(inner: pd.Series, words: pd.Series, numerals: Numerals) -> pd.Series:
    """Numbers written with the file's marks as numbers; `words` where too few are.

    Args:
        inner: the numbers without what stands around them.
        words: the entries whole, for those that are none.
    """
    decimal = re.escape(numerals.decimal)
    marks = {" ": BLANKS, "'": APOSTROPHES}.get(numerals.thousands or "", numerals.thousands or "")
    whole = rf"(?:\d{{1,3}}(?:[{marks}]\d{{3}})+|\d+)" if marks else r"\d+"
    pattern = rf"[+-]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    fits = inner.str.fullmatch(pattern).fillna(False).astype(bool)
    if fits.sum() < NUMERIC_SHARE * words.notna().sum():
        return words
    plain = inner.str.replace(f"[{marks}]", "", regex=True) if marks else inner
    result = words.where(~fits, plain.str.replace(numerals.decimal, ".", regex=False))
    try:
        return pd.to_numeric(result)
    except ValueError:
        return result


def _mostly(words: pd.Series, pattern: str) -> bool:
    return bool(len(words)) and words.str.fullmatch(pattern).mean() >= NUMERIC_SHARE / 2
