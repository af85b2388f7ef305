"""Many runs as one program: sweep, ensemble, cross-validation, rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Ensemble": "members",
    "Many": "members",
    "Member": "members",
    "Rounds": "rounds",
    "cross_validate": "sweeping",
    "ensemble": "sweeping",
    "sweep": "sweeping",
    "train_task": "sweeping",
}
__all__ = list(_HOMES)

if TYPE_CHECKING:
    from descend.train.many.members import Ensemble as Ensemble
    from descend.train.many.members import Many as Many
    from descend.train.many.members import Member as Member
    from descend.train.many.rounds import Rounds as Rounds
    from descend.train.many.sweeping import cross_validate as cross_validate
    from descend.train.many.sweeping import ensemble as ensemble
    from descend.train.many.sweeping import sweep as sweep
    from descend.train.many.sweeping import train_task as train_task

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
