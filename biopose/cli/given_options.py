"""Options that are given without effect: refused, since part of what was asked for would be dropped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click
from click.core import ParameterSource


def refuse_repeated(command: click.Command, context: click.Context, arguments: Sequence[str]) -> None:
    """Raise a usage error where an option that takes one value is given several times; click keeps the last alone.

    Args:
        command: about to be run; a wrong command line is left to it.
        context: of the group that it belongs to.
        arguments: of the command.
    """
    own = click.Context(command, info_name=command.name, parent=context)
    try:
        _, _, order = command.make_parser(own).parse_args(list(arguments))
    except click.UsageError:
        return
    for parameter, times in Counter(order).items():
        if times > 1 and isinstance(parameter, click.Option) and not (parameter.multiple or parameter.is_flag):
            option = max(parameter.opts, key=len)
            raise click.UsageError(f"{option} is given {times} times, and takes one value; give it once", ctx=own)


def refuse_unused(reason: str, *names: str) -> None:
    """Raise a usage error where options are given on the command line that have no effect.

    Args:
        reason: why not, such as "with --part a"
        names: of the parameters.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if parameter.name in names and given:
            raise click.UsageError(f"{parameter.opts[0]} has no effect {reason}; leave it out")
