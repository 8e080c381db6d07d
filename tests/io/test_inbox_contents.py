"""What lies in an inbox and belongs to no trial is named, with what to do; what nobody means to measure is not."""

import os
import unicodedata
from pathlib import Path

import pytest

from biopose.io.inbox_contents import unmatched
from biopose.io.inbox_folders import Unmatched
from biopose.io.manifest import read_session

HEAD = """\
team = "blue"
session = "jumps"
date = 2026-11-25
[[athlete]]
id = "ann"
height_m = 1.78
consent = true
"""


def lay_out(inbox: Path, *names: str, trials: tuple[str, ...] = (), manifest: str = "session.toml") -> Path:
    """Files in blue/jumps of an inbox, with a manifest where there are trials."""
    folder = inbox / "blue" / "jumps"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if trials:
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f'[[trial]]\nid = "t{n}"\nfile = "{file}"\nathlete = "ann"\n' for n, file in enumerate(trials))
        (folder / manifest).write_text(HEAD + text, encoding="utf-8")
    return folder


def the_one(inbox: Path) -> Unmatched:
    (one,) = unmatched(inbox)
    return one


def test_a_session_whose_trials_name_all_videos_leaves_nothing(tmp_path: Path) -> None:
    lay_out(tmp_path, "jump.mp4", "left/land.MOV", trials=("jump.mp4", "left/land.MOV", "./jump.mp4"))
    assert unmatched(tmp_path) == []


def test_a_video_that_no_trial_names_is_named_below_the_session_too(tmp_path: Path) -> None:
    lay_out(tmp_path, "jump.mp4", "extra.mp4", "left/land.mov", trials=("jump.mp4",))
    found = unmatched(tmp_path)
    assert [(one.path, one.kind) for one in found] == [
        ("blue/jumps/extra.mp4", "unnamed_video"),
        ("blue/jumps/left/land.mov", "unnamed_video"),
    ]
    assert "add a [[trial]], or move it out of the inbox" in found[0].message


def test_videos_without_a_manifest_are_named_once_a_folder(tmp_path: Path) -> None:
    lay_out(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    one = the_one(tmp_path)
    assert (one.path, one.kind) == ("blue/jumps", "no_manifest")
    assert one.message.startswith("4 videos (a.mp4, b.mp4, c.mp4, ...), but no session.toml; ")


@pytest.mark.parametrize(
    "name",
    ["Session.toml", "session.toml.txt", "sesion.toml", "session.tml", "sessions.toml", "trials.toml", "SESSION.TOML"],
)
def test_a_manifest_of_nearly_the_right_name_is_named_with_the_right_one(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path, "jump.mp4", trials=("jump.mp4",), manifest=name)
    one = the_one(tmp_path)
    assert (one.path, one.kind) == (f"blue/jumps/{name}", "misnamed_manifest")
    assert "1 video (jump.mp4): a manifest is called session.toml; rename it" in one.message
    assert ("Windows may hide" in one.message) == name.endswith(".txt")


def test_a_manifest_of_nearly_the_right_name_counts_before_the_videos_arrive(tmp_path: Path) -> None:
    lay_out(tmp_path, trials=("jump.mp4",), manifest="sesion.toml")
    assert the_one(tmp_path).message == "is not read: a manifest is called session.toml; rename it"


def test_a_second_manifest_beside_the_first_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, "jump.mp4", "session (1).toml", "session.toml.bak", "session.toml~", trials=("jump.mp4",))
    one = the_one(tmp_path)
    assert (one.path, one.kind) == ("blue/jumps/session (1).toml", "misnamed_manifest")
    assert "keep one of the two" in one.message


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("jump.mp4.part", "an unfinished download"),
        ("jump.mp4.crdownload", "an unfinished download of Chrome"),
        (".jump.mp4.icloud", "a placeholder of iCloud Drive"),
    ],
)
def test_an_unfinished_copy_is_named_as_such_for_its_trial_too(tmp_path: Path, name: str, what: str) -> None:
    folder = lay_out(tmp_path, name, trials=("jump.mp4",))
    one = the_one(tmp_path)
    assert (one.path, one.kind) == (f"blue/jumps/{name}", "unfinished_copy")
    assert one.message.startswith(what)
    assert one.message.endswith("once it is whole it is called jump.mp4")
    (refused,) = read_session(folder / "session.toml").refused
    assert refused.kind == "missing_file"
    assert f"there is no file 'jump.mp4' in {folder}, but '{name}', {what}" in refused.message


@pytest.mark.parametrize(
    "name",
    [
        *(".hidden.mp4", "._jump2.mp4", ".trash/a.mp4", "@eaDir/a.mp4", "thumbnails/a.mp4", "__MACOSX/a.mp4"),
        *("GX010001.THM", "GX010001.LRV", "notes.txt", "Thumbs.db", "photo.jpg"),
    ],
)
def test_what_nobody_means_to_measure_is_left_out(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path, "jump.mp4", name, trials=("jump.mp4",))
    lay_out(tmp_path / "blue", name)
    assert unmatched(tmp_path) == []


def test_results_of_biopose_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "home" / "artifacts" / "trials").mkdir(parents=True)
    (tmp_path / "home" / "warehouse.duckdb").touch()
    (tmp_path / "home" / "artifacts" / "trials" / "overlay.mp4").touch()
    lay_out(tmp_path, "jump.mp4", "result/overlay.mp4", "result/report.html", trials=("jump.mp4",))
    assert unmatched(tmp_path) == []


def test_videos_of_a_manifest_that_is_no_toml_are_left_to_the_manifests_own_error(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, "jump.mp4", "land.mp4", trials=("jump.mp4",))
    (folder / "session.toml").write_text("oops")
    assert unmatched(tmp_path) == []


def test_a_link_to_a_folder_is_named(tmp_path: Path) -> None:
    elsewhere = lay_out(tmp_path / "elsewhere", "jump.mp4", trials=("jump.mp4",))
    (tmp_path / "inbox" / "blue").mkdir(parents=True)
    (tmp_path / "inbox" / "blue" / "jumps").symlink_to(elsewhere)
    one = the_one(tmp_path / "inbox")
    assert (one.path, one.kind) == ("blue/jumps", "linked_folder")


@pytest.mark.skipif(os.getuid() == 0, reason="the superuser reads every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, "jump.mp4").chmod(0)
    one = the_one(tmp_path)
    assert (one.path, one.kind) == ("blue/jumps", "unreadable_folder")


# A trial's file under nearly its name

SMALL_O = "jumpo\N{COMBINING DIAERESIS}.mp4"


@pytest.mark.parametrize(
    ("there", "named", "how"),
    [
        ("Jump.MP4", "jump.mp4", "which differs in upper and lower case"),
        (SMALL_O, unicodedata.normalize("NFC", SMALL_O), "encoded in another way (Unicode NFD, here NFC)"),
        (unicodedata.normalize("NFC", SMALL_O), SMALL_O, "encoded in another way (Unicode NFC, here NFD)"),
    ],
)
def test_a_file_under_nearly_its_name_is_named(tmp_path: Path, there: str, named: str, how: str) -> None:
    folder = lay_out(tmp_path, there, trials=(named,))
    if (folder / named).exists():
        pytest.skip("this file system takes the names for the same")
    (refused,) = read_session(folder / "session.toml").refused
    assert refused.kind == "missing_file"
    assert f"but {there!r}, " in refused.message
    assert how in refused.message
    assert refused.message.endswith("rename the file, or copy its name into the manifest")
    assert unmatched(tmp_path) == []
