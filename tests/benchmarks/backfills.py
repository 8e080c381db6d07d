"""Backfills that are killed at random moments, with all their processes, and run again to their end.

    python -m tests.benchmarks.backfills HOME SINCE 50    # a home with something to backfill; it is copied each time

Right after the kill every trial must show one release's numbers, whole, and readers, too; after the second run the
warehouse must hold what an uninterrupted run leaves, row for row, and the snapshot the same.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tasks.settings import Settings
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_rows

# Trials whose current run lacks frames or metrics, or shows nothing.
BROKEN = """
SELECT count(*) FROM trial_manifest LEFT JOIN run ON run_number = current_run_number
LEFT JOIN (SELECT run_number, count(*) AS n FROM kinematics_of_every_run GROUP BY ALL) AS held USING (run_number)
WHERE NOT is_retired AND (current_run_number IS NULL OR n IS DISTINCT FROM frames)
"""
SHOWN = "SELECT count(*) FROM trial WHERE release = (FROM (SELECT name FROM release ORDER BY created_at DESC LIMIT 1))"


def backfill(home: Path, since: str, *, after_s: float | None = None) -> int:
    """The command's exit code; with a time it is killed then, with every process that it started."""
    command = [sys.executable, "-m", "flows.cli.main", "rollout", "backfill", "--since", since, "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        started = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        for one in started:
            if one.is_running():
                one.kill()
        return process.wait()


def state(settings: Settings) -> dict[str, Any]:
    """What warehouse and readers have."""
    with opened_for_writing(settings.warehouse) as connection:
        broken, shown = (connection.execute(sql).fetchall()[0][0] for sql in (BROKEN, SHOWN))
    with opened_for_reading(settings.snapshot) as connection:
        read = connection.execute(BROKEN).fetchall()[0][0]
    return {"broken": broken, "read_broken": read, "shown": shown, "content": content_rows(settings.warehouse)}


def killed(home: Path, since: str, after_s: float, whole: dict[str, Any]) -> dict[str, Any]:
    """What a backfill left that was killed, and what the next one made of it."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings.load(shutil.copytree(home, Path(scratch) / "home"))
        code = backfill(settings.home, since, after_s=after_s)
        left = state(settings)
        again = backfill(settings.home, since)
        after = state(settings)
        published = content_rows(settings.snapshot)
    faults = [
        fault
        for fault, is_one in {
            "a trial has half a run": left["broken"] or left["read_broken"],
            "the second run failed": again,
            "rows differ from those of an uninterrupted run": after["content"] != whole["content"],
            "readers have another state": published != after["content"],
        }.items()
        if is_one
    ]
    return {"killed": code < 0, "shown": left["shown"], "faults": faults}


def main() -> None:
    home, since, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    random = Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings.load(shutil.copytree(home, Path(scratch) / "home"))
        began_s = time.monotonic()
        assert backfill(settings.home, since) == 0
        took_s = time.monotonic() - began_s
        whole = state(settings)
    print(f"uninterrupted: {took_s:.0f} s, {whole['shown']} trials show the release")
    print("| moment, s | killed | trials that showed it then | faults |\n|---|---|---|---|")
    for _ in range(number):
        after_s = random.uniform(0, took_s)
        found = killed(home, since, after_s, whole)
        faults = "; ".join(found["faults"]) or "none"
        print(f"| {after_s:.1f} | {found['killed']} | {found['shown']} | {faults} |", flush=True)


if __name__ == "__main__":
    main()
