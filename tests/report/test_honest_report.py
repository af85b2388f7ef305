"""What the page calls an error, a difference, an effect of one more, a set that covers."""

import dataclasses
import json

import numpy as np
import pytest
from report.small_tables import made, options

from descend.errors import DescendError
from descend.report.table.evidence import ReportOptions, gather
from descend.report.table.numbers.baselines import _figures
from descend.report.table.write import table_report
from descend.tables.choosing.refits import refit
from descend.tables.judging.recalibration import recalibration
from descend.tables.recipe import fit_table

FEW = {"baselines": ("mean", "linear"), "resamples": 50}


@pytest.fixture(scope="module")
def fitted():
    table = made("binary")
    rng = np.random.default_rng(0)
    frame = table.frame.assign(rooms=rng.integers(1, 6, len(table.frame)))
    return fit_table(dataclasses.replace(table, frame=frame), options("binary", epochs=8))


def written(fitted, folder, **asked):
    files = table_report(fitted, folder / "a.html", ReportOptions(**{**FEW, **asked}))
    return files[0].read_text(), json.loads(files[1].read_text())


@pytest.fixture(scope="module")
def plain(fitted, tmp_path_factory):
    return written(fitted, tmp_path_factory.mktemp("plain"))


def test_without_refits_no_error_is_stated(plain):
    page, found = plain
    for effect in found["explanation"]["effects"][0]["effects"]:
        assert effect["error"] is effect["low"] is None
        assert effect["spread"] > 0
    assert "It is no standard error" in page
    assert "spread over rows" in page
    assert found["uncertainty"]["refits"] is None


def test_with_refits_it_is(fitted, tmp_path):
    page, found = written(fitted, tmp_path, refits=3)
    effects = {e["name"]: e for e in found["explanation"]["effects"][0]["effects"]}
    assert found["explanation"]["effects"][0]["refits"] == 3
    assert "estimation error" in page
    anew = refit(fitted.prepared, 3)  # the same draws
    rows = fitted.prepared.inputs.iloc[fitted.prepared.split.test]
    at = [anew.predict(rows.assign(town=town))[:, :, 1].mean(axis=1) for town in ("Ulm", "Bonn")]
    effect = next(e for n, e in effects.items() if e["column"] == "town")
    sign = {"Ulm": 0, "Bonn": 1}
    if {effect["level"], effect["base"]} == set(sign):
        between = at[sign[effect["level"]]] - at[sign[effect["base"]]]
        sd = np.hypot(between.std(ddof=1), effect["spread"])
        # float32; and the spread is of draws
        assert effect["error"] == pytest.approx(sd, rel=0.02)
    assert found["uncertainty"]["refits"]["count"] == 3
    assert len(set(found["uncertainty"]["refits"]["values"])) == 3
    for wrong in (1, -2):
        with pytest.raises(DescendError, match="refits must be 0, or at least 2"):
            ReportOptions(refits=wrong)


def test_one_room_more_is_a_step(fitted, plain):
    page, found = plain
    effects = {e["name"]: e for e in found["explanation"]["effects"][0]["effects"]}
    rows = fitted.prepared.inputs.iloc[fitted.prepared.split.test]
    rows = rows[rows["rooms"] < 5]
    step = fitted.predictor.values(rows.assign(rooms=rows["rooms"] + 1)) - fitted.predictor.values(
        rows
    )
    assert effects["rooms"]["kind"] == "unit"
    assert effects["rooms"]["rows"] == len(rows)
    assert effects["rooms"]["estimate"] == pytest.approx(step[:, 1].mean(), rel=1e-3, abs=1e-6)
    assert "1 more" in page
    assert effects["age"]["kind"] == "slope"
    assert "slope: probability of yes a unit of age" in page


def test_levels_at_the_ends_of_a_curve_are_those_that_differ_most(plain):
    curves = {c["column"]: c for c in plain[1]["explanation"]["dependence"]}
    town = curves["town"]
    ends = [town["mean"][i] for i in town["ends"]]
    assert ends == [min(town["mean"]), max(town["mean"])]
    number = next(c for c in curves.values() if c["kind"] == "number")
    assert number["ends"] == [0, len(number["mean"]) - 1]


def test_sets_by_true_class(fitted, plain):
    page, found = plain
    frame = fitted.prepared.inputs.iloc[fitted.prepared.split.test]
    y = fitted.prepared.y[fitted.prepared.split.test]
    for name, by_class in (("sets", False), ("class_sets", True)):
        said, _ = fitted.predictor.predict(frame, intervals=True, by_class=by_class)
        for i, label in enumerate(fitted.prepared.target.classes):
            part = found["uncertainty"]["by_class"][name][i + 1]
            held = said["set"][y == i].str.contains(label, regex=False)
            assert part["group"] == label
            assert part["share"] == pytest.approx(held.mean())
            assert getattr(fitted.scores, name).parts[i + 1].share == pytest.approx(held.mean())
    assert "Coverage by true class on the test rows" in page
    assert "intervals-by class" in page


def test_means_of_columns_and_the_target_between_parts(fitted, plain):
    _, found = plain
    held = {c["column"]: c["holds"] for c in found["data"]["inputs"]}
    rows, split = fitted.prepared.inputs, fitted.prepared.split
    for part in ("train", "test"):
        own = rows.iloc[getattr(split, part)]
        assert held["age"][part]["mean"] == pytest.approx(own["age"].mean())
        assert held["age"][part]["sd"] == pytest.approx(own["age"].std(ddof=0))
        assert held["town"][part]["share"] == pytest.approx(
            own["town"].value_counts(normalize=True).max()
        )
    (moved,) = found["data"]["moved"]
    y = [fitted.prepared.y[getattr(split, p)].mean() for p in ("train", "test")]
    assert moved["difference"] == pytest.approx(y[1] - y[0])


def test_a_difference_that_float32_cannot_tell_is_none(fitted):
    evidence = gather(fitted, ReportOptions(**FEW))
    view = evidence.views[0]
    (mean, linear) = view.baselines
    for shift, same in ((1e-8, True), (1e-2, False)):
        p = np.clip(view.predicted["test"] + shift * np.array([1, -1]), 0, 1)
        near = dataclasses.replace(linear, test=p)
        close = dataclasses.replace(view, baselines=(mean, near))
        others = _figures(evidence, close)["others"]
        assert others[1]["figures"]["log-loss"]["same"] is same
        assert not others[0]["figures"]["log-loss"]["same"]
        if same:
            assert others[1]["figures"]["log-loss"]["winner"] is None


def test_calibration_intercept_and_slope():
    """Log-odds made twice too large and shifted: slope a half; errors as statsmodels' logit."""
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    z = rng.normal(size=4000)
    y = rng.random(4000) < 1 / (1 + np.exp(-z))
    perfect = recalibration(y, 1 / (1 + np.exp(-z)))
    assert abs(perfect.slope - 1) < 3 * perfect.slope_error
    assert abs(perfect.intercept) < 3 * perfect.intercept_error
    bold = recalibration(y, 1 / (1 + np.exp(-2 * z - 1)))
    logit = sm.Logit(y.astype(float), sm.add_constant(2 * z + 1)).fit(disp=0, cov_type="HC0")
    assert bold.slope == pytest.approx(logit.params[1], rel=1e-6)
    assert bold.slope_error == pytest.approx(logit.bse[1], rel=1e-5)
    assert bold.intercept < -3 * bold.intercept_error
    w = rng.integers(1, 4, 4000)
    weighted = recalibration(y, 1 / (1 + np.exp(-z)), weights=w)
    many = np.repeat(np.arange(4000), w)
    assert weighted.slope == pytest.approx(recalibration(y[many], 1 / (1 + np.exp(-z[many]))).slope)
    by_row = recalibration(y, 1 / (1 + np.exp(-z)), clusters=np.arange(4000))
    assert by_row.slope_error == pytest.approx(perfect.slope_error, rel=1e-3)
    parted = recalibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert np.isnan(parted.slope)
    assert np.isnan(recalibration([1, 1], [0.5, 0.6]).intercept)
