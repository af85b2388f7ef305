"""A task's scratch (a replay buffer of 400 MB): does a call of the program copy it?

    python benchmarks/scratch.py

Two sizes are run, 4 MB and 400 MB, the same steps: were the buffer copied by a call, or selected
element by element, the larger one would take a hundred times as long; were it held twice, the
process's peak would grow by a second buffer. Results: benchmarks/results/scratch.json and .md.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import jax
import jax.numpy as jnp
from machine import machine

from descend.train import engine
from descend.train.engine.feeds import Steps
from descend.train.engine.task import Task

STEPS, EPOCHS, REPEATS = 200, 5, 7
RESULTS = Path(__file__).parent / "results"


class Memory(NamedTuple):
    params: jax.Array
    hyper: dict
    buffer: jax.Array
    at: jax.Array


class Replay(Task):
    """Writes a number, reads another, makes an update of one weight."""

    weights = ("params",)
    scratch = ("buffer",)

    def __init__(self, numbers: int, in_place: bool):
        self.numbers = numbers
        self.scratch = ("buffer",) if in_place else ()

    def init(self, key, hyper):
        zero = jnp.zeros((), jnp.int32)
        return Memory(jnp.zeros(()), {}, jnp.zeros(self.numbers, jnp.float32), zero)

    def collect(self, state, steps):
        buffer = state.buffer.at[state.at % self.numbers].set(state.params)
        state = state._replace(buffer=buffer, at=state.at + 1)
        return state, buffer[(7919 * state.at) % self.numbers][None]

    def step(self, state, batch):
        error = state.params - 1 - batch.data / 2
        return state._replace(params=state.params - 0.1 * error), {"loss": (error**2, 1.0)}


def peak() -> float:
    """MB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(megabytes: int, in_place: bool) -> dict:
    task = Replay(megabytes * 250_000, in_place)
    state = task.init(None, {})
    jax.block_until_ready(state)
    seconds, before = [], peak()
    for _ in range(REPEATS + 1):  # the first one compiles
        began = time.perf_counter()
        state = engine.train(task, Steps(STEPS, each=1), EPOCHS, state=state).state
        jax.block_until_ready(state)
        seconds.append((time.perf_counter() - began) / EPOCHS)
    milliseconds = 1000 * statistics.median(seconds[1:])
    return {
        "buffer_mb": megabytes,
        "in_scratch": in_place,
        "ms_a_call": round(milliseconds, 3),
        "first_call_s": round(seconds[0], 2),
        "peak_grew_by_mb": round(peak() - before),
    }


def main() -> None:
    rows = [run(4, True), run(400, True), run(400, False)]  # the peak never falls: copies come last
    RESULTS.mkdir(exist_ok=True)
    described = {"machine": machine(), "steps_a_call": STEPS, "rows": rows}
    (RESULTS / "scratch.json").write_text(json.dumps(described, indent=1) + "\n")
    cpu, cores = described["machine"]["cpu"], described["machine"]["cores"]
    lines = [
        f"A call of {STEPS} steps, each of which writes to and reads from a buffer; median of",
        f"{REPEATS} runs of {EPOCHS} calls. {cpu}, {cores} cores.",
        "",
        "| buffer | `Task.scratch` | ms a call | peak memory grew by |",
        "|---|---|---|---|",
        *(
            f"| {r['buffer_mb']} MB | {'yes' if r['in_scratch'] else 'no'} | {r['ms_a_call']} | "
            f"{r['peak_grew_by_mb']} MB |"
            for r in rows
        ),
    ]
    (RESULTS / "scratch.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
