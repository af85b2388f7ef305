"""Vanishing gradients: what is left of the error after twenty layers, and who still learns.

Lectures: scheidegger-2020-deep-learning-cscs-usi, slides "WEIGHT INITIALIZATION", "VANISHING
GRADIENTS", "SWISH ACTIVATION FUNCTION"; itam-2023-introduction-to-deep-learning, 1.6, footnote 6.

Measures, layer by layer, the signal on its way up and the error on its way down through 20 hidden
layers of 64 neurons, for four activations and five ways of drawing the first weights; puts beside
it what theory says without having seen a network; and trains sixteen pairs in one budget. Two
sentences of the slides need a condition: ReLU loses its gradient too if the weights are drawn too
small; and Glorot's start, "best" for the others, leaves a deep sigmoid network where it was.
"""

# %%
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from descend import Dense, Input, Model, sweep
from descend.lab import Check, axes, run, save
from descend.nn import activations
from descend.nn.initializers import GlorotNormal, HeNormal, Initializer, Normal
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION
from descend.train.rules import SGD

# %% [markdown]
# ## The networks
# Images of 8 x 8 pixels go through hidden layers that are also 64 wide, so that one number says
# all about a way of drawing weights: n Var(w), the factor by which a layer multiplies a variance.

# %%
WIDTH, DEPTH = 64, 20
ACTIVATIONS = ("sigmoid", "tanh", "relu", "swish")
# initialiser, n Var(w), colour and line
STARTS: dict[str, tuple[Initializer, float, str, str]] = {
    "normal, std .01": (Normal(0.01), WIDTH * 0.01**2, BLUE, "o"),
    "normal, std .05": (Normal(0.05), WIDTH * 0.05**2, GREEN, "s"),
    "Glorot": (GlorotNormal(), 1.0, ORANGE, "^"),
    "He": (HeNormal(), 2.0, VERMILION, "D"),
    "normal, std 1": (Normal(1.0), WIDTH * 1.0**2, PURPLE, "v"),
}
HIDDEN = [f"hidden{k}" for k in range(1, DEPTH + 1)]


def network(activation: str, start: Initializer, depth: int = DEPTH) -> Model:
    i = h = Input((WIDTH,), name="pixels")
    for name in HIDDEN[:depth]:
        h = Dense(WIDTH, activation, kernel_initializer=start, name=name)(h)
    return Model(i, Dense(10, "softmax", kernel_initializer=start, name="digit")(h))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 images, each moved and scaled to mean 0 and mean square 1."""
    x, y = load_digits(return_X_y=True)
    x = x - x.mean(axis=1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True)), y


# %% [markdown]
# ## Measuring
# On the way up, `tap` sees what every layer puts out. On the way down, the error of a neuron,
# delta = dJ/dz, is the gradient of one row's cost by that neuron's bias; the gradient by the kernel
# is made of it, dJ/dW = mean over rows of a delta'. In double precision, because single precision
# ends at 1e-38 and the sigmoid network with small weights gets close.


# %%
@partial(jax.jit, static_argnums=0)
def probe(model: Model, params: dict, x: jax.Array, y: jax.Array) -> dict[str, jax.Array]:
    """For each hidden layer: mean square of a and of delta, norm of dJ/dW, share of |a| > .99."""

    def cost(biases, x, y):
        outputs = {}
        z, _ = model.apply(
            {name: params[name] | {"bias": bias} for name, bias in biases.items()},
            {},
            x[None],
            logits=[True],
            tap=lambda name, _, a: outputs.update({name: a[0]}),
        )
        return -jax.nn.log_softmax(z[0])[y], jnp.stack([outputs[name] for name in HIDDEN])

    biases = {name: arrays["bias"] for name, arrays in params.items()}
    delta, a = jax.vmap(jax.grad(cost, has_aux=True), in_axes=(None, 0, 0))(biases, x, y)
    delta = jnp.stack([delta[name] for name in HIDDEN], axis=1)  # (rows, layers, neurons)
    below = jnp.concatenate([x[:, None], a[:, :-1]], axis=1)
    kernel = jnp.einsum("rli,rlj->lij", below, delta) / len(x)
    return {
        "a2": jnp.mean(a**2, axis=(0, 2)),
        "delta2": jnp.mean(delta**2, axis=(0, 2)),
        "kernel": jnp.sqrt(jnp.sum(kernel**2, axis=(1, 2))),
        "saturated": jnp.mean(jnp.abs(a) > 0.99, axis=(0, 2)),
    }


def measure(seeds: int, rows: int) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """{(activation, start): {quantity: (seeds, layers)}}."""
    x, y = (jnp.asarray(a[:rows]) for a in digits())
    found = {}
    with jax.enable_x64(True):
        for start, (initializer, *_) in STARTS.items():
            draw = network("relu", initializer).init
            networks = [draw(jax.random.key(seed))[0] for seed in range(seeds)]
            for g in ACTIVATIONS:
                measured = [probe(PROBED[g], params, x, y) for params in networks]
                found[g, start] = {k: np.array([m[k] for m in measured]) for k in measured[0]}
    return found


# the weights are handed in, so that one program an activation serves all ways of drawing them
PROBED = {g: network(g, GlorotNormal()) for g in ACTIVATIONS}

# %% [markdown]
# ## Theory
# In a wide layer z is a sum of many small independent terms: normal, with mean 0 and variance
# q = n Var(w) E[a^2]. One integral then gives the next layer's E[a^2] = E[g(z)^2], and another the
# factor for the error, since delta = g'(z) W delta_above:
#
#     E[delta^2] = n Var(w) E[g'(z)^2] E[delta_above^2]
#
# For ReLU g'^2 is 0 or 1, half and half: the factor is n Var(w) / 2, which He's 2/n makes exactly
# one. For the sigmoid g' is at most 1/4: the factor is at most n Var(w) / 16.


# %%
@partial(jax.jit, static_argnums=0)
def wide_layers(g: str, n_var: jax.Array) -> tuple[jax.Array, jax.Array]:
    z = jnp.linspace(-8, 8, 4000)  # in standard deviations; an even number leaves out the kink
    weight = jax.nn.softmax(-(z**2) / 2)
    function = activations.get(g)

    def layer(square, _):
        at = z * jnp.sqrt(n_var * square)
        square = weight @ function(at) ** 2
        return square, (square, n_var * (weight @ jax.vmap(jax.grad(function))(at) ** 2))

    return jax.lax.scan(layer, jnp.ones(()), length=DEPTH)[1]


def theory(g: str, start: str) -> tuple[np.ndarray, np.ndarray]:
    """E[a^2] of each hidden layer, and the factor of E[delta^2] from each to the one below."""
    with jax.enable_x64(True):
        squares, factors = wide_layers(g, STARTS[start][1])
    return np.asarray(squares), np.asarray(factors)


def per_layer(squares: np.ndarray) -> tuple[float, float]:
    """The factor of E[delta^2] a layer, from the mean over networks, and its standard error."""
    first, last = squares[:, 0], squares[:, -1]
    factor = (first.mean() / last.mean()) ** (1 / (DEPTH - 1))
    influence = first / first.mean() - last / last.mean()
    return factor, factor * influence.std(ddof=1) / np.sqrt(len(first)) / (DEPTH - 1)


def expected(g: str, start: str) -> float:
    """The same by theory."""
    return float(np.exp(np.log(theory(g, start)[1][:-1]).mean()))


# %% [markdown]
# ## Who learns
# Plain gradient descent: an update rule that rescales every gradient would hide what is shown here.
# Each pair gets the best of the learning rates, by its training accuracy after the stated epochs.

# %%
RATES = (0.01, 0.03, 0.1)
TRAINED = list(STARTS)[1:]  # std .01 stands still where std .05 already does


def learn(pairs: list, depth: int, rows: int, epochs: int, seeds: int) -> dict:
    """{pair: training accuracy of each seed at its best rate}; 0 for a network that diverged."""
    x, y = digits()
    found = {}
    for g, start in pairs:
        model = network(g, STARTS[start][0], depth)
        model.compile(SGD(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        grid = {"learning_rate": RATES, "seed": range(seeds)}
        many = sweep(model, grid, x[:rows], y[:rows], batch_size=16, epochs=epochs)
        right = np.nan_to_num([m.final("accuracy") for m in many]).reshape(len(RATES), seeds)
        found[g, start] = right[right.mean(axis=1).argmax()]
    return found


# %% [markdown]
# ## The picture
# Marks are measured, thin black lines are theory; errors are shares of the last hidden layer's. The
# third row says which layers stand still. Where the signal dies on its way up, all do alike: far
# left the error is small and the input large, far right the other way round, and dJ/dW is their
# product. Only where the signal survives, as behind a sigmoid, is it the left side alone.


# %%
def draw(found: dict, out: Path) -> None:
    figure, panels = axes(len(ACTIVATIONS), 3, width=3.6, height=3.0)
    layer = np.arange(1, DEPTH + 1)
    for column, g in zip(panels.T, ACTIVATIONS, strict=True):
        for start, (_, _, colour, mark) in STARTS.items():
            m = found[g, start]
            squares, factors = theory(g, start)
            below = np.append(np.cumprod(factors[-2::-1])[::-1], 1.0)
            error = m["delta2"].mean(axis=0)
            measured = (m["a2"].mean(axis=0), error / error[-1], (m["kernel"] ** 2).mean(axis=0))
            for ax, squared in zip(column, measured, strict=True):
                ax.plot(layer, np.sqrt(squared), mark, color=colour, ms=4, label=start)
            for ax, squared in zip(column, (squares, below), strict=False):
                label = "theory" if start == "normal, std 1" else None
                ax.plot(layer, np.sqrt(squared), color=BLACK, lw=0.8, label=label)
        for ax in column:
            ax.set(yscale="log", xticks=(1, 5, 10, 15, 20), ylim=(1e-36, 1e18))
            ax.axhline(1, color="0.8", lw=0.8, zorder=0)
        column[0].set_title(g)
        column[-1].set_xlabel("hidden layer (1 is next to the inputs)")
    labels = ("signal: root mean square of a", "error, share of the last layer's", "norm of dJ/dW")
    for ax, label in zip(panels[:, 0], labels, strict=True):
        ax.set_ylabel(label)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=6, frameon=False)
    save(figure, out, "vanishing_gradients.png")


# %% [markdown]
# ## The comparison


# %%
def left_over(values: np.ndarray) -> float:
    """Of (seeds, layers), the first layer's as a share of the last's: the median over seeds."""
    return float(np.median(values[:, 0] / values[:, -1]))


def start_checks(found: dict) -> list[Check]:
    """What the first weights alone decide."""
    sigmoid, tanh = found["sigmoid", "Glorot"], found["tanh", "normal, std 1"]
    share, kernels = np.sqrt(left_over(sigmoid["delta2"])), left_over(sigmoid["kernel"])
    line = np.corrcoef(np.arange(DEPTH), np.log(sigmoid["delta2"].mean(axis=0)))[0, 1] ** 2
    small = np.sqrt(left_over(found["relu", "normal, std .01"]["delta2"]))
    exploded = np.sqrt(np.median(found["relu", "normal, std 1"]["a2"][:, -1]))
    saturated, grows = tanh["saturated"].mean(), per_layer(tanh["delta2"])[0]
    rows = [
        (
            "sigmoid, Glorot: first layer's error, dJ/dW",
            "'really small', 'decreases exponentially'",
            f"{share:.0e}, {kernels:.0e} of the last's; log error on a line, R^2 {line:.4f}",
            max(share, kernels) < 1e-6 and line > 0.99,
        ),
        (
            "ReLU, std .01: first layer's error",
            "'does not have this problem'; .0032^(19/2) = 2e-24",
            f"{small:.0e} of the last layer's",
            2e-25 < small < 2e-23,
        ),
        (
            "ReLU, std 1: signal at the last layer",
            "'exploding': 32^(20/2) = 1e+15",
            f"{exploded:.0e}",
            1e14 < exploded < 1e16,
        ),
        (
            "tanh, std 1: saturated, so should vanish",
            f"the weights win: error^2 x {expected('tanh', 'normal, std 1'):.1f} a layer",
            f"{saturated:.0%} beyond .99; x {grows:.1f} a layer",
            saturated > 0.5 and grows > 2,
        ),
    ]
    for pair, printed in FACTORS.items():
        (factor, error), true = per_layer(found[pair]["delta2"]), expected(*pair)
        what = f"{', '.join(pair)}: factor of E[delta^2] a layer"
        close = abs(factor / true - 1) < 0.06
        rows.append((what, f"{printed}{true:.4f}", f"{factor:.4f} +- {error:.4f}", close))
    return [Check(what, printed, obtained, bool(ok)) for what, printed, obtained, ok in rows]


FACTORS = {
    ("sigmoid", "Glorot"): "at most 1/16 = .0625; theory ",
    ("tanh", "Glorot"): "theory ",
    ("relu", "Glorot"): "n Var(w) / 2 = ",
    ("relu", "He"): "'developed for ReLU': n Var(w) / 2 = ",
}
# what is printed, and the bounds of the mean training accuracy
CLAIMS = {
    ("sigmoid", "Glorot"): ("'possibly not converge': chance, 10%", 0.0, 0.2),
    ("swish", "He"): ("'could be better than ReLu': it learns, slower", 0.25, 1.0),
    ("relu", "He"): ("He 'is best used on those'", 0.85, 1.0),
    ("tanh", "Glorot"): ("'for others, Glorot works best'", 0.85, 1.0),
    ("sigmoid", "normal, std 1"): ("theory: .78 a layer instead of .055", 0.3, 1.0),
    ("relu", "normal, std .05"): ("vanishes like any other: chance, 10%", 0.0, 0.2),
}


def main(out: Path, quick: bool = False) -> list[Check]:
    found = measure(*(10, 10) if quick else (40, 50))
    draw(found, out)
    depth, rows, epochs, seeds = (10, 600, 15, 2) if quick else (DEPTH, 1000, 25, 2)
    pairs = list(CLAIMS)[:2] if quick else [(g, s) for g in ACTIVATIONS for s in TRAINED]
    learned = learn(pairs, depth, rows, epochs, seeds)
    budget = f"{depth} hidden layers, {epochs} epochs of {rows:,} digits, {seeds} seeds"
    print(f"\n{budget}, best of {len(RATES)} learning rates")
    print("activation  first weights     n Var(w)  factor  theory  accuracy")
    for g, start in pairs:
        factor, right = per_layer(found[g, start]["delta2"])[0], learned[g, start].mean()
        print(f"{g:<10}  {start:<16}  {STARTS[start][1]:>8.4g}  {factor:>6.3f}  ", end="")
        print(f"{expected(g, start):>6.3f}  ", f"{right:>7.1%}" if right else "diverges")
    print()
    checks = start_checks(found)
    for pair in (pair for pair in CLAIMS if pair in learned):
        (printed, low, high), right = CLAIMS[pair], learned[pair].mean()
        what = f"{', '.join(pair)}: accuracy after {epochs} epochs"
        checks.append(Check(what, printed, f"{right:.1%}", bool(low <= right <= high)))
    return checks


if __name__ == "__main__":
    run(main)
