"""A piece as sound: four organ voices, each a sum of sines, in a WAV file."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np

from descend.errors import DataError
from descend.files import write_atomically
from descend.music.midi import notes_of, seconds_of
from descend.music.pieces import VOICES, as_piece
from descend.nn.checks import whole

RATE = 22_050  # samples a second
# loudness of the pipes that sound at 1, 2, 3, 4, 6 and 8 times a note's frequency
PIPES = {1: 1.0, 2: 0.5, 3: 0.25, 4: 0.2, 6: 0.1, 8: 0.05}
ATTACK, RELEASE = 0.02, 0.06  # seconds in which a note comes and goes, so that nothing clicks
PEAK = 0.8  # of the largest sample there is
LONGEST = 3600.0  # seconds


def frequency(pitch: int) -> float:
    """The hertz of a MIDI pitch in equal temperament: 440 for 69."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def samples(piece: np.ndarray, seconds: float, rate: int = RATE) -> np.ndarray:
    """The sound of a piece, `seconds` a step: samples in [-PEAK, PEAK], all zero where all rest."""
    total = round(len(piece) * seconds * rate)
    sound = np.zeros(total + round(RELEASE * rate))
    for voice in range(len(VOICES)):
        for note in notes_of(piece[:, voice]):
            begin, end = round(note.begin * seconds * rate), round(note.end * seconds * rate)
            length = end - begin + round(RELEASE * rate)  # it dies away behind its end
            t = np.arange(length) / rate
            base = frequency(note.pitch)
            tone = sum(
                loud * np.sin(2 * np.pi * base * times * t)
                for times, loud in PIPES.items()
                if base * times < rate / 2
            )
            shape = np.minimum(1.0, t / ATTACK) * np.clip((length / rate - t) / RELEASE, 0, 1)
            sound[begin : begin + length] += tone * shape
    loudest = np.abs(sound).max()
    return sound * (PEAK / loudest) if loudest > 0 else sound


def write_wav(
    path: str | Path,
    piece: Any,
    *,
    per_quarter: int = 1,
    tempo: float = 80.0,
    rate: int = RATE,
) -> None:
    """Write a piece as sound, played by four organ voices: a WAV file, mono, 16 bits.

    Equal pitches in a row are one long note.

    Args:
        path: file, conventionally `*.wav`; written to a temporary name and renamed.
        piece: array (steps, 4) of MIDI pitches, -1 for a rest.
        per_quarter: number of steps in a quarter note: 1, or 4 for sixteenths.
        tempo: quarter notes a minute.
        rate: number of samples a second.

    Raises:
        DataError: no piece, or one of more than an hour.
        DescendError: a number that makes no sense; a file that cannot be written.

    Source: descend's own; equal temperament at 440 Hz.

    Example:
        >>> import tempfile, wave
        >>> from pathlib import Path
        >>> from descend.music import write_wav
        >>> path = Path(tempfile.mkdtemp()) / "chord.wav"
        >>> write_wav(path, [[72, 67, 64, 48]], tempo=60)
        >>> with wave.open(str(path)) as file:
        ...     round(file.getnframes() / file.getframerate(), 1)
        1.1
    """
    values = as_piece(piece)
    whole("per_quarter", per_quarter, 1)
    whole("rate", rate, 8000)
    seconds = seconds_of(tempo) / per_quarter
    if len(values) * seconds > LONGEST:
        raise DataError(
            f"the piece is {len(values) * seconds:,.0f} s long; sound is written of an hour at "
            "most: cut the piece, or raise the tempo"
        )
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        pulses = np.round(samples(values, seconds, rate) * (2**15 - 1)).astype("<i2")
        file.writeframes(pulses.tobytes())
    write_atomically(path, content.getvalue())
