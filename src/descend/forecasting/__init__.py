"""Forecasts of series: networks and classical rivals, judged at many origins.

Names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Method": "method",
    "Panel": "panel",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from descend.forecasting.method import Method as Method
    from descend.forecasting.panel import Panel as Panel

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
