"""The landscape: costs against evaluate, directions against their definition, pictures."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from PIL import Image

from descend import Conv2D, Dense, Dropout, Flatten, Input, Model, Sequential
from descend.errors import DataError, DescendError, NotFittedError, ShapeError
from descend.glass import Path, landscape
from descend.glass.paths import main_directions, on_plane
from descend.nn.regularizers import L2
from descend.report.landscape import landscape_report

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype(np.float32)
Y = np.tanh(X[:, :1] - X[:, 1:2])


@pytest.fixture(scope="module")
def walked():
    """A network with a penalty and dropout, and its path."""
    model = Sequential(
        [
            Input((3,)),
            Dense(6, "tanh", name="h", kernel_regularizer=L2(0.01)),
            Dropout(0.2, name="drop"),
            Dense(1, name="out"),
        ],
        seed=3,
    )
    model.compile("adam", "mse")
    path = Path()
    model.fit(X, Y, epochs=12, batch_size=25, verbose=0, callbacks=[path])
    return model, path


def moved_cost(model, shift):
    """J at shifted weights, by `evaluate`."""
    flat, build = ravel_pytree(model.params)
    old = model.params
    model.params = build(flat + jnp.asarray(shift, flat.dtype))
    cost = model.evaluate(X, Y, verbose=0)
    model.params = old
    return cost


def test_costs_are_those_of_evaluate(walked):
    model, _ = walked
    before = jax.tree.map(np.asarray, model.params)
    found = landscape(model, X, Y, points=5, span=0.8, seed=1)
    assert found.cost.shape == (5, 5)
    for j, i in [(0, 0), (2, 2), (1, 4), (4, 3)]:
        shift = found.a[i] * found.directions[0] + found.b[j] * found.directions[1]
        # the same sums in float32 in another order
        np.testing.assert_allclose(found.cost[j, i], moved_cost(model, shift), rtol=2e-6)
    jax.tree.map(np.testing.assert_array_equal, before, jax.tree.map(np.asarray, model.params))
    frame = found.to_frame()
    assert list(frame) == ["a", "b", "cost"]
    assert len(frame) == 25
    np.testing.assert_allclose(frame["cost"][1], found.cost[0, 1])


def test_random_directions_are_normalised_filter_by_filter(walked):
    i = Input((6, 6, 2))
    h = Flatten()(Conv2D(4, 3, name="c")(i))
    model = Model(i, Dense(2, name="d")(h))
    model.compile("sgd", "mse")
    x = RNG.normal(size=(4, 6, 6, 2))
    found = landscape(model, x, np.zeros((4, 2)), points=2, seed=5)
    build = ravel_pytree(model.params)[1]
    for direction in found.directions:
        d = build(jnp.asarray(direction, jnp.float32))
        for layer, axes in {"c": (0, 1, 2), "d": (0,)}.items():
            w = model.params[layer]["kernel"]
            lengths = [
                np.sqrt((np.asarray(a) ** 2).sum(axis=axes)) for a in (d[layer]["kernel"], w)
            ]
            np.testing.assert_allclose(*lengths, rtol=1e-5)
            assert not np.asarray(d[layer]["bias"]).any()
    assert abs(np.corrcoef(found.directions)[0, 1]) < 0.3


def test_a_scaled_relu_network_has_the_same_landscape():
    """Li et al. 2018, 3: first layer times 10, second by 10: the same network, the same picture."""
    model = Sequential(
        [
            Input((3,)),
            Dense(8, "relu", use_bias=False, name="h"),
            Dense(1, use_bias=False, name="out"),
        ]
    )
    model.compile("sgd", "mse")
    one = landscape(model, X, Y, points=7, seed=2)
    p = model.params
    model.params = {
        "h": {"kernel": p["h"]["kernel"] * 10},
        "out": {"kernel": p["out"]["kernel"] / 10},
    }
    two = landscape(model, X, Y, points=7, seed=2)
    np.testing.assert_allclose(one.cost, two.cost, rtol=1e-4)  # float32 and a factor that rounds
    # without the normalisation it is another picture
    fixed = [np.ones(32)]
    assert not np.allclose(
        landscape(model, X, Y, fixed, points=7).cost,
        landscape(Sequential_like(p), X, Y, fixed, points=7).cost,
        rtol=0.1,
    )


def Sequential_like(params):
    model = Sequential(
        [
            Input((3,)),
            Dense(8, "relu", use_bias=False, name="h"),
            Dense(1, use_bias=False, name="out"),
        ]
    )
    model.compile("sgd", "mse")
    model.params = params
    return model


def test_the_cost_of_a_linear_neuron_is_its_parabola(x64):
    i = Input((1,))
    model = Model(i, Dense(1, use_bias=False, name="neuron")(i))
    model.compile("sgd", "mse")
    x, y = RNG.normal(size=(20, 1)), RNG.normal(size=(20, 1))
    model.params = {"neuron": {"kernel": jnp.array([[0.7]])}}
    found = landscape(model, x, y, [np.array([2.0])], points=9, span=(-1, 3))
    w = 0.7 + 2 * found.a
    np.testing.assert_allclose(found.a, np.linspace(-1, 3, 9))
    closed = [(float(np.mean((y - w_ * x) ** 2))) for w_ in w]
    np.testing.assert_allclose(found.cost, closed, rtol=2e-6)  # float32 rows


def test_the_path_lies_on_its_main_directions(walked):
    model, path = walked
    assert path.epochs == list(range(13))
    found = landscape(model, X, Y, "path", path=path, points=6)
    np.testing.assert_allclose(found.path[-1], 0, atol=1e-5)  # it ends at the present weights
    np.testing.assert_allclose(found.path_cost[-1], model.evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(2), atol=1e-6)
    assert 0.8 < found.shares.sum() <= 1 + 1e-6
    for axis, along in zip((found.a, found.b), found.path.T, strict=True):
        assert axis[0] < along.min() <= along.max() < axis[-1]
    # the share is what is left of the path when it is put on the plane
    apart = path.weights - path.weights[-1]
    foot = found.path @ found.directions
    left = np.sum((apart - foot) ** 2) / np.sum(apart**2)
    np.testing.assert_allclose(1 - left, found.shares.sum(), atol=1e-4)


def test_feet_on_slanted_directions():
    directions = np.array([[1.0, 0, 0], [1.0, 1.0, 0]])
    points = np.array([[3.0, 2.0, 7.0]])
    np.testing.assert_allclose(on_plane(points, np.zeros(3), directions), [[1.0, 2.0]])
    with pytest.raises(DescendError, match="does not move"):
        main_directions(np.ones((4, 3)), 2)
    with pytest.raises(DescendError, match="more than 2 points"):
        main_directions(np.ones((2, 3)), 2)


def test_pictures_and_animation(walked, tmp_path):
    model, path = walked
    found = landscape(model, X, Y, "path", path=path, points=6)
    found.plot().figure.savefig(tmp_path / "map.png")
    found.animate(tmp_path / "walk.gif", seconds=2)
    with Image.open(tmp_path / "walk.gif") as moving:
        assert moving.n_frames == 13
        first = np.asarray(moving.convert("RGB"), int)
        moving.seek(12)
        last = np.asarray(moving.convert("RGB"), int)
    # the marker (vermilion) has moved
    marks = [
        np.argwhere(np.abs(f - [213, 94, 0]).sum(axis=2) < 60).mean(axis=0) for f in (first, last)
    ]
    assert np.abs(marks[0] - marks[1]).max() > 20
    assert not list(tmp_path.glob(".descend*"))
    line = landscape(model, X, Y, "path", path=path, points=6, dimensions=1)
    assert line.cost.shape == (6,)
    line.plot().figure.savefig(tmp_path / "line.png")
    line.animate(tmp_path / "line.gif")


def test_messages(walked, tmp_path):
    model, path = walked
    cases = [
        ({"dimensions": 3}, DescendError, "dimensions must be 1 or 2"),
        ({"points": 1}, DescendError, "points must be a whole number >= 2"),
        ({"directions": "pca"}, DescendError, "'random', 'path' or a list"),
        ({"directions": "path"}, DescendError, "needs path="),
        ({"directions": [np.ones(4)]}, ShapeError, "a direction has 4 numbers"),
        ({"directions": [np.zeros(31)]}, DataError, "not all zero"),
        ({"span": -1.0}, DescendError, "span must be > 0"),
    ]
    for options, error, words in cases:
        with pytest.raises(error, match=words):
            landscape(model, X, Y, **options)
    with pytest.raises(DescendError, match="no path to show"):
        landscape(model, X, Y, points=2).animate(tmp_path / "x.gif")
    with pytest.raises(DescendError, match=r"ends in \.gif"):
        landscape(model, X, Y, points=2, path=path).animate(tmp_path / "x.mp4")
    with pytest.raises(DescendError, match="empty"):
        _ = Path().weights
    i = Input((3,))
    with pytest.raises(NotFittedError):
        landscape(Model(i, Dense(1)(i)), X, Y)


def test_the_page_holds_the_walk_and_loads_nothing(walked, tmp_path):
    model, path = walked
    found = landscape(model, X, Y, "path", path=path, points=6)
    file = landscape_report(found, tmp_path / "walk.html")
    text = file.read_text()
    assert not re.search(r"(src|href)='?\"?(https?:)?//", text)
    data = json.loads(re.search(r"id='walk-data'>(.*?)</script>", text)[1])
    assert len(data["places"]) == len(data["words"]) == 13
    assert data["words"][0] == f"epoch 0, cost {found.path_cost[0]:.4g}"
    # the places are the coordinates up to the axes' scale: straight lines through all of them
    at = np.array(data["places"])
    for k in range(2):
        assert abs(np.corrcoef(at[:, k], found.path[:, k])[0, 1]) > 0.9999
    with pytest.raises(DescendError, match=r"ends in \.html"):
        landscape_report(found, tmp_path / "walk.gif")
