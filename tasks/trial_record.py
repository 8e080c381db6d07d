"""What the warehouse keeps of a trial beside its numbers, and what of its models a result depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biopose.io.manifest import TrialEntry
from biopose.markers.trial import MarkerMethod
from biopose.reconstruction.method_names import MethodName
from tasks.models import PinnedModel


def weights_key(models: Sequence[PinnedModel]) -> dict[str, list[str]]:
    """By stage, what of the models' versions a result depends on."""
    return {model.stage: [model.sha256, model.configuration_json] for model in models}


def trial_record(
    entry: TrialEntry, *, run: Mapping[str, Any], models: Sequence[PinnedModel], method: MethodName | MarkerMethod
) -> dict[str, Any]:
    """What the warehouse keeps beside the numbers of a trial.

    Args:
        entry: of the manifest.
        run: its keys.
        models: that it was measured with.
        method: by which.
    """
    athlete, day = entry.athlete, entry.date.isoformat()
    athlete_id = entry.athlete_id
    size = {"height_m": athlete.height_m, "mass_kg": athlete.mass_kg}
    return {
        "run": {**run, "trial_id": entry.trial_id, "method": method, **size},
        "team": {"team_id": entry.team_id},
        "athlete": {
            "athlete_id": athlete_id,
            "team_id": entry.team_id,
            **size,
            "sex": athlete.sex,
            **_stated("birth_year", athlete.birth_year),
            "described_on": day,
        },
        "session": {"session_id": entry.session_id, "team_id": entry.team_id, "session_date": day},
        "trial": {
            "trial_id": entry.trial_id,
            "session_id": entry.session_id,
            "athlete_id": athlete_id,
            "activity": entry.activity,
            "video": entry.file.name,
            "start_s": entry.start_s,
            "end_s": entry.end_s,
            **_stated("camera", _camera(entry)),
            **_stated("recording", None if entry.kind == "video" else entry.kind),
        },
        "models": [model.identity for model in models],
    }


def _camera(entry: TrialEntry) -> str | None:
    """The camera as the manifest states it: trials with the same text are compared as of one camera."""
    if entry.focal_px is not None:
        return f"focal length {entry.focal_px:g} px"
    return None if entry.horizontal_fov_deg is None else f"field of view {entry.horizontal_fov_deg:g} deg"


def _stated(key: str, value: Any) -> dict[str, Any]:
    """The key where the manifest states it, so that the records of all others stay as they were loaded."""
    return {} if value is None else {key: value}
