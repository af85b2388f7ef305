"""Where and with what a benchmark ran."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

import descend


def machine() -> dict:
    """{"cpu", "cores", "system"}; cores are those that this process may use."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found.group(1).strip() if found else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model, "cores": cores, "system": f"{platform.system()} {platform.machine()}"}


def versions(*packages: str) -> dict[str, str]:
    """Of Python, descend and some packages, or "not installed"."""
    # a checkout is measured as it lies there, whatever may be installed
    found = {"python": platform.python_version(), "descend": descend.__version__}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
