"""A manifest says who was filmed doing what; what is wrong with it is told by file, key and remedy, and costs no more
than the trials that it concerns."""

from datetime import date
from pathlib import Path

import pytest

from biopose.errors import ManifestError
from biopose.io.consent import SCOPES, Consent
from biopose.io.manifest import Session, read_session
from biopose.io.manifest_example import example_manifest

HEAD = 'team = "blue"\nsession = "jumps"\ndate = 2026-11-25\n'
ANN = '[[athlete]]\nid = "ann"\nheight_m = 1.78\nconsent = true\n'
JUMP = '[[trial]]\nfile = "jump.mp4"\nathlete = "ann"\n'


def read(folder: Path, text: str, *, videos: tuple[str, ...] = ("jump.mp4", "land.mp4")) -> Session:
    for video in videos:
        (folder / video).touch()
    manifest = folder / "session.toml"
    manifest.write_text(text, encoding="utf-8")
    return read_session(manifest)


def refusal(folder: Path, text: str) -> str:
    """The message that the only trial is refused with."""
    session = read(folder, text)
    assert not session.trials
    assert session.refused[0].kind == "manifest"
    return session.refused[0].message


def error(folder: Path, text: str) -> list[str]:
    with pytest.raises(ManifestError) as raised:
        read(folder, text)
    lines = str(raised.value).splitlines()
    assert all(line.startswith(f"{folder / 'session.toml'}: ") for line in lines)
    return lines


def test_a_session_of_the_future_is_refused_as_its_consent_would_hold_against_every_later_statement(
    tmp_path: Path,
) -> None:
    (line,) = error(tmp_path, HEAD.replace("2026", "2062") + ANN + JUMP)
    assert "date: found 2062-11-25; expected a day without quotes, such as 2026-11-25, today at the latest" in line


def test_a_trial_has_everything_that_measuring_needs(tmp_path: Path) -> None:
    text = (
        HEAD
        + ANN
        + 'mass_kg = 72\nsex = "female"\nbirth_year = 2004\n'
        + JUMP
        + 'id = "jump.1"\nactivity = "drop_jump"\nstart_s = 1\nend_s = 2.5\nrecorded_hz = 240\n'
        + "person = [10, 20, 300, 400]\n[trial.camera]\nfocal_px = 1500\n"
    )
    session = read(tmp_path, text)
    assert not session.refused
    (trial,) = session.trials
    assert (trial.trial_id, trial.session_id, trial.team_id) == ("blue/jumps/jump.1", "blue/jumps", "blue")
    assert trial.date == date(2026, 11, 25)
    assert trial.athlete.model_dump(exclude_defaults=True) == {
        "id": "ann",
        "height_m": 1.78,
        "mass_kg": 72.0,
        "sex": "female",
        "birth_year": 2004,
        "consent": True,
    }
    assert trial.file == (tmp_path / "jump.mp4").resolve()
    assert (trial.activity, trial.start_s, trial.end_s, trial.recorded_hz) == ("drop_jump", 1.0, 2.5, 240.0)
    assert (trial.person, trial.focal_px, trial.horizontal_fov_deg) == ((10.0, 20.0, 300.0, 400.0), 1500.0, None)


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    (trial,) = read(tmp_path, HEAD + ANN + JUMP).trials
    assert trial.trial_id == "blue/jumps/jump"
    assert (trial.activity, trial.person, trial.start_s, trial.focal_px) == ("other", "largest", None, None)
    assert trial.athlete.mass_kg is None


def test_the_example_lacks_nothing_but_its_videos(tmp_path: Path) -> None:
    text = example_manifest(team="blue", session="2026-11-25-jumps", date="2026-11-25")
    assert {trial.kind for trial in read(tmp_path, text, videos=()).refused} == {"missing_file"}
    session = read(tmp_path, text, videos=("jump1.mp4", "jump2.mov", "squats.mp4"))
    assert [trial.trial_id.rpartition("/")[2] for trial in session.trials] == ["jump1", "jump2-slow", "squats"]


def test_one_bad_trial_costs_no_other(tmp_path: Path) -> None:
    bad = '[[trial]]\nfile = "land.mp4"\nathlete = "ann"\nactivity = "jog"\n'
    session = read(tmp_path, HEAD + ANN + bad + JUMP)
    assert [trial.trial_id for trial in session.trials] == ["blue/jumps/jump"]
    (refused,) = session.refused
    assert refused.trial_id == "blue/jumps/land"
    assert 'trial[1].activity (land.mp4): found "jog"; expected one of walk, run, sprint' in refused.message


def test_every_error_of_a_trial_is_reported_at_once(tmp_path: Path) -> None:
    text = HEAD + ANN + '[[trial]]\nfile = "no.mp4"\nathlete = "bob"\nstart_s = -1\nactivty = "walk"\n'
    lines = refusal(tmp_path, text).splitlines()
    assert [line.split(": ")[1:3] for line in lines] == [
        ["line 11", "trial[1].start_s (no.mp4)"],
        ["line 12", "trial[1].activty (no.mp4)"],
        ["line 10", "trial[1].athlete (no.mp4)"],
        ["line 9", "trial[1].file (no.mp4)"],
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('activty = "walk"', "trial[1].activty (jump.mp4): is no key of this table; is activity meant?"),
        ("colour = 3", "its keys are file, athlete, id, activity"),
        ("start_s = 3\nend_s = 2", "end_s 2 is not after start_s 3"),
        ("end_s = nan", "trial[1].end_s (jump.mp4): found nan"),
        ('start_s = "3"', 'trial[1].start_s (jump.mp4): found "3"; expected seconds'),
        ("recorded_hz = true", "trial[1].recorded_hz (jump.mp4): found true"),
        (
            'person = "biggest"',
            '"largest", "central", the number that `biopose people` prints, a point [x, y, seconds]',
        ),
        ("person = [300, 0, 10, 400]", "found [300, 0, 10, 400]"),
        ("person = [0, 0]", "found [0, 0]"),
        ("person = -1", "found -1"),
        ('id = "../up"', 'trial[1].id (jump.mp4): found "../up"'),
        ('id = "a b"', 'found "a b"; expected up to 64 letters'),
        ("[trial.camera]\nfocal = 3", "trial[1].camera.focal (jump.mp4): is no key of this table; is focal_px meant?"),
        ("[trial.camera]\nfocal_px = -3", "trial[1].camera.focal_px (jump.mp4): found -3"),
        ("[trial.camera]\nfocal_px = 3\nhorizontal_fov_deg = 60", "trial[1].camera (jump.mp4): focal_px and hor"),
        ("camera = 3", "expected a table [trial.camera]"),
    ],
)
def test_a_key_of_a_trial_that_cannot_be_is_named_with_what_is_expected(
    tmp_path: Path, line: str, expected: str
) -> None:
    message = refusal(tmp_path, HEAD + ANN + JUMP + line + "\n")
    assert expected in message
    assert message.count("\n") == 0


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        (
            "178",
            "athlete[1].height_m (ann): found 178; expected the standing height in metres, 0.5 to 2.6, such as 1.78",
        ),
        ("178", "centimetres? then it is 1.78"),
        ("17.8", "athlete[1].height_m (ann): found 17.8; expected"),
        ("nan", "found nan"),
        ('"1.78"', 'found "1.78"'),
        ("1" + "0" * 400, "athlete[1].height_m (ann): found 1000"),
    ],
)
def test_a_height_that_is_none_refuses_the_athletes_trials_alone(tmp_path: Path, height: str, expected: str) -> None:
    ben = f'[[athlete]]\nid = "ben"\nheight_m = {height}\nconsent = true\n'
    bens = '[[trial]]\nfile = "land.mp4"\nathlete = "ben"\n'
    assert expected in refusal(tmp_path, HEAD + ben.replace("ben", "ann") + JUMP)
    session = read(tmp_path, HEAD + ANN + ben + JUMP + bens)
    assert [trial.trial_id for trial in session.trials] == ["blue/jumps/jump"]
    assert "athlete[2].height_m (ben)" in session.refused[0].message


def test_activities_are_those_of_measuring() -> None:
    from biopose.io.manifest_entries import ACTIVITIES
    from biopose.reconstruction.low_pass_filter import CUTOFF_HZ

    assert set(ACTIVITIES) == set(CUTOFF_HZ)


def test_without_consent_nothing_of_an_athlete_is_measured(tmp_path: Path) -> None:
    session = read(tmp_path, HEAD + ANN.replace("true", "false") + JUMP)
    (refused,) = session.refused
    assert refused.kind == "consent"
    assert "trial[1].athlete (jump.mp4): ann has not consented; set athlete[1].consent to true" in refused.message
    assert "consent" in refusal(tmp_path, HEAD + ANN.replace("consent = true\n", "") + JUMP)


def test_consent_has_a_scope_and_a_date(tmp_path: Path) -> None:
    stated = ANN.replace("true", '{scope = ["numbers"], date = 2026-09-01}')
    session = read(tmp_path, HEAD + stated + JUMP)
    assert session.consent["blue/ann"] == Consent(frozenset({"numbers"}), date(2026, 9, 1))
    assert len(session.trials) == 1
    assert read(tmp_path, HEAD + ANN + JUMP).consent["blue/ann"] == Consent(frozenset(SCOPES), session.date)
    withdrawn = read(tmp_path, HEAD + ANN.replace("true", "{scope = []}") + JUMP)
    assert [trial.kind for trial in withdrawn.refused] == ["consent"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ('{scope = ["faces"]}', 'athlete[1].consent.scope (ann): found "faces"; expected ["numbers", "pictures"]'),
        ('{scope = ["pictures"]}', 'athlete[1].consent.scope (ann): found ["pictures"]; expected ["numbers", "pict'),
        ("{scope = [], date = 2062-01-01}", "athlete[1].consent.date (ann): found 2062-01-01; expected the day of"),
        ("{scop = []}", "athlete[1].consent.scop (ann): is no key of this table; is scope meant?"),
        ("{}", "athlete[1].consent.scope (ann): is missing; expected ["),
        ('"yes"', 'athlete[1].consent (ann): found "yes"; expected true once the athlete has agreed'),
    ],
)
def test_a_consent_that_is_none_is_named_with_what_is_expected(tmp_path: Path, statement: str, expected: str) -> None:
    assert expected in refusal(tmp_path, HEAD + ANN.replace("true", statement) + JUMP)


def test_an_unknown_athlete_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    ben = ANN.replace("ann", "ben")
    message = refusal(tmp_path, HEAD + ANN + ben + JUMP.replace("ann", "bob"))
    assert "found 'bob'; expected one of the athletes: ann, ben" in message


def test_a_missing_video_is_of_its_own_kind(tmp_path: Path) -> None:
    (refused,) = read(tmp_path, HEAD + ANN + JUMP, videos=()).refused
    assert refused.kind == "missing_file"
    assert f"trial[1].file (jump.mp4): there is no file 'jump.mp4' in {tmp_path}; copy it there" in refused.message


@pytest.mark.parametrize("name", ["../out.mp4", "/etc/hostname", "sub/../../out.mp4", "link.mp4", "linked/out.mp4"])
def test_a_video_outside_the_sessions_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "session"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "out.mp4").touch()
    (folder / "link.mp4").symlink_to(tmp_path / "out.mp4")
    (folder / "linked").symlink_to(tmp_path)
    assert "leads out of the session's folder" in refusal(folder, HEAD + ANN + JUMP.replace("jump.mp4", name))


@pytest.mark.parametrize(
    "line",
    [
        *(
            "start_s = 1e308",
            "end_s = 1e308",
            "recorded_hz = 1e308",
            f"start_s = 1{'0' * 400}",
            f"mass_kg = 1{'0' * 400}",
        ),
        *(f"person = [1{'0' * 400}, 2, 3, 4]", "person = [1e300, 2, 2e300, 4]", "person = [1e7, 2, 3]"),
        *("camera = {focal_px = 1e300}", "camera = {distortion = [1e300, 0, 0, 0]}"),
    ],
)
def test_a_number_that_no_recording_has_is_refused(tmp_path: Path, line: str) -> None:
    assert "jump.mp4" in refusal(tmp_path, HEAD + ANN + JUMP + line + "\n")


@pytest.mark.parametrize("name", ["loop.mp4", "a" * 300 + ".mp4", "nul\\u0000.mp4", "."])
def test_a_strange_name_of_a_video_is_a_missing_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (refused,) = read(tmp_path, HEAD + ANN + JUMP.replace("jump.mp4", name) + 'id = "strange"\n').refused
    assert refused.kind == "missing_file"
    assert refused.message.isprintable()


def test_a_video_may_lie_deeper(tmp_path: Path) -> None:
    (tmp_path / "cam").mkdir()
    (trial,) = read(tmp_path, HEAD + ANN + JUMP.replace("jump", "cam/jump"), videos=("cam/jump.mp4",)).trials
    assert trial.trial_id == "blue/jumps/jump"


def test_a_files_name_becomes_a_name_that_is_safe(tmp_path: Path) -> None:
    names = ("my jump's.mp4", ".hidden.mp4")
    text = HEAD + ANN + "".join(JUMP.replace("jump.mp4", name) for name in names)
    trials = read(tmp_path, text, videos=names).trials
    assert [trial.trial_id for trial in trials] == ["blue/jumps/my_jump_s", "blue/jumps/hidden"]


def test_a_file_that_cannot_name_a_trial_asks_for_an_id(tmp_path: Path) -> None:
    (tmp_path / "走.mp4").touch()
    assert "trial[1].id (走.mp4): is missing" in refusal(tmp_path, HEAD + ANN + JUMP.replace("jump", "走"))


def test_trials_of_one_name_stop_the_session(tmp_path: Path) -> None:
    (line,) = error(tmp_path, HEAD + ANN + JUMP + JUMP)
    assert "trial[1] and trial[2]: are both named 'jump'; give each trial an `id` of its own" in line
    assert len(read(tmp_path, HEAD + ANN + JUMP + JUMP + 'id = "again"\n').trials) == 2


def test_athletes_of_one_name_stop_the_session(tmp_path: Path) -> None:
    assert "athlete[1] and athlete[2]: are both named 'ann'" in error(tmp_path, HEAD + ANN + ANN + JUMP)[0]


def test_all_errors_of_a_session_are_reported_at_once(tmp_path: Path) -> None:
    text = 'team = "a/b"\nsession = 2026-11-25\ndate = "2026-11-25"\nday = 3\n'
    lines = error(tmp_path, text + ANN.replace("1.78", "178") + JUMP + "start_s = -1\n" + JUMP)
    assert [line.split(": ")[1:3] for line in lines if "are both" not in line] == [
        ["line 1", "team"],
        ["line 2", "session"],
        ["line 3", "date"],
        ["line 4", "day"],
        ["line 7", "athlete[1].height_m (ann)"],
        ["line 12", "trial[1].start_s (jump.mp4)"],
    ]
    assert "trial[1] and trial[2]: are both named 'jump'" in lines[4]
    assert 'found "a/b"; expected a name such as "blue"' in lines[0]
    assert "found 2026-11-25; expected a name in quotes" in lines[1]
    assert "a day without quotes" in lines[2]


def test_a_session_without_trials_or_athletes_says_so(tmp_path: Path) -> None:
    assert "trial: is missing; expected a table [[trial]]" in error(tmp_path, HEAD + ANN)[0]
    lines = error(tmp_path, HEAD + "[[athletes]]\n" + JUMP)
    assert "athlete: is missing" in lines[0]
    assert "athletes: is no key of this table; is athlete meant?" in lines[1]


@pytest.mark.parametrize("text", ['team = "a\n', "x = " + "[" * 5000, "x = 1" + "0" * 5000, "\x00"])
def test_what_is_no_toml_is_a_manifest_error(tmp_path: Path, text: str) -> None:
    assert "is no TOML" in error(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "height_m = 1,78",
            "found 'height_m = 1,78'; expected the standing height in metres, 0.5 to 2.6, such as 1.78",
        ),
        ('team = "blue', 'found \'team = "blue\'; expected a name such as "blue"'),
        ("date = 25.11.2026", "expected a day without quotes, such as 2026-11-25"),
        ("consent = True", "expected true once the athlete has agreed to be measured"),
        (r'file = "C:\Users\ann.mp4"', r"expected / in place of \ between folders"),
        ("height = = 3", "expected what `biopose inbox init` writes as an example"),
    ],
)
def test_broken_toml_is_reported_by_its_line_and_what_its_key_expects(tmp_path: Path, line: str, expected: str) -> None:
    (told,) = error(tmp_path, "# a session\n\n\n" + line + "\n" + JUMP)
    assert "at line 4" in told
    assert expected in told


def test_text_of_another_encoding_is_reported_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_bytes((HEAD + ANN.replace("ann", "andr\xe9")).encode("latin-1"))
    with pytest.raises(ManifestError, match="line 5 is no UTF-8 text; save the file as UTF-8"):
        read_session(tmp_path / "session.toml")


def test_a_key_that_is_missing_is_reported_by_the_line_of_its_table(tmp_path: Path) -> None:
    text = HEAD + ANN + JUMP + JUMP.replace("jump", "land") + "[trial.camera]\nfocal = 3\n"
    (refused,) = read(tmp_path, text.replace("consent = true\n", "")).refused[:1]
    assert "line 4: athlete[1].consent (ann): is missing" in refused.message
    (refused,) = read(tmp_path, text).refused
    assert "line 15: trial[2].camera.focal (land.mp4): is no key of this table" in refused.message


def test_folders_are_written_with_slashes(tmp_path: Path) -> None:
    (refused,) = read(tmp_path, HEAD + ANN + JUMP.replace('"jump.mp4"', r"'day 1\jump.mp4'")).refused
    assert r"there is no file 'day 1\\jump.mp4'" in refused.message
    assert r"; write / in place of \ between folders" in refused.message


def test_bytes_that_are_no_text_are_a_manifest_error(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="is no TOML"):
        read_session(tmp_path / "session.toml")


def test_a_mark_at_the_files_beginning_is_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + HEAD + ANN + JUMP).trials


def test_no_manifest_is_a_manifest_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"session\.toml: cannot be read \(No such file"):
        read_session(tmp_path / "session.toml")
