"""A table of results as text, CSV, LaTeX or HTML."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from descend.cells import as_text, frame_as_text
from descend.errors import unknown
from descend.files import write_atomically
from descend.latex import escape, table_row
from descend.visible import visible


@dataclass(frozen=True)
class RegressionTable:
    """Title, facts, a table and notes; `print` shows the text, a notebook the HTML.

    Attributes:
        title: one line.
        facts: pairs of a name and a value in words, above the table.
        head: headings of the columns; the first is that of the row labels.
        rows: cells as shown, a label first.
        rules: the rows before which a line is drawn.
        notes: below the table.
        frame: the same numbers, unrounded.

    Raises:
        DescendError: `save` to a file of another ending than .txt, .csv, .tex and .html, or to a
            place that cannot be written.

    Source: descend's own; the form is that of statsmodels' summaries.

    Example:
        >>> from descend.neurons import LinearUnit
        >>> table = LinearUnit().fit([[0], [1], [2]], [1, 3, 8]).summary()
        >>> table.title, table.head[:3]
        ('Linear unit: y', ('', 'coef.', 'std. error'))
        >>> table.rows[1][:2]
        ('x1', '3.500')
        >>> table.latex().splitlines()[0]
        '\\\\begin{table}[htbp]'
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    rules: tuple[int, ...]
    notes: tuple[str, ...]
    frame: pd.DataFrame

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of the numbers, unrounded."""
        return self.frame.copy()

    def text(self) -> str:
        """Plain text, columns aligned: labels to the left, numbers to the right."""
        wide = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        total = sum(wide) + 2 * (len(wide) - 1)
        line, thin = "=" * total, "-" * total
        body = [_align(self.head, wide), thin]
        for place, row in enumerate(self.rows):
            body += [thin] if place in self.rules else []
            body.append(_align(row, wide))
        return visible("\n".join([self.title, *self._facts(total), line, *body, line, *self.notes]))

    def _facts(self, total: int) -> list[str]:
        """The facts in two columns as wide as the table, or one below the other."""
        if not self.facts:
            return []
        half = (len(self.facts) + 1) // 2
        left, right = self.facts[:half], self.facts[half:]
        names = [max((len(name) for name, _ in part), default=0) for part in (left, right)]
        values = [max((len(value) for _, value in part), default=0) for part in (left, right)]
        cells = [
            [f"{name:<{names[side]}}  {value:>{values[side]}}" for name, value in part]
            for side, part in enumerate((left, right))
        ]
        gap = total - sum(names) - sum(values) - 4
        if gap < 3:
            return [*cells[0], *cells[1]]
        cells[1] += [""] * (half - len(right))
        return [(a + " " * gap + b).rstrip() for a, b in zip(*cells, strict=True)]

    def csv(self) -> str:
        """The unrounded numbers, comma separated, one line a row.

        A label that a spreadsheet would run as a formula has an apostrophe in front.
        """
        named = frame_as_text(self.frame.rename(index=as_text))[0]
        return named.to_csv(lineterminator="\n")

    def latex(self) -> str:
        """A LaTeX `table`; it needs the package booktabs."""
        columns = "l" + "r" * (len(self.head) - 1)
        lines = [r"\begin{table}[htbp]", r"\centering", rf"\caption{{{escape(self.title)}}}"]
        lines += [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            table_row(self.head),
            r"\midrule",
        ]
        for place, row in enumerate(self.rows):
            lines += [r"\midrule"] if place in self.rules else []
            lines.append(table_row(row))
        lines += [r"\bottomrule", r"\end{tabular}"]
        below = [f"{name}: {value}." for name, value in self.facts] + list(self.notes)
        if below:
            text = " ".join(map(escape, below))
            lines.append(rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {text}}}")
        return "\n".join([*lines, r"\end{table}", ""])

    def html(self) -> str:
        """An HTML `table` without style of its own, row and column heads marked as such."""
        caption = [f"<caption>{html.escape(self.title)}</caption>"]
        head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in self.head)
        lines = [*caption, f"<thead><tr>{head}</tr></thead>", "<tbody>"]
        for place, row in enumerate(self.rows):
            lines += ["</tbody>", "<tbody>"] if place in self.rules else []
            cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
            lines.append(f'<tr><th scope="row">{html.escape(row[0])}</th>{cells}</tr>')
        lines.append("</tbody>")
        below = [f"{name}: {value}" for name, value in self.facts] + list(self.notes)
        if below:
            text = "<br>".join(map(html.escape, below))
            lines.append(f'<tfoot><tr><td colspan="{len(self.head)}">{text}</td></tr></tfoot>')
        return visible("\n".join(['<table class="regression">', *lines, "</table>", ""]))

    def save(self, path: str | Path) -> None:
        """Write to a file; its ending says as what: .txt, .csv, .tex or .html.

        Raises:
            DescendError: another ending, or a place that cannot be written.
        """
        forms = {".txt": self.text, ".csv": self.csv, ".tex": self.latex, ".html": self.html}
        suffix = Path(path).suffix.lower()
        if suffix not in forms:
            raise unknown("ending of a table's file", suffix, forms)
        content = forms[suffix]()
        write_atomically(path, (content.rstrip("\n") + "\n").encode("utf-8"))


def _align(cells: tuple[str, ...], wide: list[int]) -> str:
    numbers = (f"{cell:>{w}}" for cell, w in zip(cells[1:], wide[1:], strict=True))
    return "  ".join([f"{cells[0]:<{wide[0]}}", *numbers]).rstrip()


def number(value: float, digits: int = 4) -> str:
    """A number with so many digits that count; whole numbers and thousands are not cut."""
    if not math.isfinite(value):
        return "" if math.isnan(value) else f"{value}"
    if abs(value) < 1e7 and (value == int(value) or abs(value) >= 10**digits):
        return f"{value:.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def p_value(value: float) -> str:
    """A p-value with three decimals."""
    if math.isnan(value):
        return ""
    return "<0.001" if value < 0.0005 else f"{value:.3f}"
