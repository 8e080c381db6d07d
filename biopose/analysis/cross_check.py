"""OpenSim's own solver on some of a trial's frames, against the coordinates that we wrote.

It starts each frame about ten degrees off our solution in every angle and has to return. So it shows whether
scaled.osim, markers.trc and coordinates.mot mean the same to OpenSim, and whether ours is the local optimum; not
whether the markers are where the athlete is, nor whether a quite different pose would explain them as well. Started far
away, or from one sampled frame to the next, it was observed to converge with a thigh rotated by 146 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.opensim_frames import solve_frames
from biopose.errors import ModelError
from biopose.io.files import existing_file, malformed
from biopose.io.mot import read_mot
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.io.trc import read_trc
from biopose.outputs.file_names import COORDINATES, MARKERS, MODEL
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton

START_OFF_DEG = 10.0  # standard deviation of the start
SEED = 0


@dataclass(frozen=True)
class CrossCheck:
    """How far OpenSim's angles are from ours.

    Attributes:
        frames: that were solved; 0 where OpenSim cannot assemble the model.
        rms_deg: root mean square over frames and angles, None without frames.
        max_deg: the greatest difference.
    """

    frames: int
    rms_deg: float | None
    max_deg: float | None


def cross_check(folder: Path, *, frames: int) -> CrossCheck:
    """Solve evenly spaced frames of a trial's folder with OpenSim.

    Args:
        folder: with coordinates.mot, markers.trc and scaled.osim.
        frames: how many at most.

    Raises:
        FileFormatError: a file is missing or broken.
        RuntimeError: OpenSim cannot read the model.
    """
    model, skeleton = existing_file(folder / MODEL), full_body_skeleton()  # scaling changes no name, range or coupling
    ours = read_mot(folder / COORDINATES, rotational=skeleton.rotational_names)
    markers = read_trc(folder / MARKERS)
    if not np.array_equal(ours.time_s, markers.time_s):
        raise malformed(folder / MARKERS, found="other times", expected=f"those of {COORDINATES}; measure again")
    rows = np.unique(np.linspace(0, len(markers.time_s) - 1, frames).round().astype(int))
    if not len(rows):  # none is asked for
        return CrossCheck(0, None, None)
    sample = MarkerTrajectories(markers.time_s[rows], markers.names, markers.positions_m[rows])
    expected = CoordinateTrajectories(ours.time_s[rows], ours.names, ours.values[rows])
    try:
        starts = _perturbed(skeleton, expected.select(skeleton.coordinate_names).values)
        solved = solve_frames(model, sample, starts)
    except ModelError:
        return CrossCheck(0, None, None)
    theirs = CoordinateTrajectories(sample.time_s, skeleton.coordinate_names, solved)
    difference_deg = _difference_deg(skeleton, theirs, expected)
    return CrossCheck(len(rows), float(np.sqrt((difference_deg**2).mean())), float(np.abs(difference_deg).max()))


def _perturbed(skeleton: Skeleton, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, Q) where the solver starts."""
    turning = np.array([name in skeleton.rotational_names for name in skeleton.coordinate_names])
    off = np.radians(START_OFF_DEG) * np.random.default_rng(SEED).standard_normal(q.shape)
    return skeleton.satisfy_couplings(q + turning * off)


def _difference_deg(
    skeleton: Skeleton, theirs: CoordinateTrajectories, ours: CoordinateTrajectories
) -> NDArray[np.float64]:
    """(F, n) over the angles, each written as near to ours as it can be."""
    names = [name for name in skeleton.coordinate_names if name in skeleton.rotational_names]
    reference = ours.select(names).values
    return np.degrees(nearest_representation(skeleton, names, theirs.select(names).values, reference) - reference)
