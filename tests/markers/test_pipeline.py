"""From a recording of markers to a trial's folder: the method, the model, quality, gaps, tables and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from biopose.errors import BioposeError, ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.markers.pipeline import analyse_markers, measure_markers
from biopose.markers.scaling import scaled_athlete
from biopose.markers.trial import MarkerTrial
from biopose.outputs.export import export_trial
from biopose.outputs.marker_trial import MarkerMeasurement
from biopose.skeleton.full_body import full_body_skeleton
from tests.body.test_keypoint_recording import POSE2SIM, keypoints
from tests.io.plate_files import channels, written_plates
from tests.marker_recordings import static_markers, swinging_markers, swinging_q, written_forces, written_trc

LEGS = tuple(name for name in swinging_markers().names if name[1:] in ("ASI", "PSI", "KNE", "ANK", "HEE", "TOE", "MT5"))


@pytest.fixture
def trial(tmp_path: Path) -> MarkerTrial:
    return MarkerTrial(
        written_trc(tmp_path / "swing.trc", swinging_markers()),
        height_m=1.7,
        mass_kg=60.0,
        activity="walk",
        static=written_trc(tmp_path / "static.trc", static_markers()),
    )


@pytest.fixture(scope="module")
def by_network(tmp_path_factory: pytest.TempPathFactory) -> MarkerMeasurement:
    folder = tmp_path_factory.mktemp("network")
    recording = written_trc(folder / "swing.trc", swinging_markers())
    static = written_trc(folder / "static.trc", static_markers())
    return measure_markers(MarkerTrial(recording, height_m=1.7, mass_kg=60.0, static=static), folder)


def knee_error_deg(measured: MarkerMeasurement) -> float:
    names = full_body_skeleton().coordinate_names
    place = measured.coordinates.names.index("knee_angle_r")
    truth = swinging_q()[:, names.index("knee_angle_r")]
    return float(np.degrees(np.nanmean(np.abs(measured.coordinates.values[:, place] - truth))))


def test_markers_with_known_names_are_solved_by_the_network_with_deviations(by_network: MarkerMeasurement) -> None:
    assert by_network.method == "marker_neurik"
    assert by_network.coordinate_sd is not None
    assert np.isfinite(by_network.coordinate_sd).all()
    assert knee_error_deg(by_network) < 6
    assert by_network.skeleton.mass_kg == pytest.approx(60, abs=0.01)


def test_the_quality_of_a_frame_is_its_marker_error(by_network: MarkerMeasurement) -> None:
    quality = by_network.quality
    np.testing.assert_allclose(quality["quality"], 0.5 ** ((quality["marker_error_mm"] / 40) ** 2))
    worse = replace(by_network, error_m=np.full_like(by_network.error_m, 0.04))
    np.testing.assert_allclose(worse.quality["quality"], 0.5)


def test_few_markers_are_solved_on_the_default_model_that_is_scaled_to_the_static_trial(
    trial: MarkerTrial, tmp_path: Path
) -> None:
    few = swinging_markers().select(LEGS)
    gap = few.positions_m.copy()
    gap[20:24] = np.nan  # nothing is known in four frames
    written_trc(trial.markers, replace(few, positions_m=gap))
    measured = measure_markers(trial, tmp_path)
    assert measured.method == "marker_ik"
    assert measured.coordinate_sd is not None
    assert measured.constant_sd is not None
    known = np.isfinite(measured.coordinates.values) & ~np.isin(measured.coordinates.names, measured.held)
    assert (measured.coordinate_sd >= measured.constant_sd)[known].all()
    assert knee_error_deg(measured) < 6
    assert "neck_flexion" in measured.held
    assert any("4 frames of 60 have fewer than 3 markers (from 20 to 23" in note for note in measured.notes)

    files = analyse_markers(measured, trial, tmp_path / "out", settings={"trial_id": "x"}, versions={"biopose": "1"})
    assert {path.name for path in files} == {path.name for path in (tmp_path / "out").iterdir()}
    kinematics = pl.read_parquet(tmp_path / "out" / "kinematics.parquet")
    assert kinematics["knee_angle_r_deg"].null_count() == 4
    assert kinematics["knee_angle_r_sd_deg"].null_count() == 4
    assert kinematics["knee_angle_r_sd_deg"].min() > 2.3  # the constant error's alone
    assert kinematics["neck_flexion_deg"].null_count() == 60  # held: nothing is known of it
    assert kinematics["quality"][20] == 0
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    known = pl.col("value").is_not_null()
    assert np.isfinite(metrics.filter(known)["value"].to_numpy()).all()
    unknown = dict(metrics.filter(~known).select("metric", "reason").iter_rows())
    assert unknown.pop("step_count") == "At least 1: the right foot in frames 20 to 23 may strike unobserved."
    assert all(reason.startswith("No whole stride") for reason in unknown.values())
    quality = dict(pl.read_parquet(tmp_path / "out" / "quality.parquet").select("name", "value").iter_rows())
    assert quality["frames"] == 60
    assert quality["untrusted_share"] == pytest.approx(4 / 60)
    assert quality["median_marker_error_mm"] < 20
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Joint kinematics from one recording of markers" in report
    assert "inverse kinematics on the scaled model" in report
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["recording"]["method"], summary["people"][0]["frames_untrusted"]) == ("marker_ik", 4)
    exported = export_trial(tmp_path / "out", tmp_path / "exported", ["trc", "mot", "osim", "c3d", "parquet", "csv"])
    assert all(path.stat().st_size for path in exported)


def test_recordings_of_an_athlete_share_the_scaled_model_until_its_static_trial_changes(
    trial: MarkerTrial, tmp_path: Path
) -> None:
    first = scaled_athlete(trial)
    other = replace(trial, markers=tmp_path / "jump.trc", activity="countermovement_jump", trial_id="b", start_s=1.0)
    assert scaled_athlete(other) is first
    assert scaled_athlete(replace(trial, mass_kg=70.0)).skeleton.mass_kg == pytest.approx(70, abs=0.01)
    still = static_markers()
    written_trc(tmp_path / "static.trc", replace(still, positions_m=still.positions_m * 1.1))
    taller = scaled_athlete(trial)
    assert taller.body_scales["femur_r"][1] == pytest.approx(1.1 * first.body_scales["femur_r"][1], rel=0.01)
    assert len(taller.skeleton.bodies) == len(first.skeleton.bodies)


def test_force_plates_are_stored_and_a_contact_nobody_stands_on_is_counted(trial: MarkerTrial, tmp_path: Path) -> None:
    trial = replace(trial, forces=written_forces(tmp_path / "forces.mot"))
    measured = measure_markers(trial, tmp_path)
    analyse_markers(measured, trial, tmp_path / "out", settings={}, versions={})
    quality = dict(pl.read_parquet(tmp_path / "out" / "quality.parquet").select("name", "value").iter_rows())
    assert (quality["plate_contacts"], quality["plate_contacts_unattributed"]) == (1, 1)
    (forces,) = export_trial(tmp_path / "out", tmp_path / "exported", ["forces"], name="swing")
    assert forces.name == "swing_forces.mot"
    assert "1 force plates" in (tmp_path / "out" / "report.html").read_text()


def test_without_names_model_or_static_trial_it_says_what_to_give(tmp_path: Path) -> None:
    few = swinging_markers().select(LEGS)
    trial = MarkerTrial(written_trc(tmp_path / "few.trc", few), height_m=1.7)
    with pytest.raises(ModelError, match=r"few\.trc: 14 of its 14 markers have a name .* Name the athlete's model"):
        measure_markers(trial, tmp_path)


def test_a_recording_whose_vertical_axis_is_another_is_refused_with_the_key(trial: MarkerTrial, tmp_path: Path) -> None:
    one, still = swinging_markers(), static_markers()
    for path, markers in ((trial.markers, one), (trial.static, still)):
        assert path is not None
        z_up: MarkerTrajectories = replace(markers, positions_m=np.roll(markers.positions_m, 1, axis=-1))
        written_trc(path, z_up)
    assert measure_markers(replace(trial, up="z"), tmp_path).method == "marker_neurik"
    for up, others in (("y", '"z" or "x"'), ("x", '"z" or "y"')):
        message = rf"vertical axis is not {up}; state it in session\.toml, as \[recording\] up = {others}"
        with pytest.raises(BioposeError, match=message):
            measure_markers(replace(trial, up=up), tmp_path)


def test_a_model_whose_knees_bend_to_the_other_side_is_refused(trial: MarkerTrial, tmp_path: Path) -> None:
    from biopose.skeleton.full_body import build_full_body

    model = build_full_body(tmp_path / "model.osim")
    text = model.read_text()
    start = text.index('<Coordinate name="knee_angle_r">')
    end = text.index("</Coordinate>", start)
    coordinate = text[start:end]
    begin, stop = coordinate.index("<range>"), coordinate.index("</range>")
    turned = coordinate[:begin] + "<range>-2.1 0.1" + coordinate[stop:]
    model.write_text(text[:start] + turned + text[end:])
    with pytest.raises(ModelError, match=r"knee_angle_r ranges from -120 to 6 degrees: it bends to the other side"):
        measure_markers(replace(trial, static=None, model=model), tmp_path)


def test_a_part_of_the_recording_is_measured(trial: MarkerTrial, tmp_path: Path) -> None:
    measured = measure_markers(replace(trial, start_s=0.1, end_s=0.3), tmp_path)
    assert measured.time_s[[0, -1]] == pytest.approx([0.1, 0.3])


def test_force_plates_inside_a_recording_that_contradict_it_are_noted_and_cost_no_markers(tmp_path: Path) -> None:
    path = written_plates(tmp_path / "plates.c3d", 2, channels(2), CHANNEL=np.arange(7, 19).reshape(2, 6).T)
    plates, notes = MarkerTrial(path, height_m=1.7, up="z").read_plates()
    assert plates is None
    assert "the force plates are not used" in notes[0]
    assert "channel 18 of force plate 2" in notes[0]


def test_keypoints_of_another_size_than_the_athletes_height_are_noted(tmp_path: Path) -> None:
    def notes(height_m: float) -> list[str]:
        measured = measure_markers(MarkerTrial(path, height_m=height_m, keypoints=True, activity="other"), tmp_path)
        return [note for note in measured.notes if "legs as long as the keypoints'" in note]

    path = written_trc(tmp_path / "a.trc", keypoints(POSE2SIM, size=1.35).at(np.arange(4)))
    (note,) = notes(1.55)
    assert "belong to a height of 2.21 m, and the athlete's is 1.55 m" in note
    assert not notes(2.15)


def test_angles_that_keypoints_hardly_tell_are_named_with_their_deviation(tmp_path: Path) -> None:
    recorded = keypoints(POSE2SIM).at(np.arange(6))
    noise_m = 0.03 * np.random.default_rng(0).standard_normal(recorded.positions_m.shape)
    path = written_trc(tmp_path / "a.trc", replace(recorded, positions_m=recorded.positions_m + noise_m))
    measured = measure_markers(MarkerTrial(path, height_m=1.85, keypoints=True, activity="other"), tmp_path)
    (note,) = (one for one in measured.notes if one.startswith("poorly determined, "))
    assert "subtalar_angle_r " in note
    assert "knee_angle" not in note
