"""Agents beside Stable-Baselines3, SBX and rejax: what they reach, seed by seed, and the time.

    python benchmarks/speed_agents.py                         everything that is not measured yet
    python benchmarks/speed_agents.py --only cart-pole,dqn    parts whose name has all these words
    python benchmarks/speed_agents.py --peer-seeds 3          seeds of the peers (10 by default)
    python benchmarks/speed_agents.py --report                only write the page again

Each row is one algorithm of one library in one environment, run in processes of their own, one
after the other: descend and rejax train all seeds in one program (and one seed alone, for the
time), Stable-Baselines3 and SBX a seed a process, with one thread. Seconds are those of learning,
compilation included; of descend and rejax also without it (the same call again in the process, or
a new one that finds the compiled programs on disk). descend's are with its twenty evaluations on
the way, the peers' without any. Everyone is judged at the end on 20 episodes without exploring.
Settings: descend's presets; the zoo's for Stable-Baselines3 and SBX; rejax's own configurations.

Resumable: results/speed_agents.json holds what has been measured; the page is speed_agents.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import machine, versions

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PACKAGES = ("jax", "jaxlib", "torch", "stable-baselines3", "sbx-rl", "rejax", "gymnasium", "gymnax")
SEEDS = 10
LIMIT = 3600  # seconds a process may take
JOINT = ("descend", "rejax")  # all seeds are one program


class Row(NamedTuple):
    """What is measured: an algorithm of a library in an environment, for so many steps."""

    environment: str
    algorithm: str
    library: str
    steps: int

    @property
    def name(self) -> str:
        """Its name in the results."""
        return " ".join(map(str, self))


ROWS = [
    Row("cart-pole", "dqn", "descend", 80_000),
    Row("cart-pole", "dqn", "stable-baselines3", 50_000),
    Row("cart-pole", "dqn", "sbx", 50_000),
    Row("cart-pole", "dqn", "rejax", 100_000),
    Row("cart-pole", "pqn", "descend", 100_000),
    Row("cart-pole", "pqn", "rejax", 524_288),
    Row("cart-pole", "ppo", "descend", 100_000),
    Row("cart-pole", "ppo", "stable-baselines3", 100_000),
    Row("cart-pole", "ppo", "sbx", 100_000),
    Row("cart-pole", "ppo", "rejax", 100_000),
    Row("cart-pole", "actor-critic", "descend", 200_000),
    Row("cart-pole", "actor-critic", "stable-baselines3", 500_000),
    Row("pendulum", "ddpg", "descend", 20_000),
    Row("pendulum", "ddpg", "stable-baselines3", 20_000),
    Row("pendulum", "ddpg", "sbx", 20_000),
    Row("pendulum", "td3", "descend", 20_000),
    Row("pendulum", "td3", "stable-baselines3", 20_000),
    Row("pendulum", "td3", "sbx", 20_000),
    Row("pendulum", "td3", "rejax", 10_000),
    Row("pendulum", "sac", "descend", 20_000),
    Row("pendulum", "sac", "stable-baselines3", 20_000),
    Row("pendulum", "sac", "sbx", 20_000),
    Row("pendulum", "sac", "rejax", 10_000),
    Row("acrobot", "dqn", "descend", 100_000),
    Row("acrobot", "dqn", "stable-baselines3", 100_000),
    Row("mountain-car", "dqn", "descend", 120_000),
    Row("mountain-car", "dqn", "stable-baselines3", 120_000),
]


def worker(row: Row, seeds: list[int], cache: Path) -> dict[str, Any]:
    """Run a row's seeds in a process of its own; its last line is the result."""
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    one |= {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "DESCEND_CACHE": str(cache)}
    given = ["--worker", json.dumps([*row, seeds])]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(HERE / "peers" / "agents_peer.py"), *given],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(sys.path[1:])},
    )
    if done.returncode:
        raise SystemExit(f"{row.name}, seeds {seeds}:\n{done.stderr[-2000:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return result | {"process": round(time.perf_counter() - began, 2)}


def measure(row: Row, seeds: int) -> dict[str, Any]:
    """One seed alone (cold, then warm), and all of them."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        if row.library in JOINT:
            cold, warm = (worker(row, [0], cache) for _ in range(2))
            every = worker(row, list(range(seeds)), cache)
            return {
                "one": cold["seconds"],
                "one warm": warm["again"] if row.library == "rejax" else warm["seconds"],
                "all": every["seconds"],
                "returns": every["returns"],
            }
        runs = [worker(row, [seed], cache) for seed in range(seeds)]
    times = [run["seconds"] for run in runs]
    return {
        "one": float(np.median(times)),
        "all": float(np.sum(times)),
        "returns": [run["returns"][0] for run in runs],
    }


def page(results: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    from descend.agents.evaluation import interquartile_mean

    at = results["machine"]
    lines = [
        "# Agents beside Stable-Baselines3, SBX and rejax",
        "",
        "Written by `python benchmarks/speed_agents.py`; do not edit. Seconds of learning on "
        f"{at['cores']} cores ({at['cpu']}), one after the other: one seed with compilation, one "
        "seed where the compiled programs are there already (descend, rejax), and all seeds. "
        "IQM: interquartile mean over seeds of the mean return of 20 episodes without exploring, "
        "by the last weights.",
        "",
        "| environment | algorithm | library | steps | one seed, s | again, s | seeds | all, s | "
        "IQM | worst | every seed |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in ROWS:
        got = results["rows"].get(row.name)
        if got is None:
            continue
        values = np.asarray(got["returns"])
        warm = f"{got['one warm']:.1f}" if "one warm" in got else ""
        every = ", ".join(f"{v:.0f}" for v in values)
        lines.append(
            f"| {row.environment} | {row.algorithm} | {row.library} | {row.steps:,} | "
            f"{got['one']:.1f} | {warm} | {len(values)} | {got['all']:.1f} | "
            f"{interquartile_mean(values):.1f} | {values.min():.1f} | {every} |"
        )
    lines += ["", "## Times of Stable-Baselines3 over descend's", ""]
    lines += ["| environment | algorithm | one seed | one seed over all ten of descend |"]
    lines += ["|---|---|---:|---:|"]
    for row in ROWS:
        own = results["rows"].get(row._replace(library="descend").name)
        other = [r for r in ROWS if r[:2] == row[:2] and r.library == "stable-baselines3"]
        got = results["rows"].get(other[0].name) if other else None
        if row.library == "descend" and own and got:
            lines.append(
                f"| {row.environment} | {row.algorithm} | {got['one'] / own['one']:.1f} | "
                f"{got['one'] / own['all']:.1f} |"
            )
    words = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    return "\n".join([*lines, "", f"Versions: {words}.", ""])


def main() -> None:
    """Measure what is asked for and not there yet; write after every row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="words that a row's name must have")
    parser.add_argument("--peer-seeds", type=int, default=SEEDS, help="seeds of the peers")
    parser.add_argument("--again", action="store_true", help="measure also what is there")
    parser.add_argument("--report", action="store_true", help="only write the page")
    args = parser.parse_args()
    path = RESULTS / "speed_agents.json"
    results = json.loads(path.read_text()) if path.exists() else {"rows": {}}
    results |= {"machine": machine(), "versions": versions(*PACKAGES)}
    for row in ROWS:
        wanted = all(word in row.name for word in args.only.split(",")) and not args.report
        if not wanted or (row.name in results["rows"] and not args.again):
            continue
        seeds = SEEDS if row.library == "descend" else args.peer_seeds
        results["rows"][row.name] = got = measure(row, seeds)
        print(f"{row.name}: {got}", flush=True)
        path.write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "speed_agents.md").write_text(page(results))


if __name__ == "__main__":
    main()
