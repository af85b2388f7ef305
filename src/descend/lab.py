"""What the labs share: checks against the lecture and their table, pictures, the command line.

A lab is a file with a docstring, `# %%` cells and a function `main(out, quick)` that draws its
pictures into the folder `out` and returns a list of `Check`; it ends with `run(main)`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

__all__ = ["Check", "Walk", "axes", "run", "save", "show"]

HEAD = ("what", "printed in the lecture", "obtained", "agrees")


@dataclass(frozen=True)
class Check:
    """What the lecture prints or says, what came out, and whether the two agree.

    Args:
        what: the quantity, in words.
        printed: what the lecture prints or says of it.
        obtained: what came out, written as one reads it.
        ok: whether the two agree.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.lab import Check
        >>> Check("the neuron's output", ".002", f"{0.00203:.3f}", ok=True).obtained
        '0.002'
    """

    what: str
    printed: str
    obtained: str
    ok: bool


def show(checks: Sequence[Check]) -> None:
    """Print the checks as a table in plain text, one line each, columns aligned.

    Args:
        checks: what a lab's `main` returns.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.lab import Check, show
        >>> show([Check("2 + 2", "4", "4", ok=True)])
        what  | printed in the lecture | obtained | agrees
        ------+------------------------+----------+-------
        2 + 2 | 4                      | 4        | yes
    """
    rows = [(c.what, c.printed, c.obtained, "yes" if c.ok else "NO") for c in checks]
    wide = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]
    lines = [" | ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) for row in rows]
    head = " | ".join(cell.ljust(w) for cell, w in zip(HEAD, wide, strict=True))
    print("\n".join([head.rstrip(), "-+-".join("-" * w for w in wide), *map(str.rstrip, lines)]))


def axes(columns: int = 1, rows: int = 1, *, width: float = 5.5, height: float = 4.0) -> Any:
    """A figure and its axes (one, or an array of them); no window and no global state.

    Args:
        columns: panels side by side.
        rows: panels one below the other.
        width: inches of a panel.
        height: inches of a panel.

    Returns:
        (figure, axes), as `matplotlib.pyplot.subplots` gives them.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.lab import axes
        >>> figure, panels = axes(2)
        >>> panels.shape
        (2,)
    """
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns)
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, grid


def save(figure: Figure, out: Path, name: str) -> None:
    """Write the picture to `out/name` and say where it is.

    Args:
        figure: what to draw.
        out: a folder, made where it is not there.
        name: the file's name in it.

    Raises:
        OSError: the folder cannot be made or written.

    Source: descend's own.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from descend.lab import axes, save
        >>> save(axes()[0], Path(tempfile.gettempdir()), "empty.png")  # doctest: +ELLIPSIS
        picture: ...empty.png
    """
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / name, dpi=120)
    print(f"picture: {out / name}")


class Walk:
    """A callback that notes chosen weights of a model before training and after every epoch.

    Args:
        model: the model to be trained.
        names: pairs (layer, array); each must hold one number.

    Raises:
        TypeError, ValueError: an array that holds more than one number.

    Source: descend's own.

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.lab import Walk
        >>> model = Sequential([Input((1,)), Dense(1, name="line")])
        >>> model.compile("sgd", "mse")
        >>> walk = Walk(model, ("line", "kernel"), ("line", "bias"))
        >>> _ = model.fit([[1.0]], [[2.0]], epochs=3, verbose=0, callbacks=[walk])
        >>> walk.path().shape
        (4, 2)
    """

    def __init__(self, model: Any, *names: tuple[str, str]):
        self.model, self.names = model, names
        self.points = [self._now()]

    def _now(self) -> list[float]:
        params = self.model.params
        return [float(np.asarray(params[layer][array]).item()) for layer, array in self.names]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Note the weights as they are."""
        self.points.append(self._now())

    def path(self) -> np.ndarray:
        """The weights before training and after each epoch, (epochs + 1, weights)."""
        return np.array(self.points)


def run(main: Callable[..., list[Check]]) -> None:
    """The command line of a lab: `--out FOLDER`, `--quick`; the table of its checks at the end.

    Args:
        main: the lab's `main(out, quick)`.

    Raises:
        SystemExit: of status 1 if a check fails.

    Source: descend's own.

    Example:
        >>> import contextlib, io, sys
        >>> from descend.lab import Check, run
        >>> def main(out, quick=False):
        ...     return [Check("2 + 2", "4", str(2 + 2), 2 + 2 == 4)]
        >>> sys.argv, printed = ["lab"], io.StringIO()
        >>> with contextlib.redirect_stdout(printed):
        ...     run(main)
        >>> printed.getvalue().splitlines()[-1]
        '2 + 2 | 4                      | 4        | yes'
    """
    module = sys.modules[main.__module__]
    title = (module.__doc__ or "").partition("\n")[0]
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
