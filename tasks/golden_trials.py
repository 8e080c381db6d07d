"""Adding stored trials to the golden set."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.markers.trial import MarkerTrial
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


@dataclass(frozen=True)
class _Stored:
    """A trial as it is current, in the order of CURRENT."""

    artifacts: str
    video_sha256: str
    first_s: float
    last_s: float
    activity: str
    height_m: float
    mass_kg: float | None

    @property
    def athlete(self) -> dict[str, Any]:
        """What a recording of markers is solved with."""
        return {"height_m": self.height_m, "mass_kg": self.mass_kg, "activity": self.activity}


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
        BioposeError: the reference cannot be used, or the trial was measured of another input meanwhile.
    """
    of_markers = reference is not None and reference.suffix.lower() in MARKERS
    if beside != MarkerFiles() and not of_markers:
        raise BioposeError(
            f"{reference or trial_id}: --static, --model, --up, --units and --subject are of a recording of markers, "
            f"{' or '.join(MARKERS)}; this reference is none"
        )
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
    by = who or user_name()
    notes: tuple[str, ...] = ()
    solved_for: _Stored | None = None
    with tempfile.TemporaryDirectory() as folder:
        angles = Path(folder) / "angles.mot"
        if reference and of_markers:
            with exclusive(settings.home):
                solved_for = _stored(settings, trial_id)
            trial = MarkerTrial(reference, **solved_for.athlete, trial_id=trial_id, **vars(beside))
            notes = write_angles(trial, angles)  # takes a while, in which a night may have the home
        with exclusive(settings.home):
            stored, golden = _stored(settings, trial_id), GoldenSet(settings)
            if reference is None:
                kinematics = settings.home / stored.artifacts / "kinematics.parquet"
                return golden.approve(trial_id, kinematics, video_sha256=stored.video_sha256, who=by)
            of_trial: dict[str, Any] = {"video_sha256": stored.video_sha256, "offset_s": offset_s, "who": by}
            of_trial["span_s"] = (stored.first_s, stored.last_s)
            if solved_for is None:
                return golden.add_reference(trial_id, reference, **of_trial)
            if (solved_for.video_sha256, solved_for.athlete) != (stored.video_sha256, stored.athlete):
                raise BioposeError(f"{trial_id}: was measured anew meanwhile, of another input; run this again")
            return golden.add_reference(trial_id, angles, markers=reference, notes=notes, **of_trial)


def _stored(settings: Settings, trial_id: str) -> _Stored:
    with opened_for_writing(settings.warehouse) as connection:
        trials = {name: values for name, *values in connection.execute(CURRENT).fetchall()}
    if trial_id not in trials:
        raise QueryError(f"there is no trial {trial_id!r}; {suggestion(trial_id, trials)}")
    return _Stored(*trials[trial_id])
