"""How data gets in: built-in names and files, and splits."""
