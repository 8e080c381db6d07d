"""Files that deviate from the format: what is unambiguous is read with a note, as OpenSim reads it where it does."""

from pathlib import Path

import numpy as np
import opensim
import pytest

from biopose.errors import FileFormatError
from biopose.io.trc import read_trc
from tests.io.samples import lines_replaced, same_bits, written
from tests.io.test_trc import EXPECTED, GOOD, opensim_positions

COMMAS = GOOD.replace("\t", ",")
ROWS = 6  # lines before the first row


def rows_replaced(old: str, new: str) -> str:
    lines = GOOD.splitlines(keepends=True)
    return "".join(lines[:ROWS]) + "".join(lines[ROWS:]).replace(old, new)


# text, what the note contains (None: no note), whether OpenSim's table reads the file
READ = {
    "two tabs between header values": (
        lines_replaced(GOOD, {3: "  100\t\t  100\t\t 3\t\t 2\t\t m\t100\t 1\t 3"}),
        None,
        True,
    ),
    "names two tabs apart": (
        lines_replaced(GOOD, {4: "Frame#\tTime\t\tA\t\tB", 5: "\t\t\tX1\tY1\tZ1\tX2\tY2\tZ2"}),
        "the 2 names are read in their order",
        True,
    ),
    "names one tab apart": (lines_replaced(GOOD, {4: "Frame#\tTime\tA\tB"}), "2 names are read in their order", True),
    "fewer frames declared": (GOOD.replace("100\t3\t2", "100\t2\t2"), "NumFrames is '2', but the file holds 3", True),
    "more frames declared": (GOOD.replace("100\t3\t2", "100\t9\t2"), "NumFrames is '9', but the file holds 3", True),
    "an absurd number of frames": (GOOD.replace("100\t3\t2", "100\t999999999999999\t2"), "file holds 3 frames", False),
    "frames not a number": (GOOD.replace("100\t3\t2", "100\tmany\t2"), "NumFrames is 'many'", True),
    "frames with a point": (GOOD.replace("100\t3\t2", "100\t3.0\t2.0"), None, True),
    "more markers declared": (GOOD.replace("\t3\t2\t", "\t3\t5\t"), "NumMarkers is '5', but the file holds 2", False),
    "fewer markers declared": (GOOD.replace("\t3\t2\t", "\t3\t1\t"), "NumMarkers is '1', but the file holds 2", False),
    "Times": (GOOD.replace("Time\t", "Times\t"), "the time column is named 'Times'", False),
    "Field # and time": (GOOD.replace("Frame#\tTime\t", "Field #\ttime (s)\t"), "named 'time (s)'", False),
    "no line of components": (lines_replaced(GOOD, {5: None}), "no line of components", False),
    "no line of components nor a blank one": (lines_replaced(GOOD, {5: None, 6: None}), "no line of comp", False),
    "components of other names": (GOOD.replace("X1\tY1\tZ1", "a\tb\tc"), "the components are named", False),
    "a misnamed component": (GOOD.replace("X2", "Z2"), r"components are misnamed (Z2 for X2)", False),
    "tabs and blanks in the rows": (rows_replaced("2\t", "2 "), "columns are separated by tabs and blanks", False),
    "tabs and blanks in the first row": (rows_replaced("1\t", "1 "), "columns are separated by tabs and blanks", False),
    "blank lines in the header": (GOOD.replace("\n100\t", "\n\n100\t"), None, False),
    "blank lines between rows": (GOOD.replace("\n2\t", "\n\n\t\t\n2\t"), None, False),
    "another file type": (GOOD.replace("Type\t4", "Type\t3"), "read as PathFileType 4", True),
    "commas in the rows": (rows_replaced("\t", ","), "rows are separated by commas", False),
    "commas everywhere": (COMMAS, "rows are separated by commas", False),
    "blanks in the rows": (rows_replaced("\t", "  "), "rows are separated by blanks", False),
    "blanks everywhere": ("\n".join(" ".join(line.split()) for line in GOOD.splitlines()), "by blanks", False),
    "decimal commas": (
        rows_replaced(".", ",").replace("-6e-1", "-0,6"),
        "decimal commas (0,01), which were read as decimal points",
        False,
    ),
    "an empty column before the rows": (rows_replaced("\n", "\n\t").replace("\n1\t", "\n\t1\t"), None, False),
    "no frame numbers": (rows_replaced("\n2\t", "\n\t").replace("\n3\t", "\n\t"), None, True),
    "frame numbers that repeat": (
        GOOD.replace("\n3\t", "\n2\t"),
        "frame numbers do not increase (first at line 9)",
        True,
    ),
    "a spreadsheet's row end": (GOOD.replace("6\n", "6\t\t\t\t\n"), None, None),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_unambiguous_is_read_and_noted(case: str, tmp_path: Path) -> None:
    text, note, opensim_reads = READ[case]
    path = written(tmp_path / "m.trc", text)
    markers = read_trc(path)
    assert markers.names == ("A", "B")
    assert np.array_equal(markers.time_s, [0, 0.01, 0.02])
    assert same_bits(markers.positions_m, EXPECTED)
    assert bool(markers.notes) == (note is not None)
    if note:
        assert any(note in given for given in markers.notes)
    if opensim_reads:
        table = opensim.TimeSeriesTableVec3(str(path))
        assert table.getColumnLabels() == markers.names
        assert np.array_equal(np.array(table.getIndependentColumn()), markers.time_s)
        assert same_bits(opensim_positions(path), markers.positions_m)


def test_trajectories_without_names_are_left_out(tmp_path: Path) -> None:
    beyond = rows_replaced("\t6\n", "\t6\t7\t8\t9\n").replace("-6e-1", "-6e-1\t7\t8\t9")
    markers = read_trc(written(tmp_path / "m.trc", beyond))
    assert markers.names == ("A", "B")
    assert same_bits(markers.positions_m, EXPECTED)
    assert markers.notes == ("1 trajectories have no name and are left out",)
    between = lines_replaced(GOOD, {4: "Frame#\tTime\t\t\t\tB\t\t"})
    markers = read_trc(written(tmp_path / "m.trc", between))
    assert markers.names == ("B",)
    assert same_bits(markers.positions_m, EXPECTED[:, 1:])
    assert "1 trajectories have no name and are left out" in markers.notes


def test_unnamed_trajectories_that_begin_late_are_left_out(tmp_path: Path) -> None:
    text = lines_replaced(
        GOOD,
        {
            5: "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\tX3\tY3\tZ3",
            9: "3\t0.02\t1\t2\t3\t4\t5\t-6e-1\t7\t8\t9",
        },
    )
    markers = read_trc(written(tmp_path / "m.trc", text))
    assert same_bits(markers.positions_m, EXPECTED)
    assert markers.notes == ("1 trajectories have no name and are left out",)


def test_markers_of_one_name_keep_it_no_more(tmp_path: Path) -> None:
    markers = read_trc(written(tmp_path / "m.trc", GOOD.replace("\tB\t\t\n", "\tA\t\t\n")))
    assert markers.names == ("A#1", "A#2")
    assert same_bits(markers.positions_m, EXPECTED)
    assert markers.notes == ("2 markers are named A: read as A#1 to A#2; rename the right one to A",)


@pytest.mark.parametrize("cell", ["", "nan", "-", "N/A", "--", "null"])
def test_one_missing_component_is_a_gap_of_that_marker_as_in_opensims_table(cell: str, tmp_path: Path) -> None:
    path = written(tmp_path / "m.trc", GOOD.replace("\t1.5\t", f"\t{cell}\t"))
    markers = read_trc(path)
    expected = EXPECTED.copy()
    expected[1, 0] = np.nan
    assert same_bits(markers.positions_m, expected)
    assert markers.notes == ("gaps: 1 of 6 positions are missing in the file: A in frame 1 (counted from 0)",)
    if cell in ("", "nan"):
        table = opensim_positions(path)
        assert np.isnan(table[1, 0]).any()
        assert np.array_equal(table[:, 1], markers.positions_m[:, 1])


def many_rows(count: int = 40) -> str:
    rng = np.random.default_rng(3)
    walk = 1000 + np.cumsum(rng.normal(size=(count, 6)), axis=0)
    header = "".join(GOOD.splitlines(keepends=True)[:ROWS]).replace("100\t3\t2\tm", f"100\t{count}\t2\tmm")
    rows = [f"{i + 1}\t{i / 100:.3f}\t" + "\t".join(f"{x:.4f}" for x in walk[i]) + "\n" for i in range(count)]
    return header + "".join(rows)


@pytest.mark.parametrize("dropped", range(1, 20))
def test_a_file_cut_inside_its_last_number_loses_that_row_with_a_note(dropped: int, tmp_path: Path) -> None:
    whole = read_trc(written(tmp_path / "m.trc", many_rows()))
    cut = read_trc(written(tmp_path / "m.trc", many_rows()[: -1 - dropped]))
    assert same_bits(cut.positions_m, whole.positions_m[:39])
    assert any("the file is cut off: its last row, line 46, has" in note for note in cut.notes)


def test_a_file_cut_inside_a_number_long_before_its_end_names_what_is_missing(tmp_path: Path) -> None:
    text = many_rows()
    end = text.index("\n21\t") - 1  # the last number of row 20 lacks one digit
    cut = read_trc(written(tmp_path / "m.trc", text[:end]))
    assert len(cut.time_s) == 19
    assert any("line 26" in note for note in cut.notes)
    assert any("NumFrames is '40', but the file holds 19" in note for note in cut.notes)


def test_a_file_without_a_last_line_end_is_whole(tmp_path: Path) -> None:
    markers = read_trc(written(tmp_path / "m.trc", many_rows().rstrip("\n")))
    assert len(markers.time_s) == 40
    assert markers.notes == ()


def test_rows_that_were_dropped_are_counted_and_named(tmp_path: Path) -> None:
    lines = many_rows().splitlines(keepends=True)
    del lines[ROWS + 10 : ROWS + 14], lines[ROWS + 20]
    markers = read_trc(written(tmp_path / "m.trc", "".join(lines)))
    assert len(markers.time_s) == 35
    assert "5 frames are missing, in 2 places: 4 before line 17 (0.09 to 0.14 s); 1 before line 27" in markers.notes[1]


@pytest.mark.parametrize("numbered", [True, False])
def test_most_rows_dropped_at_random_are_counted(numbered: bool, tmp_path: Path) -> None:
    lines = many_rows(106).splitlines(keepends=True)
    kept = sorted(np.random.default_rng(0).choice(106, size=11, replace=False).tolist())
    rows = [lines[ROWS + i] for i in kept]
    if not numbered:
        rows = [str(number) + row[row.index("\t") :] for number, row in enumerate(rows, start=1)]
    markers = read_trc(written(tmp_path / "m.trc", "".join(lines[:ROWS] + rows)))
    missing = kept[-1] - kept[0] + 1 - 11
    assert any(note.startswith(f"{missing} frames are missing, in ") for note in markers.notes)


def test_a_capture_rate_is_no_rate_of_the_file(tmp_path: Path) -> None:
    markers = read_trc(written(tmp_path / "m.trc", GOOD.replace("\n100\t", "\n200\t")))
    assert np.array_equal(markers.time_s, [0, 0.01, 0.02])
    assert markers.notes == (
        "the header's rate is 200 frames/s, but the times are 0.01 s apart (100 frames/s): the times are used",
    )


def test_a_number_beyond_any_laboratory_and_zeros_are_gaps(tmp_path: Path) -> None:
    lines = many_rows().splitlines(keepends=True)
    for row, value in ((12, "9999999.0000"), (13, "9999999.0000"), (30, "0.0000")):
        fields = lines[ROWS + row].split("\t")
        lines[ROWS + row] = "\t".join([*fields[:2], value, value, value, *fields[5:]])
    markers = read_trc(written(tmp_path / "m.trc", "".join(lines)))
    assert np.flatnonzero(np.isnan(markers.positions_m[:, 0]).all(axis=1)).tolist() == [12, 13, 30]
    assert "1 of 80 positions are written as 0 0 0: A in frame 30" in markers.notes[0]
    assert "2 of 80 positions are beyond any laboratory" in markers.notes[1]


def test_decimal_commas_without_one_in_the_time_are_refused(tmp_path: Path) -> None:
    whole_seconds = rows_replaced("0.00", "0").replace("\t0.01\t1.5", "\t1\t1,5").replace("0.02", "2")
    with pytest.raises(FileFormatError, match=r"m\.trc:8: found '1,5' in column A X"):
        read_trc(written(tmp_path / "m.trc", whole_seconds))
