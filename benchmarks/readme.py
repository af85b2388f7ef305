"""The results in short: a table with a line a workload, and for README.md a sentence or two."""

from __future__ import annotations

import sys
from pathlib import Path

from speed_tables import (
    OWN,
    PEERS,
    as_time,
    as_times,
    fastest,
    medians_of,
    parts_of,
    ratios_of,
    table,
)

BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"


def readme_summary(results: dict) -> str:
    """How often descend is the fastest of all, and by how much at best and at worst."""
    ratios = []
    for _, part in parts_of(results):
        kinds = {"training": ("plain/step", "validation/step"), "start": ("cold", "warm")}
        for measured in kinds.get(part["kind"], ()):
            best = fastest(ratios_of(part, measured))
            if best is not None:
                ratios.append(best[1])
    if not ratios:
        return ""
    about, first = results["machine"], sum(r >= 1 for r in ratios)
    quick = any(part["quick"] for _, part in parts_of(results))
    return (
        f"In {first} of {len(ratios)} measurements (a training step, with and without validation; "
        "a start to a\ntrained network, cold and compiled before) descend is faster than every "
        f"peer; the fastest peer takes\n{as_times(min(ratios))} to {as_times(max(ratios))} "
        f"descend's time ({about['cores']} cores, {about['cpu']}"
        + ("; a quick run" if quick else "")
        + ").\n"
    )


def readme_table(results: dict) -> str:
    """One line a workload: descend, the fastest peer, every peer's ratio."""
    rows = []

    def row(words: str, part: dict, measured: str, scale: float, names: list[str]) -> None:
        medians, ratios = medians_of(part, measured), ratios_of(part, measured)
        best = fastest(ratios)
        if best is None:
            return
        others = []
        for name in names:
            if name not in part["peers"]:
                others.append("")
                continue
            status = part["peers"][name].get("status", "")
            failed = "not installed" if status.startswith("not installed") else "failed"
            others.append(as_times(ratios[name]) if name in ratios else failed)
        own = as_time(medians[OWN] * scale)
        peer = f"{best[0]}, {as_time(medians[best[0]] * scale)}"
        rows.append([words, own, peer, as_times(best[1]), *others])

    sweep_rows: list[list[str]] = []
    for name, part in parts_of(results):
        if part["kind"] == "training":
            work = part["work"]
            words = f"{name}, batch {work['batch']}, a step"
            if "widths" in work:
                kind = "iris listing," if name == "iris" else "MLP"
                words = (
                    f"{kind} {'-'.join(map(str, work['widths']))}, batch {work['batch']}, a step"
                )
            row(words, part, "plain/step", 1, PEERS)
            row("the same, validating each epoch", part, "validation/step", 1, PEERS)
        elif part["kind"] == "start":
            row("start to a trained iris network, nothing cached", part, "cold", 1e6, PEERS)
            row("the same, compiled before", part, "warm", 1e6, PEERS)
        elif part["kind"] == "sweep":
            for kind, words in (("steady", "training"), ("cold", "whole process, nothing cached")):
                medians, ratios = medians_of(part, kind), ratios_of(part, kind)
                if not ratios:
                    continue
                said = "; ".join(
                    f"{n} {as_time(medians[n] * 1e6)} ({as_times(r)})" for n, r in ratios.items()
                )
                sweep_rows.append([words, as_time(medians[OWN] * 1e6), said])
    if not rows and not sweep_rows:
        return ""
    about, versions = results["machine"], results["versions"]
    lines = []
    if rows:
        lines += table(["", "descend", "fastest peer", "ratio", *PEERS], rows)
    if sweep_rows:
        lines += table(["64 iris networks, 100 epochs", "descend", "peers (ratio)"], sweep_rows)
    stated = ("jax", "torch", "keras", "tensorflow", "scikit-learn")
    quick = any(part["quick"] for _, part in parts_of(results))
    lines += [
        f"Medians on {about['cores']} cores ({about['cpu']}); a ratio is the peer's time over "
        "descend's. Each peer at the best of its settings (threads, steps per execution, "
        "compilation) "
        "in the same run: " + ", ".join(f"{name} {versions[name]}" for name in stated) + ". "
        "All figures, settings and the aims not met: "
        "[benchmarks/results/speed.md](benchmarks/results/speed.md)."
        + (" **From a quick run.**" if quick else ""),
        "",
    ]
    return "\n".join(lines)


def put_into(path: Path, results: dict) -> None:
    """Replace what stands between the two marks of a file."""
    text = path.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(
            f"speed.py: {path.name} needs the lines {BEGIN} and {END}, once each, in this order"
        )
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{readme_summary(results)}{END}{after}")
    print(f"{path.name}: what stands between the speed marks is up to date")
