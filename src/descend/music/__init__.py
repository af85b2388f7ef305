"""Music: pieces of four voices as tokens, a language model over them, MIDI and WAV.

Names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Chorales": "sets",
    "MusicModel": "model",
    "MusicScore": "scores",
    "chorales": "sets",
    "copied_bars": "copies",
    "key_nats": "scores",
    "piano_roll": "plots",
    "piece_from": "pieces",
    "read_midi": "midi",
    "text_of_piece": "pieces",
    "transposed": "pieces",
    "write_midi": "midi",
    "write_wav": "sound",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from descend.music.copies import copied_bars as copied_bars
    from descend.music.midi import read_midi as read_midi
    from descend.music.midi import write_midi as write_midi
    from descend.music.model import MusicModel as MusicModel
    from descend.music.pieces import piece_from as piece_from
    from descend.music.pieces import text_of_piece as text_of_piece
    from descend.music.pieces import transposed as transposed
    from descend.music.plots import piano_roll as piano_roll
    from descend.music.scores import MusicScore as MusicScore
    from descend.music.scores import key_nats as key_nats
    from descend.music.sets import Chorales as Chorales
    from descend.music.sets import chorales as chorales
    from descend.music.sound import write_wav as write_wav

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
