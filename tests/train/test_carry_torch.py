"""Weights carried over from PyTorch: the filled network predicts what the trained module does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from descend import Dense, Flatten, Input, Model, Reshape, Sequential, from_torch_state
from descend.errors import DescendError
from descend.nn.layers.convolution import Conv1D, Conv2D, Conv2DTranspose, Conv3D
from descend.nn.layers.dense import Activation, PReLU
from descend.nn.layers.embedding import Embedding, PositionEmbedding
from descend.nn.layers.merge import Add, Concatenate
from descend.nn.layers.multi_head import MultiHeadAttention
from descend.nn.layers.noise import Dropout
from descend.nn.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from descend.nn.layers.pooling import MaxPooling1D, MaxPooling2D
from descend.nn.layers.recurrent import GRU, LSTM, SimpleRNN
from descend.nn.layers.residual import ResNetS
from descend.nn.layers.separable import DepthwiseConv2D, SeparableConv2D
from descend.nn.layers.transformer import TransformerDecoder, TransformerEncoder
from descend.nn.layers.wrappers import Bidirectional, TimeDistributed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import warns about its own dependencies
    torch = pytest.importorskip("torch", exc_type=ImportError)

nn = torch.nn
EPSILON = 1e-5  # of PyTorch's normalisations


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def to_torch(x):
    """Images and volumes channels first."""
    moved = np.moveaxis(x, -1, 1) if x.ndim > 3 else x
    return torch.tensor(np.ascontiguousarray(moved))


def from_torch(y):
    y = y.detach().numpy()
    return np.moveaxis(y, 1, -1) if y.ndim > 3 else y


def trained(network, *x):
    """The module after three updates towards noise: no array is at its start."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for step in range(3):
        optimizer.zero_grad()
        y = network(*x)
        y = y if isinstance(y, torch.Tensor) else y[0]
        ((y - torch.tensor(numbers(*y.shape, seed=step))) ** 2).mean().backward()
        optimizer.step()
    return network.eval()


def agree(model, network, x, mapping, *, given=None, **options):
    """Fill the model from the trained module; compare what both predict."""
    given = given or [to_torch(a) for a in (x if isinstance(x, list) else [x])]
    trained(network, *given)
    from_torch_state(model, network.state_dict(), mapping, **options)
    with torch.no_grad():
        wanted = from_torch(network(*given))
    found = model.predict(x)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * max(1, np.abs(wanted).max()))
    return model


def table(*layers, width=5):
    return Sequential([Input((width,)), *layers])


# -- the families -------------------------------------------------------------------------------


IN_PLACE = {
    "dense": "0",
    "batch_normalization": "1",
    "p_re_lu": "2",
    "layer_normalization": "3",
    "rms_normalization": "5",
    "dense_1": "6",
}


@pytest.mark.parametrize("mapping", [None, IN_PLACE])
def test_a_network_of_dense_layers(mapping):
    model = table(
        Dense(8),
        BatchNormalization(epsilon=EPSILON),
        PReLU(),
        LayerNormalization(epsilon=EPSILON),
        Dropout(0.2),
        RMSNormalization(),
        Dense(2, use_bias=False),
    )
    network = nn.Sequential(
        nn.Linear(5, 8),
        nn.BatchNorm1d(8),
        nn.PReLU(8),
        nn.LayerNorm(8),
        nn.Dropout(0.2),
        nn.RMSNorm(8, eps=1e-6),
        nn.Linear(8, 2, bias=False),
    )
    agree(model, network, numbers(16, 5), mapping)


def test_a_network_for_images():
    """The two rows of Dense's kernel behind Flatten and what is between follow the channels."""
    image = Input((9, 8, 3))
    x = Conv2D(4, 3, strides=2, activation="relu", name="first")(image)
    x = BatchNormalization(epsilon=EPSILON, name="bn")(x)
    x = DepthwiseConv2D(2, depth_multiplier=2, name="deep")(x)
    x = SeparableConv2D(6, (2, 1), activation="tanh", name="pair")(x)
    x = GroupNormalization(3, epsilon=EPSILON, name="group")(PReLU(name="alpha")(x))
    x = Conv2DTranspose(4, 3, strides=2, name="up")(x)
    x = MaxPooling2D(2)(Conv2D(6, (3, 1), groups=2, name="grouped")(x))
    x = Dropout(0.2)(Flatten()(x))
    x = BatchNormalization(epsilon=EPSILON, name="flat")(x)
    model = Model(image, Dense(3, name="head")(Activation("tanh")(x)))
    features = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 8, 2, groups=4),
        nn.Conv2d(8, 8, (2, 1), groups=8, bias=False),
        nn.Conv2d(8, 6, 1),
        nn.Tanh(),
        nn.PReLU(6),
        nn.GroupNorm(3, 6),
        nn.ConvTranspose2d(6, 4, 3, stride=2),
        nn.Conv2d(4, 6, (3, 1), groups=2),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    x = numbers(6, 9, 8, 3)
    width = features(to_torch(x)).shape[1]
    network = nn.Sequential(
        features, nn.Dropout(0.2), nn.BatchNorm1d(width), nn.Tanh(), nn.Linear(width, 3)
    )
    named = {"first": 0, "bn": 2, "deep": 3, "pair": (4, 5), "alpha": 7, "group": 8, "up": 9}
    mapping = {
        name: tuple(f"0.{p}" for p in place) if isinstance(place, tuple) else f"0.{place}"
        for name, place in (named | {"grouped": 10}).items()
    }
    agree(model, network, x, mapping | {"flat": "2", "head": "4"})


def test_images_made_of_features():
    """A decoder: Dense's columns before Reshape, its rows behind it where two flat images join."""
    start = Input((5,))
    x = BatchNormalization(epsilon=EPSILON)(Dense(24, "relu")(start))
    y = Conv2DTranspose(2, 2)(Reshape((3, 2, 4))(x))
    model = Model(start, Dense(3, name="head")(Concatenate()([start, Flatten()(y), x])))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense, self.bn = nn.Linear(5, 24), nn.BatchNorm1d(24)
            self.up, self.head = nn.ConvTranspose2d(4, 2, 2), nn.Linear(5 + 24 + 24, 3)

        def forward(self, start):
            x = self.bn(self.dense(start).relu())
            y = self.up(x.unflatten(1, (4, 3, 2)))
            return self.head(torch.cat([start, y.flatten(1), x], 1))

    mapping = {"dense": "dense", "batch_normalization": "bn", "conv2d_transpose": "up"}
    agree(model, Decoder(), numbers(8, 5), mapping | {"head": "head"})


def test_flattened_signals_and_volumes():
    signal = Sequential(
        [Input((10, 3)), Conv1D(4, 3, activation="relu"), MaxPooling1D(2), Flatten(), Dense(2)]
    )
    network = nn.Sequential(
        nn.Conv1d(3, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(16, 2)
    )
    x = numbers(4, 10, 3)
    first = torch.tensor(np.swapaxes(x, 1, 2).copy())
    agree(signal, network, x, {"conv1d": "0", "dense": "4"}, given=[first])
    volume = Sequential([Input((4, 3, 3, 2)), Conv3D(3, 2), Flatten(), Dense(2)])
    network = nn.Sequential(nn.Conv3d(2, 3, 2), nn.Flatten(), nn.Linear(36, 2))
    agree(volume, network, numbers(4, 4, 3, 3, 2), None)


def test_what_is_flattened_in_our_order():
    """No image: a table of steps; and an image that PyTorch permutes itself."""
    steps = Sequential([Input((4, 3)), Dense(2), Flatten(), Dense(2)])
    network = nn.Sequential(nn.Linear(3, 2), nn.Flatten(), nn.Linear(8, 2))
    agree(steps, network, numbers(4, 4, 3), None)
    image = Sequential([Input((4, 3, 2)), Flatten(), Dense(2)])
    x = numbers(4, 4, 3, 2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(24, 2))
    mapping, plain = {"dense": "1"}, [torch.tensor(x)]
    agree(image, network, x, mapping, given=plain, channels_last=["flatten"])


class Recurrent(nn.Module):
    """An embedding, stacked layers, one in both directions, and a last one."""

    def __init__(self, embedding, stacked, both, last, width):
        super().__init__()
        self.embedding, self.stacked, self.both, self.last = embedding, stacked, both, last
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        x = self.both(self.stacked(self.embedding(x))[0])[0]
        return self.head(self.last(x)[0][:, -1])


def test_recurrent_layers():
    model = Sequential(
        [
            Input((7,), dtype="int32"),
            Embedding(9, 4),
            LSTM(5, return_sequences=True),
            LSTM(5, return_sequences=True),
            Bidirectional(GRU(3, return_sequences=True)),
            SimpleRNN(4),
            Dense(2),
        ]
    )
    network = Recurrent(
        nn.Embedding(9, 4),
        nn.LSTM(4, 5, num_layers=2, batch_first=True),
        nn.GRU(5, 3, batch_first=True, bidirectional=True),
        nn.RNN(6, 4, batch_first=True),
        4,
    )
    x = np.random.default_rng(0).integers(0, 9, (6, 7)).astype(np.int32)
    agree(model, network, x, None, given=[torch.tensor(x).long()])
    mapping = {
        "embedding": "embedding",
        "lstm": "stacked",
        "lstm_1": "stacked:l1",
        "bidirectional": "both",
        "simple_rnn": "last",
        "dense": "head",
    }
    wanted = model.get_weights()
    from_torch_state(model, network.state_dict(), mapping)
    for a, b in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_attention_and_its_blocks():
    start, memory = Input((5, 8)), Input((6, 8))
    x = PositionEmbedding(5, name="places")(start)
    y = MultiHeadAttention(2, 4, name="attention")(x, memory)
    x = LayerNormalization(epsilon=EPSILON, name="norm")(Add()([x, y]))
    x = TransformerEncoder(16, 2, name="encoder")(x)
    x = TransformerDecoder(12, 4, activation="gelu", normalize_first=True, name="decoder")(
        x, memory
    )
    model = Model([start, memory], TimeDistributed(Dense(3), name="head")(x))

    class Blocks(nn.Module):
        def __init__(self):
            super().__init__()
            self.places = nn.Embedding(5, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)
            self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0, batch_first=True)
            self.decoder = nn.TransformerDecoderLayer(
                8, 4, 12, dropout=0, activation="gelu", batch_first=True, norm_first=True
            )

        def forward(self, start, memory):
            x = start + self.places(torch.arange(5))
            x = self.norm(x + self.attention(x, memory, memory)[0])
            mask = nn.Transformer.generate_square_subsequent_mask(5)
            return self.head(self.decoder(self.encoder(x), memory, tgt_mask=mask))

    names = ("places", "attention", "norm", "encoder", "decoder", "head")
    x = [numbers(4, 5, 8), numbers(4, 6, 8, seed=1)]
    agree(model, Blocks(), x, {name: name for name in names})


def test_attention_with_keys_of_their_own():
    query, value, key = Input((3, 8)), Input((4, 5)), Input((4, 6))
    model = Model([query, value, key], MultiHeadAttention(2, 4)(query, value, key))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = nn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True)

        def forward(self, query, value, key):
            return self.inside(query, key, value)[0]

    x = [numbers(2, 3, 8), numbers(2, 4, 5), numbers(2, 4, 6)]
    agree(model, Attention(), x, {"multi_head_attention": "inside"})


def test_layers_inside_a_block():
    model = table(ResNetS(2, blocks=1, activation="tanh"), width=4)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(x + self.b(self.a(x).tanh()).tanh())

    inside = "res_net_s.res_0.dense_"
    mapping = {f"{inside}0": "a", f"{inside}1": "b", "res_net_s.dense": "out"}
    agree(model, Residual(), numbers(4, 4), mapping)


def test_numpy_arrays_and_half_precision():
    model = table(Dense(3))
    weight, bias = numbers(3, 5), numbers(3, seed=1)
    from_torch_state(model, {"weight": weight, "bias": bias}, {"dense": ""})
    np.testing.assert_array_equal(model.params["dense"]["kernel"], weight.T)
    half = {"weight": torch.tensor(weight).bfloat16(), "bias": torch.tensor(bias)}
    from_torch_state(model, half)
    np.testing.assert_allclose(model.params["dense"]["kernel"], weight.T, rtol=1e-2)


def test_training_goes_on_with_the_weights():
    model = table(Dense(1))
    model.compile("adam", "mse")
    x, y = numbers(8, 5), numbers(8, 1)
    model.fit(x, y, verbose=0)
    weight, bias = numbers(1, 5, seed=3), numbers(1, seed=4)
    from_torch_state(model, {"weight": weight, "bias": bias})
    np.testing.assert_allclose(model.predict(x), x @ weight.T + bias, rtol=1e-5, atol=1e-6)
    model.fit(x, y, verbose=0)
    np.testing.assert_allclose(model.params["dense"]["kernel"], weight.T, atol=2e-3)  # one step


# -- errors -------------------------------------------------------------------------------------

LINEAR = {"head.weight": numbers(2, 5), "head.bias": numbers(2)}
NORM = {f"bn.{n}": numbers(2) for n in ("weight", "bias", "running_mean", "running_var")}


@pytest.mark.parametrize(
    ("layers", "state", "mapping", "message"),
    [
        ([Dense(2)], LINEAR, {"dens": "head"}, "unknown layer .*'dens'.*mean 'dense'"),
        ([Dense(2)], LINEAR, {"dense": "haed"}, "'haed'.*has nothing.*mean 'head'"),
        ([Dense(2)], LINEAR, {"dense": "head:2"}, "'head:2'"),
        ([Dense(2), Dropout(0.1)], LINEAR, {"dropout": "head"}, "'dropout', which has no weights"),
        ([Dense(3)], LINEAR, {"dense": "head"},
         r"kernel has shape \(5, 3\).*'head' gives \(5, 2\) \(kernel = weight.T\)"),
        ([Dense(2, use_bias=False)], LINEAR, {"dense": "head"}, r"not used: \['head.bias'\]"),
        ([Dense(2)], {"head.weight": numbers(2, 5)}, {"dense": "head"}, "no 'head.bias'"),
        ([Dense(2), Dense(2)], LINEAR, {"dense": "head"},
         r"without an entry: \['dense_1.kernel', 'dense_1.bias'\]"),
        ([Dense(2), BatchNormalization(scale=False)], LINEAR | NORM,
         {"dense": "head", "batch_normalization": "bn"}, r"not used: \['bn.weight'\]"),
        ([Dense(2)], LINEAR | NORM, None, r"1 layers with weights, 2 modules.*Give mapping"),
        ([Dense(3)], LINEAR, None, r"in order, which does not fit.*kernel has shape"),
        ([Dense(2)], LINEAR, {"dense": ("head", "head")}, "one module, got 2"),
        ([Reshape((5, 1)), GRU(2, reset_after=False), Dense(2)],
         {n: np.asarray(t) for n, t in nn.GRU(1, 2).state_dict(prefix="rnn.").items()},
         {"gru": "rnn"}, "reset_after=True"),
    ],
)  # fmt: skip
def test_misfits(layers, state, mapping, message):
    model = table(*layers)
    before = model.get_weights()
    with pytest.raises(DescendError, match=message):
        from_torch_state(model, state, mapping)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_orders_that_cannot_be_had():
    image = Input((3, 3, 2))
    flat = Flatten()(image)
    mixed = Model(image, Dense(2)(Add()([flat, Dense(18)(flat)])))
    with pytest.raises(DescendError, match="joins them with others"):
        from_torch_state(mixed, {}, {})
    sequence = Model(image, LSTM(2)(Reshape((18, 1))(flat)))
    with pytest.raises(DescendError, match="layer 'reshape' takes them in another order"):
        from_torch_state(sequence, {}, {})
    grouped = Model(image, Dense(2)(GroupNormalization(2)(flat)))
    with pytest.raises(DescendError, match="channels_last"):
        from_torch_state(grouped, {}, {})
    with pytest.raises(DescendError, match="unknown layer in channels_last 'flaten'"):
        from_torch_state(grouped, {}, {}, channels_last=["flaten"])
