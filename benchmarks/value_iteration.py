"""Value function iteration beside plain NumPy and Numba: `python benchmarks/value_iteration.py`.

    --points 500,1000,2000   sizes of the grid
    --repeats 5
    --quick                  one small grid, two repeats, nothing written

Stochastic growth, grid search: V_{j+1}(k, z) = max over next grid points of u(c) + beta E V_j,
until V moves by less than 1e-6. All do the same sums on the same numbers in float64: utilities are
computed once (-inf where not feasible), then each iteration takes E V and the maximum. A time is
that of a whole solve, after a first one; descend's has the utilities in it, those of the others
lie ready. "First" has the compilation in it, in a process of its own with no cache.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from machine import machine, versions

RESULTS = Path(__file__).resolve().parent / "results"
TOLERANCE, MOST = 1e-6, 5000
BLOCK = 250  # present states that a loop of Numba keeps in its nearest cache
ALPHA, BETA, SIGMA, DELTA = 0.36, 0.99, 2.0, 0.025
LEVELS = np.array([0.99, 1.01])
CHANCES = np.array([[0.9, 0.1], [0.1, 0.9]])
PEERS = ("descend", "Numba, all cores", "Numba, one core", "NumPy")


def grid_of(points: int) -> np.ndarray:
    steady = (ALPHA / (1 / BETA - 1 + DELTA)) ** (1 / (1 - ALPHA))
    return np.linspace(0.4 * steady, 1.6 * steady, points)


def utilities(points: int) -> np.ndarray:
    """(z, k', k): what NumPy and Numba start from, in the order in which descend has it.

    With present capital last, the maximum runs over whole rows, which all three do in vector code.
    """
    k = grid_of(points)
    resources = LEVELS[:, None] * k**ALPHA + (1 - DELTA) * k
    c = resources[:, None, :] - k[:, None]
    return np.where(c > 0, np.maximum(c, 1e-300) ** (1 - SIGMA) / (1 - SIGMA), -np.inf)


def numpy_solver(points: int):
    reward = utilities(points)
    total = np.empty_like(reward)  # one table for the sums, not one an iteration

    def solve():
        value, distance, count = np.zeros((2, points)), np.inf, 0
        while distance > TOLERANCE and count < MOST:
            np.add(reward, (BETA * CHANCES @ value)[:, :, None], out=total)
            new = total.max(axis=1)
            distance, value, count = abs(new - value).max(), new, count + 1
        return value, count

    return solve


def numba_solver(points: int, parallel: bool):
    import numba

    # without leave to ignore NaN the maximum is no vector code
    @numba.njit(parallel=parallel, fastmath={"nnan", "nsz", "reassoc", "contract"})
    def iterate(reward, value, most):
        n = reward.shape[1]
        blocks = (n + BLOCK - 1) // BLOCK
        new = np.empty_like(value)
        count, distance = 0, np.inf
        while distance > TOLERANCE and count < most:
            ahead = np.empty_like(value)
            for j in range(n):
                for z in range(2):
                    ahead[z, j] = BETA * (CHANCES[z, 0] * value[0, j] + CHANCES[z, 1] * value[1, j])
            for part in numba.prange(2 * blocks):
                z, first = part // blocks, (part % blocks) * BLOCK
                last = min(first + BLOCK, n)
                best = np.full(last - first, -np.inf)
                for j in range(n):
                    row = reward[z, j, first:last]
                    later = ahead[z, j]
                    for i in range(last - first):
                        best[i] = max(best[i], row[i] + later)
                new[z, first:last] = best
            distance = np.abs(new - value).max()
            value[:] = new
            count += 1
        return value, count

    reward = utilities(points)
    return lambda: iterate(reward, np.zeros((2, points)), MOST)


def descend_solver(points: int):
    from descend.economies.dynamic_programming import Problem, value_iteration
    from descend.economies.floats import precision
    from descend.economies.models.growth import StochasticGrowth

    with precision("float64"):
        problem = Problem.of(StochasticGrowth(), points)

    def solve():  # the table of utilities is part of its program
        found = value_iteration(problem, method="grid", tolerance=TOLERANCE)
        return found.value.T, found.iterations

    return solve


SOLVERS = {
    "descend": descend_solver,
    "Numba, all cores": lambda points: numba_solver(points, True),
    "Numba, one core": lambda points: numba_solver(points, False),
    "NumPy": numpy_solver,
}


def measure(peer: str, points: int, repeats: int) -> dict:
    """In this process: the first call, then the median of the next ones."""
    began = time.perf_counter()
    solve = SOLVERS[peer](points)
    value, count = solve()
    first, took = time.perf_counter() - began, []
    for _ in range(repeats):
        began = time.perf_counter()
        value, count = solve()
        took.append(time.perf_counter() - began)
    return {
        "first_s": first,
        "median_s": statistics.median(took),
        "min_s": min(took),
        "max_s": max(took),
        "repeats": repeats,
        "iterations": int(count),
        "value": [float(value.min()), float(value.max())],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--points", default="500,1000,2000")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # a worker: PEER
    options = parser.parse_args()
    if options.quick:
        options.points, options.repeats = "200", 2
    sizes = [int(n) for n in options.points.split(",")]
    if options.one:
        print("RESULT " + json.dumps(measure(options.one, sizes[0], options.repeats)))
        return
    results: dict = about() | {"tolerance": TOLERANCE, "grids": {}}
    for size in sizes:
        found: dict = {}
        for peer in PEERS:
            found[peer] = worker(peer, size, options.repeats)
            print(f"{size} points, {peer}: {found[peer]}", flush=True)
        ends = np.array([found[p]["value"] for p in PEERS if "value" in found[p]])
        results["grids"][str(size)] = found | {"apart": float(np.ptp(ends, axis=0).max())}
    text = markdown(results)
    print(text)
    if not options.quick:
        (RESULTS / "value_iteration.json").write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "value_iteration.md").write_text(text)


def worker(peer: str, points: int, repeats: int) -> dict:
    command = [
        sys.executable,
        __file__,
        "--one",
        peer,
        "--points",
        str(points),
        "--repeats",
        str(repeats),
    ]
    env = os.environ | {"DESCEND_CACHE": "off"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=900, check=False
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    return {"error": (done.stderr.strip().splitlines() or ["no result"])[-1]}


def about() -> dict:
    where = machine()
    return {
        "date": datetime.date.today().isoformat(),
        "command": "python benchmarks/value_iteration.py " + " ".join(sys.argv[1:]),
        "machine": f"{where['cpu']}, {where['cores']} cores",
        "load_before": os.getloadavg()[0],
        "versions": versions("jax", "numpy", "numba"),
    }


def markdown(results: dict) -> str:
    with_what = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    lines = [
        "# Value function iteration",
        "",
        "Written by `benchmarks/value_iteration.py`; do not edit. Stochastic growth, two "
        "productivities, grid search over all next grid points, float64, until V moves by less "
        f"than {results['tolerance']:g}. Seconds of a whole solve: median (smallest - largest) "
        "after a first call; the first call with compilation and tables, without any cache.",
        "",
        f"{results['date']}, `{results['command'].strip()}`, {results['machine']}, {with_what}, "
        f"load average before: {results['load_before']:.1f}.",
        "",
        "| points | iterations | | solve (s) | over descend | an iteration (ms) | first call (s) |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, found in results["grids"].items():
        base = found["descend"].get("median_s", float("nan"))
        for peer in PEERS:
            r = found[peer]
            if "error" in r:
                lines.append(f"| {size} | | {peer} | {r['error']} | | | |")
                continue
            lines.append(
                f"| {size} | {r['iterations']} | {peer} | {r['median_s']:.3f} ({r['min_s']:.3f} - "
                f"{r['max_s']:.3f}) | {r['median_s'] / base:.2f} | "
                f"{1e3 * r['median_s'] / r['iterations']:.3f} | {r['first_s']:.2f} |"
            )
    apart = max(found["apart"] for found in results["grids"].values())
    lines += ["", f"Values of the three agree within {apart:.0e} (smallest and largest of V)."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
