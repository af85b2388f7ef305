"""What the suite over all layers is given: configurations, and their peers in other libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.nn.layers import Layer
from descend.train.engine.runtime import quick_compile

BATCH = 6
# For programs that run once on a few numbers: compiling is all that they cost, and without the
# compiler's optimisations it takes less than half of what `quick_compile` takes.
_ONCE = {name: 0 if "level" in name else value for name, value in quick_compile().items()}
jit = partial(jax.jit, compiler_options=_ONCE)


@dataclass(frozen=True)
class Case:
    """A layer, the shape(s) it is built for, and the output shape(s) worked out by hand.

    Attributes:
        make: the layer; called anew for each test.
        input_shape: without the batch axis; a tuple of shapes for several inputs.
        output_shape: likewise.
        parameters: count of trained numbers, worked out by hand.
        kinked: has a gradient that jumps (relu, max): inputs then lie .05 off whole multiples of
            .1, all different, so that no finite difference (step 1e-5) meets a kink at 0 or a tie.
        rows_mixed: rows of a batch see each other in training (batch normalisation).
        state_count: count of numbers that are kept but not trained.
        masked: the layer's input may have a mask (batch, time).
        constants: its gradient takes what depends on the weights as given (spectral
            normalisation's singular vectors), so that it is no derivative until they have settled.
        domain: "real", or "index:N" for whole numbers 0..N-1.
    """

    make: Callable[[], Layer]
    input_shape: Any
    output_shape: Any
    parameters: int = 0
    kinked: bool = False
    rows_mixed: bool = False
    state_count: int = 0
    masked: bool = False
    constants: bool = False
    domain: str = "real"

    @property
    def several(self) -> bool:
        return bool(self.input_shape) and isinstance(self.input_shape[0], tuple)

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        several = bool(self.output_shape) and isinstance(self.output_shape[0], tuple)
        return self.output_shape if several else (self.output_shape,)

    @property
    def smooth(self) -> bool:
        """Whether it makes sense to differentiate by the input."""
        return self.domain == "real"

    @property
    def batch(self) -> int:
        """The rows of a batch: what a stateful layer was made for, or the suite's."""
        return getattr(self.make(), "batch_size", None) or BATCH

    @property
    def batch_free(self) -> bool:
        """Whether it takes batches of any size."""
        return getattr(self.make(), "batch_size", None) is None


@dataclass(frozen=True)
class Peer:
    """A random configuration and the same layer elsewhere.

    Attributes:
        layer, input_shape, domain: as in Case.
        keras: makes the Keras layer; its arrays are set from ours.
        torch: the same function in PyTorch, (params, x) -> y; at prediction.
        rename: {our array name: the end of the Keras variable's path} where names differ.
        call: how the Keras layer is called on the input (or tuple of inputs), where that is not
            layer(x).
    """

    layer: Layer
    input_shape: Any
    keras: Callable[[], Any] | None = None
    torch: Callable[[Any, Any], Any] | None = None
    rename: Mapping[str, str] | None = None
    domain: str = "real"
    call: Callable[[Any, Any], Any] | None = None


def draw(
    shape: Any, batch: int, seed: int = 0, *, domain: str = "real", kinked: bool = False,
    dtype: Any = np.float64,
) -> Any:  # fmt: skip
    """Random inputs of a shape, or a tuple of them."""
    rng = np.random.default_rng(seed)

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        whole = (batch, *shape)
        if domain.startswith("index:"):
            return rng.integers(0, int(domain[6:]), whole).astype(np.int32)
        if kinked:  # all different: multiples of .1 in random order, .05 off zero
            count = int(np.prod(whole))
            steps = rng.permutation(count) - count // 2
            scale = max(1.0, count / 60)  # numbers of order one also in large arrays
            return ((steps.reshape(whole) * 0.1 + 0.05) / scale).astype(dtype)
        return rng.standard_normal(whole).astype(dtype)

    def one(shape: tuple[int, ...]) -> jax.Array:
        return jnp.asarray(numbers(shape))  # of their dtype already: nothing is compiled

    several = bool(shape) and isinstance(shape[0], tuple)
    return tuple(one(s) for s in shape) if several else one(shape)


def start(layer: Layer, input_shape: Any, dtype: Any = np.float32) -> tuple[Any, Any]:
    """Arrays of the shapes that `init` gives, filled by numpy: no compilation.

    Names of arrays that must be positive (variances) get positive numbers.
    """
    rng = np.random.default_rng(7)
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), input_shape))

    def fill(path: Any, a: Any) -> np.ndarray:
        drawn = 0.3 + 0.5 * rng.standard_normal(a.shape)
        return (np.abs(drawn) if "variance" in str(path[-1]) else drawn).astype(dtype)

    return jax.tree_util.tree_map_with_path(fill, shapes)


def mask_of(case: Case, seed: int = 0) -> Any:
    """A random mask (batch, time) with at least one real step a row, for each input."""
    rng = np.random.default_rng(seed + 1)

    def one(shape: tuple[int, ...]) -> np.ndarray:
        lengths = rng.integers(1, shape[0] + 1, case.batch)
        return np.arange(shape[0]) < lengths[:, None]

    return tuple(map(one, case.input_shape)) if case.several else one(case.input_shape)
