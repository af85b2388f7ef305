"""Checks err as rarely, and find as much, as the page says: small simulations.

A share of N tables lies within 4 sqrt(p (1 - p) / N) of the true one but in one of 16,000 cases.
"""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from descend.tables.checks import of_network, parts
from descend.tables.checks.blocks import block_error
from descend.tables.checks.calibrated import calibration, recalibrate
from descend.tables.checks.error_rates import error_rates, how_often
from descend.tables.checks.one_column import classify_parts
from descend.tables.checks.too_good import explanation, too_good
from descend.tables.judging import stability


def share(outcomes):
    return float(np.mean([bool(o) for o in outcomes]))


def slack(p, n):
    return 4 * np.sqrt(p * (1 - p) / n)


# -- D008 ----------------------------------------------------------------------------------------


def outcomes(rng, n, mean, off=0.0, slope=1.0):
    z = rng.normal(size=n)
    p = 1 / (1 + np.exp(-(mean + z)))
    return rng.random(n) < 1 / (1 + np.exp(-(mean + off + slope * z))), p


def test_recalibration_is_the_logit_of_statsmodels():
    y, p = outcomes(np.random.default_rng(0), 800, -1.0, slope=0.6)
    found = recalibrate(y, p)
    fit = sm.Logit(y.astype(float), sm.add_constant(np.log(p / (1 - p)))).fit(disp=0)
    ours = [found.intercept, found.slope, found.intercept_error, found.slope_error]
    np.testing.assert_allclose(ours, [*fit.params, *fit.bse], rtol=1e-6)
    assert recalibrate(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])) is None


@pytest.mark.parametrize(("mean", "n"), [(-1.0, 400), (-4.5, 300)])
def test_right_probabilities_are_rarely_called_wrong(mean, n):
    rng = np.random.default_rng(0)
    alarms = share(calibration(*outcomes(rng, n, mean)).failed for _ in range(300))
    assert alarms <= 0.01 + slack(0.01, 300)


def test_probabilities_five_times_too_high_are_called_so():
    rng = np.random.default_rng(0)
    found = [calibration(*outcomes(rng, 1500, -4.0, off=-1.6)) for _ in range(20)]
    assert share(c.failed and c.level == "issue" for c in found) >= 0.9
    bold = [calibration(*outcomes(rng, 800, -1.0, slope=0.5)) for _ in range(20)]
    assert share(c.failed and c.level == "issue" for c in bold) >= 0.9
    assert "slope 0." in bold[0].words


def test_rows_of_a_group_that_err_together_are_not_called_miscalibrated():
    """40 groups whose level no column tells: right on average over groups."""
    rng = np.random.default_rng(0)
    alone, grouped = [], []
    for _ in range(100):
        level = np.repeat(rng.normal(size=40), 15)
        y, p = rng.random(600) < stats.norm.cdf(level), np.full(600, 0.5)
        p = p + rng.uniform(-0.02, 0.02, 600)
        alone.append(calibration(y, p).failed)
        grouped.append(calibration(y, p, groups=np.repeat(np.arange(40), 15)).failed)
    assert share(alone) > 0.2
    assert share(grouped) <= 0.02 + slack(0.02, 100)


# -- D009 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["numbers", "few levels", "many levels", "gaps"])
def test_the_index_of_a_deal_is_the_index(kind):
    """What is dealt goes through other code than the index itself: for the true parts, the same."""
    rng = np.random.default_rng(0)
    for n, m in ((40, 9), (7, 60), (90, 90)):
        draw = {
            "numbers": lambda size: pd.Series(rng.normal(size=size).round(1)),
            "few levels": lambda size: pd.Series(rng.choice(list("abcd"), size)),
            "many levels": lambda size: pd.Series([f"x{i}" for i in rng.integers(0, 90, size)]),
            "gaps": lambda size: pd.Series(np.where(rng.random(size) < 0.5, np.nan, 1.0)),
        }[kind]
        before, after = draw(n), draw(m)
        deal = np.repeat([[False, True]], [n, m], axis=1)
        found, indices = stability._dealt(before, after, "x", 10, None, deal)
        assert indices[0] == pytest.approx(found.index, rel=1e-12)


def columns(rng, unit):
    k = int(unit.max()) + 1
    names = [f"n{i}" for i in (rng.pareto(1.2, k) * 40).astype(int) % 300]
    frame = pd.DataFrame({"a": rng.normal(size=k), "b": rng.integers(0, 9, k), "name": names})
    return frame.iloc[unit].reset_index(drop=True)


@pytest.mark.parametrize("groups", [False, True])
def test_a_split_at_random_is_no_shift(groups):
    """Small parts, hundreds of levels of which most are in one part, groups: level .01."""
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(60):
        unit = np.repeat(np.arange(50), 6) if groups else np.arange(300)
        frame = columns(rng, unit)
        later = np.isin(unit, rng.permutation(unit.max() + 1)[: (unit.max() + 1) // 4])
        found = stability.stability(
            frame[~later], frame[later], units=(unit[~later], unit[later]) if groups else None
        )
        told = {s.name: (s.index, s.chance) for s in found.shifts}
        alarms.append(of_network.drift(told).failed)
    assert share(alarms) <= 0.01 + slack(0.01, 60)
    shifted = frame[later].assign(a=frame["a"][later] + 2)
    found = stability.stability(frame[~later], shifted)
    assert found.shifts[0].band == "large shift" or groups


def test_newer_rows_are_advised_only_where_time_divided_the_parts():
    moved = {"a": (0.4, 0.001), "b": (0.3, 0.001), "c": (0.2, 0.001), "d": (0.2, 0.01)}
    by_time = of_network.drift(moved, "by time")
    assert "newer rows" in by_time.advice
    assert "and 1 more" in by_time.words
    for drawn in ("at random", "own test"):
        assert "newer" not in of_network.drift(moved, drawn).advice


# -- D013 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(40, 200), (200, 200), (500, 60)])
def test_coverage_rejects_at_its_level(n, m):
    """Split-conformal intervals of continuous errors: at most .025, by the law itself."""
    rng = np.random.default_rng(0)
    k = int(np.ceil((n + 1) * 0.9))
    alarms = []
    for _ in range(1000):
        margin = np.sort(rng.random(n))[k - 1]
        hits = int((rng.random(m) <= margin).sum())
        alarms.append(of_network.coverage(hits, m, 0.9, n).failed)
    assert share(alarms) <= 0.025 + slack(0.025, 1000)
    assert share(alarms) >= 0.005  # and is not asleep


# -- L007, L009, L006 ----------------------------------------------------------------------------


def test_parts_of_whole_groups_are_judged_on_other_groups():
    rng = np.random.default_rng(0)
    alarms = []
    for seed in range(12):
        unit = np.repeat(np.arange(60), 8)
        frame = pd.DataFrame({"educ": rng.integers(8, 20, 60), "age": rng.normal(size=60)})
        frame = frame.iloc[unit].reset_index(drop=True)
        later = np.isin(unit, rng.permutation(60)[:15])
        groups = unit[~later], unit[later]
        alarms.append(
            parts.told_apart(frame[~later], frame[later], groups=groups, trees=20, seed=seed).failed
        )
    assert sum(alarms) <= 1
    own = classify_parts(frame[~later], frame[later], trees=20)[0]
    assert own > 0.6  # what judging row by row would say of the last one
    moved = frame[later].assign(age=frame["age"][later] + 3)
    assert parts.told_apart(frame[~later], moved, groups=groups, trees=20).failed


def test_parts_by_time_are_judged_on_other_stretches():
    rng = np.random.default_rng(0)
    walk = np.repeat(np.cumsum(rng.normal(size=60)), 10)  # goes on from where it was
    frame = pd.DataFrame({"walk": walk, "x": rng.normal(size=600)})
    when = pd.Series(np.arange(600))
    found = parts.told_apart(
        frame[:400], frame[400:], at_random=False, times=(when[:400], when[400:]), trees=20
    )
    assert "stretches of time" in found.words
    assert found.level == "tip"


@pytest.mark.parametrize("classes", [(), ("no", "yes"), ("a", "b", "c")])
def test_targets_of_parts_drawn_alike(classes):
    rng = np.random.default_rng(0)

    def draw(n, more=0.0):
        if not classes:
            return rng.lognormal(size=n) * np.exp(more)
        p = np.array([0.9 - more, *np.full(len(classes) - 1, (0.1 + more) / (len(classes) - 1))])
        return rng.choice(len(classes), n, p=p)

    alarms = [
        parts.target_differs(draw(400), {"test": draw(100)}, classes=classes).failed
        for _ in range(60)
    ]
    assert share(alarms) <= 0.005 + slack(0.005, 60)
    assert parts.target_differs(draw(400), {"test": draw(200, 0.5)}, classes=classes).failed


def test_a_rate_of_whole_groups_is_judged_by_groups():
    rng = np.random.default_rng(0)
    alone, whole = [], []
    for _ in range(40):
        unit = np.repeat(np.arange(40), 20)
        y = (rng.random(40) < 0.3).astype(int)[unit]
        later = np.isin(unit, rng.permutation(40)[:10])
        how = {"classes": ["no", "yes"]}
        alone.append(parts.target_differs(y[~later], {"test": y[later]}, **how).failed)
        groups = unit[~later], {"test": unit[later]}
        whole.append(
            parts.target_differs(y[~later], {"test": y[later]}, groups=groups, **how).failed
        )
    assert share(alone) > 0.3
    assert sum(whole) <= 1


def test_a_panel_whose_groups_were_not_named():
    frame = pd.DataFrame({"nr": np.repeat(np.arange(100, 140), 8), "x": np.arange(320) % 7})
    how = {"y": np.arange(320) % 2, "train": np.arange(200), "later": np.arange(200, 320)}
    found = parts.groups_in_parts(None, classifies=True, inputs=frame, **how)
    assert (found.status, found.level) == ("failed", "tip")
    assert "40 values of 8.0 rows each" in found.words
    assert "--group nr" in found.advice
    for other in (frame[["x"]], frame.rename(columns={"nr": "level"})):
        found = parts.groups_in_parts(None, classifies=True, inputs=other, **how)
        assert found.status == "not run"


# -- D001, D003, D015 ----------------------------------------------------------------------------


def test_the_error_of_a_mean_from_blocks():
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(200, 400))
    found = [block_error(lambda r, v=v: v[r].mean(), 400) for v in plain]
    # 20 blocks know it to within 1 / sqrt(38) each, 200 of them together to within 4 %
    assert np.mean(found) == pytest.approx(1 / 20, rel=0.04)
    unit = np.repeat(np.arange(40), 10)
    levels = rng.normal(size=(200, 40))[:, unit]
    shared = [block_error(lambda r, v=v: v[r].mean(), 400, groups=unit) for v in levels]
    assert np.mean(shared) == pytest.approx(1 / np.sqrt(40), rel=0.05)
    assert block_error(lambda r: 0.0, 4) == 0.0


def test_a_leak_is_named_with_its_columns():
    rng = np.random.default_rng(0)
    granted = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 600), "D")
    y = (rng.random(600) < 0.3).astype(int)
    gap = np.where(y == 1, rng.integers(10, 200, 600), rng.integers(300, 900, 600))
    frame = pd.DataFrame({"income": rng.normal(size=600), "granted": granted})
    frame["updated"] = granted + pd.to_timedelta(gap, "D")
    how = {"classifies": True}
    told = explanation(frame[:400], y[:400], frame[400:], y[400:], **how)
    assert told == "a difference of two columns tells it (AUC): 'granted' less 'updated' (1.000)"
    copies = frame.assign(**{f"copy {i}": y * 2 + rng.random(600) / 9 for i in range(4)})
    told = explanation(copies[:400], y[:400], copies[400:], y[400:], **how)
    assert told.startswith("one column alone tells it (AUC): 'copy ")
    assert told.endswith("and 1 more")
    honest = frame[["income"]]
    assert explanation(honest[:400], y[:400], honest[400:], y[400:], **how) == ""


def test_only_a_leak_is_too_good():
    assert too_good(5e-8, 0.5, auc=1.0, events=100, rows=600).failed
    assert too_good(0.02, 0.5, auc=1.0, events=100, rows=600).failed
    assert not too_good(0.02, 0.5, auc=1.0, events=10, rows=60).failed  # as iris and wine have
    assert not too_good(0.1, 0.5, auc=0.98, events=100, rows=600).failed
    assert too_good(0.0, 0.5, rows=30).status == "not run"
    assert too_good(0.009, 1.0, rows=300, explain=lambda: "by x").words.endswith("; by x")


# -- the table in the package --------------------------------------------------------------------


def test_every_check_says_how_often_it_errs():
    codes = {f"D{i:03}" for i in range(1, 16)} | {f"L{i:03}" for i in range(1, 10)}
    assert set(error_rates()) == codes
    for code in codes:
        for one in error_rates()[code]:
            assert one["false_alarms"] <= 0.05 + slack(0.05, one["tables"]), code
            assert one["power"] >= 0.5, code
            assert one["null"] in how_often(code)
    assert how_often("X999") == ""
