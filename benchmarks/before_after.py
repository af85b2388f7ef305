"""One version of descend beside another, on the workloads of speed.py, in one run.

    git worktree add ../before COMMIT
    python benchmarks/before_after.py ../before            [--only iris,cnn] [--rounds 3]

Each workload is trained by the other version and by this one in turns, each time in a process of
its own that begins with an empty cache: time a step (median over rounds of the medians) and the
first fit of one epoch, compiling included. Results: benchmarks/results/before_after.json and .md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import workloads
from harness import DESCEND, Bench
from machine import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def measure(bench: Bench, root: Path, work: workloads.Workload) -> dict[str, float]:
    """One process of the version below `root`: microseconds a step, seconds of the first fit."""
    job = {"kind": "steady", "work": work.describe(), "data": bench.data(work), "held": False}
    job |= {"repeats": 3, "seconds": 1.5, "threads": 2, "setting": None}
    path = bench.folder / "job.json"
    path.write_text(json.dumps(job))
    env = bench.environment(DESCEND, 2, bench.fresh()) | {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, str(root / "benchmarks/peers/run.py"), DESCEND.module, str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"{root}: {work.name}: {done.stderr.strip().splitlines()[-1:]}")
    result = json.loads(lines[-1][7:])
    steps = result["step_us"]
    return {
        "step_us": statistics.median(steps if isinstance(steps, list) else [steps]),
        "first_s": result["first_s"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="a checkout of the other version")
    parser.add_argument("--only", default="", help="workloads, by comma")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    every = workloads.FULL
    chosen = [w for w in every if not options.only or w.name in options.only.split(",")]
    versions = {"before": options.before.resolve(), "after": HERE.parent}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(False, Path(folder))
        for work in chosen:
            runs: dict[str, list[dict[str, float]]] = {name: [] for name in versions}
            for number in range(options.rounds):
                order = list(versions) if number % 2 == 0 else list(versions)[::-1]
                for name in order:
                    runs[name].append(measure(bench, versions[name], work))
            row: dict = {"workload": work.name}
            for name, results in runs.items():
                for key in ("step_us", "first_s"):
                    row[f"{key} {name}"] = statistics.median(r[key] for r in results)
            rows.append(row)
            bench.say(f"{work.name}: {row}")
    described = {"machine": machine(), "rounds": options.rounds, "rows": rows}
    described["date"] = time.strftime("%Y-%m-%d")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "before_after.json").write_text(json.dumps(described, indent=1) + "\n")
    lines = [
        f"Two versions in turns, {options.rounds} processes each; medians. "
        f"{described['machine']['cpu']}, {described['machine']['cores']} cores.",
        "",
        "| workload | us a step, before | after | ratio | first fit, s, before | after | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        step, first = (
            [row[f"{key} {name}"] for name in versions] for key in ("step_us", "first_s")
        )
        lines.append(
            f"| {row['workload']} | {step[0]:.1f} | {step[1]:.1f} | {step[1] / step[0]:.2f} | "
            f"{first[0]:.2f} | {first[1]:.2f} | {first[1] / first[0]:.2f} |"
        )
    (RESULTS / "before_after.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
