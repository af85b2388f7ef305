"""The blocks of a transformer: attention and a small network, each behind a skip connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from descend.errors import ShapeError
from descend.nn.checks import finite_number, positive_int
from descend.nn.layers.attention import Dropping
from descend.nn.layers.block import Block
from descend.nn.layers.dense import Dense
from descend.nn.layers.merge import Add
from descend.nn.layers.multi_head import MultiHeadAttention
from descend.nn.layers.noise import Dropout
from descend.nn.layers.normalization import LayerNormalization
from descend.nn.symbols import Symbol


@dataclass(frozen=True, eq=False)
class _Transformer(Dropping, Block):
    """What encoder and decoder share."""

    intermediate_dim: int
    num_heads: int
    dropout: Any = 0.0
    activation: Any = "relu"
    layer_norm_epsilon: float = 1e-5
    _: KW_ONLY
    normalize_first: bool = False
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int(self, "intermediate_dim")
        positive_int(self, "num_heads")
        finite_number(self, "layer_norm_epsilon", least=0)

    def features_of(self, x: Symbol) -> int:
        """The d of (time, d); raises ShapeError for other shapes, and if no multiple of heads."""
        shape = x.trial(0)
        self.require_rank(shape, 2, "(time, features)")
        if shape[-1] % self.num_heads:
            raise ShapeError(
                f"{self.label}: num_heads={self.num_heads} must divide the features, got an input "
                f"of shape {tuple(shape)} (without the batch axis)."
            )
        return shape[-1]

    def around(self, x: Symbol, name: str, inside: Callable[[Symbol], Symbol]) -> Symbol:
        """LN(x + inside(x)), or x + inside(LN(x)) with `normalize_first`."""
        norm = LayerNormalization(epsilon=self.layer_norm_epsilon, name=f"{name}_layer_norm")
        y = inside(norm(x) if self.normalize_first else x)
        if self.drops:
            y = Dropout(self.dropout, name=f"{name}_dropout")(y)
        y = Add(name=f"{name}_add")([x, y])
        result: Symbol = y if self.normalize_first else norm(y)
        return result

    def heads(self, features: int, name: str, causal: bool = False) -> MultiHeadAttention:
        """Attention whose heads split the features among them."""
        return MultiHeadAttention(
            self.num_heads,
            features // self.num_heads,
            dropout=self.dropout,
            use_causal_mask=causal,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            name=name,
        )

    def feedforward(self, x: Symbol) -> Symbol:
        """W_2 g(W_1 x + b_1) + b_2 at each step."""
        start = {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
        }
        hidden = Dense(
            self.intermediate_dim, self.activation, name="feedforward_intermediate_dense", **start
        )
        output = Dense(x.trial(0)[-1], name="feedforward_output_dense", **start)
        result: Symbol = output(hidden(x))
        return result


@dataclass(frozen=True, eq=False)
class TransformerEncoder(_Transformer):
    """A transformer's encoder block: every step looks at all steps.

        h = LN(x + attention(x, x, x)),   y = LN(h + W_2 g(W_1 h + b_1) + b_2)

    With `normalize_first`: h = x + attention(LN(x), ...), y = h + (W_2 g(W_1 LN(h) + b_1) + b_2).

    Args:
        intermediate_dim: rows of W_2.
        num_heads: number of heads of the attention; divides the features.
        dropout: share dropped in training, of the weights of attention and of what is added to the
            skip; in [0, 1).
        activation: g, by name or function (descend.nn.activations).
        layer_norm_epsilon: number added to the variance in both LN.
        normalize_first: whether LN stands before what it normalises for.
        use_causal_mask: whether step i sees steps 0..i only (a language model).
        kernel_initializer, bias_initializer: how kernels and biases are drawn, by name or object.
        kernel_regularizer, bias_regularizer: penalties of all kernels and biases; None: no penalty.

    Arrays: those of "self_attention", "self_attention_layer_norm",
    "feedforward_intermediate_dense", "feedforward_output_dense" and "feedforward_layer_norm".
    Input and output (batch, time, d); masked steps are not looked at.

    Raises:
        DescendError: a size that is no whole number >= 1, `dropout` not in [0, 1), a negative
            epsilon.
        ShapeError: the input is not (time, features), or the heads do not divide the features.

    Source: hull-2023, "Specialized Layer: Attention Mechanisms"; Vaswani et al. 2017, 3.1.

    Example:
        >>> from descend import Input, Sequential, TransformerEncoder
        >>> model = Sequential([Input((5, 4)), TransformerEncoder(8, num_heads=2)])
        >>> model.output_shape, model.count_params()  # 4 * 20, two LN of 8, 40 and 36
        ((None, 5, 4), 172)
    """

    _: KW_ONLY
    use_causal_mask: bool = False

    def wire(self, x: Any) -> Any:
        """Attention, then the network."""
        features = self.features_of(x)
        attention = self.heads(features, "self_attention", self.use_causal_mask)
        return self.around(
            self.around(x, "self_attention", attention), "feedforward", self.feedforward
        )


@dataclass(frozen=True, eq=False)
class TransformerDecoder(_Transformer):
    """A transformer's decoder block: every step looks at the steps before it, and at an encoder's.

        h = LN(x + attention(x, x, x)),   c = LN(h + attention(h, e, e)),
        y = LN(c + W_2 g(W_1 c + b_1) + b_2)

    Called on [decoder_sequence, encoder_sequence] x, e, as layer(x, e), or on x alone: then there
    is no c, as in a language model.

    Args:
        intermediate_dim, num_heads, dropout, activation, layer_norm_epsilon, normalize_first: as in
            TransformerEncoder.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: likewise.
        use_causal_mask: whether step i of x sees steps 0..i of x only; the encoder's are all seen.

    Arrays as in TransformerEncoder, with "cross_attention" and "cross_attention_layer_norm". Inputs
    (batch, time, d), (batch, steps, d'), output (batch, time, d).

    Raises:
        DescendError: a size that is no whole number >= 1, `dropout` not in [0, 1), a negative
            epsilon.
        ShapeError: inputs that are not (time, features), more than two of them, or the heads do not
            divide the features.

    Source: hull-2023, "Specialized Layer: Attention Mechanisms"; Vaswani et al. 2017, 3.1.

    Example:
        >>> from descend import Input
        >>> from descend.nn.layers import TransformerDecoder
        >>> x, encoded = Input((5, 4)), Input((7, 6))
        >>> TransformerDecoder(8, num_heads=2)(x, encoded).shape
        (5, 4)
    """

    _: KW_ONLY
    use_causal_mask: bool = True
    joins: ClassVar[bool] = True

    def __call__(self, decoder_sequence: Any, encoder_sequence: Any = None) -> Any:
        """Put this block behind the symbol(s) of the decoder's and encoder's sequences."""
        alone = encoder_sequence is None
        return super().__call__(decoder_sequence if alone else [decoder_sequence, encoder_sequence])

    def build(self, input_shape: Any) -> Any:
        """The decoder sequence's."""
        several = bool(input_shape) and isinstance(input_shape[0], tuple)
        if several and len(input_shape) != 2:
            raise ShapeError(
                f"{self.label}: call it on [decoder_sequence, encoder_sequence] or on one sequence,"
                f" got {len(input_shape)}."
            )
        return super().build(input_shape)

    def wire(self, x: Any, encoded: Any = None) -> Any:
        """Attention to itself, to the encoder, then the network."""
        features = self.features_of(x)
        x = self.around(
            x, "self_attention", self.heads(features, "self_attention", self.use_causal_mask)
        )
        if encoded is not None:
            cross = self.heads(features, "cross_attention")
            x = self.around(x, "cross_attention", lambda h: cross(h, encoded))
        return self.around(x, "feedforward", self.feedforward)
