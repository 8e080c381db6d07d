"""A fitted person's coordinates and how sure they are: NeurIK's word on the virtual markers.

Each marker is as sure as the keypoints near it. On recorded clips of people and motions that it never saw, these angles
err as much as those of inverse kinematics or a little less (`biopose/weights/neurik.md`).
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
from biopose.hmr.mqhmr import SEGMENT_KEYPOINTS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.network import Neurik
from biopose.neurik.output import OutputDecoder
from biopose.neurik.trial import predict_trial
from biopose.reconstruction.person import FittedPerson, virtual_markers
from biopose.skeleton.full_body import full_body_skeleton

HALF_SURE_SD_M = 0.08  # of a keypoint: the weight of a marker near it is a half
UNSEEN_WEIGHT = 0.25  # share of a weight that is left to markers about keypoints of which nothing was seen
ABOUT = torch.zeros(len(MARKERS), len(KEYPOINTS))  # the share of each keypoint in what is known of a marker
for _row, _marker in enumerate(MARKERS.values()):
    _names = SEGMENT_KEYPOINTS[_marker.segment]
    ABOUT[_row, [KEYPOINTS.index(name) for name in _names]] = 1 / len(_names)


@dataclass(frozen=True, eq=False)
class NeuralIK:
    """The network, loaded once, and what decodes its answers."""

    network: Neurik
    decoder: OutputDecoder

    @classmethod
    def of(cls, network: Neurik) -> NeuralIK:
        """With the default skeleton's ranges."""
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
        output = predict_trial(self.network, self.decoder, seen_markers(fitted, person))
        is_translation = [coordinate.motion == "translational" for coordinate in person.skeleton.coordinates]
        sd = np.where(is_translation, np.nan, output.sd.double().numpy())
        return output.q.double().numpy(), sd


def seen_markers(fitted: FittedPerson, person: BodyWithSkeleton) -> MarkerWindows:
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
    """Where the virtual markers sit on a person, as NeurIK takes it."""
    places = {marker.name: marker.location_m for marker in person.skeleton.markers}
    return SubjectCalibration(
        torch.from_numpy(person.body_scales).float()[None],
        torch.from_numpy(np.stack([places[name] for name in MARKERS])).float()[None],
    )


def marker_weight(keypoint_sd_m: Tensor, confidence: Tensor) -> Tensor:
    """(T, M) how sure each marker is, 0 to 1, by the keypoints at the ends of its segment.

    Args:
        keypoint_sd_m: (T, 26, 2) what MQ-HMR's tokens and the lifter leave open, across the view and along it.
        confidence: (T, 26) of the keypoint network.
    """
    variance = keypoint_sd_m.square().mean(-1) @ ABOUT.mT
    seen = confidence.nan_to_num().clamp(0.0, 1.0) @ ABOUT.mT
    return (UNSEEN_WEIGHT + (1 - UNSEEN_WEIGHT) * seen) / (1 + variance / HALF_SURE_SD_M**2)
