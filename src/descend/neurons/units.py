"""Linear, logistic, softmax and Poisson units: four one-layer networks, and their econometrics.

    y = x'b                   LinearUnit     ordinary (weighted) least squares
    P(y = 1) = s(x'b)         LogisticUnit   logit
    P(y = k) = softmax_k(Bx)  SoftmaxUnit    multinomial logit
    E y = exp(x'b + offset)   PoissonUnit    Poisson regression

Sources: raviv-2022, "Take the basic regression setup for example", "Now with logistic regression",
"Multinomial logistic regression"; figures and tests as statsmodels has them.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import linalg, special
from sklearn.base import ClassifierMixin, RegressorMixin

from descend.alignment import Scored, aligned
from descend.errors import DataError, ShapeError, unknown
from descend.neurons.design import read_vector
from descend.neurons.fitting import fit_by_newton
from descend.neurons.likelihood import BERNOULLI, GAUSSIAN, MULTINOMIAL, POISSON, responses
from descend.neurons.unit import Unit


class LinearUnit(Scored, RegressorMixin, Unit):
    """A linear unit y = x'b + e: ordinary least squares, with weights weighted least squares.

    Solved by a QR decomposition, which does not square the columns' differences as normal
    equations do. p-values from Student's t, with n - k degrees of freedom (groups - 1 where errors
    are clustered). Attributes after `fit` are those of `Unit`; `coef_` is (k,).

    Args:
        fit_intercept: whether to put a column of ones in front, unless the data hold a constant.
        covariance: name of the standard errors' kind: "classical", "HC0", "HC1", "HC2", "HC3" or
            "cluster"; see `descend.neurons.covariance`.
        level: confidence level of the intervals, in (0, 1).
        max_iter: number that the other units share; least squares need no steps.

    Raises:
        DataError: `fit` with text, missing values, collinear columns, or no more rows than
            coefficients.
        ShapeError: lengths that differ.
        DescendError: `fit` with an unknown option, or a level outside (0, 1).
        NotFittedError: a result asked for before `fit`.

    Source: raviv-2022, "Take the basic regression setup for example": "a neural network with a
    linear activation function is simply a linear regression model".

    Example:
        >>> from descend.neurons import LinearUnit
        >>> unit = LinearUnit().fit([[0], [1], [2]], [1, 3, 8])
        >>> unit.coef_.round(3).tolist(), round(unit.intercept_, 3)
        ([3.5], 0.5)
        >>> unit.predict([[4]]).round(3).tolist()
        [14.5]
    """

    family = GAUSSIAN
    label = "Linear unit"
    linear = True

    def _estimate(self) -> None:
        x, root = self._design.matrix, np.sqrt(self._weight)
        n, k = x.shape
        if n <= k:
            raise DataError(
                f"{n} rows leave nothing to estimate the errors of {k} coefficients from; use "
                "fewer columns, or more rows"
            )
        length = np.linalg.norm(x, axis=0)
        q, r = np.linalg.qr(x / length * root[:, None])
        b = linalg.solve_triangular(r, q.T @ (root * self._y))
        # once more on what is left: the rounding of the first solution is taken out
        left = root * (self._y - x / length @ b)
        b = (b + linalg.solve_triangular(r, q.T @ left)) / length
        self._residual = self._y - x @ b
        self._squares = float(self._weight @ np.square(self._residual))
        inverse = linalg.solve_triangular(r, np.eye(k)) / length[:, None]
        self._params = b[:, None]
        self._bread = inverse @ inverse.T
        self._classical = self._squares / (n - k) * self._bread
        self._scores = (self._weight * self._residual)[:, None] * x
        self._hat = np.square(q).sum(axis=1)
        with np.errstate(divide="ignore"):  # a perfect fit has an infinite likelihood
            density = np.log(2 * np.pi * self._squares / n) + 1
        self.log_likelihood_ = float(-n / 2 * density + 0.5 * np.log(self._weight).sum())

    @property
    def _leverage(self) -> np.ndarray:
        return self._hat

    @property
    def _freedom(self) -> float:
        n, k = self._design.matrix.shape
        return float(n - k)

    def _set_coefficients(self) -> None:
        coefficients, intercept = self._split(self._params)
        self.coef_, self.intercept_ = coefficients[0], float(intercept[0])
        self.n_iter_ = 1

    def _fit_statistics(self) -> dict[str, Any]:
        n, k = self._design.matrix.shape
        centre = np.average(self._y, weights=self._weight) if self._design.spans_constant else 0.0
        total = float(self._weight @ np.square(self._y - centre))
        r2 = 1 - self._squares / total if total > 0 else float("nan")
        spare = n - 1 if self._design.spans_constant else n
        return {
            "r2": r2,
            "adj_r2": 1 - spare / (n - k) * (1 - r2),
            "rmse": float(np.sqrt(self._squares / (n - k))),
            "df_resid": n - k,
        }

    def predict(self, X: Any) -> np.ndarray:
        """x'b of rows (n, k): (n,)."""
        return self._raw(X)[:, 0]


class _Likelihood(Unit):
    """A unit whose coefficients are found by Newton's method."""

    def _estimate(self) -> None:
        maximum, self._bread = fit_by_newton(
            self.family,
            self._design,
            self._y,
            self._weight,
            self._offset,
            self._start(),
            self.max_iter,
            self.target_name_,
            self._outcomes(),
        )
        self._params, self._scores = maximum.params, maximum.scores
        self._classical = self._bread
        self.log_likelihood_, self.n_iter_ = maximum.log_likelihood, maximum.iterations

    def _start(self) -> np.ndarray:
        return np.zeros((self._design.matrix.shape[1], 1))

    def _null(self) -> float:
        """The log-likelihood of a constant alone."""
        raise NotImplementedError

    def _fit_statistics(self) -> dict[str, Any]:
        null = self._null()
        ratio = 1 - self.log_likelihood_ / null if null < 0 else float("nan")
        return {"pseudo_r2": ratio, "ll_null": null, "iterations": self.n_iter_}


class _Classes(Scored, ClassifierMixin, _Likelihood):
    """A unit whose target is a class."""

    def _read_target(self, y: Any, rows: int) -> np.ndarray:
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.shape != (rows,):
            raise ShapeError(
                f"the target {self.target_name_!r} must hold one class a row, ({rows},), got "
                f"{labels.shape}"
            )
        missing = np.asarray(pd.isna(labels))
        if labels.dtype.kind == "f":
            missing = missing | np.isinf(labels)
        if missing.any():
            raise DataError(
                f"the target {self.target_name_!r} is missing or infinite in "
                f"{int(missing.sum())} row(s), the first in row {int(np.argmax(missing))} "
                "(counted from 0); drop these rows"
            )
        try:
            self.classes_, numbers = np.unique(labels, return_inverse=True)
        except TypeError:
            raise DataError(
                f"the target {self.target_name_!r} mixes text and numbers; make all of it text"
            ) from None
        if len(self.classes_) > max(2, rows // 2):
            raise DataError(
                f"the target {self.target_name_!r} holds {len(self.classes_)} different values in "
                f"{rows} rows, such as {labels.tolist()[0]!r}: too many to be classes; for "
                "numbers take LinearUnit"
            )
        return numbers

    def _check_target(self) -> None:
        counts = np.bincount(self._y, minlength=len(self.classes_))
        if len(counts) < 2:
            raise DataError(
                f"the target {self.target_name_!r} is {self.classes_.tolist()[0]!r} in every row; "
                "a classifier needs at least two classes"
            )
        if (counts == 0).any():
            raise DataError(
                f"the target {self.target_name_!r}: all rows of the class "
                f"{self.classes_.tolist()[int(np.argmin(counts))]!r} have weight zero"
            )

    def _null(self) -> float:
        counts = np.bincount(self._y, weights=self._weight)
        return float(special.xlogy(counts, counts / counts.sum()).sum())

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, (n, classes), in the order of `classes_`."""
        raise NotImplementedError

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, (n,)."""
        chosen = self.predict_proba(X).argmax(axis=1)
        return self.classes_[chosen]


class LogisticUnit(_Classes):
    """A logistic unit P(y = 1 | x) = 1 / (1 + exp(-x'b)): logit by maximum likelihood.

    No penalty, unlike scikit-learn's LogisticRegression by default. The second of the two sorted
    classes is the one whose probability is modelled. Attributes after `fit` are those of `Unit`.

    Args:
        fit_intercept: whether to put a column of ones in front, unless the data hold a constant.
        covariance: name of the standard errors' kind: "classical", "HC0", "HC1" or "cluster".
        level: confidence level of the intervals, in (0, 1).
        max_iter: number of Newton steps at most.

    Raises:
        DataError, ShapeError, DescendError: see `Unit.fit`; DataError also if not two classes.
        NotFittedError: a result asked for before `fit`.

    Source: raviv-2022, "Now with logistic regression": "a (one-layer) neural network with a
    logistic activation function ... boils down to simply a logistic regression model".

    Example:
        One in four answers yes where x = 0, three in four where x = 1: log odds of -log 3, log 3.

        >>> from descend.neurons import LogisticUnit
        >>> unit = LogisticUnit().fit([[0]] * 4 + [[1]] * 4, [0, 0, 0, 1, 0, 1, 1, 1])
        >>> unit.predict_proba([[1]]).round(3).tolist()
        [[0.25, 0.75]]
        >>> unit.intercept_.round(3).tolist(), unit.coef_.round(3).tolist()
        ([-1.099], [[2.197]])
    """

    family = BERNOULLI
    label = "Logistic unit"

    def _check_target(self) -> None:
        if len(self.classes_) > 2:
            listed = ", ".join(repr(c) for c in self.classes_[:5].tolist())
            raise DataError(
                f"a logistic unit needs two classes; the target {self.target_name_!r} has "
                f"{len(self.classes_)} ({listed}, ...); take SoftmaxUnit"
            )
        super()._check_target()

    def _set_coefficients(self) -> None:
        self.coef_, self.intercept_ = self._split(self._params)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _headline(self) -> str:
        first, second = self.classes_.tolist()
        if (first, second) in ((0, 1), (False, True)):
            return self.target_name_
        return f"{self.target_name_} = {second}"

    def decision_function(self, X: Any) -> np.ndarray:
        """x'b of rows, the logarithm of the odds, (n,)."""
        return self._raw(X)[:, 0]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the two classes, (n, 2)."""
        p = self._respond(X)[:, 0]
        return np.column_stack([1 - p, p])


class SoftmaxUnit(_Classes):
    """A softmax unit P(y = k | x) = exp(x'b_k) / sum_j exp(x'b_j): multinomial logit.

    One class is the base, with b = 0: softmax does not change where all classes' coefficients move
    alike. The others' coefficients are log odds beside it. Attributes after `fit` are those of
    `Unit`; `coef_` is (K, k) of K classes, zero for the base.

    Args:
        base: label of the base class; the first of the sorted classes by default.
        fit_intercept: whether to put a column of ones in front, unless the data hold a constant.
        covariance: name of the standard errors' kind: "classical", "HC0", "HC1" or "cluster".
        level: confidence level of the intervals, in (0, 1).
        max_iter: number of Newton steps at most.

    Raises:
        DataError, ShapeError, DescendError: see `Unit.fit`; DataError also for one class only, or
            more classes than half the rows; DescendError also for an unknown base.
        NotFittedError: a result asked for before `fit`.

    Source: raviv-2022, "Multinomial logistic regression".

    Example:
        >>> from descend.neurons import SoftmaxUnit
        >>> trips = ["bus", "bus", "car", "train", "bus", "car", "car", "train"]
        >>> unit = SoftmaxUnit().fit([[0]] * 4 + [[1]] * 4, trips)
        >>> unit.predict_proba([[0], [1]]).round(3).tolist()  # the shares in each half
        [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]
    """

    family = MULTINOMIAL
    label = "Softmax unit"

    def __init__(
        self,
        *,
        base: Any = None,
        fit_intercept: bool = True,
        covariance: str = "classical",
        level: float = 0.95,
        max_iter: int = 100,
    ):
        super().__init__(
            fit_intercept=fit_intercept, covariance=covariance, level=level, max_iter=max_iter
        )
        self.base = base

    def _read_target(self, y: Any, rows: int) -> np.ndarray:
        numbers = super()._read_target(y, rows)
        names = self.classes_.tolist()
        if self.base is not None and self.base not in names:
            raise unknown("base class", self.base, map(str, names))
        base = 0 if self.base is None else names.index(self.base)
        # the likelihood's order: the base first
        self._order = np.array([base, *(c for c in range(len(names)) if c != base)])
        return np.argsort(self._order)[numbers]

    def _start(self) -> np.ndarray:
        return np.zeros((self._design.matrix.shape[1], len(self.classes_) - 1))

    def _outcomes(self) -> list[str]:
        return [str(c) for c in self.classes_[self._order[1:]].tolist()]

    def _response_names(self) -> list[str]:
        return [str(c) for c in self.classes_[self._order].tolist()]

    def _set_coefficients(self) -> None:
        slopes, intercepts = self._split(self._params)
        self.coef_ = np.zeros((len(self.classes_), slopes.shape[1]))
        self.intercept_ = np.zeros(len(self.classes_))
        self.coef_[self._order[1:]], self.intercept_[self._order[1:]] = slopes, intercepts

    def _headline(self) -> str:
        return f"{self.target_name_}, beside {self.classes_[self._order[0]]}"

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, (n, classes), in the order of `classes_`."""
        return self._respond(X)[:, np.argsort(self._order)]


class PoissonUnit(RegressorMixin, _Likelihood):
    """A Poisson unit E y = exp(x'b + offset): counts, or anything not negative.

    With robust errors it needs only the mean to be right (Gourieroux, Monfort and Trognon 1984).
    Attributes after `fit` are those of `Unit`; `coef_` is (k,).

    Args:
        fit_intercept: whether to put a column of ones in front, unless the data hold a constant.
        covariance: name of the standard errors' kind: "classical", "HC0", "HC1" or "cluster".
        level: confidence level of the intervals, in (0, 1).
        max_iter: number of Newton steps at most.

    Raises:
        DataError, ShapeError, DescendError: see `Unit.fit`; DataError also for a target below zero
            or zero in every row, and an exposure not above zero.
        NotFittedError: a result asked for before `fit`.

    Source: Gourieroux, Monfort and Trognon (1984), "Pseudo Maximum Likelihood Methods: Applications
    to Poisson Models", Econometrica 52.

    Example:
        Counts of mean 2 where x = 0 and 6 where x = 1: the slope is log 3.

        >>> from descend.neurons import PoissonUnit
        >>> unit = PoissonUnit().fit([[0], [0], [1], [1]], [1, 3, 4, 8])
        >>> unit.predict([[0], [1]]).round(3).tolist(), unit.coef_.round(3).tolist()
        ([2.0, 6.0], [1.099])
    """

    family = POISSON
    label = "Poisson unit"

    @aligned("X", "y", "sample_weight", "groups", "offset", "exposure")
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        offset: Any = None,
        exposure: Any = None,
    ) -> Self:
        """Find the coefficients; arguments beside those of `Unit.fit`:

        Args:
            X, y, sample_weight, groups: see `Unit.fit`.
            offset: (n,) added to x'b.
            exposure: (n,) above zero: how long or how many a row was watched; its logarithm is
                added.

        Raises:
            DataError, ShapeError, DescendError: see `Unit.fit`.
        """
        rows = X.shape[0] if hasattr(X, "shape") else len(np.asarray(X))
        self._watched = offset is not None or exposure is not None
        return self._fit(X, y, sample_weight, groups, _offset(offset, exposure, rows))

    def _check_target(self) -> None:
        if (self._y < 0).any():
            raise DataError(
                f"a Poisson unit needs a target that is not negative; {self.target_name_!r} goes "
                f"down to {self._y.min():g}"
            )
        if not self._y.any():
            raise DataError(f"the target {self.target_name_!r} is zero in every row")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags

    def _start(self) -> np.ndarray:
        x, near = self._design.matrix, np.log(self._y + 0.5) - self._offset
        length = np.linalg.norm(x, axis=0)
        return (np.linalg.lstsq(x / length, near, rcond=None)[0] / length)[:, None]

    def _null(self) -> float:
        watched = np.exp(self._offset)
        mean = watched * (self._weight @ self._y) / (self._weight @ watched)
        rows = special.xlogy(self._y, mean) - mean - special.gammaln(self._y + 1)
        return float(self._weight @ rows)

    def _set_coefficients(self) -> None:
        coefficients, intercept = self._split(self._params)
        self.coef_, self.intercept_ = coefficients[0], float(intercept[0])

    @aligned("X", "offset", "exposure")
    def predict(self, X: Any, offset: Any = None, exposure: Any = None) -> np.ndarray:
        """The expected count of each row, (n,); without offset and exposure that of exposure 1."""
        raw = self._raw(X)
        added = _offset(offset, exposure, len(raw))
        return responses(self.family, raw + added[:, None])[:, 0]

    @aligned("X", "y", "sample_weight", "offset", "exposure")
    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        exposure: Any = None,
    ) -> float:
        """The share of the deviance explained, D2, as scikit-learn's PoissonRegressor.

        Raises:
            DataError: neither offset nor exposure after a fit with one of them: counts of rows that
                were watched for different times would be held against those of exposure 1.
        """
        from sklearn.metrics import d2_tweedie_score

        self._require_fitted()
        if self._watched and offset is None and exposure is None:
            raise DataError(
                "this Poisson unit was fitted with an offset or an exposure; its score needs that "
                "of the rows, too: score(X, y, exposure=...), or exposure=np.ones(len(y))"
            )
        predicted = self.predict(X, offset, exposure)
        return float(d2_tweedie_score(y, predicted, sample_weight=sample_weight, power=1))


def _offset(offset: Any, exposure: Any, rows: int) -> np.ndarray:
    total = np.zeros(rows)
    if offset is not None:
        total = total + read_vector(offset, rows, "offset")
    if exposure is not None:
        watched = read_vector(exposure, rows, "exposure")
        if not (watched > 0).all():
            raise DataError(
                f"exposure must be above zero; row {int(np.argmin(watched))} (counted from 0) has "
                f"{watched.min():g}"
            )
        total = total + np.log(watched)
    return total
