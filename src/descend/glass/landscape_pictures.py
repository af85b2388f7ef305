"""The cost around some weights, and its pictures: a line, a map, a moving picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DescendError
from descend.files import writable, write_atomically
from descend.palette import BLUE, VERMILION

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 18
FRAMES = 60  # of an animation, at most
DEEPEST = 1e4  # what lies lower than the highest cost over this is drawn alike
FAR_APART = 20.0  # costs whose ratio is above are drawn on a logarithmic scale


@dataclass(frozen=True, eq=False)
class Landscape:
    """The cost around some weights: what `landscape` gives, with its pictures.

    Attributes:
        a, b: coordinates along the directions, (points,); `b` is None in one dimension.
        cost: J at each, (points,) or (points of b, points of a).
        directions: (dimensions, parameters): what one unit of a coordinate is.
        label: what the directions are, for the axes.
        path: coordinates of the optimiser's path, (steps, dimensions), or None.
        path_cost: J at the path's own points, which may lie off the plane.
        path_epochs: the epochs of these points.
        shares: share of the path's movement along each direction; None for given directions.

    Raises:
        DescendError: `animate` without a path, to a file that does not end in .gif or cannot be
            written; `plot` where no cost is finite.

    Source: Li, Xu, Taylor, Studer, Goldstein 2018.

    Example:
        >>> import numpy as np
        >>> from descend.glass import Landscape
        >>> a = np.array([-1.0, 0.0, 1.0])
        >>> parabola = Landscape(a, None, (a + 2) ** 2, np.eye(1), "given direction")
        >>> print(parabola)
        cost at 3 points (given direction): lowest 1 at a -1, highest 9
        >>> parabola.to_frame()["cost"].tolist()
        [1.0, 4.0, 9.0]
    """

    a: np.ndarray
    b: np.ndarray | None
    cost: np.ndarray
    directions: np.ndarray
    label: str
    path: np.ndarray | None = None
    path_cost: np.ndarray | None = None
    path_epochs: tuple[int, ...] = ()
    shares: np.ndarray | None = None

    def __str__(self) -> str:
        frame = self.to_frame()
        low = frame.iloc[int(frame["cost"].argmin())]
        place = ", ".join(f"{name} {low[name]:.3g}" for name in low.index if name != "cost")
        path = "" if self.path is None else f"; a path of {len(self.path)} points"
        return (
            f"cost at {len(frame):,} points ({self.label}): lowest {low['cost']:.5g} at "
            f"{place}, highest {self.cost.max():.5g}{path}"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a point: a, (b,) cost."""
        import pandas as pd

        if self.b is None:
            return pd.DataFrame({"a": self.a, "cost": self.cost})
        a, b = np.meshgrid(self.a, self.b)
        return pd.DataFrame({"a": a.ravel(), "b": b.ravel(), "cost": self.cost.ravel()})

    def plot(self, ax: Any = None) -> Any:
        """Draw the cost as a line, or as a map with the path; returns the matplotlib Axes."""
        return _plot(self, ax)

    def animate(self, file: str | Path, seconds: float = 6.0) -> None:
        """Write the optimiser on its way as a GIF; `descend.report.landscape` writes HTML.

        Raises:
            DescendError: there is no path, or the file cannot be written.
        """
        _animate(self, file, seconds)


def _plot(landscape: Landscape, ax: Any = None) -> Any:
    """The cost along a line, or as a map; with the path where there is one. Returns the Axes."""
    ax = _axes() if ax is None else ax
    _ground(landscape, ax)
    if landscape.path is not None:
        _walk(landscape, ax)
    return ax


def _animate(landscape: Landscape, file: str | Path, seconds: float = 6.0) -> None:
    """The path growing on the landscape, as a GIF; it rests at its end."""
    from PIL import Image, ImageDraw, ImageFont

    _require_path(landscape)
    if Path(file).suffix.lower() != ".gif":
        raise DescendError(f"an animation's name ends in .gif, got {str(file)!r}")
    writable(file)
    png, places = background(landscape)
    ground = Image.open(io.BytesIO(png)).convert("RGB")
    size = ground.size
    # drawn twice as large, then made smaller: Pillow's lines have steps otherwise
    ground = ground.resize((2 * size[0], 2 * size[1]))
    dots = [(2 * x * size[0], 2 * y * size[1]) for x, y in places]
    font = ImageFont.load_default(28)
    pictures = []
    for count in _frames(len(dots)):
        picture = ground.copy()
        pen = ImageDraw.Draw(picture)
        way = dots[:count]
        if count > 1:
            pen.line(way, fill="white", width=9, joint="curve")
            pen.line(way, fill="black", width=4, joint="curve")
        x, y = way[-1]
        pen.ellipse((x - 13, y - 13, x + 13, y + 13), fill=VERMILION, outline="white", width=3)
        pen.text((24, 8), words_at(landscape, count - 1), fill="black", font=font)
        small = picture.resize(size, Image.Resampling.LANCZOS)
        pictures.append(small.quantize(255, Image.Quantize.FASTOCTREE))
    each = max(int(1000 * seconds / len(pictures)), 20)  # milliseconds; browsers know no shorter
    written = io.BytesIO()
    pictures[0].save(
        written,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[each] * (len(pictures) - 1) + [max(each, 1500)],
        loop=0,
    )
    write_atomically(file, written.getvalue())


def words_at(landscape: Landscape, point: int) -> str:
    """What stands above a picture: the epoch and the cost at a point of the path."""
    assert landscape.path_cost is not None
    return f"epoch {landscape.path_epochs[point]}, cost {landscape.path_cost[point]:.4g}"


def _frames(points: int) -> list[int]:
    """How many points of the path each picture shows: from one to all."""
    return sorted({*np.linspace(1, points, min(points, FRAMES)).round().astype(int).tolist()})


def background(landscape: Landscape) -> tuple[bytes, list[tuple[float, float]]]:
    """A PNG of the landscape without the path, and the path's places: shares from its top left.

    For a page that draws the path over it.
    """
    _require_path(landscape)
    ax = _axes()
    _ground(landscape, ax)
    ax.set_title(" ", fontsize=10)  # room for the words
    file = io.BytesIO()
    ax.figure.savefig(file, dpi=110, format="png", metadata={"Software": None})
    wide, high = ax.figure.bbox.width, ax.figure.bbox.height
    places = ax.transData.transform(_points(landscape))
    return file.getvalue(), [(float(x / wide), float(1 - y / high)) for x, y in places]


def _require_path(landscape: Landscape) -> None:
    """Raise DescendError where there is nothing that moves."""
    if landscape.path is None:
        raise DescendError(
            "this landscape has no path to show moving: path = Path(); "
            "model.fit(..., callbacks=[path]); landscape(..., path=path)"
        )


def _points(landscape: Landscape) -> np.ndarray:
    """The path in the picture's coordinates: a one-dimensional landscape has the cost as height."""
    assert landscape.path is not None
    if landscape.b is None:
        assert landscape.path_cost is not None
        return np.column_stack([landscape.path[:, 0], landscape.path_cost])
    return landscape.path


def _axes() -> Any:
    from matplotlib.figure import Figure

    ax = Figure(figsize=(6.6, 5.2), layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _ground(landscape: Landscape, ax: Any) -> None:
    from matplotlib.colors import LogNorm, Normalize

    a, b, label = landscape.a, landscape.b, landscape.label
    cost = np.where(np.isfinite(landscape.cost), landscape.cost, np.nan)
    if np.isnan(cost).all():
        raise DescendError("the landscape has no finite cost to draw: take a smaller span")
    low, high = float(np.nanmin(cost)), float(np.nanmax(cost))
    far = low > 0 and high > FAR_APART * low
    low = max(low, high / DEEPEST) if far else low
    shares = ["", ""]
    if landscape.shares is not None:
        shares = [f" ({share:.0%} of its movement)" for share in landscape.shares]
    if b is None:
        ax.plot(a, cost, color=BLUE, lw=2)
        ax.set(xlabel=f"a: {label}{shares[0]}", ylabel="cost J")
        if far:
            ax.set_yscale("log")
        ax.axvline(0, color="#888888", lw=0.8, ls=":")
        return
    norm = LogNorm(low, high) if far else Normalize(low, high)
    levels = (np.geomspace if far else np.linspace)(low, high if high > low else low + 1, LEVELS)
    shade = ax.contourf(a, b, cost, levels, cmap="cividis", norm=norm, extend="both")
    ax.contour(a, b, cost, levels, colors="white", linewidths=0.4, norm=norm)
    ticks = levels[:: max(LEVELS // 6, 1)]
    bar = ax.figure.colorbar(shade, ax=ax, label="cost J" + (" (log scale)" * far), ticks=ticks)
    bar.ax.set_yticklabels([f"{t:.3g}" for t in ticks])
    bar.ax.minorticks_off()
    ax.plot(0, 0, marker="+", color="white", ms=11, mew=2, ls="none")
    ax.set(
        xlabel=f"a: {label}{shares[0]}",
        ylabel=f"b: a second {label}{shares[1]}",
    )
    ax.xaxis.label.set_size(9)
    ax.yaxis.label.set_size(9)


def _walk(landscape: Landscape, ax: Any) -> None:
    """The path, its end marked."""
    places = _points(landscape)
    ax.plot(*places.T, color="white", lw=4, solid_capstyle="round")
    ax.plot(*places.T, color="black", lw=1.6, marker="o", ms=2.5)
    ax.plot(*places[-1], color=VERMILION, marker="o", ms=8, mec="white", ls="none")
    ax.set_title(words_at(landscape, len(places) - 1), fontsize=10, loc="left")
