"""Random changes of images: conventions against scipy and Keras, draws against their laws."""

from __future__ import annotations

import warnings
from functools import cache, partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit
from scipy import ndimage

from descend.errors import DescendError, ShapeError
from descend.nn.layers.augmentation import (
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from descend.nn.resampling import FILL_MODES

# what scipy calls ours ("constant" and "wrap" of scipy's do not weigh across the edge)
SCIPY = {"constant": "grid-constant", "nearest": "nearest", "reflect": "reflect"}
SCIPY["wrap"] = "grid-wrap"


def train(layer, x, seed=0):
    """The layer's output in training."""
    return np.asarray(train_all((layer,), x, seed)[0])


def train_all(layers, x, seed=0):
    """Each layer's output in training, all in one program."""
    return compiled(tuple(layers))(x, jax.random.key(seed))


@cache
def compiled(layers):
    return jit(lambda x, key: [augmented(layer, x, key) for layer in layers])


def augmented(layer, x, key):
    return layer.apply({}, {}, x, key=key, training=True)[0]


def photograph(n=2, height=7, width=9, channels=2, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((n, height, width, channels)).astype(dtype)


# -- conventions, by hand -------------------------------------------------------------------------


TURNS = list(zip((0.1, 0.25, -0.6, -0.3), FILL_MODES, strict=True))


def dot(row, column, size=5):
    x = np.zeros((1, size, size, 1), np.float32)
    x[0, row, column, 0] = 1
    return x


def where(y):
    return tuple(int(i) for i in np.unravel_index(np.argmax(y[0, :, :, 0]), y.shape[1:3]))


def test_factor_zero_changes_nothing():
    x = photograph()
    np.testing.assert_array_equal(train(RandomAffine(), x), x)


def test_directions():
    """The dot at the right, two from the middle of 5 x 5."""
    turned, moved, out = train_all(
        [
            RandomRotation((0.25, 0.25), fill_mode="constant"),
            RandomTranslation((0.2, 0.2), (-0.4, -0.4), fill_mode="constant"),
            RandomZoom((1.0, 1.0)),
        ],
        dot(2, 4),
    )
    np.testing.assert_allclose(turned, dot(0, 2), atol=1e-6)  # counter-clockwise: up
    np.testing.assert_allclose(moved, dot(3, 2), atol=1e-6)  # down by 1, left by 2
    assert where(out) == (2, 3)  # nearer the middle
    assert where(train(RandomZoom((-0.5, -0.5)), dot(2, 3))) == (2, 4)  # zoomed in: farther


@pytest.mark.parametrize(("factor", "mode"), TURNS)
def test_layers_equal_scipy(factor, mode):
    """`shift`, `rotate` and `zoom`'s map, each from scipy's own description of it."""
    x = photograph(1, 8, 10, 1)
    pair = (factor, factor)
    image = x[0, :, :, 0].astype(np.float64)
    options = {"order": 1, "mode": SCIPY[mode]}
    layers = (
        RandomTranslation(pair, (0.3, 0.3), fill_mode=mode),
        RandomRotation(pair, fill_mode=mode),
        RandomZoom(pair, (0.2, 0.2), fill_mode=mode),
    )
    moved, turned, zoomed = (np.asarray(y)[0, :, :, 0] for y in train_all(layers, x))
    want = ndimage.shift(image, (8 * factor, 3.0), **options)
    np.testing.assert_allclose(moved, want, atol=2e-5)
    want = ndimage.rotate(image, 360 * factor, reshape=False, **options)
    np.testing.assert_allclose(turned, want, atol=2e-5)
    scale, centre = np.array([1 + factor, 1.2]), np.array([3.5, 4.5])
    want = ndimage.affine_transform(image, scale, centre * (1 - scale), **options)
    np.testing.assert_allclose(zoomed, want, atol=2e-5)


def test_affine_equals_its_parts_one_after_another():
    """With changes that keep pixels whole, so that two more resamplings lose nothing."""
    x = photograph(3, 8, 8)
    turn, move, zoom = (0.25, 0.25), (0.125, 0.125), (-0.3, -0.3)
    one, two, zoomed, alone = train_all(
        [
            RandomAffine(turn, move, fill_mode="wrap"),
            RandomRotation(turn),
            RandomAffine(zoom_factor=zoom),
            RandomZoom(zoom),
        ],
        x,
    )
    then = train(RandomTranslation(move, move, fill_mode="wrap"), two)
    np.testing.assert_allclose(one, then, atol=2e-5)
    np.testing.assert_allclose(zoomed, alone, atol=1e-6)
    # zoom before the move: the move is in pixels of the output
    zoom = (-0.5, -0.5)
    layers = (
        RandomAffine(0.0, (0.25, 0.25), zoom, fill_mode="constant"),
        RandomZoom(zoom, fill_mode="constant"),
    )
    y, z = train_all(layers, dot(1, 1, 8))
    np.testing.assert_allclose(y[:, 2:, 2:], z[:, :-2, :-2], atol=1e-6)


OURS = SimpleNamespace(
    RandomTranslation=RandomTranslation, RandomRotation=RandomRotation, RandomZoom=RandomZoom
)


def in_keras(make, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their imports warn about their own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
        with jax.numpy_rank_promotion("allow"):
            return np.asarray(make(keras.layers)(x, training=True))


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_geometric_conventions_are_keras(mode):
    """A pair (f, f) leaves Keras nothing to draw."""
    x = photograph(2, 8, 10, 3)
    pair, other = (0.1, 0.1), (-0.23, -0.23)
    makes = [
        lambda k: k.RandomTranslation(pair, other, fill_mode=mode),
        lambda k: k.RandomRotation(pair, fill_mode=mode),
        lambda k: k.RandomZoom(other, pair, fill_mode=mode),
        lambda k: k.RandomZoom(pair, fill_mode=mode),
    ]
    for make, y in zip(makes, train_all([make(OURS) for make in makes], x), strict=True):
        np.testing.assert_allclose(y, in_keras(make, x), atol=3e-5)


def test_colour_conventions_are_keras():
    x = np.random.default_rng(0).uniform(0, 255, (3, 6, 5, 3)).astype(np.float32)
    pair = (-0.3, -0.3)
    theirs = in_keras(lambda k: k.RandomBrightness(pair), x)
    np.testing.assert_allclose(train(RandomBrightness(pair), x), theirs, rtol=1e-6, atol=1e-5)
    theirs = in_keras(lambda k: k.RandomContrast((-0.3, 0.3)), x)  # from (1.3, 1.3)
    np.testing.assert_allclose(train(RandomContrast((-0.3, 0.3)), x), theirs, rtol=1e-4, atol=1e-3)
    whole = {"scale": (1.0, 1.0), "fill_value": 7.0}
    theirs = in_keras(lambda k: k.RandomErasing((1.0, 1.0), **whole), x)
    np.testing.assert_array_equal(train(RandomErasing((1.0, 1.0), **whole), x), theirs)


# -- draws ----------------------------------------------------------------------------------------

MANY = 4000
FLIPPERS = (RandomFlip("horizontal"), RandomFlip("vertical"), RandomFlip())


@pytest.mark.parametrize("seed", range(3))
def test_flips_half_of_the_images(seed):
    x = np.broadcast_to(np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1), (MANY, 2, 3, 1))
    error = 4.5 * np.sqrt(0.25 / MANY)
    *single, both = map(np.asarray, train_all(FLIPPERS, x, seed))
    for y, want in zip(single, (x[0, :, ::-1], x[0, ::-1]), strict=True):
        flipped = (y == want).all(axis=(1, 2, 3))
        assert ((y == x[0]).all(axis=(1, 2, 3)) ^ flipped).all()
        assert abs(flipped.mean() - 0.5) < error
    for corner in (0, 2, 3, 5):  # says which of the four images it is
        assert abs((both[:, 0, 0, 0] == corner).mean() - 0.25) < 4.5 * np.sqrt(0.1875 / MANY)


def spread(values, low, high):
    """Evenly drawn: inside the bounds, near both, mean within 4.5 standard errors."""
    assert low - 1e-5 <= values.min() < low + 0.01 * (high - low) + 1e-5
    assert high + 1e-5 >= values.max() > high - 0.01 * (high - low) - 1e-5
    assert abs(values.mean() - (low + high) / 2) < 4.5 * (high - low) / np.sqrt(12 * len(values))


EVEN = ((0.2, -0.2, 0.2), ((-0.1, 0.3), -0.1, 0.3))


@cache
def maps(factor):
    layers = (
        RandomTranslation(factor, factor),
        RandomRotation(factor),
        RandomZoom(factor, factor),
        RandomZoom(factor),
    )
    return jit(lambda key: [layer.places(key, MANY, (10, 20)) for layer in layers])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("factor", "low", "high"), EVEN)
def test_maps_are_drawn_evenly(factor, low, high, seed):
    found = maps(factor)(jax.random.key(seed))
    (_, moved), (turned, _), (zoomed, _), (together, _) = jax.tree.map(np.asarray, found)
    spread(-moved[:, 0] / 10, low, high)
    spread(-moved[:, 1] / 20, low, high)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 4.5 / np.sqrt(MANY)
    spread(np.arctan2(turned[:, 0, 1], turned[:, 0, 0]) / (2 * np.pi), low, high)
    spread(zoomed[:, 0, 0], 1 + low, 1 + high)
    spread(zoomed[:, 1, 1], 1 + low, 1 + high)
    assert abs(np.corrcoef(zoomed[:, 0, 0], zoomed[:, 1, 1])[0, 1]) < 4.5 / np.sqrt(MANY)
    np.testing.assert_array_equal(together[:, 0, 0], together[:, 1, 1])


@pytest.mark.parametrize("seed", range(3))
def test_light_and_contrast_are_drawn_evenly(seed):
    x = np.broadcast_to(np.array([[1.0], [3.0]], np.float32)[None, None], (MANY, 1, 2, 1))
    drawn = train_all(DRAWN_LAYERS, x, seed)
    for y, (low, high) in zip(drawn[:2], ((-0.2, 0.2), (-0.1, 0.3)), strict=True):
        spread((np.asarray(y)[:, 0, 0, 0] - 1) / 20, low, high)
    for y, (low, high) in zip(drawn[2:], ((0.6, 1.4), (0.9, 1.5)), strict=True):
        y = np.asarray(y)
        spread((y[:, 0, 1, 0] - y[:, 0, 0, 0]) / 2, low, high)
        np.testing.assert_allclose(y.mean(axis=(1, 2, 3)), 2.0, rtol=1e-5)  # the mean stays


DRAWN_LAYERS = (
    RandomBrightness(0.2, (-10, 10)),
    RandomBrightness((-0.1, 0.3), (-10, 10)),
    RandomContrast(0.4, (0, 10)),
    RandomContrast((0.1, 0.5), (0, 10)),
)


def test_values_stay_in_their_range():
    x = np.random.default_rng(0).uniform(0, 1, (50, 4, 4, 3)).astype(np.float32)
    noise = RandomErasing((1, 1), (1, 1), value_range=(0, 1))
    layers = (RandomBrightness(0.9, (0, 1)), RandomContrast(1.0, (0.2, 0.8)), noise)
    for layer, y in zip(layers, train_all(layers, x), strict=True):
        assert (y.min(), y.max()) == tuple(np.float32(layer.value_range))
    assert 0.4 < (y == 0).mean() < 0.6  # half of the noise is below


ERASING = RandomErasing((1.0, 1.0), (0.1, 0.3), fill_value=0.0)


@pytest.mark.parametrize("seed", range(3))
def test_erases_a_rectangle_within_its_scale(seed):
    size, scale = 40, ERASING.scale
    x = np.ones((1000, size, size, 1), np.float32)
    gone = train(ERASING, x, seed)[..., 0] == 0
    tall, broad = gone.any(axis=2).sum(axis=1), gone.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(gone.sum(axis=(1, 2)), tall * broad)  # a whole rectangle
    for side in (tall, broad):  # a side is rounded to pixels
        assert side.min() > np.sqrt(scale[0]) * size - 1
        assert side.max() < np.sqrt(scale[1]) * size + 1
    # the mean share: the square of E sqrt(U), by the integral
    low, high = scale
    mean = (2 / 3 * (high**1.5 - low**1.5) / (high - low)) ** 2
    share = tall * broad / size**2
    assert abs(share.mean() - mean) < 4.5 * share.std() / np.sqrt(len(share))
    # all places that fit are as likely: the first row covered is even over what is left
    room = (np.argmax(gone.any(axis=2), axis=1) + 0.0) / (size - tall)
    assert abs(room.mean() - 0.5) < 0.05
    assert room.min() < 0.05
    assert room.max() > 0.95


def test_erases_as_often_as_keras_says():
    x = np.ones((MANY, 4, 4, 1), np.float32)
    chances = {1.0: 0.5, 0.4: 0.2, (0.6, 0.8): 0.7, 0: 0.0}
    layers = [RandomErasing(factor, (0.9, 1.0), fill_value=0.0) for factor in chances]
    for y, chance in zip(train_all(layers, x), chances.values(), strict=True):
        hit = (np.asarray(y) == 0).any(axis=(1, 2, 3)).mean()
        assert abs(hit - chance) <= 4.5 * np.sqrt(chance * (1 - chance) / MANY)


def test_erasing_fills_with_colours():
    x = np.zeros((5, 4, 4, 3), np.float32)
    layer = RandomErasing((1, 1), (1, 1), fill_value=[10.0, 20.0, 300.0])
    y = train(layer, x)
    np.testing.assert_array_equal(y, np.broadcast_to(np.float32([10, 20, 255]), y.shape))
    with pytest.raises(ShapeError, match=r"one for each of the 1 channels.*got \(10.0, 20.0"):
        layer.build((4, 4, 1))


CROP = RandomCrop(3, 3)


@pytest.mark.parametrize("seed", range(3))
def test_crops_every_window_as_often(seed):
    x = np.broadcast_to(np.arange(20, dtype=np.float32).reshape(1, 4, 5, 1), (MANY, 4, 5, 1))
    y = train(CROP, x, seed)
    corners = y[:, 0, 0, 0].astype(int)
    for corner in (0, 1, 2, 5, 6, 7):
        rows = corners == corner
        want = x[0, corner // 5 : corner // 5 + 3, corner % 5 : corner % 5 + 3]
        assert (y[rows] == want).all()
        assert abs(rows.mean() - 1 / 6) < 4.5 * np.sqrt(5 / 36 / MANY)
    middle, _ = RandomCrop(2, 3).apply({}, {}, jnp.asarray(x[:1]))
    np.testing.assert_array_equal(middle, x[:1, 1:3, 1:4])


# -- the contract ---------------------------------------------------------------------------------

LAYERS = [
    RandomFlip(),
    RandomTranslation(0.3, 0.2),
    RandomRotation(0.2, interpolation="nearest"),
    RandomZoom(0.3),
    RandomAffine(0.1, 0.2, 0.2),
    RandomBrightness(0.2, (0, 1)),
    RandomContrast(0.4, (0, 1)),
    RandomErasing(value_range=(0, 1)),
    RandomCrop(6, 5),
]


def test_reproducible_and_each_row_on_its_own():
    x = np.repeat(photograph(1, 8, 8), 20, axis=0)
    runs = zip(*(train_all(LAYERS, x, seed) for seed in (1, 1, 2)), strict=True)
    for layer, (y, again, other) in zip(LAYERS, runs, strict=True):
        np.testing.assert_array_equal(y, again)
        assert (y != other).any(), layer
        assert (y != y[:1]).any(axis=(1, 2, 3)).sum() >= 5, layer  # one image, many outcomes


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_prediction_changes_nothing_and_dtypes_stay(layer):
    x = photograph(3, 6, 5)
    y, _ = layer.apply({}, {}, jnp.asarray(x))
    np.testing.assert_array_equal(y, x)
    output = lambda x, training: layer.apply({}, {}, x, key=jax.random.key(0), training=training)[0]
    for dtype in ("float32", "bfloat16", "float16", "uint8"):  # whole numbers come as floats
        want = "float32" if dtype == "uint8" else dtype
        for training in (False, True):
            given = jax.ShapeDtypeStruct((2, 6, 5, 1), dtype)
            assert jax.eval_shape(partial(output, training=training), given).dtype == want
    with pytest.raises(DescendError, match="needs a key in training"):
        layer.apply({}, {}, x, training=True)
    with pytest.raises(ShapeError, match=r"\(height, width, channels\), got shape \(5,\)"):
        layer.build((5,))


def test_one_key_draws_the_same_in_every_dtype():
    x = photograph(20, 8, 8)
    half = train_all(LAYERS, x.astype(jnp.bfloat16))
    for layer, a, b in zip(LAYERS, train_all(LAYERS, x), half, strict=True):
        assert np.abs(a - b.astype(np.float32)).mean() < 0.02, layer


def test_numbers_are_swept_pairs_are_not():
    assert RandomTranslation(0.1, (0.0, 0.2)).numbers() == {"height_factor": 0.1}
    assert RandomZoom(0.1).numbers() == {"height_factor": 0.1}
    assert RandomErasing(0.5).numbers() == {"factor": 0.5}
    assert RandomFlip().numbers() == {}
    x = photograph(4, 8, 8)
    rates, layer = (0.0, 0.1, 0.3), RandomRotation(0.5)

    def swept(rate):
        return augmented(layer.with_numbers({"factor": rate}), x, jax.random.key(0))

    alone = train_all([RandomRotation(rate) for rate in rates], x)
    for got, want in zip(jit(jax.vmap(swept))(jnp.asarray(rates)), alone, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomFlip("diagonal"),
        lambda: RandomTranslation(1.5, 0.1),
        lambda: RandomTranslation(0.1, (0.1, 0.2, 0.3)),
        lambda: RandomTranslation(0.1, "wide"),
        lambda: RandomTranslation(0.1, 0.1, fill_mode="mirror"),
        lambda: RandomRotation(0.1, interpolation="cubic"),
        lambda: RandomRotation(float("nan")),
        lambda: RandomZoom((-1.0, 0.0)),
        lambda: RandomContrast(-0.1),
        lambda: RandomErasing(1.2),
        lambda: RandomErasing(scale=(-0.1, 0.3)),
        lambda: RandomBrightness(0.1, value_range=(1, 0)),
        lambda: RandomBrightness(None),
        lambda: RandomCrop(0, 3),
    ],
)
def test_bad_settings_are_refused(make):
    with pytest.raises(DescendError, match="must be"):
        make()


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"cannot cut \(7, 3\) out of images of \(6, 6\)"):
        RandomCrop(7, 3).build((6, 6, 1))


@pytest.mark.parametrize("mode", FILL_MODES)
def test_gradient_is_the_transpose(mode):
    """<A x, w> = <x, A' w>: a resampling is linear in the image, the gradient its transpose."""
    x, w = photograph(3, 8, 8), photograph(3, 8, 8, seed=1)
    layer = RandomAffine(0.2, 0.3, 0.3, fill_mode=mode)

    @jit
    def both(x, w, key):
        y, back = jax.vjp(partial(augmented, layer, key=key), x)
        return y, back(w)[0]

    y, gradient = both(x, w, jax.random.key(0))
    # the sums cancel: their roundings are of the order of the terms
    scale = float(np.linalg.norm(y) * np.linalg.norm(w))
    np.testing.assert_allclose(np.vdot(y, w), np.vdot(x, gradient), atol=1e-6 * scale)
