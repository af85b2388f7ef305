"""Several models in columns, as in a journal's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from descend.errors import DescendError, ShapeError, unknown
from descend.neurons.design import INTERCEPT
from descend.neurons.table import RegressionTable, number

# statistic -> its label in a table
STATISTICS = {
    "N": "Rows",
    "r2": "R2",
    "adj_r2": "Adjusted R2",
    "pseudo_r2": "Pseudo R2",
    "rmse": "RMSE",
    "ll": "Log-likelihood",
    "aic": "AIC",
    "bic": "BIC",
    "clusters": "Clusters",
    "condition_number": "Condition number",
    "se_type": "Standard errors",
}
SHOWN = ("N", "r2", "pseudo_r2", "ll", "aic")
STARS = {0.01: "***", 0.05: "**", 0.1: "*"}
BELOW = {"se": "standard errors", "t": "t or z statistics", "p": "p-values"}


def side_by_side(
    models: Sequence[Any] | Mapping[str, Any],
    *,
    stars: bool | Mapping[float, str] = False,
    below: str = "se",
    statistics: Sequence[str] = SHOWN,
    digits: int = 4,
    title: str = "Models side by side",
) -> RegressionTable:
    """A table with a column a model: coefficients, below them in brackets how surely known.

    Args:
        models: fitted units, marginal effects, or anything else that speaks the protocol of
            maketables (`__maketables_coef_table__`); a dict names the columns.
        stars: True for *** below 0.01, ** below 0.05, * below 0.1, or {p-value: mark}.
        below: "se", "t" or "p".
        statistics: keys of STATISTICS; one that no model has is left out.
        digits: number of significant digits.
        title: title of the table.

    Returns:
        The RegressionTable; its frame has columns (model, b), (model, se), (model, p), and the
        statistics as rows behind the coefficients, under b.

    Raises:
        DescendError: no models, one without the protocol, an unknown statistic.

    Source: descend's own; the protocol is that of the package maketables.

    Example:
        >>> from descend.neurons import LinearUnit, LogisticUnit, side_by_side
        >>> x, y = [[0]] * 4 + [[1]] * 4, [0, 0, 0, 1, 0, 1, 1, 1]
        >>> models = {"OLS": LinearUnit().fit(x, y), "logit": LogisticUnit().fit(x, y)}
        >>> table = side_by_side(models, statistics=["N"], digits=3)
        >>> table.rows[1]
        ('x1', '0.500', '2.20')
        >>> table.rows[-1]
        ('Rows', '8', '8')
    """
    named = _named(models)
    if below not in BELOW:
        raise unknown("below", below, BELOW)
    for key in statistics:
        if key not in STATISTICS:
            raise unknown("statistic", key, STATISTICS)
    marks = _marks(stars)
    tables = {name: model.__maketables_coef_table__ for name, model in named.items()}
    labels = list(dict.fromkeys(label for table in tables.values() for label in table.index))
    labels.sort(key=lambda label: label == INTERCEPT)
    rows: list[tuple[str, ...]] = []
    for label in labels:
        there = [table.loc[label] if label in table.index else None for table in tables.values()]
        rows.append((str(label), *(_cell(row, marks, digits) for row in there)))
        under = ("" if row is None else f"({number(float(row[below]), digits)})" for row in there)
        rows.append(("", *under))
    statistics_shown, frame = _statistics(named, statistics)
    rule = len(rows)
    for key in statistics_shown:
        cells = (_shown(frame[key, name], digits) for name in named)
        rows.append((STATISTICS[key], *cells))
    depends = [str(getattr(model, "__maketables_depvar__", "")) for model in named.values()]
    if any(depends):
        rows.insert(0, ("Dependent variable", *depends))
        rule += 1
    notes = [f"In brackets: {BELOW[below]}."]
    if marks:
        notes.append(", ".join(f"{mark} p < {level:g}" for level, mark in marks) + ".")
    numbers = {
        (name, column): {
            **{label: table.loc[label, column] for label in table.index},
            **({key: frame[key, name] for key in statistics_shown} if column == "b" else {}),
        }
        for name, table in tables.items()
        for column in ("b", "se", "p")
    }
    whole = pd.DataFrame(numbers, index=[*labels, *statistics_shown])
    rules = (*((1,) if any(depends) else ()), rule)
    return RegressionTable(title, (), ("", *named), tuple(rows), rules, tuple(notes), whole)


def _named(models: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(models, Mapping):
        named = {str(name): model for name, model in models.items()}
    else:
        named = {f"({place + 1})": model for place, model in enumerate(models)}
    if not named:
        raise DescendError("side_by_side needs at least one model")
    for name, model in named.items():
        if not hasattr(type(model), "__maketables_coef_table__"):
            raise DescendError(
                f"the model {name} is a {type(model).__name__}, which gives no coefficient table "
                "(__maketables_coef_table__); give fitted units or marginal effects"
            )
        table = model.__maketables_coef_table__
        if not table.index.is_unique:
            raise ShapeError(f"the model {name} has two coefficients of the same name")
    return named


def _marks(stars: bool | Mapping[float, str]) -> list[tuple[float, str]]:
    """Levels and marks, the smallest level first."""
    if stars is False:
        return []
    return sorted((STARS if stars is True else dict(stars)).items())


def _cell(row: Any, marks: list[tuple[float, str]], digits: int) -> str:
    if row is None:
        return ""
    star = next((mark for level, mark in marks if row["p"] < level), "")
    return number(float(row["b"]), digits) + star


def _statistics(
    named: Mapping[str, Any], keys: Sequence[str]
) -> tuple[list[str], dict[tuple[str, str], Any]]:
    values: dict[tuple[str, str], Any] = {}
    for name, model in named.items():
        ask = getattr(model, "__maketables_stat__", lambda key: None)
        values |= {(key, name): ask(key) for key in keys}
    shown_keys = [key for key in keys if any(values[key, name] is not None for name in named)]
    return shown_keys, values


def _shown(value: Any, digits: int) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else number(float(value), digits)
