"""How the bytes of a text file are to be read: found by looking at all of them."""

from __future__ import annotations

import codecs
import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from descend.data.bounds import require_sane_size
from descend.errors import DataError

CHUNK = 2**20
MARKS = (  # the longer ones first: UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")  # bytes that Windows-1252 has no character for


@dataclass(frozen=True)
class Encoding:
    """A codec's name as Python knows it, and how it was found, for the reader of a report."""

    name: str
    note: str


def binary(path: Path) -> BinaryIO:
    """A file open for reading bytes, unpacked if its name ends in .gz."""
    if path.name.lower().endswith(".gz"):
        return cast(BinaryIO, io.BufferedReader(_Unpacked(path), CHUNK))
    return path.open("rb")


class _Unpacked(io.RawIOBase):
    """The bytes of a gzip file, no more of them than a table is packed into."""

    def __init__(self, path: Path):
        super().__init__()
        self._path, self._packed = path, path.stat().st_size
        self._file = gzip.open(path, "rb")  # noqa: SIM115 - closed by `close`
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._file.readinto(buffer)
        self._count += size
        require_sane_size(str(self._path), self._packed, self._count)
        return int(size)

    def close(self) -> None:
        self._file.close()
        super().close()


def characters(path: Path, encoding: str) -> TextIO:
    """A file open for reading text, its line ends as they are."""
    return io.TextIOWrapper(binary(path), encoding=encoding, newline="")


def find_encoding(path: Path, encoding: str | None = None) -> Encoding:
    """The encoding of a text file.

    A byte-order mark decides; else all bytes are looked at: UTF-8 if they are valid UTF-8, UTF-16
    if every other one is zero, else Windows-1252 (Latin-1 where a byte has no meaning there).

    Args:
        encoding: the user's own choice; it is checked on all bytes.

    Raises:
        DataError: no such encoding, bytes that do not fit it, no text at all.
    """
    with binary(path) as file:
        head = file.read(CHUNK)
    mark = next((name for mark, name in MARKS if head.startswith(mark)), None)
    if encoding is not None:
        return _as_given(path, encoding, head, mark)
    if mark is not None:
        _require_valid(path, mark)
        return Encoding(mark, f"{mark.removesuffix('-sig').upper()} by its byte-order mark")
    if b"\0" in head:
        name = _without_mark(path, head)
        _require_valid(path, name)
        return Encoding(name, f"{name.upper()} as it seems")
    return _judged(path)


def _as_given(path: Path, name: str, head: bytes, mark: str | None) -> Encoding:
    try:
        codec = codecs.lookup(name).name
        "a".encode(codec)  # base64 and the like are codecs, but not of text
    except LookupError:
        raise DataError(
            f"{path}: there is no encoding {name!r}; well-known ones are utf-8, cp1252, latin-1, "
            "utf-16 and mac-roman"
        ) from None
    if codec.startswith(("utf-16", "utf-32")) and b"\0" not in head:
        raise DataError(
            f"{path} is not {codec.upper()}: such a file holds zero bytes, and this one has none. "
            "Leave the encoding out to have it found."
        )
    if codec == "utf-8" and mark == "utf-8-sig":
        codec = "utf-8-sig"
    _require_valid(path, codec)
    note = f"{codec.removesuffix('-sig').upper()} as given"
    if not codec.startswith("utf") and not head.isascii() and _is_utf8(head):
        note += " (its bytes are valid UTF-8)"
    return Encoding(codec, note)


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _require_valid(path: Path, encoding: str) -> None:
    """Decode the whole file; DataError with the line of the first byte that has no meaning."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with binary(path) as file:
        try:
            while chunk := file.read(CHUNK):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(encoding, "ignore").count("\n")
            wrong = " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.end][:4])
            raise DataError(
                f"{path}, line {line}: {wrong} is not {encoding.removesuffix('-sig').upper()}. "
                "Leave the encoding out to have it found, or give another, such as cp1252."
            ) from None


def _without_mark(path: Path, head: bytes) -> str:
    """Which UTF-16 it is, by where the zero bytes are; DataError if it is no text."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > 0.3 * len(head) / 2 and even < 0.05 * odd:
        return "utf-16-le"
    if even > 0.3 * len(head) / 2 and odd < 0.05 * even:
        return "utf-16-be"
    line = head[: head.index(0)].count(b"\n") + 1
    raise DataError(f"{path} is not a text file (line {line} holds a zero byte)")


def _judged(path: Path) -> Encoding:
    """UTF-8, or Windows-1252 where it is not, from all bytes of a file without a mark."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    line, first, valid, invalid, unknown, ascii_only = 1, 0, 0, 0, False, True
    with binary(path) as file:
        while chunk := file.read(CHUNK):
            if b"\0" in chunk:
                raise DataError(f"{path} is not a text file (it holds zero bytes)")
            if chunk.isascii() and not decoder.getstate()[0]:
                line += chunk.count(b"\n")
                continue
            ascii_only = False
            unknown = unknown or not NOT_CP1252.isdisjoint(chunk)
            text = decoder.decode(chunk)
            wrong = [i for i, c in enumerate(text) if "\udc80" <= c <= "\udcff"]
            if wrong and not first:
                first = line + text.count("\n", 0, wrong[0])
            invalid += len(wrong)
            valid += sum(not c.isascii() for c in text) - len(wrong)
            line += text.count("\n")
    if decoder.decode(b"", final=True):  # it ends inside a character
        invalid, first = invalid + 1, first or line
    if not invalid:
        return Encoding("utf-8", "ASCII" if ascii_only else "UTF-8")
    if valid > 2 * invalid:
        raise DataError(
            f"{path}, line {first}: a byte that is not UTF-8, in a file that is UTF-8 elsewhere "
            f"({valid:,} characters are, {invalid:,} bytes are not); it is damaged or of two "
            "sources. Give an encoding, such as cp1252, to read it all the same."
        )
    name = "latin-1" if unknown else "cp1252"
    return Encoding(name, f"not UTF-8 (line {first}), read as {name}")
