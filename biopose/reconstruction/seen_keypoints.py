"""Keypoints brought from where the network sees them to the points of the body that stand for them.

The points of `keypoint_landmarks` are rigid to one segment each. The network's shoulder, though, rides on the upper
arm, its hip on the thigh, its neck on the head: 3 to 4 cm from the joint of two segments, a point that moves with both
is no fixed point of either. Left alone, a hanging arm or a standing leg is found 3 to 5 % too short, and a fit bends it
along the view until its picture is as short.

The displacement depends on the posture, for which the mesh decoder's is taken: an error of 15 degrees in it moves a
point by 1 cm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import KEYPOINT_SEGMENTS
from biopose.body.segment_body import SEGMENTS
from biopose.camera.pinhole import Camera
from biopose.hmr.feature_head import unpacked
from biopose.hmr.lifter_input import rotation_towards
from biopose.reconstruction.initialisation import root_position_m
from biopose.reconstruction.mesh_recovery import MeshModels
from biopose.reconstruction.observations import LEAST_CONFIDENCE
from biopose.reconstruction.refinement import about_root
from biopose.reconstruction.windows import WINDOW_FRAMES
from biopose.skeleton.gap_filling import fill_gaps
from biopose.tracking.tracks import PersonTrack

# Where the network sees a keypoint, from its point of the body: a vector that turns with the point's own segment, and
# one that turns with a neighbour, in thousandths of the body's height along the skeleton's axes in either (forward, up,
# right), of the right side and the midline. Least Huber loss of reprojection over two sources of equal weight whose
# postures and cameras are known: 2,048 images of training's kind (24 people in random clothes before random rooms), and
# 22 clips of `lab_rendering`'s film (ten jumps, twelve of CMU's held-out motions; 14 bodies). Median errors, in mm of a
# person of 1.75 m, of the body's points, of points displaced rigidly and of such as these, both fitted to the other
# source: shoulder 29.8, 30.6, 26.1 in images and 20.5, 22.5, 19.2 on film; hip 35.9, 34.1, 32.4 and 24.6, 20.3, 20.2;
# neck 23.8, 24.5, 21.3 and 15.5, 16.8, 17.9; wrist, rigid, 15.3, 16.0 and 15.4, 14.2. Other keypoints gain nothing from
# one source to the other: in images, which have shoes, ankles lie 21 and heels 14 mm higher than on film.
SEEN_FROM: Mapping[str, tuple[str, tuple[float, float, float], tuple[float, float, float]]] = {
    "right_shoulder": ("humerus_r", (6.5, 16.3, 2.0), (-7.1, -16.2, -5.9)),
    "right_hip": ("femur_r", (-1.8, 10.5, -8.4), (-0.7, -21.7, 6.6)),
    "right_wrist": ("radius_r", (-0.7, 4.7, 1.3), (0.0, 0.0, 0.0)),
    "neck": ("head", (-4.2, -25.2, 0.0), (7.5, 25.0, 0.0)),
}
MIRROR = torch.tensor([1.0, 1.0, -1.0])  # across the sagittal plane


def _vectors() -> list[tuple[int, int, Tensor]]:
    """Of both sides: the keypoint, the segment that it turns with, and the vector (3,) in heights."""
    found = []
    for name, (neighbour, in_own, in_neighbour) in SEEN_FROM.items():
        right = KEYPOINTS.index(name)
        for segment, thousandths in ((KEYPOINT_SEGMENTS[name], in_own), (neighbour, in_neighbour)):
            vector = 1e-3 * torch.tensor(thousandths)
            found.append((right, SEGMENTS.index(segment), vector))
            if (left := MIRRORED[right]) != right:
                of_left = f"{segment[:-2]}_l" if segment.endswith("_r") else segment
                found.append((left, SEGMENTS.index(of_left), MIRROR * vector))
    return found


VECTORS = _vectors()


@torch.no_grad()
def at_body_points(track: PersonTrack, camera: Camera, models: MeshModels, *, height_m: float) -> PersonTrack:
    """The track with its keypoints where the body's points are, as far as the decoder's posture tells.

    Args:
        track: as the networks saw it, with the decoder's tokens; without any it stays as it is.
        camera: whose pixels these are.
        models: of the decoder.
        height_m: of the person.
    """
    if track.tokens is None or np.isnan(track.tokens[:, 0]).all():
        return track
    found = ~np.isnan(track.tokens[:, 0])
    parts = [_decoded(rows, camera, models) for rows in _in_windows(track.tokens[found])]
    points, seen = (np.zeros((len(track), len(KEYPOINTS) * 3)) for _ in range(2))
    points[found], seen[found] = (torch.cat(part).flatten(1).double().numpy() for part in zip(*parts, strict=True))
    points_m, seen_m = (
        torch.from_numpy(height_m * fill_gaps(values, found, track.time_s)).unflatten(1, (-1, 3))
        for values in (points, seen)
    )
    known = (track.confidence >= LEAST_CONFIDENCE) & track.detected[:, None]
    rays = camera.rays(torch.from_numpy(np.nan_to_num(track.keypoints_px)))
    weight = torch.from_numpy(np.where(known, track.confidence, 0.0))
    root_m = root_position_m(seen_m, rays, weight, track.time_s)[:, None]
    shift_px = camera.project(points_m + root_m) - camera.project(seen_m + root_m)
    return replace(track, keypoints_px=track.keypoints_px + shift_px.numpy())


def _in_windows(rows: NDArray[np.float16]) -> Iterator[NDArray[np.float16]]:
    for first in range(0, len(rows), WINDOW_FRAMES):
        yield rows[first : first + WINDOW_FRAMES]


def _decoded(rows: NDArray[np.float16], camera: Camera, models: MeshModels) -> tuple[Tensor, Tensor]:
    """The body's points (T, 26, 3) from the pelvis's bone in the camera's axes, and where they are seen; in heights."""
    decoded, body = unpacked(rows, models.network.shape), models.body
    middle_px = decoded.middle.double() * torch.tensor([camera.width_px, camera.height_px]) - 0.5
    R_camera_view = rotation_towards(camera.rays(middle_px).float())
    posed = about_root(body, models.network.head(decoded.tokens)[0], decoded.shape, R_camera_view)
    points = body.keypoints.positions(posed)
    return points, points + displacements(posed.R_world_delta @ body.R_ground_reference)


def displacements(R_segment: Tensor) -> Tensor:
    """Where keypoints are seen, from the body's points, in heights.

    Args:
        R_segment: (..., 20, 3, 3) orientations of the skeleton's segments, by SEGMENTS.

    Returns:
        (..., 26, 3) in the axes that these are in.
    """
    found = R_segment.new_zeros(*R_segment.shape[:-3], len(KEYPOINTS), 3)
    for number, segment, vector in VECTORS:
        found[..., number, :] += (R_segment[..., segment, :, :] @ vector.to(R_segment)[:, None])[..., 0]
    return found
