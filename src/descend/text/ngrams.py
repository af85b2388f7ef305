"""Counting as a language model: interpolated Kneser-Ney n-grams of any order.

    p_k(w | h) = max(c(h w) - D(c(h w)), 0) / c(h) + gamma(h) p_{k-1}(w | h without its first token)

h are the k - 1 tokens before w. At the highest order c counts how often h w occurs; below it counts
after how many different tokens it does, since that is what a shorter context is asked for. gamma
gives the mass that the discounts D have freed to the next shorter context, so that the
probabilities sum to one. D is one of three numbers, for counts of 1, 2 and more ("modified"),
worked out from how many n-grams occur once to four times. The shortest context falls back on all
tokens being equally likely, so that no token has probability zero.

Sources: Kneser and Ney 1995; Chen and Goodman 1999, sections 2.7 and 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from descend.errors import DataError, DescendError, NotFittedError

PLAIN = 0.75  # the discount where a text is too small to work discounts out
MOST = 20  # order at most: longer contexts than that are copies


class Level(NamedTuple):
    """The k-grams of a text.

    Attributes:
        codes: sorted, context number * size + token; a k-gram's number is its place.
        share: (c - D) / c(h) of each k-gram.
        gamma: of each context, 1 where nothing was seen to follow it.
        seen: of each context, whether anything followed it.
    """

    codes: np.ndarray
    share: np.ndarray
    gamma: np.ndarray
    seen: np.ndarray


class NGrams:
    """Interpolated Kneser-Ney n-grams with modified discounts, over token numbers.

    Args:
        order: n, tokens of an n-gram: the context is the n - 1 before.
        size: number of tokens there are; token numbers go from 0 to size - 1.

    Raises:
        DescendError: an order or a size that makes no sense.
        DataError: no tokens, or numbers that are no tokens'.
        NotFittedError: asked before `fit`.

    Source: Kneser and Ney 1995; Chen and Goodman 1999.

    Example:
        >>> import numpy as np
        >>> from descend.text import NGrams
        >>> grams = NGrams(order=2, size=2).fit(np.array([0, 1] * 50))
        >>> print(grams.distribution([0]).round(2))  # behind a 0 always came a 1
        [0.01 0.99]
        >>> round(grams.score(np.array([0, 1, 0, 1])), 2)  # nats a token; the first has no context
        0.11
    """

    def __init__(self, order: int, size: int):
        if not isinstance(order, int) or not 1 <= order <= MOST:
            raise DescendError(
                f"NGrams: order must be a whole number from 1 to {MOST}, got {order!r}"
            )
        if not isinstance(size, int | np.integer) or size < 1:
            raise DescendError(f"NGrams: size must be a whole number >= 1, got {size!r}")
        self.order, self.size = order, int(size)
        self._levels: list[Level] = []

    def fit(self, ids: Any) -> NGrams:
        """Count the n-grams of a text.

        Args:
            ids: array (tokens,) of whole numbers.

        Returns:
            Itself.
        """
        ids = self._tokens(ids)
        if len(ids) < self.order:
            raise DataError(f"NGrams: a text of {len(ids)} tokens has no {self.order}-gram")
        numbers = np.zeros(len(ids), np.int64)  # of the gram that begins at each place
        codes_of: list[np.ndarray] = []
        counts: list[np.ndarray] = []
        for k in range(1, self.order + 1):  # grams of length k, by those a token shorter
            shorter, code = numbers, numbers[: len(ids) - k + 1] * self.size + ids[k - 1 :]
            codes, first, numbers, count = np.unique(
                code, return_index=True, return_inverse=True, return_counts=True
            )
            if k > 1:  # of the shorter ones it counts after how many tokens they occur
                ends = shorter[first + 1]  # what a gram ends with
                counts[-1] = np.bincount(ends, minlength=len(codes_of[-1]))
                counts[-1][shorter[0]] += 1  # after the beginning of the text, which is no token
            codes_of.append(codes)
            counts.append(count)
        contexts = [1, *map(len, codes_of)]
        self._levels = [
            self._level(codes, count, n)
            for codes, count, n in zip(codes_of, counts, contexts, strict=False)
        ]
        return self

    def _level(self, codes: np.ndarray, count: np.ndarray, contexts: int) -> Level:
        discounts = _discounts(count)
        context = codes // self.size
        total = np.bincount(context, count, contexts)
        taken = discounts[np.minimum(count, 3)]
        freed = np.bincount(context, taken, contexts)
        seen = total > 0
        safe = np.where(seen, total, 1.0)
        share = (count - taken) / safe[context]
        return Level(codes, share, np.where(seen, freed / safe, 1.0), seen)

    def log_probabilities(self, ids: Any, before: Any = ()) -> np.ndarray:
        """The logarithm of each token's probability, given the tokens before it.

        Args:
            ids: array (tokens,) of whole numbers.
            before: tokens that stand before the first.

        Returns:
            Array (tokens,), in nats.
        """
        ids, before = self._tokens(ids), self._tokens(before, few=True)
        skip = len(before)
        ids = np.concatenate([before, ids])
        p = np.full(len(ids), 1.0 / self.size)
        context = np.zeros(len(ids), np.int64)  # number of the gram before, -1: never seen
        for k, level in enumerate(self._fitted(), start=1):
            known = context >= 0
            known[: k - 1] = False  # the text begins here
            h = np.where(known, context, 0)
            place, found = self._find(level, h, ids)
            found &= known
            mixed = np.where(found, level.share[place], 0.0) + level.gamma[h] * p
            p = np.where(known & level.seen[h], mixed, p)
            context = np.concatenate([[-1], np.where(found, place, -1)[:-1]])
        return np.log(p[skip:])

    def score(self, ids: Any) -> float:
        """Score a text, nats a token.

        Args:
            ids: array (tokens,) of whole numbers.

        Returns:
            The mean of -log p over all its tokens.
        """
        ids = self._tokens(ids)
        if not len(ids):
            raise DataError("NGrams: a text without a token has no score")
        return float(-self.log_probabilities(ids).mean())

    def distribution(self, before: Any) -> np.ndarray:
        """The probability of every token, given the tokens before it.

        Args:
            before: array (tokens,) of whole numbers; the last order - 1 of them count.

        Returns:
            Array (size,), which sums to one.
        """
        before = self._tokens(before, few=True)[-self.order + 1 :] if self.order > 1 else []
        every = np.arange(self.size)
        p = np.full(self.size, 1.0 / self.size)
        levels = self._fitted()
        for length in range(len(before) + 1):  # from the shortest context to the longest
            h = 0
            for level, token in zip(levels, before[len(before) - length :], strict=False):
                place, found = self._find(level, np.asarray([h]), np.asarray([token]))
                h = int(place[0]) if found[0] else -1
                if h < 0:
                    break
            level = levels[length]
            if h < 0 or not level.seen[h]:
                break  # a longer context was not seen either
            place, found = self._find(level, np.full(self.size, h), every)
            p = np.where(found, level.share[place], 0.0) + level.gamma[h] * p
        return p

    def _find(
        self, level: Level, context: np.ndarray, ids: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where grams stand in a level, and whether they do."""
        code = context * self.size + ids
        place = np.minimum(np.searchsorted(level.codes, code), len(level.codes) - 1)
        return place, level.codes[place] == code

    def _fitted(self) -> list[Level]:
        if not self._levels:
            raise NotFittedError("NGrams has counted nothing yet: call fit(ids) first")
        return self._levels

    def _tokens(self, ids: Any, few: bool = False) -> np.ndarray:
        values = np.asarray(ids)
        if not values.size:
            if not few:
                raise DataError("NGrams: the text has no token")
            return np.zeros(0, np.int64)
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise DataError(
                f"NGrams takes whole numbers (tokens,), got {values.dtype} of shape {values.shape}"
            )
        if values.min() < 0 or values.max() >= self.size:
            wrong = values.min() if values.min() < 0 else values.max()
            raise DataError(f"NGrams knows the tokens 0 to {self.size - 1}, got {wrong}")
        return values.astype(np.int64)


def _discounts(count: np.ndarray) -> np.ndarray:
    """What is taken off counts of 0, 1, 2, and 3 or more (Chen and Goodman 1999, eq. 17)."""
    n1, n2, n3, n4 = (int(np.count_nonzero(count == i)) for i in (1, 2, 3, 4))
    plain = np.array([0.0, PLAIN, PLAIN, PLAIN])
    if not all((n1, n2, n3, n4)):
        return plain
    y = n1 / (n1 + 2 * n2)
    taken = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    # where nothing was taken off, nothing would be left for what was never seen
    return np.array([0.0, *taken]) if min(taken) > 0 else plain
