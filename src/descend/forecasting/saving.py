"""Forecasters on disk: one safetensors file with a JSON description; nothing in it is executed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import jax
import numpy as np

from descend.described import conforms
from descend.errors import CheckpointError
from descend.forecasting.heads import head_of
from descend.forecasting.panel import Panel
from descend.forecasting.scaling import Scaling
from descend.forecasting.training import Trained
from descend.forecasting.windows import Shape, Standard
from descend.nn.rebuilding import symbols_from_config
from descend.train.engine.history import History
from descend.train.engine.runtime import prepare
from descend.train.model.model import Model
from descend.train.saving import checkpoint

# fields of a panel that the description holds; the arrays stand beside it
PLAIN = (
    *("names", "frequency", "season", "known_names", "observed_names", "remarks", "columns"),
    *("calendar", "step"),
)
ARRAYS = ("values", "starts", "known", "observed")


class Described(TypedDict):
    """What the description of a forecaster must hold."""

    settings: dict[str, Any]
    network: dict[str, Any]
    context: int
    horizon: int
    centre: str | None
    spread: str | None
    season: int
    loss: str
    levels: list[float]
    diverged: list[bool]
    best: list[int]
    steps: int
    histories: list[dict[str, Any]]
    series: dict[str, Any]
    dates: bool
    how: dict[str, Any]


def save(
    path: str | Path,
    settings: dict[str, Any],
    networks: Trained,
    tail: Panel,
    how: dict[str, Any],
    extra: dict[str, Any] | None = None,
) -> None:
    """Write a forecaster, atomically; raises DescendError."""
    own = isinstance(settings["network"], Model)
    shape, head = networks.shape, networks.head
    described: Described = {
        "settings": {k: v for k, v in settings.items() if k != "network" or not own},
        "network": networks.graph.config(),
        "context": shape.context,
        "horizon": shape.horizon,
        "centre": shape.scaling.centre,
        "spread": shape.scaling.spread,
        "season": shape.scaling.season,
        "loss": settings["loss"],
        "levels": list(getattr(head, "levels", ())),
        "diverged": networks.diverged.tolist(),
        "best": [int(best) for best in networks.best],
        "steps": networks.steps,
        "histories": [_history(h) for h in networks.histories],
        "series": {name: getattr(tail, name) for name in PLAIN},
        "dates": tail.times.dtype.kind == "M",
        "how": how,
    }
    arrays = checkpoint.flatten(networks.params, "params")
    arrays |= checkpoint.flatten(networks.layers, "layers")
    arrays |= {f"series/{name}": np.asarray(getattr(tail, name)) for name in ARRAYS}
    arrays["series/times"] = tail.times.astype(np.int64)
    arrays["standard/mean"] = networks.standard.mean
    arrays["standard/spread"] = networks.standard.spread
    checkpoint.write(path, "forecaster", {**described, "extra": extra or {}}, arrays)


def read(path: str | Path) -> tuple[dict[str, Any], Trained, Panel, dict[str, Any]]:
    """Settings, networks, the end of the series and the columns; raises CheckpointError."""
    prepare()
    described, arrays = checkpoint.read(path)
    if described["kind"] != "forecaster":
        raise CheckpointError(f"{path} holds a {described['kind']}, not a forecaster")
    with understood(path):
        conforms({k: described[k] for k in Described.__annotations__}, Described, "a forecaster")
        return _made(path, described, arrays)


@contextlib.contextmanager
def understood(path: str | Path) -> Iterator[None]:
    """Whatever goes wrong inside is one CheckpointError that names the file."""
    with checkpoint.understood(path, "description"):
        yield


def _made(
    path: str | Path, described: dict[str, Any], arrays: dict[str, np.ndarray]
) -> tuple[dict[str, Any], Trained, Panel, dict[str, Any]]:
    tail = _series(described, arrays)
    config = described["network"]
    graph = Model(*symbols_from_config(config), name=config["name"])
    members = len(described["diverged"])
    one = jax.eval_shape(graph.init, jax.random.key(0))
    like = jax.tree.map(lambda s: jax.ShapeDtypeStruct((members, *s.shape), s.dtype), one)
    params = checkpoint.unflatten(arrays, like[0], "params", path)
    layers = checkpoint.unflatten(arrays, like[1], "layers", path)
    checkpoint.require_numbers(arrays, "params", path)
    scaling = Scaling(described["centre"], described["spread"], described["season"])
    columns = tail.known.shape[1]
    standard = Standard(arrays["standard/mean"], arrays["standard/spread"])
    if standard.mean.shape != (columns,) or standard.spread.shape != (columns,):
        raise CheckpointError(f"its known covariates should be standardised by {columns} numbers")
    networks = Trained(
        graph,
        params,
        layers,
        Shape(described["context"], described["horizon"], scaling),
        head_of(described["loss"], described["levels"]),
        standard,
        np.asarray(described["diverged"], bool),
        [checkpoint.history_of(h) for h in described["histories"]],
        described["best"],
        described["steps"],
    )
    settings = {"network": graph, **described["settings"]}
    for name in ("hidden", "levels"):
        if isinstance(settings[name], list):
            settings[name] = tuple(settings[name])
    return settings, networks, tail, described["how"]


def _series(described: dict[str, Any], arrays: dict[str, np.ndarray]) -> Panel:
    plain = {n: described["series"][n] for n in PLAIN}
    for name in ("names", "known_names", "observed_names", "columns", "calendar"):
        conforms(plain[name], list[str], name)
        plain[name] = tuple(plain[name])
    conforms(plain["frequency"], str, "its frequency")
    conforms([plain["season"], plain["step"]], list[int], "season and step")
    times = arrays["series/times"]
    if described["dates"]:
        times = times.astype("datetime64[ns]")
    values: dict[str, Any] = {n: arrays[f"series/{n}"] for n in ARRAYS}
    return Panel(times=times, **values, **plain)


def _history(history: History) -> dict[str, Any]:
    return {
        "history": {k: np.asarray(v).tolist() for k, v in history.history.items()},
        "epochs": history.epoch,
        "logged": history.logged,
    }
