"""The golden set: trials with a reference, which is compared frame by frame and refused once it changed."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from biopose.errors import BioposeError, ModelError
from biopose.io.files import sha256_of
from biopose.io.mot import read_mot, write_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.markers.trial import MarkerTrial
from biopose.skeleton.full_body import full_body_skeleton
from flows.cli.golden import golden
from tasks.erasure import erase, plan_erasure
from tasks.golden import GoldenSet, joint_angles
from tasks.golden_known import DEFINITION
from tasks.golden_trials import add_golden
from tasks.locks import exclusive
from tasks.settings import Settings
from tests.marker_recordings import static_markers, swinging_markers, swinging_q, written_trc
from tests.reference_data import LAB, SHARED_DATA, needs_shared_data
from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.connection import opened_for_writing
from warehouse.errors import QueryError
from warehouse.load import load_trial

TRIAL = SyntheticTrial()
ANGLES = ("knee_angle_r", "hip_flexion_r")
RUN_VIDEO = "a" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    folder = TRIAL.write(settings.home / TRIAL.record["run"]["artifacts"])
    load_trial(settings.warehouse, TRIAL.record, folder)
    (folder / "record.json").unlink()  # of the tests alone
    return settings


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """Two angles over the trial's 0.78 s, on a clock that is 10 s ahead, at another rate."""
    time_s = np.linspace(10.0, 10.9, 91)
    angles = np.deg2rad(np.stack([50 + 20 * np.sin(time_s), 170 + 20 * (time_s - 10)], axis=1))
    file = tmp_path / "markers.mot"
    write_mot(file, CoordinateTrajectories(time_s, ANGLES, angles), rotational=ANGLES)
    return file


def add(settings: Settings, reference: Path | None, offset_s: float = 10.0) -> GoldenSet:
    add_golden(settings, TRIAL.trial_id, reference=reference, offset_s=offset_s, who="ann")
    return GoldenSet(settings)


def test_a_reference_is_interpolated_at_the_trials_frames_on_its_own_clock(settings: Settings, reference: Path) -> None:
    values = add(settings, reference).reference(
        TRIAL.trial_id, time_s=TRIAL.time_s, columns=joint_angles(), video_sha256=RUN_VIDEO
    )
    assert values is not None
    by_column = dict(zip(joint_angles(), values.T, strict=True))
    np.testing.assert_allclose(by_column["knee_angle_r_deg"], 50 + 20 * np.sin(TRIAL.time_s + 10), atol=1e-3)
    np.testing.assert_allclose(by_column["hip_flexion_r_deg"], 170 + 20 * TRIAL.time_s, atol=1e-3)  # through a turn
    assert np.isnan(by_column["knee_angle_l_deg"]).all()
    assert not any(name.startswith("pelvis") for name in by_column)


def test_approved_numbers_are_kept_though_the_trial_is_measured_anew(settings: Settings) -> None:
    found = add(settings, None, 0.0)
    (settings.home / TRIAL.record["run"]["artifacts"] / "kinematics.parquet").unlink()
    values = found.reference(TRIAL.trial_id, time_s=TRIAL.time_s, columns=["knee_angle_r_deg"], video_sha256=RUN_VIDEO)
    assert values is not None
    np.testing.assert_allclose(values[:, 0], TRIAL.coordinates()[:, COLUMNS.index("knee_angle_r_deg")], rtol=1e-6)


def test_a_reference_or_recording_that_changed_or_is_gone_is_refused_by_name(
    settings: Settings, reference: Path
) -> None:
    found = add(settings, reference)
    given = {"time_s": TRIAL.time_s, "columns": ["knee_angle_r_deg"]}
    with pytest.raises(BioposeError, match=r"jump1: its recording is not the one .* \(sha256 bbbbbbbbbbbb\."):
        found.reference(TRIAL.trial_id, video_sha256="b" * 64, **given)  # type: ignore[arg-type]
    reference.write_text(reference.read_text() + "\n")
    with pytest.raises(BioposeError, match=r"markers\.mot: is not the reference that blue/.*jump1 was added with"):
        found.check([TRIAL.trial_id])
    reference.unlink()
    assert "is gone; restore it" in found.faults()[TRIAL.trial_id]
    assert found.reference("blue/other/trial", video_sha256=RUN_VIDEO, **given) is None  # type: ignore[arg-type]


def test_references_that_cannot_be_used_are_refused(settings: Settings, reference: Path, tmp_path: Path) -> None:
    with pytest.raises(BioposeError, match=r"from 10\.00 to 10\.90 s and has no row .* 0\.00 to 0\.78 s; .*--offset-s"):
        add(settings, reference, 0.0)
    (tmp_path / "angles.csv").write_text("")
    with pytest.raises(BioposeError, match=r"angles\.csv: a reference is joint angles .*, or a recording of markers, "):
        add(settings, tmp_path / "angles.csv")
    write_mot(
        tmp_path / "force.mot", CoordinateTrajectories(np.arange(3.0), ("fx",), np.zeros((3, 1))), rotational=ANGLES
    )
    with pytest.raises(BioposeError, match=r"force\.mot: has no joint angle that BioPose measures \(it has fx\)"):
        add(settings, tmp_path / "force.mot")
    with pytest.raises(QueryError, match="there is no trial 'blue/x/jump1'; there are blue/"):
        add_golden(settings, "blue/x/jump1", reference=None, offset_s=0.0, who=None)
    assert GoldenSet(settings).trials == {}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Markers of somebody who swings the legs, with a static trial beside."""
    folder = tmp_path_factory.mktemp("markers")
    written_trc(folder / "static.trc", static_markers())
    return written_trc(folder / "swing.trc", swinging_markers())


def test_a_recording_of_markers_is_solved_and_its_angles_are_the_reference(settings: Settings, recording: Path) -> None:
    options = ("--reference", str(recording), "--static", str(recording.with_name("static.trc")))
    command = ["add", TRIAL.trial_id, *options, "--home", str(settings.home)]
    added = CliRunner().invoke(golden, command)
    assert f"of the markers {recording}\n    solved by marker_neurik\n" in added.stdout, added.output
    assert "    static trial: " in added.stdout
    found = GoldenSet(settings)
    one = found.trials[TRIAL.trial_id]
    assert (one.kind, one.is_copy, one.markers) == ("reference", True, str(recording))
    at_s = swinging_markers().time_s
    values = found.reference(TRIAL.trial_id, time_s=at_s, columns=["knee_angle_r_deg"], video_sha256=RUN_VIDEO)
    assert values is not None
    truth = np.degrees(swinging_q()[:, full_body_skeleton().coordinate_names.index("knee_angle_r")])
    assert np.abs(values[:, 0] - truth).mean() < 6
    (settings.home / one.file).unlink()
    assert f"--reference {recording}" not in found.faults()[TRIAL.trial_id]  # it is gone: restore or remove
    found.remove([TRIAL.trial_id])
    assert recording.is_file()


def test_a_recording_of_markers_that_cannot_be_solved_is_refused_with_what_helps(
    settings: Settings, recording: Path, tmp_path: Path
) -> None:
    few = written_trc(tmp_path / "few.trc", swinging_markers().select(swinging_markers().names[:3]))
    with pytest.raises(ModelError, match=r"few\.trc: 3 of its 3 markers have a name .* \(of a reference: --model and"):
        add(settings, few)
    home = ("--home", str(settings.home))
    sideways = CliRunner().invoke(golden, ["add", TRIAL.trial_id, "--reference", str(recording), "--up", "z", *home])
    assert sideways.exit_code == 1
    assert "the vertical axis is not z; give --up y or x" in sideways.stderr
    with pytest.raises(BioposeError, match=r"swing\.trc: lasts from 0\.00 to 0\.59 s and has no row .*--offset-s"):
        add(settings, recording, 100.0)
    assert GoldenSet(settings).trials == {}


def test_a_home_is_free_while_markers_are_solved_and_what_changed_meanwhile_is_refused(
    settings: Settings, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ["", "UPDATE run SET height_m = 1.9"]

    def solved(_: MarkerTrial, out: Path) -> tuple[str, ...]:
        with exclusive(settings.home), opened_for_writing(settings.warehouse) as connection:  # as a night does
            connection.execute(changes.pop(0) or "SELECT 1")
        shutil.copyfile(reference, out)
        return ("solved",)

    monkeypatch.setattr("tasks.golden_trials.write_angles", solved)
    recording = tmp_path / "swing.trc"
    recording.touch()
    assert add(settings, recording).trials[TRIAL.trial_id].notes == ("solved",)
    GoldenSet(settings).remove([TRIAL.trial_id])
    with pytest.raises(BioposeError, match=r"jump1: was measured anew meanwhile, of another input; run this again"):
        add(settings, recording)
    assert GoldenSet(settings).trials == {}


def test_what_belongs_to_markers_is_refused_beside_joint_angles(settings: Settings, reference: Path) -> None:
    command = ["add", TRIAL.trial_id, "--reference", str(reference), "--up", "z", "--home", str(settings.home)]
    refused = CliRunner().invoke(golden, command)
    assert refused.exit_code == 1
    assert "markers.mot: --static, --model, --up, --units and --subject are of a recording of markers" in refused.stderr


def test_a_person_who_is_erased_leaves_the_golden_set(settings: Settings) -> None:
    assert add(settings, None, 0.0).trials
    assert list((settings.home / "golden").iterdir())
    assert erase(settings, plan_erasure(settings, "blue/ann"))["left"] == []
    assert GoldenSet(settings).trials == {}
    assert not list((settings.home / "golden").iterdir())


def test_numbers_that_two_trials_share_stay_until_both_are_removed(settings: Settings) -> None:
    golden, folder = GoldenSet(settings), settings.home / TRIAL.record["run"]["artifacts"]
    for name in ("blue/day1/before", "blue/day1/renamed"):
        golden.approve(name, folder / "kinematics.parquet", video_sha256=RUN_VIDEO, who="ann")
    assert (settings.home / "golden").stat().st_mode & 0o777 == 0o700
    golden.remove(["blue/day1/before"])
    assert golden.faults() == {}
    golden.remove(["blue/day1/renamed"])
    assert not list((settings.home / "golden").iterdir())


def test_the_command_adds_lists_and_removes_and_names_what_changed(settings: Settings, reference: Path) -> None:
    home = ("--home", str(settings.home))
    add_reference = ["add", TRIAL.trial_id, "--reference", str(reference), "--offset-s", "10", "--by", "A. Miller"]
    added = CliRunner().invoke(golden, [*add_reference, *home, "--json"])
    assert json.loads(added.stdout)["who"] == "A. Miller"
    assert TRIAL.trial_id in CliRunner().invoke(golden, ["list", *home]).stdout
    reference.write_text("")
    changed = CliRunner().invoke(golden, ["list", *home])
    assert changed.exit_code == 1
    assert "is not the reference that" in changed.stdout
    assert CliRunner().invoke(golden, ["remove", TRIAL.trial_id, *home]).exit_code == 0
    again = CliRunner().invoke(golden, ["remove", TRIAL.trial_id, *home])
    assert again.exit_code == 1
    assert "is not in the golden set" in again.stderr
    both = CliRunner().invoke(golden, ["add", TRIAL.trial_id, *home])
    assert both.exit_code == 2
    assert "give either --reference FILE.mot or --approve" in both.stderr


def test_recordings_that_the_definition_knows_are_added_with_their_references_by_hash(
    settings: Settings, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data" / "jump.mot"
    file.parent.mkdir()
    at_zero = read_mot(reference, rotational=ANGLES)  # on the recording's clock, as the definition's are
    on_clock = CoordinateTrajectories(at_zero.time_s - 10, at_zero.names, at_zero.values)
    write_mot(file, on_clock, rotational=ANGLES)
    clock = "reference = 'jump.mot'\nreference_sha256 = '{sha256}'\n"
    definition = tmp_path / "definition.toml"
    monkeypatch.setattr("tasks.golden_known.DEFINITION", definition)
    head = f"[[recording]]\nname = 'jump.mp4'\nsha256 = '{RUN_VIDEO}'\n"
    command = ["known", "--home", str(settings.home), "--by", "ann"]

    definition.write_text(head + clock.format(sha256="b" * 64))
    changed = CliRunner().invoke(golden, [*command, "--data", str(file.parent)])
    assert "is not the reference of jump.mp4 that BioPose knows" in changed.stderr
    nothing = CliRunner().invoke(golden, [*command, "--approve"])
    assert "no trial here is of one of the recordings asked for, among jump.mp4" in nothing.stderr
    assert not GoldenSet(settings).trials

    definition.write_text(head + clock.format(sha256=sha256_of(file)))
    assert CliRunner().invoke(golden, [*command, "--data", str(file.parent)]).exit_code == 0
    assert GoldenSet(settings).trials[TRIAL.trial_id].kind == "reference"
    definition.write_text(head)
    again = CliRunner().invoke(golden, [*command, "--approve"])
    assert "in the golden set, and stay as they are" in again.output
    assert GoldenSet(settings).trials[TRIAL.trial_id].kind == "reference"
    GoldenSet(settings).remove([TRIAL.trial_id])
    assert CliRunner().invoke(golden, [*command, "--approve"]).exit_code == 0
    assert GoldenSet(settings).trials[TRIAL.trial_id].kind == "approval"


@needs_shared_data
def test_the_definition_that_ships_is_of_the_reference_data() -> None:
    rows = tomllib.loads(DEFINITION.read_text())["recording"]
    assert len(rows) > len(list(LAB.glob("*_expert_ik.mot")))
    for row in rows:
        if "reference" in row:
            assert sha256_of(SHARED_DATA / row["reference"]) == row["reference_sha256"]
            assert sha256_of(LAB / row["name"]) == row["sha256"]
