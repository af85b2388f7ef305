"""Threshold neurons, gates, and every Boolean function by one hidden layer."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from descend.errors import DataError, DescendError, ShapeError
from descend.neurons.classic import (
    GATES,
    McCullochPitts,
    ThresholdNetwork,
    boolean_network,
    truth_rows,
)


def test_gates_are_the_lectures_tables():
    """raviv-2022, "AND gate", "OR gate", with the rows in the slides' order."""
    rows = [[1, 1], [0, 0], [1, 0], [0, 1]]
    assert GATES["AND"].predict(rows).tolist() == [1, 0, 0, 0]
    assert GATES["OR"].predict(rows).tolist() == [1, 0, 1, 1]
    assert GATES["NAND"].predict(rows).tolist() == [0, 1, 1, 1]
    assert GATES["NOR"].predict(rows).tolist() == [0, 1, 0, 0]
    assert GATES["NOT"].predict([[0], [1]]).tolist() == [1, 0]


def test_the_neuron_is_silent_at_its_threshold():
    unit = McCullochPitts((1, -2), 0.5)
    assert unit.predict([[0.5, 0], [0.51, 0], [2.5, 1], [2.6, 1]]).tolist() == [0, 1, 0, 1]
    assert unit.fit([[1, 0]]).score([[1, 0], [0, 0]], [1, 0]) == 1
    with pytest.raises(ShapeError, match=r"has 2 input\(s\), X has 3"):
        McCullochPitts((1, 1)).predict([[1, 2, 3]])
    with pytest.raises(DataError, match="McCullochPitts: weights must be a list"):
        McCullochPitts(weights=None).predict([[0, 1]])
    with pytest.raises(DescendError, match="threshold must be a finite number"):
        McCullochPitts(threshold="low").predict([[0, 1]])
    with pytest.raises(ShapeError, match="hidden_thresholds must hold one for each of 2"):
        ThresholdNetwork([[1, 1]], [0], [1, -1], 0).predict([[0]])
    with pytest.raises(DataError, match="NaN"):
        McCullochPitts((1, 1)).predict([[1, np.nan]])
    assert not hasattr(GATES["AND"], "n_features_in_")  # the gates are not changed by being asked


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_every_boolean_function(inputs):
    """4, 16 and 256 functions: all of them."""
    rows, count = truth_rows(inputs), 0
    for answers in product((0, 1), repeat=2**inputs):
        network = boolean_network(answers)
        assert network.predict(rows).tolist() == list(answers)
        rarer = min(sum(answers), 2**inputs - sum(answers))
        assert np.shape(network.hidden_weights) == (inputs, rarer)
        assert rarer <= 2 ** (inputs - 1)
        # each hidden neuron stands for one row
        np.testing.assert_array_equal(network.hidden(rows).sum(axis=0), 1)
        count += 1
    assert count == 2 ** (2**inputs)


def test_functions_of_more_inputs():
    rng = np.random.default_rng(0)
    for inputs in (5, 8, 10):
        rows = truth_rows(inputs)
        for answers in (rng.integers(0, 2, 2**inputs), rows.sum(axis=1) % 2):
            np.testing.assert_array_equal(boolean_network(answers).predict(rows), answers)
    parity = truth_rows(10).sum(axis=1) % 2  # "might require exponential hidden units"
    assert boolean_network(parity).hidden_weights.shape[1] == 2**9


def test_rows_are_in_the_lectures_order():
    assert truth_rows(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("table", [[0], [0, 1, 1], [[0, 1], [1, 0]], [0, 1, 2, 1], []])
def test_what_is_no_truth_table(table):
    for inputs in (-1, 2.5, "two", None, 21):
        with pytest.raises(DescendError, match="a whole number of inputs from 0 to 20"):
            truth_rows(inputs)
    with pytest.raises(DataError, match="truth table"):
        boolean_network(table)
