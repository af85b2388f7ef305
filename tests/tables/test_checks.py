"""Coded checks: at which numbers they fail, by hand."""

import json
import math

import pytest

from descend.errors import DescendError
from descend.tables.checks import calibrated, leakage, parts
from descend.tables.checks import of_network as checks
from descend.tables.checks import too_good as too_good_module
from descend.tables.checks.calibrated import calibration
from descend.tables.checks.too_good import too_good
from descend.tables.checks.verdicts import Check, Kind, to_frame

# function, arguments, level, failed
CASES = [
    (checks.overfit, (0.30, 0.39, 1.0), "issue", False),
    (checks.overfit, (0.30, 0.41, 1.0), "issue", True),
    (checks.overfit, (0.30, 0.34, 0.35), "issue", True),
    (checks.overfit, (0.5, 0.4, 1.0), "issue", False),
    (checks.underfit, (0.995, 1.0), "issue", True),
    (checks.underfit, (0.98, 1.0), "issue", False),
    (checks.overfit, (0.30, 0.45, 1.0, 0.07), "issue", True),
    (checks.overfit, (0.30, 0.45, 1.0, 0.08), "issue", False),
    (checks.beats_trivial, (0.9, 1.0), "tip", False),
    (checks.beats_trivial, (0.9, 1.0, 0.05), "tip", False),
    (checks.beats_trivial, (0.9, 1.0, 0.06), "tip", True),
    (checks.beats_trivial, (1.0, 1.0), "issue", True),
    (checks.beats_trivial, (math.inf, 1.0), "issue", True),
    (checks.weaker_than_boosting, (0.1, (0.01, 0.2)), "issue", True),
    (checks.weaker_than_boosting, (0.1, (-0.01, 0.2)), "issue", False),
    (checks.weaker_than_boosting, (-0.1, (-0.2, -0.01)), "issue", False),
    (checks.slower_than_baseline, (20.0, 1.0, (-0.1, 0.1)), "tip", True),
    (checks.slower_than_baseline, (20.0, 1.0, (-0.2, -0.1)), "tip", False),
    (checks.slower_than_baseline, (9.0, 1.0, (-0.1, 0.1)), "tip", False),
    (checks.imbalance, ({"a": 96, "b": 4},), "tip", True),
    (checks.imbalance, ({"a": 94, "b": 6},), "tip", False),
    (checks.imbalance, ({"a": 48, "b": 48, "c": 4},), "tip", False),
    (checks.imbalance, ({"a": 49, "b": 48, "c": 3},), "tip", True),
    (checks.golden_feature, ({"a": 0.9, "b": 0.1, "c": -0.5},), "tip", True),
    (checks.golden_feature, ({"a": 0.7, "b": 0.3},), "tip", False),
    (checks.golden_feature, ({"a": 0.9, "b": 0.1}, {"a": -0.1, "b": 0.0}), "tip", False),
    (checks.golden_feature, ({"a": 0.9, "b": 0.1}, {"a": 0.1, "b": 0.0}), "tip", True),
    (checks.drift, ({"a": (0.05, 0.001), "b": (0.01, 1.0)},), "tip", False),
    (checks.drift, ({"a": (0.15, 0.01), "b": (0.30, 0.02)},), "tip", True),
    (checks.drift, ({"a": (0.15, 0.001), "b": (0.30, 0.001)}, "by time"), "issue", True),
    (checks.small_test, (99,), "tip", True),
    (checks.small_test, (100, None), "tip", False),
    (checks.small_test, (1000, 19), "tip", True),
    (checks.small_test, (1000, 20), "tip", False),
    (checks.seed_dispersion, ([0.5, 0.52, 0.48], 0.6), "issue", False),
    (checks.seed_dispersion, ([0.5, 0.6, 0.4], 0.6), "issue", True),
    (checks.ended, (200, 200, 199), "tip", True),
    (checks.ended, (200, 200, 100), "tip", False),
    (checks.ended, (120, 200, 119), "tip", False),
    (checks.ended, (64, 64, 63, False), "tip", True),
    (checks.coverage, (880, 1000, 0.9), "issue", True),  # P(B(1000, .9) <= 880) = .022
    (checks.coverage, (882, 1000, 0.9), "issue", False),  # .035
    (checks.coverage, (990, 1000, 0.9), "issue", False),
    (checks.coverage, (880, 1000, 0.9, 1000), "issue", False),
    (checks.coverage, (860, 1000, 0.9, 1000), "issue", True),
    (checks.opened_once, (1,), "issue", False),
    (checks.opened_once, (2,), "issue", True),
]


@pytest.mark.parametrize(("check", "given", "level", "failed"), CASES)
def test_where_a_check_fails(check, given, level, failed):
    found = check(*given)
    assert found.status == ("failed" if failed else "passed")
    assert found.level == level
    assert bool(found.advice) == failed
    assert found.words
    assert Check.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


MISSING = [
    (checks.overfit, (None, 1.0, 1.0)),
    (checks.overfit, (0.1, float("nan"), 1.0)),
    (checks.overfit, (0.1, 0.2, 0.0)),
    (checks.underfit, (0.1, None)),
    (checks.beats_trivial, (float("nan"), 1.0)),
    (checks.weaker_than_boosting, (None, None)),
    (checks.weaker_than_boosting, (0.1, (float("nan"), 0.2))),
    (checks.slower_than_baseline, (1.0, None, (0.0, 1.0))),
    (checks.slower_than_baseline, (1.0, 1.0, None)),
    (checks.imbalance, (None,)),
    (checks.golden_feature, ({"a": -1.0, "b": -2.0},)),
    (checks.golden_feature, (None,)),
    (calibration, (None, None)),
    (checks.drift, ({"a": (float("nan"), 1.0)},)),
    (checks.small_test, (None,)),
    (checks.seed_dispersion, ([0.3], 1.0)),
    (checks.ended, (10, None, 5)),
    (checks.ended, (64, 64, 63, True)),
    (checks.coverage, (None, 10, 0.9)),
    (too_good, (0.1, None)),
    (checks.opened_once, (None,)),
]


@pytest.mark.parametrize(("check", "given"), MISSING)
def test_what_is_not_known_is_not_run(check, given):
    found = check(*given)
    assert found.status == "not run"
    assert found.words
    assert not found.figures


def test_codes_are_unique():
    modules = (checks, calibrated, leakage, parts, too_good_module)
    kinds = [v for m in modules for v in vars(m).values() if isinstance(v, Kind)]
    codes = sorted(k.code for k in kinds)
    assert codes == [f"D{i:03}" for i in range(1, 16)] + [f"L{i:03}" for i in range(1, 10)]


def test_failed_issues_come_first():
    found = to_frame([checks.beats_trivial(0.1, 1.0), checks.ended(9, 9, 9), checks.underfit(1, 1)])
    assert found["code"].tolist() == ["D002", "D012", "D003"]
    assert list(found.columns) == ["code", "name", "level", "status", "words", "advice"]


def test_openings_begin_at_one():
    with pytest.raises(DescendError, match="at least 1"):
        checks.opened_once(0)
