"""What is trained: four networks, their data, and the sweep. NumPy alone, so that a worker that
measures its own start loads nothing else from here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SWEEP_RATES = [0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.02, 0.03]
SWEEP_SEEDS = list(range(8))


@dataclass(frozen=True)
class Workload:
    """A multilayer perceptron with ReLU, trained by SGD.

    Attributes:
        widths: inputs, hidden layers, outputs.
        loss: "mse" (linear outputs) or "cross-entropy" (softmax, integer labels).
        epochs: of one timed fit.
        trial_epochs: of one fit while settings are being compared.
    """

    name: str
    widths: tuple[int, ...]
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

    @property
    def kernels(self) -> list[tuple[int, int]]:
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def parameters(self) -> int:
        return sum(a * b + b for a, b in self.kernels)

    @property
    def flops(self) -> int:
        """Of one step: forward, weight gradients, input gradients (none for the first layer)."""
        products = [2 * self.batch * a * b for a, b in self.kernels]
        return 3 * sum(products) - products[0]

    def describe(self) -> dict:
        return asdict(self) | {
            "steps": self.steps,
            "parameters": self.parameters,
            "flops": self.flops,
        }


FULL = [
    # The listing of itam-2023, 1.8: 120 rows, of which validation_split=.1 holds 12
    Workload("iris", (2, 32, 64, 32, 2), "mse", 4, 108, 12, 0.01, 100, 10),
    Workload("mlp-784-100-10", (784, 100, 10), "cross-entropy", 32, 6400, 1280, 0.05, 5, 1),
    Workload(
        "mlp-784-512-512-10", (784, 512, 512, 10), "cross-entropy", 128, 12800, 2560, 0.05, 3, 1
    ),
    Workload(
        "mlp-784-2048-2048-10", (784, 2048, 2048, 10), "cross-entropy", 256, 5120, 1024, 0.05, 2, 1
    ),
]
QUICK = [
    Workload("iris", (2, 32, 64, 32, 2), "mse", 4, 108, 12, 0.01, 20, 4),
    Workload("mlp-784-100-10", (784, 100, 10), "cross-entropy", 32, 1600, 320, 0.05, 2, 1),
    Workload(
        "mlp-784-512-512-10", (784, 512, 512, 10), "cross-entropy", 128, 2560, 512, 0.05, 2, 1
    ),
    Workload(
        "mlp-784-2048-2048-10", (784, 2048, 2048, 10), "cross-entropy", 256, 1280, 256, 0.05, 2, 1
    ),
]
LISTING = FULL[0]  # what `start` and `sweep` train: 100 epochs of it, quick or not


def make_data(work: Workload) -> dict[str, np.ndarray]:
    """The same arrays for everyone: x, y to train on, vx, vy to validate on."""
    rng = np.random.default_rng(0)
    total = work.rows + work.held
    if work.loss == "mse":
        from sklearn.datasets import load_iris

        table = load_iris().data[rng.permutation(150)[:total]].astype(np.float32)
        x, y = table[:, :2], table[:, 2:]
    else:
        from sklearn.datasets import load_digits

        digits = load_digits()
        chosen = rng.integers(0, len(digits.images), total)
        near = np.arange(28) * 8 // 28  # 8 x 8 pixels to 28 x 28
        x = digits.images[chosen][:, near][:, :, near].reshape(total, 784) / 16
        x = (x + rng.normal(0, 0.2, x.shape)).astype(np.float32)
        y = digits.target[chosen].astype(np.int64)
    cut = work.rows
    return {
        name: np.ascontiguousarray(part)
        for name, part in zip(
            ("x", "y", "vx", "vy"), (x[:cut], y[:cut], x[cut:], y[cut:]), strict=True
        )
    }


def write_data(work: Workload, folder: Path) -> Path:
    path = folder / f"{work.name}-{work.rows}.npz"
    if not path.exists():
        np.savez(path, **make_data(work))
    return path
