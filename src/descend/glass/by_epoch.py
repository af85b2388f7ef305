"""What callbacks that look at a single run every few epochs share."""

from __future__ import annotations

from descend.errors import DescendError
from descend.train.callbacks import Callback


class ByEpoch(Callback):
    """Calls `_note(epoch)` after every `every`-th epoch, and after the last.

    Attributes:
        epochs: the epochs noted, 0 before training.
    """

    def __init__(self, every: int):
        if every < 1:
            raise DescendError(f"{type(self).__name__}: every must be >= 1, got {every}")
        self.every = every
        self.epochs: list[int] = []

    def on_train_begin(self, logs=None):
        """Refuse the members of a sweep."""
        if self.run.members is not None:
            name = type(self).__name__
            raise DescendError(f"{name} follows single runs, not the members of a sweep")

    def on_epoch_end(self, epoch, logs=None):
        """Note what there is when it is time."""
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.run.epochs:
            self._note(epoch + 1)

    def _note(self, epoch: int) -> None:
        self.epochs.append(epoch)
