"""What counts as a landmark is decided by <fixed> and by where a marker lies; distant landmarks are not registered."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.landmarks import (
    LANDMARK_SD_M,
    LOOSE_MARKER_SD_M,
    UNSURE_LANDMARK_SD_M,
    along_a_shaft,
    landmarks,
    marker_sd_m,
)
from biopose.skeleton.model import Marker, Skeleton
from biopose.skeleton.posture_prior import FREE_SD_RAD, POSTURE_SD_RAD, arm_coordinates, arms_at_limits, posture_sd
from biopose.skeleton.scaling import Scaling, scale_to_static, scaled_geometry
from tests.skeleton.models import markers_at
from tests.synthetic_person import drawn_scales

NOISE_M = 0.005
ARM_MARKERS = tuple(side + name for side in "RL" for name in ("ELB", "ELBIN"))
WRISTS = ("ROWR", "RIWR", "LOWR", "LIWR")


def laboratory(skeleton: Skeleton, *, fixed: tuple[str, ...]) -> tuple[Skeleton, Skeleton]:
    """A generic model with clusters on thighs and shanks, all in one place there; and where the person has them."""
    rng = np.random.default_rng(1)
    generic = [replace(marker, fixed=marker.name in fixed) for marker in skeleton.markers]
    own = list(generic)
    for body, height_m in (("femur_r", -0.25), ("femur_l", -0.25), ("tibia_r", -0.22), ("tibia_l", -0.22)):
        for i in range(3):
            place = np.array([0.06, height_m, 0.0])
            name = f"{body}_{i}"
            marker = Marker(name, skeleton.body_names.index(body), place, fixed=name in fixed)
            generic.append(marker)
            own.append(replace(marker, location_m=place + rng.normal(0, 0.05, 3)))
    return skeleton.with_markers(tuple(generic)), skeleton.with_markers(tuple(own))


def posture(skeleton: Skeleton, rng: np.random.Generator, *, pronation_deg: float) -> np.ndarray:
    names = skeleton.coordinate_names
    q = skeleton.default_pose + rng.normal(0, 0.05, len(names))
    for side in "rl":
        q[names.index(f"pro_sup_{side}")] = np.radians(pronation_deg)
        q[names.index(f"elbow_flex_{side}")] = np.radians(15)
        q[names.index(f"arm_add_{side}")] = -np.radians(10)
        q[names.index(f"knee_angle_{side}")] = np.radians(3)
    return skeleton.satisfy_couplings(q)


def scaled(
    generic: Skeleton, own: Skeleton, *, pronation_deg: float, seed: int = 0, **off_m: float
) -> tuple[Scaling, np.ndarray]:
    """What scaling makes of a static trial in which markers are as far forward as given; and the true posture."""
    rng = np.random.default_rng(seed)
    person = scaled_geometry(own, drawn_scales(own, rng))
    q = posture(own, rng, pronation_deg=pronation_deg)
    markers = markers_at(person, q) + NOISE_M / np.sqrt(3) * rng.normal(size=(len(person.markers), 3))
    for name, metres in off_m.items():
        markers[person.marker_names.index(name), 0] += metres
    static = MarkerTrajectories(np.arange(3) / 100, person.marker_names, np.repeat(markers[None], 3, axis=0))
    return scale_to_static(generic, static), q


def off_deg(scaling: Scaling, q: np.ndarray, *names: str) -> float:
    columns = [scaling.skeleton.coordinate_names.index(name) for name in names]
    return float(np.degrees(np.abs(scaling.static_pose - q)[columns]).max())


@pytest.mark.parametrize("pronation_deg", [0.0, 60.0, 120.0])
@pytest.mark.parametrize("loose", [(), WRISTS], ids=["fixed", "loose"])
def test_forearms_may_be_pronated_in_a_static_trial(
    full_body: Skeleton, pronation_deg: float, loose: tuple[str, ...]
) -> None:
    """Whether the wrists' markers are <fixed> or not."""
    fixed = tuple(name for name in full_body.marker_names if name not in loose)
    scaling, q = scaled(*laboratory(full_body, fixed=fixed), pronation_deg=pronation_deg)
    assert off_deg(scaling, q, "pro_sup_r", "pro_sup_l") < 10
    assert off_deg(scaling, q, "elbow_flex_r", "elbow_flex_l") < 5


def test_a_forearm_turned_beyond_the_model_range_is_found_at_its_end(full_body: Skeleton) -> None:
    generic, own = laboratory(full_body, fixed=full_body.marker_names)
    narrow = replace(
        generic,
        coordinates=tuple(
            replace(c, range_max=np.radians(90)) if c.name.startswith("pro_sup") else c for c in generic.coordinates
        ),
    )
    found = []
    for pronation_deg in (40.0, 120.0):
        scaling, _ = scaled(narrow, own, pronation_deg=pronation_deg)
        found.append(arms_at_limits(narrow, scaling.static_pose))
    assert found[0] == {}
    assert found[1] == pytest.approx({"pro_sup_r": np.radians(90), "pro_sup_l": np.radians(90)})


def test_fixed_markers_on_the_arms_alone_leave_the_legs_their_landmarks(full_body: Skeleton) -> None:
    legs = [f"{name}_{side}" for name in ("hip_flexion", "hip_adduction", "knee_angle") for side in "rl"]
    found = {}
    for fixed in (full_body.marker_names, (*ARM_MARKERS, *WRISTS)):
        solved = [scaled(*laboratory(full_body, fixed=fixed), pronation_deg=20, seed=seed) for seed in range(4)]
        found[len(fixed)] = np.mean([off_deg(scaling, q, *legs) for scaling, q in solved])
    every, arms = found.values()
    assert arms < every + 2.5


def test_a_landmark_beyond_40_mm_is_not_moved(full_body: Skeleton) -> None:
    generic, own = laboratory(full_body, fixed=("RASI", "LASI", "C7"))
    scaling, _ = scaled(generic, own, pronation_deg=20, RKNE=0.09)
    unmoved = set(scaling.marker_names) - set(scaling.moved_markers)
    assert unmoved == {"RASI", "LASI", "C7", "RKNE"}
    body = generic.body_names.index("femur_r")
    index = generic.marker_names.index("RKNE")
    np.testing.assert_allclose(
        scaling.skeleton.markers[index].location_m, generic.markers[index].location_m * scaling.body_scales[body]
    )
    assert {f"femur_r_{i}" for i in range(3)} <= set(scaling.moved_markers)


def test_markers_between_the_ends_of_long_segments_are_no_landmarks(full_body: Skeleton) -> None:
    generic, _ = laboratory(full_body, fixed=())
    along = along_a_shaft(generic)
    assert {generic.marker_names[m] for m in np.flatnonzero(along)} == set(generic.marker_names) - set(
        full_body.marker_names
    )
    assert set(landmarks(generic)) == set(full_body.marker_names)


def test_fixed_and_place_decide_together(full_body: Skeleton) -> None:
    generic, _ = laboratory(full_body, fixed=("RKNE", "femur_r_0"))
    sd_m = dict(zip(generic.marker_names, marker_sd_m(generic), strict=True))
    assert sd_m["RKNE"] == LANDMARK_SD_M
    assert sd_m["LKNE"] == sd_m["femur_r_0"] == UNSURE_LANDMARK_SD_M
    assert sd_m["femur_r_1"] == LOOSE_MARKER_SD_M
    none_fixed, _ = laboratory(full_body, fixed=())
    assert set(marker_sd_m(none_fixed)[: len(full_body.markers)]) == {LANDMARK_SD_M}
    assert set(marker_sd_m(generic, all_anatomical=True)) == {LANDMARK_SD_M}


def test_nothing_is_presumed_of_the_arms(full_body: Skeleton) -> None:
    names = [full_body.coordinate_names[c] for c in full_body.free_coordinates]
    sd = dict(zip(names, posture_sd(full_body, standing=True), strict=True))
    assert {name for name, value in sd.items() if value == FREE_SD_RAD} == {
        full_body.coordinate_names[c] for c in arm_coordinates(full_body)
    }
    assert sd["arm_add_r"] == sd["elbow_flex_l"] == sd["pro_sup_r"] == sd["wrist_dev_l"] == FREE_SD_RAD
    assert sd["knee_angle_r"] == sd["lumbar_extension"] == sd["neck_flexion"] == POSTURE_SD_RAD
    assert np.isinf(sd["pelvis_tilt"])
    assert FREE_SD_RAD not in posture_sd(full_body, standing=False)
