"""The recipe up to training: target, split, encoding; all learned from the training part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from descend.data.formula import Design
from descend.data.splits import Split, require_rows, split_rows
from descend.data.table import Table, require_columns
from descend.errors import DataError, DescendError
from descend.tables.columns import holds, kind_of, numbers, with_missing
from descend.tables.describe import judge
from descend.tables.encoder import Encoded, Encoder, Part
from descend.tables.encoding import Noted
from descend.tables.options import FitOptions
from descend.tables.seal import Seal
from descend.tables.target import FittedTarget, Target, read_target


@dataclass(frozen=True)
class Prepared:
    """A table ready for a network.

    Attributes:
        table, options: what `prepare_table` was given.
        target: fitted on the training part.
        target_note: how the target column was found, where nobody named it.
        design: design of the formula, fitted on the training part; None without one.
        encoder: fitted on the training part.
        split: row numbers into x, y and inputs.
        inputs: the raw columns of the rows with a target, without target and roles: what the
            predictor takes.
        columns: what the encoder takes: the same, or the columns that the formula makes of them.
        groups: (n,) of the group column, or None.
        seal: seal of the test rows, unopened.
        x: the same encoded; y: (n,) class numbers or values, (n, targets) of several.
        weight: (n,) or None.
        without_target: rows left out because their target is missing.
        noted: what the encoding met in all rows, by column.
    """

    table: Table
    options: FitOptions
    target: FittedTarget
    target_note: str
    design: Design | None
    encoder: Encoder
    split: Split
    inputs: pd.DataFrame
    columns: pd.DataFrame
    groups: pd.Series | None
    seal: Seal
    x: Encoded
    y: np.ndarray
    weight: np.ndarray | None
    without_target: int
    noted: dict[str, Noted]

    def part(self, rows: np.ndarray) -> Part:
        """Take some of the rows, for the network."""
        return Part(self.x.rows(rows), self.target.head.forward(self.y[rows]), self.weights(rows))

    def weights(self, rows: np.ndarray) -> np.ndarray | None:
        """Give the weights of some of the rows; None where all weigh the same."""
        return None if self.weight is None else self.weight[rows]

    @property
    def used(self) -> dict[str, str]:
        """{raw column that the network sees: its kind}; of a formula those it cannot do without."""
        if self.design is None:
            return {c.name: c.kind for c in self.encoder.columns}
        few, kinds = self.inputs.iloc[self.split.train[:5]], {}
        terms = {c.name for c in self.encoder.columns}
        for name in few.columns:
            try:
                self.design.apply(few.drop(columns=name), targets=False)
            except DescendError:
                kind = "category" if f"C({name})" in terms else kind_of(self.inputs[name])
                kinds[str(name)] = str(kind)
        return kinds

    @property
    def texts(self) -> list[str]:
        """The columns of text that the network reads."""
        return [c.name for c in self.encoder.columns if c.vocabulary]


def prepare_table(table: Table, options: FitOptions, test: Table | None = None) -> Prepared:
    """Find the target and the task, split the rows, fit the encoder on the training part.

    Args:
        table: Table of rows to train and validate on, and to test on where there is no other table.
        options: FitOptions: target, task, roles of columns, shares of the parts, seed.
        test: Table of the user's own, whose rows are the test part.

    Returns:
        A Prepared: `split` (row numbers of the parts), `x`, `y`, `target`, `encoder` and `seal`.

    Raises:
        DataError: a column that is not there, a target that cannot be predicted, too few rows,
            nothing to predict from.

    Source: scheidegger-2020, "RECIPE FOR USING MLP" and "RECIPE FOR USING MLP (II)".

    Example:
        >>> import pandas as pd
        >>> from descend.data.frames import load_frame
        >>> from descend.tables import FitOptions, prepare_table
        >>> pay = load_frame(pd.DataFrame({"age": range(40), "pay": range(0, 80, 2)}))
        >>> prepared = prepare_table(pay, FitOptions(target="pay"))
        >>> split = prepared.split
        >>> len(split.train), len(split.validation), len(split.test)
        (24, 8, 8)
        >>> prepared.target.task, prepared.used
        ('regression', {'age': 'number'})
    """
    for given in (table, test):
        if given is not None and not isinstance(given, Table):
            raise DataError(
                f"expected a Table, got {type(given).__name__}: descend.data.sources.load('FILE') "
                "reads a file, descend.data.frames.load_frame(frame) takes a DataFrame"
            )
    table = _as_told(table, options)
    if test is not None:
        test = replace(test, frame=with_missing(test.frame, options.na))
    formula = Design.fit(options.formula, table.frame) if options.formula else None
    table = _with_made_targets(table, formula)
    names, note = _targets(table, options, formula)
    roles = _roles(table, options, names)
    usable, lost = _with_target(table, names)
    own_test = None
    if test is not None:
        test_table = _with_made_targets(test, formula)
        others, more = _with_target(test_table, names, list(usable.columns))
        usable, lost, own_test = pd.concat([usable, others]), lost + more, len(others)
    require_rows(len(usable) - (own_test or 0))
    target, y = read_target(usable[names], options.task, options.kinds)
    weight = _weights(usable, options.weight)
    to_train = slice(len(usable) - (own_test or 0))
    if test is not None and target.classifies:
        _require_known(target, y[to_train], y[to_train.stop :], test.source)
    groups = None if options.group is None else usable[options.group]
    split = split_rows(
        to_train.stop,
        labels=np.asarray(target.classes)[y[to_train]] if target.classifies else None,  # for errors
        groups=None if groups is None else groups.iloc[to_train],
        time=None if options.time is None else usable[options.time].iloc[to_train],
        gap=options.gap,
        own_test=own_test,
        validation_share=options.validation_share,
        test_share=options.test_share,
        seed=options.seed,
    )
    tested = usable.iloc[split.test]
    seal = Seal.of(tested.drop(columns=names[:1]), tested[names[0]])
    inputs = usable.drop(columns=[*names, *options.drop, *roles])
    design, columns = None, inputs
    if options.formula:
        design = Design.fit(options.formula, inputs.iloc[split.train])
        columns = design.apply(inputs, targets=False)
    encoder = Encoder.fit(columns.iloc[split.train], kinds=options.told, **options.encoding)
    if test is not None:  # a table that does not fit is refused before the training
        encoder.transform(columns.iloc[split.test], test.source)
    x, noted = encoder.transform(columns, table.source)
    learned = None if weight is None else weight[split.train]
    return Prepared(
        table=table,
        options=options,
        target=target.fit(y[split.train], weight=learned, levels=options.levels),
        target_note=note,
        design=design,
        encoder=encoder,
        split=split,
        inputs=inputs,
        columns=columns,
        groups=groups,
        seal=seal,
        x=x,
        y=y,
        weight=weight,
        without_target=lost,
        noted=noted,
    )


def _as_told(table: Table, options: FitOptions) -> Table:
    """With the values missing that the user calls so, and the kinds checked that the user gave.

    Raises:
        DataError: a column that is not there, a value that no row holds, entries that are not of
            the kind.
    """
    frame = table.frame.set_axis([str(c) for c in table.frame.columns], axis="columns")
    require_columns([*options.na, *options.told], list(frame.columns), table.source)
    for name, values in options.na.items():
        for value in values:
            if not holds(frame[name], [value]).any():
                raise DataError(f"{table.source}: no row holds {value!r} in {name!r}")
    frame = with_missing(frame, options.na)
    for name, kind in options.told.items():
        judge(name, frame[name], kind)
    return replace(table, frame=frame)


def _require_known(target: Target, y: np.ndarray, y_test: np.ndarray, where: str) -> None:
    """A class of a test table that no other row has could only be missed."""
    strange = np.setdiff1d(y_test, y)
    if strange.size:
        listed = ", ".join(repr(target.classes[i]) for i in strange[:4])
        raise DataError(
            f"{where}: {int(np.isin(y_test, strange).sum()):,} of {len(y_test):,} rows are of "
            f"classes that no row to train on has ({listed}), so they cannot be predicted. "
            "Leave them out, or give rows of them to train on"
        )


def _with_made_targets(table: Table, formula: Design | None) -> Table:
    """With the columns left of a formula's tilde, such as log(price)."""
    if not formula:
        return table
    targets = formula.apply(table.frame)[list(formula.targets)]
    return replace(
        table, frame=table.frame.assign(**{str(name): targets[name] for name in targets})
    )


def _targets(table: Table, options: FitOptions, formula: Design | None) -> tuple[list[str], str]:
    """The columns to predict, and how they were found where nobody named them."""
    columns = [str(c) for c in table.frame.columns]
    if formula:
        if not formula.targets:
            raise DataError(f"the formula {formula.formula!r} names no target: TARGET ~ INPUTS")
        return list(formula.targets), ""
    target = options.target or table.target
    if target is None:
        return [columns[-1]], "the last column; --target chooses another"
    names = [target] if isinstance(target, str) else list(target)
    require_columns(names, columns, table.source)
    if len(set(names)) < len(names):
        raise DataError(f"a target is given twice: {', '.join(names)}")
    return names, ""


def _roles(table: Table, options: FitOptions, names: list[str]) -> list[str]:
    """Columns that are no inputs because they weigh or group the rows."""
    columns = [str(c) for c in table.frame.columns]
    roles = [name for name in (options.weight, options.group) if name is not None]
    used = [*roles, *([options.time] if options.time else [])]
    require_columns([*options.drop, *used, *options.kinds], columns, table.source)
    for name in names:
        if name in options.drop:
            raise DataError(f"the column {name!r} cannot be both dropped and the target")
        if options.told.get(name) == "text":
            raise DataError(f"the column {name!r} cannot be both a text and the target")
        if name in used:
            raise DataError(f"the target {name!r} cannot also be weight, group or time")
    return [name for name in roles if name not in options.drop]


def _with_target(
    table: Table, names: list[str], columns: list[str] | None = None
) -> tuple[pd.DataFrame, int]:
    """(the rows with a target, how many were left out); `columns` that the table must have."""
    frame = table.frame.set_axis([str(c) for c in table.frame.columns], axis="columns")
    if columns is not None:
        require_columns(columns, list(frame.columns), table.source)
        frame = frame[columns]
    lost = _without_target(frame[names])
    if lost.all():
        raise DataError(
            f"{table.source}: the target {', '.join(names)!r} is missing in all {len(frame)} rows"
        )
    return (frame[~lost] if lost.any() else frame), int(lost.sum())


def _without_target(targets: pd.DataFrame) -> np.ndarray:
    """Rows (n,) where a target is missing; so is an entry such as "?" among numbers."""
    lost = np.zeros(len(targets), bool)
    for name in targets:
        missing = targets[name].isna().to_numpy(bool)
        if not missing.all():
            strangers = numbers(targets[name])[1]
            few = strangers.sum() <= 0.1 * (~missing).sum()
            missing = missing | (strangers & few)
        lost |= missing
    return lost


def _weights(frame: pd.DataFrame, name: str | None) -> np.ndarray | None:
    if name is None:
        return None
    weights, strangers = numbers(frame[name])
    bad = strangers | ~(weights >= 0) | np.isinf(weights)
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(
            f"the weights {name!r} must be numbers >= 0, got '{frame[name].iloc[first]}' in row "
            f"{first + 1} of those with a target"
        )
    if not weights.any():
        raise DataError(f"the weights {name!r} are all zero")
    return weights
