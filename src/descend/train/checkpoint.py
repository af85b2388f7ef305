"""Models and checkpoints on disk: one safetensors file with a JSON description in its header.

Nothing in a file is executed when it is read: no pickle, no eval, no code. A digest over
description and arrays tells an edited file from a whole one.

    kind "model"        description and weights: `model.save`, `load_model`
    kind "checkpoint"   everything a run needs to go on: `ModelCheckpoint`, `fit(resume=path)`
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

import descend
from descend.errors import CheckpointError
from descend.files import write_atomically

FORMAT = 1


def flatten(tree: Any, prefix: str) -> dict[str, np.ndarray]:
    """The leaves of a pytree by their path: {"params/dense/kernel": array}."""
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if _is_key(leaf):
            leaf = jax.random.key_data(leaf)
        found[prefix + "/".join(["", *(_step(p) for p in path)])] = np.asarray(leaf)
    return found


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
        shape = jnp.shape(jax.random.key_data(leaf) if is_key else leaf)
        if name not in arrays or arrays[name].shape != shape:
            have = arrays[name].shape if name in arrays else "nothing"
            raise CheckpointError(
                f"{path} does not fit this model: {name} should have shape {shape}, the file holds "
                f"{have}. Was the model or its optimizer changed?"
            )
        array = jnp.asarray(arrays[name])
        leaves.append(jax.random.wrap_key_data(array) if is_key else array)
    return jax.tree.unflatten(structure, leaves)


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
    digest = hashlib.sha256(description.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def write(path: str | Path, kind: str, description: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write one file, atomically."""
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

    Raises:
        CheckpointError: no such file; not one of ours; truncated; edited; from a newer version.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
    header = _header(path, content)
    try:
        arrays = safetensors.load(content)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged or truncated ({error}). Take an earlier copy, or train again."
        ) from None
    version = header.get("format", "")
    if not version.isdigit() or int(version) > FORMAT:
        raise CheckpointError(
            f"{path} was written by descend {header.get('version')} in format {version}; this is "
            f"descend {descend.__version__}, which reads formats up to {FORMAT}. Upgrade descend."
        )
    if header.get("digest") != _digest(header["descend"], arrays):
        raise CheckpointError(
            f"{path} was edited or damaged after descend wrote it: its digest does not match"
        )
    return json.loads(header["descend"]), arrays


def _header(path: Path, content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file, read before its arrays: each fault has its name."""
    not_ours = CheckpointError(
        f"{path} is not a file that descend wrote. "
        "Expected one made by model.save or ModelCheckpoint."
    )
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > 100_000_000 or content[8:9] != b"{":
        raise not_ours
    if len(content) < 8 + length:
        raise CheckpointError(f"{path} is truncated: its header ends after {len(content)} bytes")
    try:
        header = json.loads(content[8 : 8 + length])
        metadata = header.get("__metadata__", {})
    except (ValueError, AttributeError):
        raise not_ours from None
    if not isinstance(metadata, dict) or "descend" not in metadata:
        raise not_ours
    return metadata


# -- checkpoints ------------------------------------------------------------------------------


def save_checkpoint(run: Any, path: str | Path) -> None:
    """Everything a run needs to go on: weights, layer state, optimiser, key, epoch, history."""
    arrays = flatten(run.state, "state")
    for place, callback in _places([c for c in run.callbacks if hasattr(c, "saved")]):
        arrays |= flatten(callback.saved(), place)
    description = {
        "epoch": run.epoch + 1,
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
    write(path, "checkpoint", description, arrays)


def load_checkpoint(path: str | Path, run: Any, identity: dict[str, Any]) -> None:
    """Put a checkpoint into a fresh run: its state, history and callbacks.

    Raises:
        CheckpointError: as `read`; or the checkpoint belongs to another model, data or seed.
    """
    description, arrays = read(path)
    if description["kind"] != "checkpoint":
        raise CheckpointError(
            f"{path} holds a model without optimiser and epoch; to resume, give a file that "
            "ModelCheckpoint wrote. To go on from these weights: load_model(path).fit(...)"
        )
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
    kept = {"/".join(n.split("/")[:2]) for n in arrays if n.startswith("callbacks/")}
    if kept - set(places):
        raise CheckpointError(
            f"{path} holds the state of callbacks that this call has not got: "
            f"{', '.join(sorted(kept - set(places)))}. Pass the same callbacks as before."
        )
    run.state = unflatten(arrays, run.snapshot.state, "state", path)
    run.history.history = description["history"]
    run.history.epoch = description["epochs"]
    run.history.logged = description.get("logged", {})
    run.history.stopped = description["stopped"]
    run.epoch = description["epoch"] - 1
    if run.members is not None:
        run.active = np.asarray(description["active"])
        run.diverged = dict(description["diverged"])
    for place in kept:
        places[place].restore(nested(arrays, place))


def _places(callbacks: list[Any]) -> Iterator[tuple[str, Any]]:
    """Where each callback's state lies: by its type, and its number among those of that type."""
    seen: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] += 1
        yield f"callbacks/{kind}-{seen[kind]}", callback
