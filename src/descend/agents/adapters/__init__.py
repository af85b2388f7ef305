"""Environments of other packages, each imported when it is first asked for.

    from descend.agents.adapters import from_gymnasium, from_gymnax, from_pgx

`from_gymnax` and `from_pgx` give environments inside the compiled program; `from_gymnasium` gives
one on the host, which walks while the device learns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Hosted": "gymnasium",
    "from_gymnasium": "gymnasium",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from descend.agents.adapters.gymnasium import Hosted as Hosted
    from descend.agents.adapters.gymnasium import from_gymnasium as from_gymnasium

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
