"""From Cartesian to polar coordinates: what the hidden layer finds by itself.

Lectures: raviv-2022-introducing-deep-learning, slide "What is Learned in deep learning? (example)";
scheidegger-2020-deep-learning-cscs-usi, slide "A GEOMETRIC INTERPRETATION".

Two rings. A single neuron cannot divide them in Cartesian coordinates; in polar ones, made by hand,
it can. "But we want an automatic procedure for these transformations": a network with one hidden
layer is given the Cartesian ones, and its hidden features are looked at. They hold the radius, and
a straight cut through them divides the rings; the angle, which nobody needs, is smoothed out of the
network's answer.
"""

# %%
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from descend import Dense, Input, Model, sweep
from descend.glass import decision_surface, hidden_space, layer_outputs, unit_surfaces
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION
from descend.train.rules import Adam

# %% [markdown]
# ## The rings
# Radius about 1 and about 2, any angle.


# %%
def rings(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    radius = 1 + y + 0.15 * rng.normal(size=n)
    angle = rng.uniform(-np.pi, np.pi, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y


def polar(x: np.ndarray) -> np.ndarray:
    """Radius and angle: the features made by hand."""
    return np.column_stack([np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])])


# %% [markdown]
# ## Three networks
# One neuron on Cartesian coordinates; one neuron on polar ones; ten hidden neurons on Cartesian
# ones. Each from several seeds, as one program.

# %%
HIDDEN = 10


def network(hidden: int) -> Model:
    i = Input((2,), name="point")
    h = Dense(hidden, "tanh", name="hidden")(i) if hidden else i
    model = Model(i, Dense(1, "sigmoid", name="outer")(h))
    model.compile(Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    return model


def train(hidden: int, x: np.ndarray, y: np.ndarray, seeds: int, epochs: int) -> list[Model]:
    many = sweep(
        network(hidden), {"seed": range(seeds)}, x, y[:, None], batch_size=50, epochs=epochs
    )
    return [member.model for member in many]


def right(model: Model, x: np.ndarray, y: np.ndarray) -> float:
    return float(((layer_outputs(model, x)["outer"][:, 0] > 0.5) == y).mean())


def explained(features: np.ndarray, of: np.ndarray) -> float:
    """R^2 of a least-squares line from the features to a quantity."""
    a = np.column_stack([features, np.ones(len(features))])
    left = of - a @ np.linalg.lstsq(a, of, rcond=None)[0]
    return 1 - left.var() / of.var()


# %% [markdown]
# ## The pictures
# Beside each other: the rings as they come, as polar coordinates made by hand, and as the hidden
# layer has them. Below, each hidden neuron over the plane: soft half-planes all round, whose sum is
# a hill: near to the radius.


# %%
def draw(model: Model, x: np.ndarray, y: np.ndarray, out: Path) -> None:
    figure, (left, middle, third) = axes(3, width=4.6, height=4.2)
    decision_surface(model, x, y, classes=["inner", "outer"], ax=left)
    left.set(title="Cartesian, and the network's boundary", xlabel="$x_1$", ylabel="$x_2$")
    hand = polar(x)
    space = hidden_space(model, x, y).coordinates["hidden"]
    for k, (colour, mark) in enumerate(((BLUE, "o"), (VERMILION, "s"))):
        middle.plot(*hand[y == k].T, mark, color=colour, ms=3)
        third.plot(*space[y == k].T, mark, color=colour, ms=3)
    middle.axvline(1.5, color=BLACK, lw=1.5, ls="--")
    middle.set(xlabel="radius", ylabel="angle (radians)", title="polar, by hand: one cut divides")
    third.set(xlabel="main direction 1", ylabel="main direction 2", title="hidden layer, learned")
    save(figure, out, "polar_coordinates.png")
    units = unit_surfaces(model, x)
    save(units, out, "hidden_units.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    seeds, epochs = (2, 60) if quick else (20, 300)
    x, y = rings(600, seed=0)
    x_test, y_test = rings(2000, seed=1)
    plain = np.array([right(m, x_test, y_test) for m in train(0, x, y, seeds, 30)])
    by_hand = np.array(
        [right(m, polar(x_test), y_test) for m in train(0, polar(x), y, seeds, epochs)]
    )
    deep = train(HIDDEN, x, y, seeds, epochs)
    learned = np.array([right(m, x_test, y_test) for m in deep])
    radius, angle = polar(x_test).T
    outputs = [layer_outputs(m, x_test) for m in deep]
    held = np.array([explained(o["hidden"], radius) for o in outputs])
    given = explained(x_test, radius)
    told = np.array(
        [[abs(spearmanr(o["outer"][:, 0], q)[0]) for q in (radius, angle)] for o in outputs]
    )
    linear = np.array([hidden_space(m, x_test, y_test).separable["hidden"] for m in deep[:5]])
    draw(deep[0], x, y, out)
    return [
        Check("one neuron, Cartesian: test accuracy", "no line divides rings",
              f"{plain.mean():.2f}, at most {plain.max():.2f}", plain.max() < 0.7),
        Check("one neuron, polar by hand", "'designed feature by hand'",
              f"{by_hand.mean():.3f}, at least {by_hand.min():.3f}", by_hand.min() > 0.98),
        Check("hidden layer, Cartesian", "'automatic' transformation",
              f"{learned.mean():.3f}, at least {learned.min():.3f}", learned.min() > 0.97),
        Check("a plane through its hidden features", "'cleanly separable again'",
              f"at least {linear.min():.3f} right", linear.min() > 0.97),
        Check("radius from the inputs, R^2 of a line", "not in Cartesian coordinates",
              f"{given:.3f}", given < 0.05),
        Check("radius from the hidden features, R^2", "polar coordinates, found",
              f"{held.mean():.3f}, at least {held.min():.3f}", held.min() > 0.8),
        Check("output and radius, rank correlation", "the radius decides",
              f"at least {told[:, 0].min():.3f}", told[:, 0].min() > 0.85),
        Check("output and angle, rank correlation", "the angle does not",
              f"at most {told[:, 1].max():.3f}", told[:, 1].max() < 0.2),
    ]  # fmt: skip


if __name__ == "__main__":
    run(main)
