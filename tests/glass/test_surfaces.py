"""Surfaces and hidden spaces, against predictions and hand-made geometry."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from descend import Conv1D, Dense, Input, Model, Sequential
from descend.errors import DataError, DescendError, ShapeError
from descend.glass import decision_surface, hidden_space, layer_outputs, surface, unit_surfaces

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)


def network(outputs=1, last="sigmoid"):
    return Sequential(
        [Input((3,)), Dense(5, "relu", name="h"), Dense(outputs, last, name="out")], seed=2
    )


def test_layer_outputs_end_in_the_prediction():
    i = Input((3,))
    shared = Dense(3, "tanh", name="twice")
    model = Model(i, Dense(2, name="out")(shared(shared(i))))
    found = layer_outputs(model, X)
    assert list(found) == ["twice", "twice@2", "out"]
    np.testing.assert_allclose(found["out"], model.predict(X), rtol=1e-6)
    w = model.params["twice"]
    by_hand = np.tanh(X @ w["kernel"] + w["bias"][None])
    np.testing.assert_allclose(found["twice"], by_hand, rtol=1e-5, atol=1e-6)


def test_a_surface_is_the_network_on_the_grid():
    model = network()
    found = surface(model, X, (2, 0), points=7, held=[9.0, 0.5, 9.0])
    assert found.names == ("x3", "x1")
    row = np.array([[found.b[4], 0.5, found.a[1]]])
    np.testing.assert_allclose(found.values["out"][4, 1], model.predict(row)[0], rtol=1e-6)
    assert found.a[0] < X[:, 2].min() < X[:, 2].max() < found.a[-1]
    assert found.values["h"].shape == (7, 7, 5)
    frame = pd.DataFrame(X, columns=["age", "income", "region"])
    assert surface(model, frame, points=3).names == ("age", "income")


def test_the_line_of_one_half_is_the_neurons_line():
    """One logistic neuron on two inputs: the boundary is w1 x1 + w2 x2 + b = 0."""
    model = Sequential([Input((2,)), Dense(1, "sigmoid", name="n")])
    model.params = {"n": {"kernel": jnp.array([[1.0], [2.0]]), "bias": jnp.array([-0.5])}}
    x = RNG.normal(size=(30, 2))
    ax = decision_surface(model, x, (x @ [1, 2] > 0.5).astype(int), classes=["no", "yes"])
    (line,) = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    at = np.concatenate([p.vertices for p in line.get_paths()])
    # linear interpolation of a sigmoid between grid points
    np.testing.assert_allclose(at @ [1, 2], 0.5, atol=1e-3)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["no", "yes"]


def test_pictures_of_classes_units_and_numbers(tmp_path):
    y = np.arange(60) % 3
    decision_surface(network(3, "softmax"), X, y).figure.savefig(tmp_path / "classes.png")
    decision_surface(network(1, None), X, X[:, 0]).figure.savefig(tmp_path / "number.png")
    figure = unit_surfaces(network(), X, points=9)
    panels = [ax for ax in figure.axes if ax.get_title().startswith("unit")]
    assert len(panels) == 5
    figure.savefig(tmp_path / "units.png")


def test_hidden_space_tells_a_smooth_paper_from_a_crumpled_one(tmp_path):
    """Two rings: no line divides them; with x1^2 + x2^2 beside them a plane does."""
    angle = RNG.uniform(0, 2 * np.pi, 200)
    ring = np.arange(200) % 2
    radius = np.where(ring, 2.0, 1.0)
    x = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    model = Sequential(
        [Input((2,)), Dense(12, "relu", name="h"), Dense(2, "softmax", name="out")], seed=0
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    before = hidden_space(model, x, ring)
    assert before.separable["input"] < 0.65
    # units that see how far a point is in twelve directions: their sum is about the radius
    turns = np.arange(12) * np.pi / 6
    params = {k: dict(v) for k, v in model.params.items()}
    params["h"]["kernel"] = jnp.asarray(np.stack([np.cos(turns), np.sin(turns)]), jnp.float32)
    model.params = params
    after = hidden_space(model, x, ring)
    assert after.separable["h"] == 1.0
    assert list(after.coordinates) == ["input", "h"]
    np.testing.assert_allclose(after.coordinates["input"], x, rtol=1e-6)
    assert after.shares["input"] == 1
    features = layer_outputs(model, x)["h"]
    centred = features - features.mean(axis=0)
    top = np.sort(np.linalg.eigvalsh(centred.T @ centred))[::-1]
    np.testing.assert_allclose(after.shares["h"], top[:2].sum() / top.sum(), rtol=1e-4)
    after.plot(["inner", "outer"]).savefig(tmp_path / "space.png")


def test_messages():
    model = network()
    with pytest.raises(DescendError, match="two different numbers from 0 to 2"):
        surface(model, X, (1, 1))
    with pytest.raises(ShapeError, match="a row of 3 numbers"):
        surface(model, X, held=[1.0])
    with pytest.raises(DescendError, match="unknown layer 'hh'"):
        unit_surfaces(model, X, "hh", points=3)
    with pytest.raises(DataError, match="at least two classes"):
        hidden_space(model, X, np.zeros(60))
    with pytest.raises(ShapeError, match="60 classes"):
        hidden_space(model, X, np.zeros(3))
    i = Input((4, 2))
    with pytest.raises(ShapeError, match=r"shape \(features,\)"):
        surface(Model(i, Conv1D(2, 2)(i)), np.zeros((3, 4, 2)))
