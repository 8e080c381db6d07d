"""The lifter applied to a whole track: 3D keypoints at the frames' own times, in the camera's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_names import MIRRORED
from biopose.hmr.lifter import Lifter, LifterOutput
from biopose.hmr.lifter_input import NOMINAL_RATE_HZ, lifter_input

CHUNK_FRAMES, CHUNK_MARGIN = 1024, 32


@dataclass(frozen=True)
class LiftedTrack:
    """The lifter's output for T frames.

    Attributes:
        keypoints: (T, 26, 3) from the middle of the hips, in the camera's axes, in body heights.
        R_camera_view: (T, 3, 3) of the view along the ray to the person.
        sd: (T, 26, 2) standard deviation across the view and along it, in body heights.
        up: (T, 3) against gravity, in the camera's axes.
    """

    keypoints: Tensor
    R_camera_view: Tensor
    sd: Tensor
    up: Tensor


@torch.no_grad()
def lift(lifter: Lifter, rays: Tensor, weight: Tensor, time_s: NDArray[np.float64]) -> LiftedTrack:
    """Lift a whole track with flip test-time augmentation.

    The network is used at about its nominal rate: a faster or uneven recording is interpolated at even times.

    Args:
        lifter: the network.
        rays: (T, 26, 2) x / z and y / z of the keypoints.
        weight: (T, 26) from 0, not observed, to 1.
        time_s: (T,) increasing.
    """
    even_s = _even_times(time_s)
    interval = torch.tensor(even_s[1] - even_s[0] if len(even_s) > 1 else 1.0 / NOMINAL_RATE_HZ)
    observed = (weight > 0)[..., None]
    rays = _at(even_s, time_s, torch.where(observed, rays, 0.0), weight)
    weight = _at(even_s, time_s, weight, None) * (_at(even_s, time_s, observed[..., 0].float(), None) > 0.99)
    parts = [
        _lift_flip_averaged(lifter, rays[a:b], weight[a:b], interval, keep=slice(start - a, stop - a))
        for start, stop, a, b in _chunks(len(even_s))
    ]
    keypoints, view, sd, up = (torch.cat(values) for values in zip(*parts, strict=True))
    back = [_at(time_s, even_s, values, None) for values in (keypoints, sd, up)]
    nearest = np.interp(time_s, even_s, np.arange(len(even_s))).round().astype(int)
    return LiftedTrack(back[0], view[nearest], back[1], torch.nn.functional.normalize(back[2], dim=-1))


def _lift_flip_averaged(
    lifter: Lifter, rays: Tensor, weight: Tensor, interval_s: Tensor, *, keep: slice
) -> tuple[Tensor, ...]:
    own, R = _lift_once(lifter, rays, weight, interval_s)
    flip = torch.tensor([-1.0, 1.0])
    mirrored, _ = _lift_once(lifter, rays[:, MIRRORED] * flip, weight[:, MIRRORED], interval_s)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    keypoints = (own.keypoints + (mirrored.keypoints * flip)[:, MIRRORED]) / 2
    sd = (own.sd + mirrored.sd[:, MIRRORED]) / 2
    up = own.up + mirrored.up * flip
    in_camera = keypoints @ R.mT
    up_in_camera = torch.nn.functional.normalize((R @ up[..., None])[..., 0], dim=-1)
    return in_camera[keep], R[keep], sd[keep], up_in_camera[keep]


def _lift_once(lifter: Lifter, rays: Tensor, weight: Tensor, interval_s: Tensor) -> tuple[LifterOutput, Tensor]:
    given = lifter_input(rays[None], weight[None], interval_s=interval_s[None])
    output = lifter(given.features.float())
    first = LifterOutput(output.keypoints[0], output.sd[0], output.up[0])
    return first, given.R_camera_view[0].float()


def _even_times(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times from the first frame to the last at about the nominal rate; a slower recording keeps its own."""
    if len(time_s) < 2:
        return time_s
    span = time_s[-1] - time_s[0]
    frames = 1 + round(span * min(NOMINAL_RATE_HZ, 1.0 / float(np.median(np.diff(time_s)))))
    return np.linspace(time_s[0], time_s[-1], max(frames, 2))


def _at(wanted_s: NDArray[np.float64], time_s: NDArray[np.float64], values: Tensor, weight: Tensor | None) -> Tensor:
    """Values (T, ...) at other times, linearly between neighbours; by their weights (T, ...) where these are given."""
    if len(time_s) == 1:
        return values.float().expand(len(wanted_s), *values.shape[1:])
    after = np.searchsorted(time_s, wanted_s).clip(1, len(time_s) - 1)
    share = ((wanted_s - time_s[after - 1]) / (time_s[after] - time_s[after - 1])).clip(0.0, 1.0)
    shares = torch.from_numpy(share).float().reshape(-1, *[1] * (values.dim() - 1))
    left, right = values[after - 1].float(), values[after].float()
    if weight is not None:
        w_left, w_right = (weight[i].float()[..., None] for i in (after - 1, after))
        shares = shares * w_right / ((1 - shares) * w_left + shares * w_right).clamp(min=1e-9)
    return left + shares * (right - left)


def _chunks(frames: int) -> list[tuple[int, int, int, int]]:
    """Pieces [start, stop), each within the frames [a, b) that the network is given."""
    starts = range(0, frames, CHUNK_FRAMES)
    stops = [min(start + CHUNK_FRAMES, frames) for start in starts]
    return [
        (start, stop, max(start - CHUNK_MARGIN, 0), min(stop + CHUNK_MARGIN, frames))
        for start, stop in zip(starts, stops, strict=True)
    ]
