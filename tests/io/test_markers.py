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
from biopose.io.up_axis import UpAxis

MARKERS = MarkerTrajectories(np.arange(3) / 100, ("A", "B"), np.arange(1.0, 19.0).reshape(3, 2, 3))


@pytest.mark.parametrize(
    ("name", "write"),
    [("m.trc", write_trc), ("m.TRC", write_trc), ("m.c3d", write_c3d), ("m.parquet", write_markers_parquet)],
)
def test_the_suffix_chooses_the_reader(
    name: str, write: Callable[[Path, MarkerTrajectories], None], tmp_path: Path
) -> None:
    write(tmp_path / name, MARKERS)
    again = read_markers(str(tmp_path / name))
    assert again.names == MARKERS.names
    assert np.array_equal(again.positions_m, MARKERS.positions_m)


def test_unknown_suffixes_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("time\n")
    with pytest.raises(FileFormatError, match=r"m\.csv: found the suffix '\.csv'; expected one of \.trc, \.c3d, \.par"):
        read_markers(tmp_path / "m.csv")


@pytest.mark.parametrize("suffix", [".trc", ".c3d", ".parquet"])
def test_a_missing_file_and_a_folder_are_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    with pytest.raises(FileFormatError, match="found no such file"):
        read_markers(path)
    path.mkdir()
    with pytest.raises(FileFormatError, match="found a folder; expected a file"):
        read_markers(path)


@pytest.mark.parametrize(("up", "axes"), [("x", [2, 0, 1]), ("y", [0, 1, 2]), ("z", [1, 2, 0])])
def test_whichever_axis_is_up_becomes_y(tmp_path: Path, up: UpAxis, axes: list[int]) -> None:
    recording = MarkerTrajectories(np.arange(2) / 100, ("A",), np.array([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]))
    write_trc(tmp_path / "turned.trc", recording)
    turned = read_markers(tmp_path / "turned.trc", up=up).positions_m
    np.testing.assert_array_equal(turned, recording.positions_m[..., axes])
    assert turned[0, 0, 1] == {"x": 1.0, "y": 2.0, "z": 3.0}[up]


@pytest.mark.parametrize("stated", ["furlong", "", "mm"])
def test_the_units_of_a_trc_may_be_given(stated: str, tmp_path: Path) -> None:
    write_trc(path := tmp_path / "m.trc", MARKERS)
    path.write_text(path.read_text().replace("\tm\t", f"\t{stated}\t"))
    read = read_markers(path, units="cm")
    assert np.allclose(read.positions_m, MARKERS.positions_m / 100, rtol=1e-15)
    assert any("read as cm, as --units states" in note for note in read.notes)


def test_units_for_a_parquet_file_are_refused(tmp_path: Path) -> None:
    write_markers_parquet(path := tmp_path / "m.parquet", MARKERS)
    with pytest.raises(FileFormatError, match=r"found --units mm; .* \.parquet file are in metres"):
        read_markers(path, units="mm")
