"""Sequences: what forecasts reach, and what a backtest costs.

    python benchmarks/sequences.py                      every part that is not measured yet
    python benchmarks/sequences.py --only m4,backtest   these parts, anew
    python benchmarks/sequences.py --peers PYTHON       interpreter that has PyTorch
    python benchmarks/sequences.py --report             only write the page again

etth1       ETTh1, split 8640/2880/2880 hours, 336 in, every window counted: mean squared error of
            the linear forecaster in closed form, beside published figures
etth1_networks  the same of networks
m4          M4 hourly, 414 series, 48 hours ahead: OWA of one network for all series, three seeds
backtest    36 origins x 3 seeds on AirPassengers, refitted at each: one program, beside a loop in
            PyTorch over the same networks

Data: `python tools/fill_cache.py etth1 m4_hourly`, or fetched at first use. Resumable:
results/sequences.json holds what has been measured; the page is sequences.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from pathlib import Path
from typing import Any

import sequences_forecasts
from machine import machine, versions

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("jax", "jaxlib", "numpy", "pandas", "torch")
# part -> what measures it, and what writes its section
PARTS = {
    "etth1": (sequences_forecasts.etth1, sequences_forecasts.etth1_section),
    "etth1_networks": (
        sequences_forecasts.etth1_networks,
        sequences_forecasts.etth1_networks_section,
    ),
    "m4": (sequences_forecasts.m4, sequences_forecasts.m4_section),
    "backtest": (sequences_forecasts.backtest, sequences_forecasts.backtest_section),
}


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Sequences",
        "",
        "Written by `python benchmarks/sequences.py`; do not edit.",
        "",
    ]
    for name, (_, section) in PARTS.items():
        if name in found:
            part = found[name]
            lines += [*section(part), "", where(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def where(part: dict[str, Any]) -> str:
    """Date, machine, versions and command of a part."""
    at, kinds = part["machine"], ", ".join(f"{n} {v}" for n, v in part["versions"].items())
    return (
        f"*{part['date']}, {at['cpu']}, {at['cores']} cores, load before {part['load']:.2f}; "
        f"{kinds}. `{part['command']}`*"
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="parts, with commas between")
    parser.add_argument("--peers", default=sys.executable, help="interpreter that has PyTorch")
    parser.add_argument("--report", action="store_true", help="only write the page again")
    asked = parser.parse_args(arguments)
    path = RESULTS / "sequences.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    chosen = [name for name in asked.only.split(",") if name]
    for name in chosen:
        if name not in PARTS:
            parser.error(f"no part {name!r}; there are {', '.join(PARTS)}")
    for name in [] if asked.report else (chosen or [n for n in PARTS if n not in found]):
        load = os.getloadavg()[0]
        result = PARTS[name][0](asked.peers)
        found[name] = result | {
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "machine": machine(),
            "versions": result.get("versions", versions(*PACKAGES[:4])),
            "load": load,
            "command": f"python benchmarks/sequences.py --only {name}",
        }
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "sequences.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
