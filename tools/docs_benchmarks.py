"""The pages of benchmarks, drawn from benchmarks/results/*.json when the site is built.

No figure is written by hand: each benchmark's own function makes a page of its JSON, as it does
for `benchmarks/results/*.md`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from docs_gallery import table

# results -> their title, and the benchmark's function that makes a page of them
WRITTEN = {
    "speed": ("Speed beside PyTorch, Keras and scikit-learn", "speed_report.markdown"),
    "tabular": (
        "Networks for tables, beside boosting and linear models",
        "tabular_report.markdown",
    ),
    "search": ("A search of many networks, beside Keras", "search.markdown"),
    "solve": ("Every built-in economy, solved without an option", "solve.page"),
    "olg": ("Overlapping generations, up to many cohorts", "olg.markdown"),
    "irbc": ("International business cycles, up to many countries", "irbc.markdown"),
    "value_iteration": ("Value iteration beside NumPy and Numba", "value_iteration.markdown"),
    "checks": ("How often each check of a table errs", "checks.markdown"),
    "atari": ("What Atari at the full setting costs", "atari.page"),
    "speed_agents": ("Agents beside Stable-Baselines3, SBX and rejax", "speed_agents.page"),
    "economists": ("Agents beside exact answers", "economists.markdown"),
    "collusion": ("Firms that learn to collude", "collusion.markdown"),
    "sentiment": ("Sentiment of sentences, beside counting words", "sentiment.markdown"),
    "sequences": ("Sequences: what forecasts reach", "sequences.page"),
    "sequences_macro": ("Real-time macro-economic data", "sequences_macro.markdown"),
    "chorales": ("Bach's chorales, and what a likelihood means", "chorales.markdown"),
    "patience": ("When the training of a table's network may stop", "patience.markdown"),
}
# results that are shown as they are, row by row
ROWS = {
    "scratch": "A state that is updated in place",
    "before_after": "Two versions of the engine in turns",
    "replay": "The time of an epoch by the rows of the replay memory",
    "bank": "A bank's customers, with and without the columns that name them",
}


def pages(folder: Path) -> dict[str, str | bytes]:
    """{file name: content} of the index, a page for each result, and the pictures of some.

    Args:
        folder: `benchmarks`.
    """
    results = folder / "results"
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # benchmarks are scripts that import each other by name
    made: dict[str, str | bytes] = {}
    for name, (title, writer) in WRITTEN.items():
        module, function = writer.split(".")
        write = getattr(importlib.import_module(module), function)
        text = write(read(results, name)).split("\n", 1)[1]
        made[f"{name}.md"] = f"# {title}\n{text}"
    for name, title in ROWS.items():
        made[f"{name}.md"] = f"# {title}\n\n{rows(read(results, name))}\n"
    made |= {path.name: path.read_bytes() for path in results.glob("*.png")}
    made["index.md"] = index(read(results, "speed"))
    return made


def read(results: Path, name: str) -> Any:
    """The JSON of a benchmark."""
    return json.loads((results / f"{name}.json").read_text(encoding="utf-8"))


def index(speed: dict[str, Any]) -> str:
    """The first page: the table of speed that README shows, and a list of the others."""
    titles = {name: said[0] for name, said in WRITTEN.items()} | ROWS
    shown = importlib.import_module("readme").readme_table(speed)
    shown = shown.replace(
        "[benchmarks/results/speed.md](benchmarks/results/speed.md)", "[](speed.md)"
    )
    lines = [
        "# Benchmarks",
        "",
        "Each table is made from the JSON that the benchmark wrote, when this site is built; each "
        "page names machine, date, versions and command. Aims that were not met are listed with "
        "those that were.",
        "",
        "## Speed of training",
        "",
        shown,
        "",
        "## All results",
        "",
        *(f"- [{title}]({name}.md)" for name, title in titles.items()),
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *titles,
        "```",
        "",
    ]
    return "\n".join(lines)


def rows(found: dict[str, Any]) -> str:
    """What holds lists of rows: about the run, then each list as a table."""
    lines = []
    for name, value in found.items():
        if isinstance(value, list):
            head = list(value[0])
            lines += [
                f"## {name}",
                "",
                *table(head, [[figure(r.get(h)) for h in head] for r in value]),
                "",
            ]
        elif isinstance(value, dict):
            lines += [", ".join(f"{k} {v}" for k, v in value.items()) + ".", ""]
        else:
            lines += [f"{name}: {value}.", ""]
    return "\n".join(lines)


def figure(value: Any) -> str:
    """A number to four digits; words as they are."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
