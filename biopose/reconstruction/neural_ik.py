"""Coordinates of a fitted person and their standard deviations, predicted by NeurIK from the virtual markers.

Each marker is weighted by the uncertainty of the keypoints near it. On recorded clips of held-out people and motions
these angles err as much as those of inverse kinematics or slightly less (`biopose/weights/neurik.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
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
from biopose.skeleton.constant_errors import without_side
from biopose.skeleton.full_body import full_body_skeleton

HALF_WEIGHT_SD_M = 0.08  # of a keypoint, at which a marker near it has half its weight
UNOBSERVED_WEIGHT = 0.25  # factor on the weight of markers near keypoints of confidence 0
# By how much more angles from film err than NeurIK, trained on markers, predicts: with these 95 % intervals hold 95 %
# of the errors on film of 49 synthetic clips (jumps, walks, and others of CMU's motions, each kind counting alike),
# without them 93, 89 and 92 %. Of two halves by person and motion either asked for more than 1 of these three alone.
SD_FACTORS_ON_FILM = {"ankle_angle": 1.2, "elbow_flex": 1.4, "neck_flexion": 1.25}
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
        return output.q.double().numpy(), sd * _sd_factors(person.skeleton.coordinate_names)


def _sd_factors(names: Sequence[str]) -> NDArray[np.float64]:
    """(Q,) SD_FACTORS_ON_FILM of each coordinate, 1 of others."""
    return np.array([SD_FACTORS_ON_FILM.get(without_side(name), 1.0) for name in names])


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
