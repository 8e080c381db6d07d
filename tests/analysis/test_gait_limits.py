"""Steps, strides and contacts that cannot be known are null with the reason, or less sure."""

from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.cycles import cycle_metrics
from biopose.analysis.gait_events import STRIKE_SD_S
from biopose.analysis.gait_metrics import STANDING, gait_metrics
from biopose.analysis.motion import MARKER_FRAME_QUALITY, Motion
from biopose.analysis.quality import marker_quality_metrics
from biopose.analysis.tables import Event, Metric
from biopose.analysis.trial_analysis import analyse_motion
from tests.analysis.motions import RATE_HZ, motion, walking

RUN = {"stride_s": 0.7, "stance_s": 0.21, "speed_m_s": 3.5, "lift_m": 0.1}


def analysed(one: Motion, activity: str) -> tuple[list[Event], dict[tuple[str, str], Metric]]:
    events, found = analyse_motion(one, activity=activity)
    return events, {(metric.metric, metric.side): metric for metric in found}


@pytest.mark.parametrize(
    ("first", "end", "strikes"),
    [(320, 400, 10), (80, 160, None), (165, 225, 10), (0, 45, 10), (560, 600, 11)],
    ids=["its strike at 3.6 s", "its leaving at 1.0 s alone", "a whole stance", "the first frames", "the last frames"],
)
def test_steps_are_not_counted_where_one_may_be_lost_in_a_gap(first: int, end: int, strikes: int | None) -> None:
    """The left foot rests from 0.3 s on for 0.7 s, each 1.1 s; the whole walk has 11 strikes."""
    observed = np.ones(600, dtype=np.bool_)
    observed[first:end] = False
    events, metrics = analysed(walking(observed={"left": observed}), "walk")
    steps = metrics["step_count", "none"]
    found = sum(event.event == "foot_strike" for event in events)
    if first == 0 or end == 600:
        assert steps.value == found
    else:
        assert steps.value is None
        assert steps.reason == f"At least {found}: the left foot in frames {first} to {end - 1} may strike unobserved."


def test_a_gap_in_which_a_foot_that_stood_leaves_the_ground_hides_no_step() -> None:
    observed = np.ones(600, dtype=np.bool_)
    observed[95:108] = False
    assert analysed(walking(observed={"left": observed}), "walk")[1]["step_count", "none"].value == 11


@pytest.mark.parametrize("end", [355, 361, 370])
def test_a_gap_from_air_to_stance_hides_one_step_which_counts(end: int) -> None:
    """The left foot, in the air from about 3.2 s on, comes to rest at 3.6 s."""
    observed = np.ones(600, dtype=np.bool_)
    observed[350:end] = False
    events, metrics = analysed(walking(observed={"left": observed}), "walk")
    assert sum(event.event == "foot_strike" for event in events) == (11 if end == 355 else 10)
    assert metrics["step_count", "none"].value == 11


@pytest.mark.parametrize(("activity", "hides"), [("sprint", True), ("walk", False)])
def test_a_gap_as_long_as_a_sprinters_contact_hides_a_step_of_a_run_alone(activity: str, hides: bool) -> None:
    """The left foot's stance from 2.3 to 2.41 s is not observed, and nothing else is."""
    observed = np.ones(600, dtype=np.bool_)
    observed[228:242] = False
    one = walking(**RUN | {"stride_s": 0.5, "stance_s": 0.11}, observed={"left": observed})
    events, metrics = analysed(one, activity)
    found = sum(event.event == "foot_strike" for event in events)
    steps = metrics["step_count", "none"]
    if hides:
        assert steps.value is None
        assert steps.reason == f"At least {found}: the left foot in frames 228 to 241 may strike unobserved."
    else:
        assert steps.value == found


def test_a_walk_has_no_running_contacts() -> None:
    events, metrics = analysed(one := walking(), "sprint")
    for side in ("left", "right"):
        for name in ("contact_time", "stride_time"):
            assert (metrics[name, side].value, metrics[name, side].reason) == (None, STANDING)
    assert metrics["cadence", "none"].reason == STANDING
    assert cycle_metrics(one, events, [], activity="sprint") == []


def test_a_stand_before_the_start_is_no_contact_of_a_run() -> None:
    """Both feet come down at 0.2 s and stand until the left one leaves at 1.21 s."""
    run = walking(**RUN)
    start = 120
    feet = {}
    for side, points_m in run.foot_points_m.items():
        still = points_m.copy()
        still[:start] = points_m[start]
        still[:20, :, 1] += np.linspace(1.0, 0.0, 20)[:, None]
        feet[side] = still
    one = replace(run, foot_points_m=feet)
    (events, metrics), (_, undisturbed) = analysed(one, "run"), analysed(run, "run")
    assert sum(abs(event.time_s - 0.2) < 0.1 for event in events if event.event == "foot_strike") == 2
    for side in ("left", "right"):
        assert metrics["stride_time", side].value == pytest.approx(0.7, abs=0.01)
        assert metrics["contact_time", side].value == pytest.approx(undisturbed["contact_time", side].value, abs=0.005)
    cycles = cycle_metrics(one, events, [], activity="run")
    assert {round(row.value, 1) for row in cycles if row.metric == "stride_time"} == {0.7}
    assert {row.cycle_number for row in cycles if row.side == "left"} == {2, 3, 4, 5, 6, 7}


def test_contacts_of_too_few_frames_are_not_timed() -> None:
    one = motion(frames=100, rate_hz=30)
    strike, off = Event("foot_strike", "left", 1.0, 30, 0.02), Event("foot_off", "left", 1.08, 33, 0.02)
    found = [
        metric
        for events in ([strike, off], [strike, replace(off, time_s=1.11)])
        for metric in gait_metrics(one, events, [], activity="walk")
        if metric.metric == "contact_time"
    ]
    assert [metric.value for metric in found] == [None, pytest.approx(0.11)]
    assert found[0].reason == (
        "Contacts of about 0.08 s have fewer than 3 frames at 30 frames/s and cannot be timed; "
        "record at 38 frames/s or more."
    )


def test_an_event_among_frames_that_are_not_trusted_may_lie_anywhere_in_them() -> None:
    quality = np.ones(600)
    quality[135:145] = 0.4  # the left foot strikes at 1.4 s
    strikes = [e for e in analysed(walking(quality=quality), "walk")[0] if (e.event, e.side) == ("foot_strike", "left")]
    interval_s = 1 / RATE_HZ
    expected = [np.sqrt(STRIKE_SD_S**2 + (interval_s**2 + untrusted_s**2) / 12) for untrusted_s in (0, 0.1, 0)]
    assert [event.sd_s for event in strikes[:3]] == pytest.approx(expected)


def test_frames_whose_joints_missing_markers_leave_open_are_not_trusted() -> None:
    open_knee, open_wrist = np.zeros(100, dtype=np.bool_), np.zeros(100, dtype=np.bool_)
    open_knee[:30], open_wrist[20:50] = True, True
    quality = np.ones(100)
    quality[25:40] = 0.1
    one = motion(frames=100)
    one = replace(
        one,
        frame_quality=dict.fromkeys(MARKER_FRAME_QUALITY, quality),
        undetermined={"knee_angle_l": open_knee, "wrist_flex_l": open_wrist},
    )
    found = {row.name: row.value for row in marker_quality_metrics(one, None)}
    assert found["untrusted_share"] == 0.4  # the knee's and those of low quality
    assert found["undetermined_share"] == 0.5


@pytest.mark.parametrize("gap_frames", [9, 10, 40])
def test_no_stride_or_step_spans_so_many_frames_without_anybody_that_a_foot_may_land(gap_frames: int) -> None:
    """The picture stands still 0.2 s into the left foot's stance from 2.5 s on, and the walk goes on where it was."""
    one, gap = walking(), slice(270, 270 + gap_frames)
    frames = np.concatenate([np.arange(270), np.full(gap_frames, 269), np.arange(270, 600)])
    seen = np.ones(len(frames), dtype=np.bool_)
    seen[gap] = False
    moved_m = {side: (points - points[0])[frames] for side, points in one.foot_points_m.items()}
    stopped = motion(feet_m=moved_m, observed={"left": seen, "right": seen})
    stopped = replace(stopped, frame_quality={**stopped.frame_quality, "seen_fraction": seen.astype(float)})
    events, _ = analysed(stopped, "walk")
    rows = cycle_metrics(stopped, events, [], activity="walk")
    across = {row.metric for row in rows if row.start_s < 2.7 and row.end_s > 2.7 + gap_frames / RATE_HZ}
    assert ("contact_time" in across) == (gap_frames < 10)
    assert not across or gap_frames < 10
    assert len({(row.side, row.cycle_number) for row in rows if row.metric == "contact_time"}) >= 7
