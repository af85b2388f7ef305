"""A whole perceptron on two screens: the network, its gradient by hand, its training, in NumPy.

Lecture: hull-2023-deep-learning-introduction-and-applications, slides "General Strategy of
Backpropagation" and "Backpropagation".

Nothing but arrays: 64 pixels, 32 tanh neurons, 10 classes, learned from 1,437 handwritten digits in
batches of 32. No class, no framework, no picture; `descend.Model` does the same in five lines.
"""

# %%
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from descend.lab import Check, run

# %% [markdown]
# ## The network
# Weights are a dictionary. The forward pass keeps what the backward pass needs: the hidden layer's
# outputs a, and the probabilities p.


# %%
def start(rng: np.random.Generator, sizes: tuple[int, int, int] = (64, 32, 10)) -> dict:
    d, m, k = sizes
    return {
        "W1": rng.normal(size=(d, m)) / np.sqrt(d),
        "b1": np.zeros(m),
        "W2": rng.normal(size=(m, k)) / np.sqrt(m),
        "b2": np.zeros(k),
    }


def forward(w: dict, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = np.tanh(x @ w["W1"] + w["b1"])
    z = a @ w["W2"] + w["b2"]
    e = np.exp(z - z.max(axis=1, keepdims=True))  # softmax, shifted so that nothing overflows
    return a, e / e.sum(axis=1, keepdims=True)


def cost(w: dict, x: np.ndarray, y: np.ndarray) -> float:
    _, p = forward(w, x)
    return -np.log(p[np.arange(len(y)), y]).mean()


# %% [markdown]
# ## Its gradient
# The error of the output is p minus the truth. It goes back through W2, times the slope of tanh,
# which is 1 - a^2; each weight's gradient is the error in front of it times the number behind it.


# %%
def gradient(w: dict, x: np.ndarray, y: np.ndarray) -> dict:
    a, p = forward(w, x)
    delta2 = (p - np.eye(p.shape[1])[y]) / len(y)
    delta1 = (delta2 @ w["W2"].T) * (1 - a**2)
    return {
        "W1": x.T @ delta1,
        "b1": delta1.sum(axis=0),
        "W2": a.T @ delta2,
        "b2": delta2.sum(axis=0),
    }


# %% [markdown]
# ## Its training
# Stochastic gradient descent: the rows in a new order each epoch, a step downhill each batch.


# %%
def train(x: np.ndarray, y: np.ndarray, epochs: int, rate: float = 0.3) -> dict:
    rng = np.random.default_rng(0)
    w = start(rng)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(x)), len(x) // 32):
            g = gradient(w, x[rows], y[rows])
            w = {name: w[name] - rate * g[name] for name in w}
    return w


def main(out: Path, quick: bool = False) -> list[Check]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(x))  # the last rows are by other writers
    x, y = x[order] / 16, y[order]
    w = train(x[:1437], y[:1437], epochs=10 if quick else 40)
    right = (forward(w, x[1437:])[1].argmax(axis=1) == y[1437:]).mean()

    g, h, step = gradient(w, x[:9], y[:9])["W1"][20, 3], 1e-6, {k: v.copy() for k, v in w.items()}
    step["W1"][20, 3] += h
    slope = (cost(step, x[:9], y[:9]) - cost(w, x[:9], y[:9])) / h
    return [
        Check("gradient by hand", f"{slope:.6f} (difference)", f"{g:.6f}", abs(g - slope) < 1e-5),
        Check("digits never seen", "-", f"{right:.1%} right", bool(right > 0.95)),
    ]


if __name__ == "__main__":
    run(main)
