"""What the commands share: errors as one line, paths that are checked before any work, output for both readers."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from biopose.errors import BioposeError
from biopose.reconstruction.method_names import DEFAULT_METHOD, JUDGED_METHOD_HELP, JUDGED_METHODS, METHOD_HELP, METHODS

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

as_json = click.option("--json", "json_", is_flag=True, help="Print one JSON object instead of text.")
with_up = click.option(
    "--up", type=click.Choice(["x", "y", "z"]), default="y", show_default=True, help="The recording's axis that is up."
)
with_method = click.option(
    "--method", type=click.Choice(METHODS), default=DEFAULT_METHOD, show_default=True, help=METHOD_HELP
)
with_judged_method = click.option(
    "--method", type=click.Choice(JUDGED_METHODS), default=DEFAULT_METHOD, show_default=True, help=JUDGED_METHOD_HELP
)
with_threads = click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="Cores to use.")


class Commands(click.Group):
    """A group that ends an input's error as one clear line and exit code 1, and lists commands as they were added."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Names in the order of definition, which is the order of use."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a BioposeError, or a file that the system refuses, becomes its message."""
        try:
            return super().invoke(ctx)
        except BioposeError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:  # a closed pipe is click's; others are ours
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


class NewFile(click.Path):
    """A file to write: its suffix says what it holds, and its folder is there before any work is done for it."""

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, if it can be written to."""
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
    """End as wrong usage where `out` is one of the command's own inputs, given by their options' names."""
    for option, path in inputs.items():
        if path is not None and out.exists() and out.samefile(path):
            raise click.UsageError(f"--out {out} is the file given as --{option}; it would be lost")


def show(result: dict[str, Any], *, json_: bool, lines: Callable[[], list[str]]) -> None:
    """Print a command's result, for a program or for a person."""
    click.echo(json.dumps(result) if json_ else "\n".join(lines()))


class StageBars:
    """Progress through stages whose lengths become known as they come: frames done, frames a second, time left.

    Args:
        json_: whether the output is for a program; then nothing is shown.
    """

    def __init__(self, *, json_: bool) -> None:
        self._hidden = json_ or not sys.stderr.isatty()
        self._stage = ""
        self._began_s = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show where a stage is; total is 0 where it is not known."""
        if self._hidden:
            return
        now_s = time.perf_counter()
        if stage != self._stage:
            self.close()
            self._stage, self._began_s = stage, now_s
        rate = done / max(now_s - self._began_s, 1e-9)
        left = f" of {total}, {(total - done) / rate:4.0f} s left" if total and rate else ""
        click.echo(f"\r\033[K{stage}: {done}{left}  ({rate:.1f} frames/s)", nl=False, err=True)

    def close(self) -> None:
        """End the line."""
        if self._stage and not self._hidden:
            click.echo(err=True)
        self._stage = ""


def progress_bar(length: int, *, label: str, json_: bool) -> AbstractContextManager[Any]:
    """A progress bar with the time left, on standard error; a terminal alone gets one."""
    hidden = json_ or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)
