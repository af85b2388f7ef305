"""Writing files so that a kill or a full disk never leaves half of one."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from descend.errors import DescendError


def writable(path: str | Path, inputs: Iterable[str | Path | None] = ()) -> Path:
    """The path, after making sure that a file can be written there; raises DescendError.

    Args:
        path: of the file to write.
        inputs: files that are read and must not be written over; None and what is no file are
            passed by.
    """
    path = Path(path)
    for source in inputs:
        read = source is not None and path.is_file() and Path(source).is_file()
        if read and path.samefile(str(source)):
            raise DescendError(f"cannot write {path}: it is also read from; give another name")
    if path.is_dir():
        raise DescendError(f"cannot write {path}: it is a folder; give a file name")
    folder = path.parent
    if not folder.is_dir():
        raise DescendError(f"cannot write {path}: there is no folder {folder}; create it first")
    try:
        handle, probe = tempfile.mkstemp(dir=folder, prefix=".descend-")
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise DescendError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write to a temporary file beside `path`, then rename it; raises DescendError."""
    path = writable(path)
    temporary = path.parent / f".descend-{os.getpid()}-{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DescendError(f"cannot write {path}: {error.strerror or error}") from None
        raise
