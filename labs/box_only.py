"""Where to train: on the box, on the path, or on both.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "DEEP EQUILIBRIUM NETS": the cost is an
average over states "on sim. path", where the network itself simulates the path.

Trains the same network on the same economy three times: on points drawn evenly from the box of
states, on simulated states alone, and on a mixture. In eight dimensions (capital and productivity
of four countries) almost all of a wide box is far from where the economy lives: a network that
spends itself there is worse where it matters; one that never leaves the path knows little beyond.
"""

# %%
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from descend.economies import Solution, solve
from descend.economies.models.irbc import IRBC
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, GREEN, VERMILION

# %% [markdown]
# ## Three ways
# The same small network, the same number of updates, no polishing: only the share of each batch
# drawn from the box differs.

# %%


@dataclass(frozen=True)
class Wide(IRBC):
    """Four countries whose capital may be anything from two fifths to five halves of its usual."""

    countries: int = 4

    def states(self):
        """A box that is much wider than what paths pass."""
        ones = np.ones(self.countries)
        return {**super().states(), "k": (ones / 2.5, 2.5 * ones)}


WAYS = {"box only": 1.0, "path only": 0.0, "half and half": 0.5}


def trained(box: float, seeds: int, updates: int) -> Solution:
    return solve(
        Wide(),
        aim={"box mean" if box == 1 else "ergodic mean": 1e-12},  # go through all updates
        seeds=seeds,
        updates=updates,
        polish=None,
        hidden=(16,),
        box=box,
        learning_rate=0.01,
        verbose=0,
    )


# %% [markdown]
# ## The picture
# Mean residual of the worst equation on three sets: the ergodic one, the box, and paths that start
# in the box's corners.


# %%
def draw(found: dict[str, Solution], out: Path) -> None:
    figure, ax = axes(width=7)
    sets = list(next(iter(found.values())).accuracy.sets)
    styles = zip(found.items(), (VERMILION, BLUE, GREEN), ("//", "", ".."), strict=True)
    for j, ((name, solution), colour, hatch) in enumerate(styles):
        values = [solution.accuracy.figure(f"{s} mean") for s in sets]
        ax.bar(
            np.arange(len(sets)) + 0.27 * (j - 1),
            values,
            0.25,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=f"trained: {name}",
        )
    ax.set(
        xticks=range(len(sets)),
        xticklabels=[f"judged: {s}" for s in sets],
        yscale="log",
        ylabel="mean residual of the worst equation (no unit)",
    )
    ax.legend(frameon=False)
    save(figure, out, "box_only.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    seeds, updates = (1, 1500) if quick else (4, 6000)
    found = {name: trained(box, seeds, updates) for name, box in WAYS.items()}
    draw(found, out)
    error = {
        name: {s: solution.accuracy.figure(f"{s} mean") for s in ("ergodic", "box")}
        for name, solution in found.items()
    }
    for name, values in error.items():
        print(f"{name:<14}" + "   ".join(f"{s} {v:.1e}" for s, v in values.items()))
    worse = error["box only"]["ergodic"] / error["path only"]["ergodic"]
    blind = error["path only"]["box"] / error["box only"]["box"]
    mixed = error["half and half"]
    return [
        Check(
            "error where the economy lives, box only / path only",
            "train on the simulated path",
            f"{worse:.1f}",
            worse > 1.5,
        ),
        Check(
            "error in the box, path only / box only",
            "(beyond the path nothing is known)",
            f"{blind:.1f}",
            blind > 1.3,
        ),
        Check(
            "half and half",
            "neither the worst where it lives nor in the box",
            f"ergodic {mixed['ergodic']:.1e}, box {mixed['box']:.1e}",
            mixed["ergodic"] < error["box only"]["ergodic"]
            and mixed["box"] < error["path only"]["box"],
        ),
        Check(
            "dispersed starts come together",
            "(under all three policies)",
            ", ".join(f"{x.accuracy.spread['last']:.0e}" for x in found.values()),
            all(x.accuracy.stable for x in found.values()),
        ),
    ]


if __name__ == "__main__":
    run(main)
