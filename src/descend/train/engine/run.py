"""A run in progress: its state, history, and what callbacks may do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from descend.errors import unknown
from descend.train.engine.history import History
from descend.train.engine.task import Task


class Snapshot:
    """The state (or a part of it) after one epoch of a call, computed when first asked for."""

    def __init__(self, replay: Callable[[], Any]):
        self._replay: Callable[[], Any] | None = replay
        self._state: Any = None

    @classmethod
    def of(cls, state: Any) -> Snapshot:
        """Return a snapshot whose state is at hand."""
        snapshot = cls(lambda: state)
        snapshot._state, snapshot._replay = state, None
        return snapshot

    @property
    def ready(self) -> bool:
        """Whether the state is at hand without a replay."""
        return self._replay is None

    @property
    def state(self) -> Any:
        """The state."""
        if self._replay is not None:
            self._state, self._replay = self._replay(), None
        return self._state

    def weights(self, task: Task) -> Snapshot:
        """Return the weights alone, {field: arrays}: the rest need not be kept."""
        pick = lambda: weights_of(task, self.state)  # noqa: E731
        return Snapshot.of(pick()) if self.ready else Snapshot(pick)


def weights_of(task: Task, state: Any) -> dict[str, Any]:
    """The fields of a state that are the network."""
    return {name: getattr(state, name) for name in task.weights}


class Run:
    """One training run, or `members` runs trained as one program (arrays get a leading axis).

    Callbacks have it as `self.run`; `train` returns it.

    Args:
        task: Task in training.
        state: state before the first step.
        epochs: number of the last epoch, exclusive.
        members: number of runs that the state holds, None for one.

    Attributes:
        task: Task in training.
        history: the History so far.
        epoch: the epoch just ended.
        chunk: chunks done of the pass that has begun since; 0 where an epoch is one chunk.
        totals: sums of the logs over these chunks, {name: (numbers,)}.
        active: booleans (members,) of those that still train; None for a single run.
        diverged: {member: epoch} of members stopped by a NaN.
        model: the Model in training, or None.
        identity: JSON that tells this run from another in a checkpoint.
        due: function (epoch) -> whether its validation is made; None where there is no validation.
        failing: of a run that diverged, (task, state, batch) of the step that did it; `glass` runs
            that step again.

    Raises:
        DescendError: from `hyper` and `set_hyper`: no number of that name.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import Callback
        >>> class Enough(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         if logs["loss"] < 0.1:
        ...             self.run.stop("good enough")
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> model.fit(x, x, epochs=9, callbacks=Enough(), verbose=0).stopped
        'good enough'
    """

    def __init__(self, task: Task, state: Any, epochs: int, members: int | None = None):
        self.task = task
        self.history = History()
        self.epochs = epochs
        self.epoch = -1
        self.chunk = 0
        self.totals: dict[str, Any] = {}
        self.members = members
        self.active = None if members is None else np.ones(members, bool)
        self.diverged: dict[int, int] = {}
        self.model: Any = None
        self.callbacks: list[Any] = []
        self.hearing: list[Any] = []  # the callbacks that have a turn after every chunk
        self.reached: Any = None  # the last state, before `Task.ended`
        self.identity: dict[str, Any] = {}
        self.due: Callable[[int], bool] | None = None
        self.failing: Any = None
        self.snapshot = Snapshot.of(state)
        self.settings = state.hyper  # as of this call of the program; only callbacks change them
        self.touched = False  # something asked for, or changed, a state inside a call
        self.changed = False  # the rest of the call no longer follows from the state

    @property
    def stopped(self) -> str | None:
        """Why the run was stopped, in words."""
        return self.history.stopped

    @property
    def state(self) -> Any:
        """The state after `epoch`."""
        if not self.snapshot.ready:
            self.touched = True
        return self.snapshot.state

    @state.setter
    def state(self, state: Any) -> None:
        self.snapshot = Snapshot.of(state)
        self.settings = state.hyper
        self.touched = self.changed = True

    def hyper(self, name: str) -> Any:
        """Return the present value of a hyperparameter: a float, or (members,)."""
        if name not in self.settings:
            raise unknown("hyperparameter", name, self.settings)
        value = np.asarray(self.settings[name])
        return float(value) if value.ndim == 0 else value

    def set_hyper(self, name: str, value: Any) -> None:
        """Set a hyperparameter for the epochs to come (no recompilation)."""
        old = np.asarray(self.hyper(name), np.asarray(self.settings[name]).dtype)
        new = np.broadcast_to(np.asarray(value, old.dtype), old.shape)
        if not np.array_equal(new, old):
            state = self.state
            self.state = state._replace(hyper={**state.hyper, name: jnp.asarray(new)})

    def stop(self, reason: str, members: np.ndarray | None = None) -> None:
        """End the run after this epoch; with `members`, only those (a boolean mask)."""
        if self.active is not None:
            going = self.active & (False if members is None else ~members)
            if not np.array_equal(going, self.active):
                self.active, self.changed = going, True
            if going.any():
                return
        self.history.stopped = reason
