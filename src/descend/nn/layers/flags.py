"""What a layer class says of itself, to the graph and the trainer.

A subclass answers by a class attribute, `stochastic: ClassVar[bool] = True`, or, where the answer
depends on its fields, by a property.
"""

from __future__ import annotations


class Flags:
    """The answers of a layer of which nothing else is known."""

    @property
    def joins(self) -> bool:
        """Whether the layer may be called on a list of symbols."""
        return False

    @property
    def stochastic(self) -> bool:
        """Whether `apply` needs a key in training (dropout); the trainer then draws one a step."""
        return False

    @property
    def augments(self) -> bool:
        """Whether randomness makes new data (augmentation), and is no noise inside the network."""
        return False

    @property
    def uses_mask(self) -> bool:
        """Whether `apply` takes the mask of its input (a tuple of them where it joins several)."""
        return False

    @property
    def gives_mask(self) -> bool:
        """Whether `output_mask` makes a mask where there was none (Masking, Embedding)."""
        return False

    @property
    def mixes_rows(self) -> bool:
        """Whether rows of a batch see each other.

        The mask then also leaves out the rows that only fill up the last batch, and has shape
        (batch,) where there is no mask of steps.
        """
        return False

    @property
    def indexes(self) -> bool:
        """Whether the input holds whole numbers (of words), which no precision may round."""
        return False

    @property
    def carries(self) -> bool:
        """Whether the state goes on from one batch to the next (stateful recurrent layers)."""
        return False

    @property
    def taps(self) -> bool:
        """Whether `apply` takes `tap`, for what lies inside the layer (see tapping.py)."""
        return False

    @property
    def copies(self) -> bool:
        """Whether the layers that the fields hold are patterns, which are copied and not used."""
        return False

    @property
    def swept(self) -> tuple[str, ...]:
        """Fields holding a number that a sweep may vary; they reach `apply` as traced arrays."""
        return ()
