"""International business cycles: published accuracies, and how the time grows with the countries.

    python benchmarks/irbc.py [--quick] [--only published|growth] [--countries 2 4 8 16 32]

Writes results/irbc.json, irbc.md and irbc.png. Every solve is a process of its own, so that its
time includes compilation; programs compiled in an earlier run are not used.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from growth_picture import draw
from olg import about

RESULTS = Path(__file__).resolve().parent / "results"
COUNTRIES = (2, 4, 8, 16, 32)
# mean residual of the worst condition on simulated states: what 32 countries reach too
GROWTH_AIM = 1e-3
LIMIT = 1800  # seconds a solve may take

SETTINGS: dict[str, Any] = {
    "seeds": 1,
    "updates": 500,
    "hidden": (32, 32),
    "rule": "monomial:3",
    "polishing_steps": 60,
}

# name -> (class, countries, settings, aims, published)
PUBLISHED: dict[str, tuple[str, int, dict[str, Any], dict[str, float], str]] = {
    "2 countries": (
        "IRBC",
        2,
        {"box": 0.1, "hidden": (24, 24)},
        {"ergodic mean": 2e-5, "box mean": 2.7e-4},
        "ergodic 2.1e-5, max 3.5e-4; box 2.7e-4, max 3.0e-3",
    ),
    "2 countries, irreversible": (
        "IrreversibleIRBC",
        2,
        {"box": 0.5, "hidden": (24, 24)},
        {"box mean": 3e-4, "ergodic mean": 3e-4},
        "box 2.4e-3, max 1.8e-2",
    ),
    "10 countries": (
        "IRBC",
        10,
        {"box": 0.0, "updates": 1500},
        {"ergodic mean": 8.3e-5},
        "ergodic 8.3e-5 in 480 s",
    ),
}


def solved(kind: str, countries: int, settings: dict[str, Any], aims: dict[str, float]) -> dict:
    """One solve, in this process; expectations are judged by the finer default rule."""
    from descend.economies.accuracy import Size
    from descend.economies.models import irbc
    from descend.economies.solver import solve

    economy = getattr(irbc, kind)(countries=countries)
    many = Size() if countries <= 10 else Size(paths=50, periods=40, box=2000, stressed=1000)
    solution = solve(economy, aim=aims, size=many, **settings)
    accuracy = solution.accuracy
    words = [f"{s} {f}" for s in ("ergodic", "box", "stressed") for f in ("mean", "p99.9", "max")]
    shares = {s: list(accuracy.sets[s]["binding"].values()) for s in ("ergodic", "box")}
    return {
        "kind": kind,
        "countries": countries,
        "settings": settings,
        "aims": aims,
        "met": accuracy.met,
        "stable": accuracy.stable,
        "judged by": accuracy.rule,
        "points": accuracy.sets["ergodic"]["points"],
        "seconds": solution.seconds,
        **{w: accuracy.figure(w) for w in words},
        "binding": shares,
        "status": solution.status,
        "log": solution.log,
    }


def apart(kind: str, countries: int, settings: dict[str, Any], aims: dict[str, float]) -> dict:
    """`solved` in a process of its own, without the compilation cache."""
    job = json.dumps([kind, countries, settings, aims])
    command = [sys.executable, __file__, "--job", job]
    environment = os.environ | {"DESCEND_CACHE": "off"}
    load = round(os.getloadavg()[0], 1)
    print(f"{kind}, {countries} countries, load {load}", flush=True)
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=True
    )
    return {**json.loads(done.stdout.splitlines()[-1]), "load before": load}


def published(quick: bool) -> Iterator[dict]:
    """The cases with numbers of others beside them."""
    for name, (kind, countries, settings, aims, others) in PUBLISHED.items():
        if quick and countries > 2:
            continue
        used = SETTINGS | settings | ({"polishing_steps": 10} if quick else {})
        yield {"name": name, "published": others, **apart(kind, countries, used, aims)}


def growth(countries: list[int]) -> Iterator[dict]:
    """The same settings and the same aim for all numbers of countries."""
    settings = SETTINGS | {"box": 0.0, "updates": 1500}
    for n in countries:
        yield apart("IRBC", n, settings, {"ergodic mean": GROWTH_AIM})


def markdown(found: dict[str, Any]) -> str:
    """irbc.json as tables."""
    lines = ["# International business cycles", "", "Written by `benchmarks/irbc.py`; do not edit."]
    for name in ("published", "growth"):
        if name not in found:
            continue
        part = found[name]
        ran = part["machine"]
        with_what = ", ".join(f"{k} {v}" for k, v in ran["versions"].items())
        quick = " **Quick run: only to see that it works.**" if part["quick"] else ""
        lines += [
            "",
            f"## {name}",
            "",
            f"`{part['command']}`, {part['date']}. {ran['cpu']}, {ran['cores']} cores; "
            f"{with_what}. Residuals of the worst condition, by the finer rule; "
            f"seconds with compilation and the final accuracy.{quick}",
            "",
            *_table(part["rows"], name == "published"),
        ]
    if "growth" in found:
        lines += ["", "![time against countries](irbc.png)"]
    return "\n".join(lines) + "\n"


def _table(rows: list[dict], beside: bool) -> list[str]:
    heads = ["case", "aims met", "stable", "ergodic mean", "max", "box mean", "max"]
    heads += ["binds in the box", "seconds", "load before"] + (["published"] if beside else [])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for r in rows:
        bound = ", ".join(f"{share:.0%}" for share in r["binding"]["box"]) or "-"
        cells = [r.get("name", f"N = {r['countries']}"), "yes" if r["met"] else "NO"]
        cells += ["yes" if r["stable"] else "NO"]
        cells += [f"{r[w]:.1e}" for w in ("ergodic mean", "ergodic max", "box mean", "box max")]
        cells += [bound, f"{r['seconds']:.0f}", f"{r['load before']}"]
        lines.append("| " + " | ".join(cells + ([r["published"]] if beside else [])) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("published", "growth"))
    parser.add_argument("--countries", type=int, nargs="+", help="of the growth part")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        kind, countries, settings, aims = json.loads(given.job)
        settings["hidden"] = tuple(settings["hidden"])
        print(json.dumps(solved(kind, countries, settings, aims)))
        return
    ran = about()
    print(json.dumps(ran, indent=1), flush=True)
    path = given.out / ("irbc-quick.json" if given.quick else "irbc.json")
    given.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    counted = given.countries or ([2, 4] if given.quick else list(COUNTRIES))
    jobs = {"published": lambda: published(given.quick), "growth": lambda: growth(counted)}
    for name, job in jobs.items():
        if given.only in (None, name):
            found[name] = {
                "command": " ".join(["python benchmarks/irbc.py", *sys.argv[1:]]),
                "date": time.strftime("%Y-%m-%d"),
                "quick": given.quick,
                "machine": ran,
                "rows": [],
            }
            for row in job():
                found[name]["rows"].append(row)  # a run that is stopped keeps what it has
                path.write_text(json.dumps(found, indent=1) + "\n")
                path.with_suffix(".md").write_text(markdown(found))
    if "growth" in found:
        seconds = f"seconds to a mean residual of {GROWTH_AIM:g}"
        draw(found["growth"]["rows"], "countries", seconds, "IRBC", path)


if __name__ == "__main__":
    main()
