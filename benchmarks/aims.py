"""What the project set out for, beside what was reached."""

from __future__ import annotations

import statistics

from speed_tables import KINDS, MLPS, MODULES, as_times, fastest, ratios_of, table


def aims(parts: dict) -> list[str]:
    """What the project set out for, beside what was reached."""
    rows: list[list[str]] = []

    def add(aim: str, reached: float | None, met: bool, said: str) -> None:
        rows.append(
            [aim, said, "not measured" if reached is None else "met" if met else "**not met**"]
        )

    def ratio_aim(part: str, measured: str, peer: str | None, least: float, aim: str) -> None:
        ratios = ratios_of(parts[part], measured) if part in parts else {}
        if peer is None:
            found = fastest(ratios)
        else:
            found = (peer, ratios[peer]) if peer in ratios else None
        if found is None:
            add(aim, None, False, "")
        else:
            add(aim, found[1], found[1] >= least, f"{as_times(found[1])} ({found[0]})")

    for kind, words in KINDS:
        ratio_aim("iris", f"{kind}/step", "PyTorch eager", 25, f"iris {words}: 25x PyTorch eager")
        ratio_aim("iris", f"{kind}/step", "Keras, TensorFlow", 100, f"iris {words}: 100x Keras-TF")
    for name in MLPS:
        for kind, words in KINDS:
            ratio_aim(
                name, f"{kind}/step", None, 1, f"{name} {words}: no slower than the fastest peer"
            )
    for name in MODULES:
        ratio_aim(name, "plain/step", None, 1, f"{name}: no slower than the fastest peer")
    found = against_fastest(parts)
    median = statistics.median(found.values()) if found else None
    said = f"{as_times(median)} ({len(found)} of {len(MODULES)} measured)" if found else ""
    aim = "networks of modules, median: 1.5x the fastest peer"
    add(aim, median, (median or 0) >= 1.5, said)
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
    return ["## Aims", "", *table(["aim", "reached", ""], rows)]


def against_fastest(parts: dict) -> dict[str, float]:
    """Fastest peer's time over descend's, by network of modules, where both were measured."""
    found = {n: fastest(ratios_of(parts[n], "plain/step")) for n in MODULES if n in parts}
    return {name: pair[1] for name, pair in found.items() if pair}
