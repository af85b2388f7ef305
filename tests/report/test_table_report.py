"""The report on a table: its numbers against scikit-learn's, its page against its JSON."""

import ast
import dataclasses
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from report.read_page import Read
from report.schema import departures
from report.small_tables import BOLD, TASKS, made, options
from scipy import stats
from sklearn import metrics

from descend.errors import DataError, DescendError
from descend.report.table.document.whole import Document
from descend.report.table.evidence import ReportOptions, gather
from descend.report.table.numbers.explanation import _importance
from descend.report.table.write import table_report
from descend.tables.judging.costs import Costs
from descend.tables.judging.importance import permutation_importance
from descend.tables.options import FitOptions
from descend.tables.recipe import fit_table, open_test
from descend.tables.reopen import reopen

FEW = {"resamples": 200, "group": "branch"}


class Case:
    """A fitted table, its report, and its test rows as a stranger would predict them."""

    def __init__(self, task, folder):
        self.fitted = fit_table(made(task), options(task))
        names = None if task == "binary" else ("mean", "linear")
        asked = ReportOptions(**FEW, baselines=names)
        path = folder / f"{task}.html"
        self.files = table_report(self.fitted, path, asked, command="descend fit <made>.csv")
        self.html, written = (f.read_text() for f in self.files)
        self.found = json.loads(written, parse_constant=pytest.fail)
        self.read = Read(self.html)
        frame = made(task).frame.iloc[self.fitted.prepared.split.test]
        self.frame = frame.reset_index(drop=True)
        self.said = self.fitted.predictor.values(self.frame)

    def baseline(self, name, target=0):
        others = self.found["baselines"]["targets"][target]["others"]
        return next(o for o in others if o["name"] == name)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder, known = tmp_path_factory.mktemp("reports"), {}

    def case(task):
        if task not in known:
            known[task] = Case(task, folder)
        return known[task]

    return case


# -- the page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_the_page_is_whole_and_stands_alone(cases, task):
    case = cases(task)
    assert [f.suffix for f in case.files] == [".html", ".json"]
    assert {f.name for f in case.files[0].parent.glob(f"{task}*")} == {f.name for f in case.files}
    read = case.read
    assert read.open == []
    assert not read.all("script") + read.all("link") + read.all("iframe")
    for _, attrs in read.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
        assert not any(name.startswith("on") for name in attrs)
    assert "http" not in re.sub(r"base64,[^']*", "", case.html)
    ids = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    assert all(a["href"][1:] in ids for a in read.all("a"))
    assert len(read.all("h2")) == 14
    assert all(len(p["alt"]) > 40 for p in read.all("img"))
    assert len(read.all("caption")) == len(read.all("table")) >= 12
    assert "compliant" not in case.html
    assert any("supports documentation of" in p for p in read.text["p"])


@pytest.mark.parametrize("task", TASKS)
def test_the_json_is_what_the_document_says(cases, task):
    """No key that is not written down in document/, none missing, each of its kind."""
    assert departures(cases(task).found, Document) == []


def test_departures_are_seen(cases):
    found = cases("binary").found
    other = {**found, "format": "1", "extra": 0, "summary": [1]} | {"groups": {"column": "a"}}
    del other["design"]
    said = departures(other, Document)
    for words in ("lacks 'design'", "has 'extra'", ".format is '1'", ".summary.0 is 1", ".groups"):
        assert any(words in line for line in said), words


@pytest.mark.parametrize("task", TASKS)
def test_names_of_columns_and_classes_are_text(cases, task):
    case = cases(task)
    assert not {"b", "i", "made"} & {name for name, _ in case.read.tags}
    assert BOLD in case.read.text["th"]
    assert any("<made>.csv" in text for text in case.read.text["pre"])


def leaves(found):
    if isinstance(found, dict):
        return [leaf for v in found.values() for leaf in leaves(v)]
    return [leaf for v in found for leaf in leaves(v)] if isinstance(found, list) else [found]


def written_in(text):
    """(number, half a unit of its last digit) of each number in a cell."""
    for sign, digits, power, percent in re.findall(
        r"(?<![\w.])(-?)((?:\d+,)*\d+(?:\.\d+)?)(e[+-]\d+)?(%?)(?![\w.])", text
    ):
        scale = float("1" + (power or "e0")) * (0.01 if percent else 1.0)
        places = len(digits.partition(".")[2])
        yield float(sign + digits.replace(",", "")) * scale, 0.5 * 10.0**-places * scale


@pytest.mark.parametrize("task", TASKS)
def test_every_number_of_a_table_is_in_the_json(cases, task):
    case = cases(task)
    every = leaves(case.found)
    known = np.sort([float(v) for v in every if isinstance(v, (int, float)) and v is not True])
    words = {v for v in every if isinstance(v, str)}
    cells = re.findall(r"<td class='number'>(.*?)</td>", case.html)
    count = 0
    for cell in set(cells) - words:  # a date is a word
        for number, half in written_in(cell):
            count += 1
            place = np.searchsorted(known, number)
            near = known[max(place - 1, 0) : place + 1]
            # figures are cut to significant digits, so a zero at the end may be left out
            room = max(half, 5.1e-4 * abs(number)) * (1 + 1e-9)
            assert np.abs(near - number).min() <= room, cell
    assert count > 80


# -- the figures ----------------------------------------------------------------------------------


def test_of_two_classes(cases):
    case = cases("binary")
    y = (case.frame["y"] == "yes").to_numpy()
    p = case.said[:, 1]
    found = case.found["discrimination"]
    assert found["event"] == "yes"
    ranking = found["ranking"]
    assert ranking["auc"] == pytest.approx(metrics.roc_auc_score(y, p))
    assert ranking["gini"] == pytest.approx(2 * metrics.roc_auc_score(y, p) - 1)
    assert ranking["ks"] == pytest.approx(stats.ks_2samp(p[y], p[~y]).statistic)
    assert ranking["average_precision"] == pytest.approx(metrics.average_precision_score(y, p))
    matrix = metrics.confusion_matrix(y, p >= 0.5)
    d = found["decisions"]
    names = ("true_negative", "false_positive", "false_negative", "true_positive")
    assert [d[n] for n in names] == matrix.ravel().tolist()
    calibration = case.found["calibration"]
    assert calibration["brier"]["score"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert sum(calibration["reliability"]["count"]) == len(y)
    network = case.found["baselines"]["targets"][0]["network"]
    assert network["log-loss"]["estimate"] == pytest.approx(metrics.log_loss(y, p))
    assert network["accuracy"]["estimate"] == pytest.approx(np.mean(y == (p > 0.5)))
    assert network["AUC"]["low"] < ranking["auc"] < network["AUC"]["high"]
    assert [o["name"] for o in case.found["baselines"]["targets"][0]["others"]][:3] == [
        "mean",
        "linear",
        "boosting",
    ]


def test_of_several_classes(cases):
    case = cases("multi")
    y, p = case.frame["y"].astype(int).to_numpy(), case.said
    found = case.found["discrimination"]
    assert found["confusion"] == metrics.confusion_matrix(y, p.argmax(axis=1)).tolist()
    for i, one in enumerate(found["each"]):
        assert one["auc"] == pytest.approx(metrics.roc_auc_score(y == i, p[:, i]))
    recall = metrics.recall_score(y, p.argmax(axis=1), average=None)
    assert [one["recall"] for one in found["each"]] == pytest.approx(recall.tolist())
    right = p.argmax(axis=1) == y
    brier = metrics.brier_score_loss(right, p.max(axis=1))
    assert case.found["calibration"]["brier"]["score"] == pytest.approx(brier)


@pytest.mark.parametrize("task", ["regression", "count", "share", "censored"])
def test_of_values(cases, task):
    case = cases(task)
    y, m = case.frame["y"].to_numpy(float), case.said
    network = case.found["baselines"]["targets"][0]["network"]
    rmse = metrics.root_mean_squared_error(y, m)
    assert network["RMSE"]["estimate"] == pytest.approx(rmse, rel=1e-6)
    assert network["MAE"]["estimate"] == pytest.approx(metrics.mean_absolute_error(y, m), rel=1e-6)
    assert network["R2"]["estimate"] == pytest.approx(metrics.r2_score(y, m), rel=1e-6)
    one = case.found["discrimination"]["targets"][0]
    assert one["mean"] == pytest.approx((y - m).mean(), rel=1e-5, abs=1e-9)
    median = np.quantile(y - m, 0.5, method="inverted_cdf")
    assert one["quantiles"]["0.5"] == pytest.approx(median, rel=1e-5)
    bins = case.found["calibration"]["targets"][0]["bins"]
    assert sum(b["rows"] for b in bins) == len(y)
    assert sum(b["rows"] * b["observed"] for b in bins) == pytest.approx(y.sum())
    if task == "count":
        deviance = metrics.mean_poisson_deviance(y, m)
        assert network["deviance"]["estimate"] == pytest.approx(deviance, rel=1e-6)
    if task == "share":
        entropy = np.mean(-y * np.log(m) - (1 - y) * np.log1p(-m))
        assert network["cross-entropy"]["estimate"] == pytest.approx(entropy, rel=1e-6)


def test_of_quantiles(cases):
    case = cases("quantile")
    y, q = case.frame["y"].to_numpy(), case.said
    each = case.found["discrimination"]["each"]
    for i, one in enumerate(each):
        loss = metrics.mean_pinball_loss(y, q[:, i], alpha=one["level"])
        assert one["pinball"] == pytest.approx(loss, rel=1e-6)
    network = case.found["baselines"]["targets"][0]["network"]
    mean = np.mean([one["pinball"] for one in each])
    assert network["pinball"]["estimate"] == pytest.approx(mean)
    below = [one["share"] for one in case.found["calibration"]["each"]]
    assert below == pytest.approx([np.mean(y <= q[:, i]) for i in range(3)])
    assert case.found["uncertainty"]["targets"][0]["stated"] == pytest.approx(0.9)


def test_of_several_targets(cases):
    case = cases("several")
    for i, name in enumerate(("y", "z")):
        network = case.found["baselines"]["targets"][i]["network"]
        rmse = metrics.root_mean_squared_error(case.frame[name], case.said[:, i])
        assert network["RMSE"]["estimate"] == pytest.approx(rmse, rel=1e-6)
    sd = case.fitted.prepared.target.head.sd
    off = (case.frame[["y", "z"]].to_numpy() - case.said) / np.array(sd)
    assert case.found["explanation"]["value"] == pytest.approx(np.mean(off**2), rel=1e-5)
    assert [e["of"] for e in case.found["explanation"]["effects"]] == ["y", "z"]


@pytest.mark.parametrize("task", TASKS)
def test_figures_are_those_of_the_opening(cases, task):
    case = cases(task)
    opened = case.found["identity"]["openings"][0]["figures"]
    if task == "several":  # there the means over targets
        return
    network = case.found["baselines"]["targets"][0]["network"]
    assert {n: i["estimate"] for n, i in network.items()} == pytest.approx(opened, rel=1e-6)


def test_differences_are_taken_on_the_same_rows(cases):
    case = cases("binary")
    y = (case.frame["y"] == "yes").to_numpy()
    share = (made("binary").frame["y"].iloc[case.fitted.prepared.split.train] == "yes").mean()
    trivial = metrics.log_loss(y, np.full(len(y), share))
    one = case.baseline("mean")["figures"]["log-loss"]
    assert one["value"]["estimate"] == pytest.approx(trivial)
    own = metrics.log_loss(y, case.said[:, 1])
    assert one["difference"]["estimate"] == pytest.approx(own - trivial)
    assert one["winner"] == "network"
    assert one["network_better"] > 0.97


def test_a_baseline_that_wins_is_shown(tmp_path):
    bad = fit_table(made("regression"), options("regression", epochs=1, learning_rate=1e-6))
    asked = ReportOptions(baselines=("linear", "boosting"))
    files = table_report(bad, tmp_path / "bad.html", asked)
    found = json.loads(files[1].read_text())
    for other in found["baselines"]["targets"][0]["others"]:
        assert other["figures"]["RMSE"]["winner"] == "baseline"
    assert "the baseline is better" in " ".join(found["summary"])
    assert "BASELINE" in files[0].read_text()
    checks = {c["code"]: c for c in found["checks"]}
    assert checks["D004"]["status"] == "failed"
    assert any("D004" in line for line in found["limitations"])


@pytest.mark.parametrize("task", ["regression", "quantile", "count"])
def test_coverage_is_counted_on_the_test_rows(cases, task):
    case = cases(task)
    found = case.found["uncertainty"]["targets"][0]
    said, _ = case.fitted.predictor.predict(case.frame, intervals=True)
    inside = (said["lower"] <= case.frame["y"]) & (case.frame["y"] <= said["upper"])
    assert found["parts"][0]["share"] == pytest.approx(inside.mean())
    assert found["parts"][0]["size"] == pytest.approx((said["upper"] - said["lower"]).mean())
    assert [p["group"] for p in found["parts"]] == [None, "north", "south"]
    if task == "regression":
        spread = case.fitted.predictor.members(case.frame).std(axis=1, ddof=1).mean()
        assert case.found["uncertainty"]["spread"] == pytest.approx(spread, rel=1e-5)


def test_coverage_of_sets_and_of_several_targets(cases):
    case = cases("multi")
    said, _ = case.fitted.predictor.predict(case.frame, intervals=True)
    hit = [y in s.split() for y, s in zip(case.frame["y"], said["set"], strict=True)]
    assert case.found["uncertainty"]["parts"][0]["share"] == pytest.approx(np.mean(hit))
    case = cases("several")
    prepared = case.fitted.prepared
    rows = prepared.split.validation
    said = case.fitted.predictor.values(made("several").frame.iloc[rows])
    off = np.sort(np.abs(prepared.y[rows, 1] - said[:, 1]))
    margin = off[math.ceil(0.9 * (len(rows) + 1)) - 1]
    found = case.found["uncertainty"]["targets"][1]
    assert found["margin"] == pytest.approx(margin, rel=1e-5)
    covered = np.abs(case.frame["z"] - case.said[:, 1]) <= margin
    assert found["parts"][0]["share"] == pytest.approx(covered.mean())


def test_importance_of_encoded_columns_is_that_of_raw_ones(cases):
    case = cases("regression")
    asked = ReportOptions(**FEW, baselines=("mean",))
    evidence = gather(case.fitted, asked)
    quick = _importance(evidence)
    slow = permutation_importance(
        case.fitted.predictor.values,
        evidence.inputs("test"),
        evidence.y("test"),
        "rmse",
        resamples=asked.draws(len(case.frame)),
        most_rows=None,
    )
    ours, theirs = (i.to_frame().set_index("name") for i in (quick, slow))
    # float32 sums in another order
    pd.testing.assert_frame_equal(ours, theirs.loc[ours.index], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("task", TASKS)
def test_what_made_the_target_is_found_important(cases, task):
    found = cases(task).found["explanation"]
    assert found["importance"][0]["name"] == BOLD
    assert found["importance"][0]["low"] > 0
    curve = next(c for c in found["dependence"] if c["column"] == BOLD)
    effects = {e["name"]: e["estimate"] for e in found["effects"][0]["effects"]}
    rises = curve["mean"][-1] - curve["mean"][0]
    assert np.sign(effects[BOLD]) == np.sign(rises) == (-1 if task == "multi" else 1)


def test_of_a_formula_the_raw_columns_are_explained(tmp_path):
    table = made("regression")
    frame = table.frame.rename(columns={BOLD: "size"})
    table = dataclasses.replace(table, frame=frame.assign(age=frame["age"].fillna(0.0)))
    asked = FitOptions(formula="y ~ size + C(town) + size:age", recipe="mlp", epochs=40)
    fitted = fit_table(table, asked)
    files = table_report(fitted, tmp_path / "a.html", ReportOptions(baselines=("linear",)))
    found = json.loads(files[1].read_text())
    assert {one["name"] for one in found["explanation"]["importance"]} == {"size", "town", "age"}
    effects = {e["name"]: e for e in found["explanation"]["effects"][0]["effects"]}
    assert effects["size"]["estimate"] == pytest.approx(900, rel=0.3)  # as it was made
    assert {c["column"] for c in found["data"]["inputs"]} == {"size", "C(town)", "size:age"}
    assert "C(town)" in found["reproduce"]["python"]
    fitted.save(tmp_path / "a.descend")
    again = open_test(reopen(tmp_path / "a.descend", table))
    assert again.scores.figures == pytest.approx(fitted.scores.figures, rel=1e-6)


def test_dates_and_numbers_that_came_as_text_are_read(cases, tmp_path):
    table = made("binary")
    text = {
        "sold": table.frame["sold"].dt.strftime("%Y-%m-%d"),
        BOLD: table.frame[BOLD].astype(str),
    }
    table = dataclasses.replace(table, frame=table.frame.assign(**text))
    fitted = fit_table(table, options("binary"))
    asked = ReportOptions(baselines=("mean",), resamples=50)
    files = table_report(fitted, tmp_path / "a.html", asked)
    found = json.loads(files[1].read_text())
    was = {s["name"]: s["index"] for s in cases("binary").found["stability"]["columns"]}
    now = {s["name"]: s["index"] for s in found["stability"]["columns"]}
    assert now == pytest.approx(was)
    curve, before = (
        next(c for c in f["explanation"]["dependence"] if c["column"] == BOLD)
        for f in (found, cases("binary").found)
    )
    assert curve["mean"] == pytest.approx(before["mean"], rel=1e-4)


def test_weights_and_clusters(tmp_path):
    table = made("regression")
    rng = np.random.default_rng(1)
    more = {"weight": rng.uniform(0, 2, 260), "street": rng.integers(0, 60, 260)}
    table = dataclasses.replace(table, frame=table.frame.assign(**more))
    asked = options("regression", weight="weight", group="street", recipe="mlp")
    fitted = fit_table(table, asked)
    files = table_report(fitted, tmp_path / "a.html", ReportOptions(baselines=("linear",)))
    found = json.loads(files[1].read_text())
    frame = table.frame.iloc[fitted.prepared.split.test]
    rmse = metrics.root_mean_squared_error(
        frame["y"], fitted.predictor.values(frame), sample_weight=frame["weight"]
    )
    network = found["baselines"]["targets"][0]["network"]["RMSE"]
    assert network["estimate"] == pytest.approx(rmse, rel=1e-6)
    assert network["clusters"] == frame["street"].nunique()
    assert "whole groups of 'street'" in files[0].read_text().replace("&#x27;", "'")
    assert found["data"]["roles"] == {"weight": "weight", "group": "street"}
    assert any("figures are weighted as the rows are" in line for line in found["limitations"])


def test_groups_are_counted(cases):
    case = cases("binary")
    y, called = case.frame["y"] == "yes", case.said[:, 1] >= 0.5
    parts = case.found["groups"]["targets"][0]["parts"]
    assert [p["group"] for p in parts] == [None, "north", "south"]
    for part in parts[1:]:
        own = case.frame["branch"] == part["group"]
        assert part["rows"] == own.sum()
        assert part["figures"]["base_rate"]["share"] == pytest.approx(y[own].mean())
        missed = (~called & y)[own].sum() / y[own].sum()
        assert part["figures"]["false_negative_rate"]["share"] == pytest.approx(missed)


def test_what_is_missing_and_what_is_not_used(cases):
    found = cases("binary").found["data"]
    frame, split = made("binary").frame, cases("binary").fitted.prepared.split
    row = next(c for c in found["inputs"] if c["column"] == "age")
    assert row["missing"]["train"] == pytest.approx(frame["age"].iloc[split.train].isna().mean())
    assert found["dropped"] == {"branch": "left out as asked for"}
    assert [c["code"] for c in found["checks"]] == [f"L00{i}" for i in range(1, 10)]
    rates = {r["class"]: r["share"]["test"] for r in found["target"]}
    assert rates["yes"] == pytest.approx((cases("binary").frame["y"] == "yes").mean())


# -- what was asked for ---------------------------------------------------------------------------


def test_a_threshold_by_costs(cases, tmp_path):
    fitted = cases("binary").fitted
    asked = ReportOptions(costs=Costs(1, 20), baselines=("mean",), resamples=50)
    files = table_report(fitted, tmp_path / "a.html", asked)
    found = json.loads(files[1].read_text())["discrimination"]
    assert found["threshold"] < 0.3  # a missed one is dear
    assert found["decisions"]["threshold"] == found["threshold"]
    d = found["decisions"]
    assert d["cost"] == pytest.approx((d["false_positive"] + 20 * d["false_negative"]) / d["rows"])


def test_purpose_and_limitations(cases, tmp_path):
    asked = ReportOptions(
        purpose="to show", limitations=("made <up>",), baselines=("mean",), resamples=50
    )
    files = table_report(cases("binary").fitted, tmp_path / "a.html", asked)
    found = json.loads(files[1].read_text())
    assert found["limitations"][0] == "made <up>"
    assert "made &lt;up&gt;" in files[0].read_text()
    assert found["identity"]["purpose"] == "to show"


def test_the_python_that_it_prints_fits_the_same_network(cases):
    case = cases("binary")
    lines = case.found["reproduce"]["python"].splitlines()
    line = next(line for line in lines if line.startswith("options = "))
    call = ast.parse(line).body[0].value
    given = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    assert FitOptions(**given) == case.fitted.prepared.options


def test_what_cannot_be_reported(cases, tmp_path):
    sealed = fit_table(made("count"), options("count", epochs=1, sealed=True))
    path = tmp_path / "a.html"
    for fitted, asked, kind, said in (
        (sealed, {}, DescendError, "is sealed"),
        (cases("count").fitted, {"threshold": 0.3}, DescendError, "two classes; 'y' is a count"),
        (cases("multi").fitted, {"costs": Costs(1, 2)}, DescendError, "one of 3"),
        (cases("count").fitted, {"group": "branc"}, DataError, "Did you mean 'branch'"),
    ):
        with pytest.raises(kind, match=said):
            table_report(fitted, path, ReportOptions(**asked))
    with pytest.raises(DescendError, match="ends in .html"):
        table_report(cases("count").fitted, tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())
    for wrong in ({"level": 1.0}, {"threshold": 0.0}, {"resamples": 1}):
        with pytest.raises(DescendError):
            ReportOptions(**wrong)
    with pytest.raises(DescendError, match="not both"):
        ReportOptions(threshold=0.5, costs=Costs(1, 1))
