"""Subject calibration from a static trial: the scaled skeleton and marker locations, as NeurIK takes them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.body.subject import with_markers_of
from biopose.errors import ModelError
from biopose.io.trajectories import FloatArray, MarkerTrajectories
from biopose.neurik.input import SubjectCalibration
from biopose.neurik.marker_segments import marker_owners
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import scale_to_markers, stillest_second


def calibrate_from_static(static: MarkerTrajectories, default_locations_m: Tensor) -> SubjectCalibration:
    """Scale the default skeleton to somebody standing still, and locate the markers on it.

    Args:
        static: the static trial, in a world whose y is up; the stillest second of it is used, and of its markers
            those named in MARKERS.
        default_locations_m: (M, 3) of markers that it lacks, in segments of the unscaled skeleton.

    Raises:
        ModelError: too few of the named markers, or a body of another size.
    """
    still = stillest_second(static)
    complete = np.asarray(~np.isnan(still.positions_m).any(axis=-1).all(axis=0))
    named = [i for i, name in enumerate(still.names) if complete[i] and name in MARKERS]
    if not named:
        raise ModelError("has none of the markers that BioPose names; names must be the same to the letter")
    mean = np.nanmean(still.positions_m[:, named], axis=0)
    return calibration_on(*own_skeleton({still.names[i]: mean[k] for k, i in enumerate(named)}), default_locations_m)


def own_skeleton(static_m: dict[str, FloatArray]) -> tuple[Skeleton, FloatArray]:
    """The default skeleton scaled to named markers (3,) of a standing person, all of them on it; the factors (B, 3).

    Raises:
        ModelError: too few of its landmarks, or a body of another size.
    """
    skeleton = full_body_skeleton()
    landmarks = {name: point for name, point in static_m.items() if name in skeleton.marker_names}
    scaling = scale_to_markers(skeleton, landmarks, all_anatomical=True)
    return with_markers_of(scaling.skeleton, scaling.static_pose, static_m), scaling.body_scales


def calibration_on(own: Skeleton, body_scales: FloatArray, default_locations_m: Tensor) -> SubjectCalibration:
    """One subject (N = 1); markers that their skeleton lacks are at their default locations."""
    known = {marker.name: torch.from_numpy(marker.location_m).float() for marker in own.markers}
    scales = torch.from_numpy(body_scales).float()
    default = default_locations_m * scales[marker_owners(own)]
    locations_m = torch.stack([known.get(name, other) for name, other in zip(MARKERS, default, strict=True)])
    return SubjectCalibration(scales[None], locations_m[None])
