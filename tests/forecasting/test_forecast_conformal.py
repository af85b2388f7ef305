"""Intervals from the errors of earlier origins: against a count by hand, and their coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descend.errors import DataError
from descend.forecasting import conformal_intervals


def by_hand(truth, point, coverage, i, h):
    """The margin of origin i, h steps ahead, by sorting what was known there."""
    scores = sorted(abs(truth[j, 0, h] - point[j, 0, h]) for j in range(i) if j + h + 1 <= i)
    k = math.ceil((len(scores) + 1) * coverage - 1e-9)
    return scores[k - 1] if k <= len(scores) else math.inf


def test_margins_are_of_errors_that_were_known():
    truth = np.random.default_rng(0).normal(size=(20, 1, 3))
    point = np.zeros_like(truth)
    low, high = conformal_intervals(truth, point, point, coverage=0.8)
    wanted = [[by_hand(truth, point, 0.8, i, h) for h in range(3)] for i in range(20)]
    np.testing.assert_allclose(high[:, 0], wanted)
    np.testing.assert_allclose(low, -high)
    # four errors are needed: known from the fifth origin on for one step, the seventh for three
    assert np.isfinite(high[:, 0]).argmax(axis=0).tolist() == [4, 5, 6]


def test_later_outcomes_change_nothing():
    truth = np.random.default_rng(1).normal(size=(30, 2, 4))
    point = np.zeros_like(truth)
    before = conformal_intervals(truth, point, point)
    changed = truth.copy()
    changed[15:] = 1e9
    for h in range(4):  # the outcomes of origin 14 h steps on are not known at origin 15
        changed[15 - h : 15, :, h] = 1e9
    after = conformal_intervals(changed, point, point)
    np.testing.assert_array_equal(before[1][:16], after[1][:16])
    assert (after[1][-1] > before[1][-1]).any()


def test_a_forecast_never_sees_its_own_error():
    """With the outcomes known late, as those of revised data are, no margin is finite."""
    truth = np.random.default_rng(2).normal(size=(30, 1, 1))
    point = np.zeros_like(truth)
    _, high = conformal_intervals(truth, point, point, seen=np.full(truth.shape, 30))
    assert np.isinf(high).all()


def test_intervals_that_are_too_narrow_are_widened_and_wide_ones_narrowed():
    truth = np.random.default_rng(3).normal(size=(600, 1, 1))
    for width in (0.1, 9.0):
        ends = np.full_like(truth, width)
        low, high = conformal_intervals(truth, -ends, ends, coverage=0.9)
        inside = ((truth >= low) & (truth <= high))[100:]
        # errors alike and independent: 500 origins miss .9 by .03 once in fifty times
        assert abs(inside.mean() - 0.9) < 0.035
        assert 2.8 < (high - low)[-1, 0, 0] < 3.8  # 2 x 1.645


def test_training_errors_would_cover_too_little():
    """A regression that fits its rows closely: errors within the history are not those ahead."""
    generator = np.random.default_rng(4)
    ahead, within = [], []
    for _ in range(120):
        x = generator.normal(size=(26, 20))
        y = x[:, 0] + generator.normal(size=26)
        b = np.linalg.lstsq(x[:25], y[:25], rcond=None)[0]
        within.append(np.quantile(np.abs(y[:25] - x[:25] @ b), 0.9))
        ahead.append(y[25] - x[25] @ b)
    ahead = np.array(ahead).reshape(-1, 1, 1)
    _, high = conformal_intervals(ahead, 0 * ahead, 0 * ahead, coverage=0.9)
    honest = np.mean(np.abs(ahead[40:]) <= high[40:])
    assert np.mean(np.abs(ahead[:, 0, 0]) <= within) < 0.6
    assert honest > 0.8


def test_series_on_different_scales_share_a_margin():
    unit = np.array([1.0, 100.0])
    truth = np.random.default_rng(5).normal(size=(40, 2, 1)) * unit[:, None]
    point = np.zeros_like(truth)
    _, high = conformal_intervals(truth, point, point, scale=np.tile(unit, (40, 1)))
    np.testing.assert_allclose(high[20:, 1, 0], 100 * high[20:, 0, 0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda y: conformal_intervals(y[0], y[0], y[0]), "one shape"),
        (lambda y: conformal_intervals(y, y, y[:2]), "one shape"),
        (lambda y: conformal_intervals(y, y, y, coverage=90), "coverage"),
        (lambda y: conformal_intervals(y, y, y, clock=np.zeros(3)), "clock and scale"),
    ],
)
def test_wrong_arguments_are_refused(call, words):
    with pytest.raises(DataError, match=words):
        call(np.zeros((5, 1, 2)))
