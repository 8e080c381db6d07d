"""A session belongs to the folder that brought it first."""

from __future__ import annotations

from pathlib import Path

import pytest

from biopose.errors import BioposeError, ManifestError
from tasks.session_owners import SessionOwners

JUMPS = "blue/jumps"


def lay_out(folder: Path, text: str = "a manifest") -> Path:
    folder.mkdir(parents=True)
    (folder / "session.toml").write_text(text)
    return folder


def claim(home: Path, folder: Path, *take_over: str) -> None:
    owners = SessionOwners(home)
    owners.claim(JUMPS, folder, take_over=take_over)
    owners.save()


def test_the_first_folder_keeps_its_session_until_a_command_says_otherwise(tmp_path: Path) -> None:
    first, other = lay_out(tmp_path / "a" / "inbox"), lay_out(tmp_path / "other", "an edited one")
    home = lay_out(tmp_path / "home")
    for _ in range(2):
        claim(home, first)
    with pytest.raises(ManifestError) as raised:
        claim(home, other)
    assert str(raised.value) == (
        f"{other}/session.toml: the session blue/jumps comes from {first}, which is still there: is this a copy? Give "
        "this session another name; if it replaces that one, add to the ingest: --take-over blue/jumps"
    )
    claim(home, other, JUMPS)
    with pytest.raises(ManifestError, match="comes from"):
        claim(home, first)
    claim(home, first, "all")


def test_an_inbox_that_moved_keeps_its_sessions_and_another_one_does_not_get_them(tmp_path: Path) -> None:
    home, first = lay_out(tmp_path / "home"), lay_out(tmp_path / "inbox")
    claim(home, first)
    stranger = lay_out(tmp_path / "other", "another one")
    moved = first.rename(tmp_path / "moved")
    with pytest.raises(ManifestError, match="which is not there: is its drive mounted"):
        claim(home, stranger)
    assert SessionOwners(home).there() == frozenset()
    claim(home, moved)
    assert SessionOwners(home).there() == {JUMPS}


def test_a_home_moves_with_its_inbox(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "home" / "inbox" / "blue" / "jumps")
    claim(tmp_path / "home", folder)
    home = (tmp_path / "home").rename(tmp_path / "elsewhere")
    moved = home / "inbox" / "blue" / "jumps"
    (moved / "session.toml").write_text("edited")
    claim(home, moved)


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "sessions.json").write_text("[")
    with pytest.raises(BioposeError, match=r"sessions\.json: cannot be read"):
        SessionOwners(tmp_path)


def test_a_folder_by_way_of_a_link_is_the_same_folder(tmp_path: Path) -> None:
    home, first = lay_out(tmp_path / "home"), lay_out(tmp_path / "inbox")
    (tmp_path / "link").symlink_to(tmp_path / "inbox")
    claim(home, first)
    claim(home, tmp_path / "link")
    assert SessionOwners(home).there() == {JUMPS}


def test_a_record_without_its_keys_is_named(tmp_path: Path) -> None:
    home = lay_out(tmp_path / "home")
    (home / "sessions.json").write_text('{"blue/jumps": {"folder": "inbox"}}')
    with pytest.raises(BioposeError, match=r"sessions\.json: cannot be read"):
        SessionOwners(home)
