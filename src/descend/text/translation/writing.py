"""Many sentences' translations: sorted by length, in batches, each by one compiled search."""

from __future__ import annotations

import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DataWarning
from descend.nn import stepping
from descend.text.translation.buckets import padded
from descend.text.translation.decoding import searcher
from descend.text.translation.learning import widths
from descend.text.translation.pairs import Ids, Languages
from descend.train.model import Model

ROWS = (8, 64)  # sentences that are translated at a time: a few, or many
ROUND = 16  # tokens to which lengths are rounded up, so that programs serve


class Writer:
    """The searches of a network, compiled once for each beam and shape.

    Args:
        model: network.
        languages: tokenisers of both sides.
    """

    def __init__(self, model: Model, languages: Languages):
        self.model, self.languages = model, languages
        self.widths = widths(model)
        self._searches: dict[tuple[int, int], Any] = {}

    def write(
        self, ids: Ids, beam: int, penalty: float, limit: int | None, longest: tuple[int, int]
    ) -> tuple[Ids, np.ndarray]:
        """The tokens of each translation, without its end, and its log p, the end's counted.

        Args:
            ids: numbers of each sentence, the end behind them.
            beam, penalty: as in `decoding`.
            limit: most tokens of a translation; None: as `longest` lets expect.
            longest: numbers of the longest source and target that were learned from.

        Raises:
            DataError: a sentence that is longer than the network reads.
            DescendError: a network that cannot be read step by step.
        """
        self._require(ids)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        tokens: Ids = [np.zeros(0, np.int32)] * len(ids)
        nats = np.zeros(len(ids))
        cut = 0
        for first in range(0, len(order), ROWS[-1]):
            some = order[first : first + ROWS[-1]]
            most = _most(len(ids[some[-1]]), limit, longest)  # with the end
            steps = _rounded(most)
            if self.widths[1] is not None:
                most, steps = min(most, self.widths[1]), self.widths[1]
            found = self._search(beam, steps)(
                *self.model.current_weights(),
                self._filled([ids[i] for i in some]),
                np.int32(most),
                np.float32(penalty),
            )
            written, log_p = np.asarray(found.tokens), np.asarray(found.nats)
            for row, i in enumerate(some):
                n = int((written[row] == self.languages.end).argmax())
                tokens[i], nats[i] = written[row, :n], log_p[row]
                cut += n == most - 1
        if cut:
            warnings.warn(
                f"{cut:,} of {len(ids):,} translations have as many tokens as there may be, and "
                "may be cut: give a larger limit",
                DataWarning,
                stacklevel=4,
            )
        return tokens, nats

    def _filled(self, ids: Ids) -> np.ndarray:
        """Sentences as an array, filled up with the first to a few or to many."""
        width = self.widths[0] or _rounded(max(map(len, ids)))
        rows = next(rows for rows in ROWS if rows >= len(ids))
        return padded([*ids, *ids[:1] * (rows - len(ids))], width)

    def _require(self, ids: Ids) -> None:
        width = self.widths[0]
        for place, row in enumerate(ids):
            if width is not None and len(row) > width:
                raise DataError(
                    f"text {place} (counted from 0, empty ones left out) has {len(row)} tokens, "
                    f"its end counted, and the network reads {width}"
                )

    def _search(self, beam: int, steps: int) -> Any:
        key = beam, steps
        if key not in self._searches:
            require_steps(self.model)
            self._searches[key] = jax.jit(searcher(self.model, steps, beam, self.languages.end))
        return self._searches[key]


def require_steps(model: Model) -> None:
    """Raise DescendError, naming the layer, where a network cannot write token by token."""

    def begin(source: Any) -> Any:
        weights = model.current_weights()
        return stepping.start_with(model, *weights, (source, None), (source != 0, None), 2)

    jax.eval_shape(begin, jax.ShapeDtypeStruct((1, widths(model)[0] or 1), jnp.int32))


def _most(length: int, limit: int | None, longest: tuple[int, int]) -> int:
    """The most tokens of the translation of a sentence of this length, the end counted."""
    if limit is not None:
        return limit + 1
    source, target = longest
    return math.ceil(max(target, ROUND) * max(1.0, length / max(source, 1)))


def _rounded(length: int) -> int:
    return -(-length // ROUND) * ROUND
