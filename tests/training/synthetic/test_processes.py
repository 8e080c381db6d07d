"""Missing files are made once each, whoever makes them; what goes wrong at the beginning is said at once."""

import os
from functools import partial
from pathlib import Path

import pytest

from biopose.training.synthetic.processes import make_in_processes


class Writer:
    """Writes each file's process into it."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ValueError(f"no folder {folder}")
        self.folder = folder

    def make(self, index: int) -> Path:
        path = self.folder / f"{index}"
        with path.open("x") as file:  # twice would fail
            file.write(str(os.getpid()))
        return path


@pytest.mark.slow
def test_each_missing_file_is_made_once_elsewhere(tmp_path: Path) -> None:
    done: list[int] = []
    make_in_processes(partial(Writer, tmp_path), [1, 4, 5], processes=2, report=done.append)
    assert sorted(done) == [1, 4, 5]
    assert {path.name for path in tmp_path.iterdir()} == {"1", "4", "5"}
    assert all(path.read_text() != str(os.getpid()) for path in tmp_path.iterdir())


def test_a_single_missing_file_is_made_in_this_process(tmp_path: Path) -> None:
    done: list[int] = []
    make_in_processes(partial(Writer, tmp_path), [4], processes=2, report=done.append)
    assert done == [4]
    assert (tmp_path / "4").read_text() == str(os.getpid())


def test_errors_are_reported_before_a_process_begins(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder"):
        make_in_processes(partial(Writer, tmp_path / "nowhere"), [0], processes=2, report=lambda _: None)
