"""Recurrences over time, and their gradient: what a recurrent layer and its cell compute.

One step of every cell here has the form

    r_t = h_{t-1} U + b_r,        s_t = g(x_t, r_t, s_{t-1}),

with x_t the input's part (x W + b, one product for all steps), s the states, h = s[0] among them,
and g elementwise. The gradient uses what this form gives: g's derivatives are taken for all steps
at once, so that the backward recursion is a few multiplications and one product a step, and dU is
one product over all steps. An automatic gradient would form dU a step at a time.

The same cells, a line a formula and one row at a time: `recurrence_reference`.

Sources: scheidegger-2020, "RECURRENT NEURAL NETS", "LONG SHORT-TERM MEMORY (LSTM)"; Hochreiter and
Schmidhuber 1997; Cho et al. 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from descend.nn import activations

States = tuple[jax.Array, ...]
Activation = Callable[[jax.Array], jax.Array]
Product = Callable[..., jax.Array]  # h -> h U + b_r, or some columns of it

# Derivatives that the value itself gives: z need not be kept.
_SLOPES: dict[Any, Callable[[jax.Array], jax.Array]] = {
    activations.sigmoid: lambda a: a * (1 - a),
    activations.tanh: lambda a: 1 - a * a,
    activations.relu: lambda a: (a > 0).astype(a.dtype),
}


def _slope(g: Activation, z: jax.Array | None, a: jax.Array) -> jax.Array:
    """g'(z) for every number, given z or a = g(z)."""
    if g in _SLOPES:
        return _SLOPES[g](a)
    assert z is not None
    slope: jax.Array = jax.jvp(g, (z,), (jnp.ones_like(z),))[1]
    return slope


def elementwise(g: Activation) -> bool:
    """Whether g treats every number by itself, as all activations but softmax do."""
    return getattr(g, "func", g) is not activations.softmax


@dataclass(frozen=True)
class Recurrence:
    """One cell's g, and its derivatives.

    Args:
        activation: function of the new content.
        recurrent_activation: function of the gates.
    """

    activation: Activation
    recurrent_activation: Activation = activations.sigmoid
    states: ClassVar[int] = 1
    gates: ClassVar[int] = 1

    def advance(self, x: jax.Array, states: States, product: Product) -> tuple[States, Any]:
        """(new states, what `slopes` needs of this step), with product(h) = h U + b_r."""
        return self.step(x, product(states[0]), states)

    def step(self, x: jax.Array, r: jax.Array, states: States) -> tuple[States, Any]:
        """`advance` with the product taken: g; x and r (batch, gates units)."""
        raise NotImplementedError

    def preactivation(self, x: jax.Array, h: jax.Array, product: Product) -> jax.Array:
        """What the activations of a step are applied to, (..., gates units); h before it."""
        return x + product(h)

    def slopes(self, residuals: Any, states: States) -> Any:
        """The derivatives of `step`, in any shape of leading axes; `states` before the step."""
        raise NotImplementedError

    def pull(self, slopes: Any, back: States) -> tuple[jax.Array, jax.Array, States]:
        """dJ/dx, dJ/dr and dJ/d(states before, other than by r), from dJ/d(states after)."""
        raise NotImplementedError

    @property
    def split(self) -> bool:
        """Whether the step has the form above, with an elementwise g."""
        return elementwise(self.activation) and elementwise(self.recurrent_activation)

    @property
    def _known(self) -> bool:
        """Whether both slopes follow from the values alone."""
        return self.activation in _SLOPES and self.recurrent_activation in _SLOPES


@dataclass(frozen=True)
class Simple(Recurrence):
    """h' = g(x + r). Source: scheidegger-2020, "RECURRENT NEURAL NETS"."""

    def step(self, x: jax.Array, r: jax.Array, states: States) -> tuple[States, Any]:
        """Take a step by the formula above."""
        z = x + r
        h = self.activation(z)
        return (h,), (None if self._known else z, h)

    def slopes(self, residuals: Any, states: States) -> Any:
        """Differentiate the elementwise part g."""
        return _slope(self.activation, *residuals)

    def pull(self, slopes: Any, back: States) -> tuple[jax.Array, jax.Array, States]:
        """Apply the chain rule."""
        dz = slopes * back[0]
        return dz, dz, (jnp.zeros_like(back[0]),)


@dataclass(frozen=True)
class LongShort(Recurrence):
    """The LSTM: z = x + r in four parts, the gates i, f, o = sigma(z), the candidate g = tanh(z),

        c' = f c + i g,     h' = o tanh(c').

    Order of the parts: i, f, g, o. Source: scheidegger-2020, "LSTM FORGET GATE", "LSTM NEW STATE",
    "LSTM OUTPUT".
    """

    states: ClassVar[int] = 2
    gates: ClassVar[int] = 4

    def step(self, x: jax.Array, r: jax.Array, states: States) -> tuple[States, Any]:
        """Take a step by the formula above."""
        z = x + r
        a = self._activate(z)
        i, f, g, o = jnp.split(a, 4, axis=-1)
        c = f * states[1] + i * g
        return (o * self.activation(c), c), (None if self._known else z, a)

    def _activate(self, z: jax.Array) -> jax.Array:
        """The gates and the candidate, side by side as in z.

        All in one call each: XLA's CPU compiler vectorises a loop with one transcendental function,
        not one with several, which is five times slower.
        """
        candidate = np.repeat([False, False, True, False], z.shape[-1] // 4)
        candidate = candidate.reshape((1,) * (z.ndim - 1) + (-1,))
        if (self.activation, self.recurrent_activation) == (activations.tanh, activations.sigmoid):
            half = jnp.where(candidate, 1.0, 0.5).astype(z.dtype)  # sigma(z) = tanh(z/2)/2 + 1/2
            return jnp.tanh(half * z) * half + (1 - half)
        return jnp.where(candidate, self.activation(z), self.recurrent_activation(z))

    def slopes(self, residuals: Any, states: States) -> Any:
        """Differentiate the elementwise part g."""
        z, a = residuals
        i, f, g, o = jnp.split(a, 4, axis=-1)
        parts = jnp.split(z, 4, axis=-1) if z is not None else [None] * 4
        slope_i, slope_f, slope_o = (
            _slope(self.recurrent_activation, parts[k], v) for k, v in ((0, i), (1, f), (3, o))
        )
        slope_g = _slope(self.activation, parts[2], g)
        c = f * states[1] + i * g
        t = self.activation(c)
        dz = [g * slope_i, states[1] * slope_f, i * slope_g, t * slope_o]
        return jnp.concatenate(dz, axis=-1), o * _slope(self.activation, c, t), f

    def pull(self, slopes: Any, back: States) -> tuple[jax.Array, jax.Array, States]:
        """Apply the chain rule."""
        by_z, by_c, f = slopes
        dh, dc = back
        dc = dc + dh * by_c
        dz = by_z * jnp.concatenate([dc, dc, dc, dh], axis=-1)
        return dz, dz, (jnp.zeros_like(dh), dc * f)


@dataclass(frozen=True)
class Gated(Recurrence):
    """The GRU, its reset gate after the product:

        z = sigma(x_z + r_z),   q = sigma(x_q + r_q),   n = tanh(x_n + q r_n),   h' = z h + (1-z) n.

    Order of the parts: z, q, n. Source: hull-2023, "Specialized Layer: Recurrent Layers"; Cho et
    al. 2014 (there the reset gate comes before the product: `GatedBefore`).
    """

    gates: ClassVar[int] = 3

    def preactivation(self, x: jax.Array, h: jax.Array, product: Product) -> jax.Array:
        """What z, q and n are taken of."""
        units, r = h.shape[-1], product(h)
        q = self.recurrent_activation((x + r)[..., units : 2 * units])
        return x + r * jnp.concatenate([jnp.ones_like(r[..., : 2 * units]), q], axis=-1)

    def step(self, x: jax.Array, r: jax.Array, states: States) -> tuple[States, Any]:
        """Take a step by the formula above."""
        units = x.shape[-1] // 3
        v = (x + r)[..., : 2 * units]
        both = self.recurrent_activation(v)
        z, q = both[..., :units], both[..., units:]
        last = r[..., 2 * units :]
        w = x[..., 2 * units :] + q * last
        n = self.activation(w)
        known = self._known
        residuals = (None if known else v, both, None if known else w, n, last)
        return (z * states[0] + (1 - z) * n,), residuals

    def slopes(self, residuals: Any, states: States) -> Any:
        """Differentiate the elementwise part g."""
        v, both, w, n, last = residuals
        z, q = jnp.split(both, 2, axis=-1)
        slope_z, slope_q = jnp.split(_slope(self.recurrent_activation, v, both), 2, axis=-1)
        by_n = (1 - z) * _slope(self.activation, w, n)
        gates = [(states[0] - n) * slope_z, by_n * last * slope_q]
        return jnp.concatenate([*gates, by_n * q], axis=-1), by_n, z

    def pull(self, slopes: Any, back: States) -> tuple[jax.Array, jax.Array, States]:
        """Apply the chain rule."""
        by_r, by_n, z = slopes
        (dh,) = back
        dr = by_r * jnp.concatenate([dh, dh, dh], axis=-1)
        dx = jnp.concatenate([dr[..., : 2 * dh.shape[-1]], by_n * dh], axis=-1)
        return dx, dr, (dh * z,)


@dataclass(frozen=True)
class GatedBefore(Recurrence):
    """The GRU whose reset gate comes before the product: n = tanh(x_n + (q h) U_n).

    Its gradient is the automatic one. Source: Cho et al. 2014.
    """

    gates: ClassVar[int] = 3
    split: ClassVar[bool] = False

    def preactivation(self, x: jax.Array, h: jax.Array, product: Product) -> jax.Array:
        """What z, q and n are taken of."""
        units = h.shape[-1]
        v = x[..., : 2 * units] + product(h, slice(0, 2 * units))
        q = self.recurrent_activation(v[..., units:])
        n = x[..., 2 * units :] + product(q * h, slice(2 * units, None))
        return jnp.concatenate([v, n], axis=-1)

    def advance(self, x: jax.Array, states: States, product: Product) -> tuple[States, Any]:
        """Take a step by the formula above."""
        (h,) = states
        units = h.shape[-1]
        v = x[:, : 2 * units] + product(h, slice(0, 2 * units))
        z, q = jnp.split(self.recurrent_activation(v), 2, axis=-1)
        n = self.activation(x[:, 2 * units :] + product(q * h, slice(2 * units, None)))
        return (z * h + (1 - z) * n,), None


class Through(NamedTuple):
    """What passes through time beside the input: masks, and where the recurrence starts.

    mask (time, batch) of booleans or None; drop (batch, units), what h is multiplied by before the
    product (dropout), or None.
    """

    states: States
    mask: jax.Array | None = None
    drop: jax.Array | None = None


def recur(
    cell: Recurrence,
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None,
    through: Through,
) -> tuple[jax.Array, States]:
    """Step a cell over time.

    Args:
        cell: the formula.
        x: the input's part of every step, (time, batch, gates units).
        kernel: U, (units, gates units).
        bias: b_r, (gates units,), or None.
        through: first states, (batch, units) each, mask and dropout. At a masked step the states
            stay what they were, so that a padded sequence gives what the unpadded one gives.

    Returns:
        (h after every step (time, batch, units), the last states).

    The gradient can be differentiated again by reverse mode, not by forward mode (`jax.jvp`).
    """
    if through.drop is not None:
        through = through._replace(drop=lax.stop_gradient(through.drop))
    run = _recur if cell.split else _outputs
    outputs: tuple[jax.Array, States] = run(cell, x, kernel, bias, through)
    return outputs


def preactivations(
    cell: Recurrence,
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None,
    through: Through,
    h: jax.Array,
) -> jax.Array:
    """What the activations of every step were applied to, (time, batch, gates units).

    Args:
        h: what `recur` gave for the other arguments, (time, batch, units).
    """
    before = jnp.concatenate([through.states[0][None], h[:-1]])
    return cell.preactivation(x, before, _product(kernel, bias, through.drop))


def _product(kernel: jax.Array, bias: jax.Array | None, drop: jax.Array | None) -> Product:
    """h -> h U + b_r, or some columns of it, for any leading axes."""

    def product(h: jax.Array, columns: slice = slice(None)) -> jax.Array:
        factor = None if drop is None else drop.reshape((1,) * (h.ndim - drop.ndim) + drop.shape)
        r = (h if factor is None else h * factor) @ kernel[:, columns]
        return r if bias is None else r + bias[(None,) * (r.ndim - 1) + (columns,)]

    return product


def _outputs(
    cell: Recurrence, x: jax.Array, kernel: jax.Array, bias: jax.Array | None, through: Through
) -> tuple[jax.Array, States]:
    outputs: tuple[jax.Array, States] = _forward(cell, x, kernel, bias, through)[0]
    return outputs


_recur = jax.custom_vjp(_outputs, nondiff_argnums=(0,))


def _forward(
    cell: Recurrence, x: jax.Array, kernel: jax.Array, bias: jax.Array | None, through: Through
) -> Any:
    first, mask, drop = through
    product = _product(kernel, bias, drop)

    def step(states: States, now: Any) -> tuple[States, Any]:
        x, real = now
        new, residuals = cell.advance(x, states, product)
        return hold(real, new, states), (residuals, states)

    last, (residuals, before) = lax.scan(step, first, (x, mask))
    h = jnp.concatenate([before[0][1:], last[0][None]])
    return (h, last), (residuals, before, kernel, bias, through)


def _backward(cell: Recurrence, saved: Any, cotangents: Any) -> Any:
    residuals, before, kernel, bias, (_, mask, drop) = saved
    dh, dlast = cotangents
    slopes = cell.slopes(residuals, before)
    transposed = kernel.T

    def step(back: States, now: Any) -> tuple[States, Any]:
        slopes, dh, real = now
        back = (back[0] + dh, *back[1:])
        to_step = hold(real, back, tuple(map(jnp.zeros_like, back)))
        _, dr, past = cell.pull(slopes, to_step)
        unchanged = hold(real, tuple(map(jnp.zeros_like, back)), back)
        by_product = dr @ transposed
        by_product = by_product if drop is None else by_product * drop
        past = (past[0] + by_product, *past[1:])
        past = past if real is None else tuple(p + k for p, k in zip(past, unchanged, strict=True))
        return past, to_step

    dfirst, backs = lax.scan(step, dlast, (slopes, dh, mask), reverse=True)
    dx, dr, _ = cell.pull(slopes, backs)
    h = before[0] if drop is None else before[0] * drop[None]
    # not reshaped to two axes first: where rows are spread over devices that would gather them
    dkernel = jnp.einsum("tbu,tbg->ug", h, dr)
    dbias = None if bias is None else dr.sum(axis=(0, 1))
    return dx, dkernel, dbias, Through(dfirst)


_recur.defvjp(_forward, _backward)


def hold(real: jax.Array | None, new: States, old: States) -> States:
    """The new states where the step is real, the old ones elsewhere."""
    if real is None:
        return new
    return tuple(
        jnp.where(real.reshape(-1, *(1,) * (n.ndim - 1)), n, o)
        for n, o in zip(new, old, strict=True)
    )
