"""A piece as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from descend.music.midi import notes_of
from descend.music.pieces import HIGHEST, LOWEST, VOICES, as_piece
from descend.nn.checks import whole
from descend.palette import BLUE, GREEN, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# the second cue, beside colour, is how thick a voice is drawn
LOOKS = ((VERMILION, 0.5), (PURPLE, 0.65), (GREEN, 0.8), (BLUE, 0.95))


def piano_roll(piece: Any, ax: Axes, *, per_quarter: int = 1) -> None:
    """Draw a piece: pitch over time, a bar a note, its colour and thickness the voice.

    Args:
        piece: array (steps, 4) of MIDI pitches, -1 for a rest.
        ax: axes to draw on.
        per_quarter: number of steps in a quarter note.

    Raises:
        DataError: no piece.

    Source: descend's own.

    Example:
        >>> from descend.lab import axes
        >>> from descend.music import piano_roll
        >>> figure, ax = axes()
        >>> piano_roll([[72, 67, 64, 48], [71, 67, 62, 55]], ax)
        >>> ax.get_xlabel()
        'quarter notes'
    """
    values = as_piece(piece)
    whole("per_quarter", per_quarter, 1)
    for voice, (colour, thick) in enumerate(LOOKS):
        notes = notes_of(values[:, voice])
        ax.barh(
            [note.pitch for note in notes],
            [(note.end - note.begin) / per_quarter for note in notes],
            left=[note.begin / per_quarter for note in notes],
            height=thick,
            color=colour,
            edgecolor="white",
            linewidth=0.4,
            label=VOICES[voice],
        )
    heard = values[values > 0]
    low, high = (heard.min(), heard.max()) if heard.size else (LOWEST, HIGHEST)
    cs = range(0, 128, 12)
    ax.set_yticks(list(cs), [f"C{pitch // 12 - 1}" for pitch in cs])
    ax.set(ylim=(low - 2, high + 2), xlim=(0, len(values) / per_quarter))
    ax.set(xlabel="quarter notes", ylabel="pitch")
    ax.legend(frameon=False, fontsize="small", ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
