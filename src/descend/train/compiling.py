"""What `compile` is given, checked and resolved; and how it is written into a saved model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.errors import DescendError, unknown
from descend.nn import losses
from descend.nn.graph import Graph
from descend.train import optimizers
from descend.train.metrics import get as metric_of
from descend.train.supervised import Output, Supervised


def outputs_of(graph: Graph, loss: Any, metrics: Any, loss_weights: Any) -> tuple[Output, ...]:
    """What each output is trained for.

    Raises:
        DescendError: an unknown name (the nearest one is suggested), a missing loss.
    """
    require_loss(loss)
    chosen = _by_output(graph, loss, "loss")
    for name, part in zip(graph.output_names, chosen, strict=True):
        if part is None:
            raise DescendError(f"compile: no loss is given for the output {name!r}")
    found = [losses.get(part) for part in chosen]
    wanted = _by_output(graph, metrics or [], "metrics", lists=True)
    shares = _by_output(graph, 1.0 if loss_weights is None else loss_weights, "loss_weights")
    return tuple(
        Output(
            name=name,
            loss=one,
            metrics=tuple(metric_of(m, one, shape[-1] or 0 if shape else 1) for m in asked or ()),
            share=1.0 if share is None else float(share),
        )
        for name, one, asked, share, shape in zip(
            graph.output_names, found, wanted, shares, graph.output_shapes, strict=True
        )
    )


def require_loss(loss: Any) -> None:
    """Raise DescendError where there is no loss."""
    if loss is None:
        raise DescendError(
            f"compile needs a loss, such as 'mse'; known: {', '.join(losses.BY_NAME)}"
        )


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
    for symbol, name in zip(graph._inputs, graph.input_names, strict=True):
        if symbol.dtype.startswith("int"):
            raise DescendError(
                f"compile: mixup averages rows, which the whole numbers of the input {name!r} "
                "cannot be; leave it out"
            )
    return float(alpha)


def describe(task: Supervised) -> dict[str, Any] | None:
    """The arguments of `compile` in JSON form; None where a function has no name."""
    rule = optimizers.describe(task.optimizer)
    found = [losses.describe(o.loss) for o in task.outputs]
    if rule is None or not all(found):
        return None
    names = [o.name for o in task.outputs]
    metrics = [[m.saved for m in o.metrics if m.saved] for o in task.outputs]
    return {
        "optimizer": rule,
        "loss": dict(zip(names, found, strict=True)),
        "metrics": dict(zip(names, metrics, strict=True)),
        "loss_weights": {o.name: o.share for o in task.outputs},
        "mixup": task.mixup,
    }
