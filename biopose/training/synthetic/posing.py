"""Postures for the pictures: recorded motion, varied, as turns of the segment body; a few neighbouring moments each.

To what `vary` does (other speeds, sides, arms, swings, squats, roaming joints) come whole-body attitudes that the
recordings lack: lying, falling, hanging upside down, flying.
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

TUMBLED_SHARE = 0.05  # lie, fall or hang: turned about a level axis
LEANING_SHARE, LEANING_SD_RAD = 0.3, 0.3
AIRBORNE_SHARE, HIGHEST_FLIGHT_M = 0.12, 0.6
# A reach, radians: arms forward and up, elbows nearly straight; throwing, serving, catching, hanging.
REACHING_SHARE = 0.12
REACH_RAD = {"arm_flex": (0.5, 2.9), "arm_add": (-1.2, 0.3), "arm_rot": (-1.0, 1.0), "elbow_flex": (0.0, 1.2)}
# A lifted leg, radians: forward, aside or behind, bent or straight, the trunk bending either way: balances, kicks,
# hurdles, cartwheels.
LIFTING_SHARE = 0.06  # of each leg
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
        R_world_segment: (N, T, 20, 3, 3) turns from the reference posture, global.
        flight_m: (N,) how far the lowest point is over the ground.
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
            n: how many.
            moments: of each.
            exposure_s: from the first moment to the last.
        """
        g = generator
        interval_s = torch.full((n,), exposure_s / max(moments - 1, 1))
        q, _ = self.coordinates(g, n, moments=moments, interval_s=interval_s)
        R = attitudes(g, n)[:, None, None] @ self.turns(q)
        flies = torch.rand(n, generator=g) < AIRBORNE_SHARE
        return Postures(R, torch.where(flies, HIGHEST_FLIGHT_M * torch.rand(n, generator=g), 0.0))

    def coordinates(
        self, generator: torch.Generator, n: int, *, moments: int, interval_s: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Varied coordinates (n, moments, Q), no attitude given yet, and those of the clips whose legs they vary.

        Args:
            generator: drawn from.
            n: how many.
            moments: of each.
            interval_s: (n,) between moments.
        """
        q, clip = vary(self.pool, generator, n=n, frames=moments, interval_s=interval_s)
        return self._limbs_elsewhere(generator, q), clip

    def turns(self, q: Tensor) -> Tensor:
        """(..., 20, 3, 3) global turns from the reference posture by coordinates (..., Q)."""
        return self.kinematics.with_coordinates(q).R_ground_body[..., self.bodies, :, :] @ self.R_ground_reference.mT

    def _limbs_elsewhere(self, g: torch.Generator, q: Tensor) -> Tensor:
        """Some with an arm or both held as a throw or a catch holds them, some with a leg lifted."""
        q = q.clone()
        for side in ("_r", "_l"):
            self._held(g, q, {joint + side: ends for joint, ends in REACH_RAD.items()}, share=REACHING_SHARE)
            lifted = {joint + side: ends for joint, ends in LIFT_RAD.items()} | BEND_RAD
            self._held(g, q, lifted, share=LIFTING_SHARE)
        return torch.where(self.pool.limited, q.clamp(self.pool.low, self.pool.high), q)

    def _held(self, g: torch.Generator, q: Tensor, ends: Mapping[str, tuple[float, float]], *, share: float) -> None:
        """Put a share of the windows' coordinates somewhere between two ends; they go on moving from there."""
        chosen = torch.rand(len(q), 1, generator=g) < share
        for name, (low, high) in ends.items():
            column = self.pool.names.index(name)
            drawn = low + (high - low) * torch.rand(len(q), 1, generator=g)
            q[..., column] = torch.where(chosen, drawn + q[..., column] - q[:, :1, column], q[..., column])


def attitudes(generator: torch.Generator, n: int) -> Tensor:
    """(n, 3, 3) turns of whole bodies: most upright, some leaning, some any way round; they head anywhere."""
    lean = leans(generator, n)
    return lean @ headings(generator, n)


def leans(generator: torch.Generator, n: int) -> Tensor:
    """(n, 3, 3) turns about level axes, mostly none."""
    g = generator
    axis = torch.nn.functional.normalize(torch.randn(n, 3, generator=g) * torch.tensor([1.0, 0.1, 1.0]), dim=-1)
    lean = LEANING_SD_RAD * torch.randn(n, generator=g) * (torch.rand(n, generator=g) < LEANING_SHARE)
    tumble = 6.28 * torch.rand(n, generator=g)
    angle = torch.where(torch.rand(n, generator=g) < TUMBLED_SHARE, tumble, lean)
    return torch.linalg.matrix_exp(skew(axis * angle[:, None]))


def headings(generator: torch.Generator, n: int) -> Tensor:
    """(n, 3, 3) turns about the vertical."""
    heading = 6.28 * torch.rand(n, generator=generator)
    return torch.linalg.matrix_exp(skew(torch.tensor([0.0, 1.0, 0.0]) * heading[:, None]))
