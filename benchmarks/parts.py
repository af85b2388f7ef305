"""The parts of a run: training, start, sweep, imports. Each returns what goes into speed.json."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import workloads
from harness import (
    DESCEND,
    MODULE_PEERS,
    PEERS,
    Bench,
    Failed,
    Peer,
    guarded,
    last_line,
    spread,
)
from workloads import Workload

SWEEPERS = [
    (Peer("scikit-learn, 2 processes", "sklearn_mlp", ("sklearn",)), 8),
    (Peer("PyTorch eager, 2 processes", "torch_eager", ("torch",)), 8),
    (Peer("PyTorch, 64 networks as one", "torch_ensemble", ("torch",)), 64),
]
# Options of the start: few, since each trial is a whole run
START_SETTINGS = {
    "torch_eager": [{"optimizer": "default"}, {"optimizer": "fused"}],
    "torch_compiled": [{"form": "model"}, {"form": "step"}],
    "tensorflow": [
        {"jit_compile": True, "steps_per_execution": "epoch"},
        {"jit_compile": False, "steps_per_execution": "epoch"},
        {"jit_compile": False, "steps_per_execution": 1},
    ],
    "jax": [
        {"jit_compile": True, "steps_per_execution": 1},
        {"jit_compile": True, "steps_per_execution": "epoch"},
    ],
    "torch": [{"jit_compile": False, "steps_per_execution": 1}],
    "sklearn_mlp": [{}],
}


def training(bench: Bench, work: Workload) -> dict:
    """Time a step, first call, memory; of the multilayer perceptrons also with validation, and the
    machine's rate of matrix products."""
    part: dict = {"kind": "training", "work": work.describe(), "peers": {}}
    job = {"kind": "steady", "work": work.describe(), "data": bench.data(work)}
    job |= {"repeats": bench.repeats, "seconds": bench.seconds}
    variants = [("plain", False), ("validation", True)] if work.held else [("plain", False)]
    rates: list[dict] = []

    def machine_rate() -> None:
        if work.is_mlp and work.loss != "mse":
            numpy = Peer("NumPy", "numpy_rate", ("numpy",))
            rates.append(
                bench.run(numpy, {"kind": "rate", "work": work.describe(), "data": job["data"]})
            )

    def measure(peer: Peer, entry: dict) -> None:
        for name, held in variants:
            asked = job | {"threads": entry["threads"], "setting": entry["setting"], "held": held}
            found = bench.run(peer, asked, bench.fresh() if not held or peer is DESCEND else None)
            entry["setting"] = found["setting"]
            kept = entry.setdefault(name, {})
            for key in ("step_us", "first_s", "peak_mib", "added_mib", "first_loss"):
                value = found[key]
                kept[key] = kept.get(key, []) + (value if isinstance(value, list) else [value])
            kept["logs"] = found["logs"]
        medians = [statistics.median(entry[name]["step_us"]) for name, _ in variants]
        said = f"{medians[0]:.1f} us a step" + "".join(f", {m:.1f} validating" for m in medians[1:])
        bench.say(f"{work.name}: {peer.name}: {said}")

    own: dict = {"status": "ok", "setting": {}, "threads": None}
    part["peers"][DESCEND.name] = own
    machine_rate()
    guarded(bench, own, work.name, DESCEND, lambda: measure(DESCEND, own))
    for peer in PEERS if work.is_mlp else MODULE_PEERS:
        entry = part["peers"][peer.name] = {"status": "ok"}

        def whole(peer: Peer = peer, entry: dict = entry) -> None:
            entry |= bench.choose(peer, work)
            measure(peer, entry)

        guarded(bench, entry, work.name, peer, whole)
    if own["status"] == "ok":
        guarded(bench, own, work.name, DESCEND, lambda: measure(DESCEND, own))
    machine_rate()
    for entry in part["peers"].values():
        for name, _ in variants:
            if name in entry and entry["status"] == "ok":
                _summarise(entry[name])
    if rates:
        part["numpy"] = {
            "square": rates[0]["square"],
            "step_gflops": spread([g for r in rates for g in r["step_gflops"]]),
            "square_gflops": spread([g for r in rates for g in r["square_gflops"]]),
        }
    return part


def _summarise(kept: dict) -> None:
    kept |= {"step": spread(kept["step_us"]), "first": spread(kept["first_s"])}
    for key in ("peak_mib", "added_mib"):  # None where the system does not tell
        values = kept.pop(key)
        if None not in values:
            kept[key.removesuffix("_mib")] = spread(values)
    kept["first_loss"] = statistics.median(kept["first_loss"])


def start(bench: Bench) -> dict:
    """Whole processes: interpreter, imports, compilation, 100 epochs of the listing."""
    work = workloads.LISTING
    job = {"kind": "start", "work": work.describe(), "data": bench.data(work)}
    part: dict = {"kind": "start", "work": work.describe(), "peers": {}}
    lanes: list[tuple[Peer, str, dict]] = []  # peer, cold or warm, its job
    times: dict[tuple[str, str], list[dict]] = {}
    for peer in [DESCEND, *PEERS]:
        entry = part["peers"][peer.name] = {"status": "ok"}

        def choose(peer: Peer = peer, entry: dict = entry) -> None:
            if peer is DESCEND:
                bench.run(peer, job | {"setting": {}, "threads": None})  # fills the warm cache
                entry |= {"setting": {}, "threads": None}
            else:
                entry |= _choose_start(bench, peer, job)
            asked = job | {"setting": entry["setting"], "threads": entry["threads"]}
            lanes.append((peer, "warm", asked))
            if peer.cached:
                lanes.append((peer, "cold", asked))
            bench.say(f"start: {peer.name}: {entry['setting']}, threads {entry['threads']}")

        guarded(bench, entry, "start", peer, choose)
    for turn in range(bench.repeats):  # in turns, so that a slow minute hits everyone
        for peer, cache, asked in lanes:
            found = times.setdefault((peer.name, cache), [])
            if turn >= 3 and found and found[0]["wall_s"] > 12:
                continue  # long runs scatter little
            where = bench.fresh() if cache == "cold" else None
            entry = part["peers"][peer.name]

            def once(peer: Peer = peer, asked: dict = asked, where=where, found=found) -> None:
                found.append(bench.run(peer, asked, where))

            guarded(bench, entry, "start", peer, once)
        bench.say(f"start: round {turn + 1} of {bench.repeats}")
    for (name, cache), found in times.items():
        if found:
            part["peers"][name][cache] = spread([f["wall_s"] for f in found])
            part["peers"][name][f"{cache}_stages"] = _stages(found)
    for entry in part["peers"].values():
        if entry["status"] == "ok" and "cold" not in entry:  # nothing is kept between runs
            entry["cold"] = entry["warm"]
    return part


def _choose_start(bench: Bench, peer: Peer, job: dict) -> dict:
    backend = dict(peer.environment).get("KERAS_BACKEND")
    settings = START_SETTINGS[backend or peer.module]
    tried = []
    for setting in settings:
        asked = job | {"setting": setting, "threads": 1}
        try:
            if peer.cached:
                bench.run(peer, asked)  # fills the cache
            wall = bench.run(peer, asked)["wall_s"]
            tried.append({"setting": setting, "threads": 1, "wall_s": wall})
        except Failed as error:
            tried.append({"setting": setting, "threads": 1, "error": str(error)})
    worked = [t for t in tried if "wall_s" in t]
    if not worked:
        raise Failed(tried[0]["error"])
    best = min(worked, key=lambda t: t["wall_s"])
    two = bench.run(peer, job | {"setting": best["setting"], "threads": 2})["wall_s"]
    tried.append({"setting": best["setting"], "threads": 2, "wall_s": two})
    return {"setting": best["setting"], "threads": 2 if two < best["wall_s"] else 1, "tried": tried}


def _stages(found: list[dict]) -> dict:
    """Medians of: interpreter and NumPy, import, build, compile and train, exit."""
    moments = ["launched", "entered", "imported", "built", "trained"]
    named = ["interpreter", "import", "build", "train"]
    stages = {
        name: statistics.median(f[b] - f[a] for f in found)
        for name, a, b in zip(named, moments[:-1], moments[1:], strict=True)
    }
    exits = [f["launched"] + f["wall_s"] - f["trained"] for f in found]
    return stages | {"exit": statistics.median(exits)}


def sweep(bench: Bench) -> dict:
    """64 iris networks, 8 learning rates x 8 seeds, 100 epochs each."""
    work = workloads.LISTING
    rates, seeds = workloads.SWEEP_RATES, workloads.SWEEP_SEEDS
    total = len(rates) * len(seeds)
    job = {"kind": "sweep", "work": work.describe(), "data": bench.data(work)}
    part: dict = {"kind": "sweep", "work": work.describe(), "networks": total, "peers": {}}

    def measure(peer: Peer, entry: dict, asked: dict, share: int) -> None:
        scale = total / share
        entry |= {"measured_networks": share, "setting": asked["setting"]}
        long = bench.run(peer, asked | {"repeats": bench.repeats})
        entry["steady"] = spread([scale * t for t in long["repeats_s"]])
        entry["mean_loss"] = long["mean_loss"]
        cached = peer.cached or asked["setting"].get("compiled")
        caches = ("cold", "warm") if cached else ("warm",)
        for cache in caches:
            walls = []
            for _ in range(1 if bench.quick else 3):
                where = bench.fresh() if cache == "cold" else None
                found = bench.run(peer, asked | {"repeats": 0}, where)
                walls.append(found["wall_s"] + (scale - 1) * found["first_s"])
            entry[cache] = spread(walls)
        entry.setdefault("cold", entry["warm"])
        bench.say(
            f"sweep: {peer.name}: {entry['steady']['median']:.2f} s, "
            f"process {entry['cold']['median']:.2f} s cold, {entry['warm']['median']:.2f} s warm"
        )

    own = part["peers"][DESCEND.name] = {"status": "ok", "threads": None}
    everything = job | {"threads": None, "setting": {}, "rates": rates, "seeds": seeds}
    guarded(bench, own, "sweep", DESCEND, lambda: measure(DESCEND, own, everything, total))
    for peer, share in SWEEPERS:
        entry = part["peers"][peer.name] = {"status": "ok"}

        def whole(peer: Peer = peer, entry: dict = entry, share: int = share) -> None:
            entry |= bench.choose(peer, _trial(work))
            if share < total:
                entry["threads"] = 1  # two processes on two cores
            some = seeds[: share // len(rates)]
            asked = {"threads": entry["threads"], "setting": entry["setting"]}
            measure(peer, entry, job | asked | {"rates": rates, "seeds": some}, share)

        guarded(bench, entry, "sweep", peer, whole)
    return part


def _trial(work: Workload) -> Workload:
    described = {name: getattr(work, name) for name in Workload.__dataclass_fields__}
    return Workload(**described | {"trial_epochs": 4})


def imports(bench: Bench) -> dict:
    """Seconds of whole processes that import, or ask for help."""
    script = Path(sys.executable).parent / "descend"
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import jax, optax": [sys.executable, "-c", "import jax, optax"],
        "import descend": [sys.executable, "-c", "import descend"],
        "from descend import Model, Input, Dense": [
            sys.executable,
            "-c",
            "from descend import Model, Input, Dense",
        ],
        "descend --help": [str(script), "--help"],
    }
    part: dict = {"kind": "imports", "commands": {name: {"status": "ok"} for name in commands}}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(1 + (3 if bench.quick else 9)):  # in turns; the first warms the disk
        for name, command in commands.items():
            if part["commands"][name]["status"] != "ok":
                continue
            began = time.perf_counter()
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            except FileNotFoundError:
                part["commands"][name]["status"] = "not installed"
                continue
            if done.returncode:
                part["commands"][name]["status"] = last_line(done.stderr) or "failed"
            elif turn:
                times[name].append(time.perf_counter() - began)
    for name, found in times.items():
        if found:
            part["commands"][name]["seconds"] = spread(found)
            bench.say(f"imports: {name}: {statistics.median(found):.3f} s")
        else:
            bench.say(f"imports: {name}: {part['commands'][name]['status']}")
    return part
