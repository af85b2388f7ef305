"""The layer contract: one suite over every layer. Configurations are in tests/layer_cases."""

from __future__ import annotations

import json
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES, FAMILIES
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
        scale = max(1e-1, float(np.abs(np.asarray(b, float)).max()))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * scale)


def equal(got, want):
    """Bit for bit."""
    for a, b in zip(LEAVES(got), LEAVES(want), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_layer_has_two_cases_or_more():
    made = [type(case.make()) for case in CASES.values()]
    for cls in CLASSES:
        assert made.count(cls) >= 2, cls


@pytest.fixture(scope="module", params=CASES, ids=lambda name: name.replace(" ", "_"))
def case(request):
    """With the module's scope all tests of one case run one after another: they share programs."""
    return CASES[request.param]


# -- one program in float32 ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def computed(case):
    """What a case computes in float32, in one program, which costs one compilation."""
    layer, params, state, x = ready(case)
    numbers = layer.numbers()

    def member(key, x):
        params, state = layer.init(key, case.input_shape)
        return params, layer.apply(params, state, x, key=key, training=True)[0]

    @jit
    def run(keys, x, params, state, numbers, others):
        predict = lambda x: layer.apply(params, state, x)[0]
        result = {"batch": predict(x)}
        if case.batch_free:
            rows = jax.tree.map(lambda a: a[:, None], x)
            result["rows"] = jax.tree.map(lambda a: a[:, 0], jax.vmap(predict)(rows))
            result["one"] = predict(jax.tree.map(lambda a: a[:1], x))
        result["members"] = jax.vmap(partial(member, x=x))(keys)
        result["alone"] = member(keys[-1], x)[1]
        if numbers:
            for name, values in (("same", numbers), ("swept", others)):
                changed = layer.with_numbers(values)
                y, _ = changed.apply(params, state, x, key=keys[0], training=True)
                result[name] = y, changed.penalty(params)
            y, _ = layer.apply(params, state, x, key=keys[0], training=True)
            result["plain"] = y, layer.penalty(params)
        return result

    keys = jax.random.key(5), jax.random.key(5), jax.random.key(6)
    others = jax.tree.map(lambda v: v / 4 + 0.31, numbers)
    return run(jnp.stack(keys), x, params, state, numbers, others)


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


def test_a_batch_its_rows_under_vmap_and_one_row_agree(case, computed):
    """At prediction rows do not see each other."""
    if case.batch_free:
        close(computed["rows"], computed["batch"])
        close(computed["one"], jax.tree.map(lambda a: a[:1], computed["batch"]))


def test_vmap_over_weights(computed):
    """A sweep maps over parameters: member i is what it is alone."""
    close(jax.tree.map(lambda a: a[-1], computed["members"][1]), computed["alone"])


def test_init_is_a_function_of_the_key(computed):
    for name, array in computed["members"][0].items():
        first, again, other = np.asarray(array)
        assert np.array_equal(first, again)
        if name.rpartition(".")[2] in ("kernel", "embeddings", "recurrent_kernel"):
            assert not np.array_equal(first, other)


def test_numbers_are_swept_while_traced(case, computed):
    """What a sweep varies reaches `apply` and `penalty` as a traced array."""
    assert (layer := case.make()).with_numbers({}) is layer
    if "same" not in computed:
        return
    (y, penalty), (want, want_penalty) = computed["same"], computed["plain"]
    close(y, want)
    assert (penalty is None) == (want_penalty is None)
    if penalty is not None:
        np.testing.assert_allclose(penalty, want_penalty, rtol=2e-6)
    other, other_penalty = computed["swept"]
    moved = any(not np.array_equal(a, b) for a, b in zip(LEAVES(other), LEAVES(y), strict=True))
    assert moved or other_penalty != penalty


def test_config_round_trip(case):
    """A layer made again from its JSON is the same program: it draws and computes the same."""
    layer, _, _, x = ready(case)
    again = type(layer).from_config(json.loads(json.dumps(layer.config())))
    assert again.config() == layer.config()

    def program(layer):
        def member(key, x):
            params, state = layer.init(key, case.input_shape)
            return layer.apply(params, state, x, key=key, training=True)

        traced = jax.make_jaxpr(member)(jax.random.key(5), x)
        return re.sub(r"0x[0-9a-f]+", "", str(traced)), traced.consts  # without addresses

    (text, constants), (other_text, other_constants) = program(layer), program(again)
    assert text == other_text
    equal(other_constants, constants)


@pytest.mark.parametrize("name", [next(iter(family)) for family in FAMILIES.values()])
def test_one_operation_at_a_time_is_the_compiled_program(name):
    case = CASES[name]
    layer, params, state, x = ready(case)
    predict = lambda params, x: layer.apply(params, state, x)[0]
    close(predict(params, x), jit(predict)(params, x))


# -- one program with float64 ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def computed64(case):
    """The gradient with differences of its cost, and outputs of every dtype: one compilation."""
    with jax.enable_x64(True):
        yield compute64(case)


def compute64(case):
    layer, params, state, x = ready(case, np.float64)
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal((case.batch, *s)) for s in case.output_shapes]
    differs = layer.stochastic or case.rows_mixed
    at = (params, x if case.smooth else 0.0)
    directions = [] if case.constants else differences.directions(at, 4, rng)
    points = [
        jax.tree.map(lambda a, d, sign=sign: np.asarray(a) + sign * differences.STEP * d, at, way)
        for way in directions
        for sign in (1, -1)
    ]
    _, narrow, narrow_state, _ = ready(case)
    mixed = type(layer).from_config({**layer.config(), "compute_dtype": "bfloat16"})
    dtypes = (jnp.float32, jnp.float64, jnp.bfloat16)

    @jit
    def run(at, points, x, state, weights, narrow, narrow_state, xs):
        def cost(at, training):
            inputs = at[1] if case.smooth else x
            y, _ = layer.apply(at[0], state, inputs, key=jax.random.key(2), training=training)
            return sum(jnp.sum(w * a) for w, a in zip(weights, parts(y), strict=True))

        gradients = []
        if points is not None:
            for training in (False, True) if differs else (False,):
                f = partial(cost, training=training)
                gradients.append((jax.grad(f)(at), jax.lax.map(f, points)))
        how = {"key": jax.random.key(0), "training": True}
        wide = [layer.apply(narrow, narrow_state, x, **how)[0] for x in xs]
        return gradients, wide, mixed.apply(narrow, narrow_state, xs[0], **how)

    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *points) if points else None
    xs = [ready(case, dtype)[3] for dtype in dtypes]
    gradients, wide, half = run(at, stacked, x, state, weights, narrow, narrow_state, xs)
    return directions, gradients, dict(zip(dtypes, wide, strict=True)), half


def test_gradients_equal_finite_differences(case, computed64):
    """By the parameters and the input, at prediction and in training."""
    if case.constants:
        pytest.skip("has a test of its own")
    directions, gradients, _, _ = computed64
    for gradient, costs in gradients:
        slopes = (costs[::2] - costs[1::2]) / (2 * differences.STEP)
        for direction, slope in zip(directions, slopes, strict=True):
            np.testing.assert_allclose(
                differences.inner(gradient, direction),
                slope,
                rtol=differences.RTOL,
                atol=differences.ATOL,
            )


def test_dtypes(case, computed64):
    """The output is as wide as the wider of weights and input; `compute_dtype` computes in
    bfloat16 while parameters and state keep theirs, and comes near the full computation."""
    _, params, state, _ = ready(case)
    _, _, wide, (y, after) = computed64
    for dtype, outputs in wide.items():
        want = jnp.promote_types(dtype, jnp.float32) if params or state else dtype
        for a in parts(outputs):
            if case.smooth and a.dtype.kind != "i":  # which interval is a whole number
                assert a.dtype == want
            assert np.isfinite(np.asarray(a, float)).all()
    for a, b in zip(LEAVES(after), LEAVES(state), strict=True):
        assert a.dtype == b.dtype
    for a, b in zip(parts(y), parts(wide[jnp.float32]), strict=True):
        assert a.dtype == jnp.bfloat16 or not jnp.issubdtype(b.dtype, jnp.floating)
        # 8 bits of mantissa, a few operations deep; outputs are of order one
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        assert np.mean(np.abs(a - b)) < 0.05 * max(1.0, np.abs(b).max())


MASKED = [name for name, case in CASES.items() if case.masked]


@pytest.mark.parametrize("name", MASKED)
def test_what_is_masked_does_not_matter(name):
    """Other numbers at masked steps change nothing at real ones; the mask is of the output."""
    case = CASES[name]
    layer, params, state, x = ready(case)
    other = ready(case, seed=99)[3]
    mask = mask_of(case)
    pick = lambda a, b, m: np.where(m.reshape(*m.shape, *([1] * (a.ndim - 2))), a, b)
    changed = (
        tuple(pick(a, b, m) for a, b, m in zip(x, other, mask, strict=True))
        if case.several
        else pick(x, other, mask)
    )

    @jit
    def run(params, state, x, mask):
        options = {"mask": mask} if layer.uses_mask else {}
        return layer.apply(params, state, x, **options)[0], layer.output_mask(x, mask)

    (y, after), (z, _) = (run(params, state, inputs, mask) for inputs in (x, changed))
    for a, b, m in zip(parts(y), parts(z), parts(after), strict=True):
        if m is not None:
            assert m.shape == a.shape[:2]
            real = np.asarray(m)
            a, b = np.asarray(a)[real], np.asarray(b)[real]
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def saved_and_loaded(case, path):
    """A model of the layer alone, its weights put in and not drawn; and the same from its file."""
    layer = case.make()
    layer.identity.adopt(*start(layer, case.input_shape))
    inputs = [
        Input(s, dtype="int32" if case.domain != "real" else "float32")
        for s in (case.input_shape if case.several else (case.input_shape,))
    ]
    outputs = layer(inputs if case.several else inputs[0])
    model = Model(inputs if case.several else inputs[0], outputs)
    model.save(path)
    return model, load_model(path)


def test_saved_and_loaded_bit_equal(case, tmp_path):
    """Inside a model, through a file: the same weights in the same graph."""
    model, again = saved_and_loaded(case, tmp_path / "layer.descend")
    equal((again.params, again.layer_state), (model.params, model.layer_state))
    assert again.config() == model.config()


@pytest.mark.parametrize("name", [next(iter(family)) for family in FAMILIES.values()])
def test_a_loaded_model_predicts_the_same(name, tmp_path):
    case = CASES[name]
    x = draw(case.input_shape, case.batch, domain=case.domain, dtype=np.float32)
    x = [np.asarray(a) for a in x] if case.several else np.asarray(x)
    model, again = saved_and_loaded(case, tmp_path / "layer.descend")
    equal(again(x), model(x))


@pytest.mark.parametrize("cls", CLASSES)
def test_an_unknown_field_is_refused(cls):
    with pytest.raises(DescendError, match="cannot be built"):
        cls.from_config({"no_such_field": 1})


def test_layers_are_immutable():
    with pytest.raises(AttributeError):
        Dense(3).units = 4
