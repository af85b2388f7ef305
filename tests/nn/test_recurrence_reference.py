"""The recurrent layers are the formulas of `recurrence_reference`: outputs and gradients."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit, start

from descend.nn import activations, recurrence_reference
from descend.nn.layers import GRU, LSTM, SimpleRNN
from descend.nn.recurrence_reference import over_time

# what makes the layer, the formula, how many states it has
CELLS = {
    "simple": (SimpleRNN, recurrence_reference.simple_rnn_step, 1),
    "lstm": (LSTM, recurrence_reference.lstm_step, 2),
    "gru": (GRU, recurrence_reference.gru_step, 1),
    "gru before": (partial(GRU, reset_after=False), recurrence_reference.gru_before_step, 1),
}
# (rows, steps, features, units), the activations (the layer's own where None) and what the mask is
CASES = [
    ((3, 4, 2, 4), None, None),
    ((2, 3, 1, 3), None, "holes"),
    ((2, 3, 3, 2), ("softplus", "hard_sigmoid"), "padded"),  # slopes that the value does not give
]


def drawn(number, cell):
    """A case: the layer, the formula, and arrays (params, x, first states, mask, weights)."""
    (rows, steps, features, units), names, kind = CASES[number]
    make, step, count = CELLS[cell]
    options, functions = {}, {}
    if names is not None:
        options["activation"], functions["g"] = names[0], getattr(activations, names[0])
        if cell != "simple":
            options["recurrent_activation"] = names[1]
            functions["sigma"] = getattr(activations, names[1])
    layer = make(units, return_sequences=True, return_state=True, **options)
    rng = np.random.default_rng(number)
    params, _ = start(layer, (steps, features), np.float64)
    x, *states = (
        rng.standard_normal(shape) for shape in [(rows, steps, features), *[(rows, units)] * count]
    )
    mask = None
    if kind == "padded":
        mask = np.arange(steps) < rng.integers(1, steps + 1, rows)[:, None]
    elif kind == "holes":
        mask = rng.random((rows, steps)) < 0.6
        mask[0, 0] = False
    weights = (rng.standard_normal((rows, steps, units)), *map(rng.permuted, states))
    return layer, partial(step, **functions), (params, x, tuple(states), mask, weights)


@pytest.mark.parametrize("cell", CELLS)
def test_layers_are_the_formulas(cell, x64):
    """Every state after every step, and the gradient by weights, inputs and first states.

    In float64 both are sums of few products, added up in another order: 1e-12.
    """
    layers, steps, arrays = zip(*[drawn(number, cell) for number in range(len(CASES))], strict=True)

    def by_layer(layer, params, x, states, mask):
        (h, *last), _ = layer.apply(params, {}, (x, *states), mask=mask)
        return (h, *last)

    def by_formula(step, params, x, states, mask):
        along = jax.vmap(partial(over_time, step, params))
        h, last = along(x, states) if mask is None else along(x, states, mask)
        return (h, *last)

    def with_gradient(outputs, params, x, states, mask, weights):
        def cost(params, x, states):
            y = outputs(params, x, states, mask)
            return sum(jnp.sum(w * part) for w, part in zip(weights, y, strict=True)), y

        return jax.grad(cost, (0, 1, 2), has_aux=True)(params, x, states)

    @jit
    def run(arrays):
        return [
            (
                with_gradient(partial(by_layer, layer), *case),
                with_gradient(partial(by_formula, step), *case),
            )
            for layer, step, case in zip(layers, steps, arrays, strict=True)
        ]

    for fast, plain in run(arrays):
        for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
