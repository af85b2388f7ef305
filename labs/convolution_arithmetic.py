"""Convolution arithmetic: every number of a feature map worked out by hand.

Lectures: hull-2023-deep-learning-introduction-and-applications, "Specialized Layer: Convolutional"
and "Specialized Layer: Pooling"; radwan-deep-learning-tutorial, "Convolutions", "Pooling", "FCN";
scheidegger-2020-deep-learning-cscs-usi, slides "CONVOLUTIONAL NEURAL NETS".

Takes one image of 6 x 6 whole numbers through edge detectors, a blur, strides, dilation, padding,
pooling and the transposed convolution, each beside a loop or a sum with the numbers put in. Then
what makes these layers fit for images: few weights, the same answer wherever a thing stands, any
size of image. Last, a layer that only sees the output of an edge detector finds its kernel.
"""

# %%
from pathlib import Path

import numpy as np
from scipy.signal import convolve2d

from descend import AveragePooling2D, Conv2D, Dense, Flatten, Input, MaxPooling2D, Model, Sequential
from descend.lab import Check, axes, run, save
from descend.nn.layers import Conv2DTranspose, Layer
from descend.train.rules import Adam

# %% [markdown]
# ## An image and three filters
# A dark field on the left, a bright one on the right, and an edge that leans in the lower half.

# %%
ROWS = ("111888", "111888", "112888", "113988", "013998", "002799")
IMAGE = np.array([[float(x) for x in row] for row in ROWS])
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
FILTERS = {
    "vertical edges (Sobel)": SOBEL,
    "horizontal edges (Sobel)": SOBEL.T.copy(),
    "blur (mean of nine)": np.full((3, 3), 1 / 9),
}


def through(layer: Layer, image: np.ndarray, kernel: np.ndarray | None = None) -> np.ndarray:
    """What a layer makes of one image of one channel, with a kernel of our own."""
    params = {} if kernel is None else {"kernel": np.float32(kernel[:, :, None, None])}
    y, _ = layer.apply(params, {}, np.float32(image[None, :, :, None]))
    return np.asarray(y)[0, :, :, 0]


def convolved(image: np.ndarray, kernel: np.ndarray, **options) -> np.ndarray:
    return through(Conv2D(1, kernel.shape, use_bias=False, **options), image, kernel)


# %% [markdown]
# ## One number, then all of them
# The window lies on the image; numbers that lie on each other are multiplied, and all is added up.
# Nothing is turned round: what the field calls convolution is, to mathematicians, correlation.


# %%
def by_hand(image, kernel, stride: int = 1, dilation: int = 1, pad: tuple[int, int] = (0, 0)):
    """The definition as a loop; `pad` zeros before and after each axis."""
    image, reach = np.pad(image, pad), dilation * (len(kernel) - 1) + 1
    n = (len(image) - reach) // stride + 1
    out = np.zeros((n, n))
    for o in np.ndindex(n, n):
        rows, columns = (slice(i * stride, i * stride + reach, dilation) for i in o)
        out[o] = (kernel * image[rows, columns]).sum()
    return out


def one_sum(row: int, column: int) -> str:
    """The sum behind one number of the map, with the numbers put in."""
    window = IMAGE[row : row + 3, column : column + 3]
    terms = [f"{w:g}x{x:g}" for w, x in zip(SOBEL.ravel(), window.ravel(), strict=True) if w]
    return " + ".join(terms).replace("+ -", "- ")


# %% [markdown]
# ## Sizes
# A window of k cells, d apart, reaches over d (k - 1) + 1 cells; it starts at every s-th place of
# the n + 2p that there are: floor((n + 2p - d (k - 1) - 1) / s) + 1 places. "valid" adds nothing;
# "same" adds as many zeros as give ceil(n / s), an odd one behind.

# %%
# kernel, stride, dilation, padding
SETTINGS = [(3, 1, 1, "valid"), (3, 1, 1, "same"), (3, 2, 1, "valid"), (3, 2, 1, "same")]
SETTINGS += [(2, 2, 1, "valid"), (3, 1, 2, "valid"), (5, 1, 1, "same")]


def zeros_around(n: int, k: int, s: int, d: int, padding: str) -> tuple[int, int]:
    total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) if padding == "same" else 0
    return total // 2, total - total // 2


def sizes() -> bool:
    """Print the table; whether all maps have the formula's size and the loops' numbers."""
    rng, n, agree = np.random.default_rng(0), len(IMAGE), []
    print("kernel  stride  dilation  padding  zeros  formula  map")
    for k, s, d, padding in SETTINGS:
        kernel = rng.integers(-3, 4, (k, k)).astype(float)
        zeros = zeros_around(n, k, s, d, padding)
        formula = (n + sum(zeros) - d * (k - 1) - 1) // s + 1
        found = convolved(IMAGE, kernel, strides=s, dilation_rate=d, padding=padding)
        print(f"{k:>6}  {s:>6}  {d:>8}  {padding:<7}  {sum(zeros):>5}  {formula:>7}  {found.shape}")
        agree.append(found.shape == (formula, formula))
        agree.append(np.array_equal(found, by_hand(IMAGE, kernel, s, d, zeros)))
    return all(agree)


# %% [markdown]
# ## Back to a larger image
# The transposed convolution spreads each number over a window, s cells apart, and adds up where
# windows overlap: (n - 1) s + k cells come out.


# %%
def spread(image: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    k = len(kernel)
    out = np.zeros(((len(image) - 1) * stride + k,) * 2)
    for o in np.ndindex(image.shape):
        rows, columns = (slice(i * stride, i * stride + k) for i in o)
        out[rows, columns] += image[o] * kernel
    return out


SMALL = np.array([[1.0, 2.0], [3.0, 4.0]])
BUMP = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])

# %% [markdown]
# ## Anywhere, any size
# The same few weights look at every place. So a thing that moves moves its features with it, and a
# network of such layers alone (fully convolutional) has no size of its own.


# %%
def moved_alike(step: int) -> str:
    """Whether moving the image by `step` cells moves a map by step / stride: for three layers."""
    here, there = np.zeros((2, 16, 16))
    here[2:8, 2:8] = there[2 + step : 8 + step, 2 + step : 8 + step] = IMAGE
    answers = []
    sliding = [Conv2D(1, 3, strides=s, use_bias=False) for s in (1, 2)]
    for layer, kernel in zip([*sliding, MaxPooling2D(2)], [SOBEL, SOBEL, None], strict=True):
        a, b = through(layer, here, kernel), through(layer, there, kernel)
        cells = step // layer.strides[0]
        same = np.array_equal(b[cells:, cells:], a[: len(a) - cells, : len(a) - cells])
        answers.append("yes" if same else "no")
    return ", ".join(answers)


def fully_convolutional() -> tuple[tuple, tuple, float]:
    """Maps of an 8 x 8 and a 20 x 20 image, and how far they differ where they see the same."""
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(2), Conv2D(3, 2, activation="softmax")]
    model = Sequential(layers, input_shape=(8, 8, 1))
    large = np.random.default_rng(1).normal(size=(1, 20, 20, 1)).astype(np.float32)
    small = large[:, 6:14, 4:12]
    y_small, y_large = (np.asarray(model.apply(model.params, {}, x)[0]) for x in (small, large))
    same = y_large[:, 3 : 3 + y_small.shape[1], 2 : 2 + y_small.shape[2]]
    return y_small.shape[1:], y_large.shape[1:], float(np.abs(same - y_small).max())


# %% [markdown]
# ## A kernel that is found
# "Learnable filters": a layer with nine random weights sees random images and what the Sobel filter
# makes of them. The cost is a parabola in the nine weights, so there is one answer to find.


# %%
def learned_kernel(epochs: int) -> np.ndarray:
    x = np.random.default_rng(2).normal(size=(256, 6, 6, 1))
    y = np.stack([by_hand(image[:, :, 0], SOBEL) for image in x])[..., None]
    i = Input((6, 6, 1))
    model = Model(i, Conv2D(1, 3, use_bias=False, name="edges")(i))
    model.compile(Adam(0.05), "mse")
    model.fit(x, y, epochs=epochs, verbose=0)
    return np.asarray(model.params["edges"]["kernel"])[:, :, 0, 0]


# %% [markdown]
# ## The pictures


# %%
def cells(ax, numbers: np.ndarray, title: str) -> None:
    """A grid of numbers; orange above zero, blue below, the darker the farther from it."""
    top = max(np.abs(numbers).max(), 1e-9)
    ax.imshow(numbers, cmap="PuOr_r", vmin=-1.8 * top, vmax=1.8 * top)
    for (row, column), value in np.ndenumerate(numbers):
        text = f"{value + 0.0:.3g}" if abs(value) >= 0.005 else "0"
        ax.text(column, row, text, ha="center", va="center", fontsize=10)
    for axis, lines in (("x", ax.axvline), ("y", ax.axhline)):
        for at in range(1, numbers.shape[axis == "x"]):
            lines(at - 0.5, color="white", lw=1.5)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(f"{numbers.shape[0]} x {numbers.shape[1]}", fontsize=9)


def draw(kernel: np.ndarray, out: Path) -> None:
    figure, panels = axes(3, len(FILTERS), width=3.4, height=3.4)
    for row, (name, filter_) in zip(panels, FILTERS.items(), strict=True):
        cells(row[0], IMAGE, "image")
        cells(row[1], filter_, f"kernel: {name}")
        cells(row[2], convolved(IMAGE, filter_), "feature map (stride 1, no padding)")
    save(figure, out, "convolution_filters.png")
    figure, panels = axes(4, 2, width=3.2, height=3.4)
    shown = [
        (IMAGE, "image"),
        (through(MaxPooling2D(2), IMAGE), "max pooling, 2 x 2"),
        (through(AveragePooling2D(2), IMAGE), "average pooling, 2 x 2"),
        (convolved(IMAGE, SOBEL, padding="same"), "Sobel, padding 'same'"),
        (convolved(IMAGE, SOBEL, strides=2, padding="same"), "Sobel, 'same', stride 2"),
        (convolved(IMAGE, SOBEL, dilation_rate=2), "Sobel, dilation 2"),
        (spread(SMALL, BUMP, 2), "[[1, 2], [3, 4]] transposed, stride 2"),
        (kernel, "learned edge detector"),
    ]
    for ax, (numbers, title) in zip(panels.ravel(), shown, strict=True):
        cells(ax, numbers, title)
    save(figure, out, "convolution_sizes.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    edges, hand, sum_of = convolved(IMAGE, SOBEL), by_hand(IMAGE, SOBEL), one_sum(3, 1)
    agree = sizes()
    kernel = learned_kernel(40 if quick else 100)
    draw(kernel, out)
    print(f"\nlearned kernel\n{kernel.round(3) + 0.0}\nSobel\n{SOBEL}\n")
    scipys = [convolve2d(IMAGE, f[::-1, ::-1], mode="valid") for f in FILTERS.values()]
    ours = [convolved(IMAGE, f) for f in FILTERS.values()]
    apart = max(np.abs(a - b).max() for a, b in zip(scipys, ours, strict=True))
    blocks = IMAGE.reshape(3, 2, 3, 2)
    largest, mean = through(MaxPooling2D(2), IMAGE), through(AveragePooling2D(2), IMAGE)
    wide = through(Conv2DTranspose(1, 3, strides=2, use_bias=False), SMALL, BUMP)
    fcn_small, fcn_large, gap = fully_convolutional()
    i = Input((28, 28, 1))
    maps = Conv2D(8, 3, name="conv")(i)
    dense = Dense(int(np.prod(maps.shape)), name="dense")(Flatten()(i))
    counts = tuple(Model(i, [maps, dense]).parameter_counts()[name] for name in ("conv", "dense"))
    by_one, by_two = moved_alike(1), moved_alike(2)
    rows = [
        (
            "Sobel: map[3, 1]",
            f"{sum_of} = {hand[3, 1]:g}",
            f"{edges[3, 1]:g}",
            edges[3, 1] == hand[3, 1] == -1 + 9 - 2 + 18 + 7,
        ),
        (
            "three filters: maps, against scipy's convolve2d",
            "equal once its kernel is turned round",
            f"within {apart:.0e}",
            apart < 1e-5,
        ),
        (
            "seven settings: sizes; numbers against loops",
            "floor((n + 2p - d(k-1) - 1)/s) + 1; equal",
            "all agree" if agree else "not all agree",
            agree,
        ),
        (
            "pooling [[1, 8], [1, 8]]: largest, mean (and all other blocks)",
            "8, 4.5",
            f"{largest[0, 1]:g}, {mean[0, 1]:g}",
            np.array_equal([largest, mean], [blocks.max(axis=(1, 3)), blocks.mean(axis=(1, 3))]),
        ),
        (
            "transposed, [[1, 2], [3, 4]], stride 2: middle, size",
            "1 + 2 + 3 + 4 = 10, (2 - 1) 2 + 3 = 5",
            f"{wide[2, 2]:g}, {len(wide)}",
            np.array_equal(wide, spread(SMALL, BUMP, 2)) and wide[2, 2] == 10,
        ),
        (
            "weights on 28 x 28: eight 3 x 3 filters; Dense",
            "8 (9 + 1) = 80; 5,408 (784 + 1) = 4,245,280",
            f"{counts[0]:,}; {counts[1]:,}",
            counts == (80, 4_245_280),
        ),
        (
            "image 1 (2) cells on, and so the map? Sobel, stride 2, max pooling",
            "yes, no, no (yes, yes, yes): 'robustness'",
            f"{by_one} ({by_two})",
            (by_one, by_two) == ("yes, no, no", "yes, yes, yes"),
        ),
        (
            "FCN: maps of 8 x 8 and 20 x 20, same weights",
            "(2, 2, 3), (8, 8, 3); equal where they see the same",
            f"{fcn_small}, {fcn_large}; within {gap:.0e}",
            (fcn_small, fcn_large) == ((2, 2, 3), (8, 8, 3)) and gap < 1e-5,
        ),
        (
            "learned kernel against Sobel's, largest gap",
            "'learnable filters'",
            f"{np.abs(kernel - SOBEL).max():.0e}",
            np.abs(kernel - SOBEL).max() < 0.01,
        ),
    ]
    return [Check(what, printed, obtained, bool(ok)) for what, printed, obtained, ok in rows]


if __name__ == "__main__":
    run(main)
