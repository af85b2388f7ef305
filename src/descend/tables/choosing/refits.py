"""How much a network would differ with another sample and another seed: it is trained anew, often.

Each refit starts from its own seed and is trained on rows drawn with replacement from the training
rows, and chooses its epoch on validation rows drawn likewise (whole groups, where the split keeps
groups together). All refits are members of one program. What varies over them is the error of an
estimate that the network gives; the encoding of the columns stays as the first network learned it.

Source: Efron and Tibshirani (1993), the bootstrap of an estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.errors import DescendError
from descend.tables.calibrated import temperature_of
from descend.tables.encoder import Encoded
from descend.tables.heads import Classes
from descend.tables.network import batch_size, compile_for, network
from descend.tables.prepare import Prepared
from descend.train.callbacks import EarlyStopping
from descend.train.many.members import Ensemble
from descend.train.many.sweeping import cross_validate
from descend.train.model.model import Model

if TYPE_CHECKING:
    import pandas as pd

    from descend.tables.judging.calibration import Temperature


@dataclass(frozen=True, eq=False)
class Refits:
    """Networks that were trained anew.

    Attributes:
        prepared: the table that they were trained on.
        networks: those that did not diverge.
        temperatures: temperature of each refit; None where it has none.
    """

    prepared: Prepared
    networks: Ensemble
    temperatures: tuple[Temperature | None, ...]

    def __len__(self) -> int:
        return len(self.temperatures)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Predictions of each for rows of raw columns, (refits, n, ...), as of the first network.

        Raises:
            DataError: columns that are not there, or cannot be read as in training.
        """
        if self.prepared.design is not None:
            frame = self.prepared.design.apply(frame, targets=False)
        return self.predict_encoded(self.prepared.encoder.transform(frame, "the table")[0])

    def predict_encoded(self, x: Encoded) -> np.ndarray:
        """Predict encoded rows, as `predict` does raw ones."""
        predictions = _predictions(self.prepared, self.networks, x)
        return np.stack(
            [
                p if temperature is None else temperature.apply(p)
                for p, temperature in zip(predictions, self.temperatures, strict=True)
            ]
        )


def refit(
    prepared: Prepared,
    count: int,
    *,
    tempered: bool = True,
    seed: int = 0,
    model: Model | None = None,
    show: Callable[[str], None] = lambda words: None,
) -> Refits:
    """Train the network of a table anew, `count` times as one program.

    Args:
        prepared: what `prepare_table` or `reopen` gave; its options say what is trained, its test
            rows are not looked at.
        count: number of refits, at least 2; an error from few is itself uncertain, by about 1 /
            sqrt(2 (count - 1)) of its size (a fifth for 13, a tenth for 50).
        tempered: whether probabilities are put to a temperature, as the first network's are.
        seed: seed of the draws, and of the first refit; none has the first network's own.
        model: compiled network in place of the recipe's, so that its program serves again.
        show: function that is called with a line on what comes next.

    Raises:
        DescendError: fewer than two refits, asked for or left after divergence.
        KeyboardInterrupt: before the end.

    Example:
        >>> anew = refit(fitted.prepared, 20)  # doctest: +SKIP
        >>> effects = average_marginal_effects(
        ...     fitted.predictor.values, frame, predict_refits=anew.predict
        ... )  # doctest: +SKIP
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise DescendError(f"refits must be a whole number >= 2, got {count!r}")
    head, options, split = prepared.target.head, prepared.options, prepared.split
    show(f"training {count} networks anew")
    rng = np.random.default_rng(seed)
    rows = np.concatenate([split.train, split.validation])
    folds = [
        (_drawn(prepared, split.train, rng), _drawn(prepared, split.validation, rng))
        for _ in range(count)
    ]
    place = np.full(len(prepared.y), -1)
    place[rows] = np.arange(len(rows))
    if model is None:
        model = network(prepared.encoder, head, options)
        compile_for(model, head, options, len(split.train))
    part = prepared.part(rows)
    many = cross_validate(
        model,
        part.x.inputs(),
        part.y,
        [(place[train], place[validation]) for train, validation in folds],
        batch_size=batch_size(len(split.train), options),
        epochs=options.chosen("epochs"),
        callbacks=[EarlyStopping("val_loss", patience=options.waits)],
        sample_weight=part.weight,
        seed=[options.seed + 1 + seed + i for i in range(count)],
    )
    if (many[0].history.stopped or "").startswith("interrupted"):
        raise KeyboardInterrupt
    good = [i for i, member in enumerate(many) if member.diverged_in is None]
    if len(good) < 2:
        raise DescendError(f"{count - len(good)} of {count} refits diverged: lower the rate")
    networks = Ensemble([many[i] for i in good], 1)
    temperatures: list[Temperature | None] = [None] * len(good)
    if tempered and isinstance(head, Classes):
        p = _predictions(prepared, networks, prepared.x.rows(split.validation))
        at = np.full(len(prepared.y), -1)
        at[split.validation] = np.arange(len(split.validation))
        for j, i in enumerate(good):
            validation_rows = folds[i][1]
            temperatures[j] = temperature_of(
                prepared.y[validation_rows],
                p[j][at[validation_rows]],
                prepared.weights(validation_rows),
            )
    return Refits(prepared, networks, tuple(temperatures))


def _drawn(prepared: Prepared, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many rows, or groups of rows, drawn with replacement."""
    if prepared.groups is None:
        return rng.choice(rows, len(rows))
    labels = prepared.groups.iloc[rows]
    groups = [
        rows[places] for places in labels.groupby(labels.to_numpy(), dropna=False).indices.values()
    ]
    return np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])


def _predictions(prepared: Prepared, networks: Ensemble, x: Encoded) -> np.ndarray:
    """(refits, n, ...) before a temperature."""
    head: Any = prepared.target.head
    outputs = networks.predict_all(x.inputs())
    return np.stack([head.predict(one if one.ndim == 3 else one[:, None]) for one in outputs])
