"""A docstring of the house as reStructuredText, for the reference.

The house writes docstrings as plain text: formulas in their own indented block, code in single
backticks, sections ("Args:", "Returns:", ...) with their entries indented below, or a word and a
colon that begin a paragraph ("Arrays: kernel W (d, m)"). Nothing else is markup: a star is a
product and an underscore an index.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

LABEL = re.compile(
    r"(Args|Arguments|Attributes|Arrays|Returns|Yields|Raises|Source|Sources|Example|Examples"
    r"|Note|Notes|State|Warns):(?:\s+|$)"
)
ENTRY = re.compile(r"(\S.*?):(?:\s+|$)(.*)", re.S)
ENTRIES = {"Args", "Arguments", "Attributes", "Raises", "Warns"}
BULLET = re.compile(r"[-*] ")
CODE = re.compile(r"``(.+?)``|`([^`]+)`")

Links = Mapping[str, str]  # a name as docstrings write it -> its dotted path


def to_rst(text: str, links: Links | None = None) -> list[str]:
    """The lines of reStructuredText that show a docstring.

    Args:
        text: a docstring without its indentation (`inspect.getdoc`).
        links: names that, written as code, lead to their place in the reference.

    Returns:
        Lines, to be indented below a directive.
    """
    lines: list[str] = []
    for block in blocks(text):
        lines += [*shown(block, links or {}), ""]
    return lines


def blocks(text: str) -> list[str]:
    """Paragraphs, indented blocks, and sections with all that is indented below them."""
    found: list[list[str]] = []
    for line in textwrap.dedent(text).strip("\n").splitlines():
        if not line.strip():
            if found and found[-1]:
                found[-1].append("")
            continue
        ended = bool(found) and found[-1][-1] == ""
        if not found or begins(line, found[-1], ended):
            found.append([])
        found[-1].append(line)
    return ["\n".join(block).strip("\n") for block in found]


def begins(line: str, block: list[str], ended: bool) -> bool:
    """Whether a line begins another block than the one that goes on above it."""
    first = block[0]
    inside = line.startswith(" ")
    if first.startswith(" "):  # an indented block ends with its indentation
        return not inside
    if LABEL.match(first) and inside:
        return False
    if not ended:  # a section may follow a paragraph without an empty line
        return bool(LABEL.match(line)) and not line.startswith(" ")
    return not (inside and BULLET.match(first))


def shown(block: str, links: Links) -> list[str]:
    """One block as reStructuredText."""
    if block.startswith(" "):
        return literal(block)
    if block.startswith(">>> "):
        return literal(block, "pycon")
    if label := LABEL.match(block):
        return section(label[1], block[label.end() :], links)
    if BULLET.match(block):
        return bullets(block, links)
    return paragraph(block, links)


def section(name: str, body: str, links: Links) -> list[str]:
    """A labelled section: entries as a definition list, examples as code, else paragraphs."""
    title = "Args" if name == "Arguments" else name.removesuffix("s") if name == "Notes" else name
    if "\n" in body and (body.startswith(" ") or not body.split("\n")[0].strip()):
        body = textwrap.dedent(body.strip("\n"))
    elif not body.startswith(" "):  # "Source: one paragraph" goes on at the margin
        first, _, rest = body.partition("\n")
        body = f"{first}\n{textwrap.dedent(rest)}" if rest else first
    if name in ENTRIES and (found := entries(body)):
        lines = [f".. rubric:: {title}", "   :class: docstring-label", ""]
        for names, words in found:
            lines += [code_names(names, links), *indented(to_rst(words, links) or ["-"])]
        return lines
    parts = [shown(block, links) for block in blocks(body)]
    if not parts:
        return []
    if body.startswith((">>> ", " ")) or len(parts) > 1:
        head = [f".. rubric:: {title}", "   :class: docstring-label", ""]
        return head + [line for part in parts for line in [*part, ""]]
    return [f"**{title}:** {parts[0][0]}", *parts[0][1:]]


def entries(body: str) -> list[tuple[str, str]]:
    """("a, b", words) of a section whose lines begin with names and a colon; else none."""
    found: list[list[str]] = []
    for line in body.splitlines():
        if line.strip() and not line.startswith(" "):
            found.append([])
        if not found:
            return []
        found[-1].append(line)
    pairs = []
    for lines in found:
        match = ENTRY.match("\n".join(lines).rstrip())
        if match is None:
            return []
        first, _, rest = match[2].partition("\n")
        pairs.append((match[1], f"{first}\n{textwrap.dedent(rest)}".strip("\n")))
    return pairs


def code_names(names: str, links: Links) -> str:
    """ "a, b" with each name as code."""
    parts = re.split(r"(, | or | and )", " ".join(names.split()))
    return "".join(
        part if i % 2 else inline(f"`{part.strip('`')}`", links) for i, part in enumerate(parts)
    )


def literal(block: str, language: str = "text") -> list[str]:
    """A block whose lines stay as they are."""
    lines = textwrap.dedent(block).splitlines()
    return [f".. code-block:: {language}", "", *indented(lines)]


def bullets(block: str, links: Links) -> list[str]:
    """A list; its items go on indented, or at the margin of their words."""
    lines: list[str] = []
    for item in re.split(r"(?m)^[-*] ", block)[1:]:
        lines += [f"- {paragraph(item, links)[0]}"]
    return lines


def paragraph(text: str, links: Links) -> list[str]:
    """Words as one line that begins no markup of reStructuredText."""
    return ["\\ " + inline(" ".join(text.split()), links)]


def inline(text: str, links: Links) -> str:
    """Words with code in backticks, everything else taken as it stands."""
    parts, at = [], 0
    for code in CODE.finditer(text):
        parts += [escaped(text[at : code.start()]), quoted(code[1] or code[2], links)]
        at = code.end()
    return "".join([*parts, escaped(text[at:])])


def quoted(code: str, links: Links) -> str:
    """Code, as a link where it is a name of the reference."""
    path = links.get(code.removesuffix("()"))
    if path:
        return rf"\ :py:obj:`{code} <{path}>`\ "
    return rf"\ ``{code.strip()}``\ "


def escaped(text: str) -> str:
    """Text in which reStructuredText finds no markup, no address and no field."""
    text = re.sub(r"([\\*_|`@])", r"\\\1", text)
    return re.sub(r":(?=[^\s/])|::", lambda m: "".join(f"\\{c}" for c in m[0]), text)


def indented(lines: list[str], by: int = 3) -> list[str]:
    """Lines moved to the right."""
    return [" " * by + line if line else "" for line in lines]


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, for a table of names."""
    words = " ".join(text.strip().split("\n\n")[0].split())
    match = re.match(r".*?[^.][.:](?=\s+[A-Z]|$)", words)
    return (match[0] if match else words).rstrip(":.") if words else ""
