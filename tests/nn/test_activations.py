"""Activations against numpy float64 formulas and the derivatives that the lectures print."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit
from oracles.activation_formulas import FORMULAS

from descend.errors import DescendError
from descend.nn import activations

NAMES = sorted(FORMULAS)
PARAMETERS = [
    ("sigmoid", {"beta": 2.5}),
    ("sigmoid", {"beta": 0.3}),
    ("linear", {"a": -1.5}),
    ("leaky_relu", {"slope": 0.2}),
    ("elu", {"a": 0.5}),
    ("elu", {"a": 2.0}),
    ("swish", {"beta": 1.702}),
]
EXTREME = np.array([-1e4, -100, -88, -20, -1e-8, 0, 1e-8, 20, 88, 100, 1e4], np.float32)


def grid(name, dtype):
    """Points from -8 to 8, at least .01 away from a kink."""
    z = np.linspace(-8, 8, 161) + 0.013
    for kink in FORMULAS[name].kinks:
        z = z[np.abs(z - kink) > 0.01]
    return z.astype(dtype)


def both(function, z):
    """Values and derivatives, compiled as one program."""
    slopes = jax.vmap(jax.grad(function))
    return jit(lambda z: (function(z), slopes(z)))(z)


def test_every_activation_has_a_formula():
    assert set(FORMULAS) | {"softmax"} == set(activations.FORMULAS)


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivative_in_float64(name, x64):
    z = grid(name, np.float64)
    function, formula = activations.get(name), FORMULAS[name]
    # the same formula in the same width, a few roundings apart; 1 - tanh^2 cancels near +-1
    value, slope = both(function, z)
    np.testing.assert_allclose(value, formula.value(z), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slope, formula.derivative(z), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
def test_parameters_by_partial(name, parameters, x64):
    z = grid(name, np.float64)
    function, formula = partial(activations.FORMULAS[name], **parameters), FORMULAS[name]
    value, slope = both(function, z)
    np.testing.assert_allclose(value, formula.value(z, **parameters), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slope, formula.derivative(z, **parameters), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_stable_from_minus_1e4_to_1e4_in_float32(name):
    function, formula = activations.get(name), FORMULAS[name]
    # e^88 is nearly the largest number there is
    extreme = EXTREME[EXTREME <= 88] if name == "exponential" else EXTREME
    value, slope = both(function, extreme)
    assert value.dtype == slope.dtype == jnp.float32
    z = extreme.astype(np.float64)
    # float32 carries 6e-8 relative; a formula of a few operations stays within 50 of those
    np.testing.assert_allclose(value, formula.value(z), rtol=3e-6, atol=1e-7)
    away = np.all([np.abs(z - k) > 1e-6 for k in (*formula.kinks, math.inf)], axis=0)
    np.testing.assert_allclose(slope[away], formula.derivative(z)[away], rtol=3e-6, atol=1e-7)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("name", "z", "slope"),
    [
        ("relu", 0.0, 0.0),  # scheidegger-2020: g'(z) = 0 otherwise
        ("leaky_relu", 0.0, 0.01),  # raviv-2022: .01 x otherwise
        ("hard_tanh", 1.0, 1.0),  # raviv-2022: x for -1 <= x <= 1
        ("hard_tanh", -1.0, 1.0),
        ("elu", 0.0, 1.0),  # a e^0
        ("heaviside", 0.0, 0.0),
    ],
)
def test_derivative_at_a_kink_is_the_lectures_case(name, z, slope):
    assert float(jax.grad(activations.get(name))(z)) == pytest.approx(slope, rel=1e-6)


def test_heaviside_fires_at_zero():
    """raviv-2022, "Heaviside step function": 1 for x >= 0."""
    np.testing.assert_array_equal(activations.heaviside(jnp.array([-1e-30, 0.0, 1.0])), [0, 1, 1])


def test_tanh_is_a_shifted_sigmoid(x64):
    """raviv-2022, "More activation functions": tanh(x) = 2 sigmoid(2 x) - 1."""
    z = jnp.linspace(-6, 6, 101)
    np.testing.assert_allclose(
        activations.tanh(z), 2 * activations.sigmoid(z, beta=2.0) - 1, rtol=1e-12, atol=1e-14
    )


def test_perceptron_example_of_the_lecture():
    """scheidegger-2020, "Perceptron - an example": x = (-1, 2), g(1 - 3 - 4) = .002."""
    assert round(float(activations.sigmoid(1 + 3 * -1.0 - 2 * 2.0)), 3) == 0.002


# -- softmax ------------------------------------------------------------------------------------


def test_softmax_value_and_jacobian(x64):
    """a_i = e^{s_i} / sum; da_i/ds_i = a_i (1 - a_i) (itam-2023, 1.6); off it, -a_i a_j."""
    rng = np.random.default_rng(0)
    for width in (2, 3, 7):
        z = rng.normal(size=width) * 3
        a = np.exp(z) / np.exp(z).sum()
        value, jacobian = jit(
            lambda z: (activations.softmax(z), jax.jacobian(activations.softmax)(z))
        )(z)
        np.testing.assert_allclose(value, a, rtol=1e-12)
        np.testing.assert_allclose(np.diag(jacobian), a * (1 - a), rtol=1e-11)
        np.testing.assert_allclose(jacobian, np.diag(a) - np.outer(a, a), rtol=1e-10, atol=1e-15)


def test_softmax_works_on_the_last_axis_and_at_1e4():
    z = jnp.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0], [-1e4, -1e4, -1e4]], jnp.float32)
    want = [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(activations.softmax(z), want, rtol=1e-6)
    jacobian = jit(jax.vmap(jax.jacobian(activations.softmax)))(z)
    assert np.isfinite(jacobian).all()
    np.testing.assert_allclose(jacobian[0], np.zeros((3, 3)), atol=1e-7)


# -- against PyTorch ----------------------------------------------------------------------------


def _torch_forms():
    from torch.nn import functional as F

    return {
        "sigmoid": F.sigmoid,
        "tanh": F.tanh,
        "hard_tanh": F.hardtanh,
        "relu": F.relu,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "selu": F.selu,
        "swish": F.silu,
        "gelu": F.gelu,
        "gelu_tanh": partial(F.gelu, approximate="tanh"),
        "mish": F.mish,
        "exponential": lambda z: z.exp(),
        "softplus": F.softplus,
        "softmax": partial(F.softmax, dim=-1),
    }


def test_values_and_derivatives_equal_pytorch(x64):
    torch = pytest.importorskip("torch")
    z = np.random.default_rng(3).normal(size=(40, 5)) * 3
    weight = np.random.default_rng(4).normal(size=(40, 5))
    for name, form in _torch_forms().items():
        t = torch.tensor(z, requires_grad=True)
        out = form(t)
        (out * torch.tensor(weight)).sum().backward()
        function = activations.get(name)
        # PyTorch's softplus is linear past z = 20, an error below 2e-9
        close = partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-9, err_msg=name)
        cost = lambda x, f=function: jnp.sum(f(x) * weight)
        value, slope = jit(lambda x, f=function, cost=cost: (f(x), jax.grad(cost)(x)))(z)
        close(value, out.detach().numpy())
        close(slope, t.grad.numpy())


# -- names and descriptions ---------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(activations.FORMULAS))
def test_get_and_describe_round_trip(name):
    function = activations.get(name)
    assert activations.describe(function) == name
    assert activations.get(activations.describe(function)) is function


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
def test_a_partial_is_described_and_read_back(name, parameters):
    function = partial(getattr(activations, name), **parameters)
    described = activations.describe(activations.get(function))
    assert described == [name, parameters]
    again = activations.get(described)
    z = jnp.linspace(-2, 2, 9)
    np.testing.assert_array_equal(again(z), getattr(activations, name)(z, **parameters))


def test_aliases_and_none():
    assert activations.get("threshold") is activations.heaviside
    assert activations.get("silu") is activations.swish
    assert activations.get(None) is activations.linear


@pytest.mark.parametrize(
    ("wrong", "near"), [("rellu", "relu"), ("sigmiod", "sigmoid"), ("soft_max", "softmax")]
)
def test_an_unknown_name_suggests_the_nearest(wrong, near):
    with pytest.raises(DescendError, match=f"Did you mean '{near}'"):
        activations.get(wrong)


@pytest.mark.parametrize(
    "wrong", [lambda z: z, jnp.tanh, np.tanh, 3, partial(jnp.tanh), partial(lambda z: z)]
)
def test_code_of_the_users_is_refused(wrong):
    with pytest.raises(DescendError, match="could not be saved"):
        activations.get(wrong)


def test_a_parameter_must_exist_and_be_named():
    with pytest.raises(DescendError, match="by name"):
        activations.get(partial(activations.sigmoid, 2.0))
    with pytest.raises(DescendError, match="Did you mean 'beta'"):
        activations.get(partial(activations.sigmoid, betta=2.0))
    with pytest.raises(DescendError, match="Did you mean 'beta'"):
        activations.get(["sigmoid", {"betta": 2.0}])
    for bad in ("two", float("nan"), None):
        with pytest.raises(DescendError, match="beta must be a finite number"):
            activations.get(["sigmoid", {"beta": bad}])


@pytest.mark.parametrize("name", sorted(activations.FORMULAS))
def test_lists_are_arrays(name):
    function, z = activations.FORMULAS[name], [[-1.0, 2.0], [0.5, 0.0]]
    np.testing.assert_array_equal(function(z), function(np.array(z)))
