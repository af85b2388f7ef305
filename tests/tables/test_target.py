"""Which task a target makes."""

import json

import numpy as np
import pandas as pd
import pytest

from descend.errors import DataError
from descend.tables.target import Target, read_target


def column(values, name="y"):
    return pd.Series(values, name=name)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["b", "a"] * 20, "classification", ("a", "b")),
        ([True, False] * 20, "classification", ("False", "True")),
        ([0, 1] * 20, "classification", ("0", "1")),
        ([-1.0, 1.0] * 20, "classification", ("-1", "1")),
        ([0.5, 1.5] * 20, "classification", ("0.5", "1.5")),
        ([1.0, 2.0, 10.0] * 20, "classification", ("1", "2", "10")),
        (pd.Categorical([3, 1] * 20), "classification", ("1", "3")),
        ([1, 2, 3] * 10, "regression", ()),  # 10 rows a value are too few to be sure
        (list(range(11)) * 50, "regression", ()),
        ([0.1, 0.2, 0.3] * 50, "regression", ()),
        (["1.5", "2.5", "3.5", "1.0"] * 10, "regression", ()),
    ],
)
def test_the_rule(values, task, classes):
    target, y = read_target(column(values))
    assert (target.task, target.classes) == (task, classes)
    assert target.reason
    if classes:
        assert [classes[i] for i in y[:2]] == [
            str(int(v)) if isinstance(v, float) and v == int(v) else str(v) for v in values[:2]
        ]


def test_the_task_can_be_asked_for():
    assert read_target(column([1, 2, 3] * 10), "classification")[0].classes == ("1", "2", "3")
    target, y = read_target(column([0, 1] * 10), "regression")
    assert target.task == "regression"
    assert y.dtype == np.float64


def test_there_and_back():
    values = np.array([1.0, 4.0, 7.0, 100.0])
    target = Target("y", "regression", "").fit(values)
    assert (target.mean, target.sd) == (values.mean(), values.std())
    np.testing.assert_allclose(target.unscale(target.scale(values)), values)
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([1.0] * 20, None, "constant"),
        (["a"] * 20, None, "constant"),
        ([f"n{i}" for i in range(20)], None, "too many to be classes"),
        ([i / 7 for i in range(20)], "classification", "too many to be classes"),
        (["a", "b"] * 10, "regression", "regression needs numbers"),
        ([1.0, np.inf] * 10, None, "infinite"),
        (list(pd.date_range("2020-01-01", periods=20)), None, "dates"),
        (["2020-01-01", "2021-05-01"] * 10, None, "dates"),
        ([[1], [2]] * 10, None, "lists"),
    ],
)
def test_what_cannot_be_predicted(values, task, message):
    with pytest.raises(DataError, match=message):
        read_target(column(values), task)
