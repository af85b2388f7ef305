"""Figure 4.9 stage by stage; sums of bumps: errors that fall, and the same network as Dense."""

from __future__ import annotations

import numpy as np
import pytest

from descend import Dense, Input, Sequential
from descend.errors import DataError, DescendError, ShapeError
from descend.neurons.classic import bump, bump_network, hill, localised_bump, ridge

SQUARE = np.random.default_rng(0).uniform(0, 1, (20_000, 2))
BOX = (0.3, 0.4), (0.7, 0.6)


def wave(x):
    return np.sin(2 * np.pi * x[:, 0]) + x[:, 0] ** 2


def surface(x):
    return np.sin(np.pi * x[:, 0]) * np.cos(2 * np.pi * x[:, 1]) + 0.5


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_a_ridge_is_one_sigmoid():
    x = np.array([[0.3, 5.0], [0.3, -5.0], [0.4, 0.0], [0.2, 0.0]])
    found = ridge(x, (1, 0), 0.3, 10.0)
    np.testing.assert_allclose(found, [0.5, 0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    # the slope on the line is a quarter of the steepness
    near = ridge(np.array([[0.3 + 1e-6, 0], [0.3 - 1e-6, 0]]), (1, 0), 0.3, 10.0)
    assert (near[0] - near[1]) / 2e-6 == pytest.approx(2.5, rel=1e-6)


def test_a_hill_is_a_strip():
    along = SQUARE @ np.array([0.6, 0.8])
    found = hill(SQUARE, (0.6, 0.8), 0.5, 0.9, 100.0)
    assert found[np.abs(along - 0.7) < 0.1].min() > 0.9999
    assert found[np.abs(along - 0.7) > 0.3].max() < 1e-4
    # the height depends on where one stands along the direction alone
    order = np.argsort(along)
    assert np.abs(np.diff(found[order])).max() < 100 / 4 * np.diff(along[order]).max() + 1e-12


def test_a_bump_has_arms_and_a_localised_one_has_not():
    (a, c), (b, d) = BOX
    middle = (np.abs(SQUARE - [[0.5, 0.5]]) < [[0.15, 0.05]]).all(axis=1)
    across = (SQUARE[:, 0] > a + 0.05) & (SQUARE[:, 0] < b - 0.05)
    arm = across & ((SQUARE[:, 1] < c - 0.05) | (SQUARE[:, 1] > d + 0.05))
    outside = (([[a - 0.05, c - 0.05]] > SQUARE) | ([[b + 0.05, d + 0.05]] < SQUARE)).any(axis=1)
    crossed = bump(SQUARE, *BOX, 200.0)
    np.testing.assert_allclose(crossed[middle], 2, atol=1e-3)
    np.testing.assert_allclose(crossed[arm], 1, atol=1e-3)
    local = localised_bump(SQUARE, *BOX, 200.0, 40.0)
    np.testing.assert_allclose(local[middle], 1, atol=1e-6)
    assert local[arm].max() < 1e-6  # s(-20)
    assert local[outside].max() < 1e-6
    # "sharpened to any extent we want": the share of the square between .01 and .99 falls
    soft = [np.mean(np.abs(localised_bump(SQUARE, *BOX, k, k) - 0.5) < 0.49) for k in (20, 80, 320)]
    assert soft[0] > 2.5 * soft[1] > 2.5**2 * soft[2] > 0


def test_one_input_error_falls_with_the_units():
    """The staircase's error is a half cell's slope: halving the cells at least halves it, and
    the largest error stays below slope x half a cell, softened at the ends."""
    x = np.linspace(0, 1, 4001)[:, None]
    errors, worst, units = [], [], []
    for cells in (8, 16, 32, 64, 128):
        network = bump_network(wave, [0], [1], cells)
        errors.append(rms(network.predict(x) - wave(x)))
        worst.append(np.abs(network.predict(x) - wave(x)).max() * cells)
        units.append(network.units)
    assert units == [9, 17, 33, 65, 129]
    assert (np.array(errors[:-1]) / errors[1:] > 2).all()
    assert errors[-1] < 0.005
    assert max(worst) < (2 * np.pi + 2) / 2 * 1.01


def test_two_inputs_error_falls_with_the_units():
    x = np.random.default_rng(1).uniform(0, 1, (4000, 2))
    errors, units = [], []
    for cells in (4, 8, 16, 32):
        network = bump_network(surface, [0, 0], [1, 1], cells)
        errors.append(rms(network.predict(x) - surface(x)))
        units.append(network.units)
    assert units == [26, 82, 290, 1090]  # 2 (cells + 1) + cells^2
    assert (np.array(errors[:-1]) / errors[1:] > 1.7).all()
    assert errors[-1] < 0.04


def test_three_inputs_and_another_box():
    low, high = [-1.0, 2.0, 0.0], [1.0, 5.0, 0.5]
    x = np.random.default_rng(2).uniform(low, high, (3000, 3))
    plane = lambda v: v[:, 0] - 0.5 * v[:, 1] + 4 * v[:, 2]
    errors = [rms(bump_network(plane, low, high, m).predict(x) - plane(x)) for m in (3, 6, 12)]
    assert errors[0] > 1.6 * errors[1] > 1.6**2 * errors[2]


@pytest.mark.parametrize("inputs", [1, 2])
def test_it_is_a_network_of_dense_layers(inputs):
    function = wave if inputs == 1 else surface
    network = bump_network(function, [0] * inputs, [1] * inputs, 6)
    sizes = [kernel.shape[1] for kernel in network.kernels]
    model = Sequential(
        [
            Input((inputs,)),
            *(Dense(n, "sigmoid", name=f"hidden{i}") for i, n in enumerate(sizes[:-1])),
            Dense(1, name="output"),
        ]
    )
    names = [*(f"hidden{i}" for i in range(len(sizes) - 1)), "output"]
    model.params = {
        name: {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
        for name, kernel, bias in zip(names, network.kernels, network.biases, strict=True)
    }
    x = SQUARE[:500, :inputs]
    # float32 rounds the steep ridges' arguments: 1e-7 times a steepness of up to 300
    np.testing.assert_allclose(model.predict(x)[:, 0], network.predict(x), atol=2e-4)
    assert len(network.layers(x)) == len(sizes)
    # the bumps of a row add up to one, away from the corners of cells
    assert np.median(network.layers(x)[-2].sum(axis=1) if inputs == 2 else 1) == pytest.approx(
        1, abs=1e-3
    )


def test_errors():
    with pytest.raises(DataError, match="low < high"):
        bump_network(wave, [1], [0], 4)
    with pytest.raises(DescendError, match="cells must be a whole number >= 1"):
        bump_network(wave, [0], [1], 0)
    with pytest.raises(DataError, match=r"one finite number a row, \(4,\)"):
        bump_network(lambda x: x, [0], [1], 4)
    with pytest.raises(ShapeError, match=r"X must have the shape \(n, 1\)"):
        bump_network(wave, [0], [1], 4).predict(SQUARE)
    with pytest.raises(ShapeError, match="a ridge needs"):
        ridge(SQUARE, (1, 0, 0), 0.5, 1.0)
    for wrong in ([0.0], "a", None, [[0.0, 0.0]]):
        with pytest.raises(DataError, match="corners of a box|a list of finite numbers"):
            bump(SQUARE, [0.0, 0.0], wrong, 1.0)
        with pytest.raises(DataError, match="corners of a box|a list of finite numbers"):
            localised_bump(SQUARE, wrong, [1.0, 1.0], 1.0, 1.0)
    with pytest.raises(DescendError, match="steepness must be a finite number, got 'steep'"):
        bump(SQUARE, [0.0, 0.0], [1.0, 1.0], "steep")
    with pytest.raises(DescendError, match="takes a function of rows"):
        bump_network(3, [0], [1], 4)
