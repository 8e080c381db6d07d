"""The reports that a night writes: of each athlete whose current runs changed, TEAM/ATHLETE.html in one folder."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import duckdb

from biopose.errors import BioposeError
from flows.pages.report import LIMITS, athlete_report, write_report
from tasks.settings import OWNER_ALONE, Settings
from warehouse.errors import NoWarehouseError, WarehouseError
from warehouse.open_snapshot import OpenSnapshot

log = logging.getLogger(__name__)

MADE_OF = '<meta name="biopose-runs" content="{}">'
AT_ONCE = 2  # reports; each may take the memory of LIMITS, and Python's lock lets hardly more than two gain anything
HEAD_BYTES = 4_096  # of a report, in which it names what it was made of


def renew_reports(settings: Settings) -> tuple[int, int]:
    """Write the report of each athlete whose current runs are not those that it was made of.

    The report of somebody who has no current trial any more, such as after a withdrawn consent, is removed. Where one
    report cannot be written, the others are; ^C waits for the AT_ONCE that have begun, and writes no other.

    Args:
        settings: of the home, and where the reports lie.

    Returns:
        How many were written and how many were removed.

    Raises:
        WarehouseError: the snapshot cannot be read.
        OSError: an old report cannot be removed.
        BioposeError: reports cannot be written; it names the athletes.
    """
    made_of = _current_runs(settings)
    removed = 0
    current = {settings.report_of(athlete_id) for athlete_id in made_of}
    for path in _written_before(settings):
        if path not in current:  # first: whoever withdrew consent depends on nobody else's report
            path.unlink()
            removed += 1
    together = ThreadPoolExecutor(AT_ONCE)
    try:
        renewed = {one: together.submit(_renewed, settings, one, digest) for one, digest in made_of.items()}
        wait(renewed.values())
    finally:
        together.shutdown(cancel_futures=True)
    _raise_failures({athlete_id: error for athlete_id, one in renewed.items() if (error := one.exception())})
    return sum(one.result() for one in renewed.values()), removed


def _raise_failures(failures: Mapping[str, BaseException]) -> None:
    """One error of all failures, by athlete; the trace of one that nobody expects is logged."""
    for athlete_id, error in failures.items():
        if not isinstance(error, (BioposeError, WarehouseError, OSError)):
            log.error("the report of %s failed", athlete_id, exc_info=error)
    if failures:
        listed = (f"{one} ({str(error) or type(error).__name__})" for one, error in failures.items())
        raise BioposeError("; ".join(listed)) from next(iter(failures.values()))


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
