"""What a metric is: numbers of each row, added up, and what the sums come to."""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.losses.base import snake
from descend.signed import Signed
from descend.train.metrics.variables import Variable


class Metric(metaclass=Signed):
    """A number reported beside the cost.

    `rows(y, prediction)` gives one number a row, (n,), or several, (n, k). They are added up over
    all rows, whatever the batches, and `finish(total, weight)` says what the sums come to:

        class Root(Metric):
            def rows(self, y, prediction):
                return jnp.square(y - prediction)[:, 0]

            def finish(self, total, weight):
                return np.sqrt(total / weight)

    A class written for Keras serves too: `add_weight`, `update_state(y_true, y_pred)`, `result()`,
    if what a batch adds to its variables is the sum of what its rows add (`compile` tries that).

    By hand, as in Keras: `m.update_state(y, p)`, `m.result()`, `m.reset_state()`.

    Args:
        name: name in the logs; by default the class's.
        dtype: type as in Keras, without effect: sums are taken in float32.

    The arguments of a class of one's own are kept, so that a saved model makes the metric again.

    Raises:
        DescendError: a class without `rows`, when it is used.
        ShapeError: targets and predictions whose shapes do not fit each other.

    Source: Keras's API, metrics.Metric.

    Example:
        >>> import jax.numpy as jnp
        >>> from descend.train.metrics import Metric
        >>> class Bias(Metric):
        ...     def rows(self, y, prediction):
        ...         return (prediction - y)[:, 0]
        >>> Bias()(jnp.zeros((2, 1)), jnp.array([[3.0], [-1.0]]))
        1.0
    """

    larger_is_better: bool | None = None  # for callbacks with mode="auto"
    saved: Any = None  # by which `get` finds it again; None for code of the user's
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]
    _variables: list[Any]
    _total: Any
    _weight: Any

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """Remember the arguments, by which a saved model makes the metric again."""
        metric = super().__new__(cls)
        metric._arguments = (args, options)
        metric._variables = []
        metric._total = metric._weight = None
        return metric

    def __init__(self, name: str | None = None, dtype: Any = None):
        self.name = name or snake(type(self).__name__)

    # -- the formula --------------------------------------------------------------------------

    def rows(self, y: jax.Array, prediction: jax.Array) -> jax.Array:
        """Return each row's part, (n,) or (n, k); traced."""
        raise DescendError(
            f"the metric {self.name!r} has no formula: write rows(self, y, prediction), one number "
            "a row"
        )

    def finish(self, total: Any, weight: Any) -> Any:
        """Return what the sums come to, in NumPy; the mean by default.

        Args:
            total: sums over the rows: arrays (...), or (..., k) where a row gives k > 1 numbers.
            weight: number of rows, (...).
        """
        return total / weight

    def require(self, classes: int) -> None:
        """Raise DescendError if this cannot be reported for an output of so many columns."""

    # -- by hand ------------------------------------------------------------------------------

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add rows, with weights (n,) or none."""
        y, p = aligned(y_true, y_pred)
        rows = np.asarray(self.rows(y, p), np.float64)
        weight = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, float)
        if weight.shape != rows.shape[:1]:
            weight = weight.reshape(len(rows), -1).mean(axis=1)
        total = np.tensordot(weight, rows, 1)
        self._total = total if self._total is None else self._total + total
        self._weight = weight.sum() + (self._weight or 0.0)

    def result(self) -> Any:
        """Return the number of all rows so far; 0 where there are none."""
        if self._total is None:
            return 0.0
        total = self._total[0] if self._total.shape == (1,) else self._total
        with np.errstate(invalid="ignore", divide="ignore"):
            value = self.finish(total, np.asarray(self._weight))
        return float(value) if np.ndim(value) == 0 else np.asarray(value, np.float32)

    def reset_state(self) -> None:
        """Forget all rows."""
        self._total = self._weight = None
        for variable in self._variables:
            variable.assign(variable.initial)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call `update_state`, then `result`."""
        self.update_state(*args, **options)
        return self.result()

    @property
    def variables(self) -> list[Any]:
        """What `add_weight` made."""
        return list(self._variables)

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> Any:
        """Make a variable of a metric written for Keras; see `Variable`."""
        if isinstance(shape, str):  # Keras 2: the name comes first
            shape, name = (), shape
        variable = Variable(shape, initializer, dtype, name or f"variable_{len(self._variables)}")
        self._variables.append(variable)
        return variable

    add_variable = add_weight


def described(metric: Metric) -> Any:
    """The JSON form of a metric of this package's; None if its arguments have none."""
    args, options = metric._arguments
    form = {"name": type(metric).__name__, "args": list(args), "options": options}
    try:
        return json.loads(json.dumps(form))
    except (TypeError, ValueError):
        return None


def aligned(y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """Targets and predictions as arrays with rows; a column and a vector are the same thing."""
    y, p = jnp.asarray(y_true), jnp.asarray(y_pred)
    p = p.astype(jnp.result_type(float))
    if y.ndim == p.ndim - 1 and p.shape[-1] == 1:
        y = y[..., None]
    elif p.ndim == y.ndim - 1 and y.shape[-1] == 1:
        p = p[..., None]
    if not p.ndim or y.shape[:1] != p.shape[:1]:
        raise ShapeError(f"a metric got targets of shape {y.shape} and predictions {p.shape}")
    return y, p


def same_shapes(name: str, y: Any, prediction: Any) -> None:
    """Raise ShapeError unless the shapes are equal: nothing is broadcast."""
    if jnp.shape(y) != jnp.shape(prediction):
        labels = jnp.ndim(y) == jnp.ndim(prediction) - 1
        raise ShapeError(
            f"{name}: targets have shape {jnp.shape(y)}, predictions {jnp.shape(prediction)}; they "
            "must be equal" + ("; for integer classes give one-hot targets" if labels else "")
        )


def ratio(above: Any, below: Any) -> Any:
    """above / below, 0 where below is 0."""
    return np.divide(above, below, out=np.zeros(np.shape(above)), where=np.asarray(below) != 0)
