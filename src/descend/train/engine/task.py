"""The Task contract: what can be trained.

Supervised learning, a GAN, an economy and an agent are four Tasks; the engine knows no other thing.
docs/write-your-own-task.md has examples.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import jax

if TYPE_CHECKING:
    from descend.train.rules import Optimizer

# name -> (sum, weight): the weight a scalar, the sum a scalar or a vector of sums
Logs = Mapping[str, tuple[Any, Any]]


class State(NamedTuple):
    """Everything that changes in training: a pytree of arrays.

    A Task may use a NamedTuple of its own; the engine needs `params` (checked for finiteness) and
    `hyper` (the numbers that callbacks and sweeps set).

    Args:
        params: weights, {layer: {array}}.
        layers: what layers remember, {layer: {array}}: running averages.
        optimizer: what the update rule remembers; {rule: memory} of a task of several rules.
        key: JAX key of dropout and the like.
        hyper: numbers that callbacks and sweeps set, {name: array}.
        steps: number of updates made, int32.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import jax
        >>> from descend import Dense, Input, Sequential
        >>> model = Sequential([Input((3,)), Dense(2, name="out")])
        >>> model.compile("sgd", "mse")
        >>> state = model.task.init(jax.random.key(0), model.task.hyper())
        >>> state.params["out"]["kernel"].shape, int(state.steps)
        ((3, 2), 0)
    """

    params: Any
    layers: Any  # what layers remember: running averages
    optimizer: Any  # what the update rule remembers; {rule: memory} of a task of several rules
    key: jax.Array  # for dropout and the like
    hyper: dict[str, jax.Array]
    steps: jax.Array  # updates made, int32


class Batch(NamedTuple):
    """Rows handed to one step: the gathered data, and which rows are real (None: all).

    Args:
        data: pytree of arrays (batch, ...), in `Model.fit` the `Rows` of the batch.
        mask: array (batch,), 1 for a real row and 0 for padding of the last, ragged batch; or None.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend.train.engine import Arrays
        >>> feed = Arrays(np.array([[1.0], [2.0], [3.0]]), batch_size=2, shuffle=False)
        >>> batch = feed.draw(None, None, feed.data, feed.order(0)[1])[1]  # of the second step
        >>> batch.mask.tolist()
        [1.0, 0.0]
    """

    data: Any
    mask: jax.Array | None


class Task:
    """What can be trained: pure functions, each traced once, and what they need said of them.

    A Task must write `init` and `step`; all else has the default that stands here.

    Attributes:
        weights: fields of the state that are the network: a Snapshot, the best weights and a model
            file hold them.
        scratch: fields that are large and need not survive the process (a replay buffer): updated
            in place, never copied to the host; in a checkpoint only where it is asked for. A call
            of the program is then one pass, and a run that diverged cannot be replayed. The other
            fields are memory: a checkpoint holds them beside the weights.
        outputs: outputs that `Model.fit` checks targets against; empty: targets are any arrays of n
            rows.

    Raises:
        NotImplementedError: `init`, `step`, or what a feed or validation needs, is not written,
            when it is called.

    Source: descend's own.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from descend.train.engine import State, Steps, Task, train
        >>> class Square(Task):  # w <- w - .25 2 w, the cost w^2
        ...     def init(self, key, hyper):
        ...         return State(jnp.array(4.0), {}, (), key, {}, jnp.array(0))
        ...     def collect(self, state, steps):
        ...         return state, jnp.zeros(steps)  # there are no data
        ...     def step(self, state, batch):
        ...         w = state.params
        ...         return state._replace(params=w - 0.25 * 2 * w), {"loss": (w**2, 1.0)}
        >>> task = Square()
        >>> run = train(task, Steps(1), epochs=3, state=task.init(jax.random.key(0), {}))
        >>> run.history.history["loss"], float(run.state.params)
        ([16.0, 4.0, 1.0], 0.5)
    """

    weights: tuple[str, ...] = ("params", "layers")
    scratch: tuple[str, ...] = ()
    outputs: tuple[Any, ...] = ()

    @property
    def heavy(self) -> bool:
        """Whether a step is much work for its count of parameters.

        The program is then compiled with care, and the rows of a batch are spread over the devices.
        """
        return False

    @property
    def carries(self) -> bool:
        """Whether batches have an order.

        `fresh` then begins a pass over the rows, and `carry` is an `evaluate` that hands its state
        on.
        """
        return False

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> Any:
        """Return the state before the first step; `hyper` has the names of `hyper()`."""
        raise NotImplementedError(f"{type(self).__name__} has no init(key, hyper)")

    def step(self, state: Any, batch: Batch) -> tuple[Any, Logs]:
        """Make ONE update."""
        raise NotImplementedError(f"{type(self).__name__} has no step(state, batch)")

    def evaluate(self, state: Any, batch: Batch) -> Logs:
        """Return sums and weights over the real rows, so that ragged last batches count exactly."""
        raise NotImplementedError(
            f"{type(self).__name__} has no evaluate(state, batch), which validation needs"
        )

    def collect(self, state: Any, steps: int) -> tuple[Any, Any]:
        """Make (state, the data of `steps` batches, leaves with a leading axis).

        What the feed `Steps` draws, inside the program.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no collect(state, steps), which the feed Steps draws from"
        )

    def carry(self, state: Any, batch: Batch) -> tuple[Any, Logs]:
        """Return `evaluate`'s result and the state that the next batch starts from."""
        return state, self.evaluate(state, batch)

    def fresh(self, state: Any) -> Any:
        """Return the state at the head of a pass over the rows."""
        return state

    def ended(self, state: Any) -> Any:
        """Make of the last state what training leaves (averages in the weights' place)."""
        return state

    def finish(self, name: str, total: Any, weight: Any) -> Any:
        """Return the number that a log's sums over all rows come to, by default their mean.

        Args:
            name: name of the log.
            total, weight: NumPy arrays (...), or (..., size) and (...) for vectors of sums.
        """
        return total / weight

    def diagnose(self, state: Any, batch: Batch) -> str:
        """Name the first array that became non-finite in this step; empty: it is not known."""
        return ""

    # -- its numbers --------------------------------------------------------------------------

    @property
    def rules(self) -> Mapping[str, Optimizer]:
        """The update rules by name; the name of the only one may be "" (its numbers are plain)."""
        return {}

    def hyper(self) -> dict[str, float]:
        """Return all numbers that may be swept: "learning_rate", or "critic.learning_rate"."""
        return {
            full(rule_name, name): value
            for rule_name, rule in self.rules.items()
            for name, value in rule.numbers().items()
        }

    def require(self, numbers: Mapping[str, float]) -> None:
        """Raise DescendError where a number of `hyper()` is out of range."""
        for name, rule in self.rules.items():
            rule.with_numbers(
                {k: v for k, v in scoped(numbers, name).items() if k in rule.numbers()}
            )

    @property
    def full_batch(self) -> bool:
        """Whether an update needs the cost of all rows."""
        return any(rule.full_batch for rule in self.rules.values())

    # -- what is compiled for it --------------------------------------------------------------

    @functools.cached_property
    def programs(self) -> dict[Any, Any]:
        """The compiled programs, kept with the task, so that a second fit compiles nothing."""
        return {}

    def anew(self) -> Self:
        """Return the same task, nothing compiled or remembered, as when other arrays freeze."""
        new = copy.copy(self)
        for name in list(vars(new)):
            if isinstance(getattr(type(new), name, None), functools.cached_property):
                del vars(new)[name]
        return new

    def describe(self) -> dict[str, Any] | None:
        """Describe the task in JSON for a file of a Model; None where it cannot be."""
        return None


def full(rule: str, name: str) -> str:
    """The name among all hyperparameters of a number of a rule: "critic.learning_rate"."""
    return f"{rule}.{name}" if rule else name


def scoped(hyper: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """The hyperparameters of one rule, by their plain names."""
    if not rule:
        return dict(hyper)
    start = f"{rule}."
    return {n.removeprefix(start): value for n, value in hyper.items() if n.startswith(start)}
