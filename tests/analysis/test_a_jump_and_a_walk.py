"""A trial whose contacts are known gives the moments and the figures that follow from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.trial_analysis import analyse_trial
from biopose.errors import FileFormatError
from biopose.outputs.trial import write_trial
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.sample_jump import GRAVITY_M_S2, LANDING_S, TAKE_OFF_S
from tests.outputs.measured import RATE_HZ, SETTINGS, VERSIONS, measured

INTERVAL_S = 1 / RATE_HZ
STRIDE_FRAMES, STANCE_FRAMES = 24, 14
FILES = ("kinematics", "events", "metrics", "quality")


def well_seen(contact: np.ndarray, one: PersonMeasurement) -> PersonMeasurement:
    """The person with these contacts, (T, 4), in a picture without gaps."""
    track = replace(one.track, confidence=np.full_like(one.track.confidence, 0.9))
    quality = one.quality | {"quality": np.full(len(track), 0.9)}
    return replace(one, track=track, contact=contact, quality=quality)


def jumper() -> PersonMeasurement:
    one = measured()
    stands = (one.track.time_s < TAKE_OFF_S) | (one.track.time_s >= LANDING_S)
    return well_seen(np.repeat(stands[:, None], 4, axis=1).astype(float), one)


def walker() -> PersonMeasurement:
    one = measured()
    phase = (np.arange(len(one.track))[:, None] - [6, 6, 18, 18]) % STRIDE_FRAMES
    return well_seen((phase < STANCE_FRAMES).astype(float), one)


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
    assert moments["take_off"]["time_s"] == pytest.approx(TAKE_OFF_S, abs=INTERVAL_S)
    assert moments["landing"]["time_s"] == pytest.approx(LANDING_S, abs=INTERVAL_S)
    flight_s = LANDING_S - TAKE_OFF_S
    assert values(result["metrics"], "flight_time")["none"] == pytest.approx(flight_s, abs=INTERVAL_S)
    height_m = values(result["metrics"], "jump_height_flight")["none"]
    assert height_m == pytest.approx(GRAVITY_M_S2 * flight_s**2 / 8, abs=GRAVITY_M_S2 * flight_s / 4 * INTERVAL_S)


def test_the_uncertainty_of_a_jump_is_that_of_its_moments(tmp_path: Path) -> None:
    result = analysed(jumper(), tmp_path, activity="countermovement_jump")
    assert [row["sd_s"] for row in result["events"]] == pytest.approx(
        [INTERVAL_S / np.sqrt(12)] * len(result["events"])
    )
    rows = {row["metric"]: row for row in result["metrics"]}
    flight = rows["flight_time"]
    assert flight["sd"] == pytest.approx(INTERVAL_S / np.sqrt(6))
    assert rows["jump_height_flight"]["sd"] == pytest.approx(
        GRAVITY_M_S2 * flight["value"] / 4 * flight["sd"], rel=1e-3
    )
    assert rows["knee_flexion_peak"]["sd"] is None


def test_the_feet_off_the_ground_of_one_who_does_not_rise_are_no_flight(tmp_path: Path) -> None:
    one = jumper()
    q = one.coordinates.values.copy()
    q[:, one.coordinates.names.index("pelvis_ty")] = 0.9
    still = replace(one, coordinates=replace(one.coordinates, values=q))
    result = analysed(still, tmp_path, activity="countermovement_jump")
    assert not values(result["metrics"], "flight_time")
    assert not values(result["metrics"], "jump_height_flight")


def test_without_contacts_there_are_no_events_of_feet_and_no_times(tmp_path: Path) -> None:
    one = jumper()
    result = analysed(replace(one, contact=np.zeros_like(one.contact)), tmp_path, activity="run")
    assert not result["events"]
    assert not {"stride_time", "cadence", "contact_time", "flight_time"} & {row["metric"] for row in result["metrics"]}


def test_a_walks_strides_contacts_and_cadence_follow_from_its_steps(tmp_path: Path) -> None:
    metrics = analysed(walker(), tmp_path, activity="walk")["metrics"]
    stride_s = STRIDE_FRAMES * INTERVAL_S
    for side in ("left", "right"):
        assert values(metrics, "stride_time")[side] == pytest.approx(stride_s)
        assert values(metrics, "contact_time")[side] == pytest.approx(STANCE_FRAMES * INTERVAL_S)
    assert values(metrics, "cadence")["none"] == pytest.approx(120 / stride_s)
    assert values(metrics, "step_count")["none"] == 5


def test_an_unobserved_foot_has_no_events(tmp_path: Path) -> None:
    one = walker()
    confidence = one.track.confidence.copy()
    confidence[5:8] = 0.0  # the left foot strikes in frame 6
    unseen = replace(one, track=replace(one.track, confidence=confidence))
    events = analysed(unseen, tmp_path, activity="walk")["events"]
    assert min(row["frame_index"] for row in events if row["side"] == "left" and row["event"] == "foot_strike") > 8


def test_nobody_flies_in_a_walk(tmp_path: Path) -> None:
    result = analysed(jumper(), tmp_path, activity="walk")
    assert {row["side"] for row in result["events"]} == {"left", "right"}
    assert not values(result["metrics"], "flight_time")


def test_a_squat_is_as_deep_as_its_knees_bend(tmp_path: Path) -> None:
    one = jumper()
    result = analysed(replace(one, contact=np.ones_like(one.contact)), tmp_path, activity="squat")
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
        assert np.isfinite(row["value"])


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
