"""The volatility of returns: what comes next is unpredictable, how large it is is not.

Lectures: scheidegger-2020-deep-learning-cscs-usi, slide "RECURRENT NEURAL NETS" (used for
forecasting); hull-2023, slide "Specialized Layer: Recurrent Layers".

Returns are drawn from a GARCH(1,1), so that the variance of each next one is known and every
forecast of it can be held to the truth, which with real returns nobody sees. A recurrent network
puts out the mean and the spread of the next return and is trained by its likelihood; beside it
stand GARCH(1,1) by maximum likelihood, a regression on past squares (ARCH), and the moving windows
of practitioners. GARCH is a recurrent network of one unit: h_t is a function of h_{t-1} and of what
was seen, the same at all steps. Who knows that much need only find its three numbers.
"""

# %%
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.signal import lfilter
from scipy.stats import norm

from descend.forecasting import (
    Backtest,
    Forecaster,
    LinearForecaster,
    Method,
    Panel,
    backtest,
    diebold_mariano,
)
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION

# %% [markdown]
# ## The returns
# r_t = sqrt(h_t) z_t with h_t = omega + alpha r_{t-1}^2 + beta h_{t-1}, in per cent a day. A large
# return, up or down, makes the next one's variance large; which sign it has tells nothing.


# %%
class Garch(NamedTuple):
    """omega, alpha, beta."""

    omega: float
    alpha: float
    beta: float

    def variances(self, returns: np.ndarray) -> np.ndarray:
        """h_1 .. h_{n+1}: the variance of each return given those before, and of the next."""
        first = self.omega / (1 - self.alpha - self.beta)  # of the long run
        news = np.concatenate([[first], self.omega + self.alpha * returns**2])
        return lfilter([1.0], [1.0, -self.beta], news)


TRUE = Garch(0.05, 0.12, 0.83)


def draw_returns(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (n,) and their true variances (n,)."""
    z = np.random.default_rng(seed).normal(size=n)
    r, h = np.zeros(n), np.zeros(n)
    h[0] = TRUE.omega / (1 - TRUE.alpha - TRUE.beta)
    for t in range(n):
        if t:
            h[t] = TRUE.omega + TRUE.alpha * r[t - 1] ** 2 + TRUE.beta * h[t - 1]
        r[t] = np.sqrt(h[t]) * z[t]
    return r, h


# %% [markdown]
# ## GARCH by maximum likelihood
# -log L = 1/2 sum log h_t + r_t^2 / h_t, over three numbers, each free on the whole line: omega as
# an exponential, alpha + beta and alpha's part of it as shares.


# %%
def estimate(returns: np.ndarray) -> Garch:
    def of(free: np.ndarray) -> Garch:
        sum_of_both, part = 1 / (1 + np.exp(-free[1:]))
        return Garch(np.exp(free[0]), sum_of_both * part, sum_of_both * (1 - part))

    def cost(free: np.ndarray) -> float:
        h = of(free).variances(returns)[:-1]
        return float(np.mean(np.log(h) + returns**2 / h))

    start = np.array([np.log(0.1 * returns.var()), 2.0, -1.5])
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-10})
    return of(found.x)


# %% [markdown]
# ## The network and the rest
# The network, eight gated units, reads the last fifty returns and their absolute values, and says
# N(m, s^2) of the next. The regression sees fifty squares and says their weighted mean, ARCH(50).
# All are fitted once, on what lies before the first day that is judged.

# %%
SEEN = 50
LEVELS = (0.05, 0.95)


def one_day_ahead(values: np.ndarray, method: Method, days: int) -> Backtest:
    sizes = {"observed": abs(values)[:, None], "observed_names": ("size",)}
    panel = Panel.of(values, season=1, columns=("day", "return", ""), **sizes)
    how = {"horizon": 1, "origins": days, "refit": False, "levels": LEVELS, "verbose": 0}
    return backtest([method], panel, **how)


def by_network(returns: np.ndarray, days: int, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each of the last returns, by the network."""
    network = Forecaster(
        horizon=1,
        context=SEEN,
        network="gru",
        hidden=(8,),
        loss="normal",
        centre=None,
        scale=None,
        seeds=1 if quick else 3,
        updates=400 if quick else 1000,
        batch_size=64,
        learning_rate=0.005,
    )
    done = one_day_ahead(returns, network, days)
    given = next(iter(done.forecasts.values()))[:, :, 0, 0]
    spread = (given[..., 2] - given[..., 1]) / (2 * norm.ppf(LEVELS[1]))
    return given[..., 0].mean(axis=0), np.mean(spread**2, axis=0)


def by_regression(returns: np.ndarray, days: int) -> np.ndarray:
    """The variance by a regression of squares on past ones, at least a tenth of their mean."""
    done = one_day_ahead(returns**2, LinearForecaster(context=SEEN, centre=None), days)
    given = next(iter(done.forecasts.values()))[0, :, 0, 0, 0]
    return np.maximum(given, 0.1 * np.mean(returns[:-days] ** 2))


def by_window(returns: np.ndarray, days: int, length: int) -> np.ndarray:
    """The mean of the last squares."""
    sums = np.cumsum(np.concatenate([[0.0], returns**2]))
    ends = np.arange(len(returns) - days, len(returns))
    return (sums[ends] - sums[ends - length]) / length


# %% [markdown]
# ## How far from the truth
# QLIKE = h/f - log(h/f) - 1 is 0 where the forecast f is the variance h, and otherwise what the
# likelihood loses; with r^2 in the place of h it is what can be counted of real returns.


# %%
def qlike(h: np.ndarray, f: np.ndarray) -> np.ndarray:
    return h / f - np.log(h / f) - 1


def correlation(x: np.ndarray) -> float:
    """Of each value with the one before."""
    return float(np.corrcoef(x[1:], x[:-1])[0, 1])


def draw(h: np.ndarray, said: dict[str, np.ndarray], losses: dict[str, float], out: Path) -> None:
    figure, (left, right) = axes(2, width=6.5, height=4)
    days = np.arange(min(250, len(h)))
    left.plot(days, np.sqrt(h[days]), color=BLACK, lw=2, label="true")
    for name, colour in (("network", BLUE), ("GARCH", ORANGE), ("window of 22", GREEN)):
        left.plot(days, np.sqrt(said[name][days]), color=colour, lw=1, label=name)
    left.set(xlabel="day", ylabel="standard deviation of the return (%)", ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    colours = [VERMILION if name.startswith(("window", "constant")) else BLUE for name in losses]
    right.barh(list(losses), list(losses.values()), color=colours)
    right.set(xlabel="QLIKE against the true variance, mean", ylabel="forecast by")
    right.invert_yaxis()
    save(figure, out, "volatility.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    days = 1000 if quick else 3000
    returns, truth = draw_returns(5000 if quick else 15_000, seed=0)
    learned, h = returns[:-days], truth[-days:]
    found = estimate(learned)
    mean, variance = by_network(returns, days, quick)
    said = {
        "GARCH": found.variances(returns)[-days - 1 : -1],
        "network": variance,
        "ARCH(50)": by_regression(returns, days),
        "window of 22": by_window(returns, days, 22),
        "window of 250": by_window(returns, days, 250),
        "constant": np.full(days, np.mean(learned**2)),
    }
    losses = {name: float(qlike(h, f).mean()) for name, f in said.items()}
    squares = returns[-days:] ** 2
    for name, loss in losses.items():
        seen = qlike(squares, said[name]).mean()
        print(
            f"{name:14s} QLIKE {loss:.4f} of the true variance, {seen:.4f} of the square that came"
        )
    draw(h, said, losses, out)

    def against(rival: str) -> str:
        """Diebold and Mariano's test on what can be seen of real returns."""
        first, second = (qlike(squares, said[n]) for n in ("network", rival))
        test = diebold_mariano(first, second, loss="none")
        words = "better" if test.statistic < 0 else "worse"
        return f"{words if test.p_value < 0.05 else 'no difference seen'} (p {test.p_value:.2f})"

    for rival in list(said)[:1] + list(said)[2:]:
        print(f"network against {rival}, by what can be seen: {against(rival)}")
    gained = 1 - np.mean((returns[-days:] - mean) ** 2) / np.mean(squares)
    again = estimate(draw_returns(20_000, seed=1)[0])
    inside = np.mean(abs(returns[-days:]) < norm.ppf(0.95) * np.sqrt(variance))
    return [
        Check(
            "GARCH of 20,000 returns by maximum likelihood: omega, alpha, beta",
            ", ".join(f"{v:.3f}" for v in TRUE),
            ", ".join(f"{v:.3f}" for v in again),
            all(abs(a - b) < 0.03 for a, b in zip(again, TRUE, strict=True)),
        ),
        Check(
            "correlation of a return with the last; of their squares",
            "none; clearly above 0",
            f"{correlation(returns):+.3f}; {correlation(returns**2):+.3f}",
            abs(correlation(returns)) < 0.06 and correlation(returns**2) > 0.1,
        ),
        Check(
            "share of a return's variance that the network's mean foretells",
            "none: at most .01",
            f"{gained:+.4f}",
            gained < 0.01,
        ),
        Check(
            "QLIKE of the network against the truth; of a constant",
            "less than half of it",
            f"{losses['network']:.4f}; {losses['constant']:.4f}",
            losses["network"] < losses["constant"] / 2,
        ),
        Check(
            "QLIKE of GARCH, which is the law itself",
            "least of all",
            f"{losses['GARCH']:.4f}",
            losses["GARCH"] == min(losses.values()) and losses["GARCH"] < 0.01,
        ),
        Check(
            "share of returns inside the network's 90 % interval",
            ".87 to .93",
            f"{inside:.3f}",
            0.87 < inside < 0.93,
        ),
    ]


if __name__ == "__main__":
    run(main)
