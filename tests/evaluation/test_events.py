"""Moments on synthetic force plates, and the comparison with them; the lab's own where its recordings are."""

from pathlib import Path

import numpy as np
import pytest

from biopose.errors import BioposeError
from biopose.evaluation.event_errors import Differences, EventErrors, PlateEvents
from biopose.evaluation.events import evaluate_events, event_lines, event_trials
from biopose.evaluation.force_plates import PlateContact, flight_between, nearest_foot, plate_contacts
from biopose.io.mot import write_mot
from biopose.io.trajectories import CoordinateTrajectories
from tests.analysis.motions import FOOT_Z_M, jump, walking
from tests.reference_data import SHARED_DATA, needs_shared_data

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
    (contact,) = plate_contacts(write_plates(tmp_path / "grf.mot", [force_n], [(0.5, -0.1)]))
    assert contact.on_s == pytest.approx(0.29 + 0.01 * 20 / 700)
    assert contact.off_s == pytest.approx(0.60 - 0.01 * 20 / 700)
    np.testing.assert_allclose(contact.place_m, [0.5, -0.1])


def test_a_contact_at_the_recordings_ends_has_no_event_there(tmp_path: Path) -> None:
    (contact,) = plate_contacts(write_plates(tmp_path / "grf.mot", [np.full(50, 500.0)], [(0, 0)]))
    assert (contact.on_s, contact.off_s) == (None, None)


def test_a_flight_is_the_time_in_which_no_plate_is_touched() -> None:
    place = np.zeros(2)
    left, right = PlateContact(None, 1.0, place, 0.5), PlateContact(None, 1.02, place, 0.5)
    landed = [PlateContact(1.5, None, place, 2.0), PlateContact(1.51, None, place, 2.0)]
    assert flight_between([left, right, *landed]) == (1.02, 1.5)
    assert flight_between([left]) is None


def test_the_foot_is_the_one_at_the_centre_of_pressure() -> None:
    one = jump()
    for side, z_m in FOOT_Z_M.items():
        contact = PlateContact(None, 1.0, np.array([0.1, z_m]), 0.5)
        assert nearest_foot(contact, one.time_s, one.foot_points_m) == side


def test_a_jump_is_compared_with_its_plates() -> None:
    places = {side: np.array([0.1, z_m]) for side, z_m in FOOT_Z_M.items()}
    contacts = [PlateContact(None, 1.0, place, 0.5) for place in places.values()]
    contacts += [PlateContact(1.5, None, place, 2.2) for place in places.values()]
    errors = EventErrors()
    errors.add(jump(), PlateEvents.of(jump(), contacts), activity="drop_jump")
    found, height = errors.events_dict(), errors.jump_dict()
    assert (found["n"], found["missed"]) == (4, 0)
    assert found["max_ms"] < 10
    assert found["by_event"]["drop_jump: landing of the body"]["n"] == 1
    assert (height["n"], height["missed"], height["coverage95"]) == (1, 0, 1.0)
    assert height["mae_m"] < 0.01


def test_walking_is_compared_by_every_method() -> None:
    place = np.array([0.1 + 1.43, FOOT_Z_M["left"]])  # where the left foot stands from 1.4 to 2.1 s
    errors = EventErrors()
    plates = PlateEvents.of(walking(), [PlateContact(1.4, 2.1, place, 1.75)])
    errors.add(walking(), plates, activity="walk")
    found = errors.events_dict()
    assert (found["n"], found["missed"]) == (2, 0)
    assert set(found["by_method"]["walk: foot_strike"]) == {"Zeni 2008", "Hreljac & Marshall 2000", "rest of the foot"}
    assert found["by_event"]["walk: foot_strike"]["max_ms"] < 5


def test_what_is_too_far_away_is_missed_and_an_interval_that_misses_is_counted() -> None:
    errors = EventErrors()
    late = PlateContact(1.6, None, np.array([1.53, FOOT_Z_M["left"]]), 1.75)
    errors.add(walking(), PlateEvents.of(walking(), [late]), activity="walk")
    assert errors.events_dict()["missed"] == 1
    assert Differences().as_dict() == {"n": 0, "missed": 0}
    some = Differences([0.01, -0.03], [True, False], 1).as_dict()
    assert (some["mae_ms"], some["max_ms"], some["bias_ms"]) == pytest.approx((20, 30, -10))
    assert (some["coverage95"], some["missed"]) == (0.5, 1)


def test_a_folder_without_force_plates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BioposeError, match="--data names the folder"):
        event_trials(tmp_path)


@needs_shared_data
def test_a_drop_jump_and_a_walk_of_the_lab_agree_with_its_plates() -> None:
    result = evaluate_events(SHARED_DATA, threads=1, trials=["DJ1", "walking1", "squats1"])
    events, jumps = result["events"]["markers"], result["jump"]["markers"]
    assert events["missed"] == 0
    assert events["mae_ms"] < 10
    assert events["max_ms"] < 30
    assert result["contacts"]["markers"] == {"mae_ms": events["mae_ms"], "max_ms": events["max_ms"]}
    assert jumps["n"] == 1
    assert jumps["mae_m"] < 0.02
    lines = event_lines(result, "markers")
    assert any("Hreljac & Marshall 2000" in line for line in lines)
    assert "1 jumps" in lines[-1]
