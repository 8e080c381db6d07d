"""Angles from 3D keypoints of another markerless system, beside two other solutions of the same keypoints.

The keypoints are those of multiview/balance, triangulated from four cameras; both solutions are Pose2Sim's inverse
kinematics on its own model, from these keypoints and from markers that a network predicts from them. They differ by
more than what is asked of ours, so neither is the truth: ours is judged by its distance from their mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_recording import keypoint_recording
from biopose.errors import BioposeError
from biopose.io.mot import read_mot
from biopose.io.trc import read_trc
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics

FloatArray = NDArray[np.float64]

KEYPOINTS = "triangulated_body25b.trc"
SOLUTIONS = {"keypoints": "reference_full_noaug.mot", "predicted_markers": "reference_full_augmented.mot"}
JOINTS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
# Subtalar motion hangs on two keypoints of a foot alone, and the two solutions differ most there.
SAME_TIME_S = 0.002  # as the files round them
GROUPS = {"hip, knee and ankle": JOINTS[:5], "with subtalar": JOINTS}


def evaluate_keypoints(data: Path, *, threads: int = 2) -> dict[str, Any]:
    """Solve the keypoints as `biopose ik --keypoints` does, and compare the angles of both legs.

    Args:
        data: the reference recordings; multiview/balance is read.
        threads: of inverse kinematics.

    Returns:
        Mean absolute differences in degrees, by coordinate and by group of GROUPS: from_mean_deg of the two solutions,
        from_keypoints_deg and from_predicted_markers_deg, and apart_deg, of the two from each other; frames, and held:
        the coordinates that keypoints do not show.

    Raises:
        BioposeError: the recordings are not there.
    """
    folder = data / "multiview" / "balance"
    if missing := [name for name in (KEYPOINTS, *SOLUTIONS.values()) if not (folder / name).is_file()]:
        raise BioposeError(f"{folder / missing[0]}: not here; --data names the folder that holds multiview/balance")
    found = keypoint_recording(read_trc(folder / KEYPOINTS))
    solved = inverse_kinematics(found.skeleton, found.markers, limits="all", outliers="left out", threads=threads)
    names = [f"{joint}_{side}" for joint in JOINTS for side in "rl"]
    ours = np.degrees(solved.coordinates.select(names).values)
    theirs = {which: _degrees(folder / name, names, solved.coordinates.time_s) for which, name in SOLUTIONS.items()}
    compared = {"from_mean_deg": (ours, np.mean(list(theirs.values()), axis=0))}
    compared |= {f"from_{which}_deg": (ours, values) for which, values in theirs.items()}
    compared["apart_deg"] = (theirs["keypoints"], theirs["predicted_markers"])
    mae = {key: np.nanmean(np.abs(one - other), axis=0) for key, (one, other) in compared.items()}
    return {
        "groups": {
            group: {key: float(values[[name[:-2] in joints for name in names]].mean()) for key, values in mae.items()}
            for group, joints in GROUPS.items()
        },
        "coordinates": {
            name: {key: float(values[column]) for key, values in mae.items()} for column, name in enumerate(names)
        },
        "frames": len(ours),
        "held": list(found.held),
    }


def _degrees(path: Path, names: list[str], time_s: FloatArray) -> FloatArray:
    """(T, C) of a solution, which must have these times."""
    solution = read_mot(path, rotational=frozenset(names)).select(names)
    if len(solution.time_s) != len(time_s) or not np.allclose(solution.time_s, time_s, atol=SAME_TIME_S):
        raise BioposeError(
            f"{path}: expected the {len(time_s)} times of {KEYPOINTS}; got {len(solution.time_s)} others"
        )
    return np.degrees(solution.values)


def keypoint_lines(result: dict[str, Any]) -> list[str]:
    """As text: each group, then each coordinate."""
    lines = [
        f"Mean absolute differences of angles from 3D keypoints, degrees, {result['frames']} frames",
        f"{'':22}{'ours from the':>20}{'ours from that':>20}{'ours from that':>20}{'the two from':>20}",
        f"{'':22}{'mean of the two':>20}{'of keypoints':>20}{'of predicted markers':>20}{'each other':>20}",
    ]
    for name, row in (*result["groups"].items(), *result["coordinates"].items()):
        lines.append(f"{name:22}" + "".join(f"{value:20.1f}" for value in row.values()))
    return [*lines, f"held, not shown by keypoints: {', '.join(result['held'])}"]
