"""The cache of compiled programs: a help that must never hurt.

JAX writes an entry a program and reads it in the next process, without a lock and without its own
bound (whose lock waits ten seconds for every program if another process stands still with it). What
that leaves open is done here, at the start and at the end of a process:

    start   an entry that is not as the index says is removed: half-written, swapped, of a process
            that was killed before it could enter it
    end     new entries that are whole are entered into the index; beyond the bound, those that were
            not used for longest are removed
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import jax

from descend.errors import DescendError
from descend.files import write_atomically

CACHE_BYTES = 512 * 2**20
ROOM = 64 * 2**20  # bytes that must be free for a cache to be worth while
PATIENCE = 0.5  # seconds that another process's end is waited for
ENTRY, INDEX = "-cache", "descend-index.json"
TIME = "-atime"  # written beside an entry where JAX keeps the bound, as it once did for us
JAX_WARNS = "Error (reading|writing) persistent compilation cache entry"


def use_cache(choice: str) -> None:
    """Let JAX keep compiled programs in a folder; without one, programs are compiled anew.

    Args:
        choice: the folder; "" for the user's own, "off" for none.
    """
    if choice.lower() == "off":
        return
    try:
        folder = _folder(choice)
        _check(folder)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        warnings.warn(
            f"no cache of compiled programs ({reason}): every run compiles its own. "
            "DESCEND_CACHE=FOLDER moves it, DESCEND_CACHE=off goes without",
            stacklevel=2,
        )
        return
    # an entry that cannot be read or written is compiled: nobody has to know
    warnings.filterwarnings("ignore", message=JAX_WARNS)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    atexit.register(_close, folder)


def _folder(choice: str) -> Path:
    """The folder, made if need be; raises OSError or RuntimeError where there can be none."""
    if choice:
        folder = Path(choice).expanduser()
    else:
        import platformdirs

        folder = Path(platformdirs.user_cache_dir("descend")) / "compiled"
        if not folder.is_absolute():  # "~/.cache" stays as it is where nobody lives
            raise RuntimeError("there is no home directory")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise RuntimeError(f"{folder} cannot be written")
    if not choice and hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise RuntimeError(f"{folder} belongs to somebody else, and what lies there is run")
    if shutil.disk_usage(folder).free < ROOM:
        raise RuntimeError(f"the disk of {folder} is full")
    return folder


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for one in entries:
            with contextlib.suppress(OSError):  # another process may have removed it
                if one.name.endswith((ENTRY, TIME)):
                    yield one.name, one.stat()


def _mark(stat: os.stat_result) -> list[int]:
    """What changes when an entry is written again or another takes its place."""
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _index(folder: Path) -> dict[str, list[int]]:
    try:
        marks = json.loads((folder / INDEX).read_text())
    except (OSError, ValueError):
        return {}
    return marks if isinstance(marks, dict) else {}


def _check(folder: Path) -> None:
    """Remove the entries that are not as the index says."""
    known = _index(folder)
    for name, stat in _files(folder):
        if known.get(name) != _mark(stat):
            _remove(folder / name)


def _close(folder: Path) -> None:
    """Enter what is new and whole; keep the bound."""
    from filelock import FileLock, Timeout

    with (
        contextlib.suppress(OSError, Timeout, DescendError),
        FileLock(folder / f"{INDEX}.lock", timeout=PATIENCE),
    ):
        known, entries = _index(folder), {}
        latest_first = sorted(_files(folder), key=lambda e: -max(e[1].st_atime, e[1].st_mtime))
        total = 0
        for name, stat in latest_first:
            total += stat.st_size
            if total > CACHE_BYTES:
                _remove(folder / name)
            elif known.get(name) == _mark(stat) or _whole(folder / name):
                entries[name] = _mark(stat)
        if entries != known:
            write_atomically(folder / INDEX, json.dumps(entries).encode())


def _whole(path: Path) -> bool:
    """Whether an entry ends as its compression says; True where that is not known."""
    content = path.read_bytes()
    if content[:1] != b"\x78":  # zlib's first byte; Zstandard checks its own length when read
        return bool(content)
    stream = zlib.decompressobj()
    try:
        stream.decompress(content)
    except zlib.error:
        return False
    return stream.eof


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
