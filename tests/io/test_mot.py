from contextlib import suppress
from pathlib import Path

import numpy as np
import opensim
import pytest

from biopose.errors import FileFormatError
from biopose.io.mot import from_coordinates, read_mot, read_storage, to_coordinates, write_mot, write_storage
from biopose.io.trajectories import CoordinateTrajectories, Storage
from tests.io.samples import NOT_TEXT, lines_replaced, random_coordinates, same_bits, written
from tests.reference_data import LAB, SHARED_DATA, needs_shared_data

ROTATIONAL = {"knee_angle_r", "pelvis_tilt", "hip_flexion_l", "hip_flexion_r"}
GOOD = (
    "Coordinates\n"
    "version=1\n"
    "nRows=2\n"
    "nColumns=4\n"
    "inDegrees=yes\n"
    "\n"
    "If the header above contains a line with 'inDegrees', this says whether values are in degrees.\n"
    "\n"
    "endheader\n"
    "time\tpelvis_tilt\tpelvis_tx\tknee_angle_r_beta\n"
    "0.0\t180\t1.5\t0.25\n"
    "0.01\t-90\t2.5\t0.5\n"
)
TABLE = "time\tpelvis_tilt\tpelvis_tx\tknee_angle_r_beta\n0.0\t180\t1.5\t0.25\n0.01\t-90\t2.5\t0.5\n"
SIMM = "name walk\ndatacolumns 4\ndatarows 2\notherdata 1\nrange 0.0 0.01\nendheader\n\n"


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("in_degrees", [True, False])
def test_a_table_survives_to_the_bit(seed: int, in_degrees: bool, tmp_path: Path) -> None:
    drawn = random_coordinates(seed)
    storage = Storage(drawn.time_s, drawn.names, drawn.values, in_degrees=in_degrees, name="a table")
    write_storage(tmp_path / "q.sto", storage)
    again = read_storage(tmp_path / "q.sto")
    assert (again.columns, again.in_degrees, again.name) == (storage.columns, in_degrees, "a table")
    assert same_bits(again.time_s, storage.time_s)
    assert same_bits(again.values, storage.values)


@pytest.mark.parametrize("seed", range(20))
def test_coordinates_survive_in_radians_to_the_bit_and_in_degrees_to_rounding(seed: int, tmp_path: Path) -> None:
    coordinates = random_coordinates(seed)
    small = CoordinateTrajectories(coordinates.time_s, coordinates.names, np.tanh(coordinates.values))
    for in_degrees in (False, True):
        write_mot(tmp_path / "q.mot", small, rotational=ROTATIONAL, in_degrees=in_degrees)
        again = read_mot(tmp_path / "q.mot", rotational=ROTATIONAL)
        assert again.names == small.names
        assert np.allclose(again.values, small.values, rtol=4e-16, atol=0, equal_nan=True)
    assert same_bits(read_storage(tmp_path / "q.mot").time_s, small.time_s)
    write_mot(tmp_path / "q.mot", small, rotational=ROTATIONAL, in_degrees=False)
    assert same_bits(read_mot(tmp_path / "q.mot", rotational=ROTATIONAL).values, small.values)


def test_only_rotational_columns_are_in_degrees(tmp_path: Path) -> None:
    coordinates = read_mot(written(tmp_path / "q.mot", GOOD), rotational=ROTATIONAL)
    assert np.allclose(coordinates.values, [[np.pi, 1.5, 0.25], [-np.pi / 2, 2.5, 0.5]], rtol=1e-15)
    storage = from_coordinates(coordinates, rotational=ROTATIONAL, name="again")
    assert storage.in_degrees
    assert storage.name == "again"
    assert np.allclose(storage.values, [[180, 1.5, 0.25], [-90, 2.5, 0.5]], rtol=1e-15)


def test_conversion_leaves_its_argument_alone() -> None:
    values = np.ones((2, 1))
    coordinates = CoordinateTrajectories(np.arange(2.0), ("pelvis_tilt",), values)
    to_coordinates(from_coordinates(coordinates, rotational=ROTATIONAL), rotational=ROTATIONAL)
    to_coordinates(Storage(np.arange(2.0), ("pelvis_tilt",), values, True, ""), rotational=ROTATIONAL)
    assert (values == 1).all()


def test_the_model_decides_what_opensim_reads_as_degrees(tmp_path: Path) -> None:
    """OpenSim's own conversion of our file, for a model with one coordinate of each motion type."""
    model = opensim.Model()
    body = opensim.Body("b", 1.0, opensim.Vec3(0), opensim.Inertia(1))
    model.addBody(body)
    joint = opensim.PlanarJoint("j", model.getGround(), body)
    for index, name in enumerate(("pelvis_tilt", "pelvis_tx", "pelvis_ty")):
        joint.upd_coordinates(index).setName(name)
    model.addJoint(joint)
    model.initSystem()
    rng = np.random.default_rng(0)
    coordinates = CoordinateTrajectories(
        np.arange(5) / 10, ("pelvis_tilt", "pelvis_tx", "pelvis_ty"), rng.normal(size=(5, 3))
    )
    write_mot(tmp_path / "q.mot", coordinates, rotational=ROTATIONAL)
    table = opensim.TimeSeriesTable(str(tmp_path / "q.mot"))
    assert table.getTableMetaDataAsString("inDegrees") == "yes"
    model.getSimbodyEngine().convertDegreesToRadians(table)
    assert np.allclose(table.getMatrix().to_numpy(), coordinates.values, rtol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_opensim_reads_what_is_written(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    storage = Storage(np.arange(7) / 100, ("a", "b", "c"), rng.normal(size=(7, 3)), in_degrees=True, name="")
    path = str(tmp_path / "q.mot")
    write_storage(path, storage)
    table = opensim.TimeSeriesTable(path)
    assert table.getColumnLabels() == storage.columns
    assert np.array_equal(np.array(table.getIndependentColumn()), storage.time_s)
    assert same_bits(table.getMatrix().to_numpy(), storage.values)
    old = opensim.Storage(path)
    assert old.isInDegrees()
    rows = [[old.getStateVector(row).getData().get(column) for column in range(3)] for row in range(old.getSize())]
    assert same_bits(np.array(rows), storage.values)
    gappy = np.where(rng.random((7, 3)) < 0.3, np.nan, storage.values)
    write_storage(path, Storage(storage.time_s, storage.columns, gappy, in_degrees=True, name="gaps"))
    assert same_bits(opensim.TimeSeriesTable(path).getMatrix().to_numpy(), gappy)


DIALECTS = {
    "OpenSim 3": (GOOD, "Coordinates", True),
    "OpenSim 4": ("inDegrees=no\nDataType=double\nversion=3\nOpenSimVersion=4.1\nendheader\n" + TABLE, "", False),
    "OpenSim 4 with counts": ("nColumns=4\nnRows=2\nversion=3\ninDegrees=yes\nendheader\n" + TABLE, "", True),
    "SIMM": (SIMM + TABLE, "walk", True),
    "SIMM in blanks": (SIMM + TABLE.replace("\t", "   ").replace("\n0", "\n   0"), "walk", True),
    "no version, no degrees": ("x\nnRows=2\nendheader\n" + TABLE, "x", True),
    "version, no degrees": ("x\nversion=1\nendheader\n" + TABLE, "x", False),
    "only endheader": ("endheader\n" + TABLE, "", True),
    "blanks and capitals": ("x\nversion = 1\nINDEGREES = Yes\nEndHeader\n" + TABLE.replace("\t", " \t  "), "x", True),
    "Windows": (GOOD.replace("\n", "\r\n"), "Coordinates", True),
    "a tab after each row": (GOOD.replace("5\n", "5\t\n"), "Coordinates", True),
    "empty lines at the end": (GOOD + "\n \t\n", "Coordinates", True),
    "Time": (GOOD.replace("time", "Time"), "Coordinates", True),
    "tabs and blanks": (GOOD.replace("tilt\tpelvis", "tilt pelvis").replace("180\t", "180 "), "Coordinates", True),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_read_alike(dialect: str, tmp_path: Path) -> None:
    text, name, in_degrees = DIALECTS[dialect]
    storage = read_storage(written(tmp_path / "q.mot", text))
    assert storage.columns == ("pelvis_tilt", "pelvis_tx", "knee_angle_r_beta")
    assert (storage.name, storage.in_degrees) == (name, in_degrees)
    assert np.array_equal(storage.time_s, [0, 0.01])
    assert np.array_equal(storage.values, [[180, 1.5, 0.25], [-90, 2.5, 0.5]])


@pytest.mark.parametrize(
    "header", ["x\nversion=1\n", "x\nversion=1\ninDegrees=yes\n", "x\nversion=1\ninDegrees=No\n", "x\n", SIMM[:-11]]
)
def test_degrees_follow_opensims_own_reader(header: str, tmp_path: Path) -> None:
    counts = "" if "datarows" in header else "nRows=2\nnColumns=4\n"
    path = written(tmp_path / "q.mot", header + counts + "endheader\n" + TABLE)
    assert read_storage(path).in_degrees == opensim.Storage(str(path)).isInDegrees()


@pytest.mark.parametrize(
    ("header", "note"),
    [
        ("x\nversion=1\n", "angles are read as radians, as OpenSim reads them; they reach 180, which is 28.6 turns; "
         "where that is wrong, write inDegrees=yes into the header"),
        ("x\n", "angles are read as degrees, as OpenSim reads them; where that is wrong, write inDegrees=no into"),
    ],
)  # fmt: skip
def test_angles_of_a_file_that_does_not_state_their_unit_are_noted(header: str, note: str, tmp_path: Path) -> None:
    path = written(tmp_path / "q.mot", f"{header}endheader\n{TABLE}")
    (found,) = read_mot(path, rotational=ROTATIONAL).notes
    assert found.startswith("the header has no inDegrees: ")
    assert note in found
    assert read_storage(path).notes == read_mot(path, rotational=()).notes == ()


def test_states_that_are_no_known_ones_are_noted_where_they_are_left_out(tmp_path: Path) -> None:
    labels = "/jointset/hip/a/value\t/jointset/hip/a/speed\t/jointset/hip/b/vlue"
    path = written(tmp_path / "q.sto", f"inDegrees=no\nversion=3\nendheader\ntime\t{labels}\n0\t1\t2\t3\n")
    coordinates = read_mot(path, rotational=())
    assert coordinates.names == ("a",)
    assert coordinates.notes == ("columns that are no values of coordinates are left out: /jointset/hip/b/vlue",)


@pytest.mark.parametrize("token", ["", "nan", "NaN", "-nan", "nan(ind)", "-nan(ind)", "  "])
def test_every_notation_of_a_gap_is_a_gap(token: str, tmp_path: Path) -> None:
    values = read_storage(written(tmp_path / "q.mot", GOOD.replace("1.5", token))).values
    assert np.isnan(values[0, 1])
    assert np.isfinite(values).sum() == 5


def test_paths_of_a_states_file_become_coordinates() -> None:
    columns = (
        "/jointset/hip_r/hip_flexion_r/value",
        "/jointset/hip_r/hip_flexion_r/speed",
        "/forceset/soleus_r/activation",
        "ground_pelvis/pelvis_tx/value",
        "plain",
    )
    storage = Storage(np.arange(2.0), columns, np.arange(10.0).reshape(2, 5), in_degrees=True, name="states")
    coordinates = to_coordinates(storage, rotational=ROTATIONAL)
    assert coordinates.names == ("hip_flexion_r", "pelvis_tx", "plain")
    assert np.allclose(coordinates.values, [[0, 3, 4], [np.deg2rad(5), 8, 9]])


def test_a_table_without_coordinates_or_with_one_twice_has_none(tmp_path: Path) -> None:
    speeds = written(tmp_path / "q.sto", "version=3\nendheader\ntime\t/j/a/speed\n0\t1\n")
    with pytest.raises(FileFormatError, match=r"q\.sto: no coordinates"):
        read_mot(speeds, rotational=ROTATIONAL)
    twice = written(tmp_path / "q.sto", "version=3\nendheader\ntime\t/j/a/value\ta\n0\t1\t2\n")
    with pytest.raises(FileFormatError, match=r"q\.sto: .*several times: a"):
        read_mot(twice, rotational=ROTATIONAL)


MALFORMED = {
    "several numbers a column": (
        {5: "DataType=Quaternion"},
        r":5: found DataType='Quaternion'; expected DataType=double, one number a column; these are orientations",
    ),
    "unknown degrees": ({5: "inDegrees=maybe"}, r":5: found inDegrees='maybe'; expected inDegrees=yes or inDegrees=no"),
    "no endheader": ({9: None}, r":12: found the end of the file; expected endheader"),
    "no labels": ({10: None, 11: None, 12: None}, r":10: found the end of the file; expected the row of column labels"),
    "time not first": ({10: "pelvis_tilt\ttime\ta\tb"}, r":10: found 'pelvis_tilt.*expected column labels, time first"),
    "only time": ({4: None, 10: "time"}, r":9: found 'time'"),
    "label left out": ({10: "time\ta\t\tb"}, r":10: found no name for column 3"),
    "no rows": ({3: None, 11: None, 12: None}, r":9: found no rows"),
    "cut-off row before the last": ({11: "0.0\t180"}, r":11: found 2 fields; expected 4"),
    "digits with underscores": ({12: "0.01\t-9_0\t1\t2"}, r":12: found '-9_0' in column pelvis_tilt"),
    "decimal comma in one number": ({12: "0.01\t-90,5\t1\t2"}, r":12: found '-90,5' .*with a decimal point"),
    "too many fields": ({12: "0.01\t-90\t1\t2\t3"}, r":12: found 5 fields; expected 4"),
    "no number": ({12: "0.01\t-90\t1\tabc"}, r":12: found 'abc' in column knee_angle_r_beta; expected a number"),
    "infinite": ({12: "0.01\t-inf\t1\t2"}, r":12: found '-inf' in column pelvis_tilt"),
    "time standing still": ({12: "0.0\t-90\t1\t2"}, r":12: found time 0.0 after 0.0; expected times that increase"),
    "no time": ({11: "\t-90\t1\t2"}, r":11: found no time; expected a time in each row"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    changes, message = MALFORMED[case]
    path = written(tmp_path / "broken.mot", lines_replaced(GOOD, changes))
    with pytest.raises(FileFormatError, match=r"broken\.mot" + message):
        read_storage(path)


@pytest.mark.parametrize("length", range(0, len(GOOD) - 4, 3))
def test_a_file_cut_off_anywhere_is_read_up_to_there_with_a_note_or_refused(length: int, tmp_path: Path) -> None:
    with suppress(FileFormatError):
        storage = read_storage(written(tmp_path / "q.mot", GOOD[:length]))
        assert storage.values.tolist() == [[180, 1.5, 0.25]]
        assert any("nRows" in note for note in storage.notes)


@pytest.mark.parametrize("content", NOT_TEXT)
def test_what_is_no_text_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError):
        read_storage(written(tmp_path / "q.mot", NOT_TEXT[content]))


NOTED = {
    "columns counted without time": ({4: "nColumns=3"}, "the header's nColumns 3 leaves out time"),
    "other columns than counted": ({4: "nColumns=9"}, "nColumns is '9', but the file holds 4 columns with time"),
    "columns not a number": ({4: "nColumns=-4"}, "nColumns is '-4'"),
    "more rows than counted": ({3: "nRows=1"}, "nRows is '1', but the file holds 2 rows"),
    "fewer rows than counted": ({3: "nRows=3"}, "nRows is '3', but the file holds 2 rows"),
    "absurdly many rows counted": ({3: "nRows=99999999999999"}, "but the file holds 2 rows"),
    "rows not a number": ({3: "nRows=two"}, "nRows is 'two'"),
}


@pytest.mark.parametrize("case", NOTED)
def test_counts_do_not_bind_as_in_opensims_table(case: str, tmp_path: Path) -> None:
    changes, note = NOTED[case]
    path = written(tmp_path / "q.mot", lines_replaced(GOOD, changes))
    storage, table = read_storage(path), opensim.TimeSeriesTable(str(path))
    assert same_bits(storage.values, table.getMatrix().to_numpy())
    assert len(storage.notes) == 1
    assert note in storage.notes[0]


def test_columns_of_one_name_keep_it_no_more(tmp_path: Path) -> None:
    path = written(tmp_path / "q.mot", GOOD.replace("pelvis_tx", "pelvis_tilt"))
    storage = read_storage(path)
    assert storage.columns == ("pelvis_tilt#1", "pelvis_tilt#2", "knee_angle_r_beta")
    assert "2 columns are named pelvis_tilt" in storage.notes[0]
    assert same_bits(storage.values, opensim.TimeSeriesTable(str(path)).getMatrix().to_numpy())


@pytest.mark.parametrize("separator", [",", "  "])
def test_rows_separated_otherwise_are_read(separator: str, tmp_path: Path) -> None:
    storage = read_storage(written(tmp_path / "q.mot", GOOD.replace("\t", separator)))
    assert np.array_equal(storage.values, [[180, 1.5, 0.25], [-90, 2.5, 0.5]])


def test_decimal_commas_are_read_with_a_note(tmp_path: Path) -> None:
    storage = read_storage(
        written(tmp_path / "q.mot", GOOD.replace("0.", "0,").replace("1.5", "1,5").replace("2.5", "2,5"))
    )
    assert np.array_equal(storage.values, [[180, 1.5, 0.25], [-90, 2.5, 0.5]])
    assert "decimal commas" in storage.notes[0]


def long_table(rows: int = 30) -> str:
    values = np.random.default_rng(0).normal(size=(rows, 2))
    lines = [f"{i / 100:.2f}\t{a:.5f}\t{b:.5f}\n" for i, (a, b) in enumerate(values)]
    return f"walk\nversion=1\nnRows={rows}\nnColumns=3\ninDegrees=yes\nendheader\ntime\tpelvis_tilt\tb\n" + "".join(
        lines
    )


@pytest.mark.parametrize("dropped", range(1, 12))
def test_a_last_row_that_was_cut_is_left_out_with_a_note(dropped: int, tmp_path: Path) -> None:
    whole = read_storage(written(tmp_path / "q.mot", long_table()))
    cut = read_storage(written(tmp_path / "q.mot", long_table()[: -1 - dropped]))
    assert same_bits(cut.values, whole.values[:29])
    assert "the file is cut off: its last row, line 37" in cut.notes[0]


def test_missing_rows_and_values_are_named(tmp_path: Path) -> None:
    lines = long_table().splitlines(keepends=True)
    del lines[12:15]
    lines[20] = "0.16\tnan\t1.0\n"
    notes = read_storage(written(tmp_path / "q.mot", "".join(lines))).notes
    assert "3 frames are missing, in 1 place: 3 before line 13 (0.04 to 0.08 s)" in notes
    assert "1 of 54 values are missing: pelvis_tilt in frame 13" in notes


def test_numbers_beyond_any_motion_are_missing_values(tmp_path: Path) -> None:
    text = long_table().replace("\n0.05\t", "\n0.05\t9999999\t1.0\n0.055\t")
    coordinates = read_mot(written(tmp_path / "q.mot", text), rotational=ROTATIONAL)
    assert np.isnan(coordinates.values).sum() == 1
    assert "1 values are beyond any motion and read as missing: pelvis_tilt in frame 5" in coordinates.notes[-1]


@needs_shared_data
@pytest.mark.parametrize("path", sorted(LAB.glob("*.mot")), ids=lambda path: path.stem)
def test_real_tables_agree_with_opensim(path: Path) -> None:
    storage, table = read_storage(path), opensim.TimeSeriesTable(str(path))
    assert storage.columns == table.getColumnLabels()
    assert same_bits(storage.values, table.getMatrix().to_numpy())
    assert storage.in_degrees == path.stem.endswith("_ik")


@needs_shared_data
def test_a_real_motion_converts_by_motion_type() -> None:
    rotational = {"pelvis_tilt", "knee_angle_r"}
    path = SHARED_DATA / "multiview" / "balance" / "reference_full_augmented.mot"
    storage, coordinates = read_storage(path), read_mot(path, rotational=rotational)
    for name, factor in {"pelvis_tilt": np.pi / 180, "knee_angle_r": np.pi / 180, "pelvis_tx": 1}.items():
        column = storage.columns.index(name)
        assert np.allclose(coordinates.select([name]).values[:, 0], storage.values[:, column] * factor, rtol=1e-15)
    knee, beta = coordinates.select(["knee_angle_r", "knee_angle_r_beta"]).values.T
    assert np.allclose(knee, beta, atol=1e-3)  # coupled: OpenSim wrote beta in radians
