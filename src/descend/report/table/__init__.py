"""The report on a network fitted to a table."""
