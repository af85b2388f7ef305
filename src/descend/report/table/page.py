"""The report on a table as HTML, made of the document that is written as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descend.report.page import (
    listing,
    page,
    paragraph,
    picture,
    preformatted,
    subheading,
    table,
)
from descend.report.table import pictures, ran
from descend.report.table.evidence import PARTS
from descend.report.table.insight import explanation, groups, stability
from descend.report.table.results import calibration, discrimination, uncertainty
from descend.report.table.words import MOST_ROWS, cell, interval, more, percent, said, short_hash

MOST_TRIALS = 40


def render(document: Mapping[str, Any], clouds: Mapping[str, Any]) -> str:
    """The page.

    Args:
        document: of `descend.report.table.write.document_of`.
        clouds: {target: (y, predicted)} of the test rows, for pictures.
    """
    d = document
    sections = [
        ("What was fitted", _identity(d["identity"])),
        ("Data", _data(d["data"])),
        ("Design", _design(d["design"])),
        ("Beside baselines", _baselines(d["baselines"])),
        ("Learning", _learning(d["learning"])),
        ("Discrimination and errors", discrimination(d["discrimination"], clouds)),
        ("Calibration", calibration(d["calibration"])),
        ("Uncertainty", uncertainty(d["uncertainty"])),
        ("Explanation", explanation(d["explanation"])),
        ("Stability", stability(d["stability"])),
        ("Groups", groups(d["groups"])),
        ("Checks", _checks(d["checks"])),
        ("Limitations", listing(d["limitations"])),
        ("To do it again", _again(d["reproduce"])),
    ]
    every = [*d["data"]["checks"], *d["checks"]]
    bad = any(c["status"] == "failed" and c["level"] == "issue" for c in every)
    for target in d["baselines"]["targets"]:
        figures = [o["figures"].get(d["baselines"]["main"], {}) for o in target["others"]]
        bad = bad or any(f.get("winner") == "baseline" for f in figures)
    lead = "".join(
        paragraph(line, "status" + (" warn" if bad else "")) for line in [" ".join(d["summary"])]
    )
    return page(d["title"], sections, lead + paragraph(d["identity"]["supports"]))


def _pairs(caption: str, pairs: Sequence[tuple[str, Any]]) -> str:
    rows = [[name, str(value)] for name, value in pairs if value not in (None, "")]
    return table(caption, ["what", "value"], rows, words=2)


def _identity(d: Mapping[str, Any]) -> str:
    note = f" ({d['target_note']})" if d["target_note"] else ""
    classes = f" of {len(d['classes'])} classes" if d["classes"] else ""
    found = _pairs(
        "Identity",
        [
            ("purpose", d["purpose"] or "not stated"),
            ("target", d["target"] + note),
            ("task", f"{d['task']}{classes}: {d['task_reason']}"),
            ("fitted", f"{d['fitted']}, descend {d['fitted_with'].get('descend', '?')}"),
            ("seed", d["seed"]),
            ("data", d["source"]),
            ("sha256 of the data", d["data_sha256"]),
            ("sha256 of the test rows", d["test_sha256"]),
        ],
    )
    rows = [
        [o["when"], f"{o['rows']:,}", short_hash(o["digest"]), o["source"], _figures(o["figures"])]
        for o in d["openings"]
    ]
    head = ["when (UTC)", "rows", "sha256", "source", "figures"]
    found += table("Openings of the test", head, rows, words=5)
    return found + (paragraph(d["warning"], "status warn") if d["warning"] else "")


def _figures(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {said(value)}" for name, value in found.items())


# -- data and design ------------------------------------------------------------------------------


def _data(d: Mapping[str, Any]) -> str:
    lost = (
        f"; {d['without_target']:,} rows without a target left out" if d["without_target"] else ""
    )
    gap = f" {d['left_out']:,} rows lie in a gap and are in no part." if d["left_out"] else ""
    told = f"{d['source']}: {d['note']}." if d["note"] else f"{d['source']}."
    roles = "".join(f" The {role} column is {name!r}." for role, name in d["roles"].items())
    parts = [
        paragraph(f"{told} {d['rows']:,} rows x {d['columns']} columns{lost}."),
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
    parts += [subheading("Checks of the data"), _checks(d["checks"])]
    return "".join(parts)


def _target(rows: Sequence[Mapping[str, Any]]) -> str:
    if "class" in rows[0]:
        head = ["class", *(f"{p} {what}" for p in PARTS for what in ("rows", "share"))]
        cells = [
            [r["class"], *(c for p in PARTS for c in (f"{r['rows'][p]:,}", percent(r["share"][p])))]
            for r in rows
        ]
        return table("Base rates", head, cells)
    names = ("rows", "mean", "sd", "min", "first_quartile", "median", "third_quartile", "max")
    head = ["target", "part", *(n.replace("_", " ") for n in names), "zero"]
    cells = [
        [r["target"], r["part"], *(said(r[n]) for n in names), percent(r["zero"])] for r in rows
    ]
    return table("The target", head, cells, words=2)


def _moved(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [one["of"], *(said(one[n]) for n in ("train", "test", "difference", "error"))]
        for one in found[:MOST_ROWS]
    ]
    head = ["of the target", "training", "test", "test less training", "its standard error"]
    return table("The target in the test and in training (rows taken as independent)", head, rows)


def _inputs(rows: Sequence[Mapping[str, Any]]) -> str:
    labels = any(r["label"] for r in rows)
    head = ["column", *["what it holds"] * labels, "kind", "levels", "training", "test"]
    head += [*(f"missing, {p}" for p in PARTS), "unreadable", "unknown level"]
    cells = [
        [
            r["column"],
            *[r["label"]] * labels,
            r["kind"],
            said(r["levels"]),
            *(_held(r["holds"][part]) for part in ("train", "test")),
            *(percent(r["missing"][p]) for p in PARTS),
            said(r["unreadable"]),
            said(r["unseen"]),
        ]
        for r in rows[:MOST_ROWS]
    ]
    caption = f"Inputs ({len(rows):,} columns): mean (standard deviation), or the commonest level"
    return table(caption, head, cells, words=2 + labels) + more(len(rows), MOST_ROWS, "columns")


def _held(one: Mapping[str, Any]) -> str:
    if "mean" in one:
        return f"{said(one['mean'])} ({said(one['sd'])})"
    if "level" in one:
        return f"{one['level']} ({percent(one['share'])})"
    return "-"  # a date's first and last are in the JSON


def _design(d: Mapping[str, Any]) -> str:
    embedded = len(d["inputs"]["embedded"])
    inputs = f"{d['inputs']['numbers']:,} numbers" + (f", {embedded} embeddings" * bool(embedded))
    asked, epochs = d["asked"], d["asked"].get("epochs")
    pairs = [
        ("recipe", d["recipe"]),
        ("inputs of the network", inputs),
        ("hidden layers", _hidden(d)),
        ("members that share weights", d["members"]),
        ("parameters", said(d["parameters"])),
        ("output", f"{d['outputs']} by {d['output_activation']}"),
        ("loss", f"{ran.loss(d['compiled'])} ({d['cost_unit']})"),
        *ran.rule(d["compiled"]),
        ("dropout", cell(d["dropout"])),
        ("L2 penalty", cell(d["l2"])),
    ]
    if asked:
        none = asked["patience"] >= epochs
        pairs += [
            ("rows an update", said(asked["batch_size"]) if asked["batch_size"] else "all"),
            ("epochs at most", epochs),
            ("patience", "none: on to the last epoch" if none else f"{asked['patience']} epochs"),
        ]
    parts = [
        _pairs("Network and training", pairs),
        preformatted(d["summary"], "layers of the network"),
        subheading("Alternatives tried"),
    ]
    tried = d["trials"]
    if tried is None:
        parts.append(paragraph("None are recorded: no search was run with this network."))
    else:
        rows = [[cell(v) for v in row] for row in tried["rows"][:MOST_TRIALS]]
        caption = f"{len(tried['rows']):,} trials, judged on the validation rows"
        parts.append(table(caption, tried["columns"], rows))
        parts.append(more(len(tried["rows"]), MOST_TRIALS, "trials"))
    return "".join(parts)


def _hidden(d: Mapping[str, Any]) -> str:
    units = " x ".join(map(str, d["hidden"]))
    return f"{units}, {d['activation']}" if units else "none: a linear model"


# -- beside baselines, learning -------------------------------------------------------------------


def _baselines(d: Mapping[str, Any]) -> str:
    weighted = ", weighted as the rows are" if d["weighted"] else ""
    parts = [
        paragraph(
            f"All were fitted on the training rows and judged on the same test rows{weighted}. In "
            f"brackets: {d['level']:.0%} bootstrap intervals over {d['resamples']:,} draws of "
            f"{d['drawn']}, of both predictors on the same draws. Where the interval of the "
            "difference leaves out 0, one of them is better on such rows. The models stay as "
            "they were fitted: the intervals say what other test rows would have shown, not what "
            "another training would."
        )
    ]
    for target in d["targets"]:
        several = f", {target['target']}" if len(d["targets"]) > 1 else ""
        rows = [["network", *(interval(i) for i in target["network"].values()), ""]]
        for other in target["others"]:
            cells = [
                interval(other["figures"][n]["value"]) if other["figures"] else "-"
                for n in target["network"]
            ]
            rows.append([other["words"], *cells, f"{other['seconds']:.2f} s"])
        head = ["predictor", *target["network"], "fitted in"]
        parts.append(table(f"Test figures{several}", head, rows))
        parts.append(_differences(target, d["better"], several))
        notes = [f"{o['words']}: {o['note']}" for o in target["others"] if o["note"]]
        parts.append(listing(notes) if notes else "")
    return "".join(parts)


def _differences(target: Mapping[str, Any], better: Mapping[str, str], several: str) -> str:
    verdict = {"network": "network", "baseline": "BASELINE", None: "not told apart"}
    rows = [
        [
            other["words"],
            name,
            "no difference" if one["same"] else verdict[one["winner"]],
            interval(one["difference"]),
            percent(one["network_better"]),
        ]
        for other in target["others"]
        for name, one in other["figures"].items()
    ]
    head = ["baseline", "figure", "who is better", "difference"]
    head.append("draws won by the network")
    aims = "; ".join(
        f"{', '.join(names)}: {way} is better"
        for way in ("lower", "higher")
        if (names := [n for n in target["network"] if better[n] == way])
    )
    caption = f"Network less baseline{several} ({aims})"
    return table(caption, head, rows, words=3) if rows else ""


def _learning(d: Mapping[str, Any]) -> str:
    if "left_out" in d:
        return paragraph(f"Not shown: {d['left_out']}.")
    best, curves = d["best_epoch"], d["curves"]
    told = f"{d['epochs']} epochs were run; the weights are those of epoch {best}, the best on the "
    told += "validation rows."
    if d["stopped"]:
        told += f" Training ended early: {d['stopped']}."
    words = {"loss": "training", "val_loss": "validation"}
    shown = {words[n]: v for n, v in curves.items() if n in words}
    ends = [(f"{n}, epoch {best}", said(v[best - 1])) for n, v in shown.items() if len(v) >= best]
    ends += [(f"{n}, last epoch", said(v[-1])) for n, v in shown.items()]
    alt = f"Training and validation cost over {d['epochs']} epochs; {told}"
    return (
        paragraph(told)
        + picture(pictures.learning_curve(d), alt, "Cost after each epoch.")
        + table("Costs", ["cost", "value"], [list(e) for e in ends])
    )


# -- checks, to do it again -----------------------------------------------------------------------


def _checks(found: Sequence[Mapping[str, Any]]) -> str:
    order = {"failed": 0, "not run": 1, "passed": 2}
    rows = [
        [
            c["code"],
            c["name"],
            _verdict(c),
            " ".join(filter(None, [c["words"] + ".", c["advice"], c["error_rates"]])),
        ]
        for c in sorted(found, key=lambda c: (order[c["status"]], c["level"] != "issue", c["code"]))
    ]
    head = ["code", "check", "outcome", "what was found, what to do, how often the check errs"]
    return table("Checks", head, rows, words=4)


def _verdict(check: Mapping[str, Any]) -> str:
    return f"FAILED ({check['level']})" if check["status"] == "failed" else check["status"]


def _again(d: Mapping[str, Any]) -> str:
    rows = [
        [name, d["fitted_with"].get(name, "-"), version]
        for name, version in d["reported_with"].items()
    ]
    return (
        (preformatted(d["command"], "command") if d["command"] else "")
        + preformatted(d["python"], "the same in Python")
        + table("Versions", ["of", "fitted with", "reported with"], rows, words=3)
    )
