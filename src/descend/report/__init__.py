"""What results look like: in the terminal, later on pages."""
