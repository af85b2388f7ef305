"""Dense, activations, joining, reshaping, dropout."""

from functools import partial

from descend.nn import activations, initializers
from descend.nn.layers import (
    Activation,
    Add,
    Average,
    Concatenate,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    GaussianNoise,
    Maximum,
    Multiply,
    Permute,
    PReLU,
    RepeatVector,
    Reshape,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

SIGMOID_2 = partial(activations.sigmoid, beta=2.0)
PENALTY = L1L2(0.1, 0.2)
NORMAL = initializers.Normal(0.5)

CASES = {
    "dense": Case(lambda: Dense(4), (3,), (4,), 16),
    "dense tanh": Case(lambda: Dense(5, "tanh"), (3,), (5,), 20),
    "dense no bias": Case(lambda: Dense(2, use_bias=False), (3,), (2,), 6),
    "dense sequence": Case(lambda: Dense(4, "gelu"), (7, 3), (7, 4), 16, masked=True),
    "dense one": Case(lambda: Dense(1, SIGMOID_2), (1,), (1,), 2),
    "dense penalised": Case(
        lambda: Dense(3, "softmax", kernel_regularizer=PENALTY, bias_initializer=NORMAL),
        (4,),
        (3,),
        15,
    ),
    "dense orthogonal": Case(
        lambda: Dense(3, "softplus", kernel_initializer="orthogonal"), (4,), (3,), 15
    ),
    "activation tanh": Case(lambda: Activation("tanh"), (5,), (5,)),
    "activation hard_tanh": Case(lambda: Activation("hard_tanh"), (2, 5), (2, 5), kinked=True),
    "activation softmax": Case(lambda: Activation("softmax"), (5,), (5,)),
    "activation partial": Case(lambda: Activation(SIGMOID_2), (2, 3), (2, 3)),
    "prelu": Case(lambda: PReLU(), (5,), (5,), 5, kinked=True),
    "prelu two axes": Case(lambda: PReLU(initializers.Normal(0.3)), (2, 3), (2, 3), 6, kinked=True),
    "dropout": Case(lambda: Dropout(0.4), (5,), (5,)),
    "dropout zero": Case(lambda: Dropout(0.0), (2, 5), (2, 5)),
    "dropconnect": Case(lambda: DropConnect(4), (3,), (4,), 16),
    "dropconnect tanh": Case(
        lambda: DropConnect(4, "tanh", rate=0.2, use_bias=False), (3,), (4,), 12
    ),
    "spatial dropout 1d": Case(lambda: SpatialDropout1D(0.3), (4, 3), (4, 3)),
    "spatial dropout 1d half": Case(lambda: SpatialDropout1D(), (2, 5), (2, 5)),
    "spatial dropout 2d": Case(lambda: SpatialDropout2D(0.4), (3, 2, 4), (3, 2, 4)),
    "spatial dropout 2d half": Case(lambda: SpatialDropout2D(), (1, 2, 3), (1, 2, 3)),
    "spatial dropout 3d": Case(lambda: SpatialDropout3D(0.4), (2, 3, 2, 4), (2, 3, 2, 4)),
    "spatial dropout 3d half": Case(lambda: SpatialDropout3D(), (1, 1, 2, 3), (1, 1, 2, 3)),
    "gaussian noise": Case(lambda: GaussianNoise(0.5), (5,), (5,)),
    "gaussian noise image": Case(lambda: GaussianNoise(2.0), (3, 4, 2), (3, 4, 2)),
    "flatten": Case(lambda: Flatten(), (2, 3, 4), (24,)),
    "flatten flat": Case(lambda: Flatten(), (5,), (5,)),
    "reshape": Case(lambda: Reshape((3, 4)), (12,), (3, 4)),
    "reshape -1": Case(lambda: Reshape((2, -1)), (4, 3), (2, 6)),
    "permute": Case(lambda: Permute((2, 1)), (4, 3), (3, 4)),
    "permute three": Case(lambda: Permute((3, 1, 2)), (4, 3, 2), (2, 4, 3)),
    "repeat vector": Case(lambda: RepeatVector(3), (4,), (3, 4)),
    "repeat once": Case(lambda: RepeatVector(1), (2,), (1, 2)),
    "add": Case(lambda: Add(), ((4,), (4,)), (4,)),
    "add three": Case(lambda: Add(), ((2, 3), (2, 3), (2, 3)), (2, 3)),
    "multiply": Case(lambda: Multiply(), ((4,), (4,)), (4,)),
    "multiply three": Case(lambda: Multiply(), ((2, 3), (2, 3), (2, 3)), (2, 3)),
    "average": Case(lambda: Average(), ((4,), (4,)), (4,)),
    "average three": Case(lambda: Average(), ((2, 3), (2, 3), (2, 3)), (2, 3)),
    "maximum": Case(lambda: Maximum(), ((4,), (4,)), (4,)),
    "maximum three": Case(lambda: Maximum(), ((2, 3), (2, 3), (2, 3)), (2, 3)),
    "concatenate": Case(lambda: Concatenate(), ((4,), (2,)), (6,)),
    "concatenate first": Case(lambda: Concatenate(axis=0), ((2, 3), (1, 3), (4, 3)), (7, 3)),
    "concatenate -2": Case(lambda: Concatenate(axis=-2), ((2, 3), (5, 3)), (7, 3)),
}
FORMS = ["linear", "tanh", "relu", "elu", "gelu", "softplus", "softmax", "sigmoid", "selu"]


def shape(rng, axes):
    return tuple(int(n) for n in rng.integers(1, 9, axes))


def dense(rng, make=Dense):
    import keras

    name, bias, units = str(rng.choice(FORMS)), bool(rng.integers(2)), int(rng.integers(1, 12))
    return Peer(
        make(units, name, use_bias=bias),
        shape(rng, rng.integers(1, 3)),
        lambda: keras.layers.Dense(units, name, use_bias=bias),
    )


def activation(rng):
    import keras

    name = str(rng.choice(FORMS))
    return Peer(Activation(name), shape(rng, 2), lambda: keras.layers.Activation(name))


def prelu(rng):
    import keras

    return Peer(PReLU(initializers.Normal(0.4)), shape(rng, 1), lambda: keras.layers.PReLU())


def reshape(rng):
    import keras

    a, b, c = shape(rng, 3)
    return Peer(Reshape((c, -1)), (a, b * c), lambda: keras.layers.Reshape((c, -1)))


def concatenate(rng):
    import keras

    a, b, c, d = shape(rng, 4)
    axis = int(rng.choice([0, 1, -1, -2]))
    shapes = ((a, c), (b, c)) if axis in (0, -2) else ((c, a), (c, b), (c, d))
    place = axis + 1 if axis >= 0 else axis
    return Peer(Concatenate(axis), shapes, lambda: keras.layers.Concatenate(axis=place))


def alike(make):
    def peer(rng):
        import keras

        shapes = (shape(rng, 2),) * int(rng.integers(2, 5))
        return Peer(make(), shapes, lambda: getattr(keras.layers, make.__name__)())

    return peer


def permute(rng):
    import keras

    dims = tuple(int(d) + 1 for d in rng.permutation(3))
    return Peer(Permute(dims), shape(rng, 3), lambda: keras.layers.Permute(dims))


def simple(make, name, axes):
    """A layer without options."""

    def peer(rng):
        import keras

        return Peer(make(), shape(rng, axes), lambda: getattr(keras.layers, name)())

    return peer


def repeat(rng):
    import keras

    n = int(rng.integers(1, 6))
    return Peer(RepeatVector(n), shape(rng, 1), lambda: keras.layers.RepeatVector(n))


def dropping(make, name, axes):
    """At prediction: the identity in both."""

    def peer(rng):
        import keras

        rate = float(rng.uniform(0, 0.9))
        return Peer(make(rate), shape(rng, axes), lambda: getattr(keras.layers, name)(rate))

    return peer


PEERS = {
    Dense: dense,
    DropConnect: partial(dense, make=DropConnect),
    Activation: activation,
    PReLU: prelu,
    Flatten: simple(Flatten, "Flatten", 3),
    Reshape: reshape,
    Permute: permute,
    RepeatVector: repeat,
    Add: alike(Add),
    Multiply: alike(Multiply),
    Average: alike(Average),
    Maximum: alike(Maximum),
    Concatenate: concatenate,
    Dropout: dropping(Dropout, "Dropout", 2),
    SpatialDropout1D: dropping(SpatialDropout1D, "SpatialDropout1D", 2),
    SpatialDropout2D: dropping(SpatialDropout2D, "SpatialDropout2D", 3),
    SpatialDropout3D: dropping(SpatialDropout3D, "SpatialDropout3D", 4),
    GaussianNoise: dropping(GaussianNoise, "GaussianNoise", 2),
}
