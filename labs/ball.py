"""A picture of a ball, and where it will go.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "EXAMPLE" ("Given a picture of a ball, can
we predict where it will go?") and "RECURRENT NEURAL NETS" ("Handle variable-length sequences").

One picture cannot tell: the ball may fly anywhere. Two pictures tell the direction. A recurrent
network that has seen one to six pictures of a ball in a box says where the ball will be at each of
the next five moments; sequences of different length share one network by a mask.
"""

# %%
from pathlib import Path

import numpy as np

from descend import LSTM, Dense, Input, Model, Reshape
from descend.lab import Check, axes, run, save
from descend.nn.layers import Flatten, Masking, TimeDistributed
from descend.palette import BLACK, BLUE, GREEN, VERMILION
from descend.train.rules import Adam
from descend.train.rules.schedules import CosineDecay

# %% [markdown]
# ## A ball in a box
# The box is one wide. The ball moves .08 a moment in a direction that nobody knows, and bounces off
# the walls without loss: its free path is folded back into the box.

# %%
SPEED = 0.08  # box widths a moment
SEEN, AHEAD = 6, 5  # moments
PIXELS = 16


def paths(rows: int, seed: int) -> np.ndarray:
    """Positions (rows, SEEN + AHEAD, 2) in [0, 1]."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, (rows, 1, 1))
    velocity = SPEED * np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)
    free = rng.uniform(size=(rows, 1, 2)) + velocity * np.arange(SEEN + AHEAD)[:, None]
    return 1 - np.abs(free % 2 - 1)  # a triangle wave: folding at the walls


def pictures(positions: np.ndarray) -> np.ndarray:
    """Grey pictures (..., PIXELS, PIXELS) of a soft ball at positions (..., 2)."""
    centres = (np.arange(PIXELS) + 0.5) / PIXELS
    across = np.exp(-np.square((centres - positions[..., :1]) / 0.07) / 2)
    down = np.exp(-np.square((centres - positions[..., 1:]) / 0.07) / 2)
    return (down[..., :, None] * across[..., None, :]).astype(np.float32)


def rows_of(count: int, seed: int, lengths: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, SEEN, PIXELS, PIXELS), only the last `lengths` of them seen, and what follows.

    A row that has seen fewer begins later: its pictures come first, and zeros fill the rest up.
    """
    path = paths(count, seed)
    lengths = np.broadcast_to(lengths, count)
    x = np.zeros((count, SEEN, PIXELS, PIXELS), np.float32)
    for k in np.unique(lengths):
        which = lengths == k
        x[which, :k] = pictures(path[which, SEEN - k : SEEN])
    return x, path[:, SEEN:].astype(np.float32)


# %% [markdown]
# ## The network
# Each picture is looked at by the same small layer (TimeDistributed), the LSTM keeps what it has
# seen, and a picture of zeros is none (Masking): a row of two pictures is a sequence of length two.


# %%
def network() -> Model:
    i = Input((SEEN, PIXELS, PIXELS), name="pictures")
    h = TimeDistributed(Flatten(), name="as_row")(i)
    h = Masking(name="what_was_seen")(h)
    h = TimeDistributed(Dense(64, "tanh"), name="eye")(h)
    h = LSTM(64, name="memory")(h)
    h = Dense(128, "tanh", name="foresight")(h)
    return Model(i, Reshape((AHEAD, 2), name="positions")(Dense(2 * AHEAD)(h)))


def train(rows: int, epochs: int) -> Model:
    lengths = np.random.default_rng(0).integers(1, SEEN + 1, rows)
    model = network()
    model.compile(Adam(CosineDecay(0.003, epochs * -(-rows // 64))), "mse")
    model.fit(*rows_of(rows, 1, lengths), batch_size=64, epochs=epochs, verbose=0)
    return model


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean distance at each moment ahead, in box widths, (AHEAD,)."""
    return np.sqrt(np.square(a - b).sum(axis=-1)).mean(axis=0)


# %% [markdown]
# ## What can be known
# From one picture the best guess is the mean over all directions, which is where the ball is now
# (near a wall, a little inside): it misses by about one step's length after one moment, two after
# two. From two pictures the path is known, bounces and all. Who flies straight on from two pictures
# knows the direction but not the walls.


# %%
def straight_on(path: np.ndarray) -> np.ndarray:
    """Positions (n, AHEAD, 2) without walls, from the last two that were seen."""
    step = path[:, SEEN - 1] - path[:, SEEN - 2]
    return path[:, SEEN - 1, None] + step[:, None] * np.arange(1, AHEAD + 1)[:, None]


def best_from_one(rows: int = 4000, directions: int = 256) -> np.ndarray:
    """Mean distance of the best guess from the position alone, by averaging over directions."""
    rng = np.random.default_rng(5)
    angle = np.linspace(0, 2 * np.pi, directions, endpoint=False)
    velocity = SPEED * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    start = rng.uniform(size=(rows, 1, 1, 2))
    free = start + velocity[:, None] * np.arange(1, AHEAD + 1)[:, None]
    after = 1 - np.abs(free % 2 - 1)  # (rows, directions, AHEAD, 2)
    guess = after.mean(axis=1, keepdims=True)
    return np.sqrt(np.square(after - guess).sum(axis=-1)).mean(axis=(0, 1))


# %% [markdown]
# ## The pictures


# %%
def draw(model: Model, errors: dict[int, np.ndarray], limit: np.ndarray, out: Path) -> None:
    figure, (left, right) = axes(2, height=4.6)
    path = paths(200, seed=9)
    bounced = np.abs(straight_on(path) - path[:, SEEN:]).max(axis=(1, 2)) > 0.1
    shown = path[np.flatnonzero(bounced)[0]]
    left.plot(*shown[:SEEN].T, "o-", color=BLACK, ms=9, label="seen")
    left.plot(*shown[SEEN:].T, "o", color=BLACK, ms=9, mfc="none", label="what followed")
    for k, colour, marker in ((1, VERMILION, "x"), (SEEN, BLUE, "+")):
        x = np.zeros((1, SEEN, PIXELS, PIXELS), np.float32)
        x[0, :k] = pictures(shown[SEEN - k : SEEN])
        said = model.predict(x)[0]
        left.plot(*said.T, marker, color=colour, ms=9, mew=2, label=f"said after {k} picture(s)")
    left.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title="one ball, bouncing")
    left.set(xlabel="across (box widths)", ylabel="up (box widths)")
    left.legend(fontsize=8, loc="best")
    ahead = np.arange(1, AHEAD + 1)
    colours = {1: VERMILION, 2: GREEN, SEEN: BLUE}
    for k, colour in colours.items():
        label = f"network, {k} picture{'s' * (k > 1)}"
        right.plot(ahead, errors[k], "o-", color=colour, label=label)
    right.plot(ahead, limit, "k:", label="best possible from one picture")
    right.set(xlabel="moments ahead", ylabel="mean distance missed (box widths)", ylim=(0, None))
    right.set(xticks=ahead, title="2,000 balls not seen in training")
    right.legend(frameon=False)
    save(figure, out, "ball.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    model = train(*((4000, 25) if quick else (20_000, 60)))
    path = paths(2000, seed=7)
    errors = {}
    for k in range(1, SEEN + 1):
        x, y = rows_of(2000, 7, k)
        errors[k] = distance(model.predict(x), y)
    limit = best_from_one()
    straight = distance(straight_on(path), path[:, SEEN:])
    print("mean distance missed (box widths), by moments ahead")
    print("pictures seen  " + "  ".join(f"{m:6d}" for m in range(1, AHEAD + 1)))
    for k, error in errors.items():
        print(f"{k:13d}  " + "  ".join(f"{e:6.4f}" for e in error))
    print("best from one  " + "  ".join(f"{e:6.4f}" for e in limit))
    print("straight on    " + "  ".join(f"{e:6.4f}" for e in straight))
    draw(model, errors, limit, out)

    one, few = errors[1], errors[SEEN]
    padded = model.predict(rows_of(50, 8, 3)[0])
    noise = rows_of(50, 8, 3)[0]
    short = shorter(model, 3).predict(noise[:, :3])
    return [
        Check(
            "one picture, one moment ahead",
            f"cannot tell: at best {limit[0]:.3f}",
            f"misses by {one[0]:.3f}",
            0.9 * limit[0] < one[0] < 1.25 * limit[0],
        ),
        Check(
            "two pictures, one moment ahead",
            "tell the direction",
            f"misses by {errors[2][0]:.3f}, {one[0] / errors[2][0]:.1f} times less",
            errors[2][0] < one[0] / 2,
        ),
        Check(
            "six pictures against one, five ahead",
            "a sequence can be predicted",
            f"{few[-1]:.3f} against {one[-1]:.3f}",
            few[-1] < one[-1] / 2,
        ),
        Check(
            "six pictures against flying straight on, five ahead",
            "the network knows the walls",
            f"{few[-1]:.3f} against {straight[-1]:.3f}",
            few[-1] < straight[-1],
        ),
        Check(
            "three pictures padded to six = three pictures",
            "variable-length sequences",
            f"largest difference {np.abs(padded - short).max():.1e}",
            np.allclose(padded, short, atol=1e-5),
        ),
    ]


def shorter(model: Model, seen: int) -> Model:
    """The same weights for sequences of exactly `seen` pictures, without a mask."""
    i = Input((seen, PIXELS, PIXELS))
    h = i
    for name, layer in model.layers.items():
        h = h if name == "what_was_seen" else layer(h)
    return Model(i, h)


if __name__ == "__main__":
    run(main)
