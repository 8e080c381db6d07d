"""From a fitted motion to a measurement: the same angles again, in the world asked for, with a quality per frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.body.anny import Body
from biopose.body.keypoint_displacements import displacements
from biopose.body.segment_body import SEGMENTS
from biopose.body.subject import BodyWithSkeleton
from biopose.hmr.lifter import load_lifter
from biopose.neurik.network import new_neurik
from biopose.reconstruction.coordinates import CONSTANT_SHARE, LARGER_SHARE, _continuous, _inside_limits, solve_person
from biopose.reconstruction.fitted_person import Athlete, FittedPerson, person_of
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.neural_ik import NeuralIK
from biopose.reconstruction.observed_track import ObservedTrack, observe
from biopose.reconstruction.track_fit import FittedMotion
from biopose.reconstruction.unseen_coordinates import unseen_columns, with_unseen_sd
from biopose.skeleton.constant_errors import constant_sd_rad
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.tracks import PersonTrack
from tests.body.bodies import needs_body_asset
from tests.reconstruction.test_neural_ik import SHAPE
from tests.swinging_person import CAMERA, frame_times, full_body, level, not_found, swinging, track_of
from tests.training.synthetic_markers import default_locations_m

FRAMES, GAP = 12, slice(5, 7)


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.load()


@pytest.fixture(scope="module")
def usual(body: Body) -> BodyWithSkeleton:
    return Athlete(1.75).body_with_skeleton(body, full_body())


def motion_of(usual: BodyWithSkeleton, frames: int) -> FittedMotion:
    q = swinging(frame_times(frames))
    return FittedMotion(q, usual.body_scales, level().numpy(), 1.0, ("lifted",))


def world() -> np.ndarray:
    """T_camera_world (4, 4): under the camera, turned about the vertical from the fit's world."""
    c, s = np.cos(0.5), np.sin(0.5)
    T = np.eye(4)
    T[:3, :3] = level().numpy() @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    T[:3, 3] = T[:3, :3] @ [0.0, -1.2, 0.0]
    return T


def fitted_motion(usual: BodyWithSkeleton, track: PersonTrack) -> FittedPerson:
    observed: ObservedTrack = observe(track, CAMERA, load_lifter(), height_m=1.75)
    return FittedPerson(
        track=track,
        athlete=Athlete(1.75),
        camera=CAMERA,
        contact=observed.observations.contact.double().numpy(),
        motion=motion_of(usual, len(track)),
        T_camera_world=world(),
        keypoint_sd_m=np.full((len(track), 26, 2), 0.05),
        height_sd_m=0.04,
        notes=("synthetic",),
    )


def measurement_of(body: Body, usual: BodyWithSkeleton, track: PersonTrack) -> PersonMeasurement:
    return solve_person(fitted_motion(usual, track), body=body, skeleton=full_body(), cutoff_hz=12.0)


@pytest.fixture(scope="module")
def measurement(body: Body, usual: BodyWithSkeleton) -> PersonMeasurement:
    time_s = frame_times(FRAMES)
    return measurement_of(body, usual, not_found(track_of(swinging(time_s), time_s), GAP))


@needs_body_asset
def test_a_fit_from_the_mesh_is_compared_with_where_keypoints_are_seen(body: Body, usual: BodyWithSkeleton) -> None:
    time_s = frame_times(3)
    fitted = fitted_motion(usual, track_of(swinging(time_s), time_s))
    on_points = solve_person(fitted, body=body, skeleton=full_body(), cutoff_hz=12.0)
    q = torch.from_numpy(on_points.coordinates.values)
    bodies = [full_body().body_names.index(segment) for segment in SEGMENTS]
    R = Kinematics(full_body()).with_scales(torch.from_numpy(usual.body_scales)).with_coordinates(q).R_ground_body
    seen_m = on_points.keypoints_m + 1.75 * displacements(R[:, bodies]).numpy()
    in_camera = torch.from_numpy(seen_m @ world()[:3, :3].T + world()[:3, 3])
    displaced = np.abs(seen_m - on_points.keypoints_m).max(axis=-1) > 0
    seen = replace(
        fitted.track, keypoints_px=CAMERA.project(in_camera).numpy(), confidence=np.where(displaced, 0.9, 0.0)
    )
    errors = {}
    for start in ("given", "lifted"):
        motion = replace(fitted.motion, starts=(start,))
        person = solve_person(
            replace(fitted, track=seen, motion=motion), body=body, skeleton=full_body(), cutoff_hz=12.0
        )
        errors[start] = person.quality["reprojection_px"].max()
    assert errors["given"] < 0.01
    assert errors["lifted"] > 1.5


@needs_body_asset
def test_the_body_has_the_athletes_height_and_the_skeleton_its_size(usual: BodyWithSkeleton) -> None:
    vertices = usual.shaped.vertices
    assert float(vertices[:, 1].max() - vertices[:, 1].min()) == pytest.approx(1.75, abs=0.005)
    assert 0.85 < np.exp(np.log(usual.body_scales[1:]).mean()) < 1.15


@needs_body_asset
@pytest.mark.parametrize(("height_m", "mass_kg"), [(0.6, None), (2.5, None), (1.8, 300.0)])
def test_nobody_of_an_impossible_size_is_made_up(body: Body, height_m: float, mass_kg: float | None) -> None:
    with pytest.raises(ValueError, match="out of reach"):
        Athlete(height_m, mass_kg).body_with_skeleton(body, full_body())


@needs_body_asset
def test_the_fitted_angles_come_out_again(measurement: PersonMeasurement) -> None:
    """Through the body's markers and inverse kinematics; the root is in another world, and what is not seen is held."""
    names = measurement.coordinates.names
    seen = full_body().rotational_names - {names[column] for column in unseen_columns(names)}
    columns = [i for i, name in enumerate(names) if name in seen and "pelvis" not in name]
    found, truth = measurement.coordinates.values[:, columns], swinging(frame_times(FRAMES))[:, columns]
    assert names == full_body().coordinate_names
    assert np.degrees(np.abs(found - truth)).mean() < 2.0


@needs_body_asset
def test_the_measurement_is_in_the_world_asked_for(measurement: PersonMeasurement) -> None:
    T = measurement.T_camera_world
    in_camera = measurement.keypoints_m @ T[:3, :3].T + T[:3, 3]
    assert abs(float(np.median(in_camera[..., 2])) - 5.0) < 0.5
    assert -0.1 < measurement.keypoints_m[..., 1].min() < 0.3
    assert 1.4 < measurement.keypoints_m[..., 1].max() < 2.0


@needs_body_asset
def test_markers_are_those_of_the_coordinates(measurement: PersonMeasurement) -> None:
    q = torch.from_numpy(measurement.coordinates.values)
    expected = Kinematics(measurement.person.skeleton).with_coordinates(q).markers.numpy()
    assert measurement.markers.names == measurement.person.skeleton.marker_names
    np.testing.assert_allclose(measurement.markers.positions_m, expected, atol=1e-9)


@needs_body_asset
def test_the_coordinates_are_within_the_ranges_and_coupled(measurement: PersonMeasurement) -> None:
    skeleton, values = measurement.person.skeleton, measurement.coordinates.values
    assert np.isfinite(values).all()
    np.testing.assert_allclose(skeleton.satisfy_couplings(values), values, atol=1e-9)
    for c, column in zip(skeleton.coordinates, values.T, strict=True):
        if c.clamped:
            assert c.range_min - 1e-9 <= column.min()
            assert column.max() <= c.range_max + 1e-9


@needs_body_asset
def test_every_frame_has_a_quality_and_frames_not_seen_have_none(measurement: PersonMeasurement) -> None:
    quality = measurement.quality
    assert set(quality) == {"reprojection_px", "confidence", "seen_fraction", "quality"}
    assert all(len(values) == FRAMES for values in quality.values())
    gap = np.zeros(FRAMES, dtype=bool)
    gap[GAP] = True
    assert np.isnan(quality["reprojection_px"][gap]).all()
    assert (quality["quality"][gap] == 0).all()
    assert (quality["seen_fraction"] == ~gap).all()
    assert (quality["reprojection_px"][~gap] < 15).all()
    assert ((quality["quality"][~gap] > 0.5) & (quality["quality"] <= 1)[~gap]).all()


@needs_body_asset
@pytest.mark.parametrize("frames", [1, 2])
def test_a_measurement_of_few_frames(body: Body, usual: BodyWithSkeleton, frames: int) -> None:
    time_s = frame_times(frames)
    one = measurement_of(body, usual, track_of(swinging(time_s), time_s))
    assert np.isfinite(one.coordinates.values).all()
    assert len(one.quality["quality"]) == frames


def test_a_turning_pelvis_has_no_jumps_and_begins_within_half_a_turn() -> None:
    """Inverse kinematics may write the first frame a whole turn away."""
    column = full_body().coordinate_names.index("pelvis_rotation")
    turn = np.linspace(0.3, 9.0, 40)
    values = np.repeat(full_body().default_pose[None], 40, axis=0)
    for wound in ((turn + np.pi) % (2 * np.pi) - np.pi, turn + 2 * np.pi, turn - 4 * np.pi):
        values[:, column] = wound
        np.testing.assert_allclose(_continuous(full_body(), values)[:, column], turn, atol=1e-9)


def test_what_overshoots_a_limit_is_put_back_and_the_rest_stays() -> None:
    q = swinging(frame_times(5))
    knee = full_body().coordinate_names.index("knee_angle_r")
    over = q.copy()
    over[2, knee] = -0.05
    inside = _inside_limits(full_body(), over)
    assert inside[2, knee] == 0
    np.testing.assert_allclose(np.delete(inside, 2, axis=0), np.delete(q, 2, axis=0), atol=1e-9)


@needs_body_asset
def test_a_network_that_predicts_the_coordinates_stands_in_place_of_inverse_kinematics(
    measurement: PersonMeasurement, body: Body, usual: BodyWithSkeleton
) -> None:
    torch.manual_seed(0)
    network = NeuralIK.of(new_neurik(SHAPE, locations_m=default_locations_m()).eval())
    time_s = frame_times(FRAMES)
    fitted = fitted_motion(usual, not_found(track_of(swinging(time_s), time_s), GAP))
    one = solve_person(fitted, body=body, skeleton=full_body(), cutoff_hz=12.0, neural_ik=network)
    q, sd = network.predict(fitted, person_of(fitted, body=body, skeleton=full_body()))
    names = full_body().coordinate_names
    sd, of_frames = with_unseen_sd(sd, names), constant_sd_rad(names, of_film=True)
    angles = ~np.isnan(sd[0])  # translations have none
    np.testing.assert_array_equal(one.coordinate_sd[:, angles], np.hypot(sd, of_frames)[:, angles])
    assert one.constant_sd is not None
    others = {name: (one.coordinate_sd[0, i], one.constant_sd[i]) for i, name in enumerate(names) if not angles[i]}
    np.testing.assert_equal(others, dict.fromkeys(others, (np.nan, np.nan)) | {"pelvis_ty": (0.04, 0.04)})
    shares = np.array([LARGER_SHARE.get(name, CONSTANT_SHARE) for name in names])
    np.testing.assert_allclose((one.constant_sd**2 - of_frames**2)[angles], (shares * sd.min(axis=0) ** 2)[angles])
    assert one.coordinate_sd is not None
    assert (one.constant_sd < one.coordinate_sd.min(axis=0))[angles].all()  # every frame has an error that varies
    knee = full_body().coordinate_names.index("knee_angle_r")
    assert np.abs(one.coordinates.values[:, knee] - q[:, knee]).max() < np.radians(10)  # filtered, no more
    assert measurement.coordinate_sd is None
    assert measurement.constant_sd is None
