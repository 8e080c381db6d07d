"""A trial whose motion is known gives the moments and the figures that follow from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from biopose.analysis.activity_recognition import QUALITY
from biopose.analysis.declared_activity import CONTRADICTED
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.jump_metrics import NO_JUMP
from biopose.analysis.trial_analysis import CYCLES, analyse_trial
from biopose.camera.motion_summary import DISTRUST
from biopose.errors import FileFormatError
from biopose.outputs.trial import write_trial
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.sample_jump import GRAVITY_M_S2, LANDING_S, TAKE_OFF_S
from tests.outputs.measured import RATE_HZ, SETTINGS, VERSIONS, measured

INTERVAL_S = 1 / RATE_HZ
FILES = ("kinematics", "events", "metrics", "quality")


def jumper() -> PersonMeasurement:
    """The sample jump in a picture without gaps."""
    one = measured()
    track = replace(one.track, confidence=np.full_like(one.track.confidence, 0.9))
    return replace(one, track=track, quality=one.quality | {"quality": np.full(len(track), 0.9)})


def analysed(
    one: PersonMeasurement, folder: Path, *, activity: str, frames: int = 0
) -> dict[str, list[dict[str, Any]]]:
    write_trial(one, folder, settings=SETTINGS, versions=VERSIONS)
    analyse_trial(folder, activity=activity, cross_check_frames=frames)
    return {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in FILES}


def values(rows: list[dict[str, Any]], name: str) -> dict[str, float]:
    """By side."""
    return {row["side"]: row["value"] for row in rows if row["metric"] == name}


def test_a_jumps_flight_is_found_and_its_height_follows(tmp_path: Path) -> None:
    result = analysed(jumper(), tmp_path, activity="countermovement_jump")
    moments = {row["event"]: row for row in result["events"] if row["side"] == "both"}
    # The pelvis falls freely in this motion, the centre of mass nearly (exactly: tests.evaluation.test_film_events).
    assert moments["take_off"]["time_s"] == pytest.approx(TAKE_OFF_S, abs=1.5 * INTERVAL_S)
    assert moments["landing"]["time_s"] == pytest.approx(LANDING_S, abs=1.5 * INTERVAL_S)
    flight_s = LANDING_S - TAKE_OFF_S
    assert values(result["metrics"], "flight_time")["none"] == pytest.approx(flight_s, abs=3 * INTERVAL_S)
    height_m = values(result["metrics"], "jump_height_flight")["none"]
    assert height_m == pytest.approx(GRAVITY_M_S2 * flight_s**2 / 8, abs=GRAVITY_M_S2 * flight_s / 2 * 1.5 * INTERVAL_S)


def test_the_uncertainty_of_a_jump_is_that_of_its_moments(tmp_path: Path) -> None:
    result = analysed(jumper(), tmp_path, activity="countermovement_jump")
    sd_s = {row["event"]: row["sd_s"] for row in result["events"] if row["side"] == "both"}
    rows = {row["metric"]: row for row in result["metrics"]}
    flight = rows["flight_time"]
    assert flight["sd"] == pytest.approx(np.hypot(sd_s["take_off"], sd_s["landing"]))
    assert rows["jump_height_flight"]["sd"] == pytest.approx(
        GRAVITY_M_S2 * flight["value"] / 4 * flight["sd"], rel=1e-3
    )
    assert rows["knee_flexion_peak"]["sd"] is None


def test_a_jump_that_is_declared_a_walk_has_no_events_and_no_metrics_but_the_reason(tmp_path: Path) -> None:
    write_trial(jumper(), tmp_path, settings=SETTINGS, versions=VERSIONS)
    walked = analyse_trial(tmp_path, activity="walk", cross_check_frames=0)
    (note,) = (note for note in walked.notes if note.startswith("ACTIVITY: declared as walk, but "))
    reason = f"It is {note.removeprefix('ACTIVITY: ')}."
    rows = {(row["metric"], row["side"]): row for row in pq.read_table(tmp_path / "metrics.parquet").to_pylist()}
    assert {
        ("duration", "none"),
        ("mean_speed", "none"),
        ("stride_time", "left"),
        ("knee_flexion_peak", "right"),
    } <= rows.keys()
    assert {(row["value"], row["sd"], row["reason"]) for row in rows.values()} == {(None, None, reason)}
    assert pq.read_table(tmp_path / "events.parquet").num_rows == pq.read_table(tmp_path / CYCLES).num_rows == 0
    quality = {one.name: one.value for one in walked.quality}
    assert quality[CONTRADICTED] == 1
    assert [name for name in quality if name.startswith(QUALITY)]

    jumped = analyse_trial(tmp_path, activity="countermovement_jump", cross_check_frames=0)
    assert not jumped.notes
    assert CONTRADICTED not in {one.name for one in jumped.quality}


def test_one_who_does_not_rise_does_not_fly(tmp_path: Path) -> None:
    one = jumper()
    q = one.coordinates.values.copy()
    q[:, one.coordinates.names.index("pelvis_ty")] = 0.9
    still = replace(one, coordinates=replace(one.coordinates, values=q))
    result = analysed(still, tmp_path, activity="countermovement_jump")
    heights = [row for row in result["metrics"] if row["metric"] in ("flight_time", "jump_height_flight")]
    assert [(row["value"], row["reason"]) for row in heights] == [(None, NO_JUMP)] * 2


def test_feet_that_were_never_observed_have_no_events(tmp_path: Path) -> None:
    one = jumper()
    unseen = replace(one, track=replace(one.track, confidence=np.zeros_like(one.track.confidence)))
    result = analysed(unseen, tmp_path, activity="run")
    assert not result["events"]
    known = {row["metric"] for row in result["metrics"] if row["value"] is not None}
    assert not {"stride_time", "cadence", "contact_time", "flight_time"} & known


def test_a_camera_that_moves_leaves_no_height_but_the_reason(tmp_path: Path) -> None:
    sentence = f"The camera moves (it pans by 200 px): {DISTRUST}"
    result = analysed(replace(jumper(), notes=(sentence,)), tmp_path, activity="countermovement_jump")
    assert {row["event"] for row in result["events"]} == {"peak_knee_flexion"}
    (height,) = [row for row in result["metrics"] if row["metric"] == "jump_height"]
    assert (height["value"], height["reason"]) == (None, sentence)
    assert values(result["metrics"], "knee_flexion_peak")


def test_nobody_flies_in_a_walk(tmp_path: Path) -> None:
    result = analysed(jumper(), tmp_path, activity="walk")
    assert {row["side"] for row in result["events"]} <= {"left", "right"}
    assert not values(result["metrics"], "flight_time")


def test_a_squat_is_as_deep_as_its_knees_bend(tmp_path: Path) -> None:
    one = jumper()
    one = replace(one, track=replace(one.track, time_s=4 * one.track.time_s))  # so slowly that nobody flies
    result = analysed(one, tmp_path, activity="squat")
    knees = [one.coordinates.values[:, one.coordinates.names.index(f"knee_angle_{side}")] for side in "lr"]
    depth_deg = np.degrees(np.mean(knees, axis=0)).max()
    assert values(result["metrics"], "squat_depth")["none"] == pytest.approx(depth_deg, abs=1e-3)
    assert "peak_knee_flexion" in {row["event"] for row in result["events"]}


@pytest.mark.parametrize("activity", ["walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "other"])
def test_every_metric_is_defined_and_finite(tmp_path: Path, activity: str) -> None:
    metrics = analysed(jumper(), tmp_path, activity=activity)["metrics"]
    assert len({(row["metric"], row["side"]) for row in metrics}) == len(metrics)
    for row in metrics:
        assert row["unit"] == DEFINITIONS[row["metric"]].unit
        assert row["reason"] if row["value"] is None else np.isfinite(row["value"])


def test_a_single_frame_has_angles_and_no_moments(tmp_path: Path) -> None:
    result = analysed(measured(frames=1), tmp_path, activity="run", frames=3)
    assert len(result["kinematics"]) == 1
    assert not result["events"]
    assert values(result["metrics"], "duration")["none"] == 0.0


def test_frames_that_cannot_be_trusted_give_no_angles(tmp_path: Path) -> None:
    one = jumper()
    lost = replace(one, quality=one.quality | {"quality": np.full(len(one.track), np.nan)})
    result = analysed(lost, tmp_path, activity="squat")
    assert not values(result["metrics"], "knee_flexion_peak")
    figures = {row["name"]: row["value"] for row in result["quality"]}
    assert figures["untrusted_share"] == 1.0
    assert figures["mean_quality"] is None
    assert all(row["quality"] is None for row in result["kinematics"])


@pytest.mark.parametrize("name", ["trial.parquet", "coordinates.mot", "markers.trc"])
def test_a_file_that_is_missing_or_cut_off_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    write_trial(jumper(), tmp_path, settings=SETTINGS, versions=VERSIONS)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
    with pytest.raises(FileFormatError, match=name):
        analyse_trial(tmp_path, activity="walk")
    (tmp_path / name).unlink()
    with pytest.raises(FileFormatError, match=name):
        analyse_trial(tmp_path, activity="walk")
    assert not any((tmp_path / f"{one}.parquet").exists() for one in FILES)
