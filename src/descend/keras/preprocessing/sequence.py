"""Keras's `preprocessing.sequence`."""

from descend.train.model.preparing import pad_sequences

__all__ = ["pad_sequences"]
