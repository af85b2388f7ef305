"""Hebb's grandmother and the chocolate bar: what fires together is wired together.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "HEBB'S RULE" and "HEBB'S RULE –
INTUITION".

Shows visits after which "the sight of your grandmother, even in a photo, will be enough to make you
think of chocolate": visual neurons become connected to the neuron for chocolate; a neighbour who
never brings any loses the connection there was; strangers call up nothing. Then what is wrong with
the rule as it stands, that weights grow without end, and Oja's repair. The slides print no numbers;
the closed forms of the rule stand beside the run.
"""

# %%
from pathlib import Path

import numpy as np

from descend.lab import Check, axes, run, save
from descend.neurons.classic import HebbAssociator, HebbUnit
from descend.palette import BLACK, BLUE, GREEN, VERMILION

# %% [markdown]
# ## A life in moments
# Forty visual neurons; a face is eight of them that fire. In each moment somebody is seen:
# grandmother, who always brings chocolate; the neighbour, who never does (but once did, so that a
# connection is there); or a stranger, a face of eight neurons at random.

# %%
VISUAL, FACE = 40, 8
GRANDMOTHER, NEIGHBOUR = np.arange(FACE), np.arange(FACE, 2 * FACE)
RATE, DECAY = 0.1, 0.02
SHARES = {"grandmother": 0.3, "neighbour": 0.3, "stranger": 0.4}


def seen(neurons: np.ndarray) -> np.ndarray:
    return np.isin(np.arange(VISUAL), neurons).astype(float)


def life(moments: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which visual neurons fire, (moments, 40), and whether there is chocolate, (moments,)."""
    rng = np.random.default_rng(seed)
    others = np.arange(2 * FACE, VISUAL)
    faces, chocolate = [], []
    for who in rng.choice(list(SHARES), moments, p=list(SHARES.values())):
        known = {"grandmother": GRANDMOTHER, "neighbour": NEIGHBOUR}
        faces.append(seen(known.get(who, rng.choice(others, FACE, replace=False))))
        chocolate.append(float(who == "grandmother"))
    return np.array(faces), np.array(chocolate)


# %% [markdown]
# ## The rule
# w <- (1 - decay) w + eta x y. The chocolate neuron fires when what reaches it passes its
# threshold: half of what the whole sight of grandmother brings in the end. A photo shows six of her
# eight neurons.


# %%
def learn(moments: int, seed: int) -> HebbAssociator:
    start = np.zeros((VISUAL, 1))
    start[NEIGHBOUR] = 1.0
    settled = FACE * RATE * SHARES["grandmother"] / DECAY
    unit = HebbAssociator(learning_rate=RATE, decay=DECAY, threshold=settled / 2)
    return unit.fit(*life(moments, seed), start=start)


# %% [markdown]
# ## Without an end, and with one
# One neuron alone, Hebb's rule as the slide states it: every row makes the weights longer. Oja's
# rule takes eta y^2 w off, and the weights turn to the direction in which the inputs vary most.


# %%
def cloud(seed: int) -> np.ndarray:
    """Inputs that vary most along (3, 1)."""
    rng = np.random.default_rng(seed)
    turn = np.array([[3, 1], [-1, 3]]) / np.sqrt(10)
    return rng.normal(size=(400, 2)) * [[2.0, 0.6]] @ turn


def both_rules(passes: int) -> tuple[HebbUnit, HebbUnit]:
    x = cloud(0)
    hebb = HebbUnit(rule="hebb", learning_rate=2e-3, max_iter=passes, random_state=1).fit(x)
    return hebb, HebbUnit(learning_rate=2e-3, max_iter=passes, random_state=1).fit(x)


# %% [markdown]
# ## The picture


# %%
def draw(unit: HebbAssociator, rules: tuple[HebbUnit, HebbUnit], out: Path) -> None:
    figure, (left, middle, right) = axes(3, width=4.6, height=3.8)
    lived = unit.history_["weights"][:, :, 0]
    groups = (
        (GRANDMOTHER, "grandmother, with chocolate", VERMILION, "-"),
        (NEIGHBOUR, "neighbour, never with", BLUE, "--"),
        (np.arange(2 * FACE, VISUAL), "strangers", GREEN, ":"),
    )
    for neurons, label, colour, style in groups:
        left.plot(lived[:, neurons].mean(axis=1), style, color=colour, lw=2, label=label)
    left.axhline(RATE * SHARES["grandmother"] / DECAY, color=BLACK, lw=0.8)
    left.text(0, RATE * SHARES["grandmother"] / DECAY + 0.03, r"$\eta p$ / decay", fontsize=9)
    left.set(xlabel="moment", ylabel="connection to 'chocolate'", title="Hebb, with decay")
    left.legend(frameon=False, fontsize=8)
    for rule, colour, style in ((rules[0], VERMILION, "-"), (rules[1], BLUE, "--")):
        length = [1.0, *rule.history_["length"]]
        middle.plot(length, style, color=colour, lw=2, label=rule.rule.capitalize())
    middle.set(xlabel="pass over the rows", ylabel="length of the weights", yscale="log")
    middle.set_title("one neuron alone")
    middle.legend(frameon=False)
    x, w = cloud(0), rules[1].weights_
    right.plot(*x.T, ".", color=BLUE, ms=3, alpha=0.5)
    right.annotate("", 4 * w, -4 * w, arrowprops={"arrowstyle": "<->", "color": BLACK, "lw": 2})
    right.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", title="where Oja's weights point")
    save(figure, out, "grandmother.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    moments, seeds, passes = (600, 5, 20) if quick else (2000, 50, 60)
    units = [learn(moments, seed) for seed in range(seeds)]
    rng = np.random.default_rng(100)
    photo = np.array([seen(rng.choice(GRANDMOTHER, 6, replace=False)) for _ in range(50)])
    strangers = np.array(
        [seen(rng.choice(np.arange(2 * FACE, VISUAL), FACE, replace=False)) for _ in range(50)]
    )
    thinks = {
        what: sum(bool(answer(unit)) for unit in units)
        for what, answer in {
            "sight": lambda u: u.predict(seen(GRANDMOTHER)[None]).all(),
            "photo": lambda u: u.predict(photo).all(),
            "before": lambda u: (photo @ u.history_["weights"][0] > u.threshold).any(),
            "neighbour": lambda u: u.predict(seen(NEIGHBOUR)[None]).any(),
            "stranger": lambda u: u.predict(strangers).any(),
        }.items()
    }
    hers = np.mean([u.history_["weights"][moments // 2 :, GRANDMOTHER].mean() for u in units])
    settled = RATE * SHARES["grandmother"] / DECAY
    faded = max(float(u.weights_[NEIGHBOUR].max()) for u in units)
    left = (1 - DECAY) ** moments
    rules = both_rules(passes)
    draw(units[0], rules, out)
    lengths = np.diff([1.0, *rules[0].history_["length"]])
    longest = rules[0].history_["length"][-1]
    x = cloud(0) - cloud(0).mean(axis=0)
    best = np.linalg.eigh(x.T @ x)[1][:, -1]
    along = abs(float(best @ rules[1].weights_)) / np.linalg.norm(rules[1].weights_)
    return [
        Check(
            "grandmother: think of chocolate",
            "'the sight of your grandmother'",
            f"{thinks['sight']} of {seeds} lives",
            thinks["sight"] == seeds,
        ),
        Check(
            "a photo, 6 of her 8 neurons",
            "'even in a photo, will be enough'",
            f"{thinks['photo']} of {seeds} lives; before the visits {thinks['before']}",
            thinks["photo"] == seeds and thinks["before"] == 0,
        ),
        Check(
            "her connection",
            f"'stronger over time': eta p / decay = {settled:.2f}",
            f"{hers:.3f}",
            abs(hers / settled - 1) < 0.05,
        ),
        Check(
            "the neighbour's connection",
            f"'will die away': {1 - DECAY:g}^{moments} = {left:.1e}",
            f"{faded:.1e}, chocolate in {thinks['neighbour']} lives",
            bool(np.isclose(faded, left)) and thinks["neighbour"] == 0,
        ),
        Check(
            "50 strangers' faces",
            "never fired together: no connection",
            f"chocolate in {thinks['stranger']} of {seeds} lives",
            thinks["stranger"] == 0,
        ),
        Check(
            "Hebb's rule alone: length of the weights",
            "theory: grows without end",
            f"grew in {(lengths > 0).sum()} of {passes} passes, to {longest:.1e}",
            bool((lengths > 0).all()),
        ),
        Check(
            "Oja's rule: length, cosine with the main axis",
            "theory: 1, 1",
            f"{rules[1].history_['length'][-1]:.3f}, {along:.4f}",
            abs(rules[1].history_["length"][-1] - 1) < 0.03 and along > 0.998,
        ),
    ]


if __name__ == "__main__":
    run(main)
