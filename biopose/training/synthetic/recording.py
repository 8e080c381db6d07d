"""Measures synthetic clips by the stages of the pipeline, for training data with MQ-HMR's own errors.

Crops are given in place of a video: of the perceive stage only detection and tracking are left out, since a clip's
crops follow the person as the tracker's do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.camera.intrinsics import intrinsics
from biopose.hmr.mqhmr import MQHMR_WEIGHTS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.perception.crops import BOX_MARGIN, PersonCrops
from biopose.perception.flip_augmentation import is_mirrored
from biopose.pipeline import METHODS, Models, reconstruct_tracks
from biopose.reconstruction.coordinates import inverse_kinematics_of
from biopose.reconstruction.fitted_person import Athlete, FittedPerson, person_of, virtual_markers
from biopose.reconstruction.models import WeightFiles
from biopose.reconstruction.neural_ik import marker_windows, subject_calibration
from biopose.tracking.tracks import PersonTrack
from biopose.training.synthetic.clips import SyntheticClip


@dataclass(frozen=True, eq=False)
class MeasuredMarkers:
    """Virtual markers of a person through T frames, and the coordinates that they give.

    Attributes:
        markers: (1, T, M, 3) as input of NeurIK.
        q: (T, Q) by inverse kinematics from the same markers, before any filter.
        subject: skeleton of these coordinates, with marker locations.
    """

    markers: MarkerWindows
    q: Tensor
    subject: SubjectCalibration


class ClipRecorder:
    """Measures clips, up to the virtual markers that NeurIK predicts coordinates from.

    Args:
        weights: of MQ-HMR.

    Raises:
        ModelError: weights are missing or broken.
    """

    def __init__(self, weights: Path = MQHMR_WEIGHTS) -> None:
        method = replace(METHODS["mqhmr"], neurik=False)
        self.models = Models.load(method, WeightFiles(mqhmr=weights), threads=1)

    def record(self, clip: SyntheticClip, *, height_m: float, focal_is_known: bool) -> FittedPerson:
        """The person of a clip, reconstructed.

        Args:
            clip: rendered.
            height_m: of the person, as it is given to the pipeline.
            focal_is_known: give the true focal length to the pipeline; else it assumes the default and refines it.
        """
        true = clip.camera
        focal_px = true.focal_px[0] if focal_is_known else None
        camera = intrinsics(width_px=true.width_px, height_px=true.height_px, focal_px=focal_px)
        (fitted,) = reconstruct_tracks([self.track(clip)], [Athlete(height_m)], camera, models=self.models.fit)
        return fitted

    def markers(self, fitted: FittedPerson) -> MeasuredMarkers:
        """The virtual markers of a reconstructed person."""
        person = person_of(fitted, body=self.models.solve.body, skeleton=self.models.solve.skeleton)
        q = inverse_kinematics_of(person, virtual_markers(person, fitted), threads=self.models.solve.threads)
        return MeasuredMarkers(marker_windows(fitted, person), torch.from_numpy(q).float(), subject_calibration(person))

    def track(self, clip: SyntheticClip) -> PersonTrack:
        """The person's keypoints and MQ-HMR's tokens, in pixels of the clip's image."""
        frames = len(clip.pixels)
        sizes_px = np.tile([clip.camera.width_px, clip.camera.height_px], (frames, 1))
        mirrored = np.array([is_mirrored(frame) for frame in range(frames)])
        crops = PersonCrops(clip.pixels, clip.regions_px)
        network = self.models.perception.keypoints
        found = network.locate_in_crops(crops, sizes_px, mirrored=mirrored)
        tokens = network.tokens([person for person in found.features if person is not None])
        lost = ~clip.in_view
        return PersonTrack(
            person=0,
            frame_indices=np.arange(frames),
            time_s=clip.time_s,
            boxes_px=_masked(_boxes_px(clip.regions_px), lost, np.nan),
            keypoints_px=_masked(found.positions_px, lost, np.nan),
            confidence=_masked(found.confidence, lost, 0.0),
            tokens=_masked(tokens, lost, np.nan),
        )


def _boxes_px(regions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 4) the boxes that crops (T, 4) were enlarged from."""
    middle, size = (regions_px[:, :2] + regions_px[:, 2:]) / 2, (regions_px[:, 2:] - regions_px[:, :2]) / BOX_MARGIN
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1)


def _masked(values: NDArray[Any], lost: NDArray[np.bool_], fill: float) -> NDArray[Any]:
    """Values (T, ...), replaced in the frames in which the person is lost."""
    return np.where(lost.reshape(-1, *[1] * (values.ndim - 1)), np.array(fill, dtype=values.dtype), values)
