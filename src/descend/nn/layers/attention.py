"""Layers that attend: Attention and AdditiveAttention; see also `multi_head`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from descend.errors import ShapeError
from descend.nn.attention import attend
from descend.nn.checks import fraction, one_of
from descend.nn.initializers import Constant
from descend.nn.layers.base import Arrays, Key, Layer, Shape
from descend.nn.layers.noise import Dropout
from descend.nn.layers.stepped import Fixed

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
        query, value, key = three(self, input_shape)
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
        y = self._attended(
            params,
            query,
            value.astype(jnp.result_type(*x, *params.values())),
            keys,
            mask=both(masks[1], masks[2]),
            causal=self.use_causal_mask,
            dropout=self.dropping(key, training),
        )
        if masks[0] is not None:
            y = jnp.where(masks[0][..., None], y, jnp.zeros_like(y))
        return y, state

    def _attended(
        self, params: Arrays, query: jax.Array, value: jax.Array, keys: jax.Array, **options: Any
    ) -> jax.Array:
        """The mean of the values by the scores of the keys, as one head."""
        scores = self.scores(params, query, keys)
        return attend(scores[:, None], value[:, :, None], **options)[:, :, 0]

    def attention_weights(self, params: Arrays, x: Any) -> jax.Array:
        """What the values are weighed by, (batch, 1, time, steps), where nothing is masked."""
        query, keys = x[0], x[-1]
        one_hot = jnp.eye(keys.shape[1], dtype=jnp.result_type(float))
        weights = self._attended(
            params,
            query,
            jnp.broadcast_to(one_hot, (len(keys), *one_hot.shape)),
            keys,
            causal=self.use_causal_mask,
        )
        return weights[:, None]

    def start_with(
        self,
        params: Arrays,
        state: Arrays,
        input_shape: Any,
        steps: int | None,
        inputs: tuple[Any, ...],
        masks: tuple[Any, ...],
    ) -> Any:
        """Values and keys that are given whole; the queries are read."""
        query, *others = inputs
        if query is not None or self.use_causal_mask or any(a is None for a in others):
            return super().start_with(params, state, input_shape, steps, inputs, masks)
        return Fixed({"value": others[0], "keys": others[-1], "mask": both(masks[1], masks[-1])})

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
        """Each of the next queries by itself."""
        dropout = self.dropping(key, training)
        return self._attended(params, x, **kept.of, dropout=dropout), kept

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


def three(layer: Layer, input_shape: Any, alone: bool = False) -> tuple[Shape, Shape, Shape]:
    """The shapes of query, value and key; raises ShapeError where they do not fit.

    Args:
        layer: whose they are.
        input_shape: as for `build`.
        alone: whether one sequence may be all three.
    """
    single = not input_shape or not isinstance(input_shape[0], tuple)
    shapes = (input_shape,) if single else input_shape
    needs_list = single and not alone
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


def both(a: Any, b: Any) -> Any:
    """What both masks allow; None is no mask."""
    return b if a is None else a if b is None else a & b


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
