"""What trained many: single members, all of them, an ensemble that predicts their mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from descend.errors import DescendError, unknown
from descend.train.callbacks.base import direction
from descend.train.engine.history import History
from descend.train.model import prediction, rows
from descend.train.model.cloning import member_of
from descend.train.model.model import Model

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Member:
    """One run of many.

    Args:
        settings: values of what was swept, {"learning_rate": .01, "seed": 3}.
        history: cost and metrics of each epoch; shorter if it stopped early.
        diverged_in: the epoch (from 1) in which it became non-finite, or None.
        best_epoch: the epoch (from 0) whose weights EarlyStopping put back, or None.
        states: states of all members, with a leading axis.
        index: its place in them.
        source: the model handed in, or None.

    Raises:
        DescendError: from `model`: the task has no Model; from `final`: no such quantity.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, sweep
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1))
        >>> model.compile("sgd", "mse")
        >>> member = sweep(model, {"learning_rate": [0.1, 0.01]}, x, x)[1]
        >>> member.settings, member.final("loss"), member.model.predict(x[:1]).tolist()
        ({'learning_rate': 0.01}, 0.0, [[0.0]])
    """

    settings: dict[str, Any]
    history: History
    diverged_in: int | None
    best_epoch: int | None
    states: Any = field(repr=False)  # of all members, with a leading axis
    index: int = field(repr=False)
    source: Model | None = field(default=None, repr=False)  # description and compilation

    @functools.cached_property
    def model(self) -> Model:
        """The trained model of this member; raises DescendError of a task without a Model."""
        if self.source is None:
            raise DescendError("this member is of a task without a Model; its weights: .state")
        return member_of(self.source, self.states, self.index)

    @property
    def state(self) -> Any:
        """The state that its training left."""
        return jax.tree.map(lambda a: a[self.index], self.states)

    def final(self, monitor: str) -> float:
        """Return the monitored quantity of its weights: after the last epoch, or the best one.

        NaN for a member that diverged.
        """
        values = self.history.history.get(monitor)
        if values is None:
            raise unknown("monitored quantity", monitor, self.history.history)
        if not values or self.diverged_in is not None:
            return float("nan")
        return values[-1 if self.best_epoch is None else self.best_epoch]


class Many:
    """The members of a sweep, an ensemble or a cross-validation, in the order asked for.

    Args:
        members: list of `Member`.
        groups: number of programs that they were trained by: one for each shape of the network.

    Raises:
        DescendError: from `best`: every member diverged, or no such quantity.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, sweep
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> many = sweep(model, {"learning_rate": [0.001, 0.1]}, x, x, epochs=2)
        >>> len(many), many.best().settings, many.to_frame().shape
        (2, {'learning_rate': 0.1}, (2, 4))
    """

    def __init__(self, members: list[Member], groups: int):
        self.members = members
        self.groups = groups

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __getitem__(self, index: int) -> Member:
        return self.members[index]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a member: its settings and the logs of its weights (`Member.final`)."""
        import pandas as pd

        return pd.DataFrame(
            [
                m.settings
                | {name: m.final(name) for name in m.history.history}
                | {"epochs": len(m.history), "diverged_in": m.diverged_in}
                for m in self.members
            ]
        )

    def best(self, monitor: str | None = None, mode: str = "auto") -> Member:
        """Return the member whose weights have the best `monitor` (val_loss, else loss); no NaN."""
        if monitor is None:
            monitor = "val_loss" if "val_loss" in self.members[0].history.history else "loss"
        sign = direction(monitor, mode, "best", self.members[0].source)
        scores = np.array([sign * m.final(monitor) for m in self.members])
        if np.isnan(scores).all():
            raise DescendError("every member diverged: sweep smaller learning rates")
        return self.members[int(np.nanargmax(scores))]


class Ensemble(Many):
    """Networks trained alike from different seeds; predicts their mean.

    Args:
        members: list of `Member`.
        groups: number of programs that they were trained by, one.

    Raises:
        DescendError: when it predicts: every member diverged.
        DataError, ShapeError: when it predicts: rows that cannot be used.

    Source: scheidegger-2020, "Regularization in NN: Dropout": the prediction of an ensemble is the
    arithmetic mean 1/k sum_i p_i(y | x).

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, ensemble
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> three = ensemble(model, x, x, members=3)
        >>> each = three.predict_all(x)  # (members, n, outputs)
        >>> each.shape, bool(np.allclose(each.mean(axis=0), three.predict(x)))
        ((3, 4, 1), True)
    """

    def predict(self, x: Any) -> np.ndarray:
        """Return the mean over the members, (n, ...), of a network with one output."""
        return self.predict_all(x).mean(axis=0)

    def spread(self, x: Any) -> np.ndarray:
        """Return the standard deviation over the members, (n, ...)."""
        return self.predict_all(x).std(axis=0)

    def predict_all(self, x: Any) -> np.ndarray:
        """Return every member's prediction, (members, n, ...), but of those that diverged."""
        arrays = rows.make_inputs(self._model, x, "prediction data")
        return rows.in_pieces(self._forward, arrays, None, axis=1)[0]

    @property
    def _model(self) -> Model:
        """The model handed in."""
        model = self.members[0].source
        assert model is not None  # `ensemble` had one
        return model

    @functools.cached_property
    def _forward(self) -> Callable[[Any], Any]:
        """Arrays -> the outputs of all members; compiled once a shape."""
        model, states = self._model, self.members[0].states
        which = np.array([m.index for m in self.members if m.diverged_in is None])
        if not which.size:
            raise DescendError("every member diverged: use a smaller learning rate")
        params, layers = jax.tree.map(lambda a: a[which], (states.params, states.layers))
        return prediction.of_members(model, params, layers)
