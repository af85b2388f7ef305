"""Distributions of actions: softmax for a choice, a normal for numbers.

Discrete:    pi(a | s) = exp(z_a) / sum_b exp(z_b), over what is legal
Continuous:  u ~ N(mu(s), sigma^2), and the action is where tanh(u) lies between the bounds;
             log pi(a) = log N(u) - sum log(1 - tanh(u)^2): the density per unit of tanh(u)

Source: scheidegger-2020, "Discrete & continuous actions"; Haarnoja et al. 2018, appendix C (the
correction for the bounds).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

LOG_2PI = 1.8378770664093453


def softmax_logits(logits: jax.Array, legal: Any) -> jax.Array:
    """log pi(. | s), (..., n): minus infinity where an action is not legal."""
    if legal is None:
        return jax.nn.log_softmax(logits, axis=-1)
    # a large number and not infinity inside, so that what is not legal has a slope of zero
    log_pi = jax.nn.log_softmax(jnp.where(legal, logits, -1e30), axis=-1)
    return jnp.where(legal, log_pi, -jnp.inf)


def choose(log_pi: jax.Array, keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draw actions (batch,) and their log pi, with a key each."""
    action = jax.vmap(jax.random.categorical)(keys, log_pi)
    return action, log_of(log_pi, action)


def log_of(log_pi: jax.Array, action: jax.Array) -> jax.Array:
    """log pi(a | s) of the actions."""
    return jnp.take_along_axis(log_pi, action[..., None], axis=-1)[..., 0]


def entropy(log_pi: jax.Array) -> jax.Array:
    """-sum_a pi log pi; actions that are not legal count nothing."""
    possible = jnp.isfinite(log_pi)
    finite = jnp.where(possible, log_pi, 0.0)  # 0 log 0 is 0, and so is its slope
    return -jnp.sum(jnp.where(possible, jnp.exp(finite) * finite, 0.0), axis=-1)


def draw_normal(mean: jax.Array, log_std: jax.Array, keys: jax.Array) -> jax.Array:
    """u ~ N(mean, std^2), (batch, entries), with a key each."""
    noise = jax.vmap(lambda k: jax.random.normal(k, mean.shape[1:]))(keys)
    return mean + jnp.exp(log_std) * noise


def log_normal(u: jax.Array, mean: jax.Array, log_std: jax.Array) -> jax.Array:
    """log N(u; mean, std^2), summed over the entries of an action."""
    z = (u - mean) * jnp.exp(-log_std)
    return jnp.sum(-0.5 * z**2 - log_std - 0.5 * LOG_2PI, axis=-1)


def log_squashed(u: jax.Array, mean: jax.Array, log_std: jax.Array) -> jax.Array:
    """log pi of tanh(u): log N(u) - sum log(1 - tanh(u)^2), exact also for large u."""
    correction = 2 * (jnp.log(2.0) - u - jax.nn.softplus(-2 * u))
    return log_normal(u, mean, log_std) - jnp.sum(correction, axis=-1)
