"""Inverse kinematics undoes forward kinematics, minimises what it says, and bears what recordings are like."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc
from biopose.skeleton.ik import recording_solver
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics, marker_errors_m
from biopose.skeleton.ik.opensim_ik import opensim_inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from tests.reference_data import LAB, needs_shared_data
from tests.skeleton import models
from tests.skeleton.models import angle_differences, motion, random_poses, recording_of, renamed

TIGHT = 1e-12


def unclamped(skeleton: Skeleton) -> Skeleton:
    return replace(skeleton, coordinates=tuple(replace(c, clamped=False) for c in skeleton.coordinates))


def pose_differences(skeleton: Skeleton, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(F,) largest difference of any body's pose, which whole turns do not change."""
    kinematics = Kinematics(skeleton)
    T = [kinematics.with_coordinates(torch.from_numpy(q)).T_ground_body for q in (first, second)]
    return (T[0] - T[1]).abs().amax((-1, -2, -3)).numpy()


def gradient_of_cost(
    skeleton: Skeleton, recording: MarkerTrajectories, q: np.ndarray, weights: Mapping[str, float] | None = None
) -> np.ndarray:
    """(F, Q) derivative of half the cost by each coordinate, couplings followed."""
    chosen = skeleton.select_markers(recording.names)
    pose = Kinematics(chosen).with_coordinates(torch.from_numpy(q))
    r = np.nan_to_num(pose.markers.numpy() - recording.positions_m)
    w = np.array([1.0 if weights is None else weights[name] for name in recording.names])
    return np.einsum("fmi,m,fmiq->fq", r, w, pose.marker_jacobian().numpy())


def cost(recording: MarkerTrajectories, skeleton: Skeleton, q: np.ndarray) -> np.ndarray:
    """(F,) sum of squared marker distances."""
    modelled = models.markers_at(skeleton.select_markers(recording.names), q)
    return np.nansum((modelled - recording.positions_m) ** 2, axis=(1, 2))


class TestRoundTrip:
    @pytest.mark.parametrize("limits", ["clamped", "all"])
    def test_any_usual_pose_is_found(self, person: Skeleton, limits: recording_solver.Limits) -> None:
        """Each frame another pose, however the body is turned: nothing is learnt from the frames before."""
        q = random_poses(person, count=60, seed=1, share=0.2)
        q[:, :3] = random_poses(person, count=60, seed=2)[:, :3]
        solution = inverse_kinematics(person, recording_of(person, q), limits=limits, tolerance=TIGHT)
        assert solution.converged.all()
        assert pose_differences(person, solution.coordinates.values, q).max() < 1e-6
        assert solution.rms_m.max() < 1e-6
        assert solution.marker_error_m.shape == (60, len(person.markers))
        assert solution.held == ()

    def test_a_movement_is_found_coordinate_by_coordinate(self, person: Skeleton) -> None:
        q = motion(person, frames=300, share=0.2)
        solution = inverse_kinematics(person, recording_of(person, q), tolerance=TIGHT)
        assert solution.coordinates.names == person.coordinate_names
        assert angle_differences(solution.coordinates.values, q).max() < 1e-6

    def test_every_joint_type_and_function_is_undone(self, every_part: Skeleton) -> None:
        skeleton = models.without_ground_markers(every_part)
        q = motion(skeleton, frames=100, share=0.9)
        solution = inverse_kinematics(skeleton, recording_of(skeleton, q), tolerance=TIGHT)
        assert angle_differences(solution.coordinates.values, q).max() < 1e-6

    def test_coordinates_that_move_several_joints_are_found(self, coupled_spine: Skeleton) -> None:
        q = motion(coupled_spine, frames=100, share=0.9)
        solution = inverse_kinematics(coupled_spine, recording_of(coupled_spine, q), tolerance=TIGHT)
        assert angle_differences(solution.coordinates.values, q).max() < 1e-6

    def test_the_default_tolerance_is_a_hundredth_of_a_degree(self, person: Skeleton) -> None:
        recording = recording_of(person, motion(person, frames=300, share=0.2), noise_m=0.005)
        rough, exact = (inverse_kinematics(person, recording, tolerance=t).coordinates.values for t in (1e-5, TIGHT))
        assert np.percentile(angle_differences(rough, exact), 99) < np.radians(0.01)

    def test_a_single_frame_is_enough(self, person: Skeleton) -> None:
        q = random_poses(person, count=1, seed=3, share=0.7)
        solution = inverse_kinematics(person, recording_of(person, q), tolerance=TIGHT)
        assert pose_differences(person, solution.coordinates.values, q).max() < 1e-6


@pytest.fixture(scope="module")
def recording(person: Skeleton) -> MarkerTrajectories:
    return recording_of(person, motion(person, frames=40, seed=11, share=0.2), noise_m=0.01)


@pytest.fixture(scope="module")
def solution(person: Skeleton, recording: MarkerTrajectories) -> IKSolution:
    return inverse_kinematics(person, recording, limits="none", tolerance=TIGHT)


class TestMinimum:
    def test_the_gradient_vanishes(self, person: Skeleton, recording: MarkerTrajectories, solution: IKSolution) -> None:
        assert solution.converged.all()
        gradient = gradient_of_cost(person, recording, solution.coordinates.values)
        assert np.abs(gradient).max() < 1e-9

    def test_no_pose_nearby_is_better(
        self, person: Skeleton, recording: MarkerTrajectories, solution: IKSolution
    ) -> None:
        best = cost(recording, person, solution.coordinates.values)
        rng = np.random.default_rng(4)
        for size in (1e-4, 1e-2, 0.3):
            for _ in range(10):
                step = size * rng.normal(size=solution.coordinates.values.shape)
                assert (cost(recording, person, solution.coordinates.values + step) >= best).all()

    def test_errors_are_those_of_the_solution(
        self, person: Skeleton, recording: MarkerTrajectories, solution: IKSolution
    ) -> None:
        expected = marker_errors_m(person, recording, solution.coordinates)
        order = [recording.names.index(name) for name in solution.marker_names]
        np.testing.assert_allclose(solution.marker_error_m, expected[:, order], atol=1e-9)
        np.testing.assert_allclose(solution.rms_m, np.sqrt((expected**2).mean(axis=1)), atol=1e-9)
        np.testing.assert_allclose(
            solution.rms_m, np.sqrt(cost(recording, person, solution.coordinates.values) / len(person.markers))
        )


class TestLimits:
    def test_limits_hold_and_all_else_is_at_its_best(self, person: Skeleton) -> None:
        """The conditions of Karush, Kuhn and Tucker, for poses far outside the ranges."""
        q = motion(person, frames=80, seed=5, share=1.25)
        arms = [i for i, name in enumerate(person.coordinate_names) if name.startswith("arm_")]
        q[:, arms] = motion(person, frames=80, seed=5, share=0.2)[:, arms]
        recording = recording_of(person, q, noise_m=0.003)
        solution = inverse_kinematics(person, recording, limits="all", tolerance=TIGHT)
        values = solution.coordinates.values
        low, high = np.array([(c.range_min, c.range_max) for c in person.coordinates]).T
        low[:6], high[:6] = -np.inf, np.inf
        assert (values >= low).all()
        assert (values <= high).all()
        at_low, at_high = values < low + 1e-9, values > high - 1e-9
        assert (at_low | at_high).any(axis=1).mean() > 0.5
        uphill = gradient_of_cost(person, recording, values)
        dependent = [coupling.dependent for coupling in person.couplings]
        uphill[:, dependent] = 0.0
        assert np.abs(uphill[~at_low & ~at_high]).max() < 1e-7
        assert uphill[at_low].min() > -1e-7
        assert uphill[at_high].max() < 1e-7

    def test_a_coordinate_beyond_its_limit_does_not_stall_the_others(self, person: Skeleton) -> None:
        """The rest is solved as if the coordinate were locked at its limit."""
        elbow = person.coordinate_names.index("elbow_flex_r")
        limit = person.coordinates[elbow].range_max
        q = motion(person, frames=80, seed=6, share=0.2)
        q[:, elbow] = limit + 0.1
        recording = recording_of(person, q)
        solution = inverse_kinematics(person, recording, tolerance=TIGHT)
        assert solution.converged.all()
        np.testing.assert_allclose(solution.coordinates.values[:, elbow], limit, rtol=1e-15)
        locked = replace(person.coordinates[elbow], locked=True, default=limit)
        others = person.coordinates[:elbow], person.coordinates[elbow + 1 :]
        reference = inverse_kinematics(
            replace(person, coordinates=(*others[0], locked, *others[1])), recording, tolerance=TIGHT
        )
        np.testing.assert_allclose(solution.coordinates.values, reference.coordinates.values, atol=1e-7)

    def test_only_what_the_model_clamps_is_clamped(self, person: Skeleton) -> None:
        elbow = person.coordinate_names.index("elbow_flex_r")
        q = motion(person, frames=20, share=0.4)
        q[:, elbow] = person.coordinates[elbow].range_max + 0.1
        assert person.coordinates[elbow].clamped
        cases: list[tuple[Skeleton, recording_solver.Limits]] = [(unclamped(person), "clamped"), (person, "none")]
        for skeleton, limits in cases:
            found = inverse_kinematics(skeleton, recording_of(person, q), limits=limits, tolerance=TIGHT)
            assert np.abs(found.coordinates.values - q).max() < 1e-6

    def test_locked_coordinates_stay_and_coupled_ones_follow(self, every_part: Skeleton) -> None:
        skeleton = models.without_ground_markers(every_part)
        free = replace(skeleton, coordinates=tuple(replace(c, locked=False) for c in skeleton.coordinates))
        recording = recording_of(skeleton, random_poses(free, count=20, seed=2), noise_m=0.01)
        values = inverse_kinematics(skeleton, recording).coordinates.values
        locked = skeleton.coordinate_names.index("universal_y")
        np.testing.assert_allclose(values[:, locked], skeleton.coordinates[locked].default, rtol=1e-12)
        np.testing.assert_allclose(values, skeleton.satisfy_couplings(values), rtol=1e-14)


class TestWeights:
    def test_a_double_weight_is_a_second_marker(self, person: Skeleton, recording: MarkerTrajectories) -> None:
        twice = [m for m in person.markers if m.name in ("RKNE", "C7", "LANK")]
        both = person.with_markers(person.markers + tuple(replace(m, name=f"{m.name}_again") for m in twice))
        again = recording.select([m.name for m in twice]).positions_m
        doubled = MarkerTrajectories(
            recording.time_s, both.marker_names, np.concatenate([recording.positions_m, again], axis=1)
        )
        weights = dict.fromkeys(person.marker_names, 1.0) | {m.name: 2.0 for m in twice}
        first = inverse_kinematics(both, doubled, tolerance=TIGHT)
        second = inverse_kinematics(person, recording, weights=weights, tolerance=TIGHT)
        assert angle_differences(first.coordinates.values, second.coordinates.values).max() < 1e-8
        np.testing.assert_allclose(
            second.rms_m**2 * sum(weights.values()),
            (second.marker_error_m**2 * [weights[n] for n in second.marker_names]).sum(axis=1),
        )

    def test_a_zero_weight_or_none_is_an_absent_marker(self, person: Skeleton, recording: MarkerTrajectories) -> None:
        left_out = {"RKNE", "C7", "LANK"}
        kept = [n for n in person.marker_names if n not in left_out]
        absent = inverse_kinematics(person, recording.select(kept), tolerance=TIGHT)
        for weights in (
            dict.fromkeys(kept, 1.0),
            dict.fromkeys(kept, 1.0) | dict.fromkeys(left_out, 0.0),
        ):
            found = inverse_kinematics(person, recording, weights=weights, tolerance=TIGHT)
            assert found.marker_names == tuple(kept)
            assert angle_differences(found.coordinates.values, absent.coordinates.values).max() < 1e-8

    @pytest.mark.parametrize("factor", [1e-3, 1e3])
    def test_only_ratios_of_weights_matter(
        self, person: Skeleton, recording: MarkerTrajectories, factor: float
    ) -> None:
        weights = {name: 1.0 + i % 3 for i, name in enumerate(person.marker_names)}
        scaled = {name: factor * weight for name, weight in weights.items()}
        first, second = (inverse_kinematics(person, recording, weights=w, tolerance=TIGHT) for w in (weights, scaled))
        assert angle_differences(first.coordinates.values, second.coordinates.values).max() < 1e-8
        np.testing.assert_allclose(first.rms_m, second.rms_m)

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ({"NOSE": 1.0}, "weight for marker NOSE, which the skeleton biopose_full_body lacks"),
            ({"RKNE": -1.0}, "weight -1.0 for marker RKNE; expected 0 or more"),
            ({"RKNE": float("nan")}, "weight nan for marker RKNE"),
            ({"C7": 1.0}, "weight for marker C7, which the recording lacks"),
        ],
    )
    def test_bad_weights_are_a_value_error(
        self, person: Skeleton, recording: MarkerTrajectories, weights: dict[str, float], message: str
    ) -> None:
        without = recording.select([n for n in recording.names if n != "C7"])
        with pytest.raises(ValueError, match=message):
            inverse_kinematics(person, without, weights=weights)


class TestAnywhere:
    """A person is found without any help, however they lie and wherever they are."""

    @pytest.mark.parametrize(
        ("turns", "place"),
        [
            ({"pelvis_rotation": np.pi}, (0.0, 0.0, 0.0)),
            ({"pelvis_rotation": -2.0}, (10.0, 0.0, -10.0)),
            ({"pelvis_tilt": np.pi / 2}, (0.0, -0.8, 0.0)),
            ({"pelvis_tilt": -np.pi / 2, "pelvis_rotation": 3.0}, (0.0, -0.8, 0.0)),
            ({"pelvis_list": 1.2}, (3.0, 0.0, 2.0)),
            ({"pelvis_tilt": np.pi}, (0.0, 0.5, 0.0)),
            ({"pelvis_list": np.pi}, (0.0, 0.5, 0.0)),
        ],
        ids=["turned round", "far away", "on the back", "on the face", "on the side", "inverted", "head over heels"],
    )
    def test_found(self, full_body: Skeleton, turns: dict[str, float], place: tuple[float, float, float]) -> None:
        q = motion(full_body, frames=40, seed=12, share=0.4)
        q[:, :6] *= 0.3
        for name, angle in turns.items():
            q[:, full_body.coordinate_names.index(name)] += angle
        q[:, 3:6] += place
        solution = inverse_kinematics(full_body, recording_of(full_body, q), tolerance=TIGHT)
        assert solution.rms_m.max() < 1e-6
        assert pose_differences(full_body, solution.coordinates.values, q).max() < 1e-4

    def test_the_room_does_not_matter(self, full_body: Skeleton) -> None:
        """Turn the markers about the vertical and shift them: only the root's coordinates change, and as much."""
        q = motion(full_body, frames=40, seed=13, share=0.2)
        recording = recording_of(full_body, q, noise_m=0.005)
        yaw, shift = 2.5, np.array([4.0, 0.3, -7.0])
        R = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        moved = replace(recording, positions_m=recording.positions_m @ R.T + shift)
        first, second = (inverse_kinematics(full_body, r, tolerance=TIGHT).coordinates for r in (recording, moved))
        np.testing.assert_allclose(second.values[:, 6:], first.values[:, 6:], atol=1e-6)
        np.testing.assert_allclose(second.values[:, 3:6], first.values[:, 3:6] @ R.T + shift, atol=1e-6)

    def test_several_whole_turns_are_continuous(self, full_body: Skeleton) -> None:
        q = motion(full_body, frames=600, seed=14, share=0.2)
        rotation = full_body.coordinate_names.index("pelvis_rotation")
        q[:, rotation] = np.linspace(0.0, 6 * np.pi, 600)
        recording = recording_of(full_body, q, noise_m=0.003)
        recording.positions_m[250:300] = np.nan
        found = inverse_kinematics(full_body, recording).coordinates.values[:, rotation]
        solved = ~np.isnan(found)
        assert np.abs(found - q[:, rotation])[solved].max() < 0.05


class TestChunks:
    def test_borders_of_chunks_and_batches_are_invisible(
        self, person: Skeleton, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording = recording_of(person, motion(person, frames=150, seed=15, share=0.2), noise_m=0.005)
        whole = inverse_kinematics(person, recording, tolerance=TIGHT)
        monkeypatch.setattr(recording_solver, "CHUNK_FRAMES", 37)
        monkeypatch.setattr(recording_solver, "BATCH_FRAMES", 16)
        pieces = inverse_kinematics(person, recording, tolerance=TIGHT)
        np.testing.assert_allclose(pieces.coordinates.values, whole.coordinates.values, atol=1e-8)
        np.testing.assert_allclose(pieces.rms_m, whole.rms_m, atol=1e-9)

    def test_threads_change_nothing(self, person: Skeleton, monkeypatch: pytest.MonkeyPatch) -> None:
        recording = recording_of(person, motion(person, frames=150, seed=16, share=0.2), noise_m=0.005)
        monkeypatch.setattr(recording_solver, "CHUNK_FRAMES", 40)
        finished: list[int] = []
        one = inverse_kinematics(person, recording, progress=finished.append)
        two = inverse_kinematics(person, recording, threads=2)
        assert sum(finished) == 150
        for name in ("rms_m", "iterations", "converged", "marker_error_m"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(one.coordinates.values, two.coordinates.values)

    def test_the_number_of_torch_threads_is_left_alone(self, person: Skeleton) -> None:
        before = torch.get_num_threads()
        inverse_kinematics(person, recording_of(person, motion(person, frames=5)), threads=2)
        assert torch.get_num_threads() == before


class TestRefusal:
    @pytest.mark.parametrize("factor", [1000.0, 0.001])
    def test_a_wrong_unit(self, person: Skeleton, factor: float) -> None:
        recording = recording_of(person, motion(person, frames=5))
        recording = replace(recording, positions_m=recording.positions_m * factor)
        with pytest.raises(ModelError, match=r"is the file's unit right"):
            inverse_kinematics(person, recording)

    def test_too_few_common_markers(self, full_body: Skeleton) -> None:
        skeleton = renamed(full_body.select_markers(["RASI", "LASI", "C7"]), "C7", "SEVENTH")
        recording = recording_of(full_body, motion(full_body, frames=5)).select(["RASI", "LASI", "C7"])
        with pytest.raises(ModelError, match=r"2 markers in common.*Recording: RASI, LASI, C7.*SEVENTH"):
            inverse_kinematics(skeleton, recording)

    def test_unused_markers_are_reported(self, full_body: Skeleton) -> None:
        recording = recording_of(full_body, motion(full_body, frames=5))
        skeleton = full_body.select_markers([n for n in full_body.marker_names if n not in ("C7", "TOPH")])
        solution = inverse_kinematics(skeleton, recording)
        assert set(solution.unused_markers) == {"C7", "TOPH"}


@needs_shared_data
@pytest.mark.parametrize(("trial", "first"), [("DJ1", 100), ("walking1", 60)])
def test_the_solution_is_opensims(trial: str, first: int) -> None:
    skeleton = read_osim(LAB / "hand_scaled.osim")
    recording = read_trc(LAB / f"{trial}.trc")
    part = slice(first, first + 10)
    recording = MarkerTrajectories(recording.time_s[part], recording.names, recording.positions_m[part])
    theirs = opensim_inverse_kinematics(LAB / "hand_scaled.osim", recording, accuracy=1e-7, clamped=False)
    ours = inverse_kinematics(skeleton, recording, limits="none")
    observed = [n for n in theirs.names if n in skeleton.rotational_names and n not in ours.held]
    difference_deg = np.degrees(
        angle_differences(ours.coordinates.select(observed).values, theirs.select(observed).values)
    )
    assert np.median(difference_deg) <= 0.1
    assert np.percentile(difference_deg, 95) <= 0.5
    used = recording.select(ours.marker_names)
    error_m = marker_errors_m(skeleton, used, replace(theirs, values=skeleton.satisfy_couplings(theirs.values)))
    assert (ours.rms_m <= 1.01 * np.sqrt(np.nanmean(error_m**2, axis=1))).all()


def test_a_skeleton_with_nothing_to_move_is_refused(full_body: Skeleton) -> None:
    recording = recording_of(full_body, motion(full_body, frames=3, seed=1, share=0.1))
    stiff = replace(full_body, coordinates=tuple(replace(c, locked=True) for c in full_body.coordinates))
    with pytest.raises(ModelError, match="locked"):
        inverse_kinematics(stiff, recording)


def test_a_range_of_a_whole_turn_limits_nothing(full_body: Skeleton) -> None:
    """An arm that passes the ends of such a range is followed through."""
    flexion = full_body.coordinate_names.index("arm_flex_r")
    whole = replace(full_body.coordinates[flexion], range_min=-np.pi, range_max=np.pi)
    coordinates = list(full_body.coordinates)
    coordinates[flexion] = whole
    free = replace(full_body, coordinates=tuple(coordinates))
    q = np.repeat(full_body.default_pose[None], 60, axis=0)
    q[:, flexion] = np.linspace(2.0, 4.0, 60)
    found = inverse_kinematics(free, recording_of(full_body, q)).coordinates.values[:, flexion]
    np.testing.assert_allclose(found, q[:, flexion], atol=1e-5)
