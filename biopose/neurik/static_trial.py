"""Subject calibration from a static trial: the scaled skeleton and marker locations, as NeurIK takes them."""

from __future__ import annotations

from dataclasses import dataclass

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
from biopose.skeleton.ik.recording_solver import MIN_MARKERS
from biopose.skeleton.marker_names import some
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import Scaling, scale_to_markers
from biopose.skeleton.standing import Standing, standing_still


@dataclass(frozen=True, eq=False)
class StaticScaling:
    """The default skeleton scaled to somebody standing still.

    Attributes:
        standing: the frames that were used.
        scaling: of the default skeleton.
        static_m: (3,) the mean position of each marker, by name.
    """

    standing: Standing
    scaling: Scaling
    static_m: dict[str, FloatArray]

    def calibration(self, default_locations_m: Tensor) -> SubjectCalibration:
        """As NeurIK takes it.

        Args:
            default_locations_m: (M, 3) of markers that the trial lacks, in segments of the unscaled skeleton.
        """
        return calibration_on(_marked(self.scaling, self.static_m), self.scaling.body_scales, default_locations_m)


def calibrate_from_static(static: MarkerTrajectories, default_locations_m: Tensor) -> SubjectCalibration:
    """Scale the default skeleton to somebody standing still, and locate the markers on it.

    Args:
        static: as in `static_scaling`.
        default_locations_m: (M, 3) of markers that it lacks, in segments of the unscaled skeleton.

    Raises:
        ModelError: as `static_scaling`.
    """
    return static_scaling(static).calibration(default_locations_m)


def static_scaling(static: MarkerTrajectories) -> StaticScaling:
    """Scale the default skeleton to a static trial.

    Args:
        static: in a world whose y is up; a second in which somebody stands still is used, and of its markers those
            named in MARKERS.

    Raises:
        ModelError: too few of the named markers, a body of another size, or nobody stands still.
    """
    known = [name for name in static.names if name in MARKERS]
    if len(known) < MIN_MARKERS:
        raise ModelError(
            f"has {', '.join(known) or 'none'} of the markers that BioPose names, {some(tuple(MARKERS), shown=4)}; at "
            f"least {MIN_MARKERS} are needed, named to the letter: rename yours, or use a model that has them "
            "(`biopose scale --model`, then `biopose ik --model`)"
        )
    if np.isnan(static.select(known).positions_m).any(axis=-1).all():
        raise ModelError(f"has the markers {', '.join(known)} in no frame")
    standing = standing_still(static.select(known))
    still = standing.part
    complete = np.asarray(~np.isnan(still.positions_m).any(axis=-1).all(axis=0))
    mean = np.nanmean(still.positions_m[:, complete], axis=0)
    static_m = dict(zip(np.array(known)[complete].tolist(), mean, strict=True))
    return StaticScaling(standing, _scaling(static_m), static_m)


def own_skeleton(static_m: dict[str, FloatArray]) -> tuple[Skeleton, FloatArray]:
    """The default skeleton scaled to named markers (3,) of a standing person, which are on it; the factors (B, 3).

    Landmarks that are far from the scaled skeleton's (`registered_markers`) stay where that has them.

    Raises:
        ModelError: too few of its landmarks, or a body of another size.
    """
    scaling = _scaling(static_m)
    return _marked(scaling, static_m), scaling.body_scales


def _scaling(static_m: dict[str, FloatArray]) -> Scaling:
    skeleton = full_body_skeleton()
    landmarks = {name: point for name, point in static_m.items() if name in skeleton.marker_names}
    return scale_to_markers(skeleton, landmarks, all_anatomical=True, standing=True)


def _marked(scaling: Scaling, static_m: dict[str, FloatArray]) -> Skeleton:
    distant = set(scaling.marker_names) - set(scaling.moved_markers)
    placed = {name: point for name, point in static_m.items() if name not in distant}
    return with_markers_of(scaling.skeleton, scaling.static_pose, placed)


def calibration_on(own: Skeleton, body_scales: FloatArray, default_locations_m: Tensor) -> SubjectCalibration:
    """One subject (N = 1); markers that their skeleton lacks are at their default locations."""
    known = {marker.name: torch.from_numpy(marker.location_m).float() for marker in own.markers}
    scales = torch.from_numpy(body_scales).float()
    default = default_locations_m * scales[marker_owners(own)]
    locations_m = torch.stack([known.get(name, other) for name, other in zip(MARKERS, default, strict=True)])
    return SubjectCalibration(scales[None], locations_m[None])
