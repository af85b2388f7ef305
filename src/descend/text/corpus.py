"""A text as tokens: a part to learn from, and the last part, which is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descend.errors import DataError, unknown
from descend.text.byte_pairs import BytePairs
from descend.text.reading import LARGE, blocks, boundary, read_text, size_of
from descend.text.tokeniser import Tokeniser, require_text
from descend.text.tokenisers import Characters, Words

KINDS: dict[str, Any] = {"characters": Characters, "words": Words, "pairs": BytePairs}
SIZES = {"characters": None, "words": 10_000, "pairs": 512}  # of vocabularies, where none is given
JUDGED = 2**21  # bytes of a large file's end that are judged at most


class Corpus(NamedTuple):
    """A text as tokens.

    Attributes:
        tokeniser: what was learned from the training part alone.
        ids: tokens of the training part; of a text in pieces, those of its beginning.
        pieces: function that reads the training part piece by piece; None where `ids` is all of it.
        judged: tokens of the last part.
        remarks: what is to be said of it.
    """

    tokeniser: Tokeniser
    ids: np.ndarray
    pieces: Callable[[], Iterable[np.ndarray]] | None
    judged: np.ndarray
    remarks: list[str]


def corpus(
    text: str | Path,
    tokens: str | Tokeniser,
    vocabulary: int | None,
    validation: float,
    encoding: str = "utf-8",
    piece: int | None = None,
) -> Corpus:
    """The tokens of a text or a file.

    Args:
        text: text, or the path of a file.
        tokens: kind of token to learn, or a tokeniser that has learned.
        vocabulary: most tokens that are learned; None: as usual for the kind.
        validation: share of the text, its last part, that is not learned from.
        encoding: of a file.
        piece: tokens of a file that are held at a time; None: all, unless the file is large.

    Raises:
        DataError: an empty text, a file that cannot be read, a last part that holds what a given
            tokeniser has not learned.
        DescendError: a kind of token that there is not.
    """
    if isinstance(text, Path):
        if piece is not None or size_of(text) > LARGE:
            return _from_file(text, tokens, vocabulary, validation, encoding)
        text = read_text(text, encoding)
    require_text(text)
    if not text.strip():
        raise DataError("the text is empty: there is nothing to learn from")
    cut = len(text)
    if validation:
        cut = _behind_word(text, int(len(text) * (1 - validation)))
    tokeniser, judged, remarks = _learned(tokens, vocabulary, lambda: [text[:cut]], text[cut:])
    return Corpus(tokeniser, tokeniser.encode(text[:cut]), None, judged, remarks)


def _from_file(
    path: Path, tokens: str | Tokeniser, vocabulary: int | None, validation: float, encoding: str
) -> Corpus:
    """The same of a file that is read in pieces, however large."""
    size = size_of(path)
    if not size:
        raise DataError(f"{path} is empty: there is nothing to learn from")
    cut = boundary(path, int(size * (1 - validation)), encoding)
    end = size if size - cut <= JUDGED else boundary(path, cut + JUDGED, encoding)

    def parts() -> Iterator[str]:
        return whole_words(blocks(path, encoding, 0, cut))

    last = "".join(blocks(path, encoding, cut, end)) if validation else ""
    tokeniser, judged, remarks = _learned(tokens, vocabulary, parts, last)
    beginning = tokeniser.encode(next(parts(), ""))

    def pieces() -> Iterator[np.ndarray]:
        return (tokeniser.encode(part) for part in parts())

    return Corpus(tokeniser, beginning, pieces, judged, remarks)


def _learned(
    tokens: str | Tokeniser,
    vocabulary: int | None,
    parts: Callable[[], Iterable[str]],
    last: str,
) -> tuple[Tokeniser, np.ndarray, list[str]]:
    """The tokeniser, the tokens of the last part, and remarks."""
    if isinstance(tokens, Tokeniser):
        return tokens, _encoded(tokens, last), []
    if tokens not in KINDS:
        raise unknown("kind of token", tokens, KINDS)
    size = SIZES[tokens] if vocabulary is None else vocabulary
    options = {} if size is None else {"size": size}
    tokeniser: Tokeniser = KINDS[tokens].learn(parts(), **options)
    strange = set(last) - set(tokeniser.tokens) if tokens == "characters" else set()
    if not strange:
        return tokeniser, _encoded(tokeniser, last), []
    tokeniser = Characters.learn(parts(), unknown=True, **options)
    few = ", ".join(repr(c) for c in sorted(strange)[:3])
    return (
        tokeniser,
        _encoded(tokeniser, last),
        [
            f"{len(strange)} character(s) of the last part do not occur in the part that is "
            f"learned from ({few}): a token of its own stands for all such"
        ],
    )


def _encoded(tokeniser: Tokeniser, text: str) -> np.ndarray:
    return tokeniser.encode(text) if text else np.zeros(0, np.int32)


def _behind_word(text: str, at: int) -> int:
    """The first place from `at` on that is not inside a word, if one is near."""
    for place in range(at, min(at + 100, len(text))):
        if text[place].isspace():
            return place
    return at


def whole_words(parts: Iterable[str]) -> Iterator[str]:
    """The same text in parts that end between words."""
    kept = ""
    for part in parts:
        kept += part
        cut = max(kept.rfind(" "), kept.rfind("\n"))
        if cut > 0:
            yield kept[:cut]
            kept = kept[cut:]
        elif len(kept) > LARGE:  # no space for so long: it is not made of words
            yield kept
            kept = ""
    if kept:
        yield kept
