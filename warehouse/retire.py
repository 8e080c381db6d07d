"""Trials that their session's manifest no longer names: kept, not current, current again once they are loaded again.

A retired trial has no current run, so that no view and no query finds rows of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

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
        if retired:
            connection.execute(
                "UPDATE trial_manifest SET is_retired = true, current_run_number = NULL WHERE trial_id = ANY(?)",
                [[one.trial_id for one in retired]],
            )
    return retired
