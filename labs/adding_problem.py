"""The adding problem: how far back a recurrent network can look.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "RNN" ("Long-term dependencies do not work
well ... At every time iteration, the gradient can either vanish or explode") and "LONG SHORT-TERM
MEMORY (LSTM)" ("They can learn long-term dependencies").

A sequence of T random numbers, two of them marked: what is the sum of the marked two? (Hochreiter
and Schmidhuber 1997.) A plain recurrent network and an LSTM of the same width get the same rows and
the same budget, for T up to 400; the gradient is followed back through the steps to see why one of
them fails.
"""

# %%
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from descend import LSTM, Dense, Input, Sequential, SimpleRNN
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION

# %% [markdown]
# ## The task
# Each step brings a number from [0, 1] and a mark. One mark lies in the first half, one in the
# second, so that the first must be remembered over T/2 steps on average. Who always answers 1, the
# mean, has the error Var(u_1 + u_2) = 1/12 + 1/12 = 1/6.

# %%
CHANCE = 1 / 6
SOLVED = 0.01  # a mean squared error a sixteenth of chance
UNITS = 64
BATCH = 64


def make(rows: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences (rows, steps, 2) of numbers and marks, and the sums (rows, 1)."""
    rng = np.random.default_rng([seed, steps])
    numbers = rng.uniform(size=(rows, steps))
    marks = np.zeros((rows, steps))
    each, half = np.arange(rows), steps // 2
    marks[each, rng.integers(0, half, rows)] = 1
    marks[each, rng.integers(half, steps, rows)] = 1
    y = (numbers * marks).sum(axis=1, keepdims=True)
    return np.stack([numbers, marks], axis=-1).astype(np.float32), y.astype(np.float32)


# %% [markdown]
# ## Two networks of one width
# The LSTM starts with its forget gates open (bias 1), the plain network with an orthogonal
# recurrent kernel: each at its best. Gradients are clipped to length 1, so that none explodes.


# %%
def network(kind: Any, steps: int) -> Sequential:
    return Sequential([Input((steps, 2)), kind(UNITS, name="memory"), Dense(1)])


def train(kind: Any, steps: int, epochs: int, rows: int) -> dict[str, Any]:
    """Test error after every epoch on fresh rows, and the seconds it took."""
    model = network(kind, steps)
    model.compile(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.003)), "mse")
    began = time.perf_counter()
    history = model.fit(
        *make(rows, steps, seed=0),
        batch_size=BATCH,
        epochs=epochs,
        validation_data=make(1000, steps, seed=1),
        verbose=0,
    )
    error = np.array(history.history["val_loss"])
    return {"model": model, "error": error, "seconds": time.perf_counter() - began}


# %% [markdown]
# ## Why: the gradient on its way back
# How much does the last state h_T depend on the input t steps before? The slope dh_T / dx_t is
# measured by its root mean square, in networks as they start and as they end. The start is a
# surprise: an LSTM's gates are then half open, and .7 a step leaves less after 100 steps than the
# orthogonal kernel of the plain network. What the LSTM has, and the plain network lacks, is that it
# can learn to open its forget gate.


# %%
def reach(model: Any, steps: int, rows: int = 16) -> np.ndarray:
    """|d h_T / d x_t| by steps back: how far back the input is still felt, (steps,)."""
    layer = model.layers["memory"]
    params = model.params["memory"]
    x = jnp.asarray(make(rows, steps, seed=2)[0])

    def last(x: Any) -> Any:
        return layer.apply(params, {}, x)[0]

    def felt(direction: Any) -> Any:
        return jax.grad(lambda x: jnp.sum(last(x) * direction[None]))(x)

    directions = jax.random.normal(jax.random.key(0), (8, UNITS)) / np.sqrt(UNITS)
    slopes = jax.vmap(felt)(directions)  # (8, rows, steps, 2)
    return np.sqrt(np.mean(np.square(slopes), axis=(0, 1, 3)))[::-1]


# %% [markdown]
# ## The pictures


# %%
def draw(runs: dict, lengths: list[int], per_epoch: int, out: Path) -> None:
    figure, grid = axes(len(lengths), width=4.2, height=3.8)
    for ax, steps in zip(np.atleast_1d(grid), lengths, strict=True):
        for kind, colour, style in ((SimpleRNN, VERMILION, "--"), (LSTM, BLUE, "-")):
            error = runs[kind, steps]["error"]
            at = per_epoch * np.arange(1, len(error) + 1)
            ax.plot(at, error, style, color=colour, label=kind.__name__)
        ax.axhline(CHANCE, color=BLACK, lw=0.8, ls=":")
        ax.text(
            at[-1], CHANCE * 1.1, "always answering 1: 1/6", ha="right", va="bottom", fontsize=9
        )
        ax.set(yscale="log", ylim=(1e-5, 1), xlabel="updates", title=f"T = {steps} steps")
    np.atleast_1d(grid)[0].set_ylabel("test mean squared error")
    np.atleast_1d(grid)[-1].legend(frameon=False, loc="lower left")
    save(figure, out, "adding_problem.png")


def draw_reach(felt: dict, steps: int, out: Path) -> None:
    figure, ax = axes()
    for kind, colour, style in ((SimpleRNN, VERMILION, "--"), (LSTM, BLUE, "-")):
        first, last = felt[kind]
        ax.plot(
            first, style, color=colour, lw=0.9, alpha=0.6, label=f"{kind.__name__}, at the start"
        )
        ax.plot(last, style, color=colour, lw=2, label=f"{kind.__name__}, trained on T = {steps}")
    ax.set(yscale="log", xlabel="steps back", ylabel="size of dh(T)/dx(t)")
    ax.set_title("How far back the input is still felt")
    ax.legend(frameon=False, loc="lower right")
    save(figure, out, "adding_reach.png")


# %% [markdown]
# ## The comparison
# `--quick` keeps to T = 60 and a small budget; the checks are the same.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    lengths = [60] if quick else [50, 100, 200, 400]
    rows, epochs = (6400, 12) if quick else (25_600, 12)
    runs = {}
    print(f"test mean squared error, best epoch of {epochs} ({rows // BATCH} updates each)")
    for steps in lengths:
        for kind in (SimpleRNN, LSTM):
            found = runs[kind, steps] = train(kind, steps, epochs, rows)
            solved = np.flatnonzero(found["error"] < SOLVED)
            when = f"solved in epoch {solved[0] + 1}" if len(solved) else "not solved"
            print(
                f"T = {steps:3d}  {kind.__name__:9s}  {found['error'].min():.5f}  {when:20s}"
                f"  {found['seconds']:5.1f} s"
            )
    longest = lengths[-1]
    felt = {
        kind: (reach(network(kind, longest), longest), reach(runs[kind, longest]["model"], longest))
        for kind in (SimpleRNN, LSTM)
    }
    # what of the input half a sequence back is felt, beside that of the last steps
    fade = {kind: last[longest // 2] / last[:5].mean() for kind, (_, last) in felt.items()}
    draw(runs, lengths, rows // BATCH, out)
    draw_reach(felt, longest, out)
    best = {kind: runs[kind, longest]["error"].min() for kind in (SimpleRNN, LSTM)}
    target = make(100_000, 10, seed=3)[1]
    return [
        Check(
            "error of always answering 1",
            f"1/12 + 1/12 = {CHANCE:.4f}",
            f"{np.mean((target - 1) ** 2):.4f}",
            abs(np.mean((target - 1) ** 2) - CHANCE) < 0.003,
        ),
        Check(
            f"LSTM, T = {longest}",
            "can learn long-term dependencies",
            f"error {best[LSTM]:.5f}",
            best[LSTM] < SOLVED,
        ),
        Check(
            f"plain RNN, T = {longest}",
            "long-term dependencies do not work well",
            f"error {best[SimpleRNN]:.3f}, chance {CHANCE:.3f}",
            best[SimpleRNN] > CHANCE / 2,
        ),
        Check(
            f"what is felt {longest // 2} steps back, trained LSTM / plain RNN",
            "the RNN's gradient vanishes",
            f"{fade[LSTM]:.1e} / {fade[SimpleRNN]:.1e}",
            fade[LSTM] > 10 * fade[SimpleRNN],
        ),
        *(
            Check(
                f"LSTM, T = {steps}",
                "solved",
                f"error {runs[LSTM, steps]['error'].min():.5f}",
                runs[LSTM, steps]["error"].min() < SOLVED,
            )
            for steps in lengths[:-1]
        ),
    ]


if __name__ == "__main__":
    run(main)
