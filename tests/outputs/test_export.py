"""A trial leaves in the formats of other programs, and says the same in each."""

from pathlib import Path

import numpy as np
import opensim
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.mot import read_mot
from biopose.io.trc import read_trc
from biopose.outputs.export import FORMATS, export_trial
from biopose.outputs.trial import write_trial
from biopose.skeleton.full_body import full_body_skeleton
from tests.outputs.measured import SETTINGS, VERSIONS, measured


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    write_trial(measured(frames=8), folder, settings=SETTINGS, versions=VERSIONS)
    return folder


def test_every_format_becomes_a_file_named_after_the_trial(trial: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    files = export_trial(trial, out, list(FORMATS), name="jump.1")
    assert files == [out / f"jump.1.{form}" for form in ("trc", "mot", "osim", "c3d", "parquet", "csv")]
    assert sorted(out.iterdir()) == sorted(files)


def test_copies_are_the_same_to_the_byte(trial: Path, tmp_path: Path) -> None:
    for file in export_trial(trial, tmp_path, ["trc", "mot", "osim", "parquet"], name="jump"):
        assert file.read_bytes() in [source.read_bytes() for source in trial.iterdir()]


def test_the_c3d_holds_the_markers(trial: Path, tmp_path: Path) -> None:
    (file,) = export_trial(trial, tmp_path, ["c3d"], name="jump")
    expected, found = read_trc(trial / "markers.trc"), read_c3d(file)
    assert found.names == expected.names
    np.testing.assert_allclose(found.positions_m, expected.positions_m, atol=1e-6)
    np.testing.assert_allclose(found.time_s, expected.time_s, atol=1e-6)


def test_the_csv_holds_every_channel_with_gaps_empty(trial: Path, tmp_path: Path) -> None:
    (file,) = export_trial(trial, tmp_path, ["csv"], name="jump")
    expected, found = pq.read_table(trial / "trial.parquet"), pyarrow.csv.read_csv(file)
    assert found.column_names == expected.column_names
    for name in ("frame_index", "time_s", "knee_angle_r_deg", "box_left_px"):
        np.testing.assert_array_equal(found[name].to_numpy(), expected[name].to_numpy())
    assert found["box_left_px"].null_count == np.isnan(expected["box_left_px"].to_numpy()).sum() == 2
    assert ",nan," not in file.read_text(encoding="utf-8").lower()


def test_opensim_opens_the_model_and_the_motion(trial: Path, tmp_path: Path) -> None:
    osim, mot = export_trial(trial, tmp_path, ["osim", "mot"], name="jump")
    model = opensim.Model(str(osim))
    model.initSystem()
    motion = read_mot(mot, rotational=full_body_skeleton().rotational_names)
    coordinates = model.getCoordinateSet()
    assert set(motion.names) == {coordinates.get(i).getName() for i in range(coordinates.getSize())}


def test_a_format_given_twice_is_written_once(trial: Path, tmp_path: Path) -> None:
    assert export_trial(trial, tmp_path, ["trc", "trc"], name="jump") == [tmp_path / "jump.trc"]


@pytest.mark.parametrize("formats", [["trc", "bvh"], [""], []])
def test_an_unknown_format_is_refused_with_those_there_are(trial: Path, tmp_path: Path, formats: list[str]) -> None:
    with pytest.raises(ValueError, match=r"format.*there are trc, mot, osim, c3d, parquet, csv"):
        export_trial(trial, tmp_path / "out", formats, name="jump")
    assert not (tmp_path / "out").exists()


def test_a_trial_without_its_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"markers\.trc: found no such file"):
        export_trial(tmp_path, tmp_path / "out", ["c3d"], name="jump")
    assert not (tmp_path / "out").exists()
