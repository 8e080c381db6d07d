"""Markers that do not fit are found by frame, left out or exchanged back, and the rest of the solution stays right."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.displaced_markers import deleted_residuals
from biopose.skeleton.ik.handedness import explain_by_handedness, other_side
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.ik.marker_faults import MarkerFault, suspicion, without_faults
from biopose.skeleton.ik.recording_solver import RecordingSolver
from biopose.skeleton.model import Skeleton
from tests.skeleton.models import motion, recording_of

FRAMES = 100
STRETCH = slice(60, 66)


@pytest.fixture(scope="module")
def recording(full_body: Skeleton) -> MarkerTrajectories:
    """Two millimetres of noise at 100 Hz."""
    return recording_of(full_body, motion(full_body, frames=FRAMES, share=0.2), noise_m=0.002)


@pytest.fixture(scope="module")
def plain(full_body: Skeleton, recording: MarkerTrajectories) -> IKSolution:
    return inverse_kinematics(full_body, recording)


def column(recording: MarkerTrajectories, name: str) -> int:
    return recording.names.index(name)


def changed(
    recording: MarkerTrajectories, change: Callable[[np.ndarray, Callable[[str], int]], None]
) -> MarkerTrajectories:
    positions_m = recording.positions_m.copy()
    change(positions_m, lambda name: column(recording, name))
    return replace(recording, positions_m=positions_m)


def solved(skeleton: Skeleton, recording: MarkerTrajectories) -> IKSolution:
    return inverse_kinematics(skeleton, recording, outliers="left out")


def error_deg(solution: IKSolution, reference: IKSolution) -> float:
    """The largest difference of an angle that is there."""
    difference = np.delete(solution.coordinates.values - reference.coordinates.values, [3, 4, 5], axis=1)
    return float(np.degrees(np.nanmax(np.abs((difference + np.pi) % (2 * np.pi) - np.pi))))


def exchanged(names: tuple[str, ...], frames: slice) -> Callable[[np.ndarray, Callable[[str], int]], None]:
    """Each marker is recorded under the name of the next."""

    def change(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
        columns = [index(name) for name in names]
        positions_m[frames, columns[1:] + columns[:1]] = positions_m[frames, columns]

    return change


def test_a_recording_without_faults_is_plain_least_squares_to_the_last_bit(
    full_body: Skeleton, recording: MarkerTrajectories, plain: IKSolution
) -> None:
    solution = solved(full_body, recording)
    assert solution.faults == ()
    np.testing.assert_array_equal(solution.coordinates.values, plain.coordinates.values)


@pytest.mark.parametrize("names", [("LKNE", "RKNE"), ("LKNE", "LKNI"), ("LANK", "RANK", "LHEE")])
def test_exchanged_markers_are_found_and_exchanged_back(
    full_body: Skeleton, recording: MarkerTrajectories, plain: IKSolution, names: tuple[str, ...]
) -> None:
    solution = solved(full_body, changed(recording, exchanged(names, STRETCH)))
    (fault,) = solution.faults
    assert fault.kind == "exchanged"
    assert set(fault.markers) == set(names)
    assert fault.ranges == ((60, 65),)
    assert fault.error_m > 0.05
    assert error_deg(solution, plain) < 0.1


def test_markers_exchanged_throughout_are_exchanged_back(
    full_body: Skeleton, recording: MarkerTrajectories, plain: IKSolution
) -> None:
    solution = solved(full_body, changed(recording, exchanged(("LKNE", "RKNE"), slice(None))))
    (fault,) = solution.faults
    assert (fault.kind, set(fault.markers), fault.ranges) == ("exchanged", {"LKNE", "RKNE"}, ((0, FRAMES - 1),))
    assert error_deg(solution, plain) < 0.1


def spike(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
    positions_m[33, index("LASI")] += (0, 0.3, 0)


def spike_of_a_kilometre(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
    positions_m[33, index("LASI")] += (0, 1000.0, 0)


def frozen(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
    positions_m[40:80, index("RKNE")] = positions_m[40, index("RKNE")]


def dragged(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
    positions_m[40:80, index("T8")] += np.sin(np.linspace(0, np.pi, 40))[:, None] * (0.08, 0, 0)


def on_another_segment(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
    positions_m[:, index("T8")] = positions_m[:, index("RKNE")] + 0.02


@pytest.mark.parametrize(
    ("change", "marker", "first", "last", "within"),
    [
        (spike, "LASI", 33, 33, 0),
        (spike_of_a_kilometre, "LASI", 33, 33, 0),
        (frozen, "RKNE", 40, 79, 3),
        (dragged, "T8", 40, 79, 8),
        (on_another_segment, "T8", 0, FRAMES - 1, 0),
    ],
)
def test_an_outlying_marker_is_named_and_left_out(
    full_body: Skeleton,
    recording: MarkerTrajectories,
    plain: IKSolution,
    change: Callable[[np.ndarray, Callable[[str], int]], None],
    marker: str,
    first: int,
    last: int,
    within: int,
) -> None:
    solution = solved(full_body, changed(recording, change))
    (fault,) = solution.faults
    assert (fault.kind, fault.markers) == ("outlying", (marker,))
    ((begin, end),) = fault.ranges
    assert first <= begin <= first + within
    assert last - within <= end <= last
    assert error_deg(solution, plain) < 3.0  # a marker that is dragged slowly counts until it is far off


def test_a_marker_recorded_under_the_name_of_a_missing_one_is_recognised(
    full_body: Skeleton, recording: MarkerTrajectories
) -> None:
    def change(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
        positions_m[50:70, index("LKNE")] = positions_m[50:70, index("RKNE")]
        positions_m[50:70, index("RKNE")] = np.nan

    (fault,) = solved(full_body, changed(recording, change)).faults
    assert (fault.kind, fault.markers, fault.ranges, fault.lies_at) == ("outlying", ("LKNE",), ((50, 69),), "RKNE")


def test_a_segment_whose_markers_all_freeze_is_left_open_and_the_others_stay(
    full_body: Skeleton, recording: MarkerTrajectories, plain: IKSolution
) -> None:
    foot = ("RHEE", "RMT1", "RMT5", "RTOE")

    def change(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
        columns = [index(name) for name in foot]
        noise = np.random.default_rng(0).normal(scale=0.001, size=(40, 4, 3))
        positions_m[40:80, columns] = positions_m[40, columns] + noise

    solution = solved(full_body, changed(recording, change))
    assert {name for fault in solution.faults for name in fault.markers} == set(foot)
    ankle = solution.coordinates.names.index("ankle_angle_r")
    assert np.isnan(solution.coordinates.values[45:79, ankle]).all()
    assert not np.isnan(solution.coordinates.values[:40]).any()
    assert error_deg(solution, plain) < 2.0


def test_frames_that_nothing_explains_are_nan(
    full_body: Skeleton, recording: MarkerTrajectories, plain: IKSolution
) -> None:
    def change(positions_m: np.ndarray, index: Callable[[str], int]) -> None:
        positions_m[50:55] = np.random.default_rng(0).normal(size=(5, positions_m.shape[1], 3))

    solution = solved(full_body, changed(recording, change))
    (fault,) = solution.faults
    assert (fault.kind, fault.ranges) == ("unexplained", ((50, 54),))
    assert np.isnan(solution.coordinates.values[50:55]).all()
    assert not solution.undetermined.any()  # there are markers enough
    assert error_deg(solution, plain) < 0.1


def test_coordinates_go_on_without_a_step_across_a_gap_that_was_filled(full_body: Skeleton) -> None:
    """Markers that disagree with the model by centimetres, one of which is lost for a while."""
    q = motion(full_body, frames=80, share=0.2)
    recording = recording_of(full_body, q)
    offsets = np.random.default_rng(1).normal(scale=0.01, size=recording.positions_m.shape[1:])
    positions_m = recording.positions_m + offsets
    complete = inverse_kinematics(full_body, replace(recording, positions_m=positions_m))
    filled = np.zeros(positions_m.shape[:2], dtype=bool)
    filled[30:50, column(recording, "RKNE")] = True
    gap = replace(recording, positions_m=np.where(filled[..., None], np.nan, positions_m), filled=filled)
    ends = [30, 49]
    plain, continued = inverse_kinematics(full_body, gap), solved(full_body, gap)
    steps = [np.abs(s.coordinates.values[ends] - complete.coordinates.values[ends]).max() for s in (plain, continued)]
    assert steps[1] < 0.5 * steps[0]


def test_without_faults_undoes_exchanges_and_leaves_gaps_for_outlying_markers() -> None:
    positions_m = np.arange(18.0).reshape(2, 3, 3)
    recording = MarkerTrajectories(np.arange(2.0), ("A", "B", "C"), positions_m)
    faults = [
        MarkerFault("exchanged", ("A", "B"), ((0, 0),), 0.1),
        MarkerFault("outlying", ("C",), ((1, 1),), 0.1),
        MarkerFault("unexplained", (), ((0, 1),), 0.1),
    ]
    result = without_faults(recording, faults).positions_m
    np.testing.assert_array_equal(result[0], positions_m[0, [1, 0, 2]])
    np.testing.assert_array_equal(result[1, :2], positions_m[1, :2])
    assert np.isnan(result[1, 2]).all()


def test_skin_that_shifts_slowly_is_no_fault() -> None:
    """A shoulder that leaves the model's by 9 cm when the arms go up, in half a second and for a good part of it."""
    t = np.arange(300) / 100
    error_m = np.full((300, 5), 0.010) + np.random.default_rng(0).normal(scale=0.001, size=(300, 5))
    error_m[:, 0] += 0.080 * np.sin(np.pi * t / 3) ** 2
    assert not suspicion(error_m, t).frames.any()


@pytest.mark.parametrize(
    ("name", "other"),
    [("L.ASIS", "r.ASIS"), ("RKNE", "LKNE"), ("knee_r", "knee_l"), ("LeftToe", "RightToe"), ("C7", None)],
)
def test_the_other_side_is_found_in_usual_names(name: str, other: str | None) -> None:
    names = ["L.ASIS", "r.ASIS", "RKNE", "LKNE", "knee_r", "knee_l", "LeftToe", "RightToe", "C7", "CLAV", "STRN"]
    assert other_side(name, names) == other


@pytest.mark.parametrize("kind", ["mirrored", "sides exchanged"])
def test_a_poor_fit_is_explained_by_left_and_right(
    full_body: Skeleton, recording: MarkerTrajectories, kind: str
) -> None:
    sides = [recording.names.index(other_side(n, recording.names) or n) for n in recording.names]
    positions_m = recording.positions_m * (1, 1, -1) if kind == "mirrored" else recording.positions_m[:, sides]
    found = explain_by_handedness(full_body, replace(recording, positions_m=positions_m), 0.1)
    # The default model's markers are symmetric, so either explains both.
    assert found is not None
    assert found.rms_m < 0.005
    assert explain_by_handedness(full_body, recording, 0.002) is None


@pytest.mark.parametrize("name", ["LPSI", "RHEE", "RMT1", "LKNE"])
def test_a_marker_displaced_throughout_is_named_and_left_out(full_body: Skeleton, name: str) -> None:
    """120 mm on its segment, on a model whose other markers are 20 mm from where the person has them."""
    skeleton = full_body.select_markers([m for m in full_body.marker_names if m[1:] not in ("TOE", "FIN")])
    rng = np.random.default_rng(0)
    misplaced = tuple(
        replace(m, location_m=m.location_m + rng.normal(0, 0.012, 3) + (0.0, 0.12 * (m.name == name), 0.0))
        for m in skeleton.markers
    )
    q = motion(skeleton, frames=40, share=0.2)
    recording = recording_of(skeleton.with_markers(misplaced), q, noise_m=0.003)
    solution = solved(skeleton, recording)
    (fault,) = solution.faults
    assert (fault.kind, fault.markers, fault.ranges) == ("outlying", (name,), ((0, 39),))
    assert 0.08 < fault.error_m < 0.2
    without = inverse_kinematics(skeleton, recording.select([m for m in recording.names if m != name]))
    assert error_deg(solution, without) < 0.1


def test_displaced_markers_leaves_a_faultless_solution_as_it_is(full_body: Skeleton) -> None:
    rng = np.random.default_rng(1)
    shifted = tuple(replace(m, location_m=m.location_m + rng.normal(0, 0.012, 3)) for m in full_body.markers)
    recording = recording_of(full_body.with_markers(shifted), motion(full_body, frames=40, share=0.2), noise_m=0.003)
    plain, solution = inverse_kinematics(full_body, recording), solved(full_body, recording)
    assert solution.faults == ()
    np.testing.assert_array_equal(solution.coordinates.values, plain.coordinates.values)


def test_deleted_residuals_are_those_of_the_solution_without_the_marker(full_body: Skeleton) -> None:
    """To first order: of a marker that is a centimetre off."""
    q = motion(full_body, frames=6, share=0.2)
    recording = recording_of(full_body, q)
    column_ = column(recording, "RASI")
    recording.positions_m[:, column_] += (0.006, 0.008, 0.0)
    solver = RecordingSolver(
        full_body,
        torch.from_numpy(recording.positions_m),
        torch.ones(len(recording.names)).double(),
        limits="none",
        tolerance=1e-7,
    )
    solver.prepare()
    solver.run(threads=1, progress=None)
    distance_m, ratio = deleted_residuals(solver, torch.arange(6))
    np.testing.assert_allclose(distance_m[:, column_].numpy(), 0.01, rtol=0.05)
    assert (ratio.argmax(-1) == column_).all()
