"""Labels with a subject's prefix, in every format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import write_c3d
from biopose.io.markers import read_markers
from biopose.io.parquet import write_markers_parquet
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc

Writer = Callable[[Path, MarkerTrajectories], None]


def named(*names: str) -> MarkerTrajectories:
    positions_m = np.random.default_rng(0).integers(1, 1000, size=(5, len(names), 3)) / 1024
    return MarkerTrajectories(np.arange(5) / 100, names, positions_m)


@pytest.mark.parametrize(
    ("suffix", "write"), [(".trc", write_trc), (".c3d", write_c3d), (".parquet", write_markers_parquet)]
)
def test_the_prefix_of_a_single_subject_is_taken_off_with_a_note(suffix: str, write: Writer, tmp_path: Path) -> None:
    markers = named("S01:LKNE", "S01:RKNE", "wand")
    write(path := tmp_path / f"m{suffix}", markers)
    read = read_markers(path)
    assert read.names == ("LKNE", "RKNE", "wand")
    assert np.array_equal(read.positions_m, markers.positions_m)
    assert read.notes == ("the prefix 'S01:' is taken off the labels of 2 markers",)


def test_several_subjects_need_a_choice_and_one_is_read(tmp_path: Path) -> None:
    markers = named("Ann:LKNE", "Bob:LKNE", "Ann:RKNE", "ball")
    write_trc(path := tmp_path / "m.trc", markers)
    with pytest.raises(FileFormatError, match=r"markers of 2 subjects: Ann, Bob; expected one; .* as --subject Ann"):
        read_markers(path)
    read = read_markers(path, subject="Ann")
    assert read.names == ("LKNE", "RKNE")
    assert np.array_equal(read.positions_m, markers.positions_m[:, [0, 2]])
    assert read.notes[-1] == "2 markers of others than the subject Ann are left out"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("Ann:LKNE", "Bob:LKNE"), "subjects Ann, Bob; expected the subject 'Cy' that --subject names"),
        (("LKNE", "RKNE"), r"labels without a subject's prefix \(SUBJECT:MARKER\); expected the subject 'Cy'"),
    ],
)
def test_a_subject_that_is_not_there_is_refused(names: tuple[str, ...], message: str, tmp_path: Path) -> None:
    write_trc(path := tmp_path / "m.trc", named(*names))
    with pytest.raises(FileFormatError, match=message):
        read_markers(path, subject="Cy")


def test_a_name_with_and_without_the_prefix_needs_the_option(tmp_path: Path) -> None:
    write_trc(path := tmp_path / "m.trc", named("Ann:LKNE", "LKNE", "wand"))
    with pytest.raises(FileFormatError, match="markers with and without the prefix 'Ann:': LKNE"):
        read_markers(path)
    read = read_markers(path, subject="Ann")
    assert read.names == ("LKNE", "wand")
    assert np.array_equal(read.positions_m[:, 0], named("Ann:LKNE", "LKNE", "wand").positions_m[:, 0])


@pytest.mark.parametrize("names", [("Ann:LKNE", "Bob:LKNE"), ("L:KNE", "R:KNE")])
def test_labels_stay_where_the_model_has_them(names: tuple[str, ...], tmp_path: Path) -> None:
    write_trc(path := tmp_path / "m.trc", named(*names))
    assert read_markers(path, model_markers=names).names == names


@pytest.mark.parametrize("names", [("C7", ":LKNE", "RKNE:"), ("L.KNE", "R-KNE")])
def test_labels_without_a_prefix_stay(names: tuple[str, ...], tmp_path: Path) -> None:
    write_trc(path := tmp_path / "m.trc", named(*names))
    read = read_markers(path)
    assert read.names == names
    assert read.notes == ()
