"""What a network thought each token of a text was worth: log p, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.nn.graph import full_precision
from descend.text.feeds import Place, Whole
from descend.text.task import logits_of
from descend.train.model import Model


class Telling:
    """The log-probabilities of a text's tokens by a network, each given those before it.

    Args:
        model: network of a language model.
        judging: function (ids) -> the feed that asks for every token once.
    """

    def __init__(self, model: Model, judging: Callable[[np.ndarray], Whole]):
        self.model, self.judging = model, judging
        self._programs: dict[int, Any] = {}  # by the length of a row

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return log p of all tokens but the first, (tokens - 1,), in nats."""
        feed = self.judging(ids)
        place = feed.places(0)
        if feed.length not in self._programs:
            self._programs[feed.length] = self._program(feed)
        logs, real = self._programs[feed.length](*self.model.current_weights(), feed.ids, place)
        asked = np.asarray(place.at)[..., None] + np.arange(feed.length)
        every = np.empty(len(ids) - 1)
        every[asked[real]] = np.asarray(logs)[real]
        return every

    def _program(self, feed: Whole) -> Any:
        graph, logits = self.model, logits_of(self.model)

        def batch(params: Any, layers: Any, ids: Any, place: Place) -> tuple[Any, Any]:
            tokens = feed.draw(None, None, ids, place)[1].data  # type: ignore[arg-type]
            z, _ = graph.apply(params, layers, tokens.x, logits=logits)
            logs = jax.nn.log_softmax(full_precision(z))
            return jnp.take_along_axis(logs, tokens.y[..., None], axis=-1)[..., 0], tokens.real

        return jax.jit(
            lambda params, layers, ids, places: jax.lax.map(
                lambda place: batch(params, layers, ids, place), places
            )
        )
