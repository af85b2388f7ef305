"""`descend trace` and its page."""

from __future__ import annotations

import html.parser
import re

import numpy as np
import pandas as pd
import pytest

from descend import Dense, Input, Model
from descend.cli.main import run
from descend.data.sources import load
from descend.errors import DescendError
from descend.glass import trace
from descend.report.trace import trace_report
from descend.tables import FitOptions, fit_table


@pytest.fixture(scope="module")
def small():
    x = Input((2,), name="x")
    h = Dense(3, "tanh", name="h<1>")(x)
    model = Model(x, Dense(1, "sigmoid", name="out")(h), name="small & simple")
    model.compile("adam", "bce")
    return model, trace(model, [[0.5, -1.0], [2.0, 0.0]], [[1.0], [0.0]])


class Page(html.parser.HTMLParser):
    """Counts tags; fails on what is loaded, on scripts, and on tags that are not closed."""

    VOID = ("meta", "br", "img", "!doctype")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "iframe")
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "href") or value.startswith(("#", "data:"))
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_holds_the_numbers_and_loads_nothing(small, tmp_path):
    _, t = small
    path = trace_report(t, tmp_path / "t.html", row=1)
    text = path.read_text()
    page = Page(text)
    assert "http" not in re.sub(r"xmlns='[^']*'", "", text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("math") >= 4
    # all that folds or scrolls is reached by keyboard
    assert tags.count("details") == tags.count("summary") >= 4
    for _, attributes in page.tags:
        if attributes.get("class", "").startswith("scroll"):
            assert attributes["tabindex"] == "0"
            assert attributes["aria-label"]
    words = " ".join(page.words)
    assert "h<1>: Dense" in words
    for value in (t.cost, *t.place("h<1>").delta.ravel(), *t.array("out/kernel").gradient.ravel()):
        assert f"{value:.6g}" in words
    assert "tanh" in words
    with pytest.raises(DescendError, match="ends in"):
        trace_report(t, tmp_path / "t.txt")


def test_a_large_layer_is_summed_up(tmp_path):
    """A million weights make a page of some hundred kilobytes."""
    x = Input((1000,))
    model = Model(x, Dense(2, name="out")(Dense(1000, "relu", name="wide")(x)))
    model.compile("sgd", "mse")
    t = trace(model, np.ones((1, 1000)), np.ones((1, 2)))
    path = trace_report(t, tmp_path / "t.html")
    assert path.stat().st_size < 300_000
    assert "1,000,000 numbers" in path.read_text()
    assert len(str(t)) < 10_000
    assert len(t.frame("wide/kernel")) == 1_000_000


def test_the_command_on_a_network_from_python(small, tmp_path, capsys):
    model, _ = small
    file, data = tmp_path / "m.descend", tmp_path / "d.csv"
    model.save(file)
    frame = pd.DataFrame({"a": [0.1, 0.5, 2.0], "b": [1.0, -1.0, 0.0], "y": [1, 1, 0]})
    frame.to_csv(data, index=False)
    assert run(["trace", str(file), str(data), "--row", "1", "--row", "2"]) == 0
    shown = capsys.readouterr().out
    want = str(trace(model, frame.iloc[1:, :2], frame.iloc[1:, 2:]))
    assert shown == want + "\n"
    assert "One step of fit on 2 rows" in shown
    asked = ["--unit", "out:0", "--weight", "h<1>/kernel:1,2", "--html", str(tmp_path / "t.html")]
    assert run(["trace", str(file), str(data), *asked, "--target", "y"]) == 0
    shown = capsys.readouterr().out
    assert "z_0 = b_0 + w_0,0 a_0" in shown
    assert "sum" in shown
    assert (tmp_path / "t.html").exists()
    for arguments, says in (
        (["--row", "3"], "rows, 0 to 2; there is no row 3"),
        (["--unit", "out"], "a name, a colon"),
        (["--unit", "out:9"], "has numbers 0 to 0, got 9"),
        (["--target", "z"], "unknown column"),
        (["--html", str(tmp_path / "t.pdf")], "ends in .html"),
    ):
        assert run(["trace", str(file), str(data), *arguments]) != 0
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1


def test_the_command_on_a_fitted_table(tmp_path, capsys):
    """The row goes in as `fit` encodes it, the class as its number."""
    fitted = fit_table(load("iris"), FitOptions(recipe="mlp", hidden=(4,), epochs=2))
    file = tmp_path / "iris.descend"
    fitted.save(file)
    assert run(["trace", str(file), "iris", "--row", "60"]) == 0
    shown = capsys.readouterr().out
    assert "the loss takes z itself" in shown
    frame = load("iris").frame
    p = fitted.predictor.predict(frame.iloc[[60]])[0]
    x, y = fitted.predictor.training_rows(frame.iloc[[60]])
    assert fitted.predictor.target.classes[int(y[0])] == str(frame.iloc[60, -1])
    t = trace(fitted.predictor.model, x, y)
    out = list(t.places.values())[-1]
    raw = fitted.predictor.model.predict(x)
    np.testing.assert_allclose(out.a, raw, rtol=1e-5)
    np.testing.assert_allclose(t.cost, -np.log(out.a[0, int(y[0])]), rtol=1e-4)
    assert len(p) == 1
