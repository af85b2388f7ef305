"""Words that stand for a missing entry in text files and workbooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

SHOWN = 4  # columns named in a note
# Programs' words for nothing (pandas' own list), and Excel's errors
_WORDS = (
    "NA N/A n/a NaN nan NULL null None <NA> #N/A #NA -NaN -nan 1.#IND -1.#IND 1.#QNAN -1.#QNAN "
    "#DIV/0! #VALUE! #REF! #NAME? #NUM! #NULL!"
)
MISSING = frozenset(_WORDS.split(" ")) | {"", "#N/A N/A"}
# those that may also be a name or a code: Namibia, a surname
NAMES = frozenset(["NA", "N/A", "n/a", "NULL", "null", "None", "nan", "NaN"])


def words_for(column: str, keep: Collection[str]) -> frozenset[str]:
    """What counts as missing in a column; the empty entry alone where words are kept."""
    return frozenset([""]) if column in keep else MISSING


def note_of_words(counts: dict[str, Counter[str]]) -> str:
    """One remark on the words that were read as missing among text, {column: {word: rows}}."""
    phrases = [
        f"{name} " + ", ".join(f"{n:,} x {word!r}" for word, n in words.most_common())
        for name, words in counts.items()
        if words
    ]
    if not phrases:
        return ""
    more = f" and in {len(phrases) - SHOWN} more columns" if len(phrases) > SHOWN else ""
    first = next(name for name, words in counts.items() if words)
    return (
        f"read as missing: {'; '.join(phrases[:SHOWN])}{more} (--keep-na {first} keeps such words "
        "as text)"
    )
