"""Texts made alike before their words are counted, and words in a row joined to n-grams."""

from __future__ import annotations

import re
from collections.abc import Sequence

PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")
STANDARDS = (None, "lower", "strip_punctuation", "lower_and_strip_punctuation")


def standardised(text: str, way: str | None) -> str:
    """The text in small letters, without punctuation, both, or as it is: one of `STANDARDS`."""
    way = way or ""
    text = text.lower() if "lower" in way else text
    return PUNCTUATION.sub("", text) if "strip" in way else text


def runs(words: Sequence[str], count: int) -> list[str]:
    """All runs of `count` words, joined by a space."""
    return [" ".join(words[i : i + count]) for i in range(len(words) - count + 1)]
