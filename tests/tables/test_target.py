"""Which task a target makes."""

import json

import numpy as np
import pandas as pd
import pytest

from descend.errors import DataError
from descend.tables.target import FittedTarget, read_target


def column(values, name="y"):
    return pd.DataFrame({name: values})


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


@pytest.mark.parametrize("task", ["count", "share", "quantile", "censored", "regression"])
def test_tasks_of_numbers_can_be_asked_for(task):
    """Even of whole numbers 0 and 1, which nobody asked make classes."""
    target, y = read_target(column([0, 1] * 10), task)
    assert (target.task, target.reason, target.classes) == (task, "as asked for", ())
    assert y.dtype == np.float64
    fitted = target.fit(y)
    assert FittedTarget.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_several_targets_make_a_regression():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0] * 9, "b": [0, 1, 0] * 9})
    target, y = read_target(frame)
    assert (target.names, target.task, y.shape) == (("a", "b"), "regression", (27, 2))
    assert target.name == "a, b"
    with pytest.raises(DataError, match="takes one"):
        read_target(frame, "count")


def test_classes_there_and_back():
    target, y = read_target(column(["b", "a"] * 20))
    fitted = target.fit(y)
    assert FittedTarget.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([1.0, -1.0] * 10, "count", "'y', task count: counts must not be negative, got -1"),
        ([0.5, 1.5] * 10, "share", r"shares must lie in \[0, 1\], got 1.5"),
        ([1.0, -1.0] * 10, "censored", "must not be negative"),
        ([1e300, -1e300] * 10, "regression", "too large to square"),
    ],
)
def test_values_that_do_not_suit_the_task(values, task, message):
    target, y = read_target(column(values), task)
    with pytest.raises(DataError, match=message), np.errstate(over="ignore"):
        target.fit(y)


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
