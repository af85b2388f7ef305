"""How a tap sees what a network computes, also inside its layers.

A tap is a function (name, input, output), called at every layer. What it returns takes the output's
place; None leaves it. Layers inside a layer are named "outer.inner". A tap whose attribute
`details` is true is also shown, as "layer:z" and the like, what happens inside a formula. One with
a method `called(number, f, x)` is given every node's own function f(params, x) -> output.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Tap = Callable[[str, Any, Any], Any]


@dataclass(frozen=True)
class Inside:
    """The tap of what lies inside the layer `name`."""

    tap: Tap
    name: str

    def __call__(self, name: str, x: Any, y: Any) -> Any:
        """The outer tap, told the whole name."""
        return self.tap(self.name + ("" if name.startswith(":") else ".") + name, x, y)

    @property
    def details(self) -> bool:
        """Whether the outer tap asks for them."""
        return getattr(self.tap, "details", False)


def through_tap(tap: Tap | None, name: str, x: Any, y: Any) -> Any:
    """`y`, or what the tap puts in its place."""
    instead = None if tap is None else tap(name, x, y)
    return y if instead is None else instead


def with_tap(layer: Any, name: str, tap: Tap | None) -> tuple[Any, dict[str, Any]]:
    """The layer as a tap looks into it, and what its `apply` is given besides.

    The pre-activation "name:z" is what the activation is applied to, whatever `apply` has done to
    the weights or the input before (dropped weights, masked steps).
    """
    if tap is None:
        return layer, {}
    inside = Inside(tap, name)
    options = {"tap": inside} if layer.taps else {}
    if inside.details and hasattr(layer, "preactivation") and hasattr(layer, "activation"):
        g = layer.activation
        layer = copy.copy(layer)
        tapped = lambda z: g(through_tap(inside, ":z", None, z))  # noqa: E731
        object.__setattr__(layer, "activation", tapped)
    return layer, options
