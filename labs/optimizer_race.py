"""The optimiser race: seven update rules from the same weights on the same rows.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "FEW VARIANTS OF SGD".

Shows that the first updates of each rule are those of the slide's formula worked out in NumPy; then
lets the rules race on handwritten digits, each at the best of eight learning rates. The slide's
form is used throughout: epsilon stands under the root, and Nesterov's gradient is taken ahead.
"""

# %%
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from descend import Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from descend.train.rules import SGD, AdaGrad, Adam, Momentum, Nesterov, Optimizer, RMSProp
from descend.train.rules.schedules import ExponentialDecay

# %% [markdown]
# ## The rules
# One constructor a row of the slide's table. The "adaptive" rate is a rate eta_t that falls with
# time, here by a half over every `half_life` updates.

# %%
EPS, MU, RHO, B1, B2 = 1e-7, 0.9, 0.9, 0.9, 0.999


def rules(rate: float, half_life: int) -> dict[str, Optimizer]:
    return {
        "learning rate": SGD(rate),
        "adaptive learning rate": SGD(ExponentialDecay(rate, half_life, 0.5)),
        "momentum": Momentum(rate, MU),
        "Nesterov momentum": Nesterov(rate, MU, lookahead=True),
        "AdaGrad": AdaGrad(rate, epsilon=EPS, epsilon_inside=True),
        "RMSProp": RMSProp(rate, rho=RHO, epsilon=EPS, epsilon_inside=True),
        "Adam": Adam(rate, beta_1=B1, beta_2=B2, epsilon=EPS, epsilon_inside=True),
    }


# %% [markdown]
# ## The formulas
# In two places the print on the slide cannot be meant. Nesterov's gradient stands at w - mu v with
# v added to w, which is behind; his paper has w + mu v. And Adam's M divides by 1 - beta^t inside
# its own recursion, so that a corrected mean is corrected again; Kingma and Ba divide once.


# %%
def by_formula(rule: str, w: np.ndarray, gradient, rate: float, half_life: int, steps: int):
    """The weights after each update, (steps, d)."""
    before, v = w, np.zeros_like(w)
    total, mean_square = np.zeros_like(w), np.zeros_like(w)
    m1, m2 = np.zeros_like(w), np.zeros_like(w)
    path = []
    for t in range(steps):
        g = gradient(w)
        if rule == "learning rate":
            new = w - rate * g
        elif rule == "adaptive learning rate":
            new = w - rate * 0.5 ** (t / half_life) * g
        elif rule == "momentum":
            new = w + MU * (w - before) - rate * g
        elif rule == "Nesterov momentum":
            v = MU * v - rate * gradient(w + MU * v)
            new = w + v
        elif rule == "AdaGrad":
            total = total + g**2
            new = w - rate * g / np.sqrt(total + EPS)
        elif rule == "RMSProp":
            mean_square = RHO * mean_square + (1 - RHO) * g**2
            new = w - rate * g / np.sqrt(mean_square + EPS)
        else:  # Adam
            m1, m2 = B1 * m1 + (1 - B1) * g, B2 * m2 + (1 - B2) * g**2
            mean, square = m1 / (1 - B1 ** (t + 1)), m2 / (1 - B2 ** (t + 1))
            new = w - rate * mean / np.sqrt(square + EPS)
        before, w = w, new
        path.append(w)
    return np.array(path)


def by_fit(optimizer: Optimizer, start: np.ndarray, x, y, steps: int) -> np.ndarray:
    """The same by `fit`: a linear neuron, one update an epoch."""
    i = Input((x.shape[1],), name="x")
    model = Model(i, Dense(1, use_bias=False, name="neuron")(i))
    model.params = {"neuron": {"kernel": np.float32(start[:, None])}}
    model.compile(optimizer=optimizer, loss="squared_error")
    path = []
    for _ in range(steps):  # `fit` goes on where it stopped, the rule's memory included
        model.fit(x, y, batch_size=len(x), verbose=0)
        path.append(np.asarray(model.params["neuron"]["kernel"])[:, 0])
    return np.array(path)


def formula_checks(steps: int = 5) -> list[Check]:
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(20, 3)), np.array([0.5, -1.0, 2.0])
    y = x @ np.array([[1.0], [2.0], [-1.0]]) + rng.normal(size=(20, 1))
    rate, half_life = 0.1, 3

    def gradient(w):
        return x.T @ (x @ w - y[:, 0]) / len(x)

    checks = []
    for rule, optimizer in rules(rate, half_life).items():
        ours = by_fit(optimizer, start, x, y, steps)
        slide = by_formula(rule, start, gradient, rate, half_life, steps)
        gap = np.abs(ours - slide).max()
        checks.append(
            Check(
                f"{rule}: w after two updates",
                "formula: " + ", ".join(f"{value:.5f}" for value in slide[1]),
                ", ".join(f"{value:.5f}" for value in ours[1]) + f" (five: within {gap:.0e})",
                np.allclose(ours, slide, rtol=2e-5, atol=2e-6),
            )
        )
    return checks


# %% [markdown]
# ## The race
# 1,347 digits of 8 x 8 pixels, a network 64-32-10, batches of 32. Every entrant starts from the
# same weights and sees the rows in the same order. For each rule one sweep trains all rates at
# once; the rate with the lowest final training cost enters: no rule is judged at another's rate.

# %%
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
LOOKS = {
    "learning rate": (BLACK, "-", "o"),
    "adaptive learning rate": (SKY, "--", "s"),
    "momentum": (BLUE, "-.", "^"),
    "Nesterov momentum": (ORANGE, ":", "v"),
    "AdaGrad": (GREEN, "-", "D"),
    "RMSProp": (PURPLE, "--", "P"),
    "Adam": (VERMILION, "-", "X"),
}


def digits() -> list[np.ndarray]:
    data = load_digits()
    return train_test_split(
        data.data / 16, data.target, test_size=0.25, random_state=0, stratify=data.target
    )


def race(epochs: int, entrants: list[str]) -> dict[str, dict]:
    """For each rule its best rate, the cost after each epoch, and the test accuracy."""
    x_train, x_test, y_train, y_test = digits()
    half_life = 10 * -(-len(x_train) // 32)
    found = {}
    for rule in entrants:
        optimizer = rules(0.1, half_life)[rule]
        i = Input((64,), name="pixels")
        h = Dense(32, "relu", name="hidden")(i)
        model = Model(i, Dense(10, "softmax", name="digit")(h))
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        # validated on the training rows: the cost of all of them after the epoch's last update
        many = sweep(
            model,
            {"learning_rate": RATES},
            x_train,
            y_train,
            batch_size=32,
            epochs=epochs,
            validation_data=(x_train, y_train),
        )
        best = many.best("val_loss")
        right = best.model.predict(x_test).argmax(axis=1) == y_test
        found[rule] = {
            "rate": best.settings["learning_rate"],
            "costs": np.array(best.history.history["val_loss"]),
            "test": float(right.mean()),
            "all": [m.final("val_loss") for m in many],
        }
    return found


def draw(found: dict[str, dict], out: Path) -> None:
    figure, (left, right) = axes(2, width=6.2, height=4.6)
    for rule, result in found.items():
        colour, line, marker = LOOKS[rule]
        style = {"color": colour, "ls": line, "marker": marker, "ms": 5, "lw": 1.8}
        epochs = np.arange(1, len(result["costs"]) + 1)
        label = f"{rule}, {result['rate']:g}"
        left.plot(epochs, result["costs"], label=label, markevery=max(len(epochs) // 8, 1), **style)
        right.plot(RATES, result["all"], label=rule, **style)
    left.set(xlabel="epoch", ylabel="training cost (cross-entropy)", yscale="log")
    left.set_title("each rule at its best learning rate")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel=r"learning rate $\eta$", ylabel="training cost after the last epoch")
    right.set(xscale="log", yscale="log", title="what the learning rate does to each rule")
    save(figure, out, "optimizer_race.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    epochs = 10 if quick else 30
    found = race(epochs, ["learning rate", "momentum", "Adam"] if quick else list(LOOKS))
    draw(found, out)
    print(f"\nHandwritten digits, {epochs} epochs, each rule at the best of {len(RATES)} rates")
    print("rule                     rate  cost after 5  final cost  test accuracy")
    for rule, r in sorted(found.items(), key=lambda item: item[1]["costs"][-1]):
        print(
            f"{rule:<23} {r['rate']:>5g}  {r['costs'][4]:>12.4f}  {r['costs'][-1]:>10.5f}"
            f"  {r['test']:>13.1%}"
        )
    print()
    learned = [r["test"] for r in found.values()]
    return [
        *formula_checks(),
        Check(
            f"digits: all {len(found)} rules learn",
            "-",
            f"test accuracy {min(learned):.1%} to {max(learned):.1%}",
            min(learned) > 0.9,
        ),
        Check(
            "digits: momentum against the plain rule",
            "a variant of SGD",
            f"after 5 epochs {found['momentum']['costs'][4]:.3f} "
            f"against {found['learning rate']['costs'][4]:.3f}",
            found["momentum"]["costs"][4] < found["learning rate"]["costs"][4],
        ),
    ]


if __name__ == "__main__":
    run(main)
