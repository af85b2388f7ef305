"""The recipe: from a table to a tested network."""
