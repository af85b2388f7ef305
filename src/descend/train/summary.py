"""The table that `model.summary()` prints."""

from __future__ import annotations

import math
from typing import Any

import jax


def summary(model: Any) -> str:
    """Layer (type), output shape and parameter count of each layer, and the total."""
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
        number = "0" if again else f"{counts[name]:,}"
        rows.append(
            (
                f"{name} ({type(node.layer).__name__}){again}",
                ", ".join(map(str, shapes)),
                number,
            )
        )
        seen.add(name)
    head = ("Layer (type)", "Output shape", "Parameters")
    wide = [max(len(r[i]) for r in (head, *rows)) for i in range(3)]
    line = "-" * (sum(wide) + 4)
    _, state = jax.eval_shape(model.init, jax.random.key(0))
    fixed = sum(math.prod(a.shape) for a in jax.tree.leaves(state))
    body = [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}" for a, b, c in (head, *rows)]
    total = sum(counts.values()) - fixed
    return "\n".join(
        [
            f"Model: {model.name}",
            line,
            body[0],
            line,
            *body[1:],
            line,
            f"Total parameters: {total + fixed:,} (trained {total:,}, not trained {fixed:,})",
        ]
    )
