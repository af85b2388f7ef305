"""The house-price neuron and its kink; twelve chosen parameters against nineteen free ones.

Lecture: hull-2023-deep-learning-introduction-and-applications, slides "Neural Network with a Single
Neuron: The Housing Example", "Deriving Features for Housing Price Prediction", "Input and Hidden
Units", "Output Parameterization" and "Two-layer Fully-Connected Neural Networks".

Shows that max(wx + b, 0) finds the kink which a straight line cannot have, and that it can also be
born dead; that the lecture's small network is a model with an input for each x and exactly the
parameters theta_1, ..., theta_12; that it is the fully connected one with seven weights held at
zero; and what the "prior assumptions" are worth: with few houses they help, even where they are not
quite true; with many houses, where they are not true, they are in the way. The slides print
formulas, no data: houses are made by stated rules.
"""

# %%
from pathlib import Path

import numpy as np

from descend import Concatenate, Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, ORANGE, VERMILION
from descend.train.rules import Adam

# %% [markdown]
# ## One neuron
# Price from size: h(x) = max(wx + b, 0), theta = (w, b). Below 60 square metres these houses sell
# for nothing, above it for 3 thousand a metre; what is paid is never negative.

# %%
SLOPE, KINK, NOISE = 3.0, 60.0, 15.0  # thousand a square metre; square metres; thousand


def small_houses(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (n,) in square metres and prices (n,) in thousands."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 160, n)
    noise = np.where(size > KINK, NOISE * rng.normal(size=n), 0.0)
    return size, np.maximum(SLOPE * (size - KINK) + noise, 0.0)


def neuron() -> Model:
    i = Input((1,), name="size")
    model = Model(i, Dense(1, "relu", name="price")(i))
    model.compile(optimizer=Adam(0.05), loss="mse")
    return model


def train_neurons(size: np.ndarray, price: np.ndarray, seeds: range) -> np.ndarray:
    """(seeds, 2): slope w and kink -b/w of each neuron, in the data's units; NaN for a dead one.

    Sizes are divided by 100 and prices by 100, so that a step of .05 is a step for both.
    """
    x, y = size[:, None] / 100, price[:, None] / 100
    many = sweep(neuron(), {"seed": seeds}, x, y, batch_size=len(x), epochs=2500)
    found = []
    for member in many:
        unit = member.model.params["price"]
        w, b = float(np.asarray(unit["kernel"])[0, 0]), float(np.asarray(unit["bias"])[0])
        alive = np.max(w * x + b) > 0
        found.append([w, -100 * b / w] if alive else [np.nan, np.nan])
    return np.array(found)


def born_dead(seeds: range) -> np.ndarray:
    """Whether each seed's neuron starts with w < 0: every price is then 0, and so is dJ/dw."""
    x = np.linspace(0.2, 1.6, 50)[:, None]
    models = [Model(i, Dense(1, "relu")(i), seed=s) for s in seeds for i in [Input((1,))]]
    return np.array([np.asarray(m.predict(x)).max() == 0 for m in models])


# %% [markdown]
# ## Stacking neurons
# Size, bedrooms, zip code and wealth of the neighbourhood: family size is made of the first two,
# walkability of the zip code, school quality of zip code and wealth. Each neuron is wired to its
# own inputs, so each x is an `Input` of its own.


# %%
def structured() -> Model:
    size, bedrooms, zip_code, wealth = (Input((1,), name=name) for name in FEATURES)
    family = Dense(1, "relu", name="family_size")(Concatenate()([size, bedrooms]))
    walkable = Dense(1, "relu", name="walkable")(zip_code)
    school = Dense(1, "relu", name="school_quality")(Concatenate()([zip_code, wealth]))
    price = Dense(1, name="price")(Concatenate()([family, walkable, school]))
    return compiled(Model([size, bedrooms, zip_code, wealth], price))


def fully_connected(neurons: int = 3) -> Model:
    """The slide's generalisation: m (d + 1) + m + 1 parameters, d = 4."""
    i = Input((4,), name="x")
    h = Dense(neurons, "relu", name="hidden")(i)
    return compiled(Model(i, Dense(1, name="price")(h)))


def compiled(model: Model) -> Model:
    model.compile(optimizer=Adam(0.02), loss="mse")
    return model


FEATURES = ("size", "bedrooms", "zip_code", "wealth")

# %% [markdown]
# ## As printed
# theta_1 to theta_8 make a_1, a_2, a_3; theta_9 to theta_12 the price. `put` writes twelve numbers
# into the model's arrays, `put_dense` the same numbers into the fully connected network.


# %%
def printed(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """h(x), (n,), of x (n, 4), line by line as on the slides."""
    t = np.append(np.nan, theta)  # the slides count from one
    x1, x2, x3, x4 = x.T
    a1 = np.maximum(t[1] * x1 + t[2] * x2 + t[3], 0)
    a2 = np.maximum(t[4] * x3 + t[5], 0)
    a3 = np.maximum(t[6] * x3 + t[7] * x4 + t[8], 0)
    return t[9] * a1 + t[10] * a2 + t[11] * a3 + t[12]


def put(model: Model, theta: np.ndarray) -> Model:
    t = np.append(np.nan, theta).astype(np.float32)
    model.params = {
        "family_size": {"kernel": t[[1, 2]][:, None], "bias": t[[3]]},
        "walkable": {"kernel": t[[4]][:, None], "bias": t[[5]]},
        "school_quality": {"kernel": t[[6, 7]][:, None], "bias": t[[8]]},
        "price": {"kernel": t[[9, 10, 11]][:, None], "bias": t[[12]]},
    }
    return model


def put_dense(model: Model, theta: np.ndarray) -> Model:
    t = np.append(0, theta).astype(np.float32)
    rows = [[1, 0, 0], [2, 0, 0], [0, 4, 6], [0, 0, 7]]  # theta_k where an x enters a neuron
    model.params = {
        "hidden": {"kernel": t[np.array(rows)], "bias": t[[3, 5, 8]]},
        "price": {"kernel": t[[9, 10, 11]][:, None], "bias": t[[12]]},
    }
    return model


# %% [markdown]
# ## Two worlds
# In the first, prices come from the lecture's structure with these twelve numbers. In the second,
# a rich neighbourhood also makes a family's size worth more: x4 enters a_1, where the structure has
# no wire. The fully connected network can be exactly right in both. All x have variance one.

# %%
THETA = np.array([1.0, 0.5, 0.3, 1.2, 0.2, -0.8, 1.0, 0.4, 1.0, 1.0, 1.0, -0.5])
WIRE = 1.0  # from x4 to a_1, in the second world
ERROR = 0.5  # standard deviation of a price around what it should be


def features(n: int, rng: np.random.Generator) -> np.ndarray:
    x = rng.normal(size=(n, 4))
    x[:, 1] = 0.6 * x[:, 0] + 0.8 * x[:, 1]  # larger houses have more bedrooms
    return x


def true_price(x: np.ndarray, second: bool) -> np.ndarray:
    """(n,) of x (n, 4), in the first world or the second."""
    t, price = THETA, printed(THETA, x)
    if not second:
        return price
    inside = t[0] * x[:, 0] + t[1] * x[:, 1] + t[2]
    return price + t[8] * (np.maximum(inside + WIRE * x[:, 3], 0) - np.maximum(inside, 0))


# %% [markdown]
# ## Many starts as one program
# A sample is n houses to learn from; the network is judged by the true price of 500 others. Most
# starts end in a valley that is not the deepest: a neuron is dead, or bent the wrong way, and a
# wire that is not there cannot help it out. Each sample keeps the start of least training cost.

# %%
STARTS = 24


def distance(model: Model, n: int, second: bool, sample: int, epochs: int) -> tuple[float, float]:
    """(root mean squared distance from the true price, share of starts in the deepest valley)."""
    rng = np.random.default_rng([n, sample])
    x, new = features(n, rng), features(500, rng)
    y = true_price(x, second) + ERROR * rng.normal(size=n)
    split = len(model.input_names) > 1
    many = sweep(
        model,
        {"seed": range(STARTS)},
        np.hsplit(x, 4) if split else x,
        y[:, None],
        batch_size=n,
        epochs=epochs,
    )
    costs = np.array([m.final("loss") for m in many])
    best = many[int(costs.argmin())].model
    said = np.asarray(best.predict(np.hsplit(new, 4) if split else new), float)[:, 0]
    away = float(np.sqrt(np.mean((said - true_price(new, second)) ** 2)))
    return away, float(np.mean(costs < 1.05 * costs.min()))


# %% [markdown]
# ## The picture


# %%
def draw(
    size: np.ndarray, price: np.ndarray, line: np.ndarray, found: np.ndarray, table, out: Path
) -> None:
    figure, (left, middle, right) = axes(3, width=4.6)
    left.plot(size, price, ".", color="0.6", label="houses")
    grid = np.linspace(20, 160, 200)
    left.plot(grid, line[0] * grid + line[1], color=BLUE, ls=":", lw=2.5, label="straight line")
    w, kink = found
    left.plot(grid, np.maximum(w * (grid - kink), 0), color=VERMILION, lw=2.5, label="one neuron")
    left.axhline(0, color=BLACK, lw=0.8)
    left.set(xlabel="size (m²)", ylabel="price (thousand)", title="the kink")
    left.legend(frameon=False)
    titles = ("the structure is true", "the structure is not true")
    for ax, second, title in zip((middle, right), (False, True), titles, strict=True):
        for name, colour, style in (("structured", BLUE, "o-"), ("connected", ORANGE, "s--")):
            by_n = {
                n: d for (kind, n, world), d in table.items() if (kind, world) == (name, second)
            }
            middles = [np.median(d) for d in by_n.values()]
            ax.plot(list(by_n), middles, style, color=colour, lw=2, label=LABELS[name])
        ax.set(xscale="log", yscale="log", ylim=(0.04, 3), xlabel="houses to learn from")
        ax.set(ylabel="distance from the true price (median)", title=title)
        ax.set_xticks(list(by_n), [str(n) for n in by_n])
        ax.set_yticks((0.05, 0.1, 0.2, 0.5, 1, 2), ("0.05", "0.1", "0.2", "0.5", "1", "2"))
        ax.minorticks_off()
    middle.legend(frameon=False)
    save(figure, out, "house_price_neuron.png")


LABELS = {"structured": "structured, 12 parameters", "connected": "fully connected, 19"}

# %% [markdown]
# ## The comparison


# %%
def one_neuron(quick: bool) -> tuple[list[Check], tuple]:
    """The checks of the first half, and what is drawn of it."""
    size, price = small_houses(200, seed=0)
    seeds = range(10 if quick else 50)
    dead, found = born_dead(seeds), train_neurons(size, price, seeds)
    alive = found[~np.isnan(found[:, 0])]
    line = np.polyfit(size, price, 1)
    # at its optimum the neuron is the least-squares line of the houses on its own side of the kink
    w, kink = np.median(alive, axis=0)
    own = np.polyfit(size[size > kink], price[size > kink], 1)
    checks = [
        Check(
            "parameters of one neuron",
            "theta = (w, b): 2",
            str(sum(neuron().parameter_counts().values())),
            sum(neuron().parameter_counts().values()) == 2,
        ),
        Check(
            "price of the smallest house, line",
            "'disallow negative prices'",
            f"{np.polyval(line, 20):.0f} thousand",
            np.polyval(line, 20) < 0,
        ),
        Check(
            "slope and kink of the neuron",
            f"not printed; made with {SLOPE:g}, {KINK:g}",
            f"{w:.3f}, {kink:.2f}",
            # the slope's standard error is 15 / (29 sqrt(143)) = .04; three of them
            abs(w - SLOPE) < 0.13 and abs(kink - KINK) < 3,
        ),
        Check(
            "the same from every start that lives",
            "least squares past the kink",
            f"{np.abs(alive[:, 0] / own[0] - 1).max():.0e}, "
            f"{np.abs(alive[:, 1] + own[1] / own[0]).max():.0e} m² off",
            np.allclose(alive[:, 0], own[0], rtol=5e-3)
            and np.allclose(alive[:, 1], -own[1] / own[0], atol=0.3),
        ),
        Check(
            "neurons that end dead",
            f"those born with w < 0: {dead.sum()}",
            f"{np.isnan(found[:, 0]).sum()} of {len(seeds)}",
            np.array_equal(np.isnan(found[:, 0]), dead) and dead.any(),
        ),
    ]
    return checks, (size, price, line, (w, kink))


def main(out: Path, quick: bool = False) -> list[Check]:
    checks, drawn = one_neuron(quick)
    networks = {"structured": structured(), "connected": fully_connected()}
    counts = {name: sum(m.parameter_counts().values()) for name, m in networks.items()}
    rng = np.random.default_rng(0)
    x = features(50, rng)
    off, zeros = 0.0, 0.0
    for _ in range(5):
        theta = rng.normal(size=12)
        ours = np.asarray(put(structured(), theta).predict(np.hsplit(x, 4)), float)[:, 0]
        dense = np.asarray(put_dense(fully_connected(), theta).predict(x), float)[:, 0]
        off = max(off, np.abs(ours - printed(theta, x)).max())
        zeros = max(zeros, np.abs(dense - printed(theta, x)).max())
    # few houses differ from sample to sample, many do not
    samples = {30: 3, 400: 1} if quick else {20: 8, 30: 8, 60: 8, 150: 4, 400: 4}
    epochs = 600 if quick else 1000
    table, luck = {}, {}
    for key in [(k, n, w) for w in (False, True) for k in networks for n in samples]:
        name, n, second = key
        found = [distance(networks[name], n, second, i, epochs) for i in range(samples[n])]
        table[key], luck[key] = np.array(found).T
    draw(*drawn, table, out)
    print("distance from the true price, median of samples (starts in the deepest valley)")
    print("houses   structure true: structured     connected   not true: structured     connected")
    for n in samples:
        keys = [(k, n, w) for w in (False, True) for k in networks]
        cells = [f"{np.median(table[k]):.3f} ({luck[k].mean():4.0%})" for k in keys]
        print(f"{n:6d} {cells[0]:>28s} {cells[1]:>13s} {cells[2]:>22s} {cells[3]:>13s}")
    few, many = 30, 400
    nearer = [np.median(table[k, few, False]) for k in networks]
    further = [np.median(table[k, many, True]) for k in networks]
    gap = np.median(table["structured", many, False])
    return [
        *checks,
        Check(
            "parameters of the structured network",
            "theta_1, ..., theta_12",
            str(counts["structured"]),
            counts["structured"] == 12,
        ),
        Check(
            "parameters fully connected, d = 4, m = 3",
            "w_j, b_j, w[2], b[2]: m (d + 1) + m + 1 = 19",
            str(counts["connected"]),
            counts["connected"] == 19,
        ),
        Check(
            "structured network, 5 random theta",
            "the printed a_1, a_2, a_3, h(x)",
            f"{off:.0e} off",
            off < 1e-5,
        ),
        Check(
            "fully connected with zeros for missing wires",
            "'all a_i depend on all x_i'",
            f"{zeros:.0e} off",
            zeros < 1e-5,
        ),
        Check(
            f"structure true, {few} houses",
            "'prior assumptions' help: nearer",
            f"{nearer[0]:.3f} beside {nearer[1]:.3f} (medians)",
            nearer[0] < nearer[1],
        ),
        Check(
            f"structure true, {many} houses",
            "not printed; the truth is found",
            f"{gap:.3f} off (median)",
            # sqrt(12 / 400) times the error of one price is .09
            gap < 0.15,
        ),
        Check(
            f"structure not true, {many} houses",
            "better without them: half as far",
            f"{further[1]:.3f} beside {further[0]:.3f} (medians)",
            further[1] < 0.5 * further[0],
        ),
    ]


if __name__ == "__main__":
    run(main)
