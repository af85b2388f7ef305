"""The economies that have a name, and how the class of a statement is found. JAX comes later."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from descend.errors import DescendError, unknown

if TYPE_CHECKING:
    from descend.economies.statement import Economy

# name -> (module of descend.economies.models:class, what it is)
MODELS = {
    "brock-mirman": (
        "brock_mirman:BrockMirman",
        "growth with log utility and full depreciation; a closed form is known",
    ),
    "stochastic-growth": (
        "growth:StochasticGrowth",
        "growth with CRRA utility and partial depreciation",
    ),
    "irreversible-growth": (
        "irreversible:IrreversibleGrowth",
        "the same, where investment cannot fall below a floor",
    ),
    "analytic-olg": (
        "analytic_olg:AnalyticOLG",
        "overlapping generations with a closed form, any number of cohorts",
    ),
    "constrained-olg": (
        "constrained_olg:ConstrainedOLG",
        "overlapping generations with a borrowing limit and adjustment costs",
    ),
    "irbc": ("irbc:IRBC", "international real business cycles of N countries"),
    "irreversible-irbc": ("irbc:IrreversibleIRBC", "the same, with irreversible investment"),
    "income-fluctuation": (
        "savings:IncomeFluctuation",
        "saving against risky income under a borrowing limit",
    ),
}


_STATEMENTS: set[str] = set()  # modules that files of the user's own have become


def class_of(name: str, chosen: str | None = None) -> type[Economy]:
    """The class of a model's name, or of a file that ends in .py; raises DescendError.

    Args:
        chosen: the class's name, where a file holds several.
    """
    if name.endswith(".py") or "/" in name or "\\" in name:
        return class_in(Path(name), chosen)
    if chosen is not None:
        raise DescendError(f"--class chooses a class of FILE.py; {name!r} is a model's name")
    key = name.lower().replace("_", "-")
    if key not in MODELS:
        raise unknown("economy", name, MODELS)
    module, _, class_name = MODELS[key][0].partition(":")
    return getattr(importlib.import_module(f"descend.economies.models.{module}"), class_name)


def class_in(path: Path, chosen: str | None = None) -> type[Economy]:
    """The statement in a file of the user's own, which is run as Python; raises DescendError.

    Its module has the file's name, so that a saved solution can be loaded where the file can be
    imported.
    """
    from descend.economies.statement import Economy

    if not path.is_file():
        raise DescendError(f"there is no file {path}")
    module = _run(path)
    classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Economy)
        and value.__module__ == module.__name__
    }
    if not classes:
        raise DescendError(
            f"{path} states no economy: expected a class such as "
            "`@dataclass(frozen=True) class Growth(Economy)`"
        )
    if chosen is not None and chosen not in classes:
        raise unknown(f"class of {path}", chosen, classes)
    if chosen is None and len(classes) > 1:
        raise DescendError(
            f"{path} states {len(classes)} economies, {', '.join(classes)}; choose one with --class"
        )
    cls = classes[chosen or next(iter(classes))]
    # without the decorator its parameters would be no parameters
    if any(isinstance(v, dataclasses.Field) for v in vars(cls).values()):
        raise DescendError(f"{path}: write @dataclass(frozen=True) above class {cls.__name__}")
    return cls


def _run(path: Path) -> ModuleType:
    name = path.stem
    in_use = name in sys.stdlib_module_names or (name in sys.modules and name not in _STATEMENTS)
    if in_use or not name.isidentifier():
        raise DescendError(
            f"{path}: give the file another name, one that a Python module may have and none has"
        )
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    _STATEMENTS.add(name)
    try:
        with _first_on_path(path.resolve().parent):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        where = _line_in(path, error)
        raise DescendError(f"{path}{where}: {type(error).__name__}: {error}") from error
    return module


@contextlib.contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    """Files beside it can be imported, as where Python runs a script."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _line_in(path: Path, error: Exception) -> str:
    """ ", line n" of the last frame in the file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if f.filename == str(path.resolve())]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    return f", line {lines[-1]}" if lines else ""
