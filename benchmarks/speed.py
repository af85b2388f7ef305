"""descend beside its peers, in one run: `python benchmarks/speed.py`.

    --only iris,start     some parts (a name or its beginning); merged into the results there are
    --quick               few repeats, smaller data, nothing written (unless --write)
    --readme              put the table of the last results into README.md, measure nothing

Every measurement is a process of its own (peers/run.py), with every cache of compiled code in a
temporary folder. A peer first runs its possible settings shortly, with one thread and with two,
and is then measured at the fastest. descend runs as installed, before and after its peers.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import report
import workloads
from workloads import Workload

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TIME_LIMIT = 240  # seconds a process may take


@dataclass(frozen=True)
class Peer:
    """Who is measured: the module in peers/, what must be installed, what the environment says."""

    name: str
    module: str
    packages: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def cached(self) -> bool:
        """Whether compiled programs outlive the process, so that cold and warm differ."""
        return "jax" in self.packages or self.module in ("descend_peer", "torch_compiled")


DESCEND = Peer("descend", "descend_peer", ("descend",))
PEERS = [
    Peer("PyTorch eager", "torch_eager", ("torch",)),
    Peer("PyTorch compiled", "torch_compiled", ("torch",)),
    Peer(
        "Keras, TensorFlow",
        "keras_peer",
        ("keras", "tensorflow"),
        (("KERAS_BACKEND", "tensorflow"),),
    ),
    Peer("Keras, JAX", "keras_peer", ("keras", "jax"), (("KERAS_BACKEND", "jax"),)),
    Peer("Keras, PyTorch", "keras_peer", ("keras", "torch"), (("KERAS_BACKEND", "torch"),)),
    Peer("scikit-learn", "sklearn_mlp", ("sklearn",)),
]
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


class Failed(Exception):
    """A worker gave no result; the message is its last line."""


class Bench:
    """What all parts need: where things lie, how long to measure, how to run a worker."""

    def __init__(self, quick: bool, folder: Path):
        self.quick = quick
        self.folder = folder
        self.repeats = 2 if quick else 5
        self.seconds = 0.5 if quick else 4.0
        self.works = workloads.QUICK if quick else workloads.FULL
        self.began = time.perf_counter()
        self.cache = folder / "caches"  # shared, so that only cold measurements compile anew
        self.cold = 0

    def say(self, text: str) -> None:
        print(f"[{time.perf_counter() - self.began:7.1f} s] {text}", flush=True)

    def fresh(self) -> Path:
        self.cold += 1
        return self.folder / f"cold-{self.cold}"

    def environment(self, peer: Peer, threads: int | None, cache: Path) -> dict[str, str]:
        dropped = (
            "OMP_",
            "MKL_",
            "OPENBLAS_",
            "XLA_",
            "JAX_",
            "KERAS_",
            "TF_",
            "TORCH",
            "DESCEND_",
        )
        env = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        env |= {
            "DESCEND_CACHE": str(cache / "descend"),
            "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
            "TRITON_CACHE_DIR": str(cache / "triton"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **dict(peer.environment),
        }
        if "jax" in peer.packages:  # Keras on JAX, with JAX's cache on
            env |= {
                "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
        if threads is not None:
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
                env[name] = str(threads)
            if threads == 1:
                env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        return env

    def data(self, work: Workload) -> str:
        return str(workloads.write_data(work, self.folder))

    def run(self, peer: Peer, job: dict, cache: Path | None = None) -> dict:
        """One worker; adds `wall_s`, the time from its start to its end."""
        missing = [p for p in peer.packages if importlib.util.find_spec(p) is None]
        if missing:
            raise Failed(f"not installed ({', '.join(missing)})")
        path = self.folder / "job.json"
        path.write_text(json.dumps(job))
        command = [sys.executable, str(HERE / "peers" / "run.py"), peer.module, str(path)]
        env = self.environment(peer, job.get("threads"), cache or self.cache)
        launched = time.time()
        try:
            done = subprocess.run(
                command, env=env, capture_output=True, text=True, timeout=TIME_LIMIT
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"no result within {TIME_LIMIT} s") from None
        wall = time.time() - launched
        for line in reversed(done.stdout.splitlines()):
            if line.startswith("RESULT "):
                return json.loads(line[7:]) | {"wall_s": wall, "launched": launched}
        if done.returncode < 0:
            raise Failed(f"killed by signal {-done.returncode}")
        raise Failed(_last_line(done.stderr) or f"exit status {done.returncode}, no message")

    def choose(self, peer: Peer, work: Workload) -> dict:
        """The fastest of the peer's settings, and of two threads and one."""
        job = {"kind": "trial", "work": work.describe(), "data": self.data(work)}
        usual = 1 if work.parameters < 100_000 else 2  # all settings at this, the best at the other
        first = self.run(peer, job | {"threads": usual})
        other = self.run(peer, job | {"threads": 3 - usual, "setting": first["setting"]})
        threads = usual if first["step_us"] <= other["step_us"] else 3 - usual
        tried = first["tried"] + other["tried"]
        if first["step_us"] == float("inf"):
            raise Failed(tried[0]["error"])
        return {"setting": first["setting"], "threads": threads, "tried": tried}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"/\S*/", "", lines[-1])[:200] if lines else ""


def spread(values: list[float]) -> dict:
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "n": len(values),
    }


# -- the parts --------------------------------------------------------------------------------


def training(bench: Bench, work: Workload) -> dict:
    """Time a step, with and without validation; first call; for products, the machine's rate."""
    part: dict = {"kind": "training", "work": work.describe(), "peers": {}}
    job = {"kind": "steady", "work": work.describe(), "data": bench.data(work)}
    job |= {"repeats": bench.repeats, "seconds": bench.seconds}
    rates: list[dict] = []

    def machine_rate() -> None:
        if work.loss != "mse":
            numpy = Peer("NumPy", "numpy_rate", ("numpy",))
            rates.append(
                bench.run(numpy, {"kind": "rate", "work": work.describe(), "data": job["data"]})
            )

    def measure(peer: Peer, chosen: dict, entry: dict) -> None:
        for name, held in (("plain", False), ("validation", True)):
            asked = job | {"threads": chosen["threads"], "setting": chosen["setting"], "held": held}
            found = bench.run(peer, asked, bench.fresh() if not held or peer is DESCEND else None)
            kept = entry.setdefault(name, {"step_us": [], "first_s": []})
            kept["step_us"] += found["step_us"]
            kept["first_s"].append(found["first_s"])
            kept["logs"] = found["logs"]
        plain, checked = (statistics.median(entry[n]["step_us"]) for n in ("plain", "validation"))
        bench.say(f"{work.name}: {peer.name}: {plain:.1f} us a step, {checked:.1f} with validation")

    own: dict = {"status": "ok", "setting": {}, "threads": None}
    part["peers"][DESCEND.name] = own
    machine_rate()
    _guarded(bench, own, work.name, DESCEND, lambda: measure(DESCEND, own, own))
    for peer in PEERS:
        entry = part["peers"][peer.name] = {"status": "ok"}

        def whole(peer: Peer = peer, entry: dict = entry) -> None:
            entry |= bench.choose(peer, work)
            measure(peer, entry, entry)

        _guarded(bench, entry, work.name, peer, whole)
    if own["status"] == "ok":
        _guarded(bench, own, work.name, DESCEND, lambda: measure(DESCEND, own, own))
    machine_rate()
    for entry in part["peers"].values():
        for name in ("plain", "validation"):
            if name in entry and entry["status"] == "ok":
                entry[name] |= {
                    "step": spread(entry[name]["step_us"]),
                    "first": spread(entry[name]["first_s"]),
                }
    if rates:
        part["numpy"] = {
            "square": rates[0]["square"],
            "step_gflops": spread([g for r in rates for g in r["step_gflops"]]),
            "square_gflops": spread([g for r in rates for g in r["square_gflops"]]),
        }
    return part


def _guarded(bench: Bench, entry: dict, where: str, peer: Peer, work) -> None:
    """A peer that fails is listed with its error."""
    try:
        work()
    except Failed as error:
        entry["status"] = str(error)
        bench.say(f"{where}: {peer.name}: {error}")


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

        _guarded(bench, entry, "start", peer, choose)
    for turn in range(bench.repeats):  # in turns, so that a slow minute hits everyone
        for peer, cache, asked in lanes:
            found = times.setdefault((peer.name, cache), [])
            if turn >= 3 and found and found[0]["wall_s"] > 12:
                continue  # long runs scatter little
            where = bench.fresh() if cache == "cold" else None
            entry = part["peers"][peer.name]

            def once(peer: Peer = peer, asked: dict = asked, where=where, found=found) -> None:
                found.append(bench.run(peer, asked, where))

            _guarded(bench, entry, "start", peer, once)
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
    _guarded(bench, own, "sweep", DESCEND, lambda: measure(DESCEND, own, everything, total))
    for peer, share in SWEEPERS:
        entry = part["peers"][peer.name] = {"status": "ok"}

        def whole(peer: Peer = peer, entry: dict = entry, share: int = share) -> None:
            entry |= bench.choose(peer, _trial(work))
            if share < total:
                entry["threads"] = 1  # two processes on two cores
            some = seeds[: share // len(rates)]
            asked = {"threads": entry["threads"], "setting": entry["setting"]}
            measure(peer, entry, job | asked | {"rates": rates, "seeds": some}, share)

        _guarded(bench, entry, "sweep", peer, whole)
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
                part["commands"][name]["status"] = _last_line(done.stderr) or "failed"
            elif turn:
                times[name].append(time.perf_counter() - began)
    for name, found in times.items():
        if found:
            part["commands"][name]["seconds"] = spread(found)
            bench.say(f"imports: {name}: {statistics.median(found):.3f} s")
        else:
            bench.say(f"imports: {name}: {part['commands'][name]['status']}")
    return part


# -- the whole --------------------------------------------------------------------------------


def machine() -> dict:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found.group(1).strip() if found else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model, "cores": cores, "system": f"{platform.system()} {platform.machine()}"}


def versions() -> dict:
    names = ["descend", "jax", "jaxlib", "optax", "numpy", "scikit-learn", "torch", "keras"]
    names += ["tensorflow", "tensorflow-cpu"]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    if found["tensorflow"] == "not installed":
        found["tensorflow"] = found["tensorflow-cpu"]
    del found["tensorflow-cpu"]
    return found


def choose_parts(asked: str | None, names: list[str]) -> list[str]:
    if not asked:
        return names
    chosen = []
    for want in asked.split(","):
        hits = [n for n in names if n.startswith(want.strip())]
        if not hits:
            sys.exit(f"speed.py: no part {want.strip()!r}; there are: {', '.join(names)}")
        chosen += [n for n in hits if n not in chosen]
    return [n for n in names if n in chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts, by comma: iris, mlp-..., start, sweep, imports")
    parser.add_argument("--quick", action="store_true", help="small; writes only with --write")
    parser.add_argument("--write", action="store_true", help="write even after --quick")
    parser.add_argument("--readme", action="store_true", help="put the last table into README.md")
    options = parser.parse_args()
    path = RESULTS / "speed.json"
    if options.readme:
        if not path.exists():
            sys.exit("speed.py: no results yet: run `python benchmarks/speed.py` first")
        report.put_into(HERE.parent / "README.md", json.loads(path.read_text()))
        return

    results = json.loads(path.read_text()) if path.exists() else {}
    if options.quick and not options.write:
        results = {}
    results |= {"machine": machine(), "versions": versions()}
    folder = Path(tempfile.mkdtemp(prefix="descend-speed-"))
    try:
        bench = Bench(options.quick, folder)
        parts = {work.name: lambda w=work: training(bench, w) for work in bench.works}
        parts |= {"start": lambda: start(bench), "sweep": lambda: sweep(bench)}
        parts |= {"imports": lambda: imports(bench)}
        for name in choose_parts(options.only, list(parts)):
            bench.say(name)
            about = {
                "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
                "command": " ".join(["python benchmarks/speed.py", *sys.argv[1:]]),
                "quick": options.quick,
                "machine": results["machine"],
                "versions": results["versions"],
                "load_before": round(os.getloadavg()[0], 2),
            }
            began = time.perf_counter()
            found = parts[name]()
            about["took_s"] = round(time.perf_counter() - began, 1)
            results.setdefault("parts", {})[name] = about | found
            if (
                not options.quick or options.write
            ):  # part by part: an interrupted run keeps what it has
                RESULTS.mkdir(exist_ok=True)
                path.write_text(json.dumps(results, indent=1) + "\n")
                (RESULTS / "speed.md").write_text(report.markdown(results))
                (RESULTS / "readme-table.md").write_text(report.readme_table(results))
        print()
        print(report.markdown(results))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
