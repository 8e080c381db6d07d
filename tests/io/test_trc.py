from contextlib import suppress
from pathlib import Path

import numpy as np
import opensim
import pytest

from biopose.errors import FileFormatError
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc, write_trc
from tests.io.samples import NOT_TEXT, lines_replaced, random_markers, same_bits, written
from tests.reference_data import LAB, SHARED_DATA, needs_shared_data

GOOD = (
    "PathFileType\t4\t(X/Y/Z)\ttrial.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "100\t100\t3\t2\tm\t100\t1\t3\n"
    "Frame#\tTime\tA\t\t\tB\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
    "\n"
    "1\t0.00\t1\t2\t3\t4\t5\t6\n"
    "2\t0.01\t1.5\t2\t3\t4\t5\t6\n"
    "3\t0.02\t1\t2\t3\t4\t5\t-6e-1\n"
)
EXPECTED = np.array(
    [[[1, 2, 3], [4, 5, 6]], [[1.5, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, -0.6]]],
)


def opensim_positions(path: Path) -> np.ndarray:
    """Positions (F, M, 3) as OpenSim's table reads them."""
    table = opensim.TimeSeriesTableVec3(str(path))
    rows = [table.getRowAtIndex(index) for index in range(table.getNumRows())]
    return np.array([[[row[m][axis] for axis in range(3)] for m in range(table.getNumColumns())] for row in rows])


@pytest.mark.parametrize("seed", range(30))
def test_a_round_trip_is_exact_to_the_bit(seed: int, tmp_path: Path) -> None:
    markers = random_markers(seed)
    write_trc(tmp_path / "m.trc", markers)
    again = read_trc(tmp_path / "m.trc")
    assert again.names == markers.names
    assert same_bits(again.time_s, markers.time_s)
    assert same_bits(again.positions_m, markers.positions_m)


@pytest.mark.parametrize("seed", range(5))
def test_opensim_reads_what_is_written_gaps_included(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    positions_m = rng.normal(size=(6, 4, 3))
    positions_m[rng.random((6, 4)) < 0.4] = np.nan
    positions_m[0, -1], positions_m[-1, 0] = np.nan, np.nan
    markers = MarkerTrajectories(0.5 + np.arange(6) / 100, ("A", "L.ASIS", "C", "D"), positions_m)
    path = tmp_path / "m.trc"
    write_trc(path, markers)
    table = opensim.TimeSeriesTableVec3(str(path))
    assert table.getColumnLabels() == markers.names
    assert table.getTableMetaDataAsString("Units") == "m"
    assert np.array_equal(np.array(table.getIndependentColumn()), markers.time_s)
    assert same_bits(opensim_positions(path), positions_m)
    data = opensim.MarkerData(str(path))
    assert (data.getNumFrames(), data.getDataRate()) == (6, 100)
    frame = data.getFrame(0)
    assert same_bits(np.array([[frame.getMarker(m)[axis] for axis in range(3)] for m in range(4)]), positions_m[0])


def test_a_single_frame_is_a_file_too(tmp_path: Path) -> None:
    write_trc(tmp_path / "m.trc", MarkerTrajectories(np.array([0.5]), ("A",), np.ones((1, 1, 3))))
    assert read_trc(tmp_path / "m.trc").time_s == [0.5]
    assert opensim.TimeSeriesTableVec3(str(tmp_path / "m.trc")).getNumRows() == 1


@pytest.mark.parametrize(
    ("units", "per_metre"),
    [("m", 1), ("cm", 100), ("mm", 1000), ("MM", 1000), ("Meters", 1), ("millimeters", 1000), ("metres", 1)],
)
def test_units_become_metres(units: str, per_metre: float, tmp_path: Path) -> None:
    path = written(tmp_path / "m.trc", GOOD.replace("\tm\t", f"\t{units}\t"))
    assert np.array_equal(read_trc(path).positions_m, EXPECTED / per_metre)


@pytest.mark.parametrize(
    "text",
    {
        "as it stands": GOOD,
        "no empty line 6": lines_replaced(GOOD, {6: None}),
        "Windows line ends": GOOD.replace("\n", "\r\n"),
        "no last line end": GOOD.rstrip("\n"),
        "empty lines at the end": GOOD + "\n\t\t\n\n",
        "a tab after each row": GOOD.replace("\n", "\t\n"),
        "no tabs after the last name": GOOD.replace("B\t\t\n", "B\n"),
        "numbers padded with blanks": GOOD.replace("\t2\t3", "\t  2\t 3.000 "),
        "a byte order mark": "\ufeff" + GOOD,
        "one frame too many in the header": GOOD.replace("100\t3\t2", "100\t4\t2"),
        "no column of frame numbers": lines_replaced(
            GOOD,
            {
                4: "Time\tA\t\t\tB\t\t",
                5: "\tX1\tY1\tZ1\tX2\tY2\tZ2",
                7: "0.00\t1\t2\t3\t4\t5\t6",
                8: "0.01\t1.5\t2\t3\t4\t5\t6",
                9: "0.02\t1\t2\t3\t4\t5\t-0.6",
            },
        ),
    }.items(),
    ids=lambda item: item[0],
)
def test_dialects_read_alike(text: tuple[str, str], tmp_path: Path) -> None:
    markers = read_trc(written(tmp_path / "m.trc", text[1]))
    assert markers.names == ("A", "B")
    assert np.array_equal(markers.time_s, [0, 0.01, 0.02])
    assert np.array_equal(markers.positions_m, EXPECTED)


@pytest.mark.parametrize("gap", ["\t\t", "nan\tNaN\t-nan", " \t \t ", "0\t0\t0", "0.000000\t-0.0\t0e0", "nan(ind)\t\t"])
@pytest.mark.parametrize("marker", ["1\t2\t3", "4\t5\t6"])
def test_every_notation_of_a_gap_is_a_gap(gap: str, marker: str, tmp_path: Path) -> None:
    markers = read_trc(written(tmp_path / "m.trc", GOOD.replace(marker, gap)))
    column = 0 if marker.startswith("1") else 1
    assert np.isnan(markers.positions_m[0, column]).all()
    assert np.isfinite(markers.positions_m[:, 1 - column]).all()


def test_a_zero_among_other_numbers_is_no_gap(tmp_path: Path) -> None:
    markers = read_trc(written(tmp_path / "m.trc", GOOD.replace("1\t2\t3", "0\t0\t3")))
    assert np.array_equal(markers.positions_m[0, 0], [0, 0, 3])


def test_a_marker_at_the_origin_cannot_be_written(tmp_path: Path) -> None:
    positions_m = np.ones((2, 2, 3))
    positions_m[1, 0] = 0
    with pytest.raises(ValueError, match="marker A in frame 1"):
        write_trc(tmp_path / "m.trc", MarkerTrajectories(np.arange(2.0), ("A", "B"), positions_m))
    assert not list(tmp_path.iterdir())


MALFORMED = {
    "no .trc": ({1: "Coordinates"}, r":1: found 'Coordinates'; expected PathFileType 4"),
    "unknown units": ({3: "100\t100\t3\t2\tinch\t100\t1\t3"}, r":3: found Units 'inch'; expected one of m, .*mm"),
    "no units": ({2: "DataRate\tNumFrames\tNumMarkers", 3: "100\t3\t2"}, r":3: found Units ''"),
    "no time column": ({4: "Frame#\tA\t\t\tB"}, r":4: found 'Frame# A'; expected the columns Frame# and Time"),
    "no markers": ({3: "100\t100\t3\t0\tm", 4: "Frame#\tTime"}, r":7: found no marker names"),
    "empty row of names": ({4: ""}, r":5: .*expected the columns Frame# and Time"),
    "names that match no columns": ({4: "Frame#\tTime\tA\tB\tC"}, r":7: found the name 'B' out of place, and 3 names"),
    "more names than columns": ({4: "Frame#\tTime\tA\t\t\tB\t\t\tC"}, r":7: found 6 columns .*expected 9 below"),
    "components in another order": ({5: "\t\tX1\tZ1\tY1\tX2\tZ2\tY2"}, r":5: found components 'X1 Z1 Y1 .*in turn"),
    "cut-off line before the last": ({8: "2\t0.01\t1\t2"}, r":8: found 4 fields; expected 8"),
    "digits with underscores": ({8: "2\t0.01\t1_0\t2\t3\t4\t5\t6"}, r":8: found '1_0' in column A X"),
    "digits of another script": ({8: "2\t0.01\t١\t2\t3\t4\t5\t6"}, r":8: found .* in column A X"),
    "decimal comma in one number": ({8: "2\t0.01\t1,5\t2\t3\t4\t5\t6"}, r":8: found '1,5' .*with a decimal point"),
    "decimal point among decimal commas": (
        {7: "1\t0,00\t1\t2\t3\t4\t5\t6", 8: "2\t0,01\t1.5\t2\t3\t4\t5\t6"},
        r":8: found '1.5' in column A X; expected decimal commas",
    ),
    "no frames": ({3: "100\t100\t0\t2\tm", 7: None, 8: None, 9: None}, r":6: found no rows"),
    "too many fields": ({8: "2\t0.01\t1\t2\t3\t4\t5\t6\t7"}, r":8: found 9 fields; expected 8"),
    "no number": ({8: "2\t0.01\t1\t2\t3\t4\tx5\t6"}, r":8: found 'x5' in column B Y; expected a number"),
    "decimal commas": ({8: "2\t0,01\t1\t2\t3\t4\t5\t6"}, r":8: found '0,01' in column Time"),
    "infinite": ({8: "2\t0.01\t1\t2\tinf\t4\t5\t6"}, r":8: found 'inf' in column A Z; expected a finite number"),
    "beyond float64": ({8: "2\t0.01\t1\t2\t1e999\t4\t5\t6"}, r":8: found '1e999' in column A Z"),
    "time standing still": (
        {8: "2\t0.00\t1\t2\t3\t4\t5\t6"},
        r":8: found time 0.0 after 0.0; expected times that increase; rounding at the header's 100",
    ),
    "time going back": ({9: "3\t-1\t1\t2\t3\t4\t5\t6"}, r":9: found time -1.0 after 0.01"),
    "no time": ({7: "1\t\t1\t2\t3\t4\t5\t6"}, r":7: found no time; expected a time in each row"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    changes, message = MALFORMED[case]
    path = written(tmp_path / "broken.trc", lines_replaced(GOOD, changes))
    with pytest.raises(FileFormatError, match=r"broken\.trc" + message):
        read_trc(path)


@pytest.mark.parametrize("line_count", range(1, 4))
def test_a_file_that_ends_in_its_header_is_refused(line_count: int, tmp_path: Path) -> None:
    text = "\n".join(GOOD.splitlines()[:line_count]) + "\n"
    with pytest.raises(FileFormatError, match=f":{line_count + 1}: found the end of the file; expected the line of"):
        read_trc(written(tmp_path / "m.trc", text))


@pytest.mark.parametrize("length", range(0, len(GOOD) - 6, 3))
def test_a_file_cut_off_anywhere_is_read_up_to_there_with_a_note_or_refused(length: int, tmp_path: Path) -> None:
    with suppress(FileFormatError):
        markers = read_trc(written(tmp_path / "m.trc", GOOD[:length]))
        frames = len(markers.time_s)
        assert length > GOOD.index("2\t0.01")
        assert same_bits(markers.positions_m, EXPECTED[:frames])
        assert any("cut off" in note or "NumFrames" in note for note in markers.notes)


@pytest.mark.parametrize("content", NOT_TEXT)
def test_what_is_no_text_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError):
        read_trc(written(tmp_path / "m.trc", NOT_TEXT[content]))


def test_bytes_that_are_not_utf8_matter_only_in_names(tmp_path: Path) -> None:
    folder = GOOD.replace("trial.trc", "C:\\Läufer\\trial.trc").encode("latin-1")
    assert read_trc(written(tmp_path / "m.trc", folder)).names == ("A", "B")
    name = GOOD.replace("\tA\t", "\tFußballen\t")
    assert read_trc(written(tmp_path / "m.trc", name)).names == ("Fußballen", "B")
    with pytest.raises(FileFormatError, match=r":4: .*printable UTF-8"):
        read_trc(written(tmp_path / "m.trc", name.encode("latin-1")))


@needs_shared_data
@pytest.mark.parametrize("path", sorted(LAB.glob("*.trc")), ids=lambda path: path.stem)
def test_real_recordings_agree_with_opensim(path: Path) -> None:
    markers = read_trc(path)
    assert markers.names == opensim.TimeSeriesTableVec3(str(path)).getColumnLabels()
    assert markers.rate_hz == pytest.approx(100)
    assert len(markers.names) in (51, 55)
    if len(markers.time_s) < 300:  # the API is slow
        assert same_bits(markers.positions_m, opensim_positions(path))


@needs_shared_data
def test_pose2sim_counts_one_frame_too_many() -> None:
    path = SHARED_DATA / "multiview" / "balance" / "triangulated_body25b.trc"
    markers = read_trc(path)
    assert markers.positions_m.shape == (99, 22, 3)
    assert markers.rate_hz == pytest.approx(60)
    assert same_bits(markers.positions_m, opensim_positions(path))
