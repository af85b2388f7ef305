"""Environments of other packages, each imported when it is first asked for.

    from descend.agents.adapters import from_atari, from_gymnasium, from_gymnax, from_pgx

`from_gymnax` and `from_pgx` give environments inside the compiled program; `from_gymnasium` and
`from_atari` give one on the host, which walks while the device learns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "from_atari": "atari",
    "from_gymnasium": "gymnasium",
    "from_gymnax": "gymnax",
    "from_pgx": "pgx",
    "nature_network": "atari",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from descend.agents.adapters.atari import from_atari as from_atari
    from descend.agents.adapters.atari import nature_network as nature_network
    from descend.agents.adapters.gymnasium import from_gymnasium as from_gymnasium
    from descend.agents.adapters.gymnax import from_gymnax as from_gymnax
    from descend.agents.adapters.pgx import from_pgx as from_pgx

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
