"""Solve once, use for every value: a parameter that is a state, then estimated.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "DEEP EQUILIBRIUM NETS": the policy is a
function; nothing forbids that a parameter is among its arguments.

The discount factor of Brock and Mirman's economy becomes a state that stays constant along a path.
One solve then gives the policy for every value in a range. Data of an economy with a value that is
kept secret are simulated by the closed form, in NumPy, and measured with error; the value is
estimated by least squares on the network's policy, with a standard error, a thousand times over.
"""

# %%
from pathlib import Path

import numpy as np

from descend.economies import Solution, solve
from descend.economies.models.brock_mirman import BrockMirman
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION

SECRET, NOISE, PERIODS = 0.913, 0.02, 200
RANGE = (0.85, 0.97)

# %% [markdown]
# ## The data
# Output and consumption of 200 periods; consumption is measured with an error of 2 %.


# %%
def data(
    rng: np.random.Generator, economy: BrockMirman
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(capital, log productivity, measured log consumption), each (periods,)."""
    k = np.empty(PERIODS)
    a = np.empty(PERIODS)
    k[0], a[0] = (economy.alpha * SECRET) ** (1 / (1 - economy.alpha)), 0.0
    for t in range(PERIODS - 1):
        k[t + 1] = economy.alpha * SECRET * np.exp(a[t]) * k[t] ** economy.alpha
        a[t + 1] = economy.rho * a[t] + economy.sigma * rng.normal()
    exact = np.log((1 - economy.alpha * SECRET) * np.exp(a) * k**economy.alpha)
    return k, a, exact + NOISE * rng.normal(size=PERIODS)


# %% [markdown]
# ## The estimate
# beta is chosen so that the network's consumption is nearest to the measured one, on a grid of
# 2,401 values (the policy is evaluated at all of them at once). The standard error is that of
# nonlinear least squares: s / |d log c / d beta| / sqrt(n).


# %%
GRID = np.linspace(*RANGE, 2401)


def log_consumption(
    solution: Solution, k: np.ndarray, a: np.ndarray, beta: np.ndarray
) -> np.ndarray:
    """(values of beta, periods)."""
    every = {
        "k": np.tile(k, len(beta)),
        "a": np.tile(a, len(beta)),
        "beta": np.repeat(beta, len(k)),
    }
    return np.log(solution.policy(every)["consumption"]).reshape(len(beta), len(k))


def estimate(errors: np.ndarray, slope: np.ndarray) -> tuple[float, float]:
    """(estimate, standard error) from errors (values of beta, periods) and d log c / d beta."""
    cost = (errors**2).sum(axis=1)
    best = int(cost.argmin())
    sd = np.sqrt(cost[best] / (PERIODS - 1))
    return float(GRID[best]), float(sd / np.sqrt((slope[best] ** 2).sum()))


# %% [markdown]
# ## The picture


# %%
def draw(solution: Solution, estimates: np.ndarray, out: Path) -> None:
    economy = solution.economy
    figure, (left, right) = axes(2)
    betas = np.linspace(*RANGE, 50)
    steady = economy.start()
    saving = solution.policy({**steady, "beta": betas})["saving"]
    left.plot(betas, saving, color=BLUE, lw=3, label="network, beta a state")
    left.plot(betas, economy.alpha * betas, "--", color=VERMILION, label=r"exact, $\alpha\beta$")
    left.set(xlabel=r"discount factor $\beta$", ylabel="share of output saved")
    left.legend(frameon=False)
    right.hist(estimates, bins=40, color=BLUE)
    right.axvline(SECRET, color=BLACK, ls="--", label="the value that made the data")
    right.set(xlabel=r"estimated $\beta$", ylabel=f"samples of {PERIODS} periods (number)")
    right.legend(frameon=False)
    save(figure, out, "estimation.png")


# %% [markdown]
# ## The comparison
# The closed form has its own estimator: log c - log y = log(1 - alpha beta) on average.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    economy = BrockMirman()
    solution = solve(
        economy,
        over={"beta": RANGE},
        aim={"ergodic mean": 1e-4 if quick else 1e-5},
        seeds=1 if quick else 2,
        updates=600 if quick else 1500,
        polishing_steps=20 if quick else 60,
        hidden=(32, 32),
        verbose=0,
    )
    print(f"{solution.seconds:.0f} s; {solution.status}")
    samples = 100 if quick else 1000
    rng = np.random.default_rng(0)
    estimates, errors, closed = np.empty(samples), np.empty(samples), np.empty(samples)
    k, a, _ = data(np.random.default_rng(1), economy)
    policy = log_consumption(solution, k, a, GRID)
    slope = np.gradient(policy, GRID, axis=0)
    exact = np.log((1 - economy.alpha * SECRET) * np.exp(a) * k**economy.alpha)
    for i in range(samples):  # the same states, measured anew
        measured = exact + NOISE * rng.normal(size=PERIODS)
        estimates[i], errors[i] = estimate(measured - policy, slope)
        ratio = np.mean(measured - a - economy.alpha * np.log(k))
        closed[i] = (1 - np.exp(ratio)) / economy.alpha
    draw(solution, estimates, out)
    betas = np.linspace(*RANGE, 50)
    wrong = np.abs(
        solution.policy({**economy.start(), "beta": betas})["saving"] - economy.alpha * betas
    ).max()
    covered = np.mean(np.abs(estimates - SECRET) <= 1.96 * errors)
    apart = np.abs(estimates - closed).max()
    return [
        Check(
            "saving share for every beta in the range",
            "alpha beta",
            f"largest difference {wrong:.1e}",
            wrong < (1e-3 if quick else 1e-4),
        ),
        Check(
            "mean estimate of beta",
            f"{SECRET} made the data",
            f"{estimates.mean():.4f} (sd {estimates.std():.4f})",
            abs(estimates.mean() - SECRET) < 4 * estimates.std() / np.sqrt(samples) + 3e-4,
        ),
        Check(
            "95 % intervals that cover it",
            "95 %",
            f"{covered:.1%} of {samples}",
            abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / samples),
        ),
        Check(
            "beside the closed form's estimator",
            "the same",
            f"largest difference {apart:.1e}",
            apart < (3e-3 if quick else 5e-4),
        ),
    ]


if __name__ == "__main__":
    run(main)
