"""Read a built site for faults: references to outside, and links that lead nowhere.

    python tools/docs_check.py [FOLDER]     by default docs/_build/html

A page may link to the network, since a reader may follow a link; it may load nothing from there: no
script, style sheet, font, picture or frame, and no script may fetch.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

OUTSIDE = re.compile(r"(?:https?:)?//", re.I)
IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)['"]?([^'")\s]+)""")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
IN_JS = re.compile(r"""['"`]((?:https?:)?//[\w.-]+\.\w[^'"`\s]*)""")
# names of formats, which nothing loads
NAMESPACES = ("http://www.w3.org/",)
LOADING = {"stylesheet", "icon", "shortcut", "preload", "prefetch", "modulepreload", "manifest"}


class Page(HTMLParser):
    """What a page loads, links to, and can be linked by."""

    def __init__(self, text: str):
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.styles, self.scripts, self.inside = "", "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's references."""
        given = {name: value or "" for name, value in attrs}
        self.inside = tag if tag in ("style", "script") else ""
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        self.styles += given.get("style", "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and LOADING & set(given.get("rel", "").split()):
            self.loads.append(given["href"])
        self.loads += [given[key] for key in ("src", "data", "poster") if key in given]
        self.loads += [part.split()[0] for part in given.get("srcset", "").split(",") if part]

    def handle_data(self, data: str) -> None:
        """Note what a page's own styles and scripts say."""
        if self.inside == "style":
            self.styles += data
        elif self.inside == "script":
            self.scripts += data

    def handle_endtag(self, tag: str) -> None:
        """Leave a style or a script."""
        self.inside = ""


def outside(folder: Path) -> list[str]:
    """References that would need the network: "file: address"."""
    found = []
    for path in sorted(folder.rglob("*")):
        if is_template(path):
            continue
        addresses: list[str] = []
        if path.suffix == ".html":
            page = Page(path.read_text(encoding="utf-8"))
            addresses = [*page.loads, *in_css(page.styles), *in_js(page.scripts)]
        elif path.suffix == ".css":
            addresses = in_css(path.read_text(encoding="utf-8"))
        elif path.suffix in (".js", ".mjs"):
            addresses = in_js(path.read_text(encoding="utf-8"))
        away = (a for a in addresses if OUTSIDE.match(a) and not a.startswith(NAMESPACES))
        found += [f"{path.relative_to(folder)}: {address}" for address in away]
    return found


def is_template(path: Path) -> bool:
    """Whether a file of the theme is no page, but what the theme makes pages of."""
    return path.suffix == ".html" and path.parent.name == "_static"


def in_css(text: str) -> list[str]:
    """What a style sheet loads."""
    return IN_CSS.findall(COMMENT.sub("", text))


def in_js(text: str) -> list[str]:
    """Addresses that stand in a script; that they are fetched cannot be excluded."""
    return IN_JS.findall(COMMENT.sub("", text))


def broken(folder: Path) -> list[str]:
    """Links to files that are not there, or to anchors that their page does not have."""
    pages = {
        p: Page(p.read_text(encoding="utf-8"))
        for p in sorted(folder.rglob("*.html"))
        if not is_template(p)
    }
    found = []
    for path, page in pages.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address in ("", "#"):
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            where = f"{path.relative_to(folder)}: {address}"
            if not target.exists():
                found.append(f"{where}: no such file")
            elif parts.fragment and target.suffix == ".html":
                known = pages[target].anchors if target in pages else set()
                if unquote(parts.fragment) not in known:
                    found.append(f"{where}: no such place")
    return found


def main(folder: Path) -> int:
    """Print what is wrong; 1 if anything is."""
    folder = folder.resolve()
    pages = len(list(folder.rglob("*.html")))
    found = [f"needs the network: {line}" for line in outside(folder)]
    found += [f"leads nowhere: {line}" for line in broken(folder)]
    print("\n".join(found) if found else f"{pages} pages: nothing from outside, no broken link")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    at = Path(__file__).parent.parent / "docs" / "_build" / "html"
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else at))
