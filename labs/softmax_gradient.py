"""Softmax regression and its gradient, as printed.

Lecture: raviv-2022-introducing-deep-learning, slides "Multinomial logistic regression" and
"Softmax".

The slide prints the cost J(W) and its derivative, dJ/dw_k = -sum_i x_i (1{y_i = k} - P(y_i = k)).
Shows that the formula is what automatic differentiation finds, that the step w := w - eta dw leads
to the same weights as Newton's method (the econometrician's multinomial logit), and that softmax
is a softened argmax. The slide prints formulas, no numbers; the wines are scikit-learn's.
"""

# %%
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_wine

from descend import Dense, Input, Model
from descend.lab import Check, axes, run, save
from descend.neurons import SoftmaxUnit
from descend.nn.activations import softmax
from descend.nn.losses import SparseCategoricalCrossentropy
from descend.palette import BLUE, GREEN, ORANGE
from descend.train.rules import Adam

# %% [markdown]
# ## The data
# 178 wines of three growers; three of their measurements, standardised, and a one for the bias.

# %%
COLUMNS = ["malic_acid", "ash", "magnesium"]
WINES, GROWER = load_wine(return_X_y=True, as_frame=True)
X = (WINES[COLUMNS] - WINES[COLUMNS].mean()) / WINES[COLUMNS].std(ddof=0)
ROWS = np.column_stack([np.ones(len(X)), X])
Y = GROWER.to_numpy()
K = 3

# %% [markdown]
# ## As printed
# One row of W a class. The indicator 1{y = k} picks the class that was seen.


# %%
def probabilities(w: np.ndarray) -> np.ndarray:
    """P(y = k | x, W) = exp(w_k x) / sum_j exp(w_j x)."""
    raw = np.exp(ROWS @ w.T)
    return raw / raw.sum(axis=1, keepdims=True)


def cost(w: np.ndarray) -> float:
    """J(W) = -sum_i sum_k 1{y_i = k} log P(y_i = k | x_i, W)."""
    seen = Y[:, None] == np.arange(K)
    return float(-(seen * np.log(probabilities(w))).sum())


def gradient(w: np.ndarray) -> np.ndarray:
    """dJ/dw_k = -sum_i x_i (1{y_i = k} - P(y_i = k | x_i, W)), a row a class."""
    seen = Y[:, None] == np.arange(K)
    return -(seen - probabilities(w)).T @ ROWS


# %% [markdown]
# ## The same without the formula
# The network says only forwards: a loss of the softmax of W x. Automatic differentiation does the
# rest; finite differences need not even that.


# %%
def by_differentiation(w: np.ndarray) -> tuple[float, np.ndarray]:
    """J and dJ/dW from descend's own loss and activation."""
    with jax.enable_x64(True):

        def total(weights):
            rows = SparseCategoricalCrossentropy().rows(
                jnp.asarray(Y), softmax(jnp.asarray(ROWS) @ weights.T)
            )
            return rows.sum()

        value, slope = jax.value_and_grad(total)(jnp.asarray(w))
        return float(value), np.asarray(slope)


def by_differences(w: np.ndarray, h: float = 1e-5) -> np.ndarray:
    slopes = np.zeros_like(w)
    for place in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[place] = h
        slopes[place] = (cost(w + step) - cost(w - step)) / (2 * h)
    return slopes


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


# %% [markdown]
# ## w := w - eta dw
# The cost is convex, its second derivative at most half the largest eigenvalue of X'X; one over
# that is a rate at which every step goes down.


# %%
def descend_by_the_formula(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The weights after the last step, and the cost before each."""
    eta = 2 / np.linalg.eigvalsh(ROWS.T @ ROWS)[-1]
    w, costs = np.zeros((K, ROWS.shape[1])), []
    for _ in range(steps):
        costs.append(cost(w))
        w = w - eta * gradient(w)
    return w, np.array(costs)


def trained_network(epochs: int) -> np.ndarray:
    """The same network through `Model.fit`; one row a class, the bias first."""
    i = Input((len(COLUMNS),), name="x")
    model = Model(i, Dense(K, "softmax", name="unit")(i))
    model.compile(optimizer=Adam(0.05), loss="sparse_categorical_crossentropy")
    model.fit(X.to_numpy(), Y, batch_size=len(Y), epochs=epochs, verbose=0)
    unit = model.params["unit"]
    return np.column_stack([np.asarray(unit["bias"]), np.asarray(unit["kernel"]).T])


def beside_first(w: np.ndarray) -> np.ndarray:
    """Softmax sees only differences between classes: those to the first."""
    return w - w[0]


# %% [markdown]
# ## The pictures


# %%
def draw(costs: np.ndarray, least: float, out: Path) -> None:
    figure, (left, right) = axes(2, width=5.2)
    shown = costs[:100] - least
    left.semilogy(shown[shown > 1e-11], color=BLUE, lw=2)
    left.set(xlabel="steps by the printed gradient", ylabel="J above its minimum")
    sharp = np.geomspace(0.1, 20, 60)
    raw = np.array([1.0, 0.8, 0.2])
    shares = np.array([np.asarray(softmax(t * raw)) for t in sharp])
    for k, colour in enumerate((BLUE, ORANGE, GREEN)):
        right.semilogx(sharp, shares[:, k], color=colour, lw=2, label=f"z = {raw[k]:g}")
    right.set(xlabel="t", ylabel="softmax(t z)", title="winner takes all as t grows")
    right.legend()
    save(figure, out, "softmax_gradient.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(K, ROWS.shape[1])) for _ in range(5)]
    automatic = [by_differentiation(w) for w in weights]
    far = max(distance(gradient(w), g) for w, (_, g) in zip(weights, automatic, strict=True))
    costs_far = max(abs(cost(w) / j - 1) for w, (j, _) in zip(weights, automatic, strict=True))
    differences = max(distance(by_differences(w), gradient(w)) for w in weights)
    unit = SoftmaxUnit().fit(X, GROWER)
    print(unit.summary())
    newton = np.column_stack([unit.intercept_, unit.coef_])
    w, costs = descend_by_the_formula(200 if quick else 400)
    falls = bool((np.diff(costs) <= 1e-9).all())
    reached = distance(beside_first(w), newton)
    small = distance(beside_first(trained_network(1500)), newton)
    draw(costs, -unit.log_likelihood_, out)
    raw = np.array([1.0, 0.8, 0.2], np.float32)
    winner = np.asarray(softmax(200 * raw))
    return [
        Check(
            "J(W), 5 random W",
            "the formula",
            f"loss of descend: {costs_far:.0e} off",
            costs_far < 1e-12,
        ),
        Check(
            "dJ/dw_k, 5 random W",
            "-sum x (1{y=k} - P)",
            f"automatic differentiation: {far:.0e} off",
            far < 1e-12,
        ),
        Check(
            "the same",
            "-sum x (1{y=k} - P)",
            f"finite differences: {differences:.0e} off",
            differences < 1e-7,
        ),
        Check(
            "dJ/dw_k summed over classes",
            "probabilities add up to 1: 0",
            f"{np.abs(gradient(weights[0]).sum(axis=0)).max():.0e}",
            np.abs(gradient(weights[0]).sum(axis=0)).max() < 1e-10,
        ),
        Check(
            "J along w := w - eta dw",
            "goes down",
            f"{costs[0]:.3f} to {costs[-1]:.3f}, always down: {falls}",
            falls,
        ),
        Check(
            "where w := w - eta dw ends",
            "the maximum likelihood",
            f"{reached:.0e} from Newton's weights",
            reached < 1e-6,
        ),
        Check(
            "the same network trained by Adam",
            "the maximum likelihood",
            f"{small:.0e} from Newton's weights",
            small < 5e-3,
        ),
        Check(
            "J at zero weights",
            f"m log K = {len(Y) * np.log(K):.4f}",
            f"{costs[0]:.4f}",
            np.isclose(costs[0], len(Y) * np.log(K)),
        ),
        Check(
            "softmax(200 z), z = (1, .8, .2)",
            "argmax, 'winner takes all'",
            np.array2string(winner, precision=3),
            np.allclose(winner, [1, 0, 0]),
        ),
    ]


if __name__ == "__main__":
    run(main)
