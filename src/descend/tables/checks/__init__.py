"""Coded checks of the data and of a fitted network, each passed, failed or not run."""
