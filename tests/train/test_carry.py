"""Weights carried over from Keras: the carried network predicts what the trained one does."""

from __future__ import annotations

import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import Dense, from_keras, load_model
from descend.errors import DescendError, ShapeError
from descend.train.carry.keras_layers import arrays_of
from descend.train.engine.runtime import quick_compile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import warns about its own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)

if keras.backend.backend() != "jax":
    pytest.skip("Keras runs on its JAX backend here", allow_module_level=True)

L = keras.layers


@pytest.fixture(autouse=True)
def foreign():
    """Keras broadcasts and deprecates as it likes."""
    keras.utils.set_random_seed(0)
    keras.utils.clear_session()  # its counters of names, which other tests have moved on
    with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="keras")
        yield


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def words(rows, time, count, seed=0):
    """Whole numbers 1..count-1, padded with 0 behind each sequence's own length."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, time + 1, rows)
    drawn = rng.integers(1, count, (rows, time))
    return np.where(np.arange(time) < lengths[:, None], drawn, 0).astype(np.int32)


def run(network, training):
    """The network as one program of its variables, quickly compiled."""
    jit = partial(jax.jit, compiler_options=quick_compile())
    call = partial(network.stateless_call, training=training)
    if not training:
        return jit(lambda trained, fixed, x: call(trained, fixed, x)[0])

    def cost(trained, fixed, x):
        y, fixed = call(trained, fixed, x)
        targets = [numbers(*a.shape, seed=9) for a in listed(y)]
        return sum(jnp.mean((a - t) ** 2) for a, t in zip(listed(y), targets, strict=True)), fixed

    def step(trained, fixed, x):
        slopes, fixed = jax.grad(cost, has_aux=True)(trained, fixed, x)
        return [v - 0.1 * g for v, g in zip(trained, slopes, strict=True)], fixed

    return jit(step)


def values(network):
    held = (network.trainable_variables, network.non_trainable_variables)
    return [[v.value for v in part] for part in held]


def trained(network, x):
    """The Keras model after three updates towards noise: no array is at its start."""
    step, held = run(network, training=True), values(network)
    for _ in range(3):
        held = step(*held, x)
    variables = [*network.trainable_variables, *network.non_trainable_variables]
    for variable, value in zip(variables, [*held[0], *held[1]], strict=True):
        variable.assign(value)
    return network


def moved(network):
    """The Keras model with every array moved off its start: cheaper than training it."""
    for number, variable in enumerate(network.weights):
        noise = 0.2 * numbers(*variable.shape, seed=number)
        variable.assign(variable.numpy() + (abs(noise) if "variance" in variable.path else noise))
    return network


def listed(y):
    return list(y) if isinstance(y, (list, tuple)) else [y]


def agree(network, x):
    """from_keras of a Keras model, after comparing what both predict."""
    wanted = [np.asarray(a) for a in listed(run(network, training=False)(*values(network), x))]
    model = from_keras(network)
    found = listed(model.predict(x))
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape
        # float32 sums in another order
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(b).max()))
    return model


# -- the families -------------------------------------------------------------------------------


def test_a_network_of_dense_layers():
    network = keras.Sequential(
        [
            keras.Input((5,), name="features"),
            L.Dense(8, "relu", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02)),
            L.BatchNormalization(momentum=0.7),
            L.Dropout(0.3),
            L.Dense(8, "leaky_relu", kernel_initializer="he_normal", use_bias=False),
            L.LeakyReLU(negative_slope=0.3),
            L.PReLU(),
            L.GaussianNoise(0.2),
            L.Dense(6, keras.activations.silu),
            L.ELU(alpha=0.7),
            L.Dense(3, "softmax"),
        ],
        name="tabular",
    )
    x = numbers(16, 5)
    model = agree(trained(network, x), x)
    assert model.name == "tabular"
    assert model.input_names == ("features",)
    assert model.layer_names == [layer.name for layer in network.layers]
    assert not np.allclose(model.layer_state["batch_normalization"]["moving_variance"], 1.0)
    penalty = model.layers["dense"].kernel_regularizer
    assert (penalty.l1, penalty.l2) == pytest.approx((0.01, 0.02))
    assert model.layers["batch_normalization"].momentum == 0.7


def test_a_network_for_images():
    image = keras.Input((12, 10, 3))
    x = L.ZeroPadding2D(1)(image)
    x = L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = L.BatchNormalization()(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="tanh")(x)
    x = L.SeparableConv2D(5, 3, padding="same")(x)
    x = L.MaxPooling2D(2)(x)
    x = L.Conv2DTranspose(6, 3, strides=2, padding="same", activation="gelu")(x)
    x = L.GroupNormalization(3)(x)
    x = L.Conv2D(6, (3, 1), dilation_rate=2, groups=3)(x)
    x = L.SpatialDropout2D(0.2)(L.UpSampling2D(2)(x))
    x = L.AveragePooling2D(2)(L.Cropping2D(1)(x))
    y = L.Concatenate()([L.Flatten()(x), L.GlobalMaxPooling2D()(x)])
    network = keras.Model(image, L.Dense(2)(y))
    pixels = numbers(4, 12, 10, 3)
    agree(trained(network, pixels), pixels)


def test_a_network_for_signals_and_volumes():
    signal, volume = keras.Input((20, 3)), keras.Input((6, 6, 6, 1))
    x = L.Conv1D(4, 5, padding="causal", activation="relu")(signal)
    x = L.SeparableConv1D(4, 3, strides=2)(L.MaxPooling1D(2)(x))
    x = L.Conv1DTranspose(3, 2, strides=2)(L.DepthwiseConv1D(2)(x))
    z = L.AveragePooling3D(2)(L.Conv3D(2, 3, padding="same")(volume))
    y = L.Concatenate()([L.GlobalAveragePooling1D()(x), L.Flatten()(z)])
    network = keras.Model([signal, volume], L.Dense(2)(y))
    x = [numbers(4, 20, 3), numbers(4, 6, 6, 6, 1)]
    agree(moved(network), x)


@pytest.mark.parametrize("functional", [False, True])
def test_a_network_for_padded_sequences(functional):
    layers = [
        L.Embedding(12, 5, mask_zero=True),
        L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode="concat"),
        L.TimeDistributed(L.Dense(6, "tanh")),
        L.GRU(4, recurrent_regularizer="l2"),
        L.Dense(2),
    ]
    start = keras.Input((7,), dtype="int32")
    if functional:
        y = start
        for layer in layers:
            y = layer(y)
        network = keras.Model(start, y)
    else:
        network = keras.Sequential([start, *layers])
    x = words(8, 7, 12)
    model = agree(moved(network) if functional else trained(network, x), x)
    assert model._inputs[0].dtype == "int32"


def test_states_cells_and_masking():
    sequence = keras.Input((6, 3))
    x = L.Masking(-1.0)(sequence)
    y, h, c = L.LSTM(4, return_sequences=True, return_state=True)(x)
    mask = keras.ops.any(keras.ops.not_equal(sequence, -1.0), axis=-1)  # Keras drops it here
    z = L.LSTM(4)(y, initial_state=[h, c], mask=mask)
    w = L.RNN([L.GRUCell(3, reset_after=False), L.LSTMCell(4)])(x)
    v = L.Bidirectional(L.GRU(4), backward_layer=L.SimpleRNN(4, go_backwards=True))(x)
    network = keras.Model(sequence, L.Concatenate()([z, h, c, w, v]))
    x = numbers(5, 6, 3)
    x[2, 3:] = x[4, 1:] = -1.0
    agree(moved(network), x)


def test_a_stateful_layer():
    start = keras.Input(batch_shape=(4, 3, 2))
    network = keras.Model(start, L.Dense(2)(L.LSTM(3, stateful=True)(start)))
    batches = numbers(2, 4, 3, 2)
    network(batches[0])
    model = from_keras(network)
    assert model.layers[network.layers[1].name].batch_size == 4
    wanted = np.asarray(network(batches[1]))  # goes on from the states that were carried over
    found, _ = model.apply(model.params, model.layer_state, batches[1])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_attention_with_a_mask():
    sentence = keras.Input((6,), dtype="int32")
    x = L.Embedding(9, 8, mask_zero=True)(sentence)
    h = L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    h = L.LayerNormalization(epsilon=1e-5)(L.Add()([x, L.Dropout(0.1)(h)]))
    y = L.Dense(8)(L.Dense(16, "gelu")(h))
    y = L.LayerNormalization()(L.Add()([h, y]))
    network = keras.Model(sentence, L.Dense(2)(L.GlobalAveragePooling1D()(y)))
    x = words(8, 6, 9)
    agree(trained(network, x), x)


def test_attention_of_several_sequences():
    query, value, key = keras.Input((5, 8)), keras.Input((6, 4)), keras.Input((6, 3))
    x = L.MultiHeadAttention(2, 4, output_shape=5)(query, value=value, key=key)
    y = L.Attention(use_scale=True, score_mode="concat")([x, x])
    z = L.AdditiveAttention()([L.RMSNormalization()(x), y])
    network = keras.Model([query, value, key], L.Concatenate(axis=1)([y, z]))
    x = [numbers(4, 5, 8), numbers(4, 6, 4), numbers(4, 6, 3)]
    agree(moved(network), x)


def test_two_inputs_two_outputs_and_a_shared_layer():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = L.Dense(4, "tanh", name="shared")
    a = shared(left)
    b = shared(shared(right))
    first = L.Dense(2, name="first")(L.Multiply()([a, b]))
    second = L.Dense(1, name="second")(L.Average()([a, b, L.Maximum()([a, b])]))
    network = keras.Model([left, right], [first, second])
    x = [numbers(6, 4), numbers(6, 4, seed=1)]
    model = agree(trained(network, x), x)
    assert model.input_names == ("left", "right")
    assert model.output_names == ("first", "second")
    assert len(model.params) == 3


def test_a_model_inside_a_model():
    start = keras.Input((3,))
    code = L.Dense(3, "tanh", name="d")(start)
    both = keras.Model(start, [code, L.Dense(2, name="unused")(code)], name="encoder")

    def encoder(x):
        return both(x)[0]

    head = keras.Sequential([keras.Input((3,)), L.Dense(3, name="d")], name="head")
    x, z = keras.Input((3,), name="x"), keras.Input((3,), name="z")
    outer = L.Dense(3, name="d")
    a = encoder(encoder(x))
    b = head(head(outer(z)))
    network = keras.Model({"x": x, "z": z}, [L.Add()([a, b]), encoder(b), outer(a + b)])
    given = {"x": numbers(5, 3), "z": numbers(5, 3, seed=1)}
    model = agree(moved(network), given)
    assert set(model.params) == {"d", "encoder_d", "head_d"}


def test_mixed_precision_is_kept():
    network = keras.Sequential(
        [keras.Input((4,)), L.Dense(8, "relu", dtype="mixed_bfloat16"), L.Dense(2)]
    )
    model = from_keras(network, name="half")
    assert model.name == "half"
    assert [layer.compute_dtype for layer in model.layers.values()] == ["bfloat16", None]
    x = numbers(5, 4)
    np.testing.assert_allclose(model.predict(x), network(x), rtol=1e-5, atol=1e-5)


def test_it_can_be_saved_and_trained_on(tmp_path):
    network = keras.Sequential([keras.Input((4,)), L.Dense(3, "relu"), L.Dense(3, "softmax")])
    network.compile(
        keras.optimizers.AdamW(0.02, weight_decay=0.1),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", keras.metrics.SparseCategoricalAccuracy()],
    )
    model = from_keras(network)
    rule = model.optimizer
    assert (rule.name, rule.learning_rate, rule.weight_decay) == ("adamw", 0.02, 0.1)
    x, y = numbers(20, 4), np.arange(20) % 3
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "accuracy", "sparse_categorical_accuracy"}
    network.fit(x, y, verbose=0)
    np.testing.assert_allclose(  # Keras's loss before its first update
        logs["loss"], network.history.history["loss"][0], rtol=1e-5
    )
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "carried.descend")
    again = load_model(tmp_path / "carried.descend")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize(
    ("optimizer", "name", "options"),
    [
        (lambda o: o.SGD(0.1, momentum=0.9, nesterov=True), "sgd", {"momentum": 0.9}),
        (lambda o: o.Adam(0.1, beta_1=0.8), "adam", {"beta_1": 0.8}),
        (lambda o: o.Adam(0.1, clipnorm=2.0, weight_decay=0.5), "adam", {"clipnorm": 2.0}),
        (lambda o: o.RMSprop(0.1, rho=0.7), "rmsprop", {"rho": 0.7}),
        (lambda o: o.Adagrad(0.1), "adagrad", {"initial_accumulator": 0.1}),
    ],
)
def test_optimizers(optimizer, name, options):
    network = keras.Sequential([keras.Input((2,)), L.Dense(1)])
    network.compile(optimizer(keras.optimizers), "mse")
    rule = from_keras(network).optimizer
    assert rule.name == name
    assert rule.learning_rate == 0.1
    assert {n: getattr(rule, n) for n in options} == options


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"optimizer": "ftrl", "loss": "mse"}, "'Ftrl'"),
        ({"optimizer": "sgd", "loss": "dice"}, "dice"),
        (
            {"optimizer": "sgd", "loss": "mse", "metrics": [keras.metrics.PearsonCorrelation()]},
            "[Pp]earson",
        ),
        ({"optimizer": keras.optimizers.Adam(amsgrad=True), "loss": "mse"}, "amsgrad=True"),
        ({"optimizer": "sgd", "loss": keras.losses.Huber(reduction="sum")}, "reduction='sum'"),
    ],
)
def test_what_cannot_be_compiled_is_left_so_and_says_why(options, reason):
    network = keras.Sequential([keras.Input((2,)), L.Dense(1)])
    network.compile(**options)
    with pytest.warns(UserWarning, match=f"not compiled.*({reason})"):
        model = from_keras(network)
    with pytest.raises(DescendError, match="compile"):
        model.fit(numbers(4, 2), numbers(4, 1))


# -- what would be lost -------------------------------------------------------------------------


def relu(x):
    return x * x


class Doubling(L.Layer):
    def call(self, x):
        return 2 * x


Own = type("Dense", (L.Dense,), {})


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: L.Lambda(lambda x: x), (3,), "'lambda.*no layer 'Lambda'"),
        (lambda: Doubling(), (3,), "'doubling'.*class of the user's own"),
        (lambda: Own(2), (3,), "class of the user's own"),
        (lambda: L.Dense(2, relu), (3,), "activation='.*relu' is not an activation"),
        (lambda: L.Dense(2, "sparsemax"), (3,), "activation='sparsemax'"),
        (lambda: L.Dense(2, kernel_constraint="max_norm"), (3,), "kernel_constraint.*leave it"),
        (lambda: L.Dense(2, kernel_regularizer="orthogonal_regularizer"), (3,), "Orthogonal"),
        (lambda: L.Dense(2, dtype="float64"), (3,), "dtype='float64'"),
        (lambda: L.Flatten(data_format="channels_first"), (2, 3), "data_format='channels_first'"),
        (lambda: L.LSTM(2, activity_regularizer="l2"), (3, 2), "activity_regularizer"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_would_be_lost_is_refused(layer, shape, message):
    network = keras.Sequential([keras.Input(shape), layer()])
    with pytest.raises(DescendError, match=message):
        from_keras(network)


def test_graphs_that_are_refused():
    class Coded(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(DescendError, match="order is code"):
        from_keras(Coded(name="coded"))
    with pytest.raises(DescendError, match="expected a Keras model, got dict"):
        from_keras({})
    with pytest.raises(DescendError, match=r"not been built.*keras\.Input"):
        from_keras(keras.Sequential([L.Dense(2)]))
    x = keras.Input((3,))
    with pytest.raises(DescendError, match="function 'Sin'"):
        from_keras(keras.Model(x, keras.ops.sin(x)))
    with pytest.raises(DescendError, match="function 'Add'"):
        from_keras(keras.Model(x, x + 1.0))
    with pytest.raises(DescendError, match="training=.*not carried over"):
        from_keras(keras.Model(x, L.Dropout(0.5)(x, training=True)))


def test_layers_that_prepare_data():
    """Their numbers are in their description, or, where they were adapted, in their weights."""
    x = numbers(6, 4, 3)
    scale = L.Normalization()
    scale.adapt(x)
    network = keras.Sequential(
        [
            keras.Input((4, 3)),
            scale,
            L.Rescaling(0.5, 1.0),
            L.ReLU(max_value=0.7, threshold=0.2),
            L.Softmax(axis=1),
            L.Dropout(0.5, noise_shape=(None, 1, None)),
            L.UnitNormalization(axis=[1, 2]),
            L.Flatten(),
            L.Dense(2),
        ]
    )
    agree(moved(network), x)


def test_masks_that_are_refused():
    ids, more = keras.Input((4,), dtype="int32"), keras.Input((4,), dtype="int32")
    mask = keras.Input((4,), dtype="bool")
    vectors = L.Embedding(5, 3)(ids)
    with pytest.raises(DescendError, match="mask=.*not carried over"):
        from_keras(keras.Model([ids, mask], L.LSTM(2)(vectors, mask=mask)))
    masked = L.Embedding(5, 3, mask_zero=True)(ids)
    with pytest.raises(DescendError, match="no Embedding or Masking"):
        from_keras(keras.Model(ids, L.LSTM(2)(masked, mask=keras.ops.not_equal(ids, 3))))
    state = L.GRU(2)(masked)
    with pytest.raises(DescendError, match="without the mask"):
        from_keras(keras.Model(ids, L.GRU(2)(masked, initial_state=[state])))
    turned = L.GRU(2, return_sequences=True, go_backwards=True)(masked)
    with pytest.raises(DescendError, match="backwards"):
        from_keras(keras.Model(ids, turned))
    other = L.Embedding(5, 3, mask_zero=True)(more)
    with pytest.raises(DescendError, match="different masks"):
        from_keras(keras.Model([ids, more], L.Add()([masked, other])))
    once = L.MultiHeadAttention(1, 2)(masked, masked)
    again = L.MultiHeadAttention(1, 2)(once, masked)
    with pytest.raises(DescendError, match="the first alone heeds padding"):
        from_keras(keras.Model(ids, again))
    with pytest.raises(DescendError, match="statistics over steps that are masked"):
        from_keras(keras.Model(ids, L.GroupNormalization(1)(masked)))
    with pytest.raises(DescendError, match="operator"):
        from_keras(keras.Model(ids, masked + masked))


def test_weights_that_do_not_match():
    network = keras.Sequential([keras.Input((3,)), L.Dense(2, name="d")])
    (theirs,) = network.layers
    kernel, bias = np.zeros((3, 2)), np.zeros(2)
    without = Dense(2, use_bias=False)
    with pytest.raises(DescendError, match=r"without a counterpart \[\], Keras's \['.*d/bias'\]"):
        arrays_of(without, theirs, {"kernel": kernel})
    with pytest.raises(DescendError, match=r"without a counterpart \['gate'\], Keras's \[\]"):
        arrays_of(without, theirs, {"kernel": kernel, "bias": bias, "gate": bias})
    with pytest.raises(ShapeError, match=r"kernel has shape \(2, 3\), Keras's .*d/kernel \(3, 2\)"):
        arrays_of(without, theirs, {"kernel": kernel.T, "bias": bias})
