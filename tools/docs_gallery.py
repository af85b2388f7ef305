"""The pages of the gallery: one for each lab, and their index by topic and by lecture."""

from __future__ import annotations

import re
from pathlib import Path

from docs_docstrings import to_rst
from docs_labs import Cell, Ran, parts

HEAD = ["what", "printed in the lecture", "obtained", "agrees"]
# the picture's caption is the text of the cell that says what it shows
ABOUT_A_PICTURE = re.compile(r"^#+ .*(picture|figure)", re.I)


def lab_page(lab: Path, ran: Ran, uses: dict[str, str], images: str) -> str:
    """The page of a lab, in Markdown.

    Args:
        lab: its file.
        ran: what its run left.
        uses: {public name: its dotted path}, of what it imports.
        images: the folder of its pictures as the page writes it.
    """
    title, rest, cells = parts(lab)
    lines = [f"# {plain(title.removesuffix('.'))}", "", *rst(rest), ""]
    if ran.absent:
        lines += [
            ":::{note}",
            "This lab was not run when this page was built (its data were not at hand, or it was "
            "not asked for): no pictures and no figures are shown.",
            ":::",
            "",
        ]
    about = caption(cells)
    for picture in ran.pictures:
        lines += figure(f"{images}/{picture.name}", f"{plain(title)} {about}".strip())
    if about and ran.pictures:
        lines += [about, ""]
    if ran.checks:
        lines += ["## What comes out", "", *table(HEAD, ran.checks), ""]
        lines += [f"Run with `--quick`, in {ran.seconds:.0f} seconds.", ""]
    if ran.output:
        lines += ["It prints:", "", *fenced(ran.output, "text"), ""]
    lines += ["## The program", ""]
    lines += [
        f"{{download}}`{lab.name} <files/{lab.name}>`, or `descend lab run {lab.stem}`.",
        "",
    ]
    if uses:
        named = ", ".join(f"{{py:obj}}`{name} <{path}>`" for name, path in sorted(uses.items()))
        lines += [f"It uses {named}.", ""]
    for cell in cells:
        if cell.markdown:
            lines += [re.sub(r"(?m)^#", "##", cell.text), ""]
        else:
            lines += [*fenced(cell.text, "python"), ""]
    return "\n".join(lines)


def caption(cells: list[Cell]) -> str:
    """What the Markdown cell about the picture says, on one line; "" where there is none."""
    for cell in cells:
        if cell.markdown and ABOUT_A_PICTURE.match(cell.text):
            return " ".join(cell.text.split("\n", 1)[1].split()) if "\n" in cell.text else ""
    return ""


def figure(path: str, alternative: str) -> list[str]:
    """A picture with words for those who do not see it."""
    return [f"```{{image}} {path}", f":alt: {' '.join(alternative.split())}", "```", ""]


def plain(text: str) -> str:
    """Words in which Markdown finds no markup."""
    return re.sub(r"([\\*_`\[\]<>|$])", r"\\\1", text)


def rst(text: str) -> list[str]:
    """A docstring inside a page of Markdown."""
    return ["```{eval-rst}", *to_rst(text), "```"] if text else []


def fenced(text: str, language: str) -> list[str]:
    """A block of code; its fence is longer than any in it."""
    fence = "`" * max(3, *(len(found) + 1 for found in re.findall("`+", text)), 0)
    return [f"{fence}{language}", *text.splitlines(), fence]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table of plain words."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(plain(c) or " " for c in row) + " |" for row in rows]


def index_page(
    topics: dict[str, list[str]],
    lectures: dict[str, dict[str, str]],
    titles: dict[str, str],
    thumbnails: dict[str, str],
) -> str:
    """The gallery: cards with a small picture, topic by topic; then the labs of each slide.

    Args:
        topics: {topic: its labs}.
        lectures: {lecture: {slide: the first lab that shows it}}.
        titles: {lab: its title}.
        thumbnails: {lab: a picture as the page writes it}, of those that have one.
    """
    lines = ["# Gallery of labs", ""]
    lines += [
        f"The {len(titles)} worked examples of the lectures, each one file that runs by itself "
        "(`descend lab run NAME`) and holds what the lecture prints to what comes out. "
        "By topic first, then [by lecture and slide](#by-lecture-and-slide); functions and pages "
        "that show a slide are in the [table of slides](../slides.md), too.",
        "",
    ]
    for topic, labs in topics.items():
        lines += [f"## {topic}", "", "::::{container} cards", ""]
        for lab in labs:
            lines += card(lab, titles[lab], thumbnails.get(lab))
        lines += ["::::", ""]
    lines += ["## By lecture and slide", ""]
    for lecture, slides in lectures.items():
        rows = [f"| {plain(slide)} | [{plain(lab)}]({lab}.md) |" for slide, lab in slides.items()]
        lines += [f"### {lecture}", "", "| slide | lab |", "|---|---|", *rows, ""]
    listed = [lab for labs in topics.values() for lab in labs]
    lines += ["```{toctree}", ":hidden:", "", *listed, "```", ""]
    return "\n".join(lines)


def card(lab: str, title: str, thumbnail: str | None) -> list[str]:
    """A lab's title below its picture, in a box."""
    short = plain(title.removesuffix("."))
    picture = f"![]({thumbnail}) " if thumbnail else ""
    return [":::{container} card", f"{picture}[{short}]({lab}.md)", ":::", ""]
