"""The words of a text as the sum of their vectors."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError
from descend.nn.checks import finite_number, fraction, one_of, positive_int
from descend.nn.layers.base import Arrays, Key, Layer, Shape


@dataclass(frozen=True, eq=False)
class EmbeddingBag(Layer):
    """The vectors of a text's words added up, in no order: y = sum_t E[x_t] / c + b.

    The number 0 is padding: it has no vector and is not counted. A row of padding alone gives b.

    Args:
        input_dim: number of rows of the table, that of padding counted; inputs are
            0..input_dim - 1.
        output_dim: length of a vector.
        combiner: name of what is divided by: "sum" c = 1, "mean" c = n words, or "sqrtn" c = sqrt
            n, with which a sum of n independent vectors is as large as one.
        dropout: share of the words left out in training, in [0, 1); what is left is scaled by
            1 / (1 - dropout).
        speed: number > 0, how many times as fast as other weights the vectors move under a rule
            such as Adam, whose step does not depend on the gradient's size: y is multiplied by it,
            and vectors are drawn smaller by it.
        use_bias: whether there is a bias b, which starts at 0.
        embeddings_initializer: how E is drawn, by name or object (descend.nn.initializers).
        embeddings_regularizer: penalty of E, by name or object; None: no penalty.

    Arrays: embeddings E (input_dim, output_dim), bias b (output_dim,). Input (time,) of whole
    numbers, output (output_dim,). A number out of range gives NaN, as in Embedding.

    Raises:
        DescendError: sizes that are no whole numbers >= 1, an unknown combiner, a dropout not in
            [0, 1), a speed that is not positive.
        ShapeError: an input that is not (time,).

    Source: radwan, "What to learn to know about Deep Learning?" (embedding); Iyyer et al. (2015),
    "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", whose word
    dropout this is; named as in PyTorch, combiners as in TensorFlow.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Sequential
        >>> from descend.nn.layers import EmbeddingBag
        >>> bag = EmbeddingBag(3, 2, "mean", use_bias=False)
        >>> model = Sequential([Input((3,), dtype="int32"), bag])
        >>> model.set_weights([[[9.0, 9.0], [1.0, 2.0], [3.0, 4.0]]])
        >>> model.predict(np.array([[2, 1, 0], [0, 0, 0]])).tolist()
        [[2.0, 3.0], [0.0, 0.0]]
    """

    input_dim: int
    output_dim: int
    combiner: str = "sqrtn"
    dropout: float = 0.0
    speed: float = 1.0
    use_bias: bool = True
    embeddings_initializer: Any = "uniform"
    _: KW_ONLY
    embeddings_regularizer: Any = None
    indexes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "input_dim")
        positive_int(self, "output_dim")
        one_of(self, "combiner", ("sum", "mean", "sqrtn"))
        fraction(self, "dropout")
        finite_number(self, "speed", above=0)

    @property
    def stochastic(self) -> bool:
        """Words are left out in training."""
        return self.dropout > 0

    def build(self, input_shape: Shape) -> Shape:
        """(time,) -> (output_dim,)."""
        self.require_rank(input_shape, 1, "(time,)")
        return (self.output_dim,)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The table (input_dim, output_dim), and the bias."""
        table = self.embeddings_initializer(key, (self.input_dim, self.output_dim))
        bias = {"bias": jnp.zeros(self.output_dim)} if self.use_bias else {}
        return {"embeddings": table / self.speed, **bias}, {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, *, key: Key = None, training: bool = False
    ) -> tuple[Any, Arrays]:
        """The sum of the rows that are there, divided."""
        x = x.astype(jnp.int32)
        real = x != 0
        table = jnp.asarray(params["embeddings"])
        rows = table.at[x].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
        kept, factor = real, jnp.asarray(self.speed, rows.dtype)
        if training and self.dropout:
            kept = real & self._drawn(key, x.shape)
            factor = factor / (1.0 - self.dropout)
        total = jnp.where(kept[:, :, None], rows, 0).sum(axis=1) * factor
        count = jnp.maximum(real.sum(axis=1), 1).astype(rows.dtype)[:, None]
        if self.combiner == "mean":
            total = total / count
        elif self.combiner == "sqrtn":
            total = total / jnp.sqrt(count)
        return (total + params["bias"][None] if self.use_bias else total), state

    def _drawn(self, key: Key, shape: Shape) -> jax.Array:
        if key is None:
            raise DescendError(
                f"{self.label} needs a key in training: apply(..., key=jax.random.key(0))"
            )
        return jax.random.bernoulli(key, 1.0 - self.dropout, shape)

    def check_rows(self, x: np.ndarray) -> str | None:
        """Numbers out of range, or that are not whole."""
        whole = x.dtype.kind != "f" or np.array_equal(x, np.trunc(x))
        wrong = x[(x < 0) | (x >= self.input_dim)] if whole else x[x != np.trunc(x)]
        if not wrong.size:
            return None
        return f"{self.label} knows the whole numbers 0 to {self.input_dim - 1}, got {wrong[0]}"
