"""Callbacks: what happens between epochs.

A callback is any object with some of `on_train_begin(logs)`, `on_epoch_end(epoch, logs)`,
`on_train_end(logs)`; `set_run(run)` gives it the Run. Epochs count from 0, as in Keras.
"""

from __future__ import annotations

import csv
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, MissingExtraError, unknown
from descend.files import writable
from descend.train.run import Run, Snapshot


class Callback:
    """Base for callbacks that want the run: `self.run` and `self.model` are set before training."""

    run: Run

    def set_run(self, run: Run) -> None:
        """Called first, with the run."""
        self.run = run

    @property
    def model(self) -> Any:
        """The model in training."""
        return self.run.model

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Before the first epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """After every epoch."""

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """After the last epoch, also when interrupted or diverged."""

    def saved(self) -> dict[str, Any]:
        """What a checkpoint must hold so that a resumed run decides alike: a dict of arrays."""
        return {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what `saved` gave."""


def _watched(logs: dict[str, Any], monitor: str, owner: str) -> np.ndarray:
    if monitor not in logs:
        hint = " Give validation_data or validation_split." if monitor.startswith("val_") else ""
        raise DescendError(f"{owner}: {unknown('monitored quantity', monitor, logs)}{hint}")
    return np.asarray(logs[monitor], float)


def _direction(monitor: str, mode: str, owner: str) -> int:
    """+1 where larger is better, -1 where smaller is."""
    if mode not in ("auto", "min", "max"):
        raise DescendError(f"{owner}: mode must be 'auto', 'min' or 'max', got {mode!r}")
    grows = mode == "max" or (mode == "auto" and ("acc" in monitor or monitor.endswith("auc")))
    return 1 if grows else -1


class EarlyStopping(Callback):
    """Stop when the monitored quantity has not improved for `patience` epochs; best weights return.

    The weights of the best epoch are put back always, also when training runs to its last epoch or
    is interrupted (itam-2023, 1.7: "returning to the parameters ... where the validation accuracy
    last improved"; scheidegger-2020, "Early stopping").

    Args:
        monitor: a name in the logs.
        min_delta: an improvement must exceed it.
        patience: epochs without improvement that are waited out.
        mode: "min", "max", or "auto" (max for accuracies).
        start_from_epoch: epochs before it do not count.

    With members (a sweep) each member is judged alone.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        start_from_epoch: int = 0,
    ):
        if patience < 0 or min_delta < 0:
            raise DescendError(
                f"EarlyStopping: patience and min_delta must be >= 0, got {patience}, {min_delta}"
            )
        self.monitor, self.min_delta, self.patience = monitor, min_delta, patience
        self.sign = _direction(monitor, mode, "EarlyStopping")
        self.start_from_epoch = start_from_epoch
        self.best_epoch: Any = None
        self._best: Snapshot | None = None

    def on_train_begin(self, logs):
        """Forget an earlier run."""
        shape = () if self.run.members is None else (self.run.members,)
        self.best = np.full(shape, -np.inf)  # of sign * value
        self.wait = np.zeros(shape, int)
        self.best_epoch = np.full(shape, -1)
        self._best = None

    def on_epoch_end(self, epoch, logs):
        """Compare, remember, stop."""
        score = self.sign * _watched(logs, self.monitor, "EarlyStopping")
        if epoch < self.start_from_epoch:
            return
        with np.errstate(invalid="ignore"):
            better = score > self.best + self.min_delta
        if better.any():
            self._remember(better)
        self.best = np.where(better, score, self.best)
        self.best_epoch = np.where(better, epoch, self.best_epoch)
        self.wait = np.where(better, 0, self.wait + 1)
        done = self.wait > self.patience if self.patience == 0 else self.wait >= self.patience
        if done.any():
            self.run.stop(
                f"{self.monitor} did not improve for {self.patience} epochs",
                None if self.run.members is None else done,
            )

    def _remember(self, better: np.ndarray) -> None:
        if self.run.members is None or self._best is None:
            self._best = self.run.snapshot  # computed only if it is still the best at the end
            return
        mask = jnp.asarray(better)

        def pick(new: Any, old: Any) -> Any:
            return jnp.where(mask.reshape(mask.shape + (1,) * (new.ndim - 1)), new, old)

        self._best = Snapshot.of(jax.tree.map(pick, self.run.state, self._best.state))

    def on_train_end(self, logs):
        """Put the best weights back."""
        if self._best is not None:
            best = self._best.state
            now = self.run.state
            self.run.state = now._replace(params=best.params, layers=best.layers)

    def saved(self):
        """Best value, wait and best weights."""
        found = {"best": self.best, "wait": self.wait, "best_epoch": self.best_epoch}
        if self._best is not None:
            found |= {"params": self._best.state.params, "layers": self._best.state.layers}
        return found

    def restore(self, saved):
        """Continue where the checkpoint stood."""
        self.best, self.wait = np.asarray(saved["best"]), np.asarray(saved["wait"])
        self.best_epoch = np.asarray(saved["best_epoch"])
        self._best = None
        if "params" in saved:
            state = self.run.snapshot.state
            self._best = Snapshot.of(
                state._replace(params=saved["params"], layers=saved.get("layers", {}))
            )


class ModelCheckpoint(Callback):
    """Write a checkpoint that `fit(resume=path)` continues from, bit-equal.

    Args:
        path: the file; "{epoch}" in it is replaced, else each one overwrites the last (by renaming
            a complete temporary file, so that a kill leaves the old or the new one whole).
        every: epochs between checkpoints.
        monitor, mode: with `save_best_only`, write only when this has improved.
    """

    comes_last = True  # of the callbacks, in whatever order they are given

    def __init__(
        self,
        path: str | Path,
        every: int = 1,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
    ):
        if every < 1:
            raise DescendError(f"ModelCheckpoint: every must be >= 1, got {every}")
        self.path, self.every, self.monitor = str(path), every, monitor
        self.save_best_only = save_best_only
        self.sign = _direction(monitor, mode, "ModelCheckpoint")

    def on_train_begin(self, logs):
        """Find out now, not after an hour, whether the file can be written."""
        if self.run.members is not None:
            raise DescendError("ModelCheckpoint writes single runs, not the members of a sweep")
        writable(self._file(0))
        self.best = -np.inf

    def _file(self, epoch: int) -> str:
        return self.path.replace("{epoch}", str(epoch))

    def on_epoch_end(self, epoch, logs):
        """Write when it is time."""
        if self.save_best_only:
            score = float(self.sign * _watched(logs, self.monitor, "ModelCheckpoint"))
            if not score > self.best:
                return
            self.best = score
        elif (epoch + 1) % self.every and epoch + 1 < self.run.epochs:
            return
        from descend.train.checkpoint import save_checkpoint

        save_checkpoint(self.run, self._file(epoch + 1))

    def saved(self):
        """The best value, where it decides."""
        return {"best": np.asarray(self.best)} if self.save_best_only else {}

    def restore(self, saved):
        """Continue."""
        self.best = float(saved["best"])


class CSVLogger(Callback):
    """One line an epoch: epoch, loss, metrics. `append` continues a file (a resumed run)."""

    def __init__(self, path: str | Path, append: bool = False):
        self.path, self.append = Path(path), append
        self._file: Any = None

    def on_train_begin(self, logs):
        """Open the file."""
        writable(self.path)
        self._file = open(self.path, "a" if self.append else "w", newline="")  # noqa: SIM115
        self._fields: list[str] | None = None

    def on_epoch_end(self, epoch, logs):
        """Write a line, at once."""
        row = {"epoch": epoch, **logs}
        if self._fields is None:
            self._fields = list(row)
            if self._file.tell() == 0:
                csv.writer(self._file).writerow(self._fields)
        csv.writer(self._file).writerow([row.get(name, "") for name in self._fields])
        self._file.flush()

    def on_train_end(self, logs):
        """Close the file."""
        if self._file is not None:
            self._file.close()


class TensorBoard(Callback):
    """Event files for TensorBoard: each log as a scalar by epoch (needs descend[tensorboard])."""

    def __init__(self, log_dir: str | Path = "logs"):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboardX", "tensorboard", "TensorBoard") from None
        self._open = lambda: SummaryWriter(str(log_dir))

    def on_train_begin(self, logs):
        """Open the event file."""
        self._writer = self._open()

    def on_epoch_end(self, epoch, logs):
        """Add the scalars."""
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch)

    def on_train_end(self, logs):
        """Close the event file."""
        self._writer.close()


class LearningRateScheduler(Callback):
    """Set the learning rate between epochs: schedule(epoch) or schedule(epoch, rate) -> rate."""

    def __init__(self, schedule: Callable[..., float]):
        self.schedule = schedule

    def on_train_begin(self, logs):
        """The first epoch's rate."""
        self._set(self.run.epoch + 1)

    def on_epoch_end(self, epoch, logs):
        """The next epoch's rate."""
        self._set(epoch + 1)

    def _set(self, epoch: int) -> None:
        takes_rate = len(inspect.signature(self.schedule).parameters) > 1
        rate = self.run.hyper("learning_rate")
        rate = self.schedule(epoch, rate) if takes_rate else self.schedule(epoch)
        if not np.all(np.asarray(rate) >= 0):
            raise DescendError(
                f"LearningRateScheduler: epoch {epoch} got the rate {rate!r}, not >= 0"
            )
        self.run.set_hyper("learning_rate", rate)


class ReduceLROnPlateau(Callback):
    """Multiply the learning rate by `factor` after `patience` epochs without improvement."""

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        min_learning_rate: float = 0.0,
        mode: str = "auto",
    ):
        if not 0 < factor < 1:
            raise DescendError(f"ReduceLROnPlateau: factor must be in (0, 1), got {factor}")
        self.monitor, self.factor, self.patience = monitor, factor, patience
        self.min_delta, self.floor = min_delta, min_learning_rate
        self.sign = _direction(monitor, mode, "ReduceLROnPlateau")

    def on_train_begin(self, logs):
        """Forget an earlier run."""
        self.best, self.wait = np.asarray(-np.inf), np.asarray(0)

    def on_epoch_end(self, epoch, logs):
        """Compare; reduce when it is time."""
        score = self.sign * _watched(logs, self.monitor, "ReduceLROnPlateau")
        better = score > self.best + self.min_delta
        self.best = np.where(better, score, self.best)
        self.wait = np.where(better, 0, self.wait + 1)
        due = self.wait >= self.patience
        if due.any():
            rate = self.run.hyper("learning_rate")
            lower = np.maximum(np.asarray(rate) * self.factor, self.floor)
            self.run.set_hyper("learning_rate", np.where(due, lower, rate))
            self.wait = np.where(due, 0, self.wait)

    def saved(self):
        """Best value and wait."""
        return {"best": self.best, "wait": self.wait}

    def restore(self, saved):
        """Continue."""
        self.best, self.wait = np.asarray(saved["best"]), np.asarray(saved["wait"])


class Progress(Callback):
    """What `fit(verbose=...)` shows: 1 a bar (terminal) or ten lines (piped), 2 a line an epoch."""

    def __init__(self, verbose: int = 1):
        self.verbose = verbose
        self._bar: Any = None

    def on_train_begin(self, logs):
        """Start the bar."""
        self._shown = -1
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

    def on_epoch_end(self, epoch, logs):
        """Show the epoch."""
        total = self.run.epochs
        if self._bar is not None:
            self._bar.update(self._line, completed=epoch + 1, logs=show_logs(logs))
            return
        tenth = (epoch + 1) * 10 // total
        if self.verbose == 2 or tenth > self._shown or epoch + 1 == total:
            self._shown = tenth
            print(f"epoch {epoch + 1}/{total}  {show_logs(logs)}", flush=self.verbose != 2)

    def on_train_end(self, logs):
        """Close the bar; say why training ended early."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self.run.stopped:
            print(f"stopped: {self.run.stopped}", flush=True)


def show_logs(logs: dict[str, Any]) -> str:
    """The logs on one line; for members, the median over them."""
    parts = []
    for name, value in logs.items():
        median = np.nanmedian(value) if np.ndim(value) and not np.isnan(value).all() else value
        parts.append(f"{name} {float(np.ravel(median)[0]):.4g}")
    return "  ".join(parts)
