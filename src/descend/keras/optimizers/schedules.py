"""Keras's `optimizers.schedules` by their names; docs/keras.md says which are the same."""

from descend.keras.face import face

__getattr__, __dir__, __all__ = face(__name__, "schedules")
