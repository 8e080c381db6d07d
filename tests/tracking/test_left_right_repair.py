from dataclasses import replace

import numpy as np
import pytest

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.tracking.left_right_repair import repair_side_swaps
from biopose.tracking.tracks import PersonTrack
from tests.tracking.stick_figures import Walker

LEGS = [i for i, name in enumerate(KEYPOINTS) if name.endswith(("knee", "ankle", "heel", "toe"))]
ARMS = [i for i, name in enumerate(KEYPOINTS) if name.endswith(("elbow", "wrist"))]
BODY = [i for i, name in enumerate(KEYPOINTS) if name.startswith(("left", "right"))]
LEFT_ANKLE, RIGHT_ANKLE = KEYPOINTS.index("left_ankle"), KEYPOINTS.index("right_ankle")


def walking(*, rate_hz, seconds=3.0, seed=0, noise=0.006):
    rng = np.random.default_rng(seed)
    walker = Walker(lambda t: 50 + 120 * t, phase=rng.uniform(0, 6))
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    truth = np.stack([walker.keypoints_px(t) for t in time_s])
    boxes = np.concatenate([truth.min(1) - 4, truth.max(1) + 4], axis=1)
    seen = truth + rng.normal(0, noise * walker.height_px, truth.shape)
    confidence = rng.uniform(0.5, 0.9, truth.shape[:2])
    return PersonTrack(0, np.arange(len(time_s)), time_s, boxes, seen, confidence), rng


def exchanged(track, keypoints, frames):
    """With the left and right of some keypoints exchanged in some frames."""
    points, confidence = track.keypoints_px.copy(), track.confidence.copy()
    mirrored = [MIRRORED[k] for k in keypoints]
    for values, given in ((points, track.keypoints_px), (confidence, track.confidence)):
        values[np.ix_(frames, keypoints)] = given[np.ix_(frames, mirrored)]
    return replace(track, keypoints_px=points, confidence=confidence)


def wrong(repaired, track, keypoints, *, apart_px=10.0):
    """How many keypoints ended on the wrong side, where the sides are apart."""
    other = track.keypoints_px[:, MIRRORED]
    apart = np.linalg.norm(track.keypoints_px - other, axis=-1)[:, keypoints] > apart_px
    away = np.linalg.norm(repaired.keypoints_px - track.keypoints_px, axis=-1)[:, keypoints] > 1e-9
    return int((apart & away).sum())


@pytest.mark.parametrize("rate_hz", [30, 60, 240])
def test_nothing_is_exchanged_where_nothing_was(rate_hz):
    for seed in range(1 if rate_hz == 240 else 3):
        track, _ = walking(rate_hz=rate_hz, seed=seed, seconds=2)
        assert np.array_equal(repair_side_swaps(track).keypoints_px, track.keypoints_px)


@pytest.mark.parametrize("keypoints", [LEGS, BODY], ids=["legs", "body"])
@pytest.mark.parametrize("rate_hz", [30, 240])
def test_exchanged_limbs_are_put_right(keypoints, rate_hz):
    for seed in range(3, 5) if rate_hz == 240 else range(5):
        track, rng = walking(rate_hz=rate_hz, seed=seed, seconds=2)
        frames = np.zeros(len(track), dtype=bool)
        for length_s in (0.01, 0.07, 0.3):
            start = rng.integers(0, len(track))
            frames[start : start + max(1, round(length_s * rate_hz))] = True
        repaired = repair_side_swaps(exchanged(track, keypoints, frames))
        assert wrong(repaired, track, LEGS) == 0, seed


def test_exchanged_arms_are_put_right():
    track, _ = walking(rate_hz=60, seconds=2)
    frames = np.zeros(len(track), dtype=bool)
    frames[[20, 21, 22, 70]] = True
    spoilt = exchanged(track, ARMS, frames)
    assert wrong(spoilt, track, ARMS) > 10
    assert wrong(repair_side_swaps(spoilt), track, ARMS) == 0


def test_confidence_goes_with_its_keypoint():
    track, _ = walking(rate_hz=60, seconds=1)
    frames = np.zeros(len(track), dtype=bool)
    frames[25:29] = True
    repaired = repair_side_swaps(exchanged(track, LEGS, frames))
    same = np.all(repaired.keypoints_px == track.keypoints_px, axis=-1)
    assert same.all()
    assert np.array_equal(repaired.confidence, track.confidence)


def test_the_greater_part_of_a_clip_decides_which_side_is_which():
    track, _ = walking(rate_hz=30)
    apart = np.linalg.norm(track.keypoints_px[:, LEFT_ANKLE] - track.keypoints_px[:, RIGHT_ANKLE], axis=-1)
    frames = np.arange(len(track)) >= 60 + np.argmax(apart[60:85])
    repaired = repair_side_swaps(exchanged(track, BODY, frames))
    assert wrong(repaired, track, LEGS) == 0
    everywhere = exchanged(track, BODY, np.ones(len(track), dtype=bool))
    assert np.array_equal(repair_side_swaps(everywhere).keypoints_px, everywhere.keypoints_px)


def test_both_sides_on_one_leg_for_a_moment_lose_confidence():
    track, _ = walking(rate_hz=60, seconds=2)
    apart = np.linalg.norm(track.keypoints_px[:, LEFT_ANKLE] - track.keypoints_px[:, RIGHT_ANKLE], axis=-1)
    middle = int(np.argmax(apart[20:100])) + 20
    points = track.keypoints_px.copy()
    here = slice(middle - 2, middle + 2)
    points[here, LEFT_ANKLE] = points[here, RIGHT_ANKLE] + 0.5
    repaired = repair_side_swaps(replace(track, keypoints_px=points))
    lowered = repaired.confidence < 0.5 * track.confidence
    assert lowered[here, LEFT_ANKLE].all()
    assert lowered.sum() == 4
    assert not (repair_side_swaps(track).confidence < track.confidence).any()


def test_frames_without_the_person_are_left_as_they_are():
    track, _ = walking(rate_hz=30)
    for values, empty in ((track.boxes_px, np.nan), (track.keypoints_px, np.nan), (track.confidence, 0.0)):
        values[30:60] = empty
    repaired = repair_side_swaps(track)
    assert np.isnan(repaired.keypoints_px[30:60]).all()
    assert np.array_equal(
        repaired.keypoints_px[~np.isnan(repaired.keypoints_px)], track.keypoints_px[track.detected].ravel()
    )
    assert np.array_equal(track.detected, repaired.detected)


def test_a_single_frame_comes_back_unchanged():
    track, _ = walking(rate_hz=30, seconds=1 / 30)
    assert len(track) == 1
    assert np.array_equal(repair_side_swaps(track).keypoints_px, track.keypoints_px)
