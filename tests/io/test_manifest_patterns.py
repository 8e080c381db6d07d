"""Recordings of markers and patterns in a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from biopose.errors import ManifestError
from biopose.io.inbox_contents import unmatched
from biopose.io.manifest import Session, read_session

HEAD = """\
team = "lab"
session = "day"
date = 2026-11-25
[[athlete]]
id = "ann"
height_m = 1.70
consent = true
static = "ann_static.c3d"
[[athlete]]
id = "ann_b"
height_m = 1.80
consent = true
"""


def read(folder: Path, text: str, *files: str) -> Session:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).touch()
    (folder / "session.toml").write_text(HEAD + text)
    return read_session(folder / "session.toml")


def test_a_trial_of_markers_has_the_files_beside_it_and_how_they_are_read(tmp_path: Path) -> None:
    text = '[recording]\nup = "z"\nunits = "mm"\n[[trial]]\nmarkers = "a.trc"\nforces = "a.mot"\nathlete = "ann"\n'
    (trial,) = read(tmp_path, text, "a.trc", "a.mot", "ann_static.c3d").trials
    assert (trial.trial_id, trial.kind, trial.up, trial.units) == ("lab/day/a", "markers", "z", "mm")
    assert [path.name for path in trial.inputs] == ["a.trc", "ann_static.c3d", "a.mot"]


def test_an_athletes_missing_static_trial_refuses_their_recordings_and_no_video(tmp_path: Path) -> None:
    text = '[[trial]]\nmarkers = "a.trc"\nathlete = "ann"\n[[trial]]\nfile = "b.mp4"\nathlete = "ann"\n'
    session = read(tmp_path, text, "a.trc", "b.mp4")
    assert [trial.trial_id for trial in session.trials] == ["lab/day/b"]
    (refused,) = session.refused
    assert refused.kind == "missing_file"
    assert "line 8: athlete[1].static (ann): there is no file 'ann_static.c3d'" in refused.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'file = "a.mp4"\nmarkers = "a.trc"',
            "a trial is one recording, found file and markers; expected file, a video",
        ),
        ("", "a trial is one recording, found none"),
        (
            'markers = "a.trc"\nrecorded_hz = 240',
            "recorded_hz belongs to a video, not to a recording of markers; leave it out",
        ),
        (
            'file = "a.mp4"\nforces = "a.mot"',
            "forces belongs to a recording of markers or a recording of keypoints, not to a video",
        ),
        ('markers = "../a.trc"', "which leads out of the session's folder; put the recording beside the manifest"),
    ],
)
def test_a_trial_that_is_no_one_recording_is_refused_with_what_is_expected(
    tmp_path: Path, line: str, message: str
) -> None:
    text = f'[[trial]]\nathlete = "ann"\nid = "a"\n{line}\n'
    (refused,) = read(tmp_path, text, "a.trc", "a.mp4", "ann_static.c3d").refused
    assert message in refused.message


def test_a_pattern_is_a_trial_for_each_file_with_athlete_and_activity_by_its_name(tmp_path: Path) -> None:
    text = '[[trial]]\nmarkers = "{athlete}_{activity}_*.trc"\nforces = "{name}_grf.mot"\n'
    files = ["ann_walk_1.trc", "ann_walk_2.trc", "ann_b_drop_jump_1.trc", "ann_swim_1.trc"]
    forces = [f"{Path(file).stem}_grf.mot" for file in files[:2]]
    session = read(tmp_path, text, *files, *forces, "ann_static.c3d", ".ann_walk_3.trc")
    assert [(t.file.name, t.athlete.id, t.activity) for t in session.trials] == [
        ("ann_walk_1.trc", "ann", "walk"),
        ("ann_walk_2.trc", "ann", "walk"),
    ]
    (refused,) = session.refused  # ann_b is no ann who does b_drop_jump
    assert refused.trial_id == "lab/day/ann_b_drop_jump_1"
    assert "there is no file 'ann_b_drop_jump_1_grf.mot'" in refused.message


def test_a_pattern_leaves_out_what_is_named_otherwise_and_static_trials(tmp_path: Path) -> None:
    text = (
        '[[trial]]\nmarkers = "*.c3d"\nathlete = "ann"\nactivity = "walk"\n'
        '[[trial]]\nmarkers = "b.c3d"\nathlete = "ann"\nactivity = "squat"\n'
    )
    session = read(tmp_path, text, "a.c3d", "b.c3d", "ann_static.c3d")
    assert [(t.file.name, t.activity) for t in session.trials] == [("a.c3d", "walk"), ("b.c3d", "squat")]


def test_a_pattern_leaves_out_force_files_and_a_static_trial_however_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "lab" / "day"
    text = '[[trial]]\nmarkers = "./ann_*.c3d"\nforces = "{name}_grf.c3d"\nathlete = "ann"\n'
    files = ("ann_1.c3d", "ann_1_grf.c3d", "ann_static.c3d")
    read(folder, text, *files)
    (folder / "session.toml").write_text(HEAD.replace('"ann_static', '"./ann_static') + text)
    session = read_session(folder / "session.toml")
    assert not session.refused
    assert [[path.name for path in trial.inputs] for trial in session.trials] == [
        ["ann_1.c3d", "ann_static.c3d", "ann_1_grf.c3d"]
    ]
    assert not unmatched(tmp_path)


def test_forces_in_the_recording_itself_may_be_named(tmp_path: Path) -> None:
    text = '[[trial]]\nmarkers = "ann_*.c3d"\nforces = "./{name}.c3d"\nathlete = "ann"\n'
    (trial,) = read(tmp_path, text, "ann_1.c3d", "ann_static.c3d").trials
    assert (trial.file.name, trial.beside.forces) == ("ann_1.c3d", trial.file)


def test_a_pattern_with_too_many_stars_is_refused_and_a_double_one_is_one(tmp_path: Path) -> None:
    long = "a" * 60 + ".c3d"
    text = f'[[trial]]\nmarkers = "{"*a" * 12}b.c3d"\nathlete = "ann"\n'
    text += f'[[trial]]\nmarkers = "{"*" * 12}a.c3d"\nathlete = "ann"\n'
    session = read(tmp_path, text, long, "ann_static.c3d")
    assert [trial.file.name for trial in session.trials] == [long]
    (refused,) = session.refused
    assert refused.kind == "manifest"
    assert "trial[1].markers" in refused.message
    assert "found a pattern with 12 *, expected at most 4; leave some out" in refused.message


def test_a_pattern_of_an_unknown_athlete_and_one_without_files_are_refused(tmp_path: Path) -> None:
    text = '[[trial]]\nmarkers = "{athlete}_*.trc"\n[[trial]]\nfile = "*.mp4"\nathlete = "ann"\n'
    session = read(tmp_path, text, "bob_1.trc", "ann_static.c3d")
    messages = {trial.trial_id: trial.message for trial in session.refused}
    assert "found 'bob'; expected one of the athletes: ann, ann_b" in messages["lab/day/bob_1"]
    assert any("has a name of the pattern '*.mp4'" in message for message in messages.values())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('file = "a.trc"', "trial[1].file (a.trc): is no video: a recording of markers is named as `markers`"),
        ('markers = "a.mp4"', "trial[1].markers (a.mp4): is a video, which is named as `file`"),
    ],
)
def test_a_recording_under_another_kinds_key_is_refused_with_the_key(tmp_path: Path, line: str, message: str) -> None:
    (refused,) = read(tmp_path, f'[[trial]]\nathlete = "ann"\n{line}\n', "a.trc", "a.mp4", "ann_static.c3d").refused
    assert refused.kind == "manifest"
    assert message in refused.message


def test_the_axis_of_recordings_is_refused_by_its_key(tmp_path: Path) -> None:
    text = '[recording]\nup = "Z"\n[[trial]]\nmarkers = "a.trc"\nathlete = "ann"\n'
    with pytest.raises(ManifestError, match=r'line 14: recording\.up: found "Z"; expected the vertical axis'):
        read(tmp_path, text, "a.trc", "ann_static.c3d")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{athlete}_*.c3d", "has a name of the pattern '{athlete}_*.c3d' ({athlete} and {activity} stand for those"),
        ("{atlete}_*.trc", "{atlete} stands for nothing; {athlete} and {activity} stand for those of a trial"),
    ],
)
def test_a_pattern_that_matches_nothing_is_reported_as_such(tmp_path: Path, pattern: str, message: str) -> None:
    (refused,) = read(tmp_path, f'[[trial]]\nmarkers = "{pattern}"\n', "ann_1.trc", "ann_static.c3d").refused
    assert f"line 14: trial[1].markers ({pattern}): " in refused.message
    assert message in refused.message
    assert ("trial[1].athlete" in refused.message) == ("atlete" in pattern)


def test_a_pattern_with_an_id_names_several_trials_alike_and_stops_the_session(tmp_path: Path) -> None:
    text = '[[trial]]\nid = "a"\nmarkers = "*.trc"\nathlete = "ann"\n'
    with pytest.raises(ManifestError, match="are both named 'a'"):
        read(tmp_path, text, "x.trc", "y.trc")


def test_a_recording_that_no_trial_names_is_reported_beside_others(tmp_path: Path) -> None:
    folder = tmp_path / "lab" / "day"
    text = '[[trial]]\nmarkers = "walk*.trc"\nathlete = "ann"\n'
    read(folder, text, "walk1.trc", "squat1.trc", "ann_static.c3d", "walk1_grf.mot")
    found = {one.path: one.kind for one in unmatched(tmp_path)}
    assert found == {"lab/day/squat1.trc": "unnamed_recording"}
