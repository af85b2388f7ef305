"""Handwritten digits: a network of neurons, and one that sees in two dimensions.

Lectures: radwan-deep-learning-tutorial, the outline's "CNN: Spatial Perspective";
scheidegger-2020-deep-learning-cscs-usi, slides "CONVOLUTIONAL NEURAL NETS"; hull-2023, "Specialized
Layer: Convolutional" and "Specialized Layer: Pooling".

Trains a multilayer perceptron to 98 % and a convolutional network to 99.2 % of the 10,000 test
images, which are looked at once, at the end; and, where Keras is installed, the same two networks
there, with the time each takes to the same validation accuracy.
"""

# %%
import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

import descend
from descend.data.images import mnist
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION

# %% [markdown]
# ## The data
# 60,000 images of 28 x 28 pixels to learn from, the last 5,000 of them for validation, and 10,000
# for the test. Pixels are scaled to 0..1; a channel axis says "one colour".

# %%
HELD = 5000


def load(rows: int) -> dict[str, Any]:
    """Images as float32 (n, 28, 28, 1) and labels: `rows` to train on, validation, test."""
    given = mnist()
    x = given.x_train[..., None].astype(np.float32) / 255
    y = given.y_train.astype(np.int32)
    return {
        "train": (x[:-HELD][:rows], y[:-HELD][:rows]),
        "held": (x[-HELD:], y[-HELD:]),
        "test": (given.x_test[..., None].astype(np.float32) / 255, given.y_test.astype(np.int32)),
        "raw": given.x_test,
    }


# %% [markdown]
# ## Two networks, each written once
# `k` is descend or Keras: the listings are the same. The perceptron sees 784 numbers in a row; the
# convolutional network slides 3 x 3 windows over the image, halves it by pooling, and only then
# flattens what is left. It has a third of the perceptron's weights.


# %%
def perceptron(k: Any) -> Any:
    return [
        k.Flatten(),
        k.Dense(512, activation="relu"),
        k.Dropout(0.2),
        k.Dense(512, activation="relu"),
        k.Dropout(0.2),
        k.Dense(10, activation="softmax"),
    ]


def convolutional(k: Any) -> Any:
    return [
        k.Conv2D(32, 3, activation="relu"),
        k.MaxPooling2D(2),
        k.Conv2D(64, 3, activation="relu"),
        k.MaxPooling2D(2),
        k.Flatten(),
        k.Dropout(0.5),
        k.Dense(128, activation="relu"),
        k.Dropout(0.5),
        k.Dense(10, activation="softmax"),
    ]


# the lecture's kinds of network, what they shall reach on the test, and in how many epochs
TASKS = {
    "perceptron": (perceptron, 0.980, 20),
    "convolutional": (convolutional, 0.992, 24),
}


# %% [markdown]
# ## Training
# Adam, 128 images an update. The rate falls along a cosine; the epoch with the best validation
# accuracy is kept. A clock notes when the validation accuracy first reached the aim.


# %%
class Clock:
    """Notes the accuracy and the seconds since the start after every epoch."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.seconds: list[float] = []
        self.accuracy: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        self.seconds.append(time.perf_counter() - self.began)
        self.accuracy.append(logs["val_accuracy"])

    def until(self, aim: float) -> float:
        """Seconds to the first epoch that reached the aim; infinity if none did."""
        reached = [s for s, a in zip(self.seconds, self.accuracy, strict=True) if a >= aim]
        return reached[0] if reached else np.inf

    @property
    def an_epoch(self) -> float:
        """Median seconds of an epoch, the first (which compiles) left out."""
        return float(np.median(np.diff(self.seconds)))


def train(make: Any, data: dict[str, Any], epochs: int) -> tuple[Any, Clock]:
    from descend.train.rules import Adam
    from descend.train.rules.schedules import CosineDecay

    x, y = data["train"]
    model = descend.Sequential([descend.Input((28, 28, 1)), *make(descend)])
    steps = epochs * -(-len(x) // 128)
    model.compile(
        Adam(CosineDecay(0.002, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    clock = Clock()
    best = descend.EarlyStopping(monitor="val_accuracy", patience=epochs)
    model.fit(
        x, y, batch_size=128, epochs=epochs, validation_data=data["held"], callbacks=[clock, best]
    )
    return model, clock


def train_in_keras(make: Any, data: dict[str, Any], epochs: int) -> Clock:
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.clock = Clock()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.clock.on_epoch_end(epoch, logs)

    keras.utils.set_random_seed(0)
    x, y = data["train"]
    model = keras.Sequential([keras.Input((28, 28, 1)), *make(keras.layers)])
    rate = keras.optimizers.schedules.CosineDecay(0.002, epochs * -(-len(x) // 128))
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    watch = Watch()
    options = {"batch_size": 128, "epochs": epochs, "validation_data": data["held"], "verbose": 0}
    model.fit(x, y, callbacks=[watch], **options)
    return watch.clock


# %% [markdown]
# ## The pictures
# Left: validation error by time, both networks (and Keras's, dashed, where it is installed). Right:
# what the convolutional network got wrong, with its answer and the label: many are hard.


# %%
def draw(clocks: dict[str, Clock], out: Path) -> None:
    figure, ax = axes(width=7)
    colours = {"perceptron": VERMILION, "convolutional": BLUE}
    for name, clock in clocks.items():
        kind = name.split(", ")[0]
        error = 100 * (1 - np.array(clock.accuracy))
        style = "--" if "Keras" in name else "-"
        ax.plot(clock.seconds, error, style, marker="o", ms=3, color=colours[kind], label=name)
    for aim, colour in ((2.0, VERMILION), (0.8, BLUE)):
        ax.axhline(aim, color=colour, lw=0.8, ls=":")
        place = {"transform": ax.get_yaxis_transform(), "va": "center", "color": colour}
        ax.text(1.01, aim, f"aim {100 - aim:.1f} %", **place)
    ax.set(xscale="log", yscale="log", xlabel="time since the start (s), compilation included")
    ax.set(ylabel="validation error (%)", title="Handwritten digits")
    ax.set_yticks((0.5, 1, 2, 5, 10), ("0.5", "1", "2", "5", "10"))
    low, high = ax.get_xlim()
    times = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= t <= high]
    ax.set_xticks(times, [str(t) for t in times])
    ax.minorticks_off()
    ax.legend(frameon=False)
    save(figure, out, "mnist_time.png")


def draw_mistakes(model: Any, data: dict[str, Any], out: Path) -> None:
    x, y = data["test"]
    p = model.predict(x)
    wrong = np.flatnonzero(p.argmax(1) != y)
    worst = wrong[np.argsort(-p[wrong].max(1))][:24]  # the surest mistakes
    figure, grid = axes(8, 3, width=1.15, height=1.35)
    for ax in grid.ravel():
        ax.axis("off")
    for ax, i in zip(grid.ravel(), worst, strict=False):
        ax.imshow(data["raw"][i], cmap="gray_r")
        ax.set_title(f"{p[i].argmax()}, is {y[i]}", fontsize=9, color=BLACK)
    figure.suptitle(f"{len(wrong)} of {len(y):,} wrong; the surest, as 'answer, is label'")
    save(figure, out, "mnist_mistakes.png")


# %% [markdown]
# ## The comparison
# `--quick` learns from 6,000 images for a few epochs, which is enough for 94 % and 96 %.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    data = load(6000 if quick else 60_000)
    peer = not quick and importlib.util.find_spec("keras") is not None
    clocks: dict[str, Clock] = {}
    errors: list[float] = []  # on the test, in percent
    checks: list[Check] = []
    for name, (make, aim, epochs) in TASKS.items():
        aim, epochs = ({0.980: 0.94, 0.992: 0.96}[aim], 6) if quick else (aim, epochs)
        model, clock = train(make, data, epochs)
        clocks[f"{name}, descend"] = clock
        _, accuracy = model.evaluate(*data["test"], verbose=0)
        errors.append(100 * (1 - accuracy))
        checks.append(
            Check(
                f"{name}: right of 10,000 test images",
                f">= {100 * aim:.1f} %",
                f"{100 * accuracy:.2f} %",
                accuracy >= aim,
            )
        )
        print(
            f"{name}: {sum(model.parameter_counts().values()):,} parameters, "
            f"{clock.an_epoch:.2f} s an epoch, "
            f"validation at {100 * aim:.1f} % after {clock.until(aim):.1f} s"
        )
        if peer:
            theirs = clocks[f"{name}, Keras"] = train_in_keras(make, data, epochs)
            print(
                f"    Keras ({os.environ.get('KERAS_BACKEND', 'tensorflow')}): "
                f"{theirs.an_epoch:.2f} s an epoch, "
                f"validation at {100 * aim:.1f} % after {theirs.until(aim):.1f} s"
            )
    counts = [sum(model_of(name).parameter_counts().values()) for name in TASKS]
    checks += [
        Check(
            "parameters of the perceptron",
            f"{784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10:,} (by hand)",
            f"{counts[0]:,}",
            counts[0] == 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10,
        ),
        Check(
            "parameters of the convolutional network",
            f"{9 * 32 + 32 + 9 * 32 * 64 + 64 + 1600 * 128 + 128 + 128 * 10 + 10:,} (by hand)",
            f"{counts[1]:,}",
            counts[1] == 9 * 32 + 32 + 9 * 32 * 64 + 64 + 1600 * 128 + 128 + 128 * 10 + 10,
        ),
        Check(
            "errors, convolutional / perceptron",
            "fewer: the most successful type on images",
            f"{errors[1]:.2f} % / {errors[0]:.2f} %",
            errors[1] < errors[0],
        ),
    ]
    draw(clocks, out)
    draw_mistakes(model, data, out)
    return checks


def model_of(name: str) -> Any:
    return descend.Sequential([descend.Input((28, 28, 1)), *TASKS[name][0](descend)])


if __name__ == "__main__":
    run(main)
