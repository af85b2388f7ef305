"""What is to be thought of a policy, in one object: status, log, page and exit status ask it.

    NOT solved     whatever the residuals say: they are not finite, paths leave the box by far, the
                   economy lives at an edge of its box, or dispersed starts do not come together
    aim NOT met    none of these, but a residual is above its aim
    aim met        neither

A residual tells how well the conditions hold along a policy, not whether it is the right policy:
a path on which a state grows for ever can satisfy every one of them (the transversality condition
is no residual). So "aim met" is said only where nothing else speaks against the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from descend.palette import VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Verdict:
    """The judgement of a policy.

    Attributes:
        faults: reasons why it is no solution, worst first.
        missed, reached: lines on the aims that were missed, and on those that were not.
        remarks: news that a reader should know besides.
    """

    faults: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def solved(self) -> bool:
        """Whether nothing speaks against the policy and every aim was met."""
        return not self.faults and not self.missed

    @property
    def words(self) -> str:
        """In three words at most."""
        if self.faults:
            return "NOT solved"
        return "aim NOT met" if self.missed else "solved"

    @property
    def lines(self) -> tuple[str, ...]:
        """One line a piece of news, the worst first."""
        lines = [f"NOT solved: {fault}" for fault in self.faults]
        lines += [f"aim NOT met: {words}" for words in self.missed]
        if self.faults:
            lines += [f"{words} (a wrong policy may have that, too)" for words in self.reached]
        elif self.reached:
            lines += [f"aim met: {words}" for words in self.reached]
        return (*lines, *self.remarks)

    @property
    def warning(self) -> str:
        """The worst news, to be written below whatever is made of the policy; else nothing."""
        return "" if self.solved else self.lines[0]

    def __str__(self) -> str:
        return "; ".join(self.lines)


def mark(figure: Figure, warning: str) -> Figure:
    """The figure, with a `Verdict.warning` written below it."""
    if warning:
        line = warning if len(warning) < 90 else warning[:87] + "..."
        figure.supxlabel(line, color=VERMILION, fontsize="small")
    return figure
