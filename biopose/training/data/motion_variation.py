"""Windows of motion, augmented: speed, mirroring, arms of other clips, swings of the joints, squats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton.model import Skeleton
from biopose.training.data.keypoint_noise import slow_curves
from biopose.training.data.motion import Motion
from biopose.training.data.poses import mirror

SPEED = (0.6, 1.5)
OTHER_ARMS_SHARE = 0.35
STEADY_LEGS_SHARE = 0.4  # of windows whose legs move as in the clip, so that feet rest where they do
SWING_SHARE, SWING_HZ = 0.75, (0.08, 1.2)
SWING_SD_OF_RANGE = 0.12  # of a coordinate's range; arms swing more
ARM_SWING_FACTOR = 1.6
ROOT_SWING_SD_RAD = 0.12
FREE_SHARE = 0.2  # of windows whose joints move through their whole ranges
FREE_SD_OF_RANGE = 0.28
SQUAT_SHARE, SQUAT_HZ = 0.25, (0.2, 0.9)
# A squat of depth 1, radians: thighs level, heels on the ground, trunk leaning (Schoenfeld 2010, J Strength Cond Res
# 24:3497 gives ranges of deep squats).
SQUAT_RAD = {"hip_flexion": 1.75, "knee_angle": 2.0, "ankle_angle": 0.5, "pelvis_tilt": -0.55, "lumbar_extension": -0.2}
# Swings flex the knees, but people often stand on straight legs: knees are extended, up to their limit.
STRAIGHT_KNEES_SHARE, STRAIGHTENING_RAD = 0.6, 0.6
LYING_SHARE = 0.03
LOWER_BODY = ("pelvis_", "hip_", "knee_", "ankle_", "subtalar_", "mtp_")
UPPER_BODY = ("arm_", "elbow_", "pro_sup_", "wrist_", "neck_", "lumbar_")


class MotionPool:
    """The library as one table to gather from.

    Args:
        motions: of the skeleton's coordinates, in any order.
        skeleton: of the coordinates' order and ranges.
    """

    def __init__(self, motions: Sequence[Motion], skeleton: Skeleton) -> None:
        self.names = skeleton.coordinate_names
        tables = [m.values[:, [m.names.index(name) for name in self.names]] for m in motions]
        self.values = torch.from_numpy(np.concatenate(tables)).float()
        self.first = torch.tensor(np.cumsum([0] + [len(t) for t in tables[:-1]]))
        self.length = torch.tensor([len(t) for t in tables])
        self.rate_hz = torch.tensor([m.rate_hz for m in motions])
        self.low = torch.tensor([c.range_min for c in skeleton.coordinates]).float()
        self.high = torch.tensor([c.range_max for c in skeleton.coordinates]).float()
        self.limited = torch.tensor([c.clamped for c in skeleton.coordinates])

    def columns(self, *prefixes: str) -> list[int]:
        """Columns whose names have one of these prefixes."""
        return [i for i, name in enumerate(self.names) if name.startswith(prefixes)]

    def windows(self, generator: torch.Generator, *, n: int, frames: int, interval_s: Tensor) -> Tensor:
        """(n, frames, Q) pieces of clips at a random speed; a clip that is too short is held at its end."""
        seconds = self.length / self.rate_hz
        clip = torch.multinomial(seconds, n, replacement=True, generator=generator)
        speed = SPEED[0] + (SPEED[1] - SPEED[0]) * torch.rand(n, generator=generator)
        step = interval_s * speed * self.rate_hz[clip]
        room = (self.length[clip] - 1 - step * (frames - 1)).clamp(min=0)
        position = torch.rand(n, generator=generator) * room
        at = (position[:, None] + step[:, None] * torch.arange(frames)).minimum(self.length[clip, None] - 1.0)
        before = at.floor().long().minimum(self.length[clip, None] - 2)
        share = (at - before)[..., None]
        rows = self.first[clip, None] + before
        return self.values[rows] * (1 - share) + self.values[rows + 1] * share


def vary(
    pool: MotionPool, generator: torch.Generator, *, n: int, frames: int, interval_s: Tensor
) -> tuple[Tensor, Tensor]:
    """Windows of varied motion, inside the joints' ranges.

    Args:
        pool: the library.
        generator: drawn from.
        n: number of windows.
        frames: of each.
        interval_s: (n,) between frames.

    Returns:
        the varied coordinates (n, frames, Q), and those of the recorded clips of the legs.
    """
    g = generator

    def some(share: float) -> Tensor:
        return (torch.rand(n, 1, 1, generator=g) < share).float()

    q = pool.windows(g, n=n, frames=frames, interval_s=interval_s)
    other = pool.windows(g, n=n, frames=frames, interval_s=interval_s)
    upper = pool.columns(*UPPER_BODY)
    q[..., upper] = torch.lerp(q[..., upper], other[..., upper], some(OTHER_ARMS_SHARE))
    mirrored = torch.from_numpy(mirror(q.numpy(), pool.names)).float()
    q = clip = torch.lerp(q, mirrored, some(0.5))
    q = q + _swings(pool, g, n=n, frames=frames, interval_s=interval_s)
    knees = pool.columns("knee_angle")
    straightened = STRAIGHTENING_RAD * torch.rand(n, 1, len(knees), generator=g)
    q[..., knees] -= some(STRAIGHT_KNEES_SHARE) * straightened
    q = q + some(SQUAT_SHARE) * _squats(pool, g, n=n, frames=frames, interval_s=interval_s)
    q[..., pool.columns("pelvis_tilt")] += some(LYING_SHARE) * 3.0 * (torch.rand(n, 1, 1, generator=g) - 0.5)
    return torch.where(pool.limited, q.clamp(pool.low, pool.high), q), clip


def _swings(pool: MotionPool, g: torch.Generator, *, n: int, frames: int, interval_s: Tensor) -> Tensor:
    """Slow curves and constant offsets to add to the joints; in some windows over the whole ranges."""
    span = torch.where(pool.limited, pool.high - pool.low, 0.0)
    arms = torch.zeros_like(span)
    arms[pool.columns("arm_", "elbow_")] = 1.0
    sd = span * (SWING_SD_OF_RANGE * torch.lerp(torch.ones_like(span), torch.tensor(ARM_SWING_FACTOR), arms))
    sd[pool.columns("lumbar_", "neck_")] *= 0.5
    steady = (torch.rand(n, 1, 1, generator=g) < STEADY_LEGS_SHARE).float()
    legs_and_root = torch.zeros_like(span)
    legs_and_root[pool.columns(*LOWER_BODY)] = 1.0
    sd[pool.columns("pelvis_tilt", "pelvis_list", "pelvis_rotation")] = ROOT_SWING_SD_RAD
    free = (torch.rand(n, 1, 1, generator=g) < FREE_SHARE).float()
    amount = (torch.rand(n, 1, 1, generator=g) < SWING_SHARE).float() * torch.rand(n, 1, 1, generator=g)
    amount = torch.maximum(amount, free * FREE_SD_OF_RANGE / SWING_SD_OF_RANGE)
    curve = slow_curves(g, n=n, frames=frames, curves=len(span), interval_s=interval_s, hz=SWING_HZ)
    offset = torch.randn(n, 1, len(span), generator=g)
    amount = amount * (1 - steady * legs_and_root)
    return amount * sd * (0.7 * curve + 0.7 * offset)


def _squats(pool: MotionPool, g: torch.Generator, *, n: int, frames: int, interval_s: Tensor) -> Tensor:
    """Squats, lunges and single-leg bends: a depth curve for each leg times the joints' angles."""
    curve = slow_curves(g, n=n, frames=frames, curves=2, interval_s=interval_s, hz=SQUAT_HZ)
    depth = (0.5 + 0.5 * curve).clamp(0.0, 1.2) * torch.rand(n, 1, 1, generator=g)
    together = (torch.rand(n, 1, generator=g) < 0.7).float()
    right = depth[..., 0]
    left = torch.lerp(depth[..., 1], right, together)
    added = torch.zeros(n, frames, len(pool.names))
    for joint, radians in SQUAT_RAD.items():
        for suffix, side in (("_r", right), ("_l", left), ("", torch.minimum(left, right))):
            for column in (i for i, name in enumerate(pool.names) if name == joint + suffix):
                added[..., column] = radians * side
    return added
