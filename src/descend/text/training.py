"""What goes on around the training of a language model: its rate, its end, what is shown of it."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

import numpy as np

from descend.train.callbacks import Callback

WARM = 0.02  # share of the training in which the rate grows
HOLD = 0.3  # share behind which it falls
LEAST = 0.01  # of the rate, at the end
PAUSE = 20.0  # seconds between two lines of progress, where there is no terminal


class Budget(Callback):
    """The learning rate by the share of the training that is done, and its end.

    The rate grows for a fiftieth of the training, stays, and falls in a straight line from a third
    on. With `minutes` the share is that of the time, so that whatever the machine, the rate has
    fallen when the time is over.

    Args:
        peak: largest learning rate.
        epochs: epochs of the training, where no time is given.
        minutes: time of the training, compilation and validation included; or None.
        aim: nats a token; training ends when the validation has them; or None.
    """

    def __init__(self, peak: float, epochs: int, minutes: float | None, aim: float | None):
        self.peak, self.epochs, self.minutes, self.aim = peak, epochs, minutes, aim
        self._before = 0.0  # seconds of a run that is resumed
        self._began = time.perf_counter()

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Of training so far."""
        return self._before + time.perf_counter() - self._began

    def share(self, epoch: int) -> float:
        """What is done when an epoch begins, of all that is to be done."""
        done = epoch / self.epochs if self.minutes is None else self.seconds / (60 * self.minutes)
        return min(done, 1.0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the rate."""
        self.run.set_hyper("learning_rate", self.peak * rate(self.share(epoch)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """End where the time is over or the aim reached."""
        if self.minutes is not None and self.seconds >= 60 * self.minutes:
            self.run.stop(f"the {self.minutes:g} minutes are over")
        reached = (logs or {}).get("val_loss", math.inf)
        if self.aim is not None and reached <= self.aim:
            self.run.stop(f"the validation has reached {reached:.4g} nats a token")

    def saved(self) -> dict[str, Any]:
        """Return the time used."""
        return {"seconds": np.asarray(self.seconds)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on with it."""
        self._before = float(saved["seconds"])


def rate(share: float) -> float:
    """The learning rate as a part of the largest, at a share of the training."""
    if share < WARM:
        return max(share / WARM, LEAST)
    return max(min(1.0, (1 - share) / (1 - HOLD)), LEAST)


class Shown(Callback):
    """What `fit(verbose=1)` shows, on standard error: a bar in a terminal, else lines.

    Args:
        budget: what says how much is done.
        passes: passes over the text that an epoch is.
        tokens: tokens that an epoch reads, None where it is not known.
        unit: what a token is called, "character".
        grams: (order, nats) of counting on the validation's tokens, or None.
    """

    def __init__(
        self,
        budget: Budget,
        passes: float,
        tokens: int | None,
        unit: str,
        grams: tuple[int, float] | None,
    ):
        self.budget, self.passes, self.tokens = budget, passes, tokens
        self.unit, self.grams = unit, grams
        self._bar: Any = None
        self._said = -math.inf
        self._start: tuple[float, int] | None = None  # behind the first epoch, which compiles

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the bar."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                BarColumn(bar_width=12),
                TextColumn("{task.fields[words]}", markup=False),
                console=Console(stderr=True),
            )
            self._line = self._bar.add_task("", total=1.0, words="compiling")
            self._bar.start()
        else:
            print("compiling ...", file=sys.stderr, flush=True)

    def on_chunk_end(self, chunk: int, logs: Any = None) -> None:
        """Show a piece of a text that is read from a file."""
        if self.run.chunk:
            self._say(f"piece {chunk + 1}: {_nats(logs['loss'], self.unit)}", None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show what was reached."""
        now = time.perf_counter()
        words = [f"pass {(epoch + 1) * self.passes:.2g}: {_nats(logs['loss'], self.unit)}"]
        if "val_loss" in logs:
            words.append(f"validation {_nats(logs['val_loss'])}")
        if self.grams is not None:
            words.append(f"counting ({self.grams[0]}-grams) {_nats(self.grams[1])}")
        share = self.budget.share(epoch + 1)
        if self._start is None:
            self._start = now, epoch
        elif self.tokens is not None:
            speed = self.tokens * (epoch - self._start[1]) / max(now - self._start[0], 1e-9)
            words.append(f"{speed:,.0f} {self.unit}s/s")
        if 0 < share < 1:
            words.append(f"{duration(self.budget.seconds * (1 - share) / share)} left")
        self._say(", ".join(words), share, last=share >= 1 or bool(self.run.stopped))

    def _say(self, words: str, share: float | None, last: bool = False) -> None:
        if self._bar is not None:
            self._bar.update(self._line, completed=share, words=words)
        elif last or time.perf_counter() - self._said > PAUSE:
            self._said = time.perf_counter()
            print(words, file=sys.stderr, flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the bar; say why training ended early."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self.run.stopped:
            print(f"stopped: {self.run.stopped}", file=sys.stderr, flush=True)


def _nats(value: float, unit: str = "") -> str:
    per = f" nats a {unit}" if unit else ""
    return f"{value:.4g}{per} (perplexity {perplexity(value):.4g})"


def perplexity(nats: float) -> float:
    """e^nats; infinite where that is no float."""
    return math.exp(nats) if nats < 700 else math.inf


def duration(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
