"""The network beside baselines: each figure with its interval, and that of the difference."""

from __future__ import annotations

from typing import Any

from descend.report.table.document.figures import Baseline, Baselines, TargetFigures
from descend.report.table.evidence import Evidence, View
from descend.tables.judging.bootstrap import bootstrap, compare
from descend.tables.judging.plain import plain
from descend.tables.scores import simplest

# of the figure of the simplest prediction: a difference that float32 predictions cannot tell from 0
TELLING = 1e-6


def baselines(evidence: Evidence) -> Baselines:
    """Each figure of network and baselines with its interval, and that of the difference."""
    drawn = "rows"
    if evidence.clusters is not None:
        drawn = f"whole groups of {evidence.prepared.options.group!r}"
    options, rows = evidence.options, len(evidence.rows["test"])
    return {
        "level": options.level,
        "resamples": options.draws(rows),
        "drawn": drawn,
        "weighted": evidence.prepared.weight is not None,
        "main": next(iter(evidence.measures)),
        "better": {name: m.better for name, m in evidence.measures.items()},
        "targets": [_figures(evidence, view) for view in evidence.views],
    }


def _figures(evidence: Evidence, view: View) -> TargetFigures:
    """The figures of network and baselines for one target."""
    options, y, predicted = evidence.options, view.y["test"], view.predicted["test"]
    how: dict[str, Any] = {
        "weights": evidence.weight("test"),
        "clusters": evidence.clusters,
        "level": options.level,
        "resamples": options.draws(len(y)),
        "seed": options.seed,
    }
    network = {
        name: plain(bootstrap(m, y, predicted, **how)) for name, m in evidence.measures.items()
    }
    simple, _ = simplest(
        evidence.task,
        view.y["train"],
        len(y),
        evidence.classes,
        evidence.levels,
        evidence.weight("train"),
    )
    least = {
        name: TELLING * abs(m(y, simple, evidence.weight("test")))
        for name, m in evidence.measures.items()
    }
    others: list[Baseline] = []
    for baseline in view.baselines:
        figures: dict[str, Any] = {}
        if baseline.test is not None:
            for name, measure in evidence.measures.items():
                pair = compare(measure, y, predicted, baseline.test, **how)
                same = max(abs(pair.difference.low), abs(pair.difference.high)) <= least[name]
                winner = {"first": "network", "second": "baseline", None: None}[pair.winner]
                figures[name] = {
                    "value": pair.second.to_json(),
                    "difference": pair.difference.to_json(),
                    "network_better": pair.first_better,
                    "same": same,
                    "winner": None if same else winner,
                }
        others.append(
            {
                "name": baseline.name,
                "words": baseline.words,
                "seconds": baseline.seconds,
                "note": baseline.note,
                "failed": baseline.failed,
                "figures": plain(figures),
            }
        )
    return {"target": view.label, "network": network, "others": others}
