"""Control characters in names and values, made visible before a terminal or a page shows them."""

from __future__ import annotations

import re

# controls but tab and newline; separators that end a line; marks that turn the direction of text
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with every control character written as Python writes it; tab and newline stay.

    A name out of a file may hold an escape sequence: sent to a terminal, it would move the cursor,
    hide what follows or rename the window.

    Example:
        >>> visible("red \\x1b[31m")
        'red \\\\x1b[31m'
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def on_one_line(text: str) -> str:
    """As `visible`, with tab and newline written out too: for a cell of a table."""
    return visible(text).replace("\t", r"\t").replace("\n", r"\n")
