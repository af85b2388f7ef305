"""Six generations: a network beside the closed form.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "DYNAMIC STOCHASTIC ECONOMIC MODELS" and
"DEEP EQUILIBRIUM NETS". The economy is that of Krueger and Kubler (2004), solved with a network by
Azinovic, Gaegauf and Scheidegger (2022).

Trains a network on the errors in five Euler equations along paths that it simulates itself: no
labels. The exact saving shares are known, so that two kinds of error can be compared: that in the
equations, which every solution can report, and that in the policy, which only this one can.
"""

# %%
from pathlib import Path

import numpy as np

from descend.economies import Solution, solve
from descend.economies.models.analytic_olg import AnalyticOLG
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION

# %% [markdown]
# ## The closed form
# Age h saves the share b_h = beta (1 - beta^(A-h)) / (1 - beta^(A-h+1)) of its income, whatever the
# state of the economy: log utility makes what the others do irrelevant.

# %%
ECONOMY = AnalyticOLG()
AGES = np.arange(1, ECONOMY.cohorts)
LEFT = ECONOMY.cohorts - AGES
EXACT = ECONOMY.beta * (1 - ECONOMY.beta**LEFT) / (1 - ECONOMY.beta ** (LEFT + 1))
PRINTED = np.array([0.659999, 0.639393, 0.605211, 0.543379, 0.411765])  # of the exact policy


# %% [markdown]
# ## The network
# Inputs: what the ages 2 to 6 hold, and which of the four shocks has come. Outputs: five shares.
# Paths go on under the present policy between the updates; Gauss-Newton steps finish.


# %%
def solved(quick: bool) -> Solution:
    aim = 1e-4 if quick else 1e-6
    return solve(
        ECONOMY,
        aim={"ergodic mean": aim, "ergodic max": 10 * 5e-5 if quick else 100 * aim},
        seeds=1 if quick else 2,
        updates=300 if quick else 1000,
        polishing_steps=20 if quick else 150,
        hidden=(32, 32),
        verbose=0,
    )


# %% [markdown]
# ## The pictures
# Left: the exact share of each age, and those of the network over 2,000 simulated states, all
# drawn. Right: how the errors in the equations are distributed.


# %%
def draw(shares: np.ndarray, solution: Solution, out: Path) -> None:
    figure, (left, right) = axes(2)
    shift = np.linspace(-0.25, 0.25, len(shares))
    for i, age in enumerate(AGES):
        left.plot(age + shift, shares[:, i], ".", ms=1, color=BLUE)
    left.plot(AGES, EXACT, "_", ms=26, mew=2, color=VERMILION, label="closed form")
    left.plot([], [], ".", color=BLUE, label="network, 2,000 states")
    left.set(xlabel="age (periods of life)", ylabel="share of income saved", title="policy")
    left.legend(frameon=False)
    stats = solution.accuracy.sets
    width = 0.27
    for j, (name, colour) in enumerate(zip(stats, (BLUE, VERMILION, BLACK), strict=True)):
        means = [s["mean"] for s in stats[name]["conditions"].values()]
        worst = [s["max"] for s in stats[name]["conditions"].values()]
        at = AGES + (j - 1) * width
        right.bar(at, means, width, color=colour, label=f"{name}, mean")
        right.plot(at, worst, "v", color=colour, ms=5, mec="white", label=f"{name}, largest")
    right.set(
        yscale="log",
        xlabel="age (periods of life)",
        ylabel="Euler error (share of consumption)",
        title="errors by a finer rule",
    )
    right.legend(frameon=False, ncol=2, fontsize=8)
    save(figure, out, "overlapping_generations.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    solution = solved(quick)
    seen = solution.simulate(periods=200, paths=10, burn=200, seed=1).to_frame()
    states = seen[[f"k_{age}" for age in AGES]].assign(z=seen["z"])
    shares = solution.policy(states)["saving"]
    draw(shares, solution, out)
    wrong = float(np.abs(shares - EXACT).max())
    figure, spread = solution.accuracy.figure, solution.accuracy.spread
    print(f"{solution.seconds:.0f} s; {solution.status}")
    aim = (1e-4, 5e-4) if quick else (1e-6, 1e-4)
    return [
        Check(
            "closed form, b_1 to b_5",
            " ".join(f"{b:.6f}" for b in PRINTED),
            " ".join(f"{b:.6f}" for b in EXACT),
            np.allclose(EXACT, PRINTED, atol=1e-6),
        ),
        Check(
            "Euler error, mean of the worst age",
            "published, network: 10^-3.4",
            f"{figure('ergodic mean'):.1e}",
            figure("ergodic mean") <= aim[0],
        ),
        Check(
            "Euler error, largest of 10,000 states",
            "published, network: 10^-2.4",
            f"{figure('ergodic max'):.1e}",
            figure("ergodic max") <= aim[1],
        ),
        Check(
            "saving shares, largest difference",
            "published, network: .0014 of the share",
            f"{wrong:.1e}",
            wrong < (5e-4 if quick else 1e-4),
        ),
        Check(
            "dispersed starts come together",
            "one equilibrium",
            f"{spread['first']:.2f} box widths apart, later {spread['last']:.0e}",
            solution.accuracy.stable,
        ),
    ]


if __name__ == "__main__":
    run(main)
