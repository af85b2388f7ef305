"""A plain table as text, CSV, LaTeX or HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

import click

from descend.cells import remark, rows_as_text
from descend.cli.output import echo_data
from descend.latex import escape, table_row
from descend.visible import visible

FORMATS = ("text", "csv", "latex", "html")


def echo_csv(head: Sequence[str], rows: Sequence[Sequence[object]], quiet: bool) -> None:
    """Print a table comma separated; cells that a spreadsheet would run are marked as text."""
    out = io.StringIO()
    marked, changed = rows_as_text([head, *rows])
    csv.writer(out, lineterminator="\n").writerows(marked)
    echo_data(out.getvalue())
    if changed and not quiet:
        click.echo(f"note: {remark(changed)}", err=True)


def as_latex(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> str:
    """A LaTeX `table`; it needs the package booktabs."""
    places = "".join("r" if right else "l" for right in _numeric(rows, len(head)))
    lines = [r"\begin{table}[htbp]", r"\centering", rf"\caption{{{escape(caption)}}}"]
    lines += [rf"\begin{{tabular}}{{{places}}}", r"\toprule", table_row(head), r"\midrule"]
    lines += [table_row(row) for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def as_html(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> str:
    """An HTML `table` without style of its own; row and column heads are marked as such."""
    right = _numeric(rows, len(head))
    heads = "".join(f'<th scope="col">{_html(cell)}</th>' for cell in head)
    lines = ["<table>", f"<caption>{_html(caption)}</caption>"]
    lines += [f"<thead><tr>{heads}</tr></thead>", "<tbody>"]
    for first, *others in rows:
        cells = "".join(
            f"<td{' class=number' if number else ''}>{_html(cell)}</td>"
            for cell, number in zip(others, right[1:], strict=True)
        )
        lines.append(f'<tr><th scope="row">{_html(first)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody>", "</table>", ""])


def _numeric(rows: Sequence[Sequence[object]], wide: int) -> list[bool]:
    """Which columns hold nothing but numbers."""
    return [
        bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(wide)
    ]


def _html(cell: object) -> str:
    return html.escape(visible(str(cell)))
