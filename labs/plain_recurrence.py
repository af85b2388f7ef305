"""A whole recurrent network on two screens: its steps, its gradient through time, in NumPy.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "RECURRENT NEURAL NETS".

A cell of 12 neurons reads a wave value by value and says what comes next. The gradient goes back
through time by hand: the error of a step is what the output says, plus what comes back from the
step after it. `descend.SimpleRNN` does the same, and LSTM and GRU beside it.
"""

# %%
from pathlib import Path

import numpy as np

from descend.lab import Check, run

UNITS, STEPS = 12, 20


# %% [markdown]
# ## The network
# h_t = tanh(U x_t + V h_(t-1) + b); the prediction of x_(t+1) is w h_t + c. The same weights at
# every step.


# %%
def start(rng: np.random.Generator) -> dict:
    return {
        "U": rng.normal(size=(1, UNITS)),
        "V": np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0],  # a rotation: nothing fades at first
        "b": np.zeros(UNITS),
        "w": rng.normal(size=(UNITS, 1)) / UNITS,
        "c": np.zeros(1),
    }


def forward(p: dict, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States (rows, steps + 1, units), the first of them zero, and predictions (rows, steps)."""
    h = np.zeros((len(x), x.shape[1] + 1, UNITS))
    for t in range(x.shape[1]):
        h[:, t + 1] = np.tanh(x[:, t, None] @ p["U"] + h[:, t] @ p["V"] + p["b"])
    return h, (h[:, 1:] @ p["w"] + p["c"])[..., 0]


def cost(p: dict, x: np.ndarray) -> float:
    return np.mean((forward(p, x[:, :-1])[1] - x[:, 1:]) ** 2)


# %% [markdown]
# ## Its gradient, through time
# From the last step to the first. delta is dJ/dz of the step at hand; V carries it one step back.


# %%
def gradient(p: dict, x: np.ndarray) -> dict:
    h, predicted = forward(p, x[:, :-1])
    error = 2 * (predicted - x[:, 1:])[..., None] / predicted.size
    g = {name: np.zeros_like(value) for name, value in p.items()}
    g["w"], g["c"] = np.einsum("rtu,rto->uo", h[:, 1:], error), error.sum(axis=(0, 1))
    back = np.zeros((len(x), UNITS))  # what the step after asks of this one's state
    for t in reversed(range(error.shape[1])):
        delta = (error[:, t] @ p["w"].T + back) * (1 - h[:, t + 1] ** 2)
        g["U"] += x[:, t, None].T @ delta
        g["V"] += h[:, t].T @ delta
        g["b"] += delta.sum(axis=0)
        back = delta @ p["V"].T
    return g


# %% [markdown]
# ## Its training
# Gradient descent with momentum on waves of random period and phase. A gradient that is longer
# than 1 is shortened to 1: back through 20 steps it may explode.


# %%
def waves(rng: np.random.Generator, rows: int) -> np.ndarray:
    period, phase = rng.uniform(6, 18, (rows, 1)), rng.uniform(0, 2 * np.pi, (rows, 1))
    return np.sin(2 * np.pi * np.arange(STEPS + 1) / period + phase)


def train(updates: int, rate: float = 0.05) -> dict:
    rng = np.random.default_rng(0)
    p = start(rng)
    v = {name: np.zeros_like(value) for name, value in p.items()}
    for _ in range(updates):
        g = gradient(p, waves(rng, 32))
        short = min(1.0, 1 / np.sqrt(sum((a**2).sum() for a in g.values())))
        v = {name: 0.9 * v[name] - rate * short * g[name] for name in p}
        p = {name: p[name] + v[name] for name in p}
    return p


def main(out: Path, quick: bool = False) -> list[Check]:
    p = train(updates=800 if quick else 5000)
    x = waves(np.random.default_rng(1), 500)
    last = x[:, -2]  # the forecast that needs no network: as now
    naive = np.sqrt(np.mean((last - x[:, -1]) ** 2))
    ours = np.sqrt(np.mean((forward(p, x[:, :-1])[1][:, -1] - x[:, -1]) ** 2))

    g, h, step = gradient(p, x[:9])["V"][2, 5], 1e-6, {k: v.copy() for k, v in p.items()}
    step["V"][2, 5] += h
    slope = (cost(step, x[:9]) - cost(p, x[:9])) / h
    return [
        Check("gradient by hand", f"{slope:.6f} (difference)", f"{g:.6f}", abs(g - slope) < 1e-5),
        Check("error of the next value", f"{naive:.3f} (as now)", f"{ours:.3f}", ours < naive / 3),
    ]


if __name__ == "__main__":
    run(main)
