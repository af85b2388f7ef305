"""descend beside its peers, in one run: `python benchmarks/speed.py`.

    --only iris,start     some parts (a name, or how names begin); merged into the results there are
    --quick               few repeats, smaller data, nothing written (unless --write)
    --readme              put the table of the last results into README.md, measure nothing

Every measurement is a process of its own (peers/run.py), with every cache of compiled code in a
temporary folder. A peer first runs its possible settings shortly, with one thread and with two,
and is then measured at the fastest. descend runs as installed, before and after its peers.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import parts
import readme
import speed_report
from harness import Bench
from machine import machine, versions

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def peers() -> dict:
    names = ["jax", "jaxlib", "optax", "numpy", "scikit-learn", "torch", "keras"]
    found = versions(*names, "tensorflow", "tensorflow-cpu")
    if found["tensorflow"] == "not installed":
        found["tensorflow"] = found["tensorflow-cpu"]
    del found["tensorflow-cpu"]
    return found


def choose_parts(asked: str | None, names: list[str]) -> list[str]:
    if not asked:
        return names
    chosen = []
    for want in asked.split(","):
        want = want.strip()
        hits = [want] if want in names else [n for n in names if n.startswith(want)]
        if not hits:
            sys.exit(f"speed.py: no part {want!r}; there are: {', '.join(names)}")
        chosen += [n for n in hits if n not in chosen]
    return [n for n in names if n in chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts, by comma: iris, mlp, cnn, lstm, start, ...")
    parser.add_argument("--quick", action="store_true", help="small; writes only with --write")
    parser.add_argument("--write", action="store_true", help="write even after --quick")
    parser.add_argument("--readme", action="store_true", help="put the last table into README.md")
    options = parser.parse_args()
    path = RESULTS / "speed.json"
    if options.readme:
        if not path.exists():
            sys.exit("speed.py: no results yet: run `python benchmarks/speed.py` first")
        readme.put_into(HERE.parent / "README.md", json.loads(path.read_text()))
        return

    results = json.loads(path.read_text()) if path.exists() else {}
    if options.quick and not options.write:
        results = {}
    results |= {"machine": machine(), "versions": peers()}
    folder = Path(tempfile.mkdtemp(prefix="descend-speed-"))
    try:
        bench = Bench(options.quick, folder)
        runs = {work.name: lambda w=work: parts.training(bench, w) for work in bench.works}
        for part in (parts.start, parts.sweep, parts.imports):
            runs[part.__name__] = lambda part=part: part(bench)
        for name in choose_parts(options.only, list(runs)):
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
            found = runs[name]()
            about["took_s"] = round(time.perf_counter() - began, 1)
            results.setdefault("parts", {})[name] = about | found
            if (
                not options.quick or options.write
            ):  # part by part: an interrupted run keeps what it has
                RESULTS.mkdir(exist_ok=True)
                path.write_text(json.dumps(results, indent=1) + "\n")
                (RESULTS / "speed.md").write_text(speed_report.markdown(results))
                (RESULTS / "readme-table.md").write_text(readme.readme_table(results))
        print()
        print(speed_report.markdown(results))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
