"""The recurrent layers are the formulas of `recurrence_reference`: outputs and gradients."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit

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


def arrays_of(number, cell):
    """Layer, formula and random arrays of a case: (layer, step, arguments, mask, weights)."""
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
    normal = lambda *shape: jnp.asarray(rng.standard_normal(shape))
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), (steps, features))[0])
    params = {name: normal(*array.shape) for name, array in shapes.items()}
    states = tuple(normal(rows, units) for _ in range(count))
    mask = None
    if kind == "padded":
        mask = jnp.arange(steps)[None] < jnp.asarray(rng.integers(1, steps + 1, rows))[:, None]
    elif kind == "holes":
        mask = jnp.asarray(rng.random((rows, steps)) < 0.6).at[:, 0].set(False)
    weights = (normal(rows, steps, units), *(normal(rows, units) for _ in states))
    return (
        layer,
        partial(step, **functions),
        (params, normal(rows, steps, features), states),
        (
            mask,
            weights,
        ),
    )


@pytest.mark.parametrize("cell", CELLS)
def test_layers_are_the_formulas(cell, x64):
    """Every state after every step, and the gradient by weights, inputs and first states.

    In float64 both are sums of few products, added up in another order: 1e-12.
    """
    cases = [arrays_of(number, cell) for number in range(len(CASES))]

    def by_layer(layer, arguments, mask):
        params, x, states = arguments
        (h, *last), _ = layer.apply(params, {}, (x, *states), mask=mask)
        return (h, *last)

    def by_formula(step, arguments, mask):
        params, x, states = arguments
        along = jax.vmap(partial(over_time, step, params))
        h, last = along(x, states) if mask is None else along(x, states, mask)
        return (h, *last)

    def with_gradient(outputs, arguments, weights):
        def cost(arguments):
            y = outputs(arguments)
            return sum(jnp.sum(w * part) for w, part in zip(weights, y, strict=True)), y

        return jax.grad(cost, has_aux=True)(arguments)

    @jit
    def run(all_arguments):
        results = []
        for (layer, step, _, (mask, weights)), arguments in zip(cases, all_arguments, strict=True):
            fast = lambda a, layer=layer, mask=mask: by_layer(layer, a, mask)
            plain = lambda a, step=step, mask=mask: by_formula(step, a, mask)
            results.append([with_gradient(f, arguments, weights) for f in (fast, plain)])
        return results

    for number, (fast, plain) in enumerate(run([case[2] for case in cases])):
        for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(plain), strict=True):
            np.testing.assert_allclose(
                a,
                b,
                rtol=1e-10,
                atol=1e-12 * max(1.0, float(jnp.abs(b).max())),
                err_msg=f"{cell} {number}",
            )
