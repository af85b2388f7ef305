"""Every number of a network, shown.

    from descend.glass import trace

    t = trace(model, x[:1], y[:1])
    print(t)
    print(t.unit("hidden", 2))
    print(t.weight("hidden/kernel", (0, 2)))

Names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Atoms": "operations.atoms",
    "GradientHealth": "health",
    "HiddenSpace": "surfaces",
    "Landscape": "landscape_pictures",
    "NotFinite": "operations.nan",
    "Path": "paths",
    "Race": "racing",
    "atoms": "operations.atoms",
    "decision_surface": "surfaces",
    "gradient_health": "health",
    "hidden_space": "surfaces",
    "landscape": "landscapes",
    "layer_outputs": "surfaces",
    "race": "racing",
    "surface": "surfaces",
    "unit_surfaces": "surfaces",
    "where_nan": "operations.nan",
    "Trace": "tracing",
    "trace": "tracing",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.glass.health import GradientHealth as GradientHealth
    from descend.glass.health import gradient_health as gradient_health
    from descend.glass.landscape_pictures import Landscape as Landscape
    from descend.glass.landscapes import landscape as landscape
    from descend.glass.operations.atoms import Atoms as Atoms
    from descend.glass.operations.atoms import atoms as atoms
    from descend.glass.operations.nan import NotFinite as NotFinite
    from descend.glass.operations.nan import where_nan as where_nan
    from descend.glass.paths import Path as Path
    from descend.glass.racing import Race as Race
    from descend.glass.racing import race as race
    from descend.glass.surfaces import HiddenSpace as HiddenSpace
    from descend.glass.surfaces import decision_surface as decision_surface
    from descend.glass.surfaces import hidden_space as hidden_space
    from descend.glass.surfaces import layer_outputs as layer_outputs
    from descend.glass.surfaces import surface as surface
    from descend.glass.surfaces import unit_surfaces as unit_surfaces
    from descend.glass.tracing import Trace as Trace
    from descend.glass.tracing import trace as trace

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
