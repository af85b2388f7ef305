"""One update on one batch: what `train_on_batch` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from descend.errors import DescendError
from descend.train.engine.program import finished
from descend.train.engine.task import Batch
from descend.train.model import fitting, rows
from descend.train.model.supervised import Rows

if TYPE_CHECKING:
    from descend.train.model.model import Model


def step(model: Model, data: Rows) -> dict[str, float]:
    """Update the model's weights once; its logs before the update."""
    if model.current_run is not None:
        raise DescendError(f"{model.name} is in training; its batches are those of that fit")
    task = model.task
    state = model.start_state(task, model.seed)
    if "one step" not in task.programs:
        task.programs["one step"] = jax.jit(task.step)
    state, logs = task.programs["one step"](state, Batch(data, None))
    model.take_state(state)
    sums = {
        name: np.concatenate([np.ravel(total), np.ravel(weight)])
        for name, (total, weight) in logs.items()
    }
    return {name: float(value) for name, value in finished(task, sums).items()}


def logs_as_keras(logs: dict[str, float], as_dict: bool) -> Any:
    """Logs as Keras returns them: a number, a list where there are metrics, or a dict."""
    if as_dict:
        return logs
    return list(logs.values()) if len(logs) > 1 else logs["loss"]


class OnBatches:
    """The part of `Model` that trains and judges on one batch."""

    def train_on_batch(
        self: Any,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[Any, Any] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Make one update on these rows; return the cost (and metrics) before it, as in `fit`.

        Args:
            x, y, sample_weight, class_weight: rows, as in `fit`; all rows are one batch.
            return_dict: whether a dict by name is returned.
        """
        self.meet(x)
        data = fitting.rows_of(self, (x, y, sample_weight), "training data")
        data = rows.weighted(data, self.task.outputs, class_weight)
        return logs_as_keras(step(self, data), return_dict)

    def test_on_batch(
        self: Any, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Evaluate these rows, in silence."""
        options = {"sample_weight": sample_weight, "return_dict": return_dict, "verbose": 0}
        return self.evaluate(x, y, **options)

    def predict_on_batch(self: Any, x: Any) -> Any:
        """Predict these rows."""
        return self.predict(x)

    @property
    def metrics_names(self: Any) -> list[str]:
        """The names of what `evaluate` returns."""
        outputs, names = self.task.outputs, ["loss"]
        prefixed = len(outputs) > 1
        if prefixed:
            names += [f"{o.name}_loss" for o in outputs]
        for o in outputs:
            names += [f"{o.name}_{m.name}" if prefixed else m.name for m in o.metrics]
        return names
