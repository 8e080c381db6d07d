"""Options and output that the commands share: errors in one line, checked paths, text or JSON, progress."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from biopose.cli.dependency_groups import group_of, install_command
from biopose.cli.given_options import refuse_repeated
from biopose.errors import BioposeError
from biopose.io.standing_height import ACCEPTED_HEIGHTS, LEAST_HEIGHT_M, MOST_HEIGHT_M, centimetres_hint
from biopose.reconstruction.method_names import (
    DEFAULT_METHOD,
    EVALUATED_METHOD_HELP,
    EVALUATED_METHODS,
    METHOD_HELP,
    METHODS,
)


class Existing(click.Path):
    """A file or folder that is there; of one that is not, the error names where it was sought and what is like it."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(exists=True, file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, checked."""
        path = Path(value)
        if not os.path.lexists(path) and (place := _place_of(path)):
            self.fail(f"{self.name.title()} {str(value)!r} does not exist{place}", param, ctx)
        return Path(str(super().convert(value, param, ctx)))


def _place_of(path: Path) -> str:
    """Where a missing file was sought: its nearest folder that is there, and the names in it that are like its own."""
    sought = Path.cwd() / path
    try:
        while not sought.parent.is_dir():
            sought = sought.parent
        names = get_close_matches(sought.name, [entry.name for entry in sought.parent.iterdir()], n=3)
    except OSError:  # a folder that may not be read, or a name that is too long: click says what it can
        return ""
    if sought.exists():
        return f": {sought} is no folder"
    what = "" if sought == Path.cwd() / path else f": there is no {sought.name}"
    return f"{what} in {sought.parent}" + (f"; nearest: {', '.join(names)}" if names else "")


EXISTING = Existing(dir_okay=False)
FOLDER = Existing(file_okay=False)

QUIET = "biopose.quiet"  # key of click's meta
RATE_AFTER_S = 1.0  # of a stage: before, frames that came at once would be a rate that never is

as_json = click.option("--json", "json_", is_flag=True, help="Print one JSON object instead of text.")
with_up = click.option(
    "--up", type=click.Choice(["x", "y", "z"]), default="y", show_default=True, help="The recording's axis that is up."
)
with_units = click.option(
    "--units",
    type=click.Choice(["m", "cm", "mm"]),
    help="The recording's unit of length, where the file states none or a wrong one.",
)
with_reference_data = click.option(
    "--data", required=True, type=FOLDER, help="The reference recordings (the folder that holds mocap/ and multiview/)."
)
with_subject = click.option(
    "--subject", help="Whose markers, where labels are SUBJECT:MARKER; needed for a file of several subjects."
)


def _be_quiet(context: click.Context, _: click.Parameter, quiet: bool) -> None:
    context.meta[QUIET] = quiet


with_quiet = click.option(
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=_be_quiet,
    help="Print no progress and no result, errors alone; --json prints its object nevertheless.",
)
with_method = click.option(
    "--method", type=click.Choice(METHODS), default=DEFAULT_METHOD, show_default=True, help=METHOD_HELP
)
with_evaluated_method = click.option(
    "--method",
    type=click.Choice(EVALUATED_METHODS),
    default=DEFAULT_METHOD,
    show_default=True,
    help=EVALUATED_METHOD_HELP,
)
with_threads = click.option(
    "--threads",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    help="Passes of the networks, and people, at a time; decoding and drawing have threads beside them.",
)


FULL = (errno.ENOSPC, errno.EDQUOT)  # raised by a write, so that no file is named


class Commands(click.Group):
    """A group of commands, listed in the order in which they were added.

    An input's error, and a dependency group that is not installed, end a command with one line and exit code 1.
    """

    def list_commands(self, _: click.Context) -> list[str]:
        """The commands' names, in the order of use."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, with its arguments; an option that takes one value is given once."""
        name, command, arguments = super().resolve_command(ctx, args)
        if command is not None and not isinstance(command, click.Group) and not ctx.resilient_parsing:
            refuse_repeated(command, ctx, arguments)
        return name, command, arguments

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a BioposeError, a file that cannot be accessed or a missing package becomes its message."""
        try:
            return super().invoke(ctx)
        except BioposeError as error:
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            if (group := group_of(error.name or "")) is None:
                raise
            command = f"{ctx.command_path} {ctx.invoked_subcommand}"
            raise click.ClickException(f"`{command}` needs {error.name}: {install_command(group)}") from error
        except OSError as error:
            if error.filename is None and error.errno in FULL:
                remedy = "make room on the disk that is written to, and run the command again"
                raise click.ClickException(f"{error.strerror}; {remedy}") from error
            if error.errno == errno.EPIPE or error.filename is None:  # click handles a closed pipe
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


class Height(click.ParamType):
    """A standing height in metres."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The height, checked."""
        try:
            height_m = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number of metres, such as 1.78, with a point", param, ctx)
        if not LEAST_HEIGHT_M <= height_m <= MOST_HEIGHT_M:
            self.fail(f"{height_m:g}: expected metres, {ACCEPTED_HEIGHTS}{centimetres_hint(height_m)}", param, ctx)
        return height_m


class NewFile(click.Path):
    """A file to write, with one of the given suffixes and in a folder that exists and can be written to."""

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, checked."""
        path = Path(str(super().convert(value, param, ctx)))
        folder = path.parent
        if path.suffix.lower() not in self.suffixes:
            self.fail(f"{path}: the name should end in {' or '.join(self.suffixes)}", param, ctx)
        if not folder.is_dir():
            self.fail(f"{path}: there is no folder {folder}; make it first", param, ctx)
        if not os.access(folder, os.W_OK | os.X_OK):
            self.fail(f"{path}: the folder {folder} cannot be written to", param, ctx)
        return path


def refuse_overwriting(out: Path, **inputs: Path | None) -> None:
    """Raise a usage error where `out` is one of the command's inputs, which are given by their options' names."""
    for option, path in inputs.items():
        if path is not None and out.exists() and out.samefile(path):
            raise click.UsageError(f"--out {out} is the file given as --{option}; it would be lost")


def show(result: dict[str, Any], *, json_: bool, lines: Callable[[], list[str]]) -> None:
    """Print a command's result as JSON, or as lines of text."""
    if json_:
        click.echo(json.dumps(result))
    elif not is_quiet():
        click.echo("\n".join(lines()))


def is_quiet() -> bool:
    """Whether the running command was given --quiet."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET, False))


class StageBars:
    """Progress on a terminal through stages of unknown number: frames done, frames per second, time left.

    Args:
        json_: whether the command prints JSON; then nothing is shown.
    """

    def __init__(self, *, json_: bool) -> None:
        self._hidden = json_ or is_quiet() or not sys.stderr.isatty()
        self._stage = ""
        self._began_s = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show the progress of a stage; total is 0 where it is not known."""
        if self._hidden:
            return
        now_s = time.perf_counter()
        if stage != self._stage:
            self.close()
            self._stage, self._began_s = stage, now_s
        line = progress_line(stage, done, total, seconds=now_s - self._began_s)
        click.echo(f"\r\033[K{line}", nl=False, err=True)

    def close(self) -> None:
        """End the line."""
        if self._stage and not self._hidden:
            click.echo(err=True)
        self._stage = ""


def progress_line(stage: str, done: int, total: int, *, seconds: float) -> str:
    """The progress of a stage: frames done, and after a second their rate and, where the total is known, the time left.

    Args:
        stage: its name.
        done: frames.
        total: frames; 0 where it is not known.
        seconds: since the stage began.
    """
    counted = f"{stage}: {done}" + (f" of {total}" if total else "") + " frames"
    if seconds < RATE_AFTER_S or not done:
        return counted
    rate = done / seconds
    left = f", {max(total - done, 0) / rate:.0f} s left" if total else ""
    return f"{counted}{left}  ({rate:.1f} frames/s)"


def progress_bar(length: int, *, label: str, json_: bool) -> AbstractContextManager[Any]:
    """A progress bar with the time left, on standard error; hidden if that is no terminal."""
    hidden = json_ or is_quiet() or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)
