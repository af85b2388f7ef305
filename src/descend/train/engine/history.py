"""The record of a run: one number an epoch for the cost and each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

INTERRUPTED = "interrupted"  # how `stopped` begins after Ctrl-C


class History:
    """What `fit` returns, as in Keras: one number an epoch for the cost and each metric.

    Attributes:
        history: {"loss": [...], "val_loss": [...], ...}, one entry an epoch.
        epoch: the epochs' numbers, from 0.
        logged: the epochs in which each log was made.
        stopped: reason, in words, why training ended before the last epoch; None if it did not.
        interrupted: whether that was Ctrl-C.

    Raises:
        Nothing of its own.

    Source: Keras's API, callbacks.History; itam-2023, 1.8 (`MLP.history.history['loss']`).

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(x, x, epochs=2, verbose=0)
        >>> history.history, history.to_frame().shape
        ({'loss': [0.0, 0.0]}, (2, 1))
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.stopped: str | None = None
        self.logged: dict[str, list[int]] = {}

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return (self.stopped or "").startswith(INTERRUPTED)

    def append(self, epoch: int, logs: dict[str, Any]) -> None:
        """Add one epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self._log(name, value)

    def amend(self, logs: dict[str, Any]) -> None:
        """Take over what callbacks changed in the logs of the last epoch, or added to them."""
        for name, value in logs.items():
            if name in self.history and self.epochs_of(name)[-1] == self.epoch[-1]:
                self.history[name][-1] = value
            else:
                self._log(name, value)

    def _log(self, name: str, value: Any) -> None:
        before = self.epochs_of(name) if name in self.history else []
        self.logged[name] = [*before, self.epoch[-1]]
        self.history.setdefault(name, []).append(value)

    def epochs_of(self, name: str) -> list[int]:
        """Return the epochs in which a log was made: not all of them with `validation_freq`."""
        return self.logged.get(name, self.epoch[: len(self.history[name])])

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with one row an epoch; NaN where a log was not made."""
        import pandas as pd

        columns = {n: pd.Series(v, self.epochs_of(n)) for n, v in self.history.items()}
        return pd.DataFrame(columns, index=pd.Index(self.epoch, name="epoch"))

    def plot(self, ax: Any = None) -> Any:
        """Draw the learning curve, cost against epoch, on a matplotlib Axes and return it."""
        from descend.train.curves import plot_history

        return plot_history(self, ax)

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {len(self)} epochs: {last}>" if len(self) else "<History, empty>"
