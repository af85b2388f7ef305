"""Property evaluation: a linear unit, and what a hidden layer adds to it.

Lecture: radwan-deep-learning-tutorial, slides "How do NNs work?" and "How do NNs learn?" (Real
Example: Property Evaluation).

The slides draw four inputs (area, bedrooms, distance to the city centre, age), print Price =
W1*X1 + W2*X2 + W3*X3 + W4*X4 + b as "Linear Regression" and the cost C = 1/2 (yhat - y)^2, note
that "all inputs have the same impact", and ask how many combinations of inputs a hidden layer must
encode. They print formulas, no figures: the formulas are recomputed here, and the rest is measured
on properties whose true price is known because we state how it is made.
"""

# %%
from itertools import combinations
from math import comb
from pathlib import Path

import jax
import numpy as np

from descend import Concatenate, Dense, EarlyStopping, Input, Model, sweep
from descend.data.splits import split_rows
from descend.lab import Check, axes, run, save
from descend.neurons import LinearUnit
from descend.palette import BLACK, BLUE, ORANGE, VERMILION
from descend.tables.judging.bootstrap import compare
from descend.train.many import Many, Member
from descend.train.rules import SGD, Adam

# %% [markdown]
# ## The properties
# Prices in $1,000. A square foot costs .25 in the centre and little more than .05 far out; a house
# loses value for 70 years, then begins to be an old house. Nobody can predict the noise of 25.
#
#     price = 60 + (.05 + .20 exp(-distance / 5)) area + 12 bedrooms
#             - .8 age + 2.4 max(age - 70, 0) + noise

# %%
NAMES = ("area", "bedrooms", "distance", "age")
NOISE = 25.0


def worth_of_a_foot(distance: np.ndarray) -> np.ndarray:
    """The derivative of the price in the area, $1,000 a square foot."""
    return 0.05 + 0.20 * np.exp(-distance / 5)


def properties(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 4) in the slide's units (square feet, rooms, miles, years) and prices (n,)."""
    rng = np.random.default_rng(seed)
    area = rng.uniform(500, 4000, n)
    bedrooms = np.clip(np.round(area / 800 + 0.7 * rng.normal(size=n)), 1, 6)
    distance, age = rng.uniform(0, 15, n), rng.uniform(0, 100, n)
    price = 60 + worth_of_a_foot(distance) * area + 12 * bedrooms
    price += -0.8 * age + 2.4 * np.maximum(age - 70, 0) + NOISE * rng.normal(size=n)
    return np.column_stack([area, bedrooms, distance, age]), price


X, PRICE = properties(2000, seed=0)
SPLIT = split_rows(len(X), seed=0)
CENTRE, SPREAD = X[SPLIT.train].mean(axis=0), X[SPLIT.train].std(axis=0)
MEAN, SD = PRICE[SPLIT.train].mean(), PRICE[SPLIT.train].std()
SCALED, TARGET = (X - CENTRE) / SPREAD, ((PRICE - MEAN) / SD)[:, None]


def part(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return SCALED[rows], TARGET[rows]


# %% [markdown]
# ## The linear unit
# (sum_i w_i x_i) + b, "Linear Regression": four weights and a bias, one neuron. The derivative of
# the cost is dC/dw_i = (yhat - y) x_i, and stepping against it ends where least squares has its
# closed form.


# %%
def linear_unit() -> Model:
    i = Input((4,), name="property")
    return Model(i, Dense(1, name="price")(i))


def by_hand(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Price as the slide writes it, of five properties, and dC/dw of the first."""
    w = np.asarray(model.params["price"]["kernel"], float)[:, 0]
    b = float(np.asarray(model.params["price"]["bias"])[0])
    x, y = SCALED[:5], TARGET[0, 0]
    price = w[0] * x[:, 0] + w[1] * x[:, 1] + w[2] * x[:, 2] + w[3] * x[:, 3] + b
    return price, (price[0] - y) * x[0]


def gradient(model: Model) -> np.ndarray:
    """dC/dw by automatic differentiation of C = 1/2 (yhat - y)^2 at the first property."""

    def cost(params):
        yhat, _ = model.apply(params, {}, SCALED[:1].astype(np.float32))
        return 0.5 * ((yhat[0, 0] - TARGET[0, 0]) ** 2)

    return np.asarray(jax.grad(cost)(model.params)["price"]["kernel"])[:, 0]


def small_steps(epochs: int) -> np.ndarray:
    """Weights and bias after full-batch gradient descent."""
    model = linear_unit()
    model.compile(optimizer=SGD(0.2), loss="mse")
    model.fit(*part(SPLIT.train), batch_size=len(SPLIT.train), epochs=epochs, verbose=0)
    unit = model.params["price"]
    return np.append(np.asarray(unit["kernel"])[:, 0], np.asarray(unit["bias"]))


# %% [markdown]
# ## The hidden layer
# `neurons` of them, each free to look at any combination of inputs. And the slide's question taken
# at its word: 4 + 6 + 4 + 1 = 15 combinations, one neuron for each, wired to those inputs only.


# %%
def hidden_layer(neurons: int) -> Model:
    i = Input((4,), name="property")
    h = Dense(neurons, "relu", name="hidden")(i)
    return compiled(Model(i, Dense(1, name="price")(h)))


def one_neuron_a_combination() -> Model:
    inputs = [Input((1,), name=name) for name in NAMES]
    neurons = []
    for size in range(1, 5):
        for chosen in combinations(range(4), size):
            seen = [inputs[j] for j in chosen]
            joined = seen[0] if size == 1 else Concatenate()(seen)
            neurons.append(Dense(1, "relu", name="_".join(NAMES[j] for j in chosen))(joined))
    return compiled(Model(inputs, Dense(1, name="price")(Concatenate()(neurons))))


def compiled(model: Model) -> Model:
    model.compile(optimizer=Adam(0.01), loss="mse")
    return model


def train(model: Model, seeds: range, epochs: int, columns: bool = False) -> Many:
    """One member a seed, each with the weights of its best validation epoch."""
    rows = [part(r) for r in (SPLIT.train, SPLIT.validation)]
    (x, y), held = [(np.hsplit(x, 4) if columns else x, y) for x, y in rows]
    return sweep(
        model,
        {"seed": seeds},
        x,
        y,
        batch_size=128,
        epochs=epochs,
        validation_data=held,
        callbacks=[EarlyStopping(patience=40)],
    )


def prices(member: Member, x: np.ndarray) -> np.ndarray:
    """Predicted prices (n,) of scaled inputs."""
    return MEAN + SD * np.asarray(member.model.predict(x), float)[:, 0]


def rmse(predicted: np.ndarray) -> float:
    return float(np.sqrt(np.mean((PRICE[SPLIT.test] - predicted) ** 2)))


# %% [markdown]
# ## The same impact?
# In the linear unit a square foot is worth the same everywhere. The network's answer is asked for:
# 100 feet more, all else equal, at each distance.


# %%
def asked_worth(member: Member, distances: np.ndarray) -> np.ndarray:
    """Mean price of a square foot over the test properties, moved to each distance."""
    found = []
    for distance in distances:
        moved = X[SPLIT.test].copy()
        moved[:, 2] = distance
        more, less = moved.copy(), moved.copy()
        more[:, 0] += 50
        less[:, 0] -= 50
        ask = [prices(member, (x - CENTRE) / SPREAD) for x in (more, less)]
        found.append((ask[0] - ask[1]).mean() / 100)
    return np.array(found)


# %% [markdown]
# ## The picture


# %%
def draw(
    table: dict[int, list[float]], line: float, slope: float, worth: np.ndarray, out: Path
) -> None:
    figure, (left, right) = axes(2)
    left.plot(DISTANCES, worth_of_a_foot(DISTANCES), color=BLACK, lw=5, alpha=0.3, label="true")
    left.plot(DISTANCES, worth, "o-", color=VERMILION, label="hidden layer")
    left.axhline(slope, color=BLUE, ls="--", lw=2, label="linear unit")
    left.set(xlabel="distance to the city centre (miles)", ylabel="a square foot's price ($1,000)")
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    for neurons, found in table.items():
        right.plot([neurons] * len(found), found, "o", color=VERMILION, alpha=0.6, ms=5)
    right.plot(list(table), [np.median(f) for f in table.values()], color=VERMILION)
    right.axhline(line, color=BLUE, ls="--", lw=2)
    right.text(max(table), line, "linear unit", color=BLUE, ha="right", va="bottom")
    right.axhline(NOISE, color=ORANGE, ls=":", lw=2)
    right.text(max(table), NOISE, "noise", color=ORANGE, ha="right", va="top")
    right.set(
        xlabel="hidden neurons", ylabel="test RMSE ($1,000)", xscale="log", ylim=(0, 1.15 * line)
    )
    right.set_xticks(list(table), [str(m) for m in table])
    right.minorticks_off()
    save(figure, out, "property_evaluation.png")


DISTANCES = np.linspace(0.5, 14.5, 15)

# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    unit = linear_unit()
    price, slope_by_hand = by_hand(unit)
    formula = np.abs(np.asarray(unit.predict(SCALED[:5]))[:, 0] - price).max()
    steepness = np.abs(gradient(unit) - slope_by_hand).max()

    x, y = part(SPLIT.train)
    ols = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y[:, 0], rcond=None)[0]
    newton = LinearUnit().fit(x, y[:, 0])
    exact = np.abs(np.append(newton.coef_, newton.intercept_) - ols).max()
    reached = np.abs(small_steps(600) - ols).max()
    straight = MEAN + SD * newton.predict(SCALED[SPLIT.test])

    seeds, epochs = range(3 if quick else 10), 200 if quick else 500
    widths = (2, 16) if quick else (1, 2, 4, 8, 16, 32)
    trained = {m: train(hidden_layer(m), seeds, epochs) for m in widths}
    # the width is chosen by the validation rows, before the test rows are looked at
    chosen = min(widths, key=lambda m: np.median([k.final("val_loss") for k in trained[m]]))
    test = {m: [prices(k, SCALED[SPLIT.test]) for k in trained[m]] for m in widths}
    table = {m: [rmse(p) for p in found] for m, found in test.items()}
    faced = [compare("rmse", PRICE[SPLIT.test], p, straight) for p in test[chosen]]

    wired = one_neuron_a_combination()
    counts = [n for n in wired.parameter_counts().values() if n]  # joining has none
    best = train(wired, seeds, epochs, columns=True).best()
    combined = rmse(prices(best, np.hsplit(SCALED[SPLIT.test], 4)))

    worth = asked_worth(trained[chosen].best(), DISTANCES)
    slope = float(newton.coef_[0] * SD / SPREAD[0])
    draw(table, rmse(straight), slope, worth, out)
    print(f"test RMSE, {len(SPLIT.test)} properties (the noise alone: {NOISE:g})")
    print(f"  linear unit             {rmse(straight):6.1f}")
    for m, found in table.items():
        mark = "  <- chosen by validation" if m == chosen else ""
        print(f"  {m:2d} hidden neurons       {np.median(found):6.1f} (median of seeds){mark}")
    print(f"  one a combination (15)  {combined:6.1f} (best seed by validation)")
    off = np.abs(worth / worth_of_a_foot(DISTANCES) - 1)
    weights = sum(comb(4, k) * (k + 1) for k in range(1, 5)) + 15 + 1
    return [
        Check(
            "parameters of the linear unit",
            "W1, W2, W3, W4, b: 5",
            str(sum(unit.parameter_counts().values())),
            sum(unit.parameter_counts().values()) == 5,
        ),
        Check(
            "Price = W1*X1 + W2*X2 + W3*X3 + W4*X4 + b",
            "the formula",
            f"Dense(1): {formula:.0e} off",
            formula < 1e-5,
        ),
        Check(
            "gradient of C = 1/2 (yhat - y)^2",
            "not printed; (yhat - y) x",
            f"differentiated: {steepness:.0e} off",
            steepness < 1e-5,
        ),
        Check(
            "the unit's weights",
            "'Linear Regression'",
            f"{exact:.0e} from least squares",
            exact < 1e-10,
        ),
        Check(
            "the same by gradient descent",
            "not printed; least squares",
            f"{reached:.0e} off",
            reached < 1e-4,
        ),
        Check(
            "one neuron a combination",
            f"not printed; 15 neurons, {weights} weights",
            f"{len(counts) - 1} neurons, {sum(counts)} weights",
            sum(counts) == weights and len(counts) - 1 == 15,
        ),
        Check(
            "its test RMSE",
            "better than the line",
            f"{combined:.1f} beside {rmse(straight):.1f}",
            combined < rmse(straight),
        ),
        Check(
            f"hidden layer of {chosen} beats the line",
            "not printed; interval above 0",
            f"{sum(f.winner == 'first' for f in faced)} of {len(faced)} seeds",
            all(f.winner == "first" for f in faced),
        ),
        Check(
            "its test RMSE",
            f"the noise is {NOISE:g}",
            f"median {np.median(table[chosen]):.1f}",
            # a fifth more: 1,200 rows do not tell the curve exactly
            np.median(table[chosen]) < 1.2 * NOISE,
        ),
        Check(
            "a square foot, centre and far out",
            "'same impact' in a line only",
            f"{worth[0]:.2f}, {worth[-1]:.2f}; true {worth_of_a_foot(DISTANCES)[0]:.2f}, "
            f"{worth_of_a_foot(DISTANCES)[-1]:.2f}; line {slope:.2f}",
            # kinks of a few neurons under a smooth curve
            np.median(off) < 0.15,
        ),
    ]


if __name__ == "__main__":
    run(main)
