"""speed.json as tables: results/speed.md, results/readme-table.md and the block in README.md."""

from __future__ import annotations

import sys
from pathlib import Path

BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"
OWN = "descend"
ORDER = [
    "iris",
    "mlp-784-100-10",
    "mlp-784-512-512-10",
    "mlp-784-2048-2048-10",
    "start",
    "sweep",
    "imports",
]
KINDS = (("plain", "without validation"), ("validation", "with validation"))
PEERS = [
    "PyTorch eager",
    "PyTorch compiled",
    "Keras, TensorFlow",
    "Keras, JAX",
    "Keras, PyTorch",
    "scikit-learn",
]


def _parts(results: dict) -> list[tuple[str, dict]]:
    parts = results.get("parts", {})
    return [(name, parts[name]) for name in ORDER if name in parts]


def _good(part: dict, measured: str) -> dict[str, float]:
    """Median by name, of those that gave one: `measured` is a path such as "plain/step"."""
    found = {}
    for name, entry in part["peers"].items():
        value = entry if entry.get("status") == "ok" else {}
        for key in measured.split("/"):
            value = value.get(key, {})
        if value:
            found[name] = value["median"]
    return found


def _ratios(part: dict, measured: str) -> dict[str, float]:
    """Peer's time over descend's."""
    medians = _good(part, measured)
    own = medians.pop(OWN, None)
    return {} if own is None else {name: value / own for name, value in medians.items()}


def _fastest(ratios: dict[str, float]) -> tuple[str, float] | None:
    return min(ratios.items(), key=lambda pair: pair[1]) if ratios else None


def _time(us: float) -> str:
    for unit, size in (("us", 1.0), ("ms", 1e3), ("s", 1e6)):
        if us < 1000 * size or unit == "s":
            value = us / size
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
    raise AssertionError


def _times(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 20 else f"{ratio:.1f}x" if ratio >= 3 else f"{ratio:.2f}x"


def _spread(found: dict, scale: float) -> str:
    low, high = _time(found["min"] * scale), _time(found["max"] * scale)
    return f"{_time(found['median'] * scale)} ({low} - {high}, n={found['n']})"


def _setting(entry: dict) -> str:
    said = [f"{name}={value}" for name, value in (entry.get("setting") or {}).items()]
    if entry.get("threads"):
        said.append(f"threads={entry['threads']}")
    return ", ".join(said) or "as installed"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


# -- the whole report -------------------------------------------------------------------------


def markdown(results: dict) -> str:
    """All that was measured."""
    parts = _parts(results)
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
        *_aims(dict(parts)),
    ]
    writers = {"training": _training, "start": _start, "sweep": _sweep, "imports": _imports}
    for name, part in parts:
        lines += [f"## {name}", "", _run_line(part), ""]
        for what in ("machine", "versions"):
            if part[what] != results[what]:  # merged from an earlier run
                lines += [f"Other {what} then: {_stated(part[what])}.", ""]
        lines += writers[part["kind"]](part)
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
    ratios = {kind: _ratios(part, f"{kind}/step") for kind, _ in KINDS}
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], "", "", "", "", ""])
            continue
        rows.append(
            [
                name,
                _spread(entry["plain"]["step"], 1),
                _ratio(name, ratios["plain"]),
                _spread(entry["validation"]["step"], 1),
                _ratio(name, ratios["validation"]),
                _time(entry["plain"]["first"]["median"] * 1e6),
                _setting(entry),
            ]
        )
    header = ["", "a step", "ratio", "a step, validating each epoch", "ratio", "first", "setting"]
    lines += _table(header, rows)
    for kind, words in KINDS:
        fastest = _fastest(ratios[kind])
        if fastest:
            lines.append(f"Fastest peer {words}: {fastest[0]} ({_times(fastest[1])}).")
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
    lines += _tried(part)
    return lines


def _ratio(name: str, ratios: dict[str, float]) -> str:
    return _times(ratios[name]) if name in ratios else ""


def _share(part: dict) -> list[str]:
    numpy, flops = part["numpy"], part["work"]["flops"]
    step, square = numpy["step_gflops"]["median"], numpy["square_gflops"]["median"]
    said = []
    for name, us in _good(part, "plain/step").items():
        reached = flops / us / 1e3
        said.append(f"{name} {reached:.0f} GFLOP/s ({reached / step:.0%}, {reached / square:.0%})")
    return [
        f"Matrix-product rate of the machine by NumPy in float32: {step:.0f} GFLOP/s over the "
        f"products of this network's step, {square:.0f} for {numpy['square']} x {numpy['square']}. "
        f"One step is {flops / 1e9:.3g} GFLOP; reached (share of the first rate, of the second): "
        f"{'; '.join(said)}.",
        "",
    ]


def _tried(part: dict) -> list[str]:
    said = []
    for name, entry in part["peers"].items():
        found = []
        for one in entry.get("tried", []):
            took = one.get("step_us", one.get("wall_s", 0) * 1e6)
            result = one["error"] if "error" in one else _time(took)
            found.append(f"{_setting(one)}: {result}")
        if found:
            said.append(f"- {name}: " + "; ".join(found))
    if not said:
        return []
    return ["Settings tried (shortly, without validation):", "", *said, ""]


def _start(part: dict) -> list[str]:
    lines = [
        "Seconds of a whole process: interpreter, imports, reading the data, compiling, and "
        f"{part['work']['epochs']} epochs of the iris listing with its validation rows. Cold: "
        "caches of compiled programs empty; warm: filled by an earlier process. What keeps no "
        "cache has one figure. Keras on JAX has JAX's own cache switched on.",
        "",
    ]
    ratios = {cache: _ratios(part, cache) for cache in ("cold", "warm")}
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], "", "", "", "", ""])
            continue
        stages = entry.get("warm_stages", {})
        rows.append(
            [
                name,
                _spread(entry["cold"], 1e6),
                _ratio(name, ratios["cold"]),
                _spread(entry["warm"], 1e6),
                _ratio(name, ratios["warm"]),
                ", ".join(f"{stage} {took:.2f}" for stage, took in stages.items()),
                _setting(entry),
            ]
        )
    header = ["", "cold", "ratio", "warm", "ratio", "stages, warm (s)", "setting"]
    lines += _table(header, rows)
    own = part["peers"].get(OWN, {}).get("cold_stages")
    if own:
        said = ", ".join(f"{stage} {took:.2f}" for stage, took in own.items())
        lines += [f"descend's stages with a cold cache (s): {said}.", ""]
    return lines + _tried(part)


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
    ratios = {kind: _ratios(part, kind) for kind in kinds}
    rows = []
    for name, entry in part["peers"].items():
        if entry["status"] != "ok":
            rows.append([name, entry["status"], *[""] * 7])
            continue
        row = [name, f"{entry['measured_networks']} of {total}"]
        for kind in kinds:
            row += [_spread(entry[kind], 1e6), _ratio(name, ratios[kind])]
        rows.append([*row, _setting(entry)])
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
    lines += _table([*header, "setting"], rows)
    losses = [f"{n} {e['mean_loss']:.3g}" for n, e in part["peers"].items() if "mean_loss" in e]
    lines += [f"Mean loss of the networks measured: {'; '.join(losses)}.", ""]
    return lines + _tried(part)


def _imports(part: dict) -> list[str]:
    rows = []
    for name, entry in part["commands"].items():
        seconds = entry.get("seconds")
        rows.append([f"`{name}`", _spread(seconds, 1e6) if seconds else entry["status"]])
    return ["Whole processes, in turns.", "", *_table(["", "seconds"], rows)]


# -- the aims ---------------------------------------------------------------------------------


def _aims(parts: dict) -> list[str]:
    """What the project set out for, beside what was reached."""
    rows: list[list[str]] = []

    def add(aim: str, reached: float | None, met: bool, said: str) -> None:
        rows.append(
            [aim, said, "not measured" if reached is None else "met" if met else "**not met**"]
        )

    def ratio_aim(part: str, measured: str, peer: str | None, least: float, aim: str) -> None:
        ratios = _ratios(parts[part], measured) if part in parts else {}
        if peer is None:
            found = _fastest(ratios)
        else:
            found = (peer, ratios[peer]) if peer in ratios else None
        if found is None:
            add(aim, None, False, "")
        else:
            add(aim, found[1], found[1] >= least, f"{_times(found[1])} ({found[0]})")

    for kind, words in KINDS:
        ratio_aim("iris", f"{kind}/step", "PyTorch eager", 25, f"iris {words}: 25x PyTorch eager")
        ratio_aim("iris", f"{kind}/step", "Keras, TensorFlow", 100, f"iris {words}: 100x Keras-TF")
    for name in ORDER[1:4]:
        for kind, words in KINDS:
            ratio_aim(
                name, f"{kind}/step", None, 1, f"{name} {words}: no slower than the fastest peer"
            )
    for cache in ("cold", "warm"):
        ratio_aim("start", cache, None, 1, f"start, {cache} cache: faster than every peer")
    for kind, words in (
        ("steady", "training"),
        ("cold", "process, cold"),
        ("warm", "process, warm"),
    ):
        ratio_aim("sweep", kind, None, 5, f"sweep, {words}: 5x the fastest peer")
    commands = parts.get("imports", {}).get("commands", {})
    seconds = {n: c["seconds"]["median"] for n, c in commands.items() if "seconds" in c}
    base = seconds.get("import jax, optax")
    for name in ("import descend", "from descend import Model, Input, Dense"):
        own = seconds.get(name)
        share = own / base if own and base else None
        said = "" if share is None else f"{share:.2f}x"
        add(f"`{name}`: under 1.2x `import jax, optax`", share, (share or 9) < 1.2, said)
    own = seconds.get("descend --help")
    said = f"{own:.3f} s" if own else commands.get("descend --help", {}).get("status", "")
    add("`descend --help`: under .15 s", own, (own or 9) < 0.15, said)
    return ["## Aims", "", *_table(["aim", "reached", ""], rows)]


# -- the README -------------------------------------------------------------------------------


def readme_table(results: dict) -> str:
    """One line a workload: descend, the fastest peer, every peer's ratio."""
    rows = []

    def row(words: str, part: dict, measured: str, scale: float, names: list[str]) -> None:
        medians, ratios = _good(part, measured), _ratios(part, measured)
        fastest = _fastest(ratios)
        if fastest is None:
            return
        others = []
        for name in names:
            status = part["peers"].get(name, {}).get("status", "not measured")
            failed = "not installed" if status.startswith("not installed") else "failed"
            others.append(_times(ratios[name]) if name in ratios else failed)
        own = _time(medians[OWN] * scale)
        peer = f"{fastest[0]}, {_time(medians[fastest[0]] * scale)}"
        rows.append([words, own, peer, _times(fastest[1]), *others])

    sweep_rows: list[list[str]] = []
    for name, part in _parts(results):
        if part["kind"] == "training":
            work = part["work"]
            words = f"MLP {'-'.join(map(str, work['widths']))}, batch {work['batch']}, a step"
            words = words.replace("MLP", "iris listing,") if name == "iris" else words
            row(words, part, "plain/step", 1, PEERS)
            row("the same, validating each epoch", part, "validation/step", 1, PEERS)
        elif part["kind"] == "start":
            row("start to a trained iris network, nothing cached", part, "cold", 1e6, PEERS)
            row("the same, compiled before", part, "warm", 1e6, PEERS)
        elif part["kind"] == "sweep":
            for kind, words in (("steady", "training"), ("cold", "whole process, nothing cached")):
                medians, ratios = _good(part, kind), _ratios(part, kind)
                if not ratios:
                    continue
                said = "; ".join(
                    f"{n} {_time(medians[n] * 1e6)} ({_times(r)})" for n, r in ratios.items()
                )
                sweep_rows.append([words, _time(medians[OWN] * 1e6), said])
    if not rows and not sweep_rows:
        return ""
    about, versions = results["machine"], results["versions"]
    lines = []
    if rows:
        lines += _table(["", "descend", "fastest peer", "ratio", *PEERS], rows)
    if sweep_rows:
        lines += _table(["64 iris networks, 100 epochs", "descend", "peers (ratio)"], sweep_rows)
    stated = ("jax", "torch", "keras", "tensorflow", "scikit-learn")
    quick = any(part["quick"] for _, part in _parts(results))
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
    path.write_text(f"{before}{BEGIN}\n{readme_table(results)}{END}{after}")
    print(f"{path.name}: the table between the speed marks is up to date")
