"""Public data files: kept in the user's cache, fetched once, checked by SHA-256."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from descend.errors import DataError, DescendError
from descend.files import write_atomically

TIMEOUT = 30  # seconds without a byte
CHUNK = 2**16
ROOM = 2**16  # what gzip may add to numbers it cannot compress
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class File:
    """One file of a data set, by what it holds when not compressed.

    Attributes:
        name: without ".gz".
        size: bytes.
        sha256: digest of these bytes, so that all mirrors, compressed or not, must agree.
    """

    name: str
    size: int
    sha256: str

    def checked(self, content: bytes, where: str) -> bytes:
        """The bytes that were meant, unpacked if they are compressed; DataError if others."""
        if content[:2] == GZIP:
            content = self._unpacked(content, where)
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            raise DataError(
                f"{where} is not the file that was expected: SHA-256 {digest[:12]}... "
                f"({len(content)} bytes) in the place of {self.sha256[:12]}... ({self.size} bytes)"
            )
        return content

    def _unpacked(self, content: bytes, where: str) -> bytes:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            # no more than is expected: a small file can unpack to fill the memory
            result = unpacker.decompress(content, self.size + 1)
        except zlib.error as error:
            raise DataError(f"{where} is damaged ({error})") from None
        if len(result) <= self.size and not unpacker.eof:
            raise DataError(f"{where} is truncated: its compressed part does not end")
        return result


@dataclass(frozen=True)
class Source:
    """Files that belong together and where they are to be had.

    Attributes:
        key: name of the folder in the cache, and of the set for tools/fill_cache.py.
        title: how messages call it.
        files: all of them are needed.
        mirrors: addresses of folders that hold "<name>.gz", tried in order.
        ending: what the mirrors add to a name; "" where files are not compressed.
    """

    key: str
    title: str
    files: tuple[File, ...]
    mirrors: tuple[str, ...]
    ending: str = ".gz"

    @property
    def folder(self) -> Path:
        """Where the files lie: a folder in the user's cache, or in DESCEND_DATA."""
        return data_folder() / self.key

    def cached(self) -> bool:
        """Whether all files lie in the folder."""
        return all(self._path(file) for file in self.files)

    def read(self, *, download: bool = True) -> dict[str, bytes]:
        """The content of each file by name; what is not in the folder is fetched and kept there.

        Raises:
            DataError: a file that is another one, or that is not there and cannot be fetched.
        """
        return {file.name: self._content(file, download) for file in self.files}

    def keep(self, file: File, content: bytes, where: str) -> Path:
        """Check a file (compressed or not) and put it into the folder; returns its path.

        Raises:
            DataError: it is another file.
            DescendError: the folder cannot be written.
        """
        content = file.checked(content, where)
        path = self.folder / file.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DescendError(f"cannot make the folder {path.parent}: {error.strerror}") from None
        write_atomically(path, content)
        return path

    def _path(self, file: File) -> Path | None:
        paths = (self.folder / file.name, self.folder / f"{file.name}.gz")
        return next((path for path in paths if path.is_file()), None)

    def _content(self, file: File, download: bool) -> bytes:
        path = self._path(file)
        if path is None:
            return self._fetched(file, self.mirrors if download else ())
        try:
            return file.checked(path.read_bytes(), str(path))
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
        except DataError as error:
            raise DataError(f"{error}. Delete it, and it is fetched anew.") from None

    def _fetched(self, file: File, mirrors: tuple[str, ...]) -> bytes:
        tried = []
        for mirror in mirrors:
            address = f"{mirror.rstrip('/')}/{file.name}{self.ending}"
            try:
                content = file.checked(_download(address, file.size + ROOM, self.title), address)
            except (OSError, http.client.HTTPException, ValueError) as error:
                tried.append(f"{address}: {_reason(error)}")
            except DataError as error:
                tried.append(str(error))
            else:
                self._keep_if_possible(file, content)
                return content
        raise DataError(self._how_to_get(file, tried))

    def _keep_if_possible(self, file: File, content: bytes) -> None:
        try:
            self.keep(file, content, file.name)
        except DescendError as error:
            warnings.warn(
                f"{self.title} was fetched but cannot be kept, so it is fetched again next time: "
                f"{error}. DESCEND_DATA=FOLDER names another folder.",
                stacklevel=2,
            )

    def _how_to_get(self, file: File, tried: list[str]) -> str:
        names = ", ".join(f.name for f in self.files)
        attempts = "".join(f"\n  tried {attempt}" for attempt in tried)
        return (
            f"{self.title}: {file.name} is not in {self.folder}"
            f"{' and could not be fetched' if tried else ''}.{attempts}\n"
            f"Either put the files ({names}; as they are or .gz) into {self.folder} by hand, or, "
            "where only package registries can be reached, run in a checkout of descend: "
            f"python tools/fill_cache.py {self.key}"
        )


def data_folder() -> Path:
    """DESCEND_DATA, or "data" in the user's cache folder of descend."""
    chosen = os.environ.get("DESCEND_DATA", "")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("descend")) / "data"


def _download(address: str, most: int, title: str) -> bytes:
    """The bytes at an address; DataError if they end early or are more than `most`."""
    request = urllib.request.Request(address, headers={"User-Agent": "descend"})
    content = bytearray()
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        announced = int(answer.headers.get("Content-Length") or 0)
        with _progress(f"{title}: {address.rsplit('/', 1)[-1]}", announced) as show:
            while chunk := answer.read(CHUNK):
                content += chunk
                show(len(chunk))
                if len(content) > most:
                    raise DataError(f"{address}: more than the {most} bytes that are expected")
    if len(content) < announced:
        raise DataError(f"{address}: broke off after {len(content)} of {announced} bytes")
    return bytes(content)


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal; nothing where the errors' stream is none."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda count: bar.advance(task, count)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__
