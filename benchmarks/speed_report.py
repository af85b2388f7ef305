"""speed.json as results/speed.md."""

from __future__ import annotations

from aims import aims
from modules_report import modules, network
from speed_tables import (
    KINDS,
    MODULES,
    OWN,
    as_ratio,
    as_setting,
    as_spread,
    as_time,
    as_times,
    fastest,
    medians_of,
    parts_of,
    ratios_of,
    table,
    tried_settings,
)


def markdown(results: dict) -> str:
    """All that was measured."""
    parts = parts_of(results)
    about = results["machine"]
    lines = [
        "# Speed",
        "",
        "Written by `benchmarks/speed.py`; do not edit. Medians (smallest - largest, n repeats); a "
        "ratio is the peer's time over descend's: above 1, descend is faster.",
        "",
        f"Machine: {about['cpu']}, {about['cores']} cores, {about['system']}.",
        f"Versions: {_stated(results['versions'])}.",
        "",
        *aims(dict(parts)),
        *modules(dict(parts)),
    ]
    writers = {"training": _training, "start": _start, "sweep": _sweep, "imports": _imports}
    for name, part in parts:
        lines += [f"## {name}", "", _run_line(part), ""]
        for what in ("machine", "versions"):
            if part[what] != results[what]:  # merged from an earlier run
                lines += [f"Other {what} then: {_stated(part[what])}.", ""]
        write = network if name in MODULES else writers[part["kind"]]
        lines += write(part)
    return "\n".join(lines).rstrip() + "\n"


def _stated(about: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in about.items())


def _run_line(part: dict) -> str:
    quick = " **Quick run: smaller data, few repeats; only to see that it works.**"
    return f"{part['date']}, `{part['command']}`, load average before: {part['load_before']}." + (
        quick if part["quick"] else ""
    )


def _training(part: dict) -> list[str]:
    work = part["work"]
    lines = [
        f"Network {'-'.join(map(str, work['widths']))}, ReLU, {work['loss']}, "
        f"SGD {work['learning_rate']}, batch {work['batch']}, {work['rows']} rows "
        f"({work['steps']} steps an epoch), {work['held']} rows of validation. A timed fit is "
        f"{work['epochs']} epochs, its whole time over its steps. First: building, compiling and "
        "one epoch in a fresh process with empty caches. scikit-learn validates only inside "
        "early_stopping=True (with a patience never reached), where it also keeps the best "
        "weights; it compiles nothing.",
        "",
    ]
    ratios = {kind: ratios_of(part, f"{kind}/step") for kind, _ in KINDS}
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], "", "", "", "", ""])
            continue
        rows.append(
            [
                name,
                as_spread(entry["plain"]["step"], 1),
                as_ratio(name, ratios["plain"]),
                as_spread(entry["validation"]["step"], 1),
                as_ratio(name, ratios["validation"]),
                as_time(entry["plain"]["first"]["median"] * 1e6),
                as_setting(entry),
            ]
        )
    header = ["", "a step", "ratio", "a step, validating each epoch", "ratio", "first", "setting"]
    lines += table(header, rows)
    for kind, words in KINDS:
        best = fastest(ratios[kind])
        if best:
            lines.append(f"Fastest peer {words}: {best[0]} ({as_times(best[1])}).")
    lines.append("")
    if "numpy" in part:
        lines += _share(part)
    lines += [
        "Losses at the end (not the same number of epochs for all; a check that they train): "
        + "; ".join(
            f"{name} {entry['plain']['logs']['loss']:.3g}"
            for name, entry in part["peers"].items()
            if entry["status"] == "ok"
        )
        + ".",
        "",
    ]
    lines += tried_settings(part)
    return lines


def _share(part: dict) -> list[str]:
    numpy, flops = part["numpy"], part["work"]["flops"]
    step, square = numpy["step_gflops"]["median"], numpy["square_gflops"]["median"]
    said = []
    for name, us in medians_of(part, "plain/step").items():
        reached = flops / us / 1e3
        said.append(f"{name} {reached:.0f} GFLOP/s ({reached / step:.0%}, {reached / square:.0%})")
    return [
        f"Matrix-product rate of the machine by NumPy in float32: {step:.0f} GFLOP/s over the "
        f"products of this network's step, {square:.0f} for {numpy['square']} x {numpy['square']}. "
        f"One step is {flops / 1e9:.3g} GFLOP; reached (share of the first rate, of the second): "
        f"{'; '.join(said)}.",
        "",
    ]


def _start(part: dict) -> list[str]:
    lines = [
        "Seconds of a whole process: interpreter, imports, reading the data, compiling, and "
        f"{part['work']['epochs']} epochs of the iris listing with its validation rows. Cold: "
        "caches of compiled programs empty; warm: filled by an earlier process. What keeps no "
        "cache has one figure. Keras on JAX has JAX's own cache switched on.",
        "",
    ]
    ratios = {cache: ratios_of(part, cache) for cache in ("cold", "warm")}
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], "", "", "", "", ""])
            continue
        stages = entry.get("warm_stages", {})
        rows.append(
            [
                name,
                as_spread(entry["cold"], 1e6),
                as_ratio(name, ratios["cold"]),
                as_spread(entry["warm"], 1e6),
                as_ratio(name, ratios["warm"]),
                ", ".join(f"{stage} {took:.2f}" for stage, took in stages.items()),
                as_setting(entry),
            ]
        )
    header = ["", "cold", "ratio", "warm", "ratio", "stages, warm (s)", "setting"]
    lines += table(header, rows)
    own = part["peers"].get(OWN, {}).get("cold_stages")
    if own:
        said = ", ".join(f"{stage} {took:.2f}" for stage, took in own.items())
        lines += [f"descend's stages with a cold cache (s): {said}.", ""]
    return lines + tried_settings(part)


def _sweep(part: dict) -> list[str]:
    total = part["networks"]
    lines = [
        f"{total} networks of the iris listing (8 learning rates x 8 seeds), "
        f"{part['work']['epochs']} epochs each, no validation. Training: the call alone, after a "
        "first one (a pool of processes already started). Process: everything from process start "
        "to the last network, caches of compiled programs empty (cold) or filled (warm). Where "
        "fewer networks were measured, the training time is scaled linearly to "
        f"{total}. Keras is not in this table: one network after the other, it takes {total} times "
        "its iris time.",
        "",
    ]
    kinds = ("steady", "cold", "warm")
    ratios = {kind: ratios_of(part, kind) for kind in kinds}
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], *[""] * 7])
            continue
        row = [name, f"{entry['measured_networks']} of {total}"]
        for kind in kinds:
            row += [as_spread(entry[kind], 1e6), as_ratio(name, ratios[kind])]
        rows.append([*row, as_setting(entry)])
    header = [
        "",
        "measured",
        "training",
        "ratio",
        "process, cold",
        "ratio",
        "process, warm",
        "ratio",
    ]
    lines += table([*header, "setting"], rows)
    losses = [f"{n} {e['mean_loss']:.3g}" for n, e in part["peers"].items() if "mean_loss" in e]
    lines += [f"Mean loss of the networks measured: {'; '.join(losses)}.", ""]
    return lines + tried_settings(part)


def _imports(part: dict) -> list[str]:
    rows = []
    for name, entry in part["commands"].items():
        seconds = entry.get("seconds")
        rows.append([f"`{name}`", as_spread(seconds, 1e6) if seconds else entry["status"]])
    return ["Whole processes, in turns.", "", *table(["", "seconds"], rows)]
