"""When a foot rests: told by how long it stands still in the picture."""

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.reconstruction.contacts import SHORTEST_S, STILL_M_S, foot_contacts
from tests.swinging_person import frame_times

DEPTH_M = 5.0
HEEL = FOOT_KEYPOINTS[0]


def contacts(
    path_m: np.ndarray, time_s: np.ndarray, *, weight: Tensor | None = None, depth_m: float = DEPTH_M
) -> Tensor:
    """(T, 4) of a person whose first foot point goes along this path (T,) across the picture; the rest stands."""
    rays = torch.zeros(len(time_s), 26, 2)
    rays[:, HEEL, 0] = torch.from_numpy(path_m / depth_m).float()
    weight = torch.ones(rays.shape[:2]) if weight is None else weight
    return foot_contacts(rays, weight, torch.full((len(time_s),), depth_m), time_s)


def test_a_foot_that_stands_rests_and_one_that_moves_does_not() -> None:
    time_s = frame_times(60)
    found = contacts(2.0 * np.maximum(time_s - 1.0, 0), time_s)  # stands for a second, then goes 2 m/s
    assert found.shape == (60, 4)
    assert (found[:27, 0] > 0.9).all()
    assert (found[33:, 0] < 0.1).all()
    assert (found[:, 1:] > 0.9).all()


@pytest.mark.parametrize("rate_hz", [25.0, 60.0, 240.0])
def test_the_frame_rate_does_not_matter(rate_hz: float) -> None:
    time_s = frame_times(round(2 * rate_hz) + 1, rate_hz=rate_hz)
    found = contacts(2.0 * np.maximum(time_s - 1.0, 0), time_s)[:, 0]
    assert (found[time_s < 0.85] > 0.9).all()
    assert (found[time_s > 1.15] < 0.1).all()


def test_the_speed_is_in_metres_however_far_the_person_is() -> None:
    time_s = frame_times(30)
    near, far = (contacts(0.3 * time_s, time_s, depth_m=d) for d in (3.0, 12.0))
    torch.testing.assert_close(near, far, atol=1e-4, rtol=0)
    half = contacts(STILL_M_S * time_s, time_s)
    torch.testing.assert_close(half[5:-5, 0], torch.full((20,), 0.5), atol=0.01, rtol=0)


def test_a_foot_rests_however_the_depth_of_the_body_jitters() -> None:
    time_s = frame_times(60)
    rays = torch.zeros(60, 26, 2)
    rays[..., 1] = 0.3  # the feet are below a camera's axis, where depth shows as height
    depth_m = torch.from_numpy(DEPTH_M + np.random.default_rng(0).normal(0.0, 0.1, 60))
    assert (foot_contacts(rays, torch.ones(60, 26), depth_m, time_s) > 0.9).all()


def test_a_foot_that_turns_round_in_the_air_does_not_rest() -> None:
    time_s = frame_times(241, rate_hz=240.0)
    swing = 0.5 * np.sin(2 * np.pi * 1.5 * time_s)  # 4.7 m/s; slower than 0.45 for 20 ms
    assert contacts(swing, time_s)[:, 0].max() < 0.2


def test_what_lasts_is_never_more_than_what_is_still() -> None:
    """Whichever number of frames SHORTEST_S is: nothing is moved to the frame beside it."""
    for rate_hz in (30.0, 33.0, 50.0, 60.0):
        time_s = frame_times(60, rate_hz=rate_hz)
        stands = (time_s > 0.5) & (time_s < 0.5 + 3 * SHORTEST_S)
        found = contacts(np.cumsum(np.where(stands, 0.0, 3.0 / rate_hz)), time_s)[:, 0].numpy()
        resting = time_s[found > 0.5]
        assert resting.min() >= 0.5
        assert resting.max() <= 0.5 + 3 * SHORTEST_S + 1 / rate_hz
        middle = 0.5 + 1.5 * SHORTEST_S
        assert abs(resting.mean() - middle) < 0.6 / rate_hz


def test_an_unobserved_foot_has_no_contact() -> None:
    time_s, weight = frame_times(30), torch.ones(30, 26)
    weight[10:20, HEEL] = 0.0
    found = contacts(np.zeros(30), time_s, weight=weight)
    assert not found[10:20, 0].any()
    assert (found[:10, 0] > 0.9).all()
    assert (found[10:20, 1:] > 0.9).all()


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_clips_of_few_frames(frames: int) -> None:
    found = contacts(np.zeros(frames), frame_times(frames))
    assert found.shape == (frames, 4)
    assert found.isfinite().all()
    assert bool(found.any()) == (frames > 2)
