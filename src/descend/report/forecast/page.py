"""From the document of a forecaster to the page; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.forecast import pictures
from descend.report.page import (
    listing,
    page,
    paragraph,
    picture,
    preformatted,
    subheading,
    table,
)
from descend.report.table.page.identity import openings
from descend.report.table.page.parts import MOST_ROWS, more, pairs
from descend.report.table.words import cell, chance, digits, percent

MOST_AHEAD = 24  # dates of a forecast that are printed
MOST_STEPS = 24  # steps ahead in a table
MOST_TESTED = 5  # steps ahead whose tests are printed
SHOWN = ("skill", "MASE", "sMAPE", "RMSE", "pinball")

Document = Mapping[str, Any]


def render(d: Document) -> str:
    """The page of a document (`document_of`)."""
    sections = [
        ("The forecast", _forecast(d)),
        ("How good such forecasts have been", _test(d)),
        ("Errors by horizon", _by_horizon(d)),
        ("Intervals", _intervals(d)),
        ("Is the difference chance?", _tests(d)),
        ("Is it the last value?", _last_value(d)),
        *([("Every series", _by_series(d))] if d["by_series"] else []),
        ("Data, and what was lost", _data(d["data"])),
        ("Learning", _learning(d)),
        ("Settings", _settings(d["settings"])),
        ("What was fitted", _identity(d["identity"])),
        ("Limitations", listing(d["limitations"])),
        ("To do it again", _reproduce(d["reproduce"])),
    ]
    own = next(m for m in d["test"]["methods"] if m["forecaster"])
    bad = own["skill"] <= 0 or d["identity"]["warning"] or _repeats(d)
    lead = paragraph(" ".join(d["summary"]), "status warn" if bad else "status")
    if d["warnings"]:
        lead += subheading("Warnings") + listing(d["warnings"])
    return page(d["title"], sections, lead)


def _repeats(d: Document) -> bool:
    return bool(d["last_value"] and d["last_value"]["repeats"])


# -- the forecast --------------------------------------------------------------------------------


def _forecast(d: Document) -> str:
    found, identity = d["forecast"], d["identity"]
    parts = []
    several = len(found["all"]) > 1
    for one in found["series"]:
        name = one["name"]
        heading = f"{identity['by'] or 'series'} {name}"
        words = {"time": identity["time"], "target": identity["target"]}
        of = f" of {heading}" if several else ""
        if several:
            parts.append(subheading(f"{heading}: {one['why']}"))
        given = one["ahead"]
        parts.append(
            picture(
                pictures.ahead(found, one, words | {"title": ""}),
                f"The last {len(one['past']['times'])} values{of} and the forecast of the next "
                f"{len(given['times'])}: {_ends(given)}. The table below has the numbers.",
                f"The forecast{of} behind {one['past']['times'][-1]}, with the recent past.",
            )
        )
        parts.append(_ahead(given, identity["time"], of))
        back = one["tested"]
        parts.append(
            picture(
                pictures.tested(found, one, words | {"title": ""}),
                f"The forecast{of} from {back['origin']}, with what came after.",
                f"The same forecaster{of} on {back['origin']}, the last date behind which all "
                "outcomes are known: dotted, what came.",
            )
        )
    if several:
        rest = len(found["all"]) - len(found["series"])
        parts.append(more(rest, 0, "series"))
    return "".join(parts)


def _ends(given: Mapping[str, Any]) -> str:
    values = given["forecast"]
    return (
        f"{digits(values[0])} on {given['times'][0]}, {digits(values[-1])} on {given['times'][-1]}"
    )


def _ahead(given: Mapping[str, Any], time: str, of: str) -> str:
    names = {name: f"quantile {name[1:]}" for name in given["quantiles"]}
    head = [time, "forecast", *names.values()]
    head += ["spread over seeds"] if given["spread"] else []
    rows = []
    for i, when in enumerate(given["times"][:MOST_AHEAD]):
        row = [when, digits(given["forecast"][i])]
        row += [digits(given["quantiles"][name][i]) for name in names]
        row += [digits(given["spread"][i])] if given["spread"] else []
        rows.append(row)
    return table(f"The forecast{of}", head, rows) + more(len(given["times"]), MOST_AHEAD, "dates")


# -- how good ------------------------------------------------------------------------------------


def _test(d: Document) -> str:
    test = d["test"]
    several = f" of {test['series']:,} series" if test["series"] > 1 else ""
    text = (
        f"From each of {len(test['origins'])} dates, {test['origins'][0]} to "
        f"{test['origins'][-1]}, every method forecast 1 to {test['horizon']} steps ahead{several},"
        " with parameters estimated anew on what was known there: "
        f"{test['forecasts']:,} forecasts, judged where all methods have one."
    )
    repeated = "season" if test["season"] > 1 else "value"
    legend = (
        f"MASE: mean absolute error in units of that of repeating the last {repeated} inside the "
        "history; 1 is as good. Skill: the share of the MASE of the better naive forecast "
        f"({test['naive']}) that is taken away; below 0 it is worse. sMAPE is in percent, RMSE and"
        " pinball are in the target's own units."
    )
    methods = test["methods"]
    extra = [n for n in methods[0] if n.startswith(("coverage", "width"))]
    columns = [n for n in (*SHOWN, *extra) if n in methods[0]]
    seeds = "seeds" in methods[0]
    head = ["method", *columns, *(["MASE over seeds"] if seeds else []), "seconds"]
    rows = []
    for one in methods:
        name = f"{one['method']} (this forecaster)" if one["forecaster"] else one["method"]
        row = [name]
        for column in columns:
            shares = column == "skill" or column.startswith("coverage")
            row.append(percent(one[column]) if shares else digits(one[column]))
        if seeds:
            ends = f"{digits(one['MASE least'])} to {digits(one['MASE most'])}"
            row.append(f"{ends} ({one['seeds']})" if one["seeds"] > 1 else "-")
        rows.append([*row, f"{one['seconds']:.1f}"])
    return paragraph(text) + table("All methods, the best first", head, rows) + paragraph(legend)


def _by_horizon(d: Document) -> str:
    names = pictures.drawn(d)
    own = d["by_horizon"][d["test"]["forecaster"]]["MASE"]
    steps = d["test"]["horizon"]
    places = list(range(min(steps, MOST_STEPS)))
    every = [m["method"] for m in d["test"]["methods"]]
    rows = [
        [str(h + 1), *(digits(d["by_horizon"][name]["MASE"][h]) for name in every)] for h in places
    ]
    left = len(every) - len(names)
    return (
        picture(
            pictures.by_horizon(d, "MASE"),
            f"MASE against steps ahead: the forecaster goes from {digits(own[0])} one step ahead"
            f" to {digits(own[-1])} at {steps}.",
            "MASE of each step ahead"
            + (f"; {left} more methods are in the table." if left > 0 else "."),
        )
        + table("MASE by steps ahead", ["step", *every], rows)
        + more(steps, MOST_STEPS, "steps, and the other figures,")
    )


def _intervals(d: Document) -> str:
    found = d["intervals"]
    stated = f"{found['coverage']:.0%}"
    text = f"Of intervals that say {stated}, that share of the outcomes should lie inside. "
    if not found["own"]:
        text = "This loss gives no quantiles, and so the forecaster has no intervals of its own. "
    text += (
        f"Calibrated intervals of {stated} are widened or narrowed by the errors of earlier "
        "origins whose outcomes were known by then; the first origins have none."
    )
    rows = []
    for h, row in enumerate(found["calibrated"][:MOST_STEPS]):
        of_own = [percent(found["own"][h]), digits(found["widths"][h])] if found["own"] else []
        rows.append(
            [
                str(h + 1),
                digits(found["forecasts"][h]),
                *of_own,
                digits(row["forecasts"]),
                percent(row["coverage"]),
                digits(row["width"]),
            ]
        )
    head = ["step", "forecasts", *(["inside", "mean width"] if found["own"] else [])]
    head += ["calibrated: forecasts", "inside", "mean width"]
    inside = [v for v in found["own"] or [] if v is not None]
    ends = f"between {percent(min(inside))} and {percent(max(inside))}" if inside else "none"
    return (
        paragraph(text)
        + picture(
            pictures.coverage(d),
            f"Share of outcomes inside the intervals by steps ahead; stated {stated}, own {ends}.",
            "Coverage by steps ahead.",
        )
        + table(f"Intervals of {stated}", head, rows)
        + more(len(found["calibrated"]), MOST_STEPS, "steps")
    )


def _tests(d: Document) -> str:
    tests, steps = d["tests"], d["test"]["horizon"]
    text = (
        "Diebold-Mariano tests of the forecaster against each other method, by absolute errors: "
        "the chance of such a difference where both are as good. Bartlett weights, the correction "
        "of Harvey, Leybourne and Newbold. Minus: this forecaster is the better one; plus: the "
        "other is. Where origins are too few for a step, the test is refused."
    )
    places = sorted({round(1 + i * (steps - 1) / (MOST_TESTED - 1)) for i in range(MOST_TESTED)})
    head = ["against", *(f"step {h}" for h in places), "all steps", "origins"]
    rows: list[list[str]] = []
    refused: dict[str, None] = {}
    for one in tests["rivals"]:
        by_step = {row["step"]: row for row in one["steps"]}
        picked = [*(by_step[h] for h in places), by_step["mean"]]
        rows.append([one["rival"], *map(_p_value, picked), digits(picked[0]["origins"])])
        refused |= {row["note"]: None for row in one["steps"] if row["note"]}
    nested = [one["rival"] for one in tests["rivals"] if one["warning"]]
    notes = list(refused)[:MOST_TESTED]
    if nested:
        notes.append(
            f"{', '.join(nested)}: one of the two models is a special case of the other, and under "
            "equal accuracy the statistic is not Student's on growing histories."
        )
    return (
        paragraph(text)
        + table("p-values, two-sided", head, rows)
        + (subheading("Refused, or to be read with care") + listing(notes) if notes else "")
    )


def _p_value(row: Mapping[str, Any]) -> str:
    if row["p_value"] is None:
        return "refused"
    return f"{chance(row['p_value'])} ({'-' if row['mean'] < 0 else '+'})"


def _last_value(d: Document) -> str:
    found = d["last_value"]
    if found is None:
        return paragraph("Not asked: there are fewer than five origins.")
    verdict = (
        "Yes: this forecast is yesterday's value."
        if found["repeats"]
        else "No: it is more than yesterday's value."
    )
    text = (
        f"{verdict} One step ahead it lies {digits(found['to_last'])} units of MASE from the last "
        f"value on average and {digits(found['to_outcome'])} from the outcome "
        f"({found['origins']} origins)."
    )
    if found["p_value"] is not None:
        text += (
            " Clark and West's test that it is better than the last value, one-sided: p = "
            f"{chance(found['p_value'])}."
        )
    return paragraph(text, "status warn" if found["repeats"] else "")


def _by_series(d: Document) -> str:
    rows = d["by_series"]
    head = ["series", "MASE", f"MASE of {d['test']['naive']}", "sMAPE", "RMSE", "forecasts"]
    cells = [
        [r["series"], *(digits(r[n]) for n in ("MASE", "naive MASE", "sMAPE", "RMSE", "forecasts"))]
        for r in rows[:MOST_ROWS]
    ]
    caption = f"The forecaster in each of {len(rows):,} series, the lowest MASE first"
    return table(caption, head, cells) + more(len(rows), MOST_ROWS, "series")


# -- data and training ---------------------------------------------------------------------------


def _data(d: Mapping[str, Any]) -> str:
    judged = d["judged"]
    lost: list[tuple[str, Any]] = [
        ("rows before a series' first or behind its last value, left out", d["rows_left_out"]),
        ("dates without a row (gaps)", d["dates_without_a_row"]),
        ("rows without a value of the target (gaps)", d["rows_without_a_value"]),
        *(
            (f"dates on which {name!r} is filled by its last value before", count)
            for name, count in d["filled"].items()
        ),
        ("columns that are not used", len(d["unused_columns"])),
        ("series in no origin (too short, or ended before)", len(judged["never"])),
        ("forecasts without an outcome", judged["without_an_outcome"]),
        *(
            (f"forecasts that {name} failed to give", count)
            for name, count in judged["without_a_forecast"].items()
        ),
        ("forecasts that were judged", judged["judged"]),
    ]
    text = (
        f"{d['source']}: {d['rows']:,} rows x {len(d['columns'])} columns; {d['values']:,} values "
        f"of {len(d['series']):,} series, {d['first']} to {d['last']}. The frequency is "
        f"{d['frequency']}, a season has {d['season']} step{'s' * (d['season'] > 1)}."
    )
    gaps = (
        "A gap shows its last value before it where it is seen, and does not count where it is "
        "forecast; classical methods draw a straight line through it."
    )
    parts = [paragraph(text)]
    parts.append(table("What was lost", ["what", "how many"], [[a, digits(b)] for a, b in lost]))
    if any(row["gaps"] for row in d["series"]):
        parts.append(paragraph(gaps))
    if d["unused_columns"]:
        listed = d["unused_columns"][:MOST_ROWS]
        parts.append(subheading("Columns that are not used") + listing(listed))
        parts.append(more(len(d["unused_columns"]), MOST_ROWS, "columns"))
    if d["remarks"]:
        parts.append(subheading("Remarks on reading the table") + listing(d["remarks"]))
    head = ["series", "first", "last", "values", "gaps", "dates to come", "origins"]
    rows = [
        [r["series"] or "-", r["first"], r["last"]]
        + [digits(r[n]) for n in ("values", "gaps", "dates_to_come", "origins")]
        for r in sorted(d["series"], key=lambda r: r["origins"])[:MOST_ROWS]
    ]
    parts.append(table("Series, those with the fewest origins first", head, rows, words=3))
    parts.append(more(len(d["series"]), MOST_ROWS, "series"))
    return "".join(parts)


def _learning(d: Document) -> str:
    seeds = d["learning"]["seeds"]
    held = any(s["val_loss"] for s in seeds)
    text = "Costs are on the windows' own scale. " + (
        "The last windows in time are held back; the weights are those of the update (dotted) "
        "at which they were forecast best."
        if held
        else "The history is too short to hold windows back: the weights are the last ones."
    )
    rows = [
        [
            str(s["seed"]),
            digits(s["best"]) if s["best"] else "the last",
            digits(s["loss"][-1]) if s["loss"] else "-",
            digits(_least(s["val_loss"])),
            "DIVERGED" if s["diverged"] else "no",
        ]
        for s in seeds
    ]
    head = ["seed", "update kept", "training, at the end", "held back, least", "diverged"]
    return (
        paragraph(text)
        + picture(
            pictures.learning(d),
            f"Training cost against updates for {len(seeds)} seeds; the table has the ends.",
            "Cost by update; dashed, of the windows that were held back.",
        )
        + table("Costs", head, rows)
    )


def _least(values: list[float | None] | None) -> float | None:
    known = [v for v in values or [] if v is not None]
    return min(known) if known else None


def _settings(d: Mapping[str, Any]) -> str:
    rows = [
        [r["name"], cell(r["value"] if r["used"] is None else r["used"]), r["what"]]
        for r in d["rows"]
    ]
    return table("Forecaster", ["setting", "value", "what it is"], rows, words=3) + preformatted(
        d["summary"], "layers of the network"
    )


def _identity(d: Mapping[str, Any]) -> str:
    covariates = [
        ("known in advance", ", ".join([*d["known"], *d["calendar"]])),
        ("known up to the present", ", ".join(d["observed"])),
    ]
    trained = f"on what was known on {d['trained_before']}" if d["trained_before"] else "on all"
    return pairs(
        "Identity",
        [
            ("forecaster", d["forecaster"]),
            ("target", d["target"]),
            ("time", d["time"]),
            ("series by", d["by"]),
            *covariates,
            ("horizon", d["horizon"]),
            ("trained", f"{trained}, in {d['seconds']:.1f} s"),
            ("reported (UTC)", d["when"]),
            ("data", d["source"]),
            ("sha256 of the data", d["data_sha256"]),
            ("rows of the last part", f"{d['test_rows']:,}"),
            ("sha256 of the last part", d["test_sha256"]),
        ],
    ) + openings(d["openings"], d["warning"])


def _reproduce(d: Mapping[str, Any]) -> str:
    rows = [[name, version] for name, version in d["versions"].items()]
    return (
        (preformatted(d["command"], "command") if d["command"] else "")
        + preformatted(d["python"], "the same in Python")
        + table("Versions", ["of", "version"], rows, words=2)
    )
