"""Words and categories as whole numbers: StringLookup, IntegerLookup, TextVectorization.

A compiled program holds no texts: the layers that take them work on arrays on the host, before the
network, and say so where they are put into one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DescendError, ShapeError
from descend.nn.checks import entries, is_whole, one_of, positive_int, whole_number
from descend.nn.layers.base import Arrays, Key
from descend.nn.layers.preparing import MODES, Preparing, encoded, encoded_shape
from descend.wording import STANDARDS, runs, standardised


@dataclass(frozen=True, eq=False)
class Lookup(Preparing):
    """Base of these layers: a vocabulary, which is given or learned by `adapt`.

    The numbers of tokens: first the mask token's, if there is one, then those for tokens that are
    not in the vocabulary, then the vocabulary's, the most frequent first (as Keras: of equally
    frequent ones the later in the alphabet).

    Arguments: StringLookup.
    """

    max_tokens: int | None = None
    num_oov_indices: int = 1
    mask_token: Any = None
    oov_token: Any = None
    vocabulary: Any = None
    _: KW_ONLY
    invert: bool = False
    output_mode: str = "int"
    pad_to_max_tokens: bool = False
    idf_weights: Any = None
    texts: ClassVar[bool] = True
    token: ClassVar[str] = "a text"  # what a token is, in errors

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "output_mode", (*MODES, "tf_idf"))
        positive_int(self, "max_tokens", optional=True)
        whole_number(self, "num_oov_indices", 0)
        for field in ("mask_token", "oov_token"):
            token = getattr(self, field)
            if token is not None and not self._is_token(token):
                raise DescendError(
                    f"{type(self).__name__}: {field} must be {self.token}, or None, got {token!r}"
                )
        if self.invert and self.output_mode != "int":
            raise DescendError(f"{type(self).__name__}: invert=True goes with output_mode='int'")
        if self.vocabulary is not None:
            self.set_vocabulary(self.vocabulary, self.idf_weights)

    def _is_token(self, value: Any) -> bool:
        return isinstance(value, str)

    # -- the vocabulary -----------------------------------------------------------------------

    def rows_of(self, data: Any) -> list[list[Any]]:
        """The tokens of each row."""
        rows = np.asarray(data).tolist()
        rows = rows if isinstance(rows, list) else [rows]
        return [row if isinstance(row, list) else [row] for row in rows]

    def adapt(self, data: Any) -> None:
        """Learn the vocabulary from rows of tokens."""
        rows = self.rows_of(data)
        counts = Counter(token for row in rows for token in row)
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        most = None if self.max_tokens is None else max(self.max_tokens - self._start, 0)
        tokens = tokens[:most]
        if not tokens:
            why = "there is none" if most != 0 else f"max_tokens={self.max_tokens} leaves no room"
            raise DataError(f"{self.label}: adapt found no token for the vocabulary: {why}")
        idf = None
        if self.output_mode == "tf_idf":
            within = Counter(token for row in rows for token in set(row))
            idf = tuple(float(np.log(1 + len(rows) / (1 + within[t]))) for t in tokens)
        self._learn(vocabulary=tuple(tokens), idf_weights=idf)

    def set_vocabulary(self, vocabulary: Iterable[Any], idf_weights: Any = None) -> None:
        """Put in the tokens in their order; special ones in front of them are left out."""
        if isinstance(vocabulary, str) or not isinstance(vocabulary, Iterable):
            raise DescendError(
                f"{type(self).__name__}: vocabulary is a list of tokens, got {vocabulary!r}; for a "
                "file: open(path).read().splitlines()"
            )
        tokens = [t.item() if isinstance(t, np.generic) else t for t in vocabulary]
        special = self._special
        if special and tokens[: len(special)] == special:
            tokens = tokens[len(special) :]
        strange = [repr(t) for t in tokens if not self._is_token(t)]
        if strange or not tokens:
            raise DescendError(
                f"{type(self).__name__}: each token of the vocabulary must be {self.token}, got "
                f"{strange[0] if strange else 'no token'}"
            )
        doubled = [token for token, count in Counter(tokens).items() if count > 1]
        if doubled:
            raise DescendError(f"{self.label}: the vocabulary holds {doubled[0]!r} twice")
        weights = None if idf_weights is None else np.asarray(idf_weights)
        given = weights is not None and weights.dtype.kind in "iuf" and len(tokens) == weights.size
        if not given and (self.output_mode == "tf_idf" or weights is not None):
            raise DescendError(
                f"{self.label}: output_mode='tf_idf' needs idf_weights, a number for each of the "
                f"{len(tokens)} tokens, got {idf_weights!r}"
            )
        idf = None if weights is None else tuple(map(float, weights))
        self._learn(vocabulary=tuple(tokens), idf_weights=idf)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their numbers."""
        self._require_learned("vocabulary")
        return [*(self._special if include_special_tokens else []), *self.vocabulary]

    def vocabulary_size(self) -> int:
        """How many numbers there are."""
        return len(self.get_vocabulary())

    @property
    def _special(self) -> list[Any]:
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    @property
    def _masks(self) -> int:
        """1 where the mask token has a number; where zeros and ones are put out it sets none."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _mask_number(self) -> int:
        return 0 if self._masks else -1

    @property
    def _start(self) -> int:
        return len(self._special)

    @property
    def _depth(self) -> int:
        padded = self.pad_to_max_tokens and self.max_tokens is not None
        return self.max_tokens if padded else self.vocabulary_size()  # type: ignore[return-value]

    # -- tokens and numbers -------------------------------------------------------------------

    def __call__(self, inputs: Any) -> Any:
        """Numbers for an array of tokens; `invert`: tokens for an array of numbers."""
        if self._symbolic(inputs):
            return super().__call__(inputs)
        if self.invert:
            table = self.get_vocabulary()
            index = np.asarray(inputs)
            inside = (index >= 0) & (index < len(table))
            return np.asarray([*table, self.oov_token])[np.where(inside, index, len(table))]
        return self._encoded(self.numbers_of(np.asarray(inputs)))

    def numbers_of(self, tokens: np.ndarray) -> np.ndarray:
        """The number of each token."""
        self._require_learned("vocabulary")
        table: dict[Any, int] = {
            token: n for n, token in enumerate(self.vocabulary, start=self._start)
        }
        if self.mask_token is not None:
            table[self.mask_token] = self._mask_number
        flat = tokens.ravel().tolist()
        index = [table[t] if t in table else self._unknown(t) for t in flat]
        return np.asarray(index, np.int64).reshape(tokens.shape)

    def _unknown(self, token: Any) -> int:
        if self.num_oov_indices == 0:
            raise DataError(
                f"{self.label}: {token!r} is not in the vocabulary, and num_oov_indices=0 leaves "
                "no number for it"
            )
        return self._masks + self._bin(token)

    def _bin(self, token: Any) -> int:
        return 0

    def _encoded(self, index: np.ndarray) -> np.ndarray:
        if self.output_mode == "int":
            return index
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        hot = np.asarray(encoded(jnp.asarray(index), mode, self._depth))
        if self.output_mode == "tf_idf":
            assert self.idf_weights is not None
            known = np.asarray(self.idf_weights, np.float32)
            weights = np.concatenate([np.full(self._start, known.mean()), known])
            hot = hot * np.pad(weights, (0, self._depth - len(weights))).astype(np.float32)
        return hot

    def build(self, input_shape: Any) -> Any:
        """Refused for texts."""
        raise DescendError(
            f"{self.label} takes texts, which a compiled network cannot hold: call it on the data "
            "before the network, x = layer(texts), and give the network Input(shape, dtype='int32')"
        )

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """Refused for texts."""
        self.build(x.shape[1:])  # raises
        return x, state


@dataclass(frozen=True, eq=False)
class StringLookup(Lookup):
    """Texts as whole numbers: which word of a vocabulary each is.

    Works on arrays, before the network; `adapt(texts)` learns the vocabulary. The most frequent
    word has the lowest number, of equally frequent ones the later in the alphabet.

    Args:
        max_tokens: most numbers there are, those of special tokens counted; None: as many as found.
        num_oov_indices: count of numbers that stand for words out of the vocabulary: 0 or 1.
        mask_token: word that is none: number 0 of "int", dropped else; None: there is none.
        oov_token: name of a word out of the vocabulary on the way back.
        vocabulary: words in the order of their numbers, instead of `adapt`.
        invert: whether numbers are turned into words.
        output_mode: "int", "one_hot", "multi_hot", "count" (see CategoryEncoding) or "tf_idf":
            counts times log(1 + n / (1 + rows with the word)), n rows in all.
        pad_to_max_tokens: whether outputs of zeros and ones have length max_tokens.
        idf_weights: those logarithms, where the vocabulary is given.

    Raises:
        DescendError: used before `adapt`, or put into a network; an unknown `output_mode`; a
            vocabulary that is no list of texts, empty, or with a word twice; "tf_idf" without its
            weights.
        DataError: an unknown word, where `num_oov_indices` is 0; `adapt` of no words.

    Source: Keras's API, StringLookup.

    Example:
        >>> from descend.nn.layers import StringLookup
        >>> index = StringLookup()
        >>> index.adapt(["red", "blue", "red"])
        >>> index(["blue", "green", "red"]).tolist(), index.get_vocabulary()
        ([2, 0, 1], ['[UNK]', 'red', 'blue'])
    """

    oov_token: Any = "[UNK]"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_oov_indices not in (0, 1):
            raise DescendError(
                "StringLookup: num_oov_indices is 0 or 1 (Keras spreads unknown words by a hash)"
            )


@dataclass(frozen=True, eq=False)
class IntegerLookup(Lookup):
    """Whole numbers (codes, years) as 0, 1, 2, ...: which of a vocabulary each is.

    It may stand in a network; where num_oov_indices is 0, unknown numbers give -1 there.

    Args:
        max_tokens, vocabulary, invert, output_mode, pad_to_max_tokens, idf_weights: as in
            StringLookup, with numbers for words.
        num_oov_indices: count k of the numbers that stand for unknown ones: v has the (v mod k)-th.
        mask_token, oov_token: numbers that stand for nothing, and on the way back for unknown ones.

    Raises:
        DescendError: used before `adapt`; an unknown `output_mode`; a vocabulary with a number
            twice; in a network `invert` or "tf_idf".
        DataError: an unknown number in an array, where `num_oov_indices` is 0.

    Source: Keras's API, IntegerLookup.

    Example:
        >>> from descend.nn.layers import IntegerLookup
        >>> IntegerLookup(vocabulary=[1990, 2000])([2000, 1990, 2010]).tolist()
        [2, 1, 0]
    """

    oov_token: Any = -1
    indexes: ClassVar[bool] = True
    token: ClassVar[str] = "a whole number"

    def _is_token(self, value: Any) -> bool:
        return is_whole(value)

    def build(self, input_shape: Any) -> Any:
        """The input's, or that of `encoded`."""
        self._require_learned("vocabulary")
        if self.invert or self.output_mode == "tf_idf":
            raise DescendError(
                f"{self.label}: invert and output_mode='tf_idf' are for arrays, before the network"
            )
        if self.output_mode == "int":
            return input_shape
        return encoded_shape(self, input_shape, self._depth)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The numbers."""
        x = x.astype(jnp.int32)
        order = np.argsort(self.vocabulary)
        known = jnp.asarray(np.asarray(self.vocabulary, np.int32)[order])
        place = jnp.minimum(jnp.searchsorted(known, x), len(order) - 1)
        count = self.num_oov_indices
        unknown = self._masks + x % count if count else jnp.full_like(x, -1)
        numbers = jnp.asarray(order.astype(np.int32))[place] + self._start
        index = jnp.where(known[place] == x, numbers, unknown)
        if self.mask_token is not None:
            index = jnp.where(x == self.mask_token, self._mask_number, index)
        if self.output_mode == "int":
            return index, state
        return encoded(index, self.output_mode, self._depth, self.compute_dtype), state

    def _bin(self, token: str) -> int:
        return int(token) % self.num_oov_indices


@dataclass(frozen=True, eq=False)
class TextVectorization(Lookup):
    """Texts as rows of whole numbers, one a word; or as counts of words.

    A text is standardised, split into words, joined to n-grams, and these are looked up. With
    output_mode "int" number 0 is padding and 1 an unknown word; else 0 is an unknown word. Works on
    arrays, before the network: `adapt(texts)` learns the words, from the training texts alone.

    Args:
        max_tokens: most numbers there are, those of special tokens counted.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            function of an array of texts.
        split: "whitespace", "character", None, or a function of a text that gives its tokens.
        ngrams: n for all runs of 1 to n words, or a tuple of lengths.
        output_mode: "int", "multi_hot", "count" or "tf_idf" (see StringLookup).
        output_sequence_length: length of each row of "int": longer ones are cut, shorter padded.
        pad_to_max_tokens, vocabulary, idf_weights: as in StringLookup.
        num_oov_indices, mask_token, oov_token, invert: StringLookup's, best left as they are.

    Raises:
        DescendError: used before `adapt`, or put into a network; an unknown way to standardise,
            split or put out; `config` of one with a function of your own, which no file holds.
        ShapeError: texts that are not (n,) or (n, 1).

    Source: Keras's API, TextVectorization.

    Example:
        >>> from descend.nn.layers import TextVectorization
        >>> vectorize = TextVectorization(output_sequence_length=3)
        >>> vectorize.adapt(["The cat.", "The dog!"])
        >>> vectorize(["the bird", "the dog, the cat"]).tolist()  # 1: not seen
        [[2, 1, 0], [2, 3, 2]]
    """

    standardize: Any = "lower_and_strip_punctuation"
    split: Any = "whitespace"
    ngrams: Any = None
    output_sequence_length: int | None = None
    oov_token: Any = "[UNK]"

    def __post_init__(self) -> None:
        if self.output_mode == "int":
            object.__setattr__(self, "mask_token", "")
        known = ("whitespace", "character", None)
        for field, names in (("standardize", STANDARDS), ("split", known)):
            value = getattr(self, field)
            if value not in names and not callable(value):
                raise DescendError(
                    f"TextVectorization: {field} must be one of {', '.join(map(repr, names))} or a "
                    f"function, got {value!r}"
                )
        if isinstance(self.ngrams, int):
            positive_int(self, "ngrams")
            object.__setattr__(self, "ngrams", tuple(range(1, self.ngrams + 1)))
        if self.ngrams is not None:
            lengths = entries(self, "ngrams", "n, or a tuple of lengths")
            if not lengths or not all(isinstance(n, int) and n >= 1 for n in lengths):
                raise DescendError(
                    f"TextVectorization: ngrams must be whole numbers >= 1, got {self.ngrams!r}"
                )
        positive_int(self, "output_sequence_length", optional=True)
        super().__post_init__()

    def rows_of(self, data: Any) -> list[list[str]]:
        """The tokens of each text."""
        texts = np.asarray(data)
        texts = texts.reshape(-1) if texts.ndim == 0 or texts.shape[1:] == (1,) else texts
        if texts.ndim != 1:
            raise ShapeError(f"{self.label}: expected texts (n,) or (n, 1), got {texts.shape}")
        if callable(self.standardize):
            texts = np.asarray(self.standardize(texts))
        way = self.standardize if isinstance(self.standardize, str) else None
        return [self._tokens(standardised(str(text), way)) for text in texts]

    def _tokens(self, text: str) -> list[str]:
        if callable(self.split):
            words = list(self.split(text))
        elif self.split is None:
            words = [text]
        else:
            words = text.split() if self.split == "whitespace" else list(text)
        if self.ngrams is None:
            return words
        return [gram for n in self.ngrams for gram in runs(words, n)]

    def __call__(self, inputs: Any) -> Any:
        """(n, length) of whole numbers, or (n, words of the vocabulary)."""
        if self._symbolic(inputs):
            return super().__call__(inputs)
        rows = self.rows_of(inputs)
        length = self.output_sequence_length
        if length is None or self.output_mode != "int":
            length = max(map(len, rows), default=0)
        index = np.full((len(rows), length), 0 if self.output_mode == "int" else -1, np.int64)
        for number, row in enumerate(rows):
            numbers = self.numbers_of(np.asarray(row[:length], object))
            index[number, : len(numbers)] = numbers
        if self.split is None and length == 1:
            index = index.reshape(np.shape(inputs))
        return self._encoded(index)

    def config(self) -> dict[str, Any]:
        """Refused with a function of the user's own: a file holds no code."""
        for field in ("standardize", "split"):
            if callable(getattr(self, field)):
                raise DescendError(
                    f"{self.label} cannot be described for a file: {field} is a function, which is "
                    "code. Apply it to the texts first, and take one of the named ways here."
                )
        return super().config()
