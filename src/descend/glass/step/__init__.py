"""One training step, recorded once; all that is shown of it is a function of the record."""
