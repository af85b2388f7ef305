"""Rosenblatt's perceptron: a neuron is corrected whenever it is wrong.

    for T iterations or until all the outputs are correct, for each input vector:
        y_j  = 1 if sum_{i=0}^m w_ij x_i > 0 else 0                                      (3.4)
        w_ij = w_ij - eta (y_j - t_j) x_i                                                (3.5)

Source: scheidegger-2020, "BUILDING AN MLP FROM SCRATCH" (The Perceptron Algorithm), "PERCEPTRON
IMPLEMENTATION"; raviv-2022, "Historical example: The Perceptron".
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from descend.alignment import Scored, aligned
from descend.errors import DescendError, ShapeError, unknown
from descend.neurons.classic.planes import InseparableError, Separability, separability
from descend.neurons.classic.progress import progress_bar
from descend.neurons.classic.reading import (
    Coding,
    numbers,
    read_rows,
    require_bias,
    require_count,
    require_positive,
    with_bias,
)
from descend.nn.checks import number

SMALL = 0.05  # the first weights lie between -SMALL and SMALL
AT_ONCE = 32  # rows whose sums are computed together; those behind a mistake are computed again


class Perceptron(Scored, ClassifierMixin, BaseEstimator):
    """One layer of threshold neurons, learned by the perceptron rule.

    Two classes need one neuron, which fires for the second. More classes have a neuron each, and
    the largest sum wins; "all outputs right" still means every neuron. Targets of several 0/1
    columns (a multi-output perceptron) are learned as they are.

    Args:
        learning_rate: number eta > 0.
        max_iter: number T, how often all input vectors are gone through at most.
        updating: name of the rhythm: "sequential" corrects after every row, as the algorithm is
            stated; "batch" adds up the corrections of all rows, the one line of "PERCEPTRON
            IMPLEMENTATION (II)".
        start: name of the first weights: "small" random numbers of both signs, as the algorithm is
            stated, or "zeros".
        bias_input: number x_0, what the bias node sends; None for neurons without bias.
        inseparable: name of what happens where no plane exists: "train" goes on for T iterations
            and then holds the proof in `separability_`; "refuse" raises it before training.
        prove: whether to work out after training if a plane exists, its margin and the bound on
            mistakes, or the certificate that none does. The cost is a linear programme and a
            least-distance problem a neuron: for many thousands of rows turn it off.
        random_state: seed of the first weights.
        verbose: number, 1 for a bar on a terminal, 0 for silence.

    Attributes:
        weights_: the weights after `fit`, (k + 1, N), the bias weights in the first row ((k, N)
            without bias).
        start_: the same before training.
        converged_: whether all outputs came out right.
        n_iter_: iterations gone through; the last one only looked, where all were right.
        mistakes_: (N,) corrections of each neuron in all (in batch mode wrong outputs).
        updates_: (corrections, 4): iteration, row, neuron, +1 or -1 (what was added).
        history_: {"mistakes": per iteration, "wrong_rows": rows wrong at its end}.
        separability_: `Separability` of each neuron, where `prove` is on.
        bound_: (N,) the corrections that cannot be passed, see `mistake_bound`; infinite where
            no plane exists. Absent where `prove` is off.
        classes_: the labels; the neurons' numbers where targets were 0/1 columns.

    Raises:
        DataError: text, missing values, one class only.
        InseparableError: no plane exists and `inseparable` is "refuse".
        DescendError: an unknown option, or a number out of its range.

    Source: scheidegger-2020, "BUILDING AN MLP FROM SCRATCH" (The Perceptron Algorithm), "PERCEPTRON
    IMPLEMENTATION"; raviv-2022, "Historical example: The Perceptron".

    Example:
        >>> from descend.neurons.classic import Perceptron
        >>> either = Perceptron(start="zeros", learning_rate=1.0)
        >>> either = either.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1])
        >>> either.weights_.ravel().tolist()  # the bias weight first
        [0.0, 1.0, 1.0]
        >>> either.mistakes_.tolist(), either.bound_.round(3).tolist()
        ([4], [27.0])
    """

    def __init__(
        self,
        *,
        learning_rate: float = 0.25,
        max_iter: int = 1000,
        updating: str = "sequential",
        start: str = "small",
        bias_input: float | None = 1.0,
        inseparable: str = "train",
        prove: bool = True,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.updating = updating
        self.start = start
        self.bias_input = bias_input
        self.inseparable = inseparable
        self.prove = prove
        self.random_state = random_state
        self.verbose = verbose

    @aligned("X", "y")
    def fit(self, X: Any, y: Any) -> Self:
        """Learn.

        Args:
            X: (n, k) numbers.
            y: (n,) labels, or (n, N) of zeros and ones, a column a neuron.

        Raises:
            DataError: text, missing values, one class only.
            InseparableError: no plane exists and `inseparable` is "refuse".
            DescendError: an unknown option.
        """
        self._check_options()
        x, labels = read_rows(self, X, y, reset=True, multi_output=True)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        self._coding, t = Coding.of(labels)
        classes = self._coding.classes
        self.classes_ = np.arange(self._coding.columns) if classes is None else classes
        full = with_bias(x, self.bias_input)
        for stale in ("separability_", "bound_"):
            self.__dict__.pop(stale, None)
        if self.prove or self.inseparable == "refuse":
            self.separability_ = [separability(x, column, self.bias_input) for column in t.T]
            self._refuse()
        shape = full.shape[1], t.shape[1]
        random = check_random_state(self.random_state)
        small = random.uniform(-SMALL, SMALL, shape)
        self.start_ = small if self.start == "small" else np.zeros(shape)
        self._learn(full, t)
        self.mistakes_ = np.bincount(self.updates_[:, 2], minlength=t.shape[1])
        if self.prove:
            rows = 1 if self.updating == "sequential" else len(x)
            self.bound_ = np.array(
                [
                    mistake_bound(verdict, start, self.learning_rate, rows)
                    for verdict, start in zip(self.separability_, self.start_.T, strict=True)
                ]
            )
        return self

    def _check_options(self) -> None:
        require_positive(self, "learning_rate")
        require_count(self, "max_iter")
        require_bias(self)
        for name, known in (
            ("updating", ("sequential", "batch")),
            ("start", ("small", "zeros")),
            ("inseparable", ("train", "refuse")),
        ):
            if getattr(self, name) not in known:
                raise unknown(f"choice of {name}", getattr(self, name), known)

    def _refuse(self) -> None:
        if self.inseparable == "refuse":
            for j, verdict in enumerate(self.separability_):
                if verdict.certificate is not None:
                    neuron = f"Neuron {j}: " if len(self.separability_) > 1 else ""
                    raise InseparableError(verdict.certificate, neuron)

    def _learn(self, x: np.ndarray, t: np.ndarray) -> None:
        weights = self.start_.copy()
        updates = [np.zeros((0, 4), int)]
        self.history_: dict[str, list[int]] = {"mistakes": [], "wrong_rows": []}
        one_pass = _sequential if self.updating == "sequential" else _batch
        with progress_bar(self.verbose, self.max_iter, "wrong rows") as show:
            for iteration in range(self.max_iter):
                mistakes = one_pass(x, t, weights, self.learning_rate)
                updates.append(
                    np.array([(iteration, *one) for one in mistakes], int).reshape(-1, 4)
                )
                wrong = int(((x @ weights > 0) != t).any(axis=1).sum())
                self.history_["mistakes"].append(len(mistakes))
                self.history_["wrong_rows"].append(wrong)
                show(iteration + 1, wrong)
                if wrong == 0:
                    break
        self.weights_ = weights
        self.converged_ = wrong == 0
        self.n_iter_ = iteration + 1
        self.updates_ = np.concatenate(updates)

    @property
    def coef_(self) -> np.ndarray:
        """(N, k) the inputs' weights, as scikit-learn shapes them."""
        check_is_fitted(self)
        return self.weights_[self.bias_input is not None :].T

    @property
    def intercept_(self) -> np.ndarray:
        """(N,) w_0 x_0 of each neuron."""
        check_is_fitted(self)
        if self.bias_input is None:
            return np.zeros(self.weights_.shape[1])
        return self.weights_[0] * self.bias_input

    def weights_after(self, X: Any, corrections: int) -> np.ndarray:
        """The weights after so many of the `updates_`, replayed on the rows of `fit`.

        Args:
            X: the rows that `fit` was given, in the same order.
            corrections: 0 (the first weights) to len(updates_).

        Raises:
            DescendError: another count of corrections than there were.
        """
        check_is_fitted(self)
        whole = isinstance(corrections, (int, np.integer))
        if not whole or not 0 <= corrections <= len(self.updates_):
            raise DescendError(
                f"corrections must lie between 0 and {len(self.updates_)}, got {corrections!r}"
            )
        full = with_bias(read_rows(self, X, reset=False), self.bias_input)
        weights = self.start_.copy()
        for _, row, neuron, sign in self.updates_[:corrections]:
            weights[:, neuron] += sign * self.learning_rate * full[row]
        return weights

    def decision_function(self, X: Any) -> np.ndarray:
        """The sums w'x before the threshold: (n,) of one neuron, (n, N) of several."""
        check_is_fitted(self)
        sums = with_bias(read_rows(self, X, reset=False), self.bias_input) @ self.weights_
        return sums[:, 0] if sums.shape[1] == 1 else sums

    def predict(self, X: Any) -> np.ndarray:
        """The recall phase (3.6): labels (n,), or zeros and ones (n, N)."""
        sums = self.decision_function(X)
        return self._coding.decode(sums.reshape(len(sums), -1), 0.0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.poor_score = True  # where no plane exists, T iterations end anywhere
        return tags


def _sequential(
    x: np.ndarray, t: np.ndarray, weights: np.ndarray, rate: float
) -> list[tuple[int, int, int]]:
    """One pass over the rows; corrects `weights` in place and lists (row, neuron, sign)."""
    mistakes, row = [], 0
    while row < len(x):
        ahead = slice(row, row + AT_ONCE)
        error = (x[ahead] @ weights > 0) - t[ahead]
        wrong = np.flatnonzero(error.any(axis=1))
        if not len(wrong):
            row += AT_ONCE
            continue
        row += int(wrong[0])
        sign = error[wrong[0]]
        weights -= rate * sign[None] * x[row][:, None]
        mistakes += [(row, int(j), -int(sign[j])) for j in np.flatnonzero(sign)]
        row += 1
    return mistakes


def _batch(
    x: np.ndarray, t: np.ndarray, weights: np.ndarray, rate: float
) -> list[tuple[int, int, int]]:
    """All rows at once; as `_sequential`."""
    error = (x @ weights > 0) - t
    weights -= rate * (x.T @ error)
    return [(int(r), int(j), -int(error[r, j])) for r, j in np.argwhere(error)]


def mistake_bound(
    separability: Separability, start: np.ndarray, learning_rate: float = 1.0, rows: int = 1
) -> float:
    """The corrections a neuron needs at most: (R/g)^2 from weights of zero (Novikoff 1962).

    With u the plane of the widest margin g and R the longest row, a correction moves w'u up by at
    least eta g, and `|w|^2` up by at most eta^2 R^2. So after c corrections, by Cauchy and Schwarz,

        (w_0'u + c eta g)^2 <= |w|^2 <= |w_0|^2 + c eta^2 R^2,

    and c is at most the larger root of that quadratic.

    Args:
        separability: Separability of the neuron's rows.
        start: first weights w_0, (k + 1,).
        learning_rate: number eta.
        rows: number of rows corrected at once; n in batch mode, where `|w|^2` moves up by at most
            eta^2 R^2 n a correction.

    Returns:
        A count, not rounded; infinity where no margin exists.

    Raises:
        DescendError: no Separability, or a number out of range.
        ShapeError: another number of first weights.

    Source: Novikoff (1962), "On convergence proofs on perceptrons".

    Example:
        Rows (1, 0) and (1, 1) with the bias input: R^2 = 2, and the widest margin is 1 / sqrt(5).

        >>> import numpy as np
        >>> from descend.neurons.classic import mistake_bound, separability
        >>> round(mistake_bound(separability([[0], [1]], [0, 1]), start=np.zeros(2)), 3)
        10.0
    """
    if not isinstance(separability, Separability):
        raise DescendError(f"mistake_bound takes a Separability, got {separability!r}")
    number("learning_rate", learning_rate, above=0)
    number("rows", rows, above=0)
    if separability.weights is None or separability.margin <= 0:
        return float("inf")
    start = numbers("start", start, 1)
    if start.shape != separability.weights.shape:
        raise ShapeError(
            f"start must hold a weight for each of {separability.weights.shape}, got {start.shape}"
        )
    step, grow = (
        learning_rate * separability.margin,
        learning_rate**2 * separability.radius**2 * rows,
    )
    along = float(separability.weights @ start)
    middle = grow - 2 * step * along
    rest = max(float(start @ start) - along**2, 0.0)
    return (middle + float(np.sqrt(middle**2 + 4 * step**2 * rest))) / (2 * step**2)
