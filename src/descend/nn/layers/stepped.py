"""Reading a sequence step by step: what the Layer contract says of it.

    kept = layer.start(input_shape, rows, steps)           nothing is read yet
    y, kept = layer.step(params, state, kept, x)           the next steps, x (rows, k, ...)

What `step` gives for consecutive pieces of a sequence, of whatever lengths, is what `apply` gives
for the whole. A layer keeps what its later outputs need: a recurrent layer its states, causal
attention the keys and values, a causal convolution its last inputs, a position embedding the count
of steps, a Dense nothing. `descend.nn.stepping` does the same for a network.
"""

from __future__ import annotations

from typing import Any

import jax

from descend.errors import DescendError


class Stepped:
    """The part of a layer that reads step by step: by default each step by itself."""

    @property
    def looks_ahead(self) -> str:
        """Why the output at a step may depend on later steps, in words; empty where it does not."""
        return "what it puts out at a step may depend on later steps"

    def start(self, input_shape: Any, rows: int, steps: int | None) -> Any:
        """What the layer keeps before the first step: a pytree of arrays.

        Args:
            input_shape: as for `build`.
            rows: sequences that are read side by side.
            steps: the most steps that will be read; None where that is open.

        Raises:
            DescendError: it looks ahead.
        """
        if self.looks_ahead:
            raise DescendError(f"{self.label} cannot be read step by step: {self.looks_ahead}")  # type: ignore[attr-defined]
        return ()

    def step(
        self,
        params: dict[str, Any],
        state: dict[str, Any],
        kept: Any,
        x: Any,
        *,
        key: jax.Array | None = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """The output at the next steps x (rows, k, ...), and what is kept behind them."""
        y, _ = self.apply(params, state, x, key=key, training=training)  # type: ignore[attr-defined]
        return y, kept
