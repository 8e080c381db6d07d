from pathlib import Path

import pytest

from biopose.io.files import flush_files, malformed, quoted, written_whole
from tests.benchmarks.power_cut import can_cut, disk


def test_errors_name_the_place_what_is_there_and_what_should_be() -> None:
    assert str(malformed(Path("a.trc"), line=3, found="x", expected="y")) == "a.trc:3: found x; expected y"
    assert str(malformed(Path("a.c3d"), found="x", expected="y")) == "a.c3d: found x; expected y"


def test_quotes_are_short_and_printable() -> None:
    assert quoted("a\tb\udc80\x1b[2J") == r"'a\tb\udc80\x1b[2J'"
    assert len(quoted("x" * 10_000)) < 80


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.trc"
    with written_whole(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
        assert not list(tmp_path.glob("*.trc"))
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_previous_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "m.trc"
    path.write_text("previous")

    def fail() -> None:
        with written_whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert path.read_text() == "previous"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_a_plain_file(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a") as partial:
        partial.write_text("")
    (tmp_path / "b").write_text("")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.skipif(not can_cut(), reason="cutting the power of a disk needs root, loop devices and mkfs.ext4")
def test_what_is_flushed_survives_a_power_cut_and_nothing_else_need(tmp_path: Path) -> None:
    with disk(tmp_path) as home:
        for name, durable in (("cached", False), ("stored", True)):
            with written_whole(home.folder / name, durable=durable) as partial:
                partial.write_text("content")
        results = home.folder / "run"
        results.mkdir()
        (results / "kinematics.parquet").write_text("content")
        flush_files(results)
        with written_whole(results / "done", durable=True) as partial:
            partial.write_text("[]")
        home.cut()
        home.unmount()
        home.mount()
        assert (home.folder / "cached").read_text() == ""  # its name is there, as another file was flushed after it
        assert (home.folder / "stored").read_text() == "content"
        assert {path.name: path.read_text() for path in results.iterdir() if path.is_file()} == {
            "kinematics.parquet": "content",
            "done": "[]",
        }
