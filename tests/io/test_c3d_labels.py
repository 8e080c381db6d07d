"""Which trajectories of a .c3d file are markers, and their units."""

from pathlib import Path

import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.units import LengthUnit
from tests.io.c3d_files import walk, written_c3d

WALK = walk(6, 4)


def with_labels(path: Path, labels: list[str], positions: np.ndarray = WALK, **parameters: object) -> Path:
    return written_c3d(path, positions, parameters={"POINT:LABELS": labels, **parameters})


@pytest.mark.parametrize("unnamed", ["", "  ", "*12", "*", "uname*3", "Unlabeled 1038", "UNLABELLED_7", "\0\0"])
def test_trajectories_without_a_name_are_left_out_with_a_note(unnamed: str, tmp_path: Path) -> None:
    markers = read_c3d(with_labels(tmp_path / "m.c3d", ["A", unnamed, "B", unnamed]))
    assert markers.names == ("A", "B")
    assert np.array_equal(markers.positions_m, WALK[:, [0, 2]] / 1000)
    assert markers.notes[0].startswith("2 trajectories without a name are left out")


def test_labels_may_be_fewer_than_trajectories(tmp_path: Path) -> None:
    markers = read_c3d(with_labels(tmp_path / "m.c3d", ["A"]))
    assert markers.names == ("A",)
    assert markers.notes == ("3 trajectories without a name are left out",)


def test_labels_without_a_trajectory_are_noted(tmp_path: Path) -> None:
    markers = read_c3d(with_labels(tmp_path / "m.c3d", ["A", "B", "C", "D", "E", "F"]))
    assert markers.names == ("A", "B", "C", "D")
    assert markers.notes == ("2 POINT:LABELS have no trajectory: 'E', 'F'",)


@pytest.mark.parametrize("labels", [["", "*1", "*2", ""], []])
def test_a_file_without_a_named_marker_is_refused(labels: list[str], tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"no named marker among 4 trajectories and \d POINT:LABELS"):
        read_c3d(with_labels(tmp_path / "m.c3d", labels))


def test_names_lose_blanks_and_nul_characters_and_keep_their_case(tmp_path: Path) -> None:
    labels = ["lkne  ", "LKNE\0\0", " Knie\N{LATIN SMALL LETTER A WITH DIAERESIS}", "x\0old"]
    assert read_c3d(with_labels(tmp_path / "m.c3d", labels)).names == ("lkne", "LKNE", "Knie\u00e4", "x")


def test_parameters_may_be_named_in_small_letters(tmp_path: Path) -> None:
    path = written_c3d(tmp_path / "m.c3d", WALK)
    path.write_bytes(path.read_bytes().replace(b"LABELS", b"Labels").replace(b"UNITS", b"units"))
    assert read_c3d(path).names == ("M0", "M1", "M2", "M3")


@pytest.mark.parametrize(
    "listed_by", ["POINT:ANGLES", "POINT:FORCES", "POINT:POWERS", "POINT:MOMENTS", "POINT:SCALARS"]
)
def test_angles_and_forces_are_no_markers(listed_by: str, tmp_path: Path) -> None:
    others = {listed_by: ["LHipAngles", "LKneeAngles"], "POINT:TYPE_GROUPS": [listed_by.removeprefix("POINT:")]}
    markers = read_c3d(with_labels(tmp_path / "m.c3d", ["A", "LHipAngles", "B", "LKneeAngles"], **others))
    assert markers.names == ("A", "B")
    assert markers.notes == (
        "2 trajectories that are angles, forces or the like are left out ('LHipAngles', 'LKneeAngles')",
    )


def test_a_label_for_two_different_trajectories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="POINT:LABELS 'A' for trajectories 1, 3, which differ"):
        read_c3d(with_labels(tmp_path / "m.c3d", ["A", "B", "A", "C"]))


@pytest.mark.parametrize(("second", "what"), [(WALK[:, 0], "equal"), (np.nan, "empty but for one")])
def test_a_label_for_equal_or_empty_trajectories_is_read_once(
    second: np.ndarray | float, what: str, tmp_path: Path
) -> None:
    positions = WALK.copy()
    positions[:, 2] = second
    markers = read_c3d(with_labels(tmp_path / "m.c3d", ["A", "B", "A", "C"], positions))
    assert markers.names == ("A", "B", "C")
    assert np.array_equal(markers.positions_m, WALK[:, [0, 1, 3]] / 1000)
    assert markers.notes[0] == f"2 trajectories have the label 'A' and are {what}: read once"


@pytest.mark.parametrize("stated", ["", None, "furlong", ["mm", "m"]])
def test_units_that_are_absent_or_unsure_need_an_option(stated: str | list[str] | None, tmp_path: Path) -> None:
    path = written_c3d(tmp_path / "m.c3d", WALK, parameters={"POINT:UNITS": stated})
    with pytest.raises(FileFormatError, match=r"found POINT:UNITS .*; name the unit with --units, as --units mm"):
        read_c3d(path)
    markers = read_c3d(path, units="cm")
    assert np.array_equal(markers.positions_m, WALK / 100)
    assert "read as cm, as --units states" in markers.notes[0]


@pytest.mark.parametrize(
    ("given", "note"), [("mm", None), ("m", "units: 'mm' in the file, read as m, as --units states")]
)
def test_units_given_count_and_another_unit_of_the_file_is_noted(
    given: LengthUnit, note: str | None, tmp_path: Path
) -> None:
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK), units=given)
    assert np.array_equal(markers.positions_m, WALK / {"mm": 1000, "m": 1}[given])
    assert list(markers.notes) == ([note] if note else [])
