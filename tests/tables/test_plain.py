"""Checked arrays in, plain JSON out."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from descend.errors import DataError
from descend.tables.judging.plain import Figures, class_numbers, distributions, plain, truth, vector


@dataclass(frozen=True)
class Inner(Figures):
    value: Any


def test_json_knows_only_plain_values():
    given = Inner(
        {
            1: np.float32(0.5),
            "gap": float("nan"),
            "top": np.inf,
            "flag": np.True_,
            "many": np.array([[1, 2], [3, 4]]),
            "inner": (Inner(np.int64(3)), None),
            "day": pd.Timestamp("2024-02-03"),
        }
    )
    described = given.to_json()
    assert described["value"] == {
        "1": 0.5,
        "gap": None,
        "top": None,
        "flag": True,
        "many": [[1, 2], [3, 4]],
        "inner": [{"value": 3}, None],
        "day": "2024-02-03 00:00:00",
    }
    json.dumps(described, allow_nan=False)
    assert plain(np.array([np.nan, 1.0])) == [None, 1.0]


def test_columns_of_every_kind_become_vectors():
    for given in ([1, 2], pd.Series([1, 2], index=[5, 5]), np.array([[1.0], [2.0]])):
        np.testing.assert_array_equal(vector("x", given), [1.0, 2.0])
    np.testing.assert_array_equal(truth("y", pd.Series([True, False])), [True, False])
    np.testing.assert_array_equal(truth("y", [1.0, 0.0]), [True, False])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: vector("x", ["a"]), "x: expected numbers"),
        (lambda: vector("x", []), "shape"),
        (lambda: vector("x", [1.0, np.inf, 2.0]), "1 of 3 values .* the first in row 1"),
        (lambda: vector("x", [1.0], 2), "x: 1 rows, but 2 rows"),
        (lambda: truth("y", [0, 1, 2]), "got 2"),
        (lambda: truth("y", [1, 1], both=True), "every row is positive"),
        (lambda: distributions("p", [0.1, 0.9]), "each class"),
        (lambda: distributions("p", [[0.5, 0.5], [0.5, 0.6]]), "row 1 sums to 1.1"),
        (lambda: distributions("p", [[np.nan, 1.0]]), "row 0"),
        (lambda: class_numbers("y", [0.5, 1], 2), "got 0.5"),
        (lambda: class_numbers("y", [0, -1], 2), "got -1"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DataError, match=match):
        call()
