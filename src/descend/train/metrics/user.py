"""Metrics that are code of the user's: functions, and classes written for Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn.losses import user
from descend.train.metrics.base import Metric


class FunctionMetric(Metric):
    """A user's function (y, prediction) -> (n,), or to the mean over the rows, as a metric.

    Args:
        function: function of arrays, in jax.numpy.
        name: name in the logs; by default the function's.
        dtype: data type as in Keras; without effect.

    Raises:
        ShapeError: neither one number a row nor one for all, when it is called.
        DescendError: a function that JAX cannot trace, when it is called.

    Source: descend's own.

    Example:
        >>> from descend.train.metrics import FunctionMetric
        >>> FunctionMetric(lambda y, p: abs(p - y)[:, 0], "off")([[0.0], [0.0]], [[1.0], [3.0]])
        2.0
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None, dtype: Any = None):
        function_name = getattr(function, "__name__", "metric")
        super().__init__(name or ("metric" if function_name == "<lambda>" else function_name))
        self.function = function

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n,)."""
        return user.rows_of(self.function, y, prediction, f"the metric {self.name!r}")


class KerasMetric(Metric):
    """A metric with `update_state` and `result`, inside a compiled program.

    What one row adds to the metric's variables is what the row gives; the sums are put back into
    the variables for `result`.
    """

    def __init__(self, metric: Metric):
        super().__init__(metric.name)
        self.metric = metric
        self.larger_is_better = metric.larger_is_better
        if not metric.variables:
            raise DescendError(
                f"{_who(metric)} has update_state but no variable (add_weight): {HOW}"
            )

    def rows(self, y: Any, prediction: Any) -> Any:
        """(n, numbers in the variables)."""
        return jax.vmap(lambda a, b: self._added(a[None], b[None]))(
            jnp.asarray(y), jnp.asarray(prediction)
        )

    def finish(self, total: Any, weight: Any) -> Any:
        """Return `result()` with the sums in the variables."""
        numbers = sum(v.initial.size for v in self.metric.variables)
        total = np.asarray(total)
        total = total[..., None] if numbers == 1 else total
        places = np.ndindex(total.shape[:-1])
        values = [self._call_with(total[at], lambda: float(self.metric.result())) for at in places]
        return np.asarray(values).reshape(total.shape[:-1])

    def _added(self, y: Any, prediction: Any, start: Any = 0.0) -> jax.Array:
        """Return what a batch adds to the variables, from their first values plus `start`."""

        def update() -> jax.Array:
            self.metric.update_state(y, prediction)
            return _flat([v.value for v in self.metric.variables]) - before

        first = _flat([v.initial for v in self.metric.variables])
        before = first + start
        what = _who(self.metric)
        return user.call(lambda *_: self._call_with(before - first, update), y, prediction, what)

    def _call_with(self, numbers: Any, function: Callable[[], Any]) -> Any:
        """Call the function while the variables are their first values plus `numbers`."""
        variables = self.metric.variables
        old_values, at = [v.value for v in variables], 0
        try:
            for v in variables:
                size = v.initial.size
                v.assign(v.initial + jnp.asarray(numbers)[at : at + size].reshape(v.initial.shape))
                at += size
            return function()
        finally:  # no traced array stays behind
            for v, value in zip(variables, old_values, strict=True):
                v.value = value

    def require_sums(self, y: np.ndarray, prediction: np.ndarray) -> None:
        """Raise DescendError unless a batch adds what its rows add, from any first values."""
        apart = np.asarray(self.rows(y, prediction)).sum(axis=0)
        for start in (0.0, 2.5):
            together = np.asarray(self._added(jnp.asarray(y), jnp.asarray(prediction), start))
            if not np.allclose(together, apart, rtol=1e-3, atol=1e-5, equal_nan=True):
                raise DescendError(
                    f"{_who(self.metric)}.update_state does not add up over rows: a batch gives "
                    f"{together.tolist()}, its rows one by one {apart.tolist()}. Batches run "
                    f"in one compiled program and their sums are put together. {HOW}"
                )


HOW = (
    "Use assign_add with sums over the batch (not means, not assign), or write: "
    "def rows(self, y: Any, prediction: Any) -> Any: one number a row, or several; "
    "def finish(self, total: Any, weight: Any) -> Any: the number that their sums come to."
)


def _who(metric: Metric) -> str:
    return f"the metric {type(metric).__name__}"


def _flat(arrays: list[Any]) -> jax.Array:
    return jnp.concatenate([jnp.ravel(a).astype(jnp.result_type(float)) for a in arrays])
