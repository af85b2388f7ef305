"""Learned features on other data: when they help, and when they do not.

Lectures: hull-2023-deep-learning-introduction-and-applications, slides "Deep Learning
Representations" and "Training and Optimization".

"Learned representations can be transferred across datasets." A network learns the digits 0 to 4,
each somewhere on a larger field; its features are then given a new output layer for 5 to 9, of
which there are few images: with the features frozen, and with all weights trained on. Beside it
stand a network that starts anew, and features that nobody has trained. The sentence holds where
images of the new digits are few. It needs two conditions: with many images frozen features are in
the way; and where the images are centred, so that the first data set has nothing to teach about
places, they do not help at all.
"""

# %%
import functools
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from descend import Dense, Input, Sequential
from descend.lab import Check, axes, run, save
from descend.nn.layers import Flatten
from descend.palette import BLACK, BLUE, ORANGE, VERMILION
from descend.train.many import cross_validate
from descend.train.rules import Adam

# %% [markdown]
# ## Two data sets
# 1,797 handwritten digits of 8 x 8 pixels: 0 to 4 are the first data set, 5 to 9 the second. Each
# image lies at a random place of a field of 12 x 12, so that most of what there is to learn is
# where to look; for comparison, all of them in the middle.

# %%
FIELD, SIZE = 12, 8
COPIES = 8  # places of each image of the first data set
TESTED = 400  # images of the second that are kept for the test
UPDATES, EPOCHS = 200, 30  # at least so many, of each network for the second


def on_field(images: np.ndarray, moved: bool, seed: int) -> np.ndarray:
    """Images (n, 8, 8) on fields (n, 12, 12): each at a random place, or in the middle."""
    draw = np.random.default_rng(seed)
    room = FIELD - SIZE
    places = draw.integers(0, room + 1, (len(images), 2)) if moved else [(room // 2,) * 2]
    found = np.zeros((len(images), FIELD, FIELD), np.float32)
    for field, image, (row, column) in zip(
        found, images, np.broadcast_to(places, (len(images), 2)), strict=True
    ):
        field[row : row + SIZE, column : column + SIZE] = image
    return found


def data_sets(moved: bool):
    """(x, y) of the digits 0 to 4, (x, y) of 5 to 9 with classes 0 to 4."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, SIZE, SIZE) / 16
    copies = COPIES if moved else 1
    first = np.tile(x[y < 5], (copies, 1, 1)), np.tile(y[y < 5], copies)
    return (on_field(first[0], moved, 0), first[1]), (on_field(x[y > 4], moved, 1), y[y > 4] - 5)


# %% [markdown]
# ## Four ways to begin
# `features` is the network up to a layer; `trainable = False` keeps its weights as they are. Put at
# the beginning of a new network, it brings its layers, and so its weights, along: each member of
# `cross_validate` starts from them. "From scratch" has layers of the same sizes.


# %%
def anew(seed: int) -> Sequential:
    model = Sequential(
        [
            Input((FIELD, FIELD)),
            Flatten(),
            Dense(128, "relu", name="hidden1"),
            Dense(64, "relu", name="hidden2"),
            Dense(5, "softmax", name="digit"),
        ],
        seed=seed,
    )
    return compiled(model)


def compiled(model: Sequential) -> Sequential:
    model.compile(Adam(0.003), "sparse_categorical_crossentropy", ["accuracy"])
    return model


@functools.cache
def learned(moved: bool, seed: int) -> Sequential:
    """The network of the first data set."""
    model = anew(seed)
    (x, y), _ = data_sets(moved)
    model.fit(x, y, epochs=20 if moved else 60, batch_size=64, verbose=0)
    return model


def with_new_output(base: Sequential, frozen: bool, seed: int) -> Sequential:
    features = base.features("hidden2")
    features.trainable = not frozen
    return compiled(Sequential([features, Dense(5, "softmax", name="new_digit")], seed=seed))


WAYS = {
    "features frozen": lambda base, seed: with_new_output(base, True, seed),
    "trained on": lambda base, seed: with_new_output(base, False, seed),
    "from scratch": lambda base, seed: anew(1000 + seed),
    "untrained features, frozen": lambda base, seed: with_new_output(anew(seed), True, seed),
}


# %% [markdown]
# ## The same few images for all four
# Some images of each new digit are drawn, several times; a draw is a fold of `cross_validate`, and
# all draws are one program. Every way sees the same draws and the same test images.


# %%
def accuracies(moved: bool, counts, ways, sources: int, draws: int, tested: int):
    """{(way, images of a class): (sources x draws,) accuracies on the test}."""
    _, (x, y) = data_sets(moved)
    order = np.random.default_rng(2).permutation(len(y))
    test, pool = order[:tested], order[TESTED:]

    def few(count: int, number: int) -> np.ndarray:
        draw = np.random.default_rng(number)
        return np.concatenate([draw.permutation(pool[y[pool] == c])[:count] for c in range(5)])

    found: dict[tuple[str, int], list[float]] = {}
    for seed in range(sources):
        base = learned(moved, seed)
        for count in counts:
            folds = [(few(count, seed * draws + i), test) for i in range(draws)]
            rows = min(32, 5 * count)
            for way in ways:
                many = cross_validate(
                    WAYS[way](base, seed),
                    x,
                    y,
                    folds,
                    epochs=max(EPOCHS, UPDATES * rows // (5 * count)),
                    batch_size=rows,
                    seed=seed,
                )
                found.setdefault((way, count), []).extend(m.final("val_accuracy") for m in many)
    return {key: np.array(values) for key, values in found.items()}


def table(found) -> None:
    counts = list(dict.fromkeys(count for _, count in found))
    print("accuracy on the test, mean (standard deviation) over draws, by images of a class")
    print(f"{'':28}" + "".join(f"{count:>15}" for count in counts))
    for way in dict.fromkeys(way for way, _ in found):
        cells = [found.get((way, count)) for count in counts]
        shown = (f"{'' if c is None else f'{c.mean():.3f} ({c.std():.3f})':>15}" for c in cells)
        print(f"{way:28}" + "".join(shown))


# %% [markdown]
# ## The picture
# Bands are one standard deviation over draws.

# %%
LOOKS = {
    "features frozen": (BLUE, "o", "-"),
    "trained on": (ORANGE, "s", "-"),
    "from scratch": (BLACK, "D", "--"),
    "untrained features, frozen": (VERMILION, "^", ":"),
}


def draw(found, titles, out: Path) -> None:
    figure, grid = axes(2)
    for ax, cells, title in zip(grid, found, titles, strict=True):
        for way, (colour, marker, line) in LOOKS.items():
            counts = [count for w, count in cells if w == way]
            if not counts:
                continue
            mean = np.array([cells[way, c].mean() for c in counts])
            std = np.array([cells[way, c].std() for c in counts])
            ax.plot(counts, mean, color=colour, marker=marker, ls=line, label=way)
            ax.fill_between(counts, mean - std, mean + std, color=colour, alpha=0.15, lw=0)
        ax.axhline(0.2, color="grey", lw=0.8, label="by chance")
        ax.set_xscale("log")
        ticks = sorted({count for _, count in cells})
        ax.set_xticks(ticks, [str(c) for c in ticks])
        ax.minorticks_off()
        ax.set_ylim(0.1, 1.0)
        ax.set_xlabel("images of each new digit")
        ax.set_ylabel("share of test images named rightly")
        ax.set_title(title)
    grid[0].legend(frameon=False, loc="upper left", fontsize=9)
    save(figure, out, "transfer.png")


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    few, many = 5, 80
    counts = (2, few, 10, 20, 40, many)
    if quick:  # what is claimed below, and nothing else
        size = {"sources": 1, "draws": 4, "tested": 200}
        moved = accuracies(True, (few,), WAYS, **size)
        moved |= accuracies(True, (many,), ("features frozen", "from scratch"), **size)
        centred = accuracies(False, (few,), ("features frozen", "from scratch"), **size)
    else:
        size = {"sources": 3, "draws": 8, "tested": TESTED}
        moved = accuracies(True, counts, WAYS, **size)
        centred = accuracies(False, counts, WAYS, **size)
    for title, found in (("at random places", moved), ("in the middle", centred)):
        print(f"\nImages {title}")
        table(found)
    draw((moved, centred), ("Images at random places", "Images in the middle"), out)

    # %% [markdown]
    # ## What is claimed, and what came out
    # Two ways are compared draw by draw, so that luck with the images cancels. A difference counts
    # where it is more than two standard errors of its mean.

    # %%
    frozen, on, scratch, untrained = WAYS
    said, condition = "representations can be transferred", "(a condition)"
    claims = [
        ("at random places", moved, few, frozen, scratch, 1, said),
        ("at random places", moved, few, on, scratch, 1, said),
        ("at random places", moved, few, frozen, untrained, 1, "they are learned"),
        ("at random places", moved, many, frozen, scratch, -1, condition),
        ("in the middle", centred, few, frozen, scratch, -1, condition),
    ]
    checks = []
    for where, found, count, one, other, sign, printed in claims:
        d = 100 * (found[one, count] - found[other, count])
        error = d.std(ddof=1) / np.sqrt(len(d))
        obtained = f"{d.mean():+.1f} points (standard error {error:.1f})"
        what = f"{where}, {count} images a class: {one} - {other}"
        checks.append(Check(what, printed, obtained, bool(sign * d.mean() > 2 * error)))
    return checks


# %%
if __name__ == "__main__":
    run(main)
