"""What `glass` is given wrongly is one clear error; what it shows is what it computed."""

import jax.numpy as jnp
import numpy as np
import pytest

import descend.glass as glass
from descend import Dense, Input, Sequential
from descend.errors import DescendError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 12)


@pytest.fixture(scope="module")
def model():
    made = Sequential(
        [Input((4,)), Dense(5, "tanh", name="h"), Dense(3, "softmax", name="out")], seed=1
    )
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


@pytest.mark.parametrize(
    "call",
    [glass.trace, glass.gradient_health, glass.landscape, glass.race, glass.decision_surface],
    ids=lambda call: call.__name__,
)
@pytest.mark.parametrize("given", [3, Sequential], ids=["a number", "a class"])
def test_no_model(call, given):
    with pytest.raises(DescendError, match="looks into a descend Model"):
        call(given, X, Y)


@pytest.mark.parametrize(
    ("call", "options", "message"),
    [
        ("landscape", {"span": (1, 2, 3)}, "span must be"),
        ("landscape", {"span": "a"}, "span must be"),
        ("landscape", {"path": 3}, "path must be a Path"),
        ("landscape", {"seed": "a"}, "seed"),
        ("landscape", {"points": 1}, "points must be a whole number >= 2"),
        ("race", {"rates": [0.1, -1.0]}, "rates must be finite numbers > 0"),
        ("decision_surface", {"points": 1}, "points must be a whole number >= 2"),
        ("decision_surface", {"names": ["a"]}, "names must be 4, one a feature"),
        ("decision_surface", {"classes": ["a"]}, "classes must be 3 names"),
    ],
)
def test_bad_arguments(model, call, options, message):
    with pytest.raises(DescendError, match=message):
        getattr(glass, call)(model, X, Y, **options)


def test_a_frozen_layer_is_said_to_be_frozen(model):
    base = model.features("h")
    base.freeze()
    new = Sequential([base, Dense(3, "softmax", name="new")])
    new.compile("adam", "sparse_categorical_crossentropy")
    found = glass.trace(new, X[:4], Y[:4])
    assert found.array("h/kernel").frozen
    assert not found.array("new/kernel").frozen
    assert (found.array("h/kernel").update == 0).all()
    assert "h/kernel is frozen: fit computes no gradient" in str(found)
    assert "were it not frozen" in str(found.weight("h/kernel", (0, 0)))
    assert "the gradient that fit uses" in str(found.weight("new/kernel", (0, 0)))
    assert found.frame()["frozen"].tolist() == [True, False]
    with pytest.raises(DescendError, match="one by one"):
        new.freeze(["h"])


def test_indices_and_names_of_a_trace(model):
    found = glass.trace(model, X[:4], Y[:4])
    with pytest.raises(DescendError, match="numbers 0 to 4, got 9"):
        found.unit("h", 9)
    with pytest.raises(DescendError, match="numbers 0 to 3, got 20"):
        found.unit("h", 0, row=20)
    with pytest.raises(DescendError, match="at least 1"):
        found.weight("h/kernel", (0, 0), most=0)
    with pytest.raises(DescendError, match="name of a layer"):
        found.frame(3)
    assert "a_1 = softmax(z)_1 = " in str(found.unit("out", 1))  # of all z, not of z_1


def test_an_atom_is_computed_from_the_numbers_that_are_shown():
    """As a whole, the compiler makes exp(x) / exp(x) into 1; as operations it is inf / inf."""
    found = glass.atoms(lambda x: jnp.exp(x) / jnp.exp(x), jnp.float32(1000.0))
    assert np.isinf(found["v1"].value)
    assert np.isnan(found.result.value)
    where = glass.where_nan(lambda x: jnp.exp(x) / jnp.exp(x), jnp.float32(1000.0))
    assert "exp(x)" in str(where)
    assert "backward" not in str(where)


def test_results_that_are_no_function_of_the_arguments():
    found = glass.atoms(lambda x: 1.0, jnp.ones(3))
    assert found.result.value == 1
    np.testing.assert_array_equal(found["x"].adjoint, 0)
    with pytest.raises(DescendError, match="int32, without decimals"):
        glass.atoms(lambda i: i * 3, 2)
