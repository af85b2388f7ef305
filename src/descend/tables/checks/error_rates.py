"""How often each check errs: error_rates.json, as `benchmarks/checks.py` has simulated it."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def error_rates() -> dict[str, list[dict[str, Any]]]:
    """{code: simulations}, each with null, alternative, tables, false_alarms and power."""
    text = resources.files(__package__).joinpath("error_rates.json").read_text("utf-8")
    by_code: dict[str, list[dict[str, Any]]] = {}
    for name, rates in json.loads(text).items():
        by_code.setdefault(name.split()[0], []).append(rates)
    return by_code


def how_often(code: str) -> str:
    """False alarms and power of a check in words; "" where it was not simulated."""
    return " ".join(
        f"False alarms: {one['false_alarms']:.1%} of {one['tables']:,} simulated tables "
        f"({one['null']}); power {one['power']:.1%} ({one['alternative']})."
        for one in error_rates().get(code, [])
    )
