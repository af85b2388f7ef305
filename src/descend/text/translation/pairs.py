"""Sentences and their translations as tokens: a tokeniser a language, and a number for the end.

A sentence of n tokens is n + 1 numbers: the last is the end, which stands behind all tokens of the
tokeniser. A translation is written from that same number on, so it is also the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from descend.alignment import require_aligned
from descend.errors import DataError, DescendError, unknown
from descend.text.byte_pairs import BytePairs
from descend.text.tokeniser import Tokeniser, each_text
from descend.text.tokenisers import Characters, Words

KINDS = ("pairs", "words", "characters")
SIZES = {"pairs": 4000, "words": 10_000, "characters": None}  # where none is given
LONGEST = 1024  # tokens of a sentence
END = "(end)"  # how the end is shown

Ids = list[np.ndarray]


class Languages(NamedTuple):
    """The tokenisers of both sides; equal ones share their embedding."""

    source: Tokeniser
    target: Tokeniser

    @property
    def shared(self) -> bool:
        """Whether both sides have the same tokens."""
        return self.source == self.target

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers there are on each side: padding, the tokens, the end."""
        return len(self.source) + 1, len(self.target) + 1

    @property
    def end(self) -> int:
        """The number of the target's end."""
        return len(self.target)


def given_languages(tokens: Any) -> Languages | None:
    """The tokenisers, where they have been given; None for the name of a kind.

    Raises:
        DescendError: neither a kind of token, nor a tokeniser, nor two of them.
    """
    if isinstance(tokens, Tokeniser):
        return Languages(tokens, tokens)
    if isinstance(tokens, str):
        if tokens not in KINDS:
            raise unknown("kind of token", tokens, KINDS)
        return None
    two = isinstance(tokens, (tuple, list)) and len(tokens) == 2
    if two and all(isinstance(t, Tokeniser) for t in tokens):
        return Languages(*tokens)
    raise DescendError(
        f"tokens must be one of {', '.join(map(repr, KINDS))}, a tokeniser for both languages or "
        f"two, (source, target); got {tokens!r}"
    )


def learned(
    kind: str, vocabulary: int | None, sources: Sequence[str], targets: Sequence[str]
) -> Languages:
    """The tokenisers of a kind, learned from the training pairs.

    Byte pairs are learned from both languages together, words and characters from each.
    """
    size = SIZES[kind] if vocabulary is None else vocabulary
    if kind == "pairs":
        assert size is not None
        both = BytePairs.learn([*sources, *targets], size=size)
        return Languages(both, both)
    learn: Any = Words.learn if kind == "words" else Characters.learn
    return Languages(*(learn(texts, size=size, unknown=True) for texts in (sources, targets)))


def sentences(texts: Any, what: str) -> list[str]:
    """A list of texts; raises DataError where it is none."""
    if isinstance(texts, str):
        raise DataError(f"{what} should be a list of sentences, got one text: put it into a list")
    return list(each_text(texts))


def paired(sources: Any, targets: Any) -> tuple[list[str], list[str]]:
    """Both sides as lists, one translation a sentence.

    Raises:
        DataError: no lists of texts, lists of different lengths or none, an empty sentence.
    """
    require_aligned(sources=sources, targets=targets)
    left, right = sentences(sources, "sources"), sentences(targets, "targets")
    if len(left) != len(right):
        raise DataError(
            f"there are {len(left):,} sources and {len(right):,} targets: each sentence needs its "
            "translation, at the same place"
        )
    if not left:
        raise DataError("there is no pair of sentences")
    for name, side in (("source", left), ("target", right)):
        for place, text in enumerate(side):
            if not text.strip():
                raise DataError(
                    f"pair {place} (counted from 0) has an empty {name}; leave such pairs out"
                )
    return left, right


def encoded(tokeniser: Tokeniser, texts: Sequence[str], what: str) -> Ids:
    """The numbers of each text, its end behind them.

    Raises:
        DataError: what the tokeniser cannot tell, or a text of too many tokens, with its place.
    """
    found = []
    for place, text in enumerate(texts):
        try:
            ids = tokeniser.encode(text)
        except DataError as error:
            raise DataError(f"{what} {place} (counted from 0): {error}") from None
        if len(ids) > LONGEST:
            raise DataError(
                f"{what} {place} (counted from 0) has {len(ids):,} tokens, more than {LONGEST:,}: "
                "cut it into sentences"
            )
        found.append(np.append(ids, np.int32(len(tokeniser))))
    return found


def shown(tokeniser: Tokeniser, ids: np.ndarray) -> tuple[str, ...]:
    """Each number's token, as it is shown."""
    tokens = [*tokeniser.tokens, END]
    return tuple(tokens[i].strip() or repr(tokens[i])[1:-1] for i in ids.tolist())
