"""Writing files so that a kill or a full disk never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from descend.errors import DescendError

try:
    import fcntl
except ImportError:  # Windows: there an open file cannot be removed, which serves as well
    fcntl = None  # type: ignore[assignment]

LONGEST = 100  # bytes of a file's name that its temporary's holds


def writable(
    path: str | Path, inputs: Iterable[str | Path | None] = (), *, regular: bool = False
) -> Path:
    """The path, after making sure that a file can be written there; raises DescendError.

    Args:
        path: the file to write.
        inputs: files that are read and must not be written over; None and what is no file are
            passed by.
        regular: whether a device or a pipe is refused (but for the null device), as for a model,
            which is read again.
    """
    path = Path(path)
    if str(path) == "-":
        raise DescendError(
            "cannot write to standard output ('-'): give a file name; for a file of that name, "
            "its full path"
        )
    for source in inputs:
        read = source is not None and path.is_file() and Path(source).is_file()
        if read and path.samefile(str(source)):
            raise DescendError(f"cannot write {path}: it is also read from; give another name")
    if path.is_dir():
        raise DescendError(f"cannot write {path}: it is a folder; give a file name")
    if _special(path):
        if regular and str(path) != os.devnull:
            raise DescendError(f"cannot write {path}: it is a device or a pipe; give a file name")
        return path
    target = _target(path)
    folder = target.parent
    if not folder.is_dir():
        raise DescendError(f"cannot write {path}: there is no folder {folder}; create it first")
    # the mode and not only the right: root may write to a file that is there to be kept
    if target.exists() and not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
        raise DescendError(f"cannot write {path}: it is read-only; give another name")
    try:
        with _temporary(target):
            pass
    except OSError as error:
        raise DescendError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write to a temporary file beside `path`, then rename it; raises DescendError.

    What a symbolic link points to is written, the link stays; a file keeps its mode; a device or a
    pipe is written to directly. Temporary files of killed processes are removed.
    """
    path = writable(path)
    try:
        if _special(path):
            path.write_bytes(content)
            return
        target = _target(path)
        with _temporary(target) as (name, file):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if target.exists():
                os.chmod(name, stat.S_IMODE(target.stat().st_mode))
            if fcntl is None:
                file.close()
            os.replace(name, target)
    except OSError as error:
        raise DescendError(f"cannot write {path}: {error.strerror or error}") from None


def _special(path: Path) -> bool:
    """Whether something is there that is no file and no folder: a device, a pipe, a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _target(path: Path) -> Path:
    """Where a symbolic link leads."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """(its name, a new file beside the target), locked while it is written; gone afterwards.

    The lock tells others that it is not left over: it ends with the process, whatever ends that.
    """
    start = os.fsdecode(b".descend-" + os.fsencode(target.name)[:LONGEST] + b".")
    _sweep(target.parent, start)
    while True:
        name = target.parent / f"{start}{uuid.uuid4().hex}.tmp"
        # nobody else may read it before it has the mode of the file whose place it takes
        mode = 0o600 if target.exists() else 0o666
        file = os.fdopen(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "wb")
        if (
            _lock(file) is not False and name.exists()
        ):  # else a sweep came between making and locking
            break
        file.close()
    try:
        with file:
            yield name, file
    finally:
        name.unlink(missing_ok=True)


def _sweep(folder: Path, start: str) -> None:
    """Remove the temporary files for one target that no living process writes."""
    with contextlib.suppress(OSError):
        for one in os.scandir(folder):
            if one.name.startswith(start) and one.name.endswith(".tmp"):
                with contextlib.suppress(OSError), open(one.path, "rb") as file:
                    if _lock(file):
                        os.unlink(one.path)


def _lock(file: BinaryIO) -> bool | None:
    """Whether the file is ours now until it is closed; None where the file system has no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
