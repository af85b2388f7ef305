"""Texts from files: read whole, or in pieces where they do not fit into memory."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from descend.errors import DataError

LARGE = 2**24  # bytes; a larger file is read in pieces
BLOCK = 2**22  # bytes read at a time
IN_PIECES = ("utf-8", "ascii", "iso8859-1", "cp1252")  # where a character's first byte is known


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """The text of a file.

    Raises:
        DataError: no such file, no text, or one in another encoding.
    """
    return "".join(blocks(path, encoding))


def size_of(path: str | Path) -> int:
    """The bytes of a file; raises DataError."""
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def boundary(path: str | Path, at: int, encoding: str) -> int:
    """The first byte of a character from `at` on.

    Raises:
        DataError: the file cannot be read; an encoding whose bytes do not tell.
    """
    name = _codec(encoding).name
    if name not in IN_PIECES:
        raise DataError(
            f"{path}: a text in {encoding} is not read in pieces; write it as UTF-8 first"
        )
    try:
        with open(path, "rb") as file:
            file.seek(at)
            ahead = file.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if name == "utf-8":
        for i, byte in enumerate(ahead):
            if byte & 0xC0 != 0x80:
                return at + i
    return at


def blocks(
    path: str | Path, encoding: str = "utf-8", begin: int = 0, end: int | None = None
) -> Iterator[str]:
    """The text of a file between two bytes, block by block.

    Raises:
        DataError: no such file, no text, or one in another encoding.
    """
    decoder = _codec(encoding).incrementaldecoder("strict")
    done = begin
    try:
        with open(path, "rb") as file:
            file.seek(begin)
            while True:
                most = BLOCK if end is None else min(BLOCK, end - done)
                block = file.read(most) if most > 0 else b""
                text = decoder.decode(block, final=not block)
                if done == 0 and text.startswith("\ufeff"):
                    text = text[1:]  # the mark that editors put before UTF-8
                if "\0" in text:
                    raise DataError(
                        f"{path} holds bytes of 0 and is no text in {encoding}; give the encoding "
                        "that it is written in, such as encoding='utf-16'"
                    )
                if text:
                    yield text
                if not block:
                    return
                done += len(block)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        wrong = error.object[error.start : error.start + 1].hex()
        raise DataError(
            f"{path} is not written in {encoding}: byte 0x{wrong} at about place "
            f"{done + error.start:,}. Give the encoding it is in, such as encoding='latin-1'"
        ) from None
    except UnicodeError as error:
        raise DataError(
            f"{path} is not written in {encoding}: {error}. Give the encoding it is in, such as "
            "encoding='utf-8'"
        ) from None


def _codec(encoding: str) -> codecs.CodecInfo:
    try:
        b"a".decode(encoding)  # raises for a codec that is not one of texts, such as base64
    except UnicodeError:
        pass
    except (LookupError, TypeError, ValueError):
        raise DataError(f"there is no encoding {encoding!r}; utf-8 is the usual one") from None
    return codecs.lookup(encoding)
