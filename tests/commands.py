"""Running the commands in tests, and what a refusal looks like."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.testing import CliRunner, Result

from biopose.io.trc import write_trc
from flows.cli.main import cli
from tests.synthetic_person import SyntheticPerson


def _all_commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _all_commands(child, (*path, name))


COMMANDS = dict(_all_commands())


def assert_parses(line: str, *, whole: bool = True) -> None:
    """The commands, options and choices of a documented line exist; all that is required is there if it is whole."""
    command, arguments = cli, shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group) and arguments[:1] and arguments[0] in command.commands:
        command = command.commands[arguments.pop(0)]
    context = click.Context(command)
    parsed, extra, _ = command.make_parser(context).parse_args(arguments)
    assert not extra
    if whole:
        assert {p.name for p in command.params if p.required} <= set(parsed)
    for parameter in command.params:
        stated = parsed.get(parameter.name, "...")
        if isinstance(parameter.type, click.Choice) and stated != "...":
            parameter.type_cast_value(context, stated)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def in_a_process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def assert_refused(result: Result, message: str, *, exit_code: int = 1) -> None:
    """One line on standard error that holds the message, after click's two of usage where the command line is wrong."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == exit_code
    assert result.stdout == ""
    *usage, error = result.stderr.splitlines()
    assert error.startswith("Error: ")
    assert message in error
    assert bool(usage) == (exit_code == 2)


def with_gaps(person: SyntheticPerson, path: Path, *, frames: slice, markers: tuple[str, ...] = ()) -> Path:
    """The trial without some markers, or any, in some frames."""
    positions_m = person.recording.positions_m.copy()
    columns = [i for i, name in enumerate(person.recording.names) if not markers or name in markers]
    positions_m[np.arange(len(positions_m))[frames, None], columns] = np.nan
    write_trc(path, replace(person.recording, positions_m=positions_m))
    return path
