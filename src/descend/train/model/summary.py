"""The table that `model.summary()` prints."""

from __future__ import annotations

import math
from typing import Any

import jax

from descend.train.model.freezing import part, trained_arrays


def summary(model: Any, line_length: int | None = None) -> str:
    """Layer (type, whether frozen), output shape and count of parameters, and the totals."""
    counts = model.parameter_counts()
    rows = [
        (f"{name} (Input)", str((None, *shape)), "0")
        for name, shape in zip(model.input_names, model.input_shapes, strict=True)
    ]
    seen: set[str] = set()
    for node in model.nodes:
        name = node.layer.name
        shapes = [(None, *shape) for shape in node.output_shapes]
        again = " (shared)" if name in seen else ""
        frozen = "" if node.layer.trainable else ", frozen"
        number = "0" if again else f"{counts[name]:,}"
        rows.append(
            (
                f"{name} ({type(node.layer).__name__}{frozen}){again}",
                ", ".join(map(str, shapes)),
                number,
            )
        )
        seen.add(name)
    head = ("Layer (type)", "Output shape", "Parameters")
    wide = [max(len(r[i]) for r in (head, *rows)) for i in range(3)]
    wide[1] += max(0, (line_length or 0) - sum(wide) - 4)
    line = "-" * (sum(wide) + 4)
    params, _ = jax.eval_shape(model.init, jax.random.key(0))
    trained = part(params, trained_arrays(model))
    changing = sum(math.prod(a.shape) for a in jax.tree.leaves(trained))
    stiff = sum(not layer.trainable for layer in model.layers.values())
    still = sum(math.prod(a.shape) for a in jax.tree.leaves(params)) - changing
    frozen = f"Frozen: {stiff} layer{'s' if stiff > 1 else ''}, {still:,} parameters"
    body = [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}" for a, b, c in (head, *rows)]
    total = sum(counts.values())
    return "\n".join(
        [
            f"Model: {model.name}",
            line,
            body[0],
            line,
            *body[1:],
            line,
            f"Total parameters: {total:,} (trained {changing:,}, not trained {total - changing:,})",
            *([frozen] if stiff else []),
        ]
    )
