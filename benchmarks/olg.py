"""Overlapping generations: accuracy and time, with a closed form and with a constraint.

    python benchmarks/olg.py                    all but 56 cohorts; results/olg.json, .md, .png
    python benchmarks/olg.py --cohorts 56       the constrained economy of so many, merged in
    python benchmarks/olg.py --quick            fewer seeds and updates; only to see that it works

Times are of one call of `solve` in this process, compilation included (descend's cache on disk is
used as it is); both cores are taken to be free.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from growth_picture import draw
from machine import machine, versions

from descend.economies.models.analytic_olg import AnalyticOLG
from descend.economies.models.constrained_olg import ConstrainedOLG
from descend.economies.solution import Solution
from descend.economies.solver import solve

PACKAGES = ("jax", "jaxlib", "numpy", "scipy")
RESULTS = Path(__file__).resolve().parent / "results"
FIGURES = ("ergodic mean", "ergodic max", "box mean", "box max")
# Few first-order updates: Gauss-Newton does the rest better from a network that is not far bent.
ANALYTIC = {"seeds": 1, "updates": 200, "hidden": (16, 16), "polishing_steps": 60}
AIMS = {
    "5e-5, max 5e-4": {"ergodic mean": 5e-5, "ergodic max": 5e-4},
    "1e-6": {"ergodic mean": 1e-6},
}
GROWTH = (6, 12, 24, 48)
# A box of independent holdings is far from where 20 cohorts live: paths alone, and many updates.
CONSTRAINED: dict[str, Any] = {
    "seeds": 1,
    "updates": 8000,
    "polish": None,
    "hidden": (64, 64),
    "box": 0.0,
    "learning_rate": 0.003,
    "aim": 5e-4,
}


def figures_of(solution: Solution) -> dict[str, Any]:
    """What is kept of a solve."""
    found = {words: solution.accuracy.figure(words) for words in FIGURES}
    return {"seconds": solution.seconds, "met": solution.verdict.solved, **found}


def shares_off(solution: Solution) -> float:
    """Largest distance of a saving share from the closed form, over 10,000 simulated periods."""
    paths = solution.simulate(100, 100, seed=1)
    exact = np.asarray(solution.economy.shares())
    return float(np.abs(paths.policies["saving"] - exact).max())


def analytic(quick: bool) -> dict[str, Any]:
    """Every aim by several seeds, each a solve of its own; then more cohorts."""
    part: dict[str, Any] = {"settings": ANALYTIC, "aims": {}, "growth": []}
    for name, aim in AIMS.items():
        rows = []
        for seed in range(2 if quick else 10):
            solution = solve(AnalyticOLG(), aim=aim, seed=seed, verbose=0, **ANALYTIC)
            rows.append({"seed": seed, **figures_of(solution), "shares": shares_off(solution)})
            say(f"6 cohorts, aim {name}, seed {seed}: {rows[-1]}")
        part["aims"][name] = rows
    for cohorts in GROWTH[: 2 if quick else None]:
        solution = solve(AnalyticOLG(cohorts=cohorts), aim=1e-6, box=0.0, verbose=0, **ANALYTIC)
        row = {"cohorts": cohorts, **figures_of(solution), "shares": shares_off(solution)}
        row["set back"] = solution.accuracy.sets["ergodic"]["set back"]
        part["growth"].append(row)
        say(f"{cohorts} cohorts: {row}")
    return part


def constrained(cohorts: int, quick: bool, **changed: Any) -> dict[str, Any]:
    """One solve, with the share of periods in which each age is at its floor."""
    settings = {**CONSTRAINED, **changed, **({"updates": 200} if quick else {})}
    solution = solve(ConstrainedOLG(cohorts=cohorts), verbose=1, **settings)
    ergodic = solution.accuracy.sets["ergodic"]
    return {
        "settings": settings,
        **figures_of(solution),
        "p99.9": solution.accuracy.figure("ergodic p99.9"),
        "set back": ergodic["set back"],
        "binding": [ergodic["binding"][f"floor_{h}"] for h in range(1, cohorts)],
        "log10 consumption error": [
            ergodic["consumption"][f"euler_{h}"]["mean"] for h in range(1, cohorts)
        ],
        "status": solution.status,
    }


def say(text: str) -> None:
    print(f"[{time.perf_counter():7.1f} s] {text}", flush=True)


def about() -> dict[str, Any]:
    """Where and with what it ran, and how busy the machine was."""
    load = [round(x, 1) for x in os.getloadavg()]
    return machine() | {"load before": load, "versions": versions(*PACKAGES)}


def markdown(found: dict[str, Any]) -> str:
    """olg.json as tables."""
    lines = ["# Overlapping generations", "", "Written by `benchmarks/olg.py`; do not edit.", ""]
    for name, part in found.items():
        ran = part["machine"]
        with_what = ", ".join(f"{k} {v}" for k, v in ran["versions"].items())
        quick = " **Quick run: only to see that it works.**" if part["quick"] else ""
        lines += [
            f"## {name}",
            "",
            f"`{part['command']}`, {part['date']}. {ran['cpu']}, {ran['cores']} cores, load "
            f"before {ran['load before']}; {with_what}.{quick}",
            "",
            f"`solve(..., {', '.join(f'{k}={v!r}' for k, v in part['settings'].items())})`",
            "",
        ]
        lines += _analytic_lines(part) if "growth" in part else _constrained_lines(part)
    return "\n".join(lines).rstrip() + "\n"


def _analytic_lines(part: dict[str, Any]) -> list[str]:
    lines = [
        "| aim | seeds that met it | seconds, median (largest) | mean, largest | max, largest "
        "| shares off by, largest |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in part["aims"].items():
        column = lambda key, rows=rows: np.array([r[key] for r in rows])  # noqa: E731
        seconds = column("seconds")
        lines.append(
            f"| {name} | {int(column('met').sum())} of {len(rows)} | {np.median(seconds):.1f} "
            f"({seconds.max():.1f}) | {column('ergodic mean').max():.1e} "
            f"| {column('ergodic max').max():.1e} | {column('shares').max():.1e} |"
        )
    lines += ["", "| cohorts | seconds | mean | max | shares off by | set back |"]
    lines += ["|---|---|---|---|---|---|"]
    for r in part["growth"]:
        lines.append(
            f"| {r['cohorts']} | {r['seconds']:.1f} | {r['ergodic mean']:.1e} "
            f"| {r['ergodic max']:.1e} | {r['shares']:.1e} | {r['set back']:.2%} |"
        )
    return [*lines, "", "![time against cohorts](olg.png)", ""]


def _constrained_lines(part: dict[str, Any]) -> list[str]:
    lines = [
        f"{part['status']}. {part['seconds']:.0f} s; worst condition on the ergodic set: mean "
        f"{part['ergodic mean']:.1e}, 99.9th percentile {part['p99.9']:.1e}, max "
        f"{part['ergodic max']:.1e}. Box: mean {part['box mean']:.1e}.",
        "",
        "| age | at its floor | log10 mean error in consumption |",
        "|---|---|---|",
    ]
    both = zip(part["binding"], part["log10 consumption error"], strict=True)
    for age, (share, error) in enumerate(both, 1):
        shown = "0 exactly" if error < -20 else f"{error:.2f}"
        lines.append(f"| {age} | {share:.1%} | {shown} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("analytic", "constrained"))
    parser.add_argument("--cohorts", type=int, help="the constrained economy alone, of so many")
    parser.add_argument("--updates", type=int, help="of the constrained economy")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    print(json.dumps(about(), indent=1), flush=True)
    path = given.out / ("olg-quick.json" if given.quick else "olg.json")
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    changed = {} if given.updates is None else {"updates": given.updates}
    jobs: dict[str, Any] = {}
    if given.cohorts is None and given.only != "constrained":
        jobs["analytic"] = lambda: analytic(given.quick)
    if given.only != "analytic":
        cohorts = given.cohorts or (6 if given.quick else 20)
        jobs[f"constrained, {cohorts} cohorts"] = lambda: constrained(
            cohorts, given.quick, **changed
        )
    given.out.mkdir(parents=True, exist_ok=True)
    for name, job in jobs.items():
        ran = about()
        found[name] = {
            "command": " ".join(["python benchmarks/olg.py", *sys.argv[1:]]),
            "date": time.strftime("%Y-%m-%d"),
            "quick": given.quick,
            "machine": ran,
            **job(),
        }
        path.write_text(json.dumps(found, indent=1) + "\n")  # a job that is stopped loses no other
        path.with_suffix(".md").write_text(markdown(found))
    if "analytic" in jobs:
        rows = found["analytic"]["growth"]
        draw(rows, "cohorts", "seconds to a mean residual of 1e-6", "Analytic OLG", path)


if __name__ == "__main__":
    main()
