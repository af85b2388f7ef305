"""The data as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from descend.report.page import (
    paragraph,
    preformatted,
    subheading,
    table,
)
from descend.report.table.document.fit import (
    BaseRate,
    Contents,
    Data,
    Distribution,
    Input,
    TargetMove,
)
from descend.report.table.document.shared import PARTS
from descend.report.table.page.checks import checks
from descend.report.table.page.parts import MOST_ROWS, more
from descend.report.table.words import digits, percent


def data(d: Data) -> str:
    """The section "Data"."""
    lost = (
        f"; {d['without_target']:,} rows without a target left out" if d["without_target"] else ""
    )
    gap = f" {d['left_out']:,} rows lie in a gap and are in no part." if d["left_out"] else ""
    source = f"{d['source']}: {d['note']}." if d["note"] else f"{d['source']}."
    roles = "".join(f" The {role} column is {name!r}." for role, name in d["roles"].items())
    parts = [
        paragraph(f"{source} {d['rows']:,} rows x {d['columns']} columns{lost}."),
        paragraph(
            f"Split: {d['split']}: {d['parts']['train']:,} training, "
            f"{d['parts']['validation']:,} validation and {d['parts']['test']:,} test rows.{gap}"
            f"{roles} Scaling, levels and all else was learned from the training rows."
        ),
        preformatted(d["formula"], "formula") if d["formula"] else "",
        _target(d["target"]),
        _moved(d["moved"]),
        _inputs(d["inputs"]),
    ]
    if d["dropped"]:
        rows = [[name, why] for name, why in d["dropped"].items()]
        parts.append(table("Columns that are not used", ["column", "why"], rows, words=2))
    parts += [subheading("Checks of the data"), checks(d["checks"])]
    return "".join(parts)


def _target(rows: Sequence[BaseRate] | Sequence[Distribution]) -> str:
    if "class" in rows[0]:
        return _base_rates(cast(Sequence[BaseRate], rows))
    return _distributions(cast(Sequence[Mapping[str, Any]], rows))


def _base_rates(rows: Sequence[BaseRate]) -> str:
    head = ["class", *(f"{p} {what}" for p in PARTS for what in ("rows", "share"))]
    cells = [
        [r["class"], *(c for p in PARTS for c in (f"{r['rows'][p]:,}", percent(r["share"][p])))]
        for r in rows
    ]
    return table("Base rates", head, cells)


def _distributions(rows: Sequence[Mapping[str, Any]]) -> str:
    names = ("rows", "mean", "sd", "min", "first_quartile", "median", "third_quartile", "max")
    head = ["target", "part", *(n.replace("_", " ") for n in names), "zero"]
    cells = [
        [r["target"], r["part"], *(digits(r[n]) for n in names), percent(r["zero"])] for r in rows
    ]
    return table("The target", head, cells, words=2)


def _moved(moves: Sequence[TargetMove]) -> str:
    rows = [
        [one["of"], *(digits(one[n]) for n in ("train", "test", "difference", "error"))]
        for one in moves[:MOST_ROWS]
    ]
    head = ["of the target", "training", "test", "test less training", "its standard error"]
    return table("The target in the test and in training (rows taken as independent)", head, rows)


def _inputs(rows: Sequence[Input]) -> str:
    labels = any(r["label"] for r in rows)
    head = ["column", *["what it holds"] * labels, "kind", "levels", "training", "test"]
    head += [*(f"missing, {p}" for p in PARTS), "unreadable", "unknown level"]
    cells = [
        [
            r["column"],
            *[r["label"]] * labels,
            r["kind"],
            digits(r["levels"]),
            *(_contents(r["holds"][part]) for part in ("train", "test")),
            *(percent(r["missing"][p]) for p in PARTS),
            digits(r["unreadable"]),
            digits(r["unseen"]),
        ]
        for r in rows[:MOST_ROWS]
    ]
    caption = f"Inputs ({len(rows):,} columns): mean (standard deviation), or the commonest level"
    if any(r["kind"] == "text" for r in rows):
        caption += "; of a text those of its number of words, as levels the words and pairs known"
    return table(caption, head, cells, words=2 + labels) + more(len(rows), MOST_ROWS, "columns")


def _contents(one: Contents) -> str:
    if "mean" in one:
        return f"{digits(one['mean'])} ({digits(one['sd'])})"
    if "level" in one:
        return f"{one['level']} ({percent(one['share'])})"
    return "-"  # a date's first and last are in the JSON
