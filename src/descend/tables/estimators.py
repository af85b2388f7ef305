"""The network of a table with scikit-learn's face: fit, predict, score, pipelines, grid search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_consistent_length,
    column_or_1d,
    compute_class_weight,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from descend.alignment import Scored, aligned
from descend.errors import DataError
from descend.tables.estimator_base import TabularEstimator, parts_of, refused
from descend.tables.heads import HEADS, Classes, Quantiles
from descend.tables.options import require_levels

TASKS = tuple(task for task in HEADS if task != Classes.task)


class TabularClassifier(Scored, ClassifierMixin, TabularEstimator):
    """Probabilities of classes from a table of numbers, categories and dates.

    Args:
        class_weight: {class: weight}, "balanced", or None; weighs the rows, also those that the
            best epoch is chosen by.
        recipe: name of the recipe: "realmlp", with members that share weights, or "mlp", the
            lectures' network.
        hidden: numbers of units of the hidden layers; () for a linear model.
        activation: name of the hidden layers' activation.
        members: number of networks that share all but a factor of their inputs and their last
            layer.
        periodic: whether numbers also enter as learned waves of themselves.
        epochs: number of passes over the training rows, at most.
        patience: number of epochs without a better validation cost that are waited out.
        batch_size: number of rows an update; None chooses by the number of rows.
        optimizer: name of an update rule (descend.train.rules).
        learning_rate: number > 0; None for the recipe's or the optimizer's own.
        dropout: share of the hidden units dropped in training, in [0, 1).
        l2: number >= 0, the strength of the penalty on the squared weights.
        kinds: {column: kind} in place of what its values suggest (`descend.tables.columns`).
        text: names of columns of free text to predict from; left out otherwise, where there is
            anything else.
        validation_share: share of the rows to choose the best epoch by, in (0, 1).
        random_state: seed of split, weights, batches and dropout.
        verbose: number, as in `Model.fit`.

    What is None among the network's options is the recipe's choice (see `NetworkOptions`).

    Attributes:
        classes_: the labels, in the order of `predict_proba`.
        The rest as in TabularRegressor.

    Raises:
        DataError: labels or weights that are missing, rows of one class only, a validation class
            that training has not, columns that are not there; what scikit-learn's own checks
            refuse, in their words.
        DescendError: an option out of range.
        NotFittedError: of scikit-learn, for a prediction before `fit`.

    Source: hull-2023, "Multi-Class Classification"; the recipes are those of `NetworkOptions`.

    Example:
        >>> from descend.tables import TabularClassifier
        >>> x, y = [[0.0], [1.0]] * 10, ["no", "yes"] * 10
        >>> model = TabularClassifier(recipe="mlp", hidden=(), epochs=20, learning_rate=0.1)
        >>> model.fit(x, y).classes_.tolist(), model.predict([[0.0], [1.0]]).tolist()
        (['no', 'yes'], ['no', 'yes'])
    """

    def __init__(
        self,
        *,
        class_weight: Mapping | str | None = None,
        recipe: str = "realmlp",
        hidden: tuple[int, ...] | None = None,
        activation: str | None = None,
        members: int | None = None,
        periodic: bool | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        batch_size: int | None = None,
        optimizer: str | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        l2: float = 0.0,
        kinds: Mapping[str, str] | None = None,
        text: Sequence[str] | None = None,
        validation_share: float = 0.2,
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ):
        super().__init__(
            recipe=recipe,
            hidden=hidden,
            activation=activation,
            members=members,
            periodic=periodic,
            epochs=epochs,
            patience=patience,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            dropout=dropout,
            l2=l2,
            kinds=kinds,
            text=text,
            validation_share=validation_share,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    @aligned("X", "y", "sample_weight")
    @aligned("validation")
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Any:
        """Train on rows X, (n, columns), with labels y (n,).

        Args:
            X: a DataFrame, or an array of numbers or text.
            sample_weight: (n,), >= 0.
            validation: (X, y) or (X, y, sample_weight) to choose the best epoch by, in place of a
                share of the rows.
        """
        frame = self._frame(X, True)
        y = _column(y, len(frame))
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = _weight(sample_weight, frame)
        if self.class_weight is not None:
            with refused():
                each = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weight = each[codes] * (1.0 if weight is None else weight)
        frame, codes, weight = _that_weigh(frame, codes, weight)
        if len(np.unique(codes)) < 2:
            raise DataError(
                "the classifier cannot be trained: all rows (with a weight above 0) are of the "
                f"class {_said(self.classes_[codes[0]])}; expected at least two classes"
            )
        checks = None
        if validation is not None:
            checked_x, checked_y, weights = parts_of(validation)
            rows = self._frame(checked_x, False)
            checked_codes = _codes(_column(checked_y, len(rows)), self.classes_)
            checked_weight = _weight(weights, rows)
            if self.class_weight is not None:
                checked_weight = each[checked_codes] * (
                    1.0 if checked_weight is None else checked_weight
                )
            checks = rows, checked_codes, checked_weight
        self._train(frame, codes, Classes(len(self.classes_)), weight, codes, checks)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), the mean over members."""
        outputs = self._outputs(X)
        return self.head_.predict(outputs)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label, (n,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]


class TabularRegressor(RegressorMixin, TabularEstimator):
    """Numbers from a table of numbers, categories and dates.

    Pickled, copied or sent to another process, the network travels as the bytes of its file.

    Args:
        task: name of the task: "regression" (one target or several), "count", "share", "quantile"
            or "censored": see `descend.tables.heads`.
        levels: levels of quantiles, in (0, 1).
        recipe: name of the recipe: "realmlp", with members that share weights, or "mlp", the
            lectures' network.
        hidden: numbers of units of the hidden layers; () for a linear model.
        activation: name of the hidden layers' activation.
        members: number of networks that share all but a factor of their inputs and their last
            layer.
        periodic: whether numbers also enter as learned waves of themselves.
        epochs: number of passes over the training rows, at most.
        patience: number of epochs without a better validation cost that are waited out.
        batch_size: number of rows an update; None chooses by the number of rows.
        optimizer: name of an update rule (descend.train.rules).
        learning_rate: number > 0; None for the recipe's or the optimizer's own.
        dropout: share of the hidden units dropped in training, in [0, 1).
        l2: number >= 0, the strength of the penalty on the squared weights.
        kinds: {column: kind} in place of what its values suggest (`descend.tables.columns`).
        text: names of columns of free text to predict from; left out otherwise, where there is
            anything else.
        validation_share: share of the rows to choose the best epoch by, in (0, 1).
        random_state: seed of split, weights, batches and dropout.
        verbose: number, as in `Model.fit`.

    What is None among the network's options is the recipe's choice (see `NetworkOptions`).

    Attributes:
        encoder_, head_, model_: columns to inputs, outputs to predictions, and the network between.
        history_, n_iter_, best_epoch_: history of the training, number of its epochs, the best
            counted from 1.
        columns_, n_features_in_, feature_names_in_: columns of X, their number, and their names if
            X had names.

    Raises:
        DataError: columns that are not there, or whose entries are not of their kind; an unknown
            task; what scikit-learn's own checks refuse, in their words.
        DescendError: an option out of range.
        NotFittedError: of scikit-learn, for a prediction before `fit`.

    Source: hull-2023, "Regression and Mean-Square Cost Function"; the recipes are those of
    `NetworkOptions`.

    Example:
        >>> import numpy as np
        >>> from descend.tables import TabularRegressor
        >>> x = np.arange(20.0)
        >>> model = TabularRegressor(recipe="mlp", hidden=(), epochs=60, learning_rate=0.3)
        >>> model.fit(x[:, None], 2 * x + 1).predict([[10.0]]).round(1).tolist()
        [21.0]
    """

    def __init__(
        self,
        *,
        task: str = "regression",
        levels: tuple[float, ...] = (0.05, 0.5, 0.95),
        recipe: str = "realmlp",
        hidden: tuple[int, ...] | None = None,
        activation: str | None = None,
        members: int | None = None,
        periodic: bool | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        batch_size: int | None = None,
        optimizer: str | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        l2: float = 0.0,
        kinds: Mapping[str, str] | None = None,
        text: Sequence[str] | None = None,
        validation_share: float = 0.2,
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ):
        super().__init__(
            recipe=recipe,
            hidden=hidden,
            activation=activation,
            members=members,
            periodic=periodic,
            epochs=epochs,
            patience=patience,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            dropout=dropout,
            l2=l2,
            kinds=kinds,
            text=text,
            validation_share=validation_share,
            random_state=random_state,
            verbose=verbose,
        )
        self.task = task
        self.levels = levels

    @aligned("X", "y", "sample_weight")
    @aligned("validation")
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Any:
        """Train on rows X, (n, columns), with targets y, (n,) or (n, targets).

        Args:
            X: a DataFrame, or an array of numbers or text.
            sample_weight: (n,), >= 0.
            validation: (X, y) or (X, y, sample_weight) to choose the best epoch by, in place of a
                share of the rows.
        """
        if self.task not in TASKS:
            raise DataError(f"task must be one of {', '.join(TASKS)}, got {self.task!r}")
        frame = self._frame(X, True)
        y = _numbers(y, len(frame))
        if y.ndim == 2 and self.task != "regression":
            raise DataError(f"the task {self.task!r} takes one target, got {y.shape[1]}")
        weight = _weight(sample_weight, frame)
        frame, y, weight = _that_weigh(frame, y, weight)
        require_levels(self.levels)
        head = HEADS[self.task].fit(y, weight=weight, levels=self.levels)
        checks = None
        if validation is not None:
            checked_x, checked_y, weights = parts_of(validation)
            rows = self._frame(checked_x, False)
            checks = rows, _numbers(checked_y, len(rows)), _weight(weights, rows)
        self._train(frame, y, head, weight, None, checks)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(n,) of one target, (n, targets) of several, (n, levels) of quantiles."""
        outputs = self._outputs(X)
        return self.head_.predict(outputs)

    @aligned("X", "y", "sample_weight")
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2; of quantiles the mean over levels of D2, the share of the pinball loss explained.

        D2 = 1 - loss / loss of the rows' own quantile
        """
        if self.task != "quantile":
            return super().score(X, y, sample_weight)
        predictions = self.predict(X)
        assert isinstance(self.head_, Quantiles)
        weighted = {"sample_weight": sample_weight}
        each = [
            d2_pinball_score(y, predictions[:, i], alpha=level, **weighted)
            for i, level in enumerate(self.head_.levels)
        ]
        return float(np.mean(each))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.task == "regression"
        tags.target_tags.positive_only = self.task in ("count", "censored")
        return tags


def _column(y: Any, rows: int) -> np.ndarray:
    """Labels (n,); a column (n, 1) is read as one, with scikit-learn's warning."""
    if y is None:
        raise DataError("requires y to be passed, but the target y is None")
    with refused(TypeError):
        y = column_or_1d(y, warn=True)
        check_consistent_length(y, np.empty(rows))
    lost = np.asarray(pd.isna(y))
    if lost.any() and y.dtype.kind != "f":  # of floats scikit-learn's words are expected
        raise DataError(
            f"y is missing in {int(lost.sum()):,} of {rows:,} rows, the first in row "
            f"{int(np.argmax(lost))} (counted from 0); leave these rows out of X and y"
        )
    with refused():
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
    return y


def _said(label: Any) -> str:
    return repr(label.item() if isinstance(label, np.generic) else label)


def _codes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    strange = ~np.isin(labels, classes)
    if strange.any():
        raise DataError(
            f"validation holds the class {_said(labels[strange][0])}, training does not"
        )
    return np.searchsorted(classes, labels)


def _numbers(y: Any, rows: int) -> np.ndarray:
    """Finite numbers (n,) or (n, targets)."""
    if y is None:
        raise DataError("requires y to be passed, but the target y is None")
    with refused(TypeError):
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(y, np.empty(rows))
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _weight(weight: Any, frame: pd.DataFrame) -> np.ndarray | None:
    if weight is None:
        return None
    with refused(TypeError):
        weight = _check_sample_weight(weight, np.empty((len(frame), 1)), ensure_non_negative=True)
        assert_all_finite(weight, input_name="sample_weight")
    return weight


def _that_weigh(
    frame: pd.DataFrame, y: np.ndarray, weight: np.ndarray | None
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray | None]:
    """Without rows of weight zero: they are as good as not there, also for the encoding."""
    if weight is None or (weight > 0).all():
        return frame, y, weight
    if not weight.any():
        raise DataError("the weights of all rows are zero")
    counts = weight > 0
    return frame[counts].reset_index(drop=True), y[counts], weight[counts]
