"""The reports that a night writes: of each athlete whose current runs changed, TEAM/ATHLETE.html in one folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from flows.pages.report import LIMITS, athlete_report, write_report
from tasks.settings import OWNER_ALONE, Settings
from warehouse.errors import NoWarehouseError
from warehouse.open_snapshot import OpenSnapshot

MADE_OF = '<meta name="biopose-runs" content="{}">'
AT_ONCE = 2  # reports; each may take the memory of LIMITS, and Python's lock lets hardly more than two gain anything
HEAD_BYTES = 4_096  # of a report, in which it names what it was made of


def renew_reports(settings: Settings) -> tuple[int, int]:
    """Write the report of each athlete whose current runs are not those that it was made of.

    The report of somebody who has no current trial any more, such as after a withdrawn consent, is removed. Where one
    report cannot be written, the others are.

    Args:
        settings: of the home, and where the reports lie.

    Returns:
        How many were written and how many were removed.

    Raises:
        WarehouseError: the snapshot cannot be read.
        OSError: the folder cannot be written to.
    """
    made_of = _current_runs(settings)
    removed = 0
    current = {settings.report_of(athlete_id) for athlete_id in made_of}
    for path in _written_before(settings):
        if path not in current:  # first: whoever withdrew consent depends on nobody else's report
            path.unlink()
            removed += 1
    with ThreadPoolExecutor(AT_ONCE) as together:
        renewed = [together.submit(_renewed, settings, athlete_id, digest) for athlete_id, digest in made_of.items()]
    return sum(one.result() for one in renewed), removed


def _renewed(settings: Settings, athlete_id: str, digest: str) -> bool:
    """Whether an athlete's report had to be written, as it was made of other runs than those of a digest."""
    path = settings.report_of(athlete_id)
    if _digest_of(path) == digest:
        return False
    for folder in (settings.reports, path.parent):
        folder.mkdir(mode=OWNER_ALONE, parents=True, exist_ok=True)
    head = MADE_OF.format(digest)
    write_report(athlete_report(settings, athlete_id).replace("<head>", f"<head>\n{head}", 1), path)
    return True


def _current_runs(settings: Settings) -> dict[str, str]:
    """A digest of each athlete's current runs; empty where nothing is stored."""

    def runs(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
        return connection.execute(
            "SELECT athlete_id, string_agg(trial_id || ' ' || run_id, '\n' ORDER BY trial_id) FROM trial "
            "GROUP BY athlete_id ORDER BY athlete_id"
        ).fetchall()

    try:
        with OpenSnapshot(settings.snapshot, LIMITS) as snapshot:
            found, _ = snapshot.answer(runs)
    except NoWarehouseError:
        return {}
    return {athlete_id: hashlib.sha256(runs.encode()).hexdigest() for athlete_id, runs in found}


def _written_before(settings: Settings) -> Iterator[Path]:
    """The reports of earlier nights; other files of the folder are not ours."""
    return (path for path in settings.reports.glob("*/*.html") if _digest_of(path))


def _digest_of(report: Path) -> str:
    """Of the runs that a report was made of; "" where there is none, or another file."""
    if not report.is_file():
        return ""
    with report.open("rb") as file:
        found = re.search(MADE_OF.format("([0-9a-f]{64})").encode(), file.read(HEAD_BYTES))
    return found[1].decode() if found else ""
