"""Attention, positions, transformer and residual blocks: what the general suite does not ask."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.attention import torch_decoder, torch_encoder
from layer_cases.case import jit, start

from descend.errors import DescendError, ShapeError
from descend.nn.attention import attend, dot_product_attention, rotate
from descend.nn.initializers import GlorotUniform
from descend.nn.layers.attention import AdditiveAttention, Attention
from descend.nn.layers.embedding import Embedding, PositionEmbedding, SinePositionEncoding
from descend.nn.layers.multi_head import MultiHeadAttention
from descend.nn.layers.residual import Residual, ResidualConv2D, ResNetS
from descend.nn.layers.transformer import TransformerDecoder, TransformerEncoder
from descend.nn.symbols import Input

RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def predict(layer, params, x, **options):
    return jit(lambda params, x, options: layer.apply(params, {}, x, **options)[0])(
        params, x, options
    )


def by_loops(q, k, v, allowed, scale):
    """The formula, number by number, in float64: (batch, time, heads, d)."""
    out = np.zeros((*q.shape[:3], v.shape[-1]))
    for b, i, h in np.ndindex(q.shape[:3]):
        seen = [j for j in range(k.shape[1]) if allowed[b, i, j]]
        scores = np.array([float(np.dot(q[b, i, h], k[b, j, h])) * scale for j in seen])
        weights = np.exp(scores - scores.max(initial=0))
        for j, w in zip(seen, weights / weights.sum(), strict=True):
            out[b, i, h] += w * v[b, j, h]
    return out


MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]], bool)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("form", ["none", "padding", "pattern", "heads", "additive"])
def test_the_formula_number_by_number(causal, form):
    q, k, v = draw(3, 4, 2, 6), draw(3, 5, 2, 6), draw(3, 5, 2, 3)
    allowed = np.ones((3, 4, 5), bool)
    options = {}
    if form == "padding":
        allowed &= MASK[:, None]
        options["mask"] = MASK
    elif form != "none":
        allowed = RNG.random((3, 4, 5)) < 0.6
        allowed[..., 0] = True
        options["mask"] = allowed if form == "pattern" else np.repeat(allowed[:, None], 2, 1)
        if form == "additive":
            options = {"bias": np.where(allowed, 0, -np.inf).astype(np.float32)[:, None]}
    if causal:
        allowed = allowed & np.tri(4, 5, dtype=bool)
        if form == "padding":
            allowed[1, 0] = False  # sees nothing
    want = by_loops(q, k, v, allowed, 1 / np.sqrt(6))
    y = jit(partial(dot_product_attention, causal=causal))(q, k, v, **options)
    np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-5)


def test_a_query_that_sees_nothing_gets_zeros_and_no_gradient():
    q, k, v = draw(2, 3, 2, 4), draw(2, 5, 2, 4), draw(2, 5, 2, 4)
    mask = np.array([[False] * 5, [True] * 5])
    bias = np.where(mask, 0, -np.inf).astype(np.float32)[:, None, None]

    def f(q, k, v, mask, bias):
        y = dot_product_attention(q, k, v, mask=mask, bias=bias)
        return jnp.sum(jnp.sin(y)), y

    grad = jit(jax.grad(f, argnums=(0, 1, 2), has_aux=True))
    for given in ((mask, None), (None, bias)):
        grads, y = grad(q, k, v, *given)
        np.testing.assert_array_equal(y[0], 0)
        for g in grads:
            np.testing.assert_array_equal(g[0], 0)
            assert np.isfinite(g).all()
            assert np.abs(g[1]).max() > 0


def test_scores_of_any_size_are_finite():
    q, k, v = draw(2, 3, 1, 4) * 1e4, draw(2, 5, 1, 4) * 1e4, draw(2, 5, 1, 4)
    value, grad = jit(jax.value_and_grad(lambda q: jnp.sum(dot_product_attention(q, k, v))))(q)
    assert np.isfinite(value)
    assert np.isfinite(grad).all()
    half = jit(dot_product_attention)(*(jnp.asarray(a, jnp.bfloat16) for a in (q, k, v)))
    assert half.dtype == jnp.bfloat16
    assert jnp.isfinite(half).all()


def test_the_weights_of_dropout_keep_their_mean():
    """Dropped weights are scaled up by 1 / (1 - rate): over many draws the mean is attention's."""
    scores, value = draw(1, 2, 3, 4), draw(1, 4, 2, 3)
    layer = Attention(dropout=0.4)

    @jit
    def many(keys):
        one = lambda key: attend(scores, value, dropout=layer.dropping(key, True))
        return jnp.mean(jax.vmap(one)(keys), 0), one(keys[0])

    mean, once = many(jax.random.split(jax.random.key(0), 4000))
    want = attend(scores, value)
    np.testing.assert_allclose(mean, want, atol=0.08)
    assert np.abs(once - want).max() > 0.1


CAUSAL = {
    "multi head": MultiHeadAttention(2, 4, use_causal_mask=True, rotary=100.0),
    "encoder": TransformerEncoder(8, 2, use_causal_mask=True),
    "decoder": TransformerDecoder(8, 2, normalize_first=True),
}


@pytest.mark.parametrize("name", CAUSAL)
def test_a_causal_layer_never_looks_ahead(name):
    """Changing the steps from 3 on changes no output before 3, and every one from 3 on."""
    layer = CAUSAL[name]
    params, _ = start(layer, (6, 4))
    x = draw(2, 6, 4)
    changed = x.copy()
    changed[:, 3:] += draw(2, 3, 4)
    y, z = (np.asarray(predict(layer, params, a)) for a in (x, changed))
    np.testing.assert_array_equal(y[:, :3], z[:, :3])
    assert (np.abs(y[:, 3:] - z[:, 3:]).max((0, 2)) > 1e-3).all()


def test_padding_is_as_if_it_were_not_there():
    x, e = draw(2, 4, 6), draw(2, 7, 6)
    padded = np.concatenate([e, np.full((2, 3, 6), 1e3, np.float32)], axis=1)
    mask = np.arange(10) < 7
    masks = (None, np.stack([mask, mask]))
    for layer in (
        Attention(),
        AdditiveAttention(),
        MultiHeadAttention(2, 3),
        TransformerDecoder(5, 2),
    ):
        params, _ = start(layer, ((4, 6), (7, 6)))
        want = predict(layer, params, (x, e))
        y = predict(layer, params, (x, padded), mask=masks)
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)


def test_masked_queries_give_zeros():
    mask = np.array([[True, True, False], [True, False, False]])
    y = predict(Attention(), {}, (draw(2, 3, 4), draw(2, 5, 4)), mask=(mask, None))
    np.testing.assert_array_equal(np.asarray(y)[~mask], 0)
    assert (np.asarray(y)[mask] != 0).all()


def test_self_attention_is_attention_to_itself():
    """One product for queries, keys and values gives what three products give."""
    layer = MultiHeadAttention(3, 4, 2, use_causal_mask=True)
    params, _ = start(layer, (5, 6))
    x = draw(2, 5, 6)
    y = predict(layer, params, x)
    for several in ((x, x), (x, x, x)):
        np.testing.assert_allclose(predict(layer, params, several), y, rtol=1e-5, atol=1e-6)


def test_how_multi_head_attention_is_called():
    layer, a, b = MultiHeadAttention(2, 3), Input((4, 6)), Input((5, 6))
    for called, count in (
        (layer(a), 1),
        (layer(a, a), 1),
        (layer(a, b), 2),
        (layer([a, b]), 2),
        (layer(a, b, b), 3),
        (layer(query=a, value=b, key=b), 3),
    ):
        assert called.shape == (4, 6)
        assert len(called.inputs) == count
    assert TransformerDecoder(5, 2)(a, b).shape == (4, 6)


def test_kernels_are_drawn_as_the_matrices_that_they_are():
    """Glorot's limit is sqrt(6 / (n_in + n_out)) with the n of the whole product."""
    layer = MultiHeadAttention(8, 4, kernel_initializer=GlorotUniform())
    params, _ = layer.init(jax.random.key(0), (5, 64))
    for name, total in (("query", 64 + 32), ("value", 64 + 32), ("attention_output", 32 + 64)):
        limit = np.sqrt(6 / total)
        assert 0.95 * limit < np.abs(params[f"{name}.kernel"]).max() <= limit
    assert not np.array_equal(params["query.kernel"], params["key.kernel"])


def test_a_rate_of_zero_draws_no_random_numbers_and_is_not_swept():
    assert MultiHeadAttention(2, 3).numbers() == {}
    assert MultiHeadAttention(2, 3, dropout=0.1).numbers() == {"dropout": 0.1}
    layer = TransformerEncoder(5, 2)
    params, _ = start(layer, (4, 6))
    train = lambda x: layer.apply(params, {}, x, training=True)[0]
    x = draw(2, 4, 6)
    np.testing.assert_array_equal(jit(train)(x), predict(layer, params, x))  # and needs no key


def test_one_regularizer_for_the_kernels_of_all_four_products():
    layer = MultiHeadAttention(2, 3, kernel_regularizer="l2", bias_regularizer="l1")
    params, _ = start(layer, (4, 6))
    want = sum(
        0.01 * float(np.sum(a**2 if name.endswith("kernel") else np.abs(a)))
        for name, a in params.items()
    )
    np.testing.assert_allclose(layer.penalty(params), want, rtol=1e-5)


@pytest.mark.parametrize("first", [False, True])
def test_transformer_with_padding_as_in_pytorch(first):
    """Encoder and decoder over ragged sequences, causal or not; real steps agree."""
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x, e = draw(3, 5, 8), draw(3, 4, 8)
    mask, other = (np.arange(n) < np.array([[n], [2], [3]]) for n in (5, 4))
    to = lambda tree: jax.tree.map(lambda a: torch.tensor(np.asarray(a)), tree)

    encoder = TransformerEncoder(7, 2, normalize_first=first, use_causal_mask=True)
    params, _ = start(encoder, (5, 8))
    want = torch_encoder(encoder, 8, to(params), to(x), src_key_padding_mask=~to(mask))
    y = predict(encoder, params, x, mask=mask)
    np.testing.assert_allclose(np.asarray(y)[mask], want.numpy()[mask], rtol=1e-4, atol=1e-5)

    decoder = TransformerDecoder(7, 2, normalize_first=first)
    params, _ = start(decoder, ((5, 8), (4, 8)))
    padding = {"tgt_key_padding_mask": ~to(mask), "memory_key_padding_mask": ~to(other)}
    want = torch_decoder(decoder, 8, to(params), to((x, e)), **padding)
    y = predict(decoder, params, (x, e), mask=(mask, other))
    np.testing.assert_allclose(np.asarray(y)[mask], want.numpy()[mask], rtol=1e-4, atol=1e-5)


# -- positions ---------------------------------------------------------------------------------


def test_sine_positions_by_hand():
    """PE(t, 2i) = sin(t / 10000^(2i/d)), PE(t, 2i+1) = cos(the same) (Vaswani et al. 2017)."""
    y = predict(SinePositionEncoding(), {}, np.ones((1, 3, 4), np.float32))
    want = [
        [0, 1, 0, 1],
        [0.8414710, 0.5403023, 0.0099998, 0.9999500],
        [0.9092974, -0.4161468, 0.0199987, 0.9998000],
    ]
    np.testing.assert_allclose(y[0], 1 + np.array(want), rtol=1e-6)


def test_rotary_products_depend_on_distance_only():
    q, k = draw(1, 1, 1, 6), draw(1, 1, 1, 6)
    steps = 12
    turned = [np.asarray(jit(rotate)(np.repeat(a, steps, 1)))[0, :, 0] for a in (q, k)]
    products = turned[0] @ turned[1].T
    for distance in range(-steps + 1, steps):
        along = np.diagonal(products, distance)
        np.testing.assert_allclose(along, along[0], rtol=1e-4, atol=1e-5)
    assert np.ptp(products[0]) > 0.1
    np.testing.assert_allclose(turned[0][0], q[0, 0, 0], rtol=1e-6)  # step 0 is not turned
    lengths = np.linalg.norm(turned[0], axis=-1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-5)


def test_an_index_out_of_range_is_nan_and_floats_are_indices():
    layer = Embedding(4, 2)
    params, _ = start(layer, (3,))
    y = predict(layer, params, np.array([[0, 3, 1], [-1, 4, 2]]))
    np.testing.assert_array_equal(y[0], params["embeddings"][[0, 3, 1]])
    assert np.isnan(y[1, :2]).all()
    np.testing.assert_array_equal(y[1, 2], params["embeddings"][2])
    as_floats = predict(layer, params, np.array([[0.0, 3.0, 1.0]], np.float32))
    np.testing.assert_array_equal(as_floats, y[:1])


def test_the_gradient_of_an_embedding_counts_every_use():
    layer, index = Embedding(4, 2), np.array([[1, 1, 3]])
    f = lambda table: jnp.sum(layer.apply({"embeddings": table}, {}, index)[0])
    grad = jit(jax.grad(f))(draw(4, 2))
    np.testing.assert_array_equal(grad, [[0, 0], [2, 2], [0, 0], [1, 1]])


def test_mask_zero_masks_zeros():
    x, mask = np.array([[3, 0, 2], [1, 1, 0]]), np.array([[True, True, False]] * 2)
    masking = Embedding(4, 2, mask_zero=True)
    np.testing.assert_array_equal(masking.output_mask(x, None), x != 0)
    np.testing.assert_array_equal(masking.output_mask(x, mask), (x != 0) & mask)
    assert Embedding(4, 2).output_mask(x, None) is None


# -- residual blocks ---------------------------------------------------------------------------


def test_the_lectures_residual_networks():
    """Res(z) = z + g(MM(g(MM(z)))), ResNet-S(x) = MM(Res(Res(x))), in numpy."""
    layer = ResNetS(2, blocks=2)
    params, _ = start(layer, (4,))
    x = draw(5, 4)

    def mm(z, name):
        return z @ params[f"{name}.kernel"] + params[f"{name}.bias"]

    def res(z, name):
        inside = np.maximum(mm(z, f"{name}.dense_0"), 0)
        return z + np.maximum(mm(inside, f"{name}.dense_1"), 0)

    want = mm(res(res(x, "res_0"), "res_1"), "dense")
    np.testing.assert_allclose(predict(layer, params, x), want, rtol=1e-4, atol=1e-5)
    inner = {n.removeprefix("res_0."): a for n, a in params.items() if n.startswith("res_0.")}
    np.testing.assert_allclose(predict(Residual(), inner, x), res(x, "res_0"), rtol=1e-4, atol=1e-5)


def test_a_residual_image_block_leaves_out_rows_that_only_fill_up():
    layer = ResidualConv2D(3, strides=2)
    params, state = start(layer, (4, 4, 2))
    train = jit(lambda x, mask: layer.apply(params, state, x, training=True, mask=mask))
    x = draw(5, 4, 4, 2)
    y, new = train(x, np.array([True, True, True, False, False]))
    want, alone = train(x[:3], np.ones(3, bool))
    np.testing.assert_allclose(y[:3], want, rtol=1e-4, atol=1e-5)
    for name, array in alone.items():
        np.testing.assert_allclose(new[name], array, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(new[name], state[name])


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MultiHeadAttention(0, 3), "num_heads must be a whole number >= 1"),
        (lambda: MultiHeadAttention(2, 3, dropout=1.0), r"dropout must be in \[0, 1\)"),
        (lambda: MultiHeadAttention(2, 3, rotary=100.0), "key_dim must be even, got 3"),
        (lambda: Attention(score_mode="product"), "score_mode must be one of 'dot', 'concat'"),
        (lambda: TransformerEncoder(5, 2, layer_norm_epsilon=-1.0), "layer_norm_epsilon"),
        (lambda: Embedding(0, 2), "input_dim must be a whole number >= 1"),
        (lambda: SinePositionEncoding(0.0), "max_wavelength must be a finite number > 0"),
        (lambda: Residual(depth=0), "depth must be a whole number >= 1"),
        (lambda: ResidualConv2D(0), "filters"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(DescendError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MultiHeadAttention(2, 3), (4,), r"expected an input of \(time, features\)"),
        (MultiHeadAttention(2, 3), ((4, 6), (5, 6), (6, 6)), "the same number of steps"),
        (Attention(), (4, 6), r"\[query, value\]"),
        (Attention(), ((4, 6), (5, 3)), "the same number of features"),
        (TransformerEncoder(5, 4), (4, 6), "num_heads=4 must divide the features"),
        (TransformerDecoder(5, 2), ((4, 6),) * 3, "decoder_sequence, encoder_sequence"),
        (Embedding(4, 2, mask_zero=True), (3, 3), "mask_zero=True"),
        (PositionEmbedding(4), (3,), r"\(time, features\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.build(shape)


def test_a_sequence_longer_than_its_positions_is_refused():
    layer = PositionEmbedding(4)
    params, _ = start(layer, (4, 3))
    with pytest.raises(ShapeError, match="at most sequence_length=4 steps"):
        layer.apply(params, {}, draw(1, 5, 3))
