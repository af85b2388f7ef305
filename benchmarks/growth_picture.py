"""How the time of a solve grows with the size of an economy."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def draw(rows: list[dict[str, Any]], size: str, seconds: str, title: str, path: Path) -> None:
    """Seconds against the column `size`, both in logarithms; hollow where the aim was missed.

    Args:
        rows: with `size`, "seconds" and "met".
        seconds, title: the vertical axis's label, the picture's title.
        path: of the results; the picture lies beside them as .png.
    """
    from matplotlib.figure import Figure

    sizes = [r[size] for r in rows]
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.loglog(sizes, [r["seconds"] for r in rows], "-", color="C0")
    for r in rows:
        filled = "full" if r["met"] else "none"
        axes.loglog([r[size]], [r["seconds"]], "o", color="C0", fillstyle=filled)
    axes.set(xlabel=size, ylabel=seconds, title=title)
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    times = [r["seconds"] for r in rows]
    marks = [m * 10**e for e in range(-1, 5) for m in (1, 2, 5)]
    shown = [m for m in marks if min(times) / 2 <= m <= max(times) * 2]
    axes.set_yticks(shown, [f"{m:g}" for m in shown])
    if not all(r["met"] for r in rows):
        axes.plot([], [], "o", color="C0", fillstyle="none", label="aim missed")
        axes.legend(frameon=False)
    figure.savefig(path.with_suffix(".png"), dpi=120)
