"""Joint angles of a recording of markers as a reference: solved as stored recordings of markers are."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from biopose.errors import BioposeError, ModelError
from biopose.io.mot import write_mot
from biopose.markers.trial import MarkerTrial

MARKERS = (".trc", ".c3d")  # endings of such recordings


def write_angles(trial: MarkerTrial, out: Path) -> tuple[str, ...]:
    """Solve a recording of markers as a night would, and write its coordinates.

    NeurIK is the one that ships, whatever a rollout promotes: a reference does not change with what it judges.

    Args:
        trial: the recording, with the athlete's static trial or model, their height and mass.
        out: .mot to write, without the coordinates that no marker observes.

    Returns:
        What limits it, a sentence each.

    Raises:
        BioposeError: a file is malformed, no model is known for the markers, or another axis is vertical.
    """
    # Loads torch, which `golden list` does without.
    from biopose.markers.pipeline import ALWAYS_UPRIGHT, measure_markers
    from biopose.skeleton.lying import lies_on_its_side

    with tempfile.TemporaryDirectory() as folder:
        try:
            measured = measure_markers(replace(trial, activity="other"), Path(folder))
        except ModelError as error:
            raise ModelError(f"{error} (of a reference: --model and --static)") from error
        if trial.activity in ALWAYS_UPRIGHT and lies_on_its_side(measured.skeleton, measured.coordinates):
            others = " or ".join(axis for axis in "zyx" if axis != trial.up)
            raise BioposeError(
                f"{trial.markers}: the person lies on their side most of the time, in the activity {trial.activity}: "
                f"the vertical axis is not {trial.up}; give --up {others}"
            )
        observed = [name for name in measured.coordinates.names if name not in measured.held]
        write_mot(out, measured.coordinates.select(observed), rotational=measured.skeleton.rotational_names)
    return (f"solved by {measured.method}", *measured.notes)
