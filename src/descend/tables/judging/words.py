"""Which words of a text moved a prediction: it is predicted again without each of them.

    change of a word = prediction - prediction without it

Other columns stay. What a word does in the company of others is part of its change; the changes of
all words need not add up to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from descend.data.frames import as_text
from descend.errors import DataError
from descend.text import Words

LEAST_ROWS = 3  # of a word, before its mean change is told
MOST_WORDS = 200  # different words of one text that are left out in turn


def word_changes(
    predict: Callable[[pd.DataFrame], np.ndarray],
    frame: pd.DataFrame,
    column: str,
    words: Words,
) -> pd.DataFrame:
    """How a prediction changes by each word of each text.

    Args:
        predict: function of rows of raw columns to one number a row, (n,).
        frame: rows of raw columns.
        column: name of the column of text.
        words: tokeniser of the network's, which says what is a word and which are known.

    Returns:
        A frame with the columns row (place in `frame`), word and change, in the order of the texts;
        words that the network does not know move nothing and are left out.

    Raises:
        DataError: a column that is not there.

    Source: Li, Monroe and Jurafsky (2016), "Understanding Neural Networks through Representation
    Erasure".

    Example:
        >>> import pandas as pd
        >>> from descend.tables.judging.words import word_changes
        >>> from descend.text import Words
        >>> reviews = pd.DataFrame({"review": ["a good film", "a bad film"]})
        >>> said = word_changes(
        ...     lambda rows: rows["review"].str.contains("good").to_numpy(float),
        ...     reviews,
        ...     "review",
        ...     Words.learn(reviews["review"]),
        ... )
        >>> said[said["change"] != 0].to_dict("records")
        [{'row': 0, 'word': 'good', 'change': 1.0}]
    """
    if column not in frame.columns:
        raise DataError(f"there is no column {column!r} among {', '.join(map(str, frame.columns))}")
    known = set(words.vocabulary)
    rows, left_out, texts = [], [], []
    for row, text in enumerate(as_text(frame[column]).fillna("")):
        parts = words.words(text)
        for word in [w for w in dict.fromkeys(parts) if w in known][:MOST_WORDS]:
            rows.append(row)
            left_out.append(word)
            texts.append(" ".join(part for part in parts if part != word))
    if not rows:
        return pd.DataFrame({"row": [], "word": [], "change": []})
    without = frame.iloc[rows].reset_index(drop=True).assign(**{column: texts})
    changes = np.asarray(predict(frame))[rows] - np.asarray(predict(without))
    return pd.DataFrame({"row": rows, "word": left_out, "change": changes})


def mean_changes(changes: pd.DataFrame, most: int = 20) -> pd.DataFrame:
    """The words that move predictions most on average, up and down.

    Args:
        changes: frame that `word_changes` gave.
        most: number of words on either side, at most.

    Returns:
        A frame with the columns word, rows (that hold it) and change (the mean), from the one that
        raises the prediction most to the one that lowers it most.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import pandas as pd
        >>> from descend.tables.judging.words import mean_changes
        >>> said = pd.DataFrame({"row": [0, 1, 2], "word": ["good"] * 3, "change": [0.2, 0.4, 0.3]})
        >>> mean_changes(said).to_dict("records")
        [{'word': 'good', 'rows': 3, 'change': 0.3}]
    """
    each = changes.groupby("word")["change"].agg(rows="size", change="mean").reset_index()
    each = each[each["rows"] >= LEAST_ROWS].sort_values(
        ["change", "word"], ascending=[False, True], kind="stable"
    )
    up, down = each[each["change"] > 0].head(most), each[each["change"] < 0].tail(most)
    return pd.concat([up, down], ignore_index=True)


def most_moving(changes: pd.DataFrame, row: int, most: int = 6) -> Sequence[tuple[str, float]]:
    """The words of one text that move its prediction most, either way."""
    of_row = changes[changes["row"] == row]
    order = of_row["change"].abs().sort_values(ascending=False, kind="stable").index[:most]
    return [(str(w), float(c)) for w, c in of_row.loc[order, ["word", "change"]].to_numpy()]
