"""The input of NeurIK: features of each frame's markers in the frame of the pelvis that they determine.

Position, heading (only the vertical of the world is kept) and size are taken out in closed form, and each segment's
rotation is given, so that the network learns corrections only. No feature depends on other frames but the pelvis's
velocity, so overlapping windows of a trial agree. Where the subject's own skeleton and the markers' locations on it are
known (from a static trial, or from the mesh whose markers they are), they replace the default ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biopose.body.markers import MARKERS
from biopose.neurik.joint_angles import JointAngles
from biopose.neurik.marker_segments import SEGMENTS, FittedSegments, SegmentFit
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import rotation_vector

N_MARKERS, N_SEGMENTS = len(MARKERS), len(SEGMENTS)
RESIDUAL_SCALE = 20.0  # makes five centimetres one
RESIDUAL_LIMIT_M = 0.15
SPEED_SCALE, ANGULAR_SPEED_SCALE = 0.3, 0.15  # of m/s and rad/s
LEAST_SHARE = 0.003  # an angle beyond its range counts as so near to the range's end
FULL_OBSERVABILITY = 0.25  # below, a closed-form angle is drawn to the middle of its range
HALF_GAIN_M = 0.004  # residual of the markers at which corrections count half
MISSING_M = 0.1  # residual that missing markers count as
N_MOTION_FEATURES = 6  # of the pelvis, since the frame before
N_FRAME_FEATURES = 3 + N_MOTION_FEATURES


@dataclass(frozen=True, eq=False)
class SubjectCalibration:
    """The scaled skeletons of N subjects, and the locations of the markers on them.

    Attributes:
        body_scales: (N, B, 3) factors, ground's being 1.
        locations_m: (N, M, 3) by MARKERS, in their segments of the scaled skeletons.
    """

    body_scales: Tensor
    locations_m: Tensor


@dataclass(frozen=True, eq=False)
class MarkerWindows:
    """N windows of T frames of named markers.

    Attributes:
        markers_m: (N, T, M, 3) by MARKERS, in a world whose y is up, metres; anything where the weight is 0.
        weight: (N, T, M) from 0, missing, to 1, most confident.
        interval_s: (N,) seconds between frames.
        subject: each subject's skeleton and markers; None without a calibration.
    """

    markers_m: Tensor
    weight: Tensor
    interval_s: Tensor
    subject: SubjectCalibration | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> MarkerWindows:
        """The same with every tensor changed."""
        s = self.subject
        return MarkerWindows(
            change(self.markers_m),
            change(self.weight),
            change(self.interval_s),
            None if s is None else SubjectCalibration(change(s.body_scales), change(s.locations_m)),
        )


@dataclass(frozen=True, eq=False)
class NeurikInput:
    """Windows as the network takes them; C are the limited coordinates.

    Attributes:
        segments: (N, T, S, F) features of each segment.
        frame: (N, T, N_FRAME_FEATURES) size, mean weight, whether calibrated, the pelvis's velocity.
        logits: (N, T, C) of the closed-form angles' shares of their ranges; 0 where nothing was observed.
        R_world_root: (N, T, 3, 3) orientation of the pelvis by its markers.
        p_world_root: (N, T, 3) its position, metres.
        size: (N, T) of the person, over that of the default skeleton.
        observed: (N, T) sum of the markers' weights.
        gain: (N, T) of the network's corrections: 0 if all markers are there and fit, towards 1.
    """

    segments: Tensor
    frame: Tensor
    logits: Tensor
    R_world_root: Tensor
    p_world_root: Tensor
    size: Tensor
    observed: Tensor
    gain: Tensor

    def windows(self, rows: Tensor) -> NeurikInput:
        """Windows whose frames are `rows` (N, W) of one trial; the first frame of a window has no velocity."""
        found = NeurikInput(**{name: value[0][rows] for name, value in vars(self).items()})
        found.frame[:, 0, N_FRAME_FEATURES - N_MOTION_FEATURES :] = 0.0
        return found


class MarkerFeatures(nn.Module):
    """Turns windows of markers into the network's input.

    Args:
        skeleton: the default one, unscaled.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.segment_fit = SegmentFit(skeleton)
        self.joint_angles = JointAngles(skeleton, self.segment_fit)
        self.n_features = 15 + 4 * self.segment_fit.slots.shape[1]
        self.n_bodies = len(skeleton.bodies)

    @torch.no_grad()
    def forward(self, windows: MarkerWindows, locations_m: Tensor) -> NeurikInput:
        """Compute the input.

        Args:
            windows: N of T frames.
            locations_m: (M, 3) default locations of the markers in their segments of the unscaled skeleton.
        """
        weight, joints = windows.weight, self.joint_angles
        markers = torch.where(weight[..., None] > 0, windows.markers_m, 0.0)
        fitted = self._fitted(markers, weight, locations_m, windows.subject)
        angles, observability, rotation = joints(fitted)
        share = ((angles - joints.low) / (joints.high - joints.low)).clamp(LEAST_SHARE, 1 - LEAST_SHARE)
        return NeurikInput(
            segments=_segment_features(fitted, rotation),
            frame=_frame_features(fitted, windows, weight),
            logits=share.logit() * (observability / FULL_OBSERVABILITY).clamp(max=1),
            R_world_root=fitted.R_world_segment[..., 0, :, :],
            p_world_root=fitted.p_world_segment[..., 0, :],
            size=fitted.size,
            observed=weight.sum(-1),
            gain=_correction_gain(fitted, weight),
        )

    def _fitted(
        self, markers_m: Tensor, weight: Tensor, locations_m: Tensor, subject: SubjectCalibration | None
    ) -> FittedSegments:
        """Segments fitted to the markers by their default locations, or by those of each subject."""
        if subject is None:
            return self.segment_fit(markers_m, weight, locations_m)
        size = subject.body_scales[:, 1:].mean((1, 2))[:, None, None, None]
        own = subject.locations_m[:, None] / size
        return self.segment_fit(markers_m, weight, own, subject.body_scales[:, None, self.segment_fit.bodies] / size)


def _correction_gain(fitted: FittedSegments, weight: Tensor) -> Tensor:
    """(N, T) from the root mean square of the markers' residuals, and from the missing ones."""
    square = fitted.residual.square().sum(-1).clamp(max=RESIDUAL_LIMIT_M**2)
    rms_m = ((square * fitted.weight).sum((-1, -2)) / fitted.weight.sum((-1, -2)).clamp(min=1e-6)).sqrt()
    rms_m = rms_m + MISSING_M * (1 - weight.mean(-1))
    return rms_m / (rms_m + HALF_GAIN_M)


def _segment_features(fitted: FittedSegments, rotation: Tensor) -> Tensor:
    """(N, T, S, F): rotation (6D), observability, log stretch, vertical, position, markers' residuals and weights."""
    R, p = fitted.R_world_segment, fitted.p_world_segment
    from_root = ((p - p[..., :1, :]) @ R[..., 0, :, :]) / fitted.size[..., None, None]
    residual = RESIDUAL_SCALE * fitted.residual.clamp(-RESIDUAL_LIMIT_M, RESIDUAL_LIMIT_M) * fitted.weight[..., None]
    parts = [
        rotation[..., :2].flatten(-2),
        fitted.observability,
        4 * fitted.stretch.log()[..., None],
        R[..., 1, :],  # the world's y axis in the segment
        from_root,
        residual.flatten(-2),
        fitted.weight,
    ]
    return torch.cat(parts, dim=-1)


def _frame_features(fitted: FittedSegments, windows: MarkerWindows, weight: Tensor) -> Tensor:
    """(N, T, 9): log size, mean weight, whether calibrated, velocity and angular velocity of the pelvis in itself."""
    R, p = fitted.R_world_segment[..., 0, :, :], fitted.p_world_segment[..., 0, :]
    interval = windows.interval_s[:, None, None]
    velocity = ((p[:, 1:] - p[:, :-1])[..., None, :] @ R[:, 1:])[..., 0, :] / interval
    angular = rotation_vector(R[:, :-1].mT @ R[:, 1:]) / interval
    motion = torch.cat([SPEED_SCALE * velocity, ANGULAR_SPEED_SCALE * angular], dim=-1).clamp(-3, 3)
    motion = nn.functional.pad(motion, (0, 0, 1, 0))
    observed = weight.mean(-1, keepdim=True)
    calibrated = torch.full_like(observed, float(windows.subject is not None))
    return torch.cat([4 * fitted.size.log()[..., None], observed, calibrated, motion], dim=-1)
