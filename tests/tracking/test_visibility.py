"""What a track does not show is said."""

import numpy as np

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
    (said,) = limits_of_view(track(unseen=("knee", "ankle", "toe", "heel")))
    assert "in most frames: left leg, right leg, left foot, right foot. Their angles" in said
    assert "not measured" in said


def test_one_side_that_is_cut_off_is_named() -> None:
    (said,) = limits_of_view(track(unseen=("left_elbow", "left_wrist")))
    assert ": left arm. " in said


def test_frames_without_the_person_are_counted_and_do_not_hide_limbs() -> None:
    (said,) = limits_of_view(track(lost=6))
    assert "not found in 6 of 10 frames" in said


def test_a_clip_too_short_for_motion_says_so() -> None:
    assert "1 frame shows a posture, no motion" in limits_of_view(track(1))[0]
    assert "3 frames show" in limits_of_view(track(3))[0]
    assert not limits_of_view(track(4))
