"""The group of verbs. Only click and the standard library are imported until a verb is called."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

import click

from descend import __version__
from descend.errors import DescendError, unknown

# verb -> (module, what it does)
VERBS = {
    "describe": ("descend.cli.describe", "Show what a table holds, column by column."),
    "fit": ("descend.cli.fit", "Train a network on a table, test it once, save it."),
    "predict": ("descend.cli.predict", "Predict the rows of a table with a saved network."),
    "report": ("descend.cli.report", "Open the test of a saved network; write the report on it."),
    "trace": ("descend.cli.trace", "Show every number of one training step."),
    "landscape": ("descend.cli.landscape", "Draw the cost around a saved network's weights."),
    "race": ("descend.cli.race", "Let update rules race on a table."),
    "compare": ("descend.cli.compare", "Show two saved networks side by side."),
    "solve": ("descend.cli.solve", "Solve an economy; say how wrong the policies are."),
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
        """As click's, with the nearest verb suggested."""
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
        The exit status: 0; 1 for an error; 2 for wrong usage; 130 after Ctrl-C.
    """
    args = list(sys.argv[1:] if arguments is None else arguments)
    own = args[: args.index("--")] if "--" in args else args
    debug = "--debug" in own
    if debug:  # accepted anywhere
        args = [a for i, a in enumerate(args) if a != "--debug" or i >= len(own)]
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is no error
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            if not debug:  # what libraries tell their developers is not for the user
                warnings.simplefilter("ignore", DeprecationWarning)
                warnings.simplefilter("ignore", FutureWarning)
            status = main.main(args or ["--help"], prog_name="descend", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.exceptions.Abort):
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
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
    return 1


def _error_line(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    click.echo(f"warning: {' '.join(str(message).split())}", err=True)


if __name__ == "__main__":
    sys.exit(run())
