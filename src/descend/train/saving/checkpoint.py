"""Models and checkpoints on disk: one safetensors file with a JSON description in its header.

Nothing in a file is executed when it is read: no pickle, no eval, no code. A digest over
description and arrays tells an edited file from a whole one.

    kind "model"        description and weights: `model.save`, `load_model`
    kind "checkpoint"   everything a run needs to go on: `ModelCheckpoint`, `fit(resume=path)`
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import numpy as safetensors

import descend
from descend.described import conforms
from descend.errors import CheckpointError, DescendError
from descend.files import writable, write_atomically
from descend.train.engine import placement
from descend.train.engine.history import History
from descend.train.engine.program import Split
from descend.train.engine.run import weights_of
from descend.train.saving.container import (
    begin_digest,
    digest_of,
    load_arrays,
    name_in_digest,
    open_file,
    parsed,
    read_header,
)

FORMAT = 2  # in 1 a layer's axes were counted without the batch axis
SHOWN = 200  # characters of an error that came from inside


def flatten(tree: Any, prefix: str) -> dict[str, np.ndarray]:
    """The leaves of a pytree by their path: {"params/dense/kernel": array}."""
    leaves = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if _is_key(leaf):
            leaf = jax.random.key_data(leaf)
        leaves[prefix + "/".join(["", *(_step(p) for p in path)])] = placement.to_host(leaf)
    return leaves


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _step(entry: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


def unflatten(arrays: Mapping[str, np.ndarray], like: Any, prefix: str, path: str | Path) -> Any:
    """The pytree shaped as `like` whose leaves `flatten` wrote; raises CheckpointError."""
    paths, structure = jax.tree_util.tree_flatten_with_path(like)
    leaves = []
    for where, leaf in paths:
        name = prefix + "/".join(["", *(_step(p) for p in where)])
        is_key = _is_key(leaf)
        like_it = jax.random.key_data(leaf) if is_key else leaf
        shape, dtype = jnp.shape(like_it), getattr(like_it, "dtype", None)
        values = arrays.get(name)
        if values is None or values.shape != shape or dtype not in (None, values.dtype):
            have = "nothing"
            if values is not None:
                have = f"{values.dtype} of shape {values.shape}"
            raise CheckpointError(
                f"{path} does not fit this model: {name} should be {dtype or 'a number'} of "
                f"shape {shape}, the "
                f"file holds {have}. Was the model or its optimizer changed, or jax_enable_x64?"
            )
        array = jnp.asarray(values)
        leaves.append(jax.random.wrap_key_data(array) if is_key else array)
    return jax.tree.unflatten(structure, leaves)


def require_numbers(arrays: Mapping[str, np.ndarray], prefix: str, path: str | Path) -> None:
    """Raise CheckpointError where weights of a file are NaN: nothing can be predicted with them."""
    for name, array in arrays.items():
        if name.startswith(prefix) and array.dtype.kind in "fV" and np.isnan(array).any():
            raise CheckpointError(
                f"{path}: {int(np.isnan(array).sum()):,} of the {array.size:,} numbers in {name} "
                "are NaN; a network with such weights predicts nothing. Take an earlier copy"
            )


def nested(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Any]:
    """The nested dicts of arrays below a prefix."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        if name.startswith(prefix + "/"):
            *folders, last = name[len(prefix) + 1 :].split("/")
            place = tree
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = jnp.asarray(array)
    return tree


def _digest(description: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = begin_digest(description)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(name_in_digest(name, array.dtype, array.shape))
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def write(
    path: str | Path, kind: str, description: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Write one file, atomically; raises DescendError, also for a device or a pipe."""
    writable(path, regular=True)
    # ascontiguousarray would give a 0-d array an axis
    arrays = {k: a if a.ndim == 0 else np.ascontiguousarray(a) for k, a in arrays.items()}
    text = json.dumps({"kind": kind, **description}, sort_keys=True)
    header = {
        "descend": text,
        "format": str(FORMAT),
        "version": descend.__version__,
        "digest": _digest(text, arrays),
    }
    write_atomically(path, safetensors.save(arrays, metadata=header))


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and arrays of a file that `write` made.

    Sizes are checked before anything is read, the digest before an array is.

    Raises:
        CheckpointError: no such file; not one of ours; truncated; edited; from a newer version.
    """
    path = Path(path)
    with open_file(path) as file:
        try:
            header, stored = read_header(path, file)
            _require_version(path, header)
            if header.get("digest") != digest_of(file, header["descend"], stored):
                raise CheckpointError(
                    f"{path} was edited or damaged after descend wrote it: its digest does not "
                    "match"
                )
            arrays = load_arrays(file, stored)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
    with understood(path, "description"):
        description = parsed(path, header["descend"])
        conforms(description["kind"], str, "its kind")
    return description, arrays


def _require_version(path: Path, header: Mapping[str, str]) -> None:
    version = header.get("format", "")
    if version == str(FORMAT):
        return
    newer = re.fullmatch("[0-9]{1,6}", version) and int(version) > FORMAT
    remedy = "Upgrade descend" if newer else "Train it again"
    raise CheckpointError(
        f"{path} was written by descend {header.get('version')} in format {version}; this is "
        f"descend {descend.__version__}, which reads format {FORMAT}. {remedy}."
    )


@contextlib.contextmanager
def understood(path: str | Path, part: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes one CheckpointError that names the file and the part.

    A description is JSON that somebody may have edited and signed anew: a name that is missing, a
    number where a list should be, or a layer that no network can have.
    """
    try:
        yield
    except CheckpointError as error:
        if str(path) in str(error):
            raise
        raise CheckpointError(f"{path}: {error}") from None
    except DescendError as error:
        raise CheckpointError(f"{path}: its {part} cannot be used: {error}") from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        reason = reason if len(reason) <= SHOWN else f"{reason[:SHOWN]}..."
        raise CheckpointError(
            f"{path}: its {part} cannot be read ({reason}). The file was edited, or comes from "
            "another version of descend"
        ) from None


class Recorded(TypedDict):
    """How a description holds a History: its numbers may be NaN, so they are not looked at."""

    history: dict[str, list[Any]]
    epochs: list[int]


def history_of(description: Mapping[str, Any]) -> History:
    """The History in a description; raises TypeError, or CheckpointError where parts do not fit."""
    conforms(description, Recorded, "the description")
    logged = description.get("logged", {})
    conforms(logged, dict[str, list[int]], "the epochs in which logs were made")
    history = History()
    history.history, history.epoch = description["history"], description["epochs"]
    history.logged = logged
    for name, values in history.history.items():
        epochs = logged.get(name, history.epoch)
        valid = set(epochs) <= set(history.epoch)  # not in all of them with `validation_freq`
        if not valid or len(values) != len(epochs) or np.asarray(values).dtype.kind not in "fiub":
            raise CheckpointError(
                f"its history of {name!r} should be {len(epochs)} numbers, one an epoch"
            )
    return history


# -- checkpoints ------------------------------------------------------------------------------


class Progress(TypedDict):
    """What the description of a checkpoint must hold."""

    epoch: int
    chunk: int
    scratch: bool
    stopped: str | None
    identity: dict[str, Any]


class Members(TypedDict):
    """What it holds besides where a run has members."""

    active: list[bool]
    diverged: list[tuple[int, int]]


def save_checkpoint(run: Any, path: str | Path, scratch: bool = False) -> None:
    """Everything a run needs to go on: weights, layer state, optimiser, key, epoch, history.

    Args:
        scratch: whether the state's scratch (`Task.scratch`) is written, too; a resumed run
            otherwise begins with that of its own start.
    """
    state = run.state
    if not scratch:
        state = Split.of(run.task, state).rest
    arrays = flatten(state, "state")
    if run.chunk:  # in the middle of a pass
        arrays |= flatten({k: np.asarray(v) for k, v in run.totals.items()}, "pass")
    for place, callback in _places([c for c in run.callbacks if hasattr(c, "saved")]):
        arrays |= flatten(callback.saved(), place)
    description = {
        "epoch": run.epoch + 1,
        "chunk": run.chunk,
        "scratch": scratch,
        "history": {k: np.asarray(v).tolist() for k, v in run.history.history.items()},
        "epochs": run.history.epoch,
        "logged": run.history.logged,
        "stopped": run.history.stopped,
        "identity": run.identity,
    }
    if run.members is not None:
        description["active"] = run.active.tolist()
        description["diverged"] = list(run.diverged.items())
    if run.model is not None:
        description["model"] = run.model.describe()
    if placement.is_first():
        write(path, "checkpoint", description, arrays)


def load_checkpoint(path: str | Path, run: Any, identity: dict[str, Any]) -> None:
    """Put a checkpoint into a fresh run: its state, history and callbacks.

    Raises:
        CheckpointError: as `read`; or the checkpoint belongs to another model, data or seed.
    """
    description, arrays = read(path)
    with understood(path, "description"):
        _load_checkpoint(path, description, arrays, run, identity)


def _load_checkpoint(
    path: str | Path,
    description: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    run: Any,
    identity: dict[str, Any],
) -> None:
    if description["kind"] not in ("checkpoint", "model"):
        raise CheckpointError(
            f"{path} holds {description['kind']}, and not a run in progress; to resume, give the "
            "file that was written while it went on (checkpoint=)"
        )
    if description["kind"] != "checkpoint":
        raise CheckpointError(
            f"{path} holds a model without optimiser and epoch; to resume, give a file that "
            "ModelCheckpoint wrote. To go on from these weights: load_model(path).fit(...)"
        )
    conforms(description, Progress, "the description")
    for name, value in identity.items():
        saved = description["identity"].get(name)
        if saved != value:
            raise CheckpointError(
                f"{path} belongs to another run: its {name} is {saved!r}, this call's is {value!r}"
            )
    if run.model is not None:
        now = json.loads(json.dumps(run.model.describe()))
        for part, meaning in (("graph", "layers"), ("compile", "optimizer, loss or metrics")):
            if now[part] != description["model"][part]:
                raise CheckpointError(
                    f"{path} belongs to another run: its {meaning} differ from this model's. "
                    f"Build and compile it as it was, or start anew from load_model(path)."
                )
    places = dict(_places([c for c in run.callbacks if hasattr(c, "restore")]))
    file_places = {"/".join(n.split("/")[:2]) for n in arrays if n.startswith("callbacks/")}
    if file_places - set(places):
        raise CheckpointError(
            f"{path} holds the state of callbacks that this call has not got: "
            f"{', '.join(sorted(file_places - set(places)))}. Pass the same callbacks as before."
        )
    present = Split.of(run.task, run.snapshot.state)
    if description["scratch"]:
        run.state = unflatten(arrays, run.snapshot.state, "state", path)
    else:
        rest = unflatten(arrays, present.rest, "state", path)
        run.state = present._replace(rest=rest).joined(run.task)
    run.chunk = description["chunk"]
    run.totals = {name: np.asarray(sums) for name, sums in nested(arrays, "pass").items()}
    run.history = history_of(description)
    run.history.stopped = description["stopped"]
    run.epoch = description["epoch"] - 1
    if run.members is not None:
        conforms(description, Members, "the description")
        run.active = np.asarray(description["active"])
        if run.active.shape != (run.members,):
            raise CheckpointError(f"it is of {run.active.size} members, this run of {run.members}")
        run.diverged = dict(description["diverged"])
    for place in file_places:
        _require_like(arrays, place, places[place], weights_of(run.task, run.snapshot.state))
        places[place].restore(nested(arrays, place))


def _require_like(
    arrays: Mapping[str, np.ndarray], place: str, callback: Any, weights: Any
) -> None:
    """Raise CheckpointError unless a callback's arrays are shaped as its own, or as the weights."""
    own_arrays = flatten(callback.saved(), place)
    weight_arrays = flatten(weights, place)
    for name, array in {**weight_arrays, **own_arrays}.items():
        values = arrays.get(name)
        if values is None and name not in own_arrays:
            continue  # early stopping has no best weights before there is a best epoch
        if values is None or values.shape != array.shape:
            have = "missing" if values is None else f"of shape {values.shape}"
            raise CheckpointError(f"{name} should have shape {array.shape}, and is {have}")


def _places(callbacks: list[Any]) -> Iterator[tuple[str, Any]]:
    """Where each callback's state lies: by its type, and its number among those of that type."""
    counts: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        counts[kind] += 1
        yield f"callbacks/{kind}-{counts[kind]}", callback
