"""The neuron of McCulloch and Pitts (1943), and networks of such neurons.

    y = 1 if sum_i w_i x_i > theta else 0          (scheidegger-2020, "MODEL OF A NEURON (1943)")

At the threshold itself the neuron is silent. raviv-2022 ("Historical example: The Perceptron")
lets its Heaviside function fire at zero; the two agree after any smaller theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array

from descend.alignment import Scored
from descend.errors import DataError, ShapeError
from descend.neurons.classic.reading import numbers, read_rows
from descend.nn.checks import number


class _Fixed(Scored, ClassifierMixin, BaseEstimator):
    """Units whose weights are given, not learned: `fit` only checks that the rows fit them."""

    def _inputs(self) -> int:
        raise NotImplementedError

    def _fire(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Self:
        """Nothing is learned; the count of columns is checked.

        Raises:
            ShapeError: not one column a weight. DataError: text, missing values.
        """
        read_rows(self, X, reset=True)
        self._rows(X)
        self.classes_ = np.array([0, 1])
        return self

    def _rows(self, X: Any) -> np.ndarray:
        try:
            x = check_array(X, dtype=np.float64)
        except ValueError as error:
            raise DataError(str(error)) from None
        if x.shape[1] != self._inputs():
            raise ShapeError(
                f"this {type(self).__name__} has {self._inputs()} input(s), X has {x.shape[1]} "
                "column(s); give one column an input"
            )
        return x

    def predict(self, X: Any) -> np.ndarray:
        """Whether the unit fires, 0 or 1, (n,). It needs no `fit` first."""
        return self._fire(self._rows(X))


class McCullochPitts(_Fixed):
    """One neuron: weighted inputs, an adder, a threshold.

    Args:
        weights: weights of the inputs, (k,).
        threshold: number theta; the neuron fires where the sum is greater.

    Raises:
        ShapeError: rows that have not one column a weight.
        DataError: text, missing values; weights that are no numbers.
        DescendError: a threshold that is no finite number.

    Source: scheidegger-2020, "MODEL OF A NEURON (1943)".

    Example:
        >>> from descend.neurons.classic import McCullochPitts
        >>> both = McCullochPitts(weights=(1, 1), threshold=1)
        >>> both.predict([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist()
        [0, 0, 0, 1]
    """

    def __init__(self, weights: Sequence[float] = (1.0, 1.0), threshold: float = 0.0):
        self.weights = weights
        self.threshold = threshold

    def _inputs(self) -> int:
        number("McCullochPitts: threshold", self.threshold)
        return len(numbers("McCullochPitts: weights", self.weights, 1))

    def _fire(self, x: np.ndarray) -> np.ndarray:
        return (x @ np.asarray(self.weights, float) > self.threshold).astype(int)


# raviv-2022, "AND gate", "OR gate"; XOR is not here: no single neuron computes it
GATES = {
    "AND": McCullochPitts((1, 1), 1),
    "OR": McCullochPitts((1, 1), 0),
    "NAND": McCullochPitts((-1, -1), -2),
    "NOR": McCullochPitts((-1, -1), -1),
    "NOT": McCullochPitts((-1,), -1),
}


class ThresholdNetwork(_Fixed):
    """One hidden layer of threshold neurons and one such neuron behind it.

    Args:
        hidden_weights: weights of the inputs, (k, h), a column a hidden neuron; h may be zero.
        hidden_thresholds: numbers that the hidden neurons' sums must pass, (h,).
        output_weights: weights of the hidden neurons, (h,).
        output_threshold: number that the output neuron's sum must pass.

    Raises:
        ShapeError: rows that have not one column an input, weights that do not fit each other.
        DataError: text, missing values; weights that are no numbers.
        DescendError: an output threshold that is no finite number.

    Source: scheidegger-2020, "EXPRESSIVENESS OF ANN".

    Example:
        One hidden neuron fires for either input, the other for both: the first without the second.

        >>> from descend.neurons.classic import ThresholdNetwork
        >>> xor = ThresholdNetwork([[1, 1], [1, 1]], [0, 1], [1, -1], 0)
        >>> xor.predict([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist()
        [0, 1, 1, 0]
    """

    def __init__(
        self,
        hidden_weights: Any,
        hidden_thresholds: Any,
        output_weights: Any,
        output_threshold: float,
    ):
        self.hidden_weights = hidden_weights
        self.hidden_thresholds = hidden_thresholds
        self.output_weights = output_weights
        self.output_threshold = output_threshold

    def _inputs(self) -> int:
        number("ThresholdNetwork: output_threshold", self.output_threshold)
        hidden = numbers("ThresholdNetwork: hidden_weights", self.hidden_weights, 2)
        for name in ("hidden_thresholds", "output_weights"):
            vector = numbers(f"ThresholdNetwork: {name}", getattr(self, name), 1)
            if len(vector) != hidden.shape[1]:
                raise ShapeError(
                    f"ThresholdNetwork: {name} must hold one for each of {hidden.shape[1]} hidden "
                    f"neuron(s), got {len(vector)}"
                )
        return len(hidden)

    def hidden(self, X: Any) -> np.ndarray:
        """Which hidden neurons fire, (n, h) of zeros and ones."""
        return self._layer(self._rows(X))

    def _layer(self, x: np.ndarray) -> np.ndarray:
        return (
            x @ np.asarray(self.hidden_weights) > np.asarray(self.hidden_thresholds)[None]
        ).astype(int)

    def _fire(self, x: np.ndarray) -> np.ndarray:
        fires = self._layer(x) @ np.asarray(self.output_weights) > self.output_threshold
        return fires.astype(int)
