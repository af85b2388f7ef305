"""How a language model is trained: its feeds, its rate, its end."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from descend.errors import DescendError
from descend.text.corpus import Corpus
from descend.text.feeds import Pieces, Placed, Streams, Whole, Windows
from descend.text.networks import endless
from descend.text.task import NextToken
from descend.text.training import Budget, Shown
from descend.train.callbacks import EarlyStopping, ModelCheckpoint
from descend.train.engine import placement
from descend.train.engine.feeds import Feed
from descend.train.engine.run import Run
from descend.train.engine.training import train
from descend.train.model import Model

PARTS = 10  # of a pass, behind each of which the validation is made
STEPS = 50  # of such a part at most
JUDGED = 16_384  # tokens of the last part that are judged so
LOGITS = 2**24  # numbers that a network puts out at a time where it is judged
FOREVER = 10**6  # epochs, where only the time ends the training


class Settings(NamedTuple):
    """How a training goes; see `LanguageModel.fit`."""

    passes: float
    minutes: float | None
    batch_size: int
    learning_rate: float
    rule: Any
    patience: int
    aim: float | None
    seed: int
    piece: int | None


def train_on(
    model: Model,
    text: Corpus,
    context: int,
    settings: Settings,
    *,
    unit: str,
    grams: tuple[int, float] | None,
    checkpoint: str | Path | None,
    resume: str | Path | None,
    callbacks: Sequence[Any],
    verbose: int,
) -> tuple[Run, float]:
    """Train a network on a text; it then has the best weights.

    Returns:
        (the run, the seconds it took).
    """
    on = endless(model)
    rows = settings.batch_size

    def make(ids: np.ndarray, steps: int | None, seed: int) -> Placed:
        return (Streams if on else Windows)(ids, rows, context, steps, seed)

    task = NextToken(model, settings.rule, rows if on else None)
    if "learning_rate" not in task.hyper():
        raise DescendError("the update rule of a language model has one learning_rate")
    feed: Feed
    if text.pieces is None:
        a_pass = make(text.ids, None, settings.seed).steps
        assert a_pass is not None
        steps = min(-(-a_pass // PARTS), STEPS)
        feed, part = make(text.ids, steps, settings.seed), steps / a_pass
    else:
        feed = Pieces(text.pieces, settings.piece or 2**22, make, settings.seed)
        steps, part = None, 1.0
    epochs = math.ceil(settings.passes / part - 1e-9)
    epochs = FOREVER if settings.minutes is not None else max(epochs, 1)
    budget = Budget(settings.learning_rate, epochs, settings.minutes, settings.aim)
    extra: list[Any] = [budget]
    validation = None
    if len(text.judged) > 1:
        validation = judging(model, text.judged, context, most=JUDGED)
        extra.append(EarlyStopping("val_loss", patience=settings.patience))
    extra += callbacks
    if verbose:
        tokens = None if steps is None else steps * rows * context
        extra.append(Shown(budget, part, tokens, unit, grams))
    if checkpoint is not None:
        extra.append(ModelCheckpoint(checkpoint, save_freq="chunk"))
    params, layers = model.current_weights()
    state: Any = task.start(params, layers, jax.random.key(settings.seed), task.hyper())
    run = train(
        task,
        feed,
        epochs,
        state=state,
        callbacks=extra,
        validation=validation,
        identity=_identity(model, text, context, settings),
        resume=resume,
    )
    ended = placement.gathered((run.state.params, run.state.layers))
    model.take_weights(*ended)
    return run, budget.seconds


def judging(model: Model, ids: np.ndarray, context: int, most: int | None = None) -> Whole:
    """The feed that judges every token of a text, or of rows spread over it, once."""
    if endless(model):
        before = min(4 * context, 512)
        length = before + max(4 * context, 512)
    else:
        length, before = context, context // 2
    tokens = model.output_shapes[0][-1] or 1
    rows = int(np.clip(LOGITS // (length * tokens), 2, 64))
    return Whole(ids, rows - rows % 2, length, before, most)


def _identity(model: Model, text: Corpus, context: int, settings: Settings) -> dict[str, Any]:
    """What tells this run from another in a checkpoint."""
    return {
        "network": zlib.crc32(repr(model.config()).encode()),
        "text": zlib.crc32(np.ascontiguousarray(text.ids).tobytes()),
        "tokens": zlib.crc32("\0".join(text.tokeniser.tokens).encode("utf-8", "surrogatepass")),
        "context": context,
        "settings": {
            name: repr(getattr(settings, name))
            for name in ("batch_size", "learning_rate", "rule", "seed", "piece")
        },
    }
