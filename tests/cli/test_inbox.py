"""`biopose inbox`: the example is a start, and the check says what a night would do."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from biopose.cli.inbox import inbox
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from tests.video.filming import film

MANIFEST = """\
team = "blue"
session = "{session}"
date = 2026-11-25
[[athlete]]
id = "ann"
height_m = 1.78
consent = true
[[trial]]
file = "jump.mp4"
athlete = "ann"
activity = "squat"
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(inbox, [str(argument) for argument in arguments])


def session(folder: Path, name: str, *, more: str = "") -> Path:
    folder.mkdir(parents=True)
    film(folder / "jump.mp4", size=(64, 48), rate_hz=30)
    (folder / "session.toml").write_text(MANIFEST.format(session=name) + more, encoding="utf-8")
    return folder / "session.toml"


def test_an_example_is_laid_out_and_checks_but_for_its_videos(tmp_path: Path) -> None:
    result = run("init", tmp_path, "--team", "blue", "--session", "jumps")
    assert result.exit_code == 0, result.output
    manifest = tmp_path / "blue" / "jumps" / "session.toml"
    assert str(manifest) in result.stdout
    for name in ("jump1.mp4", "jump2.mov", "squats.mp4"):
        film(manifest.parent / name, size=(640, 480), rate_hz=30, frames=200)
    assert run("check", tmp_path).exit_code == 0


def test_a_session_is_named_after_the_day(tmp_path: Path) -> None:
    assert run("init", tmp_path).exit_code == 0
    (manifest,) = tmp_path.rglob("session.toml")
    assert f'session = "{manifest.parent.name}"\ndate = {manifest.parent.name} ' in manifest.read_text(encoding="utf-8")


def test_a_manifest_that_is_there_stays(tmp_path: Path) -> None:
    manifest = session(tmp_path / "blue" / "jumps", "jumps")
    before = manifest.read_bytes()
    result = run("init", tmp_path, "--team", "blue", "--session", "jumps")
    assert result.exit_code == 1
    assert "is there already; edit it" in result.stderr
    assert manifest.read_bytes() == before


@pytest.mark.parametrize("option", ["--team", "--session"])
def test_a_name_that_leads_elsewhere_is_wrong_usage(tmp_path: Path, option: str) -> None:
    result = run("init", tmp_path / "inbox", option, "../up")
    assert result.exit_code == 2
    assert f"{option} '../up': expected up to 64 letters" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_check_tells_the_good_and_the_bad(tmp_path: Path) -> None:
    session(tmp_path / "blue" / "jumps", "jumps", more='[[trial]]\nfile = "land.mp4"\nathlete = "bob"\n')
    broken = session(tmp_path / "blue" / "broken", "broken", more="oops")
    result = run("check", tmp_path)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert "  ok       blue/jumps/jump  ann, squat, jump.mp4" in lines
    assert "  refused  blue/jumps/land  (manifest)" in lines
    assert any("trial[2].athlete (land.mp4): found 'bob'; expected one of the athletes: ann" in line for line in lines)
    assert any(line.startswith(f"  error    {broken}: is no TOML") for line in lines)
    assert lines[-1] == "1 trials in order, 1 refused, 1 manifests unreadable"


def test_the_check_tells_a_program_the_same(tmp_path: Path) -> None:
    session(tmp_path / "blue" / "good", "good")
    told = json.loads(run("check", tmp_path, "--json").stdout)
    assert told["ok"]
    assert told["sessions"][0]["trials"][0]["trial_id"] == "blue/good/jump"
    session(tmp_path / "blue" / "bad", "bad", more='[[trial]]\nfile = "land.mp4"\nathlete = "ann"\n')
    result = run("check", tmp_path, "--json")
    assert result.exit_code == 1
    refused = [trial for one in json.loads(result.stdout)["sessions"] for trial in one["refused"]]
    assert [(trial["trial_id"], trial["kind"]) for trial in refused] == [("blue/bad/land", "missing_file")]


def test_a_session_of_another_team_is_refused_where_it_lies(tmp_path: Path) -> None:
    session(tmp_path / "blue" / "jumps", "jumps")
    stranger = session(tmp_path / "red" / "jumps", "jumps")
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert "  ok       blue/jumps/jump  ann, squat, jump.mp4" in result.stdout
    assert f"{stranger}: team: found 'blue' in the folder of the team 'red'" in result.stdout


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("start_s = 604800\n", "trial[1].start_s (jump.mp4): found 604800; the video ends at 1.00 s"),
        ("person = [900, 10, 950, 40]\n", "outside of the image of 64 x 48 pixels"),
        ("person = [70, 10, 0.1]\n", "outside of the image of 64 x 48 pixels"),
        ("[trial.camera]\nfocal_px = 2\n", "trial[1].camera (jump.mp4): focal_px 2 is a view of 173 degrees"),
    ],
)
def test_what_a_video_contradicts_is_found_before_the_night(tmp_path: Path, more: str, problem: str) -> None:
    session(tmp_path / "blue" / "jumps", "jumps", more=more)
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert "  refused  blue/jumps/jump  (manifest)" in result.stdout
    assert problem in result.stdout


def test_a_file_that_is_no_video_is_found_before_the_night(tmp_path: Path) -> None:
    manifest = session(tmp_path / "blue" / "jumps", "jumps")
    (manifest.parent / "jump.mp4").write_text("not yet")
    result = run("check", tmp_path)
    assert "  refused  blue/jumps/jump  (video)" in result.stdout
    assert "is a text, not a video" in result.stdout


def test_names_that_differ_in_case_alone_are_noted(tmp_path: Path) -> None:
    session(tmp_path / "blue" / "jumps", "jumps", more='[[athlete]]\nid = "Ann"\nheight_m = 1.8\nconsent = true\n')
    result = run("check", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Note: blue/Ann and blue/ann differ in upper and lower case alone, and are stored" in result.stdout


def test_an_athletes_model_that_cannot_be_read_is_found_before_the_night(tmp_path: Path) -> None:
    manifest = session(tmp_path / "blue" / "jumps", "jumps")
    text = manifest.read_text().replace("consent = true", 'consent = true\nmodel = "ann.osim"')
    manifest.write_text(text.replace('file = "jump.mp4"', 'markers = "jump.trc"'))
    recording = MarkerTrajectories(np.arange(3) / 100, ("LASI",), np.ones((3, 1, 3)))
    write_trc(manifest.with_name("jump.trc"), recording)
    manifest.with_name("ann.osim").write_text("<OpenSimDocument>")
    result = run("check", tmp_path)
    assert "  refused  blue/jumps/jump  (markers)" in result.stdout
    assert "ann.osim" in result.stdout


def test_an_inbox_without_manifests_says_how_to_make_one(tmp_path: Path) -> None:
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path}: no session.toml and no video, neither here nor in a folder below" in result.stderr
    assert "biopose inbox init" in result.stderr


def test_the_check_names_what_belongs_to_no_trial(tmp_path: Path) -> None:
    session(tmp_path / "blue" / "jumps", "jumps")
    (tmp_path / "blue" / "jumps" / "extra.mov").touch()
    (tmp_path / "blue" / "runs").mkdir()
    (tmp_path / "blue" / "runs" / "run.mp4").touch()
    result = run("check", tmp_path)
    assert result.exit_code == 1
    *_, title, first, second = result.stdout.splitlines()
    assert title == "2 in the inbox that no trial measures:"
    assert first.startswith("  blue/jumps/extra.mov: no trial of session.toml names this video")
    assert second.startswith("  blue/runs: 1 video (run.mp4), but no session.toml")
    reported = json.loads(run("check", tmp_path, "--json").stdout)
    assert not reported["ok"]
    assert [one["kind"] for one in reported["unmatched"]] == ["unnamed_video", "no_manifest"]


def test_an_inbox_with_a_misnamed_manifest_alone_names_it(tmp_path: Path) -> None:
    session(tmp_path / "blue" / "jumps", "jumps").rename(tmp_path / "blue" / "jumps" / "Session.toml")
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert "blue/jumps/Session.toml: is not read, nor is what lies beside it, 1 video (jump.mp4)" in result.stdout
