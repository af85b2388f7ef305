"""Rules that need the gradient alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from descend.errors import DescendError
from descend.train.rules.base import Numbers, Optimizer


@dataclass(frozen=True)
class SGD(Optimizer):
    """Mini-batch SGD: w <- w - eta 1/B sum_k grad J_k(w), rows drawn without replacement.

    The batch size chooses the lecture's variant: `fit(batch_size=1)` is SGD row by row,
    `GradientDescent` takes all rows. With `momentum` mu: v <- mu v + g, w <- w - eta v (PyTorch's
    form; Keras puts eta inside v, the same path while eta is constant).

    Args:
        momentum: factor mu in [0, 1).
        nesterov: whether mu v + g is the step (see `Nesterov`).
    Raises:
        DescendError: a number out of range, nesterov without momentum, or an unknown argument.
    Source: hull-2023, Algorithm 2; scheidegger-2020, "Stochastic Gradient Descent".

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import SGD
        >>> rule, gradient = SGD(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())  # as an Optax transformation
        >>> round(float(step.update(gradient, step.init(gradient))[0]), 3)
        -0.6
    """

    known_as: ClassVar[str] = "sgd"
    momentum: Any = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not isinstance(self.momentum, jax.Array) and self.momentum == 0:
            raise DescendError("SGD: nesterov=True needs momentum > 0")

    def numbers(self) -> dict[str, float]:
        """Return the learning rate, and momentum where it is not zero (zero keeps no memory)."""
        numbers = super().numbers()
        return numbers | {"momentum": self.momentum} if self.momentum else numbers

    def _transform(self, numbers: Numbers) -> Any:
        step = optax.scale_by_learning_rate(numbers["learning_rate"])
        if "momentum" not in numbers:
            return step
        return optax.chain(optax.trace(numbers["momentum"], self.nesterov), step)


@dataclass(frozen=True)
class GradientDescent(SGD):
    """w <- w - eta grad J(w), J the cost of the whole sample: one update an epoch.

    Raises:
        DescendError: as in `SGD`, whose arguments it has.
    Source: hull-2023, "Optimizers and SGD"; radwan, "GD and SGD Differences".

    Example:
        >>> from descend.train.rules import SGD, GradientDescent
        >>> GradientDescent(0.1).full_batch, SGD(0.1).full_batch
        (True, False)
    """

    known_as: ClassVar[str] = "gd"
    full_batch: ClassVar[bool] = True


@dataclass(frozen=True)
class Momentum(Optimizer):
    """w_{t+1} = w_t + mu (w_t - w_{t-1}) - eta g_t: the last step goes on.

    Args:
        momentum: factor mu in [0, 1).
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: scheidegger-2020, "Few variants of SGD"; Qian 1999.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Momentum
        >>> rule, gradient = Momentum(0.1, momentum=0.9), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> first, memory = step.update(gradient, step.init(gradient))
        >>> round(float(first), 3), round(float(step.update(gradient, memory)[0]), 3)
        (-0.6, -1.14)
    """

    known_as: ClassVar[str] = "momentum"
    momentum: Any = 0.9
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum")

    def _transform(self, numbers: Numbers) -> Any:
        return optax.chain(
            optax.trace(numbers["momentum"]),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v <- mu v - eta grad J(w + mu v), w <- w + v: the gradient where momentum leads to.

    The slide prints the look-ahead as w - mu v with v added to w; with that sign the gradient is
    taken behind, not ahead, so the sign of Nesterov's paper is used.

    Args:
        momentum: factor mu in [0, 1).
        lookahead: form: True takes the gradient at w + mu v, as the lecture writes it. False is the
            form of PyTorch and Keras, which stores y = w + mu v instead of w; the two paths are the
            same after that change of variable. The cost that is reported is that at w + mu v in
            both.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: scheidegger-2020, "Few variants of SGD"; Nesterov 1983.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Nesterov
        >>> rule, gradient = Nesterov(0.1, momentum=0.9), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(gradient, step.init(gradient))[0]), 3)  # -.1 (6 + .9 6)
        -1.14
    """

    known_as: ClassVar[str] = "nesterov"
    momentum: Any = 0.9
    lookahead: bool = False
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum")

    def _transform(self, numbers: Numbers) -> Any:
        return optax.chain(
            optax.trace(numbers["momentum"], not self.lookahead),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )

    def gradient_at(self, params: Any, memory: Any, numbers: Numbers) -> Any:
        """Return w + mu v in the look-ahead form; Optax's memory is -v / eta."""
        if not self.lookahead:
            return params
        ahead = numbers["learning_rate"] * numbers["momentum"]
        return jax.tree.map(lambda w, m: w - ahead * m, params, self.own_memory(memory)[0].trace)


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """w <- w - eta g / sqrt(A + eps), A <- A + g^2: steps shrink where gradients were large.

    Args:
        initial_accumulator: value of A before the first step: 0 in the lecture and PyTorch, .1 in
            Keras.
        epsilon: number eps >= 0 that keeps the root from zero.
        epsilon_inside: whether eps is under the root (lecture, Keras), not sqrt(A) + eps (PyTorch).
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: scheidegger-2020, "Few variants of SGD"; Duchi et al. 2011.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import AdaGrad
        >>> rule, gradient = AdaGrad(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> first, memory = step.update(gradient, step.init(gradient))
        >>> round(float(first), 3), round(float(step.update(gradient, memory)[0]), 3)
        (-0.1, -0.071)
    """

    known_as: ClassVar[str] = "adagrad"
    initial_accumulator: float = 0.0
    epsilon: float = 1e-7
    epsilon_inside: bool = True
    renamed: ClassVar[dict[str, str]] = {"initial_accumulator_value": "initial_accumulator"}

    def _transform(self, numbers: Numbers) -> Any:
        def init(params: Any) -> Any:
            return jax.tree.map(lambda p: jnp.full_like(p, self.initial_accumulator), params)

        def update(grads: Any, total: Any, params: Any = None) -> tuple[Any, Any]:
            total = jax.tree.map(lambda a, g: a + jnp.square(g), total, grads)
            inside = self.epsilon_inside
            scaled = jax.tree.map(
                lambda g, a: (
                    g / jnp.sqrt(a + self.epsilon) if inside else g / (jnp.sqrt(a) + self.epsilon)
                ),
                grads,
                total,
            )
            return scaled, total

        return optax.chain(
            optax.GradientTransformation(init, update),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """w <- w - eta g / sqrt(A + eps), A <- rho A + (1 - rho) g^2.

    Args:
        rho: memory of the squared gradient in [0, 1): .9 in Keras, .99 in PyTorch.
        epsilon: number eps >= 0 that keeps the root from zero.
        epsilon_inside: whether eps is under the root (lecture, Keras), not sqrt(A) + eps (PyTorch).
        momentum: momentum of the scaled step in [0, 1); 0 for none.
        centered: whether the variance of g stands in the place of A, its mean square.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: scheidegger-2020, "Few variants of SGD"; Hinton 2012.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import RMSProp
        >>> rule, gradient = RMSProp(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(gradient, step.init(gradient))[0]), 3)  # -.1 6 / sqrt(.1 36)
        -0.316
    """

    known_as: ClassVar[str] = "rmsprop"
    learning_rate: Any = 0.001
    rho: Any = 0.9
    momentum: Any = 0.0
    epsilon: float = 1e-7
    centered: bool = False
    epsilon_inside: bool = True
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "rho")

    def numbers(self) -> dict[str, float]:
        """Return the learning rate, rho, and momentum where it is not zero."""
        numbers = super().numbers()
        return numbers | {"momentum": self.momentum} if self.momentum else numbers

    def _transform(self, numbers: Numbers) -> Any:
        return optax.rmsprop(
            numbers["learning_rate"],
            decay=numbers["rho"],
            eps=self.epsilon,
            eps_in_sqrt=self.epsilon_inside,
            centered=self.centered,
            momentum=numbers.get("momentum"),
        )


@dataclass(frozen=True)
class Adam(Optimizer):
    """w <- w - eta m / (sqrt(v) + eps), m and v the bias-corrected means of g and g^2.

    m <- (beta_1 m + (1 - beta_1) g), v <- (beta_2 v + (1 - beta_2) g^2), each divided by
    1 - beta^t where used.

    Args:
        beta_1, beta_2: memories of the gradient and of its square, in [0, 1).
        epsilon: number eps >= 0 that keeps the root from zero.
        epsilon_inside: form of the root: the lecture's sqrt(v + eps); False (PyTorch) adds eps to
            the root. Keras adds it before the bias correction: its eps is ours divided by sqrt(1 -
            beta_2^t).
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: scheidegger-2020, "Few variants of SGD"; Kingma and Ba 2015.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Adam
        >>> rule, gradient = Adam(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(gradient, step.init(gradient))[0]), 3)  # the first is eta long
        -0.1
    """

    known_as: ClassVar[str] = "adam"
    learning_rate: Any = 0.001
    beta_1: Any = 0.9
    beta_2: Any = 0.999
    epsilon: float = 1e-7
    epsilon_inside: bool = False
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "beta_1", "beta_2")

    def _options(self, numbers: Numbers) -> dict[str, Any]:
        inside = self.epsilon_inside
        return {
            "b1": numbers["beta_1"],
            "b2": numbers["beta_2"],
            "eps": 0.0 if inside else self.epsilon,
            "eps_root": self.epsilon if inside else 0.0,
        }

    def _transform(self, numbers: Numbers) -> Any:
        return optax.adam(numbers["learning_rate"], **self._options(numbers))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, decoupled weight decay: w <- w - eta (step + lambda w); `weight_decay` .004 by default.

    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Loshchilov and Hutter 2019.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import AdamW
        >>> rule, w = AdamW(0.1, weight_decay=0.5), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(w, step.init(w), w)[0]), 3)  # gradient 6: -.1 - .1 .5 6
        -0.4
    """

    known_as: ClassVar[str] = "adamw"
    weight_decay: Any = field(default=0.004, kw_only=True)


@dataclass(frozen=True)
class Adamax(Adam):
    """w <- w - eta m / ((1 - beta_1^t) u), u <- max(beta_2 u, `|g|` + eps): Adam by the largest
    gradient.

    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Kingma and Ba 2015.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Adamax
        >>> rule, gradient = Adamax(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(gradient, step.init(gradient))[0]), 3)
        -0.1
    """

    known_as: ClassVar[str] = "adamax"

    def _transform(self, numbers: Numbers) -> Any:
        return optax.adamax(
            numbers["learning_rate"], numbers["beta_1"], numbers["beta_2"], self.epsilon
        )


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's momentum, whose strength grows (as in Keras and PyTorch).

        mu_t = beta_1 (1 - .96^t / 2)
        w <- w - eta n / (sqrt(v / (1 - beta_2^t)) + eps)
        n = mu_{t+1} m / (1 - mu_1 .. mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 .. mu_t)

    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Dozat 2016.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Nadam
        >>> rule, gradient = Nadam(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(gradient, step.init(gradient))[0]), 3)
        -0.106
    """

    known_as: ClassVar[str] = "nadam"

    def _transform(self, numbers: Numbers) -> Any:
        b1, b2 = numbers["beta_1"], numbers["beta_2"]
        strength = lambda t: b1 * (1 - 0.5 * 0.96**t)  # noqa: E731

        def init(params: Any) -> Any:
            zeros = jax.tree.map(jnp.zeros_like, params)
            return jnp.zeros(()), jnp.ones(()), zeros, zeros

        def update(grads: Any, memory: Any, params: Any = None) -> tuple[Any, Any]:
            t, product, m, v = memory
            t = t + 1
            product = product * strength(t)
            m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, grads)
            v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * jnp.square(g), v, grads)
            ahead, now = strength(t + 1), strength(t)

            def step(g: Any, m: Any, v: Any) -> Any:
                mean = ahead * m / (1 - product * ahead) + (1 - now) * g / (1 - product)
                return mean / (jnp.sqrt(v / (1 - b2**t)) + self.epsilon)

            return jax.tree.map(step, grads, m, v), (t, product, m, v)

        return optax.chain(
            optax.GradientTransformation(init, update),
            optax.scale_by_learning_rate(numbers["learning_rate"]),
        )


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """w <- w - eta d g, d = sqrt(D + eps) / sqrt(A + eps): a step in the units of w.

    A <- rho A + (1 - rho) g^2, then D <- rho D + (1 - rho) (d g)^2.

    Args:
        rho: memory of both squares, in [0, 1).
        epsilon: number eps >= 0, which also sets how large the first steps are.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Zeiler 2012.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Adadelta
        >>> rule, w = Adadelta(1.0), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(w, step.init(w), w)[0]), 4)  # gradient 6
        -0.0014
    """

    known_as: ClassVar[str] = "adadelta"
    learning_rate: Any = 0.001
    rho: Any = 0.95
    epsilon: float = 1e-7
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "rho")

    def _transform(self, numbers: Numbers) -> Any:
        return optax.adadelta(numbers["learning_rate"], numbers["rho"], self.epsilon)


@dataclass(frozen=True)
class Lion(Optimizer):
    """w <- w - eta sign(beta_1 m + (1 - beta_1) g), m <- beta_2 m + (1 - beta_2) g.

    Args:
        beta_1, beta_2: share of the memory in the step, and memory of the gradient, in [0, 1).
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Chen et al. 2023.

    Example:
        >>> import numpy as np
        >>> from descend.train.rules import Lion
        >>> rule, w = Lion(0.1), np.float32(6.0)
        >>> step = rule.transform(rule.numbers())
        >>> round(float(step.update(w, step.init(w), w)[0]), 3)  # gradient 6
        -0.1
    """

    known_as: ClassVar[str] = "lion"
    learning_rate: Any = 0.001
    beta_1: Any = 0.9
    beta_2: Any = 0.99
    swept: ClassVar[tuple[str, ...]] = ("learning_rate", "beta_1", "beta_2")

    def _transform(self, numbers: Numbers) -> Any:
        return optax.lion(
            numbers["learning_rate"], numbers["beta_1"], numbers["beta_2"], weight_decay=0.0
        )


def Adagrad(
    learning_rate: Any = 0.001,
    initial_accumulator_value: float = 0.1,
    epsilon: float = 1e-7,
    **options: Any,
) -> AdaGrad:
    """`AdaGrad` with Keras's names and defaults.

    Args:
        learning_rate: step size eta, > 0, or a Schedule.
        initial_accumulator_value: value of A before the first step, >= 0.
        epsilon: number eps >= 0 under the root.
        options: other arguments of `AdaGrad`.
    Returns:
        An `AdaGrad`.
    Raises:
        DescendError: a number out of range, or an unknown argument.
    Source: Keras's API, optimizers.Adagrad.

    Example:
        >>> from descend.train.rules import Adagrad
        >>> Adagrad().learning_rate, Adagrad().initial_accumulator
        (0.001, 0.1)
    """
    return AdaGrad(learning_rate, initial_accumulator_value, epsilon, **options)


RMSprop = RMSProp  # Keras's name
