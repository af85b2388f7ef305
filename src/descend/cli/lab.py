"""`descend lab`: the lectures' worked examples, each a plain file with a `main(out, quick)`."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import click

import descend
from descend.errors import DescendError, unknown


@click.group("lab")
def command() -> None:
    """List or run the lectures' worked examples.

    \b
    descend lab list
    descend lab run iris_regression
    """


@command.command("list")
def list_labs() -> None:
    """List each lab's name and title."""
    labs = find_labs()
    wide = max(map(len, labs))
    for name, path in labs.items():
        click.echo(f"{name:<{wide}}  {title(path)}")


@command.command("run")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the pictures.  [default: lab-output/NAME]",
)
@click.option("--quick", is_flag=True, help="Use a smaller budget; the checks are the same.")
def run_lab(name: str, out: Path | None, quick: bool) -> int:
    """Run a lab; each number of the lecture is shown beside ours. Status 1 if one disagrees."""
    labs = find_labs()
    stem = name.removesuffix(".py").replace("-", "_")
    if stem not in labs:
        raise unknown("lab", name, labs)
    from descend.lab import show  # matplotlib

    # pictures go to files, also where there is no screen
    os.environ.setdefault("MPLBACKEND", "Agg")
    click.echo(title(labs[stem]))
    checks = _load(stem, labs[stem]).main(out or Path("lab-output") / stem, quick=quick)
    show(checks)
    failed = [check for check in checks if not check.ok]
    if failed:
        click.echo(f"{len(failed)} of {len(checks)} checks disagree with the lecture", err=True)
    return 1 if failed else 0


def find_labs() -> dict[str, Path]:
    """{name: file}, sorted: in the installed package, else in the checkout.

    Raises:
        DescendError: there are none.
    """
    package = Path(descend.__file__).parent
    for folder in (package / "labs", package.parent.parent / "labs"):
        paths = sorted(folder.glob("*.py"))
        if paths:
            return {path.stem: path for path in paths}
    raise DescendError(f"no labs were found in {package / 'labs'}; is the installation whole?")


def title(path: Path) -> str:
    """The first line of a lab's docstring, read without running it."""
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except SyntaxError:
        return "(cannot be read)"
    return (text or "").strip().partition("\n")[0]


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"descend_lab_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
