"""The group of verbs. Only click and the standard library are imported until a verb is called."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

import click

from descend import __version__
from descend.cli.output import exit_status, standard
from descend.errors import DescendError, unknown

LEAST_COLUMNS = 20  # a narrower COLUMNS is not believed
# verb -> (module, what it does)
VERBS = {
    "describe": ("descend.cli.describe", "Show what a table holds, column by column."),
    "fit": ("descend.cli.fit", "Train a network on a table, test it once, save it."),
    "forecast": ("descend.cli.forecast", "Forecast series of a table; say how good that has been."),
    "predict": ("descend.cli.predict", "Predict the rows of a table with a saved network."),
    "report": ("descend.cli.report", "Open the test of a saved network; write the report on it."),
    "trace": ("descend.cli.trace", "Show every number of one training step."),
    "landscape": ("descend.cli.landscape", "Draw the cost around a saved network's weights."),
    "race": ("descend.cli.race", "Let update rules race on a table."),
    "compare": ("descend.cli.compare", "Show two saved networks side by side."),
    "solve": ("descend.cli.solve", "Solve an economy; say how wrong the policies are."),
    "agent": ("descend.cli.agent", "Train agents; say how good they are over seeds."),
    "text": ("descend.cli.text", "Train language models; score texts, and write."),
    "lab": ("descend.cli.lab", "List or run the lectures' worked examples."),
}


class LazyGroup(click.Group):
    """A group that imports a verb's module when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; every module names it `command`."""
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(VERBS[cmd_name][0]).command

    def resolve_command(self, ctx, args):
        """Resolve a verb as click does, and suggest the nearest."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            raise unknown("command", args[0], VERBS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs in the help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, does) for verb, (_, does) in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="descend", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks (also after a command).")
def main(debug: bool) -> None:
    """Deep learning for economists, every training run compiled.

    Start with: descend fit iris
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """The entry point `descend`: every error is one line on standard error.

    Returns:
        The exit status: 0; 1 for an error; 2 for wrong usage; 130 after Ctrl-C. Where the work is
        done but could not be printed: 141 if the reader of a pipe had gone (what a shell says of a
        tool that SIGPIPE ended), without a word; 1 if the device is full or closed, with one.
    """
    args = list(sys.argv[1:] if arguments is None else arguments)
    before_dashes = args[: args.index("--")] if "--" in args else args
    debug = "--debug" in before_dashes
    if debug:  # accepted anywhere
        args = [a for i, a in enumerate(args) if a != "--debug" or i >= len(before_dashes)]
    if os.environ.get("COLUMNS", "").isdigit() and int(os.environ["COLUMNS"]) < LEAST_COLUMNS:
        del os.environ["COLUMNS"]  # rich would take 0 at its word and print nothing
    with standard() as lost:
        status = _run(args, debug)
        error = lost()
        if error is not None and error.errno != errno.EPIPE:
            _error_line(
                f"standard output: {error.strerror}; what was to be printed is lost, files are not"
            )
    return exit_status(status, error)


def _run(args: Sequence[str], debug: bool) -> int:
    """The command between its two streams; its exit status."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            if not debug:  # what libraries tell their developers is not for the user
                warnings.simplefilter("ignore", DeprecationWarning)
                warnings.simplefilter("ignore", FutureWarning)
            status = main.main(args or ["--help"], prog_name="descend", standalone_mode=False)
    except (KeyboardInterrupt, click.exceptions.Abort) as error:
        _notes(error.__cause__ or error)  # click's Abort has Ctrl-C as its cause
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _report(error, debug)
    return status if isinstance(status, int) else 0


def _report(error: Exception, debug: bool) -> int:
    """Print one line; the exit status."""
    if isinstance(error, click.UsageError):
        where = f" (see: {error.ctx.command_path} --help)" if error.ctx else ""
        _error_line(error.format_message() + where)
        return 2
    if isinstance(error, click.ClickException):
        _error_line(error.format_message())
    elif isinstance(error, DescendError):
        _error_line(str(error))
    else:
        hint = "" if debug else "; run again with --debug for the traceback"
        _error_line(f"unexpected {type(error).__name__}: {error}{hint}")
    _notes(error)
    return 1


def _notes(error: BaseException) -> None:
    """What was added to an error on its way, such as where the work so far is."""
    for note in getattr(error, "__notes__", []):
        click.echo(f"note: {note}", err=True)


def _error_line(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    click.echo(f"warning: {' '.join(str(message).split())}", err=True)


if __name__ == "__main__":
    sys.exit(run())
