"""Standard MIDI files: a piece written as four tracks, and read back.

A file is a header and tracks; a track is events, each behind the ticks since the last one. A note
begins with 0x90 and ends with 0x80 (or 0x90 at velocity 0); numbers of ticks take seven bits a
byte, the high bit saying that another follows.

Source: "The Complete MIDI 1.0 Detailed Specification" (MIDI Manufacturers Association), part
"Standard MIDI Files 1.0".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descend.errors import DataError, DescendError
from descend.files import write_atomically
from descend.music.pieces import REST, VOICES, as_piece
from descend.nn.checks import number, whole

TICKS = 480  # of a quarter note, in what is written
VELOCITY = 80
CHURCH_ORGAN = 19  # of General MIDI's programs, counted from 0
LARGEST = 2**24  # bytes of a file that is read
LONGEST = 10**5  # steps of a piece that is read


class Note(NamedTuple):
    """A note of one voice: steps from `begin` to `end`, the last one not included."""

    pitch: int
    begin: int
    end: int


def notes_of(voice: np.ndarray) -> list[Note]:
    """The notes of a voice's pitches (steps,): equal pitches in a row are one note."""
    changes = np.flatnonzero(np.diff(voice)) + 1
    bounds = [0, *changes.tolist(), len(voice)]
    return [Note(int(voice[a]), a, b) for a, b in pairwise(bounds) if voice[a] != REST]


def seconds_of(tempo: float) -> float:
    """The seconds of a quarter note; raises DescendError for a tempo that no metronome has."""
    if not 4 <= number("tempo", tempo) <= 1000:  # slower ones do not go into MIDI's three bytes
        raise DescendError(f"tempo must be 4 to 1000 quarter notes a minute, got {tempo!r}")
    return 60 / tempo


def write_midi(path: str | Path, piece: Any, *, per_quarter: int = 1, tempo: float = 80.0) -> None:
    """Write a piece as a Standard MIDI File: a track a voice, played by a church organ.

    Equal pitches in a row are one long note.

    Args:
        path: file, conventionally `*.mid`; written to a temporary name and renamed.
        piece: array (steps, 4) of MIDI pitches, -1 for a rest.
        per_quarter: number of steps in a quarter note: 1, or 4 for sixteenths.
        tempo: quarter notes a minute.

    Raises:
        DataError: no piece.
        DescendError: a tempo or a number of steps that makes no sense; a file that cannot be
            written.

    Source: "Standard MIDI Files 1.0".

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from descend.music import read_midi, write_midi
        >>> path = Path(tempfile.mkdtemp()) / "two.mid"
        >>> write_midi(path, [[72, 67, 64, 48], [71, 67, -1, 55]])
        >>> read_midi(path).tolist()
        [[72, 67, 64, 48], [71, 67, -1, 55]]
    """
    values = as_piece(piece)
    whole("per_quarter", per_quarter, 1)
    beat = round(1e6 * seconds_of(tempo))
    step = TICKS // per_quarter
    if step * per_quarter != TICKS:
        raise DescendError(f"per_quarter must divide {TICKS}, got {per_quarter}")
    tracks = [_track([(0, b"\xff\x51\x03" + beat.to_bytes(3, "big"))], len(values) * step)]
    for channel, voice in enumerate(VOICES):
        name = voice.encode()
        events = [
            (0, b"\xff\x03" + bytes([len(name)]) + name),
            (0, bytes([0xC0 | channel, CHURCH_ORGAN])),
        ]
        for note in notes_of(values[:, channel]):
            events.append((note.begin * step, bytes([0x90 | channel, note.pitch, VELOCITY])))
            events.append((note.end * step, bytes([0x80 | channel, note.pitch, 0])))
        tracks.append(_track(events, len(values) * step))
    header = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS)
    write_atomically(path, header + b"".join(tracks))


def _track(events: list[tuple[int, bytes]], end: int) -> bytes:
    """A track of events in the order of their ticks, and its end."""
    content, now = b"", 0
    for at, event in [*events, (end, b"\xff\x2f\x00")]:
        content += _ticks(at - now) + event
        now = at
    return b"MTrk" + struct.pack(">I", len(content)) + content


def _ticks(value: int) -> bytes:
    """A number in seven bits a byte, the most significant first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))


def read_midi(path: str | Path, *, per_quarter: int = 1) -> np.ndarray:
    """Read a piece of up to four voices from a Standard MIDI File.

    A voice is a track, or a channel of one, in the order of the file: the first is the soprano's
    column. A step holds the note that sounds in its middle. Tempo and loudness are not read.

    Args:
        path: file.
        per_quarter: number of steps in a quarter note.

    Returns:
        The piece, an array (steps, 4) of MIDI pitches, -1 for a rest.

    Raises:
        DataError: no such file, or none in this format; more than four voices; two notes at once
            in a voice; a pitch that is no key of a piano.

    Source: "Standard MIDI Files 1.0".

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from descend.music import piece_from, read_midi, write_midi
        >>> path = Path(tempfile.mkdtemp()) / "two.mid"
        >>> write_midi(path, piece_from("C5 G4 E4 C3 hold G4 D4 B2"), per_quarter=4)
        >>> read_midi(path, per_quarter=4).tolist()
        [[72, 67, 64, 48], [72, 67, 62, 47]]
    """
    whole("per_quarter", per_quarter, 1)
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise DataError(f"{path} has more than {LARGEST:,} bytes; a MIDI file of a piece has less")
    try:
        voices, ticks, end = _voices(content, per_quarter)
    except (IndexError, struct.error):
        raise DataError(f"{path} is truncated: its last event does not end") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if len(voices) > len(VOICES):  # channels that are set up and never used
        voices = {key: notes for key, notes in voices.items() if notes}
    if not 1 <= len(voices) <= len(VOICES):
        raise DataError(
            f"{path} has notes in {len(voices)} voices (tracks and channels), and a piece has one "
            f"to {len(VOICES)}"
        )
    steps = round(end / ticks)
    if not 1 <= steps <= LONGEST:
        raise DataError(f"{path} has {steps:,} steps, and a piece has 1 to {LONGEST:,}")
    piece = np.full((steps, len(VOICES)), REST, np.int64)
    for column, key in enumerate(sorted(voices)):
        _enter(piece[:, column], voices[key], ticks, f"{path}: voice {column + 1}")
    return as_piece(piece, str(path))


def _enter(column: np.ndarray, notes: list[Note], ticks: float, where: str) -> None:
    """Write a voice's notes, in ticks, into its steps."""
    last = Note(0, 0, 0)
    for note in sorted(notes, key=lambda n: n.begin):
        if note.begin < last.end:
            raise DataError(
                f"{where} has two notes at once ({last.pitch} and {note.pitch}, in step "
                f"{note.begin / ticks:.0f}); a voice has one"
            )
        first, behind = np.ceil(np.array([note.begin, note.end]) / ticks - 0.5).astype(int)
        column[first:behind] = note.pitch
        last = note


Found = dict[tuple[int, int], list[Note]]


def _voices(content: bytes, per_quarter: int) -> tuple[Found, float, int]:
    """The notes by (track, channel), in ticks; the ticks of a step; and where the last track ends.

    Raises:
        DataError: another format.
        IndexError, struct.error: it is truncated.
    """
    if content[:4] != b"MThd":
        raise DataError("it is no Standard MIDI File (these begin with MThd)")
    length, kind, _, division = struct.unpack(">IHHH", content[4:14])
    if kind > 1 or division & 0x8000 or not division:
        raise DataError("only MIDI files of format 0 or 1 that count ticks a quarter are read")
    voices: Found = {}
    place, track, end = 8 + length, 0, 0
    while place < len(content):
        name, size = struct.unpack(">4sI", content[place : place + 8])
        place += 8
        if place + size > len(content):
            raise DataError("it is truncated: its last track does not end")
        if name == b"MTrk":
            end = max(end, _read_track(content[place : place + size], track, voices))
            track += 1
        place += size
    return voices, division / per_quarter, end


def _read_track(content: bytes, track: int, voices: Found) -> int:
    """Enter the notes of a track; returns the tick of its last event."""
    sounding: dict[tuple[int, int], int] = {}  # (channel, pitch) -> since when
    now = 0
    for now, status, data in _events(content):
        if status < 0xF0:
            channel = status & 0x0F
            voices.setdefault((track, channel), [])
        if status & 0xE0 != 0x80:
            continue
        pitch = data[0]
        begun = sounding.pop((channel, pitch), None)
        if begun is not None and now > begun:
            voices[track, channel].append(Note(pitch, begun, now))
        if status & 0xF0 == 0x90 and data[1]:
            sounding[channel, pitch] = now
    for (channel, pitch), begun in sounding.items():  # notes that nobody ended
        if now > begun:
            voices[track, channel].append(Note(pitch, begun, now))
    return now


def _events(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(tick, status, data) of a track's events; a status that stays the same may be left out."""
    place, now, status = 0, 0, 0

    def number_at(place: int) -> tuple[int, int]:
        value = 0
        while True:
            byte = content[place]
            value, place = value << 7 | byte & 0x7F, place + 1
            if not byte & 0x80:
                return value, place

    while place < len(content):
        ticks, place = number_at(place)
        now += ticks
        first = content[place]
        if first == 0xFF or first in (0xF0, 0xF7):
            place += 1 + (first == 0xFF)
            size, place = number_at(place)
            place += size
            yield now, first, b""
            continue
        if first & 0x80:
            status, place = first, place + 1
        if not 0x80 <= status < 0xF0:
            raise DataError(f"an event of the unknown kind 0x{status:02x}")
        size = 1 if status & 0xE0 == 0xC0 else 2
        if place + size > len(content):
            raise IndexError
        yield now, status, content[place : place + size]
        place += size
