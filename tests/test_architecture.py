"""The arrows between packages (docs/design.md, "The house") and what an import may pull in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

SOURCE = Path(__file__).parents[1] / "src" / "descend"

# package -> packages it may import; modules directly under descend (COMMON) are open to all
BELOW = {
    *("nn", "train", "data", "neurons", "tables", "economies", "agents", "generate", "glass"),
    *("forecasting", "music", "text"),
}
ALLOWED = {
    "nn": set(),
    "data": set(),
    "neurons": {"nn"},
    "train": {"nn"},
    "glass": {"nn", "train"},
    "keras": {"nn", "train", "data"},
    "tables": {"nn", "train", "data", "neurons", "text"},
    "text": {"nn", "train", "data"},
    "music": {"nn", "train", "data", "text"},
    "forecasting": {"nn", "train", "data", "tables"},
    "economies": {"nn", "train", "data"},
    "agents": {"nn", "train", "data", "economies"},
    "generate": {"nn", "train", "data"},
    "report": BELOW,
    "cli": {*BELOW, "report", "lab"},
}
COMMON = {
    *(
        "alignment",
        "cells",
        "described",
        "errors",
        "files",
        "latex",
        "lazy",
        "palette",
        "signed",
        "statement",
        "visible",
        "wording",
    ),
    "",
}
# package -> its modules that import each other in a circle. This list only shrinks: open a circle
# and take its modules off; never add one.
CIRCLES: dict[str, set[str]] = {}


def imported(file: Path) -> set[str]:
    """The packages of descend that a file imports, anywhere in it (also inside functions)."""
    packages = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names = [node.module or ""]
            if node.module == "descend":
                names = [f"descend.{alias.name}" for alias in node.names]
        for name in names:
            if name == "descend" or name.startswith("descend."):
                packages.add([*name.split("."), ""][1])
    return packages


@pytest.mark.parametrize("package", sorted(p.name for p in SOURCE.iterdir() if p.is_dir()))
def test_arrows(package):
    if package == "__pycache__":
        return
    assert package in ALLOWED, f"{package} is a new room: say in ALLOWED what it may import"
    for file in (SOURCE / package).rglob("*.py"):
        extra = imported(file) - ALLOWED[package] - COMMON - {package}
        # names of the package itself (descend.__version__) are open to all
        extra -= {"__version__"}
        assert not extra, f"{file.relative_to(SOURCE)} imports {sorted(extra)}"


def test_the_scan_sees_an_import_inside_a_function(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("def f():\n    from descend.train import engine\n    import descend.cli.main\n")
    assert imported(file) == {"train", "cli"}


def loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in out.stdout.split()}


def test_import_descend_loads_nothing_heavy():
    heavy = {"jax", "pandas", "sklearn", "statsmodels", "matplotlib", "rich", "scipy"}
    assert not loaded("import descend") & heavy


def test_a_model_loads_no_table_or_plot_library():
    heavy = {"pandas", "sklearn", "statsmodels", "matplotlib", "rich"}
    packages = loaded("from descend import Dense, Input, Model, sweep, EarlyStopping")
    assert "jax" in packages
    assert not packages & heavy


def test_every_public_name_is_there_and_described():
    import descend

    for name in descend.__all__:
        assert getattr(descend, name) is not None
        if name != "__version__":
            assert getattr(descend, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'Dens'"):
        _ = descend.Dens


def modules_of(package: Path) -> dict[str, Path]:
    """{"descend.nn.layers.base": its file} for every module of a package."""
    modules = {}
    for file in package.rglob("*.py"):
        parts = ["descend", *file.relative_to(package.parent).with_suffix("").parts]
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


def imports_that_run(tree: ast.AST, modules: Iterable[str]) -> set[str]:
    """The modules that a file imports, also inside functions, but not for annotations alone."""
    imports: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                imports.add(module if module in modules else f"{node.module}")
        imports |= imports_that_run(node, modules)
    return imports.intersection(modules)


def modules_in_circles(package: Path) -> set[str]:
    """The modules of a package that import themselves by way of others: "layers.base"."""
    modules = modules_of(package)
    names = list(modules)
    arrows = np.zeros((len(names), len(names)), int)
    for i, (name, file) in enumerate(modules.items()):
        for imported_name in imports_that_run(ast.parse(file.read_text()), modules) - {name}:
            arrows[i, names.index(imported_name)] = 1
    _, component = connected_components(arrows, connection="strong")
    sizes = np.bincount(component)
    prefix = f"descend.{package.name}."
    return {n.removeprefix(prefix) for n, c in zip(names, component, strict=True) if sizes[c] > 1}


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_no_circle_of_imports_inside_a_package(package):
    """A file that needs another one to be read, which needs the first, is one file in two."""
    circles, listed = modules_in_circles(SOURCE / package), CIRCLES.get(package, set())
    assert not circles - listed, f"new circle of imports in {package}: {sorted(circles - listed)}"
    assert not listed - circles, f"in no circle any more, take off: {sorted(listed - circles)}"


def test_the_search_sees_a_circle_through_a_function(tmp_path):
    package = tmp_path / "toy"
    package.mkdir()
    files = {
        "a": "from descend.toy import b\nfrom descend.toy.d import x",
        "b": "def f():\n    from descend.toy.c import x",
        "c": "import descend.toy.a",
        "d": "if TYPE_CHECKING:\n    from descend.toy.a import x",  # for annotations alone
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    assert modules_in_circles(package) == {"a", "b", "c"}


def test_of_a_report_numbers_know_no_page_and_the_page_computes_nothing():
    rooms = {
        "numbers": {"descend.report.page", "descend.report.table.page"},
        "page": {"descend.report.table.numbers", "descend.report.table.evidence", "descend.tables"},
    }
    for room, forbidden in rooms.items():
        files = list((SOURCE / "report" / "table" / room).glob("*.py"))
        assert len(files) > 8
        for file in files:
            tree = ast.parse(file.read_text())
            names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            for name in names:
                assert not any(name == f or name.startswith(f"{f}.") for f in forbidden), file


def test_files_stay_small():
    """design.md: a file past about 400 lines wants a second look."""
    files = SOURCE.rglob("*.py")
    lengths = {str(f.relative_to(SOURCE)): len(f.read_text().splitlines()) for f in files}
    long = {name: n for name, n in lengths.items() if n > 500}
    assert not long


def test_no_benchmark_has_the_name_of_a_folder_of_tests():
    """Both are on the path when the site's pages are tested: the first import would win."""
    root = Path(__file__).parents[1]
    tests = {path.stem for path in (root / "tests").iterdir()}
    scripts = {path.stem for path in (root / "benchmarks").iterdir()}
    assert {"report", "tables"} <= tests
    assert {"harness", "speed"} <= scripts
    assert not tests & scripts


def test_no_pickle_eval_or_exec():
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, file
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "cloudpickle", "dill", "joblib", "marshal"} & set(names), file


def public_modules(everything: bool) -> list[str]:
    """Names below descend: packages alone, or every module."""
    files = SOURCE.rglob("*.py" if everything else "__init__.py")
    names = [".".join(f.relative_to(SOURCE).with_suffix("").parts) for f in files]
    names = [n.removesuffix("__init__").strip(".") for n in names]
    return sorted(n for n in names if n and not n.startswith("labs"))


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_any_module_may_be_imported_first(everything):
    """No circle of imports shows itself only in some order.

    Inside a package there is none (above), and packages see each other one way: what is left is
    what a package's own `__init__` imports.
    """
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for key in [k for k in sys.modules if k.split('.')[0] == 'descend']:\n"
        "        del sys.modules[key]\n"
        "    importlib.import_module('descend.' + name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *public_modules(everything)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_one_file_asks_for_devices():
    """design.md, Engine: placement.py says device, mesh, copy, process, and no other file does."""
    asks = {"devices", "local_devices", "device_put", "device_count", "process_index", "Mesh"}
    elsewhere = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            named = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "jax"
            if named and node.attr in asks:
                elsewhere.add(str(file.relative_to(SOURCE)))
    assert elsewhere == {"train/engine/placement.py"}


def test_no_private_attribute_is_used_across_files():
    """What another file needs has a public name; `_replace` and the like are NamedTuple's own."""
    own = {"_replace", "_asdict", "_fields", "_getframe"}
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        defined = {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        used: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                defined |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                defined.add(node.attr)
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                used.setdefault(node.attr, ast.unparse(node.value))
        across = {
            f"{owner}.{name}"
            for name, owner in used.items()
            if not name.startswith("__")
            and name not in own | defined
            and owner not in ("self", "cls", "super()", "type(self)")
        }
        assert not across, f"{file.relative_to(SOURCE)} uses {sorted(across)}"
