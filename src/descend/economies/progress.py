"""What a solve says while it runs: events, which are put into words only where they are shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONG = 20.0  # seconds that a stage may still take without its being said


@dataclass(frozen=True)
class Event:
    """A piece of news from a solve; `str` gives the line of the log.

    Attributes:
        seconds: time since the call; None where the text is a line of an older file, with its time.
        text: the news in words; empty where the numbers below are the news.
        stage: name of the stage that counts updates, "adam" or "gauss-newton".
        seed: number of the one seed that the stage trains; None where it trains all side by side.
        done, of: updates made, and those to be made at most.
        residual: mean residual of the worst condition, of the best seed of the stage.
        median: the same of the median seed; None where there is one.
        below, seeds: number of seeds that are below every aim, and of all.
        left: seconds until the stage's last update, at the speed so far; None where unknown.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.economies import Event
        >>> print(Event(1.5, stage="adam", done=10, of=200, residual=0.01, below=0, seeds=2).words)
        adam, 10 of 200: mean residual 1.0e-02; below the aim: 0 of 2 seeds
    """

    seconds: float | None
    text: str = ""
    stage: str = ""
    seed: int | None = None
    done: int = 0
    of: int = 0
    residual: float | None = None
    median: float | None = None
    below: int = 0
    seeds: int = 0
    left: float | None = None

    @property
    def where(self) -> str:
        """The stage, and the seed where it is one seed's."""
        return self.stage if self.seed is None else f"{self.stage}, seed {self.seed}"

    @property
    def words(self) -> str:
        """The news, without the time."""
        if self.residual is None:
            return self.text
        line = f"{self.where}, {self.done:,} of {self.of:,}: mean residual {self.residual:.1e}"
        if self.median is not None:
            line += f" (best seed), {self.median:.1e} (median)"
        line += f"; below the aim: {self.below} of {self.seeds} seeds"
        return f"{line}; {self.ahead}" if self.long else line

    @property
    def long(self) -> bool:
        """Whether the stage may take so long still that it is worth a word."""
        return self.left is not None and self.left > LONG

    @property
    def ahead(self) -> str:
        """How long the stage may still take, in words."""
        left = self.left or 0.0
        if left < 90:
            return f"at most {left:.0f} s more"
        return f"at most {left / 60:.0f} minutes more"

    def __str__(self) -> str:
        return self.text if self.seconds is None else f"{self.seconds:6.1f} s  {self.words}"


class Log:
    """The events of one solve, each shown at once.

    Args:
        verbose: 0 shows nothing, 1 prints every line on standard error; a function gets every
            event.
    """

    def __init__(self, verbose: int | Callable[[Event], Any]):
        self.verbose = verbose
        self.events: list[Event] = []
        self.began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time since the call."""
        return time.perf_counter() - self.began

    def say(self, text: str) -> None:
        """Add news in words."""
        self.add(text=text)

    def add(self, **news: Any) -> None:
        """Add an event with these attributes."""
        event = Event(self.seconds, **news)
        self.events.append(event)
        if callable(self.verbose):
            self.verbose(event)
        elif self.verbose:
            print(event, file=sys.stderr, flush=True)
