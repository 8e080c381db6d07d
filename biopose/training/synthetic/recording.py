"""What the product makes of a clip, with MQ-HMR's own errors: virtual markers of the fitted person, and their angles.

The networks, the refinement and the fit are the product's. Only detection and tracking are made up: the clip's crops
follow the person as the tracker's would.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.camera.intrinsics import intrinsics
from biopose.hmr.feature_head import MqhmrHead
from biopose.hmr.mqhmr import MQHMR_WEIGHTS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.perception.crops import BOX_MARGIN, PersonCrops
from biopose.perception.flip_augmentation import flip_augmented
from biopose.perception.keypoint_network import BATCH_SIZE
from biopose.perception.pose_backends import TorchPose
from biopose.reconstruction.coordinates import inverse_kinematics_of
from biopose.reconstruction.fitted_person import Athlete, FittedPerson, person_of, virtual_markers
from biopose.reconstruction.mesh_recovery import MeshModels
from biopose.reconstruction.neural_ik import marker_windows, subject_calibration
from biopose.reconstruction.people_fit import FitModels, fit_people
from biopose.tracking.left_right_repair import repair_side_swaps
from biopose.tracking.tracks import PersonTrack
from biopose.training.synthetic.clips import SyntheticClip


@dataclass(frozen=True, eq=False)
class Told:
    """Of one person through T frames.

    Attributes:
        markers: (1, T, M, 3) what NeurIK is given.
        q: (T, Q) the coordinates that batched inverse kinematics makes of the same, before any filter.
        own: the skeleton that they are of, and the markers on it.
    """

    markers: MarkerWindows
    q: Tensor
    own: SubjectCalibration


class ClipRecorder:
    """Looks at clips as the product looks at films.

    Args:
        weights: of MQ-HMR.

    Raises:
        ModelError: weights are missing or broken.
    """

    def __init__(self, weights: Path = MQHMR_WEIGHTS) -> None:
        self.models = FitModels.load(mesh=MeshModels.load(network=weights))
        assert self.models.mesh is not None
        self.reader = MqhmrHead(self.models.mesh.network)
        self.network = TorchPose()

    def record(self, clip: SyntheticClip, *, height_m: float, focal_is_known: bool) -> FittedPerson:
        """A clip's person, fitted.

        Args:
            clip: drawn.
            height_m: of the person, as the product is told it.
            focal_is_known: otherwise the usual one is taken, and refined.
        """
        true = clip.camera
        focal_px = true.focal_px[0] if focal_is_known else None
        camera = intrinsics(width_px=true.width_px, height_px=true.height_px, focal_px=focal_px)
        track = repair_side_swaps(self.track(clip))
        (fitted,) = fit_people([track], [Athlete(height_m)], camera, models=self.models, camera_motion=None)
        return fitted

    def told(self, fitted: FittedPerson) -> Told:
        """What comes of a fitted person's virtual markers."""
        person = person_of(fitted, body=self.models.body, skeleton=self.models.skeleton)
        solution = inverse_kinematics_of(person, virtual_markers(person, fitted))
        return Told(
            marker_windows(fitted, person),
            torch.from_numpy(solution).float(),
            subject_calibration(person),
        )

    @torch.no_grad()
    def track(self, clip: SyntheticClip) -> PersonTrack:
        """The person's keypoints and what MQ-HMR read, in pixels of the clip's picture."""
        crops = PersonCrops(clip.pixels, clip.regions_px)
        sizes_px = np.tile([clip.camera.width_px, clip.camera.height_px], (len(clip.pixels), 1))
        points, confidence, read = [], [], []
        for first in range(0, len(clip.pixels), BATCH_SIZE):
            some = slice(first, first + BATCH_SIZE)
            passes = flip_augmented(self.network, clip.pixels[some])
            points.append(passes.points)
            confidence.append(passes.confidence)
            read.append(self.reader(passes, clip.regions_px[some], sizes_px[some]))
        lost = ~clip.in_view
        keypoints_px = crops.to_image(torch.cat(points).double().numpy())
        return PersonTrack(
            person=0,
            frame_indices=np.arange(len(clip.pixels)),
            time_s=clip.time_s,
            boxes_px=_without(_boxes_px(clip.regions_px), lost, np.nan),
            keypoints_px=_without(keypoints_px, lost, np.nan),
            confidence=_without(torch.cat(confidence).double().numpy(), lost, 0.0),
            tokens=_without(np.concatenate(read), lost, np.nan),
        )


def _boxes_px(regions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 4) the boxes that crops (T, 4) were made larger from."""
    middle, size = (regions_px[:, :2] + regions_px[:, 2:]) / 2, (regions_px[:, 2:] - regions_px[:, :2]) / BOX_MARGIN
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1)


def _without(values: NDArray[Any], lost: NDArray[np.bool_], nothing: float) -> NDArray[Any]:
    """Values (T, ...) of frames in which somebody was found."""
    return np.where(lost.reshape(-1, *[1] * (values.ndim - 1)), np.array(nothing, dtype=values.dtype), values)
