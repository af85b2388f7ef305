"""What is trained: networks, their data, and the sweep. NumPy alone, so that a worker that
measures its own start loads nothing else from here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import networks
import numpy as np

SWEEP_RATES = [0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.02, 0.03]
SWEEP_SEEDS = list(range(8))


@dataclass(frozen=True)
class Workload:
    """A network and how it is trained by SGD.

    Attributes:
        input_shape: of one row, channels last.
        layers: see networks.py.
        loss: "mse" (linear outputs) or "cross-entropy" (softmax, integer labels).
        held: rows of validation; none: it is measured without validation alone.
        epochs: of one timed fit.
        trial_epochs: of one fit while settings are being compared.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[networks.Spec, ...]
    loss: str
    batch: int
    rows: int
    held: int
    learning_rate: float
    epochs: int
    trial_epochs: int

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch)

    @cached_property
    def kinds(self) -> set[str]:
        return networks.kinds(self.layers)

    @property
    def is_mlp(self) -> bool:
        return self.kinds == {"Dense"}

    @property
    def widths(self) -> list[int]:
        """Of a multilayer perceptron: inputs, hidden layers, outputs."""
        assert self.is_mlp
        return [*self.input_shape, *(given["units"] for _, given in self.layers)]

    @property
    def kernels(self) -> list[tuple[int, int]]:
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def parameters(self) -> int:
        return networks.parameters(self.layers, self.input_shape)

    @property
    def flops(self) -> int:
        """Of one step: forward, weight gradients, input gradients (none for the first layer)."""
        products = [2 * self.batch * a * b for a, b in self.kernels]
        return 3 * sum(products) - products[0]

    def describe(self) -> dict:
        described = asdict(self) | {"steps": self.steps, "parameters": self.parameters}
        if self.is_mlp:
            return described | {"widths": self.widths, "flops": self.flops}
        return described | {"network": networks.spelled(self.layers)}


def _mlp(name: str, widths: tuple[int, ...], loss: str, *rest) -> Workload:
    last = "linear" if loss == "mse" else "softmax"
    return Workload(name, widths[:1], networks.mlp(widths, last), loss, *rest)


FULL = [
    # The listing of itam-2023, 1.8: 120 rows, of which validation_split=.1 holds 12
    _mlp("iris", (2, 32, 64, 32, 2), "mse", 4, 108, 12, 0.01, 100, 10),
    _mlp("mlp-784-100-10", (784, 100, 10), "cross-entropy", 32, 6400, 1280, 0.05, 5, 1),
    _mlp("mlp-784-512-512-10", (784, 512, 512, 10), "cross-entropy", 128, 12800, 2560, 0.05, 3, 1),
    _mlp(
        "mlp-784-2048-2048-10", (784, 2048, 2048, 10), "cross-entropy", 256, 5120, 1024, 0.05, 2, 1
    ),
]
QUICK = [
    _mlp("iris", (2, 32, 64, 32, 2), "mse", 4, 108, 12, 0.01, 20, 4),
    _mlp("mlp-784-100-10", (784, 100, 10), "cross-entropy", 32, 1600, 320, 0.05, 2, 1),
    _mlp("mlp-784-512-512-10", (784, 512, 512, 10), "cross-entropy", 128, 2560, 512, 0.05, 2, 1),
    _mlp(
        "mlp-784-2048-2048-10", (784, 2048, 2048, 10), "cross-entropy", 256, 1280, 256, 0.05, 2, 1
    ),
]
# name: loss, batch, rows, rate, epochs of a timed fit (about a second), rows in a quick run
MODULES = {
    "cnn": ("cross-entropy", 64, 2560, 0.05, 1, 640),
    "cnn-strided": ("cross-entropy", 64, 3200, 0.05, 3, 640),
    "resnet": ("cross-entropy", 32, 960, 0.05, 1, 320),
    "lstm": ("mse", 32, 1280, 0.05, 1, 320),
    "gru": ("mse", 32, 1280, 0.05, 1, 320),
    "lstm-2x256": ("mse", 32, 960, 0.05, 1, 320),
    "transformer": ("mse", 16, 640, 0.01, 1, 160),
    "conv1d": ("cross-entropy", 32, 1280, 0.05, 1, 320),
}
for _name, (_loss, _batch, _rows, _rate, _epochs, _few) in MODULES.items():
    _network = networks.MODULES[_name]
    FULL.append(Workload(_name, *_network, _loss, _batch, _rows, 0, _rate, _epochs, 1))
    QUICK.append(Workload(_name, *_network, _loss, _batch, _few, 0, _rate, 1, 1))
LISTING = FULL[0]  # what `start` and `sweep` train: 100 epochs of it, quick or not


def make_data(work: Workload) -> dict[str, np.ndarray]:
    """The same arrays for everyone: x, y to train on, vx, vy to validate on."""
    rng = np.random.default_rng(0)
    total = work.rows + work.held
    x, y = _maker(work)(work, rng, total)
    cut = work.rows
    return {
        name: np.ascontiguousarray(part)
        for name, part in zip(
            ("x", "y", "vx", "vy"), (x[:cut], y[:cut], x[cut:], y[cut:]), strict=True
        )
    }


def _maker(work: Workload):
    if work.is_mlp:
        return _iris if work.loss == "mse" else _digits
    if len(work.input_shape) == 3:
        return _digits
    return _sums if work.loss == "mse" else _waves


def _iris(work: Workload, rng: np.random.Generator, total: int):
    from sklearn.datasets import load_iris

    table = load_iris().data[rng.permutation(150)[:total]].astype(np.float32)
    return table[:, :2], table[:, 2:]


def _digits(work: Workload, rng: np.random.Generator, total: int):
    """Digits of 8 x 8 pixels made larger, the same in every channel, with noise."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = rng.integers(0, len(digits.images), total)
    side = work.input_shape[0] if len(work.input_shape) == 3 else 28
    near = np.arange(side) * 8 // side
    images = digits.images[chosen][:, near][:, :, near]
    if len(work.input_shape) == 3:
        images = np.repeat(images[..., None], work.input_shape[2], axis=3)
    x = images.reshape(total, *work.input_shape) / 16
    x = (x + rng.normal(0, 0.2, x.shape)).astype(np.float32)
    return x, digits.target[chosen].astype(np.int64)


def _sums(work: Workload, rng: np.random.Generator, total: int):
    """Sequences of noise; the target is a sum over the steps, the latest counting most."""
    steps, features = work.input_shape
    x = rng.normal(size=(total, steps, features)).astype(np.float32)
    weights = 0.9 ** np.arange(steps)[::-1]
    y = np.einsum("nt,t->n", x.mean(axis=2), weights) * (features / np.square(weights).sum()) ** 0.5
    return x, y[:, None].astype(np.float32)


def _waves(work: Workload, rng: np.random.Generator, total: int):
    """Sine waves in noise; the class is the frequency."""
    steps, channels = work.input_shape
    y = rng.integers(0, networks.output_shape(work.layers, work.input_shape)[0], total)
    phase = rng.uniform(0, 2 * np.pi, (total, 1, channels))
    angle = 0.05 * (1 + y)[:, None, None] * np.arange(steps)[None, :, None]
    x = np.sin(angle + phase) + rng.normal(0, 0.5, (total, steps, channels))
    return x.astype(np.float32), y.astype(np.int64)


def write_data(work: Workload, folder: Path) -> Path:
    path = folder / f"{work.name}-{work.rows}.npz"
    if not path.exists():
        np.savez(path, **make_data(work))
    return path
