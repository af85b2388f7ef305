"""The table of slides (docs/slides.toml): every title of the lectures, and where it is shown."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from docs_gallery import plain, table


def slides(path: Path) -> dict[str, dict[str, Any]]:
    """{lecture: its `title`, `shown`, `later` and `aside`}."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def labs(path: Path) -> dict[str, dict[str, str]]:
    """{lecture: {slide: the first lab that shows it}}, of the slides that have one."""
    found: dict[str, dict[str, str]] = {}
    for lecture, said in slides(path).items():
        first = {
            s: next((t for t in to if t.startswith("labs/")), "") for s, to in said["shown"].items()
        }
        found[lecture] = {slide: lab.removeprefix("labs/") for slide, lab in first.items() if lab}
    return found


def page(path: Path) -> str:
    """The page with the table."""
    lines = [
        "# Slides",
        "",
        "Every slide title of the five lectures that states something to compute or to show, and "
        "where it is here: a lab, a function, a page. What is not there yet (agents, sequences of "
        "words, generators) says so. By topic the labs are in the [gallery](labs/index.md).",
        "",
    ]
    for lecture, said in slides(path).items():
        count = f"{len(said['shown'])} shown, {len(said['later'])} not yet"
        lines += [f"## {lecture}", "", f"*{said['title']}*: {count}.", ""]
        rows = [[title, ""] for title in said["shown"]]
        body = table(["slide", "where"], rows)
        for i, targets in enumerate(said["shown"].values()):
            body[i + 2] = body[i + 2].removesuffix("  |") + ", ".join(map(link, targets)) + " |"
        lines += [*body, *(f"| {plain(title)} | not yet |" for title in said["later"]), ""]
    return "\n".join(lines)


def link(target: str) -> str:
    """A lab, a public name or a page, as a link of Markdown."""
    if target.startswith("descend."):
        return f"{{py:obj}}`{target.rpartition('.')[2]} <{target}>`"
    if target.startswith("labs/"):
        return f"[{plain(target.removeprefix('labs/'))}]({target}.md)"
    return f"[]({target}.md)"


def titles(lecture: str) -> list[str]:
    """The titles in the text of a lecture: its headings, and sections with a number."""
    found = []
    for line in lecture.splitlines():
        heading = re.match(r"#+ (.+)|(\d\.\d+ [A-Z].+)", line)
        if heading:
            found.append(cleaned(heading[1] or heading[2]))
    return list(dict.fromkeys(title for title in found if title))


def cleaned(title: str) -> str:
    """A title without what the text marks it up with."""
    title = re.sub(r"</?\w+>|[*■]", "", title)
    return " ".join(title.split())
