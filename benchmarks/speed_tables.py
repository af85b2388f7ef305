"""What the reports share: the order of the parts, medians and ratios, figures as text."""

from __future__ import annotations

import networks

OWN = "descend"
MLPS = ["mlp-784-100-10", "mlp-784-512-512-10", "mlp-784-2048-2048-10"]
MODULES = list(networks.MODULES)
ORDER = ["iris", *MLPS, *MODULES, "start", "sweep", "imports"]
KINDS = (("plain", "without validation"), ("validation", "with validation"))
PEERS = [
    "PyTorch eager",
    "PyTorch compiled",
    "Keras, TensorFlow",
    "Keras, JAX",
    "Keras, PyTorch",
    "scikit-learn",
]


def parts_of(results: dict) -> list[tuple[str, dict]]:
    parts = results.get("parts", {})
    return [(name, parts[name]) for name in ORDER if name in parts]


def medians_of(part: dict, measured: str) -> dict[str, float]:
    """Median by name, of those that gave one: `measured` is a path such as "plain/step"."""
    found = {}
    for name, entry in part["peers"].items():
        value = entry if entry.get("status") == "ok" else {}
        for key in measured.split("/"):
            value = value.get(key, {})
        if value:
            found[name] = value["median"]
    return found


def ratios_of(part: dict, measured: str) -> dict[str, float]:
    """Peer's time over descend's."""
    medians = medians_of(part, measured)
    own = medians.pop(OWN, None)
    return {} if own is None else {name: value / own for name, value in medians.items()}


def fastest(ratios: dict[str, float]) -> tuple[str, float] | None:
    return min(ratios.items(), key=lambda pair: pair[1]) if ratios else None


def as_time(us: float) -> str:
    for unit, size in (("us", 1.0), ("ms", 1e3), ("s", 1e6)):
        if us < 1000 * size or unit == "s":
            value = us / size
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
    raise AssertionError


def as_times(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 20 else f"{ratio:.1f}x" if ratio >= 3 else f"{ratio:.2f}x"


def as_spread(found: dict, scale: float) -> str:
    low, high = as_time(found["min"] * scale), as_time(found["max"] * scale)
    return f"{as_time(found['median'] * scale)} ({low} - {high}, n={found['n']})"


def as_setting(entry: dict) -> str:
    said = [f"{name}={value}" for name, value in (entry.get("setting") or {}).items()]
    if entry.get("threads"):
        said.append(f"threads={entry['threads']}")
    return ", ".join(said) or "as installed"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def as_ratio(name: str, ratios: dict[str, float]) -> str:
    return as_times(ratios[name]) if name in ratios else ""


def tried_settings(part: dict) -> list[str]:
    said = []
    for name, entry in part["peers"].items():
        found = []
        for one in entry.get("tried", []):
            took = one.get("step_us", one.get("wall_s", 0) * 1e6)
            result = one["error"] if "error" in one else as_time(took)
            found.append(f"{as_setting(one)}: {result}")
        if found:
            said.append(f"- {name}: " + "; ".join(found))
    if not said:
        return []
    return ["Settings tried (shortly, without validation):", "", *said, ""]
