"""Convolution and pooling as functions: hand examples, every form against the compiler's own."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from layer_cases.case import jit

from descend.errors import DescendError, ShapeError
from descend.nn.convolve import convolve, convolve_transpose, depthwise, pads, per_axis
from descend.nn.layers.convolution import Conv1D, Conv2D
from descend.nn.layers.pooling import GlobalAveragePooling1D, GlobalAveragePooling2D
from descend.nn.pool import average_pool, max_pool

IMAGE = jnp.array([[1.0, 2, 0, 1], [0, 1, 3, 1], [2, 1, 0, 0], [1, 0, 1, 2]])[None, ..., None]


def compilers_own(x, kernel, strides, padding, dilation, groups):
    space = "DHW"[-(x.ndim - 2) :]
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        pads(padding, x.shape[1:-1], kernel.shape[:-2], strides, dilation),
        rhs_dilation=dilation,
        feature_group_count=groups,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
    )


def test_a_convolution_by_hand():
    edge = jnp.array([[1.0, 0], [0, -1]])[..., None, None]  # the pixel less its lower right one
    expected = [[0, -1, -1], [-1, 1, 3], [2, 0, -2]]
    np.testing.assert_array_equal(convolve(IMAGE, edge)[0, ..., 0], expected)
    np.testing.assert_array_equal(convolve(IMAGE, edge, 2)[0, ..., 0], [[0, -1], [2, -2]])
    # one cell is added, behind and below
    expected = [[0, -1, -1, 1], [-1, 1, 3, 1], [2, 0, -2, 0], [1, 0, 1, 2]]
    np.testing.assert_array_equal(convolve(IMAGE, edge, 1, "same")[0, ..., 0], expected)


def test_pooling_by_hand():
    np.testing.assert_array_equal(max_pool(IMAGE, 2)[0, ..., 0], [[2, 3], [2, 2]])
    np.testing.assert_array_equal(average_pool(IMAGE, 2)[0, ..., 0], [[1, 1.25], [1, 0.75]])
    overlapping = [[2, 3, 3], [2, 3, 3], [2, 1, 2]]
    np.testing.assert_array_equal(max_pool(IMAGE, 2, 1)[0, ..., 0], overlapping)
    # the last row and column are means over the cells there are
    corner = average_pool(IMAGE, 2, 1, "same")[0, :, :, 0]
    np.testing.assert_array_equal(corner[3], [0.5, 0.5, 1.5, 2])


def test_the_gradient_of_pooling_goes_to_the_first_of_ties():
    flat = jnp.ones((1, 2, 2, 1))
    np.testing.assert_array_equal(
        jax.grad(lambda x: max_pool(x, 2).sum())(flat)[0, ..., 0], [[1, 0], [0, 0]]
    )
    assert jnp.isnan(max_pool(jnp.array([1.0, jnp.nan, 3, 4]).reshape(1, 4, 1), 2)).sum() == 1


def configurations(count):
    rng = np.random.default_rng(3)
    while count:
        rank = int(rng.integers(1, 4))
        size = tuple(map(int, rng.integers(4, 8, rank)))
        window = tuple(map(int, rng.integers(1, 4, rank)))
        strides = tuple(map(int, rng.integers(1, 4, rank)))
        dilation = tuple(map(int, rng.integers(1, 3, rank)))
        groups, inside = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        around = [tuple(map(int, rng.integers(0, 5, 2))) for _ in size]
        padding = ["valid", "same", "causal", around][rng.integers(4)]
        if any((k - 1) * d >= n for k, d, n in zip(window, dilation, size, strict=True)):
            continue
        count -= 1
        x = rng.standard_normal((2, *size, groups * inside))
        kernel = rng.standard_normal((*window, inside, groups * int(rng.integers(1, 3))))
        yield x, kernel, (strides, padding, dilation, groups)


def pictures():
    """Few channels and few filters, which go through patches on a CPU."""
    rng = np.random.default_rng(4)
    for channels, window, how in (
        (1, (5, 5), (2, "same", 1, 1)),
        (3, (3, 3), (1, "valid", 1, 1)),
        (3, (3, 2), ((1, 2), [(1, 0), (2, 3)], (2, 1), 1)),
    ):
        strides, padding, dilation, groups = how
        how = per_axis(strides, 2), padding, per_axis(dilation, 2), groups
        x = rng.standard_normal((2, 9, 8, channels))
        yield x, rng.standard_normal((*window, channels, 16)), how


@pytest.mark.parametrize(("x", "kernel", "how"), [*configurations(12), *pictures()])
def test_convolution_equals_the_compilers_own(x, kernel, how, x64):
    def both(function):
        def run(x, kernel):
            y, back = jax.vjp(lambda *a: function(*a, *how), x, kernel)
            return y, back(jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

        return jit(run)(x, kernel)

    jax.tree.map(
        partial(np.testing.assert_allclose, atol=1e-10), both(convolve), both(compilers_own)
    )


def test_depthwise_is_one_convolution_a_channel(x64):
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, 5, 6, 3)), rng.standard_normal((3, 2, 3, 2))
    y = depthwise(x, kernel, 2, "same")
    for c in range(3):
        alone = convolve(x[..., c : c + 1], kernel[:, :, c : c + 1], 2, "same")
        np.testing.assert_allclose(y[..., 2 * c : 2 * c + 2], alone, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_transposed_convolution_is_the_transpose(padding, stride, x64):
    rng = np.random.default_rng(stride)
    z, kernel = rng.standard_normal((2, 4, 3, 5)), rng.standard_normal((3, 2, 4, 5))
    y = convolve_transpose(z, kernel, stride, padding)
    x = rng.standard_normal(y.shape)
    # <z, C x> = <C' z, x>
    across = jnp.vdot(z, convolve(x, kernel, stride, padding))
    np.testing.assert_allclose(across, jnp.vdot(y, x), rtol=1e-12)


def test_gradients_of_gradients(x64):
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, 5, 4, 2)), jnp.asarray(rng.standard_normal((2, 3, 2, 2)))

    def cost(function, kernel):
        return jnp.sum(jnp.tanh(function(x, kernel, (2, 1), "same", (1, 1), 1)))

    for second in (jax.hessian, lambda f: jax.jacrev(jax.jacrev(f))):
        both = [second(partial(cost, function)) for function in (convolve, compilers_own)]
        ours, theirs = jit(lambda kernel, both=both: [f(kernel) for f in both])(kernel)
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_causal_never_looks_ahead():
    x = jnp.ones((1, 6, 1))
    kernel = jnp.ones((3, 1, 1))
    seen = jax.jacrev(lambda x: convolve(x, kernel, 1, "causal", 2)[0, :, 0])(x)[:, 0, :, 0]
    np.testing.assert_array_equal(seen, np.tril(seen))
    np.testing.assert_array_equal(np.flatnonzero(seen[5]), [1, 3, 5])


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_a_padded_sequence_gives_what_it_gives_alone(padding):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 8, 2)).astype(np.float32)
    mask = np.arange(8)[None] < 5
    layer = Conv1D(3, 3, padding=padding)
    params, _ = layer.init(jax.random.key(0), (8, 2))

    @jit
    def run(params, x, mask):
        alone, _ = layer.apply(params, {}, x[:, :5])
        padded, _ = layer.apply(params, {}, x, mask=mask)
        return alone, padded, layer.output_mask(x, mask)

    alone, padded, real = map(np.asarray, run(params, x, mask))
    assert real.sum() == alone.shape[1]
    np.testing.assert_allclose(padded[real], alone[0], rtol=1e-5, atol=1e-6)
    mean, _ = GlobalAveragePooling1D().apply({}, {}, padded, mask=real)
    np.testing.assert_allclose(mean[0], alone[0].mean(0), rtol=1e-5, atol=1e-6)


def test_a_network_of_convolutions_takes_images_of_any_size():
    layer, pool = Conv2D(3, 3, padding="same"), GlobalAveragePooling2D()
    params, _ = layer.init(jax.random.key(0), (8, 8, 1))
    for size in (8, 13):
        y, _ = layer.apply(params, {}, jnp.ones((2, size, size, 1)))
        assert y.shape == (2, size, size, 3)
        assert pool.apply({}, {}, y)[0].shape == (2, 3)


def step(x, kernel):
    """A training step's gradient in a loop, as an epoch has it."""

    def one(kernel, x):
        slope = jax.grad(lambda k: jnp.sum(jnp.tanh(convolve(x, k, 1, "same")) ** 2))(kernel)
        return kernel - 0.01 * slope, None

    return lax.scan(one, kernel, x)[0]


def test_memory_is_that_of_the_images_not_of_their_patches():
    x = jax.ShapeDtypeStruct((2, 16, 32, 32, 16), jnp.float32)
    kernel = jax.ShapeDtypeStruct((5, 5, 16, 16), jnp.float32)
    memory = jax.jit(step).lower(x, kernel).compile().memory_analysis()
    image = 16 * 32 * 32 * 16 * 4
    assert memory.temp_size_in_bytes < 8 * image  # patches alone would be 25


def test_a_gpu_gets_the_compilers_own_gradient():
    """On a CPU no convolution of the program has its kernel in another place than the last."""
    x = jax.ShapeDtypeStruct((2, 4, 8, 8, 3), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 3, 5), jnp.float32)
    trace = jax.jit(step).trace(x, kernel)
    found = {p: trace.lower(lowering_platforms=(p,)).as_text() for p in ("cpu", "cuda")}
    plain = "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"
    for text in found.values():
        assert text.count("stablehlo.convolution") == 2  # forward, and by the kernel
    assert found["cpu"].count(plain) == 2
    assert found["cuda"].count(plain) == 1


def test_what_does_not_fit_is_refused():
    x, kernel = jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 3, 1))
    with pytest.raises(ShapeError, match="does not fit 2 channels"):
        convolve(x, kernel)
    with pytest.raises(ShapeError, match="longer than the padded input"):
        convolve(x, jnp.ones((5, 5, 2, 1)))
    with pytest.raises(ShapeError, match="longer than the padded input"):
        max_pool(x, 5)
    with pytest.raises(ShapeError, match="does not fit 2 channels"):
        convolve_transpose(x, kernel)
    with pytest.raises(DescendError, match="'valid', 'same'"):
        convolve(x, kernel[:, :, :2], padding="full")
    for options in ({"padding": "causal"}, {"strides": 0}, {"groups": 2}, {"kernel_size": (3,)}):
        with pytest.raises(DescendError):
            Conv2D(**{"filters": 3, "kernel_size": 3, **options})
