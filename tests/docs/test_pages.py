"""Every page's code runs, in the order of the page, and prints what the page shows."""

from __future__ import annotations

import types
import warnings

import docs_output
import jax
import pytest
from docs_blocks import blocks, differences

PAGES = {str(p.relative_to(docs_output.ROOT)): p for p in docs_output.pages()}
# their code states claims as assertions
HOW_TO = {name for name in PAGES if "write-your-own-" in name}


@pytest.fixture
def as_a_reader(tmp_path, monkeypatch):
    """In an empty folder, and broadcasting as usual."""
    monkeypatch.chdir(tmp_path)
    with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
        yield


def test_there_are_pages():
    assert {"README.md", "docs/guide/tables.md"} < set(PAGES)
    assert {f"docs/write-your-own-{n}.md" for n in ("layer", "loss", "task", "feed")} <= HOW_TO


@pytest.mark.parametrize(
    "name", sorted(n for n, p in PAGES.items() if "```python" in p.read_text())
)
def test_a_pages_code_runs(name, as_a_reader):
    assert docs_output.wrong(PAGES[name], slow=False) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(n for n, p in PAGES.items() if "<!-- slow" in p.read_text())
)
def test_a_pages_slow_code_runs_too(name, as_a_reader):
    assert docs_output.wrong(PAGES[name]) == []


@pytest.mark.parametrize("name", sorted(HOW_TO))
def test_a_how_to_asserts_what_it_says(name):
    assert any("assert" in b.text for b in blocks(PAGES[name].read_text()) if b.kind == "python")


PAGE = """
```python
x = 2
print(x / 3)
```

<!-- printed:begin -->
```text
0.667
```
<!-- printed:end -->

<!-- slow -->
```python
x = 5
```

<!-- solve:begin 10% -->
```text
$ descend solve x
a 1
...
```
<!-- solve:end -->

<!-- speed:begin -->
| a table of another tool |
<!-- speed:end -->
"""


def test_blocks_of_a_page():
    found = blocks(PAGE)
    assert [b.kind for b in found] == ["python", "printed", "python", "command", "made"]
    assert [b.slow for b in found] == [False, False, True, False, False]
    assert (found[3].command, found[3].text, found[3].tolerance) == (
        "descend solve x",
        "a 1\n...\n",
        0.1,
    )
    [(block, printed)] = docs_output.run(PAGE, slow=False)
    assert differences(block.text, printed) == []
    assert "0.6666666666666666\n```" in docs_output.rewritten(PAGE.split("<!-- solve")[0])


@pytest.mark.parametrize(
    ("shown", "obtained", "agrees"),
    [
        ("a 0.50", "a 0.505", True),
        ("a 0.50", "a 0.52", False),
        ("a 100", "a 101", True),
        ("a 10", "a 11", False),
        ("a 1,000", "a 1,001", True),
        ("1.2e-05", "1.3e-05", True),
        ("1.2e-05", "1.2e-04", False),
        ("a", "b", False),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...", "a\nb", True),
        ("a", "a\nb", False),
        ("a\nb", "a", False),
        ("a\n  0.1 |  ***", "a\n  0.2 | *", True),
    ],
)
def test_what_counts_as_the_same_output(shown, obtained, agrees):
    assert (differences(shown, obtained) == []) is agrees


@pytest.mark.parametrize("start", range(4))
def test_each_of_the_four_starts_runs_by_itself(start, as_a_reader):
    code = [b for b in blocks(PAGES["README.md"].read_text()) if b.kind == "python"]
    assert len(code) == 4
    if not code[start].slow:
        docs_output.executed(code[start], types.ModuleType("example"))
