"""Keras's `preprocessing`, as far as it is here."""
