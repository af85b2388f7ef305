"""The recurrent cells as the lectures write them: one step on one row, a line a formula.

To be read, and to be tested against: no layer calls this file. What the layers call (`recurrence`)
computes the same numbers from the same arrays, but takes x W of all steps in one product and writes
the gradient out; `tests/nn/test_recurrence_reference.py` holds outputs and gradients equal.

Arrays are those of the layers: kernel W (d, parts u), recurrent_kernel U (u, parts u), bias b; the
columns of the parts stand side by side. x is one step of one row (d,), h and c are (u,). `jax.vmap`
makes a batch of it.

Sources: scheidegger-2020, "RECURRENT NEURAL NETS", "LONG SHORT-TERM MEMORY (LSTM)"; hull-2023,
"Specialized Layer: Recurrent Layers"; Hochreiter and Schmidhuber 1997; Cho et al. 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from descend.nn.activations import sigmoid, tanh

Activation = Callable[[jax.Array], jax.Array]
Params = Mapping[str, jax.Array]
States = tuple[jax.Array, ...]
Step = Callable[..., States]


def simple_rnn_step(params: Params, x: jax.Array, h: jax.Array, *, g: Activation = tanh) -> States:
    """The next (h,) of a simple recurrent unit; scheidegger-2020, "RECURRENT NEURAL NETS"."""
    W, U, b = params["kernel"], params["recurrent_kernel"], params["bias"]
    h = g(x @ W + h @ U + b)
    return (h,)


def lstm_step(
    params: Params,
    x: jax.Array,
    h: jax.Array,
    c: jax.Array,
    *,
    g: Activation = tanh,
    sigma: Activation = sigmoid,
) -> States:
    """The next (h, c) of an LSTM; scheidegger-2020, "LSTM FORGET GATE" to "LSTM OUTPUT"."""
    W_i, W_f, W_g, W_o = jnp.split(params["kernel"], 4, axis=1)
    U_i, U_f, U_g, U_o = jnp.split(params["recurrent_kernel"], 4, axis=1)
    b_i, b_f, b_g, b_o = jnp.split(params["bias"], 4)

    forget_gate = sigma(x @ W_f + h @ U_f + b_f)
    input_gate = sigma(x @ W_i + h @ U_i + b_i)
    candidate = g(x @ W_g + h @ U_g + b_g)
    c = forget_gate * c + input_gate * candidate
    output_gate = sigma(x @ W_o + h @ U_o + b_o)
    h = output_gate * g(c)
    return h, c


def gru_step(
    params: Params,
    x: jax.Array,
    h: jax.Array,
    *,
    g: Activation = tanh,
    sigma: Activation = sigmoid,
) -> States:
    """The next (h,) of a GRU whose reset gate comes after the product (Keras's `reset_after`).

    Its bias is (2, 3 u): one of the input's product, one of h's. Source: hull-2023, "Specialized
    Layer: Recurrent Layers".
    """
    W_z, W_q, W_n = jnp.split(params["kernel"], 3, axis=1)
    U_z, U_q, U_n = jnp.split(params["recurrent_kernel"], 3, axis=1)
    (b_z, b_q, b_n), (d_z, d_q, d_n) = (jnp.split(b, 3) for b in params["bias"])

    update_gate = sigma(x @ W_z + b_z + h @ U_z + d_z)
    reset_gate = sigma(x @ W_q + b_q + h @ U_q + d_q)
    candidate = g(x @ W_n + b_n + reset_gate * (h @ U_n + d_n))
    h = update_gate * h + (1 - update_gate) * candidate
    return (h,)


def gru_before_step(
    params: Params,
    x: jax.Array,
    h: jax.Array,
    *,
    g: Activation = tanh,
    sigma: Activation = sigmoid,
) -> States:
    """The next (h,) of a GRU whose reset gate acts on h before the product; Cho et al. 2014."""
    W_z, W_q, W_n = jnp.split(params["kernel"], 3, axis=1)
    U_z, U_q, U_n = jnp.split(params["recurrent_kernel"], 3, axis=1)
    b_z, b_q, b_n = jnp.split(params["bias"], 3)

    update_gate = sigma(x @ W_z + h @ U_z + b_z)
    reset_gate = sigma(x @ W_q + h @ U_q + b_q)
    candidate = g(x @ W_n + (reset_gate * h) @ U_n + b_n)
    h = update_gate * h + (1 - update_gate) * candidate
    return (h,)


def over_time(
    step: Step, params: Params, x: jax.Array, states: States, mask: jax.Array | None = None
) -> tuple[jax.Array, States]:
    """Take a step for every entry of one sequence.

    Args:
        step: one of the functions above.
        params: its arrays.
        x: sequence (time, d).
        states: first h, and c of an LSTM, (u,) each.
        mask: booleans (time,), False at a step that is padding: the states then stay.

    Returns:
        (h after every step (time, u), the last states).
    """
    outputs = []
    for t in range(len(x)):
        new = step(params, x[t], *states)
        real = True if mask is None else mask[t]
        states = tuple(jnp.where(real, n, old) for n, old in zip(new, states, strict=True))
        outputs.append(states[0])
    return jnp.stack(outputs), states
