"""One person's files say the same as the measurement, to us and to OpenSim."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from biopose.io.mot import read_mot
from biopose.io.trc import read_trc
from biopose.outputs.trial import trial_columns, write_trial
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.reader import read_osim
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import SETTINGS, VERSIONS, measured, with_sd
from tests.skeleton.models import OpenSimPoser

pytestmark = needs_body_asset


@pytest.fixture(scope="module")
def one() -> PersonMeasurement:
    return measured()


@pytest.fixture(scope="module")
def folder(one: PersonMeasurement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    files = write_trial(one, folder, settings=SETTINGS, versions=VERSIONS)
    assert sorted(folder.iterdir()) == sorted(files)
    return folder


def test_the_model_moves_its_markers_along_the_trc(one: PersonMeasurement, folder: Path) -> None:
    skeleton = read_osim(folder / "scaled.osim")
    motion = read_mot(folder / "coordinates.mot", rotational=skeleton.rotational_names)
    recorded = read_trc(folder / "markers.trc").select(skeleton.marker_names)
    assert motion.names == skeleton.coordinate_names
    found = Kinematics(skeleton).with_coordinates(torch.from_numpy(motion.values)).markers.numpy()
    np.testing.assert_allclose(found, recorded.positions_m, atol=1e-6)
    assert set(skeleton.marker_names) == set(one.markers.names)


def test_opensim_moves_them_there_too(folder: Path) -> None:
    skeleton = read_osim(folder / "scaled.osim")
    motion = read_mot(folder / "coordinates.mot", rotational=skeleton.rotational_names)
    recorded = read_trc(folder / "markers.trc").select(skeleton.marker_names)
    poser = OpenSimPoser(folder / "scaled.osim")
    for row in range(0, len(motion.time_s), 10):
        poser.pose(motion.values[row])
        np.testing.assert_allclose(poser.marker_positions(), recorded.positions_m[row], atol=1e-6)


def test_the_model_has_the_bodys_mass(folder: Path) -> None:
    assert read_osim(folder / "scaled.osim").mass_kg == pytest.approx(75.0, abs=0.1)


def test_the_table_holds_every_channel_with_its_unit(one: PersonMeasurement, folder: Path) -> None:
    table = pq.read_table(folder / "trial.parquet")
    column = {name: table[name].to_numpy() for name in table.column_names}
    names = one.coordinates.names
    knee = np.degrees(one.coordinates.values[:, names.index("knee_angle_r")])
    np.testing.assert_array_equal(column["knee_angle_r_deg"], knee)
    np.testing.assert_array_equal(column["pelvis_tx_m"], one.coordinates.values[:, names.index("pelvis_tx")])
    np.testing.assert_array_equal(column["frame_index"], one.track.frame_indices)
    np.testing.assert_array_equal(column["nose_x_px"], one.track.keypoints_px[:, 0, 0])
    np.testing.assert_array_equal(column["nose_confidence"], one.track.confidence[:, 0])
    np.testing.assert_array_equal(column["right_heel_z_m"], one.keypoints_m[:, 25, 2])
    np.testing.assert_array_equal(column["right_toe_contact_probability"], one.contact[:, 3])
    np.testing.assert_array_equal(column["frame_reprojection_px"], one.quality["reprojection_px"])
    np.testing.assert_array_equal(column["LASI_y_m"], one.markers.select(["LASI"]).positions_m[:, 0, 1])
    assert len(column) == 2 + 42 + 4 + 26 * 6 + 3 * len(one.markers.names) + 4 + len(one.quality)


def test_each_coordinate_has_its_standard_deviation_beside_it_in_its_unit(one: PersonMeasurement) -> None:
    known = with_sd(one)
    columns, names = trial_columns(known), one.coordinates.names
    assert known.coordinate_sd is not None
    for name, column in (("knee_angle_r", "knee_angle_r_sd_deg"), ("neck_rotation", "neck_rotation_sd_deg")):
        np.testing.assert_allclose(columns[column], np.degrees(known.coordinate_sd[:, names.index(name)]))
    np.testing.assert_array_equal(columns["pelvis_tx_sd_m"], known.coordinate_sd[:, names.index("pelvis_tx")])
    assert np.isnan(columns["knee_angle_r_sd_deg"]).nonzero()[0].tolist() == [4, 5]
    assert len(columns) == len(trial_columns(one)) + len(names)


def test_a_method_without_standard_deviations_leaves_no_column_for_them(one: PersonMeasurement) -> None:
    assert not [name for name in trial_columns(one) if "_sd_" in name]


def test_every_column_is_named_once(one: PersonMeasurement) -> None:
    assert all(len(values) == len(one.track) for values in trial_columns(one).values())


def test_the_tables_metadata_tell_how_the_numbers_came_about(one: PersonMeasurement, folder: Path) -> None:
    metadata = json.loads(pq.read_schema(folder / "trial.parquet").metadata[b"biopose"])
    assert metadata["kind"] == "trial"
    assert metadata["settings"] == SETTINGS
    assert metadata["versions"] == VERSIONS
    assert metadata["camera"]["focal_px"] == list(one.camera.focal_px)
    assert metadata["body"]["height_m"] == pytest.approx(1.78, abs=1e-3)
    assert len(metadata["body_scales"]) == len(one.person.skeleton.bodies) - 1
    np.testing.assert_array_equal(metadata["T_camera_world"], one.T_camera_world)
