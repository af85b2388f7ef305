"""Run the code of pages, and compare what it prints with what the pages show.

    python tools/docs_output.py                 compare, README.md and all pages; status 1 if not
    python tools/docs_output.py --write PAGE    put what is printed today into a page

What is compared, and how nearly, is said in docs_blocks.py.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from docs_blocks import Block, blocks, differences

ROOT = Path(__file__).parent.parent
WITHOUT = ("design", "keras")  # pages that state contracts, not programs


def pages() -> list[Path]:
    """README.md and every page that may hold code to run."""
    written = sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)
    return [ROOT / "README.md", *(p for p in written if p.stem not in WITHOUT)]


def run(page: str, *, slow: bool = True) -> list[tuple[Block, str]]:
    """Run a page's blocks in the present folder, in one namespace.

    Args:
        page: its text.
        slow: whether blocks marked as slow, and commands, run too.

    Returns:
        (a block of shown output, what was printed in its place), for each that ran.
    """
    module = types.ModuleType("example")
    sys.modules["example"] = module  # dataclasses look their module up
    printed, found = "", []
    for block in blocks(page):
        if block.kind == "python":
            printed = "" if block.slow and not slow else executed(block, module)
            ran = slow or not block.slow
        elif block.kind == "printed" and ran:
            found.append((block, printed))
        elif block.kind == "command" and slow:
            found.append((block, commanded(block.command)))
    return found


def executed(block: Block, module: types.ModuleType) -> str:
    """Run Python and return what it prints."""
    out = io.StringIO()
    code = compile(block.text, "example.py", "exec")
    try:
        with contextlib.redirect_stdout(out):
            exec(code, vars(module))
    except BaseException as error:
        error.add_note(f"in the block of code that begins in line {block.line} of the page")
        raise
    return out.getvalue()


def commanded(command: str) -> str:
    """Run a command of descend and return what it prints."""
    words = command.split()
    if words[0] == "descend":
        words = [sys.executable, "-m", "descend", *words[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout


def wrong(page: Path, *, slow: bool = True) -> list[str]:
    """Where a page shows what its code does not print; [] where all agrees."""
    found = []
    for block, printed in run(page.read_text(encoding="utf-8"), slow=slow):
        for line in differences(block.text, printed, block.tolerance):
            found.append(f"{page.name}:{block.line}: {line}")
    return found


def rewritten(page: str) -> str:
    """A page with what its code prints today; output with lines left out ("...") stays."""
    for block, printed in reversed(run(page)):  # from below: line numbers above stay
        if "\n...\n" not in f"\n{block.text}":
            head = f"$ {block.command}\n" if f"$ {block.command}\n" in page else ""
            lines = page.splitlines(keepends=True)
            before, after = "".join(lines[: block.line - 1]), "".join(lines[block.line - 1 :])
            old = f"```text\n{head}{block.text}```"
            new = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
            page = before + after.replace(old, f"```text\n{head}{new}\n```", 1)
    return page


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put today's output into the pages")
    parser.add_argument("pages", nargs="*", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "Agg")
    status = 0
    for page in given.pages or pages():
        path = page.resolve()
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            if given.write:
                path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
            elif found := wrong(path):
                status = 1
                print("\n".join(found))
    return status


if __name__ == "__main__":
    sys.exit(main())
