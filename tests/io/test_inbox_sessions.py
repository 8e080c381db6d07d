"""A session lies in its team's folder under its own name; whatever else lies in an inbox costs no other session."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from biopose.cli.inbox import any_to_do
from biopose.io.inbox_contents import unmatched
from biopose.io.inbox_sessions import FoundSession, sessions_in
from biopose.io.manifest import read_session

MANIFEST = """\
team = "{team}"
session = "{session}"
date = 2026-11-25
[[athlete]]
id = "ann"
height_m = 1.78
consent = true
[[trial]]
file = "jump.mp4"
athlete = "ann"
"""


def lay_out(folder: Path, *, team: str = "blue", session: str = "jumps") -> Path:
    folder.mkdir(parents=True)
    (folder / "jump.mp4").touch()
    (folder / "session.toml").write_text(MANIFEST.format(team=team, session=session))
    return folder / "session.toml"


def by_name(inbox: Path) -> dict[str, FoundSession]:
    return {found.name: found for found in sessions_in(inbox)}


def message_of(found: FoundSession) -> str:
    assert found.session is None
    return str(found.error)


def test_a_session_belongs_to_the_team_in_whose_folder_it_lies(tmp_path: Path) -> None:
    lay_out(tmp_path / "blue" / "jumps")
    lay_out(tmp_path / "red" / "mine")
    lay_out(tmp_path / "blue" / "other")
    found = by_name(tmp_path)
    assert found["blue/jumps"].session is not None
    assert message_of(found["red/mine"]) == (
        f"{tmp_path}/red/mine/session.toml: team: found 'blue' in the folder of the team 'red'; the folder decides "
        "whose session it is: write team = 'red', or, if it is blue's, move it to "
        f"{tmp_path}/blue/jumps, which is there already"
    )
    assert "session: found 'jumps' in the folder of the session 'other'" in message_of(found["blue/other"])


@pytest.mark.parametrize("place", ["session.toml", "jumps/session.toml", "blue/2026/jumps/session.toml"])
def test_a_session_anywhere_else_is_refused_under_the_name_of_its_manifest(tmp_path: Path, place: str) -> None:
    lay_out((tmp_path / "inbox" / place).parent)
    (found,) = sessions_in(tmp_path / "inbox")
    assert found.name == place
    assert "a session lies in INBOX/TEAM/SESSION" in message_of(found)


@pytest.mark.parametrize(
    "folder",
    [
        ".snapshot/hourly.0/blue/jumps",
        ".Trash-1000/files/jumps",
        "#recycle/blue/jumps",
        "blue/.jumps",
        "blue/jumps/.old",
    ],
)
def test_a_hidden_folder_with_a_session_is_left_out_and_named_and_needs_no_action(tmp_path: Path, folder: str) -> None:
    lay_out(tmp_path / folder)
    assert list(sessions_in(tmp_path)) == []
    (one,) = unmatched(tmp_path)
    assert one.kind == "hidden_folder"
    assert not any_to_do([asdict(one)])
    assert folder.startswith(one.path)


@pytest.mark.parametrize(
    "name",
    ["jumps (1)", "jumps.bak", "jumps - Copy", "Copy of jumps", "jumps~", "old", "Backup", "jumps.old", "jumps 2 copy"],
)
@pytest.mark.parametrize("above", [".", "blue", "blue/jumps"])
def test_a_backup_with_a_session_is_left_out_and_named(tmp_path: Path, name: str, above: str) -> None:
    lay_out(tmp_path / above / name / "jumps")
    if above == "blue/jumps":
        (tmp_path / above / "jump.mp4").touch()
        (tmp_path / above / "session.toml").write_text(MANIFEST.format(team="blue", session="jumps"))
    assert [found.name for found in sessions_in(tmp_path)] == (["blue/jumps"] if above == "blue/jumps" else [])
    (one,) = unmatched(tmp_path)
    assert (one.path, one.kind, any_to_do([asdict(one)])) == ((Path(above) / name).as_posix(), "backup_folder", True)
    assert "move it out of the inbox" in one.message


def test_a_folder_that_is_called_like_a_backup_may_hold_videos_of_its_session(tmp_path: Path) -> None:
    manifest = lay_out(tmp_path / "blue" / "jumps")
    (manifest.parent / "old").mkdir()
    (manifest.parent / "jump.mp4").rename(manifest.parent / "old" / "jump.mp4")
    manifest.write_text(manifest.read_text().replace("jump.mp4", "old/jump.mp4"))
    (found,) = sessions_in(tmp_path)
    assert found.session is not None
    assert len(found.session.trials) == 1
    assert unmatched(tmp_path) == []


@pytest.mark.parametrize(("name", "shown"), [(b"caf\xe9", "caf\\xe9"), (b"j" * 252, "j" * 252), (b"a\nb", "a\\nb")])
def test_a_name_that_no_session_can_have_costs_no_other_session(tmp_path: Path, name: bytes, shown: str) -> None:
    lay_out(tmp_path / "blue" / os.fsdecode(name))
    lay_out(tmp_path / "blue" / "jumps")
    found = by_name(tmp_path)
    assert found["blue/jumps"].session is not None
    refused = found[f"blue/{shown}"]
    assert "is no name of a session" in message_of(refused)
    assert (refused.name + message_of(refused)).encode().isascii()


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # a socket's address is short
        server.bind(path.name)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "is a FIFO (named pipe), no "),
        (make_socket, "is a socket, no "),
        (os.mkdir, "is a folder, no "),
        (lambda path: path.symlink_to("/dev/zero"), "is a device, no "),
    ],
)
def test_what_is_no_file_is_never_opened(
    tmp_path: Path, make: Callable[[Path], None], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # and back at the end
    (tmp_path / "blue" / "bad").mkdir(parents=True)
    make(tmp_path / "blue" / "bad" / "session.toml")
    manifest = lay_out(tmp_path / "blue" / "jumps")
    found = by_name(tmp_path)
    assert what in message_of(found["blue/bad"])
    assert found["blue/jumps"].session is not None
    (manifest.parent / "jump.mp4").unlink()
    make(manifest.parent / "jump.mp4")
    (refused,) = read_session(manifest).refused
    assert refused.kind in ("missing_file", "manifest")
    assert what in refused.message or "leads out of the session's folder" in refused.message


def test_a_manifest_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    manifest = lay_out(tmp_path / "blue" / "jumps")
    os.truncate(manifest, 2**40)
    (found,) = sessions_in(tmp_path)
    assert "is longer than 10000000 bytes" in message_of(found)


def test_folders_without_end_are_not_followed_to_their_end(tmp_path: Path) -> None:
    lay_out(tmp_path / "blue" / "jumps")
    (tmp_path / "blue" / "jumps").joinpath(*40 * "d").mkdir(parents=True)
    assert len(list(sessions_in(tmp_path))) == 1
    (one,) = unmatched(tmp_path)
    assert (one.kind, one.path.count("/d")) == ("unreadable_folder", 15)
