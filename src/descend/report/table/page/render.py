"""The report on a table as HTML, made of the document that is written as JSON."""

from __future__ import annotations

from descend.report.page import (
    listing,
    page,
    paragraph,
)
from descend.report.table.document.whole import Document
from descend.report.table.page.baselines import baselines
from descend.report.table.page.calibration import calibration
from descend.report.table.page.checks import checks
from descend.report.table.page.data import data
from descend.report.table.page.design import design, learning
from descend.report.table.page.discrimination import Clouds, discrimination
from descend.report.table.page.explanation import explanation
from descend.report.table.page.groups import groups
from descend.report.table.page.identity import identity, reproduce
from descend.report.table.page.stability import stability
from descend.report.table.page.uncertainty import uncertainty


def render(document: Document, clouds: Clouds) -> str:
    """The page of a document.

    Args:
        document: the numbers, by section.
        clouds: {target: (y, predicted)} of the test rows, for pictures.
    """
    d = document
    sections = [
        ("What was fitted", identity(d["identity"])),
        ("Data", data(d["data"])),
        ("Design", design(d["design"])),
        ("Beside baselines", baselines(d["baselines"])),
        ("Learning", learning(d["learning"])),
        ("Discrimination and errors", discrimination(d["discrimination"], clouds)),
        ("Calibration", calibration(d["calibration"])),
        ("Uncertainty", uncertainty(d["uncertainty"])),
        ("Explanation", explanation(d["explanation"])),
        ("Stability", stability(d["stability"])),
        ("Groups", groups(d["groups"])),
        ("Checks", checks(d["checks"])),
        ("Limitations", listing(d["limitations"])),
        ("To do it again", reproduce(d["reproduce"])),
    ]
    every = [*d["data"]["checks"], *d["checks"]]
    bad = any(c["status"] == "failed" and c["level"] == "issue" for c in every)
    main = d["baselines"]["main"]
    for target in d["baselines"]["targets"]:
        figures = [o["figures"][main] for o in target["others"] if main in o["figures"]]
        bad = bad or any(figure["winner"] == "baseline" for figure in figures)
    lead = paragraph(" ".join(d["summary"]), "status warn" if bad else "status")
    return page(d["title"], sections, lead + paragraph(d["identity"]["supports"]))
