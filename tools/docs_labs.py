"""The gallery: each lab is run once, and becomes a page with its text, code, output and pictures.

    python tools/docs_labs.py LAB FOLDER    run one lab: result.json and its pictures in FOLDER

What a run left is kept in `docs/_build/labs`, under a digest of the lab's own text: a change in
the library alone does not run it again (`python tools/docs.py --fresh` does).
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIMIT = 300  # seconds a lab may take
TOGETHER = 2  # labs that run side by side
THUMBNAIL = (400, 260)  # pixels at most
USERS_FILES = ("DESCEND_BANK_EXIT", "DESCEND_LENDING_CLUB")  # a page never shows a user's own data


@dataclass(frozen=True)
class Ran:
    """What a run of a lab left.

    Attributes:
        checks: rows of four words: what, printed in the lecture, obtained, "yes" or "NO".
        output: what it printed.
        seconds: how long it took.
        absent: it was not run: its data were not at hand, or nobody asked for it.
        pictures: files.
    """

    checks: list[list[str]] = field(default_factory=list)
    output: str = ""
    seconds: float = 0.0
    absent: bool = False
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A part of a lab between two `# %%`: Markdown, or code."""

    text: str
    markdown: bool


def parts(lab: Path) -> tuple[str, str, list[Cell]]:
    """The title, the rest of the docstring, and the cells of a lab."""
    source = lab.read_text(encoding="utf-8")
    title, _, rest = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
    cells = []
    for piece in re.split(r"(?m)^# %%", source)[1:]:
        kind, _, body = piece.partition("\n")
        markdown = "[markdown]" in kind
        if markdown:
            body = re.sub(r"(?m)^# ?", "", body)
        if body.strip():
            cells.append(Cell(body.strip("\n"), markdown))
    return title, rest.strip(), cells


def run_all(labs: list[Path], cache: Path, *, fresh: bool = False) -> dict[str, Ran]:
    """Run the labs that have changed, two at a time, and read what all of them left.

    Args:
        labs: files.
        cache: a folder for each lab's result is in it.
        fresh: whether all are run, also those that have not changed.

    Returns:
        {lab: what its run left}.

    Raises:
        SystemExit: a lab failed or took too long.
    """
    wanted = [lab for lab in labs if fresh or not kept(lab, cache)]
    with ThreadPoolExecutor(TOGETHER) as pool:
        failed = [line for line in pool.map(lambda lab: run_apart(lab, cache), wanted) if line]
    if failed:
        sys.exit("\n".join(failed))
    return {lab.stem: read(cache / lab.stem) for lab in labs}


def digest(lab: Path) -> str:
    """What a kept result is valid for: the text of a lab."""
    return hashlib.sha256(lab.read_bytes()).hexdigest()


def kept(lab: Path, cache: Path) -> bool:
    """Whether there is a result of this very text; one without its data is tried again."""
    path = cache / lab.stem / "result.json"
    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["digest"] == digest(lab) and not found["absent"]


def run_apart(lab: Path, cache: Path) -> str:
    """Run a lab in a process of its own; "" or what went wrong."""
    folder = cache / lab.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = {k: v for k, v in os.environ.items() if k not in USERS_FILES}
    environment["MPLBACKEND"] = "Agg"
    command = [sys.executable, __file__, str(lab.resolve()), str(folder.resolve())]
    print(f"lab {lab.stem} ...", flush=True)
    try:
        done = subprocess.run(
            command, env=environment, cwd=folder, timeout=LIMIT, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return f"{lab.name}: not done in {LIMIT} seconds"
    if done.returncode:
        return f"{lab.name}:\n{done.stderr.strip()}"
    return ""


def read(folder: Path) -> Ran:
    """What `run_one` wrote."""
    found = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    pictures = tuple(sorted(folder.glob("*.png"), key=lambda p: p.stat().st_mtime_ns))
    return Ran(found["checks"], found["output"], found["seconds"], found["absent"], pictures)


def run_one(lab: Path, folder: Path) -> None:
    """Run a lab's `main` with its small budget; write result.json beside its pictures."""
    from descend.errors import DataError

    spec = importlib.util.spec_from_file_location(f"lab_{lab.stem}", lab)
    if spec is None or spec.loader is None:
        sys.exit(f"{lab} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    printed, start, absent = io.StringIO(), time.perf_counter(), False
    rows: list[list[str]] = []
    with contextlib.redirect_stdout(printed):
        try:
            spec.loader.exec_module(module)
            for check in module.main(folder, quick=True):
                rows.append([check.what, check.printed, check.obtained, check.ok])
        except DataError as error:
            absent = True
            print(error, file=sys.stderr)
    lines = [line for line in printed.getvalue().splitlines() if not line.startswith("picture: ")]
    found: dict[str, Any] = {"digest": digest(lab), "absent": absent, "output": "\n".join(lines)}
    found["checks"] = [[*map(str, row[:3]), "yes" if row[3] else "NO"] for row in rows]
    found["seconds"] = round(time.perf_counter() - start, 1)
    (folder / "result.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def thumbnail(picture: Path, target: Path) -> None:
    """A small copy of a picture, made anew where the picture is younger."""
    from PIL import Image

    if target.exists() and target.stat().st_mtime >= picture.stat().st_mtime:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as image:
        image.thumbnail(THUMBNAIL)
        image.save(target)


def topics(path: Path) -> dict[str, list[str]]:
    """{topic: its labs} of docs/gallery.toml, in its order."""
    return tomllib.loads(path.read_text(encoding="utf-8"))["topics"]


if __name__ == "__main__":
    run_one(Path(sys.argv[1]), Path(sys.argv[2]))
