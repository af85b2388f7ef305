"""Backpropagation through two weights, by hand and by machine.

Lecture: hull-2023-deep-learning-introduction-and-applications, slides "Minimal Example: The Forward
Pass" and "Minimal Example: The Backward Pass".

Shows that the slide's two gradients, worked out in NumPy, are those of automatic differentiation,
those of a finite difference, and those that one step of `fit` uses; and that repeating the step
makes the loss fall. The slide gives formulas and no numbers: x, y and the weights are chosen here.
"""

# %%
from pathlib import Path

import jax
import numpy as np
from matplotlib.colors import LogNorm

from descend import Dense, Input, Model
from descend.lab import Check, Walk, axes, run, save
from descend.nn.losses import SquaredError
from descend.palette import BLUE
from descend.train.rules import SGD

X, Y = 1.5, 0.9
W1, W2 = 0.8, -0.6
ALPHA = 1.0  # learning rate

# %% [markdown]
# ## By hand
# Forward: hidden a, output yhat, loss L. Backward: the output's error times the slope of its
# sigmoid is common to both gradients; the hidden weight's carries it one layer further.


# %%
def sigmoid(z: float) -> float:
    return 1 / (1 + np.exp(-z))


def forward(w1: float, w2: float) -> tuple[float, float, float]:
    a = sigmoid(w1 * X)
    y_hat = sigmoid(w2 * a)
    return a, y_hat, 0.5 * (Y - y_hat) ** 2


def backward(w1: float, w2: float) -> tuple[float, float]:
    a, y_hat, _ = forward(w1, w2)
    dw2 = (y_hat - Y) * y_hat * (1 - y_hat) * a
    dw1 = (y_hat - Y) * y_hat * (1 - y_hat) * w2 * a * (1 - a) * X
    return dw1, dw2


# %% [markdown]
# ## By machine
# The same network as two dense layers without bias. `model.apply` is a pure function of the
# weights, so `jax.grad` differentiates it; `fit` does the same and then moves the weights.


# %%
def network() -> Model:
    i = Input((1,), name="x")
    a = Dense(1, "sigmoid", use_bias=False, name="hidden")(i)
    model = Model(i, Dense(1, "sigmoid", use_bias=False, name="output")(a))
    model.set_weights([[[W1]], [[W2]]])
    model.compile(optimizer=SGD(ALPHA), loss="squared_error")
    return model


def automatic(model: Model) -> tuple[float, float]:
    x, y = np.float32([[X]]), np.float32([[Y]])

    def loss(params):
        y_hat, _ = model.apply(params, {}, x)
        return SquaredError()(y, y_hat)

    grads = jax.grad(loss)(model.params)
    return float(grads["hidden"]["kernel"][0, 0]), float(grads["output"]["kernel"][0, 0])


# %% [markdown]
# ## The picture
# Left: the loss, update by update. Right: the same updates as a walk over the loss surface, a dot
# every twentieth. The floor is a valley, not a point: two weights fit one number in many ways.


# %%
def draw(path: np.ndarray, losses: np.ndarray, out: Path) -> None:
    figure, (left, right) = axes(2)
    left.plot(losses, color=BLUE, lw=2)
    left.set(xlabel="update", ylabel=r"loss $L = \frac{1}{2}(y-\hat y)^2$", yscale="log")
    w1, w2 = np.meshgrid(np.linspace(-0.5, 3.5, 160), np.linspace(-1.5, 4.0, 160))
    levels = np.geomspace(1e-6, 0.3, 12)
    shade = right.contourf(
        w1, w2, forward(w1, w2)[2], levels, cmap="cividis", norm=LogNorm(), extend="min"
    )
    bar = figure.colorbar(shade, ax=right, label="loss $L$", ticks=[1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    bar.ax.minorticks_off()
    right.plot(*path.T, color="white", lw=5)
    right.plot(*path.T, color="black", lw=2, marker="o", ms=4, markevery=20)
    note = {"textcoords": "offset points", "bbox": {"fc": "white", "ec": "none", "pad": 2}}
    right.annotate("start", path[0], (10, -4), **note)
    right.annotate(f"after {len(path) - 1} updates", path[-1], (12, -16), **note)
    right.set(xlabel="hidden weight $w_1$", ylabel="output weight $w_2$")
    save(figure, out, "minimal_backprop.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    by_hand = backward(W1, W2)
    model = network()
    machine = automatic(model)
    h = 1e-6
    difference = (
        (forward(W1 + h, W2)[2] - forward(W1 - h, W2)[2]) / (2 * h),
        (forward(W1, W2 + h)[2] - forward(W1, W2 - h)[2]) / (2 * h),
    )
    updates = 100 if quick else 400
    walk = Walk(model, ("hidden", "kernel"), ("output", "kernel"))
    history = model.fit([[X]], [[Y]], batch_size=1, epochs=updates, verbose=0, callbacks=[walk])
    path, losses = walk.path(), np.array(history.history["loss"])
    used = (path[0] - path[1]) / ALPHA

    # the slide's loop, all of it in NumPy
    w = np.array([W1, W2])
    for _ in range(updates):
        w = w - ALPHA * np.array(backward(*w))
    draw(path, losses, out)

    y_hat = float(network().predict([[X]])[0, 0])
    checks = [
        Check(
            "forward: output",
            f"formula: {forward(W1, W2)[1]:.6f}",
            f"{y_hat:.6f}",
            np.isclose(y_hat, forward(W1, W2)[1], rtol=1e-6),
        )
    ]
    for k, name in enumerate(("dL/dw1 (hidden)", "dL/dw2 (output)")):
        for way, found, rtol in (
            ("jax.grad", machine, 1e-5),
            ("finite difference", difference, 1e-6),
            ("first step of fit", used, 1e-4),
        ):
            checks.append(
                Check(
                    f"{name}, {way}",
                    f"formula: {by_hand[k]:.6f}",
                    f"{found[k]:.6f}",
                    np.isclose(found[k], by_hand[k], rtol=rtol),
                )
            )
    return [
        *checks,
        Check(
            f"weights after {updates} updates",
            f"formulas: {w[0]:.4f}, {w[1]:.4f}",
            f"fit: {path[-1, 0]:.4f}, {path[-1, 1]:.4f}",
            np.allclose(path[-1], w, rtol=1e-4),
        ),
        Check(
            "loss",
            "minimised by iterating",
            f"{losses[0]:.4f} -> {losses[-1]:.6f}, falls at every update",
            bool((np.diff(losses) < 0).all()),
        ),
    ]


if __name__ == "__main__":
    run(main)
