"""Trials that are kept but not shown: their manifest no longer names them, or who is in them withdrew consent.

They are current again once they are loaded again. A retired trial has no current run, so that no view and no query
finds rows of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.connection import opened_for_writing

# Of each current trial, the session and what was measured: two trials that agree in the latter are one recording.
CURRENT = """
SELECT
    trial.trial_id,
    session_id,
    [video_sha256, athlete_id, coalesce(start_s, 0)::VARCHAR, coalesce(end_s, -1)::VARCHAR]
FROM trial_manifest AS trial JOIN run ON run_number = current_run_number
ORDER BY trial.trial_id
"""


@dataclass(frozen=True)
class Retired:
    """A trial that is no longer current.

    Attributes:
        trial_id: its id.
        renamed_to: the trial that measures the same part of the same video; None where there is none.
    """

    trial_id: str
    renamed_to: str | None


def retire_trials(
    database: Path, named: Mapping[str, Collection[str]], *, there: Collection[str] = ()
) -> list[Retired]:
    """Retire the trials that the manifests of their sessions no longer name.

    A trial of a session that is not there any more is retired, too, where a named trial measures the same part of the
    same video: the session was renamed.

    Args:
        database: of the writer; nothing is done where there is none.
        named: by session_id, the ids of all trials that its manifest names.
        there: further sessions whose manifests are still there.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not (named and database.is_file()):
        return []
    with opened_for_writing(database) as connection:
        rows = [
            (str(trial), str(session), tuple(what)) for trial, session, what in connection.execute(CURRENT).fetchall()
        ]
        known = {what: trial for trial, session, what in rows if trial in named.get(session, ())}
        retired = [
            Retired(trial, known.get(what))
            for trial, session, what in rows
            if (trial not in named[session] if session in named else session not in there and what in known)
        ]
        _retire(connection, [one.trial_id for one in retired])
    return retired


def retire_people(database: Path, athletes: Collection[str], *, trials: Collection[str] = ()) -> dict[str, int]:
    """Retire every trial of people who must not be shown.

    Args:
        database: of the writer; nothing is done where there is none.
        athletes: ids team/athlete.
        trials: ids of further trials.

    Returns:
        How many trials ceased to be current, by athlete.

    Raises:
        WarehouseBusyError: another process has it open.
    """
    if not ((athletes or trials) and database.is_file()):
        return {}
    with opened_for_writing(database) as connection:
        rows = connection.execute(
            "SELECT trial_id, athlete_id FROM trial_manifest "
            "WHERE current_run_number IS NOT NULL AND (athlete_id = ANY(?) OR trial_id = ANY(?))",
            [list(athletes), list(trials)],
        ).fetchall()
        _retire(connection, [trial for trial, _ in rows])
    return dict(Counter(athlete for _, athlete in rows))


def _retire(connection: duckdb.DuckDBPyConnection, trials: list[str]) -> None:
    if trials:
        connection.execute(
            "UPDATE trial_manifest SET is_retired = true, current_run_number = NULL WHERE trial_id = ANY(?)", [trials]
        )
