"""What of a piece stands, bar for bar, in others: what a model has copied, and what all share."""

from __future__ import annotations

from typing import Any

import numpy as np

from descend.errors import DataError
from descend.music.pieces import (
    HIGHEST,
    LOWEST,
    REST,
    VOICES,
    as_piece,
    as_pieces,
    text_of_piece,
    tokeniser,
)
from descend.nn.checks import whole
from descend.text.copied import Copies

OCTAVE = 12


def copied_bars(piece: Any, training: Any, *, bar: int = 4, any_key: bool = True) -> np.ndarray:
    """Find the bars of a piece that stand, note for note, in one of the training pieces.

    Bars are counted from the piece's first step, and may begin at any step of a training piece.
    What share of them is too much is seen beside pieces that nobody copied: a composer's own new
    pieces repeat bars of his old ones, endings above all.

    Args:
        piece: array (steps, 4) of MIDI pitches, -1 for a rest.
        training: list of such pieces.
        bar: number of steps in a bar: 4 of quarters, 16 of sixteenths.
        any_key: whether a bar also counts that stands there in another key.

    Returns:
        Booleans (bars,); their mean is the share. A last bar that is not whole is left out.

    Raises:
        DataError: no piece, one that is shorter than a bar, no list of pieces.
        DescendError: a bar without a step.

    Source: descend's own; the longest runs are found as Manber and Myers 1993 do.

    Example:
        >>> from descend.music import copied_bars, piece_from, transposed
        >>> old = piece_from("C5 G4 E4 C3 B4 G4 D4 G3 C5 G4 E4 C3 C5 A4 F4 F3")
        >>> new = piece_from("C5 A4 F4 F3 C5 G4 E4 C3 C5 A4 F4 F3 B4 G4 D4 G3")
        >>> copied_bars(transposed(new, 2), [old], bar=2).tolist()
        [False, False]
        >>> copied_bars(transposed(old, 2), [old], bar=2).tolist()
        [True, True]
    """
    values = as_piece(piece)
    whole("bar", bar, 1)
    bars = len(values) // bar
    if not bars:
        raise DataError(f"the piece has {len(values)} steps, which are no bar of {bar}")
    words = tokeniser()
    # "end" behind each piece: no bar goes on from one piece into the next
    ids = [words.encode(text_of_piece(p)) for p in as_pieces(training, "the training pieces")]
    copies = Copies(np.concatenate(ids), bar * len(VOICES))
    copied = np.zeros(bars, bool)
    for shift in range(1 - OCTAVE, OCTAVE) if any_key else (0,):
        moved = np.where(values == REST, REST, values + shift)
        heard = moved[moved != REST]
        if len(heard) and (heard.min() < LOWEST or heard.max() > HIGHEST):
            continue
        lengths, _ = copies.runs(words.encode(text_of_piece(moved, end=False)))
        begins = np.arange(bars) * bar * len(VOICES)
        copied |= lengths[begins] >= bar * len(VOICES)
    return copied
