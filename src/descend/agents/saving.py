"""Agents on disk: one safetensors file with a JSON description; nothing in it is executed."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import jax
import numpy as np

from descend.agents.environment import Environment
from descend.agents.group import Group
from descend.agents.registry import ALGORITHMS, algorithm
from descend.agents.settings import Settings
from descend.described import conforms
from descend.errors import CheckpointError, DescendError, unknown
from descend.nn.layers.base import Layer, layer_from
from descend.train import rules
from descend.train.engine.history import History
from descend.train.engine.runtime import prepare
from descend.train.rules import Optimizer
from descend.train.saving import checkpoint

OWN = ("descend.agents.environments.", "descend.agents.adapters.")


class Described(TypedDict):
    """What the description of a group of agents must hold."""

    algorithm: str
    options: dict[str, Any]
    environment: str
    parameters: dict[str, Any]
    steps: int
    traced: list[str]
    evaluations: int
    places: list[int]
    settings: list[dict[str, Any]]
    diverged: list[int | None]
    best_epochs: list[int]
    episodes: int
    seconds: float


def save(given: list[Group], path: str | Path) -> None:
    """Write agents to a file, atomically."""
    arrays: dict[str, np.ndarray] = {}
    groups = []
    for number, group in enumerate(given):
        for which in ("last", "best"):
            arrays |= checkpoint.flatten(group.weights(which), f"{number}/{which}")
        task = group.task
        cls = type(task.environment)
        groups.append(
            {
                "algorithm": task.algorithm.label,
                "options": _options(task.algorithm),
                "environment": f"{cls.__module__}:{cls.__qualname__}",
                "parameters": _parameters(task.environment),
                "steps": task.budget,
                "traced": list(task.traced),
                "evaluations": task.evaluations,
                "places": list(group.places),
                "settings": [{k: _plain(v) for k, v in one.items()} for one in group.settings],
                "histories": [_history(h) for h in group.histories],
                "diverged": list(group.diverged),
                "best_epochs": np.asarray(group.best_epochs).tolist(),
                "episodes": group.episodes,
                "seconds": group.seconds,
            }
        )
    checkpoint.write(path, "agents", {"groups": groups}, arrays)


def read(
    path: str | Path, environment: type[Environment] | Environment | None = None
) -> list[Group]:
    """The groups of a file; raises CheckpointError."""
    prepare()
    described, arrays = checkpoint.read(path)
    if described["kind"] != "agents":
        raise CheckpointError(f"{path} holds a {described['kind']}, not agents")
    with checkpoint.understood(path, "description"):
        conforms(described["groups"], list[dict[str, Any]], "its groups")
        groups = [
            _group(path, number, one, arrays, environment)
            for number, one in enumerate(described["groups"])
        ]
        places = sorted(place for group in groups for place in group.places)
        if places != list(range(len(places))):
            raise CheckpointError("its agents are not numbered from 0")
    return groups


def _group(
    path: str | Path,
    number: int,
    described: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    given: type[Environment] | Environment | None,
) -> Group:
    conforms({k: described[k] for k in Described.__annotations__}, Described, "a group")
    made = _algorithm(described["algorithm"], described["options"])
    environment = _environment(path, described, given)
    task = made.task(environment, described["steps"], described["traced"])
    task.feed(described["evaluations"])
    count = len(described["places"])
    one = jax.eval_shape(lambda: task.draw(jax.random.key(0)))
    like = jax.tree.map(lambda s: jax.ShapeDtypeStruct((count, *s.shape), s.dtype), one)
    weights = {}
    for which in ("last", "best"):
        prefix = f"{number}/{which}"
        weights[which] = checkpoint.unflatten(arrays, like, prefix, path)
    return Group(
        task=task,
        places=described["places"],
        settings=described["settings"],
        histories=[checkpoint.history_of(h) for h in described["histories"]],
        diverged=described["diverged"],
        best_epochs=np.asarray(described["best_epochs"]),
        episodes=described["episodes"],
        seconds=described["seconds"],
        **weights,
    )


def _history(history: History) -> dict[str, Any]:
    return {
        "history": {k: np.asarray(v).tolist() for k, v in history.history.items()},
        "epochs": history.epoch,
        "logged": history.logged,
    }


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


# -- settings ---------------------------------------------------------------------------------


def _options(made: Settings) -> dict[str, Any]:
    """The settings of an algorithm in JSON."""
    return {f.name: _described(made, f.name) for f in dataclasses.fields(made)}


def _described(made: Settings, name: str) -> Any:
    value = getattr(made, name)
    if isinstance(value, Optimizer):
        words = rules.describe(value)
        if words is None:
            raise DescendError(f"{made.label}: {name} is a transformation that no file can hold")
        return {"rule": words}
    if isinstance(value, tuple):
        return [{"layer": v.described()} if isinstance(v, Layer) else v for v in value]
    return value


def _algorithm(name: str, options: Mapping[str, Any]) -> Settings:
    classes = {algorithm(key).__name__: algorithm(key) for key in ALGORITHMS}
    if name not in classes:
        raise unknown("algorithm", name, classes)
    values = {}
    for field, value in options.items():
        if isinstance(value, dict):
            value = rules.get(value["rule"])
        elif isinstance(value, list):
            value = tuple(layer_from(v["layer"]) if isinstance(v, dict) else v for v in value)
        values[field] = value
    return classes[name](**values)


def _parameters(environment: Environment) -> dict[str, Any]:
    """The environment's numbers and what it says is kept; else it must be given to be loaded."""
    return {
        f.name: _plain(getattr(environment, f.name))
        for f in dataclasses.fields(environment)
        if "doc" in f.metadata or "kept" in f.metadata
    }


def _environment(
    path: str | Path, described: Mapping[str, Any], given: type[Environment] | Environment | None
) -> Environment:
    module, _, name = described["environment"].partition(":")
    cls = type(given) if isinstance(given, Environment) else given
    if cls is not None and getattr(cls, "__qualname__", None) != name:
        raise CheckpointError(f"{path} is of agents in {name}, and not in {given!r}")
    if isinstance(given, Environment):
        return given
    if cls is None:
        if module.startswith(OWN):
            importlib.import_module(module)
        cls = getattr(sys.modules.get(module), name, None)
        if not (isinstance(cls, type) and issubclass(cls, Environment)):
            raise CheckpointError(
                f"{path} is of agents in {name} of {module}, which is not imported: "
                f"load_agents(path, {name})"
            )
    return cls.restored(described["parameters"])
