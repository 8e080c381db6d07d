"""The skeleton put onto a mesh in closed form."""

import numpy as np
import torch

from biopose.body.segment_body import SEGMENTS
from biopose.reconstruction.mesh_skeleton import coordinates_in_closed_form
from biopose.skeleton.kinematics import Kinematics
from tests.swinging_person import frame_times, full_body, keypoints_m, swinging, unscaled, with_keypoints

FRAMES = 40
THREE_AXES = ("pelvis", "hip", "lumbar", "arm", "neck")


def closed_form(q: np.ndarray) -> np.ndarray:
    """From the segments' orientations in a motion, and its keypoints."""
    skeleton = full_body()
    pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(q))
    bodies = [skeleton.body_names.index(segment) for segment in SEGMENTS]
    points = keypoints_m(q).float()
    return coordinates_in_closed_form(pose.R_ground_body[:, bodies], points, with_keypoints(), unscaled())


def test_orientations_give_the_motion_back() -> None:
    """Joints of three axes exactly; a knee's and an ankle's further rotations make theirs a degree or two."""
    q = swinging(frame_times(FRAMES))
    away = np.degrees(np.abs(closed_form(q) - q))[:, full_body().is_rotational]
    names = [name for name in full_body().coordinate_names if name in full_body().rotational_names]
    for name, column in zip(names, away.T, strict=True):
        assert column.max() < (0.1 if name.startswith(THREE_AXES) else 4.0), name


def test_the_keypoints_are_where_they_were() -> None:
    q = swinging(frame_times(FRAMES))
    away = (keypoints_m(closed_form(q)) - keypoints_m(q)).norm(dim=-1)
    assert float(away.mean()) < 0.01


def test_a_whole_turn_of_the_pelvis_is_continuous() -> None:
    q = swinging(frame_times(FRAMES))
    q[:, full_body().coordinate_names.index("pelvis_rotation")] = np.linspace(0, 2.5 * np.pi, FRAMES)
    found = closed_form(q)
    steps = np.abs(np.diff(found[:, [full_body().coordinate_names.index("pelvis_rotation")]], axis=0))
    assert steps.max() < 0.5


def test_a_shoulder_that_leaves_its_range_for_a_while_does_not_jump() -> None:
    """Behind the back the other representation of the same rotation may lie nearer to the ranges."""
    skeleton = full_body()
    q = swinging(frame_times(FRAMES))
    columns = [skeleton.coordinate_names.index(f"arm_{name}_l") for name in ("flex", "add", "rot")]
    away = np.sin(np.linspace(0, np.pi, FRAMES))
    q[:, columns] = np.radians(np.stack([-40 - 100 * away, -20 - 85 * away, 20 * away], axis=1))
    found = closed_form(q)[:, columns]
    assert np.degrees(np.abs(np.diff(found, axis=0)).max()) < 25
    assert np.degrees(np.abs(found[[0, -1]] - q[[0, -1]][:, columns])).max() < 0.1
