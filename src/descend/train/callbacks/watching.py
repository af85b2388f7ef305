"""Callbacks that end a run: when nothing improves any more, when a number is not finite."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.train.callbacks.base import Callback, direction, watched
from descend.train.engine.run import Snapshot


class EarlyStopping(Callback):
    """Stop when the monitored quantity has not improved for `patience` epochs; best weights return.

    Other than in Keras the weights of the best epoch are put back unless that is switched off, also
    when training runs to its last epoch or is interrupted ("returning to the parameters ... where
    the validation accuracy last improved").

    With members (a sweep) each member is judged alone. In epochs without validation
    (`validation_freq`) a quantity of the validation is neither better nor worse.

    Args:
        monitor: name in the logs of the quantity that is watched.
        min_delta: smallest change that counts as an improvement, >= 0.
        patience: epochs without improvement that are waited out, >= 0.
        verbose: verbosity; 1 prints why training ended and which epoch's weights it left.
        mode: direction: "min", "max", or "auto", what the metric says of itself; "max" for what is
            named as an accuracy or an area.
        baseline: value that must be beaten, too, for an epoch to count as an improvement.
        restore_best_weights: whether the best epoch's weights are put back, not the last one's.
        start_from_epoch: first epoch that counts, from 0.

    Raises:
        DescendError: a negative patience or min_delta, an unknown mode; from `fit`: no such
            quantity.

    Source: itam-2023, 1.7 "Early Stopping"; scheidegger-2020, "Early stopping".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, EarlyStopping, Input, Sequential
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")  # the cost is zero from the first epoch on
        >>> stop = EarlyStopping("loss", patience=2)
        >>> history = model.fit(x, x, epochs=9, callbacks=stop, verbose=0)
        >>> len(history), history.stopped
        (3, 'loss did not improve for 2 epochs')
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
    ):
        if patience < 0 or min_delta < 0:
            raise DescendError(
                f"EarlyStopping: patience and min_delta must be >= 0, got {patience}, {min_delta}"
            )
        self.monitor, self.min_delta, self.patience = monitor, min_delta, patience
        self.verbose, self.mode, self.baseline = verbose, mode, baseline
        self.sign = direction(monitor, mode, "EarlyStopping")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.best_epoch: Any = None
        self._best: Snapshot | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget an earlier run."""
        self.sign = direction(self.monitor, self.mode, "EarlyStopping", self.run.model)
        shape = () if self.run.members is None else (self.run.members,)
        self.best = np.full(shape, -np.inf)  # of sign * value
        self.wait = np.zeros(shape, int)
        self.best_epoch = np.full(shape, -1)
        self._best = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, remember, stop."""
        value = watched(self.run, logs, self.monitor, "EarlyStopping")
        if value is None or epoch < self.start_from_epoch:
            return
        score = self.sign * value
        with np.errstate(invalid="ignore"):
            better = score > self.best + self.min_delta
            counts = better
            if self.baseline is not None:
                counts = better & (score > self.sign * self.baseline + self.min_delta)
        if better.any() and self.restore_best_weights:
            self._remember(better)
        self.best = np.where(better, score, self.best)
        self.best_epoch = np.where(better, epoch, self.best_epoch)
        self.wait = np.where(counts, 0, self.wait + 1)
        done = ~better & (self.wait >= max(self.patience, 1))
        if done.any():
            self.run.stop(
                f"{self.monitor} did not improve for {self.patience} epochs",
                None if self.run.members is None else done,
            )
            if self.verbose and self.run.members is None:
                print(f"epoch {epoch + 1}: early stopping, {self.run.stopped}")

    @property
    def best_weights(self) -> dict[str, Any] | None:
        """The best epoch's weights, {field: arrays}, of each member its own; None before it."""
        return None if self._best is None else self._best.state

    def _remember(self, better: np.ndarray) -> None:
        now = self.run.snapshot.weights(self.run.task)
        if self.run.members is None or self._best is None:
            self._best = now  # computed only if it is still the best at the end
            return
        mask = jnp.asarray(better)

        def pick(new: Any, old: Any) -> Any:
            return jnp.where(mask.reshape(mask.shape + (1,) * (new.ndim - 1)), new, old)

        if not now.ready:
            self.run.touched = True
        self._best = Snapshot.of(jax.tree.map(pick, now.state, self._best.state))

    def on_train_end(self, logs: Any = None) -> None:
        """Put the best weights back."""
        if self._best is not None:
            self.run.state = self.run.state._replace(**self._best.state)
            if self.verbose and self.run.members is None:
                print(f"the weights of epoch {int(self.best_epoch) + 1}, the best, are put back")

    def saved(self) -> dict[str, Any]:
        """Return best value, wait and best weights."""
        memory = {"best": self.best, "wait": self.wait, "best_epoch": self.best_epoch}
        if self._best is not None:
            memory |= self._best.state
        return memory

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue where the checkpoint stood."""
        self.best, self.wait = np.asarray(saved["best"]), np.asarray(saved["wait"])
        self.best_epoch = np.asarray(saved["best_epoch"])
        self._best = None
        weights = self.run.task.weights
        if any(name in saved for name in weights):  # a field without arrays is not in a file
            self._best = Snapshot.of({name: saved.get(name, {}) for name in weights})


class TerminateOnNaN(Callback):
    """A run that becomes non-finite ends without an error, as in Keras.

    Without it `fit` raises DivergenceError. The weights are those from before the epoch of the
    first NaN; `history.stopped` says what happened.

    Raises:
        Nothing of its own.

    Source: Keras's API, callbacks.TerminateOnNaN.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import TerminateOnNaN
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", lambda y, p: (p - y) / 0)
        >>> model.fit(x, x, epochs=2, callbacks=TerminateOnNaN(), verbose=0).stopped[:19]
        'diverged in epoch 1'
    """

    ends_on_nan = True
