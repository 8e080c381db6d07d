"""Postures of the synthetic people: recorded motion, varied, as rotations of the segment body at neighbouring moments.

In addition to the variation by `vary` (speed, side, arms, swings, squats, free joints) there are whole-body attitudes
that the recordings lack: lying, falling, hanging upside down, flight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.segment_body import SEGMENTS
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.rotations import skew
from biopose.training.data.motion import Motion
from biopose.training.data.motion_variation import MotionPool, vary

TUMBLED_SHARE = 0.05  # lie, fall or hang: rotated about a horizontal axis
LEANING_SHARE, LEANING_SD_RAD = 0.3, 0.3
AIRBORNE_SHARE, HIGHEST_FLIGHT_M = 0.12, 0.6
# A reach, radians: arms forward and up, elbows nearly straight; throwing, serving, catching, hanging.
REACHING_SHARE = 0.12
REACH_RAD = {"arm_flex": (0.5, 2.9), "arm_add": (-1.2, 0.3), "arm_rot": (-1.0, 1.0), "elbow_flex": (0.0, 1.2)}
# A lifted leg, radians: forward, sideways or backward, bent or straight, with lateral bending of the trunk: balance,
# kicks, hurdles, cartwheels.
LIFTING_SHARE = 0.06  # for each leg
LIFT_RAD = {
    "hip_flexion": (-0.5, 1.8),
    "hip_adduction": (-0.9, 0.2),
    "hip_rotation": (-0.5, 0.5),
    "knee_angle": (0.0, 2.0),
}
BEND_RAD = {"lumbar_bending": (-0.5, 0.5), "lumbar_rotation": (-0.4, 0.4)}


@dataclass(frozen=True, eq=False)
class Postures:
    """N bodies at T moments.

    Attributes:
        R_world_segment: (N, T, 20, 3, 3) global rotations from the reference posture.
        flight_m: (N,) height of the lowest point above the ground.
    """

    R_world_segment: Tensor
    flight_m: Tensor


class PostureSource:
    """Draws postures.

    Args:
        motions: the library.
        R_ground_reference: of the segment body.
    """

    def __init__(self, motions: Sequence[Motion], R_ground_reference: Tensor) -> None:
        skeleton = full_body_skeleton()
        self.pool = MotionPool(motions, skeleton)
        self.kinematics = Kinematics(skeleton, dtype=torch.float32)
        self.bodies = [skeleton.body_names.index(segment) for segment in SEGMENTS]
        self.R_ground_reference = R_ground_reference

    def draw(self, generator: torch.Generator, n: int, *, moments: int, exposure_s: float) -> Postures:
        """Postures at evenly spaced moments.

        Args:
            generator: drawn from.
            n: number of postures.
            moments: of each.
            exposure_s: from the first moment to the last.
        """
        g = generator
        interval_s = torch.full((n,), exposure_s / max(moments - 1, 1))
        q, _ = self.coordinates(g, n, moments=moments, interval_s=interval_s)
        R = attitudes(g, n)[:, None, None] @ self.global_rotations(q)
        flies = torch.rand(n, generator=g) < AIRBORNE_SHARE
        return Postures(R, torch.where(flies, HIGHEST_FLIGHT_M * torch.rand(n, generator=g), 0.0))

    def coordinates(
        self, generator: torch.Generator, n: int, *, moments: int, interval_s: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Varied coordinates (n, moments, Q) before any attitude, and those of the recorded clips of their legs.

        Args:
            generator: drawn from.
            n: number of windows.
            moments: of each.
            interval_s: (n,) between moments.
        """
        q, clip = vary(self.pool, generator, n=n, frames=moments, interval_s=interval_s)
        return self._with_limb_postures(generator, q), clip

    def global_rotations(self, q: Tensor) -> Tensor:
        """(..., 20, 3, 3) global rotations from the reference posture, of coordinates (..., Q)."""
        return self.kinematics.with_coordinates(q).R_ground_body[..., self.bodies, :, :] @ self.R_ground_reference.mT

    def _with_limb_postures(self, g: torch.Generator, q: Tensor) -> Tensor:
        """Some windows with arms as in a throw or a catch, some with a leg lifted."""
        q = q.clone()
        for side in ("_r", "_l"):
            self._offset(g, q, {joint + side: ends for joint, ends in REACH_RAD.items()}, share=REACHING_SHARE)
            lifted = {joint + side: ends for joint, ends in LIFT_RAD.items()} | BEND_RAD
            self._offset(g, q, lifted, share=LIFTING_SHARE)
        return torch.where(self.pool.limited, q.clamp(self.pool.low, self.pool.high), q)

    def _offset(self, g: torch.Generator, q: Tensor, ends: Mapping[str, tuple[float, float]], *, share: float) -> None:
        """Offset a share of the windows' coordinates to start at a random value between two ends."""
        chosen = torch.rand(len(q), 1, generator=g) < share
        for name, (low, high) in ends.items():
            column = self.pool.names.index(name)
            drawn = low + (high - low) * torch.rand(len(q), 1, generator=g)
            q[..., column] = torch.where(chosen, drawn + q[..., column] - q[:, :1, column], q[..., column])


def attitudes(generator: torch.Generator, n: int) -> Tensor:
    """(n, 3, 3) rotations of whole bodies: most upright, some leaning, some in any attitude; any heading."""
    return leans(generator, n) @ headings(generator, n)


def leans(generator: torch.Generator, n: int) -> Tensor:
    """(n, 3, 3) rotations about horizontal axes, mostly none."""
    g = generator
    axis = torch.nn.functional.normalize(torch.randn(n, 3, generator=g) * torch.tensor([1.0, 0.1, 1.0]), dim=-1)
    lean = LEANING_SD_RAD * torch.randn(n, generator=g) * (torch.rand(n, generator=g) < LEANING_SHARE)
    tumble = 6.28 * torch.rand(n, generator=g)
    angle = torch.where(torch.rand(n, generator=g) < TUMBLED_SHARE, tumble, lean)
    return torch.linalg.matrix_exp(skew(axis * angle[:, None]))


def headings(generator: torch.Generator, n: int) -> Tensor:
    """(n, 3, 3) rotations about the vertical."""
    heading = 6.28 * torch.rand(n, generator=generator)
    return torch.linalg.matrix_exp(skew(torch.tensor([0.0, 1.0, 0.0]) * heading[:, None]))
