"""Several networks for one table, trained together and judged on its validation rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descend.tables.network import batch_size, compile_for, network
from descend.tables.options import NetworkOptions
from descend.tables.prepare import Prepared
from descend.tables.scores import MAIN, figures_of
from descend.train.many.rounds import Rounds
from descend.train.model.model import Model


def rounds_of(
    prepared: Prepared,
    options: NetworkOptions,
    settings: Sequence[Mapping[str, Any]],
    model: Model | None = None,
) -> Rounds:
    """Networks for a table, ready to be trained together; see `Rounds`.

    Args:
        options: what all of them share.
        settings: settings of each, in the names of `descend.train.many.sweeping.sweep`.
        model: compiled network in place of the recipe's, so that its programs serve again.
    """
    head, split = prepared.target.head, prepared.split
    train, validation = prepared.part(split.train), prepared.part(split.validation)
    size = batch_size(len(train.y), options)
    if model is None:
        model = network(prepared.encoder, head, options)
        compile_for(model, head, options, len(train.y))
    checked = (validation.x.inputs(), validation.y)
    return Rounds(
        model,
        settings,
        train.x.inputs(),
        train.y,
        validation_data=checked if validation.weight is None else (*checked, validation.weight),
        batch_size=size,
        patience=options.waits,
        sample_weight=train.weight,
        seed=options.seed,
    )


def validation_figures(prepared: Prepared, rounds: Rounds) -> dict[int, float]:
    """{member: the task's main figure on the validation rows}; NaN for one that diverged."""
    target, rows = prepared.target, prepared.split.validation
    head = target.head
    weight = prepared.weights(rows)
    figures = {}
    for i, output in rounds.outputs(prepared.x.rows(rows).inputs()).items():
        member = rounds.member(i)
        if member.diverged_in is not None or member.best_epoch is None:
            figures[i] = float("nan")
            continue
        prediction = head.predict(output if output.ndim == 3 else output[:, None])
        levels = getattr(head, "levels", ())
        figures[i] = figures_of(target.task, prepared.y[rows], prediction, levels, weight)[
            MAIN[target.task]
        ]
    return figures
