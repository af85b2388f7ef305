"""Which columns name rows and say nothing of others: the one rule, for describing and for fitting.

A name alone is never enough, the values have to be those of a key: nearly all different, so that a
few repeated rows do not hide it. Numbers that were measured repeat by chance. Of n whole numbers in
a range of R values the expected number of equal pairs is at least

    n (n - 1) / (2 R)      (least where all R are equally likely),

and so many fewer repeats than that are what numbers drawn without replacement have: keys, numbers
of rows, and ranks and years, which is why these need a name, or the order of the file, as well.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

NEARLY = 0.95  # share of different values; the rest may be repeated rows
NAMED = 0.9  # the same for text whose name is of a key
MANY_LEVELS, FEW_ROWS = 500, 5.0  # so many levels of fewer rows each cannot be learned
DENSE = 0.3  # share of the range that numbers of rows fill, some of them being in other parts
IN_ORDER = 0.95  # correlation with the row of the file
BY_CHANCE = 1e-4  # so few repeats would be rarer than this, had the numbers been drawn freely

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-zà-ÿ]+|[A-Z]+|\d+")
_ALWAYS = {"id", "ids", "uuid", "guid", "iban", "ssn", "rownames", "rowid"}
_COUNTED = {"nr", "no", "num", "number", "nummer", "numero", "key", "index", "idx", "row"}
_OWNERS = (
    "row|line|record|rec|case|obs|observation|seq|sequence|serial|customer|cust|client|user|member"
    "|person|people|patient|student|pupil|employee|emp|staff|household|hh|firm|company|account|acct"
    "|card|loan|contract|policy|order|invoice|transaction|trans|payment|ticket|item|product|ref"
    "|reference|kunden?|konto|vertrags?|zeilen?|satz|beleg|rechnungs?|auftrags?|personal|mitglieds?"
)
_OWNED = re.compile(rf"({_OWNERS})({'|'.join(sorted(_ALWAYS | (_COUNTED - {'row'})))})$")


def key_name(name: str) -> str:
    """Whether a name is of a key: "yes", "perhaps" (no, index: of a measured number as well), "".

    In any style: customer_id, CustomerId, CUSTOMERID, RowNumber, row_no, Kunden-Nr.
    """
    words = [w.lower() for w in _WORDS.findall(name)]
    if not words:
        return ""
    if words[-1] in _ALWAYS or words[0] == "unnamed" or _OWNED.search("".join(words)):
        return "yes"
    return "perhaps" if words[-1] in _COUNTED else ""


def numbers_rows(name: str, values: np.ndarray) -> str:
    """Why a column of numbers is an identifier; "" where it is none.

    Args:
        name: name of the column.
        values: (n,) in the order of the file, NaN where missing.
    """
    known = values[~np.isnan(values)]
    n, distinct = len(known), len(np.unique(known))
    if n < 3 or n < NEARLY * len(values) or distinct < NEARLY * n:
        return ""
    if not np.isfinite(known).all() or (known != np.floor(known)).any():
        return ""
    named = key_name(name)
    rare = fewer_repeats_than_chance(known)
    reach = _reach(known)
    dense = distinct == n == reach or (rare < BY_CHANCE and distinct >= DENSE * reach)
    begins = -1 < known.min() <= max(1.0, 10 * reach / n)  # the first ones may be in other parts
    if dense and begins and (named or _in_order(known)):
        return "numbers the rows"
    if named == "yes" or (named and rare < BY_CHANCE):
        return _all_different("number", n - distinct) + ", and its name is of a key"
    return ""


def names_rows(name: str, known: pd.Series) -> str:
    """Why a column of text is an identifier; "" where it is none.

    Args:
        name: name of the column.
        known: its text, without what is missing.
    """
    n, distinct = len(known), int(known.nunique())
    if n < 3:
        return ""
    if distinct >= NEARLY * n:
        return _all_different("value", n - distinct) + ", like a name or a key"
    if distinct > NAMED * n and key_name(name) == "yes":
        return _all_different("value", n - distinct) + ", and its name is of a key"
    if distinct >= MANY_LEVELS and n < FEW_ROWS * distinct:
        return f"{distinct:,} levels of {n / distinct:.1f} rows each, too few to learn a level from"
    return ""


def fewer_repeats_than_chance(known: np.ndarray) -> float:
    """How likely so few repeats are, had the numbers been drawn freely from their range.

    Args:
        known: (n,) whole numbers.
    """
    from scipy.stats import poisson

    n = len(known)
    pairs = n * (n - 1) / (2 * _reach(known))
    return float(poisson.cdf(n - len(np.unique(known)), pairs))


def _reach(known: np.ndarray) -> float:
    """Whole numbers from the least to the largest."""
    with np.errstate(over="ignore"):
        return float(np.ptp(known)) + 1


def _in_order(known: np.ndarray) -> bool:
    return abs(np.corrcoef(known, np.arange(len(known)))[0, 1]) >= IN_ORDER


def _all_different(what: str, repeats: int) -> str:
    few = f" but for {repeats:,} repeated" if repeats else ""
    return f"every {what} is different{few}"
