"""Many runs as one program: sweep, ensemble, cross_validate.

The engine's program gets a leading axis of members: one compilation instead of k, every core (or
device) busy. A member gives what it would have given alone. Members whose networks have different
shapes (widths, depths) make groups, one program each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.alignment import aligned
from descend.errors import DataError, unknown
from descend.nn.checks import whole
from descend.train import engine
from descend.train.engine import placement
from descend.train.engine.feeds import Arrays, Feed
from descend.train.engine.history import History
from descend.train.engine.run import Run
from descend.train.engine.runtime import prepare, quick_compile
from descend.train.engine.task import Task
from descend.train.engine.training import require_kinds
from descend.train.many.arguments import (
    built_by,
    folds_of,
    number_of,
    require_model,
    require_options,
    settings_of,
    structural_of,
)
from descend.train.many.members import Ensemble, Many, Member
from descend.train.model import fitting, rows
from descend.train.model.model import Model
from descend.train.model.supervised import Rows

SEEDS = ("seed", "order_seed")


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
    class_weight: Mapping[Any, Any] | None = None,
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
        x, y, batch_size, epochs, shuffle, sample_weight, class_weight: arguments of `Model.fit`.
        validation_split, validation_data: arguments of `Model.fit`.
        callbacks: EarlyStopping, ReduceLROnPlateau, LearningRateScheduler and the user's own; logs
            hold one number a member.
        seed: seed of members whose settings name none.
        verbose: verbosity, as in `Model.fit`; silent by default.

    Returns:
        A `Many`, the members in the order of the grid. A member that diverges is frozen at its last
        finite epoch and marked; the others go on.

    Raises:
        DescendError: an unknown name, a number out of range, an empty grid, no Model.
        NotFittedError: a model that is not compiled.
        DataError, ShapeError: the data cannot be used.

    Source: scheidegger-2020, "Recipe for using MLP (III)": to try several with different numbers of
    hidden nodes and see which works best.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, sweep
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> many = sweep(model, {"learning_rate": [0.1, 0.01], "seed": [0, 1]}, x, x)
        >>> [member.settings["seed"] for member in many], many.best().settings["learning_rate"]
        ([0, 1, 0, 1], 0.1)
    """
    settings = settings_of(grid)
    structural = structural_of(model, settings)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, one in enumerate(settings):
        groups.setdefault(tuple((k, one[k]) for k in structural if k in one), []).append(i)
    results: list[Member | None] = [None] * len(settings)
    for structure, places in groups.items():
        built = model if isinstance(model, Model) else built_by(model, dict(structure))
        data, validation = _data(
            built, x, y, sample_weight, class_weight, validation_split, validation_data
        )
        member_settings = [
            {k: v for k, v in settings[i].items() if k not in structural} for i in places
        ]
        members = _train(
            built,
            member_settings,
            data,
            None if validation is None else [validation],
            batch_size=batch_size,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=shuffle,
            seed=seed,
            verbose=verbose,
        )
        for i, member in zip(places, members, strict=True):
            member.settings = settings[i]
            results[i] = member
        if members[0].history.interrupted:
            break  # Ctrl-C: what has been trained so far is the result
    return Many([m for m in results if m is not None], len(groups))


def ensemble(model: Model, x: Any, y: Any, members: int = 10, **options: Any) -> Ensemble:
    """The same network from `members` seeds, trained as one program.

    Args:
        model: compiled Model; its own weights stay as they are.
        x, y: training rows, as in `Model.fit`.
        members: number of networks, >= 1.
        options: other arguments of `sweep`; `seed` is the first of the seeds, 0 by default.

    Returns:
        An `Ensemble`, which predicts the mean of its members.

    Raises:
        DataError: members is no whole number >= 1, or the data cannot be used.
        DescendError: as in `sweep`.

    Source: scheidegger-2020, "Regularization in NN: Dropout".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, ensemble
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((4, 1))
        >>> model.compile("sgd", "mse")
        >>> three = ensemble(model, x, x, members=3, epochs=2)
        >>> len(three), three.predict(x).shape
        (3, (4, 1))
    """
    require_model(model, "ensemble")
    whole("members", members, 1, error=DataError)
    require_options(sweep, options, "ensemble")
    first = rows.require_seed(options.pop("seed", 0))
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
    class_weight: Mapping[Any, Any] | None = None,
    seed: int | Sequence[int] = 0,
    verbose: int = 0,
) -> Many:
    """Train once a fold on the other folds, all folds as one program; `val_loss` is the fold's.

    Args:
        model: compiled Model; its own weights stay as they are.
        x, y, batch_size, epochs, shuffle, sample_weight, class_weight: arguments of `Model.fit`.
        folds: number of folds, or a list of (training rows, held-out rows): numbers of rows, which
            may repeat, or booleans (n,).
        stratify: labels (n,) whose shares each fold keeps.
        callbacks: callbacks, as in `sweep`.
        seed: seed for all folds, or one for each.
        verbose: verbosity, as in `Model.fit`; silent by default.

    Returns:
        A `Many`, a member for each fold.

    Raises:
        DataError: folds out of range or that name rows which are not there, labels that cannot be
            spread over them, seeds that are not one for each fold, pandas objects whose indexes
            differ, or data that cannot be used.
        DescendError: something that is no Model.
        NotFittedError: a model that is not compiled.

    Source: Stone 1974, "Cross-Validatory Choice and Assessment of Statistical Predictions".

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, cross_validate
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((6, 1))
        >>> model.compile("sgd", "mse")
        >>> [member.final("val_loss") for member in cross_validate(model, x, x, folds=3)]
        [0.0, 0.0, 0.0]
    """
    require_model(model, "cross_validate")
    data, _ = _data(model, x, y, sample_weight, class_weight, 0.0, None)
    # class weights steer the training; a fold is judged without them
    unweighted = _data(model, x, y, sample_weight, None, 0.0, None)[0] if class_weight else data
    given = [rows.require_seed(one) for one in (np.ravel(seed).tolist() or [None])]
    pairs = folds_of(folds, len(data.x[0]), stratify, given[0])
    if np.ndim(seed) and len(given) != len(pairs):
        raise DataError(f"{len(given)} seeds for {len(pairs)} folds; give one, or one for each")
    seeds = given if np.ndim(seed) else given * len(pairs)
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


def _data(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    split: float,
    validation_data: Any,
) -> tuple[Rows, Rows | None]:
    model.meet(x)
    outputs = model.task.outputs
    data = fitting.rows_of(model, (x, y, sample_weight), "training data")
    validation = None
    if validation_data is not None:
        validation = fitting.validation_rows(model, validation_data)
    elif split:
        data, validation = rows.split_tail(data, split)
        validation = rows.weighted(validation, outputs)
    return rows.weighted(data, outputs, class_weight), validation


def _names(task: Task, settings: list[dict[str, Any]]) -> dict[str, list[str]]:
    """For each swept name, the hyperparameters it sets: "l2" stands for every layer's."""
    hyper = task.hyper()
    meanings: dict[str, list[str]] = {}
    for name in dict.fromkeys(k for s in settings for k in s):
        if name in SEEDS:
            continue
        if name in hyper:
            meanings[name] = [name]
            continue
        full_names = [full for full in hyper if full.rsplit(".", 1)[-1] == name]
        if not full_names:
            raise unknown("setting to sweep", name, [*SEEDS, *hyper]) from None
        meanings[name] = full_names
    return meanings


def start(
    task: Task, settings: list[dict[str, Any]], members: int, seed: int
) -> tuple[Any, np.ndarray]:
    """(the states of members before training, the seeds of their orders).

    Where there are more members than settings, the others have the last one's.

    Raises:
        DescendError: an unknown setting, or one out of range.
    """
    padded = settings + [settings[-1]] * (members - len(settings))
    hyper = {name: np.full(members, value, float) for name, value in task.hyper().items()}
    for name, full_names in _names(task, settings).items():
        for i, one in enumerate(padded):
            for full in full_names if name in one else ():
                hyper[full][i] = number_of(name, one[name])
                task.require({full: float(one[name])})  # as outside a sweep
    seeds = np.array([rows.require_seed(one.get("seed", seed)) for one in padded])
    orders = np.array(
        [rows.require_seed(one.get("order_seed", s)) for one, s in zip(padded, seeds, strict=True)]
    )

    def draw(s: Any, numbers: Any) -> Any:
        return task.init(jax.random.key(s), numbers)

    state = jax.jit(jax.vmap(draw), compiler_options=quick_compile())(
        seeds, {name: jnp.asarray(v, jnp.result_type(float)) for name, v in hyper.items()}
    )
    return state, orders


def train_task(
    task: Task,
    settings: Any,
    feed: Feed,
    epochs: int,
    *,
    validation: Feed | None = None,
    callbacks: Sequence[Any] = (),
    seed: int = 0,
    verbose: int = 0,
    model: Model | None = None,
    identity: dict[str, Any] | None = None,
    resume: str | Path | None = None,
) -> list[Member]:
    """Train any task under every combination of settings, as one program.

    Args:
        task: any `descend.train.engine.task.Task`.
        settings: a grid or a list of settings as in `sweep`, of names in `task.hyper()`
            ("critic.learning_rate") and "seed", "order_seed"; nothing structural.
        feed: one feed for all members; where it draws orders (`Arrays`, `Stream`), those are
            drawn from the members' seeds (`Feed.order_by`).
        validation, callbacks, epochs, verbose, identity, resume: arguments of
            `descend.train.engine.training.train`.
        seed: seed of members whose settings name none.
        model: Model that callbacks see as `self.model`, and that members are models of.

    Returns:
        The members in the order of the settings. One that diverges is frozen and marked.

    Raises:
        DescendError: no Task or no Feed; an unknown setting, one out of range, an empty grid.
        DataError: epochs that are no whole number >= 1.
        CheckpointError: `resume` cannot be used.

    Source: descend's own.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.engine import Arrays
        >>> from descend.train.many import train_task
        >>> from descend.train.model import Rows
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.zeros((4, 1), "float32")
        >>> model.compile("sgd", "mse")
        >>> feed = Arrays(Rows((x,), (x,), None), batch_size=2)
        >>> [m.final("loss") for m in train_task(model.task, {"seed": [0, 1]}, feed, epochs=1)]
        [0.0, 0.0]
    """
    from descend.train.callbacks import EarlyStopping, Progress
    from descend.train.callbacks.base import listed

    prepare()
    rows.require_epochs(epochs, 0)
    require_kinds(task, feed)
    settings = settings_of(settings)
    count = len(settings)
    members = placement.filling(count)
    state, orders = start(task, settings, members, seed)
    feed.order_by(orders)
    callbacks = listed(callbacks)
    stops = [c for c in callbacks if isinstance(c, EarlyStopping)]
    progress = [Progress(verbose)] if verbose else []
    run = engine.train(
        task,
        feed,
        epochs,
        state=state,
        callbacks=[_DisablePadding(count), *callbacks, *progress],
        validation=validation,
        members=members,
        model=model,
        identity=identity,
        resume=resume,
        verbose=verbose,
    )
    states = run.state
    return [
        Member(
            settings=dict(settings[i]),
            history=own_history(run, i),
            diverged_in=run.diverged[i] + 1 if i in run.diverged else None,
            best_epoch=int(stops[-1].best_epoch[i]) if stops and len(run.history) else None,
            states=states,
            index=i,
            source=model,
        )
        for i in range(count)
    ]


def _train(
    model: Model,
    settings: list[dict[str, Any]],
    data: Rows,
    checks: list[Rows] | None,
    *,
    batch_size: int | None,
    shuffle: bool | str,
    parts: list[tuple[np.ndarray, np.ndarray]] | None = None,
    **options: Any,
) -> list[Member]:
    """`train_task` on checked rows; each member on rows of its own where there are `parts`."""
    prepare()
    task, validation = model.task, None
    if parts is None:
        size = rows.rows_a_batch(batch_size, len(data.x[0]), task)
        feed = Arrays(data, size, shuffle)
        validation = rows.whole(checks[0], size) if checks else None
    else:
        parts = parts + parts[-1:] * (placement.filling(len(parts)) - len(parts))
        training_rows, validation_rows = ([pair[i] for pair in parts] for i in (0, 1))
        size = rows.rows_a_batch(batch_size, min(map(len, training_rows)), task)
        feed = Arrays(data, size, shuffle, rows=training_rows)
        assert checks is not None
        validation = Arrays(checks[0], max(map(len, validation_rows)), False, 0, validation_rows)
    return train_task(task, settings, feed, model=model, validation=validation, **options)


class _DisablePadding:
    """Callback that switches off the members that only fill the devices."""

    def __init__(self, real: int):
        self._real = real

    def set_run(self, run: Any) -> None:
        run.active = np.arange(run.members) < self._real


def own_history(run: Run, i: int) -> History:
    """What member i has gone through, up to where it stopped."""
    history = History()
    length = next(
        (e for e, v in enumerate(run.history.history.get("loss", [])) if np.isnan(v[i])),
        len(run.history),
    )
    history.epoch = run.history.epoch[:length]
    history.history = {k: [float(e[i]) for e in v[:length]] for k, v in run.history.history.items()}
    history.stopped = run.history.stopped if length == len(run.history) else "stopped early"
    return history
