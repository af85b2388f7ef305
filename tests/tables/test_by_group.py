"""Figures of each group equal scikit-learn's on the rows of the group."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from descend.errors import DataError
from descend.tables.judging.by_group import classes_by_group, event_by_group, values_by_group

RNG = np.random.default_rng(0)
N = 400
GROUPS = RNG.choice(["north", "south"], N, p=[0.8, 0.2])
P = RNG.random(N)
Y = RNG.random(N) < P


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_an_event(threshold):
    found = event_by_group(Y, P, GROUPS, threshold=threshold).to_frame().set_index("group")
    assert list(found.index[1:]) == ["north", "south"]
    for name, rows in [("north", GROUPS == "north"), ("south", GROUPS == "south")]:
        tn, fp, fn, tp = metrics.confusion_matrix(Y[rows], P[rows] >= threshold).ravel()
        row = found.loc[name]
        assert row["rows"] == rows.sum()
        assert row["base_rate"] == pytest.approx(Y[rows].mean())
        assert row["predicted_mean"] == pytest.approx(P[rows].mean())
        assert row["called_rate"] == pytest.approx((tp + fp) / rows.sum())
        assert row["error_rate"] == pytest.approx((fp + fn) / rows.sum())
        assert row["false_positive_rate"] == pytest.approx(fp / (fp + tn))
        assert row["false_negative_rate"] == pytest.approx(fn / (fn + tp))
        low, high = proportion_confint(fn, fn + tp, method="wilson")
        assert row["false_negative_rate_low"] == pytest.approx(low)
        assert row["false_negative_rate_high"] == pytest.approx(high)
    whole = found.iloc[0]
    assert whole["rows"] == N
    assert whole["error_rate"] == pytest.approx(np.mean((threshold <= P) != Y))


def test_a_group_of_one_kind_has_no_rate_of_the_other():
    found = event_by_group([0, 0, 1], [0.1, 0.9, 0.9], pd.Series(["a", "a", None]))
    north = found.parts[1]
    assert np.isnan(north.figures["false_negative_rate"].share)
    assert north.figures["false_negative_rate"].rows == 0
    described = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert described["parts"][1]["figures"]["false_negative_rate"]["share"] is None
    assert described["parts"][2]["group"] == "missing"


def test_several_classes():
    p = RNG.dirichlet(np.ones(3), N)
    y = RNG.integers(0, 3, N)
    found = classes_by_group(y, p, GROUPS).to_frame().set_index("group")
    rows = GROUPS == "south"
    assert found.loc["south", "error_rate"] == pytest.approx(
        1 - metrics.accuracy_score(y[rows], p[rows].argmax(axis=1))
    )
    assert found.loc["south", "log_loss"] == pytest.approx(
        metrics.log_loss(y[rows], p[rows], labels=[0, 1, 2])
    )


def test_values():
    y, m = RNG.normal(size=N), RNG.normal(size=N)
    found = values_by_group(y, m, GROUPS).to_frame().set_index("group")
    rows = GROUPS == "south"
    assert found.loc["south", "rmse"] == pytest.approx(
        metrics.root_mean_squared_error(y[rows], m[rows])
    )
    assert found.loc["south", "mae"] == pytest.approx(metrics.mean_absolute_error(y[rows], m[rows]))
    assert found.loc["south", "bias"] == pytest.approx(np.mean(m[rows] - y[rows]))
    assert found.loc["south", "mean"] == pytest.approx(y[rows].mean())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: event_by_group([0, 1], [0.1, 0.2], ["a"]), "the groups: 1 rows"),
        (lambda: event_by_group([0, 1], [0.1, 2], ["a", "b"]), "probabilities"),
        (lambda: values_by_group([1.0], [1.0, 2.0], ["a"]), "rows"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DataError, match=match):
        call()
