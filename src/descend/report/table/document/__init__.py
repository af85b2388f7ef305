"""The document of a report on a table: every key of the JSON, as TypedDicts.

The numbers (`numbers/`) make it, the page (`page/`) shows it and computes nothing. A number that
does not exist, or is not finite, is null.
"""
