"""One measurement of one peer, in a process of its own: `python run.py PEER JOB.json`.

Jobs: `trial` compares settings, `steady` times fits, `start` trains once, `sweep` trains many,
`rate` multiplies matrices. The last line written to stdout is `RESULT {json}`. Each peer is a
module beside this one with:

    OPTIONS(work)                       {option: values to try, the plain one first}
    set_threads(n)                      called before anything else; imports the framework
    build(work, data, setting, held)    -> fit(epochs) -> {"loss": float, ["val_loss": float]}
    sweeper(work, data, setting)        a context: train_all(rates, seeds, epochs) -> losses
"""

from __future__ import annotations

import time

ENTERED = time.time()

import importlib  # noqa: E402
import json  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))
from workloads import Workload  # noqa: E402

TRIAL_SECONDS = 0.5


def main() -> None:
    peer = importlib.import_module(sys.argv[1])
    job = json.loads(Path(sys.argv[2]).read_text())
    result = JOBS[job["kind"]](peer, job)
    print("RESULT " + json.dumps(result), flush=True)


def load(job: dict) -> tuple[Workload, dict[str, np.ndarray]]:
    described = dict(job["work"])
    work = Workload(**{name: described[name] for name in Workload.__dataclass_fields__})
    with np.load(job["data"]) as file:
        return work, {name: file[name] for name in file.files}


def trial(peer, job: dict) -> dict:
    """Option by option: every value beside the best of the others; the fastest stays."""
    work, data = load(job)
    peer.set_threads(job["threads"])
    tried: list[dict] = []

    def measure(setting: dict) -> float:
        for old in tried:
            if old["setting"] == setting:
                return old.get("step_us", float("inf"))
        entry: dict = {"setting": dict(setting), "threads": job["threads"]}
        tried.append(entry)
        try:
            fit = peer.build(work, data, setting, False)
            fit(work.trial_epochs)  # compiles
            times, began = [], time.perf_counter()
            while len(times) < 2 or time.perf_counter() - began < TRIAL_SECONDS:
                start = time.perf_counter()
                fit(work.trial_epochs)
                times.append(time.perf_counter() - start)
        except Exception as error:  # a setting this backend does not have: listed, not chosen
            entry["error"] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160]}"
            return float("inf")
        entry["step_us"] = 1e6 * statistics.median(times) / (work.trial_epochs * work.steps)
        return entry["step_us"]

    if job.get("setting") is not None:
        best, fastest = job["setting"], measure(job["setting"])
    else:
        options = peer.OPTIONS(work)
        best = {name: values[0] for name, values in options.items()}
        fastest = measure(best)
        for name, values in options.items():
            for value in values[1:]:
                other = best | {name: value}
                took = measure(other)
                if took < fastest:
                    best, fastest = other, took
    return {"setting": best, "step_us": fastest, "tried": tried}


def steady(peer, job: dict) -> dict:
    """The first fit of one epoch, then whole fits of several, per step."""
    work, data = load(job)
    peer.set_threads(job["threads"])
    began = time.perf_counter()
    fit = peer.build(work, data, job["setting"], job["held"])
    fit(1)
    first = time.perf_counter() - began
    logs = fit(work.epochs)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < job["repeats"] or (
        time.perf_counter() - began < job["seconds"] and len(times) < 4 * job["repeats"]
    ):
        start = time.perf_counter()
        logs = fit(work.epochs)
        times.append(time.perf_counter() - start)
    steps = work.epochs * work.steps
    return {"first_s": first, "step_us": [1e6 * t / steps for t in times], "logs": logs}


def start(peer, job: dict) -> dict:
    """From nothing to a trained network, with the moments on the way."""
    work, data = load(job)
    peer.set_threads(job["threads"])
    imported = time.time()
    fit = peer.build(work, data, job["setting"], True)
    built = time.time()
    logs = fit(work.epochs)
    return {
        "logs": logs,
        "entered": ENTERED,
        "imported": imported,
        "built": built,
        "trained": time.time(),
    }


def sweep(peer, job: dict) -> dict:
    """All networks of the sweep, or of a share of it; the first time and then `repeats` times."""
    work, data = load(job)
    peer.set_threads(job["threads"])
    times, losses = [], []
    with peer.sweeper(work, data, job["setting"]) as train_all:
        for _ in range(1 + job["repeats"]):
            began = time.perf_counter()
            losses = train_all(job["rates"], job["seeds"], work.epochs)
            times.append(time.perf_counter() - began)
    return {
        "entered": ENTERED,
        "first_s": times[0],
        "repeats_s": times[1:],
        "mean_loss": float(np.mean(losses)),
        "networks": len(losses),
        "trained": time.time(),
    }


def rate(peer, job: dict) -> dict:
    work, _ = load(job)
    return peer.measure(work)


JOBS = {"trial": trial, "steady": steady, "start": start, "sweep": sweep, "rate": rate}

if __name__ == "__main__":
    main()
