"""Members of one shape that train in rounds, some of them left behind between two rounds.

A round goes on where the last one ended: weights, the rule's memory, the order of rows and the
clock of a schedule are those of one uninterrupted run. Who is kept in every round ends where it
would have ended alone; nothing is trained twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from descend.train import engine
from descend.train.callbacks import Callback, EarlyStopping
from descend.train.engine import placement
from descend.train.engine.feeds import Arrays
from descend.train.engine.history import History
from descend.train.engine.run import Run
from descend.train.engine.runtime import prepare
from descend.train.many.members import Member
from descend.train.many.sweeping import own_history, start
from descend.train.model import fitting, rows
from descend.train.model.model import Model


class Rounds:
    """Networks of one shape, trained as one program with the weights of each one's best epoch.

    Args:
        model: compiled Model; its own weights stay as they are.
        settings: settings of each member, as in `descend.train.many.sweeping.sweep`, nothing
            structural.
        x, y: training rows, as in `Model.fit`.
        validation_data: (x, y) or (x, y, sample_weight); chooses the best epoch.
        batch_size, sample_weight: arguments of `Model.fit`.
        patience: epochs without a better validation cost after which a member stops.
        seed: seed of members whose settings name none.

    Attributes:
        seconds: each member's share of the time that its program took.

    Raises:
        DataError, ShapeError: the data cannot be used.
        DescendError: an unknown setting, or one out of range.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.many import Rounds
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> settings = [{"learning_rate": 0.1}, {"learning_rate": 0.001}]
        >>> options = {"validation_data": (x, x), "batch_size": 2, "patience": 5}
        >>> rounds = Rounds(model, settings, x, x, **options)
        >>> rounds.run(1)
        >>> rounds.leave([1])  # the second is left behind
        >>> rounds.run(2)
        >>> [len(rounds.member(i).history) for i in (0, 1)]
        [2, 1]
    """

    def __init__(
        self,
        model: Model,
        settings: Sequence[Mapping[str, Any]],
        x: Any,
        y: Any,
        *,
        validation_data: Any,
        batch_size: int | None,
        patience: int,
        sample_weight: Any = None,
        seed: int = 0,
    ):
        prepare()
        self.model = model
        self.settings = [dict(one) for one in settings]
        checked_rows = rows.make_rows(model, model.task.outputs, x, y, sample_weight)
        data = rows.weighted(checked_rows, model.task.outputs)
        self._size = rows.rows_a_batch(batch_size, len(data.x[0]), model.task)
        self._feed = Arrays(data, self._size)
        self._checks = rows.whole(fitting.validation_rows(model, validation_data), self._size)
        self._patience = patience
        count = len(self.settings)
        places = placement.filling(count)
        self._state, self._orders = start(model.task, self.settings, places, seed)
        # the place of each member in the program; what only fills the devices has none
        self._places = {i: i for i in range(count)}
        self._active = np.arange(places) < count
        self._stopping_state: dict[str, Any] | None = None  # what early stopping remembers
        self._done: dict[int, Member] = {}  # members that are no longer in the program
        self._histories = [History() for _ in range(count)]
        self._diverged: dict[int, int] = {}
        self.seconds = np.zeros(count)
        self.epoch = 0  # epochs that the members still training have behind them
        self.interrupted = False

    @property
    def training(self) -> list[int]:
        """The members that would go on in another round."""
        return [i for i, place in self._places.items() if self._active[place]]

    @property
    def packed(self) -> int:
        """How many members the program holds, trained or not."""
        return len(self._active)

    def run(self, epochs: int) -> None:
        """Train on, up to `epochs` epochs in all; who has stopped or diverged stays as it is.

        Ctrl-C ends the round; `interrupted` then says so.
        """
        going = self.training
        if not going or epochs <= self.epoch:
            return
        began = time.perf_counter()
        self._feed.order_by(self._orders)
        stop = _RoundStopping(self._stopping_state, patience=self._patience)
        run = engine.train(
            self.model.task,
            self._feed,
            epochs,
            state=self._state,
            callbacks=[_Training(self._active), stop],
            validation=self._checks,
            initial_epoch=self.epoch,
            members=len(self._active),
            model=self.model,
        )
        self.interrupted = run.history.interrupted
        assert run.active is not None
        self._state, self._active = run.reached, run.active
        self._stopping_state = stop.saved()
        self.epoch = max(self.epoch, run.epoch + 1)
        for i, place in self._places.items():
            if place in run.diverged:
                self._diverged[i] = run.diverged[place] + 1
            _extend(self._histories[i], own_history(run, place), i in going)
        self.seconds[going] += (time.perf_counter() - began) / len(going)

    def leave(self, members: Iterable[int], pack: bool = True) -> None:
        """Train some members no further.

        Args:
            members: numbers of members.
            pack: whether the program is made anew for those that are left. Otherwise it goes on
                computing for all, which is cheaper than compiling where little is left to do.
        """
        left = set(members) & set(self._places)
        for i in left:
            self._active[self._places[i]] = False
        remaining = self.training
        size = placement.filling(len(remaining))
        if not pack or not remaining or size >= len(self._active):
            return
        for i in set(self._places) - set(remaining):
            self._done[i] = self.member(i)
        which = np.array([self._places[i] for i in remaining])
        which = np.concatenate([which, np.repeat(which[-1:], size - len(remaining))])
        self._state = jax.tree.map(lambda a: a[which], self._state)
        if self._stopping_state is not None:
            self._stopping_state = jax.tree.map(lambda a: a[which], self._stopping_state)
        self._orders = self._orders[which]
        self._places = {i: place for place, i in enumerate(remaining)}
        self._active = np.arange(size) < len(remaining)

    def member(self, i: int) -> Member:
        """Return member i with the weights of its best epoch."""
        if i in self._done:
            return self._done[i]
        place, states = self._places[i], self._best()
        best = (
            -1 if self._stopping_state is None else int(self._stopping_state["best_epoch"][place])
        )
        return Member(
            settings=self.settings[i],
            history=self._histories[i],
            diverged_in=self._diverged.get(i),
            best_epoch=best if best >= 0 else None,
            states=states,
            index=place,
            source=self.model,
        )

    def outputs(self, x: Any) -> dict[int, np.ndarray]:
        """Return {member: the network's output on rows x}, of those still in the program.

        The network has one output. Numbers of layers that are swept hold at prediction too.
        """
        model, state = self.model, self._best()
        numbers = {name: state.hyper[name] for name in model.numbers()}

        def one(params: Any, layers: Any, numbers: Any, x: Any) -> Any:
            inputs = x[0] if model.single_input else x
            return (model.apply(params, layers, inputs, numbers=numbers)[0],)

        run = jax.jit(jax.vmap(one, in_axes=(0, 0, 0, None)))
        arrays = rows.make_inputs(model, x, "prediction data")
        ask = lambda part: run(state.params, state.layers, numbers, part)  # noqa: E731
        outputs = rows.in_pieces(ask, arrays, None, axis=1)[0]
        return {i: outputs[place] for i, place in self._places.items()}

    def _best(self) -> Any:
        """Return the states with the weights of each member's best epoch."""
        if self._stopping_state is None or "params" not in self._stopping_state:
            return self._state
        weights = {name: self._stopping_state[name] for name in self.model.task.weights}
        return self._state._replace(**weights)


def _extend(history: History, more: History, trained: bool) -> None:
    """Put what a round added behind what there was."""
    if not trained:
        return
    history.epoch += more.epoch
    for name, values in more.history.items():
        history.history.setdefault(name, []).extend(values)
    history.stopped = more.stopped


class _Training(Callback):
    """Trains the members given, (members,) booleans, and no others."""

    def __init__(self, active: np.ndarray):
        self._active = active

    def set_run(self, run: Run) -> None:
        """Switch the others off."""
        super().set_run(run)
        run.active = self._active.copy()


class _RoundStopping(EarlyStopping):
    """Early stopping that goes on from the state of an earlier round."""

    def __init__(self, earlier_state: dict[str, Any] | None, **options: Any):
        super().__init__("val_loss", **options)
        self._earlier_state = earlier_state

    def on_train_begin(self, logs: Any = None) -> None:
        """Take up the earlier round's state."""
        super().on_train_begin(logs)
        if self._earlier_state is not None:
            self.restore(self._earlier_state)
