"""Dense, activations, joining, reshaping, dropout."""

from functools import partial

from descend.nn import activations, initializers
from descend.nn.layers import (
    Activation,
    Add,
    AlphaDropout,
    Average,
    Concatenate,
    Dense,
    Dot,
    DropConnect,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Maximum,
    Minimum,
    Multiply,
    Permute,
    PReLU,
    RepeatVector,
    Reshape,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    Subtract,
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
    "prelu shared": Case(lambda: PReLU(shared_axes=[1]), (2, 3), (2, 3), 3, kinked=True),
    "prelu two axes": Case(lambda: PReLU(initializers.Normal(0.3)), (2, 3), (2, 3), 6, kinked=True),
    "dropout": Case(lambda: Dropout(0.4), (5,), (5,)),
    "dropout zero": Case(lambda: Dropout(0.0), (2, 5), (2, 5)),
    "alpha dropout": Case(lambda: AlphaDropout(0.3), (5,), (5,)),
    "alpha dropout shaped": Case(
        lambda: AlphaDropout(noise_shape=(None, 1, 5), seed=3), (2, 5), (2, 5)
    ),
    "gaussian dropout": Case(lambda: GaussianDropout(0.3), (5,), (5,)),
    "gaussian dropout sequence": Case(lambda: GaussianDropout(seed=1), (2, 5), (2, 5)),
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
    "minimum": Case(lambda: Minimum(), ((4,), (4,)), (4,)),
    "minimum three": Case(lambda: Minimum(), ((2, 3), (2, 3), (2, 3)), (2, 3)),
    "subtract": Case(lambda: Subtract(), ((4,), (4,)), (4,)),
    "subtract sequences": Case(lambda: Subtract(), ((2, 3), (2, 3)), (2, 3)),
    "dot": Case(lambda: Dot(1), ((4,), (4,)), (1,)),
    "dot sequences": Case(lambda: Dot((2, 1), normalize=True), ((2, 4), (4, 3)), (2, 3)),
    "concatenate": Case(lambda: Concatenate(), ((4,), (2,)), (6,)),
    "concatenate first": Case(lambda: Concatenate(axis=1), ((2, 3), (1, 3), (4, 3)), (7, 3)),
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

    shared = [None, [1], [1, 2]][int(rng.integers(3))]
    return Peer(
        PReLU(initializers.Normal(0.4), shared_axes=shared),
        shape(rng, 3),
        lambda: keras.layers.PReLU(shared_axes=shared),
    )


def dot(rng):
    import keras

    a, b, c, d = shape(rng, 4)
    axes, shapes = [
        (1, ((a,), (a,))),
        (-1, ((b, a), (c, a))),
        ((2, 1), ((b, a), (a, c))),
        ([1, 2], ((a, b, d), (c, a))),
        ((1, 1), ((a,), (a, c))),
    ][int(rng.integers(5))]
    normal = bool(rng.integers(2))
    return Peer(Dot(axes, normal), shapes, lambda: keras.layers.Dot(axes, normalize=normal))


def reshape(rng):
    import keras

    a, b, c = shape(rng, 3)
    return Peer(Reshape((c, -1)), (a, b * c), lambda: keras.layers.Reshape((c, -1)))


def concatenate(rng):
    import keras

    a, b, c, d = shape(rng, 4)
    axis = int(rng.choice([1, 2, -1, -2]))
    shapes = ((a, c), (b, c)) if axis in (1, -2) else ((c, a), (c, b), (c, d))
    return Peer(Concatenate(axis), shapes, lambda: keras.layers.Concatenate(axis=axis))


def alike(make):
    def peer(rng):
        import keras

        count = 2 if make is Subtract else int(rng.integers(2, 5))
        shapes = (shape(rng, 2),) * count
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
    Minimum: alike(Minimum),
    Subtract: alike(Subtract),
    Dot: dot,
    Concatenate: concatenate,
    Dropout: dropping(Dropout, "Dropout", 2),
    AlphaDropout: dropping(AlphaDropout, "AlphaDropout", 2),
    GaussianDropout: dropping(GaussianDropout, "GaussianDropout", 2),
    SpatialDropout1D: dropping(SpatialDropout1D, "SpatialDropout1D", 2),
    SpatialDropout2D: dropping(SpatialDropout2D, "SpatialDropout2D", 3),
    SpatialDropout3D: dropping(SpatialDropout3D, "SpatialDropout3D", 4),
    GaussianNoise: dropping(GaussianNoise, "GaussianNoise", 2),
}
