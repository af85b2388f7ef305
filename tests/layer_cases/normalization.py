"""Normalisation by batch, row, group and root mean square."""

from descend.nn import initializers
from descend.nn.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

PENALTY = L1L2(0.1, 0.2)
NORMAL = initializers.Normal(0.5)

CASES = {
    "batch norm": Case(
        lambda: BatchNormalization(), (5,), (5,), 10, rows_mixed=True, state_count=10
    ),
    "batch norm image": Case(
        lambda: BatchNormalization(
            momentum=0.9, epsilon=1e-2, gamma_regularizer=PENALTY, beta_initializer=NORMAL
        ),
        (3, 4, 2),
        (3, 4, 2),
        4,
        rows_mixed=True,
        state_count=4,
    ),
    "batch norm plain": Case(
        lambda: BatchNormalization(center=False, scale=False),
        (4, 3),
        (4, 3),
        rows_mixed=True,
        state_count=6,
        masked=True,
    ),
    "batch norm first axis": Case(
        lambda: BatchNormalization(1, center=False),
        (4, 3),
        (4, 3),
        4,
        rows_mixed=True,
        state_count=8,
    ),
    "layer norm": Case(lambda: LayerNormalization(), (5,), (5,), 10),
    "layer norm sequence": Case(
        lambda: LayerNormalization(epsilon=1e-5, gamma_initializer=NORMAL),
        (4, 3),
        (4, 3),
        6,
        masked=True,
    ),
    "layer norm axes": Case(
        lambda: LayerNormalization((-1, 1), beta_regularizer=PENALTY),
        (4, 3),
        (4, 3),
        24,
        masked=True,
    ),
    "layer norm plain": Case(
        lambda: LayerNormalization(1, center=False, scale=False), (4, 3), (4, 3), masked=True
    ),
    "group norm": Case(lambda: GroupNormalization(2), (3, 4), (3, 4), 8, masked=True),
    "group norm instance": Case(
        lambda: GroupNormalization(-1, scale=False), (3, 3, 2), (3, 3, 2), 2, masked=True
    ),
    "group norm first axis": Case(lambda: GroupNormalization(2, 1), (4, 3), (4, 3), 8),
    "rms norm": Case(lambda: RMSNormalization(), (5,), (5,), 5),
    "rms norm axes": Case(
        lambda: RMSNormalization((1, 2), 1e-3), (4, 3, 2), (4, 3, 2), 12, masked=True
    ),
}


def options(rng):
    """What the three layers with gamma and beta take alike."""
    return {
        "epsilon": float(10.0 ** rng.uniform(-5, -1)),
        "center": bool(rng.integers(2)),
        "scale": bool(rng.integers(2)),
    }


def shape(rng, axes):
    return tuple(int(n) for n in rng.integers(2, 9, axes))


def placed(axis):
    """An axis of the input as Keras counts it, with the batch."""
    if isinstance(axis, tuple):
        return tuple(map(placed, axis))
    return axis if axis < 0 else axis + 1


def batch(rng):
    import keras

    axes = int(rng.integers(1, 4))
    axis, given = placed(int(rng.integers(-axes, axes))), options(rng)
    return Peer(
        BatchNormalization(axis, **given),
        shape(rng, axes),
        lambda: keras.layers.BatchNormalization(axis, **given),
    )


def axis_or_axes(rng):
    axes = int(rng.integers(1, 4))
    if rng.integers(2):
        count = int(rng.integers(1, axes + 1))
        return axes, placed(tuple(sorted(int(a) for a in rng.permutation(axes)[:count])))
    return axes, placed(int(rng.integers(-axes, axes)))


def layer(rng):
    import keras

    (axes, axis), given = axis_or_axes(rng), options(rng)
    return Peer(
        LayerNormalization(axis, **given),
        shape(rng, axes),
        lambda: keras.layers.LayerNormalization(axis, **given),
    )


def group(rng):
    import keras

    axes, given = int(rng.integers(1, 4)), options(rng)
    groups, size = (int(n) for n in rng.integers(1, 5, 2))
    where = shape(rng, axes)
    if rng.integers(4) == 0:
        size, groups = groups, -1
    channels = size if groups == -1 else groups * size
    return Peer(
        GroupNormalization(groups, **given),
        (*where, channels),
        lambda: keras.layers.GroupNormalization(groups, **given),
    )


def rms(rng):
    import keras

    axes = int(rng.integers(1, 4))
    # Keras's own fails where its axes are not the last
    axis = tuple(range(-int(rng.integers(1, axes + 1)), 0)) if rng.integers(2) else -1
    epsilon = float(10.0 ** rng.uniform(-7, -2))
    return Peer(
        RMSNormalization(axis, epsilon),
        shape(rng, axes),
        lambda: keras.layers.RMSNormalization(axis, epsilon=epsilon),
    )


PEERS = {
    BatchNormalization: batch,
    LayerNormalization: layer,
    GroupNormalization: group,
    RMSNormalization: rms,
}
