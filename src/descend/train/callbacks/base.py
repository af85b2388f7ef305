"""What a callback is: its hooks, which of them are called, which are refused.

An epoch is one compiled program, so that Python has a turn between epochs and not between batches.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from descend.errors import DescendError, unknown
from descend.train.engine.run import Run

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_chunk_end",
    "on_test_begin",
    "on_test_end",
    "on_predict_begin",
    "on_predict_end",
)
BATCH_HOOKS = tuple(
    f"on_{part}batch_{end}"
    for part in ("", "train_", "test_", "predict_")
    for end in ("begin", "end")
)


class Callback:
    """Base of callbacks, as in Keras: each hook may be overridden, none does anything here.

    A callback may be any object with some of these hooks. Epochs count from 0.

    Attributes:
        model: the model in training (or in evaluation, prediction).
        params: {"epochs", "steps" (batches an epoch, None where it is not known), "verbose"}.
        run: the Run, in training: its state, its history, and what may be set in it.

    Raises:
        DescendError: from `fit`: a hook by batch, which would never be called, or a method `on_...`
            that is no hook.

    Source: Keras's API, callbacks.Callback.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import Callback
        >>> class Count(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         logs["double"] = 2 * epoch  # what is added to the logs enters the history
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> model.fit(x, x, epochs=3, callbacks=Count(), verbose=0).history["double"]
        [0, 2, 4]
    """

    run: Run
    params: dict[str, Any] = {}  # noqa: RUF012  # replaced, never changed
    _model: Any = None

    def set_run(self, run: Run) -> None:
        """Receive the run; called first, but not in `evaluate` and `predict`."""
        self.run = run

    def set_model(self, model: Any) -> None:
        """Receive the model; called before any hook."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive `params`; called before any hook."""
        self.params = params

    @property
    def model(self) -> Any:
        """The model in training."""
        return self._model

    def on_train_begin(self, logs: Any = None) -> None:
        """Act before the first epoch; logs are empty."""

    def on_train_end(self, logs: Any = None) -> None:
        """Act after the last epoch, also if interrupted or diverged; logs are the last epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Act before every epoch; logs are empty. A learning rate set here holds for this epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Act after every epoch and its validation, with the means over it.

        What is added to `logs` enters the history, and the hooks of the callbacks behind.
        """

    def on_chunk_end(self, chunk: int, logs: Any = None) -> None:
        """Act after every chunk of an epoch, with the means over the epoch so far.

        A Stream has a chunk for every `rows` rows, other feeds mostly one an epoch.
        """

    def on_test_begin(self, logs: Any = None) -> None:
        """Act before an evaluation: that of an epoch's validation rows, and `evaluate`."""

    def on_test_end(self, logs: Any = None) -> None:
        """Act after an evaluation, with its cost and metrics (without `val_`)."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Act before `predict`."""

    def on_predict_end(self, logs: Any = None) -> None:
        """Act after `predict`; logs are empty."""

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint must hold for a resumed run to decide alike: {name: array}."""
        return {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what `saved` gave."""


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        hooks: functions by the names of the hooks, with the hooks' arguments.

    Raises:
        DescendError: a hook by batch, a name that is no hook's, or something that is no function.

    Source: Keras's API, callbacks.LambdaCallback.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.callbacks import LambdaCallback
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> say = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> history = model.fit(x, x, epochs=2, callbacks=say, verbose=0)
        0 0.0
        1 0.0
    """

    def __init__(self, **hooks: Callable[..., Any] | None):
        for name, function in hooks.items():
            if function is None:
                continue
            _require_hook(name, "LambdaCallback")
            if not callable(function):
                raise DescendError(f"LambdaCallback: {name} must be a function, got {function!r}")
            setattr(self, name, function)


def listed(callbacks: Any) -> list[Any]:
    """What `callbacks=` was given, one or many, as a list of objects whose hooks can be called.

    Raises:
        DescendError: a hook by batch; a method `on_...` that is no hook; a class in place of an
            object; an object without any hook.
    """
    if callbacks is None:
        return []
    one = any(hasattr(callbacks, name) for name in HOOKS) or not isinstance(callbacks, Iterable)
    items = [callbacks] if one else list(callbacks)
    for callback in items:
        _check(callback)
    return items


def _check(callback: Any) -> None:
    if isinstance(callback, type):
        name = callback.__name__
        raise DescendError(f"callbacks: {name} is a class; give an object of it: {name}(...)")
    kind = type(callback).__name__
    named = [n for n in dir(callback) if n.startswith("on_") and callable(getattr(callback, n))]
    if not named and not hasattr(callback, "set_run"):
        raise DescendError(
            f"callbacks: {callback!r} is no callback: it has none of {', '.join(HOOKS)}"
        )
    for name in named:
        if not _of_keras(callback, name):
            _require_hook(name, kind)


def _of_keras(callback: Any, name: str) -> bool:
    """Whether a hook is the empty one of Keras's own base class."""
    if name in vars(callback):
        return False
    owner = next(c for c in type(callback).__mro__ if name in vars(c))
    return owner.__name__ == "Callback" and owner.__module__.split(".")[0] in (
        "keras",
        "tf_keras",
        "tensorflow",
    )


def _require_hook(name: str, owner: str) -> None:
    if name in BATCH_HOOKS:
        raise DescendError(
            f"{owner} defines {name}, which would never be called: an epoch is one compiled "
            "program, and Python has no turn between its batches. Use on_epoch_begin and "
            "on_epoch_end (logs are the epoch's means); fit(steps_per_epoch=k) makes an epoch of "
            "k batches; a learning rate that changes with each update is a schedule, "
            "SGD(CosineDecay(...)); descend.glass.trace shows every number of single steps."
        )
    if name not in HOOKS:
        near = difflib.get_close_matches(name, HOOKS, n=1, cutoff=0.0)[0]
        raise DescendError(
            f"{owner} defines {name}, which is no hook and would never be called. "
            f"Did you mean {near!r}? Hooks: {', '.join(HOOKS)}. A method of its own wants a name "
            "that does not begin with 'on_'."
        )


def call_all(callbacks: Sequence[Any], method: str, *arguments: Any) -> None:
    """Call a method of those callbacks that have it, in their order."""
    for callback in callbacks:
        if hasattr(callback, method):
            getattr(callback, method)(*arguments)


def hears_chunks(callback: Any) -> bool:
    """Whether a callback does anything after a chunk."""
    hook = getattr(type(callback), "on_chunk_end", None)
    return "on_chunk_end" in vars(callback) or hook not in (None, Callback.on_chunk_end)


def introduce(callbacks: Sequence[Any], model: Any, **params: Any) -> None:
    """Tell the callbacks what they are called for."""
    call_all(callbacks, "set_params", params)
    call_all(callbacks, "set_model", model)


def shown_as(verbose: Any) -> int:
    """0, 1 or 2, of what `verbose=` was given; raises DescendError."""
    level = 1 if verbose == "auto" else verbose
    if not isinstance(level, (bool, int)) or int(level) not in (0, 1, 2):
        raise DescendError(f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}")
    return int(level)


def runs_in(frequency: Any) -> Callable[[int], bool]:
    """Whether an epoch (from 0) is one of `validation_freq`: every k-th, or numbers from 1."""
    if isinstance(frequency, int) and not isinstance(frequency, bool) and frequency >= 1:
        return lambda epoch: (epoch + 1) % frequency == 0
    if isinstance(frequency, (list, tuple, set, range)):
        numbers = {int(number) for number in frequency}
        return lambda epoch: epoch + 1 in numbers
    raise DescendError(
        f"validation_freq must be a whole number >= 1 or a list of epochs, got {frequency!r}"
    )


def watched(run: Run, logs: dict[str, Any], monitor: str, owner: str) -> Any:
    """The monitored quantity as an array; None in an epoch without validation (validation_freq).

    Raises:
        DescendError: there is no such quantity.
    """
    if monitor in logs:
        return np.asarray(logs[monitor], float)
    if monitor.startswith("val_") and run.due is not None and not run.due(run.epoch):
        return None
    hint = " Give validation_data or validation_split." if monitor.startswith("val_") else ""
    raise DescendError(f"{owner}: {unknown('monitored quantity', monitor, logs)}{hint}")


def direction(monitor: str, mode: str, owner: str, model: Any = None) -> int:
    """+1 where larger is better, -1 where smaller is.

    Args:
        mode: "min", "max", or "auto": what the metric of that name in `model` says of itself; max
            for what is named as an accuracy or an area.
    """
    if mode not in ("auto", "min", "max"):
        raise DescendError(f"{owner}: mode must be 'auto', 'min' or 'max', got {mode!r}")
    if mode != "auto":
        return 1 if mode == "max" else -1
    for output in getattr(getattr(model, "_task", None), "outputs", ()):
        for metric in output.metrics:
            names = (metric.name, f"{output.name}_{metric.name}")
            if monitor.removeprefix("val_") in names and metric.larger_is_better is not None:
                return 1 if metric.larger_is_better else -1
    return 1 if "acc" in monitor or monitor.endswith("auc") else -1
