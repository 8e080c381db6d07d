"""Keypoints are brought from where the network sees them to the body's points, by the decoder's posture."""

from dataclasses import replace

import numpy as np
import torch

from biopose.body.keypoint_displacements import displacements
from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.segment_body import SEGMENTS
from biopose.reconstruction.seen_keypoints import at_body_points
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.stature import model_height_m
from biopose.tracking.tracks import PersonTrack
from tests.reconstruction.decoded_person import mesh_models, read_track
from tests.swinging_person import CAMERA, frame_times, full_body, keypoints_m, level, not_found, swinging

HEIGHT_M = model_height_m(full_body()) or 1.75
SHOULDER, ELBOW, HIP, KNEE = (KEYPOINTS.index(f"right_{joint}") for joint in ("shoulder", "elbow", "hip", "knee"))


def as_seen(track: PersonTrack, q: np.ndarray) -> PersonTrack:
    """The track of coordinates (T, Q), its keypoints where the network sees them."""
    seen_m = keypoints_m(q) + HEIGHT_M * displacements(orientations(q))
    return replace(track, keypoints_px=CAMERA.project(seen_m @ level().T).numpy())


def orientations(q: np.ndarray) -> torch.Tensor:
    bodies = [full_body().body_names.index(segment) for segment in SEGMENTS]
    return Kinematics(full_body()).with_coordinates(torch.from_numpy(q)).R_ground_body[:, bodies]


def corrected(track: PersonTrack) -> PersonTrack:
    return at_body_points(track, CAMERA, mesh_models(), height_m=HEIGHT_M)


def test_what_the_network_sees_is_brought_to_the_bodys_points() -> None:
    time_s = frame_times(6)
    q = swinging(time_s)
    points = read_track(q, time_s)
    seen = as_seen(points, q)
    before, after = (np.abs(track.keypoints_px - points.keypoints_px) for track in (seen, corrected(seen)))
    assert before[:, [SHOULDER, HIP]].max() > 3.0
    assert after.max() < 0.4
    np.testing.assert_array_equal(seen.keypoints_px, as_seen(points, q).keypoints_px)


def test_a_frame_without_tokens_is_displaced_as_its_neighbours_are() -> None:
    time_s = frame_times(9)
    q = swinging(time_s)
    points = read_track(q, time_s)
    assert points.tokens is not None
    seen = as_seen(points, q)
    with_gap = replace(seen, tokens=points.tokens.copy())
    assert with_gap.tokens is not None
    with_gap.tokens[4] = np.nan
    np.testing.assert_allclose(corrected(with_gap).keypoints_px[4], points.keypoints_px[4], atol=0.6)


def test_without_tokens_keypoints_stay() -> None:
    time_s = frame_times(4)
    track = read_track(swinging(time_s), time_s)
    assert track.tokens is not None
    for tokens in (None, np.full_like(track.tokens, np.nan)):
        same = replace(track, tokens=tokens)
        assert corrected(same) is same


def test_a_keypoint_that_was_not_observed_disturbs_no_other() -> None:
    time_s = frame_times(6)
    q = swinging(time_s)
    seen = as_seen(read_track(q, time_s), q)
    hidden = replace(not_found(seen, slice(2, 4)), tokens=seen.tokens)
    expected, found = corrected(seen).keypoints_px, corrected(hidden).keypoints_px
    np.testing.assert_allclose(found[[0, 1, 4, 5]], expected[[0, 1, 4, 5]], atol=0.1)


def test_a_straight_leg_and_a_hanging_arm_are_seen_shorter_than_they_are() -> None:
    """Their upper ends are seen lower, the other ends where they are."""
    standing = full_body().default_pose[None]
    down_m = -HEIGHT_M * displacements(orientations(standing))[0, :, 1]
    assert 0.005 < down_m[HIP] < 0.04
    assert down_m[ELBOW] == down_m[KNEE] == 0.0


def test_a_raised_arm_lifts_the_seen_shoulder() -> None:
    names, q = full_body().coordinate_names, full_body().default_pose[None].repeat(2, axis=0)
    q[1, names.index("arm_flex_r")] = np.radians(150.0)
    hanging, raised = HEIGHT_M * displacements(orientations(q))[:, SHOULDER, 1]
    assert raised - hanging > 0.03


def test_the_mirror_image_is_displaced_as_in_a_mirror() -> None:
    time_s = frame_times(3)
    R = orientations(swinging(time_s))
    other = [SEGMENTS.index(s[:-1] + "rl"[s.endswith("r")] if s[-2:] in ("_r", "_l") else s) for s in SEGMENTS]
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    mirrored = displacements(mirror @ R[:, other] @ mirror)
    torch.testing.assert_close(mirrored, displacements(R)[:, MIRRORED] @ mirror)
