"""Environments of the literature, one a file."""
