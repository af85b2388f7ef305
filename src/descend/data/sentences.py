"""Sentences of film reviews, for and against: fetched once, kept in the user's cache."""

from __future__ import annotations

import numpy as np
import pandas as pd

from descend.data.fetch import File, Source
from descend.data.table import Table, frame_digest
from descend.errors import DataError

NAME = "movie_reviews"
EACH = 5331  # sentences for, and as many against
NOTE = "10,662 sentences of film reviews, for and against (Pang and Lee 2005)"
SENTENCES = Source(
    NAME,
    "sentences of film reviews",
    (
        File(
            "rt-polarity.neg",
            612_256,
            "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
        ),
        File(
            "rt-polarity.pos",
            626_139,
            "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
        ),
    ),
    ("https://raw.githubusercontent.com/yoonkim/CNN_sentence/master",),
    ending="",
)


def load_reviews(*, download: bool = True) -> Table:
    """The sentences with a column `review` and a column `sentiment`, "negative" or "positive".

    The file is sorted: all against first. They are split at random, as every table.

    Args:
        download: False: never use the network.

    Raises:
        DataError: not there and not to be fetched, or a file in the folder that is another one.

    Source: Pang and Lee (2005), "Seeing Stars: Exploiting Class Relationships for Sentiment
    Categorization with Respect to Rating Scales".
    """
    content = SENTENCES.read(download=download)
    # by "\n" alone: in this encoding splitlines also breaks at "\x85", an ellipsis of Windows
    lines = [content[f.name].decode("latin-1").strip().split("\n") for f in SENTENCES.files]
    if [len(part) for part in lines] != [EACH, EACH]:
        raise DataError(f"{SENTENCES.title}: expected {EACH:,} lines in each file")
    frame = pd.DataFrame(
        {
            "review": [line.strip() for part in lines for line in part],
            "sentiment": np.repeat(["negative", "positive"], EACH),
        }
    )
    return Table(NAME, NAME, frame, "sentiment", NOTE, frame_digest(frame))
