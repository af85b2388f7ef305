"""From the evidence to the numbers of the document, a section a file; no HTML."""
