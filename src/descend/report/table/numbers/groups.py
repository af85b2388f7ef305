"""The figures of each group of the test rows."""

from __future__ import annotations

from descend.report.table.document.insight import Groups
from descend.report.table.document.shared import LeftOut
from descend.report.table.evidence import Evidence
from descend.tables.judging import by_group
from descend.tables.judging.plain import group_names, plain


def groups(evidence: Evidence, threshold: float | None) -> Groups | LeftOut:
    """Figures of each group of the test rows; `threshold` is that of two classes."""
    if evidence.groups is None:
        return {"left_out": "no group column was named (--group COLUMN)"}
    return {
        "column": evidence.options.group,
        "threshold": threshold,
        "targets": [
            {"target": label, "parts": plain(figures.parts)}
            for label, figures in _figures(evidence, threshold)
        ],
    }


def _figures(evidence: Evidence, threshold: float | None) -> list[tuple[str, by_group.Groups]]:
    """(what is predicted, figures of all rows and of each group)."""
    assert evidence.groups is not None
    labels = group_names(evidence.groups, len(evidence.groups))
    y, p, w = evidence.y("test"), evidence.predicted["test"], evidence.weight("test")
    name = evidence.views[0].label
    if evidence.binary:
        assert threshold is not None
        event = by_group.event_by_group(y, p[:, 1], labels, threshold=threshold, weights=w)
        return [(name, event)]
    if evidence.classes:
        return [(name, by_group.classes_by_group(y, p, labels, weights=w))]
    if evidence.levels:
        one = evidence.explained[0]
        return [(one.label, by_group.values_by_group(y, one.take(p), labels, weights=w))]
    return [
        (
            view.label,
            by_group.values_by_group(view.y["test"], view.predicted["test"], labels, weights=w),
        )
        for view in evidence.views
    ]
