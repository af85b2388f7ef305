"""The iris regression listing, and how far one random split can be trusted.

Lecture: itam-2023-introduction-to-deep-learning, section 1.8 "Example of a NN in Python".

Shows that the lecture's network has the printed parameter counts, and puts the printed test loss,
.1016, where it belongs: it is the loss on one random split of 150 flowers. Over twenty seeded
splits the same listing gives a wide spread of losses, and descend's spread beside Keras's is the
same one. Keras's losses are stored below; `keras_losses()` computes them anew.
"""

# %%
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION

# %% [markdown]
# ## What is predicted from what
# The text wants petals as inputs and sepals as outputs. The listing's columns are the other way
# round (scikit-learn puts the sepal first), and we keep the listing: X is the sepal, Y the petal.

# %%
iris = load_iris()
X = iris.data[:, :2]
Y = iris.data[:, 2:]
L = iris.target

SPLITS = range(20)
REPEATS = 5  # training r on split s has the seed s + 100 r
PRINTED_LOSS = 0.10164663195610046
PRINTED_PARAMETERS = {"hidden1": 96, "hidden2": 2112, "hidden3": 2080, "output": 66}

# %% [markdown]
# ## The reference
# Test losses of Keras, one row a training seed, one column a split, written down so that Keras need
# not be installed: what `keras_losses()` below returned (two and a half minutes). The first row has
# median .173 and range .109 to .510; the other rows' medians are .185, .193, .188 and .197, and
# twenty runs on the TensorFlow backend gave .190. A median of twenty is itself a draw, so the five
# rows together are the reference.

# %%
KERAS_VERSIONS = "Keras 3.15.1 on its JAX backend, JAX 0.10.2, CPU"
# fmt: off
KERAS_LOSSES = np.array(
    [
        [0.1843, 0.1236, 0.1894, 0.1359, 0.1594, 0.1510, 0.1376, 0.2479, 0.1437, 0.2545,
         0.2845, 0.3451, 0.5104, 0.1090, 0.1609, 0.1611, 0.1926, 0.3186, 0.2735, 0.1219],
        [0.1914, 0.1117, 0.2553, 0.1352, 0.1948, 0.1672, 0.1149, 0.2511, 0.1777, 0.1305,
         0.1445, 0.2211, 0.3093, 0.3433, 0.1615, 0.1794, 0.2332, 0.1548, 0.2279, 0.3182],
        [0.1724, 0.1519, 0.1931, 0.4019, 0.1922, 1.0733, 0.2222, 0.7364, 0.1459, 0.1008,
         0.1597, 0.2917, 0.1937, 0.1329, 0.1340, 0.3425, 0.2449, 0.4912, 0.2201, 0.1423],
        [0.1964, 0.0940, 0.2250, 0.1250, 0.1982, 0.1666, 0.1097, 0.2573, 0.5091, 0.3122,
         0.1136, 0.2474, 0.2061, 0.1804, 0.1080, 0.1734, 0.4286, 0.1450, 0.2899, 0.1503],
        [0.1966, 0.2082, 0.1960, 0.1488, 0.1585, 0.1820, 0.2231, 0.2220, 0.1915, 0.1323,
         0.0952, 0.2271, 0.2126, 0.1960, 0.2888, 0.2414, 0.1980, 0.1354, 0.3828, 0.2074],
    ]
)
# fmt: on


# %% [markdown]
# ## The listing
# Between the two comments stands what the lecture has, unchanged. Two things are added to make it
# repeatable: the split is seeded, and so is the training. `Model`, `Input` and `Dense` come in as
# arguments, so that the very same lines run on descend and on Keras. The further seeds of a split
# are a sweep: one program for all of them, which must give what the listing gives alone.


# %%
def split_of(s: int) -> list[np.ndarray]:
    return train_test_split(X, Y, L, test_size=0.2, random_state=s)


def listing(Model, Input, Dense, split, **seeded):
    x_train, x_test, y_train, y_test, _, _ = split_of(split)
    # fmt: off
    # -- from the lecture --
    i = Input(shape=(2,), name='input')

    h = Dense(units=32, activation='relu', name='hidden1')(i)
    h = Dense(units=64, activation='relu', name='hidden2')(h)
    h = Dense(units=32, activation='relu', name='hidden3')(h)
    o = Dense(units=2, activation='linear', name='output')(h)

    MLP = Model(inputs=i, outputs=o)

    MLP.compile(optimizer='sgd', loss='mse')

    MLP.fit(x=x_train, y=y_train, batch_size=4,
            epochs=100, verbose=0, validation_split=0.1, **seeded)

    loss = MLP.evaluate(x=x_test, y=y_test, verbose=False)
    # -- up to here --
    # fmt: on
    return MLP, loss


def descend_losses(alone: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """The model of split 0; losses of the listing on its own; losses by seed and split.

    Args:
        alone: on how many splits the listing is run by itself.
    """
    from descend import Dense, Input, Model, sweep

    runs = [listing(Model, Input, Dense, s, seed=s) for s in SPLITS[:alone]]
    model = runs[0][0]
    many = np.empty((REPEATS, len(SPLITS)))
    for s in SPLITS:
        x_train, x_test, y_train, y_test, _, _ = split_of(s)
        kept = len(x_train) * 9 // 10  # validation_split=0.1 sets the last tenth aside
        members = sweep(
            model,
            {"seed": [s + 100 * r for r in range(REPEATS)]},
            x_train[:kept],
            y_train[:kept],
            batch_size=4,
            epochs=100,
            validation_data=(x_test, y_test),
        )
        many[:, s] = [member.final("val_loss") for member in members]
    return model, np.array([loss for _, loss in runs]), many


def keras_losses() -> np.ndarray:
    """Run the listing on Keras (set KERAS_BACKEND before); (REPEATS, splits)."""
    import keras
    from keras import Input, Model
    from keras.layers import Dense

    losses = np.empty((REPEATS, len(SPLITS)))
    for r in range(REPEATS):
        for s in SPLITS:
            keras.utils.set_random_seed(s + 100 * r)
            losses[r, s] = listing(Model, Input, Dense, s)[1]
    return losses


# %% [markdown]
# ## The picture
# Left: the learning curve of one run, as in the lecture's Figure 11. Right: a dot a run, a thick
# bar at the median, and the one number the lecture prints as a dashed line.


# %%
def draw(model: Any, ours: np.ndarray, theirs: np.ndarray, out: Path) -> None:
    figure, (left, right) = axes(2)
    history = model.history.history
    epochs = np.arange(1, len(history["loss"]) + 1)
    left.plot(epochs, history["loss"], color=BLUE, label="training")
    left.plot(epochs, history["val_loss"], color=VERMILION, ls="--", label="validation")
    left.set(xlabel="epoch", ylabel="mean squared error (cm²)", yscale="log", ylim=(0.1, 3))
    left.set_title("learning curve of one run (split 0)")
    left.legend(frameon=False)
    names = ("descend", "Keras")
    for place, losses, colour, marker in ((0, ours, BLUE, "o"), (1.3, theirs, VERMILION, "s")):
        across = place + np.linspace(-0.2, 0.2, losses.size)
        right.plot(across, losses.T.ravel(), marker, color=colour, alpha=0.6, ms=4)
        middle = np.median(losses)
        right.hlines(middle, place - 0.28, place + 0.28, color=BLACK, lw=3)
        right.text(place + 0.3, middle, f"median {middle:.3f}", va="center")
    right.axhline(PRINTED_LOSS, color=BLACK, ls="--", lw=1)
    right.text(2.18, PRINTED_LOSS * 0.98, "printed: 0.1016", va="top", ha="right")
    right.set(xticks=(0, 1.3), xticklabels=names, xlim=(-0.4, 2.2), yscale="log")
    right.set_ylabel("test mean squared error (cm²)")
    right.set_title(f"20 random splits, left to right; {len(ours)} seeds each")
    right.minorticks_off()
    right.set_yticks((0.1, 0.2, 0.3, 0.5, 1.0), ("0.1", "0.2", "0.3", "0.5", "1"))
    left.minorticks_off()
    left.set_yticks((0.1, 0.3, 1, 3), ("0.1", "0.3", "1", "3"))
    save(figure, out, "iris_regression.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    model, alone, many = descend_losses(3 if quick else len(SPLITS))
    model.summary()
    draw(model, many, KERAS_LOSSES, out)
    print("\nTest loss on each split, first seed")
    print("split  descend   Keras")
    for s in SPLITS:
        print(f"{s:5d}  {many[0, s]:7.4f}  {KERAS_LOSSES[0, s]:6.4f}")
    print("\nMedian over the 20 splits, by seed")
    print("seed       descend   Keras")
    for r in range(REPEATS):
        middle = np.median(many[r]), np.median(KERAS_LOSSES[r])
        print(f"s + {100 * r:<6d} {middle[0]:7.3f}  {middle[1]:6.3f}")
    print(f"({KERAS_VERSIONS})\n")

    counts = model.parameter_counts()
    ours, theirs = np.median(many), np.median(KERAS_LOSSES)
    return [
        *(
            Check(f"parameters of {name}", f"{count:,}", f"{counts[name]:,}", counts[name] == count)
            for name, count in PRINTED_PARAMETERS.items()
        ),
        Check(
            "parameters in total",
            "4,354",
            f"{sum(counts.values()):,}",
            sum(counts.values()) == 4354,
        ),
        Check(
            "test loss",
            f"{PRINTED_LOSS:.4f} (one split)",
            f"{many[0].min():.3f} to {many[0].max():.3f} (20 splits)",
            many[0].min() <= PRINTED_LOSS <= many[0].max(),
        ),
        Check(
            "median of 100 test losses, within .03",
            f"not printed; Keras {theirs:.3f}",
            f"{ours:.3f}",
            abs(ours - theirs) <= 0.03,
        ),
        Check(
            "range of 100 test losses",
            f"not printed; Keras {KERAS_LOSSES.min():.3f} to {KERAS_LOSSES.max():.3f}",
            f"{many.min():.3f} to {many.max():.3f}",
            many.min() < PRINTED_LOSS < many.max(),
        ),
        Check(
            "the listing alone = inside a sweep",
            "-",
            f"largest difference {np.abs(alone - many[0, : len(alone)]).max():.1e}",
            np.allclose(alone, many[0, : len(alone)], rtol=1e-3),
        ),
    ]


if __name__ == "__main__":
    run(main)
