"""The commands as a user meets them: help, exit codes, and results that OpenSim opens."""

import json
import os
import pty
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import opensim
import pytest
from click.testing import CliRunner

from biopose.cli.command_line import Commands
from biopose.io.mot import read_mot
from biopose.skeleton.reader import read_osim
from tests.commands import COMMANDS, assert_parses, in_a_process, run, with_gaps
from tests.reference_data import LAB, needs_shared_data
from tests.synthetic_person import SyntheticPerson

ROTATION_TOLERANCE_DEG = 0.05


every_command = pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "biopose")


def examples(text: str) -> list[str]:
    """The lines under a help text's heading of examples."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() in ("Example:", "Examples:"))
    after = lines[start + 1 :]
    end = after.index("") if "" in after else len(after)
    return [line.strip() for line in after[:end]]


@every_command
def test_help_has_examples_of_the_command(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert "\\b" not in result.stdout
    for example in examples(result.stdout):
        assert example.startswith(" ".join(("biopose", *path)))


@every_command
def test_examples_are_commands_that_parse(path: tuple[str, ...]) -> None:
    for example in examples(run(*path, "--help").stdout):
        assert_parses(example)


@every_command
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):  # an argument is explained by the command's own text
            assert parameter.help


def test_help_of_all_commands_imports_nothing_heavy_and_takes_less_than_half_a_second_of_processor_time() -> None:
    heavy = ("torch", "opensim", "numpy", "pyarrow", "pydantic", "prefect", "ray", "dask", "duckdb", "mlflow")
    script = f"""
import sys
from flows.cli.main import cli
for path in {list(COMMANDS)!r}:
    try:
        cli([*path, "--help"])
    except SystemExit as end:
        assert end.code == 0
print([name for name in {heavy!r} if name in sys.modules])
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert loaded.splitlines()[-1] == "[]"
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5


def test_version() -> None:
    assert "0.1.0" in run("--version").stdout


def test_a_shell_completes_commands_and_options() -> None:
    for words, place, expected in (("biopose rep", 1, "report"), ("biopose measure --qu", 2, "--quiet")):
        asked = {"_BIOPOSE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        script = "from flows.cli.main import cli; cli(prog_name='biopose')"
        done = subprocess.run([sys.executable, "-c", script], env=os.environ | asked, capture_output=True, text=True)
        assert done.stdout.split() == [f"plain,{expected}"]


# What comes out


def solved(person: SyntheticPerson, out: Path, *options: object) -> dict[str, Any]:
    result = run("ik", "--markers", person.trial, "--model", person.scaled, "--out", out, "--json", *options)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.fixture(scope="module")
def motion_file(person: SyntheticPerson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ik") / "q.mot"
    report = solved(person, out)
    assert report["frames"] == len(person.truth)
    assert report["rms_mm"] < 0.01
    assert report["coordinates_held"] == []
    return out


def test_a_motion_is_recovered(person: SyntheticPerson, motion_file: Path) -> None:
    found = read_mot(motion_file, rotational=person.skeleton.rotational_names)
    assert found.names == person.skeleton.coordinate_names
    np.testing.assert_allclose(found.values, person.truth, atol=np.radians(ROTATION_TOLERANCE_DEG))


def test_opensim_opens_the_result_in_degrees(person: SyntheticPerson, motion_file: Path) -> None:
    table = opensim.TimeSeriesTable(str(motion_file))
    assert table.getTableMetaDataAsString("inDegrees") == "yes"
    rotational = [n in person.skeleton.rotational_names for n in person.skeleton.coordinate_names]
    expected = np.where(rotational, np.degrees(person.truth), person.truth)
    column = {name: i for i, name in enumerate(person.skeleton.coordinate_names)}
    assert set(table.getColumnLabels()) == set(column)
    np.testing.assert_allclose(np.array(table.getIndependentColumn()), person.recording.time_s)
    for name in ("pelvis_tx", "pelvis_tilt", "knee_angle_r", "arm_flex_l", "lumbar_bending"):
        values = table.getDependentColumn(name).to_numpy()
        np.testing.assert_allclose(values, expected[:, column[name]], atol=ROTATION_TOLERANCE_DEG)


def test_opensims_older_reader_agrees(person: SyntheticPerson, motion_file: Path) -> None:
    storage = opensim.Storage(str(motion_file))
    assert storage.isInDegrees()
    assert storage.getSize() == len(person.truth)
    values = opensim.ArrayDouble()
    storage.getDataColumn("knee_angle_l", values)
    found = np.array([values.get(i) for i in range(values.getSize())])
    truth = np.degrees(person.truth[:, person.skeleton.coordinate_names.index("knee_angle_l")])
    np.testing.assert_allclose(found, truth, atol=ROTATION_TOLERANCE_DEG)


def test_opensims_solver_agrees_on_a_clean_recording(
    person: SyntheticPerson, motion_file: Path, tmp_path: Path
) -> None:
    report = solved(person, tmp_path / "q.mot", "--solver", "opensim")
    assert report["solver"] == "opensim"
    ours, theirs = (
        read_mot(path, rotational=person.skeleton.rotational_names) for path in (motion_file, tmp_path / "q.mot")
    )
    difference_deg = np.degrees(np.abs(ours.values - theirs.values))
    assert np.median(difference_deg) < 0.3
    # OpenSim's stops up to 3 mm from clean markers, which turns an arm by degrees; legs and trunk are held firmly.
    firm = [i for i, name in enumerate(ours.names) if name.startswith(("pelvis", "hip", "knee", "ankle", "lumbar"))]
    assert difference_deg[:, firm].max() < 1.0


def test_scaling_and_inverse_kinematics_recover_a_persons_angles(person: SyntheticPerson, tmp_path: Path) -> None:
    out, q = tmp_path / "scaled.osim", tmp_path / "q.mot"
    result = run("scale", "--markers", person.static, "--mass-kg", 70, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["mass_kg"] == pytest.approx(70)
    assert read_osim(out).mass_kg == pytest.approx(70)
    assert max(report["marker_residual_mm"].values()) < 15
    assert run("ik", "--markers", person.trial, "--model", out, "--out", q).exit_code == 0
    found = read_mot(q, rotational=person.skeleton.rotational_names)
    turning = [i for i, n in enumerate(found.names) if n in person.skeleton.rotational_names]
    error_deg = np.degrees(np.abs(found.values - person.truth))[:, turning]
    assert np.median(error_deg) < 1.0
    assert error_deg.mean() < 2.0


# Exit codes


def test_unsolved_frames_are_nan_and_end_in_three(person: SyntheticPerson, tmp_path: Path) -> None:
    trial, out = with_gaps(person, tmp_path / "gap.trc", frames=slice(10, 15)), tmp_path / "q.mot"
    result = run("ik", "--markers", trial, "--model", person.scaled, "--out", out, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["frames_unsolved"] == [10, 11, 12, 13, 14]
    values = read_mot(out, rotational=person.skeleton.rotational_names).values
    assert np.isnan(values[10:15]).all()
    np.testing.assert_allclose(np.delete(values, np.s_[10:15], 0), np.delete(person.truth, np.s_[10:15], 0), atol=1e-3)


def test_undetermined_coordinates_are_named_and_end_in_three(person: SyntheticPerson, tmp_path: Path) -> None:
    skeleton = person.skeleton
    hand = tuple(m.name for m in skeleton.markers if skeleton.body_names[m.body] == "hand_r")
    assert hand
    trial = with_gaps(person, tmp_path / "hand.trc", frames=slice(10, 15), markers=hand)
    result = run("ik", "--markers", trial, "--model", person.scaled, "--out", tmp_path / "q.mot")
    assert result.exit_code == 3
    assert "UNDETERMINED in 5 frames, too few markers: wrist_flex_r, wrist_dev_r" in result.stdout
    assert "nan in the .mot" in result.stdout


def test_json_is_one_object_even_with_a_terminal_for_progress(person: SyntheticPerson, tmp_path: Path) -> None:
    arguments = ("ik", "--markers", person.trial, "--model", person.scaled, "--out", tmp_path / "q.mot")
    as_json = on_a_terminal(*arguments, "--json")
    assert len(as_json[0].splitlines()) == 1
    assert json.loads(as_json[0])["frames"] == len(person.truth)
    assert as_json[1] == ""
    for_a_person = on_a_terminal(*arguments)
    assert "frames/s" in for_a_person[0]
    assert "Solving" in for_a_person[1]
    assert "100%" in for_a_person[1]
    assert "Solving" not in for_a_person[0]


def on_a_terminal(*arguments: object) -> tuple[str, str]:
    """Standard output through a pipe, and what a terminal got as standard error."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True)
    os.close(terminal)
    out, _ = process.communicate(timeout=120)
    shown = b""
    try:
        while part := os.read(main, 4096):
            shown += part
    except OSError:  # how a terminal that the other side has closed ends
        pass
    os.close(main)
    return out, shown.decode()


@needs_shared_data
def test_a_real_jump_from_markers_to_angles(tmp_path: Path) -> None:
    scaled, out = tmp_path / "scaled.osim", tmp_path / "q.mot"
    static = ("--markers", LAB / "static1.trc", "--model", LAB / "generic.osim", "--mass-kg", 62.6)
    result = run("scale", *static, "--out", scaled)
    assert result.exit_code == 0
    assert "62.6 kg" in result.stdout
    result = run("ik", "--markers", LAB / "DJ1.trc", "--model", scaled, "--out", out, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 3
    # The fifth metatarsal's marker is missing before that frame, the toe's in it: the foot rolls over.
    assert [jump["frames"] for jump in report["jumps"]] == [[221, 222]]
    assert report["rms_mm"] < 25
    assert report["lies_on_its_side"] is False
    assert opensim.TimeSeriesTable(str(out)).getNumRows() == report["frames"]


def test_the_console_script_is_this_command() -> None:
    result = in_a_process("ik", "--markers", "no.trc")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_full_disk_ends_a_command_with_one_line() -> None:
    """What a write raises names no file."""

    @click.command()
    def write() -> None:
        with Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)

    result = CliRunner().invoke(Commands(commands={"write": write}), ["write"])
    assert result.exit_code == 1
    assert result.output == (
        "Error: No space left on device; make room on the disk that is written to, and run the command again\n"
    )
