"""The second of standing still is found in longer recordings; a recording without one is refused."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.model import Skeleton
from biopose.skeleton.standing import standing_still
from tests.skeleton.models import recording_of

RUN_M_PER_S = 3.5


def swaying(*, still: slice) -> MarkerTrajectories:
    rng = np.random.default_rng(0)
    speed = rng.uniform(0.5, 1.0, (400, 5, 3))
    speed[still] *= 0.01
    return MarkerTrajectories(np.arange(400) / 100, tuple("abcde"), speed.cumsum(axis=0) / 100)


@pytest.mark.parametrize("start", [0, 123, 300])
def test_the_still_second_of_a_longer_trial_is_found_and_noted(start: int) -> None:
    found = standing_still(swaying(still=slice(start + 1, start + 100)))
    assert (found.first, found.last) == (start, start + 99)
    assert found.part.time_s[[0, -1]] == pytest.approx([start / 100, start / 100 + 0.99])
    assert found.note == f"stands still in frames {start} to {start + 99} of 400, counted from 0; these are used"


def test_gaps_are_not_stillness() -> None:
    trial = swaying(still=slice(201, 300))
    trial.positions_m[50:120, 1:] = np.nan
    assert standing_still(trial).first == 200


def test_all_of_a_shorter_still_recording_is_used_without_a_note() -> None:
    trial = swaying(still=slice(0, 400))
    short = MarkerTrajectories(trial.time_s[:40], trial.names, trial.positions_m[:40])
    found = standing_still(short)
    np.testing.assert_array_equal(found.part.positions_m, short.positions_m)
    assert found.note is None


def posture(skeleton: Skeleton, **degrees: float) -> np.ndarray:
    q = skeleton.default_pose.copy()
    for name, angle in degrees.items():
        q[skeleton.coordinate_names.index(name)] = np.radians(angle)
    return skeleton.satisfy_couplings(q)


def test_standing_counts_more_than_sitting_stiller(full_body: Skeleton) -> None:
    sitting = posture(full_body, hip_flexion_r=90, hip_flexion_l=90, knee_angle_r=90, knee_angle_l=90)
    sitting[full_body.coordinate_names.index("pelvis_ty")] -= 0.4
    standing = posture(full_body)
    share = np.concatenate([np.zeros(150), np.linspace(0, 1, 100), np.ones(150)])[:, None]
    trial = recording_of(full_body, sitting + share * (standing - sitting))
    sway = 0.002 * np.random.default_rng(0).normal(size=trial.positions_m.shape)
    sway[:150] = 0.0
    found = standing_still(replace(trial, positions_m=trial.positions_m + sway))
    assert found.first >= 250


def running(skeleton: Skeleton, frames: int) -> np.ndarray:
    q = np.repeat(skeleton.default_pose[None], frames, axis=0)
    q[:, skeleton.coordinate_names.index("pelvis_tx")] = RUN_M_PER_S * np.arange(frames) / 100
    return q


@pytest.mark.parametrize("frames", [3, 50, 300])
def test_a_run_is_refused_as_a_static_trial(full_body: Skeleton, frames: int) -> None:
    with pytest.raises(ModelError, match=r"nobody stands still: .* mm or more .* give a recording of the person"):
        standing_still(recording_of(full_body, running(full_body, frames)))


def test_the_frames_that_would_serve_are_named(full_body: Skeleton) -> None:
    """Somebody stands for 0.6 s and runs."""
    q = running(full_body, 300)
    q[120:] -= q[119] - q[60]
    q[60:120] = q[60]
    with pytest.raises(ModelError, match="nobody stands still: in its stillest 100 frames") as caught:
        standing_still(recording_of(full_body, q))
    first, last = (int(number) for number in str(caught.value).split("frames ")[-1].split(", counted")[0].split(" to "))
    assert 58 <= first < last <= 121
    assert "would serve" in str(caught.value)
