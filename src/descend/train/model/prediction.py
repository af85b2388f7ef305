"""What a network says of rows: plainly, from one batch to the next, and averaged over its noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DescendError
from descend.nn.checks import whole
from descend.nn.graph import full_precision
from descend.train.model import rows

if TYPE_CHECKING:
    from descend.train.model.model import Model


class MonteCarlo(NamedTuple):
    """Mean and standard deviation of the outputs over draws of the noise, each (n, ...)."""

    mean: Any
    spread: Any


def forward(model: Model, params: Any, layers: Any, x: tuple[Any, ...]) -> tuple[Any, Any]:
    """(the outputs as a tuple, the new layer state) on a batch at prediction; traced."""
    y, state = model.apply(params, layers, x[0] if model.single_input else x)
    return ((y,) if model.single_output else y), state


def of_members(model: Model, params: Any, layers: Any) -> Callable[[tuple[Any, ...]], Any]:
    """Arrays of rows -> the outputs of all members, whose arrays have a leading axis; compiled.

    Raises:
        DescendError: a network of several outputs.
    """
    if not model.single_output:
        raise DescendError("an ensemble predicts one output; for several use member.model")
    run = jax.jit(jax.vmap(lambda p, s, x: forward(model, p, s, x)[0], in_axes=(0, 0, None)))
    return lambda part: run(params, layers, part)


def predict(model: Model, arrays: tuple[np.ndarray, ...], batch_size: int | None) -> list[Any]:
    """The outputs on all rows, a piece at a time.

    Where a layer carries its state on (a stateful recurrent layer), pieces are taken in order, each
    of the batch the layer was made for, and the model holds the last state afterwards.

    Raises:
        DataError: a stateful model is given a count of rows that its batch does not divide.
    """
    params, layers = model.current_weights()
    program = _program(model, "predict", lambda: lambda p, s, x: forward(model, p, s, x))
    if not model.carries:
        run = lambda part: program(params, layers, part)[0]  # noqa: E731
        return rows.in_pieces(run, arrays, batch_size)
    size = batch_of(model)
    require_whole_batches(model, len(arrays[0]), "prediction data")
    outputs = []
    for start in range(0, len(arrays[0]), size):
        part = tuple(a[start : start + size] for a in arrays)
        y, layers = program(params, layers, part)
        outputs.append([np.asarray(a) for a in y])
    model.take_weights(params, layers)
    return [np.concatenate(column) for column in zip(*outputs, strict=True)]


def batch_of(model: Model) -> int:
    """The batch that the stateful layers were made for."""
    return next(layer.batch_size for layer in model.layers.values() if layer.carries)


def require_order(model: Model, n: int, batch_size: int, shuffle: Any) -> None:
    """Raise DataError unless a stateful model is trained on batches that follow each other."""
    if not model.carries:
        return
    require_whole_batches(model, n, "training data")
    if batch_size != batch_of(model):
        raise DataError(
            f"{model.name} has a stateful layer made for batches of {batch_of(model)} rows, got "
            f"batch_size={batch_size}; they must be the same"
        )
    if shuffle is not False:
        raise DataError(
            f"{model.name} has a stateful layer: row i of a batch goes on where row i of the batch "
            "before ended, which shuffling would tear apart. Give shuffle=False."
        )


def require_whole_batches(model: Model, n: int, where: str) -> None:
    """Raise DataError unless the batch of a stateful model divides its rows."""
    size = batch_of(model)
    if n % size:
        raise DataError(
            f"{where}: {model.name} has a stateful layer made for batches of {size} rows, which do "
            f"not divide {n}. Give a multiple of {size} rows."
        )


def monte_carlo(
    model: Model, arrays: tuple[np.ndarray, ...], samples: int, seed: int
) -> tuple[list[Any], list[Any]]:
    """Means and standard deviations over `samples` draws of the noise, a list over outputs each.

    Raises:
        DescendError: nothing in the network is random; fewer than two samples.
    """
    if not model.noisy:
        raise DescendError(
            f"{model.name} has no random layer (Dropout, DropConnect, GaussianNoise, ...): every "
            "draw would be the same. Use predict, or ensemble for the spread between networks."
        )
    whole("samples", samples, 2)

    def moments_of(params: Any, layers: Any, x: tuple[Any, ...], keys: Any) -> Any:
        def add(total: Any, key: Any) -> Any:
            y, _, _ = model.apply_masked(
                params, layers, x[0] if model.single_input else x, key=key, noise=True
            )
            ys = jax.tree.map(full_precision, (y,) if model.single_output else y)
            count, means, squares = total
            count = count + 1
            # Welford's update: the spread keeps its digits also where it is small beside the mean
            apart = [a - m for a, m in zip(ys, means, strict=True)]
            means = [m + d / count for m, d in zip(means, apart, strict=True)]
            after = [a - m for a, m in zip(ys, means, strict=True)]
            squares = [s + d * e for s, d, e in zip(squares, apart, after, strict=True)]
            return (count, means, squares), None

        shapes = [(x[0].shape[0], *shape) for shape in model.shapes_for(x)]
        zeros = [jnp.zeros(shape, jnp.result_type(float)) for shape in shapes]
        start = (jnp.zeros(()), zeros, zeros)
        (count, means, squares), _ = jax.lax.scan(add, start, keys)
        return (*means, *(jnp.sqrt(s / (count - 1)) for s in squares))

    program = _program(model, "monte_carlo", lambda: moments_of)
    params, layers = model.current_weights()
    key = jax.random.key(seed)
    pieces = iter(range(len(arrays[0])))

    def run(part: Any) -> Any:
        keys = jax.random.split(jax.random.fold_in(key, next(pieces)), samples)
        return program(params, layers, part, keys)

    moments = rows.in_pieces(run, arrays, None)
    half = len(moments) // 2
    return moments[:half], moments[half:]


def _program(model: Model, name: str, make: Any) -> Any:
    """The model's compiled function of a name, kept with it."""
    if name not in model.compiled_functions:
        model.compiled_functions[name] = jax.jit(make())
    return model.compiled_functions[name]
