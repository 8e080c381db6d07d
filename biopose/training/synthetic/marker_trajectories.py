"""Random marker trajectories with the truth: people in motion, markers with errors.

Clean markers are fixed to the segments. Others are misplaced and move with the skin, or belong to a mesh of slightly
wrong shape and posture, or have the errors of measured clips; they jitter and drop out (`marker_errors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.joint_angles import limited_coordinates
from biopose.neurik.marker_segments import marker_owners
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics, Pose
from biopose.skeleton.model import Skeleton
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes
from biopose.skeleton.scaling_prior import scale_prior
from biopose.training.data.keypoint_noise import slow_curves
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.data.marker_errors import MarkerErrors, draw_marker_errors, with_recording_errors
from biopose.training.data.motion import Motion
from biopose.training.data.motion_variation import MotionPool, vary
from biopose.training.synthetic.posing import attitudes
from biopose.training.synthetic.recorded_windows import RecordedWindows
from biopose.training.synthetic.skeletons import Skeletons

RATE_HZ = (20.0, 120.0)
VARIED_SHARE, VARIED = 0.5, 0.5  # of windows with people of other proportions; in sd between people
POSTURE_HZ = (0.1, 2.0)  # of a mesh's posture errors
CALIBRATED_LOG_SD = 0.005  # of scale factors from a static trial; on clean markers scaling has errors of 0.001
# Of windows with angle errors taken from measured clips. With three in ten, or with the measured windows themselves,
# the network overfits to the library's few motions, and errors on held-out people grow.
TRANSPLANTED_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class MarkedSkeleton:
    """N people with markers fixed to segments: scale factors (N, B, 3) and locations (N, M, 3) in scaled segments."""

    body_scales: Tensor
    locations_m: Tensor


class MarkerSource:
    """Draws batches.

    Args:
        motions: the library.
        people: whose proportions and markers are drawn from.
        seed: of everything.
        varied: whether their proportions are varied.
        recorded: windows of measured clips, whose errors are used; None without.
    """

    def __init__(
        self,
        motions: Sequence[Motion],
        people: Skeletons,
        *,
        seed: int,
        varied: bool = False,
        recorded: RecordedWindows | None = None,
    ) -> None:
        self.skeleton = full_body_skeleton()
        self.pool = MotionPool(motions, self.skeleton)
        self.kinematics = Kinematics(self.skeleton, dtype=torch.float32)
        self.people, self.varied, self.recorded = people, varied, recorded
        self.owner, self.pelvis = marker_owners(self.skeleton), self.skeleton.body_names.index("pelvis")
        self.drivers = _drivers(self.skeleton)
        self.limited = limited_coordinates(self.skeleton)
        self.generator = torch.Generator().manual_seed(seed)
        prior = scale_prior(self.skeleton, height_ratio=None)
        self.scale_design = torch.from_numpy(prior.design).float()
        self.scale_sd = torch.from_numpy(prior.sd).float()
        self.standing = torch.from_numpy(self.skeleton.default_pose).float()

    def draw(self, n: int, *, frames: int, clean: bool = False, calibrated: bool = False) -> MarkerBatch:
        """Draw a batch.

        Args:
            n: number of windows.
            frames: of each.
            clean: without marker errors.
            calibrated: with a subject calibration, as from a static trial.
        """
        g = self.generator
        interval_s = 1.0 / (RATE_HZ[0] * (RATE_HZ[1] / RATE_HZ[0]) ** torch.rand(n, generator=g))
        q, _ = vary(self.pool, g, n=n, frames=frames, interval_s=interval_s)
        person, errors = self._person(n), draw_marker_errors(g, n, clean=clean)
        apparent = self._apparent_person(person, errors)
        angle_errors, confidence = self._as_recorded(n, frames, clean=clean)
        R, p = self._segments(self._apparent_posture(q, errors, interval_s, angle_errors), apparent, attitudes(g, n))
        skin = errors.skin_m_per_rad[:, None] * q[..., self.drivers, None]
        markers = marker_positions(R, p, self.owner, apparent.locations_m[:, None] + skin)
        markers, weight = with_recording_errors(g, errors, markers, interval_s=interval_s)
        still = self._standing(apparent.body_scales)
        static_m = marker_positions(still.R_ground_body, still.p_ground_body, self.owner, apparent.locations_m)
        own = self._calibrated(apparent, static_m) if calibrated else None
        return MarkerBatch(
            windows=MarkerWindows(markers, weight * confidence, interval_s, own),
            q=self._with_pelvis_pose(q, R[:, :, self.pelvis], p[:, :, self.pelvis]),
            body_scales=person.body_scales,
            locations_m=person.locations_m,
            static_m=static_m,
        )

    def _standing(self, body_scales: Tensor) -> Pose:
        return self.kinematics.with_scales(body_scales).with_coordinates(self.standing)

    def _calibrated(self, apparent: MarkedSkeleton, static_m: Tensor) -> SubjectCalibration:
        """Calibrations of people (N) from markers (N, M, 3) of a static trial: the truth with small errors."""
        errors = torch.randn(apparent.body_scales.shape, generator=self.generator)
        scales = apparent.body_scales * (CALIBRATED_LOG_SD * errors).exp()
        scales[:, 0] = 1.0
        still = self._standing(scales)
        R, p = still.R_ground_body[:, self.owner], still.p_ground_body[:, self.owner]
        return SubjectCalibration(scales, ((static_m - p)[..., None, :] @ R)[..., 0, :])

    def _person(self, n: int) -> MarkedSkeleton:
        """Draw people, some with varied proportions."""
        g = self.generator
        who = torch.randint(len(self.people.body_scales), (n,), generator=g)
        differs = (torch.rand(n, 1, generator=g) < VARIED_SHARE) & self.varied
        factors = self._other_shape(VARIED * differs)
        return MarkedSkeleton(
            self.people.body_scales[who] * factors, self.people.marker_locations_m[who] * factors[:, self.owner]
        )

    def _other_shape(self, amount: Tensor) -> Tensor:
        """(N, B, 3) random scale factors with standard deviations (N, 1), in standard deviations between people."""
        terms = amount * self.scale_sd * torch.randn(len(amount), len(self.scale_sd), generator=self.generator)
        return (terms @ self.scale_design.T).exp().unflatten(-1, (-1, 3))

    def _apparent_person(self, person: MarkedSkeleton, errors: MarkerErrors) -> MarkedSkeleton:
        """The people that the markers fit, with the errors of shape and placement."""
        factors = self._other_shape(errors.shape)
        return MarkedSkeleton(
            person.body_scales * factors, person.locations_m * factors[:, self.owner] + errors.offset_m
        )

    def _apparent_posture(self, q: Tensor, errors: MarkerErrors, interval_s: Tensor, angle_errors: Tensor) -> Tensor:
        """The posture that the markers fit, with the errors of posture."""
        n, frames, _ = q.shape
        count = len(self.limited)
        curve = slow_curves(self.generator, n=n, frames=frames, curves=count, interval_s=interval_s, hz=POSTURE_HZ)
        apparent = q.clone()
        apparent[..., self.limited] += errors.posture_sd_rad * curve + angle_errors
        return torch.where(self.pool.limited, apparent.clamp(self.pool.low, self.pool.high), apparent)

    def _segments(self, q: Tensor, person: MarkedSkeleton, attitude: Tensor) -> tuple[Tensor, Tensor]:
        """R (N, T, B, 3, 3) and p (N, T, B, 3), in the attitude (N, 3, 3)."""
        pose = self.kinematics.with_scales(person.body_scales[:, None]).with_coordinates(q)
        R_attitude = attitude[:, None, None]
        return R_attitude @ pose.R_ground_body, (R_attitude @ pose.p_ground_body[..., None])[..., 0]

    def _with_pelvis_pose(self, q: Tensor, R_world_pelvis: Tensor, p_world_pelvis: Tensor) -> Tensor:
        """The coordinates with the pelvis in a given pose."""
        root = self.skeleton.joints[0]
        angles = body_fixed_angles(R_world_pelvis, rotation_axes(root).float())
        columns = torch.tensor([axis.coordinate for axis in root.axes])
        q = q.index_copy(-1, columns, torch.cat([angles, p_world_pelvis], dim=-1))
        return self.kinematics.satisfy_couplings(q)[0]

    def _as_recorded(self, n: int, frames: int, *, clean: bool) -> tuple[Tensor, Tensor]:
        """In some windows angle errors (N, T, C) of measured clips, and the markers' confidences (N, T, M) there."""
        if self.recorded is None or clean:
            return torch.zeros(n, frames, len(self.limited)), torch.ones(n, frames, len(MARKERS))
        chosen = torch.rand(n, 1, 1, generator=self.generator) < TRANSPLANTED_SHARE
        errors, weight = self.recorded.errors(self.generator, n, frames=frames)
        return torch.where(chosen, errors, 0.0), torch.where(chosen, weight, 1.0)


def _drivers(skeleton: Skeleton) -> list[int]:
    """For each marker the coordinate that moves its skin: the first of its segment's joint or the next proximal one."""
    first = {
        joint.child: next((a.coordinate for a in joint.axes if a.coordinate is not None), None)
        for joint in skeleton.joints
    }
    parent = {joint.child: joint.parent for joint in skeleton.joints}

    def driver(body: int) -> int:
        coordinate = first[body]
        return driver(parent[body]) if coordinate is None else coordinate

    return [driver(body) for body in marker_owners(skeleton)]


def marker_positions(R: Tensor, p: Tensor, owner: list[int], locations_m: Tensor) -> Tensor:
    """(..., M, 3) markers in the world, of segments' poses (..., B, ...) and locations in segments."""
    return (R[..., owner, :, :] @ locations_m[..., None])[..., 0] + p[..., owner, :]
