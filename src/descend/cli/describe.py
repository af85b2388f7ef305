"""`descend describe`: what a table holds, before anything is learned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from descend.cli.reading import reading_options
from descend.cli.rendering import FORMATS, as_html, as_latex, echo_csv

if TYPE_CHECKING:
    import pandas as pd

    from descend.data.table import Table
    from descend.tables.describe import Overview


@click.command("describe")
@click.argument("data", required=False)
@reading_options
@click.option(
    "--kind",
    metavar="COLUMN=KIND",
    multiple=True,
    help="Kind of a column, where its values suggest another: number, boolean, category, ordered "
    "or date; repeatable.",
)
@click.option(
    "--na",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Value that counts as missing, such as income=-9999; repeatable.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Format of the table of columns.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only the table of columns.")
def command(
    data: str | None, kind: tuple[str, ...], na: tuple[str, ...], form: str, quiet: bool, **how
) -> None:
    """Show what DATA holds: one line a column, with its kind, and why it is taken for that.

    DATA is a built-in table or a file (.csv, .tsv, .txt, .parquet, .dta, .xlsx, .jsonl); with
    --sql and --db, the answer of a database.

    \b
    descend describe iris
    descend describe loans.csv --kind zip=category
    descend describe --sql "SELECT * FROM loans" --db sqlite:///bank.db
    """
    from dataclasses import replace

    from descend.cli.reading import read_table
    from descend.data.table import require_columns
    from descend.tables.columns import with_missing
    from descend.tables.describe import describe, judge_all, overview, parse_kinds, parse_na
    from descend.tables.messy import panel, remarks

    kinds, missing = parse_kinds(kind), parse_na(na)
    table = read_table(data, quiet, **how)
    require_columns(missing, [str(c) for c in table.frame], table.source)
    table = replace(table, frame=with_missing(table.frame, missing))
    judged = judge_all(table.frame, kinds)
    description = describe(table.frame, kinds, table.labels, judged)
    if form == "text":
        doubts = [(name, one.why) for name, one in judged.items() if one.doubt]
        doubts += [] if quiet else remarks(table.frame)
        units = None if quiet else panel(table.frame)
        doubts += [units] if units else []
        _text(table, description, doubts, overview(table.frame, judged), quiet)
        return
    head, rows = list(description.columns), description.astype(object).to_numpy().tolist()
    caption = f"{table.name}: {len(table.frame):,} rows x {len(description)} columns"
    if form == "csv":
        echo_csv(head, rows, quiet)
    elif form == "latex":
        click.echo(as_latex(head, rows, caption), nl=False)
    else:
        click.echo(as_html(head, rows, caption), nl=False)


def _text(
    table: Table,
    overview: pd.DataFrame,
    doubts: list[tuple[str, str]],
    whole: Overview,
    quiet: bool,
) -> None:
    from descend.cli.show import facts_table
    from descend.report.terminal import make_console, text_table

    console = make_console()
    if not quiet:
        facts_table(console, _facts(table, whole))
        console.print()
    wide = max(20, console.width)
    rows = [["column", "kind", "values", "missing", "distinct"]]
    for row in overview.to_dict("records"):
        rows.append(
            [
                row["column"],
                row["kind"],
                _values(row),
                f"{row['missing']:,}",
                f"{row['distinct']:,}",
            ]
        )
    room = wide - 10 - sum(max(len(r[i]) for r in rows) for i in (1, 3, 4))
    first = min(max(len(r[0]) for r in rows), max(12, room // 2))
    rows = [[_cut(r[0], first), r[1], _cut(r[2], max(12, room - first)), *r[3:]] for r in rows]
    console.print(text_table(rows, left=3), soft_wrap=True)
    if quiet:
        return
    labels = [(name, label) for name, label in table.labels.items() if label]
    for title, pairs in (("Worth a look", doubts), ("Labels", labels)):
        if pairs:
            console.print(f"\n{title}", style="bold")
            facts_table(console, [(f"  {name}", words) for name, words in pairs])


def _facts(table: Table, overview: Overview) -> list[tuple[str, str]]:
    facts = [("data", f"{table.name}: {table.note}")]
    facts.append(("size", f"{_count(overview.rows, 'row')} x {_count(overview.columns, 'column')}"))
    facts.append(("memory", f"{overview.memory / 1e6:,.1f} MB"))
    twice = f"{_count(overview.duplicates, 'row')} equal to an earlier one"
    if overview.hidden > overview.duplicates:
        named = ", ".join(overview.identifiers[:3]) + (
            ", ..." if len(overview.identifiers) > 3 else ""
        )
        twice += f"; {_count(overview.hidden, 'row')} but for {named}"
    facts.append(("duplicates", twice))
    facts.append(("missing", f"{_count(overview.missing_rows, 'row')} with some value missing"))
    if table.target:
        facts.append(("target", table.target))
    return facts


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _values(row: dict) -> str:
    """Range, levels, or why there is neither."""
    if row["min"]:
        return f"{row['min']} to {row['max']}, median {row['median']}"
    return row["levels"] or row["why"]


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 2] + ".."
