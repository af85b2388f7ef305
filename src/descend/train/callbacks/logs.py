"""Callbacks that write the logs of each epoch: a table of text, event files for TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from descend.errors import DescendError, MissingExtraError
from descend.files import writable
from descend.train.callbacks.base import Callback


class CSVLogger(Callback):
    """One line an epoch: epoch, loss, metrics.

    Args:
        filename: the file.
        separator: one character between the fields.
        append: whether the file is continued (a resumed run).

    Raises:
        DescendError: a separator that is not one character; from `fit`: a file that cannot be
            written.

    Source: Keras's API, callbacks.CSVLogger.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import CSVLogger
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder) / "run.csv"
        ...     history = model.fit(x, x, epochs=2, callbacks=CSVLogger(file), verbose=0)
        ...     file.read_text().split()
        ['epoch,loss', '0,0.0', '1,0.0']
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False):
        if not isinstance(separator, str) or len(separator) != 1:
            raise DescendError(f"CSVLogger: separator must be one character, got {separator!r}")
        self.filename, self.separator, self.append = Path(filename), separator, append
        self._file: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the file."""
        writable(self.filename)
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self._writer = csv.writer(self._file, delimiter=self.separator)
        self._fields: list[str] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a line, at once."""
        row = {"epoch": epoch, **logs}
        if self._fields is None:
            self._fields = list(row)
            if self.run.due is not None and not any(n.startswith("val_") for n in logs):
                self._fields += [f"val_{name}" for name in logs]  # of a later epoch
            if self._file.tell() == 0:
                self._writer.writerow(self._fields)
        self._writer.writerow([row.get(name, "") for name in self._fields])
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class TensorBoard(Callback):
    """Event files for TensorBoard: each log as a scalar by epoch (needs descend[tensorboard]).

    Args:
        log_dir: the folder.
        histogram_freq: epochs between histograms of all weights; 0 for none.
        update_freq: "epoch"; numbers by batch are refused, an epoch being one program.
        write_graph: option of Keras's without effect: `model.summary()` shows the layers.
        others: Keras's other arguments, refused where they ask for something.

    Raises:
        DescendError: another update_freq, an argument that asks for what is not written, a negative
            histogram_freq.
        MissingExtraError: tensorboardX is not installed.

    Source: Keras's API, callbacks.TensorBoard; scheidegger-2020, "A semi-comprehensive TF tour".

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import TensorBoard
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history = model.fit(x, x, callbacks=TensorBoard(folder), verbose=0)
        ...     os.listdir(folder)[0].startswith("events")
        True
    """

    def __init__(
        self,
        log_dir: str | Path = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        *,
        update_freq: str = "epoch",
        **others: Any,
    ):
        if update_freq != "epoch":
            others["update_freq"] = update_freq
        for name, value in others.items():
            if value:
                raise DescendError(
                    f"TensorBoard: {name}={value!r} is not supported: an epoch is one compiled "
                    "program; the logs, and with histogram_freq the weights, are written by epoch"
                )
        if isinstance(histogram_freq, bool) or histogram_freq < 0:
            raise DescendError(f"TensorBoard: histogram_freq must be >= 0, got {histogram_freq!r}")
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboardX", "tensorboard", "TensorBoard") from None
        self.histogram_freq = histogram_freq
        self._open = lambda: SummaryWriter(str(log_dir))

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the event file."""
        self._writer = self._open()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the scalars, and histograms when it is time."""
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer, arrays in self.run.state.params.items():
                for name, array in arrays.items():
                    self._writer.add_histogram(f"{layer}/{name}", np.asarray(array), epoch)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the event file."""
        self._writer.close()
