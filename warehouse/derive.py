"""Derived rows: the mean curves of each session, as the macro `mean_curves_of` computes them from the frames.

They hold nothing that the frames do not: the view `session_curve` reads those of a session as long as its current runs
are what they were computed from, by content and not by a clock, and else computes them. So a promotion, a rollback, a
retired trial or an erased athlete never leaves an outdated curve to be seen; what is derived is only faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from warehouse.connection import opened_for_reading, opened_for_writing, transaction
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

OUTDATED = "session_id NOT IN (FROM session_up_to_date)"


@dataclass(frozen=True)
class DerivedSessions:
    """Derived rows of some sessions.

    Attributes:
        contents: by session, of the view session_content, what the rows were computed from.
        curves: of these sessions, with the columns of `derived_session_curve`.
    """

    contents: dict[str, int]
    curves: pa.Table


def sessions_to_derive(snapshot: Path) -> dict[str, int]:
    """The sessions whose derived rows are not up to date, with their frames, those that were loaded first first.

    Raises:
        NoWarehouseError: there is no snapshot yet.
    """
    with opened_for_reading(snapshot) as connection:
        rows = connection.execute(
            "SELECT session_id, sum(frames)::BIGINT FROM current_run JOIN run USING (run_number) "  # noqa: S608
            f"WHERE {OUTDATED} GROUP BY session_id ORDER BY min(run_number)"
        ).fetchall()
    return {str(session): int(frames) for session, frames in rows}


def derive_sessions(snapshot: Path, sessions: Sequence[str]) -> DerivedSessions:
    """Compute the derived rows of some sessions; nothing is written.

    Args:
        snapshot: on this machine, or on a disk that it mounts.
        sessions: their ids.

    Raises:
        WarehouseError: the frames cannot be read, or a session is too large for the memory that a reader may take.
    """
    with opened_for_reading(snapshot) as connection:
        return derive_sessions_on(connection, sessions)


def derive_sessions_on(connection: duckdb.DuckDBPyConnection, sessions: Sequence[str]) -> DerivedSessions:
    """As `derive_sessions`, on a snapshot that is open: to open one of many Parquet files takes half a second.

    Args:
        connection: reads the snapshot; another thread may use it, too.
        sessions: their ids.

    Raises:
        WarehouseError: as `derive_sessions` does.
    """
    asked = {"sessions": list(sessions)}
    try:
        with closing(connection.cursor()) as cursor:
            contents = cursor.execute(
                "SELECT session_id, content FROM session_content WHERE list_contains($sessions, session_id)", asked
            ).fetchall()
            curves = cursor.execute(
                "SELECT * EXCLUDE (team_id, session_date) FROM mean_curves_of('phase') "
                "WHERE list_contains($sessions, session_id)",
                asked,
            ).to_arrow_table()
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        raise WarehouseError(f"the mean curves of {sessions[0]} cannot be computed: {reason}") from error
    return DerivedSessions({str(session): int(content) for session, content in contents}, curves)


def store_derived(database: Path, derived: DerivedSessions) -> None:
    """Put derived rows in the place of those sessions' earlier ones, all of them or none.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    sessions = list(derived.contents)
    with opened_for_writing(database) as connection, transaction(connection):
        for table in ("derived_session_curve", "session_refresh"):
            connection.execute(f"DELETE FROM {table} WHERE session_id = ANY(?)", [sessions])  # noqa: S608
        connection.register("curves", derived.curves)
        connection.execute("INSERT INTO derived_session_curve BY NAME FROM curves")
        connection.executemany("INSERT INTO session_refresh VALUES (?, ?)", list(derived.contents.items()))


def remove_outdated(database: Path) -> int:
    """Delete the derived rows of sessions that are no longer what they were computed from; of how many sessions.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    with opened_for_writing(database) as connection, transaction(connection):
        sessions = connection.execute(
            f"SELECT DISTINCT session_id FROM derived_session_curve WHERE {OUTDATED}"  # noqa: S608
        ).fetchall()
        for table in ("derived_session_curve", "session_refresh"):
            connection.execute(f"DELETE FROM {table} WHERE {OUTDATED}")  # noqa: S608
    return len(sessions)
