"""A stretch on another branch is brought back by continuity; jumps that remain are reported; fast motion is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.skeleton.ik.branches import follow_branches, jumps
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.ik.recording_solver import RecordingSolver
from biopose.skeleton.model import Skeleton
from tests.skeleton.models import motion, recording_of

FRAMES = 60
STRETCH = slice(30, 40)
# With one marker each on the right elbow and wrist, pronation has two branches.
MISSING = ("LELBIN", "LSHO", "RELB", "ROWR", "RFIN", "LFIN", "RTOE", "LTOE")


@pytest.fixture(scope="module")
def ambiguous(full_body: Skeleton) -> Skeleton:
    return full_body.select_markers([name for name in full_body.marker_names if name not in MISSING])


@pytest.fixture(scope="module")
def recording(ambiguous: Skeleton) -> MarkerTrajectories:
    return recording_of(ambiguous, motion(ambiguous, frames=FRAMES, share=0.3, seed=11), noise_m=0.003)


def solver_of(skeleton: Skeleton, recording: MarkerTrajectories) -> RecordingSolver:
    weights = torch.ones(len(recording.names)).double()
    solver = RecordingSolver(
        skeleton, torch.from_numpy(recording.positions_m), weights, limits="clamped", tolerance=1e-5
    )
    solver.prepare()
    solver.run(threads=1, progress=None)
    return solver


def jumps_of(skeleton: Skeleton, solver: RecordingSolver, recording: MarkerTrajectories) -> list[int]:
    q = skeleton.satisfy_couplings(solver.q.numpy())
    return [
        jump.frame
        for jump in jumps(skeleton, CoordinateTrajectories(recording.time_s, skeleton.coordinate_names, q), recording)
    ]


@pytest.mark.parametrize("stretch", [slice(30, 40), slice(45, FRAMES), slice(0, 8)])
def test_a_stretch_on_another_branch_is_brought_back(
    ambiguous: Skeleton, recording: MarkerTrajectories, stretch: slice
) -> None:
    solver = solver_of(ambiguous, recording)
    before = solver.q.clone()
    frames = torch.arange(FRAMES)[stretch]
    start = before[frames].clone()
    column = ambiguous.coordinate_names.index("pro_sup_r")
    start[:, column] = (start[:, column].mean() + 1.7).remainder(2.6)
    solver.solve_again(frames, start)
    edges = [edge for edge in (stretch.start - 1, stretch.stop - 1) if 0 <= edge < FRAMES - 1]
    assert jumps_of(ambiguous, solver, recording) == edges
    follow_branches(solver, recording.time_s)
    assert jumps_of(ambiguous, solver, recording) == []
    turned = [i for i, name in enumerate(ambiguous.coordinate_names) if name.startswith(("arm", "elbow", "pro", "lum"))]
    np.testing.assert_allclose(solver.q[:, turned].numpy(), before[:, turned].numpy(), atol=np.radians(1.0))


def test_a_marker_that_is_missing_in_a_frame_makes_no_jump(full_body: Skeleton) -> None:
    """On a foot whose markers are 2 cm from where the person has them: without the fifth metatarsal's it rolls."""
    skeleton = full_body.select_markers([name for name in full_body.marker_names if name[1:] not in ("MT1", "TOE")])
    rng = np.random.default_rng(4)
    shifted = tuple(
        replace(m, location_m=m.location_m + rng.normal(0, 0.02, 3) * (m.name in ("RHEE", "RANK", "RANI", "RMT5")))
        for m in skeleton.markers
    )
    recording = recording_of(skeleton.with_markers(shifted), motion(skeleton, frames=FRAMES, share=0.2), noise_m=0.001)
    recording.positions_m[30, recording.names.index("RMT5")] = np.nan
    plain = inverse_kinematics(skeleton, recording)
    assert [jump.frame for jump in jumps(skeleton, plain.coordinates, recording)] == [29, 30]
    solution = inverse_kinematics(skeleton, recording, outliers="left out")
    assert jumps(skeleton, solution.coordinates, recording) == []
    np.testing.assert_array_equal(solution.coordinates.values[:30], plain.coordinates.values[:30])


def test_jumps_that_remain_are_reported_with_frame_coordinate_and_marker_movement(full_body: Skeleton) -> None:
    q = motion(full_body, frames=FRAMES, share=0.2)
    recording = recording_of(full_body, q)
    column = full_body.coordinate_names.index("pro_sup_r")
    q[STRETCH, column] += np.radians(40)
    coordinates = CoordinateTrajectories(recording.time_s, full_body.coordinate_names, q)
    found = jumps(full_body, coordinates, recording)
    assert [jump.frame for jump in found] == [STRETCH.start - 1, STRETCH.stop - 1]
    assert np.degrees(found[0].steps["pro_sup_r"]) == pytest.approx(40, abs=5)
    assert found[0].markers_m < 0.05


def test_fast_motion_and_a_marker_that_jumps_are_no_branches(full_body: Skeleton) -> None:
    """An upper arm that rotates at 7000 degrees/s, filmed at 200 Hz; a wrist's marker that leaps for ten frames."""
    q = np.repeat(full_body.default_pose[None], 20, axis=0)
    rotation = full_body.coordinate_names.index("arm_rot_r")
    q[:, full_body.coordinate_names.index("elbow_flex_r")] = np.radians(90)
    q[:, rotation] = np.radians(np.concatenate([np.full(8, -60.0), [-45, -15, 20], np.full(9, 40.0)]))
    recording = recording_of(full_body, q, rate_hz=200)
    coordinates = CoordinateTrajectories(recording.time_s, full_body.coordinate_names, q)
    assert jumps(full_body, coordinates, recording) == []
    still = np.repeat(full_body.default_pose[None], 20, axis=0)
    moved = still.copy()
    moved[8:14, full_body.coordinate_names.index("pro_sup_r")] += np.radians(50)
    assert jumps(full_body, replace(coordinates, values=moved), recording_of(full_body, moved, rate_hz=200)) == []


def test_a_smooth_solution_stays_as_it_is_to_the_last_bit(full_body: Skeleton) -> None:
    recording = recording_of(full_body, motion(full_body, frames=FRAMES, share=0.2), noise_m=0.002)
    plain = inverse_kinematics(full_body, recording)
    solution = inverse_kinematics(full_body, recording, outliers="left out")
    np.testing.assert_array_equal(solution.coordinates.values, plain.coordinates.values)
    assert jumps(full_body, solution.coordinates, recording) == []


def test_a_segment_without_markers_that_a_joint_moves_makes_no_jump(full_body: Skeleton) -> None:
    """A knee bends between two frames, a tenth of a second of which is missing; its patella turns with it."""
    q = np.repeat(full_body.default_pose[None], 20, axis=0)
    q[10:, full_body.coordinate_names.index("knee_angle_r")] += np.radians(60)
    q = full_body.satisfy_couplings(q)
    recording = recording_of(full_body, q)
    coordinates = CoordinateTrajectories(recording.time_s, full_body.coordinate_names, q)
    assert not any(marker.body == "patella_r" for marker in full_body.markers)
    assert jumps(full_body, coordinates, recording) == []
