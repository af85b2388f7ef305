"""Layers that learn from data before training, and Lambda: what the suite does not say of them."""

from __future__ import annotations

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DataError, DescendError
from descend.nn import layers
from descend.nn.layers import Dense, Discretization, Lambda, Normalization, Rescaling
from descend.nn.symbols import Input
from descend.train.model.model import Model
from descend.train.model.sequential import Sequential
from descend.train.saving.loading import load_model


@pytest.fixture(scope="module")
def keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns about its own dependencies
        return pytest.importorskip("keras", exc_type=ImportError)


def test_what_adapt_learns_is_keras_s(keras):
    rng = np.random.default_rng(0)
    x = rng.normal(3, [1.0, 20.0, 0.0], (50, 4, 3))
    for axis in (-1, None, (1, 2)):
        mine, theirs = Normalization(axis), keras.layers.Normalization(axis)
        mine.adapt(x), theirs.adapt(x.astype("float32"))
        want = np.asarray(theirs(x.astype("float32")))
        scale = np.abs(want).max()  # float32 moments; the feature without spread is over 1e-7
        np.testing.assert_allclose(mine(x), want, rtol=1e-4, atol=1e-4 * min(scale, 1e3))
    for count, bins in ((1000, 4), (37, 5), (3, 2)):
        values = rng.normal(size=count)
        mine, theirs = Discretization(num_bins=bins), keras.layers.Discretization(num_bins=bins)
        mine.adapt(values), theirs.adapt(values)
        close = {"rtol": 1e-5, "atol": 1e-6}  # Keras reckons in float32
        np.testing.assert_allclose(mine.bin_boundaries, theirs.bin_boundaries, **close)


def test_what_was_learned_is_saved_with_the_model(tmp_path):
    scale = Normalization()
    x = np.random.default_rng(0).normal(5, 3, (20, 2)).astype("float32")
    scale.adapt(x)
    np.testing.assert_allclose(scale(x).std(axis=0), 1, rtol=1e-5)
    model = Sequential([Input((2,)), scale, Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    assert scale.mean == pytest.approx(x.mean(axis=0))  # not trained
    model.save(tmp_path / "scaled.descend")
    again = load_model(tmp_path / "scaled.descend")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    with pytest.raises(DescendError, match="adapt comes before"):
        scale.adapt(x)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Normalization()(np.ones((2, 3))), DescendError, "call adapt"),
        (lambda: Normalization(mean=0.0), DescendError, "mean and variance, or neither"),
        (lambda: Normalization().adapt([[np.nan]]), DataError, "finite"),
        (lambda: Normalization(mean=[1.0], variance=[1.0])(Input((3,))), DescendError, r"\(1,\)"),
        (lambda: Normalization().adapt("abc"), DataError, "rows of finite numbers"),
        (lambda: Normalization(mean=0.0, variance=-1.0), DescendError, "finite numbers >= 0"),
        (lambda: Rescaling("a"), DescendError, "scale must hold finite numbers, got 'a'"),
        (lambda: Discretization(), DescendError, "bin_boundaries, or num_bins"),
        (lambda: Discretization([0.0, 1.0], num_bins=3), DescendError, "not both"),
        (lambda: Discretization(num_bins=3).adapt([]), DataError, "rows of finite numbers"),
        (lambda: Discretization([2.0, 1.0]), DescendError, "must rise"),
        (lambda: Discretization([1.0]).adapt([1.0]), DescendError, "has its boundaries"),
        (lambda: layers.CategoryEncoding(3, "binary"), DescendError, "output_mode must be one of"),
        (lambda: layers.Resizing(2, 2, "area"), DescendError, "interpolation must be one of"),
        (lambda: layers.ReLU(-1.0), DescendError, "max_value must be"),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_discretization_that_learned_is_read_from_files_old_and_new():
    """Files written before held the number of intervals that was asked for, too."""
    layer = Discretization(num_bins=2)
    layer.adapt([0.0, 1.0, 2.0, 3.0])
    edges = layer.bin_boundaries
    for config in (layer.config(), {**layer.config(), "num_bins": 2}):
        assert Discretization.from_config(config).bin_boundaries == edges
    layer.adapt([10.0, 11.0, 12.0, 13.0])  # again, until it stands in a network
    assert len(layer.bin_boundaries) == len(edges) == 1
    assert layer.bin_boundaries != edges


def test_eager_on_arrays():
    y = Rescaling(1 / 255)(np.full((1, 2, 2, 1), 51, np.uint8))
    assert isinstance(y, np.ndarray)
    np.testing.assert_allclose(y, 0.2, rtol=1e-6)


# -- vocabularies -------------------------------------------------------------------------------

TEXTS = ["The cat, the HAT.", "a cat  on a mat!", "hat & mat; Cat's", ""]
MORE = ["the dog's hat", "A mat"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_tokens": 4, "output_sequence_length": 3},
        {"standardize": "lower", "ngrams": 2},
        {"standardize": None, "split": "character"},
        {"split": None, "standardize": "strip_punctuation"},
        {"output_mode": "count", "ngrams": (2,)},
        {"output_mode": "multi_hot", "max_tokens": 20, "pad_to_max_tokens": True},
        {"output_mode": "tf_idf", "max_tokens": 5},
    ],
    ids=str,
)
def test_texts_are_vectorised_as_in_keras(keras, options):
    pytest.importorskip("tensorflow")
    mine = layers.TextVectorization(**options)
    theirs = keras.layers.TextVectorization(**options)
    mine.adapt(TEXTS), theirs.adapt(TEXTS)
    assert mine.get_vocabulary() == [str(word) for word in theirs.get_vocabulary()]
    for texts in (TEXTS, MORE, np.array(MORE)[:, None]):
        np.testing.assert_allclose(mine(texts), np.asarray(theirs(texts)), rtol=1e-6)


def test_lookups_are_keras_s(keras):
    pytest.importorskip("tensorflow")
    words = np.array([["b", "a"], ["c", "b"], ["d", "b"]])
    for options in ({}, {"mask_token": "a", "output_mode": "multi_hot"}, {"max_tokens": 3}):
        mine, theirs = layers.StringLookup(**options), keras.layers.StringLookup(**options)
        mine.adapt(words), theirs.adapt(words)
        assert mine.get_vocabulary() == [str(word) for word in theirs.get_vocabulary()]
        asked = np.array([["a", "b"], ["z", "d"]])
        np.testing.assert_array_equal(mine(asked), np.asarray(theirs(asked)))
    back = layers.StringLookup(vocabulary=mine.get_vocabulary(), invert=True)
    assert back(np.array([0, 1])).tolist() == ["[UNK]", "b"]
    codes = np.array([[7, 7, 30], [2, 7, 41]])
    for options in (
        {"vocabulary": [30, 7]},
        {"vocabulary": [7], "num_oov_indices": 3, "mask_token": 0},
        {"vocabulary": [2, 7], "output_mode": "count"},
    ):
        mine, theirs = layers.IntegerLookup(**options), keras.layers.IntegerLookup(**options)
        want = np.asarray(theirs(codes))
        np.testing.assert_array_equal(mine(codes), want)
        i = Input((3,), dtype="int32")
        np.testing.assert_array_equal(Model(i, mine(i)).predict(codes), want)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StringLookup(vocabulary=["a"])(Input((1,))), "call it on the data before"),
        (lambda: layers.TextVectorization()(["a"]), "call adapt"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "'a' twice"),
        (lambda: layers.StringLookup(vocabulary="words.txt"), "a list of tokens"),
        (lambda: layers.StringLookup(num_oov_indices=0, vocabulary=["a"])(["b"]), "'b' is not in"),
        (lambda: layers.StringLookup(num_oov_indices=2), "0 or 1"),
        (lambda: layers.TextVectorization(standardize="upper"), "standardize must be one of"),
        (lambda: layers.TextVectorization(ngrams=0), "ngrams must be a whole number >= 1"),
        (lambda: layers.StringLookup(vocabulary=3), "a list of tokens, got 3"),
        (lambda: layers.StringLookup(vocabulary=[1]), "must be a text, got 1"),
        (lambda: layers.IntegerLookup(vocabulary=["a"]), "must be a whole number, got 'a'"),
        (lambda: layers.IntegerLookup(vocabulary=[]), "got no token"),
        (lambda: layers.TextVectorization().adapt([""]), "found no token .*there is none"),
        (lambda: layers.TextVectorization(max_tokens=2).adapt(["a"]), "max_tokens=2 leaves no"),
        (lambda: layers.IntegerLookup(mask_token="a"), "mask_token must be a whole number"),
        (lambda: layers.TextVectorization(split=str.split).config(), "split is a function"),
        (lambda: layers.TextVectorization(ragged=True), "pad the sequences"),
    ],
)
def test_what_a_lookup_cannot_do(make, message):
    with pytest.raises(DescendError, match=message):
        make()


# -- Lambda -------------------------------------------------------------------------------------


def test_lambda_computes_and_is_not_saved(tmp_path):
    a, b = Input((3,)), Input((3,))
    distance = Lambda(lambda pair: jnp.abs(pair[0] - pair[1]))([a, b])
    scaled = Lambda(lambda x, by: by * x, arguments={"by": 2.0})(distance)
    model = Model([a, b], scaled)
    assert scaled.shape == (3,)
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model.predict([x, 3 * x]), np.full((2, 3), 4.0))
    with pytest.raises(DescendError, match=r"file holds no code(.|\n)*class X\(Layer\)"):
        model.save(tmp_path / "code.descend")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (3, "takes a function"),
        (lambda x: np.tanh(x), r"test_preparing.py, line(.|\n)*jax.numpy \(jnp\)"),
        (lambda x: jnp.sum(x), "a row for each row"),
    ],
)
def test_what_lambda_cannot_do_is_said_when_it_is_put_in(function, message):
    with pytest.raises(DescendError, match=message):
        Lambda(function)(Input((3,)))


def test_functions_of_lower_case():
    a, b = Input((4,)), Input((4,))
    for name in ("add", "subtract", "multiply", "average", "maximum", "minimum"):
        assert getattr(layers, name)([a, b]).shape == (4,)
    assert layers.concatenate([a, b]).shape == (8,)
    assert layers.dot([a, b], axes=1, normalize=True).shape == (1,)
