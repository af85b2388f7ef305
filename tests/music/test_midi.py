"""MIDI files and sound: written, read back, and what is refused."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from descend.errors import DescendError
from descend.music import read_midi, write_midi, write_wav
from descend.music.sound import RATE, frequency, samples

PITCHES = st.one_of(st.just(-1), st.integers(21, 108), st.just(60))
PIECES = st.integers(1, 12).flatmap(lambda n: arrays(np.int64, (n, 4), elements=PITCHES))


@settings(max_examples=60)
@given(PIECES, st.sampled_from([1, 3, 4, 12]))
def test_a_piece_comes_back_from_its_file(tmp_path_factory, piece, per_quarter):
    path = tmp_path_factory.mktemp("midi") / "piece.mid"
    write_midi(path, piece, per_quarter=per_quarter)
    assert np.array_equal(read_midi(path, per_quarter=per_quarter), piece)


def test_the_bytes_are_those_of_the_standard(tmp_path):
    """One note by hand: header, tempo, name, program, 480 ticks of C5, end."""
    path = tmp_path / "one.mid"
    write_midi(path, [[72, -1, -1, -1]], tempo=120)
    content = path.read_bytes()
    assert content[:14] == bytes.fromhex("4d546864 00000006 0001 0005 01e0")
    # 500,000 microseconds a quarter; the track ends 480 ticks later
    assert bytes.fromhex("4d54726b 0000000c 00 ff5103 07a120 8360 ff2f00") in content
    assert bytes.fromhex("00 904850 8360 804800 00 ff2f00") in content


def foreign(events: bytes, kind: int = 0, division: int = 96) -> bytes:
    """A file of another program: one track."""
    track = b"MTrk" + struct.pack(">I", len(events)) + events
    return b"MThd" + struct.pack(">IHHH", 6, kind, 1, division) + track


def test_running_status_and_velocity_zero_are_read(tmp_path):
    """Format 0, two channels, no status where it stays, notes ended by velocity 0."""
    path = tmp_path / "foreign.mid"
    events = bytes.fromhex("00 ff0106 426163682e2e")  # words
    events += bytes.fromhex("00 904840  00 913040  60 3000  00 904800  00 4740  60 4700  00 ff2f00")
    path.write_bytes(foreign(events))
    assert read_midi(path).tolist() == [[72, 48, -1, -1], [71, -1, -1, -1]]


NOTE = bytes.fromhex("00 904840 60 804800 00 ff2f00")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no Standard MIDI File"),
        (b"RIFF....", "no Standard MIDI File"),
        (b"MThd\x00", "truncated"),
        (foreign(NOTE)[:-3], "truncated"),
        (foreign(NOTE[:-9]), "truncated"),
        (foreign(NOTE[:-8]), "0 steps"),
        (foreign(NOTE, kind=2), "format 0 or 1"),
        (foreign(NOTE, division=0xE728), "format 0 or 1"),
        (foreign(NOTE, division=0), "format 0 or 1"),
        (foreign(b"\x00\xff\x2f\x00"), "0 voices"),
        (foreign(b"\x00\x48\x40"), "unknown kind"),
        (foreign(bytes.fromhex("00 904840 00 904c40 60 804800 00 804c00")), "two notes at once"),
        (foreign(bytes.fromhex("00 900040 60 800000")), "no key of a piano"),
        (foreign(b"".join(bytes([0, 0x90 | c, 72, 64, 96, 0x80 | c, 72, 0]) for c in range(5))),
         "5 voices"),
        (foreign(bytes.fromhex("00 904840 ffffffff7f 804800")), "steps"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_clear_error(tmp_path, content, words):
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(DescendError) as caught:
        read_midi(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_any_bytes_are_a_piece_or_one_error(tmp_path_factory, tail):
    path = tmp_path_factory.mktemp("any") / "any.mid"
    path.write_bytes(foreign(tail))
    try:
        said = str(read_midi(path).shape)
    except DescendError as error:
        said = str(error)
    assert str(path) in said or said.endswith(", 4)")


def test_the_sound_has_the_pitch_and_the_length(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, [[69, -1, -1, -1]] * 2, tempo=60)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15
    assert len(sound) / RATE == pytest.approx(2.06, abs=0.01)
    assert np.abs(sound).max() == pytest.approx(0.8, abs=0.01)
    power = np.abs(np.fft.rfft(sound[:RATE]))
    assert power.argmax() == 440  # a second: one hertz a bin
    assert frequency(60) == pytest.approx(261.6256, abs=1e-3)
    # a held note is one tone: no pause where the steps meet
    middle = sound[round(0.98 * RATE) : round(1.02 * RATE)]
    assert np.abs(middle).max() > 0.5
    assert not samples(np.full((2, 4), -1), 0.5).any()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"tempo": 0}, "4 to 1000"),
        ({"tempo": float("nan")}, "finite"),
        ({"tempo": "slow"}, "finite"),
        ({"per_quarter": 0}, "per_quarter"),
    ],
)
@pytest.mark.parametrize("write", [write_midi, write_wav])
def test_bad_settings_write_nothing(tmp_path, write, how, words):
    path = tmp_path / "x"
    with pytest.raises(DescendError, match=words):
        write(path, [[72, 67, 64, 48]], **how)
    assert not path.exists()


def test_what_is_no_piece_or_no_folder_is_said(tmp_path):
    with pytest.raises(DescendError, match="per_quarter must divide 480"):
        write_midi(tmp_path / "x.mid", [[72, 67, 64, 48]], per_quarter=7)
    with pytest.raises(DescendError, match="an hour"):
        write_wav(tmp_path / "x.wav", np.full((10_000, 4), 60), tempo=60)
    with pytest.raises(DescendError, match="no folder"):
        write_midi(tmp_path / "no" / "x.mid", [[72, 67, 64, 48]])
    with pytest.raises(DescendError, match="cannot be read"):
        read_midi(tmp_path / "none.mid")
