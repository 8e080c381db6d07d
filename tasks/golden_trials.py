"""Adding stored trials to the golden set."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.marker_trial import MarkerTrial
from tasks.golden import GoldenSet, GoldenTrial
from tasks.golden_markers import MARKERS, write_angles
from tasks.locks import exclusive
from tasks.settings import Settings
from tasks.user_name import user_name
from warehouse.connection import opened_for_writing
from warehouse.errors import QueryError, no_home
from warehouse.nearest import suggestion

CURRENT = (
    "SELECT trial.trial_id, run.artifacts, video_sha256, first_time_s, last_time_s, activity, run.height_m, "
    "run.mass_kg FROM trial JOIN run ON run.run_number = trial.run_number"
)


@dataclass(frozen=True)
class MarkerFiles:
    """What belongs to a reference that is a recording of markers; as of `MarkerTrial`."""

    static: Path | None = None
    model: Path | None = None
    up: UpAxis = "y"
    units: LengthUnit | None = None
    subject: str | None = None


def add_golden(
    settings: Settings,
    trial_id: str,
    *,
    reference: Path | None,
    offset_s: float,
    who: str | None,
    beside: MarkerFiles = MarkerFiles(),
) -> GoldenTrial:
    """Add a stored trial, with a reference or with its current numbers, which somebody approved.

    Args:
        settings: of the home.
        trial_id: stored and current.
        reference: .mot of joint angles, or a recording of markers, which is solved with the trial's height and mass;
            None: the current numbers are the reference.
        offset_s: time of the reference at the recording's time 0.
        who: adds or approves it; None: the user of this machine.
        beside: what belongs to a recording of markers.

    Raises:
        QueryError: there is no such trial; the message has the nearest names.
        NoWarehouseError: there is no warehouse.
        BioposeError: the reference cannot be used.
    """
    of_markers = reference is not None and reference.suffix.lower() in MARKERS
    if beside != MarkerFiles() and not of_markers:
        raise BioposeError(
            f"{reference or trial_id}: --static, --model, --up, --units and --subject are of a recording of markers, "
            f"{' or '.join(MARKERS)}; this reference is none"
        )
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
    with exclusive(settings.home):
        with opened_for_writing(settings.warehouse) as connection:
            trials = {name: values for name, *values in connection.execute(CURRENT).fetchall()}
        if trial_id not in trials:
            raise QueryError(f"there is no trial {trial_id!r}; {suggestion(trial_id, trials)}")
        artifacts, video_sha256, first_s, last_s, activity, height_m, mass_kg = trials[trial_id]
        golden, by = GoldenSet(settings), who or user_name()
        if reference is None:
            kinematics = settings.home / artifacts / "kinematics.parquet"
            return golden.approve(trial_id, kinematics, video_sha256=video_sha256, who=by)
        of_trial: dict[str, Any] = {"video_sha256": video_sha256, "offset_s": offset_s, "who": by}
        of_trial["span_s"] = (first_s, last_s)
        if not of_markers:
            return golden.add_reference(trial_id, reference, **of_trial)
        with tempfile.TemporaryDirectory() as folder:
            angles, body = Path(folder) / "angles.mot", {"height_m": height_m, "mass_kg": mass_kg}
            trial = MarkerTrial(reference, **body, activity=activity, trial_id=trial_id, **vars(beside))
            notes = write_angles(trial, angles)
            return golden.add_reference(trial_id, angles, markers=reference, notes=notes, **of_trial)
