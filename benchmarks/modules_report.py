"""The networks of modules: all of them beside each other, and one by one."""

from __future__ import annotations

import statistics

from aims import against_fastest
from speed_tables import (
    MODULES,
    OWN,
    as_ratio,
    as_setting,
    as_spread,
    as_time,
    as_times,
    fastest,
    medians_of,
    ratios_of,
    table,
    tried_settings,
)


def modules(parts: dict) -> list[str]:
    """A step, the first call and the memory of every network, descend and its peers."""
    marks = {True: " (quick run)", False: ""}
    here = [(name, parts[name]) for name in MODULES if name in parts]
    measured = [(name + marks[part["quick"]], part) for name, part in here]
    if not measured:
        return []
    names = list(dict.fromkeys(name for _, part in measured for name in part["peers"]))
    peers = [name for name in names if name != OWN]
    found = against_fastest(parts)
    steps = []
    for name, part in measured:
        medians, ratios = medians_of(part, "plain/step"), ratios_of(part, "plain/step")
        best = fastest(ratios)
        cells = [_cell(part, peer, medians, as_time, ratios) for peer in peers]
        own = _cell(part, OWN, medians, as_time, {})
        steps.append([name, own, *cells, f"{as_times(best[1])} ({best[0]})" if best else ""])
    lines = ["## Networks of modules", "", "A step (ratio: the peer's time over descend's):", ""]
    lines += table(["", OWN, *peers, "fastest peer"], steps)
    if found:
        median, least = statistics.median(found.values()), min(found, key=lambda n: found[n])
        lines += [
            f"Against the fastest peer: median {as_times(median)} over {len(found)} of "
            f"{len(MODULES)} networks, least {as_times(found[least])} ({least}).",
            "",
        ]
    lines += ["First: building, compiling and one epoch, fresh process, empty caches:", ""]
    lines += table(["", *names], _rows(measured, names, "plain/first", lambda s: as_time(1e6 * s)))
    lines += [
        "Memory at the peak of the whole process in MiB, and in brackets how much of it came after "
        "imports and data (resident set; processes that a compiler starts are not counted):",
        "",
    ]
    lines += table(
        ["", *names], _rows(measured, names, "plain/peak", "{:.0f}".format, "plain/added")
    )
    return lines


def _rows(measured: list, names: list[str], which: str, say, beside: str | None = None) -> list:
    rows = []
    for title, part in measured:
        medians = medians_of(part, which)
        more = medians_of(part, beside) if beside else {}
        row = [title]
        for name in names:
            further = f" (+{say(more[name])})" if name in more else ""
            row.append(_cell(part, name, medians, say, {}) + further)
        rows.append(row)
    return rows


def _cell(part: dict, name: str, medians: dict, say, ratios: dict) -> str:
    if name not in medians:
        status = part["peers"].get(name, {}).get("status", "not measured")
        known = status.startswith(("not installed", "not measured"))
        return status if known else "" if status == "ok" else "failed"
    ratio = f" ({as_times(ratios[name])})" if name in ratios else ""
    return say(medians[name]) + ratio


def network(part: dict) -> list[str]:
    """One network: spreads, settings, losses."""
    work = part["work"]
    shape = " x ".join(map(str, work["input_shape"]))
    lines = [
        f"{shape}: {work['network']}. {work['parameters']:,} parameters (every peer counted its "
        f"own: the same), {work['loss']}, SGD {work['learning_rate']}, batch {work['batch']}, "
        f"{work['rows']} rows ({work['steps']} steps an epoch); a timed fit: {work['epochs']} "
        "epochs.",
        "",
    ]
    ratios = ratios_of(part, "plain/step")
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], *[""] * 4])
            continue
        plain = entry["plain"]
        memory = ""
        if "peak" in plain:
            memory = f"{plain['peak']['median']:.0f} MiB (+{plain['added']['median']:.0f})"
        step, first = as_spread(plain["step"], 1), as_time(plain["first"]["median"] * 1e6)
        rows.append([name, step, as_ratio(name, ratios), first, memory, as_setting(entry)])
    lines += table(["", "a step", "ratio", "first", "memory", "setting"], rows)
    losses = {n: e["plain"]["first_loss"] for n, e in part["peers"].items() if e["status"] == "ok"}
    if losses:
        said = "; ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
        middle = statistics.median(losses.values())
        apart = max(abs(loss / middle - 1) for loss in losses.values())
        lines += [
            f"Mean loss over the first epoch: {said}; at most {apart:.0%} from their median "
            f"({'within' if apart <= 0.2 else '**beyond**'} 20%; each draws and orders by itself).",
            "",
        ]
    return lines + tried_settings(part)
