"""What the product makes of a clip: virtual markers of the refined mesh, with MQ-HMR's own errors, beside the truth.

The networks and the refinement are the product's, frozen. Only detection and tracking are made up: the clip's crops
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

from biopose.fitting.evidence import see
from biopose.fitting.mesh_fit import MeshModels, PersonMesh, refined_mesh
from biopose.models.lifter import load_lifter
from biopose.models.map_reader import MqhmrReader
from biopose.models.mqhmr import MQHMR_WEIGHTS
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.synthetic.clips import Clip
from biopose.vision.cspnext import RtmPose
from biopose.vision.intrinsics import intrinsics
from biopose.vision.keypoints import BATCH_SIZE, WEIGHTS, normalised
from biopose.vision.onnx_session import weights_path
from biopose.vision.person_crops import BOX_MARGIN, PersonCrops
from biopose.vision.side_swaps import repair_side_swaps
from biopose.vision.simcc import decoded
from biopose.vision.tracks import PersonTrack


@dataclass(frozen=True, eq=False)
class RecordedMarkers:
    """A person as MQ-HMR and its refinement see them.

    Attributes:
        markers_m: (T, M, 3) of the refined mesh in the camera's frame, by the segment body's markers.
        keypoint_sd_m: (T, 26, 2) standard deviations of the keypoints about the hips, across the view and along it.
        confidence: (T, 26) of the keypoints, 0 where the person was not found.
        R_camera_world: (3, 3) of the world that the product believes to be upright.
    """

    markers_m: Tensor
    keypoint_sd_m: Tensor
    confidence: Tensor
    R_camera_world: Tensor


class ClipRecorder:
    """Looks at clips as the product looks at films.

    Args:
        weights: of MQ-HMR.

    Raises:
        ModelError: weights are missing or broken.
    """

    def __init__(self, weights: Path = MQHMR_WEIGHTS) -> None:
        self.models = MeshModels.load(network=weights)
        self.reader = MqhmrReader(self.models.network)
        self.network = RtmPose.load(weights_path(WEIGHTS))
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.lifter = load_lifter()

    def record(self, clip: Clip, *, height_m: float, focal_is_known: bool) -> RecordedMarkers:
        """Markers of a clip.

        Args:
            clip: drawn.
            height_m: of the person, as the product is told it.
            focal_is_known: otherwise the usual one is taken, and refined.
        """
        true = clip.camera
        focal_px = true.focal_px[0] if focal_is_known else None
        camera = intrinsics(width_px=true.width_px, height_px=true.height_px, focal_px=focal_px)
        track = repair_side_swaps(self.track(clip))
        known = PersonMesh(full_body_skeleton(), height_m=height_m, focal_sd=camera.focal_sd)
        seen = see(track, camera, self.lifter, height_m=height_m)
        mesh = refined_mesh(track, seen, known, camera, models=self.models)
        return RecordedMarkers(
            mesh.markers_m(),
            mesh.refinement.seen.lifted_sd_m,
            torch.from_numpy(track.confidence).float(),
            mesh.refinement.R_camera_world,
        )

    @torch.no_grad()
    def track(self, clip: Clip) -> PersonTrack:
        """The person's keypoints and what MQ-HMR read, in pixels of the clip's picture."""
        crops = PersonCrops(clip.pixels, clip.regions_px)
        sizes_px = np.tile([clip.camera.width_px, clip.camera.height_px], (len(clip.pixels), 1))
        points, confidence, read = [], [], []
        for first in range(0, len(clip.pixels), BATCH_SIZE):
            some = slice(first, first + BATCH_SIZE)
            output = self.network(normalised(clip.pixels[some]).to(memory_format=torch.channels_last))
            found = decoded(output)
            points.append(found[0])
            confidence.append(found[1])
            read.append(self.reader(output, *found, clip.regions_px[some], sizes_px[some]))
        lost = ~clip.in_view
        keypoints_px = crops.to_picture(torch.cat(points).double().numpy())
        return PersonTrack(
            person=0,
            frame_indices=np.arange(len(clip.pixels)),
            time_s=clip.time_s,
            boxes_px=_without(_boxes_px(clip.regions_px), lost, np.nan),
            keypoints_px=_without(keypoints_px, lost, np.nan),
            confidence=_without(torch.cat(confidence).double().numpy(), lost, 0.0),
            read=_without(np.concatenate(read), lost, np.nan),
        )


def _boxes_px(regions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 4) the boxes that crops (T, 4) were made larger from."""
    middle, size = (regions_px[:, :2] + regions_px[:, 2:]) / 2, (regions_px[:, 2:] - regions_px[:, :2]) / BOX_MARGIN
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1)


def _without(values: NDArray[Any], lost: NDArray[np.bool_], nothing: float) -> NDArray[Any]:
    """Values (T, ...) of frames in which somebody was found."""
    return np.where(lost.reshape(-1, *[1] * (values.ndim - 1)), np.array(nothing, dtype=values.dtype), values)
