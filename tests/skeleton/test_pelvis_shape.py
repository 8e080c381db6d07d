"""The pelvis's landmarks turn together in it, as people's pelves differ, where somebody stands upright."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.skeleton.model import Skeleton
from biopose.skeleton.pelvis_shape import INCLINATION, INCLINATION_SD_RAD, turned, with_inclination
from biopose.skeleton.posture_prior import STANDING_HIP_SD_RAD
from biopose.skeleton.scaling import Scaling, scale_to_markers, scaled_geometry
from tests.skeleton.models import markers_at, random_poses
from tests.synthetic_person import drawn_scales

NOISE_M = 0.005
PELVIS = ("RASI", "LASI", "RPSI", "LPSI")


@pytest.mark.parametrize("inclination_rad", [0.0, 0.1])
def test_its_coordinate_turns_the_pelvis_markers_of_any_person_in_any_pose(
    full_body: Skeleton, inclination_rad: float
) -> None:
    inclined = with_inclination(full_body)
    assert inclined is not None
    assert inclined.coordinate_names == (*full_body.coordinate_names, INCLINATION)
    scales = drawn_scales(full_body, np.random.default_rng(0))
    person = turned(scaled_geometry(full_body, scales), full_body.marker_names, inclination_rad)
    q = random_poses(full_body, count=3)
    other = scaled_geometry(inclined, np.vstack([scales, np.ones(3)]))
    angles = np.column_stack([q, np.full(len(q), inclination_rad)])
    np.testing.assert_allclose(markers_at(other, angles), markers_at(person, q), atol=1e-12)


def test_without_three_markers_on_the_pelvis_there_is_none(full_body: Skeleton) -> None:
    few = full_body.select_markers([name for name in full_body.marker_names if name not in PELVIS[:2]])
    assert with_inclination(few) is None


def scaled(
    skeleton: Skeleton, seed: int, *, standing: bool, hips_rad: float = 0.0
) -> tuple[Scaling, np.ndarray, float]:
    """A person whose pelvis and tilt are drawn from the prior: what scaling makes of them, and the truth."""
    rng = np.random.default_rng(seed)
    inclination_rad = float(INCLINATION_SD_RAD * rng.normal())
    person = turned(scaled_geometry(skeleton, drawn_scales(skeleton, rng)), skeleton.marker_names, inclination_rad)
    names, q = skeleton.coordinate_names, skeleton.default_pose.copy()
    tilt = float(STANDING_HIP_SD_RAD / 2**0.5 * rng.normal())
    q[names.index("pelvis_tilt")] = -tilt
    q[names.index("lumbar_extension")] = tilt
    for side in "rl":
        q[names.index(f"hip_flexion_{side}")] = tilt + hips_rad
        q[names.index(f"knee_angle_{side}")] = hips_rad
    q = skeleton.satisfy_couplings(q)
    markers = markers_at(person, q) + NOISE_M / np.sqrt(3) * rng.normal(size=(len(person.markers), 3))
    return (
        scale_to_markers(skeleton, dict(zip(skeleton.marker_names, markers, strict=True)), standing=standing),
        q,
        inclination_rad,
    )


def test_the_pelvis_tilt_is_nearer_than_from_its_landmarks_alone(full_body: Skeleton) -> None:
    hips = [full_body.coordinate_names.index(f"hip_flexion_{side}") for side in "rl"]
    error = {True: [], False: []}
    for seed in range(6):
        for standing, errors in error.items():
            scaling, q, _ = scaled(full_body, seed, standing=standing)
            errors.append(float(np.degrees((scaling.static_pose - q)[hips].mean())))
    rms = {standing: np.sqrt(np.mean(np.square(errors))) for standing, errors in error.items()}
    assert rms[True] < 0.9 * rms[False]


def test_it_is_turned_the_way_that_the_landmarks_are(full_body: Skeleton) -> None:
    pairs = []
    for seed in range(6):
        scaling, _, inclination_rad = scaled(full_body, seed, standing=True)
        pairs.append((inclination_rad, scaling.pelvis_inclination_rad))
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.5


def test_who_sits_tells_nothing_of_the_pelvis_shape(full_body: Skeleton) -> None:
    scaling, _, _ = scaled(full_body, 0, standing=True, hips_rad=np.radians(70))
    assert scaling.pelvis_inclination_rad == 0.0


def test_fixed_markers_of_the_pelvis_turn_too(full_body: Skeleton) -> None:
    fixed = full_body.with_markers(tuple(replace(m, fixed=True) for m in full_body.markers))
    scaling, _, _ = scaled(fixed, 3, standing=True)
    assert abs(scaling.pelvis_inclination_rad) > 0.01
    expected = turned(scaled_geometry(fixed, scaling.body_scales), scaling.marker_names, scaling.pelvis_inclination_rad)
    for mine, other in zip(scaling.skeleton.markers, expected.markers, strict=True):
        np.testing.assert_array_equal(mine.location_m, other.location_m)
