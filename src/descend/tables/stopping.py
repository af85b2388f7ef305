"""When the training of RealMLP's network may end before its last epoch.

Its rates come in waves (`descend.train.rules.schedules.CosineLog`), each twice as long as the one
before and falling to zero at its end, where the best weights of a wave usually are. Stopping after
some epochs without a better one therefore loses what the next fall would have brought: on 16 public
tables over three seeds, 20 epochs of patience cost up to .015 of R2. What does tell is the end of
the third wave (epoch 30 of 64): where its own fall brought no better validation cost, the network
had begun to overfit, and in none of those 47 runs (one table had two seeds) did the last wave bring
one (benchmarks/results/patience.md).
"""

from __future__ import annotations

import math
from typing import Any

from descend.train.callbacks import EarlyStopping
from descend.train.rules.schedules import CosineLog

LEAST_EPOCHS = 32  # in fewer, the third wave is too short to tell
WAVES = CosineLog.cycles


def third_wave(epochs: int) -> tuple[int, int]:
    """The last epochs of its rise and of its fall, counted from 1.

    Wave k of K ends at the share (2^k - 1) / (2^K - 1) of all updates.
    """
    before, end = ((2**k - 1) / (2**WAVES - 1) * epochs for k in (WAVES - 2, WAVES - 1))
    return math.ceil((before + end) / 2), math.ceil(end)


class StopAfterThirdWave(EarlyStopping):
    """Stop at the end of the third wave where the best epoch lies before its fall.

    Args:
        epochs: number of epochs of the whole training.
    """

    def __init__(self, epochs: int):
        super().__init__("val_loss", patience=epochs)
        self.rise, self.end = third_wave(epochs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, remember; at the end of the wave decide."""
        super().on_epoch_end(epoch, logs)
        best = int(self.best_epoch) + 1
        if epoch + 1 == self.end and best <= self.rise:
            self.run.stop(
                f"epoch {best} was better than the fall of the third wave of rates, epochs "
                f"{self.rise + 1} to {self.end} of {self.run.epochs}"
            )


def why_all(epochs: int) -> str:
    """Why training went on to its last epoch, in words."""
    rise, end = third_wave(epochs)
    return (
        f"the third wave of rates still improved in its fall (epochs {rise + 1} to {end}), so the "
        "last one was run to its end"
    )
