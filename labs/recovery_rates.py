"""Recovery rates: a share in [0, 1] predicted as one.

Lecture: hull-2023-deep-learning-introduction-and-applications, slides "Example: Recovery Rate
Model" and "Loss Functions".

The slide names the model, and prints no data. Here defaulted loans are made by a process that is
written down, with the two features that make recoveries hard: many are exactly 0 or exactly 1, and
collateral counts for little in a downturn. The recipe of `descend fit` for shares (a sigmoid output
under the cross-entropy, which is right for the mean of any share) is tested once, beside baselines
on the same rows, and beside the true mean, which nothing can beat.
"""

# %%
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import expit

from descend import Dense, Input, Model
from descend.data.table import Table, frame_digest
from descend.lab import Check, axes, run, save
from descend.neurons import LinearUnit
from descend.nn.losses import BinaryCrossentropy
from descend.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION
from descend.tables.baselines.side_by_side import fit_baselines
from descend.tables.judging.bootstrap import compare
from descend.tables.judging.measures import mean_loss
from descend.tables.options import FitOptions
from descend.tables.recipe import FittedTable, fit_table, open_test
from descend.train.rules import Adam

# %% [markdown]
# ## The process
# One row a default. `cover` is collateral over debt, `growth` that of the economy in the year of
# the default (percent), `seniority` the place in the queue, `duration` years since the loan.
#
#     m(x) = sigmoid(-1.2 + s + 2.2 min(cover, 1) d + .25 min(growth, 3) - .05 duration)
#     s = 1.0 secured, .2 senior, -.8 subordinated;   d = 1, or .2 where growth < 0
#     R = 0 with probability .35 (1 - m), 1 with probability .35 m,
#         else Beta(6 m, 6 (1 - m))
#
# Since .35 m + (1 - .35) m = m, the mean of R is m(x).

# %%
SENIORITY = {"secured": 1.0, "senior": 0.2, "subordinated": -0.8}
CORNERS, PRECISION = 0.35, 6.0


def mean_recovery(frame: pd.DataFrame) -> np.ndarray:
    """E[R | x], (n,)."""
    growth, cover = frame["growth"].to_numpy(), frame["cover"].to_numpy()
    place = frame["seniority"].map(SENIORITY).to_numpy(dtype=float)
    worth = np.where(growth < 0, 0.2, 1.0)
    index = -1.2 + place + 2.2 * np.minimum(cover, 1) * worth
    return expit(index + 0.25 * np.minimum(growth, 3) - 0.05 * frame["duration"].to_numpy())


def defaults(n: int, seed: int) -> pd.DataFrame:
    """Inputs and `recovery` of n defaulted loans."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "cover": rng.gamma(2.0, 0.4, n),
            "growth": rng.normal(1.0, 2.5, n),
            "seniority": rng.choice(list(SENIORITY), n, p=[0.4, 0.4, 0.2]),
            "duration": rng.uniform(0, 15, n),
        }
    )
    m = mean_recovery(frame)
    between = rng.beta(PRECISION * m, PRECISION * (1 - m))
    at_corner = rng.random(n) < CORNERS
    frame["recovery"] = np.where(at_corner, (rng.random(n) < m).astype(float), between)
    return frame


def table(n: int, seed: int) -> Table:
    frame = defaults(n, seed)
    note = "defaulted loans, made by the process above"
    return Table("recovery", "recovery", frame, "recovery", note, frame_digest(frame))


# %% [markdown]
# ## The loss
# l = -[R log p + (1 - R) log(1 - p)], the lecture's binary loss with R anywhere between: its
# expected value is least at p = E[R | x]. With R = .25 the least value over p is at .25.


# %%
def best_constant(recovery: np.ndarray) -> float:
    """The p in a fine grid with the least mean loss."""
    grid = np.linspace(0.001, 0.999, 9981, dtype=np.float32)
    mean = np.float32(recovery.mean())  # the loss is linear in R
    losses = BinaryCrossentropy().rows(np.full((len(grid), 1), mean), grid[:, None])
    return float(grid[int(np.argmin(np.asarray(losses)))])


def cross_entropies(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


COST = mean_loss("cross-entropy", cross_entropies)

# %% [markdown]
# ## The test
# Sealed while the network is trained; opened once. All baselines see the same training rows.


# %%
def fit(data: Table, seed: int, quick: bool) -> FittedTable:
    options = FitOptions(
        task="share", seed=seed, sealed=True, **({"members": 2, "epochs": 32} if quick else {})
    )
    return fit_table(data, options)


def baselines_of(fitted: FittedTable) -> dict[str, np.ndarray]:
    """{name: predictions for the test rows}."""
    prepared, split = fitted.prepared, fitted.prepared.split
    train, validation, test = (
        prepared.inputs.iloc[rows] for rows in (split.train, split.validation, split.test)
    )
    y = prepared.y[split.train], prepared.y[split.validation]
    names = ("mean", "linear", "boosting")
    found = fit_baselines(train, validation, test, *y, task="shares", names=names)
    return {b.name: b.test for b in found if b.test is not None}


def straight_line(fitted: FittedTable) -> np.ndarray:
    """Ordinary least squares, dummies for seniority: predictions for the test rows."""
    prepared, split = fitted.prepared, fitted.prepared.split
    x = pd.get_dummies(prepared.inputs, drop_first=True, dtype=float)
    unit = LinearUnit().fit(x.iloc[split.train], prepared.y[split.train])
    return unit.predict(x.iloc[split.test])


def fractional_logit(data: pd.DataFrame) -> np.ndarray:
    """Coefficients of statsmodels' binomial GLM on shares: what a neuron with this loss learns."""
    x = sm.add_constant(data[["cover", "growth", "duration"]].to_numpy())
    return sm.GLM(data["recovery"].to_numpy(), x, family=sm.families.Binomial()).fit().params


def neuron(data: pd.DataFrame) -> np.ndarray:
    """The same by descend: one sigmoid neuron under the cross-entropy, in the columns' units."""
    x = data[["cover", "growth", "duration"]].to_numpy()
    centre, spread = x.mean(axis=0), x.std(axis=0)
    i = Input((3,), name="x")
    model = Model(i, Dense(1, "sigmoid", name="unit")(i))
    model.compile(optimizer=Adam(0.05), loss="binary_crossentropy")
    y = data[["recovery"]].to_numpy()
    model.fit((x - centre) / spread, y, batch_size=len(x), epochs=800, verbose=0)
    unit = model.params["unit"]
    slopes = np.asarray(unit["kernel"], float)[:, 0] / spread
    return np.append(float(np.asarray(unit["bias"])[0]) - slopes @ centre, slopes)


# %% [markdown]
# ## The picture


# %%
def draw(fitted: FittedTable, line: np.ndarray, said: np.ndarray, out: Path) -> None:
    figure, (left, right) = axes(2)
    split = fitted.prepared.split
    y = fitted.prepared.y[split.test]
    left.hist(y, bins=40, range=(0, 1), color="0.75", label="recoveries")
    left.hist(said, bins=40, range=(0, 1), histtype="step", lw=2, color=VERMILION, label="network")
    left.hist(line, bins=60, range=(-0.25, 1.25), histtype="step", lw=2, color=BLUE, label="OLS")
    left.axvspan(-0.25, 0, color=BLUE, alpha=0.08)
    left.axvspan(1, 1.25, color=BLUE, alpha=0.08)
    left.set(xlabel="recovery rate (shaded: impossible)", ylabel="test rows", xlim=(-0.25, 1.25))
    left.legend(frameon=False)
    cover = np.linspace(0, 2, 60)
    for growth, colour, name in ((2.0, GREEN, "growth 2 %"), (-2.0, ORANGE, "growth -2 %")):
        ask = pd.DataFrame(
            {"cover": cover, "growth": growth, "seniority": "senior", "duration": 5.0}
        )
        right.plot(cover, mean_recovery(ask), color=colour, lw=6, alpha=0.3)
        right.plot(cover, fitted.predictor.values(ask), color=colour, lw=2, label=name)
    right.plot([], [], color=BLACK, lw=6, alpha=0.3, label="true mean")
    right.plot([], [], color=BLACK, lw=2, label="network")
    right.set(xlabel="collateral / debt", ylabel="mean recovery (senior, 5 years)", ylim=(0, 1))
    right.legend(frameon=False, loc="upper left")
    save(figure, out, "recovery_rates.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    data = table(3000 if quick else 10_000, seed=0)
    share_of_corners = float(data.frame["recovery"].isin([0.0, 1.0]).mean())
    coefficients = np.abs(neuron(data.frame) - fractional_logit(data.frame)).max()
    fitted = [fit(data, seed, quick) for seed in range(1 if quick else 3)]
    sealed = all(not f.seal.opened for f in fitted)
    rivals = [baselines_of(f) for f in fitted]
    opened = [open_test(f) for f in fitted]

    gains, regrets, errors, ahead = [], [], [], []
    print("seed  cross-entropy on the test rows, and distance from the true mean")
    for seed, (f, others) in enumerate(zip(opened, rivals, strict=True)):
        tested = f.prepared.inputs.iloc[f.prepared.split.test]
        y, m = f.prepared.y[f.prepared.split.test], mean_recovery(tested)
        said = {"network": f.predictor.values(tested), **others, "the true mean": m}
        for name, p in said.items():
            away = float(np.sqrt(np.mean((p - m) ** 2)))
            print(f"{seed:4d}  {cross_entropies(y, p).mean():.4f}  {away:.3f}  {name}")
        errors.append([float(np.sqrt(np.mean((said[k] - m) ** 2))) for k in ("network", "linear")])
        winner = compare(COST, y, said["network"], said["boosting"]).winner
        ahead.append({"first": "network", "second": "boosting", None: "neither, surely"}[winner])
        gains.append(compare(COST, y, said["network"], said["linear"]))
        regrets.append(compare(COST, y, said["network"], m).difference)
    print(f"network or gradient boosting, ahead by cross-entropy: {'; '.join(ahead)}")
    first = opened[0]
    test = first.prepared.inputs.iloc[first.prepared.split.test]
    line, said = straight_line(first), first.predictor.values(test)
    draw(first, line, said, out)
    outside = int(((line < 0) | (line > 1)).sum())
    mean = float(data.frame["recovery"].mean())
    return [
        Check(
            "recoveries of exactly 0 or 1",
            f"the process: {CORNERS:.0%}",
            f"{share_of_corners:.1%}",
            # five standard errors of a share of 3,000
            abs(share_of_corners - CORNERS) < 5 * np.sqrt(0.35 * 0.65 / len(data.frame)),
        ),
        Check(
            "mean of R given x is m(x)",
            f"{mean_recovery(data.frame).mean():.4f}",
            f"{mean:.4f}",
            abs(mean - mean_recovery(data.frame).mean()) < 4 * 0.4 / np.sqrt(len(data.frame)),
        ),
        Check(
            "constant of least cross-entropy",
            f"the mean, {mean:.4f}",
            f"{best_constant(data.frame['recovery'].to_numpy()):.4f}",
            abs(best_constant(data.frame["recovery"].to_numpy()) - mean) < 5e-4,
        ),
        Check(
            "one sigmoid neuron on shares",
            "statsmodels: fractional logit",
            f"{coefficients:.0e} off",
            coefficients < 2e-3,
        ),
        Check(
            "predictions outside [0, 1]",
            f"OLS: {outside} of {len(test)}",
            f"network: {int(((said < 0) | (said > 1)).sum())}",
            outside > 0 and bool(((said >= 0) & (said <= 1)).all()),
        ),
        Check(
            "test opened, each network",
            "'first (and only) time'",
            f"{[len(f.seal.openings) for f in opened]}",
            sealed and all(len(f.seal.openings) == 1 for f in opened),
        ),
        Check(
            "network beats the fractional logit",
            "not printed; interval below 0",
            f"{sum(g.winner == 'first' for g in gains)} of {len(gains)} seeds",
            all(g.winner == "first" for g in gains),
        ),
        Check(
            "its cost above the true mean's",
            "nothing beats the true mean: >= 0",
            ", ".join(f"{r.estimate:.4f}" for r in regrets),
            all(r.high > 0 and r.estimate < 0.02 for r in regrets),
        ),
        Check(
            "distance from the true mean",
            "fractional logit: " + ", ".join(f"{line:.3f}" for _, line in errors),
            ", ".join(f"{network:.3f}" for network, _ in errors),
            all(network < 0.8 * line for network, line in errors),
        ),
    ]


if __name__ == "__main__":
    run(main)
