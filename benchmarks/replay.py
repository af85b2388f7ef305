"""Does the time of an epoch grow with the rows of the replay memory? `python benchmarks/replay.py`.

DQN on cart-pole, one agent and two, with a memory of 1,000, 100,000 and 1,000,000 rows; median
milliseconds of an epoch. Compilers differ here: some rewrite or select over the whole memory at
each step, which shows as a time that grows with the rows. Results: benchmarks/results/replay.json
and .md.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from machine import machine, versions

from descend.agents import DQN, make
from descend.train.callbacks import Callback
from descend.train.many import train_task

CAPACITIES = (1_000, 100_000, 1_000_000)
BUDGET, PER_EPOCH, EPOCHS = 4_000_000, 4_000, 30
RESULTS = Path(__file__).resolve().parent / "results"


class Clock(Callback):
    """Seconds of each epoch."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.seconds: list[float] = []
        self.at = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.at)
        self.at = now


def measure(capacity: int, members: int) -> dict[str, Any]:
    """Milliseconds of an epoch; the first ones, which compile, are left out."""
    task = DQN(capacity=capacity, warmup=1000, updates=1, batch=32).task(make("cart-pole"), BUDGET)
    feed, _ = task.feed(BUDGET // PER_EPOCH)
    clock = Clock()
    train_task(task, [{"seed": seed} for seed in range(members)], feed, EPOCHS, callbacks=[clock])
    median = statistics.median(clock.seconds[EPOCHS // 3 :])
    return {"rows": capacity, "agents": members, "ms an epoch": round(1000 * median, 2)}


def main() -> None:
    rows = [measure(capacity, members) for members in (1, 2) for capacity in CAPACITIES]
    result = {"machine": machine(), "versions": versions("jax", "jaxlib"), "rows": rows}
    (RESULTS / "replay.json").write_text(json.dumps(result, indent=1) + "\n")
    steps = f"{PER_EPOCH:,} steps of the environment and {PER_EPOCH // 8:,} updates"
    lines = [
        "# The time of an epoch by the rows of the replay memory",
        "",
        "Written by `python benchmarks/replay.py`; do not edit. DQN on cart-pole; an epoch is "
        f"{steps} of each agent; median of {EPOCHS - EPOCHS // 3} epochs, {machine()['cpu']}, "
        f"jaxlib {result['versions']['jaxlib']}.",
        "",
        "| agents | " + " | ".join(f"{c:,} rows" for c in CAPACITIES) + " |",
        "|---|" + "---:|" * len(CAPACITIES),
    ]
    for members in (1, 2):
        own = [f"{r['ms an epoch']:.1f} ms" for r in rows if r["agents"] == members]
        lines.append(f"| {members} | " + " | ".join(own) + " |")
    (RESULTS / "replay.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
