"""A search beside the same trials through Keras in a row: `python benchmarks/search.py`.

    --trials 64 --rows 10000 --epochs 50
    --quick     6 trials, 2,000 rows, 3 epochs, nothing written

A made table of 20 numbers and two classes; multilayer perceptrons whose hidden units, learning
rate and L2 penalty are drawn by descend. Both sides train every trial for all epochs in
batches of 256, judge it on the same validation rows after each epoch and keep the best epoch's
weights. Keras runs on TensorFlow at whichever of its settings makes whole trials fastest. Each side
is a process of its own with empty caches; the clock starts when libraries and data are loaded.
Successive halving, which trains most trials only in part, is timed beside them.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine, versions

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("jax", "keras", "tensorflow-cpu", "numpy", "scikit-learn")
AIM = 10.0  # times as fast
BATCH = 256
TRIED = 3  # trials that each setting of Keras is timed on


def table(rows: int):
    import pandas as pd
    from sklearn.datasets import make_classification

    from descend.data.table import Table

    x, y = make_classification(rows, 20, n_informative=10, flip_y=0.05, random_state=0)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(20)])
    frame["y"] = np.where(y == 1, "yes", "no")
    return Table("made", "made", frame, "y", "made by scikit-learn", "")


def options(job: dict):
    from descend.tables.options import FitOptions

    epochs = job["epochs"]
    return FitOptions(recipe="mlp", epochs=epochs, patience=epochs, batch_size=BATCH, sealed=True)


def of_descend(job: dict, method: str) -> dict:
    from descend.tables.choosing.search import search

    given = table(job["rows"])
    began = time.perf_counter()
    found = search(given, options(job), trials=job["trials"], method=method)
    return {
        "seconds": time.perf_counter() - began,
        "programs": found.groups,
        "figures": [t.figure for t in found.trials],
        "epochs": sum(t.epochs for t in found.trials),
        "best": found.best.figure,
    }


def of_keras(job: dict) -> dict:
    import keras
    import tensorflow  # noqa: F401

    from descend.tables.choosing.space import draw_trials
    from descend.tables.prepare import prepare_table

    prepared = prepare_table(table(job["rows"]), options(job))
    train, held = (
        prepared.part(rows) for rows in (prepared.split.train, prepared.split.validation)
    )
    trials = draw_trials(options(job), job["trials"])
    steps = -(-len(train.y) // BATCH)

    def one(settings: dict, jit: bool, at_once: int) -> float:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        penalty = keras.regularizers.L2(settings.get("l2", 0.0)) if settings.get("l2") else None
        model = keras.Sequential([keras.Input((train.x.numbers.shape[1],))])
        for units in settings.get("hidden", options(job).chosen("hidden")):
            model.add(keras.layers.Dense(units, "swish", kernel_regularizer=penalty))
            if settings.get("dropout"):
                model.add(keras.layers.Dropout(settings["dropout"]))
        model.add(keras.layers.Dense(2, "softmax", kernel_regularizer=penalty))
        model.compile(
            keras.optimizers.Adam(settings.get("learning_rate", 0.001)),
            "sparse_categorical_crossentropy",
            jit_compile=jit,
            steps_per_execution=at_once,
        )
        stop = keras.callbacks.EarlyStopping(patience=job["epochs"], restore_best_weights=True)
        model.fit(
            train.x.numbers,
            train.y,
            batch_size=BATCH,
            epochs=job["epochs"],
            validation_data=(held.x.numbers, held.y),
            validation_batch_size=1024,
            callbacks=[stop],
            verbose=0,
        )
        p = model.predict(held.x.numbers, batch_size=1024, verbose=0).astype(np.float64)
        return float(-np.log(np.maximum(p[np.arange(len(held.y)), held.y], 1e-15)).mean())

    tried = {}
    for jit, at_once in itertools.product((False, True), (1, steps)):
        began = time.perf_counter()
        for settings in trials[:TRIED]:
            one(settings, jit, at_once)
        tried[jit, at_once] = (time.perf_counter() - began) / TRIED
    jit, at_once = min(tried, key=lambda key: tried[key])
    began = time.perf_counter()
    figures = [one(settings, jit, at_once) for settings in trials]
    return {
        "seconds": time.perf_counter() - began,
        "figures": figures,
        "best": min(figures),
        "setting": {"jit_compile": jit, "steps_per_execution": at_once},
        "tried": [
            {"jit_compile": j, "steps_per_execution": s, "seconds_a_trial": took}
            for (j, s), took in tried.items()
        ],
    }


WORKERS = {
    "descend": lambda job: of_descend(job, "random"),
    "descend, halving": lambda job: of_descend(job, "halving"),
    "Keras": of_keras,
}


def run(name: str, job: dict) -> dict:
    """One side, in a process of its own."""
    command = [sys.executable, __file__, "--one", name, json.dumps(job)]
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {
            "DESCEND_CACHE": folder,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{name} gave no result:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1][7:])


def markdown(results: dict) -> str:
    job, sides = results["job"], results["sides"]
    keras, ours = sides["Keras"]["seconds"], sides["descend"]["seconds"]
    setting = ", ".join(f"{k}={v}" for k, v in sides["Keras"]["setting"].items())
    lines = [
        f"# A search of {job['trials']} trials",
        "",
        f"Written by `{results['command']}`; do not edit. {results['date']}, "
        f"{results['machine']['cpu']}, {results['machine']['cores']} cores, "
        + ", ".join(f"{k} {v}" for k, v in results["versions"].items())
        + f"; load before {results['load_before']}.",
        "",
        f"{job['rows']:,} rows, 20 columns, {job['epochs']} epochs a trial, batches of {BATCH}. "
        f"Keras, one trial after the other, at its fastest setting: {setting}.",
        "",
        "| | seconds | times as fast as Keras | epochs trained | best log-loss in validation |",
        "|---|---|---|---|---|",
    ]
    for name, side in sides.items():
        epochs = side.get("epochs", job["trials"] * job["epochs"])
        lines.append(
            f"| {name} | {side['seconds']:.1f} | {keras / side['seconds']:.1f} | {epochs:,} "
            f"| {side['best']:.4f} |"
        )
    said = "reached" if keras / ours >= AIM else "missed"
    lines += ["", f"Aim: the same trials {AIM:.0f} times as fast: {said}.", ""]
    apart = np.array(sides["descend"]["figures"]) - np.array(sides["Keras"]["figures"])
    lines += [
        "The same trials give the same figures but for the draws: the log-losses of descend less "
        f"those of Keras have mean {apart.mean():+.4f} and standard deviation {apart.std():.4f}.",
        "",
        "Settings of Keras that were tried: "
        + "; ".join(
            f"jit_compile={t['jit_compile']}, steps_per_execution={t['steps_per_execution']}: "
            f"{t['seconds_a_trial']:.1f} s a trial"
            for t in sides["Keras"]["tried"]
        )
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # SIDE JOB: a worker
    asked = parser.parse_args()
    if asked.one:
        name, job = asked.one
        print("RESULT " + json.dumps(WORKERS[name](json.loads(job))), flush=True)
        return
    job = {"trials": asked.trials, "rows": asked.rows, "epochs": asked.epochs}
    if asked.quick:
        job = {"trials": 6, "rows": 2000, "epochs": 3}
    results = {
        "command": " ".join(["python benchmarks/search.py", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(*PACKAGES),
        "load_before": round(os.getloadavg()[0], 2),
        "job": job,
        "sides": {name: run(name, job) for name in WORKERS},
    }
    text = markdown(results)
    print(text)
    if not asked.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "search.json").write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "search.md").write_text(text)


if __name__ == "__main__":
    main()
