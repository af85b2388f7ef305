"""Networks that forecast: (context, features) -> (horizon, outputs), of the library's own layers.

    linear        one layer from all that is seen to all that is forecast
    mlp           hidden layers, and the linear map beside them
    nbeats        blocks that each explain a part of the history and hand on the rest
    rnn gru lstm  a recurrent layer read once over the history
    tcn           causal convolutions of growing reach
    transformer   attention over patches of the history

The last layer starts at zero: an untrained network forecasts the centre of its window's scale, by
default the last value. Sources: scheidegger-2020, "Recurrent Neural Nets"; hull-2023, "Specialized
Layer: Attention Mechanisms"; Oreshkin et al. 2020 (N-BEATS); Bai et al. 2018 (TCN); Nie et al. 2023
(patches).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from descend.errors import DescendError, ShapeError, unknown
from descend.nn.layers import (
    GRU,
    LSTM,
    Add,
    Concatenate,
    Conv1D,
    Dense,
    Flatten,
    PositionEmbedding,
    Reshape,
    SimpleRNN,
    Subtract,
    TransformerEncoder,
)
from descend.nn.symbols import Input, Symbol
from descend.train.model.cloning import clone_model
from descend.train.model.model import Model

WIDTH, BLOCKS, DEPTH = 128, 3, 2  # of N-BEATS: units, blocks, hidden layers of a block
UNITS, CHANNELS, HEADS = 64, 32, 4  # of a recurrent layer; of convolutions; of attention
# hidden layers of the MLP where there are fewer windows than this
MLP: tuple[tuple[float, tuple[int, ...]], ...] = (
    (1000, (32,)),
    (20_000, (64, 64)),
    (math.inf, (256, 256)),
)
PATCHES = 12  # that a transformer cuts the history into, at least
RECURRENT: dict[str, Any] = {"rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}


@dataclass(frozen=True)
class Sizes:
    """What goes in and what comes out.

    Attributes:
        context, features: steps and columns of the history; the target's own is the first column.
        future: columns that are known for the dates to come.
        horizon, outputs: steps that are forecast, and numbers for each.
        hidden: units of the hidden layers; None: the network's usual ones.
        windows: windows that it is trained on.
    """

    context: int
    features: int
    future: int
    horizon: int
    outputs: int
    hidden: tuple[int, ...] | None = None
    windows: int = 0

    def units(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        """Units of the hidden layers."""
        return usual if self.hidden is None else self.hidden


def network(kind: str | Model, sizes: Sizes) -> Model:
    """The untrained network of a name, or a copy of the user's own, its weights undrawn.

    Raises:
        DescendError: an unknown name.
        ShapeError: a Model of other inputs or outputs.
    """
    if isinstance(kind, Model):
        return _own(kind, sizes)
    if kind not in NETWORKS:
        raise unknown("network", kind, NETWORKS)
    x = Input((sizes.context, sizes.features), name="history")
    known = [Input((sizes.horizon, sizes.future), name="future")] if sizes.future else []
    out = NETWORKS[kind](sizes, x, [Flatten()(one) for one in known])
    y = Reshape((sizes.horizon, sizes.outputs))(out)
    return Model([x, *known] if known else x, y, name=kind)


def _own(model: Model, sizes: Sizes) -> Model:
    expected = [(sizes.context, sizes.features)]
    expected += [(sizes.horizon, sizes.future)] if sizes.future else []
    shapes = [tuple(s.shape) for s in model.input_symbols]
    if not model.single_output:
        raise ShapeError("a network that forecasts has one output, (horizon, outputs)")
    output = tuple(model.output_shape[1:])
    wanted = (sizes.horizon, sizes.outputs)
    if shapes != expected or output != wanted:
        raise ShapeError(
            f"the network should take {' and '.join(map(str, expected))} and put out {wanted}, and "
            f"takes {' and '.join(map(str, shapes))} and puts out {output}: (context, features), "
            "the dates to come where covariates are known, and (horizon, outputs)"
        )
    return clone_model(model)


def _joined(parts: list[Symbol]) -> Symbol:
    joined: Symbol = parts[0] if len(parts) == 1 else Concatenate()(parts)
    return joined


def _last(sizes: Sizes, h: Symbol) -> Symbol:
    """The layer of the forecast, which starts at zero."""
    y: Symbol = Dense(sizes.horizon * sizes.outputs, kernel_initializer="zeros")(h)
    return y


def _dense(h: Symbol, units: Sequence[int]) -> Symbol:
    for count in units:
        h = Dense(count, "relu")(h)
    return h


def linear(sizes: Sizes, x: Symbol, future: list[Symbol]) -> Symbol:
    """One layer."""
    return _last(sizes, _joined([Flatten()(x), *future]))


def mlp(sizes: Sizes, x: Symbol, future: list[Symbol]) -> Symbol:
    """Hidden layers, and the linear map beside them; by default the wider, the more windows."""
    usual = next(units for most, units in MLP if sizes.windows < most)
    h = _joined([Flatten()(x), *future])
    y: Symbol = Add()([_last(sizes, _dense(h, sizes.units(usual))), _last(sizes, h)])
    return y


def nbeats(sizes: Sizes, x: Symbol, future: list[Symbol]) -> Symbol:
    """Blocks: each takes off what it explains of the history, and adds to the forecast."""
    rest = x[:, :, 0]
    beside = [*([Flatten()(x[:, :, 1:])] if sizes.features > 1 else []), *future]
    forecasts = []
    for block in range(BLOCKS):
        h = _dense(_joined([rest, *beside]), sizes.units((WIDTH,) * DEPTH))
        forecasts.append(_last(sizes, h))
        if block < BLOCKS - 1:
            rest = Subtract()([rest, Dense(sizes.context)(h)])
    y: Symbol = Add()(forecasts)
    return y


def recurrent(kind: str) -> Callable[..., Symbol]:
    """A network that reads the history step by step."""

    def read(sizes: Sizes, x: Symbol, future: list[Symbol]) -> Symbol:
        units = sizes.units((UNITS,))
        h = x
        for layer, count in enumerate(units):
            h = RECURRENT[kind](count, return_sequences=layer < len(units) - 1)(h)
        return _last(sizes, _joined([h, *future]))

    return read


def tcn(sizes: Sizes, x: Symbol, future: list[Symbol]) -> Symbol:
    """Causal convolutions of three steps, each reaching twice as far, until all is seen."""
    (channels,) = sizes.units((CHANNELS,))[:1]
    h = Dense(channels)(x)
    reach, apart = 1, 1
    while reach < sizes.context:
        step = Conv1D(channels, 3, padding="causal", dilation_rate=apart, activation="relu")
        h = Add()([h, step(h)])
        reach, apart = reach + 2 * apart, 2 * apart
    return _last(sizes, _joined([h[:, -1], *future]))


def transformer(sizes: Sizes, x: Symbol, future: list[Symbol]) -> Symbol:
    """Two blocks of attention over patches of the history."""
    (channels,) = sizes.units((CHANNELS,))[:1]
    if channels % HEADS:
        raise DescendError(
            f"transformer: hidden must be a multiple of {HEADS} (the heads), got {channels}"
        )
    most = max(sizes.context // PATCHES, 1)
    patch = max(p for p in range(1, most + 1) if sizes.context % p == 0)
    h = Conv1D(channels, patch, strides=patch)(x)
    h = PositionEmbedding(sizes.context // patch)(h)
    for _ in range(2):
        h = TransformerEncoder(2 * channels, HEADS, normalize_first=True)(h)
    return _last(sizes, _joined([Flatten()(h), *future]))


NETWORKS: dict[str, Callable[..., Symbol]] = {
    "linear": linear,
    "mlp": mlp,
    "nbeats": nbeats,
    **{kind: recurrent(kind) for kind in RECURRENT},
    "tcn": tcn,
    "transformer": transformer,
}
