"""Loss, cost and risk: one error, a sample of errors, and what the sample only estimates.

Lecture: raviv-2022-introducing-deep-learning, slides "Cost- loss-, error-, objective-, and risk-
function"; scheidegger-2020-deep-learning-cscs-usi, slide "EMPIRICAL LOSS".

"Risk is the expectation of the cost function. It is a 'theoretical' quantity, which we estimate
from the data." Here the theory is known: rows come from a law we chose, so the risk of any weights
can be worked out, and simulated. Shows the loss of one row, the cost of samples of several sizes,
and the risk they scatter around; that the cost of weights fixed beforehand is right on average; and
that the cost of weights *fitted to the same sample* is not: it is too low, by as much as theory
says.
"""

# %%
from pathlib import Path

import numpy as np

from descend.lab import Check, axes, run, save
from descend.neurons import LinearUnit
from descend.nn.losses import SquaredError
from descend.palette import BLACK, BLUE, GREEN, VERMILION

# %% [markdown]
# ## A law we know
# y = 1 + 2 x + e with x and e normal, and a prediction w0 + w1 x. The squared loss of one row is
# (yhat - y)^2. Its expectation is the risk,
#
#     R(w) = (w0 - 1)^2 + (w1 - 2)^2 + sigma^2,
#
# least at the true weights, where sigma^2 is left: what nobody can predict.

# %%
TRUE, SIGMA = np.array([1.0, 2.0]), 1.5
GUESS = np.array([0.5, 1.0])  # weights fixed before any row was seen
LOSS = SquaredError(half=False)


def draw_rows(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=shape)
    return x, TRUE[0] + TRUE[1] * x + SIGMA * rng.normal(size=shape)


def risk(w: np.ndarray) -> float:
    return float(np.sum((w - TRUE) ** 2) + SIGMA**2)


def costs(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """J of each sample, (samples,), rows along the last axis; the loss is descend's."""
    predicted = w[..., :1] + w[..., 1:] * x
    rows = LOSS.rows(y.reshape(-1, 1), predicted.reshape(-1, 1))
    return np.asarray(rows, float).reshape(x.shape).mean(axis=-1)


# %% [markdown]
# ## The same weights, many samples
# The cost is a random number: another sample, another cost. Its mean over samples is the risk,
# whatever the size; its spread falls as one over the root of the rows.


# %%
def scatter(sizes: tuple[int, ...], samples: int) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(0)
    return {m: costs(GUESS, *draw_rows(rng, samples, m)) for m in sizes}


# %% [markdown]
# ## Fitted weights
# Least squares chooses the weights with the least cost on the sample at hand; so that cost is low
# for a reason that has nothing to do with new rows. With p weights and m rows its expectation is
# sigma^2 (1 - p/m), while the risk of these weights is above sigma^2. A test set, which had no part
# in the fit, estimates the risk without that fault.


# %%
def fitted(sizes: tuple[int, ...], samples: int) -> dict[int, tuple[np.ndarray, ...]]:
    """Of each size: costs on the own sample, on a test set of 50 rows, and the risks."""
    rng, found = np.random.default_rng(1), {}
    for m in sizes:
        x, y = draw_rows(rng, samples, m)
        centred = x - x.mean(axis=1, keepdims=True)
        slope = (centred * y).sum(axis=1) / (centred**2).sum(axis=1)
        w = np.column_stack([y.mean(axis=1) - slope * x.mean(axis=1), slope])
        test = costs(w, *draw_rows(rng, samples, 50))
        found[m] = costs(w, x, y), test, np.array([risk(one) for one in w])
    return found


# %% [markdown]
# ## The picture


# %%
def draw(at_guess: dict, of_fits: dict, out: Path) -> None:
    figure, (left, middle, right) = axes(3, width=4.6, height=3.9)
    e = np.linspace(-4, 4, 201)
    left.plot(e, e**2, color=BLUE, lw=2)
    left.set(xlabel=r"error $e = \hat y - y$", ylabel="loss of one row", title="loss: $e^2$")
    for m, values in at_guess.items():
        place = np.full(200, float(m)) * np.exp(np.linspace(-0.12, 0.12, 200))
        middle.plot(place, values[:200], ".", ms=3, color=BLUE, alpha=0.5)
        middle.plot(m, values.mean(), "_", ms=26, mew=2.5, color=VERMILION)
    middle.axhline(risk(GUESS), color=BLACK, lw=1, label=f"risk {risk(GUESS):g}")
    middle.plot([], [], "_", ms=14, mew=2.5, color=VERMILION, label="mean of the costs")
    middle.plot([], [], ".", color=BLUE, label="cost of one sample")
    middle.set(xscale="log", xlabel="rows m", ylabel="cost", title="weights fixed beforehand")
    middle.legend(frameon=False, fontsize=8)
    sizes = list(of_fits)
    lines = (
        (0, "cost on the own sample", VERMILION, "o-"),
        (1, "cost on a test set", GREEN, "s--"),
        (2, "risk", BLACK, ":"),
    )
    for i, label, colour, style in lines:
        means = [of_fits[m][i].mean() for m in sizes]
        right.plot(sizes, means, style, color=colour, label=label)
    right.axhline(SIGMA**2, color="0.7", lw=0.8)
    right.text(sizes[0], SIGMA**2, r"$\sigma^2$", color="0.4", va="bottom")
    right.set(xscale="log", xlabel="rows m", ylabel="mean over samples", title="fitted weights")
    right.legend(frameon=False, fontsize=8)
    save(figure, out, "loss_cost_risk.png")


# %% [markdown]
# ## The comparison
# A mean over samples must lie within four standard errors of what theory says.


# %%
def near(values: np.ndarray, theory: float) -> tuple[str, bool]:
    mean, error = values.mean(), values.std() / np.sqrt(len(values))
    return f"{mean:.3f} +- {error:.3f}", bool(abs(mean - theory) < 4 * error)


def main(out: Path, quick: bool = False) -> list[Check]:
    samples = 2000 if quick else 20_000
    sizes = (5, 20, 100, 500)
    at_guess = scatter(sizes, samples)
    of_fits = fitted((5, 10, 20, 50, 200), samples)
    draw(at_guess, of_fits, out)
    x, y = draw_rows(np.random.default_rng(7), 20)
    unit = LinearUnit().fit(x[:, None], y)
    w = np.array([unit.intercept_, unit.coef_[0]])
    own = float(costs(w[None], x[None], y[None])[0])
    by_unit = float(np.mean((unit.predict(x[:, None]) - y) ** 2))
    checks = [
        Check(
            "loss of one row: yhat 1.5, y 3.5",
            "L(e) = e^2 = 4",
            f"{float(LOSS.rows(np.array([[3.5]]), np.array([[1.5]]))[0]):g}",
            float(LOSS.rows(np.array([[3.5]]), np.array([[1.5]]))[0]) == 4,
        ),
        Check(
            "cost: the mean loss of 20 rows",
            f"J(w) = 1/m sum L = {by_unit:.6f}",
            f"{own:.6f}",
            bool(np.isclose(own, by_unit)),
        ),
    ]
    for m in (5, 500):
        said, ok = near(at_guess[m], risk(GUESS))
        checks.append(
            Check(
                f"mean cost, fixed weights, m = {m}", f"R(w) = E J(w) = {risk(GUESS):g}", said, ok
            )
        )
    spread = at_guess[5].std() / at_guess[500].std()
    checks.append(
        Check(
            "spread of the cost, m = 5 beside m = 500",
            "theory: sqrt(100) = 10",
            f"{spread:.2f}",
            abs(spread / 10 - 1) < 0.1,
        )
    )
    for m in (10, 50):
        own_costs, tests, risks = of_fits[m]
        theory = SIGMA**2 * (1 - 2 / m)
        said, ok = near(own_costs, theory)
        checks.append(
            Check(
                f"fitted, m = {m}: cost on the own sample",
                f"sigma^2 (1 - 2/m) = {theory:g}",
                said,
                ok,
            )
        )
        said, ok = near(tests - risks, 0.0)
        checks.append(
            Check(f"fitted, m = {m}: test cost less risk", "0: the test set is fair", said, ok)
        )
        low = risks.min()
        checks.append(
            Check(
                f"fitted, m = {m}: risk of the fitted weights",
                f"above sigma^2 = {SIGMA**2:g}, always",
                f"{risks.mean():.3f} on average, {low:.3f} at least",
                bool(low >= SIGMA**2),
            )
        )
    return checks


if __name__ == "__main__":
    run(main)
