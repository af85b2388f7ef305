"""Bumps: why one network can approximate any function, built by hand.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "UNIVERSAL FCT. APPROXIMATOR" (Figures 4.9
and 4.10) and "EXPRESSIVENESS OF ANN".

"Every bounded continuous function can be approximated with arbitrarily small error, by network with
one hidden layer". Shows the four shapes of Figure 4.9 as sigmoidal neurons make them; sums of hills
and of localised bumps that come nearer to a function as neurons are added, with nothing trained;
and the value function of a household with a kink, approximated in the same way.
"""

# %%
from pathlib import Path

import numpy as np

from descend.lab import Check, axes, run, save
from descend.neurons.classic import (
    bump,
    bump_network,
    draw_figure_4_9,
    hill,
    localised_bump,
    ridge,
)
from descend.palette import BLACK, BLUE, ORANGE, VERMILION

# %% [markdown]
# ## Figure 4.9
# One sigmoidal neuron is a ridge (a). Another one, reversed, makes a hill of it (b). A second hill
# at 90 degrees: where they cross they add up to two (c), but each goes on by itself as an arm of
# height one. A neuron with a threshold of one and a half keeps the crossing and drops the arms (d).

# %%
STEEP = 200.0
LOW, HIGH = (0.3, 0.3), (0.7, 0.7)
PLACES = np.array([[0.5, 0.5], [0.5, 0.9], [0.9, 0.5], [0.9, 0.9], [0.1, 0.5], [0.1, 0.1]])


def heights() -> dict[str, list[float]]:
    """Each shape at the crossing, on two arms, outside, on an arm, outside."""
    shapes = {
        "ridge": ridge(PLACES, (1, 0), 0.3, STEEP),
        "hill": hill(PLACES, (1, 0), 0.3, 0.7, STEEP),
        "bump": bump(PLACES, LOW, HIGH, STEEP),
        "localised": localised_bump(PLACES, LOW, HIGH, STEEP, 40.0),
    }
    return {name: np.round(values, 3).tolist() for name, values in shapes.items()}


# %% [markdown]
# ## Sums of bumps
# A bump on every cell of a grid, as high as the function at the cell's middle. Of one input the
# hills alone will do, and the network has one hidden layer, as in Cybenko's theorem. Of two inputs
# the localising neurons are a second one.


# %%
def wave(x: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * x[:, 0]) + x[:, 0] ** 2


def kinked(x: np.ndarray) -> np.ndarray:
    """What a household is worth that consumes all it has below an income of .4 and saves above."""
    income = x[:, 0]
    return np.where(income < 0.4, np.log(0.1 + income), np.log(0.5) + 1.2 * (income - 0.4))


def surface(x: np.ndarray) -> np.ndarray:
    return np.sin(np.pi * x[:, 0]) * np.cos(2 * np.pi * x[:, 1]) + 0.5


def measure(function, inputs: int, grids: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    """{hidden neurons: (root mean square, largest error but for one row in a hundred)}."""
    x = np.random.default_rng(0).uniform(0, 1, (5000, inputs))
    found = {}
    for cells in grids:
        network = bump_network(function, [0] * inputs, [1] * inputs, cells)
        error = np.abs(network.predict(x) - function(x))
        found[network.units] = float(np.sqrt(np.mean(error**2))), float(np.quantile(error, 0.99))
    return found


def rate(errors: dict[int, tuple[float, float]], inputs: int) -> float:
    """The power of the cells' width with which the error falls."""
    units, values = np.array(list(errors)), np.array([e[0] for e in errors.values()])
    cells = units - 1 if inputs == 1 else np.sqrt(units - 1.0)
    return float(-np.polyfit(np.log(cells), np.log(values), 1)[0])


# %% [markdown]
# ## The picture


# %%
def draw(found: dict, out: Path) -> None:
    save(draw_figure_4_9(), out, "figure_4_9.png")
    figure, (left, middle, right) = axes(3, width=4.8, height=3.9)
    x = np.linspace(0, 1, 600)[:, None]
    left.plot(x, wave(x), color=BLACK, lw=3, alpha=0.3, label="the function")
    for cells, colour, style in ((4, ORANGE, ":"), (8, BLUE, "--"), (32, VERMILION, "-")):
        network = bump_network(wave, [0], [1], cells)
        label = f"{network.units} hidden neurons"
        left.plot(x, network.predict(x), style, color=colour, lw=1.8, label=label)
    left.set(xlabel="x", ylabel="output", title="one input: sums of hills")
    left.legend(frameon=False, fontsize=8)
    side = np.linspace(0, 1, 120)
    first, second = np.meshgrid(side, side)
    rows = np.column_stack([first.ravel(), second.ravel()])
    network = bump_network(surface, [0, 0], [1, 1], 12)
    shade = middle.pcolormesh(
        first, second, network.predict(rows).reshape(first.shape), cmap="cividis", rasterized=True
    )
    middle.contour(first, second, surface(rows).reshape(first.shape), colors="white", linewidths=1)
    middle.set(xlabel="$x_1$", ylabel="$x_2$", title=f"two inputs: {network.units} neurons")
    figure.colorbar(shade, ax=middle, label="output (white: the function's contours)")
    looks = ((BLUE, "o-"), (ORANGE, "^:"), (VERMILION, "s--"))
    for (name, errors), (colour, style) in zip(found.items(), looks, strict=True):
        values = [e[0] for e in errors.values()]
        right.plot(list(errors), values, style, color=colour, label=name)
    right.set(xscale="log", yscale="log", xlabel="hidden neurons")
    right.set(ylabel="root mean square error", title="nothing is trained")
    right.legend(frameon=False, fontsize=8)
    save(figure, out, "bumps.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    grids = (8, 16, 32, 64) if quick else (8, 16, 32, 64, 128, 256, 512)
    flat = (4, 8, 16) if quick else (4, 8, 16, 32, 64)
    found = {
        "wave, one input": measure(wave, 1, grids),
        "kinked value, one input": measure(kinked, 1, grids),
        "surface, two inputs": measure(surface, 2, flat),
    }
    draw(found, out)
    at = heights()
    checks = [
        Check(
            "(a) ridge: low, high side",
            "'single sigmoidal neuron'",
            str(at["ridge"][3:5]),
            at["ridge"] == [1, 1, 1, 1, 0, 0],
        ),
        Check(
            "(b) hill: on it, both sides",
            "'added ... reversed ones'",
            str([at["hill"][i] for i in (0, 2, 4)]),
            at["hill"] == [1, 1, 0, 0, 0, 0],
        ),
        Check(
            "(c) bump: crossing, arms, outside",
            "'another hill at 90 degrees'",
            str(at["bump"][:4]),
            at["bump"] == [2, 1, 1, 0, 1, 0],
        ),
        Check(
            "(d) localised: crossing, arms, outside",
            "'sharpened to any extent we want'",
            str(at["localised"][:4]),
            at["localised"] == [1, 0, 0, 0, 0, 0],
        ),
    ]
    for name, errors in found.items():
        inputs = 2 if "two" in name else 1
        values = [e[0] for e in errors.values()]
        units = list(errors)
        power = rate(errors, inputs)
        falls = bool((np.diff(values) < 0).all())
        checks.append(
            Check(
                f"{name}: error from {units[0]} to {units[-1]} neurons",
                "'arbitrarily small'; a staircase's falls as width^1",
                f"{values[0]:.4f} to {values[-1]:.4f}, as width^{power:.2f}",
                falls and 0.8 < power < 2.2,
            )
        )
    return checks


if __name__ == "__main__":
    run(main)
