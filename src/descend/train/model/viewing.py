"""A model as Keras shows it: its layers, their arrays, its description as text."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descend.errors import CheckpointError, DescendError, unknown
from descend.nn.layers.base import Layer
from descend.nn.layers.variables import Variable
from descend.train.saving import checkpoint


@dataclass(frozen=True, eq=False)
class InputLayer(Layer):
    """What stands for an `Input` in the list of a model's layers, as in Keras."""

    shape: Any = None

    def apply(
        self, params: Any, state: Any, x: Any, *, key: Any = None, training: bool = False
    ) -> Any:
        """Return its input."""
        return x, state


class Layers:
    """The layers of a model, by position or by name.

    Positions, iteration and length are Keras's: an Input counts, except in a Sequential, and a
    network that was put into this one is one entry. Names, `items()`, `keys()` and `values()` go
    through every layer that computes something, those of networks inside among them.
    """

    def __init__(self, entries: list[Any], named: Mapping[str, Layer]):
        self._entries, self._named = entries, named

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, str):
            if which in self._named:
                return self._named[which]
            inside = {e.name: e for e in self._entries if not isinstance(e, Layer)}
            if which not in inside:
                raise unknown("layer", which, [*self._named, *inside])
            return inside[which]
        try:
            return self._entries[which]
        except IndexError:
            raise DescendError(f"there are {len(self)} layers, no number {which}") from None

    def __contains__(self, which: Any) -> bool:
        if isinstance(which, str):
            return which in self._named
        return any(which is one or _same(which, one) for one in self._entries)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(self._entries)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the layer of that name, or `default`."""
        return self._named.get(name, default)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._named.keys()

    def values(self) -> ValuesView[Layer]:
        """Return the layers that compute, in order."""
        return self._named.values()

    def items(self) -> ItemsView[str, Layer]:
        """(name, layer) of each."""
        return self._named.items()


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, Layer) and isinstance(b, Layer) and a.identity is b.identity


class Viewed:
    """The part of `Model` that shows what it is made of."""

    # -- layers and symbols ---------------------------------------------------------------------

    @property
    def layers(self: Any) -> Any:
        """The layers, by position or name; see `Layers`."""
        return Layers(self._entries(), self._layers)

    def _entries(self: Any) -> list[Any]:
        """Return what Keras counts as layers."""
        entries: list[Any] = []
        ids: set[int] = set()
        if not hasattr(type(self), "call"):
            named = zip(self.input_names, self.input_shapes, strict=True)
            entries += [InputLayer(name=name, shape=shape) for name, shape in named]
        for node in self.nodes:
            one = node.layer if node.call.origin is None else node.call.origin
            if id(one) not in ids:
                ids.add(id(one))
                entries.append(one)
        return entries

    def get_layer(self: Any, name: str | None = None, index: int | None = None) -> Any:
        """Return the layer (or network inside) of a name or at a position.

        Raises:
            DescendError: there is none (the nearest name is suggested), or neither is given.
        """
        if (name is None) == (index is None):
            raise DescendError("get_layer takes a name or an index: get_layer('dense')")
        return self.layers[name if name is not None else index]

    @property
    def inputs(self: Any) -> list[Any]:
        """The symbols of the inputs."""
        return list(self._inputs)

    @property
    def outputs(self: Any) -> list[Any]:
        """The symbols of the outputs."""
        return list(self._outputs)

    @property
    def input(self: Any) -> Any:
        """The symbol of the input, or a list of them."""
        return self._inputs[0] if self.single_input else self.inputs

    @property
    def output(self: Any) -> Any:
        """The symbol of the output, or a list of them: Model(m.input, head(m.output))."""
        return self._outputs[0] if self.single_output else self.outputs

    @property
    def input_shape(self: Any) -> Any:
        """(None, ...) of the input, or a list of them; None is the batch, or any size."""
        shapes = [(None, *shape) for shape in self.input_shapes]
        return shapes[0] if self.single_input else shapes

    @property
    def output_shape(self: Any) -> Any:
        """(None, ...) of the output, or a list of them."""
        shapes = [(None, *shape) for shape in self.output_shapes]
        return shapes[0] if self.single_output else shapes

    # -- arrays ---------------------------------------------------------------------------------

    @property
    def weights(self: Any) -> list[Variable]:
        """All arrays, in the order of `get_weights`."""
        self.current_weights()
        return [Variable(self._layers[layer], array) for layer, array, _ in self.array_names]

    @property
    def trainable_weights(self) -> list[Variable]:
        """Those that training changes."""
        return [one for one in self.weights if one.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Those that it does not: frozen, or running statistics."""
        return [one for one in self.weights if not one.trainable]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def count_params(self: Any) -> int:
        """Count the numbers in all arrays."""
        return sum(self.parameter_counts().values())

    def save_weights(self: Any, path: str | Path, overwrite: bool = True) -> None:
        """Write the arrays, without the network, to one safetensors file.

        Args:
            path: the file, whatever its ending; written to a temporary name and renamed.
            overwrite: whether a file of that name may be replaced.

        Raises:
            DescendError: the file cannot be written, or is there.
        """
        if not overwrite and Path(path).exists():
            raise DescendError(f"{path} is there already; overwrite=True replaces it")
        arrays = {f"weights/{i:05d}": a for i, a in enumerate(self.get_weights())}
        names = [f"{layer}/{array}" for layer, array, _ in self.array_names]
        checkpoint.write(path, "weights", {"names": names}, arrays)

    def load_weights(self: Any, path: str | Path) -> None:
        """Put in the arrays of a file of `save_weights`, `save` or `ModelCheckpoint`.

        Those of `save_weights` go by their order, the others by the names of the layers.

        Raises:
            CheckpointError: the file is not ours, is damaged, or does not fit this model.
        """
        description, arrays = checkpoint.read(path)
        if description["kind"] == "weights":
            values = [arrays[name] for name in sorted(arrays) if name.startswith("weights/")]
        else:
            prefix = "state/" if description["kind"] == "checkpoint" else ""
            places = [
                f"{prefix}{'params' if is_param else 'layers'}/{layer}/{array}"
                for layer, array, is_param in self.array_names
            ]
            values = [arrays[place] for place in places if place in arrays]
        have, want = [a.shape for a in values], [one.shape for one in self.weights]
        if have != want:
            raise CheckpointError(
                f"{path} does not fit {self.name}: it holds arrays of shapes {have}, the model has "
                f"{want}. Build the same network first."
            )
        self.set_weights(values)

    # -- description ----------------------------------------------------------------------------

    def get_config(self: Any) -> dict[str, Any]:
        """Return the network as a dict for JSON, without weights; `from_config` reads it back."""
        return self.config() | {"seed": self.seed}

    def to_json(self, **options: Any) -> str:
        """Return the network as JSON text, without weights; `model_from_json` reads it back.

        Args:
            options: arguments of json.dumps, such as indent=2.
        """
        return json.dumps(self.get_config(), **options)
