"""Every Boolean function is a network with one hidden layer of threshold neurons.

"Every Boolean function can be represented by a network with a single hidden layer. Might require
exponential (in number of inputs) hidden units" (scheidegger-2020, "EXPRESSIVENESS OF ANN").
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from descend.errors import DataError, DescendError
from descend.neurons.classic.threshold import ThresholdNetwork
from descend.nn.checks import is_whole

MOST_INPUTS = 20  # of a truth table: a million rows


def truth_rows(inputs: int) -> np.ndarray:
    """All rows of a truth table, in the order 00, 01, 10, 11 of the lecture.

    Args:
        inputs: number of inputs k, at least zero and at most `MOST_INPUTS`.

    Returns:
        Zeros and ones, (2^k, k).

    Raises:
        DescendError: another number of inputs.

    Source: scheidegger-2020, "EXAMPLE: PERCEPTRON LEARNING: THE "OR" DATA-SET".

    Example:
        >>> from descend.neurons.classic import truth_rows
        >>> truth_rows(2).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if not is_whole(inputs) or not 0 <= inputs <= MOST_INPUTS:
        raise DescendError(
            f"a truth table has a whole number of inputs from 0 to {MOST_INPUTS}, got {inputs!r}"
        )
    return np.array(list(product((0, 1), repeat=inputs)), int).reshape(2**inputs, inputs)


def boolean_network(truth_table: Any) -> ThresholdNetwork:
    """The network that computes a Boolean function, written down rather than learned.

    A hidden neuron stands for one row r of the table: weight +1 where r holds a one, -1 where it
    holds a zero. Its sum is `|r|`, the count of ones, at r itself, and at most `|r| - 1` at any
    other row; with the threshold `|r| - 1/2` it fires at r alone. The output neuron fires when any
    of them does. Where most rows answer one, the hidden neurons stand for the rows that answer zero
    and the output neuron fires when none of them does: so 2^(k-1) hidden neurons are always enough.

    Args:
        truth_table: the 2^k answers, 0 or 1, in the order of `truth_rows(k)`.

    Returns:
        The network, with as many hidden neurons as the rarer answer has rows.

    Raises:
        DataError: not 2^k answers with k of at least one, or answers other than 0 and 1.

    Source: scheidegger-2020, "EXPRESSIVENESS OF ANN" and "EXAMPLE: PERCEPTRON LEARNING: THE "OR"
    DATA-SET" for the order of rows.

    Example:
        Either input, but not both; each hidden neuron stands for a row that answers one.

        >>> from descend.neurons.classic import boolean_network, truth_rows
        >>> xor = boolean_network([0, 1, 1, 0])
        >>> xor.hidden_weights.T.tolist(), xor.hidden_thresholds.tolist()
        ([[-1, 1], [1, -1]], [0.5, 0.5])
        >>> xor.predict(truth_rows(2)).tolist()
        [0, 1, 1, 0]
    """
    answers = np.asarray(truth_table)
    count = answers.size
    if answers.ndim != 1 or count < 2 or count & (count - 1):
        raise DataError(
            f"a truth table of k inputs holds 2^k answers in one row (2, 4, 8, ...), got the shape "
            f"{answers.shape}"
        )
    if not np.isin(answers, (0, 1)).all():
        raise DataError("a truth table holds zeros and ones only")
    answers = answers.astype(int)
    rows = truth_rows(count.bit_length() - 1)
    rarer = int(answers.sum() <= count / 2)
    stored = rows[answers == rarer]
    sign = 1 if rarer else -1
    return ThresholdNetwork(
        hidden_weights=(2 * stored - 1).T,
        hidden_thresholds=stored.sum(axis=1) - 0.5,
        output_weights=np.full(len(stored), sign),
        # any of them: sum > 0; none of them: -sum > -1
        output_threshold=0.0 if rarer else -1.0,
    )
