"""Dropout as the average of sub-networks: all 1,024 of them, beside the one scaled pass.

Lectures: scheidegger-2020-deep-learning-cscs-usi, slides "REGULARIZATION IN NN: DROPOUT";
itam-2023-introduction-to-deep-learning, 1.7 (DropOut).

A network of ten hidden units has 2^10 sub-networks: few enough to compute the lecture's sum over
all masks without drawing any. Shows what `predict`, which makes one pass with every unit there,
has to do with it: for a linear output it is the arithmetic mean exactly, for a softmax it is the
geometric mean exactly. That is surer of itself than the arithmetic mean of the slide, and chooses
the same classes.
"""

# %%
import itertools
from pathlib import Path

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from descend import Dense, Dropout, Input, Sequential
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, ORANGE, VERMILION

# %% [markdown]
# ## The network and its masks
# Wines, by 13 measurements, into three growers. Half of the ten hidden units are dropped at random
# in each update. `Dropout` divides what is left by 1 - rate, so that sums stay what they are on
# average; `predict` leaves all in.

# %%
UNITS, RATE = 10, 0.5


def wines(seed: int = 0):
    x, y = load_wine(return_X_y=True)
    parts = train_test_split(x, y, test_size=0.4, random_state=seed, stratify=y)
    mean, deviation = parts[0].mean(axis=0), parts[0].std(axis=0)
    return (parts[0] - mean) / deviation, (parts[1] - mean) / deviation, parts[2], parts[3]


def trained(last: str | None, seed: int, epochs: int) -> tuple[Sequential, tuple]:
    x, x_test, y, y_test = wines(seed)
    model = Sequential(
        [
            Input((13,)),
            Dense(UNITS, "relu", name="hidden"),
            Dropout(RATE, name="dropout"),
            Dense(3, last, name="grower"),
        ],
        seed=seed,
    )
    if last is None:  # the same as a regression on the three indicators
        model.compile("adam", "mse")
        model.fit(x, np.eye(3)[y], epochs=epochs, verbose=0)
    else:
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=epochs, verbose=0)
    return model, (x_test, y_test)


MASKS = np.array(list(itertools.product([0.0, 1.0], repeat=UNITS)))
CHANCE = RATE ** (UNITS - MASKS.sum(axis=1)) * (1 - RATE) ** MASKS.sum(axis=1)  # p(mu)


def every_subnetwork(model: Sequential, x: np.ndarray) -> np.ndarray:
    """What each of the 2^10 sub-networks puts into the last activation, (masks, n, 3)."""
    p = {n: {k: np.asarray(v, float) for k, v in a.items()} for n, a in model.params.items()}
    h = np.maximum(x @ p["hidden"]["kernel"] + p["hidden"]["bias"], 0)
    left = h[None] * MASKS[:, None] / (1 - RATE)
    return left @ p["grower"]["kernel"] + p["grower"]["bias"]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_loss(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    return -np.log(p[..., np.arange(len(y)), y]).mean(axis=-1)


# %% [markdown]
# ## The averages
# Arithmetic: sum over mu of p(mu) p(y | x, mu), as on the slide. Geometric: the same of logarithms,
# made to sum to one again. The logarithm of a softmax is its logits, less a number that all classes
# share; the mean logits are those of one scaled pass: so that pass is the geometric mean.


# %%
def averages(seed: int, epochs: int) -> dict[str, np.ndarray]:
    model, (x, y) = trained("softmax", seed, epochs)
    each = softmax(every_subnetwork(model, x))
    geometric = np.exp(np.tensordot(CHANCE, np.log(each), 1))
    return {
        "each": each,
        "y": y,
        "arithmetic": np.tensordot(CHANCE, each, 1),
        "geometric": geometric / geometric.sum(axis=-1, keepdims=True),
        "scaled": np.asarray(model.predict(x), float),
        "drawn": np.asarray(model.monte_carlo(x, samples=400, seed=seed).mean, float),
    }


# %% [markdown]
# ## The picture
# Left: the test cost of every sub-network, and of their averages. Right: the averages, row by row.


# %%
def draw(found: dict[str, np.ndarray], out: Path) -> None:
    figure, (left, right) = axes(2, width=5.8, height=4.2)
    y = found["y"]
    left.hist(log_loss(found["each"], y), bins=40, weights=CHANCE, color=BLUE, alpha=0.6)
    for name, colour, line in (
        ("arithmetic", BLACK, "-"),
        ("scaled", VERMILION, "--"),
        ("drawn", ORANGE, ":"),
    ):
        words = {"arithmetic": "mean of all 1,024", "scaled": "one scaled pass"}
        label = words.get(name, "mean of 400 drawn masks")
        left.axvline(log_loss(found[name], y), color=colour, ls=line, lw=2, label=label)
    left.set(xlabel="test cost (cross-entropy)", ylabel="share of the sub-networks")
    left.legend(frameon=False, fontsize=8)
    right.plot([0, 1], [0, 1], color="#999999", lw=1)
    arithmetic = found["arithmetic"].ravel()
    right.plot(arithmetic, found["drawn"].ravel(), "o", color=ORANGE, ms=3, label="400 drawn")
    right.plot(arithmetic, found["scaled"].ravel(), "x", color=VERMILION, ms=4, label="scaled")
    right.set(xlabel="probability, mean of all sub-networks", ylabel="probability, the short cut")
    right.legend(frameon=False)
    save(figure, out, "dropout_averaging.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    epochs, seeds = (60, 2) if quick else (200, 10)
    model, (x, _) = trained(None, 0, 20)
    mean = np.tensordot(CHANCE, every_subnetwork(model, x), 1)
    linear = np.abs(np.asarray(model.predict(x)) - mean).max()
    found = [averages(seed, epochs) for seed in range(seeds)]
    draw(found[0], out)
    costs = {
        name: np.array([log_loss(f[name], f["y"]) for f in found])
        for name in ("arithmetic", "scaled", "drawn")
    }
    single = np.array([CHANCE @ log_loss(f["each"], f["y"]) for f in found])
    print(f"\nTest cost, mean over {seeds} seeds: one sub-network {single.mean():.4f}, ", end="")
    print(", ".join(f"{name} {value.mean():.4f}" for name, value in costs.items()))
    exact = max(np.abs(f["geometric"] - f["scaled"]).max() for f in found)
    gap = max(np.abs(f["arithmetic"] - f["scaled"]).max() for f in found)
    mean_gap = np.mean([np.abs(f["arithmetic"] - f["scaled"]).mean() for f in found])
    same = np.mean([(f["arithmetic"].argmax(1) == f["scaled"].argmax(1)).mean() for f in found])
    drawn = np.mean([np.abs(f["arithmetic"] - f["drawn"]).mean() for f in found])
    return [
        Check("p(mu) over all masks", "a distribution", f"sums to {CHANCE.sum():.12f}",
              abs(CHANCE.sum() - 1) < 1e-12),
        Check("linear output: scaled pass against mean", "the arithmetic mean",
              f"within {linear:.0e}", linear < 1e-5),
        Check("softmax: scaled pass against geometric mean", "equal (Goodfellow et al. 2016, 7.12)",
              f"within {exact:.0e}", exact < 1e-5),
        Check("softmax: scaled pass against arithmetic mean", "'an efficient way of ... averaging'",
              f"surer by {mean_gap:.2f} (up to {gap:.2f}), same class in {same:.1%}", same > 0.95),
        Check("400 drawn masks against all", "the mean of drawn ones goes there",
              f"apart by {drawn:.3f} on average", drawn < 0.02),
        Check("the average's cost beside a sub-network's", "'some sort of bagging'",
              f"lower in {(costs['arithmetic'] < single).sum()} of {seeds} seeds",
              (costs["arithmetic"] < single).all()),
        Check("the scaled pass's cost beside a sub-network's", "stands for the average",
              f"lower in {(costs['scaled'] < single).sum()} of {seeds} seeds",
              (costs["scaled"] < single).all()),
    ]  # fmt: skip


if __name__ == "__main__":
    run(main)
