"""The layer contract: one suite over every layer. Configurations are in tests/layer_cases."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases import CASES, FAMILIES
from layer_cases.case import draw, jit, mask_of, start
from oracles import differences

from descend.errors import DescendError
from descend.nn import layers
from descend.nn.layers import Block, Dense, Layer
from descend.nn.symbols import Input
from descend.train.model.model import Model
from descend.train.saving.loading import load_model

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


def first(cls):
    """The first case of a class."""
    return next(case for case in CASES.values() if type(case.make()) is cls)


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
    mixed = type(layer).from_config({**layer.config(), "compute_dtype": "bfloat16"})
    numbers = layer.numbers()

    def train(params, key, x, layer=layer):
        return layer.apply(params, state, x, key=key, training=True)

    @jit
    def run(params, members, keys, x, numbers, others):
        predict = lambda x: layer.apply(params, state, x)[0]
        result = {"batch": predict(x)}
        if case.batch_free:
            rows = jax.tree.map(lambda a: a[:, None], x)
            result["rows"] = jax.tree.map(lambda a: a[:, 0], jax.vmap(predict)(rows))
            result["one"] = predict(jax.tree.map(lambda a: a[:1], x))
        result["members"] = jax.vmap(partial(train, x=x))(members, keys)[0]
        result["alone"] = train(params, keys[-1], x)[0]
        result["mixed"] = train(params, keys[-1], x, mixed)
        for name, values in (("same", numbers), ("swept", others)) if numbers else ():
            changed = layer.with_numbers(values)
            result[name] = train(params, keys[-1], x, changed)[0], changed.penalty(params)
        result["penalty"] = layer.penalty(params)
        drawn = lambda seed: layer.init(jax.random.key(seed), case.input_shape)[0]
        result["drawn"] = jax.lax.map(drawn, jnp.asarray([3, 3, 4]))
        return result

    members = jax.tree.map(lambda a: np.stack([0.9 * a, a]), params)  # the last is `params`
    keys = jnp.stack([jax.random.key(5), jax.random.key(9)])
    others = jax.tree.map(lambda v: v / 4 + 0.31, numbers)
    return jax.tree.map(np.asarray, run(params, members, keys, x, numbers, others))


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
    close(jax.tree.map(lambda a: a[-1], computed["members"]), computed["alone"])


def test_init_is_a_function_of_the_key(computed):
    for name, array in computed["drawn"].items():
        first, again, other = np.asarray(array)
        assert np.array_equal(first, again)
        if name.rpartition(".")[2] in ("kernel", "embeddings", "recurrent_kernel"):
            assert not np.array_equal(first, other)


def test_numbers_are_swept_while_traced(case, computed):
    """What a sweep varies reaches `apply` and `penalty` as a traced array."""
    assert (layer := case.make()).with_numbers({}) is layer
    if "same" not in computed:
        return
    (y, penalty), want = computed["same"], computed["penalty"]
    close(y, computed["alone"])
    assert (penalty is None) == (want is None)
    if penalty is not None:
        np.testing.assert_allclose(penalty, want, rtol=2e-6)
    other, other_penalty = computed["swept"]
    moved = any(not np.array_equal(a, b) for a, b in zip(LEAVES(other), LEAVES(y), strict=True))
    assert moved or other_penalty != penalty


def test_half_precision_comes_near(case, computed):
    """`compute_dtype` computes in bfloat16 while the state keeps its dtype."""
    y, after = computed["mixed"]
    for a, b in zip(LEAVES(after), LEAVES(ready(case)[2]), strict=True):
        assert a.dtype == b.dtype
    for a, b in zip(parts(y), parts(computed["alone"]), strict=True):
        assert a.dtype == jnp.bfloat16 or not jnp.issubdtype(b.dtype, jnp.floating)
        # 8 bits of mantissa, a few operations deep; outputs are of order one
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        assert np.mean(np.abs(a - b)) < 0.05 * max(1.0, np.abs(b).max())


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


# -- other widths ----------------------------------------------------------------------------------


def test_the_output_is_as_wide_as_the_wider_of_weights_and_input(case, x64):
    layer, params, state, _ = ready(case)
    for dtype in (jnp.float32, jnp.float64, jnp.bfloat16):
        apply = partial(layer.apply, key=jax.random.key(0), training=True)
        y, _ = jax.eval_shape(apply, params, state, ready(case, dtype)[3])
        want = jnp.promote_types(dtype, jnp.float32) if params or state else dtype
        for a in parts(y):
            if case.smooth and a.dtype.kind != "i":  # which interval is a whole number
                assert a.dtype == want


def test_gradients_equal_finite_differences(case, x64):
    """By the parameters and the input, at prediction and in training; one program a case."""
    if case.constants:
        pytest.skip("has a test of its own")
    layer, params, state, x = ready(case, np.float64)
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal((case.batch, *s)) for s in case.output_shapes]
    differs = layer.stochastic or case.rows_mixed
    at = (params, x if case.smooth else 0.0)
    directions = differences.directions(at, 4, rng)
    points = [
        jax.tree.map(lambda a, d, sign=sign: np.asarray(a) + sign * differences.STEP * d, at, way)
        for way in directions
        for sign in (1, -1)
    ]

    @jit
    def run(at, points, x):
        def cost(at, training):
            inputs = at[1] if case.smooth else x
            y, _ = layer.apply(at[0], state, inputs, key=jax.random.key(2), training=training)
            return sum(jnp.sum(w * a) for w, a in zip(weights, parts(y), strict=True))

        costs = [partial(cost, training=training) for training in (False, True)[: 1 + differs]]
        return [(jax.grad(f)(at), jax.lax.map(f, points)) for f in costs]

    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *points)
    for gradient, costs in run(at, stacked, x):
        slopes = (costs[::2] - costs[1::2]) / (2 * differences.STEP)
        for direction, slope in zip(directions, slopes, strict=True):
            np.testing.assert_allclose(
                differences.inner(gradient, direction),
                slope,
                rtol=differences.RTOL,
                atol=differences.ATOL,
            )


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
def test_numpys_float64_is_narrowed_without_a_warning(cls):
    """Without x64 there is no float64 in JAX: `apply` gives what it gives for float32."""
    case = first(cls)
    layer, params, state, x = ready(case)
    wide = jax.tree.map(lambda a: np.asarray(a, np.float64 if case.smooth else np.int64), x)
    apply = lambda x: layer.apply(params, state, x, key=jax.random.key(0), training=True)[0]
    for a, b in zip(*(parts(jax.eval_shape(partial(apply, x))) for x in (x, wide)), strict=True):
        assert a.dtype == b.dtype


WRONG = (None, "word", -1, 2.5, float("nan"), [], {}, (1.5, "x"))


@pytest.mark.parametrize("cls", CLASSES)
def test_a_wrong_value_of_a_field_is_refused_when_the_layer_is_made_or_put_in(cls):
    """One clear error, or a layer that works: its program can be traced, and it can be saved."""
    case = first(cls)
    key, layer = jax.random.key(1), case.make()
    x = draw(case.input_shape, case.batch, domain=case.domain, dtype=np.float32)
    for field in dataclasses.fields(layer):
        for value in WRONG if field.name != "name" else ():
            if value == getattr(layer, field.name):
                continue
            try:
                other = dataclasses.replace(layer, **{field.name: value})
                built = other.build(case.input_shape)
            except DescendError:
                continue

            def run(x, layer=other):
                return layer.apply(*layer.init(key, case.input_shape), x, key=key, training=True)[0]

            shapes = [a.shape[1:] for a in parts(jax.eval_shape(run, x))]
            assert shapes == list(built if built and isinstance(built[0], tuple) else (built,))
            json.dumps(other.config(), allow_nan=False)


@pytest.mark.parametrize("cls", CLASSES)
def test_an_unknown_field_is_refused(cls):
    with pytest.raises(DescendError, match="cannot be built"):
        cls.from_config({"no_such_field": 1})


def test_layers_are_immutable():
    with pytest.raises(AttributeError):
        Dense(3).units = 4
