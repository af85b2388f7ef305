"""What the site is made of: the reference, the gallery, docstrings, benchmarks, facts."""

from __future__ import annotations

import inspect
import json
import re
import tomllib

import docs_api
import docs_benchmarks
import docs_facts
import docs_gallery
import docs_labs
import pytest
from docs_docstrings import first_sentence, to_rst
from docs_output import ROOT
from public_names import public

LABS = sorted((ROOT / "labs").glob("*.py"))


@pytest.fixture(scope="module")
def reference():
    return docs_api.pages(LABS)


def test_every_public_name_is_in_the_reference_once(reference):
    shown = []
    for page in reference.values():
        found = re.findall(
            r"^\.\. py:(?:class|function|exception):: (\w+).*\n   :module: (.*)$", page, re.M
        )
        shown += [f"{room}.{name}" for name, room in found]
    assert sorted(shown) == sorted(item.path for item in public())


def test_a_name_says_which_labs_use_it(reference):
    page = reference["descend.nn.layers.rst"]
    dense = page[page.index(".. py:class:: Dense(") :]
    assert ":doc:`xor </labs/xor>`" in dense.split(".. py:class::")[1]
    users = docs_api.labs_that_use([ROOT / "labs" / "activations.py"])
    assert "descend.nn.activations.swish" in users  # as g.swish


def test_methods_are_shown_where_they_are_said():
    items = {item.path: item for item in public()}
    layer = dict(docs_api.methods(items["descend.nn.layers.Layer"]))
    dense = dict(docs_api.methods(items["descend.nn.layers.Dense"]))
    assert {"build", "init", "apply"} <= set(layer)
    assert not {"build", "init", "apply", "weights"} & set(dense)
    assert "fit" in dict(docs_api.methods(items["descend.tables.TabularClassifier"]))


DOCSTRING = """What it is: a* + b_1, of `Dense` and `x_`.

    a = g(x W + b)
    second line

Args:
    units: how many, m;
        more of it.
    one, two: both.

Arrays: kernel W (d, m).

Raises:
    ShapeError: no axis.

Source: hull-2023, "A
slide".

Example:
    >>> 1 + 1
    2
"""


def test_a_docstring_keeps_its_formulas_and_has_no_other_markup():
    lines = to_rst(inspect.cleandoc(DOCSTRING), {"Dense": "descend.nn.layers.Dense"})
    text = "\n".join(lines)
    assert r"a\* + b\_1, of \ :py:obj:`Dense <descend.nn.layers.Dense>`\  and \ ``x_``\ ." in text
    assert "   a = g(x W + b)\n   second line" in text
    assert "\\ ``units``\\ \n   \\ how many, m; more of it." in text
    assert "\\ ``one``\\ , \\ ``two``\\ \n   \\ both." in text
    assert '**Source:** \\ hull-2023, "A slide".' in text
    assert ".. code-block:: pycon\n\n   >>> 1 + 1\n   2" in text


def test_first_sentences():
    assert first_sentence("One. Two.") == "One"
    assert first_sentence("A layer: a = g(x W + b).\n\nMore.") == "A layer: a = g(x W + b)"
    assert first_sentence("As in e.g. this\none.") == "As in e.g. this one"


def test_every_docstring_is_read_without_a_warning():
    core = pytest.importorskip("docutils.core")
    for item in public():
        text = "\n".join(to_rst(inspect.getdoc(item.value) or ""))
        text = re.sub(r"code-block:: \w+", "code::", text)
        core.publish_doctree(text, settings_overrides={"report_level": 2, "halt_level": 2})


def test_every_lab_stands_under_one_topic():
    topics = docs_labs.topics(ROOT / "docs" / "gallery.toml")
    assert sorted(n for names in topics.values() for n in names) == [p.stem for p in LABS]


def test_the_parts_of_a_lab():
    title, rest, cells = docs_labs.parts(ROOT / "labs" / "xor.py")
    assert title.startswith("Exclusive or")
    assert rest.startswith("Lectures: ")
    assert [c.markdown for c in cells[:3]] == [False, True, False]
    assert cells[1].text.startswith("## The truth tables\nAND and OR can")
    assert docs_gallery.caption(cells).startswith("Three networks and the single neuron.")


LAB = '''"""A lab.

Lecture: none.
"""

# %%
from pathlib import Path

from descend.errors import DataError
from descend.lab import Check, axes, run, save


# %% [markdown]
# ## The picture
# A line | and a `bar`.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    if not (out.parent / "data").exists():
        raise DataError("no data")
    figure, ax = axes()
    ax.plot([0, 1])
    save(figure, out, "line.png")
    print("quick" if quick else "whole")
    return [Check("a", "1", "1", True), Check("b | c", "2", "3", False)]


if __name__ == "__main__":
    run(main)
'''


def test_a_lab_is_run_once_for_each_text_and_again_for_its_data(tmp_path, capsys):
    lab, cache = tmp_path / "a_lab.py", tmp_path / "cache"
    lab.write_text(LAB)
    assert docs_labs.run_all([lab], cache)["a_lab"].absent
    assert "was not run" in docs_gallery.lab_page(lab, docs_labs.Ran(absent=True), {}, "pictures")
    (cache / "data").touch()
    ran = docs_labs.run_all([lab], cache)["a_lab"]
    assert (ran.absent, ran.output) == (False, "quick")
    assert ran.checks == [["a", "1", "1", "yes"], ["b | c", "2", "3", "NO"]]
    assert [p.name for p in ran.pictures] == ["line.png"]
    capsys.readouterr()
    docs_labs.run_all([lab], cache)
    assert capsys.readouterr().out == ""
    page = docs_gallery.lab_page(lab, ran, {"axes": "descend.lab.axes"}, "pictures/a_lab")
    assert page.startswith("# A lab\n")
    assert "```{image} pictures/a_lab/line.png\n:alt: A lab. A line | and a `bar`." in page
    assert "| b \\| c | 2 | 3 | NO |" in page
    assert "### The picture" in page
    lab.write_text(LAB.replace("[0, 1]", "[0, 1"))
    with pytest.raises(SystemExit, match="a_lab.py"):
        docs_labs.run_all([lab], cache)


def test_benchmarks_are_drawn_from_their_json():
    made = docs_benchmarks.pages(ROOT / "benchmarks")
    results = ROOT / "benchmarks" / "results"
    assert {p.stem for p in results.glob("*.json")} == {
        name.removesuffix(".md") for name in made if name.endswith(".md") and name != "index.md"
    }
    found = json.loads((results / "solve.json").read_text())
    wall = found["brock-mirman"]["first"]["wall"]
    assert f"| {wall:.0f} |" in made["solve.md"]
    facts = docs_facts.page(results)
    assert f"{wall:.0f} s; box mean residual" in facts
    assert facts.count("](benchmarks/") > 12


def test_the_citation_has_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in ("CITATION.cff", "docs/cite.md", "docs/changelog.md"):
        assert version in (ROOT / name).read_text(encoding="utf-8")


def test_formulas_become_mathml():
    docs_html = pytest.importorskip("docs_html")
    written = docs_html.mathml(r"\frac{\partial J}{\partial w} = g'(z)", None, block=True)
    assert written.startswith('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">')
    assert "<mfrac>" in written
    assert "<mo>′</mo>" in written


def test_cells_of_a_head_that_say_nothing_are_plain():
    docs_html = pytest.importorskip("docs_html")
    context = {"body": '<th class="head"><p></p></th><th class="head"><p>a</p></th>'}
    docs_html.no_empty_headers(None, "page", "page.html", context, None)
    assert context["body"] == '<td class="head"></td><th class="head"><p>a</p></th>'
