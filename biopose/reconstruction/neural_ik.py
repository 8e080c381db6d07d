"""Coordinates of a fitted person and their standard deviations, predicted by NeurIK from the virtual markers.

Each marker is weighted by the uncertainty of the keypoints near it. On recorded clips of held-out people and motions
these angles err as much as those of inverse kinematics or slightly less (`biopose/weights/neurik.md`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.markers import MARKERS
from biopose.body.subject import BodyWithSkeleton
from biopose.hmr.mqhmr_shape import SEGMENT_KEYPOINTS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.network import Neurik
from biopose.neurik.output import OutputDecoder
from biopose.neurik.trial import predict_trial
from biopose.reconstruction.fitted_person import FittedPerson, virtual_markers
from biopose.reconstruction.view_deviations import view_factors
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import FRAMES_AT_ONCE, Kinematics
from biopose.skeleton.model import Skeleton

HALF_WEIGHT_SD_M = 0.08  # of a keypoint, at which a marker near it has half its weight
UNOBSERVED_WEIGHT = 0.25  # factor on the weight of markers near keypoints of confidence 0
KEYPOINT_SHARES = torch.zeros(len(MARKERS), len(KEYPOINTS))  # of each marker in its segment's keypoints; rows sum to 1
for _row, _marker in enumerate(MARKERS.values()):
    _names = SEGMENT_KEYPOINTS[_marker.segment]
    KEYPOINT_SHARES[_row, [KEYPOINTS.index(name) for name in _names]] = 1 / len(_names)


@dataclass(frozen=True, eq=False)
class NeuralIK:
    """The network, loaded once, and the decoder of its output."""

    network: Neurik
    decoder: OutputDecoder

    @classmethod
    def of(cls, network: Neurik) -> NeuralIK:
        """Of the default skeleton."""
        return cls(network, OutputDecoder(full_body_skeleton()))

    def predict(
        self, fitted: FittedPerson, person: BodyWithSkeleton
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates (T, Q) of the person's skeleton and their standard deviations (T, Q), radians and metres.

        The markers do not determine how well the translations are known: their deviations are NaN.

        Args:
            fitted: the person.
            person: their body (`person_of`).
        """
        output = predict_trial(self.network, self.decoder, marker_windows(fitted, person))
        is_translation = [coordinate.motion == "translational" for coordinate in person.skeleton.coordinates]
        sd = np.where(is_translation, np.nan, output.sd.double().numpy())
        return output.q.double().numpy(), sd * _of_view(fitted, person.skeleton, output.q)


def _of_view(fitted: FittedPerson, skeleton: Skeleton, q: Tensor) -> NDArray[np.float64]:
    """(T, Q) factors on the deviations of coordinates (T, Q) by the fitted person's camera."""
    pelvis = skeleton.body_names.index("pelvis")
    kinematics, T_camera_world = Kinematics(skeleton), fitted.T_camera_world
    parts = [kinematics.with_coordinates(part) for part in q.double().split(FRAMES_AT_ONCE)]
    R, p = (
        torch.cat([getattr(part, name)[:, pelvis] for part in parts]).numpy()
        for name in ("R_ground_body", "p_ground_body")
    )
    R_camera_world, t = T_camera_world[:3, :3], T_camera_world[:3, 3]
    return view_factors(skeleton.coordinate_names, R_camera_world @ R, p @ R_camera_world.T + t)


def marker_windows(fitted: FittedPerson, person: BodyWithSkeleton) -> MarkerWindows:
    """The virtual markers (1, T, M, 3) of a fitted person, as NeurIK takes them.

    Args:
        fitted: the person.
        person: their body (`person_of`).
    """
    markers = virtual_markers(person, fitted).select(tuple(MARKERS))
    time_s = fitted.track.time_s
    interval_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    return MarkerWindows(
        markers_m=torch.from_numpy(markers.positions_m).float()[None],
        weight=marker_weight(
            torch.from_numpy(fitted.keypoint_sd_m).float(), torch.from_numpy(fitted.track.confidence).float()
        )[None],
        interval_s=torch.tensor([interval_s]),
        subject=subject_calibration(person),
    )


def subject_calibration(person: BodyWithSkeleton) -> SubjectCalibration:
    """Scale factors of a person and the locations of the virtual markers on them, as NeurIK takes them."""
    locations = {marker.name: marker.location_m for marker in person.skeleton.markers}
    return SubjectCalibration(
        torch.from_numpy(person.body_scales).float()[None],
        torch.from_numpy(np.stack([locations[name] for name in MARKERS])).float()[None],
    )


def marker_weight(keypoint_sd_m: Tensor, confidence: Tensor) -> Tensor:
    """(T, M) weight of each marker, 0 to 1, by the keypoints at the ends of its segment.

    Args:
        keypoint_sd_m: (T, 26, 2) standard deviations of the fused prediction, across the view and along it.
        confidence: (T, 26) of the keypoint network.
    """
    variance = keypoint_sd_m.square().mean(-1) @ KEYPOINT_SHARES.mT
    observed = confidence.nan_to_num().clamp(0.0, 1.0) @ KEYPOINT_SHARES.mT
    return (UNOBSERVED_WEIGHT + (1 - UNOBSERVED_WEIGHT) * observed) / (1 + variance / HALF_WEIGHT_SD_M**2)
