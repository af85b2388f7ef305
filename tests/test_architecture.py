"""The arrows between packages (docs/design.md, "The house") and what an import may pull in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "descend"

# package -> packages it may import; modules directly under descend (COMMON) are open to all
BELOW = {
    *("nn", "train", "data", "neurons", "tables", "economies", "agents", "generate", "glass"),
}
ALLOWED = {
    "nn": set(),
    "data": {"nn"},
    "neurons": {"nn"},
    "train": {"nn"},
    "glass": {"nn", "train"},
    "keras": {"nn", "train", "data"},
    "tables": {"nn", "train", "data", "neurons"},
    "economies": {"nn", "train", "data"},
    "agents": {"nn", "train", "data"},
    "generate": {"nn", "train", "data"},
    "report": BELOW,
    "cli": {*BELOW, "report"},
}
COMMON = {
    "alignment",
    "cells",
    "described",
    "errors",
    "files",
    "latex",
    "lazy",
    "palette",
    "visible",
    "",
}


def imported(file: Path) -> set[str]:
    """The packages of descend that a file imports, anywhere in it (also inside functions)."""
    found = set()
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
                found.add([*name.split("."), ""][1])
    return found


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
    found = loaded("from descend import Dense, Input, Model, sweep, EarlyStopping")
    assert "jax" in found
    assert not found & heavy


def test_every_public_name_is_there_and_described():
    import descend

    for name in descend.__all__:
        assert getattr(descend, name) is not None
        if name != "__version__":
            assert getattr(descend, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'Dens'"):
        _ = descend.Dens


def test_files_stay_small():
    """design.md: a file past about 400 lines wants a second look."""
    lengths = {f.name: len(f.read_text().splitlines()) for f in SOURCE.rglob("*.py")}
    long = {name: n for name, n in lengths.items() if n > 500}
    assert not long


def test_no_pickle_eval_or_exec():
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, file
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "cloudpickle", "dill", "joblib", "marshal"} & set(names), file


def public_modules() -> list[str]:
    names = [".".join(f.relative_to(SOURCE).with_suffix("").parts) for f in SOURCE.rglob("*.py")]
    names = [n.removesuffix("__init__").strip(".") for n in names]
    return sorted(n for n in names if n and not n.startswith("labs"))


def test_any_module_may_be_imported_first():
    """No circle of imports shows itself only in some order."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for key in [k for k in sys.modules if k.split('.')[0] == 'descend']:\n"
        "        del sys.modules[key]\n"
        "    importlib.import_module('descend.' + name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *public_modules()], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
