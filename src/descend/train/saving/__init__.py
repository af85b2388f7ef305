"""Models and checkpoints on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "load_model": "loading",
    "model_from_json": "loading",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.train.saving.loading import load_model as load_model
    from descend.train.saving.loading import model_from_json as model_from_json

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
