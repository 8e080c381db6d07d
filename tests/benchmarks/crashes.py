"""Kill -9 at random moments of a small ingest, then a plain re-run: the warehouse must be that of an undisturbed one.

    python -m tests.benchmarks.crashes --kills 20

Prints what was killed when, and whether the warehouse equals the undisturbed one, row for row.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from flows.serving.programs import PREFECT_APPLICATION
from tests.flows.ingest_runs import run_ingest, small_inbox, start_ingest
from warehouse.content import content_rows

POLL_S = 0.002
LATEST_S = 120.0


@dataclass(frozen=True)
class Crash:
    """One kill and what came of it."""

    victim: str
    at_s: float
    trials_loaded_before: int
    rerun_stored: int
    equal: bool


VICTIMS: dict[str, Callable[[psutil.Process, Path], list[psutil.Process]]] = {
    "flow process": lambda flow, _: [flow],
    "Ray actor": lambda flow, _: _named(flow, "ray::PerceptionActor"),
    "Dask worker": lambda flow, _: forked_workers(flow),
    "Prefect server": lambda flow, _: _named(flow, PREFECT_APPLICATION),
    "loader in a transaction": lambda flow, home: [flow] if _in_transaction(home) else [],
}


def crash_once(inbox: Path, home: Path, *, victim: str, after_s: float, expected: dict) -> Crash:
    """Start an ingest in an empty home, kill the victim at the first chance after a time, run it again."""
    process = start_ingest(inbox, home)
    at_s = kill(process, home, victim=victim, after_s=after_s)
    process.communicate(timeout=300)
    loaded = _loaded(home)
    account = run_ingest(inbox, home)
    rows = content_rows(home / "warehouse.snapshot.duckdb")
    return Crash(victim, at_s, loaded, len(account["stored"]), rows == expected)


def kill(process: subprocess.Popen[str], home: Path, *, victim: str, after_s: float = 0.0) -> float:
    """Kill -9, at the first chance after a time; when it was, in seconds; nan if the ingest had ended before."""
    began_s = time.monotonic()
    flow = psutil.Process(process.pid)
    while process.poll() is None and time.monotonic() - began_s < LATEST_S:
        if time.monotonic() - began_s >= after_s and (found := VICTIMS[victim](flow, home)):
            os.kill(found[0].pid, signal.SIGKILL)
            return time.monotonic() - began_s
        time.sleep(POLL_S)
    return float("nan")


def _named(flow: psutil.Process, text: str) -> list[psutil.Process]:
    found = []
    for child in flow.children(recursive=True):
        try:
            if text in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def forked_workers(flow: psutil.Process) -> list[psutil.Process]:
    """Dask's workers: forked from one process that is the flow's own child, and look like it."""
    return [child for child in _named(flow, "multiprocessing.forkserver") if child.ppid() != flow.pid]


def _in_transaction(home: Path) -> bool:
    """The write-ahead log is there and grows only while a transaction is being written."""
    log = home / "warehouse.duckdb.wal"
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False


def _loaded(home: Path) -> int:
    """Trials in the writer's database after the crash, which the next opening recovers."""
    database = home / "warehouse.duckdb"
    if not database.exists():
        return 0
    from warehouse.load import loaded_runs

    return len(loaded_runs(database))


@click.command()
@click.option("--kills", default=20, show_default=True, type=click.IntRange(1))
@click.option("--trials", default=3, show_default=True, type=click.IntRange(1))
@click.option("--frames", default=20, show_default=True, type=click.IntRange(8))
@click.option("--seed", default=0, show_default=True, type=int)
def main(kills: int, trials: int, frames: int, seed: int) -> None:
    """Print the table of what was killed when."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="biopose-crashes-") as scratch:
        inbox = small_inbox(Path(scratch) / "inbox", trials=trials, frames=frames)
        began_s = time.monotonic()
        run_ingest(inbox, Path(scratch) / "undisturbed")
        whole_s = time.monotonic() - began_s
        expected = content_rows(Path(scratch) / "undisturbed" / "warehouse.snapshot.duckdb")
        click.echo(f"undisturbed: {whole_s:.1f} s; rows { ({t: n for t, (n, _) in expected.items()}) }")
        click.echo(f"{'#':>3} {'killed':<24} {'at s':>6} {'loaded before':>14} {'stored by re-run':>17}  equal")
        equal = 0
        for number in range(kills):
            victim = list(VICTIMS)[number % len(VICTIMS)]
            home = Path(scratch) / f"home{number}"
            after_s = draw.uniform(0.1, 0.95) * whole_s if "transaction" not in victim else 0.0
            crash = crash_once(inbox, home, victim=victim, after_s=after_s, expected=expected)
            equal += crash.equal
            click.echo(
                f"{number + 1:>3} {crash.victim:<24} {crash.at_s:6.1f} {crash.trials_loaded_before:>14} "
                f"{crash.rerun_stored:>17}  {'yes' if crash.equal else 'NO'}"
            )
        click.echo(f"{equal} of {kills} equal the undisturbed ingest, row for row")


if __name__ == "__main__":
    main()
