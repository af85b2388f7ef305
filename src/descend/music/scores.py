"""How well a piece is told: its negative log-likelihood a step, in the meanings of the papers.

A step's likelihood has several meanings, which differ by much more than the models do:

joint        of the notes that sound together, given all steps before: sum over the voices of
             -log p(note | steps before, voices above), what is reported here
independent  of 88 keys, each a coin of its own: a model of these cannot say that a chord's notes
             come together, and pays for it at every step

Voices one after another give a text to each chord; since a chord could also be the end of other
texts, the likelihood of its text is at most that of the chord, and the nats reported are an upper
bound on those of the piano roll.

Papers also differ in whether the first step is asked for, which has nothing before it, and whether
the mean is over all steps or over pieces of each piece's mean. `MusicScore` has all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError
from descend.music.pieces import HIGHEST, LOWEST, VOICES, as_pieces
from descend.nn.graph import full_precision
from descend.text.learning import LOGITS
from descend.text.task import logits_of
from descend.train.model import Model

ROUND = 64  # tokens to which the length of what is read is rounded up


@dataclass(frozen=True)
class MusicScore:
    """How well pieces were told, each from its own start, in nats (-log p) a step of four voices.

    Args:
        nats_a_step: mean over all steps of all pieces, the first ones too.
        without_first: the same, where the first step of a piece is given.
        by_piece: mean over pieces of each piece's mean.
        end_of_piece: nats that telling the end of a piece takes, on average; not in the others.
        steps: number of steps.
        each: nats a step of every piece.
        counted: what counting (n-grams of the same tokens) has for `nats_a_step`, or None.
        order: n.

    Raises:
        Nothing of its own.

    Source: Boulanger-Lewandowski et al. 2012; Bai, Kolter and Koltun 2018, who give the first step.

    Example:
        >>> from descend.music import MusicScore
        >>> print(MusicScore(5.0, 4.9, 5.1, 0.5, steps=60, each=(4.8, 5.4)))
        5 nats a step of four voices (4.9 with the first step given, 5.1 as the mean of 2 pieces)
    """

    nats_a_step: float
    without_first: float
    by_piece: float
    end_of_piece: float
    steps: int
    each: tuple[float, ...]
    counted: float | None = None
    order: int | None = None

    def __str__(self) -> str:
        words = (
            f"{self.nats_a_step:.4g} nats a step of four voices ({self.without_first:.4g} with the "
            f"first step given, {self.by_piece:.4g} as the mean of {len(self.each)} pieces)"
        )
        if self.counted is not None:
            words += f"; counting ({self.order}-grams) {self.counted:.4g}"
        return words


def score_of(nats: Sequence[np.ndarray], counted: float | None, order: int | None) -> MusicScore:
    """The score of pieces from the nats of each one's tokens: its notes, and its end.

    Raises:
        DataError: no piece has a second step.
    """
    steps = [n[:-1].reshape(-1, len(VOICES)).sum(axis=1) for n in nats]
    later = np.concatenate([s[1:] for s in steps])
    if not len(later):
        raise DataError("pieces of one step each cannot be scored: nothing comes next in them")
    every = np.concatenate(steps)
    each = tuple(float(s.mean()) for s in steps)
    return MusicScore(
        nats_a_step=float(every.mean()),
        without_first=float(later.mean()),
        by_piece=float(np.mean(each)),
        end_of_piece=float(np.mean([n[-1] for n in nats])),
        steps=len(every),
        each=each,
        counted=counted,
        order=order,
    )


def token_nats(model: Model, texts: Sequence[np.ndarray], context: int) -> list[np.ndarray]:
    """-log p of every token but the first of each text, given the tokens before it in that text.

    A network of a fixed context has read at least half of it before a token, or all there is.

    Args:
        model: network that tells the next token.
        texts: arrays (tokens,) of token numbers.
        context: tokens that a network of a fixed context reads.
    """
    longest = max(len(ids) for ids in texts) - 1
    fixed = model.input_shapes[0][0] is not None
    length = context if fixed else -(-longest // ROUND) * ROUND
    before = context // 2 if fixed else 0
    places = [
        (text, start)
        for text, ids in enumerate(texts)
        for start in range(0, max(len(ids) - 1 - before, 1), length - before)
    ]
    rows = int(np.clip(LOGITS // (length * (model.output_shapes[0][-1] or 1)), 1, len(places)))
    found = [np.zeros(len(ids) - 1) for ids in texts]
    params, layers = model.current_weights()
    logits = logits_of(model)

    @jax.jit
    def nats(params: Any, layers: Any, tokens: Any) -> jax.Array:
        z, _ = model.apply(params, layers, tokens[:, :-1], logits=logits)
        told = jax.nn.log_softmax(full_precision(z))
        return -jnp.take_along_axis(told, tokens[:, 1:, None], axis=-1)[..., 0]

    for at in range(0, len(places), rows):
        some = places[at : at + rows]
        tokens = np.zeros((rows, length + 1), np.int32)
        for row, (text, start) in zip(tokens, some, strict=False):
            piece = texts[text][start : start + length + 1]
            row[: len(piece)] = piece
        values = np.asarray(nats(params, layers, tokens), np.float64)
        for row, (text, start) in zip(values, some, strict=False):
            first = before if start else 0
            into = found[text][start + first : start + length]
            into[:] = row[first : first + len(into)]
    return found


def roll(piece: np.ndarray) -> np.ndarray:
    """The piano roll (steps, 88) of a piece: whether each key sounds, the lowest key first."""
    keys = np.arange(LOWEST, HIGHEST + 1)
    return (piece[:, :, None] == keys).any(axis=1)


def key_nats(training: Any, pieces: Any, *, first_step: bool = True) -> float:
    """Nats a step of 88 independent keys without memory: what each key's frequency tells.

    The weakest model in the papers' meaning of independent keys: each key sounds with the share of
    steps at which it does in the training pieces, whatever came before.

    Args:
        training: list of pieces, arrays (steps, 4) of MIDI pitches, to count.
        pieces: list of pieces to tell.
        first_step: whether the first step of a piece is asked for too.

    Returns:
        The mean over steps of -log p summed over the keys.

    Raises:
        DataError: no list of pieces; of one step each, where the first is not asked for.

    Source: Boulanger-Lewandowski et al. 2012, for the meaning; (c + 1/2) / (n + 1) as the share.

    Example:
        >>> from descend.music import key_nats, piece_from
        >>> always = [piece_from("C5 G4 E4 C3 " * 50)]
        >>> key_nats(always, always) < 1 < key_nats(always, [piece_from("C5 G4 F4 D3")])
        True
    """
    counted = np.concatenate([roll(p) for p in as_pieces(training, "the training pieces")])
    asked = np.concatenate([roll(p)[0 if first_step else 1 :] for p in as_pieces(pieces)])
    if not len(asked):
        raise DataError("pieces of one step each have no step behind the first to be told")
    share = (counted.sum(axis=0) + 0.5) / (len(counted) + 1)
    told = np.where(asked, np.log(share), np.log1p(-share))
    return float(-told.sum(axis=1).mean())
