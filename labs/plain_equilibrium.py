"""A whole deep equilibrium net on two screens: the economy, its residual, its training, in JAX.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "DEEP EQUILIBRIUM NETS".

The growth model of Brock and Mirman: log utility, output e^a k^alpha, capital that lasts a period.
A network says which share of output is saved; the Euler equation's error is its cost; the states it
is trained on are those that its own policy passes. The share is known to be alpha beta: the network
is not told. `descend.economies.solve` does this for any economy and says how wrong the policy is.
"""

# %%
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from descend.lab import Check, run

ALPHA, BETA, RHO, SIGMA = 0.36, 0.9, 0.9, 0.04
# Gauss-Hermite nodes and weights: an expectation over the normal shock is a sum of five terms
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


# %% [markdown]
# ## The network
# State (log k, a) in, share of output saved out: between 0 and 1 by a sigmoid.


# %%
def start(key: jax.Array, units: int = 16) -> dict:
    one, two = jax.random.split(key)
    return {
        "W1": jax.random.normal(one, (2, units)) / jnp.sqrt(2.0),
        "b1": jnp.zeros(units),
        "W2": jax.random.normal(two, (units, 1)) / jnp.sqrt(units),
        "b2": jnp.zeros(1),
    }


def saving(w: dict, k: jax.Array, a: jax.Array) -> jax.Array:
    x = jnp.stack([jnp.log(k), a], axis=-1)
    z = jnp.tanh(x @ w["W1"] + w["b1"]) @ w["W2"] + w["b2"]
    return jax.nn.sigmoid(z[..., 0])


# %% [markdown]
# ## The economy
# Consumption today is worth what it gives up tomorrow: 1/c = beta E[alpha y'/k' 1/c']. Written
# without units, the error is the share by which consumption is wrong.


# %%
def residual(w: dict, k: jax.Array, a: jax.Array) -> jax.Array:
    y = jnp.exp(a) * k**ALPHA
    s = saving(w, k, a)
    k_next = s * y
    a_next = RHO * a[..., None] + SIGMA * NODES  # (..., 5)
    y_next = jnp.exp(a_next) * k_next[..., None] ** ALPHA
    c_next = (1 - saving(w, jnp.broadcast_to(k_next[..., None], a_next.shape), a_next)) * y_next
    expected = (WEIGHTS * ALPHA * y_next / k_next[..., None] / c_next).sum(-1)
    return 1 / (BETA * expected * (1 - s) * y) - 1


# %% [markdown]
# ## Its training
# An update: the cost's gradient by automatic differentiation, a step of Adam, and a period further
# along 256 simulated paths. `lax.scan` makes one compiled program of all of them.


# %%
def train(updates: int) -> tuple[dict, tuple, jax.Array]:
    rule = optax.adam(optax.cosine_decay_schedule(0.01, updates))
    w = start(jax.random.key(0))
    paths = (jnp.full(256, 0.2), jnp.zeros(256))

    def cost(w: dict, k: jax.Array, a: jax.Array) -> jax.Array:
        return jnp.mean(residual(w, k, a) ** 2)

    def update(carry: tuple, key: jax.Array) -> tuple:
        w, memory, (k, a) = carry
        loss, g = jax.value_and_grad(cost)(w, k, a)
        change, memory = rule.update(g, memory)
        after = saving(w, k, a) * jnp.exp(a) * k**ALPHA
        a = RHO * a + SIGMA * jax.random.normal(key, a.shape)
        return (optax.apply_updates(w, change), memory, (after, a)), loss

    keys = jax.random.split(jax.random.key(1), updates)
    begin = (w, rule.init(w), paths)
    (w, _, paths), losses = jax.jit(lambda c: jax.lax.scan(update, c, keys))(begin)
    return w, paths, losses


def main(out: Path, quick: bool = False) -> list[Check]:
    w, (k, a), losses = train(updates=1500 if quick else 6000)
    apart = float(jnp.abs(saving(w, k, a) - ALPHA * BETA).max())
    fell = float(losses[-1] / losses[0])
    return [
        Check("cost, of the first one", "-", f"{fell:.1e}", fell < 1e-3),
        Check(
            "share saved, on 256 paths", f"{ALPHA * BETA:.3f}", f"within {apart:.4f}", apart < 3e-3
        ),
    ]


if __name__ == "__main__":
    run(main)
