"""OpenSim's own inverse kinematics of a recording, as reference and cross-check.

Its tool's `run` holds the interpreter's lock, so frames are tracked one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.skeleton.ik.coordinate_targets import CoordinateTargets
from biopose.skeleton.ik.opensim_tracker import OpenSimTracker
from biopose.skeleton.ik.recording_solver import MIN_MARKERS


def opensim_inverse_kinematics(
    model_path: Path,
    trajectories: MarkerTrajectories,
    *,
    weights: Mapping[str, float] | None = None,
    targets: CoordinateTargets | None = None,
    accuracy: float = 1e-5,
    constraint_weight: float = math.inf,
    clamped: bool = True,
    progress: Callable[[int], None] | None = None,
) -> CoordinateTrajectories:
    """Track a recording with OpenSim's InverseKinematicsSolver.

    Args:
        model_path: .osim file, scaled, with the recording's markers.
        trajectories: observed markers; names that the model lacks are left aside.
        weights: by marker name; absent names weigh 0 when weights are given, all weigh 1 otherwise.
        targets: values that coordinates should have besides what the markers show; a locked one stays as it is.
        accuracy: of the assembly solver; OpenSim's tool has 1e-5.
        constraint_weight: of the model's constraints; infinite where they are to hold exactly.
        clamped: whether the model's clamped coordinates stay in their ranges.
        progress: called with 1 after each frame.

    Returns:
        All coordinates, as OpenSim leaves them: one that no marker observes keeps its default or the frame before's
        value. NaN in frames with fewer than three markers.

    Raises:
        ModelError: if OpenSim cannot assemble the model, naming the frame's time.
    """
    tracker = OpenSimTracker(
        model_path,
        trajectories,
        weights=weights,
        targets=targets,
        accuracy=accuracy,
        constraint_weight=constraint_weight,
        clamped=clamped,
    )
    values = np.full((len(trajectories.time_s), len(tracker.coordinate_names)), np.nan)
    for frame in range(len(values)):
        if tracker.markers_seen[frame] >= MIN_MARKERS:
            values[frame] = tracker.solve(frame)
        if progress:
            progress(1)
    return CoordinateTrajectories(trajectories.time_s, tracker.coordinate_names, values)
