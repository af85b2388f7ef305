"""What labs share: checks against the lecture and their table, pictures, the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

HEAD = ("what", "printed in the lecture", "obtained", "agrees")


@dataclass(frozen=True)
class Check:
    """What the lecture prints or says, what came out, and whether the two agree."""

    what: str
    printed: str
    obtained: str
    ok: bool


def show(checks: Sequence[Check]) -> None:
    """Print the checks as a table in plain text, one line each, columns aligned."""
    rows = [(c.what, c.printed, c.obtained, "yes" if c.ok else "NO") for c in checks]
    wide = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]
    lines = [" | ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) for row in rows]
    head = " | ".join(cell.ljust(w) for cell, w in zip(HEAD, wide, strict=True))
    print("\n".join([head.rstrip(), "-+-".join("-" * w for w in wide), *map(str.rstrip, lines)]))


def axes(columns: int = 1, rows: int = 1, *, width: float = 5.5, height: float = 4.0) -> Any:
    """A figure and its axes (one, or an array of them); no window and no global state."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns)
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, grid


def save(figure: Figure, out: Path, name: str) -> None:
    """Write the picture to `out/name` and say where it is."""
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / name, dpi=120)
    print(f"picture: {out / name}")


class Walk:
    """A callback that notes chosen weights of a model before training and after every epoch.

    Args:
        model: the model to be trained.
        names: pairs (layer, array); each must hold one number.
    """

    def __init__(self, model: Any, *names: tuple[str, str]):
        self.model, self.names = model, names
        self.points = [self._now()]

    def _now(self) -> list[float]:
        params = self.model.params
        return [float(np.asarray(params[layer][array]).item()) for layer, array in self.names]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        self.points.append(self._now())

    def path(self) -> np.ndarray:
        """(epochs + 1, weights)."""
        return np.array(self.points)


def run(main: Callable[..., list[Check]]) -> None:
    """The command line of a lab; ends with status 1 if a check fails."""
    module = sys.modules[main.__module__]
    title = (module.__doc__ or "").splitlines()[0]
    name = Path(main.__code__.co_filename).stem
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--out", type=Path, default=Path("lab-output") / name)
    parser.add_argument("--quick", action="store_true", help="a smaller budget, the same checks")
    # an editor that runs the cells has a command line of its own
    given = parser.parse_args([] if "ipykernel" in sys.modules else None)
    print(title)
    checks = main(given.out, quick=given.quick)
    show(checks)
    if not all(check.ok for check in checks):
        raise SystemExit(1)
