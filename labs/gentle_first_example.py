"""A gentle first example: one regression and one classification, judged on data held back.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "A GENTLE FIRST EXAMPLE" (its notebook 03,
"2 simple examples, one regression, and one classification") and "RECIPE FOR USING MLP".

Shows the whole recipe twice: make data, set a test part aside, train with a validation part that
says when to stop, use the test part once, beside a linear model fitted to the same rows. The slide
prints no numbers; its claim, that a non-linear network represents what a line cannot, is what is
tested. The noise is known here, so there is also a floor that nothing can beat.
"""

# %%
from pathlib import Path

import numpy as np
from sklearn.datasets import make_moons
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split

from descend import Dense, EarlyStopping, Input, Model
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, ORANGE, VERMILION
from descend.train.curves import plot_history
from descend.train.rules import Adam

# %% [markdown]
# ## Regression: an analytic function
# y = sin(3x) exp(-x/2) on [0, 4], seen through noise of standard deviation .1.

# %%
NOISE = 0.1


def analytic(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) * np.exp(-x / 2)


def regression_data() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, (600, 1))
    y = analytic(x) + NOISE * rng.normal(size=x.shape)
    return train_test_split(x, y, test_size=0.25, random_state=1)


def network(inputs: int, output: str | None) -> Model:
    """Two hidden layers of 32 tanh neurons."""
    i = Input((inputs,), name="x")
    h = Dense(32, "tanh", name="hidden1")(i)
    h = Dense(32, "tanh", name="hidden2")(h)
    return Model(i, Dense(1, output, name="output")(h))


def fit(model: Model, x: np.ndarray, y: np.ndarray, loss: str, epochs: int) -> Model:
    """Train until a fifth of the rows, kept for validation, has not improved for 60 epochs."""
    model.compile(optimizer=Adam(0.003), loss=loss)
    stop = EarlyStopping(patience=60)
    model.fit(x, y, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[stop])
    return model


# %% [markdown]
# ## Classification: two moons
# Two interlocking half circles, blurred. The output is a sigmoid, a probability; the loss is the
# cross-entropy.


# %%
def classification_data() -> list[np.ndarray]:
    x, label = make_moons(600, noise=0.2, random_state=0)
    return train_test_split(x, label[:, None].astype(float), test_size=0.25, random_state=1)


def wrong(probability: np.ndarray, label: np.ndarray) -> int:
    return int(((probability > 0.5) != (label > 0.5)).sum())


# %% [markdown]
# ## The pictures


# %%
def draw_regression(model: Model, line: LinearRegression, data, out: Path) -> None:
    x_train, x_test, y_train, y_test = data
    figure, (left, right) = axes(2)
    left.plot(x_train, y_train, ".", color="0.7", label="training rows")
    left.plot(x_test, y_test, "x", color=ORANGE, ms=5, label="test rows")
    grid = np.linspace(0, 4, 300)[:, None]
    left.plot(grid, analytic(grid), color="black", lw=4, alpha=0.4, label="the function")
    left.plot(grid, line.predict(grid), color=BLUE, ls=":", lw=2.5, label="linear regression")
    left.plot(grid, model.predict(grid), color=VERMILION, ls="--", lw=2, label="network")
    left.set(xlabel="$x$", ylabel="$y$", title="the fit")
    left.legend(frameon=False, fontsize=9, ncols=2)
    plot_history(model.history, right)
    right.set(yscale="log", ylabel="cost (mean squared error)", title="learning curve")
    save(figure, out, "regression.png")


def draw_classification(model: Model, data, out: Path) -> None:
    _, x_test, _, label = data
    figure, (left, right) = axes(2)
    x1, x2 = np.meshgrid(np.linspace(-1.7, 2.7, 150), np.linspace(-1.2, 1.7, 150))
    p = model.predict(np.column_stack([x1.ravel(), x2.ravel()])).reshape(x1.shape)
    shade = left.contourf(x1, x2, p, np.linspace(0, 1, 12), cmap="cividis", alpha=0.8)
    left.contour(x1, x2, p, [0.5], colors="white", linewidths=2)
    figure.colorbar(shade, ax=left, label="probability of class 1", ticks=[0, 0.5, 1])
    for value, marker, colour in ((0, "o", BLUE), (1, "s", VERMILION)):
        rows = x_test[label[:, 0] == value]
        left.plot(
            *rows.T, marker, color=colour, mec="white", ms=6, label=f"class {value}, test row"
        )
    left.set(xlabel="$x_1$", ylabel="$x_2$", title="the boundary, and rows held back")
    left.legend(fontsize=9, loc="upper right")
    plot_history(model.history, right)
    right.set(yscale="log", ylabel="cost (cross-entropy)", title="learning curve")
    save(figure, out, "classification.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    epochs = 400 if quick else 1500
    data = regression_data()
    x_train, x_test, y_train, y_test = data
    model = fit(network(1, None), x_train, y_train, "mse", epochs)
    line = LinearRegression().fit(x_train, y_train)
    draw_regression(model, line, data, out)
    rmse = np.sqrt(model.evaluate(x_test, y_test, verbose=0))
    line_rmse = np.sqrt(np.mean((line.predict(x_test) - y_test) ** 2))
    floor = np.sqrt(np.mean((analytic(x_test) - y_test) ** 2))
    r2 = 1 - rmse**2 / y_test.var()

    moons = classification_data()
    x_train, x_test, y_train, y_test = moons
    classifier = fit(network(2, "sigmoid"), x_train, y_train, "binary_crossentropy", epochs)
    logit = LogisticRegression().fit(x_train, y_train[:, 0])
    draw_classification(classifier, moons, out)
    n = len(y_test)
    errors = wrong(classifier.predict(x_test), y_test)
    logit_errors = wrong(logit.predict_proba(x_test)[:, 1:], y_test)
    return [
        Check(
            "regression: RMSE on 150 test rows",
            "non-linear: represents the function",
            f"{rmse:.3f} (the noise alone: {floor:.3f})",
            rmse < 1.2 * floor,
        ),
        Check(
            "regression: R2 on the test rows",
            "-",
            f"{r2:.3f}",
            r2 > 0.9,
        ),
        Check(
            "regression: linear regression's RMSE",
            "a line cannot",
            f"{line_rmse:.3f}",
            line_rmse > 2 * rmse,
        ),
        Check(
            "classification: wrong of 150 test rows",
            "non-linear: represents the boundary",
            f"{errors} ({1 - errors / n:.1%} right)",
            errors <= 0.1 * n,
        ),
        Check(
            "classification: logistic regression's",
            "a line cannot",
            f"{logit_errors} ({1 - logit_errors / n:.1%} right)",
            logit_errors > 1.5 * errors,
        ),
    ]


if __name__ == "__main__":
    run(main)
