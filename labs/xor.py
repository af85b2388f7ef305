"""Exclusive or: what one neuron cannot learn and a hidden layer always does.

Lectures: scheidegger-2020-deep-learning-cscs-usi, slides "LIMITATIONS OF PERCEPTRONS" and "ACTION
REQUIRED – MLP (II)"; raviv-2022-introducing-deep-learning, the truth tables after "What are
nonlinear problems?".

Shows a 2-8-1 network learning XOR from every one of 100 random seeds, all trained as one program in
the stated budget of 300 updates; and that a single neuron, which learns AND and OR from every seed,
ends at three right answers of four at best.
"""

# %%
import time
from pathlib import Path

import numpy as np

from descend import Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, VERMILION
from descend.train.many import Many
from descend.train.rules import Adam

# %% [markdown]
# ## The truth tables
# AND and OR can be told apart by a straight line through the plane of inputs; XOR, which is "OR and
# not AND", cannot: its ones sit on opposite corners.

# %%
INPUTS = np.array([[1, 1], [0, 0], [1, 0], [0, 1]], float)
GATES = {
    "AND": np.array([1, 0, 0, 0], float),
    "OR": np.array([1, 0, 1, 1], float),
    "XOR": np.array([0, 0, 1, 1], float),
}
SEEDS = range(100)
BUDGET = 300  # updates; each one sees all four rows


def one_neuron() -> Model:
    i = Input((2,), name="inputs")
    return Model(i, Dense(1, "sigmoid", name="output")(i))


def hidden_layer() -> Model:
    i = Input((2,), name="inputs")
    h = Dense(8, "tanh", name="hidden")(i)
    return Model(i, Dense(1, "sigmoid", name="output")(h))


# %% [markdown]
# ## A hundred networks, one program
# `sweep` puts the seeds on a leading axis: the program is compiled once and every member takes its
# step at the same time.


# %%
def train(model: Model, y: np.ndarray) -> tuple[Many, float]:
    """The members of all seeds, and the seconds it took, compilation included."""
    model.compile(optimizer=Adam(0.05), loss="binary_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    rows = (INPUTS, y[:, None])
    many = sweep(model, {"seed": SEEDS}, *rows, batch_size=4, epochs=BUDGET, validation_data=rows)
    return many, time.perf_counter() - start


def right_answers(many: Many) -> np.ndarray:
    """Of the four rows, how many each member answers rightly after its last update."""
    return np.array([round(4 * m.final("val_accuracy")) for m in many])


# %% [markdown]
# Not even a search finds a line that does it. A quarter of a million lines are tried here; the
# reason is an inequality: w0 < 0, w0 + w1 > 0 and w0 + w2 > 0 add up to w0 + w1 + w2 > -w0 > 0,
# which answers (1, 1) with a one.


# %%
def best_line(y: np.ndarray) -> int:
    grid = np.linspace(-3, 3, 63)
    w0, w1, w2 = (a.ravel()[:, None] for a in np.meshgrid(grid, grid, grid))
    answers = w0 + w1 * INPUTS[:, 0] + w2 * INPUTS[:, 1] > 0
    return int((answers == y).sum(axis=1).max())


# %% [markdown]
# ## The picture
# Three networks and the single neuron. A network's boundary depends on its seed; its four answers
# do not. The neuron's best idea is one half everywhere.


# %%
def draw(networks: list[tuple[str, Model]], out: Path) -> None:
    figure, panels = axes(len(networks), width=3.6, height=3.9)
    side = np.linspace(-0.5, 1.5, 101)
    x1, x2 = np.meshgrid(side, side)
    points = np.column_stack([x1.ravel(), x2.ravel()])
    for ax, (title, model) in zip(panels, networks, strict=True):
        p = model.predict(points).reshape(x1.shape)
        shade = ax.contourf(x1, x2, p, np.linspace(0, 1, 12), cmap="cividis")
        if p.max() - p.min() > 0.1:
            ax.contour(x1, x2, p, [0.5], colors="white", linewidths=2)
        for value, marker, colour in ((0, "o", BLUE), (1, "s", VERMILION)):
            rows = INPUTS[GATES["XOR"] == value]
            ax.plot(
                *rows.T, marker, ms=12, color=colour, mec="white", mew=2, label=f"XOR = {value}"
            )
        ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
        ax.set(xticks=(0, 1), yticks=(0, 1))
    panels[-1].legend(loc="center", fontsize=9)
    figure.colorbar(
        shade, ax=panels, label="output (probability of 1)", shrink=0.8, ticks=[0, 0.5, 1]
    )
    save(figure, out, "xor.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    networks, seconds = train(hidden_layer(), GATES["XOR"])
    right = right_answers(networks)
    neurons = {gate: train(one_neuron(), y)[0] for gate, y in GATES.items()}
    neuron_right = {gate: right_answers(many) for gate, many in neurons.items()}
    costs = np.array([m.final("val_loss") for m in neurons["XOR"]])
    print(f"100 networks, {BUDGET} updates each, as one program: {seconds:.2f} s with compilation")
    shown = [(f"2-8-1 network, seed {k}", networks[k].model) for k in (0, 1, 2)]
    draw([*shown, ("one neuron", neurons["XOR"][0].model)], out)
    solved, solvers = (right == 4).sum(), (neuron_right["XOR"] == 4).sum()
    return [
        Check(
            f"2-8-1 network learns XOR in {BUDGET} updates",
            "an MLP 'can indeed learn' it",
            f"{solved} of 100 seeds",
            solved == 100,
        ),
        *(
            Check(
                f"one neuron learns {gate}",
                "linearly separable",
                f"{(neuron_right[gate] == 4).sum()} of 100 seeds",
                (neuron_right[gate] == 4).all(),
            )
            for gate in ("AND", "OR")
        ),
        Check(
            "one neuron learns XOR",
            "not separable: it cannot",
            f"{solvers} of 100 seeds, best {neuron_right['XOR'].max()} of 4",
            neuron_right["XOR"].max() <= 3,
        ),
        Check(
            "best of 250,047 lines on XOR",
            "not separable: not 4 of 4",
            f"{best_line(GATES['XOR'])} of 4",
            best_line(GATES["XOR"]) == 3,
        ),
        Check(
            "one neuron's lowest cost on XOR",
            f"says 1/2 everywhere: log 2 = {np.log(2):.4f}",
            f"{costs.min():.4f} to {costs.max():.4f}",
            costs.min() > np.log(2) - 1e-4,
        ),
    ]


if __name__ == "__main__":
    run(main)
