"""Starting values of the fit: the skeleton put onto the lifted keypoints."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.io.trajectories import MarkerTrajectories
from biopose.reconstruction.observations import KEYPOINT_MASK, MID_HIP
from biopose.skeleton.gap_filling import fill_gaps
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker, Skeleton

# One frame determines depth poorly, so the normal equations of the root are smoothed over this time.
ROOT_SMOOTHING_S = 0.15
NEAREST_ROOT_M, FARTHEST_ROOT_M = 0.5, 200.0
FACE_WEIGHT = 0.3
# The two hips leave the rotation about the line between them open: in the start the pelvis leans as the trunk does.
TRUNK, TRUNK_SHARE = "trunk", 0.3  # a point of the pelvis so far from the hips to the neck
NECK = KEYPOINTS.index("neck")


def root_position_m(keypoints_m: Tensor, rays: Tensor, weight: Tensor, time_s: NDArray[np.float64]) -> Tensor:
    """Position of the root for which keypoints relative to it project onto the observed rays: (T, 3), camera frame.

    Linear least squares in the translation t: t_x - x t_z = x Z - X, and the same for y; frames share it with their
    neighbours, since one frame's depth hangs on few pixels.

    Args:
        keypoints_m: (T, 26, 3) from the root, in the camera's axes.
        rays: (T, 26, 2).
        weight: (T, 26).
        time_s: (T,).
    """
    x, y = rays.double().unbind(-1)
    X, Y, Z = keypoints_m.double().unbind(-1)
    w = weight.double()
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.stack([torch.stack([one, zero, -x], -1), torch.stack([zero, one, -y], -1)], -2)  # (T, 26, 2, 3)
    right = torch.stack([x * Z - X, y * Z - Y], -1)
    normal = torch.einsum("tk,tkij,tkil->tjl", w, rows, rows)
    moment = torch.einsum("tk,tkij,tki->tj", w, rows, right)
    solved = torch.linalg.lstsq(_smoothed(normal, time_s) + 1e-9 * torch.eye(3), _smoothed(moment, time_s)[..., None])
    depth = solved.solution[..., 2, 0].clamp(NEAREST_ROOT_M, FARTHEST_ROOT_M)
    total = w.sum(-1).clamp(min=1e-9)
    across = torch.stack(
        [(w * (x * (Z + depth[:, None]) - X)).sum(-1), (w * (y * (Z + depth[:, None]) - Y)).sum(-1)], -1
    )
    position = torch.cat([across / total[:, None], depth[:, None]], dim=-1)
    observed = weight.sum(-1).numpy() > 1.0
    return torch.from_numpy(fill_gaps(position.numpy(), observed, time_s))


def starting_coordinates(skeleton: Skeleton, keypoints_m: Tensor, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates (T, Q) of the skeleton on keypoints (T, 26, 3) in its ground frame.

    Frames whose keypoints are NaN are interpolated.
    """
    names = (*(f"kp_{name}" for name in KEYPOINTS), TRUNK)
    trunk = torch.lerp(keypoints_m[:, MID_HIP], keypoints_m[:, NECK], TRUNK_SHARE)
    positions = torch.cat([keypoints_m, trunk[:, None]], dim=1).double().numpy()
    trajectories = MarkerTrajectories(time_s, names, positions)
    face = {"nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top"}
    mask = zip(KEYPOINTS, KEYPOINT_MASK.tolist(), strict=True)
    weights = {f"kp_{name}": weight * (FACE_WEIGHT if name in face else 1.0) for name, weight in mask}
    weights[TRUNK] = 1.0
    solution = inverse_kinematics(_with_trunk(skeleton), trajectories, weights=weights, tolerance=1e-3, threads=2)
    values = solution.coordinates.values
    known = ~np.isnan(values)
    return fill_gaps(np.where(known, values, skeleton.default_pose), known, time_s)


def _with_trunk(skeleton: Skeleton) -> Skeleton:
    """The skeleton with a marker of the pelvis that lies between hips and neck while the trunk is straight."""
    straight = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose))
    point = torch.lerp(straight.markers[MID_HIP], straight.markers[NECK], TRUNK_SHARE)
    pelvis = skeleton.body_names.index("pelvis")
    local = straight.R_ground_body[pelvis].mT @ (point - straight.p_ground_body[pelvis])
    return skeleton.with_markers((*skeleton.markers, Marker(TRUNK, pelvis, local.numpy())))


def _smoothed(values: Tensor, time_s: NDArray[np.float64]) -> Tensor:
    """Normal equations (T, ...) smoothed by a Gaussian in time that is cut off at three standard deviations."""
    if len(time_s) < 2:
        return values
    reach = int(np.ceil(3 * ROOT_SMOOTHING_S / float(np.median(np.diff(time_s)))))
    total = values.clone()
    at = torch.from_numpy(time_s)
    for lag in range(1, min(reach, len(time_s) - 1) + 1):
        share = torch.exp(-0.5 * ((at[lag:] - at[:-lag]) / ROOT_SMOOTHING_S) ** 2)
        share = share.reshape(-1, *[1] * (values.dim() - 1))
        total[lag:] += share * values[:-lag]
        total[:-lag] += share * values[lag:]
    return total
