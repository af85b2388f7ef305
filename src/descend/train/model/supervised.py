"""The Task of compile/fit: a network, a loss for each output, an update rule.

    J(w) = 1/n sum_i w_i L(y_i, h_w(x_i)) + penalties      (hull-2023, "Loss Functions")

One step is the recipe of itam-2023 (1.4): forward pass, error, gradient, weight adjustment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.nn import activations, losses
from descend.nn.graph import Graph, full_precision
from descend.nn.layers.tapping import Tap
from descend.nn.losses import Loss, with_logits
from descend.train.engine.task import Batch, Logs, State
from descend.train.metrics import Metric
from descend.train.model import freezing
from descend.train.model.network_task import NetworkTask
from descend.train.rules import Optimizer
from descend.train.rules import describe as describe_rule

# what mixup's key is folded with; layers' keys are folded with their place, from 0 on
MIXING = 2**31 - 1


class Rows(NamedTuple):
    """Supervised data: tuples over inputs and outputs, and their weights.

    Args:
        x: tuple of arrays (n, ...), one for each input.
        y: tuple of arrays (n, ...), one for each output.
        weight: tuple of arrays (n,) with mean one, one for each output; or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.train.engine import Arrays
        >>> from descend.train.model import Rows
        >>> x = np.zeros((4, 3))
        >>> Arrays(Rows((x,), (x[:, :1],), None), batch_size=2).steps
        2
    """

    x: tuple[Any, ...]
    y: tuple[Any, ...]
    weight: tuple[Any, ...] | None


@dataclass(frozen=True, eq=False)
class Output:
    """What one output of the network is trained for."""

    name: str
    loss: Loss
    metrics: tuple[Metric, ...]
    share: float = 1.0  # its loss's weight in the cost
    link: str | None = None  # the final activation, where logits are used in training


class Supervised(NetworkTask):
    """The Task of `compile(optimizer, loss)`: a network, a loss for each output, an update rule.

        J(w) = 1/n sum_i w_i L(y_i, h_w(x_i)) + penalties

    `hyper` holds the rule's and the layers' numbers, and mixup's alpha.

    Args:
        graph: the network.
        optimizer: update rule.
        outputs: what each output is trained for: name, loss, metrics, share of the cost.
        mixup: number alpha > 0 of mixup, as in `Model.compile`; None for none.

    Raises:
        Nothing of its own: `Model.compile` checks what it is given.

    Source: hull-2023, "Loss Functions"; itam-2023, 1.4, "Gradient Descent".

    Example:
        >>> from descend import Dense, Dropout, Input, Sequential
        >>> model = Sequential([Input((1,)), Dense(2), Dropout(0.5, name="drop"), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> type(model.task).__name__, model.task.hyper()  # what a sweep may vary
        ('Supervised', {'learning_rate': 0.01, 'drop.rate': 0.5})
    """

    def __init__(
        self,
        graph: Graph,
        optimizer: Optimizer,
        outputs: Sequence[Output],
        mixup: float | None = None,
    ):
        super().__init__(graph, optimizer)
        self.mixup = mixup
        self.stochastic = graph.stochastic or mixup is not None
        links = graph.output_links()
        stable = [with_logits(o.loss) for o in outputs]
        can = [
            link is not None and loss is not None and loss.link == link
            for link, loss in zip(links, stable, strict=True)
        ]
        # an output given twice has one value: logits only if both losses take them
        places = graph.outputs_at
        self.logits = tuple(
            all(c for c, q in zip(can, places, strict=True) if q == p) for p in places
        )
        self.outputs = tuple(outputs)
        self.losses: tuple[Any, ...] = tuple(
            loss if raw else o.loss
            for loss, raw, o in zip(stable, self.logits, outputs, strict=True)
        )
        self.links = tuple(
            link if raw else None for link, raw in zip(links, self.logits, strict=True)
        )

    def gradient_at(self, state: State, numbers: Mapping[str, Any]) -> Any:
        """Return the parameters at which a step takes its gradient; `numbers` are the rule's."""
        at = self.optimizer.gradient_at(self.trained(state.params), state.optimizer, numbers)
        return freezing.merged(state.params, at)

    def hyper(self) -> dict[str, float]:
        """Return all numbers that may be swept, by name."""
        mixup = {} if self.mixup is None else {"mixup": self.mixup}
        return {**super().hyper(), **mixup}

    def member(self, graph: Graph, numbers: Mapping[str, float]) -> Supervised:
        """Return the same task over another network of the same layers, with numbers put in."""
        rule = super().member(graph, numbers).optimizer
        return Supervised(graph, rule, self.outputs, numbers.get("mixup", self.mixup))

    def describe(self) -> dict[str, Any] | None:
        """Describe the arguments of `compile` in JSON; None where a function has no name."""
        rule = describe_rule(self.optimizer)
        forms = [losses.describe(o.loss) for o in self.outputs]
        if rule is None or not all(forms):
            return None
        names = [o.name for o in self.outputs]
        metrics = [[m.saved for m in o.metrics if m.saved] for o in self.outputs]
        return {
            "optimizer": rule,
            "loss": dict(zip(names, forms, strict=True)),
            "metrics": dict(zip(names, metrics, strict=True)),
            "loss_weights": {o.name: o.share for o in self.outputs},
            "mixup": self.mixup,
        }

    # -- one step -----------------------------------------------------------------------------

    def cost(
        self,
        params: Any,
        layers: Any,
        batch: Batch,
        hyper: Mapping[str, Any],
        key: Any,
        training: bool,
        tap: Tap | None = None,
    ) -> tuple[jax.Array, tuple[Any, dict[str, tuple[Any, Any]]]]:
        """Return J on a batch, with (new layer state, logs); `tap` as in `Graph.apply`."""
        rows: Rows = batch.data
        numbers = {name: hyper[name] for name in self.graph.numbers()}
        mixed = None
        if training and self.mixup is not None:
            mixed = mix(rows, batch.mask, jax.random.fold_in(key, MIXING), hyper["mixup"])
        x = rows.x if mixed is None else mixed.x
        raw, masks, layers = self.graph.apply_masked(
            params,
            layers,
            x[0] if self.graph.single_input else x,
            key=key,
            training=training,
            numbers=numbers,
            logits=self.logits,
            tap=tap,
            rows=batch.mask if self.graph.mixes_rows else None,
        )
        raws = jax.tree.map(full_precision, (raw,) if self.graph.single_output else raw)
        logs: dict[str, tuple[Any, Any]] = {}
        parts: dict[str, tuple[Any, Any]] = {}
        cost: Any = 0.0
        for i, (output, loss) in enumerate(zip(self.outputs, self.losses, strict=True)):
            weight = None if rows.weight is None else rows.weight[i]
            y, steps = rows.y[i], masks[i]
            real, count = _real(batch.mask, steps, y.shape[0])
            errors = _per_row(loss.rows, y, raws[i], steps)
            if mixed is not None:
                partner = mixed.partner
                others = _per_row(loss.rows, y[partner], raws[i], steps)
                share = mixed.share
                error_sum = _weighted_sum(errors * share, weight, real)
                weight = None if weight is None else weight[partner]
                error_sum = error_sum + _weighted_sum(others * (1 - share), weight, real)
            else:
                error_sum = _weighted_sum(errors, weight, real)
            # a batch without a real row (a shorter fold) costs nothing
            cost = cost + output.share * error_sum / jnp.maximum(count, 1)
            prefix = f"{output.name}_" if len(self.outputs) > 1 else ""
            parts[f"{prefix}loss"] = (error_sum, count)
            prediction = _activate(raws[i], self.links[i])
            for metric in output.metrics:
                values = _per_row(metric.rows, y, prediction, steps)
                logs[prefix + metric.name] = (_total(values, real), count)
        penalty = self.graph.penalty(self.trained(params), numbers)
        if penalty is not None:
            cost = cost + penalty
        # where outputs have steps of their own, the cost is averaged over rows
        _, count = _real(batch.mask, None, rows.x[0].shape[0])
        if len(self.outputs) == 1:
            count = parts["loss"][1]
        whole = {**parts, "loss": (cost * count, count)}
        return cost, (layers, {"loss": whole.pop("loss"), **whole, **logs})

    def step(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """Make one update: forward pass, gradient, step."""
        key = self.key(state) if self.stochastic else None

        def cost(params: Any) -> Any:
            return self.cost(params, state.layers, batch, state.hyper, key, True)

        state, _, (layers, logs) = self.update(state, cost)
        logs = {"loss": logs["loss"], **logs}  # differentiation sorted them by name
        return self.stepped(state, layers), logs

    def evaluate(self, state: State, batch: Batch) -> Logs:
        """Return cost and metrics at prediction: random layers off, running statistics used."""
        return self.carry(state, batch)[1]

    def carry(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """Return `evaluate`'s result and the state that the next batch starts from."""
        _, (layers, logs) = self.cost(state.params, state.layers, batch, state.hyper, None, False)
        return state._replace(layers=layers), logs

    def finish(self, name: str, total: Any, weight: Any) -> Any:
        """Return the mean over the rows, or what the metric of that name makes of its sums."""
        for output in self.outputs:
            prefix = f"{output.name}_" if len(self.outputs) > 1 else ""
            for metric in output.metrics:
                if name == prefix + metric.name:
                    return metric.finish(total, weight)
        return total / weight

    @property
    def _newton(self) -> bool:
        return "damping" in self.optimizer.swept

    # -- where did NaN come from --------------------------------------------------------------

    def diagnose(self, state: State, batch: Batch) -> str:
        """Name the first array, in the order of computation, that is not finite."""
        key = self.key(state) if self.stochastic else None
        rows: Rows = batch.data
        messages: list[str] = []

        def tap(name: str, _: Any, y: Any) -> None:
            if not messages and not np.isfinite(np.asarray(y, float)).all():
                messages.append(f"the first non-finite array is the output of layer {name!r}")

        x = rows.x[0] if self.graph.single_input else rows.x
        self.graph.apply(state.params, state.layers, x, key=key, training=True, tap=tap)
        if messages:
            return messages[0]
        numbers = {name: state.hyper[name] for name in self.optimizer.numbers()}
        at = self.gradient_at(state, numbers)

        def cost(params: Any) -> Any:
            return self.cost(params, state.layers, batch, state.hyper, key, True)[0]

        value, grads = jax.value_and_grad(cost)(at)
        if not np.isfinite(float(value)):
            return "every layer's output is finite, the loss is not"
        for name in reversed(
            list(self.graph.layers.keys())
        ):  # the order in which errors travel back
            for array, grad in grads.get(name, {}).items():
                if not np.isfinite(np.asarray(grad)).all():
                    return f"the first non-finite array is the gradient of {name}/{array}"
        hint = "; its Hessian is singular here: set damping > 0" if self._newton else ""
        return f"loss and gradients are finite, the update by {self.optimizer.name!r} is not{hint}"


class Mixed(NamedTuple):
    """Inputs mixed with those of partner rows: share_i x_i + (1 - share_i) x_partner(i)."""

    x: tuple[Any, ...]
    partner: jax.Array
    share: jax.Array


def mix(rows: Rows, mask: jax.Array | None, key: jax.Array, alpha: Any) -> Mixed:
    """Mixup (Zhang et al. 2018): each row is mixed with another real row of its batch.

        x_i <- s_i x_i + (1 - s_i) x_j,      s_i ~ Beta(alpha, alpha)
        L_i <- s_i L(y_i) + (1 - s_i) L(y_j)

    The losses are mixed, not the targets, so that it serves every loss, integer labels too.
    """
    n = rows.x[0].shape[0]
    shares, shift = jax.random.split(key)
    share = jax.random.beta(shares, alpha, alpha, (n,))
    # real rows come first in a ragged batch: a rotation among them gives each one partner
    real = n if mask is None else jnp.maximum(jnp.sum(mask).astype(jnp.int32), 1)
    partner = (jnp.arange(n) + jax.random.randint(shift, (), 0, real)) % real

    def blend(x: jax.Array) -> jax.Array:
        s = share.reshape(n, *([1] * (x.ndim - 1))).astype(x.dtype)
        return s * x + (1 - s) * x[partner]

    return Mixed(tuple(blend(x) for x in rows.x), partner, share)


def _real(mask: jax.Array | None, steps: jax.Array | None, n: int) -> tuple[Any, Any]:
    """What counts, (n,) or (n, time) or None for all, and how much that is in all."""
    if steps is None:
        return mask, n if mask is None else jnp.sum(mask)
    real = steps.astype(jnp.result_type(float))
    if mask is not None:
        real = real * mask[:, None]
    return real, jnp.sum(real)


def _per_row(
    function: Callable[..., Any], y: jax.Array, prediction: jax.Array, steps: Any
) -> jax.Array:
    """A loss or metric of each row (n,), or of each step (n, time) where steps are masked."""
    if steps is None:
        return function(y, prediction)
    n, time = steps.shape
    fold = lambda a: a.reshape(n * time, *a.shape[2:])  # noqa: E731
    values = function(fold(y), fold(prediction))
    return values.reshape(n, time, *values.shape[1:])


def _total(values: jax.Array, real: jax.Array | None) -> jax.Array:
    """Sums over the real rows and steps of a metric's values (n, ...) or (n, time, ...).

    Returns:
        () or, where a row gives several numbers, (k,).
    """
    axes = (0,) if real is None else tuple(range(real.ndim))
    if real is not None:
        values = values * real.reshape(real.shape + (1,) * (values.ndim - real.ndim))
    return jnp.sum(values, axis=axes)


def _weighted_sum(values: jax.Array, weight: jax.Array | None, real: jax.Array | None) -> jax.Array:
    """Sum of values (n,) or (n, time), times weights (n,), over what is real."""
    for factor in (weight, real):
        if factor is not None:
            values = values * (factor[:, None] if factor.ndim < values.ndim else factor)
    return jnp.sum(values)


def _activate(raw: jax.Array, link: str | None) -> jax.Array:
    return raw if link is None else activations.get(link)(raw)
