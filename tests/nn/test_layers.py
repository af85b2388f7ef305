"""The layer contract: one suite over every layer. Configurations are in tests/layer_cases."""

from __future__ import annotations

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES
from layer_cases.case import draw, mask_of, start
from oracles import differences

from descend.errors import DescendError
from descend.nn import layers
from descend.nn.layers import Block, Dense, Layer
from descend.nn.symbols import Input
from descend.train.loading import load_model
from descend.train.model import Model
from descend.train.runtime import quick_compile

jit = partial(jax.jit, compiler_options=quick_compile())  # compiled for one call each
FOUND = dict.fromkeys(getattr(layers, name) for name in layers.__all__)  # some have two names
# no layers by themselves; code, which cannot be saved; texts, which are for arrays alone
APART = (Layer, Block, layers.Lambda, layers.StringLookup, layers.TextVectorization)
CLASSES = [cls for cls in FOUND if isinstance(cls, type) and cls not in APART]
LEAVES = jax.tree.leaves


def ready(case, dtype=np.float32, seed=0):
    """The layer, its arrays, and an input."""
    layer = case.make()
    x = draw(
        case.input_shape, case.batch, seed, domain=case.domain, kinked=case.kinked, dtype=dtype
    )
    return layer, *start(layer, case.input_shape, dtype), x


def parts(y):
    return y if isinstance(y, (tuple, list)) else (y,)


def close(got, want):
    """Other compilations of one float32 formula: a few roundings, some added up."""
    for a, b in zip(LEAVES(got), LEAVES(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1e-1, float(jnp.abs(b).max())))


def test_every_layer_has_two_cases_or_more():
    for cls in CLASSES:
        assert sum(type(case.make()) is cls for case in CASES.values()) >= 2, cls


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "_"))
def case(request):
    return CASES[request.param]


def test_build_gives_the_shape_that_apply_returns(case):
    layer, params, state, _ = ready(case)
    built = layer.build(case.input_shape)
    assert built == case.output_shape
    assert sum(a.size for a in LEAVES(params)) == case.parameters
    assert sum(a.size for a in LEAVES(state)) == case.state_count
    for batch in {1, case.batch} if case.batch_free else {case.batch}:
        for training in (False, True):
            apply = partial(layer.apply, training=training, key=jax.random.key(1))
            x = draw(case.input_shape, batch, domain=case.domain, dtype=np.float32)
            y, after = jax.eval_shape(apply, params, state, x)
            assert [a.shape for a in parts(y)] == [(batch, *s) for s in case.output_shapes]
            assert jax.tree.structure(after) == jax.tree.structure(state)


def test_jit_vmap_and_one_row_at_a_time_agree(case):
    """At prediction rows do not see each other."""
    layer, params, state, x = ready(case)
    predict = lambda x: layer.apply(params, state, x)[0]

    @jit
    def compiled(x):
        if not case.batch_free:
            return (predict(x),)
        one = jax.tree.map(lambda a: a[:1], x)
        rows = jax.tree.map(lambda a: a[:, None], x)
        mapped = jax.tree.map(lambda a: a[:, 0], jax.vmap(predict)(rows))
        return predict(x), mapped, predict(one)

    y = predict(x)
    first = jax.tree.map(lambda a: a[:1], y)
    for got, want in zip(compiled(x), (y, y, first), strict=False):
        close(got, want)


def test_vmap_over_weights_and_config_round_trip(case):
    """A sweep maps over parameters: member i is what it is alone. And a layer made again from its
    JSON draws the same weights and gives the same outputs, bit for bit."""
    layer, _, _, x = ready(case)
    again = type(layer).from_config(json.loads(json.dumps(layer.config())))
    assert again.config() == layer.config()

    def member(key, layer):
        params, state = layer.init(key, case.input_shape)
        return layer.apply(params, state, x, key=key, training=True)[0]

    @partial(jit, static_argnums=1)
    def run(keys, layer):
        mapped = jax.vmap(partial(member, layer=layer))(keys)
        return jax.tree.map(lambda a: a[1], mapped), member(keys[1], layer)

    keys = jax.random.split(jax.random.key(5), 2)
    together, alone = run(keys, layer)
    close(together, alone)
    for a, b in zip(LEAVES(run(keys, again)), LEAVES((together, alone)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradients_equal_finite_differences(case, x64):
    """By the parameters and the input, at prediction and in training."""
    if case.constants:
        pytest.skip("has a test of its own")
    layer, params, state, x = ready(case, np.float64)
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal((case.batch, *s)) for s in case.output_shapes]
    differs = layer.stochastic or case.rows_mixed
    for training in (False, True) if differs else (False,):

        def f(at, training=training):
            given = at[1] if case.smooth else x
            y, _ = layer.apply(at[0], state, given, key=jax.random.key(2), training=training)
            return sum(jnp.sum(w * a) for w, a in zip(weights, parts(y), strict=True))

        at = (params, x if case.smooth else 0.0)
        differences.assert_gradient(jit(f), jit(jax.grad(f))(at), at, rng)


def test_dtypes(case, x64):
    """The output is as wide as the wider of weights and input; `compute_dtype` computes in
    bfloat16 while parameters and state keep theirs, and comes near the full computation."""
    layer, params, state, _ = ready(case)
    mixed = type(layer).from_config({**layer.config(), "compute_dtype": "bfloat16"})
    dtypes = (jnp.float32, jnp.float64, jnp.bfloat16)
    xs = [ready(case, dtype)[3] for dtype in dtypes]
    key = jax.random.key(0)

    @jit
    def run(xs):
        wide = [layer.apply(params, state, x, key=key, training=True)[0] for x in xs]
        return wide, mixed.apply(params, state, xs[0], key=key, training=True)

    found, (y, after) = run(xs)
    for dtype, out in zip(dtypes, found, strict=True):
        want = jnp.promote_types(dtype, jnp.float32) if params or state else dtype
        for a in parts(out):
            if case.smooth and a.dtype.kind != "i":  # which interval is a whole number
                assert a.dtype == want
            assert np.isfinite(np.asarray(a, float)).all()
    for a, b in zip(LEAVES(after), LEAVES(state), strict=True):
        assert a.dtype == b.dtype
    for a, b in zip(parts(y), parts(found[0]), strict=True):
        assert a.dtype == jnp.bfloat16 or not jnp.issubdtype(b.dtype, jnp.floating)
        # 8 bits of mantissa, a few operations deep; outputs are of order one
        scale = max(1.0, float(jnp.abs(b).max()))
        assert float(jnp.mean(jnp.abs(a.astype(jnp.float32) - b))) < 0.05 * scale


def test_init_is_a_function_of_the_key(case):
    layer = case.make()
    init = jit(lambda seed: layer.init(jax.random.key(seed), case.input_shape)[0])
    params, again, other = init(3), init(3), init(4)
    assert jax.tree.all(jax.tree.map(np.array_equal, params, again))
    for name in params:
        if name.rpartition(".")[2] in ("kernel", "embeddings", "recurrent_kernel"):
            assert not np.array_equal(params[name], other[name])


MASKED = [name for name, case in CASES.items() if case.masked]


@pytest.mark.parametrize("name", MASKED)
def test_what_is_masked_does_not_matter(name):
    """Other numbers at masked steps change nothing at real ones; the mask is of the output."""
    case = CASES[name]
    layer, params, state, x = ready(case)
    other = ready(case, seed=99)[3]
    mask = mask_of(case)
    pick = lambda a, b, m: jnp.where(m.reshape(*m.shape, *([1] * (a.ndim - 2))), a, b)
    changed = (
        tuple(pick(a, b, m) for a, b, m in zip(x, other, mask, strict=True))
        if case.several
        else pick(x, other, mask)
    )
    options = {"mask": mask} if layer.uses_mask else {}
    y, z = (layer.apply(params, state, given, **options)[0] for given in (x, changed))
    after = layer.output_mask(x, mask)
    for a, b, m in zip(parts(y), parts(z), parts(after), strict=True):
        if m is not None:
            assert m.shape == a.shape[:2]
            real = np.asarray(m)
            a, b = np.asarray(a)[real], np.asarray(b)[real]
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_saved_and_loaded_bit_equal(case, tmp_path):
    """Inside a model, through a file: the same weights, the same predictions."""
    inputs = [
        Input(s, dtype="int32" if case.domain != "real" else "float32")
        for s in (case.input_shape if case.several else (case.input_shape,))
    ]
    outputs = case.make()(inputs if case.several else inputs[0])
    model = Model(inputs if case.several else inputs[0], outputs)
    model.save(tmp_path / "layer.descend")
    again = load_model(tmp_path / "layer.descend")
    held = (again.params, again.layer_state)
    for a, b in zip(LEAVES(held), LEAVES((model.params, model.layer_state)), strict=True):
        np.testing.assert_array_equal(a, b)
    x = draw(case.input_shape, case.batch, domain=case.domain, dtype=np.float32)
    x = [np.asarray(a) for a in x] if case.several else np.asarray(x)
    for a, b in zip(parts(model(x)), parts(again(x)), strict=True):
        np.testing.assert_array_equal(a, b)


SWEPT = [name for name, case in CASES.items() if case.make().numbers()]


@pytest.mark.parametrize("name", SWEPT)
def test_numbers_round_trip_while_traced(name):
    """What a sweep varies reaches `apply` and `penalty` as a traced array."""
    case = CASES[name]
    layer, params, state, x = ready(case)
    key = jax.random.key(9)

    @jit
    def swept(values):
        changed = layer.with_numbers(values)
        return changed.apply(params, state, x, key=key, training=True)[0], changed.penalty(params)

    y, penalty = swept(layer.numbers())
    want, _ = layer.apply(params, state, x, key=key, training=True)
    close(y, want)
    if penalty is not None:
        np.testing.assert_allclose(penalty, layer.penalty(params), rtol=2e-6)
    other = swept(jax.tree.map(lambda v: v / 4 + 0.31, layer.numbers()))
    same = all(np.array_equal(a, b) for a, b in zip(LEAVES(other[0]), LEAVES(y), strict=True))
    assert not same or other[1] != penalty
    assert layer.with_numbers({}) is layer


@pytest.mark.parametrize("cls", CLASSES)
def test_an_unknown_field_is_refused(cls):
    with pytest.raises(DescendError, match="cannot be built"):
        cls.from_config({"no_such_field": 1})


def test_layers_are_immutable():
    with pytest.raises(AttributeError):
        Dense(3).units = 4
