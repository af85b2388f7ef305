"""One module's entries of a state_dict as the arrays of one of our layers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from descend.errors import DescendError, ShapeError
from descend.nn.layers.base import Layer, prefixed, scoped
from descend.train.carry.torch_orders import Order

Shapes = Mapping[str, tuple[int, ...]]
Arrays = dict[str, np.ndarray]


class Entries:
    """What a state_dict holds under a prefix; remembers what was taken.

    Args:
        arrays: the whole state_dict.
        prefix: prefix of the module, "" for the whole.
        used: names taken so far.
        number: index of the layer in a stacked recurrent module.
        ending: ending of a recurrent module's names: "_reverse" for the backward direction.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        prefix: str,
        used: set[str],
        number: int = 0,
        ending: str = "",
    ):
        self.arrays, self.prefix, self.used = arrays, prefix, used
        self.number, self.ending = number, ending

    def key(self, name: str) -> str:
        """Return the name in the state_dict."""
        return f"{self.prefix}.{name}" if self.prefix else name

    def has(self, name: str) -> bool:
        """Tell whether the module has this entry."""
        return self.key(name) in self.arrays

    def take(self, name: str) -> np.ndarray:
        """Return an entry and note its use; raise DescendError where there is none."""
        key = self.key(name)
        if key not in self.arrays:
            near = difflib.get_close_matches(key, self.arrays, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DescendError(f"from_torch_state: the state_dict has no {key!r}.{hint}")
        self.used.add(key)
        return self.arrays[key]

    def inner(self, name: str) -> Entries:
        """Return the entries of a module inside."""
        return Entries(self.arrays, self.key(name), self.used)


def convert(
    layer: Layer, sources: Sequence[Entries], wanted: Shapes, rows: Order, columns: Order
) -> Arrays:
    """The arrays of a layer from the modules mapped to it.

    Args:
        layer: our layer.
        sources: its modules; one, but for SeparableConv.
        wanted: {array: shape} of the layer's arrays.
        rows, columns: orders of the features that come in and go out (`orders_of`).

    Raises:
        DescendError: a layer that has no conversion, an entry that is missing.
        ShapeError: shapes that do not fit.
    """
    kind = type(layer).__name__
    pair = kind.startswith("SeparableConv")
    if len(sources) != (2 if pair else 1):
        raise DescendError(
            f"from_torch_state: {layer.label} ({kind}) is made of "
            + ("two modules: (depthwise prefix, pointwise prefix)" if pair else "one module")
            + f", got {len(sources)}"
        )
    if pair:
        arrays = _separable(sources, wanted)
    elif kind in CONVERTERS:
        arrays = CONVERTERS[kind](layer, sources[0], wanted)
    else:
        raise DescendError(
            f"from_torch_state: there is no conversion for {layer.label} ({kind}); set its arrays "
            f"by model.params. Known: {', '.join(sorted(CONVERTERS))}"
        )
    if rows is not None or columns is not None:
        arrays = _reordered(arrays, rows, columns)
    for name, array in arrays.items():
        if array.shape != (shape := wanted[name]):
            raise ShapeError(
                f"from_torch_state: {layer.label} ({kind}): {name} has shape {shape}, but "
                f"{' and '.join(repr(s.prefix) for s in sources)} gives {array.shape} "
                f"({_RULES.get(kind, 'as it is')}). Nothing was changed."
            )
    return arrays


def _reordered(arrays: Arrays, rows: Order, columns: Order) -> Arrays:
    """The arrays of a Dense layer, or of one by feature, in our order of features."""
    result = {}
    for name, array in arrays.items():
        if name == "kernel":
            array = array if rows is None else array[rows]
            array = array if columns is None else array[:, columns]
        elif columns is not None and len(array) == len(columns):
            array = array[columns]
        result[name] = array
    return result


# -- the conversions ------------------------------------------------------------------------------


def _with_bias(arrays: Arrays, source: Entries, wanted: Shapes) -> Arrays:
    if "bias" in wanted:
        arrays["bias"] = source.take("bias")
    return arrays


def _dense(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    return _with_bias({"kernel": source.take("weight").T}, source, wanted)


def _conv(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    """(out, in, *k) -> (*k, in, out); for the transpose (in, out, *k) -> (*k, out, in)."""
    return _with_bias({"kernel": _last(source.take("weight"))}, source, wanted)


def _last(weight: np.ndarray) -> np.ndarray:
    return np.transpose(weight, (*range(2, weight.ndim), 1, 0))


def _depthwise(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    name = next(n for n in wanted if n != "bias")
    return _with_bias({name: _by_channel(source.take("weight"), wanted[name])}, source, wanted)


def _by_channel(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(channels m, 1, *k) -> (*k, channels, m)."""
    multiplier = shape[-1]
    if weight.ndim < 3 or weight.shape[1] != 1 or len(weight) % multiplier:
        return weight
    split = weight.reshape(-1, multiplier, *weight.shape[2:])
    return np.transpose(split, (*range(2, split.ndim), 0, 1))


def _separable(sources: Sequence[Entries], wanted: Shapes) -> Arrays:
    depthwise, pointwise = sources
    arrays = {
        "depthwise_kernel": _by_channel(depthwise.take("weight"), wanted["depthwise_kernel"]),
        "pointwise_kernel": _last(pointwise.take("weight")),
    }
    return _with_bias(arrays, pointwise, wanted)


def _normalization(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    theirs = {
        "gamma": "weight",
        "scale": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    arrays = {name: source.take(theirs[name]) for name in wanted}
    # over a whole image: channels first
    return {n: np.moveaxis(a, 0, -1) if a.ndim > 2 else a for n, a in arrays.items()}


def _table(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    return {next(iter(wanted)): source.take("weight")}


def _prelu(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    """One alpha, or one a channel, for all places."""
    weight, shape = source.take("weight"), wanted["alpha"]
    fits = len(weight) in (1, shape[-1])
    return {"alpha": np.broadcast_to(weight, shape).copy() if fits else weight}


def _recurrent(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    """Gates i, f, g, o as ours; r, z, n of the GRU are z, r, h here."""
    cell = "" if source.has("weight_ih") else f"_l{source.number}{source.ending}"
    gates = {"GRU": (1, 0, 2), "LSTM": (0, 1, 2, 3)}.get(type(layer).__name__, (0,))

    def ours(name: str) -> np.ndarray:
        array = source.take(name + cell)
        if len(array) % len(gates):
            return array.T
        parts = np.split(array, len(gates))
        return np.concatenate([parts[gate] for gate in gates]).T

    arrays = {"kernel": ours("weight_ih"), "recurrent_kernel": ours("weight_hh")}
    if "bias" in wanted:
        both = [ours("bias_ih"), ours("bias_hh")]
        if type(layer).__name__ != "GRU":
            arrays["bias"] = both[0] + both[1]
        elif len(wanted["bias"]) == 2:
            arrays["bias"] = np.stack(both)
        else:
            raise DescendError(
                f"from_torch_state: {layer.label}: PyTorch's GRU resets after the product; make "
                "ours with reset_after=True"
            )
    return arrays


def _bidirectional(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    arrays: Arrays = {}
    for name, ending in (("forward_layer", ""), ("backward_layer", "_reverse")):
        direction = Entries(source.arrays, source.prefix, source.used, source.number, ending)
        arrays |= prefixed(name, _recurrent(layer.layer, direction, scoped(wanted, name)))
    return arrays


def _wrapped(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    return prefixed("layer", convert(layer.layer, [source], scoped(wanted, "layer"), None, None))


def _attention(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    """in_proj (3 e, e) apart into query, key, value (d, heads, size); out_proj (heads, size, e)."""
    arrays: Arrays = {}
    split = source.has("in_proj_weight")
    weights = np.split(source.take("in_proj_weight"), 3) if split else []
    biased = "query.bias" in wanted
    biases = np.split(source.take("in_proj_bias"), 3) if biased else []
    for place, name in enumerate(("query", "key", "value")):
        weight = weights[place] if split else source.take(f"{name[0]}_proj_weight")
        heads = wanted[f"{name}.kernel"][1]
        arrays[f"{name}.kernel"] = weight.T.reshape(weight.shape[1], heads, -1)
        if biased:
            arrays[f"{name}.bias"] = biases[place].reshape(heads, -1)
    out = source.inner("out_proj")
    heads = wanted["attention_output.kernel"][0]
    weight = out.take("weight")
    arrays["attention_output.kernel"] = weight.T.reshape(heads, -1, len(weight))
    if "attention_output.bias" in wanted:
        arrays["attention_output.bias"] = out.take("bias")
    return arrays


def _encoder(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    return _block(source, wanted, _ENCODER)


def _decoder(layer: Any, source: Entries, wanted: Shapes) -> Arrays:
    crossed = any(name.startswith("cross_attention.") for name in wanted)
    return _block(source, wanted, _DECODER if crossed else _ENCODER)


def _block(source: Entries, wanted: Shapes, parts: Mapping[str, str]) -> Arrays:
    """A transformer block's layers, by PyTorch's names of its modules."""
    arrays: Arrays = {}
    for ours, theirs in parts.items():
        convert_part = _attention if ours.endswith("_attention") else _normalization
        convert_part = _dense if ours.endswith("_dense") else convert_part
        part_arrays = convert_part(None, source.inner(theirs), scoped(wanted, ours))
        arrays |= prefixed(ours, part_arrays)
    return arrays


_NETWORK = {
    "feedforward_intermediate_dense": "linear1",
    "feedforward_output_dense": "linear2",
}
_ENCODER = {
    "self_attention": "self_attn",
    "self_attention_layer_norm": "norm1",
    "feedforward_layer_norm": "norm2",
} | _NETWORK
_DECODER = {
    "self_attention": "self_attn",
    "self_attention_layer_norm": "norm1",
    "cross_attention": "multihead_attn",
    "cross_attention_layer_norm": "norm2",
    "feedforward_layer_norm": "norm3",
} | _NETWORK
Converter = Callable[[Any, Entries, Shapes], Arrays]
CONVERTERS: dict[str, Converter] = {
    "BatchNormalization": _normalization,
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "DropConnect": _dense,
    "Embedding": _table,
    "GroupNormalization": _normalization,
    "LayerNormalization": _normalization,
    "MultiHeadAttention": _attention,
    "PReLU": _prelu,
    "PositionEmbedding": _table,
    "RMSNormalization": _normalization,
    "TimeDistributed": _wrapped,
    "TransformerDecoder": _decoder,
    "TransformerEncoder": _encoder,
}
for _rank in (1, 2, 3):
    CONVERTERS |= {f"Conv{_rank}D": _conv, f"Conv{_rank}DTranspose": _conv}
    CONVERTERS[f"DepthwiseConv{_rank}D"] = _depthwise
CONVERTERS |= dict.fromkeys(("SimpleRNN", "LSTM", "GRU"), _recurrent)
_RULES: dict[str, str] = {
    "Dense": "kernel = weight.T",
    "DropConnect": "kernel = weight.T",
    "GRU": "kernel = weight_ih.T, recurrent_kernel = weight_hh.T, gates r z n -> z r h",
    "LSTM": "kernel = weight_ih.T, recurrent_kernel = weight_hh.T",
    "MultiHeadAttention": "in_proj_weight apart in three, each transposed and split by heads",
    "SimpleRNN": "kernel = weight_ih.T, recurrent_kernel = weight_hh.T",
} | {
    f"{name}{rank}D{end}": rule
    for rank in (1, 2, 3)
    for name, end, rule in (
        ("Conv", "", "(out, in / groups, *k) -> (*k, in / groups, out)"),
        ("Conv", "Transpose", "(in, out, *k) -> (*k, out, in)"),
        ("DepthwiseConv", "", "(channels m, 1, *k) -> (*k, channels, m)"),
    )
}
