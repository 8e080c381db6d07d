"""What two networks say of a person's pose, joined: the decoder's mesh turned towards the lifter's keypoints.

The decoder looks at pictures, one by one; the lifter at keypoints, through time. Where either errs by itself, both err
less together (Shin et al. 2024, WHAM, joins both kinds of word in a network). Here each keypoint counts by the standard
deviations that both give for it, and the body's segments turn as little as that asks for.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.reconstruction.residuals import HIPS, KEYPOINT_MASK, Observations, about_hips
from biopose.skeleton.rotations import skew

# How far the decoder's local turns are from the truth, about the axes of the segment at rest (forward, up, right): root
# mean square over the frames of 32 drawn clips of held-out people and motions. No keypoint tells of a hand, and a torso
# is rigid to the abdomen.
TURN_SD_RAD = {
    "pelvis": (0.23, 0.59, 0.27),
    "abdomen": (0.19, 0.28, 0.41),
    "head": (0.19, 0.45, 0.27),
    "femur": (0.23, 0.23, 0.37),
    "tibia": (0.10, 0.05, 0.37),
    "calcn": (0.16, 0.13, 0.32),
    "toes": (0.16, 0.01, 0.26),
    "humerus": (0.54, 0.68, 0.60),
    "ulna": (0.04, 0.30, 0.40),
    "radius": (0.28, 0.27, 0.31),
}
STEPS = 6  # of Gauss and Newton; ten move keypoints on drawn clips by less than half a millimetre more, on average
FRAMES_AT_ONCE = 512  # to keep memory small
FREE = [segment for segment, name in enumerate(SEGMENTS) if name.split("_")[0] in TURN_SD_RAD]


def with_prediction(
    evidence: Observations, keypoints_m: Tensor, sd_m: Tensor, R_camera_view: Tensor, *, lifter_sd_factor: float
) -> Observations:
    """Evidence with one more word on where keypoints lie about the hips, joined to the lifter's.

    Each counts by its precision, as if their errors were independent. They are not quite (on drawn clips those of depth
    correlate by 0.59), so both together claim to be surer than they are. Their views look at the same person; the few
    degrees between are neglected.

    Args:
        evidence: with the lifter's word.
        keypoints_m: (T, 26, 3) in the camera's axes.
        sd_m: (T, 26, 2) across the view and along it.
        R_camera_view: (T, 3, 3) of that view.
        lifter_sd_factor: what the lifter's standard deviations are multiplied by.
    """
    words = [about_hips(points) for points in (keypoints_m, evidence.lifted_m)]
    claimed = (sd_m, lifter_sd_factor * evidence.lifted_sd_m)
    ours, lifters = (sd[..., [0, 0, 1]].square().reciprocal() for sd in claimed)
    precision = ours + lifters
    mean = (ours * (words[0] @ R_camera_view) + lifters * (words[1] @ R_camera_view)) / precision
    return replace(
        evidence,
        lifted_m=mean @ R_camera_view.mT,
        lifted_sd_m=precision.rsqrt()[..., [0, 2]],
        R_camera_view=R_camera_view,
    )


@torch.no_grad()
def fit_rotations(keypoints: Tensor, sd: Tensor, R_local: Tensor, body: SegmentBody, shape: Tensor) -> Tensor:
    """A body's segments turned until its keypoints lie where they are said to: least squares, frame by frame.

    No frame ends worse than it began, its distance from the word and its turns taken together.

    Args:
        keypoints: (T, 26, 3) about the hips, in the view, in heights.
        sd: (T, 26, 2) of them, across the view and along it.
        R_local: (T, 20, 3, 3) local turns to begin with and to stay near to; the pelvis's is in the view.
        body: the segment body.
        shape: (K,) coefficients.

    Returns:
        (T, 20, 3, 3).
    """
    pieces = zip(*(part.split(FRAMES_AT_ONCE) for part in (keypoints, sd, R_local)), strict=True)
    return torch.cat([_fit_rotations(said, sure, R, body, shape) for said, sure, R in pieces])


def _fit_rotations(keypoints: Tensor, sd: Tensor, R_local: Tensor, body: SegmentBody, shape: Tensor) -> Tensor:
    """Gauss-Newton steps, the best place counts; a turn w of a segment moves what is below it, at arms r, by w x r."""
    precision = (KEYPOINT_MASK[:, None] * sd[..., [0, 0, 1]].square().reciprocal()).flatten(1)[..., None]
    stiffness = torch.tensor([TURN_SD_RAD[SEGMENTS[s].split("_")[0]] for s in FREE]).flatten().square().reciprocal()
    below = (body.keypoints.skin_matrix @ body.rig.is_ancestor)[:, FREE, None, None]
    shaped, said = body.rig.with_coefficients(shape), about_hips(keypoints)
    turned = torch.zeros(len(keypoints), len(stiffness))
    best, least = R_local, torch.full((len(keypoints),), torch.inf)
    for _ in range(STEPS + 1):
        posed = shaped.with_pose(R_local, root_position=torch.zeros(3))
        now = body.keypoints.positions(posed)
        apart = (said - about_hips(now)).flatten(1)[..., None]
        energy = (precision * apart.square()).sum((1, 2)) + (stiffness * turned.square()).sum(-1)
        best = torch.where((energy < least)[:, None, None, None], R_local, best)
        least = torch.minimum(energy, least)
        arms = now[:, :, None] - posed.bone_heads[:, None, FREE]
        moves = -below * skew(arms) @ posed.R_world_delta[:, None, FREE]  # (T, 26, S, 3, 3) by turns in its own axes
        moves = moves - moves[:, HIPS].mean(1, keepdim=True)
        jacobian = moves.transpose(2, 3).flatten(1, 2).flatten(2)
        normal = jacobian.mT @ (precision * jacobian) + torch.diag(stiffness)
        uphill = (jacobian.mT @ (precision * apart))[..., 0] - stiffness * turned
        step = torch.linalg.solve(normal, uphill)
        turned = turned + step
        R_step = torch.eye(3).repeat(len(keypoints), len(SEGMENTS), 1, 1)
        R_step[:, FREE] = torch.linalg.matrix_exp(skew(step.unflatten(-1, (len(FREE), 3))))
        R_local = R_local @ R_step
    return best
