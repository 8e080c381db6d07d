"""Figures of operation: the first message of a quarantine; examination, backup and restoring of a large home.

    python -m tests.benchmarks.operation quarantine           # seconds from the command's start
    python -m tests.benchmarks.operation home FOLDER --gb 10  # needs three times as much space in FOLDER

The large home is generated: synthetic trials in the warehouse, and random bytes in place of overlays.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tasks.backup import back_up, restore
from tasks.home_health import examine_home
from tasks.settings import Settings
from tests.benchmarks.stored_home import store
from tests.flows.ingest_runs import CLIPS, Session
from tests.warehouse.trials import SyntheticTrial
from warehouse.snapshot import publish_snapshot


@click.group()
def main() -> None:
    """Print a figure."""


@main.command()
def quarantine() -> None:
    """Ingest a session whose first video is cut off, and time its line."""
    with TemporaryDirectory() as scratch:
        session = Session("broken")
        session.add("cut", CLIPS[1].name, start_s=0.0, frames=10)
        session.add("good", CLIPS[0].name, start_s=0.0, frames=10)
        folder = session.write(Path(scratch) / "inbox", *CLIPS[:2]).parent
        (folder / CLIPS[1].name).write_bytes(CLIPS[1].read_bytes()[:2_000])
        os.utime(folder / CLIPS[1].name, (0, 0))  # as after hours, not as still being copied
        began_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "flows.cli.main", "ingest", folder.parents[1], "--home", f"{scratch}/home"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.lstrip().startswith(("quarantined", "stored")):
                click.echo(f"{time.monotonic() - began_s:.1f} s: {line.strip()[:80]}")
        click.echo(f"{time.monotonic() - began_s:.1f} s: end, exit code {process.wait()}")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--gb", default=10.0, show_default=True)
@click.option("--trials", default=100, show_default=True, help="In the warehouse.")
def home(folder: Path, gb: float, trials: int) -> None:
    """Make a home up, and time its examination, two backups and a restoring."""
    settings = Settings.load(folder / "home")
    settings.make_home()
    _made_up(settings, gb=gb, trials=trials)
    _timed("biopose doctor --home", partial(examine_home, settings), lambda found: f"{len(found)} examined")
    described = lambda made: f"{made.files} files, {made.copied_bytes / 1e9:.2f} GB copied"  # noqa: E731
    first = _timed("biopose backup, the first", partial(back_up, settings, folder / "backups"), described)
    time.sleep(1.1)  # backups are named by the second
    _timed("biopose backup, nothing changed", partial(back_up, settings, folder / "backups"), described)
    _timed("biopose restore", partial(restore, first.folder, Settings.load(folder / "restored")), lambda _: "done")


def _made_up(settings: Settings, *, gb: float, trials: int) -> None:
    """Trials in the warehouse, whose overlays are random bytes."""
    for number in range(trials):
        store(settings, SyntheticTrial(f"jump{number}", number), overlay_bytes=round(gb * 1e9 / trials))
    publish_snapshot(settings.warehouse, settings.snapshot)


def _timed(name: str, work: Callable[[], Any], described: Callable[[Any], str]) -> Any:
    began_s, processor_s = time.monotonic(), time.process_time()
    found = work()
    spent = f"{time.monotonic() - began_s:.2f} s, {time.process_time() - processor_s:.2f} processor seconds"
    click.echo(f"{name}: {spent}; {described(found)}")
    return found


if __name__ == "__main__":
    main()
