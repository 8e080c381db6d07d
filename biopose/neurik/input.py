"""How NeurIK sees a person: each frame from the pelvis, as the markers alone tell how it lies.

What does not matter is taken out in closed form: where the person is, which way they head (of the world only its up is
left) and how large they are. Each segment's turn, too, is told, so that the network need not learn but only correct it.
None of this hangs on other frames, so windows of a trial agree about it wherever they overlap. Where a person's own
skeleton is known, and where the markers sit on it (a standing trial tells it, or the mesh whose markers they are), that
stands in place of the usual.
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
AWAY_SCALE = 20.0  # makes five centimetres one
AWAY_LIMIT_M = 0.15
SPEED_SCALE, TURN_SCALE = 0.3, 0.15  # of m/s and rad/s
FURTHEST_SHARE = 0.003  # an angle read beyond its range counts as so near to the range's end
SURE_ENOUGH = 0.25  # of an angle to be taken as it is read; one less sure is drawn to the middle of its range
HALF_DOUBT_M, MISSING_M = 0.004, 0.1  # off by so much, markers are half doubted; all missing, they count as so far off
N_MOTION_FEATURES = 6  # of the pelvis, since the frame before
N_FRAME_FEATURES = 3 + N_MOTION_FEATURES


@dataclass(frozen=True, eq=False)
class SubjectCalibration:
    """N people's own skeletons, scaled to them, and their markers on them.

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
        weight: (N, T, M) from 0, missing, to 1, as sure as can be.
        interval_s: (N,) seconds between frames.
        subject: where the markers sit on each person; None where nobody stood still for that.
    """

    markers_m: Tensor
    weight: Tensor
    interval_s: Tensor
    subject: SubjectCalibration | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> MarkerWindows:
        """The same with every tensor changed."""
        r = self.subject
        return MarkerWindows(
            change(self.markers_m),
            change(self.weight),
            change(self.interval_s),
            None if r is None else SubjectCalibration(change(r.body_scales), change(r.locations_m)),
        )


@dataclass(frozen=True, eq=False)
class NeurikInput:
    """The windows as the network is given them; C are the limited coordinates.

    Attributes:
        segments: (N, T, S, F) what is seen of each segment.
        frame: (N, T, N_FRAME_FEATURES) size, how much is seen, motion.
        logits: (N, T, C) of the angles' shares of their ranges, in closed form; 0 where nothing was seen.
        R_world_root: (N, T, 3, 3) the pelvis as its markers tell it.
        p_world_root: (N, T, 3) likewise, metres.
        size: (N, T) of the person, in default skeletons.
        seen: (N, T) sum of the markers' weights.
        doubt: (N, T) from 0, all markers are seen and lie where they should, towards 1.
    """

    segments: Tensor
    frame: Tensor
    logits: Tensor
    R_world_root: Tensor
    p_world_root: Tensor
    size: Tensor
    seen: Tensor
    doubt: Tensor

    def windows(self, rows: Tensor) -> NeurikInput:
        """Windows whose frames are `rows` (N, W) of one trial; the first frame of a window knows no motion."""
        found = NeurikInput(**{name: value[0][rows] for name, value in vars(self).items()})
        found.frame[:, 0, N_FRAME_FEATURES - N_MOTION_FEATURES :] = 0.0
        return found


class FrameView(nn.Module):
    """Turns windows of markers into what the network is given.

    Args:
        skeleton: the default one, unscaled.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.fit = SegmentFit(skeleton)
        self.reader = JointAngles(skeleton, self.fit)
        self.n_features = 15 + 4 * self.fit.slots.shape[1]

    @torch.no_grad()
    def forward(self, windows: MarkerWindows, locations_m: Tensor) -> NeurikInput:
        """See the windows.

        Args:
            windows: N of T frames.
            locations_m: (M, 3) where the markers usually lie in their segments of the unscaled skeleton.
        """
        weight = windows.weight
        markers = torch.where(weight[..., None] > 0, windows.markers_m, 0.0)
        fitted = self._fitted(markers, weight, locations_m, windows.subject)
        angles, sure, turn = self.reader(fitted)
        share = (angles - self.reader.low) / (self.reader.high - self.reader.low)
        return NeurikInput(
            segments=_segment_features(fitted, turn),
            frame=_frame_features(fitted, windows, weight),
            logits=share.clamp(FURTHEST_SHARE, 1 - FURTHEST_SHARE).logit() * (sure / SURE_ENOUGH).clamp(max=1),
            R_world_root=fitted.R_world_segment[..., 0, :, :],
            p_world_root=fitted.p_world_segment[..., 0, :],
            size=fitted.size,
            seen=weight.sum(-1),
            doubt=_doubt(fitted, weight),
        )

    def _fitted(
        self, markers_m: Tensor, weight: Tensor, locations_m: Tensor, subject: SubjectCalibration | None
    ) -> FittedSegments:
        """Segments laid onto the markers where they usually lie, or where they sit on each person."""
        if subject is None:
            return self.fit(markers_m, weight, locations_m)
        size = subject.body_scales[:, 1:].mean((1, 2))[:, None, None, None]
        own = subject.locations_m[:, None] / size
        return self.fit(markers_m, weight, own, subject.body_scales[:, None, self.fit.bodies] / size)


def _doubt(fitted: FittedSegments, weight: Tensor) -> Tensor:
    """(N, T) by the root mean square of the markers' distances from their places, and by what is missing."""
    square = fitted.away.square().sum(-1).clamp(max=AWAY_LIMIT_M**2)
    off_m = ((square * fitted.weight).sum((-1, -2)) / fitted.weight.sum((-1, -2)).clamp(min=1e-6)).sqrt()
    off_m = off_m + MISSING_M * (1 - weight.mean(-1))
    return off_m / (off_m + HALF_DOUBT_M)


def _segment_features(fitted: FittedSegments, turn: Tensor) -> Tensor:
    """(N, T, S, F): its turn, how sure, its stretch, where up is, where it lies, and each marker in it."""
    R, p = fitted.R_world_segment, fitted.p_world_segment
    from_root = ((p - p[..., :1, :]) @ R[..., 0, :, :]) / fitted.size[..., None, None]
    away = AWAY_SCALE * fitted.away.clamp(-AWAY_LIMIT_M, AWAY_LIMIT_M) * fitted.weight[..., None]
    parts = [
        turn[..., :2].flatten(-2),
        fitted.sureness,
        4 * fitted.stretch.log()[..., None],
        R[..., 1, :],  # the world's y axis in the segment
        from_root,
        away.flatten(-2),
        fitted.weight,
    ]
    return torch.cat(parts, dim=-1)


def _frame_features(fitted: FittedSegments, windows: MarkerWindows, weight: Tensor) -> Tensor:
    """(N, T, 9): size, how much is seen, whether subject, how the pelvis moved and turned since the last frame."""
    R, p = fitted.R_world_segment[..., 0, :, :], fitted.p_world_segment[..., 0, :]
    interval = windows.interval_s[:, None, None]
    moved = ((p[:, 1:] - p[:, :-1])[..., None, :] @ R[:, 1:])[..., 0, :] / interval
    turned = rotation_vector(R[:, :-1].mT @ R[:, 1:]) / interval
    motion = torch.cat([SPEED_SCALE * moved, TURN_SCALE * turned], dim=-1).clamp(-3, 3)
    motion = nn.functional.pad(motion, (0, 0, 1, 0))
    seen = weight.mean(-1, keepdim=True)
    known = torch.full_like(seen, float(windows.subject is not None))
    return torch.cat([4 * fitted.size.log()[..., None], seen, known, motion], dim=-1)
