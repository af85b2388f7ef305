"""The command as it was given: what a report and a model file say they came from."""

from __future__ import annotations

import re
import shlex

import click
from click.core import ParameterSource

_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


def command_line(ctx: click.Context) -> str:
    """A line that does the same again; the password of a database is left out."""
    path = ctx.command_path.split()  # "descend agent train"
    parts = ["descend", *(path[1:] or path)]
    options: list[str] = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        value = ctx.params[name]
        if isinstance(parameter, click.Argument):
            parts += [] if value is None else [str(value)]
            continue
        if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        flag = max(parameter.opts, key=len)
        if isinstance(parameter, click.Option) and parameter.is_flag:
            options.append(flag)
        elif parameter.multiple:
            options += [part for one in value for part in (flag, str(one))]
        elif parameter.nargs > 1:
            options += [flag, *map(str, value)]
        elif isinstance(value, tuple):
            options += [flag, ",".join(map(str, value)) or "none"]
        else:
            text = str(value)
            options += [flag, _PASSWORD.sub(r"\1:...@", text) if name == "db" else text]
    return shlex.join(parts + options)
