"""Translation: sequence to sequence, with and without attention."""
