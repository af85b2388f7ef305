"""The worked perceptron: one neuron, two inputs, output .002.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "PERCEPTRON – AN EXAMPLE".

Shows that the number on the slide is what a `Dense(1, "sigmoid")` gives once its weights are the
slide's, that the neuron's boundary is a straight line, and on which side of it the input lies.
"""

# %%
from pathlib import Path

import numpy as np

from descend import Dense, Input, Model
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, ORANGE, VERMILION

# %% [markdown]
# ## The neuron
# A dense layer of one unit is a perceptron. Its kernel holds W, one row an input; its bias is w0.
# Nothing is trained here: the weights are given, and put in by hand.

# %%
W0, W = 1.0, np.array([3.0, -2.0])
X = np.array([-1.0, 2.0])


def perceptron() -> Model:
    i = Input((2,), name="x")
    model = Model(i, Dense(1, "sigmoid", name="neuron")(i))
    model.params = {"neuron": {"kernel": np.float32(W[:, None]), "bias": np.float32([W0])}}
    return model


# %% [markdown]
# ## The line
# The output is exactly one half where w0 + x'W = 0. Here that is x2 = (1 + 3 x1) / 2: above the
# line the neuron answers less than one half, below it more. W points to the side of "more".


# %%
def on_the_line(x1: np.ndarray) -> np.ndarray:
    return np.column_stack([x1, (W0 + W[0] * x1) / -W[1]])


def draw(model: Model, out: Path) -> None:
    side = np.linspace(-4, 4, 161)
    x1, x2 = np.meshgrid(side, side)
    y = model.predict(np.column_stack([x1.ravel(), x2.ravel()])).reshape(x1.shape)
    figure, ax = axes(width=6.4, height=5)
    shade = ax.pcolormesh(x1, x2, y, cmap="cividis", vmin=0, vmax=1, rasterized=True)
    figure.colorbar(shade, label=r"output $\hat y$ (probability)")
    line = on_the_line(side)
    ax.plot(*line.T, color="white", lw=2.5, label=r"$1 + 3x_1 - 2x_2 = 0$, where $\hat y = 1/2$")
    ax.plot(*X, "X", color=VERMILION, ms=13, mec="white")
    ax.annotate(
        r"$X = (-1, 2)$: $\hat y = 0.002$",
        X,
        (-3.7, 2.9),
        color="white",
        fontsize=11,
        weight="bold",
    )
    ax.annotate("", X + 0.9 * W / np.linalg.norm(W), X, arrowprops={"color": ORANGE, "width": 2})
    ax.text(X[0] + 0.95, X[1] - 0.75, "W", color=ORANGE, fontsize=12, weight="bold")
    ax.set(xlim=(-4, 4), ylim=(-4, 4), xlabel="$x_1$", ylabel="$x_2$")
    ax.legend(loc="lower right", facecolor=BLUE, labelcolor="white", framealpha=0.9)
    save(figure, out, "perceptron.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    model = perceptron()
    layer = model.layers["neuron"]
    z = float(layer.preactivation(model.params["neuron"], X[None].astype(np.float32))[0, 0])
    y = float(model.predict(X[None])[0, 0])
    by_hand = 1 / (1 + np.exp(6.0))
    halves = model.predict(on_the_line(np.linspace(-3, 3, 13)))
    draw(model, out)
    return [
        Check("z = w0 + X'W", "-6", f"{z:g}", z == -6),
        Check("output g(z)", "0.002", f"{y:.3f}", round(y, 3) == 0.002),
        Check(
            "the same, more digits",
            f"1/(1+e^6) = {by_hand:.7f}",
            f"{y:.7f}",
            np.isclose(y, by_hand),
        ),
        Check(
            "output on 1 + 3x1 - 2x2 = 0 (13 points)",
            "a line in 2D: 1/2",
            f"{halves.min():.6f} to {halves.max():.6f}",
            np.allclose(halves, 0.5, atol=1e-6),
        ),
    ]


if __name__ == "__main__":
    run(main)
