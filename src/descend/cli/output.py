"""Standard output and standard error while a command runs.

What cannot be printed costs the printing alone: after a write that fails (the reader has gone, the
device is full, the stream is closed) what is printed is dropped. The command goes on and saves its
files; the exit status says that something was lost.

Control characters in text are made visible. What rich writes goes past that, as its colours and
bars are such characters: its text is made visible by `report.terminal`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from descend.visible import visible

LOST = 1  # the exit status where standard output could not be written
READER_GONE = 141  # 128 + SIGPIPE: as a shell says of a tool whose reader has left


class _Raw(io.RawIOBase):
    """Bytes to a stream until a write fails, from then on to nowhere; None is a closed stream."""

    def __init__(self, raw: Any):
        self._raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw is not None and self._raw.isatty()

    def fileno(self) -> int:
        if self._raw is None:
            raise io.UnsupportedOperation("fileno")
        return self._raw.fileno()

    def write(self, data: Any) -> int | None:
        if self.error is None:
            try:
                if self._raw is None:
                    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                return self._raw.write(data)
            except OSError as error:
                self.error = error
        return len(data)


class _Text(io.TextIOWrapper):
    """Text with its control characters made visible."""

    def write(self, text: str) -> int:
        super().write(visible(text))
        return len(text)

    @property
    def rich_proxied_file(self) -> _Coloured:
        """Where rich writes to: what it writes holds the sequences that make colours and bars."""
        return _Coloured(self)


class _Coloured:
    """The same stream, as it stands."""

    def __init__(self, text: _Text):
        self._text = text

    def write(self, text: str) -> int:
        return io.TextIOWrapper.write(self._text, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)


@contextlib.contextmanager
def standard() -> Iterator[Callable[[], OSError | None]]:
    """Put such streams in the place of the process's while a command runs.

    Yields:
        A function that says why something printed was lost, so far; None if nothing was.
    """
    before = sys.stdout, sys.stderr
    if None in before:
        _occupy()
    pairs = [_wrapped(stream) for stream in before]
    sys.stdout, sys.stderr = (text for text, _ in pairs)

    def lost() -> OSError | None:
        text, raw = pairs[0]
        text.flush()
        return None if raw is None else raw.error

    try:
        yield lost
    finally:
        sys.stdout, sys.stderr = before
        for text, raw in pairs:
            if raw is not None:
                text.flush()
                text.detach().detach()


def exit_status(status: int, lost: OSError | None) -> int:
    """The exit status of a command that ended with `status` and could not print."""
    if lost is None or status:
        return status
    return READER_GONE if lost.errno == errno.EPIPE else LOST


def echo_data(text: str) -> None:
    """Print data: to a file or a pipe as they are, to a terminal with control characters shown."""
    click.echo(text if sys.stdout.isatty() else text.encode(), nl=False)


def _wrapped(stream: Any) -> tuple[Any, _Raw | None]:
    """(a stream for text, what it ends in); one without bytes below it stays as it is."""
    raw, encoding = _Raw(None), "utf-8"
    if stream is not None:
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            return stream, None
        stream.flush()
        raw, encoding = _Raw(getattr(buffer, "raw", buffer)), stream.encoding
    text = _Text(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",  # a name that the terminal cannot show is no error
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=True,  # one buffer for what rich writes and for what we do
    )
    return text, raw


def _occupy() -> None:
    """Let the numbers of closed standard streams lead nowhere, else the next file gets one."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(number)
