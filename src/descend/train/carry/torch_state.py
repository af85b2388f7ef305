"""The weights of a PyTorch network in a descend Model of the same architecture."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, unknown
from descend.nn.layers.base import Layer, scoped
from descend.nn.layers.block import Block
from descend.train.carry.torch_modules import Entries, convert
from descend.train.carry.torch_orders import Order, orders_of
from descend.train.model.model import Model

# what modules hold besides the arrays that a layer of ours has
_IGNORED = ("num_batches_tracked",)


def from_torch_state(
    model: Model,
    state_dict: Mapping[str, Any],
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    *,
    channels_last: Sequence[str] = (),
) -> None:
    """Fill a descend Model with the weights of a PyTorch network of the same architecture.

        from_torch_state(model, net.state_dict(), {"conv2d": "features.0", "dense": "classifier.1"})

    Conversions: Dense <- Linear; Conv, ConvTranspose, DepthwiseConv (a Conv with groups=channels),
    SeparableConv (two Convs); Batch-, Layer-, Group-, RMSNormalization; Embedding; PReLU;
    SimpleRNN, LSTM, GRU and their Bidirectional (PyTorch's two biases are added where ours has
    one); TimeDistributed; MultiHeadAttention; TransformerEncoder and TransformerDecoder.

    PyTorch flattens images channels first, ours channels last: the kernel's rows of a Dense behind
    a Flatten of an image (or of what Conv1D gives) are put into our order, and the columns of a
    Dense before a Reshape to an image.

    What is not an array stays as the model has it: PyTorch's normalisations have epsilon 1e-5 and
    momentum .1 (our .9), ours epsilon 1e-3 and momentum .99 by default; give the layers PyTorch's
    epsilon for equal predictions. Attention to padded steps and dropout are options as well.

    Args:
        model: the network to fill, its optimizer memory stays.
        state_dict: {name: tensor or array}.
        mapping: {our layer: PyTorch prefix}. "rnn:l1" is the second layer of a stacked recurrent
            module "rnn" ("rnn" alone the first); a SeparableConv takes a pair of prefixes
            (depthwise, pointwise); a layer inside a block is named "block.layer". Prefixes that are
            not mapped are left alone. None: the modules in the order of the state_dict to the
            layers with weights in the order of `summary()`, if all of them fit.
        channels_last: names of Flatten and Reshape layers that keep their order, because PyTorch's
            network permutes to channels last before (or its data are no images).

    Raises:
        DescendError: a name that is not there (the nearest is suggested), arrays of ours that are
            left without one, entries of mapped prefixes that are left over.
        ShapeError: a shape that does not fit. The model is then as it was.

    Source: descend's own; PyTorch's API for what is read.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, from_torch_state
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> weights = {"0.weight": np.array([[2.0, 3.0]]), "0.bias": np.array([1.0])}
        >>> from_torch_state(model, weights)  # of nn.Sequential(nn.Linear(2, 1)).state_dict()
        >>> model.predict(np.array([[10.0, 100.0]])).tolist()
        [[321.0]]
    """
    arrays = {str(name): _numpy(value) for name, value in state_dict.items()}
    present = model.current_weights()
    for name in channels_last:
        if name not in model.layers:
            raise unknown("layer in channels_last", name, model.layer_names)
    orders = orders_of(model, set(channels_last))
    if mapping is None:
        converted = _by_order(model, arrays, present, orders)
    else:
        converted = _mapped(model, arrays, mapping, present, orders)
    new: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for layer, array, is_param in model.array_names:
        old = present[not is_param][layer][array]
        value = converted.get((layer, array), old)
        new[not is_param].setdefault(layer, {})[array] = jnp.asarray(value, old.dtype)
    model.take_weights(*new)


def _mapped(
    model: Model,
    arrays: Mapping[str, np.ndarray],
    mapping: Mapping[str, str | Sequence[str]],
    present: Any,
    orders: Mapping[str, tuple[Order, Order]],
) -> dict[tuple[str, str], np.ndarray]:
    """{(layer, array): its values}, every array of the model among them."""
    converted: dict[tuple[str, str], np.ndarray] = {}
    used: set[str] = set()
    prefixes: list[str] = []
    for name, prefix in mapping.items():
        layer, wanted, start = _target(model, name, present)
        parts = [prefix] if isinstance(prefix, str) else list(prefix)
        sources = [_entries(arrays, part, used, name) for part in parts]
        prefixes += [source.prefix for source in sources]
        rows, columns = orders.get(name, (None, None))
        layer_arrays = convert(layer, sources, wanted, rows, columns)
        root = name.partition(".")[0]
        converted |= {(root, start + array): value for array, value in layer_arrays.items()}
    unfilled = [
        f"{layer}.{array}"
        for layer, array, is_param in model.array_names
        if (layer, array) not in converted and (is_param or not model.layers[layer].carries)
    ]
    left = [
        key
        for key in arrays
        if key not in used
        and key.rpartition(".")[2] not in _IGNORED
        and any(not p or key.startswith(p + ".") for p in prefixes)
    ]
    if unfilled or left:
        raise DescendError(
            f"from_torch_state: nothing was changed. Arrays of {model.name} without an entry: "
            f"{unfilled}; entries under the mapped prefixes that were not used: {left}. Every "
            "layer with weights needs its prefix in mapping, and the options of the layers "
            "(use_bias, center, scale, ...) must be those of the modules."
        )
    return converted


def _target(model: Model, name: str, present: Any) -> tuple[Layer, dict[str, tuple[Any, ...]], str]:
    """(the layer, the shapes of its arrays, how their names begin in the outermost layer)."""
    root, *path = name.split(".")
    if root not in model.layers:
        holding = [n for n in model.layer_names if n in present[0] or n in present[1]]
        raise unknown("layer of ours in mapping", name, holding)
    layer = model.layers[root]
    arrays = {**present[0].get(root, {}), **({} if layer.carries else present[1].get(root, {}))}
    shapes: dict[str, tuple[Any, ...]] = {
        array: tuple(value.shape) for array, value in arrays.items()
    }
    shape = next(node.input_shape for node in model.nodes if node.layer.name == root)
    for depth, part in enumerate(path):
        inner: dict[str, Layer] = layer.inner()
        if isinstance(layer, Block):
            graph = layer.graph(shape)
            inner = graph.layers
            shape = next((n.input_shape for n in graph.nodes if n.layer.name == part), None)
        if part not in inner:
            outer = ".".join([root, *path[:depth]])
            raise unknown("layer of ours in mapping", name, [f"{outer}.{n}" for n in inner])
        layer, shapes = inner[part], scoped(shapes, part)
    if not shapes:
        raise DescendError(f"from_torch_state: mapping names {name!r}, which has no weights")
    return layer, shapes, "".join(part + "." for part in path)


def _entries(arrays: Mapping[str, np.ndarray], module: str, used: set[str], name: str) -> Entries:
    prefix, _, layer = module.partition(":")
    start = prefix + "." if prefix else ""
    keys = [key for key in arrays if key.startswith(start)]
    numbered = layer.startswith("l") and layer[1:].isdigit()
    if not keys or (layer and not numbered):
        near = difflib.get_close_matches(prefix, _prefixes(arrays), n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DescendError(
            f"from_torch_state: mapping sends {name!r} to {module!r}, under which the state_dict "
            f"has nothing.{hint} It begins with: {', '.join(_prefixes(arrays)[:20])}"
        )
    return Entries(arrays, prefix, used, int(layer[1:]) if layer else 0)


def _prefixes(names: Iterable[str]) -> list[str]:
    """The modules of a state_dict, in order."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


def _by_order(
    model: Model,
    arrays: Mapping[str, np.ndarray],
    present: Any,
    orders: Mapping[str, tuple[Order, Order]],
) -> dict[tuple[str, str], np.ndarray]:
    layers = [n for n in model.layer_names if n in present[0] or n in present[1]]
    modules = _modules(arrays)
    try:
        if len(layers) != len(modules):
            raise DescendError(f"{len(layers)} layers with weights, {len(modules)} modules")
        pairs = dict(zip(layers, modules, strict=True))
        return _mapped(model, arrays, pairs, present, orders)
    except DescendError as error:
        raise DescendError(
            f"from_torch_state: without mapping, layers and modules go together in order, which "
            f"does not fit ({error}). Layers: {layers}; modules: {modules}. Give "
            "mapping={our layer: prefix}, such as "
            f"{{{(layers or ['dense'])[0]!r}: {(modules or ['0'])[0]!r}}}."
        ) from None


def _modules(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The modules with weights in order, as `mapping` writes them."""
    modules: list[str] = []
    attention = {
        n.rpartition(".")[0] for n in arrays if n.endswith(("in_proj_weight", "q_proj_weight"))
    }
    for prefix in _prefixes(arrays):
        if prefix.rpartition(".")[0] in attention and prefix.endswith("out_proj"):
            continue
        start = prefix + "." if prefix else ""
        depth = sum(f"{start}weight_ih_l{n}" in arrays for n in range(len(arrays)))
        modules += [prefix] if depth < 2 else [f"{prefix}:l{n}" for n in range(depth)]
    return modules


def _numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
        value = value.numpy()
    return np.asarray(value)
