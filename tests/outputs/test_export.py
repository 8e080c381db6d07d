"""A trial's files come out under its name, as other programs take them."""

import re
import stat
import zipfile
from pathlib import Path

import ezc3d
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.markers import with_y_up
from biopose.io.trc import read_trc
from biopose.outputs.export import FORMATS, C3DOptions, export_trial
from biopose.outputs.trial import write_trial
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import SETTINGS, VERSIONS, measured

pytestmark = needs_body_asset


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jump1")
    write_trial(measured(frames=12), folder, settings=SETTINGS, versions=VERSIONS)
    return folder


def test_every_format_is_written_under_the_trials_name(trial: Path, tmp_path: Path) -> None:
    files = export_trial(
        trial, tmp_path / "new" / "out", [one for one in FORMATS if one not in ("forces", "xlsx")], name="jump.1"
    )
    assert [file.name for file in files] == [
        f"jump.1.{one}" for one in ("trc", "mot", "osim", "c3d", "glb", "bvh", "parquet", "csv")
    ]
    assert sorted(file.name for file in (tmp_path / "new" / "out").iterdir()) == sorted(file.name for file in files)
    assert {stat.filemode(file.stat().st_mode) for file in files} == {"-rw-------"}  # health data
    for one, source in (("trc", "markers.trc"), ("mot", "coordinates.mot"), ("osim", "scaled.osim")):
        assert (tmp_path / "new" / "out" / f"jump.1.{one}").read_bytes() == (trial / source).read_bytes()


def test_a_trial_is_named_after_its_folder_where_no_name_is_given(trial: Path, tmp_path: Path) -> None:
    assert export_trial(trial, tmp_path, ["mot"]) == [tmp_path / f"{trial.name}.mot"]


def test_a_c3d_holds_the_markers(trial: Path, tmp_path: Path) -> None:
    (file,) = export_trial(trial, tmp_path, ["c3d"])
    expected, found = read_trc(trial / "markers.trc"), read_c3d(file)
    assert found.names == expected.names
    np.testing.assert_allclose(found.positions_m, expected.positions_m, atol=1e-6)


def test_a_c3d_in_millimetres_with_z_up_has_the_events(trial: Path, tmp_path: Path) -> None:
    table = {"event": ["take_off", "foot_strike"], "side": ["both", "left"], "time_s": [0.08, 0.02]}
    pq.write_table(pa.table(table), trial / "events.parquet")
    (file,) = export_trial(trial, tmp_path, ["c3d"], c3d=C3DOptions(units="mm", up="z"))
    (trial / "events.parquet").unlink()
    expected, found = read_trc(trial / "markers.trc"), with_y_up(read_c3d(file), "z")
    np.testing.assert_allclose(found.positions_m, expected.positions_m, atol=1e-6)
    written = ezc3d.c3d(str(file))["parameters"]
    assert written["POINT"]["UNITS"]["value"] == ["mm"]
    assert written["EVENT"]["LABELS"]["value"] == ["Foot Strike", "Take Off"]
    assert written["EVENT"]["CONTEXTS"]["value"] == ["Left", "General"]
    np.testing.assert_allclose(written["EVENT"]["TIMES"]["value"], [[0, 0], [0.02, 0.08]])


def test_a_workbook_has_a_sheet_of_each_table_and_empty_cells_where_nothing_is_known(tmp_path: Path) -> None:
    tables = {
        "metrics": {"metric": ["=jump_height", "cadence"], "value": [0.31, None]},
        "events": {"event": ["landing"], "time_s": [0.5]},
        "kinematics": {"time_s": [0.0, 0.01], "knee_angle_r_deg": [12.5, float("nan")]},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    (file,) = export_trial(tmp_path, tmp_path / "out", ["xlsx"], name="jump")
    with zipfile.ZipFile(file) as parts:
        names = re.findall(r'<sheet name="(\w+)"', parts.read("xl/workbook.xml").decode())
        metrics, kinematics = (parts.read(f"xl/worksheets/sheet{number}.xml").decode() for number in (1, 3))
    assert names == ["metrics", "events", "kinematics"]
    assert '<c r="B2"><v>0.31</v></c>' in metrics
    assert '"B3"' not in metrics
    assert "<f>" not in metrics
    assert '<c r="B2"><v>12.5</v></c>' in kinematics
    assert '"B3"' not in kinematics


def test_a_csv_holds_every_column_of_the_table(trial: Path, tmp_path: Path) -> None:
    (file,) = export_trial(trial, tmp_path, ["csv"])
    expected, found = pq.read_table(trial / "trial.parquet"), pyarrow.csv.read_csv(file)
    assert found.column_names == expected.column_names
    for name in ("knee_angle_r_deg", "box_left_px"):
        np.testing.assert_allclose(found[name].to_numpy(), expected[name].to_numpy())
    assert ",nan," not in file.read_text(encoding="utf-8").lower(), "a gap is an empty field"


def test_a_format_is_written_once_and_replaces_an_older_file(trial: Path, tmp_path: Path) -> None:
    (tmp_path / f"{trial.name}.trc").write_text("old")
    (file,) = export_trial(trial, tmp_path, ["trc", "trc"])
    assert file.read_bytes() == (trial / "markers.trc").read_bytes()


@pytest.mark.parametrize("formats", [["trc", "fbx"], []])
def test_an_unknown_format_is_refused_with_the_known_ones(trial: Path, tmp_path: Path, formats: list[str]) -> None:
    with pytest.raises(ValueError, match="there are trc, mot, osim, c3d, glb, bvh, parquet, csv, xlsx"):
        export_trial(trial, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_a_trial_that_lacks_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "markers.trc").touch()
    with pytest.raises(FileFormatError, match=r"coordinates\.mot: found no such file"):
        export_trial(tmp_path, tmp_path / "out", ["trc", "mot"])
    assert not (tmp_path / "out").exists()


def test_a_single_frame_has_no_c3d_and_says_what_else(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    write_trial(measured(frames=1), folder, settings=SETTINGS, versions=VERSIONS)
    with pytest.raises(FileFormatError, match=r"markers\.trc: no \.c3d can hold it"):
        export_trial(folder, tmp_path, ["c3d"])
