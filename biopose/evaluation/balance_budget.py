"""The error budget on real video of four cameras: what remains where a part of our pose is replaced by the reference's.

The parts are the body's size, its orientation towards the camera, its depth along the view and its place across the
view. And all cameras' own 2D keypoints are triangulated by the calibration: their distance from the reference is what
another keypoint network sees elsewhere and errs by, which no monocular method on our keypoints can be free of; the
distance of our pose from them is what one camera adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS, LIMB_JOINTS
from biopose.camera.pinhole import Camera
from biopose.skeleton.pose_errors import (
    centred_distances,
    flexion_rad,
    procrustes_distances,
    similarity_aligned,
    transformed,
)
from biopose.tracking.tracks import PersonTrack

FloatArray = NDArray[np.float64]
Errors = dict[str, float]

LIMBS = [KEYPOINTS.index(name) for name in LIMB_JOINTS]
HIPS = (LIMB_JOINTS.index("right_hip"), LIMB_JOINTS.index("left_hip"))
KNEES = {
    side: tuple(LIMB_JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
    for side in ("right", "left")
}
TITLES = {
    "nothing": "as measured",
    "size": "size",
    "orientation": "orientation",
    "depth": "depth, along the view",
    "across": "place across the view",
    "keypoints": "keypoints, triangulated",
    "one_camera": "ours against these keypoints",
}
LEAST_CONFIDENCE = 0.3  # of a keypoint that is triangulated
LEAST_CAMERAS = 2


def errors_of(found: FloatArray, expected: FloatArray) -> Errors:
    """Errors of poses (N, 12, 3) of LIMB_JOINTS: mpjpe_mm, pa_mpjpe_mm, knee_mae_deg, and the bias of either knee."""
    known = np.isfinite(found).all(axis=(1, 2)) & np.isfinite(expected).all(axis=(1, 2))
    found, expected = found[known], expected[known]
    off_deg = {side: np.degrees(flexion(found, leg) - flexion(expected, leg)) for side, leg in KNEES.items()}
    return {
        "mpjpe_mm": 1e3 * float(centred_distances(found, expected, root=HIPS).mean()),
        "pa_mpjpe_mm": 1e3 * float(procrustes_distances(found, expected).mean()),
        "knee_mae_deg": float(np.mean([np.abs(off).mean() for off in off_deg.values()])),
    } | {f"knee_bias_{side}_deg": float(off.mean()) for side, off in off_deg.items()}


def replaced_by_reference(found: FloatArray, expected: FloatArray) -> dict[str, FloatArray]:
    """Poses (N, 12, 3) in the camera's frame, by the part that is the reference's.

    Args:
        found: ours.
        expected: the reference's.
    """
    ours, theirs = (poses - poses[:, HIPS].mean(axis=1, keepdims=True) for poses in (found, expected))
    view = expected[:, HIPS].mean(axis=1, keepdims=True)
    view = view / np.linalg.norm(view, axis=-1, keepdims=True)
    along = ((theirs - ours) * view).sum(axis=-1, keepdims=True) * view
    aligned = similarity_aligned(ours, theirs)
    own_size = np.linalg.norm(ours - ours.mean(axis=1, keepdims=True), axis=(1, 2), keepdims=True)
    size = np.linalg.norm(aligned - aligned.mean(axis=1, keepdims=True), axis=(1, 2), keepdims=True) / own_size
    return {
        "nothing": ours,
        "size": ours * size,
        "orientation": aligned / size,
        "depth": ours + along,
        "across": theirs - along,
    }


def triangulated(
    tracks: Mapping[str, PersonTrack], cameras: Mapping[str, tuple[Camera, FloatArray]], *, frames: int, first: int
) -> FloatArray:
    """(F, 12, 3) LIMB_JOINTS nearest to the rays of all cameras, each by its confidence; NaN where too few see one.

    Args:
        tracks: of one person, by camera.
        cameras: the camera of the pixels, and T_camera_world.
        frames: of the reference.
        first: frame of the videos to which its first row belongs.
    """
    precision, moment = np.zeros((frames, len(LIMBS), 3, 3)), np.zeros((frames, len(LIMBS), 3))
    seen = np.zeros((frames, len(LIMBS)), dtype=np.int64)
    for name, track in tracks.items():
        camera, T_camera_world = cameras[name]
        rows = track.frame_indices - first
        inside = (rows >= 0) & (rows < frames)
        pixels, confidence = track.keypoints_px[inside][:, LIMBS], track.confidence[inside][:, LIMBS]
        weight = np.where((confidence >= LEAST_CONFIDENCE) & np.isfinite(pixels).all(axis=-1), confidence**2, 0.0)
        rays = camera.rays(torch.from_numpy(np.nan_to_num(pixels))).numpy()
        direction = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) @ T_camera_world[:3, :3]
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        centre = -T_camera_world[:3, :3].T @ T_camera_world[:3, 3]
        across = weight[..., None, None] * (np.eye(3) - direction[..., None] * direction[..., None, :])
        precision[rows[inside]] += across
        moment[rows[inside]] += across @ centre
        seen[rows[inside]] += weight > 0
    points = np.full(moment.shape, np.nan)
    known = seen >= LEAST_CAMERAS
    points[known] = np.linalg.solve(precision[known], moment[known][..., None])[..., 0]
    return points


def balance_budget(
    found: Mapping[str, FloatArray],
    tracks: Mapping[str, PersonTrack],
    cameras: Mapping[str, tuple[Camera, FloatArray]],
    reference: FloatArray,
    *,
    first: int,
) -> dict[str, Errors]:
    """Errors by what is replaced, as in TITLES, averaged over the cameras.

    keypoints: those of all cameras, triangulated, in place of our pose. one_camera: of our pose from these.

    Args:
        found: by camera, (T, 12, 3) our LIMB_JOINTS in the camera's frame.
        tracks: by camera, of the same frames.
        cameras: by camera, that of the pixels and T_camera_world.
        reference: (F, 12, 3) in the world.
        first: frame of the videos to which the reference's first row belongs.
    """
    by_part: dict[str, list[Errors]] = {}
    seen = triangulated(tracks, cameras, frames=len(reference), first=first)
    for name, ours in found.items():
        rows = tracks[name].frame_indices - first
        inside = (rows >= 0) & (rows < len(reference))
        expected, own = (transformed(cameras[name][1], poses[rows[inside]]) for poses in (reference, seen))
        for part, poses in replaced_by_reference(ours[inside], expected).items():
            by_part.setdefault(part, []).append(errors_of(poses, expected))
        if np.isfinite(own).all(axis=(1, 2)).any():
            by_part.setdefault("keypoints", []).append(errors_of(own, expected))
            by_part.setdefault("one_camera", []).append(errors_of(ours[inside], own))
    return {part: {key: float(np.mean([e[key] for e in all_])) for key in all_[0]} for part, all_ in by_part.items()}


def flexion(poses: FloatArray, joints: Sequence[int]) -> FloatArray:
    """(N,) of the knee whose hip, knee and ankle are these of the LIMB_JOINTS of poses (N, 12, 3), radians."""
    hip, knee, ankle = (poses[:, joint] for joint in joints)
    return flexion_rad(hip, knee, ankle)


def budget_lines(budget: Mapping[str, Errors]) -> list[str]:
    """As text: a row for each part that is the reference's."""
    titles = {"mpjpe_mm": "MPJPE", "pa_mpjpe_mm": "PA-MPJPE", "knee_mae_deg": "knee"}
    titles |= {f"knee_bias_{side}_deg": f"bias, {side}" for side in KNEES}
    lines = [
        "Errors (mm, degrees) where one part of our poses is the reference's; and of all cameras' keypoints together"
    ]
    lines.append(f"{'':34}" + "".join(f"{title:>12}" for title in titles.values()))
    return lines + [
        f"{TITLES[part]:34}" + "".join(f"{errors[key]:12.1f}" for key in titles) for part, errors in budget.items()
    ]
