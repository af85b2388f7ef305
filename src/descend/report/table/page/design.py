"""The network and its training as HTML."""

from __future__ import annotations

from typing import Any

from descend.report.page import (
    paragraph,
    picture,
    preformatted,
    subheading,
    table,
)
from descend.report.table import description
from descend.report.table.document.fit import Design, Learning
from descend.report.table.document.shared import LeftOut
from descend.report.table.page import pictures
from descend.report.table.page.parts import more, pairs
from descend.report.table.words import cell, digits

MOST_TRIALS = 40


def design(d: Design) -> str:
    """The section "Design"."""
    embedded = len(d["inputs"]["embedded"])
    inputs = f"{d['inputs']['numbers']:,} numbers" + (f", {embedded} embeddings" * bool(embedded))
    words = d["inputs"]["words"]
    inputs += f", which of {words:,} words and pairs of words a text holds" if words else ""
    values: list[tuple[str, Any]] = [
        ("recipe", d["recipe"]),
        ("inputs of the network", inputs),
        ("hidden layers", _hidden(d)),
        ("members that share weights", d["members"]),
        ("parameters", digits(d["parameters"])),
        ("output", f"{d['outputs']} by {d['output_activation']}"),
        ("loss", f"{description.loss(d['compiled'])} ({d['cost_unit']})"),
        *description.rule(d["compiled"]),
        ("dropout", cell(d["dropout"])),
        ("L2 penalty", cell(d["l2"])),
    ]
    if d["asked"]:
        size, epochs, patience = (d["asked"][n] for n in ("batch_size", "epochs", "patience"))
        none = patience is None or epochs is None or patience >= epochs
        values += [
            ("rows an update", digits(size) if size else "all"),
            ("epochs at most", epochs),
            ("patience", "none: on to the last epoch" if none else f"{patience} epochs"),
        ]
    parts = [
        pairs("Network and training", values),
        preformatted(d["summary"], "layers of the network"),
        subheading("Alternatives tried"),
    ]
    trials = d["trials"]
    if trials is None:
        parts.append(paragraph("None are recorded: no search was run with this network."))
    else:
        rows = [[cell(v) for v in row] for row in trials["rows"][:MOST_TRIALS]]
        caption = f"{len(trials['rows']):,} trials, judged on the validation rows"
        parts.append(table(caption, trials["columns"], rows))
        parts.append(more(len(trials["rows"]), MOST_TRIALS, "trials"))
    return "".join(parts)


def _hidden(d: Design) -> str:
    units = " x ".join(map(str, d["hidden"]))
    return f"{units}, {d['activation']}" if units else "none: a linear model"


def learning(d: Learning | LeftOut) -> str:
    """The section "Learning"."""
    if "left_out" in d:
        return paragraph(f"Not shown: {d['left_out']}.")
    best, curves = d["best_epoch"], d["curves"]
    text = f"{d['epochs']} epochs were run; the weights are those of epoch {best}, the best on the "
    text += "validation rows."
    if d["stopped"]:
        text += f" Training ended early: {d['stopped']}."
    words = {"loss": "training", "val_loss": "validation"}
    costs = {words[n]: v for n, v in curves.items() if n in words}
    ends = [(f"{n}, epoch {best}", digits(v[best - 1])) for n, v in costs.items() if len(v) >= best]
    ends += [(f"{n}, last epoch", digits(v[-1])) for n, v in costs.items()]
    alt = f"Training and validation cost over {d['epochs']} epochs; {text}"
    return (
        paragraph(text)
        + picture(pictures.learning_curve(d), alt, "Cost after each epoch.")
        + table("Costs", ["cost", "value"], [list(e) for e in ends])
    )
