"""The network beside baselines as HTML."""

from __future__ import annotations

from collections.abc import Mapping

from descend.report.page import (
    listing,
    paragraph,
    table,
)
from descend.report.table.document.figures import Baselines, TargetFigures
from descend.report.table.words import interval, percent


def baselines(d: Baselines) -> str:
    """The section "Beside baselines"."""
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


def _differences(target: TargetFigures, better: Mapping[str, str], several: str) -> str:
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
