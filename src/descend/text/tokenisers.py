"""Tokenisers of characters and of words; that of byte pairs is in `descend.text.byte_pairs`."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from descend.described import conforms
from descend.errors import DataError, DescendError, unknown
from descend.text.byte_pairs import BytePairs
from descend.text.tokeniser import (
    Listed,
    Tokeniser,
    each_text,
    ranked,
    require_limits,
    require_text,
)
from descend.wording import STANDARDS, runs, standardised

# a word with what an apostrophe joins to it, or one mark
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
SPLITS = ("words", "whitespace")
BEGINNINGS = ((5, 6), (4, 7))  # letters that are a token, of words of at least so many
ENDING = (3, 5)


@dataclass(frozen=True)
class Characters(Listed):
    """A text as its characters, one number each.

    Any text of the characters that were learned comes back as it was.

    Args:
        vocabulary: characters, in the order of their numbers.
        with_unknown: whether a number stands for characters that were not learned; without it such
            a character is an error that names it.

    Raises:
        DataError: an empty vocabulary, a token that is not one character, or one twice; in `learn`
            no text; in `encode` a character that was not learned.

    Source: radwan, "different kinds of data"; Karpathy (2015), "The Unreasonable Effectiveness of
    Recurrent Neural Networks", for texts as characters.

    Example:
        >>> from descend.text import Characters
        >>> tokeniser = Characters.learn(["to be", "or not"])
        >>> tokeniser.decode(tokeniser.encode("not to be"))
        'not to be'
        >>> try:
        ...     tokeniser.encode("to bee!")
        ... except ValueError as error:
        ...     print(str(error).partition(";")[0])
        the character '!' (place 6 of the text) was not learned
    """

    sign: ClassVar[str] = "\ufffd"  # Unicode's sign for a character that cannot be shown

    def _require_token(self, token: Any) -> None:
        super()._require_token(token)
        if len(token) != 1:
            raise DataError(f"Characters: a token is one character, got {token!r}")

    @classmethod
    def learn(
        cls,
        texts: str | Iterable[str],
        *,
        size: int | None = None,
        least: int = 1,
        unknown: bool = False,
    ) -> Characters:
        """Learn the characters of the training texts.

        Args:
            texts: text, or list of texts.
            size: most tokens there are, the special ones counted; None: as many as found.
            least: number of times that a character must occur.
            unknown: whether a number stands for all other characters.
        """
        special = 1 + unknown
        require_limits("Characters", size, least, special + 1)
        counts: Counter[str] = Counter()
        for text in each_text(texts):
            counts.update(text)
        counts.pop(cls.sign, None) if unknown else None
        kept = ranked(counts, None if size is None else size - special, least)
        _require_any("Characters", kept, counts, least)
        return cls(tuple(sorted(kept)), unknown)

    def encode(self, text: str) -> np.ndarray:
        """The number of each character, (characters,) int32."""
        require_text(text)
        numbers, other = self._numbers, self.unknown
        if other is not None:
            return np.fromiter((numbers.get(c, other) for c in text), np.int32, len(text))
        try:
            return np.fromiter((numbers[c] for c in text), np.int32, len(text))
        except KeyError:
            place, stranger = next((i, c) for i, c in enumerate(text) if c not in numbers)
            raise DataError(
                f"the character {stranger!r} (place {place} of the text) was not learned; learn "
                "with unknown=True to give a number to all such, or leave it out"
            ) from None

    def _decoded(self, ids: np.ndarray) -> str:
        tokens = self.tokens
        return "".join(tokens[i] for i in ids.tolist())


@dataclass(frozen=True)
class Words(Listed):
    """A text as its words, one number each, the most frequent word first.

    Composed characters are made one (Unicode's form C). Decoding gives the words with spaces
    between them.

    Args:
        vocabulary: words, in the order of their numbers.
        with_unknown: whether a number stands for words that were not learned; without it they are
            left out.
        standardize: "lower", "strip_punctuation", "lower_and_strip_punctuation" or None, as of
            TextVectorization.
        split: "words": words, numbers and each mark by itself ("don't" is one word); "whitespace":
            what stands between spaces.
        ngrams: number n, for runs of 2 to n words as tokens besides: those of a text come behind
            its words.
        parts: whether the beginnings (of four and five letters) and the endings (of three) of
            longer words are tokens too, behind the others: "boring" is told as "borin-" and "-ing"
            besides.

    Raises:
        DescendError: an unknown way to standardise or to split, `ngrams` below 1.
        DataError: an empty vocabulary, a token that is no text, or one twice; in `learn` no word.

    Source: hull-2023, recurrent and attention layers; itam-2023, NLP; Keras's TextVectorization,
    whose standardisation this is.

    Example:
        >>> from descend.text import Words
        >>> tokeniser = Words.learn(["A cat, a dog.", "A bird!"], least=2)
        >>> tokeniser.tokens
        ('', '[UNK]', 'a')
        >>> tokeniser.words("Don't, dog!")
        ["don't", ',', 'dog', '!']
    """

    with_unknown: bool = True
    standardize: str | None = "lower"
    split: str = "words"
    ngrams: int = 1
    parts: bool = False
    sign: ClassVar[str] = "[UNK]"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, known in (
            ("standardize", self.standardize, STANDARDS),
            ("split", self.split, SPLITS),
        ):
            if value not in known:
                raise DescendError(
                    f"Words: {name} must be one of {', '.join(map(repr, known))}, got {value!r}"
                )
        whole = isinstance(self.ngrams, int) and not isinstance(self.ngrams, bool)
        if not whole or self.ngrams < 1:
            raise DescendError(f"Words: ngrams must be a whole number >= 1, got {self.ngrams!r}")

    @classmethod
    def learn(
        cls,
        texts: str | Iterable[str],
        *,
        size: int | None = None,
        least: int = 1,
        unknown: bool = True,
        standardize: str | None = "lower",
        split: str = "words",
        ngrams: int = 1,
        parts: bool = False,
    ) -> Words:
        """Learn the words of the training texts.

        Args:
            texts: text, or list of texts.
            size: most tokens there are, the special ones counted; None: as many as found.
            least: number of times that a word must occur.
            unknown: whether a number stands for all other words.
            standardize: name of the way texts are made alike, or None.
            split: name of the way a text becomes words.
            ngrams: number of words in the longest runs that are tokens.
            parts: whether beginnings and endings of words are tokens.
        """
        special = 1 + unknown
        require_limits("Words", size, least, special + 1)
        way = cls(("a",), unknown, standardize, split, ngrams, parts)  # only to split texts
        counts: Counter[str] = Counter()
        for text in each_text(texts):
            counts.update(way.grams(text))
        counts.pop(cls.sign, None)
        kept = ranked(counts, None if size is None else size - special, least)
        _require_any("Words", kept, counts, least)
        return cls(tuple(kept), unknown, standardize, split, ngrams, parts)

    def words(self, text: str) -> list[str]:
        """The words of a text, whether they were learned or not."""
        require_text(text)
        text = standardised(unicodedata.normalize("NFC", text), self.standardize)
        return _WORD.findall(text) if self.split == "words" else text.split()

    def grams(self, text: str) -> list[str]:
        """The words of a text, behind them its runs of 2 to `ngrams` words, and parts of words."""
        words = self.words(text)
        found = words + [run for n in range(2, self.ngrams + 1) for run in runs(words, n)]
        if self.parts:
            found += [f"{w[:n]}-" for n, least in BEGINNINGS for w in words if len(w) >= least]
            found += [f"-{w[-ENDING[0] :]}" for w in words if len(w) >= ENDING[1]]
        return found

    def encode(self, text: str) -> np.ndarray:
        """The number of each word and run of words, (tokens,) int32."""
        numbers, other = self._numbers, self.unknown
        found = (numbers.get(token, other) for token in self.grams(text))
        return np.asarray([n for n in found if n is not None], np.int32)

    def _decoded(self, ids: np.ndarray) -> str:
        tokens = self.tokens
        return " ".join(tokens[i] for i in ids.tolist())


def _require_any(name: str, kept: Any, counts: Mapping[str, int], least: int) -> None:
    if kept:
        return
    what = name.lower()
    raise DataError(
        f"{name}.learn: the texts hold no {what}, there is nothing to learn from"
        if not counts
        else f"{name}.learn: none of {len(counts):,} {what} occurs {least:,} times; lower least"
    )


def tokeniser_from(config: Mapping[str, Any]) -> Tokeniser:
    """The tokeniser that `config` described.

    Args:
        config: mapping of JSON, as `Tokeniser.config` gives it.

    Returns:
        The Tokeniser: Characters, Words or BytePairs.

    Raises:
        DescendError: a kind that there is not, or fields that are not that kind's.

    Source: descend's own.

    Example:
        >>> from descend.text import Characters, tokeniser_from
        >>> tokeniser = Characters.learn("abba")
        >>> tokeniser_from(tokeniser.config()) == tokeniser
        True
    """
    kinds: dict[str, Any] = {kind.__name__: kind for kind in (Characters, Words, BytePairs)}
    if not isinstance(config, Mapping) or "tokeniser" not in config:
        raise DescendError("this describes no tokeniser: expected what Tokeniser.config gives")
    fields = {k: v for k, v in config.items() if k != "tokeniser"}
    if config["tokeniser"] not in kinds:
        raise unknown("tokeniser", config["tokeniser"], kinds)
    kind = kinds[config["tokeniser"]]
    try:
        read = kind(**fields)
        conforms(read, kind, "the tokeniser")
    except TypeError as error:
        raise DescendError(f"this describes no {kind.__name__}: {error}") from None
    return read
