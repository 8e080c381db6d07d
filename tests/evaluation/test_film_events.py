"""Synthetic jumps fall freely between their own take-off and landing; film is rendered and perceived once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.analysis.body_points import center_of_mass_m
from biopose.analysis.flights import find_flights
from biopose.analysis.free_fall import GRAVITY_M_S2
from biopose.analysis.motion import FRAME_QUALITY
from biopose.analysis.trial_analysis import analyse_motion
from biopose.camera.pinhole import Camera
from biopose.errors import TrackingError
from biopose.evaluation.budget import StageErrors, budget_lines, evaluate_budget
from biopose.evaluation.event_errors import PlateEvents
from biopose.evaluation.events import event_lines
from biopose.evaluation.film_events import Film, FilmedTrial, evaluate_film_events
from biopose.evaluation.film_intervals import evaluate_intervals, interval_lines
from biopose.evaluation.ground_errors import GroundErrors, ground_lines
from biopose.evaluation.jump_plans import JumpKind
from biopose.evaluation.lab_film import filmed, measured, measured_motion
from biopose.evaluation.lab_video import ClipErrors
from biopose.evaluation.synthetic_jumps import SyntheticJump, synthetic_jump
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.pipeline import METHODS, Models
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.tracks import PersonTrack
from tests.body.bodies import needs_body_asset
from tests.evaluation.test_lab_video import first_frames
from tests.outputs.measured import keypoints_of, look_from
from tests.tracking.test_people import needs_assets

pytestmark = needs_body_asset


@pytest.fixture(scope="module", params=[0, 1], ids=["from the floor", "off a box"])
def jump(request: pytest.FixtureRequest) -> SyntheticJump:
    return synthetic_jump(request.param)


def test_the_centre_of_mass_falls_freely_in_flight(jump: SyntheticJump) -> None:
    motion = jump.motion
    height_m, time_s = center_of_mass_m(motion.person.skeleton, motion.q)[:, 1], motion.truth.time_s
    for take_off_s, landing_s in jump.flights:
        inside = (time_s >= take_off_s) & (time_s <= landing_s)
        acceleration = 2 * np.polyfit(time_s[inside], height_m[inside], 2)[0]
        assert acceleration == pytest.approx(-GRAVITY_M_S2, abs=1e-6)


def test_the_feet_rest_on_floor_or_box_and_leave_it_in_flight(jump: SyntheticJump) -> None:
    time_s = jump.motion.truth.time_s
    lowest_m = np.array([mesh[:, 1].min() for mesh in jump.motion.meshes()])
    before, last = time_s < jump.flights[0][0], time_s > jump.flights[-1][1]
    assert np.ptp(lowest_m[before]) < 0.03
    assert np.abs(lowest_m[last]).max() < 0.03
    middle_s = np.mean(jump.flights[-1])
    assert lowest_m[np.abs(time_s - middle_s).argmin()] > 0.03
    assert (lowest_m[0] > 0.15) == (jump.activity == "drop_jump")


def test_the_knees_bend_within_their_range_and_times_are_drawn_anew_from_a_seed(jump: SyntheticJump) -> None:
    knee = jump.motion.q[:, jump.motion.person.skeleton.coordinate_names.index("knee_angle_r")]
    assert np.degrees(knee.min()) >= 0
    assert 40 < np.degrees(knee.max()) < 130


def test_people_tilt_the_pelvis_differently_and_hold_legs_and_trunk_alike(jump: SyntheticJump) -> None:
    seed = int(jump.motion.trial.split("s")[1])
    other = synthetic_jump(seed, pelvis_sd_deg=6.0)
    names, time_s = jump.motion.person.skeleton.coordinate_names, jump.motion.truth.time_s
    still = time_s < jump.flights[0][0] - 0.2
    tilt, hip, trunk, knee = (
        np.degrees(other.motion.q[still, names.index(name)] - jump.motion.q[still, names.index(name)])
        for name in ("pelvis_tilt", "hip_flexion_r", "lumbar_extension", "knee_angle_r")
    )
    assert np.abs(tilt).min() > 1
    np.testing.assert_allclose(hip, -tilt, atol=2)
    np.testing.assert_allclose(trunk, -tilt, atol=2)
    np.testing.assert_allclose(knee, 0, atol=2)
    np.testing.assert_allclose(other.flights, jump.flights, atol=0.02)


def test_the_coverage_of_each_coordinate_is_a_line(jump: SyntheticJump) -> None:
    one, errors = projected(jump, 90.0), ClipErrors()
    q = one.coordinates.values.copy()
    q[:, one.coordinates.names.index("knee_angle_r")] += np.radians(5)
    sd = np.full(q.shape, np.radians(1.0))
    errors.add_angles(jump.motion, replace(one, coordinates=replace(one.coordinates, values=q), coordinate_sd=sd))
    result = {
        "clips": 1,
        "refused": ["jumps1_side"],
        "mae_deg": errors.angles.group_mae_deg,
        "mae_by_coordinate_deg": errors.angles.mae_deg,
    }
    *coordinates, nobody = interval_lines(result | errors.coverage())
    assert nobody == "Nobody was found in jumps1_side"
    lines = {line.split()[0]: line.split()[1:] for line in coordinates}
    assert lines["knee_angle_r"] == ["5.00", "0.00"]
    assert lines["knee_angle_l"] == ["0.00", "1.00"]


@pytest.mark.parametrize("degrees", [0.0, 45.0, 90.0], ids=["front", "oblique", "side"])
def test_take_off_and_landing_are_found_in_projected_keypoints(jump: SyntheticJump, degrees: float) -> None:
    motion = measured_motion(projected(jump, degrees))
    assert motion.of_film
    flights = find_flights(motion)
    assert not flights.refused
    assert len(flights.found) == len(jump.flights)
    take_off_s, landing_s = jump.flights[-1]
    fall = flights.found[-1].fall
    assert abs(fall.take_off_s - take_off_s) < 2.5 * fall.take_off_sd_s < 0.07
    assert abs(fall.landing_s - landing_s) < 2.5 * fall.landing_sd_s < 0.04
    assert fall.acceleration_m_s2 == pytest.approx(-GRAVITY_M_S2, rel=0.05)


@pytest.mark.parametrize(("kind", "flights"), [("squat", 1), ("twice", 2), ("one_leg", 1)])
def test_jumps_of_other_kinds_are_counted(kind: JumpKind, flights: int) -> None:
    other = synthetic_jump(32, kind=kind)
    events, metrics = analyse_motion(measured_motion(projected(other, 45.0)), activity=other.activity)
    assert next(one.value for one in metrics if one.metric == "jump_count") == flights == len(other.flights)
    assert {one.side for one in events if one.event == "foot_off"} == set(other.feet)


@pytest.mark.parametrize("degrees", [0.0, 90.0], ids=["front", "side"])
def test_who_jumps_onto_a_box_comes_to_rest_on_a_higher_level_from_whatever_side_it_is_seen(degrees: float) -> None:
    box = synthetic_jump(33, kind="onto_box")
    motion = measured_motion(projected(box, degrees))
    (flight,) = find_flights(motion).found
    lowest_m = [float(mesh[:, 1].min()) for mesh in replace(box.motion, q=box.motion.q[[0, -1]]).meshes()]
    assert flight.level_change_m == pytest.approx(lowest_m[-1] - lowest_m[0], abs=0.03)
    _, metrics = analyse_motion(motion, activity=box.activity)
    assert next(one.value for one in metrics if one.metric == "jump_height") is None


def projected(jump: SyntheticJump, degrees: float) -> PersonMeasurement:
    """As if measured: keypoints of the body itself with an error of two pixels, its depth wrong by up to 0.1 m."""
    person, q, time_s = jump.motion.person, jump.motion.q, jump.motion.truth.time_s
    T, rng = look_from(degrees), np.random.default_rng(0)
    camera = Camera(1280, 720, (1000.0, 1000.0), (639.5, 359.5))
    keypoints_m, n = keypoints_of(person, q), len(q)
    pixels = camera.project(torch.from_numpy(keypoints_m @ T[:3, :3].T + T[:3, 3])).numpy()
    pixels += rng.normal(scale=2.0, size=pixels.shape)
    wrong_m = np.outer(0.1 * np.sin(2 * np.pi * 1.5 * time_s), T[2, :3])
    found = q.copy()
    found[:, [person.skeleton.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]] += wrong_m
    box = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    markers = Kinematics(person.skeleton).with_coordinates(torch.from_numpy(found)).markers.numpy()
    return PersonMeasurement(
        track=PersonTrack(0, np.arange(n), time_s, box, pixels, np.full((n, 26), 0.8)),
        camera=camera,
        T_camera_world=T,
        person=person,
        coordinates=CoordinateTrajectories(time_s, person.skeleton.coordinate_names, found),
        markers=MarkerTrajectories(time_s, person.skeleton.marker_names, markers),
        keypoints_m=keypoints_m + wrong_m[:, None],
        contact=np.zeros((n, 4)),
        quality={name: np.full(n, 0.9) for name in FRAME_QUALITY},
    )


def test_the_budget_counts_angles_and_root_height_with_and_without_the_filter(jump: SyntheticJump) -> None:
    one = projected(jump, 90.0)
    q = one.coordinates.values.copy()
    q[:, one.coordinates.names.index("hip_flexion_r")] += np.radians(3)
    q[::2, one.coordinates.names.index("pelvis_ty")] += 0.02
    one = replace(one, unfiltered=CoordinateTrajectories(one.track.time_s, one.coordinates.names, q))
    trial = FilmedTrial(jump.motion, jump.height_m, jump.activity, PlateEvents((), None), ["side"])
    filtered, unfiltered = StageErrors(), StageErrors()
    filtered.add(trial, one, filtered=True)
    unfiltered.add(trial, one, filtered=False)
    assert filtered.as_dict() == pytest.approx(
        {"lower": 0, "upper": 0, "trunk": 0, "all": 0, "root_height_mm": 0}, abs=1e-6
    )
    assert unfiltered.angles.mae_deg["hip_flexion_r"] == pytest.approx(3)
    assert unfiltered.as_dict()["root_height_mm"] == pytest.approx(10, abs=0.5)
    line, nobody = budget_lines({"budget": {"filter": unfiltered.as_dict()}, "refused": ["DJ1_front"]})[2:]
    assert line.split()[0] == "filter"
    assert nobody == "Nobody was found in DJ1_front"


def test_the_pelvis_is_as_much_too_high_and_feet_slide_as_far_as_the_measurement_is_moved() -> None:
    jump = synthetic_jump(0)
    one = projected(jump, 90.0)
    names, time_s = one.coordinates.names, one.track.time_s
    still = replace(jump.motion, q=np.repeat(jump.motion.q[:1], len(jump.motion.q), axis=0))
    q = still.q.copy()
    q[:, names.index("pelvis_ty")] += 0.02 - still.ground_m  # the soles' height is 0 of the measured world
    q[:, names.index("pelvis_tx")] += 0.015 * np.where(np.arange(len(q)) % 2, 1.0, -1.0)
    ground = GroundErrors()
    ground.add(replace(one, coordinates=CoordinateTrajectories(time_s, names, q)), still)
    found = ground.as_dict()
    assert found["pelvis_height"] == pytest.approx({"mae_m": 0.02, "bias_m": 0.02})
    assert found["foot_sliding"]["n"] == 8  # points of two feet
    assert 0.0149 < found["foot_sliding"]["mean_m"] < 0.0301
    by_view = {key: {"synthetic": value | {"by_view": {"side": value}}} for key, value in found.items()}
    height, sliding = ground_lines(by_view, "synthetic")
    assert "mean 20 mm (side 20)" in height
    assert sliding.startswith("Feet that rest slide: mean ")


@needs_assets
def test_film_is_kept_and_a_clip_in_which_nobody_is_found_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biopose.evaluation.lab_rendering.LENS", Camera(64, 36, (50.0, 50.0), (31.5, 17.5)))
    monkeypatch.setattr("biopose.evaluation.lab_rendering.MARGIN_PX", 1)
    torch.set_num_threads(1)
    models = Models.load(METHODS["keypoint_fit"], threads=1)
    jump = synthetic_jump(0)
    motion = first_frames(jump.motion, 2)
    clip = filmed(motion, "side", tmp_path, models=models)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert sorted(path.suffix for path in kept) == [".mp4", ".parquet"]
    filmed(motion, "side", tmp_path, models=models)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
    with pytest.raises(TrackingError):
        measured(clip, height_m=1.7, activity="countermovement_jump", models=models)
    trial = FilmedTrial(motion, 1.7, jump.activity, PlateEvents((), None), ["side"])
    result = evaluate_film_events(
        Film(1, iter([trial])), source="synthetic", folder=tmp_path, method="keypoint_fit", threads=1
    )
    assert result["refused"] == [clip.video.stem]
    assert event_lines(result, "synthetic")[-1] == f"Nobody was found in {clip.video.stem}"
    for evaluated in (evaluate_budget, evaluate_intervals):
        with pytest.raises(TrackingError, match=rf"nobody was found in any clip: {clip.video.stem}"):
            evaluated(Film(1, iter([trial])), folder=tmp_path, threads=1)
