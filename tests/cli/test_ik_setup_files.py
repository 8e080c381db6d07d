"""What `biopose ik` does with an OpenSim set-up file: applied by both solvers, or named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from biopose.io.mot import read_mot, read_storage, write_mot, write_storage
from biopose.io.trajectories import CoordinateTrajectories
from biopose.io.trc import write_trc
from tests.commands import assert_refused, run
from tests.skeleton.models import motion, recording_of
from tests.synthetic_person import SyntheticPerson

SOLVERS = pytest.mark.parametrize("solver", ["biopose", "opensim"])
START_S, END_S, FRAMES = 0.10, 0.14, 5  # of the person's 60 frames at 100 Hz
# Two markers on a hand leave it two poses.
VAGUE = ("wrist", "pro_sup")


def setup_file(
    person: SyntheticPerson, folder: Path, properties: str = "", *, tasks: str = "", markers: str = ""
) -> Path:
    markers = markers or "".join(
        f'<IKMarkerTask name="{name}"><apply>true</apply><weight>1</weight></IKMarkerTask>'
        for name in person.recording.names
    )
    path = folder / "setup.xml"
    path.write_text(
        f"<OpenSimDocument Version='40600'><InverseKinematicsTool>\n<time_range>{START_S} {END_S}</time_range>\n"
        f"{properties}\n<IKTaskSet><objects>{markers}\n{tasks}</objects></IKTaskSet>"
        "</InverseKinematicsTool></OpenSimDocument>"
    )
    return path


def coordinate_task(name: str, value_type: str, value: float = 0.0, *, weight: float = 1000.0) -> str:
    return (
        f'<IKCoordinateTask name="{name}"><apply>true</apply><weight>{weight}</weight>'
        f"<value_type>{value_type}</value_type><value>{value}</value></IKCoordinateTask>"
    )


def ik_of(person: SyntheticPerson, folder: Path, setup: Path, *options: object) -> Result:
    files = ("--markers", person.trial, "--model", person.scaled, "--out", folder / "q.mot")
    return run("ik", *files, "--weights", setup, *options)


def solution(person: SyntheticPerson, folder: Path) -> CoordinateTrajectories:
    return read_mot(folder / "q.mot", rotational=person.skeleton.rotational_names)


# Applied


@SOLVERS
def test_the_time_range_is_solved_alone(person: SyntheticPerson, tmp_path: Path, solver: str) -> None:
    result = ik_of(person, tmp_path, setup_file(person, tmp_path), "--solver", solver)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(solution(person, tmp_path).time_s, np.arange(10, 15) / 100)
    note = "setup.xml:2: time_range 0.1 to 0.14 s: 5 of the recording's 60 frames are solved, 10 to 14 counted from 0"
    assert note in result.stdout


@SOLVERS
def test_a_range_beyond_the_recording_is_named(person: SyntheticPerson, tmp_path: Path, solver: str) -> None:
    setup = setup_file(person, tmp_path)
    setup.write_text(setup.read_text().replace(f"{START_S} {END_S}", "0.56 9"))
    result = ik_of(person, tmp_path, setup, "--solver", solver)
    assert len(solution(person, tmp_path).time_s) == 4
    assert "setup.xml:2: time_range goes beyond the recording, which has 0 to 0.59 s" in result.stdout


def test_a_range_outside_the_recording_is_refused(person: SyntheticPerson, tmp_path: Path) -> None:
    setup = setup_file(person, tmp_path)
    setup.write_text(setup.read_text().replace(f"{START_S} {END_S}", "5 6"))
    message = "setup.xml:2: found time_range 5 to 6 s; expected times within the recording, which has 0 to 0.59 s"
    assert_refused(ik_of(person, tmp_path, setup), message)


@SOLVERS
def test_heavy_coordinate_tasks_are_met(person: SyntheticPerson, tmp_path: Path, solver: str) -> None:
    tasks = coordinate_task("hip_flexion_r", "manual_value", 0.2) + coordinate_task("knee_angle_l", "default_value")
    result = ik_of(person, tmp_path, setup_file(person, tmp_path, tasks=tasks), "--solver", solver)
    assert result.exit_code == 3, result.output  # so far from its markers the fit is poor
    assert "OUTLYING" not in result.stdout
    found = solution(person, tmp_path)
    default = person.skeleton.default_pose[person.skeleton.coordinate_names.index("knee_angle_l")]
    np.testing.assert_allclose(found.select(["hip_flexion_r"]).values, 0.2, atol=1e-3)
    np.testing.assert_allclose(found.select(["knee_angle_l"]).values, default, atol=1e-3)
    note = (
        "coordinate tasks applied: hip_flexion_r (weight 1000, manual_value), knee_angle_l (weight 1000, default_value)"
    )
    assert note in result.stdout


def test_both_solvers_agree_on_light_coordinate_tasks(person: SyntheticPerson, tmp_path: Path) -> None:
    """A weight that lets markers and tasks both count, on a motion that OpenSim's solver follows from its default."""
    truth = motion(person.skeleton, frames=20, share=0.2)
    write_trc(tmp_path / "gentle.trc", recording_of(person.skeleton, truth))
    gentle = replace(person, trial=tmp_path / "gentle.trc")
    tasks = "".join(coordinate_task(n, "manual_value", 0.5, weight=0.01) for n in ("hip_flexion_r", "lumbar_bending"))
    setup = setup_file(person, tmp_path, "<accuracy>1e-9</accuracy>", tasks=tasks)
    found = []
    for solver in ("biopose", "opensim"):
        ik_of(gentle, tmp_path, setup, "--solver", solver, "--limits", "none")
        found.append(solution(person, tmp_path))
    names = [name for name in person.skeleton.coordinate_names if not name.startswith(VAGUE)]
    ours, theirs = (one.select(names).values for one in found)
    assert np.degrees(np.abs(ours - theirs)).max() < 0.1
    hip = names.index("hip_flexion_r")
    markers_alone = truth[10:15, person.skeleton.coordinate_names.index("hip_flexion_r")]
    assert (np.abs(ours[:, hip] - markers_alone) > 0.01).all()
    assert (np.abs(ours[:, hip] - 0.5) > 0.01).all()


@pytest.mark.parametrize("in_degrees", [True, False])
@SOLVERS
def test_values_come_from_the_coordinate_file(
    person: SyntheticPerson, tmp_path: Path, solver: str, *, in_degrees: bool
) -> None:
    """At another rate than the recording's, beside the set-up file, in degrees or radians as its header states."""
    time_s = np.arange(0, 0.6, 0.02)
    values = np.stack([0.1 + np.sin(3 * time_s) / 10, np.cos(2 * time_s)], axis=1)
    write_mot(
        tmp_path / "c.mot",
        CoordinateTrajectories(time_s, ("hip_flexion_r", "pelvis_ty"), values),
        rotational=person.skeleton.rotational_names,
        in_degrees=in_degrees,
    )
    tasks = coordinate_task("hip_flexion_r", "from_file") + coordinate_task("pelvis_ty", "from_file")
    setup = setup_file(person, tmp_path, "<coordinate_file>c.mot</coordinate_file>", tasks=tasks)
    result = ik_of(person, tmp_path, setup, "--solver", solver)
    assert "hip_flexion_r (weight 1000, from_file)" in result.stdout
    found = solution(person, tmp_path)
    expected = np.stack([0.1 + np.sin(3 * found.time_s) / 10, np.cos(2 * found.time_s)], axis=1)
    np.testing.assert_allclose(found.select(["hip_flexion_r", "pelvis_ty"]).values, expected, atol=1e-3)


def test_errors_of_each_frame_are_written_where_asked_for(person: SyntheticPerson, tmp_path: Path) -> None:
    result = ik_of(person, tmp_path, setup_file(person, tmp_path, "<report_errors>true</report_errors>"))
    path = tmp_path / "q_ik_marker_errors.sto"
    assert f"errors of each frame: {path}" in result.stdout
    errors = read_storage(path)
    assert errors.columns == ("total_squared_error", "marker_error_RMS", "marker_error_max")
    assert errors.values.shape == (FRAMES, 3)
    assert (errors.values[:, 1] <= errors.values[:, 2]).all()


def test_markers_without_a_task_are_named(person: SyntheticPerson, tmp_path: Path) -> None:
    kept = [name for name in person.recording.names if name not in ("RKNE", "LTOE")]
    markers = "".join(f'<IKMarkerTask name="{name}"><weight>1</weight></IKMarkerTask>' for name in kept)
    result = ik_of(person, tmp_path, setup_file(person, tmp_path, markers=markers))
    (line,) = (line for line in result.stdout.splitlines() if "without a task that is applied" in line)
    named = line.rpartition(": ")[2].split(", ")
    assert set(named) == {"RKNE", "LTOE"} & set(person.recording.names)


# Files that the set-up names


def test_a_set_up_file_alone_is_enough(person: SyntheticPerson, tmp_path: Path) -> None:
    files = (
        f"<marker_file>{person.trial}</marker_file><model_file>{person.scaled}</model_file>"
        "<output_motion_file>found.mot</output_motion_file>"
    )
    result = run("ik", "--setup", setup_file(person, tmp_path, files))
    assert result.exit_code == 0, result.output
    assert "not used" not in result.stdout
    assert len(read_storage(tmp_path / "found.mot").time_s) == FRAMES


def test_the_command_line_overrules_the_files_of_the_set_up(person: SyntheticPerson, tmp_path: Path) -> None:
    files = (
        "<marker_file>other.trc</marker_file><model_file>other.osim</model_file>"
        "<output_motion_file>other.mot</output_motion_file><results_directory>results</results_directory>"
    )
    result = ik_of(person, tmp_path, setup_file(person, tmp_path, files))
    (line,) = (line for line in result.stdout.splitlines() if "not used" in line)
    assert f"marker_file {tmp_path / 'other.trc'} ({person.trial} is used)" in line
    assert f"model_file {tmp_path / 'other.osim'} ({person.scaled} is used)" in line
    assert f"output_motion_file {tmp_path / 'other.mot'} ({tmp_path / 'q.mot'} is used)" in line
    assert f"results_directory {tmp_path / 'results'}" in line
    assert not (tmp_path / "other.mot").exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("<marker_file>no.trc</marker_file>", "setup.xml:3: found marker_file "),
        ("<output_motion_file>q.csv</output_motion_file>", "setup.xml:3: output_motion_file "),
    ],
)
def test_a_file_of_the_set_up_that_cannot_be_used_is_named(
    person: SyntheticPerson, tmp_path: Path, files: str, message: str
) -> None:
    assert_refused(run("ik", "--model", person.scaled, "--weights", setup_file(person, tmp_path, files)), message)


# Named or refused


@SOLVERS
@pytest.mark.parametrize(
    ("properties", "tasks", "message"),
    [
        (
            "",
            coordinate_task("hip_flexion", "default_value"),
            "setup.xml:5: found a task of coordinate hip_flexion, which",
        ),
        (
            "<coordinate_file>no.mot</coordinate_file>",
            coordinate_task("hip_flexion_r", "from_file"),
            "setup.xml:3: found coordinate_file ",
        ),
        (
            "<coordinate_file>short.mot</coordinate_file>",
            coordinate_task("hip_flexion_r", "from_file"),
            "short.mot: found times from 0.12 to 0.21 s; expected 0.1 to 0.14 s",
        ),
        (
            "<coordinate_file>gap.mot</coordinate_file>",
            coordinate_task("hip_flexion_r", "from_file"),
            "gap.mot: found 1 gaps, the first at 0.03 s in column hip_flexion_r",
        ),
        (
            "<coordinate_file>gap.mot</coordinate_file>",
            coordinate_task("knee_angle_r", "from_file"),
            "setup.xml:5: found value_type from_file of coordinate knee_angle_r, which",
        ),
    ],
)
def test_what_cannot_be_applied_is_refused(
    person: SyntheticPerson, tmp_path: Path, properties: str, tasks: str, message: str, solver: str
) -> None:
    for name, start_s in (("short.mot", 0.12), ("gap.mot", 0.0)):
        values = np.zeros((10, 1))
        values[3] = np.nan if name == "gap.mot" else 0.0
        table = CoordinateTrajectories(start_s + np.arange(10) / 100, ("hip_flexion_r",), values)
        write_mot(tmp_path / name, table, rotational=person.skeleton.rotational_names)
    gap = read_storage(tmp_path / "gap.mot")
    write_storage(tmp_path / "gap.mot", replace(gap, time_s=np.arange(10) * 0.03 - 0.06))
    setup = setup_file(person, tmp_path, properties, tasks=tasks)
    assert_refused(ik_of(person, tmp_path, setup, "--solver", solver), message)
    assert not (tmp_path / "q.mot").exists()


def test_degrees_for_radians_are_named(person: SyntheticPerson, tmp_path: Path) -> None:
    tasks = coordinate_task("hip_flexion_r", "manual_value", 5.0) + coordinate_task(
        "hip_flexion_l", "manual_value", 0.1
    )
    result = ik_of(person, tmp_path, setup_file(person, tmp_path, tasks=tasks))
    note = "setup.xml:5: value 5 of coordinate hip_flexion_r is 286 degrees, outside its range of"
    assert note in result.stdout
    assert "value 0.1" not in result.stdout


def test_what_our_solver_does_not_apply_is_named(person: SyntheticPerson, tmp_path: Path) -> None:
    result = ik_of(person, tmp_path, setup_file(person, tmp_path, "<accuracy>1e-12</accuracy><foo>1</foo>"))
    assert "setup.xml:3: accuracy 1e-12 is beyond double precision; solved to 1e-09" in result.stdout
    assert "setup.xml:3: <foo> ('1') is no property of InverseKinematicsTool and has no effect" in result.stdout


def test_neurik_refuses_a_set_up_file(person: SyntheticPerson, tmp_path: Path) -> None:
    setup = setup_file(person, tmp_path)
    result = run("ik", "--markers", person.trial, "--solver", "neurik", "--weights", setup, "--out", tmp_path / "q.mot")
    assert_refused(result, "--weights cannot be used with --solver neurik", exit_code=2)
