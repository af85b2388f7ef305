"""Hebb's rule: neurons that fire together are wired together.

    w_ij <- w_ij + eta x_i y_j                  Hebb: the strength grows with the joint firing
    w_ij <- (1 - decay) w_ij + eta x_i y_j      ... and dies away where the two never fire together
    w    <- w + eta y (x - y w),  y = w'x       Oja: the same, held at length one

Sources: scheidegger-2020, "HEBB'S RULE" and "HEBB'S RULE – INTUITION"; Oja (1982).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from descend.alignment import aligned
from descend.errors import DataError, DivergenceError, unknown
from descend.neurons.classic.progress import progress_bar
from descend.neurons.classic.reading import (
    numbers,
    read_rows,
    require_count,
    require_positive,
    require_share,
)
from descend.nn.checks import number


class HebbUnit(TransformerMixin, BaseEstimator):
    """One linear neuron y = w'x that learns from its inputs alone, without targets.

    By Hebb's rule the weights turn towards the direction in which the inputs vary most, and grow
    without end. Oja's rule takes off eta y^2 w, which holds `|w|` at one: the neuron becomes the
    first principal component.

    Args:
        rule: name of the rule, "oja" or "hebb".
        learning_rate: number eta > 0. Oja's rule is stable while eta `|x|^2` is well below one.
        max_iter: number of passes over the rows.
        centre: whether the columns' means are taken off first; without, the neuron turns to the
            mean.
        random_state: seed of the first weights, a direction at random of length one, and of the
            order of the rows in each pass.
        verbose: number, 1 for a bar on a terminal, 0 for silence.

    Attributes:
        weights_: the weights after `fit`, (k,).
        mean_: the columns' means, (k,); zero without `centre`.
        components_: (1, k) the weights as scikit-learn's PCA shapes them.
        history_: {"length": `|w|` after each pass, "variance": mean of y^2 / `|w|^2` over the
            rows}.

    Raises:
        DataError: text, missing values, fewer than two rows.
        DescendError: an unknown rule, or a number out of its range.
        DivergenceError: the weights grew beyond float64.

    Source: scheidegger-2020, "HEBB'S RULE"; Oja (1982).

    Example:
        Rows along the diagonal: the neuron turns into it, at length one.

        >>> from descend.neurons.classic import HebbUnit
        >>> unit = HebbUnit(learning_rate=0.05, random_state=0)
        >>> unit = unit.fit([[-2, -2], [-1, -1], [1, 1], [2, 2]])
        >>> abs(unit.weights_).round(3).tolist()
        [0.707, 0.707]
    """

    def __init__(
        self,
        *,
        rule: str = "oja",
        learning_rate: float = 0.01,
        max_iter: int = 100,
        centre: bool = True,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.rule = rule
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.centre = centre
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from rows (n, k); `y` is not looked at.

        Raises:
            DataError: text, missing values. DescendError: an unknown option.
            DivergenceError: the weights grew beyond float64.
        """
        if self.rule not in ("oja", "hebb"):
            raise unknown("rule", self.rule, ("oja", "hebb"))
        require_positive(self, "learning_rate")
        require_count(self, "max_iter")
        x = read_rows(self, X, reset=True, ensure_min_samples=2)
        self.mean_ = x.mean(axis=0) if self.centre else np.zeros(x.shape[1])
        x = x - self.mean_[None]
        random = check_random_state(self.random_state)
        w = random.standard_normal(x.shape[1])
        w /= np.linalg.norm(w)
        self.history_: dict[str, list[float]] = {"length": [], "variance": []}
        with progress_bar(self.verbose, self.max_iter, "length") as show:
            for iteration in range(self.max_iter):
                w, length = self._pass(x, w, random.permutation(len(x)))
                if not np.isfinite(length):
                    raise DivergenceError(self._diverged(x, iteration))
                self.history_["length"].append(length)
                outputs = x @ w / length if length > 0 else x @ w
                self.history_["variance"].append(float(np.mean(outputs**2)))
                show(iteration + 1, length)
        self.weights_, self.n_iter_ = w, self.max_iter
        return self

    def _pass(self, x: np.ndarray, w: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, float]:
        """The weights after all rows in this order, and their length."""
        forget = self.rule == "oja"
        with np.errstate(over="ignore", invalid="ignore"):  # told by the caller
            for row in order:
                y = w @ x[row]
                w = w + self.learning_rate * y * (x[row] - forget * y * w)
            return w, float(np.linalg.norm(w))

    def _diverged(self, x: np.ndarray, iteration: int) -> str:
        advice = "Hebb's rule does that: take rule='oja', or fewer iterations"
        if self.rule == "oja":
            safe = 1 / np.square(x).sum(axis=1).max()
            advice = f"take a learning rate well below 1/|x|^2 = {safe:.3g}"
        return f"the weights grew beyond all bounds in iteration {iteration + 1}; {advice}"

    @property
    def components_(self) -> np.ndarray:
        """The weights as one component, (1, k)."""
        check_is_fitted(self)
        return self.weights_[None]

    def transform(self, X: Any) -> np.ndarray:
        """The neuron's output y = w'(x - mean), (n, 1)."""
        check_is_fitted(self)
        return (read_rows(self, X, reset=False) - self.mean_[None]) @ self.weights_[:, None]


class HebbAssociator(BaseEstimator):
    """Connections between neurons that fire and neurons that fire with them.

    In each moment both sides are driven from outside (you see grandmother; there is chocolate), and

        w_ij <- (1 - decay) w_ij + eta x_i y_j.

    In recall only the first side is driven: neuron j fires where sum_i x_i w_ij > threshold.
    A pair that fires together in the share p of moments comes to rest about w = eta p / decay.

    Args:
        learning_rate: number eta > 0.
        decay: share of every connection that dies away in a moment, in [0, 1).
        threshold: number that a recalled neuron's sum must pass for it to fire.

    Attributes:
        weights_: the connections after `fit`, (k, m), from the k driving neurons to the m driven
            ones.
        history_: {"weights": (moments + 1, k, m)} the connections before and after every moment.

    Raises:
        DataError: firings other than 0 and 1, text, missing values, shapes that do not fit.
        DescendError: a number out of its range.

    Source: scheidegger-2020, "HEBB'S RULE" ("if the two neurons never fire simultaneously, the
    connection between them will die away") and "HEBB'S RULE – INTUITION".

    Example:
        The first neuron fired twice together with the chocolate's, the second never.

        >>> from descend.neurons.classic import HebbAssociator
        >>> seen = HebbAssociator(learning_rate=0.1).fit([[1, 0], [1, 0], [0, 1]], [1, 1, 0])
        >>> seen.weights_.tolist()
        [[0.2], [0.0]]
        >>> seen.predict([[1, 0], [0, 1]]).tolist()
        [[1], [0]]
    """

    def __init__(self, *, learning_rate: float = 0.1, decay: float = 0.0, threshold: float = 0.0):
        self.learning_rate = learning_rate
        self.decay = decay
        self.threshold = threshold

    @aligned("X", "y")
    def fit(self, X: Any, y: Any, start: Any = None) -> Self:
        """Live through moments, in their order.

        Args:
            X: (n, k) of zeros and ones, which driving neurons fire in each moment.
            y: (n, m) or (n,) likewise of the driven neurons.
            start: (k, m) the connections before; zero if not given.

        Raises:
            DataError: firings other than 0 and 1, shapes that do not fit.
            DescendError: an option out of its range.
        """
        require_positive(self, "learning_rate")
        require_share(self, "decay")
        number("HebbAssociator: threshold", self.threshold)
        x, t = read_rows(self, X, y, reset=True, multi_output=True)
        t = np.asarray(t, float).reshape(len(x), -1)
        for side, name in ((x, "X"), (t, "y")):
            if not np.isin(side, (0, 1)).all():
                raise DataError(f"{name} must hold zeros and ones: a neuron fires or does not")
        shape = x.shape[1], t.shape[1]
        weights = np.zeros(shape) if start is None else numbers("start", start, 2)
        if weights.shape != shape:
            raise DataError(f"start must have the shape {shape}, got {weights.shape}")
        lived = [weights]
        for before, after in zip(x, t, strict=True):
            joint = before[:, None] * after[None]
            lived.append((1 - self.decay) * lived[-1] + self.learning_rate * joint)
        self.weights_, self.history_ = lived[-1], {"weights": np.array(lived)}
        return self

    def drive(self, X: Any) -> np.ndarray:
        """What arrives at each driven neuron, sum_i x_i w_ij: (n, m)."""
        check_is_fitted(self)
        return read_rows(self, X, reset=False) @ self.weights_

    def predict(self, X: Any) -> np.ndarray:
        """Which driven neurons fire, (n, m) of zeros and ones."""
        return (self.drive(X) > self.threshold).astype(int)
