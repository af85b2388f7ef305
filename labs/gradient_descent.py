"""Gradient descent and stochastic gradient descent, on a line and on a surface with local minima.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "GRADIENT DESCENT ALGORITHM", "STOCHASTIC
GRADIENT DESCENT" and "DESCENT METHODS IN GENERAL" (its notebook 01).

Shows, for a line, that the slide's loop written in NumPy and `fit` take the same steps, and that
descent ends at the least-squares solution. Then, for one sine neuron, a cost with several local
minima: from how many of 100 random starts does each method find the lowest one?
"""

# %%
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from descend import Dense, Input, Layer, Model, sweep
from descend.lab import Check, Walk, axes, run, save
from descend.nn.initializers import Normal
from descend.palette import BLUE, ORANGE, VERMILION
from descend.train.rules import SGD, GradientDescent
from descend.train.rules.schedules import ExponentialDecay

# %% [markdown]
# ## A line
# Sixty points around y = 1 + 2x. The model is one linear neuron: bias b and weight w. Least squares
# has a closed form here, so there is something to be judged against.

# %%
_rng = np.random.default_rng(0)
X = _rng.uniform(-1, 1, 60)
Y = 1 + 2 * X + 0.5 * _rng.normal(size=60)
START = (-0.5, -1.0)  # (b, w)
BATCH_RATE, ROW_RATE = 0.3, 0.1


def least_squares() -> np.ndarray:
    return np.linalg.lstsq(np.column_stack([np.ones_like(X), X]), Y, rcond=None)[0]


# %% [markdown]
# The slide's loop. `rows` says which rows the gradient of each update is averaged over: all of them
# is gradient descent, one is stochastic gradient descent.


# %%
def line_gradient(b: float, w: float, rows: np.ndarray) -> np.ndarray:
    error = b + w * X[rows] - Y[rows]
    return 2 * np.array([error.mean(), (error * X[rows]).mean()])


def by_hand(gradient, start, updates, rate) -> np.ndarray:
    """(b, w) before the first update and after each; `rate` is the rate of update t."""
    path = [np.array(start)]
    for t, rows in enumerate(updates):
        path.append(path[-1] - rate(t) * gradient(*path[-1], rows))
    return np.array(path)


def by_fit(optimizer, epochs: int, batch_size: int | None = None) -> np.ndarray:
    """The same by `fit`, rows in the order in which they stand: (b, w) after each epoch."""
    i = Input((1,), name="x")
    model = Model(i, Dense(1, name="neuron")(i))
    model.params = {"neuron": {"bias": np.float32(START[:1]), "kernel": np.float32([START[1:]])}}
    model.compile(optimizer, loss="mse")
    walk = Walk(model, ("neuron", "bias"), ("neuron", "kernel"))
    model.fit(
        X[:, None],
        Y[:, None],
        batch_size=batch_size,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[walk],
    )
    return walk.path()


# %% [markdown]
# ## A surface with local minima
# A neuron with a sine as its activation is a layer of one's own, three lines long. Its cost as a
# function of (b, w) has waves: a wrong frequency w can be the best one nearby.


# %%
@dataclass(frozen=True, eq=False)
class Sine(Layer):
    """g(z) = sin z."""

    def apply(self, params, state, x, *, key=None, training=False):
        return jnp.sin(x), state


WAVE_X = _rng.uniform(-3, 3, 80)
WAVE_Y = np.sin(1.6 * WAVE_X + 0.5) + 0.1 * _rng.normal(size=80)


def wave_cost(b: np.ndarray, w: np.ndarray) -> np.ndarray:
    error = np.sin(b[..., None] + w[..., None] * WAVE_X) - WAVE_Y
    return (error**2).mean(axis=-1)


def wave_gradient(b: float, w: float, rows: np.ndarray) -> np.ndarray:
    z = b + w * WAVE_X[rows]
    common = 2 * (np.sin(z) - WAVE_Y[rows]) * np.cos(z)
    return np.array([common.mean(), (common * WAVE_X[rows]).mean()])


def sine_neuron(optimizer) -> Model:
    """Its weights start as on the slide: drawn from N(0, sigma^2), sigma = 2."""
    i = Input((1,), name="x")
    wide = Normal(2.0)
    z = Dense(1, kernel_initializer=wide, bias_initializer=wide, name="neuron")(i)
    model = Model(i, Sine(name="sine")(z))
    model.compile(optimizer, loss="mse")
    return model


# %% [markdown]
# A hundred starts are one program: `sweep` trains all members at once. The stochastic rate is
# halved every twenty epochs; without that the last steps would still jump about the minimum.


# %%
GOOD, BAD = (-1.0, 2.5), (-1.5, 1.0)


def falling_rate() -> ExponentialDecay:
    return ExponentialDecay(0.2, decay_steps=20 * len(WAVE_X), rate=0.5)


def hundred_starts(epochs: int) -> dict[str, np.ndarray]:
    """For both methods the final (b, w) of each start, (100, 2)."""
    x, y = WAVE_X[:, None], WAVE_Y[:, None]
    found = {}
    for name, optimizer, batch_size in (
        ("GD", GradientDescent(0.1), None),
        ("SGD", SGD(falling_rate()), 1),
    ):
        many = sweep(
            sine_neuron(optimizer), {"seed": range(100)}, x, y, epochs=epochs, batch_size=batch_size
        )
        found[name] = np.array(
            [[float(m.model.params["neuron"][a].item()) for a in ("bias", "kernel")] for m in many]
        )
    return found


# %% [markdown]
# ## The pictures


# %%
def draw_line(gd: np.ndarray, sgd: np.ndarray, ols: np.ndarray, out: Path) -> None:
    figure, (left, right) = axes(2)
    left.plot(X, Y, "o", color=BLUE, alpha=0.6, ms=5, label="data")
    ends = np.array([-1.0, 1.0])
    left.plot(ends, ols[0] + ols[1] * ends, color="black", lw=5, alpha=0.3, label="least squares")
    left.plot(ends, gd[-1, 0] + gd[-1, 1] * ends, color=VERMILION, ls="--", lw=2, label="GD")
    left.set(xlabel="$x$", ylabel="$y$", title="the fitted line")
    left.legend(frameon=False)
    b, w = np.meshgrid(np.linspace(-1, 2, 100), np.linspace(-1.5, 3, 100))
    cost = ((b[..., None] + w[..., None] * X - Y) ** 2).mean(axis=-1)
    lines = right.contour(b, w, cost, np.geomspace(0.25, 12, 12), cmap="cividis", linewidths=1)
    right.clabel(lines, lines.levels[::3], fmt="%.2g", fontsize=8)
    right.plot(*sgd.T, color=ORANGE, lw=1, marker=".", ms=4, label=f"SGD, {len(sgd) - 1} updates")
    right.plot(*gd.T, color=VERMILION, lw=2, marker="s", ms=4, label=f"GD, {len(gd) - 1} updates")
    right.plot(*ols, "*", color="black", ms=14, label="least squares", zorder=5)
    right.set(xlabel="bias $b$", ylabel="weight $w$", title="the path over the cost's contours")
    right.legend(frameon=True, fontsize=9)
    save(figure, out, "line.png")


def draw_surface(
    paths: dict[str, np.ndarray], ends: dict[str, np.ndarray], lowest: float, out: Path
) -> None:
    figure, (left, right) = axes(2, width=6, height=4.6)
    b, w = np.meshgrid(np.linspace(-6, 6, 200), np.linspace(-5, 5, 200))
    cost = wave_cost(b, w)
    for ax in (left, right):
        shade = ax.contourf(b, w, cost, 20, cmap="cividis")
        ax.set(xlabel="bias $b$", ylabel="weight $w$", xlim=(-6, 6), ylim=(-5, 5))
    figure.colorbar(shade, ax=right, label="cost $J(b, w)$ (mean squared error)")
    style = (("white", "-", 2.5, "o"), ("black", "--", 2.5, "s"), (VERMILION, "-", 0.8, "^"))
    for (label, path), (colour, line, width, marker) in reversed(
        list(zip(paths.items(), style, strict=True))
    ):
        left.plot(*path.T, color=colour, ls=line, lw=width, label=label)
        left.plot(*path[0], marker, color=colour, ms=6)
        left.plot(*path[-1], marker, color=colour, ms=11, mec="white")
    left.legend(fontsize=9, facecolor="0.35", labelcolor="white", loc="upper left")
    left.set_title("three walks (small marker: start, large: end)")
    for (name, points), colour, marker in zip(
        ends.items(), ("white", VERMILION), ("o", "^"), strict=True
    ):
        reached = (wave_cost(*points.T) < 2 * lowest).sum()
        right.plot(
            *points.T,
            marker,
            color=colour,
            mec="black",
            ms=7,
            alpha=0.8,
            label=f"{name}: {reached} of 100 at the lowest cost",
        )
    right.legend(fontsize=9, facecolor="0.35", labelcolor="white", loc="upper left")
    right.set_title("where 100 random starts end")
    save(figure, out, "surface.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    n, everything = len(X), np.arange(len(X))
    ols = least_squares()

    epochs = 100
    gd = by_hand(line_gradient, START, [everything] * epochs, lambda t: BATCH_RATE)
    gd_fit = by_fit(GradientDescent(BATCH_RATE), epochs)
    one_by_one = [everything[k : k + 1] for k in range(n)]
    sgd = by_hand(line_gradient, START, one_by_one * 5, lambda t: ROW_RATE)
    sgd_fit = by_fit(SGD(ROW_RATE), 5, batch_size=1)
    decaying = by_fit(SGD(ExponentialDecay(ROW_RATE, 10 * n, 0.5)), 100, batch_size=1)
    draw_line(gd, sgd, ols, out)
    noise = float(np.abs(sgd[-n:] - ols).max())

    ends = hundred_starts(epochs=100 if quick else 200)
    b, w = np.meshgrid(np.linspace(-np.pi, np.pi, 200), np.linspace(-5, 5, 200))
    lowest = float(wave_cost(b, w).min())
    reached = {name: wave_cost(*points.T) < 2 * lowest for name, points in ends.items()}
    whole = np.arange(len(WAVE_X))
    drawn = np.random.default_rng(1).choice(whole, (3000, 1))
    paths = {
        "GD, good start": by_hand(wave_gradient, GOOD, [whole] * 1000, lambda t: 0.05),
        "GD, bad start": by_hand(wave_gradient, BAD, [whole] * 1000, lambda t: 0.05),
        "SGD, bad start": by_hand(wave_gradient, BAD, drawn, falling_rate()),
    }
    draw_surface(paths, ends, lowest, out)
    stuck = paths["GD, bad start"][-1]
    stuck_cost, escaped = wave_cost(stuck[:1], stuck[1:])[0], paths["SGD, bad start"][-1]
    slope = np.linalg.norm(wave_gradient(*stuck, whole))

    return [
        Check(
            "line: GD by hand = fit",
            "W <- W - eta dJ/dW",
            f"largest difference {np.abs(gd - gd_fit).max():.1e}, {epochs} updates",
            np.allclose(gd, gd_fit, atol=1e-5),
        ),
        Check(
            "line: SGD by hand = fit",
            "the same, one row at a time",
            f"largest difference {np.abs(sgd[::n] - sgd_fit).max():.1e}, {5 * n} updates",
            np.allclose(sgd[::n], sgd_fit, atol=1e-5),
        ),
        Check(
            "line: GD ends at least squares",
            f"({ols[0]:.4f}, {ols[1]:.4f}) closed form",
            f"({gd_fit[-1, 0]:.4f}, {gd_fit[-1, 1]:.4f})",
            np.allclose(gd_fit[-1], ols, atol=1e-4),
        ),
        Check(
            "line: SGD, constant rate",
            "gradient 'can be noisy'",
            f"still {noise:.2f} off in its last epoch",
            noise > 0.05,
        ),
        Check(
            "line: SGD, falling rate",
            f"({ols[0]:.4f}, {ols[1]:.4f}) closed form",
            f"({decaying[-1, 0]:.4f}, {decaying[-1, 1]:.4f})",
            np.allclose(decaying[-1], ols, atol=5e-3),
        ),
        Check(
            "surface: GD can end in a local minimum",
            "non-convex: local minima",
            f"cost {stuck_cost:.3f} (lowest {lowest:.3f}), slope {slope:.0e}",
            stuck_cost > 10 * lowest and slope < 1e-6,
        ),
        Check(
            "surface: SGD from the same start",
            "'escaping local minima'",
            f"cost {wave_cost(escaped[:1], escaped[1:])[0]:.3f}",
            wave_cost(escaped[:1], escaped[1:])[0] < 2 * lowest,
        ),
        Check(
            "surface: lowest minimum, of 100 starts",
            "SGD 'particularly effective'",
            f"GD {reached['GD'].sum()}, SGD {reached['SGD'].sum()}",
            reached["SGD"].sum() > reached["GD"].sum(),
        ),
    ]


if __name__ == "__main__":
    run(main)
