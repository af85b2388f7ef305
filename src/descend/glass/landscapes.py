"""The cost as a landscape: along one direction through the weights, or over the plane of two.

    f(a)    = J(w + a d)            f(a, b) = J(w + a d1 + b d2)

Random directions are made as large as the weights they change, filter by filter (Li et al. 2018):
the weights of a ReLU layer can be doubled and the next one's halved without any change of the
network, and only so do pictures of two networks compare.

Sources: scheidegger-2020, "Training neural networks", which names Li et al. 2018; "Recall parameter
optimization" (the cost is nasty: not convex).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from descend.errors import DataError, DescendError, ShapeError
from descend.glass.arguments import require_model, require_points
from descend.glass.landscape_pictures import Landscape
from descend.glass.paths import Path, main_directions, on_plane
from descend.train.engine.feeds import Chunk
from descend.train.engine.program import Names, scan_evaluate
from descend.train.engine.runtime import quick_compile
from descend.train.model import rows
from descend.train.model.model import Model
from descend.train.model.supervised import Rows

AT_ONCE = 64  # points of the landscape that are evaluated side by side, at most
NUMBERS = 2**26  # that layers put out at a time: a quarter of a gigabyte
MARGIN = 0.25  # of a path's extent, left free around it


def landscape(
    model: Model,
    x: Any,
    y: Any,
    directions: Any = None,
    *,
    dimensions: int = 2,
    span: float | Sequence[float] | None = None,
    points: int = 41,
    path: Path | None = None,
    seed: int = 0,
    sample_weight: Any = None,
) -> Landscape:
    """The cost at prediction (dropout off, penalties included) around the model's present weights.

    All points are evaluated by one compiled program, up to `AT_ONCE` side by side.

        f(a) = J(w + a d)            f(a, b) = J(w + a d1 + b d2)

    Args:
        model: compiled Model; it is left as it is.
        x, y, sample_weight: rows, targets and weights whose cost it is, as in `fit`.
        directions: name, or arrays: "random", filter-normalised; "path", the main directions of
            `path`; or a list of arrays (parameters,) or of pytrees as `model.params`. Left out:
            "path" where there is one, else "random".
        dimensions: number of directions, 1 or 2; where directions are given, it is their number.
        span: distance to both sides in units of the directions (1 by default), or (low, high);
            with a path by default as far as it goes.
        points: number of points along each direction.
        path: Path of the optimiser, drawn on the landscape; its last point should be the model's
            weights or near them.
        seed: number that random directions are drawn from.

    Returns:
        The Landscape: costs at points x points coordinates (points, in one dimension).

    Raises:
        DescendError: bad arguments.
        NotFittedError: the model is not compiled.
        DataError, ShapeError: as `fit`.

    Source: Li, Xu, Taylor, Studer, Goldstein 2018; scheidegger-2020, "Training neural networks".

    Example:
        One weight w = 2 and the row x = 1 with target 0: the cost is (2 + a)^2.

        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import landscape
        >>> model = Sequential([Input((1,)), Dense(1, use_bias=False, name="unit")])
        >>> model.compile("sgd", "mse")
        >>> model.set_weights([[[2.0]]])
        >>> along = [{"unit": {"kernel": [[1.0]]}}]
        >>> landscape(model, [[1.0]], [0.0], along, points=3).cost.tolist()
        [1.0, 4.0, 9.0]
    """
    if dimensions not in (1, 2):
        raise DescendError(f"landscape: dimensions must be 1 or 2, got {dimensions!r}")
    require_model(model, "landscape")
    require_points(points, "landscape")
    rows.require_seed(seed)
    if path is not None and not isinstance(path, Path):
        raise DescendError(
            "landscape: path must be a Path (path = Path(); model.fit(..., callbacks=[path])), "
            f"got {type(path).__name__}"
        )
    flat, build = ravel_pytree(model.params)
    centre = np.asarray(flat)
    trajectory = None if path is None else path.weights
    if trajectory is not None and trajectory.shape[1] != centre.size:
        raise ShapeError(
            f"landscape: the path is of a network with {trajectory.shape[1]:,} weights, the model "
            f"has {centre.size:,}"
        )
    shares = None
    if directions is None:
        directions = "random" if path is None else "path"
    if isinstance(directions, str) and directions == "random":
        drawn = [np.random.default_rng([seed, i]) for i in range(dimensions)]
        chosen = np.stack([_random(model, rng) for rng in drawn])
        label = "random direction, filter-normalised"
    elif isinstance(directions, str) and directions == "path":
        if trajectory is None:
            raise DescendError(
                "landscape: directions='path' needs path=: path = Path(); "
                "model.fit(..., callbacks=[path])"
            )
        chosen, shares = main_directions(trajectory, dimensions)
        label = "main direction of the path"
    elif isinstance(directions, str):
        raise DescendError(
            f"landscape: directions must be 'random', 'path' or a list of arrays, "
            f"got {directions!r}"
        )
    else:
        chosen = np.stack([_given(d, centre.size) for d in directions])
        label = "given direction"
        if not 1 <= len(chosen) <= 2:
            raise DescendError(f"landscape: one or two directions, got {len(chosen)}")
    coordinates = None if trajectory is None else on_plane(trajectory, centre, chosen)
    axes = _axes(span, coordinates, len(chosen), points)
    grid = np.stack([g.ravel() for g in np.meshgrid(*axes)], axis=1)
    batch = rows.make_rows(model, model.supervised.outputs, x, y, sample_weight, "landscape data")
    data = rows.weighted(batch, model.supervised.outputs, where="landscape data")
    cost_at = _costs(model, data, build)
    cost = cost_at(jnp.asarray(centre), jnp.asarray(chosen, centre.dtype), grid)
    path_cost = None
    if trajectory is not None:  # at the points themselves, not at their feet on the plane
        apart = jnp.asarray(trajectory - centre[None])
        path_cost = cost_at(jnp.asarray(centre), apart, np.eye(len(trajectory)))
    return Landscape(
        a=axes[0],
        b=axes[1] if len(axes) > 1 else None,
        cost=cost.reshape(len(axes[1]), len(axes[0])) if len(axes) > 1 else cost,
        directions=chosen,
        label=label,
        path=coordinates,
        path_cost=path_cost,
        path_epochs=() if path is None else tuple(path.epochs),
        shares=shares,
    )


def _random(model: Model, rng: np.random.Generator) -> np.ndarray:
    """A direction whose every filter is as long as the weights' (Li et al. 2018, 4).

        d_ij  <-  d_ij / ||d_ij||  ||w_ij||,      i the layer, j the unit or filter (last axis)

    Arrays of one axis (biases, scales) are left where they are, as there.
    """

    def filters(w: Any) -> np.ndarray:
        w = np.asarray(w, float)
        if w.ndim < 2:
            return np.zeros(w.shape)
        d = rng.normal(size=w.shape)
        over = tuple(range(w.ndim - 1))
        length = np.sqrt((d**2).sum(axis=over, keepdims=True))
        return d / length * np.sqrt((w**2).sum(axis=over, keepdims=True))

    drawn = jax.tree.map(filters, model.params)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(drawn)])
    if not flat.any():
        raise DescendError(
            "landscape: the network has no kernel to change; give directions=[...] of your own"
        )
    return flat


def _given(direction: Any, size: int) -> np.ndarray:
    flat = np.concatenate([np.ravel(np.asarray(p, float)) for p in jax.tree.leaves(direction)])
    if flat.size != size:
        raise ShapeError(f"landscape: a direction has {flat.size:,} numbers, the model {size:,}")
    if not np.isfinite(flat).all() or not flat.any():
        raise DataError("landscape: a direction must be finite and not all zero")
    return flat


def _axes(span: Any, path: np.ndarray | None, dimensions: int, points: int) -> list[np.ndarray]:
    """The coordinates along each direction; 0, the present weights, is always inside."""
    if span is not None:
        try:
            extent = np.asarray(span, float)
        except (TypeError, ValueError):  # text, or rows of several lengths
            extent = np.zeros(2)
        ends = np.array([-1.0, 1.0]) * extent if extent.ndim == 0 else extent
        if ends.shape != (2,) or not ends[0] < ends[1]:
            raise DescendError(f"landscape: span must be > 0 or (low, high), got {span!r}")
        return [np.linspace(ends[0], ends[1], points)] * dimensions
    if path is None:
        return [np.linspace(-1.0, 1.0, points)] * dimensions
    along = []
    widest = np.ptp(path, axis=0).max()
    for i in range(dimensions):
        low, high = min(path[:, i].min(), 0.0), max(path[:, i].max(), 0.0)
        room = max(MARGIN * (high - low), 0.1 * widest) or 1.0
        along.append(np.linspace(low - room, high + room, points))
    return along


def _costs(model: Model, data: Rows, build: Any) -> Any:
    """A function (centre, directions, grid (points, dimensions)) -> costs (points,)."""
    task = model.supervised
    whole = model.whole_feed(data, rows.DEFAULT_BATCH, "landscape data")
    state = model.start_state(task, model.seed)
    units = sum(
        int(np.prod([size or 1 for size in shape], dtype=float))
        for node in model.nodes
        for shape in node.output_shapes
    )
    at_once = int(np.clip(NUMBERS // (units * whole.batch_size), 1, AT_ONCE))
    programs, key = task.programs, ("landscape", whole.padded)
    if key not in programs:  # compiled once for a task and a kind of rows

        def evaluate(state: Any, centre: Any, directions: Any, grid: Any, data: Any, order: Any):
            def at(point: Any) -> Any:
                moved = state._replace(params=build(centre + point @ directions))
                names: Names = []
                sums = scan_evaluate(task, moved, whole, Chunk(data, order), names)
                return sums[0] / sums[1]  # the cost comes first

            return jax.lax.map(at, grid, batch_size=min(at_once, len(grid)))

        programs[key] = jax.jit(evaluate, compiler_options=quick_compile())
    program = programs[key]

    def costs(centre: Any, directions: Any, grid: np.ndarray) -> np.ndarray:
        points = jnp.asarray(grid, centre.dtype)
        return np.asarray(program(state, centre, directions, points, whole.data, whole.order(0)))

    return costs
