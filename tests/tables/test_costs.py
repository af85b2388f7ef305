"""Decisions at a threshold against scikit-learn, and the cheapest threshold against trying all."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from descend.errors import DescendError
from descend.tables.judging.costs import Costs, cheapest_class, choose_threshold, decide


def drawn(seed, n=400):
    rng = np.random.default_rng(seed)
    p = rng.random(n).round(2)  # ties
    return rng.random(n) < p, p


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.83])
def test_figures_are_scikit_learns(threshold):
    y, p = drawn(0)
    found, called = decide(y, p, threshold), p >= threshold
    assert [
        [found.true_negative, found.false_positive],
        [found.false_negative, found.true_positive],
    ] == metrics.confusion_matrix(y, called).tolist()
    for name, score in [
        ("accuracy", metrics.accuracy_score),
        ("sensitivity", metrics.recall_score),
        ("precision", metrics.precision_score),
        ("f1", metrics.f1_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("matthews", metrics.matthews_corrcoef),
    ]:
        assert getattr(found, name) == pytest.approx(score(y, called), rel=1e-12), name
    assert found.specificity == pytest.approx(metrics.recall_score(~y, ~called))
    assert found.negative_precision == pytest.approx(metrics.precision_score(~y, ~called))


def test_a_ratio_over_nothing_is_undefined():
    found = decide([0, 0], [0.1, 0.2], 0.5)
    assert math.isnan(found.sensitivity)
    assert found.to_json()["precision"] is None
    assert found.accuracy == 1
    assert len(found.to_frame()) == 1


def test_the_closed_form():
    # a missed default costs nine times a refused good loan: refuse from 10 % on
    assert Costs(1, 9).threshold == pytest.approx(0.1)
    assert Costs(3, 3).threshold == 0.5
    # a granted good loan earns 1: (2 - 0) / (2 - 0 + 5 + 1)
    assert Costs(2, 5, true_positive=-1).threshold == pytest.approx(0.25)
    assert Costs.from_json(Costs(2, 5, -1).to_json()) == Costs(2, 5, -1)


def test_the_cost_by_hand():
    found = decide([1, 1, 0, 0], [0.9, 0.1, 0.8, 0.2], 0.5, Costs(2, 10, true_positive=-4))
    assert found.cost == pytest.approx((-4 + 10 + 2 + 0) / 4)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30),
    st.floats(0.1, 10),
    st.floats(0.1, 10),
)
@settings(max_examples=100, deadline=None)
def test_no_threshold_is_cheaper(rows, positive, negative):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    costs = Costs(positive, negative)
    found = choose_threshold(y, p, costs)
    tried = [0.0, 2.0, *p, *np.nextafter(p, 2)]
    least = min(decide(y, p, t, costs).cost for t in tried)
    assert found.at_chosen == pytest.approx(least, rel=1e-9, abs=1e-12)
    assert decide(y, p, found.chosen, costs).cost == pytest.approx(found.at_chosen)
    assert decide(y, p, found.calibrated, costs).cost == pytest.approx(found.at_calibrated)
    assert found.always == pytest.approx(decide(y, p, 0.0, costs).cost)
    assert found.never == pytest.approx(decide(y, p, 2.0, costs).cost)


@pytest.mark.parametrize("seed", range(3))
def test_calibrated_probabilities_need_no_search(seed):
    rng = np.random.default_rng(seed)
    p = rng.random(50_000)
    y = rng.random(50_000) < p
    found = choose_threshold(y, p, Costs(1, 4))
    # the cost is flat at its minimum: close in cost, roughly in place
    assert found.at_calibrated == pytest.approx(found.at_chosen, rel=0.01)
    assert found.chosen == pytest.approx(0.2, abs=0.05)
    assert found.at_chosen < min(found.never, found.always)
    assert json.loads(json.dumps(found.to_json()))["costs"]["false_negative"] == 4
    assert found.to_frame()["cost"].iloc[0] == found.at_chosen


def test_of_several_cheapest_the_nearest_to_the_closed_form():
    found = choose_threshold([0, 1], [0.2, 0.2 + 1e-17], Costs(1, 1))
    assert found.at_chosen == 0.5
    found = choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.7, 0.9], Costs(1, 1))
    assert (found.chosen, found.at_chosen) == (pytest.approx(0.55), 0)


def test_classes_by_expected_cost():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    even = 1 - np.eye(3)
    np.testing.assert_array_equal(cheapest_class(p, even), p.argmax(axis=1))
    # overlooking class 2 costs ten: expected .3 + 10 * .1 = 1.3, .6 + 1 = 1.6, .6 + .3 = .9
    dear = even.copy()
    dear[2, :2] = 10
    np.testing.assert_array_equal(cheapest_class(p, dear), [2, 2])
    two = np.array([[0.0, 1.0], [9.0, 0.0]])
    q = np.linspace(0.005, 0.995, 100)
    np.testing.assert_array_equal(
        cheapest_class(np.stack([1 - q, q], axis=1), two), q >= Costs(1, 9).threshold
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Costs(0, 1), "false_positive=0 must be above true_negative=0"),
        (lambda: Costs(1, 1, true_positive=2), "must be above true_positive"),
        (lambda: Costs(math.inf, 1), "finite"),
        (lambda: decide([0, 1], [0.1], 0.5), "rows"),
        (lambda: cheapest_class([[0.5, 0.5]], np.zeros((3, 3))), r"expected shape \(2, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DescendError, match=match):
        call()
