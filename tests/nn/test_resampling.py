"""Reading images off at other places, against scipy."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from layer_cases.case import jit
from scipy import ndimage

from descend.nn.resampling import FILL_MODES, INTERPOLATIONS, resample

# what scipy calls ours ("constant" and "wrap" of scipy's do not weigh across the edge)
SCIPY = {"constant": "grid-constant", "nearest": "nearest", "reflect": "reflect"}
SCIPY["wrap"] = "grid-wrap"


def photograph(n=2, height=7, width=9, channels=2, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((n, height, width, channels)).astype(dtype)


def by_scipy(x, matrix, shift, mode, order=1, value=0.0):
    centre = (np.array(x.shape[1:3]) - 1) / 2
    out = np.empty_like(x)
    for i, c in np.ndindex(x.shape[0], x.shape[3]):
        offset = centre + shift[i] - matrix[i] @ centre
        out[i, :, :, c] = ndimage.affine_transform(
            x[i, :, :, c], matrix[i], offset, order=order, mode=SCIPY[mode], cval=value
        )
    return out


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("size", [(7, 9), (6, 4), (1, 5)])
def test_resampling_equals_scipy(mode, size, x64):
    """Random maps, far past the edges too."""
    x = photograph(12, *size, dtype=np.float64)
    rng = np.random.default_rng(1)
    matrix = np.eye(2) + rng.normal(scale=0.8, size=(12, 2, 2))
    shift = rng.normal(scale=3.0, size=(12, 2))

    @jit
    def both(*given):
        options = {"fill_mode": mode, "fill_value": 0.3}
        return [resample(*given, interpolation=i, **options) for i in ("nearest", "bilinear")]

    for order, y in enumerate(both(x, matrix, shift)):
        want = by_scipy(x, matrix, shift, mode, order, 0.3)
        np.testing.assert_allclose(y, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", FILL_MODES)
def test_resampling_in_float32(mode):
    x = photograph(6, 28, 28, 1)
    rng = np.random.default_rng(1)
    matrix = np.eye(2) + rng.normal(scale=0.2, size=(6, 2, 2))
    shift = rng.normal(scale=3.0, size=(6, 2))
    y = jit(partial(resample, fill_mode=mode))(
        x, matrix.astype(np.float32), shift.astype(np.float32)
    )
    want = by_scipy(x.astype(np.float64), matrix, shift, mode)
    np.testing.assert_allclose(y, want, atol=2e-5)  # places are exact to 28 roundings


def test_no_change_is_exact():
    x = photograph(2, 28, 27)
    eye, zero = np.broadcast_to(np.eye(2, dtype=np.float32), (2, 2, 2)), np.zeros((2, 2))
    ways = [{"fill_mode": m, "interpolation": i} for m in FILL_MODES for i in INTERPOLATIONS]
    for y in jit(lambda x: [resample(x, eye, zero, **way) for way in ways])(x):
        np.testing.assert_array_equal(y, x)
