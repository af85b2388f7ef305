"""Why a network needs a bend: stacked linear layers are one matrix.

Lecture: hull-2023-deep-learning-introduction-and-applications, slide "Linearity vs Non-Linearity".

Shows that a network of two linear layers gives what the single matrix W~ = W2 W1 gives, before
training and after; that training it therefore ends at least squares, however many hidden neurons it
has; and that with a ReLU between the layers no single matrix reproduces the network.
"""

# %%
from pathlib import Path

import numpy as np

from descend import Dense, Input, Model
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, VERMILION
from descend.train.rules import Adam

# %% [markdown]
# ## The data
# Two inputs, one target that bends: the size of a sum, plus a slope and noise. A line catches the
# slope and has to leave the bend.

# %%
_rng = np.random.default_rng(0)
X = _rng.normal(size=(400, 2))
Y = np.abs(X.sum(axis=1, keepdims=True)) + 0.5 * X[:, :1] + 0.1 * _rng.normal(size=(400, 1))


def two_layers(activation: str | None, seed: int = 0) -> Model:
    """2 inputs, 16 hidden neurons, 1 output; no biases, as on the slide."""
    i = Input((2,), name="x")
    h = Dense(16, activation, use_bias=False, name="first")(i)
    return Model(i, Dense(1, use_bias=False, name="second")(h), seed=seed)


# %% [markdown]
# ## The collapse
# The slide writes columns, W~ = W[2] W[1]; here a row is an observation, so the product reads the
# other way round: x W1 W2.


# %%
def collapsed(model: Model) -> np.ndarray:
    """The one matrix (2, 1) that two linear layers amount to."""
    first, second = (np.asarray(model.params[k]["kernel"]) for k in ("first", "second"))
    return first @ second


def least_squares(target: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(X, target, rcond=None)[0]


def explained(target: np.ndarray, fitted: np.ndarray) -> float:
    """Share of the target's sum of squares that is fitted (no constant, as the nets have none)."""
    return float(1 - ((target - fitted) ** 2).sum() / (target**2).sum())


def trained(activation: str | None, epochs: int) -> Model:
    model = two_layers(activation)
    model.compile(optimizer=Adam(0.01), loss="mse")
    model.fit(X, Y, batch_size=len(X), epochs=epochs, verbose=0)
    return model


# %% [markdown]
# ## The picture
# Both trained networks along the direction in which the target bends, x1 = x2.


# %%
def draw(linear: Model, bent: Model, out: Path) -> None:
    figure, ax = axes(width=7)
    along = np.linspace(-2.5, 2.5, 201)
    points = np.column_stack([along, along])
    ax.plot(along, np.abs(2 * along) + 0.5 * along, color="0.6", lw=6, label="target, no noise")
    ax.plot(along, linear.predict(points)[:, 0], color=BLUE, lw=2, label="two linear layers")
    ax.plot(along, points @ collapsed(linear), color="black", ls=":", lw=3, label=r"$\tilde W x$")
    ax.plot(along, bent.predict(points)[:, 0], color=VERMILION, ls="--", lw=2, label="with ReLU")
    ax.set(xlabel="$x_1 = x_2$", ylabel="$y$")
    ax.legend(frameon=False)
    save(figure, out, "linear_collapse.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    epochs = 1000 if quick else 3000
    fresh = two_layers(None)
    before = np.abs(fresh.predict(X) - X @ collapsed(fresh)).max()
    linear, bent = trained(None, epochs), trained("relu", epochs)
    after = np.abs(linear.predict(X) - X @ collapsed(linear)).max()
    ols = least_squares(Y)
    output = bent.predict(X)
    single = explained(output, X @ least_squares(output))
    costs = [float(np.mean((m.predict(X) - Y) ** 2)) for m in (linear, bent)]
    ols_cost = float(np.mean((X @ ols - Y) ** 2))
    draw(linear, bent, out)
    found = collapsed(linear)[:, 0]
    return [
        Check(
            "two linear layers, untrained",
            "equal to W~ x, W~ = W2 W1",
            f"largest difference {before:.1e}",
            before < 1e-5,
        ),
        Check(
            "two linear layers, trained",
            "equal to W~ x, W~ = W2 W1",
            f"largest difference {after:.1e}",
            after < 1e-5,
        ),
        Check(
            "trained W~",
            f"least squares: ({ols[0, 0]:.4f}, {ols[1, 0]:.4f})",
            f"({found[0]:.4f}, {found[1]:.4f})",
            np.allclose(found, ols[:, 0], atol=1e-3),
        ),
        Check(
            "with ReLU: best single matrix",
            "no collapse",
            f"explains {single:.1%} of the network's output",
            single < 0.9,
        ),
        Check(
            "mean squared error, linear layers",
            f"no better than least squares: {ols_cost:.4f}",
            f"{costs[0]:.4f}",
            costs[0] > ols_cost - 1e-5,
        ),
        Check(
            "mean squared error, with ReLU",
            "represents complex relationships",
            f"{costs[1]:.4f} (noise alone: 0.0100)",
            costs[1] < 0.1 * ols_cost,
        ),
    ]


if __name__ == "__main__":
    run(main)
