import numpy as np
import pytest
import torch

from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.training.data.motion import Motion
from biopose.training.data.poses import fit_pose_prior, joint_angle_names, mirror


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    return full_body_skeleton()


def _random_poses(skeleton: Skeleton, n: int, *, seed: int = 0) -> np.ndarray:
    limits = np.array([(c.range_min, c.range_max) for c in skeleton.coordinates])
    return skeleton.satisfy_couplings(np.random.default_rng(seed).uniform(limits[:, 0], limits[:, 1], (n, len(limits))))


def test_the_mirror_image_has_every_joint_on_the_other_side(skeleton: Skeleton):
    q = _random_poses(skeleton, 20)
    kinematics = Kinematics(skeleton)
    here = kinematics.with_coordinates(torch.from_numpy(q)).markers.numpy()
    there = kinematics.with_coordinates(torch.from_numpy(mirror(q, skeleton.coordinate_names))).markers.numpy()
    for i, name in enumerate(skeleton.marker_names):
        swapped = {"R": "L", "L": "R"}.get(name[0], name[0]) + name[1:]
        opposite = skeleton.marker_names.index(swapped) if swapped in skeleton.marker_names else i
        np.testing.assert_allclose(there[:, opposite], here[:, i] * [1, 1, -1], atol=1e-9, err_msg=name)


def test_a_mirror_twice_changes_nothing(skeleton: Skeleton):
    q = _random_poses(skeleton, 5).reshape(5, 1, -1)
    names = skeleton.coordinate_names
    np.testing.assert_array_equal(mirror(mirror(q, names), names), q)


def test_a_prior_fitted_to_motion_is_symmetric_and_prefers_it(skeleton: Skeleton):
    rng = np.random.default_rng(1)
    time_s = np.arange(0, 20, 1 / 60)
    values = np.repeat(skeleton.default_pose[None], len(time_s), axis=0)
    values += rng.normal(scale=0.05, size=values.shape)
    values[:, skeleton.coordinate_names.index("hip_flexion_r")] = 0.4 * np.sin(2 * np.pi * time_s)
    motion = Motion("swing", 60.0, skeleton.coordinate_names, skeleton.satisfy_couplings(values), flat_ground=False)
    prior = fit_pose_prior([motion], skeleton, components=3)
    seen = prior.energy(torch.from_numpy(motion.values))
    mirrored = prior.energy(torch.from_numpy(mirror(motion.values, motion.names)))
    drawn = prior.energy(torch.from_numpy(_random_poses(skeleton, 200)))
    assert seen.max() < drawn.min()
    assert abs(float(seen.mean() - mirrored.mean())) < 1.0


def test_the_root_and_dependent_coordinates_are_not_judged(skeleton: Skeleton):
    names = joint_angle_names(skeleton)
    assert len(names) == 34
    assert not [n for n in names if n.startswith("pelvis") or n.endswith("beta")]
