"""Keras's `preprocessing.sequence`."""

from descend.train.preparing import pad_sequences

__all__ = ["pad_sequences"]
