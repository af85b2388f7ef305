"""How a translator is trained: its feed, its rate, its end."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from descend.errors import DescendError
from descend.text.training import Budget, Shown
from descend.text.translation.buckets import Pairs
from descend.text.translation.pairs import Ids
from descend.text.translation.task import NextOfTranslation
from descend.train.callbacks import EarlyStopping, ModelCheckpoint
from descend.train.engine import placement
from descend.train.engine.run import Run
from descend.train.engine.training import train
from descend.train.model import Model
from descend.train.rules import Adam

PARTS = 4  # of a pass, behind each of which the validation is made
FOREVER = 10**6  # epochs, where only the time ends the training
RULE = Adam(beta_2=0.98, global_clipnorm=1.0)  # Vaswani et al. 2017, 5.3


class Settings(NamedTuple):
    """How a training goes; see `Translator.fit`."""

    passes: float
    minutes: float | None
    batch_tokens: int
    buckets: int
    learning_rate: float
    rule: Any
    smoothing: float
    patience: int
    seed: int


def train_on(
    model: Model,
    end: int,
    pairs: tuple[Ids, Ids],
    judged: tuple[Ids, Ids] | None,
    settings: Settings,
    *,
    unit: str,
    checkpoint: str | Path | None,
    resume: str | Path | None,
    callbacks: Sequence[Any],
    verbose: int,
) -> tuple[Run, float]:
    """Train a network on pairs; it then has the best weights.

    Returns:
        (the run, the seconds it took).
    """
    task = NextOfTranslation(model, settings.rule, settings.smoothing)
    if "learning_rate" not in task.hyper():
        raise DescendError("the update rule of a translator has one learning_rate")
    feed = Pairs(
        *pairs,
        end,
        settings.batch_tokens,
        buckets=settings.buckets,
        parts=PARTS,
        seed=settings.seed,
        widths=widths(model),
    )
    epochs = max(math.ceil(settings.passes * feed.parts - 1e-9), 1)
    epochs = FOREVER if settings.minutes is not None else epochs
    budget = Budget(settings.learning_rate, epochs, settings.minutes, None)
    extra: list[Any] = [budget]
    validation = None
    if judged is not None:
        validation = judging(model, end, judged, settings.batch_tokens)
        extra.append(EarlyStopping("val_loss", patience=settings.patience))
    extra += callbacks
    if verbose:
        extra.append(Shown(budget, 1 / feed.parts, feed.tokens // feed.parts, unit, None))
    if checkpoint is not None:
        extra.append(ModelCheckpoint(checkpoint))
    params, layers = model.current_weights()
    run = train(
        task,
        feed,
        epochs,
        state=task.start(params, layers, jax.random.key(settings.seed), task.hyper()),
        callbacks=extra,
        validation=validation,
        identity=_identity(model, pairs, settings),
        resume=resume,
    )
    model.take_weights(*placement.gathered((run.state.params, run.state.layers)))
    return run, budget.seconds


def judging(
    model: Model, end: int, pairs: tuple[Ids, Ids], tokens: int, given: Ids | None = None
) -> Pairs:
    """The feed that judges every pair once."""
    return Pairs(*pairs, end, tokens, buckets=2, seed=None, widths=widths(model), given=given)


def widths(model: Model) -> tuple[int | None, int | None]:
    """The lengths of source and translation that a network is made for; None: any."""
    (source,), (given,) = model.input_shapes
    return source, given


def _identity(model: Model, pairs: tuple[Ids, Ids], settings: Settings) -> dict[str, Any]:
    """What tells this run from another in a checkpoint."""
    return {
        "network": zlib.crc32(repr(model.config()).encode()),
        "pairs": [zlib.crc32(np.concatenate(side).tobytes()) for side in pairs],
        "settings": [repr(value) for value in settings],
    }
