"""The table of slides: what it names is there, and no title of a lecture is left out."""

from __future__ import annotations

from pathlib import Path

import docs_slides
import pytest
from docs_output import ROOT
from public_names import public

SLIDES = docs_slides.slides(ROOT / "docs" / "slides.toml")
LECTURES = next((p / "shared" / "lectures" for p in ROOT.parents if (p / "shared").exists()), None)
HEADINGS = set(SLIDES) - {"radwan"}  # its text has no headings


def text_of(lecture: str) -> str:
    files = sorted(LECTURES.glob(f"{lecture}*.txt")) if LECTURES else []
    if not files:
        pytest.skip("the lectures are not at hand")
    return files[0].read_text(encoding="utf-8")


def test_every_lab_name_and_page_is_there():
    names = {item.path for item in public()}
    missing = []
    for said in SLIDES.values():
        for title, targets in said["shown"].items():
            assert targets, title
            for target in targets:
                if target.startswith("descend."):
                    there = target in names
                elif target.startswith("labs/"):
                    there = (ROOT / f"{target}.py").exists()
                elif target.startswith("benchmarks/"):
                    there = (ROOT / f"benchmarks/results/{Path(target).name}.json").exists()
                else:
                    there = (ROOT / "docs" / f"{target}.md").exists()
                if not there:
                    missing.append(f"{title}: {target}")
    assert missing == []


def test_every_lab_shows_a_slide():
    shown = {t for said in SLIDES.values() for targets in said["shown"].values() for t in targets}
    assert {f"labs/{p.stem}" for p in (ROOT / "labs").glob("*.py")} <= shown


@pytest.mark.parametrize("lecture", sorted(SLIDES))
def test_a_title_stands_in_one_place(lecture):
    said = SLIDES[lecture]
    listed = [*said["shown"], *said["later"], *said["aside"]]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("lecture", sorted(HEADINGS))
def test_no_title_of_a_lecture_is_missing(lecture):
    said = SLIDES[lecture]
    listed = {*said["shown"], *said["later"], *said["aside"]}
    assert set(docs_slides.titles(text_of(lecture))) == listed


def test_the_titles_of_a_lecture_without_headings_are_in_its_text():
    said = SLIDES["radwan"]
    lines = {docs_slides.cleaned(line) for line in text_of("radwan").splitlines()}
    assert {*said["shown"], *said["later"], *said["aside"]} <= lines


def test_titles_are_read_without_their_markup():
    text = "#### **A  Title**\n# ■ DAY, 22<sup>ND</sup>\n1.2 A Section\n1.2 is a number\n# A Title"
    assert docs_slides.titles(text) == ["A Title", "DAY, 22ND", "1.2 A Section"]


def test_the_page_has_every_title():
    page = docs_slides.page(ROOT / "docs" / "slides.toml")
    assert page.count("| not yet |") == sum(len(said["later"]) for said in SLIDES.values())
    assert "| HEBB'S RULE | [grandmother](labs/grandmother.md), {py:obj}`HebbUnit" in page
