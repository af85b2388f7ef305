"""Layers for tables."""

from descend.nn.layers import (
    CategoryEmbedding,
    FeatureScale,
    MemberDense,
    Members,
    NTKDense,
    PeriodicFeatures,
)
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

CASES = {
    "feature scale": Case(lambda: FeatureScale(), (5,), (5,), 5),
    "feature scale slow": Case(lambda: FeatureScale(0.5), (4, 3), (4, 3), 3),
    "ntk": Case(lambda: NTKDense(4, "selu"), (3,), (4,), 16),
    "ntk members": Case(
        lambda: NTKDense(2, "mish", kernel_regularizer=L1L2(0.1, 0.2)), (3, 5), (3, 2), 12
    ),
    # three numbers: 2 waves and phases each, 2 x 4 down, 4 biases; 5 numbers out of each
    "periodic": Case(lambda: PeriodicFeatures(2, 4), (3,), (15,), 3 * (2 + 2 + 8 + 4)),
    "periodic of some": Case(
        lambda: PeriodicFeatures(2, 4, features=(0, 2)), (3,), (11,), 2 * (2 + 2 + 8 + 4)
    ),
    "periodic fast": Case(lambda: PeriodicFeatures(3, 1, sigma=1.0), (2,), (4,), 2 * (6 + 3 + 1)),
    "category embedding": Case(
        lambda: CategoryEmbedding((4, 4, 4), 2), (3,), (6,), 24, domain="index:4"
    ),
    "category embedding sizes": Case(
        lambda: CategoryEmbedding((3, 7), 3, embeddings_regularizer=L1L2(0.1, 0.2)),
        (2,),
        (6,),
        30,
        domain="index:3",
    ),
    "members": Case(lambda: Members(3), (4,), (3, 4), 12),
    "member one": Case(lambda: Members(1), (2,), (1, 2), 2),
    "member dense": Case(lambda: MemberDense(2, "softmax"), (3, 4), (3, 2), 3 * (8 + 2)),
    "member dense drawn": Case(
        lambda: MemberDense(1, kernel_initializer="normal", kernel_regularizer=L1L2(0.1, 0.2)),
        (2, 5),
        (2, 1),
        2 * 6,
    ),
}


def size(rng, low=1, high=7):
    return int(rng.integers(low, high))


def ntk(rng):
    """A dense layer of PyTorch with its weights divided by the root of the inputs."""
    d = size(rng)

    def torch_form(params, x):
        import torch

        return torch.nn.functional.linear(x, params["kernel"].T / d**0.5, params["bias"])

    return Peer(NTKDense(size(rng)), (d,), torch=torch_form)


def member_dense(rng):
    """A dense layer of PyTorch for each member by itself."""
    k, d = size(rng), size(rng)

    def torch_form(params, x):
        import torch

        kernel, bias = params["kernel"], params["bias"]
        each = [x[:, i] @ kernel[i] / d**0.5 + bias[i] for i in range(k)]
        return torch.stack(each, dim=1)

    return Peer(MemberDense(size(rng), kernel_initializer="normal"), (k, d), torch=torch_form)


def category_embedding(rng):
    """An embedding of PyTorch for each category by itself."""
    sizes, length = tuple(size(rng, 4, 9) for _ in range(size(rng, 1, 4))), size(rng)

    def torch_form(params, x):
        import torch

        tables = torch.split(params["embeddings"], sizes)
        parts = [t[x[:, i].long()] for i, t in enumerate(tables)]
        return torch.cat(parts, dim=1)

    return Peer(CategoryEmbedding(sizes, length), (len(sizes),), torch=torch_form, domain="index:4")


PEERS = {NTKDense: ntk, MemberDense: member_dense, CategoryEmbedding: category_embedding}
