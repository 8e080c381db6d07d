"""Adding stored trials to the golden set."""

from __future__ import annotations

from pathlib import Path

from tasks.golden import GoldenSet, GoldenTrial
from tasks.locks import exclusive
from tasks.settings import Settings
from tasks.user_name import user_name
from warehouse.connection import opened_for_writing
from warehouse.errors import QueryError, no_home
from warehouse.nearest import suggestion

CURRENT = (
    "SELECT trial.trial_id, run.artifacts, video_sha256, first_time_s, last_time_s "
    "FROM trial JOIN run ON run.run_number = trial.run_number"
)


def add_golden(
    settings: Settings, trial_id: str, *, reference: Path | None, offset_s: float, who: str | None
) -> GoldenTrial:
    """Add a stored trial, with a reference or with its current numbers, which somebody approved.

    Args:
        settings: of the home.
        trial_id: stored and current.
        reference: .mot of joint angles; None: the current numbers are the reference.
        offset_s: time of the reference at the recording's time 0.
        who: adds or approves it; None: the user of this machine.

    Raises:
        QueryError: there is no such trial; the message has the nearest names.
        NoWarehouseError: there is no warehouse.
        BioposeError: the reference cannot be used.
    """
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
    with exclusive(settings.home):
        with opened_for_writing(settings.warehouse) as connection:
            trials = {name: values for name, *values in connection.execute(CURRENT).fetchall()}
        if trial_id not in trials:
            raise QueryError(f"there is no trial {trial_id!r}; {suggestion(trial_id, trials)}")
        artifacts, video_sha256, first_s, last_s = trials[trial_id]
        golden, by = GoldenSet(settings), who or user_name()
        if reference is None:
            kinematics = settings.home / artifacts / "kinematics.parquet"
            return golden.approve(trial_id, kinematics, video_sha256=video_sha256, who=by)
        return golden.add_reference(
            trial_id, reference, video_sha256=video_sha256, offset_s=offset_s, who=by, span_s=(first_s, last_s)
        )
