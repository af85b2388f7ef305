"""Whether a carried network hides the same steps as Keras does: where it would not, an error."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from descend.errors import DescendError
from descend.nn.layers.base import Layer
from descend.nn.layers.merge import Concatenate, Merge
from descend.nn.layers.normalization import (
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from descend.nn.symbols import Symbol

Test = tuple[int, float]  # a symbol (its id), and what it is compared with


@dataclass(frozen=True)
class Mask:
    """A mask in the Keras graph, by the comparisons that it is made of."""

    tests: frozenset[Test]


@dataclass(frozen=True)
class _SymbolMask:
    """The mask of one symbol.

    Attributes:
        shape: shape of our mask, or None where there is none.
        tests: comparisons that our mask is made of.
        alive: whether Keras has one there when it runs: it forgets some (MultiHeadAttention).
    """

    shape: Any = None
    tests: frozenset[Test] = frozenset()
    alive: bool = False


class Masks:
    """What is known of the masks of the symbols made so far."""

    def __init__(self) -> None:
        self._known: dict[int, _SymbolMask] = {}
        self._symbols: list[Symbol] = []  # so that their ids stay theirs
        # the comparisons that Embedding and Masking layers make
        self.layer_tests: set[Test] = set()

    def enter(self, symbol: Symbol) -> None:
        """Note an input; one of a model that is a layer keeps the mask that it has."""
        if id(symbol) not in self._known:
            self._note(symbol, _SymbolMask())

    def _note(self, symbol: Symbol, mask: _SymbolMask) -> None:
        self._symbols.append(symbol)
        self._known[id(symbol)] = mask

    def follow(
        self,
        layer: Layer,
        theirs: Any,
        label: str,
        inputs: Sequence[Symbol],
        outputs: Sequence[Symbol],
        masks: Sequence[Mask] | None,
    ) -> None:
        """Note the masks of a call's outputs.

        Args:
            layer, theirs: our layer and Keras's.
            label: words for the layer in messages.
            inputs, outputs: symbols of the call.
            masks: masks that the Keras graph hands it; None where the graph does not say.

        Raises:
            DescendError: Keras and we would hide different steps.
        """
        before = [self._known[id(symbol)] for symbol in inputs]
        self._compare(layer, theirs, label, inputs, before, masks)
        alive = bool(masks) or before[0].alive
        if type(layer).__name__ == "MultiHeadAttention":
            for symbol, one in zip(inputs, before, strict=True):  # it takes them off its inputs
                self._known[id(symbol)] = _SymbolMask(one.shape, one.tests, False)
        elif isinstance(layer, Merge):
            alive = all(one.alive for one in before)
        tests = frozenset().union(*(one.tests for one in before))
        if layer.gives_mask and getattr(layer, "mask_zero", True):
            test = (id(inputs[0]), float(getattr(layer, "mask_value", 0.0)))
            self.layer_tests.add(test)
            tests, alive = tests | {test}, True
        for symbol, shape in zip(outputs, _after(layer, inputs, before, len(outputs)), strict=True):
            some = shape is not None
            self._note(symbol, _SymbolMask(shape, tests if some else frozenset(), alive and some))

    def _compare(
        self,
        layer: Layer,
        theirs: Any,
        label: str,
        inputs: Sequence[Symbol],
        before: Sequence[_SymbolMask],
        masks: Sequence[Mask] | None,
    ) -> None:
        ours = [one.shape is not None for one in before]
        takes = "mask" in inspect.signature(theirs.call).parameters
        for test in (test for mask in masks or () for test in mask.tests):
            if test not in self.layer_tests:
                raise DescendError(
                    f"from_keras: {label} is called with a mask that no Embedding or Masking layer "
                    "makes; use one of these layers instead of mask="
                )
        if layer.uses_mask and takes and masks is not None and bool(masks) != any(ours):
            raise DescendError(
                f"from_keras: {label} is called "
                + ("with a mask" if masks else "without the mask that its input has")
                + "; masks are carried over where they come from Embedding(mask_zero=True) or "
                "Masking and pass through layers (Keras drops them where first states are given: "
                "hand them on by mask=)"
            )
        if type(layer).__name__ == "MultiHeadAttention" and ours != [one.alive for one in before]:
            raise DescendError(
                f"from_keras: {label} does not see the mask that its inputs have: Keras takes it "
                "off the inputs of a MultiHeadAttention, so that of several in a row the first "
                "alone heeds padding. Take mask_zero (or Masking) out to carry the weights over, "
                "and build the network with it in descend"
            )
        masked = [one for one in before if one.shape is not None]
        if not masked:
            return
        if isinstance(layer, GroupNormalization) or 1 in _axes(layer, inputs[0]):
            raise DescendError(
                f"from_keras: {label} takes its statistics over steps that are masked, which "
                "descend leaves out and Keras does not"
            )
        if getattr(layer, "go_backwards", False) and getattr(layer, "return_sequences", False):
            raise DescendError(
                f"from_keras: {label} returns a padded sequence backwards, for which Keras keeps "
                "the mask of the sequence forwards; use Bidirectional"
            )
        alike = len(masked) == len(before) and len({one.tests for one in masked}) == 1
        if isinstance(layer, Merge) and not isinstance(layer, Concatenate) and not alike:
            raise DescendError(
                f"from_keras: {label} joins sequences of different masks; a step is then real in "
                "descend where it is real in all of them, in Keras where it is in any"
            )


def _after(
    layer: Layer, inputs: Sequence[Symbol], before: Sequence[_SymbolMask], count: int
) -> Sequence[Any]:
    """The shapes of the masks of the outputs."""
    masks = [one.shape for one in before]
    if not layer.gives_mask and all(mask is None for mask in masks):
        return [None] * count
    rows = [jax.ShapeDtypeStruct((2, *s.trial(0)), jnp.dtype(s.dtype)) for s in inputs]
    several = len(inputs) > 1
    result = jax.eval_shape(
        layer.output_mask,
        tuple(rows) if several else rows[0],
        tuple(masks) if several else masks[0],
    )
    return result if isinstance(result, tuple) else [result] * count


def _axes(layer: Layer, symbol: Symbol) -> set[int]:
    """The axes, the batch's counted, that a normalisation of rows is over."""
    if not isinstance(layer, LayerNormalization | RMSNormalization):
        return set()
    axes = layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)
    return {axis % (len(symbol.shape) + 1) for axis in axes}


def masks_given(kwargs: Mapping[str, Any] | None) -> list[Mask] | None:
    """The masks among the arguments of a call; None where the arguments are not known."""
    if kwargs is None:
        return None
    value = kwargs.get("mask")
    values = value if isinstance(value, list) else [value]
    return [mask for mask in values if isinstance(mask, Mask)]
