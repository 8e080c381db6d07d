"""Backfills that are killed, and run again to their end.

    python -m tests.benchmarks.backfills home FOLDER          # makes FOLDER/home: recordings of markers to measure anew
    python -m tests.benchmarks.backfills whole FOLDER/home 5  # the command, killed at random with all its processes
    python -m tests.benchmarks.backfills writes FOLDER/home 50       # killed at so many of its statements; no engines
    python -m tests.benchmarks.backfills writes FOLDER/home 50 76    # of these, at those from the 76th statement on

Right after the kill every trial must show one release's numbers, whole, and readers, too; after the second run the
warehouse must hold what an uninterrupted run leaves, row for row, and the snapshot the same. For `writes` the results
lie there as files, as a run leaves them that was killed before it loaded them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import psutil

from flows.serving.ingest_server import ingest_server
from tasks.comparison import DEFAULT_POLICY
from tasks.models import pin_versions
from tasks.promotion import promote
from tasks.settings import Settings
from tests.benchmarks.kills import KILLED, Writes, copied, import_ahead, in_a_process
from tests.flows.ingest_runs import run_ingest
from tests.flows.test_rollout import another_version
from tests.marker_recordings import laboratory
from warehouse.connection import opened_for_reading, opened_for_writing, transaction
from warehouse.content import content_rows
from warehouse.releases import admit_candidate, promoted_release
from warehouse.rollouts import decide, move, note_compared, register

SINCE, UNTIL = "2026-11-01", "2026-11-30"
TRIALS = 4
LONGEST_S = 600.0  # of the second run
# Trials whose current run lacks frames or metrics, or shows nothing.
BROKEN = """
SELECT count(*) FROM trial_manifest LEFT JOIN run ON run_number = current_run_number
LEFT JOIN (SELECT run_number, count(*) AS n FROM kinematics_of_every_run GROUP BY ALL) AS held USING (run_number)
WHERE NOT is_retired AND (current_run_number IS NULL OR n IS DISTINCT FROM frames)
"""
SHOWN = "SELECT count(*) FROM trial WHERE release = (FROM (SELECT name FROM release ORDER BY created_at DESC LIMIT 1))"


def make_home(folder: Path) -> None:
    """A home whose promoted release, with another version of NeurIK, has measured none of its trials."""
    laboratory(folder / "inbox", *(f"walk{number}.trc" for number in range(TRIALS)))
    settings = Settings.load(folder / "home")
    run_ingest(folder / "inbox", settings.home)
    version = another_version(settings.home, folder)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        champion = promoted_release(connection)
        assert champion is not None
        models = pin_versions(settings, {**champion.versions, "neurik": version})
        candidate = admit_candidate(connection, champion.method, [model.identity for model in models], name="winter")
        number = register(
            connection,
            champion_id=champion.release_id,
            candidate_id=candidate,
            policy=DEFAULT_POLICY.read_text(),
            trials=["lab/day/walk0"],
            who="benchmark",
            why="benchmark",
        )
        move(connection, number, "compare", who="benchmark", why="benchmark")
        note_compared(connection, number, "{}", who="benchmark")
        decide(connection, number, verdict="pass", who="benchmark", why="benchmark")
    promote(settings)


def command(home: Path, *, after_s: float | None = None) -> int | str:
    """The command's exit code; with a time it is killed then, with every process that it started."""
    arguments = ["rollout", "backfill", "--since", SINCE, "--until", UNTIL, "--home", str(home)]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=after_s or LONGEST_S)
    except subprocess.TimeoutExpired:
        started = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        for one in started:
            if one.is_running():
                one.kill()
        process.wait()
        return KILLED if after_s else f"not done within {LONGEST_S:.0f} s"


def flow(home: Path, write: int | None = None) -> dict[str, Any]:
    """The flow in this process, killed before a write; how many it made."""
    from datetime import date

    from flows.backfill import backfill

    writes = Writes(-1 if write is None else write)
    writes.count_statements()
    with redirect_stdout(StringIO()):
        backfill(date.fromisoformat(SINCE), date.fromisoformat(UNTIL), home=str(home))
    return {"writes": writes.done}


def state(settings: Settings) -> dict[str, Any]:
    """What warehouse and readers have."""
    with opened_for_writing(settings.warehouse) as connection:
        broken, shown = (connection.execute(sql).fetchall()[0][0] for sql in (BROKEN, SHOWN))
    with opened_for_reading(settings.snapshot) as connection:
        read = connection.execute(BROKEN).fetchall()[0][0]
    content, published = content_rows(settings.warehouse), content_rows(settings.snapshot)
    return {"broken": broken, "read_broken": read, "shown": shown, "content": content, "published": published}


def judged(
    home: Path, whole: dict[str, Any], kill: Callable[[Path], Any], again: Callable[[Path], Any]
) -> tuple[Any, int, list[str]]:
    """How a backfill ended that was to be killed, how many trials showed its release then, and what is wrong."""
    with copied(home, "inbox") as copy:
        settings = Settings.load(copy)
        ended = kill(copy)
        left = in_a_process(partial(state, settings))
        repeated = again(copy)
        after = in_a_process(partial(state, settings))
    faults = {
        "a trial has half a run": left["broken"] or left["read_broken"],
        f"the second run: {repeated}": isinstance(repeated, str) or bool(repeated),
        "rows differ from those of an uninterrupted run": after["content"] != whole["content"],
        "readers have another state": after["published"] != after["content"],
    }
    return ended, left["shown"], [fault for fault, is_one in faults.items() if is_one]


def whole_runs(home: Path, number: int) -> None:
    """Kill the command at random moments of the time that it takes."""
    random = Random(0)
    with copied(home) as copy:
        began_s = time.monotonic()
        assert command(copy) == 0
        took_s = time.monotonic() - began_s
        whole = in_a_process(partial(state, Settings.load(copy)))
    print(f"uninterrupted: {took_s:.0f} s, {whole['shown']} trials show the release")
    print("| moment, s | ended | trials that showed it then | faults |\n|---|---|---|---|", flush=True)
    for _ in range(number):
        after_s = random.uniform(0, took_s)
        ended, shown, faults = judged(home, whole, partial(command, after_s=after_s), command)
        print(f"| {after_s:.1f} | {ended} | {shown} | {'; '.join(faults) or 'none'} |", flush=True)


@contextmanager
def measured(home: Path) -> Iterator[tuple[Path, dict[str, Any], int]]:
    """A copy for the block whose results lie there as files; the state once they are loaded, and the writes of that.

    A Prefect server serves it.
    """
    with copied(home) as copy:
        assert command(copy) == 0
        whole = in_a_process(partial(state, Settings.load(copy)))
        for database in copy.glob("*.duckdb"):
            shutil.copy2(home / database.name, database)
        with ingest_server(Settings.load(copy), print) as wait_until_ready:
            wait_until_ready()
            with copied(copy) as again:
                import_ahead(partial(flow, again))
            with copied(copy) as again:
                writes = in_a_process(partial(flow, again))["writes"]
            yield copy, whole, writes


def at_writes(home: Path, number: int, first: int = 0) -> None:
    """Kill the flow before statements of it, spread evenly over all, from the first that is asked for on."""
    with measured(home) as (start, whole, writes):
        print(
            f"{writes} writes\n| before write | ended | trials that showed it then | faults |\n|---|---|---|---|",
            flush=True,
        )
        for moment in range(min(number, writes)):
            if (write := moment * writes // min(number, writes)) < first:
                continue
            kill = partial(in_flow, write=write)
            ended, shown, faults = judged(start, whole, kill, lambda copy: in_flow(copy).get("failed", 0))
            print(f"| {write} | {ended} | {shown} | {'; '.join(faults) or 'none'} |", flush=True)


def in_flow(home: Path, write: int | None = None) -> Any:
    """The flow in a process of its own."""
    return in_a_process(partial(flow, home, write))


def main() -> None:
    what, folder, *number = sys.argv[1:]
    if what == "home":
        make_home(Path(folder))
    else:
        {"whole": whole_runs, "writes": at_writes}[what](Path(folder), *map(int, number))


if __name__ == "__main__":
    main()
