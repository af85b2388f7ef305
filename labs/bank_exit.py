"""Predicting bank exit: two cost functions, and what 24 rows can tell.

Lecture: radwan-deep-learning-tutorial, slides "Another Example" (a bank's customers, the first 24
rows of a sheet) and "Cost Function" (Real Example: Predicting bank exit).

The 24 rows that the slide prints are below, without the names. On them a small network learns every
exit by heart, and shuffled exits as well: fitting says nothing. Predicted one by one, each by a
network that did not see it, they do show that there is something to learn (no shuffle does as
well), and that 24 rows do not tell whether the network is better than no inputs at all. The user's
full sheet, if there is one, goes through the recipe and is tested once:

    DESCEND_BANK_EXIT=Churn_Modelling.csv descend lab run bank_exit
"""

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd

from descend import Dense, Input, Model, cross_validate, sweep
from descend.data.sources import load
from descend.errors import DataError
from descend.lab import Check, axes, run, save
from descend.neurons import LogisticUnit
from descend.nn.losses import BinaryCrossentropy
from descend.palette import BLUE, ORANGE, VERMILION
from descend.tables.baselines.side_by_side import fit_baselines
from descend.tables.encoder import Encoder
from descend.tables.judging.bootstrap import bootstrap, compare
from descend.tables.options import FitOptions
from descend.tables.recipe import fit_table, open_test
from descend.train.rules import Adam

# %% [markdown]
# ## The rows
# As printed, but RowNumber, CustomerId and Surname: they number and name the customers, and a
# network would learn them by heart.

# %%
COLUMNS = [
    *("CreditScore", "Geography", "Gender", "Age", "Tenure", "Balance", "NumOfProducts"),
    *("HasCrCard", "IsActiveMember", "EstimatedSalary", "Exited"),
]
NAMES_AND_NUMBERS = ("RowNumber", "CustomerId", "Surname")
PRINTED = pd.DataFrame(
    [
        (619, "France", "Female", 42, 2, 0, 1, 1, 1, 101348.88, 1),
        (608, "Spain", "Female", 41, 1, 83807.86, 1, 0, 1, 112542.58, 0),
        (502, "France", "Female", 42, 8, 159660.8, 3, 1, 0, 113931.57, 1),
        (699, "France", "Female", 39, 1, 0, 2, 0, 0, 93826.63, 0),
        (850, "Spain", "Female", 43, 2, 125510.82, 1, 1, 1, 79084.1, 0),
        (645, "Spain", "Male", 44, 8, 113755.78, 2, 1, 0, 149756.71, 1),
        (822, "France", "Male", 50, 7, 0, 2, 1, 1, 10062.8, 0),
        (376, "Germany", "Female", 29, 4, 115046.74, 4, 1, 0, 119346.88, 1),
        (501, "France", "Male", 44, 4, 142051.07, 2, 0, 1, 74940.5, 0),
        (684, "France", "Male", 27, 2, 134603.88, 1, 1, 1, 71725.73, 0),
        (528, "France", "Male", 31, 6, 102016.72, 2, 0, 0, 80181.12, 0),
        (497, "Spain", "Male", 24, 3, 0, 2, 1, 0, 76390.01, 0),
        (476, "France", "Female", 34, 10, 0, 2, 1, 0, 26260.98, 0),
        (549, "France", "Female", 25, 5, 0, 2, 0, 0, 190857.79, 0),
        (635, "Spain", "Female", 35, 7, 0, 2, 1, 1, 65951.65, 0),
        (616, "Germany", "Male", 45, 3, 143129.41, 2, 0, 1, 64327.26, 0),
        (653, "Germany", "Male", 58, 1, 132602.88, 1, 1, 0, 5097.67, 1),
        (549, "Spain", "Female", 24, 9, 0, 2, 1, 1, 14406.41, 0),
        (587, "Spain", "Male", 45, 6, 0, 1, 0, 0, 158684.81, 0),
        (726, "France", "Female", 24, 6, 0, 2, 1, 1, 54724.03, 0),
        (732, "France", "Male", 41, 8, 0, 2, 1, 1, 170886.17, 0),
        (636, "Spain", "Female", 32, 8, 0, 2, 1, 0, 138555.46, 0),
        (510, "Spain", "Female", 38, 4, 0, 1, 1, 0, 118913.53, 1),
        (669, "France", "Male", 46, 3, 0, 2, 0, 1, 8487.75, 0),
    ],
    columns=COLUMNS,
)
INPUTS, EXITED = PRINTED.drop(columns="Exited"), PRINTED["Exited"].to_numpy(float)
# numbers standardised, countries and sexes as 0/1 numbers; the exits have no part in it
X = Encoder.fit(INPUTS).transform(INPUTS)[0].numbers
SHARE = EXITED.mean()

# %% [markdown]
# ## The costs
# For a customer who left, C = 1/2 (yhat - y)^2 of the earlier slide is at most a half, however
# wrong; the cross-entropy -log yhat has no limit. Both have their least mean over constants at the
# share of exits.


# %%
def half_squares(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return 0.5 * (p - y) ** 2


def cross_entropies(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """descend's own, row by row."""
    loss = BinaryCrossentropy()
    return np.asarray(loss.rows(np.float32(y)[:, None], np.float32(p)[:, None]), float)


def best_constants() -> tuple[float, float]:
    """The yhat of least mean cost for each cost, among 999."""
    grid = np.linspace(0.001, 0.999, 999)
    costs = [
        [of(EXITED, np.full(len(EXITED), p)).mean() for p in grid]
        for of in (half_squares, cross_entropies)
    ]
    return float(grid[np.argmin(costs[0])]), float(grid[np.argmin(costs[1])])


# %% [markdown]
# ## By heart
# Six hidden neurons, 24 rows. Shuffled exits have nothing to do with the customers any more.


# %%
def network() -> Model:
    i = Input((X.shape[1],), name="customer")
    h = Dense(6, "relu", name="hidden")(i)
    model = Model(i, Dense(1, "sigmoid", name="exits")(h))
    model.compile(optimizer=Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
    return model


EPOCHS = 600


def by_heart(model: Model, exits: np.ndarray, seeds: range) -> np.ndarray:
    """The share of the 24 rows that each seed's network answers rightly after training on them."""
    many = sweep(model, {"seed": seeds}, X, exits[:, None], batch_size=24, epochs=EPOCHS)
    return np.array([m.final("accuracy") for m in many])


def one_by_one(model: Model, exits: np.ndarray, seed: int) -> np.ndarray:
    """(24,) probability of the truth, each by a network trained on the other 23 rows."""
    others = [(np.delete(np.arange(24), i), np.array([i])) for i in range(24)]
    many = cross_validate(model, X, exits[:, None], others, batch_size=23, epochs=EPOCHS, seed=seed)
    return np.exp(-np.array([m.final("val_loss") for m in many]))


def no_inputs() -> np.ndarray:
    """(24,) probability of the truth by the share of exits among the other 23."""
    others = (EXITED.sum() - EXITED) / 23
    return np.where(EXITED == 1, others, 1 - others)


def exit_of(truth: np.ndarray) -> np.ndarray:
    """P(exit) from the probability of the truth."""
    return np.where(EXITED == 1, truth, 1 - truth)


def separation() -> str:
    """What the logistic unit, the same without a hidden layer, says of these rows."""
    try:
        LogisticUnit().fit(pd.get_dummies(INPUTS, drop_first=True, dtype=float), EXITED)
    except DataError as error:
        return str(error)
    return ""


# %% [markdown]
# ## The full sheet
# The recipe: split, train, open the test once; beside a logit and gradient boosting.


# %%
def sheet(file: str | Path | None = None) -> str | Path | None:
    """The user's file: the one given, or the one that DESCEND_BANK_EXIT names."""
    return file or os.environ.get("DESCEND_BANK_EXIT")


def full_sheet(file: str | Path, quick: bool) -> list[Check]:
    """The recipe on a file with the printed columns.

    Raises:
        DataError: it has no column Exited, or cannot be read.
    """
    data = load(file)
    known = [name for name in NAMES_AND_NUMBERS if name in data.frame.columns]
    small = {"epochs": 16, "members": 2} if quick else {}
    options = FitOptions(target="Exited", drop=tuple(known), sealed=True, **small)
    fitted = fit_table(data, options)
    prepared, split = fitted.prepared, fitted.prepared.split
    before = fitted.seal.opened
    parts = [prepared.inputs.iloc[rows] for rows in (split.train, split.validation, split.test)]
    y_train, y_validation, y = (prepared.y[r] for r in (split.train, split.validation, split.test))
    rivals = fit_baselines(*parts, y_train, y_validation, task="classification")
    fitted = open_test(fitted)
    said = fitted.predictor.values(parts[2])
    print(f"{file}: {len(prepared.y):,} rows, {prepared.y.mean():.1%} left; test {len(y):,} rows")
    print(f"  network      {bootstrap('auc', y, said).estimate:.3f} AUC")
    for rival in rivals:
        if rival.test is not None:
            faced = compare("auc", y, said, rival.test)
            won = {"first": "the network", "second": rival.name, None: "nobody"}[faced.winner]
            print(f"  {rival.name:12s} {faced.second.estimate:.3f} AUC; ahead: {won}")
    auc = bootstrap("auc", y, said)
    head = data.frame[[c for c in COLUMNS if c in data.frame.columns]].head(len(PRINTED))
    same = head.shape == PRINTED.shape and all(_alike(head[c], PRINTED[c]) for c in COLUMNS)
    return [
        Check(
            "first rows of the sheet", "the 24 printed ones", "the same" if same else "others", same
        ),
        Check(
            "AUC on its test rows",
            "more than chance: above .5",
            f"{auc.estimate:.3f} ({auc.low:.3f} to {auc.high:.3f})",
            auc.low > 0.5,
        ),
        Check(
            "its test, opened",
            "once, after training",
            f"{len(fitted.seal.openings)} time(s)",
            not before and len(fitted.seal.openings) == 1,
        ),
    ]


def _alike(a: pd.Series, b: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(b.dtype):
        return bool(np.allclose(pd.to_numeric(a, errors="coerce"), b))
    return list(a) == list(b)


# %% [markdown]
# ## The picture


# %%
def draw(alone: np.ndarray, constant: np.ndarray, out: Path) -> None:
    figure, (left, right) = axes(2)
    p = np.linspace(0.005, 0.995, 199)
    one = np.ones_like(p)
    left.plot(p, cross_entropies(one, p), color=VERMILION, lw=2.5, label=r"$-\log\,\hat y$")
    left.plot(p, half_squares(one, p), color=BLUE, ls="--", lw=2.5, label=r"$(\hat y - y)^2/2$")
    left.set(xlabel=r"predicted $\hat y$ of a customer who left", ylabel="cost")
    left.legend(frameon=False)
    order = np.lexsort((alone, EXITED))
    place = np.arange(24)
    for value, marker, colour in ((0, "o", BLUE), (1, "s", VERMILION)):
        rows = EXITED[order] == value
        label = "left" if value else "stayed"
        right.plot(place[rows], -np.log(alone[order][rows]), marker, color=colour, label=label)
    right.step(place, -np.log(constant[order]), where="mid", color=ORANGE, label="no inputs")
    right.set(
        xlabel="customer, each predicted by the other 23", ylabel="cross-entropy of the truth"
    )
    right.set_yscale("symlog", linthresh=0.1)
    right.set_yticks((0, 0.1, 1, 10), ("0", "0.1", "1", "10"))
    right.legend(frameon=False, loc="upper left")
    save(figure, out, "bank_exit.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False, file: str | Path | None = None) -> list[Check]:
    left, least = int(EXITED.sum()), best_constants()
    square = half_squares(EXITED, np.full(24, SHARE)).mean()
    entropy = cross_entropies(EXITED, np.full(24, SHARE)).mean()
    by_formula = -(SHARE * np.log(SHARE) + (1 - SHARE) * np.log(1 - SHARE))

    model, seeds = network(), range(5 if quick else 20)
    learnt = by_heart(model, EXITED, seeds)
    rng = np.random.default_rng(0)
    shuffles = [rng.permutation(EXITED) for _ in range(9 if quick else 39)]
    nonsense = np.array([by_heart(model, exits, seeds).max() for exits in shuffles])
    alone = np.array([one_by_one(model, EXITED, seed) for seed in seeds])
    shuffled = np.array([one_by_one(model, exits, 0) for exits in shuffles])
    constant = no_inputs()
    costs, by_chance = (-np.log(p).mean(axis=1) for p in (alone, shuffled))
    faced = [compare("log_loss", EXITED.astype(int), exit_of(p), exit_of(constant)) for p in alone]
    said = separation()
    draw(np.exp(np.log(alone).mean(axis=0)), constant, out)
    print(f"24 rows, {X.shape[1]} numbers each; the logistic unit says: {said or 'nothing'}")
    right = (alone > 0.5).mean()
    print(f"each row by the other 23: {right:.0%} right; always saying 'stays': {1 - SHARE:.0%}")
    checks = [
        Check("customers who left", "6 of the 24 printed", f"{left} of {len(EXITED)}", left == 6),
        Check(
            "mean 1/2 (yhat - y)^2 at yhat = 1/4",
            "1/2 1/4 3/4 = 0.09375",
            f"{square:.5f}",
            np.isclose(square, 0.09375),
        ),
        Check(
            "mean cross-entropy at yhat = 1/4",
            f"formula: {by_formula:.5f}",
            f"{entropy:.5f}",
            np.isclose(entropy, by_formula, rtol=1e-6),
        ),
        Check(
            "yhat of least cost, both costs",
            "the share of exits, 1/4",
            f"{least[0]:.3f}, {least[1]:.3f}",
            np.allclose(least, 0.25, atol=1e-9),
        ),
        Check(
            "logistic unit, no hidden layer",
            "not printed; the rows are separated",
            "says so" if "separat" in said else "does not say so",
            "separat" in said,
        ),
        Check(
            f"exits known by heart, {len(seeds)} seeds",
            "not printed; all 24",
            f"{learnt.min():.0%} to {learnt.max():.0%}",
            np.median(learnt) == 1,
        ),
        Check(
            f"shuffled exits, {len(shuffles)} times",
            "not printed; by heart as well",
            f"{nonsense.min():.0%} to {nonsense.max():.0%}",
            nonsense.min() == 1,
        ),
        Check(
            "each row by the other 23: cross-entropy",
            f"shuffled exits: {by_chance.min():.2f} to {by_chance.max():.2f}",
            f"{costs.min():.3f} to {costs.max():.3f}",
            costs.max() < by_chance.min(),
        ),
        Check(
            "surely lower than with no inputs",
            f"{-np.log(constant).mean():.3f}; 24 rows cannot tell",
            f"{sum(f.winner is not None for f in faced)} of {len(faced)} seeds",
            all(f.winner is None for f in faced),
        ),
    ]
    given = sheet(file)
    if not given:
        print("the full sheet: set DESCEND_BANK_EXIT to its file to have it tested here")
    return checks + (full_sheet(given, quick) if given else [])


if __name__ == "__main__":
    run(main)
