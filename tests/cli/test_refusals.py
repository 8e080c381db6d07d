"""What the commands refuse: one line that says what, where and what to do, and nothing written."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from biopose.io.mot import write_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.io.trc import write_trc
from tests.commands import assert_refused, run, with_gaps
from tests.reference_data import SHARED_DATA, needs_shared_data
from tests.synthetic_person import SyntheticPerson


@pytest.fixture
def trial_text(person: SyntheticPerson) -> list[str]:
    return person.trial.read_text().splitlines(keepends=True)


def ik_of(person: SyntheticPerson, folder: Path, *options: object, markers: Path | None = None) -> Result:
    result = run(
        "ik", "--markers", markers or person.trial, "--model", person.scaled, "--out", folder / "q.mot", *options
    )
    assert not (folder / "q.mot").exists() or result.exit_code in (0, 3)
    return result


@pytest.mark.parametrize("command", ["ik", "scale"])
@pytest.mark.parametrize(("unit", "message"), [("mm", "is the file's unit right"), ("feet", "Units")])
def test_a_wrong_unit(
    person: SyntheticPerson, trial_text: list[str], tmp_path: Path, command: str, unit: str, message: str
) -> None:
    path = tmp_path / "unit.trc"
    assert "\tm\t" in trial_text[2]
    path.write_text("".join([*trial_text[:2], trial_text[2].replace("\tm\t", f"\t{unit}\t"), *trial_text[3:]]))
    model, out = (person.scaled, "o.mot") if command == "ik" else (person.generic, "o.osim")
    result = run(command, "--markers", path, "--model", model, "--out", tmp_path / out)
    assert_refused(result, message)
    assert "unit.trc" in result.stderr
    assert not (tmp_path / out).exists()


@pytest.mark.parametrize("command", ["ik", "scale"])
def test_units_and_subject_are_options(
    person: SyntheticPerson, trial_text: list[str], tmp_path: Path, command: str
) -> None:
    path, out = tmp_path / "pair.trc", tmp_path / ("o.mot" if command == "ik" else "o.osim")
    names = [f"{who}:{name}" for who in ("Ann", "Bob") for name in person.recording.names]
    positions_m = np.tile(person.recording.positions_m, (1, 2, 1))
    if command == "scale":  # a static trial
        positions_m[:] = positions_m[0]
    write_trc(path, replace(person.recording, names=tuple(names), positions_m=positions_m))
    path.write_text(path.read_text().replace("\tm\t", "\tlab\t", 1))
    model = person.scaled if command == "ik" else person.generic
    options = ("--markers", path, "--model", model, "--out", out)
    assert_refused(run(command, *options), "found Units 'lab'; expected one of m, cm and mm")
    assert_refused(run(command, *options, "--units", "m"), "markers of 2 subjects: Ann, Bob; expected one; choose it")
    result = run(command, *options, "--units", "m", "--subject", "Bob")
    assert result.exit_code == (0 if command == "ik" else 3), result.output  # not upright
    assert "the prefix 'Bob:' is taken off" in result.stdout
    assert "read as m, as --units states" in result.stdout


def test_a_truncated_line(person: SyntheticPerson, trial_text: list[str], tmp_path: Path) -> None:
    path = tmp_path / "cut.trc"
    path.write_text("".join([*trial_text[:20], trial_text[20][: len(trial_text[20]) // 2] + "\n", *trial_text[21:]]))
    assert_refused(ik_of(person, tmp_path, markers=path), "cut.trc:21: found")


def test_markers_that_the_model_lacks(person: SyntheticPerson, tmp_path: Path) -> None:
    names = tuple(f"his_{name}" for name in person.recording.names)
    write_trc(tmp_path / "other.trc", replace(person.recording, names=names))
    result = ik_of(person, tmp_path, markers=tmp_path / "other.trc")
    assert_refused(result, "0 markers in common")
    assert "other.trc" in result.stderr
    assert_refused(run("scale", "--markers", tmp_path / "other.trc", "--out", tmp_path / "s.osim"), "0 of the skeleton")


def test_some_markers_that_the_model_lacks_are_reported(person: SyntheticPerson, tmp_path: Path) -> None:
    names = ("elsewhere", *person.recording.names[1:])
    write_trc(tmp_path / "other.trc", replace(person.recording, names=names))
    result = ik_of(person, tmp_path, markers=tmp_path / "other.trc")
    assert result.exit_code == 0
    assert "markers that the model lacks: elsewhere" in result.stdout


@pytest.mark.parametrize("solver", ["biopose", "opensim"])
def test_frames_without_markers(person: SyntheticPerson, tmp_path: Path, solver: str) -> None:
    path = with_gaps(person, tmp_path / "empty.trc", frames=slice(None))
    assert_refused(ik_of(person, tmp_path, "--solver", solver, markers=path), "empty.trc: no frame has 3 markers")


def test_a_static_trial_without_markers(person: SyntheticPerson, tmp_path: Path) -> None:
    path = with_gaps(person, tmp_path / "empty.trc", frames=slice(None))
    assert_refused(run("scale", "--markers", path, "--out", tmp_path / "s.osim"), "empty.trc: 0 of the skeleton")


MODELS = {
    "not XML": ("time\tx\n0\t1\n", "model.osim:1: not an OpenSim model"),
    "a set-up file": ("<OpenSimDocument><InverseKinematicsTool/></OpenSimDocument>", "holds a InverseKinematicsTool"),
    "an unknown joint": (
        '<OpenSimDocument Version="40600"><Model><JointSet><objects>\n<ScissorsJoint/></objects></JointSet>'
        "</Model></OpenSimDocument>",
        "model.osim:2: joint type ScissorsJoint is not supported; known are BallJoint",
    ),
    "empty": ("", "not an OpenSim model"),
}


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("command", ["ik", "scale"])
def test_a_model_that_is_none(person: SyntheticPerson, tmp_path: Path, case: str, command: str) -> None:
    content, message = MODELS[case]
    model, out = tmp_path / "model.osim", tmp_path / ("q.mot" if command == "ik" else "s.osim")
    model.write_text(content)
    assert_refused(run(command, "--markers", person.trial, "--model", model, "--out", out), message)


@pytest.fixture
def motion_file(person: SyntheticPerson, tmp_path: Path) -> Path:
    path = tmp_path / "q0.mot"
    motion = CoordinateTrajectories(person.recording.time_s, person.skeleton.coordinate_names, person.truth)
    write_mot(path, motion, rotational=person.skeleton.rotational_names)
    return path


def test_a_motion_given_as_markers(person: SyntheticPerson, motion_file: Path, tmp_path: Path) -> None:
    assert_refused(
        ik_of(person, tmp_path, markers=motion_file), "q0.mot: found the suffix '.mot'; expected one of .trc"
    )


def test_a_motion_under_the_name_of_markers(person: SyntheticPerson, motion_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "renamed.trc"
    path.write_bytes(motion_file.read_bytes())
    assert_refused(ik_of(person, tmp_path, markers=path), "renamed.trc:")


def weights_file(folder: Path, weights: dict[str, object]) -> Path:
    tasks = "".join(f'<IKMarkerTask name="{n}"><weight>{w}</weight></IKMarkerTask>' for n, w in weights.items())
    path = folder / "weights.xml"
    path.write_text(f"<OpenSimDocument>{tasks}</OpenSimDocument>")
    return path


@pytest.mark.parametrize("solver", ["biopose", "opensim"])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"Foo": 1, "Bar": 1, "Baz": 1}, "weights.xml: fewer than 3 of the markers with a weight above 0"),
        ({"RASI": 1, "LASI": 0, "RKNE": 1}, "weights.xml: fewer than 3 of the markers with a weight above 0"),
        ({"RASI": -1}, "weights.xml:1: found weight '-1' of marker RASI"),
    ],
)
def test_weights_that_cannot_be_used(
    person: SyntheticPerson, tmp_path: Path, weights: dict[str, object], message: str, solver: str
) -> None:
    path = weights_file(tmp_path, weights)
    assert_refused(ik_of(person, tmp_path, "--weights", path, "--solver", solver), message)


@pytest.mark.parametrize("solver", ["biopose", "opensim"])
def test_weights_of_absent_markers_are_reported(person: SyntheticPerson, tmp_path: Path, solver: str) -> None:
    path = weights_file(tmp_path, dict.fromkeys((*person.recording.names, "Foo"), 2.0))
    result = ik_of(person, tmp_path, "--weights", path, "--solver", solver)
    assert result.exit_code == 0
    assert "weights without a marker: Foo" in result.stdout


# Bad command lines


def test_a_missing_file(person: SyntheticPerson, tmp_path: Path) -> None:
    (tmp_path / "jump_1.trc").touch()
    missing = ik_of(person, tmp_path, markers=tmp_path / "jump1.trc")
    assert_refused(missing, f"jump1.trc' does not exist in {tmp_path}; nearest: jump_1.trc", exit_code=2)
    missing = ik_of(person, tmp_path, markers=tmp_path / "monday" / "jump1.trc")
    assert_refused(missing, f"jump1.trc' does not exist: there is no monday in {tmp_path}", exit_code=2)
    missing = ik_of(person, tmp_path, markers=tmp_path / "jump_1.trc" / "jump1.trc")
    assert_refused(missing, f"jump1.trc' does not exist: {tmp_path / 'jump_1.trc'} is no folder", exit_code=2)


@pytest.mark.parametrize(
    ("out", "message"),
    [("nowhere/q.mot", "there is no folder"), ("q.txt", "should end in .mot"), ("folder.mot", "is a directory")],
)
def test_an_output_that_cannot_be(person: SyntheticPerson, tmp_path: Path, out: str, message: str) -> None:
    (tmp_path / "folder.mot").mkdir()
    result = run("ik", "--markers", person.trial, "--model", person.scaled, "--out", tmp_path / out)
    assert_refused(result, message, exit_code=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(person: SyntheticPerson, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert_refused(ik_of(person, tmp_path), "cannot be written to", exit_code=2)
    tmp_path.chmod(0o700)


def test_what_the_system_refuses_is_one_line(person: SyntheticPerson, tmp_path: Path) -> None:
    out = tmp_path / f"{'x' * 300}.mot"
    result = run("ik", "--markers", person.trial, "--model", person.scaled, "--out", out)
    assert_refused(result, "File name too long")


def test_an_output_that_is_an_input(person: SyntheticPerson, tmp_path: Path) -> None:
    trial, model = tmp_path / "trial.mot", tmp_path / "model.osim"
    trial.write_bytes(person.trial.read_bytes())
    model.write_bytes(person.generic.read_bytes())
    result = run("ik", "--markers", trial, "--model", person.scaled, "--out", tmp_path / "." / "trial.mot")
    assert_refused(result, "is the file given as --markers", exit_code=2)
    result = run("scale", "--markers", person.static, "--model", model, "--out", model)
    assert_refused(result, "is the file given as --model", exit_code=2)
    assert trial.read_bytes() == person.trial.read_bytes()
    assert model.read_bytes() == person.generic.read_bytes()


def test_limits_that_opensim_does_not_know(person: SyntheticPerson, tmp_path: Path) -> None:
    result = ik_of(person, tmp_path, "--solver", "opensim", "--limits", "all")
    assert_refused(result, "--limits all needs --solver biopose", exit_code=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("scale", "--height-m", 178, "--markers", __file__, "--out", "s.osim"),
        ("scale", "--mass-kg", -3, "--markers", __file__, "--out", "s.osim"),
        ("ik", "--threads", 0),
        ("ik", "--limits", "some"),
        ("ik", "--solver", "magic"),
        ("bench", "ik", "--opensim-frames", 0),
        ("bench", "ik", "--model", __file__),
        ("evaluate", "consistency", "--shapes", 0),
        ("assets", "pull", "--from", "nowhere"),
        ("frobnicate",),
        ("ik",),
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:4])),
)
def test_wrong_usage_ends_in_two(arguments: tuple[object, ...]) -> None:
    result = run(*arguments)
    assert_refused(result, "", exit_code=2)


def test_reference_recordings_that_are_not_there(tmp_path: Path) -> None:
    assert_refused(run("evaluate", "lab", "--data", tmp_path), "--data names the folder that holds mocap/lab")


@needs_shared_data
def test_a_trial_that_is_not_there() -> None:
    result = run("evaluate", "lab", "--data", SHARED_DATA, "--trial", "nosuch")
    assert_refused(result, "no nosuch there; known are DJ1", exit_code=2)
