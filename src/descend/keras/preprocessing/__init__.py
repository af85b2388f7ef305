"""Keras's `preprocessing`, as far as it is here."""

from descend.keras.preprocessing import sequence as sequence
