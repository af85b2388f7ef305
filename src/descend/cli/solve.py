"""`descend solve`: from equilibrium conditions to a policy with a measured accuracy."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from descend.cli.again import command_line
from descend.cli.fit import units
from descend.errors import DescendError, unknown

if TYPE_CHECKING:
    from descend.economies.statement import Economy
    from descend.statement import Statement

S = TypeVar("S", bound="Statement")

MISSED = 3  # the exit status where the policy is not solved, or an aim was not met


@click.command("solve")
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="Show models and their parameters.")
@click.option("--class", "chosen", metavar="CLASS", help="The class, where FILE.py has several.")
@click.option(
    "--parameter", "-p", multiple=True, metavar="NAME=VALUE", help="A parameter; repeatable."
)
@click.option(
    "--aim",
    multiple=True,
    metavar="[FIGURE=]NUMBER",
    help="Mean residual to reach; or a figure's, as 'box max=1e-3'; repeatable.  "
    "[default: the model's own, else 1e-4]",
)
@click.option("--seeds", type=int, help="Networks side by side.  [default: 2]")
@click.option("--updates", type=int, help="Updates of Adam at most.  [default: 200]")
@click.option(
    "--polishing-steps",
    type=int,
    help="Gauss-Newton steps of each seed at most.  [default: 60]",
)
@click.option(
    "--hidden",
    callback=units,
    metavar="UNITS",
    help="Units of the hidden layers; none for a linear policy.  [default: 16,16]",
)
@click.option("--box", type=float, help="Share of points from the box.  [default: 0.25]")
@click.option(
    "--rule", help="For expectations in training, as gauss-hermite:5.  [default: by the shocks]"
)
@click.option(
    "--over", multiple=True, metavar="NAME=LOW:HIGH", help="Make a parameter a state; repeatable."
)
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    help="Float type of weights and states.  [default: float64]",
)
@click.option("--seed", type=int, help="Number that random draws follow from.  [default: 0]")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to save the solution.  [default: NAME.descend]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write a page, and the same numbers as FILE.json.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the run in a file while it goes on.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Go on from a checkpoint of the same run.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only the status and the files.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    listed: bool,
    chosen: str | None,
    parameter: tuple[str, ...],
    aim: tuple[str, ...],
    over: tuple[str, ...],
    output: Path | None,
    report: Path | None,
    quiet: bool,
    **how: Any,
) -> int:
    """Solve an economy and say how wrong its policies are.

    NAME is a built-in economy (descend solve --list), or FILE.py a file of yours that states one.
    The file is run as Python. A model may have values of its own for options that are left out.

    \b
    descend solve brock-mirman --aim 1e-5
    descend solve stochastic-growth -p sigma=3 --over beta=0.95:0.99
    descend solve mine.py --report mine.html

    Exit status: 0 solved; 1 refused, with the reason; 2 wrong usage; 3 not solved: the aim
    was not met, or something else speaks against the policies.
    """
    if listed:
        _list(name, chosen)
        return 0
    if name is None:
        raise click.UsageError("Missing argument 'NAME'; descend solve --list shows them.", ctx)
    from descend.economies.registry import class_of
    from descend.files import writable
    from descend.report.page import report_files

    cls = class_of(name, chosen)  # JAX starts here
    economy = stated(cls, pairs("-p", parameter))
    ranges = {n: _range(n, text) for n, text in pairs("--over", over).items()}
    how |= {"aim": _aims(aim) or None, "over": ranges or None}
    how = {option: value for option, value in how.items() if value is not None}
    output = writable(output or Path(f"{Path(name).stem}.descend"), (name,), regular=True)
    if report is not None:  # now, not after the training
        report_files(report, (name,))
    if "checkpoint" in how:
        how["checkpoint"] = writable(how["checkpoint"], (name,))
        if how["checkpoint"] == output:
            raise DescendError(f"--checkpoint and the solution are both to be {output}")
    return _solve(economy, how, output, report, quiet, command_line(ctx))


def _solve(
    economy: Economy, how: dict, output: Path, report: Path | None, quiet: bool, again: str
) -> int:
    from descend.cli import show_economy
    from descend.economies.solver import solve
    from descend.report.economy import economy_report
    from descend.report.terminal import make_console

    with show_economy.Progress(quiet) as progress, warnings.catch_warnings():
        if not quiet:  # the log says it too
            warnings.filterwarnings("ignore", message=f"{economy.label}: ")
        solution = solve(economy, verbose=progress.show, **how)
    solution.save(output)
    written = [output]
    if report is not None:
        written += economy_report(solution, report, command=again)
    show_economy.result(make_console(), solution, quiet)
    module = type(economy).__module__
    own = "" if module.startswith("descend.") else module
    show_economy.files(make_console(), written, quiet, own)
    return 0 if solution.verdict.solved else MISSED


def _list(name: str | None, chosen: str | None) -> None:
    from descend.cli import show_economy
    from descend.economies.registry import MODELS, class_of

    models = {name: None} if name else {n: what for n, (_, what) in MODELS.items()}
    for number, (model, what) in enumerate(models.items()):
        cls = class_of(model, chosen)
        first = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
        show_economy.model(model, what or first, cls, gap=number > 0)


# -- what was given -------------------------------------------------------------------------------


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE, ... as a dict; raises DescendError for anything else, or a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise DescendError(f"{option} takes NAME=VALUE, got {text!r}")
        if name in values:
            raise DescendError(f"{option} {name} is given twice: {values[name]} and {value}")
        values[name] = value
    return values


def stated(cls: type[S], texts: Mapping[str, str]) -> S:
    """The economy or environment of a class with some parameters given as text.

    Raises:
        DescendError: an unknown parameter, one that is no number, or out of its range.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values = {}
    for name, text in texts.items():
        if name not in fields:
            raise unknown(f"parameter of {cls.__name__}", name, fields)
        values[name] = _value(f"parameter {name}", text, fields[name].default)
    missing = [
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
        and name not in values
    ]
    if missing:
        raise DescendError(
            f"{cls.__name__} needs a value of {', '.join(missing)}: -p {missing[0]}="
        )
    return cls(**values)


def _value(what: str, text: str, like: Any) -> Any:
    """A text as a value of the same kind as a default."""
    if isinstance(like, bool):
        if text.lower() not in ("true", "false"):
            raise DescendError(f"{what} must be true or false, got {text!r}")
        return text.lower() == "true"
    if isinstance(like, str):
        return text
    if isinstance(like, tuple):
        return tuple(_value(what, part, like[0] if like else 0.0) for part in text.split(","))
    if isinstance(like, int):
        try:
            return int(text)
        except ValueError:
            raise DescendError(f"{what} must be a whole number, got {text!r}") from None
    return number(what, text)


def number(what: str, text: str) -> float:
    """A text as a number; raises DescendError."""
    try:
        return float(text)
    except ValueError:
        raise DescendError(f"{what} must be a number, got {text!r}") from None


def _range(name: str, text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    if not colon:
        raise DescendError(f"--over takes NAME=LOW:HIGH, such as {name}=0.9:0.98; got {text!r}")
    return number(f"the low end of {name}", low), number(f"the high end of {name}", high)


def _aims(texts: Sequence[str]) -> dict[str, float]:
    aims = pairs("--aim", [text if "=" in text else f"ergodic mean={text}" for text in texts])
    return {words: number(f"the aim {words!r}", text) for words, text in aims.items()}
