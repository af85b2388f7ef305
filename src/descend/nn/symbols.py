"""What is joined into a network: the symbols of inputs and of layers' outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax

from descend.errors import DescendError, ShapeError
from descend.nn.checks import is_whole

# Sizes that stand for an axis of any size (None) while shapes are worked out: an axis of an output
# that differs between the two is of any size too. Powers of two, so that halving and doubling fit.
TRIALS = (256, 512)
# Rows of the batch on which shapes are worked out: a size that no other axis is likely to have.
ROWS = 1009
Shape = tuple[int, ...]
OpenShape = tuple[int | None, ...]
# What is done with symbols: "join" is (operation, left, right) -> symbol, "part" (symbol, key) ->
# symbol. Both call layers, and layers stand on this file: `layers.arithmetic` enters them here.
OPERATORS: dict[str, Callable[..., Symbol]] = {}


class Connected(Protocol):
    """What `connect` asks of a layer; see `layers.base.Layer`."""

    @property
    def label(self) -> str:
        """How messages call it."""

    @property
    def joins(self) -> bool:
        """Whether it may be called on several symbols."""

    def meet_rows(self, rows: Callable[[], int | None]) -> None:
        """Learn how many rows every batch has."""

    def build(self, input_shape: Any) -> Any:
        """Output shape, or shapes, for an input shape."""

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Any, Any]:
        """Draw parameters and state."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer: on which symbols, and for each output its shape in each trial."""

    layer: Any  # a Layer
    inputs: tuple[Symbol, ...]
    trials: tuple[tuple[Shape, ...], ...]
    training: bool | None = None  # False: as at prediction, also while the network is trained
    origin: Any = None  # the network that was called

    @property
    def shapes(self) -> tuple[OpenShape, ...]:
        """The shape of each output; None where an axis is of any size."""
        return tuple(map(_merged, self.trials))

    @property
    def symbols(self) -> list[Symbol]:
        """The outputs, to put other layers behind."""
        return [Symbol(shapes, self, part) for part, shapes in enumerate(self.trials)]


@dataclass(frozen=True, eq=False)
class Symbol:
    """An output of a layer (or an input) before there are numbers.

    `trials` holds its shape without the batch axis: one, or two for sizes that are left open.
    """

    trials: tuple[Shape, ...]
    call: Call | None = None  # None: an input
    part: int = 0  # which of the call's outputs
    name: str | None = None
    dtype: str = "float32"
    rows: int | None = None  # of every batch, where an Input says so

    @property
    def shape(self) -> OpenShape:
        """Without the batch axis; None where an axis is of any size."""
        return _merged(self.trials)

    def trial(self, number: int) -> Shape:
        """The shape in a trial; where nothing is open, all are one."""
        return self.trials[min(number, len(self.trials) - 1)]

    @property
    def layer(self) -> Any:
        """The layer that it comes from."""
        return self.call.layer if self.call else None

    @property
    def inputs(self) -> tuple[Symbol, ...]:
        """What that layer was called on."""
        return self.call.inputs if self.call else ()

    # -- arithmetic: each operation is a layer ------------------------------------------------

    __array_ufunc__ = None  # numpy leaves `array + symbol` to the symbol

    def __add__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("subtract", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("subtract", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("multiply", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("multiply", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("divide", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("divide", other, self)

    def __pow__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("power", self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("power", other, self)

    def __matmul__(self, other: Any) -> Symbol:
        return OPERATORS["join"]("matmul", self, other)

    def __neg__(self) -> Symbol:
        return OPERATORS["join"]("multiply", self, -1.0)

    def __getitem__(self, key: Any) -> Symbol:
        return OPERATORS["part"](self, key)

    def __iter__(self) -> Any:
        raise DescendError(f"{self!r} cannot be gone through row by row: it holds no numbers yet")

    def __bool__(self) -> bool:
        raise DescendError(
            f"{self!r} holds no numbers yet, so `if` cannot decide by it; use jnp.where in a layer"
        )

    def __repr__(self) -> str:
        origin = self.layer.label if self.layer else f"Input {self.name!r}"
        return f"<Symbol of shape {(None, *self.shape)} from {origin}>"


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    *,
    name: str | None = None,
    dtype: str | None = "float32",
    batch_shape: Sequence[int | None] | None = None,
) -> Symbol:
    """Where numbers enter a network.

    Args:
        shape: axes of one row, without the batch axis: (2,) for two features. None is an axis of
            any size: (None, None, 3) for images, (None, 8) for sequences; rows of one call agree.
        batch_size: rows of every batch, which stateful recurrent layers behind it take over; for
            all others any number of rows is right.
        name: key in a dict of inputs, and in `summary()`.
        dtype: type of its numbers: "float32" or "int32"; others are taken as the nearer of them.
        batch_shape: `(rows, *shape)`, in the place of `shape`.

    Returns:
        The symbol of the input, of shape `(None, *shape)`: layers are called on it, and it is the
        first entry of a `Sequential`.

    Raises:
        ShapeError: an axis that is neither a whole number >= 1 nor None.

    Source: Keras's API, Input.

    Example:
        >>> from descend import Dense, Input, Model
        >>> x = Input((2,), name="x")
        >>> x
        <Symbol of shape (None, 2) from Input 'x'>
        >>> Model(x, Dense(3)(x)).output_shape
        (None, 3)
    """
    if batch_shape is not None and shape is None:
        shape = tuple(batch_shape)[1:]
    whole = str(dtype).startswith(("int", "uint", "bool"))
    dtype = "int32" if whole else "float32"
    try:
        shape = tuple(shape)  # type: ignore[arg-type]
    except TypeError:
        raise ShapeError(f"Input: shape must be a tuple such as (2,), got {shape!r}") from None
    for axis in shape:
        if axis is None:
            continue
        if not is_whole(axis) or axis < 1:
            raise ShapeError(
                f"Input: shape must hold whole numbers >= 1 (None: any size), got {shape}; "
                "the batch axis is left out"
            )
    count = 2 if None in shape else 1
    trials = tuple(tuple(size if a is None else int(a) for a in shape) for size in TRIALS[:count])
    rows = batch_size if batch_shape is None else next(iter(batch_shape))
    return Symbol(trials, name=name, dtype=dtype, rows=rows)


def connect(layer: Connected, inputs: Any, training: bool | None = None, origin: Any = None) -> Any:
    """Put `layer` behind one symbol or a list of symbols; the symbol of its output, or a list.

    Args:
        layer: layer to call.
        inputs: symbol, or list of them.
        training: False where the layer is to work as at prediction, always.
        origin: network whose layer it is, where a network is called.
    """
    training = require_training(training, layer.label)
    several = isinstance(inputs, (list, tuple))
    sources = tuple(inputs) if several else (inputs,)
    for source in sources:
        if not isinstance(source, Symbol):
            raise DescendError(
                f"{layer.label} was called on {type(source).__name__}; a layer is called on the "
                "symbol of an Input or of another layer. For arrays use "
                "layer.apply(params, state, x). A layer that the `call` of another one calls must "
                "be an attribute of that, set in its __init__."
            )
    if several and not layer.joins and len(sources) != 1:
        raise ShapeError(
            f"{layer.label} takes one input, got a list of {len(sources)}: join them first, "
            "as in Concatenate()([a, b])"
        )
    layer.meet_rows(lambda: rows_of(sources))
    builds = []
    for trial in range(max(len(source.trials) for source in sources)):
        shapes = tuple(source.trial(trial) for source in sources)
        input_shape: Any = shapes if len(shapes) > 1 else shapes[0]
        builds.append((input_shape, layer.build(input_shape)))
    _require_one_set_of_weights(layer, sources, [input_shape for input_shape, _ in builds])
    parts: list[Any] = [built if gives_several(built) else [built] for _, built in builds]
    trials = tuple(tuple(tuple(shape) for shape in part) for part in zip(*parts, strict=True))
    for shape in (shape for part in trials for shape in part):
        if any(size < 1 for size in shape):
            raise ShapeError(
                f"{layer.label} leaves nothing of an input of shape {builds[0][0]}: its output has "
                f"shape {shape} (without the batch axis)"
            )
    call = Call(layer, sources, trials, training, origin)
    if "_graph_calls" not in vars(layer):  # then it is the user's own object
        vars(layer).setdefault("_calls", []).append(call)
    return call.symbols if gives_several(builds[0][1]) else call.symbols[0]


def rows_of(symbols: Sequence[Symbol]) -> int | None:
    """The rows of every batch, as an Input behind the symbols says; None where none does."""
    stack, visited = list(symbols), set[int]()
    while stack:
        symbol = stack.pop()
        if symbol.rows is not None:
            return symbol.rows
        if id(symbol) not in visited:
            visited.add(id(symbol))
            stack.extend(symbol.inputs)
    return None


class Undecided:
    """What `training` is while a network is wired: it is not known yet."""

    def __bool__(self) -> bool:
        raise DescendError(
            "`if training:` cannot be decided while a network is wired: hand `training` on to the "
            "layers, as in self.dropout(x, training=training), or write a class X(Layer), whose "
            "call(self, x, training) may ask"
        )


def require_training(training: Any, label: str) -> bool | None:
    """None, or False; raises DescendError for a `training=True`, which nothing here would heed."""
    if training is None or isinstance(training, Undecided):
        return None
    if training is False:
        return False
    raise DescendError(
        f"{label} is called with training={training!r}: random layers are active in fit alone. For "
        "predictions with dropout use model.monte_carlo(x), or model(x, training=True)."
    )


def _merged(trials: tuple[Shape, ...]) -> OpenShape:
    return tuple(a[0] if len(set(a)) == 1 else None for a in zip(*trials, strict=True))


def require_same_arrays(layer: Connected, shape: Any, other: Any) -> None:
    """Raise ShapeError where two shapes of a layer's input need different weights."""
    if shape == other:
        return
    drawn = [
        jax.eval_shape(lambda key, s=s: layer.init(key, s)[0], jax.random.key(0))
        for s in (shape, other)
    ]
    if drawn[0] != drawn[1]:
        raise ShapeError(
            f"{layer.label} is shared between inputs of shape {shape} and {other}, which need "
            "different weights. Make a layer for each."
        )


def _require_one_set_of_weights(layer: Connected, sources: Any, shapes: list[Any]) -> None:
    """Raise ShapeError where a layer's arrays depend on a size that is left open."""
    if len(shapes) < 2:
        return
    arrays = [jax.eval_shape(lambda s=s: layer.init(jax.random.key(0), s)) for s in shapes]
    if arrays[0] != arrays[1]:
        inputs = ", ".join(str((None, *source.shape)) for source in sources)
        raise ShapeError(
            f"{layer.label}: the shapes of its weights depend on sizes of its input {inputs} that "
            "are left open (None). Give these sizes in Input, or bring the input to one size "
            "first, as GlobalAveragePooling2D does."
        )


def gives_several(built: Any) -> bool:
    """Whether what `build` returned is the shapes of several outputs."""
    return bool(built) and isinstance(built[0], (tuple, list))


def listed(y: Any) -> list[Any]:
    """A layer's output, or outputs, as a list."""
    return list(y) if isinstance(y, (tuple, list)) else [y]


def arranged(parts: Sequence[Any], form: Any) -> Any:
    """Outputs in the form in which a network was given them: one, a list, or a dict.

    Args:
        parts: one entry an output.
        form: 1 for one alone, None for a list, the keys of a dict.
    """
    if form == 1:
        return parts[0]
    return list(parts) if form is None else dict(zip(form, parts, strict=True))


def alone(parts: list[Any]) -> Any:
    """What a layer is given: one thing, or a tuple of several."""
    return tuple(parts) if len(parts) > 1 else parts[0]


def entered(outputs: Sequence[Symbol], inputs: Sequence[Symbol]) -> list[Symbol]:
    """Those of `inputs` that the outputs depend on, in their order."""
    visited: set[int] = set()
    stack = list(outputs)
    while stack:
        symbol = stack.pop()
        key = id(symbol if symbol.call is None else symbol.call)
        if key not in visited:
            visited.add(key)
            stack += symbol.inputs
    return [symbol for symbol in inputs if id(symbol) in visited]


def fits(have: OpenShape, shape: OpenShape) -> bool:
    """Whether a shape is the expected one; None in it stands for any size."""
    return len(have) == len(shape) and all(
        b is None or a == b for a, b in zip(have, shape, strict=True)
    )
