import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biopose.errors import FileFormatError
from biopose.io.parquet import (
    read_coordinates_parquet,
    read_markers_parquet,
    write_coordinates_parquet,
    write_markers_parquet,
)
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from tests.io.samples import NOT_TEXT, random_coordinates, random_markers, same_bits, written

MARKERS = {"kind": "markers", "version": 1}
COORDINATES = {"kind": "coordinates", "version": 1}


def table_file(path: Path, columns: dict[str, object], metadata: object) -> Path:
    """A Parquet file with these columns and this 'biopose' metadata."""
    pq.write_table(pa.table(columns).replace_schema_metadata({"biopose": json.dumps(metadata)}), path)
    return path


@pytest.mark.parametrize("seed", range(20))
def test_markers_survive_to_the_bit(seed: int, tmp_path: Path) -> None:
    markers = random_markers(seed)
    write_markers_parquet(tmp_path / "m.parquet", markers)
    again = read_markers_parquet(tmp_path / "m.parquet")
    assert again.names == markers.names
    assert same_bits(again.time_s, markers.time_s)
    assert same_bits(again.positions_m, markers.positions_m)


@pytest.mark.parametrize("seed", range(20))
def test_coordinates_survive_to_the_bit(seed: int, tmp_path: Path) -> None:
    coordinates = random_coordinates(seed)
    write_coordinates_parquet(tmp_path / "q.parquet", coordinates, translational={"pelvis_tx"})
    again = read_coordinates_parquet(tmp_path / "q.parquet")
    assert again.names == coordinates.names
    assert same_bits(again.time_s, coordinates.time_s)
    assert same_bits(again.values, coordinates.values)


def test_columns_carry_their_units_and_gaps_are_nan(tmp_path: Path) -> None:
    positions_m = np.array([[[1.0, np.nan, 3.0]]])
    write_markers_parquet(tmp_path / "m.parquet", MarkerTrajectories(np.zeros(1), ("LKNE",), positions_m))
    table = pq.read_table(tmp_path / "m.parquet")
    assert table.column_names == ["time_s", "LKNE_x_m", "LKNE_y_m", "LKNE_z_m"]
    assert table["LKNE_y_m"].null_count == 0
    assert np.isnan(table["LKNE_y_m"][0].as_py())
    assert json.loads(table.schema.metadata[b"biopose"]) == MARKERS
    names = ("knee_angle_r", "knee_angle_r_beta", "pelvis_tx")
    coordinates = CoordinateTrajectories(np.zeros(1), names, np.ones((1, 3)))
    write_coordinates_parquet(tmp_path / "q.parquet", coordinates, translational={"pelvis_tx", "pelvis_ty"})
    table = pq.read_table(tmp_path / "q.parquet")
    assert table.column_names == ["time_s", "knee_angle_r_rad", "knee_angle_r_beta_rad", "pelvis_tx_m"]
    assert json.loads(table.schema.metadata[b"biopose"]) == COORDINATES


MALFORMED_MARKERS = {
    "other kind": ({"time_s": [0.0], "A_x_m": [1.0]}, COORDINATES, "coordinates.*expected.*markers"),
    "later version": ({"time_s": [0.0], "A_x_m": [1.0]}, {"kind": "markers", "version": 2}, '"version": 2'),
    "no time": ({"A_x_m": [1.0], "A_y_m": [1.0], "A_z_m": [1.0]}, MARKERS, "the column time_s first"),
    "no markers": ({"time_s": [0.0]}, MARKERS, "at least one more"),
    "no rows": ({"time_s": pa.array([], pa.float64()), "A_x_m": pa.array([], pa.float64())}, MARKERS, "0 rows"),
    "component absent": ({"time_s": [0.0], "A_x_m": [1.0], "A_y_m": [1.0]}, MARKERS, "found column 'A_y_m'"),
    "component elsewhere": (
        {"time_s": [0.0], "A_x_m": [1.0], "A_z_m": [1.0], "A_y_m": [1.0]},
        MARKERS,
        "found column 'A_z_m'; expected NAME_x_m, NAME_y_m, NAME_z_m",
    ),
    "float32": ({"time_s": [0.0], "A_x_m": np.ones(1, np.float32)}, MARKERS, "column A_x_m of float with 0 nulls"),
    "text": ({"time_s": [0.0], "A_x_m": ["1"]}, MARKERS, "column A_x_m of string"),
    "nulls": ({"time_s": [0.0], "A_x_m": pa.array([None], pa.float64())}, MARKERS, "double with 1 nulls"),
    "time going back": (
        {"time_s": [1.0, 0.0], "A_x_m": [1.0, 1.0], "A_y_m": [1.0, 1.0], "A_z_m": [1.0, 1.0]},
        MARKERS,
        "time_s must increase",
    ),
}


@pytest.mark.parametrize("case", MALFORMED_MARKERS)
def test_a_malformed_file_is_refused(case: str, tmp_path: Path) -> None:
    columns, metadata, message = MALFORMED_MARKERS[case]
    with pytest.raises(FileFormatError, match=r"m\.parquet: .*" + message):
        read_markers_parquet(table_file(tmp_path / "m.parquet", columns, metadata))


def test_coordinates_are_refused_alike(tmp_path: Path) -> None:
    path = table_file(tmp_path / "q.parquet", {"time_s": [0.0], "knee_deg": [1.0]}, COORDINATES)
    with pytest.raises(FileFormatError, match="found column 'knee_deg'; expected names ending in _rad or _m"):
        read_coordinates_parquet(path)
    with pytest.raises(FileFormatError, match=r"expected.*coordinates"):
        read_coordinates_parquet(table_file(path, {"time_s": [0.0], "a_rad": [1.0]}, MARKERS))


def test_somebody_elses_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"time_s": [0.0]}), tmp_path / "m.parquet")
    with pytest.raises(FileFormatError, match=r"no metadata 'biopose'.*a file that BioPose wrote"):
        read_markers_parquet(tmp_path / "m.parquet")


@pytest.mark.parametrize("content", NOT_TEXT)
def test_what_is_no_parquet_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"m\.parquet: found no readable Parquet"):
        read_markers_parquet(written(tmp_path / "m.parquet", NOT_TEXT[content]))


def test_damage_is_either_refused_as_such_or_touches_no_number(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    markers = random_markers(1)
    write_markers_parquet(path, markers)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.integers(len(damaged))] ^= rng.integers(1, 256)
        with suppress(FileFormatError):
            again = read_markers_parquet(written(path, bytes(damaged)))
            assert same_bits(again.positions_m, markers.positions_m)
