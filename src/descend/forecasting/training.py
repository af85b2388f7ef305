"""Networks of all origins and seeds, trained as the members of one program, and their forecasts.

An origin is a list of windows: those that had ended before it. All members draw from one array on
the device; which windows are theirs is all that tells their programs apart, so there is one.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DataWarning, DescendError
from descend.forecasting import calendar as calendars
from descend.forecasting import dates
from descend.forecasting.heads import Head
from descend.forecasting.networks import Sizes, network
from descend.forecasting.panel import Panel
from descend.forecasting.windows import (
    Parts,
    Series,
    Shape,
    Standard,
    Windows,
    candidates,
    parts,
    require_long,
    seen,
    series_of,
)
from descend.train.callbacks import EarlyStopping
from descend.train.engine import placement
from descend.train.engine.history import History
from descend.train.engine.runtime import prepare
from descend.train.many import train_task
from descend.train.model.model import Model
from descend.train.model.supervised import Output, Supervised
from descend.train.rules import Adam
from descend.train.rules.schedules import CosineDecay

STEPS = 50  # updates between two looks at the validation windows
CHECKED = 2048  # validation windows at most
FEW = 1000  # windows, of the member with the fewest, up to which a batch is small
SMALL_BATCH, BATCH = 32, 256
AT_ONCE = 4096  # contexts that are forecast from at a time


@dataclass(frozen=True)
class Training:
    """How members are trained.

    Attributes:
        updates: number of updates.
        batch_size: windows an update; None: by the count of windows.
        learning_rate: first rate of Adam, which falls to zero along a cosine.
        validation: share of a history, its end, that windows for validation forecast; 0: none.
        sample: rows before an origin that its windows lie in; None: all.
        seeds: seed of each member of an origin.
        verbose: verbosity of the progress.
    """

    updates: int
    batch_size: int | None
    learning_rate: float
    validation: float
    sample: int | None
    seeds: tuple[int, ...]
    verbose: int = 0


@dataclass(frozen=True, eq=False)
class Trained:
    """Networks of one shape, trained.

    Attributes:
        graph: the network.
        params, layers: weights and layer states, a leading axis of members: origins x seeds.
        shape: windows that they see.
        head: what their outputs mean.
        standard: how known covariates are standardised.
        diverged: (members,) whether weights became infinite.
        histories: costs of each member's training.
        best: the best epoch of each, counted from 1; 0 where there was no validation.
        steps: updates of an epoch.
        programs: what has been compiled for forecasts, by their levels.
    """

    graph: Model
    params: Any
    layers: Any
    shape: Shape
    head: Head
    standard: Standard
    diverged: np.ndarray
    histories: list[History]
    best: list[int]
    steps: int = STEPS
    programs: dict[Any, Any] = field(default_factory=dict)


def train(
    panel: Panel,
    origins: np.ndarray,
    shape: Shape,
    head: Head,
    kind: str | Model,
    hidden: tuple[int, ...] | None,
    how: Training,
) -> Trained:
    """Train one network for each origin and seed, on the windows that had ended before the origin.

    Args:
        panel: the series.
        origins: rows known of each series, (origins, series); 0: the series takes no part.
        shape: context, horizon and scale of a window.
        head: loss, and what outputs mean.
        kind: name of the network, or a Model.
        hidden: units of its hidden layers; None: the usual ones.
        how: updates, rates, parts, seeds.

    Raises:
        DataError: a series that is too short, no windows.
        DescendError: all members diverged.
    """
    prepare()
    require_long(panel, origins, shape.context, shape.rows, "a window")
    standard = Standard.of(panel, origins[0])
    each = divided(panel, origins, shape, how)
    fewest = min(len(one.train) for one in each)
    sizes = Sizes(
        shape.context,
        1 + panel.known.shape[1] + panel.observed.shape[1],
        panel.known.shape[1],
        shape.horizon,
        head.outputs,
        hidden,
        fewest,
    )
    graph = network(kind, sizes)
    steps = min(STEPS, how.updates)
    epochs = -(-how.updates // steps)
    rule = Adam(CosineDecay(how.learning_rate, epochs * steps))
    task = Supervised(graph, rule, [Output("forecast", head, ())])
    members = [one for one in each for _ in how.seeds]
    members += members[-1:] * (placement.filling(len(members)) - len(members))
    size = how.batch_size or (SMALL_BATCH if fewest < FEW else BATCH)
    series = jax.tree.map(jnp.asarray, series_of(panel, standard))
    feed = Windows(series, shape, [one.train for one in members], size, steps)
    validation, stop = None, None
    if len(each[0].validation):
        checks = [_spread(one.validation) for one in members]
        validation = Windows(series, shape, checks, min(max(map(len, checks)), 512))
        stop = EarlyStopping("val_loss", patience=epochs)
    found = train_task(
        task,
        [{"seed": seed} for _ in each for seed in how.seeds],
        feed,
        epochs,
        validation=validation,
        callbacks=[] if stop is None else [stop],
        verbose=how.verbose,
    )
    if found[0].history.interrupted and not len(found[0].history):
        raise KeyboardInterrupt
    diverged = np.array([m.diverged_in is not None for m in found])
    if diverged.all():
        raise DescendError(
            "every network's training diverged; choose a smaller learning_rate "
            f"(now {how.learning_rate:g})"
        )
    if diverged.any():
        warnings.warn(
            f"{int(diverged.sum())} of {len(found)} networks diverged in training; their forecasts "
            "are left out",
            DataWarning,
            stacklevel=3,
        )
    states = found[0].states
    params, layers = jax.tree.map(lambda a: a[: len(found)], (states.params, states.layers))
    return Trained(
        graph,
        params,
        layers,
        shape,
        head,
        standard,
        diverged,
        [m.history for m in found],
        [0 if m.best_epoch is None else m.best_epoch + 1 for m in found],
        steps,
    )


def divided(panel: Panel, origins: np.ndarray, shape: Shape, how: Training) -> list[Parts]:
    """The windows of each origin; none for validation where it would take half of them.

    Raises:
        DataError: an origin without a window.
    """
    windows = candidates(panel, shape)
    held = np.ceil(how.validation * origins).astype(np.int64)
    held = np.where(origins > 0, np.maximum(held, shape.horizon), 0)
    every = [parts(windows, shape, o, 0 * o, how.sample) for o in origins]
    for i, one in enumerate(every):
        if not len(one.train):
            where = f" before origin {i + 1}" if len(origins) > 1 else ""
            raise DataError(
                f"no window of {shape.rows} rows (context {shape.context}, horizon {shape.horizon})"
                f" lies in the series{where} with at most a tenth of it missing; choose a smaller "
                "context="
            )
    if not how.validation:
        return every
    split = [parts(windows, shape, o, h, how.sample) for o, h in zip(origins, held, strict=True)]
    enough = all(
        2 * len(one.train) >= len(whole.train) and len(one.validation)
        for one, whole in zip(split, every, strict=True)
    )
    return split if enough else every


def _spread(rows: np.ndarray) -> np.ndarray:
    """At most CHECKED windows, evenly among all."""
    if len(rows) <= CHECKED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, CHECKED).astype(int)]


# -- forecasts ----------------------------------------------------------------------------------


def forecast(
    trained: Trained, panel: Panel, origins: np.ndarray, levels: Sequence[float], refit: bool = True
) -> np.ndarray:
    """What each member forecasts from each origin.

    Args:
        trained: networks; with `refit` a group of members for each origin, else one for all.
        panel: the series.
        origins: rows known of each series, (origins, series).
        levels: of the quantiles.
        refit: see above.

    Returns:
        (seeds, origins, series, horizon, 1 + levels), on the series' own scale; NaN for a series
        that takes no part, and of a network that diverged.
    """
    shape, (count, series) = trained.shape, origins.shape
    require_long(panel, origins, shape.context, shape.context)
    data = jax.tree.map(jnp.asarray, series_of(panel, trained.standard))
    rows = np.where(origins > 0, panel.starts[:-1] + origins - shape.context, 0)
    future = trained.standard.put(known_ahead(panel, origins, shape.horizon))
    members = len(trained.diverged)
    seeds = members // (count if refit else 1)
    # members are seeds within origins; a group of rows for each member
    if refit:
        rows, future = np.repeat(rows, seeds, axis=0), np.repeat(future, seeds, axis=0)
    else:
        rows = np.broadcast_to(rows.reshape(1, -1), (members, count * series))
        future = np.broadcast_to(
            future.reshape(1, count * series, *future.shape[2:]),
            (members, count * series, *future.shape[2:]),
        )
    found = _in_pieces(trained, data, rows, future, tuple(levels))
    found[trained.diverged] = np.nan
    if refit:
        found = found.reshape(count, seeds, series, *found.shape[2:]).swapaxes(0, 1)
    else:
        found = found.reshape(seeds, count, series, *found.shape[2:])
    found[:, origins == 0] = np.nan
    return found


def _in_pieces(
    trained: Trained, data: Series, rows: np.ndarray, future: np.ndarray, levels: tuple[float, ...]
) -> np.ndarray:
    """Forecasts (members, n, horizon, 1 + levels) of contexts that begin in rows (members, n)."""
    shape, head, graph = trained.shape, trained.head, trained.graph

    def one(params: Any, layers: Any, data: Series, rows: jax.Array, future: jax.Array) -> Any:
        x, centre, spread = seen(data, rows, shape)
        inputs = x if graph.single_input else (x, future)
        z, _ = graph.apply(params, layers, inputs)
        said = [head.point(z)[..., None]]
        if levels:
            said.append(head.quantiles(z, levels))
        return centre[..., None] + spread[..., None] * jnp.concatenate(said, axis=-1)

    if levels not in trained.programs:
        trained.programs[levels] = jax.jit(jax.vmap(one, in_axes=(0, 0, None, 0, 0)))
    run = trained.programs[levels]
    n = rows.shape[1]
    size = min(n, AT_ONCE)
    pieces = []
    for first in range(0, n, size):
        # the last piece is filled up: one shape, one program
        at = np.minimum(np.arange(first, first + size), n - 1)
        piece = run(trained.params, trained.layers, data, rows[:, at], future[:, at])
        pieces.append(np.asarray(piece, np.float64)[:, : n - first])
    return np.concatenate(pieces, axis=1)


def known_ahead(panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
    """What is known in advance of the dates behind each origin, (origins, series, horizon, k).

    Raises:
        DataError: a series' rows end before the horizon does.
    """
    columns = panel.known.shape[1]
    found = np.zeros((*origins.shape, horizon, columns))
    if not columns:
        return found
    own = columns - len(calendars.names_of(panel.calendar))
    for i, s in zip(*np.nonzero(origins), strict=True):
        first = panel.starts[s] + origins[i, s]
        rows = panel.known[first : min(first + horizon, panel.starts[s + 1])]
        found[i, s, : len(rows)] = rows
        if len(rows) == horizon:
            continue
        times = dates.after(panel.times[first - 1], horizon, panel.frequency, panel.step)
        if own:
            name = f" of series {panel.names[s]!r}" if panel.names[s] else ""
            raise DataError(
                f"{', '.join(panel.known_names[:own])} must be known for {horizon} dates behind "
                f"{dates.shown(panel.times[first - 1])}{name}, and end before "
                f"{dates.shown(times[len(rows)])}: append these rows to the table, without a target"
            )
        found[i, s] = calendars.features(times, panel.calendar)
    return found
