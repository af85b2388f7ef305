"""Tables in plain text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its columns aligned and a line under its head."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    top, *body = (
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )
    return "\n".join([top, "-" * len(top), *body])
