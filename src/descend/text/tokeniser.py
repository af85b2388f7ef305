"""What every tokeniser does: texts to whole numbers and back, several texts to one padded array.

Number 0 is padding and stands for no token: `ids != 0` is the mask of what is real.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from descend.errors import DataError, DescendError

MOST_ENTRIES = 2**29  # of a padded array, 2 GiB


@dataclass(frozen=True)
class Tokeniser(abc.ABC):
    """Base of the tokenisers: a text becomes whole numbers, one a token.

    A tokeniser is learned from texts by the class's `learn`, from training texts alone. It is a
    frozen dataclass: what it has learned stands in its fields, and `config` writes them as JSON.

    Attributes:
        tokens: all tokens in the order of their numbers; the first stands for padding and is "".
        unknown: number of what was not learned, or None where there is none.

    Raises:
        DataError: a text that is none, or holds what was not learned where `unknown` is None;
            numbers to decode that no token has.

    Source: descend's own.

    Example:
        >>> from descend.text import Characters
        >>> tokeniser = Characters.learn("abba")
        >>> tokeniser.tokens, len(tokeniser), tokeniser.encode("baa").tolist()
        (('', 'a', 'b'), 3, [2, 1, 1])
        >>> tokeniser.encode_many(["a", "bab"]).tolist()
        [[1, 0, 0], [2, 1, 2]]
    """

    padding: ClassVar[int] = 0

    @property
    @abc.abstractmethod
    def tokens(self) -> tuple[str, ...]:
        """All tokens in the order of their numbers."""

    @property
    def unknown(self) -> int | None:
        """The number of what was not learned; None where there is none."""
        return None

    def __len__(self) -> int:
        return len(self.tokens)

    @abc.abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """The numbers (tokens,) int32 of one text, without padding.

        Raises:
            DataError: no text, or one with what was not learned where `unknown` is None.
        """

    def decode(self, ids: Any) -> str:
        """The text of some numbers; padding is left out.

        Raises:
            DataError: what is no whole number, or a number that no token has.
        """
        values = np.asarray(ids)
        if values.size and values.dtype.kind not in "iu":
            raise DataError(f"decode takes whole numbers, got an array of {values.dtype}")
        values = values.reshape(-1).astype(np.int64)
        wrong = values[(values < 0) | (values >= len(self))]
        if len(wrong):
            raise DataError(
                f"decode: there is no token number {wrong[0]}; the numbers of this "
                f"{type(self).__name__} go from 0 to {len(self) - 1}"
            )
        return self._decoded(values[values != self.padding])

    @abc.abstractmethod
    def _decoded(self, ids: np.ndarray) -> str:
        """The text of numbers that are tokens' and no padding."""

    def encode_many(self, texts: Iterable[str], length: int | None = None) -> np.ndarray:
        """Encode several texts as the rows of one array.

        Args:
            texts: list of texts.
            length: number of columns: longer texts are cut behind so many tokens, shorter ones are
                padded with 0. None: the longest text's.

        Returns:
            Array (texts, length) of int32; `ids != 0` says which are tokens.

        Raises:
            DataError: no list of texts, or together too long for one array.
        """
        if length is not None and (not isinstance(length, int) or length < 1):
            raise DescendError(f"length must be a whole number >= 1, got {length!r}")
        rows = [self.encode(text)[:length] for text in each_text(texts)]
        longest = max(map(len, rows), default=0) if length is None else length
        if len(rows) * longest > MOST_ENTRIES:
            raise DataError(
                f"{len(rows):,} texts of up to {longest:,} tokens do not fit into one array; give "
                "a length to cut them at"
            )
        ids = np.zeros((len(rows), longest), np.int32)
        for into, row in zip(ids, rows, strict=True):
            into[: len(row)] = row
        return ids

    def config(self) -> dict[str, Any]:
        """Write the tokeniser as plain JSON; `tokeniser_from` reads it."""
        return {"tokeniser": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Listed(Tokeniser):
    """A tokeniser with a list of what it knows.

    Attributes:
        vocabulary: tokens, without the special ones.
        with_unknown: whether one number more stands for all that is not among them.
    """

    vocabulary: tuple[str, ...]
    with_unknown: bool = False
    sign: ClassVar[str]  # of what is unknown, in a decoded text

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        if not self.vocabulary:
            raise DataError(f"{type(self).__name__}: the vocabulary is empty")
        for token in self.vocabulary:
            self._require_token(token)
        if len(set(self.vocabulary)) < len(self.vocabulary):
            raise DataError(f"{type(self).__name__}: the vocabulary holds a token twice")

    def _require_token(self, token: Any) -> None:
        if not isinstance(token, str) or token in ("", self.sign):
            raise DataError(
                f"{type(self).__name__}: a token of the vocabulary is a text, other than '' and "
                f"{self.sign!r}, got {token!r}"
            )

    @cached_property
    def _tokens(self) -> tuple[str, ...]:
        return ("", *([self.sign] if self.with_unknown else []), *self.vocabulary)

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens in the order of their numbers."""
        return self._tokens

    @property
    def unknown(self) -> int | None:
        """The number of what was not learned: 1, or None."""
        return 1 if self.with_unknown else None

    @cached_property
    def _numbers(self) -> dict[str, int]:
        start = len(self) - len(self.vocabulary)
        return {token: n for n, token in enumerate(self.vocabulary, start=start)}


def each_text(texts: Any) -> Iterator[str]:
    """The texts one by one; a single text is one.

    Raises:
        DataError: no list, or an entry of it that is no text, with its place.
    """
    if isinstance(texts, str):
        yield texts
        return
    if isinstance(texts, bytes):
        require_text(texts)
    if not isinstance(texts, Iterable):
        raise DataError(f"expected a text or a list of texts, got {type(texts).__name__}")
    for place, text in enumerate(texts):
        require_text(text, f"text {place} (counted from 0)")
        yield text


def require_text(text: Any, what: str = "the text") -> None:
    """Raise DataError unless it is a text."""
    if isinstance(text, str):
        return
    if isinstance(text, bytes):
        raise DataError(f"{what} is bytes; say how they are written: text.decode('utf-8')")
    missing = text is None or (isinstance(text, float) and text != text)
    raise DataError(
        f"{what} is missing; leave it out or put '' in its place"
        if missing
        else f"{what} should be a text (str), and is of type {type(text).__name__}"
    )


def ranked(counts: dict[str, int], size: int | None, least: int) -> Sequence[str]:
    """The most frequent tokens first, equally frequent ones in the order of their characters.

    Args:
        counts: {token: how often it occurs}.
        size: most tokens that are kept.
        least: least count of a token that is kept.
    """
    kept = sorted((t for t, n in counts.items() if n >= least), key=lambda t: (-counts[t], t))
    return kept[:size]


def require_limits(name: str, size: int | None, least: int, smallest: int) -> None:
    """Raise DescendError unless the limits of a vocabulary make sense."""
    for what, value, low in (("size", size, smallest), ("least", least, 1)):
        if value is None and what == "size":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise DescendError(
                f"{name}.learn: {what} must be a whole number >= {low}, got {value!r}"
            )
