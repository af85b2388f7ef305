"""Embedding, EmbeddingBag, and the three layers of positions."""

import numpy as np

from descend.nn import initializers
from descend.nn.layers.bag import EmbeddingBag
from descend.nn.layers.embedding import (
    Embedding,
    PositionEmbedding,
    RotaryEmbedding,
    SinePositionEncoding,
)
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

CASES = {
    "embedding": Case(lambda: Embedding(7, 3), (4,), (4, 3), 21, domain="index:7", masked=True),
    "embedding mask zero": Case(
        lambda: Embedding(5, 2, "normal", mask_zero=True, embeddings_regularizer=L1L2(0.1, 0.2)),
        (4,),
        (4, 2),
        10,
        domain="index:5",
        masked=True,
    ),
    "embedding one": Case(lambda: Embedding(5, 2), (), (2,), 10, domain="index:5"),
    "embedding grid": Case(lambda: Embedding(5, 2), (3, 4), (3, 4, 2), 10, domain="index:5"),
    "bag": Case(lambda: EmbeddingBag(7, 3), (4,), (3,), 21 + 3, domain="index:7"),
    "bag mean dropout": Case(
        lambda: EmbeddingBag(
            5, 2, "mean", 0.5, 3.0, False, "normal", embeddings_regularizer=L1L2(0.1, 0.2)
        ),
        (6,),
        (2,),
        10,
        domain="index:5",
    ),
    "position embedding": Case(lambda: PositionEmbedding(6), (4, 3), (4, 3), 18, masked=True),
    "position embedding full": Case(
        lambda: PositionEmbedding(4, initializers.Normal(0.1)), (4, 3), (4, 3), 12
    ),
    "sine position": Case(lambda: SinePositionEncoding(), (4, 3), (4, 3), masked=True),
    "sine position short": Case(lambda: SinePositionEncoding(50.0), (5, 4), (5, 4)),
    "rotary": Case(lambda: RotaryEmbedding(), (4, 6), (4, 6), masked=True),
    "rotary heads": Case(lambda: RotaryEmbedding(100.0, 2.0), (4, 2, 4), (4, 2, 4)),
}


def size(rng, low=1, high=9):
    return int(rng.integers(low, high))


def embedding(rng):
    import keras

    count, length = size(rng), size(rng)
    inputs = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 3)))
    zero = bool(rng.integers(2)) and len(inputs) == 1
    return Peer(
        Embedding(count, length, mask_zero=zero),
        inputs,
        lambda: keras.layers.Embedding(count, length, mask_zero=zero),
        domain=f"index:{count}",
    )


def bag(rng):
    import torch

    count, length, steps = size(rng), size(rng), size(rng)
    mode = str(rng.choice(["sum", "mean"]))
    speed = float(rng.uniform(0.5, 5))

    def torch_layer(params, x):
        form = torch.nn.functional.embedding_bag
        summed = form(x.long(), params["embeddings"], mode=mode, padding_idx=0)
        return speed * summed + params["bias"]

    return Peer(
        EmbeddingBag(count, length, mode, speed=speed),
        (steps,),
        torch=torch_layer,
        domain=f"index:{count}",
    )


def position(rng):
    steps, features = size(rng), size(rng)
    longest = steps + size(rng, 0)

    def torch_layer(params, x):
        return x + params["position_embeddings"][:steps]

    return Peer(PositionEmbedding(longest), (steps, features), torch=torch_layer)


def sine(rng):
    import torch

    steps, features, wave = size(rng), size(rng), float(rng.uniform(10, 1e4))
    waves = np.zeros((steps, features))
    for t in range(steps):
        for i in range(features):
            angle = t / wave ** ((i - i % 2) / features)
            waves[t, i] = np.cos(angle) if i % 2 else np.sin(angle)

    def torch_layer(params, x):
        return x + torch.tensor(waves, dtype=x.dtype)

    return Peer(SinePositionEncoding(wave), (steps, features), torch=torch_layer)


def rotary(rng):
    """Su et al. write the pairs as complex numbers, turned by e^{i angle}."""
    import torch

    steps, half, wave = size(rng), size(rng), float(rng.uniform(10, 1e4))
    scaling = float(rng.uniform(0.5, 3))
    heads = (size(rng),) * int(rng.integers(2))

    def torch_layer(params, x):
        pairs = torch.complex(x[..., :half], x[..., half:])
        power = torch.arange(half, dtype=torch.float64) / half
        angles = torch.arange(steps, dtype=torch.float64)[:, None] / scaling / wave**power
        turn = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
        turned = pairs * (turn[:, None] if heads else turn)
        return torch.cat([turned.real, turned.imag], -1)

    return Peer(RotaryEmbedding(wave, scaling), (steps, *heads, 2 * half), torch=torch_layer)


PEERS = {
    Embedding: embedding,
    EmbeddingBag: bag,
    PositionEmbedding: position,
    SinePositionEncoding: sine,
    RotaryEmbedding: rotary,
}
