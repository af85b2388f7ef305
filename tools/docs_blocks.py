"""The code on a page and the output that it shows: what is run, and what is compared.

A block of `python` runs, in the order of its page. What it prints may be shown below it,

    <!-- printed:begin -->
    ```text
    0.25
    ```
    <!-- printed:end -->

and a command's output in the same way, between marks of another name: the command is the block's
first line, after "$ ", or the one of that name in COMMANDS. A line "..." stands for any lines.
Words must be equal; numbers may differ by TOLERANCE of their size or one unit of their last
digit, or by what the mark says: `<!-- printed:begin 20% -->`. Curves drawn in characters are not
compared. A block behind `<!-- slow -->` runs only where slow tests do.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

TOLERANCE = 0.02
COMMANDS = {"fit": "descend fit iris"}
FENCE = re.compile(
    r"^(?P<slow><!-- slow -->\n+)?```python\n(?P<code>.*?)^```$"
    r"|^<!-- (?P<name>\w+):begin(?: (?P<percent>\d+)%)? -->\n(?P<shown>.*?)^<!-- (?P=name):end -->",
    re.M | re.S,
)
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?|-?\.\d+(?:e[+-]?\d+)?")
CURVE = re.compile(r"^\s*[-+.e\d]*\s*(\||\+-)")


@dataclass
class Block:
    """A block of code, or of shown output.

    Attributes:
        text: the code or the output, without fences.
        line: where it stands on its page.
        kind: "python", "printed", "command", or "made" for what another tool writes.
        command: what is run in a shell.
        tolerance: how far numbers may be apart, of their size.
        slow: whether it is left to slow tests.
    """

    text: str
    line: int
    kind: str
    command: str = ""
    tolerance: float = TOLERANCE
    slow: bool = False


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in its order."""
    found: list[Block] = []
    for match in FENCE.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        if match["code"] is not None:
            found.append(Block(match["code"], line, "python", slow=bool(match["slow"])))
            continue
        inner = re.fullmatch(r"\n*```\w*\n(.*)^```\n*", match["shown"], re.M | re.S)
        if inner is None:
            found.append(Block(match["shown"], line, "made"))
            continue
        within = int(match["percent"]) / 100 if match["percent"] else TOLERANCE
        text, name = inner[1], match["name"]
        first, _, rest = text.partition("\n")
        if first.startswith("$ "):
            found.append(Block(rest, line, "command", first[2:], within))
        elif name in COMMANDS:
            found.append(Block(text, line, "command", COMMANDS[name], within))
        else:
            found.append(Block(text, line, "printed", tolerance=within))
    return found


def differences(shown: str, obtained: str, tolerance: float = TOLERANCE) -> list[str]:
    """What a page shows and its code does not print, line by line; [] where they agree.

    Args:
        shown: the page's lines; "..." stands for any number of lines.
        obtained: what was printed.
        tolerance: how far numbers may be apart, of their size.
    """
    wanted, got = lines(shown), lines(obtained)
    if fits(wanted, got, tolerance):
        return []
    if "..." in wanted:  # the lines that stand nowhere, else all that was printed
        lost = [w for w in wanted if w != "..." and not any(same(w, g, tolerance) for g in got)]
        return [f"not printed: {line}" for line in lost] or ["printed in another order:", *got]
    pairs = itertools.zip_longest(wanted, got, fillvalue="(no such line)")
    return [f"shown:    {w}\nobtained: {g}" for w, g in pairs if not same(w, g, tolerance)]


def fits(wanted: list[str], got: list[str], tolerance: float) -> bool:
    """Whether lines agree, "..." standing for any number of them."""
    if not wanted:
        return not got
    if wanted[0] == "...":
        return any(fits(wanted[1:], got[i:], tolerance) for i in range(len(got) + 1))
    return bool(got) and same(wanted[0], got[0], tolerance) and fits(wanted[1:], got[1:], tolerance)


def lines(text: str) -> list[str]:
    """The lines that are compared: no empty ones, no curves."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and not CURVE.match(line)]


def same(shown: str, obtained: str, tolerance: float) -> bool:
    """Whether two lines have the same words, and numbers that are near enough."""
    words = [" ".join(NUMBER.sub("#", line).split()) for line in (shown, obtained)]
    if words[0] != words[1]:
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(obtained), strict=True)
    return all(near(a, b, tolerance) for a, b in pairs)


def near(shown: str, obtained: str, tolerance: float) -> bool:
    """Whether two numbers differ by less than the tolerance, or one unit of the last digit."""
    a, b = (float(number.replace(",", "")) for number in (shown, obtained))
    mantissa, _, exponent = shown.replace(",", "").partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    whole = "." not in mantissa and not exponent
    return abs(a - b) <= max(tolerance * abs(a), 0 if whole else 1.001 * unit)
