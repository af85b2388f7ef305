"""What `descend fit` prints, part by part."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descend.report.terminal import confusion_table, cut, learning_curve, text_table
from descend.tables.messy import panel, remarks
from descend.tables.prepare import Prepared
from descend.tables.target import hints
from descend.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from descend.tables.choosing.ablation import Ablation
    from descend.tables.choosing.search import Search
    from descend.tables.encoder import Encoder
    from descend.tables.recipe import FittedTable

MOST_LISTED = 8  # columns of one kind of remark before the rest is only counted
PLOT_WIDTH = 76


def prepared(console: Console, ready: Prepared) -> None:
    """The data, the target and the task, what was dropped, the split."""
    table, target, split = ready.table, ready.target, ready.split
    rows, columns = table.frame.shape
    facts = [("data", f"{table.name}, {rows:,} rows x {columns} columns; {table.note}")]
    note = f" ({ready.target_note})" if ready.target_note else ""
    facts.append(("target", f"{target.name}{note}"))
    kind = f" of {len(target.classes)} classes" if target.classifies else ""
    why = f": {target.reason} (--task overrides)"
    if ready.options.task is not None:
        why = ", as asked for"
    facts.append(("task", f"{target.task}{kind}{why}"))
    if ready.without_target:
        facts.append(("left out", f"{ready.without_target:,} rows without a target"))
    encoder = ready.encoder
    facts.append(
        (
            "inputs",
            _inputs(encoder),
        )
    )
    facts += [("dropped", line) for line in _grouped(encoder.dropped)]
    named = [n for n, why in encoder.dropped.items() if why.startswith("identifier")]
    if named:
        facts.append(
            ("", f"--kind {shlex.quote(named[0])}=category (or =number) uses it all the same")
        )
    facts += [("missing", line) for line in _missing(ready)]
    facts += [("look at", f"{name}: {words}") for name, words in _to_look_at(ready)]
    facts += [("hint", words) for words in hints(target, ready.y)]
    parts = (split.train, split.validation, split.test)
    sizes = "{:,} training, {:,} validation, {:,} test rows".format(*map(len, parts))
    facts.append(("split", f"{sizes}; {split.how}"))
    facts_table(console, facts)


def _to_look_at(table: Prepared) -> list[tuple[str, str]]:
    """What `messy` remarks on in the inputs that are used and in the target."""
    others = {*table.encoder.dropped, *table.texts}  # how people write is no fault of a table
    used = [c for c in table.inputs.columns if str(c) not in others]
    rows = table.table.frame
    targets = [n for n in table.target.names if n in rows]
    lines: list[tuple[str, str]] = [*remarks(table.inputs[used]), *remarks(rows[targets])]
    more = len(lines) - MOST_LISTED
    lines = lines[:MOST_LISTED] + ([("...", f"and {more} more remarks")] if more > 0 else [])
    if table.options.group is None and table.options.time is None and not table.split.own_test:
        units = panel(table.inputs)
        lines += [units] if units else []
    return lines


def _inputs(encoder: Encoder) -> str:
    size = f"{_count(len(encoder.columns), 'column')} as {_count(len(encoder.names()), 'number')}"
    embedded = encoder.embedded
    size += f" and {_count(len(embedded), 'embedding')}" if embedded else ""
    for column in encoder.columns:
        if column.vocabulary:
            known = len(column.vocabulary.words) - 1
            size += (
                f"; the text {column.name!r} as those of {known:,} words, pairs and parts of words "
                f"that it holds, at most {column.length:,}"
            )
    return size


def facts_table(console: Console, facts: list[tuple[str, str]]) -> None:
    """Pairs of a word and a remark; long remarks wrap beside their word."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    last = None
    for word, remark in facts:
        grid.add_row(Text("" if word == last else visible(word)), Text(visible(remark)))
        last = word
    _print_stripped(console, grid)


def _print_stripped(console: Console, renderable: Any) -> None:
    # rich fills lines with blanks to their width; in a file these are only noise
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as capture:
        console.print(renderable)
    lines = capture.get().splitlines()
    console.print("\n".join(line.rstrip() for line in lines), soft_wrap=True)


def _grouped(dropped: dict[str, str]) -> list[str]:
    """One line a reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in dropped.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"{_listed(names)}: {reason}" for reason, names in by_reason.items()]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _missing(table: Prepared) -> list[str]:
    lines = []
    lost = [
        f"{name} {n.missing + n.unreadable:,}"
        for name, n in table.noted.items()
        if n.missing + n.unreadable
    ]
    if lost:
        lines.append(
            f"rows of {_listed(lost)}; told as the training median (or average), and a 0/1 input "
            "says so where training rows had any"
        )
    for name, noted in list(table.noted.items())[:MOST_LISTED]:
        if noted.unreadable:
            lines.append(
                f"{name}: {noted.unreadable:,} not readable, the first {noted.example!r} in row "
                f"{noted.row:,} of those with a target"
            )
        if noted.unseen:
            lines.append(f"{name}: {noted.unseen:,} of rare levels, not used, as {noted.example!r}")
    return lines


def search(console: Console, result: Search) -> None:
    """The best trials of a search, the first one being the options as they were given."""
    best = result.to_frame().sort_values(result.figure).head(MOST_LISTED)
    settings = [c for c in best.columns if c not in ("epochs", "best_epoch", "seconds", "status")]
    rows = [[*settings, "epochs"]]
    for row in best.to_dict("records"):
        rows.append([_cell(row[name]) for name in [*settings, "epochs"]])
    count = f"{len(result.trials):,} trials in {result.seconds:.0f} s"
    console.print()
    console.print(f"{count}, the best by {result.figure} on the validation rows", soft_wrap=True)
    console.print(text_table(rows), soft_wrap=True)


def ablation(console: Console, result: Ablation) -> None:
    """What the network loses without each column, the most missed first."""
    lines = result.to_frame().head(MOST_LISTED)
    rows = [["left out", result.figure, "change", f"{result.level:.0%} interval"]]
    for c in lines.to_dict("records"):
        ends = f"{c['low']:+.4g} to {c['high']:+.4g}"
        rows.append([c["column"], f"{c[result.figure]:.4g}", f"{c['change']:+.4g}", ends])
    console.print()
    console.print(
        f"Trained again without each column: {result.figure} on the validation rows, mean of "
        f"{len(result.seeds)} seeds; above 0 the network misses the column"
        + (
            f"; {result.not_tried:,} columns that go with the target less were not left out"
            if result.not_tried
            else ""
        ),
        soft_wrap=True,
    )
    console.print(text_table(rows), soft_wrap=True)


def _cell(value: Any) -> str:
    if value is None or value != value:  # trial 0 has the options as they were given
        return "as given"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def network(console: Console, model: Any) -> None:
    """Print the table of the network."""
    from descend.train.model.summary import summary

    console.print()
    console.print(summary(model), soft_wrap=True)
    console.print()


def training(console: Console, fitted: FittedTable) -> None:
    """Print the learning curve."""
    history = fitted.trained.history.history
    head = fitted.prepared.target.head
    unit = head.unit
    if fitted.prepared.options.l2:
        unit += " + penalty"
    chart = learning_curve(
        history["loss"],
        history["val_loss"],
        best=fitted.trained.best_epoch,
        width=min(console.width, PLOT_WIDTH),
        label=f"cost, {unit}" if len(unit) < 30 else "cost",
    )
    console.print()
    console.print(_coloured(chart), soft_wrap=True)
    console.print(f"best epoch {_ended(fitted)}", soft_wrap=True, highlight=False)
    console.print()


def _ended(fitted: FittedTable) -> str:
    """The best epoch, and why training ended where it did."""
    from descend.tables.network import in_waves
    from descend.tables.stopping import why_all

    options, run = fitted.prepared.options, len(fitted.trained.history)
    best = f"{fitted.trained.best_epoch} of {run}"
    if fitted.stopped:
        return f"{best}; stopped: {fitted.stopped}"
    if options.patience is None and in_waves(options):
        return f"{best}: {why_all(run)}"
    return f"{best}, as many as were asked for"


def _coloured(chart: str) -> Any:
    from rich.text import Text

    text = Text(chart)
    head, *body = chart.splitlines()
    place = 0
    for line in [head, *body]:
        for column, mark in enumerate(line):
            style = {"*": "cyan", "o": "yellow", "@": "green"}.get(mark)
            alone = line is not head or line[column - 1 : column + 2] == f" {mark} "
            if style and alone and ("|" in line or line is head):
                text.stylize(style, place + column, place + column + 1)
        place += len(line) + 1
    return text


def test(console: Console, fitted: FittedTable, quiet: bool) -> None:
    """The test result, beside the simplest baseline."""
    target, scores = fitted.prepared.target, fitted.scores
    if scores is None:
        count = len(fitted.prepared.split.test)
        console.print(f"{count:,} test rows stay sealed: descend report opens them", soft_wrap=True)
        return
    if not quiet:
        weight = fitted.prepared.options.weight
        by = f", weighted by {weight}" if weight else ""
        console.print(
            f"Test on {scores.rows:,} rows that training never saw{by}",
            style="bold",
            soft_wrap=True,
        )
        if scores.confusion:
            matrix = confusion_table(
                target.classes,
                scores.confusion,
                scores.recall,
                console.width,
                "weight" if weight else "rows",
            )
            console.print(matrix, soft_wrap=True)
            console.print()
    unit = "" if target.classifies or len(target.names) > 1 else f"in units of {target.name}"
    rows = [
        [unit, *scores.figures],
        ["network", *(_shown(n, v) for n, v in scores.figures.items())],
        [scores.baseline_name, *(_shown(n, v) for n, v in scores.baseline.items())],
    ]
    console.print(text_table(rows), soft_wrap=True)
    if not quiet:
        sets(console, fitted)


def sets(console: Console, fitted: FittedTable) -> None:
    """How often the sets of classes hold the true one, by true class; nothing without sets."""
    scores, calibration = fitted.scores, fitted.predictor.calibrated
    if scores is None or scores.sets is None or calibration is None:
        return
    both = [c for c in (scores.sets, scores.class_sets) if c is not None]
    rows = [["true class", "rows", "covered", "mean size", "by class: covered", "mean size"]]
    for parts in list(zip(*(c.parts for c in both), strict=True))[: MOST_LISTED + 1]:
        row = [cut(parts[0].group or "all rows", 20), f"{parts[0].rows:,}"]
        rows.append(row + [c for p in parts for c in (f"{p.share:.1%}", f"{p.size:.2f}")])
    rows[0] = rows[0][: len(rows[1])]
    more = len(both[0].parts) - len(rows) + 1
    console.print()
    console.print(
        f"Sets that should hold the true class in {calibration.coverage:.0%} of all rows "
        "(--intervals)\nor of the rows of each class (predict --intervals-by class)",
        soft_wrap=True,
    )
    console.print(text_table(rows), soft_wrap=True)
    if more > 0:
        console.print(f"  and {more} more classes", soft_wrap=True)
    for line in calibration.too_few(fitted.prepared.target.classes)[:MOST_LISTED]:
        console.print(textwrap.fill(line, PLOT_WIDTH, subsequent_indent="  "), soft_wrap=True)


def checks(console: Console, fitted: FittedTable, report: bool) -> None:
    """The failed checks that matter, in at most three lines; `report` if one is written anyway."""
    from descend.tables.checks.at_fit import checks_at_fit, that_matter

    failed, more = that_matter(checks_at_fit(fitted))
    if not failed:
        return
    console.print()
    where = "" if report else "; --report FILE.html writes all"
    for place, check in enumerate(failed):
        last = place + 1 == len(failed)
        rest = f" ({_count(more, 'more check')} failed{where})" if last and more else ""
        line = f"{check.level:7}  {check.code} {check.name}: {check.words}{rest}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _shown(name: str, value: float) -> str:
    share = name in ("accuracy", "AUC", "R2", "coverage")
    return _share(value) if share else _figure(value)


def _figure(value: float) -> str:
    """Four significant digits, without an exponent where a reader would not want one."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _share(value: float) -> str:
    """Three digits; no "-0.000"."""
    return f"{round(value, 3) + 0.0:.3f}"


def saved(
    console: Console, fitted: FittedTable, path: Path, data: str | None, quiet: bool = False
) -> None:
    """Where the network is, and how to use it; `data` as it was given, None from a database."""
    if fitted.interrupted:
        line = f"Training was {fitted.stopped}; its best weights were tested and saved."
        console.print(line, soft_wrap=True)
    if quiet:
        console.print(str(path), soft_wrap=True)
        return
    again = shlex.join(["descend", "predict", str(path), data or "FILE"])
    console.print()
    console.print(f"saved    {path}", soft_wrap=True)
    console.print(f"predict  {again} --output predictions.csv", soft_wrap=True)
