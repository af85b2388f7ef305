"""From what the user holds (arrays, DataFrames, lists) to checked `Rows`.

Every check happens before training, names the place (input, column, row) and says what to do.
"""

from __future__ import annotations

import math
import operator
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, ShapeError, unknown
from descend.nn import checks
from descend.nn.graph import Graph
from descend.nn.losses import SparseCategoricalCrossentropy
from descend.nn.symbols import fits
from descend.train.engine.feeds import Arrays
from descend.train.engine.task import Task
from descend.train.model.supervised import Output, Rows

DEFAULT_BATCH = 32
WHOLE_BATCH = 1024  # rows at once where no update is made
UNLIKE = 1e-3  # how often rows in random order are called sorted


class UnlikeTailWarning(UserWarning):
    """The rows that `validation_split` takes look different from the rest."""


@aligned("x", "y", "sample_weight")
def make_rows(
    graph: Graph,
    outputs: tuple[Output, ...],
    x: Any,
    y: Any,
    sample_weight: Any = None,
    where: str = "training data",
) -> Rows:
    """Checked and converted rows, with their weights as given (`weighted` scales them).

    Raises:
        ShapeError: rows or targets of the wrong shape, different numbers of rows.
        DataError: empty, not numeric, NaN or infinite, labels out of range, bad weights.
    """
    xs = make_inputs(graph, x, where)
    if y is None:
        raise DataError(f"{where}: targets are missing; give y")
    names = tuple(o.name for o in outputs)
    n = len(xs[0])
    ys = []
    for output, shape, part in zip(
        outputs, graph.shapes_for(xs), _parts(y, names, graph.single_output, "output"), strict=True
    ):
        sparse = isinstance(output.loss, SparseCategoricalCrossentropy)
        label = "y" if len(outputs) == 1 else f"y[{output.name!r}]"
        array = _numeric(part, label, where, keep_integers=sparse)
        if array.ndim == 1 and shape == (1,) and not sparse:  # Keras's rule: (n,) is a column
            array = array[:, None]
        elif sparse and array.ndim == 2 and array.shape[1] == 1 and len(shape) == 1:
            array = array[:, 0]
        if len(array) != n:
            raise ShapeError(f"{where}: x has {n} rows, {label} has {len(array)}")
        try:
            output.loss.check_shapes(array.shape, (n, *shape))
        except ShapeError as error:
            raise ShapeError(f"{where}, {label}, output {output.name!r}: {error}") from None
        if sparse:
            array = _labels(array, shape[-1], label, where)
        ys.append(array)
    return Rows(xs, tuple(ys), _sample_weights(names, n, sample_weight, where))


def free_rows(graph: Graph, x: Any, y: Any, sample_weight: Any, where: str) -> Rows:
    """Checked rows for a task that says itself what its targets are: any arrays of n rows, or none.

    Raises:
        ShapeError: rows or targets of the wrong shape, different numbers of rows.
        DataError: empty, not numeric, NaN or infinite, bad weights.
    """
    xs = make_inputs(graph, x, where)
    n, parts = len(xs[0]), []
    if isinstance(y, Mapping):
        parts = list(y.values())
    elif y is not None:
        parts = list(y) if isinstance(y, (list, tuple)) else [y]
    ys = tuple(_numeric(part, f"y[{i}]", where, keep_integers=True) for i, part in enumerate(parts))
    for i, array in enumerate(ys):
        if len(array) != n:
            raise ShapeError(f"{where}: x has {n} rows, y[{i}] has {len(array)}")
    return Rows(xs, ys, _sample_weights(("",), n, sample_weight, where))


def make_inputs(graph: Graph, x: Any, where: str) -> tuple[np.ndarray, ...]:
    """The checked arrays of all inputs."""
    if x is None:
        raise DataError(f"{where}: x is missing")
    parts = _parts(x, graph.input_names, graph.single_input, "input")
    names = ["x"] if graph.single_input else [f"x[{n!r}]" for n in graph.input_names]
    integers = [s.dtype.startswith("int") for s in graph.input_symbols]
    arrays = tuple(
        _numeric(part, name, where, keep_integers=keep)
        for part, name, keep in zip(parts, names, integers, strict=True)
    )
    arrays = tuple(
        array[:, None] if array.ndim == 1 and shape == (1,) else array
        for array, shape in zip(arrays, graph.input_shapes, strict=True)
    )
    check_rows(graph, arrays)
    for node in graph.nodes:
        for source in node.sources:
            wrong = node.layer.check_rows(arrays[source]) if source < len(arrays) else None
            if wrong:
                raise DataError(f"{where}, {names[source]}: {wrong}")
    sizes = {len(a) for a in arrays}
    if len(sizes) > 1:
        raise ShapeError(f"{where}: the inputs have different numbers of rows: {sorted(sizes)}")
    if not sizes.pop():
        raise DataError(f"{where}: there are no rows")
    return arrays


def check_rows(graph: Graph, x: Sequence[Any]) -> None:
    """Raise ShapeError unless each array of `x` has its input's shape behind its first axis."""
    if len(x) != len(graph.input_shapes):
        raise ShapeError(
            f"{graph.name} has {len(graph.input_shapes)} inputs {graph.input_names}, got {len(x)}"
        )
    for name, shape, array in zip(graph.input_names, graph.input_shapes, x, strict=True):
        have = np.shape(array)
        if not fits(have[1:], shape):
            raise ShapeError(
                f"input {name!r} of {graph.name!r} expects rows of shape {shape}, "
                f"got an array of shape {have}: rows of shape {have[1:]}."
                + (" None stands for any size." if None in shape else "")
            )


def _parts(value: Any, names: tuple[str, ...], single: bool, kind: str) -> list[Any]:
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                raise unknown(kind, name, names)
        missing = [n for n in names if n not in value]
        if missing:
            raise DataError(f"no data for the {kind} {missing[0]!r}")
        return [value[n] for n in names]
    alone = len(names) == 1 and not (isinstance(value, (list, tuple)) and len(value) == 1)
    if single or alone:  # a list of one input takes the array itself too, as in Keras
        return [value]
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        have = len(value) if isinstance(value, (list, tuple)) else "one array"
        raise ShapeError(
            f"the model has {len(names)} {kind}s {names}: give a list or dict of them, got {have}"
        )
    return list(value)


def _numeric(value: Any, label: str, where: str, keep_integers: bool) -> np.ndarray:
    """A float array of JAX's default width (or int32), finite."""
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):  # a DataFrame, pandas or polars
        for column in value.columns:
            kind = np.asarray(value[column]).dtype.kind
            if kind not in "biuf":
                first = next(iter(value[column]), None)
                raise DataError(
                    f"{where}: column {column!r} of {label} is not numeric "
                    f"(first value {first!r}); encode it (pandas.get_dummies) or leave it out"
                )
        # by columns: to_numpy would make objects of booleans beside numbers
        value = np.column_stack([np.asarray(value[column]) for column in value.columns])
    elif hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise DataError(
            f"{where}: {label} must be numeric, got rows of different length; pad them "
            "(descend.keras.utils.pad_sequences)"
        ) from None
    if array.ndim == 0 and array.dtype.kind in "biuf":
        raise ShapeError(f"{where}: {label} is a single number; rows are expected")
    if array.ndim == 0:
        raise DataError(
            f"{where}: {label} is a {type(value).__name__}; expected an array (n, ...), a "
            "DataFrame, a list or dict of them, or an iterable of batches (x, y)"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: {label} must be numeric, got dtype {array.dtype}"
            + (" (rows of different length?)" if array.dtype == object else "")
        )
    import jax.numpy as jnp

    if keep_integers and array.dtype.kind in "biu":
        return array.astype(np.int32)
    bad = ~np.isfinite(array)
    if bad.any():
        first = np.argwhere(bad)[0]
        place = f"row {first[0]}" + (f", column {first[1]}" if len(first) > 1 else "")
        raise DataError(
            f"{where}: {label} holds {int(bad.sum())} NaN or infinite value(s), the first in "
            f"{place}. Fill or drop them first."
        )
    return array.astype(jnp.result_type(float))


def _labels(labels: np.ndarray, classes: int, label: str, where: str) -> np.ndarray:
    whole = labels.astype(np.int32)
    if labels.dtype.kind == "f" and not np.array_equal(whole, labels):
        raise DataError(f"{where}: {label} must hold whole class labels, got {labels.ravel()[0]}")
    low, high = int(whole.min()), int(whole.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        row = int(np.argwhere(whole == wrong)[0][0])
        raise DataError(
            f"{where}: {label} holds the label {wrong} in row {row}; "
            f"with {classes} output units labels must be 0 to {classes - 1}"
        )
    return whole


def _sample_weights(
    names: tuple[str, ...], n: int, sample_weight: Any, where: str
) -> tuple[np.ndarray, ...] | None:
    if sample_weight is None:
        return None
    several = isinstance(sample_weight, (Mapping, list, tuple)) and len(names) > 1
    parts = (
        _parts(sample_weight, names, False, "output") if several else [sample_weight] * len(names)
    )
    weights = tuple(np.ones(n) if part is None else np.asarray(part, float) for part in parts)
    for weight in weights:
        if weight.shape != (n,):
            raise ShapeError(f"{where}: sample_weight must have shape ({n},), got {weight.shape}")
        if not np.isfinite(weight).all() or (weight < 0).any():
            raise DataError(f"{where}: sample_weight must be finite and >= 0")
    return weights


def weighted(
    rows: Rows,
    outputs: tuple[Output, ...],
    class_weight: Mapping[Any, Any] | None = None,
    where: str = "training data",
) -> Rows:
    """The rows with class weights multiplied in and all weights scaled to mean one.

    Raises:
        DataError: a class that the data do not hold, a bad weight, weights that are all zero.
    """
    if rows.weight is None and not class_weight:
        return rows
    if not outputs:
        if class_weight:
            raise DataError("class_weight goes with a compiled loss, not with a task of one's own")
        return rows._replace(weight=tuple(_scaled(w, where) for w in rows.weight or ()))
    names = tuple(o.name for o in outputs)
    by_output = class_weight or {}
    if not (by_output and all(isinstance(v, Mapping) for v in by_output.values())):
        if by_output and len(outputs) > 1:
            raise DataError(
                f"class_weight for the outputs {names}: give {{output name: {{class: weight}}}}"
            )
        by_output = {names[0]: by_output} if by_output else {}
    for name in by_output:
        if name not in names:
            raise unknown("output in class_weight", name, names)
    result = []
    for i, (name, y) in enumerate(zip(names, rows.y, strict=True)):
        weight = np.ones(len(y)) if rows.weight is None else np.asarray(rows.weight[i], float)
        if by_output.get(name):
            weight = weight * _of_classes(y, by_output[name], where)
        result.append(_scaled(weight, where))
    return rows._replace(weight=tuple(result))


def _scaled(weight: np.ndarray, where: str) -> np.ndarray:
    """Weights of mean one."""
    mean = weight.mean()
    if mean == 0:
        raise DataError(f"{where}: all weights are zero")
    return weight / mean


def _of_classes(y: np.ndarray, weights: Mapping[Any, Any], where: str) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] > 1:
        labels = y.argmax(axis=1)
    else:
        labels = y.reshape(len(y)).astype(int)
    present = np.unique(labels)
    for label in weights:
        if label not in present:
            raise DataError(
                f"{where}: class_weight names the class {label!r}, the data hold {present.tolist()}"
            )
        if not weights[label] >= 0:
            raise DataError(f"class_weight of {label!r} must be >= 0, got {weights[label]!r}")
    return np.array([float(weights.get(int(label), 1.0)) for label in labels])


def take(rows: Rows, index: Any) -> Rows:
    """Some of the rows."""
    pick = lambda arrays: tuple[Any, ...](a[index] for a in arrays)  # noqa: E731
    return Rows(pick(rows.x), pick(rows.y), None if rows.weight is None else pick(rows.weight))


def split_tail(rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    """Keras's `validation_split`: the last rows, unshuffled, floor(n (1 - fraction)) stay.

    Warns where the tail holds so many more, or fewer, of the values above a column's mean that a
    random order of the rows would show as much in any column in less than one case in a thousand
    (the hypergeometric law, whatever the distribution of the values).
    """
    n = len(rows.x[0])
    if not 0 < fraction < 1:
        raise DataError(f"validation_split must be between 0 and 1, got {fraction}")
    head_size = math.floor(n * (1.0 - fraction))
    if head_size < 1 or head_size >= n:
        raise DataError(f"validation_split={fraction} of {n} rows leaves {head_size} for training")
    _warn_if_unlike(rows, head_size)
    return take(rows, slice(0, head_size)), take(rows, slice(head_size, n))


def _warn_if_unlike(rows: Rows, head_size: int) -> None:
    columns = sum(int(np.prod(a.shape[1:])) for a in (*rows.y, *rows.x))
    for kind, arrays in (("y", rows.y), ("x", rows.x)):
        for array in arrays:
            flat = np.asarray(array, np.float64).reshape(len(array), -1)
            head, tail = flat[:head_size], flat[head_size:]
            far = _by_chance(flat > flat.mean(axis=0), head_size) < UNLIKE / columns
            if far.any():
                column = int(np.argmax(far))
                warnings.warn(
                    f"validation_split takes the last {len(tail)} rows, and they are unlike the "
                    f"rest: column {column} of {kind} has mean {tail[:, column].mean():.4g} there, "
                    f"{head[:, column].mean():.4g} before. Are the rows sorted? Shuffle them, or "
                    "give validation_data.",
                    UnlikeTailWarning,
                    stacklevel=4,
                )
                return


def _by_chance(above: np.ndarray, head_size: int) -> np.ndarray:
    """(columns,) probability that a random order puts so uneven a count into the rows from `kept`.

    Args:
        above: booleans (n, columns).
    """
    from scipy.stats import hypergeom

    n, tail = len(above), len(above) - head_size
    whole, inside = above.sum(axis=0), above[head_size:].sum(axis=0)
    share = whole / n
    sd = np.sqrt(tail * share * (1 - share) * head_size / max(n - 1, 1))
    probabilities = np.ones(len(whole))
    # the exact law only where the normal one is in doubt
    for i in np.flatnonzero(np.abs(inside - tail * share) > 3 * sd):
        law = hypergeom(n, int(whole[i]), tail)
        probabilities[i] = min(1.0, 2 * min(law.cdf(inside[i]), law.sf(inside[i] - 1)))
    return probabilities


def in_pieces(
    forward: Callable[[tuple[Any, ...]], tuple[Any, ...]],
    arrays: tuple[Any, ...],
    size: int | None,
    axis: int = 0,
) -> list[np.ndarray]:
    """The outputs of `forward` on rows, a piece at a time, joined along `axis`.

    Few shapes, few compilations: pieces of 1024 rows, and the next power of two below that; what is
    missing is filled with the last row and cut off again.
    """
    n = len(arrays[0])
    if size is not None and size < 1:
        raise DataError(f"batch_size must be >= 1, got {size}")
    size = size or min(WHOLE_BATCH, 1 << max(n - 1, 1).bit_length())
    pieces = []
    for start in range(0, n, size):
        part = tuple(a[start : start + size] for a in arrays)
        have = len(part[0])
        if have < size:
            part = tuple(np.concatenate([a, np.repeat(a[-1:], size - have, axis=0)]) for a in part)
        outputs = forward(part)
        pieces.append([np.take(np.asarray(y), range(have), axis=axis) for y in outputs])
    return [np.concatenate(column, axis=axis) for column in zip(*pieces, strict=True)]


def fingerprint(rows: Rows) -> str:
    """A short checksum of the data, for telling one run's checkpoint from another's."""
    total = 0
    for array in (*rows.x, *rows.y, *(rows.weight or ())):
        total = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), total)
    return f"{len(rows.x[0])} rows, {total:08x}"


def require_seed(seed: Any) -> int:
    """The seed as an int; DataError unless it is a whole number >= 0."""
    try:
        whole = operator.index(seed)
    except TypeError:
        whole = -1
    if whole < 0:
        raise DataError(f"seed must be a whole number >= 0, got {seed!r}")
    return whole


def require_epochs(epochs: Any, initial: Any) -> None:
    """Raise DataError unless 0 <= initial <= epochs and epochs >= 1, whole numbers."""
    for name, value in (("epochs", epochs), ("initial_epoch", initial)):
        checks.whole(name, value, 0, error=DataError)
    if epochs < 1 or initial > epochs:
        raise DataError(f"epochs must be >= 1 and >= initial_epoch {initial}, got {epochs}")


def rows_a_batch(batch_size: int | None, n: int, task: Task) -> int:
    """The rows of an update; all of them for full-batch rules, and where there are fewer."""
    if task.full_batch:
        if batch_size is not None and batch_size < n:
            rule = next(rule for rule in task.rules.values() if rule.full_batch)
            raise DataError(f"{rule.name!r} uses all {n} rows in each update; leave batch_size out")
        return n
    if batch_size is None:
        return min(DEFAULT_BATCH, n)
    checks.whole("batch_size", batch_size, error=DataError)
    if batch_size < 1:
        raise DataError(f"batch_size must be >= 1, got {batch_size}")
    return min(int(batch_size), n)  # one batch of all rows, as in Keras


def whole(data: Rows, batch_size: int) -> Arrays:
    """A feed that goes through all rows once, in large batches: order does not matter to sums."""
    n = len(data.x[0])
    return Arrays(data, min(n, max(batch_size, WHOLE_BATCH)), shuffle=False)
