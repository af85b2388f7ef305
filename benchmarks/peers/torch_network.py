"""A description of networks.py as PyTorch modules, drawn by the rules of Keras.

Rows are channels first where there are convolutions (`arrange`). Numbers that PyTorch has and
Keras has not are zero and not trained (the second bias of nn.LSTM), so that all train the same.
"""

from __future__ import annotations

import networks
import torch
import torch.nn.functional as F
from torch import nn

CONVOLUTIONS = {"Conv1D", "Conv2D"}


def arrange(work, x, channels_last=False):
    """Rows in the order of axes that PyTorch's layers take."""
    if not work.kinds & CONVOLUTIONS:
        return x
    if x.ndim == 3:
        return x.movedim(-1, 1).contiguous()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return x.movedim(-1, 1).contiguous(memory_format=layout)


def network(work, setting=None):
    """nn.Sequential of the layers; the softmax at the end is left to the loss."""
    setting = dict(setting or {}, channels_first=bool(work.kinds & CONVOLUTIONS))
    model = _sequential(work.layers, work.input_shape, setting)
    if setting.get("channels_last"):
        model = model.to(memory_format=torch.channels_last)
    return model


def trained(model):
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


class Residual(nn.Module):
    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class Recurrent(nn.Module):
    def __init__(self, rnn, sequences):
        super().__init__()
        self.rnn, self.sequences = rnn, sequences

    def forward(self, x):
        y, _ = self.rnn(x)
        return y if self.sequences else y[:, -1]


class Mean(nn.Module):
    def __init__(self, axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.mean(self.axes)


class Packed(nn.Module):
    """Self-attention with one product for query, key and value."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.inside, self.outside = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        rows, steps, width = x.shape
        parts = self.inside(x).view(rows, steps, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v)
        return self.outside(found.transpose(1, 2).reshape(rows, steps, width))


class Multihead(nn.Module):
    """Self-attention by nn.MultiheadAttention."""

    def __init__(self, width, heads):
        super().__init__()
        self.inner = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


def _sequential(layers, shape, setting):
    made = []
    for kind, given, before, after in networks.walk(layers, shape):
        made += _made(kind, given, before, after, setting)
        made += {"relu": [nn.ReLU(inplace=True)]}.get(given.get("activation"), [])
    return nn.Sequential(*made)


def _made(kind, given, before, after, setting):
    width = before[-1]
    if kind == "Dense":
        return [_drawn(nn.Linear(width, given["units"]))]
    if kind in ("Conv1D", "Conv2D"):
        size = given["kernel_size"]
        way = {"stride": given.get("strides", 1)}
        way["padding"] = size // 2 if given.get("padding") == "same" else 0
        make = nn.Conv1d if kind == "Conv1D" else nn.Conv2d
        return [_drawn(make(width, given["filters"], size, **way))]
    if kind in ("MaxPooling1D", "MaxPooling2D"):
        return [(nn.MaxPool1d if kind == "MaxPooling1D" else nn.MaxPool2d)(given["pool_size"])]
    if kind == "BatchNormalization":
        assert len(before) == 3
        return [nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)]
    if kind == "LayerNormalization":
        return [nn.LayerNorm(width, eps=1e-3)]
    if kind == "GlobalAveragePooling2D":
        return [Mean((2, 3))]
    if kind == "GlobalAveragePooling1D":
        return [Mean(2 if setting["channels_first"] else 1)]
    if kind == "Flatten":
        return [nn.Flatten()]
    if kind in ("LSTM", "GRU"):
        make = nn.LSTM if kind == "LSTM" else nn.GRU
        rnn = _drawn_recurrent(make(width, given["units"], batch_first=True), kind)
        return [Recurrent(rnn, given["return_sequences"])]
    if kind == "SelfAttention":
        assert given["num_heads"] * given["key_dim"] == width
        module = Multihead if setting.get("attention") == "module" else Packed
        return [_drawn_attention(module(width, given["num_heads"]))]
    if kind == "Residual":
        return [Residual(*(_sequential(given[p], before, setting) for p in ("main", "shortcut")))]
    assert kind == "Activation", kind
    return []


# -- initial values: Glorot's uniform kernels, orthogonal recurrent ones, biases of zero --------


def _drawn(module):
    nn.init.xavier_uniform_(module.weight)
    nn.init.zeros_(module.bias)
    return module


def _drawn_recurrent(rnn, kind):
    units = rnn.hidden_size
    nn.init.xavier_uniform_(rnn.weight_ih_l0)
    nn.init.orthogonal_(rnn.weight_hh_l0)
    nn.init.zeros_(rnn.bias_ih_l0)
    nn.init.zeros_(rnn.bias_hh_l0)
    if kind == "LSTM":
        with torch.no_grad():
            rnn.bias_ih_l0[units : 2 * units] = 1  # the forget gate
        rnn.bias_hh_l0.requires_grad_(False)
    return rnn


def _drawn_attention(module):
    if isinstance(module, Multihead):
        inside, outside = module.inner.in_proj_weight, module.inner.out_proj.weight
        biases = (module.inner.in_proj_bias, module.inner.out_proj.bias)
        heads = module.inner.num_heads
    else:
        inside, outside = module.inside.weight, module.outside.weight
        biases, heads = (module.inside.bias, module.outside.bias), module.heads
    width = outside.shape[0]
    size = width // heads
    # Keras takes the fans of kernels (width, heads, size) and (heads, size, width)
    nn.init.uniform_(inside, -1, 1).data.mul_((6 / (width * (heads + size))) ** 0.5)
    nn.init.uniform_(outside, -1, 1).data.mul_((6 / (heads * (size + width))) ** 0.5)
    for bias in biases:
        nn.init.zeros_(bias)
    return module
