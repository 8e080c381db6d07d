"""What a track does not show has a note."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.body.keypoint_names import KEYPOINTS
from biopose.tracking.tracks import PersonTrack
from biopose.tracking.visibility import limits_of_view

FRAMES = 10


def track(frames: int = FRAMES, *, unseen: tuple[str, ...] = (), lost: int = 0) -> PersonTrack:
    confidence = np.full((frames, len(KEYPOINTS)), 0.8)
    confidence[:, [i for i, name in enumerate(KEYPOINTS) if name.endswith(unseen)] if unseen else []] = 0.05
    boxes, keypoints = np.tile([10.0, 10.0, 60.0, 200.0], (frames, 1)), np.full((frames, len(KEYPOINTS), 2), 50.0)
    boxes[:lost], keypoints[:lost], confidence[:lost] = np.nan, np.nan, 0.0
    return PersonTrack(0, np.arange(frames), np.arange(frames) / 30, boxes, keypoints, confidence)


def test_who_is_wholly_in_view_has_no_note() -> None:
    assert limits_of_view(track()) == ()


def test_legs_that_are_cut_off_are_named() -> None:
    (note,) = limits_of_view(track(unseen=("knee", "ankle", "toe", "heel")))
    assert "in most frames: left leg, right leg, left foot, right foot. Their angles" in note
    assert "not measured" in note


def test_one_side_that_is_cut_off_is_named() -> None:
    (note,) = limits_of_view(track(unseen=("left_elbow", "left_wrist")))
    assert ": left arm. " in note


def test_frames_without_the_person_are_counted_and_do_not_hide_limbs() -> None:
    (note,) = limits_of_view(track(lost=6))
    assert "not found in 6 of 10 frames" in note


def test_a_clip_too_short_for_motion_says_so() -> None:
    assert "1 frame shows a posture, no motion" in limits_of_view(track(1))[0]
    assert "3 frames show" in limits_of_view(track(3))[0]
    assert not limits_of_view(track(4))


def crossing(rate_hz: int, *, lost_s: float = 0.0, dropped: bool = False) -> PersonTrack:
    """A runner at 1.5 heights a second, with landings of 3 m/s, whose video lacks a stretch, and its times or not."""
    time_s = np.arange(0, 2, 1 / rate_hz)
    kept = ~((time_s > 1.0) & (time_s <= 1.0 + lost_s))
    x_px, y_px = 285 * time_s, 12 * np.abs(np.sin(2 * np.pi * 1.4 * time_s))
    one = track(int(kept.sum()))
    shaking_px = np.random.default_rng(0).normal(0, 1.0, one.keypoints_px.shape)
    keypoints_px = one.keypoints_px + np.stack([x_px, y_px], axis=1)[kept][:, None] + shaking_px
    times_s = time_s[kept] if dropped else time_s[: len(one)]
    return replace(one, keypoints_px=keypoints_px, time_s=times_s)


@pytest.mark.parametrize("rate_hz", [25, 30, 60, 120, 240])
def test_missing_frames_in_which_somebody_moved_are_told_by_when(rate_hz: int) -> None:
    assert limits_of_view(crossing(rate_hz)) == ()
    (note,) = limits_of_view(crossing(rate_hz, lost_s=0.2))
    assert note.startswith("At 1.0")
    assert "frames are missing there" in note
    assert limits_of_view(crossing(rate_hz, lost_s=0.2, dropped=True)) == ()
