"""Keypoints brought from where the network sees them to the points of the body that stand for them.

Left alone, a limb that is seen too short (`keypoint_displacements`) is bent by a fit, along the view, until its picture
is as short. The displacement depends on the posture, for which the mesh decoder's is taken: an error of 15 degrees in
it moves a point by 1 cm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_displacements import displacements
from biopose.body.keypoint_names import KEYPOINTS
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
