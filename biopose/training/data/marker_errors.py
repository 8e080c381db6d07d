"""What recording does to markers, drawn: places, skin, the shape and posture of a mesh, jitter, hiding, smaller sets.

Sizes: skin over bone moves by 5 to 15 mm in a stride, over muscle by 10 to 30 (Leardini et al. 2005, Gait & Posture
21:212); landmarks are found to 6 to 21 mm (Della Croce et al. 2005, Gait & Posture 21:226).
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
SHAPE_SHARE, SHAPE_SD = 0.5, 0.5  # of windows whose mesh is of another shape, in standard deviations between people
POSTURE_SHARE, POSTURE_SD_RAD = 0.5, 0.10  # of windows whose mesh is in another posture; the largest
HIDDEN_SHARE, MISSING_SHARE = 0.6, 0.6  # of windows with something hidden; of what is hidden, not given at all
HIDDEN_SD_M, HIDDEN_WEIGHT = 0.04, (0.15, 0.6)
SETS = {"all": 0.6, "bony": 0.2, "some": 0.2}  # which markers a recording has
SOME = (0.35, 0.9)  # of the markers, where it has some

OF_SEGMENT = torch.tensor([SEGMENTS.index(marker.segment) for marker in MARKERS.values()])
BONY = torch.tensor([float(marker.bony) for marker in MARKERS.values()])
OUTWARDS = {"femur": ("tibia", "calcn", "toes"), "tibia": ("calcn", "toes"), "humerus": ("ulna", "radius", "hand")}


@dataclass(frozen=True, eq=False)
class MarkerErrors:
    """What lasts through a window, of N.

    Attributes:
        amount: (N, 1, 1) of everything, 0 to 1; 0 in clean windows.
        offset_m: (N, M, 3) the markers from where they should be in their segments.
        skin_m_per_rad: (N, M, 3) how they glide as the segment's joint turns.
        shape: (N, 1) how far the mesh's shape is wrong, in standard deviations between people.
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
    """MarkerErrors of n windows; none if they shall be clean."""
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
    """Markers (N, T, M, 3) that drift, jitter and hide, and their weights (N, T, M)."""
    g = generator
    n, frames, count, _ = markers_m.shape
    hidden, weight = _hiding(g, n, frames)
    hidden, weight = hidden * (errors.amount > 0), torch.where(errors.amount > 0, weight, 1.0)
    slow = slow_curves(g, n=n, frames=frames, curves=3 * count, interval_s=interval_s, hz=SLOW_HZ)
    sd = errors.amount * SLOW_SD_M + hidden * HIDDEN_SD_M
    moved = markers_m + sd[..., None] * slow.unflatten(-1, (count, 3))
    moved = moved + errors.jitter_sd_m * torch.randn(moved.shape, generator=g)
    return moved, weight * torch.where(errors.amount > 0, _chosen(g, n), 1.0)


def _chosen(generator: torch.Generator, n: int) -> Tensor:
    """(N, 1, M) 1 for the markers that a recording has."""
    which = torch.multinomial(torch.tensor(list(SETS.values())), n, replacement=True, generator=generator)
    share = SOME[0] + (SOME[1] - SOME[0]) * torch.rand(n, 1, generator=generator)
    some = (torch.rand(n, len(MARKERS), generator=generator) < share).float()
    sets = torch.stack([torch.ones_like(some), BONY.expand_as(some), some])
    return sets[which, torch.arange(n)][:, None]


def _hiding(generator: torch.Generator, n: int, frames: int) -> tuple[Tensor, Tensor]:
    """(N, T, M) 1 where markers are hidden, and their weights: a segment, or a limb from it outwards, for a while."""
    g = generator
    hidden, weight = torch.zeros(n, frames, len(MARKERS)), torch.ones(n, frames, len(MARKERS))
    for window in torch.nonzero(torch.rand(n, generator=g) < HIDDEN_SHARE)[:, 0].tolist():
        segment = SEGMENTS[int(torch.randint(len(SEGMENTS), (1,), generator=g))]
        start, stop = sorted(torch.randint(-frames // 2, frames + frames // 2 + 1, (2,), generator=g).tolist())
        seen, sure = torch.rand(2, generator=g).tolist()
        markers = _markers_from(segment, outwards=sure < 0.5)
        part = slice(max(start, 0), max(stop, 0))
        hidden[window, part, markers] = 1.0
        doubt = HIDDEN_WEIGHT[0] + (HIDDEN_WEIGHT[1] - HIDDEN_WEIGHT[0]) * sure
        weight[window, part, markers] = 0.0 if seen < MISSING_SHARE else doubt
    return hidden, weight


def _markers_from(segment: str, *, outwards: bool) -> list[int]:
    """Of a segment, or of the limb from it outwards."""
    stem, _, side = segment.partition("_")
    segments = {segment, *(f"{other}_{side}" for other in OUTWARDS.get(stem, ()) if outwards)}
    return [i for i, s in enumerate(OF_SEGMENT.tolist()) if SEGMENTS[s] in segments]
