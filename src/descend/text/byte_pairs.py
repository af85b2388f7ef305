"""Byte pair encoding: the most frequent pair of neighbours becomes a token, again and again.

    1. a text is cut into pieces: a word with the space in front of it, marks, space
    2. a piece is its bytes (UTF-8); there are 256 tokens to begin with
    3. the pair of tokens that occurs most often in all pieces becomes a token; repeat

Equal counts go to the pair with the lower numbers, so that the same texts give the same tokens.
Only the pieces that hold the pair are looked at in a step, and only their pairs are counted anew.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from descend.errors import DataError
from descend.text.tokeniser import Tokeniser, each_text, require_limits, require_text

LONGEST = 40  # characters of a piece; longer runs are cut, so that merging one stays cheap
_PIECES = re.compile(
    rf" ?\w{{1,{LONGEST}}}| ?[^\w\s]{{1,{LONGEST}}}|\s{{1,{LONGEST}}}(?!\S)|\s{{1,{LONGEST}}}"
)
FIRST = 1 + 256  # the number of the first merged pair: padding, then the bytes
MOST_BYTES = 4 * (LONGEST + 1)  # of a token
MOST_KEPT = 100_000  # pieces whose tokens are remembered

Pair = tuple[int, int]


@dataclass(frozen=True)
class BytePairs(Tokeniser):
    """A text as runs of bytes that are frequent in the training texts: parts of words.

    Every text, in whatever script, has tokens and comes back as it was.

    Args:
        merges: pairs of numbers, in the order in which they became tokens: the first pair is
            token 257 (0 is padding, 1 to 256 are the bytes).

    Raises:
        DataError: merges of tokens that are not there yet, or longer than a piece of text; in
            `learn` no text.

    Source: Sennrich, Haddow and Birch (2016), "Neural Machine Translation of Rare Words with
    Subword Units"; on bytes: Radford et al. (2019), "Language Models are Unsupervised Multitask
    Learners".

    Example:
        >>> from descend.text import BytePairs
        >>> tokeniser = BytePairs.learn("low lower lowest slow", size=260)
        >>> tokeniser.tokens[257:]
        ('lo', 'low', ' low')
        >>> [tokeniser.decode([i]) for i in tokeniser.encode("a low été")]
        ['a', ' low', ' ', '�', '�', 't', '�', '�']
        >>> tokeniser.decode(tokeniser.encode("a low été"))
        'a low été'
    """

    merges: tuple[Pair, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "merges", tuple(map(tuple, self.merges)))
        sizes = [0] + [1] * 256
        for place, pair in enumerate(self.merges):
            there = len(pair) == 2 and all(isinstance(i, int) and 1 <= i < len(sizes) for i in pair)
            if not there:
                raise DataError(f"BytePairs: merge {place} joins no two earlier tokens: {pair}")
            sizes.append(sizes[pair[0]] + sizes[pair[1]])
            if sizes[-1] > MOST_BYTES:
                raise DataError(f"BytePairs: merge {place} makes a token of {sizes[-1]} bytes")
        if len(set(self.merges)) < len(self.merges):
            raise DataError("BytePairs: a pair is merged twice")

    @classmethod
    def learn(cls, texts: str | Iterable[str], *, size: int = 1024, least: int = 2) -> BytePairs:
        """Learn the pairs from the training texts.

        Args:
            texts: text, or list of texts.
            size: most tokens there are, padding and the 256 bytes counted.
            least: number of times that a pair must occur.
        """
        require_limits("BytePairs", size, least, FIRST)
        counts: Counter[str] = Counter()
        for text in each_text(texts):
            counts.update(_PIECES.findall(text))
        if not counts:
            raise DataError("BytePairs.learn: the texts are empty, there is nothing to learn from")
        pieces = [_as_bytes(piece) for piece in counts]
        return cls(tuple(_merges(pieces, list(counts.values()), size - FIRST, least)))

    @cached_property
    def _bytes(self) -> list[bytes]:
        table = [b"", *(bytes([i]) for i in range(256))]
        for left, right in self.merges:
            table.append(table[left] + table[right])
        return table

    @cached_property
    def _tokens(self) -> tuple[str, ...]:
        return tuple(token.decode("utf-8", "backslashreplace") for token in self._bytes)

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens; bytes that are no character by themselves are written as \\xc3."""
        return self._tokens

    @cached_property
    def _ranks(self) -> dict[Pair, int]:
        return {pair: number for number, pair in enumerate(self.merges, start=FIRST)}

    @cached_property
    def _seen(self) -> dict[str, list[int]]:
        return {}

    def encode(self, text: str) -> np.ndarray:
        """The numbers (tokens,) int32: in each piece, earlier merges come first."""
        require_text(text)
        seen, numbers = self._seen, []
        for piece in _PIECES.findall(text):
            tokens = seen.get(piece)
            if tokens is None:
                tokens = self._merged(_as_bytes(piece))
                if len(seen) < MOST_KEPT:
                    seen[piece] = tokens
            numbers += tokens
        return np.asarray(numbers, np.int32)

    def _merged(self, tokens: list[int]) -> list[int]:
        ranks, never = self._ranks, len(self)
        while len(tokens) > 1:
            best = min(pairwise(tokens), key=lambda p: ranks.get(p, never))
            if best not in ranks:
                break
            tokens = _joined(tokens, best, ranks[best])
        return tokens

    def _decoded(self, ids: np.ndarray) -> str:
        table = self._bytes
        joined = b"".join(table[i] for i in ids.tolist())
        try:
            return joined.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # a character cut in two
            return joined.decode("utf-8", "replace")


def _as_bytes(piece: str) -> list[int]:
    # half characters, which damaged files leave in Python's texts, are kept as they are
    return [1 + byte for byte in piece.encode("utf-8", "surrogatepass")]


def _joined(tokens: list[int], pair: Pair, number: int) -> list[int]:
    """The tokens with a pair, wherever it stands, as one."""
    left, right = pair
    joined, i, last = [], 0, len(tokens) - 1
    while i <= last:
        if i < last and tokens[i] == left and tokens[i + 1] == right:
            joined.append(number)
            i += 2
        else:
            joined.append(tokens[i])
            i += 1
    return joined


def _merges(pieces: list[list[int]], counts: list[int], most: int, least: int) -> list[Pair]:
    """The pairs to merge; the pieces, each there so often, are changed."""
    totals: defaultdict[Pair, int] = defaultdict(int)
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for place, (piece, count) in enumerate(zip(pieces, counts, strict=True)):
        for pair in pairwise(piece):
            totals[pair] += count
            places[pair].add(place)
    # the largest count first; an entry whose count has changed since is put back with the new one
    queue = [(-total, pair) for pair, total in totals.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < most:
        total, pair = heapq.heappop(queue)
        now = totals[pair]
        if now < least:
            continue
        if now != -total:
            heapq.heappush(queue, (-now, pair))
            continue
        changed: defaultdict[Pair, int] = defaultdict(int)
        for place in places.pop(pair):
            before, count = pieces[place], counts[place]
            after = pieces[place] = _joined(before, pair, FIRST + len(merges))
            for one in pairwise(before):
                changed[one] -= count
            for one in pairwise(after):
                changed[one] += count
                places[one].add(place)
        merges.append(pair)
        for one, difference in changed.items():
            totals[one] += difference
            if difference > 0:
                heapq.heappush(queue, (-totals[one], one))
        totals[pair] = 0
    return merges
