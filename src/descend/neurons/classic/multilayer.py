"""The multi-layer perceptron of `scratch` with scikit-learn's face: sequential and batch training.

From the same weights, and over the same order of rows, it makes the updates of `Sequential.fit`. In
float64 the two agree to 1e-15 after a hundred updates, so that every weight is the same float32
number; what differs are last bits, because exp is another implementation, sums are added up in
another order (the bias is an input here), and XLA may multiply and add in one rounding.

Source: scheidegger-2020, "BUILDING AN MLP FROM SCRATCH", "ACTION REQUIRED – MLP", "RECIPE FOR USING
MLP (IV)" for early stopping.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from descend.alignment import Scored, aligned
from descend.errors import DataError, DescendError, DivergenceError, ShapeError, unknown
from descend.neurons.classic import scratch
from descend.neurons.classic.progress import progress_bar
from descend.neurons.classic.reading import (
    Coding,
    numbers,
    read_rows,
    require_count,
    require_positive,
    require_share,
)
from descend.nn.checks import number


class _Scratch(BaseEstimator):
    """What the two share; arguments and attributes are those of ScratchClassifier."""

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (8,),
        outtype: str = "softmax",
        beta: float = 1.0,
        learning_rate: float = 0.5,
        momentum: float = 0.9,
        updating: str = "batch",
        reduction: str = "mean",
        max_iter: int = 1000,
        shuffle: bool = True,
        check_every: int = 10,
        patience: int = 2,
        min_delta: float = 0.0,
        dtype: str = "float64",
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.hidden = hidden
        self.outtype = outtype
        self.beta = beta
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.updating = updating
        self.reduction = reduction
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.check_every = check_every
        self.patience = patience
        self.min_delta = min_delta
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    def _check_options(self, outtypes: Sequence[str]) -> None:
        require_positive(self, "learning_rate", "beta")
        require_count(self, "max_iter", "check_every", "patience")
        for name, known in (
            ("outtype", outtypes),
            ("updating", ("batch", "sequential")),
            ("reduction", ("mean", "sum")),
            ("dtype", ("float64", "float32")),
        ):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        require_share(self, "momentum")
        number(f"{type(self).__name__}: min_delta", self.min_delta)
        sizes = list(self.hidden) if np.iterable(self.hidden) else [None]
        if not all(isinstance(m, (int, np.integer)) and m > 0 for m in sizes):
            raise DescendError(
                f"hidden must hold counts of neurons, such as (8,), got {self.hidden!r}"
            )

    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, (int, np.integer)):
            return int(state)
        return int(check_random_state(state).randint(2**31 - 1))

    def _learn(
        self,
        x: np.ndarray,
        t: np.ndarray,
        start: Sequence[np.ndarray] | None,
        held_out: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        x, t = x.astype(self.dtype), t.astype(self.dtype)
        seed = self._seed()
        sizes = [x.shape[1], *self.hidden, t.shape[1]]
        if start is None:
            start = scratch.first_weights(sizes, np.random.RandomState(seed))
        if not isinstance(start, (list, tuple)):
            raise DataError(f"start must be a list of arrays, one a layer, got {start!r}")
        weights = [numbers(f"start[{i}]", w, 2).astype(self.dtype) for i, w in enumerate(start)]
        shapes = [(m + 1, n) for m, n in pairwise(sizes)]
        if [w.shape for w in weights] != shapes:
            raise ShapeError(
                f"start must hold arrays of the shapes {shapes}, the bias weights in the first "
                f"row, got {[w.shape for w in weights]}"
            )
        moving = [np.zeros_like(w) for w in weights]
        self.history_: dict[str, list[float]] = {"loss": []}
        best, since, best_weights = np.inf, 0, weights
        if held_out is not None:
            self.history_["val_loss"] = []
            held_out = held_out[0].astype(self.dtype), held_out[1].astype(self.dtype)
        self.stopped_ = False
        with progress_bar(self.verbose, self.max_iter, "cost") as show:
            for iteration in range(self.max_iter):
                with np.errstate(over="ignore", invalid="ignore"):  # told below
                    weights, moving, cost = self._pass(x, t, weights, moving, seed, iteration)
                if not np.isfinite(cost) or not all(np.isfinite(w).all() for w in weights):
                    raise DivergenceError(
                        f"the weights or the cost are no longer finite in iteration "
                        f"{iteration + 1}; take a smaller learning_rate"
                        + (' or reduction="mean"' if self.reduction == "sum" else "")
                    )
                self.history_["loss"].append(cost)
                show(iteration + 1, cost)
                if held_out is None:
                    continue
                self.history_["val_loss"].append(self._cost(*held_out, weights))
                if (iteration + 1) % self.check_every:
                    continue
                if self.history_["val_loss"][-1] < best - self.min_delta:
                    best, since, best_weights = self.history_["val_loss"][-1], 0, weights
                else:
                    since += 1
                    self.stopped_ = since >= self.patience
                if self.stopped_:
                    break
        self.weights_ = weights if held_out is None or best == np.inf else best_weights
        self.n_iter_ = iteration + 1

    def _pass(
        self,
        x: np.ndarray,
        t: np.ndarray,
        weights: scratch.Weights,
        moving: scratch.Weights,
        seed: int,
        iteration: int,
    ) -> tuple[scratch.Weights, scratch.Weights, float]:
        """One iteration over all rows; the cost is of the weights each row met."""
        own = self.outtype, self.beta
        if self.updating == "batch":
            passed = scratch.forwards(x, weights, *own)
            gradient = scratch.backwards(passed, t, weights, *own)
            rate = self.learning_rate / (len(x) if self.reduction == "mean" else 1)
            cost = float(scratch.losses(passed[-1], t, self.outtype).mean())
            return *scratch.update(weights, gradient, moving, rate, self.momentum), cost
        order = np.arange(len(x))
        if self.shuffle:  # the order in which descend's trainer draws its rows
            order = np.random.default_rng([seed, iteration]).permutation(order)
        total = 0.0
        for row in order:
            passed = scratch.forwards(x[row : row + 1], weights, *own)
            target = t[row : row + 1]
            gradient = scratch.backwards(passed, target, weights, *own)
            weights, moving = scratch.update(
                weights, gradient, moving, self.learning_rate, self.momentum
            )
            total += float(scratch.losses(passed[-1], target, self.outtype)[0])
        return weights, moving, total / len(x)

    def _cost(self, x: np.ndarray, t: np.ndarray, weights: scratch.Weights) -> float:
        y = scratch.forwards(x, weights, self.outtype, self.beta)[-1]
        return float(scratch.losses(y, t, self.outtype).mean())

    def outputs(self, X: Any) -> np.ndarray:
        """The recall phase: the outputs y of rows (n, k), (n, N)."""
        check_is_fitted(self)
        x = read_rows(self, X, reset=False).astype(self.dtype)
        return scratch.forwards(x, self.weights_, self.outtype, self.beta)[-1]


class ScratchClassifier(Scored, ClassifierMixin, _Scratch):
    """The lecture's multi-layer perceptron for classes, without automatic differentiation.

    Args:
        hidden: numbers of neurons of the hidden layers, () for none.
        outtype: name of the outputs' kind: "softmax" (an output a class, cross-entropy), "logistic"
            (one output of two classes, otherwise one a class; half the squared error) or "linear"
            (likewise).
        beta: slope of the logistic function 1 / (1 + exp(-beta h)), in hidden and logistic outputs.
        learning_rate: number eta > 0.
        momentum: share of the last update that is made once more, in [0, 1).
        updating: name of the rhythm: "batch" makes one update an iteration from all rows;
            "sequential" one a row.
        reduction: form of a batch update: "sum" over rows as the slide's code has it, or "mean", by
            which eta need not fall with the count of rows.
        max_iter: number of iterations over all rows at most.
        shuffle: whether the rows have a new order in every sequential iteration ("randomise the
            order of the input vectors"); drawn from (seed, iteration) as `Model.fit` draws it.
        check_every, patience, min_delta: rule for stopping: with validation rows, the error on them
            is looked at after every so many iterations; training ends when it has not fallen by
            more than `min_delta` so often in a row, and the weights with the least error are kept.
        dtype: name of the number type, "float64", or "float32" as the trainer computes.
        random_state: seed of the first weights and the order.
        verbose: number, 1 for a bar on a terminal, 0 for silence.

    Attributes:
        weights_: the weights after `fit`, a list, (inputs + 1, neurons) a layer, the bias weights
            in the first row.
        history_: {"loss": mean L of the rows in each iteration; "val_loss"}.
        stopped_: whether the validation rows ended training.
        n_iter_: number of iterations.

    Raises:
        DataError: text, missing values, one class only.
        ShapeError: first weights (`start`) that do not fit the layers.
        DivergenceError: numbers beyond all bounds.
        DescendError: an unknown option, or a number out of its range.

    Source: scheidegger-2020, "BUILDING AN MLP FROM SCRATCH" (The Multi-layer Perceptron Algorithm).

    Example:
        >>> from descend.neurons.classic import ScratchClassifier
        >>> rows = [[0, 0], [0, 1], [1, 0], [1, 1]]
        >>> xor = ScratchClassifier(hidden=(4,), learning_rate=2.0, max_iter=200, random_state=0)
        >>> xor.fit(rows, [0, 1, 1, 0]).predict(rows).tolist()
        [0, 1, 1, 0]
    """

    @aligned("X", "y")
    @aligned("validation")
    def fit(
        self,
        X: Any,
        y: Any,
        validation: tuple[Any, Any] | None = None,
        start: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """Learn.

        Args:
            X: (n, k) numbers; y: (n,) labels.
            validation: (X, y) of other rows, for early stopping.
            start: first weights, shaped as `weights_`; random ones if not given.

        Raises:
            DataError: text, missing values, one class only. ShapeError: `start` does not fit.
            DivergenceError: numbers beyond all bounds. DescendError: an unknown option.
        """
        self._check_options(scratch.OUTTYPES)
        x, labels = read_rows(self, X, y, reset=True)
        self._coding, t = Coding.of(labels, one_each=self.outtype == "softmax")
        self.classes_ = self._coding.classes
        held_out = None
        if validation is not None:
            rows = read_rows(self, _pair(validation)[0], reset=False)
            held_out = rows, self._coding.encode(validation[1])
            _require_rows(*held_out)
        self._learn(x, t, start, held_out)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest output, or of one output that passes 1/2: (n,)."""
        y = self.outputs(X)
        return self._coding.decode(y, 0.5)

    @available_if(lambda self: self.outtype != "linear")
    def predict_proba(self, X: Any) -> np.ndarray:
        """The outputs as probabilities (n, classes); several logistic ones are scaled to sum 1."""
        y = self.outputs(X)
        if y.shape[1] == 1:
            return np.hstack([1 - y, y])
        return y / y.sum(axis=1, keepdims=True)


class ScratchRegressor(Scored, RegressorMixin, _Scratch):
    """The lecture's multi-layer perceptron for numbers, without automatic differentiation.

    The cost is half the squared error.

    Args:
        outtype: name of the outputs' kind: "linear", or "logistic" for targets between 0 and 1.
        hidden, beta: numbers of hidden neurons, and slope of their logistic function.
        learning_rate, momentum, updating, reduction, max_iter, shuffle: see ScratchClassifier.
        check_every, patience, min_delta: rule for stopping, as in ScratchClassifier.
        dtype, random_state, verbose: see ScratchClassifier.

    Raises:
        DataError: text, missing values, targets outside [0, 1] for logistic outputs.
        ShapeError, DivergenceError, DescendError: see ScratchClassifier.

    Source: scheidegger-2020, "RECALL: DIFFERENT ACTIVATIONS".

    Example:
        Without a hidden layer it is least squares by small steps: y = 1 + 2 x.

        >>> from descend.neurons.classic import ScratchRegressor
        >>> line = ScratchRegressor(hidden=(), learning_rate=0.1, max_iter=300, random_state=0)
        >>> line.fit([[0], [1], [2]], [1, 3, 5]).predict([[3]]).round(3).tolist()
        [7.0]
        >>> line.weights_[0].round(3).tolist()  # the bias weight first
        [[1.0], [2.0]]
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (8,),
        outtype: str = "linear",
        beta: float = 1.0,
        learning_rate: float = 0.05,
        momentum: float = 0.9,
        updating: str = "batch",
        reduction: str = "mean",
        max_iter: int = 1000,
        shuffle: bool = True,
        check_every: int = 10,
        patience: int = 2,
        min_delta: float = 0.0,
        dtype: str = "float64",
        random_state: Any = None,
        verbose: int = 0,
    ):
        super().__init__(
            hidden=hidden,
            outtype=outtype,
            beta=beta,
            learning_rate=learning_rate,
            momentum=momentum,
            updating=updating,
            reduction=reduction,
            max_iter=max_iter,
            shuffle=shuffle,
            check_every=check_every,
            patience=patience,
            min_delta=min_delta,
            dtype=dtype,
            random_state=random_state,
            verbose=verbose,
        )

    @aligned("X", "y")
    @aligned("validation")
    def fit(
        self,
        X: Any,
        y: Any,
        validation: tuple[Any, Any] | None = None,
        start: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """Learn; as ScratchClassifier.fit, with numbers y (n,) or (n, N).

        Raises:
            DataError, ShapeError, DivergenceError, DescendError: see ScratchClassifier.fit.
        """
        self._check_options(("linear", "logistic"))
        x, t = read_rows(self, X, y, reset=True, multi_output=True, y_numeric=True)
        if self.outtype == "logistic" and not ((t >= 0) & (t <= 1)).all():
            raise DataError("logistic outputs lie between 0 and 1; scale y, or take 'linear'")
        self._flat = t.ndim == 1
        held_out = None
        if validation is not None:
            rows, targets = read_rows(
                self, *_pair(validation), reset=False, multi_output=True, y_numeric=True
            )
            held_out = rows, targets.reshape(len(rows), -1)
        self._learn(x, t.reshape(len(t), -1), start, held_out)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The outputs, (n,) or (n, N) as the targets were."""
        y = self.outputs(X)
        return y[:, 0] if self._flat else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise DataError(f"validation must be a pair (X, y) of other rows, got {validation!r}")
    return validation[0], validation[1]


def _require_rows(x: np.ndarray, t: np.ndarray) -> None:
    if len(x) != len(t):
        raise DataError(f"the validation rows are {len(x)}, their targets {len(t)}")
