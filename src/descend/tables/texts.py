"""A column of free text as numbers of words: learned of training rows, the same for rows to come.

A text becomes the numbers of its words, of its pairs of neighbouring words and of the beginnings
and endings of its longer words, each once and in no order, 0 behind them. Which of these have a
number, and how many a row holds at most, is learned from the training rows; what they do not hold
is left out. Several columns share one table
of vectors: the numbers of the second begin behind those of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from descend.data.frames import as_text
from descend.described import conforms
from descend.errors import DataError
from descend.text import Words, tokeniser_from

RUN = 2  # words of the longest run that has a number
MOST_TOKENS = 200_000  # words and pairs of a column that have a number, the most frequent
LONGEST = 1024  # words and pairs of a row; what comes behind is left out
LONGEST_ENTRY = 20_000_000  # characters; what is longer is a file, and no entry of a table
MOST_DAMAGED = 0.1  # share of the texts with characters that could not be read


@dataclass(frozen=True)
class Vocabulary:
    """The words of a column, its pairs of words, and parts of words.

    Attributes:
        words: tokeniser, learned from training rows.
        length: number of tokens of the longest training row, at most `LONGEST`.
    """

    words: Words
    length: int

    def __post_init__(self) -> None:
        if not 1 <= self.length <= LONGEST:
            raise DataError(f"texts of {self.length} words: expected 1 to {LONGEST}")

    def numbers(self, entries: pd.Series) -> np.ndarray:
        """The numbers (n, length) int32 of each text, 0 behind them; of a missing one 0 alone."""
        ids = np.zeros((len(entries), self.length), np.int32)
        for row, text in zip(ids, as_text(entries).fillna(""), strict=True):
            tokens = self.words.encode(text)
            _, first = np.unique(tokens, return_index=True)
            kept = tokens[np.sort(first)][: self.length]
            row[: len(kept)] = kept
        return ids

    def to_json(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        return {"words": self.words.config(), "length": self.length}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Vocabulary:
        """Read what `to_json` gave."""
        read = cls(tokeniser_from(saved["words"]), saved["length"])  # type: ignore[arg-type]
        conforms(read, cls, "the vocabulary of a text")
        return read


def learn_vocabulary(name: str, column: pd.Series) -> Vocabulary | str:
    """The vocabulary of a column's training rows, or why there is none.

    Raises:
        DataError: an entry that is longer than any text of a table.
    """
    require_texts(name, column)
    texts = as_text(column).dropna()
    try:
        words = Words.learn(texts, size=MOST_TOKENS, unknown=False, ngrams=RUN, parts=True)
    except DataError:
        return "no training row holds a word"
    longest = max(len(np.unique(words.encode(text))) for text in texts)
    return Vocabulary(words, max(1, min(longest, LONGEST)))


def require_texts(name: str, column: pd.Series) -> None:
    """Raise DataError unless a column can be read as texts."""
    for place, entry in enumerate(column):
        if isinstance(entry, bytes):
            raise DataError(
                f"the column {name!r} should hold texts, and row {place + 1:,} holds bytes; say "
                "how they are written: column.str.decode('utf-8')"
            )
        if isinstance(entry, str) and len(entry) > LONGEST_ENTRY:
            raise DataError(
                f"the column {name!r}: row {place + 1:,} holds {len(entry):,} characters; at most "
                f"{LONGEST_ENTRY:,} can be read as a text of a table. Is a quotation mark missing?"
            )
    known = column.dropna()
    if (as_text(known).fillna("") == "").all():
        raise DataError(
            f"the column {name!r} should hold texts, as asked for, and is empty in all "
            f"{len(column):,} rows; leave it out (drop)"
        )
    kinds = pd.api.types
    of_words = kinds.is_object_dtype(known.dtype) or kinds.is_string_dtype(known.dtype)
    if not of_words and not isinstance(known.dtype, pd.CategoricalDtype):
        raise DataError(
            f"the column {name!r} should hold texts, as asked for, and holds {known.dtype}, such "
            f"as {str(known.iloc[0])!r}; ask for no text there"
        )
    damaged = int(as_text(known).str.contains("\ufffd", regex=False).sum())
    if damaged > MOST_DAMAGED * len(known):
        raise DataError(
            f"the column {name!r}: {damaged:,} of {len(known):,} texts hold characters that could "
            "not be read; the file was read in another encoding than it was written in "
            "(encoding=, --encoding)"
        )
