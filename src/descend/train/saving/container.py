"""Reading one of our files within bounds: the sizes that it states are checked before use.

    8 bytes       length of the header
    the header    JSON: {"__metadata__": {"descend": description, ...},
                         name: {"dtype", "shape", "data_offsets"}, ...}
    the arrays    one behind the other, without gaps

That is a safetensors file, which its own library reads. It is read here because the library takes
the whole file before it looks at the header, and looks at nothing that the header says of itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import jax.numpy as jnp
import numpy as np

from descend.errors import CheckpointError

LONGEST = 64 * 2**20  # bytes of a header
MOST = 4_000_000  # values in it
DEEPEST = 64  # containers one inside another
DIGITS = 20  # of a whole number
BLOCK = 2**20  # bytes that are read at once
DTYPES: dict[str, np.dtype] = {
    **{"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2")},
    **{f"I{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    **{"BOOL": np.dtype(bool), "BF16": np.dtype(jnp.bfloat16)},
}


class Stored(NamedTuple):
    """Where an array lies in the file: [start, stop) in bytes."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


def open_file(path: Path) -> BinaryIO:
    """The file, opened; raises CheckpointError where there is none, or none that ends."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode) and not path.is_dir():
            raise CheckpointError(f"{path} is no file but a device or a pipe; give a saved file")
        return open(path, "rb")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be read: {reason}") from None


def read_header(path: Path, file: BinaryIO) -> tuple[dict[str, str], dict[str, Stored]]:
    """The metadata and where each array lies; raises CheckpointError, each fault by its name."""
    size = os.fstat(file.fileno()).st_size
    not_ours = CheckpointError(
        f"{path} is not a file that descend wrote. "
        "Expected one made by model.save or ModelCheckpoint."
    )
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    if len(start) < 9 or length > LONGEST or start[8:] != b"{":
        raise not_ours
    if size < 8 + length:
        raise CheckpointError(f"{path} is truncated: its header ends after {size} bytes")
    header = None
    text = start[8:] + file.read(length - 1)
    with suppress(ValueError):
        header = parsed(path, text)
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(header, dict) or not isinstance(metadata, dict) or "descend" not in metadata:
        raise not_ours
    if not all(isinstance(value, str) for value in metadata.values()):
        raise not_ours
    return metadata, _stored(path, header, 8 + length, size)


def parsed(path: Path, text: str | bytes) -> Any:
    """JSON within bounds; raises ValueError where it is none, CheckpointError where it is too much.

    Counting the signs first keeps a header that is nothing but brackets from filling the memory.
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if sum(raw.count(sign) for sign in (b",", b"[", b"{")) > MOST:
        raise CheckpointError(f"{path}: its description has more than {MOST:,} values")
    deep = CheckpointError(f"{path}: its description is nested deeper than {DEEPEST} levels")
    try:
        content = json.loads(text, parse_int=lambda digits: _whole(path, digits))
    except RecursionError:
        raise deep from None
    level = [content] if isinstance(content, (dict, list)) else []
    for _ in range(DEEPEST):
        parts = (one.values() if isinstance(one, dict) else one for one in level)
        level = [part for some in parts for part in some if isinstance(part, (dict, list))]
        if not level:
            return content
    raise deep


def _whole(path: Path, digits: str) -> int:
    if len(digits) > DIGITS:
        raise CheckpointError(f"{path}: its description has a whole number of {len(digits)} digits")
    return int(digits)


def _stored(path: Path, header: Mapping[str, Any], begin: int, size: int) -> dict[str, Stored]:
    """What the header says of the arrays, if they fill the rest of the file exactly."""
    entries = {}
    for name, entry in header.items():
        try:
            dtype = DTYPES[entry["dtype"]]
            shape = tuple(entry["shape"])
            start, stop = entry["data_offsets"]
            whole = all(type(n) is int and n >= 0 for n in (*shape, start, stop))
            if not whole or stop - start != math.prod(shape) * dtype.itemsize:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"{path} is damaged: what it says of {name!r} is wrong") from None
        entries[name] = Stored(dtype, shape, begin + start, begin + stop)
    end = begin
    for name, one in sorted(entries.items(), key=lambda item: item[1][2:]):
        if one.start != end:
            raise CheckpointError(f"{path} is damaged: {name!r} does not lie where it should")
        end = one.stop
    if end != size:
        few = "truncated" if size < end else "damaged"
        raise CheckpointError(
            f"{path} is {few}: its arrays end at byte {end:,}, the file at byte {size:,}. Take an "
            "earlier copy, or train again."
        )
    memory = _memory()
    if memory is not None and size > memory:
        raise CheckpointError(f"{path} has {size:,} bytes, more than this machine has memory")
    return entries


def _memory() -> int | None:
    """Bytes of memory of this machine, where it says."""
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def begin_digest(description: str) -> Any:
    """The digest of a file, before its arrays."""
    return hashlib.sha256(description.encode("utf-8", "surrogatepass"))


def name_in_digest(name: str, dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """What stands before an array in the digest; a single number counts as of shape (1,)."""
    return f"{name}{dtype}{shape or (1,)}".encode("utf-8", "surrogatepass")


def digest_of(file: BinaryIO, description: str, stored: Mapping[str, Stored]) -> str:
    """The digest of an open file, block by block."""
    digest = begin_digest(description)
    for name in sorted(stored):
        one = stored[name]
        digest.update(name_in_digest(name, one.dtype, one.shape))
        file.seek(one.start)
        remaining = one.stop - one.start
        while remaining > 0 and (block := file.read(min(remaining, BLOCK))):
            digest.update(block)
            remaining -= len(block)
    return digest.hexdigest()


def load_arrays(file: BinaryIO, stored: Mapping[str, Stored]) -> dict[str, np.ndarray]:
    """Every array of an open file."""
    arrays = {}
    for name, one in stored.items():
        file.seek(one.start)
        arrays[name] = np.frombuffer(file.read(one.stop - one.start), one.dtype).reshape(one.shape)
    return arrays
