"""The coordinates of a sequence are those of the body that is drawn, and the ground carries it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.body.markers import MARKERS
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes
from biopose.training.data import motion_variation
from biopose.training.data.motion import Motion
from biopose.training.synthetic import posing
from biopose.training.synthetic.posing import PostureSource
from biopose.training.synthetic.sequences import (
    LARGEST_ANGULAR_VELOCITY_RAD_S,
    MotionSequence,
    MotionSequenceSource,
    peak_angular_velocity_rad_s,
    supported_pelvis_m,
)
from tests.body.bodies import needs_body_asset, random_rotations
from tests.swinging_person import full_body, synthetic_motion
from tests.training.synthetic.drawn_people import segment_body
from tests.training.synthetic.filmed_people import filmed_people, keypoints_m, markers_m

FRAMES, INTERVAL_S = 24, 1 / 30
RIGID = ("pelvis", "torso", "head", "femur_r", "femur_l", "humerus_r", "humerus_l", "hand_r", "hand_l")


@pytest.fixture(scope="module")
def source() -> MotionSequenceSource:
    return MotionSequenceSource(
        PostureSource([synthetic_motion()], segment_body().R_ground_reference), *filmed_people()
    )


def torn(*, frame: int) -> Motion:
    """A motion in which an arm's angles jump from one frame to the next."""
    motion = synthetic_motion()
    values = motion.values.copy()
    values[frame:, motion.names.index("arm_rot_r")] += 3.0
    return replace(motion, values=values)


def sequences(source: MotionSequenceSource, count: int, *, seed: int = 0) -> Iterator[MotionSequence]:
    generator = torch.Generator().manual_seed(seed)
    return (source.draw(generator, FRAMES, interval_s=INTERVAL_S) for _ in range(count))


@needs_body_asset
def test_the_coordinates_through_kinematics_give_the_bodys_markers(source: MotionSequenceSource) -> None:
    bony = torch.tensor([marker.bony for marker in MARKERS.values()])
    rigid = bony & torch.tensor([marker.segment in RIGID for marker in MARKERS.values()])
    for sequence in sequences(source, 8):
        away_m = (_by_kinematics(sequence) - markers_m(sequence)).norm(dim=-1)
        assert away_m[:, rigid].max() < 2e-4
        assert away_m[:, bony].max() < 0.01  # a knee glides, a rig's does not
        assert away_m.mean() < 0.003


def _by_kinematics(sequence: MotionSequence) -> torch.Tensor:
    _, skeletons = filmed_people()
    locations = skeletons.marker_locations_m[sequence.person].numpy()
    scales = skeletons.body_scales[sequence.person].numpy()
    names = full_body().body_names
    unscaled = [locations[i] / scales[names.index(m.segment)] for i, m in enumerate(MARKERS.values())]
    markers = [
        Marker(m.name, names.index(m.segment), place) for m, place in zip(MARKERS.values(), unscaled, strict=True)
    ]
    kinematics = Kinematics(full_body().with_markers(tuple(markers)), dtype=torch.float32)
    return kinematics.with_scales(torch.from_numpy(scales)).with_coordinates(sequence.q).markers


@needs_body_asset
def test_joints_stay_in_their_ranges_and_couplings_hold(source: MotionSequenceSource) -> None:
    skeleton = full_body()
    low = np.array([c.range_min if c.clamped else -np.inf for c in skeleton.coordinates])
    high = np.array([c.range_max if c.clamped else np.inf for c in skeleton.coordinates])
    for sequence in sequences(source, 8):
        q = sequence.q.double().numpy()
        assert ((q >= low - 1e-5) & (q <= high + 1e-5)).all()
        np.testing.assert_allclose(skeleton.satisfy_couplings(q.copy()), q, atol=1e-5)


@needs_body_asset
def test_whoever_is_upright_stands_on_the_ground(source: MotionSequenceSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posing, "TUMBLED_SHARE", 0.0)
    for sequence in sequences(source, 8):
        lowest_m = keypoints_m(sequence)[..., 1].amin(1)
        assert -0.05 < lowest_m.min() < 0.08
        assert lowest_m.max() < 0.35


@needs_body_asset
def test_nobody_jumps_from_frame_to_frame(source: MotionSequenceSource) -> None:
    for sequence in sequences(source, 8):
        assert sequence.root_m.diff(dim=0).norm(dim=-1).max() < 0.2
        assert sequence.root_m.diff(n=2, dim=0).norm(dim=-1).max() / INTERVAL_S**2 < 60
        assert sequence.q.diff(dim=0).abs().max() < 1.0


@needs_body_asset
def test_a_motion_whose_angles_jump_is_drawn_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion_variation, "OTHER_ARMS_SHARE", 0.0)
    postures = PostureSource([torn(frame=120)], segment_body().R_ground_reference)
    for sequence in sequences(MotionSequenceSource(postures, *filmed_people()), 20):
        assert peak_angular_velocity_rad_s(sequence, interval_s=INTERVAL_S) <= LARGEST_ANGULAR_VELOCITY_RAD_S
        assert sequence.R_world_segment.diff(dim=0).norm(dim=(-2, -1)).max() < 2.5


@needs_body_asset
def test_moments_lie_evenly_between_frames(source: MotionSequenceSource) -> None:
    (sequence,) = sequences(source, 1)
    R = sequence.R_world_segment.flatten(0, 1)
    steps = (R[1:] - R[:-1]).norm(dim=(-2, -1)).mean(-1)
    assert steps.max() < 3 * steps.median()


@needs_body_asset
def test_a_take_elsewhere_is_the_same_motion(source: MotionSequenceSource) -> None:
    (sequence,) = sequences(source, 1)
    shift_m = torch.tensor([1.0, 0.0, -2.0])
    moved = sequence.translated(shift_m)
    torch.testing.assert_close(markers_m(moved), markers_m(sequence) + shift_m)
    torch.testing.assert_close(_by_kinematics(moved), _by_kinematics(sequence) + shift_m, atol=1e-5, rtol=0)


@needs_body_asset
def test_each_frame_is_a_scene_about_the_pelvis(source: MotionSequenceSource) -> None:
    (sequence,) = sequences(source, 1)
    R_camera_world = random_rotations(1, degrees=90, seed=3)[0].float()
    camera_m = torch.tensor([3.0, 1.5, -2.0])
    scene = sequence.scenes(R_camera_world, camera_m)
    torch.testing.assert_close(scene.root_m, (sequence.root_m - camera_m) @ R_camera_world.mT)
    torch.testing.assert_close(scene.ground_m + sequence.root_m[:, 1], torch.zeros(FRAMES))


def test_what_carries_rests_while_the_clips_foot_rests() -> None:
    g = torch.Generator().manual_seed(0)
    about_pelvis = torch.randn(10, 26, 3, generator=g)
    about_pelvis[:, 7, 1] = -5.0  # the lowest of all
    feet = torch.zeros(10, len(FOOT_KEYPOINTS), 3)
    feet[:, 1:, 1] = 0.1
    lowest = (supported_pelvis_m(about_pelvis, feet)[:, None] + about_pelvis)[:, 7]
    torch.testing.assert_close(lowest, lowest[:1].expand_as(lowest), atol=1e-5, rtol=0)


def test_what_carries_moves_as_the_clips_foot_moves() -> None:
    about_pelvis = torch.zeros(6, 26, 3)
    about_pelvis[:, 3, 1] = -1.0
    feet = torch.zeros(6, len(FOOT_KEYPOINTS), 3)
    feet[..., 0] = 0.1 * torch.arange(6)[:, None]
    feet[..., 1] = torch.tensor([0.0, 0.2, 0.4, 0.4, 0.2, 0.0])[:, None]
    pelvis_m = supported_pelvis_m(about_pelvis, feet)
    torch.testing.assert_close(pelvis_m.diff(dim=0), feet[:, 0].diff(dim=0))


def test_the_pelvis_is_given_in_the_joints_own_angles() -> None:
    R = random_rotations(40, degrees=170, seed=1)
    q = torch.from_numpy(full_body().default_pose).repeat(40, 1)
    columns = [full_body().coordinate_names.index(f"pelvis_{angle}") for angle in ("tilt", "list", "rotation")]
    q[:, columns] = body_fixed_angles(R, rotation_axes(full_body().joints[0]))
    pose = Kinematics(full_body()).with_coordinates(q)
    torch.testing.assert_close(pose.R_ground_body[:, full_body().body_names.index("pelvis")], R, atol=1e-6, rtol=0)
