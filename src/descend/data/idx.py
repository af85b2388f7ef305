"""The IDX format, in which MNIST and its relatives are kept."""

from __future__ import annotations

import math
import struct

import numpy as np

from descend.errors import DataError

# third byte of the file -> type of its numbers, big-endian
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse(content: bytes, where: str) -> np.ndarray:
    """The array in an IDX file: bytes 0 0 type axes, then each axis's size, then the numbers.

    Args:
        content: the whole file, not compressed.
        where: how messages call it.

    Returns:
        A new array in the machine's byte order.

    Raises:
        DataError: another format, an unknown type, too few or too many bytes.
    """
    if len(content) < 4:
        raise DataError(f"{where}: an IDX file has at least 4 bytes, this one {len(content)}")
    zero, kind, axes = struct.unpack(">HBB", content[:4])
    if zero != 0 or kind not in TYPES or axes == 0:
        hint = " It is compressed by gzip." if content[:2] == b"\x1f\x8b" else ""
        raise DataError(
            f"{where} is not an IDX file: it starts with {content[:4].hex(' ')}, expected 00 00, "
            f"a type ({', '.join(f'{k:02x}' for k in TYPES)}) and the number of axes.{hint}"
        )
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(
            f"{where} is truncated: its header needs {start} bytes, the file has {len(content)}"
        )
    shape = struct.unpack(f">{axes}I", content[4:start])
    dtype = np.dtype(TYPES[kind])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        what = "is truncated" if len(content) < expected else "has bytes after its end"
        raise DataError(
            f"{where} {what}: shape {shape} needs {expected} bytes, the file has {len(content)}"
        )
    numbers = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return numbers.astype(dtype.newbyteorder("="))
