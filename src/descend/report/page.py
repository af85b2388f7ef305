"""One self-contained page of HTML: headings, tables with captions, pictures with words beside them.

Nothing is loaded from elsewhere and nothing runs: no script, no font, no style but the page's own.
Every text is escaped here, and only here.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descend.errors import DescendError
from descend.files import writable
from descend.palette import BLUE, VERMILION
from descend.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = 14  # rows of a table that is printed on one page

STYLE = """
:root { color-scheme: light; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
       max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { margin-top: 2.5rem; font-size: 1.3rem; }
h3 { margin: 1.8rem 0 .4rem; font-size: 1.05rem; }
a { color: #0b57a0; } a:focus, [tabindex]:focus { outline: 3px solid #0b57a0; outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
nav ul { padding-left: 1.2rem; columns: 2; }
.status { border-left: .4rem solid BLUE; background: #f2f6fa; padding: .6rem 1rem; }
.status.warn { border-color: VERMILION; border-left-style: double; background: #fdf3ec; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: min(100%, 32rem); margin: 1rem 0;
        font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ccc; text-align: left; }
thead th { border-bottom: 2px solid #555; } td.number, th.number { text-align: right; }
tbody th { font-weight: 400; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #444; font-size: .95rem; }
pre { overflow-x: auto; background: #f5f5f5; padding: .8rem; font-size: .85rem; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } nav, .skip { display: none; }
  h2, h3, caption, thead, h2 + p, h3 + p { break-after: avoid; }
  p, figure, tr, .short { break-inside: avoid; }
  .scroll, pre { overflow: visible; } pre { white-space: pre-wrap; } }
""".replace("BLUE", BLUE).replace("VERMILION", VERMILION)


def report_files(path: str | Path, inputs: Sequence[str | Path | None] = ()) -> tuple[Path, Path]:
    """The page's path and that of the JSON beside it; raises DescendError if one cannot be.

    Args:
        path: the page's.
        inputs: files that must not be written over.
    """
    path = Path(path)
    if path.suffix not in (".html", ".htm"):
        raise DescendError(f"a report's name ends in .html, got {str(path)!r}")
    return writable(path, inputs), writable(path.with_suffix(".json"), inputs)


def page(title: str, sections: Sequence[tuple[str, str]], lead: str = "") -> str:
    """A page of (heading, HTML) sections behind a table of contents; `lead` is HTML."""
    heads = [f"<li><a href='#s{i}'>{escaped(h)}</a></li>" for i, (h, _) in enumerate(sections)]
    bodies = [
        f"<section aria-labelledby='s{i}'><h2 id='s{i}'>{escaped(h)}</h2>{b}</section>"
        for i, (h, b) in enumerate(sections)
    ]
    return "\n".join(
        [
            "<!doctype html>",
            "<html lang='en'><head><meta charset='utf-8'>",
            "<meta name='viewport' content='width=device-width, initial-scale=1'>",
            f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>",
            "<a class='skip' href='#main'>Skip to the content</a>",
            f"<header><h1>{escaped(title)}</h1>{lead}</header>",
            f"<nav aria-label='Contents'><ul>{''.join(heads)}</ul></nav>",
            "<main id='main' tabindex='-1'>",
            *bodies,
            "</main></body></html>\n",
        ]
    )


def escaped(text: Any) -> str:
    """Text as HTML that shows it, control characters included."""
    return html.escape(visible(str(text)), quote=True)


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, of a class of the style."""
    return f"<p class='{escaped(kind)}'>{escaped(text)}</p>" if kind else f"<p>{escaped(text)}</p>"


def subheading(text: str) -> str:
    """A heading inside a section."""
    return f"<h3>{escaped(text)}</h3>"


def listing(items: Sequence[str]) -> str:
    """A list of texts."""
    return f"<ul>{''.join(f'<li>{escaped(item)}</li>' for item in items)}</ul>"


def preformatted(text: str, label: str) -> str:
    """Text as it stands, such as a log or a command; it can be scrolled by keyboard."""
    return f"<pre tabindex='0' role='region' aria-label='{escaped(label)}'>{escaped(text)}</pre>"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table with a caption; the first `words` columns hold words, the others numbers."""
    kind = ["" if i < words else " class='number'" for i in range(len(head))]
    top = "".join(f"<th scope='col'{k}>{escaped(h)}</th>" for k, h in zip(kind, head, strict=True))
    body = []
    for first, *rest in rows:
        cells = "".join(f"<td{k}>{escaped(c)}</td>" for k, c in zip(kind[1:], rest, strict=True))
        body.append(f"<tr><th scope='row'>{escaped(first)}</th>{cells}</tr>")
    box = "scroll short" if len(rows) <= SHORT else "scroll"  # whole on one page
    return (
        f"<div class='{box}' tabindex='0' role='region' aria-label='{escaped(caption)}'>"
        f"<table><caption>{escaped(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def picture(figure: Figure, alt: str, caption: str) -> str:
    """A matplotlib figure in the page, as SVG; `alt` says what it shows to who cannot see it."""
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "descend"}):  # the same picture, the same bytes
        figure.savefig(file, format="svg", metadata={"Date": None}, dpi=150)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f"<figure><img src='data:image/svg+xml;base64,{data}' alt='{escaped(alt)}'>"
        f"<figcaption>{escaped(caption)}</figcaption></figure>"
    )
