"""Which network, and which columns: many networks of one table as batched programs."""
