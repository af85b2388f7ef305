"""From the Bellman equation to the network, on an economy with a known answer.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "CONNECTION TO DYNAMIC PROGRAMMING" and
"DEEP EQUILIBRIUM NETS". The economy is that of Brock and Mirman (1972).

Iterates the lecture's V_{j+1}(x) = max {r(x, u) + beta V_j(x')} from V_0 = 0, once with the choices
limited to the grid's points and once with a spline between them; then trains a network on the Euler
equation alone. All three are held to the exact policy: save the share alpha beta of output.
"""

# %%
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from descend.economies import Solution, solve
from descend.economies.dynamic_programming import (
    Exogenous,
    Grid,
    Problem,
    ValueFunction,
    value_iteration,
)
from descend.economies.models.brock_mirman import BrockMirman
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, VERMILION

ECONOMY = BrockMirman()
EXACT = ECONOMY.alpha * ECONOMY.beta
LOW, HIGH = ECONOMY.states()["k"]

# %% [markdown]
# ## The Bellman equation
# Without shocks (log productivity a = 0): r(k, k') = log(k^alpha - k'). The exact value function is
# known too: V(k) = F log k + G with F = alpha / (1 - alpha beta).


# %%
def problem(points: int) -> Problem:
    def output(k, z):
        return jnp.exp(z) * k**ECONOMY.alpha

    def bounds(k, z):
        return LOW, jnp.minimum(HIGH, output(k, z) * (1 - 1e-9))

    return Problem(
        grid=Grid(LOW, HIGH, points),
        exogenous=Exogenous(np.zeros(1), np.ones((1, 1))),
        reward=lambda k, z, u: jnp.log(output(k, z) - u),
        bounds=bounds,
        discount=ECONOMY.beta,
        names=("k", "a"),
        policies=lambda k, z, u: {"saving": u / output(k, z)},
    )


def exact_value(k: np.ndarray) -> np.ndarray:
    alpha, beta = ECONOMY.alpha, ECONOMY.beta
    constant = np.log(1 - EXACT) + EXACT / (1 - EXACT) * np.log(EXACT)
    return alpha / (1 - EXACT) * np.log(k) + constant / (1 - beta)


# %% [markdown]
# ## The network
# Its residual is the Euler equation; productivity moves, capital is anywhere in the box.


# %%
def network(quick: bool) -> Solution:
    return solve(
        ECONOMY,
        aim=1e-4 if quick else 1e-6,
        seeds=1 if quick else 4,
        updates=200 if quick else 500,
        polishing_steps=20 if quick else 60,
        hidden=(32, 32),
        verbose=0,
    )


# %% [markdown]
# ## The picture
# Left: V_j after 1, 2, 4, ... iterations. Right: the share of output that each method saves.


# %%
def draw(iterates: dict[int, ValueFunction], shares: dict[str, np.ndarray], out: Path) -> None:
    figure, (left, right) = axes(2)
    k = next(iter(iterates.values())).problem.grid.points
    for j, found in iterates.items():
        left.plot(k, found.value[:, 0], color=BLUE, alpha=0.25 + 0.75 * j / max(iterates), lw=1)
        left.annotate(f"$V_{{{j}}}$", (k[-1], found.value[-1, 0]), fontsize=8, color=BLUE)
    left.plot(k, exact_value(k), "--", color=VERMILION, lw=2, label="exact V")
    left.set(xlabel="capital k (model units)", ylabel="value (utility)", title="value iteration")
    left.legend(frameon=False)
    styles = {"grid search": (BLACK, ":"), "spline": (GREEN, "-"), "network": (BLUE, "-")}
    at = np.linspace(LOW, HIGH, len(next(iter(shares.values()))))
    for name, (colour, style) in styles.items():
        right.plot(at, np.abs(shares[name] - EXACT), color=colour, ls=style, label=name)
    right.set(
        yscale="log",
        xlabel="capital k (model units)",
        ylabel=r"distance from $\alpha\beta$ (share of output)",
        title="share of output saved",
    )
    right.legend(frameon=False)
    save(figure, out, "bellman_to_network.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    stated = problem(300)
    counts = (1, 2, 4, 8, 16, 32, 64)
    iterates = {j: value_iteration(stated, most=j, tolerance=0.0) for j in counts}
    spline = value_iteration(stated)
    searched = value_iteration(stated, method="grid")
    net = network(quick)
    k = np.linspace(LOW, HIGH, 400)
    states = {"k": k, "a": np.zeros_like(k)}
    shares = {
        "spline": spline.policy({**states, "a": np.zeros(len(k), int)})["saving"],
        "grid search": searched.policy({**states, "a": np.zeros(len(k), int)})["saving"],
        "network": net.policy(states)["saving"],
    }
    draw(iterates, shares, out)
    print(f"{spline.status}; network: {net.status}")
    wrong = {name: float(np.abs(share - EXACT).max()) for name, share in shares.items()}
    distance = [iterates[j].distance for j in counts]
    rate = (distance[-1] / distance[-2]) ** (1 / (counts[-1] - counts[-2]))
    value = float(np.abs(spline.value[:, 0] - exact_value(stated.grid.points)).max())
    cell = float(np.diff(stated.grid.points)[0] / LOW**ECONOMY.alpha)
    return [
        Check(
            "change of V from one iteration to the next",
            f"falls by beta = {ECONOMY.beta}",
            f"by {rate:.4f}",
            abs(rate - ECONOMY.beta) < 1e-3,
        ),
        Check(
            "value function, spline",
            "F log k + G",
            f"largest difference {value:.1e}",
            value < 1e-5,
        ),
        Check(
            "saving, spline",
            f"alpha beta = {EXACT:.4f}",
            f"largest difference {wrong['spline']:.1e}",
            wrong["spline"] < 1e-4,
        ),
        Check(
            "saving, choices on the grid",
            f"alpha beta, to a cell of {cell:.1e}",
            f"largest difference {wrong['grid search']:.1e}",
            wrong["grid search"] < 2 * cell,
        ),
        Check(
            "saving, network",
            "alpha beta",
            f"largest difference {wrong['network']:.1e}",
            wrong["network"] < (1e-3 if quick else 1e-4),
        ),
    ]


if __name__ == "__main__":
    run(main)
