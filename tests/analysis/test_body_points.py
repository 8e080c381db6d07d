"""The centre of mass against OpenSim's own, and the foot's points from heel to toe."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.body_points import JOINTS, SIDES, body_points_m, center_of_mass_m, feet_points_m
from biopose.errors import ModelError
from biopose.skeleton.full_body import build_full_body, full_body_skeleton
from biopose.skeleton.quiet_opensim import opensim


def test_the_centre_of_mass_is_opensims(tmp_path_factory: pytest.TempPathFactory) -> None:
    skeleton = full_body_skeleton()
    q = skeleton.satisfy_couplings(skeleton.default_pose + np.linspace(0, 0.4, len(skeleton.coordinates)))
    model = opensim.Model(str(build_full_body(tmp_path_factory.mktemp("model") / "full_body.osim")))
    state = model.initSystem()
    for name, value in zip(skeleton.coordinate_names, q, strict=True):
        model.getCoordinateSet().get(name).setValue(state, float(value), False)
    model.assemble(state)
    model.realizePosition(state)
    expected = model.calcMassCenterPosition(state).to_numpy()
    np.testing.assert_allclose(center_of_mass_m(skeleton, q[None])[0], expected, atol=1e-6)


def test_feet_have_points_from_the_heel_to_the_toes() -> None:
    skeleton = full_body_skeleton()
    feet = feet_points_m(skeleton, np.stack([skeleton.default_pose] * 2))
    for side in SIDES:
        assert feet[side].shape == (2, 4, 3)
        assert (np.diff(feet[side][0, :, 0]) > 0).all()  # the default pose faces along x
    assert feet["left"][0, :, 2].mean() < feet["right"][0, :, 2].mean()


def test_a_foot_without_markers_has_its_bodies_frames() -> None:
    skeleton = full_body_skeleton().with_markers(())
    assert feet_points_m(skeleton, skeleton.default_pose[None])["left"].shape == (1, 2, 3)


def test_a_model_without_masses_or_feet_is_refused_by_name() -> None:
    skeleton = full_body_skeleton()
    weightless = replace(skeleton, bodies=tuple(replace(body, mass_kg=0.0) for body in skeleton.bodies))
    with pytest.raises(ModelError, match="no mass"):
        center_of_mass_m(weightless, skeleton.default_pose[None])
    footless = replace(
        skeleton, bodies=tuple(replace(b, name=b.name.replace("calcn_l", "hoof_l")) for b in skeleton.bodies)
    )
    with pytest.raises(ModelError, match="calcn_l"):
        feet_points_m(footless, skeleton.default_pose[None])


def test_joint_centres_are_where_the_models_bodies_begin() -> None:
    skeleton = full_body_skeleton()
    points = body_points_m(skeleton, skeleton.default_pose[None])
    assert set(points) == {"center_of_mass", *(f"{joint}_{side[0]}" for joint in JOINTS for side in SIDES)}
    for letter in "lr":
        heights_m = [points[f"{joint}_{letter}"][0, 1] for joint in ("shoulder", "hip", "knee", "ankle", "heel")]
        assert (np.diff(heights_m) < 0).all()
    assert points["hip_r"][0, 2] == pytest.approx(-points["hip_l"][0, 2])
    assert points["hip_r"][0, 2] > 0.05  # the default pose faces along x, the right is along z


def test_points_of_two_motions_found_at_once_are_those_found_one_by_one() -> None:
    skeleton, rng = full_body_skeleton(), np.random.default_rng(0)
    one, other = (
        skeleton.satisfy_couplings(skeleton.default_pose + rng.normal(0, 0.3, (39, len(skeleton.coordinates))))
        for _ in range(2)
    )
    both = body_points_m(skeleton, np.concatenate([one, other]))
    np.testing.assert_array_equal(both["center_of_mass"][:39], center_of_mass_m(skeleton, one))
    np.testing.assert_array_equal(both["hip_l"][39:], body_points_m(skeleton, other)["hip_l"])
