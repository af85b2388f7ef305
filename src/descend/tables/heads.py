"""What a network puts out for a target, what it is trained on, and the way back to its units.

    task            output of a member            cost                           prediction
    classification  softmax(z), k classes         -log p_y                       mean of the p
    regression      z                             squared error of (y - m) / s   s z + m, clipped to
                                                                                 the training range
    count           e^z                           Poisson, of y / mean(y)        mean(y) e^z
    share           sigmoid(z)                    binary cross-entropy           sigmoid(z)
    quantile        z_1, ..., z_q                 pinball, of (y - m) / s        s z + m, sorted
    censored        mu, log sigma                 Tobit, of y / s                E[max(y*, 0)]

Predictions of several members are averaged, never their numbers before the link.
Sources: hull-2023 ("Loss Functions", recovery rates in [0, 1]); Papke and Wooldridge 1996 (shares);
Koenker and Bassett 1978 (quantiles); Tobin 1958 (censored).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from descend.errors import DataError, unknown

if TYPE_CHECKING:  # JAX is not needed before a network is made
    from descend.nn.losses import Loss


@dataclass(frozen=True)
class Head:
    """One of the table's rows. `fit` learns from training rows; y has shape (n,) or (n, targets).

    `forward` gives what the network is trained on, `backward` turns its output (n, members, o)
    into the members' predictions (n, members, ...); their mean is the prediction.
    """

    task: ClassVar[str]
    activation: ClassVar[str] = "linear"
    unit: ClassVar[str] = ""  # of the cost, in words

    @property
    def classifies(self) -> bool:
        """Whether the outputs are probabilities of classes."""
        return self.task == "classification"

    @property
    def outputs(self) -> int:
        """Numbers that a member puts out."""
        return 1

    @property
    def loss(self) -> Loss:
        """The cost of one member."""
        raise NotImplementedError

    @classmethod
    def fit(cls, y: np.ndarray, **options: Any) -> Head:
        """Learn from training rows; raises DataError for values that do not suit the task."""
        raise NotImplementedError

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Turn targets into what the network is trained on."""
        return _columns(y)

    def backward(self, output: np.ndarray) -> np.ndarray:
        """Turn outputs into the predictions of every member."""
        return np.asarray(output, np.float64)[:, :, 0]

    def predict(self, output: np.ndarray) -> np.ndarray:
        """Average the predictions over members."""
        return self.backward(output).mean(axis=1)

    def to_json(self) -> dict[str, Any]:
        """Write it as plain JSON; `head_from` reads it."""
        return {"task": self.task, **asdict(self)}


def _columns(y: np.ndarray) -> np.ndarray:
    y = np.asarray(y, np.float64)
    return y[:, None] if y.ndim == 1 else y


@dataclass(frozen=True)
class Classes(Head):
    """Probabilities of `classes` classes; y holds class numbers (n,)."""

    classes: int
    task: ClassVar[str] = "classification"
    activation: ClassVar[str] = "softmax"
    unit: ClassVar[str] = "cross-entropy"

    @property
    def outputs(self) -> int:
        """One probability a class."""
        return self.classes

    @property
    def loss(self) -> Loss:
        """Cross-entropy, -log p_y."""
        from descend.nn.losses import SparseCategoricalCrossentropy

        return SparseCategoricalCrossentropy()

    @classmethod
    def fit(cls, y, *, classes=None, **_):
        """Learn how many classes there are, 0 .. classes - 1."""
        return cls(int(classes if classes is not None else y.max() + 1))

    def forward(self, y):
        """Take the class numbers as they are."""
        return np.asarray(y, np.int64)

    def backward(self, output):
        """Probabilities (n, members, classes) that sum to one in float64 too."""
        p = np.asarray(output, np.float64)
        return p / p.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Values(Head):
    """Numbers, one column a target, each standardised."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    several: bool = False
    task: ClassVar[str] = "regression"
    unit: ClassVar[str] = "squared error in sd"

    @property
    def outputs(self) -> int:
        """One number a target."""
        return len(self.mean)

    @property
    def loss(self) -> Loss:
        """Squared error, the mean over targets."""
        from descend.nn.losses import MeanSquaredError

        return MeanSquaredError()

    @classmethod
    def fit(cls, y, *, weight=None, clip=True, **_):
        """Learn mean and standard deviation of each target."""
        columns = _columns(y)
        mean = np.average(columns, axis=0, weights=weight)
        sd = np.sqrt(np.average((columns - mean) ** 2, axis=0, weights=weight))
        if not np.isfinite(sd).all():
            raise DataError("the target holds numbers too large to square; rescale it")
        sd = np.where(sd > 1e-12 * abs(mean), sd, 1.0)
        low, high = columns.min(axis=0), columns.max(axis=0)
        if not clip:
            low, high = np.full_like(low, -np.inf), np.full_like(high, np.inf)
        numbers = [tuple(map(float, part)) for part in (mean, sd, low, high)]
        return cls(numbers[0], numbers[1], numbers[2], numbers[3], several=y.ndim == 2)

    def forward(self, y):
        """Standardise: (y - mean) / sd, (n, targets)."""
        return (_columns(y) - self.mean) / self.sd

    def backward(self, output):
        """Return to the targets' units, within the training range: (n, members[, targets])."""
        values = np.asarray(output, np.float64) * self.sd + self.mean
        values = np.clip(values, self.low, self.high)
        return values if self.several else values[:, :, 0]


@dataclass(frozen=True)
class Counts(Head):
    """Counts with mean mu(x) = mean(y) e^z."""

    mean: float
    task: ClassVar[str] = "count"
    activation: ClassVar[str] = "exponential"
    unit: ClassVar[str] = "Poisson deviance / 2 + constant"

    @property
    def loss(self) -> Loss:
        """Poisson, minus the log-likelihood."""
        from descend.nn.losses import Poisson

        return Poisson()

    @classmethod
    def fit(cls, y, *, weight=None, **_):
        """Learn the mean."""
        if (y < 0).any():
            raise DataError(f"counts must not be negative, got {y.min():g}")
        mean = float(np.average(y, weights=weight))
        if mean == 0:
            raise DataError("every count of the training rows is zero")
        return cls(mean)

    def forward(self, y):
        """Divide by the mean: y / mean."""
        return _columns(y) / self.mean

    def backward(self, output):
        """Multiply by the mean: expected counts."""
        return super().backward(output) * self.mean


@dataclass(frozen=True)
class Shares(Head):
    """Numbers in [0, 1] with mean sigmoid(z): a fractional logit."""

    task: ClassVar[str] = "share"
    activation: ClassVar[str] = "sigmoid"
    unit: ClassVar[str] = "cross-entropy"

    @property
    def loss(self) -> Loss:
        """-[y log p + (1 - y) log(1 - p)], also for y between."""
        from descend.nn.losses import BinaryCrossentropy

        return BinaryCrossentropy()

    @classmethod
    def fit(cls, y, **_):
        """Learn nothing: shares need no scale."""
        if ((y < 0) | (y > 1)).any():
            wrong = y[(y < 0) | (y > 1)][0]
            raise DataError(f"shares must lie in [0, 1], got {wrong:g}; divide percentages by 100")
        return cls()


@dataclass(frozen=True)
class Quantiles(Head):
    """Conditional quantiles, in ascending order."""

    levels: tuple[float, ...]
    mean: float
    sd: float
    task: ClassVar[str] = "quantile"
    unit: ClassVar[str] = "pinball loss in sd"

    @property
    def outputs(self) -> int:
        """One number a level."""
        return len(self.levels)

    @property
    def loss(self) -> Loss:
        """The pinball loss, the mean over levels."""
        from descend.nn.losses import Quantile

        return Quantile(self.levels)

    @classmethod
    def fit(cls, y, *, levels=(0.05, 0.5, 0.95), weight=None, **_):
        """Learn mean and standard deviation."""
        values = Values.fit(y, weight=weight)
        return cls(tuple(sorted(map(float, levels))), values.mean[0], values.sd[0])

    def forward(self, y):
        """Standardise: (y - mean) / sd."""
        return (_columns(y) - self.mean) / self.sd

    def backward(self, output):
        """(n, members, levels); crossing quantiles are put in order."""
        return np.sort(np.asarray(output, np.float64) * self.sd + self.mean, axis=-1)

    def predict(self, output):
        """Average over members and sort: (n, levels)."""
        return np.sort(super().predict(output), axis=-1)


@dataclass(frozen=True)
class Censored(Head):
    """y = max(y*, 0) with y* ~ N(mu(x), sigma(x)^2), in units of `scale`."""

    scale: float
    task: ClassVar[str] = "censored"
    unit: ClassVar[str] = "minus log likelihood"

    @property
    def outputs(self) -> int:
        """Two numbers: mu and log sigma."""
        return 2

    @property
    def loss(self) -> Loss:
        """The likelihood of a censored normal (Tobit)."""
        from descend.nn.losses import Tobit

        return Tobit()

    @classmethod
    def fit(cls, y, *, weight=None, **_):
        """Learn the scale, the root of the mean square."""
        if (y < 0).any():
            raise DataError(f"a target censored at zero must not be negative, got {y.min():g}")
        scale = float(np.sqrt(np.average(np.square(y), weights=weight)))
        if not scale > 0:
            raise DataError("every value of the training rows is zero")
        return cls(scale)

    def forward(self, y):
        """Divide by the scale: y / scale."""
        return _columns(y) / self.scale

    def backward(self, output):
        """E[max(y*, 0)] = Phi(mu / sigma) mu + sigma phi(mu / sigma)."""
        from scipy.stats import norm

        output = np.asarray(output, np.float64)
        mean, sd = output[:, :, 0], np.exp(output[:, :, 1])
        return self.scale * (norm.cdf(mean / sd) * mean + sd * norm.pdf(mean / sd))


HEADS: dict[str, type[Head]] = {
    head.task: head for head in (Classes, Values, Counts, Shares, Quantiles, Censored)
}


def head_from(saved: Mapping[str, Any]) -> Head:
    """The head that `to_json` described."""
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}
    task = options.pop("task")
    if task not in HEADS:
        raise unknown("task", task, HEADS)
    return HEADS[task](**options)
