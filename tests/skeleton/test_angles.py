"""Another way of writing angles never changes the pose, and is the one that moves least."""

from dataclasses import replace

import numpy as np
import torch

from biopose.skeleton.angles import (
    Representation,
    nearest_representation,
    orthogonal_triples,
    periodic_coordinates,
    unwrap,
    wrap,
)
from biopose.skeleton.model import Skeleton
from tests.skeleton import models
from tests.skeleton.models import markers_at, random_poses


def names(skeleton: Skeleton, coordinates: list[int]) -> list[str]:
    return [skeleton.coordinate_names[c] for c in coordinates]


def test_wrap_and_unwrap_differ_by_whole_turns() -> None:
    angles = torch.from_numpy(np.random.default_rng(0).uniform(-20, 20, (50, 3)))
    wrapped = wrap(angles)
    assert wrapped.abs().max() <= np.pi
    turns = (wrapped - angles) / (2 * np.pi)
    torch.testing.assert_close(turns, turns.round(), atol=1e-12, rtol=0)
    np.testing.assert_allclose(unwrap(wrapped), np.unwrap(wrapped.numpy(), axis=0), atol=1e-12)


def test_only_plain_turns_are_periodic(full_body: Skeleton, every_part: Skeleton) -> None:
    found = names(every_part, periodic_coordinates(every_part, limited=frozenset()))
    assert {"rx", "ry", "rz", "pin", "universal_x", "gimbal_ry", "ball_rz", "turn"} <= set(found)
    assert not {"tx", "slide", "roll", "twist", "follow", "shift", "last", "plane_x"} & set(found)
    pin = every_part.coordinate_names.index("pin")
    assert pin not in periodic_coordinates(every_part, limited=frozenset({pin}))
    assert "knee_angle_r" not in names(full_body, periodic_coordinates(full_body, limited=frozenset()))


def test_a_whole_turn_of_a_periodic_coordinate_is_the_same_pose(full_body: Skeleton, every_part: Skeleton) -> None:
    for skeleton in (full_body, every_part):
        q = random_poses(skeleton, count=3)
        turned = q.copy()
        turned[:, periodic_coordinates(skeleton, limited=frozenset())] += 2 * np.pi
        np.testing.assert_allclose(models.markers_at(skeleton, turned), models.markers_at(skeleton, q), atol=1e-12)


def test_triples_can_be_written_in_another_way(full_body: Skeleton, every_part: Skeleton) -> None:
    for skeleton, count in ((full_body, 7), (every_part, 3)):
        triples = orthogonal_triples(skeleton)
        assert len(triples) == count
        q = random_poses(skeleton, count=3)
        other = q.copy()
        for triple in triples:
            other[:, triple] = np.pi + q[:, triple] * [1, -1, 1]
        np.testing.assert_allclose(models.markers_at(skeleton, other), models.markers_at(skeleton, q), atol=1e-12)


def test_a_scrambled_motion_becomes_continuous_again(full_body: Skeleton) -> None:
    q = models.motion(full_body, frames=100, share=0.3)
    representation = Representation.of(full_body, {})
    rng = np.random.default_rng(1)
    scrambled = q.copy()
    for triple in representation.triples:
        flipped = np.flatnonzero(rng.uniform(size=100) < 0.5)[:, None]
        scrambled[flipped, triple] = np.pi + scrambled[flipped, triple] * [1, -1, 1]
    periodic = representation.periodic
    scrambled[:, periodic] += 2 * np.pi * rng.integers(-2, 3, (100, len(periodic)))
    found = representation.continuous(torch.from_numpy(scrambled), after=torch.from_numpy(q[0]))
    np.testing.assert_allclose(found, q, atol=1e-9)


def test_nothing_is_written_beyond_its_limits(full_body: Skeleton) -> None:
    bounds = {i: (c.range_min, c.range_max) for i, c in enumerate(full_body.coordinates) if i >= 6}
    representation = Representation.of(full_body, bounds)
    assert set(names(full_body, representation.periodic)) == {"pelvis_tilt", "pelvis_list", "pelvis_rotation"}
    q = random_poses(full_body, count=200, seed=2)
    found = representation.continuous(torch.from_numpy(q), after=torch.from_numpy(full_body.default_pose)).numpy()
    np.testing.assert_allclose(models.markers_at(full_body, found), models.markers_at(full_body, q), atol=1e-9)
    for coordinate, (low, high) in bounds.items():
        assert (found[:, coordinate] >= low).all()
        assert (found[:, coordinate] <= high).all()


def test_the_frames_given_are_left_as_they_are(full_body: Skeleton) -> None:
    q = torch.from_numpy(random_poses(full_body, count=4))
    before = q.clone()
    Representation.of(full_body, {}).continuous(q, after=q[0])
    assert torch.equal(q, before)


def test_a_triple_needs_right_angles(every_part: Skeleton) -> None:
    joints = list(every_part.joints)
    index = next(i for i, joint in enumerate(joints) if joint.name == "universal_gimbal")
    axes = joints[index].axes
    oblique = replace(axes[1], direction=np.array([0.6, 0.8, 0.0]))
    joints[index] = replace(joints[index], axes=(axes[0], oblique, *axes[2:]))
    changed = replace(every_part, joints=tuple(joints))
    assert len(orthogonal_triples(changed)) == len(orthogonal_triples(every_part)) - 1


def test_a_frame_with_an_unknown_angle_is_written_as_its_neighbours(full_body: Skeleton) -> None:
    q = np.repeat(full_body.default_pose[None], 6, axis=0)
    root = [full_body.coordinate_names.index(f"pelvis_{name}") for name in ("tilt", "list", "rotation")]
    q[:, root] = np.radians([17.0, 100.0, 20.0])  # past gimbal lock, in one of the two ways
    q[1:, root] = q[1:, root] * (1, -1, 1) + np.pi  # and in the other from the second frame on
    q[3, root[2]] = np.nan
    written = Representation.of(full_body, {}).continuous_in_time(q)[:, root]
    np.testing.assert_allclose(written[:, :2], np.radians([[17.0, 100.0]] * 6), atol=1e-12)
    assert np.isnan(written[3, 2])


def rewritten(skeleton: Skeleton, q: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same postures in other angles: triples the other way round in some frames, and whole turns more or less."""
    q = q.copy()
    for triple in orthogonal_triples(skeleton):
        other = rng.random(len(q)) < 0.5
        q[np.ix_(other, triple)] = q[np.ix_(other, triple)] * [1, -1, 1] + np.pi
    periodic = periodic_coordinates(skeleton, limited=frozenset())
    q[:, periodic] += 2 * np.pi * rng.integers(-2, 3, (len(q), len(periodic)))
    return q


def test_the_nearest_representation_is_the_reference_where_they_are_the_same_posture(full_body: Skeleton) -> None:
    reference = random_poses(full_body, count=100)
    other = rewritten(full_body, reference, np.random.default_rng(1))
    found = nearest_representation(full_body, list(full_body.coordinate_names), other, reference)
    np.testing.assert_allclose(found, reference, atol=1e-9)


def test_the_nearest_representation_is_the_same_posture_and_never_farther(full_body: Skeleton) -> None:
    reference, values = random_poses(full_body, count=200, seed=2), random_poses(full_body, count=200, seed=3)
    values = rewritten(full_body, values, np.random.default_rng(4))
    found = nearest_representation(full_body, list(full_body.coordinate_names), values, reference)
    np.testing.assert_allclose(markers_at(full_body, found), markers_at(full_body, values), atol=1e-9)
    before, after = np.abs(values - reference), np.abs(found - reference)
    triples = orthogonal_triples(full_body)
    for triple in triples:
        assert (after[:, triple].sum(axis=1) <= before[:, triple].sum(axis=1) + 1e-9).all()
    alone = [i for i in range(values.shape[1]) if not any(i in triple for triple in triples)]
    assert (after[:, alone] <= before[:, alone] + 1e-9).all()


def test_coordinates_may_come_in_any_order_and_number(full_body: Skeleton) -> None:
    names = ["lumbar_bending", "elbow_flex_r", "hip_rotation_l", "lumbar_extension", "lumbar_rotation"]
    columns = [full_body.coordinate_names.index(name) for name in names]
    reference = random_poses(full_body, count=50)[:, columns]
    found = nearest_representation(full_body, names, reference + 2 * np.pi * np.array([1, -1, 2, 0, 3]), reference)
    np.testing.assert_allclose(found, reference, atol=1e-9)


def test_translations_are_left_as_they_are(full_body: Skeleton) -> None:
    reference = np.zeros((1, 3))
    found = nearest_representation(full_body, ["pelvis_tx", "pelvis_ty", "pelvis_tz"], reference + 7, reference)
    np.testing.assert_array_equal(found, reference + 7)
