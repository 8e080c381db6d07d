"""Synthetic errors of a keypoint network on projected keypoints.

Errors are in units of the person's spread in the image (RMS distance of the keypoints from their mean, about 0.28 of a
standing person's height). Their sizes are those of RTMPose on rendered bodies of known pose (see
`biopose.perception.keypoint_confidence`): a slow part that is correlated over frames, a white part, keypoints that are
occluded for a while, and legs that are swapped for some frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.hmr.lifter_input import weight_of_error

QUICK_SD, SLOW_SD = 0.016, 0.02  # of the spread, on each axis, for a clearly visible keypoint
NOISE_LOG_SD = 0.5  # clips differ in quality
SLOW_HZ = (0.3, 3.0)
HIDDEN_SHARE = 0.5  # of windows in which something is occluded
HIDDEN_SD = 0.25  # error of an occluded keypoint
MISSING_SHARE = 0.5  # of occluded keypoints, which are missing altogether
OUTLIER_SHARE, OUTLIER_SD = 0.006, 0.3
SWAP_SHARE = 0.06  # of windows in which the legs are swapped for some frames
LEGS = tuple(i for i, name in enumerate(KEYPOINTS) if any(part in name for part in ("knee", "ankle", "toe", "heel")))
GROUPS = tuple(
    tuple(KEYPOINTS.index(name) for name in group)
    for group in (
        *((f"{s}_elbow", f"{s}_wrist") for s in ("left", "right")),
        *((f"{s}_knee", f"{s}_ankle", f"{s}_big_toe", f"{s}_small_toe", f"{s}_heel") for s in ("left", "right")),
        *((f"{s}_ankle", f"{s}_big_toe", f"{s}_small_toe", f"{s}_heel") for s in ("left", "right")),
        *((f"{s}_big_toe", f"{s}_small_toe", f"{s}_heel") for s in ("left", "right")),
        *((f"{s}_shoulder", f"{s}_elbow", f"{s}_wrist", f"{s}_hip") for s in ("left", "right")),
        ("nose", "left_eye", "right_eye"),
        tuple(KEYPOINTS[i] for i in LEGS),
    )
)


def corrupt(generator: torch.Generator, rays: Tensor, *, interval_s: Tensor) -> tuple[Tensor, Tensor]:
    """Rays with the errors of a keypoint network.

    Args:
        generator: drawn from.
        rays: (N, T, 26, 2) the truth.
        interval_s: (N,) between frames.

    Returns:
        rays (N, T, 26, 2) and weights (N, T, 26) from 0 to 1, by `weight_of_error` of the expected
        errors.
    """
    g = generator
    n, frames, points, _ = rays.shape
    spread = (rays - rays.mean(2, keepdim=True)).square().sum(-1).mean(-1).sqrt()[..., None, None]
    quality = (NOISE_LOG_SD * torch.randn(n, 1, points, generator=g)).exp()
    hidden = _hidden(g, n, frames, points)
    quick_sd = quality * QUICK_SD + hidden * HIDDEN_SD * 0.3
    slow_sd = quality * SLOW_SD + hidden * HIDDEN_SD
    slow = slow_curves(g, n=n, frames=frames, curves=points * 2, interval_s=interval_s, hz=SLOW_HZ)
    error = slow_sd[..., None] * slow.unflatten(-1, (points, 2))
    error = error + quick_sd[..., None] * torch.randn(rays.shape, generator=g)
    expected = (quick_sd**2 + slow_sd**2).sqrt() * (0.25 * torch.randn(n, frames, points, generator=g)).exp()
    outlier = torch.rand(n, frames, points, generator=g) < OUTLIER_SHARE
    error = error + outlier[..., None] * OUTLIER_SD * torch.randn(rays.shape, generator=g)
    weight = weight_of_error(expected)
    gone = (hidden > 0) & (torch.rand(n, 1, points, generator=g) < MISSING_SHARE)
    return _swap_legs(g, rays + spread * error), torch.where(gone, 0.0, weight)


def slow_curves(
    generator: torch.Generator, *, n: int, frames: int, curves: int, interval_s: Tensor, hz: tuple[float, float]
) -> Tensor:
    """Smooth random curves (n, frames, curves) of unit standard deviation: three waves of drawn frequency each."""
    time = torch.arange(frames) * interval_s[:, None]
    log_hz = math.log(hz[0]) + math.log(hz[1] / hz[0]) * torch.rand(n, 1, curves, 3, generator=generator)
    phase = 2 * math.pi * torch.rand(n, 1, curves, 3, generator=generator)
    amplitude = torch.randn(n, 1, curves, 3, generator=generator)
    waves = amplitude * torch.sin(2 * math.pi * log_hz.exp() * time[..., None, None] + phase)
    return waves.sum(-1) * (2 / 3) ** 0.5


def _hidden(generator: torch.Generator, n: int, frames: int, points: int) -> Tensor:
    """(N, T, 26) 1 where a group of keypoints, or a single one, is occluded for a while."""
    hidden = torch.zeros(n, frames, points)
    for window in torch.nonzero(torch.rand(n, generator=generator) < HIDDEN_SHARE)[:, 0].tolist():
        for _ in range(1 + int(torch.randint(2, (1,), generator=generator))):
            which = int(torch.randint(2 * len(GROUPS), (1,), generator=generator))
            group = GROUPS[which] if which < len(GROUPS) else (int(torch.randint(points, (1,), generator=generator)),)
            start, stop = sorted(torch.randint(-frames // 3, frames + frames // 3, (2,), generator=generator).tolist())
            hidden[window, max(start, 0) : max(stop, 0), list(group)] = 1.0
    return hidden


def _swap_legs(generator: torch.Generator, rays: Tensor) -> Tensor:
    swapped = rays.clone()
    other = [MIRRORED[i] for i in LEGS]
    for window in torch.nonzero(torch.rand(len(rays), generator=generator) < SWAP_SHARE)[:, 0].tolist():
        start = int(torch.randint(rays.shape[1], (1,), generator=generator))
        stop = start + 1 + int(torch.randint(6, (1,), generator=generator))
        swapped[window, start:stop, list(LEGS)] = rays[window, start:stop, other]
    return swapped
