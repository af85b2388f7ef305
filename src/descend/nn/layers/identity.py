"""What makes a layer object one layer, wherever it stands: one set of weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol
from weakref import WeakSet

from descend.errors import DescendError

Arrays = dict[str, Any]


class Described(Protocol):
    """What is asked here of a layer; see `layers.base.Layer`, which stands on this file."""

    @property
    def label(self) -> str:
        """How messages call it."""

    @property
    def trainable(self) -> bool:
        """Whether training changes its arrays."""

    @property
    def copies(self) -> bool:
        """Whether the layers in its fields are patterns, which are copied and not used."""

    def parts(self) -> Iterator[Described]:
        """The layers inside."""


class Identity:
    """The present weights of a layer object, which all networks over it read and train.

    It lies beside the layer object that the user made, and goes along when a graph names the layer
    or a network is called on symbols. A layer made by `dataclasses.replace`, from a description or
    from a file is another layer with weights of its own.

    Attributes:
        params, state: the arrays after the last training; `params` is None until they are drawn.
        source: while a fit runs, (run, the layer's name there): the arrays are `run.state`'s.
        name: what a graph called the layer first, where it has no name.
        input_shape: what the layer was first built for.
        home: weak reference to a network that draws the weights when the layer is asked for them.
        owner: the identity of the outermost layer that it stands in, its own where it stands alone.
        descriptions: the layer objects, one for each graph, that are this one layer.
    """

    switched: ClassVar[int] = 0  # how often any layer was frozen or let go

    def __init__(self) -> None:
        self.params: Arrays | None = None
        self.state: Arrays = {}
        self.source: tuple[Any, str] | None = None
        self.name: str | None = None
        self.input_shape: Any = None
        self.owner: Identity | None = None
        self.home: Any = None
        self.descriptions: WeakSet[Described] = WeakSet()

    @property
    def drawn(self) -> bool:
        """Whether there are weights."""
        return self.params is not None or self.source is not None

    def present(self) -> tuple[Arrays, Arrays]:
        """(parameters, what the layer remembers); during a fit, after its last epoch."""
        if self.source is None:
            return self.params or {}, self.state
        run, name = self.source
        return run.state.params.get(name, {}), run.state.layers.get(name, {})

    def adopt(self, params: Arrays, state: Arrays) -> None:
        """Take other arrays; where a fit runs, from its next epoch on."""
        if self.source is None:
            self.params, self.state = params, state
            return
        run, name = self.source
        parts = {"params": params, "layers": state}
        new = {n: {**getattr(run.state, n), name: a} for n, a in parts.items() if a}
        run.state = run.state._replace(**new)


def identity_of(layer: Described) -> Identity:
    """The layer's identity, made when it is first asked for."""
    if "_identity" not in vars(layer):
        share(Identity(), layer)
    identity: Identity = vars(layer)["_identity"]
    return identity


def share(identity: Identity, layer: Described) -> None:
    """Make a layer object one of those that are this one layer."""
    vars(layer)["_identity"] = identity
    identity.descriptions.add(layer)


def switch(layer: Described, trainable: bool) -> None:
    """Freeze a layer and all inside it, or let training change them, in every graph."""
    identity = identity_of(layer)
    if identity.source is not None:
        raise DescendError(
            f"{layer.label} is in training; freeze and unfreeze layers between two calls of fit"
        )
    for one in list(identity.descriptions):
        object.__setattr__(one, "trainable", trainable)
        vars(one).pop("_graphs", None)  # what a block has wired knows of it
        for inner in one.parts():
            switch(inner, trainable)
    Identity.switched += 1


def switches(layer: Described) -> tuple[bool, ...]:
    """Whether a layer, and each one inside it, is trained."""
    return (layer.trainable, *(flag for inner in layer.parts() for flag in switches(inner)))


def claim(layer: Described, owner: Identity, where: str) -> None:
    """Note in which layer a layer stands.

    Raises:
        DescendError: it stands in another one already, which would have weights of its own for it.
    """
    identity = identity_of(layer)
    if identity.owner is not None and identity.owner is not owner:
        raise DescendError(
            f"{where}: {layer.label} stands in two places, of which one is inside another layer. "
            "A layer inside another has its weights there, so the two cannot share them: make two "
            "layers, or use it through the outer one alone."
        )
    identity.owner = owner
    if not layer.copies:
        for inner in layer.parts():
            claim(inner, owner, where)
