"""Lifting a track: mirrored people are lifted mirrored, and frame rate, gaps and length change nothing."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.keypoint_names import MIRRORED
from biopose.hmr.lifter import Lifter, load_lifter
from biopose.reconstruction.lifting import CHUNK_FRAMES, LiftedTrack, lift
from tests.swinging_person import frame_times, observations_of, swinging

FLIP = torch.tensor([-1.0, 1.0, 1.0])


@cache
def lifter() -> Lifter:
    return load_lifter()


def rays_at(time_s: NDArray[np.float64]) -> Tensor:
    """(T, 26, 2)."""
    return observations_of(swinging(time_s), time_s).rays


def lifted_at(time_s: NDArray[np.float64], *, weight: Tensor | None = None) -> LiftedTrack:
    rays = rays_at(time_s)
    return lift(lifter(), rays, torch.ones(rays.shape[:2]) if weight is None else weight, time_s)


def assert_sound(predicted: LiftedTrack, frames: int) -> None:
    shapes = {"keypoints": (26, 3), "R_camera_view": (3, 3), "sd": (26, 2), "up": (3,)}
    for name, shape in shapes.items():
        value = getattr(predicted, name)
        assert value.shape == (frames, *shape), name
        assert value.isfinite().all(), name
    torch.testing.assert_close(predicted.up.norm(dim=-1), torch.ones(frames))
    assert (predicted.sd > 0).all()


def test_a_mirrored_person_is_lifted_mirrored() -> None:
    time_s = frame_times(20)
    rays = rays_at(time_s)
    weight = torch.rand(20, 26, generator=torch.Generator().manual_seed(0))
    predicted = lift(lifter(), rays, weight, time_s)
    mirrored = lift(lifter(), rays[:, MIRRORED] * FLIP[:2], weight[:, MIRRORED], time_s)
    torch.testing.assert_close(mirrored.keypoints, (predicted.keypoints * FLIP)[:, MIRRORED], atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored.sd, predicted.sd[:, MIRRORED], atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored.up, predicted.up * FLIP, atol=1e-5, rtol=0)


def test_the_person_stands_upright_in_the_cameras_axes() -> None:
    """A level camera: up is -y, the head is above the hips, and the body about one body height tall."""
    predicted = lifted_at(frame_times(30))
    assert_sound(predicted, 30)
    assert predicted.up[:, 1].max() < -0.8
    tall = predicted.keypoints[..., 1].amax(1) - predicted.keypoints[..., 1].amin(1)
    assert float(tall.min()) > 0.7
    assert float(tall.max()) < 1.3


def test_a_fast_recording_is_lifted_as_a_slow_one_of_the_same_motion() -> None:
    slow, fast = (lifted_at(frame_times(n, rate_hz=hz)) for n, hz in ((31, 30.0), (241, 240.0)))
    assert_sound(fast, 241)
    torch.testing.assert_close(fast.keypoints[::8], slow.keypoints, atol=1e-3, rtol=0)


def test_uneven_frames_are_lifted_at_their_own_times() -> None:
    even_s = frame_times(46)
    keep = np.sort(np.random.default_rng(0).choice(np.arange(1, 45), 34, replace=False))
    kept = np.concatenate([[0], keep, [45]])
    uneven, even = lifted_at(even_s[kept]), lifted_at(even_s)
    assert (uneven.keypoints - even.keypoints[kept]).norm(dim=-1).mean() < 0.02


def test_the_view_of_each_frame_is_its_own() -> None:
    """Also where the times that the network sees are the frames' own but for rounding."""
    time_s = 7.3 + frame_times(50, rate_hz=29.97)
    rays = rays_at(time_s) + 0.02 * torch.arange(50)[:, None, None]
    predicted = lift(lifter(), rays, torch.ones(50, 26), time_s)
    towards = torch.nn.functional.normalize(torch.cat([rays.mean(1), torch.ones(50, 1)], -1), dim=-1)
    angle = torch.rad2deg((predicted.R_camera_view[..., 2] * towards).sum(-1).clamp(max=1).acos())
    assert angle.max() < 0.2


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_track_of_few_frames_is_lifted(frames: int) -> None:
    assert_sound(lifted_at(frame_times(frames)), frames)


def test_unobserved_keypoints_do_not_change_the_lifting() -> None:
    time_s = frame_times(25)
    rays, weight = rays_at(time_s), torch.ones(25, 26)
    weight[5:12] = 0.0
    weight[:, [9, 15]] = 0.0
    predicted = lift(lifter(), rays, weight, time_s)
    other = torch.where(weight[..., None] > 0, rays, torch.nan)
    again = lift(lifter(), other, weight, time_s)
    assert_sound(again, 25)
    torch.testing.assert_close(again.keypoints, predicted.keypoints, atol=0, rtol=0)


def test_a_person_without_observations_gives_finite_values() -> None:
    assert_sound(lifted_at(frame_times(10), weight=torch.zeros(10, 26)), 10)


def test_a_long_track_is_lifted_as_its_pieces_are() -> None:
    time_s = frame_times(CHUNK_FRAMES + 80)
    whole = lifted_at(time_s)
    about = slice(CHUNK_FRAMES - 60, CHUNK_FRAMES + 60)
    rays = rays_at(time_s)[about]
    piece = lift(lifter(), rays, torch.ones(rays.shape[:2]), time_s[about])
    inner = slice(20, -20)
    torch.testing.assert_close(whole.keypoints[about][inner], piece.keypoints[inner], atol=1e-4, rtol=0)
