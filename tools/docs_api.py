"""The reference: a page for each room, on it every public name once, and the labs that use it."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

from docs_docstrings import first_sentence, indented, inline, to_rst
from public_names import ROOMS, Public, public

# headings of the rooms, where the module's own first line would be too long
TITLES = {
    "descend": "Input, symbols and the graph",
    "descend.nn.layers": "Layers",
    "descend.nn.activations": "Activations",
    "descend.nn.losses": "Losses",
    "descend.nn.initializers": "Initializers",
    "descend.nn.regularizers": "Regularizers",
    "descend.train.engine": "Engine: tasks, feeds, runs",
    "descend.train.rules": "Update rules",
    "descend.train.rules.schedules": "Schedules",
    "descend.train.model": "Models",
    "descend.train.many": "Many: sweeps, ensembles, folds",
    "descend.train.saving": "Files",
    "descend.train.callbacks": "Callbacks",
    "descend.train.metrics": "Metrics",
    "descend.train.carry": "Weights from Keras and PyTorch",
    "descend.neurons": "Neurons as econometrics",
    "descend.neurons.classic": "Classic neurons",
    "descend.glass": "Glass box",
    "descend.tables": "Tables",
    "descend.text": "Texts",
    "descend.economies": "Economies",
    "descend.economies.dynamic_programming": "Dynamic programming",
    "descend.errors": "Errors",
    "descend.lab": "Writing a lab",
}


@functools.cache
def names() -> list[Public]:
    """Every public name once, in the order of the rooms."""
    return public()


@functools.cache
def links() -> dict[str, str]:
    """What docstrings may write as code -> the dotted path it leads to; no name of two rooms."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in names():
        for written in (item.name, item.path, f"{item.room.removeprefix('descend.')}.{item.name}"):
            found[written].add(item.path)
    return {written: paths.pop() for written, paths in found.items() if len(paths) == 1}


def pages(labs: list[Path], rooms: tuple[str, ...] = ROOMS) -> dict[str, str]:
    """{file name: reStructuredText} of the reference's index and of a page for each room."""
    users = labs_that_use(labs)
    made = {f"{room}.rst": page(room, users) for room in rooms}
    made["index.md"] = index(rooms)
    return made


def index(rooms: tuple[str, ...]) -> str:
    """The reference's first page."""
    count = sum(item.room in rooms for item in names())
    lines = [
        "# Reference",
        "",
        f"The {count} public names, each on the page of the room that it is imported from. "
        "A name that several rooms export is shown once, where its path is the longest: "
        "`from descend import Dense` is `descend.nn.layers.Dense`. Keras's names for the same "
        "things are in [](../keras.md).",
        "",
        "| room | import from | names |",
        "|---|---|---|",
    ]
    for room in rooms:
        n = sum(item.room == room for item in names())
        lines.append(f"| [{TITLES.get(room, room)}]({room}.rst) | `{room}` | {n} |")
    lines += ["", "```{toctree}", ":hidden:", "", *rooms, "```", ""]
    return "\n".join(lines)


def page(room: str, users: dict[str, list[Path]]) -> str:
    """The page of a room."""
    here = [item for item in names() if item.room == room]
    title = TITLES.get(room, room)
    lines = [title, "=" * len(title), "", f".. py:module:: {room}", ""]
    lines += [f"Imported from ``{room}``.", ""]
    lines += to_rst(inspect.getdoc(importlib.import_module(room)) or "", links())
    lines += [".. list-table::", "   :class: names", "   :widths: auto", ""]
    for item in here:
        said = first_sentence(inspect.getdoc(item.value) or "")
        lines += [f"   * - :py:obj:`{item.name} <{item.path}>`", f"     - {inline(said, {})}"]
    lines += ["", ""]
    for item in here:
        lines += described(item, users.get(item.path, []))
    return "\n".join(lines)


def described(item: Public, labs: list[Path]) -> list[str]:
    """One name: signature, docstring, methods, and the labs that use it."""
    kind = "class" if inspect.isclass(item.value) else "function"
    if kind == "class" and issubclass(item.value, BaseException):
        kind = "exception"
    body = to_rst(own_docstring(item.value), links())
    if labs:
        named = ", ".join(f":doc:`{lab.stem} </labs/{lab.stem}>`" for lab in labs)
        body += [f"**Labs that use it:** {named}", ""]
    for name, member in methods(item):
        body += method(name, member)
    head = f".. py:{kind}:: {item.name}{signature(item.value)}"
    return [head, f"   :module: {item.room}", "", *indented(body), ""]


def own_docstring(value: Any) -> str:
    """The docstring of a name itself, not what a base class or dataclass puts in its place."""
    if inspect.isclass(value) and not vars(value).get("__doc__"):
        return ""
    return inspect.getdoc(value) or ""


def signature(value: Any) -> str:
    """The arguments of a call with their defaults; what they mean is said in the docstring."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return ""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    shown = []
    for parameter in found.parameters.values():
        if parameter.name != "self":
            default = parameter.default
            if default is not parameter.empty:
                default = Shown(default)
            shown.append(parameter.replace(annotation=parameter.empty, default=default))
    return str(inspect.Signature(shown))


class Shown:
    """A default as a reader writes it: a function by its name, an address left out."""

    def __init__(self, value: Any):
        self.value = value

    def __repr__(self) -> str:
        if inspect.isroutine(self.value) or inspect.isclass(self.value):
            return self.value.__name__
        text = repr(self.value)
        return f"{type(self.value).__name__}(...)" if " at 0x" in text else text


def methods(item: Public) -> list[tuple[str, Any]]:
    """Public methods and properties of a class, but for those that another public class shows."""
    if not inspect.isclass(item.value):
        return []
    public_bases = [b for b in item.value.__mro__[1:] if id(b) in {id(n.value) for n in names()}]
    elsewhere = {base for shown in public_bases for base in shown.__mro__}
    found, said = {}, set()
    for base in item.value.__mro__:
        if base.__module__.startswith("descend"):
            here = {n: m for n, m in vars(base).items() if n[0] != "_" and member_doc(m)}
            if base in elsewhere:
                said |= set(here)
            found = here | found
    return sorted((name, member) for name, member in found.items() if name not in said)


def member_doc(member: Any) -> str:
    """The docstring of a method or property; nothing for other values."""
    inner = getattr(member, "__func__", member)
    if isinstance(inner, (types.FunctionType, property, functools.cached_property)):
        return inspect.getdoc(inner) or ""
    return ""


def method(name: str, member: Any) -> list[str]:
    """A method or property, one level in."""
    text = indented(to_rst(member_doc(member), links()))
    if isinstance(member, (property, functools.cached_property)):
        return [f".. py:property:: {name}", "   :no-contents-entry:", "", *text, ""]
    kind = {staticmethod: "   :staticmethod:", classmethod: "   :classmethod:"}.get(type(member))
    inner = getattr(member, "__func__", member)
    words = signature(inner)
    if kind == "   :classmethod:":
        words = words.replace("(cls, ", "(").replace("(cls)", "()")
    head = [f".. py:method:: {name}{words}", "   :no-contents-entry:", *([kind] if kind else [])]
    return [*head, "", *text, ""]


def labs_that_use(labs: list[Path]) -> dict[str, list[Path]]:
    """{dotted path of a public name: the labs that import it, or take it from a module}."""
    paths = {id(item.value): item.path for item in names()}
    found: dict[str, list[Path]] = defaultdict(list)
    for lab in labs:
        used = {paths[id(value)] for value in imported(lab) if id(value) in paths}
        for path in used:
            found[path].append(lab)
    return found


def imported(lab: Path) -> list[Any]:
    """The values of descend that a file names: by import, or as attributes of what it imported."""
    tree = ast.parse(lab.read_text(encoding="utf-8"))
    bound: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "descend":
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                value = getattr(module, alias.name, None)
                if value is None:
                    value = importlib.import_module(f"{node.module}.{alias.name}")
                bound[alias.asname or alias.name] = value
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "descend":
                    bound[alias.asname or "descend"] = importlib.import_module(alias.name)
    values = list(bound.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = bound.get(node.value.id)
            if isinstance(owner, types.ModuleType):
                values.append(getattr(owner, node.attr, None))
    return values
