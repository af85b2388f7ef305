"""What the units share: reading the data, errors of the coefficients, tables, predictions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from descend.alignment import aligned, require_aligned
from descend.errors import DataError, NotFittedError, ShapeError, unknown
from descend.neurons.covariance import LABELS, read_groups, require_kind, sandwich
from descend.neurons.design import (
    make_design,
    read_inputs,
    read_vector,
    target_name,
)
from descend.neurons.effects import (
    MarginalEffects,
    effects_and_slopes,
    require_place,
)
from descend.neurons.estimates import Estimates, require_level
from descend.neurons.likelihood import Family, responses
from descend.neurons.side_by_side import STATISTICS
from descend.neurons.table import RegressionTable, number

# Belsley, Kuh and Welsch (1980): columns of equal length whose condition number is past 30
COLLINEAR = 30.0


class Unit(BaseEstimator):
    """One layer with an output activation, fitted by maximum likelihood.

    Args:
        fit_intercept: whether to put a column of ones in front, unless the data hold a constant
            already, or a formula has made them, which says itself whether there is one (not in `y ~
            0 + a`).
        covariance: estimator for the coefficients: "classical", "HC0", "HC1", "cluster"; for the
            linear unit also "HC2" and "HC3". Each is statsmodels' of that name; see
            `descend.neurons.covariance`.
        level: level of the confidence intervals.
        max_iter: Newton steps at most.

    Attributes:
        coef_, intercept_: as scikit-learn names and shapes them.
        estimates_: coefficients with standard errors, tests, intervals.
        covariance_: covariance matrix of all coefficients, (p, p), in the order of `estimates_`.
        statistics_: {name: value}: rows, log-likelihood, AIC, BIC, R2, condition number, ...
    """

    family: ClassVar[Family]
    label: ClassVar[str]
    linear: ClassVar[bool] = False

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        covariance: str = "classical",
        level: float = 0.95,
        max_iter: int = 100,
    ):
        self.fit_intercept = fit_intercept
        self.covariance = covariance
        self.level = level
        self.max_iter = max_iter

    @aligned("X", "y", "sample_weight", "groups")
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Find the coefficients.

        Args:
            X: (n, k) numbers: an array, a DataFrame, a formula's design matrix.
            y: (n,) the target.
            sample_weight: (n,) not negative; scaled to mean one, so that they say how much a row
                counts beside another, not how many rows it stands for. Rows of weight zero are
                left out.
            groups: (n,) labels, where covariance is "cluster", and only there.

        Raises:
            DataError: text, missing values, collinear columns, a target of the wrong kind,
                separation (classes that can be told apart with certainty).
            ShapeError: lengths that differ.
            DescendError: an unknown option, no convergence.
        """
        return self._fit(X, y, sample_weight, groups, None)

    def _fit(self, x: Any, y: Any, sample_weight: Any, groups: Any, offset: Any) -> Self:
        require_kind(self.covariance, linear=self.linear)
        require_level(self.level)
        inputs = read_inputs(x)
        self._require_use_of(groups)
        self._index = getattr(x, "index", None)
        rows = len(inputs.matrix)
        self.target_name_ = target_name(y)
        numbers = self._read_target(y, rows)
        weight = _weights(sample_weight, rows)
        self._rows_kept = weight > 0
        keep = self._rows_kept
        self._weight = weight[keep] / weight[keep].mean()
        self._offset = (np.zeros(rows) if offset is None else offset)[keep]
        self._y = numbers[keep]
        self._check_target()
        used = replace(inputs, matrix=inputs.matrix[keep])
        self._design, self._added = make_design(used, self.fit_intercept)
        self._input_names = inputs.names
        self.n_features_in_ = len(inputs.names)
        if inputs.named:
            self.feature_names_in_ = np.array(inputs.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._conditions = _condition_numbers(self._design.matrix, self._weight)
        self._estimate()
        self._set_coefficients()
        self._set_errors(groups)
        return self

    def _read_target(self, y: Any, rows: int) -> np.ndarray:
        return read_vector(y, rows, f"the target {self.target_name_!r}")

    def _check_target(self) -> None:
        """Raise DataError where the kept rows' targets do not suit the unit."""

    def _estimate(self) -> None:
        """Set _params (k, m), _bread and _classical (p, p), _scores (n, p), log_likelihood_."""
        raise NotImplementedError

    def _set_coefficients(self) -> None:
        raise NotImplementedError

    def _fit_statistics(self) -> dict[str, Any]:
        """What says how well the unit fits: R2 or pseudo R2."""
        raise NotImplementedError

    @property
    def _freedom(self) -> float | None:
        """Degrees of freedom of t; None for the normal distribution."""
        return None

    def _outcomes(self) -> list[str] | None:
        """What each raw output is about, where there are several."""
        return None

    def with_covariance(self, covariance: str, groups: Any = None) -> Self:
        """The same fit with other standard errors.

        Args:
            covariance: as for the unit.
            groups: (n,) labels of all rows given to `fit`, for "cluster".

        Raises:
            DescendError: an unknown kind. DataError: no groups, or only one.
        """
        self._require_fitted()
        other = copy.copy(self)
        other.covariance = covariance
        require_kind(covariance, linear=self.linear)
        other._require_use_of(groups)
        require_aligned(X=self._index, groups=groups)
        other._set_errors(groups)
        return other

    def _set_errors(self, groups: Any) -> None:
        freedom, count = self._freedom, None
        if self.covariance == "classical":
            covariance = self._classical
        else:
            numbers = self._group_numbers(groups) if self.covariance == "cluster" else None
            covariance = sandwich(
                self.covariance, self._bread, self._scores, numbers, self._leverage
            )
            if numbers is not None:
                count = int(numbers.max()) + 1
                freedom = None if freedom is None else count - 1.0
        k, m = self._params.shape
        outcomes = self._outcomes()
        self.covariance_ = covariance
        self.estimates_ = Estimates(
            self._design.names * m,
            self._params.T.ravel(),
            covariance,
            freedom,
            self.level,
            None if outcomes is None else tuple(np.repeat(outcomes, k).tolist()),
        )
        self.statistics_ = self._statistics(count)

    def _require_use_of(self, groups: Any) -> None:
        if groups is not None and self.covariance != "cluster":
            raise DataError(
                f"groups are given, but the errors are {LABELS[self.covariance]}, which do not "
                'look at them: take covariance="cluster", or leave groups out'
            )

    def _group_numbers(self, groups: Any) -> np.ndarray:
        if groups is None:
            raise DataError(
                'covariance="cluster" needs the group of each row: fit(X, y, groups=...)'
            )
        read_groups(groups, len(self._rows_kept))  # a missing label is reported by its own row
        labels = groups if isinstance(groups, pd.Series) else pd.Series(np.asarray(groups).ravel())
        rows = labels.reset_index(drop=True)[self._rows_kept]
        return read_groups(rows, int(self._rows_kept.sum()))

    def _statistics(self, clusters: int | None) -> dict[str, Any]:
        n, p = len(self._y), self._params.size
        errors = LABELS[self.covariance] + ("" if clusters is None else f" ({clusters} groups)")
        values = {
            "N": n,
            "parameters": p,
            "ll": self.log_likelihood_,
            "aic": -2 * self.log_likelihood_ + 2 * p,
            "bic": -2 * self.log_likelihood_ + np.log(n) * p,
            **self._fit_statistics(),
            "condition_number": self._conditions[0],
            "scaled_condition_number": self._conditions[1],
            "se_type": errors,
        }
        return values if clusters is None else {**values, "clusters": clusters}

    # what is shown

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """Coefficients, standard errors, statistics, p-values and intervals, unrounded."""
        self._require_fitted()
        return self.estimates_.to_frame(level)

    def summary(self) -> RegressionTable:
        """Header, table and notes; print it, or take .text(), .csv(), .latex(), .html()."""
        self._require_fitted()
        stats = self.statistics_
        statistics = (
            "N",
            "r2",
            "adj_r2",
            "pseudo_r2",
            "rmse",
            "ll",
            "aic",
            "bic",
            "condition_number",
        )
        facts = [
            (STATISTICS[key], number(float(stats[key]), 5)) for key in statistics if key in stats
        ]
        facts.insert(1, (STATISTICS["se_type"], stats["se_type"]))
        notes = list(self._notes())
        if stats["scaled_condition_number"] > COLLINEAR:
            notes.append(
                f"Columns of equal length have condition number "
                f"{number(stats['scaled_condition_number'], 3)} (> 30): near collinear."
            )
        title = f"{self.label}: {self._headline()}"
        return self.estimates_.table(title, facts, "coef.", notes, self.to_frame())

    def _headline(self) -> str:
        return self.target_name_

    def _notes(self) -> list[str]:
        freedom = self.estimates_.freedom
        if freedom is None:
            return ["p-values and intervals: normal distribution."]
        return [f"p-values and intervals: Student's t, {freedom:g} degrees of freedom."]

    def marginal_effects(self, at: str = "overall", *, dummies: bool = False) -> MarginalEffects:
        """How much the expected target, or each class's probability, moves with a column.

        Args:
            at: "overall" averages over the rows, "mean" takes the columns' means.
            dummies: columns of zeros and ones are taken from zero to one, others by derivative.

        Raises:
            DescendError: an unknown place.
        """
        self._require_fitted()
        require_place(at)
        x, weight, offset = self._design.matrix, self._weight, self._offset
        columns = tuple(j for j in range(x.shape[1]) if np.ptp(x[:, j]) > 0)
        binary = tuple(j for j in columns if dummies and np.isin(x[:, j], (0, 1)).all())
        if at == "mean":
            means = np.average(np.column_stack([x, offset]), axis=0, weights=weight)[None]
            x, offset, weight = means[:, :-1], means[:, -1], np.ones(1)
        effects, slopes = effects_and_slopes(
            self.family, x, weight, offset, self._params, columns, binary
        )
        by_response = np.moveaxis(slopes, 0, 1).reshape(effects.size, -1)
        names = tuple(self._design.names[j] for j in columns)
        classes = self._response_names()
        estimates = Estimates(
            names * effects.shape[1],
            effects.T.ravel(),
            by_response @ self.covariance_ @ by_response.T,
            None,
            self.level,
            None if classes is None else tuple(np.repeat(classes, len(names)).tolist()),
        )
        differences = tuple(self._design.names[j] for j in binary)
        # of several classes each has its effects, also the base
        target = self._headline() if classes is None else self.target_name_
        errors = self.statistics_["se_type"]
        return MarginalEffects(estimates, target, at, differences, errors, len(self._y))

    def _response_names(self) -> list[str] | None:
        """The classes whose probabilities the response gives, where it gives several."""
        return None

    # the plug-in protocol of maketables

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        self._require_fitted()
        return self.estimates_.maketables_frame()

    @property
    def __maketables_depvar__(self) -> str:
        self._require_fitted()
        return self._headline()

    @property
    def __maketables_vcov_info__(self) -> Mapping[str, Any]:
        return {"vcov_type": self.statistics_["se_type"]}

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return [key for key in ("N", "r2", "pseudo_r2", "ll") if key in self.statistics_]

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return dict(STATISTICS)

    def __maketables_stat__(self, key: str) -> Any:
        return self.statistics_.get(key)

    # predictions

    def _raw(self, x: Any, offset: Any = None) -> np.ndarray:
        """Raw outputs (n, m) of rows; a frame's columns are found by name."""
        self._require_fitted()
        inputs = read_inputs(x)
        matrix = inputs.matrix
        if inputs.named and hasattr(self, "feature_names_in_"):
            for name in self._input_names:
                if name not in inputs.names:
                    raise DataError(str(unknown("column", name, inputs.names)))
            matrix = matrix[:, [inputs.names.index(name) for name in self._input_names]]
        elif matrix.shape[1] != self.n_features_in_:
            raise ShapeError(
                f"X has {matrix.shape[1]} columns, the {self.label.lower()} was fitted with "
                f"{self.n_features_in_}"
            )
        if self._added:
            matrix = np.column_stack([np.ones(len(matrix)), matrix])
        raw = matrix @ self._params
        return raw if offset is None else raw + offset[:, None]

    def _respond(self, x: Any, offset: Any = None) -> np.ndarray:
        return responses(self.family, self._raw(x, offset))

    def _split(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (m, features) and intercepts (m,)."""
        if self._added:
            return params[1:].T, params[0]
        return params.T, np.zeros(params.shape[1])

    @property
    def _leverage(self) -> np.ndarray | None:
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True  # made dense: a column is estimated, not only multiplied
        return tags

    def _require_fitted(self) -> None:
        if not hasattr(self, "estimates_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted; call fit(X, y) first")


def _condition_numbers(matrix: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Condition numbers of the weighted columns, and of the same at equal length; those of R."""
    triangle = np.linalg.qr(matrix * np.sqrt(weight)[:, None], mode="r")
    equal = triangle / np.linalg.norm(triangle, axis=0)
    return float(np.linalg.cond(triangle)), float(np.linalg.cond(equal))


def _weights(sample_weight: Any, rows: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(rows)
    weight = read_vector(sample_weight, rows, "sample_weight")
    if (weight < 0).any():
        raise DataError(
            f"sample_weight must not be negative; row {int(np.argmin(weight))} (counted from 0) "
            f"has {weight.min():g}"
        )
    if not weight.any():
        raise DataError("sample_weight is zero in every row; there is nothing to fit")
    return weight
