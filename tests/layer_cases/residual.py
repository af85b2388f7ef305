"""Residual blocks."""

from descend.nn.layers.residual import Residual, ResidualConv2D, ResNetS
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer, start

CASES = {
    "residual": Case(lambda: Residual("tanh"), (4,), (4,), 40),
    "residual deep": Case(
        lambda: Residual("softplus", 3, kernel_regularizer=L1L2(0.1, 0.2)),
        (5, 3),
        (5, 3),
        36,
        masked=True,
    ),
    "resnet-s": Case(lambda: ResNetS(2, 2, "tanh"), (3,), (2,), 56),
    "resnet-s one": Case(lambda: ResNetS(4, 1, "gelu", 1), (5, 3), (5, 4), 28, masked=True),
    # convolutions 9 x 2 x 2 twice; two BN of 2 + 2
    "residual conv": Case(
        lambda: ResidualConv2D(2, activation="tanh"),
        (4, 4, 2),
        (4, 4, 2),
        80,
        rows_mixed=True,
        state_count=8,
    ),
    # 9 x 2 x 3, 9 x 3 x 3, 2 x 3, three BN of 3 + 3
    "residual conv strided": Case(
        lambda: ResidualConv2D(3, 3, 2, "gelu", kernel_regularizer=L1L2(0.1, 0.2)),
        (5, 4, 2),
        (3, 2, 3),
        159,
        rows_mixed=True,
        state_count=18,
    ),
    "residual conv plain": Case(
        lambda: ResidualConv2D(2, (2, 3), activation="tanh", batch_normalization=False),
        (4, 3, 1),
        (4, 3, 2),
        12 + 2 + 24 + 2 + 2 + 2,
    ),
}


def res(p, x, activation, depth):
    import torch

    y = x
    for i in range(depth):
        y = getattr(torch, activation)(y @ p[f"dense_{i}.kernel"] + p[f"dense_{i}.bias"])
    return x + y


def residual(rng):
    form, depth = str(rng.choice(["relu", "tanh", "sigmoid"])), int(rng.integers(1, 4))
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 3)))
    return Peer(Residual(form, depth), shape, torch=lambda p, x: res(p, x, form, depth))


def resnet(rng):
    form, depth = str(rng.choice(["relu", "tanh", "sigmoid"])), int(rng.integers(1, 4))
    blocks, units, d = (int(n) for n in rng.integers(1, 5, 3))

    def in_torch(p, x):
        for i in range(blocks):
            start = f"res_{i}."
            inner = {n.removeprefix(start): a for n, a in p.items() if n.startswith(start)}
            x = res(inner, x, form, depth)
        return x @ p["dense.kernel"] + p["dense.bias"]

    return Peer(ResNetS(units, blocks, form, depth), (d,), torch=in_torch)


def residual_conv(rng):
    import torch

    channels, filters, side = (int(n) for n in rng.integers(1, 4, 3))
    stride, normalized = int(rng.integers(1, 3)), bool(rng.integers(2))
    layer = ResidualConv2D(
        filters, 3, stride, "tanh", normalized, epsilon=float(10.0 ** rng.uniform(-5, -1))
    )
    shape = (2 * side + 1, 2 * side + 3, channels)  # PyTorch pads odd sizes as "same" does
    _, state = start(layer, shape)

    def in_torch(p, x):
        def convolved(x, number, stride):
            kernel, bias = p[f"{number}.kernel"], p.get(f"{number}.bias")
            padding = kernel.shape[0] // 2
            return torch.conv2d(x, kernel.permute(3, 2, 0, 1), bias, stride, padding)

        def bn(x, name):
            if not normalized:
                return x
            held = (torch.tensor(state[f"{name}.moving_{n}"]) for n in ("mean", "variance"))
            given = (p[f"{name}.gamma"], p[f"{name}.beta"])
            return torch.nn.functional.batch_norm(x, *held, *given, eps=layer.epsilon)

        x = x.permute(0, 3, 1, 2)
        y = torch.tanh(bn(convolved(x, "conv_0", stride), "bn_0"))
        y = bn(convolved(y, "conv_1", 1), "bn_1")
        if stride > 1 or channels != filters:
            x = bn(convolved(x, "shortcut_conv", stride), "shortcut_bn")
        return torch.tanh(x + y).permute(0, 2, 3, 1)

    return Peer(layer, shape, torch=in_torch)


PEERS = {Residual: residual, ResNetS: resnet, ResidualConv2D: residual_conv}
