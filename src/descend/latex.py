"""Text for LaTeX: a table's cells as they are read, whatever stands in them."""

from __future__ import annotations

from collections.abc import Iterable

from descend.visible import visible

_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\n": " ",  # an empty line would end the row's paragraph
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def escape(text: str) -> str:
    """A text with all signs that LaTeX would take for commands written out."""
    return "".join(_SIGNS.get(letter, letter) for letter in visible(text))


def table_row(cells: Iterable[object]) -> str:
    """A row of a table: its cells, escaped, and its end.

    A first cell that begins with a bracket or a star would be read as an option of the row, or of
    the rule, before it.
    """
    text = " & ".join(escape(str(cell)) for cell in cells)
    return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"
