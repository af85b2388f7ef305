"""Open the built site in Chromium as a reader does, with the network refused.

    python tools/docs_browser.py [--chromium /usr/bin/chromium]

From file://, a page of each kind at three widths, light and dark: nothing may be asked of the
network, no script may fail, nothing may be wider than the window, axe-core may find no fault, every
step of the Tab key must be seen, and the search must find `Dense`. Pictures of the pages are left
in docs/_build/screens. Needs the extra: `python -m pip install ".[browser]"`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page, sync_playwright

BUILD = Path(__file__).parent.parent / "docs" / "_build"
PAGES = (
    *("index.html", "guide/economies.html", "guide/glass.html", "write-your-own-loss.html"),
    *("labs/index.html", "labs/xor.html", "labs/mnist.html", "slides.html"),
    *("reference/index.html", "reference/descend.train.model.html", "genindex.html"),
    *("benchmarks/index.html", "benchmarks/speed.html", "facts.html", "design.html", "keras.html"),
)
SIZES = ((375, 800), (820, 1100), (1440, 900))
TALL = 12_000  # pixels; Chromium takes no picture of a taller page
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"

WIDER = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll('body *')]
        .filter(e => e.getBoundingClientRect().right > room + 1)
        .map(e => `${e.tagName} ${e.className}`).slice(0, 3);
}"""
FOCUSED = """() => {
    const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
    const seen = s.outlineStyle !== 'none' || s.boxShadow !== 'none';
    const hidden = r.width === 0 || r.height === 0;
    return {what: `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`, seen, hidden};
}"""


def faults(page: Page, name: str) -> Iterator[str]:
    """What is wrong with a page as it lies open."""
    wider = page.evaluate(WIDER)
    if wider:
        yield f"wider than the window: {wider}"
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {preload: false})")
    for fault in found["violations"]:
        where = [node["target"][0] for node in fault["nodes"][:3]]
        yield f"axe, {fault['impact']}: {fault['id']} at {where} ({len(fault['nodes'])} in all)"


def keyboard(page: Page, steps: int = 25) -> Iterator[str]:
    """Steps of the Tab key that a reader cannot see."""
    page.keyboard.press("Escape")
    for _ in range(steps):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if not at["seen"] and not at["hidden"] and not at["what"].startswith("BODY"):
            yield f"no focus to be seen: {at['what']}"


def search(page: Page, html: Path) -> Iterator[str]:
    """Whether the search finds a name."""
    page.goto((html / "search.html").as_uri() + "?q=Dense")
    page.wait_for_timeout(1500)
    hits = page.locator("#search-results a").all_inner_texts()
    if not any("Dense" in hit for hit in hits):
        yield f"the search for Dense finds {hits[:5]}"


def watched(page: Page, found: list[str]) -> None:
    """Note what a page asks of the network, and what its scripts complain of."""
    page.on(
        "request",
        lambda r: r.url.startswith(("file:", "data:")) or found.append(f"asks for {r.url}"),
    )
    page.on("requestfailed", lambda r: found.append(f"failed: {r.url}"))
    page.on("pageerror", lambda error: found.append(f"a script failed: {error}"))
    page.on("console", lambda m: m.type == "error" and found.append(f"console: {m.text}"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="where the browser is")
    given = parser.parse_args()
    html, screens, count = BUILD / "html", BUILD / "screens", 0
    screens.mkdir(exist_ok=True)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme, offline=True)
            page, found = context.new_page(), []
            watched(page, found)
            for name in PAGES:
                for width, height in SIZES:
                    page.set_viewport_size({"width": width, "height": height})
                    page.goto((html / name).as_uri())
                    page.wait_for_timeout(200)
                    found += faults(page, name)
                    low = page.evaluate("document.documentElement.scrollHeight") < TALL
                    stem = name.removesuffix(".html").replace("/", "-")
                    page.screenshot(path=screens / f"{stem}-{width}-{scheme}.png", full_page=low)
                    found += keyboard(page) if width == SIZES[-1][0] else []
                    count += len(found)
                    for line in dict.fromkeys(found):
                        print(f"{name}, {width}, {scheme}: {line}")
                    found.clear()
            for line in search(page, html):
                count += 1
                print(line)
            context.close()
        browser.close()
    print(f"{len(PAGES)} pages at {len(SIZES)} widths, light and dark: {count} faults; {screens}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
