"""Facts: a few figures of the benchmarks, each with its date and machine, drawn from the JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from docs_benchmarks import read
from docs_gallery import table


class Fact(NamedTuple):
    """One line of the page.

    Attributes:
        what: what was measured.
        figure: what came out, in words.
        run: the part of the JSON that holds date and machine.
        page: the benchmark's page.
    """

    what: str
    figure: str
    run: dict[str, Any]
    page: str


def page(results: Path) -> str:
    """The page of facts.

    Args:
        results: `benchmarks/results`.
    """
    found = [*speed(results), *solves(results), *others(results)]
    rows = [[f.what, f.figure, f.run.get("date", "")[:10], machine(f.run), ""] for f in found]
    lines = table(["what", "figure", "date", "machine", "all of it"], rows)
    for i, fact in enumerate(found):
        lines[i + 2] = lines[i + 2].removesuffix("  |") + f"[page](benchmarks/{fact.page}.md) |"
    head = [
        "# Facts",
        "",
        "What was measured, when, and on which machine; drawn from the JSON of the benchmarks when "
        "this site is built. Why the house stands as it does is in [the design](design.md), "
        '"Facts that shaped it"; how often each check of a table errs is [simulated]'
        "(benchmarks/checks.md).",
        "",
    ]
    return "\n".join([*head, *lines, ""])


def machine(run: dict[str, Any]) -> str:
    """ "AMD EPYC, 2 cores"."""
    about = run.get("machine", "")
    return about if isinstance(about, str) else f"{about['cpu']}, {about['cores']} cores"


def median(part: dict[str, Any], who: str, *path: str) -> float:
    """The median of what one side needed."""
    value = part["peers"][who]
    for key in path:
        value = value[key]
    return value["median"]


def speed(results: Path) -> list[Fact]:
    """Training, beside the fastest peer."""
    parts = read(results, "speed")["parts"]
    found = []
    for name, what in (
        ("iris", "a step of the iris listing (2-32-64-32-2, batches of 4)"),
        ("transformer", "a step of a small transformer"),
        ("gru", "a step of a GRU of 128 units"),
        ("resnet", "a step of a small residual network"),
    ):
        part = parts[name]
        own = median(part, "descend", "plain", "step")
        measured = {
            w: e for w, e in part["peers"].items() if e["status"] == "ok" and w != "descend"
        }
        best = min(measured, key=lambda w: median(part, w, "plain", "step"))
        peer = median(part, best, "plain", "step")
        words = f"{microseconds(own)}; {best} {microseconds(peer)}, {peer / own:.2g} times"
        found.append(Fact(what, words, part, "speed"))
    return found


def microseconds(us: float) -> str:
    """A time in the unit that suits it."""
    return f"{us:.3g} us" if us < 1000 else f"{us / 1000:.3g} ms"


def solves(results: Path) -> list[Fact]:
    """`descend solve NAME`, from an empty cache."""
    found = []
    for name, run in read(results, "solve").items():
        reached = ", ".join(
            f"{what} residual {v[0]:.1e}" for what, v in run["first"]["aims"].items()
        )
        figure = f"{run['first']['wall']:.0f} s; {reached}"
        found.append(Fact(f"descend solve {name}, nothing compiled before", figure, run, "solve"))
    return found


def others(results: Path) -> list[Fact]:
    """A search, value iteration, memory."""
    search = read(results, "search")
    own, keras = (search["sides"][side]["seconds"] for side in ("descend", "Keras"))
    values = read(results, "value_iteration")
    grid = {who: run["median_s"] for who, run in values["grids"]["2000"].items() if who != "apart"}
    beside = "; ".join(f"{who} {seconds:.3g} s" for who, seconds in grid.items())
    scratch = read(results, "scratch")
    kept, copied = (
        next(r for r in scratch["rows"] if r["buffer_mb"] == 400 and r["in_scratch"] is inside)
        for inside in (True, False)
    )
    grew = f"{kept['peak_grew_by_mb']} MB more at the peak; copied, {copied['peak_grew_by_mb']} MB"
    trials = search["job"]["trials"]
    return [
        Fact(
            f"a search of {trials} networks", f"{own:.3g} s; Keras {keras:.3g} s", search, "search"
        ),
        Fact("value iteration on 2,000 points", beside, values, "value_iteration"),
        Fact("a call that changes a buffer of 400 MB in place", grew, scratch, "scratch"),
    ]
