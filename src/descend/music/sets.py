"""Bach's chorales in the published split, from the public data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from descend.data.fetch import File, Source
from descend.errors import DataError, unknown
from descend.music.pieces import as_piece, from_notes

_ADDRESS = "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/master"
QUARTERS = Source(
    "chorales",
    "Bach's chorales in quarter notes",
    (
        File(
            "jsb-chorales-quarter.json",
            407_200,
            "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
        ),
    ),
    (_ADDRESS,),
    ending="",
)
SIXTEENTHS = Source(
    "chorales_16th",
    "Bach's chorales in sixteenths",
    (
        File(
            "Jsb16thSeparated.json",
            1_666_444,
            "79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7",
        ),
    ),
    (_ADDRESS,),
    ending="",
)
STEPS = {"quarter": QUARTERS, "sixteenth": SIXTEENTHS}
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Chorales:
    """Chorales in three parts; each a list of pieces, arrays (steps, 4) of MIDI pitches.

    Args:
        train: pieces to learn from.
        validation: pieces to choose by.
        test: pieces to judge by, once.
        per_quarter: steps of a quarter note: 1 or 4.

    Raises:
        Nothing of its own.

    Source: Boulanger-Lewandowski et al. 2012, whose split it is.

    Example:
        >>> from descend.music import Chorales, piece_from
        >>> Chorales([piece_from("C5 G4 E4 C3")], [], [])
        Chorales: 1 to learn from, 0 to choose by, 0 to judge by
    """

    train: list[np.ndarray]
    validation: list[np.ndarray] = field(default_factory=list)
    test: list[np.ndarray] = field(default_factory=list)
    per_quarter: int = 1

    def __repr__(self) -> str:
        return (
            f"Chorales: {len(self.train)} to learn from, {len(self.validation)} to choose by, "
            f"{len(self.test)} to judge by"
        )


def chorales(steps: str = "quarter", *, download: bool = True) -> Chorales:
    """Bach's chorales in four voices, in the published split: 229, 76 and 77 pieces.

    In quarters the set is that of the published likelihoods: the notes that sound at every beat,
    all pieces in C major or minor, without their voices (the highest is taken as the soprano's, the
    lowest as the bass's). In sixteenths the voices are Bach's, in his keys. Whether a note that is
    repeated was struck again is in neither.

    Args:
        steps: "quarter" or "sixteenth".
        download: whether they may be fetched, where they are not in the cache.

    Returns:
        The Chorales.

    Raises:
        DescendError: another step.
        DataError: they are not in the cache and cannot be fetched.

    Source: Boulanger-Lewandowski, Bengio and Vincent 2012 (the split); Huang et al. 2017,
    "Counterpoint by Convolution" (the files). The music is in the public domain.

    Example:
        >>> from descend.music import chorales
        >>> from descend.music.sets import QUARTERS
        >>> if QUARTERS.cached():
        ...     assert len(chorales("quarter").test) == 77
    """
    if steps not in STEPS:
        raise unknown("step of the chorales", steps, STEPS)
    source = STEPS[steps]
    content = source.read(download=download)[source.files[0].name]
    try:
        parts = json.loads(content)
        make = from_notes if steps == "quarter" else as_piece
        train, validation, test = ([make(piece) for piece in parts[part]] for part in PARTS)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{source.title}: the file is not as expected ({error})") from None
    return Chorales(train, validation, test, _per_quarter(steps))


def _per_quarter(steps: Any) -> int:
    return 1 if steps == "quarter" else 4
