"""What `compile` is given, checked and resolved; and how it is written into a saved model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, unknown
from descend.nn import losses
from descend.nn.graph import Graph
from descend.nn.losses.user import TRIED, require_mean
from descend.train.metrics import get as metric_of
from descend.train.metrics.user import FunctionMetric, KerasMetric
from descend.train.model.network_task import NetworkTask
from descend.train.model.supervised import Output

# Keras's arguments of `compile` that are not ours: the values that change nothing here (`...`: all
# do), and what to do at others
_KERAS: dict[str, tuple[Any, str]] = {
    "auto_scale_loss": (..., ""),
    "jit_compile": (..., ""),
    "steps_per_execution": (..., ""),  # an epoch is one program
    "run_eagerly": ((None, False), "every step is compiled; descend.glass shows its numbers"),
    "weighted_metrics": (
        (None, [], ()),
        "metrics= count every row alike; of what is reported the loss alone is weighted",
    ),
}


def require_nothing_else(others: Mapping[str, Any]) -> None:
    """Raise DescendError unless further arguments are Keras's and change nothing here."""
    for name, value in others.items():
        if name not in _KERAS:
            ours = ("optimizer", "loss", "metrics", "loss_weights", "mixup", "task", *_KERAS)
            raise unknown("argument of compile", name, ours)
        silent, remedy = _KERAS[name]
        if silent is not ... and value not in silent:
            raise DescendError(f"compile: {name}={value!r}: {remedy}")


def outputs_of(graph: Graph, loss: Any, metrics: Any, loss_weights: Any) -> tuple[Output, ...]:
    """What each output is trained for.

    Raises:
        DescendError: an unknown name (the nearest one is suggested), a missing loss.
    """
    require_loss(loss)
    output_losses, shapes = _by_output(graph, loss, "loss"), graph.output_shapes
    for name, part in zip(graph.output_names, output_losses, strict=True):
        if part is None:
            raise DescendError(f"compile: no loss is given for the output {name!r}")
    costs = [
        _cost(losses.get(part), shape) for part, shape in zip(output_losses, shapes, strict=True)
    ]
    wanted = _by_output(graph, metrics or [], "metrics", lists=True)
    shares = _by_output(graph, 1.0 if loss_weights is None else loss_weights, "loss_weights")
    return tuple(
        Output(
            name=name,
            loss=one,
            metrics=_metrics(identifiers, one, shape, name),
            share=1.0 if share is None else float(share),
        )
        for name, one, identifiers, share, shape in zip(
            graph.output_names, costs, wanted, shares, shapes, strict=True
        )
    )


def require_task(graph: Graph, task: Any, loss: Any) -> NetworkTask:
    """The task given to `compile`, if it trains this network; raises DescendError."""
    if loss is not None:
        raise DescendError("compile takes a loss or a task: the task's step has its own cost")
    if not isinstance(task, NetworkTask):
        raise DescendError(
            f"compile(task=...) takes a descend.train.model.network_task.NetworkTask, got {task!r}"
        )
    if task.graph is not graph:
        raise DescendError(
            f"compile: the task trains {task.graph.name!r}, another network than {graph.name!r}; "
            f"make it of this one: {type(task).__name__}(model, ...)"
        )
    return task


def require_loss(loss: Any) -> None:
    """Raise DescendError where there is no loss."""
    if loss is None:
        raise DescendError(
            f"compile needs a loss, such as 'mse'; known: {', '.join(losses.BY_NAME)}"
        )


def _cost(loss: losses.Loss, shape: tuple[Any, ...]) -> losses.Loss:
    """The loss, if a cost can be made of it."""
    if loss.reduction in ("sum", "none", None):
        raise DescendError(
            f"compile: {loss.name} has reduction={loss.reduction!r}; a cost is the mean over the "
            "rows of a batch. Leave reduction out; the steps of a sum are those of a learning rate "
            "times the batch size"
        )
    function = loss.function if isinstance(loss, losses.FunctionLoss) else None
    if function is None and not isinstance(loss, losses.Formula):
        function = loss.call
    if function is not None:
        _try(lambda y, p: require_mean(function, y, p, f"the loss {loss.name!r}"), loss, shape)
    return loss


def _metrics(identifiers: Any, loss: losses.Loss, shape: tuple[Any, ...], output: str) -> Any:
    """The metrics of an output, each under a name of its own."""
    metrics = tuple(metric_of(m, loss, shape[-1] or 0 if shape else 1) for m in identifiers or ())
    names = ["loss", *(m.name for m in metrics)]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise DescendError(
            f"compile: two numbers of the output {output!r} are called {twice!r}; give a metric a "
            f"name of its own: {type(metrics[names.index(twice) - 1]).__name__}(name=...)"
        )
    for metric in metrics:
        if isinstance(metric, KerasMetric):
            _try(metric.require_sums, loss, shape)
        elif isinstance(metric, FunctionMetric):
            function, what = metric.function, f"the metric {metric.name!r}"
            _try(
                lambda y, p, function=function, what=what: require_mean(function, y, p, what),
                loss,
                shape,
            )
    return metrics


def _try(check: Callable[..., Any], loss: losses.Loss, shape: tuple[Any, ...]) -> None:
    """Run a check of code of the user's on a few made-up rows."""
    draw = np.random.default_rng(0)
    prediction = draw.uniform(0.05, 0.95, (TRIED, *(size or 3 for size in shape)))
    y: np.ndarray = draw.uniform(0, 1, prediction.shape)
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        y = draw.integers(0, prediction.shape[-1], prediction.shape[:-1])
    elif loss.link is not None:
        y = y.round()
    try:
        check(*(jnp.asarray(a, jnp.float32 if a.dtype == float else None) for a in (y, prediction)))
    except DescendError:
        raise
    except Exception:  # targets of another shape than the output: training will tell
        return


def _by_output(graph: Graph, value: Any, what: str, lists: bool = False) -> list[Any]:
    count = len(graph.output_names)
    if isinstance(value, Mapping) and "name" not in value:
        for name in value:
            if name not in graph.output_names:
                raise unknown(f"output in {what}", name, graph.output_names)
        return [value.get(name) for name in graph.output_names]
    if lists:
        if count == 1:
            return [value if isinstance(value, (list, tuple)) else [value]]
        nested = isinstance(value, (list, tuple)) and any(isinstance(v, list) for v in value)
        return list(value) if nested and len(value) == count else [value] * count
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise DescendError(f"{what}: {count} outputs {graph.output_names}, got {len(value)}")
        return list(value)
    return [value] * count


def mixup_of(graph: Graph, alpha: Any) -> float | None:
    """The checked alpha of mixup; raises DescendError where rows cannot be averaged."""
    if alpha is None:
        return None
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not alpha > 0:
        raise DescendError(f"compile: mixup must be a number > 0, got {alpha!r}")
    for symbol, name in zip(graph.input_symbols, graph.input_names, strict=True):
        if symbol.dtype.startswith("int"):
            raise DescendError(
                f"compile: mixup averages rows, which the whole numbers of the input {name!r} "
                "cannot be; leave it out"
            )
    return float(alpha)
