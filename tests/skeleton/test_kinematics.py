"""Forward kinematics is OpenSim's, and its derivatives are its derivatives."""

from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from tests.skeleton import models
from tests.skeleton.models import OpenSimPoser, random_poses

EXACT_M = 1e-9
OTHER_MODELS = [*models.lab_models(), *models.asset_models()]


def random_scales(skeleton: Skeleton, seed: int = 0) -> np.ndarray:
    scales = np.random.default_rng(seed).uniform(0.7, 1.4, (len(skeleton.bodies), 3))
    scales[0] = 1.0
    return scales


def largest_differences(poser: OpenSimPoser, kinematics: Kinematics, q: np.ndarray) -> dict[str, float]:
    """Over all poses: body poses (elements of T), joint centres (m), markers (m)."""
    skeleton = kinematics.skeleton
    pose = kinematics.with_coordinates(torch.from_numpy(q))
    ours = [x.numpy() for x in (pose.T_ground_body[..., 1:, :, :], pose.joint_centers, pose.markers)]
    worst = dict.fromkeys(("bodies", "joint_centers", "markers"), 0.0)
    for frame, values in enumerate(q):
        poser.pose(values)
        theirs = (
            np.array([poser.transform(name) for name in skeleton.body_names[1:]]),
            np.array([poser.joint_center(joint.name) for joint in skeleton.joints]),
            poser.marker_positions(),
        )
        for name, mine, other in zip(worst, ours, theirs, strict=True):
            worst[name] = max(worst[name], float(np.abs(mine[frame] - other).max(initial=0)))
    return worst


def assert_same_as_opensim(path: Path, *, poses: int, tolerance: float = EXACT_M, scaled: bool = False) -> None:
    skeleton = read_osim(path)
    kinematics = Kinematics(skeleton)
    scales = random_scales(skeleton) if scaled else None
    if scales is not None:
        kinematics = kinematics.with_scales(torch.from_numpy(scales))
    by_name = None if scales is None else dict(zip(skeleton.body_names[1:], scales[1:], strict=True))
    worst = largest_differences(OpenSimPoser(path, by_name), kinematics, random_poses(skeleton, count=poses))
    assert max(worst.values()) < tolerance, worst


@pytest.mark.parametrize("scaled", [False, True], ids=["as it is", "scaled"])
def test_default_model_moves_as_in_opensim(full_body_osim: Path, *, scaled: bool) -> None:
    assert_same_as_opensim(full_body_osim, poses=200, scaled=scaled)


def test_every_joint_and_function_moves_as_in_opensim(every_part_osim: Path) -> None:
    assert_same_as_opensim(every_part_osim, poses=200)


def test_every_joint_and_function_scales_as_in_opensim(tmp_path: Path) -> None:
    # Without the marker on a turned frame: OpenSim scales it along that frame's axes, we along the body's.
    assert_same_as_opensim(models.every_part(tmp_path / "m.osim", plate=False), poses=200, scaled=True)


def test_coupled_joints_move_as_in_opensim(tmp_path: Path) -> None:
    assert_same_as_opensim(models.coupled_spine(tmp_path / "spine.osim"), poses=100)


@pytest.mark.skipif(not OTHER_MODELS, reason="no other people's models are here")
@pytest.mark.parametrize("scaled", [False, True], ids=["as it is", "scaled"])
@pytest.mark.parametrize("path", OTHER_MODELS, ids=lambda path: path.stem)
def test_other_peoples_models_move_as_in_opensim(path: Path, *, scaled: bool) -> None:
    assert_same_as_opensim(path, poses=1000 if path in models.lab_models() else 200, scaled=scaled)


def poses_of(skeleton: Skeleton, *, count: int = 4, seed: int = 3) -> torch.Tensor:
    return torch.from_numpy(random_poses(skeleton, count=count, seed=seed))


@pytest.fixture(params=["every_part", "coupled_spine", "full_body"])
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    found: Skeleton = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("scaled", [False, True], ids=["as it is", "scaled"])
def test_marker_jacobian_is_the_derivative(skeleton: Skeleton, *, scaled: bool) -> None:
    kinematics = Kinematics(skeleton)
    if scaled:
        kinematics = kinematics.with_scales(torch.from_numpy(random_scales(skeleton)))
    for q in poses_of(skeleton):
        J = kinematics.with_coordinates(q).marker_jacobian()
        by_autograd = torch.autograd.functional.jacobian(lambda x: kinematics.with_coordinates(x).markers, q)
        torch.testing.assert_close(J, by_autograd, atol=1e-11, rtol=0)
        step = 1e-6 * torch.eye(len(q), dtype=q.dtype)
        ahead, behind = (kinematics.with_coordinates(q + d).markers for d in (step, -step))
        torch.testing.assert_close(J, ((ahead - behind) / 2e-6).permute(1, 2, 0), atol=1e-7, rtol=0)


def test_dependent_coordinates_have_no_column_of_their_own(every_part: Skeleton) -> None:
    J = Kinematics(every_part).with_coordinates(poses_of(every_part)).marker_jacobian()
    names = every_part.coordinate_names
    assert not J[..., [names.index("follow"), names.index("last")]].any()
    assert J[..., names.index("roll")].any()


def test_dependent_coordinates_are_computed_whatever_is_given(every_part: Skeleton) -> None:
    q = poses_of(every_part)
    wrong = q.clone()
    for coupling in every_part.couplings:
        wrong[:, coupling.dependent] = 17.0
    kinematics = Kinematics(every_part)
    torch.testing.assert_close(kinematics.with_coordinates(wrong).markers, kinematics.with_coordinates(q).markers)
    torch.testing.assert_close(kinematics.satisfy_couplings(wrong)[0], q)
    np.testing.assert_allclose(every_part.satisfy_couplings(wrong.numpy()), q, atol=1e-15)


def test_batch_axes_are_independent(skeleton: Skeleton) -> None:
    kinematics = Kinematics(skeleton)
    q = poses_of(skeleton, count=6)
    flat = kinematics.with_coordinates(q)
    shaped = kinematics.with_coordinates(q.reshape(2, 1, 3, -1))
    bodies, joints, markers = len(skeleton.bodies), len(skeleton.joints), len(skeleton.markers)
    for name, shape in {
        "T_ground_body": (bodies, 4, 4),
        "joint_centers": (joints, 3),
        "markers": (markers, 3),
    }.items():
        assert getattr(shaped, name).shape == (2, 1, 3, *shape)
        torch.testing.assert_close(getattr(shaped, name).reshape(6, *shape), getattr(flat, name))
        torch.testing.assert_close(getattr(kinematics.with_coordinates(q[4]), name), getattr(flat, name)[4])
    torch.testing.assert_close(shaped.marker_jacobian().flatten(0, 2), flat.marker_jacobian())


def test_scales_broadcast_against_poses(skeleton: Skeleton) -> None:
    kinematics = Kinematics(skeleton)
    q = poses_of(skeleton, count=3)
    scales = torch.from_numpy(np.stack([random_scales(skeleton, seed) for seed in (1, 2)]))
    together = kinematics.with_scales(scales[:, None]).with_coordinates(q)
    for person in range(2):
        alone = kinematics.with_scales(scales[person]).with_coordinates(q)
        for name in ("T_ground_body", "joint_centers", "markers"):
            torch.testing.assert_close(getattr(together, name)[person], getattr(alone, name))
        torch.testing.assert_close(together.marker_jacobian()[person], alone.marker_jacobian())
    one_pose = kinematics.with_scales(scales).with_coordinates(q[0])
    torch.testing.assert_close(one_pose.markers, together.markers[:, 0])


@pytest.mark.parametrize("name", ["coupled_spine", "arm", "full_body"])  # OpenSim's own rule for oblique axes differs
def test_scales_of_one_change_nothing_and_grounds_are_ignored(request: pytest.FixtureRequest, name: str) -> None:
    skeleton: Skeleton = request.getfixturevalue(name)
    kinematics, q = Kinematics(skeleton), poses_of(skeleton)
    expected = kinematics.with_coordinates(q)
    ones = torch.ones(len(skeleton.bodies), 3, dtype=torch.float64)
    ones[0] = 7.0
    found = kinematics.with_scales(ones).with_coordinates(q)
    torch.testing.assert_close(found.markers, expected.markers)
    torch.testing.assert_close(found.T_ground_body, expected.T_ground_body)
    assert kinematics.body_scales is None


def test_uniform_scales_make_a_similar_skeleton(full_body: Skeleton) -> None:
    kinematics, q = Kinematics(full_body), poses_of(full_body)
    q[:, [full_body.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]] = 0.0
    factor = torch.full((len(full_body.bodies), 3), 1.3, dtype=torch.float64)
    torch.testing.assert_close(
        kinematics.with_scales(factor).with_coordinates(q).markers, 1.3 * kinematics.with_coordinates(q).markers
    )


def test_gradients_flow_to_coordinates_and_scales(skeleton: Skeleton) -> None:
    kinematics = Kinematics(skeleton)
    q = poses_of(skeleton, count=1)[0]
    scales = torch.from_numpy(random_scales(skeleton))

    def total(q: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        pose = kinematics.with_scales(scales).with_coordinates(q)
        return pose.markers.square().sum() + pose.T_ground_body.square().sum()

    q.requires_grad_()
    scales.requires_grad_()
    total(q, scales).backward()
    rng = np.random.default_rng(4)
    for variable, step in ((q, 1e-6), (scales, 1e-6)):
        way = torch.from_numpy(rng.normal(size=variable.shape))
        with torch.no_grad():
            inputs = [q, scales]
            index = 0 if variable is q else 1
            ends = [
                total(*(v + sign * step * way if i == index else v for i, v in enumerate(inputs))) for sign in (1, -1)
            ]
        assert variable.grad is not None
        expected = float((variable.grad * way).sum())
        assert float(ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=1e-6)


def test_single_precision_is_close_to_double(skeleton: Skeleton) -> None:
    q = poses_of(skeleton)
    double, single = Kinematics(skeleton), Kinematics(skeleton, dtype=torch.float32)
    found = single.with_coordinates(q)
    assert found.markers.dtype == found.marker_jacobian().dtype == torch.float32
    expected = double.with_coordinates(q)
    torch.testing.assert_close(found.markers.double(), expected.markers, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.marker_jacobian().double(), expected.marker_jacobian(), atol=1e-5, rtol=0)
    torch.testing.assert_close(double.float().with_coordinates(q).markers, found.markers)


def test_root_coordinates_move_markers_rigidly(full_body: Skeleton, every_part: Skeleton) -> None:
    for skeleton in (full_body, models.without_ground_markers(every_part)):
        q = poses_of(skeleton, count=2)
        q[1, 6:] = q[0, 6:]
        first, second = Kinematics(skeleton).with_coordinates(q).markers
        distances = [(points[:, None] - points).norm(dim=-1) for points in (first, second)]
        torch.testing.assert_close(*distances, atol=1e-12, rtol=0)
        assert (first - second).norm(dim=-1).min() > 1e-3


def test_wrong_shapes_are_a_value_error(full_body: Skeleton) -> None:
    kinematics = Kinematics(full_body)
    with pytest.raises(ValueError, match="41 coordinates; the skeleton has 42"):
        kinematics.with_coordinates(torch.zeros(41))
    with pytest.raises(ValueError, match=r"expected \(\.\.\., 25, 3\)"):
        kinematics.with_scales(torch.ones(24, 3))
    with pytest.raises(ValueError, match="scaled already"):
        kinematics.with_scales(torch.ones(25, 3)).with_scales(torch.ones(25, 3))


@pytest.mark.parametrize("scaled", [False, True], ids=["as it is", "scaled"])
def test_the_derivative_of_the_markers_by_the_scale_factors_is_the_numerical_one(
    every_part_osim: Path, *, scaled: bool
) -> None:
    skeleton = read_osim(every_part_osim)
    unscaled, q = Kinematics(skeleton), poses_of(skeleton)
    scales = torch.from_numpy(random_scales(skeleton)) if scaled else torch.ones(len(skeleton.bodies), 3).double()
    directions = torch.from_numpy(np.random.default_rng(5).normal(size=(*scales.shape, 4)))
    posed = unscaled.with_scales(scales) if scaled else unscaled
    found = posed.with_coordinates(q).scale_jacobian(directions)

    def moved(step: float) -> torch.Tensor:
        along = [unscaled.with_scales(scales + step * one).with_coordinates(q).markers for one in directions.unbind(-1)]
        return torch.stack(along, dim=-1)

    width = 1e-3  # markers are linear in the factors
    numerical = (moved(width) - moved(-width)) / (2 * width)
    torch.testing.assert_close(found, numerical, rtol=1e-8, atol=1e-9)
