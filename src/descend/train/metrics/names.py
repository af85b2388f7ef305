"""Metrics by name, and in JSON."""

from __future__ import annotations

from typing import Any

from descend.errors import DescendError, unknown
from descend.nn import checks, losses
from descend.nn.losses.base import snake
from descend.train.metrics import accuracies, areas, counting, errors
from descend.train.metrics.base import Metric, described
from descend.train.metrics.user import FunctionMetric, KerasMetric

BY_NAME: dict[str, type[Metric]] = {
    cls.__name__: cls
    for module in (accuracies, areas, counting, errors)
    for cls in vars(module).values()
    if isinstance(cls, type)
    and issubclass(cls, Metric)
    and cls.__module__ == module.__name__
    and not cls.__name__.startswith("_")
    and cls not in (counting.Counting, errors.LossMetric, errors.Mean, errors.Sum)
}
_FORMS = {form: cls for n, cls in BY_NAME.items() for form in (n, n.lower(), snake(n))} | {
    "f1_score": counting.F1Score,
    "r2_score": errors.R2Score,
    "rmse": errors.RootMeanSquaredError,
    "top_k_categorical_accuracy": accuracies.TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": accuracies.SparseTopKCategoricalAccuracy,
}
KNOWN = ["accuracy", "rmse", *BY_NAME, *losses.BY_NAME]


class _LossAsMetric(Metric):
    """A loss that was named, or given, in metrics=."""

    larger_is_better = False

    def __init__(self, loss: losses.Loss, name: str):
        super().__init__(name)
        self.rows = loss.rows  # type: ignore[method-assign]


def get(identifier: Any, loss: losses.Loss, classes: int) -> Metric:
    """The metric meant by a name, a loss, or a function (y, prediction) -> (n,).

    Args:
        identifier: "accuracy" (or "acc") takes the form that fits the loss, as in Keras; a Metric,
            or the name of one in any form ("AUC", "auc"), or what `describe` gave; a loss; a
            function.
        loss: loss of the output.
        classes: width of the output.

    Returns:
        A `Metric`.

    Raises:
        DescendError: an unknown name or argument; a metric that such an output has not got.

    Source: Keras's API, metrics.get.

    Example:
        >>> from descend.nn import losses
        >>> from descend.train.metrics import get
        >>> type(get("accuracy", losses.get("bce"), 1)).__name__
        'BinaryAccuracy'
    """
    metric = _meant(identifier, loss, classes)
    metric.require(classes)
    if isinstance(identifier, str):
        metric.saved = identifier
    elif type(metric) in BY_NAME.values():
        metric.saved = described(metric)
    return metric


def _meant(identifier: Any, loss: losses.Loss, classes: int) -> Metric:
    if isinstance(identifier, str):
        return _named(identifier, loss, classes)
    if isinstance(identifier, dict):
        name, places = identifier.get("name"), identifier.get("args", ())
        if not isinstance(name, str) or name not in BY_NAME:
            raise unknown("metric", name, BY_NAME)
        if not isinstance(places, (list, tuple)):
            raise DescendError(f"metric {name!r}: args must be a list, got {places!r}")
        return checks.made(BY_NAME[name], identifier.get("options", {}), places)
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        identifier = identifier()
    if isinstance(identifier, Metric):
        cls = type(identifier)
        if cls.update_state is not Metric.update_state and cls.rows is Metric.rows:
            identifier.require(classes)
            return KerasMetric(identifier)
        return identifier
    if isinstance(identifier, losses.Loss):
        return _LossAsMetric(identifier, identifier.name)
    if hasattr(identifier, "loss") and identifier is not None:  # losses.mean_squared_error
        return _LossAsMetric(identifier.loss(), identifier.__name__)
    if callable(identifier):
        return FunctionMetric(identifier)
    raise unknown("metric", identifier, KNOWN)


def _named(name: str, loss: losses.Loss, classes: int) -> Metric:
    if name in ("accuracy", "acc"):
        if isinstance(loss, losses.SparseCategoricalCrossentropy):
            return accuracies.SparseCategoricalAccuracy(name)
        if classes == 1 or isinstance(
            loss, (losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy)
        ):
            return accuracies.BinaryAccuracy(name)
        return accuracies.CategoricalAccuracy(name)
    if name in losses.BY_NAME or name in losses.ALIASES:
        if name == "cosine_similarity":  # as a metric it grows with likeness, as in Keras
            return errors.CosineSimilarity()
        return _LossAsMetric(losses.get(name), name)
    if name in _FORMS:
        cls = _FORMS[name]
        try:
            return cls(name="rmse") if name == "rmse" else cls()
        except TypeError:
            raise DescendError(
                f"the metric {name!r} needs an argument: give descend.train.metrics."
                f"{cls.__name__}(...)"
            ) from None
    raise unknown("metric", name, KNOWN)


def describe(metric: Metric) -> Any:
    """The JSON form; None for code of the user's.

    Args:
        metric: a Metric that `get` gave.

    Returns:
        A name, or a dict, of which `get` makes the metric again; or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.nn import losses
        >>> from descend.train.metrics import describe, get
        >>> describe(get("auc", losses.get("bce"), 1))
        'auc'
    """
    return metric.saved
