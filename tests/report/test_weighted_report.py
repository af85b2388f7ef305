"""Every figure of a report on weighted rows is that of a table whose rows are repeated."""

import dataclasses

import numpy as np
import pytest
from report.small_tables import made, options
from tables.test_weights import same

from descend.report.table.evidence import ReportOptions, gather
from descend.report.table.numbers.baselines import baselines
from descend.report.table.numbers.calibration import calibration
from descend.report.table.numbers.data import data
from descend.report.table.numbers.discrimination import discrimination, threshold
from descend.report.table.numbers.explanation import _dependence, _effects, _importance
from descend.report.table.numbers.groups import groups
from descend.report.table.numbers.uncertainty import uncertainty
from descend.report.table.write import table_report
from descend.tables.judging.costs import Costs
from descend.tables.judging.plain import plain
from descend.tables.recipe import fit_table, open_test


def sections(fitted):
    """All that is computed from test rows but what is drawn at random."""
    binary = len(fitted.prepared.target.classes) == 2
    asked = ReportOptions(
        baselines=("mean",),
        group="branch",
        resamples=10,
        costs=Costs(1, 3) if binary else None,
    )
    evidence = gather(open_test(dataclasses.replace(fitted, scores=None)), asked)
    order = list(evidence.used)
    found = {
        "scores": evidence.fitted.scores.to_json(),
        "costs": [evidence.cost(part) for part in ("train", "validation", "test")],
        "target": data(evidence, ())["target"],
        "baselines": baselines(evidence)["targets"],
        "discrimination": discrimination(evidence),
        "calibration": calibration(evidence),
        "uncertainty": uncertainty(evidence),
        "effects": [_effects(evidence, one, order) for one in evidence.explained],
        "dependence": _dependence(evidence, order[:3]),
        "importance": _importance(evidence).value,
        "groups": groups(evidence, threshold(evidence)[0] if binary else None),
    }
    found["discrimination"].pop("weighted", None)  # says how it was counted
    for target in found["baselines"]:
        for other in target["others"]:
            del other["seconds"]
            for figure in other["figures"].values():  # shares of draws
                del figure["network_better"], figure["winner"]
    found["uncertainty"].pop("calibrated_on")
    return plain(found)


@pytest.mark.parametrize("task", ["binary", "multi", "regression", "quantile"])
def test_weights_are_repeated_rows(task):
    table = made(task)
    weight = np.random.default_rng(3).integers(1, 4, len(table.frame))
    frame = table.frame.assign(weight=weight)
    fitted = fit_table(
        dataclasses.replace(table, frame=frame), options(task, weight="weight", epochs=3)
    )
    prepared, split = fitted.prepared, fitted.prepared.split
    test = split.test
    short = -int(weight[test].sum()) % 10  # so that tenths are of whole rows
    raised = test[weight[test] < 3][:short]
    weight[raised] += 1
    assert weight[test].sum() % 10 == 0
    parts = {
        p: np.repeat(r, weight[r])
        for p in ("train", "validation", "test")
        for r in [getattr(split, p)]
    }
    weighted = dataclasses.replace(prepared, weight=weight.astype(float))
    repeated = dataclasses.replace(prepared, weight=None, split=dataclasses.replace(split, **parts))
    ours, theirs = (sections(dataclasses.replace(fitted, prepared=p)) for p in (weighted, repeated))
    # float32: a row's last digit depends on how many others are predicted with it
    same(ours, theirs, rel=1e-3)


def test_the_page_says_what_is_weighted(tmp_path):
    table = made("binary")
    frame = table.frame.assign(weight=np.random.default_rng(0).uniform(0, 2, len(table.frame)))
    fitted = fit_table(
        dataclasses.replace(table, frame=frame), options("binary", weight="weight", epochs=3)
    )
    asked = ReportOptions(baselines=("mean",), resamples=20)
    page = table_report(fitted, tmp_path / "a.html", asked)[0].read_text()
    assert "sums of weights" in page
    assert "All figures are weighted as the rows are" in page
    assert "each row counts once" not in page
