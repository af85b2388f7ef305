"""The multi-layer perceptron from scratch, in batches, on XOR, iris and handwritten digits.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "BUILDING AN MLP FROM SCRATCH" (The Multi-
layer Perceptron Algorithm), "ACTION REQUIRED – MLP", "RECIPE FOR USING MLP", "DIFFERENT ACTIVATION
FCT.", "TEST – IRIS DATA SET" and "TEST – MNIST" (notebook 02).

Forwards phase, backwards phase, update: the slide's lines in NumPy; nothing differentiates by
itself. Shows that this network learns XOR from nearly every start; iris by the lecture's recipe,
with early stopping and the test rows used once; and MNIST (from descend's data cache). Beside it
stands `Sequential` with `fit`, which does differentiate by itself: from the same weights it arrives
at the same network.
"""

# %%
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.metrics import confusion_matrix

from descend import Dense, Input, Sequential
from descend.data.images import mnist
from descend.lab import Check, axes, run, save
from descend.neurons.classic import ScratchClassifier, surface_steps
from descend.palette import BLUE, VERMILION
from descend.train.rules import SGD

# %% [markdown]
# ## XOR
# "The first thing that we can do is check that this MLP can indeed learn the logic functions,
# especially the XOR." Three hidden neurons, one logistic output, all four rows in every update.

# %%
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([0, 1, 1, 0])


def xor_unit(seed: int) -> ScratchClassifier:
    return ScratchClassifier(
        hidden=(3,), outtype="logistic", learning_rate=5.0, max_iter=1000, random_state=seed
    )


# %% [markdown]
# ## Iris
# The recipe: normalise the inputs; a half of the rows to train, a quarter to say when to stop, a
# quarter for the test, "for the first (and only) time". Five hidden neurons, softmax outputs.


# %%
def iris(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(seed).permutation(150)
    train, held, test = order[:75], order[75:112], order[112:]
    centre = x[train].mean(axis=0)
    scale = np.abs(x[train] - centre).max(axis=0)
    x = (x - centre) / scale
    return {"train": (x[train], y[train]), "held": (x[held], y[held]), "test": (x[test], y[test])}


def fit_iris(seed: int) -> tuple[ScratchClassifier, np.ndarray]:
    """The network and its confusion matrix on the test rows."""
    parts = iris(seed)
    unit = ScratchClassifier(hidden=(5,), learning_rate=0.3, max_iter=5000, random_state=seed)
    unit.fit(*parts["train"], validation=parts["held"])
    x, y = parts["test"]
    return unit, confusion_matrix(y, unit.predict(x), labels=[0, 1, 2])


# %% [markdown]
# ## The same by the engine
# `Sequential` from the same first weights, with the same rows in one batch: its gradient is taken
# by JAX, in float32.


# %%
def engine(x: np.ndarray, y: np.ndarray, start: list, rate: float, epochs: int) -> np.ndarray:
    """Probabilities after as many updates of SGD with momentum .9."""
    layers = [
        Dense(w.shape[1], "sigmoid" if i < len(start) - 1 else "softmax", name=f"layer{i}")
        for i, w in enumerate(start)
    ]
    model = Sequential([Input((x.shape[1],)), *layers])
    model.params = {
        f"layer{i}": {"kernel": np.float32(w[1:]), "bias": np.float32(w[0])}
        for i, w in enumerate(start)
    }
    model.compile(SGD(rate, momentum=0.9), "sparse_categorical_crossentropy")
    model.fit(np.float32(x), y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=0)
    return np.asarray(model.predict(np.float32(x)))


def beside_the_engine(updates: int) -> float:
    """The largest difference of a probability between the two, on iris."""
    x, y = iris(0)["train"]
    rng = np.random.default_rng(0)
    start = [0.5 * rng.normal(size=(5, 5)), 0.5 * rng.normal(size=(6, 3))]
    unit = ScratchClassifier(hidden=(5,), learning_rate=0.3, max_iter=updates, random_state=0)
    ours = unit.fit(x, y, start=start).predict_proba(x)
    return float(np.abs(ours - engine(x, y, start, 0.3, updates)).max())


# %% [markdown]
# ## MNIST
# 784 pixels, scaled to 0..1; a validation part ends training; the 10,000 test images come last.


# %%
def digits(rows: int, held: int) -> tuple[ScratchClassifier, float, float, float]:
    """The network, its share of right answers on training and test images, and seconds."""
    given = mnist()
    x = given.x_train[: rows + held].reshape(-1, 784) / 255
    y = given.y_train[: rows + held].astype(int)
    unit = ScratchClassifier(
        hidden=(50,),
        learning_rate=0.5,
        max_iter=300,
        check_every=10,
        dtype="float32",
        random_state=0,
        verbose=1,
    )
    began = time.perf_counter()
    unit.fit(x[:rows], y[:rows], validation=(x[rows:], y[rows:]))
    seconds = time.perf_counter() - began
    test = given.x_test.reshape(-1, 784) / 255
    right = unit.score(test, given.y_test.astype(int))
    return unit, unit.score(x[:rows], y[:rows]), right, seconds


# %% [markdown]
# ## The picture


# %%
def draw(flowers: ScratchClassifier, table: np.ndarray, images: ScratchClassifier, out: Path):
    save(surface_steps(xor_unit(0), *XOR, [1, 30, 100, 1000]), out, "xor_from_scratch.png")
    figure, (left, middle, right) = axes(3, width=4.6, height=3.8)
    for ax, unit, title in ((left, flowers, "iris"), (right, images, "MNIST")):
        ax.plot(unit.history_["loss"], color=BLUE, label="training")
        ax.plot(unit.history_["val_loss"], "--", color=VERMILION, label="validation")
        ax.set(xlabel="iteration (one update)", ylabel="cost (cross-entropy)", title=title)
        ax.set_yscale("log")
        ax.legend(frameon=False)
    names = ("setosa", "versicolor", "virginica")
    middle.imshow(table, cmap="cividis")
    for i, j in np.ndindex(3, 3):
        light = table[i, j] > table.max() / 2
        middle.text(j, i, table[i, j], ha="center", va="center", color="black" if light else "w")
    middle.set(xticks=range(3), yticks=range(3), xticklabels=names, yticklabels=names)
    middle.set(xlabel="predicted", ylabel="actual", title="iris: 38 test rows")
    save(figure, out, "mlp_from_scratch.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    seeds = range(5 if quick else 50)
    solved = sum(xor_unit(seed).fit(*XOR).score(*XOR) == 1 for seed in seeds)
    splits = [fit_iris(seed) for seed in range(3 if quick else 20)]
    shares = np.array([np.trace(table) / table.sum() for _, table in splits])
    stopped = sum(unit.stopped_ for unit, _ in splits)
    gap = beside_the_engine(300)
    rows, held, least = (1000, 300, 0.82) if quick else (20_000, 5000, 0.92)
    images, train, test, seconds = digits(rows, held)
    draw(*splits[0], images, out)
    per_update = seconds / images.n_iter_ * 1e3
    print(f"MNIST: {images.n_iter_} updates of {rows:,} rows, {per_update:.0f} ms each")
    return [
        Check(
            "XOR, 2-3-1 logistic",
            "'can indeed learn ... especially the XOR'",
            f"{solved} of {len(seeds)} starts",
            solved >= 0.9 * len(seeds),
        ),
        Check(
            "iris, 4-5-3 softmax, test rows",
            "no number; 150 flowers, 3 kinds",
            f"{shares.mean():.1%} right ({shares.min():.1%} to {shares.max():.1%})",
            bool(shares.mean() > 0.93),
        ),
        Check(
            "iris: training ended by the validation rows",
            "when their error rises; in most splits it does",
            f"{stopped} of {len(splits)} splits",
            stopped >= 0.8 * len(splits),
        ),
        Check(
            "iris: hand-written gradient, and JAX's",
            "the same network after 300 updates",
            f"probabilities differ by {gap:.0e} at most",
            gap < 1e-4,
        ),
        Check(
            f"MNIST, 784-50-10 softmax, {rows:,} rows: test",
            "no number; 60,000 and 10,000 images",
            f"{test:.1%} right (training {train:.1%})",
            test > least,
        ),
    ]


if __name__ == "__main__":
    run(main)
