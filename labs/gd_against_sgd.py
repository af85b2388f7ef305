"""Gradient descent against stochastic gradient descent, on the same network and the same data.

Lecture: radwan-deep-learning-tutorial, slides "Stochastic Gradient Descent" and "GD and SGD
Differences".

Shows the slide's differences as measurements: all rows an update, one row, or thirty-two; the cost
against epochs, against updates and against seconds; and which of the methods depends on the order
of the rows. Each method has the best of six learning rates, found by one sweep a method. (That SGD
leaves local minima in which GD stays is shown in `gradient_descent.py`.)
"""

# %%
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from descend import Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, GREEN, VERMILION
from descend.train.rules import SGD

# %% [markdown]
# ## The task
# 256 rows, two inputs, a wavy target; a network with sixteen hidden neurons.

# %%
N = 256
_rng = np.random.default_rng(0)
X = _rng.uniform(-1, 1, (N, 2))
Y = np.sin(3 * X[:, :1]) * np.cos(2 * X[:, 1:]) + 0.05 * _rng.normal(size=(N, 1))
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 2.0)


def network(rate: float = 0.1) -> Model:
    i = Input((2,), name="x")
    h = Dense(16, "tanh", name="hidden")(i)
    model = Model(i, Dense(1, name="output")(h))
    model.compile(optimizer=SGD(rate), loss="mse")
    return model


# %% [markdown]
# ## Three ways to read an epoch
# The update rule is the same in all three, w <- w - rate x gradient. What differs is how many rows
# the gradient is averaged over, and so how many updates an epoch has.


# %%
@dataclass
class Method:
    """A batch size, and what came of it."""

    name: str
    batch_size: int
    colour: str
    line: str
    rate: float = 0.0
    costs: np.ndarray = None  # of all rows, before training and after each epoch
    epoch_seconds: float = 0.0

    @property
    def updates(self) -> int:
        """Updates an epoch."""
        return -(-N // self.batch_size)


METHODS = (
    Method("GD, all 256 rows", N, BLUE, "-"),
    Method("SGD, row by row", 1, VERMILION, "--"),
    Method("mini-batches of 32", 32, GREEN, "-."),
)


def measure(method: Method, epochs: int, first: float) -> None:
    """Find the best rate, note its costs (`first`: untrained), and time its epochs."""
    rows = {"batch_size": method.batch_size, "epochs": epochs}
    many = sweep(network(), {"learning_rate": RATES}, X, Y, validation_data=(X, Y), **rows)
    best = many.best("val_loss")
    method.rate = best.settings["learning_rate"]
    method.costs = np.array([first, *best.history.history["val_loss"]])
    model = network(method.rate)
    model.fit(X, Y, verbose=0, **rows)  # compiles
    start = time.perf_counter()
    model.fit(X, Y, verbose=0, **rows)
    method.epoch_seconds = (time.perf_counter() - start) / epochs


# %% [markdown]
# ## Chance
# Same initial weights, five orders of the rows. The full batch has no order to speak of: if the
# rows themselves are rearranged, only the rounding of the sum changes.


# %%
def spread_over_orders(method: Method, epochs: int) -> float:
    """Largest difference between the final costs of five orders, the weights' seed held fixed."""
    model = network(method.rate)
    rows = {"batch_size": method.batch_size, "epochs": epochs, "validation_data": (X, Y)}
    many = sweep(model, {"order_seed": range(5)}, X, Y, **rows)
    return float(np.ptp([m.final("val_loss") for m in many]))


def rearranged(rate: float, epochs: int) -> float:
    """How far GD's final predictions move when the rows of the data are shuffled by hand."""
    found = []
    for rows in (np.arange(N), np.random.default_rng(1).permutation(N)):
        model = network(rate)
        model.fit(X[rows], Y[rows], batch_size=N, epochs=epochs, verbose=0)
        found.append(model.predict(X))
    return float(np.abs(found[0] - found[1]).max())


# %% [markdown]
# ## The picture
# The same three curves over three different axes. Which method looks best depends on what one pays
# for: passes over the data, updates, or seconds.


# %%
def draw(out: Path) -> None:
    figure, panels = axes(3, width=4.6, height=4)
    for method in METHODS:
        epochs = np.arange(len(method.costs))
        style = {"color": method.colour, "ls": method.line, "lw": 2}
        label = f"{method.name}, rate {method.rate:g}"
        panels[0].plot(epochs, method.costs, label=label, **style)
        panels[1].plot(epochs[1:] * method.updates, method.costs[1:], **style)
        panels[2].plot(epochs[1:] * method.epoch_seconds * 1e3, method.costs[1:], **style)
    for ax, label in zip(
        panels, ("epochs", "updates", "milliseconds of training, compiled"), strict=True
    ):
        ax.set(xlabel=label, ylabel="cost (mean squared error)", yscale="log")
    panels[1].set_xscale("log")
    panels[2].set_xscale("log")
    panels[0].legend(frameon=False, fontsize=9)
    save(figure, out, "gd_against_sgd.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    epochs = 60 if quick else 200
    untrained = network().evaluate(X, Y, verbose=0)
    for method in METHODS:
        measure(method, epochs, untrained)
    draw(out)
    gd, sgd, mini = METHODS
    print(f"\n{epochs} epochs, each method at its best rate")
    print("method              rate  updates/epoch  ms/epoch  us/update  final cost")
    for m in METHODS:
        per_epoch = m.epoch_seconds * 1e3
        print(
            f"{m.name:<18} {m.rate:>5g}  {m.updates:>13}  {per_epoch:>8.2f}"
            f"  {per_epoch / m.updates * 1e3:>9.1f}  {m.costs[-1]:>10.5f}"
        )
    target = gd.costs[-1]
    needed = {m.name: int(np.argmax(m.costs <= target)) for m in (sgd, mini)}
    for m in (sgd, mini):
        spent = needed[m.name] * m.epoch_seconds
        print(
            f"{m.name}: at GD's final cost after {needed[m.name]} epochs, {spent * 1e3:.1f} ms "
            f"(GD: {epochs} epochs, {epochs * gd.epoch_seconds * 1e3:.1f} ms)"
        )
    print()
    few = 20
    moved = rearranged(gd.rate, few)
    spread = {m.name: spread_over_orders(m, few) for m in METHODS}
    return [
        Check(
            "GD: five orders of the rows",
            "deterministic",
            f"final costs differ by {spread[gd.name]:g}",
            spread[gd.name] == 0,
        ),
        Check(
            "GD: rows of the data rearranged",
            "deterministic",
            f"predictions differ by {moved:.0e} (rounding)",
            moved < 1e-5,
        ),
        *(
            Check(
                f"{m.name}: five orders",
                "stochastic",
                f"final costs differ by {spread[m.name]:.1e}",
                spread[m.name] > 1e-5,
            )
            for m in (sgd, mini)
        ),
        *(
            Check(
                f"{m.name}: epochs to GD's final cost",
                "SGD is faster",
                f"{needed[m.name]} (GD: {epochs})",
                0 < needed[m.name] < epochs / 2,
            )
            for m in (sgd, mini)
        ),
    ]


if __name__ == "__main__":
    run(main)
