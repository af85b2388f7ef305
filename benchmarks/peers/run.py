"""One measurement of one peer, in a process of its own: `python run.py PEER JOB.json`.

Jobs: `trial` compares settings, `steady` times fits, `start` trains once, `sweep` trains many,
`rate` multiplies matrices. The last line written to stdout is `RESULT {json}`. Each peer is a
module beside this one with:

    OPTIONS(work)                       {option: values to try, the plain one first}
    set_threads(n)                      called before anything else; imports the framework
    build(work, data, setting, held)    -> fit(epochs) -> {"loss": float, ["val_loss": float]}
                                        fit.parameters() counts what it trained
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
HOPELESS = 3  # times the best: not timed again


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


def checked(fit, work: Workload):
    """That the network trained is the one described."""
    assert fit.parameters() == work.parameters, (
        f"{fit.parameters()} parameters, {work.parameters} are described"
    )


def trial(peer, job: dict) -> dict:
    """Option by option: every value beside the best of the others; the fastest stays.

    A value far slower than the best is timed once. With `budget_s` no further value is begun after
    that time, and the first value of an option that is slower than the one before ends the option;
    what is known is also written after each value, in case a later one takes for ever.
    """
    work, data = load(job)
    peer.set_threads(job["threads"])
    budget = job.get("budget_s")
    tried: list[dict] = []
    launched = time.perf_counter()

    def best() -> dict:
        return min(tried, key=lambda t: t.get("step_us", float("inf")))

    def result() -> dict:
        step_us = best().get("step_us", float("inf"))
        return {"setting": best()["setting"], "step_us": step_us, "tried": tried}

    def measure(setting: dict) -> float:
        for old in tried:
            if old["setting"] == setting:
                return old.get("step_us", float("inf"))
        entry: dict = {"setting": dict(setting), "threads": job["threads"]}
        known = best().get("step_us", float("inf")) if tried else float("inf")
        tried.append(entry)
        if budget and known < float("inf") and time.perf_counter() - launched > budget:
            entry["error"] = "not tried, time was over"
            return float("inf")
        if budget and known < float("inf"):
            entry["error"] = "no result within the time"
            print("RESULT " + json.dumps(result()), flush=True)
            del entry["error"]
        steps = work.trial_epochs * work.steps
        try:
            fit = peer.build(work, data, setting, False)
            fit(work.trial_epochs)  # compiles
            times, began = [], time.perf_counter()
            while len(times) < 2 or time.perf_counter() - began < TRIAL_SECONDS:
                start = time.perf_counter()
                fit(work.trial_epochs)
                times.append(time.perf_counter() - start)
                if 1e6 * times[-1] / steps > HOPELESS * known:
                    break
        except Exception as error:  # a setting this backend does not have: listed, not chosen
            said = str(error).strip().splitlines() or [""]
            entry["error"] = f"{type(error).__name__}: {said[0][:160]}"
            return float("inf")
        entry["step_us"] = 1e6 * statistics.median(times) / steps
        return entry["step_us"]

    if job.get("setting") is not None:
        measure(job["setting"])
        return result()
    options = peer.OPTIONS(work)
    fastest = measure({name: values[0] for name, values in options.items()})
    for name, values in options.items():
        for value in values[1:]:
            took = measure(best()["setting"] | {name: value})
            if budget and took > fastest:
                break
            fastest = min(fastest, took)
    return result()


def steady(peer, job: dict) -> dict:
    """The first fit of one epoch, then whole fits of several, per step; memory at its peak."""
    work, data = load(job)
    peer.set_threads(job["threads"])
    setting = job["setting"]
    if setting is None:  # settings are not compared
        setting = {name: values[0] for name, values in peer.OPTIONS(work).items()}
    before = memory("VmRSS")
    began = time.perf_counter()
    fit = peer.build(work, data, setting, job["held"])
    first_logs = fit(1)
    first = time.perf_counter() - began
    checked(fit, work)
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
    peak = memory("VmHWM")
    return {
        "setting": setting,
        "first_s": first,
        "first_loss": first_logs["loss"],
        "step_us": [1e6 * t / steps for t in times],
        "logs": logs,
        "peak_mib": peak,
        "added_mib": None if peak is None else peak - before,
    }


def memory(which: str) -> float | None:
    """Resident set of this process in MiB, now (VmRSS) or at its peak (VmHWM); Linux alone."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    return None


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
