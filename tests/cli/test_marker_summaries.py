"""What `scale` and `ik` tell a person of their results."""

from dataclasses import replace

import pytest

from biopose.cli.marker_summaries import IKSummary, ScaleSummary

# Scaling


def summary_of_scaling(**changes: object) -> ScaleSummary:
    summary = ScaleSummary(
        out="s.osim",
        mass_kg=70.0,
        body_scales={"pelvis": [1.0, 1.1, 0.9]},
        marker_residual_mm={"C7": 4.0, "RASI": 9.0, "THI1": 150.0},
        moved_markers=["THI1"],
        unused_markers=[],
        height_m=None,
        height_used=False,
        notes=[],
        landmarks=["C7", "RASI"],
    )
    return replace(summary, **changes)  # type: ignore[arg-type]


def test_landmarks_are_listed_the_furthest_first() -> None:
    assert summary_of_scaling().lines()[3:] == [
        "landmarks: 2, furthest from the scaled model: RASI 9 mm, C7 4 mm",
        "moved to their recorded positions: 1 markers",
    ]


def test_without_landmarks_all_markers_are_listed() -> None:
    lines = summary_of_scaling(landmarks=[]).lines()
    assert "landmarks: 3, furthest from the scaled model: THI1 150 mm, RASI 9 mm, C7 4 mm" in lines


def test_an_unused_height_is_reported_only_where_one_was_given() -> None:
    assert not any("height" in line for line in summary_of_scaling().lines())
    assert not any("height" in line for line in summary_of_scaling(height_m=1.8, height_used=True).lines())
    assert "the height was not used" in summary_of_scaling(height_m=1.8).lines()[-1]


# Inverse kinematics


def summary_of_ik(**changes: object) -> IKSummary:
    summary = IKSummary(
        out="q.mot",
        solver="biopose",
        frames=200,
        frames_unsolved=[],
        frames_not_converged=0,
        rms_mm=9.0,
        worst_marker="C7",
        worst_mm=20.0,
        coordinates_held=[],
        coordinates_undetermined={},
        unused_markers=[],
        weights_ignored=[],
        lies_on_its_side=False,
        seconds=0.5,
        notes=[],
    )
    return replace(summary, **changes)  # type: ignore[arg-type]


def fault(kind: str, *frames: list[int]) -> dict[str, object]:
    return {"kind": kind, "markers": ["A", "B"], "frames": list(frames), "error_mm": 84.2, "lies_at": None}


def test_faults_are_named_with_frames_markers_and_millimetres() -> None:
    faults = [fault("exchanged", [60, 65]), fault("outlying", [3, 3], [7, 9]), fault("unexplained", [80, 90])]
    lines = summary_of_ik(faults=faults).lines()
    assert lines[2:] == [
        "EXCHANGED: A and B are exchanged in frames 60 to 65 (up to 84 mm off); exchanged back there",
        "OUTLYING: A, B in frames 3 and 7 to 9 (up to 84 mm off); left out there",
        "POOR FIT in frames 80 to 90: up to 84 mm RMS, which no few markers explain; do not trust these frames",
        "frames are counted from 0",
        "what is missing is nan in the .mot; fill it before OpenSim's own viewer or tools read it",
    ]
    assert any("kept as recorded" in line for line in summary_of_ik(faults=faults, outliers="kept").lines())


@pytest.mark.parametrize(
    ("changes", "incomplete"),
    [
        ({}, False),
        ({"frames_unsolved": [3]}, True),
        ({"frames_not_converged": 1}, True),
        ({"coordinates_undetermined": {"knee_angle_r": 2}}, True),
        (
            {"coordinates_held": ["mtp_angle_r"], "unused_markers": ["X"], "weights_ignored": ["Y"]},
            False,
        ),
        ({"rms_mm": 41.0}, True),
        ({"faults": [fault("exchanged", [60, 65])]}, True),
        ({"faults": [fault("unexplained", [60, 65])]}, True),
        ({"faults": [fault("outlying", [60, 65])]}, True),
        ({"faults": [fault("outlying", [60, 61], [70, 70])]}, False),
    ],
)
def test_a_result_is_incomplete_where_a_complete_recording_would_have_given_more(
    changes: dict[str, object], incomplete: bool
) -> None:
    assert summary_of_ik(**changes).incomplete == incomplete


def test_notes_of_the_files_are_printed() -> None:
    for summary in (summary_of_ik(notes=["a note"]), summary_of_scaling(notes=["a note"])):
        assert "a note" in summary.lines()


def test_angles_that_markers_hardly_tell_are_named() -> None:
    assert "poorly determined, standard deviation in degrees in the median: pro_sup_r 23, pro_sup_l 24" in (
        summary_of_ik(poorly_determined={"pro_sup_r": 22.8, "pro_sup_l": 24.1}).lines()
    )


def test_a_good_result_takes_two_lines() -> None:
    assert summary_of_ik().lines() == [
        "q.mot: 200 frames in 0.50 s (400 frames/s, biopose)",
        "markers: 9.0 mm RMS; worst C7, 20.0 mm on average",
    ]


def test_coordinates_that_are_missing_together_share_a_line() -> None:
    lines = summary_of_ik(coordinates_undetermined={"a": 5, "b": 5, "c": 7}).lines()
    assert "UNDETERMINED in 5 frames, too few markers: a, b" in lines
    assert "UNDETERMINED in 7 frames, too few markers: c" in lines
    assert any("nan in the .mot" in line for line in lines)


def test_frames_without_markers_are_reported_with_their_place() -> None:
    lines = summary_of_ik(frames_unsolved=[10, 11, 40]).lines()
    assert "NOT SOLVED: 3 frames (from 10 to 40, counted from 0) have fewer than 3 markers" in lines


def test_jumps_are_reported_by_frame() -> None:
    jump = {"frames": [40, 41], "degrees": {"lumbar_rotation": 39.2, "arm_rot_r": -87.0}, "markers_mm": 3.8}
    summary = summary_of_ik(jumps=[jump])
    assert summary.incomplete
    assert (
        "JUMP from frame 40 to 41: lumbar_rotation by 39 degrees, arm_rot_r by 87 degrees, while no marker beyond "
        "moves by more than 4 mm; two postures fit these markers" in summary.lines()
    )
    assert "JUMP: 3 more" in summary_of_ik(jumps=[jump] * 9).lines()
