"""The longest run of a text that stands, token for token, in another: what a model has copied.

The training text is sorted once by its suffixes, the beginning of which is any run that it holds;
every place of the other text is then looked up in all of them at once. Exact, no hashing.

Source: Manber and Myers 1993 (suffix arrays by doubling).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from descend.errors import DataError


class Run(NamedTuple):
    """A run of tokens that stands in two texts.

    Attributes:
        length: its tokens.
        at: place in the text that was looked at.
        source: place in the text that it may be copied from, the first in its order of suffixes.
    """

    length: int
    at: int
    source: int


class Copies:
    """A text, sorted so that runs of it are found.

    Args:
        ids: array (tokens,) of whole numbers.
        longest: tokens by which suffixes are told apart, at least; longer runs are not found to
            their end. None: however long.

    Raises:
        DataError: no array of whole numbers >= 0.

    Source: Manber and Myers 1993.

    Example:
        >>> import numpy as np
        >>> from descend.text import Characters, Copies
        >>> tokens = Characters.learn("to be or not to be, that is it")
        >>> copies = Copies(tokens.encode("to be or not to be"))
        >>> run = copies.longest(tokens.encode("that not to"))
        >>> run, tokens.decode(tokens.encode("that not to")[run.at : run.at + run.length])
        (Run(length=7, at=4, source=8), ' not to')
    """

    def __init__(self, ids: Any, longest: int | None = None):
        self.ids = _whole(ids)
        self._sorted = _suffixes(self.ids, longest or len(self.ids))
        self._depth = longest or len(self.ids)

    def runs(self, ids: Any) -> tuple[np.ndarray, np.ndarray]:
        """How long a run from each place of a text stands in this one, and where.

        Args:
            ids: array (tokens,) of whole numbers.

        Returns:
            (lengths (tokens,), places in this text (tokens,)).
        """
        other, n = _whole(ids), len(self.ids)
        low = np.zeros(len(other), np.int64)  # the suffixes that agree so far: low to high - 1
        high = np.full(len(other), n)
        lengths = np.zeros(len(other), np.int64)
        going = np.arange(len(other))
        for depth in range(min(len(other), self._depth)):
            going = going[going + depth < len(other)]
            wanted = other[going + depth]
            first = self._first(low[going], high[going], depth, wanted)
            last = self._first(low[going], high[going], depth, wanted + 1)
            agrees = first < last
            going = going[agrees]
            if not len(going):
                break
            low[going], high[going] = first[agrees], last[agrees]
            lengths[going] = depth + 1
        return lengths, self._sorted[np.minimum(low, n - 1)]

    def _first(
        self, low: np.ndarray, high: np.ndarray, depth: int, wanted: np.ndarray
    ) -> np.ndarray:
        """The first suffix from low on whose token at `depth` is not below the one wanted."""
        low, high, n = low.copy(), high.copy(), len(self.ids)
        while (open_ := low < high).any():
            middle = (low + high) // 2
            place = self._sorted[np.minimum(middle, n - 1)] + depth
            token = np.where(place < n, self.ids[np.minimum(place, n - 1)], -1)
            below = token < wanted
            low = np.where(open_ & below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        return low

    def longest(self, ids: Any) -> Run:
        """Find the longest run of a text that stands in this one.

        Args:
            ids: array (tokens,) of whole numbers.

        Returns:
            The Run; the first one where several are as long.
        """
        lengths, places = self.runs(ids)
        at = int(lengths.argmax())
        return Run(int(lengths[at]), at, int(places[at]))


def _suffixes(ids: np.ndarray, depth: int) -> np.ndarray:
    """The places of a text, sorted by what follows them, by so many tokens at least."""
    n = len(ids)
    # the first tokens packed into one number, as many as fit; 0 stands behind the end
    base = int(ids.max()) + 2
    packed = min(max(1, int(62 / np.log2(base))), n)
    rank = np.zeros(n, np.int64)
    for i in range(packed):
        shifted = np.zeros(n, np.int64)
        shifted[: n - i] = ids[i:] + 1
        rank = rank * base + shifted
    _, rank = np.unique(rank, return_inverse=True)
    length = packed
    while length < depth and rank.max() < n - 1:
        behind = np.zeros(n, np.int64)
        behind[: n - length] = rank[length:] + 1
        _, rank = np.unique(rank * (n + 1) + behind, return_inverse=True)
        length *= 2
    return np.argsort(rank, kind="stable")


def _whole(ids: Any) -> np.ndarray:
    values = np.asarray(ids)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu" or values.min() < 0:
        raise DataError(
            "expected the numbers (tokens,) of a text's tokens, whole and >= 0, got "
            f"{values.dtype} of shape {values.shape}"
        )
    return values.astype(np.int64)
