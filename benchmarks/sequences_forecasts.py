"""Parts of sequences.py that forecast: ETTh1, M4 hourly, a backtest beside a loop in PyTorch."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import versions

from descend.data.series import load_series
from descend.forecasting import Forecaster, LinearForecaster, Panel
from descend.forecasting.measures import naive_scale, owa, smape

HERE = Path(__file__).resolve().parent
HORIZONS = (96, 192, 336, 720)
# mean squared errors at these horizons, of seven channels and of the oil temperature alone
PUBLISHED = {
    "Informer (table of LTSF-Linear)": (
        (0.865, 1.008, 1.107, 1.181),
        (0.193, 0.217, 0.202, 0.183),
    ),
    "DLinear (table of LTSF-Linear)": ((0.374, 0.408, 0.429, 0.440), (0.053, 0.069, 0.081, 0.080)),
    "PatchTST/64": ((0.370, 0.413, 0.422, 0.447), None),
}
M4_PUBLISHED = {
    "seasonal naive, 24 hours": (13.912, 1.193),
    "ES-RNN, the winner of M4": (9.328, 0.893),
}
# the network and its training, here and in PyTorch
WORK = {
    "origins": 36,
    "seeds": 3,
    "context": 24,
    "horizon": 12,
    "hidden": 32,
    "updates": 500,
    "batch": 32,
    "learning_rate": 0.003,
    "validation": 0.15,
}


# -- ETTh1 --------------------------------------------------------------------------------------


def etth1(peers: str) -> dict[str, Any]:
    """Mean squared errors over every window of the test part, of the closed form."""
    how = {"context": 336, "validation": 0.25}
    return {"rows": _etth1("linear, closed form", LinearForecaster(anew=False, **how))}


def etth1_networks(peers: str) -> dict[str, Any]:
    """The same of networks; validation is the 2880 hours before the test."""
    how = {"context": 336, "validation": 0.25, "loss": "squared", "scale": None, "seeds": 1}
    rows = []
    for name, own in (("linear network", {"network": "linear"}), ("MLP", {"hidden": (64,)})):
        rows += _etth1(name, Forecaster(horizon=96, **how, **own))
    return {"rows": rows}


def _etth1(name: str, method: Any) -> list[dict[str, Any]]:
    frame = load_series("etth1").frame.drop(columns="date")
    values = frame.to_numpy(float)[: 8640 + 2 * 2880]
    values = (values - values[:8640].mean(axis=0)) / values[:8640].std(axis=0)
    rows = []
    for columns, what in ((slice(0, 7), "seven channels"), (slice(6, 7), "oil temperature")):
        panel = Panel.of(list(values[:, columns].T), season=24)
        for horizon in HORIZONS:
            origins = 8640 + 2880 + np.arange(2880 - horizon + 1)
            at = np.repeat(origins[:, None], len(panel), axis=1)
            ahead = origins[:, None] + np.arange(horizon)
            truth = values[:, columns][ahead].transpose(0, 2, 1)
            began = time.process_time()
            one = method
            if isinstance(method, Forecaster):
                one = dataclasses.replace(method, horizon=horizon)
            found = one.backtest(panel, at, horizon, (), refit=False)[..., 0].mean(axis=0)
            rows.append(
                {
                    "method": name,
                    "data": what,
                    "horizon": horizon,
                    "windows": len(origins),
                    "mse": float(((found - truth) ** 2).mean()),
                    "mae": float(abs(found - truth).mean()),
                    "cpu_seconds": time.process_time() - began,
                }
            )
            print(rows[-1], flush=True)
    return rows


def etth1_section(part: dict[str, Any], title: str = "ETTh1") -> list[str]:
    """Its table."""
    names = list(dict.fromkeys(row["method"] for row in part["rows"]))
    lines = [
        f"## {title}",
        "",
        "Mean squared error at 96 / 192 / 336 / 720 hours, on series scaled by the training rows; "
        "every window of the test counts (2785, 2689, 2545, 2161).",
        "",
        "| | seven channels | oil temperature alone | CPU s, all eight |",
        "|---|---|---|---|",
    ]
    for name in names:
        rows = [row for row in part["rows"] if row["method"] == name]
        cells = [
            " / ".join(f"{row['mse']:.3f}" for row in rows if row["data"] == data)
            for data in ("seven channels", "oil temperature")
        ]
        seconds = sum(row["cpu_seconds"] for row in rows)
        lines.append(f"| **{name}** | {' | '.join(cells)} | {seconds:.0f} |")
    for name, figures in PUBLISHED.items():
        cells = ["" if one is None else " / ".join(f"{v:.3f}" for v in one) for one in figures]
        lines.append(f"| {name}, published | {' | '.join(cells)} | |")
    return lines


def etth1_networks_section(part: dict[str, Any]) -> list[str]:
    """The table of networks."""
    return etth1_section(part, "ETTh1, networks")


# -- M4 -----------------------------------------------------------------------------------------


def m4(peers: str) -> dict[str, Any]:
    """SMAPE, MASE and OWA on the 48 hours to forecast."""
    frame = load_series("m4_hourly").frame
    train, test = (frame[frame["part"] == part] for part in ("train", "test"))
    truth = test["value"].to_numpy().reshape(414, 48)
    panel = Panel.from_frame(train, "hour", "value", by="series", season=24)
    scale = np.array([naive_scale(panel.history(i), 24) for i in range(len(panel))])
    rows = []
    for name, method in m4_methods().items():
        began, cpu = time.perf_counter(), time.process_time()
        found = method.backtest(panel, panel.lengths[None], 48, ())[:, 0, :, :, 0]
        one = {
            "method": name,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
            "each": [judged(truth, seed, scale) for seed in found],
            "mean": judged(truth, found.mean(axis=0), scale),
        }
        rows.append(one)
        print(one, flush=True)
    return {"rows": rows}


def m4_methods() -> dict[str, Any]:
    """The default network, and the linear forecaster."""
    return {
        "linear, closed form": LinearForecaster(context=326, scale="std"),
        "Forecaster(48)": Forecaster(horizon=48),
    }


def judged(truth: np.ndarray, forecasts: np.ndarray, scale: np.ndarray) -> dict[str, float]:
    """M4's figures: means over the series."""
    errors = abs(truth - forecasts).mean(axis=1) / scale
    figures = {
        "smape": float(np.mean([smape(y, f) for y, f in zip(truth, forecasts, strict=True)])),
        "mase": float(errors.mean()),
    }
    return figures | {"owa": owa(figures["smape"], figures["mase"])}


def m4_section(part: dict[str, Any]) -> list[str]:
    """Its table."""
    lines = [
        "## M4 hourly",
        "",
        "414 series, 48 hours ahead; OWA is the mean of sMAPE / 18.383 and MASE / 2.395. Networks: "
        "one for all series; the mean of the forecasts of three seeds, and each seed's OWA.",
        "",
        "| | sMAPE | MASE | OWA | OWA of each seed | CPU s |",
        "|---|---|---|---|---|---|",
    ]
    for row in part["rows"]:
        mean, each = row["mean"], row["each"]
        seeds = ", ".join(f"{one['owa']:.3f}" for one in each) if len(each) > 1 else ""
        lines.append(
            f"| **{row['method']}** | {mean['smape']:.3f} | {mean['mase']:.3f} | "
            f"**{mean['owa']:.3f}** | {seeds} | {row['cpu_seconds']:.0f} |"
        )
    for name, (one, two) in M4_PUBLISHED.items():
        lines.append(f"| {name}, published | {one:.3f} | {two:.3f} | {owa(one, two):.3f} | | |")
    return lines


# -- a backtest ---------------------------------------------------------------------------------


def backtest(peers: str) -> dict[str, Any]:
    """Seconds of the same backtest as one program and as a loop, each in processes of its own."""
    values = load_series("airpassengers").frame["passengers"].tolist()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("descend, first run", "descend, compiled before"):
            rows.append({"name": name} | _ours(values, folder))
            print(rows[-1], flush=True)
    for form in ("eager", "compiled"):
        for threads in (1, 2):
            found = _theirs(peers, values, form, threads)
            rows.append({"name": f"PyTorch, {form}, {threads} thread(s)"} | found)
            print(rows[-1], flush=True)
    packages = versions("jax", "jaxlib", "numpy")
    return {"work": WORK, "rows": rows, "versions": packages | {"torch": rows[-1]["version"]}}


def _ours(values: list[float], folder: str) -> dict[str, Any]:
    code = "import sequences_forecasts as s, sys; s.worker(sys.stdin.read())"
    environment = {**os.environ, "DESCEND_CACHE": folder}
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE), *sys.path[1:]])
    return _last_line([sys.executable, "-c", code], values, environment)


def _theirs(peers: str, values: list[float], form: str, threads: int) -> dict[str, Any]:
    script = str(HERE / "peers" / "backtest_peer.py")
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    environment.pop("PYTHONPATH", None)
    return _last_line([peers, script, form, str(threads)], values, environment)


def _last_line(command: list[str], values: list[float], environment: dict) -> dict[str, Any]:
    given = json.dumps({"values": values, **WORK})
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise SystemExit(f"{command}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def worker(given: str) -> None:
    """The backtest here; the last line printed is the result."""
    work = json.loads(given)
    values = np.asarray(work["values"], float)
    panel = Panel.of(values, season=12)
    horizon, count = work["horizon"], work["origins"]
    origins = (len(values) - horizon - np.arange(count)[::-1])[:, None]
    method = Forecaster(
        horizon=horizon,
        context=work["context"],
        hidden=(work["hidden"],),
        seeds=work["seeds"],
        updates=work["updates"],
        batch_size=work["batch"],
        learning_rate=work["learning_rate"],
        validation=work["validation"],
    )
    began = time.perf_counter()
    found = method.backtest(panel, origins, horizon, ())[..., 0, :, 0]
    seconds = time.perf_counter() - began
    truth = values[origins + np.arange(horizon)]
    print(json.dumps({"seconds": seconds, "mae": float(abs(found - truth[None]).mean())}))


def backtest_section(part: dict[str, Any]) -> list[str]:
    """Its table."""
    work, rows = part["work"], part["rows"]
    ours = rows[0]["seconds"]
    lines = [
        "## A backtest that refits",
        "",
        f"AirPassengers, {work['origins']} origins x {work['seeds']} seeds: "
        f"{work['origins'] * work['seeds']} networks of one hidden layer of {work['hidden']} and a "
        f"linear map beside it, {work['context']} months in, {work['horizon']} out, each trained "
        f"for {work['updates']} updates of {work['batch']} windows, looking at the held-out "
        "windows every 50 updates. Seconds include compilation, not imports; ratio: to descend's "
        "first run.",
        "",
        "| | s | ratio | mean absolute error |",
        "|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{row['seconds'] / ours:.1f}"
        lines.append(f"| {row['name']} | {row['seconds']:.2f} | {ratio} | {row['mae']:.1f} |")
    return lines
