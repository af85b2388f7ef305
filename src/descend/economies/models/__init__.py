"""Economies of the literature, one a file."""
