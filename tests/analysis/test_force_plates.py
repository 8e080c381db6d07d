"""Contacts on synthetic force plates, and the events that they replace."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biopose.analysis.body_points import SIDES
from biopose.analysis.force_plates import (
    THRESHOLD_N,
    PlateContact,
    flight_between,
    low_passed,
    nearest_foot,
    plate_contacts,
)
from biopose.analysis.motion import Motion
from biopose.analysis.plate_events import METHOD, PlateMoments, is_in_air, plate_moments
from biopose.analysis.trial_analysis import analyse_motion
from biopose.io.force_plates import ForcePlates, read_force_plates, write_force_plates
from biopose.io.mot import write_mot
from biopose.io.trajectories import CoordinateTrajectories
from tests.analysis.motions import FOOT_Z_M, jump, on_belts, walking
from tests.analysis.running import contact_times_s, running
from tests.analysis.test_running import JOG, RUN, SPRINT


def contacts_of(path: Path) -> list[PlateContact]:
    plates = read_force_plates(path)
    assert plates is not None
    return plate_contacts(plates)


PARTS = ("vx", "vy", "vz", "px", "py", "pz")


def write_plates(path: Path, forces_n: list[np.ndarray], places_m: list[tuple[float, float]]) -> Path:
    time_s = np.arange(len(forces_n[0])) / 100
    names = [f"ground_force_{plate + 1}_{part}" for plate in range(len(forces_n)) for part in PARTS]
    values = np.zeros((len(time_s), len(names)))
    for plate, (force_n, (x_m, z_m)) in enumerate(zip(forces_n, places_m, strict=True)):
        values[:, 6 * plate + 1], values[:, 6 * plate + 3], values[:, 6 * plate + 5] = force_n, x_m, z_m
    write_mot(path, CoordinateTrajectories(time_s, tuple(names), values), rotational=frozenset())
    return path


def test_a_contact_is_where_the_force_crosses_the_threshold(tmp_path: Path) -> None:
    force_n = np.zeros(100)
    force_n[30:60] = 700.0  # rises from 0 at 0.29 s to 700 N at 0.30 s, falls likewise after 0.59 s
    force_n[80] = 50.0  # noise
    (contact,) = contacts_of(write_plates(tmp_path / "grf.mot", [force_n], [(0.5, -0.1)]))
    assert contact.on_s == pytest.approx(0.29 + 0.01 * 20 / 700)
    assert contact.off_s == pytest.approx(0.60 - 0.01 * 20 / 700)
    np.testing.assert_allclose(contact.place_m, [0.5, -0.1])


def test_a_contact_at_the_recordings_ends_has_no_event_there(tmp_path: Path) -> None:
    (contact,) = contacts_of(write_plates(tmp_path / "grf.mot", [np.full(50, 500.0)], [(0, 0)]))
    assert (contact.on_s, contact.off_s) == (None, None)


def test_no_contact_begins_or_ends_where_no_force_was_recorded(tmp_path: Path) -> None:
    force_n = np.zeros(200)
    force_n[30:160] = 700.0
    force_n[80:100] = np.nan
    plates = read_force_plates(write_plates(tmp_path / "grf.mot", [force_n], [(0.5, -0.1)]))
    assert plates is not None
    assert "ground_force_1 has no force in 20 of 200 samples: no contact begins or ends there" in plates.notes
    before, after = plate_contacts(plates)
    assert before.on_s == pytest.approx(0.29, abs=0.01)
    assert (before.off_s, after.on_s) == (None, None)
    assert after.off_s == pytest.approx(1.6, abs=0.01)
    write_force_plates(tmp_path / "again.mot", plates)
    again = read_force_plates(tmp_path / "again.mot")
    assert again is not None
    np.testing.assert_array_equal(again.force_n[:, 0, 1], np.nan_to_num(force_n))


def test_a_flight_is_the_time_in_which_no_plate_is_touched() -> None:
    place = np.zeros(2)
    left, right = PlateContact(None, 1.0, place, 0.0, 1.0), PlateContact(None, 1.02, place, 0.0, 1.02)
    landed = [PlateContact(1.5, None, place, 1.5, 2.5), PlateContact(1.51, None, place, 1.51, 2.5)]
    assert flight_between([left, right, *landed]) == (1.02, 1.5)
    assert flight_between([left]) is None


def test_the_foot_is_the_one_at_the_centre_of_pressure() -> None:
    one = jump()
    for side, z_m in FOOT_Z_M.items():
        contact = PlateContact(None, 1.0, np.array([0.1, z_m]), 0.0, 1.0)
        assert nearest_foot(contact, one.time_s, one.foot_points_m) == side


def plates_under(
    feet: dict[str, list[tuple[float, float]]], *, rate_hz: float = 1000.0, end_s: float = 3.0
) -> ForcePlates:
    """A plate for each foot, 0.1 m ahead of its heel's first place, loaded by 700 N between the given times."""
    time_s = np.arange(round(end_s * rate_hz)) / rate_hz
    force, place = np.zeros((len(time_s), len(feet), 3)), np.zeros((len(time_s), len(feet), 3))
    for plate, (side, spans) in enumerate(feet.items()):
        place[:, plate] = [0.1, 0.0, FOOT_Z_M[side]]  # type: ignore[index]
        for start_s, stop_s in spans:
            force[(time_s >= start_s) & (time_s < stop_s), plate, 1] = 700.0
    return ForcePlates(time_s, tuple(f"plate{i}" for i in range(len(feet))), force, place, np.zeros_like(force))


def test_take_off_and_landing_of_a_jump_are_those_of_the_plates_and_its_metrics_follow() -> None:
    motion = jump()
    kinematic = {one.event: one for one in analyse_motion(motion, activity="countermovement_jump")[0]}
    off_s, on_s = kinematic["take_off"].time_s + 0.012, kinematic["landing"].time_s - 0.007
    feet = {side: [(0.0, off_s), (on_s, motion.time_s[-1])] for side in ("left", "right")}
    moments = plate_moments(motion, plates_under(feet, end_s=float(motion.time_s[-1])))
    events, metrics = analyse_motion(motion, activity="countermovement_jump", moments=moments)
    found = {one.event: one for one in events}
    assert found["take_off"].time_s == pytest.approx(off_s, abs=0.0011)
    assert found["landing"].time_s == pytest.approx(on_s, abs=0.0011)
    assert {found[name].method for name in ("take_off", "landing", "foot_off", "foot_strike")} == {METHOD}
    assert found["peak"].method == "kinematics"
    flight = next(one for one in metrics if one.metric == "flight_time")
    assert flight.value == pytest.approx(found["landing"].time_s - found["take_off"].time_s)
    assert flight.sd is not None
    assert flight.sd < 0.003
    assert sum(one.event == "foot_off" for one in events) == 2  # none beside the kinematic ones


def test_a_foot_that_unloads_a_plate_without_moving_stays_on_it() -> None:
    motion = jump()
    standing = plates_under({"left": [(0.0, 0.2), (0.3, 0.5)], "right": [(0.0, 0.5)]}, end_s=0.5)
    moments = plate_moments(motion, standing)
    assert (moments.contacts, moments.contradicted) == (3, 0)
    assert not any(moments.off_s.values())


def test_plates_of_which_few_contacts_are_contradicted_are_not_said_to_be_unused() -> None:
    """Somebody stands on them, so that no moment is found."""
    few = PlateMoments({"left": [], "right": []}, {"left": [], "right": []}, 0.001, 5, 1, contradicted=1)
    assert few.notes() == []
    assert len(replace(few, contradicted=2).notes()) == 1


@pytest.mark.parametrize("style", [JOG, RUN, SPRINT], ids=["jog", "run", "sprint"])
@pytest.mark.parametrize("rate_hz", [50.0, 200.0])
def test_a_runners_contacts_are_none_of_feet_in_the_air(style: dict[str, float], rate_hz: float) -> None:
    one = running(**style, rate_hz=rate_hz, duration_s=2.0)
    for side in SIDES:
        for on_s, off_s in contact_times_s(style["stride_s"], style["contact_s"], side=side):
            if one.time_s[0] <= on_s and off_s <= one.time_s[-1]:
                middle = int(np.searchsorted(one.time_s, (on_s + off_s) / 2))
                place_m = one.foot_points_m[side][middle][:, [0, 2]].mean(axis=0)
                assert not is_in_air(one, PlateContact(on_s, off_s, place_m, on_s, off_s), side)


@pytest.mark.parametrize("belts_m_s", [(0.6, 1.3), (0.9, 0.9)], ids=["split belts", "sped up from 3 s on"])
def test_contacts_on_belts_are_none_of_feet_in_the_air(belts_m_s: tuple[float, float]) -> None:
    one = walking()
    faster_m_s = 0.5 * (one.time_s - 3).clip(0) if belts_m_s[0] == belts_m_s[1] else 0.0
    over = on_belts(one, {side: speed + faster_m_s for side, speed in zip(SIDES, belts_m_s, strict=True)})
    for side, first_s in zip(SIDES, (0.3, 0.85), strict=True):
        for on_s in first_s + 1.1 * np.arange(5):
            contact = PlateContact(on_s, on_s + 0.7, np.zeros(2), on_s, on_s + 0.7)
            assert not is_in_air(over, contact, side)


@pytest.mark.parametrize("late_s", [-0.15, 0.15])
def test_plates_of_another_trial_or_clock_are_named_and_not_used(late_s: float) -> None:
    motion = jump()
    kinematic = {one.event: one.time_s for one in analyse_motion(motion, activity="countermovement_jump")[0]}
    loaded = [(0.0, kinematic["take_off"]), (kinematic["landing"], float(motion.time_s[-1]))]
    right = plates_under(dict.fromkeys(("left", "right"), loaded), end_s=float(motion.time_s[-1]))
    assert plate_moments(motion, right).notes() == []
    moments = plate_moments(motion, replace(right, time_s=right.time_s + late_s))
    assert moments.contradicted >= 2
    assert moments.notes()[0].startswith(
        f"FORCES: in {moments.contradicted} of {moments.contacts} contacts the plates "
    )
    events, _ = analyse_motion(motion, activity="countermovement_jump", moments=moments)
    assert {one.event: one.time_s for one in events} == kinematic


def test_two_feet_on_one_plate_are_nobodys_contact() -> None:
    motion = jump()
    plates = plates_under({"left": [(0.0, 1.0), (1.5, 3.0)]})
    plates.center_of_pressure_m[:] = [0.1, 0.0, 0.0]  # midway
    moments = plate_moments(motion, plates)
    assert (moments.contacts, moments.unattributed) == (2, 2)
    assert not any(moments.on_s.values())


def test_a_walkers_strike_on_a_plate_replaces_the_kinematic_one() -> None:
    motion = walking()
    before, _ = analyse_motion(motion, activity="walk")
    strikes = [one for one in before if (one.event, one.side) == ("foot_strike", "left")]
    strike = min(strikes, key=lambda one: abs(one.time_s - 1.4))
    plates = plates_under({"left": [(strike.time_s + 0.02, strike.time_s + 0.6)]})
    frame = int(np.searchsorted(motion.time_s, strike.time_s + 0.3))
    plates.center_of_pressure_m[:] = motion.foot_points_m["left"][frame].mean(axis=0)
    after, _ = analyse_motion(motion, activity="walk", moments=plate_moments(motion, plates))
    assert len([one for one in after if (one.event, one.side) == ("foot_strike", "left")]) == len(strikes)
    (on_plate,) = [one for one in after if one.event == "foot_strike" and one.method == METHOD]
    assert on_plate.time_s == pytest.approx(strike.time_s + 0.02, abs=0.0011)


def events_of_left(plates: ForcePlates, motion: Motion) -> list[tuple[str, float]]:
    """The left foot's, with both plates' centres of pressure under its stance that begins at 1.4 s."""
    frame = int(np.searchsorted(motion.time_s, 1.4 + 0.3))
    plates.center_of_pressure_m[:] = motion.foot_points_m["left"][frame].mean(axis=0)
    events, _ = analyse_motion(motion, activity="walk", moments=plate_moments(motion, plates))
    return [(one.event, one.time_s) for one in events if one.side == "left" and one.event.startswith("foot_")]


def test_a_foot_that_rolls_from_a_plate_onto_the_next_or_the_floor_strikes_once() -> None:
    motion = walking()
    kinematic, _ = analyse_motion(motion, activity="walk")
    left = [(e.event, e.time_s) for e in kinematic if e.side == "left" and e.event.startswith("foot_")]
    strike_s = min((t for name, t in left if name == "foot_strike"), key=lambda t: abs(t - 1.4))
    off_s = min(t for name, t in left if name == "foot_off" and t > strike_s)
    first, second = (strike_s, strike_s + 0.45), (strike_s + 0.18, off_s)
    for feet in ({"left": [first], "right": [second]}, {"left": [first]}, {"right": [second]}):
        found = events_of_left(plates_under(feet), motion)
        assert [name for name, _ in found] == [name for name, _ in left]
        np.testing.assert_allclose([t for _, t in found], [t for _, t in left], atol=0.0011)


def test_forces_are_low_passed_and_their_centre_of_pressure_stays_where_it_is() -> None:
    plates = plates_under({"left": [(0.5, 2.0)]})
    noisy = plates.force_n + np.random.default_rng(0).normal(scale=30, size=plates.force_n.shape) * (plates.force_n > 0)
    filtered = low_passed(
        ForcePlates(plates.time_s, plates.names, noisy, plates.center_of_pressure_m, plates.free_moment_nm)
    )
    middle = slice(800, 1700)
    assert filtered.force_n[middle, 0, 1].std() < 0.5 * noisy[middle, 0, 1].std()
    loaded = filtered.force_n[:, 0, 1] > THRESHOLD_N
    np.testing.assert_allclose(
        filtered.center_of_pressure_m[loaded, 0, 0], plates.center_of_pressure_m[loaded, 0, 0], atol=1e-9
    )
    slow = plates_under({"left": [(0.5, 2.0)]}, rate_hz=100.0)
    assert low_passed(slow) is slow  # sampled too slowly for the filter
