"""Synthetic marker errors: misplacement, skin motion, a mesh of wrong shape and posture, jitter, occlusion, subsets.

Sizes: skin moves over bone by 5 to 15 mm in a stride, over muscle by 10 to 30 (Leardini et al. 2005, Gait & Posture
21:212); landmarks are located to 6 to 21 mm (Della Croce et al. 2005, Gait & Posture 21:226).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.marker_segments import SEGMENTS
from biopose.training.data.keypoint_noise import slow_curves

CLEAN_SHARE = 0.15
OFFSET_SD_M, SKIN_SD_M_PER_RAD, SLOW_SD_M, JITTER_SD_M = 0.012, 0.010, 0.006, (0.0003, 0.006)
BONY_SHARE_OF_SKIN = 0.5
SLOW_HZ = (0.2, 3.0)
SHAPE_SHARE, SHAPE_SD = 0.5, 0.5  # of windows with a mesh of wrong shape; its sd in standard deviations between people
POSTURE_SHARE, POSTURE_SD_RAD = 0.5, 0.10  # of windows with a mesh in a wrong posture; the largest sd
OCCLUDED_SHARE, MISSING_SHARE = 0.6, 0.6  # of windows with an occlusion; of occlusions, markers missing altogether
OCCLUDED_SD_M, OCCLUDED_WEIGHT = 0.04, (0.15, 0.6)
SETS = {"all": 0.6, "bony": 0.2, "some": 0.2}  # of marker sets, by share of windows
SOME = (0.35, 0.9)  # of the markers in a random subset

OF_SEGMENT = torch.tensor([SEGMENTS.index(marker.segment) for marker in MARKERS.values()])
BONY = torch.tensor([float(marker.bony) for marker in MARKERS.values()])
DISTAL = {"femur": ("tibia", "calcn", "toes"), "tibia": ("calcn", "toes"), "humerus": ("ulna", "radius", "hand")}


@dataclass(frozen=True, eq=False)
class MarkerErrors:
    """Parameters of the errors of N windows, constant through each.

    Attributes:
        amount: (N, 1, 1) factor of all errors, 0 to 1; 0 in clean windows.
        offset_m: (N, M, 3) misplacement of the markers in their segments.
        skin_m_per_rad: (N, M, 3) skin motion per angle of the segment's joint.
        shape: (N, 1) sd of the mesh's shape error, in standard deviations between people.
        posture_sd_rad: (N, 1, 1) of the mesh's joints.
        jitter_sd_m: (N, 1, 1, 1).
    """

    amount: Tensor
    offset_m: Tensor
    skin_m_per_rad: Tensor
    shape: Tensor
    posture_sd_rad: Tensor
    jitter_sd_m: Tensor


def draw_marker_errors(generator: torch.Generator, n: int, *, clean: bool) -> MarkerErrors:
    """Errors of n windows; zero if clean."""
    g, markers = generator, len(MARKERS)

    def uniform() -> Tensor:
        return torch.rand(n, 1, 1, generator=g)

    amount = uniform() * (uniform() > CLEAN_SHARE) * (not clean)
    skin = torch.lerp(torch.ones(markers), torch.tensor(BONY_SHARE_OF_SKIN), BONY)[:, None]
    jitter = JITTER_SD_M[0] * (JITTER_SD_M[1] / JITTER_SD_M[0]) ** uniform()
    return MarkerErrors(
        amount=amount,
        offset_m=amount * OFFSET_SD_M * torch.randn(n, markers, 3, generator=g),
        skin_m_per_rad=amount * SKIN_SD_M_PER_RAD * skin * torch.randn(n, markers, 3, generator=g),
        shape=(amount * (uniform() < SHAPE_SHARE) * SHAPE_SD)[..., 0],
        posture_sd_rad=amount * (uniform() < POSTURE_SHARE) * POSTURE_SD_RAD * uniform(),
        jitter_sd_m=((amount > 0) * jitter)[..., None],
    )


def with_recording_errors(
    generator: torch.Generator, errors: MarkerErrors, markers_m: Tensor, *, interval_s: Tensor
) -> tuple[Tensor, Tensor]:
    """Markers (N, T, M, 3) with drift, jitter and occlusion, and their weights (N, T, M)."""
    g = generator
    n, frames, count, _ = markers_m.shape
    occluded, weight = _occlusions(g, n, frames)
    occluded, weight = occluded * (errors.amount > 0), torch.where(errors.amount > 0, weight, 1.0)
    slow = slow_curves(g, n=n, frames=frames, curves=3 * count, interval_s=interval_s, hz=SLOW_HZ)
    sd = errors.amount * SLOW_SD_M + occluded * OCCLUDED_SD_M
    moved = markers_m + sd[..., None] * slow.unflatten(-1, (count, 3))
    moved = moved + errors.jitter_sd_m * torch.randn(moved.shape, generator=g)
    return moved, weight * torch.where(errors.amount > 0, _chosen(g, n), 1.0)


def _chosen(generator: torch.Generator, n: int) -> Tensor:
    """(N, 1, M) 1 for the markers of a window's set."""
    which = torch.multinomial(torch.tensor(list(SETS.values())), n, replacement=True, generator=generator)
    share = SOME[0] + (SOME[1] - SOME[0]) * torch.rand(n, 1, generator=generator)
    some = (torch.rand(n, len(MARKERS), generator=generator) < share).float()
    sets = torch.stack([torch.ones_like(some), BONY.expand_as(some), some])
    return sets[which, torch.arange(n)][:, None]


def _occlusions(generator: torch.Generator, n: int, frames: int) -> tuple[Tensor, Tensor]:
    """(N, T, M) 1 where markers are occluded, and their weights: of a segment or the limb distal to it, for a while."""
    g = generator
    occluded, weight = torch.zeros(n, frames, len(MARKERS)), torch.ones(n, frames, len(MARKERS))
    for window in torch.nonzero(torch.rand(n, generator=g) < OCCLUDED_SHARE)[:, 0].tolist():
        segment = SEGMENTS[int(torch.randint(len(SEGMENTS), (1,), generator=g))]
        start, stop = sorted(torch.randint(-frames // 2, frames + frames // 2 + 1, (2,), generator=g).tolist())
        missing, confidence = torch.rand(2, generator=g).tolist()
        markers = _markers_from(segment, distal=confidence < 0.5)
        part = slice(max(start, 0), max(stop, 0))
        occluded[window, part, markers] = 1.0
        lowered = OCCLUDED_WEIGHT[0] + (OCCLUDED_WEIGHT[1] - OCCLUDED_WEIGHT[0]) * confidence
        weight[window, part, markers] = 0.0 if missing < MISSING_SHARE else lowered
    return occluded, weight


def _markers_from(segment: str, *, distal: bool) -> list[int]:
    """Markers of a segment, or of it and the segments distal to it."""
    stem, _, side = segment.partition("_")
    segments = {segment, *(f"{other}_{side}" for other in DISTAL.get(stem, ()) if distal)}
    return [i for i, s in enumerate(OF_SEGMENT.tolist()) if SEGMENTS[s] in segments]
