"""How far back networks remember, beside TCN's published table: `python benchmarks/long_memory.py`.

    --only adding,copy   these tasks (adding, copy, mnist)
    --minutes 1.5        time of a training
    --report             only write the page from what has been measured
    --quick              short sequences, a few seconds; nothing is written

adding   T numbers, two of them marked: their sum. Always answering 1 has the error 1/6
copy     ten digits, T blanks, then ten marks at which the digits are to be said again. Who does not
         remember says any of eight: 10 log 8 / (T + 20) nats a step
mnist    a picture as 784 steps of one pixel, the digit at the end

A TCN (residual blocks of two causal convolutions, the reach doubled from block to block) and an
LSTM, both of the sizes below, the same minutes on the same batches. The published runs had many
more steps. MNIST: `python tools/fill_cache.py mnist`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import machine, versions

from descend import LSTM, Add, Conv1D, Dense, Dropout, Input, Model
from descend.data.images import mnist
from descend.files import write_atomically
from descend.nn.layers import Activation
from descend.train.callbacks import Callback
from descend.train.rules import Adam

RESULTS = Path(__file__).resolve().parent / "results" / "long_memory.json"
# of Bai, Kolter and Koltun (2018), table 1; 70,000 weights, of copy memory 16,000
PUBLISHED = {
    "adding": ("T = 600, mean squared error", {"LSTM": 0.164, "GRU": 5.3e-5, "TCN": 5.8e-5}),
    "copy": ("T = 1000, nats a step", {"LSTM": 0.0204, "GRU": 0.0197, "TCN": 3.5e-5}),
    "mnist": ("784 steps, accuracy", {"LSTM": 0.872, "GRU": 0.962, "TCN": 0.990}),
}
BATCH = 32
STEPS = 20  # of an epoch, behind which the time is looked at


class Task(NamedTuple):
    """Rows to learn from and to be judged by, and how.

    Attributes:
        x, y: training rows.
        test: (x, y).
        loss: of `compile`.
        outputs: numbers that are told, and whether at every step.
        judge: (predictions, y) -> figure.
        words: what the figure is.
        chance: the figure of who remembers nothing.
    """

    x: np.ndarray
    y: np.ndarray
    test: tuple[np.ndarray, np.ndarray]
    loss: str
    outputs: tuple[int, bool]
    judge: Callable[[np.ndarray, np.ndarray], float]
    words: str
    chance: float


def adding(quick: bool) -> Task:
    """Two marked numbers and their sum."""
    steps, rows = (30, 640) if quick else (600, 12_800)

    def make(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, steps])
        x = np.zeros((rows, steps, 2), np.float32)
        x[..., 0] = rng.uniform(size=(rows, steps))
        each = np.arange(rows)
        x[each, rng.integers(0, steps // 2, rows), 1] = 1
        x[each, rng.integers(steps // 2, steps, rows), 1] = 1
        return x, (x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True)

    def error(p: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean(np.square(p - y)))

    words = f"T = {steps}, mean squared error"
    return Task(*make(rows, 0), make(1000, 1), "mse", (1, False), error, words, 1 / 6)


def copy(quick: bool) -> Task:
    """Ten digits (1 to 8), T blanks (0), ten marks (9); to be said: blanks, then the digits."""
    steps, rows = (20, 640) if quick else (1000, 3200)

    def make(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, steps])
        digits = rng.integers(1, 9, (rows, 10))
        x, y = np.zeros((2, rows, steps + 20), np.int64)
        x[:, :10], x[:, -10:], y[:, -10:] = digits, 9, digits
        return np.eye(10, dtype=np.float32)[x], y

    def nats(p: np.ndarray, y: np.ndarray) -> float:
        told = np.take_along_axis(p.astype(np.float64), y[..., None], axis=-1)
        return float(-np.log(np.maximum(told, 1e-12)).mean())

    chance = 10 * math.log(8) / (steps + 20)
    words = f"T = {steps}, nats a step"
    loss = "sparse_categorical_crossentropy"
    return Task(*make(rows, 0), make(320, 1), loss, (10, True), nats, words, chance)


def pixels(quick: bool) -> Task:
    """A picture, pixel after pixel."""
    images = mnist()
    every = 4 if quick else 1  # the quick form has a sixteenth of the pixels
    train, test = (320, 100) if quick else (60_000, 10_000)

    def make(x: np.ndarray, y: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.asarray(x[:n, ::every, ::every], np.float32).reshape(n, -1, 1)
        return rows / max(float(rows.max()), 1.0), np.asarray(y[:n])

    def accuracy(p: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean(p.argmax(axis=-1) == y))

    first = make(images.x_train, images.y_train, train)
    last = make(images.x_test, images.y_test, test)
    words = f"{first[0].shape[1]} steps, accuracy"
    loss = "sparse_categorical_crossentropy"
    return Task(*first, last, loss, (10, False), accuracy, words, 0.1)


TASKS = {"adding": adding, "copy": copy, "mnist": pixels}
WIDTH = {"adding": 24, "copy": 10, "mnist": 25}
KERNEL = {"adding": 7, "copy": 8, "mnist": 7}
UNITS = {"adding": 130, "copy": 50, "mnist": 130}  # of the LSTM: as many weights


def tcn(task: Task, width: int, kernel: int, dropout: float = 0.0) -> Model:
    """Residual blocks of two causal convolutions, until all steps are reached."""
    steps, channels = task.x.shape[1:]
    x = Input((steps, channels))
    h, reach, apart = x, 1, 1
    while reach < steps:
        r = h
        for _ in range(2):
            r = Conv1D(width, kernel, padding="causal", dilation_rate=apart, activation="relu")(r)
            r = Dropout(dropout)(r) if dropout else r
        h = h if h is not x else Dense(width)(x)
        h = Activation("relu")(Add()([h, r]))
        reach, apart = reach + 2 * apart * (kernel - 1), 2 * apart
    return _told(task, x, h)


def lstm(task: Task, units: int) -> Model:
    """An LSTM, its state read at every step or at the last."""
    x = Input(task.x.shape[1:])
    return _told(task, x, LSTM(units, return_sequences=True)(x))


def _told(task: Task, x: Any, h: Any) -> Model:
    count, every = task.outputs
    link = "softmax" if task.loss.startswith("sparse") else None
    return Model(x, Dense(count, link)(h if every else h[:, -1]))


class Until(Callback):
    """Ends a training after a time that begins behind the first epoch, which compiles."""

    def __init__(self, seconds: float):
        self.seconds, self.began = seconds, None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop where the time is over."""
        self.began = self.began or time.perf_counter()
        if time.perf_counter() - self.began > self.seconds:
            self.run.stop("the time is over")


def measure(name: str, minutes: float, quick: bool) -> dict[str, Any]:
    """Train both networks on a task, and judge them."""
    task = TASKS[name](quick)
    result: dict[str, Any] = {"words": task.words, "chance": task.chance, "networks": {}}
    networks = {
        "TCN": tcn(task, WIDTH[name], KERNEL[name]),
        "LSTM": lstm(task, UNITS[name]),
    }
    for kind, model in networks.items():
        model.compile(Adam(0.002, clipnorm=1.0), task.loss)
        began = time.perf_counter()
        history = model.fit(
            task.x,
            task.y,
            batch_size=BATCH,
            epochs=10**6,
            steps_per_epoch=4 if quick else STEPS,
            callbacks=[Until(1 if quick else 60 * minutes)],
            verbose=0,
        )
        seconds = time.perf_counter() - began
        p = np.asarray(model.predict(task.test[0], batch_size=100))
        result["networks"][kind] = {
            "figure": task.judge(p, task.test[1]),
            "weights": model.count_params(),
            "updates": len(history.epoch) * (4 if quick else STEPS),
            "seconds": seconds,
        }
        print(name, kind, result["networks"][kind], flush=True)
    return result


def markdown(found: dict[str, Any]) -> str:
    """The results as a page."""
    at = found["machine"]
    lines = [
        "# Long memory",
        "",
        "Written by `python benchmarks/long_memory.py`; do not edit.",
        "",
        "The adding problem, copy memory and MNIST pixel by pixel, beside table 1 of Bai, Kolter "
        "and Koltun (2018), whose networks have 70,000 weights (copy memory: 16,000) and were "
        "trained much longer.",
    ]
    for name, part in found["tasks"].items():
        words, published = PUBLISHED[name]
        lines += [
            "",
            f"## {name}: {part['words']}",
            "",
            f"Without memory: {part['chance']:.3g}.",
            "",
            "| network | figure | weights | updates of 32 rows | s |",
            "|---|---|---|---|---|",
        ]
        for kind, f in part["networks"].items():
            lines.append(
                f"| {kind} | {f['figure']:.3g} | {f['weights']:,} | {f['updates']:,} | "
                f"{f['seconds']:.0f} |"
            )
        for kind, figure in published.items():
            lines.append(f"| {kind}, published ({words}) | {figure:g} | | | |")
    kinds = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    lines += [
        "",
        f"*{found['date']}, {at['cpu']}, {at['cores']} cores, shared with others; {kinds}. "
        f"`{found['command']}`*",
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(TASKS), help="tasks, with commas between")
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    names = [name for name in asked.only.split(",") if name]
    for name in [] if asked.report else names:
        if name not in TASKS:
            parser.error(f"no task {name!r}; there are {', '.join(TASKS)}")
        part = measure(name, asked.minutes, asked.quick)
        if asked.quick:
            continue
        found.setdefault("tasks", {})[name] = part
        found |= {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "versions": versions("jax", "jaxlib", "numpy"),
            "command": f"python benchmarks/long_memory.py --minutes {asked.minutes:g}",
        }
        write_atomically(RESULTS, (json.dumps(found, indent=1) + "\n").encode())
    if not asked.quick:
        write_atomically(RESULTS.with_suffix(".md"), markdown(found).encode())


if __name__ == "__main__":
    main()
