"""The page of a landscape: the optimiser's walk on it, step by step, by slider or by key.

One picture of the ground; the path is drawn over it by the page itself, so that the page stays
small. The script is the page's own, nothing is loaded from elsewhere; without a script the whole
path is shown.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from descend.errors import DescendError
from descend.files import writable, write_atomically
from descend.glass.landscape_pictures import Landscape, background, words_at
from descend.palette import VERMILION
from descend.report.page import escaped, page, paragraph, table

LISTED = 12  # points of the path in the table

SCRIPT = """
const data = JSON.parse(document.getElementById('walk-data').textContent);
const slider = document.getElementById('walk-at'), play = document.getElementById('walk-play');
const way = document.querySelectorAll('.walk-way'), dot = document.getElementById('walk-dot');
const words = document.getElementById('walk-words');
let timer = null;
function show() {
  const n = Number(slider.value), last = data.places[n];
  const line = data.places.slice(0, n + 1).map(p => p.join(',')).join(' ');
  way.forEach(w => w.setAttribute('points', line));
  dot.setAttribute('cx', last[0]); dot.setAttribute('cy', last[1]);
  words.textContent = data.words[n];
  slider.setAttribute('aria-valuetext', data.words[n]);
}
function rest() { clearInterval(timer); timer = null; play.textContent = 'Play'; }
play.addEventListener('click', () => {
  if (timer) { rest(); return; }
  if (slider.value === slider.max) slider.value = 0;
  play.textContent = 'Stop';
  timer = setInterval(() => {
    slider.value = Number(slider.value) + 1; show();
    if (slider.value === slider.max) rest();
  }, Math.max(30, 6000 / data.places.length));
});
slider.addEventListener('input', () => { rest(); show(); });
document.getElementById('walk-controls').hidden = false;
show();
"""


def landscape_report(landscape: Landscape, path: str | Path) -> Path:
    """Write the page of a landscape that has a path; the file's name ends in .html.

    Raises:
        DescendError: no path, another ending, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".html", ".htm"):
        raise DescendError(f"a page's name ends in .html, got {str(path)!r}")
    writable(path)
    write_atomically(path, landscape_page(landscape).encode())
    return path


def landscape_page(landscape: Landscape) -> str:
    """The page as text."""
    png, places = background(landscape)
    # the picture's sizes in pixels stand in the head of a PNG
    wide, high = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    points = [[round(x * wide, 1), round(y * high, 1)] for x, y in places]
    words = [words_at(landscape, i) for i in range(len(points))]
    line = " ".join(f"{x},{y}" for x, y in points)
    # "<" cannot end the script element from inside a string
    data = json.dumps({"places": points, "words": words}).replace("<", "\\u003c")
    walk = (
        "<style>.walk { max-width: 100%; height: auto; display: block; }"
        " .walk-bar { display: flex; gap: 1rem; align-items: center; margin: .6rem 0; }"
        " .walk-bar[hidden] { display: none; } .walk-bar input { flex: 1; }"
        " button { font: inherit; padding: .2rem 1rem; }"
        " button:focus, input:focus { outline: 3px solid #0b57a0; outline-offset: 2px; }</style>"
        f"<figure><svg class='walk' viewBox='0 0 {wide} {high}' width='{wide}' role='img' "
        f"aria-label='{escaped(_alt(landscape))}'>"
        f"<image href='data:image/png;base64,{base64.b64encode(png).decode()}' "
        f"width='{wide}' height='{high}'/>"
        f"<polyline class='walk-way' points='{line}' fill='none' stroke='#fff' stroke-width='5'/>"
        f"<polyline class='walk-way' points='{line}' fill='none' stroke='#000' stroke-width='2'/>"
        f"<circle id='walk-dot' cx='{points[-1][0]}' cy='{points[-1][1]}' r='7' fill='{VERMILION}' "
        "stroke='#fff' stroke-width='2'/></svg>"
        f"<figcaption id='walk-words' aria-live='polite'>{escaped(words[-1])}</figcaption></figure>"
        "<div class='walk-bar' id='walk-controls' hidden><button id='walk-play' type='button'>Play"
        "</button><label for='walk-at'>Point of the path</label>"
        f"<input id='walk-at' type='range' min='0' max='{len(points) - 1}' "
        f"value='{len(points) - 1}'></div>"
        f"<script type='application/json' id='walk-data'>{data}</script><script>{SCRIPT}</script>"
    )
    assert landscape.path is not None
    assert landscape.path_cost is not None
    listed = sorted({round(i * (len(points) - 1) / (LISTED - 1)) for i in range(LISTED)})
    rows = [
        [
            str(landscape.path_epochs[i]),
            f"{landscape.path_cost[i]:.5g}",
            *(f"{c:.3g}" for c in landscape.path[i]),
        ]
        for i in listed
    ]
    head = ["epoch", "cost", "a", "b"][: 2 + landscape.path.shape[1]]
    axes = "one axis" if landscape.b is None else "each of two axes"
    about = (
        f"The ground is the cost along {axes} ({landscape.label}) through the weights where "
        "training ended, marked by a cross. The path's points are drawn at their feet on it; the "
        "costs in words are those of the points "
        "themselves, which may lie off the ground."
    )
    if landscape.shares is not None:
        about += f" The axes hold {landscape.shares.sum():.0%} of the path's movement."
    return page(
        "The optimiser on its landscape",
        [("The walk", paragraph(about) + walk), ("In numbers", table("The path", head, rows))],
    )


def _alt(landscape: Landscape) -> str:
    assert landscape.path_cost is not None
    return (
        f"The cost over the weights, with the optimiser's path: from {landscape.path_cost[0]:.4g} "
        f"down to {landscape.path_cost[-1]:.4g} in {landscape.path_epochs[-1]} epochs"
    )
