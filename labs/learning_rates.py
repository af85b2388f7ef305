"""The learning rate: too small, right, too large; and where the border is.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "LOSS FUNCTION: CAN BE DIFFICULT TO
OPTIMIZE" and "SETTING THE LEARNING RATE".

For a quadratic cost theory knows everything: descent converges below 2 / (largest curvature) and
nowhere above. Checked with `fit` on both sides of that border. Then a network, where the same three
regimes appear and no formula gives the border. Last, the slide's warning that a small rate "gets
stuck in false local minima", measured on a cost with ripples.
"""

# %%
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from descend import Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION
from descend.train.rules import SGD, GradientDescent

# %% [markdown]
# ## A quadratic cost
# Two inputs of different spread, one linear neuron without bias: J = 1/2n sum (y - xw)^2 has the
# Hessian H = X'X/n. Along an eigenvector of curvature c an update multiplies the distance to the
# minimum by 1 - eta c: it shrinks if eta < 2/c.


# %%
def table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)) * np.array([2.0, 0.5])
    return x, x @ np.array([[1.0], [-2.0]])


def quadratic(factors: dict[str, float], steps: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Costs by update for rates that are a factor of 2 / (largest curvature); the curvatures."""
    x, y = table()
    curvatures = np.linalg.eigvalsh(x.T @ x / len(x))
    i = Input((2,), name="x")
    model = Model(i, Dense(1, use_bias=False, name="neuron")(i))
    model.compile(GradientDescent(0.1), "squared_error")
    rates = [f * 2 / curvatures[-1] for f in factors.values()]
    many = sweep(model, {"learning_rate": rates}, x, y, epochs=steps)
    costs = [np.array(m.history.history["loss"]) for m in many]
    return dict(zip(factors, costs, strict=True)), curvatures


# %% [markdown]
# ## A network
# Handwritten digits, 64-32-10, plain SGD in batches of 32, thirteen rates as one program.

# %%
RATES = np.geomspace(1e-4, 100, 13)


def digits(epochs: int) -> tuple[np.ndarray, list[np.ndarray]]:
    x, y = load_digits(return_X_y=True)
    x = x / 16
    i = Input((64,), name="pixels")
    model = Model(i, Dense(10, "softmax", name="digit")(Dense(32, "relu", name="hidden")(i)))
    model.compile(SGD(0.1), "sparse_categorical_crossentropy")
    many = sweep(
        model,
        {"learning_rate": [float(r) for r in RATES]},
        x,
        y,
        batch_size=32,
        epochs=epochs,
        validation_data=(x, y),
    )
    ends = np.array([m.final("val_loss") for m in many])
    return ends, [np.array(m.history.history["val_loss"]) for m in many]


# %% [markdown]
# ## Ripples
# J(w) = w^2/20 - cos(3w)/2: a wide bowl with a minimum every 2.1, of which one is the lowest. From
# 400 starts, full descent with small rates stays in the dimple where it began. A rate above
# 2 / (curvature of a dimple) cannot settle in any; lowered step by step afterwards it settles low.

# %%
SHARPEST = 0.1 + 4.5  # J'' at the bottom of a dimple


def ripple(w: np.ndarray) -> np.ndarray:
    return w**2 / 20 - np.cos(3 * w) / 2


def descend_ripple(start: np.ndarray, rate: float, steps: int, fall: float = 1.0) -> np.ndarray:
    w = start.copy()
    for _ in range(steps):
        w = w - rate * (w / 10 + 1.5 * np.sin(3 * w))
        rate = max(rate * fall, 0.01)
    return w


# %% [markdown]
# ## The pictures


# %%
def draw(paths: dict, ends: np.ndarray, histories: list, ripples: dict, out: Path) -> None:
    figure, (left, middle, third) = axes(3, width=4.8, height=4.0)
    for (name, costs), colour, line in zip(
        paths.items(), (BLUE, GREEN, ORANGE, VERMILION), ("--", "-", "-.", ":"), strict=True
    ):
        left.plot(np.arange(len(costs)), costs, color=colour, ls=line, lw=2, label=name)
    left.set(xlabel="update", ylabel="cost J", yscale="log", title="a quadratic cost")
    left.set_ylim(1e-12, 1e4)
    left.legend(frameon=False, fontsize=8)
    middle.plot(RATES, ends, color=BLACK, marker="o", ms=4)
    middle.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$")
    middle.set(ylabel="training cost after the last epoch", title="digits, 64-32-10, SGD")
    low = int(np.nanargmin(ends))
    for place, words in ((0, "too small"), (low, "right"), (len(ends) - 3, "too large")):
        height = ends[place] if np.isfinite(ends[place]) else np.nanmax(ends)
        middle.annotate(
            words, (RATES[place], height), (0, 10), textcoords="offset points", ha="center"
        )
    w = np.linspace(-9, 9, 600)
    third.plot(w, ripple(w), color=BLACK, lw=1.5)
    for (name, found), colour, mark in zip(ripples.items(), (BLUE, VERMILION), "ox", strict=True):
        third.plot(found, ripple(found), mark, color=colour, ms=5, label=name)
    third.set(xlabel="weight w", ylabel="cost J", title="where 400 starts end")
    third.legend(frameon=False, fontsize=8)
    save(figure, out, "learning_rates.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    steps = 200
    factors = {"too small: 1/50 of the border": 0.02, "right: half of it": 0.5,
               "just below: .98 of it": 0.98, "just above: 1.02 of it": 1.02}  # fmt: skip
    paths, curvatures = quadratic(factors, steps)
    small, good, below, above = paths.values()
    ends, histories = digits(5 if quick else 30)
    low = int(np.nanargmin(ends))
    x = np.random.default_rng(0).uniform(-8, 8, 400)
    stuck = descend_ripple(x, 0.01, 4000)
    eased = descend_ripple(x, 1.2, 4000, fall=0.998)
    draw(paths, ends, histories, {"rate .01": stuck, "1.2, then lowered": eased}, out)
    lowest = [np.mean(np.abs(w) < 0.5) for w in (stuck, eased)]
    # the slow direction is what is left after many updates: theory gives its factor
    rate = 0.02 * 2 / curvatures[-1]
    factor = (small[-1] / small[-2], (1 - rate * curvatures[0]) ** 2)
    growth = (above[-1] / above[-2], (1 - 1.02 * 2) ** 2)
    failing = ~(ends < np.log(10))  # no better than guessing; NaN diverged
    return [
        Check("quadratic: .98 of 2/curvature", "falls", f"{below[0]:.2g} -> {below[-1]:.2g}",
              below[-1] < below[0] / 100),
        Check("quadratic: 1.02 of 2/curvature", "grows", f"{above[0]:.2g} -> {above[-1]:.2g}",
              above[-1] > above[0] * 100),
        Check("cost's factor an update, just above", f"theory: {growth[1]:.4f}",
              f"{growth[0]:.4f}", np.isclose(*growth, rtol=1e-3)),
        Check("cost's factor an update, too small", f"theory: {factor[1]:.5f}",
              f"{factor[0]:.5f}", np.isclose(*factor, rtol=1e-3)),
        Check("quadratic, too small against right", "'converges slowly'",
              f"{small[-1]:.1e} against {good[-1]:.1e}", small[-1] > 100 * good[-1]),
        Check("digits: the smallest rate", "'converges slowly'",
              f"cost {ends[0]:.2f}, best {ends[low]:.3f} at {RATES[low]:.2g}",
              ends[0] > 2 and ends[low] < 0.5),
        Check("digits: the largest rate", "too large: no better than guessing",
              f"cost {ends[-1]:.3g}, guessing {np.log(10):.3f}", bool(failing[-1])),
        Check("digits: from small to best", "the larger the faster",
              "falls at every rate" if (np.diff(ends[: low + 1]) < 0).all() else "does not",
              bool((np.diff(ends[: low + 1]) < 0).all())),
        Check("ripples, rate .01", "'stuck in false local minima'",
              f"{lowest[0]:.0%} of 400 in the lowest", lowest[0] < 0.2),
        Check(f"ripples, 1.2 (border {2 / SHARPEST:.2f}), then lowered", "leaves them",
              f"{lowest[1]:.0%} of 400 in the lowest", lowest[1] > 2 * lowest[0]),
    ]  # fmt: skip


if __name__ == "__main__":
    run(main)
