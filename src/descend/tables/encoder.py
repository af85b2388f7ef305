"""From columns to the network's inputs, by what the training rows taught and nothing else.

What each kind of column becomes is said in `descend.tables.encoding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from descend.data.table import nearest, unknown_column
from descend.errors import DataError
from descend.tables.columns import numbers
from descend.tables.describe import NOTHING, judge
from descend.tables.encoding import Column, Noted, encode, encode_text, learn, require_finite
from descend.tables.texts import Vocabulary

MOST_REMARKS = 12  # lines on what an encoding met


class Encoded(NamedTuple):
    """Rows as a network takes them.

    Attributes:
        numbers: (n, p) float32.
        codes: (n, q) int32, of embedded categories.
        words: (n, r) int32, the numbers of the words of all texts, side by side; 0 is none.
    """

    numbers: np.ndarray
    codes: np.ndarray
    words: np.ndarray

    def rows(self, which: Any) -> Encoded:
        """Take some of the rows."""
        return Encoded(*(part[which] for part in self))

    def inputs(self) -> Any:
        """What the network is called with: one array, or a list of those that have columns."""
        parts = [a for a in self if a.shape[1]]
        return parts[0] if len(parts) == 1 else parts


class Part(NamedTuple):
    """Rows of a part: inputs, targets as `Head.forward` gives them, weights (n,) or None."""

    x: Encoded
    y: np.ndarray
    weight: np.ndarray | None = None


@dataclass(frozen=True)
class Encoder:
    """The encoding of a table's inputs.

    Attributes:
        columns: those that are used, in order.
        dropped: {column: why it is not used}.
    """

    columns: tuple[Column, ...]
    dropped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        *,
        scaling: str = "standard",
        one_hot: int | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Encoder:
        """Learn the encoding from training rows.

        Args:
            scaling: "standard" or "robust".
            one_hot: categories with more levels are embedded; None embeds none.
            kinds: {column: kind} in place of what the values suggest.

        Raises:
            DataError: an infinite value, or no column that can be used.
        """
        used, dropped = [], {}
        kinds = kinds or {}
        for name in frame.columns:
            judged = judge(str(name), frame[name], kinds.get(str(name)), row="training row")
            if judged.kind == "constant" and pd.api.types.is_float_dtype(frame[name].dtype):
                require_finite(str(name), numbers(frame[name])[0], "the table")
            if judged.kind in NOTHING and kinds.get(str(name)) != judged.kind:
                dropped[str(name)] = f"{judged.kind}: {judged.why}"
                continue
            learned = learn(str(name), frame[name], judged.kind, scaling, one_hot)
            if isinstance(learned, str):
                dropped[str(name)] = learned
            else:
                used.append(learned)
        if not used:  # free text is an input where it is asked for, or all there is
            for name in [n for n, why in dropped.items() if why.startswith("text: ")]:
                learned = learn(name, frame[name], "text", scaling, one_hot)
                if not isinstance(learned, str):
                    used.append(learned)
                    del dropped[name]
        if not used:
            why = "; ".join(f"{name}: {reason}" for name, reason in list(dropped.items())[:5])
            raise DataError(
                f"no column is left to predict from ({why or 'the target is the only one'})"
            )
        return cls(tuple(used), dropped)

    def names(self) -> list[str]:
        """Names of the numbers a row becomes."""
        return [name for column in self.columns for name in column.outputs()]

    def continuous(self) -> tuple[int, ...]:
        """Places among `names` of what may take any value, not 0 or 1 alone."""
        places: list[int] = []
        begin = 0
        for column in self.columns:
            places += range(begin, begin + column.continuous())
            begin += len(column.outputs())
        return tuple(places)

    @property
    def embedded(self) -> dict[str, int]:
        """{category: how many whole numbers its embedding knows}."""
        return {c.name: c.codes for c in self.columns if c.embedded}

    @property
    def vocabulary(self) -> int:
        """How many numbers the words of all texts have, that of no word counted; 0: no texts."""
        sizes = [len(c.vocabulary.words) - 1 for c in self.columns if c.vocabulary]
        return sum(sizes) + 1 if sizes else 0

    @property
    def length(self) -> int:
        """How many words and pairs of words a row holds at most, over all texts."""
        return sum(c.length for c in self.columns)

    def transform(
        self, frame: pd.DataFrame, where: str = "the table"
    ) -> tuple[Encoded, dict[str, Noted]]:
        """Encode rows.

        Args:
            frame: must have all used columns; others are not looked at.
            where: names the table in an error.

        Returns:
            The rows, and {column: Noted} of what was missing or unknown.

        Raises:
            DataError: a column that is not there, no rows, an infinite value, text for numbers.
        """
        have = [str(c) for c in frame.columns]
        absent = [c.name for c in self.columns if c.name not in have]
        if len(absent) == 1:
            raise unknown_column(absent[0], have, where)
        if absent:
            listed = ", ".join(_with_nearest(name, have) for name in absent[:10])
            listed += ", ..." if len(absent) > 10 else ""
            raise DataError(f"{where} lacks {len(absent)} columns that the model needs: {listed}")
        if not len(frame):
            raise DataError(f"{where} has no rows")
        frame = frame.set_axis(have, axis="columns")
        values = np.empty((len(frame), len(self.names())), np.float32)
        codes = np.empty((len(frame), len(self.embedded)), np.int32)
        words = np.zeros((len(frame), self.length), np.int32)
        notes, begin, code, word, before = {}, 0, 0, 0, 0
        for column in self.columns:
            noted = Noted()
            block = encode(column, frame[column.name], where, noted)
            if column.embedded:
                codes[:, code] = block[:, 0]
                block, code = block[:, 1:], code + 1
            if column.vocabulary:
                ids = encode_text(column, frame[column.name], noted)
                words[:, word : word + column.length] = np.where(ids, ids + before, 0)
                word, before = word + column.length, before + len(column.vocabulary.words) - 1
            values[:, begin : begin + block.shape[1]] = block
            begin += block.shape[1]
            if noted != Noted():
                notes[column.name] = noted
        return Encoded(values, codes, words), notes

    def remarks(self, noted: Mapping[str, Noted]) -> list[str]:
        """What `transform` noted, in words; at most `MOST_REMARKS` lines."""
        lines = [
            line
            for column in self.columns
            if column.name in noted
            for line in noted[column.name].remarks(column)
        ]
        more = len(lines) - MOST_REMARKS
        return lines[:MOST_REMARKS] + ([f"and {more} more such"] if more > 0 else [])

    def to_json(self) -> dict[str, Any]:
        """Write the encoder as plain JSON."""
        return {"columns": [_described(c) for c in self.columns], "dropped": dict(self.dropped)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Encoder:
        """Read what `to_json` gave."""
        tuples = ("fill", "levels", "parts")
        columns = [
            replace(Column(**{**c, **{k: tuple(c[k]) for k in tuples}}), vocabulary=_vocabulary(c))
            for c in saved["columns"]
        ]
        return cls(tuple(columns), dict(saved["dropped"]))


def _described(column: Column) -> dict[str, Any]:
    words = column.vocabulary
    described = asdict(replace(column, vocabulary=None))
    del described["vocabulary"]  # a file of a table without texts stays what it was
    return {**described, "vocabulary": words.to_json()} if words else described


def _vocabulary(saved: Mapping[str, Any]) -> Vocabulary | None:
    words = saved.get("vocabulary")
    return None if words is None else Vocabulary.from_json(words)


def _with_nearest(name: str, have: list[str]) -> str:
    near = nearest(name, have)
    return repr(name) + (f" (is {near!r} meant?)" if near else "")
