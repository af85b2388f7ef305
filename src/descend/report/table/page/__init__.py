"""From the document to the page, a section a file; nothing is computed here."""
