"""What all parts need: who is measured, and how one measurement is run in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import workloads
from workloads import Workload

HERE = Path(__file__).resolve().parent
TIME_LIMIT = 240  # seconds a process may take
TRIAL_BUDGET = 30  # seconds after which the settings of a network of modules are not tried on
TRIAL_LIMIT = 80  # seconds after which the one then being tried is given up


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
# of networks of modules: Keras on PyTorch is left out, since it runs the same kernels as PyTorch
MODULE_PEERS = PEERS[:4]


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
        limit = TRIAL_LIMIT if "budget_s" in job else TIME_LIMIT
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as error:
            found = _result((error.stdout or b"").decode())
            if found is None:
                raise Failed(f"no result within {limit} s") from None
            return found
        wall = time.time() - launched
        found = _result(done.stdout)
        if found is not None:
            return found | {"wall_s": wall, "launched": launched}
        if done.returncode < 0:
            raise Failed(f"killed by signal {-done.returncode}")
        raise Failed(last_line(done.stderr) or f"exit status {done.returncode}, no message")

    def choose(self, peer: Peer, work: Workload) -> dict:
        """The fastest of the peer's settings, and of two threads and one."""
        if self.quick and not work.is_mlp:  # None: the first value of each option
            return {"setting": None, "threads": 2}
        job = {"kind": "trial", "work": work.describe(), "data": self.data(work)}
        if not work.is_mlp:
            job["budget_s"] = TRIAL_BUDGET
        # all settings at this number, the best at the other
        usual = 1 if work.is_mlp and work.parameters < 100_000 else 2
        first = self.run(peer, job | {"threads": usual})
        other = self.run(peer, job | {"threads": 3 - usual, "setting": first["setting"]})
        threads = usual if first["step_us"] <= other["step_us"] else 3 - usual
        tried = first["tried"] + other["tried"]
        if first["step_us"] == float("inf"):
            raise Failed(tried[0]["error"])
        return {"setting": first["setting"], "threads": threads, "tried": tried}


def _result(written: str) -> dict | None:
    """The last result in what a worker wrote."""
    lines = [line for line in written.splitlines() if line.startswith("RESULT ")]
    return json.loads(lines[-1][7:]) if lines else None


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"/\S*/", "", lines[-1])[:200] if lines else ""


def spread(values: list[float]) -> dict:
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "n": len(values),
    }


def guarded(bench: Bench, entry: dict, where: str, peer: Peer, work: Callable) -> None:
    """A peer that fails is listed with its error."""
    try:
        work()
    except Failed as error:
        entry["status"] = str(error)
        bench.say(f"{where}: {peer.name}: {error}")
