"""Reading a sequence step by step: what the Layer contract says of it.

    kept = layer.start(input_shape, rows, steps)           nothing is read yet
    y, kept = layer.step(params, state, kept, x)           the next steps, x (rows, k, ...)

What `step` gives for consecutive pieces of a sequence, of whatever lengths, is what `apply` gives
for the whole. A layer keeps what its later outputs need: a recurrent layer its states, causal
attention the keys and values, a causal convolution its last inputs, a position embedding the count
of steps, a Dense nothing. `descend.nn.stepping` does the same for a network.

A layer of several inputs may be given some of them whole, as a translator's decoder is given the
sentence, and read the others step by step:

    kept = layer.start_with(params, state, input_shape, steps, inputs, masks)
    y, kept = layer.step(params, state, kept, x)           x: the inputs that are read, alone
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from descend.errors import DescendError


class Fixed(NamedTuple):
    """A part of what is kept that no step changes: what was made of an input given whole."""

    of: Any


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

    def start_with(
        self,
        params: dict[str, Any],
        state: dict[str, Any],
        input_shape: Any,
        steps: int | None,
        inputs: tuple[Any, ...],
        masks: tuple[Any, ...],
    ) -> Any:
        """What the layer keeps before the first step where some inputs are given whole.

        Args:
            params, state: the layer's arrays.
            input_shape: as for `build`.
            steps: the most steps that will be read; None where that is open.
            inputs: arrays (rows, ...), and None for those that are read step by step.
            masks: the mask of each, or None.

        Raises:
            DescendError: by default: it reads all its inputs step by step, or none.
        """
        raise DescendError(
            f"{self.label} cannot be read step by step: a part of its inputs is given whole"  # type: ignore[attr-defined]
        )

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
