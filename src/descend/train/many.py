"""Many runs as one program: sweep, ensemble, cross_validate.

The engine's program gets a leading axis of members: one compilation instead of k, every core (or
device) busy. A member gives what it would have given alone. Members whose networks have different
shapes (widths, depths) make groups, one program each.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, DescendError, unknown
from descend.train import engine, prediction, rows
from descend.train.cloning import member_of
from descend.train.feeds import Arrays
from descend.train.history import History
from descend.train.model import Model
from descend.train.run import Run
from descend.train.runtime import prepare, quick_compile

if TYPE_CHECKING:
    import pandas as pd

SEEDS = ("seed", "order_seed")


@dataclass
class Member:
    """One run of many.

    Attributes:
        settings: what was swept, {"learning_rate": .01, "seed": 3}.
        history: its cost and metrics, an epoch each; shorter if it stopped early.
        diverged_in: the epoch (from 1) in which it became non-finite, or None.
        best_epoch: the epoch (from 0) whose weights EarlyStopping put back, or None.
    """

    settings: dict[str, Any]
    history: History
    diverged_in: int | None
    best_epoch: int | None
    _of: Model = field(repr=False)  # the model handed in: description and compilation
    _states: Any = field(repr=False)  # of all members, with a leading axis
    _index: int = field(repr=False)

    @functools.cached_property
    def model(self) -> Model:
        """The trained model of this member."""
        return member_of(self._of, self._states, self._index)

    def final(self, monitor: str) -> float:
        """The monitored quantity of its weights: after the last epoch, or after the best one.

        NaN for a member that diverged.
        """
        values = self.history.history.get(monitor)
        if values is None:
            raise unknown("monitored quantity", monitor, self.history.history)
        if not values or self.diverged_in is not None:
            return float("nan")
        return values[-1 if self.best_epoch is None else self.best_epoch]


class Many:
    """The members of a sweep, an ensemble or a cross-validation, in the order asked for."""

    def __init__(self, members: list[Member], groups: int):
        self.members = members
        self.groups = groups

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self):
        return iter(self.members)

    def __getitem__(self, index: int) -> Member:
        return self.members[index]

    def to_frame(self) -> pd.DataFrame:
        """One row a member: its settings and the logs of its weights (see `Member.final`)."""
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
        """The member whose weights have the best `monitor` (val_loss, else loss); no NaN."""
        from descend.train.callbacks.base import direction

        if monitor is None:
            monitor = "val_loss" if "val_loss" in self.members[0].history.history else "loss"
        sign = direction(monitor, mode, "best", self.members[0]._of)
        scores = np.array([sign * m.final(monitor) for m in self.members])
        if np.isnan(scores).all():
            raise DescendError("every member diverged: sweep smaller learning rates")
        return self.members[int(np.nanargmax(scores))]


class Ensemble(Many):
    """Networks trained alike from different seeds; predicts their mean.

    Source: scheidegger-2020, "Regularization in NN: Dropout": the prediction of an ensemble is the
    arithmetic mean 1/k sum_i p_i(y | x).
    """

    def predict(self, x: Any) -> np.ndarray:
        """Mean over the members, (n, ...), of a network with one output."""
        return self.predict_all(x).mean(axis=0)

    def spread(self, x: Any) -> np.ndarray:
        """Standard deviation over the members, (n, ...)."""
        return self.predict_all(x).std(axis=0)

    def predict_all(self, x: Any) -> np.ndarray:
        """Every member's prediction, (members, n, ...); members that diverged are left out."""
        arrays = rows.make_inputs(self.members[0]._of, x, "prediction data")
        return rows.in_pieces(self._forward, arrays, None, axis=1)[0]

    @functools.cached_property
    def _forward(self) -> Callable[[Any], Any]:
        """Arrays -> the outputs of all members; compiled once a shape."""
        model, states = self.members[0]._of, self.members[0]._states
        which = np.array([m._index for m in self.members if m.diverged_in is None])
        if not which.size:
            raise DescendError("every member diverged: use a smaller learning rate")
        params, layers = jax.tree.map(lambda a: a[which], (states.params, states.layers))
        return prediction.of_members(model, params, layers)


def sweep(
    model: Model | Callable[..., Model],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    x: Any,
    y: Any,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_split: float = 0.0,
    validation_data: Any = None,
    callbacks: Sequence[Any] = (),
    shuffle: bool | str = True,
    sample_weight: Any = None,
    class_weight: Mapping | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> Many:
    """Train a network under every combination of settings.

    Args:
        model: a compiled Model, whose own weights stay as they are; or a function that takes the
            structural settings (widths, depths) and returns one. Members draw their weights, but
            for frozen layers and those that came with another network (see `Model`).
        grid: {name: values}, all combinations, the last name varying fastest; or a list of
            settings.
            Names: "seed" (weights, order and noise), "order_seed" (order alone), any number of the
            optimiser ("learning_rate"), any number of a layer ("dropout.rate", or "rate" and "l2"
            for all layers that have one), and the arguments of the function.
        callbacks: EarlyStopping, ReduceLROnPlateau, LearningRateScheduler and the user's own; logs
            hold one number a member.
        The rest as in `Model.fit`.

    Returns:
        The members in the order of the grid. A member that diverges is frozen at its last finite
        epoch and marked; the others go on.

    Raises:
        DescendError: an unknown name, an empty grid.
    """
    settings = _settings(grid)
    structural = _structural(model, settings)
    groups: dict[tuple, list[int]] = {}
    for i, one in enumerate(settings):
        groups.setdefault(tuple((k, one[k]) for k in structural if k in one), []).append(i)
    found: list[Member | None] = [None] * len(settings)
    for structure, places in groups.items():
        built = model if isinstance(model, Model) else model(**dict(structure))
        data, kept = _data(
            built, x, y, sample_weight, class_weight, validation_split, validation_data
        )
        own = [{k: v for k, v in settings[i].items() if k not in structural} for i in places]
        members = _train(
            built,
            own,
            data,
            None if kept is None else [kept],
            batch_size=batch_size,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=shuffle,
            seed=seed,
            verbose=verbose,
        )
        for i, member in zip(places, members, strict=True):
            member.settings = settings[i]
            found[i] = member
        if members[0].history.interrupted:
            break  # Ctrl-C: what has been trained so far is the result
    return Many([m for m in found if m is not None], len(groups))


def ensemble(model: Model, x: Any, y: Any, members: int = 10, **options: Any) -> Ensemble:
    """The same network from `members` seeds, trained as one program; options as in `sweep`."""
    if not isinstance(members, int) or members < 1:
        raise DataError(f"members must be a whole number >= 1, got {members!r}")
    first = options.pop("seed", 0)
    many = sweep(model, {"seed": range(first, first + members)}, x, y, **options)
    return Ensemble(many.members, many.groups)


@aligned("x", "y", "sample_weight", "stratify")
def cross_validate(
    model: Model,
    x: Any,
    y: Any,
    folds: int | Sequence[tuple[Any, Any]] = 5,
    *,
    stratify: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    callbacks: Sequence[Any] = (),
    shuffle: bool | str = True,
    sample_weight: Any = None,
    class_weight: Mapping | None = None,
    seed: int | Sequence[int] = 0,
    verbose: int = 0,
) -> Many:
    """Train once a fold on the other folds, all folds as one program; `val_loss` is the fold's.

    Args:
        folds: their number, or a list of (training rows, held-out rows), where a row may repeat.
        stratify: labels (n,) whose shares each fold keeps.
        seed: one for all folds, or one for each.
        The rest as in `sweep`.
    """
    data, _ = _data(model, x, y, sample_weight, class_weight, 0.0, None)
    # class weights steer the training; a fold is judged without them
    unweighted = _data(model, x, y, sample_weight, None, 0.0, None)[0] if class_weight else data
    n = len(data.x[0])
    if isinstance(folds, int):
        if not 2 <= folds <= n:
            raise DataError(f"folds must be between 2 and the {n} rows, got {folds}")
        from sklearn.model_selection import KFold, StratifiedKFold

        kind = KFold if stratify is None else StratifiedKFold
        cut = kind(folds, shuffle=True, random_state=int(np.ravel(seed)[0]))
        pairs = list(cut.split(np.zeros(n), None if stratify is None else np.asarray(stratify)))
    else:
        pairs = [(np.asarray(a), np.asarray(b)) for a, b in folds]
    if np.ndim(seed) and len(np.ravel(seed)) != len(pairs):
        raise DataError(f"{np.size(seed)} seeds for {len(pairs)} folds; give one, or one for each")
    seeds = np.broadcast_to(seed, len(pairs)).tolist()
    members = _train(
        model,
        [{"seed": one} for one in seeds],
        data,
        [unweighted],
        batch_size=batch_size,
        epochs=epochs,
        callbacks=callbacks,
        shuffle=shuffle,
        seed=seeds[0],
        verbose=verbose,
        parts=pairs,
    )
    for number, member in enumerate(members):
        member.settings = {"fold": number}
    return Many(members, 1)


# -- how it is done ---------------------------------------------------------------------------


def _settings(grid: Any) -> list[dict[str, Any]]:
    if isinstance(grid, Mapping):
        values = {name: list(of) for name, of in grid.items()}
        empty = [name for name, of in values.items() if not of]
        if not values or empty:
            raise DescendError(
                f"the grid is empty{f': no values for {empty[0]!r}' if empty else ''}"
            )
        return [
            dict(zip(values, combination, strict=True))
            for combination in itertools.product(*values.values())
        ]
    settings = [dict(one) for one in grid]
    if not settings:
        raise DescendError("the grid is empty")
    return settings


def _structural(model: Any, settings: list[dict[str, Any]]) -> tuple[str, ...]:
    """The settings that are arguments of the function that builds the network."""
    if isinstance(model, Model):
        return ()
    if not callable(model):
        raise DescendError(
            f"sweep needs a compiled Model or a function that returns one, got {model!r}"
        )
    accepted = inspect.signature(model).parameters
    return tuple(name for name in dict.fromkeys(k for s in settings for k in s) if name in accepted)


def _data(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    split: float,
    validation_data: Any,
) -> tuple[rows.Rows, rows.Rows | None]:
    if not isinstance(model, Model):
        raise DescendError(
            f"the function given to sweep returned {type(model).__name__}, not a Model"
        )
    model.meet(x)
    outputs = model.task.outputs
    data = rows.make_rows(model, outputs, x, y, sample_weight)
    kept = None
    if validation_data is not None:
        kept = model._validation_rows(validation_data)
    elif split:
        data, kept = rows.split_tail(data, split)
        kept = rows.weighted(kept, outputs)
    return rows.weighted(data, outputs, class_weight), kept


def _names(model: Model, settings: list[dict[str, Any]]) -> dict[str, list[str]]:
    """For each swept name, the hyperparameters it sets: "l2" stands for every layer's."""
    hyper = model.task.hyper()
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(k for s in settings for k in s):
        if name in SEEDS:
            continue
        if name in hyper:
            found[name] = [name]
            continue
        meant = [full for full in hyper if full.rsplit(".", 1)[-1] == name]
        if not meant:
            raise unknown("setting to sweep", name, [*SEEDS, *hyper]) from None
        found[name] = meant
    return found


def filling(count: int) -> int:
    """The number of members that fills every device: what is more than `count` is never active."""
    return -(-count // len(jax.devices())) * len(jax.devices())


def start(
    model: Model, settings: list[dict[str, Any]], members: int, seed: int
) -> tuple[Any, np.ndarray]:
    """(the states of members before training, the seeds of their orders).

    Where there are more members than settings, the others have the last one's.
    """
    task = model.task
    filled = settings + [settings[-1]] * (members - len(settings))
    hyper = {name: np.full(members, value, float) for name, value in task.hyper().items()}
    rule, layers = task.optimizer.numbers(), model.numbers()
    for name, meant in _names(model, settings).items():
        for i, one in enumerate(filled):
            for full in meant if name in one else ():
                value = hyper[full][i] = float(one[name])
                if full in rule:  # a plain number out of range is refused, as it is outside a sweep
                    task.optimizer.with_numbers({full: value})
                elif full in layers:
                    model.with_numbers({full: value})
    seeds = np.array([rows.require_seed(one.get("seed", seed)) for one in filled])
    orders = np.array(
        [rows.require_seed(one.get("order_seed", s)) for one, s in zip(filled, seeds, strict=True)]
    )

    def draw(s: Any, numbers: Any) -> Any:
        return task.init(jax.random.key(s), numbers)

    state = jax.jit(jax.vmap(draw), compiler_options=quick_compile())(
        seeds, {name: jnp.asarray(v, jnp.result_type(float)) for name, v in hyper.items()}
    )
    return state, orders


def _train(
    model: Model,
    settings: list[dict[str, Any]],
    data: rows.Rows,
    checks: list[rows.Rows] | None,
    *,
    batch_size: int | None,
    epochs: int,
    callbacks: Sequence[Any],
    shuffle: bool | str,
    seed: int,
    verbose: int,
    parts: list[tuple[np.ndarray, np.ndarray]] | None = None,
) -> list[Member]:
    prepare()
    rows.require_epochs(epochs, 0)
    task = model.task
    k = len(settings)
    padded = filling(k)
    state, orders = start(model, settings, padded, seed)

    validation: Arrays | None
    if parts is None:
        size = rows.rows_a_batch(batch_size, len(data.x[0]), task.optimizer)
        shared = bool((orders == orders[0]).all())
        feed = Arrays(data, size, shuffle, orders[0] if shared else orders)
        validation = rows.whole(checks[0], size) if checks else None
    else:
        fold_rows = [train for train, _ in parts] + [parts[-1][0]] * (padded - k)
        size = rows.rows_a_batch(batch_size, min(map(len, fold_rows)), task.optimizer)
        feed = Arrays(data, size, shuffle, orders, fold_rows)
        held = [held for _, held in parts] + [parts[-1][1]] * (padded - k)
        assert checks is not None
        validation = Arrays(checks[0], max(map(len, held)), False, 0, held)

    from descend.train.callbacks import EarlyStopping, Progress
    from descend.train.callbacks.base import listed

    callbacks = listed(callbacks)
    stops = [c for c in callbacks if isinstance(c, EarlyStopping)]
    shown = [Progress(verbose)] if verbose else []
    run = engine.train(
        task,
        feed,
        epochs,
        state=state,
        callbacks=[_Idle(k), *callbacks, *shown],
        validation=validation,
        members=padded,
        model=model,
        verbose=verbose,
    )
    final = run.state
    return [
        Member(
            settings=dict(settings[i]),
            history=own_history(run, i),
            diverged_in=run.diverged[i] + 1 if i in run.diverged else None,
            best_epoch=int(stops[-1].best_epoch[i]) if stops and len(run.history) else None,
            _of=model,
            _states=final,
            _index=i,
        )
        for i in range(k)
    ]


class _Idle:
    """Switches off the members that only fill the devices."""

    def __init__(self, real: int):
        self._real = real

    def set_run(self, run: Any) -> None:
        run.active = np.arange(run.members) < self._real


def own_history(run: Run, i: int) -> History:
    """What member i has gone through, up to where it stopped."""
    own = History()
    length = next(
        (e for e, v in enumerate(run.history.history.get("loss", [])) if np.isnan(v[i])),
        len(run.history),
    )
    own.epoch = run.history.epoch[:length]
    own.history = {k: [float(e[i]) for e in v[:length]] for k, v in run.history.history.items()}
    own.stopped = run.history.stopped if length == len(run.history) else "stopped early"
    return own
