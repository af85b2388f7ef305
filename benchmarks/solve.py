"""How long does `descend solve NAME` take without an option? `python benchmarks/solve.py`.

    --models A,B      only these; what was measured of others stays
    --again           a second time too, with the programs that the first run compiled
    --report          only write the page from what has been measured

Each model is solved as a command of its own with an empty cache of compiled programs, as a newcomer
has it. The load of the machine stands beside every figure, because wall time
says little on a busy one; CPU time says more, and is itself longer there. Resumable:
results/solve.json holds what has been measured, results/solve.md is the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine, versions

from descend.economies import load_solution
from descend.economies.registry import MODELS

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("jax", "jaxlib", "numpy")
RUNS = ("first", "again")


def measured(name: str, folder: Path, runs_wanted: tuple[str, ...]) -> dict[str, Any]:
    """The runs of one model."""
    runs = {run: _run(name, folder) for run in runs_wanted}
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine(), **runs}


def _run(name: str, folder: Path) -> dict[str, Any]:
    load = os.getloadavg()[0]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "descend", "solve", name, "-q"],
        cwd=folder,
        env={**os.environ, "DESCEND_CACHE": str(folder / "programs")},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    solution = load_solution(folder / f"{name}.descend")
    return {
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "wall": round(wall, 1),
        "solving": round(solution.seconds, 1),
        "cpu": round(used.ru_utime + used.ru_stime, 1),
        "exit": process.returncode,
        "status": solution.status,
        "aims": solution.accuracy.aims,
        "seeds": [sum(s.reached for s in solution.seeds), len(solution.seeds)],
    }


def page(found: dict[str, Any]) -> str:
    """solve.json as a table."""
    lines = [
        "# `descend solve NAME`, without an option",
        "",
        "Written by `benchmarks/solve.py`; do not edit. First: with an empty cache of compiled "
        "programs; again: with what the first run compiled. Wall and CPU seconds are of the whole "
        "command, Python's start included; load is the machine's before and after, "
        "beside its cores.",
        "",
        "| model | aim | reached | solved | seeds | first: wall | CPU | load | again: wall | CPU "
        "| load |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in MODELS:
        if name not in found:
            continue
        row = found[name]
        last = row["first"]
        aims = last["aims"].items()
        cells = [
            f"`{name}`",
            ", ".join(f"{words} {aim:.0e}" for words, (_, aim) in aims),
            ", ".join(f"{figure:.1e}" for _, (figure, _) in aims),
            "yes" if last["exit"] == 0 else "**no**",
            "{} of {}".format(*last["seeds"]),
        ]
        for run in RUNS:
            each = row.get(run)
            cells += [f"{each['wall']:.0f}", f"{each['cpu']:.0f}"] if each else ["", ""]
            cells += ["{} to {}".format(*each["load"])] if each else [""]
        lines.append(f"| {' | '.join(cells)} |")
    about = {
        (row["date"], row["machine"]["cpu"], row["machine"]["cores"]) for row in found.values()
    }
    lines += ["", *(f"{date}: {cpu}, {cores} cores." for date, cpu, cores in sorted(about))]
    ran = ", ".join(f"{k} {v}" for k, v in versions(*PACKAGES).items())
    return "\n".join([*lines, f"{ran}.", ""])


def main() -> None:
    """Measure, and write both files after each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", help="names, divided by commas")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    path = given.out / "solve.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    wanted = given.models.split(",") if given.models else list(MODELS)
    for name in [] if given.report else wanted:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measured(name, Path(folder), RUNS if given.again else RUNS[:1])
        print(name, re.sub(r"\s+", " ", json.dumps(found[name])), flush=True)
        path.write_text(json.dumps(found, indent=1) + "\n")  # a run that is stopped loses no other
    path.with_suffix(".md").write_text(page(found))


if __name__ == "__main__":
    main()
