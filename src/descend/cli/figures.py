"""Pictures that a command writes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from descend.errors import DescendError
from descend.files import writable, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".pdf")


def picture_path(path: Path, inputs: Iterable[str | Path | None] = ()) -> Path:
    """The path, if a picture can be written there and over none of the inputs; or DescendError."""
    if path.suffix.lower() not in KINDS:
        raise DescendError(f"a picture's name ends in {', '.join(KINDS)}, got {str(path)!r}")
    return writable(path, inputs)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure whole or not at all."""
    file = io.BytesIO()
    figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
    write_atomically(path, file.getvalue())
