"""Scaling recovers people drawn from its own prior, and bears what static trials are like."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.most_probable_scaling import ScalingProblem
from biopose.skeleton.pelvis_shape import turned
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaling import Scaling, scale_to_markers, scale_to_static, scaled_geometry
from biopose.skeleton.scaling_prior import AXIS_SD, SEGMENT_SD, SIDE_SD, WHOLE_BODY_SD, scale_prior
from tests.reference_data import LAB, needs_shared_data
from tests.skeleton import models
from tests.skeleton.models import random_poses, recording_of
from tests.synthetic_person import drawn_scales

# A landmark's error; the fit itself expects 12 mm.
NOISE_M = 0.005


def standing(skeleton: Skeleton, rng: np.random.Generator) -> np.ndarray:
    """(Q,) near the default pose, turned and placed anywhere."""
    q = skeleton.default_pose + rng.normal(0, 0.1, len(skeleton.coordinates))
    q[3:6] = rng.uniform(-3, 3, 3)
    q[skeleton.coordinate_names.index("pelvis_rotation")] = rng.uniform(-np.pi, np.pi)
    low, high = np.array([(c.range_min, c.range_max) for c in skeleton.coordinates]).T
    return skeleton.satisfy_couplings(np.where(np.arange(len(q)) < 6, q, q.clip(low, high)))


def static_trial(
    skeleton: Skeleton, scales: np.ndarray, q: np.ndarray, rng: np.random.Generator, *, frames: int = 20
) -> MarkerTrajectories:
    """One error for each marker, since it stays where it was stuck on."""
    person = scaled_geometry(skeleton, scales)
    markers = models.markers_at(person, q) + NOISE_M * rng.normal(size=(len(person.markers), 3))
    return MarkerTrajectories(np.arange(frames) / 100, person.marker_names, np.repeat(markers[None], frames, axis=0))


@pytest.fixture(scope="module")
def people(full_body: Skeleton) -> list[tuple[np.ndarray, np.ndarray, Scaling]]:
    """True scales, true pose and what scaling makes of their static trials."""
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scales, q = drawn_scales(full_body, rng), standing(full_body, rng)
        found.append((scales, q, scale_to_static(full_body, static_trial(full_body, scales, q, rng))))
    return found


Person = tuple[np.ndarray, np.ndarray, Scaling]


def test_size_is_recovered(people: list[Person]) -> None:
    """Along the length of the long segments, to a few percent."""
    for scales, _, scaling in people:
        names = scaling.skeleton.body_names
        long = [names.index(f"{name}_{side}") for name in ("femur", "tibia", "humerus", "radius") for side in "rl"]
        error = np.abs(np.log(scaling.body_scales[long, 1] / scales[long, 1]))
        assert np.median(error) < 0.03
        assert error.max() < 0.08


def test_factors_are_better_known_than_before(people: list[Person]) -> None:
    before = np.concatenate([np.log(scales[1:]).ravel() for scales, _, _ in people])
    after = np.concatenate([np.log(s.body_scales[1:] / scales[1:]).ravel() for scales, _, s in people])
    assert np.sqrt((after**2).mean()) < 0.6 * np.sqrt((before**2).mean())
    assert abs(after.mean()) < 0.01


def test_the_posture_is_recovered(people: list[Person]) -> None:
    names = people[0][2].skeleton.coordinate_names
    turning = [i for i, n in enumerate(names) if n not in ("pelvis_tx", "pelvis_ty", "pelvis_tz")]
    errors = np.concatenate([(s.static_pose - q + np.pi) % (2 * np.pi) - np.pi for _, q, s in people])
    errors = errors.reshape(len(people), -1)[:, turning]
    assert np.degrees(np.median(np.abs(errors))) < 2.0


def test_ground_is_not_scaled_and_the_skeleton_is_the_scaled_one(people: list[Person], full_body: Skeleton) -> None:
    for _, _, scaling in people:
        np.testing.assert_array_equal(scaling.body_scales[0], 1.0)
        expected = scaled_geometry(full_body, scaling.body_scales)
        for mine, other in zip(scaling.skeleton.joints, expected.joints, strict=True):
            np.testing.assert_array_equal(mine.T_parent_joint, other.T_parent_joint)
        assert [b.mass_kg for b in scaling.skeleton.bodies] == [b.mass_kg for b in full_body.bodies]


def with_loose(skeleton: Skeleton, names: tuple[str, ...]) -> Skeleton:
    return skeleton.with_markers(tuple(replace(m, fixed=m.name not in names) for m in skeleton.markers))


def test_loose_markers_are_registered_and_fixed_ones_are_not(full_body: Skeleton) -> None:
    loose = ("RFIN", "C7", "LTOE")
    skeleton = with_loose(full_body, loose)
    rng = np.random.default_rng(5)
    trial = static_trial(skeleton, drawn_scales(skeleton, rng), standing(skeleton, rng), rng)
    scaling = scale_to_static(skeleton, trial)
    posed = models.markers_at(scaling.skeleton, scaling.static_pose)
    unregistered = turned(
        scaled_geometry(skeleton, scaling.body_scales), scaling.marker_names, scaling.pelvis_inclination_rad
    )
    for i, marker in enumerate(scaling.skeleton.markers):
        if marker.name in loose:
            np.testing.assert_allclose(posed[i], trial.positions_m[0, i], atol=1e-9)
        else:
            np.testing.assert_array_equal(marker.location_m, unregistered.markers[i].location_m)
            assert np.linalg.norm(posed[i] - trial.positions_m[0, i]) == pytest.approx(scaling.residual_m[i])
    everything = scale_to_markers(
        skeleton, dict(zip(trial.names, trial.positions_m[0], strict=True)), register_all=True
    )
    np.testing.assert_allclose(
        models.markers_at(everything.skeleton, everything.static_pose), trial.positions_m[0], atol=1e-9
    )


def test_a_misplaced_marker_bends_nothing(full_body: Skeleton) -> None:
    """10 cm off, on a skeleton whose markers are all landmarks."""
    rng = np.random.default_rng(6)
    trial = static_trial(full_body, drawn_scales(full_body, rng), standing(full_body, rng), rng)
    good = scale_to_static(full_body, trial)
    for name in ("RKNE", "LELB", "C7"):
        wrong = replace(trial, positions_m=trial.positions_m.copy())
        wrong.positions_m[:, trial.names.index(name)] += [0.06, 0.08, 0.0]
        scaling = scale_to_static(full_body, wrong)
        change = np.abs(np.log(scaling.body_scales / good.body_scales))
        assert change.max() < 0.03
        assert scaling.residual_m[scaling.marker_names.index(name)] > 0.08


def test_a_marker_that_is_never_observed_is_left_out(full_body: Skeleton) -> None:
    rng = np.random.default_rng(7)
    trial = static_trial(full_body, drawn_scales(full_body, rng), standing(full_body, rng), rng)
    complete = scale_to_static(full_body, trial)
    trial.positions_m[:, trial.names.index("RKNE")] = np.nan
    trial.positions_m[::2, trial.names.index("LKNE")] = np.nan
    scaling = scale_to_static(full_body, trial)
    assert set(complete.marker_names) - set(scaling.marker_names) == {"RKNE"}
    assert np.abs(np.log(scaling.body_scales / complete.body_scales)).max() < 0.05


def test_bodies_that_nothing_observes_keep_in_proportion(full_body: Skeleton) -> None:
    factor = 1.15
    legs = ("hip", "pelvis", "femur", "tibia", "calcn", "toes", "talus", "patella")
    names = [m.name for m in full_body.markers if full_body.body_names[m.body].startswith(legs)]
    person = scaled_geometry(full_body, np.full((len(full_body.bodies), 3), factor))
    scaling = scale_to_static(
        full_body, recording_of(person, np.repeat(person.default_pose[None], 5, axis=0)).select(names)
    )
    unseen = [i for i, n in enumerate(full_body.body_names) if n.startswith(("humerus", "hand", "head"))]
    np.testing.assert_allclose(scaling.body_scales[unseen], factor, rtol=0.05)


def test_a_known_height_decides_the_size(full_body: Skeleton) -> None:
    """With three markers on the pelvis alone there is little else to go by."""
    names = ["RASI", "LASI", "RPSI", "LPSI"]
    trial = recording_of(full_body, np.repeat(full_body.default_pose[None], 3, axis=0)).select(names)
    scaling = scale_to_static(full_body, trial, height_m=1.98, model_height_m=1.8)
    femur = full_body.body_names.index("femur_r")
    assert np.exp(np.log(scaling.body_scales[femur]).mean()) == pytest.approx(1.1, abs=0.04)


@pytest.mark.parametrize(("person", "model"), [(1.8, None), (None, 1.8), (0.0, 1.8), (1.8, -1.0)])
def test_heights_come_in_pairs_and_are_positive(full_body: Skeleton, person: float | None, model: float | None) -> None:
    trial = recording_of(full_body, full_body.default_pose[None])
    with pytest.raises(ValueError, match="expected both > 0"):
        scale_to_static(full_body, trial, height_m=person, model_height_m=model)


def test_a_single_frame_is_a_static_trial(full_body: Skeleton) -> None:
    scaling = scale_to_static(full_body, recording_of(full_body, full_body.default_pose[None]))
    np.testing.assert_allclose(scaling.body_scales, 1.0, atol=1e-6)
    assert scaling.residual_m.max() < 1e-6


def test_too_few_markers_are_refused_and_named(full_body: Skeleton) -> None:
    trial = recording_of(full_body, np.repeat(full_body.default_pose[None], 3, axis=0))
    with pytest.raises(ModelError, match=r"2 of the skeleton .* Observed: RASI, C7\."):
        scale_to_static(full_body, trial.select(["RASI", "C7"]))
    strange = replace(trial, names=tuple(f"x{i}" for i in range(len(trial.names))))
    with pytest.raises(ModelError, match="0 of the skeleton"):
        scale_to_static(full_body, strange)


@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_a_wrong_unit_is_refused(full_body: Skeleton, factor: float) -> None:
    trial = recording_of(full_body, np.repeat(full_body.default_pose[None], 3, axis=0))
    with pytest.raises(ModelError, match="unit"):
        scale_to_static(full_body, replace(trial, positions_m=trial.positions_m * factor))


class TestPrior:
    def test_spread_of_factors_is_what_its_parts_add_up_to(self, full_body: Skeleton) -> None:
        prior = scale_prior(full_body, height_ratio=None)
        sd = np.sqrt(((prior.design * prior.sd) ** 2).sum(axis=1)).reshape(-1, 3)
        middle = np.sqrt(WHOLE_BODY_SD**2 + SEGMENT_SD**2 + AXIS_SD**2)
        np.testing.assert_array_equal(sd[0], 0.0)
        np.testing.assert_allclose(sd[full_body.body_names.index("pelvis")], middle)
        np.testing.assert_allclose(sd[full_body.body_names.index("femur_l")], np.hypot(middle, SIDE_SD))

    def test_sides_differ_little_and_oppositely(self, full_body: Skeleton) -> None:
        prior = scale_prior(full_body, height_ratio=1.1)
        right, left = (
            prior.design.reshape(-1, 3, len(prior.sd))[full_body.body_names.index(f"tibia_{s}")] for s in "rl"
        )
        np.testing.assert_allclose(np.sqrt((((right - left) * prior.sd) ** 2).sum(axis=1)), 2 * SIDE_SD)
        assert prior.mean[0] == pytest.approx(np.log(1.1))
        assert not prior.mean[1:].any()

    def test_bones_of_one_segment_share_their_factors(self, full_body: Skeleton) -> None:
        design = scale_prior(full_body, height_ratio=None).design.reshape(len(full_body.bodies), 3, -1)
        for one, other in (
            ("ulna_r", "radius_r"),
            ("talus_l", "calcn_l"),
            ("calcn_l", "toes_l"),
            ("femur_r", "patella_r"),
        ):
            np.testing.assert_array_equal(*(design[full_body.body_names.index(n)] for n in (one, other)))


def test_scaled_geometry_is_what_scaled_kinematics_compute(full_body: Skeleton, every_part: Skeleton) -> None:
    for skeleton in (full_body, every_part):
        scales = np.random.default_rng(8).uniform(0.7, 1.4, (len(skeleton.bodies), 3))
        q = torch.from_numpy(random_poses(skeleton, count=10))
        expected = Kinematics(skeleton).with_scales(torch.from_numpy(scales)).with_coordinates(q)
        found = Kinematics(scaled_geometry(skeleton, scales)).with_coordinates(q)
        torch.testing.assert_close(found.markers, expected.markers, atol=1e-12, rtol=0)
        torch.testing.assert_close(found.T_ground_body, expected.T_ground_body, atol=1e-12, rtol=0)


@needs_shared_data
def test_the_laboratorys_static_trial_scales_near_the_experts_model() -> None:
    """Distances between hip, knee and ankle centres, which the expert scaled by hand."""
    expert = read_osim(LAB / "hand_scaled.osim")
    scaling = scale_to_static(read_osim(LAB / "generic.osim"), read_trc(LAB / "static1.trc"))

    def lengths(skeleton: Skeleton) -> np.ndarray:
        pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose))
        index = [
            skeleton.body_names.index(n) for n in ("femur_r", "tibia_r", "talus_r", "femur_l", "tibia_l", "talus_l")
        ]
        p = pose.p_ground_body.numpy()[index].reshape(2, 3, 3)
        return np.linalg.norm(np.diff(p, axis=1), axis=-1)

    np.testing.assert_allclose(lengths(scaling.skeleton), lengths(expert), rtol=0.06)


def test_the_jacobian_of_the_markers_is_the_numerical_one(full_body: Skeleton) -> None:
    rng = np.random.default_rng(3)
    pose = standing(full_body, rng)
    problem = ScalingProblem(full_body, models.markers_at(full_body, pose), height_ratio=None, all_anatomical=True)
    terms = 0.05 * torch.from_numpy(rng.normal(size=len(problem.mean)))
    direction = torch.from_numpy(rng.normal(size=len(problem.free) + len(terms)))
    width = 1e-6

    def residuals(step: float) -> torch.Tensor:
        q = torch.from_numpy(pose.copy())
        q[problem.free] += step * direction[: len(problem.free)]
        return problem.marker_residuals(q, terms + step * direction[len(problem.free) :])[0]

    _, jacobian = problem.marker_residuals(torch.from_numpy(pose), terms)
    numerical = (residuals(width) - residuals(-width)) / (2 * width)
    torch.testing.assert_close(jacobian @ direction, numerical, rtol=1e-5, atol=1e-5 * float(numerical.abs().max()))


def test_the_gradient_of_scaling_is_that_of_its_cost(full_body: Skeleton) -> None:
    rng = np.random.default_rng(4)
    pose = torch.from_numpy(standing(full_body, rng))
    markers = models.markers_at(full_body, pose.numpy()) + 0.02 * rng.normal(size=(len(full_body.markers), 3))
    problem = ScalingProblem(full_body, markers, height_ratio=1.0, all_anatomical=True)
    x = torch.cat([pose[problem.free], problem.mean + 0.05])
    direction = torch.from_numpy(rng.normal(size=len(x)))

    def cost(step: float) -> torch.Tensor:
        moved = pose.clone()
        moved[problem.free] = (x + step * direction)[: len(problem.free)]
        return problem.equations(moved, x + step * direction).cost[0]

    descent = problem.equations(pose, x).gradient[0]
    torch.testing.assert_close(-(descent @ direction), (cost(1e-6) - cost(-1e-6)) / 2e-6, rtol=1e-4, atol=1e-3)
