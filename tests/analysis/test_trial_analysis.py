"""A trial's folder becomes the four tables that the warehouse loads, and OpenSim agrees with what was written."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biopose.analysis import opensim_process
from biopose.analysis.cross_check import CrossCheck, cross_check
from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.opensim_process import OpenSimProcess, end_waiting, run_opensim, start_ahead
from biopose.analysis.trial_analysis import ANALYSIS_FILES, analyse_trial
from biopose.errors import FileFormatError
from biopose.io.mot import read_mot, write_mot
from biopose.io.trc import read_trc, write_trc
from biopose.outputs.trial import write_trial, write_trial_parquet
from biopose.skeleton.full_body import full_body_skeleton
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import GAIN, SETTINGS, VERSIONS, measured, with_sd

pytestmark = needs_body_asset

FRAMES = 24


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    write_trial(measured(frames=FRAMES), folder, settings=SETTINGS, versions=VERSIONS)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "trial"))


def test_the_files_have_the_contracts_columns_and_types(folder: Path) -> None:
    analyse_trial(folder, activity="countermovement_jump", cross_check_frames=2)
    kinematics = pq.read_schema(folder / "kinematics.parquet")
    values = [f"{name}_{unit}" for name, unit in coordinate_units()]
    deviations = [f"{name}_sd_{unit}" for name, unit in coordinate_units()]
    assert len(values) == 40
    assert kinematics.names == ["frame_index", "time_s", "quality", *values, *deviations]
    assert kinematics.types == [pa.int32(), pa.float64(), *[pa.float32()] * 81]
    text, number = pa.string(), pa.float64()
    for name, columns, types in (
        (
            "events",
            ["event", "side", "time_s", "frame_index", "sd_s", "method"],
            [text, text, number, pa.int32(), number, text],
        ),
        (
            "metrics",
            ["metric", "side", "value", "unit", "sd", "reason", "constant_sd"],
            [text, text, number, text, number, text, number],
        ),
        ("quality", ["name", "value", "unit"], [text, number, text]),
    ):
        schema = pq.read_schema(folder / f"{name}.parquet")
        assert (schema.names, schema.types) == (columns, types)


def test_a_process_started_ahead_solves_the_same_frames(folder: Path) -> None:
    end_waiting()
    alone = cross_check(folder, frames=2)
    end_waiting()
    start_ahead(1)
    (waiting,) = opensim_process._waiting
    assert cross_check(folder, frames=2) == alone
    assert cross_check(folder, frames=2) == alone  # by the same process
    assert list(opensim_process._waiting) == [waiting]


def test_a_process_without_work_ends_with_its_input() -> None:
    ended = OpenSimProcess().end()
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_process_that_fails_reports_its_error(tmp_path: Path) -> None:
    end_waiting()
    ended = run_opensim(tmp_path / "missing.npz", tmp_path / "solved.npy")
    assert ended.returncode == 1
    assert "FileNotFoundError" in ended.stderr
    assert not opensim_process._waiting


def test_kinematics_are_the_trials_own(folder: Path) -> None:
    analyse_trial(folder, activity="other", cross_check_frames=0)
    trial, kinematics = pq.read_table(folder / "trial.parquet"), pq.read_table(folder / "kinematics.parquet")
    assert kinematics.num_rows == FRAMES
    for name in ("frame_index", "time_s"):
        assert kinematics[name].to_pylist() == trial[name].to_pylist()
    for name in ("knee_angle_r_deg", "pelvis_ty_m", "neck_rotation_deg"):
        np.testing.assert_allclose(kinematics[name].to_numpy(), trial[name].to_numpy(), rtol=1e-6, atol=1e-6)
    assert kinematics["knee_angle_r_sd_deg"].null_count == FRAMES


def test_standard_deviations_are_the_trials_own_and_null_where_they_are_not_known(folder: Path) -> None:
    one = with_sd(measured(frames=FRAMES))
    write_trial_parquet(one, folder / "trial.parquet", settings=SETTINGS, versions=VERSIONS)
    analyse_trial(folder, activity="squat", cross_check_frames=0)
    trial, kinematics = pq.read_table(folder / "trial.parquet"), pq.read_table(folder / "kinematics.parquet")
    for name, unit in coordinate_units():
        column = kinematics[f"{name}_sd_{unit}"]
        assert np.flatnonzero(column.is_null()).tolist() == [4, 5]
        np.testing.assert_allclose(column.to_numpy(), trial[f"{name}_sd_{unit}"].to_numpy(), rtol=1e-6)
    metrics = {(row["metric"], row["side"]): row["sd"] for row in pq.read_table(folder / "metrics.parquet").to_pylist()}
    assert 1.8 < metrics["knee_flexion_peak", "left"] < 5
    assert 1.7 < metrics["squat_depth", "none"] < 5  # of both knees, which err alike by most of it


def test_the_same_trial_gives_the_same_bytes(folder: Path, written: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(written, tmp_path / "again"))
    for one in (folder, again, again):
        analyse_trial(one, activity="walk", cross_check_frames=2)
    for name in ANALYSIS_FILES:
        assert (folder / name).read_bytes() == (again / name).read_bytes()


def test_quality_has_its_metrics(folder: Path) -> None:
    analyse_trial(folder, activity="other", cross_check_frames=4)
    figures = {row["name"]: row["value"] for row in pq.read_table(folder / "quality.parquet").to_pylist()}
    assert figures["frames"] == FRAMES
    assert figures["untrusted_share"] == pytest.approx(2 / FRAMES)  # two frames in which the person is lost
    assert 0 < figures["mean_quality"] < 1
    assert figures["median_reprojection_px"] > 0
    assert figures["cross_check_frames"] == 4
    assert not [name for name in figures if name.startswith("refinement")]
    assert figures["cross_check_max_deg"] >= figures["cross_check_rms_deg"] >= 0


def test_a_refinement_s_gain_is_a_metric(folder: Path) -> None:
    refined = replace(
        measured(frames=FRAMES), refinement=replace(GAIN, mirror_disagreement_deg=4.2, prediction_sd_mm=51.5)
    )
    write_trial_parquet(refined, folder / "trial.parquet", settings=SETTINGS, versions=VERSIONS)
    analyse_trial(folder, activity="other", cross_check_frames=0)
    rows = pq.read_table(folder / "quality.parquet").to_pylist()
    assert [tuple(row.values()) for row in rows if row["name"].startswith("refinement")] == [
        ("refinement_iterations", 80, "1"),
        ("refinement_reprojection_before_px", 6.1, "px"),
        ("refinement_reprojection_after_px", 3.9, "px"),
        ("refinement_mirror_disagreement_deg", 4.2, "deg"),
        ("refinement_prediction_sd_mm", 51.5, "mm"),
    ]


def test_opensim_comes_back_to_our_angles(folder: Path) -> None:
    check = cross_check(folder, frames=6)
    assert check.frames == 6
    assert check.rms_deg is not None
    assert check.max_deg is not None
    assert check.rms_deg < 0.2
    assert check.max_deg < 2.0


def test_angles_that_do_not_belong_to_the_markers_are_found(folder: Path) -> None:
    rotational = full_body_skeleton().rotational_names
    coordinates = read_mot(folder / "coordinates.mot", rotational=rotational)
    coordinates.values[:, coordinates.names.index("knee_angle_r")] += np.radians(20)
    write_mot(folder / "coordinates.mot", coordinates, rotational=rotational)
    check = cross_check(folder, frames=3)
    assert check.max_deg is not None
    assert check.max_deg > 15


def test_more_frames_than_there_are_is_all_of_them_and_none_is_none(folder: Path) -> None:
    assert cross_check(folder, frames=0).rms_deg is None
    assert cross_check(folder, frames=0).frames == 0
    assert cross_check(folder, frames=10 * FRAMES).frames == FRAMES


def test_a_frame_that_opensim_cannot_fit_leaves_no_cross_check(folder: Path) -> None:
    markers = read_trc(folder / "markers.trc")
    write_trc(folder / "markers.trc", replace(markers, names=tuple(f"not_{name}" for name in markers.names)))
    assert cross_check(folder, frames=2) == CrossCheck(0, None, None)


def test_a_model_that_opensim_cannot_read_is_reported_with_its_reason(folder: Path) -> None:
    (folder / "scaled.osim").write_text("<OpenSimDocument")
    with pytest.raises(RuntimeError, match=r"(?s)exit code 1.*scaled\.osim"):
        cross_check(folder, frames=2)


def test_a_folder_without_a_trial_says_so(folder: Path) -> None:
    (folder / "trial.parquet").unlink()
    with pytest.raises(FileFormatError, match=r"trial\.parquet"):
        analyse_trial(folder, activity="other")


def test_a_channel_that_is_missing_is_named(folder: Path) -> None:
    path = folder / "trial.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["left_heel_confidence"]), path)
    with pytest.raises(FileFormatError, match="left_heel_confidence"):
        analyse_trial(folder, activity="other", cross_check_frames=0)


def test_nothing_is_written_of_a_trial_whose_model_is_broken(folder: Path) -> None:
    (folder / "scaled.osim").unlink()
    with pytest.raises(Exception, match=r"scaled\.osim"):
        analyse_trial(folder, activity="other", cross_check_frames=2)
    assert not any((folder / name).exists() for name in ANALYSIS_FILES)
