"""The network of AlphaZero: a board -> logits of the moves, and the value to who is to move."""

from __future__ import annotations

from collections.abc import Sequence

from descend.nn.graph import Graph
from descend.nn.layers import Dense, Flatten
from descend.nn.layers.base import Layer
from descend.nn.symbols import Input


def network(
    shape: tuple[int, ...], moves: int, hidden: Sequence[int | Layer], activation: str = "relu"
) -> Graph:
    """Return the network of two heads: {"policy": (boards, moves), "value": (boards, 1)}.

    The heads begin at zero: no move is preferred and every position is a draw, so that what the
    first searches find is what the rules say.

    Args:
        shape: shape of what is seen of a board.
        moves: number of moves.
        hidden: layers, then units of dense layers.
        activation: name of the dense layers' function.

    Source: Silver et al. 2018, methods, without the residual tower.
    """
    x = board = Input(shape, name="board")
    flat = False
    for layer in hidden:
        if isinstance(layer, Layer):
            x = layer.another()(x)
            continue
        x = x if flat or len(x.shape) == 2 else Flatten()(x)
        x, flat = Dense(layer, activation, kernel_initializer="he_normal")(x), True
    x = x if len(x.shape) == 2 else Flatten()(x)
    policy = Dense(moves, kernel_initializer="zeros", name="policy")(x)
    value = Dense(1, "tanh", kernel_initializer="zeros", name="value")(x)
    return Graph(board, {"policy": policy, "value": value}, "alphazero")
