"""Layers that attend: Attention, AdditiveAttention, MultiHeadAttention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from descend.errors import DescendError, ShapeError
from descend.nn.attention import attend, dot_product_attention, rotate
from descend.nn.checks import finite_number, fraction, one_of, positive_int
from descend.nn.initializers import Constant
from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.block import Block
from descend.nn.layers.noise import Dropout
from descend.nn.layers.precision import on_steps

ONES = Constant(1.0)


class Dropping(Layer):
    """Base of layers with a field `dropout`: the rate, in training, of what they drop inside.

    The rate may be swept, unless it is 0: random numbers would be drawn for it at every step.
    """

    stochastic: ClassVar[bool] = True
    swept: ClassVar[tuple[str, ...]] = ("dropout",)
    dropout: Any  # a field of the subclasses, each at its place

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction(self, "dropout")

    @property
    def drops(self) -> bool:
        """Whether the rate is anything but the number 0."""
        return not isinstance(self.dropout, (int, float)) or self.dropout > 0

    def numbers(self) -> dict[str, float]:
        """As in Layer, without a rate of 0."""
        return {n: v for n, v in super().numbers().items() if n != "dropout" or v > 0}

    def dropping(self, key: Any, training: bool) -> Callable[[jax.Array], jax.Array] | None:
        """What the weights of attention go through; None where nothing is dropped."""
        if not training or not self.drops:
            return None
        layer = Dropout(self.dropout, name=self.name)
        return lambda weights: layer.apply({}, {}, weights, key=key, training=True)[0]


@dataclass(frozen=True, eq=False)
class Attention(Dropping):
    """Each query's mean of the values: y = softmax(s(Q, K)) V; called on [Q, V] or [Q, V, K].

        "dot":     s(q, k) = scale q.k
        "concat":  s(q, k) = w sum_j tanh(scale (q_j + k_j))

    Without a K the keys are the values. Q, K and V are taken as they are: see MultiHeadAttention
    for attention with weights, and with q.k divided by sqrt(d).

    Args:
        use_scale: whether `scale` is learned; it is 1 otherwise.
        score_mode: "dot" or "concat".
        dropout: share of the weights that is dropped in training, in [0, 1).
        use_causal_mask: whether step i of Q sees steps 0..i only.

    Arrays: scale (), with `use_scale`; concat_score_weight w (), for "concat". Inputs
    (batch, time, d), (batch, steps, d'), (batch, steps, d); output (batch, time, d'). Masked steps
    of V and K are not looked at; masked steps of Q give zeros.

    Raises:
        DescendError: another `score_mode`, or `dropout` not in [0, 1).
        ShapeError: inputs that are not two or three sequences, or do not fit each other.

    Source: hull-2023, "Specialized Layer: Attention Mechanisms"; Luong et al. 2015.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import Attention
        >>> query, value = Input((1, 2)), Input((2, 2))
        >>> model = Model([query, value], Attention()([query, value]))
        >>> values = np.array([[[1.0, 2.0], [3.0, 4.0]]])
        >>> model.predict([np.zeros((1, 1, 2)), values]).tolist()  # a query of 0 weighs all alike
        [[[2.0, 3.0]]]
    """

    use_scale: bool = False
    score_mode: str = "dot"
    dropout: Any = 0.0
    _: KW_ONLY
    use_causal_mask: bool = False
    joins: ClassVar[bool] = True
    uses_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "score_mode", ("dot", "concat"))

    def build(self, input_shape: Any) -> Shape:
        """The time of the queries, the features of the values."""
        query, value, key = _three(self, input_shape)
        if query[-1] != key[-1]:
            raise ShapeError(
                f"{self.label}: queries and keys must have the same number of features, got "
                f"shapes {query} and {key}."
            )
        return (query[0], value[1])

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The learned numbers of the score."""
        params = {"scale": ONES(key, ())} if self.use_scale else {}
        if self.score_mode == "concat":
            params["concat_score_weight"] = ONES(key, ())
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
        """softmax(scores) V."""
        query, value, keys = x if len(x) == 3 else (*x, x[1])
        masks = (None,) * 3 if mask is None else (*mask, None)[:3]
        options: dict[str, Any] = {
            "mask": _both(masks[1], masks[2]),
            "causal": self.use_causal_mask,
            "dropout": self.dropping(key, training),
        }
        one_head = value.astype(jnp.result_type(*x, *params.values()))[:, :, None]
        scores = self.scores(params, query, keys)
        y = attend(scores[:, None], one_head, **options)[:, :, 0]
        if masks[0] is not None:
            y = jnp.where(masks[0][..., None], y, jnp.zeros_like(y))
        return y, state

    def scores(self, params: Arrays, query: jax.Array, keys: jax.Array) -> jax.Array:
        """(batch, time, steps), in float32 or wider."""
        scale = params.get("scale", 1.0)
        if self.score_mode == "concat":
            pairs = _wide(query)[:, :, None] + _wide(keys)[:, None]
            scores = params["concat_score_weight"] * jnp.sum(jnp.tanh(scale * pairs), -1)
        else:
            scores = scale * jnp.einsum("bqd,bkd->bqk", _wide(query), _wide(keys))
        return jnp.asarray(scores)

    def output_mask(self, x: Any, mask: Any) -> Any:
        """That of the queries."""
        return mask[0]


@dataclass(frozen=True, eq=False)
class AdditiveAttention(Attention):
    """Attention by the score s(q, k) = sum_j scale_j tanh(q_j + k_j).

    Args:
        use_scale: whether the scale_j are learned; they are 1 otherwise.
        scale_initializer: how the scale_j are drawn, by name or object (descend.nn.initializers).

    `dropout`, `use_causal_mask`, inputs and output as in Attention; its `score_mode` changes
    nothing here. Arrays: scale (d,), with `use_scale`.

    Raises:
        DescendError: `dropout` not in [0, 1).
        ShapeError: inputs that are not two or three sequences, or do not fit each other.

    Source: Bahdanau, Cho and Bengio 2015.

    Example:
        >>> import numpy as np
        >>> from descend import Input, Model
        >>> from descend.nn.layers import AdditiveAttention
        >>> query, value = Input((1, 1)), Input((2, 1))
        >>> model = Model([query, value], AdditiveAttention(use_scale=False)([query, value]))
        >>> y = model.predict([np.zeros((1, 1, 1)), np.array([[[1.0], [3.0]]])])
        >>> print(y.round(3))  # of 1 and 3, weighed by e^tanh(1) and e^tanh(3)
        [[[2.116]]]
    """

    use_scale: bool = True
    scale_initializer: Any = "glorot_uniform"

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """scale, one number a feature."""
        if not self.use_scale:
            return {}, {}
        # an initialiser that scales by n_in needs a matrix: d numbers for one score
        d = input_shape[0][-1]
        return {"scale": jnp.reshape(self.scale_initializer(key, (d, 1)), (d,))}, {}

    def scores(self, params: Arrays, query: jax.Array, keys: jax.Array) -> jax.Array:
        """(batch, time, steps), in float32 or wider."""
        sums = jnp.tanh(_wide(query)[:, :, None] + _wide(keys)[:, None])
        return sums @ _wide(params["scale"]) if self.use_scale else jnp.sum(sums, -1)


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
        query, _, _ = _three(self, input_shape)
        return (query[0], self.output_shape or query[1])

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """Kernels and biases of the four products."""
        query, value, keys = _three(self, input_shape)
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
        if isinstance(x, tuple):
            query, value, keys = x if len(x) == 3 else (*x, x[1])
            q = self._heads(params, query, ("query",))[0]
            if len(x) == 3:
                k, v = (
                    self._heads(params, a, (n,))[0] for a, n in ((keys, "key"), (value, "value"))
                )
            else:
                k, v = self._heads(params, value, ("key", "value"))
            masks = (None,) * 3 if mask is None else (*mask, None)[:3]
            real = _both(masks[1], masks[2])
        else:
            q, k, v = self._heads(params, x, ("query", "key", "value"))
            real = mask
        if self.rotary is not None:
            q, k = rotate(q, self.rotary), rotate(k, self.rotary)
        y = dot_product_attention(
            q,
            k,
            v,
            mask=real,
            causal=self.use_causal_mask,
            dropout=self.dropping(key, training),
        )
        return self._output(params, y), state

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

    @on_steps
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
        at, k = kept["at"], x.shape[1]
        query, new_key, new_value = self._heads(params, x, ("query", "key", "value"))
        if self.rotary is not None:
            query, new_key = (rotate(a, self.rotary, first=at) for a in (query, new_key))
        keys, values = (
            lax.dynamic_update_slice_in_dim(kept[name], new.astype(kept[name].dtype), at, 1)
            for name, new in (("key", new_key), ("value", new_value))
        )
        seen = jnp.arange(keys.shape[1])[None] <= at + jnp.arange(k)[:, None]
        y = dot_product_attention(
            query, keys, values, mask=seen[None], dropout=self.dropping(key, training)
        )
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


def _three(layer: Layer, input_shape: Any) -> tuple[Shape, Shape, Shape]:
    """The shapes of query, value and key; raises ShapeError where they do not fit."""
    single = not input_shape or not isinstance(input_shape[0], tuple)
    shapes = (input_shape,) if single else input_shape
    needs_list = single and not isinstance(layer, MultiHeadAttention)
    if needs_list or len(shapes) > 3:
        raise ShapeError(
            f"{layer.label}: call it on a list of two or three sequences, [query, value] or "
            f"[query, value, key]; got {len(shapes)}."
        )
    for shape in shapes:
        layer.require_rank(shape, 2, "(time, features)")
    query, value, key = {1: shapes * 3, 2: (*shapes, shapes[-1]), 3: shapes}[len(shapes)]
    if value[0] != key[0]:
        raise ShapeError(
            f"{layer.label}: values and keys must have the same number of steps, got shapes "
            f"{value} and {key}."
        )
    return query, value, key


def _product(x: jax.Array, kernel: jax.Array, bias: jax.Array | None) -> jax.Array:
    """x W + b with x as one matrix, (batch time, features): on a CPU faster than in three axes."""
    z = jnp.reshape(x, (-1, kernel.shape[0])) @ kernel
    return z if bias is None else z + bias[None]


def _both(a: Any, b: Any) -> Any:
    """What both masks allow; None is no mask."""
    return b if a is None else a if b is None else a & b


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
