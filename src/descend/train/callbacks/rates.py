"""Callbacks that set the learning rate between epochs; schedules by the step are of the rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from descend.errors import DescendError
from descend.train.callbacks.base import Callback, direction, watched
from descend.train.engine.task import full


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch; it enters the logs as "learning_rate".

    Args:
        schedule: function (epoch) -> rate or (epoch, rate) -> rate, the second argument being the
            present rate; epochs count from 0.
        verbose: verbosity; 1 prints each epoch's rate.
        rule: name of the update rule, of a task that has several; the log is then called
            "critic.learning_rate".

    Raises:
        DescendError: from `fit`: a rate that is not >= 0, or a rule that is not there.

    Source: Keras's API, callbacks.LearningRateScheduler; scheidegger-2020, "Few variants of SGD".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import LearningRateScheduler
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> halve = LearningRateScheduler(lambda epoch: 0.5 ** (epoch + 1))
        >>> model.fit(x, x, epochs=3, callbacks=halve, verbose=0).history["learning_rate"]
        [0.5, 0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0, *, rule: str = ""):
        self.schedule, self.verbose = schedule, verbose
        self.name = full(rule, "learning_rate")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the epoch's rate."""
        takes_rate = len(inspect.signature(self.schedule).parameters) > 1
        rate = self.run.hyper(self.name)
        rate = self.schedule(epoch, rate) if takes_rate else self.schedule(epoch)
        if not np.all(np.asarray(rate) >= 0):
            raise DescendError(
                f"LearningRateScheduler: epoch {epoch} got the rate {rate!r}, not >= 0"
            )
        self.run.set_hyper(self.name, rate)
        if self.verbose:
            print(f"epoch {epoch + 1}: learning rate {rate}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the rate."""
        logs[self.name] = self.run.hyper(self.name)


class ReduceLROnPlateau(Callback):
    """Multiply the learning rate by `factor` after `patience` epochs without improvement.

    The rate of each epoch enters the logs as "learning_rate".

    Args:
        monitor: name in the logs of the quantity that is watched.
        factor: multiplier of the rate, in (0, 1).
        patience: epochs without improvement that are waited out.
        verbose: verbosity; 1 prints each reduction.
        mode: direction: "min", "max", or "auto", as in `EarlyStopping`.
        min_delta: smallest change that counts as an improvement.
        cooldown: epochs after a reduction that do not count, >= 0.
        min_lr: lower bound of the rate, >= 0.
        rule: name of the update rule, of a task that has several.

    Raises:
        DescendError: a number out of range, an unknown mode; from `fit`: no such quantity or rule.

    Source: Keras's API, callbacks.ReduceLROnPlateau.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import ReduceLROnPlateau
        >>> from descend.train.rules import SGD
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile(SGD(0.5), "mse")  # the cost is zero from the first epoch on
        >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1)
        >>> model.fit(x, x, epochs=4, callbacks=reduce, verbose=0).history["learning_rate"]
        [0.5, 0.5, 0.25, 0.125]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        rule: str = "",
    ):
        if not 0 < factor < 1:
            raise DescendError(f"ReduceLROnPlateau: factor must be in (0, 1), got {factor}")
        if cooldown < 0 or min_lr < 0:
            raise DescendError(
                f"ReduceLROnPlateau: cooldown and min_lr must be >= 0, got {cooldown}, {min_lr}"
            )
        self.name = full(rule, "learning_rate")
        self.monitor, self.factor, self.patience = monitor, factor, patience
        self.verbose, self.mode = verbose, mode
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr
        self.sign = direction(monitor, mode, "ReduceLROnPlateau")

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget an earlier run."""
        self.sign = direction(self.monitor, self.mode, "ReduceLROnPlateau", self.run.model)
        self.best, self.wait, self.resting = np.asarray(-np.inf), np.asarray(0), np.asarray(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare; reduce when it is time."""
        rate = np.asarray(self.run.hyper(self.name))
        value = watched(self.run, logs, self.monitor, "ReduceLROnPlateau")
        logs[self.name] = self.run.hyper(self.name)
        if value is None:
            return
        score = self.sign * value
        self.resting = np.maximum(self.resting - 1, 0)
        better = score > self.best + self.min_delta
        self.best = np.where(better, score, self.best)
        self.wait = np.where(better | (self.resting > 0), 0, self.wait + 1)
        due = (self.wait >= self.patience) & ~better & (self.resting == 0) & (rate > self.min_lr)
        if due.any():
            lower = np.maximum(rate * self.factor, self.min_lr)
            self.run.set_hyper(self.name, np.where(due, lower, rate))
            self.wait = np.where(due, 0, self.wait)
            self.resting = np.where(due, self.cooldown, self.resting)
            if self.verbose:
                print(f"epoch {epoch + 1}: learning rate reduced to {lower}")

    def saved(self) -> dict[str, Any]:
        """Return best value, wait, and what is left of the cooldown."""
        return {"best": self.best, "wait": self.wait, "resting": self.resting}

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue."""
        self.best, self.wait = np.asarray(saved["best"]), np.asarray(saved["wait"])
        self.resting = np.asarray(saved.get("resting", 0))
