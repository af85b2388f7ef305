"""The pages that say how to extend descend: their code runs, in the order of the page."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import jax
import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(DOCS.glob("write-your-own-*.md"))


def test_there_are_pages():
    assert {p.stem for p in PAGES} >= {
        "write-your-own-feed",
        "write-your-own-layer",
        "write-your-own-task",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_pages_code_runs(page, tmp_path, monkeypatch):
    """Each page states its claims as assertions."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    assert any("assert" in block for block in blocks)
    module = types.ModuleType("page")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, "page", module)
    with jax.numpy_rank_promotion("allow"):  # a reader broadcasts as usual
        for number, block in enumerate(blocks, 1):
            exec(compile(block, f"{page.name}, block {number}", "exec"), vars(module))
