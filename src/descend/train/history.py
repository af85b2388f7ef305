"""The record of a run: one number an epoch for the cost and each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

INTERRUPTED = "interrupted"  # how `stopped` begins after Ctrl-C


class History:
    """What `fit` returns, as in Keras.

    Attributes:
        history: {"loss": [...], "val_loss": [...], ...}, one entry an epoch.
        epoch: the epochs' numbers, from 0.
        stopped: in words, why training ended before the last epoch; None if it did not.
        interrupted: whether that was Ctrl-C.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.stopped: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return (self.stopped or "").startswith(INTERRUPTED)

    def append(self, epoch: int, logs: dict[str, Any]) -> None:
        """Add one epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def to_frame(self) -> pd.DataFrame:
        """A DataFrame with one row an epoch."""
        import pandas as pd

        return pd.DataFrame(self.history, index=pd.Index(self.epoch, name="epoch"))

    def plot(self, ax: Any = None) -> Any:
        """The learning curve: cost against epoch, training and validation; a matplotlib Axes."""
        from descend.train.curves import plot_history

        return plot_history(self, ax)

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {len(self)} epochs: {last}>" if len(self) else "<History, empty>"
