"""How much is read at most: the bounds of all readers in one place, each with its reason.

Nothing is cut: what is beyond a bound is refused, with the bound and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from descend.errors import DataError

# Each column is put together and judged by itself, in about a millisecond. Excel ends at 16,384.
MOST_COLUMNS = 20_000
# Names stand in errors, tables, plots and model files.
LONGEST_NAME = 1_000
# Characters that are looked through for the end of the names: 20,000 names of 800.
LONGEST_LINE = 2**24
# Objects within objects: a name is made of theirs, and Python's own stack ends near 1,000.
MOST_NESTED = 32
# Excel's own; a file that says otherwise was not written by a spreadsheet.
EXCEL_ROWS, EXCEL_COLUMNS = 1_048_576, 16_384
# What compression makes of a table is smaller by a factor of 3 to 50; one of zeros alone by 1,000.
MOST_UNPACKED, UNPACKED_FROM = 300, 10**8  # times, and bytes below which it does not matter
# Cells that are filled on average where names or columns differ from row to row.
SPARSEST, SPARSE_FROM = 100, 10**6  # one in so many, and cells below which it does not matter


def require_few_columns(where: str, names: Collection[str]) -> None:
    """Raises DataError where there are too many columns, or a name is too long to be one."""
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{where} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read. Write the "
            "columns that are needed, or one row an entry"
        )
    longest = max(map(len, names), default=0)
    if longest > LONGEST_NAME:
        name = next(name for name in names if len(name) == longest)
        raise DataError(
            f"{where} has a column whose name is {longest:,} characters long ({name[:30]!r}...); "
            f"at most {LONGEST_NAME:,} are read. The first line should hold the columns' names"
        )


def require_filled(where: str, rows: int, columns: int, filled: int) -> None:
    """Raises DataError where nearly all cells are empty: a small file can make a huge table so."""
    if rows * columns > max(SPARSE_FROM, SPARSEST * filled):
        raise DataError(
            f"{where} makes a table of {rows:,} rows and {columns:,} columns of which only "
            f"{filled:,} cells are filled; its names or columns differ from row to row. Write one "
            "row an entry"
        )


def require_sane_size(where: str, packed: int, unpacked: int) -> None:
    """Raises DataError where unpacking gives far more than a table would."""
    if unpacked > max(UNPACKED_FROM, MOST_UNPACKED * packed):
        raise DataError(
            f"{where} unpacks to more than {unpacked / 1e6:,.0f} MB, {MOST_UNPACKED} times its "
            "size; no table does. It is damaged, or made to fill a memory"
        )


def require_room(rows: int, columns: int, size: int) -> None:
    """Raises DataError where the bytes of a table are more than this machine's memory."""
    memory = _memory()
    if memory and size > memory:
        raise DataError(
            f"{rows:,} rows of {columns:,} columns take {size / 1e9:,.0f} GB, and this machine has "
            f"{memory / 1e9:,.0f} GB of memory; read fewer columns or rows"
        )


def _memory() -> int:
    """Bytes of memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0
