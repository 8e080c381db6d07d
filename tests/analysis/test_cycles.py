"""Cycles of synthetic motions whose times are known: strides, jumps, repetitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from biopose.analysis.cycles import cycle_metrics
from biopose.analysis.gait_events import OFF_LATER_S
from biopose.analysis.motion import Motion
from biopose.analysis.tables import CycleMetric
from biopose.analysis.trial_analysis import analyse_motion, flights_of
from tests.analysis.motions import HEEL_RISES_S, jump, motion, walking


def cycles_of(one: Motion, activity: str) -> list[CycleMetric]:
    flights = flights_of(one, activity=activity)
    events, _ = analyse_motion(one, activity=activity, flights=flights)
    return cycle_metrics(one, events, flights.found, activity=activity)


def test_a_walk_has_a_row_for_every_stride_and_the_median_is_the_trials() -> None:
    one = walking()
    rows, (events, metrics) = cycles_of(one, "walk"), analyse_motion(one, activity="walk")
    for side in ("left", "right"):
        strikes = [event.time_s for event in events if (event.event, event.side) == ("foot_strike", side)]
        own = [row for row in rows if (row.side, row.metric) == (side, "stride_time")]
        assert [row.cycle_number for row in own] == list(range(1, len(strikes)))
        assert [(row.start_s, row.end_s) for row in own] == list(pairwise(strikes))
        (of_trial,) = [m.value for m in metrics if (m.metric, m.side) == ("stride_time", side)]
        assert np.median([row.value for row in own]) == pytest.approx(of_trial)
        assert all(row.sd is not None and row.sd > 0 for row in own)
        parts = {row.metric: row.value for row in rows if (row.side, row.cycle_number) == (side, 1)}
        assert parts["contact_time"] + parts["swing_time"] == pytest.approx(parts["stride_time"])
        assert parts["knee_flexion_range"] == 0  # only the feet move


def test_a_walkers_stride_length_and_swing_time_are_what_was_made_up() -> None:
    """A stride of 1.1 s at 1.3 m/s; its foot is fastest upwards 0.03 s before it leaves rest, after 0.7 s of stance."""
    rows = cycles_of(walking(stride_s=1.1, stance_s=0.7, speed_m_s=1.3), "walk")
    lengths = [row.value for row in rows if row.metric == "stride_length"]
    swings = [row.value for row in rows if row.metric == "swing_time"]
    assert lengths == pytest.approx([1.43] * len(lengths), abs=0.02)
    assert swings == pytest.approx([1.1 - (0.7 - HEEL_RISES_S + OFF_LATER_S)] * len(swings), abs=0.01)
    assert len(lengths) == len(swings) == 9


def test_a_stride_during_which_the_foot_is_not_observed_is_left_out_and_the_others_keep_their_numbers() -> None:
    observed = np.ones(600, dtype=np.bool_)
    observed[130:180] = False  # the left foot strikes at 1.4 s, the right one leaves the ground at 1.55 s
    one = walking(observed={"left": observed, "right": observed})
    rows, (_, metrics) = cycles_of(one, "walk"), analyse_motion(one, activity="walk")
    for name, expected_s in (("stride_time", 1.1), ("contact_time", 0.7)):
        times = [row for row in rows if row.metric == name]
        assert [row.value for row in times] == pytest.approx([expected_s] * len(times), abs=0.02)
        assert {row.cycle_number for row in times if row.side == "left"} == {2, 3, 4}
        for m in metrics:
            assert m.metric != name or m.value == pytest.approx(expected_s, abs=0.02)


def test_a_stride_on_a_treadmill_has_no_length() -> None:
    over_ground = walking(speed_m_s=1.3)
    way_m = np.zeros((len(over_ground), 1, 3))
    way_m[:, 0, 0] = 1.3 * over_ground.time_s
    feet = {side: points_m - way_m for side, points_m in over_ground.foot_points_m.items()}
    still = {name: np.zeros(len(over_ground)) for name in ("pelvis_tx", "pelvis_tz")}
    on_belt = replace(over_ground, foot_points_m=feet, coordinates=over_ground.coordinates | still)
    assert "stride_length" in {row.metric for row in cycles_of(over_ground, "walk")}
    assert {"stride_time"} == {row.metric for row in cycles_of(on_belt, "walk")} & {"stride_time", "stride_length"}


def test_a_jump_is_a_cycle_from_lowest_point_to_lowest_point_with_its_heights() -> None:
    one = jump()
    rows, (_, metrics) = cycles_of(one, "countermovement_jump"), analyse_motion(one, activity="countermovement_jump")
    assert {(row.cycle, row.cycle_number) for row in rows} == {("jump", 1)}
    of_cycle = {(row.metric, row.side): row.value for row in rows}
    for m in metrics:
        if m.metric.startswith(("jump_height", "flight_time", "knee_flexion_landing")):
            assert of_cycle[m.metric, m.side] == m.value
    flight = next(row for row in rows if row.metric == "flight_time")
    assert flight.end_s - flight.start_s >= flight.value


def test_each_squat_is_a_repetition_with_its_own_depth() -> None:
    time_s = np.arange(900) / 100
    depth_deg = np.array([60.0, 80.0, 100.0])[np.minimum(time_s / 3, 2).astype(int)]
    knee = depth_deg * np.sin(np.pi * time_s / 3) ** 2
    rows = cycles_of(motion(coordinates={"knee_angle_r": knee, "knee_angle_l": knee}), "squat")
    depths = [row for row in rows if row.metric == "squat_depth"]
    assert [row.value for row in depths] == pytest.approx([60, 80, 100], abs=0.5)
    assert [row.cycle_number for row in depths] == [1, 2, 3]
    assert depths[1].start_s == pytest.approx(3.0, abs=0.02)


def test_a_repetition_whose_bottom_the_markers_do_not_show_has_neither_depth_nor_duration() -> None:
    time_s = np.arange(900) / 100
    knee = 90 * np.sin(np.pi * time_s / 3) ** 2
    gap = (time_s > 4.2) & (time_s < 4.8)
    left = np.interp(time_s, time_s[~gap], knee[~gap])
    one = motion(coordinates={"knee_angle_r": knee, "knee_angle_l": left})
    one = replace(one, undetermined={"knee_angle_l": gap})
    rows = cycles_of(one, "squat")
    assert [row.cycle_number for row in rows if row.metric == "squat_depth"] == [1, 3]
    assert [row.cycle_number for row in rows if row.metric == "duration"] == [1, 3]
    of_peak = {
        side: [row.cycle_number for row in rows if row.metric == "knee_flexion_peak" and row.side == side]
        for side in ("left", "right")
    }
    assert of_peak == {"left": [1, 3], "right": [1, 2, 3]}
    events, _ = analyse_motion(one, activity="squat")
    assert [round(event.time_s, 1) for event in events] == [1.5, 7.5]


def test_where_the_world_is_not_known_there_are_no_strides_and_without_peaks_no_repetitions() -> None:
    assert cycles_of(motion(frames=200, world_unknown="the camera moves"), "walk") == []
    assert cycles_of(motion(frames=200), "squat") == []
