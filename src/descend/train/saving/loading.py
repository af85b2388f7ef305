"""Models from files; nothing in a file is executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import jax
import numpy as np

from descend.described import conforms
from descend.errors import CheckpointError, DescendError
from descend.nn.layers.base import Layer
from descend.nn.rebuilding import symbols_from_config
from descend.train.engine.runtime import prepare
from descend.train.model.model import Model
from descend.train.saving import checkpoint

# kinds of files that hold no model, in words
HELD = {
    "agents": "agents, and no model; load_agents reads it",
    "forecaster": "a forecaster, and no model; Forecaster.load reads it",
    "weights": "weights without their model; model.load_weights reads it",
}


def load_model(
    path: str | Path,
    custom: Mapping[str, type[Layer]] | None = None,
    *,
    custom_objects: Mapping[str, Any] | None = None,
) -> Model:
    """A model from a file of `model.save` or `ModelCheckpoint`; nothing in it is executed.

    Args:
        path: the file.
        custom: classes {name: class} for layers of the user's own.
        custom_objects: `custom` by Keras's name; what is no layer in it is not needed and not
            looked at.

    Returns:
        The `Model` with its weights and history, compiled as far as rule, loss and metrics have
        names.

    Raises:
        CheckpointError: missing, truncated, edited, from a newer version, or not ours.

    Source: Keras's API, models.load_model.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, load_model
        >>> model, x = Sequential([Input((1,)), Dense(1)]), np.ones((1, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/line.descend")
        ...     again = load_model(f"{folder}/line.descend")
        >>> bool((again.predict(x) == model.predict(x)).all())
        True
    """
    layers = {
        name: value
        for name, value in (custom_objects or {}).items()
        if isinstance(value, type) and issubclass(value, Layer)
    }
    model, _ = load_with_extra(path, {**layers, **(custom or {})})
    return model


def load_with_extra(
    path: str | Path, custom: Mapping[str, type[Layer]] | None = None
) -> tuple[Model, dict[str, Any]]:
    """The model, and the JSON that `save(extra=...)` put beside it."""
    prepare()
    description, arrays = checkpoint.read(path)
    if description.get("kind") == "economy":
        raise CheckpointError(
            f"{path} is a solved economy ({description['economy'].rpartition(':')[2]}), not a "
            f"fitted model. Open it in Python: descend.economies.load_solution({str(path)!r}); the "
            "page of a solution is written by descend solve --report"
        )
    if description.get("model") is None:
        what = HELD.get(str(description.get("kind")), "a run that is not of a model")
        raise CheckpointError(f"{path} holds {what}")
    with checkpoint.understood(path, "description"):
        return _build_model(path, description, arrays, custom)


class Described(TypedDict):
    """What a description says of a model."""

    graph: dict[str, Any]
    seed: int
    compile: dict[str, Any] | None


def _build_model(
    path: str | Path,
    description: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    custom: Mapping[str, type[Layer]] | None,
) -> tuple[Model, dict[str, Any]]:
    whole = description["model"]
    conforms(whole, Described, "the model")
    graph = whole["graph"]
    conforms(graph["name"], str, "its name")
    model = Model(*symbols_from_config(graph, custom), name=graph["name"], seed=whole["seed"])
    prefix = "state/" if description["kind"] == "checkpoint" else ""
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = checkpoint.unflatten(arrays, shapes[0], f"{prefix}params", path)
    layers = checkpoint.unflatten(arrays, shapes[1], f"{prefix}layers", path)
    checkpoint.require_numbers(arrays, f"{prefix}params", path)
    checkpoint.require_numbers(arrays, f"{prefix}layers", path)
    model.take_weights(params, layers)
    if whole["compile"] is not None:
        model.compile(**whole["compile"])
    if "history" in description:
        model.history = checkpoint.history_of(description)
    extra = description.get("extra", {})
    conforms(extra, dict, "what travels along")
    return model, extra


def model_from_json(text: str, custom_objects: Any = None) -> Any:
    """The model that `to_json` wrote, its weights undrawn; nothing in the text is executed.

    Args:
        text: result of `to_json`.
        custom_objects: classes {name: class} for layers of the user's own.

    Returns:
        A `Model`, not compiled.

    Raises:
        DescendError: a text that is no such description.

    Source: Keras's API, models.model_from_json.

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.train.saving import model_from_json
        >>> text = Sequential([Input((4,)), Dense(8), Dense(1)]).to_json()
        >>> model_from_json(text).count_params()
        49
    """
    try:
        config = json.loads(text)
        return Model.from_config(config, custom_objects)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DescendError(f"this text does not describe a model: {error}") from None
