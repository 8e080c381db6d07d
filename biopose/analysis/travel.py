"""How far somebody comes over the ground, and the standard deviation of it.

Markers give each place with a deviation of its own. On film the way is as uncertain as its scale: across the view that
follows from the person's height, along it from depth, and so from the focal length, where that is not known.

Constants: of strides on film of two recorded walks and a run (CMU's 02_01, 02_02 and 02_03) on 24 bodies, 25 to 120 Hz,
one camera each: across the view they are off by 1 to 3 % (rms), along it by 14 %, mostly too short.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

ACROSS_SD, ALONG_SD = 0.03, 0.15  # of a way's scale on film


def travel_m(motion: Motion, ends: NDArray[np.intp]) -> tuple[float, float]:
    """The pelvis's horizontal way from one frame to another in metres, and its standard deviation; NaN if not known.

    Args:
        motion: the trial, not on a treadmill.
        ends: (2,) the frames.
    """
    places_m = np.array([motion.coordinates[f"pelvis_t{axis}"][ends] for axis in "xz"])
    way_m = places_m[:, 1] - places_m[:, 0]
    length_m = float(np.hypot(*way_m))
    if not length_m:
        return 0.0, float("nan")
    return length_m, travel_sd_m(motion, ends, way_m, way_m / length_m)


def travel_sd_m(motion: Motion, ends: NDArray[np.intp], way_m: FloatArray, forward: FloatArray) -> float:
    """Standard deviation of a way between two frames, as far as it goes forward.

    Args:
        motion: the trial.
        ends: (2,) the frames.
        way_m: (2,) x and z.
        forward: (2,) a horizontal direction of unit length.
    """
    if motion.view is not None:
        across = np.array([-motion.view.along[1], motion.view.along[0]])
        along_sd = float(np.hypot(ALONG_SD, motion.view.focal_sd))
        axes = ((along_sd, motion.view.along), (ACROSS_SD, across))
        return float(np.hypot(*(sd * (way_m @ axis) * (forward @ axis) for sd, axis in axes)))
    sd_m = np.array([motion.coordinate_sd[f"pelvis_t{axis}"][ends] for axis in "xz"])
    return float(np.sqrt((sd_m**2).sum(axis=1) @ forward**2))
