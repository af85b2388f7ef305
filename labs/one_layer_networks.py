"""One-layer networks are regressions, and two scores can rank two of them oppositely.

Lecture: raviv-2022-introducing-deep-learning, slides "Take the basic regression setup for example",
"Now with logistic regression", "Historical example: The Perceptron" and "Cross entropy loss".

Shows that a linear unit is ordinary least squares and a logistic unit the logit of an econometrics
book, standard errors included; that the same networks trained by small steps arrive there from
every seed; and that, as the slide says, "two competing models could have opposite ranking of the
cross entropy loss and classification error". The slides print no numbers; the students are those of
Spector and Mazzeo (1980), who got better grades (GRADE) after a new way of teaching (PSI) or not.
"""

# %%
from pathlib import Path

import numpy as np
import statsmodels.api as sm

from descend import Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.neurons import LinearUnit, LogisticUnit, side_by_side
from descend.palette import BLUE, VERMILION
from descend.train.rules import Adam

# %% [markdown]
# ## The regression setup
# x and y, a prediction x'w, a quadratic loss: "a neural network with a linear activation function
# is simply a linear regression model". With a logistic activation it is logistic regression.

# %%
DATA = sm.datasets.spector.load_pandas()
X, Y = DATA.exog, DATA.endog
CENTRE, SPREAD = X.mean(), X.std(ddof=0)
SCALED = ((X - CENTRE) / SPREAD).to_numpy()


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(np.asarray(ours) / np.asarray(theirs) - 1).max())


# %% [markdown]
# ## Small steps
# The same two networks as `Dense(1)`, trained by Adam from several seeds. The columns are scaled to
# mean zero and standard deviation one, and the weights taken back to the columns' units.


# %%
def trained(activation: str, loss: str, seeds: range, epochs: int) -> np.ndarray:
    """Bias and weights in the columns' own units, a row a seed."""
    i = Input((X.shape[1],), name="x")
    model = Model(i, Dense(1, activation, name="unit")(i))
    model.compile(optimizer=Adam(0.05), loss=loss)
    y = Y.to_numpy(float)[:, None]
    many = sweep(model, {"seed": seeds}, SCALED, y, batch_size=len(Y), epochs=epochs)
    found = []
    for member in many:
        unit = member.model.params["unit"]
        slopes = np.asarray(unit["kernel"], float)[:, 0] / SPREAD.to_numpy()
        bias = float(np.asarray(unit["bias"])[0]) - slopes @ CENTRE.to_numpy()
        found.append([bias, *slopes])
    return np.array(found)


# %% [markdown]
# ## Two scores
# The classification error counts rows on the wrong side of one half, however far. The cross entropy
# weighs how sure the model was. Four rows by hand: A is nearly always right and once terribly
# wrong; B is wrong twice, by a hair.

# %%
A = np.array([0.9, 0.9, 0.9, 0.01])  # what each says of the class that is the true one
B = np.array([0.9, 0.9, 0.45, 0.45])


def cross_entropy(p_true: np.ndarray) -> float:
    return float(-np.log(p_true).mean())


def error(p_true: np.ndarray) -> float:
    return float((p_true < 0.5).mean())


# %% [markdown]
# And on the students: the logistic unit has the least cross entropy of all sigmoid neurons, for
# that is what it was fitted by. A neuron that only minds its mistakes (the perceptron's aim) makes
# fewer, and pays for it in cross entropy.


# %%
def probability_of_truth(weights: np.ndarray) -> np.ndarray:
    """For each of many neurons (s, 1 + k) what it says of each row's true class, (s, n)."""
    raw = weights @ np.column_stack([np.ones(len(SCALED)), SCALED]).T
    return 1 / (1 + np.exp(-np.where(Y.to_numpy() == 1, raw, -raw)))


def fewest_mistakes(start: np.ndarray, tries: int) -> np.ndarray:
    """Of many neurons around a first one, that with the fewest mistakes; ties by cross entropy."""
    rng = np.random.default_rng(0)
    weights = start + rng.normal(size=(tries, len(start))) * np.abs(start).max()
    said = probability_of_truth(weights)
    order = np.lexsort((-np.log(said).mean(axis=1), (said < 0.5).sum(axis=1)))
    return weights[order[0]]


# %% [markdown]
# ## The picture


# %%
def draw(logit: np.ndarray, careful: np.ndarray, out: Path) -> None:
    figure, panels = axes(2, width=4.6, height=4.2)
    titles = ("least cross entropy", "fewest mistakes")
    for ax, said, title in zip(panels, (logit, careful), titles, strict=True):
        right = said >= 0.5
        order = np.argsort(said)
        for marker, colour, rows, label in (
            ("x", VERMILION, ~right, "mistake"),
            ("o", BLUE, right, "right"),
        ):
            place = np.flatnonzero(rows[order])
            ax.plot(place, -np.log(said[order][place]), marker, color=colour, label=label)
        ax.axhline(np.log(2), color="0.6", lw=1)
        ax.set(title=f"{title}\n{(~right).sum()} mistakes, cross entropy {cross_entropy(said):.3f}")
        ax.set_ylim(-0.1, 1.1 * -np.log(min(logit.min(), careful.min())))
        ax.set(xlabel="students, worst predicted first", ylabel="-log p(true class)")
    panels[0].legend()
    save(figure, out, "one_layer_networks.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    linear, logit = LinearUnit().fit(X, Y), LogisticUnit().fit(X, Y)
    print(side_by_side({"linear unit": linear, "logistic unit": logit}, stars=True))
    print(logit.marginal_effects())
    ols = sm.OLS(Y, sm.add_constant(X)).fit()
    reference = sm.Logit(Y, sm.add_constant(X)).fit(disp=0, tol=1e-10)
    seeds, epochs = range(3 if quick else 10), 1500
    steps = {
        "linear": (linear, trained("linear", "mse", seeds, epochs)),
        "logistic": (logit, trained("sigmoid", "binary_crossentropy", seeds, epochs)),
    }
    off = {
        name: np.abs((found - unit.estimates_.values) / unit.estimates_.standard_errors).max()
        for name, (unit, found) in steps.items()
    }
    scaled = LogisticUnit().fit(SCALED, Y)
    start = scaled.estimates_.values
    said = probability_of_truth(start[None])[0]
    careful = probability_of_truth(fewest_mistakes(start, 5_000 if quick else 50_000)[None])[0]
    draw(said, careful, out)
    greene = {
        "GPA": 2.826,
        "TUCE": 0.095,
        "PSI": 2.379,
    }  # "Econometric Analysis", chapter on binary choice
    found = dict(zip(logit.estimates_.names, logit.estimates_.values, strict=True))
    return [
        Check(
            "linear unit",
            "'simply a linear regression model'",
            f"OLS: {relative(linear.estimates_.values, ols.params):.0e} off",
            relative(linear.estimates_.values, ols.params) < 1e-9,
        ),
        Check(
            "its standard errors",
            "those of OLS",
            f"{relative(linear.estimates_.standard_errors, ols.bse):.0e} off",
            relative(linear.estimates_.standard_errors, ols.bse) < 1e-9,
        ),
        Check(
            "logistic unit",
            "'simply a logistic regression model'",
            f"logit: {relative(logit.estimates_.values, reference.params):.0e} off",
            relative(logit.estimates_.values, reference.params) < 1e-6,
        ),
        Check(
            "logit coefficients in Greene's textbook",
            "2.826, 0.095, 2.379",
            ", ".join(f"{found[name]:.3f}" for name in greene),
            all(round(found[name], 3) == value for name, value in greene.items()),
        ),
        *(
            Check(
                f"{name} unit by Adam, {len(seeds)} seeds",
                "the same minimum",
                f"at most {value:.0e} standard errors off",
                value < 0.02,
            )
            for name, value in off.items()
        ),
        Check(
            "four rows by hand: mistakes",
            "A ranks first",
            f"A {error(A):.2f}, B {error(B):.2f}",
            error(A) < error(B),
        ),
        Check(
            "four rows by hand: cross entropy",
            "opposite: B ranks first",
            f"A {cross_entropy(A):.3f}, B {cross_entropy(B):.3f}",
            cross_entropy(B) < cross_entropy(A),
        ),
        Check(
            "32 students: mistakes",
            "a careful neuron ranks first",
            f"it {error(careful):.3f}, logit {error(said):.3f}",
            error(careful) < error(said),
        ),
        Check(
            "32 students: cross entropy",
            "opposite: the logit ranks first",
            f"it {cross_entropy(careful):.3f}, logit {cross_entropy(said):.3f}",
            cross_entropy(said) < cross_entropy(careful),
        ),
    ]


if __name__ == "__main__":
    run(main)
