"""Activation functions and their derivatives, drawn, with every printed fact about them checked.

Lectures: raviv-2022-introducing-deep-learning, slides "There are many other activation functions"
and "More activation functions"; scheidegger-2020-deep-learning-cscs-usi, slides "FEW ACTIVATION
FCT.", "VANISHING GRADIENTS" and "SWISH ACTIVATION FUNCTION"; itam-2023-introduction-to-deep-
learning, 1.6 "Activation Functions"; radwan-deep-learning-tutorial, "The Neuron".

"Why so many? What are the advantages/disadvantages of each?" Shows each function beside its
derivative; that the formulas the lectures print for derivatives are what JAX differentiates; where
two lectures print the same function differently, which agree and which do not.
"""

# %%
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from descend.lab import Check, axes, run, save
from descend.neurons import McCullochPitts
from descend.nn import activations as g
from descend.palette import BLACK, BLUE, VERMILION

# %% [markdown]
# ## The functions
# Those of the four lectures. Each is one function of z; its derivative is taken by JAX, one point
# at a time, and is not written down anywhere.

# %%
FUNCTIONS = {
    "Heaviside (threshold)": g.heaviside,
    "linear": g.linear,
    "sigmoid": g.sigmoid,
    "tanh": g.tanh,
    "hard tanh": g.hard_tanh,
    "ReLU": g.relu,
    "leaky ReLU": g.leaky_relu,
    "ELU": g.elu,
    "swish": g.swish,
}
# no point at a kink: there a derivative is a matter of convention
Z = np.linspace(-6, 6, 1201) + 1e-4
AROUND_ZERO = np.array([-1e-4, 0.0, 1e-4])


def measure(z: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{name: (g(z), g'(z))}, as one compiled program."""

    def whole(z: jax.Array) -> list:
        return [(f(z), jax.vmap(jax.grad(f))(z)) for f in FUNCTIONS.values()]

    found = jax.tree.map(np.asarray, jax.jit(whole)(jnp.asarray(z, jnp.float32)))
    return dict(zip(FUNCTIONS, found, strict=True))


# %% [markdown]
# ## The formulas of the slides
# As printed, in NumPy; `exp` and nothing else.


# %%
def s(z):
    return 1 / (1 + np.exp(-z))


PRINTED = {
    "sigmoid": ("g (1 - g)", lambda z: s(z) * (1 - s(z))),
    "tanh": ("1 - g^2", lambda z: 1 - np.tanh(z) ** 2),
    "ReLU": ("1 if z > 0, 0 otherwise", lambda z: np.where(z > 0, 1.0, 0.0)),
    "linear": ("a", np.ones_like),
}
SAME = {
    "tanh, scheidegger and itam": (
        "tanh",
        lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    ),
    "tanh, radwan": ("tanh", lambda z: (1 - np.exp(-2 * z)) / (1 + np.exp(-2 * z))),
    "tanh, raviv: 2 sigmoid(2z) - 1": ("tanh", lambda z: 2 * s(2 * z) - 1),
    "sigmoid, raviv: e^z / (e^z + 1)": ("sigmoid", lambda z: np.exp(z) / (np.exp(z) + 1)),
    "hard tanh": ("hard tanh", lambda z: np.where(z < -1, -1, np.where(z > 1, 1, z))),
    "leaky ReLU": ("leaky ReLU", lambda z: np.where(z > 0, z, 0.01 * z)),
    "ELU, a = 1": ("ELU", lambda z: np.where(z > 0, z, np.exp(z) - 1)),
    "swish: z (1 + e^-z)^-1": ("swish", lambda z: z * (1 + np.exp(-z)) ** -1),
}

# %% [markdown]
# ## The picture
# The function in blue, its derivative dashed. Where the dashed line lies on the axis, nothing is
# learned through the neuron: that is what "saturate" means.


# %%
def draw(found: dict, out: Path) -> None:
    figure, panels = axes(3, 3, width=3.4, height=2.6)
    for ax, (name, (values, slopes)) in zip(panels.flat, found.items(), strict=True):
        ax.axhline(0, color="0.85", lw=0.8)
        ax.plot(Z, values, color=BLUE, lw=2, label="g(z)")
        ax.plot(Z, slopes, "--", color=VERMILION, lw=2, label="g'(z)")
        ax.set(title=name, xlabel="z", ylim=(-1.4, 2.4), xlim=(-6, 6))
        ax.text(-5.7, 2.0, f"largest slope {slopes.max():.3g}", fontsize=8, color=BLACK)
    panels[0, 0].legend(frameon=False, loc="lower right")
    save(figure, out, "activations.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    both = measure(np.append(Z, AROUND_ZERO))
    found = {name: (values[:-3], slopes[:-3]) for name, (values, slopes) in both.items()}
    at_zero = {name: (values[-3:], slopes[-3:]) for name, (values, slopes) in both.items()}
    draw(found, out)
    z, checks = Z, []
    for name, (formula, printed) in PRINTED.items():
        gap = np.abs(found[name][1] - printed(z)).max()
        checks.append(Check(f"{name}'", formula, f"differs by {gap:.0e} at most", gap < 1e-6))
    for what, (name, printed) in SAME.items():
        gap = np.abs(found[name][0] - printed(z)).max()
        checks.append(Check(what, "the formula", f"differs by {gap:.0e} at most", gap < 3e-6))
    printed_tan = np.abs(np.sin(z) / np.cos(z) - np.tanh(z)).max()
    checks.append(
        Check(
            "tanh, raviv: also printed as sin(x) / cos(x)",
            "a slip: that is tan; sinh / cosh is meant",
            f"sin/cos off by {printed_tan:.0e}, sinh/cosh by "
            f"{np.abs(np.sinh(z) / np.cosh(z) - np.tanh(z)).max():.0e}",
            printed_tan > 1 and np.allclose(np.sinh(z) / np.cosh(z), np.tanh(z)),
        )
    )
    silent = int(McCullochPitts((1.0,), 0.0).predict([[0.0]])[0])
    threshold = at_zero["Heaviside (threshold)"][0].tolist()
    checks.append(
        Check(
            "threshold at z = 0",
            "raviv, radwan: 1; scheidegger (3.4): 0",
            f"descend's heaviside: {threshold[1]:g}; its McCullochPitts: {silent}",
            threshold == [0, 1, 1] and silent == 0,
        )
    )
    largest = {name: max(found[name][1].max(), at_zero[name][1][1]) for name in FUNCTIONS}
    checks.append(
        Check(
            "slopes of sigmoid and tanh",
            "'0 < x' < 1, except for tanh which produces x' = 1 at x = 0'",
            f"largest {largest['sigmoid']:g}, {largest['tanh']:g} (both at 0)",
            largest["sigmoid"] == at_zero["sigmoid"][1][1] == 0.25
            and largest["tanh"] == at_zero["tanh"][1][1] == 1,
        )
    )
    swish = found["swish"][0]
    low = z[swish.argmin()]
    falls = [name for name, (values, _) in found.items() if (np.diff(values) < 0).any()]
    checks.append(
        Check(
            "swish: 'non-monotonic', which 'separates it from most'",
            "the only one here",
            f"falls somewhere: {', '.join(falls)}; least {swish.min():.4f} at {low:.3f}",
            falls == ["swish"],
        )
    )
    kinks = {name: abs(at_zero[name][1][2] - at_zero[name][1][0]) for name in ("swish", "ReLU")}
    checks.append(
        Check(
            "jump of the slope at 0: swish, ReLU",
            "'does not abruptly change direction like ReLU'",
            f"{kinks['swish']:.0e}, {kinks['ReLU']:g}",
            kinks["swish"] < 1e-3 and kinks["ReLU"] == 1,
        )
    )
    logits = jnp.array([0.5, -1.0, 2.0])
    jacobian, a = np.asarray(jax.jacobian(g.softmax)(logits)), np.asarray(g.softmax(logits))
    others = jacobian[~np.eye(3, dtype=bool)]
    checks.append(
        Check(
            "softmax, itam: a_i' = a_i (1 - a_i)",
            "the diagonal; beside it -a_i a_j",
            f"diagonal differs by {np.abs(np.diag(jacobian) - a * (1 - a)).max():.0e}, "
            f"the rest is {others.min():.3f} to {others.max():.3f}",
            np.allclose(jacobian, np.diag(a) - np.outer(a, a), atol=1e-7),
        )
    )
    return [Check(c.what, c.printed, c.obtained, bool(c.ok)) for c in checks]


if __name__ == "__main__":
    run(main)
