"""The JSON of a report, section by section."""

from __future__ import annotations

from typing import TypedDict

from descend.report.table.document.figures import (
    Baselines,
    Calibration,
    Discrimination,
    Uncertainty,
)
from descend.report.table.document.fit import Data, Design, Identity, Learning, Reproduce
from descend.report.table.document.insight import Explanation, Groups, Stability
from descend.report.table.document.shared import CheckResult, LeftOut


class Document(TypedDict):
    """The JSON of a report."""

    format: int
    title: str
    identity: Identity
    data: Data
    design: Design
    baselines: Baselines
    learning: Learning | LeftOut
    discrimination: Discrimination
    calibration: Calibration
    uncertainty: Uncertainty
    explanation: Explanation
    stability: Stability
    groups: Groups | LeftOut
    checks: list[CheckResult]
    limitations: list[str]
    reproduce: Reproduce
    summary: list[str]
