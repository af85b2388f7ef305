"""A fitted table from its file and its data: the same split found again, the test still closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from descend.data.splits import OWN_TEST
from descend.data.table import Table
from descend.described import conforms
from descend.errors import CheckpointError, DataError
from descend.tables.network import Trained
from descend.tables.options import FitOptions
from descend.tables.predictor import TablePredictor
from descend.tables.prepare import Prepared, prepare_table
from descend.tables.recipe import FittedTable
from descend.tables.seal import read_seal, require_same_rows
from descend.tables.target import FittedTarget
from descend.train.engine.history import History
from descend.train.saving.checkpoint import understood

LISTED = 5  # columns named in an error


def reopen(path: str | Path, table: Table, test: Table | None = None) -> FittedTable:
    """What `FittedTable.save` wrote, with the rows it was trained and tested on.

    The split is made again from the options in the file, and must lead to the test rows that its
    seal knows by their hash. Nothing is scored: `scores` is None, `open_test` opens the test.

    Args:
        path: the model file.
        table: the table that it was fitted on.
        test: the table it was tested on, where that was one of its own.

    Returns:
        The fitted table. Its history is empty where the file does not hold one.

    Raises:
        CheckpointError: the file is damaged, or made by another version.
        DataError: another table; the message says what differs.
    """
    path = Path(path)
    predictor, seal = TablePredictor.load(path), read_seal(path)
    described = predictor.described
    _require_tables(path, described, table, test)
    options = _options(path, described["options"], predictor.target)
    prepared = prepare_table(table, options, test)
    require_same_rows(path, seal, prepared.seal, prepared.table, described)
    learned = prepared.encoder, prepared.design, prepared.target.classes
    same = learned == (predictor.encoder, predictor.design, predictor.target.classes)
    if not same and table.digest != described["data"]["sha256"]:
        raise DataError(
            f"the test rows of {path} are in {table.source}, but its training rows are others now; "
            "give the table as it was when the network was fitted"
        )
    prepared = _with_learned(prepared, predictor)
    arguments = described.get("asked", {})
    trained = Trained(predictor.model, _history(predictor), int(described["best_epoch"]), arguments)
    return FittedTable(
        *(prepared, predictor, trained, None, seal, described["seconds"], described["command"]),
        search=described["search"],
        ablation=described["ablation"],
        finished=predictor.finished,
    )


def _with_learned(prepared: Prepared, predictor: TablePredictor) -> Prepared:
    """The rows as the file encodes them."""
    design, columns = predictor.design, prepared.inputs
    if design is not None:
        columns = design.apply(columns, targets=False)
    x, noted = predictor.encoder.transform(columns, prepared.table.source)
    return replace(
        prepared,
        target=predictor.target,
        design=design,
        encoder=predictor.encoder,
        columns=columns,
        x=x,
        noted=noted,
    )


def _options(path: Path, saved: Mapping[str, Any], target: FittedTarget) -> FitOptions:
    """The options of the fit, with what it had found out of the target."""
    strangers = set(saved) - {f.name for f in fields(FitOptions)}
    if strangers:
        raise CheckpointError(
            f"{path} was fitted with options that this version of descend does not know: "
            f"{', '.join(sorted(strangers))}. Upgrade descend"
        )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}
    values["task"] = target.task
    if not values.get("formula"):
        values["target"] = target.names[0] if len(target.names) == 1 else target.names
    with understood(path, "options"):
        options = FitOptions(**values)
        conforms(options, FitOptions, "the options")
    return options


def _history(predictor: TablePredictor) -> History:
    history = predictor.model.history or History()
    history.stopped = predictor.described.get("stopped")
    return history


def _require_tables(
    path: Path, described: Mapping[str, Any], table: Table, test: Table | None
) -> None:
    """Raises DataError where columns differ, or a test table is missing or not asked for."""
    own_test = str(described["split"]).endswith(OWN_TEST)
    if own_test and test is None:
        raise DataError(
            f"{path} was tested on a table of its own ({described['rows']['test']:,} rows); give "
            "that table as well (--test FILE)"
        )
    if test is not None and not own_test:
        raise DataError(
            f"{path} was tested on {described['rows']['test']:,} rows of "
            f"{described['data']['source']}, not on a table of its own; leave the test table out"
        )
    have, had = {str(c) for c in table.frame.columns}, set(described["data"]["columns"])
    if described["options"].get("formula"):  # a target that it made, such as log(price)
        had -= set(described["target"]["names"]) - have
    if have != had:
        lacks, more = _listed(had - have), _listed(have - had)
        differences = [f"it lacks {lacks}"] * bool(lacks) + [f"it also has {more}"] * bool(more)
        raise DataError(
            f"{table.source} is not the table that {path} was fitted on "
            f"({described['data']['source']}): {'; '.join(differences)}"
        )


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - LISTED} more" if len(ordered) > LISTED else ""
    return ", ".join(map(repr, ordered[:LISTED])) + more
