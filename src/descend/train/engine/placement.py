"""Where arrays lie: devices, what is spread over them, copies to and from the host, processes.

The only file that asks JAX for devices.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P


def device_count() -> int:
    """How many devices there are; a CPU has one a core (`runtime.prepare`)."""
    return len(jax.devices())


def is_first() -> bool:
    """Whether this process is the one that writes files and prints."""
    return jax.process_index() == 0


def agreed(number: int) -> int:
    """The first process's number, in every process: what is read off a clock differs by process."""
    if jax.process_count() == 1:
        return number
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int32(number)))


def member_mesh(members: int | None) -> Mesh | None:
    """The devices that members are spread over: as many as divide them; None for one device."""
    return None if members is None else _mesh("members", members)


def row_mesh(heavy: bool, rows: int | None) -> Mesh | None:
    """The devices that the rows of a batch are spread over; None for one device.

    The compiler splits every operation of a step by rows and adds up what crosses them (gradients,
    batch statistics), so that the numbers are those of one device. Small products, as in a
    recurrence, do not occupy two cores by themselves.

    Args:
        heavy: whether the task is heavy (`Task.heavy`).
        rows: rows in a batch, None where batches have none.
    """
    return _mesh("rows", rows) if heavy and rows is not None else None


def _mesh(axis: str, count: int) -> Mesh | None:
    devices = jax.devices()
    usable = max(d for d in range(1, len(devices) + 1) if count % d == 0)
    if usable == 1:
        return None
    return Mesh(np.asarray(devices[:usable]), (axis,), axis_types=(AxisType.Auto,))


def filling(count: int) -> int:
    """The number of members that fills every device: what is more than `count` is never active."""
    return -(-count // device_count()) * device_count()


def everywhere(tree: Any, mesh: Mesh) -> Any:
    """A copy of every array on every device of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, P()))


def over_members(tree: Any, mesh: Mesh) -> Any:
    """Arrays (members, ...) cut along their first axis, a part on each device."""

    # as the program returns it: otherwise the second call would compile anew
    # (an empty array, which nothing is cut of, comes back whole)
    def cut(array: Any) -> NamedSharding:
        return NamedSharding(mesh, P("members") if array.size else P())

    return jax.device_put(tree, jax.tree.map(cut, tree))


def over_rows(tree: Any, mesh: Mesh | None) -> Any:
    """A batch cut by rows, if the devices divide them; while tracing."""
    if mesh is None or jax.tree.leaves(tree)[0].shape[0] % mesh.size:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, P("rows")))


def on_one(tree: Any) -> Any:
    """Every array on one device, the first of this process."""
    return jax.device_put(tree, jax.local_devices()[0])


def on_cpu(tree: Any) -> Any:
    """Every array on a device of the host, where it can be used while an accelerator is at work.

    Of several (`runtime.prepare`) it is the last, which a single run does not use.
    """
    try:
        device = jax.local_devices(backend="cpu")[-1]
    except RuntimeError:  # JAX_PLATFORMS names accelerators alone
        return on_one(tree)
    return jax.device_put(tree, device)


def gathered(tree: Any) -> Any:
    """Every array on one device where training held a copy, or a part, on each."""
    spread = any(len(leaf.sharding.device_set) > 1 for leaf in jax.tree.leaves(tree))
    return on_one(tree) if spread else tree


def to_host(array: Any) -> np.ndarray:
    """A NumPy array, also of one whose parts lie in other processes."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
    return np.asarray(array)
