"""The report on a solved economy: a page of HTML, and the same numbers as JSON."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import descend
from descend.economies import plots
from descend.economies.accuracy import FIGURES, SETS, Accuracy
from descend.economies.solution import Solution
from descend.economies.verdict import Verdict
from descend.files import write_atomically
from descend.report.page import page, paragraph, picture, preformatted, report_files, table

PACKAGES = ("jax", "jaxlib", "numpy", "optax")
SHOCKS = 3  # impulse responses that are drawn
WHAT = {
    "ergodic": "where the economy is: simulated under the policy",
    "box": "anywhere in the box, drawn evenly",
    "stressed": "paths from corners of the box under doubled shocks",
}


def economy_report(
    solution: Solution, path: str | Path, *, command: str | None = None
) -> tuple[Path, Path]:
    """Write the report on a solution: `path`, and a JSON beside it, each atomically.

    Args:
        solution: the solved economy.
        path: ends in .html; the JSON has the same name with .json.
        command: command line that solved it, to be shown.

    Returns:
        The two paths.

    Raises:
        DescendError: a file that cannot be written, or a name that does not end in .html.
    """
    files = report_files(path)
    paths = solution.simulate(500, 40)
    moments = paths.moments()
    sections = [
        ("What was solved", _what(solution)),
        ("How accurate it is", _accuracy(solution) + _error_pictures(solution)),
        ("Constraints", _constraints(solution.accuracy)),
        ("Stability, and edges of the box", _stability(solution.accuracy)),
        ("Policies", _policies(solution, paths)),
        ("What it does: moments and a path", _moments(moments, paths)),
        ("What shocks do", _warning(solution.verdict) + _responses(solution)),
        ("Seeds and training", _seeds(solution)),
        ("Log", preformatted("\n".join(solution.log), "log of the solve")),
        ("To do it again", _again(solution, command)),
    ]
    if not solution.accuracy.sets["ergodic"]["binding"]:
        sections = [s for s in sections if s[0] != "Constraints"]
    verdict = solution.verdict
    status = paragraph(_sentence(solution.status), "status" + ("" if verdict.solved else " warn"))
    what = "solution and accuracy" if verdict.solved else verdict.words
    text = page(f"{solution.economy.label}: {what}", sections, status)
    write_atomically(files[0], text.encode())
    found = {
        **solution.describe(),
        "documentation": _documentation(solution),
        "moments": moments.to_dict("index"),
        "command": command,
        "versions": versions(),
    }
    written = json.dumps(_plain(found), indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(files[1], written.encode() + b"\n")
    return files


def versions() -> dict[str, str]:
    """Of descend, what it stands on, and the machine."""
    from importlib.metadata import version

    return {
        "descend": descend.__version__,
        **{name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


# -- figures as text ------------------------------------------------------------------------------


def worst_rows(stats: Mapping[str, Mapping[str, float]]) -> list[tuple[str, dict[str, float]]]:
    """(label, figures) a condition; the entries of a vector as one row, each figure its worst."""
    groups: dict[str, list[Mapping[str, float]]] = {}
    for name, figures in stats.items():
        groups.setdefault(re.sub(r"_\d+$", "", name), []).append(figures)
    return [
        (
            name if len(g) == 1 else f"{name}, worst of {len(g)}",
            {f: max(s[f] for s in g) for f in FIGURES},
        )
        for name, g in groups.items()
    ]


def small(value: float) -> str:
    """A residual."""
    return f"{value:.1e}" if math.isfinite(value) else "not finite"


def share(value: float) -> str:
    """A share in percent, told from none and all."""
    if 0 < value < 1e-4:
        return "< 0.01%"
    return f"{value:.2%}"


def _number(value: Any) -> str:
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return f"{value:.5g}" if math.isfinite(value) else "-"
    return str(value)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _plain(value: Any) -> Any:
    """For JSON, which knows neither NaN nor infinity: null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


# -- sections -------------------------------------------------------------------------------------


def _documentation(solution: Solution) -> dict[str, Any]:
    cls = type(solution.economy)
    return {
        "what": (inspect.cleandoc(cls.__doc__ or "") if "__doc__" in vars(cls) else ""),
        "parameters": {f.name: f.metadata.get("doc", "") for f in dataclasses.fields(cls)},
    }


def _what(solution: Solution) -> str:
    documented, system = _documentation(solution), solution.system
    first = documented["what"].split("\n\n")[0].replace("\n", " ")
    # dataclasses write a signature where the author wrote nothing
    parts = [paragraph(first)] if not first.startswith(f"{solution.economy.label}(") else []
    rows = [
        [name, _number(value), documented["parameters"][name]]
        for name, value in solution.economy.parameters().items()
        if name not in solution.over
    ]
    rows += [
        [
            name,
            f"{low:g} to {high:g}",
            f"{documented['parameters'][name]} (a state of the solution)",
        ]
        for name, (low, high) in solution.over.items()
    ]
    parts.append(table("Parameters", ["parameter", "value", "what it is"], rows, words=3))
    sizes = [("states", system.columns), ("policies", system.outputs)]
    sizes += [("normal shocks", system.law.normals), ("chains", system.law.chains)]
    hidden = " x ".join(map(str, solution.network.hidden)) or "none"
    rows = [[what, ", ".join(names) or "none"] for what, names in sizes]
    rows += [
        ["network", f"hidden layers {hidden}, {solution.network.activation}, {solution.dtype}"],
        ["expectations in training", solution.rule],
        ["expectations in the accuracy", solution.judged_by],
        ["time", f"{solution.seconds:.1f} seconds, compilation included"],
    ]
    return "".join(parts) + table("The problem and the network", ["what", "how"], rows, words=2)


def _accuracy(solution: Solution) -> str:
    accuracy = solution.accuracy
    parts = [
        paragraph(
            f"Residuals of the equilibrium conditions have no units. Expectations were taken by "
            f"{accuracy.rule}; training used {accuracy.trained_by}."
        )
    ]
    if accuracy.aims:
        rows = [
            [words, small(reached), small(aim), "met" if reached <= aim else "NOT met"]
            for words, (reached, aim) in accuracy.aims.items()
        ]
        parts.append(table("Aims", ["worst condition", "reached", "aim", "verdict"], rows))
    for name in SETS:
        tables = accuracy.sets[name]
        where = f"{name} set, {tables['points']:,} points ({WHAT[name]})"
        rows = [
            [condition, *(small(figures[f]) for f in FIGURES)]
            for condition, figures in tables["conditions"].items()
        ]
        parts.append(table(f"|residual| on the {where}", ["condition", *FIGURES], rows))
        rows = [
            [condition, *(f"{figures[f]:.2f}" for f in FIGURES)]
            for condition, figures in tables["consumption"].items()
        ]
        caption = f"log10 of the error as a share of consumption, {name} set"
        parts.append(table(caption, ["condition", *FIGURES], rows))
    rows = [[name, share(accuracy.sets[name]["set back"])] for name in ("ergodic", "stressed")]
    caption = "Periods that left the box by more than its width and were set back to the start"
    parts.append(table(caption, ["set", "share of periods"], rows))
    return "".join(parts)


def _error_pictures(solution: Solution) -> str:
    state = solution.system.columns[0]
    worst = "; ".join(
        f"{name} set: 99th percentile {small(solution.accuracy.figure(f'{name} p99'))}"
        for name in SETS
    )
    return picture(
        plots.plot_errors(solution),
        f"Curves of the share of states whose residual is below a size. {_sentence(worst)}",
        "The share of states with a smaller residual: a curve further to the left is better.",
    ) + picture(
        plots.plot_error_over(solution, state),
        f"Residuals against {state}: a cloud of states with median and 99th percentile along it.",
        f"Residuals over {state}, on simulated paths and in the box.",
    )


def _constraints(accuracy: Accuracy) -> str:
    names = accuracy.sets["ergodic"]["binding"]
    rows = [[n, *(share(accuracy.sets[s]["binding"][n]) for s in SETS)] for n in names]
    least = [[n, *(_number(accuracy.sets[s]["slack"][n]) for s in SETS)] for n in names]
    return table("Share of states where a constraint binds", ["constraint", *SETS], rows) + table(
        "Least slack (no units)", ["constraint", *SETS], least
    )


def _stability(accuracy: Accuracy) -> str:
    s = accuracy.spread
    if accuracy.interrupted:
        return paragraph(f"Not measured: {accuracy.interrupted}.")
    half = s["halved after"]
    rows = [
        ["distance at first, in box widths", _number(s["first"])],
        [f"distance after {s['periods']} periods", _number(s["last"])],
        ["periods until it had halved", "never" if half is None else str(half)],
        ["paths came together", "yes" if accuracy.stable else "NO"],
    ]
    introduction = "Paths from all over the box that see the same shocks should come together."
    parts = paragraph(introduction) + table(
        "Paths from dispersed starts", ["what", "how much"], rows
    )
    if not accuracy.edges:
        return parts + paragraph("On simulated paths no state is often at an edge of its box.")
    rows = [
        [edge, *(share(shares[k]) for k in ("share", "constraint", "box"))]
        for edge, shares in accuracy.edges.items()
    ]
    head = ["edge", "periods there", "by a stated constraint", "by the box alone"]
    return parts + table("Simulated periods at an edge of the box", head, rows)


def _warning(verdict: Verdict) -> str:
    """Above what was computed from a policy that is not solved."""
    return paragraph(_sentence(verdict.warning), "status warn") if verdict.warning else ""


def _policies(solution: Solution, paths: Any) -> str:
    state = solution.system.columns[0]
    return picture(
        plots.plot_policies(solution, state, paths=paths),
        f"The policies {', '.join(solution.system.outputs)} as lines over {state}, with a pale "
        "histogram of simulated states behind.",
        f"Policies over {state}. In grey, how often simulated paths are there.",
    )


def _moments(moments: Any, paths: Any) -> str:
    head = ["quantity", *moments.columns]
    rows = [
        [name, *map(_number, row)]
        for name, row in zip(moments.index, moments.to_numpy(), strict=True)
    ]
    caption = "Moments of 40 simulated paths of 500 periods"
    return (
        _warning(paths.verdict)
        + table(caption, head, rows)
        + picture(
            plots.plot_paths(paths),
            "One simulated path, a panel a quantity. The table of moments says how they vary.",
            "The first 150 periods of one path.",
        )
    )


def _responses(solution: Solution) -> str:
    law = solution.system.law
    shocks: list[tuple[str, Any]] = []
    for name, normal in law.normals.items():
        entries = [f"{name}_{i + 1}" for i in range(normal.size)] if normal.shape else [name]
        shocks += [(entry, 1.0) for entry in entries]
    shocks += [(name, len(chain) - 1) for name, chain in law.chains.items()]
    parts = []
    for shock, size in shocks[:SHOCKS]:
        response = solution.impulse_response(shock, size)
        peak = response["percent"].abs().max().dropna().sort_values(ascending=False)[:3]
        moves = ", ".join(f"{name} {value:.3g}%" for name, value in peak.items())
        words = response.attrs["shock"]
        parts.append(
            picture(
                plots.plot_response(response),
                f"Impulse responses, {words}. Largest moves: {moves or 'none in percent'}.",
                f"Mean response of 1000 paths: {words} in period 1. Left out: "
                f"{response.attrs['left out']} paths that left the box.",
            )
        )
    if len(shocks) > SHOCKS:
        parts.append(paragraph(f"The other {len(shocks) - SHOCKS} shocks are not drawn."))
    return "".join(parts) or paragraph("There are no shocks.")


def _seeds(solution: Solution) -> str:
    words = {True: "yes", False: "NO"}
    rows = [
        [str(s.seed), small(s.residual), words[s.reached], share(s.set_back)]
        for s in solution.seeds
    ]
    head = ["seed", "mean |residual|", "reached the aim", "set back in training"]
    good = sum(s.reached for s in solution.seeds)
    count = f"{good} of {len(rows)} seeds reached the aim; the best is kept."
    return (
        paragraph(count)
        + table("Seeds", head, rows)
        + picture(
            plots.plot_training(solution),
            "Mean residual against time while training, and the residual of every seed. " + count,
            "Mean residual of the worst condition on simulated states, by the finer rule.",
        )
    )


def _again(solution: Solution, command: str | None) -> str:
    rows: Sequence[Sequence[str]] = [[name, found] for name, found in versions().items()]
    cls = type(solution.economy)
    given = ", ".join(f"{k}={v!r}" for k, v in solution.economy.parameters().items())
    known = command or f"# solved from Python\nsolve({cls.__qualname__}({given}), ...)"
    return preformatted(known, "command") + table("Versions", ["of", "version"], rows, words=2)
