"""Attention in several heads: MultiHeadAttention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from descend.errors import DescendError
from descend.nn.attention import dot_product_attention, rotate
from descend.nn.checks import finite_number, positive_int
from descend.nn.layers.attention import Dropping, both, three
from descend.nn.layers.base import Arrays, Key, Shape
from descend.nn.layers.block import Block
from descend.nn.layers.stepped import Fixed


@dataclass(frozen=True, eq=False)
class MultiHeadAttention(Dropping):
    """Attention in several heads at once, each with its own view of the sequences.

        head_h = softmax(Q_h K_h^T / sqrt(key_dim)) V_h
        y      = sum_h head_h W_h + b
        Q_h    = q W^Q_h + b^Q_h,  and so for K_h, V_h

    Called on one symbol (self-attention: queries, keys and values are the same sequence), or as
    layer(query, value) or layer(query, value, key).

    Args:
        num_heads: number of heads.
        key_dim: length of a head's queries and keys.
        value_dim: length of a head's values; `key_dim` by default.
        dropout: share of the weights of attention that is dropped in training, in [0, 1).
        use_bias: whether the b are there.
        output_shape: features of the output; those of the query by default.
        use_causal_mask: whether step i of the queries sees steps 0..i only.
        rotary: longest wavelength of a rotary position embedding of queries and keys, 10000.0
            for instance; None for none.
        kernel_initializer, bias_initializer: how the W and b are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of all W and of all b; None: no penalty.

    Arrays: query.kernel (d, heads, key_dim), query.bias (heads, key_dim); those of key and value
    alike (value_dim for the values); attention_output.kernel (heads, value_dim, d'),
    attention_output.bias (d'). Kernels are drawn as the matrices that they act as:
    (d, heads key_dim), (heads value_dim, d'). Inputs (batch, time, d), (batch, steps, .), output
    (batch, time, d'). Masked steps of values and keys are not looked at; the output's mask is that
    of the queries.

    Raises:
        DescendError: a size that is no whole number >= 1, `dropout` not in [0, 1), `rotary` not
            positive or with an odd `key_dim`.
        ShapeError: inputs that are not one to three sequences, or do not fit each other.

    Source: hull-2023, "Specialized Layer: Attention Mechanisms"; Vaswani et al. 2017, 3.2.

    Example:
        >>> from descend import Input, Model, MultiHeadAttention
        >>> x = Input((5, 4))
        >>> model = Model(x, MultiHeadAttention(num_heads=2, key_dim=3)(x))
        >>> model.output_shape, model.count_params()  # 3 (4 * 6 + 6) + (6 * 4 + 4)
        ((None, 5, 4), 118)
    """

    num_heads: int
    key_dim: int
    value_dim: int | None = None
    dropout: Any = 0.0
    use_bias: bool = True
    output_shape: int | None = None
    _: KW_ONLY
    use_causal_mask: bool = False
    rotary: float | None = None
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    joins: ClassVar[bool] = True
    uses_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "num_heads")
        positive_int(self, "key_dim")
        positive_int(self, "value_dim", optional=True)
        positive_int(self, "output_shape", optional=True)
        finite_number(self, "rotary", above=0, optional=True)
        if self.rotary is not None and self.key_dim % 2:
            raise DescendError(
                f"MultiHeadAttention: rotary turns pairs of features, so key_dim must be even, got "
                f"{self.key_dim}"
            )

    def __call__(self, query: Any, value: Any = None, key: Any = None) -> Any:
        """Put this layer behind the symbols of query, value and key (or one list of them)."""
        if value is None:
            return super().__call__(query)
        if key is None and value is query:
            return super().__call__(query)
        return super().__call__([query, value] if key is None else [query, value, key])

    def build(self, input_shape: Any) -> Shape:
        """The query's, or with `output_shape` features."""
        query, _, _ = three(self, input_shape, alone=True)
        return (query[0], self.output_shape or query[1])

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Kernels and biases of the four products."""
        query, value, keys = three(self, input_shape, alone=True)
        values = self.value_dim or self.key_dim
        heads = {
            "query": (query[1], self.key_dim),
            "key": (keys[1], self.key_dim),
            "value": (value[1], values),
        }
        params = {}
        draws = iter(jax.random.split(key, 8))
        for name, (d, length) in heads.items():
            matrix = self.kernel_initializer(next(draws), (d, self.num_heads * length))
            params[f"{name}.kernel"] = jnp.reshape(matrix, (d, self.num_heads, length))
            if self.use_bias:
                shape = (self.num_heads, length)
                params[f"{name}.bias"] = self.bias_initializer(next(draws), shape)
        out = self.output_shape or query[1]
        matrix = self.kernel_initializer(next(draws), (self.num_heads * values, out))
        params["attention_output.kernel"] = jnp.reshape(matrix, (self.num_heads, values, out))
        if self.use_bias:
            params["attention_output.bias"] = self.bias_initializer(next(draws), (out,))
        return params, {}

    def apply(
        self,
        params: Arrays,
        state: Arrays,
        x: Any,
        *,
        key: Key = None,
        training: bool = False,
        mask: Any = None,
    ) -> tuple[Any, Arrays]:
        """Project, attend, project."""
        q, k, v, real = self._queries_and_others(params, x, mask)
        y = dot_product_attention(
            q,
            k,
            v,
            mask=real,
            causal=self.use_causal_mask,
            dropout=self.dropping(key, training),
        )
        return self._output(params, y), state

    def _queries_and_others(
        self, params: Arrays, x: Any, mask: Any
    ) -> tuple[jax.Array, jax.Array, jax.Array, Any]:
        """Queries, keys and values of all heads, and which of the keys are real."""
        if isinstance(x, tuple):
            q = self._heads(params, x[0], ("query",))[0]
            masks = (None,) * len(x) if mask is None else mask
            k, v, real = self._others(params, x[1:], masks[1:])
        else:
            q, k, v = self._heads(params, x, ("query", "key", "value"))
            real = mask
        if self.rotary is not None:
            q, k = rotate(q, self.rotary), rotate(k, self.rotary)
        return q, k, v, real

    def _others(
        self, params: Arrays, sequences: Sequence[Any], masks: Sequence[Any]
    ) -> tuple[jax.Array, jax.Array, Any]:
        """Keys and values of all heads, of (values, keys) or one for both, and which are real."""
        if len(sequences) == 1:
            k, v = self._heads(params, sequences[0], ("key", "value"))
            return k, v, masks[0]
        k, v = (self._heads(params, sequences[i], (n,))[0] for i, n in ((1, "key"), (0, "value")))
        return k, v, both(*masks)

    def attention_weights(self, params: Arrays, x: Any) -> jax.Array:
        """What the values are weighed by, (batch, heads, time, steps), where nothing is masked."""
        q, k, v, _ = self._queries_and_others(params, x, None)
        one_hot = jnp.eye(k.shape[1], dtype=v.dtype)[None, :, None]
        one_hot = jnp.broadcast_to(one_hot, (*k.shape[:3], k.shape[1]))
        y = dot_product_attention(q, k, one_hot, causal=self.use_causal_mask)
        return jnp.swapaxes(y, 1, 2)

    def _output(self, params: Arrays, y: jax.Array) -> jax.Array:
        """What the heads' means (batch, time, heads, length) come to."""
        kernel = params["attention_output.kernel"]
        kernel = jnp.reshape(kernel, (-1, kernel.shape[-1]))
        z = _product(y, kernel, params["attention_output.bias"] if self.use_bias else None)
        return jnp.reshape(z, (*y.shape[:2], -1))

    @property
    def looks_ahead(self) -> str:
        """Something where it is not causal."""
        return "" if self.use_causal_mask else "it attends to later steps (use_causal_mask=False)"

    def start(self, input_shape: Any, rows: int, steps: int | None) -> Any:
        """Room for the keys and values of all steps."""
        if isinstance(input_shape[0], tuple):
            raise DescendError(
                f"{self.label} cannot be read step by step: its keys are of another sequence"
            )
        super().start(input_shape, rows, steps)
        if steps is None:
            raise DescendError(
                f"{self.label} is read step by step with room for its keys: say for how many steps"
            )
        room = (rows, steps, self.num_heads)
        return {
            "at": jnp.zeros((), jnp.int32),
            "key": jnp.zeros((*room, self.key_dim)),
            "value": jnp.zeros((*room, self.value_dim or self.key_dim)),
        }

    def start_with(
        self,
        params: Arrays,
        state: Arrays,
        input_shape: Any,
        steps: int | None,
        inputs: tuple[Any, ...],
        masks: tuple[Any, ...],
    ) -> Any:
        """Keys and values of a sequence that is given whole, made once; the queries are read."""
        query, *others = inputs
        ordered = self.use_causal_mask or self.rotary is not None
        if query is not None or ordered or any(a is None for a in others):
            return super().start_with(params, state, input_shape, steps, inputs, masks)
        k, v, real = self._others(params, others, masks[1:])
        return Fixed({"key": k, "value": v, "mask": real})

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
        """The next steps attend to themselves, to each other's past and to what is kept."""
        dropout = self.dropping(key, training)
        if isinstance(kept, Fixed):
            (query,) = self._heads(params, x, ("query",))
            y = dot_product_attention(query, **kept.of, dropout=dropout)
            return self._output(params, y), kept
        at, k = kept["at"], x.shape[1]
        query, new_key, new_value = self._heads(params, x, ("query", "key", "value"))
        if self.rotary is not None:
            query, new_key = (rotate(a, self.rotary, first=at) for a in (query, new_key))
        keys, values = (
            lax.dynamic_update_slice_in_dim(kept[name], new.astype(kept[name].dtype), at, 1)
            for name, new in (("key", new_key), ("value", new_value))
        )
        seen = jnp.arange(keys.shape[1])[None] <= at + jnp.arange(k)[:, None]
        y = dot_product_attention(query, keys, values, mask=seen[None], dropout=dropout)
        return self._output(params, y), {"at": at + k, "key": keys, "value": values}

    def _heads(self, params: Arrays, x: jax.Array, names: Sequence[str]) -> list[jax.Array]:
        """What `names` make of x, each (batch, time, heads, length), by one matrix product."""
        kernels = [params[f"{name}.kernel"] for name in names]
        kernel = jnp.concatenate([jnp.reshape(k, (k.shape[0], -1)) for k in kernels], axis=1)
        bias = None
        if self.use_bias:
            bias = jnp.concatenate([jnp.reshape(params[f"{name}.bias"], (-1,)) for name in names])
        ends = np.cumsum([k.shape[1] * k.shape[2] for k in kernels])[:-1]
        parts = jnp.split(_product(x, kernel, bias), ends, axis=1)
        return [jnp.reshape(a, (*x.shape[:2], self.num_heads, -1)) for a in parts]

    def output_mask(self, x: Any, mask: Any) -> Any:
        """That of the queries."""
        return mask[0] if isinstance(mask, tuple) else mask

    # a regulariser holds for the array of that name in all four products
    penalty = Block.penalty


def _product(x: jax.Array, kernel: jax.Array, bias: jax.Array | None) -> jax.Array:
    """x W + b with x as one matrix, (batch time, features): on a CPU faster than in three axes."""
    z = jnp.reshape(x, (-1, kernel.shape[0])) @ kernel
    return z if bias is None else z + bias[None]
