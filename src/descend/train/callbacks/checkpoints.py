"""Callbacks that write the run to files, to go on from or to keep the best of."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np

from descend.errors import CheckpointError, DescendError, unknown
from descend.files import writable
from descend.train.callbacks.base import Callback, direction, watched


class ModelCheckpoint(Callback):
    """Write a checkpoint that `fit(resume=path)` continues from, bit-equal; `load_model` reads it.

    Args:
        filepath: the file. "{epoch}" and the names of logs in it are replaced as in Keras,
            "run-{epoch:02d}-{val_loss:.2f}.descend", epochs counting from 1; without them each
            checkpoint overwrites the last (by renaming a complete temporary file, so that a kill
            leaves the old or the new one whole).
        monitor, mode: quantity, and its direction, that `save_best_only` waits for.
        verbose: verbosity; 1 prints each file's name.
        save_best_only: whether only an improvement of `monitor` is written.
        save_weights_only: whether only weights are written, as by `save_weights`; no resuming then.
        save_freq: "epoch", or "chunk": also after every chunk of a Stream, so that a run which is
            killed in the middle of a pass goes on there. Keras's number of batches is refused, a
            chunk being one program.
        initial_value_threshold: value that the monitored quantity must improve on.
        every: epochs between checkpoints, >= 1; the last epoch is always written.
        scratch: whether a task's scratch (a replay buffer, see `Task`) is written, too.

    Raises:
        DescendError: a format in `filepath` that does not suit numbers, another save_freq, every <
            1, an unknown mode; from `fit`: a name in `filepath` that is no log's, a file that
            cannot be written, the members of a Model's sweep.

    Source: Keras's API, callbacks.ModelCheckpoint.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from descend import Dense, Input, ModelCheckpoint, Sequential
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write = ModelCheckpoint(f"{folder}/run-{{epoch}}.descend")
        ...     history = model.fit(x, x, epochs=2, callbacks=write, verbose=0)
        ...     sorted(file.name for file in pathlib.Path(folder).iterdir())
        ['run-1.descend', 'run-2.descend']
    """

    comes_last = True  # of the callbacks, in whatever order they are given

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str = "epoch",
        initial_value_threshold: float | None = None,
        *,
        every: int = 1,
        scratch: bool = False,
    ):
        if every < 1:
            raise DescendError(f"ModelCheckpoint: every must be >= 1, got {every}")
        _require_frequency("ModelCheckpoint", save_freq)
        self.save_freq, self.scratch = save_freq, scratch
        self.filepath, self.every, self.monitor = str(filepath), every, monitor
        self.verbose, self.mode = verbose, mode
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.threshold = initial_value_threshold
        self.sign = direction(monitor, mode, "ModelCheckpoint")
        self._names = _names_in(self.filepath)

    def on_train_begin(self, logs: Any = None) -> None:
        """Find out now, not after an hour, whether the file can be written."""
        if self.run.members is not None and self.run.model is not None:
            raise DescendError(
                "ModelCheckpoint writes the members of a task (train_task), not those of a Model: "
                "no model could be loaded from the file"
            )
        writable(self.filepath.format_map(dict.fromkeys(self._names, 0.0) | {"epoch": 0}))
        self.sign = direction(self.monitor, self.mode, "ModelCheckpoint", self.run.model)
        self.best = -np.inf if self.threshold is None else self.sign * self.threshold

    def file(self, epoch: int, logs: dict[str, Any]) -> str:
        """Return the file of an epoch, counted from 1; raise DescendError."""
        for name in self._names - {"epoch"}:
            if name not in logs:
                raise unknown("name in ModelCheckpoint's filepath", name, ["epoch", *logs])
        return self.filepath.format_map({**logs, "epoch": epoch})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write when it is time."""
        if self.save_best_only:
            value = watched(self.run, logs, self.monitor, "ModelCheckpoint")
            if value is None or not self.sign * value > self.best:
                return
            self.best = float(self.sign * value)
        elif (epoch + 1) % self.every and epoch + 1 < self.run.epochs:
            return
        file = self.file(epoch + 1, logs)
        if self.save_weights_only:
            self.run.model.save_weights(file)
        else:
            from descend.train.saving.checkpoint import save_checkpoint

            save_checkpoint(self.run, file, self.scratch)
        if self.verbose:
            print(f"epoch {epoch + 1}: {file} written")

    def on_chunk_end(self, chunk: int, logs: Any = None) -> None:
        """Write in the middle of a pass, where that was asked for."""
        resumable = not (self.save_weights_only or self.save_best_only)
        if self.save_freq == "chunk" and self.run.chunk and resumable:
            from descend.train.saving.checkpoint import save_checkpoint

            save_checkpoint(self.run, self.file(self.run.epoch + 2, logs), self.scratch)

    def saved(self) -> dict[str, Any]:
        """Return the best value, where it decides."""
        return {"best": np.asarray(self.best)} if self.save_best_only else {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue."""
        self.best = float(saved["best"])


class BackupAndRestore(Callback):
    """Go on where a killed run stood: a checkpoint after every epoch, taken up by the next `fit`.

    The run that goes on is bit-equal to the uninterrupted one. The same call must be made again:
    another model, other data, another seed are refused.

    Args:
        backup_dir: the folder of the checkpoint; made if it is not there.
        save_freq: "epoch", or "chunk" as in `ModelCheckpoint`.
        delete_checkpoint: whether the checkpoint goes away when training has reached its end.

    Raises:
        DescendError: another save_freq; from `fit`: a file that cannot be written, the members of a
            sweep.
        CheckpointError: from `fit`: the folder cannot be made, or what lies there is of another
            run.

    Source: Keras's API, callbacks.BackupAndRestore.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import BackupAndRestore
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     safe = BackupAndRestore(folder, delete_checkpoint=False)
        ...     history = model.fit(x, x, epochs=2, callbacks=safe, verbose=0)
        ...     os.listdir(folder)
        ['backup.descend']
    """

    comes_last = True

    def __init__(
        self, backup_dir: str | Path, save_freq: str = "epoch", delete_checkpoint: bool = True
    ):
        _require_frequency("BackupAndRestore", save_freq)
        self.save_freq = save_freq
        self.file = Path(backup_dir) / "backup.descend"
        self.delete_checkpoint = delete_checkpoint
        self._ended = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Take up what an earlier run left."""
        from descend.train.saving.checkpoint import load_checkpoint

        if self.run.members is not None:
            raise DescendError("BackupAndRestore follows single runs, not the members of a sweep")
        self._ended = False
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"BackupAndRestore: {self.file.parent} cannot be made: {error.strerror or error}"
            ) from None
        writable(self.file)
        if self.file.exists():
            load_checkpoint(self.file, self.run, self.run.identity)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write."""
        from descend.train.saving.checkpoint import save_checkpoint

        save_checkpoint(self.run, self.file)
        self._ended = epoch + 1 >= self.run.epochs or self.run.stopped is not None

    def on_chunk_end(self, chunk: int, logs: Any = None) -> None:
        """Write in the middle of a pass, where that was asked for."""
        from descend.train.saving.checkpoint import save_checkpoint

        if self.save_freq == "chunk" and self.run.chunk:
            save_checkpoint(self.run, self.file)

    def on_train_end(self, logs: Any = None) -> None:
        """Delete, if training came to its end; an interrupted run is to go on."""
        if self._ended and self.delete_checkpoint:
            self.file.unlink(missing_ok=True)


def _require_frequency(owner: str, save_freq: Any) -> None:
    if save_freq not in ("epoch", "chunk"):
        raise DescendError(
            f"{owner}: save_freq must be 'epoch' or 'chunk', got {save_freq!r}: what lies between "
            "is one compiled program. ModelCheckpoint(every=k) writes each k-th epoch; "
            "fit(steps_per_epoch=k) makes an epoch of k batches."
        )


def _names_in(filepath: str) -> set[str]:
    """The names in braces; raises DescendError unless numbers can be put there."""
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(filepath) if name is not None}
        if not all(name.isidentifier() for name in names):
            raise ValueError("a name in braces must be 'epoch' or that of a log")
        filepath.format_map(dict.fromkeys(names, 0.5) | {"epoch": 1})
    except ValueError as error:
        raise DescendError(
            f"ModelCheckpoint: filepath {filepath!r} cannot be filled in: {error}. Expected: "
            "'run-{epoch:02d}-{val_loss:.2f}.descend'; a brace of its own is written twice."
        ) from None
    return names
