"""Linear baselines: OLS, logit, Poisson and quantile regression on one-hot columns.

Fitted without a penalty, as an econometrician would, and with ridges of several strengths; the
validation rows choose, as they choose the network's epoch, and the note says what they chose.
"""

from __future__ import annotations

import abc
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from descend.errors import DataError

Predict = Callable[[pd.DataFrame], np.ndarray]
_Rows = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # inputs, target, weights

MOST_LEVELS = 50  # of a category; rarer ones share one column
COLLINEAR = 1e8  # condition number of the design from which on its columns count as dependent
SEPARATED = 20.0  # log-odds an sd from which on classes count as separated
CERTAIN = 1e-4  # or a mean log-loss on the training rows as low as this
TINY = 1e-15  # least probability or mean in a logarithm
STRENGTHS = (0.0, *(10.0**k for k in range(-3, 4)))  # of the ridge; 0 is no penalty
NEWTON_SIZE = 1000  # coefficients up to which a Hessian is cheaper than many gradients


def design(train: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """The design matrix of columns that `PlainColumns.read` gave: (rows) -> (n, p), no constant.

    Numbers are standardised, a missing one becomes the median and has a 0/1 column; categories are
    one-hot, without their first level.
    """
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    maker = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
            make_column_selector(dtype_include="float64"),
        ),
        (
            OneHotEncoder(
                drop="first",
                handle_unknown="ignore",
                max_categories=MOST_LEVELS,
                sparse_output=False,
            ),
            make_column_selector(dtype_include="category"),
        ),
    )
    maker.fit(train)

    def transform(frame: pd.DataFrame) -> np.ndarray:
        with warnings.catch_warnings():
            # a level that no training row had counts as the first: there is nothing better
            warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
            return np.asarray(maker.transform(frame), np.float64)

    return transform


def fit_linear(
    train: pd.DataFrame,
    y: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    task: str,
    classes: int = 0,
    quantiles: Sequence[float] = (),
    weights: np.ndarray | None = None,
    weights_validation: np.ndarray | None = None,
    strengths: Sequence[float] = STRENGTHS,
) -> tuple[Predict, str, str]:
    """(predict, name in words, note) of the linear model that suits the task.

    Args:
        train, validation: rows that `PlainColumns.read` gave.
        y, y_validation: class numbers, or values.
        task: as in `fit_baselines`.
        classes: how many, of a classification.
        quantiles: levels, for the task "quantiles".
        weights, weights_validation: weights of the rows.
        strengths: ridge penalties to choose among.
    """
    transform = design(train)
    x, x_validation = transform(train), transform(validation)
    if task == "quantiles":
        coefficients = _quantile_regressions(x, y, quantiles, weights)

        def predict_quantiles(frame: pd.DataFrame) -> np.ndarray:
            return np.sort(_with_constant(transform(frame)) @ coefficients, axis=1)

        return predict_quantiles, "quantile regression", ""
    model = _model(task, classes)
    why = "its columns are collinear" if _collinear(x) else ""
    if not why and not _without_penalty(model, x, y, weights):
        why = "without a penalty it has no solution"
    strength = _choose(
        model,
        [s for s in strengths if s or not why],
        (x, y, weights),
        (x_validation, y_validation, weights_validation),
    )
    note = f"ridge of strength {strength:g}, chosen on the validation rows" if strength else ""
    note = f"{why}: {note}" if why else note
    return (lambda frame: model.predict(transform(frame))), model.words, note


def _with_constant(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((len(x), 1)), x], axis=1)


def _collinear(x: np.ndarray) -> bool:
    whole = _with_constant(x)
    if whole.shape[1] > whole.shape[0]:
        return True
    spread = np.linalg.svd(whole, compute_uv=False)
    return bool(spread[-1] * COLLINEAR < spread[0])


def _without_penalty(
    model: _Model, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> bool:
    """Fit; whether there is a solution: it converged, and did not go off to infinity."""
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning

    try:
        with warnings.catch_warnings():
            for kind in (ConvergenceWarning, LinAlgWarning, RuntimeWarning):
                warnings.simplefilter("error", kind)
            model.fit(x, y, weights, strength=0.0)
    except (ConvergenceWarning, LinAlgWarning, RuntimeWarning):
        return False
    if not model.log_linear:
        return True
    if isinstance(model, _Logit):
        loss = np.average(model.losses(y, model.predict(x)), weights=weights)
        if loss < CERTAIN:
            return False
    return bool(np.abs(model.fitted.coef_).max(initial=0) < SEPARATED)


def _choose(model: _Model, strengths: Sequence[float], train: _Rows, validation: _Rows) -> float:
    """Fit with the strength that costs least on the validation rows; returns it."""
    best, choice, chosen = np.inf, None, 0.0
    x, y, weights = validation
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weak ridges that do not converge: they cost more
        for strength in strengths:
            model.fit(*train, strength=strength)
            cost = float(np.average(model.losses(y, model.predict(x)), weights=weights))
            if cost < best:
                best, choice, chosen = cost, model.fitted, strength
    if choice is None:
        raise DataError("no ridge gives finite predictions on the validation rows")
    model.fitted = choice
    return chosen


# -- the models: all take a ridge on the scale of the sum of losses ------------------------------


class _Model(abc.ABC):
    """A linear model of one task."""

    words: str
    log_linear: ClassVar[bool] = True
    fitted: Any = None

    @abc.abstractmethod
    def fit(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, strength: float
    ) -> None:
        """Set `fitted`; a strength of 0 is no penalty."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.fitted.predict(x)

    def losses(self, y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return (y - predicted) ** 2


class _Ols(_Model):
    words = "OLS"
    log_linear = False

    def fit(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, strength: float
    ) -> None:
        from sklearn.linear_model import LinearRegression, Ridge

        model = Ridge(alpha=strength) if strength else LinearRegression()
        self.fitted = model.fit(x, y, sample_weight=weights)


class _ClippedOls(_Ols):
    words = "OLS, predictions below 0 set to 0"

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(self.fitted.predict(x), 0.0)


class _Logit(_Model):
    words = "logit"

    def __init__(self, classes: int):
        self.classes = classes
        if classes > 2:
            self.words = "multinomial logit"

    def fit(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, strength: float
    ) -> None:
        self.fitted = _logistic(x.shape[1] * max(self.classes - 1, 1), strength).fit(
            x, y, sample_weight=weights
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        probabilities = np.zeros((len(x), self.classes))
        probabilities[:, self.fitted.classes_.astype(int)] = self.fitted.predict_proba(x)
        return probabilities

    def losses(self, y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return -np.log(np.clip(predicted[np.arange(len(y)), y], TINY, None))


class _FractionalLogit(_Model):
    """Logit of a share y: a row is a success of weight y and a failure of weight 1 - y.

    Papke and Wooldridge (1996), Econometric methods for fractional response variables.
    """

    words = "fractional logit"

    def fit(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, strength: float
    ) -> None:
        w = np.ones(len(y)) if weights is None else weights
        self.fitted = _logistic(x.shape[1], strength).fit(
            np.concatenate([x, x]),
            np.repeat([1, 0], len(y)),
            sample_weight=np.concatenate([w * y, w * (1 - y)]),
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.fitted.predict_proba(x)[:, 1]

    def losses(self, y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        p = np.clip(predicted, TINY, 1 - TINY)
        return -y * np.log(p) - (1 - y) * np.log1p(-p)


class _Poisson(_Model):
    words = "Poisson regression"

    def fit(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, strength: float
    ) -> None:
        from sklearn.linear_model import PoissonRegressor

        total = len(y) if weights is None else float(weights.sum())
        model = PoissonRegressor(
            alpha=strength / total, solver="newton-cholesky", max_iter=300, tol=1e-8
        )
        self.fitted = model.fit(x, y, sample_weight=weights)

    def losses(self, y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return predicted - y * np.log(np.clip(predicted, TINY, None))


def _logistic(coefficients: int, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=1 / strength if strength else np.inf,
        solver="newton-cholesky" if coefficients <= NEWTON_SIZE else "lbfgs",
        max_iter=2000,
        tol=1e-6,
    )


def _model(task: str, classes: int) -> _Model:
    if task == "classification":
        return _Logit(classes)
    kinds: dict[str, Callable[[], _Model]] = {
        "regression": _Ols,
        "censored": _ClippedOls,
        "counts": _Poisson,
        "shares": _FractionalLogit,
    }
    return kinds[task]()


def _quantile_regressions(
    x: np.ndarray, y: np.ndarray, quantiles: Sequence[float], weights: np.ndarray | None
) -> np.ndarray:
    """Coefficients (1 + p, quantiles), the constant first. Koenker and Bassett (1978).

    w rho(y - x b) = rho(w y - w x b): a row is weighted by stretching it.
    """
    from statsmodels.regression.quantile_regression import QuantReg

    scale = float(np.std(y)) or 1.0  # statsmodels' tolerance is absolute
    w = np.ones(len(y)) if weights is None else weights / weights.mean()
    model = QuantReg(w * y / scale, w[:, None] * _with_constant(x))
    with warnings.catch_warnings():
        # the standard errors, which are not used, divide by zero where residuals are all alike
        warnings.simplefilter("ignore", RuntimeWarning)
        coefficients = [model.fit(q=q, max_iter=1000, p_tol=1e-5).params * scale for q in quantiles]
    return np.stack(coefficients, axis=1)
