"""The comparison with synthetic force plates; with the lab's own where its recordings are."""

from pathlib import Path

import numpy as np
import pytest

from biopose.analysis.force_plates import PlateContact
from biopose.errors import BioposeError
from biopose.evaluation.event_errors import Differences, EventErrors, PlateEvents
from biopose.evaluation.events import evaluate_events, event_lines, event_trials
from tests.analysis.motions import FOOT_Z_M, jump, walking
from tests.reference_data import SHARED_DATA, needs_shared_data


def test_a_jump_is_compared_with_its_plates() -> None:
    places = {side: np.array([0.1, z_m]) for side, z_m in FOOT_Z_M.items()}
    contacts = [PlateContact(None, 1.0, place, 0.0, 1.0) for place in places.values()]
    contacts += [PlateContact(1.5, None, place, 1.5, 2.9) for place in places.values()]
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
    plates = PlateEvents.of(walking(), [PlateContact(1.4, 2.1, place, 1.4, 2.1)])
    errors.add(walking(), plates, activity="walk")
    found = errors.events_dict()
    assert (found["n"], found["missed"]) == (2, 0)
    assert set(found["by_method"]["walk: foot_strike"]) == {"Zeni 2008", "Hreljac & Marshall 2000", "rest of the foot"}
    assert found["by_event"]["walk: foot_strike"]["max_ms"] < 5


def test_what_is_too_far_away_is_missed_and_an_interval_that_misses_is_counted() -> None:
    errors = EventErrors()
    late = PlateContact(1.6, None, np.array([1.53, FOOT_Z_M["left"]]), 1.6, 1.9)
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
