"""Dynamic programming and a network on one picture: stochastic growth.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "CONNECTION TO DYNAMIC PROGRAMMING" and
"DEEP EQUILIBRIUM NETS".

Growth with CRRA utility and capital that lasts has no closed form. Three methods that share no code
for the answer stand beside each other: value function iteration on a grid, time iteration on the
Euler equation with endogenous grids, and a network trained on simulated paths.
"""

# %%
import time
from pathlib import Path

import numpy as np

from descend.economies import Solution, solve
from descend.economies.dynamic_programming import time_iteration, value_iteration
from descend.economies.models.growth import StochasticGrowth
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, GREEN, VERMILION

ECONOMY = StochasticGrowth()


# %% [markdown]
# ## The network


# %%
def network(quick: bool) -> Solution:
    return solve(
        ECONOMY,
        aim={"ergodic mean": 1e-5 if quick else 2e-6},
        seeds=1 if quick else 4,
        updates=1000,
        polishing_steps=30 if quick else 60,
        hidden=(32, 32),
        verbose=0,
    )


# %% [markdown]
# ## The picture
# Left: consumption over capital in both states of productivity, three methods; behind, where the
# economy lives. Right: how far the network and value iteration are from time iteration.


# %%
def draw(methods: dict, solution: Solution, out: Path) -> None:
    figure, (left, right) = axes(2)
    low, high = ECONOMY.states()["k"]
    k = np.linspace(low, high, 300)
    lived = solution.simulate(periods=500, paths=20, seed=1).to_frame()["k"]
    behind = left.twinx()
    behind.hist(lived, bins=50, range=(low, high), color="0.85")
    behind.set(yticks=[], zorder=0)
    behind.spines[["top", "right"]].set_visible(False)
    left.set_zorder(1)
    left.patch.set_visible(False)
    styles = {
        "time iteration": {"color": VERMILION, "lw": 5, "alpha": 0.4},
        "value iteration": {"color": GREEN, "lw": 2},
        "network": {"color": BLUE, "lw": 1.2, "ls": "--"},
    }
    for z in (0, 1):
        states = {"k": k, "z": np.full(len(k), z)}
        found = {name: asked(states)["consumption"] for name, asked in methods.items()}
        for name, style in styles.items():
            left.plot(k, found[name], **style, label=name if z == 0 else None)
        for name in ("value iteration", "network"):
            apart = np.abs(found[name] / found["time iteration"] - 1)
            colour, ls = styles[name]["color"], "-" if z == 0 else ":"
            label = f"{name}, z {'low' if z == 0 else 'high'}"
            right.plot(k, apart, color=colour, ls=ls, label=label)
    left.set(
        xlabel="capital k (model units; grey: stationary distribution)",
        ylabel="consumption (model units)",
    )
    left.legend(frameon=False)
    right.set(
        yscale="log",
        xlabel="capital k (model units)",
        ylabel="distance from time iteration (share of consumption)",
    )
    right.legend(frameon=False, fontsize=8)
    save(figure, out, "dynamic_programming.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    seconds = {}
    began = time.perf_counter()
    euler = time_iteration(ECONOMY)
    seconds["time iteration"] = time.perf_counter() - began
    began = time.perf_counter()
    bellman = value_iteration(ECONOMY, points=200 if quick else 400, tolerance=1e-8)
    seconds["value iteration"] = time.perf_counter() - began
    solution = network(quick)
    seconds["network"] = solution.seconds
    draw(
        {
            "time iteration": euler.policy,
            "value iteration": bellman.policy,
            "network": solution.policy,
        },
        solution,
        out,
    )
    print("; ".join(f"{name} {s:.0f} s" for name, s in seconds.items()))
    beside = solution.compare(euler)
    print(beside)
    low, high = ECONOMY.states()["k"]
    k = np.tile(np.linspace(low, high, 500), 2)
    states = {"k": k, "z": np.repeat([0, 1], 500)}
    c = [m.policy(states)["consumption"] for m in (euler, bellman)]
    apart = float(np.abs(c[1] / c[0] - 1).max())
    network_apart = beside.figure("consumption")
    limit = 2e-3 if quick else 1e-4  # a residual of 1e-5 every period adds up: beta is .99
    return [
        Check("time iteration", "converges", euler.status, euler.converged),
        Check("value iteration", "converges", bellman.status, bellman.converged),
        Check(
            "consumption, value beside time iteration",
            "the same policy",
            f"largest relative difference {apart:.1e}",
            apart < 1e-4,
        ),
        Check(
            "consumption, network beside time iteration, over the box",
            "the same policy",
            f"largest relative difference {network_apart:.1e}",
            network_apart < limit,
        ),
        Check(
            "dispersed starts come together",
            "not an explosive path",
            f"spread {solution.accuracy.spread['last']:.0e} of the box's width",
            solution.accuracy.stable,
        ),
    ]


if __name__ == "__main__":
    run(main)
