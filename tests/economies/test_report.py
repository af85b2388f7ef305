"""The report as a reader meets it: whole, readable without pictures, and nothing but text in it."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from report.read_page import Read

from descend.economies import Event, plots
from descend.errors import DescendError
from descend.report.economy import economy_report, worst_rows
from descend.report.page import page, table

EVIL = "<script>alert('log')</script> & \"more\""


@pytest.fixture(scope="module")
def solution(brock_mirman):
    """The solution, with a log that is not to be trusted and a figure that is no number."""
    changed = copy.copy(brock_mirman)
    changed.events = [*brock_mirman.events, Event(1.0, EVIL)]
    changed.accuracy = copy.deepcopy(brock_mirman.accuracy)
    changed.accuracy.sets["stressed"]["conditions"]["euler"]["max"] = float("nan")
    return changed


@pytest.fixture(scope="module")
def written(solution, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "bm.html"
    files = economy_report(solution, path, command=f"descend solve '{EVIL}'")
    assert [f.name for f in files] == ["bm.html", "bm.json"]
    assert {f.name for f in path.parent.iterdir()} == {"bm.html", "bm.json"}
    return [f.read_text() for f in files]


def test_the_page_is_whole_and_stands_alone(written):
    read = Read(written[0])
    assert read.open == []
    assert not read.all("script") + read.all("link") + read.all("iframe")
    for _, attrs in read.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
        assert not any(name.startswith("on") for name in attrs)
    ids = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    assert all(a["href"][1:] in ids for a in read.all("a"))


def test_it_can_be_read_without_seeing_it(written):
    read = Read(written[0])
    assert read.all("html")[0]["lang"] == "en"
    assert len(read.all("h1")) == 1
    assert len(read.all("h2")) == 9  # no constraints, no section on them
    pictures = read.all("img")
    assert len(pictures) == 6
    assert all(len(p["alt"]) > 30 for p in pictures)
    assert len(read.all("caption")) == len(read.all("table")) >= 10
    assert all(cell["scope"] in ("col", "row") for cell in read.all("th"))


def test_what_it_says(written, solution):
    text = Read(written[0]).text
    assert "aim met: ergodic mean residual" in text["p"][0].lower()
    cells = text["td"] + text["th"]
    assert {"capital's share of output", "0.36", "not finite", "yes"} <= set(cells)
    worst = solution.accuracy.sets["box"]["conditions"]["euler"]["max"]
    assert f"{worst:.1e}" in cells
    assert text["p"][1].startswith("max E sum beta^t log c_t")


def test_text_from_elsewhere_stays_text(written):
    assert "<script" not in written[0]
    assert sum(EVIL in part for part in Read(written[0]).text["pre"]) == 2
    assert "<b>" not in page("<b>", [("<b>", table("<b>", ["<b>"], [["<b>"]]))])


def test_the_json_says_the_same_and_is_strict(written, solution):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    found = json.loads(written[1], parse_constant=refuse)
    ergodic = solution.accuracy.sets["ergodic"]["conditions"]["euler"]
    assert found["accuracy"]["sets"]["ergodic"]["conditions"]["euler"] == ergodic
    assert found["accuracy"]["sets"]["stressed"]["conditions"]["euler"]["max"] is None
    assert found["parameters"]["beta"] == 0.9
    assert found["documentation"]["parameters"]["beta"] == "discount factor"
    assert found["moments"]["saving"]["mean"] == pytest.approx(0.324, abs=1e-4)
    assert found["versions"]["jax"]


def test_a_report_has_a_name_and_a_place(solution, tmp_path):
    for name, said in (("a.txt", "ends in .html"), ("no/a.html", "no folder")):
        with pytest.raises(DescendError, match=said):
            economy_report(solution, tmp_path / name)


def test_a_vector_of_conditions_is_one_row_with_the_worst_of_each_figure():
    figures = ("mean", "median", "p99", "p99.9", "max")
    one, two = dict.fromkeys(figures, 1.0), dict.fromkeys(figures, 0.5) | {"max": 9.0}
    rows = worst_rows({"euler_1": one, "euler_2": two, "market": one})
    assert [label for label, _ in rows] == ["euler, worst of 2", "market"]
    assert rows[0][1]["max"] == 9.0
    assert rows[0][1]["mean"] == 1.0


# -- pictures -------------------------------------------------------------------------------------


def test_policies_are_drawn_as_they_are(brock_mirman):
    figure = plots.plot_policies(brock_mirman, "a", ["saving", "output"])
    saving, output = figure.axes[:2]
    assert saving.get_xlabel().startswith("a (")
    assert saving.get_ylabel() == "saving (share)"
    x, y = output.lines[0].get_data()
    k = np.median(brock_mirman.simulate(500, 20).states["k"])
    np.testing.assert_allclose(y, np.exp(x) * k**0.36, rtol=1e-9)
    low, high = saving.get_ylim()
    assert high - low > 0.005  # a flat policy looks flat


def test_the_curve_of_errors_ends_at_the_largest(brock_mirman):
    figure = plots.plot_errors(brock_mirman, points=400)
    for which, ax in zip(("ergodic", "box", "stressed"), figure.axes, strict=True):
        _, found = plots.residuals(brock_mirman, which, points=400)
        x, y = ax.lines[0].get_data()
        assert y[-1] == 1
        assert x[-1] == pytest.approx(np.log10(found["euler"].max()))
    assert "log10" in figure.axes[0].get_xlabel()


def test_a_name_that_is_not_there(brock_mirman):
    paths = brock_mirman.simulate(5)
    for draw, said in (
        (lambda: plots.plot_policies(brock_mirman, "kk", paths=paths), "Did you mean 'k'"),
        (lambda: plots.plot_policies(brock_mirman, names=["save"], paths=paths), "'saving'"),
        (lambda: plots.plot_policies(brock_mirman, at={"b": 1.0}, paths=paths), "unknown state"),
        (lambda: plots.plot_paths(paths, ["kk"]), "Did you mean 'k'"),
        (lambda: plots.residuals(brock_mirman, "bax"), "Did you mean 'box'"),
    ):
        with pytest.raises(DescendError, match=said):
            draw()
