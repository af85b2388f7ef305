"""Words as vectors, and where in a sequence they stand.

Embedding is in radwan's list of what to learn. The three layers of positions take a sequence of
vectors and return it with the position worked in, each of the input's shape: PositionEmbedding and
SinePositionEncoding add, RotaryEmbedding rotates.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from descend.errors import ShapeError
from descend.nn.attention import rotate, sinusoids
from descend.nn.checks import finite_number, positive_int
from descend.nn.layers.base import Arrays, Key, Layer, Shape


@dataclass(frozen=True, eq=False)
class Embedding(Layer):
    """Row k of a learned table for each whole number k: y = E[x].

    Args:
        input_dim: number of rows of the table; inputs are 0..input_dim - 1.
        output_dim: length of a vector.
        embeddings_initializer: how E is drawn, by name or object (descend.nn.initializers).
        embeddings_regularizer: penalty of E, by name or object; None: no penalty.
        mask_zero: whether 0 means that there is no step; it is then masked.

    Arrays: embeddings E (input_dim, output_dim). Input (batch, ...) of whole numbers (as floats
    too), output (batch, ..., output_dim). A number out of range gives NaN: it is never another's
    vector.

    Raises:
        DescendError: `input_dim` or `output_dim` that is no whole number >= 1.
        ShapeError: `mask_zero` with an input that is not (time,).

    Source: radwan, "What to learn to know about Deep Learning?" (embedding); Bengio et al. 2003.

    Example:
        >>> import numpy as np
        >>> from descend import Embedding, Input, Sequential
        >>> model = Sequential([Input((2,), dtype="int32"), Embedding(3, 2)])
        >>> model.set_weights([[[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]])
        >>> model.predict(np.array([[2, 1]])).tolist()
        [[[3.0, 4.0], [1.0, 2.0]]]
    """

    input_dim: int
    output_dim: int
    embeddings_initializer: Any = "uniform"
    _: KW_ONLY
    embeddings_regularizer: Any = None
    mask_zero: bool = False
    gives_mask: ClassVar[bool] = True
    indexes: ClassVar[bool] = True

    @property
    def looks_ahead(self) -> str:
        """Nothing; a mask is the reason why it may be refused."""
        return (
            "it makes a mask (mask_zero), and there are none step by step" if self.mask_zero else ""
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "input_dim")
        positive_int(self, "output_dim")

    def build(self, input_shape: Shape) -> Shape:
        """(...) -> (..., output_dim)."""
        if self.mask_zero:
            self.require_rank(input_shape, 1, "(time,) for mask_zero=True")
        return (*input_shape, self.output_dim)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The table (input_dim, output_dim)."""
        table = self.embeddings_initializer(key, (self.input_dim, self.output_dim))
        return {"embeddings": table}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The rows of the table."""
        index = x.astype(jnp.int32) if jnp.issubdtype(x.dtype, jnp.floating) else x
        rows = jnp.asarray(params["embeddings"]).at[index]
        return rows.get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False), state

    def check_rows(self, x: np.ndarray) -> str | None:
        """Numbers out of range, or that are not whole."""
        low, high = x.min(), x.max()
        if low < 0 or high >= self.input_dim:
            wrong = low if low < 0 else high
            return (
                f"{self.label} knows the numbers 0 to {self.input_dim - 1}, got {wrong}. "
                f"Give Embedding a larger input_dim, or map what it does not know to one number."
            )
        if x.dtype.kind == "f" and not np.array_equal(x, np.trunc(x)):
            return f"{self.label} takes whole numbers, got {x[x != np.trunc(x)][0]}"
        return None

    def output_mask(self, x: Any, mask: Any) -> Any:
        """Where the input is not 0, with `mask_zero`."""
        if not self.mask_zero:
            return mask
        real = x != 0
        return real if mask is None else mask & real


class _Positions(Layer):
    """Base of the layers of positions: step by step they count the steps read."""

    looks_ahead: ClassVar[str] = ""

    def start(self, input_shape: Any, rows: int, steps: int | None) -> Any:
        """No step is read yet."""
        super().start(input_shape, rows, steps)
        return {"at": jnp.zeros((), jnp.int32)}


@dataclass(frozen=True, eq=False)
class PositionEmbedding(_Positions):
    """A learned vector for each step, added: y_t = x_t + P_t.

    Args:
        sequence_length: steps of the longest sequence; shorter ones use the first rows of P.
        initializer: how P is drawn, by name or object (descend.nn.initializers).

    Arrays: position_embeddings P (sequence_length, d). Input and output (batch, time, d).

    Raises:
        DescendError: `sequence_length` that is no whole number >= 1.
        ShapeError: an input that is not (time, features) or is too long.

    Source: Gehring et al. 2017; Vaswani et al. 2017, 3.5.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import PositionEmbedding
        >>> model = Sequential([Input((2, 1)), PositionEmbedding(3)])
        >>> model.set_weights([[[10.0], [20.0], [30.0]]])  # P
        >>> model.predict(np.array([[[1.0], [1.0]]])).tolist()
        [[[11.0], [21.0]]]
    """

    sequence_length: int
    initializer: Any = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "sequence_length")

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        self.require_rank(input_shape, 2, "(time, features)")
        return input_shape

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """P (sequence_length, d)."""
        shape = (self.sequence_length, input_shape[-1])
        return {"position_embeddings": self.initializer(key, shape)}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x + P."""
        # not in `build`, which is shown long sequences where the length is left open
        if x.shape[1] > self.sequence_length:
            raise ShapeError(
                f"{self.label}: expected at most sequence_length={self.sequence_length} steps, got "
                f"an input of shape {x.shape[1:]}: make sequence_length larger."
            )
        return x + params["position_embeddings"][None, : x.shape[1]], state

    def step(
        self,
        params: Arrays,
        state: Arrays,
        kept: Any,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """x + the next rows of P."""
        here = lax.dynamic_slice_in_dim(params["position_embeddings"], kept["at"], x.shape[1])
        return x + here[None], {"at": kept["at"] + x.shape[1]}


@dataclass(frozen=True, eq=False)
class SinePositionEncoding(_Positions):
    """Waves of many lengths, added: y_{t,2i} = x + sin(t / w^{2i/d}), y_{t,2i+1} = x + cos(same).

    Args:
        max_wavelength: w, in steps; the longest wave takes 2 pi w of them.

    No arrays. Input and output (batch, time, d).

    Raises:
        DescendError: `max_wavelength` that is not positive.
        ShapeError: an input that is not (time, features).

    Source: Vaswani et al. 2017, 3.5.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import SinePositionEncoding
        >>> model = Sequential([Input((2, 2)), SinePositionEncoding()])
        >>> print(model.predict(np.zeros((1, 2, 2))).round(3))  # the sine and cosine of 0 and 1
        [[[0.    1.   ]
          [0.841 0.54 ]]]
    """

    max_wavelength: float = 10000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "max_wavelength", above=0)

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        self.require_rank(input_shape, 2, "(time, features)")
        return input_shape

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """x + the waves."""
        waves = sinusoids(x.shape[1], x.shape[2], self.max_wavelength)
        return x + jnp.asarray(waves, x.dtype)[None], state

    def step(
        self,
        params: Arrays,
        state: Arrays,
        kept: Any,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """x + the waves of the next steps."""
        waves = sinusoids(x.shape[1], x.shape[2], self.max_wavelength, kept["at"])
        return x + jnp.asarray(waves, x.dtype)[None], {"at": kept["at"] + x.shape[1]}


@dataclass(frozen=True, eq=False)
class RotaryEmbedding(_Positions):
    """Pairs of features turned by an angle that grows with the step.

    The formula is that of `descend.nn.attention.rotate`. For queries and keys: their inner products
    then depend on how far apart they are, not on where. MultiHeadAttention(rotary=10000.0) does it
    to its own.

    Args:
        max_wavelength: w, in steps; the slowest pair turns once in about 2 pi w of them.
        scaling_factor: number by which steps are divided.

    No arrays. Input and output (batch, time, ..., d); the pairs are (i, i + d/2).

    Raises:
        DescendError: `max_wavelength` or `scaling_factor` that is not positive.
        ShapeError: an input without a time axis, or with an odd number of features.

    Source: Su et al. 2021.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import RotaryEmbedding
        >>> model = Sequential([Input((2, 2)), RotaryEmbedding()])
        >>> x = np.array([[[1.0, 0.0], [1.0, 0.0]]])
        >>> print(model.predict(x).round(3))  # turned by 0 and by 1 radian
        [[[1.    0.   ]
          [0.54  0.841]]]
    """

    max_wavelength: float = 10000.0
    scaling_factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_number(self, "max_wavelength", above=0)
        finite_number(self, "scaling_factor", above=0)

    def build(self, input_shape: Shape) -> Shape:
        """The input's."""
        if len(input_shape) < 2 or input_shape[-1] % 2:
            raise ShapeError(
                f"{self.label}: expected an input of (time, ..., features) with an even number of "
                f"features, got shape {tuple(input_shape)} (without the batch axis)."
            )
        return input_shape

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The rotated vectors."""
        return rotate(x, self.max_wavelength, self.scaling_factor), state

    def step(
        self,
        params: Arrays,
        state: Arrays,
        kept: Any,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        """The next steps, rotated."""
        y = rotate(x, self.max_wavelength, self.scaling_factor, kept["at"])
        return y, {"at": kept["at"] + x.shape[1]}
