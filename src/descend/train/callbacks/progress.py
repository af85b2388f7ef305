"""What `fit(verbose=...)` shows."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from descend.train.callbacks.base import Callback


class Progress(Callback):
    """What `fit(verbose=...)` shows: 1 a bar (terminal) or ten lines (piped), 2 a line an epoch.

    Args:
        verbose: verbosity, 1 or 2.

    Raises:
        Nothing of its own.

    Source: Keras's API, Model.fit (verbose).

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import Progress
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(x, x, epochs=2, callbacks=Progress(2), verbose=0)
        epoch 1/2  loss 0
        epoch 2/2  loss 0
    """

    def __init__(self, verbose: int = 1):
        self.verbose = verbose
        self._bar: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the bar."""
        self._tenths = -1
        if self.verbose == 1 and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("epoch {task.completed}/{task.total}"),
                BarColumn(bar_width=12),
                TextColumn("{task.fields[logs]}"),
                console=Console(stderr=True),
            )
            self._line = self._bar.add_task(
                "", total=self.run.epochs, completed=self.run.epoch + 1, logs=""
            )
            self._bar.start()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the epoch."""
        total = self.run.epochs
        if self._bar is not None:
            self._bar.update(self._line, completed=epoch + 1, logs=show_logs(logs))
            return
        tenth = (epoch + 1) * 10 // total
        if self.verbose == 2 or tenth > self._tenths or epoch + 1 == total:
            self._tenths = tenth
            print(f"epoch {epoch + 1}/{total}  {show_logs(logs)}", flush=self.verbose != 2)

    def on_chunk_end(self, chunk: int, logs: Any = None) -> None:
        """Show how far a pass over a stream is."""
        if not self.run.chunk:  # the epoch is this one chunk
            return
        line = f"chunk {chunk + 1}  {show_logs(logs)}"
        if self._bar is not None:
            self._bar.update(self._line, logs=line)
        elif self.verbose == 2:
            print(f"epoch {self.run.epoch + 2}/{self.run.epochs}, {line}")

    def on_train_end(self, logs: Any = None) -> None:
        """Close the bar; say why training ended early."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self.run.stopped:
            print(f"stopped: {self.run.stopped}", flush=True)


def show_logs(logs: dict[str, Any]) -> str:
    """The logs on one line, with four digits; for members, the median over them.

    Args:
        logs: dict {name: number, or an array (members,)}.

    Returns:
        A string, names and numbers.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.train.callbacks import show_logs
        >>> show_logs({"loss": 0.123456, "val_loss": [0.1, 0.2, 0.9]})
        'loss 0.1235  val_loss 0.2'
    """
    parts = []
    for name, value in logs.items():
        median = np.nanmedian(value) if np.ndim(value) and not np.isnan(value).all() else value
        parts.append(f"{name} {float(np.ravel(median)[0]):.4g}")
    return "  ".join(parts)
